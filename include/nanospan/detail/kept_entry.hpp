// SPDX-License-Identifier: Apache-2.0
#pragma once

// An attribute that is in no record, as an entry that could be: a resource's, or what a hook put on an ended span. Any thread.

#include <nanospan/attribute_value.hpp>
#include <nanospan/detail/attribute_payload.hpp>
#include <nanospan/entry_view.hpp>

#include <algorithm>
#include <memory>
#include <string_view>

namespace nanospan::inline v0::detail {

class kept_entry {
 public:
  // An array of more than a mebibyte is an empty one. Throws std::bad_alloc.
  kept_entry(std::string_view key, attribute_value const& value) {
    std::visit([&](auto const& is) { keep(key, is); }, value);
  }
  std::size_t size() const noexcept { return size_; }
  entry_view view() const noexcept { return {word_, bytes_.get(), size_}; }

 private:
  template <typename Value>
  void keep(std::string_view key, Value const& value) {
    keep(attribute{copied{key}, value});
  }
  void keep(std::string_view key, std::vector<bool> const& value) {
    auto const flags = std::make_unique<bool[]>(value.size());
    std::copy(value.begin(), value.end(), flags.get());
    keep(attribute{copied{key}, flag_range{flags.get(), value.size()}});
  }
  struct flag_range {
    bool const* first;
    std::size_t count;
    bool const* data() const noexcept { return first; }
    std::size_t size() const noexcept { return count; }
  };
  void keep(attribute const& one) {
    entry_head const head = attribute_payload::head(one);
    std::size_t const value_bytes = attribute_payload::size(one);
    bool const is_too_large = head.type() == entry_type::array && value_bytes > max_entry_bytes;
    attribute const none{copied{{head.key, head.key_size}}, flag_range{nullptr, 0}};
    std::size_t const key_bytes = padded(head.key_size);
    size_ = key_bytes + (is_too_large ? attribute_payload::size(none) : value_bytes);
    bytes_ = std::make_unique<std::byte[]>(padded(size_));
    if (head.key_size != 0) std::memcpy(bytes_.get(), head.key, head.key_size);
    attribute_payload::write(bytes_.get() + key_bytes, is_too_large ? none : one);
    word_ = entry_word(head, size_);
  }

  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
  std::uint64_t word_ = 0;
};

}  // namespace nanospan::inline v0::detail
