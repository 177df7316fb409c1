// SPDX-License-Identifier: Apache-2.0
#pragma once

// File descriptors that close themselves, and pipes made of them. Background half.

#include <utility>

#include <fcntl.h>
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
  if (::pipe(ends) != 0) return false;
  for (int const end : ends) {
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
    ::fcntl(end, F_SETFL, O_NONBLOCK);
  }
  reader = descriptor{ends[0]};
  writer = descriptor{ends[1]};
  return true;
}

}  // namespace nanospan::inline v0::detail
