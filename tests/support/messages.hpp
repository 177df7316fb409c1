// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a provider says, kept for a test to look at: `.on_message = messages::keep`. Any thread.

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

class messages {
 public:
  static void keep(std::string_view line) noexcept {
    std::lock_guard const lock{mutex()};
    all().emplace_back(line);
  }
  static std::vector<std::string> take() {
    std::lock_guard const lock{mutex()};
    return std::exchange(all(), {});
  }

 private:
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  static std::vector<std::string>& all() {
    static std::vector<std::string> lines;
    return lines;
  }
};

inline bool has(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

}  // namespace support
