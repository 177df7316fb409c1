// SPDX-License-Identifier: Apache-2.0

// What where.py looks into: a thread that only records, and the main thread, which empties its ring into a sink in another process.
// bench_profiled SINK ROUNDS ATTRIBUTES (0 or 4); prints the nanoseconds a span of both (of processor
// time where it drains, which waits for the sink too).

#include "../tests/support/sink_process.hpp"
#include "harness.hpp"
#include "loops.hpp"
#include "workload.hpp"

#include <cstdlib>
#include <semaphore>
#include <thread>
#include <utility>

#include <pthread.h>

namespace {

constexpr std::size_t spans_a_round = 8'192;  // whole batches; fit into the ring, with four attributes

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s SINK ROUNDS ATTRIBUTES\n", argv[0]);
    return 2;
  }
  sink_process sink{argv[1], "light"};
  auto const rounds = std::strtoul(argv[2], nullptr, 10);
  auto* const record = std::strcmp(argv[3], "0") == 0 ? bench::loops::no_attribute : bench::loops::four_attributes;
  nanospan::options with;
  with.endpoint = sink.endpoint();
  with.background_thread = false;
  nanospan::tracer_provider tracing{std::move(with)};
  std::vector<double> recorded, drained;
  {
    bench::no_drop const all_there{"the profile"};
    std::binary_semaphore go{0}, done{0};
    std::thread recorder{[&] {
      ::pthread_setname_np(::pthread_self(), "recorder");
      nanospan::context_scope const parent{nanospan::span{"parent"}.context()};
      for (unsigned long i = 0; i < rounds; ++i) {
        go.acquire();
        recorded.push_back(bench::time_chunk(spans_a_round, record));
        done.release();
      }
    }};
    for (unsigned long i = 0; i < rounds; ++i) {
      go.release();
      done.acquire();
      double const before = bench::nanoseconds_of_this_thread();
      tracing.poll();
      drained.push_back((bench::nanoseconds_of_this_thread() - before) / spans_a_round);
    }
    recorder.join();
  }
  std::printf("%.3f %.3f\n", bench::median(recorded), bench::median(drained));
  return bench::end();
}
