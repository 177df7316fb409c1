// SPDX-License-Identifier: Apache-2.0

// What a span costs the thread that records it, beside the two timer reads that it cannot do without. Built several times: as a program
// is, with the spans in a shared library, static, optimised at link time. Rings are emptied between chunks.

#include "harness.hpp"
#include "loops.hpp"
#include "workload.hpp"

#include <memory>
#include <string>
#include <utility>

namespace {

constexpr std::size_t spans_a_chunk = 2'000;
constexpr bool plain = *BENCH_BUILD == '\0';
// The way to a thread-local variable is longer from a shared library.
constexpr bool shared = BENCH_BUILD[0] == 's' && BENCH_BUILD[1] == 'h';

bench::bar bar_of(double program, double shared_library) { return bench::at_most(shared ? shared_library : program); }

template <typename Between>
void row(std::string name, bench::bar bar, void (*run)(std::size_t), Between&& between) {
  if (!plain) name += ", " BENCH_BUILD;
  bench::row(name, bench::measure(spans_a_chunk, run, bench::two_timer_reads, between), bar);
}

}  // namespace

int main(int argc, char** argv) {
  namespace loops = bench::loops;
  bench::start(argc, argv);
  bench::section(plain ? "On the thread that records" : "Other ways to build");
  auto const nothing = [] {};
  row("no provider", bar_of(0.07, 0.10), loops::no_attribute, nothing);
  if (plain) row("no provider, 4 attributes", bar_of(0.07, 0.10), loops::four_attributes, nothing);
  {
    nanospan::tracer_provider tracing{bench::to_nowhere()};
    bench::no_drop const all_there{"recording"};
    auto const drain = [&] { tracing.poll(); };
    NANOSPAN("parent");
    row("child span", bar_of(1.10, 1.15), loops::no_attribute, drain);
    if (plain) row("child span, 1 attribute", {}, loops::one_attribute, drain);
    row("child span, 4 attributes", bar_of(1.25, 1.40), loops::four_attributes, drain);
  }
  nanospan::options with = bench::to_nowhere();
  with.sampler = std::make_shared<nanospan::always_off_sampler>();
  nanospan::tracer_provider tracing{std::move(with)};
  NANOSPAN("parent");
  row("unsampled child span", bar_of(0.15, 0.15), loops::no_attribute, nothing);
  if (plain) row("unsampled child span, 4 attributes", bar_of(0.15, 0.15), loops::four_attributes, nothing);
  return bench::end();
}
