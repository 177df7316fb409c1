// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where batches go that cannot be sent: to disk, until they can; to the fallback, for good. One after another, also while the exporter waits, and neither
// inside of the other. The sender's thread; waits through what it is given.

#include <nanospan/detail/batch_disk.hpp>

namespace nanospan::inline v0::detail {

// Where batches go that cannot be sent; see options.
struct sender_refuges {
  shared<exporter> fallback = nullptr;
  std::string spool_directory = {};
  std::uint64_t spool_bytes = 0;
  std::uint64_t between_looks = 60'000'000'000;  // nanoseconds; for spools that others have left
};

class batch_refuge : public batch_disk {
 public:
  batch_refuge(shared<exporter> to, std::size_t queue_bytes, messages report, sender_refuges const& refuges, back_off delay)
      : batch_disk{std::move(to), queue_bytes, report, delay, refuges.spool_directory, refuges.spool_bytes, refuges.between_looks},
        fallback_{refuges.fallback},
        crowded_bytes_{queue_bytes - (has_refuge() ? queue_bytes / 4 : 0)} {}  // a quarter is for batches on their way

  bool has_refuge() const noexcept { return spool_ != nullptr || fallback_ != nullptr; }
  // When there is something to put aside (monotonic nanoseconds); the end of time where there is not.
  std::uint64_t aside_due() const noexcept { return aside_ ? ~std::uint64_t{0} : aside_due_; }

  // What need not wait for the exporter and is done while it waits, too: batches go to disk and to the fallback, one a call. False where there is nothing to do.
  bool aside(export_wait& wait) noexcept {
    if (aside_ || monotonic_nanoseconds() < aside_due_) return false;
    holding const once{aside_};
    aside_due_ = ~std::uint64_t{0};
    bool did = false;
    try {
      did = step_aside(wait);
    } catch (...) {}  // NOLINT(bugprone-empty-catch): no memory; tried again with the next batch
    aside_due_ = did ? 0 : std::min(aside_due_, spooled_.empty() ? next_look_ : ~std::uint64_t{0});
    return did;
  }

  // The end: what is still in memory goes to disk or to the fallback, as long as `wait` lets it.
  void evacuate(export_wait& wait) noexcept {
    emptying_ = true;
    aside_due_ = disk_retry_ = 0;
    while (aside(wait)) {}
  }
  // Likewise the fallback; and what is on disk stays there, for whoever comes.
  void close(export_wait& wait) noexcept {
    if (fallback_ != nullptr) {
      std::uint64_t const lost = let_go(fallback_, wait);
      std::uint64_t const passed = std::min(lost, background.passed_fallback.read());
      background.fallback.add(std::uint64_t{0} - lost);
      background.dropped_shutdown.add(lost);
      background.passed_fallback.add(std::uint64_t{0} - passed);
      background.passed_shutdown.add(passed);
    }
    leave(wait);
  }

 protected:
  // What an exporter throws is worth another attempt: it may have been memory, a thread or a descriptor that was missing.
  template <typename Ask>
  static export_result call(Ask&& ask) noexcept {
    export_result result{export_result::outcome::retry, 0, {}, {}};
    try {
      try {
        return ask();
      } catch (std::exception const& error) {
        result.message = std::string{"the exporter threw: "} + error.what();
      }
    } catch (...) {
      // Another type, or no memory for its text.
    }
    return result;
  }
  // Whether a wait was cut short.
  struct noting final : export_wait {
    explicit noting(export_wait& by) noexcept : by_{by} {}
    outcome wait(int descriptor, bool writable, std::uint64_t deadline) override {
      outcome const end = by_.wait(descriptor, writable, deadline);
      stopped = end == outcome::stopped;
      return end;
    }
    export_wait& by_;
    bool stopped = false;
  };
  std::uint64_t let_go(shared<exporter>& of, export_wait& wait) noexcept {
    shared<exporter> const gone = std::exchange(of, nullptr);
    try {
      return gone->shutdown(wait);
    } catch (...) {
      tell_.threw_at_the_end();
      return 0;
    }
  }

  // To the fallback, as soon as it can have it.
  void lose(batches& from, batches::iterator one, export_end reason) {
    if (fallback_ == nullptr) return drop(from, one, reason);
    ++setbacks_;
    one->reason = reason;
    if (one->counted == 0) count(*one);
    leaving_.splice(leaving_.end(), from, one);
    aside_due_ = 0;
  }
  std::string refuge(bool final) const noexcept try {
    if (!final) return disk_is_there() ? "; spans wait in " + spool_->root() + " and are retried" : "; spans wait and are retried";
    return fallback_ == nullptr ? "; these spans are lost" : "; these spans go to " + fallback_->description();
  } catch (...) {  // no memory, no words
    return {};
  }

  shared<exporter> fallback_;  // NOLINT(misc-non-private-member-variables-in-classes): a sender in four parts

 private:
  bool step_aside(export_wait& wait) {
    if (!emptying_ && spooled_.empty() && monotonic_nanoseconds() >= next_look_) return adopt(wait);
    if (!leaving_.empty()) return give(wait);
    auto const one = std::find_if(queue_.begin(), queue_.end(), [](queued_batch const& each) { return !each.in_hands; });
    if (one == queue_.end()) return false;
    bool const crowded = bytes_ > crowded_bytes_ && queue_.size() > 1;
    if (spool_ != nullptr && (crowded || emptying_ || tell_.in_trouble())) {
      if (disk_is_there() && put(one, wait)) return true;
      aside_due_ = disk_retry_;
    }
    if (fallback_ == nullptr || one->in_hands || !(crowded || emptying_)) return false;
    lose(queue_, one, emptying_ ? export_end::shutdown : export_end::queue_full);
    return give(wait);  // at once: a drain may bring the next one before the next call
  }
  // The oldest of those that leave.
  bool give(export_wait& wait) {
    noting noted{wait};
    auto const one = leaving_.begin();
    one->in_hands = true;
    export_result const result = call([&] { return fallback_->export_batch(one->spans, noted); });
    one->in_hands = false;
    if (result.what == export_result::outcome::success) {
      std::uint64_t const refused = std::min(result.rejected_spans, one->account.spans());
      if (refused != 0) one->account.part(refused).lost(one->reason);
      one->account.fell_back();
      tell_.lost(refused);
      tell_.fell_back(one->account.spans());
      forget(leaving_, one);
    } else if (noted.stopped) {
      return false;  // it had not the time that it needs
    } else {
      drop(leaving_, one, one->reason);
    }
    sweep(wait);
    return true;
  }

  bool put(batches::iterator one, export_wait& wait) {
    std::uint64_t const needed = spool::bytes_of(one->spans.otlp.size());
    if (needed > spool_bytes_) return lose(queue_, one, export_end::spool_full), true;
    one->in_hands = true;
    try {
      while (disk_bytes_ + needed > spool_bytes_ && evict(wait)) {}
      bool const begins = disk_bytes_ + needed <= spool_bytes_ && ready(wait);
      if (!begins) return one->in_hands = false;
      return store(one, wait);
    } catch (...) {
      one->in_hands = false;
      throw;
    }
  }
  // Makes room: the oldest goes.
  bool evict(export_wait& wait) {
    auto const one = std::find_if(spooled_.begin(), spooled_.end(), [](queued_batch const& each) { return !each.in_hands; });
    if (one == spooled_.end()) return false;
    if (fallback_ != nullptr && !fetch(one, false, wait)) return false;
    lose(spooled_, one, export_end::spool_full);
    if (fallback_ != nullptr) {
      leaving_.splice(leaving_.begin(), leaving_, one);
      return give(wait);
    }
    sweep(wait);
    return true;
  }

  std::size_t crowded_bytes_;
  bool emptying_ = false;
};

}  // namespace nanospan::inline v0::detail
