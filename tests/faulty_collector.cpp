// SPDX-License-Identifier: Apache-2.0

// A collector in a process of its own that does what it is told: OTLP over HTTP on a loopback port, right or wrong in every way that we know. Spans that
// it really takes are noted in a ledger (support/ledger.hpp), before it answers. Arguments: the ledger's descriptor and size, and the port.
// Prints "ready" when it listens. Reads a line a command, "fault NAME [ARGUMENT]", which holds for every request from then on, and prints "done"; ends with
// its input.

#include "support/ledger.hpp"
#include "support/span_ids.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/zlib/inflate_stream.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace asio = boost::asio;
namespace http = boost::beast::http;
using namespace std::chrono_literals;
using asio::ip::tcp;

namespace {

class exchange;
// Serves one request, of which the first byte can be read. False: no more of this connection.
using fault = std::function<bool(exchange&)>;

enum class door_state { open, closed, full };

std::unique_ptr<ledger> book;
tcp::endpoint address;
std::atomic<door_state> door{door_state::open};
std::atomic<door_state> door_is{door_state::open};
std::atomic<int> connections{0};
std::mutex fault_mutex;  // the two below
fault current;
bool is_fault = false;

bool ready(int descriptor, short events, std::chrono::milliseconds limit) {
  pollfd watched{descriptor, events, 0};
  return ::poll(&watched, 1, static_cast<int>(limit.count())) > 0;
}

// Of a member without a name in its header (RFC 1952); empty where it is none.
std::string from_gzip(std::string_view packed) {
  constexpr std::size_t header = 10, trailer = 8;
  std::string content;
  if (packed.size() < header + trailer) return content;
  packed = packed.substr(header, packed.size() - header - trailer);
  boost::beast::zlib::inflate_stream inflate;
  boost::beast::zlib::z_params at;
  at.next_in = packed.data();
  at.avail_in = packed.size();
  boost::system::error_code error;
  while (!error) {
    char piece[16384];
    at.next_out = piece;
    at.avail_out = sizeof piece;
    inflate.write(at, boost::beast::zlib::Flush::sync, error);
    content.append(piece, sizeof piece - at.avail_out);
    if (at.avail_in == 0 && at.avail_out != 0) break;
  }
  return error && error != boost::beast::zlib::error::end_of_stream ? std::string{} : content;
}

class exchange {
 public:
  explicit exchange(tcp::socket& socket) : socket_{socket} {}

  bool wait_for_request() {
    if (buffer_.size() != 0) return true;
    while (!ready(socket_.native_handle(), POLLIN, 5ms))
      if (door != door_state::open) return false;
    char byte = 0;
    return ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK) > 0;
  }
  // To its end. False where the peer went away.
  bool read() {
    parser_.emplace();
    parser_->body_limit(64u << 20);
    boost::system::error_code error;
    http::read(socket_, buffer_, *parser_, error);
    ++served_;
    return !error;
  }
  bool read_header() {
    parser_.emplace();
    boost::system::error_code error;
    http::read_header(socket_, buffer_, *parser_, error);
    return !error;
  }
  void read_bytes(std::size_t count) {
    std::vector<char> bytes(count);
    boost::system::error_code error;
    asio::read(socket_, asio::buffer(bytes), error);  // NOLINT(bugprone-unused-return-value): however many they were
  }
  std::string const& body() const { return parser_->get().body(); }
  std::string content() const { return parser_->get()[http::field::content_encoding] == "gzip" ? from_gzip(body()) : body(); }
  unsigned served() const noexcept { return served_; }

  // All but the first `refused`. Returns how many were refused.
  std::size_t take(std::size_t refused = 0) const {
    auto const ids = span_ids(content());
    if (!ids) {
      ++book->unknown();
      return 0;
    }
    refused = std::min(refused, ids->size());
    std::for_each(ids->begin() + static_cast<std::ptrdiff_t>(refused), ids->end(), [](std::uint64_t id) { book->take(id); });
    return refused;
  }
  bool send(std::string_view text) {
    boost::system::error_code error;
    asio::write(socket_, asio::buffer(text), error);  // NOLINT(bugprone-unused-return-value): all or an error
    return !error;
  }
  bool send_slowly(std::string_view text, std::chrono::microseconds a_byte) {
    for (char const& byte : text) {
      if (!send({&byte, 1})) return false;
      std::this_thread::sleep_for(a_byte);
    }
    return true;
  }
  bool reset() {
    boost::system::error_code error;
    socket_.set_option(asio::socket_base::linger{true, 0}, error);  // NOLINT(bugprone-unused-return-value): it is `error` again
    return false;
  }
  bool say_no_more() {
    boost::system::error_code error;
    socket_.shutdown(tcp::socket::shutdown_send, error);  // NOLINT(bugprone-unused-return-value): it is `error` again
    return hang();
  }
  // Reads nothing, until the peer goes away.
  bool hang() {
    while (door == door_state::open && !ready(socket_.native_handle(), POLLRDHUP, 5ms)) {}
    return false;
  }

 private:
  tcp::socket& socket_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  unsigned served_ = 0;
};

std::string answer(unsigned status, std::string_view headers = "", std::string_view body = "") {
  return "HTTP/1.1 " + std::to_string(status) + " Said\r\n" + std::string{headers} + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
}
std::string partial_success(std::size_t rejected) {
  opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse message;
  message.mutable_partial_success()->set_rejected_spans(static_cast<std::int64_t>(rejected));
  if (rejected != 0) message.mutable_partial_success()->set_error_message("not these");
  return message.SerializeAsString();
}
std::string http_date(std::time_t when) {
  char text[64];
  std::tm parts{};
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", ::gmtime_r(&when, &parts));
  return text;
}
constexpr auto protobuf = "Content-Type: application/x-protobuf\r\n";
constexpr auto html = "Content-Type: text/html\r\n";

// ---- faults -----------------------------------------------------------------------------------------------------------------

// As it should be.
bool take_and_say(exchange& with, std::string const& text) {
  if (!with.read()) return false;
  with.take();
  return with.send(text);
}
bool say(exchange& with, std::string const& text) { return with.read() && with.send(text); }

bool take_and_say_last(exchange& with, std::string const& text) {
  take_and_say(with, text);
  return false;
}

// Says `first` and then `more` for ever.
bool say_endlessly(exchange& with, std::string const& first, std::string const& more, std::chrono::microseconds between = 0us) {
  if (!say(with, first)) return false;
  while (with.send(more)) std::this_thread::sleep_for(between);
  return false;
}

using maker = std::function<fault(std::string const& argument)>;

// A fault that needs no argument.
maker plain(fault one) {
  return [one = std::move(one)](std::string const&) { return one; };
}
fault with_retry_after(unsigned status, std::function<std::string()> const& value) {
  return [=](exchange& with) { return say(with, answer(status, "Retry-After: " + value() + "\r\n")); };
}
unsigned number(std::string const& text) { return static_cast<unsigned>(std::strtoul(text.c_str(), nullptr, 10)); }

std::map<std::string, maker> const& faults() {
  static std::map<std::string, maker> const all{
      {"none", plain([](exchange& with) { return take_and_say(with, answer(200, protobuf)); })},
      // ---- right, if unusual
      {"drip", [](std::string const& microseconds) -> fault {
         return [=](exchange& with) { return with.read() && (with.take(), with.send_slowly(answer(200, protobuf), std::chrono::microseconds{number(microseconds)})); };
       }},
      {"http_1_0", plain([](exchange& with) { return take_and_say_last(with, "HTTP/1.0 200 OK\r\n\r\n"); })},
      {"continue", plain([](exchange& with) { return with.send("HTTP/1.1 100 Continue\r\n\r\n") && take_and_say(with, answer(200, protobuf)); })},
      {"chunked", plain([](exchange& with) {
         return take_and_say(with, std::string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-protobuf\r\n\r\n2\r\n\x0a"} + '\0' + "\r\n0\r\n\r\n");
       })},
      {"wrong_type", plain([](exchange& with) { return take_and_say(with, answer(200, "Content-Type: text/plain\r\n", "thank you")); })},
      {"close_idle", plain([](exchange& with) { return take_and_say_last(with, answer(200, protobuf)); })},
      {"close_reused", plain([](exchange& with) { return with.served() == 0 ? take_and_say(with, answer(200, protobuf)) : with.reset(); })},
      {"partial", [](std::string const& refused) -> fault {
         return [=](exchange& with) { return with.read() && with.send(answer(200, protobuf, partial_success(with.take(number(refused))))); };
       }},
      {"too_large", [](std::string const& most_bytes) -> fault {
         return [=](exchange& with) {
           if (!with.read()) return false;
           bool const fits = with.body().size() <= number(most_bytes);
           if (fits) with.take();
           return with.send(answer(fits ? 200 : 413));
         };
       }},
      // ---- refused, for good or for now
      {"status", [](std::string const& status) -> fault {
         return [=](exchange& with) { return number(status) == 200 ? take_and_say(with, answer(200)) : say(with, answer(number(status))); };
       }},
      {"early", [](std::string const& status) -> fault {
         return [=](exchange& with) { return with.read_header() && with.send(answer(number(status), "Connection: close\r\n")) && with.say_no_more(); };
       }},
      {"retry_after_seconds", [](std::string const& seconds) -> fault { return with_retry_after(429, [=] { return seconds; }); }},
      {"retry_after_date", [](std::string const& seconds) -> fault {
         return with_retry_after(503, [=] { return http_date(std::time(nullptr) + number(seconds)); });
       }},
      {"redirect", plain([](exchange& with) { return say(with, answer(307, "Location: http://127.0.0.1:1/v1/traces\r\n")); })},
      {"html", plain([](exchange& with) { return say(with, answer(200, html, "<html>Welcome to the proxy</html>")); })},
      {"endless_body", plain([](exchange& with) { return say_endlessly(with, "HTTP/1.1 200 OK\r\n\r\n", std::string(65'536, 'x')); })},
      {"endless_length", plain([](exchange& with) { return say_endlessly(with, "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", std::string(65'536, 'x')); })},
      {"endless_chunks", plain([](exchange& with) {
         return say_endlessly(with, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "8000\r\n" + std::string(0x8000, 'x') + "\r\n");
       })},
      {"endless_header", plain([](exchange& with) { return say_endlessly(with, "HTTP/1.1 200 OK\r\n", "X-More: " + std::string(1'000, 'x') + "\r\n"); })},
      {"endless_extension", plain([](exchange& with) {
         return say_endlessly(with, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;more=", std::string(1'000, 'x'));
       })},
      {"endless_trailer", plain([](exchange& with) {
         return say_endlessly(with, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-More: " + std::string(1'000, 'x') + "\r\n");
       })},
      {"endless_interim", plain([](exchange& with) { return say_endlessly(with, "", "HTTP/1.1 100 Continue\r\n\r\n"); })},
      // ---- no answer
      {"hang", plain([](exchange& with) { return with.hang(); })},
      {"hang_read", plain([](exchange& with) { return with.read() && with.hang(); })},
      {"reset", plain([](exchange& with) { return with.reset(); })},
      {"reset_in_header", plain([](exchange& with) { return with.read_bytes(10), with.reset(); })},
      {"reset_in_body", plain([](exchange& with) { return with.read_header(), with.reset(); })},
      {"reset_in_answer_header", plain([](exchange& with) { return say(with, "HTTP/1.1 2"), with.reset(); })},
      {"reset_in_answer_body", plain([](exchange& with) { return take_and_say(with, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123"), with.reset(); })},
      {"drip_endless", plain([](exchange& with) {
         return with.read() && (with.take(), with.send("HTTP/1.1 200 OK\r\nX-More: ")) && with.send_slowly(std::string(1'000'000, 'x'), 2ms);
       })},
      {"garbage", plain([](exchange& with) { return say(with, "\x16\x03\x01\x02\x01 is not what you wanted\r\n\r\n") && with.say_no_more(); })},
      {"http2", plain([](exchange& with) { return say(with, std::string("\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0", 15)) && with.say_no_more(); })},
      {"take_and_close", plain([](exchange& with) { return with.read() && (with.take(), false); })},
  };
  return all;
}

// ---- connections ------------------------------------------------------------------------------------------------------------

void serve(tcp::socket& socket) {
  exchange with{socket};
  while (with.wait_for_request()) {
    fault chosen;
    {
      std::lock_guard const lock{fault_mutex};
      chosen = current;
      if (is_fault) ++book->faulted();
    }
    if (!chosen(with) || door != door_state::open) return;
  }
}

void accept(asio::io_context& context, tcp::acceptor& acceptor) {
  boost::system::error_code error;
  auto const socket = std::make_shared<tcp::socket>(context);
  acceptor.accept(*socket, error);  // NOLINT(bugprone-unused-return-value): it is `error` again
  if (error) return;
  socket->set_option(tcp::no_delay{true}, error);  // NOLINT(bugprone-unused-return-value): it is gone, perhaps
  ++connections;
  std::thread{[socket] {
    serve(*socket);
    boost::system::error_code ignored;
    socket->close(ignored);  // NOLINT(bugprone-unused-return-value): it is closed
    --connections;
  }}.detach();
}

// Keeps the queue of those who want to connect full: nobody who comes after is answered.
std::vector<tcp::socket> fill(tcp::acceptor& acceptor) {
  std::vector<tcp::socket> waiting;
  ::listen(acceptor.native_handle(), 0);  // one, or two
  do {
    tcp::socket one{acceptor.get_executor(), tcp::v4()};
    one.non_blocking(true);
    // Asio's own would wait.
    [[maybe_unused]] int const begun = ::connect(one.native_handle(), address.data(), static_cast<socklen_t>(address.size()));
    waiting.push_back(std::move(one));
  } while (ready(waiting.back().native_handle(), POLLOUT, 20ms));
  return waiting;
}

// What has come before the door is closed is still served.
void move_door(asio::io_context& context, tcp::acceptor& acceptor, std::vector<tcp::socket>& waiting, door_state wanted) {
  waiting.clear();
  if (!acceptor.is_open()) acceptor = tcp::acceptor{context, address};
  while (ready(acceptor.native_handle(), POLLIN, 0ms)) accept(context, acceptor);
  if (wanted == door_state::open) ::listen(acceptor.native_handle(), 64);
  if (wanted == door_state::closed) acceptor.close();
  while (wanted != door_state::open && connections != 0) std::this_thread::sleep_for(1ms);
  if (wanted == door_state::full) waiting = fill(acceptor);
  door_is = wanted;
}

[[noreturn]] void accept_all(asio::io_context& context, tcp::acceptor acceptor) {
  address = acceptor.local_endpoint();
  std::vector<tcp::socket> waiting;
  for (;;) {
    if (door_state const wanted = door; wanted != door_is) move_door(context, acceptor, waiting, wanted);
    if (door_is != door_state::open) std::this_thread::sleep_for(1ms);
    else if (ready(acceptor.native_handle(), POLLIN, 5ms)) accept(context, acceptor);
  }
}

bool obey(std::string const& command) {
  std::size_t const space = std::min(command.find(' '), command.size());
  std::string const name = command.substr(0, space);
  door_state const wanted = name == "refuse" ? door_state::closed : name == "accept_full" ? door_state::full : door_state::open;
  if (wanted == door_state::open) {
    auto const found = faults().find(name);
    if (found == faults().end()) return false;
    std::lock_guard const lock{fault_mutex};
    current = found->second(command.substr(std::min(space + 1, command.size())));
    is_fault = name != "none";
  }
  door = wanted;
  while (door_is != wanted) std::this_thread::sleep_for(1ms);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  book = std::make_unique<ledger>(static_cast<int>(number(argv[1])), std::strtoull(argv[2], nullptr, 10));
  current = faults().at("none")("");
  asio::io_context context;
  tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(number(argv[3]))}};
  std::puts("ready");
  std::fflush(stdout);
  std::thread{[&, listening = std::move(acceptor)]() mutable { accept_all(context, std::move(listening)); }}.detach();
  char line[256];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    std::string command{line};
    command.resize(command.find('\n'));
    std::puts(obey(command) ? "done" : "unknown");
    std::fflush(stdout);
  }
  ::_exit(0);  // threads still serve
}
