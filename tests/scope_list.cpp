// SPDX-License-Identifier: Apache-2.0

#include <nanospan/scope_list.hpp>

#include "catch.hpp"

#include <iterator>
#include <string>

using nanospan::tracer;
using nanospan::detail::scope_list;

namespace {

constexpr tracer cards{"cards", "1.2", "https://schemas/1", {{"team", "payments"}}};
constexpr tracer same{"cards", "1.2", "https://schemas/1", {{"team", "payments"}}};
constexpr tracer other_name{"card", "1.2", "https://schemas/1", {{"team", "payments"}}};
constexpr tracer other_version{"cards", "1.3", "https://schemas/1", {{"team", "payments"}}};
constexpr tracer other_url{"cards", "1.2", "https://schemas/2", {{"team", "payments"}}};
constexpr tracer no_url{"cards", "1.2", "", {{"team", "payments"}}};
constexpr tracer other_key{"cards", "1.2", "https://schemas/1", {{"teams", "payments"}}};
constexpr tracer other_value{"cards", "1.2", "https://schemas/1", {{"team", "payment"}}};
constexpr tracer more{"cards", "1.2", "https://schemas/1", {{"team", "payments"}, {"a", "b"}}};

std::ptrdiff_t size(scope_list& scopes) { return std::distance(scopes.begin(), scopes.end()); }

}  // namespace

TEST_CASE("who named no tracer has the library's own, the first") {
  scope_list scopes{""};
  REQUIRE(size(scopes) == 1);
  CHECK(&scopes.of(nullptr) == &*scopes.begin());
  CHECK(scopes.begin()->envelope.find("nanospan") != std::string::npos);
  CHECK(scopes.begin()->empty());
  CHECK(scopes.begin()->behind == 0);
}

TEST_CASE("tracers that are equal are one scope, wherever they stand, and whatever differs makes another") {
  for (char const* const schema_url : {"", "https://schemas/0"}) {
    CAPTURE(schema_url);
    scope_list scopes{schema_url};
    auto& first = scopes.of(&cards);
    CHECK(&first != &scopes.of(nullptr));
    CHECK(&scopes.of(&cards) == &first);
    CHECK(&scopes.of(&same) == &first);
    CHECK(size(scopes) == 2);
    std::ptrdiff_t scopes_so_far = 2;
    for (tracer const* const one : {&other_name, &other_version, &other_url, &no_url, &other_key, &other_value, &more}) {
      auto& added = scopes.of(one);
      CHECK(size(scopes) == ++scopes_so_far);
      CHECK(&scopes.of(one) == &added);
      CHECK(added.empty());
    }
    CHECK(&scopes.of(&cards) == &first);
  }
}

TEST_CASE("a scope outlives its tracer's address, and a tracer that stands there later has its own") {
  scope_list scopes{""};
  auto& first = scopes.of(&cards);
  scopes.forget_addresses();
  CHECK(&scopes.of(&other_name) != &first);
  CHECK(&scopes.of(&same) == &first);
  CHECK(size(scopes) == 3);
}
