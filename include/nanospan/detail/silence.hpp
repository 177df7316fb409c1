// SPDX-License-Identifier: Apache-2.0
#pragma once

// A thread that records nothing for a while: what reads spans may call what makes some, and each that is read would make the next. Background half.

#include <nanospan/thread_ring.hpp>

#include <utility>

namespace nanospan::inline v0::detail {

// As if the thread had exited. What is current, and open, is so again afterwards; a span that ends meanwhile, and began before or elsewhere, is a counted drop.
class silence {
 public:
  silence() noexcept
      : current_{std::exchange(this_thread.current, {})},
        slot_{std::exchange(this_thread.slot, nullptr)},
        exited_{std::exchange(this_thread.exited, true)},
        silenced_{std::exchange(this_thread.silenced, true)} {}
  silence(silence const&) = delete;
  silence& operator=(silence const&) = delete;
  ~silence() {
    this_thread.current = current_;
    this_thread.slot = slot_;
    this_thread.exited = exited_;
    this_thread.silenced = silenced_;
  }

 private:
  active_context current_;
  thread_slot* slot_;
  bool exited_;
  bool silenced_;
};

}  // namespace nanospan::inline v0::detail
