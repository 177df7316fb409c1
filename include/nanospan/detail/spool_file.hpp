// SPDX-License-Identifier: Apache-2.0
#pragma once

// A batch as a file of the spool: 32 bytes of header, all numbers little endian, then its OTLP. What was cut short, changed or written by somebody
// else is told by length and CRC-32. Background half.
//   "nanospan" | version: 4 | CRC-32 of all that follows: 4 | spans: 8 | bytes of OTLP: 8

#include <nanospan/detail/crc32.hpp>
#include <nanospan/exporter.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nanospan::inline v0::detail {

struct spool_file {
  static constexpr std::string_view magic = "nanospan";
  static constexpr std::uint32_t version = 1;
  static constexpr std::size_t header_bytes = 32;
  // No batch is larger (options.max_batch_bytes, and a span): what says so is broken, and nobody makes room for it.
  static constexpr std::uint64_t most_bytes = std::uint64_t{1} << 32;

  static std::array<char, header_bytes> header_of(batch const& spans) noexcept {
    std::array<char, header_bytes> header{};
    magic.copy(header.data(), magic.size());
    put(&header[8], version, 4);
    put(&header[16], spans.span_count, 8);
    put(&header[24], spans.otlp.size(), 8);
    put(&header[12], crc32_of(spans.otlp, crc32_of({&header[16], 16})), 4);
    return header;
  }
  // Moves the OTLP out of a file's bytes. False, `into` as it was, for what is broken. Throws std::bad_alloc.
  static bool read(std::string&& file, batch& into) {
    std::string_view const text = file;
    if (text.size() < header_bytes || text.substr(0, magic.size()) != magic || get(text, 8, 4) != version) return false;
    if (get(text, 24, 8) != text.size() - header_bytes || get(text, 12, 4) != crc32_of(text.substr(16))) return false;
    into.span_count = static_cast<std::size_t>(get(text, 16, 8));
    file.erase(0, header_bytes);
    into.otlp = std::move(file);
    return true;
  }

 private:
  static void put(char* to, std::uint64_t value, int bytes) noexcept {
    for (; bytes-- != 0; value >>= 8) *to++ = static_cast<char>(value & 0xff);
  }
  static std::uint64_t get(std::string_view text, std::size_t at, std::size_t bytes) noexcept {
    std::uint64_t value = 0;
    while (bytes-- != 0) value = value << 8 | static_cast<unsigned char>(text[at + bytes]);
    return value;
  }
};

}  // namespace nanospan::inline v0::detail
