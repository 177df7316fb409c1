// SPDX-License-Identifier: Apache-2.0
#pragma once

// How options own exporters and samplers: as std::shared_ptr does, and made from one, without <memory>, which would cost every file that
// only records a tenth of a second.

#include <nanospan/config.hpp>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace nanospan::inline v0 {

/// An object with several owners, or null; made from a std::shared_ptr or std::unique_ptr to it. Copies may be on different threads.
template <typename Object>
class shared {
 public:
  constexpr shared() noexcept = default;
  constexpr explicit(false) shared(std::nullptr_t) noexcept {}
  /// Shares, or takes over, what `owner` points at. Throws std::bad_alloc.
  template <typename Pointer>
    requires(!std::same_as<Pointer, shared>) && requires(Pointer const& owner) { { owner.get() } -> std::convertible_to<Object*>; }
  explicit(false) shared(Pointer owner) : object_{owner.get()} {
    if (object_ != nullptr) owners_ = new held<Pointer>{std::move(owner)};
  }
  /// A new object. Throws std::bad_alloc and what its constructor throws.
  template <typename Made, typename... Arguments>
  static shared make(Arguments&&... arguments) {
    auto* const made = new held<Made>{std::forward<Arguments>(arguments)...};
    shared result;
    result.object_ = &made->what;
    result.owners_ = made;
    return result;
  }
  shared(shared const& other) noexcept : object_{other.object_}, owners_{other.owners_} {
    if (owners_ != nullptr) owners_->count.fetch_add(1, std::memory_order_relaxed);  // Relaxed: whoever copies already owns.
  }
  shared(shared&& other) noexcept : object_{std::exchange(other.object_, nullptr)}, owners_{std::exchange(other.owners_, nullptr)} {}
  shared& operator=(shared other) noexcept {
    std::swap(object_, other.object_);
    std::swap(owners_, other.owners_);
    return *this;
  }
  ~shared() {
    // Acquire and release pair with each other: the last owner destroys after every other one's use.
    if (owners_ != nullptr && owners_->count.fetch_sub(1, std::memory_order_acq_rel) == 1) owners_->end(owners_);
  }

  Object* get() const noexcept { return object_; }
  Object& operator*() const noexcept { return *object_; }
  Object* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  friend bool operator==(shared const& a, shared const& b) noexcept { return a.object_ == b.object_; }
  friend bool operator==(shared const& a, std::nullptr_t) noexcept { return a.object_ == nullptr; }

 private:
  // By a pointer: a virtual destructor would be two functions for each What, a table and a type's name.
  struct owners {
    explicit owners(void (*how)(owners*) noexcept) noexcept : end{how} {}
    std::atomic<std::uint32_t> count{1};
    void (*end)(owners*) noexcept;
  };
  template <typename What>
  struct held final : owners {
    template <typename... Arguments>
    explicit held(Arguments&&... arguments) : owners{end_of}, what{std::forward<Arguments>(arguments)...} {}
    static void end_of(owners* one) noexcept { delete static_cast<held*>(one); }
    What what;
  };

  Object* object_ = nullptr;
  owners* owners_ = nullptr;
};

}  // namespace nanospan::inline v0
