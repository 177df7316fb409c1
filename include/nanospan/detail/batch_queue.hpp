// SPDX-License-Identifier: Apache-2.0
#pragma once

// The encoded batches that there are, in memory and on disk, within the bound of memory, and counted once when they go. The sender's thread; never waits.

#include <nanospan/detail/queued_batch.hpp>
#include <nanospan/detail/sender_messages.hpp>

#include <algorithm>
#include <iterator>
#include <list>
#include <utility>
#include <vector>

namespace nanospan::inline v0::detail {

class batch_queue {
 public:
  batch_queue(shared<exporter> to, std::size_t limit_bytes, messages report) : exporter_{std::move(to)}, tell_{report}, limit_bytes_{limit_bytes} {
    background.queue_limit_bytes.store(limit_bytes, std::memory_order_relaxed);
  }
  batch_queue(batch_queue const&) = delete;
  batch_queue& operator=(batch_queue const&) = delete;
  ~batch_queue() {
    background.queue_limit_bytes.store(0, std::memory_order_relaxed);
    background.queue_bytes.store(0, std::memory_order_relaxed);
  }

  bool empty() const noexcept { return queue_.empty() && spooled_.empty(); }
  // Attempts that failed and batches that were lost, since the beginning.
  std::uint64_t setbacks() const noexcept { return setbacks_; }
  std::uint64_t pushed() const noexcept { return pushed_; }
  // Whether all of the first `count` batches ever pushed have left the queue.
  bool settled(std::uint64_t count) const noexcept {
    return (queue_.empty() || queue_.front().number >= count) && (spooled_.empty() || spooled_.front().number >= count);
  }
  // Never waits: where there is no room the oldest goes. Throws std::bad_alloc, nothing changed.
  void push(charged_batch&& one) {
    std::uint64_t const spans = one.span_count;
    queue_.push_back(queued_batch{std::move(one), pushed_, batch_account{spans}});
    ++pushed_;
    aside_due_ = 0;
    count(queue_.back());
    while (bytes_ > limit_bytes_ && (shed_from(leaving_, leaving_.end()) || shed_from(queue_, std::prev(queue_.end())))) {}
  }
  // The oldest batch in memory goes that nobody has in his hands. False where there is none.
  bool shed() noexcept { return shed_from(leaving_, leaving_.end()) || shed_from(queue_, queue_.end()); }

  // What is still in memory is counted as lost.
  void abandon() {
    while (!leaving_.empty()) drop(leaving_, leaving_.begin(), leaving_.front().reason);
    while (!queue_.empty()) drop(queue_, queue_.begin(), export_end::shutdown);
  }

 protected:
  using batches = std::list<queued_batch>;

  bool shed_from(batches& from, batches::iterator end) noexcept {
    auto const one = std::find_if(from.begin(), end, [](queued_batch const& each) { return !each.in_hands; });
    if (one == end) return false;
    drop(from, one, &from == &leaving_ ? one->reason : export_end::queue_full);
    return true;
  }
  void drop(batches& from, batches::iterator one, export_end reason) noexcept {
    one->account.lost(reason);
    tell_.lost(one->account.spans());
    ++setbacks_;
    forget(from, one);
  }
  void forget(batches& from, batches::iterator one) noexcept {
    hold(bytes_ - one->counted);
    if (one->where) {
      background.spooled.fetch_sub(one->account.spans(), std::memory_order_relaxed);
      bool const other_half_is_there = one->of_file != queued_batch::part::whole && (has_file_of(spooled_, one) || has_file_of(leaving_, one));
      if (!other_half_is_there) {
        disk_bytes_ -= one->where.bytes;
        try {
          unneeded_.push_back(std::move(one->where));
        } catch (...) {}  // NOLINT(bugprone-empty-catch): sent again by whoever finds it
      }
    }
    from.erase(one);
  }
  static bool has_file_of(batches const& in, batches::iterator one) noexcept {
    return std::any_of(in.begin(), in.end(), [&](queued_batch const& each) { return &each != &*one && each.where.in == one->where.in && each.where.file.number == one->where.file.number; });
  }
  void count(queued_batch& one) noexcept { hold(bytes_ + (one.counted = one.spans.otlp.size())); }
  void hold(std::size_t bytes) noexcept {
    bytes_ = bytes;
    background.queue_bytes.store(bytes, std::memory_order_relaxed);
  }

  // NOLINTBEGIN(misc-non-private-member-variables-in-classes): a sender in four parts
  shared<exporter> exporter_;
  sender_messages tell_;
  batches queue_;    // in memory
  batches spooled_;  // on disk; before those in memory
  batches leaving_;  // on their way to the fallback
  std::vector<spool_ticket> unneeded_;  // files of batches that are gone
  std::size_t limit_bytes_;
  std::size_t bytes_ = 0;  // of OTLP in memory
  std::uint64_t disk_bytes_ = 0;
  std::uint64_t pushed_ = 0;
  std::uint64_t setbacks_ = 0;
  std::uint64_t aside_due_ = 0;  // when batch_refuge has something to do
  // NOLINTEND(misc-non-private-member-variables-in-classes)
};

}  // namespace nanospan::inline v0::detail
