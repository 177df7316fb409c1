// SPDX-License-Identifier: Apache-2.0

// Whatever allocation fails on the way from the rings to an exporter, to the fallback or to disk, and whether the next ones do, too: the program lives, and each
// span is in the account. A program of its own, for its operator new.

#include <nanospan.hpp>

#include "catch.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include <unistd.h>

using nanospan::export_result;
using outcome = export_result::outcome;
using namespace std::chrono_literals;

namespace {

// Allocations to come, by any thread, before those that fail; and how many of these. Relaxed: order nothing.
std::atomic<long> good_ones{-1};
std::atomic<long> bad_ones{0};

bool fails() noexcept {
  if (good_ones.load() < 0 || good_ones.fetch_sub(1) > 0) return false;
  good_ones = 0;
  if (bad_ones.fetch_sub(1) > 0) return true;
  good_ones = -1;
  return false;
}
void fail(long after, long count) {
  bad_ones = count;
  good_ones = after;
}
// Whether some have failed.
bool stop_failing(long count) {
  good_ones = -1;
  return bad_ones < count;
}

}  // namespace

// NOLINTBEGIN(misc-new-delete-overloads,cppcoreguidelines-no-malloc): replaced in this program
void* operator new(std::size_t bytes) {
  void* const place = fails() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
  return place != nullptr ? place : throw std::bad_alloc{};
}
void* operator new(std::size_t bytes, std::nothrow_t const&) noexcept { return fails() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes); }
void operator delete(void* place) noexcept { std::free(place); }
void operator delete(void* place, std::size_t) noexcept { std::free(place); }
// NOLINTEND(misc-new-delete-overloads,cppcoreguidelines-no-malloc)

namespace {

// What a collector may say, one after another; allocates nothing.
class moody_exporter final : public nanospan::exporter {
 public:
  explicit moody_exporter(bool always_well = false) : always_well_{always_well} {}
  export_result export_batch(nanospan::batch const&, nanospan::export_wait&) override {
    constexpr outcome moods[] = {outcome::too_large, outcome::retry, outcome::success, outcome::unconfirmed, outcome::failure, outcome::unreachable};
    return {always_well_ ? outcome::success : moods[calls_++ % std::size(moods)], 0, {}, "why"};
  }
  export_result probe(nanospan::export_wait&) override { return {outcome::failure, 0, {}, "why"}; }
  std::string description() const override { return "an exporter with a description that is not short"; }

 private:
  bool always_well_;
  unsigned calls_ = 0;
};

void record(unsigned spans) {
  for (unsigned i = 0; i < spans; ++i) NANOSPAN("one", {"i", i});
}

// False where nothing has failed any more: there are no more allocations.
bool survives(long after, long count, bool spools, bool falls_back, std::string const& folder) {
  nanospan::options options;
  options.exporter = std::make_shared<moody_exporter>();
  if (falls_back) options.fallback = std::make_shared<moody_exporter>(true);
  if (spools) options.spool_directory = folder;
  options.max_batch_spans = 16;
  options.background_thread = false;
  options.shutdown_limit = 20ms;
  options.on_message = [](std::string_view) noexcept {};
  nanospan::tracer_provider tracing{std::move(options)};
  record(100);
  fail(after, count);
  for (int i = 0; i < 4; ++i) {
    tracing.poll();
    tracing.flush(1ms);
  }
  bool const failed = stop_failing(count);
  record(20);
  tracing.poll();
  fail(after, count);
  return failed;  // and the rest of them at its end
}

}  // namespace

TEST_CASE("whatever allocation fails the program lives, and every span is accounted for") {
  std::string const folder = (std::filesystem::temp_directory_path() / ("nanospan-no-memory-" + std::to_string(::getpid()))).string();
  for (bool const spools : {false, true})
    for (bool const falls_back : {false, true})
      for (long const count : {1L, 20L})
        for (long after = 0;; ++after) {
          std::filesystem::remove_all(folder);
          std::uint64_t const before = nanospan::stats().ended;
          bool const failed = survives(after, count, spools, falls_back, folder);
          stop_failing(count);
          auto const now = nanospan::stats();
          if (now.ended - before != 120 || now.accounted() != now.ended + now.recovered || now.held != now.spooled) {
            CAPTURE(spools, falls_back, count, after);
            CHECK(now.ended - before == 120);
            CHECK(now.accounted() == now.ended + now.recovered);
            CHECK(now.held == now.spooled);  // what waits is on disk
          }
          if (!failed) {
            CHECK(after > 20);
            break;
          }
        }
  std::filesystem::remove_all(folder);
}
