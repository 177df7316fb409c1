// SPDX-License-Identifier: Apache-2.0
#pragma once

// Spans: scoped_span for a scope (what NANOSPAN declares), span for work that crosses scopes or threads.
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
    if (phase_ == phase::absent) return current();  // no provider: the parent's passes through unchanged
    bool const remote = phase_ == phase::passing && (header_.meta.flags & detail::parent_is_remote) != 0;
    return {header_.trace, header_.span, header_.meta.trace_flags, remote, has_state_ ? state_->view() : std::string_view{}};
  }

  /// Adds an event, now. Attributes go on what it returns: `span.event("retry").set({"attempt", 2})`.
  event_attributes event(literal name) noexcept { return event_named({name.data(), name.size()}, false); }
  event_attributes event(copied name) noexcept { return event_named(name.text, true); }
  /// Sets status Error with a description, cut where the span is full; the last one wins (OpenTelemetry, "Set Status").
  NANOSPAN_DETAIL_OUT_OF_LINE void error(std::string_view description = {}) noexcept {
    if (!recording()) return;
    header_.meta.status = static_cast<std::uint8_t>(detail::status_code::error);
    std::size_t const room = detail::max_entry_bytes - used_;  // a multiple of 8
    if (room < sizeof(detail::entry_head)) {
      dropped_ += description.empty() ? 0u : 1u;
      return;
    }
    std::size_t const longest = room - sizeof(detail::entry_head);
    std::size_t size = description.size();
    if (size > longest) {
      size = longest;
      while (size != 0 && (static_cast<std::uint8_t>(description[size]) & 0xc0) == 0x80) --size;  // no half of a character
    }
    std::byte* const place = append({nullptr, 0, detail::entry_type::status, false, static_cast<std::uint32_t>(size)});
    if (place != nullptr && size != 0) std::memcpy(place, description.data(), size);
  }
  void error(char const* description) noexcept { error(description != nullptr ? std::string_view{description} : std::string_view{}); }

 protected:
  // absent: no provider. passing: the same, with the context that would have been the parent's. aside: not sampled under a span that is
  // not; see scoped_span. From not_sampled on a scoped_span is its thread's current one.
  enum class phase : std::uint8_t { absent, passing, aside, not_sampled, recording, ended };

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
    return add_event({name.data(), static_cast<std::uint16_t>(name.size()), {}, copied, 0});
  }

  static constexpr std::uint32_t bounded(std::size_t size) noexcept {
    return static_cast<std::uint32_t>(size < detail::max_entry_bytes ? size : detail::max_entry_bytes);
  }

  NANOSPAN_DETAIL_COLD sampling_decision ask(birth const& as, detail::active_context const& parent) const noexcept {
    // Acquire: pairs with the release of the provider, which installed the sampler before it wrote the word.
    static_cast<void>(detail::recording.word.load(std::memory_order_acquire));
    sampler const* const asked = detail::recording.asked.load(std::memory_order_relaxed);
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
    std::uint64_t const size = sizeof one.head_ + ((std::uint64_t{one.head_.size} + 7) & ~std::uint64_t{7});
    if (one.head_.key_is_copied || static_cast<std::uint64_t>(left.end - left.place) < size) [[unlikely]] {
      used_ = static_cast<std::uint32_t>(left.place - entries_);
      add(one);
      left = {entries_ + used_, entries_ + capacity_};
      return;
    }
    put(left.place, one);
    left.place += size;
  }
  NANOSPAN_DETAIL_INLINE static void put(std::byte* place, attribute const& one) noexcept {
    detail::copy_words(place, &one.head_, sizeof one.head_);
    if (one.head_.type == detail::entry_type::string) {
      detail::copy_text(place + sizeof one.head_, one.value_.text, one.head_.size);
    } else {
      detail::copy_words(place + sizeof one.head_, &one.value_.bits, sizeof one.value_.bits);
    }
  }
  // The long way: a copied key, no room, too large.
  NANOSPAN_DETAIL_COLD void add(attribute const& one) noexcept {
    if (!recording()) return;
    if (one.head_.key_is_copied) return add_copied(one);
    std::byte* const place = append(one.head_);
    if (place != nullptr) put(place - sizeof one.head_, one);
  }
  // The key's characters come first in the payload, padded to 8.
  NANOSPAN_DETAIL_COLD void add_copied(attribute const& one) noexcept {
    detail::entry_head head = one.head_;
    bool const is_text = head.type == detail::entry_type::string;
    std::uint32_t const value_size = head.size;
    std::byte* const value = append_copied(head, value_size);
    if (value != nullptr && value_size != 0)
      std::memcpy(value, is_text ? static_cast<void const*>(one.value_.text) : &one.value_.bits, value_size);
  }
  std::byte* append_copied(detail::entry_head head, std::uint32_t value_size) noexcept {
    char const* const key = std::exchange(head.key, nullptr);
    std::uint32_t const key_bytes = detail::padded(head.key_size);
    head.size = key_bytes + bounded(value_size);
    std::byte* const place = append(head);
    if (place == nullptr) return nullptr;
    if (head.key_size != 0) std::memcpy(place, key, head.key_size);
    return place + key_bytes;
  }
  NANOSPAN_DETAIL_COLD void add_name(birth const& as) noexcept {
    detail::entry_head const head{as.name, as.name_size, detail::entry_type::name, as.name_is_copied, 0};
    if (as.name_is_copied) append_copied(head, 0);
    else append(head);
  }
  NANOSPAN_DETAIL_OUT_OF_LINE event_attributes add_event(detail::entry_head head) noexcept {
    if (!recording()) return {nullptr, 0};
    std::uint32_t const offset = used_;
    detail::event_payload const now{end_ticks()};
    head.type = detail::entry_type::event;
    head.size = sizeof now;
    std::byte* const place = head.key_is_copied ? append_copied(head, sizeof now) : append(head);
    if (place == nullptr) return {nullptr, 0};
    std::memcpy(place, &now, sizeof now);
    return {this, offset};
  }

  // Room for an entry, its head written; null when the span is full (counted).
  NANOSPAN_DETAIL_INLINE std::byte* append(detail::entry_head const& head) noexcept {
    std::uint64_t const size = sizeof head + ((std::uint64_t{head.size} + 7) & ~std::uint64_t{7});
    if (capacity_ - used_ < size) [[unlikely]] {
      if (!grow(size)) {
        ++dropped_;
        return nullptr;
      }
    }
    std::byte* const place = entries_ + used_;
    used_ += static_cast<std::uint32_t>(size);
    detail::copy_words(place, &head, sizeof head);
    return place + sizeof head;
  }
  NANOSPAN_DETAIL_COLD bool grow(std::uint64_t size) noexcept {
    if (used_ + size > detail::max_entry_bytes) return false;
    std::uint32_t const wanted = std::bit_ceil(used_ + static_cast<std::uint32_t>(size));
    std::uint32_t const capacity = wanted < 1024 ? 1024 : wanted;
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
      std::byte* const place = append({nullptr, 0, detail::entry_type::tracestate, false, state_->size});
      if (place != nullptr) std::memcpy(place, state_->view().data(), state_->size);
    }
    if (dropped_ != 0) {
      std::uint64_t const dropped = dropped_;
      capacity_ += spare_bytes;  // kept for this
      std::memcpy(append({nullptr, 0, detail::entry_type::dropped, false, sizeof dropped}), &dropped, sizeof dropped);
    }
    if (entries_ == inline_) {
      hand_over(thread, entries_, used_);
      return;
    }
    struct {
      detail::entry_head head;
      detail::heap_payload payload;
    } const instead{{nullptr, 0, detail::entry_type::heap_block, false, sizeof(detail::heap_payload)}, {entries_, used_}};
    if (!hand_over(thread, &instead, sizeof instead)) std::free(entries_);
  }
  // Writes the record into the ring of the thread that ends the span. False: dropped, and counted.
  NANOSPAN_DETAIL_INLINE bool hand_over(detail::thread_block& thread, void const* entries, std::uint32_t entry_bytes) noexcept {
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
    if (entry_bytes != 0) detail::copy_words(place + sizeof header_, entries, entry_bytes);
    detail::this_thread.slot->ring.publish(size);
    return true;
  }
  NANOSPAN_DETAIL_COLD static std::byte* reserve_slowly(std::uint32_t size, bool on) noexcept {
    detail::thread_block& thread = detail::this_thread;
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
    detail::thread_block& thread = detail::this_thread;
    if ((word & detail::recording_disabled) != 0 || !has_slot(thread)) return;
    auto& reason = word == 0 ? thread.slot->dropped_no_provider : thread.slot->dropped_after_shutdown;
    reason.add(1);
  }

  static constexpr std::uint32_t spare_bytes = sizeof(detail::entry_head) + sizeof(std::uint64_t);

  union {
    detail::record_header header_;
  };
  detail::shared_text* state_;  // only where has_state_
  std::byte* entries_;  // inline_, or a heap block
  std::uint32_t used_;
  std::uint32_t capacity_;
  std::uint32_t dropped_;  // entries that found no room
  phase phase_;
  bool has_state_;
  alignas(8) std::byte inline_[detail::inline_entry_bytes + spare_bytes];  // uninitialised until used
};

inline void event_attributes::add(attribute const& one) noexcept {
  if (span_ == nullptr || !span_->recording()) return;
  detail::entry_head head{};
  bool const in_bounds = offset_ + sizeof head <= span_->used_;  // the span may be another one by now
  if (in_bounds) std::memcpy(&head, span_->entries_ + offset_, sizeof head);
  std::uint32_t const end = offset_ + static_cast<std::uint32_t>(sizeof head) + detail::padded(head.size);
  if (!in_bounds || head.type != detail::entry_type::event || end != span_->used_) {  // something else came after the event
    ++span_->dropped_;
    return;
  }
  span_->add(one);
  head.size = detail::padded(head.size) + (span_->used_ - end);
  std::memcpy(span_->entries_ + offset_, &head, sizeof head);
}

/// A span for the rest of the enclosing scope; the thread's current one while it lives. Not for the heap, not to be moved.
/// Within an unsampled span nothing is recorded, whichever span is current: further ones have ids of their own, and leave the current
/// context as it is. That makes them a third cheaper: saving and restoring it is a chain of memory accesses that wait for each other.
class scoped_span : public span_recorder, detail::scope {
 public:
  /// What the macros call.
  NANOSPAN_DETAIL_OUT_OF_LINE explicit scoped_span(detail::site const* from) noexcept {
    auto& thread = detail::this_thread;
    std::uint32_t const word = detail::recording.word.load(std::memory_order_relaxed);  // Relaxed: as in begin().
    if (word == 0 && thread.slot != nullptr) {
      phase_ = phase::absent;
      thread.slot->dropped_no_provider.add(1);
      return;
    }
    detail::context_meta const meta = detail::in_register(thread.current.meta);
    std::uint32_t const decision = detail::sampling_plan{word}[meta.as_parent];
    // The common cases by the shortest way: nothing to ask, nothing to copy. Where the plan has an answer there is a slot, too.
    if (decision == static_cast<std::uint32_t>(sampling_decision::record_and_sample)) {
      begin_child_at(from);
    } else if (decision == static_cast<std::uint32_t>(sampling_decision::drop)) {
      header().trace = thread.current.trace;
      start_not_sampled(thread, meta.flags);
      if (meta.owner_is_span && meta.as_parent == detail::parent_kind::local_not_sampled) phase_ = phase::aside;
      else open(thread, header().span, as_current());
    } else {
      begin_at(from);
    }
  }
  NANOSPAN_DETAIL_OUT_OF_LINE explicit scoped_span(literal name, span_kind kind = span_kind::internal) noexcept {
    begin({nullptr, name.data(), name.size(), false, kind});
  }
  NANOSPAN_DETAIL_OUT_OF_LINE explicit scoped_span(copied name, span_kind kind = span_kind::internal) noexcept {
    begin({nullptr, name.text.data(), static_cast<std::uint16_t>(name.text.size()), true, kind});
  }
  ~scoped_span() {
    if (phase_ >= phase::not_sampled) end();
  }

  /// The innermost scoped_span that is open on this thread, or null; for NANOSPAN_SET and its like.
  NANOSPAN_DETAIL_OUT_OF_LINE static scoped_span* innermost() noexcept {
    auto& thread = detail::this_thread;
    if (thread.current.meta.owner_is_span && trusted(thread))
      return static_cast<scoped_span*>(const_cast<scope*>(static_cast<scope const*>(thread.current.owner)));
    // Relaxed: as in begin(). Without a provider no span is open, and that is no mistake.
    bool const on = (detail::recording.word.load(std::memory_order_relaxed) & detail::recording_on) != 0;
    if (on && (thread.slot != nullptr || detail::acquire_slot() != nullptr)) thread.slot->misused.add(1);
    return nullptr;
  }

 private:
  NANOSPAN_DETAIL_INLINE void begin(birth const& as) noexcept {
    auto& thread = detail::this_thread;
    // Relaxed: what the word alone says is enough; a sampler behind it is acquired in ask().
    std::uint32_t const word = detail::recording.word.load(std::memory_order_relaxed);
    set_phase(phase::absent);
    if ((word & detail::recording_on) == 0) return count_unprovided(thread, word);
    if (!has_slot(thread)) return;
    auto& current = thread.current;
    if (current.state != nullptr && !trusted(thread)) current.state = nullptr;
    start_any(thread, word, as, current);
    current.trace = header().trace;
    current.state = has_state_ ? state_ : nullptr;
    open(thread, header().span, as_current());
    if (recording()) start_clock(word);
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void begin_child_at(detail::site const* from) noexcept {
    auto& thread = detail::this_thread;
    std::uint32_t const word = detail::recording.word.load(std::memory_order_relaxed);  // Relaxed: as in begin().
    auto& current = thread.current;
    header().trace = current.trace;
    start_sampled(thread, word, {from, nullptr, 0, false, from->kind}, detail::in_register(current.meta), detail::in_register(current.span));
    open(thread, header().span, as_current());
    start_clock(word);
  }
  detail::context_meta as_current() const noexcept {
    using detail::parent_kind;
    auto const as_parent = has_state_ ? parent_kind::long_way : recording() ? parent_kind::local_sampled : parent_kind::local_not_sampled;
    return {0, header_.meta.trace_flags, false, true, as_parent};
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void begin_at(detail::site const* from) noexcept { begin({from, nullptr, 0, false, from->kind}); }

  NANOSPAN_DETAIL_OUT_OF_LINE void end() noexcept {
    auto& thread = detail::this_thread;
    if (recording()) return end_recorded();
    close(thread);
    release_state();
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void end_recorded() noexcept {
    auto& thread = detail::this_thread;
    std::uint64_t const ticks = end_ticks();
    close(thread);
    finish(thread, ticks);
    release_state();
  }
};

namespace detail {

// What NANOSPAN_SET and its like say to the innermost open span. It is looked for when their arguments are values already: making these
// may open, close and annotate spans, or suspend the coroutine.
class innermost_span : public attribute_setters<innermost_span> {
 public:
  // Asked first, so that the arguments are evaluated only where somebody listens.
  static bool recording() noexcept {
    scoped_span const* const open = scoped_span::innermost();
    return open != nullptr && open->recording();
  }
  template <typename Text>
  void error(Text const& description) const noexcept {
    if (scoped_span* const open = scoped_span::innermost()) open->error(description);
  }
  void error() const noexcept { error(std::string_view{}); }

 private:
  friend class attribute_setters<innermost_span>;
  template <typename... Attribute>
  void add_all(Attribute const&... each) const noexcept {
    if (scoped_span* const open = scoped_span::innermost()) open->set(each...);
  }
};

// An event of that span: it happens with its first attributes, or at record() where it has none.
class innermost_event : public attribute_setters<innermost_event> {
 public:
  explicit constexpr innermost_event(literal name) noexcept : name_{name.data(), name.size()} {}
  explicit constexpr innermost_event(copied name) noexcept : name_{name.text}, is_copied_{true} {}
  NANOSPAN_DETAIL_OUT_OF_LINE void record() noexcept { happen(); }

 private:
  friend class attribute_setters<innermost_event>;
  template <typename... Attribute>
  void add_all(Attribute const&... each) noexcept {
    happen();
    attributes_.set(each...);
  }
  void happen() noexcept {
    if (std::exchange(happened_, true)) return;
    scoped_span* const open = scoped_span::innermost();
    if (open != nullptr) attributes_ = open->event_named(name_, is_copied_);
  }

  std::string_view name_;
  bool is_copied_ = false;
  bool happened_ = false;
  event_attributes attributes_;
};

}  // namespace detail

/// A span for work that crosses scopes or threads: hand it over by moving it. It is not the current span of any thread; open a
/// context_scope with its context() where its children start. Ends at end() or with the object, on whichever thread that is.
class span : public span_recorder {
 public:
  /// A child of the thread's current context.
  explicit span(literal name, span_kind kind = span_kind::internal) noexcept : span(name, current(), kind) {}
  explicit span(copied name, span_kind kind = span_kind::internal) noexcept : span(name, current(), kind) {}
  /// A child of `parent`; a root where it is invalid.
  NANOSPAN_DETAIL_OUT_OF_LINE span(literal name, span_context const& parent, span_kind kind = span_kind::internal) noexcept {
    begin({nullptr, name.data(), name.size(), false, kind}, parent);
  }
  NANOSPAN_DETAIL_OUT_OF_LINE span(copied name, span_context const& parent, span_kind kind = span_kind::internal) noexcept {
    begin({nullptr, name.text.data(), static_cast<std::uint16_t>(name.text.size()), true, kind}, parent);
  }
  span(span&& other) noexcept { take(other); }
  span& operator=(span&& other) noexcept {
    if (this != &other) {
      end();
      release_state();
      take(other);
    }
    return *this;
  }
  ~span() {
    end();
    release_state();
  }

  /// Ends the span now; what is said to it later is ignored. Its context stays usable.
  NANOSPAN_DETAIL_OUT_OF_LINE void end() noexcept {
    if (!recording()) return;
    std::uint64_t const ticks = end_ticks();
    finish(detail::this_thread, ticks);
  }

 private:
  void begin(birth const& as, span_context const& parent) noexcept {
    auto& thread = detail::this_thread;
    auto const parent_context = detail::active_context::of(parent);
    // Relaxed: as in scoped_span.
    std::uint32_t const word = detail::recording.word.load(std::memory_order_relaxed);
    if ((word & detail::recording_on) == 0) {
      pass_through(parent_context);
      return count_unprovided(thread, word);
    }
    if (!has_slot(thread)) return pass_through(parent_context);
    start_any(thread, word, as, parent_context);
    if (recording()) start_clock(word);
  }
};

}  // namespace nanospan::inline v0
