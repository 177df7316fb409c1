// SPDX-License-Identifier: Apache-2.0
#pragma once

// Time on the caller's thread: raw ticks of the processor's counter, or nanoseconds of CLOCK_MONOTONIC where that counter
// cannot be trusted. Turning either into Unix time is the background thread's work (clock_converter.hpp).

#include <nanospan/config.hpp>

#include <cstdint>

#include <time.h>

namespace nanospan::inline v0::detail {

inline std::uint64_t monotonic_nanoseconds() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

// The processor's counter, unordered on purpose: its latency is what the rest of a span hides in.
inline std::uint64_t raw_ticks() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();  // what <x86intrin.h> would say, at a fifth of a second for each file that includes it
#elif defined(__aarch64__)
  std::uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return monotonic_nanoseconds();
#endif
}

// `monotonic`: the process has found that the counter is not to be trusted; the record keeps the bit beside the ticks.
inline std::uint64_t read_clock(bool monotonic) noexcept {
  if (monotonic) [[unlikely]]
    return monotonic_nanoseconds();
  return raw_ticks();
}

}  // namespace nanospan::inline v0::detail
