// SPDX-License-Identifier: Apache-2.0

// What a program may pass by mistake or worse: each is cut or counted, in bounded time and memory, and nothing crashes.
#include <nanospan/macros.hpp>

#include <nanospan/baggage.hpp>
#include <nanospan/propagation.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <array>
#include <cmath>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/mman.h>

using nanospan::copied;
using nanospan::duration;
using nanospan::span_context;
using support::recorded;

namespace {

constexpr nanospan::trace_id trace{std::array<std::uint8_t, 16>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
constexpr nanospan::span_id parent{std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8}};
constexpr char const* valid_parent = "00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01";

// So many zero bytes that take no memory while nobody writes to them; whoever walks them all takes it, and is seen.
class vast {
 public:
  explicit vast(std::size_t bytes) : bytes_{bytes}, memory_{::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)} { REQUIRE(memory_ != MAP_FAILED); }
  vast(vast const&) = delete;
  vast& operator=(vast const&) = delete;
  ~vast() { ::munmap(memory_, bytes_); }
  std::string_view text() const { return {static_cast<char const*>(memory_), bytes_}; }
  template <typename Element>
  std::span<Element const> elements() const { return {static_cast<Element const*>(memory_), bytes_ / sizeof(Element)}; }
  // Whether anybody has looked beyond the first two mebibytes.
  bool untouched() const {
    constexpr std::size_t page = 4'096, first = 2u << 20;
    std::vector<unsigned char> resident((bytes_ - first + page - 1) / page);
    REQUIRE(::mincore(static_cast<char*>(memory_) + first, bytes_ - first, resident.data()) == 0);
    for (unsigned char const one : resident)
      if ((one & 1) != 0) return false;
    return true;
  }

 private:
  std::size_t bytes_;
  void* memory_;
};

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  while (times-- != 0) all += text;
  return all;
}

}  // namespace

TEST_CASE("null pointers are empty texts and empty arrays, whatever their length") {
  recorded all;
  char const* const null = nullptr;
  std::vector<char const*> const nulls(3, nullptr);
  {
    nanospan::span span{copied{null}};
    span.set({"text", null}, {copied{null}, 1}, {"texts", nulls}, {"range", std::span<int const>{}}, {"bytes", std::span<std::byte const>{}});
    span.set({copied{"key"}, std::string_view{}});
    span.event(copied{null}).set({"text", null});
    span.error(null);
    span.update_name(copied{null});
  }
  auto const span = all.span();
  CHECK(span.name.empty());
  REQUIRE(span.attributes.size() == 6);  // an empty array says nothing of its type
  CHECK(span.attributes[0].second == nanospan::attribute_value{""});
  CHECK(span.attributes[1].first.empty());
  CHECK(span.attributes[2].second == nanospan::attribute_value{std::vector<std::string>(3)});
  CHECK(span.attributes[5].second == nanospan::attribute_value{""});
  CHECK(span.events.at(0).name.empty());
  CHECK(span.dropped_attributes_count == 0);
}

TEST_CASE("values of a gibibyte are left out and counted, and nobody reads them") {
  recorded all;
  vast const huge{std::size_t{1} << 30};
  {
    nanospan::span span{"span"};
    span.set({"text", huge.text()}, {copied{"key"}, huge.text()}, {"bytes", std::as_bytes(huge.elements<char>())}, {"kept", 1});
    span.set({"numbers", huge.elements<std::int64_t>()}, {"flags", huge.elements<bool>()}, {"shorts", huge.elements<short>()});
    span.event("event").set({"text", huge.text()});
    span.set({copied{huge.text()}, 2});  // its first 65,535 bytes
  }
  auto const span = all.span();
  CHECK(span.dropped_attributes_count == 7);
  REQUIRE(span.attributes.size() == 2);
  CHECK(span.attributes[1].first.size() == 0xffff);
  CHECK(huge.untouched());
}

TEST_CASE("a status of a gibibyte is cut, and so is a name") {
  recorded all;
  vast const huge{std::size_t{1} << 30};
  {
    nanospan::span span{copied{huge.text()}};
    span.error(huge.text());
  }
  auto const span = all.span();
  CHECK(span.name.size() == 0xffff);
  CHECK(span.status_message.size() > 900'000);
  CHECK(span.status_message.size() <= 1u << 20);
  CHECK(huge.untouched());
}

TEST_CASE("an array of a hundred million texts is left out without a walk over them all") {
  recorded all;
  vast const huge{std::size_t{100'000'000} * sizeof(std::string_view)};
  { NANOSPAN("span", {"texts", huge.elements<std::string_view>()}, {"pointers", huge.elements<char const*>()}, {"kept", 1}); }
  auto const span = all.span();
  CHECK(span.attributes == nanospan::attribute_list{{"kept", 1}});
  CHECK(span.dropped_attributes_count == 2);
}

TEST_CASE("a million attributes, events and links on a span are cut at its limits, and all are counted") {
  recorded all;
  constexpr std::uint32_t million = 1'000'000;
  {
    nanospan::span span{"attributes"};
    for (std::uint32_t i = 0; i < million; ++i) span.set({copied{std::to_string(i)}, i});
  }
  {
    nanospan::span span{"events"};
    for (std::uint32_t i = 0; i < million; ++i) span.event("event");
  }
  {
    nanospan::span span{"links"};
    for (std::uint32_t i = 0; i < million; ++i) span.link({trace, parent, 1});
  }
  auto const of = [&](char const* name) { return all.span(name); };
  CHECK(of("attributes").attributes.size() == 128);
  CHECK(of("attributes").dropped_attributes_count == million - 128);
  CHECK(of("events").events.size() == 128);
  CHECK(of("events").dropped_events_count + of("events").dropped_attributes_count == million - 128);
  CHECK(of("links").links.size() == 128);
  CHECK(of("links").dropped_links_count + of("links").dropped_attributes_count == million - 128);
}

TEST_CASE("a million spans open inside each other end as what they are") {
  recorded all{{.on_end = [](nanospan::ended_span& one) { one.drop(); }}};
  auto const before = nanospan::stats();
  std::vector<std::unique_ptr<nanospan::scoped_span>> open;
  for (int i = 0; i < 1'000'000; ++i) open.emplace_back(new nanospan::scoped_span{"nested"});
  while (!open.empty()) {
    open.pop_back();
    if (open.size() % 5'000 == 0) REQUIRE(nanospan::flush());
  }
  auto const now = support::since(before);
  CHECK(now.ended == 1'000'000);
  CHECK(now.discarded.hook == 1'000'000);
  CHECK_FALSE(nanospan::current().valid());
}

TEST_CASE("names and keys with zeros and ill-formed characters, and of any length, arrive as text") {
  recorded all;
  std::string const odd{"a\0b\xff\xc3", 5};
  std::string const long_key = repeated("k\xe2\x82\xac", 262'144);  // a mebibyte
  {
    nanospan::span span{copied{odd}};
    span.set({copied{odd}, odd}, {copied{long_key}, 1}, {"", ""});
    span.event(copied{odd});
  }
  auto const span = all.span();
  std::string const shown{"a\0b\xef\xbf\xbd\xef\xbf\xbd", 9};
  CHECK(span.name == shown);
  REQUIRE(span.attributes.size() == 3);
  CHECK(span.attributes[0] == std::pair<std::string, nanospan::attribute_value>{shown, shown});
  CHECK(span.attributes[1].first.size() <= 0xffff + 9);
  CHECK(span.events.at(0).name == shown);
}

TEST_CASE("numbers that are none, and the greatest and least ones, arrive as they are") {
  recorded all;
  { NANOSPAN("span", {"nan", std::numeric_limits<double>::quiet_NaN()}, {"inf", -std::numeric_limits<float>::infinity()}, {"least", std::numeric_limits<std::int64_t>::min()},
             {"greatest", std::numeric_limits<std::uint64_t>::max()}); }
  auto const span = all.span();
  REQUIRE(span.attributes.size() == 4);
  CHECK(std::isnan(std::get<double>(span.attributes[0].second)));
  CHECK(span.attributes[3] == std::pair<std::string, nanospan::attribute_value>{"greatest", "18446744073709551615"});
}

TEST_CASE("a span whose times make no sense ends no earlier than it began") {
  recorded all;
  using nanospan::timestamp;
  for (std::uint64_t const start : {std::uint64_t{1}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    nanospan::span span{"span", {.start = timestamp::of_unix_nanoseconds(start)}};
    span.event("event", timestamp::of_unix_nanoseconds(~std::uint64_t{0}));
    span.end(timestamp::of_unix_nanoseconds(2));
  }
  for (auto const& one : all.spans()) CHECK(one.end_time_unix_nano >= one.start_time_unix_nano);
}

TEST_CASE("durations that are no numbers, or beyond all measure, are bounded") {
  using seconds = std::chrono::duration<double>;
  CHECK(duration{seconds{std::numeric_limits<double>::quiet_NaN()}}.nanoseconds() == 0);
  CHECK(duration{seconds{1e300}}.nanoseconds() == std::numeric_limits<std::int64_t>::max());
  CHECK(duration{seconds{-1e300}}.nanoseconds() == std::numeric_limits<std::int64_t>::min());
  recorded all;
  CHECK(nanospan::flush(duration::of_nanoseconds(std::numeric_limits<std::int64_t>::max())));
  static_cast<void>(nanospan::flush(duration::of_nanoseconds(std::numeric_limits<std::int64_t>::min())));
  { NANOSPAN("still here"); }
  CHECK(all.count() == 1);
}

TEST_CASE("headers of ten mebibytes are read as far as they may be, and no further") {
  using headers = std::vector<std::pair<std::string, std::string>>;
  constexpr std::size_t many = 10u << 20;
  {
    span_context const from = nanospan::extract(headers{{"traceparent", valid_parent}, {"tracestate", repeated("a=b,", many / 4)}, {"baggage", repeated("k=v,", many / 4)}});
    CHECK(from.valid());
    CHECK(from.tracestate().empty());
    CHECK(from.baggage() == "k=v");
  }
  CHECK_FALSE(nanospan::extract(headers{{"traceparent", std::string(many, ' ')}, {"b3", std::string(many, '0')}}).valid());
  CHECK(nanospan::extract(headers{{"baggage", std::string(many, 'x')}}).baggage().empty());
  headers repeats(100'000, {"tracestate", "a=b"});
  repeats.emplace_back("traceparent", valid_parent);
  CHECK(nanospan::extract(repeats).tracestate().empty());
  headers often(100'000, {"baggage", "k=v"});
  CHECK(nanospan::extract(often).baggage() == "k=v");
}

TEST_CASE("a context with more than it may carry is sent with what is allowed") {
  std::string const huge(10u << 20, 'x');
  span_context const context = span_context{trace, parent, 1, false, huge}.with_baggage(huge).with_tracestate(huge);
  CHECK(context.tracestate().empty());
  CHECK(context.baggage().empty());
  std::vector<std::pair<std::string, std::string>> headers;
  nanospan::inject(context, headers);
  REQUIRE(headers.size() == 1);
  vast const vaster{std::size_t{1} << 30};
  nanospan::baggage baggage;
  CHECK_FALSE(baggage.set("key", vaster.text()));
  CHECK_FALSE(baggage.set(vaster.text(), "value"));
  CHECK_FALSE(baggage.set("key", "value", vaster.text()));
  CHECK(baggage.empty());
  CHECK(vaster.untouched());
}

TEST_CASE("what a carrier throws comes out of extract and inject, and nothing is left behind") {
  struct broken {};
  auto const thrower = [](std::string_view name) -> std::string {
    if (name == "tracestate" || name == "baggage") throw broken{};
    return name == "traceparent" ? valid_parent : "";
  };
  CHECK_THROWS_AS(nanospan::extract(thrower), broken);
  span_context const context{trace, parent, 1, false, "a=b"};
  CHECK_THROWS_AS(nanospan::inject(context.with_baggage("k=v"), [](std::string_view, std::string_view) { throw broken{}; }), broken);
  CHECK_FALSE(nanospan::current().valid());
}
