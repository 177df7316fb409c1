// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a row of a benchmark is measured and printed: small chunks, each beside a chunk of what it is compared with (bare timer reads, for the
// most part), so that what the machine does to one it does to the other. run.py runs each program several times and judges the rows.

#include <nanospan/clock.hpp>
#include <nanospan/stats.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace bench {

inline std::uint64_t nanoseconds() noexcept { return nanospan::detail::monotonic_nanoseconds(); }
// Of processor time.
inline double nanoseconds_of(clockid_t clock) noexcept {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}
inline double nanoseconds_of_this_thread() noexcept { return nanoseconds_of(CLOCK_THREAD_CPUTIME_ID); }
inline double nanoseconds_of_the_process() noexcept { return nanoseconds_of(CLOCK_PROCESS_CPUTIME_ID); }

template <typename Value>
void keep(Value const& value) noexcept {
  asm volatile("" : : "r,m"(value) : "memory");
}

// The value below which `share` of the others lie.
inline double quantile(std::vector<double> values, double share) {
  auto const place = values.begin() + static_cast<std::ptrdiff_t>(static_cast<double>(values.size()) * share);
  std::nth_element(values.begin(), place, values.end());
  return *place;
}
inline double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

// The same where values come in steps, as a processor's counter may go: with the others of its step spread evenly over it.
inline double quantile_of_steps(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  double const value = values[static_cast<std::size_t>(static_cast<double>(values.size()) * share)];
  auto const [first, last] = std::equal_range(values.begin(), values.end(), value);
  double step = last != values.end() ? *last - value : first != values.begin() ? value - first[-1] : 0;
  if (first != values.begin()) step = std::min(step, value - first[-1]);
  double const below = static_cast<double>(first - values.begin()), here = static_cast<double>(last - first);
  return value + step * ((static_cast<double>(values.size()) * share - below) / here - 0.5);
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
inline double nanoseconds_of_two_timer_reads() {
  std::vector<double> reads;
  for (int i = 0; i < 101; ++i) reads.push_back(time_chunk(2'000, two_timer_reads));
  return median(reads);
}

// ---- what a program prints: "# section", and rows with tabs between -------------------------------------------------------------

inline bool quick = false;           // a look at whether it works: figures mean little
inline bool nothing_dropped = true;  // or the program fails

inline void start(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) quick |= std::strcmp(argv[i], "--quick") == 0;
}
inline int end() { return nothing_dropped ? 0 : 1; }

inline void section(char const* title) { std::printf("# %s\n", title); }

struct bar {
  char const* sense = "";
  double value = 0;
};
inline bar at_most(double value) { return {"<=", value}; }
inline bar at_least(double value) { return {">=", value}; }

// `each`: the nanoseconds behind a ratio; `reads`: two timer reads in the same run; zero where there are none.
inline void row(std::string const& name, double value, char const* unit, bar held_to = {}, double each = 0, double reads = 0) {
  std::printf("%s\t%.9g\t%s\t", name.c_str(), value, unit);
  if (*held_to.sense != '\0') std::printf("%s %g", held_to.sense, held_to.value);
  std::printf("\t%.9g\t%.9g\n", each, reads);
  std::fflush(stdout);
}

// A full ring is cheaper than a span. Lives while something is recorded that must all be there.
class no_drop {
 public:
  explicit no_drop(char const* of) : of_{of}, before_{total()} {}
  no_drop(no_drop const&) = delete;
  no_drop& operator=(no_drop const&) = delete;
  ~no_drop() {
    if (dropped() == 0) return;
    std::printf("! %llu spans were dropped: %s means nothing\n", static_cast<unsigned long long>(dropped()), of_);
    nothing_dropped = false;
  }
  std::uint64_t dropped() const { return total() - before_; }

 private:
  static std::uint64_t total() { return nanospan::stats().dropped.total(); }
  char const* of_;
  std::uint64_t before_;
};

// ---- measuring ----------------------------------------------------------------------------------------------------------------

struct figure {
  double each;      // nanoseconds
  double baseline;  // of what it is compared with, in the same rounds
  double ratio;     // the median round's
};

// A round's ratio is that of the medians of its chunks. `between` runs after each chunk, unmeasured.
template <typename Run, typename Baseline, typename Between>
figure measure(std::size_t iterations, Run&& run, Baseline&& baseline, Between&& between) {
  int const rounds = quick ? 3 : 11, chunks_a_round = quick ? 11 : 41;
  std::vector<double> ratios, rows, baselines;
  for (int round = 0; round <= rounds; ++round) {
    std::vector<double> row_chunks, baseline_chunks;
    for (int chunk = 0; chunk < chunks_a_round; ++chunk) {
      baseline_chunks.push_back(time_chunk(iterations, baseline));
      row_chunks.push_back(time_chunk(iterations, run));
      between();
    }
    if (round == 0) continue;  // warms up
    rows.push_back(median(row_chunks));
    baselines.push_back(median(baseline_chunks));
    ratios.push_back(rows.back() / baselines.back());
  }
  return {median(rows), median(baselines), median(ratios)};
}

constexpr char const* times_reads = "× 2 reads";
inline void row(std::string const& name, figure const& f, bar held_to = {}) { row(name, f.ratio, times_reads, held_to, f.each, f.baseline); }

}  // namespace bench
