// SPDX-License-Identifier: Apache-2.0

#include <nanospan/detail/literal_cache.hpp>

#include "catch.hpp"

#include <cstring>
#include <deque>
#include <string>

using nanospan::detail::literal_cache;

TEST_CASE("a literal is remembered with its length before its characters") {
  literal_cache literals;
  CHECK(literals.of("charge card").text == "charge card");
  CHECK(literals.of("charge card").encoded == "\x0b" "charge card");
  CHECK(literals.of("").encoded == std::string(1, '\0'));
  std::string const long_one(300, 'x');
  CHECK(literals.of(long_one.c_str()).encoded == "\xac\x02" + long_one);
  CHECK(literals.of("\xff!").text == "\xff!");
  CHECK(literals.of("\xff!").encoded == "\x04\xef\xbf\xbd!");
}

TEST_CASE("equal texts at different addresses are one object, and others are not") {
  literal_cache literals;
  char const here[] = "key", there[] = "key", elsewhere[] = "kez";
  CHECK(&literals.of(here) == &literals.of(there));
  CHECK(&literals.of(here) == &literals.of(here));
  CHECK(&literals.of(here) != &literals.of(elsewhere));
}

TEST_CASE("a thousand literals stay where they are while others come") {
  literal_cache literals;
  std::deque<std::string> texts;
  std::vector<nanospan::detail::literal_text const*> found;
  for (int i = 0; i < 1'000; ++i) {
    texts.push_back("text number " + std::to_string(i));
    found.push_back(&literals.of(texts.back().c_str()));
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    REQUIRE(&literals.of(texts[i].c_str()) == found[i]);
    REQUIRE(found[i]->text == texts[i]);
  }
}

TEST_CASE("a text is found again among thousands, at another address") {
  literal_cache literals;
  std::deque<std::string> texts;
  for (int i = 0; i < 5'000; ++i) literals.of(texts.emplace_back("text number " + std::to_string(i)).c_str());
  for (std::string const& text : texts) {
    std::string const elsewhere = text;
    REQUIRE(&literals.of(elsewhere.c_str()) == &literals.of(text.c_str()));
    literals.forget();
    break;
  }
  std::deque<std::string> const copies = texts;
  for (std::size_t i = 0; i < texts.size(); ++i) REQUIRE(&literals.of(copies[i].c_str()) == &literals.of(texts[i].c_str()));
}

TEST_CASE("what is forgotten is read anew") {
  literal_cache literals;
  char text[] = "before";
  CHECK(literals.of(text).text == "before");
  std::strcpy(text, "after");
  CHECK(literals.of(text).text == "before");  // by its address alone
  literals.forget();
  CHECK(literals.of(text).text == "after");
}
