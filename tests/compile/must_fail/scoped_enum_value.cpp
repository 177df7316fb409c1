// SPDX-License-Identifier: Apache-2.0
// expect: an attribute's value is a bool, a number, text, bytes, or an array of bools, numbers or texts
#include <nanospan.hpp>

enum class colour { red };

void work(colour value) {
#if CONTROL
  NANOSPAN("work", {"value", static_cast<int>(value)});
#else
  NANOSPAN("work", {"value", value});
#endif
}
