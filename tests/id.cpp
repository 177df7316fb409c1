// SPDX-License-Identifier: Apache-2.0

#include <nanospan/id.hpp>

#include <nanospan/macros.hpp>

#include "catch.hpp"
#include "support/recorded.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using nanospan::span_id;
using nanospan::trace_id;
using nanospan::detail::random_ids;
using support::recorded;

namespace {

template <std::size_t Bytes>
std::array<std::uint8_t, Bytes> counting() {
  std::array<std::uint8_t, Bytes> bytes{};
  for (std::size_t at = 0; at < Bytes; ++at) bytes[at] = static_cast<std::uint8_t>(at * 16 + (15 - at));
  return bytes;
}

std::uint64_t word_of(span_id const& id) { return std::bit_cast<std::uint64_t>(id.bytes()); }
std::array<std::uint64_t, 2> words_of(trace_id const& id) { return std::bit_cast<std::array<std::uint64_t, 2>>(id.bytes()); }

bool all_distinct(std::vector<std::uint64_t> words) {
  std::sort(words.begin(), words.end());
  return std::adjacent_find(words.begin(), words.end()) == words.end();
}

random_ids with_state(std::array<std::uint64_t, 4> state) { return std::bit_cast<random_ids>(state); }

}  // namespace

TEST_CASE("an id without a value is all zero and invalid") {
  STATIC_REQUIRE_FALSE(trace_id{}.valid());
  STATIC_REQUIRE_FALSE(span_id{}.valid());
  CHECK(trace_id{}.hex().view() == "00000000000000000000000000000000");
  CHECK(span_id{}.hex().view() == "0000000000000000");
  CHECK(trace_id{} == trace_id{std::array<std::uint8_t, 16>{}});
}

TEST_CASE("one bit in any byte makes an id valid, and another id") {
  for (std::size_t at = 0; at < 16; ++at) {
    CAPTURE(at);
    std::array<std::uint8_t, 16> bytes{};
    bytes[at] = static_cast<std::uint8_t>(1u << (at % 8));
    CHECK(trace_id{bytes}.valid());
    CHECK_FALSE(trace_id{bytes} == trace_id{});
  }
  for (std::size_t at = 0; at < 8; ++at) {
    CAPTURE(at);
    std::array<std::uint8_t, 8> bytes{};
    bytes[at] = static_cast<std::uint8_t>(0x80u >> at);
    CHECK(span_id{bytes}.valid());
    CHECK_FALSE(span_id{bytes} == span_id{});
  }
}

TEST_CASE("an id gives back the bytes that it was made of") {
  CHECK(trace_id{counting<16>()}.bytes() == counting<16>());
  CHECK(span_id{counting<8>()}.bytes() == counting<8>());
}

TEST_CASE("an id's hex is its bytes in their order, two lowercase digits each") {
  CHECK(trace_id{counting<16>()}.hex().view() == "0f1e2d3c4b5a69788796a5b4c3d2e1f0");
  CHECK(span_id{counting<8>()}.hex().view() == "0f1e2d3c4b5a6978");
  constexpr auto at_compile_time = span_id{std::array<std::uint8_t, 8>{0xab, 0xcd, 0xef, 1, 2, 3, 4, 5}}.hex();
  STATIC_REQUIRE(at_compile_time.view() == "abcdef0102030405");
}

TEST_CASE("an id's hex is a C string and a view") {
  auto const hex = trace_id{counting<16>()}.hex();
  CHECK(std::strlen(hex.c_str()) == 32);
  CHECK(std::string{hex.c_str()} == hex.view());
  std::string_view const as_view = hex;
  CHECK(as_view.size() == 32);
}

TEST_CASE("the generator is xoshiro256++") {
  // The authors' algorithm from the state 1, 2, 3, 4.
  auto generator = with_state({1, 2, 3, 4});
  for (std::uint64_t const expected :
       {std::uint64_t{41943041u}, std::uint64_t{58720359u}, std::uint64_t{3588806011781223u}, std::uint64_t{3591011842654386u},
        std::uint64_t{9228616714210784205u}, std::uint64_t{9973669472204895162u}, std::uint64_t{14011001112246962877u},
        std::uint64_t{12406186145184390807u}, std::uint64_t{15849039046786891736u}, std::uint64_t{10450023813501588000u}})
    CHECK(word_of(generator.next_span_id()) == expected);
}

TEST_CASE("a generator passes over zero") {
  std::array<std::uint64_t, 4> const zero_is_next{0, 1, 2, 0};
  CHECK(with_state(zero_is_next).next_span_id().valid());
  auto const words = words_of(with_state(zero_is_next).next_trace_id());
  CHECK(words[0] != 0);
  CHECK(words[1] != 0);
}

TEST_CASE("a million generated ids are distinct") {
  random_ids generator;
  generator.seed();
  std::vector<std::uint64_t> words;
  words.reserve(1'000'000);
  for (int i = 0; i < 500'000; ++i) words.push_back(word_of(generator.next_span_id()));
  for (int i = 0; i < 250'000; ++i) {
    auto const both = words_of(generator.next_trace_id());
    words.insert(words.end(), both.begin(), both.end());
  }
  CHECK(words.size() == 1'000'000);
  CHECK(all_distinct(words));
}

TEST_CASE("every bit of an id is random") {
  random_ids generator;
  generator.seed();
  std::array<int, 192> ones{};
  constexpr int ids = 10'000;
  for (int i = 0; i < ids; ++i) {
    auto const trace = generator.next_trace_id().bytes();
    auto const span = generator.next_span_id().bytes();
    for (std::size_t bit = 0; bit < 192; ++bit) {
      std::uint8_t const byte = bit < 128 ? trace[bit / 8] : span[(bit - 128) / 8];
      ones[bit] += byte >> (bit % 8) & 1;
    }
  }
  for (std::size_t bit = 0; bit < 192; ++bit) {
    CAPTURE(bit);
    CHECK(std::abs(ones[bit] - ids / 2) < 500);  // ten standard deviations
  }
}

TEST_CASE("generators that are seeded apart go apart") {
  std::vector<std::uint64_t> words;
  for (int i = 0; i < 100; ++i) {
    random_ids generator;
    generator.seed();
    for (int j = 0; j < 100; ++j) words.push_back(word_of(generator.next_span_id()));
  }
  CHECK(all_distinct(words));
}

TEST_CASE("the ids of spans are distinct over threads") {
  recorded const without_records{{.sampler = std::make_shared<nanospan::always_off_sampler>()}};
  constexpr std::size_t threads = 8, spans = 20'000;
  std::vector<std::uint64_t> words(threads * spans * 2);
  bool all_valid[threads]{};
  std::vector<std::thread> running;
  for (std::size_t thread = 0; thread < threads; ++thread)
    running.emplace_back([&, thread] {
      all_valid[thread] = true;
      for (std::size_t i = 0; i < spans; ++i) {
        nanospan::span const root{"root"};
        auto const context = root.context();
        all_valid[thread] = all_valid[thread] && context.valid();
        words[2 * (thread * spans + i)] = word_of(context.span_id());
        words[2 * (thread * spans + i) + 1] = words_of(context.trace_id())[0];
      }
    });
  for (auto& thread : running) thread.join();
  CHECK(std::all_of(std::begin(all_valid), std::end(all_valid), [](bool valid) { return valid; }));
  CHECK(all_distinct(words));
}

TEST_CASE("a new root is sampled and says that its trace id is random, and so do its children") {
  recorded all;
  {
    NANOSPAN("root");
    CHECK(nanospan::current().trace_flags() == 0x03);
    NANOSPAN("child");
    CHECK(nanospan::current().trace_flags() == 0x03);
  }
  nanospan::span{"another root"}.end();
  CHECK((all.span("root").flags & 0xff) == 0x03);
  CHECK((all.span("child").flags & 0xff) == 0x03);
  CHECK((all.span("another root").flags & 0xff) == 0x03);
}

TEST_CASE("a new root that is not sampled says only that its trace id is random") {
  recorded const none{{.sampler = std::make_shared<nanospan::always_off_sampler>()}};
  NANOSPAN("root");
  CHECK(nanospan::current().trace_flags() == 0x02);
  NANOSPAN("child");
  CHECK(nanospan::current().trace_flags() == 0x02);
}

TEST_CASE("what a trace that came from elsewhere says of its id is passed on as it is") {
  recorded all;
  for (std::uint8_t const flags : {std::uint8_t{0x01}, std::uint8_t{0x03}, std::uint8_t{0xfd}}) {
    CAPTURE(int{flags});
    all.clear();
    {
      nanospan::context_scope const here{{trace_id{counting<16>()}, span_id{counting<8>()}, flags, true}};
      NANOSPAN("continued");
      CHECK(nanospan::current().trace_flags() == flags);
    }
    CHECK((all.span().flags & 0xff) == flags);
  }
}
