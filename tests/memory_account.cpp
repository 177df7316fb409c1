// SPDX-License-Identifier: Apache-2.0

#include <nanospan/detail/memory_account.hpp>

#include <nanospan/collector.hpp>
#include <nanospan/macros.hpp>
#include <nanospan/sender.hpp>
#include <nanospan/wire.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"
#include "support/scripted.hpp"

#include <atomic>
#include <cstdint>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace detail = nanospan::detail;
using detail::memory_account;
using detail::memory_charge;
using detail::span_memory;

namespace {

// As good as full for a while, but for so many bytes.
class nearly_full {
 public:
  explicit nearly_full(std::uint64_t left) { span_memory.set_limit(span_memory.used() + left, 0); }
  nearly_full(nearly_full const&) = delete;
  nearly_full& operator=(nearly_full const&) = delete;
  ~nearly_full() { span_memory.set_limit(limit_, 0); }

 private:
  std::uint64_t limit_ = span_memory.limit();
};

std::uint64_t left_out(nanospan::span_data const& span) { return span.dropped_attributes_count; }

}  // namespace

TEST_CASE("what is charged counts until it is released, and what would pass the limit changes nothing") {
  memory_account account;
  account.set_limit(100, 30);
  CHECK(account.charge(60));
  CHECK_FALSE(account.charge(41));
  CHECK(account.used() == 60);
  CHECK(account.charge(40));
  CHECK_FALSE(account.charge(1));
  CHECK(account.charge(0));
  CHECK_FALSE(account.charge(~std::uint64_t{0}));
  account.release(100);
  CHECK(account.used() == 0);
}

TEST_CASE("recording leaves alone what encoding will take") {
  memory_account account;
  account.set_limit(100, 30);
  CHECK_FALSE(account.charge_recording(71));
  CHECK(account.charge_recording(70));
  CHECK_FALSE(account.charge_recording(1));
  CHECK_FALSE(account.has_room_to_record(1));
  CHECK(account.take_refused() == 1);
  CHECK(account.take_refused() == 0);
  CHECK(account.charge(30));
  account.release(50);
  CHECK(account.has_room_to_record(20));
  account.set_limit(20, 30);
  CHECK_FALSE(account.charge_recording(0 + 1));
}

TEST_CASE("to release more than was charged leaves nothing, and not everything") {
  memory_account account;
  account.set_limit(100, 0);
  CHECK(account.charge(10));
  account.release(11);
  CHECK(account.used() == 0);
  CHECK(account.charge(40));
  account.reset();
  CHECK(account.used() == 0);
}

TEST_CASE("however many threads charge at once the limit is never passed") {
  memory_account account;
  constexpr std::uint64_t limit = 1'000;
  account.set_limit(limit, 0);
  std::atomic<bool> passed{false};
  std::vector<std::thread> threads;
  for (unsigned n = 1; n <= 4; ++n)
    threads.emplace_back([&, n] {
      for (unsigned i = 0; i < 20'000; ++i) {
        std::uint64_t const bytes = 100 * n + i % 97;
        bool const charged = account.charge(bytes);
        if (account.used() > limit) passed = true;
        if (charged) account.release(bytes);
      }
    });
  for (std::thread& one : threads) one.join();
  CHECK_FALSE(passed);
  CHECK(account.used() == 0);
}

TEST_CASE("a charge is given back once, by whoever holds it last") {
  auto const before = span_memory.used();
  {
    memory_charge first;
    REQUIRE(first.add(100));
    memory_charge second{std::move(first)};
    CHECK(span_memory.used() == before + 100);
    memory_charge third;
    REQUIRE(third.add(10));
    third = std::move(second);
    CHECK(span_memory.used() == before + 100);
  }
  CHECK(span_memory.used() == before);
}

TEST_CASE("a span that outgrows its buffer is charged for its block while the block lives") {
  support::recorded all;
  { NANOSPAN("small"); }
  REQUIRE(all.count() == 1);
  all.clear();
  auto const before = span_memory.used();
  std::string const text(20'000, 'x');
  {
    nanospan::span span{"large"};
    span.set({"text", text});
    CHECK(span_memory.used() - before > text.size());
    nanospan::span moved{std::move(span)};
    moved.set({"again", text});
    CHECK(span_memory.used() - before > 2 * text.size());
  }
  CHECK(span_memory.used() - before > 2 * text.size());  // the record's now
  CHECK(all.span().attributes.size() == 2);
  { NANOSPAN("medium", {"text", std::string(1'000, 'x')}); }
  REQUIRE(all.count() == 2);
  CHECK(span_memory.used() - before <= 1u << 20);  // what the encoder keeps at hand
}

TEST_CASE("a block that the account refuses is not taken: what it was for is left out, counted, and the span arrives") {
  support::recorded all;
  {
    nearly_full const for_now{2'000};
    nanospan::span span{"large"};
    span.set({"short", 1}, {"text", std::string(20'000, 'x')}, {"medium", std::string(600, 'x')}, {"last", 2});
  }
  auto const span = all.span();
  CHECK(span.attributes == nanospan::attribute_list{{"short", 1}, {"medium", std::string(600, 'x')}, {"last", 2}});
  CHECK(left_out(span) == 1);
}

TEST_CASE("what is written is charged as it grows, and given back when it shrinks or goes") {
  auto const before = span_memory.used();
  {
    detail::reverse_writer out;
    out.require(10'000);
    CHECK(out.capacity() == 10'000);
    CHECK(span_memory.used() == before + 10'000);
    out.raw("text");
    out.require(10'000);  // half as much again, at least
    CHECK(span_memory.used() == before + out.capacity());
    CHECK(out.view() == "text");
    detail::reverse_writer moved{std::move(out)};
    CHECK(moved.view() == "text");
    moved.shrink();
    CHECK(moved.view() == "text");
    CHECK(moved.capacity() == 4'096);
    CHECK(span_memory.used() == before);
    nearly_full const for_now{5'000};
    CHECK_THROWS_AS(moved.require(10'000), std::bad_alloc);
    CHECK(moved.view() == "text");
    moved.require(4'996);
    CHECK(span_memory.used() <= span_memory.limit());
  }
  CHECK(span_memory.used() == before);
}

TEST_CASE("where spans want memory that batches have the oldest of these leave the queue") {
  auto const exporter = std::make_shared<support::scripted_exporter>();
  auto const before = nanospan::stats();
  nanospan::options with{.exporter = exporter, .max_batch_spans = 8, .max_batch_bytes = 64u << 10, .ring_bytes = 16u << 10, .ring_memory_limit_bytes = 32u << 10,
                         .background_thread = false, .on_message = [](std::string_view) noexcept {}};
  with.memory_limit_bytes = (32u << 10) + (8u << 20);
  {
    nanospan::tracer_provider tracing{with};
    auto const rings = nanospan::stats().ring_memory_bytes;
    auto const limit = nanospan::stats().memory_limit_bytes;
    CHECK(limit >= with.memory_limit_bytes);
    CHECK(limit <= with.memory_limit_bytes + rings);  // those that other tests have had
    exporter->next(nanospan::export_result::outcome::retry, 1'000);
    for (int i = 0; i < 400; ++i) {
      { NANOSPAN("large", {"text", std::string(60'000, 'x')}); }
      tracing.poll();
      REQUIRE(nanospan::stats().memory_bytes <= limit);
    }
    CHECK(nanospan::stats().dropped.queue_full > before.dropped.queue_full);
    CHECK(nanospan::stats().queue_bytes > 4u << 20);
    CHECK(nanospan::stats().queue_bytes < 8u << 20);
  }
  auto const now = support::since(before);
  CHECK(now.ended == 400);
  CHECK(now.dropped.no_memory == 0);
  CHECK(now.dropped.queue_full + now.dropped.shutdown + now.dropped.export_failed == 400);
  CHECK(span_memory.used() == 0);
}

TEST_CASE("where letting go of all batches would not give a span its memory they stay") {
  auto const exporter = std::make_shared<support::scripted_exporter>();
  auto const before = nanospan::stats();
  nanospan::options with{.exporter = exporter, .max_batch_spans = 1, .max_batch_bytes = 64u << 10, .ring_bytes = 16u << 10, .ring_memory_limit_bytes = 32u << 10,
                         .background_thread = false, .on_message = [](std::string_view) noexcept {}};
  with.memory_limit_bytes = (32u << 10) + (8u << 20);
  {
    nanospan::tracer_provider tracing{with};
    exporter->next(nanospan::export_result::outcome::retry, 1'000);
    std::string const text(600'000, 'x');  // in a block of one mebibyte
    std::vector<nanospan::span> open;
    for (int i = 0; i < 7; ++i) {
      open.push_back(nanospan::span{"open"});
      open.back().set({"text", text});
    }
    for (int i = 0; i < 5; ++i) {
      { NANOSPAN("small"); }
      tracing.poll();
    }
    std::uint64_t const waiting = nanospan::stats().queue_bytes;
    CHECK(waiting > 0);
    open.push_back(nanospan::span{"one too many"});
    open.back().set({"text", text});
    tracing.poll();
    CHECK(nanospan::stats().queue_bytes == waiting);
    CHECK(nanospan::stats().dropped.queue_full == before.dropped.queue_full);
  }
  CHECK(span_memory.used() == 0);
}

TEST_CASE("where nothing is left to let go of a span without memory is a counted drop, and the next one that fits arrives") {
  support::recorded all;
  auto const before = nanospan::stats();
  std::string const text(100'000, 'x');
  { NANOSPAN("too large now", {"text", text}); }
  {
    nearly_full const for_now{10'000};
    { NANOSPAN("small"); }
    CHECK(all.spans().size() == 1);
  }
  CHECK(nanospan::stats().dropped.no_memory == before.dropped.no_memory + 1);
  { NANOSPAN("large", {"text", text}); }
  CHECK(all.span("large").attributes.size() == 1);
  auto const now = nanospan::stats();
  CHECK(now.ended == now.accounted());
}
