// SPDX-License-Identifier: Apache-2.0

// What run.py counts, under callgrind: each case with `spans` spans and with twice as many, so that what is done once cancels.
// Prints what it can count by itself: the bytes that a span takes in its ring and on the wire.

#include <nanospan.hpp>

#include "workload.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <malloc.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

namespace {

constexpr std::size_t spans = 512;  // one batch, with default options

char const* volatile name = "copied name";  // a value that a compiler does not know, as bench's are

// ---- what is recorded -------------------------------------------------------------------------------------------------------

using loop = void (*)(std::size_t spans);

template <void (*Once)()>
void repeat(std::size_t times) {
  for (std::size_t i = 0; i < times; ++i) Once();
}

[[gnu::always_inline]] inline void one_attribute() { NANOSPAN("child", {"items", static_cast<int>(bench::items)}); }
[[gnu::always_inline]] inline void two_attributes() {
  NANOSPAN("child", {"http.request.method", bench::method}, {"items", static_cast<int>(bench::items)});
}
[[gnu::always_inline]] inline void attribute_set_later() {
  NANOSPAN("child");
  NANOSPAN_SET({"items", static_cast<int>(bench::items)});
}
[[gnu::always_inline]] inline void with_event() {
  NANOSPAN("child");
  NANOSPAN_EVENT("retry", {"attempt", static_cast<int>(bench::items)});
}
[[gnu::always_inline]] inline void with_error() {
  NANOSPAN("child");
  NANOSPAN_ERROR("card declined");
}
[[gnu::always_inline]] inline void named() { nanospan::scoped_span const child{"child"}; }
[[gnu::always_inline]] inline void named_by_a_copy() {
  char const* const text = name;
  nanospan::scoped_span const child{nanospan::copied{text}};
}
[[gnu::always_inline]] inline void moved() {
  nanospan::span child{"child"};
  nanospan::span const elsewhere{std::move(child)};
}
[[gnu::always_inline]] inline void context_entered() {
  static nanospan::span_context const arrived = nanospan::current();
  nanospan::context_scope const inside{arrived};
}

// What must be seen, or the figures mean nothing.
void* volatile leaked;
[[gnu::always_inline]] inline void nothing() { asm volatile("" : : : "memory"); }
[[gnu::always_inline]] inline void one_allocation() { leaked = std::malloc(8); }
[[gnu::always_inline]] inline void one_system_call() { static_cast<void>(::getppid()); }

// ---- how it is counted ------------------------------------------------------------------------------------------------------

// Each case's sum is dumped under its name and how often it was done.
template <typename Run>
void measured(char const* what, std::size_t times, Run&& run) {
  char label[128];
  std::snprintf(label, sizeof label, "%s/%zu", what, times);
  CALLGRIND_DUMP_STATS;  // all counters to zero: CALLGRIND_ZERO_STATS and _TOGGLE_COLLECT leave system calls and calls as they are
  run();
  CALLGRIND_DUMP_STATS_AT(label);
}

void count(char const* what, loop record) {
  record(spans);
  for (std::size_t const times : {spans, 2 * spans}) measured(what, times, [&] { record(times); });
}

std::uint64_t bytes_sent = 0;

class counting_exporter final : public nanospan::exporter {
 public:
  nanospan::export_result export_batch(nanospan::batch const& batch, nanospan::export_wait&) override {
    bytes_sent += batch.otlp.size();
    return {};
  }
  std::string description() const override { return "nowhere"; }
};

nanospan::options to_nowhere() {
  nanospan::options with = bench::to_nowhere();
  with.exporter = std::make_shared<counting_exporter>();
  with.schedule_delay = nanospan::duration::of_milliseconds(3'600'000);  // full batches only, however slowly this runs
  with.ring_bytes = 16u << 20;                                           // all cases together do not meet its end
  with.ring_memory_limit_bytes = 256u << 20;
  return with;
}

// The background's side of the same spans: from the ring to the exporter.
void count_drained(nanospan::tracer_provider& tracing, char const* what, loop record) {
  for (std::size_t const times : {spans, spans, 2 * spans}) {  // the first one's sum is forgotten
    tracing.flush();
    record(times);
    measured(what, times, [&] { tracing.poll(); });
  }
}

// By two batches of different sizes: what stands before a batch's spans cancels.
void show_bytes(nanospan::tracer_provider& tracing, char const* what, loop record) {
  struct bytes {
    std::uint64_t published;
    std::uint64_t sent;
  };
  auto const bytes_of = [&](std::size_t times) {
    tracing.flush();
    bytes const before{nanospan::detail::this_thread.slot->ring.published(), bytes_sent};
    record(times);
    tracing.flush();
    return bytes{nanospan::detail::this_thread.slot->ring.published() - before.published, bytes_sent - before.sent};
  };
  bytes const few = bytes_of(spans / 2);
  bytes const many = bytes_of(spans);
  auto const each = [](std::uint64_t more) { return static_cast<double>(more) / (spans / 2); };
  std::printf("ring\t%s\t%.1f\nwire\t%s\t%.1f\n", what, each(many.published - few.published), what, each(many.sent - few.sent));
}

}  // namespace

int main() {
  // Whether a freed batch lay at the end of the heap, and is given back, is its layout's affair and no span's.
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
  ::mallopt(M_TOP_PAD, 64 << 20);
  count("nothing", repeat<nothing>);
  count("one allocation", repeat<one_allocation>);
  count("one system call", repeat<one_system_call>);

  count("no provider", repeat<bench::no_attribute>);
  count("no provider, 4 attributes", repeat<bench::four_attributes>);
  std::uint64_t const unprovided = nanospan::stats().dropped.no_provider;

  nanospan::tracer_provider tracing{to_nowhere()};
  count("root span", repeat<bench::no_attribute>);
  {
    NANOSPAN("parent");
    count("child span", repeat<bench::no_attribute>);
    count("child span, 1 attribute", repeat<one_attribute>);
    count("child span, 2 attributes", repeat<two_attributes>);
    count("child span, 4 attributes", repeat<bench::four_attributes>);
    count("child span, 1 attribute by NANOSPAN_SET", repeat<attribute_set_later>);
    count("child span, an event with 1 attribute", repeat<with_event>);
    count("child span, an error", repeat<with_error>);
    count("scoped_span", repeat<named>);
    count("scoped_span, copied name", repeat<named_by_a_copy>);
    count("span, moved", repeat<moved>);
    count("context_scope", repeat<context_entered>);
    count_drained(tracing, "drained and encoded", repeat<bench::no_attribute>);
    count_drained(tracing, "drained and encoded, 4 attributes", repeat<bench::four_attributes>);
    show_bytes(tracing, "child span", repeat<bench::no_attribute>);
    show_bytes(tracing, "child span, 4 attributes", repeat<bench::four_attributes>);
  }
  {
    nanospan::span_context const sampled = nanospan::span{"arrived"}.context();
    nanospan::context_scope const arrived{{sampled.trace_id(), sampled.span_id(), 0, true}};
    count("unsampled child span", repeat<bench::no_attribute>);
    count("unsampled child span, 4 attributes", repeat<bench::four_attributes>);
    NANOSPAN("unsampled parent");
    count("unsampled child of an unsampled span", repeat<bench::no_attribute>);
  }
  tracing.flush();

  // A full ring is cheaper than a span, and a clock that is not the processor's is dearer.
  nanospan::stats_snapshot const now = nanospan::stats();
  bool const dropped = now.dropped.total() != unprovided;
  bool const other_clock = (nanospan::detail::recording.word.load() & nanospan::detail::recording_monotonic) != 0;
  if (dropped) std::fputs("spans were dropped: the figures mean nothing\n", stderr);
  if (other_clock) std::fputs("the processor's counter is not trusted here: the figures are another clock's\n", stderr);
  return dropped || other_clock ? 1 : 0;
}
