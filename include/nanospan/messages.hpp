// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the library says, as far as options.log_level lets it pass: an error is about spans that are lost, a warning about what is ignored or
// works less well than it should, an info about what works again. Any thread.

#include <nanospan/detail/descriptor.hpp>
#include <nanospan/options.hpp>

#include <climits>

namespace nanospan::inline v0::detail {

inline void default_message_handler(std::string_view line) noexcept {
  try {
    std::string text = "nanospan: ";
    text.append(line.substr(0, PIPE_BUF - text.size() - 1)).push_back('\n');
    // One write, of what a pipe takes whole or, when it is full, not at all: nobody waits for a reader of messages.
    if (writable_now(STDERR_FILENO)) write_without_signal(STDERR_FILENO, text.data(), text.size());
  } catch (...) {  // no memory, no message
  }
}

class messages {
 public:
  explicit(false) messages(message_handler to, log_level most = log_level::info) noexcept : to_{to}, most_{most} {}

  void say(log_level level, std::string_view line) const noexcept {
    if (level <= most_) to_(line);
  }
  log_level level() const noexcept { return most_; }
  void error(std::string_view line) const noexcept { say(log_level::error, line); }
  void warn(std::string_view line) const noexcept { say(log_level::warn, line); }
  void debug(std::string_view line) const noexcept { say(log_level::debug, line); }

 private:
  message_handler to_;
  log_level most_;
};

}  // namespace nanospan::inline v0::detail
