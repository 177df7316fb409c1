// SPDX-License-Identifier: Apache-2.0
// expect: an array's elements are bools, numbers, std::string, std::string_view or char const*
#include <nanospan.hpp>

void work(int const* one, int const* other) {
#if CONTROL
  NANOSPAN_SET({"value", {*one, *other}});
#else
  NANOSPAN_SET({"value", {one, other}});
#endif
}
