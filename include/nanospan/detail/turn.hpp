// SPDX-License-Identifier: Apache-2.0
#pragma once

// A mutex whose wait has a limit: std::timed_mutex, in a form that ThreadSanitizer understands everywhere. Any thread.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace nanospan::inline v0::detail {

class turn {
 public:
  void lock() { try_lock_until(~std::uint64_t{0}); }
  // `deadline`: monotonic nanoseconds.
  bool try_lock_until(std::uint64_t deadline) {
    // Beyond a hundred years there is no clock.
    std::chrono::steady_clock::time_point const until{std::chrono::nanoseconds{static_cast<std::int64_t>(std::min(deadline, std::uint64_t{3} << 60))}};
    std::unique_lock lock{mutex_};
    if (!free_.wait_until(lock, until, [&] { return !taken_; })) return false;
    taken_ = true;
    return true;
  }
  void unlock() {
    std::lock_guard const lock{mutex_};
    taken_ = false;
    free_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable free_;
  bool taken_ = false;
};

}  // namespace nanospan::inline v0::detail
