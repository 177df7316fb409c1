// SPDX-License-Identifier: Apache-2.0
#pragma once

// OTLP over HTTP/1.1: one POST a batch on one kept-alive connection, by Beast's messages and synchronous algorithms, but for http::write:
// its serializer takes as long to compile as all of ours, and a batch needs no more than a header before it. One attempt a call; whether and
// when there is another is the sender's business (OTLP specification, "OTLP/HTTP", "Failures", "Partial Success").

#include <nanospan/detail/joined.hpp>
#include <nanospan/detail/socket_stream.hpp>
#include <nanospan/detail/url.hpp>
#include <nanospan/detail/utf8.hpp>
#include <nanospan/environment.hpp>
#include <nanospan/otlp_reader.hpp>

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <charconv>
#include <ctime>
#include <optional>

namespace nanospan::inline v0 {

struct otlp_http_exporter::state {
  otlp_http_options options;
  detail::url url;
  detail::socket_stream stream;
  boost::beast::flat_buffer buffer;  // what the connection has brought beyond the last answer

  void disconnect() noexcept {
    stream.close();
    buffer.clear();
  }
  export_result attempt(batch const& spans);
};

namespace detail {

namespace http = boost::beast::http;

// Unix seconds of an HTTP-date, in any of its three forms (RFC 9110, "HTTP-date").
inline std::optional<std::int64_t> http_date(std::string const& text) noexcept {
  for (char const* form : {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"}) {
    std::tm date{};
    char const* const rest = ::strptime(text.c_str(), form, &date);
    if (rest != nullptr && *rest == '\0') return ::timegm(&date);
  }
  return std::nullopt;
}

// Seconds or an HTTP-date (RFC 9110, "Retry-After"); nothing where it is neither.
inline std::optional<duration> retry_after(std::string_view text, std::int64_t now_unix_seconds) noexcept {
  std::int64_t seconds = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size()) {
    auto const date = http_date(std::string{text});
    if (!date) return std::nullopt;
    seconds = *date - now_unix_seconds;
  }
  return duration::of_milliseconds(std::clamp(seconds, std::int64_t{0}, std::int64_t{86'400}) * 1'000);
}

using http_response = http::response<http::string_body>;

inline export_result judge(http_response const& response) {
  using outcome = export_result::outcome;
  export_result result;
  unsigned const status = response.result_int();
  if (status >= 200 && status < 300) {
    if (response[http::field::content_type].starts_with("text/html")) {
      result.what = outcome::failure;
      result.message = joined({"HTTP ", std::to_string(status), " with a page of HTML: that is no OTLP collector (OTLP over HTTP usually has port 4318)"});
      return result;
    }
    partial_success const partial = read_partial_success(response.body());
    result.rejected_spans = partial.rejected_spans;
    result.message = excerpt(partial.error_message);
    return result;
  }
  bool const again = status == 429 || status == 502 || status == 503 || status == 504;
  result.what = again ? outcome::retry : outcome::failure;
  result.message = joined({"HTTP ", std::to_string(status), " ", {response.reason().data(), response.reason().size()}});
  if (!response.body().empty()) result.message += joined({" (", excerpt(response.body()), ")"});
  auto const header = response[http::field::retry_after];
  if (auto const delay = retry_after({header.data(), header.size()}, std::time(nullptr)); again && delay) result.retry_after = *delay;
  return result;
}

inline bool is_timeout(boost::system::error_code const& error) noexcept {
  return error == boost::asio::error::timed_out || error == boost::asio::error::operation_aborted;
}

struct answer {
  std::optional<http_response> response;
  boost::system::error_code error;
  bool begun = false;  // some of it came
};

// The final answer; interim ones (1xx) are passed over. OTLP: one over 4 MiB is an error, and not retried.
inline answer read_answer(socket_stream& stream, boost::beast::flat_buffer& buffer) {
  constexpr std::uint64_t most_body_bytes = 4u << 20;
  constexpr int most_interim = 16;
  answer got;
  for (int interim = 0; interim <= most_interim; ++interim) {
    http::response_parser<http::string_body> parser;
    parser.header_limit(64u << 10);
    parser.body_limit(most_body_bytes);
    // The header by itself: Beast before 1.75 loses the error of a body that is too large when both come at once.
    parser.eager(false);
    while (!got.error && !parser.is_header_done()) http::read_some(stream, buffer, parser, got.error);
    if (!got.error && parser.content_length().value_or(0) > most_body_bytes) got.error = http::error::body_limit;
    parser.eager(true);
    while (!got.error && !parser.is_done()) http::read_some(stream, buffer, parser, got.error);
    got.begun |= parser.got_some();
    if (got.error) return got;
    if (unsigned const status = parser.get().result_int(); status / 100 == 1 && status != 101) continue;
    got.response = parser.release();
    return got;
  }
  got.error = http::error::bad_status;
  return got;
}

}  // namespace detail

otlp_http_exporter::otlp_http_exporter(otlp_http_options with) : state_{shared<state>::make<state>()} {
  auto parsed = detail::url::parse(with.url);
  std::string const shown = detail::joined({"endpoint \"", detail::url::without_credentials(with.url), "\" (from ", with.url_source, ")"});
  if (!parsed) throw configuration_error{shown + " is not a URL like http://localhost:4318"};
  if (parsed->scheme != "http") throw configuration_error{shown + ": " + detail::url::only_http};
  if (parsed->target.empty()) parsed->target = "/";
  for (auto const& [name, value] : with.headers)
    if (!detail::environment::is_header(name, value)) throw configuration_error{detail::joined({"headers: \"", name, "\" or its value cannot stand in an HTTP header"})};
  state_->options = std::move(with);
  state_->url = std::move(*parsed);
}
otlp_http_exporter::~otlp_http_exporter() = default;

std::uint64_t otlp_http_exporter::shutdown(export_wait&) {
  state_->disconnect();
  return 0;
}

std::string otlp_http_exporter::description() const {
  return detail::joined({"OTLP/HTTP at ", state_->options.url, " (", state_->options.url_source, ")"});
}

export_result otlp_http_exporter::export_batch(batch const& spans, export_wait& wait) {
  std::int64_t const timeout = state_->options.timeout.nanoseconds();
  state_->stream.bind(wait, timeout == 0 ? ~std::uint64_t{0} : detail::monotonic_nanoseconds() + static_cast<std::uint64_t>(timeout));
  try {
    return state_->attempt(spans);
  } catch (...) {
    state_->disconnect();  // it may have stopped in the middle of an answer
    throw;
  }
}

export_result otlp_http_exporter::state::attempt(batch const& spans) {
  namespace http = detail::http;
  using outcome = export_result::outcome;
  http::request<http::empty_body> request{http::verb::post, url.target, 11};
  request.set(http::field::host, url.authority());
  request.set(http::field::user_agent, "nanospan/" NANOSPAN_VERSION);
  request.set(http::field::content_type, "application/x-protobuf");
  for (auto const& [name, value] : options.headers) request.set(name, value);
  request.content_length(spans.otlp.size());
  std::string const header = boost::beast::buffers_to_string(http::fields::writer{request, request.version(), request.method()}.get());

  for (bool maybe_there = false;;) {
    // A collector that said or closed something since its last answer is done with the connection.
    if (buffer.size() != 0 || !stream.quiet()) disconnect();
    bool const reused = stream.open();
    if (!reused) {
      if (std::string why = stream.connect(url.host, url.port); !why.empty())
        return {maybe_there ? outcome::unconfirmed : outcome::unreachable, 0, {}, std::move(why)};
    }
    boost::system::error_code error;
    stream.write(header, spans.otlp, error);
    bool const sent = !error;
    maybe_there |= sent;
    detail::answer got;
    // A collector that does not want the rest answers before it has read all, and closes.
    if (!detail::is_timeout(error)) got = detail::read_answer(stream, buffer);
    if (got.response) {
      if (!sent || !got.response->keep_alive()) disconnect();
      return detail::judge(*got.response);
    }
    disconnect();
    if (!sent) got.error = error;
    // The connection was closed while it was idle: nobody has seen this request, and a new one is opened at once.
    bool const timed_out = detail::is_timeout(got.error);
    if (reused && !got.begun && !timed_out) continue;
    if (got.error == http::error::body_limit || got.error == http::error::header_limit)
      return {outcome::failure, 0, {}, "the answer is too large"};
    std::string why = timed_out ? std::string{sent ? "no answer in time" : "the request could not be sent in time"} : got.error.message();
    if (got.error == http::error::bad_version) why = "the answer is not HTTP/1.1: a gRPC port? OTLP over HTTP usually has port 4318";
    return {maybe_there ? outcome::unconfirmed : outcome::retry, 0, {}, std::move(why)};
  }
}

}  // namespace nanospan::inline v0
