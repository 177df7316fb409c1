// SPDX-License-Identifier: Apache-2.0

// Recording on the smallest stack that a thread may have: everything that can be recorded, from the thread's first span to its exit. The
// stack is painted, so that what was used of it can be seen afterwards, and ends in a page that nobody may touch. Built with and without
// optimisation; no provider, for this is about the thread that records.

#include <nanospan.hpp>

#include "catch.hpp"

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

std::size_t page_bytes() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }
// 16 KiB, but for processors whose registers alone need more.
std::size_t smallest_stack_bytes() {
  long least = 16'384;
#if defined(_SC_THREAD_STACK_MIN)
  least = (std::max)(least, ::sysconf(_SC_THREAD_STACK_MIN));
#endif
  return (static_cast<std::size_t>(least) + page_bytes() - 1) / page_bytes() * page_bytes();
}

// Bytes of its stack that a thread uses to `run`, its own beginning and end included.
std::size_t stack_bytes_of(void (*run)()) {
  constexpr std::uint8_t paint = 0xa5;
  std::size_t const guard = page_bytes(), size = smallest_stack_bytes();
  void* const mapped = ::mmap(nullptr, guard + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(mapped != MAP_FAILED);
  REQUIRE(::mprotect(mapped, guard, PROT_NONE) == 0);
  auto* const lowest = static_cast<std::uint8_t*>(mapped) + guard;
  std::memset(lowest, paint, size);
  pthread_attr_t attributes;
  pthread_t thread{};
  REQUIRE(::pthread_attr_init(&attributes) == 0);
  REQUIRE(::pthread_attr_setstack(&attributes, lowest, size) == 0);
  auto const start = [](void* what) -> void* {
    (*static_cast<void (**)()>(what))();
    return nullptr;
  };
  REQUIRE(::pthread_create(&thread, &attributes, start, static_cast<void*>(&run)) == 0);
  REQUIRE(::pthread_join(thread, nullptr) == 0);
  ::pthread_attr_destroy(&attributes);
  auto const* const deepest = std::find_if(lowest, lowest + size, [](std::uint8_t byte) { return byte != paint; });
  auto const used = static_cast<std::size_t>(lowest + size - deepest);
  ::munmap(mapped, guard + size);
  return used;
}

std::uint64_t records() {
  std::uint64_t sum = 0;
  nanospan::detail::for_each_slot([&](auto const& slot) { sum += slot.ring.records(); });
  return sum;
}

// ---- what is recorded ---------------------------------------------------------------------------------------------------------------

std::string const long_text(2'000, 'x');

void nothing() {}
void one_span() { NANOSPAN("one"); }
void warm() { nanospan::warm_thread(); }

// A function each, so that what is measured is not the sum of their spans.
__attribute__((noinline)) void twelve_attributes() {
  NANOSPAN("twelve", {"1", 1}, {"2", 2u}, {"3", 3.0}, {"4", true}, {"5", "five"}, {"6", 6}, {"7", 7}, {"8", 8}, {"9", 9}, {"10", 10}, {"11", 11}, {"12", 12});
}
__attribute__((noinline)) void every_kind() {
  { NANOSPAN_SERVER("server"); }
  { NANOSPAN_CLIENT("client"); }
  { NANOSPAN_PRODUCER("producer"); }
  { NANOSPAN_CONSUMER("consumer"); }
  { NANOSPAN_FUNCTION({"k", 1}); }
}
__attribute__((noinline)) void event_and_error() {
  NANOSPAN("told");
  NANOSPAN_SET({"k", "v"}, {"l", 2});
  NANOSPAN_EVENT("retry", {"attempt", 2});
  NANOSPAN_EVENT("no attributes");
  NANOSPAN_ERROR("card declined");
}
__attribute__((noinline)) void grows() {
  NANOSPAN("grows", {"text", std::string_view{long_text}});
  for (int i = 0; i < 20; ++i) NANOSPAN_SET({"text", std::string_view{long_text}});
  NANOSPAN_EVENT("event", {"text", std::string_view{long_text}});
  NANOSPAN_ERROR(long_text);
}
__attribute__((noinline)) void without_macros() {
  nanospan::span crossing{nanospan::copied{long_text}, nanospan::span_kind::producer};
  nanospan::span moved{std::move(crossing)};
  nanospan::context_scope const inside{moved.context()};
  nanospan::scoped_span inner{"inner"};
  inner.set({nanospan::copied{"key"}, nanospan::current().trace_id().hex()}).event(nanospan::copied{"event"}).set({"k", 1});
  inner.error("failed");
}
__attribute__((noinline)) void with_tracestate() {
  nanospan::context_scope const arrived{{nanospan::trace_id{{1}}, nanospan::span_id{{2}}, nanospan::sampled_flag, true, long_text}};
  NANOSPAN("inherits");
}
void everything() {
  twelve_attributes();
  every_kind();
  event_and_error();
  grows();
  without_macros();
  with_tracestate();
}
constexpr std::uint64_t spans_of_everything = 1 + 5 + 1 + 1 + 2 + 1;

// As a provider switches it on.
void switch_on() { nanospan::detail::recording.word.store(nanospan::detail::recording_on | nanospan::always_on_sampler{}.plan().bits); }

}  // namespace

TEST_CASE("everything that can be recorded fits into the smallest stack of a thread, and leaves most of it to the program") {
  switch_on();
  std::uint64_t const before = records();
  std::size_t const thread_itself = stack_bytes_of(nothing);
  // The first time the dynamic linker looks for each function that is called, on the stack of whoever calls.
  std::size_t const first_time = stack_bytes_of(everything) - thread_itself;
  std::size_t const first_span = stack_bytes_of(one_span) - thread_itself;
  std::size_t const warmed = stack_bytes_of(warm) - thread_itself;
  std::size_t const again = stack_bytes_of(everything) - thread_itself;
  std::printf("of %zu bytes of stack a thread itself uses %zu; recording for the first time in the process %zu more; later a first span %zu, "
              "warm_thread() %zu, everything %zu\n",
              smallest_stack_bytes(), thread_itself, first_time, first_span, warmed, again);
  std::fflush(stdout);
  CHECK(records() == before + 1 + 2 * spans_of_everything);
  CHECK(first_time <= 7'168);
  CHECK(first_span <= NANOSPAN_TEST_STACK_BYTES);
  CHECK(warmed <= NANOSPAN_TEST_STACK_BYTES);
  CHECK(again <= NANOSPAN_TEST_STACK_BYTES);
}

TEST_CASE("who looks at the stack sees how much of it was used") {
  auto const two_kibibytes = [] {
    std::uint8_t volatile bytes[2'048];
    for (auto& byte : bytes) byte = 1;
  };
  std::size_t const without = stack_bytes_of(nothing), with = stack_bytes_of(two_kibibytes);
  CHECK(with >= without + 1'500);
  CHECK(with <= without + 3'000);
}
