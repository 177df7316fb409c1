// SPDX-License-Identifier: Apache-2.0

// Any bytes as a batch with any number of spans: what is split has all of its spans, in two requests that can be read and split again.

#include <nanospan/detail/otlp_split.hpp>

#include "support.hpp"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for it
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using nanospan::batch;
  using nanospan::detail::otlp_part;
  std::string_view const text = fuzz::text_of(data, size);
  otlp_part all{0, ~std::size_t{0}};
  std::string copied;
  bool const read = all.take(text, copied);
  for (std::size_t const said : {all.seen(), all.seen() + 1, std::size_t{1}, std::size_t{0}}) {
    batch first;
    batch second;
    bool const split = nanospan::detail::split_in_half({std::string{text}, said}, first, second);
    fuzz::check(split == (read && said == all.seen() && said > 1));
    if (!split) continue;
    fuzz::check(first.span_count + second.span_count == said);
    for (batch const* const half : {&first, &second}) {
      otlp_part part{0, ~std::size_t{0}};
      std::string again;
      fuzz::check(part.take(half->otlp, again) && again == half->otlp && part.seen() == half->span_count);
    }
  }
  return 0;
}
