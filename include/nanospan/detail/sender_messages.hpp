// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the sender says, and how often: a line when trouble starts, one when it is over, and never a flood. The sender's thread.

#include <nanospan/clock.hpp>
#include <nanospan/detail/joined.hpp>
#include <nanospan/exporter.hpp>
#include <nanospan/messages.hpp>

#include <utility>

namespace nanospan::inline v0::detail {

class sender_messages {
 public:
  explicit sender_messages(messages report) noexcept : report_{report} {}

  bool in_trouble() const noexcept { return in_trouble_; }
  // One line when trouble starts, one when it is over; trouble that comes and goes is not told each time.
  void failed(export_result const& result, exporter const& to, bool again, std::string_view refuge) noexcept {
    if (std::exchange(in_trouble_, true)) return;
    told_ = in_time(next_trouble_);
    if (!told_) return;
    say(again ? log_level::warn : log_level::error, [&] { return joined({"cannot send to ", to.description(), ": ", result.message, refuge}); });
  }
  void recovered(exporter const& to, exporter const* fallback) noexcept {
    std::uint64_t const lost = std::exchange(lost_, 0);
    std::uint64_t const fell_back = std::exchange(fell_back_, 0);
    if (!std::exchange(in_trouble_, false) || !told_) return;
    say(log_level::info, [&] {
      std::string line = joined({"sending again to ", to.description(), "; ", std::to_string(lost), " spans were lost meanwhile"});
      if (fell_back != 0 && fallback != nullptr) line += joined({", ", std::to_string(fell_back), " went to ", fallback->description()});
      return line;
    });
  }
  void lost(std::uint64_t spans) noexcept {
    if (in_trouble_) lost_ += spans;
  }
  void fell_back(std::uint64_t spans) noexcept {
    if (in_trouble_) fell_back_ += spans;
  }
  void rejected(std::uint64_t spans, std::string_view why) noexcept {
    if (spans == 0 && why.empty()) return;
    rejected_ += spans;
    if (!in_time(next_rejection_)) return;
    say(rejected_ == 0 ? log_level::warn : log_level::error, [&] { return joined({"the collector rejected ", std::to_string(rejected_), " spans: ", why}); });
    rejected_ = 0;
  }

  void adopted(std::uint64_t spans, std::size_t broken, std::string_view error, std::string_view where) noexcept {
    if (spans != 0) say(log_level::info, [&] { return joined({"sending ", std::to_string(spans), " spans that were left in ", where}); });
    if (broken != 0) say(log_level::warn, [&] { return joined({std::to_string(broken), " broken files were removed from ", where}); });
    if (!error.empty()) say(log_level::warn, [&] { return joined({"cannot read all of ", where, ": ", error}); });
  }
  void disk_failed(std::string_view error) noexcept {
    if (std::exchange(disk_fails_, true)) return;
    say(log_level::warn, [&] { return joined({"cannot write to the spool: ", error, "; spans wait in memory (options.spool_directory)"}); });
  }
  void disk_works() noexcept {
    if (std::exchange(disk_fails_, false)) say(log_level::info, [] { return std::string{"writing to the spool again"}; });
  }
  void unreadable(std::uint64_t spans) noexcept {
    say(log_level::error, [&] { return joined({std::to_string(spans), " spans are lost: their file in the spool is gone or broken"}); });
  }
  void left_on_disk(std::uint64_t spans, std::string_view where) noexcept {
    say(log_level::info, [&] { return joined({std::to_string(spans), " spans wait in ", where, " for the next start"}); });
  }
  void threw_at_the_end() const noexcept {
    say(log_level::error, [] { return std::string{"the exporter threw while it was shut down"}; });
  }

 private:
  static constexpr std::uint64_t between_complaints = 10'000'000'000;

  static bool in_time(std::uint64_t& next) noexcept {
    std::uint64_t const now = monotonic_nanoseconds();
    if (now < next) return false;
    next = now + between_complaints;
    return true;
  }
  // A message is worth no exception.
  template <typename Compose>
  void say(log_level level, Compose&& compose) const noexcept {
    try {
      report_.say(level, compose());
    } catch (...) {  // no memory, no message
    }
  }

  messages report_;
  std::uint64_t lost_ = 0;  // since trouble began
  std::uint64_t fell_back_ = 0;
  std::uint64_t rejected_ = 0;  // and not told yet
  std::uint64_t next_trouble_ = 0;
  std::uint64_t next_rejection_ = 0;
  bool in_trouble_ = false;
  bool told_ = false;
  bool disk_fails_ = false;
};

}  // namespace nanospan::inline v0::detail
