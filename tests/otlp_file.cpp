// SPDX-License-Identifier: Apache-2.0

// Through nanospan::otlp_file_exporter: exporters/otlp_file.hpp has bodies that exist once in a program.
#include <nanospan/exporter.hpp>

#include <nanospan/macros.hpp>
#include <nanospan/otlp_json.hpp>
#include <nanospan/tracer_provider.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)  // it has no threads in a forked child
#define NANOSPAN_TEST_UNDER_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NANOSPAN_TEST_UNDER_TSAN
#endif
#endif

using nanospan::batch;
using nanospan::export_result;
using nanospan::otlp_file_exporter;
using outcome = export_result::outcome;
namespace fs = std::filesystem;

namespace {

class folder {
 public:
  folder() {
    std::string name = (fs::temp_directory_path() / "nanospan-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  folder(folder const&) = delete;
  folder& operator=(folder const&) = delete;
  ~folder() { fs::remove_all(path_); }
  std::string operator/(std::string const& name) const { return (path_ / name).string(); }
  std::set<std::string> names() const {
    std::set<std::string> all;
    for (auto const& entry : fs::directory_iterator{path_}) all.insert(entry.path().filename().string());
    return all;
  }
  fs::path const& path() const { return path_; }

 private:
  fs::path path_;
};

// Waits as a pipeline does; stops at `most` waits.
class plain_wait final : public nanospan::export_wait {
 public:
  outcome wait(int descriptor, bool writable, std::uint64_t deadline) override {
    if (++calls > most) return outcome::stopped;
    for (;;) {
      pollfd watched{descriptor, static_cast<short>(writable ? POLLOUT : POLLIN), 0};
      if (::poll(&watched, 1, 1) == 1) return outcome::ready;
      if (nanospan::detail::monotonic_nanoseconds() >= deadline) return outcome::timed_out;
    }
  }
  int calls = 0;
  int most = 1'000'000;
};

// One span of that name, and bytes to make it so long.
batch named(std::string const& name, std::size_t padding = 0) {
  using namespace nanospan::detail;
  reverse_writer message{padding + 1024};
  message.bytes_field(3, std::string(padding, 'p'));  // the tracestate
  message.bytes_field(5, name);
  for (std::uint32_t const field : {2u, 2u, 1u}) message.end_message(field, 0);
  return {std::string{message.view()}, 1};
}
std::string line_of(batch const& one) {
  std::string line;
  nanospan::detail::append_otlp_json(line, one.otlp);
  return line + "\n";
}
std::string content(std::string const& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream all;
  all << file.rdbuf();
  return std::move(all).str();
}
void put(std::string const& path, std::string_view text) { std::ofstream{path, std::ios::binary} << text; }

template <typename Condition>
bool becomes(Condition&& condition) {
  for (int i = 0; i < 60'000; ++i) {
    if (condition()) return true;
    ::usleep(1000);
  }
  return false;
}
bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

TEST_CASE("a batch is a line, after those that are there") {
  folder const in;
  std::string const path = in / "traces.jsonl";
  plain_wait wait;
  {
    otlp_file_exporter tested{{.path = path}};
    CHECK(in.names().empty());  // nothing is done before there is something to write
    REQUIRE(tested.export_batch(named("a"), wait).what == outcome::success);
    REQUIRE(tested.export_batch(named("b\n"), wait).what == outcome::success);
    CHECK(tested.shutdown(wait) == 0);
    CHECK(tested.description() == "OTLP/JSON lines in " + path);
  }
  otlp_file_exporter again{{.path = path}};
  REQUIRE(again.export_batch(named("c"), wait).what == outcome::success);
  REQUIRE(again.shutdown(wait) == 0);
  REQUIRE(again.export_batch(named("d"), wait).what == outcome::success);  // another provider's
  CHECK(content(path) == line_of(named("a")) + line_of(named("b\n")) + line_of(named("c")) + line_of(named("d")));
  CHECK(in.names() == std::set<std::string>{"traces.jsonl"});
}

TEST_CASE("a line that a killed process did not finish is ended before the next") {
  folder const in;
  std::string const path = in / "traces.jsonl";
  plain_wait wait;
  put(path, R"({"resourceSpans":[{"sco)");
  otlp_file_exporter tested{{.path = path}};
  REQUIRE(tested.export_batch(named("a"), wait).what == outcome::success);
  put(path, content(path) + "{\"res");  // by another one, meanwhile
  REQUIRE(tested.export_batch(named("b"), wait).what == outcome::success);
  REQUIRE(tested.export_batch(named("c"), wait).what == outcome::success);
  CHECK(content(path) == "{\"resourceSpans\":[{\"sco\n" + line_of(named("a")) + "{\"res\n" + line_of(named("b")) + line_of(named("c")));
}

TEST_CASE("a file begins anew when a line would make it too large, and so many are kept") {
  folder const in;
  std::string const path = in / "traces.jsonl";
  plain_wait wait;
  std::size_t const line = line_of(named("00", 100)).size();
  std::size_t files = 0;
  SECTION("three") { files = 3; }
  SECTION("one") { files = 1; }
  SECTION("two") { files = 2; }
  SECTION("all") { files = static_cast<std::size_t>(-1); }
  otlp_file_exporter tested{{.path = path, .max_bytes = 4 * line + 1, .max_files = files}};
  std::vector<std::string> expected;  // the youngest first
  for (int i = 10; i < 50; ++i) {
    batch const one = named(std::to_string(i), 100);
    REQUIRE(tested.export_batch(one, wait).what == outcome::success);
    if ((i - 10) % 4 == 0) expected.insert(expected.begin(), "");
    expected.front() += line_of(one);
    if (expected.size() > files) expected.pop_back();
    REQUIRE(in.names().size() == expected.size());
    REQUIRE(content(path) == expected[0]);
    for (std::size_t at = 1; at < expected.size(); ++at) REQUIRE(content(path + "." + std::to_string(at)) == expected[at]);
  }
  batch const large = named("large", 10 * line);
  REQUIRE(tested.export_batch(large, wait).what == outcome::success);
  CHECK(content(path) == line_of(large));  // alone
  REQUIRE(tested.export_batch(named("next"), wait).what == outcome::success);
  CHECK(content(path) == line_of(named("next")));
}

TEST_CASE("without a limit a file is never begun anew, and a symbolic link is never renamed") {
  folder const in;
  plain_wait wait;
  std::string all;
  REQUIRE(::symlink((in / "target").c_str(), (in / "link").c_str()) == 0);
  otlp_file_exporter unlimited{{.path = in / "unlimited", .max_bytes = 0}};
  otlp_file_exporter linked{{.path = in / "link", .max_bytes = 1}};
  for (int i = 0; i < 3; ++i) {
    all += line_of(named("n"));
    REQUIRE(unlimited.export_batch(named("n"), wait).what == outcome::success);
    REQUIRE(linked.export_batch(named("n"), wait).what == outcome::success);
  }
  CHECK(content(in / "unlimited") == all);
  CHECK(content(in / "target") == all);
  CHECK(in.names() == std::set<std::string>{"link", "target", "unlimited"});
}

TEST_CASE("what the disk refuses is worth another attempt, is said, and succeeds when there is nothing to refuse any more") {
  folder const in;
  plain_wait wait;
  std::string const directory = in / "logs";
  std::string const path = directory + "/traces.jsonl";
  otlp_file_exporter tested{{.path = path, .max_bytes = 100, .max_files = 2}};
  auto const refused = [&](std::string const& why) {
    auto const result = tested.export_batch(named("a"), wait);
    CAPTURE(result.message);
    CHECK(result.what == outcome::retry);
    CHECK(result.message == path + ": " + why);
  };
  refused("No such file or directory");  // the directory
  REQUIRE(::mkdir(directory.c_str(), 0755) == 0);
  REQUIRE(tested.export_batch(named("b"), wait).what == outcome::success);
  fs::remove_all(directory);
  refused("No such file or directory");
  REQUIRE(::mkdir(directory.c_str(), 0755) == 0);
  REQUIRE(::mkdir((path + ".1").c_str(), 0755) == 0);  // in the way of the next file
  REQUIRE(tested.export_batch(named("c"), wait).what == outcome::success);
  refused("cannot begin another file: Is a directory");
  CHECK(content(path) == line_of(named("c")));
  REQUIRE(::rmdir((path + ".1").c_str()) == 0);
  REQUIRE(tested.export_batch(named("d"), wait).what == outcome::success);
  CHECK(content(path) == line_of(named("d")));
  CHECK(content(path + ".1") == line_of(named("c")));
  REQUIRE(::unlink(path.c_str()) == 0);  // while it is open
  REQUIRE(tested.export_batch(named("e"), wait).what == outcome::success);
  CHECK(content(path) == line_of(named("e")));
}

TEST_CASE("of a line that does not fit on the disk nothing is left, and no signal ends the program") {
  folder const in;
  plain_wait wait;
  std::string const path = in / "traces.jsonl";
  otlp_file_exporter tested{{.path = path}};
  REQUIRE(tested.export_batch(named("a"), wait).what == outcome::success);
  std::string const before = content(path);
  rlimit whole{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &whole) == 0);
  rlimit const small{before.size() + 5000, whole.rlim_max};  // a part of the next line fits
  export_result result;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  result = tested.export_batch(named("b", 100'000), wait);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &whole) == 0);
  CHECK(result.what == outcome::retry);
  CHECK(result.message == path + ": File too large");
  CHECK(content(path) == before);
  REQUIRE(tested.export_batch(named("b", 100'000), wait).what == outcome::success);
  CHECK(content(path) == before + line_of(named("b", 100'000)));

  otlp_file_exporter full{{.path = "/dev/full"}};
  result = full.export_batch(named("a"), wait);
  CHECK(result.what == outcome::retry);
  CHECK(result.message == "/dev/full: No space left on device");
}

TEST_CASE("a pipe without a reader is refused, and one whose reader hangs is waited for elsewhere") {
  folder const in;
  plain_wait wait;
  std::string const path = in / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  batch const large = named("large", 200'000);  // more than a pipe holds
  otlp_file_exporter tested{{.path = path, .max_bytes = 1}};
  auto result = tested.export_batch(large, wait);
  CHECK(result.what == outcome::retry);
  CHECK(result.message == path + ": No such device or address");

  int const reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  int filled = 0;
  wait.most = wait.calls;  // the provider stops
  for (auto expected = outcome::retry; expected == outcome::retry;) {  // not begun yet, where the other thread is late
    result = tested.export_batch(large, wait);
    if (result.what == outcome::unconfirmed) expected = outcome::unconfirmed;
    else REQUIRE(result.what == outcome::retry);
    CHECK(result.message == path + ": the disk does not answer");
    ::usleep(1000);
  }
  REQUIRE(becomes([&] { return ::ioctl(reader, FIONREAD, &filled) == 0 && filled >= 65'536; }));
  CHECK(tested.export_batch(named("another"), wait).what == outcome::retry);  // has not begun
  CHECK(tested.export_batch(large, wait).what == outcome::unconfirmed);

  // It goes on, and the same batch is not written again.
  std::string read;
  std::thread reading{[&] {
    char bytes[65'536];
    std::string const end = "\"another\"}]}]}]}\n";
    while (read.find(end) == std::string::npos) {
      pollfd readable{reader, POLLIN, 0};
      if (::poll(&readable, 1, 60'000) != 1) return;
      if (ssize_t const got = ::read(reader, bytes, sizeof bytes); got > 0) read.append(bytes, static_cast<std::size_t>(got));
    }
  }};
  wait.most = 1'000'000;
  CHECK(tested.export_batch(large, wait).what == outcome::success);
  CHECK(tested.export_batch(named("another"), wait).what == outcome::success);
  reading.join();
  ::close(reader);
  CHECK((read == line_of(large) + line_of(named("another"))));
  result = tested.export_batch(named("nobody"), wait);  // nor does SIGPIPE end the program
  CHECK(result.what == outcome::retry);
  CHECK(result.message == path + ": Broken pipe");
}

TEST_CASE("a provider whose disk hangs records, is drained and ends in time, and its account is exact") {
  folder const in;
  std::string const path = in / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  int const reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  auto const before = nanospan::stats();
  std::uint64_t recorded = 0;
  {
    nanospan::tracer_provider tracing{{.exporter = std::make_shared<otlp_file_exporter>(nanospan::otlp_file_options{.path = path}),
                                       .max_batch_spans = 512,
                                       .ring_bytes = 64u << 10,
                                       .shutdown_limit = nanospan::duration::of_milliseconds(100),
                                       .on_message = [](std::string_view) noexcept {}}};
    REQUIRE(nanospan::warm_thread());
    nanospan::detail::ring const& ring = nanospan::detail::this_thread.slot->ring;
    while (recorded < 21'000) {
      for (std::size_t k = 0; k < ring.capacity() / 256; ++k, ++recorded) {  // no more than it holds, however small an earlier test has made it
        NANOSPAN("one", {"k", k});
      }
      REQUIRE(becomes([&] { return ring.published() == ring.consumed(); }));
    }
  }
  auto const account = support::since(before);
  CHECK(account.ended == recorded);
  CHECK(account.dropped.ring_full == 0);
  CHECK(account.exported < recorded);
  CHECK(account.unconfirmed > 0);
  ::close(reader);
}

TEST_CASE("the path is what it was when the exporter was made, and standard output is -") {
  folder const in;
  plain_wait wait;
  fs::path const here = fs::current_path();
  fs::current_path(in.path());
  otlp_file_exporter tested{{.path = "traces.jsonl"}};
  fs::current_path(here);
  auto const child = tested.for_child();
  REQUIRE(child);
  REQUIRE(tested.export_batch(named("a"), wait).what == outcome::success);
  REQUIRE(child->export_batch(named("b"), wait).what == outcome::success);
  CHECK(content(in / "traces.jsonl") == line_of(named("a")) + line_of(named("b")));
  CHECK(tested.description() == child->description());

  std::fflush(stdout);
  int const kept = ::dup(STDOUT_FILENO);
  int const file = ::open((in / "stdout").c_str(), O_WRONLY | O_CREAT, 0600);
  REQUIRE(::dup2(file, STDOUT_FILENO) == STDOUT_FILENO);
  otlp_file_exporter standard{{.path = "-", .max_bytes = 1}};
  auto const first = standard.export_batch(named("a"), wait);
  auto const second = standard.export_batch(named("b"), wait);
  ::dup2(kept, STDOUT_FILENO);
  ::close(kept);
  ::close(file);
  CHECK(first.what == outcome::success);
  CHECK(second.what == outcome::success);
  CHECK(content(in / "stdout") == line_of(named("a")) + line_of(named("b")));
}

TEST_CASE("a path that cannot be one and no files at all are refused") {
  auto const why = [](nanospan::otlp_file_options with) {
    try {
      otlp_file_exporter const tested{std::move(with)};
    } catch (nanospan::configuration_error const& error) {
      return std::string{error.what()};
    }
    return std::string{};
  };
  CHECK(why({.path = ""}) == "otlp_file: path is empty");
  CHECK(why({.path = "x", .max_files = 0}) == "otlp_file: max_files is 0; the current file is one");
}

#if !defined(NANOSPAN_TEST_UNDER_TSAN)

namespace {

// In a child: writes batches of that name and a number until it is killed or has written `most`; each that is exported is told as a byte.
pid_t start_writer(std::string const& path, std::string const& name, std::size_t padding, int most, int told, nanospan::otlp_file_options with = {}) {
  pid_t const child = ::fork();
  REQUIRE(child >= 0);
  if (child != 0) return child;
  ::alarm(120);
  plain_wait wait;
  with.path = path;
  otlp_file_exporter exporter{with};
  for (int i = 0; i < most; ++i) {
    auto const result = exporter.export_batch(named(name + std::to_string(i), padding), wait);
    if (result.what != outcome::success || ::write(told, "", 1) != 1) ::_exit(1);
  }
  ::_exit(0);
}

}  // namespace

TEST_CASE("after a kill every line but the last is whole, and what was exported is there") {
  constexpr std::size_t padding = 300'000;
  std::mt19937 random{5};
  std::size_t broken = 0;
  folder const in;
  std::string const path = in / "traces.jsonl";
  std::string expected_before;
  for (int round = 0; round < 30; ++round) {
    CAPTURE(round);
    int told[2];
    REQUIRE(::pipe(told) == 0);
    std::string const name = "round" + std::to_string(round) + "-";
    pid_t const writer = start_writer(path, name, padding, 1'000'000, told[1], {.path = {}, .max_bytes = 0});
    ::close(told[1]);
    char byte = 0;
    REQUIRE(::read(told[0], &byte, 1) == 1);
    std::size_t exported = 1;
    ::usleep(static_cast<useconds_t>(random() % 3'000));  // any moment will do
    ::kill(writer, SIGKILL);
    ::waitpid(writer, nullptr, 0);
    while (::read(told[0], &byte, 1) == 1) ++exported;
    ::close(told[0]);

    std::string const all = content(path);
    REQUIRE((all.size() >= expected_before.size() && std::string_view{all}.substr(0, expected_before.size()) == expected_before));
    std::string_view rest = std::string_view{all}.substr(expected_before.size());
    if (!expected_before.empty() && expected_before.back() != '\n') {
      REQUIRE(rest.front() == '\n');  // the round before broke it
      rest.remove_prefix(1);
    }
    std::size_t whole = 0;
    for (; has(rest, "\n"); ++whole) {
      std::string const line = line_of(named(name + std::to_string(whole), padding));
      REQUIRE((rest.starts_with(line)));
      rest.remove_prefix(line.size());
    }
    CHECK(whole >= exported);
    CHECK(whole <= exported + 1);  // one may not have been told
    broken += rest.empty() ? 0u : 1u;
    expected_before = all;
    if (all.size() > (64u << 20)) {
      fs::remove(path);
      expected_before.clear();
    }
  }
  std::printf("%zu of 30 kills broke a line\n", broken);
}

TEST_CASE("several processes write whole lines, and begin another file together once") {
  folder const in;
  std::string const path = in / "traces.jsonl";
  constexpr std::size_t processes = 4;
  constexpr std::size_t lines = 150;
  int const nowhere = ::open("/dev/null", O_WRONLY);
  std::vector<pid_t> all;
  all.reserve(processes);
  for (std::size_t i = 0; i < processes; ++i)
    all.push_back(start_writer(path, "process" + std::to_string(i) + "-", 2'000, static_cast<int>(lines), nowhere, {.path = {}, .max_bytes = 20'000, .max_files = 1'000}));
  for (pid_t const one : all) {
    int status = -1;
    REQUIRE(::waitpid(one, &status, 0) == one);
    REQUIRE(status == 0);
  }
  ::close(nowhere);
  std::multiset<std::string> found;
  for (auto const& name : in.names()) {
    std::string const text = content(in / name);
    CHECK(text.size() <= 20'000);
    if (name != "traces.jsonl") CHECK(text.size() > 17'000);  // none was begun too early
    for (std::size_t at = 0; at < text.size();) {
      std::size_t const end = text.find('\n', at);
      REQUIRE(end != std::string::npos);
      found.insert(text.substr(at, end + 1 - at));
      at = end + 1;
    }
  }
  CHECK(found.size() == processes * lines);
  for (std::size_t i = 0; i < processes; ++i)
    for (std::size_t k = 0; k < lines; ++k) REQUIRE(found.count(line_of(named("process" + std::to_string(i) + "-" + std::to_string(k), 2'000))) == 1);
}

TEST_CASE("a file that may not be written to is worth another attempt") {
  folder const in;
  std::string const path = in / "traces.jsonl";
  put(path, "");
  REQUIRE(::chmod(path.c_str(), 0444) == 0);
  REQUIRE(::chmod(in.path().c_str(), 0755) == 0);
  pid_t const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);
    if (::getuid() == 0 && ::setuid(65534) != 0) ::_exit(2);  // whom nothing is forbidden
    plain_wait wait;
    otlp_file_exporter tested{{.path = path}};
    auto const result = tested.export_batch(named("a"), wait);
    ::_exit(result.what == outcome::retry && result.message == path + ": Permission denied" ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

#endif
