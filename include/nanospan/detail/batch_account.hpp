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
  bool maybe_there() const noexcept { return unanswered_; }

  // Of a batch that is taken apart: the rest is this one's, and the other has a past, too.
  batch_account part(std::uint64_t spans) noexcept {
    batch_account other = *this;
    other.spans_ = spans;
    spans_ -= spans;
    return other;
  }

  void settled(std::uint64_t rejected) noexcept {
    background.exported.add(spans_ - rejected);
    background.rejected.add(rejected);
    ended(rejected == 0 ? export_end::success : export_end::rejected);
  }
  void fell_back() noexcept {
    background.fallback.add(spans_);
    if (first_attempt_ == 0) return;
    background.passed_fallback.add(spans_);
    ended(export_end::fallback);
  }
  // What was once sent in full may be there: it is not known to be lost.
  void lost(export_end reason) noexcept {
    bool const passed = first_attempt_ != 0;
    if (unanswered_) {
      // Of another process, which has not told us that it was given to an exporter.
      if (!passed) background.passed.add(spans_);
      background.unconfirmed.add(spans_);
      if (passed) ended(export_end::unconfirmed);
      return;
    }
    struct {
      export_end reason;
      counter& all;
      counter* passed;
    } const counters[] = {{export_end::queue_full, background.dropped_queue_full, &background.passed_queue_full},
                          {export_end::shutdown, background.dropped_shutdown, &background.passed_shutdown},
                          {export_end::spool_full, background.dropped_spool_full, &background.passed_spool_full},
                          {export_end::export_failed, background.dropped_export_failed, nullptr}};
    for (auto const& one : counters) {
      if (one.reason != reason) continue;
      one.all.add(spans_);
      if (passed && one.passed != nullptr) one.passed->add(spans_);
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
