// SPDX-License-Identifier: Apache-2.0

#include <nanospan/samplers.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

using nanospan::always_off_sampler;
using nanospan::always_on_sampler;
using nanospan::always_record_sampler;
using nanospan::attributes_view;
using nanospan::rate_limiting_sampler;
using nanospan::rule_based_sampler;
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
  return asked.should_sample({parent, trace, "name", span_kind::internal}).decision() == sampling_decision::record_and_sample;
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
      kept[at] += now ? 1u : 0u;
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

// ---- rules ----------------------------------------------------------------------------------------------------------------------

namespace {

// The entries of a span in the making, as a sampler sees them.
class said {
 public:
  template <typename... Attribute>
  explicit said(Attribute const&... each) {
    buffer_.start();
    (buffer_.add(each), ...);
  }
  attributes_view view() const { return {buffer_.bytes(), buffer_.size()}; }

 private:
  nanospan::detail::entry_buffer buffer_;
};
std::shared_ptr<sampler const> on() { return std::make_shared<always_on_sampler>(); }
std::shared_ptr<sampler const> off() { return std::make_shared<always_off_sampler>(); }

// Whether a rule with that name pattern matches that name.
bool name_matches(std::string const& pattern, std::string_view name) {
  rule_based_sampler const tested{{{.name = pattern, .then = on()}}, off()};
  return tested.should_sample({{}, trace_of(1, 1), name, span_kind::internal}).decision() == sampling_decision::record_and_sample;
}
bool value_matches(std::string const& pattern, nanospan::attribute const& value) {
  rule_based_sampler const tested{{{.attributes = {{"key", pattern}}, .then = on()}}, off()};
  said const one{value};
  return tested.should_sample({{}, trace_of(1, 1), "name", span_kind::internal, one.view()}).decision() == sampling_decision::record_and_sample;
}

}  // namespace

TEST_CASE("a rule matches a name that is the same, with * for any characters or none") {
  CHECK(name_matches("GET /health", "GET /health"));
  CHECK_FALSE(name_matches("GET /health", "GET /healthz"));
  CHECK_FALSE(name_matches("GET /health", "GET /healt"));
  CHECK_FALSE(name_matches("GET /health", "get /health"));
  CHECK(name_matches("GET /health*", "GET /health"));
  CHECK(name_matches("GET /health*", "GET /healthz?deep=1"));
  CHECK_FALSE(name_matches("GET /health*", "POST GET /health"));
  CHECK(name_matches("*/health", "GET /health"));
  CHECK_FALSE(name_matches("*/health", "GET /health/deep"));
  CHECK(name_matches("GET *health* deep", "GET /v1/health/health deep"));
  CHECK(name_matches("*a*b*", "xxaxxbxx"));
  CHECK_FALSE(name_matches("*a*b*", "xxbxxaxx"));
  CHECK(name_matches("**", ""));
  CHECK(name_matches("*", "anything"));
  CHECK(name_matches("", ""));
  CHECK_FALSE(name_matches("", "a"));
  CHECK_FALSE(name_matches("a*", ""));
  CHECK(name_matches("*ab", "aab"));
  CHECK(name_matches("a.b", "a.b"));
  CHECK_FALSE(name_matches("a.b", "axb"));
}

TEST_CASE("a rule that matches badly takes time by the product of both lengths at the most") {
  std::string const name(2'000, 'a');
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "a*";
  CHECK_FALSE(name_matches(pattern + "b", name));
}

TEST_CASE("a rule matches values as text, numbers in decimal") {
  CHECK(value_matches("gold", {"key", "gold"}));
  CHECK_FALSE(value_matches("gold", {"key", "golden"}));
  CHECK(value_matches("gold*", {"key", "golden"}));
  CHECK_FALSE(value_matches("gold", {"other", "gold"}));
  CHECK(value_matches("*", {"key", ""}));
  CHECK_FALSE(value_matches("*", {"other", ""}));
  CHECK(value_matches("5*", {"key", 503}));
  CHECK(value_matches("-1", {"key", -1}));
  CHECK_FALSE(value_matches("503", {"key", 404}));
  CHECK(value_matches("2.5", {"key", 2.5}));
  CHECK(value_matches("true", {"key", true}));
  CHECK(value_matches("false", {"key", false}));
  CHECK_FALSE(value_matches("1", {"key", true}));
}

TEST_CASE("the first rule whose name, kind and attributes all match decides, and the fallback where there is none") {
  rule_based_sampler const tested{{{.name = "GET /health*", .kind = span_kind::server},
                                   {.kind = span_kind::server, .attributes = {{"tier", "gold"}, {"region", "eu-*"}}, .then = on()},
                                   {.name = "*", .kind = span_kind::client, .then = on()}},
                                  off()};
  auto const decide = [&](std::string_view name, span_kind kind, said const& attributes) {
    return tested.should_sample({{}, trace_of(1, 1), name, kind, attributes.view()}).decision() == sampling_decision::record_and_sample;
  };
  said const gold{nanospan::attribute{"tier", "gold"}, nanospan::attribute{"region", "eu-west"}};
  CHECK_FALSE(decide("GET /healthz", span_kind::server, gold));
  CHECK(decide("GET /pay", span_kind::server, gold));
  CHECK_FALSE(decide("GET /pay", span_kind::server, said{nanospan::attribute{"tier", "gold"}}));
  CHECK_FALSE(decide("GET /pay", span_kind::server, said{nanospan::attribute{"tier", "gold"}, nanospan::attribute{"region", "us"}}));
  CHECK_FALSE(decide("GET /pay", span_kind::internal, gold));
  CHECK(decide("GET /healthz", span_kind::client, said{}));
  CHECK_FALSE(decide("GET /healthz", span_kind::producer, said{}));
  CHECK(tested.needs_attributes());
  CHECK(rule_based_sampler{{}, nullptr}.should_sample({{}, trace_of(1, 1), "any", span_kind::internal}).decision() == sampling_decision::record_and_sample);
}

TEST_CASE("rules need attributes only where one of them, or whom they ask, looks at any") {
  auto const looking = std::make_shared<rule_based_sampler>(std::vector<nanospan::sampling_rule>{{.attributes = {{"a", "*"}}}});
  CHECK(looking->needs_attributes());
  CHECK_FALSE(rule_based_sampler{{{.name = "a", .kind = span_kind::server}}}.needs_attributes());
  CHECK(rule_based_sampler{{{.name = "a", .then = looking}}}.needs_attributes());
  CHECK(rule_based_sampler{{}, looking}.needs_attributes());
  CHECK(nanospan::parent_based_sampler{{.local_parent_not_sampled = looking}}.needs_attributes());
  CHECK_FALSE(nanospan::parent_based_sampler{}.needs_attributes());
  CHECK(always_record_sampler{looking}.needs_attributes());
  CHECK_FALSE(always_record_sampler{on()}.needs_attributes());
}

TEST_CASE("rules decide about spans by the attributes of their macros") {
  support::recorded all{{.sampler = std::make_shared<rule_based_sampler>(
                             std::vector<nanospan::sampling_rule>{{.name = "GET *", .attributes = {{"tier", "gold"}}, .then = on()}, {.name = "GET *"}})}};
  { NANOSPAN("GET /pay", {"tier", "gold"}); }
  { NANOSPAN("GET /pay", {"tier", "none"}); }
  { NANOSPAN("other", {"tier", "none"}); }
  CHECK(all.count() == 2);
  all.span("other");
}

// ---- so many a second -----------------------------------------------------------------------------------------------------------

namespace {

std::atomic<std::uint64_t> rate_clock{0};
std::uint64_t read_rate_clock() noexcept { return rate_clock.load(); }
constexpr std::uint64_t second = 1'000'000'000;

// How many of so many questions at one time are answered with yes.
std::size_t sampled_of(rate_limiting_sampler const& tested, std::size_t questions, std::uint64_t at) {
  rate_clock = at;
  std::size_t yes = 0;
  for (std::size_t i = 0; i < questions; ++i) yes += sampled(tested, trace_of(1, i + 1)) ? 1u : 0u;
  return yes;
}

}  // namespace

TEST_CASE("a rate limit lets that many through at once, and then one each time its share of a second has passed") {
  rate_limiting_sampler const tested{10, read_rate_clock};
  std::uint64_t now = 0;  // a clock may begin anywhere
  CHECK(sampled_of(tested, 100, now) == 10);
  CHECK(sampled_of(tested, 100, now += second / 10 - 1) == 0);
  CHECK(sampled_of(tested, 100, now += 1) == 1);
  CHECK(sampled_of(tested, 100, now += second / 2) == 5);
  CHECK(sampled_of(tested, 100, now += second) == 10);
  CHECK(sampled_of(tested, 100, now += 1'000 * second) == 10);
  CHECK(sampled_of(tested, 3, now += second) == 3);
  CHECK(sampled_of(tested, 100, now) == 7);
}

TEST_CASE("a rate limit whose share of a second is no whole number of nanoseconds lets nothing through before it has passed") {
  rate_limiting_sampler const tested{3, read_rate_clock};
  CHECK(sampled_of(tested, 100, second) == 3);
  CHECK(sampled_of(tested, 100, second + 333'333'333) == 0);
  CHECK(sampled_of(tested, 100, second + 333'333'334) == 1);
}

TEST_CASE("over a long time a rate limit keeps its rate, whole or broken, below one a second too") {
  for (double const rate : {0.1, 0.5, 1.0, 2.5, 3.0, 7.0, 999.0}) {
    CAPTURE(rate);
    rate_limiting_sampler const tested{rate, read_rate_clock};
    std::size_t yes = 0;
    std::uint64_t const steps = 10'000;
    for (std::uint64_t step = 1; step <= steps; ++step) yes += sampled_of(tested, 25, 5 * second + step * second / 50);
    double const expected = rate * static_cast<double>(steps - 1) / 50 + std::max(1.0, rate);  // and the first bucket
    CHECK(static_cast<double>(yes) <= expected + 1e-6);
    CHECK(static_cast<double>(yes) >= expected - 2);
  }
}

TEST_CASE("a rate that is none lets nothing through, the smallest one span, the highest all") {
  for (double const none : {0.0, -1.0, std::nan("")}) CHECK(sampled_of(rate_limiting_sampler{none, read_rate_clock}, 100, second) == 0);
  rate_limiting_sampler const smallest{std::numeric_limits<double>::denorm_min(), read_rate_clock};
  CHECK(sampled_of(smallest, 100, second) == 1);
  CHECK(sampled_of(smallest, 100, 1'000'000 * second) == 0);
  for (double const all : {2e9, infinity}) CHECK(sampled_of(rate_limiting_sampler{all, read_rate_clock}, 1'000, second) == 1'000);
}

TEST_CASE("threads that ask a rate limit at once share its tokens, each given once") {
  rate_limiting_sampler const tested{1'000, read_rate_clock};
  rate_clock = 5 * second;
  std::atomic<int> yes{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int question = 0; question < 1'000; ++question)
        if (sampled(tested, trace_of(1, 1))) yes.fetch_add(1);
    });
  for (auto& thread : threads) thread.join();
  CHECK(yes.load() == 1'000);
}

TEST_CASE("a rate limit reads the monotonic clock unless it is given another") {
  rate_limiting_sampler const tested{1e-3};
  CHECK(sampled(tested, trace_of(1, 1)));
  CHECK_FALSE(sampled(tested, trace_of(1, 1)));
}

// ---- always recorded ------------------------------------------------------------------------------------------------------------

TEST_CASE("a sampler that records always turns drop into record only, and leaves the rest as it is") {
  rule_based_sampler const each{{{.name = "drop"}, {.name = "sample", .then = on()}}};
  always_record_sampler const tested{std::make_shared<rule_based_sampler>(each)};
  auto const decide = [&](std::string_view name) { return tested.should_sample({{}, trace_of(1, 1), name, span_kind::internal}).decision(); };
  CHECK(decide("drop") == sampling_decision::record_only);
  CHECK(decide("sample") == sampling_decision::record_and_sample);
  CHECK(always_record_sampler{nullptr}.should_sample({{}, trace_of(1, 1), "any", span_kind::internal}).decision() == sampling_decision::record_and_sample);
}

TEST_CASE("a sampler that records always is asked where the other would drop, and has the other's plan elsewhere") {
  using nanospan::detail::parent_kind;
  auto const sampled = static_cast<std::uint32_t>(sampling_decision::record_and_sample);
  auto const plan = always_record_sampler{std::make_shared<nanospan::parent_based_sampler>()}.plan();
  CHECK(plan[parent_kind::none] == sampled);
  CHECK(plan[parent_kind::local_sampled] == sampled);
  CHECK(plan[parent_kind::remote_sampled] == sampled);
  CHECK(plan[parent_kind::local_not_sampled] == 0);
  CHECK(plan[parent_kind::remote_not_sampled] == 0);
}

TEST_CASE("below one that is recorded only everything is, with a sampler that records always around the default") {
  support::recorded all{{.sampler = std::make_shared<always_record_sampler>(std::make_shared<nanospan::parent_based_sampler>())}};
  auto const before = nanospan::stats();
  {
    nanospan::context_scope const here{{trace_of(1, 1), span_id{std::array<std::uint8_t, 8>{1}}, 0, true}};
    NANOSPAN("recorded only", {"a", 1});
    NANOSPAN("child", {"a", 1});
    CHECK(nanospan::scoped_span::innermost()->recording());
    CHECK_FALSE(nanospan::current().sampled());
  }
  { NANOSPAN("sampled"); }
  CHECK(all.count() == 1);
  CHECK(support::since(before).discarded.record_only == 2);
}

TEST_CASE("the samplers describe themselves and whom they ask") {
  CHECK(rule_based_sampler{{{.name = "GET /health*"}, {.then = std::make_shared<trace_id_ratio_sampler>(0.5)}}}.description() ==
        "RuleBased{GET /health*:AlwaysOffSampler,*:TraceIdRatioBased{0.5},otherwise:AlwaysOnSampler}");
  CHECK(rate_limiting_sampler{2.5}.description() == "RateLimiting{2.5}");
  CHECK(rate_limiting_sampler{-1}.description() == "RateLimiting{0}");
  CHECK(always_record_sampler{off()}.description() == "AlwaysRecordSampler{AlwaysOffSampler}");
}
