// SPDX-License-Identifier: Apache-2.0
#pragma once

// OTLP over HTTP/1.1: one POST a batch on one kept-alive connection, by Beast's synchronous algorithms. One attempt a call; whether and
// when there is another is the sender's business (OTLP specification, "OTLP/HTTP", "Failures", "Partial Success").

#include <nanospan/detail/socket_stream.hpp>
#include <nanospan/detail/url.hpp>
#include <nanospan/otlp_reader.hpp>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <charconv>
#include <ctime>

namespace nanospan::inline v0 {

struct otlp_http_exporter::state {
  otlp_http_options options;
  detail::url url;
  detail::socket_stream stream;
};

namespace detail {

namespace http = boost::beast::http;

// Seconds or an HTTP-date (RFC 9110, "Retry-After"); nothing where it is neither.
inline std::optional<duration> retry_after(std::string_view text, std::int64_t now_unix_seconds) noexcept {
  std::int64_t seconds = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size()) {
    std::tm date{};
    std::string const copy{text};
    char const* const rest = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    seconds = ::timegm(&date) - now_unix_seconds;
  }
  return duration::of_milliseconds(std::clamp(seconds, std::int64_t{0}, std::int64_t{86'400}) * 1'000);
}

// What a body says for a person's eyes: its printable beginning.
inline std::string excerpt(std::string_view body) {
  std::string shown;
  for (char const c : body.substr(0, 200)) shown += c >= ' ' && c < 0x7f ? c : ' ';
  return shown;
}

using http_response = http::response<http::string_body>;

inline export_result judge(http_response const& response) {
  using outcome = export_result::outcome;
  export_result result;
  unsigned const status = response.result_int();
  if (status >= 200 && status < 300) {
    partial_success const partial = read_partial_success(response.body());
    result.rejected_spans = partial.rejected_spans;
    result.message = partial.error_message;
    return result;
  }
  bool const again = status == 429 || status == 502 || status == 503 || status == 504;
  result.what = again ? outcome::retry : outcome::failure;
  result.message = "HTTP " + std::to_string(status) + " " + std::string{response.reason()};
  if (!response.body().empty()) result.message += " (" + excerpt(response.body()) + ")";
  auto const header = response[http::field::retry_after];
  if (auto const delay = retry_after({header.data(), header.size()}, std::time(nullptr)); again && delay) result.retry_after = *delay;
  return result;
}

}  // namespace detail

otlp_http_exporter::otlp_http_exporter(otlp_http_options with) : state_{std::make_shared<state>()} {
  auto parsed = detail::url::parse(with.url);
  if (!parsed)
    throw configuration_error{"endpoint \"" + with.url + "\" (from " + with.url_source + ") is not a URL like http://localhost:4318"};
  if (parsed->scheme != "http")
    throw configuration_error{"endpoint \"" + with.url + "\" (from " + with.url_source + "): https is not supported; use http, or a local collector or proxy"};
  if (parsed->target.empty()) parsed->target = "/";
  for (auto const& [name, value] : with.headers)
    for (std::string const* part : {&name, &value})
      for (char const c : *part)
        if (c == '\r' || c == '\n' || c == '\0') throw configuration_error{"headers: \"" + name + "\" holds a line break"};
  state_->options = std::move(with);
  state_->url = std::move(*parsed);
}
otlp_http_exporter::~otlp_http_exporter() = default;

void otlp_http_exporter::shutdown(export_wait&) { state_->stream.close(); }

std::string otlp_http_exporter::description() const {
  return "OTLP/HTTP at " + state_->options.url + " (" + state_->options.url_source + ")";
}

export_result otlp_http_exporter::export_batch(batch const& spans, export_wait& wait) {
  namespace http = detail::http;
  using outcome = export_result::outcome;
  state& self = *state_;
  std::int64_t const timeout = self.options.timeout.nanoseconds();
  std::uint64_t const deadline = timeout == 0 ? ~std::uint64_t{0} : detail::monotonic_nanoseconds() + static_cast<std::uint64_t>(timeout);
  self.stream.bind(wait, deadline);

  http::request<http::span_body<char const>> request{http::verb::post, self.url.target, 11};
  request.set(http::field::host, self.url.authority());
  request.set(http::field::user_agent, "nanospan/" NANOSPAN_VERSION);
  request.set(http::field::content_type, "application/x-protobuf");
  for (auto const& [name, value] : self.options.headers) request.set(name, value);
  request.body() = {spans.otlp.data(), spans.otlp.size()};
  request.prepare_payload();

  for (;;) {
    bool const reused = self.stream.open();
    if (!reused) {
      if (std::string why = self.stream.connect(self.url.host, self.url.port); !why.empty()) return {outcome::unreachable, 0, {}, std::move(why)};
    }
    boost::system::error_code error;
    http::write(self.stream, request, error);
    bool const sent = !error;
    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.header_limit(64u << 10);
    parser.body_limit(4u << 20);  // OTLP: a response over 4 MiB is an error that is not retried
    if (sent) http::read(self.stream, buffer, parser, error);
    if (!error) {
      if (!parser.get().keep_alive()) self.stream.close();
      return detail::judge(parser.get());
    }
    self.stream.close();
    bool const answered = parser.got_some();
    // A connection that the collector closed while it was idle: nobody has seen this request, and a new one is opened at once.
    bool const timed_out = error == boost::asio::error::timed_out || error == boost::asio::error::operation_aborted;
    if (reused && !answered && !timed_out) continue;
    std::string why = timed_out ? std::string{sent ? "no answer in time" : "the request could not be sent in time"} : error.message();
    if (error == http::error::body_limit || error == http::error::header_limit) return {outcome::failure, 0, {}, "the answer is too large"};
    return {sent ? outcome::unconfirmed : outcome::retry, 0, {}, std::move(why)};
  }
}

}  // namespace nanospan::inline v0
