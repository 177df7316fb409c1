// SPDX-License-Identifier: Apache-2.0

#include <nanospan/sampler.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using nanospan::always_off_sampler;
using nanospan::always_on_sampler;
using nanospan::context_scope;
using nanospan::copied;
using nanospan::parent_based_sampler;
using nanospan::parent_based_slots;
using nanospan::sampler;
using nanospan::sampling_decision;
using nanospan::sampling_parameters;
using nanospan::span_context;
using nanospan::span_id;
using nanospan::span_kind;
using nanospan::trace_id;
using nanospan::detail::parent_kind;
using support::recorded;
using support::since;

namespace {

constexpr trace_id trace{std::array<std::uint8_t, 16>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
constexpr span_id span{std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8}};

struct kind_of_parent {
  parent_kind kind;
  span_context context;
};
std::vector<kind_of_parent> all_parents() {
  return {{parent_kind::none, {}},
          {parent_kind::remote_sampled, {trace, span, 1, true}},
          {parent_kind::remote_not_sampled, {trace, span, 0, true}},
          {parent_kind::local_sampled, {trace, span, 1}},
          {parent_kind::local_not_sampled, {trace, span, 0}}};
}
sampling_decision ask(sampler const& asked, span_context const& parent) {
  return asked.should_sample({parent, trace, "name", span_kind::internal}).decision();
}

// A user's: notes what it was asked, decides by name.
class noting_sampler final : public sampler {
 public:
  struct question {
    span_context parent;
    nanospan::trace_id trace;
    std::string name;
    span_kind kind;
  };

  nanospan::sampling_result should_sample(sampling_parameters const& asked) const noexcept override {
    std::lock_guard const lock{mutex_};
    questions_.push_back({asked.parent, asked.trace_id, std::string{asked.span_name}, asked.kind});
    return asked.span_name.starts_with("drop") ? sampling_decision::drop : sampling_decision::record_and_sample;
  }
  std::string description() const override { return "Noting"; }

  std::vector<question> questions() const {
    std::lock_guard const lock{mutex_};
    return questions_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::vector<question> questions_;
};

std::shared_ptr<sampler const> on_or_off(bool on) {
  if (on) return std::make_shared<always_on_sampler>();
  return std::make_shared<always_off_sampler>();
}
parent_based_slots five(unsigned bits) {
  return {on_or_off((bits & 1) != 0), on_or_off((bits & 2) != 0), on_or_off((bits & 4) != 0), on_or_off((bits & 8) != 0),
          on_or_off((bits & 16) != 0)};
}

}  // namespace

TEST_CASE("samplers are described as OpenTelemetry spells them") {
  CHECK(always_on_sampler{}.description() == "AlwaysOnSampler");
  CHECK(always_off_sampler{}.description() == "AlwaysOffSampler");
  CHECK(parent_based_sampler{}.description() ==
        "ParentBased{root:AlwaysOnSampler,remoteParentSampled:AlwaysOnSampler,remoteParentNotSampled:AlwaysOffSampler,"
        "localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOffSampler}");
}

TEST_CASE("a parent-based sampler describes each of its slots") {
  auto const off = std::make_shared<always_off_sampler>();
  auto const on = std::make_shared<always_on_sampler>();
  auto const noting = std::make_shared<noting_sampler>();
  CHECK(parent_based_sampler{
            {.root = noting, .remote_parent_sampled = off, .remote_parent_not_sampled = on, .local_parent_not_sampled = on}}
            .description() ==
        "ParentBased{root:Noting,remoteParentSampled:AlwaysOffSampler,remoteParentNotSampled:AlwaysOnSampler,"
        "localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOnSampler}");
}

TEST_CASE("the always-on sampler samples whatever the parent says, the always-off sampler nothing") {
  for (auto const& parent : all_parents()) {
    CHECK(ask(always_on_sampler{}, parent.context) == sampling_decision::record_and_sample);
    CHECK(ask(always_off_sampler{}, parent.context) == sampling_decision::drop);
  }
}

TEST_CASE("a parent-based sampler follows the parent and samples roots, unless it is told otherwise") {
  parent_based_sampler const by_default;
  CHECK(ask(by_default, {}) == sampling_decision::record_and_sample);
  for (bool const remote : {false, true}) {
    CHECK(ask(by_default, {trace, span, 1, remote}) == sampling_decision::record_and_sample);
    CHECK(ask(by_default, {trace, span, 0, remote}) == sampling_decision::drop);
  }
}

TEST_CASE("a parent-based sampler asks the slot of that parent, with what it was asked, and no other") {
  std::vector<std::shared_ptr<noting_sampler>> slots;
  for (int i = 0; i < 5; ++i) slots.push_back(std::make_shared<noting_sampler>());
  // In the order of all_parents().
  parent_based_sampler const tested{{slots[0], slots[1], slots[2], slots[3], slots[4]}};
  std::size_t expected = 0;
  for (auto const& parent : all_parents()) {
    CHECK(tested.should_sample({parent.context, trace, "drop", span_kind::server}).decision() == sampling_decision::drop);
    CHECK(tested.should_sample({parent.context, trace, "keep", span_kind::client}).decision() == sampling_decision::record_and_sample);
    for (std::size_t slot = 0; slot < slots.size(); ++slot) CHECK(slots[slot]->questions().size() == (slot <= expected ? 2 : 0));
    auto const asked = slots[expected++]->questions().back();
    CHECK(asked.trace == trace);
    CHECK(asked.name == "keep");
    CHECK(asked.kind == span_kind::client);
    CHECK(asked.parent.span_id() == parent.context.span_id());
  }
}

TEST_CASE("a plan says what its sampler would have answered") {
  for (unsigned bits = 0; bits < 32; ++bits) {
    CAPTURE(bits);
    parent_based_sampler const tested{five(bits)};
    for (auto const& [kind, context] : all_parents())
      CHECK(tested.plan()[kind] == static_cast<std::uint32_t>(ask(tested, context)));
    // One inside another answers in its own place.
    parent_based_sampler const outer{{.root = std::make_shared<parent_based_sampler>(five(bits)),
                                      .remote_parent_not_sampled = std::make_shared<parent_based_sampler>(five(bits))}};
    for (auto const& [kind, context] : all_parents()) CHECK(outer.plan()[kind] == static_cast<std::uint32_t>(ask(outer, context)));
  }
}

TEST_CASE("a plan has no answer where a user's sampler must be asked") {
  parent_based_sampler const tested{
      {.root = std::make_shared<noting_sampler>(), .local_parent_sampled = std::make_shared<noting_sampler>()}};
  CHECK(noting_sampler{}.plan().bits == 0);
  CHECK(tested.plan()[parent_kind::none] == 0);
  CHECK(tested.plan()[parent_kind::local_sampled] == 0);
  CHECK(tested.plan()[parent_kind::remote_sampled] == static_cast<std::uint32_t>(sampling_decision::record_and_sample));
  CHECK(tested.plan()[parent_kind::local_not_sampled] == static_cast<std::uint32_t>(sampling_decision::drop));
}

TEST_CASE("spans are recorded as the slot of their parent says, whichever way they start") {
  // Each slot is once the only one that is on, and once the only one that is off.
  for (std::size_t special = 0; special < 5; ++special) {
    for (bool const on : {true, false}) {
      CAPTURE(special, on);
      unsigned const one = 1u << special;
      recorded all{{.sampler = std::make_shared<parent_based_sampler>(five(on ? one : 31u & ~one))}};
      auto const parents = all_parents();
      for (std::size_t at = 0; at < parents.size(); ++at) {
        CAPTURE(at);
        all.clear();
        bool const recorded_here = (at == special) == on;
        span_context const& parent = parents[at].context;
        bool at_a_site = false, by_name = false, handed_over = false, is_current = false;
        {
          context_scope const here{parent};
          NANOSPAN("at a site");
          at_a_site = nanospan::current().sampled();
        }
        {
          context_scope const here{parent};
          by_name = nanospan::scoped_span{"by name"}.context().sampled();
          handed_over = nanospan::span{"handed over", parent}.context().sampled();
          is_current = nanospan::span{"handed over, of the current one"}.context().sampled();
        }
        CHECK(at_a_site == recorded_here);
        CHECK(by_name == recorded_here);
        CHECK(handed_over == recorded_here);
        CHECK(is_current == recorded_here);
        CHECK(all.count() == (recorded_here ? 4 : 0));
      }
    }
  }
}

TEST_CASE("without a sampler roots are sampled and children follow their parents") {
  recorded all;
  { NANOSPAN("root"); }
  {
    context_scope const here{{trace, span, 0, true}};
    NANOSPAN("of one that is not sampled");
  }
  {
    context_scope const here{{trace, span, 1, true}};
    NANOSPAN("of one that is sampled");
  }
  CHECK(all.count() == 2);
  all.span("root");
  all.span("of one that is sampled");
}

TEST_CASE("a user's sampler sees the parent, the trace, the name and the kind of each span") {
  auto const noting = std::make_shared<noting_sampler>();
  recorded all{{.sampler = noting}};
  {
    NANOSPAN_SERVER("root");
    context_scope const here{{trace, span, 0x03, true, "vendor=value"}};
    NANOSPAN_CLIENT("below");
    nanospan::span{copied{std::string{"handed over"}}, span_kind::producer}.end();
    nanospan::span{"a root of its own", span_context{}, span_kind::consumer}.end();
    nanospan::scoped_span const last{"last"};
  }
  auto const asked = noting->questions();
  REQUIRE(asked.size() == 5);
  CHECK(asked[0].name == "root");
  CHECK(asked[0].kind == span_kind::server);
  CHECK_FALSE(asked[0].parent.valid());
  CHECK(asked[0].trace == all.span("root").trace_id);

  CHECK(asked[1].name == "below");
  CHECK(asked[1].kind == span_kind::client);
  CHECK(asked[1].parent.span_id() == span);
  CHECK(asked[1].parent.trace_flags() == 0x03);
  CHECK(asked[1].parent.remote());
  CHECK(asked[1].parent.tracestate() == "vendor=value");
  CHECK(asked[1].trace == trace);

  CHECK(asked[2].name == "handed over");
  CHECK(asked[2].kind == span_kind::producer);
  CHECK(asked[2].parent.span_id() == all.span("below").span_id);
  CHECK_FALSE(asked[2].parent.remote());
  CHECK(asked[2].parent.tracestate() == "vendor=value");

  CHECK(asked[3].name == "a root of its own");
  CHECK(asked[3].kind == span_kind::consumer);
  CHECK_FALSE(asked[3].parent.valid());
  CHECK(asked[3].trace == all.span("a root of its own").trace_id);

  CHECK(asked[4].name == "last");
  CHECK(asked[4].kind == span_kind::internal);
}

TEST_CASE("a user's sampler decides for each span, children of what it dropped included") {
  auto const noting = std::make_shared<noting_sampler>();
  recorded all{{.sampler = noting}};
  span_context dropped;
  {
    NANOSPAN("drop this");
    dropped = nanospan::current();
    NANOSPAN("keep this");
    NANOSPAN("drop that");
    NANOSPAN("keep that");
  }
  auto const asked = noting->questions();
  REQUIRE(asked.size() == 4);
  CHECK(asked[1].parent.span_id() == dropped.span_id());
  CHECK_FALSE(asked[1].parent.sampled());
  CHECK(asked[2].parent.sampled());
  CHECK(all.count() == 2);
  CHECK(all.span("keep this").parent_span_id == dropped.span_id());
  CHECK(all.span("keep this").trace_id == dropped.trace_id());
  CHECK((all.span("keep this").flags & 0x01) == 0x01);
}

TEST_CASE("a user's sampler in a slot is asked for that kind of parent only") {
  auto const noting = std::make_shared<noting_sampler>();
  recorded all{{.sampler = std::make_shared<parent_based_sampler>(parent_based_slots{.root = noting})}};
  {
    NANOSPAN("root");
    NANOSPAN("child");
    NANOSPAN("grandchild");
  }
  {
    NANOSPAN("drop this root");
    NANOSPAN("keep");
  }
  REQUIRE(noting->questions().size() == 2);
  CHECK(all.count() == 3);
}

TEST_CASE("a span that is not sampled propagates a valid id of its own, in the same trace, with the sampled flag cleared") {
  recorded all{{.sampler = std::make_shared<always_off_sampler>()}};
  for (auto const& parent :
       {span_context{trace, span, 0x03, true}, span_context{trace, span, 0x03}, span_context{trace, span, 0x03, false, "v=1"}}) {
    context_scope const here{parent};
    NANOSPAN("not sampled");
    auto const context = nanospan::current();
    CHECK(context.valid());
    CHECK(context.trace_id() == trace);
    CHECK_FALSE(context.span_id() == span);
    CHECK(context.trace_flags() == 0x02);
    CHECK_FALSE(context.remote());
    nanospan::span const handed_over{"handed over"};
    CHECK(handed_over.context().valid());
    CHECK(handed_over.context().trace_id() == trace);
    CHECK_FALSE(handed_over.context().span_id() == context.span_id());
    CHECK_FALSE(handed_over.recording());
    CHECK_FALSE(handed_over.context().sampled());
  }
  CHECK(all.count() == 0);
}

TEST_CASE("what starts under a span that is not sampled is not sampled, on another thread neither") {
  recorded all;
  auto const before = nanospan::stats();
  {
    context_scope const here{{trace, span, 0}};
    NANOSPAN("not sampled");
    auto const parent = nanospan::current();
    {
      NANOSPAN("child");
      CHECK_FALSE(nanospan::current().sampled());
      nanospan::scoped_span const grandchild{"grandchild"};
      CHECK(grandchild.context().valid());
      CHECK_FALSE(grandchild.context().sampled());
      CHECK_FALSE(grandchild.context().span_id() == parent.span_id());
      NANOSPAN("below");
      CHECK(nanospan::current().valid());
      CHECK_FALSE(nanospan::current().sampled());
      CHECK(nanospan::current().trace_id() == trace);
    }
    CHECK(nanospan::current().span_id() == parent.span_id());
    support::in_a_thread([parent] {
      context_scope const there{parent};
      NANOSPAN("there");
    });
  }
  CHECK_FALSE(nanospan::current().valid());
  CHECK(all.count() == 0);
  CHECK(since(before).ended == 0);
}

TEST_CASE("without a provider the parent's context passes through unchanged") {
  support::no_provider_yet const none;
  span_context const parent{trace, span, 0xa5, true, "vendor=value"};
  auto const is_parent = [&](span_context const& context) {
    return context.trace_id() == trace && context.span_id() == span && context.trace_flags() == 0xa5 && context.remote() &&
           context.tracestate() == "vendor=value";
  };
  context_scope const here{parent};
  NANOSPAN("at a site");
  CHECK(is_parent(nanospan::current()));
  nanospan::scoped_span const by_name{"by name"};
  CHECK(is_parent(by_name.context()));
  CHECK(is_parent(nanospan::current()));
  nanospan::span const handed_over{"handed over"};
  CHECK(handed_over.context().span_id() == span);
  CHECK(is_parent(handed_over.context()));
  CHECK_FALSE(handed_over.recording());
}

TEST_CASE("without a provider and without a parent there is no context") {
  support::no_provider_yet const none;
  NANOSPAN("at a site");
  CHECK_FALSE(nanospan::current().valid());
  CHECK_FALSE(nanospan::span{"handed over"}.context().valid());
  CHECK_FALSE(nanospan::scoped_span{"by name"}.context().valid());
}

// ---- what a sampler answers besides --------------------------------------------------------------------------------------------

namespace {

// A user's, as short as they come: one function.
class answering_sampler final : public sampler {
 public:
  using answer = std::function<nanospan::sampling_result(sampling_parameters const&)>;
  explicit answering_sampler(answer made, bool needs_attributes = false) : answer_{std::move(made)}, needs_attributes_{needs_attributes} {}

  nanospan::sampling_result should_sample(sampling_parameters const& asked) const noexcept override { return answer_(asked); }
  bool needs_attributes() const noexcept override { return needs_attributes_; }
  std::string description() const override { return "Answering"; }

 private:
  answer answer_;
  bool needs_attributes_;
};
std::shared_ptr<sampler const> answering(answering_sampler::answer made) { return std::make_shared<answering_sampler>(std::move(made)); }
std::shared_ptr<sampler const> answering_by_attributes(answering_sampler::answer made) { return std::make_shared<answering_sampler>(std::move(made), true); }

nanospan::attribute_list with_keys(nanospan::span_data const& of, std::initializer_list<std::string_view> keys) {
  nanospan::attribute_list found;
  for (auto const key : keys)
    for (auto const& one : of.attributes)
      if (one.first == key) found.push_back(one);
  return found;
}

}  // namespace

TEST_CASE("a sampler's attributes become the span's, whichever way it starts") {
  std::string const rule = "checkout";
  recorded all{{.sampler = answering([&](auto const&) {
                  return nanospan::sampling_result{sampling_decision::record_and_sample}.with({"sampler.rule", rule}).with({"sampler.ratio", 0.25});
                })}};
  { NANOSPAN("at a site", {"own", 1}); }
  nanospan::scoped_span{"by name"}.set({"own", 1});
  nanospan::span{"handed over"}.set({"own", 1});
  for (auto const* const name : {"at a site", "by name", "handed over"}) {
    CAPTURE(name);
    CHECK(with_keys(all.span(name), {"sampler.rule", "sampler.ratio", "own"}) ==
          nanospan::attribute_list{{"sampler.rule", rule}, {"sampler.ratio", 0.25}, {"own", std::int64_t{1}}});
  }
}

TEST_CASE("a sampler's attributes are four at the most, and what the span itself says of a key wins") {
  recorded all{{.sampler = answering([](auto const&) {
                  nanospan::sampling_result result{sampling_decision::record_and_sample};
                  result.with({"a", 1}).with({"b", 2}).with({"c", 3}).with({"d", 4}).with({"e", 5});
                  return result;
                })}};
  { NANOSPAN("span", {"b", "own"}); }
  CHECK(all.span().attributes ==
        nanospan::attribute_list{{"a", std::int64_t{1}}, {"b", std::string{"own"}}, {"c", std::int64_t{3}}, {"d", std::int64_t{4}}});
}

TEST_CASE("a sampler's attributes on a span that it drops are nowhere") {
  recorded all{{.sampler = answering([](auto const&) { return nanospan::sampling_result{sampling_decision::drop}.with({"a", 1}); })}};
  nanospan::scoped_span const dropped{"dropped"};
  CHECK_FALSE(dropped.recording());
  CHECK(all.count() == 0);
}

TEST_CASE("a sampler may replace the tracestate of a span and its children, and its parent's is current again when it ends") {
  for (auto const decision : {sampling_decision::drop, sampling_decision::record_and_sample, sampling_decision::record_only}) {
    for (std::string const parents : {"", "parent=1"}) {
      for (std::string const own : {"", "own=2"}) {
        CAPTURE(static_cast<int>(decision), parents, own);
        recorded all{{.sampler = answering([&](auto const& asked) {
                        if (asked.span_name != "replaced") return nanospan::sampling_result{decision};
                        return nanospan::sampling_result{decision}.with_tracestate(own);
                      })}};
        context_scope const here{{trace, span, 1, true, parents}};
        {
          NANOSPAN("replaced");
          CHECK(nanospan::current().tracestate() == own);
          nanospan::span const child{"child"};
          CHECK(child.context().tracestate() == own);
          {
            nanospan::scoped_span const grandchild{"grandchild"};
            CHECK(grandchild.context().tracestate() == own);
          }
          CHECK(nanospan::current().tracestate() == own);
        }
        CHECK(nanospan::current().tracestate() == parents);
        nanospan::span const handed_over{"replaced"};
        CHECK(handed_over.context().tracestate() == own);
        CHECK(nanospan::span{"not replaced"}.context().tracestate() == parents);
        CHECK(nanospan::current().tracestate() == parents);
      }
    }
  }
}

TEST_CASE("a tracestate that a sampler gives is exported with the span, a root's too") {
  recorded all{{.sampler = answering([](auto const&) { return nanospan::sampling_result{sampling_decision::record_and_sample}.with_tracestate("own=2"); })}};
  {
    NANOSPAN("root");
    NANOSPAN("child");
  }
  CHECK_FALSE(nanospan::current().valid());
  CHECK(nanospan::current().tracestate().empty());
  CHECK(all.span("root").trace_state == "own=2");
  CHECK(all.span("child").trace_state == "own=2");
}

TEST_CASE("a span with a tracestate of its own that is closed out of order leaves none that has ended") {
  recorded all{{.sampler = answering([](auto const&) { return nanospan::sampling_result{sampling_decision::record_and_sample}.with_tracestate("own=2"); })}};
  support::in_a_thread([] {
    context_scope const outer{{trace, span, 1, true, "outer=1"}};
    std::optional<nanospan::scoped_span> first;
    first.emplace(nanospan::literal{"first"});
    nanospan::scoped_span const second{"second"};
    first.reset();
    NANOSPAN("third");
  });
  CHECK(all.count() == 3);
}

// ---- record only ----------------------------------------------------------------------------------------------------------------

namespace {

nanospan::sampling_result record_only_if_named_so(sampling_parameters const& asked) {
  return asked.span_name == "record only" ? sampling_decision::record_only : sampling_decision::record_and_sample;
}
nanospan::options parent_based(std::shared_ptr<sampler const> root) {
  return {.sampler = std::make_shared<parent_based_sampler>(parent_based_slots{.root = std::move(root)})};
}

}  // namespace

TEST_CASE("a span that is recorded only is recording, unsampled to those who see its context, and discarded, which is counted") {
  recorded all{{.sampler = answering(record_only_if_named_so)}};
  auto const before = nanospan::stats();
  {
    NANOSPAN("record only", {"at", "a site"});
    CHECK(nanospan::scoped_span::innermost()->recording());
    CHECK(nanospan::current().valid());
    CHECK_FALSE(nanospan::current().sampled());
  }
  {
    nanospan::scoped_span by_name{"record only"};
    by_name.set({"big", std::string(5'000, 'x')}).set({"bigger", std::string(50'000, 'x')});
    CHECK(by_name.recording());
    CHECK_FALSE(by_name.context().sampled());
  }
  nanospan::span handed_over{"record only"};
  CHECK(handed_over.recording());
  CHECK_FALSE(handed_over.context().sampled());
  handed_over.end();
  CHECK(since(before).held == 3);
  CHECK(since(before).discarded.record_only == 0);
  CHECK(all.count() == 0);
  CHECK(since(before).ended == 3);
  CHECK(since(before).discarded.record_only == 3);
  CHECK(since(before).held == 0);
  nanospan::span{"sampled"}.end();
  CHECK(all.count() == 1);
  CHECK(since(before).discarded.total() == 3);
}

TEST_CASE("children of a span that is recorded only see a parent that is not sampled, and are no part of it") {
  recorded all{parent_based(answering(record_only_if_named_so))};
  auto const before = nanospan::stats();
  for (std::string const state : {"", "parent=1"}) {
    CAPTURE(state);
    {
      NANOSPAN("record only");
      auto const context = nanospan::current();
      {
        NANOSPAN("child", {"of", "its own"});
        CHECK(nanospan::current().trace_id() == context.trace_id());
        CHECK_FALSE(nanospan::current().span_id() == context.span_id());
        CHECK_FALSE(nanospan::scoped_span::innermost()->recording());
        NANOSPAN("grandchild");
        CHECK_FALSE(nanospan::current().sampled());
      }
      CHECK(nanospan::current().span_id() == context.span_id());
      CHECK_FALSE(nanospan::span{"handed over"}.context().sampled());
    }
    {
      NANOSPAN("sampled");
      NANOSPAN("child of one that is");
    }
  }
  CHECK(all.count() == 4);
  CHECK(since(before).discarded.record_only == 2);
}

// ---- attributes before the decision ---------------------------------------------------------------------------------------------

namespace {

// Keeps what has a "keep" that is true; notes how many attributes it saw.
class by_attribute_sampler final : public sampler {
 public:
  nanospan::sampling_result should_sample(sampling_parameters const& asked) const noexcept override {
    std::size_t count = 0;
    asked.attributes.for_each([&](std::string_view, nanospan::attributes_view::value const&) { ++count; });
    std::lock_guard const lock{mutex_};
    counts_.push_back(count);
    parents_.push_back(asked.parent);
    names_.emplace_back(asked.span_name);
    return asked.attributes.find("keep").boolean() ? sampling_decision::record_and_sample : sampling_decision::drop;
  }
  bool needs_attributes() const noexcept override { return true; }
  std::string description() const override { return "ByAttribute"; }

  // How many attributes each question came with.
  std::vector<std::size_t> counts() const { return std::exchange(counts_, {}); }
  span_context parent_at(std::size_t question) const { return parents_.at(question); }
  std::vector<std::string> names() const { return names_; }

 private:
  mutable std::mutex mutex_;
  mutable std::vector<std::size_t> counts_;
  mutable std::vector<span_context> parents_;
  mutable std::vector<std::string> names_;
};
using counts = std::vector<std::size_t>;

// One span with so many attributes, the last of which decides; what it says of itself inside.
struct seen_inside {
  bool sampled;
  bool recording;
};
seen_inside macro_with(int attributes, bool keep) {
  auto const inside = [] { return seen_inside{nanospan::current().sampled(), nanospan::scoped_span::innermost()->recording()}; };
  switch (attributes) {
    case 1: { NANOSPAN("span", {"keep", keep}); return inside(); }
    case 2: { NANOSPAN("span", {"a", 1}, {"keep", keep}); return inside(); }
    case 3: { NANOSPAN("span", {"a", 1}, {"b", 2}, {"keep", keep}); return inside(); }
    case 4: { NANOSPAN("span", {"a", 1}, {"b", 2}, {"c", 3}, {"keep", keep}); return inside(); }
    case 5: { NANOSPAN("span", {"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"keep", keep}); return inside(); }
    case 6: { NANOSPAN("span", {"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"e", 5}, {"keep", keep}); return inside(); }
    case 7: { NANOSPAN("span", {"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"e", 5}, {"f", 6}, {"keep", keep}); return inside(); }
    case 8: { NANOSPAN("span", {"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"e", 5}, {"f", 6}, {"g", 7}, {"keep", keep}); return inside(); }
    case 9: { NANOSPAN("span", {"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"e", 5}, {"f", 6}, {"g", 7}, {"h", 8}, {"keep", keep}); return inside(); }
    case 10: { NANOSPAN("span", {"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"e", 5}, {"f", 6}, {"g", 7}, {"h", 8}, {"i", 9}, {"keep", keep}); return inside(); }
    case 11: { NANOSPAN("span", {"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"e", 5}, {"f", 6}, {"g", 7}, {"h", 8}, {"i", 9}, {"j", 10}, {"keep", keep}); return inside(); }
    case 12: { NANOSPAN("span", {"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"e", 5}, {"f", 6}, {"g", 7}, {"h", 8}, {"i", 9}, {"j", 10}, {"k", 11}, {"keep", keep}); return inside(); }
    default: { NANOSPAN("span"); return inside(); }
  }
}

}  // namespace

TEST_CASE("a sampler that needs attributes is asked once, with all that the macro says, from none to twelve") {
  auto const by_attribute = std::make_shared<by_attribute_sampler>();
  recorded all{{.sampler = by_attribute}};
  auto const before = nanospan::stats();
  for (int attributes = 0; attributes <= 12; ++attributes) {
    for (bool const keep : {true, false}) {
      CAPTURE(attributes, keep);
      all.clear();
      auto const inside = macro_with(attributes, keep);
      bool const kept = keep && attributes != 0;  // nobody said so where there is none
      CHECK(inside.sampled == kept);
      CHECK(inside.recording == kept);
      CHECK(by_attribute->counts() == counts{static_cast<std::size_t>(attributes)});
      REQUIRE(all.count() == (kept ? 1 : 0));
      if (!kept) continue;
      CHECK(all.span().attributes.size() == static_cast<std::size_t>(attributes));
      CHECK((all.span().flags & 1) == 1);
    }
  }
  CHECK(since(before).ended == 12);
}

TEST_CASE("attributes are evaluated once for a sampler that needs them, and for another one only where it samples") {
  int evaluated = 0;
  auto const counted = [&] { return ++evaluated; };
  {
    recorded all{{.sampler = std::make_shared<by_attribute_sampler>()}};
    NANOSPAN("dropped", {"n", counted()});
  }
  CHECK(evaluated == 1);
  {
    auto const noting = std::make_shared<noting_sampler>();
    recorded all{{.sampler = noting}};
    NANOSPAN("drop", {"n", counted()});
    CHECK(noting->questions().size() == 1);
  }
  CHECK(evaluated == 1);
}

TEST_CASE("a sampler that needs no attributes is shown none") {
  bool any = false;
  recorded all{{.sampler = answering([&](auto const& asked) {
                  asked.attributes.for_each([&](auto const&...) { any = true; });
                  return sampling_decision::record_and_sample;
                })}};
  { NANOSPAN("span", {"a", 1}); }
  CHECK_FALSE(any);
}

TEST_CASE("a named span is asked about as it starts, without what it is told later") {
  auto const by_attribute = std::make_shared<by_attribute_sampler>();
  recorded all{{.sampler = by_attribute}};
  nanospan::scoped_span scoped{"scoped"};
  CHECK_FALSE(scoped.recording());
  scoped.set({"keep", true});
  nanospan::span handed_over{"handed over"};
  handed_over.set({"keep", true});
  CHECK_FALSE(handed_over.context().sampled());
  CHECK(by_attribute->counts() == counts{0, 0});
}

TEST_CASE("a span that its sampler dropped by its attributes has a context that is not sampled, and what begins in it has it for a parent") {
  auto const by_attribute = std::make_shared<by_attribute_sampler>();
  recorded all{{.sampler = by_attribute}};
  for (std::string const state : {"", "parent=1"}) {
    all.clear();
    context_scope const here{{trace, span, 3, true, state}};
    {
      NANOSPAN("dropped", {"keep", false}, {"big", std::string(5'000, 'x')});
      auto const dropped = nanospan::current();
      CHECK(dropped.trace_id() == trace);
      CHECK(dropped.trace_flags() == 2);
      CHECK_FALSE(dropped.remote());
      CHECK(dropped.tracestate() == state);
      NANOSPAN("kept", {"keep", true}, {"big", std::string(5'000, 'x')});
      CHECK(nanospan::current().trace_flags() == 3);
      CHECK(nanospan::current().tracestate() == state);
      NANOSPAN_SET({"later", 1});
    }
    CHECK(nanospan::current().tracestate() == state);
    CHECK(nanospan::current().span_id() == span);
    auto const kept = all.span();
    CHECK(kept.name == "kept");
    CHECK(kept.trace_state == state);
    CHECK(kept.attributes.size() == 3);
  }
  CHECK(by_attribute->parent_at(0).span_id() == span);
  CHECK(by_attribute->parent_at(0).trace_flags() == 3);
  CHECK(by_attribute->parent_at(0).remote());
  CHECK(by_attribute->parent_at(1).trace_flags() == 2);
  CHECK_FALSE(by_attribute->parent_at(1).remote());
  CHECK(by_attribute->parent_at(2).tracestate() == "parent=1");
}

TEST_CASE("a root that is sampled by its attributes has children that are, and one that is not has none") {
  auto const by_attribute = std::make_shared<by_attribute_sampler>();
  recorded all{parent_based(by_attribute)};
  for (bool const keep : {true, false}) {
    NANOSPAN("root", {"keep", keep});
    NANOSPAN("child", {"n", 1});
    NANOSPAN("grandchild");
  }
  CHECK(by_attribute->counts() == counts{1, 1});
  CHECK(all.count() == 3);
  CHECK(all.span("child").parent_span_id == all.span("root").span_id);
}

TEST_CASE("a span that starts in an attribute expression sees a parent that is not sampled yet") {
  auto const by_attribute = std::make_shared<by_attribute_sampler>();
  recorded all{{.sampler = by_attribute}};
  span_context within;
  auto const computed = [&] {
    NANOSPAN("inner", {"keep", true});
    within = nanospan::current();
    return 1;
  };
  {
    NANOSPAN("outer", {"keep", true}, {"n", computed()});
    CHECK(nanospan::current().sampled());
  }
  CHECK(by_attribute->names() == std::vector<std::string>{"inner", "outer"});
  CHECK_FALSE(by_attribute->parent_at(0).sampled());
  CHECK(by_attribute->parent_at(0).span_id() == all.span("outer").span_id);
  CHECK(within.sampled());
  CHECK(all.span("inner").parent_span_id == all.span("outer").span_id);
  CHECK(all.span("outer").attributes.size() == 2);
}

TEST_CASE("under a parent-based sampler what starts in an attribute expression is not sampled, and has an id of its own") {
  recorded all{parent_based(std::make_shared<by_attribute_sampler>())};
  span_context within;
  auto const computed = [&] {
    NANOSPAN("inner");
    NANOSPAN_SET({"of", "inner"});
    within = nanospan::current();
    return 1;
  };
  { NANOSPAN("outer", {"keep", true}, {"n", computed()}); }
  auto const outer = all.span();
  CHECK(outer.name == "outer");
  CHECK(outer.attributes.size() == 2);
  CHECK(within.trace_id() == outer.trace_id);
  CHECK_FALSE(within.span_id() == outer.span_id);
  CHECK_FALSE(within.sampled());
}

TEST_CASE("what is told in an attribute expression is the starting span's, and what is set there decides about it") {
  auto const by_attribute = std::make_shared<by_attribute_sampler>();
  recorded all{{.sampler = by_attribute}};
  auto const told = [] {
    NANOSPAN_EVENT("told", {"at", "once"});
    NANOSPAN_ERROR("for nothing");
    return true;
  };
  { NANOSPAN("asked with all", {"n", 1}, {"keep", told()}); }
  CHECK(by_attribute->counts() == counts{2});
  CHECK(all.span().events.size() == 1);
  CHECK(all.span().status_message == "for nothing");
  auto const set = [] {
    NANOSPAN_SET({"keep", true});
    return 1;
  };
  { NANOSPAN("asked early", {"n", set()}, {"m", 2}); }
  CHECK(by_attribute->counts() == counts{1});
  CHECK(all.span("asked early").attributes.size() == 3);
}

namespace {

int thrown() { throw std::runtime_error{"thrown"}; }
void record_and_throw() { NANOSPAN("throws", {"n", thrown()}); }

}  // namespace

TEST_CASE("a span whose attribute expression throws is asked about with what there is") {
  auto const by_attribute = std::make_shared<by_attribute_sampler>();
  auto const before = nanospan::stats();
  {
    recorded all{{.sampler = by_attribute}};
    CHECK_THROWS(record_and_throw());
    CHECK_FALSE(nanospan::current().valid());
    CHECK(by_attribute->counts() == counts{0});
    CHECK(all.count() == 0);
  }
  recorded all{{.sampler = answering_by_attributes([](auto const&) { return sampling_decision::record_and_sample; })}};
  CHECK_THROWS(record_and_throw());
  CHECK(all.span().name == "throws");
  CHECK((all.span().flags & 1) == 1);
  CHECK(since(before).ended == 1);
}

TEST_CASE("a sampler that saw the attributes may add some, change the tracestate, or want the span recorded only") {
  recorded all{{.sampler = answering_by_attributes([](auto const& asked) {
                  auto const decision = asked.attributes.find("only").boolean() ? sampling_decision::record_only : sampling_decision::record_and_sample;
                  return nanospan::sampling_result{decision}.with({"added", 1}).with_tracestate("own=2");
                })}};
  auto const before = nanospan::stats();
  for (std::string const parents : {"", "parent=1"}) {
    all.clear();
    context_scope const here{{trace, span, 1, true, parents}};
    // Up to the last byte of the buffer in the span, and beyond.
    for (std::size_t const bytes : {1u, 200u, 208u, 216u, 224u, 232u, 240u, 300u}) {
      NANOSPAN("recorded only", {"only", true}, {"text", std::string(bytes, 'x')});
      CHECK_FALSE(nanospan::current().sampled());
      CHECK(nanospan::current().tracestate() == "own=2");
    }
    CHECK(nanospan::current().tracestate() == parents);
    for (std::size_t const bytes : {1u, 200u, 208u, 216u, 224u, 232u, 240u, 248u, 300u}) {
      all.clear();
      { NANOSPAN("sampled", {"text", std::string(bytes, 'x')}); }
      CHECK(nanospan::current().tracestate() == parents);
      CHECK(all.span().trace_state == "own=2");
      CHECK(all.span().attributes == nanospan::attribute_list{{"text", std::string(bytes, 'x')}, {"added", std::int64_t{1}}});
    }
  }
  CHECK(all.count() == 1);
  CHECK(since(before).discarded.record_only == 16);
}

// ---- another one while the program runs -----------------------------------------------------------------------------------------

namespace {

// A provider whose sampler can be replaced, and what it exports.
struct replaceable {
  std::shared_ptr<nanospan::memory_exporter> memory = std::make_shared<nanospan::memory_exporter>();
  nanospan::tracer_provider tracing{{.exporter = memory, .background_thread = false}};
  std::size_t count() {
    REQUIRE(tracing.flush());
    return memory->spans().size();
  }
};

}  // namespace

TEST_CASE("a sampler may be replaced while the program runs, by one that is asked or one that need not be") {
  replaceable program;
  auto const span_recorded = [] {
    NANOSPAN("span");
    return nanospan::current().sampled();
  };
  CHECK(span_recorded());
  program.tracing.set_sampler(std::make_shared<always_off_sampler>());
  CHECK_FALSE(span_recorded());
  auto const noting = std::make_shared<noting_sampler>();
  program.tracing.set_sampler(noting);
  CHECK(span_recorded());
  CHECK(noting->questions().size() == 1);
  program.tracing.set_sampler(std::make_shared<always_on_sampler>());
  {
    context_scope const here{{trace, span, 0}};
    CHECK(span_recorded());
  }
  program.tracing.set_sampler(nullptr);
  CHECK(span_recorded());
  {
    context_scope const here{{trace, span, 0}};
    CHECK_FALSE(span_recorded());
  }
  CHECK(noting->questions().size() == 1);
  CHECK(program.count() == 4);
}

TEST_CASE("a replaced sampler lives on, once however often it is set") {
  struct counted final : sampler {
    explicit counted(int& living) : living_{living} { ++living_; }
    ~counted() override { --living_; }
    counted(counted const&) = delete;
    counted& operator=(counted const&) = delete;
    nanospan::sampling_result should_sample(sampling_parameters const&) const noexcept override { return sampling_decision::drop; }
    std::string description() const override { return "Counted"; }
    int& living_;
  };
  static int living = 0;
  replaceable program;
  auto first = std::make_shared<counted>(living);
  for (int time = 0; time < 10; ++time) {
    program.tracing.set_sampler(first);
    program.tracing.set_sampler(nullptr);
  }
  CHECK(first.use_count() == 2);
  first.reset();
  CHECK(living == 1);
}

TEST_CASE("who sets the sampler where recording is disabled changes nothing") {
  ::setenv("OTEL_SDK_DISABLED", "true", 1);
  {
    nanospan::tracer_provider disabled{{.background_thread = false}};
    ::unsetenv("OTEL_SDK_DISABLED");
    auto const word = nanospan::detail::recording.word.load();
    disabled.set_sampler(std::make_shared<always_on_sampler>());
    CHECK(nanospan::detail::recording.word.load() == word);
  }
}

TEST_CASE("threads that record meanwhile are decided about by one sampler or the other, and nothing is lost") {
  auto const before = nanospan::stats();
  constexpr int spans = 5'000;
  replaceable program;
  std::atomic<std::uint64_t> sampled{0};
  std::atomic<int> running{2};
  auto const record = [&] {
    for (int i = 0; i < spans; ++i) {
      NANOSPAN("root", {"i", i});
      NANOSPAN("child", {"keep", true});
      if (nanospan::current().sampled()) sampled.fetch_add(1, std::memory_order_relaxed);
      while (nanospan::stats().held > 40) std::this_thread::yield();  // what the smallest ring holds, which threads get late in a program
    }
    running.fetch_sub(1);
  };
  std::thread one{record};
  std::thread other{record};
  std::vector<std::shared_ptr<sampler const>> const samplers{
      std::make_shared<always_on_sampler>(), std::make_shared<by_attribute_sampler>(), nullptr, std::make_shared<always_off_sampler>(),
      std::make_shared<parent_based_sampler>(parent_based_slots{.root = std::make_shared<noting_sampler>()})};
  for (std::size_t at = 0; running.load() != 0; ++at) {
    program.tracing.set_sampler(samplers[at % samplers.size()]);
    program.tracing.flush();
  }
  one.join();
  other.join();
  REQUIRE(program.tracing.flush());
  auto const now = since(before);
  CHECK(now.ended == now.exported);
  CHECK(sampled.load() <= now.exported);
  CHECK(sampled.load() != 0);
}

TEST_CASE("a sampler sees the links that a span is created with") {
  class links_noting_sampler final : public sampler {
   public:
    nanospan::sampling_result should_sample(sampling_parameters const& parameters) const noexcept override {
      parameters.links.for_each([&](nanospan::links_view::link const& one) {
        ++seen;
        same &= one.trace_id == trace && one.span_id == span && one.trace_flags == 1 && one.remote && one.tracestate == "vendor=1";
        text = std::string{one.attributes.find("why").text()};
      });
      return sampling_decision::record_and_sample;
    }
    std::string description() const override { return "links"; }
    mutable int seen = 0;
    mutable bool same = true;
    mutable std::string text;
  };
  auto const asked = std::make_shared<links_noting_sampler>();
  nanospan::tracer_provider const tracing{{.exporter = std::make_shared<nanospan::memory_exporter>(), .sampler = asked, .background_thread = false}};
  span_context const other{trace, span, 1, true, "vendor=1"};
  { nanospan::scoped_span const linked{"linked", {.attributes = {{"a", 1}}, .links = {{other}, {other, {{"why", "batch"}}}}}}; }
  CHECK(asked->seen == 2);
  CHECK(asked->same);
  CHECK(asked->text == "batch");
}
