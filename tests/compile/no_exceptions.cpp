// SPDX-License-Identifier: Apache-2.0

// Recording without exceptions and without run-time type information: built so, and run. Records really, as under a provider.

#include <nanospan.hpp>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

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

// What stands in an event's record of an exception whose type nobody can know.
void exception() {
  struct failure : std::exception {
    char const* what() const noexcept override { return "failed"; }
  };
  { nanospan::span{"exception"}.record_exception(failure{}); }
  int events = 0;
  auto& ring = nanospan::detail::this_thread.slot->ring;
  ring.consume(ring.published(), [&](std::byte const* record) {
    nanospan::detail::record_header header;
    std::memcpy(&header, record, sizeof header);
    nanospan::detail::for_each_entry(record + sizeof header, header.meta.size - sizeof header, [&](nanospan::detail::entry_view const& entry) {
      if (entry.type() != nanospan::detail::entry_type::event || entry.key() != "exception") return;
      ++events;
      std::size_t const head = sizeof(nanospan::detail::event_payload);
      std::string_view key, message;
      int attributes = 0;
      nanospan::detail::for_each_entry(entry.value() + head, entry.value_size() - head, [&](nanospan::detail::entry_view const& one) {
        ++attributes;
        key = one.key();
        message = one.text();
      });
      check(attributes == 1 && key == "exception.message" && message == "failed", __LINE__);
    });
  });
  check(events == 1, __LINE__);
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
  exception();
  check(nanospan::flush(), __LINE__);
  return failures;
}
