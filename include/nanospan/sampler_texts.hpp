// SPDX-License-Identifier: Apache-2.0
#pragma once

// How samplers write numbers, and match them with patterns. Any thread.

#include <nanospan/samplers.hpp>

#include <charconv>

namespace nanospan::inline v0::detail {

std::string shortest_text(double value) {
  char digits[512];  // the smallest has 324 zeros and more
  char const* const end = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed).ptr;
  return {digits, static_cast<std::size_t>(end - digits)};
}

bool matches(std::string_view pattern, std::string_view text) noexcept {
  std::size_t in_pattern = 0;
  std::size_t in_text = 0;
  std::size_t star = std::string_view::npos;  // the last *,
  std::size_t resume = 0;                     // and where in the text what follows it is looked for next
  while (in_text < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      resume = in_text;
    } else if (in_pattern < pattern.size() && pattern[in_pattern] == text[in_text]) {
      ++in_pattern;
      ++in_text;
    } else if (star != std::string_view::npos) {
      in_pattern = star + 1;
      in_text = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', in_pattern) == std::string_view::npos;
}

bool matches(std::string_view pattern, attributes_view::value const& value) noexcept {
  if (!value || value.is_text()) return value && matches(pattern, value.text());
  if (value.is_boolean()) return matches(pattern, value.boolean() ? "true" : "false");
  char digits[32];  // of a double the shortest, with an exponent where that is shorter
  char* const end = digits + sizeof digits;
  char const* const written = value.is_integer() ? std::to_chars(digits, end, value.integer()).ptr : std::to_chars(digits, end, value.number()).ptr;
  return matches(pattern, std::string_view{digits, static_cast<std::size_t>(written - digits)});
}

}  // namespace nanospan::inline v0::detail
