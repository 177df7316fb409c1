// SPDX-License-Identifier: Apache-2.0
#pragma once

// Threads that are guests in the program: they handle none of its signals, but for those that a fault of their own raises. Background half.

#include <thread>
#include <utility>

#include <pthread.h>
#include <signal.h>

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

}  // namespace nanospan::inline v0::detail
