// SPDX-License-Identifier: Apache-2.0
// expect: an attribute's value is a bool, a number, text, bytes, or an array of bools, numbers or texts
#include <nanospan.hpp>

void work() {
#if CONTROL
  NANOSPAN("work", {"value", static_cast<char const*>(nullptr)});  // empty text
#else
  NANOSPAN("work", {"value", nullptr});  // a std::string_view of it reads address 0
#endif
}
