// SPDX-License-Identifier: Apache-2.0
#pragma once

// OTLP back to objects: batches for the exporters that look at spans. Unknown fields are passed over, and what is
// no protobuf ends the reading: it never fails. Any thread.

#include <nanospan/exporter.hpp>
#include <nanospan/wire.hpp>

#include <algorithm>
#include <bit>

namespace nanospan::inline v0 {
namespace detail {

// An array is of its first element's type; elements of another are passed over.
inline void read_array(std::string_view message, attribute_value& into) {
  bool is_first = true;
  for (wire_reader values{message}; values.next();) {
    if (!values.is(1, wire_type::bytes)) continue;
    for (wire_reader any{values.bytes()}; any.next();) {
      auto const append = [&](auto element) {
        using list = std::vector<decltype(element)>;
        if (std::exchange(is_first, false)) into = list{};
        if (auto* const elements = std::get_if<list>(&into)) elements->push_back(std::move(element));
      };
      if (any.is(1, wire_type::bytes)) append(std::string{any.bytes()});
      else if (any.is(2, wire_type::varint)) append(any.number() != 0);
      else if (any.is(3, wire_type::varint)) append(static_cast<std::int64_t>(any.number()));
      else if (any.is(4, wire_type::fixed64)) append(std::bit_cast<double>(any.number()));
    }
  }
  if (is_first) into = std::vector<std::string>{};
}

inline void read_value(std::string_view message, attribute_value& into) {
  for (wire_reader any{message}; any.next();) {
    if (any.is(1, wire_type::bytes)) into = std::string{any.bytes()};
    else if (any.is(2, wire_type::varint)) into = any.number() != 0;
    else if (any.is(3, wire_type::varint)) into = static_cast<std::int64_t>(any.number());
    else if (any.is(4, wire_type::fixed64)) into = std::bit_cast<double>(any.number());
    else if (any.is(5, wire_type::bytes)) read_array(any.bytes(), into);
    else if (any.is(7, wire_type::bytes)) {
      auto const* const bytes = reinterpret_cast<std::byte const*>(any.bytes().data());
      into = std::vector<std::byte>(bytes, bytes + any.bytes().size());
    }
  }
}

inline void read_attribute(std::string_view message, attribute_list& into) {
  auto& [key, value] = into.emplace_back();
  value = std::string{};
  for (wire_reader pair{message}; pair.next();) {
    if (pair.is(1, wire_type::bytes)) key = pair.bytes();
    else if (pair.is(2, wire_type::bytes)) read_value(pair.bytes(), value);
  }
}

// An id of another length than its own is invalid (OTLP, "Span.trace_id").
template <std::size_t Bytes>
id<Bytes> read_id(std::string_view text) noexcept {
  std::array<std::uint8_t, Bytes> bytes{};
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the size is Bytes
  if (text.size() == Bytes) std::memcpy(bytes.data(), text.data(), Bytes);
  return id<Bytes>{bytes};
}

inline event_data read_event(std::string_view message) {
  event_data event;
  for (wire_reader field{message}; field.next();) {
    if (field.is(1, wire_type::fixed64)) event.time_unix_nano = field.number();
    else if (field.is(2, wire_type::bytes)) event.name = field.bytes();
    else if (field.is(3, wire_type::bytes)) read_attribute(field.bytes(), event.attributes);
    else if (field.is(4, wire_type::varint)) event.dropped_attributes_count = static_cast<std::uint32_t>(field.number());
  }
  return event;
}

inline link_data read_link(std::string_view message) {
  link_data link;
  for (wire_reader field{message}; field.next();) {
    if (field.is(1, wire_type::bytes)) link.trace_id = read_id<16>(field.bytes());
    else if (field.is(2, wire_type::bytes)) link.span_id = read_id<8>(field.bytes());
    else if (field.is(3, wire_type::bytes)) link.trace_state = field.bytes();
    else if (field.is(4, wire_type::bytes)) read_attribute(field.bytes(), link.attributes);
    else if (field.is(5, wire_type::varint)) link.dropped_attributes_count = static_cast<std::uint32_t>(field.number());
    else if (field.is(6, wire_type::fixed32)) link.flags = static_cast<std::uint32_t>(field.number());
  }
  return link;
}

inline span_data read_span(std::string_view message, span_data span) {
  for (wire_reader field{message}; field.next();) {
    if (field.is(1, wire_type::bytes)) span.trace_id = read_id<16>(field.bytes());
    else if (field.is(2, wire_type::bytes)) span.span_id = read_id<8>(field.bytes());
    else if (field.is(3, wire_type::bytes)) span.trace_state = field.bytes();
    else if (field.is(4, wire_type::bytes)) span.parent_span_id = read_id<8>(field.bytes());
    else if (field.is(5, wire_type::bytes)) span.name = field.bytes();
    else if (field.is(6, wire_type::varint)) span.kind = static_cast<span_kind>(field.number());
    else if (field.is(7, wire_type::fixed64)) span.start_time_unix_nano = field.number();
    else if (field.is(8, wire_type::fixed64)) span.end_time_unix_nano = field.number();
    else if (field.is(9, wire_type::bytes)) read_attribute(field.bytes(), span.attributes);
    else if (field.is(10, wire_type::varint)) span.dropped_attributes_count = static_cast<std::uint32_t>(field.number());
    else if (field.is(11, wire_type::bytes)) span.events.push_back(read_event(field.bytes()));
    else if (field.is(12, wire_type::varint)) span.dropped_events_count = static_cast<std::uint32_t>(field.number());
    else if (field.is(13, wire_type::bytes)) span.links.push_back(read_link(field.bytes()));
    else if (field.is(14, wire_type::varint)) span.dropped_links_count = static_cast<std::uint32_t>(field.number());
    else if (field.is(16, wire_type::fixed32)) span.flags = static_cast<std::uint32_t>(field.number());
    else if (field.is(15, wire_type::bytes)) {
      for (wire_reader status{field.bytes()}; status.next();) {
        if (status.is(2, wire_type::bytes)) span.status_message = status.bytes();
        else if (status.is(3, wire_type::varint)) span.status = static_cast<span_status>(status.number());
      }
    }
  }
  return span;
}

inline attribute_list read_resource(std::string_view resource_spans) {
  attribute_list attributes;
  for (wire_reader outer{resource_spans}; outer.next();) {
    if (!outer.is(1, wire_type::bytes)) continue;
    for (wire_reader resource{outer.bytes()}; resource.next();)
      if (resource.is(1, wire_type::bytes)) read_attribute(resource.bytes(), attributes);
  }
  return attributes;
}

inline std::string service_name_of(attribute_list const& resource) {
  auto const found = std::find_if(resource.begin(), resource.end(), [](auto const& pair) { return pair.first == "service.name"; });
  std::string const* const name = found == resource.end() ? nullptr : std::get_if<std::string>(&found->second);
  return name == nullptr ? std::string{} : *name;
}

inline void read_scope_spans(std::string_view message, std::string const& service_name, std::vector<span_data>& into) {
  span_data with;  // what all of them have
  with.service_name = service_name;
  for (wire_reader field{message}; field.next();) {
    if (field.is(3, wire_type::bytes)) with.scope_schema_url = field.bytes();
    if (!field.is(1, wire_type::bytes)) continue;
    for (wire_reader scope{field.bytes()}; scope.next();) {
      if (scope.is(1, wire_type::bytes)) with.scope_name = scope.bytes();
      else if (scope.is(2, wire_type::bytes)) with.scope_version = scope.bytes();
      else if (scope.is(3, wire_type::bytes)) read_attribute(scope.bytes(), with.scope_attributes);
    }
  }
  for (wire_reader field{message}; field.next();)
    if (field.is(2, wire_type::bytes)) into.push_back(read_span(field.bytes(), with));
}

}  // namespace detail

std::vector<span_data> batch::spans() const {
  using detail::wire_reader, detail::wire_type;
  std::vector<span_data> all;
  all.reserve(span_count);
  for (wire_reader request{otlp}; request.next();) {
    if (!request.is(1, wire_type::bytes)) continue;
    std::string const service_name = detail::service_name_of(detail::read_resource(request.bytes()));
    for (wire_reader field{request.bytes()}; field.next();)
      if (field.is(2, wire_type::bytes)) detail::read_scope_spans(field.bytes(), service_name, all);
  }
  return all;
}

attribute_list batch::resource() const {
  for (detail::wire_reader request{otlp}; request.next();)
    if (request.is(1, detail::wire_type::bytes)) return detail::read_resource(request.bytes());
  return {};
}

}  // namespace nanospan::inline v0
