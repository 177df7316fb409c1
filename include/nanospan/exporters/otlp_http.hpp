// SPDX-License-Identifier: Apache-2.0
#pragma once

// OTLP over HTTP/1.1: one POST a batch on one kept-alive connection. One attempt a call; whether and when there is another is the sender's business. A request is
// a header before a batch, which is written from where it lies; the answer goes through Beast's parser.

#include <nanospan/detail/gzip.hpp>
#include <nanospan/detail/joined.hpp>
#include <nanospan/detail/otlp_answer.hpp>
#include <nanospan/detail/socket_stream.hpp>
#include <nanospan/detail/url.hpp>
#include <nanospan/environment.hpp>
#if NANOSPAN_TLS
#include <nanospan/detail/tls_stream.hpp>
#endif

namespace nanospan::inline v0 {
namespace detail {

#if NANOSPAN_TLS
using connection = tls_stream;
#else
using connection = socket_stream;
#endif

inline bool is_timeout(boost::system::error_code const& error) noexcept {
  return error == boost::asio::error::timed_out || error == boost::asio::error::operation_aborted;
}

// Of two with one name the later stands.
inline void set_header(pair_list& all, std::string_view name, std::string_view value) {
  auto const before = std::find_if(all.begin(), all.end(), [&](auto const& one) { return is_same_name(one.first, name); });
  if (before == all.end()) all.emplace_back(std::string{name}, std::string{value});
  else before->second = value;
}
// Names that say how a request is framed are ours.
inline std::string request_head(url const& to, pair_list const& headers) {
  pair_list all;
  set_header(all, "Host", to.authority());
  set_header(all, "User-Agent", "nanospan/" NANOSPAN_VERSION);
  set_header(all, "Content-Type", "application/x-protobuf");
  for (auto const& [name, value] : headers) {
    bool ours = false;
    for (char const* framing : {"Content-Length", "Content-Encoding", "Transfer-Encoding", "Connection", "Expect"}) ours |= is_same_name(name, framing);
    if (!ours) set_header(all, name, value);
  }
  std::string text = joined({"POST ", to.target, " HTTP/1.1\r\n"});
  for (auto const& [name, value] : all) text += joined({name, ": ", value, "\r\n"});
  return text;
}

}  // namespace detail

struct otlp_http_exporter::state {
  otlp_http_options options;
  detail::url url;
  std::string head;  // of each request, but for what is said of its body
  detail::connection stream;
  bool surplus = false;  // the connection brought more than the last answer

  void disconnect() noexcept {
    stream.close();
    surplus = false;
  }
  // What `judge` says of the answer, or what became of the attempt.
  export_result post(std::string_view body, bool packed, export_result (*judge)(detail::http_answer const&));
  export_result post_in_time(std::string_view body, export_wait& wait, export_result (*judge)(detail::http_answer const&));
  void exchange(std::string_view header, std::string_view body, detail::http_answer_reader& answer, bool& sent, boost::system::error_code& error);
  std::string why_broken(detail::http_answer_reader const& answer, bool sent, boost::system::error_code error) const;
};

otlp_http_exporter::otlp_http_exporter(otlp_http_options with) : state_{shared<state>::make<state>()} {
  auto parsed = detail::url::parse(with.url);
  std::string const shown = detail::joined({"endpoint \"", detail::url::without_credentials(with.url), "\" (from ", with.url_source, ")"});
  if (!parsed) throw configuration_error{shown + " is not a URL like http://localhost:4318 or unix:///run/otel.sock"};
  if (parsed->target.empty()) parsed->target = "/";
  for (auto const& [name, value] : with.headers)
    if (!detail::environment::is_header(name, value)) throw configuration_error{detail::joined({"headers: \"", name, "\" or its value cannot stand in an HTTP header"})};
  if (parsed->scheme == "https") {
#if NANOSPAN_TLS
    state_->stream.configure(with);
#else
    throw configuration_error{detail::joined({shown, ": ", detail::url::without_tls})};
#endif
  }
  state_->head = detail::request_head(*parsed, with.headers);
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

shared<exporter> otlp_http_exporter::for_child() const { return shared<exporter>::make<otlp_http_exporter>(state_->options); }

export_result otlp_http_exporter::export_batch(batch const& spans, export_wait& wait) { return state_->post_in_time(spans.otlp, wait, detail::judge); }

export_result otlp_http_exporter::probe(export_wait& wait) { return state_->post_in_time({}, wait, detail::judge_probe); }

export_result otlp_http_exporter::state::post_in_time(std::string_view body, export_wait& wait, export_result (*judge)(detail::http_answer const&)) {
  std::int64_t const timeout = options.timeout.nanoseconds();
  stream.bind(wait, timeout == 0 ? ~std::uint64_t{0} : detail::monotonic_nanoseconds() + static_cast<std::uint64_t>(timeout));
  try {
    if (options.compression != compression::gzip || body.empty()) return post(body, false, judge);
    return post(detail::gzip(body, [&] { wait.wait(-1, false, 0); }), true, judge);
  } catch (...) {
    disconnect();  // it may have stopped in the middle of an answer
    throw;
  }
}

export_result otlp_http_exporter::state::post(std::string_view body, bool packed, export_result (*judge)(detail::http_answer const&)) {
  using outcome = export_result::outcome;
  std::string const header = detail::joined({head, packed ? "Content-Encoding: gzip\r\n" : "", "Content-Length: ", std::to_string(body.size()), "\r\n\r\n"});
  for (bool maybe_there = false;;) {
    // A collector that said or closed something since its last answer is done with the connection.
    if (surplus || !stream.quiet()) disconnect();
    bool const reused = stream.open();
    if (!reused) {
      if (std::string why = stream.connect(url); !why.empty())
        return {maybe_there ? outcome::unconfirmed : outcome::unreachable, 0, {}, std::move(why)};
    }
    detail::http_answer_reader answer;
    boost::system::error_code error;
    bool sent = false;
    exchange(header, body, answer, sent, error);
    if (!error) {
      surplus = answer.surplus();
      if (!sent || !answer.answer().keep_alive) disconnect();
      export_result said = judge(answer.answer());
      if (maybe_there && said.what == outcome::retry) said.what = outcome::unconfirmed;  // the first time it may have been taken
      return said;
    }
    maybe_there |= sent;
    std::string why = why_broken(answer, sent, error);
    disconnect();
    // The connection was closed while it was idle: nobody has seen this request, and a new one is opened at once.
    if (reused && !answer.begun() && !detail::is_timeout(error)) continue;
    bool const too_large = error == boost::beast::http::error::body_limit || error == boost::beast::http::error::header_limit;
    return {too_large ? outcome::failure : maybe_there ? outcome::unconfirmed : outcome::retry, 0, {}, std::move(why)};
  }
}

// A collector that does not want the rest answers before it has read all: what it says is heard meanwhile, and ends the writing.
void otlp_http_exporter::state::exchange(std::string_view header, std::string_view body, detail::http_answer_reader& answer, bool& sent, boost::system::error_code& error) {
  char bytes[16384];
  // Its error becomes the answer's end. While there is more to write nobody waits: what there was to read may have been TLS's own.
  auto const read = [&](bool waits) {
    std::size_t const count = stream.read_some(bytes, sizeof bytes, waits, error);
    if (error == boost::asio::error::eof) {
      error = {};
      answer.end();
    } else if (!error) {
      answer.add({bytes, count});
    }
  };
  boost::system::error_code write_error;
  while (!write_error && !answer.final_begun() && !error && !(header.empty() && body.empty())) {
    std::size_t const moved = stream.write_some(header, body, write_error);
    if (moved == 0 && !write_error) read(false);
    body.remove_prefix(moved > header.size() ? moved - header.size() : 0);
    header.remove_prefix(std::min(moved, header.size()));
  }
  sent = header.empty() && body.empty();
  if (detail::is_timeout(write_error)) error = write_error;
  while (!error && !answer.finished()) read(true);
  if (!error) error = answer.error();
  // Where nothing came, why the request could not be written says more.
  if (error && write_error && !answer.begun()) error = write_error;
}

std::string otlp_http_exporter::state::why_broken(detail::http_answer_reader const& answer, bool sent, boost::system::error_code error) const {
  namespace http = boost::beast::http;
#if NANOSPAN_TLS
  if (!stream.trouble().empty()) return stream.trouble();
#endif
  if (error == http::error::body_limit || error == http::error::header_limit) return "the answer is too large";
  if (detail::is_timeout(error)) return sent ? "no answer in time" : "the request could not be sent in time";
  bool const cut_short = error == http::error::end_of_stream || error == http::error::partial_message;
  if (answer.error() && answer.begun() && !cut_short) return detail::why_unreadable(answer.first_bytes());
  // Cut short, and yet it shows what it was.
  if (answer.begun() && !std::string_view{"HTTP/1."}.starts_with(answer.first_bytes().substr(0, 7))) return detail::why_unreadable(answer.first_bytes());
  // Some close as soon as they see what they do not understand.
  std::string_view const hint = answer.begun() ? "" : url.port == 4317 ? ". A gRPC port? OTLP over HTTP usually has port 4318" : ". Does that port speak HTTP, and not TLS?";
  return detail::joined({cut_short ? std::string{answer.begun() ? "the answer breaks off" : "the connection was closed without an answer"} : error.message(), hint});
}

}  // namespace nanospan::inline v0
