// SPDX-License-Identifier: Apache-2.0

#include <nanospan/detail/url.hpp>

#include "catch.hpp"

using nanospan::detail::url;

namespace {

// "scheme host port target", or "refused".
std::string parts(std::string_view text) {
  auto const parsed = url::parse(text);
  return parsed ? parsed->scheme + " " + parsed->host + " " + std::to_string(parsed->port) + " " + parsed->target : "refused";
}

}  // namespace

TEST_CASE("an endpoint has a scheme, a host, a port and a path") {
  CHECK(parts("http://localhost:4318/v1/traces") == "http localhost 4318 /v1/traces");
  CHECK(parts("https://collector.example.org/custom/path") == "https collector.example.org 443 /custom/path");
  CHECK(parts("http://127.0.0.1:1/") == "http 127.0.0.1 1 /");
}

TEST_CASE("a port that is not there is the scheme's") {
  CHECK(parts("http://host") == "http host 80 ");
  CHECK(parts("https://host") == "https host 443 ");
  CHECK(parts("http://host:") == "http host 80 ");  // RFC 3986, 3.2.3: a port may be empty
}

TEST_CASE("a port is a number from 1 to 65535") {
  CHECK(parts("http://host:65535") == "http host 65535 ");
  for (char const* text : {"http://host:0", "http://host:65536", "http://host:-1", "http://host:+80", "http://host:80a",
                           "http://host:a", "http://host: 80", "http://host:99999999999999999999"}) {
    CAPTURE(text);
    CHECK(parts(text) == "refused");
  }
}

TEST_CASE("the scheme is http or https, in any case") {
  CHECK(parts("HTTP://host") == "http host 80 ");
  CHECK(parts("Https://host") == "https host 443 ");
  for (char const* text : {"", "host", "localhost:4318", "//host", "://host", "http:/host", "http//host", "ftp://host",
                           "unix//run/socket", "grpc://host:4317"}) {
    CAPTURE(text);
    CHECK(parts(text) == "refused");
  }
}

TEST_CASE("a Unix socket is an absolute path, with or without slashes before it, and takes spans at the usual target") {
  CHECK(parts("unix:///run/otel.sock") == "unix /run/otel.sock 0 /v1/traces");
  CHECK(parts("unix:/run/otel.sock") == "unix /run/otel.sock 0 /v1/traces");
  CHECK(parts("Unix:///a b?c#d:1") == "unix /a b?c#d:1 0 /v1/traces");  // any path is one
  CHECK(url::parse("unix:///run/otel.sock")->authority() == "localhost");
  std::string const longest = "/" + std::string(106, 'x');
  CHECK(parts("unix://" + longest) == "unix " + longest + " 0 /v1/traces");
  CHECK(parts("unix://" + longest + "x") == "refused");
  for (std::string const text : {"unix:", "unix://", "unix:///", "unix:run/otel.sock", "unix://run/otel.sock", "unix:////run/otel.sock"}) {
    CAPTURE(text);
    CHECK(parts(text) == "refused");
  }
  CHECK(parts(std::string_view{"unix:///a\0b", 11}) == "refused");
}

TEST_CASE("an IPv6 address stands in brackets") {
  CHECK(parts("http://[::1]:4318/v1/traces") == "http ::1 4318 /v1/traces");
  CHECK(parts("https://[2001:db8::1]") == "https 2001:db8::1 443 ");
  for (char const* text : {"http://::1", "http://::1:4318/", "http://[::1", "http://[::1]4318", "http://[]:80", "http://[::1]x/", "http://[host]/", "http://[[::1]/", "http://[::1[]/", "http://a]", "http://a[b:80"}) {
    CAPTURE(text);
    CHECK(parts(text) == "refused");
  }
}

TEST_CASE("a query belongs to the target, a fragment does not") {
  CHECK(parts("http://host/path?a=b&c=d") == "http host 80 /path?a=b&c=d");
  CHECK(parts("http://host?a=b") == "http host 80 /?a=b");
  CHECK(parts("http://host:81?a=/b:c@d") == "http host 81 /?a=/b:c@d");
  CHECK(parts("http://host/path#fragment") == "http host 80 /path");
  CHECK(parts("http://host#fragment") == "http host 80 ");
  CHECK(parts("http://host/a@b:c") == "http host 80 /a@b:c");
}

TEST_CASE("a URL without a host is refused") {
  for (char const* text : {"http://", "http:///path", "http://:80", "http://?query", "http://#fragment"}) {
    CAPTURE(text);
    CHECK(parts(text) == "refused");
  }
}

TEST_CASE("credentials are refused: they belong into a header") {
  CHECK(parts("http://user:password@host/") == "refused");
  CHECK(parts("http://user@host") == "refused");
  CHECK(parts("http://@host") == "refused");
}

TEST_CASE("spaces and control characters are refused: they would be a way into the request's header") {
  for (char const c : {'\0', '\t', '\n', '\r', '\x1b', ' ', '\x7f'}) {
    CAPTURE(static_cast<int>(c));
    for (std::string const& text :
         {std::string{"http://ho"} + c + "st/path", std::string{"http://host/pa"} + c + "th", std::string{"http://host/path?a"} + c,
          std::string{"http://host:8"} + c + "0/", std::string{"ht"} + c + "tp://host"})
      CHECK(parts(text) == "refused");
  }
}

TEST_CASE("the Host header names the port where it is not the usual one, and keeps an address's brackets") {
  CHECK(url::parse("http://host")->authority() == "host");
  CHECK(url::parse("http://host:80")->authority() == "host");
  CHECK(url::parse("http://host:443")->authority() == "host:443");
  CHECK(url::parse("https://host:443")->authority() == "host");
  CHECK(url::parse("https://host:80")->authority() == "host:80");
  CHECK(url::parse("http://[::1]:4318")->authority() == "[::1]:4318");
  CHECK(url::parse("https://[::1]")->authority() == "[::1]");
}
