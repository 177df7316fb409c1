// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the parts of a program share: a part's functions, and an inline function with a span that is the same function in all of them.

#include <nanospan.hpp>

#include <cstdint>

inline void in_an_inline_function() { NANOSPAN("inline function"); }

// Called from outside, or looked up by name: also where all else is hidden.
#define NANOSPAN_TEST_PART(name)                                                                    \
  /* Opens a span, another one below it, and calls `next`, if there is one, below the first. */     \
  extern "C" __attribute__((visibility("default"))) void name(void (*next)());                      \
  /* The spans that have ended, in the account that this part sees. */                              \
  extern "C" __attribute__((visibility("default"))) std::uint64_t name##_ended();                   \
  /* What it sees of the process: equal in two parts that share it. */                              \
  extern "C" __attribute__((visibility("default"))) void const* name##_state()

NANOSPAN_TEST_PART(one_static_library);
NANOSPAN_TEST_PART(other_static_library);
NANOSPAN_TEST_PART(shared_library);
NANOSPAN_TEST_PART(plugin);
