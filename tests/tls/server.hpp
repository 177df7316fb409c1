// SPDX-License-Identifier: Apache-2.0
#pragma once

// A server that speaks TLS, by Boost.Asio, on a loopback port; a thread serves one connection after the other. Answers each request with what it is told, and
// keeps what was asked. Any thread.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>

struct tls_options {
  std::string folder = {};              ///< of the certificates
  std::string certificate = "server";   ///< without .pem
  std::string client_authority = {};    ///< not empty: asks for a certificate that this one signed
  bool silent = false;                  ///< accepts, and says nothing
  bool hangs_after_request = false;
  std::string instead = {};             ///< these bytes to whoever connects, and no TLS
  bool only_http2 = false;
  int newest = 0;                       ///< TLS1_2_VERSION; 0: as OpenSSL likes
  std::function<void(int socket)> before_reading = {};  ///< is called when hands are shaken
};

class tls_server {
 public:
  explicit tls_server(tls_options with) : options_{std::move(with)}, acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}} {
    namespace ssl = boost::asio::ssl;
    context_.use_certificate_chain_file(options_.folder + "/" + options_.certificate + ".pem");
    context_.use_private_key_file(options_.folder + "/" + options_.certificate + ".key", ssl::context::pem);
    if (!options_.client_authority.empty()) {
      context_.load_verify_file(options_.folder + "/" + options_.client_authority + ".pem");
      context_.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
    }
    if (options_.newest != 0) SSL_CTX_set_max_proto_version(context_.native_handle(), options_.newest);
    ::SSL_CTX_set_alpn_select_cb(context_.native_handle(), choose_protocol, &options_);
    thread_ = std::thread{[this] { run(); }};
  }
  tls_server(tls_server const&) = delete;
  tls_server& operator=(tls_server const&) = delete;
  /// By a reset: what is written to it afterwards is to a broken pipe.
  ~tls_server() {
    over_ = true;
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    {
      std::lock_guard const lock{mutex_};
      linger const at_once{1, 0};
      if (serving_ >= 0) ::setsockopt(serving_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      if (serving_ >= 0) ::shutdown(serving_, SHUT_RDWR);
    }
    thread_.join();
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::string url(std::string const& host = "127.0.0.1") const { return "https://" + host + ":" + std::to_string(port()) + "/v1/traces"; }
  std::size_t connections() const { return connections_; }
  std::vector<std::string> bodies() const {
    std::lock_guard const lock{mutex_};
    return bodies_;
  }
  /// The name that the last one asked for (SNI); empty where it asked for none.
  std::string name() const {
    std::lock_guard const lock{mutex_};
    return name_;
  }

 private:
  static int choose_protocol(SSL* /*session*/, unsigned char const** chosen, unsigned char* size, unsigned char const* offered, unsigned offered_size, void* options) {
    static constexpr unsigned char http1[] = "\x08http/1.1";
    static constexpr unsigned char http2[] = "\x02h2";
    bool const two = static_cast<tls_options const*>(options)->only_http2;
    unsigned char* found = nullptr;
    int const result = ::SSL_select_next_proto(&found, size, two ? http2 : http1, two ? 3 : 9, offered, offered_size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  void run() {
    while (!over_) {
      boost::asio::ip::tcp::socket socket{io_};
      boost::system::error_code error;
      static_cast<void>(acceptor_.accept(socket, error));
      if (error) continue;
      {
        std::lock_guard const lock{mutex_};
        serving_ = socket.native_handle();
        ++connections_;
      }
      if (!over_) serve(socket);
      std::lock_guard const lock{mutex_};
      serving_ = -1;
    }
  }
  static void hang(boost::asio::ip::tcp::socket& socket) {
    char bytes[4096];
    boost::system::error_code error;
    while (!error) socket.read_some(boost::asio::buffer(bytes), error);
  }
  void serve(boost::asio::ip::tcp::socket& socket) {
    namespace http = boost::beast::http;
    boost::system::error_code error;
    if (!options_.instead.empty()) boost::asio::write(socket, boost::asio::buffer(options_.instead), error);
    if (options_.silent || !options_.instead.empty()) return hang(socket);
    boost::asio::ssl::stream<boost::asio::ip::tcp::socket&> stream{socket, context_};
    static_cast<void>(stream.handshake(boost::asio::ssl::stream_base::server, error));
    if (error) return;
    {
      char const* const name = ::SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
      std::lock_guard const lock{mutex_};
      name_ = name == nullptr ? "" : name;
    }
    if (options_.before_reading) options_.before_reading(socket.native_handle());
    boost::beast::flat_buffer buffer;
    while (!error) {
      http::request_parser<http::string_body> request;
      request.body_limit(64u << 20);
      http::read(stream, buffer, request, error);
      if (error) return;
      {
        std::lock_guard const lock{mutex_};
        bodies_.push_back(request.get().body());
      }
      if (options_.hangs_after_request) return hang(socket);
      http::response<http::string_body> answer{http::status::ok, 11};
      answer.prepare_payload();
      http::write(stream, answer, error);
    }
  }

  tls_options options_;
  boost::asio::io_context io_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_server};
  std::atomic<bool> over_{false};
  std::atomic<std::size_t> connections_{0};
  std::mutex mutable mutex_;  // the three below
  int serving_ = -1;
  std::vector<std::string> bodies_;
  std::string name_;
  std::thread thread_;
};
