// SPDX-License-Identifier: Apache-2.0
#pragma once

// What macros.cpp and second.cpp both include: inline functions with spans must be the same function in both (one definition rule).

#include <nanospan.hpp>

inline int shared_work(int n) {
  NANOSPAN("shared work", {"n", n});
  NANOSPAN_EVENT("half done");
  return n + 1;
}
inline int const* where_shared_work_keeps_its_state() {
  NANOSPAN_FUNCTION();
  static int state = 0;
  return &state;
}
template <typename T>
inline T shared_template(T value) {
  NANOSPAN_FUNCTION({"value", value});
  return value;
}

int second_file(int n);
int const* second_files_state();
