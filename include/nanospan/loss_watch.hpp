// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tells of losses while they happen: a line when a reason begins to cost spans, one when it has ended, with how many, and never a flood. The reasons and
// what to do about each, for the final account, too. Background thread.

#include <nanospan/detail/joined.hpp>
#include <nanospan/messages.hpp>
#include <nanospan/stats.hpp>

#include <iterator>

namespace nanospan::inline v0::detail {

struct loss_reason {
  std::uint64_t (*count)(stats_snapshot const&) noexcept;
  char const* where;   // "17 spans were lost " and this
  char const* advice;  // or nothing
  bool is_watched;     // the others are told by the sender, with what the exporter said, or come when nobody watches any more
};
inline constexpr loss_reason loss_reasons[] = {
    {[](stats_snapshot const& s) noexcept { return s.dropped.no_provider; }, "before there was a tracer_provider", "", false},
    {[](stats_snapshot const& s) noexcept { return s.dropped.after_shutdown; }, "after a tracer_provider's end", "", false},
    {[](stats_snapshot const& s) noexcept { return s.dropped.ring_full; }, "in full rings", " (raise options.ring_bytes)", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.no_ring; }, "for want of ring memory", " (raise options.ring_memory_limit_bytes)", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.no_slot; }, "at the end of threads", "", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.interrupted; }, "in signal handlers", "", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.queue_full; }, "in a full queue", " (raise options.max_queue_bytes, or set options.fallback)", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.spool_full; }, "in a full spool", " (raise options.spool_limit_bytes)", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.export_failed; }, "that could not be sent", "", false},
    {[](stats_snapshot const& s) noexcept { return s.dropped.no_memory; }, "for want of memory", " (raise options.memory_limit_bytes)", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.shutdown; }, "still unsent at the end", "", false},
    {[](stats_snapshot const& s) noexcept { return s.unconfirmed; }, "sent but never confirmed", "", false},
    {[](stats_snapshot const& s) noexcept { return s.rejected; }, "rejected by the collector", "", false},
};

// The account since `before`, in one line; empty where nothing was lost.
inline std::string account_of_losses(stats_snapshot const& now, stats_snapshot const& before) {
  std::string why;
  for (loss_reason const& one : loss_reasons)
    if (std::uint64_t const lost = one.count(now), told = one.count(before); lost > told)
      why += joined({why.empty() ? "" : ", ", std::to_string(lost - told), " ", one.where, one.advice});
  if (why.empty()) return why;
  return joined({"of ", std::to_string(now.ended - before.ended), " spans, ", std::to_string(now.exported - before.exported), " arrived; lost: ", why});
}

class loss_watch {
 public:
  static constexpr std::uint64_t second = 1'000'000'000;  // nanoseconds
  static constexpr std::uint64_t quiet = 10 * second;     // so long without a loss is its end
  static constexpr std::uint64_t shortest_silence = 60 * second;  // from one end that was told to the next beginning; twice as long each time that losses come back
  static constexpr std::uint64_t longest_silence = 3'600 * second;

  // What was lost before is nobody's business here.
  explicit loss_watch(stats_snapshot const& now) noexcept {
    for (std::size_t at = 0; at < std::size(loss_reasons); ++at) states_[at].seen = states_[at].told = loss_reasons[at].count(now);
  }
  // Monotonic nanoseconds; whether a second has passed since the last look.
  bool due(std::uint64_t now) const noexcept { return now >= next_look_; }
  void look(std::uint64_t now, stats_snapshot const& account, messages const& report) noexcept {
    next_look_ = now + second;
    for (std::size_t at = 0; at < std::size(loss_reasons); ++at)
      if (loss_reasons[at].is_watched) look(now, loss_reasons[at], loss_reasons[at].count(account), states_[at], report);
  }

 private:
  struct state {
    std::uint64_t seen = 0;
    std::uint64_t told = 0;   // up to the last end that was told
    std::uint64_t since = 0;  // the first loss after it
    std::uint64_t last = 0;   // the last loss
    std::uint64_t silent_until = 0;
    std::uint64_t silence = shortest_silence;
    bool losing = false;
    bool telling = false;  // the beginning was told, so the end will be
  };
  static void look(std::uint64_t now, loss_reason const& why, std::uint64_t count, state& of, messages const& report) noexcept try {
    if (count > of.seen) {
      if (of.seen == of.told) of.since = now;
      if (!of.losing && of.last != 0 && now - of.last >= of.silence) of.silence = shortest_silence;  // another trouble than the last one
      of.losing = true;
      of.seen = count;
      of.last = now;
      if (of.telling || now < of.silent_until) return;
      of.telling = true;
      report.error(joined({"losing spans: ", std::to_string(count - of.told), " so far ", why.where, why.advice}));
    } else if (of.losing && now - of.last >= quiet) {
      of.losing = false;
      if (!std::exchange(of.telling, false)) return;
      std::uint64_t const spans = count - std::exchange(of.told, count);
      of.silent_until = now + of.silence;
      of.silence = of.silence < longest_silence / 2 ? 2 * of.silence : longest_silence;
      report.say(log_level::info, joined({"no longer losing: ", std::to_string(spans), " spans were lost ", why.where, " in ", std::to_string((of.last - of.since) / second + 1), " s"}));
    }
  } catch (...) {  // no memory, no message: the final account has them
  }

  state states_[std::size(loss_reasons)];
  std::uint64_t next_look_ = 0;
};

}  // namespace nanospan::inline v0::detail
