// SPDX-License-Identifier: Apache-2.0

#include <nanospan/start_options.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/messages.hpp"
#include "support/recorded.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <ratio>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using nanospan::attribute_list;
using nanospan::copied;
using nanospan::scoped_span;
using nanospan::span_context;
using nanospan::span_data;
using nanospan::span_id;
using nanospan::span_kind;
using nanospan::start_options;
using nanospan::timestamp;
using nanospan::trace_id;
using support::recorded;
using support::since;

namespace {

constexpr trace_id trace{std::array<std::uint8_t, 16>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
constexpr span_id remote_span{std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8}};
constexpr nanospan::tracer cards{"acme.cards", "1.2.0"};

constexpr std::uint64_t moment = 1'700'000'000'123'456'789;  // in 2023

timestamp at(std::uint64_t nanoseconds) { return timestamp::of_unix_nanoseconds(nanoseconds); }
bool is_root(span_data const& span) { return !span.parent_span_id.valid(); }

// Both kinds of span, by both kinds of name.
void start_each(start_options const& with) {
  { scoped_span const one{"scoped", with}; }
  { scoped_span const one{copied{std::string{"scoped, copied"}}, with}; }
  { nanospan::span const one{"movable", with}; }
  { nanospan::span const one{copied{std::string{"movable, copied"}}, with}; }
}
constexpr std::size_t each = 4;

}  // namespace

// ---- times ------------------------------------------------------------------------------------------------------------------

TEST_CASE("a timestamp is made of a time point of the system's clock, of whatever duration") {
  using namespace std::chrono;
  using clock = system_clock;
  CHECK(timestamp{clock::time_point{nanoseconds{1'234'567'890'123'456'789}}}.unix_nanoseconds() == 1'234'567'890'123'456'789);
  CHECK(timestamp{time_point<clock, nanoseconds>{nanoseconds{7}}}.unix_nanoseconds() == 7);
  CHECK(timestamp{time_point<clock, microseconds>{microseconds{7}}}.unix_nanoseconds() == 7'000);
  CHECK(timestamp{time_point<clock, milliseconds>{milliseconds{7}}}.unix_nanoseconds() == 7'000'000);
  CHECK(timestamp{time_point<clock, seconds>{seconds{1'700'000'000}}}.unix_nanoseconds() == 1'700'000'000'000'000'000);
  CHECK(timestamp{time_point<clock, minutes>{minutes{2}}}.unix_nanoseconds() == 120'000'000'000);
  CHECK(timestamp{time_point<clock, duration<std::int64_t, std::ratio<86'400>>>{duration<std::int64_t, std::ratio<86'400>>{2}}}.unix_nanoseconds() == 172'800'000'000'000);
  CHECK(timestamp{time_point<clock, duration<std::int64_t, std::ratio<1, 4>>>{duration<std::int64_t, std::ratio<1, 4>>{3}}}.unix_nanoseconds() == 750'000'000);
  CHECK(timestamp{time_point<clock, duration<double>>{duration<double>{1.5}}}.unix_nanoseconds() == 1'500'000'000);
  CHECK(timestamp{clock::now()});
  CHECK_FALSE(timestamp{});
  CHECK_FALSE(std::is_constructible_v<timestamp, steady_clock::time_point>);
  CHECK_FALSE(std::is_constructible_v<timestamp, std::uint64_t>);
}

TEST_CASE("times that are given arrive to the nanosecond, for every kind of span") {
  recorded all;
  start_each({.start = at(moment)});
  REQUIRE(all.count() == each);
  for (auto const& span : all.spans()) {
    CHECK(span.start_time_unix_nano == moment);
    CHECK(span.end_time_unix_nano > moment + 1'000'000'000);  // now
  }
  all.clear();
  nanospan::span both{"both", {.start = at(moment)}};
  both.end(at(moment + 5));
  CHECK(all.span().start_time_unix_nano == moment);
  CHECK(all.span().end_time_unix_nano == moment + 5);
  all.clear();
  std::chrono::system_clock::time_point const soon{std::chrono::nanoseconds{std::uint64_t{4'000'000'000} * 1'000'000'000}};  // in 2096
  nanospan::span only_end{"only the end"};
  only_end.end(soon);
  CHECK(all.span().start_time_unix_nano < all.span().end_time_unix_nano);
  CHECK(all.span().end_time_unix_nano == std::uint64_t{4'000'000'000} * 1'000'000'000);
}

TEST_CASE("an end that is given before the start counts as the start") {
  recorded all;
  nanospan::span span{"span", {.start = at(moment)}};
  span.end(at(moment - 1'000));
  CHECK(all.span().start_time_unix_nano == moment);
  CHECK(all.span().end_time_unix_nano == moment + 1);  // no span takes no time
  all.clear();
  nanospan::span{"same", {.start = at(moment)}}.end(at(moment));
  CHECK(all.span().end_time_unix_nano == moment + 1);
  all.clear();
  nanospan::span future{"future", {.start = at(std::uint64_t{4'000'000'000} * 1'000'000'000)}};
  future.end();
  CHECK(all.span().end_time_unix_nano == std::uint64_t{4'000'000'000} * 1'000'000'000 + 1);
}

TEST_CASE("a time that is none is now") {
  recorded all;
  nanospan::span from{"now", {.start = {}}};
  from.event("event", timestamp{});
  from.end(timestamp{});
  auto const span = all.span();
  CHECK(span.start_time_unix_nano > moment);
  CHECK(span.events.at(0).time_unix_nano >= span.start_time_unix_nano);
  CHECK(span.events.at(0).time_unix_nano <= span.end_time_unix_nano);
}

TEST_CASE("an end that is given ends the span once, and for good") {
  recorded all;
  nanospan::span span{"span"};
  span.end(at(moment * 2));
  CHECK_FALSE(span.recording());
  span.end(at(moment * 3));
  span.end();
  CHECK(all.span().end_time_unix_nano == moment * 2);
}

TEST_CASE("an event's time that is given arrives as it was said, outside of its span, too") {
  recorded all;
  {
    nanospan::span span{"span", {.start = at(moment)}};
    span.event("before", at(moment - 1'000)).set({"k", 1});
    span.event(copied{std::string{"after"}}, at(moment * 3));
    span.event("a time point", std::chrono::system_clock::time_point{std::chrono::seconds{1}});
    span.event("now");
    span.end(at(moment * 2));
  }
  auto const events = all.span().events;
  REQUIRE(events.size() == 4);
  CHECK(events[0].time_unix_nano == moment - 1'000);
  CHECK(events[0].attributes == attribute_list{{"k", 1}});
  CHECK(events[1].time_unix_nano == moment * 3);
  CHECK(events[1].name == "after");
  CHECK(events[2].time_unix_nano == 1'000'000'000);
  CHECK(events[3].time_unix_nano > moment);  // within the span
  CHECK(events[3].time_unix_nano < moment * 2);
}

// ---- parents ----------------------------------------------------------------------------------------------------------------

TEST_CASE("a span's parent is what is current, where nothing else is said") {
  recorded all;
  span_context outer;
  {
    NANOSPAN("outer");
    outer = nanospan::current();
    start_each({.kind = span_kind::client});
  }
  for (auto const& span : all.spans()) {
    if (span.name == "outer") continue;
    CHECK(span.parent_span_id == outer.span_id());
    CHECK(span.trace_id == outer.trace_id());
  }
  CHECK(all.count() == each + 1);
}

TEST_CASE("no_parent makes a root below an open span, of a trace of its own, and what was current is so again after it") {
  support::messages::take();
  recorded all{{.on_message = support::messages::keep}};
  {
    NANOSPAN("outer");
    auto const outer = nanospan::current();
    for (int i = 0; i < 2; ++i) {
      scoped_span const root{"root", {.parent = nanospan::no_parent}};
      CHECK(nanospan::current().span_id() == root.context().span_id());
      CHECK_FALSE(root.context().trace_id() == outer.trace_id());
      NANOSPAN("below it");
      CHECK(nanospan::current().trace_id() == root.context().trace_id());
    }
    CHECK(nanospan::current().span_id() == outer.span_id());
    CHECK(nanospan::current().trace_id() == outer.trace_id());
    start_each({.parent = nanospan::no_parent});
    CHECK(nanospan::current().span_id() == outer.span_id());
  }
  std::size_t roots = 0;
  for (auto const& span : all.spans()) {
    if (span.name != "below it") CHECK(is_root(span));
    else CHECK_FALSE(is_root(span));
    roots += is_root(span) ? 1u : 0u;
  }
  CHECK(roots == 3 + each);
  CHECK(support::messages::take().empty());
}

TEST_CASE("a context that is given is the parent, local or remote, whatever is current") {
  recorded all;
  {
    NANOSPAN("current");
    nanospan::span const parent{"parent"};
    start_each({.parent = parent.context()});
  }
  auto const parent = all.span("parent");
  for (char const* name : {"scoped", "scoped, copied", "movable", "movable, copied"}) {
    auto const span = all.span(name);
    CHECK(span.parent_span_id == parent.span_id);
    CHECK(span.trace_id == parent.trace_id);
    CHECK((span.flags & 0x200) == 0);
  }
  all.clear();
  start_each({.parent = span_context{trace, remote_span, 1, true, "vendor=value"}});
  CHECK(all.count() == each);
  for (auto const& span : all.spans()) {
    CHECK(span.parent_span_id == remote_span);
    CHECK(span.trace_id == trace);
    CHECK(span.trace_state == "vendor=value");
    CHECK((span.flags & 0x300) == 0x300);
  }
  CHECK_FALSE(nanospan::current().valid());
}

TEST_CASE("an invalid context that is given is no parent") {
  recorded all;
  {
    NANOSPAN("current");
    start_each({.parent = span_context{}});
    start_each({.parent = span_context{trace, {}, 1}});
    start_each({.parent = span_context{{}, remote_span, 1}});
  }
  CHECK(all.count() == 3 * each + 1);
  for (auto const& span : all.spans()) {
    CHECK(is_root(span));
    CHECK_FALSE(span.trace_id == trace);
  }
}

// ---- the rest ---------------------------------------------------------------------------------------------------------------

TEST_CASE("kind, attributes, links with their attributes, and a tracer are there from the start") {
  recorded all;
  nanospan::span const other{"other"};
  std::string const made = "made at run time";
  start_each({.kind = span_kind::consumer,
              .attributes = {{"a", 1}, {copied{made}, made}, {"tags", {"x", "y"}}},
              .links = {{other.context(), {{"position", 3}, {"text", made}}}, {span_context{trace, remote_span, 1, true, "vendor=value"}}},
              .tracer = &cards});
  REQUIRE(all.count() == each);
  for (auto const& span : all.spans()) {
    CHECK(span.kind == span_kind::consumer);
    CHECK(span.attributes == attribute_list{{"a", 1}, {made, made}, {"tags", std::vector<std::string>{"x", "y"}}});
    CHECK(span.events.empty());
    REQUIRE(span.links.size() == 2);
    CHECK(span.links[0].trace_id == other.context().trace_id());
    CHECK(span.links[0].span_id == other.context().span_id());
    CHECK(span.links[0].attributes == attribute_list{{"position", 3}, {"text", made}});
    CHECK(span.links[0].trace_state.empty());
    CHECK((span.links[0].flags & 0x200) == 0);
    CHECK(span.links[1].trace_id == trace);
    CHECK(span.links[1].span_id == remote_span);
    CHECK(span.links[1].attributes.empty());
    CHECK(span.links[1].trace_state == "vendor=value");
    CHECK((span.links[1].flags & 0x300) == 0x300);
    CHECK(span.scope_name == "acme.cards");
    CHECK(span.scope_version == "1.2.0");
    CHECK(span.dropped_attributes_count == 0);
  }
}

TEST_CASE("what is said at the start and what is said later are one, and the last value of a key stays") {
  recorded all;
  {
    nanospan::span span{"span", {.attributes = {{"k", 1}, {"l", 2}}, .links = {{{trace, remote_span, 1}}}}};
    span.set({"k", 3}, {"m", 4});
    span.link({trace, remote_span, 0}).set({"late", true});
  }
  CHECK(all.span().attributes == attribute_list{{"k", 3}, {"l", 2}, {"m", 4}});
  REQUIRE(all.span().links.size() == 2);
  CHECK(all.span().links[0].attributes.empty());
  CHECK(all.span().links[1].attributes == attribute_list{{"late", true}});
}

TEST_CASE("what is said at the start may be larger than the buffer, and arrives whole") {
  recorded all;
  std::string const large(100'000, 'x');
  start_each({.attributes = {{"large", large}, {"k", 1}}, .links = {{{trace, remote_span, 1, false, std::string(500, 't')}, {{"large", large}}}}});
  CHECK(all.count() == each);
  for (auto const& span : all.spans()) {
    CHECK(span.attributes == attribute_list{{"large", large}, {"k", 1}});
    REQUIRE(span.links.size() == 1);
    CHECK(span.links[0].attributes == attribute_list{{"large", large}});
    CHECK(span.links[0].trace_state == std::string(500, 't'));
  }
}

// ---- spans that are not recorded --------------------------------------------------------------------------------------------

namespace {

// With all that owns memory.
void start_and_tell_each(span_context const& parent) {
  std::string const large(10'000, 'x');
  start_options const with{.parent = parent, .start = at(moment), .attributes = {{"large", large}}, .links = {{{trace, remote_span, 1, true, "a=b"}, {{"large", large}}}}};
  scoped_span scoped{"scoped", with};
  nanospan::span movable{"movable", with};
  for (nanospan::span_recorder* one : {static_cast<nanospan::span_recorder*>(&scoped), static_cast<nanospan::span_recorder*>(&movable)}) {
    CHECK_FALSE(one->recording());
    one->set({"large", large}).link({trace, remote_span, 1, true, "c=d"}).set({"k", 1});
    one->event("event", at(moment)).set({"k", 1});
    one->update_name(copied{large});
    one->ok();
    one->record_exception(std::runtime_error{"thrown"});
  }
  movable.end(at(moment));
  nanospan::span const moved = std::move(movable);
  CHECK(moved.context().trace_id() == parent.trace_id());
}

}  // namespace

TEST_CASE("without a provider, and after its end, what is said at the start is nowhere, and a movable span's context is its parent's") {
  span_context const parent{trace, remote_span, 1, true, "vendor=value"};
  auto const before = nanospan::stats();
  {
    support::no_provider_yet const none;
    start_and_tell_each(parent);
    nanospan::span const span{"span", {.parent = parent}};
    CHECK(span.context().span_id() == remote_span);
    CHECK(span.context().tracestate() == "vendor=value");
    CHECK(span.context().sampled());
  }
  CHECK(since(before).dropped.no_provider == 3);
  { recorded const all; }
  start_and_tell_each(parent);
  CHECK(since(before).dropped.after_shutdown == 2);
}

TEST_CASE("a span that is open at the provider's end loses what it was born with, and is a counted drop") {
  auto const before = nanospan::stats();
  {
    std::string const large(10'000, 'x');
    auto all = std::make_unique<recorded>();
    nanospan::span const open{"open", {.parent = span_context{trace, remote_span, 1, true, "vendor=value"}, .attributes = {{"large", large}}}};
    all.reset();
  }
  CHECK(since(before).dropped.after_shutdown == 1);
}

TEST_CASE("a span that is not sampled keeps nothing of what it was born with, and has a context of its own") {
  for (bool const is_asked : {false, true}) {
    struct asked_sampler final : nanospan::sampler {
      nanospan::sampling_result should_sample(nanospan::sampling_parameters const&) const noexcept override { return nanospan::sampling_decision::drop; }
      std::string description() const override { return "asked"; }
    };
    nanospan::options with;
    if (is_asked) with.sampler = std::make_shared<asked_sampler>();
    else with.sampler = std::make_shared<nanospan::always_off_sampler>();
    recorded all{std::move(with)};
    start_and_tell_each({trace, remote_span, 1, true, "vendor=value"});
    scoped_span const span{"span", {.parent = span_context{trace, remote_span, 1, true, "vendor=value"}}};
    CHECK_FALSE(span.context().span_id() == remote_span);
    CHECK(span.context().tracestate() == "vendor=value");
    CHECK_FALSE(span.context().sampled());
    CHECK(nanospan::current().span_id() == span.context().span_id());
    CHECK(all.count() == 0);
  }
}
