// SPDX-License-Identifier: Apache-2.0

// Recording allocates nothing, makes no system call and executes no locked instruction: a child process records one span, and its
// parent single-steps it from the first instruction to the last, callees included, and looks at each. x86-64 Linux.

#include <nanospan.hpp>

#include "catch.hpp"

#if defined(__x86_64__) && defined(__linux__)

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

std::uint64_t allocations = 0;  // calls of what follows, in this process; operator new of libstdc++ calls malloc

}  // namespace

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the C library's
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

void* malloc(std::size_t bytes) {
  ++allocations;
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  ++allocations;
  return __libc_calloc(count, bytes);
}
void* realloc(void* block, std::size_t bytes) {
  ++allocations;
  return __libc_realloc(block, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  ++allocations;
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) {
  ++allocations;
  *block = __libc_memalign(alignment, bytes);
  return *block != nullptr ? 0 : ENOMEM;
}
void free(void* block) {
  ++allocations;
  __libc_free(block);
}
}

namespace {

// ---- what an instruction is ------------------------------------------------------------------------------------------------

enum class instruction { ordinary, locked, system_call, breakpoint };

using code_bytes = std::array<std::uint8_t, 16>;

// Far enough for the question: legacy prefixes, a REX prefix, the opcode, and the mod field where it matters.
// Intel SDM volume 2, 2.1.1 (prefixes), LOCK, XCHG (locked by itself with a memory operand).
instruction decode(code_bytes const& code) {
  std::size_t at = 0;
  bool lock = false;
  for (; at < 14; ++at) {
    switch (code[at]) {
      case 0xf0: lock = true; continue;
      case 0xf2: case 0xf3: case 0x2e: case 0x36: case 0x3e: case 0x26: case 0x64: case 0x65: case 0x66: case 0x67: continue;
      default: break;
    }
    break;
  }
  if (lock) return instruction::locked;
  if ((code[at] & 0xf0) == 0x40) ++at;
  if (code[at] == 0xcc) return instruction::breakpoint;
  if ((code[at] == 0x86 || code[at] == 0x87) && code[at + 1] >> 6 != 3) return instruction::locked;
  if (code[at] == 0x0f && (code[at + 1] == 0x05 || code[at + 1] == 0x34)) return instruction::system_call;
  if (code[at] == 0xcd && code[at + 1] == 0x80) return instruction::system_call;
  return instruction::ordinary;
}

// ---- the child: regions between two breakpoints ------------------------------------------------------------------------------

// The breakpoint carries its news in registers: nothing but them is touched.
__attribute__((always_inline)) inline void mark(std::uint64_t region) { asm volatile("int3" : : "D"(region), "S"(allocations) : "memory"); }
constexpr std::uint64_t region_end = ~std::uint64_t{0};

struct region {
  char const* what;
  void (*prepare)(void (*inside)());  // what stands around it, once
  void (*run)();
  bool as_ever = true;  // false: what is done once is measured, too
};

[[noreturn]] void be_child(std::vector<region> const& regions) {
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(1);
  ::raise(SIGSTOP);
  static region const* now;
  static std::uint64_t index;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    now = &regions[i];
    index = i;
    now->prepare([] {
      // What is done once is not what is measured: lazy binding, the thread's slot, its ring.
      for (int warm = 0; now->as_ever && warm < 3; ++warm) now->run();
      void (*const run)() = now->run;
      mark(index);
      run();
      mark(region_end);
    });
  }
  ::_exit(0);
}

// ---- the parent ------------------------------------------------------------------------------------------------------------

struct findings {
  std::uint64_t instructions = 0;
  std::uint64_t locked = 0;
  std::uint64_t system_calls = 0;
  std::uint64_t allocations = 0;
};

class watcher {
 public:
  explicit watcher(::pid_t child) : child_{child} {}
  watcher(watcher const&) = delete;
  watcher& operator=(watcher const&) = delete;
  ~watcher() {
    if (ended_) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  std::vector<findings> watch(std::size_t regions) {
    std::vector<findings> found(regions);
    wait_for(SIGSTOP);
    demand(::ptrace(PTRACE_SETOPTIONS, child_, nullptr, PTRACE_O_EXITKILL) == 0, "PTRACE_SETOPTIONS");
    for (std::size_t i = 0; i < regions; ++i) {
      proceed(PTRACE_CONT);
      ::user_regs_struct const begin = registers();
      demand(begin.rdi == i, "a region began out of order");
      step_through(found[i]);
      proceed(PTRACE_CONT);  // executes the breakpoint that ended it
      ::user_regs_struct const end = registers();
      demand(end.rdi == region_end, "a region did not end");
      found[i].allocations = end.rsi - begin.rsi;
    }
    demand(::ptrace(PTRACE_CONT, child_, nullptr, nullptr) == 0, "PTRACE_CONT");
    int status = 0;
    demand(::waitpid(child_, &status, 0) == child_, "waitpid");
    ended_ = WIFEXITED(status) || WIFSIGNALED(status);
    demand(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child did not end well");
    return found;
  }

 private:
  static void demand(bool holds, char const* what) {
    if (!holds) throw std::runtime_error{what};
  }
  void wait_for(int signal) {
    int status = 0;
    demand(::waitpid(child_, &status, 0) == child_, "waitpid");
    ended_ = WIFEXITED(status) || WIFSIGNALED(status);
    demand(WIFSTOPPED(status), "the child ended early; is ptrace permitted here?");
    demand(WSTOPSIG(status) == signal, "the child got a signal of its own");
  }
  void proceed(__ptrace_request how) {
    demand(::ptrace(how, child_, nullptr, nullptr) == 0, "ptrace");
    wait_for(SIGTRAP);
  }
  ::user_regs_struct registers() const {
    ::user_regs_struct now{};
    demand(::ptrace(PTRACE_GETREGS, child_, nullptr, &now) == 0, "PTRACE_GETREGS");
    return now;
  }
  code_bytes code_at(std::uint64_t address) const {
    code_bytes code{};
    for (std::size_t at = 0; at < sizeof code; at += sizeof(long)) {
      errno = 0;
      long const word = ::ptrace(PTRACE_PEEKTEXT, child_, address + at, nullptr);
      if (errno != 0) demand(at != 0, "PTRACE_PEEKTEXT");  // the end of a mapping may come after the instruction
      std::memcpy(code.data() + at, &word, sizeof word);
    }
    return code;
  }
  void step_through(findings& found) {
    constexpr std::uint64_t far_too_many = 1'000'000;
    for (std::uint64_t last = 0;;) {
      std::uint64_t const address = registers().rip;
      instruction const what = decode(code_at(address));
      if (what == instruction::breakpoint) return;
      if (address != last) {  // a string instruction stops after each of its rounds
        ++found.instructions;
        if (what == instruction::locked) ++found.locked;
        if (what == instruction::system_call) ++found.system_calls;
      }
      last = address;
      demand(found.instructions < far_too_many, "a region does not end");
      proceed(PTRACE_SINGLESTEP);
    }
  }

  ::pid_t child_;
  bool ended_ = false;
};

std::vector<findings> watch(std::vector<region> const& regions) {
  std::fflush(nullptr);
  ::pid_t const child = ::fork();
  if (child == 0) be_child(regions);
  REQUIRE(child > 0);
  return watcher{child}.watch(regions.size());
}

// ---- what is recorded ------------------------------------------------------------------------------------------------------

// Recording as a provider switches it on, without one: nobody drains, and the few spans of this test fit into a ring.
void record_with(std::uint32_t word) { nanospan::detail::recording.word.store(word, std::memory_order_relaxed); }
void alone(void (*inside)()) {
  record_with(nanospan::detail::recording_on | nanospan::always_on_sampler{}.plan().bits);
  inside();
}
void under_a_span(void (*inside)()) {
  alone([] {});
  NANOSPAN("parent");
  inside();
}
void under_an_unsampled_span(void (*inside)()) {
  record_with(nanospan::detail::recording_on | nanospan::parent_based_sampler{}.plan().bits);
  nanospan::context_scope const unsampled{
      {nanospan::detail::this_thread.random.next_trace_id(), nanospan::detail::this_thread.random.next_span_id(), 0}};
  inside();
}
void deep_under_an_unsampled_span(void (*inside)()) {
  under_an_unsampled_span([] {});
  nanospan::context_scope const unsampled{
      {nanospan::detail::this_thread.random.next_trace_id(), nanospan::detail::this_thread.random.next_span_id(), 0}};
  NANOSPAN("unsampled parent");
  inside();
}
void without_a_provider(void (*inside)()) {
  record_with(0);
  inside();
}

// Volatile, so that the values are values of the run.
volatile int order_id = 4711;
volatile double amount = 12.5;
char const* volatile provider = "acme";
char const* volatile address = "12 Long Enough Street, Not a Short String";

void child_span() { NANOSPAN("charge card"); }
void child_span_with_four_attributes() {
  NANOSPAN("charge card", {"order.id", int{order_id}}, {"amount", double{amount}}, {"provider", std::string_view{provider}},
           {"address", std::string_view{address}});
}
void child_span_with_everything() {
  NANOSPAN_CLIENT("charge card", {"order.id", int{order_id}});
  NANOSPAN_SET({"amount", double{amount}});
  NANOSPAN_EVENT("retry", {"attempt", 2});
  NANOSPAN_ERROR("card declined");
}
void explicit_spans() {
  nanospan::scoped_span outer{nanospan::copied{std::string_view{provider}}};
  nanospan::span crossing{"crossing", nanospan::span_kind::producer};
  nanospan::span moved{std::move(crossing)};
  nanospan::context_scope const inside{moved.context()};
  nanospan::scoped_span inner{"inner"};
  inner.set({"trace", nanospan::current().trace_id().hex()});
}

std::vector<region> const recorded{
    {"child span, no attributes", under_a_span, child_span},
    {"child span, 4 attributes", under_a_span, child_span_with_four_attributes},
    {"child span, attributes, event, error", under_a_span, child_span_with_everything},
    {"root span, no attributes", alone, child_span},
    {"spans and contexts without macros", alone, explicit_spans},
    {"unsampled child span", under_an_unsampled_span, child_span},
    {"unsampled child span, 4 attributes", under_an_unsampled_span, child_span_with_four_attributes},
    {"unsampled child of an unsampled span", deep_under_an_unsampled_span, child_span},
    {"no provider", without_a_provider, child_span},
    {"no provider, 4 attributes", without_a_provider, child_span_with_four_attributes},
};

// ---- what must be seen -----------------------------------------------------------------------------------------------------

std::atomic<int> shared{0};
int volatile* volatile leaked;

std::vector<region> const forbidden{
    {"nothing", without_a_provider, [] {}},
    {"a lock prefix", without_a_provider, [] { shared.fetch_add(1); }},
    {"an exchange with memory", without_a_provider, [] { shared.exchange(1); }},
    {"an allocation by malloc", without_a_provider, [] { leaked = static_cast<int*>(std::malloc(4)); }},
    {"an allocation by new", without_a_provider, [] { leaked = new int; }},
    {"a system call", without_a_provider, [] { ::syscall(SYS_getpid); }},
};

}  // namespace

TEST_CASE("recording allocates nothing, makes no system call and executes no locked instruction") {
  auto const found = watch(recorded);
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    std::printf("%-40s %5llu instructions\n", recorded[i].what, static_cast<unsigned long long>(found[i].instructions));
    CAPTURE(recorded[i].what);
    CHECK(found[i].allocations == 0);
    CHECK(found[i].system_calls == 0);
    CHECK(found[i].locked == 0);
    CHECK(found[i].instructions > 10);  // it was there, and it was watched
  }
  std::fflush(stdout);
}

TEST_CASE("who watches recording sees a locked instruction, an allocation and a system call") {
  auto const found = watch(forbidden);
  auto const& nothing = found[0];
  CHECK((nothing.locked == 0 && nothing.allocations == 0 && nothing.system_calls == 0));
  CHECK(found[1].locked == 1);
  CHECK(found[2].locked == 1);
  CHECK(found[3].allocations == 1);
  CHECK(found[4].allocations == 1);
  CHECK(found[5].system_calls == 1);
}

namespace {

// A thread that has not recorded yet, in a process where others have, and where the background thread holds a ring ready.
void on_a_new_thread(void (*inside)()) {
  alone([] {});
  std::thread{child_span}.join();
  nanospan::detail::thread_slot* const ready = nanospan::detail::add_slot();
  if (ready != nullptr && nanospan::detail::attach_ring(*ready)) ready->state.store(nanospan::detail::slot_state::ready);
  inside();
}
// Warmed, where no ring was ready.
void on_a_warm_thread(void (*inside)()) {
  alone([] {});
  if (nanospan::warm_thread()) inside();
}
// With room for nothing more.
void with_a_full_ring(void (*inside)()) {
  nanospan::detail::registry.ring_bytes = 16u << 10;
  under_a_span([] {});
  for (int i = 0; i < 1'000; ++i) child_span_with_four_attributes();
  inside();
}

}  // namespace

TEST_CASE("the first span of a thread that was warmed allocates nothing, makes no system call and executes no locked instruction") {
  for (auto const run : {child_span, child_span_with_four_attributes, child_span_with_everything}) {
    auto const found = watch({{"first span, warmed", on_a_warm_thread, run, false}})[0];
    CHECK(found.allocations == 0);
    CHECK(found.system_calls == 0);
    CHECK(found.locked == 0);
    CHECK(found.instructions > 10);
  }
}

TEST_CASE("the first span of a thread that finds a ring ready asks the system for its ids' seed, allocates its exit hook, and no more") {
  auto const found = watch({{"first span", on_a_new_thread, child_span_with_four_attributes, false}})[0];
  std::printf("%-40s %5llu instructions, %llu system calls, %llu allocations\n", "first span of a thread, a ring ready",
              static_cast<unsigned long long>(found.instructions), static_cast<unsigned long long>(found.system_calls),
              static_cast<unsigned long long>(found.allocations));
  std::fflush(stdout);
  CHECK(found.system_calls <= 1);
  CHECK(found.allocations <= 1);
  CHECK(found.instructions <= 5'000);
}

TEST_CASE("a span that finds its ring full is dropped without an allocation, a system call or a locked instruction") {
  auto const found = watch({{"full ring", with_a_full_ring, child_span_with_four_attributes}})[0];
  CHECK(found.allocations == 0);
  CHECK(found.system_calls == 0);
  CHECK(found.locked == 0);
  CHECK(found.instructions > 10);
}

TEST_CASE("a first span, which acquires its ring, is seen to allocate and to call the system") {
  static auto const once = [] {
    nanospan::detail::this_thread.slot = nullptr;  // as in a new thread
    child_span();
  };
  auto const found = watch({{"first span", alone, [] { once(); }}});
  CHECK(found[0].allocations + found[0].system_calls != 0);
}

TEST_CASE("locked instructions and system calls are told from their bytes") {
  auto const is = [](std::initializer_list<int> bytes) {
    code_bytes code{};
    std::size_t at = 0;
    for (int byte : bytes) code[at++] = static_cast<std::uint8_t>(byte);
    return decode(code);
  };
  CHECK(is({0xf0, 0x83, 0x00, 0x01}) == instruction::locked);              // lock add dword [rax], 1
  CHECK(is({0xf0, 0x48, 0x0f, 0xc1, 0x07}) == instruction::locked);        // lock xadd [rdi], rax
  CHECK(is({0x66, 0xf0, 0x0f, 0xb1, 0x0f}) == instruction::locked);        // lock cmpxchg [rdi], cx
  CHECK(is({0x64, 0xf0, 0xff, 0x00}) == instruction::locked);              // lock inc dword fs:[rax]
  CHECK(is({0x87, 0x07}) == instruction::locked);                          // xchg [rdi], eax
  CHECK(is({0x49, 0x87, 0x04, 0x24}) == instruction::locked);              // xchg [r12], rax
  CHECK(is({0x86, 0x07}) == instruction::locked);                          // xchg [rdi], al
  CHECK(is({0x48, 0x87, 0xd8}) == instruction::ordinary);                  // xchg rax, rbx
  CHECK(is({0x90}) == instruction::ordinary);                              // nop
  CHECK(is({0x05, 0xf0, 0x87, 0x07, 0x0f}) == instruction::ordinary);      // add eax, 0x0f0787f0
  CHECK(is({0xf3, 0x48, 0xa5}) == instruction::ordinary);                  // rep movsq
  CHECK(is({0xc5, 0xf0, 0x58, 0xc0}) == instruction::ordinary);            // vaddps, whose second byte is 0xf0
  CHECK(is({0x0f, 0x31}) == instruction::ordinary);                        // rdtsc
  CHECK(is({0x0f, 0x05}) == instruction::system_call);                     // syscall
  CHECK(is({0x0f, 0x34}) == instruction::system_call);                     // sysenter
  CHECK(is({0xcd, 0x80}) == instruction::system_call);                     // int 0x80
  CHECK(is({0xcc}) == instruction::breakpoint);
}

#else

#include <cstdio>

TEST_CASE("recording allocates nothing, makes no system call and executes no locked instruction") {
  std::puts("skipped by design: instructions are told apart on x86-64 Linux only");
}

#endif
