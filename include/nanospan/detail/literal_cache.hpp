// SPDX-License-Identifier: Apache-2.0
#pragma once

// The literals that records point at, by address: measured, checked and encoded once, not once a span. Equal texts are one object, wherever
// they stand, so that keys are compared by address. Background thread. Forgotten on nanospan::drain(), before a library takes its literals away.

#include <nanospan/detail/utf8.hpp>
#include <nanospan/record.hpp>
#include <nanospan/wire.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nanospan::inline v0::detail {

struct literal_text {
  std::string text;     // as it stands in the program
  std::string encoded;  // what follows the tag of a protobuf string field: its length and its characters, ill-formed ones replaced
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
    auto known = std::find_if(texts_.begin(), texts_.end(), [&](auto const& one) { return one->text == text; });
    if (known == texts_.end()) {
      std::string const shown = is_utf8(text) ? std::string{text} : repaired_utf8(text);
      reverse_writer encoded;
      encoded.require(shown.size() + reverse_writer::max_varint_bytes);
      encoded.raw(shown);
      encoded.varint(shown.size());
      texts_.push_back(std::make_unique<literal_text const>(literal_text{std::string{text}, std::string{encoded.view()}}));
      known = texts_.end() - 1;
    }
    slots_[place_of(literal)] = {literal, known->get()};
    ++used_;
    return **known;
  }
  void grow() {
    std::vector<slot> const before = std::exchange(slots_, std::vector<slot>(slots_.empty() ? 64 : 2 * slots_.size()));
    for (slot const& one : before)
      if (one.literal != nullptr) slots_[place_of(one.literal)] = one;
  }

  std::vector<slot> slots_;
  std::size_t used_ = 0;
  std::vector<std::unique_ptr<literal_text const>> texts_;
};

}  // namespace nanospan::inline v0::detail
