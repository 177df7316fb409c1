// SPDX-License-Identifier: Apache-2.0

// A collector in a process of its own, for tests and benchmarks under load: takes OTLP over HTTP on a loopback port, reads it with
// libprotobuf, and counts spans and distinct span ids. With the argument "light" it only counts spans, which takes a tenth of the time.
// Prints "port N" when it listens; when its standard input ends it prints "requests R spans S distinct D bytes B" and exits.

#include "support/span_ids.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <unistd.h>

namespace http = boost::beast::http;
using boost::asio::ip::tcp;

namespace {

std::mutex mutex;
std::vector<std::uint64_t> ids;
std::uint64_t requests = 0;
std::uint64_t bytes = 0;
std::uint64_t counted = 0;
bool light = false;

using google::protobuf::io::CodedInputStream;

// Calls `visit()` for each field `wanted` of a message of length-delimited fields and passes over the others.
template <typename Visit>
bool for_each_field(CodedInputStream& in, int wanted, Visit const& visit) {
  while (std::uint32_t const tag = in.ReadTag()) {
    if (google::protobuf::internal::WireFormatLite::GetTagFieldNumber(tag) != wanted) {
      if (!google::protobuf::internal::WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    std::uint32_t length = 0;
    if (!in.ReadVarint32(&length)) return false;
    auto const limit = in.PushLimit(static_cast<int>(length));
    if (!visit()) return false;
    in.PopLimit(limit);
  }
  return true;
}

bool count(std::string const& body) {
  CodedInputStream in{reinterpret_cast<std::uint8_t const*>(body.data()), static_cast<int>(body.size())};
  std::lock_guard const lock{mutex};
  ++requests;
  bytes += body.size();
  return for_each_field(in, 1, [&] {     // ExportTraceServiceRequest.resource_spans
    return for_each_field(in, 2, [&] {   // ResourceSpans.scope_spans
      return for_each_field(in, 2, [&] { // ScopeSpans.spans
        ++counted;
        return in.Skip(in.BytesUntilLimit());
      });
    });
  });
}

// False for what is no request of spans.
bool take(std::string const& body) {
  if (light) return count(body);
  auto const taken = span_ids(body);
  if (!taken) return false;
  std::lock_guard const lock{mutex};
  ++requests;
  bytes += body.size();
  ids.insert(ids.end(), taken->begin(), taken->end());
  return true;
}

void serve(tcp::socket& socket) {
  boost::beast::flat_buffer buffer;
  boost::system::error_code error;
  while (!error) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(64u << 20);
    http::read(socket, buffer, parser, error);
    if (error) return;
    bool const good = take(parser.get().body());
    http::response<http::empty_body> answer{good ? http::status::ok : http::status::bad_request, 11};
    answer.keep_alive(parser.get().keep_alive());
    answer.prepare_payload();
    http::write(socket, answer, error);
    if (!parser.get().keep_alive()) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  light = argc > 1 && std::strcmp(argv[1], "light") == 0;
  boost::asio::io_context context;
  tcp::acceptor acceptor{context, {boost::asio::ip::address_v4::loopback(), 0}};
  std::thread{[&] {
    for (;;) {
      auto socket = std::make_shared<tcp::socket>(context);
      boost::system::error_code error;
      acceptor.accept(*socket, error);  // NOLINT(bugprone-unused-return-value): it is `error` again
      if (error) return;
      std::thread{[socket] { serve(*socket); }}.detach();
    }
  }}.detach();
  std::printf("port %u\n", static_cast<unsigned>(acceptor.local_endpoint().port()));
  std::fflush(stdout);
  char ignored[64];
  while (::read(STDIN_FILENO, ignored, sizeof ignored) > 0) {}
  std::lock_guard const lock{mutex};
  std::size_t const spans = light ? counted : ids.size();
  std::sort(ids.begin(), ids.end());
  auto const distinct = std::unique(ids.begin(), ids.end()) - ids.begin();
  std::printf("requests %llu spans %zu distinct %td bytes %llu\n", static_cast<unsigned long long>(requests), spans, distinct,
              static_cast<unsigned long long>(bytes));
  std::fflush(stdout);
  ::_exit(0);  // threads still serve
}
