// SPDX-License-Identifier: Apache-2.0
#pragma once

// A single-producer single-consumer ring of byte records: the way a span takes from its thread to the background thread.
// Never grows, never blocks, never signals: full means that the newest record does not go in. The indices count bytes since
// the beginning and never wrap; a record is contiguous, and a zero where its size would stand says "go on at the front".

#include <nanospan/config.hpp>

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace nanospan::inline v0::detail {

class ring {
 public:
  ring() noexcept = default;
  ring(ring const&) = delete;
  ring& operator=(ring const&) = delete;

  // Gives the ring its memory: `bytes` is a power of two, at least 64. Before the first record, by the producer or, while there is
  // no producer, by anyone. The ring does not own it.
  void attach(std::byte* memory, std::size_t bytes) noexcept {
    capacity_ = bytes;
    std::atomic_signal_fence(std::memory_order_seq_cst);  // a process that another thread forks meanwhile has all of it or none
    memory_ = memory;
  }
  bool attached() const noexcept { return memory_ != nullptr; }
  std::size_t capacity() const noexcept { return capacity_; }

  // Producer. Room for one record of `bytes` (a multiple of 8, at least 8), or null when the ring is full.
  std::byte* reserve(std::uint32_t bytes) noexcept {
    std::uint64_t const tail = tail_.load(std::memory_order_relaxed);  // Relaxed: only this thread writes it.
    std::size_t const offset = tail & (capacity_ - 1);
    if (capacity_ - offset < bytes) [[unlikely]]
      return reserve_at_front(bytes, tail, capacity_ - offset);
    if (tail + bytes - known_head_ > capacity_) [[unlikely]] {
      if (!has_room(tail + bytes)) return nullptr;
    }
    return memory_ + offset;
  }
  // Producer. Lets the consumer see what was written into the reserved bytes.
  void publish(std::uint32_t bytes) noexcept {
    // Relaxed load: only this thread writes it. Release: pairs with the acquire in published().
    records_.store(records_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // Relaxed: rides on the next line.
    tail_.store(tail_.load(std::memory_order_relaxed) + bytes, std::memory_order_release);
  }

  // Consumer. All up to here may be read. Acquire: pairs with the release in publish().
  std::uint64_t published() const noexcept { return tail_.load(std::memory_order_acquire); }
  // Records published so far. Any thread; exact when nothing is being recorded.
  std::uint64_t records() const noexcept { return records_.load(std::memory_order_relaxed); }
  // All before here has been read. Relaxed: the consumer's own, or for reporting.
  std::uint64_t consumed() const noexcept { return head_.load(std::memory_order_relaxed); }

  // Whether all that was published before has been read, and by nobody still. Any thread. Acquire: pairs with the release in consume().
  bool empty() const noexcept { return head_.load(std::memory_order_acquire) == published(); }

  // Consumer. Calls `read(std::byte const* record)` for each record up to `until`, then gives the space back at once.
  // A record starts with its size in bytes (32 bits).
  template <typename Read>
  void consume(std::uint64_t until, Read&& read) {
    std::uint64_t position = head_.load(std::memory_order_relaxed);  // Relaxed: only the consumer writes it.
    while (position != until) {
      std::size_t const offset = position & (capacity_ - 1);
      std::uint32_t size = 0;
      std::memcpy(&size, memory_ + offset, sizeof size);
      if (size == 0) {
        position += capacity_ - offset;
        continue;
      }
      read(static_cast<std::byte const*>(memory_ + offset));
      position += size;
    }
    // Release: pairs with the acquire in has_room(); the bytes were read before they are overwritten.
    head_.store(position, std::memory_order_release);
  }

  // Empty again, as new. Only while there is neither producer nor consumer.
  void reset() noexcept {
    tail_.store(0, std::memory_order_relaxed);
    records_.store(0, std::memory_order_relaxed);
    head_.store(0, std::memory_order_relaxed);
    known_head_ = 0;
  }

 private:
  NANOSPAN_DETAIL_OUT_OF_LINE bool has_room(std::uint64_t end) noexcept {
    known_head_ = head_.load(std::memory_order_acquire);  // Acquire: pairs with the release in consume().
    return end - known_head_ <= capacity_;
  }
  NANOSPAN_DETAIL_COLD std::byte* reserve_at_front(std::uint32_t bytes, std::uint64_t tail, std::size_t rest) noexcept {
    if (bytes > capacity_ || !has_room(tail + rest + bytes)) return nullptr;
    std::uint32_t const go_to_front = 0;
    std::memcpy(memory_ + (tail & (capacity_ - 1)), &go_to_front, sizeof go_to_front);
    tail_.store(tail + rest, std::memory_order_release);  // Release: pairs with the acquire in published().
    return memory_;
  }

  // The producer's line: the consumer reads it once a pass.
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  std::atomic<std::uint64_t> records_{0};
  std::uint64_t known_head_ = 0;  // the producer's last look at head_
  std::byte* memory_ = nullptr;
  std::size_t capacity_ = 0;
  // The consumer's line: the producer reads it only when the ring looks full.
  alignas(64) std::atomic<std::uint64_t> head_{0};
};

}  // namespace nanospan::inline v0::detail
