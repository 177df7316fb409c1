// SPDX-License-Identifier: Apache-2.0

#include <nanospan/detail/otlp_split.hpp>

#include "catch.hpp"

#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace detail = nanospan::detail;
using nanospan::batch;
using opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;

namespace {

// What is said of each span by the request that it is in: everything around it, and itself.
std::vector<std::string> spans_of(ExportTraceServiceRequest const& request) {
  std::vector<std::string> all;
  for (auto const& resource : request.resource_spans())
    for (auto const& scope : resource.scope_spans())
      for (auto const& span : scope.spans())
        all.push_back(resource.resource().SerializeAsString() + "|" + resource.schema_url() + "|" + scope.scope().SerializeAsString() + "|" + scope.schema_url() + "|" +
                      span.SerializeAsString());
  return all;
}
ExportTraceServiceRequest parsed(batch const& one) {
  ExportTraceServiceRequest request;
  REQUIRE(request.ParseFromString(one.otlp));
  return request;
}

// Of so many resources with so many scopes with so many spans as chance wants.
ExportTraceServiceRequest random_request(std::mt19937& random) {
  ExportTraceServiceRequest request;
  int number = 0;
  for (auto resources = random() % 4; resources-- != 0;) {
    auto& resource = *request.add_resource_spans();
    auto& attribute = *resource.mutable_resource()->add_attributes();
    attribute.set_key("service.name");
    attribute.mutable_value()->set_string_value(std::string(random() % 200, 's'));
    resource.set_schema_url("resource " + std::to_string(number));
    for (auto scopes = random() % 4; scopes-- != 0;) {
      auto& scope = *resource.add_scope_spans();
      scope.mutable_scope()->set_name("scope " + std::to_string(++number));
      if (random() % 2 == 0) scope.set_schema_url("scope's " + std::to_string(number));
      for (auto spans = random() % 8; spans-- != 0;) {
        auto& span = *scope.add_spans();
        span.set_name(std::string(random() % 300, 'n') + std::to_string(++number));
        span.set_span_id("12345678");
        span.add_events()->set_name("event");
      }
    }
  }
  return request;
}

}  // namespace

TEST_CASE("the halves of a batch have its spans in their order, each with its resource, scope and schemas") {
  std::mt19937 random{20260101};
  int halved = 0;
  for (int run = 0; run < 2'000; ++run) {
    ExportTraceServiceRequest const whole = random_request(random);
    auto const all = spans_of(whole);
    batch first;
    batch second;
    bool const split = detail::split_in_half({whole.SerializeAsString(), all.size()}, first, second);
    REQUIRE(split == (all.size() > 1));
    if (!split) continue;
    ++halved;
    auto got = spans_of(parsed(first));
    auto const rest = spans_of(parsed(second));
    REQUIRE(got.size() == first.span_count);
    REQUIRE(rest.size() == second.span_count);
    REQUIRE(first.span_count == all.size() / 2);
    got.insert(got.end(), rest.begin(), rest.end());
    REQUIRE(got == all);
  }
  CHECK(halved > 1'000);
}

TEST_CASE("a half has no resource and no scope of which it has no span") {
  ExportTraceServiceRequest whole;
  for (char const* const name : {"a", "b"}) {
    auto& resource = *whole.add_resource_spans();
    resource.set_schema_url(name);
    resource.add_scope_spans()->add_spans()->set_name(name);
  }
  batch first;
  batch second;
  REQUIRE(detail::split_in_half({whole.SerializeAsString(), 2}, first, second));
  REQUIRE(parsed(first).resource_spans_size() == 1);
  CHECK(parsed(first).resource_spans(0).schema_url() == "a");
  REQUIRE(parsed(second).resource_spans_size() == 1);
  CHECK(parsed(second).resource_spans(0).schema_url() == "b");
}

TEST_CASE("fields of a newer schema are in both halves") {
  ExportTraceServiceRequest whole;
  auto& resource = *whole.add_resource_spans();
  resource.GetReflection()->MutableUnknownFields(&resource)->AddVarint(1'000, 7);
  auto& scope = *resource.add_scope_spans();
  scope.GetReflection()->MutableUnknownFields(&scope)->AddFixed64(2'000, 8);
  scope.add_spans()->set_name("a");
  scope.add_spans()->set_name("b");
  batch first;
  batch second;
  REQUIRE(detail::split_in_half({whole.SerializeAsString(), 2}, first, second));
  for (batch const* const half : {&first, &second}) {
    auto const request = parsed(*half);
    REQUIRE(request.resource_spans_size() == 1);
    auto const& of_resource = request.resource_spans(0);
    CHECK(of_resource.GetReflection()->GetUnknownFields(of_resource).field_count() == 1);
    REQUIRE(of_resource.scope_spans_size() == 1);
    auto const& of_scope = of_resource.scope_spans(0);
    CHECK(of_scope.GetReflection()->GetUnknownFields(of_scope).field_count() == 1);
    CHECK(of_scope.spans_size() == 1);
  }
}

TEST_CASE("what cannot be split is not: one span, none, other spans than it says, bytes that are no protobuf") {
  ExportTraceServiceRequest whole;
  auto& scope = *whole.add_resource_spans()->add_scope_spans();
  scope.add_spans()->set_name("a");
  batch first;
  batch second;
  CHECK_FALSE(detail::split_in_half({whole.SerializeAsString(), 1}, first, second));
  CHECK_FALSE(detail::split_in_half({"", 0}, first, second));
  scope.add_spans()->set_name("b");
  std::string const bytes = whole.SerializeAsString();
  CHECK(detail::split_in_half({bytes, 2}, first, second));
  CHECK_FALSE(detail::split_in_half({bytes, 3}, first, second));
  for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(detail::split_in_half({bytes.substr(0, size), 2}, first, second));
  CHECK_FALSE(detail::split_in_half({bytes + "\x0b", 2}, first, second));
}
