// SPDX-License-Identifier: Apache-2.0

// The one source file with the implementation: what is measured is built as a user's files are.

#define NANOSPAN_IMPLEMENTATION
#include <nanospan.hpp>
