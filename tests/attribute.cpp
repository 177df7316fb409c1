// SPDX-License-Identifier: Apache-2.0

#include <nanospan/attribute.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

using nanospan::attribute_list;
using nanospan::attribute_value;
using nanospan::copied;
using support::recorded;

namespace {

// What an exporter sees of one value.
template <typename Value>
attribute_value exported(Value const& value) {
  recorded all;
  nanospan::span{"span"}.set({"key", value});
  auto const span = all.span();
  REQUIRE(span.attributes.size() == 1);
  CHECK(span.attributes[0].first == "key");
  CHECK(span.dropped_attributes_count == 0);
  return span.attributes[0].second;
}
// For many values with one provider.
class exported_each {
 public:
  template <typename Value>
  attribute_value operator()(Value const& value) {
    all_.clear();
    nanospan::span{"span"}.set({"key", value});
    auto const span = all_.span();
    REQUIRE(span.attributes.size() == 1);
    return span.attributes[0].second;
  }

 private:
  recorded all_;
};

attribute_value integer(std::int64_t value) { return value; }
attribute_value text(std::string value) { return value; }
double floating(attribute_value const& value) {
  REQUIRE(std::holds_alternative<double>(value));
  return std::get<double>(value);
}

template <typename Number>
using limits = std::numeric_limits<Number>;

// Calls `check` with a zero of each type.
template <typename... Type, typename Check>
void with_each(Check check) {
  (check(Type{}), ...);
}

}  // namespace

TEST_CASE("a bool is a bool") {
  exported_each exported;
  CHECK(exported(true) == attribute_value{true});
  CHECK(exported(false) == attribute_value{false});
}

TEST_CASE("a signed integer keeps its least and its greatest value") {
  with_each<signed char, short, int, long, long long, std::int8_t, std::int64_t>([](auto type) {
    using integer_type = decltype(type);
    exported_each exported;
    CHECK(exported(limits<integer_type>::min()) == integer(limits<integer_type>::min()));
    CHECK(exported(limits<integer_type>::max()) == integer(limits<integer_type>::max()));
    CHECK(exported(static_cast<integer_type>(-1)) == integer(-1));
    CHECK(exported(type) == integer(0));
  });
}

TEST_CASE("an unsigned integer that is narrower than 64 bits keeps its greatest value") {
  with_each<unsigned char, unsigned short, unsigned, std::uint8_t, std::uint32_t, char8_t, char16_t, char32_t>([](auto type) {
    exported_each exported;
    CHECK(exported(limits<decltype(type)>::max()) == integer(limits<decltype(type)>::max()));
    CHECK(exported(type) == integer(0));
  });
}

TEST_CASE("an unsigned value above 2^63-1 is a decimal string, and one up to it an integer") {
  with_each<unsigned long, unsigned long long, std::uint64_t, std::size_t>([](auto type) {
    using integer_type = decltype(type);
    exported_each exported;
    CHECK(exported(type) == integer(0));
    CHECK(exported(integer_type{0x7fff'ffff'ffff'ffffu}) == integer(limits<std::int64_t>::max()));
    CHECK(exported(integer_type{0x8000'0000'0000'0000u}) == text("9223372036854775808"));
    CHECK(exported(integer_type{0xffff'ffff'ffff'ffffu}) == text("18446744073709551615"));
  });
}

TEST_CASE("a character is its number") {
  exported_each exported;
  CHECK(exported('x') == integer('x'));
  CHECK(exported(limits<char>::max()) == integer(limits<char>::max()));
  CHECK(exported(limits<char>::min()) == integer(limits<char>::min()));
  CHECK(exported(L'w') == integer('w'));
  CHECK(exported(u8'8') == integer('8'));
}

TEST_CASE("an enumerator of a plain enum is said by its number") {
  enum plain : int { three = 3 };
  CHECK(exported(static_cast<int>(three)) == integer(3));
}

TEST_CASE("a float and a double keep their value") {
  exported_each exported;
  CHECK(exported(1.5f) == attribute_value{1.5});
  CHECK(exported(0.1f) == attribute_value{static_cast<double>(0.1f)});
  CHECK(exported(0.1) == attribute_value{0.1});
  CHECK(exported(limits<double>::max()) == attribute_value{limits<double>::max()});
  CHECK(exported(limits<double>::denorm_min()) == attribute_value{limits<double>::denorm_min()});
  CHECK(exported(2.5L) == attribute_value{2.5});
  CHECK(exported(0.0) == attribute_value{0.0});
  CHECK(std::signbit(floating(exported(-0.0))));
}

TEST_CASE("infinity and NaN are exported as what they are") {
  exported_each exported;
  CHECK(exported(limits<double>::infinity()) == attribute_value{limits<double>::infinity()});
  CHECK(exported(-limits<double>::infinity()) == attribute_value{-limits<double>::infinity()});
  CHECK(exported(limits<float>::infinity()) == attribute_value{limits<double>::infinity()});
  CHECK(std::isnan(floating(exported(limits<double>::quiet_NaN()))));
  CHECK(std::isnan(floating(exported(limits<float>::quiet_NaN()))));
}

TEST_CASE("every kind of text is a string") {
  exported_each exported;
  char array[] = "array";
  char* const pointer_to_mutable = array;
  char const* const pointer = "pointer";
  CHECK(exported(std::string_view{"view"}) == text("view"));
  CHECK(exported(pointer) == text("pointer"));
  CHECK(exported(array) == text("array"));
  CHECK(exported(pointer_to_mutable) == text("array"));
  CHECK(exported(std::string{"string"}) == text("string"));
  CHECK(exported("literal") == text("literal"));
  CHECK(exported(nanospan::span_id{}.hex()) == text("0000000000000000"));
}

TEST_CASE("a pointer to text never becomes true") {
  char const* const pointer = "pointer";
  CHECK(std::holds_alternative<std::string>(exported(pointer)));
}

TEST_CASE("a null pointer to text is empty text") {
  exported_each exported;
  char const* const nothing = nullptr;
  char* const mutable_nothing = nullptr;
  CHECK(exported(nothing) == text(""));
  CHECK(exported(mutable_nothing) == text(""));
}

TEST_CASE("empty text is a value") {
  exported_each exported;
  CHECK(exported("") == text(""));
  CHECK(exported(std::string{}) == text(""));
  CHECK(exported(std::string_view{}) == text(""));
}

TEST_CASE("text may hold NUL characters") {
  exported_each exported;
  using namespace std::string_view_literals;
  CHECK(exported("a\0b"sv) == text(std::string{"a\0b"sv}));
  CHECK(exported(std::string{"\0"sv}) == text(std::string{"\0"sv}));
  CHECK(exported("\0and more than sixteen bytes\0"sv) == text(std::string{"\0and more than sixteen bytes\0"sv}));
}

TEST_CASE("text of any length arrives whole") {
  exported_each exported;
  std::string letters;
  for (char c = 'a'; letters.size() < 300; c = c == 'z' ? 'a' : static_cast<char>(c + 1)) letters += c;
  for (std::size_t size = 0; size <= letters.size(); ++size) {
    CAPTURE(size);
    CHECK(exported(letters.substr(0, size)) == text(letters.substr(0, size)));
  }
}

TEST_CASE("text is copied when it is said") {
  recorded all;
  {
    nanospan::span span{"span"};
    std::string text = "short";
    std::string longer(100, 'x');
    span.set({"short", text}, {"long", longer}, {"temporary", std::string(40, 't')});
    text.assign(text.size(), '?');
    longer.assign(longer.size(), '?');
  }
  CHECK(all.span().attributes ==
        attribute_list{{"short", "short"}, {"long", std::string(100, 'x')}, {"temporary", std::string(40, 't')}});
}

TEST_CASE("attributes arrive in the order in which they were said, twelve of them in one call") {
  recorded all;
  {
    nanospan::span span{"span"};
    span.set({"1", 1}, {"2", 2}, {"3", 3}, {"4", 4}, {"5", 5}, {"6", 6}, {"7", 7}, {"8", 8}, {"9", 9}, {"10", 10}, {"11", 11},
             {"12", 12});
  }
  CHECK(all.span().attributes == attribute_list{{"1", 1},
                                                {"2", 2},
                                                {"3", 3},
                                                {"4", 4},
                                                {"5", 5},
                                                {"6", 6},
                                                {"7", 7},
                                                {"8", 8},
                                                {"9", 9},
                                                {"10", 10},
                                                {"11", 11},
                                                {"12", 12}});
}

TEST_CASE("a call with any number of attributes up to twelve sets each of them") {
  recorded all;
  auto const count = [&](auto set) {
    all.clear();
    {
      nanospan::span span{"span"};
      set(span);
    }
    auto const span = all.span();
    for (std::size_t at = 0; at < span.attributes.size(); ++at)
      CHECK(span.attributes[at].second == integer(static_cast<std::int64_t>(at)));
    return span.attributes.size();
  };
  CHECK(count([](auto& s) { s.set({"a", 0}); }) == 1);
  CHECK(count([](auto& s) { s.set({"a", 0}, {"b", 1}); }) == 2);
  CHECK(count([](auto& s) { s.set({"a", 0}, {"b", 1}, {"c", 2}); }) == 3);
  CHECK(count([](auto& s) { s.set({"a", 0}, {"b", 1}, {"c", 2}, {"d", 3}); }) == 4);
  CHECK(count([](auto& s) { s.set({"a", 0}, {"b", 1}, {"c", 2}, {"d", 3}, {"e", 4}); }) == 5);
  CHECK(count([](auto& s) { s.set({"a", 0}, {"b", 1}, {"c", 2}, {"d", 3}, {"e", 4}, {"f", 5}); }) == 6);
  CHECK(count([](auto& s) { s.set({"a", 0}, {"b", 1}, {"c", 2}, {"d", 3}, {"e", 4}, {"f", 5}, {"g", 6}); }) == 7);
  CHECK(count([](auto& s) { s.set({"a", 0}, {"b", 1}, {"c", 2}, {"d", 3}, {"e", 4}, {"f", 5}, {"g", 6}, {"h", 7}); }) == 8);
  CHECK(count([](auto& s) {
          s.set({"a", 0}, {"b", 1}, {"c", 2}, {"d", 3}, {"e", 4}, {"f", 5}, {"g", 6}, {"h", 7}, {"i", 8});
        }) == 9);
  CHECK(count([](auto& s) {
          s.set({"a", 0}, {"b", 1}, {"c", 2}, {"d", 3}, {"e", 4}, {"f", 5}, {"g", 6}, {"h", 7}, {"i", 8}, {"j", 9});
        }) == 10);
  CHECK(count([](auto& s) {
          s.set({"a", 0}, {"b", 1}, {"c", 2}, {"d", 3}, {"e", 4}, {"f", 5}, {"g", 6}, {"h", 7}, {"i", 8}, {"j", 9}, {"k", 10});
        }) == 11);
}

TEST_CASE("of a key that is said again the last value stays, where the first one stood") {
  recorded all;
  {
    nanospan::span span{"span"};
    span.set({"a", 1}, {"b", 2}, {"a", "again"});
    span.set({"b", 2.5}).set({"c", true}, {"a", false});
  }
  CHECK(all.span().attributes == attribute_list{{"a", false}, {"b", 2.5}, {"c", true}});
  CHECK(all.span().dropped_attributes_count == 0);
}

TEST_CASE("keys are the same when their characters are, literal or copied") {
  recorded all;
  std::string const key = "key";
  {
    nanospan::span span{"span"};
    span.set({"key", 1}, {copied{key}, 2});
    span.set({copied{std::string{"other"}}, 1}, {"other", 2}, {copied{std::string{"other"}}, 3});
    span.set({"ke", 1}, {copied{"keys"}, 1});
  }
  CHECK(all.span().attributes == attribute_list{{"key", 2}, {"other", 3}, {"ke", 1}, {"keys", 1}});
}

TEST_CASE("a copied key is copied, beside a value of any kind") {
  recorded all;
  {
    nanospan::span span{"span"};
    for (std::string key : {"k", "eight by", "nine byte", "much longer than a word of the machine"}) {
      span.set({copied{key + ".bool"}, true}, {copied{key + ".integer"}, -1}, {copied{key + ".unsigned"}, ~std::uint64_t{0}});
      span.set({copied{key + ".double"}, 2.5}, {copied{key + ".text"}, "text"}, {copied{key + ".empty"}, ""});
      key.assign(key.size(), '?');
    }
  }
  attribute_list expected;
  for (std::string const key : {"k", "eight by", "nine byte", "much longer than a word of the machine"}) {
    expected.emplace_back(key + ".bool", true);
    expected.emplace_back(key + ".integer", std::int64_t{-1});
    expected.emplace_back(key + ".unsigned", "18446744073709551615");
    expected.emplace_back(key + ".double", 2.5);
    expected.emplace_back(key + ".text", "text");
    expected.emplace_back(key + ".empty", "");
  }
  CHECK(all.span().attributes == expected);
}

TEST_CASE("a copied key may be empty") {
  recorded all;
  nanospan::span{"span"}.set({copied{std::string_view{}}, 1});
  CHECK(all.span().attributes == attribute_list{{"", 1}});
}

TEST_CASE("a copied key is cut at 65,535 bytes") {
  recorded all;
  std::string const key(65'536, 'k');
  nanospan::span{"span"}.set({copied{key}, 1});
  CHECK(all.span().attributes == attribute_list{{std::string(65'535, 'k'), 1}});
}

TEST_CASE("a span holds 128 attributes, and counts those that come after") {
  recorded all;
  {
    nanospan::span span{"span"};
    for (int i = 0; i < 131; ++i) span.set({copied{"key" + std::to_string(i)}, i});
  }
  auto const span = all.span();
  REQUIRE(span.attributes.size() == 128);
  for (std::size_t at = 0; at < 128; ++at) CHECK(span.attributes[at].second == integer(static_cast<std::int64_t>(at)));
  CHECK(span.dropped_attributes_count == 3);
}

TEST_CASE("a key said again is no drop, at 128 attributes neither") {
  recorded all;
  {
    nanospan::span span{"span"};
    for (int i = 0; i < 128; ++i) span.set({copied{"key" + std::to_string(i)}, i});
    for (int i = 0; i < 128; ++i) span.set({copied{"key" + std::to_string(i)}, -i});
  }
  auto const span = all.span();
  REQUIRE(span.attributes.size() == 128);
  for (std::size_t at = 0; at < 128; ++at) CHECK(span.attributes[at].second == integer(-static_cast<std::int64_t>(at)));
  CHECK(span.dropped_attributes_count == 0);
}

TEST_CASE("a literal knows its length") {
  constexpr nanospan::literal name{"name"};
  STATIC_REQUIRE(name.size() == 4);
  STATIC_REQUIRE(nanospan::literal{""}.size() == 0);
  CHECK(std::string_view{name.data(), name.size()} == "name");
}
