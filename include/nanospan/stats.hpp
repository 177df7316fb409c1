// SPDX-License-Identifier: Apache-2.0
#pragma once

// The account of every span: what was ended, where it went, why it was lost. When nothing is being recorded it is exact:
//   ended + recovered = exported + fallback + rejected + dropped + discarded + unconfirmed + held
// At any other time each figure is a lower bound. Any thread; works before, during and after a provider.

#include <nanospan/thread_ring.hpp>

#include <string>

namespace nanospan::inline v0 {

/// A snapshot, in spans. Recorded spans only: one that the sampler dropped is in no figure.
struct NANOSPAN_DETAIL_SHARED stats_snapshot {
  struct drops {
    std::uint64_t no_provider = 0;     ///< recorded before there was a tracer_provider (counted as they begin)
    std::uint64_t after_shutdown = 0;  ///< begun or ended after the provider's end
    std::uint64_t ring_full = 0;       ///< the thread recorded faster than its ring was drained
    std::uint64_t no_ring = 0;         ///< options.ring_memory_limit_bytes was reached
    std::uint64_t no_slot = 0;         ///< in thread-local destructors after the thread's end, or without memory
    std::uint64_t queue_full = 0;      ///< encoded batches waited beyond options.max_queue_bytes
    std::uint64_t export_failed = 0;   ///< the exporter gave up: not retryable, or out of time
    std::uint64_t spool_full = 0;      ///< waited on disk beyond options.spool_limit_bytes, and there is no fallback
    std::uint64_t interrupted = 0;     ///< in a signal handler that had interrupted the thread while it recorded
    std::uint64_t no_memory = 0;       ///< there was no memory to encode or queue them
    std::uint64_t shutdown = 0;        ///< still queued when options.shutdown_limit ran out

    std::uint64_t total() const noexcept {
      return no_provider + after_shutdown + ring_full + no_ring + no_slot + queue_full + export_failed + spool_full + interrupted + no_memory + shutdown;
    }
  };

  /// Left out on purpose, after they were recorded.
  struct discards {
    std::uint64_t hook = 0;         ///< by the hook on ended spans
    std::uint64_t record_only = 0;  ///< their sampler wanted them recorded, and no more
    std::uint64_t inherited = 0;    ///< in a forked process: were open when it was forked, and are the parent's to send

    std::uint64_t total() const noexcept { return hook + record_only + inherited; }
  };

  std::uint64_t ended = 0;
  std::uint64_t recovered = 0;    ///< read from the spool that another process left; not among `ended`
  std::uint64_t exported = 0;     ///< the exporter confirmed them
  std::uint64_t fallback = 0;     ///< options.fallback took them
  std::uint64_t rejected = 0;     ///< the collector took the batch and refused these (OTLP partial success)
  drops dropped = {};
  discards discarded = {};
  std::uint64_t unconfirmed = 0;  ///< sent in full, never answered: the collector may have them
  std::uint64_t held = 0;         ///< in rings, batches, queue and spool
  std::uint64_t spooled = 0;      ///< of those held: on disk
  std::uint64_t recovered_in_flight = 0;  ///< of those recovered: were being sent when their process ended, so that the collector may get them twice
  std::uint64_t misused = 0;      ///< not spans: NANOSPAN_SET and its like where no span was open, scopes closed out of order

  std::uint64_t hook_failed = 0;  ///< of those exported or still held: options.on_end threw

  std::uint64_t in_flight = 0;           ///< of those held: given to the exporter at least once
  std::uint64_t passed = 0;              ///< given to the exporter at least once, whatever became of them
  std::uint64_t passed_queue_full = 0;   ///< of dropped.queue_full: had been given to the exporter
  std::uint64_t passed_shutdown = 0;     ///< of dropped.shutdown: had been given to the exporter
  std::uint64_t passed_fallback = 0;     ///< of fallback: had been given to the exporter
  std::uint64_t passed_spool_full = 0;   ///< of dropped.spool_full: had been given to the exporter

  std::uint64_t queue_bytes = 0;         ///< encoded batches that wait or are being sent
  std::uint64_t queue_limit_bytes = 0;   ///< options.max_queue_bytes; zero without a provider
  std::uint64_t ring_memory_bytes = 0;   ///< of all threads' rings
  std::uint64_t ring_memory_limit_bytes = 0;
  std::uint64_t memory_bytes = 0;        ///< of all that holds spans; see options.memory_limit_bytes
  std::uint64_t memory_limit_bytes = 0;

  /// Batches of which the exporting has ended in one of these ways, and how long it took: from the first attempt to the end, back-off included.
  struct export_operations {
    struct total {
      std::uint64_t count = 0;
      std::uint64_t nanoseconds = 0;
    };
    total success = {};
    total rejected = {};  ///< the collector refused spans of them
    total export_failed = {};
    total unconfirmed = {};
    total queue_full = {};
    total shutdown = {};
    total fallback = {};  ///< options.fallback took them
    total spool_full = {};
  };
  export_operations exports = {};

  std::uint64_t accounted() const noexcept { return exported + fallback + rejected + dropped.total() + discarded.total() + unconfirmed + held; }

  /// All of it as text for a health page, in Prometheus' exposition format 0.0.4, a HELP and a TYPE beside each metric. OpenTelemetry's names
  /// where it has one (semantic conventions, "SDK metrics": otel_sdk_processor_span_*, otel_sdk_exporter_*), else ours (nanospan_*). Any thread; throws
  /// std::bad_alloc; body with the implementation.
  std::string text() const;
};

/// The account of this process so far. Any thread, no lock; cost: a walk over the threads' slots.
inline stats_snapshot stats() noexcept {
  stats_snapshot now;
  auto const& done = detail::background;
  // The background's figures first: what moves on meanwhile is then seen as held, not twice.
  now.exported = done.exported.read();
  now.fallback = done.fallback.read();
  now.rejected = done.rejected.read();
  now.unconfirmed = done.unconfirmed.read();
  now.dropped.queue_full = done.dropped_queue_full.read();
  now.dropped.export_failed = done.dropped_export_failed.read();
  now.dropped.spool_full = done.dropped_spool_full.read();
  now.dropped.no_memory = done.dropped_no_memory.read();
  now.dropped.shutdown = done.dropped_shutdown.read();
  now.discarded.hook = done.discarded_hook.read();
  now.discarded.record_only = done.discarded_record_only.read();
  now.discarded.inherited = done.discarded_inherited.read();
  std::uint64_t const settled = now.accounted();
  now.recovered = done.recovered.read();  // after what became of them
  now.recovered_in_flight = done.recovered_in_flight.read();
  now.spooled = done.spooled.load(std::memory_order_relaxed);
  now.hook_failed = done.hook_failed.read();
  now.passed_queue_full = done.passed_queue_full.read();
  now.passed_shutdown = done.passed_shutdown.read();
  now.passed_fallback = done.passed_fallback.read();
  now.passed_spool_full = done.passed_spool_full.read();
  auto const operations = [](detail::export_end how) {
    auto const& all = detail::background.exports[static_cast<std::size_t>(how)];
    return stats_snapshot::export_operations::total{all.count.read(), all.nanoseconds.read()};
  };
  using how = detail::export_end;
  now.exports = {operations(how::success),     operations(how::rejected),   operations(how::export_failed),
                 operations(how::unconfirmed), operations(how::queue_full), operations(how::shutdown),
                 operations(how::fallback),    operations(how::spool_full)};
  now.queue_bytes = done.queue_bytes.load(std::memory_order_relaxed);
  now.queue_limit_bytes = done.queue_limit_bytes.load(std::memory_order_relaxed);
  now.ring_memory_bytes = detail::registry.ring_memory_bytes.load(std::memory_order_relaxed);
  now.ring_memory_limit_bytes = detail::registry.ring_memory_limit_bytes.load(std::memory_order_relaxed);
  now.memory_bytes = now.ring_memory_bytes + detail::span_memory.used();
  now.memory_limit_bytes = detail::span_memory.limit() + (now.ring_memory_bytes > now.ring_memory_limit_bytes ? now.ring_memory_bytes : now.ring_memory_limit_bytes);
  // After what became of them.
  now.passed = done.passed.read();
  std::uint64_t const returned = now.exported + now.rejected + now.unconfirmed + now.dropped.export_failed + now.passed_queue_full + now.passed_shutdown +
                                 now.passed_fallback + now.passed_spool_full;
  now.in_flight = now.passed > returned ? now.passed - returned : 0;
  std::uint64_t recorded = 0;
  std::uint64_t inherited = 0;  // not through a ring
  detail::for_each_slot([&](detail::thread_slot const& slot) {
    recorded += slot.ring.records();
    now.dropped.no_provider += slot.dropped_no_provider.read();
    now.dropped.after_shutdown += slot.dropped_after_shutdown.read();
    now.dropped.ring_full += slot.dropped_ring_full.read();
    now.dropped.no_ring += slot.dropped_no_ring.read();
    now.dropped.interrupted += slot.dropped_interrupted.load(std::memory_order_relaxed);  // Relaxed: for reporting.
    inherited += slot.discarded_inherited.read();
    now.misused += slot.misused.read() + slot.scopes_lost.load(std::memory_order_relaxed);
  });
  now.dropped.no_slot = detail::registry.dropped_no_slot.load(std::memory_order_relaxed);
  now.held = recorded + now.recovered > settled ? recorded + now.recovered - settled : 0;
  now.ended = recorded + now.dropped.no_provider + now.dropped.after_shutdown + now.dropped.ring_full + now.dropped.no_ring + now.dropped.no_slot + now.dropped.interrupted + inherited;
  now.discarded.inherited += inherited;
  return now;
}

}  // namespace nanospan::inline v0
