// SPDX-License-Identifier: Apache-2.0

#include <nanospan/thread_ring.hpp>

#include <nanospan/macros.hpp>
#include <nanospan/options.hpp>
#include <nanospan/stats.hpp>

#include "catch.hpp"
#include "support/slots.hpp"

#include <algorithm>
#include <barrier>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace detail = nanospan::detail;
using detail::registry;
using detail::slot_state;
using detail::thread_slot;
using support::count_slots;

namespace {

// Takes what is in the rings, as the background thread does; spans that came out count as exported, so that the account stays whole.
std::uint64_t drain() {
  std::uint64_t records = 0;
  detail::for_each_slot([&](thread_slot& slot) {
    slot_state state = slot_state::orphaned;
    bool const left = slot.state.compare_exchange_strong(state, slot_state::draining);
    // Whether there is a ring is for others to see only once a record is published.
    if (std::uint64_t const until = slot.ring.published(); until != slot.ring.consumed())
      slot.ring.consume(until, [&](std::byte const*) { ++records; });
    if (left) slot.state.store(slot_state::ready, std::memory_order_release);
  });
  detail::background.exported.add(records);
  return records;
}

// Recording as a provider switches it on, without one, and with nothing in the rings.
class recording {
 public:
  recording() {
    drain();
    detail::recording.word.store(detail::recording_on | nanospan::always_on_sampler{}.plan().bits);
  }
  recording(recording const&) = delete;
  recording& operator=(recording const&) = delete;
  ~recording() {
    drain();
    detail::recording.word.store(word_);
    registry.ring_bytes.store(ring_bytes_);
    registry.ring_memory_limit_bytes.store(limit_);
  }

 private:
  std::uint32_t word_ = detail::recording.word.load();
  std::uint64_t ring_bytes_ = registry.ring_bytes.load();
  std::uint64_t limit_ = registry.ring_memory_limit_bytes.load();
};

// While it lives no thread finds the slots that were free, nor their rings the limit.
class free_slots_hidden {
 public:
  free_slots_hidden() {
    detail::for_each_slot([&](thread_slot& slot) {
      slot_state const state = slot.state.load();
      if (state != slot_state::ready && state != slot_state::empty) return;
      slot.state.store(slot_state::owned);
      hidden_.emplace_back(&slot, state);
    });
  }
  free_slots_hidden(free_slots_hidden const&) = delete;
  free_slots_hidden& operator=(free_slots_hidden const&) = delete;
  ~free_slots_hidden() {
    for (auto const& [slot, state] : hidden_) slot->state.store(state);
    registry.ring_memory_bytes.fetch_add(used_);
  }

 private:
  std::vector<std::pair<thread_slot*, slot_state>> hidden_;
  std::uint64_t used_ = registry.ring_memory_bytes.exchange(0);
};

template <typename Run>
void in_a_thread(Run&& run) {
  std::thread{std::forward<Run>(run)}.join();
}
void record_one() { NANOSPAN("one"); }

// Threads that all live at once, each with its slot; `look` sees it when it has recorded.
template <typename Look>
void at_once(std::size_t count, Look look) {
  std::barrier<> all_recorded{static_cast<std::ptrdiff_t>(count)};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      record_one();
      all_recorded.arrive_and_wait();
      look(i, *detail::this_thread.slot);
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("a thread has no slot before its first span, and one after it") {
  recording const on;
  bool before = true, after = false, has_ring = false;
  in_a_thread([&] {
    before = detail::this_thread.slot != nullptr;
    record_one();
    after = detail::this_thread.slot != nullptr;
    has_ring = after && detail::this_thread.slot->ring.attached();
  });
  CHECK_FALSE(before);
  CHECK(after);
  CHECK(has_ring);
}

TEST_CASE("a slot that its thread left is used by a later thread, once it has been drained") {
  recording const on;
  in_a_thread(record_one);
  drain();
  auto const slots = count_slots();
  auto const memory = registry.ring_memory_bytes.load();
  for (int thread = 0; thread < 200; ++thread) {
    in_a_thread(record_one);
    CHECK(drain() == 1);
  }
  CHECK(count_slots() == slots);
  CHECK(registry.ring_memory_bytes.load() == memory);
}

TEST_CASE("a thread that exits leaves its spans to the background thread") {
  recording const on;
  thread_slot* slot = nullptr;
  in_a_thread([&] {
    record_one();
    record_one();
    slot = detail::this_thread.slot;
  });
  REQUIRE(slot != nullptr);
  CHECK(slot->state.load() == slot_state::orphaned);
  CHECK(drain() == 2);
  CHECK(slot->state.load() == slot_state::ready);
}

TEST_CASE("threads that follow each other before anything is drained share a ring, up to its half") {
  recording const on;
  registry.ring_bytes.store(64u << 10);
  free_slots_hidden const only_new_ones;
  auto const before = nanospan::stats().dropped.total();
  auto const half_full = [] {
    bool is = false;
    detail::for_each_slot([&](thread_slot& slot) { is |= slot.ring.published() - slot.ring.consumed() > slot.ring.capacity() / 2; });
    return is;
  };
  in_a_thread(record_one);
  auto const slots = count_slots();
  std::uint64_t threads = 1;
  for (; !half_full() && threads < 10'000; ++threads) in_a_thread(record_one);
  CHECK(threads > 100);
  CHECK(threads < 10'000);
  CHECK(count_slots() == slots);
  in_a_thread(record_one);
  CHECK(count_slots() == slots + 1);
  CHECK(nanospan::stats().dropped.total() == before);
  CHECK(drain() == threads + 1);
}

TEST_CASE("a slot that the consumer is draining is no other thread's") {
  recording const on;
  free_slots_hidden const only_new_ones;
  thread_slot* slot = nullptr;
  in_a_thread([&] {
    record_one();
    slot = detail::this_thread.slot;
  });
  REQUIRE(slot != nullptr);
  slot->state.store(slot_state::draining);
  thread_slot* other = nullptr;
  in_a_thread([&] {
    record_one();
    other = detail::this_thread.slot;
  });
  CHECK(other != slot);
  slot->state.store(slot_state::orphaned);
  CHECK(drain() == 2);
}

TEST_CASE("a thread that leaves nothing behind frees its slot at once") {
  recording const on;
  thread_slot* slot = nullptr;
  in_a_thread([&] {
    record_one();
    slot = detail::this_thread.slot;
    drain();
  });
  REQUIRE(slot != nullptr);
  CHECK(slot->state.load() == slot_state::ready);
}

TEST_CASE("a thread that reuses a slot sees all that the thread before did to it") {
  in_a_thread(record_one);  // recording is not on: a slot comes to be, its ring does not
  recording const on;
  // Nothing else orders the two that follow: under ThreadSanitizer the hand-over stands alone.
  std::atomic<thread_slot*> left{nullptr};
  bool recorded = false;
  std::thread later{[&] {
    thread_slot* slot = nullptr;
    while ((slot = left.load(std::memory_order_relaxed)) == nullptr || slot->state.load(std::memory_order_relaxed) != slot_state::ready)
      std::this_thread::yield();
    record_one();
    recorded = detail::this_thread.slot->ring.attached();
  }};
  std::thread earlier{[&] {
    record_one();
    drain();
    left.store(detail::this_thread.slot, std::memory_order_relaxed);
  }};
  earlier.join();
  later.join();
  CHECK(recorded);
  CHECK(drain() == 1);
}

TEST_CASE("a thread that only counts takes no ring's memory") {
  recording const on;
  detail::recording.word.store(0);  // no provider
  auto const before = nanospan::stats();
  auto const memory = registry.ring_memory_bytes.load();
  at_once(count_slots() + 4, [](std::size_t, thread_slot&) {});
  CHECK(registry.ring_memory_bytes.load() == memory);
  CHECK(nanospan::stats().dropped.no_provider - before.dropped.no_provider == count_slots(slot_state::empty) + count_slots(slot_state::ready));
}

TEST_CASE("warming a thread does what its first span would do") {
  recording const on;
  in_a_thread([] {
    CHECK(detail::this_thread.slot == nullptr);
    CHECK(nanospan::warm_thread());
    thread_slot* const slot = detail::this_thread.slot;
    REQUIRE(slot != nullptr);
    CHECK(slot->ring.attached());
    auto const memory = registry.ring_memory_bytes.load();
    record_one();
    CHECK(nanospan::warm_thread());  // a second time: nothing
    CHECK(detail::this_thread.slot == slot);
    CHECK(registry.ring_memory_bytes.load() == memory);
  });
  CHECK(drain() == 1);
}

TEST_CASE("a thread that cannot be warmed is told so") {
  recording const on;
  registry.ring_memory_limit_bytes.store(0);
  std::atomic<bool> warm{true};
  // More than there are rings.
  at_once(count_slots() + 1, [&](std::size_t, thread_slot& slot) { if (!slot.ring.attached()) warm = nanospan::warm_thread(); });
  CHECK_FALSE(warm);
}

TEST_CASE("threads that live at once have a slot each") {
  recording const on;
  std::vector<thread_slot*> slots(50);
  at_once(slots.size(), [&](std::size_t i, thread_slot& slot) { slots[i] = &slot; });
  CHECK(std::set<thread_slot*>(slots.begin(), slots.end()).size() == slots.size());
  CHECK(drain() == slots.size());
}

TEST_CASE("near the memory limit rings become smaller, and beyond it spans are counted drops") {
  recording const on;
  // The slots that are there get threads that only hold them, so that those of the test get new ones.
  std::size_t const taken = count_slots();
  std::size_t const full = 64u << 10, small = 16u << 10;  // so small that nothing lies between the two
  registry.ring_bytes.store(full);
  std::barrier<> held{static_cast<std::ptrdiff_t>(taken) + 1}, done{static_cast<std::ptrdiff_t>(taken) + 1};
  std::vector<std::thread> holders;
  for (std::size_t i = 0; i < taken; ++i)
    holders.emplace_back([&] {
      record_one();
      held.arrive_and_wait();
      done.arrive_and_wait();
    });
  held.arrive_and_wait();
  drain();

  // As if nothing had been handed out: then half of the limit is four full rings, and the other half sixteen small ones.
  std::uint64_t const used = registry.ring_memory_bytes.exchange(0);
  std::uint64_t const limit = 8 * full;
  registry.ring_memory_limit_bytes.store(limit);
  std::size_t const full_rings = 4, small_rings = 16;
  std::size_t const without = 3;
  auto const before = nanospan::stats();
  std::vector<std::size_t> capacities(full_rings + small_rings + without);
  // One after the other: whether two that begin at once see the other's ring is nobody's promise.
  std::vector<std::thread> threads;
  std::barrier<> next{2}, end{static_cast<std::ptrdiff_t>(capacities.size())};
  for (std::size_t& capacity : capacities) {
    threads.emplace_back([&] {
      record_one();
      capacity = detail::this_thread.slot->ring.capacity();
      next.arrive_and_wait();
      end.arrive_and_wait();
    });
    next.arrive_and_wait();
  }
  for (auto& thread : threads) thread.join();
  done.arrive_and_wait();
  for (auto& holder : holders) holder.join();

  std::vector<std::size_t> expected(full_rings, full);
  expected.insert(expected.end(), small_rings, small);
  expected.insert(expected.end(), without, 0);
  CHECK(capacities == expected);
  CHECK(registry.ring_memory_bytes.load() == limit);
  registry.ring_memory_bytes.fetch_add(used);
  auto const after = nanospan::stats();
  CHECK(after.dropped.no_ring - before.dropped.no_ring == without);
  CHECK(after.ended - before.ended == capacities.size());
  CHECK(after.held - before.held == full_rings + small_rings);
  CHECK(after.ended == after.accounted());
}

TEST_CASE("with the default options sixteen threads get a ring of full size, and a thousand a ring") {
  recording const on;
  std::uint64_t const used = registry.ring_memory_bytes.exchange(0), limit = 64u << 20;
  registry.ring_bytes.store(nanospan::options{}.ring_bytes);
  registry.ring_memory_limit_bytes.store(limit);
  std::vector<std::size_t> sizes;
  for (std::size_t next = detail::next_ring_bytes(); registry.ring_memory_bytes.load() + next <= limit; next = detail::next_ring_bytes()) {
    sizes.push_back(next);
    registry.ring_memory_bytes.fetch_add(next);
  }
  registry.ring_memory_bytes.store(used);
  CHECK(std::is_sorted(sizes.rbegin(), sizes.rend()));
  auto const at_least = [&](std::size_t bytes) { return std::count_if(sizes.begin(), sizes.end(), [&](std::size_t one) { return one >= bytes; }); };
  CHECK(at_least(2u << 20) == 16);
  CHECK(at_least(512u << 10) >= 32);  // each a burst of 2,048 spans with 4 attributes
  CHECK(at_least(128u << 10) >= 60);
  CHECK(sizes.size() >= 1'000);
  CHECK(sizes.back() == 16u << 10);
}

TEST_CASE("ring memory begins where a huge page may, and all of it can be written") {
  recording const on;
  for (std::size_t const bytes : {std::size_t{16} << 10, std::size_t{512} << 10, std::size_t{2} << 20, std::size_t{8} << 20}) {
    std::byte* const memory = detail::map_touched(bytes);
    REQUIRE(memory != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(memory) % (bytes >= 2u << 20 ? 2u << 20 : 4096) == 0);
    std::fill_n(memory, bytes, std::byte{0xaa});
    CHECK(::munmap(memory, bytes) == 0);
  }
  CHECK(detail::map_touched(std::size_t{1} << 60) == nullptr);
}

TEST_CASE("a thread that got no ring gets one when there is memory again") {
  recording const on;
  registry.ring_memory_limit_bytes.store(0);
  auto const before = nanospan::stats();
  // More than there are slots with rings.
  std::size_t const threads = count_slots() + 1;
  std::size_t without = 0;
  std::barrier<> all{static_cast<std::ptrdiff_t>(threads)};
  std::vector<std::thread> running;
  std::atomic<std::size_t> bare{0}, healed{0};
  for (std::size_t i = 0; i < threads; ++i)
    running.emplace_back([&, limit = std::uint64_t{64u << 20}] {
      record_one();
      bool const had_none = !detail::this_thread.slot->ring.attached();
      if (had_none) ++bare;
      all.arrive_and_wait();
      registry.ring_memory_limit_bytes.store(limit);
      record_one();
      if (had_none && detail::this_thread.slot->ring.attached()) ++healed;
    });
  for (auto& thread : running) thread.join();
  without = bare.load();
  CHECK(without != 0);
  CHECK(healed.load() == without);
  CHECK(nanospan::stats().dropped.no_ring - before.dropped.no_ring == without);
}

namespace {

struct records_at_thread_end {
  ~records_at_thread_end() {
    NANOSPAN("too late", {"k", 1});
    NANOSPAN_EVENT("nobody hears this");
    nanospan::scoped_span named{"too late as well"};
    named.set({"k", 2});
  }
  void exists() const {}
};
struct ends_at_thread_end {
  std::optional<nanospan::span> open;
};

}  // namespace

TEST_CASE("a span in a later thread-local destructor is a counted drop") {
  recording const on;
  auto const before = nanospan::stats();
  in_a_thread([] {
    thread_local records_at_thread_end const late;  // made before the slot is acquired, so destroyed after it is given back
    late.exists();
    record_one();
  });
  auto const after = nanospan::stats();
  CHECK(after.dropped.no_slot - before.dropped.no_slot == 2);
  CHECK(after.ended - before.ended == 3);
  CHECK(after.ended == after.accounted());
  CHECK(drain() == 1);
}

TEST_CASE("a span that is still open in a later thread-local destructor is a counted drop") {
  recording const on;
  auto const before = nanospan::stats();
  in_a_thread([] {
    thread_local ends_at_thread_end late;  // NOLINT(misc-use-internal-linkage): a local one has none
    late.open.reset();
    late.open.emplace(nanospan::span{"still open"});
  });
  auto const after = nanospan::stats();
  CHECK(after.dropped.no_slot - before.dropped.no_slot == 1);
  CHECK(after.ended - before.ended == 1);
  CHECK(drain() == 0);
}

TEST_CASE("spans that race with the reuse of their threads' slots are all accounted for") {
  recording const on;
  auto const before = nanospan::stats();
  std::atomic<bool> over{false};
  std::uint64_t drained = 0;
  std::thread background{[&] {
    while (!over.load()) {
      drained += drain();
      std::this_thread::yield();
    }
  }};
  constexpr std::uint64_t rounds = 50, threads = 8, spans = 50;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    std::vector<std::thread> running;
    for (std::uint64_t i = 0; i < threads; ++i)
      running.emplace_back([] {
        for (std::uint64_t span = 0; span < spans; ++span) record_one();
      });
    for (auto& thread : running) thread.join();
  }
  over.store(true);
  background.join();
  drained += drain();
  auto const after = nanospan::stats();
  CHECK(after.ended - before.ended == rounds * threads * spans);
  CHECK(drained + after.dropped.total() - before.dropped.total() == rounds * threads * spans);
  CHECK(after.held == 0);
}

TEST_CASE("a forked child begins with empty rings, an empty account and other ids") {
  recording const on;
  record_one();
  auto const parent_would = [] {
    auto copy = detail::this_thread.random;
    return copy.next_span_id();
  }();
  ::pid_t const child = ::fork();
  if (child == 0) {
    detail::forget_parent();
    auto const now = nanospan::stats();
    // What the background thread has done is its own to forget.
    bool const empty = now.dropped.total() == 0;
    bool rings_empty = true;
    detail::for_each_slot([&](thread_slot& slot) { rings_empty = rings_empty && slot.ring.records() == 0; });
    bool const other_ids = !(detail::this_thread.random.next_span_id() == parent_would);
    record_one();
    bool const records = detail::this_thread.slot->ring.records() == 1;
    ::_exit(empty && rings_empty && other_ids && records ? 0 : 1);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(drain() == 1);
}
