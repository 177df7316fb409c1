// SPDX-License-Identifier: Apache-2.0
#pragma once

// CRC-32 of ISO 3309, as in gzip (RFC 1952, 8). Background half.

#include <array>
#include <cstdint>
#include <string_view>

namespace nanospan::inline v0::detail {

inline constexpr std::array<std::uint32_t, 256> crc32_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0xedb88320u : 0);
    table[byte] = remainder;
  }
  return table;
}();
// `before` is that of what came before these bytes.
inline std::uint32_t crc32_of(std::string_view bytes, std::uint32_t before = 0) noexcept {
  std::uint32_t remainder = ~before;
  for (char const c : bytes) remainder = (remainder >> 8) ^ crc32_table[(remainder ^ static_cast<unsigned char>(c)) & 0xff];
  return ~remainder;
}

}  // namespace nanospan::inline v0::detail
