// SPDX-License-Identifier: Apache-2.0
#pragma once

// Values as JSON (RFC 8259), appended, as protobuf's mapping has them. What is appended is ASCII or UTF-8, on one line. Any thread; throw std::bad_alloc.

#include <nanospan/detail/utf8.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

namespace nanospan::inline v0::detail {

template <typename Number>
void append_decimal(std::string& to, Number number) {
  char digits[32];
  to.append(digits, std::to_chars(digits, std::end(digits), number).ptr);
}
// 64 bits are more than a number of JSON holds everywhere.
template <typename Number>
void append_quoted(std::string& to, Number number) {
  to += '"';
  append_decimal(to, number);
  to += '"';
}
// The fewest digits that are read back as the same.
inline void append_json_real(std::string& to, double number) {
  if (std::isfinite(number)) append_decimal(to, number);
  else to += std::isnan(number) ? "\"NaN\"" : number < 0 ? "\"-Infinity\"" : "\"Infinity\"";
}

inline void append_octet(std::string& to, char c) {
  constexpr char const* digits = "0123456789abcdef";
  to += digits[static_cast<std::uint8_t>(c) >> 4];
  to += digits[c & 0xf];
}
inline void append_json_hex(std::string& to, std::string_view bytes) {
  to += '"';
  for (char const c : bytes) append_octet(to, c);
  to += '"';
}
inline void append_json_base64(std::string& to, std::string_view bytes) {
  constexpr char const* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  to += '"';
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(3, bytes.size()))) {
    std::uint32_t three = 0;
    for (std::size_t at = 0; at < 3; ++at) three = three << 8 | (at < bytes.size() ? static_cast<std::uint8_t>(bytes[at]) : 0u);
    for (std::size_t at = 0; at < 4; ++at) to += at <= bytes.size() ? digits[three >> (18 - 6 * at) & 0x3f] : '=';
  }
  to += '"';
}

// `character`: one that cannot stand as it is; empty: a byte that is not UTF-8.
inline void append_escaped(std::string& to, std::string_view character) {
  if (character.empty()) to += "\xef\xbf\xbd";
  else if (character.size() == 2) to += "\\u0085";
  else if (character.size() == 3) to += character.back() == '\xa8' ? "\\u2028" : "\\u2029";
  else if (character == "\n") to += "\\n";
  else if (character == "\"" || character == "\\") (to += '\\') += character;
  else to += "\\u00", append_octet(to, character.front());
}
// What is not UTF-8 is replaced. Escaped are also the characters that some readers take for the end of a line: U+0085, U+2028, U+2029.
inline void append_json_text(std::string& to, std::string_view text) {
  to += '"';
  std::size_t plain = 0;  // so many bytes of what is left are taken as they are
  while (plain < text.size()) {
    auto const c = static_cast<std::uint8_t>(text[plain]);
    if (c >= ' ' && c < 0x80 && c != '"' && c != '\\') {
      ++plain;
      continue;
    }
    std::size_t const length = utf8_length(text.substr(plain, 4));
    std::string_view const character = text.substr(plain, length);
    if (length > 1 && character != "\xc2\x85" && character != "\xe2\x80\xa8" && character != "\xe2\x80\xa9") {
      plain += length;
      continue;
    }
    to.append(text, 0, plain);
    append_escaped(to, character);
    text.remove_prefix(plain + (length == 0 ? 1 : length));
    plain = 0;
  }
  to += text;
  to += '"';
}

}  // namespace nanospan::inline v0::detail
