// SPDX-License-Identifier: Apache-2.0

// The account under load, to the span: what the program counted itself, what stats() says, and the distinct ids that a sink in another
// process took.

#include <nanospan.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"
#include "support/sink_process.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using nanospan::stats;
using nanospan::stats_snapshot;

namespace {

// `threads` threads in all, `at_once` of them alive at a time, each for a share of `spans`. `pause` is called every 128 spans.
template <typename Pause>
void record(std::uint64_t spans, unsigned threads, unsigned at_once, Pause const& pause) {
  std::uint64_t const share = spans / threads;
  std::vector<std::thread> alive;
  for (unsigned started = 0; started < threads; ++started) {
    if (alive.size() == at_once) {
      alive.front().join();
      alive.erase(alive.begin());
    }
    alive.emplace_back([&] {
      for (std::uint64_t i = 0; i < share; i += 2) {
        NANOSPAN("parent", {"i", i});
        { NANOSPAN("child"); }
        if (i % 128 == 0) pause();
      }
    });
  }
  for (std::thread& one : alive) one.join();
}

// Goes on when less is held than one ring has room for: the rings suffice however slow the machine is.
void wait_for_room() {
  while (stats().held > 3'000) std::this_thread::sleep_for(200us);
}

void show(stats_snapshot const& now, sink_process::account const& sink) {
  auto const& lost = now.dropped;
  std::printf("ended %llu = exported %llu + rejected %llu + unconfirmed %llu + held %llu + dropped (ring full %llu, queue full %llu, failed %llu, other %llu); "
              "sink: %llu distinct ids of %llu spans in %llu requests\n",
              static_cast<unsigned long long>(now.ended), static_cast<unsigned long long>(now.exported), static_cast<unsigned long long>(now.rejected),
              static_cast<unsigned long long>(now.unconfirmed), static_cast<unsigned long long>(now.held), static_cast<unsigned long long>(lost.ring_full),
              static_cast<unsigned long long>(lost.queue_full), static_cast<unsigned long long>(lost.export_failed),
              static_cast<unsigned long long>(lost.total() - lost.ring_full - lost.queue_full - lost.export_failed),
              static_cast<unsigned long long>(sink.distinct), static_cast<unsigned long long>(sink.spans), static_cast<unsigned long long>(sink.requests));
}

constexpr std::uint64_t ten_million = 10'000'000;

}  // namespace

TEST_CASE("ten million spans of a hundred threads that come and go all arrive when the rings suffice") {
  stats_snapshot const before = stats();
  sink_process sink{NANOSPAN_TEST_SINK};
  {
    nanospan::tracer_provider tracing{{.endpoint = sink.endpoint(), .shutdown_limit = 60s}};
    record(ten_million, 100, 4, wait_for_room);
    REQUIRE(tracing.flush(60s));
  }
  stats_snapshot const now = support::since(before);
  auto const received = sink.finish();
  show(now, received);
  CHECK(now.ended == ten_million);
  CHECK(now.exported == ten_million);
  CHECK(now.accounted() == ten_million);
  CHECK(received.distinct == ten_million);
  CHECK(received.spans == ten_million);
}

TEST_CASE("ten million spans of a hundred threads that come and go are all accounted for when the rings do not suffice") {
  stats_snapshot const before = stats();
  sink_process sink{NANOSPAN_TEST_SINK};
  {
    nanospan::tracer_provider tracing{{.endpoint = sink.endpoint(), .ring_bytes = 64u << 10, .shutdown_limit = 60s}};
    record(ten_million, 100, 4, [] {});
  }
  stats_snapshot const now = support::since(before);
  auto const received = sink.finish();
  show(now, received);
  CHECK(now.dropped.ring_full > 0);
  CHECK(now.ended == ten_million);
  CHECK(now.accounted() == ten_million);
  CHECK(now.held == 0);
  CHECK(now.exported == received.distinct);
  CHECK(received.spans == received.distinct);
}

TEST_CASE("a collector that hangs for ten seconds costs no ring a span") {
  constexpr auto hang = 10s;
  constexpr std::uint64_t spans_a_millisecond = 10;
  std::uint64_t recorded = 0;
  stats_snapshot const before = stats();
  sink_process sink{NANOSPAN_TEST_SINK};
  {
    nanospan::tracer_provider tracing{{.endpoint = sink.endpoint(), .schedule_delay = 100ms, .shutdown_limit = 60s}};
    auto const record_for = [&](auto time) {
      auto const start = std::chrono::steady_clock::now();
      // What is due by the clock, so that a late wake-up is made up for and the rate is what it says; after a long one in several turns,
      // none larger than a ring.
      std::uint64_t done = 0;
      for (auto elapsed = 0ns; elapsed < time; std::this_thread::sleep_for(1ms)) {
        elapsed = std::chrono::steady_clock::now() - start;
        std::uint64_t const due = std::min(static_cast<std::uint64_t>(elapsed / 1ms) * spans_a_millisecond, done + 2'000);
        for (; done < due; ++done, ++recorded) {
          NANOSPAN("tick", {"number", recorded}, {"who", "load"});
        }
      }
    };
    record_for(500ms);
    REQUIRE(tracing.flush(10s));
    sink.hang();
    record_for(hang);
    stats_snapshot const during = support::since(before);
    CHECK(during.dropped.total() == 0);
    CHECK(during.held > 0);  // it did hang
    sink.go_on();
    // The first attempt may have timed out by now, and its spans wait for another.
    auto const deadline = std::chrono::steady_clock::now() + 60s;
    while (!tracing.flush(10s) && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(10ms);
  }
  stats_snapshot const now = support::since(before);
  auto const received = sink.finish();
  show(now, received);
  CHECK(now.ended == recorded);
  CHECK(recorded > 100'000);
  CHECK(now.dropped.ring_full == 0);
  CHECK(now.exported == recorded);
  CHECK(now.accounted() == recorded);
  CHECK(received.distinct == recorded);
}
