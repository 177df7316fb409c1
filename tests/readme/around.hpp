// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the README's code speaks of and does not show: a shop. It is compiled, and not linked. Nothing of nanospan, which a
// block includes as it says.

#include <cassert>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

struct order {
  std::string id;
  int items;
  double amount;
};
void reserve_inventory(order const& o);
void charge_card(order const& o);
bool send(int attempt);
void log(char const* format, ...);

inline std::string const id = "A-1001";
inline std::string const host = "db.example";
inline constexpr int n = 3;

void work();
void route(std::string_view tenant);
void resize();
void code_under_test();

struct move_only_pool {
  template <typename Task>
  void post(Task&& task) {
    task();
  }
};
inline move_only_pool pool;
