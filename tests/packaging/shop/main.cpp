// SPDX-License-Identifier: Apache-2.0

// The program of a user: it implements and exports, charge.cpp only records. Exits with 0 if the spans of both arrive.

#define NANOSPAN_IMPLEMENTATION
#include <nanospan.hpp>

#include <cstdio>

void charge(int attempt);

int main() {
  auto const memory = std::make_shared<nanospan::memory_exporter>();
  {
    nanospan::tracer_provider const tracing{{.service_name = "shop", .exporter = memory}};
    NANOSPAN("checkout");
    charge(2);
  }
  auto const spans = memory->spans();
  for (auto const& span : spans) std::printf("%s %s < %s\n", span.service_name.c_str(), span.name.c_str(), span.parent_span_id.hex().c_str());
  if (spans.size() != 2) return 1;
  auto const& child = spans[0];
  auto const& root = spans[1];
  if (child.name != "charge" || root.name != "checkout" || root.service_name != "shop") return 1;
  if (child.parent_span_id != root.span_id || child.trace_id != root.trace_id) return 1;
  nanospan::attribute_list const expected{{"attempt", std::int64_t{2}}};
  if (child.attributes != expected) return 1;
  std::puts("nanospan " NANOSPAN_VERSION);
}
