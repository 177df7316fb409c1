// SPDX-License-Identifier: Apache-2.0
#pragma once

// An attribute's value, from its entry in a record to OTLP's AnyValue. Background thread.

#include <nanospan/detail/utf8.hpp>
#include <nanospan/entry_view.hpp>
#include <nanospan/wire.hpp>

#include <charconv>
#include <cstdlib>
#include <string>
#include <vector>

#include <cxxabi.h>

namespace nanospan::inline v0::detail {

// A string field; ill-formed UTF-8 is repaired on the way.
inline void write_text(reverse_writer& to, std::uint32_t field, std::string_view text) {
  if (is_utf8(text)) [[likely]]
    return to.bytes_field(field, text);
  std::string const repaired = repaired_utf8(text);
  to.bytes_field(field, repaired);
}
// Room that write_text() may need.
inline std::size_t text_bound(std::size_t bytes) noexcept { return 3 * bytes + 2 * reverse_writer::max_varint_bytes; }

// A type's name as people know it. As it is where that is none.
NANOSPAN_DETAIL_COLD inline std::string demangled(std::string_view mangled) {
  std::string name{mangled};
  int status = 0;
  char* const shown = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  if (shown != nullptr) name = shown;
  std::free(shown);
  return name;
}

inline void write_decimal(reverse_writer& to, std::uint64_t value) {
  char digits[20]{};
  char const* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  to.bytes_field(1, {digits, static_cast<std::size_t>(end - digits)});
}
// A bool or a number, as one of the fields of AnyValue.
NANOSPAN_DETAIL_INLINE void write_word(reverse_writer& to, entry_type type, std::uint64_t word) {
  switch (type) {
    case entry_type::boolean: return to.varint_field(2, word);
    case entry_type::signed_integer: return to.varint_field(3, word);
    case entry_type::floating: return to.fixed64_field(4, word);
    default: break;
  }
  if (word <= 0x7fff'ffff'ffff'ffffu) return to.varint_field(3, word);
  write_decimal(to, word);
}

// Back to front: where texts stand is noted first.
NANOSPAN_DETAIL_COLD inline void write_array(reverse_writer& to, std::string_view payload, std::size_t longest) {
  auto const word_at = [&](std::size_t at) {
    std::uint64_t word = 0;
    if (at + sizeof word <= payload.size()) std::memcpy(&word, payload.data() + at, sizeof word);
    return word;
  };
  auto const type = static_cast<entry_type>(word_at(0));
  std::size_t const since = to.size();
  auto const element = [&](auto&& write) {
    std::size_t const before = to.size();
    write();
    to.end_message(1, before);  // ArrayValue.values
  };
  if (type != entry_type::string) {
    for (std::size_t at = payload.size(); at >= 16; at -= 8) element([&] { write_word(to, type, word_at(at - 8)); });
  } else {
    std::vector<std::string_view> texts;
    for (std::size_t at = 8; at + 8 <= payload.size();) {
      std::uint64_t const size = word_at(at);
      if (size > payload.size() - at - 8) break;  // which only a data race can have written
      texts.push_back(payload.substr(at + 8, static_cast<std::size_t>(size)));
      at += 8 + padded(static_cast<std::size_t>(size));
    }
    for (std::size_t at = texts.size(); at-- != 0;) element([&] { write_text(to, 1, first_characters(texts[at], longest)); });
  }
  to.end_message(5, since);  // AnyValue.array_value
}

// One field of an AnyValue. Texts are cut after `longest` characters, bytes after as many bytes.
NANOSPAN_DETAIL_INLINE void write_value(reverse_writer& to, entry_view const& one, std::size_t longest) {
  switch (one.type()) {
    case entry_type::string: return write_text(to, 1, first_characters(one.text(), longest));
    case entry_type::bytes: return to.bytes_field(7, one.text().substr(0, longest));
    case entry_type::array: return write_array(to, one.text(), longest);
    case entry_type::type_name: return write_text(to, 1, first_characters(demangled(one.text()), longest));
    default: return write_word(to, one.type(), one.word());
  }
}

}  // namespace nanospan::inline v0::detail
