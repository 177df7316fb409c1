// SPDX-License-Identifier: Apache-2.0

#include <nanospan/ring.hpp>

#include "catch.hpp"

#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

using nanospan::detail::ring;

namespace {

#if defined(__SANITIZE_THREAD__)
#define NANOSPAN_TEST_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NANOSPAN_TEST_UNDER_TSAN 1
#endif
#endif
#ifdef NANOSPAN_TEST_UNDER_TSAN
constexpr std::uint32_t race_records = 2'000'000;
#else
constexpr std::uint32_t race_records = 10'000'000;
#endif

// A ring with memory of its own, filled with what no record contains.
class test_ring : public ring {
 public:
  explicit test_ring(std::size_t bytes) : memory_{new std::byte[bytes]} {
    std::memset(memory_.get(), 0xee, bytes);
    attach(memory_.get(), bytes);
  }
  std::byte const* memory() const { return memory_.get(); }

 private:
  std::unique_ptr<std::byte[]> memory_;
};

// A record: its size, its number, then words that follow from the number.
std::uint64_t word_of(std::uint32_t number, std::uint32_t at) { return (std::uint64_t{number} * 0x9e3779b97f4a7c15u) ^ at; }

void write_record(std::byte* place, std::uint32_t bytes, std::uint32_t number) {
  std::memcpy(place, &bytes, 4);
  std::memcpy(place + 4, &number, 4);
  for (std::uint32_t at = 8; at < bytes; at += 8) {
    std::uint64_t const word = word_of(number, at);
    std::memcpy(place + at, &word, 8);
  }
}
bool put(ring& to, std::uint32_t bytes, std::uint32_t number) {
  std::byte* const place = to.reserve(bytes);
  if (place == nullptr) return false;
  write_record(place, bytes, number);
  to.publish(bytes);
  return true;
}

struct record {
  std::uint32_t bytes;
  std::uint32_t number;
  bool whole;
  bool operator==(record const&) const = default;
};
record read_record(std::byte const* place) {
  record one{0, 0, true};
  std::memcpy(&one.bytes, place, 4);
  std::memcpy(&one.number, place + 4, 4);
  for (std::uint32_t at = 8; at < one.bytes; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, place + at, 8);
    one.whole = one.whole && word == word_of(one.number, at);
  }
  return one;
}
std::vector<record> take_all(ring& from) {
  std::vector<record> records;
  from.consume(from.published(), [&](std::byte const* place) { records.push_back(read_record(place)); });
  return records;
}
// Leaves the ring empty, with its next record at `offset`.
void move_to(ring& which, std::size_t offset) {
  while (which.published() % which.capacity() != offset) REQUIRE(put(which, 8, 0));
  take_all(which);
}

// xorshift: the same sizes in every run.
struct random_sizes {
  std::uint64_t state = 88172645463325252u;
  std::uint32_t next(std::uint32_t most) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return 8 + static_cast<std::uint32_t>(state % (most / 8)) * 8;
  }
};

}  // namespace

TEST_CASE("an empty ring has nothing to read") {
  test_ring tested{64};
  CHECK(tested.published() == tested.consumed());
  CHECK(take_all(tested).empty());
  CHECK(tested.records() == 0);
}

TEST_CASE("a ring without memory is full") {
  ring tested;
  CHECK_FALSE(tested.attached());
  CHECK(tested.reserve(8) == nullptr);
}

TEST_CASE("records come out as they went in, in their order") {
  test_ring tested{256};
  REQUIRE(put(tested, 64, 1));
  REQUIRE(put(tested, 8, 2));
  REQUIRE(put(tested, 40, 3));
  CHECK(take_all(tested) == std::vector<record>{{64, 1, true}, {8, 2, true}, {40, 3, true}});
  CHECK(take_all(tested).empty());
}

TEST_CASE("what is reserved is not seen before it is published") {
  test_ring tested{64};
  std::byte* const place = tested.reserve(16);
  REQUIRE(place != nullptr);
  write_record(place, 16, 1);
  CHECK(take_all(tested).empty());
  CHECK(tested.reserve(16) == place);  // given up, it costs nothing
  tested.publish(16);
  CHECK(take_all(tested) == std::vector<record>{{16, 1, true}});
}

TEST_CASE("a full ring refuses the newest record and keeps the others") {
  test_ring tested{64};
  for (std::uint32_t number = 0; number < 4; ++number) REQUIRE(put(tested, 16, number));
  CHECK_FALSE(put(tested, 16, 4));
  CHECK_FALSE(put(tested, 8, 5));
  CHECK(tested.records() == 4);
  CHECK(take_all(tested) == std::vector<record>{{16, 0, true}, {16, 1, true}, {16, 2, true}, {16, 3, true}});
  CHECK(put(tested, 16, 6));
  CHECK(take_all(tested) == std::vector<record>{{16, 6, true}});
}

TEST_CASE("a ring holds exactly its capacity, wherever its records begin") {
  for (std::size_t offset = 0; offset < 64; offset += 8) {
    CAPTURE(offset);
    test_ring tested{64};
    move_to(tested, offset);
    for (std::uint32_t number = 0; number < 8; ++number) REQUIRE(put(tested, 8, number));
    CHECK_FALSE(put(tested, 8, 8));
    CHECK(take_all(tested).size() == 8);
  }
}

TEST_CASE("a record as large as the ring fits where the ring begins") {
  test_ring tested{128};
  for (std::uint32_t number = 0; number < 3; ++number) {
    REQUIRE(put(tested, 128, number));
    CHECK_FALSE(put(tested, 8, 99));
    CHECK(take_all(tested) == std::vector<record>{{128, number, true}});
  }
}

TEST_CASE("a record larger than the ring is refused") {
  for (std::size_t offset : {0u, 8u, 120u}) {
    CAPTURE(offset);
    test_ring tested{128};
    move_to(tested, offset);
    auto const before = tested.published();
    CHECK_FALSE(put(tested, 136, 1));
    CHECK_FALSE(put(tested, 0xffff'fff8u, 2));
    CHECK(tested.published() == before);
    CHECK(put(tested, 8, 3));
  }
}

TEST_CASE("a record up to half of the ring fits into an empty one, wherever it begins") {
  for (std::size_t offset = 0; offset < 128; offset += 8) {
    CAPTURE(offset);
    test_ring tested{128};
    move_to(tested, offset);
    REQUIRE(put(tested, 64, 7));
    CHECK(take_all(tested) == std::vector<record>{{64, 7, true}});
  }
}

TEST_CASE("a record that would pass the end goes to the front, and the reader follows") {
  test_ring tested{64};
  move_to(tested, 48);
  REQUIRE(put(tested, 24, 1));
  std::uint32_t mark = 1;
  std::memcpy(&mark, tested.memory() + 48, 4);
  CHECK(mark == 0);
  CHECK(tested.published() == 64 + 24);
  CHECK(take_all(tested) == std::vector<record>{{24, 1, true}});
}

TEST_CASE("a record that ends where the ring ends needs no skip") {
  test_ring tested{64};
  move_to(tested, 40);
  REQUIRE(put(tested, 24, 1));
  CHECK(tested.published() == 64);
  REQUIRE(put(tested, 16, 2));
  CHECK(take_all(tested) == std::vector<record>{{24, 1, true}, {16, 2, true}});
}

TEST_CASE("what is skipped counts as taken until the reader has passed it") {
  test_ring tested{64};
  move_to(tested, 48);
  REQUIRE(put(tested, 24, 1));  // 16 skipped, 24 used: 24 left
  CHECK_FALSE(put(tested, 32, 2));
  CHECK(put(tested, 24, 3));
  CHECK_FALSE(put(tested, 8, 4));
  CHECK(take_all(tested).size() == 2);
}

TEST_CASE("a refusal at the end leaves no trace") {
  test_ring tested{64};
  move_to(tested, 24);
  REQUIRE(put(tested, 24, 1));  // 24 to 48; 16 left before the end, 24 at the front
  auto const before = tested.published();
  CHECK_FALSE(put(tested, 32, 2));
  CHECK(tested.published() == before);
  CHECK(tested.records() == 1 + 3);
  CHECK(put(tested, 16, 3));  // what is small enough still goes before the end
  CHECK(take_all(tested) == std::vector<record>{{24, 1, true}, {16, 3, true}});
}

TEST_CASE("a reader that sees the skip before the record finds nothing, and then the record") {
  test_ring tested{64};
  move_to(tested, 48);
  std::byte* const place = tested.reserve(24);
  REQUIRE(place == tested.memory());
  CHECK(take_all(tested).empty());
  CHECK(tested.consumed() == 64);
  write_record(place, 24, 1);
  tested.publish(24);
  CHECK(take_all(tested) == std::vector<record>{{24, 1, true}});
}

TEST_CASE("a reader stops where it was told, in the middle of what is there") {
  test_ring tested{128};
  REQUIRE(put(tested, 16, 1));
  auto const until = tested.published();
  REQUIRE(put(tested, 16, 2));
  std::vector<std::uint32_t> numbers;
  tested.consume(until, [&](std::byte const* place) { numbers.push_back(read_record(place).number); });
  CHECK(numbers == std::vector<std::uint32_t>{1});
  CHECK(take_all(tested) == std::vector<record>{{16, 2, true}});
}

TEST_CASE("a reset ring is as new") {
  test_ring tested{64};
  move_to(tested, 24);
  REQUIRE(put(tested, 40, 1));
  tested.reset();
  CHECK(tested.records() == 0);
  CHECK(take_all(tested).empty());
  REQUIRE(put(tested, 64, 2));
  CHECK(take_all(tested) == std::vector<record>{{64, 2, true}});
}

TEST_CASE("any sequence of sizes comes out as it went in") {
  test_ring tested{1024};
  random_sizes sizes;
  std::vector<record> expected;
  for (std::uint32_t number = 0; number < 100'000; ++number) {
    std::uint32_t const bytes = sizes.next(512);
    if (put(tested, bytes, number)) {
      expected.push_back({bytes, number, true});
      continue;
    }
    REQUIRE(take_all(tested) == expected);  // full: everything before it is there
    expected = {{bytes, number, true}};
    REQUIRE(put(tested, bytes, number));
  }
  CHECK(take_all(tested) == expected);
  CHECK(tested.records() == 100'000);
}

TEST_CASE("a producer and a consumer that race lose nothing, in any order, of any size") {
  // Small against the records, so that it is full, empty and at its end all the time.
  test_ring tested{4096};
  std::uint64_t refused = 0;
  std::thread producer{[&] {
    random_sizes sizes;
    for (std::uint32_t number = 0; number < race_records; ++number) {
      std::uint32_t const bytes = sizes.next(344);
      while (!put(tested, bytes, number)) {
        ++refused;
        std::this_thread::yield();
      }
    }
  }};
  random_sizes sizes;
  std::uint32_t next = 0;
  std::uint32_t wrong = 0;
  while (next < race_records) {
    std::uint64_t const until = tested.published();
    if (until == tested.consumed()) std::this_thread::yield();
    tested.consume(until, [&](std::byte const* place) {
      record const one = read_record(place);
      if (!one.whole || one.number != next || one.bytes != sizes.next(344)) ++wrong;
      ++next;
    });
  }
  producer.join();
  CHECK(wrong == 0);
  CHECK(tested.records() == race_records);
  CHECK(tested.published() == tested.consumed());
  CHECK(refused != 0);  // else it never was full, and proves less than it says
}
