// SPDX-License-Identifier: Apache-2.0
// expect: a_tracer_has_at_most_4_attributes
#include <nanospan.hpp>

namespace {
#if CONTROL
NANOSPAN_TRACER("acme", "1", "https://acme.example/schema", {{"1", "a"}, {"2", "b"}, {"3", "c"}, {"4", "d"}});
#else
NANOSPAN_TRACER("acme", "1", "https://acme.example/schema", {{"1", "a"}, {"2", "b"}, {"3", "c"}, {"4", "d"}, {"5", "e"}});
#endif
}  // namespace

void work() { NANOSPAN("work"); }
