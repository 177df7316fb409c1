// SPDX-License-Identifier: Apache-2.0
#pragma once

// The attributes of a span that starts, as its sampler sees them: read where they lie. The starting span's thread.

#include <nanospan/entry_view.hpp>

namespace nanospan::inline v0 {

/// Attributes that a span has so far. Valid during the call that was given it. No allocation; a look-up is a walk over all of them.
class attributes_view {
 public:
  /// What an attribute holds, or nothing. Asked for another type than its own, it answers `otherwise`. Of arrays and bytes it says that they are there.
  class value {
   public:
    value() noexcept = default;
    /// False: there is no such attribute.
    explicit operator bool() const noexcept { return is_there_; }

    bool is_text() const noexcept { return is(detail::entry_type::string); }
    bool is_boolean() const noexcept { return is(detail::entry_type::boolean); }
    bool is_integer() const noexcept { return is(detail::entry_type::signed_integer) || (is(detail::entry_type::unsigned_integer) && entry_.word() <= most_signed); }
    /// An integer is one, too.
    bool is_number() const noexcept { return is(detail::entry_type::floating) || is(detail::entry_type::signed_integer) || is(detail::entry_type::unsigned_integer); }

    std::string_view text(std::string_view otherwise = {}) const noexcept { return is_text() ? entry_.text() : otherwise; }
    bool boolean(bool otherwise = false) const noexcept { return is_boolean() ? entry_.word() != 0 : otherwise; }
    /// One above 2^63-1 is a number, and no integer.
    std::int64_t integer(std::int64_t otherwise = 0) const noexcept { return is_integer() ? static_cast<std::int64_t>(entry_.word()) : otherwise; }
    double number(double otherwise = 0) const noexcept {
      if (is(detail::entry_type::floating)) return std::bit_cast<double>(entry_.word());
      if (is(detail::entry_type::signed_integer)) return static_cast<double>(static_cast<std::int64_t>(entry_.word()));
      return is_number() ? static_cast<double>(entry_.word()) : otherwise;
    }

   private:
    friend class attributes_view;
    static constexpr std::uint64_t most_signed = 0x7fff'ffff'ffff'ffffu;

    explicit value(detail::entry_view const& entry) noexcept : entry_{entry}, is_there_{true} {}
    bool is(detail::entry_type type) const noexcept { return is_there_ && entry_.type() == type; }

    detail::entry_view entry_;
    bool is_there_ = false;
  };

  /// None.
  attributes_view() noexcept = default;
  /// Of `bytes` bytes of a record's entries; what is no attribute is passed over.
  attributes_view(std::byte const* entries, std::size_t bytes) noexcept : entries_{entries}, bytes_{bytes} {}

  /// The value of that key; where it was said twice, the last one.
  value find(std::string_view key) const noexcept {
    value found;
    for_each([&](std::string_view one, value const& its) noexcept {
      if (one == key) found = its;
    });
    return found;
  }
  /// Calls `visit(std::string_view key, attributes_view::value const&)` for each, in the order in which they were said.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    detail::for_each_entry(entries_, bytes_, [&](detail::entry_view const& entry) {
      if (entry.type() <= detail::entry_type::type_name) visit(entry.key(), value{entry});
    });
  }

 private:
  std::byte const* entries_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Links that a span has so far. Valid during the call that was given it.
class links_view {
 public:
  struct link {
    nanospan::trace_id trace_id;
    nanospan::span_id span_id;
    std::uint8_t trace_flags;
    bool remote;
    std::string_view tracestate;
    attributes_view attributes;
  };
  /// None.
  links_view() noexcept = default;
  /// Of `bytes` bytes of a record's entries; what is no link is passed over.
  links_view(std::byte const* entries, std::size_t bytes) noexcept : entries_{entries}, bytes_{bytes} {}

  /// Calls `visit(links_view::link const&)` for each, in the order in which they were said.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    detail::for_each_entry(entries_, bytes_, [&](detail::entry_view const& entry) {
      if (entry.type() != detail::entry_type::link) return;
      detail::link_payload head{};
      std::memcpy(&head, entry.value(), sizeof head);
      std::size_t const before = sizeof head + detail::padded(head.tracestate_size);
      visit(link{head.trace, head.span, static_cast<std::uint8_t>(head.trace_flags), head.remote != 0, entry.text().substr(sizeof head, head.tracestate_size),
                 {entry.value() + before, entry.value_size() - before}});
    });
  }

 private:
  std::byte const* entries_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace nanospan::inline v0
