// SPDX-License-Identifier: Apache-2.0

#include "loops.hpp"

#include "workload.hpp"

namespace bench::loops {

void no_attribute(std::size_t spans) {
  for (std::size_t i = 0; i < spans; ++i) bench::no_attribute();
}
void one_attribute(std::size_t spans) {
  for (std::size_t i = 0; i < spans; ++i) {
    NANOSPAN("child", {"items", static_cast<int>(items)});
  }
}
void four_attributes(std::size_t spans) {
  for (std::size_t i = 0; i < spans; ++i) bench::four_attributes();
}

}  // namespace bench::loops
