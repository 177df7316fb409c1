// SPDX-License-Identifier: Apache-2.0
#pragma once

// The background thread's part of the account. Here, and not with what writes it, because a forked child begins it anew also where the library that wrote it has been
// closed.

#include <nanospan/config.hpp>

#include <array>
#include <atomic>
#include <cstdint>

namespace nanospan::inline v0::detail {

// A counter with one writer at a time: plain loads and stores, no locked instruction.
class counter {
 public:
  // Relaxed: only this thread writes it. Release: pairs with the acquire in read(), so that who sees a span settled sees it recorded.
  NANOSPAN_DETAIL_INLINE void add(std::uint64_t n) noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    // In one instruction, which no signal handler that counts comes between. Every store of this processor's is a release.
    asm("addq %1, %0" : "+m"(value_) : "er"(n) : "memory", "cc");
#else
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_release);
#endif
  }
  std::uint64_t read() const noexcept { return value_.load(std::memory_order_acquire); }

  void reset() noexcept { value_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// What became of the spans that were taken out of the rings. Written by the background thread only; here so that stats() works
// after a provider's end.
enum class export_end : std::uint8_t { success, rejected, export_failed, unconfirmed, queue_full, shutdown, fallback, spool_full };

struct export_counters {
  counter count;
  counter nanoseconds;
};

struct background_counters {
  counter recovered;
  counter recovered_in_flight;
  counter exported;
  counter fallback;
  counter rejected;
  counter unconfirmed;
  counter dropped_queue_full;
  counter dropped_export_failed;
  counter dropped_spool_full;
  counter dropped_no_memory;
  counter dropped_shutdown;
  counter discarded_hook;
  counter discarded_record_only;
  counter discarded_inherited;
  counter hook_failed;
  counter passed;
  counter passed_queue_full;
  counter passed_shutdown;
  counter passed_fallback;
  counter passed_spool_full;
  std::array<export_counters, 8> exports;  // by export_end
  // Relaxed, both: only for reporting.
  std::atomic<std::uint64_t> queue_bytes{0};
  std::atomic<std::uint64_t> queue_limit_bytes{0};
  std::atomic<std::uint64_t> spooled{0};

  void reset() noexcept {
    for (counter* one : {&recovered, &recovered_in_flight, &exported, &fallback, &rejected, &unconfirmed, &dropped_queue_full, &dropped_export_failed, &dropped_spool_full, &dropped_no_memory, &dropped_shutdown, &discarded_hook, &discarded_record_only, &discarded_inherited, &hook_failed, &passed,
                         &passed_queue_full, &passed_shutdown, &passed_fallback, &passed_spool_full})
      one->reset();
    for (export_counters& one : exports) {
      one.count.reset();
      one.nanoseconds.reset();
    }
    queue_bytes.store(0, std::memory_order_relaxed);
    queue_limit_bytes.store(0, std::memory_order_relaxed);
    spooled.store(0, std::memory_order_relaxed);
  }
};
NANOSPAN_DETAIL_SHARED inline constinit background_counters background{};

}  // namespace nanospan::inline v0::detail
