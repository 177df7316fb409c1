// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the processes of one program tell the test that started it, in memory that they share, for most of them end without a word.

#include <atomic>
#include <cstdint>

struct lifecycle_ledger {
  // Spans that have ended, by what the program did, and by what became of them in each process that came to its end.
  std::atomic<std::uint64_t> recorded;
  std::atomic<std::uint64_t> no_slot;
  std::atomic<std::uint64_t> after_shutdown;
  std::atomic<std::uint64_t> inherited;
  std::atomic<std::uint64_t> interrupted;
  std::atomic<std::uint64_t> unconfirmed;
  std::atomic<std::uint64_t> other_losses;
  std::atomic<std::uint64_t> exported;

  std::atomic<std::uint32_t> wrong;   // the line of the program where something was not as it must be
  std::atomic<std::uint32_t> posted;  // by the test: a request has been read, and waits for its answer
  std::atomic<std::uint32_t> answer;  // by the program: it may have it
  std::atomic<std::uint32_t> ready;   // by the program: for a signal
};
