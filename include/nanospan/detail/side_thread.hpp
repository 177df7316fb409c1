// SPDX-License-Identifier: Apache-2.0
#pragma once

// A thread for what may block without a bound, as a disk does. Who asks waits through export_wait, so that the rings are drained meanwhile. Background half.

#include <nanospan/detail/guest_thread.hpp>
#include <nanospan/detail/wake_up.hpp>
#include <nanospan/exporter.hpp>

#include <cerrno>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <sys/types.h>
#include <unistd.h>

namespace nanospan::inline v0::detail {

// Used by one thread at a time. Its own thread starts at the first run(), and in a forked child at the first one there.
class side_thread {
 public:
  side_thread() noexcept = default;
  side_thread(side_thread const&) = delete;
  side_thread& operator=(side_thread const&) = delete;
  // Never waits for work: a thread that is at it goes on, and ends by itself.
  ~side_thread() {
    if (!state_ || state_->process != ::getpid()) return;  // in a forked child: whose lock could be taken for ever
    bool busy = false;
    {
      std::lock_guard const lock{state_->mutex};
      state_->over = true;
      busy = state_->busy;
      state_->changed.notify_one();
    }
    // One that is not ends at once, and is then gone for certain: the library that it runs may be closed.
    if (busy) state_->thread.detach();
    else state_->thread.join();
  }

  // Runs work() there; true when it is done. False when `deadline` (monotonic nanoseconds) passed or the provider stops first: work() goes on by itself,
  // so it owns all that it uses (by value, by shared), and the next call waits for its end before it begins its own, which it leaves out where it
  // returns false before that. What work() throws is lost. Throws std::system_error where no thread can be had, and then has not begun.
  bool run(std::function<void()> work, export_wait& wait, std::uint64_t deadline) {
    start();
    if (!wait_for_thread(wait, deadline)) return false;
    {
      std::lock_guard const lock{state_->mutex};
      state_->work = std::move(work);
      state_->busy = true;
      state_->changed.notify_one();
    }
    return wait_for_thread(wait, deadline);
  }

 private:
  struct state {
    wake_up done;
    pid_t process = ::getpid();
    std::mutex mutex;  // the four below
    std::condition_variable changed;
    std::function<void()> work;
    bool busy = false;  // from when there is work until it is done
    bool over = false;
    std::thread thread;
  };

  // A child's copy of the parent's state is never destroyed: the thread that shares it is not there to let go of it.
  void start() {
    if (state_ && state_->process == ::getpid()) return;
    auto made = shared<state>::make<state>();
    if (!made->done.made()) throw std::system_error{EMFILE, std::generic_category()};
    made->thread = start_guest_thread([made] { serve(*made); });
    state_ = std::move(made);
  }
  static void serve(state& in) {
    settle_in({"nanospan-disk", -1, 0, 0}, [](std::string const&) {});  // not real-time, whoever starts it is
    for (std::unique_lock lock{in.mutex};;) {
      in.changed.wait(lock, [&] { return in.over || in.busy; });
      if (!in.busy) return;
      std::function<void()> work = std::exchange(in.work, nullptr);
      lock.unlock();
      try {
        work();
        work = nullptr;  // what it owns may block, too, where it ends
      } catch (...) {}   // NOLINT(bugprone-empty-catch): said above
      lock.lock();
      in.busy = false;
      in.done.wake();
    }
  }
  bool wait_for_thread(export_wait& wait, std::uint64_t deadline) const {
    for (;;) {
      {
        std::lock_guard const lock{state_->mutex};
        if (!state_->busy) return true;
      }
      export_wait::outcome const how = wait.wait(state_->done.readable(), false, deadline);
      state_->done.clear();
      if (how == export_wait::outcome::ready) continue;
      std::lock_guard const lock{state_->mutex};
      return !state_->busy;
    }
  }

  shared<state> state_;
};

}  // namespace nanospan::inline v0::detail
