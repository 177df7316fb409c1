// SPDX-License-Identifier: Apache-2.0
#pragma once

// OTLP's bytes as OTLP/JSON (OTLP specification, "JSON Protobuf Encoding": protobuf's mapping, but ids in hex and enumerations as numbers), without objects in
// between: a table says what a field is. Fields that it does not know are passed over, and what is no protobuf ends its message: any bytes become one line
// of JSON in UTF-8. Any thread.

#include <nanospan/detail/json_text.hpp>
#include <nanospan/wire.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace nanospan::inline v0::detail {

enum class otlp_type : std::uint8_t {
  traces_data, resource_spans, resource, scope_spans, scope, span, event, link, status, key_value, any_value, array_value, key_value_list,  // messages
  trace_id, span_id, text, bytes,                                                                                                        // on the wire: bytes
  count, enumeration, integer, boolean,                                                                                                  // varint
  time, real,                                                                                                                            // fixed64
  flags                                                                                                                                  // fixed32
};

struct otlp_field {  // NOLINT(clang-analyzer-optin.performance.Padding): in the order in which the table is read
  otlp_type in;
  std::uint8_t number;
  char const* name;
  otlp_type is;
  bool repeated = false;
};

// opentelemetry/proto/trace/v1/trace.proto and what it includes, but what is for profiles and entities. A message's numbers follow each other.
inline constexpr otlp_field otlp_fields[] = {
    {otlp_type::traces_data, 1, "resourceSpans", otlp_type::resource_spans, true},

    {otlp_type::resource_spans, 1, "resource", otlp_type::resource},
    {otlp_type::resource_spans, 2, "scopeSpans", otlp_type::scope_spans, true},
    {otlp_type::resource_spans, 3, "schemaUrl", otlp_type::text},

    {otlp_type::resource, 1, "attributes", otlp_type::key_value, true},
    {otlp_type::resource, 2, "droppedAttributesCount", otlp_type::count},

    {otlp_type::scope_spans, 1, "scope", otlp_type::scope},
    {otlp_type::scope_spans, 2, "spans", otlp_type::span, true},
    {otlp_type::scope_spans, 3, "schemaUrl", otlp_type::text},

    {otlp_type::scope, 1, "name", otlp_type::text},
    {otlp_type::scope, 2, "version", otlp_type::text},
    {otlp_type::scope, 3, "attributes", otlp_type::key_value, true},
    {otlp_type::scope, 4, "droppedAttributesCount", otlp_type::count},

    {otlp_type::span, 1, "traceId", otlp_type::trace_id},
    {otlp_type::span, 2, "spanId", otlp_type::span_id},
    {otlp_type::span, 3, "traceState", otlp_type::text},
    {otlp_type::span, 4, "parentSpanId", otlp_type::span_id},
    {otlp_type::span, 5, "name", otlp_type::text},
    {otlp_type::span, 6, "kind", otlp_type::enumeration},
    {otlp_type::span, 7, "startTimeUnixNano", otlp_type::time},
    {otlp_type::span, 8, "endTimeUnixNano", otlp_type::time},
    {otlp_type::span, 9, "attributes", otlp_type::key_value, true},
    {otlp_type::span, 10, "droppedAttributesCount", otlp_type::count},
    {otlp_type::span, 11, "events", otlp_type::event, true},
    {otlp_type::span, 12, "droppedEventsCount", otlp_type::count},
    {otlp_type::span, 13, "links", otlp_type::link, true},
    {otlp_type::span, 14, "droppedLinksCount", otlp_type::count},
    {otlp_type::span, 15, "status", otlp_type::status},
    {otlp_type::span, 16, "flags", otlp_type::flags},

    {otlp_type::event, 1, "timeUnixNano", otlp_type::time},
    {otlp_type::event, 2, "name", otlp_type::text},
    {otlp_type::event, 3, "attributes", otlp_type::key_value, true},
    {otlp_type::event, 4, "droppedAttributesCount", otlp_type::count},

    {otlp_type::link, 1, "traceId", otlp_type::trace_id},
    {otlp_type::link, 2, "spanId", otlp_type::span_id},
    {otlp_type::link, 3, "traceState", otlp_type::text},
    {otlp_type::link, 4, "attributes", otlp_type::key_value, true},
    {otlp_type::link, 5, "droppedAttributesCount", otlp_type::count},
    {otlp_type::link, 6, "flags", otlp_type::flags},

    {otlp_type::status, 2, "message", otlp_type::text},
    {otlp_type::status, 3, "code", otlp_type::enumeration},

    {otlp_type::key_value, 1, "key", otlp_type::text},
    {otlp_type::key_value, 2, "value", otlp_type::any_value},

    {otlp_type::any_value, 1, "stringValue", otlp_type::text},
    {otlp_type::any_value, 2, "boolValue", otlp_type::boolean},
    {otlp_type::any_value, 3, "intValue", otlp_type::integer},
    {otlp_type::any_value, 4, "doubleValue", otlp_type::real},
    {otlp_type::any_value, 5, "arrayValue", otlp_type::array_value},
    {otlp_type::any_value, 6, "kvlistValue", otlp_type::key_value_list},
    {otlp_type::any_value, 7, "bytesValue", otlp_type::bytes},

    {otlp_type::array_value, 1, "values", otlp_type::any_value, true},

    {otlp_type::key_value_list, 1, "values", otlp_type::key_value, true},
};

class otlp_json_writer {
 public:
  explicit otlp_json_writer(std::string& to) noexcept : to_{to} {}

  // NOLINTBEGIN(misc-no-recursion): to most_depth
  // Appends a message as one object. Of a field that is there once the last one counts, also where it is a message. Throws std::bad_alloc.
  void message(std::string_view bytes, otlp_type what) {
    auto const [first, count] = fields[static_cast<std::size_t>(what)];
    struct {
      std::uint64_t number;
      std::string_view bytes;
    } last[most_fields];
    std::uint32_t seen = 0;
    std::size_t latest = 0;
    to_ += '{';
    for (wire_reader reader{depth_ < most_depth ? bytes : std::string_view{}}; reader.next();) {
      std::uint64_t const place = reader.field() - otlp_fields[first].number;
      if (place >= count || !reader.is(otlp_fields[first + place].number, wire_type_of(otlp_fields[first + place].is))) continue;
      last[place] = {reader.number(), reader.bytes()};
      seen |= 1u << place;
      latest = place;
    }
    if (what == otlp_type::any_value && seen != 0) seen = 1u << latest;  // a oneof
    ++depth_;
    for (std::size_t place = 0; seen != 0; ++place, seen >>= 1) {
      if ((seen & 1) == 0) continue;
      otlp_field const& field = otlp_fields[first + place];  // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult): a constant table
      if (wrong_id(field.is, last[place].bytes)) continue;
      if (to_.back() != '{') to_ += ',';
      to_ += '"';
      to_ += field.name;
      to_ += "\":";
      if (field.repeated) {
        all(bytes, field);
        continue;
      }
      value(field.is, last[place].number, last[place].bytes);
    }
    --depth_;
    to_ += '}';
  }
  // NOLINTEND(misc-no-recursion)

 private:
  // Arrays in arrays may be no deeper; what is there is left out. Readers have limits, too.
  static constexpr int most_depth = 40;
  static constexpr std::size_t most_fields = 16;
  struct rows {
    std::uint8_t first;
    std::uint8_t count;
  };
  static constexpr auto fields = [] {
    std::array<rows, static_cast<std::size_t>(otlp_type::key_value_list) + 1> of{};
    for (std::size_t at = std::size(otlp_fields); at-- != 0;) {
      rows& these = of[static_cast<std::size_t>(otlp_fields[at].in)];
      these = {static_cast<std::uint8_t>(at), static_cast<std::uint8_t>(these.count + 1)};
    }
    return of;
  }();
  static_assert([] {
    for (rows const these : fields)
      for (std::size_t at = 0; at < these.count; ++at)
        if (these.count > most_fields || otlp_fields[these.first + at].number != otlp_fields[these.first].number + at) return false;
    return true;
  }());

  static constexpr wire_type wire_type_of(otlp_type type) noexcept {
    if (type < otlp_type::count) return wire_type::bytes;
    if (type < otlp_type::time) return wire_type::varint;
    return type < otlp_type::flags ? wire_type::fixed64 : wire_type::fixed32;
  }
  // One of another length than its own is invalid, and readers refuse the whole line for it.
  static bool wrong_id(otlp_type type, std::string_view bytes) noexcept {
    return (type == otlp_type::trace_id && bytes.size() != 16) || (type == otlp_type::span_id && bytes.size() != 8);
  }

  // NOLINTBEGIN(misc-no-recursion): as above
  void all(std::string_view bytes, otlp_field const& field) {
    char before = '[';
    for (wire_reader reader{bytes}; reader.next();) {
      if (!reader.is(field.number, wire_type::bytes)) continue;
      to_ += std::exchange(before, ',');
      message(reader.bytes(), field.is);
    }
    to_ += ']';
  }
  void value(otlp_type type, std::uint64_t number, std::string_view bytes) {
    switch (type) {
      case otlp_type::text: append_json_text(to_, bytes); break;
      case otlp_type::trace_id:
      case otlp_type::span_id: append_json_hex(to_, bytes); break;
      case otlp_type::bytes: append_json_base64(to_, bytes); break;
      case otlp_type::count:
      case otlp_type::flags: append_decimal(to_, static_cast<std::uint32_t>(number)); break;
      case otlp_type::enumeration: append_decimal(to_, static_cast<std::int32_t>(number)); break;
      case otlp_type::boolean: to_ += number != 0 ? "true" : "false"; break;
      case otlp_type::time: append_quoted(to_, number); break;
      case otlp_type::integer: append_quoted(to_, static_cast<std::int64_t>(number)); break;
      case otlp_type::real: append_json_real(to_, std::bit_cast<double>(number)); break;
      default: message(bytes, type);
    }
  }
  // NOLINTEND(misc-no-recursion)

  std::string& to_;
  int depth_ = 0;
};

// TracesData, which has the same shape as ExportTraceServiceRequest, without the newline. Throws std::bad_alloc.
inline void append_otlp_json(std::string& to, std::string_view otlp) { otlp_json_writer{to}.message(otlp, otlp_type::traces_data); }

}  // namespace nanospan::inline v0::detail
