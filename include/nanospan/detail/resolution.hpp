// SPDX-License-Identifier: Apache-2.0
#pragma once

// The addresses of a name, without a wait for whoever knows them. Background thread.

#include <nanospan/detail/descriptor.hpp>
#include <nanospan/detail/guest_thread.hpp>
#include <nanospan/shared.hpp>

#include <atomic>
#include <cstdint>
#include <string>

#include <netdb.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nanospan::inline v0::detail {

// A thread inherits from the one that starts it what options.background_cpu and background_realtime_priority gave that; a resolver must not keep what they were
// chosen for from running. On the CPUs of the program's first thread, and not on all: who confined the program meant all of it.
inline void run_as_the_program_does() noexcept {
  sched_param const ordinary{};
#if defined(__linux__)
  int const policy = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
  if (policy == SCHED_FIFO || policy == SCHED_RR) ::sched_setscheduler(0, SCHED_OTHER, &ordinary);
  cpu_set_t cpus;
  if (::sched_getaffinity(::getpid(), sizeof cpus, &cpus) == 0) ::sched_setaffinity(0, sizeof cpus, &cpus);
#else
  ::pthread_setschedparam(::pthread_self(), SCHED_OTHER, &ordinary);
#endif
}

// getaddrinfo blocks without a bound: it runs on a thread of its own, which shares what it writes and outlives nothing that it uses.
class resolution {
 public:
  static shared<resolution> start(std::string const& host, std::uint16_t port) {
    auto self = shared<resolution>::make<resolution>();
    addrinfo numeric{};
    numeric.ai_socktype = SOCK_STREAM;
    numeric.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    std::string const service = std::to_string(port);
    if (::getaddrinfo(host.c_str(), service.c_str(), &numeric, &self->found_) == 0) {
      self->finished_.store(true, std::memory_order_relaxed);  // Relaxed: no other thread yet.
      return self;
    }
    if (!make_pipe(self->reader_, self->writer_)) return nullptr;
    start_guest_thread([self, host, service] {
      run_as_the_program_does();
      addrinfo hints{};
      hints.ai_socktype = SOCK_STREAM;
      hints.ai_flags = AI_NUMERICSERV;
      self->error_ = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &self->found_);
      self->finished_.store(true, std::memory_order_release);  // Release: pairs with the acquire in finished().
      [[maybe_unused]] auto const written = ::write(self->writer_.get(), "", 1);
    }).detach();
    return self;
  }
  ~resolution() {
    if (found_ != nullptr) ::freeaddrinfo(found_);
  }
  // Readable once finished; -1 where that is so from the start.
  int descriptor_to_wait_for() const noexcept { return reader_.get(); }
  bool finished() const noexcept { return finished_.load(std::memory_order_acquire); }
  // Once finished.
  addrinfo const* found() const noexcept { return found_; }
  char const* error() const noexcept { return ::gai_strerror(error_); }

 private:
  descriptor reader_;
  descriptor writer_;
  addrinfo* found_ = nullptr;
  int error_ = 0;
  std::atomic<bool> finished_{false};
};

}  // namespace nanospan::inline v0::detail
