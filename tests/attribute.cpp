// SPDX-License-Identifier: Apache-2.0

#include <nanospan/attribute.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
attribute_value integers(std::vector<std::int64_t> values) { return values; }
attribute_value texts(std::vector<std::string> values) { return values; }
attribute_value bytes(std::string_view of) {
  auto const* const first = reinterpret_cast<std::byte const*>(of.data());
  return std::vector<std::byte>(first, first + of.size());
}
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

TEST_CASE("an array of bools is an array of bools") {
  exported_each exported;
  CHECK(exported(std::array{true, false, true}) == attribute_value{std::vector<bool>{true, false, true}});
  CHECK(exported(std::initializer_list<bool>{false}) == attribute_value{std::vector<bool>{false}});
}

TEST_CASE("an array of integers of any width keeps their least and their greatest value") {
  with_each<signed char, short, int, long, long long, std::int8_t, std::int64_t, unsigned short, unsigned, char16_t, char32_t, wchar_t>([](auto type) {
    using integer_type = decltype(type);
    exported_each exported;
    integer_type const least = limits<integer_type>::min(), greatest = limits<integer_type>::max();
    CHECK(exported(std::vector{least, integer_type{1}, greatest}) == integers({static_cast<std::int64_t>(least), 1, static_cast<std::int64_t>(greatest)}));
    CHECK(exported(std::vector{static_cast<integer_type>(-1)}) == integers({static_cast<std::int64_t>(static_cast<integer_type>(-1))}));
  });
  CHECK(exported(std::vector{char8_t{0}, char8_t{0xff}}) == integers({0, 0xff}));
}

TEST_CASE("in an array, too, an unsigned value above 2^63-1 is a decimal string") {
  with_each<unsigned long, unsigned long long, std::uint64_t, std::size_t>([](auto type) {
    using integer_type = decltype(type);
    exported_each exported;
    CHECK(exported(std::vector<integer_type>{0, 0x7fff'ffff'ffff'ffffu}) == integers({0, limits<std::int64_t>::max()}));
    // Read as of the first one's type.
    CHECK(exported(std::vector<integer_type>{0x8000'0000'0000'0000u, 0xffff'ffff'ffff'ffffu}) == texts({"9223372036854775808", "18446744073709551615"}));
  });
}

TEST_CASE("an array of floats or doubles keeps their values") {
  exported_each exported;
  CHECK(exported(std::vector{1.5f, 0.1f}) == attribute_value{std::vector{1.5, static_cast<double>(0.1f)}});
  CHECK(exported(std::vector{limits<double>::max(), limits<double>::denorm_min(), -limits<double>::infinity()}) ==
        attribute_value{std::vector{limits<double>::max(), limits<double>::denorm_min(), -limits<double>::infinity()}});
  CHECK(exported(std::array{limits<float>::infinity()}) == attribute_value{std::vector{limits<double>::infinity()}});
}

TEST_CASE("an array of any kind of text is an array of strings") {
  using namespace std::string_view_literals;
  exported_each exported;
  std::string const long_text(1'000, 'l');
  CHECK(exported(std::vector<std::string>{"short", long_text, ""}) == texts({"short", long_text, ""}));
  CHECK(exported(std::vector<std::string_view>{"a\0b"sv, {}, "eight by"}) == texts({std::string{"a\0b"sv}, "", "eight by"}));
  char mutable_text[] = "mutable";
  CHECK(exported(std::array<char const*, 3>{"one", nullptr, ""}) == texts({"one", "", ""}));
  CHECK(exported(std::array<char*, 2>{mutable_text, nullptr}) == texts({"mutable", ""}));
  for (std::size_t size = 0; size < 40; ++size) {
    CAPTURE(size);
    CHECK(exported(std::vector{std::string(size, 'x'), std::string{"after"}}) == texts({std::string(size, 'x'), "after"}));
  }
}

TEST_CASE("an empty array is one, of texts for want of another type") {
  exported_each exported;
  CHECK(exported(std::vector<int>{}) == texts({}));
  CHECK(exported(std::array<bool, 0>{}) == texts({}));
  CHECK(exported(std::vector<std::string>{}) == texts({}));
  CHECK(exported(std::vector<std::byte>{}) == bytes(""));
  CHECK(exported(std::span<char const>{}) == bytes(""));
}

TEST_CASE("whatever has data and a size is an array") {
  exported_each exported;
  int const array[] = {1, 2, 3};
  std::array const standard{4u, 5u};
  std::vector<short> const vector{6, 7};
  std::string const strings[] = {"a", "b"};
  CHECK(exported(array) == integers({1, 2, 3}));
  CHECK(exported(standard) == integers({4, 5}));
  CHECK(exported(vector) == integers({6, 7}));
  CHECK(exported(std::span{array}.subspan(1)) == integers({2, 3}));
  CHECK(exported(std::span<short const>{vector}) == integers({6, 7}));
  CHECK(exported(strings) == texts({"a", "b"}));
}

TEST_CASE("an array is said in braces, with a literal or a copied key") {
  recorded all;
  std::string const one = "one", key = "made at run time";
  nanospan::span{"span"}
      .set({"tags", {"a", "b"}}, {"one", {"only"}}, {"ids", {1, 2, 3}}, {"flags", {true, false}}, {"strings", {one, one + " more"}})
      .set({copied{key}, {0.5, 1.5}}, {copied{key + " too"}, std::vector{7}}, {"after", 1});
  CHECK(all.span().attributes == attribute_list{{"tags", texts({"a", "b"})},
                                                {"one", texts({"only"})},
                                                {"ids", integers({1, 2, 3})},
                                                {"flags", std::vector<bool>{true, false}},
                                                {"strings", texts({"one", "one more"})},
                                                {"made at run time", std::vector{0.5, 1.5}},
                                                {"made at run time too", integers({7})},
                                                {"after", std::int64_t{1}}});
}

TEST_CASE("an array of bytes, or of characters that are no text, is bytes") {
  using namespace std::string_view_literals;
  exported_each exported;
  std::vector<unsigned char> const octets{0, 0x7f, 0x80, 0xff};
  CHECK(exported(std::array{std::byte{0}, std::byte{0xff}, std::byte{'x'}}) == bytes("\0\xffx"sv));
  CHECK(exported(octets) == bytes("\0\x7f\x80\xff"sv));
  CHECK(exported(std::span{octets}) == bytes("\0\x7f\x80\xff"sv));
  CHECK(exported(std::vector<char>{'a', '\0', 'b'}) == bytes("a\0b"sv));
  CHECK(exported(std::initializer_list<std::uint8_t>{1, 2}) == bytes("\1\2"sv));
  std::byte const array[] = {std::byte{7}};
  CHECK(exported(array) == bytes("\7"sv));
  for (std::size_t size : {0u, 1u, 7u, 8u, 9u, 255u, 511u, 512u, 10'000u}) {
    CAPTURE(size);
    CHECK(exported(std::vector<char>(size, '\xfe')) == bytes(std::string(size, '\xfe')));
  }
}

TEST_CASE("arrays and bytes are copied when they are said") {
  recorded all;
  {
    nanospan::span span{"span"};
    std::vector<std::string> tags{"a tag", std::string(100, 't')};
    std::vector<int> numbers{1, 2};
    std::vector<std::byte> octets{std::byte{1}};
    span.set({"tags", tags}, {"numbers", numbers}, {"bytes", octets});
    for (std::string& tag : tags) tag.assign(tag.size(), '?');
    numbers.assign(2, 0);
    octets.assign(1, std::byte{0});
  }
  CHECK(all.span().attributes == attribute_list{{"tags", texts({"a tag", std::string(100, 't')})}, {"numbers", integers({1, 2})}, {"bytes", bytes("\1")}});
}

TEST_CASE("macros take arrays and bytes as any other value") {
  recorded all;
  std::vector<int> const ids{1, 2};
  {
    NANOSPAN("span", {"tags", {"a", "b"}}, {"ids", ids}, {"between", 1}, {"bytes", std::vector<char>{'x'}});
    NANOSPAN_SET({"set", {1.5, 2.5}}, {"set ids", ids});
    NANOSPAN_EVENT("event", {"tags", {"c"}}, {"ids", ids}, {"bytes", std::vector<char>{'y'}});
  }
  auto const span = all.span();
  CHECK(span.attributes == attribute_list{{"tags", texts({"a", "b"})},
                                          {"ids", integers({1, 2})},
                                          {"between", std::int64_t{1}},
                                          {"bytes", bytes("x")},
                                          {"set", std::vector{1.5, 2.5}},
                                          {"set ids", integers({1, 2})}});
  REQUIRE(span.events.size() == 1);
  CHECK(span.events[0].attributes == attribute_list{{"tags", texts({"c"})}, {"ids", integers({1, 2})}, {"bytes", bytes("y")}});
}

TEST_CASE("an array replaces a value of another type, and is replaced by one") {
  recorded all;
  nanospan::span{"span"}.set({"a", 1}, {"b", {1, 2}}, {"a", {"x"}}, {"b", "text"});
  CHECK(all.span().attributes == attribute_list{{"a", texts({"x"})}, {"b", "text"}});
}

TEST_CASE("an array of as much as a span has room for arrives whole, and a larger one is left out and counted") {
  recorded all;
  constexpr std::size_t mebibyte = nanospan::detail::max_entry_bytes;
  // Beside the span's name, the head and the key; before the elements their type.
  std::size_t const room = mebibyte - 8 - 8 - 16 - 8 - 8;
  SECTION("of numbers") {
    std::vector<std::uint64_t> const most(room / 8, ~std::uint64_t{0});
    std::vector<std::uint64_t> const more(room / 8 + 1, 0);
    nanospan::span{copied{"span"}}.set({"key", more}, {"key", most});
    CHECK((all.span().attributes == attribute_list{{"key", std::vector<std::string>(most.size(), "18446744073709551615")}}));
  }
  SECTION("of empty texts") {
    std::vector<std::string_view> const most(room / 8);
    std::vector<std::string_view> const more(room / 8 + 1);
    nanospan::span{copied{"span"}}.set({"key", more}, {"key", most});
    CHECK((all.span().attributes == attribute_list{{"key", std::vector<std::string>(most.size())}}));
  }
  SECTION("of bytes") {
    std::vector<char> const most(room + 8, 'b');
    std::vector<char> const more(room + 9, 'b');
    nanospan::span{copied{"span"}}.set({"key", more}, {"key", most});
    CHECK((all.span().attributes == attribute_list{{"key", bytes(std::string(most.size(), 'b'))}}));
  }
  CHECK(all.span().dropped_attributes_count == 1);
}

TEST_CASE("an array with a text of gibibytes, or of four billion elements, is left out without being read") {
  recorded all;
  std::size_t volatile huge = std::size_t{8} << 30;
  std::string_view const text{"a", huge};
  std::size_t volatile endless = ~std::size_t{3};
  std::string_view const longest{"a", endless};  // padded it would have no size
  int const number = 1;
  std::byte const octet{1};
  {
    nanospan::span span{"span"};
    span.set({"text", {std::string_view{"small"}, text}}, {"texts", {text, text, text}}, {copied{"text"}, {text}}, {"longest", {longest}});
    span.set({"numbers", std::span{&number, huge}}, {"most", std::span{&number, std::size_t{1} << 32}}, {"bytes", std::span{&octet, huge}}, {"k", {1}});
    span.event("event").set({"text", {text}}, {"bytes", std::span{&octet, huge}});
  }
  CHECK(all.span().attributes == attribute_list{{"k", integers({1})}});
  REQUIRE(all.span().events.size() == 1);
  CHECK(all.span().events[0].attributes.empty());
  CHECK(all.span().dropped_attributes_count == 9);
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
