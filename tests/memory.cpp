// SPDX-License-Identifier: Apache-2.0

#include <nanospan/exporter.hpp>

#include <nanospan/macros.hpp>
#include <nanospan/tracer_provider.hpp>

#include "catch.hpp"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using nanospan::attribute_list;
using nanospan::memory_exporter;
using nanospan::tracer_provider;

namespace {

nanospan::options keeping_in(std::shared_ptr<memory_exporter> memory) {
  nanospan::options with;
  with.exporter = std::move(memory);
  with.background_thread = false;
  with.service_name = "memory test";
  return with;
}

void record(int spans) {
  for (int i = 0; i < spans; ++i) NANOSPAN("span", {"i", i});
}

bool holds(attribute_list const& list, std::string const& key, nanospan::attribute_value const& value) {
  return std::count(list.begin(), list.end(), std::pair{key, value}) == 1;
}

}  // namespace

TEST_CASE("a memory exporter is empty before anything is exported") {
  memory_exporter const memory;
  CHECK(memory.spans().empty());
  CHECK(memory.resource().empty());
  CHECK(memory.description() == "memory");
}

TEST_CASE("a memory exporter keeps what it gets, batch after batch, until it is cleared") {
  auto const memory = std::make_shared<memory_exporter>();
  tracer_provider tracing{keeping_in(memory)};
  record(2);
  CHECK(memory->spans().empty());
  REQUIRE(tracing.flush());
  CHECK(memory->spans().size() == 2);
  record(3);
  REQUIRE(tracing.flush());
  CHECK(memory->spans().size() == 5);
  memory->clear();
  CHECK(memory->spans().empty());
  record(1);
  REQUIRE(tracing.flush());
  CHECK(memory->spans().size() == 1);
}

TEST_CASE("more spans than a batch holds are all kept") {
  auto const memory = std::make_shared<memory_exporter>();
  auto with = keeping_in(memory);
  with.max_batch_spans = 10;
  tracer_provider tracing{std::move(with)};
  record(105);
  REQUIRE(tracing.flush());
  std::set<std::int64_t> numbers;
  for (auto const& one : memory->spans()) numbers.insert(std::get<std::int64_t>(one.attributes.at(0).second));
  CHECK(memory->spans().size() == 105);
  CHECK(numbers.size() == 105);
  CHECK(*numbers.rbegin() == 104);
}

TEST_CASE("a kept span has all that was said of it") {
  auto const memory = std::make_shared<memory_exporter>();
  tracer_provider tracing{keeping_in(memory)};
  nanospan::span_context context;
  {
    nanospan::context_scope const here{{nanospan::trace_id{{1}}, nanospan::span_id{{2}}, 1, true, "vendor=value"}};
    NANOSPAN_SERVER("span", {"text", "value"}, {"number", 1}, {"yes", true}, {"half", 0.5});
    NANOSPAN_EVENT("event", {"k", 1});
    NANOSPAN_ERROR("failed");
    context = nanospan::current();
  }
  REQUIRE(tracing.flush());
  auto const spans = memory->spans();
  REQUIRE(spans.size() == 1);
  auto const& span = spans[0];
  CHECK(span.trace_id == context.trace_id());
  CHECK(span.span_id == context.span_id());
  CHECK(span.parent_span_id == nanospan::span_id{{2}});
  CHECK(span.trace_state == "vendor=value");
  CHECK(span.flags == 0x301);
  CHECK(span.name == "span");
  CHECK(span.kind == nanospan::span_kind::server);
  CHECK(span.start_time_unix_nano != 0);
  CHECK(span.start_time_unix_nano <= span.end_time_unix_nano);
  CHECK(span.attributes == attribute_list{{"text", "value"}, {"number", 1}, {"yes", true}, {"half", 0.5}});
  CHECK(span.dropped_attributes_count == 0);
  REQUIRE(span.events.size() == 1);
  CHECK(span.events[0].name == "event");
  CHECK(span.events[0].attributes == attribute_list{{"k", 1}});
  CHECK(span.events[0].dropped_attributes_count == 0);
  CHECK(span.dropped_events_count == 0);
  CHECK(span.status == nanospan::span_status::error);
  CHECK(span.status_message == "failed");
  CHECK(span.scope_name == "nanospan");
  CHECK(span.service_name == "memory test");
}

TEST_CASE("kept spans are equal when all that was said of them is") {
  nanospan::span_data one;
  one.name = "span";
  one.attributes = {{"k", 1}};
  auto other = one;
  CHECK(one == other);
  other.attributes = {{"k", 1.0}};
  CHECK_FALSE(one == other);
  other = one;
  other.events.push_back({"event", 1, {}, 0});
  CHECK_FALSE(one == other);
}

TEST_CASE("a memory exporter knows the resource of what it keeps") {
  auto const memory = std::make_shared<memory_exporter>();
  auto with = keeping_in(memory);
  with.resource_attributes = {{"deployment.environment.name", "staging"}};
  tracer_provider tracing{std::move(with)};
  record(1);
  REQUIRE(tracing.flush());
  CHECK(holds(memory->resource(), "service.name", "memory test"));
  CHECK(holds(memory->resource(), "deployment.environment.name", "staging"));
  memory->clear();
  CHECK(holds(memory->resource(), "service.name", "memory test"));
}

TEST_CASE("what was recorded before the provider's end is kept after it") {
  auto const memory = std::make_shared<memory_exporter>();
  {
    tracer_provider const tracing{keeping_in(memory)};
    record(3);
  }
  CHECK(memory->spans().size() == 3);
}

TEST_CASE("a memory exporter serves one provider after another") {
  auto const memory = std::make_shared<memory_exporter>();
  for (int round = 1; round <= 2; ++round) {
    tracer_provider tracing{keeping_in(memory)};
    record(1);
    REQUIRE(tracing.flush());
    CHECK(memory->spans().size() == static_cast<std::size_t>(round));
  }
}

TEST_CASE("kept spans may be looked at and cleared while a background thread exports") {
  auto const memory = std::make_shared<memory_exporter>();
  auto with = keeping_in(memory);
  with.background_thread = true;
  with.max_batch_spans = 8;
  tracer_provider tracing{std::move(with)};
  std::set<std::int64_t> seen;
  std::thread recorder{[] { record(100); }};
  auto const look = [&] {
    for (auto const& one : memory->spans()) seen.insert(std::get<std::int64_t>(one.attributes.at(0).second));
  };
  for (int i = 0; i < 50; ++i) look();
  recorder.join();
  REQUIRE(tracing.flush(nanospan::duration::of_milliseconds(10'000)));
  look();
  CHECK(seen.size() == 100);
  memory->clear();
  CHECK(memory->spans().empty());
}
