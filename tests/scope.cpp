// SPDX-License-Identifier: Apache-2.0

#include <nanospan/scope.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <barrier>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>

using nanospan::context_scope;
using nanospan::scoped_span;
using nanospan::span_context;
using nanospan::span_id;
using nanospan::trace_id;
using support::recorded;
using support::since;

namespace {

constexpr trace_id trace{std::array<std::uint8_t, 16>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
constexpr trace_id other_trace{std::array<std::uint8_t, 16>{16, 15}};
constexpr span_id span{std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8}};
constexpr span_id other_span{std::array<std::uint8_t, 8>{8, 7}};

constexpr std::uint32_t parent_known = 0x100, parent_remote = 0x200;

bool is_child(nanospan::span_data const& child, nanospan::span_data const& parent) {
  return child.trace_id == parent.trace_id && child.parent_span_id == parent.span_id && !(child.span_id == parent.span_id);
}

}  // namespace

TEST_CASE("what starts in a context_scope is a child of its context") {
  recorded all;
  {
    context_scope const here{{trace, span, 1}};
    NANOSPAN("scoped");
    nanospan::span{"handed over"}.end();
  }
  CHECK(all.span("scoped").trace_id == trace);
  CHECK(all.span("scoped").parent_span_id == span);
  CHECK(all.span("handed over").trace_id == trace);
  CHECK(all.span("handed over").parent_span_id == all.span("scoped").span_id);
}

TEST_CASE("a context that went to another thread is the parent there") {
  recorded all;
  {
    NANOSPAN("here");
    support::in_a_thread([context = nanospan::current()] {
      context_scope const there{context};
      NANOSPAN("there");
      NANOSPAN("below");
    });
    NANOSPAN("still here");
  }
  CHECK(is_child(all.span("there"), all.span("here")));
  CHECK(is_child(all.span("below"), all.span("there")));
  CHECK(is_child(all.span("still here"), all.span("here")));
}

TEST_CASE("a context outlives its span, as a parent too") {
  recorded all;
  span_context context;
  {
    NANOSPAN("ended");
    context = nanospan::current();
  }
  {
    context_scope const later{context};
    NANOSPAN("later");
  }
  CHECK(is_child(all.span("later"), all.span("ended")));
}

TEST_CASE("a span whose parent is in another process says so, and its children do not") {
  recorded all;
  {
    context_scope const here{{trace, span, 1, true}};
    NANOSPAN("server");
    NANOSPAN("inside");
  }
  nanospan::span{"handed over", span_context{trace, span, 1, true}}.end();
  CHECK(all.span("server").flags == (0x01 | parent_known | parent_remote));
  CHECK(all.span("inside").flags == (0x01 | parent_known));
  CHECK(all.span("handed over").flags == (0x01 | parent_known | parent_remote));
}

TEST_CASE("a span whose parent is in this process, and a root, say that no parent is elsewhere") {
  recorded all;
  {
    NANOSPAN("root");
    context_scope const here{nanospan::current()};
    NANOSPAN("child");
  }
  CHECK((all.span("root").flags & (parent_known | parent_remote)) == parent_known);
  CHECK((all.span("child").flags & (parent_known | parent_remote)) == parent_known);
}

TEST_CASE("context scopes nest, and each puts back what it found") {
  recorded all;
  {
    NANOSPAN("outermost");
    auto const before = nanospan::current();
    {
      context_scope const outer{{trace, span, 1}};
      NANOSPAN("in outer");
      {
        context_scope const inner{{other_trace, other_span, 1}};
        NANOSPAN("in inner");
      }
      NANOSPAN("in outer again");
    }
    CHECK(nanospan::current().span_id() == before.span_id());
    CHECK(nanospan::current().trace_id() == before.trace_id());
    NANOSPAN("in outermost");
  }
  CHECK_FALSE(nanospan::current().valid());
  CHECK(all.span("in outer").parent_span_id == span);
  CHECK(all.span("in inner").trace_id == other_trace);
  CHECK(all.span("in inner").parent_span_id == other_span);
  CHECK(is_child(all.span("in outer again"), all.span("in outer")));
  CHECK(is_child(all.span("in outermost"), all.span("outermost")));
}

TEST_CASE("a scope of an invalid context makes roots, and the outer trace goes on after it") {
  recorded all;
  {
    NANOSPAN("outer");
    for (auto const& invalid :
         {span_context{}, span_context{trace, span_id{}, 1, true, "vendor=value"}, span_context{trace_id{}, span, 1}}) {
      context_scope const detached{invalid};
      CHECK_FALSE(nanospan::current().valid());
      CHECK(nanospan::current().tracestate().empty());
      NANOSPAN("detached");
    }
    NANOSPAN("attached");
  }
  std::size_t detached = 0;
  for (auto const& one : all.spans()) {
    if (one.name != "detached") continue;
    ++detached;
    CHECK_FALSE(one.parent_span_id.valid());
    CHECK_FALSE(one.trace_id == all.span("outer").trace_id);
    CHECK_FALSE(one.trace_id == trace);
    CHECK((one.flags & (parent_known | parent_remote)) == parent_known);
    CHECK(one.trace_state.empty());
  }
  CHECK(detached == 3);
  CHECK(is_child(all.span("attached"), all.span("outer")));
}

TEST_CASE("a context_scope that an exception leaves puts back what it found") {
  recorded const all;
  NANOSPAN("outer");
  auto const before = nanospan::current().span_id();
  try {
    context_scope const here{{trace, span, 1}};
    NANOSPAN("inner");
    throw 1;
  } catch (int) {
  }
  CHECK(nanospan::current().span_id() == before);
}

TEST_CASE("a tracestate is inherited by all that descend from it, and exported with them") {
  recorded all;
  {
    context_scope const here{{trace, span, 1, true, "vendor=value,other=1"}};
    NANOSPAN("child");
    CHECK(nanospan::current().tracestate() == "vendor=value,other=1");
    {
      NANOSPAN("grandchild", {"k", 1});
      CHECK(nanospan::current().tracestate() == "vendor=value,other=1");
      nanospan::span handed_over{"handed over"};
      CHECK(handed_over.context().tracestate() == "vendor=value,other=1");
      support::in_a_thread([moved = std::move(handed_over)]() mutable { moved.set({"k", 1}); });
    }
    scoped_span const by_name{nanospan::copied{std::string{"by name"}}};
    CHECK(by_name.context().tracestate() == "vendor=value,other=1");
    CHECK(nanospan::current().tracestate() == "vendor=value,other=1");
  }
  for (char const* name : {"child", "grandchild", "handed over", "by name"})
    CHECK(all.span(name).trace_state == "vendor=value,other=1");
  CHECK(all.span("grandchild").attributes == nanospan::attribute_list{{"k", 1}});
  CHECK(all.span("handed over").attributes == nanospan::attribute_list{{"k", 1}});
}

TEST_CASE("a tracestate stays in its scope") {
  recorded all;
  {
    NANOSPAN("before");
    {
      context_scope const outer{{trace, span, 1, true, "outer=1"}};
      {
        context_scope const without{{other_trace, other_span, 1, true}};
        CHECK(nanospan::current().tracestate().empty());
        NANOSPAN("without");
      }
      {
        context_scope const inner{{other_trace, other_span, 1, true, "inner=1"}};
        NANOSPAN("inner");
      }
      CHECK(nanospan::current().tracestate() == "outer=1");
      NANOSPAN("outer");
    }
    CHECK(nanospan::current().tracestate().empty());
    NANOSPAN("after");
  }
  NANOSPAN("open");
  CHECK(all.span("before").trace_state.empty());
  CHECK(all.span("without").trace_state.empty());
  CHECK(all.span("inner").trace_state == "inner=1");
  CHECK(all.span("outer").trace_state == "outer=1");
  CHECK(all.span("after").trace_state.empty());
  CHECK(nanospan::current().tracestate().empty());
}

TEST_CASE("a span that is not sampled passes its tracestate on") {
  recorded all;
  context_scope const here{{trace, span, 0, true, "vendor=value"}};
  NANOSPAN("not sampled");
  CHECK(nanospan::current().tracestate() == "vendor=value");
  NANOSPAN("below");
  CHECK(nanospan::current().tracestate() == "vendor=value");
  CHECK(nanospan::span{"handed over"}.context().tracestate() == "vendor=value");
  CHECK(all.count() == 0);
}

TEST_CASE("a long tracestate arrives whole") {
  std::string const text(5'000, 't');
  recorded all;
  {
    context_scope const here{{trace, span, 1, true, text}};
    NANOSPAN("child", {"k", 1});
  }
  CHECK(all.span().trace_state == text);
  CHECK(all.span().attributes == nanospan::attribute_list{{"k", 1}});
}

TEST_CASE("in a context_scope there is no open span to set anything on, and trying is counted") {
  recorded all;
  auto const before = nanospan::stats();
  {
    NANOSPAN("outer");
    context_scope const here{nanospan::current()};
    NANOSPAN_SET({"k", 1});
    NANOSPAN_EVENT("event");
    NANOSPAN_ERROR("error");
  }
  CHECK(since(before).misused == 3);
  CHECK(all.span().attributes.empty());
  CHECK(all.span().events.empty());
  CHECK(all.span().status == nanospan::span_status::unset);
}

TEST_CASE("scopes closed out of order are counted, and their spans arrive with the parents that they had") {
  recorded all;
  auto const before = nanospan::stats();
  support::in_a_thread([] {
    std::unique_ptr<scoped_span> outer{new scoped_span{"outer"}};
    std::unique_ptr<scoped_span> inner{new scoped_span{"inner"}};
    outer.reset();
    inner.reset();
    context_scope const afresh{span_context{}};
    NANOSPAN("afterwards");
    NANOSPAN_SET({"k", 1});
  });
  CHECK(since(before).misused == 1);
  CHECK(since(before).ended == 3);
  CHECK(is_child(all.span("inner"), all.span("outer")));
  CHECK_FALSE(all.span("outer").parent_span_id.valid());
  CHECK_FALSE(all.span("afterwards").parent_span_id.valid());
  CHECK(all.span("afterwards").attributes == nanospan::attribute_list{{"k", 1}});
}

TEST_CASE("a span that was closed out of order is not reached any more") {
  recorded all;
  auto const before = nanospan::stats();
  support::in_a_thread([] {
    std::unique_ptr<scoped_span> outer{new scoped_span{"outer"}};
    std::unique_ptr<scoped_span> inner{new scoped_span{"inner"}};
    outer.reset();
    inner.reset();
    NANOSPAN_SET({"k", 1});  // what was current before `inner` is `outer`, which is gone
  });
  CHECK(since(before).misused == 2);
  CHECK(all.span("outer").attributes.empty());
}

TEST_CASE("a span that is closed on another thread is counted, arrives, and is not reached any more") {
  recorded all;
  auto const before = nanospan::stats();
  std::unique_ptr<scoped_span> wanders;
  std::barrier<> turn{2};
  std::thread opener{[&] {
    wanders.reset(new scoped_span{"wanders"});
    turn.arrive_and_wait();
    turn.arrive_and_wait();
    NANOSPAN_SET({"too late", 1});
    NANOSPAN("next");
    NANOSPAN_SET({"k", 1});
  }};
  turn.arrive_and_wait();
  {
    NANOSPAN("closer's own");
    wanders->set({"from", "elsewhere"});
    wanders.reset();
    NANOSPAN_SET({"own", true});
    NANOSPAN("closer's child");
  }
  CHECK_FALSE(nanospan::current().valid());
  CHECK(since(before).misused == 1);
  turn.arrive_and_wait();
  opener.join();
  CHECK(since(before).misused == 2);
  CHECK(since(before).ended == 4);
  CHECK(all.count() == 4);
  CHECK(all.span("wanders").attributes == nanospan::attribute_list{{"from", "elsewhere"}});
  CHECK(all.span("closer's own").attributes == nanospan::attribute_list{{"own", true}});
  CHECK(is_child(all.span("closer's child"), all.span("closer's own")));
  CHECK(all.span("next").attributes == nanospan::attribute_list{{"k", 1}});
}

TEST_CASE("a span whose thread has exited can be closed on another, counted") {
  recorded all;
  auto const before = nanospan::stats();
  std::unique_ptr<scoped_span> left_open;
  support::in_a_thread([&] { left_open.reset(new scoped_span{"left open"}); });
  left_open.reset();
  CHECK(since(before).misused == 1);
  CHECK(all.span().name == "left open");
  CHECK_FALSE(nanospan::current().valid());
}

TEST_CASE("a context_scope that is closed on another thread changes nothing there") {
  recorded all;
  auto const before = nanospan::stats();
  std::optional<context_scope> left_open;
  support::in_a_thread([&] { left_open.emplace(span_context{trace, span, 1, true, "vendor=value"}); });
  {
    NANOSPAN("here");
    left_open.reset();
    NANOSPAN("below");
  }
  CHECK(since(before).misused == 1);
  CHECK(is_child(all.span("below"), all.span("here")));
  CHECK(all.span("below").trace_state.empty());
}

TEST_CASE("a tracestate whose scope was closed out of order is not looked at any more") {
  recorded all;
  std::string of_current = "unread";
  support::in_a_thread([&] {
    auto context = std::make_unique<context_scope>(span_context{trace, span, 1, true, "vendor=value"});
    std::unique_ptr<scoped_span> inside{new scoped_span{"inside"}};
    context.reset();
    inside.reset();  // the last owner of the tracestate
    { NANOSPAN("afterwards"); }
    of_current = nanospan::current().tracestate();
  });
  CHECK(of_current.empty());
  CHECK(all.span("inside").trace_state == "vendor=value");
  CHECK(all.span("afterwards").trace_state.empty());
}

TEST_CASE("a current context whose tracestate went out of order is shared out without it") {
  recorded const all;
  std::string of_current = "unread";
  support::in_a_thread([&] {
    auto context = std::make_unique<context_scope>(span_context{trace, span, 1, true, "vendor=value"});
    std::unique_ptr<scoped_span> inside{new scoped_span{"inside"}};
    context.reset();
    inside.reset();
    of_current = nanospan::current().tracestate();
  });
  CHECK(of_current.empty());
}

TEST_CASE("a scope is not taken for another one that lay at its address and was closed elsewhere") {
  recorded all;
  alignas(context_scope) std::byte place[sizeof(context_scope)];
  auto const open = [&](span_context const& context) { return ::new (static_cast<void*>(place)) context_scope{context}; };
  auto const before = nanospan::stats();
  std::barrier<> turn{2};
  context_scope* wanders = nullptr;
  span_id of_current = span;
  std::thread other{[&] {
    wanders = open({trace, span, 1});
    turn.arrive_and_wait();  // closed meanwhile; this thread still has its address
    turn.arrive_and_wait();
    wanders->~context_scope();
    of_current = nanospan::current().span_id();
    NANOSPAN_SET({"not mine", 1});
    turn.arrive_and_wait();
  }};
  span_id of_mine;
  std::thread one{[&] {
    turn.arrive_and_wait();
    wanders->~context_scope();
    {
      // Once out of order here as well, so that both threads have lost one scope.
      std::unique_ptr<scoped_span> outer{new scoped_span{"outer"}};
      scoped_span const inner{"inner"};
      outer.reset();
    }
    NANOSPAN("mine");
    of_mine = nanospan::current().span_id();
    wanders = open({other_trace, other_span, 1});
    turn.arrive_and_wait();
    turn.arrive_and_wait();
  }};
  one.join();
  other.join();
  CHECK_FALSE(of_current == of_mine);
  CHECK(all.span("mine").attributes.empty());
  // Both wandering scopes, the one out of order, what "mine" finds when it ends, and the attribute that had no span.
  CHECK(since(before).misused == 5);
}
