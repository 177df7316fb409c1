// SPDX-License-Identifier: Apache-2.0
#pragma once

// W3C Baggage: what a program sends along with its work, keys and values for whoever is further down. Any thread.

#include <nanospan/detail/header_text.hpp>
#include <nanospan/detail/utf8.hpp>

#include <string>

namespace nanospan::inline v0 {
namespace detail {

// "Limits", of what is kept and sent.
inline constexpr std::size_t max_baggage_members = 64;
inline constexpr std::size_t max_baggage_bytes = 8192;
// What is looked at of all headers of the name together: white space, duplicates and what is not valid included.
inline constexpr std::size_t max_baggage_header_bytes = 16u << 10;

// "Definition": a value, as it stands in the header. A percent sign begins an octet's two digits.
constexpr bool is_baggage_value(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size(); ++at) {
    char const c = text[at];
    if (c <= ' ' || c > '~' || c == '"' || c == ',' || c == ';' || c == '\\') return false;
    if (c != '%') continue;
    if (text.size() - at < 3 || digit_of(to_lower(text[at + 1])) > 15 || digit_of(to_lower(text[at + 2])) > 15) return false;
    at += 2;
  }
  return true;
}
// Throws std::bad_alloc, as do the next two.
inline void append_encoded(std::string& to, std::string_view value) {
  for (char const c : value) {
    if (c != '%' && is_baggage_value({&c, 1})) {
      to += c;
      continue;
    }
    to += '%';
    to += "0123456789ABCDEF"[static_cast<std::uint8_t>(c) >> 4];
    to += "0123456789ABCDEF"[static_cast<std::uint8_t>(c) & 15];
  }
}
// Of a valid one. A plus sign is one: this is no form.
inline std::string decoded_baggage(std::string_view value) {
  std::string text;
  text.reserve(value.size());
  for (std::size_t at = 0; at < value.size(); ++at) {
    if (value[at] != '%') {
      text += value[at];
      continue;
    }
    text += static_cast<char>(digit_of(to_lower(value[at + 1])) << 4 | digit_of(to_lower(value[at + 2])));
    at += 2;
  }
  return repaired_utf8(text);
}

struct baggage_member {
  std::string_view key;
  std::string_view value;       // encoded
  std::string_view properties;  // what stands behind the first ';'

  // Invalid, without a key, for what is no member.
  static constexpr baggage_member parse(std::string_view text) noexcept {
    std::string_view properties = text;
    std::string_view const pair = take_front(properties, ';');
    std::size_t const equals = pair.find('=');
    if (equals == std::string_view::npos) return {};
    baggage_member const one{without_blanks(pair.substr(0, equals)), without_blanks(pair.substr(equals + 1)), properties};
    return one.valid() ? one : baggage_member{};
  }
  constexpr bool valid() const noexcept {
    bool all = is_token(key) && is_baggage_value(value);
    for_each_property([&](std::string_view one) {
      std::size_t const equals = one.find('=');
      all = all && is_token(without_blanks(one.substr(0, equals)));
      if (equals != std::string_view::npos) all = all && is_baggage_value(without_blanks(one.substr(equals + 1)));
    });
    return all;
  }
  // Nothing between two semicolons is none, though the standard has no such.
  template <typename Visit>
  constexpr void for_each_property(Visit&& visit) const {
    for (std::string_view rest = properties; !rest.empty();)
      if (std::string_view const one = take_front(rest, ';'); !one.empty()) visit(without_blanks(one));
  }
  constexpr std::size_t bytes() const noexcept {
    std::size_t sum = key.size() + 1 + value.size();
    for_each_property([&](std::string_view one) { sum += 1 + one.size(); });
    return sum;
  }
  template <typename Text>
  constexpr void write(Text& to) const {
    to.append(key);
    to.append("=");
    to.append(value);
    for_each_property([&](std::string_view one) {
      to.append(";");
      to.append(one);
    });
  }
};

// The members of a header, as views into its text: within the limits, and unique.
class baggage_list {
 public:
  // What is no member is left out. Of a key that comes twice the last counts (OpenTelemetry, "Baggage"). What would pass a limit ends
  // the list, for no part of a member may be sent. Linear: a key is compared with 64 others at most.
  constexpr void parse(std::string_view text) noexcept {
    count_ = 0;
    bytes_ = 0;
    while (!text.empty() && count_ != max_baggage_members) {
      auto const one = baggage_member::parse(take_front(text, ','));
      if (!one.key.empty() && !put(one)) return;
    }
  }
  constexpr baggage_member const* find(std::string_view key) const noexcept {
    for (std::size_t at = 0; at < count_; ++at)
      if (members_[at].key == key) return &members_[at];
    return nullptr;
  }
  // In the place of one with its key, else last; false where it would pass a limit.
  constexpr bool put(baggage_member const& one) noexcept {
    std::size_t at = 0;
    while (at < count_ && members_[at].key != one.key) ++at;
    std::size_t const others = at == count_ ? bytes_ : bytes_ - members_[at].bytes() - 1;
    if (at == max_baggage_members || others + one.bytes() > max_baggage_bytes) return false;
    bytes_ = others + one.bytes() + 1;
    count_ += at == count_ ? 1 : 0;
    members_[at] = one;
    return true;
  }
  constexpr void erase(std::string_view key) noexcept {
    std::size_t kept = 0;
    for (std::size_t at = 0; at < count_; ++at)
      if (members_[at].key != key) members_[kept++] = members_[at];
    count_ = kept;  // bytes_ may say too much now: nothing is put after it
  }
  template <typename Text>
  constexpr void write(Text& to) const {
    for (std::size_t at = 0; at < count_; ++at) {
      if (at != 0) to.append(",");
      members_[at].write(to);
    }
  }

 private:
  baggage_member members_[max_baggage_members]{};
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;  // with a comma behind each
};

}  // namespace detail

/// Baggage to read and to make: `context.with_baggage(nanospan::baggage{context.baggage()}.set("user", id).text())`. Whoever receives the
/// work reads it, whoever that is: no secrets. Its functions throw std::bad_alloc.
class baggage {
 public:
  baggage() = default;
  /// From the header's text: what is not valid in it, and what passes a limit, is left out; of a key that comes twice the last counts.
  explicit baggage(std::string_view header) { become(parsed(header)); }

  /// The header's text: at most 64 members and 8192 bytes.
  std::string const& text() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }
  bool contains(std::string_view key) const noexcept { return parsed(text_).find(key) != nullptr; }
  /// The value, decoded; what is not UTF-8 in it replaced by U+FFFD. Empty where there is no such key.
  std::string get(std::string_view key) const {
    auto const all = parsed(text_);
    auto const* const found = all.find(key);
    return found != nullptr ? detail::decoded_baggage(found->value) : std::string{};
  }
  /// Any bytes as a value, which will be encoded; UTF-8 is what others expect. `properties` in the header's form, `ttl=30;secret`. False, and
  /// unchanged, where the key is no token (RFC 7230), the properties are not valid, or a limit would be passed.
  bool set(std::string_view key, std::string_view value, std::string_view properties = {}) {
    if (key.size() > detail::max_baggage_bytes || value.size() > detail::max_baggage_bytes || properties.size() > detail::max_baggage_bytes) return false;
    std::string encoded;
    detail::append_encoded(encoded, value);
    detail::baggage_member const one{key, encoded, properties};
    auto all = parsed(text_);
    if (properties.find(',') != std::string_view::npos || !one.valid() || !all.put(one)) return false;
    become(all);
    return true;
  }
  void erase(std::string_view key) {
    auto all = parsed(text_);
    all.erase(key);
    become(all);
  }

  struct member {
    std::string_view key;
    std::string_view encoded_value;
    std::string_view properties;  // as set() takes them
    std::string value() const { return detail::decoded_baggage(encoded_value); }
  };
  /// The members in their order, valid until this object changes: `for (auto const& one : baggage)`.
  class iterator {
   public:
    explicit iterator(std::string_view rest) noexcept : rest_{rest} {}
    member operator*() const noexcept {
      std::string_view rest = rest_;
      auto const one = detail::baggage_member::parse(detail::take_front(rest, ','));
      return {one.key, one.value, one.properties};
    }
    iterator& operator++() noexcept {
      detail::take_front(rest_, ',');
      return *this;
    }
    friend bool operator==(iterator const& a, iterator const& b) noexcept { return a.rest_.size() == b.rest_.size(); }

   private:
    std::string_view rest_;
  };
  iterator begin() const noexcept { return iterator{text_}; }
  iterator end() const noexcept { return iterator{{}}; }

 private:
  static detail::baggage_list parsed(std::string_view text) noexcept {
    detail::baggage_list all;
    all.parse(text);
    return all;
  }
  void become(detail::baggage_list const& all) {
    std::string text;  // the list's views may be into the old one
    all.write(text);
    text_ = std::move(text);
  }

  std::string text_;
};

}  // namespace nanospan::inline v0
