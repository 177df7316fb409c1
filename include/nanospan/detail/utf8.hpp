// SPDX-License-Identifier: Apache-2.0
#pragma once

// Text as protobuf's strings need it: one ill-formed byte would make a collector refuse the whole batch. What is not UTF-8 is replaced,
// each offending byte by U+FFFD (the Unicode Standard, 3.9). Any thread.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace nanospan::inline v0::detail {

inline bool is_ascii(std::string_view text) noexcept {
  constexpr std::uint64_t high = 0x8080'8080'8080'8080u;
  auto const at = [&](std::size_t place, auto word) {
    std::memcpy(&word, text.data() + place, sizeof word);
    return std::uint64_t{word};
  };
  std::size_t const size = text.size();
  // The last word overlaps the one before it.
  if (size >= 8) {
    std::uint64_t seen = at(size - 8, std::uint64_t{});
    for (std::size_t place = 0; place + 8 < size; place += 8) seen |= at(place, std::uint64_t{});
    return (seen & high) == 0;
  }
  if (size >= 4) return ((at(0, std::uint32_t{}) | at(size - 4, std::uint32_t{})) & high) == 0;
  return size == 0 || ((at(0, std::uint8_t{}) | at(size / 2, std::uint8_t{}) | at(size - 1, std::uint8_t{})) & high) == 0;
}

// Bytes of the well-formed character at the front of a non-empty text; 0 if there is none.
inline std::size_t utf8_length(std::string_view text) noexcept {
  auto const byte = [&](std::size_t at) { return at < text.size() ? static_cast<std::uint8_t>(text[at]) : std::uint8_t{0}; };
  auto const between = [&](std::size_t at, unsigned low, unsigned high) { return byte(at) >= low && byte(at) <= high; };
  unsigned const first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return between(1, 0x80, 0xbf) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    unsigned const low = first == 0xe0 ? 0xa0 : 0x80;    // no overlong form
    unsigned const high = first == 0xed ? 0x9f : 0xbf;  // no surrogate
    return between(1, low, high) && between(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    unsigned const low = first == 0xf0 ? 0x90 : 0x80;
    unsigned const high = first == 0xf4 ? 0x8f : 0xbf;  // nothing above U+10FFFF
    return between(1, low, high) && between(2, 0x80, 0xbf) && between(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

// The first `characters` of a text; an ill-formed byte counts as one.
inline std::string_view first_characters(std::string_view text, std::size_t characters) noexcept {
  if (text.size() <= characters) [[likely]]  // no character is less than a byte
    return text;
  std::size_t at = 0;
  for (; characters != 0 && at < text.size(); --characters) {
    std::size_t const length = utf8_length(text.substr(at, 4));
    at += length == 0 ? 1 : length;
  }
  return text.substr(0, at);
}

inline bool is_utf8(std::string_view text) noexcept {
  if (is_ascii(text)) return true;
  while (!text.empty()) {
    std::size_t const length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

inline std::string repaired_utf8(std::string_view text) {
  std::string repaired;
  repaired.reserve(text.size() + 16);
  while (!text.empty()) {
    std::size_t const length = utf8_length(text);
    if (length == 0) repaired += "\xef\xbf\xbd";
    else repaired.append(text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return repaired;
}

// What a remote party says, for a person's terminal: its beginning, on one line, without what a terminal would obey.
inline std::string excerpt(std::string_view text) {
  std::string shown;
  for (char const c : text.substr(0, 200)) shown += c >= ' ' && c < 0x7f ? c : ' ';
  return shown;
}

}  // namespace nanospan::inline v0::detail
