// SPDX-License-Identifier: Apache-2.0

// Many threads at once, and threads that record while the program around them ends.

#include <nanospan.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"
#include "support/slots.hpp"

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
namespace detail = nanospan::detail;
using nanospan::stats;
using nanospan::stats_snapshot;

// ---- at once ------------------------------------------------------------------------------------------------------------------

using support::count_slots;

namespace {

constexpr std::int64_t thousand = 1'000;
constexpr std::size_t spans_of_each = 4;

void at_once() {
  std::barrier<> all_there{thousand + 1};
  std::barrier<> looked{thousand + 1};
  std::vector<std::thread> threads;
  for (std::int64_t i = 0; i < thousand; ++i)
    threads.emplace_back([&all_there, &looked, i] {
      {
        NANOSPAN("root", {"number", i});
        NANOSPAN_CLIENT("child", {"number", i});
        { NANOSPAN("grandchild", {"number", i}); }
        all_there.arrive_and_wait();
        looked.arrive_and_wait();
      }
      NANOSPAN("root afterwards", {"number", i});
    });
  all_there.arrive_and_wait();
  // The background thread looks while all of them live, and makes the ring for one more: else that would depend on when it looks.
  CHECK(nanospan::drain(60s));
  looked.arrive_and_wait();
  for (auto& one : threads) one.join();
}

std::uint64_t ring_memory_bytes() { return detail::registry.ring_memory_bytes.load(); }

// How many of the threads have exactly the spans that they recorded, each with its parent.
std::size_t count_whole(std::vector<nanospan::span_data> const& spans) {
  std::map<std::int64_t, std::map<std::string, nanospan::span_data const*>> by_thread;
  for (auto const& one : spans) by_thread[std::get<std::int64_t>(one.attributes.at(0).second)][one.name] = &one;
  std::size_t whole = 0;
  for (auto& [number, of] : by_thread) {
    if (of.size() != spans_of_each || of.count("root") + of.count("child") + of.count("grandchild") + of.count("root afterwards") != spans_of_each) continue;
    auto const& root = *of["root"];
    auto const& child = *of["child"];
    auto const& grandchild = *of["grandchild"];
    auto const& afterwards = *of["root afterwards"];
    bool const parents = !root.parent_span_id.valid() && child.parent_span_id == root.span_id && grandchild.parent_span_id == child.span_id &&
                         !afterwards.parent_span_id.valid();
    bool const traces = child.trace_id == root.trace_id && grandchild.trace_id == root.trace_id && afterwards.trace_id != root.trace_id;
    whole += parents && traces ? 1u : 0u;
  }
  return whole;
}

}  // namespace

TEST_CASE("a thousand threads at once all trace within the limit of ring memory, and the next thousand take no more of it") {
  stats_snapshot const before = stats();
  auto const memory = std::make_shared<nanospan::memory_exporter>();
  nanospan::tracer_provider tracing{{.exporter = memory}};
  at_once();
  REQUIRE(tracing.flush(60s));
  CHECK(memory->spans().size() == thousand * spans_of_each);
  CHECK(count_whole(memory->spans()) == thousand);
  CHECK(support::since(before).dropped.total() == 0);
  CHECK(ring_memory_bytes() <= 64u << 20);
  CHECK(count_slots() >= thousand);

  auto const slots = count_slots();
  auto const bytes = ring_memory_bytes();
  memory->clear();
  at_once();
  REQUIRE(tracing.flush(60s));
  CHECK(count_whole(memory->spans()) == thousand);
  CHECK(support::since(before).dropped.total() == 0);
  CHECK(count_slots() == slots);
  CHECK(ring_memory_bytes() == bytes);
}

// ---- while the program ends -----------------------------------------------------------------------------------------------------

namespace {

// What the program counts itself, and tells through a pipe as the last that it does.
struct ending {
  std::uint64_t recorded;
  stats_snapshot account;
};
std::atomic<std::uint64_t> recorded{0};
std::atomic<bool> over{false};
std::atomic<int> detached{0};
int report_to = -1;

void record() {
  {
    NANOSPAN("one", {"text", "of a program that ends"});
  }
  recorded.fetch_add(1);
}
struct records_when_destroyed {
  ~records_when_destroyed() { record(); }
  void exists() const noexcept {}
};
// Made before main, and so destroyed when all that main made, and registered, is over.
struct last_look {
  ~last_look() {
    if (report_to < 0) return;
    auto const deadline = std::chrono::steady_clock::now() + 30s;
    auto const wait_until = [&](auto holds) {
      while (!holds() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    };
    wait_until([seen = recorded.load()] { return recorded >= seen + 100; });  // the detached threads', and no provider any more
    over = true;
    wait_until([] { return detached == 0; });
    ending const now{recorded, stats()};
    [[maybe_unused]] auto const written = ::write(report_to, &now, sizeof now);
  }
} const last;

void record_until_over() {
  ++detached;
  std::thread{[] {
    static thread_local records_when_destroyed const after_its_ring;  // made before the ring is acquired, so destroyed after it is given back
    after_its_ring.exists();
    record();
    static thread_local records_when_destroyed const before_its_ring;
    before_its_ring.exists();
    while (!over) record();
    // Not the destructors above: this thread may be cut off in them.
    --detached;
    for (;;) std::this_thread::sleep_for(1h);
  }}.detach();
}
void record_in_thread_that_ends() {
  std::thread{[] {
    static thread_local records_when_destroyed const after_its_ring;
    after_its_ring.exists();
    record();
  }}.join();
}

// A program that records wherever it can while it ends. By the return of main the provider is gone before all that follows; exit() leaves
// it to its atexit handler.
[[noreturn]] void be_program(bool main_returns) {
  ::alarm(60);
  detail::forget_parent();
  detail::background.reset();
  detail::recording.word.store(0);
  static records_when_destroyed const made_before;
  made_before.exists();
  std::atexit(record);
  static thread_local records_when_destroyed const of_main;
  of_main.exists();
  record();  // nobody is there yet
  {
    nanospan::tracer_provider tracing{{.exporter = std::make_shared<nanospan::memory_exporter>(), .on_message = [](std::string_view) noexcept {}}};
    std::atexit(record);
    static records_when_destroyed const made_after;
    made_after.exists();
    for (int i = 0; i < 4; ++i) record_until_over();
    for (int i = 0; i < 4; ++i) record_in_thread_that_ends();
    for (int i = 0; i < 100; ++i) record();  // which the smallest ring holds
    if (!main_returns) std::exit(7);
  }
  std::exit(7);
}

ending ending_of_program(bool main_returns) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::fflush(nullptr);
  ::pid_t const program = ::fork();
  if (program == 0) {
    ::close(ends[0]);
    report_to = ends[1];
    be_program(main_returns);
  }
  REQUIRE(program > 0);
  ::close(ends[1]);
  ending told{};
  auto const got = ::read(ends[0], &told, sizeof told);
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(program, &status, 0) == program);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
  REQUIRE(got == static_cast<ssize_t>(sizeof told));
  return told;
}

}  // namespace

TEST_CASE("detached threads, atexit handlers, static and thread-local destructors may record while the program ends, and all of it is counted") {
  for (bool const main_returns : {true, false}) {
    CAPTURE(main_returns);
    auto const [counted, account] = ending_of_program(main_returns);
    CHECK(account.ended == counted);
    CHECK(account.accounted() == counted);
    CHECK(account.exported >= 100);
    CHECK(account.dropped.no_provider == 1);
    CHECK(account.dropped.after_shutdown >= 100);
    CHECK(account.dropped.no_slot >= 4 + 4);  // four threads' after their ring; main's two atexit handlers and two static objects
  }
}
