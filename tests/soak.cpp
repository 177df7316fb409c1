// SPDX-License-Identifier: Apache-2.0

// 200,000 spans a second from four threads while the faults of a collector come and go: soak SECONDS [SEED [DIRECTORY]], which spools there and
// has a fallback. At the end the account is exact, against the
// program's own count and the collector's ledger; memory, descriptors and threads are what they were when it had warmed up. Prints a table; fails by
// its exit status.

#include <nanospan.hpp>

#include "support/faulty_collector.hpp"
#include "support/resources.hpp"
#include "support/scripted.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using nanospan::stats;
using nanospan::stats_snapshot;
using std::chrono::steady_clock;

namespace {

constexpr unsigned recorders = 4;
constexpr std::uint64_t spans_a_millisecond = 50;  // each of them
constexpr std::uint64_t spans_a_second = recorders * spans_a_millisecond * 1'000;
constexpr std::uint64_t most_at_once = 4 * spans_a_millisecond;  // when one comes late
// What the allocator keeps moves by so much from look to look; the queue alone is 16 MiB.
constexpr std::uint64_t memory_slack_kib = 8u << 10;
// An answer of 4 MiB, in a string that doubles.
constexpr std::uint64_t answer_kib = 12u << 10;

constexpr std::array all_faults{
    "drip 20",          "http_1_0",       "continue",   "chunked",        "wrong_type",     "close_idle",     "close_reused",           "partial 3",
    "too_large 20000",  "status 400",     "status 401", "status 404",     "status 408",     "status 413",     "status 500",             "early 401",
    "redirect",         "html",           "status 429", "status 502",     "status 503",     "status 504",     "retry_after_seconds 1",  "retry_after_date 1",
    "early 503",        "endless_body",   "hang",       "endless_length", "endless_chunks", "endless_header", "hang_read",              "reset",
    "reset_in_header",  "reset_in_body",  "garbage",    "http2",          "drip_endless",   "take_and_close", "reset_in_answer_header", "reset_in_answer_body",
    "refuse",           "accept_full",    "stopped",    "killed",
};

class recording_threads {
 public:
  recording_threads() {
    for (unsigned i = 0; i < recorders; ++i) threads_.emplace_back([this] { run(); });
  }
  recording_threads(recording_threads const&) = delete;
  recording_threads& operator=(recording_threads const&) = delete;
  ~recording_threads() { stop(); }
  // Returns how many spans they have recorded.
  std::uint64_t stop() {
    over_ = true;
    for (auto& one : threads_) one.join();
    threads_.clear();
    return recorded_;
  }

 private:
  void run() {
    static std::string const long_text(5'000, 'x');
    auto const start = steady_clock::now();
    std::uint64_t done = 0;
    for (; !over_; std::this_thread::sleep_for(1ms)) {
      auto const due = static_cast<std::uint64_t>((steady_clock::now() - start) / 1ms) * spans_a_millisecond;
      for (std::uint64_t const until = std::min(due, done + most_at_once); done < until; done += 2) {
        NANOSPAN("parent", {"number", done}, {"who", "soak"});
        if (done % 10'000 == 0) NANOSPAN_SET({"text", long_text});
        { NANOSPAN("child"); }
      }
    }
    recorded_ += done;
  }
  std::atomic<bool> over_{false};
  std::atomic<std::uint64_t> recorded_{0};
  std::vector<std::thread> threads_;
};

struct resources {
  std::uint64_t memory_kib = 0;
  std::uint64_t descriptors = 0;
  std::uint64_t threads = 0;
};
resources used() { return {support::resident_bytes() >> 10, support::count_entries("/proc/self/fd"), support::count_entries("/proc/self/task")}; }

class soak {
 public:
  soak(std::chrono::seconds time, std::uint64_t seed, char const* spool) : time_{time}, spool_{spool}, random_{seed}, book_{(static_cast<std::uint64_t>(time.count()) + 120) * spans_a_second} {}

  bool run() {
    collector_.emplace(NANOSPAN_TEST_FAULTY_COLLECTOR, book_);
    resources const at_first = used();
    {
      nanospan::tracer_provider tracing{options()};
      recording_threads program;
      print_head();
      warm_up(tracing);
      quiet(tracing);
      resources const warm = used();
      auto const start = steady_clock::now();
      suffer(start);
      quiet(tracing);
      resources const late = used();
      print(start, "none");
      require(late.descriptors == warm.descriptors, "as many descriptors are open as at first");
      require(late.threads == warm.threads, "as many threads are there as at first");
      recorded_ = program.stop();
      until([] { return stats().held == 0; }, "all that was held is settled", [&] { tracing.flush(1s); });
    }
    judge_memory();
    resources const at_last = used();
    require(at_last.threads == at_first.threads, "a provider's threads end with it");
    require(at_last.descriptors == at_first.descriptors, "a provider's descriptors are closed with it");
    collector_->fault("refuse");  // when it has done with what it was sent
    judge();
    return good_;
  }

 private:
  nanospan::options options() const {
    nanospan::options with;
    with.endpoint = collector_->url();
    with.id_generator = ids_;
    with.export_timeout = 500ms;
    with.retry_limit = 3s;
    with.schedule_delay = 200ms;
    with.shutdown_limit = 10s;
    with.on_message = [](std::string_view) noexcept {};
    with.spool_directory = spool_;
    if (!spool_.empty()) with.fallback = std::make_shared<support::scripted_exporter>();
    return with;
  }
  void require(bool holds, std::string const& what) {
    if (holds) return;
    good_ = false;
    std::printf("not so: %s\n", what.c_str());
  }
  template <typename Condition, typename Turn>
  void until(Condition const& holds, std::string const& what, Turn const& turn) {
    auto const deadline = steady_clock::now() + 60s;
    while (!holds()) {
      turn();
      if (steady_clock::now() > deadline) return require(false, what);
    }
  }
  // What can be full has been full once.
  void warm_up(nanospan::tracer_provider& tracing) {
    collector_->fault("hang");
    until([] { return stats().dropped.queue_full + stats().fallback + stats().spooled > 0; }, "the queue is full once", [] { std::this_thread::sleep_for(100ms); });
    collector_->fault("status 400");
    std::this_thread::sleep_for(1s);
    collector_->fault("none");
    tracing.flush(5s);
  }
  // All connections are as in peace.
  void quiet(nanospan::tracer_provider& tracing) {
    collector_->fault("none");
    std::uint64_t const before = stats().exported;
    until([&] { return stats().exported > before + spans_a_second; }, "spans are exported in peace", [&] { tracing.flush(5s); });
  }
  void suffer(steady_clock::time_point start) {
    std::uniform_int_distribution<std::size_t> which{0, all_faults.size() - 1};
    std::uniform_int_distribution<int> fault_ms{50, 2'500}, peace_ms{50, 2'000};
    for (std::size_t met = 0; steady_clock::now() < start + time_; ++met) {
      char const* const fault = all_faults[which(random_)];
      collector_->fault(fault);
      std::this_thread::sleep_for(std::chrono::milliseconds{fault_ms(random_)});
      look(start, answer_kib);
      if (steady_clock::now() >= next_print_) {
        print(start, fault);
        next_print_ = steady_clock::now() + time_ / 20;
      }
      collector_->fault("none");
      std::this_thread::sleep_for(std::chrono::milliseconds{peace_ms(random_)});
      look(start, 0);
    }
  }
  // What a fault takes while it lasts is no growth.
  void look(steady_clock::time_point start, std::uint64_t of_the_fault_kib) {
    auto& half = steady_clock::now() < start + time_ / 2 ? early_ : late_;
    std::uint64_t const kib = used().memory_kib;
    half = std::max(half, kib - std::min(kib, of_the_fault_kib));
    stats_snapshot const now = stats();
    require(now.queue_bytes <= now.queue_limit_bytes + (8u << 20), "the queue keeps its limit, but for the batch that is sent");
    require(now.memory_limit_bytes == 0 || now.memory_bytes <= now.memory_limit_bytes, "memory keeps its limit");
  }
  void judge_memory() {
    std::printf("memory: at most %llu KiB in the first half, %llu KiB in the second\n", n(early_), n(late_));
    require(late_ <= early_ + memory_slack_kib, "memory does not grow");
  }
  void judge() {
    stats_snapshot const now = stats();
    auto const taken = book_.taken_of(ids_->count());
    std::printf("recorded %llu = exported %llu + fallback %llu + rejected %llu + unconfirmed %llu + discarded %llu + dropped (failed %llu, queue full %llu, ring full %llu, at the end %llu)\n",
                n(recorded_), n(now.exported), n(now.fallback), n(now.rejected), n(now.unconfirmed), n(now.discarded.total()), n(now.dropped.export_failed), n(now.dropped.queue_full),
                n(now.dropped.ring_full), n(now.dropped.shutdown));
    std::printf("the collector took %llu, and %llu of them again\n", n(taken.distinct), n(taken.again));
    require(now.ended == recorded_ && ids_->count() == recorded_, "what was recorded has ended");
    require(now.held == 0 && now.accounted() == now.ended + now.recovered, "the account is exact");
    require(book_.unknown() == 0, "what the collector took is spans of ours");
    // What was unconfirmed may be there, also where some of it was rejected later on, or went to the fallback.
    require(taken.distinct >= now.exported, "all that was exported is there");
    require(taken.distinct <= now.exported + now.unconfirmed + now.rejected + now.fallback, "nothing is there that the account says is lost");
  }

  static unsigned long long n(std::uint64_t value) { return value; }
  static void print_head() {
    std::printf("%8s %-22s %11s %11s %9s %9s %11s %9s %10s %9s %9s %9s %10s %4s %7s\n", "second", "fault", "ended", "exported", "fallback", "rejected", "unconfirmed", "failed", "queue full",
                "ring full", "held", "on disk", "memory KiB", "fds", "threads");
  }
  static void print(steady_clock::time_point start, char const* fault) {
    stats_snapshot const now = stats();
    resources const here = used();
    std::printf("%8.1f %-22s %11llu %11llu %9llu %9llu %11llu %9llu %10llu %9llu %9llu %9llu %10llu %4llu %7llu\n",
                std::chrono::duration<double>(steady_clock::now() - start).count(), fault, n(now.ended), n(now.exported), n(now.fallback), n(now.rejected), n(now.unconfirmed),
                n(now.dropped.export_failed), n(now.dropped.queue_full), n(now.dropped.ring_full), n(now.held), n(now.spooled), n(here.memory_kib), n(here.descriptors),
                n(here.threads));
    std::fflush(stdout);
  }

  std::chrono::seconds time_;
  std::string spool_;
  std::mt19937_64 random_;
  ledger book_;
  std::optional<faulty_collector> collector_;
  std::shared_ptr<numbered_ids> ids_ = std::make_shared<numbered_ids>();
  steady_clock::time_point next_print_;
  std::uint64_t recorded_ = 0;
  std::uint64_t early_ = 0;  // KiB, at most
  std::uint64_t late_ = 0;
  bool good_ = true;
};

}  // namespace

int main(int argc, char** argv) {
  std::chrono::seconds const time{argc > 1 ? std::atoi(argv[1]) : 60};  // NOLINT(cert-err34-c): zero is not long
  std::uint64_t const seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  try {
    return soak{time, seed, argc > 3 ? argv[3] : ""}.run() ? 0 : 1;
  } catch (std::exception const& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
