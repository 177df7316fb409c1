// SPDX-License-Identifier: Apache-2.0
#pragma once

// What headers can be read from and written to, by what it can do: nobody's type is included for it. Behind two plain structs, so that what
// extract() and inject() do is compiled once.

#include <nanospan/detail/header_text.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace nanospan::inline v0::detail {

// A map, a multimap, a vector of pairs. Names are looked for in any case, in the whole of it.
template <typename Carrier>
concept pair_carrier = requires(Carrier const& carrier) {
  { carrier.begin()->first } -> std::convertible_to<std::string_view>;
  { carrier.begin()->second } -> std::convertible_to<std::string_view>;
  carrier.end();
};
template <typename Carrier>
concept writable_pair_carrier = pair_carrier<Carrier> && requires(Carrier& carrier) {
  carrier.erase(carrier.begin());
  requires requires { carrier.emplace_back("", std::string_view{}); } || requires { carrier.emplace("", std::string_view{}); };
};
// Boost.Beast's fields, with whichever string_view they use.
template <typename Carrier>
concept field_carrier = requires(Carrier& carrier, Carrier const& read) {
  read.equal_range("").first->value().data();
  carrier.set("", read.equal_range("").first->value());
  carrier.erase("");
};
template <typename Function>
concept setter = std::is_invocable_v<Function&, std::string_view, std::string_view>;
template <typename Function>
concept getter = std::is_invocable_v<Function&, std::string_view>;

template <typename Carrier>
concept readable_carrier = pair_carrier<Carrier> || field_carrier<Carrier> || getter<Carrier const>;
template <typename Carrier>
concept writable_carrier = writable_pair_carrier<std::remove_cvref_t<Carrier>> || field_carrier<std::remove_cvref_t<Carrier>> || setter<Carrier>;

// What a getter returns: text, an optional one, or a range of them.
template <typename Answer, typename Visit>
void visit_answer(Answer const& answer, Visit& visit) {
  if constexpr (std::is_pointer_v<Answer>) {
    if (answer != nullptr) visit(std::string_view{answer});
  } else if constexpr (std::is_convertible_v<Answer const&, std::string_view>) {
    if (std::string_view const text = answer; !text.empty()) visit(text);
  } else if constexpr (requires { answer.begin(); }) {
    for (auto const& one : answer) visit_answer(one, visit);
  } else {
    if (answer) visit_answer(*answer, visit);
  }
}

struct header_source {
  void const* carrier;
  void (*read)(void const* carrier, std::string_view name, void* to, void (*visit)(void* to, std::string_view value));

  // Calls visit(value) for each header of the name, in their order.
  template <typename Visit>
  void for_each(std::string_view name, Visit&& visit) const {
    read(carrier, name, &visit, [](void* to, std::string_view value) { (*static_cast<std::remove_reference_t<Visit>*>(to))(value); });
  }
};

template <typename Carrier>
header_source source_of(Carrier const& from) noexcept {
  return {&from, [](void const* carrier, std::string_view name, void* to, void (*visit)(void*, std::string_view)) {
    auto const& headers = *static_cast<Carrier const*>(carrier);
    if constexpr (field_carrier<Carrier>) {
      auto const all = headers.equal_range({name.data(), name.size()});
      for (auto at = all.first; at != all.second; ++at) visit(to, std::string_view{at->value().data(), at->value().size()});
    } else if constexpr (pair_carrier<Carrier>) {
      for (auto const& one : headers)
        if (is_same_name(one.first, name)) visit(to, one.second);
    } else {
      auto const each = [&](std::string_view value) { visit(to, value); };
      visit_answer(headers(name), each);
    }
  }};
}

struct header_sink {
  void* carrier;
  void (*write)(void* carrier, char const* name, std::string_view const* value);  // null: there is to be none

  void set(char const* name, std::string_view value) const { write(carrier, name, &value); }
  void erase(char const* name) const { write(carrier, name, nullptr); }
};

template <typename Carrier>
header_sink sink_of(Carrier& to) noexcept {
  return {const_cast<void*>(static_cast<void const*>(&to)), [](void* carrier, char const* name, std::string_view const* value) {
    auto& headers = *static_cast<Carrier*>(carrier);
    if constexpr (field_carrier<Carrier>) {
      using view = std::remove_cvref_t<decltype(headers.equal_range("").first->value())>;
      if (value != nullptr) headers.set(name, view{value->data(), value->size()});
      else headers.erase(name);
    } else if constexpr (writable_pair_carrier<Carrier>) {
      // Whatever the case of their letters: two of one name would be one too many for the receiver.
      for (auto at = headers.begin(); at != headers.end();) {
        if (is_same_name(at->first, name)) at = headers.erase(at);
        else ++at;
      }
      if (value == nullptr) return;
      if constexpr (requires { headers.emplace_back(name, *value); }) headers.emplace_back(name, *value);
      else headers.emplace(name, *value);
    } else {
      if (value != nullptr) headers(std::string_view{name}, *value);
    }
  }};
}

}  // namespace nanospan::inline v0::detail
