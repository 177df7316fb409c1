// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include <nanospan.hpp>

#include <utility>

void work() {
#if CONTROL
  nanospan::scoped_span const first{"first"};
  nanospan::scoped_span const second{"second"};
#else
  nanospan::scoped_span first{"first"};
  nanospan::scoped_span const second{std::move(first)};
#endif
}
