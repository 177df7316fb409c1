// SPDX-License-Identifier: Apache-2.0

// A program with a spool that is killed a hundred times at moments that nobody chose, while its collector comes and goes: what was on disk reaches the
// collector, and what reaches it twice was being sent when the program was killed, as the next one counts.

#include "catch.hpp"
#include "support/collector.hpp"
#include "support/spool_ledger.hpp"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using support::spool_ledger;

namespace {

constexpr int kills = 100;
constexpr std::size_t batch_spans = 16;

pid_t start(std::string const& endpoint, std::string const& directory, char const* ledger) {
  pid_t const child = ::fork();
  if (child != 0) return child;
  ::execl(NANOSPAN_TEST_SPOOLER, NANOSPAN_TEST_SPOOLER, endpoint.c_str(), directory.c_str(), ledger, nullptr);
  ::_exit(127);
}

// Has the spans before the peer knows.
void takes_its_time(test_collector::conversation& with) {
  if (with.read_request() == nullptr) return with.close();
  with.take_spans();
  if (!with.pause(20ms)) return with.close();
  with.send(test_collector::answer(200));
}
// By the headers of their files.
std::uint64_t spans_being_sent(std::string const& spool) {
  std::uint64_t all = 0;
  for (auto const& entry : std::filesystem::recursive_directory_iterator{spool}) {
    if (entry.path().extension() != ".sending") continue;
    std::ifstream from{entry.path(), std::ios::binary};
    std::uint64_t spans = 0;
    from.seekg(16);
    for (unsigned byte = 0; byte < 8; ++byte) spans |= std::uint64_t{static_cast<unsigned char>(from.get())} << 8 * byte;
    all += spans;
  }
  return all;
}

}  // namespace

TEST_CASE("of a program that is killed a hundred times nothing that was in its spool is missing, and little is there twice") {
  std::string directory = (std::filesystem::temp_directory_path() / "nanospan-kills-XXXXXX").string();
  REQUIRE(::mkdtemp(directory.data()) != nullptr);
  std::string const file = directory + "/ledger";
  int const descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(::ftruncate(descriptor, sizeof(spool_ledger)) == 0);
  void* const memory = ::mmap(nullptr, sizeof(spool_ledger), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  REQUIRE(memory != MAP_FAILED);
  auto& ledger = *static_cast<spool_ledger*>(memory);

  test_collector collector;
  std::mt19937 random{20260501};  // what chance there is comes from the system
  auto const mood = [&] {
    switch (random() % 5) {
      case 0: return collector.otherwise(test_collector::respond(503));
      case 1: return collector.otherwise(test_collector::reset_before_answer(false));
      case 2: return collector.otherwise(takes_its_time);
      default: return collector.otherwise(test_collector::respond(200));
    }
  };
  std::uint64_t in_flight = 0;
  for (int run = 0; run < kills; ++run) {
    pid_t const child = start(collector.url(), directory + "/spool", file.c_str());
    auto const end = std::chrono::steady_clock::now() + std::chrono::milliseconds{20 + random() % 400};
    while (std::chrono::steady_clock::now() < end) {
      mood();
      std::this_thread::sleep_for(std::chrono::milliseconds{random() % 50});
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    CAPTURE(WEXITSTATUS(status));
    REQUIRE(WIFSIGNALED(status));  // else it says what it did not like by its exit code
    in_flight += spans_being_sent(directory + "/spool");
  }
  collector.otherwise(test_collector::respond(200));
  int status = 0;
  ::waitpid(start(collector.url(), directory + "/spool", nullptr), &status, 0);
  CHECK(status == 0);

  auto const arrived = collector.spans();
  std::uint64_t const safe = ledger.safe.load();
  std::uint64_t missing = 0;
  for (std::size_t at = 0; at < safe; ++at) {
    std::string id(8, '\0');
    std::memcpy(id.data(), &ledger.ids[at], 8);
    missing += arrived.count(id) == 0 ? 1u : 0u;
  }
  std::printf("%d kills: %llu spans were on disk or taken, %llu are missing; %zu arrived, %zu more than once of %llu that were being sent\n", kills, static_cast<unsigned long long>(safe),
              static_cast<unsigned long long>(missing), arrived.size(), collector.duplicates(), static_cast<unsigned long long>(in_flight));
  CHECK(safe > 1'000);
  CHECK(missing == 0);
  CHECK(collector.duplicates() <= in_flight);
  CHECK(collector.duplicates() <= kills * batch_spans);
  CHECK(std::filesystem::is_empty(directory + "/spool"));
  ::munmap(memory, sizeof(spool_ledger));
  ::close(descriptor);
  std::filesystem::remove_all(directory);
}
