// SPDX-License-Identifier: Apache-2.0
#pragma once

// What main says about tracing. Declarations only. Where an option is left at its default, the OTEL_ variable named beside it
// decides; where there is none either, the default named here.

#include <nanospan/ended_span.hpp>
#include <nanospan/propagation.hpp>
#include <nanospan/sampler.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <string>
#include <string_view>

namespace nanospan::inline v0 {

class exporter;

/// A length of time; made from any std::chrono::duration, without the need to include <chrono> here. What does not fit into 64 bits of
/// nanoseconds is the longest (or shortest) that does.
class duration {
 public:
  constexpr duration() noexcept = default;
  template <typename Chrono>
    requires requires(Chrono d) { d.count(); Chrono::period::num; Chrono::period::den; }
  constexpr explicit(false) duration(Chrono d) noexcept
      : nanoseconds_{bounded(static_cast<long double>(d.count()) * Chrono::period::num * 1'000'000'000 / Chrono::period::den)} {}
  static constexpr duration of_nanoseconds(std::int64_t n) noexcept { return duration{n}; }
  static constexpr duration of_milliseconds(std::int64_t n) noexcept { return duration{bounded(static_cast<long double>(n) * 1'000'000)}; }
  /// An option that was left alone: its variable decides, else its default.
  static constexpr duration unset() noexcept { return duration{std::numeric_limits<std::int64_t>::min()}; }

  constexpr std::int64_t nanoseconds() const noexcept { return nanoseconds_; }
  friend constexpr auto operator<=>(duration, duration) noexcept = default;

 private:
  explicit constexpr duration(std::int64_t nanoseconds) noexcept : nanoseconds_{nanoseconds} {}
  static constexpr std::int64_t bounded(long double nanoseconds) noexcept {
    if (nanoseconds != nanoseconds) return 0;  // no number
    if (nanoseconds >= 0x1p63L) return std::numeric_limits<std::int64_t>::max();
    if (nanoseconds <= -0x1p63L) return std::numeric_limits<std::int64_t>::min();
    return static_cast<std::int64_t>(nanoseconds);
  }
  std::int64_t nanoseconds_ = 0;
};

/// Called with one line of text (no newline) when something is lost, found again, or wrong. From any of the library's threads and
/// from tracer_provider's constructor and destructor; must not throw or block for long.
using message_handler = void (*)(std::string_view line) noexcept;

/// Which messages are passed on: those of the level, and worse ones.
enum class log_level : std::uint8_t { unset, none, error, warn, info, debug };

/// Thrown by constructors only; what() names the option and the offending value.
class NANOSPAN_DETAIL_SHARED configuration_error : public std::exception {
 public:
  explicit configuration_error(std::string text) : text_{std::move(text)} {}
  char const* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

/// Of what is sent.
enum class compression : std::uint8_t { unset, none, gzip };

/// How much of a span is kept (OpenTelemetry, "Span Limits"); what is beyond it is left out and counted on the span (dropped_*_count). The counts
/// may be 0 to 4,096. One that is unset is its variable's, else the default named here; a variable that says more than 4,096 is reported, and 4,096 is used.
struct span_limits {
  static constexpr std::size_t unlimited = static_cast<std::size_t>(-1);
  static constexpr std::size_t unset = unlimited - 1;
  static constexpr std::size_t greatest_count = 4'096;

  /// Of a span. OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, else OTEL_ATTRIBUTE_COUNT_LIMIT, else 128.
  std::size_t attribute_count = unset;
  /// In characters of a text (bytes of a byte array), of each element of an array. OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT, else
  /// OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT, else unlimited.
  std::size_t attribute_value_length = unset;
  /// Of a span. OTEL_SPAN_EVENT_COUNT_LIMIT, else 128.
  std::size_t event_count = unset;
  /// Of a span. OTEL_SPAN_LINK_COUNT_LIMIT, else 128.
  std::size_t link_count = unset;
  /// Of one event. OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT, else OTEL_ATTRIBUTE_COUNT_LIMIT, else 128.
  std::size_t attribute_count_per_event = unset;
  /// Of one link. OTEL_LINK_ATTRIBUTE_COUNT_LIMIT, else OTEL_ATTRIBUTE_COUNT_LIMIT, else 128.
  std::size_t attribute_count_per_link = unset;
};

/// What is found out about the process and put into the resource, under the keys of the semantic conventions; beside service.name and
/// telemetry.sdk.*, which are always there. Those that are on cost microseconds.
struct resource_detectors {
  bool service_instance = true;  ///< service.instance.id, a random UUID of this provider
  bool process_id = true;        ///< process.pid
  bool host_name = true;         ///< host.name
  bool os_type = true;           ///< os.type
  bool process = false;          ///< process.executable.{name,path}, process.creation.time, process.owner, which may ask a directory service
  bool process_command = false;  ///< process.command_line: there may be secrets in it
  bool host = false;             ///< host.id (the machine's id, on Linux), host.arch
  bool os = false;               ///< os.name, os.version
};

/// The variables are read when a tracer_provider is constructed, never later. What is said here wins over them.
struct options {  // NOLINT(clang-analyzer-optin.performance.Padding): in the order of what belongs together, which is the one of designators
  /// OTEL_SERVICE_NAME, else OTEL_RESOURCE_ATTRIBUTES' service.name, else "unknown_service:<executable>".
  std::string service_name = {};
  /// Beside and over what was detected and those of OTEL_RESOURCE_ATTRIBUTES: {{"deployment.environment.name", "staging"}}. No limit applies.
  attribute_list resource_attributes = {};
  /// Of the conventions that resource_attributes follow. The detectors have one, too: another one than theirs is reported, and none is sent.
  std::string resource_schema_url = {};
  nanospan::resource_detectors resource_detectors = {};

  /// Keys of baggage that become attributes of every span that starts where it is carried: {"tenant.id"}. An attribute of that key which the
  /// span has itself wins. Records of spans with baggage get as much longer as it is.
  std::vector<std::string> baggage_attributes = {};

  /// Where spans go. Null: OTEL_TRACES_EXPORTER (none, or one or both of otlp and console, by commas), else OTLP over HTTP with the four options below.
  shared<nanospan::exporter> exporter = nullptr;
  /// The collector's address: scheme, host, port; "/v1/traces" is appended where it has no path. OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
  /// (used as it stands), else OTEL_EXPORTER_OTLP_ENDPOINT (with "v1/traces" appended), else http://localhost:4318/v1/traces.
  std::string endpoint = {};
  /// Added to each request. Beside OTEL_EXPORTER_OTLP_TRACES_HEADERS, else OTEL_EXPORTER_OTLP_HEADERS.
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// Unset: OTEL_EXPORTER_OTLP_TRACES_COMPRESSION, else OTEL_EXPORTER_OTLP_COMPRESSION (gzip or none), else none.
  nanospan::compression compression = nanospan::compression::unset;
  /// Files in PEM, for https: whom to trust instead of the system's authorities, and who we are. OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE, _CLIENT_CERTIFICATE,
  /// _CLIENT_KEY, else the same without TRACES_.
  std::string certificate_file = {};
  std::string client_certificate_file = {};
  std::string client_key_file = {};
  /// Bound on one attempt to send a batch; zero: none. OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, else OTEL_EXPORTER_OTLP_TIMEOUT (milliseconds), else 10 s.
  duration export_timeout = duration::unset();
  /// Asks at the start, in the background, whether a collector is there, and says what is wrong where none is.
  bool probe = true;
  /// How long a batch is retried, from its first attempt, with exponential back-off and jitter; zero: not at all. OTEL_BSP_EXPORT_TIMEOUT
  /// (milliseconds; the time that OpenTelemetry's processor gives its exporter for a batch; 0: for ever), else 60 s.
  duration retry_limit = duration::unset();

  /// Gets the batches that cannot be sent: not worth another attempt, out of time, beyond options.max_queue_bytes, unsent at the end. Null: they are dropped and
  /// counted.
  shared<nanospan::exporter> fallback = nullptr;
  /// A directory, made where there is none, in which batches wait that could not be sent, until they are, in this process or the next one that names it. What is
  /// there survives the end of the process, however it ends (not a loss of power). Empty: none.
  std::string spool_directory = {};
  /// The most that this process keeps there; beyond it the oldest batch goes to the fallback, or is dropped and counted.
  std::size_t spool_limit_bytes = 256u << 20;

  /// Nothing is recorded and nobody is told so; contexts are propagated all the same. Or OTEL_SDK_DISABLED=true.
  bool disabled = false;
  /// How a context is written into and read from headers, everywhere in the process from then on: {propagator::b3 | propagator::baggage}.
  /// OTEL_PROPAGATORS (tracecontext, baggage, b3, b3multi, none), else tracecontext and baggage, as without a provider.
  propagator_set propagators = {};
  /// Null: OTEL_TRACES_SAMPLER with OTEL_TRACES_SAMPLER_ARG, else parent-based, always on.
  shared<nanospan::sampler const> sampler = nullptr;

  /// Null: the library's own, random. With one, or with the next option, every span asks, and costs some 100 instructions more.
  shared<nanospan::id_generator const> id_generator = nullptr;
  /// A scope that is left by an exception ends with status Error, "an exception left the scope", and error.type "_OTHER", unless its status was set.
  bool error_on_exception = false;

  /// How much of a span is kept.
  span_limits limits = {};
  /// Sees each span that has ended, and may redact, enrich, rename or drop it: `[](nanospan::ended_span& s) { s.attributes().erase("user.email"); }`. On the background
  /// thread, which it must not block, before encoding; what it says itself by macros is not recorded. Where it throws, the span is exported as it stands, and
  /// counted (stats().hook_failed).
  span_hook on_end = {};

  /// A batch is sent when it holds so many spans or bytes, or when its first span is so old, or on flush. Zero spans:
  /// OTEL_BSP_MAX_EXPORT_BATCH_SIZE, else 512, and no more than OTEL_BSP_MAX_QUEUE_SIZE.
  std::size_t max_batch_spans = 0;
  std::size_t max_batch_bytes = 4u << 20;
  /// OTEL_BSP_SCHEDULE_DELAY (milliseconds), else 5 s.
  duration schedule_delay = duration::unset();
  /// Encoded batches that wait for the collector; beyond it the oldest are dropped and counted. Zero: OTEL_BSP_MAX_QUEUE_SIZE, else 16 MiB. The variable
  /// counts spans: each is taken for 1 KiB, which holds some twenty attributes, and there is room for one batch (max_batch_bytes) at least.
  std::size_t max_queue_bytes = 0;

  /// Of a thread's ring; a power of two from 16 KiB to 1 GiB. The default, one huge page, holds 14,000 spans with 4 attributes: what a thread
  /// records in 7 ms at 2 million spans a second, which is how long a busy system may keep the background thread waiting.
  std::size_t ring_bytes = 2u << 20;
  /// Of all rings together, touched as they are made; at least twice ring_bytes. When half of it is used (16 threads by default) new threads get smaller rings, down to
  /// 16 KiB, so that a thousand threads all trace; beyond it their spans are counted drops. Zero: 64 MiB, or less where memory_limit_bytes is set: two thirds of that,
  /// and two batches less than it.
  std::size_t ring_memory_limit_bytes = 0;

  /// Of all that holds spans, never passed: rings, blocks of spans that outgrew their buffer of 256 bytes, the batch that is being made, encoded batches that wait or are being
  /// sent (stats().memory_bytes). What rings may have is theirs, so that it is at least ring_memory_limit_bytes and two batches (max_batch_bytes). Zero: ring_memory_limit_bytes, max_queue_bytes and four batches; 96 MiB where
  /// all of them are left alone. Where it is reached a new thread gets no ring (dropped.no_ring), a span that outgrows its buffer no block (its entries are left out, and counted on
  /// it), and the oldest batches leave the queue (to the fallback, or dropped.queue_full); what is then left without memory is dropped.no_memory. A span has one mebibyte of
  /// entries at most; on the wire its attributes take six, and its events and links together, with what is beyond left out and counted on it.
  /// Rings are never given back: what those of an earlier provider have beyond ring_memory_limit_bytes is added. Contexts that carry tracestate or baggage are the program's, and not
  /// counted: extract() makes none of more than 24 KiB.
  std::size_t memory_limit_bytes = 0;

  /// The most that the provider's destructor takes, flush included.
  duration shutdown_limit = duration::of_milliseconds(2'000);
  /// False: no thread; the program calls tracer_provider::poll().
  bool background_thread = true;
  /// Of that thread, as top and gdb show it; at most 15 bytes.
  std::string background_name = "nanospan";
  /// The one CPU that it runs on; -1: those of the thread that makes the provider.
  int background_cpu = -1;
  /// Its nice value, -20 to 19; 0: that of the thread that makes the provider.
  int background_nice = 0;
  /// From 1 to 99: real-time (SCHED_FIFO) with that priority; 0: not real-time, whatever the thread that makes the provider is. What the system
  /// refuses of these is reported, and does without.
  int background_realtime_priority = 0;
  /// Null: one line to stderr, beginning with "nanospan: ".
  message_handler on_message = nullptr;
  /// Unset: OTEL_LOG_LEVEL (none, error, warn, info or debug), else info.
  nanospan::log_level log_level = nanospan::log_level::unset;
};

}  // namespace nanospan::inline v0
