// SPDX-License-Identifier: Apache-2.0
#pragma once

// The entries of a record, read where they lie: by the background thread, and by a sampler that wants a span's first attributes.

#include <nanospan/record.hpp>

#include <cstring>

namespace nanospan::inline v0::detail {

// An entry where it lies in a record.
class entry_view {
 public:
  entry_view() noexcept = default;
  entry_view(std::uint64_t word, std::byte const* payload, std::size_t size) noexcept : word_{word}, payload_{payload}, size_{size} {}

  entry_type type() const noexcept { return type_of(word_); }
  bool key_is_copied() const noexcept { return key_is_copied_in(word_); }
  // Where it is no copied one.
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the rest of an address' word says type and size
  char const* literal() const noexcept { return reinterpret_cast<char const*>(word_ & ((std::uint64_t{1} << entry_key_bits) - 1)); }
  std::string_view key() const noexcept {
    if (key_is_copied()) return {reinterpret_cast<char const*>(payload_), static_cast<std::uint16_t>(word_)};
    return literal() != nullptr ? std::string_view{literal()} : std::string_view{};
  }
  std::byte const* value() const noexcept { return payload_ + copied_key_bytes(); }
  std::size_t value_size() const noexcept { return size_ - copied_key_bytes(); }
  std::string_view text() const noexcept { return {reinterpret_cast<char const*>(value()), value_size()}; }
  std::uint64_t word() const noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, value(), sizeof bits);
    return bits;
  }
  // With its padding, in the payload.
  std::size_t copied_key_bytes() const noexcept { return key_is_copied() ? padded(static_cast<std::uint16_t>(word_)) : 0; }

 private:
  std::uint64_t word_ = 0;
  std::byte const* payload_ = nullptr;
  std::size_t size_ = 0;
};

// Calls `visit(entry_view)` for each entry in `bytes`; stops at one that does not fit, which only a data race can have written.
template <typename Visit>
void for_each_entry(std::byte const* entries, std::size_t bytes, Visit&& visit) {
  while (bytes >= head_bytes(0)) {
    std::uint64_t word = 0;
    std::memcpy(&word, entries, sizeof word);
    std::uint64_t size = word >> entry_size_shift;
    std::size_t head = head_bytes(0);
    if (size == long_entry) [[unlikely]] {
      head = head_bytes(long_entry);
      if (bytes < head) return;
      std::memcpy(&size, entries + head_bytes(0), sizeof size);
    }
    entry_view const entry{word, entries + head, size};
    if (size > bytes - head || padded(size) > bytes - head || size < entry.copied_key_bytes()) return;
    visit(entry);
    entries += head + padded(size);
    bytes -= head + padded(size);
  }
}

}  // namespace nanospan::inline v0::detail
