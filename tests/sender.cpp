// SPDX-License-Identifier: Apache-2.0

#include <nanospan/sender.hpp>

#include "catch.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <ostream>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace detail = nanospan::detail;
using detail::sender;
using detail::sender_limits;
using nanospan::batch;
using nanospan::duration;
using nanospan::export_result;
using nanospan::export_wait;
using outcome = export_result::outcome;
using namespace std::chrono_literals;

namespace {

// Does with each batch what comes next in its script; takes it where that has ended. Remembers what it was given.
class scripted_exporter final : public nanospan::exporter {
 public:
  using reaction = std::function<export_result()>;

  void next(reaction one) { script_.push_back(std::move(one)); }
  void next(outcome one, int times = 1, duration retry_after = {}) {
    for (int i = 0; i < times; ++i) next([=] { return export_result{one, 0, retry_after, "the reason"}; });
  }
  void clear() { script_.clear(); }
  export_result export_batch(batch const& spans, export_wait&) override {
    given.push_back(spans.otlp);
    if (script_.empty()) return {};
    reaction const one = std::move(script_.front());
    script_.pop_front();
    return one();
  }
  std::string description() const override { return "the script"; }

  std::vector<std::string> given;

 private:
  std::deque<reaction> script_;
};

class no_wait final : public export_wait {
 public:
  outcome wait(int, bool, std::uint64_t) override { return outcome::timed_out; }
};

struct counts {
  std::uint64_t exported = 0;
  std::uint64_t rejected = 0;
  std::uint64_t unconfirmed = 0;
  std::uint64_t queue_full = 0;
  std::uint64_t export_failed = 0;
  std::uint64_t shutdown = 0;
  std::uint64_t fallback = 0;

  std::uint64_t total() const { return exported + rejected + unconfirmed + queue_full + export_failed + shutdown + fallback; }
  bool operator==(counts const&) const = default;
  friend std::ostream& operator<<(std::ostream& to, counts const& of) {
    return to << "exported " << of.exported << ", rejected " << of.rejected << ", unconfirmed " << of.unconfirmed << ", queue_full "
              << of.queue_full << ", export_failed " << of.export_failed << ", shutdown " << of.shutdown << ", fallback " << of.fallback;
  }
};

// A sender with its exporter, its messages, and an account from zero; the process has its own account back afterwards.
class sending {
 public:
  explicit sending(sender_limits limits = {1u << 20, 60'000'000'000}, nanospan::shared<nanospan::exporter> fallback = nullptr)
      : tested{to, limits, detail::messages{[](std::string_view line) noexcept { lines().emplace_back(line); }}, {std::move(fallback)}} {
    lines().clear();
    detail::background.reset();
  }
  sending(sending const&) = delete;
  sending& operator=(sending const&) = delete;
  ~sending() {
    detail::background.reset();
    detail::background.exported.add(before_.exported);
    detail::background.rejected.add(before_.rejected);
    detail::background.unconfirmed.add(before_.unconfirmed);
    detail::background.dropped_queue_full.add(before_.queue_full);
    detail::background.dropped_export_failed.add(before_.export_failed);
    detail::background.dropped_shutdown.add(before_.shutdown);
    detail::background.fallback.add(before_.fallback);
    detail::background.discarded_hook.add(discarded_before_.hook);
    detail::background.discarded_record_only.add(discarded_before_.record_only);
  }

  static counts counted() {
    auto const& now = detail::background;
    return {now.exported.read(),
            now.rejected.read(),
            now.unconfirmed.read(),
            now.dropped_queue_full.read(),
            now.dropped_export_failed.read(),
            now.dropped_shutdown.read(),
            now.fallback.read()};
  }
  static std::vector<std::string>& lines() {
    static std::vector<std::string> all;
    return all;
  }

  void push(std::string text, std::size_t spans = 1) { tested.push(batch{std::move(text), spans}); }
  void attempt() {
    no_wait wait;
    tested.attempt(wait);
  }
  void attempt_all() {
    while (!tested.empty()) attempt();
  }
  // What it does while there is nothing to wait for.
  bool aside() {
    no_wait wait;
    return tested.aside(wait);
  }
  void aside_all() {
    while (aside()) {}
  }
  // How long the sender wants to wait after an attempt that fails: between the two bounds, in nanoseconds.
  std::pair<std::uint64_t, std::uint64_t> delay_of_attempt() {
    std::uint64_t const before = detail::monotonic_nanoseconds();
    attempt();
    std::uint64_t const after = detail::monotonic_nanoseconds();
    return {tested.due() - after, tested.due() - before};
  }

  std::shared_ptr<scripted_exporter> const to = std::make_shared<scripted_exporter>();
  sender tested;

 private:
  counts const before_ = counted();
  nanospan::stats_snapshot::discards const discarded_before_ = nanospan::stats().discarded;
};

bool has(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

constexpr std::uint64_t milliseconds = 1'000'000;
constexpr std::uint64_t seconds = 1'000'000'000;

}  // namespace

// ---- one counter for each batch -----------------------------------------------------------------------------------------------

TEST_CASE("a batch that is taken is exported, but for the spans that were rejected") {
  sending with;
  with.to->next([] { return export_result{}; });
  with.to->next([] { return export_result{outcome::success, 3, {}, ""}; });
  with.push("a", 10);
  with.push("b", 10);
  with.attempt();
  with.attempt();
  CHECK(with.tested.empty());
  CHECK(sending::counted() == counts{.exported = 17, .rejected = 3});
  CHECK(with.tested.setbacks() == 0);
}

TEST_CASE("no more spans are rejected than there were") {
  sending with;
  with.to->next([] { return export_result{outcome::success, 1'000'000, {}, ""}; });
  with.push("a", 10);
  with.attempt();
  CHECK(sending::counted() == counts{.rejected = 10});
}

TEST_CASE("a failure is final") {
  sending with;
  with.to->next(outcome::failure);
  with.push("a", 10);
  with.push("b", 5);
  with.attempt();
  CHECK(sending::counted() == counts{.export_failed = 10});
  CHECK(with.tested.due() <= detail::monotonic_nanoseconds());  // the next one need not wait for it
  with.attempt();
  CHECK(sending::counted() == counts{.exported = 5, .export_failed = 10});
  CHECK(with.to->given == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a batch that was not taken stays, and is settled once by what becomes of it in the end") {
  for (outcome const first : {outcome::retry, outcome::unreachable, outcome::unconfirmed}) {
    sending with;
    with.to->next(first, 3);
    with.push("a", 10);
    for (int i = 0; i < 3; ++i) {
      with.attempt();
      CHECK(sending::counted() == counts{});
      CHECK_FALSE(with.tested.empty());
    }
    CHECK(with.tested.setbacks() == 3);
    with.attempt();
    CHECK(sending::counted() == counts{.exported = 10});
    CHECK(with.to->given == std::vector<std::string>(4, "a"));
  }
}

TEST_CASE("a batch that was ever sent in full and not answered is unconfirmed, unless it is taken later") {
  SECTION("then refused for good") {
    sending with;
    with.to->next(outcome::unconfirmed);
    with.to->next(outcome::failure);
    with.push("a", 10);
    with.attempt_all();
    CHECK(sending::counted() == counts{.unconfirmed = 10});
  }
  SECTION("then out of time") {
    sending with{{1u << 20, 20 * milliseconds, milliseconds, seconds}};
    with.to->next(outcome::unconfirmed);
    with.to->next(outcome::retry, 100);
    with.push("a", 10);
    with.attempt_all();
    CHECK(sending::counted() == counts{.unconfirmed = 10});
  }
  SECTION("then at the end") {
    sending with;
    with.to->next(outcome::unconfirmed);
    with.to->next(outcome::unreachable);
    with.push("a", 10);
    with.push("b", 5);
    with.attempt();
    with.attempt();
    with.tested.abandon();
    CHECK(sending::counted() == counts{.unconfirmed = 10, .shutdown = 5});
  }
  SECTION("then without room in the queue") {
    sending with{{10, 60 * seconds}};
    with.to->next(outcome::unconfirmed);
    with.push("aaaaa", 10);
    with.attempt();
    with.push("bbbbbbbbbb", 5);
    CHECK(sending::counted() == counts{.unconfirmed = 10});
  }
}

TEST_CASE("an exporter that throws is asked again") {
  sending with;
  with.to->next([]() -> export_result { throw std::runtime_error{"no such luck"}; });
  with.to->next([]() -> export_result { throw 42; });
  with.to->next([]() -> export_result { throw std::bad_alloc{}; });
  with.push("a", 10);
  with.attempt();
  REQUIRE(sending::lines().size() == 1);
  CHECK(has(sending::lines().front(), "no such luck"));
  with.attempt();
  with.attempt();
  CHECK(sending::counted() == counts{});
  with.attempt();
  CHECK(sending::counted() == counts{.exported = 10});
}

TEST_CASE("an exporter that throws for ever is given up") {
  sending with{{1u << 20, 20 * milliseconds, milliseconds, seconds}};
  for (int i = 0; i < 100; ++i) with.to->next([]() -> export_result { throw 42; });
  with.push("a", 10);
  with.attempt_all();
  CHECK(sending::counted() == counts{.export_failed = 10});
}

TEST_CASE("an exporter that throws when it is shut down harms nobody, and is let go") {
  class throwing_exporter final : public nanospan::exporter {
   public:
    export_result export_batch(batch const&, export_wait&) override { return {}; }
    std::uint64_t shutdown(export_wait&) override { throw std::runtime_error{"no"}; }
    std::string description() const override { return "throws"; }
  };
  auto exporter = std::make_shared<throwing_exporter>();
  std::weak_ptr<throwing_exporter> const alive = exporter;
  sender tested{std::move(exporter), {1024, seconds}, detail::messages{[](std::string_view) noexcept {}}};
  no_wait wait;
  tested.shutdown(wait);
  CHECK(alive.expired());
}

TEST_CASE("abandon settles all that is left") {
  sending with;
  with.to->next(outcome::retry);
  for (char const* text : {"a", "b", "c"}) with.push(text, 10);
  with.attempt();
  with.tested.abandon();
  CHECK(with.tested.empty());
  CHECK(with.tested.due() == ~std::uint64_t{0});
  CHECK(sending::counted() == counts{.shutdown = 30});
  with.tested.abandon();
  CHECK(sending::counted() == counts{.shutdown = 30});
}

TEST_CASE("whatever happens, each span is in exactly one counter") {
  std::mt19937 random{20240817};  // the same in every run
  for (int run = 0; run < 200; ++run) {
    sending with{{200, 5 * milliseconds, milliseconds, 4 * milliseconds}};
    std::uint64_t pushed = 0;
    std::uint64_t in_queue = 0;
    auto const push = [&] {
      std::size_t const spans = random() % 20 + 1;
      pushed += spans;
      with.push(std::string(random() % 80, 'x'), spans);
    };
    for (int step = 0; step < 60; ++step) {
      switch (random() % 6) {
        case 0:
          with.to->next(outcome::retry);
          break;
        case 1:
          with.to->next(outcome::unconfirmed);
          break;
        case 2:
          with.to->next(outcome::failure);
          break;
        case 3:
          with.to->next([&] {
            push();  // drained while the exporter waits
            push();
            return export_result{random() % 2 == 0 ? outcome::success : outcome::unreachable, random() % 4, {}, ""};
          });
          break;
        default:
          with.to->next([] { return export_result{}; });
      }
      push();
      if (random() % 2 == 0 && !with.tested.empty()) with.attempt();
    }
    in_queue = pushed - sending::counted().total();
    CHECK(in_queue <= pushed);
    CHECK((in_queue == 0) == with.tested.empty());
    with.tested.abandon();
    CHECK(sending::counted().total() == pushed);
  }
}

// ---- a batch that is too large ----------------------------------------------------------------------------------------------

namespace {

std::string field(char tag, std::string const& bytes) { return std::string{tag, static_cast<char>(bytes.size())} + bytes; }
// An OTLP request with spans of these names, as short as possible.
std::string request_of(std::vector<std::string> const& names) {
  std::string spans;
  for (std::string const& name : names) spans += field(0x12, field(0x2a, name));
  return field(0x0a, field(0x12, spans));
}

}  // namespace

TEST_CASE("a batch that is too large is sent in two halves, and each is counted for itself") {
  sending with;
  with.to->next(outcome::too_large);
  with.to->next(outcome::failure);
  with.push(request_of({"a", "b", "c"}), 3);
  with.push("next", 10);
  with.attempt();
  CHECK(sending::counted() == counts{});
  CHECK(detail::background.queue_bytes.load() == request_of({"a"}).size() + request_of({"b", "c"}).size() + 4);
  CHECK(with.tested.setbacks() == 0);
  CHECK_FALSE(with.tested.settled(1));
  CHECK(with.tested.due() <= detail::monotonic_nanoseconds());
  with.attempt();
  CHECK(sending::counted() == counts{.export_failed = 1});
  CHECK_FALSE(with.tested.settled(1));
  with.attempt();
  CHECK(sending::counted() == counts{.exported = 2, .export_failed = 1});
  CHECK(with.tested.settled(1));
  with.attempt();
  CHECK(with.to->given == std::vector<std::string>{request_of({"a", "b", "c"}), request_of({"a"}), request_of({"b", "c"}), "next"});
  CHECK(detail::background.passed.read() == 13);
  CHECK(detail::background.queue_bytes.load() == 0);
}

TEST_CASE("a half that is too large still is lost, and a batch that cannot be halved") {
  sending with;
  with.to->next(outcome::too_large, 4);
  with.push(request_of({"a", "b", "c", "d"}), 4);
  with.push("no OTLP", 10);
  with.attempt_all();
  CHECK(sending::counted() == counts{.export_failed = 14});
  CHECK(with.to->given.size() == 4);
  REQUIRE(sending::lines().size() == 1);
  CHECK(has(sending::lines()[0], "are lost"));
}

TEST_CASE("a half is retried as any other batch is") {
  sending with;
  with.to->next(outcome::too_large);
  with.to->next(outcome::unconfirmed);
  with.push(request_of({"a", "b"}), 2);
  with.attempt();
  with.attempt();
  CHECK(with.tested.due() > detail::monotonic_nanoseconds());
  with.tested.abandon();
  CHECK(sending::counted() == counts{.unconfirmed = 1, .shutdown = 1});
}

// ---- the fallback -----------------------------------------------------------------------------------------------------------

TEST_CASE("what is lost goes to the fallback, whatever the reason") {
  auto const fallback = std::make_shared<scripted_exporter>();
  sending with{{16, 20 * milliseconds, milliseconds, seconds}, fallback};
  SECTION("not worth another attempt") {
    with.to->next(outcome::failure);
    with.push("a", 10);
    with.attempt();
    with.aside_all();
    REQUIRE(sending::lines().size() == 1);
    CHECK(has(sending::lines()[0], "these spans go to the script"));
    CHECK(detail::background.passed_fallback.read() == 10);
    CHECK(detail::background.exports[static_cast<std::size_t>(detail::export_end::fallback)].count.read() == 1);
  }
  SECTION("out of time") {
    with.to->next(outcome::retry, 100);
    with.push("a", 10);
    with.attempt_all();
    with.aside_all();
  }
  SECTION("too many of them") {
    with.push("a", 10);
    with.push("bbb", 1);
    with.push("ccccccccc", 2);
    with.aside_all();
    CHECK(sending::counted() == counts{.fallback = 10});
    with.attempt_all();
    CHECK(sending::counted() == counts{.exported = 3, .fallback = 10});
    CHECK(fallback->given == std::vector<std::string>{"a"});
    CHECK(detail::background.passed_fallback.read() == 0);
    return;
  }
  SECTION("still unsent at the end") {
    with.to->next(outcome::retry);
    with.push("a", 10);
    with.attempt();
    no_wait wait;
    with.tested.evacuate(wait);
    with.tested.shutdown(wait);
    with.tested.abandon();
    with.tested.close(wait);
  }
  CHECK(sending::counted() == counts{.fallback = 10});
  CHECK(fallback->given == std::vector<std::string>{"a"});
  CHECK(with.tested.empty());
  CHECK(detail::background.queue_bytes.load() == 0);
}

TEST_CASE("what the fallback does not take is lost for the reason for which it would have been") {
  auto const fallback = std::make_shared<scripted_exporter>();
  sending with{{16, 60 * seconds}, fallback};
  fallback->next(outcome::retry, 4);
  with.to->next(outcome::failure);
  with.push("a", 1);
  with.attempt();
  with.aside_all();
  CHECK(sending::counted() == counts{.export_failed = 1});
  with.to->next(outcome::unconfirmed);
  with.push("b", 2);
  with.attempt();
  with.push("cccccccccccc", 4);
  with.aside_all();
  CHECK(sending::counted() == counts{.unconfirmed = 2, .export_failed = 1});
  with.push("dddd", 8);
  with.aside_all();
  CHECK(sending::counted() == counts{.unconfirmed = 2, .queue_full = 4, .export_failed = 1});
  no_wait wait;
  with.tested.evacuate(wait);
  CHECK(sending::counted() == counts{.unconfirmed = 2, .queue_full = 4, .export_failed = 1, .shutdown = 8});
}

TEST_CASE("spans that the fallback refuses of a batch are lost, the others are its") {
  auto const fallback = std::make_shared<scripted_exporter>();
  sending with{{16, 60 * seconds}, fallback};
  with.to->next(outcome::failure);
  fallback->next([] { return export_result{outcome::success, 3, {}, ""}; });
  with.push("a", 10);
  with.attempt();
  with.aside_all();
  CHECK(sending::counted() == counts{.export_failed = 3, .fallback = 7});
}

TEST_CASE("the fallback gets what overflows while the exporter hangs, and neither is called inside of itself") {
  auto const fallback = std::make_shared<scripted_exporter>();
  sending with{{16, 60 * seconds}, fallback};
  int inside = 0;
  fallback->next([&] {
    CHECK(++inside == 1);
    with.push("d", 8);  // drained while the fallback waits
    CHECK_FALSE(with.aside());
    --inside;
    return export_result{};
  });
  with.to->next([&] {
    for (char const* text : {"bbbbb", "ccccc", "eeeee"}) {
      with.push(text, 2);
      with.aside_all();
    }
    CHECK(sending::counted() == counts{.fallback = 4});
    return export_result{};
  });
  with.push("aaaa", 1);
  with.attempt();
  CHECK(fallback->given == std::vector<std::string>{"bbbbb", "ccccc"});
  with.attempt_all();
  CHECK(sending::counted() == counts{.exported = 11, .fallback = 4});
}

TEST_CASE("memory is bounded though the fallback hangs: the oldest goes") {
  auto const fallback = std::make_shared<scripted_exporter>();
  sending with{{16, 60 * seconds}, fallback};
  fallback->next([&] {
    for (int i = 0; i < 100; ++i) {
      with.push("xxxxx", 1);
      CHECK(detail::background.queue_bytes.load() <= 16);
    }
    return export_result{};
  });
  for (int i = 0; i < 3; ++i) with.push("aaaaa", 1);
  with.aside_all();
  CHECK(fallback->given.size() == 1);
  with.attempt_all();
  CHECK(sending::counted().total() == 103);
}

TEST_CASE("a fallback whose time is cut short keeps its turn") {
  class impatient final : public export_wait {
   public:
    outcome wait(int, bool, std::uint64_t) override { return outcome::stopped; }
  };
  class waiting_exporter final : public nanospan::exporter {
   public:
    export_result export_batch(batch const&, export_wait& wait) override {
      return {wait.wait(-1, false, 0) == export_wait::outcome::stopped ? outcome::retry : outcome::success, 0, {}, "cut"};
    }
    std::string description() const override { return "waits"; }
  };
  sending with{{16, 60 * seconds}, std::make_shared<waiting_exporter>()};
  with.to->next(outcome::failure);
  with.push("a", 10);
  with.attempt();
  impatient cut;
  CHECK_FALSE(with.tested.aside(cut));
  CHECK(sending::counted() == counts{});
  with.push("b", 1);  // something happens
  with.aside_all();
  CHECK(sending::counted() == counts{.fallback = 10});
}

TEST_CASE("what the fallback loses as it is shut down is lost") {
  class forgetful_exporter final : public nanospan::exporter {
   public:
    export_result export_batch(batch const&, export_wait&) override { return {}; }
    std::uint64_t shutdown(export_wait&) override { return 4; }
    std::string description() const override { return "forgets"; }
  };
  sending with{{16, 60 * seconds}, std::make_shared<forgetful_exporter>()};
  with.to->next(outcome::failure);
  with.push("a", 10);
  with.attempt();
  no_wait wait;
  with.tested.evacuate(wait);
  with.tested.close(wait);
  CHECK(sending::counted() == counts{.shutdown = 4, .fallback = 6});
  CHECK(detail::background.passed_fallback.read() == 6);
  CHECK(detail::background.passed_shutdown.read() == 4);
}

// ---- the queue --------------------------------------------------------------------------------------------------------------

TEST_CASE("batches are sent in their order, and one that must wait holds those behind it") {
  sending with;
  with.to->next(outcome::retry, 2);
  for (char const* text : {"a", "b", "c"}) with.push(text);
  for (int i = 0; i < 5; ++i) with.attempt();
  CHECK(with.to->given == std::vector<std::string>{"a", "a", "a", "b", "c"});
}

TEST_CASE("where there is no room the oldest batch is dropped and counted") {
  sending with{{10, 60 * seconds}};
  with.push("aaaaa", 1);
  with.push("bbbbb", 2);
  CHECK(sending::counted() == counts{});
  with.push("ccccc", 4);
  CHECK(sending::counted() == counts{.queue_full = 1});
  with.push("dddddddddd", 8);
  CHECK(sending::counted() == counts{.queue_full = 7});
  with.attempt_all();
  CHECK(with.to->given == std::vector<std::string>{"dddddddddd"});
  CHECK(sending::counted() == counts{.exported = 8, .queue_full = 7});
}

TEST_CASE("the newest batch is kept, however large") {
  sending with{{10, 60 * seconds}};
  with.push(std::string(100, 'a'), 1);
  CHECK(sending::counted() == counts{});
  with.push(std::string(100, 'b'), 2);
  CHECK(sending::counted() == counts{.queue_full = 1});
  with.attempt_all();
  CHECK(sending::counted() == counts{.exported = 2, .queue_full = 1});
}

TEST_CASE("the batch that is being sent is not dropped, but those behind it are") {
  sending with{{10, 60 * seconds}};
  with.to->next([&] {
    with.push("bbbbb", 2);
    with.push("ccccc", 4);
    with.push("ddddd", 8);
    return export_result{};
  });
  with.push("aaaaa", 1);
  with.attempt();
  CHECK(sending::counted() == counts{.exported = 1, .queue_full = 6});
  with.attempt_all();
  CHECK(with.to->given == std::vector<std::string>{"aaaaa", "ddddd"});
  CHECK(sending::counted() == counts{.exported = 9, .queue_full = 6});
}

TEST_CASE("room is what is in the queue now, not what ever was") {
  sending with{{10, 60 * seconds}};
  for (int i = 0; i < 100; ++i) {
    with.push("aaaaa");
    with.push("bbbbb");
    with.attempt_all();
  }
  CHECK(sending::counted() == counts{.exported = 200});
}

TEST_CASE("there is nothing to do without a batch, and at once with one") {
  sending with;
  CHECK(with.tested.empty());
  CHECK(with.tested.due() == ~std::uint64_t{0});
  with.push("a");
  CHECK(with.tested.due() <= detail::monotonic_nanoseconds());
}

// ---- time -------------------------------------------------------------------------------------------------------------------

TEST_CASE("the wait between attempts is half as much again each time, give or take a half, up to the longest") {
  sending with{{1u << 20, 3600 * seconds, seconds, 10 * seconds}};
  with.to->next(outcome::retry, 60);
  with.push("a");
  double expected = seconds;
  for (int i = 0; i < 60; ++i) {
    auto const [least, most] = with.delay_of_attempt();
    CHECK(static_cast<double>(most) >= expected * 0.5);
    CHECK(static_cast<double>(least) <= expected * 1.5);
    expected = std::min(expected * 1.5, 10.0 * seconds);
  }
}

TEST_CASE("the first waits of many senders differ by jitter, around the first back-off") {
  std::vector<double> waits;
  for (int i = 0; i < 100; ++i) {
    sending with{{1u << 20, 3600 * seconds, 100 * seconds, 1000 * seconds}};
    with.to->next(outcome::unreachable);
    with.push("a");
    waits.push_back(static_cast<double>(with.delay_of_attempt().first) / (100.0 * seconds));
  }
  auto const [least, most] = std::minmax_element(waits.begin(), waits.end());
  CHECK(*least < 0.75);  // of 100 even draws, none below the first quarter: once in 10^12 runs
  CHECK(*most > 1.25);
}

TEST_CASE("the wait begins anew with the next batch") {
  sending with{{1u << 20, 3600 * seconds, seconds, 100 * seconds}};
  with.to->next(outcome::retry, 10);
  with.to->next(outcome::success);
  with.to->next(outcome::retry);
  with.push("a");
  with.push("b");
  for (int i = 0; i < 11; ++i) with.attempt();
  CHECK(static_cast<double>(with.delay_of_attempt().first) <= 1.5 * seconds);
}

TEST_CASE("no attempt comes before retry_after, and none sooner because of it") {
  sending with{{1u << 20, 3600 * seconds, seconds, 10 * seconds}};
  with.to->next(outcome::retry, 1, 100s);
  with.to->next(outcome::retry, 1, 1ns);
  with.push("a");
  auto delay = with.delay_of_attempt();
  CHECK(delay.second >= 100 * seconds);
  CHECK(delay.first <= 100 * seconds);
  delay = with.delay_of_attempt();
  CHECK(static_cast<double>(delay.second) >= 0.75 * seconds);
}

TEST_CASE("a negative retry_after is none") {
  sending with;
  with.to->next(outcome::retry, 1, -1ms);
  with.push("a");
  CHECK(static_cast<double>(with.delay_of_attempt().first) <= 1.5 * seconds);
  CHECK_FALSE(with.tested.empty());
}

TEST_CASE("a batch is given up when its next attempt would come after the retry limit") {
  SECTION("by the back-off") {
    sending with{{1u << 20, 100 * milliseconds, seconds, 10 * seconds}};
    with.to->next(outcome::retry);
    with.push("a", 10);
    with.push("b", 5);
    with.attempt();
    CHECK(sending::counted() == counts{.export_failed = 10});
    CHECK(with.to->given.size() == 1);
    CHECK(with.tested.due() > detail::monotonic_nanoseconds());  // the collector is left alone for the next one, too
  }
  SECTION("by many attempts") {
    sending with{{1u << 20, 100 * milliseconds, milliseconds, 10 * seconds}};
    with.to->next(outcome::unreachable, 100);
    with.push("a", 10);
    with.attempt_all();
    CHECK(sending::counted() == counts{.export_failed = 10});
    CHECK(with.to->given.size() > 5);
    CHECK(with.to->given.size() < 20);  // the 14th wait is over 97 ms
  }
}

TEST_CASE("a retry_after beyond the retry limit leaves the batch one more attempt, at the limit") {
  sending with{{1u << 20, 60 * seconds, milliseconds, 10 * seconds}};
  with.to->next(outcome::retry, 1, 1h);
  with.push("a", 10);
  auto const [least, most] = with.delay_of_attempt();
  CHECK(sending::counted() == counts{});
  CHECK(most >= 60 * seconds);
  CHECK(least <= 60 * seconds);
}

TEST_CASE("the retry limit counts from a batch's own first attempt") {
  sending with{{1u << 20, 100 * milliseconds, milliseconds, 10 * seconds}};
  with.push("a");
  with.push("b");
  with.to->next([] {
    std::uint64_t const until = detail::monotonic_nanoseconds() + 150 * milliseconds;
    while (detail::monotonic_nanoseconds() < until) {
    }  // longer than the limit
    return export_result{outcome::success, 0, {}, ""};
  });
  with.to->next(outcome::retry);
  with.attempt();
  with.attempt();
  CHECK_FALSE(with.tested.empty());
  with.attempt();
  CHECK(sending::counted() == counts{.exported = 2});
}

TEST_CASE("who waits for the queue does not sit out a back-off, but what the collector asked for") {
  sending with;
  with.to->next(outcome::retry);
  with.push("a");
  with.attempt();
  CHECK(with.tested.due() > detail::monotonic_nanoseconds());
  with.tested.hurry();
  CHECK(with.tested.due() <= detail::monotonic_nanoseconds());
  with.to->next(outcome::retry, 1, 30s);
  with.attempt();
  with.tested.hurry();
  CHECK(with.tested.due() >= detail::monotonic_nanoseconds() + 20 * seconds);
  with.attempt();  // taken: what was asked for is over
  with.push("b");
  CHECK(with.tested.due() <= detail::monotonic_nanoseconds());
}

TEST_CASE("who waits for the first so many batches is told when none of them is left") {
  sending with{{100, 60 * seconds}};
  CHECK(with.tested.settled(0));
  with.push("a");
  with.push("b");
  CHECK(with.tested.pushed() == 2);
  CHECK(with.tested.settled(0));
  CHECK_FALSE(with.tested.settled(1));
  with.attempt();
  CHECK(with.tested.settled(1));
  CHECK_FALSE(with.tested.settled(2));
  with.push(std::string(100, 'c'));  // there is no room for the second any more
  CHECK(with.tested.settled(2));
  CHECK_FALSE(with.tested.settled(3));
  with.attempt();
  CHECK(with.tested.settled(3));
}

TEST_CASE("unreachable is what the last attempt found") {
  sending with;
  with.to->next(outcome::unreachable);
  with.to->next(outcome::retry);
  with.to->next(outcome::unreachable);
  with.push("a");
  CHECK_FALSE(with.tested.unreachable());
  with.attempt();
  CHECK(with.tested.unreachable());
  with.attempt();
  CHECK_FALSE(with.tested.unreachable());
  with.attempt();
  CHECK(with.tested.unreachable());
  with.attempt();
  CHECK_FALSE(with.tested.unreachable());
}

// ---- messages ---------------------------------------------------------------------------------------------------------------

TEST_CASE("trouble is told by one line when it starts and one when it is over, with what was lost meanwhile") {
  sending with{{1u << 20, 10 * milliseconds, milliseconds, seconds}};
  with.to->next(outcome::unreachable, 60);
  for (char const* text : {"a", "b", "c"}) with.push(text, 8);
  with.attempt_all();  // each is given up after some attempts
  REQUIRE(sending::lines().size() == 1);
  CHECK(has(sending::lines()[0], "the script"));
  CHECK(has(sending::lines()[0], "the reason"));
  with.to->clear();
  with.push("d");
  with.push("e");
  with.attempt_all();
  REQUIRE(sending::lines().size() == 2);
  CHECK(has(sending::lines()[1], "again"));
  CHECK(has(sending::lines()[1], " 24 spans"));
  CHECK(sending::counted() == counts{.exported = 2, .export_failed = 24});
}

TEST_CASE("trouble that comes and goes is not told each time") {
  sending with;
  for (int i = 0; i < 1000; ++i) {
    with.to->next(outcome::failure);
    with.push("a", 3);
    with.push("b");
    with.attempt_all();
  }
  CHECK(sending::counted() == counts{.exported = 1000, .export_failed = 3000});
  REQUIRE(sending::lines().size() == 2);
  CHECK(has(sending::lines()[0], "cannot send"));
  CHECK(has(sending::lines()[1], "sending again"));
  CHECK(has(sending::lines()[1], " 3 spans"));
}

TEST_CASE("success is not worth a line") {
  sending with;
  for (int i = 0; i < 100; ++i) with.push("a");
  with.attempt_all();
  CHECK(sending::lines().empty());
}

TEST_CASE("the line about a batch that is given up does not promise another attempt") {
  sending with;
  with.to->next(outcome::failure);
  with.push("a", 10);
  with.attempt();
  REQUIRE(sending::lines().size() == 1);
  CHECK_FALSE(has(sending::lines()[0], "retried"));
}

TEST_CASE("who needs memory makes the oldest batch leave that is not being sent, and knows when there is none") {
  sending with;
  CHECK_FALSE(with.tested.shed());
  with.to->next([&] {
    CHECK_FALSE(with.tested.shed());  // the only one, and in use
    with.push("b", 2);
    with.push("c", 4);
    CHECK(with.tested.shed());
    return export_result{};
  });
  with.push("a");
  with.attempt_all();
  CHECK(with.to->given == std::vector<std::string>{"a", "c"});
  CHECK(sending::counted().queue_full == 2);
}

TEST_CASE("a batch gives back what the memory account was charged for it once it has left the queue") {
  sending with;
  auto const before = detail::span_memory.used();
  detail::memory_charge held;
  REQUIRE(held.add(1'000));
  with.tested.push({batch{"a", 1}, std::move(held)});
  CHECK(detail::span_memory.used() == before + 1'000);
  with.attempt_all();
  CHECK(detail::span_memory.used() == before);
}

TEST_CASE("what a collector rejects is told in its words") {
  sending with;
  with.to->next([] { return export_result{outcome::success, 3, {}, "too old"}; });
  with.push("a", 10);
  with.attempt_all();
  REQUIRE(sending::lines().size() == 1);
  CHECK(has(sending::lines()[0], "3 spans"));
  CHECK(has(sending::lines()[0], "too old"));
}

TEST_CASE("a collector that rejects some of every batch does not flood") {
  sending with;
  for (int i = 0; i < 1000; ++i) {
    with.to->next([] { return export_result{outcome::success, 1, {}, "too old"}; });
    with.push("a", 2);
  }
  with.attempt_all();
  CHECK(sending::counted() == counts{.exported = 1000, .rejected = 1000});
  CHECK(!sending::lines().empty());
  CHECK(sending::lines().size() < 100);
}

TEST_CASE("a batch that is on disk takes no memory") {
  nanospan::detail::queued_batch one{nanospan::batch{std::string(100'000, 'x'), 1}, 0, nanospan::detail::batch_account{1}};
  one.forget_bytes();
  CHECK(one.spans.otlp.capacity() < 100);
  CHECK(one.spans.span_count == 1);
}
