// SPDX-License-Identifier: Apache-2.0

// nanospan: a header-only tracing micro-SDK. This list is the architecture: each header may include only earlier ones.
// Two guards, so that the file that implements may have included it before, through another header.

#ifndef NANOSPAN_HPP
#define NANOSPAN_HPP

// IWYU pragma: begin_exports
// Recording: in every file. No Boost, builds without exceptions and RTTI.
#include <nanospan/version.hpp>
#include <nanospan/config.hpp>
#include <nanospan/shared.hpp>
#include <nanospan/detail/background_counters.hpp>
#include <nanospan/detail/memory_account.hpp>
#include <nanospan/id.hpp>
#include <nanospan/context.hpp>
#include <nanospan/detail/utf8.hpp>
#include <nanospan/detail/header_text.hpp>
#include <nanospan/tracestate.hpp>
#include <nanospan/baggage.hpp>
#include <nanospan/clock.hpp>
#include <nanospan/attribute.hpp>
#include <nanospan/tracer.hpp>
#include <nanospan/record.hpp>
#include <nanospan/entry_view.hpp>
#include <nanospan/start_options.hpp>
#include <nanospan/detail/attribute_payload.hpp>
#include <nanospan/entry_buffer.hpp>
#include <nanospan/attributes_view.hpp>
#include <nanospan/ring.hpp>
#include <nanospan/thread_ring.hpp>
#include <nanospan/scope.hpp>
#include <nanospan/detail/trace_headers.hpp>
#include <nanospan/detail/carrier.hpp>
#include <nanospan/propagation.hpp>
#include <nanospan/sampler.hpp>
#include <nanospan/span_recorder.hpp>
#include <nanospan/span.hpp>
#include <nanospan/macros.hpp>

// What main says and asks: declarations.
#include <nanospan/samplers.hpp>
#include <nanospan/attribute_value.hpp>
#include <nanospan/ended_span.hpp>
#include <nanospan/options.hpp>
#include <nanospan/exporter.hpp>
#include <nanospan/stats.hpp>
#include <nanospan/tracer_provider.hpp>
// IWYU pragma: end_exports

#endif

// The background half: only in the one source file that defines NANOSPAN_IMPLEMENTATION.
#if defined(NANOSPAN_IMPLEMENTATION) && !defined(NANOSPAN_IMPLEMENTATION_HPP)
#define NANOSPAN_IMPLEMENTATION_HPP
#include <nanospan/detail/joined.hpp>
#include <nanospan/detail/decimal.hpp>
#include <nanospan/detail/descriptor.hpp>
#include <nanospan/detail/guest_thread.hpp>
#include <nanospan/detail/silence.hpp>
#include <nanospan/detail/batch_account.hpp>
#include <nanospan/detail/charged_batch.hpp>
#include <nanospan/detail/turn.hpp>
#include <nanospan/detail/wake_up.hpp>
#include <nanospan/detail/side_thread.hpp>
#include <nanospan/detail/url.hpp>
#include <nanospan/clock_converter.hpp>
#include <nanospan/sampler_texts.hpp>
#include <nanospan/messages.hpp>
#include <nanospan/environment.hpp>
#include <nanospan/wire.hpp>
#include <nanospan/detail/otlp_split.hpp>
#include <nanospan/detail/address_map.hpp>
#include <nanospan/detail/any_value.hpp>
#include <nanospan/detail/kept_entry.hpp>
#include <nanospan/detail/literal_cache.hpp>
#include <nanospan/attribute_set.hpp>
#include <nanospan/baggage_attributes.hpp>
#include <nanospan/scope_list.hpp>
#include <nanospan/collected_span.hpp>
#include <nanospan/exporter_choice.hpp>
#include <nanospan/configuration.hpp>
#include <nanospan/resource_detectors.hpp>
#include <nanospan/resource.hpp>
#include <nanospan/otlp.hpp>
#include <nanospan/otlp_reader.hpp>
#include <nanospan/edit.hpp>
#include <nanospan/detail/json_text.hpp>
#include <nanospan/otlp_json.hpp>
#include <nanospan/exporters/memory.hpp>
#include <nanospan/exporters/composite.hpp>
#include <nanospan/waterfall.hpp>
#include <nanospan/exporters/console.hpp>
#include <nanospan/detail/line_file.hpp>
#include <nanospan/exporters/otlp_file.hpp>
#include <nanospan/detail/resolution.hpp>
#include <nanospan/detail/socket_stream.hpp>
#include <nanospan/detail/http_answer.hpp>
#include <nanospan/detail/http_date.hpp>
#include <nanospan/detail/otlp_answer.hpp>
#include <nanospan/detail/crc32.hpp>
#include <nanospan/detail/gzip.hpp>
#if NANOSPAN_TLS
#include <nanospan/detail/tls_stream.hpp>
#endif
#include <nanospan/exporters/otlp_http.hpp>
#include <nanospan/collector.hpp>
#include <nanospan/detail/spool_file.hpp>
#include <nanospan/detail/spool_names.hpp>
#include <nanospan/detail/spool_directory.hpp>
#include <nanospan/spool.hpp>
#include <nanospan/detail/disk_turns.hpp>
#include <nanospan/detail/queued_batch.hpp>
#include <nanospan/detail/sender_messages.hpp>
#include <nanospan/detail/batch_queue.hpp>
#include <nanospan/detail/batch_disk.hpp>
#include <nanospan/detail/batch_refuge.hpp>
#include <nanospan/sender.hpp>
#include <nanospan/loss_watch.hpp>
#include <nanospan/pipeline.hpp>
#include <nanospan/provider.hpp>
#include <nanospan/stats_text.hpp>
#endif
