// SPDX-License-Identifier: Apache-2.0

// The header traceparent: what is valid is written as version 00, and read back as the same.

#include <nanospan/propagation.hpp>

#include "support.hpp"

using nanospan::propagator;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const from = fuzz::headers_of(fuzz::text_of(data, size), {"traceparent"});
  auto const context = nanospan::extract(from, propagator::tracecontext);
  fuzz::headers into;
  nanospan::inject(context, into, propagator::tracecontext);
  fuzz::check(context.valid() == (into.size() == 1));
  fuzz::check(!context.valid() || from.size() == 1);  // of several none counts
  if (!context.valid()) return 0;
  std::string const& written = into[0].second;
  fuzz::check(written.size() == 55 && written.starts_with("00-"));
  // Ids and the known flags stand there as they came.
  fuzz::check(from[0].second.find(written.substr(2, 51)) != std::string::npos);
  auto const again = nanospan::extract(into, propagator::tracecontext);
  fuzz::check(again.trace_id() == context.trace_id() && again.span_id() == context.span_id() && again.trace_flags() == context.trace_flags());
  fuzz::check(again.remote() && context.trace_flags() <= 3);
  return 0;
}
