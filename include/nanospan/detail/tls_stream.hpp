// SPDX-License-Identifier: Apache-2.0
#pragma once

// A connection that speaks TLS where its URL says https, by OpenSSL on the same socket, so that the same deadline bounds its every step. TLS 1.2 or later; the
// other side's certificate must be of an authority that we trust, and of the host that the URL names. Background thread, but for configure().

#include <nanospan/detail/socket_stream.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

namespace nanospan::inline v0::detail {

class tls_stream : public socket_stream {
 public:
  tls_stream() = default;
  ~tls_stream() { close(); }

  // Reads the files: a thread that drains rings could not wait for a disk. Throws configuration_error.
  void configure(otlp_http_options const& with) {
    auto const fail = [](char const* option, std::string const& file) { throw configuration_error{joined({option, " \"", file, "\" cannot be used: ", last_error()})}; };
    own_errors const ours;
    context_.reset(::SSL_CTX_new(::TLS_client_method()));
    static int const kind = BIO_TYPE_SOURCE_SINK | ::BIO_get_new_index();  // once: a process has 127
    method_.reset(::BIO_meth_new(kind, "nanospan"));
    if (context_ == nullptr || method_ == nullptr) throw configuration_error{joined({"https is not to be had: ", last_error()})};
    SSL_CTX* const context = context_.get();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // A key with a password is refused, and nobody asked for it at the program's terminal.
    ::SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return -1; });
    constexpr unsigned char only_http[] = "\x08http/1.1";
    ::SSL_CTX_set_alpn_protos(context, only_http, sizeof only_http - 1);
    if (with.certificate_file.empty()) ::SSL_CTX_set_default_verify_paths(context);
    else if (::SSL_CTX_load_verify_locations(context, with.certificate_file.c_str(), nullptr) != 1) fail("certificate_file", with.certificate_file);
    if (with.client_certificate_file.empty() != with.client_key_file.empty())
      throw configuration_error{"client_certificate_file and client_key_file are of use together only"};
    if (!with.client_certificate_file.empty()) {
      if (::SSL_CTX_use_certificate_chain_file(context, with.client_certificate_file.c_str()) != 1) fail("client_certificate_file", with.client_certificate_file);
      if (::SSL_CTX_use_PrivateKey_file(context, with.client_key_file.c_str(), SSL_FILETYPE_PEM) != 1) fail("client_key_file", with.client_key_file);
    }
    ::BIO_meth_set_write(method_.get(), [](BIO* bio, char const* bytes, int count) { return moved(bio, ::send(socket_of(bio), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL), true); });
    ::BIO_meth_set_read(method_.get(), [](BIO* bio, char* bytes, int count) { return moved(bio, ::recv(socket_of(bio), bytes, static_cast<std::size_t>(count), 0), false); });
    ::BIO_meth_set_ctrl(method_.get(), [](BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1L : 0L; });
  }

  void close() noexcept {
    if (session_ != nullptr && settled_ && process_ == ::getpid()) {  // in a forked child it is the parent's, who goes on
      own_errors const ours;
      ::SSL_shutdown(session_.get());  // a word of farewell, if the socket takes it at once
    }
    settled_ = false;
    session_.reset();
    socket_stream::close();
  }
  bool quiet() noexcept {
    if (session_ == nullptr || socket_stream::quiet()) return socket_stream::quiet();
    char byte = 0;  // a session's ticket is nothing said
    own_errors const ours;
    return ::SSL_get_error(session_.get(), ::SSL_peek(session_.get(), &byte, 1)) == SSL_ERROR_WANT_READ;
  }

  std::string connect(url const& to) {
    std::string why = socket_stream::connect(to);
    if (!why.empty() || to.scheme != "https") return why;
    why = shake_hands(to.host);
    if (!why.empty()) close();
    return why;
  }
  std::size_t read_some(char* bytes, std::size_t room, bool waits, error_code& error) {
    if (session_ == nullptr) return socket_stream::read_some(bytes, room, waits, error);
    return transfer(waits ? transferring::in : transferring::in_now, error, [&](std::size_t& moved) { return ::SSL_read_ex(session_.get(), bytes, room, &moved); });
  }
  std::size_t write_some(std::string_view first, std::string_view second, error_code& error) {
    if (session_ == nullptr) return socket_stream::write_some(first, second, error);
    std::string_view const next = first.empty() ? second : first;
    return transfer(transferring::out, error, [&](std::size_t& moved) { return ::SSL_write_ex(session_.get(), next.data(), next.size(), &moved); });
  }
  // What TLS had against the last step that failed; empty where it had nothing.
  std::string const& trouble() const noexcept { return trouble_; }

 private:
  // What OpenSSL notes for the thread, which may be the program's own: none of what was before is taken for ours, and none of ours is left to be taken for its.
  struct own_errors {
    own_errors() noexcept { ERR_clear_error(); }
    own_errors(own_errors const&) = delete;
    own_errors& operator=(own_errors const&) = delete;
    ~own_errors() { ERR_clear_error(); }
  };
  struct deleter {
    void operator()(SSL_CTX* context) const noexcept { ::SSL_CTX_free(context); }
    void operator()(SSL* session) const noexcept { ::SSL_free(session); }
    void operator()(BIO_METHOD* method) const noexcept { ::BIO_meth_free(method); }
  };

  // A BIO that raises no SIGPIPE, as OpenSSL's own does.
  static int socket_of(BIO* bio) noexcept { return static_cast<tls_stream*>(::BIO_get_data(bio))->number(); }
  static int moved(BIO* bio, ssize_t count, bool writing) noexcept {
    BIO_clear_retry_flags(bio);
    if (count < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (writing) BIO_set_retry_write(bio);
      else BIO_set_retry_read(bio);
    }
    return static_cast<int>(count);
  }

  std::string shake_hands(std::string const& host) {
    own_errors const ours;
    session_.reset(::SSL_new(context_.get()));
    BIO* const bio = session_ == nullptr ? nullptr : ::BIO_new(method_.get());
    if (bio == nullptr) return last_error();
    ::BIO_set_data(bio, this);
    ::BIO_set_init(bio, 1);
    ::SSL_set_bio(session_.get(), bio, bio);
    in6_addr number;
    bool const is_address = ::inet_pton(AF_INET, host.c_str(), &number) == 1 || ::inet_pton(AF_INET6, host.c_str(), &number) == 1;
    bool named = false;
    if (is_address) {
      named = ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(session_.get()), host.c_str()) == 1;
    } else {
      ::SSL_set_hostflags(session_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      // SSL_set_tlsext_host_name, without its cast.
      named = ::SSL_set1_host(session_.get(), host.c_str()) == 1 &&
              ::SSL_ctrl(session_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str())) == 1;
    }
    if (!named) return last_error();
    error_code error;
    process_ = ::getpid();
    transfer(transferring::in, error, [&](std::size_t& moved) {
      moved = 1;
      return ::SSL_connect(session_.get());
    });
    settled_ = !error;
    if (!error) return {};
    if (!trouble_.empty()) return trouble_;
    if (error == boost::asio::error::eof) return "the connection was closed in TLS's handshake: a port that does not speak TLS? Then use http";
    if (error == boost::asio::error::timed_out) return "no answer to TLS's handshake: a port that does not speak TLS? Then use http";
    return error.message();
  }

  enum class transferring { in, in_now, out };
  // `step(moved)` until it is done. Zero without an error where there is nothing to be had now, or it is a write and something may be there to read first.
  template <typename Step>
  std::size_t transfer(transferring how, error_code& error, Step&& step) {
    trouble_.clear();
    own_errors const ours;
    for (error = {};;) {
      std::size_t moved = 0;
      ERR_clear_error();
      errno = 0;
      int const done = step(moved);
      if (done == 1) return moved;
      int const cause = errno;
      int const why = ::SSL_get_error(session_.get(), done);
      if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        bool const writing = why == SSL_ERROR_WANT_WRITE;
        if (writing ? how == transferring::out && readable() : how == transferring::in_now) return 0;
        if (wait_for(writing, error)) continue;
        return 0;
      }
      settled_ = false;  // nothing more may be said
      if (why == SSL_ERROR_SSL && !is_end()) {
        trouble_ = joined({explained(), advice()});
        error = boost::asio::error::connection_aborted;
      } else if (why == SSL_ERROR_SYSCALL && cause != 0) {
        error = {cause, boost::system::system_category()};
      } else {
        error = boost::asio::error::eof;
      }
      return 0;
    }
  }

  // Closed without TLS's farewell, as many do: OpenSSL 3 calls it an error. HTTP knows by itself where an answer ends.
  static bool is_end() noexcept {
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
    return ERR_GET_REASON(::ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
#else
    return false;
#endif
  }
  static std::string last_error() {
    unsigned long const error = ::ERR_peek_error();
    char const* const reason = ::ERR_reason_error_string(error);
    if (reason != nullptr) return reason;
#ifdef ERR_SYSTEM_ERROR
    if (ERR_SYSTEM_ERROR(error)) return boost::system::system_category().message(ERR_GET_REASON(error));
#endif
    return joined({"OpenSSL's error ", std::to_string(error)});
  }
  // Of the certificate, if it was that.
  std::string explained() const {
    long const verdict = ::SSL_get_verify_result(session_.get());
    if (verdict == X509_V_OK) return joined({"TLS: ", last_error()});
    return joined({"TLS: the collector's certificate is refused: ", ::X509_verify_cert_error_string(verdict)});
  }
  char const* advice() const noexcept {
    switch (::SSL_get_verify_result(session_.get())) {
      case X509_V_OK: break;
      case X509_V_ERR_HOSTNAME_MISMATCH:
      case X509_V_ERR_IP_ADDRESS_MISMATCH: return ". It is for another host than the address names";
      case X509_V_ERR_CERT_HAS_EXPIRED:
      case X509_V_ERR_CERT_NOT_YET_VALID: return ". Or is this machine's clock wrong?";
      default: return ". options.certificate_file or OTEL_EXPORTER_OTLP_CERTIFICATE names the authority to trust";
    }
    switch (ERR_GET_REASON(::ERR_peek_error())) {
      case SSL_R_WRONG_VERSION_NUMBER:
      case SSL_R_HTTP_REQUEST: return ". The port does not speak TLS: use http";
      case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: return ". A gRPC port? OTLP over HTTP usually has port 4318";
      case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
      case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      case SSL_R_TLSV1_ALERT_UNKNOWN_CA: return ". Does it want a certificate of ours? options.client_certificate_file and client_key_file, or OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY, name it";
      default: return "";
    }
  }

  std::unique_ptr<SSL_CTX, deleter> context_;
  std::unique_ptr<BIO_METHOD, deleter> method_;
  std::unique_ptr<SSL, deleter> session_;  // none: plain
  std::string trouble_;
  bool settled_ = false;  // hands are shaken, and nothing has failed
  pid_t process_ = 0;     // that shook them
};

}  // namespace nanospan::inline v0::detail
