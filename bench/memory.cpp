// SPDX-License-Identifier: Apache-2.0

// Resident memory that tracing adds. Built twice: with BENCH_TRACED=0 it prints what a program without tracing has at rest, in KiB. The other is given
// the sink and that program: bench_memory SINK WITHOUT [--quick].

#include <cstdio>
#include <cstring>

#include <unistd.h>

namespace {

// A figure of /proc/self/status, in KiB.
double kibibytes(char const* name) {
  double value = 0;
  char line[256];
  std::FILE* const file = std::fopen("/proc/self/status", "r");
  while (file != nullptr && std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, name, std::strlen(name)) == 0) std::sscanf(line + std::strlen(name), ": %lf", &value);
  }
  if (file != nullptr) std::fclose(file);
  return value;
}

}  // namespace

#if BENCH_TRACED

#include "../tests/support/sink_process.hpp"
#include "harness.hpp"
#include "workload.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

double without_tracing(char const* program) {
  double value = 0;
  std::FILE* const output = ::popen(program, "r");
  if (output == nullptr || std::fscanf(output, "%lf", &value) != 1) std::fprintf(stderr, "%s says nothing\n", program);
  if (output != nullptr) ::pclose(output);
  return value;
}

// Of threads that recorded one span and live; what a thread takes by itself is subtracted.
double per_thread(bool traced) {
  constexpr int count = 8;
  std::atomic<int> there{0};
  std::atomic<bool> over{false};
  double const before = kibibytes("VmRSS");
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&] {
      if (traced) bench::four_attributes();
      ++there;
      there.notify_all();
      over.wait(false);
    });
  }
  for (int seen = there; seen != count; seen = there) there.wait(seen);
  double const after = kibibytes("VmRSS");
  over = true;
  over.notify_all();
  for (auto& one : threads) one.join();
  return (after - before) / count;
}

void rest_and_load(char const* sink_program, double without) {
  bench::row("a program that includes it, no provider", (kibibytes("VmRSS") - without) / 1'024, "MiB");
  sink_process sink{sink_program, "light"};
  nanospan::options with;
  with.endpoint = sink.endpoint();
  double const before = kibibytes("VmRSS");
  nanospan::tracer_provider tracing{std::move(with)};
  bench::no_drop const all_there{"memory under load"};
  bench::four_attributes();
  tracing.flush(nanospan::duration::of_milliseconds(10'000));
  bench::row("  and a provider, with one thread, at rest", (kibibytes("VmRSS") - before) / 1'024, "MiB");
  {
    std::uint64_t const start = bench::nanoseconds(), length = bench::quick ? 500'000'000 : 2'000'000'000;
    NANOSPAN("parent");
    for (std::uint64_t done = 0; bench::nanoseconds() - start < length;) {
      for (std::uint64_t const due = (bench::nanoseconds() - start) / 500; done < due; ++done) bench::four_attributes();
    }
  }
  tracing.flush(nanospan::duration::of_milliseconds(10'000));
  bench::row("  and 2 M spans/s with 4 attributes: peak", (kibibytes("VmHWM") - before) / 1'024, "MiB");
}

}  // namespace

int main(int argc, char** argv) {
  bench::start(argc, argv);
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s SINK WITHOUT [--quick]\n", argv[0]);
    return 2;
  }
  bench::section("Memory that it adds");
  rest_and_load(argv[1], without_tracing(argv[2]));  // first: the peak is the process's
  double const bare_thread = per_thread(false);
  {
    nanospan::tracer_provider tracing{bench::to_nowhere_in_the_background()};
    bench::row("a living thread that records", (per_thread(true) - bare_thread) / 1'024, "MiB");
  }
  return bench::end();
}

#else

int main() {
  std::printf("%.0f\n", kibibytes("VmRSS"));
  return 0;
}

#endif
