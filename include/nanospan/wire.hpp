// SPDX-License-Identifier: Apache-2.0
#pragma once

// Protobuf wire primitives, written back to front: a message's bytes are there before its length is asked for, so nothing is sized
// twice, nothing is moved, and every length is minimal. Background thread.

#include <nanospan/config.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace nanospan::inline v0::detail {

enum class wire_type : std::uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// Grows towards the front. Each call writes before what was written so far; require() makes room, the others trust it.
class reverse_writer {
 public:
  static constexpr std::size_t max_varint_bytes = 10;

  std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  std::string_view view() const noexcept { return {reinterpret_cast<char const*>(at_), size()}; }
  void clear() noexcept { at_ = end_; }

  // Room for `bytes` more. Throws std::bad_alloc, having changed nothing.
  void require(std::size_t bytes) {
    if (static_cast<std::size_t>(at_ - memory_.get()) < bytes) [[unlikely]]
      grow(bytes);
  }

  void raw(void const* bytes, std::size_t count) noexcept {
    at_ -= count;
    if (count != 0) std::memcpy(at_, bytes, count);
  }
  void raw(std::string_view bytes) noexcept { raw(bytes.data(), bytes.size()); }
  void varint(std::uint64_t value) noexcept {
    if (value < 0x80) [[likely]] {
      *--at_ = static_cast<std::byte>(value);
      return;
    }
    std::size_t const length = varint_size(value);
    at_ -= length;
    std::byte* to = at_;
    for (; value >= 0x80; value >>= 7) *to++ = static_cast<std::byte>(value | 0x80);
    *to = static_cast<std::byte>(value);
  }
  void tag(std::uint32_t field, wire_type type) noexcept { varint(field << 3 | static_cast<std::uint32_t>(type)); }

  void varint_field(std::uint32_t field, std::uint64_t value) noexcept {
    varint(value);
    tag(field, wire_type::varint);
  }
  void fixed64_field(std::uint32_t field, std::uint64_t value) noexcept {
    raw_little_endian(value);
    tag(field, wire_type::fixed64);
  }
  void fixed32_field(std::uint32_t field, std::uint32_t value) noexcept {
    raw_little_endian(value);
    tag(field, wire_type::fixed32);
  }
  void bytes_field(std::uint32_t field, std::string_view value) noexcept {
    raw(value);
    end_message(field, size() - value.size());
  }
  // Makes what was written since size() was `since` into the message of a field.
  void end_message(std::uint32_t field, std::size_t since) noexcept {
    varint(size() - since);
    tag(field, wire_type::bytes);
  }

  static constexpr std::size_t varint_size(std::uint64_t value) noexcept {
    return (static_cast<std::size_t>(64 - std::countl_zero(value | 1)) + 6) / 7;
  }

 private:
  template <typename Integer>
  void raw_little_endian(Integer value) noexcept {
    if constexpr (std::endian::native == std::endian::big) {
      std::byte bytes[sizeof value];
      for (auto& byte : bytes) {
        byte = static_cast<std::byte>(value & 0xff);
        value >>= 8;
      }
      raw(bytes, sizeof bytes);
    } else {
      raw(&value, sizeof value);
    }
  }
  NANOSPAN_DETAIL_COLD void grow(std::size_t bytes) {
    std::size_t const used = size();
    std::size_t capacity = static_cast<std::size_t>(end_ - memory_.get());
    do capacity = capacity < 4096 ? 4096 : capacity * 2;
    while (capacity - used < bytes);
    std::unique_ptr<std::byte[]> larger{new std::byte[capacity]};  // uninitialised
    std::byte* const end = larger.get() + capacity;
    if (used != 0) std::memcpy(end - used, at_, used);
    memory_ = std::move(larger);
    end_ = end;
    at_ = end - used;
  }

  std::unique_ptr<std::byte[]> memory_;
  std::byte* end_ = nullptr;
  std::byte* at_ = nullptr;  // the first byte written
};

}  // namespace nanospan::inline v0::detail
