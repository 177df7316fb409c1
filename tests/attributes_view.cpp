// SPDX-License-Identifier: Apache-2.0

#include <nanospan/attributes_view.hpp>

#include <nanospan/entry_buffer.hpp>

#include "catch.hpp"

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using nanospan::attribute;
using nanospan::attributes_view;
using nanospan::copied;

namespace {

// The entries of a span in the making.
struct said {
  template <typename... Attribute>
  explicit said(Attribute const&... each) {
    buffer.start();
    (buffer.add(each), ...);
  }
  attributes_view view() const { return {buffer.bytes(), buffer.size()}; }
  nanospan::detail::entry_buffer buffer;
};

}  // namespace

TEST_CASE("a view finds each attribute by its key and reads it as what it is") {
  std::string const long_text(2'000, 'x');
  said const all{attribute{"text", "some"},     attribute{"yes", true},  attribute{"no", false}, attribute{"minus", -7}, attribute{"plus", 7u},
                 attribute{"ratio", 0.25},      attribute{"empty", ""},  attribute{copied{std::string{"made"}}, "at run time"},
                 attribute{"long", long_text}};
  auto const view = all.view();
  CHECK(view.find("text").text() == "some");
  CHECK(view.find("yes").boolean());
  CHECK_FALSE(view.find("no").boolean(true));
  CHECK(view.find("minus").integer() == -7);
  CHECK(view.find("plus").integer() == 7);
  CHECK(view.find("ratio").number() == 0.25);
  CHECK(view.find("empty"));
  CHECK(view.find("empty").text("otherwise").empty());
  CHECK(view.find("made").text() == "at run time");
  CHECK(view.find("long").text() == long_text);
  std::free(all.buffer.on_heap() ? all.buffer.bytes() : nullptr);
}

TEST_CASE("a view has nothing for a key that nobody said, and for none at all") {
  said const one{attribute{"key", 1}};
  CHECK_FALSE(one.view().find("other"));
  CHECK_FALSE(one.view().find("ke"));
  CHECK_FALSE(one.view().find("keys"));
  CHECK_FALSE(one.view().find(""));
  CHECK_FALSE(attributes_view{}.find("key"));
  CHECK(one.view().find("other").integer(42) == 42);
  CHECK(one.view().find("other").text("otherwise") == "otherwise");
  CHECK(one.view().find("other").number(0.5) == 0.5);
  CHECK(one.view().find("other").boolean(true));
}

TEST_CASE("a value asked for another type than its own answers with what was given for that case") {
  said const all{attribute{"text", "1"}, attribute{"boolean", true}, attribute{"integer", 1}, attribute{"number", 1.0}};
  auto const view = all.view();
  for (auto const* const key : {"text", "boolean", "number"}) CHECK(view.find(key).integer(42) == 42);
  for (auto const* const key : {"boolean", "integer", "number"}) CHECK(view.find(key).text("otherwise") == "otherwise");
  for (auto const* const key : {"text", "integer", "number"}) CHECK_FALSE(view.find(key).boolean());
  for (auto const* const key : {"text", "boolean"}) CHECK(view.find(key).number(0.5) == 0.5);
  CHECK(view.find("text").is_text());
  CHECK(view.find("boolean").is_boolean());
  CHECK(view.find("integer").is_integer());
  CHECK(view.find("integer").is_number());
  CHECK(view.find("number").is_number());
  CHECK_FALSE(view.find("number").is_integer());
  CHECK_FALSE(view.find("boolean").is_number());
}

TEST_CASE("every integer is a number, those above 2^63-1 are nothing else") {
  constexpr auto most_signed = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  said const all{attribute{"least", std::numeric_limits<std::int64_t>::min()}, attribute{"signed", most_signed}, attribute{"above", most_signed + 1}};
  CHECK(all.view().find("least").number() == -0x1p63);
  CHECK(all.view().find("signed").integer() == std::numeric_limits<std::int64_t>::max());
  CHECK_FALSE(all.view().find("above").is_integer());
  CHECK(all.view().find("above").integer(42) == 42);
  CHECK(all.view().find("above").number() == 0x1p63);
}

TEST_CASE("of a key that was said twice a view finds the last, whichever type") {
  said const all{attribute{"key", 1}, attribute{"other", 2}, attribute{copied{std::string{"key"}}, "last"}};
  CHECK(all.view().find("key").text() == "last");
}

TEST_CASE("a view shows attributes in their order, and no other entries") {
  said all{attribute{"a", 1}};
  all.buffer.append_text(nanospan::detail::entry_type::status, "no attribute");
  all.buffer.add(attribute{"b", "2"});
  std::vector<std::pair<std::string, bool>> seen;
  all.view().for_each([&](std::string_view key, attributes_view::value const& value) { seen.emplace_back(key, value.is_text()); });
  CHECK(seen == std::vector<std::pair<std::string, bool>>{{"a", false}, {"b", true}});
}
