// SPDX-License-Identifier: Apache-2.0
#pragma once

// The exporter that keeps what it gets, for users' own tests.

#include <nanospan/otlp_reader.hpp>

#include <mutex>

namespace nanospan::inline v0 {

struct memory_exporter::state {
  std::mutex mutex;
  std::vector<span_data> spans;
  attribute_list resource;
};

memory_exporter::memory_exporter() : state_{shared<state>::make<state>()} {}

std::vector<span_data> memory_exporter::spans() const {
  std::lock_guard const lock{state_->mutex};
  return state_->spans;
}
attribute_list memory_exporter::resource() const {
  std::lock_guard const lock{state_->mutex};
  return state_->resource;
}
void memory_exporter::clear() {
  std::lock_guard const lock{state_->mutex};
  state_->spans.clear();
}

export_result memory_exporter::export_batch(batch const& spans, export_wait&) {
  std::vector<span_data> read = spans.spans();
  std::lock_guard const lock{state_->mutex};
  state_->resource = spans.resource();
  // The encoder writes from the end; whoever looks expects each thread's spans in the order in which they ended.
  for (std::size_t at = read.size(); at-- != 0;) state_->spans.push_back(std::move(read[at]));
  return {};
}
std::string memory_exporter::description() const { return "memory"; }

}  // namespace nanospan::inline v0
