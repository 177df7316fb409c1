// SPDX-License-Identifier: Apache-2.0

#include <nanospan/resource.hpp>

#include "catch.hpp"

#include <nanospan/otlp.hpp>

#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>
#include <tuple>

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

resource detect(nanospan::options const& with = {}) { return resource::of(with, environment{report}); }
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
bool has(resource const& made, std::string_view key) { return text_of(made, key) != "(none)"; }
nanospan::options only(nanospan::resource_detectors detectors) {
  nanospan::options with;
  with.resource_detectors = detectors;
  return with;
}
constexpr nanospan::resource_detectors no_detector{false, false, false, false, false, false, false, false};
std::string output_of(char const* command) {
  std::string output;
  FILE* const pipe = ::popen(command, "r");
  REQUIRE(pipe != nullptr);
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
  REQUIRE(::pclose(pipe) == 0);
  while (!output.empty() && output.back() == '\n') output.pop_back();
  return output;
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

TEST_CASE("libprotobuf reads every type of attribute as what it was, and no limit applies") {
  variables const set{nullptr, nullptr};
  nanospan::options with;
  with.limits = {0, 0, 0, 0, 0, 0};
  constexpr auto least = (std::numeric_limits<std::int64_t>::min)();
  with.resource_attributes = {{"text", "x"}, {"yes", true}, {"no", false}, {"int", -1}, {"least", least}, {"double", 0.1}, {"zero", 0.0}, {"none", 0}};
  for (int at = 0; at < 1'000; ++at) with.resource_attributes.emplace_back("many." + std::to_string(at), std::int64_t{at});
  opentelemetry::proto::resource::v1::Resource read;
  REQUIRE(read.ParseFromString(detect(with).encoded()));
  std::map<std::string, opentelemetry::proto::common::v1::AnyValue> by_key;
  for (auto const& one : read.attributes()) by_key[one.key()] = one.value();
  CHECK(by_key.at("text").string_value() == "x");
  REQUIRE(by_key.at("yes").has_bool_value());
  CHECK(by_key.at("yes").bool_value());
  REQUIRE(by_key.at("no").has_bool_value());
  CHECK_FALSE(by_key.at("no").bool_value());
  CHECK(by_key.at("int").int_value() == -1);
  CHECK(by_key.at("least").int_value() == least);
  CHECK(by_key.at("double").double_value() == 0.1);
  REQUIRE(by_key.at("zero").has_double_value());
  CHECK(by_key.at("zero").double_value() == 0.0);
  REQUIRE(by_key.at("none").has_int_value());
  CHECK(by_key.at("many.999").int_value() == 999);
  CHECK(by_key.at("service.name").string_value().size() > 1);
  CHECK(read.dropped_attributes_count() == 0);
}

// ---- merging ----------------------------------------------------------------------------------------------------------------

TEST_CASE("the updating resource wins, an empty value included, and the other's order stays") {
  resource old{{{"a", "1"}, {"b", "2"}, {"c", "3"}}, ""};
  CHECK(old.merge({{{"d", "5"}, {"b", ""}, {"c", 4}}, ""}));
  CHECK((old.attributes() == nanospan::attribute_list{{"a", "1"}, {"b", ""}, {"c", 4}, {"d", "5"}}));
}

TEST_CASE("a merged schema URL is the one that there is, and two that differ are an error, and there is none") {
  auto const merged = [](char const* old, char const* updating, bool agree) {
    resource made{{}, old};
    CHECK(made.merge({{{"key", "value"}}, updating}) == agree);
    CHECK(text_of(made, "key") == "value");
    return made.schema_url();
  };
  CHECK(merged("", "", true).empty());
  CHECK(merged("a", "", true) == "a");
  CHECK(merged("", "b", true) == "b");
  CHECK(merged("a", "a", true) == "a");
  CHECK(merged("a", "b", false).empty());
}

TEST_CASE("the schema URL is the detectors', the options' where none is on, and none where they differ, which is reported") {
  variables const set{"a=b", "c"};
  std::string const detectors = nanospan::detail::conventions_schema_url;
  CHECK(detect().schema_url() == detectors);
  CHECK(detect(only({false, false, false, true, false, false, false, false})).schema_url() == detectors);
  nanospan::options with = only(no_detector);
  CHECK(detect(with).schema_url().empty());
  with.resource_schema_url = "https://example.org/schemas/2";
  CHECK(detect(with).schema_url() == "https://example.org/schemas/2");
  with.resource_detectors = {};
  with.resource_schema_url = detectors;
  CHECK(detect(with).schema_url() == detectors);
  CHECK(reported.empty());

  with.resource_schema_url = "https://example.org/schemas/2";
  resource const made = detect(with);
  CHECK(made.schema_url().empty());
  CHECK(has(made, "os.type"));
  REQUIRE(reported.size() == 1);
  CHECK(reported[0].find("options.resource_schema_url is \"https://example.org/schemas/2\"") == 0);
}

TEST_CASE("a resource's schema URL is ResourceSpans' own, in every batch") {
  variables const set{nullptr, nullptr};
  std::string const url = "https://example.org/schemas/" + std::string(5'000, '2');
  nanospan::detail::otlp_encoder encoder{detect().encoded(), url};
  for (int batch = 0; batch < 3; ++batch) {
    opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest read;
    std::string const sent = encoder.cut().otlp;
    REQUIRE(read.ParseFromString(sent));
    REQUIRE(read.resource_spans_size() == 1);
    CHECK(read.resource_spans(0).schema_url() == url);
    CHECK(read.resource_spans(0).scope_spans(0).schema_url().empty());
    CHECK(read.resource_spans(0).scope_spans(0).scope().name() == "nanospan");
    CHECK(read.resource_spans(0).resource().attributes_size() == 8);
    CHECK(read.SerializeAsString() == sent);
    if (batch == 1) encoder.clear();
  }
  opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest read;
  REQUIRE(read.ParseFromString(nanospan::detail::otlp_encoder{detect().encoded()}.cut().otlp));
  CHECK(read.resource_spans(0).schema_url().empty());
}

// ---- detectors --------------------------------------------------------------------------------------------------------------

TEST_CASE("what is cheap is detected, and nothing that may be secret or take time") {
  variables const set{nullptr, nullptr};
  resource const made = detect();
  CHECK(made.attributes().size() == 8);
  for (char const* key : {"service.name", "telemetry.sdk.name", "telemetry.sdk.language", "telemetry.sdk.version", "service.instance.id", "process.pid", "host.name", "os.type"}) {
    CAPTURE(key);
    CHECK(has(made, key));
  }
  CHECK(detect(only(no_detector)).attributes().size() == 4);
}

TEST_CASE("a service instance is a random UUID, and each provider's own") {
  variables const set{nullptr, nullptr};
  std::set<std::string> seen;
  for (int round = 0; round < 200; ++round) {
    std::string const id = text_of(detect(), "service.instance.id");
    CAPTURE(id);
    REQUIRE(id.size() == 36);
    for (std::size_t at = 0; at < id.size(); ++at) {
      if (at == 8 || at == 13 || at == 18 || at == 23) CHECK(id[at] == '-');
      else CHECK(std::string_view{"0123456789abcdef"}.find(id[at]) != std::string_view::npos);
    }
    CHECK(id[14] == '4');
    CHECK(std::string_view{"89ab"}.find(id[19]) != std::string_view::npos);
    seen.insert(id);
  }
  CHECK(seen.size() == 200);
}

TEST_CASE("what is given wins over what is detected") {
  variables const set{"service.instance.id=mine,os.type=toaster", nullptr};
  nanospan::options with;
  with.resource_attributes = {{"process.pid", "a text"}};
  resource const made = detect(with);
  CHECK(text_of(made, "service.instance.id") == "mine");
  CHECK(text_of(made, "os.type") == "toaster");
  CHECK(text_of(made, "process.pid") == "a text");
}

TEST_CASE("each detector adds its keys and no others") {
  variables const set{nullptr, nullptr};
  auto const keys = [](bool nanospan::resource_detectors::*which) {
    nanospan::resource_detectors detectors = no_detector;
    detectors.*which = true;
    std::vector<std::string> added;
    resource const made = detect(only(detectors));
    for (auto const& [key, value] : made.attributes())
      if (key != "service.name" && !key.starts_with("telemetry.sdk.")) added.push_back(key);
    return added;
  };
  using list = std::vector<std::string>;
  using detectors = nanospan::resource_detectors;
  CHECK(keys(&detectors::service_instance) == list{"service.instance.id"});
  CHECK(keys(&detectors::process_id) == list{"process.pid"});
  CHECK(keys(&detectors::host_name) == list{"host.name"});
  CHECK(keys(&detectors::os_type) == list{"os.type"});
  CHECK(keys(&detectors::process) == list{"process.executable.name", "process.executable.path", "process.creation.time", "process.owner"});
  CHECK(keys(&detectors::process_command) == list{"process.command_line"});
  list host = keys(&detectors::host);
  CHECK(host.back() == "host.arch");
  CHECK((host.size() == 1 || host == list{"host.id", "host.arch"}));  // a container may have no machine-id
  list const os = keys(&detectors::os);
  REQUIRE(!os.empty());
  CHECK(os.front() == "os.name");
  CHECK((os.size() == 1 || os == list{"os.name", "os.version"}));  // a rolling distribution has none
}

TEST_CASE("what is detected is what the system's own tools say") {
  variables const set{nullptr, nullptr};
  resource const made = detect(only({false, false, true, true, true, true, true, true}));
  CHECK(text_of(made, "host.name") == output_of("uname -n"));
  CHECK(text_of(made, "os.type") == "linux");
  CHECK(text_of(made, "process.owner") == output_of("id -un"));
  CHECK(text_of(made, "process.executable.name") == executable());
  CHECK(text_of(made, "process.executable.path").ends_with("/" + executable()));
  CHECK(text_of(made, "process.command_line").find(executable()) != std::string::npos);
  CHECK(text_of(made, "host.arch") == nanospan::detail::host_arch(output_of("uname -m")));
  CHECK(text_of(made, "os.name") == output_of(". /etc/os-release && echo \"$NAME\""));
  std::string const version = output_of(". /etc/os-release && echo \"$VERSION_ID\"");
  CHECK((version.empty() ? !has(made, "os.version") : text_of(made, "os.version") == version));
  std::string const id = output_of("cat /etc/machine-id 2>/dev/null || true");
  CHECK((id.empty() ? !has(made, "host.id") : text_of(made, "host.id") == id));
}

TEST_CASE("a process was created when /proc says, to the millisecond, and at the same time at each look") {
  constexpr char const* stat = "77 (a) b (c)) S 1 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 67 89";
  using nanospan::detail::creation_time;
  CHECK(creation_time(stat, "cpu 1 2\nintr 3 4\nctxt 5\nbtime 1700000000\nprocesses 6\n", 100) == "2023-11-14T22:15:23.450Z");
  CHECK(creation_time(stat, "btime 0", 1'000) == "1970-01-01T00:00:12.345Z");
  CHECK(creation_time("77 (a) S 1 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 7", "btime 0", 1'000) == "1970-01-01T00:00:00.007Z");
  for (auto const& [process, system, ticks] : {std::tuple{"", "btime 0", 100L}, {stat, "", 100L}, {stat, "btime x", 100L}, {stat, "btime 0", 0L}, {"77 (a) S 1 2 3", "btime 0", 100L}, {"77 (a", "btime 0", 100L},
                                               {"77 (a) S 1 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 x", "btime 0", 100L}})
    CHECK_FALSE(creation_time(process, system, ticks));
  auto const look = [] { return text_of(detect(only({false, false, false, false, true, false, false, false})), "process.creation.time"); };
  CHECK(look() == look());
  std::string const today = output_of("date -u +%Y-%m-%dT");
  CHECK(look() <= today + "99");
  CHECK(look() > "2020");
}

TEST_CASE("machines and systems are named in the conventions' words") {
  using nanospan::detail::host_arch;
  using nanospan::detail::os_type;
  for (auto const& [machine, word] : {std::pair{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"arm64", "arm64"}, {"armv7l", "arm32"}, {"armv8l", "arm32"}, {"i386", "x86"}, {"i686", "x86"}, {"ppc", "ppc32"},
                                      {"ppc64", "ppc64"}, {"ppc64le", "ppc64"}, {"s390x", "s390x"}, {"ia64", "ia64"}, {"riscv64", "riscv64"}, {"", ""}})
    CHECK(host_arch(machine) == word);
  for (auto const& [system, word] : {std::pair{"Linux", "linux"}, {"Darwin", "darwin"}, {"FreeBSD", "freebsd"}, {"SunOS", "solaris"}, {"DragonFly", "dragonflybsd"}, {"AIX", "aix"}, {"", ""}})
    CHECK(os_type(system) == word);
}

TEST_CASE("os-release is read with its quotes off, and by the whole key") {
  constexpr char const* text = "PRETTY_NAME=\"Some OS 1\"\nNAME=\"Some OS\"\nVERSION_ID='1.2'\nVERSION=1\nID=some\nEMPTY=\nHALF=\"x\nLAST=\"";
  using nanospan::detail::os_release_value;
  CHECK(os_release_value(text, "NAME") == "Some OS");
  CHECK(os_release_value(text, "VERSION_ID") == "1.2");
  CHECK(os_release_value(text, "VERSION") == "1");
  CHECK(os_release_value(text, "ID") == "some");
  CHECK(os_release_value(text, "EMPTY").empty());
  CHECK(os_release_value(text, "HALF") == "\"x");
  CHECK(os_release_value(text, "LAST") == "\"");
  CHECK(os_release_value(text, "NONE").empty());
  CHECK(os_release_value("", "NAME").empty());
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
