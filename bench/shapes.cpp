// SPDX-License-Identifier: Apache-2.0

// Traces of one span to ten thousand, and values of 8 bytes to 8 KiB.

#include "harness.hpp"
#include "workload.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <malloc.h>

namespace {

// A root and its children; nanoseconds a span.
void traces(nanospan::tracer_provider& tracing, std::size_t spans_a_trace) {
  auto const run = [&](std::size_t spans) {
    for (std::size_t trace = 0; trace < spans / spans_a_trace; ++trace) {
      NANOSPAN("root");
      for (std::size_t child = 1; child < spans_a_trace; ++child) bench::no_attribute();
    }
  };
  std::size_t const spans_a_chunk = std::max<std::size_t>(2'000, spans_a_trace);
  bench::row("traces of " + std::to_string(spans_a_trace) + (spans_a_trace == 1 ? " span" : " spans"),
             bench::measure(spans_a_chunk, run, bench::two_timer_reads, [&] { tracing.poll(); }));
}

// One attribute of so many bytes, beside two timer reads and a copy of the same bytes through as much memory as a ring has.
void values(nanospan::tracer_provider& tracing, std::size_t bytes) {
  std::string const text(bytes, 'x');
  std::string_view const value = text;
  auto const run = [&](std::size_t spans) {
    for (std::size_t i = 0; i < spans; ++i) {
      bench::keep(value);
      NANOSPAN("child", {"text", value});
    }
  };
  static std::vector<char> memory(nanospan::options{}.ring_bytes);
  std::size_t at = 0;
  auto const copies = [&](std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
      bench::keep(nanospan::detail::raw_ticks());
      if (at + bytes > memory.size()) at = 0;
      bench::keep(value);
      std::memcpy(memory.data() + at, value.data(), value.size());
      bench::keep(memory[at]);
      at += bytes;
      bench::keep(nanospan::detail::raw_ticks());
    }
  };
  std::size_t const spans_a_chunk = bytes <= 256 ? 1'000 : 1'000'000 / bytes;
  auto const f = bench::measure(spans_a_chunk, run, copies, [&] { tracing.poll(); });
  // 256 bytes are in the span itself, the entry's head among them.
  bench::row("a value of " + std::to_string(bytes) + (bytes < 256 ? " bytes" : " bytes, in a heap block"), f.ratio, "× 2 reads and memcpy", {}, f.each, f.baseline);
}

}  // namespace

int main(int argc, char** argv) {
  bench::start(argc, argv);
  nanospan::tracer_provider tracing{bench::to_nowhere()};
  bench::no_drop const all_there{"the shape of traces"};
  bench::section("Traces of so many spans, each span");
  for (std::size_t const spans : {1u, 2u, 100u, 10'000u}) traces(tracing, spans);
  bench::section("Long values, each span");
  // Between chunks all blocks are free. A program's heap has others above them; this one's would go back to the system, and its pages would fault again.
  ::mallopt(M_TRIM_THRESHOLD, 256 << 20);
  ::mallopt(M_MMAP_THRESHOLD, 256 << 20);
  NANOSPAN("parent");
  for (std::size_t const bytes : {8u, 64u, 256u, 1'024u, 8'192u}) values(tracing, bytes);
  return bench::end();
}
