// SPDX-License-Identifier: Apache-2.0

// The other source file of tracer.cpp, with a tracer of its own for the file.

#include "support/traced.hpp"

namespace {

NANOSPAN_TRACER("acme.elsewhere");

void in_this_file() { NANOSPAN("of the other file"); }

}  // namespace

void component::from_elsewhere() {
  in_this_file();
  in_an_inline_function();
  in_a_template(2.5);
  in_a_class{}.in_a_member();
}
