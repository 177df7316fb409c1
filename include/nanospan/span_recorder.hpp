// SPDX-License-Identifier: Apache-2.0
#pragma once

// The record in the making, which every kind of span is: how it starts, what it is told, how it is handed over to its thread's ring.
// Caller's thread, noexcept, no lock, no system call. A span with over 256 bytes of entries takes one heap block.

#include <nanospan/clock.hpp>
#include <nanospan/sampler.hpp>
#include <nanospan/scope.hpp>

#include <cstdlib>
#include <cstring>

namespace nanospan::inline v0 {

class span_recorder;

namespace detail {
class innermost_event;
}

/// An event just added; takes its attributes while it is the last thing that its span was told.
class event_attributes : public detail::attribute_setters<event_attributes> {
 private:
  friend class span_recorder;
  friend class detail::innermost_event;
  friend class detail::attribute_setters<event_attributes>;
  event_attributes() noexcept = default;
  event_attributes(span_recorder* of, std::uint32_t offset) noexcept : span_{of}, offset_{offset} {}
  template <typename... Attribute>
  void add_all(Attribute const&... each) noexcept {
    (add(each), ...);
  }
  inline void add(attribute const& one) noexcept;

  span_recorder* span_ = nullptr;  // null: not recorded
  std::uint32_t offset_ = 0;
};

/// What scoped_span and span share: the record in the making. A span belongs to one thread at a time.
class span_recorder : public detail::attribute_setters<span_recorder> {
 public:
  span_recorder(span_recorder const&) = delete;
  span_recorder& operator=(span_recorder const&) = delete;

  /// False for a span that is not sampled, has ended, or has no provider: setters do nothing then.
  bool recording() const noexcept { return phase_ == phase::recording; }
  /// This span's context, to propagate and to start children from; also of an unsampled or ended span. Invalid without a provider.
  NANOSPAN_DETAIL_OUT_OF_LINE span_context context() const noexcept {
    if (phase_ == phase::absent) return current();  // the parent's passes through unchanged
    bool const remote = phase_ == phase::passing && (header_.meta.flags & detail::parent_is_remote) != 0;
    return {header_.trace, header_.span, header_.meta.trace_flags, remote, has_state_ ? state_->view() : std::string_view{}};
  }

  /// Adds an event, now. Attributes go on what it returns: `span.event("retry").set({"attempt", 2})`.
  event_attributes event(literal name) noexcept { return event_named({name.data(), name.size()}, false); }
  event_attributes event(copied name) noexcept { return event_named(name.text, true); }
  /// Sets status Error with a description, cut where the span is full; the last one wins (OpenTelemetry, "Set Status").
  NANOSPAN_DETAIL_OUT_OF_LINE void error(std::string_view description = {}) noexcept {
    if (!recording()) return;
    detail::record_meta meta = detail::in_register(header_.meta);  // whole: see record_meta
    meta.status = static_cast<std::uint8_t>(detail::status_code::error);
    header_.meta = detail::in_register(meta);
    std::uint32_t const room = detail::max_entry_bytes - used_;  // a multiple of 8
    if (room == 0) {
      dropped_ += description.empty() ? 0u : 1u;
      return;
    }
    std::size_t const longest = room - detail::head_bytes(room);  // on the safe side, where that is between the two
    std::size_t size = description.size();
    if (size > longest) {
      size = longest;
      while (size != 0 && (static_cast<std::uint8_t>(description[size]) & 0xc0) == 0x80) --size;  // no half of a character
    }
    std::byte* const place = append({nullptr, 0, detail::entry_type::status, false}, size);
    if (place != nullptr && size != 0) std::memcpy(place, description.data(), size);
  }
  void error(char const* description) noexcept { error(description != nullptr ? std::string_view{description} : std::string_view{}); }

 protected:
  // absent: no provider, or nothing that it could say; see scoped_span. passing: no provider, with the context that would have been the
  // parent's. From not_sampled on a scoped_span is its thread's current one.
  enum class phase : std::uint8_t { absent, passing, not_sampled, recording, ended };

  span_recorder() noexcept {}  // leaves the header uninitialised: start() or pass_through() follows, or phase_ says so
  ~span_recorder() = default;

  // What a span is born with: its site, or a name and a kind.
  struct birth {
    detail::site const* from;
    char const* name;
    std::uint16_t name_size;
    bool name_is_copied;
    span_kind kind;
  };

  // A child that is not recorded: an id to propagate, and no more. `thread` has a slot.
  NANOSPAN_DETAIL_INLINE void start_not_sampled(detail::thread_block& thread, std::uint8_t parent_flags) noexcept {
    header_.span = detail::in_register(thread.random.next_span_id());
    header_.meta.trace_flags = static_cast<std::uint8_t>(parent_flags & ~sampled_flag);
    set_phase(phase::not_sampled);
  }
  // One that is: the record's header is filled in but for the times, the entries are empty.
  NANOSPAN_DETAIL_INLINE void start_sampled(detail::thread_block& thread, std::uint32_t word, birth const& as,
                                            detail::context_meta parent_meta, span_id parent) noexcept {
    bool const monotonic = (word & detail::recording_monotonic) != 0;
    header_.span = detail::in_register(thread.random.next_span_id());
    header_.meta = detail::in_register(detail::record_meta{
        0, as.kind, static_cast<std::uint8_t>((monotonic ? detail::monotonic_ticks : 0) | (parent_meta.remote ? detail::parent_is_remote : 0)),
        static_cast<std::uint8_t>(parent_meta.flags | sampled_flag), 0});
    set_phase(phase::recording);
    header_.from = as.from;
    header_.parent = parent;
    entries_ = inline_;
    used_ = 0;
    capacity_ = detail::inline_entry_bytes;
    dropped_ = 0;
  }
  // The whole of it, for any parent: the way of roots, remote parents, samplers that must be asked, and names without a site.
  NANOSPAN_DETAIL_INLINE void start_any(detail::thread_block& thread, std::uint32_t word, birth const& as, detail::active_context const& parent) noexcept {
    bool const has_parent = parent.valid();
    header_.trace = has_parent ? parent.trace : thread.random.next_trace_id();
    detail::context_meta meta = parent.meta;
    if (!has_parent) meta = {0, random_flag, false, false, {}};
    auto const as_parent = has_parent ? detail::kind_of_parent(meta.flags, meta.remote) : detail::parent_kind::none;
    auto decision = static_cast<sampling_decision>(detail::sampling_plan{word}[as_parent]);
    if (decision == sampling_decision{}) decision = ask(as, parent);
    if (decision == sampling_decision::record_and_sample) start_sampled(thread, word, as, meta, parent.span);
    else start_not_sampled(thread, meta.flags);
    if (has_parent) share_state(parent.state);
    if (as.from == nullptr && recording()) add_name(as);
  }
  // A span that never starts, for want of a provider or a slot, but knows what would have been its parent.
  void pass_through(detail::active_context const& parent) noexcept {
    header_.trace = parent.trace;
    header_.span = parent.span;
    header_.meta = {0, {}, static_cast<std::uint8_t>(parent.meta.remote ? detail::parent_is_remote : 0), parent.meta.flags, 0};
    set_phase(phase::passing);
    share_state(parent.state);
  }
  NANOSPAN_DETAIL_INLINE void set_phase(phase now) noexcept {
    phase_ = now;
    has_state_ = false;
  }
  void share_state(detail::shared_text* state) noexcept {
    has_state_ = state != nullptr;
    state_ = detail::shared_text::share(state);
  }
  NANOSPAN_DETAIL_INLINE void start_clock(std::uint32_t word) noexcept {
    header_.start_ticks = detail::read_clock((word & detail::recording_monotonic) != 0);
  }
  detail::record_header& header() noexcept { return header_; }
  // Ends the span: after it nothing is recorded. Ticks are read by the caller, first of all.
  NANOSPAN_DETAIL_INLINE void finish(detail::thread_block& thread, std::uint64_t end_ticks) noexcept {
    phase_ = phase::ended;
    header_.end_ticks = end_ticks;
    if (dropped_ != 0 || capacity_ != detail::inline_entry_bytes || has_state_) [[unlikely]]
      return finish_slowly(thread);
    hand_over(thread, entries_, used_);
  }
  std::uint64_t end_ticks() const noexcept { return detail::read_clock((header_.meta.flags & detail::monotonic_ticks) != 0); }
  void release_state() noexcept {
    if (has_state_) [[unlikely]] {
      has_state_ = false;
      detail::shared_text::release(state_);
    }
  }
  void take(span_recorder& other) noexcept {
    std::memcpy(static_cast<void*>(&header_), &other.header_, sizeof header_);
    has_state_ = std::exchange(other.has_state_, false);
    if (has_state_) state_ = other.state_;
    phase_ = std::exchange(other.phase_, phase::ended);
    if (!recording()) return;
    bool const on_heap = other.entries_ != other.inline_;
    entries_ = on_heap ? other.entries_ : inline_;
    used_ = other.used_;
    capacity_ = other.capacity_;
    dropped_ = other.dropped_;
    if (!on_heap) std::memcpy(inline_, other.inline_, used_);
  }

  // What recording does when there is no provider: counts, on the thread if it can.
  static void count_unprovided(detail::thread_block& thread, std::uint32_t word) noexcept {
    detail::thread_slot* const slot = thread.slot;
    if (slot == nullptr || word != 0) [[unlikely]]
      return count_unprovided_slowly(word);
    slot->dropped_no_provider.add(1);
  }
  static bool has_slot(detail::thread_block const& thread) noexcept {
    if (thread.slot != nullptr || detail::acquire_slot() != nullptr) [[likely]]
      return true;
    detail::registry.dropped_no_slot.fetch_add(1, std::memory_order_relaxed);  // Relaxed: read for reporting only.
    return false;
  }

 private:
  friend class event_attributes;
  friend class scoped_span;
  friend class detail::innermost_event;
  friend class detail::attribute_setters<span_recorder>;

  event_attributes event_named(std::string_view name, bool copied) noexcept {
    return add_event({name.data(), static_cast<std::uint16_t>(name.size()), detail::entry_type::event, copied});
  }

  NANOSPAN_DETAIL_COLD sampling_decision ask(birth const& as, detail::active_context const& parent) const noexcept {
    // Acquire: pairs with the release of the provider, which installed the sampler before it wrote the word.
    static_cast<void>(detail::recording.word.load(std::memory_order_acquire));
    sampler const* const asked = detail::recording.asked.load(std::memory_order_acquire);
    if (asked == nullptr) return sampling_decision::drop;
    span_context const parent_context = parent.share();
    std::string_view const name = as.from != nullptr ? std::string_view{as.from->name, as.from->name_size} : std::string_view{as.name, as.name_size};
    return asked->should_sample({parent_context, header_.trace, name, as.kind});
  }

  template <typename... Attribute>
  NANOSPAN_DETAIL_INLINE void add_all(Attribute const&... each) noexcept {
    if (!recording()) return;
    // Kept in registers from one attribute to the next, which the compiler may not do with members.
    cursor left{entries_ + used_, entries_ + capacity_};
    (add_into(left, each), ...);
    used_ = static_cast<std::uint32_t>(left.place - entries_);
  }
  struct cursor {
    std::byte* place;
    std::byte const* end;
  };
  NANOSPAN_DETAIL_INLINE void add_into(cursor& left, attribute const& one) noexcept {
    // Numbers apart from text: all but the key and the type is known of them.
    if (one.head_.type() == detail::entry_type::string) {
      if (std::byte* const place = put_head(left, one.head_, one.text_size_)) return detail::copy_text(place, one.value_.text, one.text_size_);
    } else {
      if (std::byte* const place = put_head(left, one.head_, sizeof one.value_.bits)) return detail::copy_word(place, &one.value_.bits);
    }
    used_ = static_cast<std::uint32_t>(left.place - entries_);
    add(one);
    left = {entries_ + used_, entries_ + capacity_};
  }
  // The short way, for a literal key and a value of less than a kibibyte that finds room: where the value goes. Null otherwise.
  NANOSPAN_DETAIL_INLINE static std::byte* put_head(cursor& left, detail::entry_head const& head, std::size_t size) noexcept {
    std::size_t const all = detail::head_bytes(0) + detail::padded(size);
    bool const is_unusual = (detail::must_be_copied(head) | size >> detail::short_entry_bits) != 0;
    if (is_unusual || static_cast<std::size_t>(left.end - left.place) < all) [[unlikely]]
      return nullptr;
    std::byte* const place = left.place;
    put_word(place, detail::entry_word_of(detail::address_of(head.key), head.what, size));
    left.place += all;
    return place + detail::head_bytes(0);
  }
  NANOSPAN_DETAIL_INLINE static void put_word(std::byte* place, std::uint64_t word) noexcept {
    word = detail::in_register(word);
    std::memcpy(place, &word, sizeof word);
  }
  NANOSPAN_DETAIL_INLINE static void put_value(std::byte* place, attribute const& one) noexcept {
    if (one.head_.type() == detail::entry_type::string) detail::copy_text(place, one.value_.text, one.text_size_);
    else detail::copy_word(place, &one.value_.bits);
  }
  // The long way: a copied key, no room, a long text.
  NANOSPAN_DETAIL_COLD void add(attribute const& one) noexcept {
    if (!recording()) return;
    std::byte* const place = append_keyed(one.head_, one.value_size());
    if (place != nullptr) put_value(place, one);
  }
  // Room for the value of an entry with any key; null when the span is full (counted).
  NANOSPAN_DETAIL_INLINE std::byte* append_keyed(detail::entry_head const& head, std::size_t value_size, bool may_grow = false) noexcept {
    return detail::must_be_copied(head) != 0 ? append_copied(head, value_size, may_grow) : append(head, value_size, may_grow);
  }
  // The key's characters come first in the payload, padded to 8.
  std::byte* append_copied(detail::entry_head head, std::size_t value_size, bool may_grow) noexcept {
    char const* const key = std::exchange(head.key, nullptr);
    head.what |= detail::copied_key;
    std::size_t const key_bytes = detail::padded(head.key_size);
    std::byte* const place = append(head, value_size > detail::max_entry_bytes ? value_size : key_bytes + value_size, may_grow);
    if (place == nullptr) return nullptr;
    if (head.key_size != 0) std::memcpy(place, key, head.key_size);
    return place + key_bytes;
  }
  NANOSPAN_DETAIL_COLD void add_name(birth const& as) noexcept {
    append_keyed({as.name, as.name_size, detail::entry_type::name, as.name_is_copied}, 0);
  }
  NANOSPAN_DETAIL_OUT_OF_LINE event_attributes add_event(detail::entry_head const& head) noexcept {
    if (!recording()) return {nullptr, 0};
    std::uint32_t const offset = used_;
    detail::event_payload const now{end_ticks()};
    std::byte* const place = append_keyed(head, sizeof now, true);
    if (place == nullptr) return {nullptr, 0};
    std::memcpy(place, &now, sizeof now);
    return {this, offset};
  }

  // Room for an entry, its head written, in the long form where it may grow; null when the span is full (counted).
  NANOSPAN_DETAIL_INLINE std::byte* append(detail::entry_head const& head, std::size_t size, bool may_grow = false) noexcept {
    std::size_t const form = may_grow ? detail::long_entry : size;
    std::size_t const all = detail::head_bytes(form) + detail::padded(size);
    if (size > detail::max_entry_bytes || (capacity_ - used_ < all && !grow(static_cast<std::uint32_t>(all)))) [[unlikely]] {
      ++dropped_;
      return nullptr;
    }
    std::byte* const place = entries_ + used_;
    used_ += static_cast<std::uint32_t>(all);
    put_word(place, detail::entry_word(head, form));
    if (!detail::is_short(form)) put_word(place + detail::head_bytes(0), size);
    return place + detail::head_bytes(form);
  }
  NANOSPAN_DETAIL_COLD bool grow(std::uint32_t size) noexcept {
    if (used_ + size > detail::max_entry_bytes) return false;
    std::uint32_t const wanted = std::bit_ceil(used_ + size);
    std::uint32_t const capacity = wanted < 1024 - spare_bytes ? 1024 - spare_bytes : wanted;  // of a size that allocators keep at hand
    bool const on_heap = entries_ != inline_;
    void* const block = std::realloc(on_heap ? entries_ : nullptr, capacity + spare_bytes);
    if (block == nullptr) return false;
    if (!on_heap) std::memcpy(block, inline_, used_);
    entries_ = static_cast<std::byte*>(block);
    capacity_ = capacity;
    return true;
  }

  // The rare ends: entries on the heap, something left out, a tracestate.
  NANOSPAN_DETAIL_COLD void finish_slowly(detail::thread_block& thread) noexcept {
    if (has_state_) {
      std::byte* const place = append({nullptr, 0, detail::entry_type::tracestate, false}, state_->size);
      if (place != nullptr) std::memcpy(place, state_->view().data(), state_->size);
    }
    if (dropped_ != 0) {
      std::uint64_t const dropped = dropped_;
      capacity_ += spare_bytes;  // kept for this
      if (std::byte* const place = append({nullptr, 0, detail::entry_type::dropped, false}, sizeof dropped)) std::memcpy(place, &dropped, sizeof dropped);
    }
    if (entries_ == inline_) {
      hand_over(thread, entries_, used_);
      return;
    }
    // A few kibibytes travel in the ring: the block is free again at once, and here, for the thread's next span.
    if (used_ <= most_copied_bytes && thread.slot != nullptr && used_ <= thread.slot->ring.capacity() / 16) {
      hand_over(thread, entries_, used_, true);
      std::free(entries_);
      return;
    }
    struct {
      std::uint64_t word;
      detail::heap_payload payload;
    } const instead{detail::entry_word({nullptr, 0, detail::entry_type::heap_block, false}, sizeof(detail::heap_payload)), {entries_, used_}};
    if (!hand_over(thread, &instead, sizeof instead)) std::free(entries_);
  }
  // Writes the record into the ring of the thread that ends the span. False: dropped, and counted.
  NANOSPAN_DETAIL_INLINE bool hand_over(detail::thread_block& thread, void const* entries, std::uint32_t entry_bytes, bool are_many = false) noexcept {
    detail::thread_slot* const slot = thread.slot;
    std::uint32_t const size = static_cast<std::uint32_t>(sizeof header_) + entry_bytes;
    detail::record_meta meta = detail::in_register(header_.meta);
    meta.size = size;
    header_.meta = detail::in_register(meta);
    // Relaxed: a span that races with the provider's end is either drained or stays in its ring, where it counts as held.
    bool const on = (detail::recording.word.load(std::memory_order_relaxed) & detail::recording_on) != 0;
    std::byte* place = on && slot != nullptr ? slot->ring.reserve(size) : nullptr;
    if (place == nullptr) [[unlikely]] {
      place = reserve_slowly(size, on);
      if (place == nullptr) return false;
    }
    detail::copy_words(place, &header_, sizeof header_);
    if (are_many) std::memcpy(place + sizeof header_, entries, entry_bytes);
    else if (entry_bytes != 0) detail::copy_words(place + sizeof header_, entries, entry_bytes);
    detail::this_thread.slot->ring.publish(size);
    return true;
  }
  NANOSPAN_DETAIL_COLD static std::byte* reserve_slowly(std::uint32_t size, bool on) noexcept {
    detail::thread_block const& thread = detail::this_thread;
    if (!has_slot(thread)) return nullptr;
    detail::thread_slot& slot = *thread.slot;
    if (!on) {
      slot.dropped_after_shutdown.add(1);
    } else if (!slot.ring.attached() && !detail::attach_ring(slot)) {
      slot.dropped_no_ring.add(1);
    } else if (std::byte* const place = slot.ring.reserve(size)) {  // the slot, or its ring, is new
      return place;
    } else {
      slot.dropped_ring_full.add(1);
    }
    return nullptr;
  }
  NANOSPAN_DETAIL_COLD static void count_unprovided_slowly(std::uint32_t word) noexcept {
    detail::thread_block const& thread = detail::this_thread;
    if ((word & detail::recording_disabled) != 0 || !has_slot(thread)) return;
    auto& reason = word == 0 ? thread.slot->dropped_no_provider : thread.slot->dropped_after_shutdown;
    reason.add(1);
  }

  static constexpr std::uint32_t most_copied_bytes = 4'096;
  static constexpr std::uint32_t spare_bytes = detail::head_bytes(0) + sizeof(std::uint64_t);

  // First what a call site looks at: near the object's beginning its address is a byte shorter.
  phase phase_;
  bool has_state_;
  std::uint32_t dropped_;  // entries that found no room
  std::uint32_t used_;
  std::uint32_t capacity_;
  std::byte* entries_;         // inline_, or a heap block
  detail::shared_text* state_;  // only where has_state_
  union {
    detail::record_header header_;
  };
  alignas(8) std::byte inline_[detail::inline_entry_bytes + spare_bytes];  // uninitialised until used
};

inline void event_attributes::add(attribute const& one) noexcept {
  if (span_ == nullptr || !span_->recording()) return;
  std::uint64_t words[2]{};  // the head of an entry that may grow
  bool const in_bounds = offset_ + sizeof words <= span_->used_;  // the span may be another one by now
  if (in_bounds) std::memcpy(words, span_->entries_ + offset_, sizeof words);
  std::uint64_t const end = offset_ + sizeof words + words[1];
  if (!in_bounds || detail::type_of(words[0]) != detail::entry_type::event || end != span_->used_) {  // something else came after the event
    ++span_->dropped_;
    return;
  }
  span_->add(one);
  words[1] += span_->used_ - end;
  std::memcpy(span_->entries_ + offset_, words, sizeof words);
}

}  // namespace nanospan::inline v0
