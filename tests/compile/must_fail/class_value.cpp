// SPDX-License-Identifier: Apache-2.0
// expect: an attribute's value is a bool, a number, text, bytes, or an array of bools, numbers or texts
#include <nanospan.hpp>

struct order {
  int id;
  explicit operator bool() const { return true; }
};

void work(order const& value) {
#if CONTROL
  NANOSPAN_EVENT("work", {"value", value.id});
#else
  NANOSPAN_EVENT("work", {"value", value});
#endif
}
