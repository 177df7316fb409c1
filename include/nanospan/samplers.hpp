// SPDX-License-Identifier: Apache-2.0
#pragma once

// The samplers that a program chooses from, beside those that need not be asked. Immutable once made; asked on the threads that start spans.

#include <nanospan/clock.hpp>
#include <nanospan/sampler.hpp>

#include <vector>

namespace nanospan::inline v0 {
namespace detail {

// With the implementation: what writes numbers is dear to include.
// The shortest decimal that reads back as `value`, without an exponent.
NANOSPAN_DETAIL_SHARED std::string shortest_text(double value);
// Whether `text` is what `pattern` says; each * in it stands for any characters, or none.
NANOSPAN_DETAIL_SHARED bool matches(std::string_view pattern, std::string_view text) noexcept;
// A value as text: numbers in decimal, "true" and "false".
NANOSPAN_DETAIL_SHARED bool matches(std::string_view pattern, attributes_view::value const& value) noexcept;

}  // namespace detail

/// Samples that share of all traces, by the trace id alone: every service with this ratio keeps the same traces, and one with a higher ratio
/// those and more. Whatever the parent says: for roots only, use it as a parent_based_sampler's root (OpenTelemetry, "TraceIdRatioBased";
/// the last 56 bits of the id decide, as "Probability Sampling" has it).
class trace_id_ratio_sampler final : public sampler {
 public:
  /// From 0 to 1; what lies outside is taken for the nearer of these, and what is no number for 0.
  explicit trace_id_ratio_sampler(double ratio) noexcept
      : ratio_{ratio >= 1 ? 1.0 : ratio > 0 ? ratio : 0.0}, threshold_{all_traces - static_cast<std::uint64_t>(ratio_ * static_cast<double>(all_traces))} {}

  sampling_result should_sample(sampling_parameters const& parameters) const noexcept override {
    return randomness(parameters.trace_id) >= threshold_ ? sampling_decision::record_and_sample : sampling_decision::drop;
  }
  /// "TraceIdRatioBased{0.25}", with as many digits as tell the ratio from every other.
  std::string description() const override {
    return "TraceIdRatioBased{" + detail::shortest_text(ratio_) + "}";
  }
  detail::sampling_plan plan() const noexcept override {
    if (threshold_ == 0) return detail::sampling_plan::always(sampling_decision::record_and_sample);
    if (threshold_ == all_traces) return detail::sampling_plan::always(sampling_decision::drop);
    return {};
  }

 private:
  static constexpr std::uint64_t all_traces = std::uint64_t{1} << 56;

  static std::uint64_t randomness(nanospan::trace_id trace) noexcept {
    auto const bytes = trace.bytes();
    std::uint64_t value = 0;
    for (std::size_t at = bytes.size() - 7; at < bytes.size(); ++at) value = value << 8 | bytes[at];
    return value;
  }

  double ratio_;
  std::uint64_t threshold_;  // of 2^56 traces so many are dropped
};

/// One line of a rule_based_sampler. What is left out matches every span.
struct sampling_rule {
  /// The span's name; each * stands for any characters, or none: "GET /health*".
  std::string name = "*";
  /// span_kind{}: any.
  span_kind kind = {};
  /// Keys and values, all of which must be among the attributes that the span is created with. In a value * is as in a name; numbers are
  /// compared as decimal text, booleans as "true" and "false".
  std::vector<std::pair<std::string, std::string>> attributes = {};
  /// Who decides where this matches; null: nobody, the span is dropped.
  shared<sampler const> then = {};
};

/// Asks the sampler of the first rule that matches, and where none does `otherwise`, which null makes always on. Any thread; a look at each rule.
class rule_based_sampler final : public sampler {
 public:
  explicit rule_based_sampler(std::vector<sampling_rule> rules, shared<sampler const> otherwise = {}) : rules_{std::move(rules)}, otherwise_{std::move(otherwise)} {
    for (sampling_rule& rule : rules_)
      if (rule.then == nullptr) rule.then = shared<sampler const>::make<always_off_sampler>();
    if (otherwise_ == nullptr) otherwise_ = shared<sampler const>::make<always_on_sampler>();
  }

  sampling_result should_sample(sampling_parameters const& parameters) const noexcept override {
    for (sampling_rule const& rule : rules_)
      if (applies(rule, parameters)) return rule.then->should_sample(parameters);
    return otherwise_->should_sample(parameters);
  }
  bool needs_attributes() const noexcept override {
    bool needed = otherwise_->needs_attributes();
    for (sampling_rule const& rule : rules_) needed |= !rule.attributes.empty() || rule.then->needs_attributes();
    return needed;
  }
  /// "RuleBased{GET /health*:AlwaysOffSampler,otherwise:AlwaysOnSampler}", with the rules' names.
  std::string description() const override {
    std::string text = "RuleBased{";
    for (sampling_rule const& rule : rules_) text += rule.name + ":" + rule.then->description() + ",";
    return text + "otherwise:" + otherwise_->description() + "}";
  }

 private:
  static bool applies(sampling_rule const& rule, sampling_parameters const& parameters) noexcept {
    if (rule.kind != span_kind{} && rule.kind != parameters.kind) return false;
    if (!detail::matches(rule.name, parameters.span_name)) return false;
    for (auto const& [key, value] : rule.attributes)
      if (!detail::matches(value, parameters.attributes.find(key))) return false;
    return true;
  }

  std::vector<sampling_rule> rules_;
  shared<sampler const> otherwise_;
};

/// Samples so many spans a second, and no more than that number (at least one) at once after a pause. For roots, which makes it traces a second:
/// use it as a parent_based_sampler's root. Lock-free; one clock read a call.
class rate_limiting_sampler final : public sampler {
 public:
  /// Nanoseconds of any clock that does not go back.
  using clock = std::uint64_t (*)() noexcept;

  /// None for a rate that is not above 0; all from a thousand million on.
  explicit rate_limiting_sampler(double traces_per_second, clock now = detail::monotonic_nanoseconds) noexcept
      : rate_{traces_per_second > 0 ? traces_per_second : 0}, now_{now} {
    if (rate_ == 0) return;
    double const interval = 1e9 / rate_;
    interval_ = interval < 0x1p60 ? static_cast<std::uint64_t>(interval) : std::uint64_t{1} << 60;
    if (static_cast<double>(interval_) < interval) ++interval_;
    burst_ = rate_ > 1 ? static_cast<std::uint64_t>(static_cast<double>(interval_) * rate_) : interval_;
  }

  sampling_result should_sample(sampling_parameters const&) const noexcept override { return take() ? sampling_decision::record_and_sample : sampling_decision::drop; }
  /// "RateLimiting{10}".
  std::string description() const override { return "RateLimiting{" + detail::shortest_text(rate_) + "}"; }

 private:
  // A bucket of tokens as the time at which it will have been full again: a token moves it by one interval, and there is none while that is later
  // than now by a whole bucket.
  bool take() const noexcept {
    if (rate_ == 0) return false;
    std::uint64_t const now = now_();
    // Relaxed throughout: a count, which orders nothing.
    std::uint64_t full_at = full_at_.load(std::memory_order_relaxed);
    for (;;) {
      std::uint64_t const taken = (full_at > now ? full_at : now) + interval_;
      if (taken > now + burst_) return false;
      if (full_at_.compare_exchange_weak(full_at, taken, std::memory_order_relaxed)) return true;
    }
  }

  double rate_;
  clock now_;
  std::uint64_t interval_ = 0;  // nanoseconds a token
  std::uint64_t burst_ = 0;     // nanoseconds of a full bucket
  mutable std::atomic<std::uint64_t> full_at_{0};
};

/// Records what another would drop, for the hook on ended spans only (OpenTelemetry, "AlwaysRecord").
class always_record_sampler final : public sampler {
 public:
  /// Null: always on.
  explicit always_record_sampler(shared<sampler const> corrected) : corrected_{corrected != nullptr ? std::move(corrected) : shared<sampler const>::make<always_on_sampler>()} {}

  sampling_result should_sample(sampling_parameters const& parameters) const noexcept override {
    sampling_result result = corrected_->should_sample(parameters);
    if (result.decision() == sampling_decision::drop) result.decide(sampling_decision::record_only);
    return result;
  }
  bool needs_attributes() const noexcept override { return corrected_->needs_attributes(); }
  std::string description() const override { return "AlwaysRecordSampler{" + corrected_->description() + "}"; }
  detail::sampling_plan plan() const noexcept override {
    using detail::parent_kind;
    detail::sampling_plan const corrected = corrected_->plan();
    detail::sampling_plan plan;
    for (auto const parent : {parent_kind::none, parent_kind::remote_sampled, parent_kind::remote_not_sampled, parent_kind::local_sampled, parent_kind::local_not_sampled}) {
      if (corrected[parent] != static_cast<std::uint32_t>(sampling_decision::drop)) plan.take(parent, corrected);
    }
    return plan;
  }

 private:
  shared<sampler const> corrected_;
};

}  // namespace nanospan::inline v0
