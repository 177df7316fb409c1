// SPDX-License-Identifier: Apache-2.0

#include <nanospan/baggage.hpp>

#include "catch.hpp"

#include <string>
#include <vector>

using nanospan::baggage;

namespace {

std::string kept(std::string_view header) { return baggage{header}.text(); }

std::string members(std::size_t count) {
  std::string text;
  for (std::size_t at = 0; at < count; ++at) text.append(at == 0 ? "" : ",").append("k").append(std::to_string(at)).append("=v");
  return text;
}

}  // namespace

TEST_CASE("baggage is a list of keys and values, kept in their order") {
  CHECK(kept("a=1") == "a=1");
  CHECK(kept("b=2,a=1") == "b=2,a=1");
  CHECK(kept("") == "");
  CHECK(kept("a=") == "a=");
}

TEST_CASE("blanks around baggage's keys, values and properties go") {
  CHECK(kept(" a\t=\t1 ;\tp = q ;r ,\tb = 2 ") == "a=1;p = q;r,b=2");
}

TEST_CASE("baggage's key is a token") {
  CHECK(kept("!#$%&'*+-.^_`|~09azAZ=1") == "!#$%&'*+-.^_`|~09azAZ=1");
  for (auto const* wrong : {"=1", "a b=1", "a(=1", "a\"=1", "\xc3\xa4=1", "a/b=1", "a@=1", "a\x7f=1", "[=1", "1"}) CHECK(kept(wrong) == "");
}

TEST_CASE("baggage's keys are the same only in the same case") {
  baggage const both{"Key=1,key=2"};
  CHECK(both.get("Key") == "1");
  CHECK(both.get("key") == "2");
}

TEST_CASE("baggage's value is visible ASCII without quotes, comma, semicolon and backslash") {
  std::string const every = "!#$&'()*+-./0:<=>?@AZ[]^_`az{|}~";
  CHECK(kept("a=" + every) == "a=" + every);
  CHECK(baggage{"a=" + every}.get("a") == every);
  for (auto const* wrong : {"a=b c", "a=\"b\"", "a=\\", "a=\x7f", "a=\xc3\xa4", "a=b\tc", "a=\x01"}) CHECK(kept(wrong) == "");
}

TEST_CASE("baggage's value may have equals signs") {
  CHECK(baggage{"a=b=c=="}.get("a") == "b=c==");
}

TEST_CASE("baggage's value is percent-decoded, whatever the case of the digits, and sent on as it came") {
  baggage const received{"a=%C3%a4%20%25,b=%2Cx"};
  CHECK(received.get("a") == "\xc3\xa4 %");
  CHECK(received.get("b") == ",x");
  CHECK(received.text() == "a=%C3%a4%20%25,b=%2Cx");
}

TEST_CASE("a plus sign in baggage is one, and a space is written as %20") {
  CHECK(baggage{"a=1+1"}.get("a") == "1+1");
  baggage made;
  CHECK(made.set("a", "1 + 1"));
  CHECK(made.text() == "a=1%20+%201");
}

TEST_CASE("a percent sign in baggage begins two digits, or the member is none") {
  for (auto const* wrong : {"a=%", "a=%2", "a=%2g", "a=%g2", "a=1%", "a=1;p=%zz"}) CHECK(kept(wrong) == "");
}

TEST_CASE("what is not UTF-8 in a decoded value of baggage becomes U+FFFD") {
  CHECK(baggage{"a=%ffx"}.get("a") == "\xef\xbf\xbdx");
  CHECK(baggage{"a=%c3%28"}.get("a") == "\xef\xbf\xbd(");
  CHECK(baggage{"a=%ed%a0%80"}.get("a") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // half of a surrogate pair
  CHECK(baggage{"a=%c3"}.get("a") == "\xef\xbf\xbd");
}

TEST_CASE("what is no member of baggage is left out, and the others stay") { CHECK(kept("a=1,b c=2,,=,;, d=4") == "a=1,d=4"); }

TEST_CASE("properties of baggage are kept as they came") {
  CHECK(kept("a=1;p;q=%20;r=x=y") == "a=1;p;q=%20;r=x=y");
  CHECK((*baggage{"a=1;p;q=2"}.begin()).properties == "p;q=2");
  CHECK(kept("a=1;;p;") == "a=1;p");
}

TEST_CASE("a bad property makes a member of baggage none") {
  for (auto const* wrong : {"a=1;p q", "a=1;=2", "a=1;p=\"", "a=1; ;p", "a=1;\xc3\xa4"}) CHECK(kept(wrong) == "");
}

TEST_CASE("of a key that baggage has twice the last one counts, in the place of the first") {
  CHECK(kept("a=1,b=2,a=3;p") == "a=3;p,b=2");
}

TEST_CASE("baggage has 64 members at most, the first ones") {
  CHECK(kept(members(64)) == members(64));
  CHECK(kept(members(65)) == members(64));
}

TEST_CASE("baggage has 8192 bytes at most, and never a part of a member") {
  std::string const longest = "a=" + std::string(8190, 'v');
  CHECK(kept(longest) == longest);
  CHECK(kept(longest + "v") == "");
  std::string const filled = "a=" + std::string(8186, 'v');
  CHECK(kept(filled + ",b=1") == filled + ",b=1");
  CHECK(kept(filled + ",b=12,c=1") == filled);
  CHECK(kept(filled + ",b=1,c=") == filled + ",b=1");
  CHECK(kept(filled + " ;  p") == filled + ";p");
  CHECK(kept("b=12," + filled + ",b=1") == "b=12");
  CHECK(kept("b=1," + filled + ",b=2,b=33") == "b=2," + filled);
}

TEST_CASE("baggage says which keys it has, and has an empty value for others") {
  baggage const some{"a=,b=1"};
  CHECK(some.contains("a"));
  CHECK(some.get("a") == "");
  CHECK_FALSE(some.contains("c"));
  CHECK(some.get("c") == "");
  CHECK(baggage{}.empty());
  CHECK_FALSE(some.empty());
}

TEST_CASE("baggage's members are visited in their order") {
  baggage const all{"a=1;p=2,b=%20,c="};
  std::vector<std::string> seen;
  for (auto const& one : all) seen.push_back(std::string{one.key} + "|" + one.value() + "|" + std::string{one.encoded_value} + "|" + std::string{one.properties});
  CHECK(seen == std::vector<std::string>{"a|1|1|p=2", "b| |%20|", "c|||"});
  for (auto const& one : baggage{}) FAIL(std::string{one.key});
}

TEST_CASE("what is set in baggage is encoded, and what is read is what was set") {
  for (std::string const value : {"", "plain", "a b", "100%", "%41", R"("q";,\)", "\xc3\xa4\xf0\x9f\x98\x80", "\r\nx: y", "a=b"}) {
    baggage made;
    CAPTURE(value);
    CHECK(made.set("key", value));
    CHECK(made.get("key") == value);
    CHECK(kept(made.text()) == made.text());
    for (char const c : made.text()) CHECK((c > ' ' && c < 0x7f));
  }
}

TEST_CASE("a key that is set again keeps its place in baggage") {
  baggage made{"a=1;p,b=2"};
  CHECK(made.set("a", "3"));
  CHECK(made.text() == "a=3,b=2");
  CHECK(made.set("c", "4", "ttl=30;secret"));
  CHECK(made.text() == "a=3,b=2,c=4;ttl=30;secret");
}

TEST_CASE("what may not stand in baggage, or passes a limit, changes nothing") {
  baggage made{"a=1"};
  CHECK_FALSE(made.set("", "x"));
  CHECK_FALSE(made.set("b c", "x"));
  CHECK_FALSE(made.set("b", "x", "p q"));
  CHECK_FALSE(made.set("b", "x", "p,c=d"));
  CHECK_FALSE(made.set("b", std::string(8190, 'x')));
  CHECK_FALSE(made.set("b", std::string(2800, ' ')));  // three bytes each
  CHECK(made.text() == "a=1");
  baggage full{members(64)};
  CHECK_FALSE(full.set("k64", "v"));
  CHECK(full.set("k63", "w"));
  CHECK(full.get("k63") == "w");
}

TEST_CASE("a key is erased from baggage") {
  baggage made{"a=1,b=2,c=3"};
  made.erase("b");
  made.erase("x");
  CHECK(made.text() == "a=1,c=3");
  made.erase("a");
  made.erase("c");
  CHECK(made.empty());
}
