// SPDX-License-Identifier: Apache-2.0

#include <nanospan/detail/side_thread.hpp>

#include <nanospan/macros.hpp>
#include <nanospan/thread_ring.hpp>
#include <nanospan/tracer_provider.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using nanospan::export_wait;
using nanospan::detail::monotonic_nanoseconds;
using nanospan::detail::side_thread;

namespace {

constexpr std::uint64_t never = ~std::uint64_t{0};

// Blocks who reads until it is let go; owned by both, as work must.
class obstacle {
 public:
  obstacle() { REQUIRE(::pipe(ends_) == 0); }
  obstacle(obstacle const&) = delete;
  obstacle& operator=(obstacle const&) = delete;
  ~obstacle() {
    for (int const end : ends_) ::close(end);
  }
  void block() {
    char byte = 0;
    reached = true;
    while (::read(ends_[0], &byte, 1) < 0) {}
    passed = true;
  }
  void let_go() { REQUIRE(::write(ends_[1], "", 1) == 1); }

  std::atomic<bool> reached{false};
  std::atomic<bool> passed{false};

 private:
  int ends_[2];
};

// Waits as a pipeline without a thread of its own does, and counts how often. Stops at `most` waits.
class plain_wait final : public export_wait {
 public:
  outcome wait(int descriptor, bool writable, std::uint64_t deadline) override {
    if (++calls > most) return outcome::stopped;
    for (;;) {
      pollfd watched{descriptor, static_cast<short>(writable ? POLLOUT : POLLIN), 0};
      if (::poll(&watched, 1, 1) == 1) return outcome::ready;
      if (monotonic_nanoseconds() >= deadline) return outcome::timed_out;
    }
  }
  int calls = 0;
  int most = 1'000'000;
};

std::uint64_t soon() { return monotonic_nanoseconds() + 20'000'000; }

template <typename Condition>
bool becomes(Condition&& condition) {
  auto const deadline = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

// Does with each batch what the test says.
class scripted_exporter final : public nanospan::exporter {
 public:
  explicit scripted_exporter(std::function<void(export_wait&)> act) : act_{std::move(act)} {}
  nanospan::export_result export_batch(nanospan::batch const&, export_wait& wait) override {
    act_(wait);
    return {};
  }
  std::string description() const override { return "the test's exporter"; }

 private:
  std::function<void(export_wait&)> act_;
};

}  // namespace

TEST_CASE("work is done on one other thread, a guest, when run() says so") {
  side_thread tested;
  plain_wait wait;
  std::thread::id first;
  sigset_t blocked;
  char name[16] = "";
  ::sigemptyset(&blocked);
  REQUIRE(tested.run([&] {
    first = std::this_thread::get_id();
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    ::pthread_getname_np(::pthread_self(), name, sizeof name);
  }, wait, never));
  CHECK(first != std::this_thread::get_id());
  for (int const signal : {SIGTERM, SIGPIPE, SIGXFSZ, SIGUSR1}) CHECK(::sigismember(&blocked, signal) == 1);
  CHECK(std::string{name} == "nanospan-disk");
  int done = 0;
  for (int i = 0; i < 100; ++i) {
    std::thread::id again;
    REQUIRE(tested.run([&] { ++done, again = std::this_thread::get_id(); }, wait, never));
    REQUIRE(done == i + 1);
    REQUIRE(again == first);
  }
}

TEST_CASE("rings are drained while a side thread hangs") {
  auto const before = nanospan::stats();
  auto const hanging = std::make_shared<obstacle>();
  side_thread tested;
  std::atomic<bool> done{false};
  auto const exporter = std::make_shared<scripted_exporter>([&](export_wait& wait) {
    if (!hanging->passed) done = tested.run([hanging] { hanging->block(); }, wait, never);
  });
  {
    nanospan::tracer_provider tracing{{.exporter = exporter, .max_batch_spans = 1, .ring_bytes = 64u << 10, .on_message = [](std::string_view) noexcept {}}};
    std::uint64_t recorded = 1;
    { NANOSPAN("the one that hangs"); }
    REQUIRE(becomes([&] { return hanging->reached.load(); }));
    // Many times what the ring holds; a little at a time, each time it is empty enough.
    nanospan::detail::ring const& ring = nanospan::detail::this_thread.slot->ring;
    while (recorded < 21'000) {
      REQUIRE(becomes([&] { return ring.published() == ring.consumed(); }));
      for (std::size_t k = 0; k < ring.capacity() / 256; ++k, ++recorded) {  // however small an earlier test has made it
        NANOSPAN("one", {"k", k});
      }
    }
    CHECK(support::since(before).dropped.ring_full == 0);
    CHECK(support::since(before).ended == recorded);
    CHECK_FALSE(done);
    hanging->let_go();
    REQUIRE(tracing.flush(60s));
  }
  CHECK(done);
  CHECK(support::since(before).exported == support::since(before).ended);
}

TEST_CASE("the deadline holds while work hangs, and the next one waits for its end first") {
  side_thread tested;
  plain_wait wait;
  auto const hanging = std::make_shared<obstacle>();
  REQUIRE_FALSE(tested.run([hanging] { hanging->block(); }, wait, soon()));
  REQUIRE(becomes([&] { return hanging->reached.load(); }));
  auto const run_next = std::make_shared<std::atomic<int>>(0);
  REQUIRE_FALSE(tested.run([run_next] { ++*run_next; }, wait, soon()));
  SECTION("which may come in time") {
    hanging->let_go();
    bool after = false;
    REQUIRE(tested.run([&, hanging] { after = hanging->passed; }, wait, never));
    CHECK(after);
  }
  SECTION("and stops where the provider does") {
    wait.most = wait.calls;
    REQUIRE_FALSE(tested.run([run_next] { ++*run_next; }, wait, never));
    hanging->let_go();
    wait.most = 1'000'000;
    REQUIRE(tested.run([] {}, wait, never));
  }
  CHECK(*run_next == 0);  // what was not begun in time never is
}

TEST_CASE("a wait that is stopped leaves work to itself") {
  side_thread tested;
  plain_wait wait;
  wait.most = 0;
  auto const hanging = std::make_shared<obstacle>();
  REQUIRE_FALSE(tested.run([hanging] { hanging->block(); }, wait, never));
  CHECK(wait.calls == 1);
  REQUIRE(becomes([&] { return hanging->reached.load(); }));
  hanging->let_go();
  REQUIRE(becomes([&] { return hanging->passed.load(); }));
}

TEST_CASE("who lets go of a side thread does not wait for work that hangs, which goes on and lets go of what it owns") {
  auto const hanging = std::make_shared<obstacle>();
  std::weak_ptr<int> owned;
  {
    side_thread tested;
    plain_wait wait;
    auto const some = std::make_shared<int>(1);
    owned = some;
    REQUIRE_FALSE(tested.run([hanging, some] { hanging->block(); }, wait, soon()));
  }
  REQUIRE(becomes([&] { return hanging->reached.load(); }));
  CHECK_FALSE(hanging->passed);
  CHECK_FALSE(owned.expired());
  hanging->let_go();
  REQUIRE(becomes([&] { return owned.expired(); }));
  CHECK(hanging->passed);
}

TEST_CASE("a side thread that has nothing to do is gone when who had it is") {
  static std::atomic<bool> gone;
  gone = false;
  struct at_its_end {
    ~at_its_end() {
      ::usleep(20'000);  // who does not wait is gone by then
      gone = true;
    }
  };
  {
    side_thread tested;
    plain_wait wait;
    REQUIRE(tested.run([] {
      thread_local at_its_end const last;
      static_cast<void>(last);
    }, wait, never));
    CHECK_FALSE(gone);
  }
  CHECK(gone);
}

TEST_CASE("what work throws is lost, and the side thread is not") {
  side_thread tested;
  plain_wait wait;
  REQUIRE(tested.run([] { throw std::runtime_error{"lost"}; }, wait, never));
  bool again = false;
  REQUIRE(tested.run([&] { again = true; }, wait, never));
  CHECK(again);
}

TEST_CASE("where no side thread can be had, that is said before anything has begun") {
  side_thread tested;
  plain_wait wait;
  bool begun = false;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit const none{0, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  bool thrown = false;
  try {
    tested.run([&] { begun = true; }, wait, never);
  } catch (std::system_error const&) {
    thrown = true;
  }
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(thrown);
  CHECK_FALSE(begun);
  REQUIRE(tested.run([&] { begun = true; }, wait, never));  // and it is had later
  CHECK(begun);
}

#if defined(__SANITIZE_THREAD__)  // it has no threads in a forked child
#define NANOSPAN_TEST_UNDER_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NANOSPAN_TEST_UNDER_TSAN
#endif
#endif
#if !defined(NANOSPAN_TEST_UNDER_TSAN)
TEST_CASE("a forked child has a side thread of its own, whatever the parent's was at") {
  auto const hanging = std::make_shared<obstacle>();
  for (bool const busy : {false, true}) {
    CAPTURE(busy);
    auto tested = std::make_unique<side_thread>();
    plain_wait wait;
    REQUIRE(tested->run([] {}, wait, never));
    if (busy) {
      REQUIRE_FALSE(tested->run([hanging] { hanging->block(); }, wait, soon()));
    }
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::alarm(60);
      bool done = false;
      bool const ran = tested->run([&] { done = true; }, wait, never);
      tested.reset();
      side_thread other;
      ::_exit(ran && done ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    pid_t const idle_child = ::fork();
    REQUIRE(idle_child >= 0);
    if (idle_child == 0) {
      ::alarm(60);
      tested.reset();
      ::_exit(0);
    }
    REQUIRE(::waitpid(idle_child, &status, 0) == idle_child);
    CHECK(status == 0);
  }
  hanging->let_go();
  REQUIRE(becomes([&] { return hanging->passed.load(); }));
}
#endif
