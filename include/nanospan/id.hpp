// SPDX-License-Identifier: Apache-2.0
#pragma once

// Trace and span ids: bytes, lowercase hex, validity, and their random generation.
// Used by everything on both sides; the generator belongs to one thread.

#include <nanospan/config.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <time.h>
#include <unistd.h>

namespace nanospan::inline v0 {

/// Lowercase hexadecimal digits, NUL-terminated, without an allocation.
template <std::size_t Digits>
class hex_string {
 public:
  constexpr char const* c_str() const noexcept { return text_; }
  constexpr std::string_view view() const noexcept { return {text_, Digits}; }
  constexpr operator std::string_view() const noexcept { return view(); }  // NOLINT(google-explicit-constructor): it is text
  constexpr char& operator[](std::size_t digit) noexcept { return text_[digit]; }

 private:
  char text_[Digits + 1]{};
};

/// An identifier of `Bytes` random bytes. All-zero is invalid (W3C Trace Context, "trace-id", "parent-id").
template <std::size_t Bytes>
class id {
 public:
  static constexpr std::size_t byte_count = Bytes;

  constexpr id() noexcept = default;
  explicit constexpr id(std::array<std::uint8_t, Bytes> const& bytes) noexcept : words_{std::bit_cast<words>(bytes)} {}

  constexpr bool valid() const noexcept {
    std::uint64_t any = 0;  // an array's == may be a call
    for (std::uint64_t const word : words_) any |= word;
    return any != 0;
  }
  constexpr std::array<std::uint8_t, Bytes> bytes() const noexcept {
    return std::bit_cast<std::array<std::uint8_t, Bytes>>(words_);
  }
  constexpr hex_string<2 * Bytes> hex() const noexcept {
    hex_string<2 * Bytes> text;
    std::size_t digit = 0;
    for (std::uint8_t const byte : bytes()) {
      text[digit++] = "0123456789abcdef"[byte >> 4];
      text[digit++] = "0123456789abcdef"[byte & 15];
    }
    return text;
  }
  friend constexpr bool operator==(id const&, id const&) noexcept = default;

 private:
  using words = std::array<std::uint64_t, Bytes / 8>;
  words words_{};  // the bytes in memory order, in words for speed
};

using trace_id = id<16>;
using span_id = id<8>;

/// Makes ids in the place of the library's own random ones: options.id_generator (OpenTelemetry, "Id Generators"). Any thread, many at once; must not block: it
/// runs where the span starts. An invalid id is replaced by a random one.
class NANOSPAN_DETAIL_SHARED id_generator {
 public:
  virtual ~id_generator() = default;
  virtual trace_id next_trace_id() const noexcept = 0;
  virtual span_id next_span_id() const noexcept = 0;
  /// Whether the last seven bytes of its trace ids are random, which the W3C random flag tells others.
  virtual bool makes_random_trace_ids() const noexcept { return false; }
};

namespace detail {

// xoshiro256++ 1.0 (Blackman and Vigna, 2019, public domain algorithm). One per thread; all-zero means not seeded yet.
class random_ids {
 public:
  // 256 bits from the operating system; if it has none, from the clock and the thread's own address.
  NANOSPAN_DETAIL_COLD void seed() noexcept {
    if (::getentropy(state_.data(), sizeof state_) == 0 && (state_[0] | state_[1] | state_[2] | state_[3]) != 0) return;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    std::uint64_t mix = static_cast<std::uint64_t>(now.tv_nsec) ^ (static_cast<std::uint64_t>(now.tv_sec) << 32) ^
                        reinterpret_cast<std::uintptr_t>(this) ^ (static_cast<std::uint64_t>(::getpid()) << 16);
    for (auto& word : state_) {  // splitmix64
      std::uint64_t z = (mix += 0x9e3779b97f4a7c15u);
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      word = z ^ (z >> 31);
    }
  }

  NANOSPAN_DETAIL_INLINE span_id next_span_id() noexcept { return span_id{std::bit_cast<std::array<std::uint8_t, 8>>(next_nonzero())}; }
  trace_id next_trace_id() noexcept {
    std::uint64_t const high = next_nonzero();  // before `low`: the order of two calls in one list is not every compiler's
    std::uint64_t const low = next_nonzero();
    return trace_id{std::bit_cast<std::array<std::uint8_t, 16>>(std::array{high, low})};
  }

 private:
  NANOSPAN_DETAIL_INLINE std::uint64_t next() noexcept {
    std::uint64_t const result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    std::uint64_t const shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  // NOLINTBEGIN(misc-no-recursion): goes on with a probability of 2^-64
  NANOSPAN_DETAIL_INLINE std::uint64_t next_nonzero() noexcept {
    std::uint64_t const value = next();
    if (value == 0) [[unlikely]]
      return next_after_zero();
    return value;
  }
  NANOSPAN_DETAIL_COLD std::uint64_t next_after_zero() noexcept { return next_nonzero(); }
  // NOLINTEND(misc-no-recursion)

  std::array<std::uint64_t, 4> state_{};
};

}  // namespace detail
}  // namespace nanospan::inline v0
