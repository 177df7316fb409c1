// SPDX-License-Identifier: Apache-2.0
// expect: no matching
#include <nanospan.hpp>

#include <string>

void work(std::string const& name) {
#if CONTROL
  nanospan::scoped_span const span{nanospan::copied{name}};
#else
  nanospan::scoped_span const span{name};
#endif
}
