// SPDX-License-Identifier: Apache-2.0

// Through nanospan::stats: stats_text.hpp has a body that exists once in a program.
#include <nanospan/stats.hpp>

#include <nanospan/macros.hpp>
#include <nanospan/tracer_provider.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"
#include "support/scripted.hpp"

#include <optional>
#include <string>

using nanospan::stats_snapshot;
using support::scripted_exporter;
using outcome = nanospan::export_result::outcome;

namespace {

// From here on nothing is in flight, whatever other tests have told the account.
stats_snapshot from_here() {
  auto& done = nanospan::detail::background;
  auto const now = nanospan::stats();
  std::uint64_t const returned = now.exported + now.rejected + now.unconfirmed + now.dropped.export_failed + now.passed_queue_full + now.passed_shutdown;
  done.passed.add(returned - now.passed);
  return nanospan::stats();
}

nanospan::options sending_to(std::shared_ptr<scripted_exporter> to) {
  nanospan::options with;
  with.exporter = std::move(to);
  with.background_thread = false;
  with.on_message = [](std::string_view) noexcept {};
  return with;
}

void record(int spans) {
  for (int i = 0; i < spans; ++i) NANOSPAN("span");
}

bool has_line(std::string const& text, std::string const& line) { return ("\n" + text).find("\n" + line + "\n") != std::string::npos; }

}  // namespace

TEST_CASE("spans are in flight from their batch's first attempt until it has ended") {
  auto const before = from_here();
  auto const to = std::make_shared<scripted_exporter>();
  nanospan::tracer_provider tracing{sending_to(to)};
  to->next(outcome::retry);
  record(7);
  CHECK(nanospan::stats().in_flight == 0);
  CHECK_FALSE(tracing.flush());
  CHECK(nanospan::stats().in_flight == 7);
  CHECK(nanospan::stats().passed == before.passed + 7);
  record(3);
  CHECK(nanospan::stats().in_flight == 7);
  CHECK(tracing.flush());
  CHECK(nanospan::stats().in_flight == 0);
  CHECK(nanospan::stats().passed == before.passed + 10);
}

TEST_CASE("an export operation ends once, in the way in which its last attempt did") {
  auto const before = from_here();
  auto const to = std::make_shared<scripted_exporter>();
  std::optional<nanospan::tracer_provider> tracing{std::in_place, sending_to(to)};
  to->next(outcome::retry, 2);
  to->next({outcome::success, 0, {}, {}});
  to->next({outcome::success, 3, {}, {}});
  to->next(outcome::failure);
  record(7);
  CHECK_FALSE(tracing->flush());
  CHECK_FALSE(tracing->flush());
  CHECK(tracing->flush());
  record(7);
  CHECK(tracing->flush());
  record(7);
  CHECK_FALSE(tracing->flush());
  auto const now = nanospan::stats();
  CHECK(now.exports.success.count == before.exports.success.count + 1);
  CHECK(now.exports.success.nanoseconds > before.exports.success.nanoseconds);
  CHECK(now.exports.rejected.count == before.exports.rejected.count + 1);
  CHECK(now.exports.export_failed.count == before.exports.export_failed.count + 1);
  to->next(outcome::unconfirmed);
  to->next(outcome::failure);
  record(7);
  CHECK_FALSE(tracing->flush());
  CHECK_FALSE(tracing->flush());
  CHECK(nanospan::stats().exports.unconfirmed.count == before.exports.unconfirmed.count + 1);
  // One that has been attempted is given up at the end, one that has not is no export operation.
  to->next(outcome::unreachable, 2);
  record(7);
  CHECK_FALSE(tracing->flush());
  record(5);
  tracing.reset();
  auto const end = nanospan::stats();
  CHECK(end.exports.shutdown.count == before.exports.shutdown.count + 1);
  CHECK(end.passed_shutdown == before.passed_shutdown + 7);
  CHECK(end.dropped.shutdown == before.dropped.shutdown + 12);
  CHECK(end.in_flight == 0);
}

TEST_CASE("of batches that a full queue drops those that had been attempted are the exporter's") {
  auto const before = from_here();
  auto const to = std::make_shared<scripted_exporter>();
  auto with = sending_to(to);
  with.max_batch_spans = 1;
  with.max_batch_bytes = with.max_queue_bytes = 1'024;
  nanospan::tracer_provider tracing{std::move(with)};
  to->next(outcome::retry);
  record(1);
  CHECK_FALSE(tracing.flush());
  CHECK(nanospan::stats().queue_bytes > 0);
  CHECK(nanospan::stats().queue_limit_bytes == 1'024);
  record(100);
  tracing.poll();
  auto const now = nanospan::stats();
  CHECK(now.passed_queue_full == before.passed_queue_full + 1);
  CHECK(now.exports.queue_full.count == before.exports.queue_full.count + 1);
  CHECK(now.dropped.queue_full > before.dropped.queue_full + 10);
  CHECK(now.queue_bytes <= 1'024);
}

TEST_CASE("a provider's end leaves an empty queue and no limit of it") {
  { support::recorded const all; }
  CHECK(nanospan::stats().queue_bytes == 0);
  CHECK(nanospan::stats().queue_limit_bytes == 0);
}

TEST_CASE("the text says each figure under the standard's name, or ours where it has none") {
  stats_snapshot now;
  now.ended = 1'000;
  now.held = 30;
  now.in_flight = 10;
  now.passed = 700;
  now.exported = 500;
  now.rejected = 40;
  now.unconfirmed = 50;
  now.dropped = {.no_provider = 1, .after_shutdown = 2, .ring_full = 3, .no_ring = 4, .no_slot = 5, .queue_full = 60, .export_failed = 70, .spool_full = 17, .interrupted = 15, .no_memory = 8, .shutdown = 90};
  now.recovered = 21;
  now.recovered_in_flight = 22;
  now.fallback = 25;
  now.passed_fallback = 24;
  now.passed_spool_full = 15;
  now.spooled = 26;
  now.exports.fallback = {6, 1};
  now.passed_queue_full = 20;
  now.passed_shutdown = 30;
  now.discarded = {12, 13, 14};
  now.hook_failed = 14;
  now.misused = 11;
  now.queue_bytes = 1'234;
  now.queue_limit_bytes = 102'400;
  now.ring_memory_bytes = 10'240;
  now.ring_memory_limit_bytes = 99'999;
  now.memory_bytes = 20'480;
  now.memory_limit_bytes = 100'000'000;
  now.exports.success = {3, 4'000'000'005};
  now.exports.rejected = {1, 999'999'999};
  auto const text = now.text();
  CAPTURE(text);
  CHECK(has_line(text, "# TYPE otel_sdk_processor_span_queue_size gauge"));
  CHECK(has_line(text, "otel_sdk_processor_span_queue_size 20"));
  CHECK(has_line(text, "otel_sdk_processor_span_queue_capacity 110"));
  CHECK(has_line(text, "# TYPE otel_sdk_processor_span_processed_total counter"));
  CHECK(has_line(text, "otel_sdk_processor_span_processed_total 700"));
  CHECK(has_line(text, "otel_sdk_processor_span_processed_total{error_type=\"queue_full\"} 47"));  // rings' 3 and 4, 60 but 20
  CHECK(has_line(text, "otel_sdk_processor_span_processed_total{error_type=\"already_shutdown\"} 2"));
  CHECK(has_line(text, "otel_sdk_processor_span_processed_total{error_type=\"no_slot\"} 5"));
  CHECK(has_line(text, "otel_sdk_processor_span_processed_total{error_type=\"no_memory\"} 8"));
  CHECK(has_line(text, "otel_sdk_processor_span_processed_total{error_type=\"shutdown\"} 60"));
  CHECK(has_line(text, "otel_sdk_processor_span_processed_total{error_type=\"fallback\"} 1"));
  CHECK(has_line(text, "otel_sdk_processor_span_processed_total{error_type=\"spool_full\"} 2"));
  CHECK(has_line(text, "otel_sdk_exporter_span_exported_total{error_type=\"fallback\"} 24"));
  CHECK(has_line(text, "otel_sdk_exporter_span_exported_total{error_type=\"spool_full\"} 15"));
  CHECK(has_line(text, "otel_sdk_exporter_operation_duration_seconds_count{error_type=\"fallback\"} 6"));
  CHECK(has_line(text, "nanospan_span_dropped_total{reason=\"spool_full\"} 17"));
  CHECK(has_line(text, "nanospan_span_recovered_total 21"));
  CHECK(has_line(text, "nanospan_span_recovered_in_flight_total 22"));
  CHECK(has_line(text, "nanospan_span_fallback_total 25"));
  CHECK(has_line(text, "nanospan_span_spooled 26"));
  CHECK(has_line(text, "otel_sdk_exporter_span_inflight 10"));
  CHECK(has_line(text, "otel_sdk_exporter_span_exported_total 500"));
  CHECK(has_line(text, "otel_sdk_exporter_span_exported_total{error_type=\"rejected\"} 40"));
  CHECK(has_line(text, "otel_sdk_exporter_span_exported_total{error_type=\"export_failed\"} 70"));
  CHECK(has_line(text, "otel_sdk_exporter_span_exported_total{error_type=\"unconfirmed\"} 50"));
  CHECK(has_line(text, "otel_sdk_exporter_span_exported_total{error_type=\"queue_full\"} 20"));
  CHECK(has_line(text, "otel_sdk_exporter_span_exported_total{error_type=\"shutdown\"} 30"));
  CHECK(has_line(text, "otel_sdk_exporter_operation_duration_seconds_bucket{le=\"+Inf\"} 3"));
  CHECK(has_line(text, "otel_sdk_exporter_operation_duration_seconds_sum 4.000000005"));
  CHECK(has_line(text, "otel_sdk_exporter_operation_duration_seconds_count 3"));
  CHECK(has_line(text, "otel_sdk_exporter_operation_duration_seconds_bucket{error_type=\"rejected\",le=\"+Inf\"} 1"));
  CHECK(has_line(text, "otel_sdk_exporter_operation_duration_seconds_sum{error_type=\"rejected\"} 0.999999999"));
  CHECK(has_line(text, "nanospan_span_ended_total 1000"));
  CHECK(has_line(text, "nanospan_span_held 30"));
  CHECK(has_line(text, "nanospan_span_dropped_total{reason=\"no_provider\"} 1"));
  CHECK(has_line(text, "nanospan_span_dropped_total{reason=\"shutdown\"} 90"));
  CHECK(has_line(text, "nanospan_span_discarded_total{reason=\"hook\"} 12"));
  CHECK(has_line(text, "nanospan_span_discarded_total{reason=\"record_only\"} 13"));
  CHECK(has_line(text, "nanospan_span_discarded_total{reason=\"inherited\"} 14"));
  CHECK(has_line(text, "nanospan_hook_failed_total 14"));
  CHECK(has_line(text, "nanospan_misused_total 11"));
  CHECK(has_line(text, "nanospan_queue_size_bytes 1234"));
  CHECK(has_line(text, "nanospan_queue_capacity_bytes 102400"));
  CHECK(has_line(text, "nanospan_ring_memory_bytes 10240"));
  CHECK(has_line(text, "nanospan_ring_memory_limit_bytes 99999"));
  CHECK(has_line(text, "nanospan_memory_bytes 20480"));
  CHECK(has_line(text, "nanospan_memory_limit_bytes 100000000"));
  CHECK(has_line(text, "otel_sdk_processor_span_processed_total{error_type=\"interrupted\"} 15"));
  CHECK(has_line(text, "nanospan_span_dropped_total{reason=\"interrupted\"} 15"));
}
