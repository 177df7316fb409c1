// SPDX-License-Identifier: Apache-2.0
#pragma once

// Members of the baggage that a span was started with, as attributes of it: options.baggage_attributes. Background thread.

#include <nanospan/attribute_set.hpp>
#include <nanospan/baggage.hpp>
#include <nanospan/detail/kept_entry.hpp>

#include <string>
#include <vector>

namespace nanospan::inline v0::detail {

class baggage_attributes {
 public:
  baggage_attributes() = default;
  explicit baggage_attributes(std::vector<std::string> keys) : keys_{std::move(keys)} {}

  // Adds what the span has no attribute of, all of which are there already. `to` refers to this object until the next call. Throws std::bad_alloc.
  NANOSPAN_DETAIL_COLD void add_to(attribute_set& to, std::string_view baggage) {
    kept_.clear();
    baggage_list list;
    list.parse(baggage);
    for (std::string const& key : keys_) {
      auto const* const found = list.find(key);
      if (found == nullptr || to.contains(key)) continue;
      to.add({kept_.emplace_back(key, attribute_value{decoded_baggage(found->value)}).view(), nullptr});
    }
  }

 private:
  std::vector<std::string> keys_;
  std::vector<kept_entry> kept_;
};

}  // namespace nanospan::inline v0::detail
