// SPDX-License-Identifier: Apache-2.0

// Each fault of a collector, in each kind of outage, with what the account and the collector's own ledger must say of it. Every cell is a process of
// its own with a collector of its own; the table is printed.

#include <nanospan.hpp>

#include "catch.hpp"
#include "support/faulty_collector.hpp"
#include "support/resources.hpp"
#include "support/scripted.hpp"
#include "support/witness.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using nanospan::stats;
using nanospan::stats_snapshot;

namespace {

// What becomes of the batches that meet it: they are taken; they are given up at once; they wait for better days.
enum class fate : std::uint8_t { taken, refused, waits };
// How many of the spans that end unconfirmed the collector has.
enum class unconfirmed : std::uint8_t { never, none_there, all_there, some_there };

struct fault {
  char const* command;
  fate batches;
  unconfirmed spans = unconfirmed::never;
  bool times_out = false;  // it ends by the exporter's deadline only
};

constexpr fault faults[] = {
    {"status 200", fate::taken},
    {"drip 50", fate::taken},
    {"http_1_0", fate::taken},
    {"continue", fate::taken},
    {"chunked", fate::taken},
    {"wrong_type", fate::taken},
    {"close_idle", fate::taken},
    {"close_reused", fate::taken},
    {"partial 3", fate::taken},
    {"status 400", fate::refused},
    {"status 401", fate::refused},
    {"status 404", fate::refused},
    {"status 408", fate::refused},
    {"status 413", fate::refused},
    {"status 500", fate::refused},
    {"early 401", fate::refused},
    {"redirect", fate::refused},
    {"html", fate::refused},
    {"endless_body", fate::refused},
    {"endless_length", fate::refused},
    {"endless_chunks", fate::refused},
    {"endless_header", fate::refused},
    {"endless_extension", fate::refused},
    {"endless_trailer", fate::refused},
    {"status 429", fate::waits},
    {"retry_after_seconds 1", fate::waits},
    {"retry_after_date 1", fate::waits},
    {"status 502", fate::waits},
    {"status 503", fate::waits},
    {"status 504", fate::waits},
    {"early 503", fate::waits},
    {"refuse", fate::waits, unconfirmed::none_there},
    {"accept_full", fate::waits, unconfirmed::none_there, true},
    {"hang", fate::waits, unconfirmed::none_there, true},
    {"hang_read", fate::waits, unconfirmed::none_there, true},
    {"reset", fate::waits, unconfirmed::none_there},
    {"reset_in_header", fate::waits, unconfirmed::none_there},
    {"reset_in_body", fate::waits, unconfirmed::none_there},
    {"reset_in_answer_header", fate::waits, unconfirmed::none_there},
    {"garbage", fate::waits, unconfirmed::none_there},
    {"http2", fate::waits, unconfirmed::none_there},
    {"endless_interim", fate::waits, unconfirmed::none_there},
    {"reset_in_answer_body", fate::waits, unconfirmed::all_there},
    {"drip_endless", fate::waits, unconfirmed::all_there, true},
    {"take_and_close", fate::waits, unconfirmed::all_there},
    {"stopped", fate::waits, unconfirmed::some_there, true},
    {"killed", fate::waits, unconfirmed::some_there},
};

enum class outage : std::uint8_t { at_start, brief, beyond_retry_limit, beyond_queue, at_end };
constexpr std::pair<outage, char const*> outages[] = {
    {outage::at_start, "at the start"}, {outage::brief, "short"}, {outage::beyond_retry_limit, "beyond retry_limit"}, {outage::beyond_queue, "beyond queue"}, {outage::at_end, "at the end"}};

// What the program has for the batches that cannot be sent.
enum class refuge : std::uint8_t { none, fallback, spool };

constexpr std::uint64_t most_growth_bytes = 256u << 20;  // of the process, whatever a collector sends; a sanitizer's share included
constexpr std::size_t batch_bytes = 4u << 10;
constexpr auto shutdown_limit = 400ms;
constexpr auto generous = 10s;  // of what is over at once but for a machine that is busy otherwise

// Records a few spans every millisecond, as a program does that knows nothing of collectors, and looks at the memory that is held for them.
class recorder {
 public:
  recorder() : thread_{[this] { run(); }} {}
  recorder(recorder const&) = delete;
  recorder& operator=(recorder const&) = delete;
  ~recorder() { stop(); }
  // Returns how many it has recorded.
  std::uint64_t stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
    return recorded_;
  }
  bool is_on() const noexcept { return !over_; }
  std::uint64_t recorded() const noexcept { return recorded_; }
  // The two after it was stopped.
  std::uint64_t most_bytes() const noexcept { return most_bytes_; }
  bool within_limits() const noexcept { return within_limits_; }

 private:
  void run() {
    std::uint64_t const resident_at_first = support::resident_bytes();
    for (; !over_; std::this_thread::sleep_for(1ms)) {
      if (support::resident_bytes() > resident_at_first + most_growth_bytes) {
        std::fputs("a collector made the process grow\n", stderr);
        std::abort();  // before it is the machine's
      }
      for (int i = 0; i < 2; ++i, ++recorded_) {
        NANOSPAN("work", {"number", recorded_.load()}, {"who", "the fault matrix"});
      }
      stats_snapshot const now = stats();
      // Beside the limit the batch that is being sent.
      bool const queue_fits = now.queue_limit_bytes == 0 || now.queue_bytes <= now.queue_limit_bytes + 2 * batch_bytes;
      bool const all_fits = now.memory_limit_bytes == 0 || now.memory_bytes <= now.memory_limit_bytes;
      within_limits_ = within_limits_ && queue_fits && all_fits && now.ring_memory_bytes <= now.ring_memory_limit_bytes;
      most_bytes_ = std::max({most_bytes_, now.memory_bytes, now.queue_bytes + now.ring_memory_bytes});
    }
  }
  std::atomic<bool> over_{false};
  std::atomic<std::uint64_t> recorded_{0};
  std::uint64_t most_bytes_ = 0;
  bool within_limits_ = true;
  std::thread thread_;
};

// A process that is forked while this one has no threads, and waits until it is told how many spans it should find.
class successor {
 public:
  template <typename Work>
  successor(bool wanted, Work const& work) {
    if (!wanted) return;
    if (::pipe2(orders_, O_CLOEXEC) != 0 || ::pipe2(results_, O_CLOEXEC) != 0) throw std::runtime_error{"no pipe"};
    process_ = ::fork();
    if (process_ != 0) return;
    ::close(orders_[1]);
    std::uint64_t number = 0;
    bool const told = ::read(orders_[0], &number, sizeof number) == sizeof number;
    number = told ? work(number) : 0;
    ::_exit(told && ::write(results_[1], &number, sizeof number) == sizeof number ? 0 : 1);
  }
  successor(successor const&) = delete;
  successor& operator=(successor const&) = delete;
  ~successor() {
    for (int const one : {orders_[0], orders_[1], results_[0], results_[1]})
      if (one >= 0) ::close(one);
    if (process_ > 0) ::waitpid(process_, nullptr, 0);
  }
  // Returns how many it has found.
  std::uint64_t run(std::uint64_t spans) const {
    std::uint64_t found = 0;
    bool const done = ::write(orders_[1], &spans, sizeof spans) == sizeof spans && ::read(results_[0], &found, sizeof found) == sizeof found;
    return done ? found : ~std::uint64_t{0};
  }

 private:
  pid_t process_ = -1;
  int orders_[2] = {-1, -1};
  int results_[2] = {-1, -1};
};

class spool_directory {
 public:
  spool_directory() {
    if (::mkdtemp(path_) == nullptr) throw std::runtime_error{"no temporary directory"};
  }
  spool_directory(spool_directory const&) = delete;
  spool_directory& operator=(spool_directory const&) = delete;
  ~spool_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  char const* path() const noexcept { return path_; }

 private:
  char path_[32] = "/tmp/fault_matrix.XXXXXX";
};

class cell {
 public:
  cell(fault const& which, outage when, refuge where) : fault_{which}, when_{when}, refuge_{where} {}

  // Violations, a line each, after the table's line.
  std::string run() {
    nanospan::otlp_http_options to;
    to.url = collector_.url();
    // What ends by the deadline only must not at the program's end.
    to.timeout = !fault_.times_out ? 10s : when_ == outage::at_end ? 60s : 200ms;
    witness_ = std::make_shared<witness>(std::make_shared<nanospan::otlp_http_exporter>(to));
    successor const next{refuge_ == refuge::spool && when_ == outage::at_end, [&](std::uint64_t spans) { return recover(to, spans); }};
    if (when_ == outage::at_start) collector_.fault(fault_.command);
    std::optional<nanospan::tracer_provider> tracing{std::in_place, options()};
    recorder program;
    if (when_ != outage::at_start) {
      flush_until(*tracing, program, "it is sent before the fault", [] { return stats().exported > 0; });
      collector_.fault(fault_.command);
    }
    std::uint64_t const before_fault = program.recorded();
    flush_until(*tracing, program, "the fault is met", [&] { return program.recorded() >= before_fault + 200 && is_met(); });
    during_ = stats();
    if (when_ != outage::at_end) {
      collector_.fault("none");
      flush_until(*tracing, program, "it is sent after the fault", [&] { return stats().exported > during_.exported; });
      recorded_ = program.stop();
      flush_until(*tracing, program, "all is settled after the fault", [] { return stats().held == 0; });
    }
    auto const before = std::chrono::steady_clock::now();
    tracing.reset();
    took_ = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - before);
    recorded_ = program.stop();
    if (std::uint64_t const left = stats().spooled; left != 0) {
      collector_.fault("none");
      recovered_ = next.run(left);
    }
    if (recovered_ != 0 || fault_.command != std::string_view{"killed"}) collector_.fault("refuse");  // when it has done with what it was sent
    judge(program);
    return line(program) + complaints_;
  }

 private:
  nanospan::options options() const {
    nanospan::options with;
    with.exporter = witness_;
    with.id_generator = ids_;
    with.schedule_delay = 20ms;
    with.ring_bytes = 32u << 10;  // soon full where nobody drains it while a collector keeps him waiting
    with.max_batch_bytes = batch_bytes;
    with.shutdown_limit = when_ == outage::at_end ? nanospan::duration{shutdown_limit} : nanospan::duration{generous};
    with.retry_limit = when_ == outage::beyond_retry_limit ? 100ms : 60'000ms;
    // Where there is another place for them, what comes at once in a busy moment fits until it is there.
    if (when_ == outage::beyond_queue) with.max_queue_bytes = (refuge_ == refuge::none ? 4 : 32) * batch_bytes;
    with.on_message = [](std::string_view) noexcept {};
    if (refuge_ == refuge::fallback) with.fallback = fallback_;
    if (refuge_ == refuge::spool) with.spool_directory = spool_.path();
    return with;
  }
  // Another process that finds the spool, and a collector that is well. Returns what it found, all of which it has sent.
  std::uint64_t recover(nanospan::otlp_http_options const& to, std::uint64_t spans) const {
    nanospan::options with = options();
    with.exporter = std::make_shared<nanospan::otlp_http_exporter>(to);
    with.shutdown_limit = generous;
    auto const deadline = std::chrono::steady_clock::now() + generous;
    {
      nanospan::tracer_provider tracing{with};
      while ((stats().recovered < spans || stats().held != 0) && std::chrono::steady_clock::now() < deadline) tracing.flush(20ms);
    }
    stats_snapshot const now = stats();
    return now.exported == now.recovered && now.ended == 0 ? now.recovered : ~std::uint64_t{0};
  }
  void require(bool holds, std::string const& what) {
    if (!holds) complaints_ += "\n" + std::string{fault_.command} + ", " + outages[static_cast<std::size_t>(when_)].second + ": not so: " + what;
  }
  // A flush sits out no back-off; there is one every thirty spans.
  template <typename Condition>
  void flush_until(nanospan::tracer_provider& tracing, recorder const& program, char const* what, Condition const& holds) {
    auto const deadline = std::chrono::steady_clock::now() + 2 * generous;
    while (!holds()) {
      for (std::uint64_t const before = program.recorded(); program.is_on() && program.recorded() < before + 30;) std::this_thread::sleep_for(1ms);
      tracing.flush(20ms);
      if (std::chrono::steady_clock::now() > deadline) return require(false, what);
    }
  }
  bool is_met() {
    stats_snapshot const now = stats();
    std::uint64_t const lost = now.dropped.export_failed + now.unconfirmed + now.fallback + now.spooled;
    if (fault_.batches == fate::taken) return book_.faulted() >= 3;
    if (fault_.batches == fate::refused) return lost > 0;
    if (when_ == outage::beyond_retry_limit) return lost > 0;
    if (when_ == outage::beyond_queue) return now.dropped.queue_full + now.unconfirmed + now.fallback + now.spooled > 0;
    return witness_->setbacks() >= 2 || (when_ == outage::at_end && fault_.times_out);
  }

  void judge(recorder const& program) {
    stats_snapshot const now = stats();
    numbered_ = ids_->count();
    taken_ = book_.taken_of(numbered_);
    require(now.ended == recorded_, "what was recorded has ended");
    require(numbered_ <= recorded_ && numbered_ >= recorded_ - now.dropped.after_shutdown, "each has a number, but for those without a provider");
    require(now.accounted() == now.ended + now.recovered, "the account is exact");
    require(now.held == now.spooled, "nothing is held but on disk");
    require(now.spooled == 0 || (refuge_ == refuge::spool && when_ == outage::at_end), "the disk has what it has to have");
    require(recovered_ == now.spooled, "the next process finds all that was on disk, and sends it");
    require(now.dropped.total() == now.dropped.export_failed + now.dropped.queue_full + now.dropped.shutdown + now.dropped.after_shutdown,
            "recording goes on: no ring is full");
    require(when_ == outage::at_end || now.dropped.after_shutdown == 0, "the provider was there");
    require(program.within_limits(), "memory stays within its limits");
    require(took_ < (when_ == outage::at_end ? shutdown_limit + generous : 2 * generous), "the end comes in time");
    judge_losses(now);
    judge_fallback(now);
    judge_ledger(now);
    judge_witness(now);
  }
  void judge_losses(stats_snapshot const& now) {
    std::uint64_t const lost = now.unconfirmed + now.dropped.total() - now.dropped.after_shutdown;
    require(fault_.command == std::string_view{"partial 3"} ? now.rejected > 0 : now.rejected == 0, "spans are rejected where the collector does");
    // An answer without an end may be cut short by the program's.
    bool const may_be_cut = fault_.batches == fate::refused && when_ == outage::at_end;
    require(fault_.spans != unconfirmed::never || may_be_cut || now.unconfirmed == 0, "nothing is unconfirmed where each request is answered");
    bool const is_long = when_ != outage::at_start && when_ != outage::brief;
    switch (fault_.batches) {
      case fate::taken:
        require(lost + now.fallback + now.spooled == 0, "nothing is lost");
        require(witness_->setbacks() == 0, "nothing is tried twice");
        break;
      case fate::refused: {
        if (refuge_ == refuge::fallback) return require(lost == 0 && now.fallback > 0, "refused batches go to the fallback");
        // To refuse may take so long that others do not fit into the queue.
        std::uint64_t const beside = now.dropped.shutdown + (when_ == outage::beyond_queue ? now.dropped.queue_full : 0) + (may_be_cut ? now.unconfirmed : 0);
        require(now.dropped.export_failed > 0 && lost == now.dropped.export_failed + beside, "refused batches are lost, as such");
        break;
      }
      case fate::waits:
        require((lost > 0) == (is_long && refuge_ == refuge::none), "something is lost in a long outage, where there is no other place for it");
        require((now.fallback > 0) == (is_long && refuge_ == refuge::fallback), "the fallback gets what a long outage leaves");
        require((now.spooled > 0) == (when_ == outage::at_end && refuge_ == refuge::spool), "the disk keeps what is left at the end");
    }
  }
  // What the collector has is what was exported, and of the unconfirmed what the fault says.
  void judge_ledger(stats_snapshot const& now) {
    require(book_.unknown() == 0, "what the collector took is spans of ours");
    std::uint64_t const sent = now.exported + recovered_;
    std::uint64_t const all = sent + now.unconfirmed + sent_to_both_;
    switch (fault_.spans) {
      case unconfirmed::never:
      case unconfirmed::none_there: require(taken_.distinct == sent, "taken = exported"); break;
      case unconfirmed::all_there: require(taken_.distinct == all, "taken = exported + unconfirmed"); break;
      case unconfirmed::some_there: require(taken_.distinct >= sent && taken_.distinct <= all, "exported <= taken <= exported + unconfirmed"); break;
    }
    // On a connection that was closed while it was idle an attempt sends twice.
    unsigned const times = fault_.spans == unconfirmed::all_there || fault_.spans == unconfirmed::some_there ? 2 : 1;
    bool const was_sent = [&] {
      for (std::uint64_t i = 1; i <= numbered_; ++i)
        if (book_.taken(i) > times * witness_->attempts(i) + (recovered_ == 0 ? 0 : 1)) return false;
      return true;
    }();
    require(was_sent, "no span is taken more often than it was sent");
    require(fault_.spans == unconfirmed::all_there || fault_.spans == unconfirmed::some_there || taken_.again == 0, "no span is taken twice");
  }
  // What the fallback took is what the account says, each span once. The collector may have some of it, too: what it was sent, and has not confirmed.
  void judge_fallback(stats_snapshot const& now) {
    std::vector<bool> seen(numbered_ + 1);
    bool once = true;
    std::uint64_t spans = 0;
    for (auto const& one : {witness_, fallback_}) {
      for (auto const& batch : one->confirmed()) {
        for (std::uint64_t const number : batch.numbers) {
          once = once && !seen.at(number);
          seen.at(number) = true;
          if (one != fallback_) continue;
          ++spans;
          if (witness_->attempts(number) != 0) ++sent_to_both_;
        }
      }
    }
    require(spans == now.fallback, "the fallback has what the account says");
    require(once, "no span is exported twice");
  }
  // Span by span: what the exporter confirmed is there, once in the account, but for as many as were rejected.
  void judge_witness(stats_snapshot const& now) {
    std::uint64_t exported = 0, rejected = 0;
    bool there = true;
    for (auto const& batch : witness_->confirmed()) {
      std::uint64_t found = 0;
      for (std::uint64_t const number : batch.numbers) {
        if (book_.taken(number) != 0) ++found;
      }
      there = there && found == batch.numbers.size() - batch.rejected;
      exported += batch.numbers.size() - batch.rejected;
      rejected += batch.rejected;
    }
    require(exported == now.exported && rejected == now.rejected, "exported and rejected is what the exporter said");
    bool const waits_as_asked = fault_.command != std::string_view{"retry_after_seconds 1"} || when_ != outage::brief || witness_->shortest_pause() >= 1s;
    require(waits_as_asked, "no attempt comes before the collector wants it");
    require(there, "each exported span is there");
  }
  std::string line(recorder const& program) const {
    stats_snapshot const now = stats();
    constexpr char const* relations[] = {"taken = exported", "taken = exported", "taken = exported + unconfirmed", "taken within exported + unconfirmed"};
    char text[512];
    auto const n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::snprintf(text, sizeof text, "%-22s %-19s %6llu %8llu %8llu %8llu %7llu %11llu %6llu %5llu %8llu %5llu %6llu %5llu %10llu %6lld  %s", fault_.command,
                  outages[static_cast<std::size_t>(when_)].second, n(now.ended), n(now.exported), n(now.rejected), n(now.fallback), n(now.spooled), n(now.unconfirmed), n(now.dropped.export_failed),
                  n(now.dropped.queue_full), n(now.dropped.shutdown), n(now.dropped.after_shutdown), n(taken_.distinct), n(taken_.again), n(program.most_bytes() >> 10),
                  static_cast<long long>(took_.count()), relations[static_cast<std::size_t>(fault_.spans)]);
    return text;
  }
  static void print_head() {
    std::printf("%-22s %-19s %6s %8s %8s %8s %7s %11s %6s %5s %8s %5s %6s %5s %10s %6s  %s\n", "fault", "outage", "ended", "exported", "rejected", "fallback", "on disk", "unconfirmed", "failed",
                "queue", "shutdown", "after", "taken", "again", "memory KiB", "end ms", "what holds");
  }
  friend void print_head();

  fault const& fault_;
  outage when_;
  refuge refuge_;
  spool_directory spool_;
  ledger book_{1'000'000};
  faulty_collector collector_{NANOSPAN_TEST_FAULTY_COLLECTOR, book_};
  std::shared_ptr<numbered_ids> ids_ = std::make_shared<numbered_ids>();
  std::shared_ptr<witness> witness_;
  std::shared_ptr<witness> fallback_ = std::make_shared<witness>(std::make_shared<support::scripted_exporter>());
  stats_snapshot during_ = {};
  std::uint64_t recorded_ = 0;
  std::uint64_t numbered_ = 0;
  std::uint64_t recovered_ = 0;     // by the next process
  std::uint64_t sent_to_both_ = 0;  // to the collector, unconfirmed, and then to the fallback
  ledger::sum taken_ = {};
  std::chrono::milliseconds took_{};
  std::string complaints_;
};
void print_head() { cell::print_head(); }

// A cell's process, and what it says.
class running_cell {
 public:
  running_cell(fault const& which, outage when, refuge where) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    std::fflush(stdout);
    process_ = ::fork();
    if (process_ == 0) {
      ::alarm(120);
      std::string said;
      try {
        said = cell{which, when, where}.run();
      } catch (std::exception const& error) {
        said = std::string{which.command} + "\n" + error.what();
      }
      bool const written = ::write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size());
      ::_exit(written ? 0 : 1);
    }
    ::close(ends[1]);
    output_ = ends[0];
  }
  std::string finish() const {
    std::string said;
    char bytes[4096];
    for (ssize_t count = 0; (count = ::read(output_, bytes, sizeof bytes)) > 0;) said.append(bytes, static_cast<std::size_t>(count));
    ::close(output_);
    int status = 0;
    ::waitpid(process_, &status, 0);
    if (status != 0) said += "\nthe process ended with status " + std::to_string(status);
    return said;
  }

 private:
  pid_t process_;
  int output_;
};

void run(outage when, refuge where) {
  constexpr std::size_t at_once = 6;  // they wait, mostly
  print_head();
  std::vector<running_cell> running;
  for (std::size_t done = 0, started = 0; done < std::size(faults); ++done) {
    for (; started < std::size(faults) && started < done + at_once; ++started) running.emplace_back(faults[started], when, where);
    std::string const said = running[done].finish();
    std::printf("%s\n", said.c_str());
    CAPTURE(said);
    CHECK(said.find('\n') == std::string::npos);
  }
}

}  // namespace

TEST_CASE("faults that are there before the program and over before retry_limit cost no span, and no account") { run(outage::at_start, refuge::none); }
TEST_CASE("faults that are over before retry_limit cost no span, and no account") { run(outage::brief, refuge::none); }
TEST_CASE("faults beyond retry_limit cost what the account says, to the span") { run(outage::beyond_retry_limit, refuge::none); }
TEST_CASE("faults beyond the queue cost what the account says, to the span") { run(outage::beyond_queue, refuge::none); }
TEST_CASE("faults that stand when the program ends cost what the account says, to the span, and hold it no longer than they may") { run(outage::at_end, refuge::none); }

TEST_CASE("where there is a fallback faults beyond retry_limit cost no span") { run(outage::beyond_retry_limit, refuge::fallback); }
TEST_CASE("where there is a fallback faults beyond the queue cost no span") { run(outage::beyond_queue, refuge::fallback); }
TEST_CASE("where there is a fallback faults that stand when the program ends cost no span") { run(outage::at_end, refuge::fallback); }

TEST_CASE("where there is a spool faults beyond retry_limit cost no span but those that are refused") { run(outage::beyond_retry_limit, refuge::spool); }
TEST_CASE("where there is a spool faults beyond the queue cost no span but those that are refused") { run(outage::beyond_queue, refuge::spool); }
TEST_CASE("where there is a spool the next process sends what faults left on disk when the program ended") { run(outage::at_end, refuge::spool); }
