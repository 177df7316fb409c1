// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where batches go: the interface of exporters, the batch that they get, and the exporters that exist. Declarations, free of Boost; the
// bodies are in exporters/. An exporter is called by one thread at a time: the background one, or who calls poll().

#include <nanospan/options.hpp>

namespace nanospan::inline v0 {

// ---- what a finished span looks like to an exporter that reads it -----------------------------------------------------------

struct event_data {
  std::string name;
  std::uint64_t time_unix_nano = 0;
  attribute_list attributes;
  std::uint32_t dropped_attributes_count = 0;

  friend bool operator==(event_data const&, event_data const&) = default;
};

struct link_data {
  nanospan::trace_id trace_id;
  nanospan::span_id span_id;
  std::string trace_state;
  std::uint32_t flags = 0;  ///< as span_data's
  attribute_list attributes;
  std::uint32_t dropped_attributes_count = 0;

  friend bool operator==(link_data const&, link_data const&) = default;
};

struct span_data {
  nanospan::trace_id trace_id;
  nanospan::span_id span_id;
  nanospan::span_id parent_span_id;  ///< invalid: a root
  std::string trace_state;
  std::uint32_t flags = 0;  ///< OTLP span flags: W3C trace flags, 0x100 and 0x200
  std::string name;
  span_kind kind = span_kind::internal;
  std::uint64_t start_time_unix_nano = 0;
  std::uint64_t end_time_unix_nano = 0;
  attribute_list attributes;
  std::uint32_t dropped_attributes_count = 0;
  std::vector<event_data> events;
  std::uint32_t dropped_events_count = 0;
  std::vector<link_data> links;
  std::uint32_t dropped_links_count = 0;
  span_status status = span_status::unset;
  std::string status_message;
  std::string scope_name;  ///< of the tracer
  std::string scope_version;
  std::string scope_schema_url;
  attribute_list scope_attributes;
  std::string service_name;  ///< of the resource that the span belongs to

  friend bool operator==(span_data const&, span_data const&) = default;
};

/// Some finished spans, encoded: the bytes of an OTLP ExportTraceServiceRequest (and TracesData, which has the same shape).
struct NANOSPAN_DETAIL_SHARED batch {
  std::string otlp;
  std::size_t span_count = 0;

  /// The same as objects, for an exporter that reads spans. Bodies with the implementation; slow beside everything else here.
  std::vector<span_data> spans() const;
  attribute_list resource() const;
};

struct NANOSPAN_DETAIL_SHARED waterfall_style {
  bool colour = false;
  std::size_t columns = 100;  ///< of the whole picture; no less than 40 are used

  /// In colour (unless NO_COLOR is set) and as wide as it is where `descriptor` is a terminal, else the default.
  static waterfall_style of(int descriptor);
};
/// Draws spans of one trace as text, a line a span: the tree of names, bars, durations, errors. Body with the implementation.
NANOSPAN_DETAIL_SHARED std::string waterfall(std::vector<span_data> spans, waterfall_style style = {});

// ---- the interface ----------------------------------------------------------------------------------------------------------

/// How an exporter waits: the rings are drained meanwhile, and the wait ends early when the provider must stop.
class NANOSPAN_DETAIL_SHARED export_wait {
 public:
  virtual ~export_wait() = default;
  enum class outcome { ready, timed_out, stopped };
  /// Until `descriptor` is readable, or, where `writable` asks for it, can be written to as well, or the monotonic clock (nanoseconds) passes `deadline`. A
  /// negative descriptor only waits.
  virtual outcome wait(int descriptor, bool writable, std::uint64_t deadline) = 0;
};

struct export_result {
  enum class outcome {
    success,      ///< taken, but for `rejected_spans`
    retry,        ///< worth another attempt, not before `retry_after`
    unreachable,  ///< no connection: worth another attempt, but not while the program waits to end
    failure,      ///< not worth one
    unconfirmed,  ///< sent in full and never answered; worth another attempt
    too_large,    ///< worth one in two halves (HTTP 413)
  };
  outcome what = outcome::success;
  std::uint64_t rejected_spans = 0;
  duration retry_after = {};
  std::string message = {};  ///< why, in one line
};

/// A destination. All calls come from one thread at a time.
class NANOSPAN_DETAIL_SHARED exporter {
 public:
  virtual ~exporter() = default;
  /// One attempt. Waits only through `wait`.
  virtual export_result export_batch(batch const& spans, export_wait& wait) = 0;
  /// Asks whether anybody who takes spans is there, and sends none: what it says is told when the provider starts. Waits only through `wait`.
  virtual export_result probe(export_wait& /*wait*/) { return {}; }
  /// For a forked child: another one to the same destination, with nothing of the parent's (connection, file, thread). Null: none, and the child's
  /// spans are counted drops. Called in the child, while no other thread is.
  virtual shared<exporter> for_child() const { return nullptr; }
  /// The provider ends: writes what the exporter still holds, lets go of its connection. Waits only through `wait`. Returns how many spans
  /// that it had taken are lost all the same.
  virtual std::uint64_t shutdown(export_wait& /*wait*/) { return 0; }
  /// For messages: "OTLP/HTTP at http://localhost:4318/v1/traces (the default)".
  virtual std::string description() const = 0;
};

// ---- the exporters ----------------------------------------------------------------------------------------------------------

/// Keeps what is exported, a thread's spans in the order in which they ended, for users' tests: `auto spans = std::make_shared<nanospan::memory_exporter>();`. Any thread.
class NANOSPAN_DETAIL_SHARED memory_exporter final : public exporter {
 public:
  memory_exporter();
  std::vector<span_data> spans() const;
  attribute_list resource() const;
  void clear();

  export_result export_batch(batch const& spans, export_wait& wait) override;
  std::string description() const override;

 private:
  struct state;
  shared<state> state_;
};

/// Draws each finished local trace as a waterfall on a file descriptor: names, bars, durations, errors. A trace is finished when the
/// root of its part in this process has arrived; what arrives later, or has no root when the provider ends, is drawn by itself. In
/// colour on a terminal, unless NO_COLOR is set. Does not own the descriptor.
class NANOSPAN_DETAIL_SHARED console_exporter final : public exporter {
 public:
  explicit console_exporter(int descriptor = 1);

  export_result export_batch(batch const& spans, export_wait& wait) override;
  /// Draws to the same descriptor, what the child records.
  shared<exporter> for_child() const override;
  std::uint64_t shutdown(export_wait& wait) override;
  std::string description() const override;

 private:
  struct state;
  shared<state> state_;
};

/// The same spans to several exporters. What the first says of a batch decides what becomes of it, and is counted; it alone gets one again. Each of the
/// others gets a batch once, at its first attempt, and what it says of it is nobody's business.
class NANOSPAN_DETAIL_SHARED composite_exporter final : public exporter {
 public:
  /// Throws configuration_error where there is none, or a null one.
  explicit composite_exporter(std::vector<shared<exporter>> all);

  export_result export_batch(batch const& spans, export_wait& wait) override;
  export_result probe(export_wait& wait) override;  ///< of the first
  /// Of those that there is another one of for a forked child; null where there is none of the first.
  shared<exporter> for_child() const override;
  std::uint64_t shutdown(export_wait& wait) override;
  std::string description() const override;

 private:
  std::vector<shared<exporter>> all_;
  std::size_t last_ = 0;  // a hash of the batch that the others got
};

/// Where and how otlp_http_exporter sends. tracer_provider fills it from its options and the environment.
struct otlp_http_options {
  std::string url = "http://localhost:4318/v1/traces";  ///< or https://… (see NANOSPAN_TLS), or a Unix socket: unix:///run/otel.sock, for /v1/traces
  std::string url_source = "the default";               ///< for messages: which option or variable said so
  std::vector<std::pair<std::string, std::string>> headers = {};
  duration timeout = duration::of_milliseconds(10'000);  ///< of one attempt, name resolution included; zero: none
  nanospan::compression compression = nanospan::compression::none;
  /// As in options; read when the exporter is made.
  std::string certificate_file = {};
  std::string client_certificate_file = {};
  std::string client_key_file = {};
};

/// POSTs batches as OTLP/HTTP protobuf over one kept-alive connection (OTLP specification, "OTLP/HTTP").
class NANOSPAN_DETAIL_SHARED otlp_http_exporter final : public exporter {
 public:
  /// Throws configuration_error for a URL, or files, that cannot be used.
  explicit otlp_http_exporter(otlp_http_options with);
  ~otlp_http_exporter() override;

  export_result export_batch(batch const& spans, export_wait& wait) override;
  /// Sends a request without spans.
  export_result probe(export_wait& wait) override;
  shared<exporter> for_child() const override;
  std::uint64_t shutdown(export_wait& wait) override;
  std::string description() const override;

 private:
  struct state;
  shared<state> state_;
};

/// Where otlp_file_exporter writes, and how much it keeps.
struct otlp_file_options {
  /// "traces.jsonl"; relative to the directory that is the current one when the exporter is made. Its directory must be there. "-": standard output.
  /// What is not a regular file (a pipe, a terminal, a symbolic link) is written to as it is, and never renamed.
  std::string path;
  /// A line that would make the file larger begins another one; one that is larger by itself stands alone. Zero: no limit.
  std::size_t max_bytes = 20u << 20;
  /// The current one and those before it, path.1 (the youngest), path.2 and so on; the oldest is removed.
  std::size_t max_files = 3;
};

/// Appends batches to a file in OpenTelemetry's JSON Lines, a batch a line (OpenTelemetry, "OTLP File Exporter"): what the Collector's otlpjsonfile receiver reads.
/// Several processes may write to one path: each line is whole. A process that is killed leaves one broken line at most, ended by whoever writes the next; what
/// was exported is there (a loss of power is not survived). Where the disk refuses or hangs, the batch is worth another attempt, and none of it is left
/// behind. The disk is waited for on a thread of its own, named "nanospan-disk", at most 10 s an attempt.
class NANOSPAN_DETAIL_SHARED otlp_file_exporter final : public exporter {
 public:
  /// Throws configuration_error for an empty path, no files, or where the current directory is not known. Touches no disk.
  explicit otlp_file_exporter(otlp_file_options with);
  ~otlp_file_exporter() override;

  export_result export_batch(batch const& spans, export_wait& wait) override;
  shared<exporter> for_child() const override;
  std::uint64_t shutdown(export_wait& wait) override;
  std::string description() const override;

 private:
  struct state;
  shared<state> state_;
};

}  // namespace nanospan::inline v0
