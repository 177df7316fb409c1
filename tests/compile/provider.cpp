// SPDX-License-Identifier: Apache-2.0

// A main that makes a provider and leaves the implementation to another file. Without that file it does not link.

#include <nanospan.hpp>

int main() {
  nanospan::tracer_provider tracing{{.service_name = "compile"}};
  NANOSPAN("main");
  return tracing.flush() ? 0 : 1;
}
