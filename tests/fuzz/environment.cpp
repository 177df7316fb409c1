// SPDX-License-Identifier: Apache-2.0

// A variable with any value: the input up to its first NUL.

#include <nanospan/environment.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using nanospan::detail::environment;

namespace {

constexpr char const* name = "OTEL_NANOSPAN_FUZZ";
int reports = 0;

void require(bool holds) {
  if (!holds) std::abort();
}
void report(std::string_view line) noexcept {
  ++reports;
  require(line.starts_with("OTEL_NANOSPAN_FUZZ=\""));
}
// How often `read` reports.
template <typename Read>
int reports_of(Read&& read) {
  reports = 0;
  read();
  return reports;
}
std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (char const c : text) {
    char escape[4];
    std::snprintf(escape, sizeof escape, "%%%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    encoded += escape;
  }
  return encoded;
}

void pairs(environment const& env, std::string const& value) {
  auto const parsed = environment::parse_pairs(value);
  require(reports_of([&] { require(env.pairs(name).has_value() == (parsed && !value.empty())); }) == (parsed ? 0 : 1));
  if (!parsed) return;
  std::string again;
  for (auto const& [key, text] : *parsed) {
    require(!key.empty() && nanospan::detail::is_utf8(key) && nanospan::detail::is_utf8(text));
    again += percent_encoded(key) + " =\t" + percent_encoded(text) + " ,,";
  }
  require(environment::parse_pairs(again) == parsed);
}
void ratio(environment const& env, std::string const& value) {
  std::optional<double> read;
  int const reported = reports_of([&] { read = env.ratio(name); });
  require(reported == (read || value.empty() ? 0 : 1));
  if (!read) return;
  require(*read >= 0 && *read <= 1);
  char* end = nullptr;
  double const theirs = std::strtod(value.c_str(), &end);
  require(*end == '\0' && std::abs(*read - theirs) <= 1e-14 * theirs + 1e-300);
}
void number(environment const& env, std::string const& value) {
  std::optional<std::uint64_t> read;
  int const reported = reports_of([&] { read = env.number(name, 3, 4'000'000'000, "why"); });
  require(reported == (read || value.empty() ? 0 : 1));
  bool const digits = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
  if (read) require(digits && *read >= 3 && *read <= 4'000'000'000);
  else if (digits && value.size() < 19) require(std::stoull(value) < 3 || std::stoull(value) > 4'000'000'000);
}
void names(std::string const& value) {
  auto const found = environment::names(name);
  for (std::size_t at = 0; at < found.size(); ++at) {
    std::string const& one = found[at];
    require(!one.empty() && one.find(',') == std::string::npos && std::strchr(" \t", one.front()) == nullptr && std::strchr(" \t", one.back()) == nullptr);
    require(environment::lower(one) == one && environment::lower(value).find(one) != std::string::npos);
    for (std::size_t before = 0; before < at; ++before) require(found[before] != one);
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for it
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const input{reinterpret_cast<char const*>(data), size};
  std::string const value{input.substr(0, input.find('\0'))};
  ::setenv(name, value.c_str(), 1);
  environment const env{report};
  pairs(env, value);
  ratio(env, value);
  number(env, value);
  names(value);
  bool const is_true = environment::lower(value) == "true";
  require(reports_of([&] { require(env.boolean(name) == is_true); }) == (value.empty() || is_true || environment::lower(value) == "false" ? 0 : 1));
  require(reports_of([&] { static_cast<void>(env.choice(name, {"a", "none"}, "why")); }) <= 1);
  return 0;
}
