// SPDX-License-Identifier: Apache-2.0
#pragma once

// A gzip file (RFC 1952) by Beast's deflate. Background thread.

#include <boost/beast/zlib/deflate_stream.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
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
inline std::uint32_t crc32_of(std::string_view bytes, std::uint32_t before = 0) noexcept {
  std::uint32_t remainder = ~before;
  for (char const c : bytes) remainder = (remainder >> 8) ^ crc32_table[(remainder ^ static_cast<unsigned char>(c)) & 0xff];
  return ~remainder;
}

// Calls `between` after each piece, which takes less than a millisecond.
template <typename Between>
std::string gzip(std::string_view plain, Between&& between) {
  namespace zlib = boost::beast::zlib;
  constexpr std::size_t piece_bytes = 32u << 10;
  constexpr int level = 1;  // the fastest: a third of the usual one's time, for 3 % more bytes of spans
  zlib::deflate_stream deflate;
  deflate.reset(level, 15, 8, zlib::Strategy::normal);
  std::string packed{"\x1f\x8b\x08\0\0\0\0\0\0\xff", 10};  // no name, no time, no system
  std::uint32_t crc = 0;
  auto const little_endian = [&](std::uint32_t number) {
    for (int shift = 0; shift < 32; shift += 8) packed += static_cast<char>(number >> shift);
  };
  for (std::string_view left = plain;;) {
    std::string_view const piece = left.substr(0, piece_bytes);
    left.remove_prefix(piece.size());
    crc = crc32_of(piece, crc);
    zlib::z_params step;
    step.next_in = piece.data();
    step.avail_in = piece.size();
    boost::system::error_code error;
    do {
      std::size_t const before = packed.size();
      packed.resize(before + piece_bytes);
      step.next_out = packed.data() + before;
      step.avail_out = piece_bytes;
      deflate.write(step, left.empty() ? zlib::Flush::finish : zlib::Flush::none, error);
      packed.resize(packed.size() - step.avail_out);
    } while (!error && (step.avail_out == 0 || step.avail_in != 0 || left.empty()));  // the end is an error to it
    if (left.empty()) break;
    between();
  }
  little_endian(crc);
  little_endian(static_cast<std::uint32_t>(plain.size()));
  return packed;
}

}  // namespace nanospan::inline v0::detail
