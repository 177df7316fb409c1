// SPDX-License-Identifier: Apache-2.0

#include <nanospan/sampler.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
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
  return asked.should_sample({parent, trace, "name", span_kind::internal});
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

  sampling_decision should_sample(sampling_parameters const& asked) const noexcept override {
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
    CHECK(tested.should_sample({parent.context, trace, "drop", span_kind::server}) == sampling_decision::drop);
    CHECK(tested.should_sample({parent.context, trace, "keep", span_kind::client}) == sampling_decision::record_and_sample);
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
