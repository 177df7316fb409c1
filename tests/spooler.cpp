// SPDX-License-Identifier: Apache-2.0

// A program with a spool, made to be killed (tests/spool_kills.cpp): records spans and says in shared memory which of them are on disk or at the collector.
//   spooler ENDPOINT DIRECTORY LEDGER   records until it is killed, or until SIGTERM, and ends then as a program does
//   spooler ENDPOINT DIRECTORY          records nothing; ends when the spool is empty

#include "support/spool_ledger.hpp"

#include <nanospan.hpp>

#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

nanospan::options options_of(char** argv) {
  nanospan::options with;
  with.endpoint = argv[1];
  with.spool_directory = argv[2];
  with.probe = false;
  with.max_batch_spans = 16;
  with.export_timeout = 500ms;
  with.on_message = [](std::string_view) noexcept {};
  return with;
}

volatile std::sig_atomic_t told_to_end = 0;

int drain(char** argv) {
  nanospan::tracer_provider tracing{options_of(argv)};
  for (int tries = 0; tries < 600; ++tries) {
    tracing.flush(100ms);
    if (nanospan::stats().held == 0 && std::filesystem::is_empty(argv[2])) return 0;  // what others have left is held when it has been found
    std::this_thread::sleep_for(10ms);
  }
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) return drain(argv);
  if (argc != 4) return 2;
  int const file = ::open(argv[3], O_RDWR | O_CLOEXEC);
  auto* const ledger = static_cast<support::spool_ledger*>(::mmap(nullptr, sizeof(support::spool_ledger), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  if (ledger == MAP_FAILED) return 3;
  std::signal(SIGTERM, [](int) { told_to_end = 1; });
  nanospan::tracer_provider tracing{options_of(argv)};
  while (told_to_end == 0) {
    std::uint64_t recorded = ledger->safe.load();
    for (int i = 0; i < 20 && recorded < support::spool_ledger::most; ++i) {
      NANOSPAN("recorded");
      auto const id = nanospan::current().span_id();
      std::memcpy(&ledger->ids[recorded++], &id, sizeof id);
    }
    // On disk or taken, all of them: nothing is held in memory.
    for (auto const end = std::chrono::steady_clock::now() + 30s;;) {
      tracing.flush(20ms);
      if (told_to_end != 0) return 0;
      if (std::chrono::steady_clock::now() > end) return 4;
      auto const now = nanospan::stats();
      if (now.held == now.spooled && now.dropped.total() == 0) break;
      if (now.dropped.total() != 0) return 5;
    }
    ledger->safe.store(recorded);
    if (recorded == support::spool_ledger::most) ::pause();
  }
  return 0;
}
