// SPDX-License-Identifier: Apache-2.0

#include <nanospan/detail/http_date.hpp>

#include "catch.hpp"

#include <chrono>
#include <clocale>
#include <ctime>
#include <string>

using nanospan::duration;
using nanospan::detail::http_date;
using nanospan::detail::retry_after;
using namespace std::chrono_literals;

namespace {

std::string text_of(std::time_t when, char const* form) {
  std::tm parts{};
  ::gmtime_r(&when, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, form, &parts)};
}

}  // namespace

TEST_CASE("a date is the same in each of HTTP's three forms") {
  for (char const* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
    CAPTURE(text);
    CHECK(http_date(text, 1994) == 784'111'777);
  }
}

TEST_CASE("a leap second is the next minute's first") {
  CHECK(http_date("Sat, 31 Dec 2016 23:59:60 GMT", 2016) == 1'483'228'800);
  CHECK_FALSE(http_date("Sat, 31 Dec 2016 23:59:61 GMT", 2016));
}

TEST_CASE("every day of a hundred years is read as the system writes it") {
  int wrong = 0;
  for (std::time_t when = 0; when < std::time_t{100} * 365 * 86'400; when += 86'400 + 3'661) {
    std::tm parts{};
    ::gmtime_r(&when, &parts);
    int const year = parts.tm_year + 1900;
    for (char const* form : {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) wrong += http_date(text_of(when, form), year) == when ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a year of two digits is never more than fifty years ahead") {
  CHECK(http_date("Sunday, 06-Nov-94 08:49:37 GMT", 2026) == 784'111'777);
  CHECK(http_date("Friday, 06-Nov-26 00:00:00 GMT", 2026) == 1'793'923'200);
  CHECK(http_date("Friday, 06-Nov-76 00:00:00 GMT", 2026) == http_date("Fri, 06 Nov 2076 00:00:00 GMT", 2026));
  CHECK(http_date("Friday, 06-Nov-77 00:00:00 GMT", 2026) == http_date("Fri, 06 Nov 1977 00:00:00 GMT", 2026));
  CHECK(http_date("Friday, 06-Nov-05 00:00:00 GMT", 2099) == http_date("Fri, 06 Nov 2105 00:00:00 GMT", 2099));
}

TEST_CASE("what is no date is none") {
  for (char const* text : {"", "soon", "Sun, ", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 06 anF 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994 -8:49:37 GMT", "Sun, 06 Nov -994 08:49:37 GMT",
                           "Sun, 06-Nov 94 08:49:37 GMT", "Sun, 06 Nov-1994 08:49:37 GMT", "Sun, 06-Nov-1994 08:49:37 GMT", "Sun Nov 06 08:49:37 199", "Sun Nov 06 08:49:37 1994 GMT", ", 06 Nov 1994 08:49:37 GMT"}) {
    CAPTURE(text);
    CHECK_FALSE(http_date(text, 1994));
  }
}

TEST_CASE("when to come again is seconds or a date, from now to a day ahead") {
  std::int64_t const now = 784'111'777;
  CHECK(retry_after("7", now) == duration{7s});
  CHECK(retry_after("0", now) == duration{});
  CHECK(retry_after("-5", now) == duration{});
  CHECK(retry_after("86401", now) == duration{24h});
  CHECK(retry_after("Sun, 06 Nov 1994 08:49:40 GMT", now) == duration{3s});
  CHECK(retry_after("Sun, 06 Nov 1994 08:49:30 GMT", now) == duration{});
  CHECK(retry_after("Sun, 06 Nov 2094 08:49:30 GMT", now) == duration{24h});
  for (char const* text : {"", "soon", "7 seconds", "7.5", "99999999999999999999"}) CHECK_FALSE(retry_after(text, now));
}

TEST_CASE("a date is read in whatever language the program speaks") {
  std::string const before = std::setlocale(LC_ALL, nullptr);
  for (char const* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "C"})
    if (std::setlocale(LC_ALL, name) != nullptr) CHECK(http_date("Sun, 06 May 2001 08:49:37 GMT", 2001) == 989'138'977);
  std::setlocale(LC_ALL, before.c_str());
}
