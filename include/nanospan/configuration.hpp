// SPDX-License-Identifier: Apache-2.0
#pragma once

// The options as the provider will use them: checked, and completed from the environment. Constructor's thread.

#include <nanospan/detail/guest_thread.hpp>
#include <nanospan/detail/joined.hpp>
#include <nanospan/exporter_choice.hpp>
#include <nanospan/samplers.hpp>

#include <bit>

namespace nanospan::inline v0::detail {

// Who hears what from the first message on.
inline messages messages_of(options const& with) {
  message_handler const to = with.on_message != nullptr ? with.on_message : default_message_handler;
  if (with.log_level != log_level::unset) return {to, with.log_level};
  auto const chosen = environment{to}.choice("OTEL_LOG_LEVEL", {"none", "error", "warn", "info", "debug"}, "known are none, error, warn, info and debug");
  return {to, chosen ? static_cast<log_level>(*chosen + 1) : log_level::info};
}

// Where a queue is counted in spans, and we count bytes.
inline constexpr std::size_t assumed_span_bytes = 1024;

class configuration {
 public:
  configuration(options& with, environment const& env) : options_{with}, env_{env} {}

  void check() const {
    complete_ring_memory();
    options const& o = options_;
    require(o.max_batch_bytes >= 1024 && o.max_batch_bytes <= 16u << 20, "max_batch_bytes", o.max_batch_bytes, "from 1 KiB to 16 MiB");
    require(o.max_queue_bytes == 0 || o.max_queue_bytes >= o.max_batch_bytes, "max_queue_bytes", o.max_queue_bytes, "at least max_batch_bytes");
    struct {
      char const* name;
      std::size_t value;
    } const counts[] = {{"limits.attribute_count", o.limits.attribute_count},
                        {"limits.event_count", o.limits.event_count},
                        {"limits.link_count", o.limits.link_count},
                        {"limits.attribute_count_per_event", o.limits.attribute_count_per_event},
                        {"limits.attribute_count_per_link", o.limits.attribute_count_per_link}};
    for (auto const& [name, value] : counts) require(value == span_limits::unset || value <= span_limits::greatest_count, name, value, "at most 4096");
    require(std::has_single_bit(o.ring_bytes) && o.ring_bytes >= 16384 && o.ring_bytes <= 1u << 30, "ring_bytes", o.ring_bytes, "a power of two from 16 KiB to 1 GiB");
    require(o.ring_memory_limit_bytes / 2 >= o.ring_bytes, "ring_memory_limit_bytes", o.ring_memory_limit_bytes, "at least twice options.ring_bytes");
    require(o.ring_memory_limit_bytes <= std::size_t{1} << 40, "ring_memory_limit_bytes", o.ring_memory_limit_bytes, "at most 1 TiB");
    std::size_t const least = sum(o.ring_memory_limit_bytes, 2 * o.max_batch_bytes);
    require(o.memory_limit_bytes == 0 || o.memory_limit_bytes >= least, "memory_limit_bytes", o.memory_limit_bytes,
            joined({"at least options.ring_memory_limit_bytes and twice options.max_batch_bytes, which is ", std::to_string(least)}));
    for (std::string const& key : o.baggage_attributes)
      if (!is_token(key)) throw configuration_error{joined({"options.baggage_attributes has \"", key, "\"; no key of baggage is like that"})};
    if (o.background_name.size() > 15) throw configuration_error{joined({"options.background_name is \"", o.background_name, "\"; it must have at most 15 bytes"})};
    require(o.background_cpu >= -1 && o.background_cpu < guest_settings::cpu_count, "background_cpu", o.background_cpu, "-1 or the number of a CPU");
    require(o.background_nice >= -20 && o.background_nice <= 19, "background_nice", o.background_nice, "from -20 to 19");
    require(o.background_realtime_priority >= 0 && o.background_realtime_priority <= 99, "background_realtime_priority", o.background_realtime_priority, "from 0 to 99");
    struct {
      char const* name;
      duration value;
      bool may_be_unset;
    } const durations[] = {{"export_timeout", o.export_timeout, true}, {"retry_limit", o.retry_limit, true}, {"schedule_delay", o.schedule_delay, true}, {"shutdown_limit", o.shutdown_limit, false}};
    for (auto const& [name, value, may_be_unset] : durations)
      if (value < duration{} && !(may_be_unset && value == duration::unset()))
        throw configuration_error{joined({"options.", name, " is ", std::to_string(value.nanoseconds()), " ns; it must not be negative"})};
  }

  // False where nothing is to be exported.
  bool complete() {
    complete_propagators();  // first: what is not recorded is propagated all the same
    options_.disabled |= env_.boolean("OTEL_SDK_DISABLED");
    if (options_.disabled) return false;
    complete_limits();
    complete_batches();
    complete_sampler();
    if (options_.exporter == nullptr) options_.exporter = exporter_choice{options_, env_}.make();
    if (options_.exporter == nullptr) return false;
    env_.report().debug(joined({"sending to ", options_.exporter->description(), "; sampler ", options_.sampler->description()}));
    return true;
  }

 private:
  template <typename Number>
  NANOSPAN_DETAIL_OUT_OF_LINE static void require(bool holds, char const* name, Number value, std::string_view must) {
    if (!holds) throw configuration_error{joined({"options.", name, " is ", std::to_string(value), "; it must be ", must})};
  }
  static constexpr std::size_t sum(std::size_t a, std::size_t b) noexcept { return a > ~std::size_t{0} - b ? ~std::size_t{0} : a + b; }
  void complete_ring_memory() const {
    if (options_.ring_memory_limit_bytes != 0) return;
    constexpr std::size_t usual = 64u << 20;
    std::size_t const all = options_.memory_limit_bytes;
    std::size_t const batches = 2 * options_.max_batch_bytes;
    options_.ring_memory_limit_bytes = all == 0 ? usual : std::min({usual, all / 3 * 2, all > batches ? all - batches : 0});
  }
  void complete_propagators() const {
    constexpr char const* name = "OTEL_PROPAGATORS";
    auto const given = environment::text(name);
    if (options_.propagators.is_chosen() || !given) return;
    struct {
      std::string_view name;
      propagator_set set;
    } const known[] = {{"tracecontext", propagator::tracecontext}, {"baggage", propagator::baggage}, {"b3", propagator::b3},
                       {"b3multi", propagator::b3multi}, {"none", propagator_set::none()}};
    for (std::string_view list = *given; !list.empty();) {
      std::string_view const one = without_blanks(take_front(list, ','));
      auto const* const found = std::find_if(std::begin(known), std::end(known), [&](auto const& each) { return is_same_name(each.name, one); });
      if (found != std::end(known)) options_.propagators = options_.propagators | found->set;
      else if (!one.empty()) env_.ignored(name, one, "known are tracecontext, baggage, b3, b3multi and none");
    }
  }
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
    env_.warn(joined({name, " is ", std::to_string(*given), "; 4096 is used, the most that there is"}));
    return span_limits::greatest_count;
  }

  // Variables count spans, we count bytes.
  void complete_batches() const {
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
    if (options_.memory_limit_bytes == 0)
      options_.memory_limit_bytes = sum(sum(options_.ring_memory_limit_bytes, options_.max_queue_bytes), 4 * options_.max_batch_bytes);
    auto const delay = env_.milliseconds("OTEL_BSP_SCHEDULE_DELAY");
    if (options_.schedule_delay == duration::unset()) options_.schedule_delay = delay.value_or(duration::of_milliseconds(5'000));
    auto const limit = env_.timeout("OTEL_BSP_EXPORT_TIMEOUT");
    if (options_.retry_limit == duration::unset()) options_.retry_limit = limit.value_or(duration::of_milliseconds(60'000));
  }

  void complete_sampler() const {
    if (options_.sampler != nullptr) return;
    auto const chosen = env_.choice("OTEL_TRACES_SAMPLER",
                                    {"parentbased_always_on", "always_on", "always_off", "traceidratio", "parentbased_always_off", "parentbased_traceidratio"},
                                    "known are always_on, always_off, traceidratio, and parentbased_ before each");
    auto const ratio = [&] { return shared<sampler const>::make<trace_id_ratio_sampler>(env_.ratio("OTEL_TRACES_SAMPLER_ARG").value_or(1.0)); };
    auto const below_root = [](shared<sampler const> root) { return shared<sampler const>::make<parent_based_sampler>(parent_based_slots{.root = std::move(root)}); };
    switch (chosen.value_or(0)) {
      case 1: options_.sampler = shared<sampler const>::make<always_on_sampler>(); return;
      case 2: options_.sampler = shared<sampler const>::make<always_off_sampler>(); return;
      case 3: options_.sampler = ratio(); return;
      case 4: options_.sampler = below_root(shared<sampler const>::make<always_off_sampler>()); return;
      case 5: options_.sampler = below_root(ratio()); return;
      default: options_.sampler = shared<sampler const>::make<parent_based_sampler>();
    }
  }

  options& options_;
  environment const& env_;
};

}  // namespace nanospan::inline v0::detail
