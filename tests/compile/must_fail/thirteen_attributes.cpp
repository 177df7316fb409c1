// SPDX-License-Identifier: Apache-2.0
// expect: no matching
#include <nanospan.hpp>

void work() {
#if CONTROL
  NANOSPAN("work", {"1", 1}, {"2", 2}, {"3", 3}, {"4", 4}, {"5", 5}, {"6", 6}, {"7", 7}, {"8", 8}, {"9", 9}, {"10", 10}, {"11", 11},
           {"12", 12});
  NANOSPAN_SET({"13", 13});
#else
  NANOSPAN("work", {"1", 1}, {"2", 2}, {"3", 3}, {"4", 4}, {"5", 5}, {"6", 6}, {"7", 7}, {"8", 8}, {"9", 9}, {"10", 10}, {"11", 11},
           {"12", 12}, {"13", 13});
#endif
}
