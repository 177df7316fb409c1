// SPDX-License-Identifier: Apache-2.0
#pragma once

// The account as text, in Prometheus' exposition format. Our rings, batches and queue are the standard's processor up to a batch's first
// attempt, and its exporter from there; its names become Prometheus' as "Prometheus and OpenMetrics compatibility" says. Any thread.

#include <nanospan/configuration.hpp>
#include <nanospan/detail/joined.hpp>
#include <nanospan/stats.hpp>

#include <string_view>

namespace nanospan::inline v0 {
namespace detail {

class exposition {
 public:
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += joined({"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"});
  }
  void add(std::uint64_t value) { text_ += joined({name_, " ", std::to_string(value), "\n"}); }
  void add(std::string_view label, std::string_view is, std::uint64_t value) {
    text_ += joined({name_, "{", label, "=\"", is, "\"} ", std::to_string(value), "\n"});
  }
  // Without buckets, but for the one that holds all: what is kept is count and sum.
  void add(std::string_view error_type, stats_snapshot::export_operations::total const& of) {
    std::string const error = error_type.empty() ? std::string{} : joined({"error_type=\"", error_type, "\""});
    std::string const count = std::to_string(of.count);
    std::string const labels = error.empty() ? error : joined({"{", error, "}"});
    text_ += joined({name_, "_bucket{", error, error.empty() ? "" : ",", "le=\"+Inf\"} ", count, "\n"});
    text_ += joined({name_, "_sum", labels, " ", seconds(of.nanoseconds), "\n", name_, "_count", labels, " ", count, "\n"});
  }
  std::string take() { return std::move(text_); }

 private:
  // Exact, and with a point whatever the locale.
  static std::string seconds(std::uint64_t nanoseconds) {
    std::string const fraction = std::to_string(nanoseconds % 1'000'000'000);
    return joined({std::to_string(nanoseconds / 1'000'000'000), ".", std::string(9 - fraction.size(), '0'), fraction});
  }

  std::string_view name_;
  std::string text_;
};

}  // namespace detail

std::string stats_snapshot::text() const {
  detail::exposition out;
  // Held ones that the exporter has not seen; a span in a ring is in the queue, too.
  out.begin("otel_sdk_processor_span_queue_size", "gauge", "Spans that wait to be given to the exporter: in rings, batches and queue.");
  out.add(held > in_flight ? held - in_flight : 0);
  out.begin("otel_sdk_processor_span_queue_capacity", "gauge", "Spans that rings and queue hold, at 1 KiB a span; in bytes they are bounded exactly.");
  out.add((ring_memory_bytes + queue_limit_bytes) / detail::assumed_span_bytes);
  out.begin("otel_sdk_processor_span_processed_total", "counter", "Spans that were given to the exporter, or lost before (error_type).");
  out.add(passed);
  out.add("error_type", "queue_full", dropped.ring_full + dropped.no_ring + dropped.queue_full - passed_queue_full);
  out.add("error_type", "already_shutdown", dropped.after_shutdown);
  out.add("error_type", "no_slot", dropped.no_slot);
  out.add("error_type", "interrupted", dropped.interrupted);
  out.add("error_type", "no_memory", dropped.no_memory);
  out.add("error_type", "shutdown", dropped.shutdown - passed_shutdown);
  out.add("error_type", "fallback", fallback - passed_fallback);
  out.add("error_type", "spool_full", dropped.spool_full - passed_spool_full);

  out.begin("otel_sdk_exporter_span_inflight", "gauge", "Spans that were given to the exporter and are neither exported nor given up.");
  out.add(in_flight);
  out.begin("otel_sdk_exporter_span_exported_total", "counter", "Spans that the exporter has done with: taken by the collector, or not (error_type).");
  out.add(exported);
  out.add("error_type", "rejected", rejected);
  out.add("error_type", "export_failed", dropped.export_failed);
  out.add("error_type", "unconfirmed", unconfirmed);
  out.add("error_type", "queue_full", passed_queue_full);
  out.add("error_type", "shutdown", passed_shutdown);
  out.add("error_type", "fallback", passed_fallback);
  out.add("error_type", "spool_full", passed_spool_full);
  out.begin("otel_sdk_exporter_operation_duration_seconds", "histogram", "From a batch's first attempt to its end, back-off included.");
  out.add("", exports.success);
  out.add("rejected", exports.rejected);
  out.add("export_failed", exports.export_failed);
  out.add("unconfirmed", exports.unconfirmed);
  out.add("queue_full", exports.queue_full);
  out.add("shutdown", exports.shutdown);
  out.add("fallback", exports.fallback);
  out.add("spool_full", exports.spool_full);

  out.begin("nanospan_span_ended_total", "counter", "Sampled spans that have ended.");
  out.add(ended);
  out.begin("nanospan_span_recovered_total", "counter", "Spans that were read from the spool of another process.");
  out.add(recovered);
  out.begin("nanospan_span_recovered_in_flight_total", "counter", "Of those recovered: were being sent when their process ended; the collector may have them twice.");
  out.add(recovered_in_flight);
  out.begin("nanospan_span_fallback_total", "counter", "Spans that options.fallback took.");
  out.add(fallback);
  out.begin("nanospan_span_spooled", "gauge", "Of those held: on disk.");
  out.add(spooled);
  out.begin("nanospan_span_held", "gauge", "Spans in rings, batches, queue and spool, those that are being sent included.");
  out.add(held);
  out.begin("nanospan_span_dropped_total", "counter", "Spans that were lost, by reason.");
  out.add("reason", "no_provider", dropped.no_provider);
  out.add("reason", "after_shutdown", dropped.after_shutdown);
  out.add("reason", "ring_full", dropped.ring_full);
  out.add("reason", "no_ring", dropped.no_ring);
  out.add("reason", "no_slot", dropped.no_slot);
  out.add("reason", "queue_full", dropped.queue_full);
  out.add("reason", "export_failed", dropped.export_failed);
  out.add("reason", "spool_full", dropped.spool_full);
  out.add("reason", "no_memory", dropped.no_memory);
  out.add("reason", "shutdown", dropped.shutdown);
  out.add("reason", "interrupted", dropped.interrupted);
  out.begin("nanospan_span_discarded_total", "counter", "Spans that were left out on purpose after they were recorded, by reason.");
  out.add("reason", "hook", discarded.hook);
  out.add("reason", "record_only", discarded.record_only);
  out.add("reason", "inherited", discarded.inherited);
  out.begin("nanospan_hook_failed_total", "counter", "Times that options.on_end threw.");
  out.add(hook_failed);
  out.begin("nanospan_misused_total", "counter", "Calls where no span was open, and scopes closed out of order.");
  out.add(misused);
  out.begin("nanospan_queue_size_bytes", "gauge", "Encoded batches that wait or are being sent.");
  out.add(queue_bytes);
  out.begin("nanospan_queue_capacity_bytes", "gauge", "options.max_queue_bytes; zero without a provider.");
  out.add(queue_limit_bytes);
  out.begin("nanospan_ring_memory_bytes", "gauge", "Memory of all rings.");
  out.add(ring_memory_bytes);
  out.begin("nanospan_ring_memory_limit_bytes", "gauge", "options.ring_memory_limit_bytes.");
  out.add(ring_memory_limit_bytes);
  out.begin("nanospan_memory_bytes", "gauge", "Memory of all that holds spans: rings, blocks of large spans, batches.");
  out.add(memory_bytes);
  out.begin("nanospan_memory_limit_bytes", "gauge", "options.memory_limit_bytes.");
  out.add(memory_limit_bytes);
  return out.take();
}

}  // namespace nanospan::inline v0
