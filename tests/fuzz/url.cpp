// SPDX-License-Identifier: Apache-2.0

// An endpoint with any text: what is taken for a URL has the parts that a connection and a request need, and no byte that would get into the
// request's header.

#include <nanospan/detail/url.hpp>

#include <cstdlib>

using nanospan::detail::url;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}
bool visible(std::string_view text) {
  for (char const c : text)
    if (c <= ' ' && c >= 0) return false;
  return text.find('\x7f') == std::string_view::npos;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for it
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text{reinterpret_cast<char const*>(data), size};
  std::string const shown = url::without_credentials(text);
  require(shown.size() <= text.size() + 3 && url::without_credentials(shown) == shown);
  auto const parsed = url::parse(text);
  if (!parsed) return 0;
  if (parsed->is_unix()) {  // a path of any bytes but 0, which a request does not show
    require(parsed->host.front() == '/' && parsed->host.find('\0') == std::string::npos && parsed->target == "/v1/traces");
    require(url::parse("unix://" + parsed->host)->host == parsed->host);
    return 0;
  }
  require(parsed->scheme == "http" || parsed->scheme == "https");
  require(!parsed->host.empty() && visible(parsed->host) && parsed->host.find_first_of("/?#@") == std::string::npos);
  require(parsed->port != 0);
  require(parsed->target.empty() || (parsed->target.front() == '/' && visible(parsed->target) && parsed->target.find('#') == std::string::npos));
  require(shown == text);  // there are no credentials in it
  auto const again = url::parse(parsed->scheme + "://" + parsed->authority() + parsed->target);
  require(again && again->scheme == parsed->scheme && again->host == parsed->host && again->port == parsed->port && again->target == parsed->target);
  return 0;
}
