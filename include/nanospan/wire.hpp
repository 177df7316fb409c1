// SPDX-License-Identifier: Apache-2.0
#pragma once

// Protobuf wire primitives. Writing goes back to front: a message's bytes are there before its length is asked for, so nothing is sized
// twice, nothing is moved, and every length is minimal; what grows is charged to the memory account. Reading trusts nothing: it is for what a remote party sent, too. Any thread.

#include <nanospan/context.hpp>
#include <nanospan/detail/memory_account.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>

namespace nanospan::inline v0::detail {

enum class wire_type : std::uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// Grows towards the front. Each call writes before what was written so far; require() makes room, the others trust it.
class reverse_writer {
 public:
  static constexpr std::size_t max_varint_bytes = 10;

  reverse_writer() noexcept = default;
  // With room for so many bytes, of which the account knows nothing: for what is short, and soon gone. Throws std::bad_alloc.
  explicit reverse_writer(std::size_t bytes) { move_to(std::unique_ptr<std::byte[]>{new std::byte[bytes]}, bytes); }

  std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  std::string_view view() const noexcept { return {reinterpret_cast<char const*>(at_), size()}; }
  void clear() noexcept { at_ = end_; }
  // Takes back what was written since size() was `size`.
  void rewind(std::size_t size) noexcept { at_ = end_ - size; }
  std::size_t capacity() const noexcept { return static_cast<std::size_t>(end_ - memory_.get()); }
  // Keeps no more room than what is written needs. Without memory it stays as it is.
  void shrink() noexcept {
    std::size_t const wanted = size() < least_capacity ? least_capacity : size();
    if (wanted >= capacity()) return;
    std::unique_ptr<std::byte[]> smaller{new (std::nothrow) std::byte[wanted]};
    if (smaller == nullptr) return;
    move_to(std::move(smaller), wanted);
    charge_ = {};
  }

  // Room for `bytes` more. Throws std::bad_alloc, having changed nothing.
  void require(std::size_t bytes) {
    if (static_cast<std::size_t>(at_ - memory_.get()) < bytes) [[unlikely]]
      grow(bytes);
  }

  void raw(std::string_view bytes) noexcept {
    at_ -= bytes.size();
    copy_text(at_, bytes.data(), bytes.size());
  }
  NANOSPAN_DETAIL_INLINE void varint(std::uint64_t value) noexcept {
    if (value < 0x80) [[likely]] {
      *--at_ = static_cast<std::byte>(value);
    } else if (value < 0x4000) {
      *--at_ = static_cast<std::byte>(value >> 7);
      *--at_ = static_cast<std::byte>(value | 0x80);
    } else {
      long_varint(value);
    }
  }
  NANOSPAN_DETAIL_INLINE void tag(std::uint32_t field, wire_type type) noexcept { varint(field << 3 | static_cast<std::uint32_t>(type)); }

  NANOSPAN_DETAIL_INLINE void varint_field(std::uint32_t field, std::uint64_t value) noexcept {
    varint(value);
    tag(field, wire_type::varint);
  }
  NANOSPAN_DETAIL_INLINE void fixed64_field(std::uint32_t field, std::uint64_t value) noexcept {
    raw_little_endian(value);
    tag(field, wire_type::fixed64);
  }
  NANOSPAN_DETAIL_INLINE void fixed32_field(std::uint32_t field, std::uint32_t value) noexcept {
    raw_little_endian(value);
    tag(field, wire_type::fixed32);
  }
  void bytes_field(std::uint32_t field, std::string_view value) noexcept {
    raw(value);
    end_message(field, size() - value.size());
  }
  // The same, of a size that the compiler knows.
  template <std::size_t Bytes>
  void bytes_field(std::uint32_t field, std::array<std::uint8_t, Bytes> const& value) noexcept {
    static_assert(Bytes < 0x80);
    at_ -= Bytes;
    std::memcpy(at_, value.data(), Bytes);
    *--at_ = static_cast<std::byte>(Bytes);
    tag(field, wire_type::bytes);
  }
  // Makes what was written since size() was `since` into the message of a field.
  NANOSPAN_DETAIL_INLINE void end_message(std::uint32_t field, std::size_t since) noexcept {
    varint(size() - since);
    tag(field, wire_type::bytes);
  }

  static constexpr std::size_t varint_size(std::uint64_t value) noexcept {
    return (static_cast<std::size_t>(64 - std::countl_zero(value | 1)) + 6) / 7;
  }

 private:
  NANOSPAN_DETAIL_OUT_OF_LINE void long_varint(std::uint64_t value) noexcept {
    at_ -= varint_size(value);
    std::byte* to = at_;
    for (; value >= 0x80; value >>= 7) *to++ = static_cast<std::byte>(value | 0x80);
    *to = static_cast<std::byte>(value);
  }
  template <typename Integer>
  void raw_little_endian(Integer value) noexcept {
    if constexpr (std::endian::native == std::endian::big) {
      Integer swapped = 0;
      for (std::size_t byte = 0; byte < sizeof value; ++byte) {
        swapped = static_cast<Integer>(swapped << 8 | (value & 0xff));
        value = static_cast<Integer>(value >> 8);
      }
      value = swapped;
    }
    at_ -= sizeof value;
    std::memcpy(at_, &value, sizeof value);
  }
  // Half as much again at least, where the account has it; no more, for while it moves there are two.
  NANOSPAN_DETAIL_COLD void grow(std::size_t bytes) {
    std::size_t const least = size() + bytes;
    std::size_t const usual = capacity() == 0 ? least_capacity : capacity() + capacity() / 2;
    std::size_t larger = least < usual ? usual : least;
    memory_charge charge;
    if (!charge.add(larger)) {
      larger = least;
      if (!charge.add(larger)) throw std::bad_alloc{};
    }
    move_to(std::unique_ptr<std::byte[]>{new std::byte[larger]}, larger);  // uninitialised
    charge_ = std::move(charge);
  }
  void move_to(std::unique_ptr<std::byte[]>&& memory, std::size_t bytes) noexcept {
    std::size_t const used = size();
    std::byte* const end = memory.get() + bytes;
    if (used != 0) std::memcpy(end - used, at_, used);
    memory_ = std::move(memory);
    end_ = end;
    at_ = end - used;
  }

  static constexpr std::size_t least_capacity = 4096;

  memory_charge charge_;  // for what is next
  std::unique_ptr<std::byte[]> memory_;
  std::byte* end_ = nullptr;
  std::byte* at_ = nullptr;  // the first byte written
};

// One field after another of a message: `while (reader.next()) if (reader.is(2, wire_type::bytes)) use(reader.bytes());`.
// Ends early at the first byte that is not protobuf; keeps no copy of the bytes.
class wire_reader {
 public:
  explicit wire_reader(std::string_view message) noexcept : rest_{message} {}

  bool next() noexcept {
    if (rest_.empty()) return false;
    std::uint64_t const tag = varint();
    type_ = static_cast<wire_type>(tag & 7);
    field_ = tag >> 3;
    switch (type_) {
      case wire_type::varint: number_ = varint(); break;
      case wire_type::fixed64: number_ = little_endian(8); break;
      case wire_type::fixed32: number_ = little_endian(4); break;
      case wire_type::bytes: bytes_ = take(varint()); break;
      default: well_formed_ = false;  // groups are not in proto3
    }
    if (field_ == 0) well_formed_ = false;
    if (!well_formed_) rest_ = {};
    return well_formed_;
  }
  // A field of another type than the schema's is as good as unknown.
  bool is(std::uint32_t field, wire_type type) const noexcept { return field_ == field && type_ == type; }
  std::uint64_t field() const noexcept { return field_; }
  std::uint64_t number() const noexcept { return number_; }
  std::string_view bytes() const noexcept { return bytes_; }
  // How many bytes come after this field.
  std::size_t left() const noexcept { return rest_.size(); }
  // After the last field: whether all of it was read.
  bool well_formed() const noexcept { return well_formed_; }

 private:
  std::uint64_t varint() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && !rest_.empty(); shift += 7) {
      auto const byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      if (shift < 64) value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    well_formed_ = false;
    return 0;
  }
  std::string_view take(std::uint64_t count) noexcept {
    if (count > rest_.size()) {
      well_formed_ = false;
      return {};
    }
    std::string_view const taken = rest_.substr(0, static_cast<std::size_t>(count));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::uint64_t little_endian(std::size_t count) noexcept {
    std::uint64_t value = 0;
    std::string_view const taken = take(count);
    for (std::size_t at = taken.size(); at-- != 0;) value = value << 8 | static_cast<std::uint8_t>(taken[at]);
    return value;
  }

  std::string_view rest_;
  std::uint64_t field_ = 0;
  std::uint64_t number_ = 0;
  std::string_view bytes_;
  wire_type type_ = wire_type::varint;
  bool well_formed_ = true;
};

}  // namespace nanospan::inline v0::detail
