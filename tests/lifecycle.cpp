// SPDX-License-Identifier: Apache-2.0

// LIFECYCLE.md, row by row: a process for each, and a collector.

#include "lifecycle/ledger.hpp"

#include "catch.hpp"
#include "support/collector.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <new>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct row {
  std::string what, way, ends_with, recorded, sent, counted, lost;
};

std::string trimmed(std::string const& text) {
  auto const first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::vector<row> rows_of(std::istream& in) {
  std::vector<row> rows;
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string> cells;
    std::istringstream parts{line};
    for (std::string cell; std::getline(parts, cell, '|');) cells.push_back(trimmed(cell));
    if (cells.size() == 8 && cells[2] != "way" && cells[2] != "---") rows.push_back({cells[1], cells[2], cells[3], cells[4], cells[5], cells[6], cells[7]});
  }
  return rows;
}

// The names of the ways that the programs know.
std::set<std::string> ways() {
  std::set<std::string> names;
  for (char const* const program : {NANOSPAN_TEST_PROGRAM, NANOSPAN_TEST_HOST}) {
    std::FILE* const output = ::popen(program, "r");
    char line[256];
    while (std::fgets(line, sizeof line, output) != nullptr) names.insert(trimmed(std::string{line}.substr(0, std::string{line}.find('\n'))));
    ::pclose(output);
  }
  return names;
}

class program {
 public:
  program(std::string const& way, std::string const& url) : shared_{::memfd_create("ledger", 0)}, errors_{::memfd_create("errors", 0)} {
    REQUIRE(::ftruncate(shared_, sizeof(lifecycle_ledger)) == 0);
    void* const memory = ::mmap(nullptr, sizeof(lifecycle_ledger), PROT_READ | PROT_WRITE, MAP_SHARED, shared_, 0);
    REQUIRE(memory != MAP_FAILED);
    ledger = ::new (memory) lifecycle_ledger{};
    // What it runs under, if anything: valgrind; and another build of it.
    std::vector<std::string> words;
    char const* const under = std::getenv("NANOSPAN_TEST_UNDER");
    char const* const other = std::getenv("NANOSPAN_TEST_OTHER_PROGRAM");
    std::istringstream parts{under != nullptr ? under : ""};
    for (std::string word; parts >> word;) words.push_back(word);
    char const* const mine = way.starts_with("library_") ? NANOSPAN_TEST_HOST : NANOSPAN_TEST_PROGRAM;
    for (std::string const& word : {std::string{other != nullptr ? other : mine}, way, url, std::to_string(shared_)}) words.push_back(word);
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(errors_, STDERR_FILENO);
      ::execvp(arguments.front(), arguments.data());
      ::_exit(127);
    }
    REQUIRE(process_ > 0);
  }
  program(program const&) = delete;
  program& operator=(program const&) = delete;
  ~program() {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
    ::munmap(ledger, sizeof *ledger);
    ::close(shared_);
    ::close(errors_);
  }

  // Stopped for at least so long.
  void suspend(std::chrono::milliseconds at_least) const {
    ::kill(process_, SIGSTOP);
    int status = 0;
    REQUIRE(::waitpid(process_, &status, WUNTRACED) == process_);
    REQUIRE(WIFSTOPPED(status));
    std::this_thread::sleep_for(at_least);
  }
  void go_on() const { ::kill(process_, SIGCONT); }
  std::string end() {
    int status = 0;
    ::waitpid(std::exchange(process_, -1), &status, 0);
    return WIFEXITED(status) ? "exit " + std::to_string(WEXITSTATUS(status)) : "signal " + std::to_string(WTERMSIG(status));
  }
  std::string errors() const {
    std::string text(65'536, '\0');
    auto const got = ::pread(errors_, text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

  lifecycle_ledger* ledger = nullptr;

 private:
  int shared_;
  int errors_;
  pid_t process_ = -1;
};

// Reads the request, and answers when the program says so.
test_collector::behaviour answer_when_told(lifecycle_ledger& ledger) {
  return [&ledger](test_collector::conversation& with) {
    if (with.read_request() == nullptr) return with.close();
    ledger.posted = 1;
    while (ledger.answer == 0)
      if (!with.pause(std::chrono::milliseconds{1})) return;
    with.take_spans();
    if (!with.send(test_collector::answer(200))) with.close();
  };
}

struct outcome {
  std::string ends_with;
  std::uint64_t recorded;
  std::uint64_t sent;
  std::size_t duplicates;
  std::map<std::string, std::uint64_t> counted;
  std::uint64_t exported;  // as the processes say that came to their end
  std::uint32_t wrong;
  std::set<std::string> instances;
  std::string errors;

  std::uint64_t counted_in_all() const {
    std::uint64_t sum = 0;
    for (auto const& [reason, spans] : counted) sum += spans;
    return sum;
  }
};

outcome outcome_of(std::string const& way) {
  test_collector collector;
  program run{way, collector.url()};
  lifecycle_ledger& ledger = *run.ledger;
  // Before the program can have sent anything: it has hardly begun.
  if (way == "fork_while_sending" || way == "cancelled_in_flush") collector.next(answer_when_told(ledger));
  if (way == "suspended_while_it_ends") {
    collector.otherwise(test_collector::hang_after());
    REQUIRE(collector.wait_for_requests(1));
    run.suspend(std::chrono::milliseconds{600});  // its end's limit is over when it goes on
    run.go_on();
  }
  if (way == "suspended") {
    while (ledger.ready == 0) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    run.suspend(std::chrono::milliseconds{50});
    ledger.answer = 1;
    run.go_on();
  }
  outcome got{run.end(), ledger.recorded, 0, 0, {}, ledger.exported, ledger.wrong, {}, run.errors()};
  for (auto const& [reason, spans] : {std::pair{"no_slot", &ledger.no_slot}, {"after_shutdown", &ledger.after_shutdown}, {"inherited", &ledger.inherited},
                                      {"interrupted", &ledger.interrupted}, {"unconfirmed", &ledger.unconfirmed}, {"other", &ledger.other_losses}})
    if (*spans != 0) got.counted[reason] = *spans;
  got.sent = collector.spans().size();
  got.duplicates = collector.duplicates();
  for (auto const& request : collector.requests()) {
    auto resource = request.resource();
    CHECK(resource["service.name"] == "lifecycle");
    got.instances.insert(resource["service.instance.id"]);
  }
  return got;
}

}  // namespace

TEST_CASE("each way to end, to fork and to be interrupted does with every span what the table says") {
  std::ifstream file{NANOSPAN_TEST_TABLE};
  auto const rows = rows_of(file);
  REQUIRE(rows.size() > 30);
  char const* const only = std::getenv("NANOSPAN_TEST_WAYS");  // by spaces; all where there are none
  std::string const chosen = only != nullptr ? ' ' + std::string{only} + ' ' : "";
  auto unseen = ways();
  for (row const& one : rows) {
    CAPTURE(one.what);
    CHECK(unseen.erase(one.way) == 1);
    if (!chosen.empty() && chosen.find(' ' + one.way + ' ') == std::string::npos) continue;
    auto const got = outcome_of(one.way);
    std::string counted;
    for (auto const& [reason, spans] : got.counted) counted += (counted.empty() ? "" : ", ") + reason + ' ' + std::to_string(spans);
    std::uint64_t const lost = got.recorded - got.sent - got.counted_in_all();
    std::printf("%-84s %-9s %6llu recorded %6llu sent %5llu lost, counted: %s\n", one.what.c_str(), got.ends_with.c_str(), static_cast<unsigned long long>(got.recorded),
                static_cast<unsigned long long>(got.sent), static_cast<unsigned long long>(lost), counted.empty() ? "-" : counted.c_str());
    std::fflush(stdout);
    CAPTURE(got.errors);
    auto const is = [](std::string const& said, std::string const& value) { return said == "n" || said == value; };
    CHECK(got.ends_with == one.ends_with);
    CHECK(is(one.recorded, std::to_string(got.recorded)));
    CHECK(is(one.sent, std::to_string(got.sent)));
    CHECK(std::to_string(lost) == one.lost);
    CHECK(got.duplicates == 0);
    CHECK(got.wrong == 0);
    if (one.lost == "0") CHECK(got.exported == got.sent);
    if (one.counted.ends_with(" n")) {
      std::string const reason = one.counted.substr(0, one.counted.find(' '));
      CHECK(got.counted_in_all() == (got.counted.contains(reason) ? got.counted.at(reason) : 0));
    } else {
      CHECK((counted.empty() ? "-" : counted) == one.counted);
    }
    // Who loses says so; who does not, and who leaves to a parent what is the parent's, says nothing; a library that is gone cannot.
    bool const is_there = !one.way.starts_with("library_") || one.way.starts_with("library_stays");
    bool const loses = is_there && got.counted_in_all() != (got.counted.contains("inherited") ? got.counted.at("inherited") : 0);
    CHECK(got.errors.empty() != loses);
  }
  for (auto const& way : unseen) {
    CAPTURE(way);
    CHECK(way == "in the table");
  }
}

TEST_CASE("each worker that is forked is an instance of its own") {
  CHECK(outcome_of("twenty_workers").instances.size() == 21);
  CHECK(outcome_of("child_exits").instances.size() == 2);
}

TEST_CASE("a child whose exporter is the parent's only says so, and how many spans that cost") {
  auto const got = outcome_of("fork_with_exporter_of_parent_only");
  CHECK(got.errors.find("nanospan: spans of this forked process are dropped: the parent's cannot be used by it") != std::string::npos);
  CHECK(got.errors.find("5 after a tracer_provider's end") == std::string::npos);
  CHECK(got.errors.find("nanospan: 5 spans were recorded after the tracer_provider's end, and are lost") != std::string::npos);
}
