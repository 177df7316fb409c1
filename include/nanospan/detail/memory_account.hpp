// SPDX-License-Identifier: Apache-2.0
#pragma once

// The account, in bytes, of what holds spans beside the rings, which have a limit of their own: blocks of spans that outgrew their buffer, the batch that is being made,
// encoded batches. Whoever allocates charges first, and does without where that is refused. Any thread; never on the way of a usual span.

#include <nanospan/config.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace nanospan::inline v0::detail {

class memory_account {
 public:
  // For the background's half: batches. False, and nothing changed, where the limit would be passed.
  bool charge(std::uint64_t bytes) noexcept { return charge_up_to(limit(), bytes); }
  // For blocks, which leave alone what encoding them will take.
  bool charge_recording(std::uint64_t bytes) noexcept {
    if (charge_up_to(limit_of_recording(), bytes)) return true;
    refused_.store(bytes, std::memory_order_relaxed);
    return false;
  }
  // What recording was refused last, since this was asked: the background makes room for it. Zero: nothing.
  std::uint64_t take_refused() noexcept {
    if (refused_.load(std::memory_order_relaxed) == 0) [[likely]]
      return 0;
    return refused_.exchange(0, std::memory_order_relaxed);
  }
  // Now, or once so much has been released.
  bool has_room_to_record(std::uint64_t bytes, std::uint64_t to_release = 0) const noexcept {
    std::uint64_t const most = limit_of_recording();
    std::uint64_t const now = used();
    return bytes <= most && now - (to_release < now ? to_release : now) <= most - bytes;
  }
  // Not below nothing: a forked child may let go of what its parent was charged for.
  void release(std::uint64_t bytes) noexcept {
    std::uint64_t now = used();
    while (!bytes_.compare_exchange_weak(now, now > bytes ? now - bytes : 0, std::memory_order_relaxed)) {}
  }

  // Relaxed, all of them: the sum orders nothing, and is never passed because it is what is compared and exchanged.
  std::uint64_t used() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t limit() const noexcept { return limit_.load(std::memory_order_relaxed); }
  void set_limit(std::uint64_t limit, std::uint64_t kept_free_for_batches) noexcept {
    limit_.store(limit, std::memory_order_relaxed);
    kept_free_.store(kept_free_for_batches, std::memory_order_relaxed);
  }
  // In a forked child: it is all the parent's.
  void reset() noexcept { bytes_.store(0, std::memory_order_relaxed); }

 private:
  std::uint64_t limit_of_recording() const noexcept {
    std::uint64_t const most = limit();
    std::uint64_t const kept = kept_free_.load(std::memory_order_relaxed);
    return most > kept ? most - kept : 0;
  }
  bool charge_up_to(std::uint64_t most, std::uint64_t bytes) noexcept {
    std::uint64_t now = used();
    do {
      if (bytes > most || now > most - bytes) return false;
    } while (!bytes_.compare_exchange_weak(now, now + bytes, std::memory_order_relaxed));
    return true;
  }

  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> limit_{32u << 20};
  std::atomic<std::uint64_t> kept_free_{8u << 20};
  std::atomic<std::uint64_t> refused_{0};
};
NANOSPAN_DETAIL_SHARED inline constinit memory_account span_memory{};

// So many bytes of it, given back with this object.
class memory_charge {
 public:
  memory_charge() noexcept = default;
  memory_charge(memory_charge&& other) noexcept : bytes_{std::exchange(other.bytes_, 0)} {}
  memory_charge& operator=(memory_charge other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~memory_charge() {
    if (bytes_ != 0) span_memory.release(bytes_);
  }
  // False, and nothing changed, where the account refuses.
  bool add(std::uint64_t bytes) noexcept {
    if (!span_memory.charge(bytes)) return false;
    bytes_ += bytes;
    return true;
  }

 private:
  std::uint64_t bytes_ = 0;
};

}  // namespace nanospan::inline v0::detail
