// SPDX-License-Identifier: Apache-2.0

// A program with a spool that is killed a hundred times at moments that nobody chose, while it records or while it ends, and while its collector comes and goes: what was on disk reaches the
// collector, and what reaches it twice was being sent when the program was killed, as the next one counts.

#include "catch.hpp"
#include "support/collector.hpp"
#include "support/spool_ledger.hpp"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

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

// Has the spans before the peer knows, and says so even where the collector goes meanwhile: who lives then sends nothing twice.
void takes_its_time(test_collector::conversation& with) {
  if (with.read_request() == nullptr) return with.close();
  with.take_spans();
  with.pause(20ms);
  with.send(test_collector::answer(200));
}
// One that goes and comes again at the same address.
class collector {
 public:
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // Connections are refused from now on.
  void go() {
    if (!there_) return;
    there_->stop();
    for (std::string const& id : there_->spans()) duplicates_ += arrived_.insert(id).second ? 0u : 1u;
    duplicates_ += there_->duplicates();
    there_.reset();
    ++gone_;
  }
  void come(test_collector::behaviour always) {
    for (int tries = 0; !there_ && tries < 1'000; ++tries) {
      try {
        there_.emplace(test_collector::where{.port = port_});
      } catch (std::runtime_error const&) {
        std::this_thread::sleep_for(1ms);  // somebody else has the port
      }
    }
    REQUIRE(there_);
    there_->otherwise(std::move(always));
  }
  std::set<std::string> const& arrived() const { return arrived_; }
  std::size_t duplicates() const { return duplicates_; }
  int times_gone() const { return gone_; }

 private:
  std::optional<test_collector> there_{std::in_place};
  std::uint16_t port_ = there_->port();
  std::set<std::string> arrived_;
  std::size_t duplicates_ = 0;
  int gone_ = 0;
};
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

  collector peer;
  std::mt19937 random{20260501};  // what chance there is comes from the system
  auto const mood = [&] {
    switch (random() % 6) {
      case 0: return peer.come(test_collector::respond(503));
      case 1: return peer.come(test_collector::reset_before_answer(false));
      case 2: return peer.come(takes_its_time);
      case 3: return peer.go();
      default: return peer.come(test_collector::respond(200));
    }
  };
  std::uint64_t in_flight = 0;
  int came_to_their_end = 0;
  for (int run = 0; run < kills; ++run) {
    pid_t const child = start(peer.url(), directory + "/spool", file.c_str());
    auto const end = std::chrono::steady_clock::now() + std::chrono::milliseconds{20 + random() % 400};
    while (std::chrono::steady_clock::now() < end) {
      mood();
      std::this_thread::sleep_for(std::chrono::milliseconds{random() % 50});
    }
    if (bool const while_it_ends = random() % 2 == 0; while_it_ends) {
      ::kill(child, SIGTERM);
      std::this_thread::sleep_for(std::chrono::microseconds{random() % 20'000});
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    CAPTURE(WEXITSTATUS(status));
    REQUIRE((WIFSIGNALED(status) || WEXITSTATUS(status) == 0));  // else it says what it did not like by its exit code
    came_to_their_end += WIFEXITED(status) ? 1 : 0;
    in_flight += spans_being_sent(directory + "/spool");
  }
  peer.come(test_collector::respond(200));
  int status = 0;
  ::waitpid(start(peer.url(), directory + "/spool", nullptr), &status, 0);
  CHECK(status == 0);

  peer.go();
  auto const& arrived = peer.arrived();
  std::uint64_t const safe = ledger.safe.load();
  std::uint64_t missing = 0;
  for (std::size_t at = 0; at < safe; ++at) {
    std::string id(8, '\0');
    std::memcpy(id.data(), &ledger.ids[at], 8);
    missing += arrived.contains(id) ? 0u : 1u;
  }
  std::printf("%d kills, %d of them too late, and a collector that was gone %d times: %llu spans were on disk or taken, %llu are missing; %zu arrived, %zu more than once of %llu that were being sent\n", kills, came_to_their_end,
              peer.times_gone(), static_cast<unsigned long long>(safe),
              static_cast<unsigned long long>(missing), arrived.size(), peer.duplicates(), static_cast<unsigned long long>(in_flight));
  CHECK(safe > 1'000);
  CHECK(came_to_their_end < kills / 2);
  CHECK(missing == 0);
  CHECK(peer.duplicates() <= in_flight);
  CHECK(peer.duplicates() <= kills * batch_spans);
  CHECK(std::filesystem::is_empty(directory + "/spool"));
  ::munmap(memory, sizeof(spool_ledger));
  ::close(descriptor);
  std::filesystem::remove_all(directory);
}
