// SPDX-License-Identifier: Apache-2.0

#include <nanospan/exporter.hpp>

#include "catch.hpp"

#include <memory>
#include <stdexcept>

using nanospan::batch;
using nanospan::composite_exporter;
using nanospan::export_result;
using nanospan::export_wait;
using outcome = export_result::outcome;

namespace {

struct no_wait final : export_wait {
  outcome wait(int /*descriptor*/, bool /*writable*/, std::uint64_t /*deadline*/) override { return outcome::ready; }
};
struct told final : nanospan::exporter {
  explicit told(std::string called) : name{std::move(called)} {}
  export_result export_batch(batch const& spans, export_wait& /*wait*/) override {
    got.push_back(spans.otlp);
    if (throws) throw std::runtime_error{"no"};
    return says;
  }
  std::uint64_t shutdown(export_wait& /*wait*/) override {
    ++shut;
    if (throws) throw std::runtime_error{"no"};
    return lost;
  }
  nanospan::shared<nanospan::exporter> for_child() const override { return childs; }
  std::string description() const override { return name; }

  std::string name;
  export_result says{};
  bool throws = false;
  std::uint64_t lost = 0;
  std::vector<std::string> got;
  int shut = 0;
  std::shared_ptr<told> childs;
};
using list = std::vector<std::string>;

struct three {
  std::shared_ptr<told> first = std::make_shared<told>("a");
  std::shared_ptr<told> second = std::make_shared<told>("b");
  std::shared_ptr<told> third = std::make_shared<told>("c");
  composite_exporter all{{first, second, third}};
  no_wait wait;
};

}  // namespace

TEST_CASE("each of several exporters gets each batch, and the first one's word counts") {
  three of;
  of.first->says = {outcome::success, 7, {}, "some"};
  of.second->says = {outcome::failure, 9, {}, "none"};
  auto const result = of.all.export_batch({"one", 1}, of.wait);
  CHECK(result.what == outcome::success);
  CHECK(result.rejected_spans == 7);
  CHECK(result.message == "some");
  of.all.export_batch({"two", 1}, of.wait);
  for (auto const& one : {of.first, of.second, of.third}) CHECK(one->got == list{"one", "two"});
  CHECK(of.all.description() == "a and b and c");
}

TEST_CASE("the first alone gets a batch again, and the next goes to all") {
  three of;
  of.first->says.what = outcome::retry;
  for (int attempt = 0; attempt < 3; ++attempt) CHECK(of.all.export_batch({"one", 1}, of.wait).what == outcome::retry);
  of.all.export_batch({"two", 1}, of.wait);
  CHECK(of.first->got == list{"one", "one", "one", "two"});
  CHECK(of.second->got == list{"one", "two"});
  CHECK(of.third->got == list{"one", "two"});
}

TEST_CASE("one that throws keeps no batch and no end from the others, and from the first it is a failure as ever") {
  three of;
  of.second->throws = true;
  CHECK(of.all.export_batch({"one", 1}, of.wait).what == outcome::success);
  of.all.shutdown(of.wait);
  CHECK(of.first->got == list{"one"});
  CHECK(of.third->got == list{"one"});
  CHECK(of.first->shut == 1);
  CHECK(of.third->shut == 1);
  of.first->throws = true;
  CHECK_THROWS_AS(of.all.export_batch({"two", 1}, of.wait), std::runtime_error);
  CHECK_THROWS_AS(of.all.export_batch({"two", 1}, of.wait), std::runtime_error);
  CHECK(of.third->got == list{"one", "two"});
}

TEST_CASE("what the first has lost at the end is what is lost") {
  three of;
  of.first->lost = 3;
  of.second->lost = 4;
  CHECK(of.all.shutdown(of.wait) == 3);
  for (auto const& one : {of.first, of.second, of.third}) CHECK(one->shut == 1);
}

TEST_CASE("several exporters are one at least, and none of them null") {
  CHECK_THROWS_AS(composite_exporter{{}}, nanospan::configuration_error);
  CHECK_THROWS_AS((composite_exporter{{std::make_shared<told>("a"), nullptr}}), nanospan::configuration_error);
}

TEST_CASE("a forked child's are those that there is another one of") {
  three of;
  of.first->childs = std::make_shared<told>("a of the child");
  of.third->childs = std::make_shared<told>("c of the child");
  auto const child = of.all.for_child();
  REQUIRE(child != nullptr);
  CHECK(child->description() == "a of the child and c of the child");
  of.first->childs->says = {outcome::success, 7, {}, "some"};
  CHECK(child->export_batch({"one", 1}, of.wait).rejected_spans == 7);
  CHECK(of.first->childs->got == list{"one"});
  CHECK(of.third->childs->got == list{"one"});
  for (auto const& parents : {of.first, of.second, of.third}) CHECK(parents->got.empty());
}

TEST_CASE("without another one of the first a forked child has none: it alone says what becomes of a batch") {
  three of;
  of.second->childs = std::make_shared<told>("b of the child");
  CHECK(of.all.for_child() == nullptr);
}
