// SPDX-License-Identifier: Apache-2.0
#pragma once

// A batch on its way, in memory or on disk, and what happened to it so far; and how long to wait after an attempt that failed. The sender's thread.

#include <nanospan/detail/batch_account.hpp>
#include <nanospan/detail/charged_batch.hpp>
#include <nanospan/exporter.hpp>
#include <nanospan/id.hpp>
#include <nanospan/spool.hpp>

#include <algorithm>

namespace nanospan::inline v0::detail {

struct queued_batch {
  enum class part : std::uint8_t { whole, first_half, second_half };

  charged_batch spans;  // without its OTLP while that is on disk
  std::uint64_t number;
  batch_account account;
  std::size_t counted = 0;  // of its bytes, among those in memory
  unsigned attempts = 0;
  bool halved = false;
  part of_file = part::whole;  // where two share one
  bool in_hands = false;  // of the exporter, the fallback or the disk: it stays where it is
  export_end reason = export_end::export_failed;  // for which it leaves
  spool_ticket where = {};

  // What it says is elsewhere.
  void forget_bytes() noexcept {
    std::string{}.swap(spans.otlp);  // to assign an empty one would keep the memory
    spans.held = memory_charge{};
  }
};

class back_off {
 public:
  back_off(std::uint64_t first, std::uint64_t longest) noexcept : first_{first}, longest_{longest} { random_.seed(); }

  // Nanoseconds after so many attempts before this one: half as much again each time, give or take a half.
  std::uint64_t after(unsigned attempts) noexcept {
    auto delay = static_cast<double>(first_);
    for (unsigned i = 0; i < attempts && delay < static_cast<double>(longest_); ++i) delay *= 1.5;
    delay = std::min(delay, static_cast<double>(longest_));
    auto const random = static_cast<double>(std::bit_cast<std::uint64_t>(random_.next_span_id()) >> 11) * 0x1p-53;
    return static_cast<std::uint64_t>(delay * (0.5 + random));
  }

 private:
  std::uint64_t first_;
  std::uint64_t longest_;
  random_ids random_;
};

}  // namespace nanospan::inline v0::detail
