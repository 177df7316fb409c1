// SPDX-License-Identifier: Apache-2.0

// The header baggage, a line of input a header: what is read is within the limits, is written and read back as the same, and decodes to UTF-8;
// any text can be a value.

#include <nanospan/propagation.hpp>

#include "support.hpp"

using nanospan::baggage;
using nanospan::propagator;
using fuzz::check;

namespace {

void check_baggage(baggage const& all) {
  check(all.text().size() <= 8192);
  check(baggage{all.text()}.text() == all.text());
  std::size_t count = 0;
  for (auto const& one : all) {
    ++count;
    check(!one.key.empty());
    if (count <= 4) check(all.contains(one.key) && all.get(one.key) == one.value());  // keys are unique; each look reads the whole
    check(nanospan::detail::is_utf8(one.value()));
  }
  check(count <= 64 && (count == 0) == all.empty());
  for (char const c : all.text()) check(c == ' ' || c == '\t' || (c > ' ' && c <= '~'));  // blanks inside of properties
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  check_baggage(baggage{text});

  auto const context = nanospan::extract(fuzz::headers_of(text, {"baggage"}), propagator::baggage);
  baggage const received{context.baggage()};
  check(received.text() == context.baggage() && !context.valid());
  fuzz::headers into;
  nanospan::inject(context, into, propagator::baggage);
  check(into.size() == (received.empty() ? 0u : 1u));
  if (!into.empty()) check(into[0].second == context.baggage());

  // The input is also a value, and a key.
  baggage changed{text};
  std::string_view value = text;
  std::string_view const key = nanospan::detail::take_front(value, '\n');
  if (changed.set("key", text)) check(changed.get("key") == (nanospan::detail::is_utf8(text) ? std::string{text} : nanospan::detail::repaired_utf8(text)));
  if (changed.set(key, value, value)) check(changed.contains(key));
  check_baggage(changed);
  changed.erase(key);
  check(!changed.contains(key));
  check_baggage(changed);
  return 0;
}
