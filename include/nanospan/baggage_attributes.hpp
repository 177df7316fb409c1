// SPDX-License-Identifier: Apache-2.0
#pragma once

// Members of the baggage that a span was started with, as attributes of it: options.baggage_attributes. Background thread.

#include <nanospan/attribute_set.hpp>
#include <nanospan/baggage.hpp>

#include <string>
#include <vector>

namespace nanospan::inline v0::detail {

class baggage_attributes {
 public:
  baggage_attributes() = default;
  explicit baggage_attributes(std::vector<std::string> keys) : keys_{std::move(keys)}, payloads_(keys_.size()) {}

  // Adds what the span has no attribute of, all of which are there already. `to` refers to this object until the next call. Throws std::bad_alloc.
  NANOSPAN_DETAIL_COLD void add_to(attribute_set& to, std::string_view baggage, literal_cache& literals) {
    baggage_list list;
    list.parse(baggage);
    for (std::size_t at = 0; at < keys_.size(); ++at) {
      std::string const& key = keys_[at];
      auto const* const found = list.find(key);
      if (found == nullptr || to.contains(key)) continue;
      // As an entry with a copied key lies in a record.
      std::string& payload = payloads_[at];
      payload = key;
      payload.resize(padded(key.size()));
      payload += decoded_baggage(found->value);
      std::uint64_t const word = entry_word({nullptr, static_cast<std::uint16_t>(key.size()), entry_type::string, true}, payload.size());
      to.add({word, reinterpret_cast<std::byte const*>(payload.data()), payload.size()}, literals);
    }
  }

 private:
  std::vector<std::string> keys_;
  std::vector<std::string> payloads_;  // one for each key
};

}  // namespace nanospan::inline v0::detail
