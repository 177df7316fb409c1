// SPDX-License-Identifier: Apache-2.0
// expect: an attribute's
#include <nanospan.hpp>

void work() {
#if CONTROL
  NANOSPAN("work", {"value", static_cast<unsigned long long>(1)});
#else
  __extension__ typedef __int128 wide;
  NANOSPAN("work", {"value", static_cast<wide>(1)});  // would be cut to 64 bits
#endif
}
