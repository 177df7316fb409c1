// SPDX-License-Identifier: Apache-2.0

#include <nanospan/detail/utf8.hpp>

#include "catch.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace nanospan::detail;

namespace {

// A character's bytes by the definition of UTF-8 (RFC 3629, 3), and how many bytes a text's first character has if it is one: by
// writing every candidate again. Slow, and of another kind than what is tested.
std::string encoded(std::uint32_t point) {
  std::vector<std::uint32_t> bytes;
  if (point < 0x80)
    bytes = {point};
  else if (point < 0x800)
    bytes = {0xc0 | point >> 6, 0x80 | (point & 0x3f)};
  else if (point < 0x10000)
    bytes = {0xe0 | point >> 12, 0x80 | (point >> 6 & 0x3f), 0x80 | (point & 0x3f)};
  else
    bytes = {0xf0 | point >> 18, 0x80 | (point >> 12 & 0x3f), 0x80 | (point >> 6 & 0x3f), 0x80 | (point & 0x3f)};
  std::string text;
  for (std::uint32_t const byte : bytes) text += static_cast<char>(byte);
  return text;
}
bool is_character(std::uint32_t point) { return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff); }
std::size_t model_length(std::string_view text) {
  for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length) {
    std::uint32_t const first = static_cast<std::uint8_t>(text[0]);
    std::uint32_t point = length == 1 ? first : first & (0x7fu >> length);
    for (std::size_t at = 1; at < length; ++at) point = point << 6 | (static_cast<std::uint8_t>(text[at]) & 0x3fu);
    if (is_character(point) && encoded(point) == text.substr(0, length)) return length;
  }
  return 0;
}
std::string model_repaired(std::string_view text) {
  std::string repaired;
  while (!text.empty()) {
    std::size_t const length = model_length(text);
    repaired += length == 0 ? "\xef\xbf\xbd" : std::string{text.substr(0, length)};
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return repaired;
}

}  // namespace

TEST_CASE("every character that Unicode has is well formed") {
  std::size_t wrong = 0;
  for (std::uint32_t point = 0; point <= 0x10ffff; ++point) {
    if (!is_character(point)) continue;
    std::string const text = encoded(point);
    if (!is_utf8(text) || utf8_length(text) != text.size()) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("surrogates, and what is beyond the last character, are not") {
  std::size_t wrong = 0;
  for (std::uint32_t point = 0xd800; point <= 0xdfff; ++point)
    if (is_utf8(encoded(point))) ++wrong;
  for (std::uint32_t point = 0x110000; point < 0x200000; point += 17)
    if (is_utf8(encoded(point))) ++wrong;
  CHECK(wrong == 0);
}

TEST_CASE("longer forms than needed are not") {
  for (std::string const text : {"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf"}) {
    CHECK_FALSE(is_utf8(text));
    CHECK(utf8_length(text) == 0);
  }
}

TEST_CASE("all texts of up to three bytes are judged as the definition says") {
  std::size_t wrong = 0;
  std::string text;
  for (unsigned first = 0; first < 256; ++first) {
    text = {static_cast<char>(first)};
    if (utf8_length(text) != model_length(text)) ++wrong;
    for (unsigned second = 0; second < 256; ++second) {
      text = {static_cast<char>(first), static_cast<char>(second)};
      if (utf8_length(text) != model_length(text)) ++wrong;
      for (unsigned third = 0x3f; third < 256; third += 0x41) {  // 3f, 80, c1
        text = {static_cast<char>(first), static_cast<char>(second), static_cast<char>(third)};
        if (utf8_length(text) != model_length(text)) ++wrong;
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("a text that ends within a character is ill formed, and nothing behind its end is read") {
  for (std::string const whole : {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x9a\x80"}) {
    for (std::size_t bytes = 1; bytes < whole.size(); ++bytes) {
      std::string_view const cut = std::string_view{whole}.substr(0, bytes);  // its last bytes would make it good
      CHECK(utf8_length(cut) == 0);
      CHECK_FALSE(is_utf8(cut));
      CHECK_FALSE(is_utf8("abcdefgh" + std::string{cut}));
    }
  }
}

TEST_CASE("ASCII is told at every length and place") {
  CHECK(is_ascii(""));
  for (std::size_t length = 1; length <= 40; ++length) {
    std::string text(length, '\x7f');
    CHECK(is_ascii(text));
    for (std::size_t at = 0; at < length; ++at) {
      text[at] = '\x80';
      if (is_ascii(text)) FAIL("not seen: byte " << at << " of " << length);
      text[at] = '\0';
    }
    CHECK(is_ascii(text));
  }
}

TEST_CASE("an offending byte becomes U+FFFD, and what is well formed around it stays") {
  CHECK(repaired_utf8("") == "");
  CHECK(repaired_utf8("caf\xc3\xa9") == "caf\xc3\xa9");
  CHECK(repaired_utf8("caf\xe9 au lait") == "caf\xef\xbf\xbd au lait");
  CHECK(repaired_utf8("\xe2\x82") == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(repaired_utf8("\xf0\x9f\x9a"
                      "a") ==
        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
        "a");
  CHECK(repaired_utf8({"a\0\xff\0b", 5}) == std::string{"a\0\xef\xbf\xbd\0b", 7});
}

TEST_CASE("what was repaired is well formed, and is what the definition makes of it") {
  std::mt19937_64 random{1};
  static constexpr std::string_view bytes{"a\0\x7f\x80\xbf\xc0\xc2\xdf\xe0\xe2\xed\xef\xf0\xf4\xf5\xff\x9f\xa0\x90\x8f", 20};
  for (int round = 0; round < 50'000; ++round) {
    std::string text(random() % 24, '\0');
    for (char& byte : text) byte = bytes[random() % bytes.size()];
    std::string const repaired = repaired_utf8(text);
    REQUIRE(is_utf8(repaired));
    REQUIRE(repaired == model_repaired(text));
    REQUIRE(is_utf8(text) == (repaired == text));
  }
}

TEST_CASE("a text's first characters end between two, and each ill-formed byte is one") {
  std::string const mixed = "z\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80";
  CHECK(first_characters(mixed, 0) == "");
  CHECK(first_characters(mixed, 1) == "z");
  CHECK(first_characters(mixed, 2) == "z\xc3\xa9");
  CHECK(first_characters(mixed, 3) == "z\xc3\xa9\xe2\x82\xac");
  CHECK(first_characters(mixed, 4) == mixed);
  CHECK(first_characters(mixed, mixed.size() - 1) == mixed);
  CHECK(first_characters(mixed, static_cast<std::size_t>(-1)) == mixed);
  CHECK(first_characters("\xf0\x9f\x9a" "ab", 4) == "\xf0\x9f\x9a" "a");
  CHECK(first_characters("", 0) == "");
}

TEST_CASE("what a text's first characters are is what the definition says, and is repaired to the beginning of the whole") {
  std::mt19937_64 random{2};
  static constexpr std::string_view bytes{"a\0\x7f\x80\xbf\xc0\xc2\xdf\xe0\xe2\xed\xef\xf0\xf4\xf5\xff\x9f\xa0\x90\x8f", 20};
  for (int round = 0; round < 50'000; ++round) {
    std::string text;
    for (std::size_t left = random() % 12; left != 0; --left) {
      auto const point = static_cast<std::uint32_t>(random() >> (43 + random() % 16));  // of any length, and some that is none
      if (random() % 2 != 0 && is_character(point)) text += encoded(point);
      else text += bytes[random() % bytes.size()];
    }
    std::size_t const most = random() % 14;
    std::string_view rest = text;
    for (std::size_t at = 0; at < most && !rest.empty(); ++at) rest.remove_prefix(std::max<std::size_t>(1, model_length(rest)));
    std::string_view const first = first_characters(text, most);
    REQUIRE(first == std::string_view{text}.substr(0, text.size() - rest.size()));
    REQUIRE(model_repaired(text).starts_with(model_repaired(first)));
  }
}
