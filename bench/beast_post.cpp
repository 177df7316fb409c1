// SPDX-License-Identifier: Apache-2.0

// The smallest honest client that POSTs once by Beast's synchronous calls: what compiling the implementation is compared with.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <cstdio>

namespace http = boost::beast::http;

int main(int argc, char** argv) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::socket socket{context};
  socket.connect({boost::asio::ip::make_address("127.0.0.1"), 4318});
  http::request<http::string_body> request{http::verb::post, "/v1/traces", 11};
  request.set(http::field::host, "localhost");
  request.set(http::field::content_type, "application/x-protobuf");
  request.body() = argc > 1 ? argv[1] : "";
  request.prepare_payload();
  http::write(socket, request);
  boost::beast::flat_buffer buffer;
  http::response<http::string_body> response;
  http::read(socket, buffer, response);
  std::printf("%u\n", response.result_int());
}
