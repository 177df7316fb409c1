// SPDX-License-Identifier: Apache-2.0

#include <nanospan/detail/http_answer.hpp>

#include "catch.hpp"

#include <cstddef>

using nanospan::detail::http_answer_parser;
using nanospan::detail::http_answer_reader;
namespace http = boost::beast::http;

namespace {

// Fed in pieces of so many bytes, then the connection ends.
struct read_answer : http_answer_reader {
  explicit read_answer(std::string_view text, std::size_t piece = 1u << 30, bool ends = false) {
    for (; !text.empty() && !finished(); text.remove_prefix((std::min)(piece, text.size()))) add(text.substr(0, piece));
    if (ends && !finished()) end();
  }
};

}  // namespace

TEST_CASE("an answer is the same in pieces of any size") {
  std::string const length = "HTTP/1.1 503 Busy Now\r\nContent-Type: text/plain\r\nretry-after: 7\r\nLocation: /x\r\nContent-Length: 5\r\n\r\nhello";
  std::string const chunks = "HTTP/1.1 503 Busy Now\r\nContent-Type: text/plain\r\nRetry-After: 7\r\nLocation: /x\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nRetry-After-All: 9\r\n\r\n";
  for (std::string const& text : {length, chunks, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nRetry-After: 99\r\nContent-Type: a/b\r\n\r\n" + length}) {
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
      read_answer const read{text, piece};
      REQUIRE(read.finished());
      REQUIRE_FALSE(read.error());
      CHECK(read.answer().status == 503);
      CHECK(read.answer().reason == "Busy Now");
      CHECK(read.answer().content_type == "text/plain");
      CHECK(read.answer().retry_after == "7");
      CHECK(read.answer().location == "/x");
      CHECK(read.answer().body == "hello");
      CHECK(read.answer().keep_alive);
      CHECK_FALSE(read.surplus());
    }
  }
}

TEST_CASE("what an interim answer said is not the final one's") {
  read_answer const read{"HTTP/1.1 103 Hints\r\nRetry-After: 99\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
  CHECK(read.finished());
  CHECK(read.answer().retry_after == "");
}

TEST_CASE("an answer has begun with its final status, and not with an interim one") {
  read_answer read{"HTTP/1.1 100 Continue\r\n\r\n"};
  CHECK(read.begun());
  CHECK_FALSE(read.final_begun());
  CHECK_FALSE(read.finished());
  read.add("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\n");
  CHECK(read.final_begun());
  CHECK_FALSE(read.finished());
  CHECK(read_answer{"HTTP/1.1 101 Switching\r\n\r\n"}.finished());  // nobody asked for that
}

TEST_CASE("without a length an answer ends with its connection, and lets nobody keep that") {
  for (std::string const head : {"HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"}) {
    read_answer read{head + "abc"};
    CHECK_FALSE(read.finished());
    read.end();
    CHECK(read.finished());
    CHECK_FALSE(read.error());
    CHECK(read.answer().body == "abc");
    CHECK_FALSE(read.answer().keep_alive);
  }
}

TEST_CASE("a connection that ends too early is an error") {
  CHECK(read_answer{"", 1, true}.error() == http::error::end_of_stream);
  std::string const text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  for (std::size_t size = 1; size < text.size(); ++size) {
    read_answer const read{text.substr(0, size), size, true};
    CHECK(read.finished());
    CHECK(read.error());
  }
}

TEST_CASE("what follows an answer is surplus") {
  read_answer const read{"HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"};
  CHECK(read.finished());
  CHECK(read.answer().status == 204);
  CHECK(read.surplus());
}

TEST_CASE("what is too large is an error, as soon as that is known") {
  std::string const most = std::to_string(http_answer_parser::most_body_bytes);
  CHECK_FALSE(read_answer{"HTTP/1.1 200 OK\r\nContent-Length: " + most + "\r\n\r\n"}.finished());
  CHECK(read_answer{"HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\nx"}.error() == http::error::body_limit);
  CHECK(read_answer{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400001\r\nx"}.error() == http::error::body_limit);
  std::string const piece(65536, 'x');
  http_answer_reader endless;
  endless.add("HTTP/1.1 200 OK\r\n\r\n");
  std::size_t bytes = 0;
  for (; !endless.finished() && bytes < 10u << 20; bytes += piece.size()) endless.add(piece);
  CHECK(endless.error() == http::error::body_limit);
  CHECK(bytes <= (4u << 20) + piece.size());
  http_answer_reader header;
  header.add("HTTP/1.1 200 OK\r\nX: ");
  for (bytes = 0; !header.finished() && bytes < 10u << 20; bytes += 4096) header.add(std::string_view{piece}.substr(0, 4096));
  CHECK(header.error() == http::error::header_limit);
  CHECK(bytes <= 80u << 10);
}

TEST_CASE("interim answers without end are an error") {
  http_answer_reader read;
  int interim = 0;
  for (; !read.finished() && interim < 1000; ++interim) read.add("HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(read.error());
  CHECK(interim <= 20);
}

TEST_CASE("an answer that has no end is too large, whatever it goes on with") {
  std::string const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string const x(60'000, 'x');
  struct {
    char const* what;
    std::string first;
    std::string more;
    std::size_t most_bytes;
  } const endless[] = {{"a chunk's extension", chunked + "1;more=", x, 200'000},
                       {"a trailer", chunked + "0\r\n", "X-More: " + x + "\r\n", 200'000},
                       {"extensions of tiny chunks", chunked, "1;more=" + x + "\r\nx\r\n", 9'000'000},
                       {"a body", "HTTP/1.1 200 OK\r\n\r\n", x, 9'000'000},
                       {"a header", "HTTP/1.1 200 OK\r\n", "X-More: " + x + "\r\n", 200'000}};
  for (auto const& one : endless) {
    CAPTURE(one.what);
    read_answer read{one.first};
    std::size_t bytes = 0;
    for (; !read.finished() && bytes <= one.most_bytes; bytes += one.more.size()) read.add(one.more);
    CHECK(read.finished());
    CHECK((read.error() == http::error::body_limit || read.error() == http::error::header_limit));
  }
}
