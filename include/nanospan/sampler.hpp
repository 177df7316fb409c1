// SPDX-License-Identifier: Apache-2.0
#pragma once

// Head sampling: whether a span that starts now is recorded. A sampler that decides by the parent alone is reduced to a plan, two
// bits for each kind of parent, so that recording asks nobody; any other is asked, on the thread that starts the span.

#include <nanospan/attributes_view.hpp>
#include <nanospan/context.hpp>
#include <nanospan/shared.hpp>

#include <string>
#include <string_view>

namespace nanospan::inline v0 {

/// record_only: recorded and shown to the hook on ended spans, but neither exported nor sampled to those who see its context.
enum class sampling_decision : std::uint8_t { drop = 1, record_and_sample = 2, record_only = 3 };

/// What a sampler may look at (OpenTelemetry, "ShouldSample"). Valid during the call.
struct sampling_parameters {
  span_context const& parent;  // invalid for a root
  nanospan::trace_id trace_id;
  std::string_view span_name;
  span_kind kind;
  attributes_view attributes = {};  // those that it is created with; of a macro for a sampler that needs_attributes() only
  links_view links = {};            // those that it is created with
};

/// What a sampler answers: a decision, and perhaps attributes for the span and a tracestate for its context.
class sampling_result {
 public:
  static constexpr std::size_t max_attributes = 4;

  explicit(false) sampling_result(sampling_decision decision) noexcept : decision_{decision} {}
  sampling_result(sampling_result const& other) noexcept
      : decision_{other.decision_}, replaces_tracestate_{other.replaces_tracestate_}, attribute_count_{other.attribute_count_}, tracestate_{other.tracestate_} {
    for (std::size_t at = 0; at < attribute_count_; ++at) attributes_[at] = other.attributes_[at];
  }
  sampling_result& operator=(sampling_result const&) = delete;
  ~sampling_result() = default;

  /// Adds an attribute to the span, if it is recorded. A key that is no literal, and text, must live as long as the sampler. One over max_attributes
  /// is left out.
  sampling_result& with(attribute const& one) noexcept {
    if (attribute_count_ < max_attributes) attributes_[attribute_count_++] = one;
    return *this;
  }
  /// Copies the tracestate that the span's context has, recorded or not; an empty one clears the parent's. Without a word it keeps that.
  sampling_result& with_tracestate(std::string_view tracestate) noexcept {
    tracestate_ = {{}, {}, 0, false, tracestate};
    replaces_tracestate_ = true;
    return *this;
  }
  /// The same with another decision, for a sampler that corrects another's.
  sampling_result& decide(sampling_decision decision) noexcept {
    decision_ = decision;
    return *this;
  }

  sampling_decision decision() const noexcept { return decision_; }
  std::size_t attribute_count() const noexcept { return attribute_count_; }
  /// The n-th, from 0.
  attribute const& attribute_at(std::size_t n) const noexcept { return attributes_[n]; }
  bool replaces_tracestate() const noexcept { return replaces_tracestate_; }
  std::string_view tracestate() const noexcept { return tracestate_.tracestate(); }

 private:
  sampling_decision decision_;
  bool replaces_tracestate_ = false;
  std::size_t attribute_count_ = 0;
  span_context tracestate_;  // which a context owns
  union {
    attribute attributes_[max_attributes];  // uninitialised until used
  };
};

namespace detail {

// What each kind of parent leads to, two bits each: 0 = ask the sampler, else drop or record_and_sample. Who records only is asked: with three
// answers every root would take two instructions more.
struct sampling_plan {
  static constexpr std::uint32_t all_bits = 0b11'11'11'11'11'00u;
  std::uint32_t bits = 0;

  static constexpr sampling_plan always(sampling_decision decision) noexcept {
    return {static_cast<std::uint32_t>(decision) * 0b01'01'01'01'01'00u};
  }
  constexpr std::uint32_t operator[](parent_kind parent) const noexcept { return (bits >> static_cast<std::uint32_t>(parent)) & 3u; }
  constexpr void take(parent_kind parent, sampling_plan from) noexcept { bits |= from[parent] << static_cast<std::uint32_t>(parent); }
};

}  // namespace detail

/// Decides about spans that start. Any thread, many at once; must not block: it runs where the span starts.
class NANOSPAN_DETAIL_SHARED sampler {
 public:
  virtual ~sampler() = default;
  /// A decision alone is a result.
  virtual sampling_result should_sample(sampling_parameters const& parameters) const noexcept = 0;
  /// True: the attributes of a macro are evaluated before this is asked, and thrown away if it says drop. Otherwise it is asked first, and sees none.
  virtual bool needs_attributes() const noexcept { return false; }
  /// As OpenTelemetry spells it, for logs: "AlwaysOnSampler".
  virtual std::string description() const = 0;
  /// For samplers that need not be asked; everybody else leaves it alone.
  virtual detail::sampling_plan plan() const noexcept { return {}; }
};

class always_on_sampler final : public sampler {
 public:
  sampling_result should_sample(sampling_parameters const&) const noexcept override { return sampling_decision::record_and_sample; }
  std::string description() const override { return "AlwaysOnSampler"; }
  detail::sampling_plan plan() const noexcept override { return detail::sampling_plan::always(sampling_decision::record_and_sample); }
};

class always_off_sampler final : public sampler {
 public:
  sampling_result should_sample(sampling_parameters const&) const noexcept override { return sampling_decision::drop; }
  std::string description() const override { return "AlwaysOffSampler"; }
  detail::sampling_plan plan() const noexcept override { return detail::sampling_plan::always(sampling_decision::drop); }
};

/// A sampler for each kind of parent; null means the default, always on without a parent or under a sampled one, else always off.
struct parent_based_slots {
  shared<sampler const> root = {};
  shared<sampler const> remote_parent_sampled = {};
  shared<sampler const> remote_parent_not_sampled = {};
  shared<sampler const> local_parent_sampled = {};
  shared<sampler const> local_parent_not_sampled = {};
};

/// Follows the parent's decision; asks `root` where there is none (OpenTelemetry, "ParentBased").
class parent_based_sampler final : public sampler {
 public:
  explicit parent_based_sampler(parent_based_slots by_parent = {}) : slots_{std::move(by_parent)} {
    default_to<always_on_sampler>(slots_.root, slots_.remote_parent_sampled, slots_.local_parent_sampled);
    default_to<always_off_sampler>(slots_.remote_parent_not_sampled, slots_.local_parent_not_sampled);
  }
  sampling_result should_sample(sampling_parameters const& parameters) const noexcept override {
    span_context const& parent = parameters.parent;
    auto const& chosen = !parent.valid()   ? slots_.root
                         : parent.remote() ? (parent.sampled() ? slots_.remote_parent_sampled : slots_.remote_parent_not_sampled)
                                           : (parent.sampled() ? slots_.local_parent_sampled : slots_.local_parent_not_sampled);
    return chosen->should_sample(parameters);
  }
  bool needs_attributes() const noexcept override {
    return slots_.root->needs_attributes() || slots_.remote_parent_sampled->needs_attributes() || slots_.remote_parent_not_sampled->needs_attributes() ||
           slots_.local_parent_sampled->needs_attributes() || slots_.local_parent_not_sampled->needs_attributes();
  }
  std::string description() const override {
    return "ParentBased{root:" + slots_.root->description() + ",remoteParentSampled:" + slots_.remote_parent_sampled->description() +
           ",remoteParentNotSampled:" + slots_.remote_parent_not_sampled->description() +
           ",localParentSampled:" + slots_.local_parent_sampled->description() +
           ",localParentNotSampled:" + slots_.local_parent_not_sampled->description() + "}";
  }
  detail::sampling_plan plan() const noexcept override {
    detail::sampling_plan plan;
    plan.take(detail::parent_kind::none, slots_.root->plan());
    plan.take(detail::parent_kind::remote_sampled, slots_.remote_parent_sampled->plan());
    plan.take(detail::parent_kind::remote_not_sampled, slots_.remote_parent_not_sampled->plan());
    plan.take(detail::parent_kind::local_sampled, slots_.local_parent_sampled->plan());
    plan.take(detail::parent_kind::local_not_sampled, slots_.local_parent_not_sampled->plan());
    return plan;
  }

 private:
  template <typename Default, typename... Slot>
  static void default_to(Slot&... slot) {
    ((slot = slot ? std::move(slot) : shared<sampler const>::make<Default>()), ...);
  }
  parent_based_slots slots_;
};

namespace detail {

// What a starting span needs to know of the provider, in one word: the plan's twelve bits and these.
inline constexpr std::uint32_t recording_on = 1u << 16;         // a provider lives
inline constexpr std::uint32_t recording_over = 1u << 17;       // there was one
inline constexpr std::uint32_t recording_disabled = 1u << 19;   // the environment says that there is nothing to record
inline constexpr std::uint32_t recording_monotonic = 1u << 18;  // the processor's counter is not to be trusted
inline constexpr std::uint32_t recording_baggage = 1u << 20;    // records carry the baggage: options.baggage_attributes
inline constexpr std::uint32_t recording_forked = 1u << 22;     // in a child: the parent had a provider, and the first span starts one here
inline constexpr std::uint32_t recording_exceptions = 1u << 21;  // scopes ask whether an exception left them: options.error_on_exception

struct recording_state {
  std::atomic<std::uint32_t> word{0};
  std::atomic<sampler const*> asked{nullptr};  // the provider's sampler; set before the word says so, lives on after it
  std::atomic<id_generator const*> ids{nullptr};  // the user's, if any: as the sampler
  std::atomic<void (*)() noexcept> start_in_child{nullptr};  // the provider's: leaves the word saying what became of it
};
NANOSPAN_DETAIL_SHARED inline constinit recording_state recording{};

}  // namespace detail
}  // namespace nanospan::inline v0
