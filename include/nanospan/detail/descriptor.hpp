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

// write(), but a reader that is gone and a file that is too large are errors (EPIPE, EFBIG) and never a SIGPIPE or SIGXFSZ, whatever the program does
// with those signals. Any thread.
inline ssize_t write_without_signal(int number, void const* bytes, std::size_t count) noexcept {
  sigset_t ours;
  sigset_t before;
  sigset_t pending;
  ::sigemptyset(&ours);
  ::sigaddset(&ours, SIGPIPE);
  ::sigaddset(&ours, SIGXFSZ);
  ::sigpending(&pending);
  ::pthread_sigmask(SIG_BLOCK, &ours, &before);
  ssize_t const written = ::write(number, bytes, count);
  int const error = errno;
  int const sent = written >= 0 ? 0 : error == EPIPE ? SIGPIPE : error == EFBIG ? SIGXFSZ : 0;
  if (sent != 0 && ::sigismember(&pending, sent) != 1) {  // ours: taken before anybody sees it
    ::sigemptyset(&ours);
    ::sigaddset(&ours, sent);
#if defined(__linux__)
    timespec const at_once{};
    ::sigtimedwait(&ours, nullptr, &at_once);
#else
    // There by now, or ignored and never: sigwait() would wait for that.
    ::sigpending(&pending);
    int taken = 0;
    if (::sigismember(&pending, sent) == 1) ::sigwait(&ours, &taken);
#endif
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return written;
}

}  // namespace nanospan::inline v0::detail
