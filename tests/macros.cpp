// SPDX-License-Identifier: Apache-2.0

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#if defined(__cpp_impl_coroutine)
#include <coroutine>
#include <thread>
#endif

using nanospan::attribute_list;
using nanospan::span_context;
using nanospan::span_data;
using nanospan::span_id;
using nanospan::span_kind;
using nanospan::span_status;
using nanospan::trace_id;
using support::recorded;
using support::since;

namespace {

constexpr trace_id trace{std::array<std::uint8_t, 16>{1, 2, 3}};
constexpr span_id remote_span{std::array<std::uint8_t, 8>{1, 2, 3}};

bool is_child(span_data const& child, span_data const& parent) {
  return child.trace_id == parent.trace_id && child.parent_span_id == parent.span_id && !(child.span_id == parent.span_id);
}

// A value that knows how often it was asked for.
struct evaluated {
  int times = 0;
  int operator()() { return ++times; }
};

// Every macro with a value.
void use_all(evaluated& value) {
  NANOSPAN("internal", {"value", value()});
  NANOSPAN_SERVER("server", {"value", value()});
  NANOSPAN_CLIENT("client", {"value", value()});
  NANOSPAN_PRODUCER("producer", {"value", value()});
  NANOSPAN_CONSUMER("consumer", {"value", value()});
  NANOSPAN_FUNCTION({"value", value()});
  NANOSPAN_SET({"set", value()});
  NANOSPAN_EVENT("event", {"value", value()});
  NANOSPAN_ERROR(std::to_string(value()));
}
constexpr int values_in_use_all = 9;

}  // namespace

// ---- what is evaluated, and when --------------------------------------------------------------------------------------------

TEST_CASE("values are evaluated once for a span that is recorded") {
  recorded all;
  evaluated value;
  use_all(value);
  CHECK(value.times == values_in_use_all);
  CHECK(all.span("internal").attributes == attribute_list{{"value", 1}});
  CHECK(all.span("consumer").attributes == attribute_list{{"value", 5}});
  auto const function = all.span("use_all");
  CHECK(function.attributes == attribute_list{{"value", 6}, {"set", 7}});
  REQUIRE(function.events.size() == 1);
  CHECK(function.events[0].attributes == attribute_list{{"value", 8}});
  CHECK(function.status_message == "9");
}

TEST_CASE("values are not evaluated for a span that is not sampled") {
  recorded const all{{.sampler = std::make_shared<nanospan::always_off_sampler>()}};
  evaluated value;
  use_all(value);
  nanospan::context_scope const here{span_context{trace, remote_span, 1, true, "vendor=value"}};
  use_all(value);
  CHECK(value.times == 0);
}

TEST_CASE("values are not evaluated under a parent that is not sampled") {
  recorded const all;
  nanospan::context_scope const here{span_context{trace, remote_span, 0, true}};
  evaluated value;
  use_all(value);
  CHECK(value.times == 0);
}

TEST_CASE("values are not evaluated without a provider") {
  support::no_provider_yet const none;
  evaluated value;
  use_all(value);
  support::in_a_thread([&] { use_all(value); });
  CHECK(value.times == 0);
}

TEST_CASE("values are not evaluated after the provider's end") {
  { recorded const all; }
  evaluated value;
  use_all(value);
  CHECK(value.times == 0);
}

TEST_CASE("values are not evaluated where no span is open") {
  recorded const all;
  evaluated value;
  NANOSPAN_SET({"value", value()});
  NANOSPAN_EVENT("event", {"value", value()});
  NANOSPAN_ERROR(std::to_string(value()));
  CHECK(value.times == 0);
}

TEST_CASE("values are evaluated when their span is the current one") {
  recorded all;
  auto const traced = [](char const* text) {
    NANOSPAN("among the values");
    return text;
  };
  { NANOSPAN("span", {"first", traced("1")}, {"second", traced("2")}, {"span", nanospan::current().span_id().hex()}); }
  auto const span = all.span("span");
  CHECK(span.attributes == attribute_list{{"first", "1"}, {"second", "2"}, {"span", std::string{span.span_id.hex().view()}}});
  auto const spans = all.spans();
  REQUIRE(spans.size() == 3);
  for (auto const& one : spans)
    if (one.name == "among the values") CHECK(is_child(one, span));
}

TEST_CASE("temporaries among the values live long enough") {
  recorded all;
  {
    NANOSPAN("span", {"text", std::string(100, 'x')}, {"view", std::string_view{std::string(50, 'y')}},
             {"c_str", std::string(60, 'z').c_str()});
    NANOSPAN_SET({"set", std::string(70, 's').c_str()});
    NANOSPAN_EVENT("event", {"k", std::string(80, 'e').c_str()});
  }
  CHECK(all.span().attributes == attribute_list{{"text", std::string(100, 'x')},
                                                {"view", std::string(50, 'y')},
                                                {"c_str", std::string(60, 'z')},
                                                {"set", std::string(70, 's')}});
  CHECK(all.span().events[0].attributes == attribute_list{{"k", std::string(80, 'e')}});
}

// ---- names and kinds --------------------------------------------------------------------------------------------------------

TEST_CASE("each macro makes a span of its kind") {
  recorded all;
  {
    NANOSPAN("internal");
    NANOSPAN_SERVER("server");
    NANOSPAN_CLIENT("client");
    NANOSPAN_PRODUCER("producer");
    NANOSPAN_CONSUMER("consumer");
  }
  evaluated value;
  use_all(value);
  for (auto const& one : all.spans()) {
    CAPTURE(one.name);
    auto const expected = one.name == "server"     ? span_kind::server
                          : one.name == "client"   ? span_kind::client
                          : one.name == "producer" ? span_kind::producer
                          : one.name == "consumer" ? span_kind::consumer
                                                   : span_kind::internal;
    CHECK(one.kind == expected);
  }
}

namespace {

void plain_function() { NANOSPAN_FUNCTION(); }
struct of_a_class {
  void member() { NANOSPAN_FUNCTION({"k", 1}); }
  static void static_member() { NANOSPAN_FUNCTION(); }
};
template <typename T>
void function_template() {
  NANOSPAN_FUNCTION({"size", sizeof(T)});
}

}  // namespace

TEST_CASE("NANOSPAN_FUNCTION names the function that it stands in") {
  recorded all;
  plain_function();
  of_a_class{}.member();
  of_a_class::static_member();
  function_template<char>();
  [] { NANOSPAN_FUNCTION(); }();
  all.span("plain_function");
  CHECK(all.span("member").attributes == attribute_list{{"k", 1}});
  all.span("static_member");
  CHECK(all.span("function_template").attributes == attribute_list{{"size", 1}});
  all.span("operator()");
  CHECK(all.count() == 5);
}

// ---- the innermost span -----------------------------------------------------------------------------------------------------

namespace {

void said_by_a_callee() {
  NANOSPAN_SET({"callee", true});
  NANOSPAN_EVENT("callee");
}

}  // namespace

TEST_CASE("NANOSPAN_SET, NANOSPAN_EVENT and NANOSPAN_ERROR reach the innermost open span, from a callee too") {
  recorded all;
  auto const before = nanospan::stats();
  {
    NANOSPAN("outer");
    NANOSPAN_SET({"before", 1});
    {
      NANOSPAN("inner");
      said_by_a_callee();
      NANOSPAN_ERROR("inner failed");
    }
    NANOSPAN_SET({"after", 2});
    NANOSPAN_EVENT("after", {"k", 1});
  }
  CHECK(all.span("outer").attributes == attribute_list{{"before", 1}, {"after", 2}});
  REQUIRE(all.span("outer").events.size() == 1);
  CHECK(all.span("outer").events[0].attributes == attribute_list{{"k", 1}});
  CHECK(all.span("outer").status == span_status::unset);
  CHECK(all.span("inner").attributes == attribute_list{{"callee", true}});
  CHECK(all.span("inner").events.size() == 1);
  CHECK(all.span("inner").status_message == "inner failed");
  CHECK(since(before).misused == 0);
}

TEST_CASE("a movable span is not reached by NANOSPAN_SET") {
  recorded all;
  {
    NANOSPAN("scoped");
    nanospan::span const movable{"movable"};
    NANOSPAN_SET({"k", 1});
  }
  CHECK(all.span("scoped").attributes == attribute_list{{"k", 1}});
  CHECK(all.span("movable").attributes.empty());
}

TEST_CASE("under a span that is not sampled nothing is reached, and nothing is wrong") {
  recorded all{{.sampler = std::make_shared<nanospan::parent_based_sampler>()}};
  auto const before = nanospan::stats();
  {
    NANOSPAN("outer");
    nanospan::context_scope const here{span_context{trace, remote_span, 0}};
    NANOSPAN("not sampled");
    NANOSPAN_SET({"k", 1});
    NANOSPAN_EVENT("event");
    NANOSPAN_ERROR("error");
  }
  CHECK(all.span().name == "outer");
  CHECK(all.span().attributes.empty());
  CHECK(since(before).misused == 0);
}

TEST_CASE("where no span is open NANOSPAN_SET, NANOSPAN_EVENT and NANOSPAN_ERROR do nothing, and are counted") {
  recorded all;
  { NANOSPAN("ended"); }
  auto const before = nanospan::stats();
  NANOSPAN_SET({"k", 1}, {"l", 2});
  CHECK(since(before).misused == 1);
  NANOSPAN_EVENT("event", {"k", 1});
  CHECK(since(before).misused == 2);
  NANOSPAN_ERROR("error");
  CHECK(since(before).misused == 3);
  CHECK(all.span().attributes.empty());
  CHECK(since(before).ended == 0);
}

TEST_CASE("on a thread that has not recorded they are counted as well") {
  recorded const all;
  auto const before = nanospan::stats();
  support::in_a_thread([] {
    NANOSPAN_SET({"k", 1});
    NANOSPAN_EVENT("event");
    NANOSPAN_ERROR("error");
  });
  CHECK(since(before).misused == 3);
}

TEST_CASE("without a provider no span is open, and that is no mistake") {
  { NANOSPAN("so that this thread has recorded"); }
  support::no_provider_yet const none;
  auto const before = nanospan::stats();
  NANOSPAN("span");
  NANOSPAN_SET({"k", 1});
  NANOSPAN_EVENT("event");
  NANOSPAN_ERROR("error");
  CHECK(since(before).misused == 0);
}

TEST_CASE("a value may itself open spans, and tell them and the one around it things") {
  recorded all;
  auto const value = [](int n) {
    NANOSPAN_EVENT("before", {"n", n});
    NANOSPAN_SET({"by a value", true});
    NANOSPAN("inner", {"n", n});
    NANOSPAN_SET({"again", n});
    return n;
  };
  {
    NANOSPAN("outer");
    NANOSPAN_SET({"k", value(1)});
    NANOSPAN_EVENT("event", {"k", value(2)}, {"l", 3});
    NANOSPAN_ERROR(std::to_string(value(4)));
  }
  auto const outer = all.span("outer");
  CHECK(outer.attributes == attribute_list{{"by a value", true}, {"k", 1}});
  CHECK(outer.status_message == "4");
  CHECK(outer.dropped_attributes_count == 0);
  REQUIRE(outer.events.size() == 4);
  for (auto const& event : outer.events)
    if (event.name == "event") CHECK(event.attributes == attribute_list{{"k", 2}, {"l", 3}});
  CHECK(all.count() == 4);
}

TEST_CASE("NANOSPAN_ERROR needs no description, and takes a null pointer for none") {
  recorded all;
  char const* const nothing = nullptr;
  {
    NANOSPAN("without");
    NANOSPAN_ERROR();
  }
  {
    NANOSPAN("null");
    NANOSPAN_ERROR(nothing);
  }
  for (char const* name : {"without", "null"}) {
    CHECK(all.span(name).status == span_status::error);
    CHECK(all.span(name).status_message.empty());
  }
}

// ---- where a macro may stand ------------------------------------------------------------------------------------------------

TEST_CASE("structured bindings are values as all others") {
  recorded all;
  {
    auto const [number, text] = std::pair{1, std::string{"one"}};
    NANOSPAN("span", {"number", number}, {"text", text});
    auto [a, b] = std::tuple<bool, double>{true, 2.5};
    NANOSPAN_SET({"a", a}, {"b", b});
    NANOSPAN_EVENT("event", {"text", text});
  }
  CHECK(all.span().attributes == attribute_list{{"number", 1}, {"text", "one"}, {"a", true}, {"b", 2.5}});
  CHECK(all.span().events[0].attributes == attribute_list{{"text", "one"}});
}

TEST_CASE("in lambdas a macro sees captures, and reaches the span of the lambda") {
  recorded all;
  {
    NANOSPAN("outer");
    int const n = 1;
    std::string const text = "text";
    auto const by_reference = [&] {
      NANOSPAN("by reference", {"n", n});
      NANOSPAN_SET({"text", text});
      auto const by_value = [n, text](auto const& generic) {
        NANOSPAN("by value", {"n", n}, {"generic", generic});
        NANOSPAN_SET({"text", text});
      };
      by_value(2.5);
    };
    by_reference();
    NANOSPAN_SET({"n", n});
  }
  CHECK(all.span("outer").attributes == attribute_list{{"n", 1}});
  CHECK(all.span("by reference").attributes == attribute_list{{"n", 1}, {"text", "text"}});
  CHECK(all.span("by value").attributes == attribute_list{{"n", 1}, {"generic", 2.5}, {"text", "text"}});
  CHECK(is_child(all.span("by value"), all.span("by reference")));
  CHECK(is_child(all.span("by reference"), all.span("outer")));
}

namespace {

template <typename Value>
void in_a_template(Value const& value) {
  NANOSPAN("in a template", {"value", value});
  NANOSPAN_SET({"again", value});
}
template <typename... Values>
void of_a_pack(Values const&... values) {
  NANOSPAN("of a pack", {"count", sizeof...(values)});
  ([&] { NANOSPAN("one of a pack", {"value", values}); }(), ...);
}

}  // namespace

TEST_CASE("in templates a macro takes values of the template's types") {
  recorded all;
  in_a_template(1);
  CHECK(all.span().attributes == attribute_list{{"value", 1}, {"again", 1}});
  all.clear();
  in_a_template(std::string{"text"});
  CHECK(all.span().attributes == attribute_list{{"value", "text"}, {"again", "text"}});
  all.clear();
  of_a_pack(1, 2.5, "three");
  CHECK(all.count() == 4);
  CHECK(all.span("of a pack").attributes == attribute_list{{"count", 3}});
  for (auto const& one : all.spans())
    if (one.name == "one of a pack") CHECK(is_child(one, all.span("of a pack")));
}

TEST_CASE("a macro in a loop makes a span each time around, and ends it") {
  recorded all;
  {
    NANOSPAN("loop");
    for (int i = 0; i < 3; ++i) NANOSPAN("iteration", {"i", i});
    for (int i = 3; i < 10; ++i) {
      NANOSPAN("iteration", {"i", i});
      if (i == 4) continue;
      if (i == 5) break;
      NANOSPAN_SET({"whole", true});
    }
  }
  auto const loop = all.span("loop");
  std::vector<bool> seen(6);
  for (auto const& one : all.spans()) {
    if (one.name != "iteration") continue;
    CHECK(is_child(one, loop));
    auto const i = static_cast<std::size_t>(std::get<std::int64_t>(one.attributes.at(0).second));
    REQUIRE(i < seen.size());
    seen[i] = true;
    CHECK(one.attributes.size() == (i == 3 ? 2 : 1));
  }
  CHECK(seen == std::vector<bool>(6, true));
}

TEST_CASE("a macro in the initialiser of an if lasts as long as the if") {
  recorded all;
  if (NANOSPAN("if", {"k", 1}); all.count() == 0) {
    NANOSPAN_SET({"inside", true});
  } else {
    NANOSPAN_SET({"inside", false});
  }
  CHECK(all.span().attributes == attribute_list{{"k", 1}, {"inside", true}});
}

TEST_CASE("a function that records itself recursively keeps its spans apart") {
  recorded all;
  auto const descend = [](auto const& self, int depth) -> void {
    NANOSPAN("descend", {"depth", depth});
    if (depth != 0) self(self, depth - 1);
    NANOSPAN_SET({"again", depth});
  };
  descend(descend, 3);
  CHECK(all.count() == 4);
  for (auto const& one : all.spans()) {
    REQUIRE(one.attributes.size() == 2);
    CHECK(one.attributes[0].second == one.attributes[1].second);
  }
}

// ---- coroutines -------------------------------------------------------------------------------------------------------------

#if defined(__cpp_impl_coroutine)

namespace {

// Starts when it is awaited, and goes on in its awaiter when it is done.
template <typename T>
class task {
 public:
  struct promise_type {
    task get_return_object() { return task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct go_on {
        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> done) const noexcept {
          return done.promise().awaiter;
        }
        void await_resume() const noexcept {}
      };
      return go_on{};
    }
    void return_value(T result) { value = std::move(result); }
    void unhandled_exception() { throw; }

    T value{};
    std::coroutine_handle<> awaiter = std::noop_coroutine();
  };

  explicit task(std::coroutine_handle<promise_type> handle) : handle_{handle} {}
  task(task&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
  task& operator=(task&&) = delete;
  ~task() {
    if (handle_) handle_.destroy();
  }
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    handle_.promise().awaiter = awaiter;
    return handle_;
  }
  T await_resume() { return std::move(handle_.promise().value); }

  void resume() { handle_.resume(); }
  T run() {
    handle_.resume();
    return std::move(handle_.promise().value);
  }

 private:
  std::coroutine_handle<promise_type> handle_;
};

class generator {
 public:
  struct promise_type {
    generator get_return_object() { return generator{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(int next) noexcept {
      value = next;
      return {};
    }
    void return_void() {}
    void unhandled_exception() { throw; }
    int value = 0;
  };

  explicit generator(std::coroutine_handle<promise_type> handle) : handle_{handle} {}
  generator(generator&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
  generator& operator=(generator&&) = delete;
  ~generator() {
    if (handle_) handle_.destroy();
  }
  std::optional<int> next() {
    handle_.resume();
    return handle_.done() ? std::nullopt : std::optional{handle_.promise().value};
  }

 private:
  std::coroutine_handle<promise_type> handle_;
};

task<int> leaf(int n) {
  NANOSPAN("leaf", {"n", n});
  co_return n;
}
task<std::string> text_leaf(std::string text) {
  NANOSPAN_FUNCTION({"text", text});
  co_return text + "!";
}
task<int> awaiting() {
  NANOSPAN("awaiting", {"leaf", co_await leaf(1)}, {"text", co_await text_leaf(std::string(40, 'x'))}, {"plain", 2});
  NANOSPAN_SET({"set", co_await leaf(2)});
  NANOSPAN_EVENT("event", {"leaf", co_await leaf(3)}, {"text", co_await text_leaf("short")});
  auto const [first, second] = std::pair{co_await leaf(4), co_await leaf(5)};
  NANOSPAN("bindings", {"first", first}, {"second", second});
  co_return first + second;
}
task<int> in_vain(evaluated& value) {
  NANOSPAN("awaiting", {"leaf", co_await leaf(value())});
  NANOSPAN_SET({"set", co_await leaf(value())});
  NANOSPAN_EVENT("event", {"leaf", co_await leaf(value())});
  co_return 1;
}
generator numbers(int count) {
  for (int i = 0; i < count; ++i) {
    { NANOSPAN("produce", {"i", i}); }
    co_yield i;
  }
}

}  // namespace

TEST_CASE("in a coroutine the values may co_await") {
  recorded all;
  CHECK(awaiting().run() == 9);
  auto const span = all.span("awaiting");
  CHECK(span.attributes == attribute_list{{"leaf", 1}, {"text", std::string(40, 'x') + "!"}, {"plain", 2}, {"set", 2}});
  REQUIRE(span.events.size() == 1);
  CHECK(span.events[0].attributes == attribute_list{{"leaf", 3}, {"text", "short!"}});
  CHECK(all.span("bindings").attributes == attribute_list{{"first", 4}, {"second", 5}});
  std::size_t leaves = 0;
  for (auto const& one : all.spans()) {
    if (one.name != "leaf" && one.name != "text_leaf") continue;
    ++leaves;
    CHECK(is_child(one, span));
  }
  CHECK(leaves == 7);
}

TEST_CASE("in a coroutine, too, nothing is evaluated or awaited for a span that is not recorded") {
  recorded all{{.sampler = std::make_shared<nanospan::always_off_sampler>()}};
  evaluated value;
  CHECK(in_vain(value).run() == 1);
  CHECK(value.times == 0);
  CHECK(all.count() == 0);
}

TEST_CASE("a generator's spans are children of whoever asks for the next value") {
  recorded all;
  auto const before = nanospan::stats();
  {
    NANOSPAN("outer");
    generator three = numbers(3);
    while (auto const i = three.next()) NANOSPAN("consume", {"i", *i});
  }
  auto const outer = all.span("outer");
  CHECK(all.count() == 7);
  for (auto const& one : all.spans())
    if (one.name != "outer") CHECK(is_child(one, outer));
  CHECK(since(before).misused == 0);
}

TEST_CASE("a coroutine that another thread resumes ends its span there, counted and whole") {
  struct suspend_once {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    void await_resume() const noexcept {}
  };
  recorded all;
  auto const before = nanospan::stats();
  support::in_a_thread([] {
    auto wandering = [](int n) -> task<int> {
      NANOSPAN("wandering", {"n", n});
      co_await suspend_once{};
      NANOSPAN("there");
      NANOSPAN_SET({"where", "there"});
      co_return n;
    }(1);
    wandering.resume();
    support::in_a_thread([&] { wandering.resume(); });
  });
  CHECK(all.count() == 2);
  CHECK(all.span("wandering").attributes == attribute_list{{"n", 1}});
  CHECK(all.span("there").attributes == attribute_list{{"where", "there"}});
  CHECK(since(before).misused == 1);
  CHECK(since(before).ended == 2);
}

TEST_CASE("a coroutine that is dropped while it is suspended ends its span") {
  recorded all;
  {
    NANOSPAN("outer");
    auto dropped = []() -> task<int> {
      NANOSPAN("dropped");
      co_await std::suspend_always{};
      co_return 1;
    }();
    dropped.resume();
  }
  CHECK_FALSE(nanospan::current().valid());
  CHECK(is_child(all.span("dropped"), all.span("outer")));
}

#endif
