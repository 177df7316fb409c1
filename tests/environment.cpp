// SPDX-License-Identifier: Apache-2.0

#include <nanospan/environment.hpp>

#include "catch.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>

using nanospan::detail::environment;
using nanospan::detail::pair_list;

namespace {

constexpr char const* name = "OTEL_NANOSPAN_TEST";

// The variable, for a scope.
struct variable {
  explicit variable(char const* value) { ::setenv(name, value, 1); }
  ~variable() { ::unsetenv(name); }
  variable(variable const&) = delete;
  variable& operator=(variable const&) = delete;
};

std::vector<std::string> reported;
void report(std::string_view line) noexcept { reported.emplace_back(line); }
environment reporting() {
  reported.clear();
  return environment{report};
}
// One line that names the variable and the value.
bool reported_once(std::string const& value) {
  return reported.size() == 1 && reported[0].starts_with(std::string{name} + "=\"" + value + "\" is ignored");
}

}  // namespace

TEST_CASE("a variable that is empty counts as unset") {
  environment const env = reporting();
  ::unsetenv(name);
  for (int round = 0; round < 2; ++round) {
    CHECK(environment::names(name).empty());
    CHECK_FALSE(env.choice(name, {""}, ""));
    CHECK_FALSE(env.number(name, 0, 9, ""));
    CHECK_FALSE(env.ratio(name));
    CHECK_FALSE(env.headers(name));
    CHECK_FALSE(environment::text(name));
    CHECK_FALSE(env.boolean(name));
    CHECK_FALSE(env.milliseconds(name));
    CHECK_FALSE(env.pairs(name));
    ::setenv(name, "", 1);
  }
  ::unsetenv(name);
  CHECK(reported.empty());
}

TEST_CASE("text is taken as it is") {
  variable const set{" a = b , % "};
  CHECK(environment::text(name) == " a = b , % ");
}

TEST_CASE("a boolean is true for true in any case, and for nothing else") {
  environment const env = reporting();
  for (char const* value : {"true", "TRUE", "True", "tRuE"}) {
    variable const set{value};
    CHECK(env.boolean(name));
  }
  for (char const* value : {"false", "FALSE", "False"}) {
    variable const set{value};
    CHECK_FALSE(env.boolean(name));
  }
  CHECK(reported.empty());
  for (char const* value : {"1", "yes", "on", "t", "true ", " true", "truetrue", "0", "f"}) {
    CAPTURE(value);
    reported.clear();
    variable const set{value};
    CHECK_FALSE(env.boolean(name));
    CHECK(reported_once(value));
  }
}

TEST_CASE("a choice is one of those that are known, in any case and with spaces around it") {
  environment const env = reporting();
  for (auto const& [value, place] : {std::pair{"gzip", 0u}, {"GZip", 0u}, {" none\t", 1u}}) {
    variable const set{value};
    CHECK(env.choice(name, {"gzip", "none"}, "why") == place);
  }
  CHECK(reported.empty());
  for (char const* value : {"gz", "gzip,none", "nonee", " ", "deflate"}) {
    CAPTURE(value);
    reported.clear();
    variable const set{value};
    CHECK_FALSE(env.choice(name, {"gzip", "none"}, "why"));
    CHECK(reported_once(value));
    CHECK(reported.at(0).ends_with(": why"));
  }
}

TEST_CASE("names are a list by commas, trimmed, each once, in small letters") {
  using list = std::vector<std::string>;
  for (auto const& [value, names] : {std::pair{"b3", list{"b3"}}, {" B3 ,b3,baggage\t,, ,Baggage,b3", list{"b3", "baggage"}}, {",", list{}}, {" a b ", list{"a b"}}}) {
    variable const set{value};
    CHECK(environment::names(name) == names);
  }
  ::unsetenv(name);
  CHECK(environment::names(name).empty());
}

TEST_CASE("a number has digits only, and lies between its bounds") {
  environment const env = reporting();
  for (auto const& [value, number] : {std::pair{"7", 7u}, {"007", 7u}, {"9", 9u}}) {
    variable const set{value};
    CHECK(env.number(name, 7, 9, "why") == number);
  }
  CHECK(reported.empty());
  for (char const* value : {"6", "10", "-7", "+7", "7.0", " 7", "7 ", "0x7", "7e0", "seven", "18446744073709551623"}) {
    CAPTURE(value);
    reported.clear();
    variable const set{value};
    CHECK_FALSE(env.number(name, 7, 9, "why"));
    CHECK(reported_once(value));
  }
}

TEST_CASE("a timeout of nothing is for ever") {
  environment const env = reporting();
  {
    variable const set{"0"};
    CHECK(env.timeout(name) == nanospan::duration::of_nanoseconds((std::numeric_limits<std::int64_t>::max)()));
  }
  variable const set{"1500"};
  CHECK(env.timeout(name) == nanospan::duration::of_milliseconds(1'500));
  CHECK(reported.empty());
}

TEST_CASE("a ratio is a decimal number from 0 to 1, whatever the locale") {
  environment const env = reporting();
  for (auto const& [value, ratio] : {std::pair{"0", 0.0}, {"1", 1.0}, {"1.0", 1.0}, {"0.25", 0.25}, {".5", 0.5}, {"0.1", 0.1}, {"1.", 1.0}, {"0.000", 0.0}, {"1e-3", 0.001}, {"25E-2", 0.25},
                                     {"0.1e1", 1.0}, {"1e-400", 0.0}, {"0.333333333333333333333333333", 1.0 / 3}, {"00.5", 0.5}}) {
    CAPTURE(value);
    variable const set{value};
    auto const read = env.ratio(name);
    REQUIRE(read);
    CHECK(std::abs(*read - ratio) <= ratio * 1e-15);
  }
  CHECK(reported.empty());
  for (char const* value : {"1.0000001", "2", "-0.5", "-0", "+0.5", "0,5", "half", ".", "1e1", "1e-", "e-1", "1e-1x", "1e+0", "1e-401", "1e-99999999999", "0.5.0", "nan", "inf", "0x1p-1", " 0.5", "0.5 ", "50%",
                            "99999999999999999999999999999999999999999999999999999999999999999999999999999999999"}) {
    CAPTURE(value);
    reported.clear();
    variable const set{value};
    CHECK_FALSE(env.ratio(name));
    CHECK(reported_once(value));
  }
}

TEST_CASE("headers that do not fit into HTTP are reported, and their values are not shown") {
  environment const env = reporting();
  {
    variable const set{"Authorization=Bearer%20a,x-b=c%3Dd"};
    CHECK(env.headers(name) == pair_list{{"Authorization", "Bearer a"}, {"x-b", "c=d"}});
  }
  CHECK(reported.empty());
  for (char const* value : {"secret", "x=secret%0d%0aHost:y", "a b=secret", "x=secret%00", "x=secret%7f", "x%0a=secret", "x:y=secret", "\xc3\xa9=secret"}) {
    CAPTURE(value);
    reported.clear();
    variable const set{value};
    CHECK_FALSE(env.headers(name));
    CHECK(reported_once("\xe2\x80\xa6"));
    CHECK(reported.at(0).find("secret") == std::string::npos);
  }
}

TEST_CASE("milliseconds are a number that is not negative") {
  environment const env = reporting();
  for (auto const& [value, milliseconds] :
       {std::pair{"0", 0LL}, {"1", 1LL}, {"010", 10LL}, {"10000", 10'000LL}, {"1000000000000", 1'000'000'000'000LL}}) {
    variable const set{value};
    auto const read = env.milliseconds(name);
    REQUIRE(read);
    CHECK(read->nanoseconds() == milliseconds * 1'000'000);
  }
  CHECK(reported.empty());
}

TEST_CASE("a bad number of milliseconds is reported by its name and ignored") {
  for (char const* value : {"-1", "+1", "10s", "ten", "1.5", " 1", "1 ", "0x10", "1e3", "1000000000001", "9223372036854775808",
                            "99999999999999999999"}) {
    CAPTURE(value);
    environment const env = reporting();
    variable const set{value};
    CHECK_FALSE(env.milliseconds(name));
    CHECK(reported_once(value));
  }
}

TEST_CASE("pairs are keys and values in their order, with spaces around them ignored") {
  CHECK(environment::parse_pairs("a=1,b=2") == pair_list{{"a", "1"}, {"b", "2"}});
  CHECK(environment::parse_pairs(" a = 1\t,\t b=2 3 ") == pair_list{{"a", "1"}, {"b", "2 3"}});
  CHECK(environment::parse_pairs("b=2,a=1,b=3") == pair_list{{"b", "2"}, {"a", "1"}, {"b", "3"}});
}

TEST_CASE("a value may be empty and may hold an equals sign, a key may not be empty") {
  CHECK(environment::parse_pairs("a=,b==,c=d=e") == pair_list{{"a", ""}, {"b", "="}, {"c", "d=e"}});
  CHECK_FALSE(environment::parse_pairs("=1"));
  CHECK_FALSE(environment::parse_pairs(" =1"));
}

TEST_CASE("empty members are passed over") {
  CHECK(environment::parse_pairs("") == pair_list{});
  CHECK(environment::parse_pairs(" , ,") == pair_list{});
  CHECK(environment::parse_pairs(",a=1,,b=2,") == pair_list{{"a", "1"}, {"b", "2"}});
}

TEST_CASE("keys and values are percent-decoded, and a plus is a plus") {
  CHECK(environment::parse_pairs("a%20b=c%2Cd%3d%25") == pair_list{{"a b", "c,d=%"}});
  CHECK(environment::parse_pairs("a=1+1") == pair_list{{"a", "1+1"}});
  CHECK(environment::parse_pairs("a=%E2%82%AC") == pair_list{{"a", "\xe2\x82\xac"}});
  CHECK(environment::parse_pairs("a=%20b%20") == pair_list{{"a", " b "}});  // trimmed before it is decoded
}

TEST_CASE("any error discards all") {
  for (char const* value : {"a=1,b", "b,a=1", "a=1,=2", "a=%", "a=1,b=%2", "a=%zz", "a=%2", "a=% 1", "a=%-1", "a=%+1", "a=%0x",
                            "a=1,b=%ff", "%e2=1", "a=\xff"}) {
    CAPTURE(value);
    CHECK_FALSE(environment::parse_pairs(value));
    environment const env = reporting();
    variable const set{value};
    CHECK_FALSE(env.pairs(name));
    CHECK(reported_once(value));
  }
}

TEST_CASE("a good list of pairs is not reported") {
  environment const env = reporting();
  variable const set{"api-key=secret%3D,x=y"};
  CHECK(env.pairs(name) == pair_list{{"api-key", "secret="}, {"x", "y"}});
  CHECK(reported.empty());
}

TEST_CASE("only ASCII letters have another case") { CHECK(environment::lower("OTLP_\xc3\x89@[`{Z") == "otlp_\xc3\x89@[`{z"); }
