// SPDX-License-Identifier: Apache-2.0

// Draws a trace that Jaeger holds: show_trace TRACE_ID [HOST [PORT]]

#define NANOSPAN_IMPLEMENTATION
#include "jaeger.hpp"

#include <cstdio>

#include <sys/ioctl.h>
#include <unistd.h>

namespace {

nanospan::waterfall_style style_of_stdout() {
  nanospan::waterfall_style style;
  if (::isatty(STDOUT_FILENO) == 0) return style;
  char const* const no_colour = std::getenv("NO_COLOR");
  style.colour = no_colour == nullptr || *no_colour == '\0';
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) style.columns = size.ws_col;
  return style;
}

}  // namespace

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
    std::fputs(nanospan::waterfall(trace.spans, style_of_stdout()).c_str(), stdout);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "show_trace: Jaeger at %s:%s: %s\n", at.host.c_str(), at.port.c_str(), error.what());
    return 1;
  }
}
