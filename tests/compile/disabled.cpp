// SPDX-License-Identifier: Apache-2.0

// With NANOSPAN_ENABLED=0 the code is the same, to the instruction, as where the annotations never were.

#include <nanospan.hpp>

#include <stdexcept>
#include <string>

#if ANNOTATED
NANOSPAN_TRACER("acme", "1", "", {{"k", "v"}});
#else
#undef NANOSPAN
#undef NANOSPAN_SET
#undef NANOSPAN_EVENT
#undef NANOSPAN_ERROR
#undef NANOSPAN_EXCEPTION
#undef NANOSPAN_LINK
#undef NANOSPAN_OK
#define NANOSPAN(...)
#define NANOSPAN_SET(...)
#define NANOSPAN_EVENT(...)
#define NANOSPAN_ERROR(...)
#define NANOSPAN_EXCEPTION(...)
#define NANOSPAN_LINK(...)
#define NANOSPAN_OK()
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
  NANOSPAN_EXCEPTION(std::runtime_error{text}, {"n", expensive(text)});
  NANOSPAN_LINK(nanospan::current(), {"n", expensive(text)});
  NANOSPAN_OK();
  return n;
}
