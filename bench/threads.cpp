// SPDX-License-Identifier: Apache-2.0

// Threads that record at once, each beside as many that read the timer only; and the first span of a thread. Processor time, not the
// wall's: four threads take turns on two cores.

#include "harness.hpp"
#include "loops.hpp"
#include "workload.hpp"

#include <barrier>
#include <string>
#include <thread>

namespace {

constexpr std::size_t spans_a_chunk = 20'000;  // fits into a ring, without attributes

// Nanoseconds of this thread's processor time an iteration.
double chunk(void (*run)(std::size_t)) {
  double const start = bench::nanoseconds_of_this_thread();
  run(spans_a_chunk);
  return (bench::nanoseconds_of_this_thread() - start) / spans_a_chunk;
}

bench::figure at_once(nanospan::tracer_provider& tracing, std::size_t threads) {
  int const rounds = bench::quick ? 3 : 11, chunks_a_round = bench::quick ? 5 : 15;
  std::barrier together{static_cast<std::ptrdiff_t>(threads)};
  std::vector<double> reads(threads), spans(threads), ratios, all_reads, all_spans;
  auto const mean = [](std::vector<double> const& of) {
    double sum = 0;
    for (double const one : of) sum += one;
    return sum / static_cast<double>(of.size());
  };
  auto const work = [&](std::size_t self) {
    NANOSPAN("parent");
    for (int round = 0; round <= rounds; ++round) {
      std::vector<double> round_reads, round_spans;
      for (int i = 0; i < chunks_a_round; ++i) {
        together.arrive_and_wait();
        reads[self] = chunk(bench::two_timer_reads);
        together.arrive_and_wait();
        spans[self] = chunk(bench::loops::no_attribute);
        together.arrive_and_wait();
        if (self != 0) continue;
        round_reads.push_back(mean(reads));
        round_spans.push_back(mean(spans));
        tracing.poll();
      }
      if (self != 0 || round == 0) continue;  // the first warms up
      all_reads.push_back(bench::median(round_reads));
      all_spans.push_back(bench::median(round_spans));
      ratios.push_back(all_spans.back() / all_reads.back());
    }
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (auto& one : others) one.join();
  tracing.poll();
  return {bench::median(all_spans), bench::median(all_reads), bench::median(ratios)};
}

// Nanoseconds of the first span of each of 200 threads, one after the other.
template <typename Before>
std::vector<double> first_spans(double ticks_a_nanosecond, Before&& before) {
  std::vector<double> taken;
  for (int i = 0; i < (bench::quick ? 50 : 200); ++i) {
    std::thread{[&] {
      before();
      bench::keep(nanospan::detail::raw_ticks());
      std::uint64_t const start = nanospan::detail::raw_ticks();
      bench::no_attribute();
      taken.push_back(static_cast<double>(nanospan::detail::raw_ticks() - start) / ticks_a_nanosecond);
    }}.join();
  }
  return taken;
}
void first_span(nanospan::tracer_provider& tracing) {
  std::uint64_t const start = bench::nanoseconds(), start_ticks = nanospan::detail::raw_ticks();
  while (bench::nanoseconds() - start < 20'000'000) {}
  double const ticks_a_nanosecond =
      static_cast<double>(nanospan::detail::raw_ticks() - start_ticks) / static_cast<double>(bench::nanoseconds() - start);
  tracing.poll();  // leaves a ring ready, as each thread does for the next
  auto const ready = first_spans(ticks_a_nanosecond, [&] { tracing.poll(); });
  auto const warmed = first_spans(ticks_a_nanosecond, [&] {
    tracing.poll();
    nanospan::warm_thread();
  });
  bench::row("a thread's first span, a ring ready: p50", bench::quantile(ready, 0.5) / 1e3, "µs", bench::at_most(5));
  bench::row("  p90", bench::quantile(ready, 0.9) / 1e3, "µs");
  bench::row("after warm_thread(): p50", bench::quantile(warmed, 0.5) / 1e3, "µs");
  bench::row("  its p90", bench::quantile(warmed, 0.9) / 1e3, "µs");
}

}  // namespace

int main(int argc, char** argv) {
  bench::start(argc, argv);
  nanospan::tracer_provider tracing{bench::to_nowhere()};
  bench::no_drop const all_there{"threads"};
  bench::section("Threads, each span");
  auto const alone = at_once(tracing, 1), two = at_once(tracing, 2), four = at_once(tracing, 4);
  bench::row("1 thread", alone);
  bench::row("2 threads at once", two);
  bench::row("4 threads at once", four);
  bench::row("a second thread at once, each beside its reads", two.ratio / alone.ratio, "× alone", bench::at_most(1.05), two.each, two.baseline);
  first_span(tracing);
  return bench::end();
}
