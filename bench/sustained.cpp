// SPDX-License-Identifier: Apache-2.0

// A whole program that sends to a sink in another process: ten seconds at more than two million spans a second, and a modest rate beside the
// same loop untraced. The sink is the first argument.

#include "../tests/support/sink_process.hpp"
#include "harness.hpp"
#include "workload.hpp"

#include <chrono>
#include <string>
#include <thread>
#include <utility>

using namespace std::chrono_literals;

namespace {

double nanoseconds_of_the_others() { return bench::nanoseconds_of_the_process() - bench::nanoseconds_of_this_thread(); }

nanospan::options to(sink_process const& sink) {
  nanospan::options with;
  with.endpoint = sink.endpoint();
  return with;
}

void sustained(char const* sink_program, double reads) {
  constexpr std::uint64_t spans_a_millisecond = 2'050;  // a little more than the bar, so that the last span is not due too late
  std::uint64_t const length = bench::quick ? 1'000'000'000 : 10'000'000'000;
  sink_process sink{sink_program, "light"};
  bench::no_drop const all_there{"the sustained rate"};
  std::uint64_t recorded = 0;
  double seconds = 0, background = 0;
  {
    nanospan::tracer_provider tracing{to(sink)};
    double const before = nanoseconds_of_the_others();
    std::uint64_t const start = bench::nanoseconds();
    NANOSPAN("parent");
    while (bench::nanoseconds() - start < length) {
      std::uint64_t const due = (bench::nanoseconds() - start) / 1'000 * spans_a_millisecond / 1'000;
      for (; recorded < due; ++recorded) bench::four_attributes();
    }
    seconds = static_cast<double>(bench::nanoseconds() - start) * 1e-9;
    tracing.flush(10s);
    background = nanoseconds_of_the_others() - before;
  }
  auto const received = sink.finish();
  if (received.spans != recorded + 1 - all_there.dropped()) {
    std::printf("! %llu spans arrived of %llu\n", static_cast<unsigned long long>(received.spans), static_cast<unsigned long long>(recorded + 1));
    bench::nothing_dropped = false;
  }
  double const each = background / static_cast<double>(recorded);
  bench::row("10 s into a sink in another process, 4 attributes", static_cast<double>(recorded) / seconds * 1e-6, "M spans/s", bench::at_least(2));
  bench::row("  dropped of a million", static_cast<double>(all_there.dropped()) / static_cast<double>(recorded) * 1e6, "spans", bench::at_most(0));
  bench::row("  background CPU, ring to socket, each span", each / reads, bench::times_reads, bench::at_most(15), each, reads);
}

void modest(char const* sink_program, double reads) {
  double const length = bench::quick ? 0.5 : 3;
  auto const run = [&](bool traced) {
    double const before = bench::nanoseconds_of_the_process();
    std::uint64_t const start = bench::nanoseconds();
    for (std::uint64_t done = 0; static_cast<double>(bench::nanoseconds() - start) < length * 1e9; std::this_thread::sleep_for(1ms)) {
      for (std::uint64_t const due = (bench::nanoseconds() - start) / 100'000; done < due; ++done) {
        if (traced) bench::four_attributes();
        else bench::keep(done);
      }
    }
    nanospan::flush(10s);
    return bench::nanoseconds_of_the_process() - before;
  };
  sink_process sink{sink_program, "light"};
  double const untraced = run(false);
  nanospan::tracer_provider tracing{to(sink)};
  bench::no_drop const all_there{"the modest rate"};
  double const each = (run(true) - untraced) / (length * 10'000);
  bench::row("whole process at 10,000 spans/s, 4 attributes, net CPU, each span", each / reads, bench::times_reads, bench::at_most(25), each, reads);
}

}  // namespace

int main(int argc, char** argv) {
  bench::start(argc, argv);
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s SINK [--quick]\n", argv[0]);
    return 2;
  }
  bench::section("The background half");
  double const reads = bench::nanoseconds_of_two_timer_reads();
  modest(argv[1], reads);
  sustained(argv[1], reads);
  return bench::end();
}
