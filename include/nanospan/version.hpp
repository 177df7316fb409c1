// SPDX-License-Identifier: Apache-2.0
#pragma once

// The version, as numbers for the preprocessor and as the text that telemetry.sdk.version carries.
// Everything lives in the inline namespace v0, so that two versions in one program fail to link and never corrupt.

#if __cplusplus < 202002L
#error "nanospan needs C++20: compile with -std=c++20"
#endif

#define NANOSPAN_VERSION_MAJOR 0
#define NANOSPAN_VERSION_MINOR 1
#define NANOSPAN_VERSION_PATCH 0
#define NANOSPAN_VERSION "0.1.0"
