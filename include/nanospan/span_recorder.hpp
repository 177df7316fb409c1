// SPDX-License-Identifier: Apache-2.0
#pragma once

// The record in the making, which every kind of span is: how it starts, what it is told, how it is handed over to its thread's ring.
// Caller's thread, noexcept, no lock, no system call. A span with over 256 bytes of entries takes one heap block.

#include <nanospan/clock.hpp>
#include <nanospan/entry_buffer.hpp>
#include <nanospan/sampler.hpp>
#include <nanospan/scope.hpp>
#include <nanospan/start_options.hpp>

#include <cstdlib>
#include <cstring>
#include <exception>
#if defined(__GXX_RTTI)
#include <typeinfo>
#endif

namespace nanospan::inline v0 {

class span_recorder;

namespace detail {
template <typename Happen>
class innermost_addition;
struct thrown;

// Null without RTTI. In each file as that is compiled.
NANOSPAN_DETAIL_INLINE char const* type_name([[maybe_unused]] std::exception const& what) noexcept {
#if defined(__GXX_RTTI)
  return typeid(what).name();
#else
  return nullptr;
#endif
}
}  // namespace detail

/// An event or a link just added; takes its attributes while it is the last thing that its span was told.
class event_attributes : public detail::attribute_setters<event_attributes> {
 private:
  friend class span_recorder;
  template <typename>
  friend class detail::innermost_addition;
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
  bool recording() const noexcept { return entries_.phase >= detail::entry_buffer::span_phase::open; }
  /// This span's context, to propagate and to start children from; also of an unsampled or ended span. Invalid without a provider.
  NANOSPAN_DETAIL_OUT_OF_LINE span_context context() const noexcept {
    if (entries_.phase == phase::absent) return current();  // the parent's passes through unchanged
    bool const remote = entries_.phase == phase::passing && (header_.meta.flags & detail::parent_is_remote) != 0;
    detail::context_meta const meta{0, header_.meta.trace_flags, remote, false, {}};
    return detail::active_context{header_.trace, header_.span, meta, entries_.has_state() ? state_ : nullptr, nullptr}.share();
  }

  /// Adds an event, now, or at the moment said. Attributes go on what it returns: `span.event("retry").set({"attempt", 2})`.
  event_attributes event(literal name, timestamp at = {}) noexcept { return event_named({name.data(), name.size()}, false, at); }
  event_attributes event(copied name, timestamp at = {}) noexcept { return event_named(name.text, true, at); }
  /// Adds an event "exception" with exception.type (demangled on the background thread; left out without RTTI) and exception.message. What is set on it
  /// wins over these. Says nothing about the span's status (OpenTelemetry, "Record Exception"): `span.record_exception(e); span.error(e.what());`.
  NANOSPAN_DETAIL_INLINE event_attributes record_exception(std::exception const& what) noexcept { return exception_named(detail::type_name(what), what.what()); }
  /// Adds a link: a span that this one has to do with, without being its child. Attributes go on what it returns. Better said at the start (see start_options),
  /// where a sampler sees it. One to an invalid context is kept where it has attributes or a tracestate.
  NANOSPAN_DETAIL_OUT_OF_LINE event_attributes link(span_context const& to) noexcept {
    if (!recording()) return {nullptr, 0};
    std::uint32_t const offset = entries_.size();
    if (!entries_.append_link(to)) return {nullptr, 0};
    return {this, offset};
  }
  /// Replaces the name.
  void update_name(literal name) noexcept { rename({name.data(), name.size(), detail::entry_type::name, false}); }
  void update_name(copied name) noexcept { rename({name.text.data(), static_cast<std::uint16_t>(name.text.size()), detail::entry_type::name, true}); }
  /// Sets status Error with a description, cut where the span is full; the last one wins, but none after ok() (OpenTelemetry, "Set Status").
  NANOSPAN_DETAIL_OUT_OF_LINE void error(std::string_view description = {}) noexcept {
    if (!recording()) return;
    if (header_.meta.status == static_cast<std::uint8_t>(detail::status_code::ok)) return;
    set_status(detail::status_code::error);
    entries_.append_text(detail::entry_type::status, description);
  }
  void error(char const* description) noexcept { error(description != nullptr ? std::string_view{description} : std::string_view{}); }
  /// Sets status Ok, for good: whoever says so knows better than what reported errors before, or will. Leave a span that went well alone: it is Unset.
  NANOSPAN_DETAIL_OUT_OF_LINE void ok() noexcept {
    if (recording()) set_status(detail::status_code::ok);
  }

 protected:
  using phase = detail::entry_buffer::span_phase;

  span_recorder() noexcept {}  // leaves the header uninitialised: start() or pass_through() follows, or entries_.phase says so
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
    set_phase(phase::open);
    header_.from = as.from;
    header_.parent = parent;
  }
  // The whole of it, for any parent: the way of roots, remote parents, and names without a site. False: the plan does not say, start_as_asked() does.
  NANOSPAN_DETAIL_INLINE bool start_by_plan(detail::thread_block& thread, std::uint32_t word, birth const& as, detail::active_context const& parent,
                                            start_options const* with = nullptr) noexcept {
    bool const has_parent = parent.valid();
    header_.trace = has_parent ? parent.trace : thread.random.next_trace_id();
    detail::context_meta meta = parent.meta;
    if (!has_parent) meta = {0, random_flag, false, false, {}};
    auto const as_parent = has_parent ? detail::kind_of_parent(meta.flags, meta.remote) : detail::parent_kind::none;
    if (with != nullptr) {  // before the sampler is asked, which may look at them
      entries_.start();
      add_name(as);
      entries_.add_all(*with);
    }
    auto const decision = static_cast<sampling_decision>(detail::sampling_plan{word}[as_parent]);
    if (decision == sampling_decision{}) [[unlikely]]
      return false;
    if (decision == sampling_decision::record_and_sample) {
      start_sampled(thread, word, as, meta, parent.span);
      if (with == nullptr) entries_.start();
    } else {
      if (with != nullptr) entries_.discard();
      start_not_sampled(thread, meta.flags);
    }
    if (parent.state != nullptr) share_state(parent.state);  // of a context without a trace, too
    return true;
  }
  // The rest of it, where there is a sampler to ask. The trace's id is there, and what the user says besides, if anything.
  NANOSPAN_DETAIL_COLD void start_as_asked(detail::thread_block& thread, std::uint32_t word, birth const& as, detail::active_context const& parent,
                                           start_options const* with = nullptr) noexcept {
    detail::context_meta parent_meta = parent.valid() ? parent.meta : detail::context_meta{0, random_flag, false, false, {}};
    if (with == nullptr) entries_.start();
    // Acquire: pairs with the release of the provider, as in who_is_asked().
    id_generator const* const ids = detail::recording.ids.load(std::memory_order_acquire);
    if (ids != nullptr && !parent.valid()) {
      if (auto const trace = ids->next_trace_id(); trace.valid()) header_.trace = trace;
      if (!ids->makes_random_trace_ids()) parent_meta.flags = 0;
    }
    sampler const* const asked = who_is_asked();
    bool const undecided = as.from != nullptr && (as.from->flags & detail::attributes_follow) != 0 && asked != nullptr && asked->needs_attributes();
    sampling_result const result = undecided ? sampling_result{sampling_decision::record_only} : ask(asked, as, parent);
    if (result.decision() == sampling_decision::drop) {
      entries_.discard();
      start_not_sampled(thread, parent_meta.flags);
    } else {
      start_sampled(thread, word, as, parent_meta, parent.span);
    }
    if (ids != nullptr)
      if (auto const span = ids->next_span_id(); span.valid()) header_.span = span;
    heed(result, parent.state, {thread.current.trace, thread.current.state});
    if (with == nullptr && as.from == nullptr && recording()) add_name(as);
    if (undecided) entries_.phase = phase::undecided;
  }
  // Either, with what the user says besides; then the clock.
  NANOSPAN_DETAIL_OUT_OF_LINE void start_as_said(detail::thread_block& thread, std::uint32_t word, birth const& as, detail::active_context const& parent,
                                                 start_options const& with) noexcept {
    if (!start_by_plan(thread, word, as, parent, &with)) start_as_asked(thread, word, as, parent, &with);
    if (!recording()) return;
    if (!with.start) return start_clock(word);
    header_.start_ticks = with.start.unix_nanoseconds();
    add_flag(detail::unix_start | detail::forks_flags(detail::registry.forks.load(std::memory_order_relaxed)));  // Relaxed: written in a fork only.
  }
  NANOSPAN_DETAIL_COLD void add_name(birth const& as) noexcept { entries_.append_keyed({as.name, as.name_size, detail::entry_type::name, as.name_is_copied}, 0); }
  // A span that never starts, for want of a provider or a slot, but knows what would have been its parent.
  void pass_through(detail::active_context const& parent) noexcept {
    header_.trace = parent.trace;
    header_.span = parent.span;
    header_.meta = {0, {}, static_cast<std::uint8_t>(parent.meta.remote ? detail::parent_is_remote : 0), parent.meta.flags, 0};
    set_phase(phase::passing);
    share_state(parent.state);
  }
  NANOSPAN_DETAIL_INLINE void set_phase(phase now) noexcept {
    entries_.phase = now;
    entries_.state = detail::entry_buffer::state_kind::none;
  }
  void share_state(detail::context_state* state) noexcept {
    entries_.state = state != nullptr ? detail::entry_buffer::state_kind::outer : detail::entry_buffer::state_kind::none;
    state_ = detail::context_state::share(state);
  }
  NANOSPAN_DETAIL_INLINE void start_clock(std::uint32_t word) noexcept {
    header_.start_ticks = detail::read_clock((word & detail::recording_monotonic) != 0);
  }
  detail::record_header& header() noexcept { return header_; }
  void add_flag(unsigned flags) noexcept {
    detail::record_meta meta = detail::in_register(header_.meta);  // whole: see record_meta
    meta.flags = static_cast<std::uint8_t>(meta.flags | flags);
    header_.meta = detail::in_register(meta);
  }
  // Ends the span: after it nothing is recorded. Ticks are read by the caller, first of all.
  NANOSPAN_DETAIL_INLINE void finish(detail::thread_block& thread, std::uint64_t end_ticks) noexcept {
    header_.end_ticks = end_ticks;
    if (!entries_.plain() || entries_.has_state()) [[unlikely]]
      return finish_slowly(thread);
    entries_.phase = phase::ended;
    hand_over(thread, entries_.bytes(), entries_.size());
  }
  std::uint64_t end_ticks() const noexcept { return detail::read_clock((header_.meta.flags & detail::monotonic_ticks) != 0); }
  void release_state() noexcept {
    if (entries_.has_state()) [[unlikely]] {
      entries_.state = detail::entry_buffer::state_kind::none;
      detail::context_state::release(state_);
    }
  }
  void take(span_recorder& other) noexcept {
    std::memcpy(static_cast<void*>(&header_), &other.header_, sizeof header_);
    entries_.state = std::exchange(other.entries_.state, detail::entry_buffer::state_kind::none);
    if (entries_.has_state()) state_ = other.state_;
    entries_.phase = std::exchange(other.entries_.phase, phase::ended);
    if (recording()) entries_.take(other.entries_);
  }

  // What recording does when there is no provider: counts, on the thread if it can. True in a forked child, whose provider starts now, with
  // the span that asks.
  static bool begins_anyway(detail::thread_block& thread, std::uint32_t& word) noexcept {
    detail::thread_slot* const slot = thread.slot;
    if (slot == nullptr || word != 0) [[unlikely]]
      return begins_slowly(word);
    slot->dropped_no_provider.add(1);
    return false;
  }
  // In a signal handler that interrupted the thread while it recorded. Relaxed, both: read for reporting only; a handler may be interrupted, too.
  NANOSPAN_DETAIL_COLD static bool count_interrupted(detail::thread_block const& thread) noexcept {
    if (thread.slot != nullptr) thread.slot->dropped_interrupted.fetch_add(1, std::memory_order_relaxed);
    else count_no_slot();
    return false;
  }
  // One that began elsewhere, and is ended there.
  NANOSPAN_DETAIL_COLD void lose_interrupted(detail::thread_block const& thread) noexcept {
    count_interrupted(thread);
    if (entries_.phase == phase::open) entries_.discard();
    entries_.phase = phase::ended;
  }
  static bool has_slot(detail::thread_block const& thread) noexcept {
    if (thread.slot != nullptr || detail::acquire_slot() != nullptr) [[likely]]
      return true;
    if (!thread.silenced) count_no_slot();
    return false;
  }

 private:
  friend class event_attributes;
  friend class scoped_span;
  friend struct detail::thrown;
  friend class detail::attribute_setters<span_recorder>;

  NANOSPAN_DETAIL_INLINE event_attributes event_named(std::string_view name, bool copied, timestamp at = {}) noexcept {
    detail::entry_head const head{name.data(), static_cast<std::uint16_t>(name.size()), detail::entry_type::event, copied};
    return at ? add_event(head, at.unix_nanoseconds() | detail::unix_event_time) : add_event(head);
  }
  NANOSPAN_DETAIL_OUT_OF_LINE event_attributes exception_named(char const* type, char const* message) noexcept {
    literal const name = "exception";
    auto event = event_named({name.data(), name.size()}, false);
    if (type != nullptr) event.set({"exception.type", detail::type_name_of{type}});
    return event.set({"exception.message", message});
  }
  NANOSPAN_DETAIL_COLD void rename(detail::entry_head const& head) noexcept {
    if (recording()) entries_.append_keyed(head, 0);
  }
  void set_status(detail::status_code code) noexcept {
    detail::record_meta meta = detail::in_register(header_.meta);  // whole: see record_meta
    meta.status = static_cast<std::uint8_t>(code);
    header_.meta = detail::in_register(meta);
  }

  // What a result says besides whether the span is recorded. `outer` is what a scoped_span puts back at its end.
  void heed(sampling_result const& result, detail::context_state* parent_state, detail::entry_buffer::outer_context const& outer) noexcept {
    bool const is_record_only = result.decision() == sampling_decision::record_only;
    // One that is recorded only has a state always, so that its children go the long way: they are no unsampled span's, and no sampled one's.
    bool const needs_own = result.replaces_tracestate() || (is_record_only && parent_state == nullptr);
    if (needs_own) {
      bool const has_parent_state = parent_state != nullptr;  // whose baggage stays
      state_ = detail::context_state::make(result.tracestate(), has_parent_state ? parent_state->baggage() : std::string_view{}, has_parent_state && parent_state->b3_debug);
      entries_.state = state_ != nullptr ? detail::entry_buffer::state_kind::outer : detail::entry_buffer::state_kind::none;
      own_state(outer);
    } else {
      share_state(parent_state);
    }
    if (!recording()) return;
    detail::record_meta meta = detail::in_register(header_.meta);  // whole: see record_meta
    meta.trace_flags = static_cast<std::uint8_t>(is_record_only ? meta.trace_flags & ~sampled_flag : meta.trace_flags | sampled_flag);
    header_.meta = detail::in_register(meta);
    for (std::size_t at = 0; at < result.attribute_count(); ++at) entries_.add(result.attribute_at(at));
  }
  // What the span has for a state, if anything, is not what was current before. Its children go the long way. `outer` is put back at its end.
  void own_state(detail::entry_buffer::outer_context const& outer) noexcept {
    if (!entries_.has_state()) {
      detail::thread_slot* const slot = detail::this_thread.slot;
      if (slot == nullptr) return;  // at the end of the thread
      state_ = detail::context_state::share(&slot->empty_state);
    }
    entries_.state = detail::entry_buffer::state_kind::own;
    entries_.keep(outer);
  }
  static sampler const* who_is_asked() noexcept {
    // Acquire: pairs with the release of the provider, which installed the sampler before it wrote the word.
    static_cast<void>(detail::recording.word.load(std::memory_order_acquire));
    return detail::recording.asked.load(std::memory_order_acquire);
  }
  // With the attributes that are there by now.
  sampling_result ask(sampler const* asked, birth const& as, detail::active_context const& parent) const noexcept {
    if (asked == nullptr) return sampling_decision::drop;
    span_context const parent_context = parent.share();
    std::string_view const name = as.from != nullptr ? std::string_view{as.from->name, as.from->name_size} : std::string_view{as.name, as.name_size};
    return asked->should_sample({parent_context, header_.trace, name, as.kind, {entries_.bytes(), entries_.size()}, {entries_.bytes(), entries_.size()}});
  }

  template <typename... Attribute>
  NANOSPAN_DETAIL_INLINE void add_all(Attribute const&... each) noexcept {
    if (entries_.phase != phase::open) return add_undecided(each...);
    entries_.add_all(each...);
  }
  template <typename... Attribute>
  NANOSPAN_DETAIL_INLINE void add_part(Attribute const&... each) noexcept {
    if (!recording()) return;
    entries_.add_all(each...);
  }
  // The attributes that a sampler waits for are there with these.
  template <typename... Attribute>
  NANOSPAN_DETAIL_COLD void add_undecided(Attribute const&... each) noexcept {
    if (entries_.phase != phase::undecided) return;
    (entries_.add(each), ...);
    decide();
  }
  // Asks about an undecided span, which is a scoped_span: see there.
  void decide() noexcept;
  NANOSPAN_DETAIL_OUT_OF_LINE event_attributes add_event(detail::entry_head const& head) noexcept {
    if (!recording()) return {nullptr, 0};
    return add_event(head, end_ticks());
  }
  event_attributes add_event(detail::entry_head const& head, std::uint64_t ticks) noexcept {
    if (!recording()) return {nullptr, 0};
    std::uint32_t const offset = entries_.size();
    detail::event_payload const at{ticks};
    std::byte* const place = entries_.append_keyed(head, sizeof at, true);
    if (place == nullptr) return {nullptr, 0};
    std::memcpy(place, &at, sizeof at);
    return {this, offset};
  }

  void add_text(detail::entry_type type, std::string_view text) noexcept {
    if (text.empty()) return;
    if (std::byte* const place = entries_.append({nullptr, 0, type, false}, text.size())) std::memcpy(place, text.data(), text.size());
  }
  // The rare ends: entries on the heap, something left out, a tracestate, nothing decided yet.
  NANOSPAN_DETAIL_COLD void finish_slowly(detail::thread_block& thread) noexcept {
    if (entries_.phase == phase::undecided) decide();
    if (!recording()) return;
    if (entries_.left_by_exception() && header_.meta.status == 0) {
      error("an exception left the scope");
      entries_.add({"error.type", "_OTHER"});
    }
    entries_.phase = phase::ended;
    if (entries_.has_state()) {
      add_text(detail::entry_type::tracestate, state_->tracestate());
      // Relaxed: what the word alone says is enough.
      if ((detail::recording.word.load(std::memory_order_relaxed) & detail::recording_baggage) != 0) add_text(detail::entry_type::baggage, state_->baggage());
    }
    entries_.append_dropped();
    std::byte* const bytes = entries_.bytes();
    std::uint32_t const used = entries_.size();
    detail::heap_payload const heap = entries_.as_payload();
    if (!entries_.on_heap()) {
      hand_over(thread, bytes, used);
      return;
    }
    // A few kibibytes travel in the ring: the block is free again at once, and here, for the thread's next span.
    if (used <= most_copied_bytes && thread.slot != nullptr && used <= thread.slot->ring.capacity() / 16) {
      hand_over(thread, bytes, used, true);
      detail::entry_buffer::free_block(heap);
      return;
    }
    struct {
      std::uint64_t word;
      detail::heap_payload payload;
    } const instead{detail::entry_word({nullptr, 0, detail::entry_type::heap_block, false}, sizeof(detail::heap_payload)), heap};
    if (!hand_over(thread, &instead, sizeof instead)) detail::entry_buffer::free_block(heap);
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
    if (!has_slot(thread)) {
      if (thread.silenced) count_no_slot();  // it began elsewhere
      return nullptr;
    }
    detail::thread_slot& slot = *thread.slot;
    if (!on) {
      // Relaxed: as in hand_over(). In a forked child that has begun no span yet: this one is the parent's.
      bool const is_parents = (detail::recording.word.load(std::memory_order_relaxed) & detail::recording_forked) != 0;
      (is_parents ? slot.discarded_inherited : slot.dropped_after_shutdown).add(1);
    } else if (!slot.ring.attached() && !detail::attach_ring(slot)) {
      slot.dropped_no_ring.add(1);
    } else if (std::byte* const place = slot.ring.reserve(size)) {  // the slot, or its ring, is new
      return place;
    } else {
      slot.dropped_ring_full.add(1);
    }
    return nullptr;
  }
  NANOSPAN_DETAIL_COLD static void count_no_slot() noexcept { detail::registry.dropped_no_slot.fetch_add(1, std::memory_order_relaxed); }  // Relaxed: read for reporting only.
  NANOSPAN_DETAIL_COLD static bool begins_slowly(std::uint32_t& word) noexcept {
    detail::thread_block& thread = detail::this_thread;
    if ((word & detail::recording_disabled) != 0) return false;
    if (detail::is_busy(thread)) return count_interrupted(thread);
    if (!has_slot(thread)) return false;
    if ((word & detail::recording_forked) != 0) {
      detail::busy_thread const in{thread};  // what the start itself records is refused
      // Acquire: pairs with the release of the provider that set it.
      if (auto* const start = detail::recording.start_in_child.load(std::memory_order_acquire)) start();
      word = detail::recording.word.load(std::memory_order_relaxed);  // Relaxed: as in scoped_span.
      if ((word & detail::recording_on) != 0) return true;
    }
    auto& reason = word == 0 ? thread.slot->dropped_no_provider : thread.slot->dropped_after_shutdown;
    reason.add(1);
    return false;
  }

  static constexpr std::uint32_t most_copied_bytes = 4'096;

  detail::entry_buffer entries_;  // first: see there
  detail::context_state* state_;    // only where entries_.has_state()
  union {
    detail::record_header header_;
  };
};

inline void event_attributes::add(attribute const& one) noexcept {
  if (span_ == nullptr || !span_->recording()) return;
  // Something else came after it, or the span is another one by now.
  detail::entry_buffer& entries = span_->entries_;
  if (!entries.is_last(offset_)) return entries.drop();
  std::uint32_t const before = entries.size();
  entries.add_all(one);
  entries.grow_entry(offset_, entries.size() - before);
}

}  // namespace nanospan::inline v0
