// SPDX-License-Identifier: Apache-2.0

// The exporter with NANOSPAN_TLS, against a server by Boost.Asio with certificates that openssl makes for this run.
#include <nanospan/exporter.hpp>

#include <nanospan.hpp>

#include "catch.hpp"
#include "support/collector.hpp"
#include "support/messages.hpp"
#include "support/variables.hpp"
#include "tls/server.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include <atomic>
#include <csignal>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

using nanospan::configuration_error;
using nanospan::duration;
using nanospan::export_result;
using nanospan::export_wait;
using nanospan::otlp_http_exporter;
using nanospan::otlp_http_options;
using support::has;
using support::messages;
using outcome = export_result::outcome;
using namespace std::chrono_literals;

namespace {

// Made once, and gone with the program.
std::string const& folder() {
  struct made {
    std::string path = (std::filesystem::temp_directory_path() / ("nanospan-tls-" + std::to_string(::getpid()))).string();
    made() {
      std::filesystem::create_directory(path);
      if (std::system(("'" NANOSPAN_TEST_CERTIFICATES "' '" + path + "'").c_str()) != 0) throw std::runtime_error{"no certificates"};  // NOLINT(concurrency-mt-unsafe): before any thread
    }
    ~made() { std::filesystem::remove_all(path); }
    made(made const&) = delete;
    made& operator=(made const&) = delete;
  };
  static made const one;
  return one.path;
}
std::string file(std::string const& name) { return folder() + "/" + name; }

class test_wait final : public export_wait {
 public:
  explicit test_wait(std::function<bool()> stopped = [] { return false; }) : stopped_{std::move(stopped)} {}
  outcome wait(int descriptor, bool writable, std::uint64_t deadline) override {
    for (;;) {
      if (stopped_()) return outcome::stopped;
      ++polls;
      pollfd watched{descriptor, static_cast<short>(writable ? POLLIN | POLLOUT : POLLIN), 0};
      if (::poll(&watched, 1, 5) > 0) return outcome::ready;
      if (nanospan::detail::monotonic_nanoseconds() >= deadline) return outcome::timed_out;
    }
  }
  std::atomic<int> polls{0};

 private:
  std::function<bool()> stopped_;
};

tls_options certified(std::string const& by = "server") { return {.folder = folder(), .certificate = by}; }
otlp_http_options trusting(std::string const& url) {
  otlp_http_options options;
  options.url = url;
  options.certificate_file = file("ca.pem");
  options.timeout = 20s;
  return options;
}
export_result send(otlp_http_exporter& by, std::string const& body = "spans") {
  test_wait wait;
  return by.export_batch({body, 1}, wait);
}
export_result send_once(otlp_http_options const& options) {
  otlp_http_exporter exporter{options};
  return send(exporter);
}
std::string refusal(otlp_http_options const& options) {
  try {
    otlp_http_exporter const made{options};
  } catch (configuration_error const& error) {
    return error.what();
  }
  return "(accepted)";
}

}  // namespace

TEST_CASE("batches arrive over https on one kept connection, whatever their size and the version of TLS") {
  for (int const newest : {0, TLS1_2_VERSION}) {
    auto with = certified();
    with.newest = newest;
    tls_server server{with};
    otlp_http_exporter exporter{trusting(server.url())};
    std::string const large(6u << 20, 'n');
    for (std::string const& body : {std::string{"a"}, large, std::string{"b"}}) CHECK(send(exporter, body).what == outcome::success);
    CHECK((server.bodies() == std::vector<std::string>{"a", large, "b"}));
    CHECK(server.connections() == 1);
  }
}

TEST_CASE("what a server says in TLS only, as its session's tickets, is no answer to wait for while the batch is still to be written") {
  test_wait wait;
  auto with = certified();
  with.before_reading = [&](int socket) {  // until the exporter has written what finds room, and waits
    auto const patience = std::chrono::steady_clock::now() + 20s;
    int unread = 0;
    while (unread < 65'536 && std::chrono::steady_clock::now() < patience) ::ioctl(socket, FIONREAD, &unread);
    int const before = wait.polls;
    while (wait.polls < before + 3 && std::chrono::steady_clock::now() < patience) {}
  };
  tls_server server{with};
  auto options = trusting(server.url());
  options.timeout = 5s;
  otlp_http_exporter exporter{options};
  std::string const large(24u << 20, 'n');
  CHECK(exporter.export_batch({large, 1}, wait).what == outcome::success);
  CHECK((server.bodies() == std::vector<std::string>{large}));
}

TEST_CASE("the certificate's name is the URL's host, which the server is told, and an address is none to tell") {
  tls_server server{certified()};
  CHECK(send_once(trusting(server.url("localhost"))).what == outcome::success);
  CHECK(server.name() == "localhost");
  CHECK(send_once(trusting(server.url("127.0.0.1"))).what == outcome::success);
  CHECK(server.name() == "");
}

TEST_CASE("a certificate that is not to be trusted ends the connection before anything is sent, and is told") {
  struct {
    std::string certificate;
    std::string host;
    std::string authority;
    std::string said;
  } const cases[] = {{"elsewhere", "localhost", "ca.pem", "another host"},
                     {"elsewhere", "127.0.0.1", "ca.pem", "another host"},
                     {"expired", "localhost", "ca.pem", "expired"},
                     {"server", "localhost", "other-ca.pem", "OTEL_EXPORTER_OTLP_CERTIFICATE"},
                     {"server", "localhost", "", "OTEL_EXPORTER_OTLP_CERTIFICATE"}};  // the system's authorities
  for (auto const& [certificate, host, authority, said] : cases) {
    CAPTURE(certificate, host, authority);
    tls_server server{certified(certificate)};
    auto options = trusting(server.url(host));
    options.certificate_file = authority.empty() ? "" : file(authority);
    auto const result = send_once(options);
    CHECK(result.what == outcome::unreachable);
    CHECK(has(result.message, said));
    CHECK_FALSE(has(result.message, "\n"));
    CHECK(server.bodies().empty());
  }
}

TEST_CASE("a server that asks for our certificate gets it, and one that gets none, or another's, says so") {
  for (int const newest : {0, TLS1_2_VERSION}) {
    auto with = certified();
    with.client_authority = "ca";
    with.newest = newest;
    tls_server server{with};
    auto options = trusting(server.url());
    auto const without = send_once(options);
    CHECK(without.what != outcome::success);
    CHECK(has(without.message, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"));
    options.client_certificate_file = file("other-ca.pem");
    options.client_key_file = file("other-ca.key");
    CHECK(send_once(options).what != outcome::success);
    CHECK(server.bodies().empty());
    options.client_certificate_file = file("client.pem");
    options.client_key_file = file("client.key");
    CHECK(send_once(options).what == outcome::success);
  }
}

TEST_CASE("what speaks no TLS, or something else in it, is told") {
  SECTION("http") {
    test_collector collector;
    otlp_http_options options = trusting("https://" + collector.authority());
    options.timeout = 1s;
    auto const result = send_once(options);
    CHECK(result.what == outcome::unreachable);
    CHECK(has(result.message, "use http"));
  }
  SECTION("http that answers at once") {
    auto with = certified();
    with.instead = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    tls_server server{with};
    auto const result = send_once(trusting(server.url()));
    CHECK(result.what == outcome::unreachable);
    CHECK(has(result.message, "use http"));
  }
  SECTION("gRPC") {
    auto with = certified();
    with.only_http2 = true;
    tls_server server{with};
    auto const result = send_once(trusting(server.url()));
    CHECK(result.what == outcome::unreachable);
    CHECK(has(result.message, "A gRPC port?"));
  }
  SECTION("http to a port that speaks TLS") {
    tls_server server{certified()};
    otlp_http_options options;
    options.url = "http://127.0.0.1:" + std::to_string(server.port());
    auto const result = send_once(options);
    CHECK(result.what != outcome::success);
    CHECK(has(result.message, "not TLS?"));
  }
}

TEST_CASE("a server that hangs costs the timeout and no more, in the handshake as in the answer") {
  auto with = certified();
  SECTION("the handshake") {
    with.silent = true;
    tls_server server{with};
    auto options = trusting(server.url());
    options.timeout = 200ms;
    CHECK(send_once(options).what == outcome::unreachable);
  }
  SECTION("the answer") {
    with.hangs_after_request = true;
    tls_server server{with};
    auto options = trusting(server.url());
    options.timeout = 1s;
    CHECK(send_once(options).what == outcome::unconfirmed);
    CHECK(server.bodies().size() == 1);
  }
  SECTION("the end of the program") {
    with.hangs_after_request = true;
    tls_server server{with};
    auto options = trusting(server.url());
    options.timeout = duration{};
    otlp_http_exporter exporter{options};
    test_wait wait{[&] { return !server.bodies().empty(); }};
    CHECK(exporter.export_batch({"spans", 1}, wait).what == outcome::unconfirmed);
  }
}

TEST_CASE("a connection that was closed while it was idle is reopened at once, and what is sent to it raises no signal") {
  std::signal(SIGPIPE, SIG_DFL);  // ends the program
  auto server = std::make_unique<tls_server>(certified());
  otlp_http_exporter exporter{trusting(server->url())};
  CHECK(send(exporter).what == outcome::success);
  server.reset();
  CHECK(send(exporter).what == outcome::unreachable);
}

TEST_CASE("a file that cannot be used is refused by its option and its name") {
  auto const with = [](std::string const& authority, std::string const& certificate, std::string const& key) {
    otlp_http_options options;
    options.url = "https://localhost:4318";
    options.certificate_file = authority;
    options.client_certificate_file = certificate;
    options.client_key_file = key;
    return refusal(options);
  };
  for (std::string const bad : {"/nowhere.pem", "garbage.pem"}) {
    std::string const path = bad.front() == '/' ? bad : file(bad);
    for (std::string const& said : {with(path, "", ""), with("", path, file("client.key")), with("", file("client.pem"), path)}) {
      CHECK(has(said, "_file \"" + path + "\""));
      CHECK_FALSE(has(said, "secret"));
    }
  }
  CHECK(has(with("", file("client.pem"), file("server.key")), "client_key_file"));  // another's
  CHECK(has(with("", file("client.pem"), file("locked.key")), "client_key_file"));  // and nobody is asked for its password
  CHECK(has(with("", file("client.pem"), ""), "client_key_file"));
  CHECK(with(file("ca.pem"), file("client.pem"), file("client.key")) == "(accepted)");
}

TEST_CASE("a forked child's exporter has the same files, and a connection of its own") {
  auto with = certified();
  with.client_authority = "ca";
  tls_server server{with};
  auto options = trusting(server.url());
  options.client_certificate_file = file("client.pem");
  options.client_key_file = file("client.key");
  otlp_http_exporter const exporter{options};
  auto const child = exporter.for_child();
  test_wait wait;
  CHECK(child->export_batch({"spans", 1}, wait).what == outcome::success);
}

TEST_CASE("files come from the options, else from the variables for traces, else from those for all signals, and bad ones of variables are told and ignored") {
  support::variables const clean;
  auto with = certified();
  with.client_authority = "ca";
  tls_server server{with};
  auto const arrives = [&](std::function<void(nanospan::options&)> const& change = [](nanospan::options&) {}) {
    messages::take();
    std::size_t const before = server.bodies().size();
    nanospan::options options;
    options.endpoint = server.url();
    options.on_message = messages::keep;
    options.probe = false;
    options.retry_limit = duration{};
    change(options);
    nanospan::tracer_provider tracing{std::move(options)};
    { NANOSPAN("one"); }
    return tracing.flush(20s) && server.bodies().size() == before + 1;
  };
  std::string const authority = file("ca.pem"), certificate = file("client.pem"), key = file("client.key"), garbage = file("garbage.pem");
  CHECK_FALSE(arrives());
  CHECK(arrives([&](nanospan::options& options) {
    options.certificate_file = authority;
    options.client_certificate_file = certificate;
    options.client_key_file = key;
  }));
  support::variables const general{{"OTEL_EXPORTER_OTLP_CERTIFICATE", authority.c_str()},
                                   {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certificate.c_str()},
                                   {"OTEL_EXPORTER_OTLP_CLIENT_KEY", key.c_str()}};
  CHECK(arrives());
  CHECK(messages::take().empty());
  CHECK_FALSE(arrives([&](nanospan::options& options) { options.certificate_file = file("other-ca.pem"); }));
  {
    support::variables const traces{{"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", garbage.c_str()}};
    CHECK_FALSE(arrives());
    CHECK(has(messages::take().front(), garbage));
    CHECK(arrives([&](nanospan::options& options) { options.certificate_file = authority; }));
  }
}

TEST_CASE("however many exporters there were, a program has OpenSSL's numbers for its own kinds of BIO") {
  for (int i = 0; i < 200; ++i) CHECK(refusal(trusting("https://localhost:4318")) == "(accepted)");
  CHECK((::BIO_get_new_index() & ~0x7f) == 0x80);
}

TEST_CASE("of what went wrong OpenSSL tells the program nothing, whose own connections would take it for theirs") {
  tls_server server{certified("elsewhere")};
  CHECK(send_once(trusting(server.url("localhost"))).what == outcome::unreachable);
  CHECK(::ERR_peek_error() == 0);
  otlp_http_options options = trusting(server.url());
  options.certificate_file = file("garbage.pem");
  CHECK(has(refusal(options), "certificate_file"));
  CHECK(::ERR_peek_error() == 0);
}

TEST_CASE("a forked child that lets go of its parent's exporter says nothing on the parent's connection") {
  tls_server server{certified()};
  auto exporter = std::make_unique<otlp_http_exporter>(trusting(server.url()));
  CHECK(send(*exporter).what == outcome::success);
  pid_t const child = ::fork();
  if (child == 0) {
    exporter.reset();
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(send(*exporter).what == outcome::success);
  CHECK(server.connections() == 1);
}
