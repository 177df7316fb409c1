// SPDX-License-Identifier: Apache-2.0

// The one source file with the implementation.

#define NANOSPAN_IMPLEMENTATION
#include <nanospan.hpp>
