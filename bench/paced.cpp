// SPDX-License-Identifier: Apache-2.0

// What recording feels of the collector that drains on the other core, at a steady pace: the median span and the slow one in a thousand.

#include "harness.hpp"
#include "workload.hpp"

#include <string>

namespace {

struct latencies {
  double p50, p999;
};

double ticks_a_nanosecond() {
  std::uint64_t const start_time = bench::nanoseconds(), start = nanospan::detail::raw_ticks();
  while (bench::nanoseconds() - start_time < 50'000'000) {}
  return static_cast<double>(nanospan::detail::raw_ticks() - start) / static_cast<double>(bench::nanoseconds() - start_time);
}

// `run`, called once every `period` nanoseconds for a second. A tenth of that before is not counted: the collector slept, and what it takes
// from idle is what bursts show.
template <typename Run>
latencies paced(double period, Run&& run) {
  static double const rate = ticks_a_nanosecond();
  auto const count = static_cast<std::size_t>((bench::quick ? 2e8 : 1e9) / period);
  std::vector<double> taken(count);
  std::uint64_t due = nanospan::detail::raw_ticks();
  auto const turn = [&] {
    while (nanospan::detail::raw_ticks() < due) {}
    std::uint64_t const from = nanospan::detail::raw_ticks();
    run();
    due += static_cast<std::uint64_t>(period * rate);
    return static_cast<double>(nanospan::detail::raw_ticks() - from) / rate;
  };
  for (std::size_t i = 0; i < count / 10; ++i) turn();
  for (double& one : taken) one = turn();
  return {bench::quantile_of_steps(taken, 0.5), bench::quantile_of_steps(taken, 0.999)};
}

void while_draining(double period, std::string const& rate) {
  double alone = 0;
  {
    // Rings are emptied by hand, between spans: the same loop without a collector beside it.
    nanospan::tracer_provider tracing{bench::to_nowhere()};
    bench::no_drop const all_there{"a paced loop"};
    NANOSPAN("parent");
    std::size_t n = 0;
    alone = paced(period, [&] {
              bench::no_attribute();
              if (++n % 1'000 == 0) tracing.poll();
            }).p50;
  }
  nanospan::tracer_provider tracing{bench::to_nowhere_in_the_background()};
  bench::no_drop const all_there{"draining beside it"};
  NANOSPAN("parent");
  double const beside = paced(period, bench::no_attribute).p50;
  bench::row("drained beside, at " + rate + " spans/s: p50", beside / alone, "× without", bench::at_most(1.10), beside);
}

void tail() {
  nanospan::tracer_provider tracing{bench::to_nowhere_in_the_background()};
  bench::no_drop const all_there{"the tail"};
  NANOSPAN("parent");
  latencies const span = paced(1'000, bench::no_attribute);
  latencies const reads = paced(1'000, [] { bench::two_timer_reads(1); });
  bench::row("a span every microsecond: p99.9", span.p999 / span.p50, "× p50", bench::at_most(12), span.p999);
  bench::row("  bare reads every microsecond: p99.9", reads.p999 / reads.p50, "× p50", {}, reads.p999);
  bench::row("  the span's p50", span.p50, "ns");
  bench::row("  the reads' p50", reads.p50, "ns");
}

}  // namespace

int main(int argc, char** argv) {
  bench::start(argc, argv);
  bench::section("While it is drained");
  while_draining(1'000, "1 M");
  while_draining(500, "2 M");
  tail();
  return bench::end();
}
