// SPDX-License-Identifier: Apache-2.0
#pragma once

// The options as the provider will use them: checked, and completed from the environment. Constructor's thread.

#include <nanospan/detail/guest_thread.hpp>
#include <nanospan/detail/joined.hpp>
#include <nanospan/detail/url.hpp>
#include <nanospan/environment.hpp>
#include <nanospan/exporter.hpp>

#include <algorithm>
#include <bit>

namespace nanospan::inline v0::detail {

class configuration {
 public:
  configuration(options& with, environment const& env) : options_{with}, env_{env} {}

  void check() const {
    auto const require = [](bool holds, std::string const& text) {
      if (!holds) throw configuration_error{text};
    };
    auto const is = [](char const* name, auto value, char const* must) {
      return joined({"options.", name, " is ", std::to_string(value), "; it must be ", must});
    };
    options const& o = options_;
    require(o.max_batch_bytes >= 1024 && o.max_batch_bytes <= 16u << 20, is("max_batch_bytes", o.max_batch_bytes, "from 1 KiB to 16 MiB"));
    require(o.max_queue_bytes == 0 || o.max_queue_bytes >= o.max_batch_bytes, is("max_queue_bytes", o.max_queue_bytes, "at least max_batch_bytes"));
    struct {
      char const* name;
      std::size_t value;
    } const counts[] = {{"limits.attribute_count", o.limits.attribute_count},
                        {"limits.event_count", o.limits.event_count},
                        {"limits.link_count", o.limits.link_count},
                        {"limits.attribute_count_per_event", o.limits.attribute_count_per_event},
                        {"limits.attribute_count_per_link", o.limits.attribute_count_per_link}};
    for (auto const& [name, value] : counts) require(value == span_limits::unset || value <= span_limits::greatest_count, is(name, value, "at most 4096"));
    require(std::has_single_bit(o.ring_bytes) && o.ring_bytes >= 16384 && o.ring_bytes <= 1u << 30,
            is("ring_bytes", o.ring_bytes, "a power of two from 16 KiB to 1 GiB"));
    require(o.ring_memory_limit_bytes / 2 >= o.ring_bytes, is("ring_memory_limit_bytes", o.ring_memory_limit_bytes, "at least twice options.ring_bytes"));
    require(o.background_name.size() <= 15, joined({"options.background_name is \"", o.background_name, "\"; it must have at most 15 bytes"}));
    require(o.background_cpu >= -1 && o.background_cpu < guest_settings::cpu_count, is("background_cpu", o.background_cpu, "-1 or the number of a CPU"));
    require(o.background_nice >= -20 && o.background_nice <= 19, is("background_nice", o.background_nice, "from -20 to 19"));
    require(o.background_realtime_priority >= 0 && o.background_realtime_priority <= 99,
            is("background_realtime_priority", o.background_realtime_priority, "from 0 to 99"));
    struct {
      char const* name;
      duration value;
    } const durations[] = {{"export_timeout", o.export_timeout}, {"retry_limit", o.retry_limit}, {"schedule_delay", o.schedule_delay}, {"shutdown_limit", o.shutdown_limit}};
    for (auto const& [name, value] : durations)
      require(value >= duration{} || value == duration::unset(), joined({"options.", name, " is ", std::to_string(value.nanoseconds()), " ns; it must not be negative"}));
  }

  // False where the environment says that nothing is to be exported.
  bool complete() {
    if (environment::boolean("OTEL_SDK_DISABLED")) return false;
    report_what_is_not_there_yet();
    complete_limits();
    complete_batches();
    if (options_.sampler == nullptr) options_.sampler = shared<sampler const>::make<parent_based_sampler>();
    if (options_.exporter != nullptr) return true;
    std::string const chosen = environment::lower(environment::text("OTEL_TRACES_EXPORTER").value_or("otlp"));
    if (chosen == "none") return false;
    if (chosen == "console") {
      options_.exporter = shared<exporter>::make<console_exporter>();
      return true;
    }
    if (chosen != "otlp") env_.ignored("OTEL_TRACES_EXPORTER", chosen, "known are otlp, console and none");
    options_.exporter = make_otlp();
    return true;
  }

 private:
  void complete_limits() const {
    std::optional<std::size_t> const attributes = count("OTEL_ATTRIBUTE_COUNT_LIMIT");
    std::optional<std::size_t> const length = size("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT");
    span_limits& limits = options_.limits;
    auto const complete = [](std::size_t& limit, std::optional<std::size_t> given, std::size_t otherwise) {
      if (limit == span_limits::unset) limit = given.value_or(otherwise);
    };
    constexpr std::size_t usual = 128;
    complete(limits.attribute_count, count("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"), attributes.value_or(usual));
    complete(limits.attribute_value_length, size("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"), length.value_or(span_limits::unlimited));
    complete(limits.event_count, count("OTEL_SPAN_EVENT_COUNT_LIMIT"), usual);
    complete(limits.link_count, count("OTEL_SPAN_LINK_COUNT_LIMIT"), usual);
    complete(limits.attribute_count_per_event, count("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"), attributes.value_or(usual));
    complete(limits.attribute_count_per_link, count("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"), attributes.value_or(usual));
  }
  std::optional<std::size_t> size(char const* name) const {
    auto const given = env_.number(name, 0, span_limits::unset - 1, "not a number that is not negative");
    if (!given) return std::nullopt;
    return static_cast<std::size_t>(*given);
  }
  std::optional<std::size_t> count(char const* name) const {
    auto const given = size(name);
    if (!given || *given <= span_limits::greatest_count) return given;
    env_.report(joined({name, " is ", std::to_string(*given), "; 4096 is used, the most that there is"}));
    return span_limits::greatest_count;
  }

  // Variables count spans, we count bytes.
  void complete_batches() const {
    constexpr std::size_t assumed_span_bytes = 1024;
    constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
    constexpr char const* positive = "not a number from 1 to 2147483647";
    auto const queue_spans = env_.number("OTEL_BSP_MAX_QUEUE_SIZE", 1, most, positive);
    auto const batch_spans = env_.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, most, positive);
    std::uint64_t const most_in_a_batch = queue_spans ? *queue_spans : most;
    std::uint64_t spans = std::min<std::uint64_t>(512, most_in_a_batch);
    if (batch_spans) {
      if (*batch_spans <= most_in_a_batch) spans = *batch_spans;
      else env_.ignored("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", std::to_string(*batch_spans), "more than OTEL_BSP_MAX_QUEUE_SIZE");
    }
    if (options_.max_batch_spans == 0) options_.max_batch_spans = spans;
    if (options_.max_queue_bytes == 0)
      options_.max_queue_bytes = queue_spans ? std::max<std::size_t>(*queue_spans * assumed_span_bytes, options_.max_batch_bytes) : 16u << 20;
    auto const delay = env_.milliseconds("OTEL_BSP_SCHEDULE_DELAY");
    if (options_.schedule_delay == duration::unset()) options_.schedule_delay = delay.value_or(duration::of_milliseconds(5'000));
    auto const limit = env_.timeout("OTEL_BSP_EXPORT_TIMEOUT");
    if (options_.retry_limit == duration::unset()) options_.retry_limit = limit.value_or(duration::of_milliseconds(60'000));
  }
  void report_what_is_not_there_yet() const {
    for (char const* name : {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"}) {
      auto const protocol = environment::text(name);
      if (protocol && environment::lower(*protocol) != "http/protobuf") env_.ignored(name, *protocol, "spans are sent as http/protobuf");
    }
    if (auto const sampler = environment::text("OTEL_TRACES_SAMPLER"); sampler && environment::lower(*sampler) != "parentbased_always_on")
      env_.ignored("OTEL_TRACES_SAMPLER", *sampler, "set options.sampler");
  }
  shared<exporter> make_otlp() const {
    otlp_http_options http;
    http.headers = options_.headers;
    for (char const* name : {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"}) {
      auto const given = env_.headers(name);
      if (!given) continue;
      http.headers.insert(http.headers.begin(), given->begin(), given->end());  // the options' come later and win
      break;
    }
    http.timeout = timeout();
    return shared<exporter>::make<otlp_http_exporter>(at(std::move(http)));
  }
  duration timeout() const {
    if (options_.export_timeout != duration::unset()) return options_.export_timeout;
    for (char const* name : {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"})
      if (auto const given = env_.milliseconds(name)) return *given;
    return otlp_http_options{}.timeout;
  }

  // The same with its URL filled in.
  otlp_http_options at(otlp_http_options http) const {
    if (!options_.endpoint.empty()) {
      auto const parsed = url::parse(options_.endpoint);
      bool const bare = parsed && (parsed->target.empty() || parsed->target == "/");
      http.url = bare ? with_path(options_.endpoint) : options_.endpoint;
      http.url_source = "options.endpoint";
      return http;
    }
    struct {
      char const* name;
      bool is_base;
    } const variables[] = {{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", false}, {"OTEL_EXPORTER_OTLP_ENDPOINT", true}};
    for (auto const& [name, is_base] : variables) {
      auto const given = environment::text(name);
      if (!given) continue;
      auto const parsed = url::parse(*given);
      if (!parsed || parsed->scheme != "http") {
        env_.ignored(name, url::without_credentials(*given), parsed ? url::only_http : "not a URL like http://localhost:4318");
        continue;
      }
      http.url = is_base ? with_path(*given) : *given;
      http.url_source = name;
      return http;
    }
    return http;
  }
  static std::string with_path(std::string const& base) {
    std::size_t const query = std::min(base.find_first_of("?#"), base.size());
    std::string const path = base.substr(0, query);
    return path + (path.ends_with('/') ? "v1/traces" : "/v1/traces") + base.substr(query);
  }

  options& options_;
  environment const& env_;
};

}  // namespace nanospan::inline v0::detail
