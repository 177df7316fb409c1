// SPDX-License-Identifier: Apache-2.0
// expect: constant expression
#include <nanospan.hpp>

void work([[maybe_unused]] char const* key) {
#if CONTROL
  NANOSPAN("work", {nanospan::copied{key}, 1});
#else
  NANOSPAN("work", {key, 1});
#endif
}
