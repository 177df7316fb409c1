// SPDX-License-Identifier: Apache-2.0
#pragma once

// A TCP connection, always to the same place, for Beast's synchronous algorithms. Its every step waits through export_wait: bounded by one
// deadline, draining the rings meanwhile, and woken when the provider stops. Background thread.

#include <nanospan/clock.hpp>
#include <nanospan/detail/descriptor.hpp>
#include <nanospan/detail/guest_thread.hpp>
#include <nanospan/detail/joined.hpp>
#include <nanospan/exporter.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace nanospan::inline v0::detail {

// getaddrinfo blocks without a bound: it runs on a thread of its own, which shares what it writes and outlives nothing that it uses.
class resolution {
 public:
  static std::shared_ptr<resolution> start(std::string const& host, std::uint16_t port) {
    auto self = std::make_shared<resolution>();
    addrinfo numeric{};
    numeric.ai_socktype = SOCK_STREAM;
    numeric.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    std::string const service = std::to_string(port);
    if (::getaddrinfo(host.c_str(), service.c_str(), &numeric, &self->found_) == 0) {
      self->finished_.store(true, std::memory_order_relaxed);  // Relaxed: no other thread yet.
      return self;
    }
    if (!make_pipe(self->reader_, self->writer_)) return nullptr;
    start_guest_thread([self, host, service] {
      addrinfo hints{};
      hints.ai_socktype = SOCK_STREAM;
      hints.ai_flags = AI_NUMERICSERV;
      self->error_ = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &self->found_);
      self->finished_.store(true, std::memory_order_release);  // Release: pairs with the acquire in finished().
      [[maybe_unused]] auto const written = ::write(self->writer_.get(), "", 1);
    }).detach();
    return self;
  }
  ~resolution() {
    if (found_ != nullptr) ::freeaddrinfo(found_);
  }
  // Readable once finished; -1 where that is so from the start.
  int descriptor_to_wait_for() const noexcept { return reader_.get(); }
  bool finished() const noexcept { return finished_.load(std::memory_order_acquire); }
  // Once finished.
  addrinfo const* found() const noexcept { return found_; }
  char const* error() const noexcept { return ::gai_strerror(error_); }

 private:
  descriptor reader_;
  descriptor writer_;
  addrinfo* found_ = nullptr;
  int error_ = 0;
  std::atomic<bool> finished_{false};
};

class socket_stream {
 public:
  using error_code = boost::system::error_code;

  bool open() const noexcept { return socket_.open(); }
  void close() noexcept { socket_ = descriptor{}; }
  // Whether the other side has neither closed nor said anything that is still unread.
  bool quiet() const noexcept {
    char byte = 0;
    return socket_.open() && ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
  // For what follows: how to wait, and until when (monotonic nanoseconds).
  void bind(export_wait& wait, std::uint64_t deadline) noexcept {
    wait_ = &wait;
    deadline_ = deadline;
  }

  // Tries each address in turn. Empty when connected, else why not.
  std::string connect(std::string const& host, std::uint16_t port) {
    // A lookup that outlasts an attempt is waited for by the next one: never two at a time.
    if (pending_ == nullptr) pending_ = resolution::start(host, port);
    if (pending_ == nullptr) return "no descriptor for a name lookup";
    while (!pending_->finished())
      if (wait_->wait(pending_->descriptor_to_wait_for(), false, deadline_) != export_wait::outcome::ready && !pending_->finished())
        return joined({"looking up \"", host, "\" took too long"});
    auto const lookup = std::exchange(pending_, nullptr);
    if (lookup->found() == nullptr) return joined({"cannot look up \"", host, "\": ", lookup->error()});
    std::uint64_t left = 0;
    for (addrinfo const* address = lookup->found(); address != nullptr; address = address->ai_next) ++left;
    std::string why = "no address";
    for (addrinfo const* address = lookup->found(); address != nullptr; address = address->ai_next) {
      // Each gets an equal share of the time: one that swallows what it is sent does not keep the others from being tried.
      std::uint64_t const now = monotonic_nanoseconds();
      why = connect(*address, deadline_ > now ? now + (deadline_ - now) / left-- : now);
      if (why.empty()) return why;
    }
    return why;
  }

  // Beast's SyncReadStream.
  template <typename Buffers>
  std::size_t read_some(Buffers const& buffers, error_code& error) {
    iovec pieces[16];
    std::size_t count = 0;
    for (auto at = boost::asio::buffer_sequence_begin(buffers); at != boost::asio::buffer_sequence_end(buffers) && count < 16; ++at) {
      boost::asio::mutable_buffer const piece = *at;
      if (piece.size() != 0) pieces[count++] = {piece.data(), piece.size()};
    }
    return transfer(pieces, count, false, error);
  }
  template <typename Buffers>
  std::size_t read_some(Buffers const& buffers) {
    error_code error;
    std::size_t const count = read_some(buffers, error);
    if (error) throw boost::system::system_error{error};
    return count;
  }
  // Both of them, to the last byte, from where they lie.
  void write(std::string_view first, std::string_view second, error_code& error) {
    error = {};
    while (!error && !(first.empty() && second.empty())) {
      iovec pieces[2] = {{const_cast<char*>(first.data()), first.size()}, {const_cast<char*>(second.data()), second.size()}};
      std::size_t const moved = transfer(pieces, 2, true, error);
      second.remove_prefix(moved > first.size() ? moved - first.size() : 0);
      first.remove_prefix(std::min(moved, first.size()));
    }
  }

 private:
  std::string connect(addrinfo const& address, std::uint64_t deadline) {
    socket_ = descriptor{::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol)};
    if (!socket_.open()) return boost::system::system_category().message(errno);
    int const on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int error = ::connect(socket_.get(), address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS || error == EINTR) {
      socklen_t size = sizeof error;
      if (wait_->wait(socket_.get(), true, deadline) != export_wait::outcome::ready) error = ETIMEDOUT;
      else if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    }
    if (error == 0) return {};
    close();
    return boost::system::system_category().message(error);
  }

  // As much as goes at once, but something, unless there is nothing to move.
  std::size_t transfer(iovec* pieces, std::size_t count, bool writing, error_code& error) {
    error = {};
    if (count == 0) return 0;
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = count;
    for (;;) {
      auto const moved = writing ? ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) : ::recvmsg(socket_.get(), &message, 0);
      if (moved > 0) return static_cast<std::size_t>(moved);
      if (moved == 0) {
        error = boost::asio::error::eof;
        return 0;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        error = {errno, boost::system::system_category()};
        return 0;
      }
      if (auto const end = wait_->wait(socket_.get(), writing, deadline_); end != export_wait::outcome::ready) {
        error = end == export_wait::outcome::stopped ? boost::asio::error::operation_aborted : boost::asio::error::timed_out;
        return 0;
      }
    }
  }

  descriptor socket_;
  std::shared_ptr<resolution> pending_;
  export_wait* wait_ = nullptr;
  std::uint64_t deadline_ = 0;
};

}  // namespace nanospan::inline v0::detail
