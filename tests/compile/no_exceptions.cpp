// SPDX-License-Identifier: Apache-2.0

// Recording without exceptions and without run-time type information: built so, and run. Records really, as under a provider.

#include <nanospan.hpp>

#include <cstdio>
#include <string>

namespace {

int failures = 0;
void check(bool holds, int line) {
  if (holds) return;
  ++failures;
  std::printf("no_exceptions.cpp:%d\n", line);
}

void work(bool recorded) {
  NANOSPAN_FUNCTION({"recorded", recorded}, {"text", std::string(300, 'x')});  // outgrows its buffer
  NANOSPAN_EVENT("event", {"k", 1});
  NANOSPAN_ERROR("error");
  nanospan::span crossing{"crossing"};
  nanospan::context_scope const inside{crossing.context()};
  check(nanospan::current().sampled() == recorded, __LINE__);
  nanospan::scoped_span child{nanospan::copied{std::string{"child"}}, nanospan::span_kind::client};
  child.set({"k", 2.5}).error();
}

}  // namespace

int main() {
#if defined(__cpp_exceptions) || defined(__cpp_rtti)
  return 2;
#endif
  work(false);
  check(nanospan::stats().dropped.no_provider == 3, __LINE__);
  nanospan::parent_based_sampler const sampler;
  nanospan::detail::recording.word.store(nanospan::detail::recording_on | sampler.plan().bits);
  work(true);
  auto const now = nanospan::stats();
  check(now.held == 3 && now.ended == now.accounted(), __LINE__);
  check(nanospan::flush(), __LINE__);
  return failures;
}
