// SPDX-License-Identifier: Apache-2.0
// expect: constant expression
#include <nanospan.hpp>

void work([[maybe_unused]] char const* name) {
#if CONTROL
  NANOSPAN("name");
#else
  NANOSPAN(name);
#endif
}
