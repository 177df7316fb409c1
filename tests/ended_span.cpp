// SPDX-License-Identifier: Apache-2.0

#include <nanospan/ended_span.hpp>

#include <nanospan/macros.hpp>
#include <nanospan/samplers.hpp>

#include "catch.hpp"
#include "support/messages.hpp"
#include "support/recorded.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using nanospan::attribute_list;
using nanospan::attribute_value;
using nanospan::copied;
using nanospan::ended_span;
using nanospan::scoped_span;
using nanospan::span_context;
using nanospan::span_id;
using nanospan::span_kind;
using nanospan::span_status;
using nanospan::trace_id;
using support::messages;
using support::recorded;
using support::since;

namespace {

constexpr trace_id trace{std::array<std::uint8_t, 16>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
constexpr span_id remote_span{std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8}};
constexpr std::uint64_t moment = 1'700'000'000'123'456'789;

nanospan::options with_hook(nanospan::span_hook hook) {
  nanospan::options with;
  with.on_end = std::move(hook);
  with.on_message = messages::keep;
  messages::take();
  return with;
}

// One of each type, and some of the values at their ends.
attribute_list one_of_each() {
  return {{"bool", true},
          {"int", std::int64_t{-1}},
          {"double", 2.5},
          {"text", "text"},
          {"empty", ""},
          {"bytes", std::vector<std::byte>{std::byte{0}, std::byte{255}}},
          {"bools", std::vector<bool>{true, false, true}},
          {"ints", std::vector<std::int64_t>{INT64_MIN, 0, INT64_MAX}},
          {"doubles", std::vector<double>{-0.5, 1e300}},
          {"texts", std::vector<std::string>{"", "a", "longer than eight"}},
          {"no texts", std::vector<std::string>{}}};
}
void say_one_of_each(nanospan::span_recorder& span) {
  std::array<std::byte, 2> const bytes{std::byte{0}, std::byte{255}};
  span.set({"bool", true}, {"int", -1}, {"double", 2.5}, {"text", "text"}, {"empty", ""}, {"bytes", bytes}, {"bools", {true, false, true}});
  span.set({"ints", {INT64_MIN, std::int64_t{0}, INT64_MAX}}, {"doubles", {-0.5, 1e300}}, {"texts", {"", "a", "longer than eight"}}, {"no texts", std::vector<std::string>{}});
}

attribute_list list_of(nanospan::editable_attributes const& these) {
  attribute_list all;
  for (std::size_t at = 0; at < these.size(); ++at) all.emplace_back(these.key(at), these.value(at));
  return all;
}

}  // namespace

// ---- what a hook sees -------------------------------------------------------------------------------------------------------

TEST_CASE("a hook sees all of a span as it will be exported, and what it leaves alone arrives") {
  struct sight {
    trace_id trace;
    span_id span;
    span_id parent;
    span_kind kind;
    std::uint64_t start;
    std::uint64_t end;
    bool sampled;
    bool dropped;
    std::string name;
    span_status status;
    std::string message;
    attribute_list attributes;
    std::vector<std::pair<std::string, attribute_list>> events;
  };
  std::vector<sight> seen;
  recorded all{with_hook([&](ended_span& span) {
    sight now{span.trace_id(), span.span_id(), span.parent_span_id(), span.kind(), span.start_time_unix_nano(), span.end_time_unix_nano(), span.sampled(), span.dropped(),
              std::string{span.name()}, span.status(), std::string{span.status_message()}, list_of(span.attributes()), {}};
    for (std::size_t at = 0; at < span.event_count(); ++at) now.events.emplace_back(span.event_name(at), list_of(span.event_attributes(at)));
    seen.push_back(std::move(now));
  })};
  {
    nanospan::span span{"span", {.kind = span_kind::client, .parent = span_context{trace, remote_span, 1, true}, .start = nanospan::timestamp::of_unix_nanoseconds(moment)}};
    say_one_of_each(span);
    span.set({"large", std::uint64_t{1} << 63}, {"text", "the last one"});
    span.event("first").set({"k", 1}, {"tags", {"a"}});
    span.record_exception(std::runtime_error{"thrown"});
    span.error("failed");
    span.end(nanospan::timestamp::of_unix_nanoseconds(moment + 7));
  }
  { NANOSPAN("root", {"k", 1}); }
  auto const arrived = all.span("span");
  REQUIRE(seen.size() == 2);
  sight const& first = seen[0];
  CHECK(first.trace == trace);
  CHECK(first.span == arrived.span_id);
  CHECK(first.parent == remote_span);
  CHECK(first.kind == span_kind::client);
  CHECK(first.start == moment);
  CHECK(first.end == moment + 7);
  CHECK(first.sampled);
  CHECK_FALSE(first.dropped);
  CHECK(first.name == "span");
  CHECK(first.status == span_status::error);
  CHECK(first.message == "failed");
  auto expected = one_of_each();
  expected[3].second = "the last one";
  expected.emplace_back("large", "9223372036854775808");
  CHECK(first.attributes == expected);
  REQUIRE(first.events.size() == 2);
  CHECK(first.events[0].first == "first");
  CHECK(first.events[0].second == attribute_list{{"k", 1}, {"tags", std::vector<std::string>{"a"}}});
  CHECK(first.events[1].second == attribute_list{{"exception.type", "std::runtime_error"}, {"exception.message", "thrown"}});
  CHECK(arrived.attributes == expected);
  CHECK(arrived.events.at(0).attributes == first.events[0].second);
  CHECK(arrived.events.at(1).attributes == first.events[1].second);
  CHECK(arrived.status_message == "failed");
  CHECK(seen[1].name == "root");
  CHECK_FALSE(seen[1].parent.valid());
  CHECK(seen[1].attributes == attribute_list{{"k", 1}});
  CHECK(seen[1].events.empty());
  CHECK(seen[1].start == all.span("root").start_time_unix_nano);
  CHECK(seen[1].end == all.span("root").end_time_unix_nano);
}

TEST_CASE("a hook asks for an attribute by its key") {
  int asked = 0;
  recorded all{with_hook([&](ended_span& span) {
    auto attributes = span.attributes();
    for (auto const& [key, value] : one_of_each()) {
      CHECK(attributes.has(key));
      CHECK(attributes.get(key) == value);
      ++asked;
    }
    CHECK_FALSE(attributes.has("none"));
    CHECK(attributes.get("none") == attribute_value{std::string{}});
    CHECK_FALSE(attributes.has(""));
    CHECK(attributes.size() == one_of_each().size());
  })};
  {
    nanospan::span span{"span"};
    say_one_of_each(span);
  }
  all.spans();
  CHECK(asked == 11);
}

// ---- what a hook changes ----------------------------------------------------------------------------------------------------

TEST_CASE("a hook sets attributes of every type, over those that are there, in their place, and new ones behind them") {
  recorded all{with_hook([](ended_span& span) {
    for (auto const& [key, value] : one_of_each()) span.attributes().set(key, value);
    auto attributes = span.attributes();
    for (auto const& [key, value] : one_of_each()) CHECK(attributes.get(key) == value);
    attributes.set("text", "again");
    CHECK(attributes.get("text") == attribute_value{"again"});
  })};
  auto expected = one_of_each();
  expected[3].second = "again";
  { NANOSPAN("new ones"); }
  {
    NANOSPAN("over literals", {"text", 1}, {"bool", "text"});
    NANOSPAN_SET({copied{std::string{"ints"}}, 5}, {"other", 6});
  }
  CHECK(all.span("new ones").attributes == expected);
  auto const over = all.span("over literals").attributes;
  REQUIRE(over.size() == expected.size() + 1);
  CHECK(over[0] == attribute_list::value_type{"text", "again"});
  CHECK(over[1] == expected[0]);
  CHECK(over[2] == expected[7]);
  CHECK(over[3] == attribute_list::value_type{"other", 6});
  CHECK(over[4] == expected[1]);
  CHECK(all.span("over literals").dropped_attributes_count == 0);
}

TEST_CASE("a hook erases attributes, at the front, in the middle, at the back, and all of them") {
  std::vector<std::string> erased;
  recorded all{with_hook([&](ended_span& span) {
    for (auto const& key : erased) CHECK(span.attributes().erase(key));
    CHECK_FALSE(span.attributes().erase("none"));
    for (auto const& key : erased) CHECK_FALSE(span.attributes().has(key));
  })};
  struct one_case {
    std::vector<std::string> keys;
    attribute_list left;
  };
  for (auto const& [keys, left] : {one_case{{"a"}, {{"b", 2}, {"c", 3}}}, one_case{{"b"}, {{"a", 1}, {"c", 3}}}, one_case{{"c"}, {{"a", 1}, {"b", 2}}},
                                   one_case{{"c", "a"}, {{"b", 2}}}, one_case{{"a", "b", "c"}, {}}}) {
    all.clear();
    erased = keys;
    { NANOSPAN("span", {"a", 1}, {"b", 2}, {copied{std::string{"c"}}, 3}); }
    CHECK(all.span().attributes == left);
    CHECK(all.span().dropped_attributes_count == 0);
  }
}

TEST_CASE("a full span takes no more of a hook, which is counted, but for what is there and where it made room") {
  recorded all{[] {
    auto with = with_hook([](ended_span& span) {
      auto attributes = span.attributes();
      attributes.set("one more", 1);
      CHECK_FALSE(attributes.has("one more"));
      attributes.set("0", "changed");
      CHECK(attributes.erase("1"));
      attributes.set("in its place", 2);
    });
    with.limits.attribute_count = 3;
    return with;
  }()};
  { NANOSPAN("span", {"0", 0}, {"1", 1}, {"2", 2}); }
  CHECK(all.span().attributes == attribute_list{{"0", "changed"}, {"2", 2}, {"in its place", 2}});
  CHECK(all.span().dropped_attributes_count == 1);
}

TEST_CASE("a hook renames a span and says its status, and the one after it is as it was") {
  recorded all{with_hook([](ended_span& span) {
    if (span.name() == "plain") return;
    std::string name{"named by the hook: "};
    name += span.name();
    span.rename(name);
    CHECK(span.name() == name);
    name.assign(name.size(), '?');
    std::string message{"because it is so"};
    span.set_status(span_status::error, message);
    CHECK(span.status() == span_status::error);
    CHECK(span.status_message() == message);
    message.assign(message.size(), '?');
  })};
  { NANOSPAN("site"); }
  { NANOSPAN("plain"); }
  nanospan::span{"literal"}.error("its own");
  nanospan::span{"plain"}.end();
  auto const spans = all.spans();
  REQUIRE(spans.size() == 4);
  CHECK(spans[0].name == "named by the hook: site");
  CHECK(spans[0].status == span_status::error);
  CHECK(spans[0].status_message == "because it is so");
  CHECK(spans[1].name == "plain");
  CHECK(spans[1].status == span_status::unset);
  CHECK(spans[2].name == "named by the hook: literal");
  CHECK(spans[2].status_message == "because it is so");
  CHECK(spans[3].name == "plain");
}

TEST_CASE("a status that a hook says is the last word, and no description outlives its error") {
  recorded all{with_hook([](ended_span& span) {
    if (span.name() == "to ok") span.set_status(span_status::ok, "described");
    if (span.name() == "to unset") span.set_status(span_status::unset);
    if (span.name() == "from ok") span.set_status(span_status::error);
    CHECK(span.status_message().empty());
  })};
  nanospan::span{"to ok"}.error("its own");
  nanospan::span{"to unset"}.error("its own");
  nanospan::span{"from ok"}.ok();
  CHECK(all.span("to ok").status == span_status::ok);
  CHECK(all.span("to unset").status == span_status::unset);
  CHECK(all.span("from ok").status == span_status::error);
  for (auto const& span : all.spans()) CHECK(span.status_message.empty());
}

TEST_CASE("a hook edits the attributes of events, and erases events in the middle, each keeping its own") {
  recorded all{with_hook([](ended_span& span) {
    if (span.event_count() != 4) return;
    auto third = span.event_attributes(2);
    third.set("k", "changed");
    third.set("new", std::vector<std::string>{"a", "b"});
    span.event_attributes(3).erase("k");
    span.event_attributes(1).set("erased with it", 1);
    span.erase_event(1);
    CHECK(span.event_count() == 3);
    CHECK(span.event_name(1) == "third");
    CHECK(span.event_attributes(1).get("k") == attribute_value{"changed"});
    CHECK(span.event_attributes(2).size() == 1);
    span.event_attributes(1).set("after", true);
    CHECK(span.event_attributes(0).size() == 2);
  })};
  auto const say_four = [] {
    nanospan::span span{"span"};
    for (std::string name : {"first", "second", "third", "fourth"}) span.event(copied{name}).set({"k", name}, {copied{name}, 1});
  };
  say_four();
  auto const events = all.span().events;
  REQUIRE(events.size() == 3);
  CHECK(events[0].name == "first");
  CHECK(events[0].attributes == attribute_list{{"k", "first"}, {"first", 1}});
  CHECK(events[1].name == "third");
  CHECK(events[1].attributes == attribute_list{{"k", "changed"}, {"third", 1}, {"new", std::vector<std::string>{"a", "b"}}, {"after", true}});
  CHECK(events[2].name == "fourth");
  CHECK(events[2].attributes == attribute_list{{"fourth", 1}});
  all.clear();
  nanospan::span{"the next one"}.event("event").set({"k", 1});
  CHECK(all.span().events.at(0).attributes == attribute_list{{"k", 1}});
}

TEST_CASE("a hook may erase every event, from either end") {
  for (bool const from_behind : {false, true}) {
    recorded all{with_hook([&](ended_span& span) {
      while (span.event_count() != 0) {
        span.event_attributes(0).set("looked at", 1);
        span.erase_event(from_behind ? span.event_count() - 1 : 0);
      }
    })};
    {
      nanospan::span span{"span"};
      for (int i = 0; i < 140; ++i) span.event("event").set({"i", i});
    }
    CHECK(all.span().events.empty());
    CHECK(all.span().dropped_events_count == 12);
  }
}

TEST_CASE("what a hook sets may be ill-formed, longer than the limit, or large, and arrives repaired, cut or whole") {
  std::string const large(300'000, '\xff');
  {
    recorded all{with_hook([&](ended_span& span) {
      span.rename("\xff name");
      span.set_status(span_status::error, "\xc3");
      auto attributes = span.attributes();
      attributes.set("\xfekey", "a\x80z");
      attributes.set("large", large);
      attributes.set("texts", std::vector<std::string>{"\xff", large});
      span.event_attributes(0).set("\xff", large);
    })};
    nanospan::span{"span"}.event("event");
    auto const span = all.span();
    std::string repaired;
    for (std::size_t i = 0; i < large.size(); ++i) repaired += "\xef\xbf\xbd";
    CHECK(span.name == "\xef\xbf\xbd name");
    CHECK(span.status_message == "\xef\xbf\xbd");
    REQUIRE(span.attributes.size() == 3);
    CHECK(span.attributes[0] == attribute_list::value_type{"\xef\xbf\xbdkey", "a\xef\xbf\xbdz"});
    CHECK((span.attributes[1].second == attribute_value{repaired}));
    CHECK((span.attributes[2].second == attribute_value{std::vector<std::string>{"\xef\xbf\xbd", repaired}}));
    REQUIRE(span.events.at(0).attributes.size() == 1);
    CHECK(span.events[0].attributes[0].first == "\xef\xbf\xbd");
    CHECK((span.events[0].attributes[0].second == attribute_value{repaired}));
  }
  auto with = with_hook([](ended_span& span) {
    span.attributes().set("text", "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
    span.attributes().set("texts", std::vector<std::string>{"abcdef", "ab"});
    span.attributes().set("bytes", std::vector<std::byte>(10));
    span.event_attributes(0).set("text", "abcdef");
  });
  with.limits.attribute_value_length = 4;
  recorded all{std::move(with)};
  nanospan::span{"span"}.event("event");
  CHECK(all.span().attributes == attribute_list{{"text", "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"}, {"texts", std::vector<std::string>{"abcd", "ab"}}, {"bytes", std::vector<std::byte>(4)}});
  CHECK(all.span().events.at(0).attributes == attribute_list{{"text", "abcd"}});
}

// ---- what a hook drops ------------------------------------------------------------------------------------------------------

TEST_CASE("a span that a hook drops is not exported, and the account says so to the span") {
  recorded all{with_hook([](ended_span& span) {
    if (span.attributes().has("drop")) span.drop();
    CHECK(span.dropped() == span.attributes().has("drop"));
  })};
  auto const before = nanospan::stats();
  for (int i = 0; i < 10; ++i) {
    NANOSPAN("outer", {"large", std::string(10'000, 'x')}, {"keep", 1});
    NANOSPAN("inner", {"large", std::string(10'000, 'x')}, {"drop", 1});
  }
  CHECK(since(before).held == 20);
  CHECK(since(before).discarded.hook == 0);
  CHECK(all.count() == 10);
  for (auto const& span : all.spans()) CHECK(span.name == "outer");
  auto const now = since(before);
  CHECK(now.ended == 20);
  CHECK(now.exported == 10);
  CHECK(now.discarded.hook == 10);
  CHECK(now.discarded.record_only == 0);
  CHECK(now.held == 0);
}

TEST_CASE("where a hook drops everything nothing is exported, and a flush is over") {
  recorded all{with_hook([](ended_span& span) { span.drop(); })};
  auto const before = nanospan::stats();
  for (int i = 0; i < 1'000; ++i) {
    NANOSPAN("span");
  }
  CHECK(all.count() == 0);
  CHECK(since(before).discarded.hook == 1'000);
  CHECK(since(before).held == 0);
}

TEST_CASE("a hook sees spans that are recorded only, which are discarded as such unless it drops them itself") {
  std::vector<std::pair<std::string, bool>> seen;
  auto with = with_hook([&](ended_span& span) {
    seen.emplace_back(span.name(), span.sampled());
    if (span.name() == "dropped") span.drop();
  });
  with.sampler = std::make_shared<nanospan::always_record_sampler>(std::make_shared<nanospan::parent_based_sampler>());
  recorded all{std::move(with)};
  auto const before = nanospan::stats();
  nanospan::span{"recorded only", span_context{trace, remote_span, 0, true}}.end();
  nanospan::span{"recorded only", span_context{trace, remote_span, 0, true}}.end();
  nanospan::span{"dropped", span_context{trace, remote_span, 0, true}}.end();
  nanospan::span{"sampled", span_context{trace, remote_span, 1, true}}.end();
  CHECK(all.span().name == "sampled");
  CHECK(seen == std::vector<std::pair<std::string, bool>>{{"recorded only", false}, {"recorded only", false}, {"dropped", false}, {"sampled", true}});
  CHECK(since(before).discarded.record_only == 2);
  CHECK(since(before).discarded.hook == 1);
  CHECK(since(before).exported == 1);
}

// ---- hooks that fail, record, remember --------------------------------------------------------------------------------------

TEST_CASE("a span at which a hook throws arrives as it stands, is counted, and told once") {
  recorded all{with_hook([calls = 0](ended_span& span) mutable {
    span.attributes().set("before", ++calls);
    if (calls == 1) throw std::runtime_error{"the hook's reason"};
    if (calls == 2) throw 2;
    if (calls == 3) throw std::string{"text"};
    span.attributes().set("after", true);
  })};
  auto const before = nanospan::stats();
  for (int i = 0; i < 4; ++i) {
    NANOSPAN("span", {"k", 1});
  }
  auto const spans = all.spans();
  REQUIRE(spans.size() == 4);
  for (int i = 0; i < 3; ++i) CHECK(spans[static_cast<std::size_t>(i)].attributes == attribute_list{{"k", 1}, {"before", i + 1}});
  CHECK(spans[3].attributes == attribute_list{{"k", 1}, {"before", 4}, {"after", true}});
  CHECK(nanospan::stats().hook_failed == before.hook_failed + 3);
  CHECK(since(before).exported == 4);
  auto const told = messages::take();
  REQUIRE(told.size() == 1);
  CHECK(support::has(told[0], "on_end"));
  CHECK(support::has(told[0], "the hook's reason"));
}

TEST_CASE("what a hook throws that is no std::exception is told as well") {
  recorded all{with_hook([](ended_span&) { throw 1; })};
  { NANOSPAN("span"); }
  CHECK(all.count() == 1);
  auto const told = messages::take();
  REQUIRE(told.size() == 1);
  CHECK(support::has(told[0], "on_end threw"));
}

TEST_CASE("a hook that records spans itself records nothing, and disturbs nobody whose thread it borrows") {
  int calls = 0;
  recorded all{with_hook([&](ended_span& span) {
    ++calls;
    CHECK_FALSE(nanospan::current().valid());
    NANOSPAN("of the hook", {"k", 1});
    NANOSPAN_SET({"set by the hook", 1});
    NANOSPAN_ERROR("said by the hook");
    scoped_span named{"named", {.parent = nanospan::no_parent, .attributes = {{"large", std::string(1'000, 'x')}}}};
    CHECK_FALSE(named.recording());
    nanospan::context_scope const inside{span_context{trace, remote_span, 1, true, "vendor=value"}};
    nanospan::span movable{"movable", span_context{trace, remote_span, 1}};
    CHECK_FALSE(movable.recording());
    CHECK_FALSE(nanospan::warm_thread());
    span.attributes().set("seen", true);
  })};
  auto const before = nanospan::stats();
  {
    NANOSPAN("open", {"before", 1});
    auto const open = nanospan::current();
    { NANOSPAN("ended"); }
    for (int pass = 0; pass < 3; ++pass) all.spans();
    CHECK(calls == 1);
    CHECK(nanospan::current().span_id() == open.span_id());
    NANOSPAN_SET({"after", 2});
    { NANOSPAN("ended"); }
    all.spans();
    CHECK(calls == 2);
  }
  CHECK(all.count() == 3);
  CHECK(all.span("open").attributes == attribute_list{{"before", 1}, {"after", 2}, {"seen", true}});
  CHECK(all.span("open").status == span_status::unset);
  auto const now = since(before);
  CHECK(now.ended == 3);
  CHECK(now.exported == 3);
  CHECK(now.dropped.total() == 0);
  CHECK(now.misused == 0);
}

TEST_CASE("a span that began elsewhere and is ended by a hook is a counted drop") {
  std::vector<nanospan::span> kept;
  recorded all{with_hook([&](ended_span&) { kept.clear(); })};
  auto const before = nanospan::stats();
  kept.emplace_back(nanospan::literal{"kept"}).set({"large", std::string(100'000, 'x')});
  { NANOSPAN("span"); }
  CHECK(all.span().name == "span");
  CHECK(since(before).ended == 2);
  CHECK(since(before).dropped.no_slot == 1);
}

TEST_CASE("a hook on the background thread, too, records nothing itself, and sees each span once, in its order") {
  std::vector<std::string> seen;  // the background thread's until flush() returns
  auto const memory = std::make_shared<nanospan::memory_exporter>();
  auto with = with_hook([&seen](ended_span& span) {
    NANOSPAN("of the hook");
    nanospan::span{"of the hook, too"}.end();
    seen.emplace_back(span.name());
    span.attributes().set("n", static_cast<std::int64_t>(seen.size()));
    if (seen.size() % 2 == 0) span.drop();
  });
  with.exporter = memory;
  auto const before = nanospan::stats();
  {
    nanospan::tracer_provider tracing{std::move(with)};
    for (int i = 0; i < 10; ++i) {
      nanospan::span const span{copied{std::to_string(i)}};
    }
    for (int i = 0; i < 3; ++i) CHECK(tracing.flush());
  }
  CHECK(seen == std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
  auto const spans = memory->spans();
  REQUIRE(spans.size() == 5);
  for (std::size_t at = 0; at < 5; ++at) CHECK(spans[at].attributes == attribute_list{{"n", static_cast<std::int64_t>(2 * at + 1)}});
  CHECK(since(before).ended == 10);
  CHECK(since(before).discarded.hook == 5);
  CHECK(since(before).exported == 5);
}

TEST_CASE("a hook has a state of its own, moved in, that lives as long as the provider") {
  auto const counted = std::make_shared<int>(0);
  auto only_moved = std::make_unique<int>(41);
  {
    recorded all{with_hook([counted, secret = std::move(only_moved)](ended_span& span) mutable {
      span.attributes().set("n", ++*secret);
      ++*counted;
    })};
    CHECK(only_moved == nullptr);
    CHECK(counted.use_count() == 2);
    { NANOSPAN("span"); }
    { NANOSPAN("span"); }
    auto const spans = all.spans();
    REQUIRE(spans.size() == 2);
    CHECK(spans[0].attributes == attribute_list{{"n", 42}});
    CHECK(spans[1].attributes == attribute_list{{"n", 43}});
  }
  CHECK(*counted == 2);
  CHECK(counted.use_count() == 1);
}

TEST_CASE("a hook is any callable, a function's result is nobody's, and one that is none is not called") {
  struct redacts {
    static bool email(ended_span& span) { return span.attributes().erase("email"); }
  };
  recorded all{with_hook(&redacts::email)};
  { NANOSPAN("span", {"email", "a@b.c"}, {"k", 1}); }
  CHECK(all.span().attributes == attribute_list{{"k", 1}});
  CHECK_FALSE(nanospan::span_hook{});
  CHECK(nanospan::span_hook{&redacts::email});
}
