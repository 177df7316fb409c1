// SPDX-License-Identifier: Apache-2.0
#pragma once

// Numbers as texts of the outside say them. In one function: std::from_chars is a kilobyte wherever it is called. Any thread.

#include <nanospan/config.hpp>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace nanospan::inline v0::detail {

// Digits, and nothing beside them; nothing where there are others, none, or more than 64 bits hold.
NANOSPAN_DETAIL_OUT_OF_LINE inline std::optional<std::uint64_t> decimal(std::string_view text) noexcept {
  std::uint64_t number = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace nanospan::inline v0::detail
