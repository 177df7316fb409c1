// SPDX-License-Identifier: Apache-2.0
// expect: an array's elements are bools, numbers, std::string, std::string_view or char const*
#include <nanospan.hpp>

#include <vector>

struct order {
  int id;
};

void work(std::vector<order> const& orders, std::vector<int> const& ids) {
#if CONTROL
  NANOSPAN_EVENT("work", {"value", ids}, {"count", orders.size()});
#else
  NANOSPAN_EVENT("work", {"value", orders}, {"count", ids.size()});
#endif
}
