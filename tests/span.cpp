// SPDX-License-Identifier: Apache-2.0

#include <nanospan/span.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <time.h>

using nanospan::attribute_list;
using nanospan::copied;
using nanospan::event_data;
using nanospan::scoped_span;
using nanospan::span_context;
using nanospan::span_data;
using nanospan::span_id;
using nanospan::span_kind;
using nanospan::span_status;
using nanospan::trace_id;
using support::recorded;
using support::since;

namespace {

constexpr trace_id trace{std::array<std::uint8_t, 16>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
constexpr span_id remote_span{std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8}};

constexpr std::size_t mebibyte = 1u << 20;
constexpr std::size_t short_head_bytes = 8, long_head_bytes = 16;  // of entries below and from 1,024 bytes
// A literal name without a site is an entry without a payload.
constexpr std::size_t name_entry_bytes = short_head_bytes;
constexpr std::size_t buffer_bytes = nanospan::detail::inline_entry_bytes;

constexpr std::uint64_t millisecond = 1'000'000;

bool is_root(span_data const& span) { return !span.parent_span_id.valid(); }
bool is_child(span_data const& child, span_data const& parent) {
  return child.trace_id == parent.trace_id && child.parent_span_id == parent.span_id && !(child.span_id == parent.span_id);
}

std::uint64_t read(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}
// Returns once the monotonic clock has moved on by so much.
void pass(std::uint64_t nanoseconds) {
  std::uint64_t const until = read(CLOCK_MONOTONIC) + nanoseconds;
  while (read(CLOCK_MONOTONIC) < until) {
  }
}

std::vector<std::string> names_of(std::vector<event_data> const& events) {
  std::vector<std::string> names;
  for (auto const& event : events) names.push_back(event.name);
  return names;
}

// Letters that differ from place to place.
std::string letters(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t at = 0; at < size; ++at) text[at] = static_cast<char>('a' + at % 26);
  return text;
}

}  // namespace

// ---- parents ----------------------------------------------------------------------------------------------------------------

TEST_CASE("a span that starts while none is open is a root, of a trace of its own") {
  recorded all;
  { NANOSPAN("first"); }
  { NANOSPAN("second"); }
  CHECK(is_root(all.span("first")));
  CHECK(is_root(all.span("second")));
  CHECK(all.span("first").trace_id.valid());
  CHECK_FALSE(all.span("first").trace_id == all.span("second").trace_id);
}

TEST_CASE("spans that nest are parent and child, those beside each other siblings") {
  recorded all;
  {
    NANOSPAN("root");
    {
      NANOSPAN("first");
      NANOSPAN("below first");
    }
    { NANOSPAN("second"); }
    scoped_span const third{"third"};
    NANOSPAN("below third");
  }
  auto const root = all.span("root");
  CHECK(is_root(root));
  for (char const* child : {"first", "second", "third"}) CHECK(is_child(all.span(child), root));
  CHECK(is_child(all.span("below first"), all.span("first")));
  CHECK(is_child(all.span("below third"), all.span("third")));
}

TEST_CASE("a deep stack of spans keeps every parent right") {
  recorded all;
  auto const descend = [](auto const& self, int depth) -> void {
    scoped_span const here{copied{std::to_string(depth)}};
    if (depth != 0) self(self, depth - 1);
  };
  descend(descend, 100);
  auto spans = all.spans();
  REQUIRE(spans.size() == 101);
  std::sort(spans.begin(), spans.end(), [](auto const& a, auto const& b) { return std::stoi(a.name) > std::stoi(b.name); });
  CHECK(is_root(spans[0]));
  for (std::size_t at = 1; at < spans.size(); ++at) CHECK(is_child(spans[at], spans[at - 1]));
}

TEST_CASE("of two spans in one scope the second is a child of the first and ends before it") {
  recorded all;
  {
    NANOSPAN("first");
    NANOSPAN("second");
  }
  CHECK(is_child(all.span("second"), all.span("first")));
  CHECK(all.span("second").end_time_unix_nano <= all.span("first").end_time_unix_nano);
  CHECK(all.span("second").start_time_unix_nano >= all.span("first").start_time_unix_nano);
}

TEST_CASE("spans that an exception leaves end, from the innermost") {
  recorded all;
  span_id left_over;
  try {
    NANOSPAN("outer");
    scoped_span const middle{"middle"};
    NANOSPAN("inner", {"k", 1});
    throw 1;
  } catch (int) {
    left_over = nanospan::current().span_id();
    NANOSPAN("in the handler");
  }
  CHECK_FALSE(left_over.valid());
  CHECK(is_child(all.span("middle"), all.span("outer")));
  CHECK(is_child(all.span("inner"), all.span("middle")));
  CHECK(all.span("inner").attributes == attribute_list{{"k", 1}});
  CHECK(all.span("inner").end_time_unix_nano <= all.span("middle").end_time_unix_nano);
  CHECK(all.span("middle").end_time_unix_nano <= all.span("outer").end_time_unix_nano);
  CHECK(is_root(all.span("in the handler")));
}

TEST_CASE("spans that start and end in destructors during unwinding nest as ever") {
  struct records_when_destroyed {
    ~records_when_destroyed() { NANOSPAN("in a destructor"); }
  };
  recorded all;
  try {
    NANOSPAN("outer");
    records_when_destroyed const last;
    throw 1;
  } catch (int) {
  }
  CHECK(is_child(all.span("in a destructor"), all.span("outer")));
}

TEST_CASE("a movable span is a child of the current one, and not the current one itself") {
  recorded all;
  {
    NANOSPAN("current");
    nanospan::span const movable{"movable"};
    CHECK_FALSE(nanospan::current().span_id() == movable.context().span_id());
    NANOSPAN("beside it");
  }
  CHECK(is_child(all.span("movable"), all.span("current")));
  CHECK(is_child(all.span("beside it"), all.span("current")));
}

TEST_CASE("a movable span is a child of the parent that it is given, and a root of an invalid one") {
  recorded all;
  {
    NANOSPAN("current");
    nanospan::span const parent{"parent"};
    nanospan::span{"child", parent.context()}.end();
    nanospan::span{copied{std::string{"copied child"}}, parent.context()}.end();
    nanospan::span{"root", span_context{}}.end();
    nanospan::span{"continued", span_context{trace, remote_span, 1, true}}.end();
  }
  CHECK(is_child(all.span("child"), all.span("parent")));
  CHECK(is_child(all.span("copied child"), all.span("parent")));
  CHECK(is_root(all.span("root")));
  CHECK_FALSE(all.span("root").trace_id == all.span("current").trace_id);
  CHECK(all.span("continued").trace_id == trace);
  CHECK(all.span("continued").parent_span_id == remote_span);
}

// ---- names and kinds --------------------------------------------------------------------------------------------------------

TEST_CASE("a name made at run time is copied") {
  recorded all;
  {
    std::string name = "made at run time";
    scoped_span const scoped{copied{name}};
    nanospan::span const movable{copied{name}, span_kind::client};
    name.assign(name.size(), '?');
  }
  auto const spans = all.spans();
  REQUIRE(spans.size() == 2);
  CHECK(spans[0].name == "made at run time");
  CHECK(spans[1].name == "made at run time");
}

TEST_CASE("names may be empty, or hold NUL characters") {
  using namespace std::string_view_literals;
  recorded all;
  nanospan::span{""}.end();
  CHECK(all.span().name.empty());
  all.clear();
  nanospan::span{copied{std::string_view{}}}.end();
  CHECK(all.span().name.empty());
  all.clear();
  nanospan::span{copied{"a\0b"sv}}.end();
  CHECK(all.span().name == "a\0b"sv);
}

TEST_CASE("a name made at run time is cut at 65,535 bytes") {
  recorded all;
  { scoped_span const long_name{copied{letters(70'000)}}; }
  CHECK(all.span().name == letters(65'535));
}

TEST_CASE("a span has the kind that it was started with, internal by default") {
  recorded all;
  for (auto const kind : {span_kind::internal, span_kind::server, span_kind::client, span_kind::producer, span_kind::consumer}) {
    all.clear();
    { scoped_span const span{"scoped", kind}; }
    { scoped_span const span{copied{"scoped, copied"}, kind}; }
    nanospan::span{"movable", kind}.end();
    nanospan::span{copied{"movable, copied"}, kind}.end();
    nanospan::span{"of a parent", span_context{}, kind}.end();
    nanospan::span{copied{"of a parent, copied"}, span_context{}, kind}.end();
    auto const spans = all.spans();
    CHECK(spans.size() == 6);
    for (auto const& one : spans) CHECK(one.kind == kind);
  }
  all.clear();
  { scoped_span const span{"scoped"}; }
  nanospan::span{"movable"}.end();
  nanospan::span{"of a parent", span_context{}}.end();
  for (auto const& one : all.spans()) CHECK(one.kind == span_kind::internal);
}

// ---- spans that move --------------------------------------------------------------------------------------------------------

TEST_CASE("a span is moved to another thread, told things on both, and ends there") {
  recorded all;
  {
    NANOSPAN("parent");
    nanospan::span span{"wanders"};
    span.set({"here", 1}).event("left");
    support::in_a_thread([span = std::move(span)]() mutable {
      NANOSPAN("of that thread");
      span.set({"there", 2});
      span.event("arrived");
      nanospan::span const last = std::move(span);
    });
  }
  auto const span = all.span("wanders");
  CHECK(is_child(span, all.span("parent")));
  CHECK(span.attributes == attribute_list{{"here", 1}, {"there", 2}});
  CHECK(names_of(span.events) == std::vector<std::string>{"left", "arrived"});
}

TEST_CASE("a span may end on a thread that has not recorded before, with a ring of its own or one that was left") {
  recorded all;
  support::in_a_thread([span = nanospan::span{"first"}]() mutable { span.end(); });
  support::in_a_thread([] { NANOSPAN("leaves its ring"); });
  all.spans();
  all.clear();
  auto const before = nanospan::stats();
  support::in_a_thread([span = nanospan::span{"wanders"}]() mutable { span.end(); });
  CHECK(since(before).ended == 1);
  CHECK(since(before).dropped.total() == 0);
  CHECK(all.span().name == "wanders");
}

TEST_CASE("a span that was moved from is over, and says so") {
  recorded all;
  nanospan::span from{"span"};
  nanospan::span to = std::move(from);
  CHECK_FALSE(from.recording());  // NOLINT: that is the question
  CHECK(to.recording());
  from.set({"k", 1});
  from.event("event");
  from.error("error");
  from.end();
  CHECK(all.count() == 0);
  to.end();
  auto const span = all.span();
  CHECK(span.attributes.empty());
  CHECK(span.events.empty());
  CHECK(span.status == span_status::unset);
}

TEST_CASE("a moved span keeps its context and all that it was told, in its buffer or on the heap") {
  for (std::size_t const size : {std::size_t{1}, std::size_t{100}, std::size_t{224}, std::size_t{225}, std::size_t{10'000}}) {
    CAPTURE(size);
    recorded all;
    {
      nanospan::span first{"span", span_context{trace, remote_span, 1, true, "vendor=value"}};
      auto const context = first.context();
      first.set({"text", letters(size)});
      nanospan::span second = std::move(first);
      second.set({"k", 1});
      nanospan::span third = std::move(second);
      third.error("error");
      CHECK(third.context().span_id() == context.span_id());
      CHECK(third.context().tracestate() == "vendor=value");
    }
    auto const span = all.span();
    CHECK(span.attributes == attribute_list{{"text", letters(size)}, {"k", 1}});
    CHECK(span.status_message == "error");
    CHECK(span.trace_state == "vendor=value");
    CHECK(span.parent_span_id == remote_span);
  }
}

TEST_CASE("a span that ended twice, and is then destroyed, arrives once") {
  recorded all;
  auto const before = nanospan::stats();
  {
    nanospan::span span{"span"};
    span.end();
    CHECK_FALSE(span.recording());
    span.end();
  }
  CHECK(all.count() == 1);
  CHECK(since(before).ended == 1);
}

TEST_CASE("a span moved to itself goes on") {
  recorded all;
  {
    nanospan::span span{"span"};
    span.set({"text", letters(1'000)});
    nanospan::span& itself = span;
    span = std::move(itself);
    CHECK(span.recording());
    span.set({"k", 1});
  }
  CHECK(all.span().attributes == attribute_list{{"text", letters(1'000)}, {"k", 1}});
}

TEST_CASE("a span that another one is moved into ends first") {
  recorded all;
  nanospan::span target{"target", span_context{trace, remote_span, 1, true, "target=1"}};
  target.set({"text", letters(1'000)});
  {
    nanospan::span other{"other", span_context{trace, remote_span, 1, true, "other=1"}};
    other.set({"k", 1});
    target = std::move(other);
    CHECK(all.count() == 1);
  }
  CHECK(all.count() == 1);
  target.set({"l", 2});
  target.end();
  CHECK(all.span("target").attributes == attribute_list{{"text", letters(1'000)}});
  CHECK(all.span("target").trace_state == "target=1");
  CHECK(all.span("other").attributes == attribute_list{{"k", 1}, {"l", 2}});
  CHECK(all.span("other").trace_state == "other=1");
}

TEST_CASE("spans that ended, and spans that were not sampled, are moved as well") {
  recorded all{{.sampler = std::make_shared<nanospan::parent_based_sampler>()}};
  nanospan::span ended{"ended"};
  ended.end();
  nanospan::span not_sampled{"not sampled", span_context{trace, remote_span, 0, true, "vendor=value"}};
  auto const of_not_sampled = not_sampled.context().span_id();
  ended = std::move(not_sampled);
  CHECK(ended.context().span_id() == of_not_sampled);
  CHECK(ended.context().tracestate() == "vendor=value");
  nanospan::span const last = std::move(ended);
  CHECK(last.context().tracestate() == "vendor=value");
  CHECK(all.count() == 1);
}

TEST_CASE("what is said to a span that has ended is ignored") {
  recorded all;
  nanospan::span span{"span"};
  auto event = span.event("event");
  span.end();
  span.set({"k", 1});
  span.event("late").set({"k", 1});
  span.error("late");
  event.set({"k", 1});
  CHECK(all.span().attributes.empty());
  CHECK(names_of(all.span().events) == std::vector<std::string>{"event"});
  CHECK(all.span().events[0].attributes.empty());
  CHECK(all.span().status == span_status::unset);
  CHECK(all.span().dropped_attributes_count == 0);
}

TEST_CASE("a span's context is usable when the span has ended") {
  recorded all;
  nanospan::span span{"span", span_context{trace, remote_span, 1, true, "vendor=value"}};
  auto const before = span.context();
  span.end();
  CHECK(span.context().valid());
  CHECK(span.context().span_id() == before.span_id());
  CHECK(span.context().tracestate() == "vendor=value");
  CHECK_FALSE(span.context().remote());
  nanospan::span{"child", span.context()}.end();
  CHECK(is_child(all.span("child"), all.span("span")));
}

TEST_CASE("a scoped span needs no macro") {
  recorded all;
  {
    scoped_span outer{"outer"};
    outer.set({"k", 1}).set({"l", 2.5}, {"m", "text"});
    CHECK(outer.recording());
    CHECK(nanospan::current().span_id() == outer.context().span_id());
    scoped_span inner{"inner", span_kind::client};
    CHECK(scoped_span::innermost() == &inner);
    outer.event("said to the outer one");
    inner.error("said to the inner one");
  }
  CHECK(is_child(all.span("inner"), all.span("outer")));
  CHECK(all.span("outer").attributes == attribute_list{{"k", 1}, {"l", 2.5}, {"m", "text"}});
  CHECK(names_of(all.span("outer").events) == std::vector<std::string>{"said to the outer one"});
  CHECK(all.span("inner").status_message == "said to the inner one");
}

// ---- events and status ------------------------------------------------------------------------------------------------------

TEST_CASE("an event has a name, its attributes, and a time of its own") {
  recorded all;
  {
    nanospan::span span{"span"};
    pass(millisecond);
    span.event("first").set({"a", 1}, {"b", "text"}).set({"c", 2.5});
    pass(millisecond);
    span.event("second");
    pass(millisecond);
  }
  auto const span = all.span();
  REQUIRE(span.events.size() == 2);
  CHECK(span.events[0].name == "first");
  CHECK(span.events[0].attributes == attribute_list{{"a", 1}, {"b", "text"}, {"c", 2.5}});
  CHECK(span.events[1].name == "second");
  CHECK(span.events[1].attributes.empty());
  // Half of what passed in between, so that nothing hangs on the clocks' last digits.
  CHECK(span.events[0].time_unix_nano > span.start_time_unix_nano + millisecond / 2);
  CHECK(span.events[1].time_unix_nano > span.events[0].time_unix_nano + millisecond / 2);
  CHECK(span.end_time_unix_nano > span.events[1].time_unix_nano + millisecond / 2);
  CHECK(span.attributes.empty());
}

TEST_CASE("events stay in order, and apart from the span's attributes") {
  recorded all;
  {
    nanospan::span span{"span"};
    span.set({"before", 1});
    span.event("one").set({"k", 1});
    span.set({"between", 2});
    span.event("two").set({"k", 2});
    span.event("three");
    span.set({"after", 3});
  }
  auto const span = all.span();
  CHECK(names_of(span.events) == std::vector<std::string>{"one", "two", "three"});
  CHECK(span.events[0].attributes == attribute_list{{"k", 1}});
  CHECK(span.events[1].attributes == attribute_list{{"k", 2}});
  CHECK(span.attributes == attribute_list{{"before", 1}, {"between", 2}, {"after", 3}});
  CHECK(span.dropped_attributes_count == 0);
}

TEST_CASE("an event that is no longer the last thing said takes no attributes, and that is counted") {
  recorded all;
  {
    nanospan::span span{"span"};
    auto one = span.event("one");
    one.set({"in time", 1});
    auto two = span.event("two");
    one.set({"late", 1});
    two.set({"in time", 2});
    span.set({"k", 1});
    two.set({"late", 1}, {"late as well", 2});
    span.error();
  }
  auto const span = all.span();
  REQUIRE(span.events.size() == 2);
  CHECK(span.events[0].attributes == attribute_list{{"in time", 1}});
  CHECK(span.events[1].attributes == attribute_list{{"in time", 2}});
  CHECK(span.attributes == attribute_list{{"k", 1}});
  CHECK(span.dropped_attributes_count == 3);
}

TEST_CASE("an event of a span that has moved away takes nothing more") {
  recorded all;
  nanospan::span from{"span"};
  auto event = from.event("event");
  nanospan::span to = std::move(from);
  event.set({"k", 1});
  to.end();
  REQUIRE(all.span().events.size() == 1);
  CHECK(all.span().events[0].attributes.empty());
}

TEST_CASE("an event's name and keys may be made at run time") {
  recorded all;
  {
    nanospan::span span{"span"};
    for (std::string name : {"", "e", "eight by", "an event with a longer name"}) {
      std::string key = "key of " + name;
      span.event(copied{name}).set({copied{key}, name}, {"literal", 1}, {copied{key + "!"}, 2});
      name.assign(name.size(), '?');
      key.assign(key.size(), '?');
    }
  }
  auto const span = all.span();
  std::vector<std::string> const names{"", "e", "eight by", "an event with a longer name"};
  CHECK(names_of(span.events) == names);
  for (std::size_t at = 0; at < names.size(); ++at)
    CHECK(span.events[at].attributes ==
          attribute_list{{"key of " + names[at], names[at]}, {"literal", 1}, {"key of " + names[at] + "!", 2}});
}

TEST_CASE("in an event, too, the last value of a key stays") {
  recorded all;
  nanospan::span{"span"}.event("event").set({"k", 1}, {"l", 2}).set({"k", 3});
  CHECK(all.span().events[0].attributes == attribute_list{{"k", 3}, {"l", 2}});
}

TEST_CASE("an event holds 128 attributes, and counts those that come after") {
  recorded all;
  {
    nanospan::span span{"span"};
    auto event = span.event("event");
    for (int i = 0; i < 130; ++i) event.set({copied{std::to_string(i)}, i});
  }
  CHECK(all.span().events[0].attributes.size() == 128);
  CHECK(all.span().events[0].dropped_attributes_count == 2);
  CHECK(all.span().dropped_attributes_count == 0);
}

TEST_CASE("a span holds 128 events, and counts those that come after") {
  recorded all;
  {
    nanospan::span span{"span"};
    for (int i = 0; i < 133; ++i) span.event(copied{std::to_string(i)}).set({"i", i});
  }
  auto const span = all.span();
  REQUIRE(span.events.size() == 128);
  CHECK(span.events.front().name == "0");
  CHECK(span.events.back().name == "127");
  CHECK(span.events.back().attributes == attribute_list{{"i", 127}});
  CHECK(span.dropped_events_count == 5);
  CHECK(span.dropped_attributes_count == 0);
}

TEST_CASE("a span's status is unset until there is an error, and then has its description") {
  recorded all;
  nanospan::span{"fine"}.end();
  {
    nanospan::span span{"failed"};
    span.error("card declined");
  }
  {
    nanospan::span span{"failed without a word"};
    span.error();
  }
  {
    nanospan::span span{"failed with a null pointer"};
    char const* const nothing = nullptr;
    span.error(nothing);
  }
  CHECK(all.span("fine").status == span_status::unset);
  CHECK(all.span("failed").status == span_status::error);
  CHECK(all.span("failed").status_message == "card declined");
  CHECK(all.span("failed without a word").status == span_status::error);
  CHECK(all.span("failed without a word").status_message.empty());
  CHECK(all.span("failed with a null pointer").status == span_status::error);
  CHECK(all.span("failed with a null pointer").status_message.empty());
}

TEST_CASE("of several errors the last one stays") {
  recorded all;
  {
    nanospan::span span{"described"};
    span.error("first");
    span.set({"k", 1});
    span.error("the second, and longer than a word or two");
    span.error("third");
  }
  {
    nanospan::span span{"not described"};
    span.error("first");
    span.error();
  }
  CHECK(all.span("described").status_message == "third");
  CHECK(all.span("described").attributes == attribute_list{{"k", 1}});
  CHECK(all.span("not described").status == span_status::error);
  CHECK(all.span("not described").status_message.empty());
}

TEST_CASE("a span that is not sampled is told in vain") {
  recorded all{{.sampler = std::make_shared<nanospan::always_off_sampler>()}};
  {
    nanospan::span movable{"movable"};
    scoped_span scoped{"scoped"};
    for (nanospan::span_recorder* one :
         {static_cast<nanospan::span_recorder*>(&movable), static_cast<nanospan::span_recorder*>(&scoped)}) {
      CHECK_FALSE(one->recording());
      one->set({"k", letters(1'000)});
      one->event("event").set({"k", 1});
      one->error("error");
    }
    movable.end();
    CHECK(movable.context().valid());
  }
  CHECK(all.count() == 0);
}

// ---- sizes ------------------------------------------------------------------------------------------------------------------

TEST_CASE("entries up to the inline buffer, and past it, arrive whole") {
  recorded all;
  constexpr std::size_t filling = buffer_bytes - name_entry_bytes - short_head_bytes;
  for (std::size_t size = filling - 40; size <= filling + 40; ++size) {
    CAPTURE(size);
    all.clear();
    nanospan::span{"span"}.set({"text", letters(size)});
    CHECK(all.span().attributes == attribute_list{{"text", letters(size)}});
  }
}

TEST_CASE("a text arrives whole where its size begins to need a word of its own") {
  recorded all;
  for (std::size_t size = 1'000; size <= 1'040; ++size) {
    CAPTURE(size);
    all.clear();
    {
      nanospan::span span{"span"};
      span.set({"before", 1}, {"text", letters(size)}, {"after", 2}, {copied{"copied"}, letters(size)});
      span.event("event").set({"text", letters(size)}, {"n", 3});
      span.error(letters(size));
    }
    auto const span = all.span();
    CHECK(span.attributes == attribute_list{{"before", 1}, {"text", letters(size)}, {"after", 2}, {"copied", letters(size)}});
    REQUIRE(span.events.size() == 1);
    CHECK(span.events[0].attributes == attribute_list{{"text", letters(size)}, {"n", 3}});
    CHECK(span.status_message == letters(size));
  }
}

TEST_CASE("a key whose address has a tag in its upper bits is copied") {
  // Empty, so that nobody looks where no characters are.
  struct {
    char const* text;
    std::uint64_t size;
  } const tagged{reinterpret_cast<char const*>(std::uintptr_t{0x0b00'0000'0000'1000}), 0};
  auto const key = std::bit_cast<nanospan::literal>(tagged);
  recorded all;
  {
    nanospan::span span{key};
    span.set({key, 1}, {"k", 2});
    span.event(key).set({"l", 3}, {key, 4});
  }
  auto const span = all.span();
  CHECK(span.name.empty());
  CHECK(span.attributes == attribute_list{{"", 1}, {"k", 2}});
  REQUIRE(span.events.size() == 1);
  CHECK(span.events[0].name.empty());
  CHECK(span.events[0].attributes == attribute_list{{"l", 3}, {"", 4}});
}

TEST_CASE("a span that outgrows its buffer entry by entry arrives whole") {
  recorded all;
  for (std::size_t entries = 1; entries <= 40; ++entries) {
    CAPTURE(entries);
    all.clear();
    attribute_list expected;
    {
      NANOSPAN("span");
      for (std::size_t at = 0; at < entries; ++at) {
        auto const number = static_cast<int>(at);
        NANOSPAN_SET({copied{std::to_string(at)}, number});
        NANOSPAN_EVENT("event", {"number", number}, {"text", letters(at)});
        expected.emplace_back(std::to_string(at), std::int64_t{number});
      }
      NANOSPAN_ERROR(letters(entries));
    }
    auto const span = all.span();
    CHECK(span.name == "span");
    CHECK(span.attributes == expected);
    CHECK(span.status_message == letters(entries));
    REQUIRE(span.events.size() == entries);
    for (std::size_t at = 0; at < entries; ++at)
      CHECK(span.events[at].attributes == attribute_list{{"number", std::int64_t{static_cast<int>(at)}}, {"text", letters(at)}});
  }
}

TEST_CASE("of a million attributes a span keeps what the limits let it, and counts the others") {
  recorded all;
  constexpr std::size_t entries = 1'000'000;
  {
    nanospan::span span{"span"};
    for (std::size_t at = 0; at < entries; ++at) span.set({copied{std::to_string(at)}, static_cast<int>(at)});
  }
  auto const span = all.span();
  REQUIRE(span.attributes.size() == 128);
  CHECK(span.attributes.back() == attribute_list::value_type{"127", 127});
  CHECK(span.dropped_attributes_count == entries - 128);
}

TEST_CASE("a span holds one mebibyte of entries to the byte, and counts what would pass it") {
  recorded all;
  std::string const largest = letters(mebibyte - name_entry_bytes - long_head_bytes);
  nanospan::span{"fits"}.set({"text", largest});
  {
    nanospan::span span{"does not"};
    span.set({"text", letters(largest.size() + 1)}, {"k", 1});
  }
  {
    nanospan::span span{"full"};
    span.set({"text", largest}, {"k", 1}, {"l", 2});
    span.event("event").set({"m", 3});
    span.error("error");
  }
  CHECK(all.span("fits").attributes == attribute_list{{"text", largest}});
  CHECK(all.span("fits").dropped_attributes_count == 0);
  CHECK(all.span("does not").attributes == attribute_list{{"k", 1}});
  CHECK(all.span("does not").dropped_attributes_count == 1);
  CHECK(all.span("full").attributes == attribute_list{{"text", largest}});
  CHECK(all.span("full").dropped_attributes_count == 4);
  CHECK(all.span("full").events.empty());
  CHECK(all.span("full").status == span_status::error);  // without its description
}

TEST_CASE("an error's description is cut where the span is full, between two characters") {
  recorded all;
  constexpr std::size_t left = 8;
  {
    nanospan::span span{"span"};
    span.set({"text", letters(mebibyte - name_entry_bytes - long_head_bytes - short_head_bytes - left)});
    span.error("seven b\xc3\xa9 and more");
  }
  CHECK(all.span().status == span_status::error);
  CHECK(all.span().status_message == "seven b");
  all.clear();
  {
    nanospan::span span{"span"};
    span.error(letters(2 * mebibyte));
  }
  CHECK(all.span().status_message == letters(mebibyte - name_entry_bytes - long_head_bytes));
}

TEST_CASE("what did not fit is counted beside a buffer that is exactly full") {
  recorded all;
  std::string const filling = letters(buffer_bytes - name_entry_bytes - short_head_bytes);
  {
    nanospan::span span{"span"};
    span.set({"text", filling}, {"too much", letters(mebibyte)});
  }
  CHECK(all.span().attributes == attribute_list{{"text", filling}});
  CHECK(all.span().dropped_attributes_count == 1);
}

TEST_CASE("many small entries fill a mebibyte, and the rest is counted") {
  recorded all;
  constexpr std::size_t text_bytes = 504 - 8, entry_bytes = 504, entries = 2'200;
  {
    nanospan::span span{"span"};
    for (std::size_t at = 0; at < entries; ++at) span.set({"the same key", letters(text_bytes)});
    span.set({"k", 1});  // the last bytes are room enough for it
  }
  auto const span = all.span();
  CHECK(span.attributes == attribute_list{{"the same key", letters(text_bytes)}, {"k", 1}});
  CHECK(span.dropped_attributes_count == entries - mebibyte / entry_bytes);
}

TEST_CASE("a value of eight gibibytes is left out without being read") {
  recorded all;
  std::size_t volatile huge = std::size_t{8} << 30;
  std::string_view const text{"a", huge};
  {
    nanospan::span span{"span"};
    span.set({"huge", text}, {copied{"huge"}, text}, {"k", 1});
    span.event("event").set({"huge", text});
  }
  CHECK(all.span().attributes == attribute_list{{"k", 1}});
  CHECK(all.span().events.size() == 1);
  CHECK(all.span().dropped_attributes_count == 3);
}

TEST_CASE("a tracestate for which there is no room is left out and counted") {
  recorded all;
  nanospan::span{"span", span_context{trace, remote_span, 1, true, "vendor=value"}}.set(
      {"text", letters(mebibyte - name_entry_bytes - long_head_bytes)});
  CHECK(all.span().trace_state.empty());
  CHECK(all.span().dropped_attributes_count == 1);
}

TEST_CASE("large spans of many threads arrive whole") {
  recorded all;
  constexpr std::size_t threads = 4, spans = 20;
  std::vector<std::thread> running;
  for (std::size_t thread = 0; thread < threads; ++thread)
    running.emplace_back([] {
      for (std::size_t at = 0; at < spans; ++at) {
        NANOSPAN("span");
        NANOSPAN_SET({"size", at * 1'000}, {"text", letters(at * 1'000)});
      }
    });
  for (auto& thread : running) thread.join();
  auto const exported = all.spans();
  CHECK(exported.size() == threads * spans);
  for (auto const& span : exported) {
    REQUIRE(span.attributes.size() == 2);
    auto const size = static_cast<std::size_t>(std::get<std::int64_t>(span.attributes[0].second));
    CHECK(std::get<std::string>(span.attributes[1].second) == letters(size));
  }
}

// ---- times ------------------------------------------------------------------------------------------------------------------

TEST_CASE("a span's times are Unix time, and its end is not before its start") {
  recorded all;
  std::uint64_t const before = read(CLOCK_REALTIME);
  {
    NANOSPAN("scoped");
    nanospan::span{"movable"}.end();
    pass(millisecond);
  }
  std::uint64_t const after = read(CLOCK_REALTIME);
  // The system may adjust its clock meanwhile.
  constexpr std::uint64_t slack = millisecond;
  for (auto const& span : all.spans()) {
    CHECK(span.start_time_unix_nano >= before - slack);
    CHECK(span.start_time_unix_nano <= span.end_time_unix_nano);
    CHECK(span.end_time_unix_nano <= after + slack);
  }
}

TEST_CASE("a span lasts as long as it was open") {
  recorded all;
  std::uint64_t const before = read(CLOCK_MONOTONIC);
  {
    NANOSPAN("scoped");
    nanospan::span const movable{"movable"};
    pass(5 * millisecond);
  }
  std::uint64_t const at_most = read(CLOCK_MONOTONIC) - before;
  pass(millisecond);
  for (auto const& span : all.spans()) {
    auto const lasted = span.end_time_unix_nano - span.start_time_unix_nano;
    CHECK(lasted >= 5 * millisecond - millisecond / 10);
    CHECK(lasted <= at_most + millisecond / 10);
  }
}

TEST_CASE("a child lies within its parent") {
  recorded all;
  for (int i = 0; i < 60; ++i) {
    NANOSPAN("parent");
    NANOSPAN("child");
    NANOSPAN_EVENT("event");
  }
  auto const spans = all.spans();
  CHECK(spans.size() == 120);
  for (auto const& child : spans) {
    if (child.name != "child") continue;
    auto const parent =
        std::find_if(spans.begin(), spans.end(), [&](auto const& one) { return one.span_id == child.parent_span_id; });
    REQUIRE(parent != spans.end());
    CHECK(parent->start_time_unix_nano <= child.start_time_unix_nano);
    CHECK(child.start_time_unix_nano <= child.events[0].time_unix_nano);
    CHECK(child.events[0].time_unix_nano <= child.end_time_unix_nano);
    CHECK(child.end_time_unix_nano <= parent->end_time_unix_nano);
  }
}

TEST_CASE("a span that is open when the clock is changed ends by the clock that it started with") {
  recorded all;
  auto const expect = [&](std::string_view name, std::uint64_t before, std::uint64_t after) {
    auto const span = all.span(name);
    CHECK(span.start_time_unix_nano >= before - millisecond);
    CHECK(span.end_time_unix_nano <= after + millisecond);
    CHECK(span.end_time_unix_nano - span.start_time_unix_nano >= millisecond / 2);
  };
  std::uint64_t const before = read(CLOCK_REALTIME);
  {
    NANOSPAN("scoped");
    nanospan::span const movable{"movable"};
    pass(millisecond);
    nanospan::detail::recording.word.fetch_or(nanospan::detail::recording_monotonic);
    NANOSPAN("scoped, by the other");
    nanospan::span const other{"movable, by the other"};
    NANOSPAN_EVENT("event");
    pass(millisecond);
  }
  std::uint64_t const after = read(CLOCK_REALTIME);
  for (char const* name : {"scoped", "movable", "scoped, by the other", "movable, by the other"}) expect(name, before, after);
}

// ---- with a provider that is not there, or no more --------------------------------------------------------------------------

TEST_CASE("a span that is open when its provider ends is a counted drop, with what it owns") {
  std::optional<recorded> all{std::in_place};
  auto const before = nanospan::stats();
  {
    NANOSPAN("scoped");
    nanospan::span small{"small"};
    nanospan::span large{"large", span_context{trace, remote_span, 1, true, "vendor=value"}};
    large.set({"text", letters(10'000)});
    all.reset();
    large.set({"text", letters(20'000)});
  }
  CHECK(since(before).dropped.after_shutdown == 3);
  CHECK(since(before).ended == 3);
}

TEST_CASE("a span that is open when one provider follows another arrives at the second") {
  std::optional<recorded> first{std::in_place};
  nanospan::span open{"open"};
  first.reset();
  recorded second;
  open.end();
  CHECK(second.span().name == "open");
}

TEST_CASE("a span that started without a provider is counted once, whatever comes later") {
  auto const before = nanospan::stats();
  {
    std::optional<support::no_provider_yet> none{std::in_place};
    NANOSPAN("scoped");
    nanospan::span movable{"movable"};
    none.reset();
    recorded all;
    NANOSPAN("with one");
    movable.set({"k", 1});
    movable.end();
    CHECK(all.count() == 0);
  }
  CHECK(since(before).dropped.no_provider == 2);
}

TEST_CASE("what was current before a scoped_span with a parent of its own is current again after it, with its trace and tracestate") {
  recorded all;
  trace_id const other_trace{std::array<std::uint8_t, 16>{7}};
  span_id const other_span{std::array<std::uint8_t, 8>{7}};
  for (std::string const outer_state : {"", "outer=1"}) {
    for (std::string const other_state : {"", "other=2"}) {
      for (std::uint8_t const flags : {std::uint8_t{0}, std::uint8_t{1}}) {
        CAPTURE(outer_state, other_state, flags);
        nanospan::context_scope const here{{trace_id{std::array<std::uint8_t, 16>{1}}, span_id{std::array<std::uint8_t, 8>{1}}, 1, true, outer_state}};
        nanospan::scoped_span const outer{"outer"};
        auto const is_outer = [&](span_context const& now) {
          return now.trace_id() == outer.context().trace_id() && now.span_id() == outer.context().span_id() && now.tracestate() == outer_state;
        };
        {
          nanospan::scoped_span const within{"within", {.parent = span_context{other_trace, other_span, flags, true, other_state}}};
          CHECK(nanospan::current().trace_id() == other_trace);
          CHECK(nanospan::current().tracestate() == other_state);
          CHECK(nanospan::current().sampled() == (flags == 1));
          NANOSPAN("child");
          CHECK(nanospan::current().trace_id() == other_trace);
        }
        CHECK(is_outer(nanospan::current()));
        { nanospan::scoped_span const root{"root", {.parent = nanospan::no_parent}}; }
        CHECK(is_outer(nanospan::current()));
      }
    }
  }
}
