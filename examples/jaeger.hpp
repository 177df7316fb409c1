// SPDX-License-Identifier: Apache-2.0
#pragma once

// One trace back out of Jaeger: its query API over HTTP by Beast, the answer (OTLP JSON) by Boost.PropertyTree into the spans that
// nanospan's own exporters see. Blocking; any thread.

#include <nanospan.hpp>

#define BOOST_BIND_GLOBAL_PLACEHOLDERS  // or the PropertyTree of old Boosts has a message for us, about itself
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/property_tree/json_parser.hpp>
#include <boost/property_tree/ptree.hpp>

#include <charconv>
#include <chrono>
#include <concepts>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace jaeger {

/// Where Jaeger's query API is.
struct address {
  std::string host = "localhost";
  std::string port = "16686";
};

/// What Jaeger holds of a trace.
struct trace {
  std::vector<nanospan::span_data> spans;
  nanospan::attribute_list resource;  ///< of the last span's process
};

/// Reads OTLP JSON ("JSON Protobuf Encoding"), bare or in the "result" that Jaeger wraps around it. Throws where it is not JSON.
trace read_otlp_json(std::string const& text);

/// Asks until Jaeger holds at least `spans` spans of the trace, which is some time after it has taken them; after `limit` returns what
/// there is. Throws where nobody answers, or with anything but a trace.
trace find_trace(address const& at, std::string const& trace_id, std::size_t spans, std::chrono::milliseconds limit);

namespace detail {

using boost::property_tree::ptree;

inline ptree const& list(ptree const& of, char const* name) {
  static ptree const nothing;
  return of.get_child(name, nothing);
}
inline std::string text(ptree const& of, char const* name) { return of.get<std::string>(name, ""); }
// A number's zero is left out, 64 bits are a string: PropertyTree sees no difference.
template <typename Number>
Number number(ptree const& of, char const* name) {
  return of.get<Number>(name, Number{});
}

// In hexadecimal, unlike other bytes in such JSON. Invalid where it is none.
template <std::size_t Bytes>
nanospan::id<Bytes> read_id(std::string const& hex) {
  std::array<std::uint8_t, Bytes> bytes{};
  if (hex.size() != 2 * Bytes) return {};
  for (std::size_t at = 0; at < Bytes; ++at) std::from_chars(&hex[2 * at], &hex[2 * at] + 2, bytes[at], 16);
  return nanospan::id<Bytes>{bytes};
}

inline std::vector<std::byte> read_base64(std::string const& text) {
  static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::byte> bytes;
  std::size_t bits = 0;
  std::size_t count = 0;
  for (char const c : text) {
    std::size_t const digit = digits.find(c);
    if (digit == std::string_view::npos) break;  // its padding
    bits = (bits << 6 | digit) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<std::byte>(bits >> count & 0xff));
  }
  return bytes;
}

// NOLINTBEGIN(misc-no-recursion): as deep as an answer's arrays
inline nanospan::attribute_value read_value(ptree const& from);

// Of its first element's type, as nanospan reads it; an empty one is of texts.
inline nanospan::attribute_value read_array(ptree const& from) {
  nanospan::attribute_value array = std::vector<std::string>{};
  bool is_first = true;
  for (auto const& [unnamed, element] : list(from, "values")) {
    auto const append = [&]<typename Element>(Element const& value) {
      if constexpr (std::is_constructible_v<nanospan::attribute_value, std::vector<Element>> && !std::same_as<Element, std::byte>) {
        if (std::exchange(is_first, false)) array = std::vector<Element>{};
        if (auto* const elements = std::get_if<std::vector<Element>>(&array)) elements->push_back(value);
      }
    };
    std::visit(append, read_value(element));
  }
  return array;
}
inline nanospan::attribute_value read_value(ptree const& from) {
  nanospan::attribute_value value;
  for (auto const& [type, content] : from) {
    if (type == "boolValue") value = content.data() == "true";
    else if (type == "intValue") value = content.get_value<std::int64_t>();
    else if (type == "doubleValue") value = std::strtod(content.data().c_str(), nullptr);  // knows NaN and Infinity
    else if (type == "bytesValue") value = read_base64(content.data());
    else if (type == "arrayValue") value = read_array(content);
    else value = content.data();
  }
  return value;
}
// NOLINTEND(misc-no-recursion)

inline nanospan::attribute_list read_attributes(ptree const& of) {
  nanospan::attribute_list attributes;
  for (auto const& [unnamed, pair] : list(of, "attributes")) attributes.emplace_back(text(pair, "key"), read_value(list(pair, "value")));
  return attributes;
}

inline nanospan::event_data read_event(ptree const& from) {
  return {text(from, "name"), number<std::uint64_t>(from, "timeUnixNano"), read_attributes(from),
          number<std::uint32_t>(from, "droppedAttributesCount")};
}

inline nanospan::link_data read_link(ptree const& from) {
  return {read_id<16>(text(from, "traceId")),   read_id<8>(text(from, "spanId")), text(from, "traceState"),
          number<std::uint32_t>(from, "flags"), read_attributes(from),            number<std::uint32_t>(from, "droppedAttributesCount")};
}

inline nanospan::span_data read_span(ptree const& from) {
  nanospan::span_data span;
  span.trace_id = read_id<16>(text(from, "traceId"));
  span.span_id = read_id<8>(text(from, "spanId"));
  span.parent_span_id = read_id<8>(text(from, "parentSpanId"));
  span.trace_state = text(from, "traceState");
  span.flags = number<std::uint32_t>(from, "flags");
  span.name = text(from, "name");
  span.kind = static_cast<nanospan::span_kind>(number<unsigned>(from, "kind"));
  span.start_time_unix_nano = number<std::uint64_t>(from, "startTimeUnixNano");
  span.end_time_unix_nano = number<std::uint64_t>(from, "endTimeUnixNano");
  span.attributes = read_attributes(from);
  span.dropped_attributes_count = number<std::uint32_t>(from, "droppedAttributesCount");
  for (auto const& [unnamed, event] : list(from, "events")) span.events.push_back(read_event(event));
  span.dropped_events_count = number<std::uint32_t>(from, "droppedEventsCount");
  for (auto const& [unnamed, link] : list(from, "links")) span.links.push_back(read_link(link));
  span.dropped_links_count = number<std::uint32_t>(from, "droppedLinksCount");
  span.status = static_cast<nanospan::span_status>(number<unsigned>(from, "status.code"));
  span.status_message = text(from, "status.message");
  return span;
}

// One GET on a connection of its own, within ten seconds. Throws where there is no answer.
inline boost::beast::http::response<boost::beast::http::string_body> get(address const& at, std::string const& target) {
  namespace http = boost::beast::http;
  using boost::asio::use_future;
  boost::asio::io_context io;
  boost::asio::ip::tcp::resolver resolver{io};
  boost::beast::tcp_stream stream{io};
  stream.expires_after(std::chrono::seconds{10});
  auto const finish = [&](auto future) {
    io.restart();
    io.run();
    return future.get();
  };
  finish(stream.async_connect(resolver.resolve(at.host, at.port), use_future));

  http::request<http::empty_body> request{http::verb::get, target, 11};
  bool const is_ipv6 = at.host.find(':') != std::string::npos;
  request.set(http::field::host, (is_ipv6 ? "[" + at.host + "]" : at.host) + ":" + at.port);
  request.set(http::field::connection, "close");
  finish(http::async_write(stream, request, use_future));

  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(std::uint64_t{1} << 30);
  finish(http::async_read(stream, buffer, parser, use_future));
  return parser.release();
}

}  // namespace detail

inline trace read_otlp_json(std::string const& text) {
  detail::ptree json;
  std::istringstream stream{text};
  boost::property_tree::read_json(stream, json);
  trace found;
  for (auto const& [unnamed_1, process] : detail::list(json.get_child("result", json), "resourceSpans")) {
    found.resource = detail::read_attributes(detail::list(process, "resource"));
    std::string service_name;
    for (auto const& [key, value] : found.resource)
      if (key == "service.name") service_name = std::get<std::string>(value);
    for (auto const& [unnamed_2, scope] : detail::list(process, "scopeSpans")) {
      for (auto const& [unnamed_3, span] : detail::list(scope, "spans")) {
        nanospan::span_data& added = found.spans.emplace_back(detail::read_span(span));
        added.scope_name = detail::text(scope, "scope.name");
        added.scope_version = detail::text(scope, "scope.version");
        added.scope_schema_url = detail::text(scope, "schemaUrl");
        added.scope_attributes = detail::read_attributes(detail::list(scope, "scope"));
        added.service_name = service_name;
      }
    }
  }
  return found;
}

inline trace find_trace(address const& at, std::string const& trace_id, std::size_t spans, std::chrono::milliseconds limit) {
  auto const deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    // Raw: as it was sent; else Jaeger sorts what is in it and adds warnings.
    auto const answer = detail::get(at, "/api/v3/traces/" + trace_id + "?raw_traces=true");
    bool const found = answer.result() == boost::beast::http::status::ok;
    if (!found && answer.result() != boost::beast::http::status::not_found)
      throw std::runtime_error{"HTTP " + std::to_string(answer.result_int()) + ": " + answer.body()};
    trace held = found ? read_otlp_json(answer.body()) : trace{};
    if ((found && held.spans.size() >= spans) || std::chrono::steady_clock::now() >= deadline) return held;
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
}

}  // namespace jaeger
