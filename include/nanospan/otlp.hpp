// SPDX-License-Identifier: Apache-2.0
#pragma once

// Records to OTLP: each span straight from its record to wire bytes, back to front, no message objects. Here attributes are made unique
// (the last one wins) and OpenTelemetry's limits are applied. Field numbers: opentelemetry/proto/trace/v1/trace.proto.

#include <nanospan/attribute_set.hpp>
#include <nanospan/clock_converter.hpp>
#include <nanospan/exporter.hpp>

namespace nanospan::inline v0::detail {

inline constexpr std::uint32_t flag_remote_known = 0x100;  // OTLP SpanFlags: bit 9 says something
inline constexpr std::uint32_t flag_parent_remote = 0x200;

// One span after another into one ExportTraceServiceRequest, for one resource and one scope.
class otlp_encoder {
 public:
  // `resource`: the fields of an encoded Resource message, and its schema URL. The scope is the library's own until tracers have names.
  explicit otlp_encoder(std::string resource, std::string_view schema_url = {}) : resource_{std::move(resource)} {
    if (!schema_url.empty()) {  // behind the spans, so it is written before them, once
      out_.require(schema_url.size() + 16);
      out_.bytes_field(3, schema_url);  // ResourceSpans.schema_url
      behind_spans_ = out_.size();
    }
    reverse_writer scope{256};
    scope.bytes_field(2, NANOSPAN_VERSION);
    scope.bytes_field(1, "nanospan");
    scope_ = scope.view();
  }

  std::size_t span_count() const noexcept { return spans_; }
  std::size_t bytes() const noexcept { return out_.size(); }

  // Appends a record's span. Throws std::bad_alloc, the batch unchanged.
  void add(std::byte const* record, clock_converter const& clock) {
    std::size_t const before = out_.size();
    try {
      write_span(record, clock);
    } catch (...) {
      out_.rewind(before);
      throw;
    }
    ++spans_;
  }

  // The spans so far as a request; empty afterwards. Throws std::bad_alloc, nothing changed.
  batch cut() {
    std::size_t const before = out_.size();
    out_.require(scope_.size() + resource_.size() + 64);
    out_.bytes_field(1, scope_);         // ScopeSpans.scope
    out_.end_message(2, behind_spans_);  // ResourceSpans.scope_spans
    out_.bytes_field(1, resource_);      // ResourceSpans.resource
    out_.end_message(1, 0);              // ExportTraceServiceRequest.resource_spans
    try {
      batch done{std::string{out_.view()}, spans_};
      clear();
      return done;
    } catch (...) {
      out_.rewind(before);
      throw;
    }
  }
  void clear() noexcept {
    out_.rewind(behind_spans_);
    spans_ = 0;
  }
  // No literal is known any more. What is encoded refers to none.
  void forget_literals() noexcept { literals_.forget(); }

  // The heap block that a record owns, for whoever is done with the record; {null, 0} for most.
  static heap_payload heap_of(std::byte const* record) noexcept {
    record_header header;
    std::memcpy(&header, record, sizeof header);
    if (header.meta.size != sizeof header + head_bytes(0) + sizeof(heap_payload)) return {};
    std::uint64_t word = 0;
    std::memcpy(&word, record + sizeof header, sizeof word);
    heap_payload heap{};
    if (type_of(word) == entry_type::heap_block) std::memcpy(&heap, record + sizeof header + sizeof word, sizeof heap);
    return heap;
  }

 private:
  void write_span(std::byte const* record, clock_converter const& clock) {
    record_header header;
    std::memcpy(&header, record, sizeof header);
    std::byte const* entries = record + sizeof header;
    std::size_t entry_bytes = header.meta.size - sizeof header;
    if (heap_payload const heap = heap_of(record); heap.block != nullptr) {
      entries = heap.block;
      entry_bytes = heap.used;
    }
    collect(header, entries, entry_bytes);
    out_.require(256 + name_.key_bound() + text_bound(status_.size()) + text_bound(tracestate_.size()) + attributes_.bound() + event_bound_);
    bool const monotonic = (header.meta.flags & monotonic_ticks) != 0;
    std::uint64_t const start = clock.to_unix(header.start_ticks, monotonic);
    // Two reads of a coarse counter may be one tick; a span that takes no time is a mistake to some backends, and they say so on it.
    std::uint64_t const end = std::max(start + 1, clock.to_unix(header.end_ticks, monotonic));

    std::size_t const since = out_.size();
    bool const remote = (header.meta.flags & parent_is_remote) != 0;
    out_.fixed32_field(16, header.meta.trace_flags | flag_remote_known | (remote ? flag_parent_remote : 0));
    if (header.meta.status != 0) {
      std::size_t const status = out_.size();
      out_.varint_field(3, header.meta.status);
      if (!status_.empty()) write_text(out_, 2, status_);
      out_.end_message(15, status);
    }
    if (dropped_events_ != 0) out_.varint_field(12, dropped_events_);
    for (std::size_t at = event_count_; at-- != 0;) write_event(events_[at], clock, monotonic, start, end);
    if (std::uint64_t const dropped = attributes_.dropped() + dropped_) out_.varint_field(10, dropped);
    attributes_.write(out_, 9);
    out_.fixed64_field(8, end);
    out_.fixed64_field(7, start);
    out_.varint_field(6, static_cast<std::uint64_t>(header.meta.kind));
    name_.write_key(out_, 5);
    if (header.parent.valid()) write_id(4, header.parent);
    if (!tracestate_.empty()) write_text(out_, 3, tracestate_);
    write_id(2, header.span);
    write_id(1, header.trace);
    out_.end_message(2, since);  // ScopeSpans.spans
  }

  void collect(record_header const& header, std::byte const* entries, std::size_t entry_bytes) {
    attributes_.clear();
    event_count_ = 0;
    event_bound_ = 0;
    dropped_ = 0;
    dropped_events_ = 0;
    status_ = {};
    tracestate_ = {};
    name_ = {{}, header.from != nullptr ? &literals_.of(header.from->name) : nullptr};
    for_each_entry(entries, entry_bytes, [&](entry_view const& entry) {
      switch (entry.type()) {
        case entry_type::event: return collect(entry);
        case entry_type::status: status_ = entry.text(); return;
        case entry_type::name: name_ = keyed_entry::of(entry, literals_); return;
        case entry_type::tracestate: tracestate_ = entry.text(); return;
        case entry_type::dropped: dropped_ = entry.word(); return;
        case entry_type::heap_block: return;
        default: attributes_.add(entry, literals_);
      }
    });
  }
  void collect(entry_view const& event) {
    if (event_count_ == max_events) {
      ++dropped_events_;
      return;
    }
    keyed_entry const& added = events_[event_count_++] = keyed_entry::of(event, literals_);
    event_bound_ += 96 + added.key_bound();
    for_each_attribute_of(event, [&](entry_view const& one) { event_bound_ += attribute_set::bound(keyed_entry::of(one, literals_)); });
  }
  template <typename Visit>
  static void for_each_attribute_of(entry_view const& event, Visit&& visit) {
    for_each_entry(event.value() + sizeof(event_payload), event.value_size() - sizeof(event_payload), std::forward<Visit>(visit));
  }
  void write_event(keyed_entry const& event, clock_converter const& clock, bool monotonic, std::uint64_t start, std::uint64_t end) {
    std::size_t const since = out_.size();
    event_attributes_.clear();
    for_each_attribute_of(event.entry, [&](entry_view const& one) { event_attributes_.add(one, literals_); });
    if (event_attributes_.dropped() != 0) out_.varint_field(4, event_attributes_.dropped());
    event_attributes_.write(out_, 3);
    event.write_key(out_, 2);
    out_.fixed64_field(1, std::clamp(clock.to_unix(event.entry.word(), monotonic), start, end));
    out_.end_message(11, since);
  }
  template <std::size_t Bytes>
  void write_id(std::uint32_t field, id<Bytes> const& one) {
    out_.bytes_field(field, one.bytes());
  }

  std::string resource_;
  std::string scope_;
  reverse_writer out_;
  std::size_t behind_spans_ = 0;  // bytes
  std::size_t spans_ = 0;
  literal_cache literals_;

  // Of the span at hand.
  attribute_set attributes_;
  attribute_set event_attributes_;
  keyed_entry events_[max_events];
  std::size_t event_count_ = 0;
  std::size_t event_bound_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t dropped_events_ = 0;
  std::string_view status_;
  keyed_entry name_;
  std::string_view tracestate_;
};

}  // namespace nanospan::inline v0::detail
