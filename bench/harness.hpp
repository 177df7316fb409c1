// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a row of a benchmark is measured and shown: small chunks, each beside a chunk of bare timer reads, so that what the machine does
// to one it does to the other. A round's figure is the ratio of the medians of its chunks; a row shows the median round and the spread.

#include <nanospan/clock.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace bench {

inline std::uint64_t nanoseconds() noexcept { return nanospan::detail::monotonic_nanoseconds(); }

template <typename Value>
void keep(Value const& value) noexcept {
  asm volatile("" : : "r,m"(value) : "memory");
}

inline double median(std::vector<double> values) {
  auto const middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Nanoseconds an iteration of `run(iterations)`.
template <typename Run>
double time_chunk(std::size_t iterations, Run&& run) {
  std::uint64_t const start = nanoseconds();
  run(iterations);
  return static_cast<double>(nanoseconds() - start) / static_cast<double>(iterations);
}

// What a span cannot do without.
inline void two_timer_reads(std::size_t iterations) noexcept {
  for (std::size_t i = 0; i < iterations; ++i) {
    keep(nanospan::detail::raw_ticks());
    keep(nanospan::detail::raw_ticks());
  }
}

struct figure {
  double nanoseconds;  // of the row
  double baseline;     // of what it is compared with, in the same rounds
  double ratio;        // the median round's
  double least, most;  // rounds
};

constexpr std::size_t rounds = 11;
constexpr std::size_t chunks_a_round = 41;

// `between` runs after each chunk, unmeasured.
template <typename Run, typename Baseline, typename Between>
figure measure(std::size_t iterations, Run&& run, Baseline&& baseline, Between&& between) {
  std::vector<double> ratios, rows, baselines;
  for (std::size_t round = 0; round <= rounds; ++round) {
    std::vector<double> row_chunks, baseline_chunks;
    for (std::size_t chunk = 0; chunk < chunks_a_round; ++chunk) {
      baseline_chunks.push_back(time_chunk(iterations, baseline));
      row_chunks.push_back(time_chunk(iterations, run));
      between();
    }
    if (round == 0) continue;  // warms up
    rows.push_back(median(row_chunks));
    baselines.push_back(median(baseline_chunks));
    ratios.push_back(rows.back() / baselines.back());
  }
  auto const [least, most] = std::minmax_element(ratios.begin(), ratios.end());
  return {median(rows), median(baselines), median(ratios), *least, *most};
}

// Prints a row, and whether it is within its bar (0: it has none). False where it is not.
inline bool show(std::string const& name, figure const& f, double bar) {
  bool const holds = bar == 0 || f.ratio <= bar;
  std::printf("%-44s %9.2f ns  %9.2f ns  %6.3f x  (%.3f to %.3f)", name.c_str(), f.nanoseconds, f.baseline, f.ratio, f.least, f.most);
  if (bar != 0) std::printf("  %s %.2f x", holds ? "within" : "OVER", bar);
  // Half of the rounds differ from the others by more than the bar could tell.
  if (f.most > 1.5 * f.least) std::printf("  (noisy)");
  std::printf("\n");
  std::fflush(stdout);
  return holds;
}

inline void show_header(char const* compared_with) {
  std::printf("%-44s %12s  %12s  %8s  %s\n", "", "each", compared_with, "ratio", "(rounds)");
}

}  // namespace bench
