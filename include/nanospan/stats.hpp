// SPDX-License-Identifier: Apache-2.0
#pragma once

// The account of every span: what was ended, where it went, why it was lost. When nothing is being recorded it is exact:
//   ended = exported + rejected + dropped + unconfirmed + held
// At any other time each figure is a lower bound. Any thread; works before, during and after a provider.

#include <nanospan/thread_ring.hpp>

namespace nanospan::inline v0 {

/// A snapshot, in spans. Sampled spans only: one that the sampler dropped is in no figure.
struct stats_snapshot {
  struct drops {
    std::uint64_t no_provider = 0;     ///< recorded before there was a tracer_provider (counted as they begin)
    std::uint64_t after_shutdown = 0;  ///< begun or ended after the provider's end
    std::uint64_t ring_full = 0;       ///< the thread recorded faster than its ring was drained
    std::uint64_t no_ring = 0;         ///< options.ring_memory_limit_bytes was reached
    std::uint64_t no_slot = 0;         ///< in thread-local destructors after the thread's end, or without memory
    std::uint64_t queue_full = 0;      ///< encoded batches waited beyond options.max_queue_bytes
    std::uint64_t export_failed = 0;   ///< the exporter gave up: not retryable, or out of time
    std::uint64_t no_memory = 0;       ///< there was no memory to encode or queue them
    std::uint64_t shutdown = 0;        ///< still queued when options.shutdown_limit ran out

    std::uint64_t total() const noexcept {
      return no_provider + after_shutdown + ring_full + no_ring + no_slot + queue_full + export_failed + no_memory + shutdown;
    }
  };

  std::uint64_t ended = 0;
  std::uint64_t exported = 0;     ///< the exporter confirmed them
  std::uint64_t rejected = 0;     ///< the collector took the batch and refused these (OTLP partial success)
  drops dropped = {};
  std::uint64_t unconfirmed = 0;  ///< sent in full, never answered: the collector may have them
  std::uint64_t held = 0;         ///< in rings, batches and queue
  std::uint64_t misused = 0;      ///< not spans: NANOSPAN_SET and its like where no span was open, scopes closed out of order

  std::uint64_t accounted() const noexcept { return exported + rejected + dropped.total() + unconfirmed + held; }
};

namespace detail {

// What became of the spans that were taken out of the rings. Written by the background thread only; here so that stats() works
// after a provider's end.
struct background_counters {
  counter exported;
  counter rejected;
  counter unconfirmed;
  counter dropped_queue_full;
  counter dropped_export_failed;
  counter dropped_no_memory;
  counter dropped_shutdown;

  void reset() noexcept {
    for (counter* one : {&exported, &rejected, &unconfirmed, &dropped_queue_full, &dropped_export_failed, &dropped_no_memory, &dropped_shutdown}) one->reset();
  }
};
NANOSPAN_DETAIL_SHARED inline constinit background_counters background{};

}  // namespace detail

/// The account of this process so far. Any thread, no lock; cost: a walk over the threads' slots.
inline stats_snapshot stats() noexcept {
  stats_snapshot now;
  auto const& done = detail::background;
  // The background's figures first: what moves on meanwhile is then seen as held, not twice.
  now.exported = done.exported.read();
  now.rejected = done.rejected.read();
  now.unconfirmed = done.unconfirmed.read();
  now.dropped.queue_full = done.dropped_queue_full.read();
  now.dropped.export_failed = done.dropped_export_failed.read();
  now.dropped.no_memory = done.dropped_no_memory.read();
  now.dropped.shutdown = done.dropped_shutdown.read();
  std::uint64_t const settled = now.accounted();
  std::uint64_t recorded = 0;
  detail::for_each_slot([&](detail::thread_slot const& slot) {
    recorded += slot.ring.records();
    now.dropped.no_provider += slot.dropped_no_provider.read();
    now.dropped.after_shutdown += slot.dropped_after_shutdown.read();
    now.dropped.ring_full += slot.dropped_ring_full.read();
    now.dropped.no_ring += slot.dropped_no_ring.read();
    now.misused += slot.misused.read() + slot.scopes_lost.load(std::memory_order_relaxed);
  });
  now.dropped.no_slot = detail::registry.dropped_no_slot.load(std::memory_order_relaxed);
  now.held = recorded > settled ? recorded - settled : 0;
  now.ended = recorded + now.dropped.no_provider + now.dropped.after_shutdown + now.dropped.ring_full + now.dropped.no_ring + now.dropped.no_slot;
  return now;
}

}  // namespace nanospan::inline v0
