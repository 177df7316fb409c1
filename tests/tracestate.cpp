// SPDX-License-Identifier: Apache-2.0

#include <nanospan/tracestate.hpp>

#include "catch.hpp"

#include <string>

using nanospan::tracestate;

namespace {

std::string kept(std::string_view header) { return tracestate{header}.text(); }

std::string members(std::size_t count) {
  std::string text;
  for (std::size_t at = 0; at < count; ++at) text.append(at == 0 ? "" : ",").append("k").append(std::to_string(at)).append("=v");
  return text;
}

// What inject() sends of it.
std::string truncated(std::string const& text, std::size_t most) {
  nanospan::detail::tracestate_list list;
  REQUIRE(list.parse(text));
  list.truncate(most);
  std::string result;
  list.write(result);
  CHECK(list.bytes() == result.size());
  return result;
}

}  // namespace

TEST_CASE("a tracestate is a list of members, kept in their order") {
  CHECK(kept("a=1") == "a=1");
  CHECK(kept("b=2,a=1") == "b=2,a=1");
  CHECK(kept("") == "");
}

TEST_CASE("blanks around a tracestate's members go, and empty members") {
  CHECK(kept(" a=1 \t,\tb=2 ") == "a=1,b=2");
  CHECK(kept(",,a=1, ,b=2,") == "a=1,b=2");
}

TEST_CASE("a tracestate's value keeps its leading spaces") {
  CHECK(kept("a=  1 2 , b=3") == "a=  1 2,b=3");
  CHECK(tracestate{"a=  1 2 "}.get("a") == "  1 2");
}

TEST_CASE("a tracestate's key begins with a lowercase letter or a digit, and has 256 characters at most") {
  CHECK(kept("0=1") == "0=1");
  CHECK(kept("a_-*/@9=1") == "a_-*/@9=1");
  CHECK(kept("a@b@c=1") == "a@b@c=1");
  std::string const longest(256, 'k');
  CHECK(kept(longest + "=1") == longest + "=1");
  for (auto const* wrong : {"A=1", "_a=1", "a.b=1", "=1", "a b=1", "a =1", "\xc3\xa4=1", "@a=1"}) CHECK(kept(wrong) == "");
  CHECK(kept(longest + "k=1") == "");
}

TEST_CASE("a tracestate's value is printable ASCII without comma and equals sign, of 1 to 256 characters") {
  std::string const every = "!\"#$%&'()*+-./0:;<>?@AZ[\\]^_`az{|}~";
  CHECK(kept("a=" + every) == "a=" + every);
  std::string const longest(256, 'v');
  CHECK(kept("a=" + longest) == "a=" + longest);
  for (auto const* wrong : {"a=", "a", "a=b=c", "a=b\tc", "a=\x7f", "a=\x1f", "a=\xc3\xa4", "a==", "a= "}) CHECK(kept(wrong) == "");
  CHECK(kept("a=" + longest + "v") == "");
}

TEST_CASE("one bad member makes nothing of a tracestate") { CHECK(kept("a=1,B=2,c=3") == ""); }

TEST_CASE("a tracestate has 32 members at most, and with 33 it is none") {
  CHECK(kept(members(32)) == members(32));
  CHECK(kept(members(33)) == "");
}

TEST_CASE("of a key that a tracestate has twice the first one counts") {
  CHECK(kept("a=new,b=2,a=old") == "a=new,b=2");
  CHECK(kept(members(32) + ",k0=x,k31=x") == members(32));
}

TEST_CASE("a tracestate is asked by key") {
  tracestate const state{"a=1,b=2"};
  CHECK(state.get("b") == "2");
  CHECK(state.get("c") == "");
  CHECK(state.get("") == "");
}

TEST_CASE("what is set in a tracestate comes first, and the others stay in their order") {
  tracestate state{"a=1,b=2,c=3"};
  CHECK(state.set("b", "new").text() == "b=new,a=1,c=3");
  CHECK(state.set("d", "4").text() == "d=4,b=new,a=1,c=3");
  CHECK(tracestate{}.set("a", "1").text() == "a=1");
}

TEST_CASE("a 33rd member pushes the last one out of a tracestate, a changed one does not") {
  tracestate state{members(32)};
  CHECK(state.set("new", "1").text() == "new=1," + members(31));
  CHECK(state.set("k30", "2").get("k0") == "v");
  CHECK(state.get("k29") == "v");
}

TEST_CASE("what may not stand in a tracestate changes nothing") {
  tracestate state{"a=1"};
  CHECK(state.set("A", "1").text() == "a=1");
  CHECK(state.set("a", "").text() == "a=1");
  CHECK(state.set("a", "2 ").text() == "a=1");
  CHECK(state.set("a", "2,b=3").text() == "a=1");
  CHECK(state.set("a", "2\r\nx: y").text() == "a=1");
}

TEST_CASE("a member is erased from a tracestate") {
  tracestate state{"a=1,b=2,c=3"};
  CHECK(state.erase("b").text() == "a=1,c=3");
  CHECK(state.erase("x").text() == "a=1,c=3");
  CHECK(state.erase("a").erase("c").text() == "");
}

TEST_CASE("a tracestate that is too long loses members over 128 bytes first, from the right, then the rightmost, and never a part of one") {
  std::string const large_a = "a=" + std::string(127, 'x');  // 129 bytes
  std::string const large_b = "b=" + std::string(200, 'x');
  std::string const just_not = "c=" + std::string(126, 'x');  // 128
  std::string const all = large_a + "," + just_not + "," + large_b + ",d=1";
  CHECK(truncated(all, all.size()) == all);
  CHECK(truncated(all, all.size() - 1) == large_a + "," + just_not + ",d=1");
  CHECK(truncated(all, 260) == just_not + ",d=1");
  CHECK(truncated(all, 130) == just_not);
  CHECK(truncated(all, 127) == "");
  CHECK(truncated("a=1,b=2,c=3", 10) == "a=1,b=2");
}
