// SPDX-License-Identifier: Apache-2.0

#include <nanospan/clock_converter.hpp>

#include "catch.hpp"

#include <cstdint>
#include <random>
#include <vector>

using nanospan::detail::clock_converter;
using nanospan::detail::clock_source;

namespace {

constexpr std::uint64_t millisecond = 1'000'000;
constexpr std::uint64_t second = 1'000'000'000;

// A world with one true time, in nanoseconds, that all three clocks show, each in its way.
struct world {
  std::uint64_t time = 1'000 * second;
  // The counter: so many ticks a thousand nanoseconds since `paced_from`, when it showed `counted`.
  std::uint64_t pace = 2'400;
  std::uint64_t paced_from = 1'000 * second;
  std::uint64_t counted = 5'000'000'000'000;
  std::int64_t wall_offset = 1'700'000'000'000'000'000;
  // A look at a clock takes time; one in `slow_every` is interrupted.
  std::uint64_t read_cost = 0;
  std::uint64_t slow_every = 0;
  std::uint64_t slow_cost = 0;
  std::uint64_t reads = 0;

  std::uint64_t ticks() const { return counted + (time - paced_from) * pace / 1'000; }
  std::uint64_t wall() const { return time + static_cast<std::uint64_t>(wall_offset); }
  void set_pace(std::uint64_t ticks_per_1000_ns) {
    counted = ticks();
    paced_from = time;
    pace = ticks_per_1000_ns;
  }
  void set_ticks(std::uint64_t to) {
    counted = to;
    paced_from = time;
  }
  void look() {
    time += read_cost;
    if (slow_every != 0 && ++reads % slow_every == 0) time += slow_cost;
  }
};
world now;

constexpr clock_source simulated{[]() noexcept {
                                   now.look();
                                   return now.ticks();
                                 },
                                 []() noexcept {
                                   now.look();
                                   return now.time;
                                 },
                                 []() noexcept {
                                   now.look();
                                   return now.wall();
                                 }};

// A converter in a new world.
clock_converter converter_in(world const& made) {
  now = made;
  return clock_converter{simulated};
}
void pass(clock_converter& clock, std::uint64_t nanoseconds) {
  now.time += nanoseconds;
  clock.take_anchor();
}
void pass_for(clock_converter& clock, std::uint64_t nanoseconds, std::uint64_t interval = 20 * millisecond) {
  for (std::uint64_t const end = now.time + nanoseconds; now.time < end;) pass(clock, interval);
}

// A moment as the counter shows it and as it was.
struct moment {
  std::uint64_t ticks;
  std::uint64_t unix_time;
};
moment this_moment() { return {now.ticks(), now.wall()}; }
std::int64_t error_of(clock_converter const& clock, moment const& one) {
  return static_cast<std::int64_t>(clock.to_unix(one.ticks, false) - one.unix_time);
}
std::int64_t worst_of(clock_converter const& clock, std::vector<moment> const& moments) {
  std::int64_t worst = 0;
  for (moment const& one : moments) worst = std::max(worst, std::abs(error_of(clock, one)));
  return worst;
}
// Passes at random intervals; between two of them some moments, converted after the second, as records are.
std::int64_t worst_error(clock_converter& clock, int passes) {
  std::mt19937_64 random{1};
  std::int64_t worst = 0;
  for (int at = 0; at < passes; ++at) {
    std::vector<moment> moments;
    for (int i = 0; i < 8; ++i) {
      now.time += random() % (3 * millisecond);
      moments.push_back(this_moment());
    }
    pass(clock, random() % millisecond);
    worst = std::max(worst, worst_of(clock, moments));
  }
  return worst;
}

}  // namespace

TEST_CASE("a tick between two anchors is converted to the nanosecond") {
  for (std::uint64_t const pace : {24u, 1'000u, 2'400u, 5'000u}) {
    CAPTURE(pace);
    world made;
    made.pace = pace;
    clock_converter clock = converter_in(made);
    auto const a_tick = static_cast<std::int64_t>(1'000 / pace);
    CHECK(worst_error(clock, 2'000) <= 2 + 2 * a_tick);
    CHECK(clock.counter_trusted());
  }
}

TEST_CASE("what a look at the clocks costs shifts nothing") {
  clock_converter clock = converter_in({.read_cost = 25});
  CHECK(worst_error(clock, 2'000) <= 2);
}

TEST_CASE("an interruption between two looks at the clocks shifts nothing") {
  // At most two of three brackets are hit.
  clock_converter clock = converter_in({.read_cost = 25, .slow_every = 7, .slow_cost = 50'000});
  CHECK(worst_error(clock, 2'000) <= 2);
  CHECK(clock.counter_trusted());
}

TEST_CASE("ticks that are monotonic nanoseconds need no conversion but the wall's") {
  clock_converter clock = converter_in({});
  pass_for(clock, second);
  CHECK(clock.to_unix(now.time - 123'456'789, true) == now.wall() - 123'456'789);
  CHECK(clock.to_unix(now.time + 5, true) == now.wall() + 5);
}

TEST_CASE("before there is a second anchor all ticks are of the first one's time") {
  clock_converter const clock = converter_in({});
  CHECK(clock.to_unix(now.ticks(), false) == now.wall());
  CHECK(clock.to_unix(now.ticks() - 1'000'000, false) == now.wall());
}

TEST_CASE("a tick that is younger than the newest anchor is of its time: there is nothing younger") {
  clock_converter clock = converter_in({});
  pass_for(clock, second);
  CHECK(clock.to_unix(now.ticks(), false) == now.wall());
  CHECK(clock.to_unix(now.ticks() + 1'000'000'000, false) == now.wall());
}

TEST_CASE("a step of the wall clock bends no duration") {
  for (std::int64_t const step :
       {std::int64_t{3'600'000'000'000}, std::int64_t{-3'600'000'000'000}, std::int64_t{5'000'000}, std::int64_t{-5'000'000}}) {
    CAPTURE(step);
    clock_converter clock = converter_in({});
    pass_for(clock, second);
    std::uint64_t const start = now.ticks();
    pass(clock, 7 * millisecond);
    now.wall_offset += step;
    now.time += 3 * millisecond;
    std::uint64_t const end = now.ticks();
    moment const after = this_moment();
    pass(clock, millisecond);
    CHECK(clock.to_unix(end, false) - clock.to_unix(start, false) == 10 * millisecond);
    CHECK(clock.to_unix(now.time, true) - clock.to_unix(now.time - 10 * millisecond, true) == 10 * millisecond);
    CHECK(std::abs(error_of(clock, after)) <= 2);  // and the new wall time is the one that is shown
    CHECK(clock.counter_trusted());
  }
}

TEST_CASE("a wall clock that wavers by less than two microseconds moves nothing") {
  clock_converter clock = converter_in({});
  pass_for(clock, second);
  std::uint64_t const tick = now.ticks();
  pass(clock, millisecond);
  std::uint64_t const before = clock.to_unix(tick, false);
  for (int const wavering : {500, -1'000, 1'900}) {
    now.wall_offset += wavering;
    pass(clock, millisecond);
    now.wall_offset -= wavering;
    CHECK(clock.to_unix(tick, false) == before);
  }
}

TEST_CASE("a wall clock that is slewed is followed") {
  clock_converter clock = converter_in({});
  std::int64_t worst = 0;
  for (int at = 0; at < 500; ++at) {
    now.wall_offset += 10'000;  // 500 ppm
    pass(clock, 20 * millisecond);
    worst = std::max(worst, std::abs(error_of(clock, this_moment())));
  }
  CHECK(worst <= 2'010);
}

TEST_CASE("a later tick is never an earlier time") {
  clock_converter clock = converter_in({.read_cost = 25, .slow_every = 5, .slow_cost = 3'000});
  std::mt19937_64 random{1};
  std::vector<std::uint64_t> ticks;
  for (int at = 0; at < 300; ++at) {
    for (int i = 0; i < 20; ++i) {
      now.time += random() % (2 * millisecond);
      ticks.push_back(now.ticks());
    }
    pass(clock, 1);
    ticks.push_back(now.ticks());
  }
  std::uint64_t latest = 0;
  int backwards = 0;
  for (std::uint64_t const tick : ticks) {
    std::uint64_t const time = clock.to_unix(tick, false);
    if (time < latest) ++backwards;
    latest = time;
  }
  CHECK(backwards == 0);
}

TEST_CASE("what is older than all anchors starts at its end less its duration") {
  now = {};
  std::uint64_t const start = now.ticks();
  std::uint64_t const start_time = now.wall();
  now.time += 3'600 * second;
  clock_converter clock{simulated};
  pass(clock, millisecond);
  std::uint64_t const end = now.ticks();
  pass(clock, millisecond);
  CHECK(std::abs(static_cast<std::int64_t>(clock.to_unix(start, false) - start_time)) <= 4'000);  // of an hour
  CHECK(clock.to_unix(end, false) > clock.to_unix(start, false));
}

TEST_CASE("a steady counter is trusted for hours, and a span of hours keeps its time") {
  clock_converter clock = converter_in({.read_cost = 25});
  std::vector<moment> moments;
  for (int minute = 0; minute < 5 * 60; ++minute) {
    moments.push_back(this_moment());
    pass_for(clock, 60 * second);
  }
  CHECK(clock.counter_trusted());
  CHECK(worst_of(clock, moments) <= 10);
}

TEST_CASE("a counter whose pace follows the temperature is trusted, and what is recent is exact") {
  clock_converter clock = converter_in({.pace = 240'000});  // enough digits for parts of a million
  std::int64_t worst = 0;
  moment hour_ago = this_moment();
  for (int minute = 0; minute < 60; ++minute) {
    now.set_pace(240'000 + (minute % 20 < 10 ? 24u : 0u));  // 100 ppm
    pass_for(clock, 59 * second);
    worst = std::max(worst, worst_error(clock, 40));
  }
  CHECK(clock.counter_trusted());
  CHECK(worst <= 2'000);  // 100 ppm of the one segment in which it changed
  CHECK(std::abs(error_of(clock, hour_ago)) <= 2);
}

TEST_CASE("the last seconds are kept in detail for hours") {
  clock_converter clock = converter_in({.pace = 240'000});
  pass_for(clock, 3 * second);
  std::vector<moment> moments;
  std::int64_t worst = 0;
  for (int half_second = 0; half_second < 600; ++half_second) {
    now.set_pace(240'000 + (half_second % 2 == 0 ? 24u : 0u));  // 100 ppm
    for (int at = 0; at < 25; ++at) {
      pass(clock, 20 * millisecond);
      moments.push_back(this_moment());
    }
    if (moments.size() > 100) moments.erase(moments.begin(), moments.end() - 100);  // two seconds
    worst = std::max(worst, worst_of(clock, moments));
  }
  CHECK(worst <= 2'100);  // 100 ppm of one segment
}

TEST_CASE("a counter that jumps back is not trusted") {
  clock_converter clock = converter_in({});
  pass_for(clock, second / 2);
  CHECK(clock.counter_trusted());
  now.set_ticks(now.ticks() - 1'000'000'000);
  pass(clock, millisecond);
  CHECK_FALSE(clock.counter_trusted());
  pass_for(clock, 10 * second);
  CHECK_FALSE(clock.counter_trusted());  // once is enough
}

TEST_CASE("a counter that starts again at zero is not trusted, and no conversion fails") {
  clock_converter clock = converter_in({});
  pass_for(clock, 2 * second);
  std::uint64_t const before = now.ticks();
  now.set_ticks(0);
  pass(clock, millisecond);
  CHECK_FALSE(clock.counter_trusted());
  std::uint64_t const sane = now.wall();
  for (std::uint64_t const tick : {before, std::uint64_t{0}, now.ticks()}) {
    CAPTURE(tick);
    std::uint64_t const time = clock.to_unix(tick, false);
    CHECK(time > sane - 10'000 * second);
    CHECK(time < sane + 10'000 * second);
  }
}

TEST_CASE("a change of pace of more than 500 ppm is noticed within two seconds, a smaller one is none") {
  struct {
    std::uint64_t pace;
    bool trusted;
  } const changes[] = {{1'000'600, false}, {999'400, false},   {1'000'400, true},
                       {999'600, true},    {2'000'000, false}, {500'000, false}};
  for (auto const& [pace, trusted] : changes) {
    CAPTURE(pace);
    clock_converter clock = converter_in({.pace = 1'000'000});
    pass_for(clock, 5 * second + second / 3);
    REQUIRE(clock.counter_trusted());
    now.set_pace(pace);
    pass_for(clock, 2 * second + 40 * millisecond);
    CHECK(clock.counter_trusted() == trusted);
    pass_for(clock, 60 * second);
    CHECK(clock.counter_trusted() == trusted);
  }
}

TEST_CASE("a jump forward that is 500 ppm of a second is noticed") {
  clock_converter clock = converter_in({});
  pass_for(clock, 3 * second);
  REQUIRE(clock.counter_trusted());
  now.set_ticks(now.ticks() + std::uint64_t{2} * 2'400'000);  // two milliseconds
  pass_for(clock, 2 * second);
  CHECK_FALSE(clock.counter_trusted());
}

TEST_CASE("a pace that drifts away little by little is measured against the first one") {
  clock_converter clock = converter_in({.pace = 1'000'000});
  pass_for(clock, 3 * second);
  for (std::uint64_t pace = 1'000'000; pace <= 1'000'700; pace += 10) {
    now.set_pace(pace);
    pass_for(clock, 3 * second);
  }
  CHECK_FALSE(clock.counter_trusted());
}

TEST_CASE("a counter that stops is not trusted") {
  clock_converter clock = converter_in({});
  pass_for(clock, 3 * second);
  now.set_pace(0);
  pass_for(clock, 3 * second);
  CHECK_FALSE(clock.counter_trusted());
  std::uint64_t const shown = clock.to_unix(now.ticks(), false);
  CHECK(shown <= now.wall());
  CHECK(shown > now.wall() - 10 * second);
}

TEST_CASE("a counter that never counts is not trusted") {
  clock_converter clock = converter_in({.pace = 0});
  pass_for(clock, 4 * second);
  CHECK_FALSE(clock.counter_trusted());
}

TEST_CASE("a background thread that was away for minutes takes its clock up again") {
  clock_converter clock = converter_in({.read_cost = 25});
  pass_for(clock, 2 * second);
  std::vector<moment> moments;
  for (int at = 0; at < 10; ++at) {
    now.time += 30 * second;
    moments.push_back(this_moment());
  }
  pass(clock, millisecond);
  CHECK(worst_of(clock, moments) <= 2);
  CHECK(clock.counter_trusted());
}

TEST_CASE("the machine's own clocks agree") {
  using namespace nanospan::detail;
  clock_converter clock;
  std::uint64_t const before = wall_nanoseconds();
  std::uint64_t const ticks = raw_ticks();
  std::uint64_t const monotonic = monotonic_nanoseconds();
  std::uint64_t const after = wall_nanoseconds();
  while (wall_nanoseconds() < after + 5 * millisecond) {
  }
  clock.take_anchor();
  // An anchor that was interrupted in each of its looks may be off by as long as that took.
  CHECK(clock.to_unix(ticks, false) + 5 * millisecond > before);
  CHECK(clock.to_unix(ticks, false) < after + 5 * millisecond);
  CHECK(clock.to_unix(monotonic, true) + 5 * millisecond > before);
  CHECK(clock.to_unix(monotonic, true) < after + 5 * millisecond);
}
