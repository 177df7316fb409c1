// SPDX-License-Identifier: Apache-2.0
#pragma once

// Spans: scoped_span for a scope (what NANOSPAN declares), span for work that crosses scopes or threads. Caller's thread, noexcept.

#include <nanospan/span_recorder.hpp>

namespace nanospan::inline v0 {

/// A span for the rest of the enclosing scope; the thread's current one while it lives. Not for the heap, not to be moved.
/// Within an unsampled span nothing can be recorded: there the macros' spans are absent, the context that is propagated stays the outer
/// one's, and they cost a few instructions. An unsampled scoped_span that is named has an id of its own, and is the current one.
class scoped_span : public span_recorder, detail::scope {
 public:
  /// What the macros call.
  NANOSPAN_DETAIL_OUT_OF_LINE explicit scoped_span(detail::site const* from) noexcept {
    auto& thread = detail::this_thread;
    std::uint32_t const word = detail::recording.word.load(std::memory_order_relaxed);  // Relaxed: as in begin().
    if (word == 0 && thread.slot != nullptr) {
      entries_.phase = phase::absent;
      thread.slot->dropped_no_provider.add(1);
      return;
    }
    detail::context_meta const meta = detail::in_register(thread.current.meta);
    std::uint32_t const decision = detail::sampling_plan{word}[meta.as_parent];
    // The common cases by the shortest way: nothing to ask, nothing to copy. Where the plan has an answer there is a slot, too.
    if (decision == static_cast<std::uint32_t>(sampling_decision::record_and_sample)) {
      begin_child_at(from);
    } else if (decision == static_cast<std::uint32_t>(sampling_decision::drop)) {
      set_phase(phase::absent);
      if (!meta.owner_is_span || meta.as_parent != detail::parent_kind::local_not_sampled) begin_not_sampled();
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
  scoped_span(literal name, start_options const& with) noexcept { begin({nullptr, name.data(), name.size(), false, with.kind}, with); }
  scoped_span(copied name, start_options const& with) noexcept {
    begin({nullptr, name.text.data(), static_cast<std::uint16_t>(name.text.size()), true, with.kind}, with);
  }
  ~scoped_span() {
    if (entries_.phase >= phase::not_sampled) end();
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
  // With a slot where it may; else counted. The word may be another one by then.
  NANOSPAN_DETAIL_INLINE static bool may_begin(detail::thread_block& thread, std::uint32_t& word) noexcept {
    if ((word & detail::recording_on) == 0 && !begins_anyway(thread, word)) return false;
    if (detail::is_busy(thread)) [[unlikely]]
      return count_interrupted(thread);
    if (!has_slot(thread)) return false;
    if (thread.current.state != nullptr && !trusted(thread)) thread.current.state = nullptr;
    return true;
  }
  NANOSPAN_DETAIL_INLINE void begin(birth const& as) noexcept {
    auto& thread = detail::this_thread;
    // Relaxed: what the word alone says is enough; a sampler behind it is acquired in who_is_asked().
    std::uint32_t word = detail::recording.word.load(std::memory_order_relaxed);
    set_phase(phase::absent);
    if (!may_begin(thread, word)) return;
    auto& current = thread.current;
    hold(thread);
    detail::active_context parent = current;
    parent.meta = replaced();
    bool const has_site = as.from != nullptr;
    if (!start_by_plan(thread, word, as, parent)) [[unlikely]]
      return begin_as_asked(word, as);
    become_current(thread);
    if (!recording()) return;
    if (!has_site) add_name(as);
    start_clock(word);
  }
  NANOSPAN_DETAIL_COLD void begin_as_asked(std::uint32_t word, birth const& as) noexcept {
    auto& thread = detail::this_thread;
    start_as_asked(thread, word, as, thread.current);
    become_current(thread);
    if (!recording()) return;
    if ((word & detail::recording_exceptions) != 0) entries_.watch_exceptions();
    start_clock(word);
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void begin(birth const& as, start_options const& with) noexcept {
    auto& thread = detail::this_thread;
    std::uint32_t word = detail::recording.word.load(std::memory_order_relaxed);  // Relaxed: as above.
    set_phase(phase::absent);
    if (!may_begin(thread, word)) return;
    auto& current = thread.current;
    hold(thread);
    if (with.parent.is_current()) {
      start_as_said(thread, word, as, current, with);
    } else {
      start_as_said(thread, word, as, detail::active_context::of(with.parent.context()), with);
      if (!recording()) entries_.start();
      own_state({current.trace, current.state});
    }
    if (recording() && (word & detail::recording_exceptions) != 0) entries_.watch_exceptions();
    become_current(thread);
  }
  NANOSPAN_DETAIL_INLINE void become_current(detail::thread_block& thread) noexcept {
    thread.current.trace = header().trace;
    thread.current.state = entries_.has_state() ? state_ : nullptr;
    open(thread, header().span, as_current());
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void begin_not_sampled() noexcept {
    auto& thread = detail::this_thread;
    hold(thread);
    header().trace = thread.current.trace;
    start_not_sampled(thread, thread.current.meta.flags);
    open(thread, header().span, as_current());
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void begin_child_at(detail::site const* from) noexcept {
    auto& thread = detail::this_thread;
    std::uint32_t const word = detail::recording.word.load(std::memory_order_relaxed);  // Relaxed: as in begin().
    auto& current = thread.current;
    hold(thread);
    header().trace = current.trace;
    start_sampled(thread, word, {from, nullptr, 0, false, from->kind}, replaced(), detail::in_register(current.span));
    entries_.start();
    open(thread, header().span, as_current());
    start_clock(word);
  }
  detail::context_meta as_current() const noexcept {
    using detail::parent_kind;
    auto const as_parent = entries_.has_state() ? parent_kind::long_way : recording() ? parent_kind::local_sampled : parent_kind::local_not_sampled;
    return {0, header_.meta.trace_flags, false, true, as_parent};
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void begin_at(detail::site const* from) noexcept { begin({from, nullptr, 0, false, from->kind}); }

  NANOSPAN_DETAIL_OUT_OF_LINE void end() noexcept {
    auto& thread = detail::this_thread;
    if (recording()) return end_recorded();
    if (close(thread)) settle(thread);
    if (entries_.has_state()) [[unlikely]]
      leave_state();
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void end_recorded() noexcept {
    auto& thread = detail::this_thread;
    std::uint64_t const ticks = end_ticks();
    if (!close(thread)) [[unlikely]]
      return end_elsewhere(thread, ticks);
    finish(thread, ticks);
    settle(thread);
    if (entries_.has_state()) [[unlikely]]
      leave_state();
  }
  // Out of order, or on another thread than its own.
  NANOSPAN_DETAIL_COLD void end_elsewhere(detail::thread_block& thread, std::uint64_t ticks) noexcept {
    {
      detail::busy_thread const in{thread};
      finish(thread, ticks);
    }
    if (entries_.has_state()) leave_state();
  }
  // After it was closed: what is current then has its own again, where that can still be said.
  NANOSPAN_DETAIL_COLD void leave_state() noexcept {
    auto& thread = detail::this_thread;
    if (entries_.state == detail::entry_buffer::state_kind::own && is_at_home(thread)) {
      auto const outer = entries_.kept();
      thread.current.state = trusted(thread) ? outer.state : nullptr;
      if (trusted(thread)) thread.current.trace = outer.trace;
    }
    release_state();
  }

  friend class span_recorder;
  // An undecided one has what its sampler needs, or will not get it any more.
  NANOSPAN_DETAIL_COLD void decide_now() noexcept {
    using detail::context_state;
    context_state* const state = state_;
    bool const has_outer_state = entries_.state == detail::entry_buffer::state_kind::outer;
    context_state* const parent_state = has_outer_state ? state : nullptr;
    auto const outer = has_outer_state ? detail::entry_buffer::outer_context{header().trace, state} : entries_.kept();
    detail::active_context const parent{header().trace, header().parent, replaced(), parent_state, nullptr};
    sampling_result const result = ask(who_is_asked(), {header().from, nullptr, 0, false, header().meta.kind}, parent);
    entries_.phase = phase::open;
    if (result.decision() == sampling_decision::drop) {
      entries_.phase = phase::not_sampled;
      entries_.discard();
    }
    heed(result, parent_state, outer);
    context_state::release(state);
    auto& thread = detail::this_thread;
    if (!is_innermost(thread)) return;
    detail::context_meta meta = as_current();
    meta.epoch = thread.current.meta.epoch;
    thread.current.meta = detail::in_register(meta);
    thread.current.state = entries_.has_state() ? state_ : nullptr;
  }
};

inline void span_recorder::decide() noexcept { static_cast<scoped_span*>(this)->decide_now(); }

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
  span(literal name, start_options const& with) noexcept { begin({nullptr, name.data(), name.size(), false, with.kind}, with); }
  span(copied name, start_options const& with) noexcept {
    begin({nullptr, name.text.data(), static_cast<std::uint16_t>(name.text.size()), true, with.kind}, with);
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

  /// Ends the span at that moment; one before its start counts as its start.
  NANOSPAN_DETAIL_OUT_OF_LINE void end(timestamp at) noexcept {
    if (!recording() || !at) return end();
    add_flag(detail::unix_end);
    end_at(at.unix_nanoseconds());
  }
  /// Ends the span now; what is said to it later is ignored. Its context stays usable.
  NANOSPAN_DETAIL_OUT_OF_LINE void end() noexcept {
    if (!recording()) return;
    end_at(end_ticks());
  }

 private:
  NANOSPAN_DETAIL_INLINE void end_at(std::uint64_t ticks) noexcept {
    auto& thread = detail::this_thread;
    if (detail::is_busy(thread)) [[unlikely]]
      return lose_interrupted(thread);
    detail::busy_thread const in{thread};
    finish(thread, ticks);
  }
  void begin(birth const& as, span_context const& parent) noexcept {
    auto& thread = detail::this_thread;
    auto const parent_context = detail::active_context::of(parent);
    // Relaxed: as in scoped_span.
    std::uint32_t word = detail::recording.word.load(std::memory_order_relaxed);
    if (!may_start(thread, word, parent_context)) return;
    detail::busy_thread const in{thread};
    if (!start_by_plan(thread, word, as, parent_context)) [[unlikely]]
      return begin_as_asked(word, as, parent_context);
    if (!recording()) return;
    add_name(as);
    start_clock(word);
  }
  NANOSPAN_DETAIL_COLD void begin_as_asked(std::uint32_t word, birth const& as, detail::active_context const& parent) noexcept {
    start_as_asked(detail::this_thread, word, as, parent);
    if (recording()) start_clock(word);
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void begin(birth const& as, start_options const& with) noexcept {
    auto& thread = detail::this_thread;
    span_context const parent = with.parent.is_current() ? current() : with.parent.context();
    auto const parent_context = detail::active_context::of(parent);
    std::uint32_t word = detail::recording.word.load(std::memory_order_relaxed);  // Relaxed: as above.
    if (!may_start(thread, word, parent_context)) return;
    detail::busy_thread const in{thread};
    start_as_said(thread, word, as, parent_context, with);
  }
  // False: it never starts.
  NANOSPAN_DETAIL_INLINE bool may_start(detail::thread_block& thread, std::uint32_t& word, detail::active_context const& parent) noexcept {
    bool const on = (word & detail::recording_on) != 0;
    if (on && !detail::is_busy(thread) && has_slot(thread)) [[likely]]
      return true;
    return may_start_slowly(thread, word, parent);
  }
  NANOSPAN_DETAIL_COLD bool may_start_slowly(detail::thread_block& thread, std::uint32_t& word, detail::active_context const& parent) noexcept {
    bool const was_on = (word & detail::recording_on) != 0;
    if (!was_on && begins_anyway(thread, word) && has_slot(thread)) return true;
    pass_through(parent);
    return was_on && detail::is_busy(thread) && count_interrupted(thread);
  }
};

}  // namespace nanospan::inline v0
