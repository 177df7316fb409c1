// SPDX-License-Identifier: Apache-2.0

#include <nanospan/tracer.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"
#include "support/traced.hpp"

#include <cstddef>
#include <map>
#include <set>
#include <string>

using nanospan::attribute_list;
using nanospan::scoped_span;
using support::recorded;

// Before any tracer is named.
static void before_it_is_named() { NANOSPAN("before it is named"); }  // NOLINT(misc-use-anonymous-namespace): which names one

namespace {

NANOSPAN_TRACER("acme.file", "1.2.0");

void in_the_file() { NANOSPAN("of the file", {"k", 1}); }
void named_by_the_function() { NANOSPAN_FUNCTION(); }

// The tracer's name of each span's name.
using tracers = std::map<std::string, std::set<std::string>>;
tracers tracers_of(recorded& all) {
  tracers seen;
  for (auto const& span : all.spans()) seen[span.name].insert(span.scope_name);
  return seen;
}

}  // namespace

// NOLINTBEGIN(misc-use-internal-linkage,misc-use-anonymous-namespace): a component's namespace has a name
void outside_of_all();
void outside_of_all() { NANOSPAN_SERVER("outside of all"); }

namespace shop {

void before_its_own();
void before_its_own() { NANOSPAN("before its own"); }

NANOSPAN_TRACER("acme.shop");

void in_the_shop();
void in_the_shop() { NANOSPAN("of the shop"); }

namespace cards {

NANOSPAN_TRACER("acme.shop.cards", "2", "https://acme.example/schemas/2", {{"region", "eu"}, {"tier", "gold"}});

void in_cards();
void in_cards() { NANOSPAN_CLIENT("of cards"); }

namespace nested {

template <typename Value>
void in_a_template(Value value) {
  NANOSPAN("template of cards", {"value", value});
  auto const lambda = [](auto inner) { NANOSPAN("lambda of cards", {"inner", inner}); };
  lambda(value);
}

}  // namespace nested
}  // namespace cards

namespace orders {

void in_orders();
void in_orders() {
  NANOSPAN("of orders, which name none");
  [] { NANOSPAN("lambda of orders"); }();
}

}  // namespace orders
}  // namespace shop
// NOLINTEND(misc-use-internal-linkage,misc-use-anonymous-namespace)

TEST_CASE("a macro's tracer is that of the innermost namespace that names one, in functions, templates, lambdas") {
  recorded all;
  in_the_file();
  named_by_the_function();
  outside_of_all();
  shop::before_its_own();
  shop::in_the_shop();
  shop::cards::in_cards();
  shop::cards::nested::in_a_template(1);
  shop::cards::nested::in_a_template("text");
  shop::orders::in_orders();
  { NANOSPAN("of this test"); }
  CHECK(tracers_of(all) == tracers{{"of the file", {"acme.file"}},
                                   {"named_by_the_function", {"acme.file"}},
                                   {"outside of all", {"acme.file"}},
                                   {"before its own", {"acme.file"}},
                                   {"of this test", {"acme.file"}},
                                   {"of the shop", {"acme.shop"}},
                                   {"of cards", {"acme.shop.cards"}},
                                   {"template of cards", {"acme.shop.cards"}},
                                   {"lambda of cards", {"acme.shop.cards"}},
                                   {"of orders, which name none", {"acme.shop"}},
                                   {"lambda of orders", {"acme.shop"}}});
}

TEST_CASE("a header's functions have the header's tracer, whichever file they are used in, and whatever that names itself") {
  recorded all;
  component::in_an_inline_function();
  component::in_a_template(1);
  component::in_a_class{}.in_a_member();
  component::from_elsewhere();
  CHECK(tracers_of(all) == tracers{{"inline function", {"acme.headers"}},
                                   {"template", {"acme.headers"}},
                                   {"member", {"acme.headers"}},
                                   {"of the other file", {"acme.elsewhere"}}});
  CHECK(all.count() == 7);
}

TEST_CASE("where nothing is named a span is nanospan's, with its version, a named span always") {
  recorded all;
  before_it_is_named();
  nanospan::span{"movable"}.end();
  { scoped_span const span{"scoped"}; }
  nanospan::span{"with options", {.kind = nanospan::span_kind::client}}.end();
  CHECK(all.count() == 4);
  for (auto const& span : all.spans()) {
    CHECK(span.scope_name == "nanospan");
    CHECK(span.scope_version == NANOSPAN_VERSION);
    CHECK(span.scope_schema_url.empty());
    CHECK(span.scope_attributes.empty());
  }
}

TEST_CASE("a tracer's name, version, schema URL and attributes arrive, and of each span its own") {
  recorded all;
  shop::cards::in_cards();
  in_the_file();
  shop::in_the_shop();
  shop::cards::in_cards();
  std::size_t of_cards = 0;
  for (auto const& span : all.spans()) {
    if (span.name == "of cards") {
      ++of_cards;
      CHECK(span.scope_name == "acme.shop.cards");
      CHECK(span.scope_version == "2");
      CHECK(span.scope_schema_url == "https://acme.example/schemas/2");
      CHECK(span.scope_attributes == attribute_list{{"region", "eu"}, {"tier", "gold"}});
      CHECK(span.kind == nanospan::span_kind::client);
      continue;
    }
    CHECK(span.scope_version == (span.name == "of the file" ? "1.2.0" : ""));
    CHECK(span.scope_schema_url.empty());
    CHECK(span.scope_attributes.empty());
  }
  CHECK(of_cards == 2);
  CHECK(all.span("of the file").attributes == attribute_list{{"k", 1}});
}

TEST_CASE("a named span's tracer is the one that it is given") {
  static constexpr nanospan::tracer full{"given", "1", "https://acme.example/schemas/1", {{"1", "a"}, {"2", "b"}, {"3", "c"}, {"4", "d"}}};
  static constexpr nanospan::tracer nameless{""};
  recorded all;
  nanospan::span{"movable", {.tracer = &full}}.end();
  { scoped_span const span{nanospan::copied{std::string{"scoped"}}, {.tracer = &full}}; }
  nanospan::span{"of none", {.tracer = &nameless}}.end();
  for (char const* name : {"movable", "scoped"}) {
    CHECK(all.span(name).scope_name == "given");
    CHECK(all.span(name).scope_schema_url == "https://acme.example/schemas/1");
    CHECK(all.span(name).scope_attributes == attribute_list{{"1", "a"}, {"2", "b"}, {"3", "c"}, {"4", "d"}});
    CHECK(all.span(name).dropped_attributes_count == 0);
  }
  CHECK(all.span("of none").scope_name.empty());
  CHECK(all.span("of none").scope_version.empty());
}

TEST_CASE("spans of several tracers are in one batch, with one resource, and in the next again") {
  recorded all{{.service_name = "shop"}};
  for (int round = 1; round <= 3; ++round) {
    in_the_file();
    shop::in_the_shop();
    before_it_is_named();
    CHECK(all.count() == static_cast<std::size_t>(3 * round));
  }
  CHECK(tracers_of(all) == tracers{{"of the file", {"acme.file"}}, {"of the shop", {"acme.shop"}}, {"before it is named", {"nanospan"}}});
  for (auto const& span : all.spans()) CHECK(span.service_name == "shop");
}
