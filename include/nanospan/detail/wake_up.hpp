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
  wake_up() { made_ = make_pipe(reader_, writer_); }
  bool made() const noexcept { return made_; }
  int readable() const noexcept { return reader_.get(); }
  void wake() noexcept {
    [[maybe_unused]] auto const written = ::write(writer_.get(), "", 1);  // a full pipe wakes as well
  }
  void clear() noexcept {
    char bytes[64];
    while (::read(reader_.get(), bytes, sizeof bytes) > 0) {}
  }

 private:
  descriptor reader_;
  descriptor writer_;
  bool made_ = false;
};

// How long to sleep between drains: from how fast the fullest ring fills, within bounds. Slow to lengthen, quick to shorten.
class pace {
 public:
  static constexpr std::uint64_t shortest = 200'000;
  static constexpr std::uint64_t longest = 20'000'000;

  std::uint64_t interval() const noexcept { return interval_; }
  void saw(double fullest) noexcept {
    double const factor = std::clamp(0.125 / std::max(fullest, 1e-6), 0.1, 1.25);
    interval_ = std::clamp(static_cast<std::uint64_t>(static_cast<double>(interval_) * factor), shortest, longest);
  }

 private:
  std::uint64_t interval_ = shortest;
};

}  // namespace nanospan::inline v0::detail
