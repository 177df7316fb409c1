// SPDX-License-Identifier: Apache-2.0
#pragma once

// The spool's turns on the disk: one after another on the side thread, waited for through export_wait. One that the disk keeps longer goes on by itself, and what
// becomes of it is told before the next one. The sender's thread.

#include <nanospan/detail/charged_batch.hpp>
#include <nanospan/detail/side_thread.hpp>
#include <nanospan/spool.hpp>

namespace nanospan::inline v0::detail {

// All that a turn uses, shared with the side thread: nobody may be there any more when it ends.
struct disk_job {
  shared<spool> on;
  charged_batch spans = batch{};
  std::vector<spool_ticket> where = {};
  bool in_flight = false;
  std::string error = {};
  bool done = false;
  spool::findings found = {};
  shared<disk_job> next = nullptr;  // goes when this does
};

class disk_turns {
 public:
  using job = shared<disk_job>;
  static constexpr std::uint64_t limit = 10'000'000'000;  // nanoseconds a turn

  // `work` there, then `then` here. False where the disk does not answer in time: then `then` comes with a later turn, or never; or, where an earlier one is not
  // over, neither comes. Throws std::bad_alloc, neither comes.
  bool run(job const& one, void (*work)(disk_job&), std::function<void(disk_job&)> then, export_wait& wait) {
    std::uint64_t const deadline = monotonic_nanoseconds() + limit;
    if (pending_ && (!on_thread([] {}, wait, deadline) || !finish())) return false;
    pending_ = one;
    then_ = std::move(then);
    bool done = false;
    try {
      done = on_thread([one, work] { work(*one); }, wait, deadline);
    } catch (...) {
      then_ = nullptr;
      pending_ = nullptr;
      throw;
    }
    return done && finish();
  }
  bool stuck() const noexcept { return pending_ != nullptr; }
  // Goes when the turn that hangs does.
  void after_it(job what) noexcept { pending_->next = std::move(what); }

 private:
  // Throws std::bad_alloc before it has begun.
  bool on_thread(std::function<void()> const& work, export_wait& wait, std::uint64_t deadline) {
    try {
      return thread_.run(work, wait, deadline);
    } catch (std::system_error const&) {
      try {
        work();  // no thread to be had: nothing is drained meanwhile, but nothing is lost either
      } catch (...) {}  // NOLINT(bugprone-empty-catch): as on the thread
      return true;
    }
  }
  bool finish() {
    job const one = std::exchange(pending_, nullptr);
    std::exchange(then_, nullptr)(*one);
    return true;
  }

  side_thread thread_;
  job pending_;
  std::function<void(disk_job&)> then_;
};

// What is done there. What throws (std::bad_alloc) leaves `done` as it is.
namespace disk_work {
inline void adopt(disk_job& job) {
  job.found = job.on->adopt(job.found.most_bytes);
  job.done = true;
}
inline void put(disk_job& job) {
  job.error = "out of memory";
  job.error = job.on->put(job.spans, job.in_flight, job.where.front());
  job.done = job.error.empty();
}
// To be sent: whoever finds it after us is told.
inline void get(disk_job& job) {
  job.error = "out of memory";
  spool_ticket& where = job.where.front();
  job.done = where.in->get(where.file, job.spans, job.error);
  if (job.done && job.in_flight) where.in->mark(where.file, true);
}
inline void unmark(disk_job& job) {
  spool_ticket& where = job.where.front();
  job.done = where.in->mark(where.file, false);
}
inline void remove(disk_job& job) {
  for (spool_ticket& one : job.where) {
    one.in->remove(one.file);
    one.in = nullptr;  // a directory that has nothing left goes, too
  }
  job.done = true;
}
inline void let_go(disk_job& job) {
  job.where.clear();
  job.on = nullptr;
}
}  // namespace disk_work

}  // namespace nanospan::inline v0::detail
