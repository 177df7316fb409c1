// SPDX-License-Identifier: Apache-2.0

// What must not be dropped though it comes at once: bursts from idle, and a thousand threads.

#include "harness.hpp"
#include "workload.hpp"

#include <atomic>
#include <chrono>
#include <thread>

using namespace std::chrono_literals;

namespace {

void bursts() {
  nanospan::tracer_provider tracing{bench::to_nowhere_in_the_background()};
  bench::no_drop const all_there{"the burst"};
  for (int i = 0; i < (bench::quick ? 3 : 10); ++i) {
    std::this_thread::sleep_for(100ms);  // idle, as long as it sleeps between drains
    NANOSPAN("parent");
    for (int span = 0; span < 2'048; ++span) bench::four_attributes();
  }
  bench::row("bursts of 2,048 spans with 4 attributes from idle", static_cast<double>(all_there.dropped()), "dropped", bench::at_most(0));
}
void thousand_threads() {
  constexpr int count = 1'000;
  nanospan::tracer_provider tracing{bench::to_nowhere_in_the_background()};
  bench::no_drop const all_there{"a thousand threads"};
  std::atomic<int> there{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&] {
      bench::four_attributes();
      if (++there == count) there.notify_all();
      for (int seen = there; seen != count; seen = there) there.wait(seen);
      for (int span = 0; span < 20; ++span) bench::four_attributes();
    });
  }
  for (auto& one : threads) one.join();
  bench::row("1,000 live threads, 21 spans each", static_cast<double>(all_there.dropped()), "dropped", bench::at_most(0));
}

}  // namespace

int main(int argc, char** argv) {
  bench::start(argc, argv);
  bench::section("All at once");
  bursts();
  thousand_threads();
  return bench::end();
}
