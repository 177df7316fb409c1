// SPDX-License-Identifier: Apache-2.0

// What latency-sensitive programs ask of a library: a background thread that is a good guest, none where there shall be none, and
// recording that waits for nobody, whoever has the processor.

#include <nanospan.hpp>

#include "catch.hpp"
#include "support/collector.hpp"
#include "support/recorded.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace std::chrono_literals;
using nanospan::stats;
using nanospan::stats_snapshot;

namespace {

void record(std::size_t spans) {
  for (std::size_t i = 0; i < spans; ++i) NANOSPAN("one", {"number", i}, {"text", "some text"}, {"amount", 12.5}, {"who", "fitness"});
}

// Of this process's threads, by id.
std::set<std::string> threads() {
  std::set<std::string> all;
  for (auto const& entry : std::filesystem::directory_iterator{"/proc/self/task"}) all.insert(entry.path().filename());
  return all;
}
std::vector<std::string> threads_named(std::string const& name) {
  std::vector<std::string> found;
  for (auto const& thread : threads()) {
    std::string its_name;
    std::getline(std::ifstream{"/proc/self/task/" + thread + "/comm"}, its_name);
    if (its_name == name) found.push_back(thread);
  }
  return found;
}
// How often it has gone to sleep so far.
std::uint64_t sleeps_of(std::string const& thread) {
  std::ifstream status{"/proc/self/task/" + thread + "/status"};
  for (std::string word; status >> word;) {
    std::uint64_t count = 0;
    if (word == "voluntary_ctxt_switches:" && status >> count) return count;
  }
  FAIL("no count of its sleeps");
  return 0;
}

// Notes the size of each batch, and what it sees of the thread that exports.
class noting_exporter final : public nanospan::exporter {
 public:
  nanospan::export_result export_batch(nanospan::batch const& spans, nanospan::export_wait&) override {
    sizes.push_back(spans.span_count);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    return {};
  }
  std::string description() const override { return "notes"; }

  std::vector<std::size_t> sizes;
  sigset_t blocked{};
};

}  // namespace

// ---- without a thread -----------------------------------------------------------------------------------------------------------

TEST_CASE("a program that polls has no other thread, and the same spans become the same batches each time") {
  for (int time = 0; time < 3; ++time) {
    auto const before = threads();
    auto const exporter = std::make_shared<noting_exporter>();
    {
      nanospan::tracer_provider tracing{{.exporter = exporter, .max_batch_spans = 16, .schedule_delay = 1h, .background_thread = false}};
      CHECK(threads() == before);
      record(40);
      CHECK(exporter->sizes.empty());
      tracing.poll();
      CHECK(exporter->sizes == std::vector<std::size_t>{16, 16});
      tracing.poll();
      CHECK(exporter->sizes.size() == 2);
      record(8);
      tracing.poll();
      CHECK(exporter->sizes == std::vector<std::size_t>{16, 16, 16});
      record(1);
      CHECK(threads() == before);
    }
    CHECK(exporter->sizes == std::vector<std::size_t>{16, 16, 16, 1});
    CHECK(threads() == before);
  }
}

TEST_CASE("a program that polls before its ring is full loses nothing, however often") {
  stats_snapshot const before = stats();
  constexpr std::size_t rounds = 1'000, spans_of_each = 80;
  auto const exporter = std::make_shared<noting_exporter>();
  {
    nanospan::tracer_provider tracing{{.exporter = exporter, .ring_bytes = 16u << 10, .background_thread = false}};  // the smallest ring
    for (std::size_t round = 0; round < rounds; ++round) {
      record(spans_of_each);
      tracing.poll();
    }
  }
  stats_snapshot const now = support::since(before);
  CHECK(now.dropped.total() == 0);
  CHECK(now.exported == rounds * spans_of_each);
}

// ---- a guest --------------------------------------------------------------------------------------------------------------------

TEST_CASE("an idle background thread wakes up at most sixty times a second") {
  nanospan::tracer_provider tracing{{.exporter = std::make_shared<noting_exporter>(), .background_name = "idle guest"}};
  record(100);
  REQUIRE(tracing.flush(60s));
  auto const found = threads_named("idle guest");
  REQUIRE(found.size() == 1);
  // It takes a tenth of a second and some thirty turns to calm down. What is compared are turns with the time that they took: a slow machine
  // makes them fewer.
  constexpr double to_calm_down = 30;
  std::uint64_t const sleeps = sleeps_of(found[0]);
  auto const start = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(2s);
  auto const slept = static_cast<double>(sleeps_of(found[0]) - sleeps);
  double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("idle: woken %.1f times a second\n", slept / seconds);
  CHECK(slept > 0);  // it is that thread
  CHECK(slept <= 60 * seconds + to_calm_down);
}

TEST_CASE("the background thread takes none of the program's signals") {
  auto const exporter = std::make_shared<noting_exporter>();
  nanospan::tracer_provider tracing{{.exporter = exporter}};
  record(1);
  REQUIRE(tracing.flush(60s));
  std::set<int> open;
  for (int signal = 1; signal < NSIG; ++signal)
    if (::sigismember(&exporter->blocked, signal) == 0) open.insert(signal);
  std::erase_if(open, [](int signal) { return signal >= 32 && signal < SIGRTMIN; });  // the C library's own
  std::erase_if(open, [](int signal) { return signal == SIGKILL || signal == SIGSTOP; });
  CHECK(open == std::set<int>{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS});  // what a fault of its own raises
}

TEST_CASE("a program that this one starts inherits no descriptor of the provider's") {
  auto const seen_by_another_program = [] {
    std::string seen;
    std::FILE* const other = ::popen("ls /proc/self/fd", "re");
    REQUIRE(other != nullptr);
    for (int byte = 0; (byte = std::fgetc(other)) != EOF;) seen += static_cast<char>(byte);
    CHECK(::pclose(other) == 0);
    return seen;
  };
  auto const own = [] {
    std::set<int> all;
    for (int number = 0; number < 1'024; ++number)
      if (::fcntl(number, F_GETFD) >= 0) all.insert(number);
    return all;
  };
  test_collector const collector;
  std::string const without = seen_by_another_program();
  auto const before = own();
  nanospan::tracer_provider tracing{{.endpoint = collector.url()}};
  record(1);
  REQUIRE(tracing.flush(60s));
  std::size_t more = 0;
  for (int const number : own()) {
    if (before.contains(number)) continue;
    ++more;
    CHECK((::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(more >= 3);  // the pipe that wakes it, the connection
  CHECK(without != "");
  CHECK(seen_by_another_program() == without);
}

TEST_CASE("a collector that goes away in the middle of a request is no signal to a program that polls") {
  static std::atomic<int> signals;
  signals = 0;
  struct sigaction counting {}, before {};
  counting.sa_handler = [](int) { ++signals; };
  REQUIRE(::sigaction(SIGPIPE, &counting, &before) == 0);
  {
    test_collector collector{{.receive_buffer_bytes = 4'096}};
    nanospan::tracer_provider tracing{{.endpoint = collector.url(), .background_thread = false, .on_message = [](std::string_view) noexcept {}}};
    collector.next([](test_collector::conversation& with) {
      with.say_no_more();
      with.reset();
    });
    for (int large = 0; large < 4; ++large) {  // together they fit into no socket's buffer
      NANOSPAN("large", {"text", std::string(900'000, 'x')});
    }
    CHECK_FALSE(tracing.flush(60s));
    CHECK(tracing.flush(60s));
  }
  CHECK(signals == 0);
  ::sigaction(SIGPIPE, &before, nullptr);
}

// ---- who has the processor --------------------------------------------------------------------------------------------------------

namespace {

int last_cpu() {
  cpu_set_t mine;
  ::pthread_getaffinity_np(::pthread_self(), sizeof mine, &mine);
  int last = -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &mine)) last = cpu;
  return last;
}
// The calling thread: only there, before all that is not real-time.
bool become_real_time(int cpu) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<std::size_t>(cpu), &only);
  sched_param const priority{50};
  return ::pthread_setaffinity_np(::pthread_self(), sizeof only, &only) == 0 && ::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &priority) == 0;
}
std::int64_t times_blocked() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

}  // namespace

TEST_CASE("a real-time thread that keeps the background thread from its processor records without ever waiting for it") {
  stats_snapshot const before = stats();
  int const cpu = last_cpu();
  nanospan::tracer_provider tracing{
      {.exporter = std::make_shared<noting_exporter>(), .ring_bytes = 16u << 10, .background_cpu = cpu, .on_message = [](std::string_view) noexcept {}}};
  bool permitted = false, warm = false;
  std::int64_t blocked = -1;
  std::uint64_t spans = 0, in_ring = 0, taken_meanwhile = 1;
  support::in_a_thread([&] {
    warm = nanospan::warm_thread();
    nanospan::detail::ring const& ring = nanospan::detail::this_thread.slot->ring;
    permitted = become_real_time(cpu);
    if (!permitted) return;
    std::int64_t const blocked_before = times_blocked();
    std::uint64_t const records_before = ring.records(), consumed_before = ring.consumed();
    spans = ring.capacity() / sizeof(nanospan::detail::record_header) + 100;  // more than fit
    record(spans);
    in_ring = ring.records() - records_before;
    taken_meanwhile = ring.consumed() - consumed_before;
    blocked = times_blocked() - blocked_before;
  });
  if (!permitted) {
    std::printf("skipped by design: no thread may be real-time here (SCHED_FIFO is not permitted)\n");
    std::fflush(stdout);
    return;
  }
  REQUIRE(warm);
  REQUIRE(tracing.flush(60s));
  stats_snapshot const now = support::since(before);
  CHECK(blocked == 0);
  CHECK(taken_meanwhile == 0);  // the background thread never had the processor
  CHECK(in_ring > 50);
  CHECK(now.ended == spans);
  CHECK(now.exported == in_ring);
  CHECK(now.dropped.ring_full == spans - in_ring);
  CHECK(now.dropped.ring_full > 0);
}
