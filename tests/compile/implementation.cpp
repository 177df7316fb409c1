// SPDX-License-Identifier: Apache-2.0

// The one source file with the implementation; not the one with main.

#define NANOSPAN_IMPLEMENTATION
#include <nanospan.hpp>
