// SPDX-License-Identifier: Apache-2.0
#pragma once

// File descriptors that close themselves, pipes made of them, and a write that harms nobody. Background half.

#include <cerrno>
#include <cstddef>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

namespace nanospan::inline v0::detail {

class descriptor {
 public:
  descriptor() noexcept = default;
  explicit descriptor(int owned) noexcept : number_{owned} {}
  descriptor(descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  descriptor& operator=(descriptor other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const noexcept { return number_; }
  bool open() const noexcept { return number_ >= 0; }

 private:
  int number_ = -1;
};

// Both ends close on exec and do not block.
inline bool make_pipe(descriptor& reader, descriptor& writer) noexcept {
  int ends[2];
#if defined(__linux__)
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;  // at once: another thread may fork and exec
#else
  if (::pipe(ends) != 0) return false;
  for (int const end : ends) {
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
    ::fcntl(end, F_SETFL, O_NONBLOCK);
  }
#endif
  reader = descriptor{ends[0]};
  writer = descriptor{ends[1]};
  return true;
}

inline bool writable_now(int number) noexcept {
  pollfd watched{number, POLLOUT, 0};
  return ::poll(&watched, 1, 0) == 1 && (watched.revents & POLLOUT) != 0;
}

// write(), but a reader that is gone is an error (EPIPE) and never a SIGPIPE, whatever the program does with that signal. Any thread.
inline ssize_t write_without_signal(int number, void const* bytes, std::size_t count) noexcept {
  sigset_t pipe_signal;
  sigset_t before;
  sigset_t pending;
  ::sigemptyset(&pipe_signal);
  ::sigaddset(&pipe_signal, SIGPIPE);
  ::sigpending(&pending);
  bool const was_pending = ::sigismember(&pending, SIGPIPE) == 1;
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  ssize_t const written = ::write(number, bytes, count);
  int const error = errno;
  if (written < 0 && error == EPIPE && !was_pending) {  // ours: taken before anybody sees it
#if defined(__linux__)
    timespec const at_once{};
    ::sigtimedwait(&pipe_signal, nullptr, &at_once);
#else
    int taken = 0;
    ::sigwait(&pipe_signal, &taken);
#endif
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return written;
}

}  // namespace nanospan::inline v0::detail
