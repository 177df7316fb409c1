// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a user says about a span: literal names, and attributes (a key and a typed value). They refer to the user's values and
// live for one full expression; a span copies them. Caller's thread, no allocation.

#include <nanospan/config.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace nanospan::inline v0 {

/// A name or key whose characters live as long as the program: a string literal, checked by the compiler. For text that is made
/// at run time say nanospan::copied(text).
class literal {
 public:
  consteval explicit(false) literal(char const* text) noexcept : text_{text}, size_{static_cast<std::uint16_t>(std::string_view{text}.size())} {
    if (std::string_view{text}.size() > 0xffff) a_name_or_key_has_at_most_65535_bytes();
  }
  constexpr char const* data() const noexcept { return text_; }
  constexpr std::uint16_t size() const noexcept { return size_; }

 private:
  static void a_name_or_key_has_at_most_65535_bytes() noexcept;  // never defined: calling it is what the compiler reports

  char const* text_;
  std::uint16_t size_;
};

/// The slower door: a name or key made at run time, copied into the span (at most 65,535 bytes of it).
struct copied {
  constexpr explicit copied(std::string_view from) noexcept : text{from.substr(0, 0xffff)} {}
  /// Null is empty text.
  constexpr explicit copied(char const* from) noexcept : copied{from != nullptr ? std::string_view{from} : std::string_view{}} {}
  std::string_view text;
};

namespace detail {

class attribute_payload;
class entry_buffer;

enum class entry_type : std::uint8_t {
  boolean, signed_integer, unsigned_integer, floating, string,  // attributes
  bytes, array, type_name,                                      // attributes, too: array's elements are of one of the five above
  event, link,                                                  // with attributes of their own
  status, name, tracestate, scope, dropped, heap_block, baggage,
};

inline constexpr std::uint16_t copied_key = 32;  // beside an entry_type

// What a record says of one of its pieces, but for its size; see record.hpp for how. In 16 bytes: an attribute's takes two stores.
struct entry_head {
  char const* key;
  std::uint16_t key_size;
  std::uint16_t what;  // entry_type, and copied_key

  constexpr entry_head(char const* of, std::uint16_t of_size, entry_type type, bool is_copied) noexcept
      : key{of}, key_size{of_size}, what{static_cast<std::uint16_t>(static_cast<unsigned>(type) | (is_copied ? copied_key : 0u))} {}
  constexpr entry_type type() const noexcept { return static_cast<entry_type>(what & (copied_key - 1u)); }
};
static_assert(sizeof(entry_head) == 16);

// How the elements of a user's array lie in memory.
enum class element : std::uint8_t {
  boolean, signed_8, signed_16, signed_32, signed_64, unsigned_8, unsigned_16, unsigned_32, unsigned_64, single_precision, double_precision,
  string, string_view, c_string,
};
struct array_shape {
  std::uint32_t count;
  element of;
};
struct type_name_of {
  char const* text;  // as the compiler mangles it
};

template <typename Value>
concept text_like = std::is_convertible_v<Value const&, std::string_view>;
// std::vector, std::array, std::span, std::initializer_list; an array of char is text.
template <typename Range>
concept range_like = !text_like<Range> && requires(Range const& range) {
  { std::data(range) };
  { std::size(range) } -> std::convertible_to<std::size_t>;
};
template <typename Range>
using element_of = std::remove_cvref_t<decltype(*std::data(std::declval<Range const&>()))>;
template <typename Value>
concept byte_like = std::same_as<Value, std::byte> || std::same_as<Value, unsigned char> || std::same_as<Value, char>;

template <typename Value>
consteval element how_it_lies() noexcept {
  if (std::same_as<Value, bool>) return element::boolean;
  if (std::integral<Value>) {
    auto const width = sizeof(Value) == 1 ? 0 : sizeof(Value) == 2 ? 1 : sizeof(Value) == 4 ? 2 : 3;
    return static_cast<element>(static_cast<int>(std::signed_integral<Value> ? element::signed_8 : element::unsigned_8) + width);
  }
  if (std::same_as<Value, float>) return element::single_precision;
  if (std::same_as<Value, double>) return element::double_precision;
  if (std::same_as<Value, std::string>) return element::string;
  return std::same_as<Value, std::string_view> ? element::string_view : element::c_string;
}
template <typename Value>
concept element_like = (std::integral<Value> && sizeof(Value) <= 8) || std::same_as<Value, float> || std::same_as<Value, double> || std::same_as<Value, std::string> ||
                       std::same_as<Value, std::string_view> || std::same_as<Value, char const*> || std::same_as<Value, char*>;

}  // namespace detail

/// A key and a value: bool, any integer, float or double, text (std::string_view, char const*, std::string; a null pointer is empty text),
/// an array of these (anything with data and size, or `{"tags", {"a", "b"}}`), or bytes (an array of std::byte, unsigned char or char that is no text). An unsigned value
/// above 2^63-1 is exported as a decimal string, also where it is one of an array (OpenTelemetry, "attribute type mapping").
/// Pointers other than text do not compile, so none becomes `true` by accident. Arrays and bytes have their keys copied, and cost a call more than others.
class attribute {
 public:
  // NOLINTBEGIN(clang-analyzer-optin.cplusplus.UninitializedObject): text_size_ is a text's
  template <typename Value>
  constexpr attribute(literal key, Value const& value) noexcept : head_{key.data(), key.size(), type_of<Value>(), goes_the_long_way<Value>} { set(value); }
  template <typename Value>
  constexpr attribute(copied key, Value const& value) noexcept
      : head_{key.text.data(), static_cast<std::uint16_t>(key.text.size()), type_of<Value>(), true} { set(value); }
  template <typename Element>
  constexpr attribute(literal key, std::initializer_list<Element> values) noexcept : head_{key.data(), key.size(), type_of<std::initializer_list<Element>>(), true} { set(values); }
  template <typename Element>
  constexpr attribute(copied key, std::initializer_list<Element> values) noexcept
      : head_{key.text.data(), static_cast<std::uint16_t>(key.text.size()), type_of<std::initializer_list<Element>>(), true} { set(values); }
  // NOLINTEND(clang-analyzer-optin.cplusplus.UninitializedObject)

 private:
  friend class detail::attribute_payload;
  friend class detail::entry_buffer;

  // As if its key were copied, so that the short way needs not ask what else it is.
  template <typename Value>
  static constexpr bool goes_the_long_way = detail::range_like<Value> || std::same_as<Value, detail::type_name_of>;

  template <typename Value>
  static consteval detail::entry_type type_of() noexcept {
    using detail::entry_type;
    if (std::same_as<Value, bool>) return entry_type::boolean;
    if (std::integral<Value>) return std::signed_integral<Value> ? entry_type::signed_integer : entry_type::unsigned_integer;
    if (std::same_as<Value, detail::type_name_of>) return entry_type::type_name;
    if constexpr (detail::range_like<Value>) return detail::byte_like<detail::element_of<Value>> ? entry_type::bytes : entry_type::array;
    return std::floating_point<Value> ? entry_type::floating : entry_type::string;
  }
  template <typename Value>
  constexpr void set(Value const& value) noexcept {
    if constexpr (std::same_as<Value, bool>) {
      value_.bits = value ? 1u : 0u;
    } else if constexpr (std::integral<Value>) {
      static_assert(sizeof(Value) <= sizeof(std::uint64_t), "an attribute's integer has at most 64 bits");
      value_.bits = static_cast<std::uint64_t>(value);  // NOLINT(bugprone-signed-char-misuse): of a signed one the sign
    } else if constexpr (std::floating_point<Value>) {
      value_.bits = std::bit_cast<std::uint64_t>(static_cast<double>(value));
    } else if constexpr (std::same_as<Value, detail::type_name_of>) {
      set_text(value.text);
    } else if constexpr (detail::range_like<Value>) {
      set_range(std::data(value), std::size(value));
    } else {
      static_assert(std::is_convertible_v<Value const&, std::string_view> && !std::is_null_pointer_v<Value>,
                    "an attribute's value is a bool, a number, text, bytes, or an array of bools, numbers or texts");
      if constexpr (std::is_pointer_v<Value>) {
        set_text(value != nullptr ? std::string_view{value} : std::string_view{});
      } else {
        set_text(value);
      }
    }
  }
  constexpr void set_text(std::string_view text) noexcept {
    value_.text = text.data();
    text_size_ = text.size();
  }
  template <typename Element>
  constexpr void set_range(Element const* from, std::size_t count) noexcept {
    value_.elements = static_cast<void const*>(from);
    if constexpr (detail::byte_like<Element>) {
      text_size_ = count;
    } else {
      static_assert(detail::element_like<Element>, "an array's elements are bools, numbers, std::string, std::string_view or char const*");
      // What no span has room for is not to wrap.
      array_ = {count < 0xffff'ffff ? static_cast<std::uint32_t>(count) : 0xffff'ffff, detail::how_it_lies<Element>()};
    }
  }

  detail::entry_head head_;
  union {
    std::uint64_t bits;
    char const* text;
    void const* elements;
  } value_;
  union {  // the others leave it as it is
    std::size_t text_size_;  // of text and bytes
    detail::array_shape array_;
  };
};
static_assert(sizeof(attribute) == 32);

namespace detail {

// Lets a class take up to twelve attributes in one call, `x.set({"a", 1}, {"b", 2})`, by its add_all(). Overloads, because an
// initializer_list does not survive a co_await among its elements in g++ before 13, and costs the caller more code.
template <typename Derived>
class attribute_setters {
  using a = attribute const&;
  template <typename... Attribute>
  NANOSPAN_DETAIL_INLINE Derived& all(Attribute const&... each) noexcept {
    auto& self = static_cast<Derived&>(*this);
    self.add_all(each...);
    return self;
  }
  // Those that others of the same call follow: a class that must know when it has them all says something else.
  template <typename... Attribute>
  NANOSPAN_DETAIL_INLINE void add_part(Attribute const&... each) noexcept { static_cast<Derived&>(*this).add_all(each...); }
  NANOSPAN_DETAIL_OUT_OF_LINE Derived& part(a a1, a a2, a a3, a a4) noexcept {
    auto& self = static_cast<Derived&>(*this);
    self.add_part(a1, a2, a3, a4);
    return self;
  }

 public:
  NANOSPAN_DETAIL_OUT_OF_LINE Derived& set(a a1) noexcept { return all(a1); }
  NANOSPAN_DETAIL_OUT_OF_LINE Derived& set(a a1, a a2) noexcept { return all(a1, a2); }
  NANOSPAN_DETAIL_OUT_OF_LINE Derived& set(a a1, a a2, a a3) noexcept { return all(a1, a2, a3); }
  NANOSPAN_DETAIL_OUT_OF_LINE Derived& set(a a1, a a2, a a3, a a4) noexcept { return all(a1, a2, a3, a4); }
  Derived& set(a a1, a a2, a a3, a a4, a a5) noexcept { return part(a1, a2, a3, a4).set(a5); }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6) noexcept { return part(a1, a2, a3, a4).set(a5, a6); }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6, a a7) noexcept { return part(a1, a2, a3, a4).set(a5, a6, a7); }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6, a a7, a a8) noexcept { return part(a1, a2, a3, a4).set(a5, a6, a7, a8); }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6, a a7, a a8, a a9) noexcept {
    return part(a1, a2, a3, a4).part(a5, a6, a7, a8).set(a9);
  }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6, a a7, a a8, a a9, a a10) noexcept {
    return part(a1, a2, a3, a4).part(a5, a6, a7, a8).set(a9, a10);
  }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6, a a7, a a8, a a9, a a10, a a11) noexcept {
    return part(a1, a2, a3, a4).part(a5, a6, a7, a8).set(a9, a10, a11);
  }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6, a a7, a a8, a a9, a a10, a a11, a a12) noexcept {
    return part(a1, a2, a3, a4).part(a5, a6, a7, a8).set(a9, a10, a11, a12);
  }
};

}  // namespace detail
}  // namespace nanospan::inline v0
