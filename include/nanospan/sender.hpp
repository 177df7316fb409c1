// SPDX-License-Identifier: Apache-2.0
#pragma once

// The queue of encoded batches and what becomes of each: confirmed, retried with back-off and jitter, given up; every span of it is
// counted once. One thread at a time; waits only inside the exporter, through the wait that it is given.

#include <nanospan/clock.hpp>
#include <nanospan/environment.hpp>
#include <nanospan/exporter.hpp>
#include <nanospan/stats.hpp>

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
  sender(std::shared_ptr<exporter> to, sender_limits limits, message_handler report)
      : exporter_{std::move(to)}, limits_{limits}, report_{report} {
    random_.seed();
  }

  bool empty() const noexcept { return queue_.empty(); }
  // Since the beginning.
  std::uint64_t attempts_failed() const noexcept { return attempts_failed_; }
  // When there is something to do (monotonic nanoseconds); the end of time where there is not.
  std::uint64_t due() const noexcept { return queue_.empty() ? ~std::uint64_t{0} : next_attempt_; }
  // Someone waits for the queue: do not sit out a back-off.
  void hurry() noexcept { next_attempt_ = 0; }

  // Never waits: where there is no room the oldest goes. Throws std::bad_alloc, nothing changed.
  void push(batch&& one) {
    queue_.push_back({std::move(one)});
    bytes_ += queue_.back().spans.otlp.size();
    // The one that is being sent stays where it is.
    while (bytes_ > limits_.queue_bytes && queue_.size() > (sending_ ? 2u : 1u)) {
      auto const oldest = std::next(queue_.begin(), sending_ ? 1 : 0);
      background.dropped_queue_full.add(oldest->spans.span_count);
      lose(oldest->spans.span_count);
      forget(oldest);
    }
  }

  // One attempt at the oldest batch. True if it is settled.
  bool attempt(export_wait& wait) {
    std::uint64_t const now = monotonic_nanoseconds();
    queued& front = queue_.front();
    if (front.first_attempt == 0) front.first_attempt = now;
    sending_ = true;
    export_result result = call(front.spans, wait);
    sending_ = false;
    settle_or_delay(result);
    return result.what == export_result::outcome::success || result.what == export_result::outcome::failure;
  }

  // The end: what is still here is counted as lost.
  void abandon() {
    while (!queue_.empty()) {
      bool const maybe_there = queue_.front().unconfirmed;
      (maybe_there ? background.unconfirmed : background.dropped_shutdown).add(queue_.front().spans.span_count);
      lose(queue_.front().spans.span_count);
      forget(queue_.begin());
    }
  }
  // The very end, after abandon(): the exporter writes what it holds and is let go.
  void shutdown(export_wait& wait) {
    try {
      exporter_->shutdown(wait);
    } catch (...) {
      say("the exporter threw while it was shut down");
    }
    exporter_.reset();
  }
  // Nobody answers there: at the program's end not worth a wait.
  bool unreachable() const noexcept { return unreachable_; }

 private:
  struct queued {
    batch spans;
    std::uint64_t first_attempt = 0;
    unsigned attempts = 0;
    bool unconfirmed = false;
  };

  export_result call(batch const& spans, export_wait& wait) {
    try {
      return exporter_->export_batch(spans, wait);
    } catch (std::exception const& error) {
      return {export_result::outcome::failure, 0, {}, std::string{"the exporter threw: "} + error.what()};
    } catch (...) {
      return {export_result::outcome::failure, 0, {}, "the exporter threw"};
    }
  }

  void settle_or_delay(export_result& result) {
    using outcome = export_result::outcome;
    queued& front = queue_.front();
    std::uint64_t const spans = front.spans.span_count;
    unreachable_ = result.what == outcome::unreachable;
    if (result.what == outcome::success) {
      std::uint64_t const rejected = std::min(result.rejected_spans, spans);
      background.exported.add(spans - rejected);
      background.rejected.add(rejected);
      forget(queue_.begin());
      next_attempt_ = 0;
      recovered();
      if (rejected != 0 || !result.message.empty())
        say("the collector rejected " + std::to_string(rejected) + " of " + std::to_string(spans) + " spans: " + result.message);
      return;
    }
    ++attempts_failed_;
    front.unconfirmed |= result.what == outcome::unconfirmed;
    failed(result.message);
    std::uint64_t const now = monotonic_nanoseconds();
    std::uint64_t const delay = back_off(front.attempts++, result.retry_after);
    if (result.what != outcome::failure && now + delay - front.first_attempt <= limits_.retry) {
      next_attempt_ = now + delay;
      return;
    }
    (front.unconfirmed ? background.unconfirmed : background.dropped_export_failed).add(spans);
    lose(spans);
    forget(queue_.begin());
    next_attempt_ = result.what == outcome::failure ? 0 : now + delay;
  }

  std::uint64_t back_off(unsigned attempts, duration least) {
    auto delay = static_cast<double>(limits_.first_back_off);
    for (unsigned i = 0; i < attempts && delay < static_cast<double>(limits_.longest_back_off); ++i) delay *= 1.5;
    delay = std::min(delay, static_cast<double>(limits_.longest_back_off));
    auto const random = static_cast<double>(std::bit_cast<std::uint64_t>(random_.next_span_id()) >> 11) * 0x1p-53;
    return std::max(static_cast<std::uint64_t>(std::max(least, duration{}).nanoseconds()), static_cast<std::uint64_t>(delay * (0.5 + random)));
  }

  void forget(std::list<queued>::iterator which) {
    bytes_ -= which->spans.otlp.size();
    queue_.erase(which);
  }

  // One line when trouble starts, one when it is over.
  void failed(std::string const& why) {
    if (in_trouble_) return;
    in_trouble_ = true;
    say("cannot send to " + exporter_->description() + ": " + why + "; spans wait and are retried");
  }
  void lose(std::uint64_t spans) { lost_in_trouble_ += spans; }
  void recovered() {
    if (!in_trouble_) return;
    in_trouble_ = false;
    say("sending again to " + exporter_->description() + "; " + std::to_string(std::exchange(lost_in_trouble_, 0)) + " spans were lost meanwhile");
  }
  void say(std::string const& line) const { report_(line); }

  std::shared_ptr<exporter> exporter_;
  sender_limits limits_;
  message_handler report_;
  std::list<queued> queue_;  // the front stays where it is while it is being sent
  std::size_t bytes_ = 0;
  std::uint64_t next_attempt_ = 0;
  std::uint64_t attempts_failed_ = 0;
  std::uint64_t lost_in_trouble_ = 0;
  bool in_trouble_ = false;
  bool sending_ = false;
  bool unreachable_ = false;
  id_generator random_;
};

}  // namespace nanospan::inline v0::detail
