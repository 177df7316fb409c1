// SPDX-License-Identifier: Apache-2.0

// A main that makes a provider and leaves the implementation to another file. Without that file it does not link.

#include <nanospan.hpp>

#include <chrono>
#include <type_traits>

// Where the system's clock has microseconds, too.
static_assert(std::is_convertible_v<std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>, nanospan::timestamp>);

int main() {
  nanospan::tracer_provider tracing{{.service_name = "compile"}};
  NANOSPAN("main");
  return tracing.flush() ? 0 : 1;
}
