// SPDX-License-Identifier: Apache-2.0
#pragma once

// The entries of a span in the making: in a small buffer inside the span, then in one heap block. What finds no room is left out and counted.
// Caller's thread, noexcept.

#include <nanospan/detail/attribute_payload.hpp>
#include <nanospan/detail/memory_account.hpp>
#include <nanospan/start_options.hpp>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>

namespace nanospan::inline v0::detail {

class entry_buffer {
 public:
  // Where a span stands. absent: no provider, or nothing that it could say; see scoped_span. passing: no provider, with the context that would have
  // been the parent's. From not_sampled on a scoped_span is its thread's current one. undecided: recorded like an open one until its sampler, which
  // needs its attributes, has been asked.
  enum class span_phase : std::uint8_t { absent, passing, not_sampled, ended, open, undecided };
  // Kept after the last entry, for the count of what was left out.
  static constexpr std::uint32_t spare_bytes = head_bytes(0) + sizeof(std::uint64_t);

  // NOLINTBEGIN(misc-non-private-member-variables-in-classes)
  // The span's, not the buffer's: here they fill its first word. A call site looks at them, and near an object's beginning an address is a byte shorter.
  span_phase phase;
  // Whether its context has a state: the one that was current before, or one of its own, and then what was current before is kept().
  enum class state_kind : std::uint8_t { none, outer, own } state;
  std::uint16_t exceptions;  // that were under way at its start; where it watches them
  // NOLINTEND(misc-non-private-member-variables-in-classes)
  bool has_state() const noexcept { return state != state_kind::none; }

  entry_buffer() noexcept = default;  // start() or take() follows, or nothing

  NANOSPAN_DETAIL_INLINE void start() noexcept {
    entries_ = inline_;
    used_ = 0;
    capacity_ = inline_entry_bytes;
    dropped_ = 0;
  }
  // What a span is born with.
  NANOSPAN_DETAIL_COLD void add_all(start_options const& with) noexcept {
    if (with.tracer != nullptr) {
      scope_payload const payload{with.tracer};
      if (std::byte* const place = append({nullptr, 0, entry_type::scope, false}, sizeof payload)) std::memcpy(place, &payload, sizeof payload);
    }
    for (attribute const& one : with.attributes) add(one);
    for (span_link const& one : with.links) {
      std::uint32_t const offset = used_;
      if (!append_link(one.context)) continue;
      std::uint32_t const before = used_;
      for (attribute const& each : one.attributes) add(each);
      grow_entry(offset, used_ - before);
    }
  }
  // What a scoped_span puts back that had a trace or a state of its own. For these few it has no room but the last bytes inside.
  struct outer_context {
    nanospan::trace_id trace;
    context_state* state;
  };
  void keep(outer_context const& outer) noexcept {
    constexpr std::uint32_t left = inline_entry_bytes - sizeof outer;
    if (!on_heap() && used_ > left && !grow(sizeof outer)) {  // without memory the entries go
      ++dropped_;
      used_ = 0;
    }
    if (!on_heap()) capacity_ = left;
    std::memcpy(static_cast<void*>(inline_ + left + spare_bytes), &outer, sizeof outer);
  }
  outer_context kept() const noexcept {
    outer_context outer{};
    std::memcpy(static_cast<void*>(&outer), inline_ + inline_entry_bytes - sizeof outer + spare_bytes, sizeof outer);
    return outer;
  }
  // Lets go of all that it holds.
  void discard() noexcept {
    if (on_heap()) free_block(as_payload());
    start();
  }
  // What `other` holds; that one holds nothing any more.
  void take(entry_buffer const& other) noexcept {
    bool const on_heap = other.entries_ != other.inline_;
    entries_ = on_heap ? other.entries_ : inline_;
    used_ = other.used_;
    capacity_ = other.capacity_;
    dropped_ = other.dropped_;
    if (!on_heap) std::memcpy(inline_, other.inline_, used_);
  }

  std::byte* bytes() const noexcept { return entries_; }
  std::uint32_t size() const noexcept { return used_; }
  bool on_heap() const noexcept { return entries_ != inline_; }
  // Of one on the heap: what a record says in the place of the entries.
  heap_payload as_payload() const noexcept { return {entries_, used_, capacity_ + spare_bytes}; }
  static void free_block(heap_payload const& heap) noexcept {
    if (heap.block == nullptr) return;
    std::free(heap.block);
    span_memory.release(heap.capacity);
  }
  // Has the span end the slow way, where left_by_exception() is asked.
  void watch_exceptions() noexcept {
    exceptions = static_cast<std::uint16_t>(std::uncaught_exceptions());
    dropped_ |= watches_exceptions;
  }
  bool left_by_exception() const noexcept { return (dropped_ & watches_exceptions) != 0 && std::uncaught_exceptions() > exceptions; }
  // Nothing was left out, nothing is on the heap, nobody asks about exceptions.
  NANOSPAN_DETAIL_INLINE bool plain() const noexcept { return dropped_ == 0 && capacity_ == inline_entry_bytes; }
  void drop(std::uint32_t entries = 1) noexcept { dropped_ += entries; }

  template <typename... Attribute>
  NANOSPAN_DETAIL_INLINE void add_all(Attribute const&... each) noexcept {
    // Kept in registers from one attribute to the next, which the compiler may not do with members.
    cursor left{entries_ + used_, entries_ + capacity_};
    (add_into(left, each), ...);
    used_ = static_cast<std::uint32_t>(left.place - entries_);
  }
  // The long way: a copied key, no room, a long text.
  NANOSPAN_DETAIL_COLD void add(attribute const& one) noexcept {
    std::byte* const place = append_keyed(one.head_, attribute_payload::size(one));
    if (place != nullptr) attribute_payload::write(place, one);
  }
  // Room for the value of an entry with any key; null when the span is full (counted).
  NANOSPAN_DETAIL_INLINE std::byte* append_keyed(entry_head const& head, std::size_t value_size, bool may_grow = false) noexcept {
    return must_be_copied(head) != 0 ? append_copied(head, value_size, may_grow) : append(head, value_size, may_grow);
  }
  // Room for an entry, its head written, in the long form where it may grow; null when the span is full (counted).
  NANOSPAN_DETAIL_INLINE std::byte* append(entry_head const& head, std::size_t size, bool may_grow = false) noexcept {
    std::size_t const form = may_grow ? long_entry : size;
    std::size_t const all = head_bytes(form) + padded(size);
    if (size > max_entry_bytes || (capacity_ - used_ < all && !grow(static_cast<std::uint32_t>(all)))) [[unlikely]] {
      ++dropped_;
      return nullptr;
    }
    std::byte* const place = entries_ + used_;
    used_ += static_cast<std::uint32_t>(all);
    put_word(place, entry_word(head, form));
    if (!is_short(form)) put_word(place + head_bytes(0), size);
    return place + head_bytes(form);
  }
  // Whether the entry at that offset is the last, and takes more: an event or a link.
  bool is_last(std::uint32_t offset) const noexcept {
    std::uint64_t words[2];  // the head of an entry that may grow
    if (offset + sizeof words > used_) return false;
    std::memcpy(words, entries_ + offset, sizeof words);
    return (type_of(words[0]) == entry_type::event || type_of(words[0]) == entry_type::link) && offset + sizeof words + words[1] == used_;
  }
  void grow_entry(std::uint32_t offset, std::uint64_t bytes) noexcept {
    std::byte* const place = entries_ + offset + head_bytes(0);
    std::uint64_t size = 0;
    std::memcpy(&size, place, sizeof size);
    put_word(place, size + bytes);
  }
  // False where there is no room (counted).
  bool append_link(span_context const& to) noexcept {
    std::string_view const tracestate = to.tracestate();
    link_payload const payload{to.trace_id(), to.span_id(), to.trace_flags(), static_cast<std::uint16_t>(to.remote() ? 1 : 0), static_cast<std::uint16_t>(tracestate.size())};
    std::byte* const place = append({nullptr, 0, entry_type::link, false}, sizeof payload + padded(tracestate.size()), true);
    if (place == nullptr) return false;
    std::memcpy(place, &payload, sizeof payload);
    if (!tracestate.empty()) std::memcpy(place + sizeof payload, tracestate.data(), tracestate.size());
    return true;
  }
  // An entry of text, cut where the span is full and no half of a character left; a text of which nothing finds room is counted.
  NANOSPAN_DETAIL_INLINE void append_text(entry_type type, std::string_view text) noexcept {
    std::uint32_t const room = max_entry_bytes - used_;  // a multiple of 8
    if (room == 0) {
      dropped_ += text.empty() ? 0u : 1u;
      return;
    }
    std::size_t const longest = room - head_bytes(room);  // on the safe side, where that is between the two
    std::size_t size = text.size();
    if (size > longest) {
      size = longest;
      while (size != 0 && (static_cast<std::uint8_t>(text[size]) & 0xc0) == 0x80) --size;
    }
    std::byte* const place = append({nullptr, 0, type, false}, size);
    if (place != nullptr && size != 0) std::memcpy(place, text.data(), size);
  }
  // The last entry, where something was left out: how much.
  void append_dropped() noexcept {
    std::uint64_t const dropped = dropped_ & ~watches_exceptions;
    if (dropped == 0) return;
    capacity_ += spare_bytes;  // kept for this
    if (std::byte* const place = append({nullptr, 0, entry_type::dropped, false}, sizeof dropped)) std::memcpy(place, &dropped, sizeof dropped);
    capacity_ -= spare_bytes;
  }

 private:
  struct cursor {
    std::byte* place;
    std::byte const* end;
  };
  NANOSPAN_DETAIL_INLINE void add_into(cursor& left, attribute const& one) noexcept {
    // Numbers apart from text: all but the key and the type is known of them.
    if (one.head_.type() == entry_type::string) {
      // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): a text has a size
      if (std::byte* const place = put_head(left, one.head_, one.text_size_)) return copy_text(place, one.value_.text, one.text_size_);
    } else {
      if (std::byte* const place = put_head(left, one.head_, sizeof one.value_.bits)) return copy_word(place, &one.value_.bits);
    }
    used_ = static_cast<std::uint32_t>(left.place - entries_);
    add(one);
    left = {entries_ + used_, entries_ + capacity_};
  }
  // The short way, for a literal key and a value of less than 512 bytes that finds room: where the value goes. Null otherwise.
  NANOSPAN_DETAIL_INLINE static std::byte* put_head(cursor& left, entry_head const& head, std::size_t size) noexcept {
    std::size_t const all = head_bytes(0) + padded(size);
    bool const is_unusual = (must_be_copied(head) | size >> short_entry_bits) != 0;
    if (is_unusual || static_cast<std::size_t>(left.end - left.place) < all) [[unlikely]]
      return nullptr;
    std::byte* const place = left.place;
    put_word(place, entry_word_of(address_of(head.key), head.what, size));
    left.place += all;
    return place + head_bytes(0);
  }
  // The key's characters come first in the payload, padded to 8.
  std::byte* append_copied(entry_head head, std::size_t value_size, bool may_grow) noexcept {
    char const* const key = std::exchange(head.key, nullptr);
    head.what |= copied_key;
    std::size_t const key_bytes = padded(head.key_size);
    std::byte* const place = append(head, value_size > max_entry_bytes ? value_size : key_bytes + value_size, may_grow);
    if (place == nullptr) return nullptr;
    if (head.key_size != 0) std::memcpy(place, key, head.key_size);
    return place + key_bytes;
  }
  NANOSPAN_DETAIL_COLD bool grow(std::uint32_t size) noexcept {
    if (used_ + size > max_entry_bytes) return false;
    std::uint32_t const wanted = std::bit_ceil(used_ + size);
    std::uint32_t const capacity = wanted < 1024 - spare_bytes ? 1024 - spare_bytes : wanted;  // of a size that allocators keep at hand
    std::uint32_t const more = on_heap() ? capacity - capacity_ : capacity + spare_bytes;
    if (!span_memory.charge_recording(more)) return false;
    int const error = errno;
    void* const block = std::realloc(on_heap() ? entries_ : nullptr, capacity + spare_bytes);
    errno = error;
    if (block == nullptr) {
      span_memory.release(more);
      return false;
    }
    if (!on_heap()) std::memcpy(block, inline_, used_);
    entries_ = static_cast<std::byte*>(block);
    capacity_ = capacity;
    return true;
  }

  static constexpr std::uint32_t watches_exceptions = 1u << 31;

  std::uint32_t dropped_;  // entries that found no room, and watches_exceptions
  std::uint32_t used_;
  std::uint32_t capacity_;
  std::byte* entries_;  // inline_, or a heap block
  alignas(8) std::byte inline_[inline_entry_bytes + spare_bytes];  // uninitialised until used
};

}  // namespace nanospan::inline v0::detail
