// SPDX-License-Identifier: Apache-2.0
#pragma once

// Takes records out of all rings, encodes them, cuts batches. One pass reads each ring's index once, takes a clock anchor, and consumes
// up to what it saw, so it never spins on a producer's cache line. One thread at a time; never waits for anything.

#include <nanospan/detail/joined.hpp>
#include <nanospan/detail/silence.hpp>
#include <nanospan/messages.hpp>
#include <nanospan/entry_buffer.hpp>
#include <nanospan/otlp.hpp>
#include <nanospan/stats.hpp>

#include <algorithm>
#include <new>
#include <vector>

namespace nanospan::inline v0::detail {

struct collector_limits {
  std::size_t batch_spans;
  std::size_t batch_bytes;
  std::uint64_t batch_age;  // nanoseconds, of the first span since it was drained
  span_limits spans = otlp_encoder::default_limits();
};

class collector {
 public:
  collector(collector_limits limits, std::string resource, std::string_view schema_url = {}, clock_source clock = {}, messages report = {default_message_handler}, span_hook hook = {})
      : limits_{limits}, clock_{clock}, encoder_{std::move(resource), schema_url, limits.spans}, report_{report}, hook_{std::move(hook)} {}

  // One pass. `emit(charged_batch&&)` is called for each batch that is full; `shed()` where there is no memory, to let go of the oldest batch: false where there is
  // none. Throws std::bad_alloc before it has read anything; spans for which there is no memory later are dropped and counted.
  template <typename Emit, typename Shed>
  void drain(Emit&& emit, Shed&& shed) {
    seen_.clear();
    fullest_ = 0;
    bool spare = false;  // a slot for the next new thread; without a ring where there is no memory for one
    for_each_slot([&](thread_slot& slot) {
      // Acquire: pairs with the release of the owner that left it or of attach: its ring may be looked at, its records are all there.
      slot_state const state = slot.state.load(std::memory_order_acquire);
      if (state == slot_state::ready || state == slot_state::empty) {
        spare = true;
        return;
      }
      seen_.push_back({&slot, false, 0});  // before the slot is taken: there may be no memory
      // Acquire: as above. A new thread may be faster; what it goes on in is read as any thread's. One that is draining was left by a pass
      // without memory.
      slot_state expected = slot_state::orphaned;
      bool const left = state == slot_state::draining ||
                        (state == expected && slot.state.compare_exchange_strong(expected, slot_state::draining, std::memory_order_acquire, std::memory_order_relaxed));
      spare |= left;
      seen_.back() = {&slot, left, slot.ring.published()};
    });
    clock_.take_anchor();
    for (seen const& one : seen_) {
      std::uint64_t const waiting = one.until - one.slot->ring.consumed();
      if (waiting != 0) {
        fullest_ = std::max(fullest_, static_cast<double>(waiting) / static_cast<double>(one.slot->ring.capacity()));
        one.slot->ring.consume(one.until, [&](std::byte const* record) { take(record, emit, shed); });
      }
      // Release: pairs with the acquire of the thread that reuses the slot.
      if (one.left) one.slot->state.store(slot_state::ready, std::memory_order_release);
    }
    if (!spare) prepare_slot();
    if (encoder_.span_count() != 0 && monotonic_nanoseconds() - first_span_ >= limits_.batch_age) cut(emit, shed);
  }
  template <typename Emit>
  void drain(Emit&& emit) {
    drain(emit, [] { return false; });
  }

  // Whatever is there becomes a batch.
  template <typename Emit, typename Shed>
  NANOSPAN_DETAIL_OUT_OF_LINE void cut(Emit&& emit, Shed&& shed) {
    while (std::size_t const spans = encoder_.span_count()) {
      try {
        return emit(encoder_.cut());
      } catch (std::bad_alloc const&) {
        if (encoder_.span_count() != 0 && (encoder_.trim_to_cut() || shed())) continue;
        background.dropped_no_memory.add(spans);
        encoder_.clear();
      }
    }
  }
  template <typename Emit>
  void cut(Emit&& emit) {
    cut(emit, [] { return false; });
  }

  // Baggage of those keys becomes attributes of spans.
  void copy_baggage(std::vector<std::string> keys) { encoder_.copy_baggage(std::move(keys)); }
  // What is remembered by the addresses of literals; see nanospan::drain().
  void forget_literals() noexcept { encoder_.forget_literals(); }

  // How full the fullest ring was in the last pass, from 0 to 1.
  double fullest() const noexcept { return fullest_; }
  bool counter_trusted() const noexcept { return clock_.counter_trusted(); }
  // When the batch that is being filled is due (monotonic nanoseconds); the end of time where it is empty.
  std::uint64_t due() const noexcept { return encoder_.span_count() == 0 ? ~std::uint64_t{0} : first_span_ + limits_.batch_age; }

  // A slot with a ring for the next new thread, touched here, so that its first span costs microseconds less.
  static void ensure_spare_slot() noexcept {
    bool spare = false;
    for_each_slot([&](thread_slot const& slot) {
      slot_state const state = slot.state.load(std::memory_order_relaxed);  // Relaxed: only whether it is there.
      spare |= state == slot_state::ready || state == slot_state::empty;
    });
    if (!spare) prepare_slot();
  }

 private:
  static void prepare_slot() noexcept {
    thread_slot* const slot = add_slot();
    if (slot == nullptr) return;
    slot_state const made = attach_ring(*slot) ? slot_state::ready : slot_state::empty;
    slot->state.store(made, std::memory_order_release);  // Release: pairs with the acquire in reuse_slot().
  }

  struct seen {
    thread_slot* slot;
    bool left;  // by its thread; ours until it is ready
    std::uint64_t until;
  };

  template <typename Emit, typename Shed>
  void take(std::byte const* record, Emit& emit, Shed& shed) {
    if (began_before_fork(record)) [[unlikely]] {
      background.discarded_inherited.add(1);
      entry_buffer::free_block(otlp_encoder::heap_of(record));
      return;
    }
    if (encoder_.span_count() == 0) first_span_ = monotonic_nanoseconds();
    try {
      bool recorded_only = false;
      bool const encoded = encoder_.add(record, clock_, [&](ended_span& span) noexcept {
        // A large one begins a batch where it would make too much of this one.
        if (encoder_.entry_bytes() > most_usual_bytes && encoder_.bytes() + encoder_.entry_bytes() > limits_.batch_bytes) [[unlikely]]
          cut(emit, shed);
        if (hook_) show(span);
        recorded_only = !span.sampled() && !span.dropped();
        if (recorded_only) span.drop();
      }, [&] { return make_room(emit, shed); });
      if (!encoded) [[unlikely]]
        (recorded_only ? background.discarded_record_only : background.discarded_hook).add(1);
      if (site const* const lost = encoder_.lost_context()) [[unlikely]]
        tell_lost_context(*lost);
    } catch (std::bad_alloc const&) {
      background.dropped_no_memory.add(1);
    }
    if (heap_payload const heap = otlp_encoder::heap_of(record); heap.block != nullptr) [[unlikely]]
      entry_buffer::free_block(heap);
    if (encoder_.span_count() >= limits_.batch_spans || encoder_.bytes() >= limits_.batch_bytes) cut(emit, shed);
  }
  // What is idle goes first, then what is oldest, then the batch that is being made leaves for the queue.
  template <typename Emit, typename Shed>
  NANOSPAN_DETAIL_COLD bool make_room(Emit& emit, Shed& shed) {
    if (encoder_.trim() || shed()) return true;
    if (encoder_.span_count() == 0) return false;
    cut(emit, shed);
    return true;
  }
  // In a forked child: it is the parent's, which sends it. Relaxed: written while the child had one thread.
  static bool began_before_fork(std::byte const* record) noexcept {
    std::uint32_t const forks = registry.forks.load(std::memory_order_relaxed);
    if (forks == 0) return false;
    record_header header;
    std::memcpy(&header, record, sizeof header);
    if ((header.meta.flags & unix_start) != 0) return header.meta.flags >> forks_shift != forks_flags(forks) >> forks_shift;
    auto const& forked_at = (header.meta.flags & monotonic_ticks) != 0 ? registry.forked_at_nanoseconds : registry.forked_at_ticks;
    return header.start_ticks < forked_at.load(std::memory_order_relaxed);
  }
  void show(ended_span& span) noexcept {
    try {
      silence const while_it_looks;
      hook_(span);
    } catch (std::exception const& error) {
      tell_failed_hook(error.what());
    } catch (...) {
      tell_failed_hook("no std::exception");
    }
  }
  // Once; the rest is counted.
  void tell_failed_hook(char const* why) noexcept {
    background.hook_failed.add(1);
    if (std::exchange(told_failed_hook_, true)) return;
    try {
      report_.warn(joined({"options.on_end threw, and its span is exported as it stands: ", why}));
    } catch (...) {  // no memory, no message
    }
  }
  // A thread or a callback that its context did not reach, most often.
  NANOSPAN_DETAIL_COLD void tell_lost_context(site const& from) const noexcept try {
    report_.warn(joined({"\"", {from.name, from.name_size}, "\" (", from.file, ":", std::to_string(from.line),
                         ") began a trace, and had parents before: was its context lost on the way? Open a nanospan::context_scope where its work goes on, or start it with ",
                         "{.parent = nanospan::no_parent}"}));
  } catch (...) {  // no memory, no message: the span is in its batch
  }

  static constexpr std::size_t most_usual_bytes = 4'096;  // of a span's entries

  collector_limits limits_;
  clock_converter clock_;
  otlp_encoder encoder_;
  messages report_;
  span_hook hook_;
  bool told_failed_hook_ = false;
  std::vector<seen> seen_;
  double fullest_ = 0;
  std::uint64_t first_span_ = 0;
};

}  // namespace nanospan::inline v0::detail
