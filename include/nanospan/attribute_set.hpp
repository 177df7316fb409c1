// SPDX-License-Identifier: Apache-2.0
#pragma once

// The attributes of a record as they will be exported: unique by key (the last one wins), OpenTelemetry's limit applied, written as OTLP's
// KeyValue. Background thread.

#include <nanospan/detail/any_value.hpp>
#include <nanospan/detail/literal_cache.hpp>
#include <nanospan/entry_view.hpp>

#include <algorithm>
#include <memory>

namespace nanospan::inline v0::detail {

// An entry whose key, or an event's or a span's name, is looked up if it is a literal.
struct keyed_entry {
  entry_view entry;
  literal_text const* literal = nullptr;  // null: the characters are in the record

  // Throws std::bad_alloc.
  static keyed_entry of(entry_view const& one, literal_cache& literals) { return {one, one.key_is_copied() ? nullptr : &literals.of(one.literal())}; }

  std::string_view key() const noexcept { return literal != nullptr ? literal->text : entry.key(); }
  NANOSPAN_DETAIL_INLINE bool same_key(keyed_entry const& other) const noexcept {
    if (literal != nullptr && other.literal != nullptr) [[likely]]
      return literal == other.literal;  // equal ones are one object
    return key() == other.key();
  }
  NANOSPAN_DETAIL_INLINE void write_key(reverse_writer& to, std::uint32_t field) const {
    if (literal == nullptr) return write_text(to, field, entry.key());
    to.raw(literal->encoded);
    to.tag(field, wire_type::bytes);
  }
  // Room that write_key() may need.
  std::size_t key_bound() const noexcept { return literal != nullptr ? literal->encoded.size() + reverse_writer::max_varint_bytes : text_bound(entry.key().size()); }
};

// Attributes as they will be exported: unique by key, no more than the limit.
class attribute_set {
 public:
  // Throws std::bad_alloc.
  explicit attribute_set(std::size_t most) : most_{most}, chosen_{std::make_unique<keyed_entry[]>(most)} {}

  void clear() noexcept {
    count_ = 0;
    dropped_ = 0;
    bytes_ = 0;
  }
  // Throws std::bad_alloc.
  void add(entry_view const& one, literal_cache& literals) { add(keyed_entry::of(one, literals)); }
  NANOSPAN_DETAIL_INLINE void add(keyed_entry const& added) {
    if (added.literal != nullptr) bytes_ += added.literal->encoded.size();
    if (added.entry.type() == entry_type::type_name) [[unlikely]]
      bytes_ += text_bound(demangled(added.entry.text()).size());
    for (std::size_t at = 0; at < count_; ++at) {
      if (chosen_[at].same_key(added)) {
        chosen_[at] = added;
        return;
      }
    }
    if (count_ == most_) {
      ++dropped_;
      return;
    }
    chosen_[count_++] = added;
  }
  bool contains(std::string_view key) const noexcept {
    for (std::size_t at = 0; at < count_; ++at)
      if (chosen_[at].key() == key) return true;
    return false;
  }
  std::uint64_t dropped() const noexcept { return dropped_; }
  // The most that write() writes, of entries that take so many bytes: ill-formed text becomes three times as long, a number's word of an array, too.
  std::size_t bound(std::size_t entry_bytes) const noexcept { return bytes_ + 3 * entry_bytes + 128 * count_; }

  std::size_t size() const noexcept { return count_; }
  keyed_entry const& operator[](std::size_t at) const noexcept { return chosen_[at]; }
  void erase(std::size_t at) noexcept { std::move(&chosen_[at + 1], &chosen_[count_--], &chosen_[at]); }

  // The same, closer.
  std::size_t estimate(std::size_t entry_bytes) const noexcept { return bytes_ + 3 * entry_bytes + 32 * (count_ + 1); }
  // Leaves out the last ones where write() might write more than that, and counts them.
  NANOSPAN_DETAIL_COLD void fit(std::size_t most) {
    std::size_t sum = 0;
    std::size_t fitting = 0;
    for (; fitting < count_; ++fitting) {
      entry_view const& one = chosen_[fitting].entry;
      std::size_t const type_name = one.type() == entry_type::type_name ? text_bound(demangled(one.text()).size()) : 0;
      sum += 3 * one.value_size() + chosen_[fitting].key_bound() + type_name + 32;
      if (sum > most) break;
    }
    dropped_ += count_ - fitting;
    count_ = fitting;
  }

  void write(reverse_writer& to, std::uint32_t field, std::size_t longest) const {
    for (std::size_t at = count_; at-- != 0;) {
      std::size_t const since = to.size();
      write_value(to, chosen_[at].entry, longest);
      to.end_message(2, since);  // KeyValue.value
      chosen_[at].write_key(to, 1);
      to.end_message(field, since);
    }
  }

 private:
  std::size_t most_;
  std::unique_ptr<keyed_entry[]> chosen_;
  std::size_t count_ = 0;
  std::uint64_t dropped_ = 0;
  std::size_t bytes_ = 0;  // of keys that are literals, and names of types
};

}  // namespace nanospan::inline v0::detail
