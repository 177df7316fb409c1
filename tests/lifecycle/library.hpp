// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the program asks of the library with a provider (library.cpp), by names that dlsym() finds.

extern "C" {
using library_start = void(char const* endpoint, int way);
using library_record = void(int spans);
using library_flush = void();
using library_end = void();
}

// Where the library's spans go: to the collector; to a file as well, so that there is an idle thread for its disk.
enum library_way { to_collector, to_file_as_well };
