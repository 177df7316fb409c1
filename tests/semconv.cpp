// SPDX-License-Identifier: Apache-2.0

#include <nanospan/semconv.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <string>
#include <string_view>

namespace semconv = nanospan::semconv;
using nanospan::attribute_value;
using support::recorded;

TEST_CASE("a key of the conventions is exported under the name that they give it") {
  recorded all;
  { NANOSPAN_SERVER("GET /item", {nanospan::semconv::http_request_method, "GET"}, {semconv::server_port, 443}); }
  auto const span = all.span();
  REQUIRE(span.attributes.size() == 2);
  CHECK(span.attributes[0] == std::pair{std::string{"http.request.method"}, attribute_value{std::string{"GET"}}});
  CHECK(span.attributes[1] == std::pair{std::string{"server.port"}, attribute_value{std::int64_t{443}}});
}

TEST_CASE("a value of the conventions is the text that they list") {
  recorded all;
  {
    NANOSPAN_CLIENT("SELECT stock", {semconv::db_system_name, semconv::db_system_name_postgresql}, {semconv::http_request_method, semconv::http_request_method_other},
                    {semconv::error_type, semconv::error_type_other});
  }
  auto const span = all.span();
  REQUIRE(span.attributes.size() == 3);
  CHECK(span.attributes[0] == std::pair{std::string{"db.system.name"}, attribute_value{std::string{"postgresql"}}});
  CHECK(span.attributes[1] == std::pair{std::string{"http.request.method"}, attribute_value{std::string{"_OTHER"}}});
  CHECK(span.attributes[2] == std::pair{std::string{"error.type"}, attribute_value{std::string{"_OTHER"}}});
}

TEST_CASE("a key that ends in a name of the user's own is made from its prefix") {
  recorded all;
  std::string const key = std::string{semconv::http_request_header_prefix} + "accept";
  { NANOSPAN("with a header", {nanospan::copied{key}, "*/*"}); }
  auto const span = all.span();
  REQUIRE(span.attributes.size() == 1);
  CHECK(span.attributes[0].first == "http.request.header.accept");
}

TEST_CASE("each namespace that a service speaks of has its keys") {
  auto const text = [](nanospan::literal key) { return std::string_view{key.data(), key.size()}; };
  CHECK(text(semconv::url_full) == "url.full");
  CHECK(text(semconv::client_address) == "client.address");
  CHECK(text(semconv::network_peer_address) == "network.peer.address");
  CHECK(text(semconv::exception_type) == "exception.type");
  CHECK(text(semconv::code_function_name) == "code.function.name");
  CHECK(text(semconv::service_instance_id) == "service.instance.id");
  CHECK(text(semconv::host_name) == "host.name");
  CHECK(text(semconv::process_pid) == "process.pid");
  CHECK(text(semconv::user_agent_original) == "user_agent.original");
  CHECK(text(semconv::deployment_environment_name) == "deployment.environment.name");
  CHECK(text(semconv::telemetry_sdk_name) == "telemetry.sdk.name");
  CHECK(text(semconv::otel_scope_name) == "otel.scope.name");
}
