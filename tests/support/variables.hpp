// SPDX-License-Identifier: Apache-2.0
#pragma once

// Environment variables for a scope. Without any: none of OpenTelemetry's is set in it. One thread.

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern char** environ;  // NOLINT(readability-redundant-declaration): not on every system

namespace support {

class variables {
 public:
  variables() {
    std::vector<std::string> names;
    for (char** at = environ; *at != nullptr; ++at)
      if (std::string_view const entry{*at}; entry.starts_with("OTEL_")) names.emplace_back(entry.substr(0, entry.find('=')));
    for (auto const& name : names) set(name.c_str(), nullptr);
  }
  variables(std::initializer_list<std::pair<char const*, char const*>> given) {
    for (auto const& [name, value] : given) set(name, value);
  }
  ~variables() {
    for (auto at = before_.rbegin(); at != before_.rend(); ++at) put(at->first.c_str(), at->second.empty() ? nullptr : at->second.c_str());
  }
  variables(variables const&) = delete;
  variables& operator=(variables const&) = delete;

 private:
  void set(char const* name, char const* value) {
    char const* const old = std::getenv(name);
    before_.emplace_back(name, old == nullptr ? "" : old);
    put(name, value);
  }
  static void put(char const* name, char const* value) {
    if (value == nullptr) ::unsetenv(name);
    else ::setenv(name, value, 1);
  }

  std::vector<std::pair<std::string, std::string>> before_;
};

}  // namespace support
