// SPDX-License-Identifier: Apache-2.0

#include <nanospan/configuration.hpp>
#include <nanospan/resource.hpp>

#include "catch.hpp"

#include "support/variables.hpp"

#include <cstdlib>

#include <unistd.h>

using nanospan::duration;
using nanospan::log_level;
using nanospan::options;
using nanospan::span_limits;
using nanospan::detail::configuration;
using nanospan::detail::environment;
using support::variables;

namespace {

constexpr duration for_ever = duration::of_nanoseconds((std::numeric_limits<std::int64_t>::max)());
duration milliseconds(std::int64_t count) { return duration::of_milliseconds(count); }

std::vector<std::string> reported;
void report(std::string_view line) noexcept { reported.emplace_back(line); }

options completed(options with = {}) {
  reported.clear();
  with.on_message = report;
  environment const env{nanospan::detail::messages_of(with)};
  configuration configured{with, env};
  configured.check();
  configured.complete();
  return with;
}
// One line that names the variable and its value.
bool reported_once(std::string const& name, std::string const& value) { return reported.size() == 1 && reported[0].starts_with(name + "=\"" + value + "\" is ignored: "); }

std::string sampler_of(options const& with) { return with.sampler == nullptr ? "(none)" : with.sampler->description(); }
std::string exporter_of(options const& with) { return with.exporter == nullptr ? "(none)" : with.exporter->description(); }

// All that variables may change, as a text.
std::string all_of(options with) {
  with = completed(std::move(with));
  std::string all = sampler_of(with) + "\n" + exporter_of(with) + "\n" + (with.disabled ? "disabled\n" : "enabled\n");
  auto const add = [&](std::uint64_t number) { all += std::to_string(number) + " "; };
  for (std::size_t const number : {with.limits.attribute_count, with.limits.attribute_value_length, with.limits.event_count, with.limits.link_count, with.limits.attribute_count_per_event,
                                   with.limits.attribute_count_per_link, with.max_batch_spans, with.max_queue_bytes})
    add(number);
  for (duration const one : {with.export_timeout, with.retry_limit, with.schedule_delay}) add(static_cast<std::uint64_t>(one.nanoseconds()));
  for (auto const& [name, value] : with.headers) all += name + ": " + value + "\n";
  nanospan::options no_instance = with;
  no_instance.resource_detectors.service_instance = false;
  return all + nanospan::detail::resource::of(no_instance, environment{report}).encoded();
}

}  // namespace

// ---- every variable ---------------------------------------------------------------------------------------------------------

TEST_CASE("every variable is read") {
  variables const clean;
  std::string const without = all_of({});
  REQUIRE(reported.empty());
  for (auto const& [name, value] : {std::pair{"OTEL_SDK_DISABLED", "true"},
                                    {"OTEL_SERVICE_NAME", "a"},
                                    {"OTEL_RESOURCE_ATTRIBUTES", "a=b"},
                                    {"OTEL_TRACES_SAMPLER", "always_on"},
                                    {"OTEL_TRACES_EXPORTER", "console"},
                                    {"OTEL_BSP_SCHEDULE_DELAY", "1"},
                                    {"OTEL_BSP_EXPORT_TIMEOUT", "1"},
                                    {"OTEL_BSP_MAX_QUEUE_SIZE", "100000"},
                                    {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"},
                                    {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1"},
                                    {"OTEL_ATTRIBUTE_COUNT_LIMIT", "1"},
                                    {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1"},
                                    {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"},
                                    {"OTEL_SPAN_EVENT_COUNT_LIMIT", "1"},
                                    {"OTEL_SPAN_LINK_COUNT_LIMIT", "1"},
                                    {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "1"},
                                    {"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "1"},
                                    {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"},
                                    {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://a"},
                                    {"OTEL_EXPORTER_OTLP_HEADERS", "a=b"},
                                    {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b"},
                                    {"OTEL_EXPORTER_OTLP_TIMEOUT", "1"},
                                    {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1"}}) {
    CAPTURE(name);
    {
      variables const set{{name, value}};
      CHECK(all_of({}) != without);
      CHECK(reported.empty());
    }
    variables const empty{{name, ""}};
    CHECK(all_of({}) == without);
    CHECK(reported.empty());
  }
}

TEST_CASE("a bad value of every variable is reported by its name, once, and is as good as none") {
  variables const clean;
  std::string const without = all_of({});
  for (auto const& [name, value] : {std::pair{"OTEL_SDK_DISABLED", "yes"},
                                    {"OTEL_RESOURCE_ATTRIBUTES", "a=b,c"},
                                    {"OTEL_TRACES_SAMPLER", "jaeger_remote"},
                                    {"OTEL_TRACES_SAMPLER", "xray"},
                                    {"OTEL_TRACES_SAMPLER", "always"},
                                    {"OTEL_TRACES_EXPORTER", "zipkin"},
                                    {"OTEL_LOG_LEVEL", "verbose"},
                                    {"OTEL_BSP_SCHEDULE_DELAY", "5s"},
                                    {"OTEL_BSP_EXPORT_TIMEOUT", "-1"},
                                    {"OTEL_BSP_MAX_QUEUE_SIZE", "0"},
                                    {"OTEL_BSP_MAX_QUEUE_SIZE", "2147483648"},
                                    {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"},
                                    {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many"},
                                    {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1"},
                                    {"OTEL_ATTRIBUTE_COUNT_LIMIT", "1.5"},
                                    {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "none"},
                                    {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-1"},
                                    {"OTEL_SPAN_EVENT_COUNT_LIMIT", "1 "},
                                    {"OTEL_SPAN_LINK_COUNT_LIMIT", "0x1"},
                                    {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "+1"},
                                    {"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "99999999999999999999"},
                                    {"OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"},
                                    {"OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost:4318"},
                                    {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://"},
                                    {"OTEL_EXPORTER_OTLP_TIMEOUT", "10s"},
                                    {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "-1"},
                                    {"OTEL_EXPORTER_OTLP_COMPRESSION", "deflate"},
                                    {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd"},
                                    {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
                                    {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"},
                                    {"OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem"},
                                    {"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "ca.pem"},
                                    {"OTEL_EXPORTER_OTLP_CLIENT_KEY", "key.pem"},
                                    {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "key.pem"},
                                    {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "cert.pem"},
                                    {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "cert.pem"}}) {
    CAPTURE(name, value);
    variables const set{{name, value}};
    CHECK(all_of({}) == without);
    CAPTURE(reported);
    CHECK(reported_once(name, value));
  }
  for (char const* name : {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"}) {
    variables const set{{name, "key"}};
    CHECK(all_of({}) == without);
    CHECK(reported_once(name, "\xe2\x80\xa6"));
  }
}

TEST_CASE("the code wins over every variable") {
  variables const clean;
  options said;
  said.service_name = "service";
  said.resource_attributes = {{"a", "code"}};
  said.sampler = nanospan::shared<nanospan::sampler const>::make<nanospan::always_off_sampler>();
  said.endpoint = "http://code";
  said.export_timeout = milliseconds(10'000);  // what would be there without it, too
  said.retry_limit = milliseconds(60'000);
  said.schedule_delay = milliseconds(5'000);
  said.max_batch_spans = 512;
  said.max_queue_bytes = 16u << 20;
  said.limits = {128, span_limits::unlimited, 128, 128, 128, 128};
  said.log_level = log_level::info;
  std::string const alone = all_of(said);
  variables const set{{"OTEL_SERVICE_NAME", "variable"},
                      {"OTEL_RESOURCE_ATTRIBUTES", "a=variable,service.name=attribute"},
                      {"OTEL_TRACES_SAMPLER", "always_on"},
                      {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://variable"},
                      {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://variable"},
                      {"OTEL_EXPORTER_OTLP_TIMEOUT", "1"},
                      {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2"},
                      {"OTEL_BSP_EXPORT_TIMEOUT", "3"},
                      {"OTEL_BSP_SCHEDULE_DELAY", "4"},
                      {"OTEL_BSP_MAX_QUEUE_SIZE", "5"},
                      {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5"},
                      {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "6"},
                      {"OTEL_ATTRIBUTE_COUNT_LIMIT", "7"},
                      {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "8"},
                      {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "9"},
                      {"OTEL_SPAN_EVENT_COUNT_LIMIT", "10"},
                      {"OTEL_SPAN_LINK_COUNT_LIMIT", "11"},
                      {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "12"},
                      {"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "13"},
                      {"OTEL_LOG_LEVEL", "none"}};
  CHECK(all_of(said) == alone);
  variables const exporter{{"OTEL_TRACES_EXPORTER", "none"}};
  said.exporter = std::make_shared<nanospan::memory_exporter>();
  CHECK(exporter_of(completed(said)) == said.exporter->description());
}

// ---- limits and batches -----------------------------------------------------------------------------------------------------

TEST_CASE("limits are OpenTelemetry's where nobody says otherwise") {
  variables const clean;
  span_limits const limits = completed().limits;
  CHECK(limits.attribute_count == 128);
  CHECK(limits.attribute_value_length == span_limits::unlimited);
  CHECK(limits.event_count == 128);
  CHECK(limits.link_count == 128);
  CHECK(limits.attribute_count_per_event == 128);
  CHECK(limits.attribute_count_per_link == 128);
}

TEST_CASE("the general limit of attributes is that of spans, events and links, unless they have one of their own") {
  variables const clean;
  variables const general{{"OTEL_ATTRIBUTE_COUNT_LIMIT", "10"}, {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "20"}};
  span_limits limits = completed().limits;
  CHECK(limits.attribute_count == 10);
  CHECK(limits.attribute_count_per_event == 10);
  CHECK(limits.attribute_count_per_link == 10);
  CHECK(limits.attribute_value_length == 20);
  CHECK(limits.event_count == 128);
  CHECK(limits.link_count == 128);
  variables const own{{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"}, {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2"}, {"OTEL_SPAN_EVENT_COUNT_LIMIT", "3"},
                      {"OTEL_SPAN_LINK_COUNT_LIMIT", "4"},      {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "5"},       {"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "0"}};
  limits = completed().limits;
  CHECK(limits.attribute_count == 1);
  CHECK(limits.attribute_value_length == 2);
  CHECK(limits.event_count == 3);
  CHECK(limits.link_count == 4);
  CHECK(limits.attribute_count_per_event == 5);
  CHECK(limits.attribute_count_per_link == 0);
  options said;
  said.limits.attribute_count = 0;
  said.limits.attribute_value_length = span_limits::unlimited;
  limits = completed(said).limits;
  CHECK(limits.attribute_count == 0);
  CHECK(limits.attribute_value_length == span_limits::unlimited);
  CHECK(limits.event_count == 3);
  CHECK(reported.empty());
}

TEST_CASE("a bad limit of spans leaves the general one") {
  variables const clean;
  variables const set{{"OTEL_ATTRIBUTE_COUNT_LIMIT", "10"}, {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "x"}};
  CHECK(completed().limits.attribute_count == 10);
  CHECK(reported_once("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "x"));
}

TEST_CASE("a count beyond 4,096 is reported, and 4,096 is used, and a length has no such bound") {
  variables const clean;
  for (char const* name : {"OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
                           "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"}) {
    CAPTURE(name);
    {
      variables const set{{name, "4096"}};
      completed();
      CHECK(reported.empty());
    }
    variables const set{{name, "4097"}};
    span_limits const limits = completed().limits;
    CHECK(std::max({limits.attribute_count, limits.event_count, limits.link_count, limits.attribute_count_per_event, limits.attribute_count_per_link}) == 4'096);
    REQUIRE(reported.size() == 1);
    CHECK(reported[0].starts_with(name + std::string{" is 4097; 4096 is used"}));
  }
  variables const length{{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1000000"}};
  CHECK(completed().limits.attribute_value_length == 1'000'000);
  CHECK(reported.empty());
}

TEST_CASE("batches and the queue are what nobody said otherwise") {
  variables const clean;
  options const with = completed();
  CHECK(with.max_batch_spans == 512);
  CHECK(with.max_queue_bytes == 16u << 20);
  CHECK(with.schedule_delay == milliseconds(5'000));
  CHECK(with.retry_limit == milliseconds(60'000));
  CHECK(with.export_timeout == milliseconds(10'000));
}

TEST_CASE("a queue that is counted in spans becomes bytes, a KiB for each and no less than a batch") {
  variables const clean;
  auto const queue = [](char const* spans, options with = {}) {
    variables const set{{"OTEL_BSP_MAX_QUEUE_SIZE", spans}};
    std::size_t const bytes = completed(std::move(with)).max_queue_bytes;
    CHECK(reported.empty());
    return bytes;
  };
  CHECK(queue("10000") == std::size_t{10'000} * 1024);
  CHECK(queue("2048") == 4u << 20);
  CHECK(queue("1") == 4u << 20);
  CHECK(queue("2147483647") == std::size_t{2'147'483'647} * 1024);
  options small;
  small.max_batch_bytes = 1'024;
  CHECK(queue("1", small) == 1'024);
  CHECK(queue("2", small) == 2'048);
  options large;
  large.max_batch_bytes = 16u << 20;
  CHECK(queue("2048", large) == 16u << 20);
}

TEST_CASE("what memory there is for rings and for all follows from what the other options say") {
  variables const clean;
  constexpr std::size_t mebibyte = 1u << 20;
  auto const limits_of = [](auto&& say) {
    options with;
    say(with);
    with = completed(std::move(with));
    return std::pair{with.ring_memory_limit_bytes, with.memory_limit_bytes};
  };
  CHECK(limits_of([](options&) {}) == std::pair{64 * mebibyte, 96 * mebibyte});
  CHECK(limits_of([](options& o) { o.ring_memory_limit_bytes = 10 * mebibyte; }) == std::pair{10 * mebibyte, 42 * mebibyte});
  CHECK(limits_of([](options& o) { o.max_queue_bytes = 100 * mebibyte; }) == std::pair{64 * mebibyte, 180 * mebibyte});
  CHECK(limits_of([](options& o) { o.max_queue_bytes = ~std::size_t{0}; }) == std::pair{64 * mebibyte, ~std::size_t{0}});
  CHECK(limits_of([](options& o) { o.memory_limit_bytes = 200 * mebibyte; }) == std::pair{64 * mebibyte, 200 * mebibyte});
  CHECK(limits_of([](options& o) { o.memory_limit_bytes = 30 * mebibyte; }) == std::pair{20 * mebibyte, 30 * mebibyte});
  CHECK(limits_of([](options& o) { o.memory_limit_bytes = 15 * mebibyte; }) == std::pair{7 * mebibyte, 15 * mebibyte});
}

TEST_CASE("a batch is as many spans as the variable says, and never more than the queue") {
  variables const clean;
  {
    variables const set{{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2048"}};
    CHECK(completed().max_batch_spans == 2'048);
  }
  {
    variables const set{{"OTEL_BSP_MAX_QUEUE_SIZE", "100"}};
    CHECK(completed().max_batch_spans == 100);
  }
  {
    variables const set{{"OTEL_BSP_MAX_QUEUE_SIZE", "100"}, {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100"}};
    CHECK(completed().max_batch_spans == 100);
  }
  CHECK(reported.empty());
  variables const set{{"OTEL_BSP_MAX_QUEUE_SIZE", "100"}, {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "101"}};
  CHECK(completed().max_batch_spans == 100);
  CHECK(reported_once("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "101"));
}

TEST_CASE("a timeout of nothing is none, a delay of nothing is none, and a retry of nothing is an option's only") {
  variables const clean;
  variables const set{{"OTEL_BSP_EXPORT_TIMEOUT", "0"}, {"OTEL_BSP_SCHEDULE_DELAY", "0"}, {"OTEL_EXPORTER_OTLP_TIMEOUT", "0"}};
  options with = completed();
  CHECK(with.retry_limit == for_ever);
  CHECK(with.schedule_delay == duration{});
  CHECK(with.export_timeout == duration{});  // none
  options said;
  said.retry_limit = duration{};
  said.export_timeout = milliseconds(1);
  with = completed(said);
  CHECK(with.retry_limit == duration{});
  CHECK(with.export_timeout == milliseconds(1));
  CHECK(reported.empty());
}

// ---- the sampler ------------------------------------------------------------------------------------------------------------

TEST_CASE("each sampler that the variable may name") {
  variables const clean;
  std::string const rest = ",remoteParentSampled:AlwaysOnSampler,remoteParentNotSampled:AlwaysOffSampler,localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOffSampler}";
  auto const below = [&](std::string const& root) { return "ParentBased{root:" + root + rest; };
  CHECK(sampler_of(completed()) == below("AlwaysOnSampler"));
  for (auto const& [name, argument, description] : {std::tuple{"always_on", "", std::string{"AlwaysOnSampler"}},
                                                    {"ALWAYS_OFF", "", "AlwaysOffSampler"},
                                                    {"always_off", "0.5", "AlwaysOffSampler"},
                                                    {"traceidratio", "0.25", "TraceIdRatioBased{0.25}"},
                                                    {"traceidratio", "", "TraceIdRatioBased{1}"},
                                                    {"traceidratio", "0", "TraceIdRatioBased{0}"},
                                                    {" parentbased_always_on ", "", below("AlwaysOnSampler")},
                                                    {"parentbased_always_off", "", below("AlwaysOffSampler")},
                                                    {"ParentBased_TraceIdRatio", "0.125", below("TraceIdRatioBased{0.125}")},
                                                    {"parentbased_traceidratio", "", below("TraceIdRatioBased{1}")}}) {
    CAPTURE(name, argument);
    variables const set{{"OTEL_TRACES_SAMPLER", name}, {"OTEL_TRACES_SAMPLER_ARG", argument}};
    CHECK(sampler_of(completed()) == description);
    CHECK(reported.empty());
  }
}

TEST_CASE("a bad argument of a sampler is reported, and the ratio is 1") {
  variables const clean;
  for (char const* argument : {"1.5", "-0.1", "half", "nan", "50%"}) {
    CAPTURE(argument);
    variables const set{{"OTEL_TRACES_SAMPLER", "traceidratio"}, {"OTEL_TRACES_SAMPLER_ARG", argument}};
    CHECK(sampler_of(completed()) == "TraceIdRatioBased{1}");
    CHECK(reported_once("OTEL_TRACES_SAMPLER_ARG", argument));
  }
  variables const alone{{"OTEL_TRACES_SAMPLER_ARG", "half"}};  // only used with a sampler
  completed();
  CHECK(reported.empty());
}

// ---- where spans go ---------------------------------------------------------------------------------------------------------

TEST_CASE("each exporter that the variable may name, and several") {
  variables const clean;
  std::string const otlp = exporter_of(completed());
  CHECK(otlp.starts_with("OTLP/HTTP at http://localhost:4318/v1/traces"));
  for (auto const& [value, description] : {std::pair{"otlp", otlp}, {"OTLP", otlp}, {" otlp , otlp", otlp}, {",", otlp}, {"console", std::string{"the console"}}, {"none", std::string{"(none)"}}, {" None,none", std::string{"(none)"}},
                                           {"otlp,console", otlp + " and the console"}, {"console, otlp", otlp + " and the console"}}) {
    CAPTURE(value);
    variables const set{{"OTEL_TRACES_EXPORTER", value}};
    CHECK(exporter_of(completed()) == description);
    CHECK(reported.empty());
  }
  for (auto const& [value, bad, description] : {std::tuple{"zipkin,console", "zipkin", std::string{"the console"}}, {"logging", "logging", otlp}, {"none,console", "none", std::string{"the console"}}, {"none,x", "x", std::string{"(none)"}}}) {
    CAPTURE(value);
    variables const set{{"OTEL_TRACES_EXPORTER", value}};
    CHECK(exporter_of(completed()) == description);
    CHECK(reported_once("OTEL_TRACES_EXPORTER", bad));
  }
}

TEST_CASE("nothing is exported where the SDK is disabled, by the variable or by the option") {
  variables const clean;
  {
    variables const set{{"OTEL_SDK_DISABLED", "True"}, {"OTEL_EXPORTER_OTLP_ENDPOINT", "bad"}};
    options const with = completed();
    CHECK(with.disabled);
    CHECK(with.exporter == nullptr);
    CHECK(reported.empty());
  }
  options said;
  said.disabled = true;
  variables const set{{"OTEL_SDK_DISABLED", "false"}};
  CHECK(completed(said).exporter == nullptr);
}

TEST_CASE("a variable for traces wins over the one for all signals, and a bad one leaves it") {
  variables const clean;
  variables const general{{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://general:1"}, {"OTEL_EXPORTER_OTLP_HEADERS", "a=general"}, {"OTEL_EXPORTER_OTLP_TIMEOUT", "1"}, {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
                          {"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"}};
  {
    variables const traces{{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:2/x"}, {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=traces"}, {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2"},
                           {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "HTTP/protobuf"}, {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"}};
    options said;
    said.headers = {{"c", "code"}};
    options const with = completed(said);
    CHECK(exporter_of(with).starts_with("OTLP/HTTP at http://traces:2/x"));
    CHECK((with.headers == nanospan::detail::pair_list{{"b", "traces"}, {"c", "code"}}));
    CHECK(with.export_timeout == milliseconds(2));
    CHECK(with.compression == nanospan::compression::none);
    CHECK(reported.empty());
  }
  variables const traces{{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "traces"}, {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "traces"}, {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "traces"},
                         {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "traces"}, {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "traces"}};
  options const with = completed();
  CHECK(exporter_of(with).starts_with("OTLP/HTTP at http://general:1/v1/traces"));
  CHECK((with.headers == nanospan::detail::pair_list{{"a", "general"}}));
  CHECK(with.export_timeout == milliseconds(1));
  CHECK(with.compression == nanospan::compression::gzip);
  CHECK(reported.size() == 6);
}

// ---- messages ---------------------------------------------------------------------------------------------------------------

TEST_CASE("the level decides which messages are passed on, the option over the variable") {
  variables const clean;
  auto const passed = [](options with) {
    with.on_message = report;
    auto const messages = nanospan::detail::messages_of(with);
    reported.clear();
    for (auto const& [level, line] : {std::pair{log_level::error, "error"}, {log_level::warn, "warn"}, {log_level::info, "info"}, {log_level::debug, "debug"}}) messages.say(level, line);
    return reported;
  };
  using lines = std::vector<std::string>;
  std::pair<char const*, lines> const levels[] = {{"none", {}}, {"error", {"error"}}, {"WARN", {"error", "warn"}}, {"info", {"error", "warn", "info"}}, {"debug", {"error", "warn", "info", "debug"}}, {"", {"error", "warn", "info"}},
                                                  {"bad", {"error", "warn", "info"}}};
  for (auto const& [value, expected] : levels) {
    CAPTURE(value);
    variables const set{{"OTEL_LOG_LEVEL", value}};
    CHECK(passed({}) == expected);
    options said;
    said.log_level = log_level::warn;
    CHECK(passed(said) == lines{"error", "warn"});
  }
}

TEST_CASE("an ignored variable is a warning, and what was chosen is told to who debugs") {
  variables const clean;
  {
    variables const set{{"OTEL_LOG_LEVEL", "error"}, {"OTEL_TRACES_SAMPLER", "bad"}};
    completed();
    CHECK(reported.empty());
  }
  options said;
  said.log_level = log_level::debug;
  completed(said);
  REQUIRE(reported.size() == 1);
  CHECK(reported[0].starts_with("sending to OTLP/HTTP at http://localhost:4318/v1/traces"));
  CHECK(reported[0].find("; sampler ParentBased{") != std::string::npos);
}
