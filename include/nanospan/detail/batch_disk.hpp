// SPDX-License-Identifier: Apache-2.0
#pragma once

// The queue's part on disk: batches that are written, found, read to be sent and removed, each in a turn of its own on the disk's thread. The sender's thread;
// waits through what it is given.

#include <nanospan/clock.hpp>
#include <nanospan/detail/batch_queue.hpp>
#include <nanospan/detail/disk_turns.hpp>
#include <nanospan/detail/otlp_split.hpp>

namespace nanospan::inline v0::detail {

class batch_disk : public batch_queue {
 public:
  batch_disk(shared<exporter> to, std::size_t queue_bytes, messages report, back_off delay, std::string const& directory, std::uint64_t limit_bytes, std::uint64_t between_looks)
      : batch_queue{std::move(to), queue_bytes, report}, delay_{delay}, spool_{directory.empty() ? nullptr : shared<spool>::make<spool>(directory)}, spool_bytes_{limit_bytes}, between_looks_{between_looks}, next_look_{spool_ == nullptr ? ~std::uint64_t{0} : 0} {}

 protected:
  // True as long as it is there.
  struct holding {
    explicit holding(bool& what) noexcept : what_{what} { what_ = true; }
    ~holding() { what_ = false; }
    bool& what_;
  };

  bool disk_is_there() const noexcept { return spool_ != nullptr && monotonic_nanoseconds() >= disk_retry_; }
  // Whether a turn that begins now would begin at once.
  bool ready(export_wait& wait) noexcept {
    try {
      return !disk_.stuck() || run(shared<disk_job>::make<disk_job>(), [](disk_job&) {}, [](disk_job&) {}, wait);
    } catch (...) {  // no memory
      return false;
    }
  }
  void disk_hangs() noexcept {
    ++setbacks_;
    next_attempt_ = monotonic_nanoseconds() + delay_.after(0);
  }
  bool disk_failed(std::string_view error) noexcept {
    disk_retry_ = monotonic_nanoseconds() + delay_.after(disk_failures_++);
    tell_.disk_failed(error);
    return false;
  }

  bool adopt(export_wait& wait) {
    next_look_ = monotonic_nanoseconds() + between_looks_;  // a process may end, or be killed, while this one lives
    if (!ready(wait)) return disk_failed("the disk does not answer");
    auto const job = shared<disk_job>::make<disk_job>(spool_);
    job->found.most_bytes = spool_bytes_ - std::min(spool_bytes_, disk_bytes_);
    run(job, disk_work::adopt, [this](disk_job& of) { join(of.found); }, wait);
    return true;
  }
  // True when it is there. It is in nobody's hands but ours.
  bool store(batches::iterator one, export_wait& wait) {
    auto const job = shared<disk_job>::make<disk_job>(spool_);
    job->where.resize(1);
    job->in_flight = one->account.maybe_there();
    std::swap(job->spans, one->spans);
    bool answered = false;
    try {
      answered = run(job, disk_work::put, [this, one](disk_job& of) { stored(one, of); }, wait);
    } catch (...) {
      std::swap(job->spans, one->spans);
      throw;
    }
    if (!answered) return disk_failed("the disk does not answer");
    if (!job->done) return disk_failed(job->error);
    tell_.disk_works();
    disk_failures_ = 0;
    return true;
  }
  // To be sent.
  bool load(batches::iterator one, export_wait& wait) noexcept {
    try {
      return fetch(one, true, wait);
    } catch (...) {
      disk_hangs();
      return false;
    }
  }
  // False where it cannot be had now, or is lost.
  bool fetch(batches::iterator one, bool in_flight, export_wait& wait) {
    if (!ready(wait)) return disk_hangs(), false;
    auto const job = shared<disk_job>::make<disk_job>(spool_);
    job->where = {one->where};
    job->in_flight = in_flight;
    if (!touch(one, job, disk_work::get, wait)) return disk_hangs(), false;
    bool whole = job->done;
    if (whole && one->of_file != queued_batch::part::whole) {
      batch halves[2];
      whole = split_in_half(job->spans, halves[0], halves[1]);
      static_cast<batch&>(job->spans) = std::move(halves[one->of_file == queued_batch::part::first_half ? 0 : 1]);
    }
    if (whole) {
      one->spans.otlp = std::move(job->spans.otlp);
      return true;
    }
    if (!job->error.empty()) return tell_.disk_failed(job->error), disk_hangs(), false;
    tell_.unreadable(one->account.spans());
    drop(spooled_, one, export_end::export_failed);
    return false;
  }
  // The collector has it not, for all that it said; of halves one may be there.
  void not_sent(batches::iterator one, export_wait& wait) noexcept try {
    one->forget_bytes();
    if (one->account.maybe_there() || one->of_file != queued_batch::part::whole || !ready(wait)) return;
    auto const job = shared<disk_job>::make<disk_job>(spool_);
    job->where = {one->where};
    touch(one, job, disk_work::unmark, wait);
  } catch (...) {  // no memory: whoever finds it after us takes it for sent
  }
  // Files that nobody needs any more.
  void sweep(export_wait& wait) noexcept try {
    if (unneeded_.empty() || !ready(wait)) return;
    auto const job = shared<disk_job>::make<disk_job>(spool_);
    job->where.swap(unneeded_);
    try {
      run(job, disk_work::remove, [](disk_job&) {}, wait);
    } catch (...) {
      job->where.swap(unneeded_);
    }
  } catch (...) {  // no memory: another time
  }

  // What is on disk stays there, for whoever comes.
  void leave(export_wait& wait) noexcept {
    if (spool_ == nullptr) return;
    std::uint64_t waiting = 0;
    for (queued_batch const& one : spooled_) waiting += one.account.spans();
    if (waiting != 0) tell_.left_on_disk(waiting, spool_->root());
    try {
      auto const job = shared<disk_job>::make<disk_job>(std::move(spool_));
      for (queued_batch& one : spooled_) job->where.push_back(std::move(one.where));
      spooled_.clear();
      if (disk_.stuck()) disk_.after_it(job);
      else run(job, disk_work::let_go, [](disk_job&) {}, wait);
    } catch (...) {}  // NOLINT(bugprone-empty-catch): no memory; let go of here, then
  }

  // NOLINTBEGIN(misc-non-private-member-variables-in-classes): a sender in four parts
  back_off delay_;
  std::uint64_t next_attempt_ = 0;
  shared<spool> spool_;
  std::uint64_t spool_bytes_;
  std::uint64_t disk_retry_ = 0;
  std::uint64_t between_looks_;
  std::uint64_t next_look_;  // for spools of others
  bool aside_ = false;  // at the disk, or at what batch_refuge does
  // NOLINTEND(misc-non-private-member-variables-in-classes)

 private:
  bool run(disk_turns::job const& job, void (*work)(disk_job&), std::function<void(disk_job&)> then, export_wait& wait) {
    bool const before = std::exchange(aside_, true);
    struct restored {
      bool& what;
      bool to;
      ~restored() { what = to; }
    } const at_its_end{aside_, before};
    return disk_.run(job, work, std::move(then), wait);
  }
  void join(spool::findings const& found) {
    std::uint64_t spans = 0;
    batches joined;
    for (auto const& one : found.batches) joined.emplace_back(queued_batch{batch{{}, one.spans}, 0, batch_account{one.spans}}).where = one.where;
    for (queued_batch& one : joined) {  // all of them, or, without memory, none
      std::uint64_t const these = one.account.spans();
      spans += these;
      disk_bytes_ += one.where.bytes;
      if (one.where.file.in_flight) one.account.unanswered();
      if (one.where.in->left_here()) continue;  // it is in the account
      background.recovered.add(these);
      if (one.where.file.in_flight) background.recovered_in_flight.add(these);
      background.spooled.fetch_add(these, std::memory_order_relaxed);
    }
    if (!joined.empty()) pushed_ = std::max<std::uint64_t>(pushed_, 1);
    spooled_.splice(spooled_.begin(), joined);
    if (found.more) next_look_ = 0;
    tell_.adopted(spans, found.broken, found.error, spool_->root());
  }
  void stored(batches::iterator one, disk_job& of) {
    one->in_hands = false;
    std::swap(of.spans, one->spans);
    if (!of.done) return;
    one->where = std::move(of.where.front());
    one->forget_bytes();
    hold(bytes_ - std::exchange(one->counted, 0));
    disk_bytes_ += one->where.bytes;
    background.spooled.fetch_add(one->account.spans(), std::memory_order_relaxed);
    spooled_.splice(spooled_.end(), queue_, one);
  }
  // Has nobody else take it meanwhile, also where that is longer than anybody waits.
  bool touch(batches::iterator one, disk_turns::job const& job, void (*work)(disk_job&), export_wait& wait) {
    one->in_hands = true;
    try {
      return run(job, work, [one](disk_job& of) {
        one->in_hands = false;
        one->where = of.where.front();
      }, wait);
    } catch (...) {
      one->in_hands = false;
      throw;
    }
  }

  disk_turns disk_;
  unsigned disk_failures_ = 0;
};

}  // namespace nanospan::inline v0::detail
