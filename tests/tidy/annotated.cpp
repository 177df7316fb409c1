// SPDX-License-Identifier: Apache-2.0

// Every annotation, as a user's file has it, for every check of clang-tidy that speaks of C++ in general.

#include <nanospan.hpp>

namespace {

void charge(int attempt) {
  NANOSPAN("charge card");
  NANOSPAN_CLIENT("charge", {"attempt", attempt}, {"first", attempt == 0});
  NANOSPAN_SET({"card", "visa"});
  NANOSPAN_EVENT("asked");
  NANOSPAN_EVENT("asked", {"attempt", attempt});
  NANOSPAN_ERROR();
  NANOSPAN_ERROR("declined");
  [] { NANOSPAN_FUNCTION({"in", "a lambda"}); }();
}

}  // namespace

auto main() -> int {
  NANOSPAN_FUNCTION();
  charge(0);
}
