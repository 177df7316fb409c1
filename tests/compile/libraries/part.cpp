// SPDX-License-Identifier: Apache-2.0

// One part of a program that is instrumented everywhere: a static library, a shared one or a plugin, by how it is built. PART is its
// function's name, TITLE its span's.

#include "parts.hpp"

#define NANOSPAN_TEST_JOIN_2(a, b) a##b
#define NANOSPAN_TEST_JOIN(a, b) NANOSPAN_TEST_JOIN_2(a, b)

namespace {
NANOSPAN_TRACER(TITLE, "1", "", {{"part", TITLE}});
}  // namespace

void PART(void (*next)()) {
  NANOSPAN(TITLE, {"part", TITLE});
  in_an_inline_function();
  NANOSPAN_EVENT("half done");
  if (next != nullptr) next();
}

std::uint64_t NANOSPAN_TEST_JOIN(PART, _ended)() { return nanospan::stats().ended; }
void const* NANOSPAN_TEST_JOIN(PART, _state)() { return &nanospan::detail::registry; }
