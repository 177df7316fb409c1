// SPDX-License-Identifier: Apache-2.0
#pragma once

// The samplers that a program chooses from, beside those that need not be asked. Immutable once made; asked on the threads that start spans.

#include <nanospan/sampler.hpp>

#include <charconv>

namespace nanospan::inline v0 {

/// Samples that share of all traces, by the trace id alone: every service with this ratio keeps the same traces, and one with a higher ratio
/// those and more. Whatever the parent says: for roots only, use it as a parent_based_sampler's root (OpenTelemetry, "TraceIdRatioBased";
/// the last 56 bits of the id decide, as "Probability Sampling" has it).
class trace_id_ratio_sampler final : public sampler {
 public:
  /// From 0 to 1; what lies outside is taken for the nearer of these, and what is no number for 0.
  explicit trace_id_ratio_sampler(double ratio) noexcept
      : ratio_{ratio >= 1 ? 1.0 : ratio > 0 ? ratio : 0.0}, threshold_{all_traces - static_cast<std::uint64_t>(ratio_ * static_cast<double>(all_traces))} {}

  sampling_decision should_sample(sampling_parameters const& parameters) const noexcept override {
    return randomness(parameters.trace_id) >= threshold_ ? sampling_decision::record_and_sample : sampling_decision::drop;
  }
  /// "TraceIdRatioBased{0.25}", with as many digits as tell the ratio from every other.
  std::string description() const override {
    char digits[512];  // the smallest has 324 zeros and more
    char const* const end = std::to_chars(digits, digits + sizeof digits, ratio_, std::chars_format::fixed).ptr;
    return "TraceIdRatioBased{" + std::string{digits, static_cast<std::size_t>(end - digits)} + "}";
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

}  // namespace nanospan::inline v0
