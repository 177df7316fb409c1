// SPDX-License-Identifier: Apache-2.0

// What a span costs the thread that records it, beside the two timer reads that it cannot do without. Rings are emptied between chunks and
// nothing may be dropped: a full ring is cheaper than a span.

#include <nanospan.hpp>

#include "harness.hpp"
#include "workload.hpp"

#include <string>

namespace {

constexpr std::size_t spans_a_chunk = 2'000;  // fit into the default ring, with four attributes

void no_attribute(std::size_t spans) {
  for (std::size_t i = 0; i < spans; ++i) bench::no_attribute();
}
void one_attribute(std::size_t spans) {
  for (std::size_t i = 0; i < spans; ++i) {
    NANOSPAN("child", {"items", static_cast<int>(bench::items)});
  }
}
void four_attributes(std::size_t spans) {
  for (std::size_t i = 0; i < spans; ++i) bench::four_attributes();
}

}  // namespace

int main() {
  auto const row = [&](char const* name, double bar, auto&& run, auto&& between) {
    bench::show(name, bench::measure(spans_a_chunk, run, bench::two_timer_reads, between), bar);
  };
  bench::show_header("2 timer reads");
  row("no provider", 0.07, no_attribute, [] {});
  row("no provider, 4 attributes", 0.07, four_attributes, [] {});
  std::uint64_t const unprovided = nanospan::stats().dropped.no_provider;
  {
    nanospan::tracer_provider tracing{bench::to_nowhere()};
    auto const drain = [&] { tracing.poll(); };
    NANOSPAN("parent");
    row("child span, no attributes", 1.10, no_attribute, drain);
    row("child span, 1 attribute", 0, one_attribute, drain);
    row("child span, 4 attributes", 1.25, four_attributes, drain);
  }
  {
    nanospan::options with = bench::to_nowhere();
    with.sampler = std::make_shared<nanospan::always_off_sampler>();
    nanospan::tracer_provider tracing{std::move(with)};
    NANOSPAN("parent");
    row("unsampled child span", 0.15, no_attribute, [] {});
    row("unsampled child span, 4 attributes", 0.15, four_attributes, [] {});
  }
  nanospan::stats_snapshot const now = nanospan::stats();
  std::uint64_t const dropped = now.dropped.total() - unprovided;
  std::printf("%llu spans recorded, %llu dropped\n", static_cast<unsigned long long>(now.exported), static_cast<unsigned long long>(dropped));
  if (dropped != 0) std::printf("spans were dropped: the figures mean nothing\n");
  return dropped != 0 ? 1 : 0;
}
