// SPDX-License-Identifier: Apache-2.0

// Scopes closed out of order, and on a foreign thread: a debug build stops there, another counts.

#include <nanospan.hpp>

#include <memory>
#include <thread>

int main() {
  auto outer = std::make_unique<nanospan::context_scope>(nanospan::span_context{});
  auto inner = std::make_unique<nanospan::context_scope>(nanospan::span_context{});
#if FOREIGN
  std::thread{[&] { inner.reset(); }}.join();
#else
  outer.reset();
  inner.reset();
#endif
  return nanospan::stats().misused == 1 ? 0 : 1;
}
