// SPDX-License-Identifier: Apache-2.0
// expect: constant expression
#include <nanospan.hpp>

void work() {
  char name[] = "name";  // gone when the record is read
#if CONTROL
  nanospan::scoped_span const span{nanospan::copied{name}};
#else
  nanospan::scoped_span const span{name};
#endif
}
