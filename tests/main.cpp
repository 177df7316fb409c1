// SPDX-License-Identifier: Apache-2.0

// Catch2 2 makes its main here; version 3 links one.
#define CATCH_CONFIG_MAIN
#include "catch.hpp"
