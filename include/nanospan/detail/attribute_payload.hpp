// SPDX-License-Identifier: Apache-2.0
#pragma once

// What stands in a record after an attribute's key: its value, in words of 8 bytes. Caller's thread, noexcept.

#include <nanospan/context.hpp>
#include <nanospan/record.hpp>

#include <cstring>

namespace nanospan::inline v0::detail {

NANOSPAN_DETAIL_INLINE void put_word(std::byte* place, std::uint64_t word) noexcept {
  word = in_register(word);
  std::memcpy(place, &word, sizeof word);
}

class attribute_payload {
 public:
  static entry_head const& head(attribute const& one) noexcept { return one.head_; }
  // Payload of an attribute's entry, in bytes; of what has no room anyway more than there is.
  static std::size_t size(attribute const& one) noexcept {
    switch (one.head_.type()) {
      case entry_type::string:
      case entry_type::bytes:
      case entry_type::type_name: return one.value_.text != nullptr ? one.text_size_ : 0;
      case entry_type::array: break;
      default: return sizeof one.value_.bits;
    }
    std::size_t size = sizeof(std::uint64_t);  // the type of the elements
    if (one.array_.of < element::string) return size + count(one) * sizeof(std::uint64_t);
    for (std::uint32_t at = 0; at < count(one) && size <= max_entry_bytes; ++at) {
      std::size_t const text = text_at(one, at).size();
      if (text > max_entry_bytes) return text;
      size += sizeof(std::uint64_t) + padded(text);
    }
    return size;
  }
  // Nothing lies where nothing is.
  static std::uint32_t count(attribute const& one) noexcept { return one.value_.elements != nullptr ? one.array_.count : 0; }
  NANOSPAN_DETAIL_INLINE static void write(std::byte* place, attribute const& one) noexcept {
    switch (one.head_.type()) {
      case entry_type::string:
      case entry_type::bytes:
      case entry_type::type_name: return copy_text(place, one.value_.text, size(one));
      case entry_type::array: return put_array(place, one);
      default: return copy_word(place, &one.value_.bits);
    }
  }
 private:
  // The type of the elements, then each: a word of a number, or the size of a text and its characters, padded.
  NANOSPAN_DETAIL_COLD static void put_array(std::byte* place, attribute const& one) noexcept {
    element const of = one.array_.of;
    auto const type = of == element::boolean          ? entry_type::boolean
                      : of <= element::signed_64      ? entry_type::signed_integer
                      : of <= element::unsigned_64    ? entry_type::unsigned_integer
                      : of <= element::double_precision ? entry_type::floating
                                                        : entry_type::string;
    put_word(place, static_cast<std::uint64_t>(type));
    place += sizeof(std::uint64_t);
    for (std::uint32_t at = 0; at < count(one); ++at) {
      if (of < element::string) {
        put_word(place, number_at(one, at));
      } else {
        std::string_view const text = text_at(one, at);
        put_word(place, text.size());
        if (!text.empty()) std::memcpy(place + sizeof(std::uint64_t), text.data(), text.size());
        place += padded(text.size());
      }
      place += sizeof(std::uint64_t);
    }
  }
  static std::uint64_t number_at(attribute const& one, std::uint32_t at) noexcept {
    auto const as = [&](auto element) {
      std::memcpy(&element, static_cast<std::byte const*>(one.value_.elements) + at * sizeof element, sizeof element);
      if constexpr (std::floating_point<decltype(element)>) return std::bit_cast<std::uint64_t>(static_cast<double>(element));
      else return static_cast<std::uint64_t>(element);  // of a signed one the sign
    };
    switch (one.array_.of) {
      case element::boolean:
      case element::unsigned_8: return as(std::uint8_t{});
      case element::signed_8: return as(std::int8_t{});
      case element::signed_16: return as(std::int16_t{});
      case element::signed_32: return as(std::int32_t{});
      case element::unsigned_16: return as(std::uint16_t{});
      case element::unsigned_32: return as(std::uint32_t{});
      case element::single_precision: return as(float{});
      case element::double_precision: return as(double{});
      default: return as(std::uint64_t{});
    }
  }
  static std::string_view text_at(attribute const& one, std::uint32_t at) noexcept {
    void const* const elements = one.value_.elements;
    if (one.array_.of == element::string) return static_cast<std::string const*>(elements)[at];
    if (one.array_.of == element::string_view) return static_cast<std::string_view const*>(elements)[at];
    char const* const text = static_cast<char const* const*>(elements)[at];
    return text != nullptr ? std::string_view{text} : std::string_view{};
  }
};

}  // namespace nanospan::inline v0::detail
