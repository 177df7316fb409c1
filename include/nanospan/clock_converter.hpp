// SPDX-License-Identifier: Apache-2.0
#pragma once

// Ticks to Unix time, on the background thread. Anchors (ticks, monotonic, wall) are taken after each look at the rings, so that every
// timestamp lies between two of them and is interpolated. Ticks map to monotonic time, and a whole span is moved to wall time by one
// offset: a step of the wall clock bends no duration.

#include <nanospan/clock.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace nanospan::inline v0::detail {

inline std::uint64_t wall_nanoseconds() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

// The three clocks; tests bring their own.
struct clock_source {
  std::uint64_t (*ticks)() noexcept = raw_ticks;
  std::uint64_t (*monotonic)() noexcept = monotonic_nanoseconds;
  std::uint64_t (*wall)() noexcept = wall_nanoseconds;
};

// What the processor says of its counter. A yes is not believed for ever: see clock_converter::counter_trusted().
inline bool counter_is_invariant() noexcept {
#if defined(__x86_64__)
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(0x80000007u, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
#else
  return true;
#endif
}

class clock_converter {
 public:
  explicit clock_converter(clock_source source = {}) : source_{source} {
    anchors_.reserve(max_anchors);
    take_anchor();
  }

  // Once a pass, after the rings' indices were read and before their records are converted.
  void take_anchor() {
    anchor const now = read();
    judge(now);
    // Reading two clocks one after the other wavers by some ten nanoseconds; only a step moves the offset.
    std::int64_t const offset = read_wall_offset();
    if (anchors_.empty() || std::abs(offset - wall_offset_) > 2'000) wall_offset_ = offset;
    std::size_t const size = anchors_.size();
    if (size >= 2 && now.monotonic - anchors_[size - 2].monotonic < anchor_spacing) {
      anchors_.back() = now;  // the newest one moves along; those before it stand
    } else {
      if (size == max_anchors) thin();
      anchors_.push_back(now);
    }
    find_pace(anchors_.size() - 1);
  }

  // One span's clock: converts any of its ticks, all with the same offset between monotonic and wall time.
  // `monotonic`: its ticks are nanoseconds of the monotonic clock already.
  std::uint64_t to_unix(std::uint64_t ticks, bool monotonic) const noexcept {
    std::uint64_t const nanoseconds = monotonic ? ticks : to_monotonic(ticks);
    return nanoseconds + static_cast<std::uint64_t>(wall_offset_);
  }

  // False once the counter has gone backwards, or its pace has changed by more than 500 ppm against the monotonic clock.
  bool counter_trusted() const noexcept { return trusted_; }

 private:
  struct anchor {
    std::uint64_t ticks;
    std::uint64_t monotonic;
    double pace = 0;  // nanoseconds a tick since the anchor before
  };
  static constexpr std::size_t max_anchors = 256;
  static constexpr std::uint64_t anchor_spacing = 20'000'000;
  static constexpr std::uint64_t judged_every = 1'000'000'000;
  static constexpr double tolerance = 500e-6;

  struct pair {
    std::uint64_t outer;
    std::uint64_t inner;
  };
  // Two clocks at one moment: the tightest of a few brackets, for a preemption between two reads would shift one against the other.
  static pair read_together(std::uint64_t (*outer)() noexcept, std::uint64_t (*inner)() noexcept) noexcept {
    pair best{};
    std::uint64_t tightest = ~std::uint64_t{0};
    for (int attempt = 0; attempt < 3; ++attempt) {
      std::uint64_t const before = outer();
      std::uint64_t const between = inner();
      std::uint64_t const width = outer() - before;
      if (width >= tightest) continue;
      tightest = width;
      best = {before + width / 2, between};
    }
    return best;
  }
  anchor read() const noexcept {
    pair const now = read_together(source_.ticks, source_.monotonic);
    return {now.outer, now.inner};
  }
  std::int64_t read_wall_offset() const noexcept {
    pair const now = read_together(source_.monotonic, source_.wall);
    return static_cast<std::int64_t>(now.inner - now.outer);
  }

  void judge(anchor const& now) noexcept {
    if (anchors_.empty()) {
      judged_ = now;
      return;
    }
    if (now.ticks < anchors_.back().ticks) trusted_ = false;
    if (now.monotonic - judged_.monotonic < judged_every) return;
    double const pace = slope(judged_, now);
    judged_ = now;
    if (reference_pace_ == 0) reference_pace_ = pace;
    if (!(std::abs(pace / reference_pace_ - 1) <= tolerance)) trusted_ = false;  // not a number, for one that stands still
  }

  static double slope(anchor const& from, anchor const& to) noexcept {  // nanoseconds a tick
    return static_cast<double>(to.monotonic - from.monotonic) / static_cast<double>(to.ticks - from.ticks);
  }

  std::uint64_t to_monotonic(std::uint64_t ticks) const noexcept {
    // The segment that holds it, from the newest: nearly always the first or second looked at. Older than all anchors: the oldest
    // segment's pace, which is how "its end less its duration" comes about.
    std::size_t to = anchors_.size() - 1;
    if (to == 0) return anchors_[0].monotonic;
    while (to > 1 && ticks < anchors_[to - 1].ticks) --to;
    anchor const& from = anchors_[to - 1];
    anchor const& until = anchors_[to];
    if (until.ticks <= from.ticks) return from.monotonic;  // a counter that stands still or went backwards
    // Nothing is younger than the newest anchor; ticks that are were read from a counter that has jumped.
    auto const distance = static_cast<double>(static_cast<std::int64_t>(std::min(ticks, until.ticks) - from.ticks));
    return from.monotonic + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance * until.pace));
  }

  void thin() {  // every other one of the older half goes
    std::size_t kept = 0;
    for (std::size_t at = 0; at < anchors_.size(); ++at)
      if (at >= max_anchors / 2 || at % 2 == 0) anchors_[kept++] = anchors_[at];
    anchors_.resize(kept);
    for (std::size_t at = 0; at < kept; ++at) find_pace(at);
  }
  // Here, not where a span is converted: a division takes longer than the rest of that.
  void find_pace(std::size_t at) noexcept {
    if (at != 0) anchors_[at].pace = slope(anchors_[at - 1], anchors_[at]);
  }

  clock_source source_;
  std::vector<anchor> anchors_;  // oldest first; all but the newest at least anchor_spacing apart
  std::int64_t wall_offset_ = 0;
  anchor judged_{};
  double reference_pace_ = 0;
  bool trusted_ = true;
};

}  // namespace nanospan::inline v0::detail
