// SPDX-License-Identifier: Apache-2.0

#include <nanospan/loss_watch.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using nanospan::stats_snapshot;
using nanospan::detail::account_of_losses;
using nanospan::detail::loss_watch;
using nanospan::detail::messages;

namespace {

std::vector<std::string> lines;
void hear(std::string_view line) noexcept { lines.emplace_back(line); }

// A watch, an account and a time that a test moves.
class watching {
 public:
  watching() { lines.clear(); }
  // A look a second, with so many spans lost before each.
  void pass(std::uint64_t seconds, std::uint64_t lost = 0) {
    for (; seconds != 0; --seconds) {
      now_ += loss_watch::second;
      account.dropped.ring_full += lost;
      look();
    }
  }
  void look() { watch_.look(now_, account, messages{hear}); }

  stats_snapshot account;

 private:
  std::uint64_t now_ = 1'000 * loss_watch::second;
  loss_watch watch_{stats_snapshot{}};
};

}  // namespace

TEST_CASE("losses are told by a line when they begin and one when they have ended, with how many and how long") {
  watching with;
  with.pass(5);
  CHECK(lines.empty());
  with.pass(12, 100);
  CHECK(lines == std::vector<std::string>{"losing spans: 100 so far in full rings (raise options.ring_bytes)"});
  with.pass(9);
  CHECK(lines.size() == 1);
  with.pass(1);
  REQUIRE(lines.size() == 2);
  CHECK(lines[1] == "no longer losing: 1200 spans were lost in full rings in 12 s");
  with.pass(3'600);
  CHECK(lines.size() == 2);
}

TEST_CASE("losses that pause for less than ten seconds are one") {
  watching with;
  for (int i = 0; i < 100; ++i) {
    with.pass(1, 1);
    with.pass(9);
  }
  CHECK(lines.size() == 1);
}

TEST_CASE("losses that come and go for an hour are told by a few lines, and each span is in one of those that tell an end or is still to be told") {
  watching with;
  for (int i = 0; i < 225; ++i) {
    with.pass(1, 7);
    with.pass(15);
  }
  CHECK(lines.size() >= 6);
  CHECK(lines.size() <= 14);
  std::uint64_t told = 0;
  for (std::string const& line : lines)
    if (line.starts_with("no longer losing: ")) told += std::stoull(line.substr(18));
  CHECK(told <= with.account.dropped.ring_full);
  // After a long peace it is another trouble: told at once, with what was untold.
  with.pass(8'000);
  lines.clear();
  with.pass(1, 7);
  with.pass(10);
  REQUIRE(lines.size() == 2);
  told += std::stoull(lines[1].substr(18));
  CHECK(told == with.account.dropped.ring_full);
  lines.clear();
  with.pass(61);
  with.pass(1, 7);
  CHECK(lines.size() <= 1);
}

TEST_CASE("each reason is told by itself") {
  watching with;
  with.account.dropped.no_memory = 3;
  with.account.dropped.queue_full = 4;
  with.account.dropped.no_ring = 5;
  with.look();
  CHECK(lines == std::vector<std::string>{"losing spans: 5 so far for want of ring memory (raise options.ring_memory_limit_bytes)",
                                          "losing spans: 4 so far in a full queue (raise options.max_queue_bytes, or set options.fallback)",
                                          "losing spans: 3 so far for want of memory (raise options.memory_limit_bytes)"});
}

TEST_CASE("what was lost before the watch began, and what the sender tells, is not told") {
  lines.clear();
  stats_snapshot account;
  account.dropped.ring_full = 10;
  loss_watch watch{account};
  account.dropped.export_failed = 5;
  account.rejected = 6;
  account.dropped.after_shutdown = 7;
  watch.look(loss_watch::second, account, messages{hear});
  CHECK(lines.empty());
}

TEST_CASE("a look is due once a second") {
  loss_watch watch{stats_snapshot{}};
  CHECK(watch.due(0));
  watch.look(100, {}, messages{hear});
  CHECK_FALSE(watch.due(loss_watch::second + 99));
  CHECK(watch.due(loss_watch::second + 100));
}

TEST_CASE("the final account has every reason") {
  stats_snapshot before;
  before.dropped.ring_full = 1;
  stats_snapshot now;
  now.ended = 100;
  now.exported = 50;
  now.dropped = {.ring_full = 1, .spool_full = 8, .interrupted = 9, .shutdown = 2};
  now.rejected = 3;
  CHECK(account_of_losses(now, before) ==
        "of 100 spans, 50 arrived; lost: 9 in signal handlers, 8 in a full spool (raise options.spool_limit_bytes), 2 still unsent at the end, 3 rejected by the collector");
  CHECK(account_of_losses(before, before).empty());
}

TEST_CASE("a program that loses spans hears of it while it runs") {
  lines.clear();
  support::recorded all{{.ring_bytes = 16u << 10, .ring_memory_limit_bytes = 32u << 10, .on_message = hear}};
  auto const before = nanospan::stats();
  // The watch has looked when the provider began to drain; in the first second after that it is not due again. Until it is, or this gives up.
  for (int i = 0; i < 30'000 && lines.empty(); ++i) {
    for (int span = 0; span < 40'000; ++span) NANOSPAN("too many");
    REQUIRE(all.count() > 0);
    all.clear();
  }
  REQUIRE(!lines.empty());
  CHECK(nanospan::stats().dropped.ring_full > before.dropped.ring_full);
  CHECK(lines[0].starts_with("losing spans: "));
  CHECK(lines[0].ends_with("in full rings (raise options.ring_bytes)"));
}
