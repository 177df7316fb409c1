// SPDX-License-Identifier: Apache-2.0

#define NANOSPAN_IMPLEMENTATION
#include <nanospan.hpp>

#include <cstdio>

int main() {
  auto const memory = std::make_shared<nanospan::memory_exporter>();
  {
    nanospan::tracer_provider const tracing{{.exporter = memory}};
    NANOSPAN("packaged");
  }
  bool const arrived = memory->spans().size() == 1;
  std::printf("nanospan %s: the span %s\n", NANOSPAN_VERSION, arrived ? "arrived" : "did not arrive");
  return arrived ? 0 : 1;
}
