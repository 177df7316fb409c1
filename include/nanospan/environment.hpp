// SPDX-License-Identifier: Apache-2.0
#pragma once

// The OTEL_ variables (OpenTelemetry, "Environment Variable Specification"): an empty one counts as unset, a bad one is reported by
// name and ignored. Read once, by the thread that constructs the provider.

#include <nanospan/detail/decimal.hpp>
#include <nanospan/detail/header_text.hpp>
#include <nanospan/detail/joined.hpp>
#include <nanospan/detail/utf8.hpp>
#include <nanospan/messages.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

namespace nanospan::inline v0::detail {

using pair_list = std::vector<std::pair<std::string, std::string>>;

class environment {
 public:
  explicit environment(messages report) noexcept : report_{report} {}

  static std::optional<std::string> text(char const* name) {
    char const* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): when the provider is made, as the standard's variables are read
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string{value};
  }
  // True only for "true", in any case.
  bool boolean(char const* name) const {
    auto const value = text(name);
    if (!value) return false;
    std::string const known = lower(*value);
    if (known != "true" && known != "false") ignored(name, *value, "neither true nor false");
    return known == "true";
  }
  // The place of the value among the `known` ones, in any case.
  std::optional<std::size_t> choice(char const* name, std::initializer_list<std::string_view> known, char const* what) const {
    auto const value = text(name);
    if (!value) return std::nullopt;
    auto const* const found = std::find(known.begin(), known.end(), lower(std::string{without_blanks(*value)}));
    if (found != known.end()) return static_cast<std::size_t>(found - known.begin());
    ignored(name, *value, what);
    return std::nullopt;
  }
  // "a,B , c": each once, in small letters.
  static std::vector<std::string> names(char const* name) {
    std::vector<std::string> found;
    std::string const value = lower(text(name).value_or(""));
    for_each_member(value, [&](std::string_view member) {
      if (std::find(found.begin(), found.end(), member) == found.end()) found.emplace_back(member);
      return true;
    });
    return found;
  }

  // Digits only.
  std::optional<std::uint64_t> number(char const* name, std::uint64_t least, std::uint64_t greatest, char const* what) const {
    auto const value = text(name);
    if (!value) return std::nullopt;
    auto const number = decimal(*value);
    if (number && *number >= least && *number <= greatest) return number;
    ignored(name, *value, what);
    return std::nullopt;
  }
  std::optional<duration> milliseconds(char const* name) const {
    auto const given = number(name, 0, 1'000'000'000'000, "not a number of milliseconds");
    if (!given) return std::nullopt;
    return duration::of_milliseconds(static_cast<std::int64_t>(*given));
  }
  // The same of a timeout, of which nothing means for ever (OpenTelemetry, "Timeout").
  std::optional<duration> timeout(char const* name) const {
    auto const given = milliseconds(name);
    return given == duration{} ? duration::of_nanoseconds(std::numeric_limits<std::int64_t>::max()) : given;
  }
  // From 0 to 1.
  std::optional<double> ratio(char const* name) const {
    auto const value = text(name);
    if (!value) return std::nullopt;
    auto const parsed = parse_ratio(*value);
    if (!parsed) ignored(name, *value, "not a number from 0 to 1");
    return parsed;
  }
  // "k=v,k2=v2", values percent-decoded; any error discards the whole (OpenTelemetry, "Specifying resource information via an
  // environment variable").
  std::optional<pair_list> pairs(char const* name) const {
    auto const value = text(name);
    if (!value) return std::nullopt;
    auto parsed = parse_pairs(*value);
    if (!parsed) ignored(name, *value, "not a list of key=value,key=value with percent-encoded values");
    return parsed;
  }
  // The same form; what cannot stand in a request's header discards the whole. Their values are secrets, and are not shown.
  std::optional<pair_list> headers(char const* name) const {
    auto const value = text(name);
    if (!value) return std::nullopt;
    auto parsed = parse_pairs(*value);
    if (parsed && std::all_of(parsed->begin(), parsed->end(), [](auto const& one) { return is_header(one.first, one.second); })) return parsed;
    ignored(name, "…", "not a list of key=value,key=value with percent-encoded values that fit into HTTP headers");
    return std::nullopt;
  }
  // RFC 9110, "Field Names" and "Field Values".
  static bool is_header(std::string_view name, std::string_view value) noexcept {
    auto const visible = [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7f); };
    return is_token(name) && std::all_of(value.begin(), value.end(), visible);
  }
  void ignored(char const* name, std::string_view value, char const* why) const { warn(joined({name, "=\"", value, "\" is ignored: ", why})); }
  void warn(std::string const& line) const noexcept { report_.warn(line); }
  messages const& report() const noexcept { return report_; }

  static std::optional<pair_list> parse_pairs(std::string_view list) {
    pair_list parsed;
    bool const good = for_each_member(list, [&](std::string_view member) {
      std::size_t const equals = member.find('=');
      if (equals == std::string_view::npos) return false;
      auto key = percent_decoded(without_blanks(member.substr(0, equals)));
      auto value = percent_decoded(without_blanks(member.substr(equals + 1)));
      if (!key || key->empty() || !value) return false;
      parsed.emplace_back(std::move(*key), std::move(*value));
      return true;
    });
    if (!good) return std::nullopt;
    return parsed;
  }
  // By hand: from_chars of a double is not in every library, and strtod asks the locale. Right to the last bit but one.
  static std::optional<double> parse_ratio(std::string_view text) noexcept {
    int exponent = 0;
    if (std::size_t const e = text.find_first_of("eE"); e != std::string_view::npos) {
      bool const negative = text.substr(e + 1).starts_with('-');
      auto const given = decimal(text.substr(e + (negative ? 2 : 1)));
      if (!given || *given > 400) return std::nullopt;
      exponent = static_cast<int>(*given) * (negative ? -1 : 1);
      text = text.substr(0, e);
    }
    double digits = 0;
    double scale = 1;
    bool any = false;
    bool fraction = false;
    for (char const c : text) {
      if (c == '.' && !fraction) {
        fraction = true;
        continue;
      }
      if (c < '0' || c > '9') return std::nullopt;
      any = true;
      if (digits > 0x1p53 && fraction) continue;  // beyond what a double can hold
      digits = digits * 10 + (c - '0');
      if (fraction) scale *= 10;
    }
    for (; exponent > 0; --exponent) digits *= 10;
    for (; exponent < 0; ++exponent) scale *= 10;
    if (!any || !(digits <= scale)) return std::nullopt;
    return digits / scale;
  }
  static std::string lower(std::string text) {
    for (char& c : text) c = to_lower(c);
    return text;
  }

 private:
  // Of a list by commas: those that are not empty, trimmed. False where `take` is for one.
  template <typename Take>
  static bool for_each_member(std::string_view list, Take&& take) {
    while (!list.empty()) {
      std::string_view const member = without_blanks(take_front(list, ','));
      if (!member.empty() && !take(member)) return false;
    }
    return true;
  }
  static std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] != '%') {
        decoded += text[at];
        continue;
      }
      unsigned byte = 0;
      if (text.size() - at < 3) return std::nullopt;
      auto const [end, error] = std::from_chars(text.data() + at + 1, text.data() + at + 3, byte, 16);
      if (error != std::errc{} || end != text.data() + at + 3) return std::nullopt;
      decoded += static_cast<char>(byte);
      at += 2;
    }
    if (!is_utf8(decoded)) return std::nullopt;
    return decoded;
  }

  messages report_;
};

}  // namespace nanospan::inline v0::detail
