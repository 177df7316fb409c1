// SPDX-License-Identifier: Apache-2.0

// Threads that come and go leave nothing behind: not a span, not a slot, not a byte. With a provider as a program has it, its background
// thread included, and a sink in another process. The last fact is also run under valgrind.

#include <nanospan.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"
#include "support/resources.hpp"
#include "support/sink_process.hpp"
#include "support/slots.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

using namespace std::chrono_literals;
using nanospan::stats;
using nanospan::stats_snapshot;

namespace {

constexpr std::uint64_t spans_a_thread = 5;

// Of every kind that owns something: a heap block, of its own or handed to the background thread with the record, a tracestate, both; handed
// on by a context, and by a move.
void work(std::uint64_t number) {
  static std::string const larger_than_a_record(5'000, 'x');
  static std::string const larger_than_the_span(1'000, 'x');
  static std::string const tracestate(300, 's');
  nanospan::context_scope const arrived{{nanospan::trace_id{{1}}, nanospan::span_id{{2}}, nanospan::sampled_flag, true, tracestate}};
  NANOSPAN_SERVER("request", {"number", number});
  { NANOSPAN("large", {"text", larger_than_a_record}); }
  {
    nanospan::context_scope const other{{nanospan::trace_id{{3}}, nanospan::span_id{{4}}, nanospan::sampled_flag}};
    NANOSPAN("small");
    NANOSPAN_EVENT("event", {"text", larger_than_the_span});
  }
  nanospan::span first{"moved"};
  first.set({"text", larger_than_the_span});
  nanospan::span second{std::move(first)};
  nanospan::context_scope const inside{second.context()};
  nanospan::scoped_span{nanospan::copied{larger_than_the_span}}.error("as well");
}

struct memory {
  std::uint64_t ring_bytes;
  std::size_t slots;
  std::uint64_t resident_bytes;
};
memory used() {
  memory now{nanospan::detail::registry.ring_memory_bytes.load(), support::count_slots(), 0};
#if defined(__GLIBC__)
  ::malloc_trim(0);  // what is free and not given back would be noise
#endif
  now.resident_bytes = support::resident_bytes();
  return now;
}

constexpr std::size_t between_flushes = 250;

// One after another. Flushed now and then, so that however slow the machine is the same number of slots waits to be drained at most.
void come_and_go(nanospan::tracer_provider& tracing, std::size_t threads, std::size_t between = between_flushes) {
  for (std::size_t i = 1; i <= threads; ++i) {
    std::thread{work, i}.join();
    if (i % between == 0 || i == threads) REQUIRE(tracing.flush(60s));
  }
}
// Alive at once: as many slots as ever wait between two flushes, so that those to come find theirs.
void live_at_once(nanospan::tracer_provider& tracing, std::size_t threads) {
  std::atomic<std::size_t> there{0};
  std::vector<std::thread> all;
  for (std::size_t i = 0; i < threads; ++i)
    all.emplace_back([&, i] {
      work(i);
      ++there;
      there.notify_all();
      for (std::size_t seen = 0; (seen = there) != threads;) there.wait(seen);
    });
  for (auto& one : all) one.join();
  REQUIRE(tracing.flush(60s));
}

}  // namespace

TEST_CASE("forty thousand threads one after another all trace, and the last thirty thousand take no memory") {
  // What the allocator has at hand grows until a thousand batches have been through it, and moves by one or two mebibytes from look to look:
  // the least of the late looks is held against the most of the early ones. That and the bound are 90 bytes a thread: less than the blocks that a
  // thread or its spans own.
  constexpr std::uint64_t resident_bound = 512u << 10;
  constexpr std::size_t looks = 8;
  constexpr std::size_t warming_threads = 8'000;
  constexpr std::size_t early_threads = 2'000;
  constexpr std::size_t late_threads = 30'000;
  constexpr std::uint64_t recorded = (between_flushes + warming_threads + early_threads + late_threads) * spans_a_thread;
  stats_snapshot const before = stats();
  sink_process sink{NANOSPAN_TEST_SINK};
  {
    nanospan::tracer_provider tracing{{.endpoint = sink.endpoint(), .shutdown_limit = 60s}};
    live_at_once(tracing, between_flushes);
    come_and_go(tracing, warming_threads);
    memory early{};
    for (std::size_t look = 0; look < looks; ++look) {
      come_and_go(tracing, early_threads / looks);
      memory const now = used();
      early = {now.ring_bytes, now.slots, std::max(early.resident_bytes, now.resident_bytes)};
    }
    come_and_go(tracing, late_threads / 2);
    memory late{0, 0, ~std::uint64_t{0}};
    for (std::size_t look = 0; look < looks; ++look) {
      come_and_go(tracing, late_threads / 2 / looks + (look < late_threads / 2 % looks ? 1 : 0));
      memory const now = used();
      late = {now.ring_bytes, now.slots, std::min(late.resident_bytes, now.resident_bytes)};
    }
    std::printf("after 10,000 threads %zu slots, %llu KiB resident; after 40,000 %zu slots, %llu KiB resident\n", early.slots,
                static_cast<unsigned long long>(early.resident_bytes >> 10), late.slots, static_cast<unsigned long long>(late.resident_bytes >> 10));
    CHECK(early.slots <= between_flushes + 2);  // this thread's, and the next one's
    CHECK(late.slots == early.slots);
    CHECK(late.ring_bytes == early.ring_bytes);
    CHECK(late.ring_bytes <= 64u << 20);
    REQUIRE(early.resident_bytes > 0);
    CHECK(late.resident_bytes <= early.resident_bytes + resident_bound);
  }
  stats_snapshot const now = support::since(before);
  auto const received = sink.finish();
  CHECK(now.ended == recorded);
  CHECK(now.exported == recorded);
  CHECK(now.dropped.total() == 0);
  CHECK(received.spans == recorded);
  CHECK(received.distinct == recorded);
}

TEST_CASE("threads that come and go or live at once leave no block behind") {
  constexpr std::size_t at_once = 50, one_after_another = 150;
  constexpr std::uint64_t recorded = (at_once + one_after_another) * spans_a_thread;
  stats_snapshot const before = stats();
  sink_process sink{NANOSPAN_TEST_SINK};
  {
    // The same small ring again and again: what still lies in a ring looks as if somebody could reach it.
    nanospan::tracer_provider tracing{{.endpoint = sink.endpoint(), .ring_bytes = 16u << 10, .shutdown_limit = 60s}};
    live_at_once(tracing, at_once);
    come_and_go(tracing, one_after_another, 1);
  }
  CHECK(support::since(before).exported == recorded);
  CHECK(sink.finish().distinct == recorded);
}
