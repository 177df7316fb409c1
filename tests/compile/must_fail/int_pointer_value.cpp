// SPDX-License-Identifier: Apache-2.0
// expect: an attribute's value is a bool, a number, text, bytes, or an array of bools, numbers or texts
#include <nanospan.hpp>

void work(int* value) {
#if CONTROL
  NANOSPAN("work", {"value", *value});
#else
  NANOSPAN("work", {"value", value});
#endif
}
