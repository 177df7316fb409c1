// SPDX-License-Identifier: Apache-2.0

// From a program to a real Jaeger and back: what it stored is compared with what these tests say, and, field by field, with a copy of
// what was sent. tests/jaeger.sh starts the Jaeger; its host is in NANOSPAN_TEST_JAEGER.

#include "../examples/jaeger.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <thread>

#include <time.h>

#include "catch.hpp"

namespace {

using namespace nanospan;
using namespace std::chrono_literals;

std::string jaeger_host() {
  char const* const host = std::getenv("NANOSPAN_TEST_JAEGER");
  if (host == nullptr) throw std::runtime_error{"NANOSPAN_TEST_JAEGER is not set; run tests/jaeger.sh with this program"};
  return host;
}

std::uint64_t now_unix_nano() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// Sends to Jaeger, and keeps a copy of what Jaeger took.
class copying_exporter final : public exporter {
 public:
  export_result export_batch(batch const& spans, export_wait& wait) override {
    export_result result = to_.export_batch(spans, wait);
    if (result.what == export_result::outcome::success) {
      copy_.export_batch(spans, wait);
      sizes.push_back(spans.span_count);
    }
    return result;
  }
  std::uint64_t shutdown(export_wait& wait) override { return to_.shutdown(wait); }
  std::string description() const override { return to_.description(); }

  std::vector<span_data> spans() const { return copy_.spans(); }
  attribute_list resource() const { return copy_.resource(); }
  std::vector<std::size_t> sizes;  // of the batches; for after the provider's end

 private:
  otlp_http_exporter to_{{.url = "http://" + jaeger_host() + ":4318/v1/traces"}};
  memory_exporter copy_;
};

void sort_by_id(std::vector<span_data>& spans) {
  std::sort(spans.begin(), spans.end(), [](span_data const& a, span_data const& b) { return a.span_id.bytes() < b.span_id.bytes(); });
}

// No NaN equals another: for comparisons a text stands for it.
void name_nan(attribute_list& attributes) {
  for (auto& [key, value] : attributes)
    if (double const* const number = std::get_if<double>(&value); number != nullptr && std::isnan(*number)) value = "not a number";
}
span_data comparable(span_data span) {
  name_nan(span.attributes);
  for (event_data& event : span.events) name_nan(event.attributes);
  span.scope_schema_url.clear();  // Jaeger's store in memory keeps a scope, and no schema URL
  return span;
}

std::string text(std::string const& value) { return '"' + value + '"'; }
std::string text(bool value) { return value ? "true" : "false"; }
std::string text(std::int64_t value) { return std::to_string(value); }
std::string text(std::uint64_t value) { return std::to_string(value); }
std::string text(std::uint32_t value) { return std::to_string(value); }
std::string text(double value) { return "double " + std::to_string(value); }
std::string text(std::byte value) { return "byte " + std::to_string(static_cast<int>(value)); }
template <typename Element>
std::string text(std::vector<Element> const& elements) {
  std::string all = "[";
  for (Element const& one : elements) all += text(one) + ' ';
  return all + ']';
}
std::string text(attribute_list const& attributes) {
  std::string all;
  for (auto const& [key, value] : attributes) all += key + "=" + std::visit([](auto const& is) { return text(is); }, value) + ' ';
  return all;
}
std::string text(std::vector<event_data> const& events) {
  std::string all;
  for (event_data const& event : events)
    all += event.name + "@" + std::to_string(event.time_unix_nano) + "{" + text(event.attributes) + "} dropped " +
           std::to_string(event.dropped_attributes_count) + ' ';
  return all;
}
std::string text(std::vector<link_data> const& links) {
  std::string all;
  for (link_data const& link : links)
    all += std::string{link.trace_id.hex().view()} + "/" + std::string{link.span_id.hex().view()} + " " + link.trace_state + " " + std::to_string(link.flags) +
           "{" + text(link.attributes) + "} dropped " + std::to_string(link.dropped_attributes_count) + ' ';
  return all;
}

// The fields in which the two differ, for a person.
std::string difference(span_data const& sent, span_data const& stored) {
  std::string all;
  auto const compare = [&](char const* field, auto const& a, auto const& b) {
    if (a != b) all += std::string{field} + ": sent " + text(a) + ", stored " + text(b) + "\n";
  };
  auto const hex = [](auto const& id) { return std::string{id.hex().view()}; };
  compare("trace_id", hex(sent.trace_id), hex(stored.trace_id));
  compare("span_id", hex(sent.span_id), hex(stored.span_id));
  compare("parent_span_id", hex(sent.parent_span_id), hex(stored.parent_span_id));
  compare("trace_state", sent.trace_state, stored.trace_state);
  compare("flags", sent.flags, stored.flags);
  compare("name", sent.name, stored.name);
  compare("kind", static_cast<std::uint64_t>(sent.kind), static_cast<std::uint64_t>(stored.kind));
  compare("start_time_unix_nano", sent.start_time_unix_nano, stored.start_time_unix_nano);
  compare("end_time_unix_nano", sent.end_time_unix_nano, stored.end_time_unix_nano);
  compare("attributes", sent.attributes, stored.attributes);
  compare("dropped_attributes_count", sent.dropped_attributes_count, stored.dropped_attributes_count);
  compare("events", sent.events, stored.events);
  compare("dropped_events_count", sent.dropped_events_count, stored.dropped_events_count);
  compare("links", sent.links, stored.links);
  compare("dropped_links_count", sent.dropped_links_count, stored.dropped_links_count);
  compare("status", static_cast<std::uint64_t>(sent.status), static_cast<std::uint64_t>(stored.status));
  compare("status_message", sent.status_message, stored.status_message);
  compare("scope_name", sent.scope_name, stored.scope_name);
  compare("scope_version", sent.scope_version, stored.scope_version);
  compare("scope_attributes", sent.scope_attributes, stored.scope_attributes);
  compare("service_name", sent.service_name, stored.service_name);
  if (all.empty() && !(sent == stored)) all = "a field that this function does not know";
  return all;
}

// A trace as Jaeger stored it.
struct stored_trace : jaeger::trace {
  // The only span of that name.
  span_data const& operator[](std::string_view name) const {
    auto const named = [&](span_data const& span) { return span.name == name; };
    INFO("span " << name);
    REQUIRE(std::count_if(spans.begin(), spans.end(), named) == 1);
    return *std::find_if(spans.begin(), spans.end(), named);
  }
};

// Whether spans are of now, or of when the test says.
enum class times : std::uint8_t { now, other };

// Lets `record` make `expected` spans of one trace, whose id it returns; checks the account of them and that what Jaeger stored is what
// was sent; and returns it.
template <typename Record>
stored_trace through_jaeger(std::size_t expected, Record record, options with = {},
                            std::vector<std::size_t>* batch_sizes = nullptr, times said = times::now) {
  auto const to = std::make_shared<copying_exporter>();
  with.exporter = to;
  if (with.service_name.empty()) with.service_name = "nanospan test";
  with.shutdown_limit = 20s;
  stats_snapshot const before = stats();
  std::uint64_t const earliest = now_unix_nano();
  trace_id id;
  {
    tracer_provider provider{std::move(with)};
    id = record();
  }
  std::uint64_t const latest = now_unix_nano();
  REQUIRE(id.valid());
  if (batch_sizes != nullptr) *batch_sizes = to->sizes;

  stats_snapshot const after = stats();
  CHECK(after.ended - before.ended == expected);
  CHECK(after.exported - before.exported == expected);
  CHECK(after.rejected == before.rejected);
  CHECK(after.unconfirmed == before.unconfirmed);
  CHECK(after.dropped.total() == before.dropped.total());
  CHECK(after.held == 0);
  CHECK(after.misused == before.misused);
  CHECK(after.ended == after.accounted());

  std::string const hex{id.hex().view()};
  stored_trace stored{jaeger::find_trace({jaeger_host(), "16686"}, hex, expected, 20s)};
  std::vector<span_data> sent = to->spans();
  REQUIRE(sent.size() == expected);
  REQUIRE(stored.spans.size() == expected);
  sort_by_id(sent);
  sort_by_id(stored.spans);
  for (std::size_t at = 0; at < expected; ++at) {
    span_data const& span = stored.spans[at];
    INFO("span " << span.name);
    REQUIRE(difference(comparable(sent[at]), comparable(span)) == "");
    REQUIRE(span.trace_id == id);
    REQUIRE(span.end_time_unix_nano >= span.start_time_unix_nano);
    if (said == times::other) continue;
    // The clock's conversion may be off by microseconds, not by more.
    REQUIRE(span.start_time_unix_nano + 1'000'000 >= earliest);
    REQUIRE(span.end_time_unix_nano <= latest + 1'000'000);
  }
  CHECK(stored.resource == to->resource());
  return stored;
}

attribute_value value_of(attribute_list const& attributes, std::string_view key) {
  auto const has_key = [&](auto const& pair) { return pair.first == key; };
  INFO("attribute " << key);
  REQUIRE(std::count_if(attributes.begin(), attributes.end(), has_key) == 1);
  return std::find_if(attributes.begin(), attributes.end(), has_key)->second;
}
std::string string_of(attribute_list const& attributes, std::string_view key) { return std::get<std::string>(value_of(attributes, key)); }
double double_of(attribute_list const& attributes, std::string_view key) { return std::get<double>(value_of(attributes, key)); }
std::int64_t integer_of(attribute_list const& attributes, std::string_view key) { return std::get<std::int64_t>(value_of(attributes, key)); }

std::string operator""_text(char const* text, std::size_t size) { return {text, size}; }

}  // namespace

TEST_CASE("a trace of one thread arrives with its names, kinds, parents and flags") {
  auto const stored = through_jaeger(6, [] {
    NANOSPAN_SERVER("serve");
    { NANOSPAN_CLIENT("ask"); }
    {
      NANOSPAN_PRODUCER("send");
      NANOSPAN_CONSUMER("receive");
      NANOSPAN("work");
    }
    NANOSPAN_FUNCTION();  // NOLINT(bugprone-lambda-function-name): that is its name
    return current().trace_id();
  });
  span_data const& root = stored["serve"];
  CHECK(!root.parent_span_id.valid());
  CHECK(root.kind == span_kind::server);
  CHECK(stored["ask"].kind == span_kind::client);
  CHECK(stored["send"].kind == span_kind::producer);
  CHECK(stored["receive"].kind == span_kind::consumer);
  CHECK(stored["work"].kind == span_kind::internal);
  CHECK(stored["operator()"].kind == span_kind::internal);
  CHECK(stored["ask"].parent_span_id == root.span_id);
  CHECK(stored["send"].parent_span_id == root.span_id);
  CHECK(stored["receive"].parent_span_id == stored["send"].span_id);
  CHECK(stored["work"].parent_span_id == stored["receive"].span_id);
  CHECK(stored["operator()"].parent_span_id == root.span_id);
  std::set<std::array<std::uint8_t, 8>> ids;
  for (span_data const& span : stored.spans) {
    ids.insert(span.span_id.bytes());
    CHECK(span.flags == 0x103);  // sampled, random; the parent is known to be local
    CHECK(span.trace_state.empty());
    CHECK(span.attributes.empty());
    CHECK(span.events.empty());
    CHECK(span.status == span_status::unset);
    CHECK(span.start_time_unix_nano >= root.start_time_unix_nano);
    CHECK(span.end_time_unix_nano <= root.end_time_unix_nano);
  }
  CHECK(ids.size() == 6);
}

TEST_CASE("a duration is the time that passed") {
  auto const stored = through_jaeger(1, [] {
    NANOSPAN("sleep");
    std::this_thread::sleep_for(50ms);
    return current().trace_id();
  });
  std::uint64_t const duration = stored["sleep"].end_time_unix_nano - stored["sleep"].start_time_unix_nano;
  CHECK(duration >= 49'900'000);
}

TEST_CASE("what all spans have in common arrives") {
  auto const stored = through_jaeger(
      1,
      [] {
        NANOSPAN("one");
        return current().trace_id();
      },
      {.service_name = "Käse & <Brot>", .resource_attributes = {{"deployment.environment.name", "staging"}, {"empty", ""}}});
  CHECK(stored["one"].service_name == "Käse & <Brot>");
  CHECK(stored["one"].scope_name == "nanospan");
  CHECK(stored["one"].scope_version == NANOSPAN_VERSION);
  CHECK(stored["one"].scope_attributes.empty());
  CHECK(string_of(stored.resource, "service.name") == "Käse & <Brot>");
  CHECK(string_of(stored.resource, "deployment.environment.name") == "staging");
  CHECK(string_of(stored.resource, "empty") == "");
  CHECK(string_of(stored.resource, "telemetry.sdk.name") == "nanospan");
  CHECK(string_of(stored.resource, "telemetry.sdk.language") == "cpp");
  CHECK(string_of(stored.resource, "telemetry.sdk.version") == NANOSPAN_VERSION);
  CHECK(integer_of(stored.resource, "process.pid") == ::getpid());
}

TEST_CASE("attributes of every type arrive as they were") {
  auto const stored = through_jaeger(1, [] {
    std::string const run_time = "made at run time";
    NANOSPAN("all", {"true", true}, {"false", false}, {"zero", 0}, {"minus one", -1}, {"char", 'A'},
             {"int64 min", std::numeric_limits<std::int64_t>::min()}, {"int64 max", std::numeric_limits<std::int64_t>::max()},
             {"uint64 2^63-1", std::uint64_t{0x7fff'ffff'ffff'ffff}}, {"uint64 2^63", std::uint64_t{0x8000'0000'0000'0000}},
             {"uint64 max", std::numeric_limits<std::uint64_t>::max()});
    NANOSPAN_SET({"0.1", 0.1}, {"one", 1.0}, {"float", 0.5f}, {"minus zero", -0.0}, {"double max", std::numeric_limits<double>::max()},
                 {"double min", std::numeric_limits<double>::denorm_min()}, {"1e21", 1e21}, {"third", 1.0 / 3});
    NANOSPAN_SET({"nan", std::numeric_limits<double>::quiet_NaN()}, {"infinity", std::numeric_limits<double>::infinity()},
                 {"minus infinity", -std::numeric_limits<double>::infinity()});
    NANOSPAN_SET({"text", "plain"}, {"empty", ""}, {"null", static_cast<char const*>(nullptr)}, {"view", std::string_view{"a view"}},
                 {"string", run_time}, {"unicode", "Grüße, 世界 \U0001F680"}, {"escaped", "\"\\/\b\f\n\r\t\x01\x7f<&>\u2028"},
                 {"zero byte", std::string_view{"a\0b", 3}}, {"ключ", "key"}, {"long", std::string(20'000, 'x')});
    scoped_span::innermost()->set({copied{run_time}, 7}, {"twice", 1}, {"twice", 2});
    return current().trace_id();
  });
  attribute_list const& all = stored["all"].attributes;
  CHECK(all.size() == 33);
  CHECK(std::get<bool>(value_of(all, "true")));
  CHECK(!std::get<bool>(value_of(all, "false")));
  CHECK(integer_of(all, "zero") == 0);
  CHECK(integer_of(all, "minus one") == -1);
  CHECK(integer_of(all, "char") == 65);
  CHECK(integer_of(all, "int64 min") == std::numeric_limits<std::int64_t>::min());
  CHECK(integer_of(all, "int64 max") == std::numeric_limits<std::int64_t>::max());
  CHECK(integer_of(all, "uint64 2^63-1") == std::numeric_limits<std::int64_t>::max());
  CHECK(string_of(all, "uint64 2^63") == "9223372036854775808");
  CHECK(string_of(all, "uint64 max") == "18446744073709551615");
  CHECK(double_of(all, "0.1") == 0.1);
  CHECK(double_of(all, "one") == 1.0);
  CHECK(double_of(all, "float") == 0.5);
  CHECK(double_of(all, "minus zero") == 0);
  CHECK(std::signbit(double_of(all, "minus zero")));
  CHECK(double_of(all, "double max") == std::numeric_limits<double>::max());
  CHECK(double_of(all, "double min") == std::numeric_limits<double>::denorm_min());
  CHECK(double_of(all, "1e21") == 1e21);
  CHECK(double_of(all, "third") == 1.0 / 3);
  CHECK(std::isnan(double_of(all, "nan")));
  CHECK(double_of(all, "infinity") == std::numeric_limits<double>::infinity());
  CHECK(double_of(all, "minus infinity") == -std::numeric_limits<double>::infinity());
  CHECK(string_of(all, "text") == "plain");
  CHECK(string_of(all, "empty") == "");
  CHECK(string_of(all, "null") == "");
  CHECK(string_of(all, "view") == "a view");
  CHECK(string_of(all, "string") == "made at run time");
  CHECK(string_of(all, "unicode") == "Grüße, 世界 \U0001F680");
  CHECK(string_of(all, "escaped") == "\"\\/\b\f\n\r\t\x01\x7f<&>\u2028");
  CHECK(string_of(all, "zero byte") == "a\0b"_text);
  CHECK(string_of(all, "ключ") == "key");
  CHECK(string_of(all, "long") == std::string(20'000, 'x'));
  CHECK(integer_of(all, "made at run time") == 7);
  CHECK(integer_of(all, "twice") == 2);
}

TEST_CASE("arrays and bytes arrive as they were") {
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
  auto const stored = through_jaeger(1, [&] {
    std::vector<char> const bytes(every_byte.begin(), every_byte.end());
    NANOSPAN("all", {"bools", {true, false}}, {"integers", {1, -2, 3}}, {"doubles", {0.5, -1e300}}, {"texts", {"a", "", "Grüße"}},
             {"empty", std::vector<int>{}}, {"bytes", bytes}, {"two bytes", std::span{bytes}.first(2)}, {"one byte", std::span{bytes}.last(1)},
             {"no bytes", std::span{bytes}.first(0)}, {"unsigned", {0x8000'0000'0000'0000u, 0xffff'ffff'ffff'ffffu}}, {"one", {7}});
    NANOSPAN_EVENT("event", {"texts", {"a"}}, {"bytes", bytes});
    return current().trace_id();
  });
  auto const bytes = [](std::string_view of) {
    auto const* const first = reinterpret_cast<std::byte const*>(of.data());
    return std::vector<std::byte>(first, first + of.size());
  };
  span_data const& span = stored["all"];
  CHECK(span.attributes == attribute_list{{"bools", std::vector<bool>{true, false}},
                                          {"integers", std::vector<std::int64_t>{1, -2, 3}},
                                          {"doubles", std::vector{0.5, -1e300}},
                                          {"texts", std::vector<std::string>{"a", "", "Grüße"}},
                                          {"empty", std::vector<std::string>{}},
                                          {"bytes", bytes(every_byte)},
                                          {"two bytes", bytes(std::string_view{every_byte}.substr(0, 2))},
                                          {"one byte", bytes("\xff")},
                                          {"no bytes", bytes("")},
                                          {"unsigned", std::vector<std::string>{"9223372036854775808", "18446744073709551615"}},
                                          {"one", std::vector<std::int64_t>{7}}});
  REQUIRE(span.events.size() == 1);
  CHECK(span.events[0].attributes == attribute_list{{"texts", std::vector<std::string>{"a"}}, {"bytes", bytes(every_byte)}});
}

TEST_CASE("text that is no UTF-8 arrives repaired") {
  auto const stored = through_jaeger(1, [] {
    NANOSPAN("broken", {"latin", "caf\xe9"}, {"fine", "café"});
    return current().trace_id();
  });
  CHECK(string_of(stored["broken"].attributes, "latin") == "caf\uFFFD");
  CHECK(string_of(stored["broken"].attributes, "fine") == "café");
}

TEST_CASE("events arrive in order, with their times and attributes") {
  std::uint64_t before = 0, between = 0, after = 0;
  auto const stored = through_jaeger(1, [&] {
    NANOSPAN("eventful");
    before = now_unix_nano();
    NANOSPAN_EVENT("zeta", {"integer", 1}, {"text", "x"}, {"double", 0.5}, {"bool", false},
                   {"nan", std::numeric_limits<double>::quiet_NaN()});
    std::this_thread::sleep_for(5ms);
    between = now_unix_nano();
    std::this_thread::sleep_for(5ms);
    scoped_span::innermost()->event(copied{std::string{"al"} + "pha"}).set({copied{"key"}, "value"});
    NANOSPAN_EVENT("");
    after = now_unix_nano();
    return current().trace_id();
  });
  span_data const& span = stored["eventful"];
  REQUIRE(span.events.size() == 3);
  CHECK(span.events[0].name == "zeta");
  CHECK(span.events[1].name == "alpha");
  CHECK(span.events[2].name == "");
  REQUIRE(span.events[0].attributes.size() == 5);
  CHECK(integer_of(span.events[0].attributes, "integer") == 1);
  CHECK(string_of(span.events[0].attributes, "text") == "x");
  CHECK(double_of(span.events[0].attributes, "double") == 0.5);
  CHECK(!std::get<bool>(value_of(span.events[0].attributes, "bool")));
  CHECK(std::isnan(double_of(span.events[0].attributes, "nan")));
  CHECK(span.events[1].attributes == attribute_list{{"key", "value"}});
  CHECK(span.events[2].attributes.empty());
  CHECK(span.start_time_unix_nano <= span.events[0].time_unix_nano);
  CHECK(before <= span.events[0].time_unix_nano + 1'000'000);
  CHECK(span.events[0].time_unix_nano < between);
  CHECK(between < span.events[1].time_unix_nano);
  CHECK(span.events[1].time_unix_nano <= span.events[2].time_unix_nano);
  CHECK(span.events[2].time_unix_nano <= after + 1'000'000);
  CHECK(span.events[2].time_unix_nano <= span.end_time_unix_nano);
}

TEST_CASE("an error arrives with its description") {
  auto const stored = through_jaeger(4, [] {
    NANOSPAN("fine");
    {
      NANOSPAN("failed");
      NANOSPAN_ERROR("card <declined> für \"Ä\"");
    }
    {
      NANOSPAN("failed without a word");
      NANOSPAN_ERROR("");
    }
    {
      NANOSPAN("failed twice");
      NANOSPAN_ERROR("first");
      NANOSPAN_ERROR("second");
    }
    return current().trace_id();
  });
  CHECK(stored["fine"].status == span_status::unset);
  CHECK(stored["fine"].status_message == "");
  CHECK(stored["failed"].status == span_status::error);
  CHECK(stored["failed"].status_message == "card <declined> für \"Ä\"");
  CHECK(stored["failed without a word"].status == span_status::error);
  CHECK(stored["failed without a word"].status_message == "");
  CHECK(stored["failed twice"].status_message == "second");
}

TEST_CASE("Ok arrives, and stays whatever error is told") {
  auto const stored = through_jaeger(3, [] {
    NANOSPAN("root");
    span well{"well"};
    well.ok();
    span after_all{"well after all"};
    after_all.error("not yet");
    after_all.ok();
    after_all.error("too late");
    return current().trace_id();
  });
  CHECK(stored["well"].status == span_status::ok);
  CHECK(stored["well after all"].status == span_status::ok);
  CHECK(stored["well after all"].status_message == "");
}

TEST_CASE("links arrive with their flags, tracestate and attributes") {
  trace_id const other{{0xaa, 2, 3}};
  auto const stored = through_jaeger(1, [&] {
    scoped_span linked{"linked",
                       {.kind = span_kind::consumer,
                        .links = {{{other, span_id{{1}}, sampled_flag, true, "vendor=a,other=b"}, {{"n", 1}, {"tags", {"x", "y"}}, {"ratio", 0.5}}}, {{other, span_id{{2}}, 0}}}}};
    linked.link({other, span_id{{3}}, random_flag}).set({"later", true});
    linked.link({}).set({"why", "its context was lost"});
    linked.set({"after", 1});
    return current().trace_id();
  });
  span_data const& span = stored["linked"];
  CHECK(span.kind == span_kind::consumer);
  CHECK(span.attributes == attribute_list{{"after", std::int64_t{1}}});
  REQUIRE(span.links.size() == 4);
  CHECK(span.links[0] ==
        link_data{other, span_id{{1}}, "vendor=a,other=b", 0x301, {{"n", std::int64_t{1}}, {"tags", std::vector<std::string>{"x", "y"}}, {"ratio", 0.5}}, 0});
  CHECK(span.links[1] == link_data{other, span_id{{2}}, "", 0x100, {}, 0});
  CHECK(span.links[2] == link_data{other, span_id{{3}}, "", 0x102, {{"later", true}}, 0});
  CHECK(span.links[3] == link_data{{}, {}, "", 0x100, {{"why", "its context was lost"}}, 0});
}

TEST_CASE("times that are said arrive to the nanosecond") {
  std::uint64_t const hour_ago = now_unix_nano() - 3'600'000'000'000;
  auto const at = [&](std::uint64_t nanoseconds) { return timestamp::of_unix_nanoseconds(hour_ago + nanoseconds); };
  auto const stored = through_jaeger(
      1,
      [&] {
        span past{"past", {.parent = no_parent, .start = at(7)}};
        past.event("before its start", at(1));
        past.event("within", at(8)).set({"n", 1});
        past.event("after its end", at(1'000'000'000));
        past.end(at(9));
        return past.context().trace_id();
      },
      {}, nullptr, times::other);
  span_data const& span = stored["past"];
  CHECK(span.start_time_unix_nano == hour_ago + 7);
  CHECK(span.end_time_unix_nano == hour_ago + 9);
  REQUIRE(span.events.size() == 3);
  CHECK(span.events[0].time_unix_nano == hour_ago + 1);
  CHECK(span.events[1].time_unix_nano == hour_ago + 8);
  CHECK(span.events[2].time_unix_nano == hour_ago + 1'000'000'000);
}

TEST_CASE("an exception arrives as an event with its type, and says nothing of the status") {
  auto const stored = through_jaeger(1, [] {
    scoped_span failed{"failed"};
    failed.record_exception(std::out_of_range{"index 7 of 3"}).set({"exception.escaped", true});
    return current().trace_id();
  });
  span_data const& span = stored["failed"];
  REQUIRE(span.events.size() == 1);
  CHECK(span.events[0].name == "exception");
  CHECK(span.events[0].attributes == attribute_list{{"exception.type", "std::out_of_range"}, {"exception.message", "index 7 of 3"}, {"exception.escaped", true}});
  CHECK(span.status == span_status::unset);
}

TEST_CASE("a name that was replaced is the one that is stored") {
  auto const stored = through_jaeger(1, [] {
    scoped_span named{"before"};
    named.update_name(copied{std::string{"GET "} + "/orders"});
    return current().trace_id();
  });
  CHECK(stored["GET /orders"].parent_span_id == span_id{});
}

TEST_CASE("spans of named tracers have their scopes, with version and attributes") {
  static constexpr tracer cards{"acme.cards", "1.2.3", "https://opentelemetry.io/schemas/1.40.0", {{"team", "payments"}, {"tier", "1"}}};
  static constexpr tracer bare{"acme.bare"};
  auto const stored = through_jaeger(4, [] {
    NANOSPAN("nanospan's own");
    span const charged{"charge", {.tracer = &cards}};
    span const refunded{"refund", {.kind = span_kind::client, .tracer = &cards}};
    span const other{"other", {.tracer = &bare}};
    return current().trace_id();
  });
  CHECK(stored["nanospan's own"].scope_name == "nanospan");
  for (char const* const name : {"charge", "refund"}) {
    CHECK(stored[name].scope_name == "acme.cards");
    CHECK(stored[name].scope_version == "1.2.3");
    CHECK(stored[name].scope_attributes == attribute_list{{"team", "payments"}, {"tier", "1"}});
  }
  CHECK(stored["other"].scope_name == "acme.bare");
  CHECK(stored["other"].scope_version == "");
  CHECK(stored["other"].scope_attributes.empty());
}

TEST_CASE("a trace across threads is one trace") {
  auto const stored = through_jaeger(7, [] {
    NANOSPAN_SERVER("request");
    span moved{"moved"};
    moved.set({"set on", "the first thread"});
    std::thread other{[carried = std::move(moved)]() mutable {
      carried.event("arrived");
      context_scope const scope{carried.context()};
      { NANOSPAN("under the moved span"); }
      carried.set({"also set on", "the second thread"});
      carried.end();
      NANOSPAN("after its end");  // its context is still the current one
    }};
    std::vector<std::thread> workers;
    for (int worker = 0; worker < 3; ++worker) {
      workers.emplace_back([worker, context = current()] {
        context_scope const scope{context};
        span work{copied{"worker " + std::to_string(worker)}, span_kind::consumer};
        work.set({"worker", worker});
      });
    }
    other.join();
    for (std::thread& worker : workers) worker.join();
    return current().trace_id();
  });
  span_data const& root = stored["request"];
  span_data const& moved = stored["moved"];
  CHECK(moved.parent_span_id == root.span_id);
  CHECK(moved.attributes == attribute_list{{"set on", "the first thread"}, {"also set on", "the second thread"}});
  REQUIRE(moved.events.size() == 1);
  CHECK(moved.events[0].name == "arrived");
  CHECK(stored["under the moved span"].parent_span_id == moved.span_id);
  CHECK(stored["after its end"].parent_span_id == moved.span_id);
  for (int worker = 0; worker < 3; ++worker) {
    span_data const& work = stored["worker " + std::to_string(worker)];
    CHECK(work.parent_span_id == root.span_id);
    CHECK(work.kind == span_kind::consumer);
    CHECK(work.flags == 0x103);
    CHECK(work.attributes == attribute_list{{"worker", std::int64_t{worker}}});
  }
}

TEST_CASE("a trace that came from another process goes on") {
  // Another one in each run: the Jaeger may be an old one.
  trace_id const trace{std::bit_cast<std::array<std::uint8_t, 16>>(std::array{now_unix_nano(), std::uint64_t{0x1122'3344'5566'7788}})};
  span_id const parent{{0xff, 2, 3, 4, 5, 6, 7, 8}};
  auto const stored = through_jaeger(3, [&] {
    context_scope const arrived{{trace, parent, sampled_flag, true, "vendor=a:b,other@x=1"}};
    NANOSPAN_SERVER("arrived");
    { NANOSPAN("under it"); }
    span detached{"detached", {trace, parent, sampled_flag | random_flag, true}};
    return current().trace_id();
  });
  CHECK(stored["arrived"].trace_id == trace);
  CHECK(stored["arrived"].parent_span_id == parent);
  CHECK(stored["arrived"].parent_span_id.hex().view() == "ff02030405060708");
  CHECK(stored["arrived"].trace_state == "vendor=a:b,other@x=1");
  CHECK(stored["arrived"].flags == 0x301);  // sampled; the parent is known to be remote
  CHECK(stored["under it"].parent_span_id == stored["arrived"].span_id);
  CHECK(stored["under it"].trace_state == "vendor=a:b,other@x=1");
  CHECK(stored["under it"].flags == 0x101);
  CHECK(stored["detached"].parent_span_id == parent);
  CHECK(stored["detached"].trace_state == "");
  CHECK(stored["detached"].flags == 0x303);
}

TEST_CASE("a trace of 1,300 spans arrives whole, in several batches") {
  std::vector<std::size_t> sizes;
  auto const stored = through_jaeger(
      1'300,
      [] {
        NANOSPAN("root");
        for (int i = 1; i < 1'300; ++i) NANOSPAN("child", {"i", i});
        return current().trace_id();
      },
      {}, &sizes);
  CHECK(sizes == std::vector<std::size_t>{512, 512, 276});
  span_data const& root = stored["root"];
  std::set<std::int64_t> seen;
  for (span_data const& span : stored.spans) {
    if (span.name == "root") continue;
    REQUIRE(span.name == "child");
    REQUIRE(span.parent_span_id == root.span_id);
    seen.insert(integer_of(span.attributes, "i"));
  }
  CHECK(seen.size() == 1'299);
  CHECK(*seen.begin() == 1);
  CHECK(*seen.rbegin() == 1'299);
}

TEST_CASE("what is beyond the limits is dropped, and counted") {
  auto const stored = through_jaeger(2, [] {
    NANOSPAN("too many");
    for (int i = 0; i < 131; ++i) {
      scoped_span::innermost()->set({copied{"key " + std::to_string(i)}, i});
      NANOSPAN_EVENT("event", {"i", i});
    }
    span event_full{"event with too many"};
    auto event = event_full.event("event");
    for (int i = 0; i < 130; ++i) event.set({copied{"key " + std::to_string(i)}, i});
    return current().trace_id();
  });
  span_data const& span = stored["too many"];
  CHECK(span.attributes.size() == 128);
  CHECK(span.dropped_attributes_count == 3);
  CHECK(integer_of(span.attributes, "key 127") == 127);
  REQUIRE(span.events.size() == 128);
  CHECK(span.dropped_events_count == 3);
  CHECK(span.events.back().attributes == attribute_list{{"i", std::int64_t{127}}});
  span_data const& other = stored["event with too many"];
  REQUIRE(other.events.size() == 1);
  CHECK(other.events[0].attributes.size() == 128);
  CHECK(other.events[0].dropped_attributes_count == 2);
  CHECK(other.dropped_attributes_count == 0);
}

TEST_CASE("a trace that was compressed arrives as another does") {
  trace_id sent;
  {
    options with;
    with.endpoint = "http://" + jaeger_host() + ":4318";
    with.compression = compression::gzip;
    tracer_provider tracing{std::move(with)};
    {
      NANOSPAN("compressed");
      sent = current().trace_id();
      for (int i = 0; i < 99; ++i) NANOSPAN("child", {"i", i});
    }
    CHECK(tracing.flush(20s));
  }
  CHECK(jaeger::find_trace({jaeger_host(), "16686"}, std::string{sent.hex().view()}, 100, 20s).spans.size() == 100);
}

TEST_CASE("Jaeger finds nothing wrong with a probe, and is told where one finds gRPC's port or the user interface's") {
  static std::vector<std::string> said;
  auto const probed = [](std::string const& port) {
    said.clear();
    options with;
    with.endpoint = "http://" + jaeger_host() + ":" + port;
    with.background_thread = false;
    with.on_message = [](std::string_view line) noexcept { said.emplace_back(line); };
    tracer_provider tracing{std::move(with)};
    tracing.poll();
    return said.empty() ? std::string{} : said.front();
  };
  CHECK(probed("4318") == "");
  CHECK(probed("4317").find("a gRPC port?") != std::string::npos);
  CHECK(probed("16686").find("no OTLP collector") != std::string::npos);
}

TEST_CASE("Jaeger does not hold what was not sent") {
  CHECK(jaeger::find_trace({jaeger_host(), "16686"}, "00000000000000000000000000000abc", 1, 200ms).spans.empty());
}
