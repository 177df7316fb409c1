// SPDX-License-Identifier: Apache-2.0
#pragma once

// What becomes of one batch's spans, told to the account: given to the exporter, then settled or lost, once. The sender's thread.

#include <nanospan/clock.hpp>
#include <nanospan/stats.hpp>

namespace nanospan::inline v0::detail {

class batch_account {
 public:
  explicit batch_account(std::uint64_t spans) noexcept : spans_{spans} {}

  std::uint64_t spans() const noexcept { return spans_; }
  // Monotonic nanoseconds.
  std::uint64_t first_attempt() const noexcept { return first_attempt_; }

  void attempted() noexcept {
    if (first_attempt_ != 0) return;
    first_attempt_ = monotonic_nanoseconds();
    background.passed.add(spans_);
  }
  // An attempt was sent in full and not answered.
  void unanswered() noexcept { unanswered_ = true; }

  void settled(std::uint64_t rejected) noexcept {
    background.exported.add(spans_ - rejected);
    background.rejected.add(rejected);
    ended(rejected == 0 ? export_end::success : export_end::rejected);
  }
  // What was once sent in full may be there: it is not known to be lost.
  void lost(export_end reason) noexcept {
    bool const passed = first_attempt_ != 0;
    if (unanswered_) reason = export_end::unconfirmed;
    if (reason == export_end::queue_full) {
      background.dropped_queue_full.add(spans_);
      if (passed) background.passed_queue_full.add(spans_);
    } else if (reason == export_end::shutdown) {
      background.dropped_shutdown.add(spans_);
      if (passed) background.passed_shutdown.add(spans_);
    } else {
      (unanswered_ ? background.unconfirmed : background.dropped_export_failed).add(spans_);
    }
    if (passed) ended(reason);
  }

 private:
  void ended(export_end how) const noexcept {
    auto& all = background.exports[static_cast<std::size_t>(how)];
    all.count.add(1);
    all.nanoseconds.add(monotonic_nanoseconds() - first_attempt_);
  }

  std::uint64_t spans_;
  std::uint64_t first_attempt_ = 0;
  bool unanswered_ = false;
};

}  // namespace nanospan::inline v0::detail
