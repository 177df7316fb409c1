// SPDX-License-Identifier: Apache-2.0

// The spool with real files: what a sender puts there, what another process finds, and what a disk does to both.
#include <nanospan/sender.hpp>

#include <nanospan/macros.hpp>
#include <nanospan/tracer_provider.hpp>

#include "catch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace detail = nanospan::detail;
namespace files = std::filesystem;
using nanospan::batch;
using nanospan::export_result;
using nanospan::export_wait;
using outcome = export_result::outcome;

namespace {

constexpr std::uint64_t seconds = 1'000'000'000;

class temporary_directory {
 public:
  temporary_directory() {
    std::string name = (files::temp_directory_path() / "nanospan-spool-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  temporary_directory(temporary_directory const&) = delete;
  temporary_directory& operator=(temporary_directory const&) = delete;
  ~temporary_directory() { files::remove_all(path_); }
  std::string path() const { return path_; }

 private:
  std::string path_;
};

// Those with this ending, below a spool, by name.
std::vector<files::path> files_in(std::string const& spool, std::string const& ending) {
  std::vector<files::path> found;
  for (auto const& entry : files::recursive_directory_iterator{spool})
    if (entry.is_regular_file() && entry.path().extension() == ending) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}
std::size_t directories_in(std::string const& spool) {
  return static_cast<std::size_t>(std::distance(files::directory_iterator{spool}, files::directory_iterator{}));
}

class polling final : public export_wait {
 public:
  outcome wait(int descriptor, bool writable, std::uint64_t deadline) override {
    std::uint64_t const now = detail::monotonic_nanoseconds();
    pollfd watched{descriptor, static_cast<short>(writable ? POLLOUT : POLLIN), 0};
    int const limit = deadline > now ? static_cast<int>((deadline - now) / 1'000'000 + 1) : 0;
    return ::poll(&watched, 1, limit) > 0 ? outcome::ready : outcome::timed_out;
  }
};

class scripted_exporter final : public nanospan::exporter {
 public:
  export_result export_batch(batch const& spans, export_wait&) override {
    given.push_back(spans.otlp);
    if (during) during();
    if (script.empty()) return {answer, 0, {}, "the reason"};
    outcome const one = script.front();
    script.pop_front();
    return {one, 0, {}, "the reason"};
  }
  std::string description() const override { return "the script"; }

  std::vector<std::string> given;
  std::deque<outcome> script;
  outcome answer = outcome::success;
  std::function<void()> during;
};

// A sender with a spool, and the account of what it does.
class spooling {
 public:
  explicit spooling(std::string const& directory, std::uint64_t bytes = 1u << 20, nanospan::shared<nanospan::exporter> fallback = nullptr,
                    std::size_t queue_bytes = 1u << 20, std::uint64_t between_looks = 60 * seconds)
      : tested{std::make_unique<detail::sender>(to, detail::sender_limits{queue_bytes, 0}, detail::messages{[](std::string_view line) noexcept { lines().emplace_back(line); }},
                                                detail::sender_refuges{std::move(fallback), directory, bytes, between_looks})} {
    lines().clear();
    detail::background.reset();
    aside();
  }
  spooling(spooling const&) = delete;
  spooling& operator=(spooling const&) = delete;
  ~spooling() { detail::background.reset(); }

  static std::vector<std::string>& lines() {
    static std::vector<std::string> all;
    return all;
  }
  void push(std::string text, std::size_t spans = 1) const { tested->push(batch{std::move(text), spans}); }
  void aside() {
    while (tested->aside(wait)) {}
  }
  void attempt() { tested->attempt(wait); }
  void attempt_all() {
    for (int tries = 0; !tested->empty() && tries < 1000; ++tries) attempt();
  }
  void end() {
    tested->evacuate(wait);
    tested->shutdown(wait);
    tested->abandon();
    tested->close(wait);
    tested = nullptr;
  }

  polling wait;
  std::shared_ptr<scripted_exporter> const to = std::make_shared<scripted_exporter>();
  std::unique_ptr<detail::sender> tested;
};

std::uint64_t spooled() { return detail::background.spooled.load(); }
bool has(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

// Runs in a process of its own; its exit code. No assertions inside.
template <typename Run>
pid_t start(Run&& run) {
  pid_t const child = ::fork();
  if (child == 0) ::_exit(run());
  return child;
}
int end_of(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
// What a process leaves that spools these batches, one span each, and is killed; `while_sending` the first one.
void leave_behind(std::string const& directory, std::vector<std::string> const& texts, bool while_sending = false) {
  int const end = end_of(start([&] {
    spooling with{directory};
    with.to->answer = outcome::unreachable;
    for (std::string const& text : texts) with.push(text);
    with.attempt();
    with.aside();
    if (while_sending) {
      with.to->during = [] { ::kill(::getpid(), SIGKILL); };
      with.attempt();
    }
    ::kill(::getpid(), SIGKILL);
    return 0;
  }));
  REQUIRE(end == 128 + SIGKILL);
}

}  // namespace

// ---- one process ------------------------------------------------------------------------------------------------------------

TEST_CASE("what cannot be sent waits on disk and not in memory, and is sent in its order when the collector is back") {
  temporary_directory const directory;
  spooling with{directory.path() + "/made/by us"};
  with.to->answer = outcome::retry;
  with.push("aaa", 1);
  with.push("bbb", 2);
  with.attempt();
  with.aside();
  with.push("ccc", 4);  // while in trouble
  with.aside();
  CHECK(spooled() == 7);
  CHECK(detail::background.queue_bytes.load() == 0);
  CHECK(files_in(directory.path(), ".otlp").size() == 3);
  CHECK_FALSE(with.tested->empty());
  CHECK_FALSE(with.tested->settled(1));
  REQUIRE(spooling::lines().size() == 1);
  CHECK(has(spooling::lines()[0], "spans wait in " + directory.path() + "/made/by us and are retried"));
  for (int i = 0; i < 5; ++i) with.attempt();  // and no retry limit: it is zero here
  CHECK(spooled() == 7);
  with.to->answer = outcome::success;
  with.to->given.clear();
  with.attempt();
  CHECK(with.tested->settled(1));
  with.push("ddd", 8);
  with.attempt_all();
  CHECK(with.to->given == std::vector<std::string>{"aaa", "bbb", "ccc", "ddd"});
  CHECK(detail::background.exported.read() == 15);
  CHECK(spooled() == 0);
  CHECK(files_in(directory.path(), ".otlp").empty());
  CHECK(files_in(directory.path(), ".sending").empty());
  with.end();
  CHECK(directories_in(directory.path() + "/made/by us") == 0);
}

TEST_CASE("only its owner may read a spool") {
  temporary_directory const directory;
  ::mode_t const before = ::umask(0);
  spooling with{directory.path()};
  with.to->answer = outcome::retry;
  with.push("aaa");
  with.attempt();
  with.aside();
  ::umask(before);
  for (auto const& entry : files::recursive_directory_iterator{directory.path()})
    CHECK(static_cast<unsigned>(entry.status().permissions()) == (entry.is_directory() ? 0700u : 0600u));
  CHECK(files_in(directory.path(), ".otlp").size() == 1);
}

TEST_CASE("what the collector refuses for good is lost, on disk as in memory") {
  temporary_directory const directory;
  SECTION("without a fallback") {
    spooling with{directory.path()};
    with.to->script = {outcome::retry, outcome::failure};
    with.push("aaa", 3);
    with.attempt();
    with.aside();
    with.attempt();
    CHECK(detail::background.dropped_export_failed.read() == 3);
    CHECK(spooled() == 0);
  }
  SECTION("with one, which gets it") {
    auto const fallback = std::make_shared<scripted_exporter>();
    spooling with{directory.path(), 1u << 20, fallback};
    with.to->script = {outcome::retry, outcome::failure};
    with.push("aaa", 3);
    with.attempt();
    with.aside();
    with.attempt();
    with.aside();
    CHECK(fallback->given == std::vector<std::string>{"aaa"});
    CHECK(detail::background.fallback.read() == 3);
    CHECK(spooled() == 0);
    CHECK(detail::background.queue_bytes.load() == 0);
  }
  CHECK(files_in(directory.path(), ".otlp").empty());
  CHECK(files_in(directory.path(), ".sending").empty());
}

TEST_CASE("a batch on disk that is too large is sent in halves, and its file goes with the second") {
  temporary_directory const directory;
  spooling with{directory.path()};
  auto const field = [](char tag, std::string const& bytes) { return std::string{tag, static_cast<char>(bytes.size())} + bytes; };
  auto const request = [&](std::string const& names) {
    std::string spans;
    for (char const name : names) spans += field(0x12, field(0x2a, {name}));
    return field(0x0a, field(0x12, spans));
  };
  with.to->script = {outcome::retry, outcome::too_large, outcome::success, outcome::retry};
  with.push(request("abc"), 3);
  with.attempt();
  with.aside();
  with.to->given.clear();
  with.attempt();
  with.attempt();
  CHECK(detail::background.exported.read() == 1);
  CHECK(spooled() == 2);
  with.attempt();
  CHECK(files_in(directory.path(), ".sending").size() == 1);  // half of it is there
  with.attempt();
  CHECK(with.to->given == std::vector<std::string>{request("abc"), request("a"), request("bc"), request("bc")});
  CHECK(detail::background.exported.read() == 3);
  CHECK(spooled() == 0);
  CHECK(with.tested->empty());
  CHECK(files_in(directory.path(), ".sending").empty());
}

TEST_CASE("the spool has a bound, and the oldest goes") {
  temporary_directory const directory;
  auto const fallback = std::make_shared<scripted_exporter>();
  bool const with_fallback = GENERATE(false, true);
  spooling with{directory.path(), std::uint64_t{3} * 4096, with_fallback ? fallback : nullptr};
  with.to->answer = outcome::retry;
  with.push("aaa", 1);
  with.attempt();
  with.push("bbb", 2);
  with.push("ccc", 4);
  with.push("ddd", 8);
  with.push("eee", 16);
  with.aside();
  CHECK(files_in(directory.path(), ".otlp").size() == 3);
  CHECK(spooled() == 28);
  CHECK((with_fallback ? detail::background.fallback : detail::background.dropped_spool_full).read() == 3);
  CHECK((with_fallback ? detail::background.passed_fallback : detail::background.passed_spool_full).read() == 1);
  CHECK(fallback->given == (with_fallback ? std::vector<std::string>{"aaa", "bbb"} : std::vector<std::string>{}));
  with.push(std::string(std::size_t{3} * 4096, 'x'), 32);  // larger than all of it
  with.aside();
  CHECK(spooled() == 28);
  CHECK((with_fallback ? detail::background.fallback : detail::background.dropped_spool_full).read() == 35);
  with.to->answer = outcome::success;
  with.attempt_all();
  CHECK(detail::background.exported.read() == 28);
}

TEST_CASE("a spool that cannot be made is told once, and batches wait in memory") {
  temporary_directory const directory;
  std::ofstream{directory.path() + "/file"} << "not a directory";
  spooling with{directory.path() + "/file/spool"};
  with.to->answer = outcome::retry;
  with.push("aaa", 1);
  with.attempt();
  with.aside();
  with.push("bbb", 2);
  with.aside();
  CHECK(spooled() == 0);
  CHECK(std::count_if(spooling::lines().begin(), spooling::lines().end(), [](auto const& line) { return has(line, "cannot write to the spool"); }) == 1);
  with.to->answer = outcome::success;
  with.attempt_all();
  CHECK(detail::background.exported.read() == 3);
}

TEST_CASE("a spool that somebody removes is made again, and what was there is counted as lost") {
  temporary_directory const directory;
  spooling with{directory.path() + "/spool"};
  with.to->answer = outcome::retry;
  with.push("aaa", 1);
  with.attempt();
  with.aside();
  files::remove_all(directory.path() + "/spool");
  with.attempt();
  CHECK(detail::background.dropped_export_failed.read() == 1);
  CHECK(has(spooling::lines().back(), "gone or broken"));
  with.push("bbb", 2);
  with.attempt();
  with.aside();
  with.push("ccc", 2);
  CHECK(detail::background.dropped_export_failed.read() + spooled() <= 3);
  with.to->answer = outcome::success;
  with.attempt_all();
  CHECK(detail::background.exported.read() == 4);
}

// ---- the next process -------------------------------------------------------------------------------------------------------

TEST_CASE("what a killed process had on disk is sent by the next one, oldest first, before its own") {
  temporary_directory const directory;
  leave_behind(directory.path(), {"aaa", "bbb"});
  leave_behind(directory.path(), {"ccc"}, true);
  CHECK(files_in(directory.path(), ".otlp").size() == 2);
  CHECK(files_in(directory.path(), ".sending").size() == 1);
  spooling with{directory.path()};
  with.push("ddd");
  CHECK(detail::background.recovered.read() == 3);
  CHECK(detail::background.recovered_in_flight.read() == 1);
  CHECK(spooled() == 3);
  REQUIRE(spooling::lines().size() == 1);
  CHECK(has(spooling::lines()[0], "sending 3 spans that were left in " + directory.path()));
  with.attempt_all();
  CHECK(with.to->given == std::vector<std::string>{"aaa", "bbb", "ccc", "ddd"});
  CHECK(detail::background.exported.read() == 4);
  CHECK(spooled() == 0);
  CHECK(directories_in(directory.path()) == 0);
}

TEST_CASE("what is left at the end stays on disk and is counted as held, and another provider of the process does not count it again") {
  temporary_directory const directory;
  {
    spooling with{directory.path()};
    with.to->answer = outcome::retry;
    with.push("aaa", 3);
    with.attempt();
    with.push("bbb", 4);
    with.end();
    CHECK(spooled() == 7);
    CHECK(detail::background.dropped_shutdown.read() == 0);
    CHECK(has(spooling::lines().back(), "7 spans wait in " + directory.path()));
    CHECK(files_in(directory.path(), ".otlp").size() == 2);
  }
  spooling with{directory.path()};
  CHECK(detail::background.recovered.read() == 0);
  with.attempt_all();
  CHECK(with.to->given == std::vector<std::string>{"aaa", "bbb"});
  CHECK(directories_in(directory.path()) == 0);
}

TEST_CASE("broken files are removed and told once, and a batch is sent as it was written, or not at all") {
  temporary_directory const directory;
  leave_behind(directory.path(), {"first", "second", "third", "fourth"});
  auto const there = files_in(directory.path(), ".otlp");
  REQUIRE(there.size() == 4);
  files::resize_file(there[0], files::file_size(there[0]) - 1);
  {
    std::fstream changed{there[1], std::ios::in | std::ios::out};
    changed.seekp(-1, std::ios::end);
    changed.put('X');
  }
  std::ofstream{there[2], std::ios::trunc} << "something else that is long enough for a header";
  std::ofstream{there[3].parent_path() / "0000000000000001.tmp"} << "not finished";
  std::ofstream{there[3].parent_path() / "note"} << "somebody's";
  spooling with{directory.path()};
  CHECK(detail::background.recovered.read() == 1);
  CHECK(std::count_if(spooling::lines().begin(), spooling::lines().end(), [](auto const& line) { return has(line, "4 broken files were removed"); }) == 1);
  with.attempt_all();
  CHECK(with.to->given == std::vector<std::string>{"fourth"});
  CHECK(files_in(directory.path(), ".otlp").empty());
  CHECK(files_in(directory.path(), ".tmp").empty());
  CHECK(files::exists(there[3].parent_path() / "note"));
}

TEST_CASE("each spool of many that were killed is adopted by exactly one of many that start") {
  temporary_directory const directory;
  constexpr int count = 20;
  for (int i = 0; i < count; ++i) leave_behind(directory.path(), {"batch " + std::to_string(i)});
  REQUIRE(directories_in(directory.path()) == count);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  int gate[2];
  REQUIRE(::pipe(gate) == 0);
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i)
    children.push_back(start([&] {
      char byte = 0;
      ::close(gate[1]);
      if (::read(gate[0], &byte, 1) != 0) return 1;  // until it is closed, for all at once
      spooling with{directory.path()};
      with.attempt_all();
      for (std::string const& text : with.to->given)
        if (std::string const line = text + "\n"; ::write(ends[1], line.data(), line.size()) < 0) return 2;
      with.end();
      return 0;
    }));
  ::close(gate[0]);
  ::close(gate[1]);
  ::close(ends[1]);
  for (pid_t const child : children) CHECK(end_of(child) == 0);
  std::string all;
  char part[256];
  for (ssize_t got = ::read(ends[0], part, sizeof part); got > 0; got = ::read(ends[0], part, sizeof part)) all.append(part, static_cast<std::size_t>(got));
  ::close(ends[0]);
  CHECK(std::count(all.begin(), all.end(), '\n') == count);
  for (int i = 0; i < count; ++i) CHECK(has(all, "batch " + std::to_string(i) + "\n"));
  CHECK(directories_in(directory.path()) == 0);
}

TEST_CASE("what a process leaves while another one lives is found by that one, too") {
  temporary_directory const directory;
  constexpr std::uint64_t often = 1'000'000;
  spooling with{directory.path(), 1u << 20, nullptr, 1u << 20, often};
  leave_behind(directory.path(), {"of a worker"});
  CHECK(with.tested->aside_due() <= detail::monotonic_nanoseconds() + often);  // it wakes for it
  while (with.tested->empty()) with.tested->aside(with.wait);
  with.attempt_all();
  CHECK(with.to->given == std::vector<std::string>{"of a worker"});
  CHECK(detail::background.recovered.read() == 1);
}

TEST_CASE("the spool of a living process is its own, also for those that it forks") {
  temporary_directory const directory;
  spooling with{directory.path()};
  with.to->answer = outcome::retry;
  with.push("mine");
  with.attempt();
  with.aside();
  for (int i = 0; i < 3; ++i) {
    // A forked child has a provider of its own, and leaves the inherited one alone.
    CHECK(end_of(start([&] {
      spooling child{directory.path()};
      child.to->answer = outcome::retry;
      child.push("child's");
      child.attempt();
      child.aside();
      return directories_in(directory.path()) == 2 && detail::background.recovered.read() == 0 ? (child.to->answer = outcome::success, child.attempt_all(), child.end(), 0) : 1;
    })) == 0);
  }
  with.to->answer = outcome::success;
  with.to->given.clear();
  with.attempt_all();
  CHECK(with.to->given == std::vector<std::string>{"mine"});
}

// ---- a disk that refuses ----------------------------------------------------------------------------------------------------

namespace {

// No assertions inside: it runs in a child.
int survives_a_full_disk(std::string const& directory, std::function<void()> const& make_room) {
  spooling with{directory, 64u << 20};
  with.to->answer = outcome::retry;
  std::uint64_t pushed = 0;
  for (int i = 0; i < 40; ++i) {
    with.push(std::string(8'000, static_cast<char>('a' + i % 26)), 1);
    ++pushed;
    if (i == 0) with.attempt();
    with.aside();
  }
  auto const told = [](char const* what) { return std::count_if(spooling::lines().begin(), spooling::lines().end(), [&](auto const& line) { return has(line, what); }); };
  if (told("cannot write to the spool") != 1) return 1;
  if (!files_in(directory, ".tmp").empty()) return 2;  // no half of one is left
  if (spooled() + detail::background.queue_bytes.load() / 8'000 != pushed) return 3;
  if (detail::background.queue_bytes.load() == 0) return 4;
  make_room();
  with.end();  // tried again
  if (spooled() != pushed) return 5;
  return 0;
}

}  // namespace

TEST_CASE("batches that a full disk does not take wait in memory, and go there when there is room") {
  temporary_directory const directory;
  SECTION("no file may be so large") {
    CHECK(end_of(start([&] {
      rlimit limit{4'000, RLIM_INFINITY};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      return survives_a_full_disk(directory.path(), [] {
        rlimit const none{RLIM_INFINITY, RLIM_INFINITY};
        ::setrlimit(RLIMIT_FSIZE, &none);
      });
    })) == 0);
  }
  SECTION("a file system that is full, where we may mount one") {
    if (::mount("none", directory.path().c_str(), "tmpfs", 0, "size=128k") != 0) return;
    int const end = end_of(start([&] {
      return survives_a_full_disk(directory.path(), [&] { ::mount("none", directory.path().c_str(), "tmpfs", MS_REMOUNT, "size=4m"); });
    }));
    ::umount(directory.path().c_str());
    CHECK(end == 0);
  }
}

// ---- a disk that hangs ------------------------------------------------------------------------------------------------------

namespace {

// Nothing that a test may have hangs in the kernel: rename() does, where it is told to, for the whole program.
struct hanging_disk {
  std::atomic<bool> hangs{false};
  std::atomic<int> reached{0};
  std::atomic<int> passed{0};
};
hanging_disk disk;

std::size_t threads() { return static_cast<std::size_t>(std::distance(files::directory_iterator{"/proc/self/task"}, files::directory_iterator{})); }

}  // namespace

extern "C" int rename(char const* from, char const* to) noexcept {
  if (disk.hangs) {
    ++disk.reached;
    disk.hangs.wait(true);
    ++disk.passed;
  }
  return ::renameat(AT_FDCWD, from, AT_FDCWD, to);
}

// ---- through a provider -----------------------------------------------------------------------------------------------------

namespace {

// Hangs, as long as it is waited for.
class hanging_exporter final : public nanospan::exporter {
 public:
  export_result export_batch(batch const&, export_wait& wait) override {
    ++begun;
    return {wait.wait(-1, false, detail::monotonic_nanoseconds() + 600 * seconds) == export_wait::outcome::stopped ? outcome::unconfirmed : outcome::retry, 0, {}, "hangs"};
  }
  std::string description() const override { return "hangs"; }
  std::atomic<int> begun{0};
};
class counting_exporter final : public nanospan::exporter {
 public:
  export_result export_batch(batch const& spans, export_wait&) override {
    taken += spans.span_count;
    return {};
  }
  std::string description() const override { return "counts"; }
  std::atomic<std::size_t> taken{0};
};
nanospan::options quiet(std::shared_ptr<nanospan::exporter> to) {
  nanospan::options with;
  with.exporter = std::move(to);
  with.max_batch_spans = 10;
  with.shutdown_limit = std::chrono::milliseconds{400};
  with.on_message = [](std::string_view) noexcept {};
  return with;
}
void record(int spans) {
  for (int i = 0; i < spans; ++i) NANOSPAN("recorded");
}
template <typename Condition>
bool comes_true(Condition&& condition) {
  for (std::uint64_t const end = detail::monotonic_nanoseconds() + 30 * seconds; detail::monotonic_nanoseconds() < end;)
    if (condition()) return true;
  return false;
}
bool balanced(nanospan::stats_snapshot const& now) { return now.ended + now.recovered == now.accounted(); }

}  // namespace

TEST_CASE("the fallback gets what overflows while the exporter hangs, and the rest at the end") {
  auto const before = nanospan::stats();
  auto const fallback = std::make_shared<counting_exporter>();
  auto const hangs = std::make_shared<hanging_exporter>();
  auto with = quiet(hangs);
  with.fallback = fallback;
  with.max_batch_bytes = 4'096;
  with.max_queue_bytes = 16'384;
  {
    nanospan::tracer_provider tracing{std::move(with)};
    record(10);
    REQUIRE(comes_true([&] { return hangs->begun == 1; }));
    for (int i = 0; i < 100; ++i) {
      record(10);
      REQUIRE(nanospan::drain());
    }
    REQUIRE(comes_true([&] { return fallback->taken > 800; }));
    CHECK(hangs->begun == 1);
  }
  auto const now = nanospan::stats();
  CHECK(balanced(now));
  CHECK(now.fallback - before.fallback == 1'010);  // the one that hung included
  CHECK(fallback->taken == 1'010);
  CHECK(now.dropped.total() == before.dropped.total());
}

TEST_CASE("what an exporter that hangs leaves at the end is in the spool, and reaches the next provider's") {
  temporary_directory const directory;
  auto const before = nanospan::stats();
  {
    auto with = quiet(std::make_shared<hanging_exporter>());
    with.spool_directory = directory.path();
    nanospan::tracer_provider const tracing{std::move(with)};
    for (int i = 0; i < 10; ++i) {
      record(50);
      REQUIRE(nanospan::drain());  // what the smallest ring holds, which may be an earlier test's
    }
  }
  auto now = nanospan::stats();
  CHECK(balanced(now));
  CHECK(now.spooled - before.spooled == 500);
  CHECK(now.held - before.held == 500);
  CHECK(now.dropped.total() == before.dropped.total());
  auto const counts = std::make_shared<counting_exporter>();
  auto with = quiet(counts);
  with.spool_directory = directory.path();
  with.background_thread = GENERATE(true, false);
  {
    nanospan::tracer_provider tracing{std::move(with)};
    record(7);
    CHECK(tracing.flush(std::chrono::seconds{30}));
    CHECK(counts->taken == 507);
  }
  now = nanospan::stats();
  CHECK(balanced(now));
  CHECK(now.exported - before.exported == 507);
  CHECK(now.spooled == before.spooled);
  CHECK(now.held == before.held);
  CHECK(now.recovered == before.recovered);
  CHECK(directories_in(directory.path()) == 0);
}

TEST_CASE("a spool whose disk hangs keeps no ring from being drained, and no end from coming") {
  temporary_directory const directory;
  bool const while_spooling = GENERATE(true, false);  // else while a batch is fetched to be sent
  CAPTURE(while_spooling);
  disk.reached = disk.passed = 0;
  auto const before = nanospan::stats();
  std::size_t const threads_before = threads();
  if (!while_spooling) {
    leave_behind(directory.path(), {"left"});
    disk.hangs = true;  // reading it begins with a mark that it is being sent
  }
  std::uint64_t end_begins = 0;
  {
    auto with = quiet(std::make_shared<hanging_exporter>());
    with.spool_directory = directory.path();
    nanospan::tracer_provider const tracing{std::move(with)};
    if (while_spooling) disk.hangs = true;
    std::uint64_t recorded = 0;
    for (int i = 0; i < 40; ++i) {
      record(50);
      recorded += 50;
      REQUIRE(nanospan::drain());
    }
    CHECK(nanospan::stats().ended - before.ended == recorded);
    if (!while_spooling) REQUIRE(comes_true([&] { return disk.reached > 0; }));
    end_begins = detail::monotonic_nanoseconds();
  }
  CHECK(detail::monotonic_nanoseconds() - end_begins < detail::disk_turns::limit);  // nobody has waited for the disk
  CHECK(disk.reached == 1);
  CHECK(disk.passed == 0);
  auto const now = nanospan::stats();
  CHECK(balanced(now));
  CHECK(now.dropped.ring_full == before.dropped.ring_full);
  CHECK(now.dropped.total() - before.dropped.total() + now.unconfirmed - before.unconfirmed + now.held - before.held == 2'000 + (while_spooling ? 0u : 1u));
  disk.hangs = false;
  disk.hangs.notify_all();
  REQUIRE(comes_true([&] { return threads() == threads_before; }));
  CHECK(disk.passed == 1);
}
