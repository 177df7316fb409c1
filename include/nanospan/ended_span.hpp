// SPDX-License-Identifier: Apache-2.0
#pragma once

// What options.on_end sees of a span that has ended and is not encoded yet. Background thread (who calls poll() or flush(), without one). Bodies with the
// implementation.

#include <nanospan/attribute_value.hpp>
#include <nanospan/record.hpp>
#include <nanospan/shared.hpp>

#include <concepts>

namespace nanospan::inline v0 {

namespace detail {
class collected_span;
class attribute_set;
}  // namespace detail

/// OTLP's status code.
enum class span_status : std::uint8_t { unset = 0, ok = 1, error = 2 };

/// The attributes of an ended span, or of one of its events, unique by key. Valid during the hook's call. Throws std::bad_alloc.
class NANOSPAN_DETAIL_SHARED editable_attributes {
 public:
  std::size_t size() const noexcept;
  /// The n-th, from 0.
  std::string_view key(std::size_t n) const;
  attribute_value value(std::size_t n) const;
  bool has(std::string_view key) const;
  /// Empty text where there is none.
  attribute_value get(std::string_view key) const;
  /// Over the one that is there, or a new one; one over the limit is counted as dropped.
  void set(std::string_view key, attribute_value const& value);
  /// False where there was none.
  bool erase(std::string_view key);

 private:
  friend class ended_span;
  editable_attributes(detail::collected_span& of, detail::attribute_set& which) noexcept : of_(of), which_(which) {}
  std::size_t find(std::string_view key) const;

  detail::collected_span& of_;
  detail::attribute_set& which_;
};

/// A span that has ended, to look at and to change. Valid during the hook's call. Throws std::bad_alloc.
class NANOSPAN_DETAIL_SHARED ended_span {
 public:
  nanospan::trace_id trace_id() const noexcept;
  nanospan::span_id span_id() const noexcept;
  /// Invalid: a root.
  nanospan::span_id parent_span_id() const noexcept;
  span_kind kind() const noexcept;
  std::uint64_t start_time_unix_nano() const noexcept { return start_; }
  std::uint64_t end_time_unix_nano() const noexcept { return end_; }
  /// False of one that a sampler let be recorded only: it is not exported.
  bool sampled() const noexcept;

  std::string_view name() const;
  void rename(std::string_view name);
  span_status status() const noexcept;
  /// Of an error.
  std::string_view status_message() const noexcept;
  void set_status(span_status status, std::string_view message = {});

  editable_attributes attributes() noexcept;
  std::size_t event_count() const noexcept;
  /// Of the n-th event, from 0.
  std::string_view event_name(std::size_t n) const;
  editable_attributes event_attributes(std::size_t n);
  void erase_event(std::size_t n) noexcept;

  /// It is not exported (stats().discarded.hook).
  void drop() noexcept { dropped_ = true; }
  bool dropped() const noexcept { return dropped_; }

  // What calls hooks makes it.
  ended_span(detail::collected_span& of, std::uint64_t start, std::uint64_t end) noexcept : of_(of), start_{start}, end_{end} {}

 private:
  detail::collected_span& of_;
  std::uint64_t start_;
  std::uint64_t end_;
  bool dropped_ = false;
};

/// A function that sees each span that has ended, made of anything that can be called with an ended_span&. One call at a time.
class span_hook {
 public:
  span_hook() noexcept = default;
  /// Throws std::bad_alloc.
  template <typename Function>
    requires(!std::same_as<std::remove_cvref_t<Function>, span_hook>) && std::invocable<Function&, ended_span&>
  explicit(false) span_hook(Function function) : call_{shared<callable>::template make<of<Function>>(std::move(function))} {}

  explicit operator bool() const noexcept { return static_cast<bool>(call_); }
  void operator()(ended_span& span) const { call_->call(span); }

 private:
  struct callable {
    virtual ~callable() = default;
    virtual void call(ended_span& span) = 0;
  };
  template <typename Function>
  struct of final : callable {
    explicit of(Function is) : function{std::move(is)} {}
    void call(ended_span& span) override { static_cast<void>(function(span)); }
    Function function;
  };
  shared<callable> call_;
};

}  // namespace nanospan::inline v0
