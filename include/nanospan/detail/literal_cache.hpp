// SPDX-License-Identifier: Apache-2.0
#pragma once

// The literals that records point at, by address: measured, checked and encoded once, not once a span. Equal texts are one object, wherever
// they stand, so that keys are compared by address. Background thread. Forgotten on nanospan::drain(), before a library takes its literals away.

#include <nanospan/detail/utf8.hpp>
#include <nanospan/record.hpp>
#include <nanospan/wire.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nanospan::inline v0::detail {

struct literal_text {
  std::string text;     // as it stands in the program
  std::string encoded;  // what follows the tag of a protobuf string field: its length and its characters, ill-formed ones replaced
  std::size_t hash;
  literal_text const* next;  // of those with the same place by their hash
};

class literal_cache {
 public:
  // Throws std::bad_alloc, having remembered nothing.
  literal_text const& of(char const* literal) {
    if (!slots_.empty()) [[likely]] {
      slot const& found = slots_[place_of(literal)];
      if (found.literal == literal) [[likely]]
        return *found.text;
    }
    return remember(literal);
  }
  void forget() noexcept {
    slots_.clear();
    used_ = 0;
    by_hash_.clear();
    texts_.clear();
  }

 private:
  struct slot {
    char const* literal = nullptr;
    literal_text const* text = nullptr;
  };

  // Where it stands, or would. A power of two of slots, at most half of them used.
  std::size_t place_of(char const* literal) const noexcept {
    std::uint64_t const spread = address_of(literal) * 0x9e37'79b9'7f4a'7c15u;
    std::size_t const last = slots_.size() - 1;
    std::size_t at = static_cast<std::size_t>(spread >> 32) & last;
    while (slots_[at].literal != nullptr && slots_[at].literal != literal) at = (at + 1) & last;
    return at;
  }
  NANOSPAN_DETAIL_COLD literal_text const& remember(char const* literal) {
    if (2 * used_ >= slots_.size()) grow();
    std::string_view const text{literal};
    std::size_t const hash = std::hash<std::string_view>{}(text);
    literal_text const* known = by_hash_[hash & (by_hash_.size() - 1)];
    while (known != nullptr && known->text != text) known = known->next;
    if (known == nullptr) {
      std::string const shown = is_utf8(text) ? std::string{text} : repaired_utf8(text);
      reverse_writer encoded{shown.size() + reverse_writer::max_varint_bytes};
      encoded.raw(shown);
      encoded.varint(shown.size());
      texts_.push_back(std::make_unique<literal_text>(literal_text{std::string{text}, std::string{encoded.view()}, hash, nullptr}));
      known = chain(*texts_.back());
    }
    slots_[place_of(literal)] = {literal, known};
    ++used_;
    return *known;
  }
  void grow() {
    std::size_t const size = slots_.empty() ? 64 : 2 * slots_.size();
    by_hash_.reserve(size);
    std::vector<slot> const before = std::exchange(slots_, std::vector<slot>(size));
    for (slot const& one : before)
      if (one.literal != nullptr) slots_[place_of(one.literal)] = one;
    by_hash_.assign(size, nullptr);
    for (auto const& text : texts_) chain(*text);
  }
  literal_text const* chain(literal_text& text) noexcept {
    literal_text const*& first = by_hash_[text.hash & (by_hash_.size() - 1)];
    text.next = std::exchange(first, &text);
    return first;
  }

  std::vector<slot> slots_;
  std::size_t used_ = 0;
  std::vector<literal_text const*> by_hash_;  // as many as slots
  std::vector<std::unique_ptr<literal_text>> texts_;
};

}  // namespace nanospan::inline v0::detail
