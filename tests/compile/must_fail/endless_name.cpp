// SPDX-License-Identifier: Apache-2.0
// expect: a_name_or_key_has_at_most_65535_bytes
#include <nanospan.hpp>

#define TIMES_16(text) text text text text text text text text text text text text text text text text
#define TIMES_4096(text) TIMES_16(TIMES_16(TIMES_16(text)))

void work() {
#if CONTROL
  NANOSPAN(TIMES_4096("fifteen letters"));
#else
  NANOSPAN(TIMES_4096("sixteen letters."));
#endif
}
