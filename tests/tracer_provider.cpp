// SPDX-License-Identifier: Apache-2.0

#include <nanospan/tracer_provider.hpp>

#include <nanospan.hpp>

#include "catch.hpp"
#include "support/messages.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

using namespace std::chrono_literals;

namespace {

// Holds whoever exports until it is let go; with export_wait where it behaves as it should.
class holding_exporter final : public nanospan::exporter {
 public:
  explicit holding_exporter(bool well_behaved) : well_behaved_{well_behaved} {}
  nanospan::export_result export_batch(nanospan::batch const&, nanospan::export_wait& wait) override {
    drained_inside = nanospan::drain(10s);
    holds = true;
    holds.notify_all();
    if (!well_behaved_) let_go.wait(false);
    else while (!let_go) wait.wait(-1, false, nanospan::detail::monotonic_nanoseconds() + 1'000'000);
    return {};
  }
  std::string description() const override { return "a test"; }

  std::atomic<bool> holds{false};
  std::atomic<bool> let_go{false};
  std::atomic<bool> drained_inside{false};

 private:
  bool const well_behaved_;
};

nanospan::options to(std::shared_ptr<nanospan::exporter> exporter, bool background_thread = true) {
  nanospan::options with;
  with.exporter = std::move(exporter);
  with.background_thread = background_thread;
  with.on_message = support::messages::keep;
  return with;
}

void some_spans() {
  for (int i = 0; i < 100; ++i) {
    NANOSPAN("some");
  }
}

}  // namespace

TEST_CASE("drain empties the rings and sends nothing") {
  bool const background_thread = GENERATE(true, false);
  auto const memory = std::make_shared<nanospan::memory_exporter>();
  nanospan::tracer_provider tracing{to(memory, background_thread)};
  for (int round = 0; round < 20; ++round) {
    some_spans();
    REQUIRE(nanospan::drain(60s));
    REQUIRE(nanospan::detail::rings_are_empty());
  }
  CHECK(nanospan::stats().held >= 20 * 100 % 512);
  CHECK(memory->spans().size() <= std::size_t{20} * 100 / 512 * 512);
  CHECK(tracing.flush(60s));
  CHECK(memory->spans().size() == std::size_t{20} * 100);
}

TEST_CASE("drain needs no collector that answers") {
  auto const exporter = std::make_shared<holding_exporter>(true);
  nanospan::tracer_provider tracing{to(exporter)};
  some_spans();
  std::thread waiting{[&] { tracing.flush(60s); }};
  exporter->holds.wait(false);
  some_spans();
  CHECK(nanospan::drain(60s));
  CHECK(nanospan::detail::rings_are_empty());
  exporter->let_go = true;
  CHECK_FALSE(exporter->drained_inside);  // the exporter's own thread cannot wait for itself
  tracing.flush(60s);
  waiting.join();
}

TEST_CASE("drain is false where the rings are not read in time") {
  auto const exporter = std::make_shared<holding_exporter>(false);
  nanospan::tracer_provider tracing{to(exporter)};
  some_spans();
  std::thread waiting{[&] { tracing.flush(60s); }};
  exporter->holds.wait(false);
  some_spans();
  CHECK_FALSE(nanospan::drain(1ms));
  CHECK_FALSE(nanospan::detail::rings_are_empty());
  exporter->let_go = true;
  exporter->let_go.notify_all();
  waiting.join();
  CHECK(nanospan::drain(60s));
  CHECK(nanospan::detail::rings_are_empty());
}

namespace {

// What is seen by the thread that exports.
class looking_exporter final : public nanospan::exporter {
 public:
  nanospan::export_result export_batch(nanospan::batch const&, nanospan::export_wait&) override {
    ::pthread_getname_np(::pthread_self(), name, sizeof name);
    nice = ::getpriority(PRIO_PROCESS, 0);
    sched_param parameters{};
    policy = ::sched_getscheduler(0);
    ::sched_getparam(0, &parameters);
    priority = parameters.sched_priority;
    cpu_set_t cpus;
    ::pthread_getaffinity_np(::pthread_self(), sizeof cpus, &cpus);
    cpu_count = CPU_COUNT(&cpus);
    cpu = ::sched_getcpu();
    return {};
  }
  std::string description() const override { return "a test"; }

  char name[16]{};
  int nice = -100;
  int policy = -1;
  int priority = -1;
  int cpu_count = 0;
  int cpu = -1;
};

looking_exporter const& seen_with(nanospan::options with) {
  static std::shared_ptr<looking_exporter> exporter;
  exporter = std::make_shared<looking_exporter>();
  with.exporter = exporter;
  with.on_message = support::messages::keep;
  nanospan::tracer_provider tracing{std::move(with)};
  some_spans();
  CHECK(tracing.flush(60s));
  return *exporter;
}
bool may_be_real_time() {
  bool may = false;
  std::thread{[&] {
    sched_param const lowest{1};
    may = ::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &lowest) == 0;
  }}.join();
  return may;
}
bool told(std::string const& part) {
  for (auto const& line : support::messages::take())
    if (line.find(part) != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("the background thread has the name, the CPU and the priorities of the options") {
  support::messages::take();
  CHECK(std::string{seen_with({}).name} == "nanospan");
  CHECK(std::string{seen_with({.background_name = "fifteen bytes !"}).name} == "fifteen bytes !");
  CHECK(seen_with({.background_nice = 7}).nice == 7);
  cpu_set_t mine;
  ::pthread_getaffinity_np(::pthread_self(), sizeof mine, &mine);
  CHECK(seen_with({}).cpu_count == CPU_COUNT(&mine));
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(static_cast<std::size_t>(cpu), &mine)) continue;
    auto const& seen = seen_with({.background_cpu = cpu});
    CHECK(seen.cpu_count == 1);
    CHECK(seen.cpu == cpu);
  }
  CHECK(support::messages::take().empty());
}

TEST_CASE("the background thread is real-time where the options say so, and only there") {
  support::messages::take();
  if (!may_be_real_time()) {
    auto const& seen = seen_with({.background_realtime_priority = 5});
    CHECK(seen.policy == SCHED_OTHER);
    CHECK(told("the background thread cannot have the real-time priority 5: Operation not permitted"));
    return;
  }
  auto const& real_time = seen_with({.background_realtime_priority = 5});
  CHECK(real_time.policy == SCHED_FIFO);
  CHECK(real_time.priority == 5);
  // A real-time main: what it starts would be real-time, too.
  std::thread{[] {
    sched_param const lowest{1};
    sched_param seen{};
    int policy = 0;
    ::pthread_getschedparam(::pthread_self(), &policy, &seen);  // glibc remembers the answer, and hands it on
    REQUIRE(::sched_setscheduler(0, SCHED_FIFO, &lowest) == 0);
    CHECK(seen_with({}).policy == SCHED_OTHER);
  }}.join();
  CHECK(support::messages::take().empty());
}

TEST_CASE("a CPU that is not there is reported, and the background thread runs where it can") {
  support::messages::take();
  CHECK(seen_with({.background_cpu = CPU_SETSIZE - 1}).cpu_count != 0);
  CHECK(told("the background thread cannot have CPU 1023: "));
}

TEST_CASE("without a provider drain says whether anything waits in a ring") {
  CHECK(nanospan::drain());
  {
    nanospan::tracer_provider tracing{to(std::make_shared<nanospan::memory_exporter>())};
    some_spans();
  }
  CHECK(nanospan::drain());
}
