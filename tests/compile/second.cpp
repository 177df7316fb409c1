// SPDX-License-Identifier: Apache-2.0

#include "shared.hpp"

int second_file(int n) {
  NANOSPAN_FUNCTION({"n", n});
  return shared_template(shared_work(n));
}
int const* second_files_state() { return where_shared_work_keeps_its_state(); }
