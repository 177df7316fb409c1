// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a program that is killed has said until then, in memory that it shares with who kills it. Zeros are one that has said nothing.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace support {

struct spool_ledger {
  static constexpr std::size_t most = 400'000;  // spans

  std::atomic<std::uint64_t> safe;  // so many of the ids below are at the collector or on disk
  std::array<std::uint64_t, most> ids;
};

}  // namespace support
