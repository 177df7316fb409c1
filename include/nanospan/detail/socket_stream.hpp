// SPDX-License-Identifier: Apache-2.0
#pragma once

// A connection, always to the same place: TCP, or a Unix socket. Its every step waits through export_wait: bounded by one deadline, draining the rings
// meanwhile, and woken when the provider stops. Background thread.

#include <nanospan/clock.hpp>
#include <nanospan/detail/descriptor.hpp>
#include <nanospan/detail/joined.hpp>
#include <nanospan/detail/resolution.hpp>
#include <nanospan/detail/url.hpp>
#include <nanospan/exporter.hpp>

#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

namespace nanospan::inline v0::detail {

class socket_stream {
 public:
  using error_code = boost::system::error_code;

  bool open() const noexcept { return socket_.open(); }
  void close() noexcept { socket_ = descriptor{}; }
  // Whether the other side has neither closed nor said anything that is still unread.
  bool quiet() const noexcept {
    char byte = 0;
    return open() && ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
  // For what follows: how to wait, and until when (monotonic nanoseconds).
  void bind(export_wait& wait, std::uint64_t deadline) noexcept {
    wait_ = &wait;
    deadline_ = deadline;
  }

  // Tries each address in turn. Empty when connected, else why not.
  std::string connect(url const& to) {
    if (to.is_unix()) return connect_unix(to.host);
    // A lookup that outlasts an attempt is waited for by the next one: never two at a time.
    if (pending_ == nullptr) pending_ = resolution::start(to.host, to.port);
    if (pending_ == nullptr) return "no descriptor for a name lookup";
    while (!pending_->finished())
      if (wait_->wait(pending_->descriptor_to_wait_for(), false, deadline_) != export_wait::outcome::ready && !pending_->finished())
        return joined({"looking up \"", to.host, "\" took too long"});
    auto const lookup = std::exchange(pending_, nullptr);
    if (lookup->found() == nullptr) return joined({"cannot look up \"", to.host, "\": ", lookup->error(), ". Is the name right?"});
    std::uint64_t left = 0;
    for (addrinfo const* address = lookup->found(); address != nullptr; address = address->ai_next) ++left;
    std::string why = "no address";
    for (addrinfo const* address = lookup->found(); address != nullptr; address = address->ai_next) {
      // Each gets an equal share of the time: one that swallows what it is sent does not keep the others from being tried.
      std::uint64_t const now = monotonic_nanoseconds();
      why = connect(address->ai_family, address->ai_addr, address->ai_addrlen, deadline_ > now ? now + (deadline_ - now) / left-- : now);
      if (why.empty()) return why;
    }
    return why;
  }

  // At least one byte; else an error, asio::error::eof at the end. Who does not wait may get none without an error.
  std::size_t read_some(char* to, std::size_t room, bool waits, error_code& error) {
    for (error = {};;) {
      // For who always has more to say, nobody would ever wait: the rings are drained in a wait.
      if (unwaited_bytes_ >= most_unwaited_bytes && !wait_for(false, error)) return 0;
      auto const got = ::recv(socket_.get(), to, room, 0);
      if (got > 0) {
        unwaited_bytes_ += static_cast<std::size_t>(got);
        return static_cast<std::size_t>(got);
      }
      if (got == 0) error = boost::asio::error::eof;
      else if (errno == EINTR || (would_block(error) && waits && wait_for(false, error))) continue;
      return 0;
    }
  }
  // As much of both as goes at once. Zero without an error: first there may be something to read.
  std::size_t write_some(std::string_view first, std::string_view second, error_code& error) {
    iovec pieces[2] = {{const_cast<char*>(first.data()), first.size()}, {const_cast<char*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = 2;
    for (error = {};;) {
      auto const put = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);  // NOLINT(clang-analyzer-unix.StdCLibraryFunctions): it is open
      if (put >= 0) return static_cast<std::size_t>(put);
      if (errno == EINTR) continue;
      if (!would_block(error) || readable() || !wait_for(true, error)) return 0;
    }
  }

 protected:
  int number() const noexcept { return socket_.get(); }
  bool readable() const noexcept {
    pollfd watched{socket_.get(), POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
  }
  // False with the error where the time is over.
  bool wait_for(bool writable, error_code& error) {
    unwaited_bytes_ = 0;
    auto const end = wait_->wait(socket_.get(), writable, deadline_);
    if (end == export_wait::outcome::ready) return true;
    error = end == export_wait::outcome::stopped ? boost::asio::error::operation_aborted : boost::asio::error::timed_out;
    return false;
  }

 private:
  // Else it is an error.
  static bool would_block(error_code& error) noexcept {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    error = {errno, boost::system::system_category()};
    return false;
  }

  std::string connect_unix(std::string const& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return "the path is too long for a Unix socket";
    std::memcpy(address.sun_path, path.c_str(), path.size());
    return connect(AF_UNIX, reinterpret_cast<sockaddr const*>(&address), sizeof address, deadline_);
  }
  std::string connect(int family, sockaddr const* address, socklen_t bytes, std::uint64_t deadline) {
    socket_ = descriptor{::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket_.open()) return boost::system::system_category().message(errno);
    int const on = 1;
    if (family != AF_UNIX) ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int error = ::connect(socket_.get(), address, bytes) == 0 ? 0 : errno;
    if (error == EINPROGRESS || error == EINTR) {
      socklen_t size = sizeof error;
      if (wait_->wait(socket_.get(), true, deadline) != export_wait::outcome::ready) error = ETIMEDOUT;
      else if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    }
    if (error == 0) return {};
    close();
    return joined({boost::system::system_category().message(error), advice(error)});
  }
  static std::string_view advice(int error) noexcept {
    switch (error) {
      case ECONNREFUSED:
      case ENOENT: return ": nothing listens there. Is a collector running? options.endpoint or OTEL_EXPORTER_OTLP_ENDPOINT says where";
      case ETIMEDOUT:
      case EHOSTUNREACH:
      case ENETUNREACH: return ": is the address right, and no firewall in the way?";
      case EAGAIN: return ": a Unix socket of which the queue is full";
      default: return "";
    }
  }

  static constexpr std::size_t most_unwaited_bytes = 256u << 10;

  descriptor socket_;
  shared<resolution> pending_;
  std::size_t unwaited_bytes_ = 0;
  export_wait* wait_ = nullptr;
  std::uint64_t deadline_ = 0;
};

}  // namespace nanospan::inline v0::detail
