// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is recorded in benchmarks, and a place for it to go.

#include <nanospan.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace bench {

// Values that a compiler does not know.
inline volatile int items = 3;
inline volatile double amount = 59.9;
inline std::string_view method = "POST";
inline std::string_view route = "/checkout/confirm";

// Inlined, as if written where they are called.
[[gnu::always_inline]] inline void no_attribute() { NANOSPAN("child"); }
[[gnu::always_inline]] inline void four_attributes() {
  NANOSPAN("child", {"http.request.method", method}, {"http.route", route}, {"items", static_cast<int>(items)},
           {"amount", static_cast<double>(amount)});
}

// Takes everything and keeps nothing.
class discarding_exporter final : public nanospan::exporter {
 public:
  nanospan::export_result export_batch(nanospan::batch const&, nanospan::export_wait&) override { return {}; }
  std::string description() const override { return "nowhere"; }
};
inline nanospan::options to_nowhere_in_the_background() {
  nanospan::options with;
  with.exporter = std::make_shared<discarding_exporter>();
  with.on_message = [](std::string_view) noexcept {};  // drops are looked for in the account
  return with;
}
// For who calls poll() between what is measured.
inline nanospan::options to_nowhere() {
  nanospan::options with = to_nowhere_in_the_background();
  with.background_thread = false;
  return with;
}

}  // namespace bench
