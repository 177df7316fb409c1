// SPDX-License-Identifier: Apache-2.0

#include <nanospan/resource.hpp>

#include "catch.hpp"

#include <opentelemetry/proto/resource/v1/resource.pb.h>

#include <cstdlib>

#include <limits.h>
#include <unistd.h>

using nanospan::detail::environment;
using nanospan::detail::resource;

namespace {

std::vector<std::string> reported;
void report(std::string_view line) noexcept { reported.emplace_back(line); }

// The two variables, for a scope; null for unset.
struct variables {
  variables(char const* attributes, char const* service) {
    set("OTEL_RESOURCE_ATTRIBUTES", attributes);
    set("OTEL_SERVICE_NAME", service);
    reported.clear();
  }
  ~variables() {
    set("OTEL_RESOURCE_ATTRIBUTES", nullptr);
    set("OTEL_SERVICE_NAME", nullptr);
  }
  variables(variables const&) = delete;
  variables& operator=(variables const&) = delete;

 private:
  static void set(char const* name, char const* value) {
    if (value != nullptr)
      ::setenv(name, value, 1);
    else
      ::unsetenv(name);
  }
};

resource detect(nanospan::options const& with = {}) { return resource::detect(with, environment{report}); }
// The attribute's text; "(none)" where there is none, "(not text)" where it is a number.
std::string text_of(resource const& from, std::string_view key) {
  for (auto const& [name, value] : from.attributes()) {
    if (name != key) continue;
    auto const* text = std::get_if<std::string>(&value);
    return text != nullptr ? *text : "(not text)";
  }
  return "(none)";
}
std::string executable() {
  char path[PATH_MAX] = "";
  REQUIRE(::realpath("/proc/self/exe", path) != nullptr);
  std::string const whole = path;
  return whole.substr(whole.rfind('/') + 1);
}

}  // namespace

TEST_CASE("a process that says nothing is an unknown service with its executable's name") {
  variables const set{nullptr, nullptr};
  resource const made = detect();
  CHECK(text_of(made, "service.name") == "unknown_service:" + executable());
  CHECK(text_of(made, "telemetry.sdk.name") == "nanospan");  // "opentelemetry" is reserved for its own
  CHECK(text_of(made, "telemetry.sdk.language") == "cpp");
  CHECK(text_of(made, "telemetry.sdk.version") == NANOSPAN_VERSION);
  char host[256] = "";
  REQUIRE(::gethostname(host, sizeof host - 1) == 0);
  CHECK(text_of(made, "host.name") == host);
  bool has_pid = false;
  for (auto const& [key, value] : made.attributes())
    has_pid |= key == "process.pid" && value == nanospan::attribute_value{std::int64_t{::getpid()}};
  CHECK(has_pid);
  CHECK(reported.empty());
}

TEST_CASE("OTEL_RESOURCE_ATTRIBUTES adds to what was found, and wins over it") {
  variables const set{"deployment.environment.name=stag%20ing,host.name=elsewhere,service.name=a", nullptr};
  resource const made = detect();
  CHECK(text_of(made, "deployment.environment.name") == "stag ing");
  CHECK(text_of(made, "host.name") == "elsewhere");
  CHECK(text_of(made, "service.name") == "a");
}

TEST_CASE("OTEL_SERVICE_NAME wins over OTEL_RESOURCE_ATTRIBUTES") {
  variables const set{"service.name=a", "b%20c"};
  CHECK(text_of(detect(), "service.name") == "b%20c");  // it is no list, nothing is decoded
}

TEST_CASE("options win over the environment") {
  variables const set{"service.name=a,host.name=elsewhere,only.here=1", "b"};
  nanospan::options with;
  with.resource_attributes = {{"service.name", "c"}, {"host.name", "there"}};
  CHECK(text_of(detect(with), "service.name") == "c");
  CHECK(text_of(detect(with), "host.name") == "there");
  CHECK(text_of(detect(with), "only.here") == "1");
  with.service_name = "d";
  CHECK(text_of(detect(with), "service.name") == "d");
}

TEST_CASE("variables that are empty are unset") {
  variables const set{"", ""};
  CHECK(text_of(detect(), "service.name") == "unknown_service:" + executable());
  CHECK(reported.empty());
}

TEST_CASE("a list that is in error is reported by its name and adds nothing") {
  variables const set{"host.name=elsewhere,broken", nullptr};
  resource const made = detect();
  CHECK(text_of(made, "host.name") != "elsewhere");
  REQUIRE(reported.size() == 1);
  CHECK(reported[0].find("OTEL_RESOURCE_ATTRIBUTES=\"host.name=elsewhere,broken\" is ignored") == 0);
}

TEST_CASE("a key is there once, the last one's value in the first one's place") {
  variables const set{"a=1,b=2,a=3", nullptr};
  nanospan::options with;
  with.resource_attributes = {{"b", "4"}, {"c", "5"}, {"c", "6"}};
  auto const made = detect(with).attributes();
  nanospan::attribute_list mine;
  for (auto const& one : made)
    if (one.first.size() == 1) mine.push_back(one);
  CHECK((mine == nanospan::attribute_list{{"a", "3"}, {"b", "4"}, {"c", "6"}}));
}

TEST_CASE("libprotobuf reads what is encoded: the same attributes, in the same order") {
  variables const set{nullptr, nullptr};
  nanospan::options with;
  with.resource_attributes = {{"empty", ""}, {"", "no key"}, {"nul", std::string{"a\0b", 3}}, {"long", std::string(70'000, 'l')}};
  resource const made = detect(with);
  opentelemetry::proto::resource::v1::Resource read;
  REQUIRE(read.ParseFromString(made.encoded()));
  REQUIRE(static_cast<std::size_t>(read.attributes_size()) == made.attributes().size());
  for (int at = 0; at < read.attributes_size(); ++at) {
    auto const& [key, value] = made.attributes()[static_cast<std::size_t>(at)];
    CAPTURE(key);
    CHECK(read.attributes(at).key() == key);
    if (auto const* text = std::get_if<std::string>(&value)) {
      CHECK(read.attributes(at).value().has_string_value());
      CHECK((read.attributes(at).value().string_value() == *text));
    } else {
      CHECK(read.attributes(at).value().int_value() == std::get<std::int64_t>(value));
    }
  }
  CHECK(read.GetReflection()->GetUnknownFields(read).empty());
}

TEST_CASE("keys and values that are no UTF-8 are repaired when they are encoded") {
  variables const set{nullptr, nullptr};
  nanospan::options with;
  with.service_name = std::string(1'000, '\xff');
  with.resource_attributes = {{"caf\xe9", "\xc3"}};
  opentelemetry::proto::resource::v1::Resource read;
  REQUIRE(read.ParseFromString(detect(with).encoded()));
  CHECK(read.attributes(0).key() == "service.name");
  CHECK(read.attributes(0).value().string_value().size() == 3'000);
  auto const& last = read.attributes(read.attributes_size() - 1);
  CHECK(last.key() == "caf\xef\xbf\xbd");
  CHECK(last.value().string_value() == "\xef\xbf\xbd");
}
