// SPDX-License-Identifier: Apache-2.0
#pragma once

// The stack of open scopes: each remembers the context that it replaced and puts it back, if it still finds its own.
// A scope that is closed out of order or on a foreign thread puts nothing back; its thread is told through a count, and from then
// on follows no pointer that it installed before. So misuse costs attributes and wrong parents, counted, and never memory, as long as
// the foreign thread is done before this one goes on; two that use one span at once race, as with any object.

#include <nanospan/thread_ring.hpp>

namespace nanospan::inline v0 {
namespace detail {

class scope {
 public:
  scope(scope const&) = delete;
  scope& operator=(scope const&) = delete;

 protected:
  scope() noexcept {}  // open() follows, or nothing
  ~scope() = default;

  // First of all: what is current may not be asked for until open() has made its changes, or settle() has after close(). See busy_thread.
  NANOSPAN_DETAIL_INLINE void hold(thread_block& thread) noexcept { meta_ = mark_busy(thread); }
  // Makes this scope, which holds the thread, its innermost. `thread` is the calling one and has a slot. The trace and the tracestate stay as they
  // are: a child shares its parent's, and where there was no parent nobody will look at them again.
  NANOSPAN_DETAIL_INLINE void open(thread_block& thread, span_id span, context_meta meta) noexcept {
    active_context& current = thread.current;
    home_ = thread.slot;
    span_ = in_register(current.span);
    owner_ = current.owner;
    current.span = in_register(span);
    current.owner = this;
    meta.epoch = lost(*home_);  // NOLINT(clang-analyzer-core.NonNullParamChecker): what acquire_slot() answered, it left in the thread
    unmark_busy(thread, meta);
  }
  // Acts on the thread that closes, which for a suspended task that was dropped need not be the one that opened. False: not ours. Else the
  // thread is held until settle().
  NANOSPAN_DETAIL_INLINE bool close(thread_block& thread) noexcept {
    active_context& current = thread.current;
    // The address alone proves nothing: another thread's scope may have lain there, and been closed elsewhere.
    if (current.owner != this || home_ != thread.slot) [[unlikely]] {
      home_->scopes_lost.fetch_add(1, std::memory_order_relaxed);  // Relaxed: a scope shared by two threads at once is a race anyway.
      NANOSPAN_ASSERT(thread.exited && "nanospan: a scope was closed out of order, or on another thread than its own");
      return false;
    }
    current.meta.as_parent = parent_kind::busy;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    current.span = in_register(span_);
    current.owner = owner_;
    return true;
  }
  NANOSPAN_DETAIL_INLINE void settle(thread_block& thread) const noexcept { unmark_busy(thread, meta_); }

  // `thread` is the calling one.
  bool is_innermost(thread_block const& thread) const noexcept { return thread.current.owner == this && home_ == thread.slot; }
  bool is_at_home(thread_block const& thread) const noexcept { return home_ == thread.slot; }
  // What was current before, but for its ids and state.
  context_meta const& replaced() const noexcept { return meta_; }

 public:
  static std::uint32_t lost(thread_slot const& slot) noexcept { return slot.scopes_lost.load(std::memory_order_relaxed); }
  // Whether what the thread's current context points at still lives.
  static bool trusted(thread_block const& thread) noexcept {
    return thread.slot != nullptr && thread.current.meta.epoch == lost(*thread.slot);
  }

 private:
  // What was current before.
  union {
    span_id span_;
  };
  context_meta meta_;
  void const* owner_;
  thread_slot* home_;
};

}  // namespace detail

/// The calling thread's current context; invalid (all zero) where no span is open. For log lines:
/// `nanospan::current().trace_id().hex().c_str()`. Cost: a copy of 40 bytes.
NANOSPAN_DETAIL_OUT_OF_LINE inline span_context current() noexcept {
  auto& thread = detail::this_thread;
  if (thread.current.state != nullptr && !detail::scope::trusted(thread)) thread.current.state = nullptr;
  return thread.current.share();
}

/// Makes a context the thread's current one for a scope: what starts inside is its child. The way a context crosses threads,
/// tasks and services: copy it by value, open a context_scope where the work goes on. One thread, strictly nested. NANOSPAN_SET and its
/// like do not reach through it to the span that the context came from: that one may be gone, or another thread's.
class context_scope : detail::scope {
 public:
  [[nodiscard("a context_scope without a name ends at once")]] NANOSPAN_DETAIL_OUT_OF_LINE explicit context_scope(span_context context) noexcept : context_{std::move(context)} {
    auto& thread = detail::this_thread;
    opened_ = !detail::is_busy(thread) && (thread.slot != nullptr || detail::acquire_slot() != nullptr);
    if (!opened_) return;
    hold(thread);
    auto& current = thread.current;
    auto const next = detail::active_context::of(context_);
    trace_ = std::exchange(current.trace, next.trace);
    state_ = std::exchange(current.state, next.state);
    open(thread, next.span, next.meta);
  }
  NANOSPAN_DETAIL_OUT_OF_LINE ~context_scope() {
    auto& thread = detail::this_thread;
    if (!opened_ || !close(thread)) return;
    thread.current.trace = trace_;
    thread.current.state = state_;
    settle(thread);
  }

 private:
  span_context context_;
  nanospan::trace_id trace_;  // what was current before
  detail::context_state* state_;
  bool opened_;
};

}  // namespace nanospan::inline v0
