// SPDX-License-Identifier: Apache-2.0
#pragma once

// A batch in two, for a collector that finds it too large: each half is a request of its own, with the resources, scopes and unknown fields
// of the whole. What is no OTLP is not split. Background half.

#include <nanospan/exporter.hpp>
#include <nanospan/wire.hpp>

#include <string>
#include <string_view>

namespace nanospan::inline v0::detail {

// Spans from `first` to before `last`, in the order in which they stand there.
class otlp_part {
 public:
  otlp_part(std::size_t first, std::size_t last) noexcept : first_{first}, last_{last} {}

  // Throws std::bad_alloc. False for what is no protobuf.
  bool take(std::string_view request, std::string& into) { return copy(request, level::request, into); }
  // How many there were in all.
  std::size_t seen() const noexcept { return seen_; }

 private:
  // Messages inside of each other: ExportTraceServiceRequest.resource_spans = 1, ResourceSpans.scope_spans = 2, ScopeSpans.spans = 2.
  enum class level { request, resource_spans, scope_spans };

  // NOLINTBEGIN(misc-no-recursion): three levels
  // A message whose spans are all of the other part is left out, and one that never had any.
  bool copy(std::string_view message, level at, std::string& into) {
    std::uint32_t const inner = at == level::request ? 1 : 2;
    wire_reader field{message};
    for (std::size_t before = message.size(); field.next(); before = field.left()) {
      std::string_view const as_it_stands = message.substr(message.size() - before, before - field.left());
      if (!field.is(inner, wire_type::bytes)) {
        into += as_it_stands;
      } else if (at == level::scope_spans) {
        if (seen_ >= first_ && seen_ < last_) into += as_it_stands;
        ++seen_;
      } else if (!copy_message(field.bytes(), at == level::request ? level::resource_spans : level::scope_spans, inner, into)) {
        return false;
      }
    }
    return field.well_formed();
  }
  bool copy_message(std::string_view message, level at, std::uint32_t number, std::string& into) {
    std::size_t const from = seen_;
    std::string inside;
    if (!copy(message, at, inside)) return false;
    if (seen_ == from || seen_ <= first_ || from >= last_) return true;
    reverse_writer head{2 * reverse_writer::max_varint_bytes};
    head.varint(inside.size());
    head.tag(number, wire_type::bytes);
    into += head.view();
    into += inside;
    return true;
  }
  // NOLINTEND(misc-no-recursion)

  std::size_t first_;
  std::size_t last_;
  std::size_t seen_ = 0;
};

// False for what cannot be split: one span, or not the spans that it says. Throws std::bad_alloc.
inline bool split_in_half(batch const& whole, batch& first, batch& second) {
  std::size_t const middle = whole.span_count / 2;
  if (middle == 0) return false;
  first = {{}, middle};
  second = {{}, whole.span_count - middle};
  otlp_part front{0, middle};
  otlp_part back{middle, whole.span_count};
  return front.take(whole.otlp, first.otlp) && back.take(whole.otlp, second.otlp) && front.seen() == whole.span_count;
}

}  // namespace nanospan::inline v0::detail
