// SPDX-License-Identifier: Apache-2.0
#pragma once

// How many slots the registry of threads has. Any thread.

#include <nanospan/thread_ring.hpp>

#include <cstddef>

namespace support {

inline std::size_t count_slots(nanospan::detail::slot_state state) {
  std::size_t count = 0;
  nanospan::detail::for_each_slot([&](nanospan::detail::thread_slot const& slot) { count += slot.state.load() == state ? 1u : 0u; });
  return count;
}
inline std::size_t count_slots() {
  std::size_t count = 0;
  nanospan::detail::for_each_slot([&](nanospan::detail::thread_slot const&) { ++count; });
  return count;
}

}  // namespace support
