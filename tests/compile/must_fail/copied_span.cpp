// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include <nanospan.hpp>

#include <utility>

void work() {
  nanospan::span first{"first"};
#if CONTROL
  nanospan::span const second{std::move(first)};
#else
  nanospan::span const second{first};
#endif
}
