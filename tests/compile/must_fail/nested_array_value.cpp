// SPDX-License-Identifier: Apache-2.0
// expect: an array's elements are bools, numbers, std::string, std::string_view or char const*
#include <nanospan.hpp>

#include <vector>

void work(std::vector<std::vector<int>> const& rows) {
#if CONTROL
  NANOSPAN("work", {"value", rows.front()});
#else
  NANOSPAN("work", {"value", rows});
#endif
}
