// SPDX-License-Identifier: Apache-2.0

// A program for each way in which one ends, forks, or is interrupted: its arguments are the name of the way, the collector's address and
// the descriptor of the ledger. LIFECYCLE.md says what becomes of its spans. Without arguments it prints the names.

#define NANOSPAN_IMPLEMENTATION
#include <nanospan.hpp>

#include "way.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

std::atomic<std::int64_t> wall_stepped{0};  // seconds

}  // namespace

// The wall clock, for the whole program, with what somebody has set it to: clock_settime() would set the machine's.
extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  auto const result = ::syscall(SYS_clock_gettime, clock, now);
  if (clock == CLOCK_REALTIME) now->tv_sec += wall_stepped.load();
  return static_cast<int>(result);
}

namespace {

// Nothing is sent before a flush or the end.
nanospan::options quiet() {
  nanospan::options with{.service_name = "lifecycle", .endpoint = endpoint, .schedule_delay = nanospan::duration::of_milliseconds(3'600'000), .shutdown_limit = nanospan::duration::of_milliseconds(20'000)};
  with.probe = false;
  return with;
}

// ---- ends -------------------------------------------------------------------------------------------------------------------

int main_returns() {
  nanospan::tracer_provider tracing{quiet()};
  record(10);
  return 0;
}
int exit_in_main() {
  nanospan::tracer_provider tracing{quiet()};
  record(10);
  std::exit(3);
}
int exit_in_thread() {
  nanospan::tracer_provider tracing{quiet()};
  record(5);
  std::thread{[] {
    record(5);
    std::exit(3);
  }}.join();
  return 9;
}
// Where nobody has a say any more: what was flushed is there, what was not is lost.
int dies(void (*how)()) {
  nanospan::tracer_provider tracing{quiet()};
  record(10);
  MUST(tracing.flush(nanospan::duration::of_milliseconds(20'000)));
  record(7);
  how();
  return 9;
}
int exits_at_once() {
  return dies([] { ::_exit(3); });
}
int aborts() {
  return dies([] { std::abort(); });
}
int terminated() {
  return dies([] { ::raise(SIGTERM); });
}
int killed() {
  return dies([] { ::raise(SIGKILL); });
}
int exits_quickly() {
  std::at_quick_exit(report);  // the last one to be called
  nanospan::tracer_provider tracing{quiet()};
  record(10);
  std::quick_exit(3);
}
volatile std::sig_atomic_t told_to_end = 0;
int ends_when_terminated() {
  ::signal(SIGTERM, [](int) { told_to_end = 1; });
  nanospan::tracer_provider tracing{quiet()};
  record(10);
  ::raise(SIGTERM);
  return told_to_end != 0 ? 0 : 9;
}

// ---- late spans -------------------------------------------------------------------------------------------------------------

struct records_at_its_end {
  ~records_at_its_end() { record(1); }
  void exists() noexcept {}
};
int static_destructor_after_provider() {
  static records_at_its_end last;
  last.exists();
  nanospan::tracer_provider tracing{quiet()};
  record(10);
  return 0;
}
int static_destructor_before_provider() {
  static std::optional<nanospan::tracer_provider> tracing;
  tracing.emplace(quiet());
  static records_at_its_end first;
  first.exists();
  record(10);
  return 0;
}
int exit_handler_before_provider() {
  nanospan::tracer_provider tracing{quiet()};
  std::atexit([] { record(1); });
  record(10);
  std::exit(0);
}
int exit_handler_after_provider() {
  std::atexit([] { record(1); });
  nanospan::tracer_provider tracing{quiet()};
  record(10);
  std::exit(0);
}
int quick_exit_handler_before_provider() {
  std::at_quick_exit(report);
  nanospan::tracer_provider tracing{quiet()};
  std::at_quick_exit([] { record(1); });
  record(10);
  std::quick_exit(3);
}
int records_after_provider() {
  {
    nanospan::tracer_provider tracing{quiet()};
    record(10);
  }
  record(1);
  return 0;
}
int thread_local_destructor_before_ring() {
  nanospan::tracer_provider tracing{quiet()};
  std::thread{[] {
    record(9);
    thread_local records_at_its_end first;
    first.exists();
  }}.join();
  return 0;
}
int thread_local_destructor_after_ring() {
  nanospan::tracer_provider tracing{quiet()};
  std::thread{[] {
    thread_local records_at_its_end last;
    last.exists();
    record(9);
  }}.join();
  return 0;
}

// ---- forks ------------------------------------------------------------------------------------------------------------------

int fork_and_exec() {
  nanospan::tracer_provider tracing{quiet()};
  record(5);
  await(forked([] {
    MUST(threads_of_process() == 1);
    ::execl("/bin/sh", "sh", "-c", "exit 4", nullptr);
  }), 4);
  record(5);
  return 0;
}
int child_exits() {
  nanospan::tracer_provider tracing{quiet()};
  record(5);
  await(forked([] {
    record(10);
    MUST(threads_of_process() == 2);
    std::exit(0);
  }));
  record(5);
  return 0;
}
int child_returns_from_main() {
  nanospan::tracer_provider tracing{quiet()};
  record(5);
  pid_t const child = ::fork();
  if (child != 0) await(child);
  record(5);
  return 0;
}
int child_exits_at_once() {
  nanospan::tracer_provider tracing{quiet()};
  record(5);
  await(forked([&] {
    record(5);
    MUST(tracing.flush(nanospan::duration::of_milliseconds(20'000)));
    record(5);
    ::_exit(0);
  }));
  record(5);
  return 0;
}
int child_records_nothing() {
  nanospan::tracer_provider tracing{quiet()};
  record(10);
  await(forked([&] {
    MUST(tracing.flush());
    MUST(nanospan::drain());
    MUST(threads_of_process() == 1);
    std::exit(0);
  }));
  return 0;
}
int grandchild() {
  nanospan::tracer_provider tracing{quiet()};
  record(5);
  await(forked([] {
    await(forked([] {  // of a child that has recorded nothing
      record(5);
      await(forked([] {  // of one that has
        record(5);
        std::exit(0);
      }));
      std::exit(0);
    }));
    record(5);
    std::exit(0);
  }));
  return 0;
}
int fork_in_thread() {
  nanospan::tracer_provider tracing{quiet()};
  record(5);
  std::thread{[] {
    record(5);
    await(forked([] {
      record(5);
      std::thread{[] { record(5); }}.join();
      std::exit(0);
    }));
  }}.join();
  return 0;
}
int fork_while_sending() {
  nanospan::tracer_provider tracing{quiet()};
  record(5);
  std::thread flushing{[&] { MUST(tracing.flush(nanospan::duration::of_milliseconds(20'000))); }};
  wait_until(ledger->posted);
  await(forked([] {
    record(5);
    std::exit(0);
  }));
  ledger->answer = 1;
  flushing.join();
  record(5);
  return 0;
}
int twenty_workers() {
  nanospan::tracer_provider tracing{quiet()};
  record(10);
  std::vector<pid_t> workers;
  for (int worker = 0; worker < 20; ++worker)
    workers.push_back(forked([] {
      std::thread one{[] { record(10); }}, other{[] { record(10); }};
      one.join();
      other.join();
      std::exit(0);
    }));
  for (pid_t const worker : workers) await(worker);
  return 0;
}
int forks_under_load() {
  auto with = quiet();
  with.schedule_delay = nanospan::duration::of_milliseconds(1);
  nanospan::tracer_provider tracing{std::move(with)};
  std::atomic<bool> over{false};
  std::vector<std::thread> loads;
  for (int i = 0; i < 4; ++i)
    loads.emplace_back([&] {
      while (!over.load()) {
        record(10);
        std::thread{[] { record(1); }}.join();  // takes and leaves slots
        ::usleep(500);
      }
    });
  for (int i = 0; i < 200; ++i)
    await(forked([] {
      ::alarm(60);
      record(3);
      std::exit(0);
    }));
  over = true;
  for (auto& load : loads) load.join();
  return 0;
}
// Three spans, in all of the ways that they can be open.
template <typename Fork>
void fork_within_spans(Fork&& fork) {
  nanospan::scoped_span const outer{"outer"};
  nanospan::span crossing{"crossing"};
  nanospan::span backdated{"backdated", {.start = nanospan::timestamp::of_unix_nanoseconds(1'700'000'000'000'000'000)}};
  ledger->recorded += 3;
  fork();
}
int spans_open_across_fork() {
  nanospan::tracer_provider tracing{quiet()};
  pid_t child = -1;
  fork_within_spans([&] {
    child = ::fork();
    if (child != 0) return await(child);
    ledger->recorded += 3;
    record(2);  // children of the parent's
  });
  return 0;
}
int spans_open_across_fork_alone() {
  nanospan::tracer_provider tracing{quiet()};
  pid_t child = -1;
  fork_within_spans([&] {
    child = ::fork();
    if (child != 0) return await(child);
    ledger->recorded += 3;
  });
  MUST(child != 0 || threads_of_process() == 1);
  return 0;
}
int fork_without_thread() {
  auto with = quiet();
  with.background_thread = false;
  nanospan::tracer_provider tracing{std::move(with)};
  record(5);
  pid_t const child = ::fork();
  record(5);
  MUST(threads_of_process() == 1);
  tracing.poll();
  MUST(nanospan::stats().held == 5 || child != 0);
  MUST(tracing.flush(nanospan::duration::of_milliseconds(20'000)));
  MUST(nanospan::stats().held == 0);
  tracing.set_sampler(nanospan::shared<nanospan::sampler const>::make<nanospan::always_off_sampler>());
  { NANOSPAN("not sampled"); }
  if (child != 0) await(child);
  return 0;
}
int child_changes_sampler_first() {
  nanospan::tracer_provider tracing{quiet()};
  record(5);
  pid_t const child = ::fork();
  if (child != 0) {
    await(child);
    return 0;
  }
  tracing.set_sampler(nanospan::shared<nanospan::sampler const>::make<nanospan::always_off_sampler>());
  { NANOSPAN("not sampled"); }
  tracing.set_sampler(nullptr);
  record(5);
  return 0;
}
int child_makes_its_own_provider() {
  nanospan::tracer_provider tracing{quiet()};
  record(5);
  await(forked([] {
    {
      nanospan::tracer_provider own{quiet()};
      record(5);
    }
    std::exit(0);
  }));
  await(forked([] {
    record(5);  // by what stands in for the parent's
    {
      nanospan::tracer_provider own{quiet()};
      record(5);
    }
    std::exit(0);
  }));
  return 0;
}
// To a place that a child cannot use.
class parents_exporter final : public nanospan::exporter {
 public:
  nanospan::export_result export_batch(nanospan::batch const& spans, nanospan::export_wait& wait) override { return to_.export_batch(spans, wait); }
  std::string description() const override { return "the parent's"; }

 private:
  nanospan::otlp_http_exporter to_{{.url = endpoint + "/v1/traces"}};
};
int fork_with_exporter_of_parent_only() {
  auto with = quiet();
  with.exporter = std::make_shared<parents_exporter>();
  nanospan::tracer_provider tracing{std::move(with)};
  record(5);
  await(forked([] {
    record(5);
    std::exit(0);
  }));
  return 0;
}

// ---- cancellation ----------------------------------------------------------------------------------------------------------

template <typename Run>
void cancel(Run run) {
  ledger->ready = 0;
  std::thread thread{[run] {
    nanospan::scoped_span const open{"open"};
    struct counts {
      ~counts() { ++ledger->recorded; }
    } const when_left;
    run();
  }};
  wait_until(ledger->ready);
  ::pthread_cancel(thread.native_handle());
  thread.join();
}
int cancelled_thread() {
  nanospan::tracer_provider tracing{quiet()};
  cancel([] {
    record(5);
    ledger->ready = 1;
    for (;;) ::pause();
  });
  return 0;
}
int cancelled_thread_asynchronously() {
  nanospan::tracer_provider tracing{quiet()};
  cancel([] {
    record(5);
    ::pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr);
    ledger->ready = 1;
    for (;;) ::pause();
  });
  return 0;
}
int cancelled_while_recording() {
  nanospan::tracer_provider tracing{quiet()};
  cancel([] {
    ledger->ready = 1;
    for (;;) {
      record(1);
      ::usleep(20);  // a ring is drained meanwhile, and it is where a cancellation comes
    }
  });
  return 0;
}
int cancelled_in_flush() {
  nanospan::tracer_provider tracing{quiet()};
  std::thread answers{[] {
    wait_until(ledger->posted);
    ledger->ready = 1;
    ::usleep(50'000);  // not for luck: whenever the cancellation comes, the flush must not mind
    ledger->answer = 1;
  }};
  cancel([&] {
    record(5);
    MUST(tracing.flush(nanospan::duration::of_milliseconds(20'000)));
    for (;;) ::pause();
  });
  answers.join();
  return 0;
}

// ---- signals ----------------------------------------------------------------------------------------------------------------

void record_in_handler(int) {
  int const error = errno;
  errno = 4711;
  record(1);
  MUST(errno == 4711);
  errno = error;
}
int handler_records() {
  auto with = quiet();
  with.log_level = nanospan::log_level::error;  // which spans of a handler's have a parent is chance
  with.schedule_delay = nanospan::duration::of_milliseconds(5);
  nanospan::tracer_provider tracing{std::move(with)};
  nanospan::warm_thread();
  struct sigaction act {};
  act.sa_handler = record_in_handler;
  act.sa_flags = SA_RESTART;
  ::sigaction(SIGALRM, &act, nullptr);
  ::itimerval const often{{0, 50}, {0, 50}};
  ::setitimer(ITIMER_REAL, &often, nullptr);
  for (int round = 0; round < 300; ++round) {
    record(100);
    ::usleep(100);  // a ring's time
  }
  ::itimerval const never{};
  ::setitimer(ITIMER_REAL, &never, nullptr);
  return 0;
}
std::uint64_t monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}
int wall_clock_steps() {
  auto const memory = std::make_shared<nanospan::memory_exporter>();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> bounds;  // of each span's duration, in nanoseconds
  {
    auto with = quiet();
    auto const collector = std::make_shared<nanospan::otlp_http_exporter>(nanospan::otlp_http_options{.url = endpoint + "/v1/traces"});
    with.exporter = std::make_shared<nanospan::composite_exporter>(std::vector<nanospan::shared<nanospan::exporter>>{collector, memory});
    nanospan::tracer_provider const tracing{std::move(with)};
    for (int i = 0; i < 20; ++i) {
      std::uint64_t const before = monotonic_now();
      std::uint64_t begun = 0;
      std::uint64_t ends = 0;
      {
        NANOSPAN("across a step");
        begun = monotonic_now();
        MUST(nanospan::drain());  // the clocks are looked at before the step, and after it
        wall_stepped += i % 2 == 0 ? 3'600 : -3'600;
        MUST(nanospan::drain());
        ends = monotonic_now();
      }
      bounds.emplace_back(ends - begun, monotonic_now() - before);
      ++ledger->recorded;
    }
  }
  auto const spans = memory->spans();
  MUST(spans.size() == bounds.size());
  // The steps were seen: each span is shown by the clock at its end.
  MUST(spans[0].start_time_unix_nano > spans[1].start_time_unix_nano + 3'000'000'000'000);
  for (std::size_t i = 0; i < spans.size(); ++i) {
    MUST(spans[i].end_time_unix_nano >= spans[i].start_time_unix_nano);
    std::uint64_t const lasted = spans[i].end_time_unix_nano - spans[i].start_time_unix_nano;
    std::uint64_t const inexact = 1'000'000 + bounds[i].second / 100;
    MUST(lasted + inexact >= bounds[i].first && lasted <= bounds[i].second + inexact);
  }
  return 0;
}
int suspended() {
  nanospan::tracer_provider tracing{quiet()};
  record(5);
  ledger->ready = 1;
  wait_until(ledger->answer);
  record(5);
  return 0;
}
int suspended_while_it_ends() {
  auto with = quiet();
  with.shutdown_limit = nanospan::duration::of_milliseconds(500);
  nanospan::tracer_provider tracing{std::move(with)};
  record(10);
  return 0;
}

constexpr way ways[] = {
    {"main_returns", main_returns},
    {"exit_in_main", exit_in_main},
    {"exit_in_thread", exit_in_thread},
    {"exits_quickly", exits_quickly},
    {"exits_at_once", exits_at_once},
    {"aborts", aborts},
    {"terminated", terminated},
    {"killed", killed},
    {"ends_when_terminated", ends_when_terminated},
    {"static_destructor_before_provider", static_destructor_before_provider},
    {"static_destructor_after_provider", static_destructor_after_provider},
    {"exit_handler_before_provider", exit_handler_before_provider},
    {"exit_handler_after_provider", exit_handler_after_provider},
    {"quick_exit_handler_before_provider", quick_exit_handler_before_provider},
    {"records_after_provider", records_after_provider},
    {"thread_local_destructor_before_ring", thread_local_destructor_before_ring},
    {"thread_local_destructor_after_ring", thread_local_destructor_after_ring},
    {"fork_and_exec", fork_and_exec},
    {"child_exits", child_exits},
    {"child_returns_from_main", child_returns_from_main},
    {"child_exits_at_once", child_exits_at_once},
    {"child_records_nothing", child_records_nothing},
    {"grandchild", grandchild},
    {"fork_in_thread", fork_in_thread},
    {"fork_while_sending", fork_while_sending},
    {"twenty_workers", twenty_workers},
    {"forks_under_load", forks_under_load},
    {"spans_open_across_fork", spans_open_across_fork},
    {"spans_open_across_fork_alone", spans_open_across_fork_alone},
    {"fork_without_thread", fork_without_thread},
    {"child_changes_sampler_first", child_changes_sampler_first},
    {"child_makes_its_own_provider", child_makes_its_own_provider},
    {"fork_with_exporter_of_parent_only", fork_with_exporter_of_parent_only},
    {"cancelled_thread", cancelled_thread},
    {"cancelled_thread_asynchronously", cancelled_thread_asynchronously},
    {"cancelled_while_recording", cancelled_while_recording},
    {"cancelled_in_flush", cancelled_in_flush},
    {"handler_records", handler_records},
    {"wall_clock_steps", wall_clock_steps},
    {"suspended", suspended},
    {"suspended_while_it_ends", suspended_while_it_ends},
};

}  // namespace

int main(int argc, char** argv) { return go(ways, argc, argv); }
