// SPDX-License-Identifier: Apache-2.0
#pragma once

// What becomes of each batch that is sent: confirmed, retried with back-off and jitter, halved, given up. One thread at a time; waits only
// through the wait that it is given.

#include <nanospan/detail/batch_refuge.hpp>

namespace nanospan::inline v0::detail {

struct sender_limits {
  std::size_t queue_bytes;
  std::uint64_t retry;                              // nanoseconds from a batch's first attempt to the last
  std::uint64_t first_back_off = 1'000'000'000;     // nanoseconds; half as much again each time
  std::uint64_t longest_back_off = 30'000'000'000;
};

class sender : public batch_refuge {
 public:
  sender(shared<exporter> to, sender_limits limits, messages report, sender_refuges const& refuges = {})
      : batch_refuge{std::move(to), limits.queue_bytes, report, refuges, back_off{limits.first_back_off, limits.longest_back_off}}, limits_{limits} {}

  // When there is something to send (monotonic nanoseconds); the end of time where there is not.
  std::uint64_t due() const noexcept { return empty() ? ~std::uint64_t{0} : next_attempt_; }
  // Someone waits for the queue: do not sit out a back-off, unless the collector asked for it.
  void hurry() noexcept { next_attempt_ = not_before_; }

  // Asks whether anybody is there, once. What is wrong is told as trouble that has begun, unless the wait was cut short.
  void probe(export_wait& wait) {
    noting noted{wait};
    export_result const result = call([&] { return exporter_->probe(noted); });
    bool const again = result.what != outcome::failure;
    if (result.what == outcome::success || noted.stopped) return;
    if (!again && !has_refuge()) tell_.failed(result, *exporter_, again, "; spans will be lost");
    else tell_.failed(result, *exporter_, again, refuge(!again));
  }

  // One attempt at the oldest batch.
  void attempt(export_wait& wait) {
    if (empty()) return;
    aside_due_ = 0;
    batches& from = spooled_.empty() ? queue_ : spooled_;
    auto const one = from.begin();
    if (one->in_hands) {  // the disk's, which hangs
      ready(wait);
      return disk_hangs();
    }
    one->account.attempted();
    if (one->where && !load(one, wait)) return;
    one->in_hands = true;
    export_result result = call([&] { return exporter_->export_batch(one->spans, wait); });
    one->in_hands = false;
    unreachable_ = result.what == export_result::outcome::unreachable;
    if (result.what == export_result::outcome::success) settle(from, one, result);
    else if (result.what != export_result::outcome::too_large || !halve(from, one, result.what)) delay_or_give_up(from, one, result, wait);
    sweep(wait);
  }

  // The exporter writes what it holds and is let go; nothing is attempted after it.
  void shutdown(export_wait& wait) noexcept {
    std::uint64_t const lost = let_go(exporter_, wait);
    background.exported.add(std::uint64_t{0} - lost);  // it had taken them
    background.dropped_shutdown.add(lost);
    background.passed_shutdown.add(lost);
  }
  // Nobody answers there: at the program's end not worth a wait.
  bool unreachable() const noexcept { return unreachable_; }

 private:
  using outcome = export_result::outcome;

  void settle(batches& from, batches::iterator one, export_result const& result) {
    std::uint64_t const rejected = std::min(result.rejected_spans, one->account.spans());
    one->account.settled(rejected);
    forget(from, one);
    next_attempt_ = not_before_ = 0;
    tell_.recovered(*exporter_, fallback_.get());
    tell_.rejected(rejected, result.message);
  }
  // Once: a half that is too large still is lost. What is on disk stays there whole, until both have gone. Without memory it is worth another attempt.
  bool halve(batches& from, batches::iterator one, outcome& what) noexcept try {
    if (one->halved) return false;
    batch first;
    batch second;
    if (!split_in_half(one->spans, first, second)) return false;
    auto const other = from.insert(one, queued_batch{std::move(first), one->number, one->account});
    hold(bytes_ - std::exchange(one->counted, 0));
    other->account = one->account.part(other->spans.span_count);
    other->where = one->where;
    static_cast<batch&>(one->spans) = std::move(second);
    other->halved = one->halved = true;
    for (auto const half : {other, one}) {
      if (!one->where) {
        count(*half);
        continue;
      }
      half->forget_bytes();
      half->of_file = half == other ? queued_batch::part::first_half : queued_batch::part::second_half;
    }
    next_attempt_ = not_before_ = 0;
    return true;
  } catch (...) {
    what = outcome::retry;
    return false;
  }
  void delay_or_give_up(batches& from, batches::iterator one, export_result const& result, export_wait& wait) {
    ++setbacks_;
    if (result.what == outcome::unconfirmed) one->account.unanswered();
    bool const final = result.what == outcome::failure || result.what == outcome::too_large;
    bool const patient = one->where || disk_is_there();  // they wait for the collector as long as it takes
    tell_.failed(result, *exporter_, !final, refuge(final));
    std::uint64_t const now = monotonic_nanoseconds();
    std::uint64_t const first = one->account.first_attempt();
    std::uint64_t const give_up = patient ? ~std::uint64_t{0} : first + std::min(limits_.retry, ~std::uint64_t{0} - first);
    std::uint64_t const back = now + delay_.after(one->attempts++);
    // What the collector asks for, but not beyond the last moment of this batch: then it gets one more attempt.
    auto const asked = static_cast<std::uint64_t>(std::clamp(result.retry_after, duration{}, duration::of_milliseconds(86'400'000)).nanoseconds());
    not_before_ = asked == 0 ? 0 : std::min(now + asked, std::max(give_up, back));
    if (final || back > give_up) {
      next_attempt_ = final ? 0 : back;
      return lose(from, one, export_end::export_failed);
    }
    next_attempt_ = std::max(back, not_before_);
    if (one->where) not_sent(one, wait);
  }

  sender_limits limits_;
  std::uint64_t not_before_ = 0;  // as the collector asked
  bool unreachable_ = false;
};

}  // namespace nanospan::inline v0::detail
