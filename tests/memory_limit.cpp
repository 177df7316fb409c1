// SPDX-License-Identifier: Apache-2.0

// The one limit of memory, under what is worst for it: a hundred threads whose spans outgrow their buffers, and an exporter that hangs.

#include <nanospan.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

using namespace std::chrono_literals;
using nanospan::stats;

namespace {

std::uint64_t resident_bytes() {
  unsigned long long all = 0;
  unsigned long long resident = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%llu %llu", &all, &resident) != 2) resident = 0;
  if (file != nullptr) std::fclose(file);
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Takes what it is given, and says nothing for as long as it is told to hang.
class hanging_exporter final : public nanospan::exporter {
 public:
  nanospan::export_result export_batch(nanospan::batch const&, nanospan::export_wait& wait) override {
    while (hangs.load()) {
      auto const now = static_cast<std::uint64_t>(std::chrono::nanoseconds{std::chrono::steady_clock::now().time_since_epoch()}.count());
      if (wait.wait(-1, false, now + 10'000'000) == nanospan::export_wait::outcome::stopped)
        return {nanospan::export_result::outcome::retry, 0, {}, "stopped"};
    }
    return {};
  }
  std::string description() const override { return "the one that hangs"; }

  std::atomic<bool> hangs{true};
};

// Looks at the figures all the time, from its own thread.
class watcher {
 public:
  watcher() : before_{resident_bytes()}, thread_{[this] { watch(); }} {}
  watcher(watcher const&) = delete;
  watcher& operator=(watcher const&) = delete;
  ~watcher() { stop(); }
  void stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::uint64_t most_charged() const { return charged_; }
  std::uint64_t most_resident() const { return resident_ > before_ ? resident_ - before_ : 0; }

 private:
  void watch() {
    while (!over_) {
      charged_ = std::max(charged_, stats().memory_bytes);
      resident_ = std::max(resident_, resident_bytes());
      std::this_thread::sleep_for(200us);
    }
  }
  std::uint64_t before_;
  std::uint64_t charged_ = 0;
  std::uint64_t resident_ = 0;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

// What the process takes beside what is charged: stacks, slots and arenas of a hundred threads, what the allocator keeps of blocks that were freed.
constexpr std::uint64_t beside_bytes = 16u << 20;

}  // namespace

TEST_CASE("a hundred threads with huge spans and an exporter that hangs stay within the limit of memory, and every span is accounted for") {
  constexpr std::uint64_t limit = 48u << 20;
  constexpr unsigned threads = 100;
  constexpr unsigned spans_each = 300;
  auto const exporter = std::make_shared<hanging_exporter>();
  auto const before = stats();
  nanospan::options with{.exporter = exporter, .ring_bytes = 256u << 10, .shutdown_limit = 60s, .on_message = [](std::string_view) noexcept {}};
  with.memory_limit_bytes = limit;
  std::string const texts[] = {std::string(300, 'a'), std::string(5'000, 'b'), std::string(70'000, 'c'), std::string(900'000, 'd')};
  watcher watched;
  {
    nanospan::tracer_provider tracing{with};
    REQUIRE(stats().memory_limit_bytes >= limit);
    std::vector<std::thread> all;
    for (unsigned n = 0; n < threads; ++n)
      all.emplace_back([&, n] {
        for (unsigned i = 0; i < spans_each; ++i) {
          NANOSPAN("span", {"i", i});
          // Most are small; each thread is often busy with a large one.
          std::string const& text = texts[i % 10 == 9 ? 3 : (i + n) % 3];
          NANOSPAN_SET({"text", text});
          for (int event = 0; event < 3; ++event) NANOSPAN_EVENT("event", {"text", texts[static_cast<unsigned>(event)]});
        }
      });
    for (std::thread& one : all) one.join();
    exporter->hangs = false;
    CHECK(tracing.flush(60s));
  }
  watched.stop();
  auto const now = support::since(before);
  auto const after = stats();
  std::printf("limit %.1f MiB: charged at most %.1f, resident at most %.1f more than before; of %llu spans %llu arrived, %llu in a full queue, %llu in full rings, %llu without a ring, %llu without memory\n",
              static_cast<double>(limit) / (1u << 20), static_cast<double>(watched.most_charged()) / (1u << 20), static_cast<double>(watched.most_resident()) / (1u << 20),
              static_cast<unsigned long long>(now.ended), static_cast<unsigned long long>(now.exported), static_cast<unsigned long long>(now.dropped.queue_full),
              static_cast<unsigned long long>(now.dropped.ring_full), static_cast<unsigned long long>(now.dropped.no_ring), static_cast<unsigned long long>(now.dropped.no_memory));
  CHECK(watched.most_charged() <= after.memory_limit_bytes);
  CHECK(watched.most_charged() > limit / 3);
  CHECK(watched.most_resident() <= after.memory_limit_bytes + beside_bytes);
  CHECK(now.ended == std::uint64_t{threads} * spans_each);
  CHECK(now.accounted() == now.ended);
  CHECK(now.held == 0);
  CHECK(now.dropped.queue_full > 0);
  CHECK(now.exported > 0);
  CHECK(after.memory_bytes == after.ring_memory_bytes);
}
