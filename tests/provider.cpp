// SPDX-License-Identifier: Apache-2.0

// provider.hpp holds the bodies, which are in the implementing file; what they promise is declared here.
#include <nanospan/tracer_provider.hpp>

#include <nanospan.hpp>

#include "catch.hpp"
#include "support/collector.hpp"
#include "support/messages.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX declares it nowhere

namespace detail = nanospan::detail;
using nanospan::configuration_error;
using nanospan::duration;
using nanospan::tracer_provider;
using namespace std::chrono_literals;

using support::has;
using support::messages;

namespace {

// ---- what every test here needs ---------------------------------------------------------------------------------------------

std::size_t count(std::vector<std::string> const& lines, std::string const& part) {
  return static_cast<std::size_t>(
      std::count_if(lines.begin(), lines.end(), [&](std::string const& line) { return has(line, part); }));
}

// Without OTEL_ variables but for those that a test sets; the machine's come back with the end.
class clean_environment {
 public:
  clean_environment() {
    for (char** at = environ; *at != nullptr; ++at)
      if (std::string_view const entry{*at}; entry.starts_with("OTEL_"))
        before_.emplace_back(entry.substr(0, entry.find('=')), entry.substr(entry.find('=') + 1));
    clear();
    messages::take();
  }
  clean_environment(clean_environment const&) = delete;
  clean_environment& operator=(clean_environment const&) = delete;
  ~clean_environment() {
    clear();
    for (auto const& [name, value] : before_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  void set(std::string const& name, std::string const& value) {
    ::setenv(name.c_str(), value.c_str(), 1);
    set_.push_back(name);
  }
  void clear() {
    for (auto const& [name, value] : before_) ::unsetenv(name.c_str());
    for (auto const& name : std::exchange(set_, {})) ::unsetenv(name.c_str());
  }

 private:
  std::vector<std::pair<std::string, std::string>> before_;
  std::vector<std::string> set_;
};

// The process's account since this was made, which must be whole at every look.
class account {
 public:
  nanospan::stats_snapshot now() const {
    auto difference = nanospan::stats();
    REQUIRE(difference.ended == difference.accounted());
    difference.ended -= before_.ended;
    difference.exported -= before_.exported;
    difference.rejected -= before_.rejected;
    difference.unconfirmed -= before_.unconfirmed;
    difference.held -= before_.held;
    auto& lost = difference.dropped;
    auto const& lost_before = before_.dropped;
    lost.no_provider -= lost_before.no_provider;
    lost.after_shutdown -= lost_before.after_shutdown;
    lost.ring_full -= lost_before.ring_full;
    lost.export_failed -= lost_before.export_failed;
    lost.shutdown -= lost_before.shutdown;
    return difference;
  }

 private:
  nanospan::stats_snapshot before_ = nanospan::stats();
};

nanospan::options options_for(test_collector const& collector) {
  nanospan::options options;
  options.endpoint = collector.url();
  options.on_message = messages::keep;
  options.probe = false;  // where requests are counted
  return options;
}
// The endpoint is the environment's to say.
nanospan::options quiet() {
  nanospan::options options;
  options.probe = false;
  options.on_message = messages::keep;
  return options;
}
nanospan::options refused_options(std::uint16_t port) {
  nanospan::options options = quiet();
  options.endpoint = "http://127.0.0.1:" + std::to_string(port);
  return options;
}

void record(std::size_t spans) {
  for (std::size_t i = 0; i < spans; ++i) NANOSPAN("one");
}
// As if no provider had ever been.
void forget_providers() { detail::recording.word.store(0); }

// Takes batches and remembers what it was asked in which order.
class noting_exporter final : public nanospan::exporter {
 public:
  nanospan::export_result export_batch(nanospan::batch const& spans, nanospan::export_wait&) override {
    calls += "batch of " + std::to_string(spans.span_count) + ";";
    return {};
  }
  std::uint64_t shutdown(nanospan::export_wait&) override {
    calls += "shutdown;";
    return 0;
  }
  std::string description() const override { return "notes"; }

  std::string calls;
};

template <typename Construct>
std::string refusal(Construct construct) {
  try {
    construct();
  } catch (configuration_error const& error) {
    return error.what();
  }
  return "(accepted)";
}

// A program of its own, forked from a process that has no other thread then. `run(number)` gets what tell() says, and leaves by
// exit().
class child {
 public:
  template <typename Run>
  explicit child(Run run) {
    std::cout.flush();
    std::fflush(nullptr);
    REQUIRE(::pipe(numbers_) == 0);
    REQUIRE(::pipe(errors_) == 0);
    process_ = ::fork();
    REQUIRE(process_ >= 0);
    if (process_ != 0) {
      ::close(numbers_[0]);
      ::close(errors_[1]);
      return;
    }
    ::alarm(60);
    ::dup2(errors_[1], STDERR_FILENO);
    for (int const end : {numbers_[1], errors_[0], errors_[1]}) ::close(end);
    std::uint16_t number = 0;
    [[maybe_unused]] auto const got = ::read(numbers_[0], &number, sizeof number);
    run(number);
    ::_exit(99);
  }
  child(child const&) = delete;
  child& operator=(child const&) = delete;
  ~child() {
    if (process_ > 0) end();
  }
  void tell(std::uint16_t number) { REQUIRE(::write(numbers_[1], &number, sizeof number) == sizeof number); }

  struct ending {
    int status;  // as exit() was given it; negative: a signal
    std::string errors;
  };
  ending end() {
    ::close(numbers_[1]);
    ending made{0, ""};
    char bytes[4096];
    for (ssize_t got = 0; (got = ::read(errors_[0], bytes, sizeof bytes)) > 0;)
      made.errors.append(bytes, static_cast<std::size_t>(got));
    ::close(errors_[0]);
    int status = 0;
    ::waitpid(std::exchange(process_, -1), &status, 0);
    made.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return made;
  }

 private:
  int numbers_[2];
  int errors_[2];
  pid_t process_ = -1;
};
// In a child: an account from zero, as of a program that has just begun.
void begin_anew() {
  detail::forget_parent();
  detail::background.reset();
  forget_providers();
}

// What is written to a descriptor while this lives.
class redirected {
 public:
  explicit redirected(int descriptor) : descriptor_{descriptor}, before_{::dup(descriptor)}, file_{std::tmpfile()} {
    std::cout.flush();
    std::fflush(nullptr);
    ::dup2(::fileno(file_), descriptor_);
  }
  redirected(redirected const&) = delete;
  redirected& operator=(redirected const&) = delete;
  ~redirected() {
    restore();
    std::fclose(file_);
  }
  std::string restore() {
    if (before_ >= 0) {
      ::dup2(before_, descriptor_);
      ::close(std::exchange(before_, -1));
    }
    std::string text(65536, '\0');
    std::fseek(file_, 0, SEEK_SET);
    text.resize(std::fread(text.data(), 1, text.size(), file_));
    return text;
  }

 private:
  int descriptor_;
  int before_;
  std::FILE* file_;
};

}  // namespace

// ---- without a provider -----------------------------------------------------------------------------------------------------

TEST_CASE("spans before there is a provider are counted, and the provider that starts later tells of them at its end") {
  clean_environment environment;
  test_collector collector;
  forget_providers();
  account const since;
  record(12345);
  CHECK(since.now().dropped.no_provider == 12345);
  CHECK(since.now().ended == 12345);
  {
    tracer_provider tracing{options_for(collector)};
    record(5);
  }
  auto const now = since.now();
  CHECK(now.dropped.no_provider == 12345);
  CHECK(now.exported == 5);
  CHECK(collector.spans().size() == 5);
  auto const said = messages::take();
  CHECK(count(said, "12345 before there was a tracer_provider") == 1);
}

TEST_CASE("flush is true at once where there is no provider") {
  clean_environment environment;
  CHECK(nanospan::flush());
  CHECK(nanospan::flush(1h));
  forget_providers();
  CHECK(nanospan::flush(1h));
}

TEST_CASE("a program that records and never makes a provider is told so by one line at its end, and ends well") {
  child program{[](std::uint16_t) {
    begin_anew();
    record(7);
    std::exit(0);
  }};
  auto const ended = program.end();
  CHECK(ended.status == 0);
  CHECK(has(ended.errors, "nanospan: 7 spans were recorded"));
  CHECK(has(ended.errors, "tracer_provider"));
  CHECK(std::count(ended.errors.begin(), ended.errors.end(), '\n') == 1);
}

TEST_CASE("a program that records nothing is told nothing") {
  child program{[](std::uint16_t) {
    begin_anew();
    std::exit(3);
  }};
  auto const ended = program.end();
  CHECK(ended.status == 3);
  CHECK(ended.errors == "");
}

TEST_CASE("a program whose provider lost nothing is told nothing") {
  clean_environment environment;
  child program{[](std::uint16_t) {
    begin_anew();
    {
      nanospan::options options;
      options.exporter = std::make_shared<nanospan::memory_exporter>();
      tracer_provider tracing{std::move(options)};
      record(7);
    }
    std::exit(0);
  }};
  auto const ended = program.end();
  CHECK(ended.status == 0);
  CHECK(ended.errors == "");
}

// ---- one provider, and another ----------------------------------------------------------------------------------------------

TEST_CASE("a second provider beside the first is refused, and the first goes on") {
  clean_environment environment;
  test_collector collector;
  account const since;
  {
    tracer_provider first{options_for(collector)};
    record(1);
    for (int i = 0; i < 3; ++i) {
      std::string const said = refusal([&] { tracer_provider second{options_for(collector)}; });
      CHECK(has(said, "tracer_provider"));
      CHECK(has(said, "already"));
    }
    record(1);
    CHECK(first.flush(20s));
    CHECK(collector.spans().size() == 2);
    record(1);
  }
  CHECK(collector.spans().size() == 3);
  CHECK(since.now().exported == 3);
}

TEST_CASE("a provider may follow another, to another place") {
  clean_environment environment;
  account const since;
  for (std::size_t i = 1; i <= 5; ++i) {
    test_collector collector;
    tracer_provider tracing{options_for(collector)};
    record(i);
    CHECK(tracing.flush(20s));
    CHECK(collector.spans().size() == i);
    CHECK(since.now().exported == i * (i + 1) / 2);
  }
  record(3);
  CHECK(since.now().dropped.after_shutdown == 3);
  CHECK(since.now().ended == 18);
}

TEST_CASE("a provider that could not be made leaves the way free for one that can") {
  clean_environment environment;
  test_collector collector;
  account const since;
  nanospan::options bad = options_for(collector);
  bad.endpoint = "nonsense";
  CHECK(has(refusal([&] { tracer_provider const refused{bad}; }), "nonsense"));
  {
    tracer_provider tracing{options_for(collector)};
    record(1);
  }
  CHECK(collector.spans().size() == 1);
  CHECK(since.now().exported == 1);
}

TEST_CASE("what a span said is its own, whichever way the provider sends it") {
  clean_environment environment;
  test_collector collector;
  {
    tracer_provider tracing{options_for(collector)};
    NANOSPAN("named like no other", {"a key", "a value"});
  }
  REQUIRE(collector.requests().size() == 1);
  CHECK(has(collector.requests().front().body, "named like no other"));
  CHECK(has(collector.requests().front().body, "a value"));
}

TEST_CASE("the exporter is told of the end once, after its last batch, and let go") {
  clean_environment environment;
  auto const exporter = std::make_shared<noting_exporter>();
  for (bool const background_thread : {true, false}) {
    exporter->calls.clear();
    nanospan::options options = quiet();
    options.exporter = exporter;
    options.background_thread = background_thread;
    {
      tracer_provider tracing{std::move(options)};
      record(3);
    }
    CHECK(exporter->calls == "batch of 3;shutdown;");
    CHECK(exporter.use_count() == 1);
  }
}

// ---- sending ----------------------------------------------------------------------------------------------------------------

TEST_CASE("spans are sent without a flush, when the oldest is old enough") {
  clean_environment environment;
  test_collector collector;
  nanospan::options options = options_for(collector);
  options.schedule_delay = 20ms;
  tracer_provider tracing{std::move(options)};
  for (std::size_t i = 1; i <= 3; ++i) {
    record(1);
    CHECK(collector.wait_for_spans(i));
  }
}

TEST_CASE("a batch holds as many spans as the options say, and the last one the rest") {
  clean_environment environment;
  test_collector collector;
  nanospan::options options = options_for(collector);
  options.max_batch_spans = 10;
  tracer_provider tracing{std::move(options)};
  record(25);
  CHECK(tracing.flush(20s));
  auto const requests = collector.requests();
  CHECK(requests.size() >= 3);
  for (auto const& request : requests) CHECK(request.span_ids().size() <= 10);
  CHECK(collector.spans().size() == 25);
}

TEST_CASE("a flush with nothing to send is true, and sends nothing") {
  clean_environment environment;
  test_collector collector;
  {
    tracer_provider tracing{options_for(collector)};
    CHECK(tracing.flush(20s));
    CHECK(nanospan::flush(20s));
  }
  CHECK(collector.connections() == 0);
}

TEST_CASE("many threads may flush at once, and each one's spans are there when its flush is true") {
  clean_environment environment;
  for (bool const background_thread : {true, false}) {
    test_collector collector;
    account const since;
    std::atomic<int> failed{0};
    nanospan::options options = options_for(collector);
    options.background_thread = background_thread;
    {
      tracer_provider tracing{std::move(options)};
      std::vector<std::thread> threads;
      for (int i = 0; i < 8; ++i)
        threads.emplace_back([&, i] {
          for (int turn = 0; turn < 10; ++turn) {
            std::string mine;
            {
              nanospan::scoped_span one{"flushed"};
              std::uint8_t bytes[8];
              auto const id = one.context().span_id();
              std::memcpy(bytes, &id, sizeof bytes);
              mine.assign(reinterpret_cast<char const*>(bytes), sizeof bytes);
            }
            bool const sent = i % 2 == 0 ? nanospan::flush(20s) : tracing.flush(20s);
            if (!sent || !collector.spans().contains(mine)) ++failed;
          }
        });
      for (auto& thread : threads) thread.join();
    }
    CHECK(failed == 0);
    CHECK(since.now().exported == 80);
    CHECK(collector.spans().size() == 80);
    CHECK(collector.duplicates() == 0);
  }
}

TEST_CASE("poll does the work of a provider without a thread") {
  clean_environment environment;
  test_collector collector;
  account const since;
  nanospan::options options = options_for(collector);
  options.background_thread = false;
  options.schedule_delay = duration{};
  {
    tracer_provider tracing{std::move(options)};
    tracing.poll();
    record(5);
    CHECK(since.now().held == 5);
    CHECK(collector.connections() == 0);
    tracing.poll();
    CHECK(collector.spans().size() == 5);
    CHECK(since.now().exported == 5);
    record(2);
  }
  CHECK(collector.spans().size() == 7);
  CHECK(since.now().exported == 7);
}

TEST_CASE("a provider without a thread waits for nobody longer than its flush or its end may take") {
  clean_environment environment;
  test_collector collector;
  collector.otherwise(test_collector::hang_after());
  account const since;
  nanospan::options options = options_for(collector);
  options.background_thread = false;
  options.export_timeout = 1h;
  options.shutdown_limit = 100ms;
  auto const started = std::chrono::steady_clock::now();
  {
    tracer_provider tracing{std::move(options)};
    record(5);
    CHECK_FALSE(tracing.flush(100ms));
    CHECK(since.now().held == 5);
  }
  CHECK(std::chrono::steady_clock::now() - started < 10s);  // generous
  CHECK(since.now().unconfirmed == 5);
}

// ---- trouble ----------------------------------------------------------------------------------------------------------------

TEST_CASE("an endpoint that refuses is told by one line with its address and where that came from, and does not hold the end") {
  clean_environment environment;
  std::string const address = "http://127.0.0.1:" + std::to_string(test_collector::unused_port());
  auto const check = [&](nanospan::options options, std::string const& url, std::string const& source) {
    account const since;
    std::chrono::steady_clock::time_point started;
    options.schedule_delay = 1ms;
    options.shutdown_limit = 10s;
    {
      tracer_provider tracing{std::move(options)};
      for (int i = 0; i < 5; ++i) {
        record(20);
        CHECK_FALSE(tracing.flush(20s));
      }
      CHECK(since.now().held == 100);
      started = std::chrono::steady_clock::now();
    }
    CHECK(std::chrono::steady_clock::now() - started < 5s);  // nobody is there: the limit is not waited for
    auto const now = since.now();
    CHECK(now.ended == 100);
    CHECK(now.dropped.shutdown == 100);
    CHECK(now.held == 0);
    auto const said = messages::take();
    CHECK(count(said, "refused") == 1);
    CHECK(count(said, url + " (" + source + ")") == 1);
    CHECK(count(said, "100 still unsent at the end") == 1);
    CHECK(said.size() == 2);
  };
  SECTION("the option") {
    nanospan::options options = quiet();
    options.endpoint = address;
    check(std::move(options), address + "/v1/traces", "options.endpoint");
  }
  SECTION("the variable for traces") {
    environment.set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", address + "/x");
    check(quiet(), address + "/x", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  }
  SECTION("the variable for all signals") {
    environment.set("OTEL_EXPORTER_OTLP_ENDPOINT", address);
    check(quiet(), address + "/v1/traces", "OTEL_EXPORTER_OTLP_ENDPOINT");
  }
}

TEST_CASE("what a flush could not send stays, and is sent when a collector appears") {
  clean_environment environment;
  for (bool const by_flush : {true, false}) {
    auto const port = test_collector::unused_port();
    account const since;
    {
      tracer_provider tracing{refused_options(port)};
      record(5);
      CHECK_FALSE(tracing.flush(20s));
      CHECK_FALSE(nanospan::flush(20s));
      CHECK(since.now().held == 5);
      test_collector collector{{.port = port}};
      if (by_flush) {
        record(2);
        CHECK(tracing.flush(20s));
        CHECK(collector.spans().size() == 7);
      } else {
        CHECK(collector.wait_for_spans(5));
      }
      CHECK(collector.duplicates() == 0);
    }
    CHECK(since.now().exported == (by_flush ? 7u : 5u));
    CHECK(count(messages::take(), "sending again") == 1);
  }
}

TEST_CASE("a collector that hangs holds the end no longer than shutdown_limit, and what it may have is told from what it has not") {
  clean_environment environment;
  for (auto const& hanging :
       {test_collector::hang_after(), test_collector::hang_after("HTTP/1.1 200 OK\r\n"), test_collector::hang_without_reading()}) {
    test_collector collector;
    collector.next(test_collector::respond(200));
    collector.otherwise(hanging);
    account const since;
    nanospan::options options = options_for(collector);
    options.max_batch_spans = 10;
    options.shutdown_limit = 200ms;
    options.export_timeout = 1h;
    std::optional<tracer_provider> tracing{std::in_place, std::move(options)};
    record(10);
    CHECK(tracing->flush(20s));
    record(40);
    auto const started = std::chrono::steady_clock::now();
    tracing.reset();
    CHECK(std::chrono::steady_clock::now() - started < 10s);  // generous
    auto const now = since.now();
    CHECK(now.ended == 50);
    CHECK(now.exported == 10);
    CHECK(now.unconfirmed == 10);
    CHECK(now.dropped.shutdown == 30);
    CHECK(collector.spans().size() == 10);
    auto const said = messages::take();
    CHECK(count(said, "10 sent but never confirmed") == 1);
    CHECK(count(said, "30 still unsent at the end") == 1);
  }
}

TEST_CASE("a flush that waits for a collector that hangs ends at its limit, and the provider goes on") {
  clean_environment environment;
  test_collector collector;
  collector.next(test_collector::hang_after());
  account const since;
  {
    nanospan::options options = options_for(collector);
    options.export_timeout = 500ms;
    tracer_provider tracing{std::move(options)};
    record(5);
    CHECK_FALSE(tracing.flush(1ms));
    CHECK_FALSE(tracing.flush(duration{}));
    CHECK_FALSE(tracing.flush(-1s));
    CHECK(collector.wait_for_spans(5));  // the second attempt, by itself
    CHECK(tracing.flush(20s));
  }
  CHECK(since.now().exported == 5);
  CHECK(since.now().unconfirmed == 0);
}

TEST_CASE("a provider that ends while eight threads record loses no span from its account") {
  clean_environment environment;
  for (int turn = 0; turn < 10; ++turn) {
    account const since;
    std::atomic<std::uint64_t> recorded{0};
    std::atomic<int> started{0};
    std::atomic<bool> enough{false};
    std::vector<std::thread> threads;
    std::size_t taken = 0;
    {
      test_collector collector;
      nanospan::options options = options_for(collector);
      options.shutdown_limit = 20s;
      std::optional<tracer_provider> tracing{std::in_place, std::move(options)};
      for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
          std::uint64_t mine = 0;
          do {
            record(10);
            mine += 10;
            if (mine == 100) ++started;
            if (mine % 100 == 0) std::this_thread::yield();
          } while (!enough);
          recorded += mine;
        });
      while (started < 8) std::this_thread::yield();
      tracing.reset();
      auto const after_end = nanospan::stats().dropped.after_shutdown;
      while (nanospan::stats().dropped.after_shutdown == after_end) std::this_thread::yield();  // they go on
      enough = true;
      for (auto& thread : threads) thread.join();
      taken = collector.spans().size();
      CHECK(collector.duplicates() == 0);
    }
    auto const now = since.now();
    CHECK(now.ended == recorded);
    CHECK(now.exported == taken);
    CHECK(now.dropped.after_shutdown > 0);
    // What was published after the last pass is the next provider's.
    nanospan::options options = quiet();
    options.exporter = std::make_shared<nanospan::memory_exporter>();
    { tracer_provider after{std::move(options)}; }
    CHECK(nanospan::stats().held == 0);
  }
}

TEST_CASE("threads may flush and record while the provider ends and others follow") {
  clean_environment environment;
  for (bool const background_thread : {true, false}) {
    test_collector collector;
    account const since;
    std::atomic<std::uint64_t> recorded{0};
    std::atomic<bool> enough{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        std::uint64_t mine = 0;
        while (!enough) {
          record(1);
          ++mine;
          nanospan::flush(20s);
        }
        recorded += mine;
      });
    for (int i = 0; i < 20; ++i) {
      nanospan::options options = options_for(collector);
      options.background_thread = background_thread;
      options.shutdown_limit = 20s;
      tracer_provider tracing{std::move(options)};
      record(1);
      CHECK(collector.wait_for_requests(static_cast<std::size_t>(i)));
    }
    enough = true;
    for (auto& thread : threads) thread.join();
    { tracer_provider last{options_for(collector)}; }  // what was published after the last pass
    auto const now = since.now();
    CHECK(now.ended == recorded + 20);
    CHECK(now.held == 0);
    CHECK(now.exported == collector.spans().size());
    CHECK(collector.duplicates() == 0);
  }
}

// ---- the end of a program ---------------------------------------------------------------------------------------------------

TEST_CASE("exit() does not unwind main, and flushes all the same") {
  clean_environment environment;
  for (bool const background_thread : {true, false}) {
    child program{[&](std::uint16_t port) {
      nanospan::options options;
      options.endpoint = "http://127.0.0.1:" + std::to_string(port);
      options.background_thread = background_thread;
      options.shutdown_limit = 20s;
      tracer_provider tracing{std::move(options)};
      record(9);
      std::exit(4);
    }};
    test_collector collector;
    program.tell(collector.port());
    auto const ended = program.end();
    CHECK(ended.status == 4);
    CHECK(ended.errors == "");
    CHECK(collector.spans().size() == 9);
    CHECK(collector.duplicates() == 0);
  }
}

TEST_CASE("at exit() a provider ends before what its exporter needs does, though there was a provider before that needed it not") {
  clean_environment environment;
  static bool gone = false;  // as a library that ends itself by atexit, and is first used by the second one's exporter
  class needing final : public nanospan::exporter {
   public:
    nanospan::export_result export_batch(nanospan::batch const&, nanospan::export_wait&) override {
      if (!gone) ::_exit(6);
      return {};
    }
    std::string description() const override { return "one that needs a library"; }
  };
  child program{[](std::uint16_t) {
    begin_anew();
    { tracer_provider const first{{.exporter = std::make_shared<nanospan::memory_exporter>()}}; }
    std::atexit([] { gone = true; });
    static auto* const second = new tracer_provider{{.exporter = std::make_shared<needing>()}};  // its destructor is never called
    static_cast<void>(second);
    record(1);
    std::exit(4);
  }};
  CHECK(program.end().status == 6);
}

TEST_CASE("exit() in a thread, while main is in its provider's scope, flushes too") {
  clean_environment environment;
  child program{[](std::uint16_t port) {
    nanospan::options options;
    options.endpoint = "http://127.0.0.1:" + std::to_string(port);
    options.shutdown_limit = 20s;
    tracer_provider tracing{std::move(options)};
    record(4);
    std::thread{[] {
      record(5);
      std::exit(5);
    }}.join();
  }};
  test_collector collector;
  program.tell(collector.port());
  CHECK(program.end().status == 5);
  CHECK(collector.spans().size() == 9);
}

TEST_CASE("exit() in a message handler or an exporter ends the program, also where the provider is static") {
  clean_environment environment;
  SECTION("a message handler") {
    child program{[](std::uint16_t) {
      begin_anew();
      // Nobody listens at the reserved port 1.
      static tracer_provider tracing{{.endpoint = "http://127.0.0.1:1", .on_message = [](std::string_view) noexcept { std::exit(3); }}};
      record(1);
      tracing.flush(20s);
      ::pause();
    }};
    program.tell(0);
    CHECK(program.end().status == 3);
  }
  SECTION("an exporter") {
    child program{[](std::uint16_t) {
      begin_anew();
      class fatal final : public nanospan::exporter {
        nanospan::export_result export_batch(nanospan::batch const&, nanospan::export_wait&) override { std::exit(3); }
        std::string description() const override { return "fatal"; }
      };
      static tracer_provider tracing{{.exporter = std::make_shared<fatal>()}};
      record(2);
      tracing.flush(20s);
      ::pause();
    }};
    program.tell(0);
    auto const ended = program.end();
    CHECK(ended.status == 3);
    CHECK(ended.errors == "");  // not yet lost: they are held
  }
}

TEST_CASE("a flush keeps to its limit while another thread polls a collector that hangs") {
  clean_environment environment;
  std::atomic<bool> over{false};
  std::atomic<bool> waiting{false};
  class slow final : public nanospan::exporter {
   public:
    slow(std::atomic<bool>& waiting, std::atomic<bool>& over) : waiting_{waiting}, over_{over} {}
    nanospan::export_result export_batch(nanospan::batch const&, nanospan::export_wait& wait) override {
      waiting_ = true;
      while (!over_) wait.wait(-1, false, detail::monotonic_nanoseconds() + 1'000'000);
      return {};
    }
    std::string description() const override { return "slow"; }

   private:
    std::atomic<bool>& waiting_;
    std::atomic<bool>& over_;
  };
  tracer_provider tracing{{.exporter = std::make_shared<slow>(waiting, over), .max_batch_spans = 1, .background_thread = false}};
  record(1);
  std::thread polling{[&] { tracing.poll(); }};
  while (!waiting) std::this_thread::yield();
  CHECK_FALSE(tracing.flush(1ms));  // returns, while the other one still waits
  CHECK_FALSE(over);
  over = true;
  polling.join();
  CHECK(tracing.flush(20s));
}

TEST_CASE("without a handler of its own a program is told on stderr, a line each, beginning with the library's name") {
  clean_environment environment;
  child program{[](std::uint16_t port) {
    {
      nanospan::options options;
      options.endpoint = "http://127.0.0.1:" + std::to_string(port);
      tracer_provider tracing{std::move(options)};
      record(3);
    }
    std::exit(0);
  }};
  auto const port = test_collector::unused_port();
  program.tell(port);
  auto const ended = program.end();
  CHECK(ended.status == 0);
  CHECK(std::count(ended.errors.begin(), ended.errors.end(), '\n') == 2);
  CHECK(ended.errors.starts_with("nanospan: cannot send to OTLP/HTTP at http://127.0.0.1:" + std::to_string(port) +
                                 "/v1/traces (options.endpoint): "));
  CHECK(has(ended.errors, "\nnanospan: of 3 spans, 0 arrived; lost: 3 still unsent at the end\n"));
}

// ---- options ----------------------------------------------------------------------------------------------------------------

TEST_CASE("a bad option is refused by its name and its value") {
  clean_environment environment;
  auto const said = [](auto change) {
    nanospan::options options = quiet();
    options.exporter = std::make_shared<nanospan::memory_exporter>();
    change(options);
    return refusal([&] { tracer_provider const refused{std::move(options)}; });
  };
  auto const names = [](std::string const& text, std::string const& option, std::string const& value) {
    INFO(text);
    CHECK(has(text, option));
    CHECK(has(text, value));
  };
  names(said([](auto& o) { o.limits.attribute_count = 4'097; }), "limits.attribute_count ", "4097");
  names(said([](auto& o) { o.limits.event_count = 4'097; }), "limits.event_count", "4097");
  names(said([](auto& o) { o.limits.link_count = 4'097; }), "limits.link_count", "4097");
  names(said([](auto& o) { o.limits.attribute_count_per_event = 4'097; }), "limits.attribute_count_per_event", "4097");
  names(said([](auto& o) { o.limits.attribute_count_per_link = nanospan::span_limits::unlimited; }), "limits.attribute_count_per_link", "18446744073709551615");
  names(said([](auto& o) { o.max_batch_bytes = 1023; }), "max_batch_bytes", "1023");
  names(said([](auto& o) { o.max_batch_bytes = (16u << 20) + 1; }), "max_batch_bytes", "16777217");
  names(said([](auto& o) { o.max_queue_bytes = o.max_batch_bytes - 1; }), "max_queue_bytes", "4194303");
  names(said([](auto& o) { o.background_name = "sixteen bytes !!"; }), "background_name", "sixteen bytes !!");
  names(said([](auto& o) { o.background_cpu = -2; }), "background_cpu", "-2");
  names(said([](auto& o) { o.background_cpu = 1'024; }), "background_cpu", "1024");
  names(said([](auto& o) { o.background_nice = 20; }), "background_nice", "20");
  names(said([](auto& o) { o.background_nice = -21; }), "background_nice", "-21");
  names(said([](auto& o) { o.background_realtime_priority = 100; }), "background_realtime_priority", "100");
  names(said([](auto& o) { o.background_realtime_priority = -1; }), "background_realtime_priority", "-1");
  names(said([](auto& o) { o.ring_bytes = 8192; }), "ring_bytes", "8192");
  names(said([](auto& o) { o.ring_bytes = 100'000; }), "ring_bytes", "100000");
  names(said([](auto& o) { o.ring_bytes = std::size_t{1} << 31; }), "ring_bytes", "2147483648");
  names(said([](auto& o) { o.ring_memory_limit_bytes = 65536; }), "ring_memory_limit_bytes", "65536");
  names(said([](auto& o) { o.ring_bytes = 64u << 20; }), "ring_memory_limit_bytes", "67108864");  // never to be had
  names(said([](auto& o) { o.ring_memory_limit_bytes = 64u << 20, o.memory_limit_bytes = 72'000'000; }), "memory_limit_bytes", "72000000");  // 64 MiB of rings and two batches of 4
  names(said([](auto& o) { o.memory_limit_bytes = 8u << 20; }), "ring_memory_limit_bytes", "is 0");  // the batches would have it all
  names(said([](auto& o) { o.ring_memory_limit_bytes = ~std::size_t{0}; }), "ring_memory_limit_bytes", "18446744073709551615");
  names(said([](auto& o) { o.export_timeout = -1ms; }), "export_timeout", "-1000000");
  names(said([](auto& o) { o.retry_limit = -1ms; }), "retry_limit", "-1000000");
  names(said([](auto& o) { o.schedule_delay = -1ms; }), "schedule_delay", "-1000000");
  names(said([](auto& o) { o.shutdown_limit = -1ms; }), "shutdown_limit", "-1000000");
  auto const otlp = [](auto& o) { o.exporter = nullptr; };
  names(said([&](auto& o) { otlp(o), o.endpoint = "localhost:4318"; }), "options.endpoint", "\"localhost:4318\"");
  names(said([&](auto& o) { otlp(o), o.endpoint = "https://localhost:4318"; }), "options.endpoint", "https://localhost:4318");
  names(said([&](auto& o) { otlp(o), o.endpoint = "http://localhost:70000"; }), "options.endpoint", "http://localhost:70000");
  names(said([&](auto& o) { otlp(o), o.headers = {{"X-Bad", "a\r\nb"}}; }), "headers", "X-Bad");
}

TEST_CASE("the least and the greatest that an option may be are accepted") {
  clean_environment environment;
  duration const longest = duration::of_nanoseconds((std::numeric_limits<std::int64_t>::max)());
  auto const works = [](auto change) {
    test_collector collector;
    nanospan::options options = options_for(collector);
    change(options);
    tracer_provider tracing{std::move(options)};
    record(3);
    CHECK(tracing.flush(20s));
    CHECK(collector.spans().size() == 3);
  };
  works([](auto& o) {
    o.max_batch_spans = 1, o.max_batch_bytes = 1024, o.max_queue_bytes = 1024;
    o.resource_detectors = {false, false, false, false, false, false, false, false};  // three batches fit into the queue
  });
  works([](auto& o) { o.max_batch_bytes = 16u << 20; });
  works([](auto& o) { o.limits = {4'096, nanospan::span_limits::unlimited, 4'096, 4'096, 4'096, 4'096}; });
  works([](auto& o) { o.limits = {0, 0, 0, 0, 0, 0}; });
  works([](auto& o) { o.ring_bytes = 16384, o.ring_memory_limit_bytes = 64u << 20; });
  works([](auto& o) { o.schedule_delay = duration{}, o.retry_limit = duration{}; });
  works([&](auto& o) {
    o.schedule_delay = longest, o.retry_limit = longest, o.export_timeout = longest, o.shutdown_limit = longest;
  });
}

TEST_CASE("a shutdown_limit of nothing ends at once, and what is left is counted") {
  clean_environment environment;
  test_collector collector;
  account const since;
  nanospan::options options = options_for(collector);
  options.shutdown_limit = duration{};
  {
    tracer_provider tracing{std::move(options)};
    record(5);
  }
  auto const now = since.now();
  CHECK(now.ended == 5);
  CHECK(now.held == 0);
  CHECK(now.exported == collector.spans().size());
}

// ---- the environment --------------------------------------------------------------------------------------------------------

TEST_CASE("OTEL_SDK_DISABLED turns recording off, and then nothing is counted or sent") {
  clean_environment environment;
  test_collector collector;
  for (std::string const value : {"true", "TRUE", "True"}) {
    environment.set("OTEL_SDK_DISABLED", value);
    account const since;
    {
      tracer_provider tracing{options_for(collector)};
      NANOSPAN("off");
      CHECK_FALSE(nanospan::current().valid());
      record(5);
      CHECK(tracing.flush(20s));
      tracing.poll();
    }
    record(5);
    CHECK(since.now().ended == 0);
    CHECK(collector.connections() == 0);
    CHECK(messages::take().empty());
  }
  for (std::string const value : {"", "1", "yes", "false", "truee"}) {
    environment.set("OTEL_SDK_DISABLED", value);
    account const since;
    {
      tracer_provider tracing{options_for(collector)};
      record(1);
    }
    CHECK(since.now().exported == 1);
  }
}

TEST_CASE("options.disabled does the same") {
  clean_environment environment;
  test_collector collector;
  nanospan::options options = options_for(collector);
  options.disabled = true;
  account const since;
  {
    tracer_provider tracing{std::move(options)};
    record(5);
  }
  CHECK(since.now().ended == 0);
  CHECK(collector.connections() == 0);
}

TEST_CASE("variables are read when a provider is made, and never after") {
  clean_environment environment;
  test_collector collector;
  std::optional<tracer_provider> tracing{std::in_place, options_for(collector)};
  for (char const* name : {"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER", "OTEL_LOG_LEVEL", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_EXPORTER_OTLP_HEADERS",
                           "OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"})
    environment.set(name, "bad");
  environment.set("OTEL_SERVICE_NAME", "late");
  record(3);
  CHECK(tracing->flush(20s));
  CHECK(messages::take().empty());
  CHECK(collector.requests().back().resource()["service.name"].starts_with("unknown_service:"));
  environment.clear();
  tracing.reset();
}

TEST_CASE("the level of messages goes from the provider to everything that speaks") {
  clean_environment environment;
  test_collector collector;
  collector.otherwise(test_collector::respond(400));
  auto const said = [&](char const* level) {
    environment.set("OTEL_LOG_LEVEL", level);
    environment.set("OTEL_BSP_SCHEDULE_DELAY", "bad");
    {
      tracer_provider tracing{options_for(collector)};
      record(1);
      CHECK_FALSE(tracing.flush(20s));
    }
    environment.clear();
    return messages::take();
  };
  CHECK(said("none").empty());
  auto const errors = said("error");
  CHECK(count(errors, "cannot send to") == 1);  // and not again: these spans are lost
  CHECK(count(errors, "lost: 1 that could not be sent") == 1);
  CHECK(errors.size() == 2);
  CHECK(said("warn").size() == 3);
  CHECK(count(said("debug"), "sending to OTLP/HTTP") == 1);
}

TEST_CASE("a disabled provider leaves the way free for another, in any order of their ends") {
  clean_environment environment;
  test_collector collector;
  environment.set("OTEL_SDK_DISABLED", "true");
  auto disabled = std::make_unique<tracer_provider>(options_for(collector));
  environment.clear();
  account const since;
  {
    tracer_provider tracing{options_for(collector)};
    record(1);
    disabled.reset();
    record(1);
  }
  CHECK(since.now().exported == 2);
  CHECK(collector.spans().size() == 2);
}

TEST_CASE("OTEL_TRACES_EXPORTER says where spans go, unless an option does") {
  clean_environment environment;
  test_collector collector;
  account const since;
  SECTION("none: nowhere, and they are not recorded") {
    environment.set("OTEL_TRACES_EXPORTER", "None");
    {
      tracer_provider tracing{options_for(collector)};
      record(5);
      CHECK(tracing.flush(20s));
    }
    CHECK(since.now().ended == 0);
    CHECK(collector.connections() == 0);
  }
  SECTION("console: the standard output") {
    environment.set("OTEL_TRACES_EXPORTER", "console");
    redirected output{STDOUT_FILENO};
    {
      tracer_provider tracing{options_for(collector)};
      NANOSPAN("seen on the console");
    }
    std::string const text = output.restore();
    CHECK(has(text, "seen on the console"));
    CHECK(since.now().exported == 1);
    CHECK(collector.connections() == 0);
  }
  SECTION("otlp: the collector") {
    environment.set("OTEL_TRACES_EXPORTER", "OTLP");
    {
      tracer_provider tracing{options_for(collector)};
      record(1);
    }
    CHECK(collector.spans().size() == 1);
    CHECK(messages::take().empty());
  }
  SECTION("what is unknown: told by name and value, and the collector") {
    environment.set("OTEL_TRACES_EXPORTER", "zipkin");
    {
      tracer_provider tracing{options_for(collector)};
      record(1);
    }
    CHECK(collector.spans().size() == 1);
    auto const said = messages::take();
    REQUIRE(said.size() == 1);
    CHECK(has(said.front(), "OTEL_TRACES_EXPORTER=\"zipkin\""));
  }
  SECTION("an option is stronger") {
    environment.set("OTEL_TRACES_EXPORTER", "none");
    auto const exporter = std::make_shared<nanospan::memory_exporter>();
    nanospan::options options = quiet();
    options.exporter = exporter;
    {
      tracer_provider tracing{std::move(options)};
      record(1);
    }
    CHECK(exporter->spans().size() == 1);
  }
}

TEST_CASE("the endpoint comes from the option, else from the variable for traces as it stands, else from the one for all signals") {
  clean_environment environment;
  test_collector right, wrong;
  constexpr auto traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
  constexpr auto general = "OTEL_EXPORTER_OTLP_ENDPOINT";
  // Where the span of a provider with these options went.
  auto const target = [&](nanospan::options options = quiet()) {
    auto const before = right.requests().size();
    {
      tracer_provider tracing{std::move(options)};
      record(1);
    }
    environment.clear();
    auto const requests = right.requests();
    return requests.size() == before + 1 ? requests.back().target() : std::string{"(nowhere)"};
  };
  auto const at = [](std::string endpoint) {
    nanospan::options options = quiet();
    options.endpoint = std::move(endpoint);
    return options;
  };
  environment.set(general, right.url());
  CHECK(target() == "/v1/traces");
  environment.set(general, right.url("/"));
  CHECK(target() == "/v1/traces");
  environment.set(general, right.url("/base"));
  CHECK(target() == "/base/v1/traces");
  environment.set(general, right.url("/base/"));
  CHECK(target() == "/base/v1/traces");

  environment.set(traces, right.url());
  CHECK(target() == "/");
  environment.set(traces, right.url("/x"));
  environment.set(general, wrong.url());
  CHECK(target() == "/x");
  environment.set(traces, "");  // as if it were not there
  environment.set(general, right.url());
  CHECK(target() == "/v1/traces");

  environment.set(traces, wrong.url("/x"));
  environment.set(general, wrong.url());
  CHECK(target(at(right.url())) == "/v1/traces");
  CHECK(target(at(right.url("/"))) == "/v1/traces");
  CHECK(target(at(right.url("/as/it/stands?q"))) == "/as/it/stands?q");
  CHECK(messages::take().empty());

  for (std::string const bad : {"localhost:4318", "https://localhost:4318", "http://", "ftp://localhost"}) {
    environment.set(traces, bad);
    environment.set(general, right.url());
    CHECK(target() == "/v1/traces");
    auto const said = messages::take();
    REQUIRE(said.size() == 1);
    CHECK(has(said.front(), traces + ("=\"" + bad + "\"")));
  }
  CHECK(wrong.connections() == 0);
}

TEST_CASE("headers come from the variable for traces, else from the one for all signals, and the option's are stronger") {
  clean_environment environment;
  test_collector collector;
  constexpr auto traces = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";
  constexpr auto general = "OTEL_EXPORTER_OTLP_HEADERS";
  auto const sent = [&](nanospan::options options) {
    {
      tracer_provider tracing{std::move(options)};
      record(1);
    }
    environment.clear();
    REQUIRE(!collector.requests().empty());
    return collector.requests().back();
  };
  environment.set(general, "authorization=Basic%20YWJj, x-empty=,x-equals=a=b");
  auto request = sent(options_for(collector));
  CHECK(request.header("authorization") == "Basic YWJj");
  CHECK(request.header("x-empty") == "");
  CHECK(request.header("x-equals") == "a=b");

  environment.set(traces, "x-traces=1,x-both=traces");
  environment.set(general, "x-general=1,x-both=general");
  request = sent(options_for(collector));
  CHECK(request.header("x-traces") == "1");
  CHECK(request.header("x-both") == "traces");
  CHECK(request.header("x-general") == "(none)");

  environment.set(general, "x-general=1,x-both=general");
  nanospan::options options = options_for(collector);
  options.headers = {{"X-Both", "option"}};
  request = sent(std::move(options));
  CHECK(request.header("x-general") == "1");
  CHECK(request.header("x-both") == "option");
  CHECK(messages::take().empty());

  environment.set(traces, "no equals sign");
  environment.set(general, "x-general=1");
  request = sent(options_for(collector));
  CHECK(request.header("x-general") == "1");
  CHECK(count(messages::take(), traces) == 1);
}

TEST_CASE("a header variable that would smuggle in a line break is told and ignored, as every bad variable is") {
  clean_environment environment;
  test_collector collector;
  for (std::string const bad : {"x-bad=a%0d%0ax-injected: 1", "x%0abad=a", "x bad=a"}) {
    environment.set("OTEL_EXPORTER_OTLP_HEADERS", bad);
    CHECK(refusal([&] {
            tracer_provider tracing{options_for(collector)};
            record(1);
          }) == "(accepted)");
    CHECK(count(messages::take(), "OTEL_EXPORTER_OTLP_HEADERS") == 1);
  }
  CHECK(collector.spans().size() == 3);
  for (auto const& request : collector.requests()) CHECK(request.header("x-injected") == "(none)");
}

TEST_CASE("the timeout comes from the option, else from the variable for traces, else from the one for all signals") {
  clean_environment environment;
  test_collector collector;
  collector.otherwise(test_collector::hang_after());
  constexpr auto traces = "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT";
  constexpr auto general = "OTEL_EXPORTER_OTLP_TIMEOUT";
  // Whether an attempt ended with its timeout before `limit`, which is less than the default timeout.
  auto const timed_out = [&](duration limit, nanospan::options options) {
    options.shutdown_limit = duration{};
    std::optional<tracer_provider> tracing{std::in_place, std::move(options)};
    record(1);
    CHECK_FALSE(tracing->flush(limit));
    environment.clear();
    bool const told = count(messages::take(), "no answer in time") == 1;
    tracing.reset();
    messages::take();  // of its end
    return told;
  };
  environment.set(general, "50");
  CHECK(timed_out(8s, options_for(collector)));
  environment.set(traces, "50");
  environment.set(general, "3600000");
  CHECK(timed_out(8s, options_for(collector)));
  environment.set(traces, "3600000");
  environment.set(general, "50");
  CHECK_FALSE(timed_out(300ms, options_for(collector)));
  environment.set(traces, "0");  // none
  environment.set(general, "50");
  CHECK_FALSE(timed_out(300ms, options_for(collector)));
  environment.set(traces, "3600000");
  nanospan::options options = options_for(collector);
  options.export_timeout = 50ms;
  CHECK(timed_out(8s, options));
  for (std::string const bad : {"5s", "-1", "1.5", "99999999999999999999"}) {
    environment.set(traces, bad);
    environment.set(general, "50");
    { tracer_provider const brief{options_for(collector)}; }
    auto const said = messages::take();
    REQUIRE(said.size() == 1);
    CHECK(has(said.front(), traces + ("=\"" + bad + "\"")));
    CHECK(timed_out(8s, options_for(collector)));
  }
}

TEST_CASE("the resource is the variables', and the options' over them") {
  clean_environment environment;
  test_collector collector;
  auto const sent = [&](nanospan::options options) {
    {
      tracer_provider tracing{std::move(options)};
      record(1);
    }
    environment.clear();
    REQUIRE(!collector.requests().empty());
    return collector.requests().back().resource();
  };
  auto resource = sent(options_for(collector));
  CHECK(resource["service.name"].starts_with("unknown_service:"));
  CHECK(resource["telemetry.sdk.name"] == "nanospan");
  CHECK(resource["telemetry.sdk.language"] == "cpp");
  CHECK(resource["telemetry.sdk.version"] == NANOSPAN_VERSION);

  environment.set("OTEL_RESOURCE_ATTRIBUTES", "service.name=from-attributes,deployment.environment.name=a%20b");
  resource = sent(options_for(collector));
  CHECK(resource["service.name"] == "from-attributes");
  CHECK(resource["deployment.environment.name"] == "a b");

  environment.set("OTEL_RESOURCE_ATTRIBUTES", "service.name=from-attributes");
  environment.set("OTEL_SERVICE_NAME", "from-variable");
  CHECK(sent(options_for(collector))["service.name"] == "from-variable");

  environment.set("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=variable,other=variable");
  environment.set("OTEL_SERVICE_NAME", "from-variable");
  nanospan::options options = options_for(collector);
  options.service_name = "from-option";
  options.resource_attributes = {{"deployment.environment.name", "option"}};
  resource = sent(std::move(options));
  CHECK(resource["service.name"] == "from-option");
  CHECK(resource["deployment.environment.name"] == "option");
  CHECK(resource["other"] == "variable");
  CHECK(messages::take().empty());

  environment.set("OTEL_RESOURCE_ATTRIBUTES", "good=1,bad");
  resource = sent(options_for(collector));
  CHECK_FALSE(resource.contains("good"));
  CHECK(count(messages::take(), "OTEL_RESOURCE_ATTRIBUTES=\"good=1,bad\"") == 1);
}
