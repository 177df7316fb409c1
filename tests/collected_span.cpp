// SPDX-License-Identifier: Apache-2.0

#include <nanospan/collected_span.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using nanospan::attribute_list;
using nanospan::attribute_value;
using nanospan::copied;
using nanospan::span_limits;
using support::recorded;

namespace {

// What is left of as many as were said, in their order, and the count of the others.
struct left {
  std::vector<std::string> names;
  std::uint32_t dropped;
  friend bool operator==(left const&, left const&) = default;
};
std::string number(std::size_t at) { return "number " + std::to_string(at); }
left first_of(std::size_t said, std::size_t most) {
  left all{{}, static_cast<std::uint32_t>(said > most ? said - most : 0)};
  for (std::size_t at = 0; at < std::min(said, most); ++at) all.names.push_back(number(at));
  return all;
}
left keys_of(attribute_list const& attributes, std::uint32_t dropped) {
  left all{{}, dropped};
  for (auto const& [key, value] : attributes) all.names.push_back(key);
  return all;
}
nanospan::span_context other_span(std::size_t n) {
  return {nanospan::trace_id{{7}}, nanospan::span_id{{static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n), 1}}, 1};
}

// A span that was told as many of everything, and its attributes, events and links, and the attributes of the first of these.
struct kept {
  left attributes, events, event_attributes;
  std::vector<nanospan::span_id> links;
  std::uint32_t dropped_links;
  left link_attributes;
};
kept told(span_limits const& limits, std::size_t said) {
  recorded all{{.limits = limits}};
  {
    nanospan::span span{"span"};
    for (std::size_t at = 0; at < said; ++at) span.set({copied{number(at)}, static_cast<int>(at)});
    for (std::size_t at = 0; at < said; ++at) {
      auto event = span.event(copied{number(at)});
      for (std::size_t of = 0; at == 0 && of < said; ++of) event.set({copied{number(of)}, 1});
    }
    for (std::size_t at = 0; at < said; ++at) {
      auto link = span.link(other_span(at));
      for (std::size_t of = 0; at == 0 && of < said; ++of) link.set({copied{number(of)}, 1});
    }
  }
  auto const span = all.span();
  kept result{keys_of(span.attributes, span.dropped_attributes_count), {{}, span.dropped_events_count}, {}, {}, span.dropped_links_count, {}};
  for (auto const& event : span.events) result.events.names.push_back(event.name);
  for (auto const& link : span.links) result.links.push_back(link.span_id);
  if (!span.events.empty()) result.event_attributes = keys_of(span.events[0].attributes, span.events[0].dropped_attributes_count);
  if (!span.links.empty()) result.link_attributes = keys_of(span.links[0].attributes, span.links[0].dropped_attributes_count);
  return result;
}

// The only attribute of a span, of one of its events and of one of its links, under a limit of the value's length.
template <typename Value>
attribute_value cut(Value const& value, std::size_t most) {
  recorded all{{.limits = {.attribute_value_length = most}}};
  {
    nanospan::span span{"span"};
    span.set({"key", value});
    span.event("event").set({"key", value});
    span.link(other_span(1)).set({"key", value});
  }
  auto const span = all.span();
  REQUIRE(span.attributes.size() == 1);
  CHECK(span.attributes[0].first == "key");
  REQUIRE(span.events.size() == 1);
  CHECK(span.events[0].attributes == span.attributes);
  REQUIRE(span.links.size() == 1);
  CHECK(span.links[0].attributes == span.attributes);
  CHECK(span.dropped_attributes_count == 0);  // a value that is cut is there
  return span.attributes[0].second;
}
attribute_value text(std::string value) { return value; }
attribute_value texts(std::vector<std::string> values) { return values; }

}  // namespace

TEST_CASE("each limit of a count keeps the first ones and counts the others, and leaves everything else alone") {
  constexpr std::size_t most_said = 9;
  for (std::size_t const limit : {0u, 1u, 2u, 7u}) {
    for (std::size_t const said : {std::size_t{0}, limit == 0 ? 0 : limit - 1, limit, limit + 1, most_said}) {
      CAPTURE(limit, said);
      left const limited = first_of(said, limit), whole = first_of(said, said);
      auto const check = [&](span_limits const& limits, std::size_t changed) {
        CAPTURE(changed);
        kept const span = told(limits, said);
        CHECK((span.attributes == (changed == 0 ? limited : whole)));
        CHECK((span.events == (changed == 1 ? limited : whole)));
        std::size_t const links = changed == 2 ? limited.names.size() : said;
        CHECK(span.links.size() == links);
        CHECK(span.dropped_links == said - links);
        for (std::size_t at = 0; at < span.links.size(); ++at) CHECK(span.links[at] == other_span(at).span_id());
        if (!span.events.names.empty()) CHECK((span.event_attributes == (changed == 3 ? limited : whole)));
        if (!span.links.empty()) CHECK((span.link_attributes == (changed == 4 ? limited : whole)));
      };
      check({.attribute_count = limit}, 0);
      check({.event_count = limit}, 1);
      check({.link_count = limit}, 2);
      check({.attribute_count_per_event = limit}, 3);
      check({.attribute_count_per_link = limit}, 4);
    }
  }
}

TEST_CASE("without a limit said a span has 128 of everything") {
  kept const span = told({}, 130);
  left const limited = first_of(130, 128);
  CHECK((span.attributes == limited));
  CHECK((span.events == limited));
  CHECK((span.event_attributes == limited));
  CHECK(span.links.size() == 128);
  CHECK(span.dropped_links == 2);
  CHECK((span.link_attributes == limited));
}

TEST_CASE("a limit may be more than 128") {
  kept const span = told({.attribute_count = 200, .event_count = 200, .link_count = 200, .attribute_count_per_event = 200, .attribute_count_per_link = 200}, 150);
  left const whole = first_of(150, 150);
  CHECK((span.attributes == whole));
  CHECK((span.events == whole));
  CHECK((span.event_attributes == whole));
  CHECK(span.links.size() == 150);
  CHECK(span.dropped_links == 0);
  CHECK((span.link_attributes == whole));
}

TEST_CASE("to overwrite a value is no drop, at the limit neither, in a span, an event and a link") {
  recorded all{{.limits = {.attribute_count = 2, .attribute_count_per_event = 2, .attribute_count_per_link = 2}}};
  auto const say = [](auto&& to) { to.set({"a", 1}, {"b", 2}, {"a", 3}, {copied{std::string{"b"}}, 4}, {"c", 5}, {"a", 6}); };
  {
    nanospan::span span{"span"};
    say(span);
    say(span.event("event"));
    say(span.link(other_span(1)));
  }
  attribute_list const expected{{"a", std::int64_t{6}}, {"b", std::int64_t{4}}};
  auto const span = all.span();
  CHECK(span.attributes == expected);
  CHECK(span.dropped_attributes_count == 1);
  REQUIRE(span.events.size() == 1);
  CHECK(span.events[0].attributes == expected);
  CHECK(span.events[0].dropped_attributes_count == 1);
  REQUIRE(span.links.size() == 1);
  CHECK(span.links[0].attributes == expected);
  CHECK(span.links[0].dropped_attributes_count == 1);
}

TEST_CASE("what a span is born with counts as what is said later") {
  recorded all{{.limits = {.attribute_count = 1, .link_count = 1, .attribute_count_per_link = 1}}};
  nanospan::span{"span", {.attributes = {{"a", 1}, {"b", 2}}, .links = {{other_span(1), {{"c", 3}, {"d", 4}}}, {other_span(2)}}}}.set({"e", 5});
  auto const span = all.span();
  CHECK(span.attributes == attribute_list{{"a", std::int64_t{1}}});
  CHECK(span.dropped_attributes_count == 2);
  REQUIRE(span.links.size() == 1);
  CHECK(span.links[0].span_id == other_span(1).span_id());
  CHECK(span.links[0].attributes == attribute_list{{"c", std::int64_t{3}}});
  CHECK(span.links[0].dropped_attributes_count == 1);
  CHECK(span.dropped_links_count == 1);
}

TEST_CASE("a link that says nothing takes no place, and is not counted") {
  recorded all{{.limits = {.link_count = 1}}};
  {
    nanospan::span span{"span"};
    span.link({});
    span.link(other_span(1));
    span.link({});
  }
  CHECK(all.span().links.size() == 1);
  CHECK(all.span().dropped_links_count == 0);
}

TEST_CASE("a text is cut after as many characters, and no character in two") {
  std::string const mixed = "z\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80z";  // of one to four bytes
  CHECK(cut(mixed, 0) == text(""));
  CHECK(cut(mixed, 1) == text("z"));
  CHECK(cut(mixed, 2) == text("z\xc3\xa9"));
  CHECK(cut(mixed, 3) == text("z\xc3\xa9\xe2\x82\xac"));
  CHECK(cut(mixed, 4) == text("z\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80"));
  CHECK(cut(mixed, 5) == text(mixed));
  CHECK(cut(mixed, 6) == text(mixed));
  CHECK(cut(mixed, span_limits::unlimited) == text(mixed));
  CHECK(cut(std::string(1'000, 'x'), 999) == text(std::string(999, 'x')));
}

TEST_CASE("of what is no UTF-8 each byte counts as the character that it becomes") {
  CHECK(cut("\xff\xfe" "ab", 3) == text("\uFFFD\uFFFD" "a"));
  CHECK(cut("\xe2\x82" "ab", 2) == text("\uFFFD\uFFFD"));
  CHECK(cut("ab\xc3", 3) == text("ab\uFFFD"));
}

TEST_CASE("of an array each text is cut, and bytes are cut as bytes") {
  CHECK(cut(std::vector<std::string>{"abc", "\xc3\xa9\xc3\xa9\xc3\xa9", "", "a"}, 2) == texts({"ab", "\xc3\xa9\xc3\xa9", "", "a"}));
  CHECK(cut(std::vector<std::string>{"abc", "d"}, 0) == texts({"", ""}));
  // The first half of a character: they are no text.
  CHECK(cut(std::vector<char>{'\xc3', '\xa9', 'x'}, 1) == attribute_value{std::vector{std::byte{0xc3}}});
  CHECK(cut(std::vector<char>{'a', 'b'}, 2) == attribute_value{std::vector{std::byte{'a'}, std::byte{'b'}}});
  CHECK(cut(std::vector<char>{'a', 'b'}, 0) == attribute_value{std::vector<std::byte>{}});
}

TEST_CASE("a number is never cut, nor is an array") {
  CHECK(cut(1'234'567, 2) == attribute_value{std::int64_t{1'234'567}});
  CHECK(cut(true, 0) == attribute_value{true});
  CHECK(cut(0.125, 1) == attribute_value{0.125});
  CHECK(cut(~std::uint64_t{0}, 2) == text("18446744073709551615"));
  CHECK(cut(std::vector{1'000, 2'000, 3'000}, 1) == attribute_value{std::vector<std::int64_t>{1'000, 2'000, 3'000}});
}

TEST_CASE("an exception's type and message are cut as other texts") {
  recorded all{{.limits = {.attribute_value_length = 7}}};
  nanospan::span{"span"}.record_exception(std::runtime_error{"out of \xc3\xa9"});
  auto const span = all.span();
  REQUIRE(span.events.size() == 1);
  CHECK(span.events[0].attributes == attribute_list{{"exception.type", "std::ru"}, {"exception.message", "out of "}});
}

TEST_CASE("names, keys, descriptions and tracestates have no limit of their length, and the resource has none at all") {
  recorded all{{.service_name = "service", .resource_attributes = {{"resource key", "resource value"}, {"another", "value"}}, .limits = {.attribute_count = 1, .attribute_value_length = 1}}};
  {
    nanospan::span span{"name of a span", nanospan::span_context{nanospan::trace_id{{1}}, nanospan::span_id{{2}}, 1, true, "vendor=value"}};
    span.set({"long key", "value"});
    span.event("name of an event");
    span.link({nanospan::trace_id{{1}}, nanospan::span_id{{3}}, 1, true, "other=state"});
    span.error("description");
  }
  auto const span = all.span();
  CHECK(span.name == "name of a span");
  CHECK(span.trace_state == "vendor=value");
  CHECK(span.attributes == attribute_list{{"long key", "v"}});
  REQUIRE(span.events.size() == 1);
  CHECK(span.events[0].name == "name of an event");
  REQUIRE(span.links.size() == 1);
  CHECK(span.links[0].trace_state == "other=state");
  CHECK(span.status_message == "description");
  CHECK(span.service_name == "service");
  attribute_list const resource_attributes = all.resource();
  auto const has = [&](char const* key, char const* value) {
    return std::find(resource_attributes.begin(), resource_attributes.end(), attribute_list::value_type{key, value}) != resource_attributes.end();
  };
  CHECK(has("resource key", "resource value"));
  CHECK(has("another", "value"));
  CHECK(has("telemetry.sdk.language", "cpp"));
}

TEST_CASE("a limit holds for one span after another") {
  recorded all{{.limits = {.attribute_count = 1, .event_count = 1, .link_count = 1}}};
  for (int i = 0; i < 3; ++i) {
    all.clear();
    {
      nanospan::span span{"span"};
      span.set({"a", i}, {"b", i}).event("one");
      span.event("two");
      span.link(other_span(1));
      span.link(other_span(2));
    }
    auto const span = all.span();
    CHECK(span.attributes == attribute_list{{"a", std::int64_t{i}}});
    CHECK(span.dropped_attributes_count == 1);
    CHECK(span.events.size() == 1);
    CHECK(span.dropped_events_count == 1);
    CHECK(span.links.size() == 1);
    CHECK(span.dropped_links_count == 1);
  }
}
