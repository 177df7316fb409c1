// SPDX-License-Identifier: Apache-2.0
#pragma once

// Records to OTLP: each span straight from its record to wire bytes, back to front, no message objects. Here attributes are made unique
// (the last one wins) and OpenTelemetry's limits are applied. Field numbers: opentelemetry/proto/trace/v1/trace.proto.

#include <nanospan/clock_converter.hpp>
#include <nanospan/detail/utf8.hpp>
#include <nanospan/exporter.hpp>
#include <nanospan/wire.hpp>

#include <charconv>

namespace nanospan::inline v0::detail {

// OpenTelemetry's default limits on counts ("Span Limits"): what comes after is dropped and counted.
inline constexpr std::size_t max_attributes = 128;
inline constexpr std::size_t max_events = 128;

inline constexpr std::uint32_t flag_remote_known = 0x100;  // OTLP SpanFlags: bit 9 says something
inline constexpr std::uint32_t flag_parent_remote = 0x200;

// An entry where it lies in a record.
struct entry_view {
  entry_head head;
  std::byte const* payload;

  std::string_view key() const noexcept {
    return {head.key_is_copied ? reinterpret_cast<char const*>(payload) : head.key, head.key_size};
  }
  std::byte const* value() const noexcept { return payload + (head.key_is_copied ? padded(head.key_size) : 0); }
  std::uint32_t value_size() const noexcept { return head.size - (head.key_is_copied ? padded(head.key_size) : 0); }
  std::string_view text() const noexcept { return {reinterpret_cast<char const*>(value()), value_size()}; }
  std::uint64_t word() const noexcept {
    std::uint64_t bits;
    std::memcpy(&bits, value(), sizeof bits);
    return bits;
  }
};

// Calls `visit(entry_view)` for each entry in `bytes`; stops at one that does not fit, which only a data race can have written.
template <typename Visit>
void for_each_entry(std::byte const* entries, std::size_t bytes, Visit&& visit) {
  while (bytes >= sizeof(entry_head)) {
    entry_view entry{};
    std::memcpy(&entry.head, entries, sizeof entry.head);
    std::uint64_t const size = entry_size(entry.head);
    std::size_t const least = entry.head.key_is_copied ? padded(entry.head.key_size) : 0;
    if (size > bytes || entry.head.size < least) return;
    entry.payload = entries + sizeof entry.head;
    visit(static_cast<entry_view const&>(entry));
    entries += size;
    bytes -= size;
  }
}

// Attributes as they will be exported: unique by key, at most max_attributes.
class attribute_set {
 public:
  void clear() noexcept {
    count_ = 0;
    dropped_ = 0;
    bytes_ = 0;
  }
  void add(entry_view const& one) noexcept {
    // The least each takes on the wire is known; the most follows from it: tags, lengths, a number's ten or twenty bytes.
    for (std::size_t at = 0; at < count_; ++at) {
      if (same_key(entries_[at], one)) {
        entries_[at] = one;
        bytes_ += bound(one);
        return;
      }
    }
    if (count_ == max_attributes) {
      ++dropped_;
      return;
    }
    entries_[count_++] = one;
    bytes_ += bound(one);
  }
  std::uint64_t dropped() const noexcept { return dropped_; }
  std::size_t bound() const noexcept { return bytes_; }

  void write(reverse_writer& to, std::uint32_t field) const {
    for (std::size_t at = count_; at-- != 0;) {
      std::size_t const since = to.size();
      write_value(to, entries_[at]);
      to.end_message(2, since);  // KeyValue.value
      write_text(to, 1, entries_[at].key());
      to.end_message(field, since);
    }
  }

  // A string field; ill-formed UTF-8 is repaired on the way.
  static void write_text(reverse_writer& to, std::uint32_t field, std::string_view text) {
    if (is_utf8(text)) [[likely]]
      return to.bytes_field(field, text);
    std::string const repaired = repaired_utf8(text);
    to.bytes_field(field, repaired);
  }
  // Room that write_text may need.
  static std::size_t text_bound(std::size_t bytes) noexcept { return 3 * bytes + 2 * reverse_writer::max_varint_bytes; }

 private:
  static bool same_key(entry_view const& a, entry_view const& b) noexcept {
    if (a.head.key_size != b.head.key_size) return false;
    return (!a.head.key_is_copied && a.head.key == b.head.key && !b.head.key_is_copied) || a.key() == b.key();
  }
  static std::size_t bound(entry_view const& one) noexcept {
    return text_bound(one.head.key_size) + text_bound(one.head.type == entry_type::string ? one.value_size() : 24) + 16;
  }
  static void write_value(reverse_writer& to, entry_view const& one) {
    switch (one.head.type) {  // the fields of AnyValue
      case entry_type::boolean: return to.varint_field(2, one.word());
      case entry_type::signed_integer: return to.varint_field(3, one.word());
      case entry_type::floating: return to.fixed64_field(4, one.word());
      case entry_type::string: return write_text(to, 1, one.text());
      case entry_type::unsigned_integer:
        if (one.word() <= 0x7fff'ffff'ffff'ffffu) return to.varint_field(3, one.word());
        return write_decimal(to, one.word());
      default: return;
    }
  }
  static void write_decimal(reverse_writer& to, std::uint64_t value) {
    char digits[20]{};
    auto const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    to.bytes_field(1, {digits, static_cast<std::size_t>(end - digits)});
  }

  entry_view entries_[max_attributes];
  std::size_t count_ = 0;
  std::uint64_t dropped_ = 0;
  std::size_t bytes_ = 0;
};

// One span after another into one ExportTraceServiceRequest, for one resource and one scope.
class otlp_encoder {
 public:
  // `resource`: the fields of an encoded Resource message. The scope is the library's own until tracers have names.
  explicit otlp_encoder(std::string resource) : resource_{std::move(resource)} {
    reverse_writer scope;
    scope.require(256);
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
    out_.bytes_field(1, scope_);     // ScopeSpans.scope
    out_.end_message(2, 0);          // ResourceSpans.scope_spans
    out_.bytes_field(1, resource_);  // ResourceSpans.resource
    out_.end_message(1, 0);          // ExportTraceServiceRequest.resource_spans
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
    out_.clear();
    spans_ = 0;
  }

  // The heap block that a record owns, for whoever is done with the record; {null, 0} for most.
  static heap_payload heap_of(std::byte const* record) noexcept {
    record_header header;
    std::memcpy(&header, record, sizeof header);
    if (header.meta.size != sizeof header + sizeof(entry_head) + sizeof(heap_payload)) return {};
    entry_head head;
    std::memcpy(&head, record + sizeof header, sizeof head);
    heap_payload heap{};
    if (head.type == entry_type::heap_block) std::memcpy(&heap, record + sizeof header + sizeof head, sizeof heap);
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
    out_.require(256 + attribute_set::text_bound(name_.size()) + attribute_set::text_bound(status_.size()) + attribute_set::text_bound(tracestate_.size()) +
                 attributes_.bound() + event_bound_);
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
      if (!status_.empty()) attribute_set::write_text(out_, 2, status_);
      out_.end_message(15, status);
    }
    if (dropped_events_ != 0) out_.varint_field(12, dropped_events_);
    for (std::size_t at = event_count_; at-- != 0;) write_event(events_[at], clock, monotonic, start, end);
    if (std::uint64_t const dropped = attributes_.dropped() + dropped_) out_.varint_field(10, dropped);
    attributes_.write(out_, 9);
    out_.fixed64_field(8, end);
    out_.fixed64_field(7, start);
    out_.varint_field(6, static_cast<std::uint64_t>(header.meta.kind));
    attribute_set::write_text(out_, 5, name_);
    if (header.parent.valid()) write_id(4, header.parent);
    if (!tracestate_.empty()) attribute_set::write_text(out_, 3, tracestate_);
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
    name_ = header.from != nullptr ? std::string_view{header.from->name, header.from->name_size} : std::string_view{};
    for_each_entry(entries, entry_bytes, [&](entry_view const& entry) {
      switch (entry.head.type) {
        case entry_type::event: return collect(entry);
        case entry_type::status: status_ = entry.text(); return;
        case entry_type::name: name_ = entry.key(); return;
        case entry_type::tracestate: tracestate_ = entry.text(); return;
        case entry_type::dropped: dropped_ = entry.word(); return;
        case entry_type::heap_block: return;
        default: attributes_.add(entry);
      }
    });
  }
  void collect(entry_view const& event) {
    if (event_count_ == max_events) {
      ++dropped_events_;
      return;
    }
    events_[event_count_++] = event;
    event_bound_ += 96 + attribute_set::text_bound(event.head.key_size);
    for_each_entry(event.value() + sizeof(event_payload), event.value_size() - sizeof(event_payload), [&](entry_view const& one) {
      event_bound_ += 96 + attribute_set::text_bound(one.head.key_size) + attribute_set::text_bound(one.head.size);
    });
  }
  void write_event(entry_view const& event, clock_converter const& clock, bool monotonic, std::uint64_t start, std::uint64_t end) {
    std::size_t const since = out_.size();
    event_attributes_.clear();
    for_each_entry(event.value() + sizeof(event_payload), event.value_size() - sizeof(event_payload),
                   [&](entry_view const& one) { event_attributes_.add(one); });
    if (event_attributes_.dropped() != 0) out_.varint_field(4, event_attributes_.dropped());
    event_attributes_.write(out_, 3);
    attribute_set::write_text(out_, 2, event.key());
    out_.fixed64_field(1, std::clamp(clock.to_unix(event.word(), monotonic), start, end));
    out_.end_message(11, since);
  }
  template <std::size_t Bytes>
  void write_id(std::uint32_t field, id<Bytes> const& one) {
    auto const bytes = one.bytes();
    out_.bytes_field(field, {reinterpret_cast<char const*>(bytes.data()), bytes.size()});
  }

  std::string resource_;
  std::string scope_;
  reverse_writer out_;
  std::size_t spans_ = 0;

  // Of the span at hand.
  attribute_set attributes_;
  attribute_set event_attributes_;
  entry_view events_[max_events];
  std::size_t event_count_ = 0;
  std::size_t event_bound_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t dropped_events_ = 0;
  std::string_view status_;
  std::string_view name_;
  std::string_view tracestate_;
};

}  // namespace nanospan::inline v0::detail
