// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is known of things by their address: literals, call sites, tracers. One probe finds most. One thread at a time.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace nanospan::inline v0::detail {

template <typename Value>
class address_map {
 public:
  // Null where it is not known.
  Value* find(void const* key) noexcept {
    if (slots_.empty()) [[unlikely]]
      return nullptr;
    slot& found = slots_[place_of(key)];
    return found.key == key ? &found.value : nullptr;
  }
  // Of a key that is not known, and not null. Valid until the next one is added. Throws std::bad_alloc, nothing changed.
  Value& add(void const* key, Value value) {
    if (2 * used_ >= slots_.size()) grow();
    slot& place = slots_[place_of(key)];
    place = {key, std::move(value)};
    ++used_;
    return place.value;
  }
  void clear() noexcept {
    slots_.clear();
    used_ = 0;
  }

 private:
  struct slot {
    void const* key = nullptr;
    Value value{};
  };

  // Where it stands, or would. A power of two of slots, at most half of them used.
  std::size_t place_of(void const* key) const noexcept {
    std::uint64_t const spread = reinterpret_cast<std::uintptr_t>(key) * std::uint64_t{0x9e37'79b9'7f4a'7c15u};
    std::size_t const last = slots_.size() - 1;
    std::size_t at = static_cast<std::size_t>(spread >> 32) & last;
    while (slots_[at].key != nullptr && slots_[at].key != key) at = (at + 1) & last;
    return at;
  }
  void grow() {
    std::vector<slot> before(slots_.empty() ? 64 : 2 * slots_.size());
    std::swap(before, slots_);
    for (slot& one : before)
      if (one.key != nullptr) slots_[place_of(one.key)] = std::move(one);
  }

  std::vector<slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace nanospan::inline v0::detail
