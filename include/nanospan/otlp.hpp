// SPDX-License-Identifier: Apache-2.0
#pragma once

// Records to OTLP: each span straight from its record to wire bytes, back to front, no message objects. Field numbers:
// opentelemetry/proto/trace/v1/trace.proto. Background thread.

#include <nanospan/clock_converter.hpp>
#include <nanospan/collected_span.hpp>
#include <nanospan/detail/charged_batch.hpp>
#include <nanospan/ended_span.hpp>
#include <nanospan/exporter.hpp>

namespace nanospan::inline v0::detail {

inline constexpr std::uint32_t flag_remote_known = 0x100;  // OTLP SpanFlags: bit 9 says something
inline constexpr std::uint32_t flag_parent_remote = 0x200;

// One span after another into one ExportTraceServiceRequest, for one resource.
class otlp_encoder {
 public:
  // `resource`: the fields of an encoded Resource message, and its schema URL. `limits`: concrete ones.
  explicit otlp_encoder(std::string resource, std::string_view schema_url = {}, span_limits const& limits = default_limits())
      : resource_{std::move(resource)}, span_{limits, schema_url}, event_attributes_{limits.attribute_count_per_event}, link_attributes_{limits.attribute_count_per_link} {}

  std::size_t span_count() const noexcept { return spans_; }
  std::size_t bytes() const noexcept { return bytes_; }
  // Of the span that is being added.
  std::size_t entry_bytes() const noexcept { return span_.kept_bytes(); }

  // Appends a record's span, once `hook(ended_span&)` has seen it; false where that dropped it. Where there is no memory it tries again for as long as
  // `make_room()`, which may cut the batch, says that it made some for it. Throws std::bad_alloc and what the hook throws, the batch unchanged.
  template <typename Hook, typename MakeRoom>
  bool add(std::byte const* record, clock_converter const& clock, Hook&& hook, MakeRoom&& make_room) {
    span_.collect(record);
    record_header const& header = span_.header;
    bool const monotonic = (header.meta.flags & monotonic_ticks) != 0;
    std::uint64_t const start = (header.meta.flags & unix_start) != 0 ? header.start_ticks : clock.to_unix(header.start_ticks, monotonic);
    // Two reads of a coarse counter may be one tick; a span that takes no time is a mistake to some backends, and they say so on it.
    std::uint64_t const end = std::max(start + (start != ~std::uint64_t{0} ? 1 : 0), (header.meta.flags & unix_end) != 0 ? header.end_ticks : clock.to_unix(header.end_ticks, monotonic));
    // NOLINTNEXTLINE(misc-const-correctness): the hook may change it
    ended_span shown{span_, start, end};
    hook(shown);
    if (shown.dropped()) return false;

    reverse_writer& out = span_.scope->spans;
    for (;;) {
      std::size_t const before = out.size();
      try {
        write_span(out, clock, {start, end});
        ++spans_;
        bytes_ += out.size() - before;
        return true;
      } catch (...) {
        out.rewind(before);
        if (!make_room()) throw;
      }
    }
  }
  template <typename Hook>
  bool add(std::byte const* record, clock_converter const& clock, Hook&& hook) {
    return add(record, clock, std::forward<Hook>(hook), [] { return false; });
  }
  void add(std::byte const* record, clock_converter const& clock) {
    add(record, clock, [](ended_span const&) {});
  }
  // The site of the span that was added last, where it seems to have lost its context, for the first time; else null.
  site const* lost_context() const noexcept { return span_.lost_context ? span_.header.from : nullptr; }

  // The spans so far as a request; empty afterwards. Throws std::bad_alloc, nothing changed.
  charged_batch cut() {
    scope_list& scopes = span_.scopes();
    reverse_writer* const first = &first_in_batch().spans;
    std::size_t rest = resource_.size() + 64;
    for (scope_spans& one : scopes) {
      one.before_cut = one.spans.size();
      rest += one.envelope.size() + 64;
      if (!one.empty() && &one.spans != first) rest += one.spans.size();
    }
    first->require(rest);
    // The first one's spans are there already; before them come the others', as they are.
    for (scope_spans& one : scopes) {
      if (one.empty() && &one.spans != first) continue;
      std::size_t since = scopes.resource_bytes();
      if (&one.spans != first) {
        since = first->size();
        first->raw(one.spans.view().substr(0, one.before_cut - scopes.resource_bytes()));
      }
      first->raw(one.envelope);
      first->end_message(2, since);  // ResourceSpans.scope_spans
    }
    first->bytes_field(1, resource_);  // ResourceSpans.resource
    first->end_message(1, 0);          // ExportTraceServiceRequest.resource_spans
    try {
      memory_charge held;
      if (!held.add(first->size())) throw std::bad_alloc{};
      charged_batch done{{std::string{first->view()}, spans_}, std::move(held)};
      clear();
      return done;
    } catch (...) {
      for (scope_spans& one : span_.scopes()) one.spans.rewind(one.before_cut);
      throw;
    }
  }
  void clear() noexcept {
    for (scope_spans& one : span_.scopes()) {
      one.spans.rewind(one.behind);
      if (one.spans.capacity() > most_idle_bytes) [[unlikely]]
        one.spans.shrink();
    }
    spans_ = 0;
    bytes_ = 0;
  }
  // Gives memory back that other scopes need not than the one that is written to. False where there was none.
  bool trim() noexcept { return trim_but(*span_.scope); }
  bool trim_to_cut() noexcept { return trim_but(first_in_batch()); }
  // Baggage of those keys becomes attributes of spans.
  void copy_baggage(std::vector<std::string> keys) { span_.copy_baggage(std::move(keys)); }
  // No literal is known any more. What is encoded refers to none.
  void forget_literals() noexcept { span_.forget_literals(); }

  static heap_payload heap_of(std::byte const* record) noexcept { return collected_span::heap_of(record); }
  static constexpr span_limits default_limits() noexcept { return {128, span_limits::unlimited, 128, 128, 128, 128}; }

 private:
  struct times {
    std::uint64_t start;
    std::uint64_t end;
  };
  // The scope whose memory becomes the batch's.
  scope_spans& first_in_batch() noexcept {
    scope_list& scopes = span_.scopes();
    for (scope_spans& one : scopes)
      if (!one.empty()) return one;
    return *scopes.begin();
  }
  NANOSPAN_DETAIL_COLD bool trim_but(scope_spans const& used) noexcept {
    bool trimmed = false;
    for (scope_spans& one : span_.scopes()) {
      if (&one == &used) continue;
      std::size_t const before = one.spans.capacity();
      one.spans.shrink();
      trimmed |= one.spans.capacity() < before;
    }
    return trimmed;
  }
  // Throws std::bad_alloc, nothing whole written.
  void write_span(reverse_writer& out, clock_converter const& clock, times of_span) {
    record_header const& header = span_.header;
    if (span_.kept_bytes() > most_plain_bytes && span_.event_count() + span_.link_count() != 0) [[unlikely]]
      fit_events_and_links();
    // What is left to be written after each event and link finds this room again: they ask for theirs besides.
    std::size_t rest = 256 + span_.bound();
    if (rest > most_span_bytes) [[unlikely]] {
      span_.attributes.fit(most_span_bytes);
      rest = 256 + most_span_bytes + 3 * std::size_t{max_entry_bytes} + span_.name.key_bound();
    }
    out.require(rest);
    std::size_t const since = out.size();
    bool const remote = (header.meta.flags & parent_is_remote) != 0;
    out.fixed32_field(16, flags_of(header.meta.trace_flags, remote));
    if (header.meta.status != 0) {
      std::size_t const status = out.size();
      out.varint_field(3, header.meta.status);
      if (!span_.status.empty() && header.meta.status == static_cast<std::uint8_t>(status_code::error)) write_text(out, 2, span_.status);
      out.end_message(15, status);
    }
    if (span_.dropped_links != 0) out.varint_field(14, span_.dropped_links);
    for (std::size_t at = span_.link_count(); at-- != 0;) write_link(out, span_.link(at), rest);
    if (span_.dropped_events != 0) out.varint_field(12, span_.dropped_events);
    for (std::size_t at = span_.event_count(); at-- != 0;) write_event(out, at, clock, of_span, rest);
    if (std::uint64_t const dropped = span_.attributes.dropped() + span_.left_out) out.varint_field(10, dropped);
    if (span_.attributes.size() != 0) span_.attributes.write(out, 9, span_.limits().attribute_value_length);
    out.fixed64_field(8, of_span.end);
    out.fixed64_field(7, of_span.start);
    out.varint_field(6, static_cast<std::uint64_t>(header.meta.kind));
    span_.name.write_key(out, 5);
    if (header.parent.valid()) out.bytes_field(4, header.parent.bytes());
    if (!span_.tracestate.empty()) write_text(out, 3, span_.tracestate);
    out.bytes_field(2, header.span.bytes());
    out.bytes_field(1, header.trace.bytes());
    out.end_message(2, since);  // ScopeSpans.spans
  }
  // Leaves out the last ones, and counts them, where all might take more than there is for them.
  NANOSPAN_DETAIL_COLD void fit_events_and_links() {
    std::size_t sum = 0;
    std::size_t events = 0;
    for (; events < span_.event_count(); ++events) {
      keyed_entry const& event = span_.event(events);
      attribute_set const* attributes = span_.edited(events);
      std::size_t const kept = attributes != nullptr ? span_.kept_bytes() : 0;
      if (attributes == nullptr) span_.collect_attributes(event.entry, event_attributes_);
      sum += event.key_bound() + (attributes != nullptr ? *attributes : event_attributes_).estimate(event.entry.value_size() + kept);
      if (sum > most_span_bytes) break;
    }
    std::size_t links = 0;
    for (; links < span_.link_count(); ++links) {
      span_.collect_attributes(span_.link(links), link_attributes_);
      sum += link_attributes_.estimate(span_.link(links).value_size());
      if (sum > most_span_bytes) break;
    }
    span_.keep_first(events, links);
  }
  void write_event(reverse_writer& out, std::size_t at, clock_converter const& clock, times of_span, std::size_t rest) {
    keyed_entry const& event = span_.event(at);
    attribute_set* attributes = span_.edited(at);
    if (attributes == nullptr) span_.collect_attributes(event.entry, *(attributes = &event_attributes_));
    out.require(rest + 96 + event.key_bound() + attributes->bound(event.entry.value_size() + span_.kept_bytes()));
    std::size_t const since = out.size();
    if (attributes->dropped() != 0) out.varint_field(4, attributes->dropped());
    attributes->write(out, 3, span_.limits().attribute_value_length);
    event.write_key(out, 2);
    std::uint64_t const ticks = event.entry.word();
    bool const is_said = (ticks & unix_event_time) != 0;
    bool const monotonic = (span_.header.meta.flags & monotonic_ticks) != 0;
    out.fixed64_field(1, is_said ? ticks & ~unix_event_time : std::clamp(clock.to_unix(ticks, monotonic), of_span.start, of_span.end));
    out.end_message(11, since);
  }
  void write_link(reverse_writer& out, entry_view const& link, std::size_t rest) {
    span_.collect_attributes(link, link_attributes_);
    out.require(rest + 128 + link_attributes_.bound(link.value_size()));
    std::size_t const since = out.size();
    link_payload const head = collected_span::head_of(link);
    out.fixed32_field(6, flags_of(static_cast<std::uint8_t>(head.trace_flags), head.remote != 0));
    if (link_attributes_.dropped() != 0) out.varint_field(5, link_attributes_.dropped());
    link_attributes_.write(out, 4, span_.limits().attribute_value_length);
    if (std::string_view const tracestate = collected_span::tracestate_of(link); !tracestate.empty()) write_text(out, 3, tracestate);
    out.bytes_field(2, head.span.bytes());
    out.bytes_field(1, head.trace.bytes());
    out.end_message(13, since);
  }
  static std::uint32_t flags_of(std::uint8_t trace_flags, bool remote) noexcept { return trace_flags | flag_remote_known | (remote ? flag_parent_remote : 0); }

  // Of attributes, and of events and links together, on the wire. A record has a mebibyte, which repaired text makes three of, and numbers five; more are names
  // and keys only, for the record does not hold those that are literals.
  static constexpr std::size_t most_span_bytes = 6u << 20;
  static constexpr std::size_t most_plain_bytes = 1'024;    // of entries: with so many events and links have no more than that in any case
  static constexpr std::size_t most_idle_bytes = 1u << 20;  // of memory that a scope keeps from one batch to the next

  std::string resource_;
  std::size_t spans_ = 0;
  std::size_t bytes_ = 0;
  collected_span span_;
  attribute_set event_attributes_;
  attribute_set link_attributes_;
};

}  // namespace nanospan::inline v0::detail
