// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which ring a thread records into: acquired at its first span, handed over when the thread exits, reused by a later thread.
// Slots hang in one registry, are never freed and never move, so that whoever still records at exit finds them.

#include <nanospan/clock.hpp>
#include <nanospan/context.hpp>
#include <nanospan/detail/background_counters.hpp>
#include <nanospan/detail/memory_account.hpp>
#include <nanospan/ring.hpp>

#include <bit>
#include <cerrno>
#include <new>

#include <pthread.h>
#include <sys/mman.h>

namespace nanospan::inline v0 {
namespace detail {

// What the system is asked for in the course of recording leaves errno alone: a signal handler may record, and whoever looks at errno
// after a span has ended.
class errno_kept {
 public:
  errno_kept() noexcept = default;
  errno_kept(errno_kept const&) = delete;
  errno_kept& operator=(errno_kept const&) = delete;
  ~errno_kept() { errno = before_; }

 private:
  int before_ = errno;
};

enum class slot_state : std::uint32_t {
  empty,     // no thread's, without a ring
  ready,     // no thread's, drained, with a ring
  owned,     // a live thread records into it
  orphaned,  // its thread has exited; the next one goes on in its ring, or the consumer drains it
  draining,  // no thread's, the consumer's, which makes it ready
};

struct thread_slot {
  detail::ring ring;
  // Written by the owning thread.
  alignas(64) counter dropped_ring_full;
  counter dropped_no_ring;
  counter dropped_after_shutdown;
  counter dropped_no_provider;
  counter discarded_inherited;                        // begun by the process that forked this one, which sends them
  std::atomic<std::uint64_t> dropped_interrupted{0};  // a handler's, which a handler may interrupt
  counter misused;  // calls where no span of this thread was open
  std::atomic<slot_state> state{slot_state::owned};
  thread_slot* next = nullptr;  // constant once the slot is in the registry
  // Written by any thread: how often a scope of this thread was closed elsewhere or out of order.
  std::atomic<std::uint32_t> scopes_lost{0};
  // The state of contexts that have nothing to say in one and go the long way all the same: see parent_kind. One of its owners is the slot.
  context_state empty_state{{1}, 0, 0, false};
};

// What is one per process. Constant-initialised, never destroyed.
struct thread_registry {
  std::atomic<thread_slot*> slots{nullptr};
  std::atomic<std::uint64_t> ring_memory_bytes{0};       // handed out so far; rings are reused, never given back
  std::atomic<std::uint64_t> ring_bytes{2u << 20};       // a new thread's ring while there is plenty
  std::atomic<std::uint64_t> ring_memory_limit_bytes{64u << 20};
  std::atomic<std::uint64_t> dropped_no_slot{0};         // spans of threads whose slot was gone (exit) or could not be had (memory)
  std::atomic<bool> fork_hooked{false};
  // In a forked child: when that was, by either clock, and how many forks lie between it and the first process.
  std::atomic<std::uint64_t> forked_at_ticks{0};
  std::atomic<std::uint64_t> forked_at_nanoseconds{0};
  std::atomic<std::uint32_t> forks{0};
};
NANOSPAN_DETAIL_SHARED inline constinit thread_registry registry{};

// Maps memory and touches it: a first touch costs microseconds a page. From two mebibytes on in huge pages, where the system gives them: a
// hundred times fewer faults, and fewer misses later. Null without memory.
NANOSPAN_DETAIL_COLD inline std::byte* map_touched(std::size_t bytes) noexcept {
  constexpr std::size_t huge = 2u << 20;
  std::size_t const spare = bytes >= huge ? huge : 0;  // to begin at a multiple of it
  void* const mapped = ::mmap(nullptr, bytes + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* memory = static_cast<std::byte*>(mapped);
  if (spare != 0) {
    std::size_t const before = (huge - reinterpret_cast<std::uintptr_t>(memory) % huge) % huge;
    if (before != 0) ::munmap(memory, before);
    memory += before;
    if (before != spare) ::munmap(memory + bytes, spare - before);
#ifdef MADV_HUGEPAGE
    ::madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  }
  for (std::size_t at = 0; at < bytes; at += 4'096) memory[at] = std::byte{0};
  return memory;
}

// The one place that ring memory comes from. Null when the process-wide limit is reached or the system has none.
inline std::byte* allocate_ring_memory(std::size_t bytes) noexcept {
  std::uint64_t const limit = registry.ring_memory_limit_bytes.load(std::memory_order_relaxed);
  // Relaxed: the sum orders nothing, and is never passed because each adds before it maps.
  std::uint64_t used = registry.ring_memory_bytes.load(std::memory_order_relaxed);
  do {
    if (bytes > limit || used > limit - bytes) return nullptr;
  } while (!registry.ring_memory_bytes.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  if (std::byte* const mapped = map_touched(bytes)) return mapped;
  registry.ring_memory_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  return nullptr;
}

// Half of the limit goes to rings of full size; a quarter to ever smaller ones, each a sixteenth of what is left of it; the last to the
// smallest, so that a thousand threads all trace.
inline std::size_t next_ring_bytes() noexcept {
  constexpr std::uint64_t smallest = 16u << 10;
  std::uint64_t const full = registry.ring_bytes.load(std::memory_order_relaxed);
  std::uint64_t const limit = registry.ring_memory_limit_bytes.load(std::memory_order_relaxed);
  std::uint64_t const used = registry.ring_memory_bytes.load(std::memory_order_relaxed);
  if (used + full <= limit / 2 || full <= smallest) return full;
  std::uint64_t const graded_until = limit / 4 * 3;
  std::uint64_t const share = std::bit_floor((used < graded_until ? graded_until - used : 0) / 16);
  return share < smallest ? smallest : share < full ? share : full;
}

NANOSPAN_DETAIL_COLD inline bool attach_ring(thread_slot& slot) noexcept {
  errno_kept const as_it_was;
  std::size_t const bytes = next_ring_bytes();
  std::byte* const memory = allocate_ring_memory(bytes);
  if (memory == nullptr) return false;
  slot.ring.attach(memory, bytes);
  return true;
}

// A new slot, owned by the caller, in the registry. Null without memory.
inline thread_slot* add_slot() noexcept {
  auto* const slot = ::new (std::nothrow) thread_slot;
  if (slot == nullptr) return nullptr;
  slot->next = registry.slots.load(std::memory_order_relaxed);
  // Release: pairs with the acquire of whoever walks the list.
  while (!registry.slots.compare_exchange_weak(slot->next, slot, std::memory_order_release, std::memory_order_relaxed)) {}
  return slot;
}

template <typename Visit>
void for_each_slot(Visit&& visit) {
  // Acquire: pairs with the release in add_slot().
  for (thread_slot* slot = registry.slots.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) visit(*slot);
}

inline bool rings_are_empty() noexcept {
  bool empty = true;
  for_each_slot([&](thread_slot const& slot) { empty &= slot.ring.empty(); });
  return empty;
}

// A slot that no thread has any more, one with a ring if there is one. One that waits to be drained does, too, while half of its ring is
// free: threads that follow each other faster than the consumer looks would take a new ring each.
inline thread_slot* reuse_slot() noexcept {
  for (slot_state const wanted : {slot_state::ready, slot_state::orphaned, slot_state::empty}) {
    // Acquire: pairs with the release in add_slot().
    for (thread_slot* slot = registry.slots.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
      slot_state expected = wanted;
      // Relaxed look first, so that owned slots' lines stay with their owners. Acquire: pairs with the release of the
      // owner before (slot_owner) or of the consumer.
      if (slot->state.load(std::memory_order_relaxed) != wanted ||
          !slot->state.compare_exchange_strong(expected, slot_state::owned, std::memory_order_acquire, std::memory_order_relaxed))
        continue;
      if (slot->ring.published() - slot->ring.consumed() <= slot->ring.capacity() / 2) return slot;
      slot->state.store(slot_state::orphaned, std::memory_order_release);  // Release: as in slot_owner.
    }
  }
  return nullptr;
}

// Gives the slot back when the thread exits. Spans that end after that, in later thread-local destructors, are counted drops.
struct slot_owner {
  ~slot_owner() {
    this_thread.exited = true;
    std::atomic_signal_fence(std::memory_order_seq_cst);  // a signal handler from here on finds no slot, and takes none
    thread_slot* const slot = std::exchange(this_thread.slot, nullptr);
    this_thread.current = {};  // after std::exit scopes of this thread may still be open, and are nobody's parents any more
    if (slot == nullptr) return;
    auto const left_as = !slot->ring.attached() ? slot_state::empty : slot->ring.empty() ? slot_state::ready : slot_state::orphaned;
    slot->state.store(left_as, std::memory_order_release);  // Release: pairs with the acquire in reuse_slot() and in the consumer.
  }
  void exists() noexcept {}
};

// In a forked child, which has this thread only: what the others recorded is the parent's to send, their slots are free, the ids go
// another way, and the account begins anew.
inline void forget_parent() noexcept {
  std::uint64_t ring_memory = 0;  // what another thread had just taken for a ring is nobody's here
  for_each_slot([&](thread_slot& slot) {
    ring_memory += slot.ring.attached() ? slot.ring.capacity() : 0;
    slot.ring.reset();
    for (counter* one : {&slot.dropped_ring_full, &slot.dropped_no_ring, &slot.dropped_after_shutdown, &slot.dropped_no_provider, &slot.discarded_inherited, &slot.misused})
      one->reset();
    slot.dropped_interrupted.store(0, std::memory_order_relaxed);
    if (&slot == this_thread.slot) return;
    slot.scopes_lost.store(0, std::memory_order_relaxed);  // Relaxed, as the next: this thread is alone.
    slot.state.store(slot.ring.attached() ? slot_state::ready : slot_state::empty, std::memory_order_relaxed);
  });
  registry.ring_memory_bytes.store(ring_memory, std::memory_order_relaxed);
  registry.dropped_no_slot.store(0, std::memory_order_relaxed);
  span_memory.reset();
  background.reset();
  registry.forked_at_ticks.store(raw_ticks(), std::memory_order_relaxed);
  registry.forked_at_nanoseconds.store(monotonic_nanoseconds(), std::memory_order_relaxed);
  registry.forks.fetch_add(1, std::memory_order_relaxed);
  if (this_thread.slot != nullptr) this_thread.random.seed();
}

// False where there is no memory for it: the next thread's first span tries again. Shared, as acquire_slot() is: a provider's library hooks, too.
NANOSPAN_DETAIL_SHARED NANOSPAN_DETAIL_COLD inline bool hook_forks() noexcept {
  // Relaxed: whichever thread is first hooks; a fork that another thread makes meanwhile is not its child's first span.
  if (registry.fork_hooked.exchange(true, std::memory_order_relaxed) || ::pthread_atfork(nullptr, nullptr, forget_parent) == 0) return true;
  registry.fork_hooked.store(false, std::memory_order_relaxed);
  return false;
}

// The thread's first span: seeds its ids, finds or makes a slot, hooks the thread's exit. Null without memory or after that exit.
// Shared, so that the hooks are the program's, and not code of a plugin that happened to record first and is then unloaded: fork would
// lose its handler, and the plugin would stay until the thread ends.
NANOSPAN_DETAIL_SHARED NANOSPAN_DETAIL_COLD inline thread_slot* acquire_slot() noexcept {
  if (this_thread.exited) return nullptr;
  errno_kept const as_it_was;
  this_thread.exited = true;  // to a signal handler that interrupts this
  std::atomic_signal_fence(std::memory_order_seq_cst);
  asm volatile("" : : "r"(&hook_forks));  // so that a library finds the program's
  hook_forks();
  thread_slot* slot = reuse_slot();
  if (slot == nullptr) slot = add_slot();
  if (slot != nullptr) this_thread.random.seed();
  this_thread.slot = slot;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  this_thread.exited = false;
  if (slot == nullptr) return nullptr;
  thread_local slot_owner owner;
  owner.exists();
  return slot;
}

}  // namespace detail

/// Does now what a thread's first span would do: seeds its ids, finds or maps its ring (hundreds of microseconds where none is ready),
/// hooks its exit. For threads that must not be late later. False where there is no memory for a ring within the limit. The calling thread.
NANOSPAN_DETAIL_COLD inline bool warm_thread() noexcept {
  auto& thread = detail::this_thread;
  if (detail::is_busy(thread)) return false;
  detail::thread_slot* const slot = thread.slot != nullptr ? thread.slot : detail::acquire_slot();
  detail::busy_thread const in{thread};
  return slot != nullptr && (slot->ring.attached() || detail::attach_ring(*slot));
}

}  // namespace nanospan::inline v0
