// SPDX-License-Identifier: Apache-2.0

#include <nanospan/collector.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/messages.hpp"
#include "support/recorded.hpp"
#include "support/slots.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace detail = nanospan::detail;
using detail::slot_state;

using support::count_slots;

namespace {

constexpr std::uint64_t an_hour = 3'600'000'000'000;

// A collector that a test drives itself, while recording is on.
class driven {
 public:
  explicit driven(detail::collector_limits limits = {512, 4u << 20, an_hour}) : collector_{limits, ""} {
    collector_.drain([](nanospan::batch&&) {});
    collector_.cut([](nanospan::batch&&) {});
    detail::recording.word.store(detail::recording_on | nanospan::always_on_sampler{}.plan().bits);
  }
  driven(driven const&) = delete;
  driven& operator=(driven const&) = delete;
  ~driven() {
    drain();
    cut();
    detail::recording.word.store(word_);
    // What was taken is somebody's: the account of the tests after this one stays whole.
    for (nanospan::batch const& one : batches) detail::background.exported.add(one.span_count);
  }

  void drain() {
    collector_.drain([this](nanospan::batch&& one) { batches.push_back(std::move(one)); });
  }
  void cut() {
    collector_.cut([this](nanospan::batch&& one) { batches.push_back(std::move(one)); });
  }
  detail::collector& operator*() noexcept { return collector_; }

  std::vector<nanospan::batch> batches;

 private:
  std::uint32_t word_ = detail::recording.word.load();
  detail::collector collector_;
};

void record(std::size_t spans) {
  for (std::size_t i = 0; i < spans; ++i) {
    NANOSPAN("one", {"i", i});
  }
}

}  // namespace

TEST_CASE("a batch is cut when it holds as many spans as it may, and the rest waits") {
  driven one{{10, 4u << 20, an_hour}};
  record(25);
  one.drain();
  REQUIRE(one.batches.size() == 2);
  CHECK(one.batches[0].span_count == 10);
  CHECK(one.batches[1].span_count == 10);
  one.cut();
  REQUIRE(one.batches.size() == 3);
  CHECK(one.batches[2].span_count == 5);
  CHECK(one.batches[2].spans().size() == 5);
}

TEST_CASE("a batch is cut when it holds as many bytes as it may") {
  driven one{{512, 10'000, an_hour}};
  std::string const kilobyte(1'000, 'x');
  for (int i = 0; i < 30; ++i) {
    NANOSPAN("large", {"text", kilobyte});
  }
  one.drain();
  REQUIRE(one.batches.size() >= 2);
  for (auto const& batch : one.batches) {
    CHECK(batch.otlp.size() >= 10'000);
    CHECK(batch.otlp.size() < 12'000);
  }
}

TEST_CASE("a batch is due when its first span is old enough, and cut by the next pass") {
  driven one{{512, 4u << 20, 1'000'000}};
  CHECK((*one).due() == ~std::uint64_t{0});
  record(1);
  one.drain();
  if (one.batches.empty()) {  // else the machine was slower than a millisecond
    std::uint64_t const due = (*one).due();
    CHECK(due <= detail::monotonic_nanoseconds() + 1'000'000);
    while (detail::monotonic_nanoseconds() < due) std::this_thread::yield();
    one.drain();
  }
  REQUIRE(one.batches.size() == 1);
  CHECK((*one).due() == ~std::uint64_t{0});
}

TEST_CASE("an empty batch is not cut") {
  driven one;
  one.drain();
  one.cut();
  CHECK(one.batches.empty());
}

TEST_CASE("what a thread left is taken, and its slot is free for another") {
  driven one;
  support::in_a_thread([] { record(7); });
  CHECK(count_slots(slot_state::orphaned) == 1);
  one.drain();
  one.cut();
  REQUIRE(one.batches.size() == 1);
  CHECK(one.batches[0].span_count == 7);
  CHECK(count_slots(slot_state::orphaned) == 0);
  CHECK(count_slots(slot_state::ready) >= 1);
}

TEST_CASE("what a pass without memory left half done is taken by the next one") {
  driven one;
  detail::thread_slot* slot = nullptr;
  support::in_a_thread([&] {
    record(7);
    slot = detail::this_thread.slot;
  });
  REQUIRE(slot != nullptr);
  slot->state.store(slot_state::draining);
  one.drain();
  one.cut();
  REQUIRE(one.batches.size() == 1);
  CHECK(one.batches[0].span_count == 7);
  CHECK(slot->state.load() == slot_state::ready);
}

TEST_CASE("how full the fullest ring was is a share of its own capacity") {
  driven one;
  one.drain();
  CHECK((*one).fullest() == 0);
  record(1'000);  // each 64 bytes and an attribute of 24
  one.drain();
  auto const capacity = static_cast<double>(detail::this_thread.slot->ring.capacity());
  CHECK((*one).fullest() >= 1'000 * 80 / capacity);
  CHECK((*one).fullest() < 1'100 * 88 / capacity);
}

TEST_CASE("there is one spare slot for the next thread, however many passes are made") {
  driven one;
  record(1);
  one.drain();
  CHECK(count_slots(slot_state::ready) + count_slots(slot_state::empty) >= 1);
  std::size_t const before = count_slots(slot_state::ready) + count_slots(slot_state::empty);
  for (int i = 0; i < 100; ++i) one.drain();
  for (int i = 0; i < 100; ++i) detail::collector::ensure_spare_slot();
  CHECK(count_slots(slot_state::ready) + count_slots(slot_state::empty) == before);
}

TEST_CASE("where no memory is left for a ring, a spare slot has none, and is not made again by every pass") {
  driven one;
  std::uint64_t const limit = detail::registry.ring_memory_limit_bytes.exchange(0);
  // The threads take whatever spare slots there are; all live at once.
  std::vector<std::thread> threads;
  std::atomic<bool> over{false};
  std::atomic<unsigned> there{0};
  for (std::size_t spare = count_slots(slot_state::ready) + count_slots(slot_state::empty) + 1; spare != 0; --spare) {
    threads.emplace_back([&] {
      record(1);
      ++there;
      while (!over) std::this_thread::yield();
    });
  }
  while (there != threads.size()) std::this_thread::yield();
  for (int i = 0; i < 100; ++i) one.drain();
  std::size_t const spare = count_slots(slot_state::ready) + count_slots(slot_state::empty);
  over = true;
  for (auto& thread : threads) thread.join();
  detail::registry.ring_memory_limit_bytes.store(limit);
  CHECK(spare == 1);
}

// ---- lost contexts ----------------------------------------------------------------------------------------------------------

namespace {

// Two sites that are like any others, and stand in a line each.
void charge() { NANOSPAN("charge card"); }
constexpr int charge_line = __LINE__ - 1;
void reserve() { NANOSPAN_CLIENT("reserve stock"); }

nanospan::options kept_messages() {
  support::messages::take();
  return {.on_message = support::messages::keep};
}
void below_another(void (*run)()) {
  NANOSPAN("another");
  run();
}

}  // namespace

TEST_CASE("a site whose spans have had parents and that begins a trace is told, once, with its name, file and line") {
  support::recorded all{kept_messages()};
  below_another(charge);
  all.spans();
  CHECK(support::messages::take().empty());
  support::in_a_thread([] {
    charge();
    charge();
  });
  CHECK(all.count() == 4);
  auto const told = support::messages::take();
  REQUIRE(told.size() == 1);
  CHECK(support::has(told[0], "\"charge card\""));
  CHECK(support::has(told[0], std::string{__FILE__} + ":" + std::to_string(charge_line) + ")"));
  CHECK(support::has(told[0], "context_scope"));
  below_another(charge);
  all.spans();
  charge();
  all.spans();
  CHECK(support::messages::take().empty());
}

TEST_CASE("each site that seems to have lost its context is told") {
  support::recorded all{kept_messages()};
  below_another(charge);
  below_another(reserve);
  charge();
  reserve();
  charge();
  reserve();
  all.spans();
  auto const told = support::messages::take();
  REQUIRE(told.size() == 2);
  CHECK(support::has(told[0], "\"charge card\""));
  CHECK(support::has(told[1], "\"reserve stock\""));
}

TEST_CASE("sites that only began traces, or only continued them, lost nothing") {
  support::recorded all{kept_messages()};
  for (int i = 0; i < 10; ++i) {
    charge();
    below_another(reserve);
  }
  all.spans();
  CHECK(support::messages::take().empty());
}

TEST_CASE("a site that began traces before it continued them is told when it begins one again") {
  support::recorded all{kept_messages()};
  charge();
  below_another(charge);
  all.spans();
  CHECK(support::messages::take().empty());
  charge();
  all.spans();
  CHECK(support::messages::take().size() == 1);
}

TEST_CASE("servers and consumers begin traces as they like, and so does a span without a site") {
  support::recorded all{kept_messages()};
  auto const all_kinds = [] {
    { NANOSPAN_SERVER("serve"); }
    { NANOSPAN_CONSUMER("consume"); }
    { nanospan::scoped_span const named{"named"}; }
    nanospan::span{"movable"}.end();
    nanospan::span{"on demand", {.parent = nanospan::no_parent}}.end();
  };
  {
    NANOSPAN("another");
    all_kinds();
  }
  all_kinds();
  CHECK(all.count() == 11);
  CHECK(support::messages::take().empty());
}

TEST_CASE("producers and clients do not") {
  support::recorded all{kept_messages()};
  auto const both_kinds = [] {
    { NANOSPAN_PRODUCER("produce"); }
    { NANOSPAN_CLIENT("call"); }
  };
  {
    NANOSPAN("another");
    both_kinds();
  }
  both_kinds();
  all.spans();
  CHECK(support::messages::take().size() == 2);
}

TEST_CASE("a parent in another process is one, and its context lost as any") {
  support::recorded all{kept_messages()};
  {
    nanospan::context_scope const inside{nanospan::span_context{nanospan::trace_id{std::array<std::uint8_t, 16>{1}}, nanospan::span_id{std::array<std::uint8_t, 8>{2}}, 1, true}};
    charge();
  }
  charge();
  all.spans();
  CHECK(support::messages::take().size() == 1);
}

TEST_CASE("a lost context is a warning, and not told where only errors are") {
  auto with = kept_messages();
  with.log_level = nanospan::log_level::error;
  support::recorded all{std::move(with)};
  below_another(charge);
  charge();
  all.spans();
  CHECK(support::messages::take().empty());
}
