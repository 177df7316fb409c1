// SPDX-License-Identifier: Apache-2.0
#pragma once

// Messages from their pieces. A chain of + compiles to a dozen calls and their clean-up each; there are many messages. Any thread.

#include <nanospan/config.hpp>

#include <initializer_list>
#include <string>
#include <string_view>

namespace nanospan::inline v0::detail {

NANOSPAN_DETAIL_OUT_OF_LINE inline std::string joined(std::initializer_list<std::string_view> pieces) {
  std::string text;
  for (std::string_view const piece : pieces) text += piece;
  return text;
}

}  // namespace nanospan::inline v0::detail
