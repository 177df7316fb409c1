// SPDX-License-Identifier: Apache-2.0

// With NANOSPAN_ENABLED=0 the code is the same, to the instruction, as where the annotations never were.

#include <nanospan.hpp>

#include <string>

#if !ANNOTATED
#undef NANOSPAN
#undef NANOSPAN_SET
#undef NANOSPAN_EVENT
#undef NANOSPAN_ERROR
#define NANOSPAN(...)
#define NANOSPAN_SET(...)
#define NANOSPAN_EVENT(...)
#define NANOSPAN_ERROR(...)
#endif

int expensive(std::string const& text);

int work(int n, std::string const& text) {
  NANOSPAN("work", {"n", n}, {"text", text}, {"expensive", expensive(text + "!")});
  for (int i = 0; i < n; ++i) {
    NANOSPAN("iteration");
    NANOSPAN_SET({"i", i}, {"expensive", expensive(text)});
    n -= expensive(text);
  }
  NANOSPAN_EVENT("done", {"n", n});
  NANOSPAN_ERROR(text + " failed");
  return n;
}
