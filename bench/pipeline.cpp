// SPDX-License-Identifier: Apache-2.0

// What the background half costs, and what recording feels of it: a second thread, a collector that drains on the other core, bursts,
// many threads, seconds at full rate into a sink in another process, and a whole process at a modest rate. On two cores.

#include <nanospan.hpp>

#include "../tests/support/sink_process.hpp"
#include "harness.hpp"
#include "workload.hpp"

#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <time.h>

using namespace std::chrono_literals;

namespace {

using bench::four_attributes;
using bench::no_attribute;

double seconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
std::uint64_t dropped() { return nanospan::stats().dropped.total(); }

bool all_within = true;
bool nothing_dropped = true;

void row(char const* name, double value, char const* unit, double bar, char const* of) {
  bool const holds = bar == 0 || value <= bar;
  all_within &= holds;
  std::printf("%-58s %10.3f %s", name, value, unit);
  if (bar != 0) std::printf("  %s %g %s", holds ? "within" : "OVER", bar, of);
  std::printf("\n");
  std::fflush(stdout);
}
// Whether what was recorded since `before` is all there: figures of full rings are none.
void require_no_drop(std::uint64_t before, char const* what) {
  std::uint64_t const lost = dropped() - before;
  if (lost == 0) return;
  std::printf("%llu spans were dropped: %s means nothing\n", static_cast<unsigned long long>(lost), what);
  nothing_dropped = false;
}

// ---- one or two threads at once -----------------------------------------------------------------------------------------------

// Nanoseconds an iteration, the slower of `threads` that start together; each chunk fits into a ring, and rings are emptied in between.
double chunk_of_threads(unsigned threads, std::size_t iterations, void (*run)(std::size_t)) {
  std::atomic<unsigned> ready{0};
  std::vector<double> taken(threads);
  std::vector<std::thread> all;
  for (unsigned i = 0; i < threads; ++i) {
    all.emplace_back([&, i] {
      run(1);
      ++ready;
      while (ready != threads) {}
      taken[i] = bench::time_chunk(iterations, run);
    });
  }
  for (auto& one : all) one.join();
  return *std::max_element(taken.begin(), taken.end());
}
void spans(std::size_t count) {
  NANOSPAN("parent");
  for (std::size_t i = 0; i < count; ++i) no_attribute();
}

void second_thread() {
  nanospan::tracer_provider tracing{bench::to_nowhere()};
  std::uint64_t const before = dropped();
  std::vector<double> ratios;
  for (std::size_t round = 0; round < bench::rounds; ++round) {
    std::vector<double> alone, both, timers_alone, timers_both;
    for (int chunk = 0; chunk < 21; ++chunk) {
      timers_alone.push_back(chunk_of_threads(1, 2'000, bench::two_timer_reads));
      alone.push_back(chunk_of_threads(1, 2'000, spans));
      tracing.poll();
      timers_both.push_back(chunk_of_threads(2, 2'000, bench::two_timer_reads));
      both.push_back(chunk_of_threads(2, 2'000, spans));
      tracing.poll();
    }
    ratios.push_back(bench::median(both) / bench::median(timers_both) / (bench::median(alone) / bench::median(timers_alone)));
  }
  require_no_drop(before, "the second thread");
  row("a second thread at once, each beside its timer reads", bench::median(ratios), "x alone", 1.05, "x");
}

// ---- paced --------------------------------------------------------------------------------------------------------------------

struct latencies {
  double p50, p999;
};

// Ticks of `run`, called once every `period` nanoseconds for a second, in nanoseconds. A tenth of a second before is not counted, nor are
// its drops: the collector slept, and what it takes from idle is what the bursts show.
template <typename Run>
latencies paced(double period, Run&& run, std::uint64_t* dropped_before = nullptr) {
  auto const count = static_cast<std::size_t>(1e9 / period);
  std::vector<double> taken(count);
  std::uint64_t const start_time = bench::nanoseconds();
  std::uint64_t const start = nanospan::detail::raw_ticks();
  while (bench::nanoseconds() - start_time < 50'000'000) {}
  double const ticks_a_nanosecond =
      static_cast<double>(nanospan::detail::raw_ticks() - start) / static_cast<double>(bench::nanoseconds() - start_time);
  std::uint64_t due = nanospan::detail::raw_ticks();
  auto const turn = [&] {
    while (nanospan::detail::raw_ticks() < due) {}
    std::uint64_t const from = nanospan::detail::raw_ticks();
    run();
    due += static_cast<std::uint64_t>(period * ticks_a_nanosecond);
    return static_cast<double>(nanospan::detail::raw_ticks() - from) / ticks_a_nanosecond;
  };
  for (std::size_t i = 0; i < count / 10; ++i) turn();
  if (dropped_before != nullptr) *dropped_before = dropped();
  for (double& one : taken) one = turn();
  auto const at = [&](double share) {
    auto const place = taken.begin() + static_cast<std::ptrdiff_t>(static_cast<double>(count) * share);
    std::nth_element(taken.begin(), place, taken.end());
    return *place;
  };
  return {at(0.5), at(0.999)};
}

void while_draining(char const* name, double period, double bar) {
  std::vector<double> ratios;
  for (int round = 0; round < 5; ++round) {
    double alone = 0;
    {
      // Rings are emptied by hand, between spans: the same loop without a collector beside it.
      nanospan::tracer_provider tracing{bench::to_nowhere()};
      NANOSPAN("parent");
      std::size_t n = 0;
      alone = paced(period, [&] { no_attribute(); if (++n % 1'000 == 0) tracing.poll(); }).p50;
    }
    nanospan::tracer_provider tracing{bench::to_nowhere_in_the_background()};
    NANOSPAN("parent");
    std::uint64_t before = 0;
    ratios.push_back(paced(period, no_attribute, &before).p50 / alone);
    require_no_drop(before, name);
  }
  row(name, bench::median(ratios), "x without", bar, "x");
}

void tail() {
  std::vector<double> ratios, bare;
  nanospan::tracer_provider tracing{bench::to_nowhere_in_the_background()};
  NANOSPAN("parent");
  for (int round = 0; round < 7; ++round) {
    std::uint64_t before = 0;
    latencies const span = paced(1'000, no_attribute, &before);
    require_no_drop(before, "the tail");
    latencies const reads = paced(1'000, [] { bench::two_timer_reads(1); });
    ratios.push_back(span.p999 / span.p50);
    bare.push_back(reads.p999 / reads.p50);
  }
  row("one span a microsecond: p99.9 against p50", bench::median(ratios), "x p50", 12, "x");
  row("  (as many bare timer reads)", bench::median(bare), "x p50", 0, "");
}

// ---- bursts and threads -------------------------------------------------------------------------------------------------------

void bursts() {
  std::uint64_t const before = dropped();
  nanospan::tracer_provider tracing{bench::to_nowhere_in_the_background()};
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(100ms);  // idle, as long as it sleeps between drains
    NANOSPAN("parent");
    for (int span = 0; span < 2'048; ++span) four_attributes();
  }
  row("20 bursts of 2,048 spans with 4 attributes from idle", static_cast<double>(dropped() - before), "dropped", 0, "");
  require_no_drop(before, "the burst");
}
void thousand_threads() {
  std::uint64_t const before = dropped();
  nanospan::tracer_provider tracing{bench::to_nowhere_in_the_background()};
  std::atomic<int> there{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 1'000; ++i) {
    threads.emplace_back([&] {
      four_attributes();
      ++there;
      while (there != 1'000) std::this_thread::sleep_for(1ms);
      for (int span = 0; span < 20; ++span) four_attributes();
    });
  }
  for (auto& one : threads) one.join();
  row("1,000 live threads, 21 spans each", static_cast<double>(dropped() - before), "dropped", 0, "");
  require_no_drop(before, "the thousand threads");
}

// ---- to a sink in another process ---------------------------------------------------------------------------------------------

void sustained(char const* sink_program, double timers) {
  sink_process sink{sink_program, "light"};
  std::uint64_t const before = dropped();
  std::uint64_t recorded = 0;
  double seconds = 0, background = 0;
  {
    nanospan::options with;
    with.endpoint = sink.endpoint();
    nanospan::tracer_provider tracing{std::move(with)};
    constexpr std::uint64_t spans_a_millisecond = 2'000;
    double const process_before = seconds_of(CLOCK_PROCESS_CPUTIME_ID), thread_before = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    std::uint64_t const start = bench::nanoseconds();
    NANOSPAN("parent");
    while (bench::nanoseconds() - start < 10'000'000'000) {
      std::uint64_t const due = (bench::nanoseconds() - start) / 1'000 * spans_a_millisecond / 1'000;
      for (; recorded < due; ++recorded) four_attributes();
    }
    seconds = static_cast<double>(bench::nanoseconds() - start) * 1e-9;
    tracing.flush(10s);
    background = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - process_before - (seconds_of(CLOCK_THREAD_CPUTIME_ID) - thread_before);
  }
  std::uint64_t const lost = dropped() - before;
  auto const received = sink.finish();
  std::printf("10 s at 2 M spans/s with 4 attributes, into a sink: %.2f M spans/s recorded, %llu dropped, %llu of %llu arrived\n",
              static_cast<double>(recorded) / seconds * 1e-6, static_cast<unsigned long long>(lost), static_cast<unsigned long long>(received.spans),
              static_cast<unsigned long long>(recorded + 1));
  row("  dropped, of a million", static_cast<double>(lost) / static_cast<double>(recorded) * 1e6, "spans", 1e-9, "spans");
  row("  background CPU a span, ring to socket", background / static_cast<double>(recorded) * 1e9 / timers, "x 2 timer reads", 15, "x");
}

void modest(char const* sink_program, double timers) {
  auto const run = [&](bool traced) {
    std::uint64_t const start = bench::nanoseconds();
    for (std::uint64_t done = 0; bench::nanoseconds() - start < 5'000'000'000; std::this_thread::sleep_for(1ms)) {
      for (std::uint64_t const due = (bench::nanoseconds() - start) / 100'000; done < due; ++done) {
        if (traced) four_attributes();
        else bench::keep(done);
      }
    }
  };
  sink_process sink{sink_program, "light"};
  double const untraced_before = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  run(false);
  double const untraced = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - untraced_before;
  double traced = 0;
  {
    nanospan::options with;
    with.endpoint = sink.endpoint();
    nanospan::tracer_provider tracing{std::move(with)};
    double const before = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    run(true);
    tracing.flush(10s);
    traced = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - before;
  }
  row("CPU a span of a whole process at 10,000 spans/s, net", (traced - untraced) / 50'000 * 1e9 / timers, "x 2 timer reads", 25, "x");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s SINK\n", argv[0]);
    return 2;
  }
  std::vector<double> reads;
  for (int i = 0; i < 101; ++i) reads.push_back(bench::time_chunk(2'000, bench::two_timer_reads));
  double const timers = bench::median(reads);
  row("2 timer reads", timers, "ns", 0, "");
  modest(argv[1], timers);
  sustained(argv[1], timers);
  second_thread();
  while_draining("child span while its ring is drained, 1 M spans/s: p50", 1'000, 1.10);
  while_draining("child span while its ring is drained, 2 M spans/s: p50", 500, 1.10);
  tail();
  bursts();
  thousand_threads();
  if (!all_within) std::printf("not every figure is within its bar\n");
  return nothing_dropped ? 0 : 1;
}
