// SPDX-License-Identifier: Apache-2.0

#include <nanospan/stats.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <atomic>
#include <barrier>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using nanospan::stats_snapshot;
using support::recorded;
using support::since;

namespace {

// Answers every batch as it is told.
class answering_exporter final : public nanospan::exporter {
 public:
  explicit answering_exporter(nanospan::export_result answer) : answer_{std::move(answer)} {}
  nanospan::export_result export_batch(nanospan::batch const&, nanospan::export_wait&) override { return answer_; }
  std::string description() const override { return "answering"; }

 private:
  nanospan::export_result answer_;
};

nanospan::options sending_to(std::shared_ptr<nanospan::exporter> exporter) {
  nanospan::options with;
  with.exporter = std::move(exporter);
  with.background_thread = false;
  with.on_message = [](std::string_view) noexcept {};
  return with;
}

void record(std::uint64_t spans) {
  for (std::uint64_t i = 0; i < spans; ++i) NANOSPAN("span", {"i", i});
}

// The reasons for which spans were dropped, all of them, in the order in which they are declared.
std::vector<std::uint64_t> reasons(stats_snapshot const& now) {
  auto const& why = now.dropped;
  return {why.no_provider, why.after_shutdown, why.ring_full, why.no_ring, why.no_slot,
          why.queue_full,  why.export_failed,  why.no_memory, why.shutdown};
}

}  // namespace

TEST_CASE("what was dropped is the sum of the reasons") {
  stats_snapshot::drops const drops{1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000};
  CHECK(drops.total() == 111'111'111);
}

TEST_CASE("what is accounted for is the sum of all that can become of a span") {
  stats_snapshot now;
  now.exported = 1;
  now.rejected = 10;
  now.dropped.queue_full = 100;
  now.unconfirmed = 1'000;
  now.held = 10'000;
  now.discarded.hook = 100'000;
  now.discarded.record_only = 1'000'000;
  now.discarded.inherited = 10'000'000;
  now.misused = 100'000'000;
  CHECK(now.accounted() == 11'111'111);
}

TEST_CASE("spans are held until they are exported, and then exported") {
  recorded all;
  auto const before = nanospan::stats();
  record(10);
  CHECK(since(before).ended == 10);
  CHECK(since(before).held == 10);
  CHECK(since(before).exported == 0);
  CHECK(all.count() == 10);
  CHECK(since(before).ended == 10);
  CHECK(since(before).held == 0);
  CHECK(since(before).exported == 10);
  CHECK(since(before).dropped.total() == 0);
}

TEST_CASE("a span counts when it ends, not before") {
  recorded const all;
  auto const before = nanospan::stats();
  nanospan::span open{"open"};
  {
    NANOSPAN("scoped");
    CHECK(since(before).ended == 0);
  }
  CHECK(since(before).ended == 1);
  open.end();
  CHECK(since(before).ended == 2);
}

TEST_CASE("spans of every shape count once") {
  recorded all;
  auto const before = nanospan::stats();
  {
    NANOSPAN("plain");
    NANOSPAN_SERVER("with attributes", {"k", 1});
    NANOSPAN_SET({"on the heap", std::string(1'000, 'x')});
    NANOSPAN("with an event");
    NANOSPAN_EVENT("event");
    nanospan::scoped_span const named{nanospan::copied{std::string{"named"}}};
    nanospan::context_scope const here{{named.context().trace_id(), named.context().span_id(), 1, true, "vendor=value"}};
    NANOSPAN("with a tracestate");
    nanospan::span moved{"moved"};
    nanospan::span const last = std::move(moved);
  }
  CHECK(since(before).ended == 6);
  CHECK(all.count() == 6);
  CHECK(since(before).exported == 6);
}

TEST_CASE("spans that are not sampled are in no figure") {
  recorded all{{.sampler = std::make_shared<nanospan::always_off_sampler>()}};
  auto const before = nanospan::stats();
  record(10);
  nanospan::span{"movable"}.end();
  CHECK(all.count() == 0);
  CHECK(since(before).ended == 0);
  CHECK(since(before).accounted() == 0);
}

TEST_CASE("without a provider spans are counted as they begin, on threads that are new to it too") {
  support::no_provider_yet const none;
  auto const before = nanospan::stats();
  {
    NANOSPAN("scoped");
    CHECK(since(before).dropped.no_provider == 1);
    nanospan::scoped_span const named{"named"};
    nanospan::span movable{"movable"};
    CHECK(since(before).dropped.no_provider == 3);
    movable.end();
  }
  CHECK(since(before).dropped.no_provider == 3);
  support::in_a_thread([] { record(5); });
  support::in_a_thread([] { nanospan::span{"movable"}.end(); });
  CHECK(since(before).dropped.no_provider == 9);
  CHECK(since(before).dropped.total() == 9);
  CHECK(since(before).ended == 9);
}

TEST_CASE("after the provider's end spans are counted as they begin, on threads that are new to it too") {
  { recorded const all; }
  auto const before = nanospan::stats();
  record(5);
  nanospan::span{"movable"}.end();
  { nanospan::scoped_span const named{"named"}; }
  support::in_a_thread([] { record(5); });
  CHECK(since(before).dropped.after_shutdown == 12);
  CHECK(since(before).dropped.total() == 12);
  CHECK(since(before).ended == 12);
}

TEST_CASE("what is recorded before the provider's end is exported by it") {
  std::optional<recorded> all{std::in_place};
  auto const before = nanospan::stats();
  record(10);
  all.reset();
  CHECK(since(before).exported == 10);
  CHECK(since(before).held == 0);
}

TEST_CASE("where the environment disables recording nothing is counted") {
  auto const word = nanospan::detail::recording.word.exchange(nanospan::detail::recording_disabled);
  auto const before = nanospan::stats();
  record(5);
  nanospan::span{"movable"}.end();
  auto const after = since(before);
  nanospan::detail::recording.word.store(word);
  CHECK(after.ended == 0);
}

TEST_CASE("a full ring drops the newest spans and counts them, those on the heap with what they own") {
  recorded all{{.ring_bytes = 16'384}};
  auto const before = nanospan::stats();
  std::uint64_t numbered = 0;
  // On a thread of its own, whose ring may be larger where it was another thread's before.
  support::in_a_thread([&] {
    while (nanospan::stats().dropped.ring_full < before.dropped.ring_full + 10) {
      nanospan::span span{"numbered"};
      span.set({"number", numbered++});
      if (numbered % 3 == 0) span.set({"text", std::string(500, 'x')});
    }
  });
  auto const full = since(before);
  CHECK(full.ended == numbered);
  CHECK(full.dropped.total() == 10);
  CHECK(full.held == numbered - 10);
  std::set<std::int64_t> arrived;
  for (auto const& one : all.spans()) arrived.insert(std::get<std::int64_t>(one.attributes.at(0).second));
  CHECK(arrived.size() == numbered - 10);
  // Those before the first drop are all there.
  CHECK(arrived.count(0) == 1);
  CHECK(arrived.count(static_cast<std::int64_t>(numbered) - 20) == 1);
  CHECK(since(before).exported == numbered - 10);
  CHECK(since(before).held == 0);
}

TEST_CASE("a ring that was drained has room again") {
  recorded all{{.ring_bytes = 16'384}};
  auto const before = nanospan::stats();
  std::uint64_t kept = 0;
  std::barrier<> turn{2};
  std::thread recorder{[&] {
    while (nanospan::stats().dropped.ring_full == before.dropped.ring_full) record(1);
    kept = nanospan::stats().held - before.held;
    turn.arrive_and_wait();
    turn.arrive_and_wait();
    record(10);
  }};
  turn.arrive_and_wait();
  auto const arrived = all.count();
  turn.arrive_and_wait();
  recorder.join();
  CHECK(arrived == kept);
  CHECK(all.count() == kept + 10);
  CHECK(since(before).dropped.ring_full == 1);
  CHECK(since(before).exported == kept + 10);
}

TEST_CASE("what the exporter gives up on is counted as failed") {
  nanospan::tracer_provider tracing{
      sending_to(std::make_shared<answering_exporter>(nanospan::export_result{nanospan::export_result::outcome::failure}))};
  auto const before = nanospan::stats();
  record(7);
  CHECK_FALSE(tracing.flush());
  CHECK(since(before).dropped.export_failed == 7);
  CHECK(since(before).dropped.total() == 7);
  CHECK(since(before).ended == 7);
}

TEST_CASE("what the collector refuses is counted as rejected, the rest as exported") {
  nanospan::tracer_provider tracing{
      sending_to(std::make_shared<answering_exporter>(nanospan::export_result{nanospan::export_result::outcome::success, 3}))};
  auto const before = nanospan::stats();
  record(7);
  CHECK(tracing.flush());
  CHECK(since(before).rejected == 3);
  CHECK(since(before).exported == 4);
  CHECK(since(before).ended == 7);
}

TEST_CASE("what is still unsent at the provider's end is counted, and what may have arrived apart from it") {
  using outcome = nanospan::export_result::outcome;
  auto const lost_by = [](outcome what) {
    auto const before = nanospan::stats();
    {
      auto with = sending_to(std::make_shared<answering_exporter>(nanospan::export_result{what}));
      with.shutdown_limit = nanospan::duration{};
      nanospan::tracer_provider tracing{std::move(with)};
      record(7);
      tracing.flush();
      CHECK(since(before).held == 7);
    }
    return since(before);
  };
  auto const unsent = lost_by(outcome::unreachable);
  CHECK(unsent.dropped.shutdown == 7);
  CHECK(unsent.dropped.total() == 7);
  CHECK(unsent.unconfirmed == 0);
  auto const maybe = lost_by(outcome::unconfirmed);
  CHECK(maybe.unconfirmed == 7);
  CHECK(maybe.dropped.total() == 0);
}

TEST_CASE("misuse is counted apart from spans") {
  recorded all;
  { NANOSPAN("so that this thread has recorded"); }
  auto const before = nanospan::stats();
  NANOSPAN_SET({"k", 1});
  NANOSPAN_EVENT("event");
  support::in_a_thread([] {
    std::unique_ptr<nanospan::scoped_span> outer{new nanospan::scoped_span{"outer"}};
    nanospan::scoped_span const inner{"inner"};
    outer.reset();
  });
  CHECK(since(before).misused == 3);
  CHECK(since(before).ended == 2);
  CHECK(since(before).dropped.total() == 0);
}

TEST_CASE("a snapshot may be taken while others record, and its parts add up") {
  recorded all;
  auto const before = nanospan::stats();
  constexpr std::uint64_t threads = 3, spans = 2'000;
  std::atomic<std::uint64_t> running{threads};
  std::vector<std::thread> recorders;
  for (std::uint64_t thread = 0; thread < threads; ++thread)
    recorders.emplace_back([&] {
      record(spans);
      --running;
    });
  std::uint64_t ended = before.ended;
  bool whole = true, monotonic = true;
  while (running.load() != 0) {
    auto const now = nanospan::stats();
    whole = whole && now.ended == now.accounted();
    monotonic = monotonic && now.ended >= ended;
    ended = now.ended;
  }
  for (auto& thread : recorders) thread.join();
  CHECK(whole);
  CHECK(monotonic);
  auto const arrived = all.count();
  auto const after = since(before);
  CHECK(after.ended == threads * spans);
  CHECK(after.exported == arrived);
  CHECK(after.dropped.ring_full == threads * spans - arrived);
  CHECK(after.held == 0);
}

TEST_CASE("every loss of a day is counted once, under its own reason") {
  auto const before = nanospan::stats();
  {
    support::no_provider_yet const none;
    record(1);
  }
  std::optional<recorded> all{std::in_place};
  record(20);
  nanospan::span open{"open"};
  CHECK(all->count() == 20);
  all.reset();
  open.end();
  record(2);
  auto const after = since(before);
  CHECK(after.ended == 24);
  CHECK(after.exported == 20);
  CHECK(reasons(after) == std::vector<std::uint64_t>{1, 3, 0, 0, 0, 0, 0, 0, 0});
}
