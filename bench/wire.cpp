// SPDX-License-Identifier: Apache-2.0

// Bytes on the wire a span: whole HTTP requests, headers included, as a server on loopback reads them.

#include "harness.hpp"
#include "workload.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <utility>

namespace http = boost::beast::http;
using boost::asio::ip::tcp;

namespace {

// One connection; ends with it. The bytes of its requests.
std::uint64_t serve(tcp::acceptor& acceptor) {
  std::uint64_t bytes = 0;
  tcp::socket socket{acceptor.get_executor()};
  boost::system::error_code error;
  acceptor.accept(socket, error);  // NOLINT(bugprone-unused-return-value): it is `error` again
  boost::beast::flat_buffer buffer;
  while (!error) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(64u << 20);
    std::size_t const read = http::read(socket, buffer, parser, error);
    if (error) break;
    bytes += read;
    http::response<http::empty_body> answer{http::status::ok, 11};
    answer.prepare_payload();
    http::write(socket, answer, error);
  }
  return bytes;
}

void row(char const* name, void (*record)()) {
  constexpr int spans = 16 * 512;  // whole batches
  boost::asio::io_context context;
  tcp::acceptor acceptor{context, {boost::asio::ip::address_v4::loopback(), 0}};
  std::uint64_t bytes = 0;
  std::thread server{[&] { bytes = serve(acceptor); }};
  {
    nanospan::options with;
    with.endpoint = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
    nanospan::tracer_provider tracing{std::move(with)};
    bench::no_drop const all_there{"bytes on the wire"};
    {
      NANOSPAN("parent");
      for (int span = 1; span < spans; ++span) record();
    }
    if (!tracing.flush(nanospan::duration::of_milliseconds(10'000))) {
      std::printf("! not everything was sent: %s means nothing\n", name);
      bench::nothing_dropped = false;
    }
  }
  server.join();
  bench::row(name, static_cast<double>(bytes) / spans, "bytes");
}

}  // namespace

int main(int argc, char** argv) {
  bench::start(argc, argv);
  bench::section("On the wire, each span, HTTP included");
  row("no attributes", bench::no_attribute);
  row("4 attributes", bench::four_attributes);
  return bench::end();
}
