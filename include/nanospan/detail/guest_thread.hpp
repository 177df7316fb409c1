// SPDX-License-Identifier: Apache-2.0
#pragma once

// Threads that are guests in the program: they handle none of its signals, but for those that a fault of their own raises. Background half.

#include <nanospan/detail/joined.hpp>

#include <boost/system/error_code.hpp>

#include <cerrno>
#include <string>
#include <thread>
#include <utility>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

namespace nanospan::inline v0::detail {

// Throws std::system_error where there is no thread to be had.
template <typename Run>
std::thread start_guest_thread(Run&& run) {
  struct signals_blocked {
    sigset_t before;
    signals_blocked() noexcept {
      sigset_t all;
      ::sigfillset(&all);
      for (int const fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) ::sigdelset(&all, fault);
      ::pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  } const while_it_starts;  // a new thread inherits the mask
  return std::thread{std::forward<Run>(run)};
}

// How a guest wants to run; see options.
struct guest_settings {
#if defined(__linux__)
  static constexpr int cpu_count = CPU_SETSIZE;
#else
  static constexpr int cpu_count = 0;  // POSIX pins no thread
#endif
  char const* name;
  int cpu;
  int nice;
  int realtime_priority;
};

// Applies them to the calling thread, and says what the system refuses: `refused(std::string what)`.
template <typename Refused>
void settle_in(guest_settings const& as, Refused&& refused) {
  auto const check = [&](int error, char const* what, int value) {
    if (error != 0) refused(joined({"the background thread cannot have ", what, std::to_string(value), ": ", boost::system::system_category().message(error)}));
  };
#if defined(__linux__)
  ::pthread_setname_np(::pthread_self(), as.name);
  if (as.cpu >= 0) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<std::size_t>(as.cpu), &only);
    check(::pthread_setaffinity_np(::pthread_self(), sizeof only, &only), "CPU ", as.cpu);
  }
  // On Linux the nice value is a thread's own; 0 means the calling one.
  if (as.nice != 0) check(::setpriority(PRIO_PROCESS, 0, as.nice) == 0 ? 0 : errno, "the nice value ", as.nice);
#endif
  sched_param parameters{};
  parameters.sched_priority = as.realtime_priority;
  int const wanted = as.realtime_priority == 0 ? SCHED_OTHER : SCHED_FIFO;
#if defined(__linux__)
  // The system's word: pthread_getschedparam() may answer what the thread that started this one was once asked. 0 means the calling thread.
  int const policy = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
  if (as.realtime_priority == 0 && policy != SCHED_FIFO && policy != SCHED_RR) return;
  int const error = ::sched_setscheduler(0, wanted, &parameters) == 0 ? 0 : errno;
#else
  int const error = ::pthread_setschedparam(::pthread_self(), wanted, &parameters);
#endif
  check(error, "the real-time priority ", as.realtime_priority);
}

}  // namespace nanospan::inline v0::detail
