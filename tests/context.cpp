// SPDX-License-Identifier: Apache-2.0

#include <nanospan/context.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using nanospan::span_context;
using nanospan::span_id;
using nanospan::trace_id;
using support::recorded;

namespace {

constexpr trace_id trace{std::array<std::uint8_t, 16>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
constexpr trace_id other_trace{std::array<std::uint8_t, 16>{16, 15}};
constexpr span_id span{std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8}};
constexpr span_id other_span{std::array<std::uint8_t, 8>{8, 7}};

bool same(span_context const& a, span_context const& b) {
  return a.trace_id() == b.trace_id() && a.span_id() == b.span_id() && a.trace_flags() == b.trace_flags() &&
         a.remote() == b.remote() && a.tracestate() == b.tracestate();  // not the baggage: it is no part of who the span is
}

}  // namespace

TEST_CASE("a context without a value is invalid, not sampled, not remote, and has no tracestate") {
  span_context const none;
  CHECK_FALSE(none.valid());
  CHECK_FALSE(none.sampled());
  CHECK_FALSE(none.remote());
  CHECK(none.trace_flags() == 0);
  CHECK(none.tracestate().empty());
}

TEST_CASE("a context is valid when both of its ids are") {
  CHECK(span_context{trace, span, 0}.valid());
  CHECK_FALSE(span_context{trace, span_id{}, 1}.valid());
  CHECK_FALSE(span_context{trace_id{}, span, 1}.valid());
}

TEST_CASE("a context holds what it was made of") {
  span_context const context{trace, span, 0xa5, true, "vendor=value"};
  CHECK(context.trace_id() == trace);
  CHECK(context.span_id() == span);
  CHECK(context.trace_flags() == 0xa5);
  CHECK(context.sampled());
  CHECK(context.remote());
  CHECK(context.tracestate() == "vendor=value");
}

TEST_CASE("only the lowest flag says that a context is sampled") {
  CHECK(span_context{trace, span, 0x01}.sampled());
  CHECK_FALSE(span_context{trace, span, 0xfe}.sampled());
}

TEST_CASE("a context copies the text of its tracestate") {
  std::string text = "vendor=value";
  span_context const context{trace, span, 1, false, text};
  text.assign(text.size(), 'x');
  CHECK(context.tracestate() == "vendor=value");
}

TEST_CASE("copies of a context share its tracestate, and keep it when the original has gone") {
  std::optional<span_context> original{std::in_place, trace, span, std::uint8_t{3}, true, "vendor=value"};
  span_context const copy = *original;
  CHECK(same(copy, *original));
  CHECK(copy.tracestate().data() == original->tracestate().data());
  span_context const copy_of_copy = copy;
  original.reset();
  CHECK(copy.tracestate() == "vendor=value");
  CHECK(copy_of_copy.tracestate() == "vendor=value");
}

TEST_CASE("a moved context takes its tracestate along") {
  span_context from{trace, span, 3, true, "vendor=value"};
  char const* const text = from.tracestate().data();
  span_context const to = std::move(from);
  CHECK(same(to, {trace, span, 3, true, "vendor=value"}));
  CHECK(to.tracestate().data() == text);
  CHECK(from.tracestate().empty());  // NOLINT: what is left is a context without one
}

TEST_CASE("an assigned context is the other one") {
  span_context const other{other_trace, other_span, 2, true, "other=1"};
  span_context context{trace, span, 1, false, "vendor=value"};
  context = other;
  CHECK(same(context, other));
  CHECK(context.tracestate().data() == other.tracestate().data());
  context = span_context{trace, span, 1, false, "third=1"};
  CHECK(same(context, {trace, span, 1, false, "third=1"}));
  context = span_context{};
  CHECK(same(context, {}));
  CHECK(other.tracestate() == "other=1");
}

TEST_CASE("a context assigned to itself stays what it is") {
  span_context context{trace, span, 1, true, "vendor=value"};
  span_context& itself = context;
  context = itself;
  CHECK(same(context, {trace, span, 1, true, "vendor=value"}));
  context = std::move(itself);
  CHECK(same(context, {trace, span, 1, true, "vendor=value"}));
}

TEST_CASE("a tracestate of 65,535 bytes is kept, and one that is longer is not") {
  std::string const longest(65'535, 'x');
  CHECK(span_context{trace, span, 1, false, longest}.tracestate() == longest);
  span_context const without{trace, span, 1, false, std::string(65'537, 'x')};
  CHECK(without.tracestate().empty());
  CHECK(without.valid());
}

TEST_CASE("a context with another baggage, or tracestate, keeps everything else") {
  span_context const context{trace, span, 3, true, "vendor=value"};
  auto const both = context.with_baggage("user=42");
  CHECK(same(both, context));
  CHECK(both.baggage() == "user=42");
  CHECK(context.baggage().empty());
  CHECK(same(both.with_tracestate("other=1"), {trace, span, 3, true, "other=1"}));
  CHECK(both.with_tracestate("other=1").baggage() == "user=42");
  CHECK(both.with_baggage("").baggage().empty());
  CHECK(same(both.with_baggage("").with_tracestate(""), {trace, span, 3, true}));
}

TEST_CASE("baggage needs no trace") {
  CHECK(span_context{trace, span_id{}, 1, false, "vendor=value"}.with_baggage("user=42").tracestate().empty());
  auto const alone = span_context{}.with_baggage("user=42");
  CHECK_FALSE(alone.valid());
  CHECK(alone.baggage() == "user=42");
  nanospan::context_scope const here{alone};
  CHECK(nanospan::current().baggage() == "user=42");
  CHECK_FALSE(nanospan::current().valid());
}

TEST_CASE("baggage of 65,535 bytes is kept, and one that is longer is not") {
  std::string const longest(65'535, 'x');
  span_context const context{trace, span, 1, false, longest};
  CHECK(context.with_baggage(longest).baggage() == longest);
  CHECK(context.with_baggage(longest).tracestate() == longest);
  CHECK(context.with_baggage(longest + "x").baggage().empty());
  CHECK(context.with_baggage(longest + "x").tracestate() == longest);
}

TEST_CASE("a tracestate may be any bytes") {
  std::string_view const bytes{"a\0b\xff", 4};
  CHECK(span_context{trace, span, 1, false, bytes}.tracestate() == bytes);
}

TEST_CASE("contexts that share a tracestate are copied and dropped on many threads at once") {
  std::vector<std::thread> threads;
  std::vector<int> right(4);
  {
    span_context const shared{trace, span, 1, true, "vendor=value"};
    for (int& all_right : right)
      threads.emplace_back([&all_right, mine = shared] {
        all_right = 1;
        for (int i = 0; i < 2'000; ++i) {
          span_context const copy = mine;
          span_context assigned;
          assigned = copy;
          if (assigned.tracestate() != "vendor=value") all_right = 0;
        }
      });
  }
  for (auto& thread : threads) thread.join();
  CHECK(right == std::vector<int>(4, 1));
}

TEST_CASE("where no span is open the current context is invalid") {
  CHECK_FALSE(nanospan::current().valid());
  recorded const all;
  CHECK_FALSE(nanospan::current().valid());
}

TEST_CASE("asking for the current context takes no slot") {
  bool valid = true, slot = true;
  support::in_a_thread([&] {
    valid = nanospan::current().valid();
    slot = nanospan::detail::this_thread.slot != nullptr;
  });
  CHECK_FALSE(valid);
  CHECK_FALSE(slot);
}

TEST_CASE("the current context is that of the innermost open span, and the one before when it has ended") {
  recorded all;
  span_context outer, inner, after;
  {
    NANOSPAN("outer");
    outer = nanospan::current();
    {
      NANOSPAN("inner");
      inner = nanospan::current();
    }
    after = nanospan::current();
  }
  CHECK_FALSE(nanospan::current().valid());
  CHECK(same(after, outer));
  CHECK(outer.span_id() == all.span("outer").span_id);
  CHECK(outer.trace_id() == all.span("outer").trace_id);
  CHECK(inner.span_id() == all.span("inner").span_id);
  CHECK_FALSE(inner.remote());
}

TEST_CASE("a thread's current context is its own") {
  recorded const all;
  NANOSPAN("here");
  bool valid = true;
  support::in_a_thread([&] { valid = nanospan::current().valid(); });
  CHECK_FALSE(valid);
}

TEST_CASE("the current context outlives its scope and its thread, tracestate and all") {
  recorded const all;
  span_context kept, of_span;
  support::in_a_thread([&] {
    nanospan::context_scope const here{{trace, span, 1, true, "vendor=value"}};
    kept = nanospan::current();
    NANOSPAN("inside");
    of_span = nanospan::current();
  });
  CHECK(same(kept, {trace, span, 1, true, "vendor=value"}));
  CHECK(of_span.trace_id() == trace);
  CHECK(of_span.tracestate() == "vendor=value");
}

TEST_CASE("a text of any length is copied whole, and nothing beyond it is touched") {
  std::string text;
  for (char c = 'a'; text.size() < 70; c = c == 'z' ? 'a' : static_cast<char>(c + 1)) text += c;
  for (std::size_t size = 0; size <= text.size(); ++size) {
    CAPTURE(size);
    std::string const exact = text.substr(0, size);  // so that reading too far is a fault that sanitizers see
    std::vector<std::byte> place(size + 8, std::byte{0xee});
    nanospan::detail::copy_text(place.data(), exact.data(), size);
    std::string copy;
    for (std::size_t at = 0; at < size; ++at) copy += static_cast<char>(place[at]);
    CHECK(copy == exact);
    CHECK(std::vector<std::byte>(place.end() - 8, place.end()) == std::vector<std::byte>(8, std::byte{0xee}));
  }
}
