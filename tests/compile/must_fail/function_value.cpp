// SPDX-License-Identifier: Apache-2.0
// expect: an attribute's value is a bool, a number, text, bytes, or an array of bools, numbers or texts
#include <nanospan.hpp>

int value();

void work() {
#if CONTROL
  NANOSPAN_SET({"value", value()});
#else
  NANOSPAN_SET({"value", value});  // the call was forgotten
#endif
}
