// SPDX-License-Identifier: Apache-2.0
#pragma once

// A batch in the queue, and what the memory account was charged for it: given back when the batch goes. Background thread.

#include <nanospan/detail/memory_account.hpp>
#include <nanospan/exporter.hpp>

#include <utility>

namespace nanospan::inline v0::detail {

struct charged_batch : batch {
  // Of one that nobody was charged for, too.
  explicit(false) charged_batch(batch&& spans, memory_charge&& charge = {}) noexcept : batch{std::move(spans)}, held{std::move(charge)} {}
  memory_charge held;
};

}  // namespace nanospan::inline v0::detail
