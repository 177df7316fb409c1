// SPDX-License-Identifier: Apache-2.0
#pragma once

// A collector for tests: OTLP/HTTP on a loopback port, on plain sockets, so that it shares no code with what it tests and may be as
// rude as a test asks. A thread accepts and one serves each connection; what happens to a request is the next behaviour of a
// script, else 200. It counts the distinct spans that it took by a protobuf walk of its own. Any thread.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/// Calls `visit(field number, payload)` for each field of a protobuf message; a number's payload is its bytes as they stand. False
/// for what is no protobuf.
template <typename Visit>
bool walk_protobuf(std::string_view message, Visit&& visit) {
  auto const varint = [&message](std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && !message.empty(); shift += 7) {
      auto const byte = static_cast<unsigned char>(message.front());
      message.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  };
  while (!message.empty()) {
    std::uint64_t tag = 0, size = 0;
    if (!varint(tag)) return false;
    std::string_view const at = message;
    switch (tag & 7) {
      case 0:
        if (!varint(size)) return false;
        size = static_cast<std::uint64_t>(at.size() - message.size());
        message = at;
        break;
      case 1:
        size = 8;
        break;
      case 2:
        if (!varint(size)) return false;
        break;
      case 5:
        size = 4;
        break;
      default:
        return false;
    }
    if (size > message.size()) return false;
    visit(tag >> 3, message.substr(0, size));
    message.remove_prefix(size);
  }
  return true;
}

class test_collector {
 public:
  struct request {
    std::string line;  ///< "POST /v1/traces HTTP/1.1"
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::size_t connection = 0;  ///< the first one is 1

    std::string target() const { return line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1); }
    /// All values of a header, in their order, whatever the case of its name.
    std::vector<std::string> all(std::string_view name) const {
      std::vector<std::string> values;
      for (auto const& [known, value] : headers)
        if (std::equal(known.begin(), known.end(), name.begin(), name.end(),
                       [](char a, char b) { return (a | 0x20) == (b | 0x20); }))
          values.push_back(value);
      return values;
    }
    /// The only value of a header; a text of its own where there is none, or several.
    std::string header(std::string_view name) const {
      auto const values = all(name);
      return values.size() == 1 ? values.front() : values.empty() ? "(none)" : "(several)";
    }
    std::vector<std::string> span_ids() const {
      std::vector<std::string> ids;
      each_resource_spans([&](std::uint64_t number, std::string_view scope_spans) {
        if (number == 2)
          walk_protobuf(scope_spans, [&](std::uint64_t field, std::string_view span) {
            if (field == 2)
              walk_protobuf(span, [&](std::uint64_t which, std::string_view id) {
                if (which == 2) ids.emplace_back(id);
              });
          });
      });
      return ids;
    }
    /// The resource's attributes that are strings.
    std::map<std::string, std::string> resource() const {
      std::map<std::string, std::string> attributes;
      each_resource_spans([&](std::uint64_t number, std::string_view resource) {
        if (number == 1)
          walk_protobuf(resource, [&](std::uint64_t field, std::string_view attribute) {
            std::string key, value;
            if (field == 1)
              walk_protobuf(attribute, [&](std::uint64_t which, std::string_view payload) {
                if (which == 1)
                  key = payload;
                else if (which == 2)
                  walk_protobuf(payload, [&](std::uint64_t type, std::string_view text) { value = type == 1 ? text : ""; });
              });
            attributes[key] = value;
          });
      });
      return attributes;
    }

   private:
    template <typename Visit>
    void each_resource_spans(Visit&& visit) const {
      walk_protobuf(body, [&](std::uint64_t field, std::string_view resource_spans) {
        if (field == 1) walk_protobuf(resource_spans, visit);
      });
    }
  };

  /// What a behaviour can do on its connection. Every wait in it ends with the collector.
  class conversation {
   public:
    /// Reads a request to its end and keeps it. Null when the peer or the collector went away.
    request const* read_request() { return collector_.read_request(*this); }
    /// The spans of the request that was read last are in the collector's hands, but for the first `refused` ones.
    void take_spans(std::size_t refused = 0) { collector_.take_spans(*this, refused); }
    /// False when the peer or the collector went away.
    bool send(std::string_view bytes) {
      while (!bytes.empty()) {
        auto const sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent > 0)
          bytes.remove_prefix(static_cast<std::size_t>(sent));
        else if (errno == EINTR)
          continue;
        else if ((errno != EAGAIN && errno != EWOULDBLOCK) || !wait(POLLOUT))
          return false;
      }
      return true;
    }
    /// Reads nothing more; ends when the collector does.
    void hang() {
      while (!collector_.wait_for_end(std::chrono::hours{1})) {
      }
      close();
    }
    /// False when the collector ended meanwhile.
    bool pause(std::chrono::milliseconds for_long) { return !collector_.wait_for_end(for_long); }
    /// Only listens from now on: for the peer the end of what is said (FIN). What it writes after a reset that follows is to a broken pipe.
    void say_no_more() const { ::shutdown(socket_, SHUT_WR); }
    /// No more of this connection, politely (FIN) or by a reset (RST).
    void close() { open_ = false; }
    void reset() {
      linger const at_once{1, 0};
      ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      close();
    }

   private:
    friend class test_collector;
    conversation(test_collector& collector, int socket, std::size_t number)
        : collector_{collector}, socket_{socket}, number_{number} {}
    // False when the collector ends.
    bool wait(short events) {
      pollfd watched[2] = {{socket_, events, 0}, {collector_.ended_[0], POLLIN, 0}};
      while (::poll(watched, 2, -1) < 0 && errno == EINTR) {
      }
      return watched[1].revents == 0;
    }
    // At least one byte more of what the peer sends.
    bool receive() {
      char bytes[65536];
      for (;;) {
        auto const received = ::recv(socket_, bytes, sizeof bytes, 0);
        if (received > 0) {
          received_.append(bytes, static_cast<std::size_t>(received));
          return true;
        }
        if (received == 0) return false;
        if (errno == EINTR) continue;
        if ((errno != EAGAIN && errno != EWOULDBLOCK) || !wait(POLLIN)) return false;
      }
    }

    test_collector& collector_;
    int socket_;
    std::size_t number_;
    std::string received_;
    request current_;
    bool open_ = true;
  };
  /// Begins when the first byte of a request can be read. Returning from it leaves the connection to the next request.
  using behaviour = std::function<void(conversation&)>;

  // ---- behaviours ----

  using header_list = std::vector<std::pair<std::string, std::string>>;

  /// An answer as it should be. Spans are taken where the status is 2xx.
  static behaviour respond(int status, header_list headers = {}, std::string body = {}, std::size_t refused = 0) {
    return [=](conversation& with) {
      if (with.read_request() == nullptr) return with.close();
      if (status / 100 == 2) with.take_spans(refused);
      with.send(answer(status, headers, body));
    };
  }
  /// 200, saying that `rejected` spans were refused (OTLP, "Partial Success").
  static behaviour respond_partial(std::size_t rejected, std::string const& message) {
    std::string partial;
    if (rejected != 0) partial += std::string{'\x08', static_cast<char>(rejected)};
    if (!message.empty()) partial += std::string{'\x12', static_cast<char>(message.size())} + message;
    return respond(200, {{"Content-Type", "application/x-protobuf"}},
                   std::string{'\x0a', static_cast<char>(partial.size())} + partial, rejected);
  }
  /// 200, and the connection is closed without a word of that in the answer.
  static behaviour respond_then_close() {
    return [](conversation& with) {
      respond(200)(with);
      with.close();
    };
  }
  /// Sends the pieces as they stand, after the request was read, and takes the spans if told so.
  static behaviour send_raw(std::vector<std::string> pieces, bool takes_spans, std::chrono::milliseconds between = {}) {
    return [=](conversation& with) {
      if (with.read_request() == nullptr) return with.close();
      if (takes_spans) with.take_spans();
      for (auto const& piece : pieces)
        if (!with.send(piece) || (between.count() != 0 && !with.pause(between))) return with.close();
    };
  }
  /// Sends `first`, then `piece` until the peer goes away.
  static behaviour send_endlessly(std::string first, std::string piece, std::chrono::milliseconds between = {}) {
    return [=](conversation& with) {
      if (with.read_request() == nullptr || !with.send(first)) return with.close();
      while (with.send(piece) && (between.count() == 0 || with.pause(between))) {
      }
      with.close();
    };
  }
  static behaviour hang_without_reading() {
    return [](conversation& with) { with.hang(); };
  }
  /// Reads the request, sends `beginning` of an answer, and no more.
  static behaviour hang_after(std::string beginning = {}) {
    return [=](conversation& with) {
      if (with.read_request() == nullptr) return with.close();
      with.send(beginning);
      with.hang();
    };
  }
  static behaviour reset_without_reading() {
    return [](conversation& with) { with.reset(); };
  }
  /// Reads the request, and resets the connection; before it come the spans into its hands, if told so.
  static behaviour reset_before_answer(bool takes_spans = false) {
    return [=](conversation& with) {
      if (with.read_request() == nullptr) return with.close();
      if (takes_spans) with.take_spans();
      with.reset();
    };
  }
  /// Reads the request, sends `beginning` of an answer, and closes or resets the connection.
  static behaviour break_after(std::string beginning, bool by_reset) {
    return [=](conversation& with) {
      if (with.read_request() == nullptr) return with.close();
      with.send(beginning);
      if (by_reset)
        with.reset();
      else
        with.close();
    };
  }

  static std::string answer(int status, header_list const& headers = {}, std::string const& body = {}) {
    std::string text = "HTTP/1.1 " + std::to_string(status) + " Said\r\n";
    for (auto const& [name, value] : headers) text += name + ": " + value + "\r\n";
    if (status != 204) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + body;
  }

  // ---- the collector ----

  struct where {
    bool ipv6 = false;
    std::uint16_t port = 0;        ///< 0: one that is free
    int receive_buffer_bytes = 0;  ///< 0: as the system likes
    std::string unix_path = {};    ///< not TCP, but a Unix socket there
  };
  test_collector() : test_collector(where{}) {}
  /// Throws std::runtime_error where it cannot listen there.
  explicit test_collector(where const& at) : ipv6_{at.ipv6}, unix_path_{at.unix_path} {
    sockaddr_storage address = unix_path_.empty() ? loopback(at.ipv6, at.port) : unix_socket(unix_path_);
    int const on = 1;
    listener_ = ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at.receive_buffer_bytes != 0)
      ::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &at.receive_buffer_bytes, sizeof at.receive_buffer_bytes);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    bool const listening = listener_ >= 0 && ::bind(listener_, plain, unix_path_.empty() ? address_bytes(at.ipv6) : sizeof(sockaddr_un)) == 0 &&
                           ::listen(listener_, 64) == 0 && ::getsockname(listener_, plain, &size) == 0 &&
                           ::pipe2(ended_, O_CLOEXEC) == 0;
    if (!listening) {
      std::string const why = std::strerror(errno);
      if (listener_ >= 0) ::close(listener_);
      throw std::runtime_error{"the test's collector cannot listen: " + why};
    }
    port_ = ntohs(at.ipv6 ? reinterpret_cast<sockaddr_in6 const&>(address).sin6_port
                          : reinterpret_cast<sockaddr_in const&>(address).sin_port);
    accepting_ = std::thread{[this] { accept_all(); }};
  }
  test_collector(test_collector const&) = delete;
  test_collector& operator=(test_collector const&) = delete;
  ~test_collector() { stop(); }
  /// Closes the port and every connection, whatever behaviours are at. What was taken can be asked for as before.
  void stop() {
    if (!accepting_.joinable()) return;
    {
      std::lock_guard const lock{mutex_};
      over_ = true;
    }
    changed_.notify_all();
    ::close(ended_[1]);  // readable from now on, for every poll
    accepting_.join();
    for (auto& serving : serving_) serving.join();  // no other thread adds to them any more
    ::close(listener_);
    ::close(ended_[0]);
    if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
  }

  /// A loopback port on which nobody listened a moment ago.
  static std::uint16_t unused_port() { return test_collector{}.port(); }

  std::uint16_t port() const noexcept { return port_; }
  std::string authority() const { return (ipv6_ ? "[::1]:" : "127.0.0.1:") + std::to_string(port_); }
  std::string url(std::string_view target = "") const { return "http://" + authority() + std::string{target}; }

  /// What to do with the requests to come, one each; after them the default.
  void next(behaviour one) {
    std::lock_guard const lock{mutex_};
    script_.push_back(std::move(one));
  }
  void next(std::vector<behaviour> several) {
    for (auto& one : several) next(std::move(one));
  }
  /// What to do where the script has ended: 200 with an empty body, unless this says otherwise.
  void otherwise(behaviour always) {
    std::lock_guard const lock{mutex_};
    otherwise_ = std::move(always);
  }

  std::vector<request> requests() const {
    std::lock_guard const lock{mutex_};
    return requests_;
  }
  /// How many requests have begun, read or not.
  std::size_t begun() const {
    std::lock_guard const lock{mutex_};
    return begun_;
  }
  std::size_t connections() const {
    std::lock_guard const lock{mutex_};
    return connections_;
  }
  /// Distinct ids of the spans that it took.
  std::set<std::string> spans() const {
    std::lock_guard const lock{mutex_};
    return spans_;
  }
  /// How often it took a span that it had already.
  std::size_t duplicates() const {
    std::lock_guard const lock{mutex_};
    return duplicates_;
  }
  /// False if there were fewer requests, fully read, at the deadline.
  bool wait_for_requests(std::size_t count) const {
    return wait_until([&] { return requests_.size() >= count; });
  }
  bool wait_for_spans(std::size_t count) const {
    return wait_until([&] { return spans_.size() >= count; });
  }

 private:
  static constexpr std::chrono::seconds patience{20};

  static sockaddr_storage loopback(bool ipv6, std::uint16_t port) {
    sockaddr_storage address{};
    if (ipv6) {
      auto& six = reinterpret_cast<sockaddr_in6&>(address);
      six.sin6_family = AF_INET6;
      six.sin6_addr = in6addr_loopback;
      six.sin6_port = htons(port);
    } else {
      auto& four = reinterpret_cast<sockaddr_in&>(address);
      four.sin_family = AF_INET;
      four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      four.sin_port = htons(port);
    }
    return address;
  }
  static sockaddr_storage unix_socket(std::string const& path) {
    sockaddr_storage address{};
    address.ss_family = AF_UNIX;
    path.copy(reinterpret_cast<sockaddr_un&>(address).sun_path, sizeof(sockaddr_un::sun_path) - 1);
    return address;
  }
  static socklen_t address_bytes(bool ipv6) { return ipv6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in); }

  bool over() const {
    std::lock_guard const lock{mutex_};
    return over_;
  }
  template <typename Condition>
  bool wait_until(Condition&& holds) const {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience, holds);
  }
  bool wait_for_end(std::chrono::milliseconds at_most) const {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, at_most, [&] { return over_; });
  }

  void accept_all() {
    for (;;) {
      pollfd watched[2] = {{listener_, POLLIN, 0}, {ended_[0], POLLIN, 0}};
      while (::poll(watched, 2, -1) < 0 && errno == EINTR) {
      }
      if (watched[1].revents != 0) return;
      int const socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (socket < 0) continue;
      int const on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      std::size_t number = 0;
      {
        std::lock_guard const lock{mutex_};
        number = ++connections_;
      }
      changed_.notify_all();
      serving_.emplace_back([this, socket, number] { serve(socket, number); });
    }
  }
  void serve(int socket, std::size_t number) {
    conversation with{*this, socket, number};
    while (with.open_ && !over() && (!with.received_.empty() || with.receive())) next_behaviour()(with);
    ::close(socket);
  }
  behaviour next_behaviour() {
    std::unique_lock lock{mutex_};
    ++begun_;
    behaviour chosen = otherwise_;
    if (!script_.empty()) {
      chosen = std::move(script_.front());
      script_.pop_front();
    }
    lock.unlock();
    changed_.notify_all();
    return chosen;
  }

  request const* read_request(conversation& with) {
    std::size_t head = 0;
    while ((head = with.received_.find("\r\n\r\n")) == std::string::npos)
      if (!with.receive()) return nullptr;
    request made;
    made.connection = with.number_;
    std::string_view lines = std::string_view{with.received_}.substr(0, head);
    std::size_t body_bytes = 0;
    for (bool first = true; !lines.empty(); first = false) {
      std::string_view const line = lines.substr(0, lines.find("\r\n"));
      lines.remove_prefix((std::min)(line.size() + 2, lines.size()));
      std::size_t const colon = line.find(':');
      if (first) {
        made.line = line;
      } else {
        std::string_view value = line.substr((std::min)(colon + 1, line.size()));
        while (value.starts_with(' ')) value.remove_prefix(1);
        made.headers.emplace_back(line.substr(0, colon), value);
      }
    }
    if (auto const length = made.all("content-length"); !length.empty()) body_bytes = std::stoul(length.front());
    while (with.received_.size() < head + 4 + body_bytes)
      if (!with.receive()) return nullptr;
    made.body = with.received_.substr(head + 4, body_bytes);
    with.received_.erase(0, head + 4 + body_bytes);
    with.current_ = made;
    {
      std::lock_guard const lock{mutex_};
      requests_.push_back(std::move(made));
    }
    changed_.notify_all();
    return &with.current_;
  }
  void take_spans(conversation const& with, std::size_t refused) {
    {
      std::lock_guard const lock{mutex_};
      auto const ids = with.current_.span_ids();
      for (std::size_t at = (std::min)(refused, ids.size()); at < ids.size(); ++at)
        if (!spans_.insert(ids[at]).second) ++duplicates_;
    }
    changed_.notify_all();
  }

  bool const ipv6_;
  std::string const unix_path_;
  int listener_ = -1;
  int ended_[2] = {-1, -1};  // a pipe; its reading end turns readable when the collector ends
  std::uint16_t port_ = 0;
  std::thread accepting_;
  std::list<std::thread> serving_;  // the accepting thread's, then the destructor's

  std::mutex mutable mutex_;  // all below
  std::condition_variable mutable changed_;
  bool over_ = false;
  std::deque<behaviour> script_;
  behaviour otherwise_ = respond(200);
  std::vector<request> requests_;
  std::size_t begun_ = 0;
  std::size_t connections_ = 0;
  std::set<std::string> spans_;
  std::size_t duplicates_ = 0;
};
