// SPDX-License-Identifier: Apache-2.0

// An instrumented shared library, and a program that uses it, both with hidden visibility: they share what recording keeps.

#include <nanospan.hpp>

#include <cstdio>

struct addresses {
  void const* thread;
  void const* registry;
  void const* recording;
  void const* counters;
  bool operator==(addresses const&) const = default;
};
inline addresses addresses_here() {
  return {&nanospan::detail::this_thread, &nanospan::detail::registry, &nanospan::detail::recording, &nanospan::detail::background};
}

__attribute__((visibility("default"))) nanospan::span_context work_in_the_library();
__attribute__((visibility("default"))) addresses addresses_in_the_library();

#if LIBRARY

nanospan::span_context work_in_the_library() {
  NANOSPAN("in the library");
  return nanospan::current();
}
addresses addresses_in_the_library() { return addresses_here(); }

#else

int main() {
  nanospan::detail::recording.word.store(nanospan::detail::recording_on | nanospan::always_on_sampler{}.plan().bits);
  NANOSPAN("in the program");
  bool const shared = addresses_here() == addresses_in_the_library();
  auto const here = nanospan::current();
  auto const there = work_in_the_library();
  bool const one_trace = here.trace_id() == there.trace_id() && !(here.span_id() == there.span_id());
  std::printf("shared: %d, one trace: %d\n", shared, one_trace);
  return shared && one_trace && nanospan::stats().held == 1 ? 0 : 1;
}

#endif
