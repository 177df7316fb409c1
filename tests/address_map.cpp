// SPDX-License-Identifier: Apache-2.0

#include <nanospan/detail/address_map.hpp>

#include "catch.hpp"

#include <memory>
#include <random>
#include <string>
#include <unordered_map>

using nanospan::detail::address_map;

TEST_CASE("an address that was never added is not known, before the first one and after") {
  address_map<int> known;
  int const here = 0, there = 0;
  CHECK(known.find(&here) == nullptr);
  known.add(&here, 7);
  CHECK(known.find(&there) == nullptr);
  REQUIRE(known.find(&here) != nullptr);
  CHECK(*known.find(&here) == 7);
}

TEST_CASE("what is known of an address can be changed in its place") {
  address_map<int> known;
  int const here = 0;
  known.add(&here, 1) = 2;
  *known.find(&here) += 1;
  CHECK(*known.find(&here) == 3);
}

TEST_CASE("thousands of addresses keep apart as a map of the standard does, wherever they stand") {
  std::mt19937_64 random{1};
  auto const block = std::make_unique<char[]>(1 << 20);
  for (std::size_t const step : {1u, 8u, 64u, 4'096u}) {  // beside each other, or with the same low bits
    CAPTURE(step);
    address_map<std::uint64_t> known;
    std::unordered_map<void const*, std::uint64_t> model;
    for (int round = 0; round < 20'000; ++round) {
      void const* const key = block.get() + random() % ((1u << 20) / step) * step;
      auto const expected = model.find(key);
      std::uint64_t const* const found = known.find(key);
      REQUIRE((found != nullptr) == (expected != model.end()));
      if (found != nullptr) {
        REQUIRE(*found == expected->second);
      } else {
        model[key] = random();
        REQUIRE(known.add(key, model[key]) == model[key]);
      }
    }
    for (auto const& [key, value] : model) {
      REQUIRE(known.find(key) != nullptr);
      REQUIRE(*known.find(key) == value);
    }
  }
}

TEST_CASE("a map that was cleared knows nothing, and takes the same addresses with other values") {
  address_map<std::string> known;
  int const keys[200]{};
  for (char const* const value : {"first", "second"}) {
    for (int const& key : keys) {
      REQUIRE(known.find(&key) == nullptr);
      known.add(&key, value);
    }
    for (int const& key : keys) REQUIRE(*known.find(&key) == value);
    known.clear();
    for (int const& key : keys) REQUIRE(known.find(&key) == nullptr);
  }
}

TEST_CASE("values are moved when a map grows, not copied") {
  address_map<std::unique_ptr<int>> known;
  int const keys[300]{};
  for (int const& key : keys) known.add(&key, std::make_unique<int>(static_cast<int>(&key - keys)));
  for (int const& key : keys) REQUIRE(**known.find(&key) == &key - keys);
}
