// SPDX-License-Identifier: Apache-2.0
// expect: without a name ends at once

// The user's project makes warnings errors.
#pragma GCC diagnostic error "-Wunused-result"
#pragma GCC diagnostic error "-Wunused-value"

#include <nanospan.hpp>

void start() {
#if CONTROL
  nanospan::tracer_provider const tracing{{.service_name = "checkout"}};
  nanospan::context_scope const here{nanospan::current()};
#else
  nanospan::tracer_provider{{.service_name = "checkout"}};
  nanospan::context_scope{nanospan::current()};
#endif
}
