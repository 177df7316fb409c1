// SPDX-License-Identifier: Apache-2.0
#pragma once

// When the background thread works: what wakes it, and how long it sleeps by itself.

#include <nanospan/detail/descriptor.hpp>

#include <algorithm>
#include <cstdint>

namespace nanospan::inline v0::detail {

// Wakes the background thread; a pipe, so that it can be polled beside a socket.
class wake_up {
 public:
  wake_up() noexcept : made_{make_pipe(reader_, writer_)} {}
  bool made() const noexcept { return made_; }
  int readable() const noexcept { return reader_.get(); }
  void wake() noexcept {
    [[maybe_unused]] auto const written = ::write(writer_.get(), "", 1);  // a full pipe wakes as well
  }
  void clear() noexcept {
    char bytes[64];
    while (::read(reader_.get(), bytes, sizeof bytes) > 0) {}  // NOLINT(clang-analyzer-unix.BlockInCriticalSection): O_NONBLOCK
  }

 private:
  descriptor reader_;
  descriptor writer_;
  bool made_;  // after both of them
};

// When to drain next: a sixteenth of the fullest ring fills in between, as fast as it fills now. Slow to lengthen, quick to shorten. Drains that
// come sooner, while something is being sent, count together.
class pace {
 public:
  static constexpr std::uint64_t shortest = 200'000;  // nanoseconds
  static constexpr std::uint64_t longest = 20'000'000;

  explicit pace(std::uint64_t now = 0) noexcept : drained_{now}, since_{now} {}

  std::uint64_t interval() const noexcept { return interval_; }
  std::uint64_t next_drain() const noexcept { return drained_ + interval_; }
  // After a drain: `fullest` is what share of the fullest ring was full.
  void saw(double fullest, std::uint64_t now) noexcept {
    drained_ = now;
    filled_ += fullest;
    auto const elapsed = static_cast<double>(now - since_);
    auto const interval = static_cast<double>(interval_);
    if (elapsed < interval / 2 && filled_ < share) return;
    double const wanted = filled_ > 0.9 ? 0 : elapsed * share / std::max(filled_, 1e-9);  // of a full ring nobody knows how fast it filled
    double const bounded = std::clamp(std::min(wanted, interval + elapsed / 4), static_cast<double>(shortest), static_cast<double>(longest));
    interval_ = static_cast<std::uint64_t>(bounded);
    since_ = now;
    filled_ = 0;
  }

 private:
  static constexpr double share = 1.0 / 16;

  std::uint64_t interval_ = shortest;
  std::uint64_t drained_;
  std::uint64_t since_;  // of what follows
  double filled_ = 0;    // shares of a ring
};

}  // namespace nanospan::inline v0::detail
