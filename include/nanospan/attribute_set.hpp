// SPDX-License-Identifier: Apache-2.0
#pragma once

// The attributes of a record as they will be exported: unique by key (the last one wins), OpenTelemetry's limit applied, written as OTLP's
// KeyValue. Background thread.

#include <nanospan/detail/literal_cache.hpp>
#include <nanospan/entry_view.hpp>

#include <charconv>

namespace nanospan::inline v0::detail {

// OpenTelemetry's default limits on counts ("Span Limits"): what comes after is dropped and counted.
inline constexpr std::size_t max_attributes = 128;
inline constexpr std::size_t max_events = 128;

// A string field; ill-formed UTF-8 is repaired on the way.
inline void write_text(reverse_writer& to, std::uint32_t field, std::string_view text) {
  if (is_utf8(text)) [[likely]]
    return to.bytes_field(field, text);
  std::string const repaired = repaired_utf8(text);
  to.bytes_field(field, repaired);
}
// Room that write_text() may need.
inline std::size_t text_bound(std::size_t bytes) noexcept { return 3 * bytes + 2 * reverse_writer::max_varint_bytes; }

// An entry whose key, or an event's or a span's name, is looked up if it is a literal.
struct keyed_entry {
  entry_view entry;
  literal_text const* literal = nullptr;  // null: the characters are in the record

  // Throws std::bad_alloc.
  static keyed_entry of(entry_view const& one, literal_cache& literals) { return {one, one.key_is_copied() ? nullptr : &literals.of(one.literal())}; }

  std::string_view key() const noexcept { return literal != nullptr ? literal->text : entry.key(); }
  bool same_key(keyed_entry const& other) const noexcept {
    return literal != nullptr && other.literal != nullptr ? literal == other.literal : key() == other.key();
  }
  NANOSPAN_DETAIL_INLINE void write_key(reverse_writer& to, std::uint32_t field) const {
    if (literal == nullptr) return write_text(to, field, entry.key());
    to.raw(literal->encoded);
    to.tag(field, wire_type::bytes);
  }
  // Room that write_key() may need.
  std::size_t key_bound() const noexcept { return literal != nullptr ? literal->encoded.size() + reverse_writer::max_varint_bytes : text_bound(entry.key().size()); }
};

// Attributes as they will be exported: unique by key, at most max_attributes.
class attribute_set {
 public:
  void clear() noexcept {
    count_ = 0;
    dropped_ = 0;
    bytes_ = 0;
  }
  // Throws std::bad_alloc.
  void add(entry_view const& one, literal_cache& literals) {
    auto const added = keyed_entry::of(one, literals);
    for (std::size_t at = 0; at < count_; ++at) {
      if (chosen_[at].same_key(added)) {
        chosen_[at] = added;
        bytes_ += bound(added);
        return;
      }
    }
    if (count_ == max_attributes) {
      ++dropped_;
      return;
    }
    chosen_[count_++] = added;
    bytes_ += bound(added);
  }
  std::uint64_t dropped() const noexcept { return dropped_; }
  // The most that write() writes.
  std::size_t bound() const noexcept { return bytes_; }

  void write(reverse_writer& to, std::uint32_t field) const {
    for (std::size_t at = count_; at-- != 0;) {
      std::size_t const since = to.size();
      write_value(to, chosen_[at].entry);
      to.end_message(2, since);  // KeyValue.value
      chosen_[at].write_key(to, 1);
      to.end_message(field, since);
    }
  }

  // Room that one of them may need: a number takes at most twenty characters.
  static std::size_t bound(keyed_entry const& one) noexcept { return one.key_bound() + text_bound(one.entry.value_size()) + 64; }

 private:
  static void write_value(reverse_writer& to, entry_view const& one) {
    switch (one.type()) {  // the fields of AnyValue
      case entry_type::boolean: return to.varint_field(2, one.word());
      case entry_type::signed_integer: return to.varint_field(3, one.word());
      case entry_type::floating: return to.fixed64_field(4, one.word());
      case entry_type::string: return write_text(to, 1, one.text());
      case entry_type::unsigned_integer:
        if (one.word() <= 0x7fff'ffff'ffff'ffffu) return to.varint_field(3, one.word());
        return write_decimal(to, one.word());
      default: return;
    }
  }
  static void write_decimal(reverse_writer& to, std::uint64_t value) {
    char digits[20]{};
    char const* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    to.bytes_field(1, {digits, static_cast<std::size_t>(end - digits)});
  }

  keyed_entry chosen_[max_attributes];
  std::size_t count_ = 0;
  std::uint64_t dropped_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace nanospan::inline v0::detail
