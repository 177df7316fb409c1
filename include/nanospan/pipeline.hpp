// SPDX-License-Identifier: Apache-2.0
#pragma once

// Collector and sender, and the thread that runs them. Draining goes on inside every wait, so that the network never stops it.

#include <nanospan/collector.hpp>
#include <nanospan/detail/guest_thread.hpp>
#include <nanospan/detail/turn.hpp>
#include <nanospan/detail/wake_up.hpp>
#include <nanospan/loss_watch.hpp>
#include <nanospan/resource.hpp>
#include <nanospan/sender.hpp>

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

namespace nanospan::inline v0::detail {

class pipeline : export_wait {
 public:
  // With exporter, fallback and probe of its own, whatever the options say of them: a forked child's are not its parent's.
  pipeline(shared<options const> with, shared<exporter> to, shared<exporter> fallback, bool probe, resource const& common, messages report)
      : options_{std::move(with)},
        report_{report},
        collector_{{options_->max_batch_spans, options_->max_batch_bytes, nanoseconds(options_->schedule_delay), options_->limits}, common.encoded(), common.schema_url(), {}, report, options_->on_end},
        sender_{std::move(to), {options_->max_queue_bytes, nanoseconds(options_->retry_limit)}, report, {std::move(fallback), options_->spool_directory, options_->spool_limit_bytes}},
        to_probe_{probe},
        owner_process_{::getpid()} {
    if (!wake_.made()) throw configuration_error{"no descriptor left for the background thread's wake-up pipe"};
    collector_.copy_baggage(options_->baggage_attributes);
    collector::ensure_spare_slot();
    if (!options_->background_thread) return;
    try {
      thread_ = start_guest_thread([this] { run(); });
    } catch (std::system_error const& error) {
      throw configuration_error{std::string{"the background thread cannot be started: "} + error.what()};
    }
  }

  bool flush(duration limit) {
    if (inside()) return false;  // an exporter or a message handler cannot wait for itself
    if (!options_->background_thread) return flush_here(later(limit));
    std::unique_lock lock{mutex_};
    if (over_) return false;
    std::uint64_t const mine = ++flush_wanted_;
    wake_.wake();
    bool const in_time = waited_.wait_for(lock, bounded(limit), [&] { return flush_done_ >= mine || over_; });
    bool const failed = mine > failed_after_ && mine <= failed_until_;
    return in_time && !failed && !over_;
  }

  // One whole pass that began after the call, and nothing remembered by address. False where that takes longer.
  bool drain_within(duration limit) {
    if (inside()) return false;
    std::uint64_t const mine = drains_wanted_.fetch_add(1, std::memory_order_release) + 1;  // Release: pairs with the acquire in drain().
    if (!options_->background_thread) return in_turn(later(limit), [&] { return drain(); });
    std::unique_lock lock{mutex_};
    wake_.wake();
    return waited_.wait_for(lock, bounded(limit), [&] { return drains_done_ >= mine || over_; }) && drains_done_ >= mine;
  }

  void poll() {
    if (options_->background_thread || inside()) return;
    std::lock_guard const alone{work_};
    working const here{*this};
    if (stopping()) return;
    drain();
    probe();
    sender_.aside(*this);
    send(sender_.pushed(), ~std::uint64_t{0});
    while (sender_.aside(*this)) drain();
  }

  // Flushes within options.shutdown_limit and ends the thread; a second call waits until that is done. From inside, and in a forked child,
  // nothing: what the parent had recorded is the parent's to send.
  void stop() {
    if (::getpid() != owner_process_ || inside()) return;
    std::lock_guard const one_at_a_time{stop_};
    if (stopped_) return;
    stopped_ = true;
    stop_deadline_.store(later(options_->shutdown_limit), std::memory_order_relaxed);  // Relaxed: the next line publishes it.
    stopping_.store(true, std::memory_order_release);  // Release: pairs with the acquire in stopping().
    wake_.wake();
    if (thread_.joinable()) thread_.join();
    else end();
  }
  messages const& report() const noexcept { return report_; }
  // Whether an exporter or a message handler of ours is what calls. Relaxed: a thread asks about itself.
  bool inside() const noexcept { return worker_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }

 private:
  static std::uint64_t nanoseconds(duration d) noexcept { return d.nanoseconds() < 0 ? 0 : static_cast<std::uint64_t>(d.nanoseconds()); }
  static std::uint64_t later(duration d) noexcept { return monotonic_nanoseconds() + nanoseconds(d); }
  // A year is for ever, and no overflow.
  static std::chrono::nanoseconds bounded(duration d) noexcept {
    return std::chrono::nanoseconds{std::min(d, duration::of_milliseconds(31'536'000'000)).nanoseconds()};
  }
  bool stopping() const noexcept { return stopping_.load(std::memory_order_acquire); }  // Acquire: pairs with the release in stop().
  std::uint64_t stop_deadline() const noexcept { return stop_deadline_.load(std::memory_order_relaxed); }

  // Who is in collector and sender, and may call what comes back here.
  struct working {
    explicit working(pipeline& in) noexcept : pipeline_{in} { pipeline_.worker_.store(std::this_thread::get_id(), std::memory_order_relaxed); }
    ~working() { pipeline_.worker_.store({}, std::memory_order_relaxed); }
    pipeline& pipeline_;
  };

  void run() {
    working const here{*this};
    settle_in({options_->background_name.c_str(), options_->background_cpu, options_->background_nice, options_->background_realtime_priority},
              [this](std::string const& what) { report_.warn(what); });
    probe();
    while (!stopping()) {
      std::uint64_t const wanted = flush_wanted();
      round();
      if (wanted != flush_done_) answer_flush(wanted);  // read without the lock: only this thread writes it
      else sleep();
    }
    end();
  }

  // Once, unless there is a batch that asks the same; let go of where somebody wants to send.
  void probe() {
    if (!std::exchange(to_probe_, false) || stopping() || sender_.pushed() != 0) return;
    probing_ = true;
    sender_.probe(*this);
    probing_ = false;
  }
  // One pass and at most one attempt to send.
  void round() {
    drain();
    sender_.aside(*this);
    if (sender_.due() <= monotonic_nanoseconds()) sender_.attempt(*this);
  }
  // One pass. False without memory: the spans stay in their rings.
  bool drain() {
    std::uint64_t const wanted = drains_wanted_.load(std::memory_order_acquire);  // Acquire: pairs with the release in drain_within().
    // What waits makes room for what is recorded now, the oldest first; not where all of it would not be enough. Relaxed: written by this thread.
    std::uint64_t const refused = span_memory.take_refused();
    if (refused != 0 && span_memory.has_room_to_record(refused, background.queue_bytes.load(std::memory_order_relaxed))) [[unlikely]]
      while (!span_memory.has_room_to_record(refused) && sender_.shed()) {}
    try {
      collector_.drain([this](charged_batch&& full) { sender_.push(std::move(full)); }, [this] { return sender_.shed(); });
      starved_ = false;
    } catch (std::bad_alloc const&) {
      if (!std::exchange(starved_, true)) report_.error("out of memory; spans wait in their rings");
    }
    std::uint64_t const now = monotonic_nanoseconds();
    pace_.saw(collector_.fullest(), now);
    if (losses_.due(now)) losses_.look(now, stats(), report_);
    if (!collector_.counter_trusted() && (recording.word.load(std::memory_order_relaxed) & recording_monotonic) == 0) {
      recording.word.fetch_or(recording_monotonic, std::memory_order_relaxed);  // Relaxed: each record says which clock it used.
      report_.warn("the processor's time counter is not steady on this machine; spans are timed with clock_gettime from now on");
    }
    if (starved_) return false;
    if (wanted != drains_done_) answer_drain(wanted);  // read without the lock: only this thread writes it
    return true;
  }
  void answer_drain(std::uint64_t wanted) {
    collector_.forget_literals();
    std::lock_guard const lock{mutex_};
    drains_done_ = wanted;
    waited_.notify_all();
  }
  void cut() {
    collector_.cut([this](charged_batch&& full) { sender_.push(std::move(full)); }, [this] { return sender_.shed(); });
  }
  void sleep() {
    std::uint64_t const now = monotonic_nanoseconds();
    std::uint64_t const until = std::min({pace_.next_drain(), sender_.due(), sender_.aside_due(), collector_.due()});
    if (until > now) poll_descriptors(-1, false, until - now);
  }

  // Everything that is there now, sent or failed: a failed attempt ends it, and the batches stay queued.
  bool send_all(std::uint64_t deadline) {
    drain();
    sender_.aside(*this);  // what other processes have left is sent, too
    cut();
    sender_.hurry();
    return send(sender_.pushed(), deadline);
  }
  // The first `batches` ever pushed, as far as they are due. False at the first that fails.
  bool send(std::uint64_t batches, std::uint64_t deadline) {
    std::uint64_t const before = sender_.setbacks();
    while (!sender_.settled(batches)) {
      if (std::uint64_t const now = monotonic_nanoseconds(); now < sender_.due() || now >= deadline) return false;
      sender_.attempt(*this);
      if (sender_.setbacks() != before) return false;
      drain();
    }
    return true;
  }
  void answer_flush(std::uint64_t wanted) {
    bool const sent = send_all(stopping() ? stop_deadline() : ~std::uint64_t{0});
    std::lock_guard const lock{mutex_};
    if (!sent) {
      failed_after_ = flush_done_;
      failed_until_ = wanted;
    }
    flush_done_ = wanted;
    waited_.notify_all();
  }
  std::uint64_t flush_wanted() {
    std::lock_guard const lock{mutex_};
    return flush_wanted_;
  }
  // Where there is no thread: the caller's turn to work. False where it does not come, or after the end, when the rings may be another
  // provider's to read.
  template <typename Work>
  bool in_turn(std::uint64_t deadline, Work&& work) {
    if (!work_.try_lock_until(deadline)) return false;
    std::lock_guard const alone{work_, std::adopt_lock};
    working const here{*this};
    return !stopping() && work();
  }
  bool flush_here(std::uint64_t deadline) {
    return in_turn(deadline, [&] {
      wait_limit_ = deadline;
      bool const sent = send_all(deadline);
      wait_limit_ = ~std::uint64_t{0};
      return sent;
    });
  }

  // The last act: drain, send what can be sent until the deadline, put the rest where it can wait, count what is left.
  void end() {
    std::lock_guard const alone{work_};
    working const here{*this};
    std::uint64_t const deadline = send_deadline();
    drain();
    sender_.aside(*this);
    cut();
    sender_.hurry();
    while (!sender_.empty() && monotonic_nanoseconds() < deadline) {
      if (sender_.due() > deadline) break;
      if (std::uint64_t const now = monotonic_nanoseconds(); sender_.due() > now) poll_descriptors(-1, false, std::min(sender_.due(), deadline) - now);
      else sender_.attempt(*this);
      if (sender_.unreachable()) break;
      drain();
    }
    sending_is_over_ = true;
    sender_.evacuate(*this);
    sender_.shutdown(*this);
    drain();  // what was being recorded meanwhile
    cut();
    sender_.evacuate(*this);
    sender_.abandon();
    sender_.close(*this);
    std::lock_guard const lock{mutex_};
    over_ = true;
    waited_.notify_all();
  }
  // Where there is somewhere to go for what cannot be sent, a quarter of the time is for that.
  std::uint64_t send_deadline() const noexcept {
    if (sending_is_over_ || !sender_.has_refuge()) return stop_deadline();
    return stop_deadline() - nanoseconds(options_->shutdown_limit) / 4;
  }

  // export_wait, for the exporter: each turn lasts at most one drain interval; in between the rings are drained, and what can do without the
  // exporter is done: for no longer than the exporter would wait.
  outcome wait(int descriptor, bool writable, std::uint64_t deadline) override {
    for (;;) {
      drain();
      std::uint64_t const limit = std::min(wait_limit_, stopping() ? send_deadline() : ~std::uint64_t{0});
      if (monotonic_nanoseconds() >= limit) return outcome::stopped;
      std::uint64_t const before = std::exchange(wait_limit_, std::min(limit, deadline));
      bool const probing = std::exchange(probing_, false);  // a probe is cut short, what the disk has begun is not
      bool const more = sender_.aside(*this);
      probing_ = probing;
      wait_limit_ = before;
      std::uint64_t const now = monotonic_nanoseconds();
      if (probing_ && (stopping() || !sender_.empty() || flush_wanted() != flush_done_)) return outcome::stopped;
      std::uint64_t const until = more ? now : std::min({deadline, pace_.next_drain(), sender_.aside_due(), limit});
      if (poll_descriptors(descriptor, writable, until > now ? until - now : 0)) return outcome::ready;
      if (monotonic_nanoseconds() >= deadline) return outcome::timed_out;
    }
  }
  // True if `descriptor` is ready, or has something to say before it can be written to.
  bool poll_descriptors(int descriptor, bool writable, std::uint64_t nanoseconds) {
    pollfd watched[2] = {{wake_.readable(), POLLIN, 0}, {descriptor, static_cast<short>(writable ? POLLIN | POLLOUT : POLLIN), 0}};
#if defined(__linux__)
    std::timespec const limit{static_cast<std::time_t>(nanoseconds / 1'000'000'000u), static_cast<long>(nanoseconds % 1'000'000'000u)};
    ::ppoll(watched, 2, &limit, nullptr);
#else
    ::poll(watched, 2, static_cast<int>((nanoseconds + 999'999) / 1'000'000));
#endif
    if (watched[0].revents != 0) wake_.clear();
    return watched[1].revents != 0;
  }

  shared<options const> options_;
  messages report_;
  wake_up wake_;
  collector collector_;
  sender sender_;
  pace pace_{monotonic_nanoseconds()};
  loss_watch losses_{stats()};
  bool starved_ = false;
  bool to_probe_;
  bool probing_ = false;
  bool sending_is_over_ = false;
  turn work_;  // one thread at a time in collector and sender; taken by poll(), flush() and the end where there is no thread
  std::atomic<std::thread::id> worker_{};
  std::atomic<std::uint64_t> drains_wanted_{0};
  std::uint64_t wait_limit_ = ~std::uint64_t{0};

  std::mutex mutex_;  // the seven below
  std::condition_variable waited_;
  std::uint64_t flush_wanted_ = 0;
  std::uint64_t flush_done_ = 0;
  std::uint64_t failed_after_ = 0;  // the last flushes that failed: after this one, up to that one
  std::uint64_t failed_until_ = 0;
  std::uint64_t drains_done_ = 0;
  bool over_ = false;

  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> stop_deadline_{~std::uint64_t{0}};
  std::mutex stop_;  // the one below
  bool stopped_ = false;
  pid_t owner_process_;
  std::thread thread_;
};

}  // namespace nanospan::inline v0::detail
