// SPDX-License-Identifier: Apache-2.0

// A file of a user that only records.

#include <nanospan.hpp>

void charge(int attempt) { NANOSPAN("charge", {"attempt", attempt}); }
