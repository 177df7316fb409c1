// SPDX-License-Identifier: Apache-2.0
#pragma once

// W3C Trace Context Level 2, "tracestate Header": what other tracing systems put beside the ids, a list of keys and values. Any thread.

#include <nanospan/detail/header_text.hpp>

#include <string>

namespace nanospan::inline v0 {
namespace detail {

// Of all headers of the name together; what is longer is no tracestate. The longest allowed has half of it.
inline constexpr std::size_t max_tracestate_header_bytes = 32u << 10;
// What is sent: receivers need not take more ("tracestate Limits").
inline constexpr std::size_t max_sent_tracestate_bytes = 512;

struct tracestate_member {
  std::string_view key;
  std::string_view value;

  constexpr std::size_t bytes() const noexcept { return key.size() + 1 + value.size(); }
  // "list-members": key = ( lcalpha / DIGIT ) 0*255( keychar ), value = 0*255( chr ) nblk-chr.
  constexpr bool valid() const noexcept {
    if (key.empty() || key.size() > 256 || value.empty() || value.size() > 256 || value.back() == ' ') return false;
    if (!is_lower(key.front()) && !is_digit(key.front())) return false;
    for (char const c : key)
      if (!is_lower(c) && !is_digit(c) && std::string_view{"_-*/@"}.find(c) == std::string_view::npos) return false;
    for (char const c : value)
      if (c < ' ' || c > '~' || c == ',' || c == '=') return false;
    return true;
  }
};

// The members of a header, as views into its text.
class tracestate_list {
 public:
  static constexpr std::size_t max_members = 32;

  // False, and empty, for what is no tracestate: one bad member is enough. Of a key that comes twice the first counts, the newer one
  // ("Mutating the tracestate Field": duplicates may be discarded). Linear: what is not there is compared with 32 keys at most.
  constexpr bool parse(std::string_view text) noexcept {
    count_ = 0;
    while (!text.empty()) {
      std::string_view const member = without_blanks(take_front(text, ','));
      if (member.empty()) continue;
      std::size_t const equals = member.find('=');
      if (equals == std::string_view::npos) return refuse();
      tracestate_member const one{member.substr(0, equals), member.substr(equals + 1)};
      if (!one.valid()) return refuse();
      if (find(one.key) != count_) continue;
      if (count_ == max_members) return refuse();
      members_[count_++] = one;
    }
    return true;
  }
  constexpr std::string_view get(std::string_view key) const noexcept {
    std::size_t const at = find(key);
    return at != count_ ? members_[at].value : std::string_view{};
  }
  // What changes moves to the left; a 33rd member pushes the rightmost out.
  constexpr void put(tracestate_member const& one) noexcept {
    erase(one.key);
    if (count_ == max_members) --count_;
    for (std::size_t at = count_++; at != 0; --at) members_[at] = members_[at - 1];
    members_[0] = one;
  }
  constexpr void erase(std::string_view key) noexcept {
    std::size_t const at = find(key);
    if (at != count_) erase_at(at);
  }
  // Whole members: first those over 128 bytes, then any, from the right ("tracestate Limits").
  constexpr void truncate(std::size_t most_bytes) noexcept {
    for (std::size_t at = count_; at-- != 0 && bytes() > most_bytes;)
      if (members_[at].bytes() > 128) erase_at(at);
    while (bytes() > most_bytes) --count_;
  }
  constexpr std::size_t bytes() const noexcept {
    std::size_t sum = count_ != 0 ? count_ - 1 : 0;
    for (std::size_t at = 0; at < count_; ++at) sum += members_[at].bytes();
    return sum;
  }
  template <typename Text>
  constexpr void write(Text& to) const noexcept(noexcept(to.append({}))) {
    for (std::size_t at = 0; at < count_; ++at) {
      if (at != 0) to.append(",");
      to.append(members_[at].key);
      to.append("=");
      to.append(members_[at].value);
    }
  }

 private:
  constexpr bool refuse() noexcept {
    count_ = 0;
    return false;
  }
  constexpr std::size_t find(std::string_view key) const noexcept {
    std::size_t at = 0;
    while (at < count_ && members_[at].key != key) ++at;
    return at;
  }
  constexpr void erase_at(std::size_t at) noexcept {
    for (--count_; at < count_; ++at) members_[at] = members_[at + 1];
  }

  tracestate_member members_[max_members]{};
  std::size_t count_ = 0;
};

}  // namespace detail

/// A tracestate to read and to change: `context.with_tracestate(nanospan::tracestate{context.tracestate()}.set("vendor", "1").text())`.
/// Copying and changing throw std::bad_alloc.
class tracestate {
 public:
  tracestate() = default;
  /// From the header's text; empty where that is not valid.
  explicit tracestate(std::string_view header) {
    detail::tracestate_list list;
    list.parse(header);
    list.write(text_);
  }

  /// The header's text, of at most 32 members. More than 512 bytes are not sent: members over 128 bytes go first, then the rightmost.
  std::string const& text() const noexcept { return text_; }
  /// Empty where there is no such key. Valid until this object changes.
  std::string_view get(std::string_view key) const noexcept { return list().get(key); }
  /// Puts the key first, as the standard says of what was changed; a 33rd member pushes the last one out. A key or a value that is not allowed
  /// changes nothing.
  tracestate& set(std::string_view key, std::string_view value) {
    if (!detail::tracestate_member{key, value}.valid()) return *this;
    auto changed = list();
    changed.put({key, value});
    return become(changed);
  }
  tracestate& erase(std::string_view key) {
    auto changed = list();
    changed.erase(key);
    return become(changed);
  }

 private:
  detail::tracestate_list list() const noexcept {
    detail::tracestate_list all;
    all.parse(text_);
    return all;
  }
  tracestate& become(detail::tracestate_list const& list) {
    std::string text;  // the list's views are into the old one
    list.write(text);
    text_ = std::move(text);
    return *this;
  }

  std::string text_;
};

}  // namespace nanospan::inline v0
