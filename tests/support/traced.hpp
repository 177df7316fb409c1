// SPDX-License-Identifier: Apache-2.0
#pragma once

// A component of headers only, that names its tracer, and is used in two source files. Any thread.

#include <nanospan/macros.hpp>

namespace component {

NANOSPAN_TRACER("acme.headers", "3");

inline void in_an_inline_function() { NANOSPAN("inline function"); }
template <typename Value>
void in_a_template(Value value) {
  NANOSPAN("template", {"value", value});
}
class in_a_class {
 public:
  void in_a_member() const { NANOSPAN("member"); }
};

/// The same from the other source file, whose own tracer is another one.
void from_elsewhere();

}  // namespace component
