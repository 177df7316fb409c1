// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the formats of propagation are made of: white space, names, tokens, lists, and text in the making without exceptions. Any thread.

#include <nanospan/version.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace nanospan::inline v0::detail {

// RFC 7230, "OWS": what may stand around the members of a list.
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
constexpr std::string_view without_blanks(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Names of headers are the same in any case (RFC 7230, "Header Fields").
constexpr bool is_same_name(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t at = 0; at < a.size(); ++at)
    if (to_lower(a[at]) != to_lower(b[at])) return false;
  return true;
}
// RFC 7230, "token".
constexpr bool is_token(std::string_view text) noexcept {
  for (char const c : text)
    if (!is_digit(c) && !is_lower(to_lower(c)) && std::string_view{"!#$%&'*+-.^_`|~"}.find(c) == std::string_view::npos) return false;
  return !text.empty();
}
// The value of a hexadecimal digit, of lower case where that alone is allowed; 16 for what is none.
constexpr unsigned digit_of(char c) noexcept {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  return c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10 : 16;
}

// Takes what stands before the first separator off the front of a list, and the separator.
constexpr std::string_view take_front(std::string_view& list, char separator) noexcept {
  std::size_t const at = list.find(separator);
  std::string_view const front = list.substr(0, at);
  list = at == std::string_view::npos ? std::string_view{} : list.substr(at + 1);
  return front;
}

// Text in the making, of at most so many bytes. Without memory, or room, it stays as it was, and says so.
class text_buffer {
 public:
  explicit text_buffer(std::size_t most) noexcept : most_{most} {}
  text_buffer(text_buffer const&) = delete;
  text_buffer& operator=(text_buffer const&) = delete;
  ~text_buffer() { std::free(text_); }

  bool append(std::string_view more) noexcept {
    if (more.empty()) return true;
    if (more.size() > most_ - size_) return false;
    if (capacity_ - size_ < more.size()) {
      std::size_t const wanted = 2 * (size_ + more.size());
      void* const block = std::realloc(text_, wanted);
      if (block == nullptr) return false;
      text_ = static_cast<char*>(block);
      capacity_ = wanted;
    }
    std::memcpy(text_ + size_, more.data(), more.size());  // NOLINT(clang-analyzer-core.NonNullParamChecker): without a block there was no room
    size_ += more.size();
    return true;
  }
  // Another value of a repeated header: as if they stood in one (RFC 7230, "Field Order").
  bool append_value(std::string_view value) noexcept {
    if (value.empty() || (size_ != 0 && !append(","))) return value.empty();
    return append(value);
  }
  std::size_t room() const noexcept { return most_ - size_; }
  std::string_view view() const noexcept { return {text_, size_}; }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::size_t most_;
};

}  // namespace nanospan::inline v0::detail
