// SPDX-License-Identifier: Apache-2.0

// The second half of what a span is told; span.cpp has the first. Links, exceptions, a status for good, another name.
#include <nanospan/span.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using nanospan::attribute_list;
using nanospan::copied;
using nanospan::event_data;
using nanospan::link_data;
using nanospan::scoped_span;
using nanospan::span_context;
using nanospan::span_id;
using nanospan::span_status;
using nanospan::trace_id;
using support::recorded;
using support::since;

namespace {

constexpr trace_id trace{std::array<std::uint8_t, 16>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
constexpr span_id remote_span{std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8}};
constexpr std::uint32_t is_known = 0x100, is_remote = 0x200;  // OTLP's flags beside W3C's

struct declined : std::runtime_error {
  using std::runtime_error::runtime_error;
  struct for_good : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
};
template <typename... Of>
struct failure_of : std::exception {
  char const* what() const noexcept override { return "failed"; }
};
struct says_nothing : std::exception {
  char const* what() const noexcept override { return nullptr; }
};

// The only event of the only span.
event_data event_of(recorded& all) {
  auto const events = all.span().events;
  REQUIRE(events.size() == 1);
  return events[0];
}

}  // namespace

namespace acme {

struct refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace acme

// ---- links ------------------------------------------------------------------------------------------------------------------

TEST_CASE("a link has the ids, flags and tracestate of what it leads to, and attributes of its own") {
  recorded all;
  nanospan::span other{"other", span_context{trace, remote_span, 1, true, "vendor=value"}};
  {
    nanospan::span span{"span"};
    span.set({"k", 1});
    span.link(other.context()).set({"a", 1}, {"b", "text"}).set({"a", 2}, {copied{std::string{"c"}}, 2.5});
    span.link({trace, remote_span, 0, true, "x=y,longer=than_eight_bytes"});
    span.link({trace, remote_span, 3, false}).set({"tags", {1, 2}});
    span.set({"l", 2});
  }
  auto const span = all.span("span");
  REQUIRE(span.links.size() == 3);
  CHECK(span.links[0] == link_data{trace, other.context().span_id(), "vendor=value", other.context().trace_flags() | is_known, {{"a", 2}, {"b", "text"}, {"c", 2.5}}, 0});
  CHECK(span.links[1] == link_data{trace, remote_span, "x=y,longer=than_eight_bytes", is_known | is_remote, {}, 0});
  CHECK(span.links[2] == link_data{trace, remote_span, "", 3 | is_known, {{"tags", std::vector<std::int64_t>{1, 2}}}, 0});
  CHECK(span.attributes == attribute_list{{"k", 1}, {"l", 2}});
  CHECK(span.dropped_attributes_count == 0);
}

TEST_CASE("a link to an invalid context stays where it has attributes or a tracestate, and says nothing otherwise") {
  recorded all;
  {
    nanospan::span span{"span", {.links = {{span_context{}}, {span_context{}, {{"at the start", 1}}}}}};
    span.link(span_context{});
    span.link(span_context{}).set({"k", 1});
    span.link({{}, {}, 0, false, "vendor=value"});
    span.link({trace, {}, 1});
  }
  auto const span = all.span();
  REQUIRE(span.links.size() == 3);
  CHECK(span.links[0].attributes == attribute_list{{"at the start", 1}});
  CHECK(span.links[1].attributes == attribute_list{{"k", 1}});
  CHECK_FALSE(span.links[1].trace_id.valid());
  CHECK_FALSE(span.links[1].span_id.valid());
  CHECK(span.links[2].trace_state == "vendor=value");
  CHECK(span.dropped_links_count == 0);
}

TEST_CASE("a span holds 128 links, a link 128 attributes, and those that come after are counted") {
  recorded all;
  {
    nanospan::span span{"span"};
    auto first = span.link({trace, remote_span, 1});
    for (int i = 0; i < 130; ++i) first.set({copied{std::to_string(i)}, i});
    for (int i = 1; i < 133; ++i) span.link({trace, remote_span, 1}).set({"i", i});
  }
  auto const span = all.span();
  REQUIRE(span.links.size() == 128);
  CHECK(span.links[0].attributes.size() == 128);
  CHECK(span.links[0].dropped_attributes_count == 2);
  CHECK(span.links[127].attributes == attribute_list{{"i", 127}});
  CHECK(span.dropped_links_count == 5);
  CHECK(span.dropped_attributes_count == 0);
}

TEST_CASE("the limits of links are the options'") {
  recorded all{{.limits = {.link_count = 2, .attribute_count_per_link = 1}}};
  {
    nanospan::span span{"span"};
    for (int i = 0; i < 3; ++i) span.link({trace, remote_span, 1}).set({"a", i}, {"b", i});
  }
  auto const span = all.span();
  REQUIRE(span.links.size() == 2);
  CHECK(span.links[1].attributes == attribute_list{{"a", 1}});
  CHECK(span.links[1].dropped_attributes_count == 1);
  CHECK(span.dropped_links_count == 1);
}

TEST_CASE("a link that is no longer the last thing said takes no attributes, and that is counted") {
  recorded all;
  {
    nanospan::span span{"span"};
    auto link = span.link({trace, remote_span, 1});
    link.set({"in time", 1});
    span.event("event");
    link.set({"late", 1});
  }
  CHECK(all.span().links.at(0).attributes == attribute_list{{"in time", 1}});
  CHECK(all.span().events.at(0).attributes.empty());
  CHECK(all.span().dropped_attributes_count == 1);
}

TEST_CASE("NANOSPAN_LINK and NANOSPAN_EXCEPTION tell the innermost open span, their arguments evaluated only where it is recorded") {
  recorded all;
  int evaluated = 0;
  auto const counted = [&] { return ++evaluated; };
  span_context const to{trace, remote_span, 1, true, "vendor=value"};
  {
    NANOSPAN("outer");
    {
      NANOSPAN("inner");
      NANOSPAN_LINK(to);
      NANOSPAN_LINK((span_context{trace, remote_span, 0}), {"n", counted()}, {"text", std::string{"made"}});
      NANOSPAN_EXCEPTION(std::runtime_error{"first"});
      NANOSPAN_EXCEPTION(acme::refused{"second"}, {"n", counted()});
    }
    NANOSPAN_LINK(to, {"of the outer one", true});
  }
  auto const inner = all.span("inner");
  REQUIRE(inner.links.size() == 2);
  CHECK(inner.links[0].trace_state == "vendor=value");
  CHECK(inner.links[0].attributes.empty());
  CHECK(inner.links[1].attributes == attribute_list{{"n", 1}, {"text", "made"}});
  REQUIRE(inner.events.size() == 2);
  CHECK(inner.events[0].attributes == attribute_list{{"exception.type", "std::runtime_error"}, {"exception.message", "first"}});
  CHECK(inner.events[1].attributes == attribute_list{{"exception.type", "acme::refused"}, {"exception.message", "second"}, {"n", 2}});
  CHECK(all.span("outer").links.size() == 1);
  CHECK(all.span("outer").events.empty());
  auto const before = nanospan::stats();
  NANOSPAN_LINK(to, {"n", counted()});
  NANOSPAN_EXCEPTION(std::runtime_error{"nobody listens"}, {"n", counted()});
  NANOSPAN_OK();
  CHECK(evaluated == 2);
  CHECK(since(before).misused == 3);
}

// ---- exceptions -------------------------------------------------------------------------------------------------------------

TEST_CASE("an exception is an event with its type, as people write it, and its message") {
  recorded all;
  auto const type_of = [&](std::exception const& what) {
    all.clear();
    nanospan::span{"span"}.record_exception(what);
    auto const event = event_of(all);
    CHECK(event.name == "exception");
    REQUIRE(event.attributes.size() == 2);
    CHECK(event.attributes[0].first == "exception.type");
    CHECK(event.attributes[1] == attribute_list::value_type{"exception.message", what.what()});
    return std::get<std::string>(event.attributes[0].second);
  };
  CHECK(type_of(std::runtime_error{"card declined"}) == "std::runtime_error");
  CHECK(type_of(acme::refused{""}) == "acme::refused");
  CHECK(type_of(declined{"declined"}) == "(anonymous namespace)::declined");
  CHECK(type_of(declined::for_good{"for good"}) == "(anonymous namespace)::declined::for_good");
  CHECK(type_of(failure_of<int, acme::refused>{}) == "(anonymous namespace)::failure_of<int, acme::refused>");
  CHECK(type_of(std::bad_alloc{}) == "std::bad_alloc");
  // As what it is, not as what it was caught.
  std::exception const& caught = acme::refused{"refused"};
  CHECK(type_of(caught) == "acme::refused");
}

TEST_CASE("a name of a type that is long arrives whole, however many there are") {
  recorded all;
  using long_one = failure_of<failure_of<acme::refused, acme::refused, declined, declined::for_good>, failure_of<acme::refused, acme::refused, declined, declined::for_good>,
                              failure_of<acme::refused, acme::refused, declined, declined::for_good>, failure_of<acme::refused, acme::refused, declined, declined::for_good>>;
  {
    nanospan::span span{"span"};
    for (int i = 0; i < 100; ++i) span.record_exception(long_one{});
  }
  auto const events = all.span().events;
  REQUIRE(events.size() == 100);
  for (auto const& event : events) {
    auto const type = std::get<std::string>(event.attributes.at(0).second);
    CHECK(type.starts_with("(anonymous namespace)::failure_of<(anonymous namespace)::failure_of<acme::refused"));
    CHECK(type.size() > 400);
  }
}

TEST_CASE("an exception leaves the status as it is, and a span that it passes through ends as ever") {
  recorded all;
  try {
    NANOSPAN("span");
    try {
      throw std::runtime_error{"thrown"};
    } catch (std::exception const& e) {
      NANOSPAN_EXCEPTION(e);
      throw;
    }
  } catch (std::runtime_error const&) {
  }
  CHECK(all.span().status == span_status::unset);
  CHECK(all.span().events.size() == 1);
  all.clear();
  {
    nanospan::span span{"failed"};
    span.error("before");
    span.record_exception(std::runtime_error{"thrown"});
  }
  CHECK(all.span().status == span_status::error);
  CHECK(all.span().status_message == "before");
}

TEST_CASE("what is set on an exception's event wins over what it says itself") {
  recorded all;
  nanospan::span{"span"}.record_exception(std::runtime_error{"4111 1111 1111 1111"}).set({"exception.message", "a card"}, {"exception.type", "card"}, {"exception.stacktrace", "main"});
  CHECK(event_of(all).attributes == attribute_list{{"exception.type", "card"}, {"exception.message", "a card"}, {"exception.stacktrace", "main"}});
}

TEST_CASE("an exception's message may be none, or longer than the buffer") {
  recorded all;
  nanospan::span{"span"}.record_exception(says_nothing{});
  CHECK(event_of(all).attributes == attribute_list{{"exception.type", "(anonymous namespace)::says_nothing"}, {"exception.message", ""}});
  all.clear();
  std::string const large(100'000, 'x');
  nanospan::span{"span"}.record_exception(std::runtime_error{large}).set({"k", 1});
  CHECK(event_of(all).attributes == attribute_list{{"exception.type", "std::runtime_error"}, {"exception.message", large}, {"k", 1}});
}

TEST_CASE("a limit of a value's length holds for an exception's type and message") {
  recorded all{{.limits = {.attribute_value_length = 8}}};
  nanospan::span{"span"}.record_exception(std::runtime_error{"card declined"});
  CHECK(event_of(all).attributes == attribute_list{{"exception.type", "std::run"}, {"exception.message", "card dec"}});
}

// ---- status -----------------------------------------------------------------------------------------------------------------

TEST_CASE("Ok is for good: an error after it is ignored, one before it goes with its description") {
  recorded all;
  {
    nanospan::span span{"error after ok"};
    span.ok();
    span.error("too late");
    span.error();
  }
  {
    nanospan::span span{"ok after error"};
    span.error("overruled");
    span.ok();
  }
  {
    nanospan::span span{"both ways"};
    span.error("overruled");
    span.ok();
    span.error("too late");
    span.ok();
  }
  for (char const* name : {"error after ok", "ok after error", "both ways"}) {
    CHECK(all.span(name).status == span_status::ok);
    CHECK(all.span(name).status_message.empty());
    CHECK(all.span(name).dropped_attributes_count == 0);
  }
}

TEST_CASE("NANOSPAN_OK says so of the innermost open span") {
  recorded all;
  {
    NANOSPAN("outer");
    NANOSPAN_ERROR("its own");
    NANOSPAN("inner");
    NANOSPAN_ERROR("overruled");
    NANOSPAN_OK();
    NANOSPAN_ERROR("too late");
  }
  CHECK(all.span("inner").status == span_status::ok);
  CHECK(all.span("inner").status_message.empty());
  CHECK(all.span("outer").status == span_status::error);
  CHECK(all.span("outer").status_message == "its own");
}

// ---- names ------------------------------------------------------------------------------------------------------------------

TEST_CASE("a name may be replaced, by a literal or a text, and the last one stays, of any kind of span") {
  recorded all;
  {
    NANOSPAN("at a site");
    scoped_span::innermost()->update_name("first");
    scoped_span::innermost()->set({"k", 1});
    scoped_span::innermost()->update_name(copied{std::string{"of a site"}});
  }
  {
    scoped_span span{"scoped"};
    span.update_name(copied{std::string{"first"}});
    span.update_name("of a scoped span");
  }
  {
    nanospan::span span{copied{std::string{"movable"}}};
    std::string text = "of a movable span";
    span.update_name(copied{text});
    text.assign(text.size(), '?');
  }
  {
    nanospan::span span{"to nothing"};
    span.update_name("");
  }
  {
    NANOSPAN("at a site again");
  }
  std::vector<std::string> names;
  for (auto const& span : all.spans()) names.push_back(span.name);
  CHECK(names == std::vector<std::string>{"of a site", "of a scoped span", "of a movable span", "", "at a site again"});
  CHECK(all.spans()[0].attributes == attribute_list{{"k", 1}});
}

TEST_CASE("a span with a mebibyte of attributes keeps the name that it had, and counts the one that found no room") {
  recorded all;
  std::string const large(1'000, 'x');
  {
    nanospan::span span{"before"};
    for (int i = 0; i < 100; ++i) span.set({copied{std::to_string(i)}, large});
    span.update_name(copied{std::string{"after a hundred"}});
  }
  CHECK(all.span().name == "after a hundred");
  all.clear();
  {
    nanospan::span span{"before"};
    for (int i = 0; i < 2'000; ++i) span.set({"k", large});
    span.update_name(copied{large});
  }
  CHECK(all.span().name == "before");
  CHECK(all.span().attributes == attribute_list{{"k", large}});
  CHECK(all.span().dropped_attributes_count > 900);
}

// ---- spans that are over ----------------------------------------------------------------------------------------------------

namespace {

// Everything, to a span that does not listen.
void tell_in_vain(nanospan::span_recorder& span) {
  CHECK_FALSE(span.recording());
  span.set({"k", 1});
  span.event("event").set({"k", 1});
  span.event("event", nanospan::timestamp::of_unix_nanoseconds(1)).set({"k", 1});
  span.link({trace, remote_span, 1, true, "vendor=value"}).set({"k", 1});
  span.record_exception(std::runtime_error{"late"}).set({"k", 1});
  span.update_name("late");
  span.update_name(copied{std::string(1'000, 'x')});
  span.ok();
  span.error("late");
}

}  // namespace

TEST_CASE("a span that has ended, or was moved from, is told nothing any more") {
  recorded all;
  nanospan::span from{"span"};
  from.set({"in time", 1});
  nanospan::span span = std::move(from);
  tell_in_vain(from);  // NOLINT(bugprone-use-after-move): that is the question
  span.error("in time");
  span.end();
  tell_in_vain(span);
  tell_in_vain(from);
  span.end(nanospan::timestamp::of_unix_nanoseconds(1));
  auto const told = all.span();
  CHECK(told.name == "span");
  CHECK(told.attributes == attribute_list{{"in time", 1}});
  CHECK(told.events.empty());
  CHECK(told.links.empty());
  CHECK(told.status == span_status::error);
  CHECK(told.status_message == "in time");
  CHECK(told.dropped_attributes_count == 0);
  CHECK(told.end_time_unix_nano > 1'000'000'000);
}

TEST_CASE("a span that another thread was handed is told everything there") {
  recorded all;
  nanospan::span handed{"handed over"};
  handed.link({trace, remote_span, 1}).set({"here", 1});
  support::in_a_thread([span = std::move(handed)]() mutable {
    span.link({trace, remote_span, 0}).set({"there", 2});
    span.record_exception(std::runtime_error{"there"});
    span.update_name(copied{std::string{"named there"}});
    span.ok();
  });
  auto const span = all.span();
  CHECK(span.name == "named there");
  REQUIRE(span.links.size() == 2);
  CHECK(span.links[0].attributes == attribute_list{{"here", 1}});
  CHECK(span.links[1].attributes == attribute_list{{"there", 2}});
  CHECK(span.events.size() == 1);
  CHECK(span.status == span_status::ok);
}
