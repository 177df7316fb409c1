// SPDX-License-Identifier: Apache-2.0

#include <nanospan/tracer_provider.hpp>

#include <nanospan.hpp>

#include "catch.hpp"
#include "support/messages.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

using namespace std::chrono_literals;

namespace {

bool rings_are_empty() {
  bool empty = true;
  nanospan::detail::for_each_slot([&](auto const& slot) { empty &= slot.ring.consumed() == slot.ring.published(); });
  return empty;
}

// Holds whoever exports until it is let go; with export_wait where it behaves as it should.
class holding_exporter final : public nanospan::exporter {
 public:
  explicit holding_exporter(bool well_behaved) : well_behaved_{well_behaved} {}
  nanospan::export_result export_batch(nanospan::batch const&, nanospan::export_wait& wait) override {
    drained_inside = nanospan::drain(10s);
    holds = true;
    holds.notify_all();
    if (!well_behaved_) let_go.wait(false);
    else while (!let_go) wait.wait(-1, false, nanospan::detail::monotonic_nanoseconds() + 60'000'000'000);
    return {};
  }
  std::string description() const override { return "a test"; }

  std::atomic<bool> holds{false};
  std::atomic<bool> let_go{false};
  std::atomic<bool> drained_inside{false};

 private:
  bool const well_behaved_;
};

nanospan::options to(std::shared_ptr<nanospan::exporter> exporter, bool background_thread = true) {
  nanospan::options with;
  with.exporter = std::move(exporter);
  with.background_thread = background_thread;
  with.on_message = support::messages::keep;
  return with;
}

void some_spans() {
  for (int i = 0; i < 100; ++i) {
    NANOSPAN("some");
  }
}

}  // namespace

TEST_CASE("drain empties the rings and sends nothing") {
  bool const background_thread = GENERATE(true, false);
  auto const memory = std::make_shared<nanospan::memory_exporter>();
  nanospan::tracer_provider tracing{to(memory, background_thread)};
  for (int round = 0; round < 20; ++round) {
    some_spans();
    REQUIRE(nanospan::drain(60s));
    REQUIRE(rings_are_empty());
  }
  CHECK(nanospan::stats().held >= 20 * 100 % 512);
  CHECK(memory->spans().size() <= 20 * 100 / 512 * 512);
  CHECK(tracing.flush(60s));
  CHECK(memory->spans().size() == 20 * 100);
}

TEST_CASE("drain needs no collector that answers") {
  auto const exporter = std::make_shared<holding_exporter>(true);
  nanospan::tracer_provider tracing{to(exporter)};
  some_spans();
  std::thread waiting{[&] { tracing.flush(60s); }};
  exporter->holds.wait(false);
  some_spans();
  CHECK(nanospan::drain(60s));
  CHECK(rings_are_empty());
  exporter->let_go = true;
  CHECK_FALSE(exporter->drained_inside);  // the exporter's own thread cannot wait for itself
  tracing.flush(60s);
  waiting.join();
}

TEST_CASE("drain is false where the rings are not read in time") {
  auto const exporter = std::make_shared<holding_exporter>(false);
  nanospan::tracer_provider tracing{to(exporter)};
  some_spans();
  std::thread waiting{[&] { tracing.flush(60s); }};
  exporter->holds.wait(false);
  some_spans();
  CHECK_FALSE(nanospan::drain(1ms));
  CHECK_FALSE(rings_are_empty());
  exporter->let_go = true;
  exporter->let_go.notify_all();
  waiting.join();
  CHECK(nanospan::drain(60s));
  CHECK(rings_are_empty());
}

TEST_CASE("without a provider drain says whether anything waits in a ring") {
  CHECK(nanospan::drain());
  {
    nanospan::tracer_provider tracing{to(std::make_shared<nanospan::memory_exporter>())};
    some_spans();
  }
  CHECK(nanospan::drain());
}
