// SPDX-License-Identifier: Apache-2.0
// expect: no matching
#include <nanospan.hpp>

#include <chrono>

void work() {
#if CONTROL
  nanospan::span const span{"work", {.start = std::chrono::system_clock::now()}};
#else
  nanospan::span const span{"work", {.start = std::chrono::steady_clock::now()}};  // since the machine's start, or any other moment
#endif
}
