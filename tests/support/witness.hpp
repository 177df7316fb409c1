// SPDX-License-Identifier: Apache-2.0
#pragma once

// An exporter between the library and another one, which notes what that says of each span that has a number (support/ledger.hpp).

#include "ledger.hpp"

#include <nanospan/exporter.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

class witness final : public nanospan::exporter {
 public:
  using outcome = nanospan::export_result::outcome;
  explicit witness(nanospan::shared<nanospan::exporter> to) : to_{std::move(to)} {}

  nanospan::export_result export_batch(nanospan::batch const& spans, nanospan::export_wait& wait) override {
    auto const begun = std::chrono::steady_clock::now();
    nanospan::export_result result = to_->export_batch(spans, wait);
    if (setbacks_ != 0) shortest_pause_ = std::min(shortest_pause_, begun - last_setback_);
    note(spans, result);
    if (result.what != outcome::success) last_setback_ = std::chrono::steady_clock::now();
    return result;
  }
  nanospan::export_result probe(nanospan::export_wait& wait) override { return to_->probe(wait); }
  nanospan::shared<nanospan::exporter> for_child() const override { return to_->for_child(); }
  std::uint64_t shutdown(nanospan::export_wait& wait) override { return to_->shutdown(wait); }
  std::string description() const override { return to_->description(); }

  // A batch that was taken, but for some of its spans.
  struct confirmation {
    std::vector<std::uint64_t> numbers;
    std::uint64_t rejected;
  };
  // These after the provider's end.
  std::vector<confirmation> const& confirmed() const noexcept { return confirmed_; }
  unsigned attempts(std::uint64_t number) const noexcept { return number < attempts_.size() ? attempts_[number] : 0; }
  // Between an attempt that did not end well and the next one.
  std::chrono::nanoseconds shortest_pause() const noexcept { return shortest_pause_; }
  // Attempts that did not end well.
  std::uint64_t setbacks() const {
    std::lock_guard const lock{mutex_};
    return setbacks_;
  }

 private:
  void note(nanospan::batch const& spans, nanospan::export_result const& result) {
    confirmation one{{}, result.rejected_spans};
    for (auto const& span : spans.spans()) one.numbers.push_back(ledger::number(span.span_id.bytes().data()));
    std::lock_guard const lock{mutex_};
    for (std::uint64_t const number : one.numbers) {
      if (number >= attempts_.size()) attempts_.resize(number + 1);
      ++attempts_[number];
    }
    if (result.what == outcome::success) {
      confirmed_.push_back(std::move(one));
      return;
    }
    ++setbacks_;
  }

  nanospan::shared<nanospan::exporter> to_;
  std::chrono::steady_clock::time_point last_setback_;
  std::chrono::nanoseconds shortest_pause_ = std::chrono::hours{1};
  std::mutex mutable mutex_;  // all below
  std::vector<confirmation> confirmed_;
  std::vector<unsigned> attempts_;
  std::uint64_t setbacks_ = 0;
};
