// SPDX-License-Identifier: Apache-2.0
#pragma once

// The entries of a record, read where they lie, and the attributes among them as they will be exported: unique by key (the last one wins),
// OpenTelemetry's limit applied, written as OTLP's KeyValue. Background thread.

#include <nanospan/detail/literal_cache.hpp>
#include <nanospan/record.hpp>

#include <charconv>

namespace nanospan::inline v0::detail {

// OpenTelemetry's default limits on counts ("Span Limits"): what comes after is dropped and counted.
inline constexpr std::size_t max_attributes = 128;
inline constexpr std::size_t max_events = 128;

// An entry where it lies in a record.
class entry_view {
 public:
  entry_view() noexcept = default;
  entry_view(std::uint64_t word, std::byte const* payload, std::size_t size) noexcept : word_{word}, payload_{payload}, size_{size} {}

  entry_type type() const noexcept { return type_of(word_); }
  bool key_is_copied() const noexcept { return key_is_copied_in(word_); }
  // Where it is no copied one.
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the rest of an address' word says type and size
  char const* literal() const noexcept { return reinterpret_cast<char const*>(word_ & ((std::uint64_t{1} << entry_key_bits) - 1)); }
  std::string_view key() const noexcept {
    if (key_is_copied()) return {reinterpret_cast<char const*>(payload_), static_cast<std::uint16_t>(word_)};
    return literal() != nullptr ? std::string_view{literal()} : std::string_view{};
  }
  std::byte const* value() const noexcept { return payload_ + copied_key_bytes(); }
  std::size_t value_size() const noexcept { return size_ - copied_key_bytes(); }
  std::string_view text() const noexcept { return {reinterpret_cast<char const*>(value()), value_size()}; }
  std::uint64_t word() const noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, value(), sizeof bits);
    return bits;
  }
  // With its padding, in the payload.
  std::size_t copied_key_bytes() const noexcept { return key_is_copied() ? padded(static_cast<std::uint16_t>(word_)) : 0; }

 private:
  std::uint64_t word_ = 0;
  std::byte const* payload_ = nullptr;
  std::size_t size_ = 0;
};

// Calls `visit(entry_view)` for each entry in `bytes`; stops at one that does not fit, which only a data race can have written.
template <typename Visit>
void for_each_entry(std::byte const* entries, std::size_t bytes, Visit&& visit) {
  while (bytes >= head_bytes(0)) {
    std::uint64_t word = 0;
    std::memcpy(&word, entries, sizeof word);
    std::uint64_t size = word >> entry_size_shift;
    std::size_t head = head_bytes(0);
    if (size == long_entry) [[unlikely]] {
      head = head_bytes(long_entry);
      if (bytes < head) return;
      std::memcpy(&size, entries + head_bytes(0), sizeof size);
    }
    entry_view const entry{word, entries + head, size};
    if (size > bytes - head || padded(size) > bytes - head || size < entry.copied_key_bytes()) return;
    visit(entry);
    entries += head + padded(size);
    bytes -= head + padded(size);
  }
}

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
