// SPDX-License-Identifier: Apache-2.0
#pragma once

// An exporter that answers each batch with what comes next in its script, and takes it where that has ended. One thread.

#include <nanospan/exporter.hpp>

#include <deque>
#include <memory>
#include <string>
#include <utility>

namespace support {

class scripted_exporter final : public nanospan::exporter {
 public:
  void next(nanospan::export_result answer) { script_.push_back(std::move(answer)); }
  void next(nanospan::export_result::outcome answer, int times = 1) {
    for (int i = 0; i < times; ++i) next(nanospan::export_result{answer, 0, {}, {}});
  }
  nanospan::export_result export_batch(nanospan::batch const&, nanospan::export_wait&) override {
    if (script_.empty()) return {};
    auto answer = std::move(script_.front());
    script_.pop_front();
    return answer;
  }
  std::string description() const override { return "the script"; }

 private:
  std::deque<nanospan::export_result> script_;
};

}  // namespace support
