// SPDX-License-Identifier: Apache-2.0
#pragma once

// The queue of encoded batches and what becomes of each: confirmed, retried with back-off and jitter, given up; every span of it is
// counted once. One thread at a time; waits only inside the exporter, through the wait that it is given.

#include <nanospan/clock.hpp>
#include <nanospan/detail/batch_account.hpp>
#include <nanospan/detail/charged_batch.hpp>
#include <nanospan/detail/joined.hpp>
#include <nanospan/exporter.hpp>
#include <nanospan/messages.hpp>

#include <algorithm>
#include <iterator>
#include <list>

namespace nanospan::inline v0::detail {

struct sender_limits {
  std::size_t queue_bytes;
  std::uint64_t retry;                              // nanoseconds from a batch's first attempt to the last
  std::uint64_t first_back_off = 1'000'000'000;     // nanoseconds; half as much again each time
  std::uint64_t longest_back_off = 30'000'000'000;
};

class sender {
 public:
  sender(shared<exporter> to, sender_limits limits, messages report)
      : exporter_{std::move(to)}, limits_{limits}, report_{report} {
    random_.seed();
    background.queue_limit_bytes.store(limits_.queue_bytes, std::memory_order_relaxed);
  }
  sender(sender const&) = delete;
  sender& operator=(sender const&) = delete;
  ~sender() {
    background.queue_limit_bytes.store(0, std::memory_order_relaxed);
    background.queue_bytes.store(0, std::memory_order_relaxed);
  }

  bool empty() const noexcept { return queue_.empty(); }
  // Attempts that failed and batches that were lost, since the beginning.
  std::uint64_t setbacks() const noexcept { return setbacks_; }
  std::uint64_t pushed() const noexcept { return pushed_; }
  // Whether all of the first `batches` ever pushed have left the queue.
  bool settled(std::uint64_t batches) const noexcept { return queue_.empty() || queue_.front().number >= batches; }
  // When there is something to do (monotonic nanoseconds); the end of time where there is not.
  std::uint64_t due() const noexcept { return queue_.empty() ? ~std::uint64_t{0} : next_attempt_; }
  // Someone waits for the queue: do not sit out a back-off, unless the collector asked for it.
  void hurry() noexcept { next_attempt_ = not_before_; }

  // Never waits: where there is no room the oldest goes. Throws std::bad_alloc, nothing changed.
  void push(charged_batch&& one) {
    std::uint64_t const spans = one.span_count;
    queue_.push_back({std::move(one), pushed_, batch_account{spans}});
    ++pushed_;
    hold(bytes_ + queue_.back().spans.otlp.size());
    // The one that is being sent stays where it is.
    while (bytes_ > limits_.queue_bytes && queue_.size() > (sending_ ? 2u : 1u)) shed();
  }
  // The oldest batch goes that is not being sent. False where there is none.
  bool shed() noexcept {
    if (queue_.size() == (sending_ ? 1u : 0u)) return false;
    lose(std::next(queue_.begin(), sending_ ? 1 : 0), export_end::queue_full);
    return true;
  }

  // Asks whether anybody is there, once. What is wrong is told as trouble that has begun, unless the wait was cut short.
  void probe(export_wait& wait) {
    struct noting final : export_wait {
      explicit noting(export_wait& by) noexcept : by_{by} {}
      outcome wait(int descriptor, bool writable, std::uint64_t deadline) override {
        outcome const end = by_.wait(descriptor, writable, deadline);
        stopped = end == outcome::stopped;
        return end;
      }
      export_wait& by_;
      bool stopped = false;
    } noted{wait};
    export_result const result = call([&](exporter& to) { return to.probe(noted); });
    if (result.what != export_result::outcome::success && !noted.stopped) failed(result, "; spans will be lost");
  }

  // One attempt at the oldest batch.
  void attempt(export_wait& wait) {
    queued& front = queue_.front();
    front.account.attempted();
    sending_ = true;
    export_result const result = call([&](exporter& to) { return to.export_batch(front.spans, wait); });
    sending_ = false;
    unreachable_ = result.what == export_result::outcome::unreachable;
    if (result.what == export_result::outcome::success) settle(result);
    else delay_or_give_up(result);
  }

  // The end: what is still here is counted as lost.
  void abandon() {
    while (!queue_.empty()) lose(queue_.begin(), export_end::shutdown);
  }
  // The exporter writes what it holds and is let go; nothing is attempted after it.
  void shutdown(export_wait& wait) noexcept {
    try {
      std::uint64_t const lost = exporter_->shutdown(wait);
      background.exported.add(std::uint64_t{0} - lost);  // it had taken them
      background.dropped_shutdown.add(lost);
      background.passed_shutdown.add(lost);
    } catch (...) {
      say(log_level::error, [] { return std::string{"the exporter threw while it was shut down"}; });
    }
    exporter_ = nullptr;
  }
  // Nobody answers there: at the program's end not worth a wait.
  bool unreachable() const noexcept { return unreachable_; }

 private:
  struct queued {
    charged_batch spans;
    std::uint64_t number;
    batch_account account;
    unsigned attempts = 0;
  };
  static constexpr std::uint64_t between_complaints = 10'000'000'000;

  // What an exporter throws is worth another attempt: it may have been memory, a thread or a descriptor that was missing.
  template <typename Ask>
  export_result call(Ask&& ask) noexcept {
    export_result result{export_result::outcome::retry, 0, {}, {}};
    try {
      try {
        return ask(*exporter_);
      } catch (std::exception const& error) {
        result.message = std::string{"the exporter threw: "} + error.what();
      }
    } catch (...) {
      // Another type, or no memory for its text.
    }
    return result;
  }

  void settle(export_result const& result) {
    std::uint64_t const spans = queue_.front().spans.span_count;
    std::uint64_t const rejected = std::min(result.rejected_spans, spans);
    queue_.front().account.settled(rejected);
    forget(queue_.begin());
    next_attempt_ = not_before_ = 0;
    recovered();
    if (rejected == 0 && result.message.empty()) return;
    rejected_untold_ += rejected;
    std::uint64_t const now = monotonic_nanoseconds();
    if (now < next_rejection_told_) return;
    next_rejection_told_ = now + between_complaints;
    say(rejected_untold_ == 0 ? log_level::warn : log_level::error, [&] { return joined({"the collector rejected ", std::to_string(rejected_untold_), " spans: ", result.message}); });
    rejected_untold_ = 0;
  }

  void delay_or_give_up(export_result const& result) {
    using outcome = export_result::outcome;
    queued& front = queue_.front();
    ++setbacks_;
    if (result.what == outcome::unconfirmed) front.account.unanswered();
    failed(result);
    std::uint64_t const now = monotonic_nanoseconds();
    std::uint64_t const give_up = front.account.first_attempt() + std::min(limits_.retry, ~std::uint64_t{0} - front.account.first_attempt());
    std::uint64_t const back_off = now + next_delay(front.attempts++);
    // What the collector asks for, but not beyond the last moment of this batch: then it gets one more attempt.
    auto const asked = static_cast<std::uint64_t>(std::clamp(result.retry_after, duration{}, duration::of_milliseconds(86'400'000)).nanoseconds());
    not_before_ = asked == 0 ? 0 : std::min(now + asked, std::max(give_up, back_off));
    if (result.what == outcome::failure || back_off > give_up) {
      lose(queue_.begin(), export_end::export_failed);
      next_attempt_ = result.what == outcome::failure ? 0 : back_off;
      return;
    }
    next_attempt_ = std::max(back_off, not_before_);
  }

  std::uint64_t next_delay(unsigned attempts) noexcept {
    auto delay = static_cast<double>(limits_.first_back_off);
    for (unsigned i = 0; i < attempts && delay < static_cast<double>(limits_.longest_back_off); ++i) delay *= 1.5;
    delay = std::min(delay, static_cast<double>(limits_.longest_back_off));
    auto const random = static_cast<double>(std::bit_cast<std::uint64_t>(random_.next_span_id()) >> 11) * 0x1p-53;
    return static_cast<std::uint64_t>(delay * (0.5 + random));
  }

  void lose(std::list<queued>::iterator which, export_end reason) noexcept {
    which->account.lost(reason);
    if (in_trouble_) lost_in_trouble_ += which->account.spans();
    ++setbacks_;
    forget(which);
  }
  void forget(std::list<queued>::iterator which) noexcept {
    hold(bytes_ - which->spans.otlp.size());
    queue_.erase(which);
  }
  void hold(std::size_t bytes) noexcept {
    bytes_ = bytes;
    background.queue_bytes.store(bytes, std::memory_order_relaxed);
  }

  // One line when trouble starts, one when it is over; trouble that comes and goes is not told each time.
  void failed(export_result const& result, char const* lost = "; these spans are lost") {
    if (std::exchange(in_trouble_, true)) return;
    std::uint64_t const now = monotonic_nanoseconds();
    told_ = now >= next_trouble_told_;
    if (!told_) return;
    next_trouble_told_ = now + between_complaints;
    bool const again = result.what != export_result::outcome::failure;
    say(again ? log_level::warn : log_level::error, [&] {
      return joined({"cannot send to ", exporter_->description(), ": ", result.message, again ? "; spans wait and are retried" : lost});
    });
  }
  void recovered() {
    std::uint64_t const lost = std::exchange(lost_in_trouble_, 0);
    if (!std::exchange(in_trouble_, false) || !told_) return;
    say(log_level::info, [&] { return joined({"sending again to ", exporter_->description(), "; ", std::to_string(lost), " spans were lost meanwhile"}); });
  }
  // A message is worth no exception.
  template <typename Compose>
  void say(log_level level, Compose&& compose) const noexcept {
    try {
      report_.say(level, compose());
    } catch (...) {  // no memory, no message
    }
  }

  shared<exporter> exporter_;
  sender_limits limits_;
  messages report_;
  std::list<queued> queue_;  // the front stays where it is while it is being sent
  std::size_t bytes_ = 0;
  std::uint64_t pushed_ = 0;
  std::uint64_t next_attempt_ = 0;
  std::uint64_t not_before_ = 0;  // as the collector asked
  std::uint64_t setbacks_ = 0;
  std::uint64_t lost_in_trouble_ = 0;
  std::uint64_t rejected_untold_ = 0;
  std::uint64_t next_trouble_told_ = 0;
  std::uint64_t next_rejection_told_ = 0;
  bool in_trouble_ = false;
  bool told_ = false;
  bool sending_ = false;
  bool unreachable_ = false;
  random_ids random_;
};

}  // namespace nanospan::inline v0::detail
