// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a test records, as an exporter sees it: a provider without a thread, whose spans come out when the test asks for them; and
// the account of spans since a moment. The test's own thread.

#include <nanospan/tracer_provider.hpp>

#include "../catch.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace support {

class recorded {
 public:
  explicit recorded(nanospan::options with = {}) : tracing_{without_thread(std::move(with), memory_)} {}

  // All that have ended so far, in no particular order.
  std::vector<nanospan::span_data> spans() {
    REQUIRE(tracing_.flush());
    return memory_->spans();
  }
  // The only one.
  nanospan::span_data span() {
    auto const all = spans();
    REQUIRE(all.size() == 1);
    return all.front();
  }
  // The only one of that name.
  nanospan::span_data span(std::string_view name) {
    std::vector<nanospan::span_data> named;
    for (auto& one : spans())
      if (one.name == name) named.push_back(std::move(one));
    CAPTURE(std::string{name});
    REQUIRE(named.size() == 1);
    return named.front();
  }
  nanospan::attribute_list resource() const { return memory_->resource(); }
  std::size_t count() { return spans().size(); }
  void clear() { memory_->clear(); }

 private:
  static nanospan::options without_thread(nanospan::options&& with, std::shared_ptr<nanospan::exporter> to) {
    with.exporter = std::move(to);
    with.background_thread = false;
    if (with.on_message == nullptr)
      with.on_message = [](std::string_view) noexcept {};  // losing spans is what some tests are about
    return std::move(with);
  }

  std::shared_ptr<nanospan::memory_exporter> memory_ = std::make_shared<nanospan::memory_exporter>();
  nanospan::tracer_provider tracing_;
};

// As in a program that has no provider yet, whatever other tests have had.
class no_provider_yet {
 public:
  no_provider_yet() { nanospan::detail::recording.word.store(0); }
  no_provider_yet(no_provider_yet const&) = delete;
  no_provider_yet& operator=(no_provider_yet const&) = delete;
  ~no_provider_yet() { nanospan::detail::recording.word.store(word_); }

 private:
  std::uint32_t word_ = nanospan::detail::recording.word.load();
};

// The account's figures since `before`.
inline nanospan::stats_snapshot since(nanospan::stats_snapshot const& before) {
  auto now = nanospan::stats();
  REQUIRE(now.ended == now.accounted());
  now.ended -= before.ended;
  now.exported -= before.exported;
  now.rejected -= before.rejected;
  now.dropped.no_provider -= before.dropped.no_provider;
  now.dropped.after_shutdown -= before.dropped.after_shutdown;
  now.dropped.ring_full -= before.dropped.ring_full;
  now.dropped.no_ring -= before.dropped.no_ring;
  now.dropped.no_slot -= before.dropped.no_slot;
  now.dropped.queue_full -= before.dropped.queue_full;
  now.dropped.export_failed -= before.dropped.export_failed;
  now.dropped.no_memory -= before.dropped.no_memory;
  now.dropped.shutdown -= before.dropped.shutdown;
  now.discarded.hook -= before.discarded.hook;
  now.discarded.record_only -= before.discarded.record_only;
  now.unconfirmed -= before.unconfirmed;
  now.held -= before.held;
  now.misused -= before.misused;
  return now;
}

// Runs in a thread of its own: what it breaks there (a thread's context, by misuse) ends with it. No assertions inside.
template <typename Run>
void in_a_thread(Run&& run) {
  std::thread{std::forward<Run>(run)}.join();
}

}  // namespace support
