// SPDX-License-Identifier: Apache-2.0
#pragma once

// When to come again (RFC 9110, "Retry-After", "HTTP-date"). By hand: strptime asks the locale for the names of months. Any thread.

#include <nanospan/detail/decimal.hpp>
#include <nanospan/options.hpp>

#include <algorithm>
#include <optional>
#include <string_view>

namespace nanospan::inline v0::detail {

// Unix seconds of an HTTP-date, in any of its three forms; the names of days are passed over.
//   Sun, 06 Nov 1994 08:49:37 GMT    Sunday, 06-Nov-94 08:49:37 GMT    Sun Nov  6 08:49:37 1994
inline std::optional<std::int64_t> http_date(std::string_view text, int this_year) noexcept {
  auto const skip = [&](std::string_view what) {
    bool const is_there = text.starts_with(what);
    if (is_there) text.remove_prefix(what.size());
    return is_there;
  };
  // Of exactly so many digits, the first of which may be a blank; -1 where there are none.
  auto const number = [&](std::size_t digits) {
    if (text.size() < digits) return -1;
    std::size_t const blank = digits == 2 && text.front() == ' ' ? 1 : 0;
    auto const value = decimal(text.substr(blank, digits - blank));
    if (!value) return -1;
    text.remove_prefix(digits);
    return static_cast<int>(*value);
  };
  auto const month = [&] {
    constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";
    std::size_t const at = text.size() < 3 ? std::string_view::npos : names.find(text.substr(0, 3));
    if (at == std::string_view::npos || at % 3 != 0) return 0;
    text.remove_prefix(3);
    return static_cast<int>(at / 3) + 1;
  };
  int hour = -1;
  int minute = -1;
  int second = -1;
  auto const time = [&] {
    hour = number(2);
    if (!skip(":")) return false;
    minute = number(2);
    if (!skip(":")) return false;
    second = number(2);
    return hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60;
  };

  std::size_t const name = text.find_first_of(", ");
  if (name == std::string_view::npos || name < 3) return std::nullopt;
  text.remove_prefix(name);
  int day = -1;
  int in_month = 0;
  int year = -1;
  bool good = false;
  if (skip(", ")) {
    day = number(2);
    bool const short_year = skip("-");
    good = short_year || skip(" ");
    in_month = month();
    good = good && skip(short_year ? "-" : " ");
    year = number(short_year ? 2 : 4);
    // Of two digits: the last one that is not more than 50 years in the future.
    if (short_year && year >= 0)
      for (year += this_year / 100 * 100 + 100; year > this_year + 50;) year -= 100;
    good = good && skip(" ") && time() && skip(" GMT");
  } else if (skip(" ")) {
    in_month = month();
    good = skip(" ");
    day = number(2);
    good = good && skip(" ") && time() && skip(" ");
    year = number(4);
  }
  if (!good || !text.empty() || in_month == 0 || day < 1 || day > 31 || year < 0) return std::nullopt;
  // Days since 1970 of a year that begins in March, so that the leap day is its last.
  std::int64_t const y = in_month <= 2 ? year - 1 : year;
  std::int64_t const days_before_month = (153 * (in_month + (in_month > 2 ? -3 : 9)) + 2) / 5;
  std::int64_t const days = y * 365 + y / 4 - y / 100 + y / 400 + days_before_month + day - 1 - 719'468;
  return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

// Seconds or an HTTP-date, at most a day from now; nothing where it is neither.
inline std::optional<duration> retry_after(std::string_view text, std::int64_t now_unix_seconds) noexcept {
  constexpr std::int64_t day = 86'400;
  std::int64_t seconds = 0;
  bool const negative = text.starts_with('-');
  if (auto const given = decimal(text.substr(negative ? 1 : 0))) {
    seconds = negative ? 0 : static_cast<std::int64_t>(std::min<std::uint64_t>(*given, day));
  } else {
    auto const date = http_date(text, static_cast<int>(1970 + now_unix_seconds / 31'556'952));
    if (!date) return std::nullopt;
    seconds = *date - now_unix_seconds;
  }
  return duration::of_milliseconds((seconds < 0 ? 0 : seconds < day ? seconds : day) * 1'000);
}

}  // namespace nanospan::inline v0::detail
