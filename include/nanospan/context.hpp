// SPDX-License-Identifier: Apache-2.0
#pragma once

// The context that spans inherit: which trace, which span, which flags. A thread's current context is a thread-local value;
// the open scopes are a stack of saved values, so nothing is allocated and nothing that has ended is ever followed.

#include <nanospan/id.hpp>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace nanospan::inline v0 {

/// W3C trace flags (Trace Context Level 2, "trace-flags").
inline constexpr std::uint8_t sampled_flag = 0x01;
inline constexpr std::uint8_t random_flag = 0x02;

namespace detail {

struct active_context;
struct b3;
struct thread_slot;

// A value that the compiler keeps in one general register: it then neither widens the load before nor the store after.
template <typename Word>
inline Word in_register(Word word) noexcept {
  static_assert(sizeof(Word) == 8);
  auto bits = std::bit_cast<std::uint64_t>(word);
  asm("" : "+r"(bits));
  return std::bit_cast<Word>(bits);
}
// Copies by words of 8 bytes: what was just stored by such words is forwarded to these loads, and would stall wider ones.
// Four at a time: a span is bound by how many instructions the processor takes in.
NANOSPAN_DETAIL_INLINE void copy_word(void* to, void const* from) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, 8);
  word = in_register(word);
  std::memcpy(to, &word, 8);
}
NANOSPAN_DETAIL_INLINE void copy_words(void* to, void const* from, std::size_t bytes) noexcept {
  auto const copy = [&](std::size_t at) { copy_word(static_cast<std::byte*>(to) + at, static_cast<std::byte const*>(from) + at); };
  std::size_t at = 0;
  for (; at + 32 <= bytes; at += 32) {
    copy(at);
    copy(at + 8);
    copy(at + 16);
    copy(at + 24);
  }
  for (; at < bytes; at += 8) copy(at);
}

// Copies a text: short ones by a few overlapping words, for a call to memcpy costs more than they do.
NANOSPAN_DETAIL_INLINE void copy_text(std::byte* to, char const* from, std::size_t bytes) noexcept {
  auto const both_ends = [&](auto word) {
    std::memcpy(&word, from, sizeof word);
    auto last = word;
    std::memcpy(&last, from + bytes - sizeof word, sizeof word);
    std::memcpy(to, &word, sizeof word);
    std::memcpy(to + bytes - sizeof word, &last, sizeof word);
  };
  if (bytes > 32) {
    std::memcpy(to, from, bytes);
  } else if (bytes > 16) {
    copy_word(to, from);
    copy_word(to + 8, from + 8);
    copy_word(to + bytes - 16, from + bytes - 16);
    copy_word(to + bytes - 8, from + bytes - 8);
  } else if (bytes >= 8) {
    both_ends(std::uint64_t{});
  } else if (bytes >= 4) {
    both_ends(std::uint32_t{});
  } else if (bytes != 0) {
    to[0] = static_cast<std::byte>(from[0]);
    to[bytes / 2] = static_cast<std::byte>(from[bytes / 2]);
    to[bytes - 1] = static_cast<std::byte>(from[bytes - 1]);
  }
}

// What a context carries besides its ids, each in its header's form: immutable, with a count of its owners. Made once, where the context is.
struct context_state {
  std::atomic<std::uint32_t> owners;
  std::uint16_t tracestate_bytes;
  std::uint16_t baggage_bytes;
  bool b3_debug;  // B3's emphasised "accept", which W3C's flags have no bit for

  std::string_view tracestate() const noexcept { return {reinterpret_cast<char const*>(this + 1), tracestate_bytes}; }
  std::string_view baggage() const noexcept { return {reinterpret_cast<char const*>(this + 1) + tracestate_bytes, baggage_bytes}; }

  // One block; null without memory, and where there is nothing to carry. A text that is too long is left out whole.
  static context_state* make(std::string_view tracestate, std::string_view baggage, bool b3_debug) noexcept {
    constexpr std::size_t most = 0xffff;
    if (tracestate.size() > most) tracestate = {};
    if (baggage.size() > most) baggage = {};
    if (tracestate.empty() && baggage.empty() && !b3_debug) return nullptr;
    int const error = errno;
    void* const block = std::malloc(sizeof(context_state) + tracestate.size() + baggage.size());
    errno = error;
    if (block == nullptr) return nullptr;
    auto* const made = ::new (block) context_state{{1}, static_cast<std::uint16_t>(tracestate.size()), static_cast<std::uint16_t>(baggage.size()), b3_debug};
    auto* const text = reinterpret_cast<char*>(made + 1);
    if (!tracestate.empty()) std::memcpy(text, tracestate.data(), tracestate.size());
    if (!baggage.empty()) std::memcpy(text + tracestate.size(), baggage.data(), baggage.size());
    return made;
  }
  static context_state* share(context_state* state) noexcept {
    if (state != nullptr) [[unlikely]]
      state->owners.fetch_add(1, std::memory_order_relaxed);  // Relaxed: whoever copies already owns one.
    return state;
  }
  static void release(context_state* state) noexcept {
    // Acquire and release pair with each other: the last owner frees after every other one's reads.
    if (state != nullptr && state->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) [[unlikely]]
      std::free(state);
  }
};

}  // namespace detail

/// What identifies a span to others: ids, flags, tracestate, and whether it came from another process; and the baggage that goes with the
/// work. A value: copying costs 40 bytes (and one atomic increment where there is tracestate or baggage); it never dangles and may
/// outlive its span and thread. One without ids may carry baggage all the same: what starts in it is a root, and carries it on.
class span_context {
 public:
  span_context() noexcept = default;
  /// Copies `tracestate` (one over 65,535 bytes is left out; without memory the context has none).
  span_context(nanospan::trace_id trace, nanospan::span_id span, std::uint8_t trace_flags, bool remote = false,
               std::string_view tracestate = {}) noexcept
      : trace_{trace}, span_{span}, flags_{trace_flags}, remote_{remote}, state_{detail::context_state::make(tracestate, {}, false)} {}
  span_context(span_context const& other) noexcept
      : trace_{other.trace_}, span_{other.span_}, flags_{other.flags_}, remote_{other.remote_}, state_{detail::context_state::share(other.state_)} {}
  span_context(span_context&& other) noexcept
      : trace_{other.trace_}, span_{other.span_}, flags_{other.flags_}, remote_{other.remote_}, state_{std::exchange(other.state_, nullptr)} {}
  span_context& operator=(span_context other) noexcept {
    trace_ = other.trace_;
    span_ = other.span_;
    flags_ = other.flags_;
    remote_ = other.remote_;
    std::swap(state_, other.state_);
    return *this;
  }
  ~span_context() { detail::context_state::release(state_); }

  bool valid() const noexcept { return trace_.valid() && span_.valid(); }
  nanospan::trace_id trace_id() const noexcept { return trace_; }
  nanospan::span_id span_id() const noexcept { return span_; }
  std::uint8_t trace_flags() const noexcept { return flags_; }
  bool sampled() const noexcept { return (flags_ & sampled_flag) != 0; }
  bool remote() const noexcept { return remote_; }
  /// Valid while this object lives.
  std::string_view tracestate() const noexcept { return state_ != nullptr ? state_->tracestate() : std::string_view{}; }
  /// In the form of W3C's header: "user=42,tier=gold". Valid while this object lives. nanospan::baggage reads it.
  std::string_view baggage() const noexcept { return state_ != nullptr ? state_->baggage() : std::string_view{}; }

  /// The same context with another baggage, or tracestate, in its header's form; empty for none. Copies the text: one over 65,535 bytes is
  /// left out; without memory both are. Only what the standard allows will be injected.
  span_context with_baggage(std::string_view text) const noexcept { return with_state(detail::context_state::make(valid() ? tracestate() : std::string_view{}, text, b3_debug())); }
  span_context with_tracestate(std::string_view text) const noexcept { return with_state(detail::context_state::make(text, baggage(), b3_debug())); }

 private:
  friend struct detail::active_context;
  friend struct detail::b3;

  bool b3_debug() const noexcept { return state_ != nullptr && state_->b3_debug; }
  span_context with_state(detail::context_state* state) const noexcept {
    return {*this, state};
  }
  span_context(span_context const& of, detail::context_state* owned) noexcept
      : trace_{of.trace_}, span_{of.span_}, flags_{of.flags_}, remote_{of.remote_}, state_{owned} {}

  nanospan::trace_id trace_{};
  nanospan::span_id span_{};
  std::uint8_t flags_ = 0;
  bool remote_ = false;
  detail::context_state* state_ = nullptr;
};

namespace detail {

// What a context is to the spans that start in it: where the sampler's plan holds its answer, as a shift. At 0 it holds none:
// the long way, for roots, where there is a state to share, and below a span that is recorded and not (yet) sampled. Nor at `busy`: see busy_thread.
enum class parent_kind : std::uint8_t {
  long_way = 0, local_sampled = 2, local_not_sampled = 4, remote_sampled = 6, remote_not_sampled = 8, none = 10, busy = 30,
};

constexpr parent_kind kind_of_parent(std::uint8_t flags, bool remote) noexcept {
  bool const sampled = (flags & sampled_flag) != 0;
  if (remote) return sampled ? parent_kind::remote_sampled : parent_kind::remote_not_sampled;
  return sampled ? parent_kind::local_sampled : parent_kind::local_not_sampled;
}

// What an active context is besides its ids, in one word: a processor forwards a store only to loads that are no wider.
struct context_meta {
  std::uint32_t epoch;  // the thread's count of scopes closed behind its back, when this was installed: see scope
  std::uint8_t flags;
  bool remote;
  bool owner_is_span;  // the owner is a scoped_span, which NANOSPAN_SET may reach
  parent_kind as_parent;
};
static_assert(sizeof(context_meta) == 8);

// A thread's current context. Where `span` is invalid there is none, whatever `trace` says; there may be baggage, in `state`.
struct active_context {
  nanospan::trace_id trace;
  nanospan::span_id span;
  context_meta meta;
  context_state* state;  // owned by the scope that installed it
  void const* owner;   // the scope that installed it: compared; followed only where owner_is_span and the epoch hold

  bool valid() const noexcept { return span.valid(); }
  span_context share() const noexcept {
    span_context context;
    context.state_ = context_state::share(state);
    if (!valid()) return context;
    context.trace_ = trace;
    context.span_ = span;
    context.flags_ = meta.flags;
    context.remote_ = meta.remote;
    return context;
  }
  // An invalid context is no parent at all, but may have baggage. A tracestate is a trace's.
  static active_context of(span_context const& context) noexcept {
    if (!context.valid()) return {{}, {}, {}, context.tracestate().empty() ? context.state_ : nullptr, nullptr};
    auto const as_parent = context.state_ != nullptr ? parent_kind::long_way : kind_of_parent(context.flags_, context.remote_);
    return {context.trace_, context.span_, {0, context.flags_, context.remote_, false, as_parent}, context.state_, nullptr};
  }
};

// All that recording keeps per thread. Trivial and constant-initialised, so that access needs no guard.
struct thread_block {
  active_context current;
  thread_slot* slot;  // null before the thread's first span and after its thread-local destructors have begun
  random_ids random;
  bool exited;
  bool silenced;  // records nothing, and counts nothing that it would have: see silence
};

NANOSPAN_DETAIL_SHARED inline constinit thread_local thread_block this_thread{};

// While a thread changes its ids' state, its context or its ring, its current context says so where every span looks first, so that a signal
// handler's is refused and counted. Fences for the compiler alone: a handler sees its thread's stores in their order. The last store of
// a change is the one that takes the mark away, by a whole word, which the next span's load may forward.
NANOSPAN_DETAIL_INLINE bool is_busy(thread_block const& thread) noexcept { return thread.current.meta.as_parent == parent_kind::busy; }
// Returns what the mark hides.
NANOSPAN_DETAIL_INLINE context_meta mark_busy(thread_block& thread) noexcept {
  context_meta const hidden = in_register(thread.current.meta);
  thread.current.meta.as_parent = parent_kind::busy;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return hidden;
}
NANOSPAN_DETAIL_INLINE void unmark_busy(thread_block& thread, context_meta now) noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  thread.current.meta = in_register(now);
}
class busy_thread {
 public:
  NANOSPAN_DETAIL_INLINE explicit busy_thread(thread_block& thread) noexcept : thread_{thread}, hidden_{mark_busy(thread)} {}
  busy_thread(busy_thread const&) = delete;
  busy_thread& operator=(busy_thread const&) = delete;
  NANOSPAN_DETAIL_INLINE ~busy_thread() { unmark_busy(thread_, hidden_); }

 private:
  thread_block& thread_;
  context_meta hidden_;
};

}  // namespace detail

}  // namespace nanospan::inline v0
