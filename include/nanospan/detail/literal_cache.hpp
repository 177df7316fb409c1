// SPDX-License-Identifier: Apache-2.0
#pragma once

// The literals that records point at, by address: measured, checked and encoded once, not once a span. Equal texts are one object, wherever
// they stand, so that keys are compared by address. Background thread. Forgotten on nanospan::drain(), before a library takes its literals away.

#include <nanospan/detail/address_map.hpp>
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
    if (literal_text const* const* const found = by_address_.find(literal)) [[likely]]
      return **found;
    return remember(literal);
  }
  void forget() noexcept {
    by_address_.clear();
    by_hash_.clear();
    texts_.clear();
  }

 private:
  NANOSPAN_DETAIL_COLD literal_text const& remember(char const* literal) {
    if (texts_.size() >= by_hash_.size()) grow();
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
    return *by_address_.add(literal, known);
  }
  void grow() {
    by_hash_.assign(by_hash_.empty() ? 64 : 2 * by_hash_.size(), nullptr);
    for (auto const& text : texts_) chain(*text);
  }
  literal_text const* chain(literal_text& text) noexcept {
    literal_text const*& first = by_hash_[text.hash & (by_hash_.size() - 1)];
    text.next = std::exchange(first, &text);
    return first;
  }

  address_map<literal_text const*> by_address_;
  std::vector<literal_text const*> by_hash_;  // a power of two, no fewer than texts
  std::vector<std::unique_ptr<literal_text>> texts_;
};

}  // namespace nanospan::inline v0::detail
