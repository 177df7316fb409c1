// SPDX-License-Identifier: Apache-2.0

// A collector in a process of its own, for tests under load: takes OTLP over HTTP on a loopback port, reads it with libprotobuf, and
// counts spans and distinct span ids. Prints "port N" when it listens; when its standard input ends it prints
// "requests R spans S distinct D bytes B" and exits.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include <google/protobuf/arena.h>

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
using opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;

namespace {

std::mutex mutex;
std::vector<std::uint64_t> ids;
std::uint64_t requests = 0;
std::uint64_t bytes = 0;

// False for what is no request of spans.
bool take(std::string const& body) {
  google::protobuf::Arena arena;
  auto* const message = google::protobuf::Arena::CreateMessage<ExportTraceServiceRequest>(&arena);
  if (!message->ParseFromString(body)) return false;
  std::lock_guard const lock{mutex};
  ++requests;
  bytes += body.size();
  for (auto const& resource : message->resource_spans()) {
    for (auto const& scope : resource.scope_spans()) {
      for (auto const& span : scope.spans()) {
        if (span.span_id().size() != 8 || span.trace_id().size() != 16) return false;
        std::uint64_t id = 0;
        std::memcpy(&id, span.span_id().data(), sizeof id);
        ids.push_back(id);
      }
    }
  }
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

int main() {
  boost::asio::io_context context;
  tcp::acceptor acceptor{context, {boost::asio::ip::address_v4::loopback(), 0}};
  std::thread{[&] {
    for (;;) {
      auto socket = std::make_shared<tcp::socket>(context);
      boost::system::error_code error;
      acceptor.accept(*socket, error);
      if (error) return;
      std::thread{[socket] { serve(*socket); }}.detach();
    }
  }}.detach();
  std::printf("port %u\n", static_cast<unsigned>(acceptor.local_endpoint().port()));
  std::fflush(stdout);
  char ignored[64];
  while (::read(STDIN_FILENO, ignored, sizeof ignored) > 0) {}
  std::lock_guard const lock{mutex};
  std::size_t const spans = ids.size();
  std::sort(ids.begin(), ids.end());
  auto const distinct = std::unique(ids.begin(), ids.end()) - ids.begin();
  std::printf("requests %llu spans %zu distinct %td bytes %llu\n", static_cast<unsigned long long>(requests), spans, distinct,
              static_cast<unsigned long long>(bytes));
  std::fflush(stdout);
  ::_exit(0);  // threads still serve
}
