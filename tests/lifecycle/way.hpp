// SPDX-License-Identifier: Apache-2.0
#pragma once

// What every program of the lifecycle's has: the ledger, spans that are counted, children, and a main that goes the way that it is told.

#include <nanospan.hpp>

#include "ledger.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dirent.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

inline lifecycle_ledger* ledger = nullptr;
inline std::string endpoint;  // NOLINT(cert-err58-cpp)

#define MUST(condition) static_cast<void>((condition) || (ledger->wrong.store(__LINE__), true))

inline void wait_until(std::atomic<std::uint32_t> const& flag) {
  while (flag.load() == 0) ::usleep(1'000);
}

// As each by itself counts them.
inline void record(int spans) {
  for (int i = 0; i < spans; ++i) {
    { NANOSPAN("work", {"number", i}); }
    ledger->recorded.fetch_add(1);
  }
}

// What becomes of spans in a process that comes to its end. After everything that the program could still do.
inline void report() {
  if (ledger == nullptr) return;
  auto const now = nanospan::stats();
  ledger->no_slot += now.dropped.no_slot;
  ledger->after_shutdown += now.dropped.after_shutdown;
  ledger->inherited += now.discarded.inherited;
  ledger->interrupted += now.dropped.interrupted;
  ledger->unconfirmed += now.unconfirmed;
  ledger->exported += now.exported;
  ledger->other_losses += now.dropped.total() - now.dropped.no_slot - now.dropped.after_shutdown - now.dropped.interrupted + now.rejected + now.fallback + now.discarded.total() - now.discarded.inherited;
  MUST(now.accounted() == now.ended);
}
[[gnu::destructor]] inline void report_at_the_end() { report(); }

template <typename Run>
pid_t forked(Run&& run) {
  pid_t const child = ::fork();
  MUST(child >= 0);
  if (child == 0) run();
  return child;
}
inline void await(pid_t child, int status = 0) {
  int ended = -1;
  MUST(::waitpid(child, &ended, 0) == child);
  MUST(WIFEXITED(ended) && WEXITSTATUS(ended) == status);
}
inline int threads_of_process() {
  int count = 0;
  if (DIR* const tasks = ::opendir("/proc/self/task")) {
    while (dirent const* const one = ::readdir(tasks)) count += one->d_name[0] != '.';
    ::closedir(tasks);
  }
  return count;
}

struct way {
  char const* name;
  int (*go)();
};
template <std::size_t Count>
int go(way const (&ways)[Count], int argc, char** argv) {
  if (argc < 4) {
    for (auto const& one : ways) std::puts(one.name);
    return 0;
  }
  endpoint = argv[2];
  auto* const shared = ::mmap(nullptr, sizeof(lifecycle_ledger), PROT_READ | PROT_WRITE, MAP_SHARED, std::atoi(argv[3]), 0);
  if (shared == MAP_FAILED) return 99;
  ledger = static_cast<lifecycle_ledger*>(shared);
  ::alarm(120);
  for (auto const& one : ways)
    if (std::strcmp(one.name, argv[1]) == 0) return one.go();
  return 98;
}
