// SPDX-License-Identifier: Apache-2.0

#include <nanospan/samplers.hpp>

#include "catch.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

using nanospan::sampler;
using nanospan::sampling_decision;
using nanospan::span_context;
using nanospan::span_id;
using nanospan::span_kind;
using nanospan::trace_id;
using nanospan::trace_id_ratio_sampler;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::uint64_t two_to_56 = std::uint64_t{1} << 56;

trace_id trace_of(std::uint64_t high, std::uint64_t low) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t at = 0; at < 8; ++at) {
    bytes[at] = static_cast<std::uint8_t>(high >> (56 - 8 * at));
    bytes[8 + at] = static_cast<std::uint8_t>(low >> (56 - 8 * at));
  }
  return trace_id{bytes};
}
bool sampled(sampler const& asked, trace_id trace, span_context const& parent = {}) {
  return asked.should_sample({parent, trace, "name", span_kind::internal}) == sampling_decision::record_and_sample;
}
// The same ones each time.
std::vector<trace_id> generated_traces(std::size_t count) {
  std::mt19937_64 random{42};
  std::vector<trace_id> all;
  for (std::size_t at = 0; at < count; ++at) {
    std::uint64_t const high = random();
    all.push_back(trace_of(high, random()));
  }
  return all;
}

}  // namespace

// ---- a ratio of traces ----------------------------------------------------------------------------------------------------------

TEST_CASE("a ratio sampler keeps the traces whose last 56 bits reach (1 - ratio) * 2^56, and no others") {
  for (double const ratio : {0.5, 0.25, 0.75, 0.1, 0.01, 1.0 / 3, 0x1p-20, 0x1p-56}) {
    CAPTURE(ratio);
    trace_id_ratio_sampler const tested{ratio};
    auto const threshold = static_cast<std::uint64_t>(std::ceil((1.0L - static_cast<long double>(ratio)) * 0x1p56L));
    // Whatever the other 72 bits are.
    for (std::uint64_t const other : {std::uint64_t{0}, std::uint64_t{0xff}}) {
      CHECK(sampled(tested, trace_of(other, other << 56 | threshold)));
      CHECK(sampled(tested, trace_of(other, other << 56 | (two_to_56 - 1))));
      CHECK_FALSE(sampled(tested, trace_of(other, other << 56 | (threshold - 1))));
      CHECK_FALSE(sampled(tested, trace_of(other << 56, other << 56)));
    }
  }
}

TEST_CASE("a ratio sampler keeps every trace at 1 and none at 0, and need not be asked then") {
  using nanospan::detail::sampling_plan;
  for (auto const trace : {trace_of(1, 0), trace_of(1, two_to_56 - 1), trace_of(0, ~std::uint64_t{0})}) {
    CHECK(sampled(trace_id_ratio_sampler{1}, trace));
    CHECK_FALSE(sampled(trace_id_ratio_sampler{0}, trace));
  }
  CHECK(trace_id_ratio_sampler{1}.plan().bits == sampling_plan::always(sampling_decision::record_and_sample).bits);
  CHECK(trace_id_ratio_sampler{0}.plan().bits == sampling_plan::always(sampling_decision::drop).bits);
  CHECK(trace_id_ratio_sampler{0.999}.plan().bits == 0);
  CHECK(trace_id_ratio_sampler{0x1p-56}.plan().bits == 0);
}

TEST_CASE("a ratio below 2^-56 keeps nothing") {
  CHECK_FALSE(sampled(trace_id_ratio_sampler{0x1p-57}, trace_of(1, ~std::uint64_t{0})));
  CHECK_FALSE(sampled(trace_id_ratio_sampler{std::numeric_limits<double>::denorm_min()}, trace_of(1, ~std::uint64_t{0})));
}

TEST_CASE("a ratio outside of 0 to 1 is taken for the nearer bound, what is no number for 0") {
  for (double const above : {1.5, 1e300, infinity}) CHECK(trace_id_ratio_sampler{above}.description() == "TraceIdRatioBased{1}");
  for (double const below : {-0.5, -0.0, -infinity, std::nan("")}) {
    CHECK(trace_id_ratio_sampler{below}.plan().bits == trace_id_ratio_sampler{0}.plan().bits);
    CHECK_FALSE(sampled(trace_id_ratio_sampler{below}, trace_of(1, ~std::uint64_t{0})));
  }
}

TEST_CASE("of generated traces a ratio sampler keeps its share, and each of them at every higher ratio") {
  auto const traces = generated_traces(100'000);
  std::vector<double> const ratios{0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999, 1};
  std::vector<std::size_t> kept(ratios.size());
  for (auto const& trace : traces) {
    bool before = false;
    for (std::size_t at = 0; at < ratios.size(); ++at) {
      bool const now = sampled(trace_id_ratio_sampler{ratios[at]}, trace);
      if (before && !now) FAIL("kept at a lower ratio, dropped at " << ratios[at]);
      before = now;
      kept[at] += now ? 1 : 0;
    }
  }
  CHECK(kept == std::vector<std::size_t>{0, 100, 1'010, 9'934, 24'905, 50'012, 75'172, 89'842, 99'921, 100'000});  // counted by other means, in exact fractions
}

TEST_CASE("a ratio sampler decides the same for each span of a trace, whatever its parent says") {
  span_id const span{std::array<std::uint8_t, 8>{1}};
  for (auto const& trace : generated_traces(100)) {
    bool const first = sampled(trace_id_ratio_sampler{0.5}, trace);
    for (std::uint8_t const flags : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{3}})
      for (bool const remote : {false, true}) CHECK(sampled(trace_id_ratio_sampler{0.5}, trace, {trace, span, flags, remote}) == first);
  }
}

TEST_CASE("a ratio sampler is described with the digits that tell its ratio from every other") {
  CHECK(trace_id_ratio_sampler{0.5}.description() == "TraceIdRatioBased{0.5}");
  CHECK(trace_id_ratio_sampler{0}.description() == "TraceIdRatioBased{0}");
  CHECK(trace_id_ratio_sampler{1}.description() == "TraceIdRatioBased{1}");
  CHECK(trace_id_ratio_sampler{0.0001}.description() == "TraceIdRatioBased{0.0001}");
  CHECK(trace_id_ratio_sampler{1.0 / 3}.description() == "TraceIdRatioBased{0.3333333333333333}");
  CHECK(trace_id_ratio_sampler{1e-9}.description() == "TraceIdRatioBased{0.000000001}");
  CHECK(trace_id_ratio_sampler{std::numeric_limits<double>::denorm_min()}.description() == "TraceIdRatioBased{0." + std::string(323, '0') + "5}");
}
