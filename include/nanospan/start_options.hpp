// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a span that is no macro's may be born with: kind, parent, time, attributes, links, tracer. Lives for one full expression.

#include <nanospan/context.hpp>
#include <nanospan/record.hpp>

namespace nanospan::inline v0 {

/// A moment that the user says: Unix time in nanoseconds, made of a time point of std::chrono::system_clock without the need to include <chrono> here.
class timestamp {
 public:
  /// None: the moment of the call.
  constexpr timestamp() noexcept = default;
  // The system's clock alone knows time_t. Not asked about this time point, which may be finer than the clock.
  template <typename TimePoint>
    requires requires(TimePoint at) { TimePoint::clock::to_time_t(typename TimePoint::clock::time_point{}); at.time_since_epoch().count(); }
  constexpr explicit(false) timestamp(TimePoint at) noexcept {
    using period = typename TimePoint::duration::period;
    static_assert(1'000'000'000 * period::num % period::den == 0, "a span's times have at most nanoseconds");
    constexpr auto nanoseconds_of_one = 1'000'000'000 * period::num / period::den;
    unix_nanoseconds_ = static_cast<std::uint64_t>(at.time_since_epoch().count() * nanoseconds_of_one);
  }
  static constexpr timestamp of_unix_nanoseconds(std::uint64_t nanoseconds) noexcept {
    timestamp at;
    at.unix_nanoseconds_ = nanoseconds;
    return at;
  }
  constexpr std::uint64_t unix_nanoseconds() const noexcept { return unix_nanoseconds_; }
  constexpr explicit operator bool() const noexcept { return unix_nanoseconds_ != 0; }

 private:
  std::uint64_t unix_nanoseconds_ = 0;
};

/// Says that a span begins a trace, whatever is current: `{.parent = nanospan::no_parent}`.
struct no_parent_type {};
inline constexpr no_parent_type no_parent{};

/// Whose child a span is: the thread's current context's, unless said otherwise.
class parent_choice {
 public:
  parent_choice() noexcept = default;
  explicit(false) parent_choice(no_parent_type) noexcept : is_current_{false} {}
  /// An invalid context is no parent: a root, with the baggage that it has.
  explicit(false) parent_choice(span_context context) noexcept : is_current_{false}, context_{std::move(context)} {}

  bool is_current() const noexcept { return is_current_; }
  span_context const& context() const noexcept { return context_; }

 private:
  bool is_current_ = true;
  span_context context_;
};

/// A span that another one has to do with, without being its parent (OpenTelemetry, "Link").
struct span_link {
  span_context context;
  std::initializer_list<attribute> attributes = {};
};

/// `nanospan::span s{"resize", {.kind = nanospan::span_kind::consumer, .parent = from, .links = {{other}}}};` Attributes and links said here are
/// what a sampler can look at: prefer them to later ones.
struct start_options {
  span_kind kind = span_kind::internal;
  parent_choice parent = {};
  /// None: now.
  timestamp start = {};
  std::initializer_list<attribute> attributes = {};
  std::initializer_list<span_link> links = {};
  /// Null: nanospan's own.
  nanospan::tracer const* tracer = nullptr;
};

}  // namespace nanospan::inline v0
