// SPDX-License-Identifier: Apache-2.0
#pragma once

// The little of a URL that an endpoint needs: scheme, host, port, path with query (RFC 3986). Or a Unix socket's path, as gRPC and most agents write it:
// unix:///run/otel.sock, or unix:/run/otel.sock. Constructor's thread.

#include <nanospan/detail/decimal.hpp>
#include <nanospan/detail/header_text.hpp>
#include <nanospan/detail/joined.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nanospan::inline v0::detail {

struct url {
  std::string scheme;  // lowercase
  std::string host;    // an IPv6 address without its brackets; of a Unix socket its path
  std::uint16_t port = 0;
  std::string target;  // path and query; empty where the URL has neither

  bool is_unix() const noexcept { return scheme == "unix"; }
  // What the Host header says.
  std::string authority() const {
    if (is_unix()) return "localhost";
    std::string const shown = host.find(':') != std::string::npos ? joined({"[", host, "]"}) : host;
    bool const usual = port == (scheme == "https" ? 443 : 80);
    return usual ? shown : joined({shown, ":", std::to_string(port)});
  }

  static constexpr char const* without_tls = "https needs NANOSPAN_TLS defined as 1, and OpenSSL, where NANOSPAN_IMPLEMENTATION is; or use http, or a local collector";
  // For messages.
  static std::string without_credentials(std::string_view text) {
    std::size_t const scheme = text.find("://");
    std::size_t const host = scheme == std::string_view::npos ? 0 : scheme + 3;
    std::size_t const at = text.substr(0, text.find_first_of("/?#", host)).rfind('@');
    if (at == std::string_view::npos || at < host) return std::string{text};
    return joined({text.substr(0, host), "…", text.substr(at)});
  }

  static std::optional<url> parse(std::string_view text) {
    url parsed;
    if (is_same_name(text.substr(0, 5), "unix:")) return of_unix_socket(text.substr(5));
    std::size_t const colon = text.find("://");
    if (colon == std::string_view::npos) return std::nullopt;
    for (char const c : text.substr(0, colon)) parsed.scheme += to_lower(c);
    if (parsed.scheme != "http" && parsed.scheme != "https") return std::nullopt;
    text.remove_prefix(colon + 3);
    text = text.substr(0, text.find('#'));
    if (!is_visible(text)) return std::nullopt;  // would be a way into the request's header
    std::size_t const path = text.find_first_of("/?");
    std::string_view authority = text.substr(0, path);
    if (path != std::string_view::npos) parsed.target = joined({text[path] == '?' ? "/" : "", text.substr(path)});
    if (authority.find('@') != std::string_view::npos) return std::nullopt;  // credentials belong into a header
    std::string_view port;
    if (authority.starts_with('[')) {
      std::size_t const end = authority.find(']');
      if (end == std::string_view::npos) return std::nullopt;
      parsed.host = authority.substr(1, end - 1);
      if (parsed.host.find(':') == std::string::npos) return std::nullopt;  // brackets are an address' only
      authority.remove_prefix(end + 1);
      if (!authority.empty() && authority.front() != ':') return std::nullopt;
      port = authority.substr(authority.empty() ? 0 : 1);
    } else {
      std::size_t const end = authority.rfind(':');
      if (end != authority.find(':')) return std::nullopt;  // an IPv6 address without brackets
      parsed.host = authority.substr(0, end);
      if (end != std::string_view::npos) port = authority.substr(end + 1);
    }
    parsed.port = parsed.scheme == "https" ? 443 : 80;
    if (!port.empty()) {
      auto const number = decimal(port);
      if (!number || *number == 0 || *number > 65'535) return std::nullopt;
      parsed.port = static_cast<std::uint16_t>(*number);
    }
    if (parsed.host.empty() || parsed.host.find_first_of("[]") != std::string::npos) return std::nullopt;
    return parsed;
  }

 private:
  static bool is_visible(std::string_view text) noexcept {
    for (char const c : text)
      if (c <= ' ' || c == 0x7f) return false;
    return true;
  }
  // An absolute path, and no host before it. Spans go to OTLP's usual target: there is no place for another.
  static std::optional<url> of_unix_socket(std::string_view path) {
    if (path.starts_with("//")) path.remove_prefix(2);
    if (path.size() < 2 || path.size() > 107 || path.front() != '/' || path[1] == '/' || path.find('\0') != std::string_view::npos) return std::nullopt;
    return url{"unix", std::string{path}, 0, "/v1/traces"};
  }
};

}  // namespace nanospan::inline v0::detail
