// SPDX-License-Identifier: Apache-2.0

// Draws a trace that Jaeger holds: show_trace TRACE_ID [HOST [PORT]]

#define NANOSPAN_IMPLEMENTATION
#include "jaeger.hpp"

#include <cstdio>

#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fprintf(stderr, "usage: %s TRACE_ID [HOST [PORT]]\n", argv[0]);
    return 2;
  }
  jaeger::address at;
  if (argc > 2) at.host = argv[2];
  if (argc > 3) at.port = argv[3];
  try {
    auto const trace = jaeger::find_trace(at, argv[1], 1, std::chrono::seconds{10});
    if (trace.spans.empty()) {
      std::fprintf(stderr, "show_trace: Jaeger at %s:%s holds no trace %s\n", at.host.c_str(), at.port.c_str(), argv[1]);
      return 1;
    }
    std::fputs(nanospan::waterfall(trace.spans, nanospan::waterfall_style::of(STDOUT_FILENO)).c_str(), stdout);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "show_trace: Jaeger at %s:%s: %s\n", at.host.c_str(), at.port.c_str(), error.what());
    return 1;
  }
}
