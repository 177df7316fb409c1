// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a collector answers, taken apart as it comes by Beast's parser, and nothing kept of it but what is asked for. Touches no socket. Bounded: what is too
// large is an error. Background thread.

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/version.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nanospan::inline v0::detail {

struct http_answer {
  int status = 0;
  std::string reason = {};
  std::string content_type = {};
  std::string retry_after = {};
  std::string location = {};
  std::string body = {};
  bool keep_alive = false;
};

class http_answer_parser final : public boost::beast::http::basic_parser<false> {
 public:
  static constexpr std::size_t most_body_bytes = 4u << 20;  // OTLP: more is an error, and not retried
  explicit http_answer_parser(http_answer& into) : into_{into} {
    header_limit(64u << 10);
    body_limit(most_body_bytes);
  }

 private:
  using text = boost::beast::string_view;
  using error_code = boost::beast::error_code;
  using field = boost::beast::http::field;

  void on_request_impl(boost::beast::http::verb /*verb*/, text /*name*/, text /*target*/, int /*version*/, error_code& /*error*/) override {}
  void on_response_impl(int status, text reason, int /*version*/, error_code& /*error*/) override {
    into_.status = status;
    into_.reason.assign(reason.data(), reason.size());
  }
  void on_field_impl(field name, text /*name*/, text value, error_code& /*error*/) override {
    std::string* const wanted = name == field::content_type  ? &into_.content_type
                                : name == field::retry_after ? &into_.retry_after
                                : name == field::location    ? &into_.location
                                                             : nullptr;
    if (wanted != nullptr) wanted->assign(value.data(), value.size());
  }
#if BOOST_BEAST_VERSION >= 359
  void on_trailer_field_impl(field /*name*/, text /*name*/, text /*value*/, error_code& /*error*/) override {}
#endif
  void on_header_impl(error_code& /*error*/) override { into_.keep_alive = keep_alive(); }
  void on_body_init_impl(boost::optional<std::uint64_t> const& size, error_code& error) override {
    if (size && *size > most_body_bytes) error = boost::beast::http::error::body_limit;
  }
  std::size_t on_body_impl(text more, error_code& error) override {
    if (more.size() > most_body_bytes - into_.body.size()) error = boost::beast::http::error::body_limit;
    else into_.body.append(more.data(), more.size());
    return more.size();
  }
  void on_chunk_header_impl(std::uint64_t /*size*/, text /*extensions*/, error_code& /*error*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*remaining*/, text more, error_code& error) override { return on_body_impl(more, error); }
  void on_finish_impl(error_code& /*error*/) override {}

  http_answer& into_;
};

// The final answer; interim ones (1xx) are passed over.
class http_answer_reader {
 public:
  static constexpr std::size_t most_unread_bytes = 64u << 10;                           // of what must be there as a whole
  static constexpr std::size_t most_bytes = 2 * http_answer_parser::most_body_bytes;  // of everything
  using error_code = boost::system::error_code;

  // What came next. Not after it has finished.
  void add(std::string_view bytes) {
    if (first_.size() < 64) first_ += bytes.substr(0, 64);
    unread_ += bytes;
    bytes_ += bytes.size();
    while (!finished_ && !unread_.empty()) {
      std::size_t const used = parser().put(boost::asio::const_buffer{unread_.data(), unread_.size()}, error_);
      unread_.erase(0, used);
      if (error_ == boost::beast::http::error::need_more) {
        error_ = {};
        if (used == 0) break;
      }
      finish_if_done();
    }
    // What is no body has no limit in Beast: a chunk's extension, a trailer.
    if (!finished_ && (unread_.size() > most_unread_bytes || bytes_ > most_bytes)) fail(boost::beast::http::error::body_limit);
  }
  // The connection has ended.
  void end() {
    if (parser().got_some() && parser().is_header_done()) parser().put_eof(error_);
    else error_ = parser().got_some() ? boost::beast::http::error::partial_message : boost::beast::http::error::end_of_stream;
    if (!error_) finish_if_done();
    finished_ = true;
  }

  // The answer is there, or an error.
  bool finished() const noexcept { return finished_; }
  error_code error() const noexcept { return error_; }
  http_answer const& answer() const noexcept { return answer_; }
  bool begun() const noexcept { return !first_.empty(); }
  // No interim one, so that nothing more of the request is wanted.
  bool final_begun() const noexcept { return finished_ || answer_.status / 100 > 1 || answer_.status == 101; }
  // What the answer begins with, and what came after its end.
  std::string_view first_bytes() const noexcept { return first_; }
  bool surplus() const noexcept { return !unread_.empty(); }

 private:
  http_answer_parser& parser() noexcept { return *parser_; }  // NOLINT(bugprone-unchecked-optional-access): there always is one
  void finish_if_done() {
    finished_ = error_ || parser().is_done();
    if (error_ || !finished_ || !is_interim()) return;
    finished_ = false;
    answer_ = {};
    parser_.emplace(answer_);
    if (++interim_ > 16) fail(boost::beast::http::error::bad_status);
  }
  void fail(boost::beast::http::error why) {
    error_ = why;
    finished_ = true;
  }
  bool is_interim() const noexcept { return answer_.status / 100 == 1 && answer_.status != 101; }

  http_answer answer_;
  std::optional<http_answer_parser> parser_{std::in_place, answer_};
  std::string unread_;
  std::string first_;
  error_code error_;
  std::size_t bytes_ = 0;
  int interim_ = 0;
  bool finished_ = false;
};

}  // namespace nanospan::inline v0::detail
