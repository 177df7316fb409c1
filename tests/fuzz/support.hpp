// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the fuzzers share. Whatever is wrong ends the program there, where libFuzzer sees it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fuzz {

using headers = std::vector<std::pair<std::string, std::string>>;

inline void check(bool holds) {
  if (!holds) __builtin_trap();
}
inline std::string_view text_of(std::uint8_t const* data, std::size_t size) { return {reinterpret_cast<char const*>(data), size}; }

// Each line a value: of the names in turn, the last one for all that follow.
inline headers headers_of(std::string_view text, std::vector<std::string> const& names) {
  headers all;
  for (std::size_t at = 0;; ++at) {
    std::size_t const end = text.find('\n');
    all.emplace_back(names[at < names.size() ? at : names.size() - 1], text.substr(0, end));
    if (end == std::string_view::npos) return all;
    text.remove_prefix(end + 1);
  }
}

}  // namespace fuzz
