// SPDX-License-Identifier: Apache-2.0

// B3 in both forms, the input a line a header: what is valid is written in both, and read back as the same from each.

#include <nanospan/propagation.hpp>

#include "support.hpp"

using nanospan::propagator;
using fuzz::check;

namespace {

void check_headers(fuzz::headers const& from) {
  auto const context = nanospan::extract(from, propagator::b3);
  check(context.valid() || (!context.trace_id().valid() && !context.span_id().valid() && context.trace_flags() == 0));
  check(context.trace_flags() <= 1 && context.baggage().empty() && context.tracestate().empty());
  for (auto const format : {propagator::b3, propagator::b3multi}) {
    fuzz::headers into;
    nanospan::inject(context, into, format);
    if (!context.valid()) {
      check(into.empty());
      continue;
    }
    auto const again = nanospan::extract(into, propagator::b3multi);
    check(again.trace_id() == context.trace_id() && again.span_id() == context.span_id() && again.trace_flags() == context.trace_flags());
    fuzz::headers twice;
    nanospan::inject(again, twice, format);
    check(twice == into);  // with debug, where there is that
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  check_headers(fuzz::headers_of(text, {"b3"}));
  check_headers(fuzz::headers_of(text, {"x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags", "X-B3-ParentSpanId"}));
  return 0;
}
