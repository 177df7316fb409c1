// SPDX-License-Identifier: Apache-2.0

// A variable of headers with any value: what is taken of it cannot end a line of a request or begin another, and what is not taken is not shown.

#include <nanospan/environment.hpp>

#include <cstdlib>

using nanospan::detail::environment;

namespace {

constexpr char const* name = "OTEL_NANOSPAN_FUZZ";
std::string reported;

void require(bool holds) {
  if (!holds) std::abort();
}
void report(std::string_view line) noexcept { reported += line; }

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for it
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const input{reinterpret_cast<char const*>(data), size};
  std::string const value{input.substr(0, input.find('\0'))};
  ::setenv(name, value.c_str(), 1);
  reported.clear();
  auto const headers = environment{report}.headers(name);
  if (!headers) {
    require(reported == (value.empty() ? "" : "OTEL_NANOSPAN_FUZZ=\"\xe2\x80\xa6\" is ignored: not a list of key=value,key=value with percent-encoded values that fit into HTTP headers"));
    return 0;
  }
  require(reported.empty() && headers->size() <= (value.size() + 1) / 2);
  for (auto const& [key, text] : *headers) {
    require(!key.empty() && key.size() + text.size() < value.size());
    for (char const c : key) require(c > ' ' && c < '\x7f' && std::string_view{"\"(),/:;<=>?@[\\]{}"}.find(c) == std::string_view::npos);
    for (char const c : text) require(c == '\t' || static_cast<unsigned char>(c) >= ' ');
    require(text.find('\x7f') == std::string::npos);
  }
  return 0;
}
