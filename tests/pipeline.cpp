// SPDX-License-Identifier: Apache-2.0

#include <nanospan/pipeline.hpp>

#include <nanospan/macros.hpp>
#include <nanospan/tracer_provider.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

using namespace std::chrono_literals;
using nanospan::export_result;
using nanospan::export_wait;
using nanospan::stats;
using support::since;

namespace {

// Does with each batch what the test says.
class scripted_exporter final : public nanospan::exporter {
 public:
  using action = std::function<export_result(nanospan::batch const&, export_wait&)>;
  explicit scripted_exporter(action act) : act_{std::move(act)} {}
  export_result export_batch(nanospan::batch const& spans, export_wait& wait) override { return act_(spans, wait); }
  std::string description() const override { return "the test's exporter"; }

 private:
  action act_;
};

std::shared_ptr<nanospan::exporter> exporter_that(scripted_exporter::action act) { return std::make_shared<scripted_exporter>(std::move(act)); }

void quiet(std::string_view) noexcept {}

void record(std::size_t spans) {
  for (std::size_t i = 0; i < spans; ++i) {
    NANOSPAN("one", {"i", i});
  }
}
template <typename Condition>
bool becomes(Condition&& condition) {
  auto const deadline = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

}  // namespace

TEST_CASE("the pace follows how fast the fullest ring fills") {
  using nanospan::detail::pace;
  constexpr std::uint64_t millisecond = 1'000'000;
  std::uint64_t now = 0;
  pace tested{now};
  CHECK(tested.interval() == pace::shortest);
  // Drained when it says, with a ring that fills at a given rate.
  auto const fill = [&](double rings_a_second, std::uint64_t until) {
    while (now < until) {
      std::uint64_t const before = now;
      now = tested.next_drain();
      tested.saw(std::min(1.0, rings_a_second * 1e-9 * static_cast<double>(now - before)), now);
    }
  };
  SECTION("idle, it sleeps as long as it may, and not at once") {
    fill(0, millisecond);
    CHECK(tested.interval() < pace::longest / 10);
    fill(0, 1'000 * millisecond);
    CHECK(tested.interval() == pace::longest);
  }
  SECTION("a sixteenth of the ring fills between two drains") {
    fill(40, 1'000 * millisecond);
    CHECK(tested.interval() > 1'500'000);
    CHECK(tested.interval() < 1'650'000);
  }
  SECTION("a flood is met by the first drain that sees it") {
    fill(0, 1'000 * millisecond);
    fill(500, now + 1);
    CHECK(tested.interval() == pace::shortest);
    fill(500, now + 100 * millisecond);
    CHECK(tested.interval() <= 260'000);
  }
  SECTION("drains that come sooner, while something is being sent, change nothing") {
    fill(40, 1'000 * millisecond);
    std::uint64_t const before = tested.interval();
    for (int i = 0; i < 10'000; ++i) {
      now += 10'000;
      tested.saw(40 * 1e-9 * 10'000, now);
    }
    CHECK(tested.interval() > before * 9 / 10);
    CHECK(tested.interval() < before * 11 / 10);
  }
  SECTION("one span right after a drain is no flood") {
    fill(0, 1'000 * millisecond);
    tested.saw(0.0004, now + 10'000);
    CHECK(tested.interval() == pace::longest);
  }
}

TEST_CASE("rings are drained while an exporter waits") {
  auto const before = stats();
  std::atomic<bool> waiting{false};
  std::atomic<bool> over{false};
  auto const slow = exporter_that([&](nanospan::batch const&, export_wait& wait) {
    waiting = true;
    while (!over) wait.wait(-1, false, nanospan::detail::monotonic_nanoseconds() + 5'000'000);
    return export_result{};
  });
  {
    nanospan::tracer_provider tracing{{.exporter = slow, .max_batch_spans = 1, .ring_bytes = 64u << 10, .on_message = quiet}};
    record(1);
    REQUIRE(becomes([&] { return waiting.load(); }));
    // Thirty times what the ring holds; a little at a time, each time it is empty enough.
    std::size_t recorded = 1;
    nanospan::detail::ring const& ring = nanospan::detail::this_thread.slot->ring;
    for (int i = 0; i < 60; ++i, recorded += 350) {
      REQUIRE(becomes([&] { return ring.published() == ring.consumed(); }));
      record(350);
    }
    CHECK(since(before).dropped.ring_full == 0);
    CHECK(since(before).ended == recorded);
    over = true;
    REQUIRE(tracing.flush(60s));
  }
  CHECK(since(before).exported == since(before).ended);
}

TEST_CASE("a wait ends when its descriptor is ready, and not before") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::atomic<int> outcomes[3] = {-1, -1, -1};
  auto const watching = exporter_that([&](nanospan::batch const&, export_wait& wait) {
    auto const soon = [] { return nanospan::detail::monotonic_nanoseconds() + 1'000'000; };
    outcomes[0] = static_cast<int>(wait.wait(ends[0], false, soon()));
    outcomes[1] = static_cast<int>(wait.wait(ends[1], true, soon()));
    [[maybe_unused]] auto const written = ::write(ends[1], "", 1);
    outcomes[2] = static_cast<int>(wait.wait(ends[0], false, soon() + 60'000'000'000));
    return export_result{};
  });
  {
    nanospan::tracer_provider tracing{{.exporter = watching}};
    record(1);
    REQUIRE(tracing.flush(60s));
  }
  CHECK(outcomes[0] == static_cast<int>(export_wait::outcome::timed_out));
  CHECK(outcomes[1] == static_cast<int>(export_wait::outcome::ready));
  CHECK(outcomes[2] == static_cast<int>(export_wait::outcome::ready));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("an exporter that flushes, polls or ends the program's tracing from inside does not wait for itself") {
  for (bool const background : {true, false}) {
    CAPTURE(background);
    nanospan::tracer_provider* inside = nullptr;
    bool flushed = true;
    auto const meddling = exporter_that([&](nanospan::batch const&, export_wait&) {
      flushed = nanospan::flush(60s);
      inside->poll();
      return export_result{};
    });
    auto const before = stats();
    {
      nanospan::tracer_provider tracing{{.exporter = meddling, .background_thread = background}};
      inside = &tracing;
      record(1);
      REQUIRE(tracing.flush(60s));
    }
    CHECK_FALSE(flushed);
    CHECK(since(before).exported == 1);
  }
}

TEST_CASE("poll leaves the work to the background thread where there is one") {
  std::atomic<std::thread::id> worker{};
  auto const noting = exporter_that([&](nanospan::batch const&, export_wait&) {
    worker = std::this_thread::get_id();
    return export_result{};
  });
  nanospan::tracer_provider tracing{{.exporter = noting, .max_batch_spans = 1}};
  record(1);
  for (int i = 0; i < 100; ++i) tracing.poll();
  REQUIRE(tracing.flush(60s));
  CHECK(worker.load() != std::this_thread::get_id());
}

TEST_CASE("one poll sends all that is due") {
  std::size_t sent = 0;
  auto const counting = exporter_that([&](nanospan::batch const& spans, export_wait&) {
    sent += spans.span_count;
    return export_result{};
  });
  nanospan::tracer_provider tracing{{.exporter = counting, .max_batch_spans = 10, .background_thread = false}};
  record(100);
  tracing.poll();
  CHECK(sent == 100);
}

TEST_CASE("a flush waits for what ended before it, and not for what is recorded meanwhile") {
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> exported{0};
  auto const counting = exporter_that([&](nanospan::batch const& spans, export_wait&) {
    exported += spans.span_count;
    return export_result{};
  });
  nanospan::tracer_provider tracing{{.exporter = counting, .max_batch_spans = 16, .on_message = quiet}};
  std::thread other{[&] {
    while (!over) {
      if (stats().held < 2'000) record(10);  // always something new, and never more than fits
    }
  }};
  for (int i = 0; i < 20; ++i) {
    std::uint64_t const already = exported;
    record(100);
    CHECK(tracing.flush(60s));
    CHECK(exported >= already + 100);
  }
  over = true;
  other.join();
}

TEST_CASE("a flush may have the longest limit that there is") {
  nanospan::tracer_provider tracing{{.exporter = std::make_shared<nanospan::memory_exporter>()}};
  record(1);
  CHECK(tracing.flush(std::chrono::hours::max()));
  CHECK(tracing.flush(nanospan::duration::of_nanoseconds(0x7fff'ffff'ffff'ffff)));
}

TEST_CASE("what is recorded while the exporter shuts down is accounted for") {
  class recording_at_the_end final : public nanospan::exporter {
   public:
    export_result export_batch(nanospan::batch const&, export_wait&) override { return {}; }
    std::uint64_t shutdown(export_wait& wait) override {
      wait.wait(-1, false, nanospan::detail::monotonic_nanoseconds() + 20'000'000);
      return 0;
    }
    std::string description() const override { return "the test's exporter"; }
  };
  auto const before = stats();
  std::atomic<bool> over{false};
  std::thread other{[&] {
    while (!over) record(1);
  }};
  {
    nanospan::tracer_provider tracing{{.exporter = std::make_shared<recording_at_the_end>(), .on_message = quiet}};
    REQUIRE(becomes([&] { return since(before).ended > 1'000; }));
  }
  over = true;
  other.join();
  auto const now = since(before);
  CHECK(now.ended == now.exported + now.dropped.total() + now.held);
  CHECK(now.held <= 1);  // at most the one whose record was under way when the last pass was made
}
