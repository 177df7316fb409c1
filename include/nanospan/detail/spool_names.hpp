// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which directories of spools this process owns, and which it has left on disk: closing a file lets go of all of a process' locks on it, so that none may open an
// `owner` twice. Any thread.

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace nanospan::inline v0::detail {

class spool_names {
 public:
  enum class kind { unknown, living, left };

  static kind of(std::string const& name) {
    spool_names& all = here();
    std::lock_guard const lock{all.mutex_};
    auto const found = all.find(name);
    return found == all.names_.end() ? kind::unknown : found->second;
  }
  static void set(std::string const& name, kind what) {
    spool_names& all = here();
    std::lock_guard const lock{all.mutex_};
    auto const found = all.find(name);
    if (found == all.names_.end()) all.names_.emplace_back(name, what);
    else if (what == kind::unknown) all.names_.erase(found);
    else found->second = what;
  }

 private:
  using entries = std::vector<std::pair<std::string, kind>>;
  entries::iterator find(std::string const& name) {
    return std::find_if(names_.begin(), names_.end(), [&](auto const& one) { return one.first == name; });
  }
  // Never destroyed. A forked child owns nothing, and another thread may have held the parent's mutex.
  static spool_names& here() {
    static std::atomic<spool_names*> current{nullptr};
    spool_names* seen = current.load(std::memory_order_acquire);  // Acquire: pairs with the release below.
    while (seen == nullptr || seen->process_ != ::getpid()) {
      auto made = std::make_unique<spool_names>();
      if (current.compare_exchange_strong(seen, made.get(), std::memory_order_acq_rel)) return *made.release();
    }
    return *seen;
  }

  pid_t process_ = ::getpid();
  std::mutex mutex_;  // the one below
  entries names_;
};

}  // namespace nanospan::inline v0::detail
