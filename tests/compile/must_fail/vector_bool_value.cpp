// SPDX-License-Identifier: Apache-2.0
// expect: an attribute's value is a bool, a number, text, bytes, or an array of bools, numbers or texts
#include <nanospan.hpp>

#include <array>
#include <vector>

void work(std::vector<bool> const& flags, std::array<bool, 2> const& all) {
#if CONTROL
  NANOSPAN("work", {"value", all}, {"count", flags.size()});
#else
  NANOSPAN("work", {"value", flags}, {"count", all.size()});
#endif
}
