// SPDX-License-Identifier: Apache-2.0

// nanospan 0.1.0, in one header. Made from include/ by single_include/amalgamate.py: edit there.

#ifndef NANOSPAN_HPP
#define NANOSPAN_HPP

// ---- nanospan/version.hpp ------------------------------------------------------------------------------------------------------

// The version, as numbers for the preprocessor and as the text that telemetry.sdk.version carries.
// Everything lives in the inline namespace v0, so that two versions in one program fail to link and never corrupt.

#if __cplusplus < 202002L
#error "nanospan needs C++20: compile with -std=c++20"
#endif

#define NANOSPAN_VERSION_MAJOR 0
#define NANOSPAN_VERSION_MINOR 1
#define NANOSPAN_VERSION_PATCH 0
#define NANOSPAN_VERSION "0.1.0"

// ---- nanospan/config.hpp -------------------------------------------------------------------------------------------------------

// Every macro that a user may set before the first include, with its default and its effect.
// None of them changes the layout of a type, so files with different settings link safely.

/// 0 turns every NANOSPAN macro into nothing: no instruction, arguments not evaluated. Default 1. May differ per file. A variable that
/// only annotations use is then unused, and a compiler may say so.
#ifndef NANOSPAN_ENABLED
#define NANOSPAN_ENABLED 1
#endif

/// 0 silences the line that the file with NANOSPAN_IMPLEMENTATION prints to stderr at exit when spans were recorded and no
/// tracer_provider ever existed. Default 1.
#ifndef NANOSPAN_WARN_WITHOUT_PROVIDER
#define NANOSPAN_WARN_WITHOUT_PROVIDER 1
#endif

/// What is done about a mistake of the program's besides counting it (stats().misused): a scope that is closed on another thread than its own, or out of
/// order. Called with a condition that is false. Default: assert(), so nothing where NDEBUG is defined.
#ifndef NANOSPAN_ASSERT
#include <cassert>
#define NANOSPAN_ASSERT(condition) assert(condition)
#endif

/// 1 lets spans be sent to https://, with OpenSSL (1.1.1 or later), whose headers the file with NANOSPAN_IMPLEMENTATION then includes, and whose libraries (ssl,
/// crypto) the program must link; it means something in that file only. Default 0: https:// is refused, with a message that names this macro.
#ifndef NANOSPAN_TLS
#define NANOSPAN_TLS 0
#endif

// NANOSPAN_IMPLEMENTATION, defined (to anything) in exactly one source file before the include, compiles the exporter there.

// What is shared by every library of a process stays one object, also under -fvisibility=hidden.
#define NANOSPAN_DETAIL_SHARED __attribute__((visibility("default")))
// What each library has for itself. Left to itself g++ makes one per process of it, and then never unloads the library that it lies in.
#define NANOSPAN_DETAIL_OWN __attribute__((visibility("hidden")))
// Recording is called from everywhere and must stay small there; thread-local addresses must be looked up anew after a
// coroutine moves to another thread, which a compiler does only across a call that it cannot see through.
#define NANOSPAN_DETAIL_OUT_OF_LINE __attribute__((noinline))
// Parts of those functions: left to itself a compiler passes their values through memory, which costs more than they do.
#define NANOSPAN_DETAIL_INLINE inline __attribute__((always_inline))
#define NANOSPAN_DETAIL_COLD __attribute__((noinline, cold))

// ---- nanospan/shared.hpp -------------------------------------------------------------------------------------------------------

// How options own exporters and samplers: as std::shared_ptr does, and made from one, without <memory>, which would cost every file that
// only records a tenth of a second.

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace nanospan::inline v0 {

/// An object with several owners, or null; made from a std::shared_ptr or std::unique_ptr to it. Copies may be on different threads.
template <typename Object>
class shared {
 public:
  constexpr shared() noexcept = default;
  constexpr explicit(false) shared(std::nullptr_t) noexcept {}
  /// Shares, or takes over, what `owner` points at. Throws std::bad_alloc.
  template <typename Pointer>
    requires(!std::same_as<Pointer, shared>) && requires(Pointer const& owner) { { owner.get() } -> std::convertible_to<Object*>; }
  explicit(false) shared(Pointer owner) : object_{owner.get()} {
    if (object_ != nullptr) owners_ = new held<Pointer>{std::move(owner)};
  }
  /// A new object. Throws std::bad_alloc and what its constructor throws.
  template <typename Made, typename... Arguments>
  static shared make(Arguments&&... arguments) {
    auto* const made = new held<Made>{std::forward<Arguments>(arguments)...};
    shared result;
    result.object_ = &made->what;
    result.owners_ = made;
    return result;
  }
  shared(shared const& other) noexcept : object_{other.object_}, owners_{other.owners_} {
    if (owners_ != nullptr) owners_->count.fetch_add(1, std::memory_order_relaxed);  // Relaxed: whoever copies already owns.
  }
  shared(shared&& other) noexcept : object_{std::exchange(other.object_, nullptr)}, owners_{std::exchange(other.owners_, nullptr)} {}
  shared& operator=(shared other) noexcept {
    std::swap(object_, other.object_);
    std::swap(owners_, other.owners_);
    return *this;
  }
  ~shared() {
    // Acquire and release pair with each other: the last owner destroys after every other one's use.
    if (owners_ != nullptr && owners_->count.fetch_sub(1, std::memory_order_acq_rel) == 1) owners_->end(owners_);
  }

  Object* get() const noexcept { return object_; }
  Object& operator*() const noexcept { return *object_; }
  Object* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  friend bool operator==(shared const& a, shared const& b) noexcept { return a.object_ == b.object_; }
  friend bool operator==(shared const& a, std::nullptr_t) noexcept { return a.object_ == nullptr; }

 private:
  // By a pointer: a virtual destructor would be two functions for each What, a table and a type's name.
  struct owners {
    explicit owners(void (*how)(owners*) noexcept) noexcept : end{how} {}
    std::atomic<std::uint32_t> count{1};
    void (*end)(owners*) noexcept;
  };
  template <typename What>
  struct held final : owners {
    template <typename... Arguments>
    explicit held(Arguments&&... arguments) : owners{end_of}, what{std::forward<Arguments>(arguments)...} {}
    static void end_of(owners* one) noexcept { delete static_cast<held*>(one); }
    What what;
  };

  Object* object_ = nullptr;
  owners* owners_ = nullptr;
};

}  // namespace nanospan::inline v0

// ---- nanospan/detail/background_counters.hpp -----------------------------------------------------------------------------------

// The background thread's part of the account. Here, and not with what writes it, because a forked child begins it anew also where the library that wrote it has been
// closed.

#include <array>

namespace nanospan::inline v0::detail {

// A counter with one writer at a time: plain loads and stores, no locked instruction.
class counter {
 public:
  // Relaxed: only this thread writes it. Release: pairs with the acquire in read(), so that who sees a span settled sees it recorded.
  NANOSPAN_DETAIL_INLINE void add(std::uint64_t n) noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    // In one instruction, which no signal handler that counts comes between. Every store of this processor's is a release.
    asm("addq %1, %0" : "+m"(value_) : "er"(n) : "memory", "cc");
#else
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_release);
#endif
  }
  std::uint64_t read() const noexcept { return value_.load(std::memory_order_acquire); }

  void reset() noexcept { value_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// What became of the spans that were taken out of the rings. Written by the background thread only; here so that stats() works
// after a provider's end.
enum class export_end : std::uint8_t { success, rejected, export_failed, unconfirmed, queue_full, shutdown, fallback, spool_full };

struct export_counters {
  counter count;
  counter nanoseconds;
};

struct background_counters {
  counter recovered;
  counter recovered_in_flight;
  counter exported;
  counter fallback;
  counter rejected;
  counter unconfirmed;
  counter dropped_queue_full;
  counter dropped_export_failed;
  counter dropped_spool_full;
  counter dropped_no_memory;
  counter dropped_shutdown;
  counter discarded_hook;
  counter discarded_record_only;
  counter discarded_inherited;
  counter hook_failed;
  counter passed;
  counter passed_queue_full;
  counter passed_shutdown;
  counter passed_fallback;
  counter passed_spool_full;
  std::array<export_counters, 8> exports;  // by export_end
  // Relaxed, both: only for reporting.
  std::atomic<std::uint64_t> queue_bytes{0};
  std::atomic<std::uint64_t> queue_limit_bytes{0};
  std::atomic<std::uint64_t> spooled{0};

  void reset() noexcept {
    for (counter* one : {&recovered, &recovered_in_flight, &exported, &fallback, &rejected, &unconfirmed, &dropped_queue_full, &dropped_export_failed, &dropped_spool_full, &dropped_no_memory, &dropped_shutdown, &discarded_hook, &discarded_record_only, &discarded_inherited, &hook_failed, &passed,
                         &passed_queue_full, &passed_shutdown, &passed_fallback, &passed_spool_full})
      one->reset();
    for (export_counters& one : exports) {
      one.count.reset();
      one.nanoseconds.reset();
    }
    queue_bytes.store(0, std::memory_order_relaxed);
    queue_limit_bytes.store(0, std::memory_order_relaxed);
    spooled.store(0, std::memory_order_relaxed);
  }
};
NANOSPAN_DETAIL_SHARED inline constinit background_counters background{};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/memory_account.hpp ----------------------------------------------------------------------------------------

// The account, in bytes, of what holds spans beside the rings, which have a limit of their own: blocks of spans that outgrew their buffer, the batch that is being made,
// encoded batches. Whoever allocates charges first, and does without where that is refused. Any thread; never on the way of a usual span.

namespace nanospan::inline v0::detail {

class memory_account {
 public:
  // For the background's half: batches. False, and nothing changed, where the limit would be passed.
  bool charge(std::uint64_t bytes) noexcept { return charge_up_to(limit(), bytes); }
  // For blocks, which leave alone what encoding them will take.
  bool charge_recording(std::uint64_t bytes) noexcept {
    if (charge_up_to(limit_of_recording(), bytes)) return true;
    refused_.store(bytes, std::memory_order_relaxed);
    return false;
  }
  // What recording was refused last, since this was asked: the background makes room for it. Zero: nothing.
  std::uint64_t take_refused() noexcept {
    if (refused_.load(std::memory_order_relaxed) == 0) [[likely]]
      return 0;
    return refused_.exchange(0, std::memory_order_relaxed);
  }
  // Now, or once so much has been released.
  bool has_room_to_record(std::uint64_t bytes, std::uint64_t to_release = 0) const noexcept {
    std::uint64_t const most = limit_of_recording();
    std::uint64_t const now = used();
    return bytes <= most && now - (to_release < now ? to_release : now) <= most - bytes;
  }
  // Not below nothing: a forked child may let go of what its parent was charged for.
  void release(std::uint64_t bytes) noexcept {
    std::uint64_t now = used();
    while (!bytes_.compare_exchange_weak(now, now > bytes ? now - bytes : 0, std::memory_order_relaxed)) {}
  }

  // Relaxed, all of them: the sum orders nothing, and is never passed because it is what is compared and exchanged.
  std::uint64_t used() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t limit() const noexcept { return limit_.load(std::memory_order_relaxed); }
  void set_limit(std::uint64_t limit, std::uint64_t kept_free_for_batches) noexcept {
    limit_.store(limit, std::memory_order_relaxed);
    kept_free_.store(kept_free_for_batches, std::memory_order_relaxed);
  }
  // In a forked child: it is all the parent's.
  void reset() noexcept { bytes_.store(0, std::memory_order_relaxed); }

 private:
  std::uint64_t limit_of_recording() const noexcept {
    std::uint64_t const most = limit();
    std::uint64_t const kept = kept_free_.load(std::memory_order_relaxed);
    return most > kept ? most - kept : 0;
  }
  bool charge_up_to(std::uint64_t most, std::uint64_t bytes) noexcept {
    std::uint64_t now = used();
    do {
      if (bytes > most || now > most - bytes) return false;
    } while (!bytes_.compare_exchange_weak(now, now + bytes, std::memory_order_relaxed));
    return true;
  }

  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> limit_{32u << 20};
  std::atomic<std::uint64_t> kept_free_{8u << 20};
  std::atomic<std::uint64_t> refused_{0};
};
NANOSPAN_DETAIL_SHARED inline constinit memory_account span_memory{};

// So many bytes of it, given back with this object.
class memory_charge {
 public:
  memory_charge() noexcept = default;
  memory_charge(memory_charge&& other) noexcept : bytes_{std::exchange(other.bytes_, 0)} {}
  memory_charge& operator=(memory_charge other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~memory_charge() {
    if (bytes_ != 0) span_memory.release(bytes_);
  }
  // False, and nothing changed, where the account refuses.
  bool add(std::uint64_t bytes) noexcept {
    if (!span_memory.charge(bytes)) return false;
    bytes_ += bytes;
    return true;
  }

 private:
  std::uint64_t bytes_ = 0;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/id.hpp -----------------------------------------------------------------------------------------------------------

// Trace and span ids: bytes, lowercase hex, validity, and their random generation.
// Used by everything on both sides; the generator belongs to one thread.

#include <bit>
#include <string_view>

#include <time.h>
#include <unistd.h>

namespace nanospan::inline v0 {

/// Lowercase hexadecimal digits, NUL-terminated, without an allocation.
template <std::size_t Digits>
class hex_string {
 public:
  constexpr char const* c_str() const noexcept { return text_; }
  constexpr std::string_view view() const noexcept { return {text_, Digits}; }
  constexpr operator std::string_view() const noexcept { return view(); }  // NOLINT(google-explicit-constructor): it is text
  constexpr char& operator[](std::size_t digit) noexcept { return text_[digit]; }

 private:
  char text_[Digits + 1]{};
};

/// An identifier of `Bytes` random bytes. All-zero is invalid (W3C Trace Context, "trace-id", "parent-id").
template <std::size_t Bytes>
class id {
 public:
  static constexpr std::size_t byte_count = Bytes;

  constexpr id() noexcept = default;
  explicit constexpr id(std::array<std::uint8_t, Bytes> const& bytes) noexcept : words_{std::bit_cast<words>(bytes)} {}

  constexpr bool valid() const noexcept {
    std::uint64_t any = 0;  // an array's == may be a call
    for (std::uint64_t const word : words_) any |= word;
    return any != 0;
  }
  constexpr std::array<std::uint8_t, Bytes> bytes() const noexcept {
    return std::bit_cast<std::array<std::uint8_t, Bytes>>(words_);
  }
  constexpr hex_string<2 * Bytes> hex() const noexcept {
    hex_string<2 * Bytes> text;
    std::size_t digit = 0;
    for (std::uint8_t const byte : bytes()) {
      text[digit++] = "0123456789abcdef"[byte >> 4];
      text[digit++] = "0123456789abcdef"[byte & 15];
    }
    return text;
  }
  friend constexpr bool operator==(id const&, id const&) noexcept = default;

 private:
  using words = std::array<std::uint64_t, Bytes / 8>;
  words words_{};  // the bytes in memory order, in words for speed
};

using trace_id = id<16>;
using span_id = id<8>;

/// Makes ids in the place of the library's own random ones: options.id_generator (OpenTelemetry, "Id Generators"). Any thread, many at once; must not block: it
/// runs where the span starts. An invalid id is replaced by a random one.
class NANOSPAN_DETAIL_SHARED id_generator {
 public:
  virtual ~id_generator() = default;
  virtual trace_id next_trace_id() const noexcept = 0;
  virtual span_id next_span_id() const noexcept = 0;
  /// Whether the last seven bytes of its trace ids are random, which the W3C random flag tells others.
  virtual bool makes_random_trace_ids() const noexcept { return false; }
};

namespace detail {

// xoshiro256++ 1.0 (Blackman and Vigna, 2019, public domain algorithm). One per thread; all-zero means not seeded yet.
class random_ids {
 public:
  // 256 bits from the operating system; if it has none, from the clock and the thread's own address.
  NANOSPAN_DETAIL_COLD void seed() noexcept {
    if (::getentropy(state_.data(), sizeof state_) == 0 && (state_[0] | state_[1] | state_[2] | state_[3]) != 0) return;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    std::uint64_t mix = static_cast<std::uint64_t>(now.tv_nsec) ^ (static_cast<std::uint64_t>(now.tv_sec) << 32) ^
                        reinterpret_cast<std::uintptr_t>(this) ^ (static_cast<std::uint64_t>(::getpid()) << 16);
    for (auto& word : state_) {  // splitmix64
      std::uint64_t z = (mix += 0x9e3779b97f4a7c15u);
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      word = z ^ (z >> 31);
    }
  }

  NANOSPAN_DETAIL_INLINE span_id next_span_id() noexcept { return span_id{std::bit_cast<std::array<std::uint8_t, 8>>(next_nonzero())}; }
  trace_id next_trace_id() noexcept {
    std::uint64_t const high = next_nonzero();  // before `low`: the order of two calls in one list is not every compiler's
    std::uint64_t const low = next_nonzero();
    return trace_id{std::bit_cast<std::array<std::uint8_t, 16>>(std::array{high, low})};
  }

 private:
  NANOSPAN_DETAIL_INLINE std::uint64_t next() noexcept {
    std::uint64_t const result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    std::uint64_t const shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  // NOLINTBEGIN(misc-no-recursion): goes on with a probability of 2^-64
  NANOSPAN_DETAIL_INLINE std::uint64_t next_nonzero() noexcept {
    std::uint64_t const value = next();
    if (value == 0) [[unlikely]]
      return next_after_zero();
    return value;
  }
  NANOSPAN_DETAIL_COLD std::uint64_t next_after_zero() noexcept { return next_nonzero(); }
  // NOLINTEND(misc-no-recursion)

  std::array<std::uint64_t, 4> state_{};
};

}  // namespace detail
}  // namespace nanospan::inline v0

// ---- nanospan/context.hpp ------------------------------------------------------------------------------------------------------

// The context that spans inherit: which trace, which span, which flags. A thread's current context is a thread-local value;
// the open scopes are a stack of saved values, so nothing is allocated and nothing that has ended is ever followed.

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

namespace nanospan::inline v0 {

/// W3C trace flags (Trace Context Level 2, "trace-flags").
inline constexpr std::uint8_t sampled_flag = 0x01;
inline constexpr std::uint8_t random_flag = 0x02;

namespace detail {

struct active_context;
struct b3;
struct thread_slot;

// A value that the compiler keeps in one general register: it then neither widens the load before nor the store after.
template <typename Word>
inline Word in_register(Word word) noexcept {
  static_assert(sizeof(Word) == 8);
  auto bits = std::bit_cast<std::uint64_t>(word);
  asm("" : "+r"(bits));
  return std::bit_cast<Word>(bits);
}
// Copies by words of 8 bytes: what was just stored by such words is forwarded to these loads, and would stall wider ones.
// Four at a time: a span is bound by how many instructions the processor takes in.
NANOSPAN_DETAIL_INLINE void copy_word(void* to, void const* from) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, 8);
  word = in_register(word);
  std::memcpy(to, &word, 8);
}
NANOSPAN_DETAIL_INLINE void copy_words(void* to, void const* from, std::size_t bytes) noexcept {
  auto const copy = [&](std::size_t at) { copy_word(static_cast<std::byte*>(to) + at, static_cast<std::byte const*>(from) + at); };
  std::size_t at = 0;
  for (; at + 32 <= bytes; at += 32) {
    copy(at);
    copy(at + 8);
    copy(at + 16);
    copy(at + 24);
  }
  for (; at < bytes; at += 8) copy(at);
}

// Copies a text: short ones by a few overlapping words, for a call to memcpy costs more than they do.
NANOSPAN_DETAIL_INLINE void copy_text(std::byte* to, char const* from, std::size_t bytes) noexcept {
  auto const both_ends = [&](auto word) {
    std::memcpy(&word, from, sizeof word);
    auto last = word;
    std::memcpy(&last, from + bytes - sizeof word, sizeof word);
    std::memcpy(to, &word, sizeof word);
    std::memcpy(to + bytes - sizeof word, &last, sizeof word);
  };
  if (bytes > 32) {
    std::memcpy(to, from, bytes);
  } else if (bytes > 16) {
    copy_word(to, from);
    copy_word(to + 8, from + 8);
    copy_word(to + bytes - 16, from + bytes - 16);
    copy_word(to + bytes - 8, from + bytes - 8);
  } else if (bytes >= 8) {
    both_ends(std::uint64_t{});
  } else if (bytes >= 4) {
    both_ends(std::uint32_t{});
  } else if (bytes != 0) {
    to[0] = static_cast<std::byte>(from[0]);
    to[bytes / 2] = static_cast<std::byte>(from[bytes / 2]);
    to[bytes - 1] = static_cast<std::byte>(from[bytes - 1]);
  }
}

// What a context carries besides its ids, each in its header's form: immutable, with a count of its owners. Made once, where the context is.
struct context_state {
  std::atomic<std::uint32_t> owners;
  std::uint16_t tracestate_bytes;
  std::uint16_t baggage_bytes;
  bool b3_debug;  // B3's emphasised "accept", which W3C's flags have no bit for

  std::string_view tracestate() const noexcept { return {reinterpret_cast<char const*>(this + 1), tracestate_bytes}; }
  std::string_view baggage() const noexcept { return {reinterpret_cast<char const*>(this + 1) + tracestate_bytes, baggage_bytes}; }

  // One block; null without memory, and where there is nothing to carry. A text that is too long is left out whole.
  static context_state* make(std::string_view tracestate, std::string_view baggage, bool b3_debug) noexcept {
    constexpr std::size_t most = 0xffff;
    if (tracestate.size() > most) tracestate = {};
    if (baggage.size() > most) baggage = {};
    if (tracestate.empty() && baggage.empty() && !b3_debug) return nullptr;
    int const error = errno;
    void* const block = std::malloc(sizeof(context_state) + tracestate.size() + baggage.size());
    errno = error;
    if (block == nullptr) return nullptr;
    auto* const made = ::new (block) context_state{{1}, static_cast<std::uint16_t>(tracestate.size()), static_cast<std::uint16_t>(baggage.size()), b3_debug};
    auto* const text = reinterpret_cast<char*>(made + 1);
    if (!tracestate.empty()) std::memcpy(text, tracestate.data(), tracestate.size());
    if (!baggage.empty()) std::memcpy(text + tracestate.size(), baggage.data(), baggage.size());
    return made;
  }
  static context_state* share(context_state* state) noexcept {
    if (state != nullptr) [[unlikely]]
      state->owners.fetch_add(1, std::memory_order_relaxed);  // Relaxed: whoever copies already owns one.
    return state;
  }
  static void release(context_state* state) noexcept {
    // Acquire and release pair with each other: the last owner frees after every other one's reads.
    if (state != nullptr && state->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) [[unlikely]]
      std::free(state);
  }
};

}  // namespace detail

/// What identifies a span to others: ids, flags, tracestate, and whether it came from another process; and the baggage that goes with the
/// work. A value: copying costs 40 bytes (and one atomic increment where there is tracestate or baggage); it never dangles and may
/// outlive its span and thread. One without ids may carry baggage all the same: what starts in it is a root, and carries it on.
class span_context {
 public:
  span_context() noexcept = default;
  /// Copies `tracestate` (one over 65,535 bytes is left out; without memory the context has none).
  span_context(nanospan::trace_id trace, nanospan::span_id span, std::uint8_t trace_flags, bool remote = false,
               std::string_view tracestate = {}) noexcept
      : trace_{trace}, span_{span}, flags_{trace_flags}, remote_{remote}, state_{detail::context_state::make(tracestate, {}, false)} {}
  span_context(span_context const& other) noexcept
      : trace_{other.trace_}, span_{other.span_}, flags_{other.flags_}, remote_{other.remote_}, state_{detail::context_state::share(other.state_)} {}
  span_context(span_context&& other) noexcept
      : trace_{other.trace_}, span_{other.span_}, flags_{other.flags_}, remote_{other.remote_}, state_{std::exchange(other.state_, nullptr)} {}
  span_context& operator=(span_context other) noexcept {
    trace_ = other.trace_;
    span_ = other.span_;
    flags_ = other.flags_;
    remote_ = other.remote_;
    std::swap(state_, other.state_);
    return *this;
  }
  ~span_context() { detail::context_state::release(state_); }

  bool valid() const noexcept { return trace_.valid() && span_.valid(); }
  nanospan::trace_id trace_id() const noexcept { return trace_; }
  nanospan::span_id span_id() const noexcept { return span_; }
  std::uint8_t trace_flags() const noexcept { return flags_; }
  bool sampled() const noexcept { return (flags_ & sampled_flag) != 0; }
  bool remote() const noexcept { return remote_; }
  /// Valid while this object lives.
  std::string_view tracestate() const noexcept { return state_ != nullptr ? state_->tracestate() : std::string_view{}; }
  /// In the form of W3C's header: "user=42,tier=gold". Valid while this object lives. nanospan::baggage reads it.
  std::string_view baggage() const noexcept { return state_ != nullptr ? state_->baggage() : std::string_view{}; }

  /// The same context with another baggage, or tracestate, in its header's form; empty for none. Copies the text: one over 65,535 bytes is
  /// left out; without memory both are. Only what the standard allows will be injected.
  span_context with_baggage(std::string_view text) const noexcept { return with_state(detail::context_state::make(valid() ? tracestate() : std::string_view{}, text, b3_debug())); }
  span_context with_tracestate(std::string_view text) const noexcept { return with_state(detail::context_state::make(text, baggage(), b3_debug())); }

 private:
  friend struct detail::active_context;
  friend struct detail::b3;

  bool b3_debug() const noexcept { return state_ != nullptr && state_->b3_debug; }
  span_context with_state(detail::context_state* state) const noexcept {
    return {*this, state};
  }
  span_context(span_context const& of, detail::context_state* owned) noexcept
      : trace_{of.trace_}, span_{of.span_}, flags_{of.flags_}, remote_{of.remote_}, state_{owned} {}

  nanospan::trace_id trace_{};
  nanospan::span_id span_{};
  std::uint8_t flags_ = 0;
  bool remote_ = false;
  detail::context_state* state_ = nullptr;
};

namespace detail {

// What a context is to the spans that start in it: where the sampler's plan holds its answer, as a shift. At 0 it holds none:
// the long way, for roots, where there is a state to share, and below a span that is recorded and not (yet) sampled. Nor at `busy`: see busy_thread.
enum class parent_kind : std::uint8_t {
  long_way = 0, local_sampled = 2, local_not_sampled = 4, remote_sampled = 6, remote_not_sampled = 8, none = 10, busy = 30,
};

constexpr parent_kind kind_of_parent(std::uint8_t flags, bool remote) noexcept {
  bool const sampled = (flags & sampled_flag) != 0;
  if (remote) return sampled ? parent_kind::remote_sampled : parent_kind::remote_not_sampled;
  return sampled ? parent_kind::local_sampled : parent_kind::local_not_sampled;
}

// What an active context is besides its ids, in one word: a processor forwards a store only to loads that are no wider.
struct context_meta {
  std::uint32_t epoch;  // the thread's count of scopes closed behind its back, when this was installed: see scope
  std::uint8_t flags;
  bool remote;
  bool owner_is_span;  // the owner is a scoped_span, which NANOSPAN_SET may reach
  parent_kind as_parent;
};
static_assert(sizeof(context_meta) == 8);

// A thread's current context. Where `span` is invalid there is none, whatever `trace` says; there may be baggage, in `state`.
struct active_context {
  nanospan::trace_id trace;
  nanospan::span_id span;
  context_meta meta;
  context_state* state;  // owned by the scope that installed it
  void const* owner;   // the scope that installed it: compared; followed only where owner_is_span and the epoch hold

  bool valid() const noexcept { return span.valid(); }
  span_context share() const noexcept {
    span_context context;
    context.state_ = context_state::share(state);
    if (!valid()) return context;
    context.trace_ = trace;
    context.span_ = span;
    context.flags_ = meta.flags;
    context.remote_ = meta.remote;
    return context;
  }
  // An invalid context is no parent at all, but may have baggage. A tracestate is a trace's.
  static active_context of(span_context const& context) noexcept {
    if (!context.valid()) return {{}, {}, {}, context.tracestate().empty() ? context.state_ : nullptr, nullptr};
    auto const as_parent = context.state_ != nullptr ? parent_kind::long_way : kind_of_parent(context.flags_, context.remote_);
    return {context.trace_, context.span_, {0, context.flags_, context.remote_, false, as_parent}, context.state_, nullptr};
  }
};

// All that recording keeps per thread. Trivial and constant-initialised, so that access needs no guard.
struct thread_block {
  active_context current;
  thread_slot* slot;  // null before the thread's first span and after its thread-local destructors have begun
  random_ids random;
  bool exited;
  bool silenced;  // records nothing, and counts nothing that it would have: see silence
};

NANOSPAN_DETAIL_SHARED inline constinit thread_local thread_block this_thread{};

// While a thread changes its ids' state, its context or its ring, its current context says so where every span looks first, so that a signal
// handler's is refused and counted. Fences for the compiler alone: a handler sees its thread's stores in their order. The last store of
// a change is the one that takes the mark away, by a whole word, which the next span's load may forward.
NANOSPAN_DETAIL_INLINE bool is_busy(thread_block const& thread) noexcept { return thread.current.meta.as_parent == parent_kind::busy; }
// Returns what the mark hides.
NANOSPAN_DETAIL_INLINE context_meta mark_busy(thread_block& thread) noexcept {
  context_meta const hidden = in_register(thread.current.meta);
  thread.current.meta.as_parent = parent_kind::busy;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return hidden;
}
NANOSPAN_DETAIL_INLINE void unmark_busy(thread_block& thread, context_meta now) noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  thread.current.meta = in_register(now);
}
class busy_thread {
 public:
  NANOSPAN_DETAIL_INLINE explicit busy_thread(thread_block& thread) noexcept : thread_{thread}, hidden_{mark_busy(thread)} {}
  busy_thread(busy_thread const&) = delete;
  busy_thread& operator=(busy_thread const&) = delete;
  NANOSPAN_DETAIL_INLINE ~busy_thread() { unmark_busy(thread_, hidden_); }

 private:
  thread_block& thread_;
  context_meta hidden_;
};

}  // namespace detail

}  // namespace nanospan::inline v0

// ---- nanospan/detail/utf8.hpp --------------------------------------------------------------------------------------------------

// Text as protobuf's strings need it: one ill-formed byte would make a collector refuse the whole batch. What is not UTF-8 is replaced,
// each offending byte by U+FFFD (the Unicode Standard, 3.9). Any thread.

#include <string>

namespace nanospan::inline v0::detail {

inline bool is_ascii(std::string_view text) noexcept {
  constexpr std::uint64_t high = 0x8080'8080'8080'8080u;
  auto const at = [&](std::size_t place, auto word) {
    std::memcpy(&word, text.data() + place, sizeof word);
    return std::uint64_t{word};
  };
  std::size_t const size = text.size();
  // The last word overlaps the one before it.
  if (size >= 8) {
    std::uint64_t seen = at(size - 8, std::uint64_t{});
    for (std::size_t place = 0; place + 8 < size; place += 8) seen |= at(place, std::uint64_t{});
    return (seen & high) == 0;
  }
  if (size >= 4) return ((at(0, std::uint32_t{}) | at(size - 4, std::uint32_t{})) & high) == 0;
  return size == 0 || ((at(0, std::uint8_t{}) | at(size / 2, std::uint8_t{}) | at(size - 1, std::uint8_t{})) & high) == 0;
}

// Bytes of the well-formed character at the front of a non-empty text; 0 if there is none.
inline std::size_t utf8_length(std::string_view text) noexcept {
  auto const byte = [&](std::size_t at) { return at < text.size() ? static_cast<std::uint8_t>(text[at]) : std::uint8_t{0}; };
  auto const between = [&](std::size_t at, unsigned low, unsigned high) { return byte(at) >= low && byte(at) <= high; };
  unsigned const first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return between(1, 0x80, 0xbf) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    unsigned const low = first == 0xe0 ? 0xa0 : 0x80;    // no overlong form
    unsigned const high = first == 0xed ? 0x9f : 0xbf;  // no surrogate
    return between(1, low, high) && between(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    unsigned const low = first == 0xf0 ? 0x90 : 0x80;
    unsigned const high = first == 0xf4 ? 0x8f : 0xbf;  // nothing above U+10FFFF
    return between(1, low, high) && between(2, 0x80, 0xbf) && between(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

// The first `characters` of a text; an ill-formed byte counts as one.
inline std::string_view first_characters(std::string_view text, std::size_t characters) noexcept {
  if (text.size() <= characters) [[likely]]  // no character is less than a byte
    return text;
  std::size_t at = 0;
  for (; characters != 0 && at < text.size(); --characters) {
    std::size_t const length = utf8_length(text.substr(at, 4));
    at += length == 0 ? 1 : length;
  }
  return text.substr(0, at);
}

inline bool is_utf8(std::string_view text) noexcept {
  if (is_ascii(text)) return true;
  while (!text.empty()) {
    std::size_t const length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

inline std::string repaired_utf8(std::string_view text) {
  std::string repaired;
  repaired.reserve(text.size() + 16);
  while (!text.empty()) {
    std::size_t const length = utf8_length(text);
    if (length == 0) repaired += "\xef\xbf\xbd";
    else repaired.append(text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return repaired;
}

// What a remote party says, for a person's terminal: its beginning, on one line, without what a terminal would obey.
inline std::string excerpt(std::string_view text) {
  std::string shown;
  for (char const c : text.substr(0, 200)) shown += c >= ' ' && c < 0x7f ? c : ' ';
  return shown;
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/header_text.hpp -------------------------------------------------------------------------------------------

// What the formats of propagation are made of: white space, names, tokens, lists, and text in the making without exceptions. Any thread.

namespace nanospan::inline v0::detail {

// RFC 7230, "OWS": what may stand around the members of a list.
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
constexpr std::string_view without_blanks(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Names of headers are the same in any case (RFC 7230, "Header Fields").
constexpr bool is_same_name(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t at = 0; at < a.size(); ++at)
    if (to_lower(a[at]) != to_lower(b[at])) return false;
  return true;
}
// RFC 7230, "token".
constexpr bool is_token(std::string_view text) noexcept {
  for (char const c : text)
    if (!is_digit(c) && !is_lower(to_lower(c)) && std::string_view{"!#$%&'*+-.^_`|~"}.find(c) == std::string_view::npos) return false;
  return !text.empty();
}
// The value of a hexadecimal digit, of lower case where that alone is allowed; 16 for what is none.
constexpr unsigned digit_of(char c) noexcept {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  return c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10 : 16;
}

// Takes what stands before the first separator off the front of a list, and the separator.
constexpr std::string_view take_front(std::string_view& list, char separator) noexcept {
  std::size_t const at = list.find(separator);
  std::string_view const front = list.substr(0, at);
  list = at == std::string_view::npos ? std::string_view{} : list.substr(at + 1);
  return front;
}

// Text in the making, of at most so many bytes. Without memory, or room, it stays as it was, and says so.
class text_buffer {
 public:
  explicit text_buffer(std::size_t most) noexcept : most_{most} {}
  text_buffer(text_buffer const&) = delete;
  text_buffer& operator=(text_buffer const&) = delete;
  ~text_buffer() { std::free(text_); }

  bool append(std::string_view more) noexcept {
    if (more.empty()) return true;
    if (more.size() > most_ - size_) return false;
    if (capacity_ - size_ < more.size()) {
      std::size_t const wanted = 2 * (size_ + more.size());
      void* const block = std::realloc(text_, wanted);
      if (block == nullptr) return false;
      text_ = static_cast<char*>(block);
      capacity_ = wanted;
    }
    std::memcpy(text_ + size_, more.data(), more.size());  // NOLINT(clang-analyzer-core.NonNullParamChecker): without a block there was no room
    size_ += more.size();
    return true;
  }
  // Another value of a repeated header: as if they stood in one (RFC 7230, "Field Order").
  bool append_value(std::string_view value) noexcept {
    if (value.empty() || (size_ != 0 && !append(","))) return value.empty();
    return append(value);
  }
  std::size_t room() const noexcept { return most_ - size_; }
  std::string_view view() const noexcept { return {text_, size_}; }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::size_t most_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/tracestate.hpp ---------------------------------------------------------------------------------------------------

// W3C Trace Context Level 2, "tracestate Header": what other tracing systems put beside the ids, a list of keys and values. Any thread.

namespace nanospan::inline v0 {
namespace detail {

// Of all headers of the name together; what is longer is no tracestate. The longest allowed has half of it.
inline constexpr std::size_t max_tracestate_header_bytes = 32u << 10;
// What is sent: receivers need not take more ("tracestate Limits").
inline constexpr std::size_t max_sent_tracestate_bytes = 512;

struct tracestate_member {
  std::string_view key;
  std::string_view value;

  constexpr std::size_t bytes() const noexcept { return key.size() + 1 + value.size(); }
  // "list-members": key = ( lcalpha / DIGIT ) 0*255( keychar ), value = 0*255( chr ) nblk-chr.
  constexpr bool valid() const noexcept {
    if (key.empty() || key.size() > 256 || value.empty() || value.size() > 256 || value.back() == ' ') return false;
    if (!is_lower(key.front()) && !is_digit(key.front())) return false;
    for (char const c : key)
      if (!is_lower(c) && !is_digit(c) && std::string_view{"_-*/@"}.find(c) == std::string_view::npos) return false;
    for (char const c : value)
      if (c < ' ' || c > '~' || c == ',' || c == '=') return false;
    return true;
  }
};

// The members of a header, as views into its text.
class tracestate_list {
 public:
  static constexpr std::size_t max_members = 32;

  // False, and empty, for what is no tracestate: one bad member is enough. Of a key that comes twice the first counts, the newer one
  // ("Mutating the tracestate Field": duplicates may be discarded). Linear: what is not there is compared with 32 keys at most.
  constexpr bool parse(std::string_view text) noexcept {
    count_ = 0;
    while (!text.empty()) {
      std::string_view const member = without_blanks(take_front(text, ','));
      if (member.empty()) continue;
      std::size_t const equals = member.find('=');
      if (equals == std::string_view::npos) return refuse();
      tracestate_member const one{member.substr(0, equals), member.substr(equals + 1)};
      if (!one.valid()) return refuse();
      if (find(one.key) != count_) continue;
      if (count_ == max_members) return refuse();
      members_[count_++] = one;
    }
    return true;
  }
  constexpr std::string_view get(std::string_view key) const noexcept {
    std::size_t const at = find(key);
    return at != count_ ? members_[at].value : std::string_view{};
  }
  // What changes moves to the left; a 33rd member pushes the rightmost out.
  constexpr void put(tracestate_member const& one) noexcept {
    erase(one.key);
    if (count_ == max_members) --count_;
    for (std::size_t at = count_++; at != 0; --at) members_[at] = members_[at - 1];
    members_[0] = one;
  }
  constexpr void erase(std::string_view key) noexcept {
    std::size_t const at = find(key);
    if (at != count_) erase_at(at);
  }
  // Whole members: first those over 128 bytes, then any, from the right ("tracestate Limits").
  constexpr void truncate(std::size_t most_bytes) noexcept {
    for (std::size_t at = count_; at-- != 0 && bytes() > most_bytes;)
      if (members_[at].bytes() > 128) erase_at(at);
    while (bytes() > most_bytes) --count_;
  }
  constexpr std::size_t bytes() const noexcept {
    std::size_t sum = count_ != 0 ? count_ - 1 : 0;
    for (std::size_t at = 0; at < count_; ++at) sum += members_[at].bytes();
    return sum;
  }
  template <typename Text>
  constexpr void write(Text& to) const noexcept(noexcept(to.append({}))) {
    for (std::size_t at = 0; at < count_; ++at) {
      if (at != 0) to.append(",");
      to.append(members_[at].key);
      to.append("=");
      to.append(members_[at].value);
    }
  }

 private:
  constexpr bool refuse() noexcept {
    count_ = 0;
    return false;
  }
  constexpr std::size_t find(std::string_view key) const noexcept {
    std::size_t at = 0;
    while (at < count_ && members_[at].key != key) ++at;
    return at;
  }
  constexpr void erase_at(std::size_t at) noexcept {
    for (--count_; at < count_; ++at) members_[at] = members_[at + 1];
  }

  tracestate_member members_[max_members]{};
  std::size_t count_ = 0;
};

}  // namespace detail

/// A tracestate to read and to change: `context.with_tracestate(nanospan::tracestate{context.tracestate()}.set("vendor", "1").text())`.
/// Copying and changing throw std::bad_alloc.
class tracestate {
 public:
  tracestate() = default;
  /// From the header's text; empty where that is not valid.
  explicit tracestate(std::string_view header) {
    detail::tracestate_list list;
    list.parse(header);
    list.write(text_);
  }

  /// The header's text, of at most 32 members. More than 512 bytes are not sent: members over 128 bytes go first, then the rightmost.
  std::string const& text() const noexcept { return text_; }
  /// Empty where there is no such key. Valid until this object changes.
  std::string_view get(std::string_view key) const noexcept { return list().get(key); }
  /// Puts the key first, as the standard says of what was changed; a 33rd member pushes the last one out. A key or a value that is not allowed
  /// changes nothing.
  tracestate& set(std::string_view key, std::string_view value) {
    if (!detail::tracestate_member{key, value}.valid()) return *this;
    auto changed = list();
    changed.put({key, value});
    return become(changed);
  }
  tracestate& erase(std::string_view key) {
    auto changed = list();
    changed.erase(key);
    return become(changed);
  }

 private:
  detail::tracestate_list list() const noexcept {
    detail::tracestate_list all;
    all.parse(text_);
    return all;
  }
  tracestate& become(detail::tracestate_list const& list) {
    std::string text;  // the list's views are into the old one
    list.write(text);
    text_ = std::move(text);
    return *this;
  }

  std::string text_;
};

}  // namespace nanospan::inline v0

// ---- nanospan/baggage.hpp ------------------------------------------------------------------------------------------------------

// W3C Baggage: what a program sends along with its work, keys and values for whoever is further down. Any thread.

namespace nanospan::inline v0 {
namespace detail {

// "Limits", of what is kept and sent.
inline constexpr std::size_t max_baggage_members = 64;
inline constexpr std::size_t max_baggage_bytes = 8192;
// What is looked at of all headers of the name together: white space, duplicates and what is not valid included.
inline constexpr std::size_t max_baggage_header_bytes = 16u << 10;

// "Definition": a value, as it stands in the header. A percent sign begins an octet's two digits.
constexpr bool is_baggage_value(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size(); ++at) {
    char const c = text[at];
    if (c <= ' ' || c > '~' || c == '"' || c == ',' || c == ';' || c == '\\') return false;
    if (c != '%') continue;
    if (text.size() - at < 3 || digit_of(to_lower(text[at + 1])) > 15 || digit_of(to_lower(text[at + 2])) > 15) return false;
    at += 2;
  }
  return true;
}
// Throws std::bad_alloc, as do the next two.
inline void append_encoded(std::string& to, std::string_view value) {
  for (char const c : value) {
    if (c != '%' && is_baggage_value({&c, 1})) {
      to += c;
      continue;
    }
    to += '%';
    to += "0123456789ABCDEF"[static_cast<std::uint8_t>(c) >> 4];
    to += "0123456789ABCDEF"[static_cast<std::uint8_t>(c) & 15];
  }
}
// Of a valid one. A plus sign is one: this is no form.
inline std::string decoded_baggage(std::string_view value) {
  std::string text;
  text.reserve(value.size());
  for (std::size_t at = 0; at < value.size(); ++at) {
    if (value[at] != '%') {
      text += value[at];
      continue;
    }
    text += static_cast<char>(digit_of(to_lower(value[at + 1])) << 4 | digit_of(to_lower(value[at + 2])));
    at += 2;
  }
  return repaired_utf8(text);
}

struct baggage_member {
  std::string_view key;
  std::string_view value;       // encoded
  std::string_view properties;  // what stands behind the first ';'

  // Invalid, without a key, for what is no member.
  static constexpr baggage_member parse(std::string_view text) noexcept {
    std::string_view properties = text;
    std::string_view const pair = take_front(properties, ';');
    std::size_t const equals = pair.find('=');
    if (equals == std::string_view::npos) return {};
    baggage_member const one{without_blanks(pair.substr(0, equals)), without_blanks(pair.substr(equals + 1)), properties};
    return one.valid() ? one : baggage_member{};
  }
  constexpr bool valid() const noexcept {
    bool all = is_token(key) && is_baggage_value(value);
    for_each_property([&](std::string_view one) {
      std::size_t const equals = one.find('=');
      all = all && is_token(without_blanks(one.substr(0, equals)));
      if (equals != std::string_view::npos) all = all && is_baggage_value(without_blanks(one.substr(equals + 1)));
    });
    return all;
  }
  // Nothing between two semicolons is none, though the standard has no such.
  template <typename Visit>
  constexpr void for_each_property(Visit&& visit) const {
    for (std::string_view rest = properties; !rest.empty();)
      if (std::string_view const one = take_front(rest, ';'); !one.empty()) visit(without_blanks(one));
  }
  constexpr std::size_t bytes() const noexcept {
    std::size_t sum = key.size() + 1 + value.size();
    for_each_property([&](std::string_view one) { sum += 1 + one.size(); });
    return sum;
  }
  template <typename Text>
  constexpr void write(Text& to) const {
    to.append(key);
    to.append("=");
    to.append(value);
    for_each_property([&](std::string_view one) {
      to.append(";");
      to.append(one);
    });
  }
};

// The members of a header, as views into its text: within the limits, and unique.
class baggage_list {
 public:
  // What is no member is left out. Of a key that comes twice the last counts (OpenTelemetry, "Baggage"). What would pass a limit ends
  // the list, for no part of a member may be sent. Linear: a key is compared with 64 others at most.
  constexpr void parse(std::string_view text) noexcept {
    count_ = 0;
    bytes_ = 0;
    while (!text.empty() && count_ != max_baggage_members) {
      auto const one = baggage_member::parse(take_front(text, ','));
      if (!one.key.empty() && !put(one)) return;
    }
  }
  constexpr baggage_member const* find(std::string_view key) const noexcept {
    for (std::size_t at = 0; at < count_; ++at)
      if (members_[at].key == key) return &members_[at];
    return nullptr;
  }
  // In the place of one with its key, else last; false where it would pass a limit.
  constexpr bool put(baggage_member const& one) noexcept {
    std::size_t at = 0;
    while (at < count_ && members_[at].key != one.key) ++at;
    std::size_t const others = at == count_ ? bytes_ : bytes_ - members_[at].bytes() - 1;
    if (at == max_baggage_members || others + one.bytes() > max_baggage_bytes) return false;
    bytes_ = others + one.bytes() + 1;
    count_ += at == count_ ? 1 : 0;
    members_[at] = one;
    return true;
  }
  constexpr void erase(std::string_view key) noexcept {
    std::size_t kept = 0;
    for (std::size_t at = 0; at < count_; ++at)
      if (members_[at].key != key) members_[kept++] = members_[at];
    count_ = kept;  // bytes_ may say too much now: nothing is put after it
  }
  template <typename Text>
  constexpr void write(Text& to) const {
    for (std::size_t at = 0; at < count_; ++at) {
      if (at != 0) to.append(",");
      members_[at].write(to);
    }
  }

 private:
  baggage_member members_[max_baggage_members]{};
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;  // with a comma behind each
};

}  // namespace detail

/// Baggage to read and to make: `context.with_baggage(nanospan::baggage{context.baggage()}.set("user", id).text())`. Whoever receives the
/// work reads it, whoever that is: no secrets. Its functions throw std::bad_alloc.
class baggage {
 public:
  baggage() = default;
  /// From the header's text: what is not valid in it, and what passes a limit, is left out; of a key that comes twice the last counts.
  explicit baggage(std::string_view header) { become(parsed(header)); }

  /// The header's text: at most 64 members and 8192 bytes.
  std::string const& text() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }
  bool contains(std::string_view key) const noexcept { return parsed(text_).find(key) != nullptr; }
  /// The value, decoded; what is not UTF-8 in it replaced by U+FFFD. Empty where there is no such key.
  std::string get(std::string_view key) const {
    auto const all = parsed(text_);
    auto const* const found = all.find(key);
    return found != nullptr ? detail::decoded_baggage(found->value) : std::string{};
  }
  /// Any bytes as a value, which will be encoded; UTF-8 is what others expect. `properties` in the header's form, `ttl=30;secret`. False, and
  /// unchanged, where the key is no token (RFC 7230), the properties are not valid, or a limit would be passed.
  bool set(std::string_view key, std::string_view value, std::string_view properties = {}) {
    if (key.size() > detail::max_baggage_bytes || value.size() > detail::max_baggage_bytes || properties.size() > detail::max_baggage_bytes) return false;
    std::string encoded;
    detail::append_encoded(encoded, value);
    detail::baggage_member const one{key, encoded, properties};
    auto all = parsed(text_);
    if (properties.find(',') != std::string_view::npos || !one.valid() || !all.put(one)) return false;
    become(all);
    return true;
  }
  void erase(std::string_view key) {
    auto all = parsed(text_);
    all.erase(key);
    become(all);
  }

  struct member {
    std::string_view key;
    std::string_view encoded_value;
    std::string_view properties;  // as set() takes them
    std::string value() const { return detail::decoded_baggage(encoded_value); }
  };
  /// The members in their order, valid until this object changes: `for (auto const& one : baggage)`.
  class iterator {
   public:
    explicit iterator(std::string_view rest) noexcept : rest_{rest} {}
    member operator*() const noexcept {
      std::string_view rest = rest_;
      auto const one = detail::baggage_member::parse(detail::take_front(rest, ','));
      return {one.key, one.value, one.properties};
    }
    iterator& operator++() noexcept {
      detail::take_front(rest_, ',');
      return *this;
    }
    friend bool operator==(iterator const& a, iterator const& b) noexcept { return a.rest_.size() == b.rest_.size(); }

   private:
    std::string_view rest_;
  };
  iterator begin() const noexcept { return iterator{text_}; }
  iterator end() const noexcept { return iterator{{}}; }

 private:
  static detail::baggage_list parsed(std::string_view text) noexcept {
    detail::baggage_list all;
    all.parse(text);
    return all;
  }
  void become(detail::baggage_list const& all) {
    std::string text;  // the list's views may be into the old one
    all.write(text);
    text_ = std::move(text);
  }

  std::string text_;
};

}  // namespace nanospan::inline v0

// ---- nanospan/clock.hpp --------------------------------------------------------------------------------------------------------

// Time on the caller's thread: raw ticks of the processor's counter, or nanoseconds of CLOCK_MONOTONIC where that counter
// cannot be trusted. Turning either into Unix time is the background thread's work (clock_converter.hpp).

namespace nanospan::inline v0::detail {

inline std::uint64_t monotonic_nanoseconds() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

// The processor's counter, unordered on purpose: its latency is what the rest of a span hides in.
inline std::uint64_t raw_ticks() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();  // what <x86intrin.h> would say, at a fifth of a second for each file that includes it
#elif defined(__aarch64__)
  std::uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return monotonic_nanoseconds();
#endif
}

// `monotonic`: the process has found that the counter is not to be trusted; the record keeps the bit beside the ticks.
inline std::uint64_t read_clock(bool monotonic) noexcept {
  if (monotonic) [[unlikely]]
    return monotonic_nanoseconds();
  return raw_ticks();
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/attribute.hpp ----------------------------------------------------------------------------------------------------

// What a user says about a span: literal names, and attributes (a key and a typed value). They refer to the user's values and
// live for one full expression; a span copies them. Caller's thread, no allocation.

#include <initializer_list>
#include <type_traits>

namespace nanospan::inline v0 {

/// A name or key whose characters live as long as the program: a string literal, checked by the compiler. For text that is made
/// at run time say nanospan::copied(text).
class literal {
 public:
  consteval explicit(false) literal(char const* text) noexcept : text_{text}, size_{static_cast<std::uint16_t>(std::string_view{text}.size())} {
    if (std::string_view{text}.size() > 0xffff) a_name_or_key_has_at_most_65535_bytes();
  }
  constexpr char const* data() const noexcept { return text_; }
  constexpr std::uint16_t size() const noexcept { return size_; }

 private:
  static void a_name_or_key_has_at_most_65535_bytes() noexcept;  // never defined: calling it is what the compiler reports

  char const* text_;
  std::uint16_t size_;
};

/// The slower door: a name or key made at run time, copied into the span (at most 65,535 bytes of it).
struct copied {
  constexpr explicit copied(std::string_view from) noexcept : text{from.substr(0, 0xffff)} {}
  /// Null is empty text.
  constexpr explicit copied(char const* from) noexcept : copied{from != nullptr ? std::string_view{from} : std::string_view{}} {}
  std::string_view text;
};

namespace detail {

class attribute_payload;
class entry_buffer;

enum class entry_type : std::uint8_t {
  boolean, signed_integer, unsigned_integer, floating, string,  // attributes
  bytes, array, type_name,                                      // attributes, too: array's elements are of one of the five above
  event, link,                                                  // with attributes of their own
  status, name, tracestate, scope, dropped, heap_block, baggage,
};

inline constexpr std::uint16_t copied_key = 32;  // beside an entry_type

// What a record says of one of its pieces, but for its size; see record.hpp for how. In 16 bytes: an attribute's takes two stores.
struct entry_head {
  char const* key;
  std::uint16_t key_size;
  std::uint16_t what;  // entry_type, and copied_key

  constexpr entry_head(char const* of, std::uint16_t of_size, entry_type type, bool is_copied) noexcept
      : key{of}, key_size{of_size}, what{static_cast<std::uint16_t>(static_cast<unsigned>(type) | (is_copied ? copied_key : 0u))} {}
  constexpr entry_type type() const noexcept { return static_cast<entry_type>(what & (copied_key - 1u)); }
};
static_assert(sizeof(entry_head) == 16);

// How the elements of a user's array lie in memory.
enum class element : std::uint8_t {
  boolean, signed_8, signed_16, signed_32, signed_64, unsigned_8, unsigned_16, unsigned_32, unsigned_64, single_precision, double_precision,
  string, string_view, c_string,
};
struct array_shape {
  std::uint32_t count;
  element of;
};
struct type_name_of {
  char const* text;  // as the compiler mangles it
};

template <typename Value>
concept text_like = std::is_convertible_v<Value const&, std::string_view>;
// std::vector, std::array, std::span, std::initializer_list; an array of char is text.
template <typename Range>
concept range_like = !text_like<Range> && requires(Range const& range) {
  { std::data(range) };
  { std::size(range) } -> std::convertible_to<std::size_t>;
};
template <typename Range>
using element_of = std::remove_cvref_t<decltype(*std::data(std::declval<Range const&>()))>;
template <typename Value>
concept byte_like = std::same_as<Value, std::byte> || std::same_as<Value, unsigned char> || std::same_as<Value, char>;

template <typename Value>
consteval element how_it_lies() noexcept {
  if (std::same_as<Value, bool>) return element::boolean;
  if (std::integral<Value>) {
    auto const width = sizeof(Value) == 1 ? 0 : sizeof(Value) == 2 ? 1 : sizeof(Value) == 4 ? 2 : 3;
    return static_cast<element>(static_cast<int>(std::signed_integral<Value> ? element::signed_8 : element::unsigned_8) + width);
  }
  if (std::same_as<Value, float>) return element::single_precision;
  if (std::same_as<Value, double>) return element::double_precision;
  if (std::same_as<Value, std::string>) return element::string;
  return std::same_as<Value, std::string_view> ? element::string_view : element::c_string;
}
template <typename Value>
concept element_like = (std::integral<Value> && sizeof(Value) <= 8) || std::same_as<Value, float> || std::same_as<Value, double> || std::same_as<Value, std::string> ||
                       std::same_as<Value, std::string_view> || std::same_as<Value, char const*> || std::same_as<Value, char*>;

}  // namespace detail

/// A key and a value: bool, any integer, float or double, text (std::string_view, char const*, std::string; a null pointer is empty text),
/// an array of these (anything with data and size, or `{"tags", {"a", "b"}}`), or bytes (an array of std::byte, unsigned char or char that is no text). An unsigned value
/// above 2^63-1 is exported as a decimal string, also where it is one of an array (OpenTelemetry, "attribute type mapping").
/// Pointers other than text do not compile, so none becomes `true` by accident. Arrays and bytes have their keys copied, and cost a call more than others.
class attribute {
 public:
  // NOLINTBEGIN(clang-analyzer-optin.cplusplus.UninitializedObject): text_size_ is a text's
  template <typename Value>
  constexpr attribute(literal key, Value const& value) noexcept : head_{key.data(), key.size(), type_of<Value>(), goes_the_long_way<Value>} { set(value); }
  template <typename Value>
  constexpr attribute(copied key, Value const& value) noexcept
      : head_{key.text.data(), static_cast<std::uint16_t>(key.text.size()), type_of<Value>(), true} { set(value); }
  template <typename Element>
  constexpr attribute(literal key, std::initializer_list<Element> values) noexcept : head_{key.data(), key.size(), type_of<std::initializer_list<Element>>(), true} { set(values); }
  template <typename Element>
  constexpr attribute(copied key, std::initializer_list<Element> values) noexcept
      : head_{key.text.data(), static_cast<std::uint16_t>(key.text.size()), type_of<std::initializer_list<Element>>(), true} { set(values); }
  // NOLINTEND(clang-analyzer-optin.cplusplus.UninitializedObject)

 private:
  friend class detail::attribute_payload;
  friend class detail::entry_buffer;

  // As if its key were copied, so that the short way needs not ask what else it is.
  template <typename Value>
  static constexpr bool goes_the_long_way = detail::range_like<Value> || std::same_as<Value, detail::type_name_of>;

  template <typename Value>
  static consteval detail::entry_type type_of() noexcept {
    using detail::entry_type;
    if (std::same_as<Value, bool>) return entry_type::boolean;
    if (std::integral<Value>) return std::signed_integral<Value> ? entry_type::signed_integer : entry_type::unsigned_integer;
    if (std::same_as<Value, detail::type_name_of>) return entry_type::type_name;
    if constexpr (detail::range_like<Value>) return detail::byte_like<detail::element_of<Value>> ? entry_type::bytes : entry_type::array;
    return std::floating_point<Value> ? entry_type::floating : entry_type::string;
  }
  template <typename Value>
  constexpr void set(Value const& value) noexcept {
    if constexpr (std::same_as<Value, bool>) {
      value_.bits = value ? 1u : 0u;
    } else if constexpr (std::integral<Value>) {
      static_assert(sizeof(Value) <= sizeof(std::uint64_t), "an attribute's integer has at most 64 bits");
      value_.bits = static_cast<std::uint64_t>(value);  // NOLINT(bugprone-signed-char-misuse): of a signed one the sign
    } else if constexpr (std::floating_point<Value>) {
      value_.bits = std::bit_cast<std::uint64_t>(static_cast<double>(value));
    } else if constexpr (std::same_as<Value, detail::type_name_of>) {
      set_text(value.text);
    } else if constexpr (detail::range_like<Value>) {
      set_range(std::data(value), std::size(value));
    } else {
      static_assert(std::is_convertible_v<Value const&, std::string_view> && !std::is_null_pointer_v<Value>,
                    "an attribute's value is a bool, a number, text, bytes, or an array of bools, numbers or texts");
      if constexpr (std::is_pointer_v<Value>) {
        set_text(value != nullptr ? std::string_view{value} : std::string_view{});
      } else {
        set_text(value);
      }
    }
  }
  constexpr void set_text(std::string_view text) noexcept {
    value_.text = text.data();
    text_size_ = text.size();
  }
  template <typename Element>
  constexpr void set_range(Element const* from, std::size_t count) noexcept {
    value_.elements = static_cast<void const*>(from);
    if constexpr (detail::byte_like<Element>) {
      text_size_ = count;
    } else {
      static_assert(detail::element_like<Element>, "an array's elements are bools, numbers, std::string, std::string_view or char const*");
      // What no span has room for is not to wrap.
      array_ = {count < 0xffff'ffff ? static_cast<std::uint32_t>(count) : 0xffff'ffff, detail::how_it_lies<Element>()};
    }
  }

  detail::entry_head head_;
  union {
    std::uint64_t bits;
    char const* text;
    void const* elements;
  } value_;
  union {  // the others leave it as it is
    std::size_t text_size_;  // of text and bytes
    detail::array_shape array_;
  };
};
static_assert(sizeof(attribute) == 32);

namespace detail {

// Lets a class take up to twelve attributes in one call, `x.set({"a", 1}, {"b", 2})`, by its add_all(). Overloads, because an
// initializer_list does not survive a co_await among its elements in g++ before 13, and costs the caller more code.
template <typename Derived>
class attribute_setters {
  using a = attribute const&;
  template <typename... Attribute>
  NANOSPAN_DETAIL_INLINE Derived& all(Attribute const&... each) noexcept {
    auto& self = static_cast<Derived&>(*this);
    self.add_all(each...);
    return self;
  }
  // Those that others of the same call follow: a class that must know when it has them all says something else.
  template <typename... Attribute>
  NANOSPAN_DETAIL_INLINE void add_part(Attribute const&... each) noexcept { static_cast<Derived&>(*this).add_all(each...); }
  NANOSPAN_DETAIL_OUT_OF_LINE Derived& part(a a1, a a2, a a3, a a4) noexcept {
    auto& self = static_cast<Derived&>(*this);
    self.add_part(a1, a2, a3, a4);
    return self;
  }

 public:
  NANOSPAN_DETAIL_OUT_OF_LINE Derived& set(a a1) noexcept { return all(a1); }
  NANOSPAN_DETAIL_OUT_OF_LINE Derived& set(a a1, a a2) noexcept { return all(a1, a2); }
  NANOSPAN_DETAIL_OUT_OF_LINE Derived& set(a a1, a a2, a a3) noexcept { return all(a1, a2, a3); }
  NANOSPAN_DETAIL_OUT_OF_LINE Derived& set(a a1, a a2, a a3, a a4) noexcept { return all(a1, a2, a3, a4); }
  Derived& set(a a1, a a2, a a3, a a4, a a5) noexcept { return part(a1, a2, a3, a4).set(a5); }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6) noexcept { return part(a1, a2, a3, a4).set(a5, a6); }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6, a a7) noexcept { return part(a1, a2, a3, a4).set(a5, a6, a7); }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6, a a7, a a8) noexcept { return part(a1, a2, a3, a4).set(a5, a6, a7, a8); }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6, a a7, a a8, a a9) noexcept {
    return part(a1, a2, a3, a4).part(a5, a6, a7, a8).set(a9);
  }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6, a a7, a a8, a a9, a a10) noexcept {
    return part(a1, a2, a3, a4).part(a5, a6, a7, a8).set(a9, a10);
  }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6, a a7, a a8, a a9, a a10, a a11) noexcept {
    return part(a1, a2, a3, a4).part(a5, a6, a7, a8).set(a9, a10, a11);
  }
  Derived& set(a a1, a a2, a a3, a a4, a a5, a a6, a a7, a a8, a a9, a a10, a a11, a a12) noexcept {
    return part(a1, a2, a3, a4).part(a5, a6, a7, a8).set(a9, a10, a11, a12);
  }
};

}  // namespace detail
}  // namespace nanospan::inline v0

// ---- nanospan/tracer.hpp -------------------------------------------------------------------------------------------------------

// Who made a span (OpenTelemetry, "instrumentation scope"): a file, a namespace or a library names itself once, and the macros inside it say so.

namespace nanospan::inline v0 {

/// The name of what records, with the version, the schema URL and up to four attributes of it. Of literals, constexpr, never copied: spans refer to it.
class tracer {
 public:
  struct attribute {
    literal key = "";
    literal value = "";
  };
  consteval explicit tracer(literal name, literal version = "", literal schema_url = "", std::initializer_list<attribute> attributes = {}) noexcept
      : name_{name}, version_{version}, schema_url_{schema_url} {
    if (attributes.size() > most_attributes) a_tracer_has_at_most_4_attributes();
    for (attribute const& one : attributes) attributes_[attribute_count_++] = one;
  }
  tracer(tracer const&) = delete;
  tracer& operator=(tracer const&) = delete;

  constexpr literal name() const noexcept { return name_; }
  constexpr literal version() const noexcept { return version_; }
  constexpr literal schema_url() const noexcept { return schema_url_; }
  constexpr attribute const* begin() const noexcept { return attributes_; }
  constexpr attribute const* end() const noexcept { return attributes_ + attribute_count_; }

 private:
  static constexpr std::size_t most_attributes = 4;
  static void a_tracer_has_at_most_4_attributes() noexcept;  // never defined: calling it is what the compiler reports

  literal name_;
  literal version_;
  literal schema_url_;
  attribute attributes_[most_attributes];
  std::size_t attribute_count_ = 0;
};

namespace detail {

// A macro calls nanospan_tracer(this_tracer{}), and finds the one of NANOSPAN_TRACER in the innermost namespace that has one; else this.
struct any_tracer {};
struct this_tracer : any_tracer {};
struct no_tracer {};
constexpr no_tracer nanospan_tracer(any_tracer) noexcept { return {}; }

}  // namespace detail
}  // namespace nanospan::inline v0

// ---- nanospan/record.hpp -------------------------------------------------------------------------------------------------------

// The bytes that cross threads: one record a span, written when it ends. A header of one cache line, then entries (attributes,
// events, status, …), each a word or two and a payload padded to 8 bytes. The only vocabulary that both halves share.

namespace nanospan::inline v0 {

/// What a span is to its peers (OpenTelemetry, "SpanKind"); the numbers are OTLP's.
enum class span_kind : std::uint8_t { internal = 1, server = 2, client = 3, producer = 4, consumer = 5 };

namespace detail {

enum site_flag : std::uint8_t {
  attributes_follow = 1,  // the macro's own
  has_tracer = 2,         // it is a traced_site's
};

// One per call site, static: what the source says of a span. A record holds its address.
struct site {
  char const* name;
  char const* file;
  char const* function;
  std::uint32_t line;
  std::uint16_t name_size;
  span_kind kind;
  std::uint8_t flags;  // site_flag

  consteval site(literal named, span_kind as, char const* in_file, std::uint32_t at_line, char const* in_function, unsigned with_flags = 0) noexcept
      : name{named.data()}, file{in_file}, function{in_function}, line{at_line}, name_size{named.size()}, kind{as}, flags{static_cast<std::uint8_t>(with_flags)} {}
};
// The one of a call site in this library: an inline function's, too, goes when the library is unloaded.
struct NANOSPAN_DETAIL_OWN own_site {
  site value;
};
struct NANOSPAN_DETAIL_OWN traced_site {
  site value;  // first: see tracer_of()
  tracer const* by;
};
consteval own_site make_site(no_tracer, literal named, span_kind as, char const* in_file, std::uint32_t at_line, char const* in_function, unsigned with_flags) noexcept {
  return {site{named, as, in_file, at_line, in_function, with_flags}};
}
consteval traced_site make_site(tracer const* by, literal named, span_kind as, char const* in_file, std::uint32_t at_line, char const* in_function, unsigned with_flags) noexcept {
  return {site{named, as, in_file, at_line, in_function, with_flags | has_tracer}, by};
}
inline tracer const* tracer_of(site const& one) noexcept {
  return (one.flags & has_tracer) != 0 ? reinterpret_cast<traced_site const*>(&one)->by : nullptr;
}

enum record_flag : std::uint8_t {
  monotonic_ticks = 1,   // start and end are nanoseconds of CLOCK_MONOTONIC, not the processor's counter
  parent_is_remote = 2,  // OTLP span flags, bit 9
  unix_start = 4,        // start is Unix time in nanoseconds, as the user said
  unix_end = 8,          // the same of end
};
// The upper bits of the flags, beside unix_start: the process that it began in, as the lower bits of how many forks lie before it.
inline constexpr unsigned forks_shift = 4;
constexpr std::uint8_t forks_flags(std::uint32_t forks) noexcept { return static_cast<std::uint8_t>(forks << forks_shift); }

// The first word of a record, always written whole: it is soon read as one, and narrower stores are not forwarded to that.
struct record_meta {
  std::uint32_t size;  // bytes in the ring, the header included; a multiple of 8
  span_kind kind;
  std::uint8_t flags;        // record_flag
  std::uint8_t trace_flags;  // W3C
  std::uint8_t status;       // status_code; its description is an entry
};
static_assert(sizeof(record_meta) == 8);

struct record_header {
  record_meta meta;
  site const* from;  // null: the name is an entry
  nanospan::trace_id trace;
  nanospan::span_id span;
  nanospan::span_id parent;  // invalid: a root
  std::uint64_t start_ticks;
  std::uint64_t end_ticks;
};
static_assert(sizeof(record_header) == 64);

// The staging buffer inside an open span: what most spans carry, without an allocation.
inline constexpr std::uint32_t inline_entry_bytes = 256;
// The bound on one span's entries. What would pass it is left out and counted in dropped_attributes_count.
inline constexpr std::uint32_t max_entry_bytes = 1u << 20;

constexpr std::size_t padded(std::size_t bytes) noexcept { return (bytes + 7) & ~std::size_t{7}; }

// What stands before every entry: a word, and a second one where the first cannot say the size.
//   bits 0-47   the address of the key, a literal; of a copied key the size, and its characters are the payload's first bytes
//   bits 48-53  entry_type, and copied_key
//   bits 54-63  payload bytes without the padding to the next multiple of 8; all ones: the next word says them
inline constexpr unsigned entry_key_bits = 48;
inline constexpr unsigned entry_size_shift = 54;
inline constexpr std::size_t long_entry = 0x3ff;
inline constexpr unsigned short_entry_bits = 9;  // sizes of so many bits fit into the first word, with room for long_entry

constexpr bool is_short(std::size_t size) noexcept { return size >> short_entry_bits == 0; }
constexpr std::size_t head_bytes(std::size_t size) noexcept { return is_short(size) ? 8 : 16; }
inline std::uint64_t address_of(char const* key) noexcept { return reinterpret_cast<std::uintptr_t>(key); }
// The first word: what the lowest bits say of the key, the type, the size.
NANOSPAN_DETAIL_INLINE std::uint64_t entry_word_of(std::uint64_t key, std::uint16_t what, std::size_t size) noexcept {
  return key | std::uint64_t{what} << entry_key_bits | std::uint64_t{size} << entry_size_shift;
}
// Of any; of one whose size may still grow, that of long_entry.
inline std::uint64_t entry_word(entry_head const& head, std::size_t size) noexcept {
  return entry_word_of((head.what & copied_key) != 0 ? head.key_size : address_of(head.key), head.what, is_short(size) ? size : long_entry);
}
constexpr std::uint16_t what_of(std::uint64_t word) noexcept { return static_cast<std::uint16_t>(word >> entry_key_bits & 63u); }
constexpr entry_type type_of(std::uint64_t word) noexcept { return static_cast<entry_type>(what_of(word) & (copied_key - 1u)); }
constexpr bool key_is_copied_in(std::uint64_t word) noexcept { return (what_of(word) & copied_key) != 0; }
// Not 0 for a key that is no literal below 2^48. Literals are, on every machine that we know; where one is not (an address with a tag), its
// characters are copied.
inline std::uint64_t must_be_copied(entry_head const& head) noexcept { return address_of(head.key) >> entry_key_bits | (head.what & copied_key); }

// Payload of an event: its time, then its attributes' entries.
inline constexpr std::uint64_t unix_event_time = std::uint64_t{1} << 63;  // in `ticks`: the rest is Unix time in nanoseconds, as the user said
struct event_payload {
  std::uint64_t ticks;
};
// Payload of a link: this, its tracestate (padded), its attributes' entries.
struct link_payload {
  nanospan::trace_id trace;
  nanospan::span_id span;
  std::uint32_t trace_flags;
  std::uint16_t remote;
  std::uint16_t tracestate_size;
};
static_assert(sizeof(link_payload) == 32);
// Payload of scope.
struct scope_payload {
  tracer const* by;
};
// Payload of heap_block: where the entries are instead.
struct heap_payload {
  std::byte* block;        // from malloc, owned by the record
  std::uint32_t used;      // bytes of entries
  std::uint32_t capacity;  // bytes of it all, as the memory account has them
};
enum class status_code : std::uint8_t { unset = 0, ok = 1, error = 2 };  // OTLP's numbers

}  // namespace detail
}  // namespace nanospan::inline v0

// ---- nanospan/entry_view.hpp ---------------------------------------------------------------------------------------------------

// The entries of a record, read where they lie: by the background thread, and by a sampler that wants a span's first attributes.

namespace nanospan::inline v0::detail {

// An entry where it lies in a record.
class entry_view {
 public:
  entry_view() noexcept = default;
  entry_view(std::uint64_t word, std::byte const* payload, std::size_t size) noexcept : word_{word}, payload_{payload}, size_{size} {}

  entry_type type() const noexcept { return type_of(word_); }
  bool key_is_copied() const noexcept { return key_is_copied_in(word_); }
  // Where it is no copied one.
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the rest of an address' word says type and size
  char const* literal() const noexcept { return reinterpret_cast<char const*>(word_ & ((std::uint64_t{1} << entry_key_bits) - 1)); }
  std::string_view key() const noexcept {
    if (key_is_copied()) return {reinterpret_cast<char const*>(payload_), static_cast<std::uint16_t>(word_)};
    return literal() != nullptr ? std::string_view{literal()} : std::string_view{};
  }
  std::byte const* value() const noexcept { return payload_ + copied_key_bytes(); }
  std::size_t value_size() const noexcept { return size_ - copied_key_bytes(); }
  std::string_view text() const noexcept { return {reinterpret_cast<char const*>(value()), value_size()}; }
  std::uint64_t word() const noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, value(), sizeof bits);
    return bits;
  }
  // With its padding, in the payload.
  std::size_t copied_key_bytes() const noexcept { return key_is_copied() ? padded(static_cast<std::uint16_t>(word_)) : 0; }

 private:
  std::uint64_t word_ = 0;
  std::byte const* payload_ = nullptr;
  std::size_t size_ = 0;
};

// Calls `visit(entry_view)` for each entry in `bytes`; stops at one that does not fit, which only a data race can have written.
template <typename Visit>
void for_each_entry(std::byte const* entries, std::size_t bytes, Visit&& visit) {
  while (bytes >= head_bytes(0)) {
    std::uint64_t word = 0;
    std::memcpy(&word, entries, sizeof word);
    std::uint64_t size = word >> entry_size_shift;
    std::size_t head = head_bytes(0);
    if (size == long_entry) [[unlikely]] {
      head = head_bytes(long_entry);
      if (bytes < head) return;
      std::memcpy(&size, entries + head_bytes(0), sizeof size);
    }
    entry_view const entry{word, entries + head, size};
    if (size > bytes - head || padded(size) > bytes - head || size < entry.copied_key_bytes()) return;
    visit(entry);
    entries += head + padded(size);
    bytes -= head + padded(size);
  }
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/start_options.hpp ------------------------------------------------------------------------------------------------

// What a span that is no macro's may be born with: kind, parent, time, attributes, links, tracer. Lives for one full expression.

namespace nanospan::inline v0 {

/// A moment that the user says: Unix time in nanoseconds, made of a time point of std::chrono::system_clock without the need to include <chrono> here.
class timestamp {
 public:
  /// None: the moment of the call.
  constexpr timestamp() noexcept = default;
  // The system's clock alone knows time_t. Not asked about this time point, which may be finer than the clock.
  template <typename TimePoint>
    requires requires(TimePoint at) { TimePoint::clock::to_time_t(typename TimePoint::clock::time_point{}); at.time_since_epoch().count(); }
  constexpr explicit(false) timestamp(TimePoint at) noexcept {
    using period = typename TimePoint::duration::period;
    static_assert(1'000'000'000 * period::num % period::den == 0, "a span's times have at most nanoseconds");
    constexpr auto nanoseconds_of_one = 1'000'000'000 * period::num / period::den;
    unix_nanoseconds_ = static_cast<std::uint64_t>(at.time_since_epoch().count() * nanoseconds_of_one);
  }
  static constexpr timestamp of_unix_nanoseconds(std::uint64_t nanoseconds) noexcept {
    timestamp at;
    at.unix_nanoseconds_ = nanoseconds;
    return at;
  }
  constexpr std::uint64_t unix_nanoseconds() const noexcept { return unix_nanoseconds_; }
  constexpr explicit operator bool() const noexcept { return unix_nanoseconds_ != 0; }

 private:
  std::uint64_t unix_nanoseconds_ = 0;
};

/// Says that a span begins a trace, whatever is current: `{.parent = nanospan::no_parent}`.
struct no_parent_type {};
inline constexpr no_parent_type no_parent{};

/// Whose child a span is: the thread's current context's, unless said otherwise.
class parent_choice {
 public:
  parent_choice() noexcept = default;
  explicit(false) parent_choice(no_parent_type) noexcept : is_current_{false} {}
  /// An invalid context is no parent: a root, with the baggage that it has.
  explicit(false) parent_choice(span_context context) noexcept : is_current_{false}, context_{std::move(context)} {}

  bool is_current() const noexcept { return is_current_; }
  span_context const& context() const noexcept { return context_; }

 private:
  bool is_current_ = true;
  span_context context_;
};

/// A span that another one has to do with, without being its parent (OpenTelemetry, "Link").
struct span_link {
  span_context context;
  std::initializer_list<attribute> attributes = {};
};

/// `nanospan::span s{"resize", {.kind = nanospan::span_kind::consumer, .parent = from, .links = {{other}}}};` Attributes and links said here are
/// what a sampler can look at: prefer them to later ones.
struct start_options {
  span_kind kind = span_kind::internal;
  parent_choice parent = {};
  /// None: now.
  timestamp start = {};
  std::initializer_list<attribute> attributes = {};
  std::initializer_list<span_link> links = {};
  /// Null: nanospan's own.
  nanospan::tracer const* tracer = nullptr;
};

}  // namespace nanospan::inline v0

// ---- nanospan/detail/attribute_payload.hpp -------------------------------------------------------------------------------------

// What stands in a record after an attribute's key: its value, in words of 8 bytes. Caller's thread, noexcept.

namespace nanospan::inline v0::detail {

NANOSPAN_DETAIL_INLINE void put_word(std::byte* place, std::uint64_t word) noexcept {
  word = in_register(word);
  std::memcpy(place, &word, sizeof word);
}

class attribute_payload {
 public:
  static entry_head const& head(attribute const& one) noexcept { return one.head_; }
  // Payload of an attribute's entry, in bytes; of what has no room anyway more than there is.
  static std::size_t size(attribute const& one) noexcept {
    switch (one.head_.type()) {
      case entry_type::string:
      case entry_type::bytes:
      case entry_type::type_name: return one.value_.text != nullptr ? one.text_size_ : 0;
      case entry_type::array: break;
      default: return sizeof one.value_.bits;
    }
    std::size_t size = sizeof(std::uint64_t);  // the type of the elements
    if (one.array_.of < element::string) return size + count(one) * sizeof(std::uint64_t);
    for (std::uint32_t at = 0; at < count(one) && size <= max_entry_bytes; ++at) {
      std::size_t const text = text_at(one, at).size();
      if (text > max_entry_bytes) return text;
      size += sizeof(std::uint64_t) + padded(text);
    }
    return size;
  }
  // Nothing lies where nothing is.
  static std::uint32_t count(attribute const& one) noexcept { return one.value_.elements != nullptr ? one.array_.count : 0; }
  NANOSPAN_DETAIL_INLINE static void write(std::byte* place, attribute const& one) noexcept {
    switch (one.head_.type()) {
      case entry_type::string:
      case entry_type::bytes:
      case entry_type::type_name: return copy_text(place, one.value_.text, size(one));
      case entry_type::array: return put_array(place, one);
      default: return copy_word(place, &one.value_.bits);
    }
  }
 private:
  // The type of the elements, then each: a word of a number, or the size of a text and its characters, padded.
  NANOSPAN_DETAIL_COLD static void put_array(std::byte* place, attribute const& one) noexcept {
    element const of = one.array_.of;
    auto const type = of == element::boolean          ? entry_type::boolean
                      : of <= element::signed_64      ? entry_type::signed_integer
                      : of <= element::unsigned_64    ? entry_type::unsigned_integer
                      : of <= element::double_precision ? entry_type::floating
                                                        : entry_type::string;
    put_word(place, static_cast<std::uint64_t>(type));
    place += sizeof(std::uint64_t);
    for (std::uint32_t at = 0; at < count(one); ++at) {
      if (of < element::string) {
        put_word(place, number_at(one, at));
      } else {
        std::string_view const text = text_at(one, at);
        put_word(place, text.size());
        if (!text.empty()) std::memcpy(place + sizeof(std::uint64_t), text.data(), text.size());
        place += padded(text.size());
      }
      place += sizeof(std::uint64_t);
    }
  }
  static std::uint64_t number_at(attribute const& one, std::uint32_t at) noexcept {
    auto const as = [&](auto element) {
      std::memcpy(&element, static_cast<std::byte const*>(one.value_.elements) + at * sizeof element, sizeof element);
      if constexpr (std::floating_point<decltype(element)>) return std::bit_cast<std::uint64_t>(static_cast<double>(element));
      else return static_cast<std::uint64_t>(element);  // of a signed one the sign
    };
    switch (one.array_.of) {
      case element::boolean:
      case element::unsigned_8: return as(std::uint8_t{});
      case element::signed_8: return as(std::int8_t{});
      case element::signed_16: return as(std::int16_t{});
      case element::signed_32: return as(std::int32_t{});
      case element::unsigned_16: return as(std::uint16_t{});
      case element::unsigned_32: return as(std::uint32_t{});
      case element::single_precision: return as(float{});
      case element::double_precision: return as(double{});
      default: return as(std::uint64_t{});
    }
  }
  static std::string_view text_at(attribute const& one, std::uint32_t at) noexcept {
    void const* const elements = one.value_.elements;
    if (one.array_.of == element::string) return static_cast<std::string const*>(elements)[at];
    if (one.array_.of == element::string_view) return static_cast<std::string_view const*>(elements)[at];
    char const* const text = static_cast<char const* const*>(elements)[at];
    return text != nullptr ? std::string_view{text} : std::string_view{};
  }
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/entry_buffer.hpp -------------------------------------------------------------------------------------------------

// The entries of a span in the making: in a small buffer inside the span, then in one heap block. What finds no room is left out and counted.
// Caller's thread, noexcept.

#include <exception>

namespace nanospan::inline v0::detail {

class entry_buffer {
 public:
  // Where a span stands. absent: no provider, or nothing that it could say; see scoped_span. passing: no provider, with the context that would have
  // been the parent's. From not_sampled on a scoped_span is its thread's current one. undecided: recorded like an open one until its sampler, which
  // needs its attributes, has been asked.
  enum class span_phase : std::uint8_t { absent, passing, not_sampled, ended, open, undecided };
  // Kept after the last entry, for the count of what was left out.
  static constexpr std::uint32_t spare_bytes = head_bytes(0) + sizeof(std::uint64_t);

  // NOLINTBEGIN(misc-non-private-member-variables-in-classes)
  // The span's, not the buffer's: here they fill its first word. A call site looks at them, and near an object's beginning an address is a byte shorter.
  span_phase phase;
  // Whether its context has a state: the one that was current before, or one of its own, and then what was current before is kept().
  enum class state_kind : std::uint8_t { none, outer, own } state;
  std::uint16_t exceptions;  // that were under way at its start; where it watches them
  // NOLINTEND(misc-non-private-member-variables-in-classes)
  bool has_state() const noexcept { return state != state_kind::none; }

  entry_buffer() noexcept = default;  // start() or take() follows, or nothing

  NANOSPAN_DETAIL_INLINE void start() noexcept {
    entries_ = inline_;
    used_ = 0;
    capacity_ = inline_entry_bytes;
    dropped_ = 0;
  }
  // What a span is born with.
  NANOSPAN_DETAIL_COLD void add_all(start_options const& with) noexcept {
    if (with.tracer != nullptr) {
      scope_payload const payload{with.tracer};
      if (std::byte* const place = append({nullptr, 0, entry_type::scope, false}, sizeof payload)) std::memcpy(place, &payload, sizeof payload);
    }
    for (attribute const& one : with.attributes) add(one);
    for (span_link const& one : with.links) {
      std::uint32_t const offset = used_;
      if (!append_link(one.context)) continue;
      std::uint32_t const before = used_;
      for (attribute const& each : one.attributes) add(each);
      grow_entry(offset, used_ - before);
    }
  }
  // What a scoped_span puts back that had a trace or a state of its own. For these few it has no room but the last bytes inside.
  struct outer_context {
    nanospan::trace_id trace;
    context_state* state;
  };
  void keep(outer_context const& outer) noexcept {
    constexpr std::uint32_t left = inline_entry_bytes - sizeof outer;
    if (!on_heap() && used_ > left && !grow(sizeof outer)) {  // without memory the entries go
      ++dropped_;
      used_ = 0;
    }
    if (!on_heap()) capacity_ = left;
    std::memcpy(static_cast<void*>(inline_ + left + spare_bytes), &outer, sizeof outer);
  }
  outer_context kept() const noexcept {
    outer_context outer{};
    std::memcpy(static_cast<void*>(&outer), inline_ + inline_entry_bytes - sizeof outer + spare_bytes, sizeof outer);
    return outer;
  }
  // Lets go of all that it holds.
  void discard() noexcept {
    if (on_heap()) free_block(as_payload());
    start();
  }
  // What `other` holds; that one holds nothing any more.
  void take(entry_buffer const& other) noexcept {
    bool const on_heap = other.entries_ != other.inline_;
    entries_ = on_heap ? other.entries_ : inline_;
    used_ = other.used_;
    capacity_ = other.capacity_;
    dropped_ = other.dropped_;
    if (!on_heap) std::memcpy(inline_, other.inline_, used_);
  }

  std::byte* bytes() const noexcept { return entries_; }
  std::uint32_t size() const noexcept { return used_; }
  bool on_heap() const noexcept { return entries_ != inline_; }
  // Of one on the heap: what a record says in the place of the entries.
  heap_payload as_payload() const noexcept { return {entries_, used_, capacity_ + spare_bytes}; }
  static void free_block(heap_payload const& heap) noexcept {
    if (heap.block == nullptr) return;
    std::free(heap.block);
    span_memory.release(heap.capacity);
  }
  // Has the span end the slow way, where left_by_exception() is asked.
  void watch_exceptions() noexcept {
    exceptions = static_cast<std::uint16_t>(std::uncaught_exceptions());
    dropped_ |= watches_exceptions;
  }
  bool left_by_exception() const noexcept { return (dropped_ & watches_exceptions) != 0 && std::uncaught_exceptions() > exceptions; }
  // Nothing was left out, nothing is on the heap, nobody asks about exceptions.
  NANOSPAN_DETAIL_INLINE bool plain() const noexcept { return dropped_ == 0 && capacity_ == inline_entry_bytes; }
  void drop(std::uint32_t entries = 1) noexcept { dropped_ += entries; }

  template <typename... Attribute>
  NANOSPAN_DETAIL_INLINE void add_all(Attribute const&... each) noexcept {
    // Kept in registers from one attribute to the next, which the compiler may not do with members.
    cursor left{entries_ + used_, entries_ + capacity_};
    (add_into(left, each), ...);
    used_ = static_cast<std::uint32_t>(left.place - entries_);
  }
  // The long way: a copied key, no room, a long text.
  NANOSPAN_DETAIL_COLD void add(attribute const& one) noexcept {
    std::byte* const place = append_keyed(one.head_, attribute_payload::size(one));
    if (place != nullptr) attribute_payload::write(place, one);
  }
  // Room for the value of an entry with any key; null when the span is full (counted).
  NANOSPAN_DETAIL_INLINE std::byte* append_keyed(entry_head const& head, std::size_t value_size, bool may_grow = false) noexcept {
    return must_be_copied(head) != 0 ? append_copied(head, value_size, may_grow) : append(head, value_size, may_grow);
  }
  // Room for an entry, its head written, in the long form where it may grow; null when the span is full (counted).
  NANOSPAN_DETAIL_INLINE std::byte* append(entry_head const& head, std::size_t size, bool may_grow = false) noexcept {
    std::size_t const form = may_grow ? long_entry : size;
    std::size_t const all = head_bytes(form) + padded(size);
    if (size > max_entry_bytes || (capacity_ - used_ < all && !grow(static_cast<std::uint32_t>(all)))) [[unlikely]] {
      ++dropped_;
      return nullptr;
    }
    std::byte* const place = entries_ + used_;
    used_ += static_cast<std::uint32_t>(all);
    put_word(place, entry_word(head, form));
    if (!is_short(form)) put_word(place + head_bytes(0), size);
    return place + head_bytes(form);
  }
  // Whether the entry at that offset is the last, and takes more: an event or a link.
  bool is_last(std::uint32_t offset) const noexcept {
    std::uint64_t words[2];  // the head of an entry that may grow
    if (offset + sizeof words > used_) return false;
    std::memcpy(words, entries_ + offset, sizeof words);
    return (type_of(words[0]) == entry_type::event || type_of(words[0]) == entry_type::link) && offset + sizeof words + words[1] == used_;
  }
  void grow_entry(std::uint32_t offset, std::uint64_t bytes) noexcept {
    std::byte* const place = entries_ + offset + head_bytes(0);
    std::uint64_t size = 0;
    std::memcpy(&size, place, sizeof size);
    put_word(place, size + bytes);
  }
  // False where there is no room (counted).
  bool append_link(span_context const& to) noexcept {
    std::string_view const tracestate = to.tracestate();
    link_payload const payload{to.trace_id(), to.span_id(), to.trace_flags(), static_cast<std::uint16_t>(to.remote() ? 1 : 0), static_cast<std::uint16_t>(tracestate.size())};
    std::byte* const place = append({nullptr, 0, entry_type::link, false}, sizeof payload + padded(tracestate.size()), true);
    if (place == nullptr) return false;
    std::memcpy(place, &payload, sizeof payload);
    if (!tracestate.empty()) std::memcpy(place + sizeof payload, tracestate.data(), tracestate.size());
    return true;
  }
  // An entry of text, cut where the span is full and no half of a character left; a text of which nothing finds room is counted.
  NANOSPAN_DETAIL_INLINE void append_text(entry_type type, std::string_view text) noexcept {
    std::uint32_t const room = max_entry_bytes - used_;  // a multiple of 8
    if (room == 0) {
      dropped_ += text.empty() ? 0u : 1u;
      return;
    }
    std::size_t const longest = room - head_bytes(room);  // on the safe side, where that is between the two
    std::size_t size = text.size();
    if (size > longest) {
      size = longest;
      while (size != 0 && (static_cast<std::uint8_t>(text[size]) & 0xc0) == 0x80) --size;
    }
    std::byte* const place = append({nullptr, 0, type, false}, size);
    if (place != nullptr && size != 0) std::memcpy(place, text.data(), size);
  }
  // The last entry, where something was left out: how much.
  void append_dropped() noexcept {
    std::uint64_t const dropped = dropped_ & ~watches_exceptions;
    if (dropped == 0) return;
    capacity_ += spare_bytes;  // kept for this
    if (std::byte* const place = append({nullptr, 0, entry_type::dropped, false}, sizeof dropped)) std::memcpy(place, &dropped, sizeof dropped);
    capacity_ -= spare_bytes;
  }

 private:
  struct cursor {
    std::byte* place;
    std::byte const* end;
  };
  NANOSPAN_DETAIL_INLINE void add_into(cursor& left, attribute const& one) noexcept {
    // Numbers apart from text: all but the key and the type is known of them.
    if (one.head_.type() == entry_type::string) {
      // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): a text has a size
      if (std::byte* const place = put_head(left, one.head_, one.text_size_)) return copy_text(place, one.value_.text, one.text_size_);
    } else {
      if (std::byte* const place = put_head(left, one.head_, sizeof one.value_.bits)) return copy_word(place, &one.value_.bits);
    }
    used_ = static_cast<std::uint32_t>(left.place - entries_);
    add(one);
    left = {entries_ + used_, entries_ + capacity_};
  }
  // The short way, for a literal key and a value of less than 512 bytes that finds room: where the value goes. Null otherwise.
  NANOSPAN_DETAIL_INLINE static std::byte* put_head(cursor& left, entry_head const& head, std::size_t size) noexcept {
    std::size_t const all = head_bytes(0) + padded(size);
    bool const is_unusual = (must_be_copied(head) | size >> short_entry_bits) != 0;
    if (is_unusual || static_cast<std::size_t>(left.end - left.place) < all) [[unlikely]]
      return nullptr;
    std::byte* const place = left.place;
    put_word(place, entry_word_of(address_of(head.key), head.what, size));
    left.place += all;
    return place + head_bytes(0);
  }
  // The key's characters come first in the payload, padded to 8.
  std::byte* append_copied(entry_head head, std::size_t value_size, bool may_grow) noexcept {
    char const* const key = std::exchange(head.key, nullptr);
    head.what |= copied_key;
    std::size_t const key_bytes = padded(head.key_size);
    std::byte* const place = append(head, value_size > max_entry_bytes ? value_size : key_bytes + value_size, may_grow);
    if (place == nullptr) return nullptr;
    if (head.key_size != 0) std::memcpy(place, key, head.key_size);
    return place + key_bytes;
  }
  NANOSPAN_DETAIL_COLD bool grow(std::uint32_t size) noexcept {
    if (used_ + size > max_entry_bytes) return false;
    std::uint32_t const wanted = std::bit_ceil(used_ + size);
    std::uint32_t const capacity = wanted < 1024 - spare_bytes ? 1024 - spare_bytes : wanted;  // of a size that allocators keep at hand
    std::uint32_t const more = on_heap() ? capacity - capacity_ : capacity + spare_bytes;
    if (!span_memory.charge_recording(more)) return false;
    int const error = errno;
    void* const block = std::realloc(on_heap() ? entries_ : nullptr, capacity + spare_bytes);
    errno = error;
    if (block == nullptr) {
      span_memory.release(more);
      return false;
    }
    if (!on_heap()) std::memcpy(block, inline_, used_);
    entries_ = static_cast<std::byte*>(block);
    capacity_ = capacity;
    return true;
  }

  static constexpr std::uint32_t watches_exceptions = 1u << 31;

  std::uint32_t dropped_;  // entries that found no room, and watches_exceptions
  std::uint32_t used_;
  std::uint32_t capacity_;
  std::byte* entries_;  // inline_, or a heap block
  alignas(8) std::byte inline_[inline_entry_bytes + spare_bytes];  // uninitialised until used
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/attributes_view.hpp ----------------------------------------------------------------------------------------------

// The attributes of a span that starts, as its sampler sees them: read where they lie. The starting span's thread.

namespace nanospan::inline v0 {

/// Attributes that a span has so far. Valid during the call that was given it. No allocation; a look-up is a walk over all of them.
class attributes_view {
 public:
  /// What an attribute holds, or nothing. Asked for another type than its own, it answers `otherwise`. Of arrays and bytes it says that they are there.
  class value {
   public:
    value() noexcept = default;
    /// False: there is no such attribute.
    explicit operator bool() const noexcept { return is_there_; }

    bool is_text() const noexcept { return is(detail::entry_type::string); }
    bool is_boolean() const noexcept { return is(detail::entry_type::boolean); }
    bool is_integer() const noexcept { return is(detail::entry_type::signed_integer) || (is(detail::entry_type::unsigned_integer) && entry_.word() <= most_signed); }
    /// An integer is one, too.
    bool is_number() const noexcept { return is(detail::entry_type::floating) || is(detail::entry_type::signed_integer) || is(detail::entry_type::unsigned_integer); }

    std::string_view text(std::string_view otherwise = {}) const noexcept { return is_text() ? entry_.text() : otherwise; }
    bool boolean(bool otherwise = false) const noexcept { return is_boolean() ? entry_.word() != 0 : otherwise; }
    /// One above 2^63-1 is a number, and no integer.
    std::int64_t integer(std::int64_t otherwise = 0) const noexcept { return is_integer() ? static_cast<std::int64_t>(entry_.word()) : otherwise; }
    double number(double otherwise = 0) const noexcept {
      if (is(detail::entry_type::floating)) return std::bit_cast<double>(entry_.word());
      if (is(detail::entry_type::signed_integer)) return static_cast<double>(static_cast<std::int64_t>(entry_.word()));
      return is_number() ? static_cast<double>(entry_.word()) : otherwise;
    }

   private:
    friend class attributes_view;
    static constexpr std::uint64_t most_signed = 0x7fff'ffff'ffff'ffffu;

    explicit value(detail::entry_view const& entry) noexcept : entry_{entry}, is_there_{true} {}
    bool is(detail::entry_type type) const noexcept { return is_there_ && entry_.type() == type; }

    detail::entry_view entry_;
    bool is_there_ = false;
  };

  /// None.
  attributes_view() noexcept = default;
  /// Of `bytes` bytes of a record's entries; what is no attribute is passed over.
  attributes_view(std::byte const* entries, std::size_t bytes) noexcept : entries_{entries}, bytes_{bytes} {}

  /// The value of that key; where it was said twice, the last one.
  value find(std::string_view key) const noexcept {
    value found;
    for_each([&](std::string_view one, value const& its) noexcept {
      if (one == key) found = its;
    });
    return found;
  }
  /// Calls `visit(std::string_view key, attributes_view::value const&)` for each, in the order in which they were said.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    detail::for_each_entry(entries_, bytes_, [&](detail::entry_view const& entry) {
      if (entry.type() <= detail::entry_type::type_name) visit(entry.key(), value{entry});
    });
  }

 private:
  std::byte const* entries_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Links that a span has so far. Valid during the call that was given it.
class links_view {
 public:
  struct link {
    nanospan::trace_id trace_id;
    nanospan::span_id span_id;
    std::uint8_t trace_flags;
    bool remote;
    std::string_view tracestate;
    attributes_view attributes;
  };
  /// None.
  links_view() noexcept = default;
  /// Of `bytes` bytes of a record's entries; what is no link is passed over.
  links_view(std::byte const* entries, std::size_t bytes) noexcept : entries_{entries}, bytes_{bytes} {}

  /// Calls `visit(links_view::link const&)` for each, in the order in which they were said.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    detail::for_each_entry(entries_, bytes_, [&](detail::entry_view const& entry) {
      if (entry.type() != detail::entry_type::link) return;
      detail::link_payload head{};
      std::memcpy(&head, entry.value(), sizeof head);
      std::size_t const before = sizeof head + detail::padded(head.tracestate_size);
      visit(link{head.trace, head.span, static_cast<std::uint8_t>(head.trace_flags), head.remote != 0, entry.text().substr(sizeof head, head.tracestate_size),
                 {entry.value() + before, entry.value_size() - before}});
    });
  }

 private:
  std::byte const* entries_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace nanospan::inline v0

// ---- nanospan/ring.hpp ---------------------------------------------------------------------------------------------------------

// A single-producer single-consumer ring of byte records: the way a span takes from its thread to the background thread.
// Never grows, never blocks, never signals: full means that the newest record does not go in. The indices count bytes since
// the beginning and never wrap; a record is contiguous, and a zero where its size would stand says "go on at the front".

namespace nanospan::inline v0::detail {

class ring {
 public:
  ring() noexcept = default;
  ring(ring const&) = delete;
  ring& operator=(ring const&) = delete;

  // Gives the ring its memory: `bytes` is a power of two, at least 64. Before the first record, by the producer or, while there is
  // no producer, by anyone. The ring does not own it.
  void attach(std::byte* memory, std::size_t bytes) noexcept {
    capacity_ = bytes;
    std::atomic_signal_fence(std::memory_order_seq_cst);  // a process that another thread forks meanwhile has all of it or none
    memory_ = memory;
  }
  bool attached() const noexcept { return memory_ != nullptr; }
  std::size_t capacity() const noexcept { return capacity_; }

  // Producer. Room for one record of `bytes` (a multiple of 8, at least 8), or null when the ring is full.
  std::byte* reserve(std::uint32_t bytes) noexcept {
    std::uint64_t const tail = tail_.load(std::memory_order_relaxed);  // Relaxed: only this thread writes it.
    std::size_t const offset = tail & (capacity_ - 1);
    if (capacity_ - offset < bytes) [[unlikely]]
      return reserve_at_front(bytes, tail, capacity_ - offset);
    if (tail + bytes - known_head_ > capacity_) [[unlikely]] {
      if (!has_room(tail + bytes)) return nullptr;
    }
    return memory_ + offset;
  }
  // Producer. Lets the consumer see what was written into the reserved bytes.
  void publish(std::uint32_t bytes) noexcept {
    // Relaxed load: only this thread writes it. Release: pairs with the acquire in published().
    records_.store(records_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // Relaxed: rides on the next line.
    tail_.store(tail_.load(std::memory_order_relaxed) + bytes, std::memory_order_release);
  }

  // Consumer. All up to here may be read. Acquire: pairs with the release in publish().
  std::uint64_t published() const noexcept { return tail_.load(std::memory_order_acquire); }
  // Records published so far. Any thread; exact when nothing is being recorded.
  std::uint64_t records() const noexcept { return records_.load(std::memory_order_relaxed); }
  // All before here has been read. Relaxed: the consumer's own, or for reporting.
  std::uint64_t consumed() const noexcept { return head_.load(std::memory_order_relaxed); }

  // Whether all that was published before has been read, and by nobody still. Any thread. Acquire: pairs with the release in consume().
  bool empty() const noexcept { return head_.load(std::memory_order_acquire) == published(); }

  // Consumer. Calls `read(std::byte const* record)` for each record up to `until`, then gives the space back at once.
  // A record starts with its size in bytes (32 bits).
  template <typename Read>
  void consume(std::uint64_t until, Read&& read) {
    std::uint64_t position = head_.load(std::memory_order_relaxed);  // Relaxed: only the consumer writes it.
    while (position != until) {
      std::size_t const offset = position & (capacity_ - 1);
      std::uint32_t size = 0;
      std::memcpy(&size, memory_ + offset, sizeof size);
      if (size == 0) {
        position += capacity_ - offset;
        continue;
      }
      read(static_cast<std::byte const*>(memory_ + offset));
      position += size;
    }
    // Release: pairs with the acquire in has_room(); the bytes were read before they are overwritten.
    head_.store(position, std::memory_order_release);
  }

  // Empty again, as new. Only while there is neither producer nor consumer.
  void reset() noexcept {
    tail_.store(0, std::memory_order_relaxed);
    records_.store(0, std::memory_order_relaxed);
    head_.store(0, std::memory_order_relaxed);
    known_head_ = 0;
  }

 private:
  NANOSPAN_DETAIL_OUT_OF_LINE bool has_room(std::uint64_t end) noexcept {
    known_head_ = head_.load(std::memory_order_acquire);  // Acquire: pairs with the release in consume().
    return end - known_head_ <= capacity_;
  }
  NANOSPAN_DETAIL_COLD std::byte* reserve_at_front(std::uint32_t bytes, std::uint64_t tail, std::size_t rest) noexcept {
    if (bytes > capacity_ || !has_room(tail + rest + bytes)) return nullptr;
    std::uint32_t const go_to_front = 0;
    std::memcpy(memory_ + (tail & (capacity_ - 1)), &go_to_front, sizeof go_to_front);
    tail_.store(tail + rest, std::memory_order_release);  // Release: pairs with the acquire in published().
    return memory_;
  }

  // The producer's line: the consumer reads it once a pass.
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  std::atomic<std::uint64_t> records_{0};
  std::uint64_t known_head_ = 0;  // the producer's last look at head_
  std::byte* memory_ = nullptr;
  std::size_t capacity_ = 0;
  // The consumer's line: the producer reads it only when the ring looks full.
  alignas(64) std::atomic<std::uint64_t> head_{0};
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/thread_ring.hpp --------------------------------------------------------------------------------------------------

// Which ring a thread records into: acquired at its first span, handed over when the thread exits, reused by a later thread.
// Slots hang in one registry, are never freed and never move, so that whoever still records at exit finds them.

#include <pthread.h>
#include <sys/mman.h>

namespace nanospan::inline v0 {
namespace detail {

// What the system is asked for in the course of recording leaves errno alone: a signal handler may record, and whoever looks at errno
// after a span has ended.
class errno_kept {
 public:
  errno_kept() noexcept = default;
  errno_kept(errno_kept const&) = delete;
  errno_kept& operator=(errno_kept const&) = delete;
  ~errno_kept() { errno = before_; }

 private:
  int before_ = errno;
};

enum class slot_state : std::uint32_t {
  empty,     // no thread's, without a ring
  ready,     // no thread's, drained, with a ring
  owned,     // a live thread records into it
  orphaned,  // its thread has exited; the next one goes on in its ring, or the consumer drains it
  draining,  // no thread's, the consumer's, which makes it ready
};

struct thread_slot {
  detail::ring ring;
  // Written by the owning thread.
  alignas(64) counter dropped_ring_full;
  counter dropped_no_ring;
  counter dropped_after_shutdown;
  counter dropped_no_provider;
  counter discarded_inherited;                        // begun by the process that forked this one, which sends them
  std::atomic<std::uint64_t> dropped_interrupted{0};  // a handler's, which a handler may interrupt
  counter misused;  // calls where no span of this thread was open
  std::atomic<slot_state> state{slot_state::owned};
  thread_slot* next = nullptr;  // constant once the slot is in the registry
  // Written by any thread: how often a scope of this thread was closed elsewhere or out of order.
  std::atomic<std::uint32_t> scopes_lost{0};
  // The state of contexts that have nothing to say in one and go the long way all the same: see parent_kind. One of its owners is the slot.
  context_state empty_state{{1}, 0, 0, false};
};

// What is one per process. Constant-initialised, never destroyed.
struct thread_registry {
  std::atomic<thread_slot*> slots{nullptr};
  std::atomic<std::uint64_t> ring_memory_bytes{0};       // handed out so far; rings are reused, never given back
  std::atomic<std::uint64_t> ring_bytes{2u << 20};       // a new thread's ring while there is plenty
  std::atomic<std::uint64_t> ring_memory_limit_bytes{64u << 20};
  std::atomic<std::uint64_t> dropped_no_slot{0};         // spans of threads whose slot was gone (exit) or could not be had (memory)
  std::atomic<bool> fork_hooked{false};
  // In a forked child: when that was, by either clock, and how many forks lie between it and the first process.
  std::atomic<std::uint64_t> forked_at_ticks{0};
  std::atomic<std::uint64_t> forked_at_nanoseconds{0};
  std::atomic<std::uint32_t> forks{0};
};
NANOSPAN_DETAIL_SHARED inline constinit thread_registry registry{};

// Maps memory and touches it: a first touch costs microseconds a page. From two mebibytes on in huge pages, where the system gives them: a
// hundred times fewer faults, and fewer misses later. Null without memory.
NANOSPAN_DETAIL_COLD inline std::byte* map_touched(std::size_t bytes) noexcept {
  constexpr std::size_t huge = 2u << 20;
  std::size_t const spare = bytes >= huge ? huge : 0;  // to begin at a multiple of it
  void* const mapped = ::mmap(nullptr, bytes + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* memory = static_cast<std::byte*>(mapped);
  if (spare != 0) {
    std::size_t const before = (huge - reinterpret_cast<std::uintptr_t>(memory) % huge) % huge;
    if (before != 0) ::munmap(memory, before);
    memory += before;
    if (before != spare) ::munmap(memory + bytes, spare - before);
#ifdef MADV_HUGEPAGE
    ::madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  }
  for (std::size_t at = 0; at < bytes; at += 4'096) memory[at] = std::byte{0};
  return memory;
}

// The one place that ring memory comes from. Null when the process-wide limit is reached or the system has none.
inline std::byte* allocate_ring_memory(std::size_t bytes) noexcept {
  std::uint64_t const limit = registry.ring_memory_limit_bytes.load(std::memory_order_relaxed);
  // Relaxed: the sum orders nothing, and is never passed because each adds before it maps.
  std::uint64_t used = registry.ring_memory_bytes.load(std::memory_order_relaxed);
  do {
    if (bytes > limit || used > limit - bytes) return nullptr;
  } while (!registry.ring_memory_bytes.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  if (std::byte* const mapped = map_touched(bytes)) return mapped;
  registry.ring_memory_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  return nullptr;
}

// Half of the limit goes to rings of full size; a quarter to ever smaller ones, each a sixteenth of what is left of it; the last to the
// smallest, so that a thousand threads all trace.
inline std::size_t next_ring_bytes() noexcept {
  constexpr std::uint64_t smallest = 16u << 10;
  std::uint64_t const full = registry.ring_bytes.load(std::memory_order_relaxed);
  std::uint64_t const limit = registry.ring_memory_limit_bytes.load(std::memory_order_relaxed);
  std::uint64_t const used = registry.ring_memory_bytes.load(std::memory_order_relaxed);
  if (used + full <= limit / 2 || full <= smallest) return full;
  std::uint64_t const graded_until = limit / 4 * 3;
  std::uint64_t const share = std::bit_floor((used < graded_until ? graded_until - used : 0) / 16);
  return share < smallest ? smallest : share < full ? share : full;
}

NANOSPAN_DETAIL_COLD inline bool attach_ring(thread_slot& slot) noexcept {
  errno_kept const as_it_was;
  std::size_t const bytes = next_ring_bytes();
  std::byte* const memory = allocate_ring_memory(bytes);
  if (memory == nullptr) return false;
  slot.ring.attach(memory, bytes);
  return true;
}

// A new slot, owned by the caller, in the registry. Null without memory.
inline thread_slot* add_slot() noexcept {
  auto* const slot = ::new (std::nothrow) thread_slot;
  if (slot == nullptr) return nullptr;
  slot->next = registry.slots.load(std::memory_order_relaxed);
  // Release: pairs with the acquire of whoever walks the list.
  while (!registry.slots.compare_exchange_weak(slot->next, slot, std::memory_order_release, std::memory_order_relaxed)) {}
  return slot;
}

template <typename Visit>
void for_each_slot(Visit&& visit) {
  // Acquire: pairs with the release in add_slot().
  for (thread_slot* slot = registry.slots.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) visit(*slot);
}

inline bool rings_are_empty() noexcept {
  bool empty = true;
  for_each_slot([&](thread_slot const& slot) { empty &= slot.ring.empty(); });
  return empty;
}

// A slot that no thread has any more, one with a ring if there is one. One that waits to be drained does, too, while half of its ring is
// free: threads that follow each other faster than the consumer looks would take a new ring each.
inline thread_slot* reuse_slot() noexcept {
  for (slot_state const wanted : {slot_state::ready, slot_state::orphaned, slot_state::empty}) {
    // Acquire: pairs with the release in add_slot().
    for (thread_slot* slot = registry.slots.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
      slot_state expected = wanted;
      // Relaxed look first, so that owned slots' lines stay with their owners. Acquire: pairs with the release of the
      // owner before (slot_owner) or of the consumer.
      if (slot->state.load(std::memory_order_relaxed) != wanted ||
          !slot->state.compare_exchange_strong(expected, slot_state::owned, std::memory_order_acquire, std::memory_order_relaxed))
        continue;
      if (slot->ring.published() - slot->ring.consumed() <= slot->ring.capacity() / 2) return slot;
      slot->state.store(slot_state::orphaned, std::memory_order_release);  // Release: as in slot_owner.
    }
  }
  return nullptr;
}

// Gives the slot back when the thread exits. Spans that end after that, in later thread-local destructors, are counted drops.
struct slot_owner {
  ~slot_owner() {
    this_thread.exited = true;
    std::atomic_signal_fence(std::memory_order_seq_cst);  // a signal handler from here on finds no slot, and takes none
    thread_slot* const slot = std::exchange(this_thread.slot, nullptr);
    this_thread.current = {};  // after std::exit scopes of this thread may still be open, and are nobody's parents any more
    if (slot == nullptr) return;
    auto const left_as = !slot->ring.attached() ? slot_state::empty : slot->ring.empty() ? slot_state::ready : slot_state::orphaned;
    slot->state.store(left_as, std::memory_order_release);  // Release: pairs with the acquire in reuse_slot() and in the consumer.
  }
  void exists() noexcept {}
};

// In a forked child, which has this thread only: what the others recorded is the parent's to send, their slots are free, the ids go
// another way, and the account begins anew.
inline void forget_parent() noexcept {
  std::uint64_t ring_memory = 0;  // what another thread had just taken for a ring is nobody's here
  for_each_slot([&](thread_slot& slot) {
    ring_memory += slot.ring.attached() ? slot.ring.capacity() : 0;
    slot.ring.reset();
    for (counter* one : {&slot.dropped_ring_full, &slot.dropped_no_ring, &slot.dropped_after_shutdown, &slot.dropped_no_provider, &slot.discarded_inherited, &slot.misused})
      one->reset();
    slot.dropped_interrupted.store(0, std::memory_order_relaxed);
    if (&slot == this_thread.slot) return;
    slot.scopes_lost.store(0, std::memory_order_relaxed);  // Relaxed, as the next: this thread is alone.
    slot.state.store(slot.ring.attached() ? slot_state::ready : slot_state::empty, std::memory_order_relaxed);
  });
  registry.ring_memory_bytes.store(ring_memory, std::memory_order_relaxed);
  registry.dropped_no_slot.store(0, std::memory_order_relaxed);
  span_memory.reset();
  background.reset();
  registry.forked_at_ticks.store(raw_ticks(), std::memory_order_relaxed);
  registry.forked_at_nanoseconds.store(monotonic_nanoseconds(), std::memory_order_relaxed);
  registry.forks.fetch_add(1, std::memory_order_relaxed);
  if (this_thread.slot != nullptr) this_thread.random.seed();
}

// False where there is no memory for it: the next thread's first span tries again. Shared, as acquire_slot() is: a provider's library hooks, too.
NANOSPAN_DETAIL_SHARED NANOSPAN_DETAIL_COLD inline bool hook_forks() noexcept {
  // Relaxed: whichever thread is first hooks; a fork that another thread makes meanwhile is not its child's first span.
  if (registry.fork_hooked.exchange(true, std::memory_order_relaxed) || ::pthread_atfork(nullptr, nullptr, forget_parent) == 0) return true;
  registry.fork_hooked.store(false, std::memory_order_relaxed);
  return false;
}

// The thread's first span: seeds its ids, finds or makes a slot, hooks the thread's exit. Null without memory or after that exit.
// Shared, so that the hooks are the program's, and not code of a plugin that happened to record first and is then unloaded: fork would
// lose its handler, and the plugin would stay until the thread ends.
NANOSPAN_DETAIL_SHARED NANOSPAN_DETAIL_COLD inline thread_slot* acquire_slot() noexcept {
  if (this_thread.exited) return nullptr;
  errno_kept const as_it_was;
  this_thread.exited = true;  // to a signal handler that interrupts this
  std::atomic_signal_fence(std::memory_order_seq_cst);
  asm volatile("" : : "r"(&hook_forks));  // so that a library finds the program's
  hook_forks();
  thread_slot* slot = reuse_slot();
  if (slot == nullptr) slot = add_slot();
  if (slot != nullptr) this_thread.random.seed();
  this_thread.slot = slot;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  this_thread.exited = false;
  if (slot == nullptr) return nullptr;
  thread_local slot_owner owner;
  owner.exists();
  return slot;
}

}  // namespace detail

/// Does now what a thread's first span would do: seeds its ids, finds or maps its ring (hundreds of microseconds where none is ready),
/// hooks its exit. For threads that must not be late later. False where there is no memory for a ring within the limit. The calling thread.
NANOSPAN_DETAIL_COLD inline bool warm_thread() noexcept {
  auto& thread = detail::this_thread;
  if (detail::is_busy(thread)) return false;
  detail::thread_slot* const slot = thread.slot != nullptr ? thread.slot : detail::acquire_slot();
  detail::busy_thread const in{thread};
  return slot != nullptr && (slot->ring.attached() || detail::attach_ring(*slot));
}

}  // namespace nanospan::inline v0

// ---- nanospan/scope.hpp --------------------------------------------------------------------------------------------------------

// The stack of open scopes: each remembers the context that it replaced and puts it back, if it still finds its own.
// A scope that is closed out of order or on a foreign thread puts nothing back; its thread is told through a count, and from then
// on follows no pointer that it installed before. So misuse costs attributes and wrong parents, counted, and never memory, as long as
// the foreign thread is done before this one goes on; two that use one span at once race, as with any object.

namespace nanospan::inline v0 {
namespace detail {

class scope {
 public:
  scope(scope const&) = delete;
  scope& operator=(scope const&) = delete;

 protected:
  scope() noexcept {}  // open() follows, or nothing
  ~scope() = default;

  // First of all: what is current may not be asked for until open() has made its changes, or settle() has after close(). See busy_thread.
  NANOSPAN_DETAIL_INLINE void hold(thread_block& thread) noexcept { meta_ = mark_busy(thread); }
  // Makes this scope, which holds the thread, its innermost. `thread` is the calling one and has a slot. The trace and the tracestate stay as they
  // are: a child shares its parent's, and where there was no parent nobody will look at them again.
  NANOSPAN_DETAIL_INLINE void open(thread_block& thread, span_id span, context_meta meta) noexcept {
    active_context& current = thread.current;
    home_ = thread.slot;
    span_ = in_register(current.span);
    owner_ = current.owner;
    current.span = in_register(span);
    current.owner = this;
    meta.epoch = lost(*home_);  // NOLINT(clang-analyzer-core.NonNullParamChecker): what acquire_slot() answered, it left in the thread
    unmark_busy(thread, meta);
  }
  // Acts on the thread that closes, which for a suspended task that was dropped need not be the one that opened. False: not ours. Else the
  // thread is held until settle().
  NANOSPAN_DETAIL_INLINE bool close(thread_block& thread) noexcept {
    active_context& current = thread.current;
    // The address alone proves nothing: another thread's scope may have lain there, and been closed elsewhere.
    if (current.owner != this || home_ != thread.slot) [[unlikely]] {
      home_->scopes_lost.fetch_add(1, std::memory_order_relaxed);  // Relaxed: a scope shared by two threads at once is a race anyway.
      NANOSPAN_ASSERT(thread.exited && "nanospan: a scope was closed out of order, or on another thread than its own");
      return false;
    }
    current.meta.as_parent = parent_kind::busy;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    current.span = in_register(span_);
    current.owner = owner_;
    return true;
  }
  NANOSPAN_DETAIL_INLINE void settle(thread_block& thread) const noexcept { unmark_busy(thread, meta_); }

  // `thread` is the calling one.
  bool is_innermost(thread_block const& thread) const noexcept { return thread.current.owner == this && home_ == thread.slot; }
  bool is_at_home(thread_block const& thread) const noexcept { return home_ == thread.slot; }
  // What was current before, but for its ids and state.
  context_meta const& replaced() const noexcept { return meta_; }

 public:
  static std::uint32_t lost(thread_slot const& slot) noexcept { return slot.scopes_lost.load(std::memory_order_relaxed); }
  // Whether what the thread's current context points at still lives.
  static bool trusted(thread_block const& thread) noexcept {
    return thread.slot != nullptr && thread.current.meta.epoch == lost(*thread.slot);
  }

 private:
  // What was current before.
  union {
    span_id span_;
  };
  context_meta meta_;
  void const* owner_;
  thread_slot* home_;
};

}  // namespace detail

/// The calling thread's current context; invalid (all zero) where no span is open. For log lines:
/// `nanospan::current().trace_id().hex().c_str()`. Cost: a copy of 40 bytes.
NANOSPAN_DETAIL_OUT_OF_LINE inline span_context current() noexcept {
  auto& thread = detail::this_thread;
  if (thread.current.state != nullptr && !detail::scope::trusted(thread)) thread.current.state = nullptr;
  return thread.current.share();
}

/// Makes a context the thread's current one for a scope: what starts inside is its child. The way a context crosses threads,
/// tasks and services: copy it by value, open a context_scope where the work goes on. One thread, strictly nested. NANOSPAN_SET and its
/// like do not reach through it to the span that the context came from: that one may be gone, or another thread's.
class context_scope : detail::scope {
 public:
  [[nodiscard("a context_scope without a name ends at once")]] NANOSPAN_DETAIL_OUT_OF_LINE explicit context_scope(span_context context) noexcept : context_{std::move(context)} {
    auto& thread = detail::this_thread;
    opened_ = !detail::is_busy(thread) && (thread.slot != nullptr || detail::acquire_slot() != nullptr);
    if (!opened_) return;
    hold(thread);
    auto& current = thread.current;
    auto const next = detail::active_context::of(context_);
    trace_ = std::exchange(current.trace, next.trace);
    state_ = std::exchange(current.state, next.state);
    open(thread, next.span, next.meta);
  }
  NANOSPAN_DETAIL_OUT_OF_LINE ~context_scope() {
    auto& thread = detail::this_thread;
    if (!opened_ || !close(thread)) return;
    thread.current.trace = trace_;
    thread.current.state = state_;
    settle(thread);
  }

 private:
  span_context context_;
  nanospan::trace_id trace_;  // what was current before
  detail::context_state* state_;
  bool opened_;
};

}  // namespace nanospan::inline v0

// ---- nanospan/detail/trace_headers.hpp -----------------------------------------------------------------------------------------

// The headers that identify a span: W3C's traceparent (Trace Context Level 2) and Zipkin's B3, to and from a context. Any thread.

namespace nanospan::inline v0::detail {

// Lowercase hexadecimal digits as an id; invalid where they are not, or not as many.
template <std::size_t Bytes>
constexpr id<Bytes> id_of_hex(std::string_view digits) noexcept {
  std::array<std::uint8_t, Bytes> bytes{};
  if (digits.size() != 2 * Bytes) return id<Bytes>{};
  unsigned wrong = 0;
  for (std::size_t at = 0; at < Bytes; ++at) {
    unsigned const high = digit_of(digits[2 * at]);
    unsigned const low = digit_of(digits[2 * at + 1]);
    wrong |= high | low;
    bytes[at] = static_cast<std::uint8_t>(high << 4 | (low & 15u));
  }
  return wrong > 15 ? id<Bytes>{} : id<Bytes>{bytes};
}

// A short text without an allocation.
class short_text {
 public:
  static constexpr std::size_t max_bytes = 72;  // the longest is a b3 with everything: 68

  short_text& operator<<(std::string_view more) noexcept {
    for (char const c : more) text_[size_++] = c;
    return *this;
  }
  std::string_view view() const noexcept { return {text_, size_}; }

 private:
  char text_[max_bytes];
  std::size_t size_ = 0;
};

struct traceparent {
  // Invalid for what is none. Of later versions what version 00 has of them ("Versioning of traceparent"). Flags without a meaning are
  // dropped: they must not be sent on ("Other Flags"). Looks at 56 bytes at most, but for blanks.
  static span_context parse(std::string_view text) noexcept {
    text = without_blanks(text);
    if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
    unsigned const version = octet(text.substr(0, 2));
    unsigned const flags = octet(text.substr(53, 2));
    if (version > 0xfe || flags > 0xff) return {};
    if (text.size() != 55 && (version == 0 || text[55] != '-')) return {};
    span_context const context{id_of_hex<16>(text.substr(3, 32)), id_of_hex<8>(text.substr(36, 16)),
                               static_cast<std::uint8_t>(flags & (sampled_flag | random_flag)), true};
    return context.valid() ? context : span_context{};
  }
  // Of a valid one.
  static short_text of(span_context const& context) noexcept {
    char const flags[] = {'0', static_cast<char>('0' + (context.trace_flags() & (sampled_flag | random_flag)))};
    short_text text;
    text << "00-" << context.trace_id().hex() << "-" << context.span_id().hex() << "-" << std::string_view{flags, sizeof flags};
    return text;
  }

 private:
  // 256 and more: none.
  static unsigned octet(std::string_view digits) noexcept {
    unsigned const high = digit_of(digits[0]);
    unsigned const low = digit_of(digits[1]);
    return low > 15 ? 256 : high << 4 | low;
  }
};

// Zipkin, "b3-propagation".
struct b3 {
  enum class sampling : std::uint8_t { defer, deny, accept, debug };
  nanospan::trace_id trace;
  nanospan::span_id span;
  sampling state = sampling::defer;
  bool valid = false;  // ids and state, ids without a state, or a state alone

  // "Single Header": {TraceId}-{SpanId}-{SamplingState}-{ParentSpanId}, the last two optional; or {SamplingState}.
  static b3 parse(std::string_view text) noexcept {
    text = without_blanks(text);
    b3 result;
    if (text.size() == 1) {
      result.valid = result.take_state(text);
      return result;
    }
    std::size_t const at = text.find('-') + 1;  // where the span's id begins
    if (at != 17 && at != 33) return result;
    if (!result.take_ids(text.substr(0, at - 1), text.substr(at, 16))) return result;
    text.remove_prefix(at + 16);
    if (!text.empty()) {
      if (text[0] != '-' || !result.take_state(text.substr(1, 1))) return result;
      text.remove_prefix(2);
      if (!text.empty() && (text[0] != '-' || !id_of_hex<8>(text.substr(1)).valid())) return result;
    }
    result.valid = true;
    return result;
  }
  // "Multiple Headers"; those that are absent are empty.
  struct headers {
    std::string_view trace_id;
    std::string_view span_id;
    std::string_view parent_span_id;
    std::string_view sampled;
    std::string_view flags;
  };
  static b3 parse(headers const& from) noexcept {
    b3 result;
    bool const has_ids = !from.trace_id.empty() || !from.span_id.empty();
    if (is_same_name(from.sampled, "true")) result.state = sampling::accept;  // of tracers before the specification
    else if (is_same_name(from.sampled, "false")) result.state = sampling::deny;
    else if (!from.sampled.empty() && (from.sampled == "d" || !result.take_state(from.sampled))) return result;
    if (from.flags == "1") result.state = sampling::debug;
    if (has_ids && !result.take_ids(from.trace_id, from.span_id)) return result;
    if (!from.parent_span_id.empty() && (!has_ids || !id_of_hex<8>(from.parent_span_id).valid())) return result;
    result.valid = has_ids || result.state != sampling::defer;
    return result;
  }

  // What spans may start in. A decision to sample without ids, and nothing at all, is no parent: a root's sampler decides.
  span_context context() const noexcept {
    if (!valid || !trace.valid()) return {};
    bool const sampled = state == sampling::accept || state == sampling::debug;
    span_context const context{trace, span, sampled ? sampled_flag : std::uint8_t{0}, true};
    return state == sampling::debug ? context.with_state(context_state::make({}, {}, true)) : context;
  }
  static sampling state_of(span_context const& context) noexcept {
    return context.b3_debug() ? sampling::debug : context.sampled() ? sampling::accept : sampling::deny;
  }
  // Of a valid one. No ParentSpanId (OpenTelemetry, "B3 Inject").
  static short_text single(span_context const& context) noexcept {
    short_text text;
    text << context.trace_id().hex() << "-" << context.span_id().hex() << "-";
    text << (state_of(context) == sampling::debug ? "d" : context.sampled() ? "1" : "0");
    return text;
  }

 private:
  bool take_state(std::string_view text) noexcept {
    if (text == "0") state = sampling::deny;
    else if (text == "1") state = sampling::accept;
    else if (text == "d") state = sampling::debug;
    else return false;
    return true;
  }
  bool take_ids(std::string_view trace_digits, std::string_view span_digits) noexcept {
    if (trace_digits.size() == 16) {  // 64 bits: the upper ones are 0
      char digits[32];
      std::memset(digits, '0', 16);
      std::memcpy(digits + 16, trace_digits.data(), 16);
      trace = id_of_hex<16>({digits, sizeof digits});
    } else {
      trace = id_of_hex<16>(trace_digits);
    }
    span = id_of_hex<8>(span_digits);
    return trace.valid() && span.valid();
  }
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/carrier.hpp -----------------------------------------------------------------------------------------------

// What headers can be read from and written to, by what it can do: nobody's type is included for it. Behind two plain structs, so that what
// extract() and inject() do is compiled once.

namespace nanospan::inline v0::detail {

// A map, a multimap, a vector of pairs. Names are looked for in any case, in the whole of it.
template <typename Carrier>
concept pair_carrier = requires(Carrier const& carrier) {
  { carrier.begin()->first } -> std::convertible_to<std::string_view>;
  { carrier.begin()->second } -> std::convertible_to<std::string_view>;
  carrier.end();
};
template <typename Carrier>
concept writable_pair_carrier = pair_carrier<Carrier> && requires(Carrier& carrier) {
  carrier.erase(carrier.begin());
  requires requires { carrier.emplace_back("", std::string_view{}); } || requires { carrier.emplace("", std::string_view{}); };
};
// Boost.Beast's fields, with whichever string_view they use.
template <typename Carrier>
concept field_carrier = requires(Carrier& carrier, Carrier const& read) {
  read.equal_range("").first->value().data();
  carrier.set("", read.equal_range("").first->value());
  carrier.erase("");
};
template <typename Function>
concept setter = std::is_invocable_v<Function&, std::string_view, std::string_view>;
template <typename Function>
concept getter = std::is_invocable_v<Function&, std::string_view>;

template <typename Carrier>
concept readable_carrier = pair_carrier<Carrier> || field_carrier<Carrier> || getter<Carrier const>;
template <typename Carrier>
concept writable_carrier = writable_pair_carrier<std::remove_cvref_t<Carrier>> || field_carrier<std::remove_cvref_t<Carrier>> || setter<Carrier>;

// What a getter returns: text, an optional one, or a range of them.
template <typename Answer, typename Visit>
void visit_answer(Answer const& answer, Visit& visit) {
  if constexpr (std::is_pointer_v<Answer>) {
    if (answer != nullptr) visit(std::string_view{answer});
  } else if constexpr (std::is_convertible_v<Answer const&, std::string_view>) {
    if (std::string_view const text = answer; !text.empty()) visit(text);
  } else if constexpr (requires { answer.begin(); }) {
    for (auto const& one : answer) visit_answer(one, visit);
  } else {
    if (answer) visit_answer(*answer, visit);
  }
}

struct header_source {
  void const* carrier;
  void (*read)(void const* carrier, std::string_view name, void* to, void (*visit)(void* to, std::string_view value));

  // Calls visit(value) for each header of the name, in their order.
  template <typename Visit>
  void for_each(std::string_view name, Visit&& visit) const {
    read(carrier, name, &visit, [](void* to, std::string_view value) { (*static_cast<std::remove_reference_t<Visit>*>(to))(value); });
  }
};

template <typename Carrier>
header_source source_of(Carrier const& from) noexcept {
  return {&from, [](void const* carrier, std::string_view name, void* to, void (*visit)(void*, std::string_view)) {
    auto const& headers = *static_cast<Carrier const*>(carrier);
    if constexpr (field_carrier<Carrier>) {
      auto const all = headers.equal_range({name.data(), name.size()});
      for (auto at = all.first; at != all.second; ++at) visit(to, std::string_view{at->value().data(), at->value().size()});
    } else if constexpr (pair_carrier<Carrier>) {
      for (auto const& one : headers)
        if (is_same_name(one.first, name)) visit(to, one.second);
    } else {
      auto const each = [&](std::string_view value) { visit(to, value); };
      visit_answer(headers(name), each);
    }
  }};
}

struct header_sink {
  void* carrier;
  void (*write)(void* carrier, char const* name, std::string_view const* value);  // null: there is to be none

  void set(char const* name, std::string_view value) const { write(carrier, name, &value); }
  void erase(char const* name) const { write(carrier, name, nullptr); }
};

template <typename Carrier>
header_sink sink_of(Carrier& to) noexcept {
  return {const_cast<void*>(static_cast<void const*>(&to)), [](void* carrier, char const* name, std::string_view const* value) {
    auto& headers = *static_cast<Carrier*>(carrier);
    if constexpr (field_carrier<Carrier>) {
      using view = std::remove_cvref_t<decltype(headers.equal_range("").first->value())>;
      if (value != nullptr) headers.set(name, view{value->data(), value->size()});
      else headers.erase(name);
    } else if constexpr (writable_pair_carrier<Carrier>) {
      // Whatever the case of their letters: two of one name would be one too many for the receiver.
      for (auto at = headers.begin(); at != headers.end();) {
        if (is_same_name(at->first, name)) at = headers.erase(at);
        else ++at;
      }
      if (value == nullptr) return;
      if constexpr (requires { headers.emplace_back(name, *value); }) headers.emplace_back(name, *value);
      else headers.emplace(name, *value);
    } else {
      if (value != nullptr) headers(std::string_view{name}, *value);
    }
  }};
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/propagation.hpp --------------------------------------------------------------------------------------------------

// How a context travels from one process to another: inject() writes it into the headers of what is sent, extract() reads it from those of
// what has come. W3C Trace Context Level 2, W3C Baggage, B3. Any thread, no lock. Malformed headers are as if they were not there.

namespace nanospan::inline v0 {

/// The formats (OpenTelemetry, "Propagators Distribution"): traceparent and tracestate; baggage; the header b3; the headers x-b3-….
enum class propagator : std::uint8_t { tracecontext = 1, baggage = 2, b3 = 4, b3multi = 8 };

/// A set of them: `propagator::tracecontext | propagator::b3`. Without a value it stands for the process's.
class propagator_set {
 public:
  constexpr propagator_set() noexcept = default;
  constexpr explicit(false) propagator_set(propagator one) noexcept : bits_{static_cast<std::uint8_t>(chosen | static_cast<unsigned>(one))} {}
  /// No format: nothing is injected, nothing extracted.
  static constexpr propagator_set none() noexcept { return of_bits(chosen); }

  constexpr bool contains(propagator one) const noexcept { return (bits_ & static_cast<unsigned>(one)) != 0; }
  /// False: the process's.
  constexpr bool is_chosen() const noexcept { return (bits_ & chosen) != 0; }
  constexpr std::uint8_t bits() const noexcept { return bits_; }
  static constexpr propagator_set of_bits(std::uint8_t bits) noexcept {
    propagator_set set;
    set.bits_ = bits;
    return set;
  }
  friend constexpr propagator_set operator|(propagator_set a, propagator_set b) noexcept { return of_bits(a.bits_ | b.bits_); }
  friend constexpr bool operator==(propagator_set, propagator_set) noexcept = default;

 private:
  static constexpr std::uint8_t chosen = 0x80;
  std::uint8_t bits_ = 0;
};
constexpr propagator_set operator|(propagator a, propagator b) noexcept { return propagator_set{a} | propagator_set{b}; }

namespace detail {

inline constexpr propagator_set default_propagators = propagator::tracecontext | propagator::baggage;
// The process's, which a provider sets. Before and without one they are the standard's default for SDKs, not its API's "no-op": a program that
// records nothing still passes on what it was given, for otherwise the traces of those around it break, and nothing says why.
NANOSPAN_DETAIL_SHARED inline constinit std::atomic<std::uint8_t> global_propagators{default_propagators.bits()};

inline propagator_set or_global(propagator_set set) noexcept {
  if (set.is_chosen()) return set;
  return propagator_set::of_bits(global_propagators.load(std::memory_order_relaxed));  // Relaxed: it orders nothing.
}

// ---- extract

// The first value of a header, copied; empty where it is longer than any valid one.
struct first_value {
  short_text text;
  std::size_t count = 0;
  void operator()(std::string_view value) noexcept {
    value = without_blanks(value);
    if (count++ == 0 && value.size() <= short_text::max_bytes) text << value;
  }
};

inline span_context extract_tracecontext(header_source const& from) {
  span_context parent;
  std::size_t parents = 0;
  from.for_each("traceparent", [&](std::string_view value) {
    if (parents++ == 0) parent = traceparent::parse(value);
  });
  if (parents != 1 || !parent.valid()) return {};  // several: which one is meant nobody knows, so the trace starts anew
  text_buffer header{max_tracestate_header_bytes};
  bool whole = true;
  from.for_each("tracestate", [&](std::string_view value) { whole = whole && header.append_value(value); });
  tracestate_list list;
  if (!whole || header.view().empty() || !list.parse(header.view())) return parent;  // the parent holds, whatever that is
  text_buffer text{max_tracestate_header_bytes};
  list.write(text);
  return parent.with_tracestate(text.view());
}

inline span_context extract_b3(header_source const& from) {
  auto const value_of = [&](std::string_view name) {
    first_value first;  // "the first value wins"
    from.for_each(name, first);
    return first.text;
  };
  b3 read = b3::parse(value_of("b3").view());
  if (!read.valid) {
    short_text const trace = value_of("x-b3-traceid");
    short_text const span = value_of("x-b3-spanid");
    short_text const parent = value_of("x-b3-parentspanid");
    short_text const sampled = value_of("x-b3-sampled");
    short_text const flags = value_of("x-b3-flags");
    read = b3::parse({trace.view(), span.view(), parent.view(), sampled.view(), flags.view()});
  }
  if (read.valid && read.state == b3::sampling::deny && !read.trace.valid()) {
    // "Deny: don't sample", and no ids: of our own making, as a root that is not sampled has them, so that what starts here follows.
    auto& thread = this_thread;
    if (thread.slot == nullptr && acquire_slot() == nullptr) return {};
    read.trace = thread.random.next_trace_id();
    read.span = thread.random.next_span_id();
  }
  return read.context();
}

// As much as may be looked at, whole members only.
inline void append_baggage(text_buffer& header, std::string_view value) noexcept {
  std::size_t const room = header.room() - (header.room() != 0 ? 1 : 0);
  if (value.size() > room) {
    std::size_t const comma = value.substr(0, room).rfind(',');
    value = value.substr(0, comma != std::string_view::npos ? comma : 0);
  }
  header.append_value(value);
}

// NOLINTBEGIN(clang-analyzer-unix.Malloc): what is returned owns the block
inline span_context with_extracted_baggage(span_context const& context, header_source const& from) {
  text_buffer header{max_baggage_header_bytes};
  from.for_each("baggage", [&](std::string_view value) { append_baggage(header, value); });
  if (header.view().empty()) return context;
  baggage_list list;
  list.parse(header.view());
  text_buffer text{max_baggage_bytes};
  list.write(text);
  if (text.view().empty()) return context;
  return context.with_baggage(text.view());
}

inline span_context extract_from(header_source const& from, propagator_set set) {
  set = or_global(set);
  span_context context;
  if (set.contains(propagator::tracecontext)) context = extract_tracecontext(from);
  if (!context.valid() && (set.contains(propagator::b3) || set.contains(propagator::b3multi))) context = extract_b3(from);
  return set.contains(propagator::baggage) ? with_extracted_baggage(context, from) : context;
}
// NOLINTEND(clang-analyzer-unix.Malloc)

// ---- inject: whatever a context was made of, only what the standard allows is sent.

inline void inject_tracecontext(span_context const& context, header_sink const& to) {
  to.set("traceparent", traceparent::of(context).view());
  text_buffer text{max_sent_tracestate_bytes};
  if (tracestate_list list; !context.tracestate().empty() && list.parse(context.tracestate())) {
    list.truncate(max_sent_tracestate_bytes);
    list.write(text);
  }
  if (text.view().empty()) to.erase("tracestate");  // one that is there belongs to another traceparent
  else to.set("tracestate", text.view());
}

inline void inject_b3multi(span_context const& context, header_sink const& to) {
  bool const debug = b3::state_of(context) == b3::sampling::debug;
  to.set("x-b3-traceid", context.trace_id().hex());
  to.set("x-b3-spanid", context.span_id().hex());
  to.set(debug ? "x-b3-flags" : "x-b3-sampled", debug || context.sampled() ? "1" : "0");
  to.erase(debug ? "x-b3-sampled" : "x-b3-flags");
  to.erase("x-b3-parentspanid");
}

inline void inject_baggage(span_context const& context, header_sink const& to) {
  if (context.baggage().empty()) return;
  baggage_list list;
  list.parse(context.baggage());
  text_buffer text{max_baggage_bytes};
  list.write(text);
  if (!text.view().empty()) to.set("baggage", text.view());
}

inline void inject_into(span_context const& context, header_sink const& to, propagator_set set) {
  set = or_global(set);
  if (context.valid()) {
    if (set.contains(propagator::tracecontext)) inject_tracecontext(context, to);
    if (set.contains(propagator::b3)) to.set("b3", b3::single(context).view());
    if (set.contains(propagator::b3multi)) inject_b3multi(context, to);
  }
  if (set.contains(propagator::baggage)) inject_baggage(context, to);
}

}  // namespace detail

/// Writes a context into a carrier, over what it has of these headers: a map or multimap of strings, a vector of pairs of them, Boost.Beast's
/// fields, or a function that is called with the name and the value, both std::string_view. Without a trace only baggage is written. The headers
/// take at most 55, 512 (tracestate, cut by whole members) and 8192 bytes (baggage). Takes 4 KiB of stack. Throws what the carrier throws.
template <typename Carrier>
  requires detail::writable_carrier<Carrier>
void inject(span_context const& context, Carrier&& into, propagator_set formats = {}) {
  detail::inject_into(context, detail::sink_of(into), formats);
}
/// The same with the thread's current context.
template <typename Carrier>
  requires detail::writable_carrier<Carrier>
void inject(Carrier&& into, propagator_set formats = {}) {
  detail::inject_into(current(), detail::sink_of(into), formats);
}

/// Reads a context from a carrier: those of inject(), or a function that is called with a name, std::string_view, and returns the value as text,
/// an optional one, or a range of several. The first that is valid counts, traceparent before b3 before x-b3-…; baggage beside it, or alone. Invalid
/// where there is none: what starts in it is a root. A context_scope makes it the parent of what follows.
/// Looks at 32 KiB of tracestate and 16 KiB of baggage at most, in linear time, and takes 6 KiB of stack. Never throws, but for what a
/// function throws that was given; without memory tracestate and baggage are missing.
template <typename Carrier>
  requires detail::readable_carrier<Carrier>
span_context extract(Carrier const& from, propagator_set formats = {}) {
  return detail::extract_from(detail::source_of(from), formats);
}

}  // namespace nanospan::inline v0

// ---- nanospan/sampler.hpp ------------------------------------------------------------------------------------------------------

// Head sampling: whether a span that starts now is recorded. A sampler that decides by the parent alone is reduced to a plan, two
// bits for each kind of parent, so that recording asks nobody; any other is asked, on the thread that starts the span.

namespace nanospan::inline v0 {

/// record_only: recorded and shown to the hook on ended spans, but neither exported nor sampled to those who see its context.
enum class sampling_decision : std::uint8_t { drop = 1, record_and_sample = 2, record_only = 3 };

/// What a sampler may look at (OpenTelemetry, "ShouldSample"). Valid during the call.
struct sampling_parameters {
  span_context const& parent;  // invalid for a root
  nanospan::trace_id trace_id;
  std::string_view span_name;
  span_kind kind;
  attributes_view attributes = {};  // those that it is created with; of a macro for a sampler that needs_attributes() only
  links_view links = {};            // those that it is created with
};

/// What a sampler answers: a decision, and perhaps attributes for the span and a tracestate for its context.
class sampling_result {
 public:
  static constexpr std::size_t max_attributes = 4;

  explicit(false) sampling_result(sampling_decision decision) noexcept : decision_{decision} {}
  sampling_result(sampling_result const& other) noexcept
      : decision_{other.decision_}, replaces_tracestate_{other.replaces_tracestate_}, attribute_count_{other.attribute_count_}, tracestate_{other.tracestate_} {
    for (std::size_t at = 0; at < attribute_count_; ++at) attributes_[at] = other.attributes_[at];
  }
  sampling_result& operator=(sampling_result const&) = delete;
  ~sampling_result() = default;

  /// Adds an attribute to the span, if it is recorded. A key that is no literal, and text, must live as long as the sampler. One over max_attributes
  /// is left out.
  sampling_result& with(attribute const& one) noexcept {
    if (attribute_count_ < max_attributes) attributes_[attribute_count_++] = one;
    return *this;
  }
  /// Copies the tracestate that the span's context has, recorded or not; an empty one clears the parent's. Without a word it keeps that.
  sampling_result& with_tracestate(std::string_view tracestate) noexcept {
    tracestate_ = {{}, {}, 0, false, tracestate};
    replaces_tracestate_ = true;
    return *this;
  }
  /// The same with another decision, for a sampler that corrects another's.
  sampling_result& decide(sampling_decision decision) noexcept {
    decision_ = decision;
    return *this;
  }

  sampling_decision decision() const noexcept { return decision_; }
  std::size_t attribute_count() const noexcept { return attribute_count_; }
  /// The n-th, from 0.
  attribute const& attribute_at(std::size_t n) const noexcept { return attributes_[n]; }
  bool replaces_tracestate() const noexcept { return replaces_tracestate_; }
  std::string_view tracestate() const noexcept { return tracestate_.tracestate(); }

 private:
  sampling_decision decision_;
  bool replaces_tracestate_ = false;
  std::size_t attribute_count_ = 0;
  span_context tracestate_;  // which a context owns
  union {
    attribute attributes_[max_attributes];  // uninitialised until used
  };
};

namespace detail {

// What each kind of parent leads to, two bits each: 0 = ask the sampler, else drop or record_and_sample. Who records only is asked: with three
// answers every root would take two instructions more.
struct sampling_plan {
  static constexpr std::uint32_t all_bits = 0b11'11'11'11'11'00u;
  std::uint32_t bits = 0;

  static constexpr sampling_plan always(sampling_decision decision) noexcept {
    return {static_cast<std::uint32_t>(decision) * 0b01'01'01'01'01'00u};
  }
  constexpr std::uint32_t operator[](parent_kind parent) const noexcept { return (bits >> static_cast<std::uint32_t>(parent)) & 3u; }
  constexpr void take(parent_kind parent, sampling_plan from) noexcept { bits |= from[parent] << static_cast<std::uint32_t>(parent); }
};

}  // namespace detail

/// Decides about spans that start. Any thread, many at once; must not block: it runs where the span starts.
class NANOSPAN_DETAIL_SHARED sampler {
 public:
  virtual ~sampler() = default;
  /// A decision alone is a result.
  virtual sampling_result should_sample(sampling_parameters const& parameters) const noexcept = 0;
  /// True: the attributes of a macro are evaluated before this is asked, and thrown away if it says drop. Otherwise it is asked first, and sees none.
  virtual bool needs_attributes() const noexcept { return false; }
  /// As OpenTelemetry spells it, for logs: "AlwaysOnSampler".
  virtual std::string description() const = 0;
  /// For samplers that need not be asked; everybody else leaves it alone.
  virtual detail::sampling_plan plan() const noexcept { return {}; }
};

class always_on_sampler final : public sampler {
 public:
  sampling_result should_sample(sampling_parameters const&) const noexcept override { return sampling_decision::record_and_sample; }
  std::string description() const override { return "AlwaysOnSampler"; }
  detail::sampling_plan plan() const noexcept override { return detail::sampling_plan::always(sampling_decision::record_and_sample); }
};

class always_off_sampler final : public sampler {
 public:
  sampling_result should_sample(sampling_parameters const&) const noexcept override { return sampling_decision::drop; }
  std::string description() const override { return "AlwaysOffSampler"; }
  detail::sampling_plan plan() const noexcept override { return detail::sampling_plan::always(sampling_decision::drop); }
};

/// A sampler for each kind of parent; null means the default, always on without a parent or under a sampled one, else always off.
struct parent_based_slots {
  shared<sampler const> root = {};
  shared<sampler const> remote_parent_sampled = {};
  shared<sampler const> remote_parent_not_sampled = {};
  shared<sampler const> local_parent_sampled = {};
  shared<sampler const> local_parent_not_sampled = {};
};

/// Follows the parent's decision; asks `root` where there is none (OpenTelemetry, "ParentBased").
class parent_based_sampler final : public sampler {
 public:
  explicit parent_based_sampler(parent_based_slots by_parent = {}) : slots_{std::move(by_parent)} {
    default_to<always_on_sampler>(slots_.root, slots_.remote_parent_sampled, slots_.local_parent_sampled);
    default_to<always_off_sampler>(slots_.remote_parent_not_sampled, slots_.local_parent_not_sampled);
  }
  sampling_result should_sample(sampling_parameters const& parameters) const noexcept override {
    span_context const& parent = parameters.parent;
    auto const& chosen = !parent.valid()   ? slots_.root
                         : parent.remote() ? (parent.sampled() ? slots_.remote_parent_sampled : slots_.remote_parent_not_sampled)
                                           : (parent.sampled() ? slots_.local_parent_sampled : slots_.local_parent_not_sampled);
    return chosen->should_sample(parameters);
  }
  bool needs_attributes() const noexcept override {
    return slots_.root->needs_attributes() || slots_.remote_parent_sampled->needs_attributes() || slots_.remote_parent_not_sampled->needs_attributes() ||
           slots_.local_parent_sampled->needs_attributes() || slots_.local_parent_not_sampled->needs_attributes();
  }
  std::string description() const override {
    return "ParentBased{root:" + slots_.root->description() + ",remoteParentSampled:" + slots_.remote_parent_sampled->description() +
           ",remoteParentNotSampled:" + slots_.remote_parent_not_sampled->description() +
           ",localParentSampled:" + slots_.local_parent_sampled->description() +
           ",localParentNotSampled:" + slots_.local_parent_not_sampled->description() + "}";
  }
  detail::sampling_plan plan() const noexcept override {
    detail::sampling_plan plan;
    plan.take(detail::parent_kind::none, slots_.root->plan());
    plan.take(detail::parent_kind::remote_sampled, slots_.remote_parent_sampled->plan());
    plan.take(detail::parent_kind::remote_not_sampled, slots_.remote_parent_not_sampled->plan());
    plan.take(detail::parent_kind::local_sampled, slots_.local_parent_sampled->plan());
    plan.take(detail::parent_kind::local_not_sampled, slots_.local_parent_not_sampled->plan());
    return plan;
  }

 private:
  template <typename Default, typename... Slot>
  static void default_to(Slot&... slot) {
    ((slot = slot ? std::move(slot) : shared<sampler const>::make<Default>()), ...);
  }
  parent_based_slots slots_;
};

namespace detail {

// What a starting span needs to know of the provider, in one word: the plan's twelve bits and these.
inline constexpr std::uint32_t recording_on = 1u << 16;         // a provider lives
inline constexpr std::uint32_t recording_over = 1u << 17;       // there was one
inline constexpr std::uint32_t recording_disabled = 1u << 19;   // the environment says that there is nothing to record
inline constexpr std::uint32_t recording_monotonic = 1u << 18;  // the processor's counter is not to be trusted
inline constexpr std::uint32_t recording_baggage = 1u << 20;    // records carry the baggage: options.baggage_attributes
inline constexpr std::uint32_t recording_forked = 1u << 22;     // in a child: the parent had a provider, and the first span starts one here
inline constexpr std::uint32_t recording_exceptions = 1u << 21;  // scopes ask whether an exception left them: options.error_on_exception

struct recording_state {
  std::atomic<std::uint32_t> word{0};
  std::atomic<sampler const*> asked{nullptr};  // the provider's sampler; set before the word says so, lives on after it
  std::atomic<id_generator const*> ids{nullptr};  // the user's, if any: as the sampler
  std::atomic<void (*)() noexcept> start_in_child{nullptr};  // the provider's: leaves the word saying what became of it
};
NANOSPAN_DETAIL_SHARED inline constinit recording_state recording{};

}  // namespace detail
}  // namespace nanospan::inline v0

// ---- nanospan/span_recorder.hpp ------------------------------------------------------------------------------------------------

// The record in the making, which every kind of span is: how it starts, what it is told, how it is handed over to its thread's ring.
// Caller's thread, noexcept, no lock, no system call. A span with over 256 bytes of entries takes one heap block.

#if defined(__GXX_RTTI)
#include <typeinfo>
#endif

namespace nanospan::inline v0 {

class span_recorder;

namespace detail {
template <typename Happen>
class innermost_addition;
struct thrown;

// Null without RTTI. In each file as that is compiled.
NANOSPAN_DETAIL_INLINE char const* type_name([[maybe_unused]] std::exception const& what) noexcept {
#if defined(__GXX_RTTI)
  return typeid(what).name();
#else
  return nullptr;
#endif
}
}  // namespace detail

/// An event or a link just added; takes its attributes while it is the last thing that its span was told.
class event_attributes : public detail::attribute_setters<event_attributes> {
 private:
  friend class span_recorder;
  template <typename>
  friend class detail::innermost_addition;
  friend class detail::attribute_setters<event_attributes>;
  event_attributes() noexcept = default;
  event_attributes(span_recorder* of, std::uint32_t offset) noexcept : span_{of}, offset_{offset} {}
  template <typename... Attribute>
  void add_all(Attribute const&... each) noexcept {
    (add(each), ...);
  }
  inline void add(attribute const& one) noexcept;

  span_recorder* span_ = nullptr;  // null: not recorded
  std::uint32_t offset_ = 0;
};

/// What scoped_span and span share: the record in the making. A span belongs to one thread at a time.
class span_recorder : public detail::attribute_setters<span_recorder> {
 public:
  span_recorder(span_recorder const&) = delete;
  span_recorder& operator=(span_recorder const&) = delete;

  /// False for a span that is not sampled, has ended, or has no provider: setters do nothing then.
  bool recording() const noexcept { return entries_.phase >= detail::entry_buffer::span_phase::open; }
  /// This span's context, to propagate and to start children from; also of an unsampled or ended span. Invalid without a provider.
  NANOSPAN_DETAIL_OUT_OF_LINE span_context context() const noexcept {
    if (entries_.phase == phase::absent) return current();  // the parent's passes through unchanged
    bool const remote = entries_.phase == phase::passing && (header_.meta.flags & detail::parent_is_remote) != 0;
    detail::context_meta const meta{0, header_.meta.trace_flags, remote, false, {}};
    return detail::active_context{header_.trace, header_.span, meta, entries_.has_state() ? state_ : nullptr, nullptr}.share();
  }

  /// Adds an event, now, or at the moment said. Attributes go on what it returns: `span.event("retry").set({"attempt", 2})`.
  event_attributes event(literal name, timestamp at = {}) noexcept { return event_named({name.data(), name.size()}, false, at); }
  event_attributes event(copied name, timestamp at = {}) noexcept { return event_named(name.text, true, at); }
  /// Adds an event "exception" with exception.type (demangled on the background thread; left out without RTTI) and exception.message. What is set on it
  /// wins over these. Says nothing about the span's status (OpenTelemetry, "Record Exception"): `span.record_exception(e); span.error(e.what());`.
  NANOSPAN_DETAIL_INLINE event_attributes record_exception(std::exception const& what) noexcept { return exception_named(detail::type_name(what), what.what()); }
  /// Adds a link: a span that this one has to do with, without being its child. Attributes go on what it returns. Better said at the start (see start_options),
  /// where a sampler sees it. One to an invalid context is kept where it has attributes or a tracestate.
  NANOSPAN_DETAIL_OUT_OF_LINE event_attributes link(span_context const& to) noexcept {
    if (!recording()) return {nullptr, 0};
    std::uint32_t const offset = entries_.size();
    if (!entries_.append_link(to)) return {nullptr, 0};
    return {this, offset};
  }
  /// Replaces the name.
  void update_name(literal name) noexcept { rename({name.data(), name.size(), detail::entry_type::name, false}); }
  void update_name(copied name) noexcept { rename({name.text.data(), static_cast<std::uint16_t>(name.text.size()), detail::entry_type::name, true}); }
  /// Sets status Error with a description, cut where the span is full; the last one wins, but none after ok() (OpenTelemetry, "Set Status").
  NANOSPAN_DETAIL_OUT_OF_LINE void error(std::string_view description = {}) noexcept {
    if (!recording()) return;
    if (header_.meta.status == static_cast<std::uint8_t>(detail::status_code::ok)) return;
    set_status(detail::status_code::error);
    entries_.append_text(detail::entry_type::status, description);
  }
  void error(char const* description) noexcept { error(description != nullptr ? std::string_view{description} : std::string_view{}); }
  /// Sets status Ok, for good: whoever says so knows better than what reported errors before, or will. Leave a span that went well alone: it is Unset.
  NANOSPAN_DETAIL_OUT_OF_LINE void ok() noexcept {
    if (recording()) set_status(detail::status_code::ok);
  }

 protected:
  using phase = detail::entry_buffer::span_phase;

  span_recorder() noexcept {}  // leaves the header uninitialised: start() or pass_through() follows, or entries_.phase says so
  ~span_recorder() = default;

  // What a span is born with: its site, or a name and a kind.
  struct birth {
    detail::site const* from;
    char const* name;
    std::uint16_t name_size;
    bool name_is_copied;
    span_kind kind;
  };

  // A child that is not recorded: an id to propagate, and no more. `thread` has a slot.
  NANOSPAN_DETAIL_INLINE void start_not_sampled(detail::thread_block& thread, std::uint8_t parent_flags) noexcept {
    header_.span = detail::in_register(thread.random.next_span_id());
    header_.meta.trace_flags = static_cast<std::uint8_t>(parent_flags & ~sampled_flag);
    set_phase(phase::not_sampled);
  }
  // One that is: the record's header is filled in but for the times, the entries are empty.
  NANOSPAN_DETAIL_INLINE void start_sampled(detail::thread_block& thread, std::uint32_t word, birth const& as,
                                            detail::context_meta parent_meta, span_id parent) noexcept {
    bool const monotonic = (word & detail::recording_monotonic) != 0;
    header_.span = detail::in_register(thread.random.next_span_id());
    header_.meta = detail::in_register(detail::record_meta{
        0, as.kind, static_cast<std::uint8_t>((monotonic ? detail::monotonic_ticks : 0) | (parent_meta.remote ? detail::parent_is_remote : 0)),
        static_cast<std::uint8_t>(parent_meta.flags | sampled_flag), 0});
    set_phase(phase::open);
    header_.from = as.from;
    header_.parent = parent;
  }
  // The whole of it, for any parent: the way of roots, remote parents, and names without a site. False: the plan does not say, start_as_asked() does.
  NANOSPAN_DETAIL_INLINE bool start_by_plan(detail::thread_block& thread, std::uint32_t word, birth const& as, detail::active_context const& parent,
                                            start_options const* with = nullptr) noexcept {
    bool const has_parent = parent.valid();
    header_.trace = has_parent ? parent.trace : thread.random.next_trace_id();
    detail::context_meta meta = parent.meta;
    if (!has_parent) meta = {0, random_flag, false, false, {}};
    auto const as_parent = has_parent ? detail::kind_of_parent(meta.flags, meta.remote) : detail::parent_kind::none;
    if (with != nullptr) {  // before the sampler is asked, which may look at them
      entries_.start();
      add_name(as);
      entries_.add_all(*with);
    }
    auto const decision = static_cast<sampling_decision>(detail::sampling_plan{word}[as_parent]);
    if (decision == sampling_decision{}) [[unlikely]]
      return false;
    if (decision == sampling_decision::record_and_sample) {
      start_sampled(thread, word, as, meta, parent.span);
      if (with == nullptr) entries_.start();
    } else {
      if (with != nullptr) entries_.discard();
      start_not_sampled(thread, meta.flags);
    }
    if (parent.state != nullptr) share_state(parent.state);  // of a context without a trace, too
    return true;
  }
  // The rest of it, where there is a sampler to ask. The trace's id is there, and what the user says besides, if anything.
  NANOSPAN_DETAIL_COLD void start_as_asked(detail::thread_block& thread, std::uint32_t word, birth const& as, detail::active_context const& parent,
                                           start_options const* with = nullptr) noexcept {
    detail::context_meta parent_meta = parent.valid() ? parent.meta : detail::context_meta{0, random_flag, false, false, {}};
    if (with == nullptr) entries_.start();
    // Acquire: pairs with the release of the provider, as in who_is_asked().
    id_generator const* const ids = detail::recording.ids.load(std::memory_order_acquire);
    if (ids != nullptr && !parent.valid()) {
      if (auto const trace = ids->next_trace_id(); trace.valid()) header_.trace = trace;
      if (!ids->makes_random_trace_ids()) parent_meta.flags = 0;
    }
    sampler const* const asked = who_is_asked();
    bool const undecided = as.from != nullptr && (as.from->flags & detail::attributes_follow) != 0 && asked != nullptr && asked->needs_attributes();
    sampling_result const result = undecided ? sampling_result{sampling_decision::record_only} : ask(asked, as, parent);
    if (result.decision() == sampling_decision::drop) {
      entries_.discard();
      start_not_sampled(thread, parent_meta.flags);
    } else {
      start_sampled(thread, word, as, parent_meta, parent.span);
    }
    if (ids != nullptr)
      if (auto const span = ids->next_span_id(); span.valid()) header_.span = span;
    heed(result, parent.state, {thread.current.trace, thread.current.state});
    if (with == nullptr && as.from == nullptr && recording()) add_name(as);
    if (undecided) entries_.phase = phase::undecided;
  }
  // Either, with what the user says besides; then the clock.
  NANOSPAN_DETAIL_OUT_OF_LINE void start_as_said(detail::thread_block& thread, std::uint32_t word, birth const& as, detail::active_context const& parent,
                                                 start_options const& with) noexcept {
    if (!start_by_plan(thread, word, as, parent, &with)) start_as_asked(thread, word, as, parent, &with);
    if (!recording()) return;
    if (!with.start) return start_clock(word);
    header_.start_ticks = with.start.unix_nanoseconds();
    add_flag(detail::unix_start | detail::forks_flags(detail::registry.forks.load(std::memory_order_relaxed)));  // Relaxed: written in a fork only.
  }
  NANOSPAN_DETAIL_COLD void add_name(birth const& as) noexcept { entries_.append_keyed({as.name, as.name_size, detail::entry_type::name, as.name_is_copied}, 0); }
  // A span that never starts, for want of a provider or a slot, but knows what would have been its parent.
  void pass_through(detail::active_context const& parent) noexcept {
    header_.trace = parent.trace;
    header_.span = parent.span;
    header_.meta = {0, {}, static_cast<std::uint8_t>(parent.meta.remote ? detail::parent_is_remote : 0), parent.meta.flags, 0};
    set_phase(phase::passing);
    share_state(parent.state);
  }
  NANOSPAN_DETAIL_INLINE void set_phase(phase now) noexcept {
    entries_.phase = now;
    entries_.state = detail::entry_buffer::state_kind::none;
  }
  void share_state(detail::context_state* state) noexcept {
    entries_.state = state != nullptr ? detail::entry_buffer::state_kind::outer : detail::entry_buffer::state_kind::none;
    state_ = detail::context_state::share(state);
  }
  NANOSPAN_DETAIL_INLINE void start_clock(std::uint32_t word) noexcept {
    header_.start_ticks = detail::read_clock((word & detail::recording_monotonic) != 0);
  }
  detail::record_header& header() noexcept { return header_; }
  void add_flag(unsigned flags) noexcept {
    detail::record_meta meta = detail::in_register(header_.meta);  // whole: see record_meta
    meta.flags = static_cast<std::uint8_t>(meta.flags | flags);
    header_.meta = detail::in_register(meta);
  }
  // Ends the span: after it nothing is recorded. Ticks are read by the caller, first of all.
  NANOSPAN_DETAIL_INLINE void finish(detail::thread_block& thread, std::uint64_t end_ticks) noexcept {
    header_.end_ticks = end_ticks;
    if (!entries_.plain() || entries_.has_state()) [[unlikely]]
      return finish_slowly(thread);
    entries_.phase = phase::ended;
    hand_over(thread, entries_.bytes(), entries_.size());
  }
  std::uint64_t end_ticks() const noexcept { return detail::read_clock((header_.meta.flags & detail::monotonic_ticks) != 0); }
  void release_state() noexcept {
    if (entries_.has_state()) [[unlikely]] {
      entries_.state = detail::entry_buffer::state_kind::none;
      detail::context_state::release(state_);
    }
  }
  void take(span_recorder& other) noexcept {
    std::memcpy(static_cast<void*>(&header_), &other.header_, sizeof header_);
    entries_.state = std::exchange(other.entries_.state, detail::entry_buffer::state_kind::none);
    if (entries_.has_state()) state_ = other.state_;
    entries_.phase = std::exchange(other.entries_.phase, phase::ended);
    if (recording()) entries_.take(other.entries_);
  }

  // What recording does when there is no provider: counts, on the thread if it can. True in a forked child, whose provider starts now, with
  // the span that asks.
  static bool begins_anyway(detail::thread_block& thread, std::uint32_t& word) noexcept {
    detail::thread_slot* const slot = thread.slot;
    if (slot == nullptr || word != 0) [[unlikely]]
      return begins_slowly(word);
    slot->dropped_no_provider.add(1);
    return false;
  }
  // In a signal handler that interrupted the thread while it recorded. Relaxed, both: read for reporting only; a handler may be interrupted, too.
  NANOSPAN_DETAIL_COLD static bool count_interrupted(detail::thread_block const& thread) noexcept {
    if (thread.slot != nullptr) thread.slot->dropped_interrupted.fetch_add(1, std::memory_order_relaxed);
    else count_no_slot();
    return false;
  }
  // One that began elsewhere, and is ended there.
  NANOSPAN_DETAIL_COLD void lose_interrupted(detail::thread_block const& thread) noexcept {
    count_interrupted(thread);
    if (entries_.phase == phase::open) entries_.discard();
    entries_.phase = phase::ended;
  }
  static bool has_slot(detail::thread_block const& thread) noexcept {
    if (thread.slot != nullptr || detail::acquire_slot() != nullptr) [[likely]]
      return true;
    if (!thread.silenced) count_no_slot();
    return false;
  }

 private:
  friend class event_attributes;
  friend class scoped_span;
  friend struct detail::thrown;
  friend class detail::attribute_setters<span_recorder>;

  NANOSPAN_DETAIL_INLINE event_attributes event_named(std::string_view name, bool copied, timestamp at = {}) noexcept {
    detail::entry_head const head{name.data(), static_cast<std::uint16_t>(name.size()), detail::entry_type::event, copied};
    return at ? add_event(head, at.unix_nanoseconds() | detail::unix_event_time) : add_event(head);
  }
  NANOSPAN_DETAIL_OUT_OF_LINE event_attributes exception_named(char const* type, char const* message) noexcept {
    literal const name = "exception";
    auto event = event_named({name.data(), name.size()}, false);
    if (type != nullptr) event.set({"exception.type", detail::type_name_of{type}});
    return event.set({"exception.message", message});
  }
  NANOSPAN_DETAIL_COLD void rename(detail::entry_head const& head) noexcept {
    if (recording()) entries_.append_keyed(head, 0);
  }
  void set_status(detail::status_code code) noexcept {
    detail::record_meta meta = detail::in_register(header_.meta);  // whole: see record_meta
    meta.status = static_cast<std::uint8_t>(code);
    header_.meta = detail::in_register(meta);
  }

  // What a result says besides whether the span is recorded. `outer` is what a scoped_span puts back at its end.
  void heed(sampling_result const& result, detail::context_state* parent_state, detail::entry_buffer::outer_context const& outer) noexcept {
    bool const is_record_only = result.decision() == sampling_decision::record_only;
    // One that is recorded only has a state always, so that its children go the long way: they are no unsampled span's, and no sampled one's.
    bool const needs_own = result.replaces_tracestate() || (is_record_only && parent_state == nullptr);
    if (needs_own) {
      bool const has_parent_state = parent_state != nullptr;  // whose baggage stays
      state_ = detail::context_state::make(result.tracestate(), has_parent_state ? parent_state->baggage() : std::string_view{}, has_parent_state && parent_state->b3_debug);
      entries_.state = state_ != nullptr ? detail::entry_buffer::state_kind::outer : detail::entry_buffer::state_kind::none;
      own_state(outer);
    } else {
      share_state(parent_state);
    }
    if (!recording()) return;
    detail::record_meta meta = detail::in_register(header_.meta);  // whole: see record_meta
    meta.trace_flags = static_cast<std::uint8_t>(is_record_only ? meta.trace_flags & ~sampled_flag : meta.trace_flags | sampled_flag);
    header_.meta = detail::in_register(meta);
    for (std::size_t at = 0; at < result.attribute_count(); ++at) entries_.add(result.attribute_at(at));
  }
  // What the span has for a state, if anything, is not what was current before. Its children go the long way. `outer` is put back at its end.
  void own_state(detail::entry_buffer::outer_context const& outer) noexcept {
    if (!entries_.has_state()) {
      detail::thread_slot* const slot = detail::this_thread.slot;
      if (slot == nullptr) return;  // at the end of the thread
      state_ = detail::context_state::share(&slot->empty_state);
    }
    entries_.state = detail::entry_buffer::state_kind::own;
    entries_.keep(outer);
  }
  static sampler const* who_is_asked() noexcept {
    // Acquire: pairs with the release of the provider, which installed the sampler before it wrote the word.
    static_cast<void>(detail::recording.word.load(std::memory_order_acquire));
    return detail::recording.asked.load(std::memory_order_acquire);
  }
  // With the attributes that are there by now.
  sampling_result ask(sampler const* asked, birth const& as, detail::active_context const& parent) const noexcept {
    if (asked == nullptr) return sampling_decision::drop;
    span_context const parent_context = parent.share();
    std::string_view const name = as.from != nullptr ? std::string_view{as.from->name, as.from->name_size} : std::string_view{as.name, as.name_size};
    return asked->should_sample({parent_context, header_.trace, name, as.kind, {entries_.bytes(), entries_.size()}, {entries_.bytes(), entries_.size()}});
  }

  template <typename... Attribute>
  NANOSPAN_DETAIL_INLINE void add_all(Attribute const&... each) noexcept {
    if (entries_.phase != phase::open) return add_undecided(each...);
    entries_.add_all(each...);
  }
  template <typename... Attribute>
  NANOSPAN_DETAIL_INLINE void add_part(Attribute const&... each) noexcept {
    if (!recording()) return;
    entries_.add_all(each...);
  }
  // The attributes that a sampler waits for are there with these.
  template <typename... Attribute>
  NANOSPAN_DETAIL_COLD void add_undecided(Attribute const&... each) noexcept {
    if (entries_.phase != phase::undecided) return;
    (entries_.add(each), ...);
    decide();
  }
  // Asks about an undecided span, which is a scoped_span: see there.
  void decide() noexcept;
  NANOSPAN_DETAIL_OUT_OF_LINE event_attributes add_event(detail::entry_head const& head) noexcept {
    if (!recording()) return {nullptr, 0};
    return add_event(head, end_ticks());
  }
  event_attributes add_event(detail::entry_head const& head, std::uint64_t ticks) noexcept {
    if (!recording()) return {nullptr, 0};
    std::uint32_t const offset = entries_.size();
    detail::event_payload const at{ticks};
    std::byte* const place = entries_.append_keyed(head, sizeof at, true);
    if (place == nullptr) return {nullptr, 0};
    std::memcpy(place, &at, sizeof at);
    return {this, offset};
  }

  void add_text(detail::entry_type type, std::string_view text) noexcept {
    if (text.empty()) return;
    if (std::byte* const place = entries_.append({nullptr, 0, type, false}, text.size())) std::memcpy(place, text.data(), text.size());
  }
  // The rare ends: entries on the heap, something left out, a tracestate, nothing decided yet.
  NANOSPAN_DETAIL_COLD void finish_slowly(detail::thread_block& thread) noexcept {
    if (entries_.phase == phase::undecided) decide();
    if (!recording()) return;
    if (entries_.left_by_exception() && header_.meta.status == 0) {
      error("an exception left the scope");
      entries_.add({"error.type", "_OTHER"});
    }
    entries_.phase = phase::ended;
    if (entries_.has_state()) {
      add_text(detail::entry_type::tracestate, state_->tracestate());
      // Relaxed: what the word alone says is enough.
      if ((detail::recording.word.load(std::memory_order_relaxed) & detail::recording_baggage) != 0) add_text(detail::entry_type::baggage, state_->baggage());
    }
    entries_.append_dropped();
    std::byte* const bytes = entries_.bytes();
    std::uint32_t const used = entries_.size();
    detail::heap_payload const heap = entries_.as_payload();
    if (!entries_.on_heap()) {
      hand_over(thread, bytes, used);
      return;
    }
    // A few kibibytes travel in the ring: the block is free again at once, and here, for the thread's next span.
    if (used <= most_copied_bytes && thread.slot != nullptr && used <= thread.slot->ring.capacity() / 16) {
      hand_over(thread, bytes, used, true);
      detail::entry_buffer::free_block(heap);
      return;
    }
    struct {
      std::uint64_t word;
      detail::heap_payload payload;
    } const instead{detail::entry_word({nullptr, 0, detail::entry_type::heap_block, false}, sizeof(detail::heap_payload)), heap};
    if (!hand_over(thread, &instead, sizeof instead)) detail::entry_buffer::free_block(heap);
  }
  // Writes the record into the ring of the thread that ends the span. False: dropped, and counted.
  NANOSPAN_DETAIL_INLINE bool hand_over(detail::thread_block& thread, void const* entries, std::uint32_t entry_bytes, bool are_many = false) noexcept {
    detail::thread_slot* const slot = thread.slot;
    std::uint32_t const size = static_cast<std::uint32_t>(sizeof header_) + entry_bytes;
    detail::record_meta meta = detail::in_register(header_.meta);
    meta.size = size;
    header_.meta = detail::in_register(meta);
    // Relaxed: a span that races with the provider's end is either drained or stays in its ring, where it counts as held.
    bool const on = (detail::recording.word.load(std::memory_order_relaxed) & detail::recording_on) != 0;
    std::byte* place = on && slot != nullptr ? slot->ring.reserve(size) : nullptr;
    if (place == nullptr) [[unlikely]] {
      place = reserve_slowly(size, on);
      if (place == nullptr) return false;
    }
    detail::copy_words(place, &header_, sizeof header_);
    if (are_many) std::memcpy(place + sizeof header_, entries, entry_bytes);
    else if (entry_bytes != 0) detail::copy_words(place + sizeof header_, entries, entry_bytes);
    detail::this_thread.slot->ring.publish(size);
    return true;
  }
  NANOSPAN_DETAIL_COLD static std::byte* reserve_slowly(std::uint32_t size, bool on) noexcept {
    detail::thread_block const& thread = detail::this_thread;
    if (!has_slot(thread)) {
      if (thread.silenced) count_no_slot();  // it began elsewhere
      return nullptr;
    }
    detail::thread_slot& slot = *thread.slot;
    if (!on) {
      // Relaxed: as in hand_over(). In a forked child that has begun no span yet: this one is the parent's.
      bool const is_parents = (detail::recording.word.load(std::memory_order_relaxed) & detail::recording_forked) != 0;
      (is_parents ? slot.discarded_inherited : slot.dropped_after_shutdown).add(1);
    } else if (!slot.ring.attached() && !detail::attach_ring(slot)) {
      slot.dropped_no_ring.add(1);
    } else if (std::byte* const place = slot.ring.reserve(size)) {  // the slot, or its ring, is new
      return place;
    } else {
      slot.dropped_ring_full.add(1);
    }
    return nullptr;
  }
  NANOSPAN_DETAIL_COLD static void count_no_slot() noexcept { detail::registry.dropped_no_slot.fetch_add(1, std::memory_order_relaxed); }  // Relaxed: read for reporting only.
  NANOSPAN_DETAIL_COLD static bool begins_slowly(std::uint32_t& word) noexcept {
    detail::thread_block& thread = detail::this_thread;
    if ((word & detail::recording_disabled) != 0) return false;
    if (detail::is_busy(thread)) return count_interrupted(thread);
    if (!has_slot(thread)) return false;
    if ((word & detail::recording_forked) != 0) {
      detail::busy_thread const in{thread};  // what the start itself records is refused
      // Acquire: pairs with the release of the provider that set it.
      if (auto* const start = detail::recording.start_in_child.load(std::memory_order_acquire)) start();
      word = detail::recording.word.load(std::memory_order_relaxed);  // Relaxed: as in scoped_span.
      if ((word & detail::recording_on) != 0) return true;
    }
    auto& reason = word == 0 ? thread.slot->dropped_no_provider : thread.slot->dropped_after_shutdown;
    reason.add(1);
    return false;
  }

  static constexpr std::uint32_t most_copied_bytes = 4'096;

  detail::entry_buffer entries_;  // first: see there
  detail::context_state* state_;    // only where entries_.has_state()
  union {
    detail::record_header header_;
  };
};

inline void event_attributes::add(attribute const& one) noexcept {
  if (span_ == nullptr || !span_->recording()) return;
  // Something else came after it, or the span is another one by now.
  detail::entry_buffer& entries = span_->entries_;
  if (!entries.is_last(offset_)) return entries.drop();
  std::uint32_t const before = entries.size();
  entries.add_all(one);
  entries.grow_entry(offset_, entries.size() - before);
}

}  // namespace nanospan::inline v0

// ---- nanospan/span.hpp ---------------------------------------------------------------------------------------------------------

// Spans: scoped_span for a scope (what NANOSPAN declares), span for work that crosses scopes or threads. Caller's thread, noexcept.

namespace nanospan::inline v0 {

/// A span for the rest of the enclosing scope; the thread's current one while it lives. Not for the heap, not to be moved.
/// Within an unsampled span nothing can be recorded: there the macros' spans are absent, the context that is propagated stays the outer
/// one's, and they cost a few instructions. An unsampled scoped_span that is named has an id of its own, and is the current one.
class scoped_span : public span_recorder, detail::scope {
 public:
  /// What the macros call.
  NANOSPAN_DETAIL_OUT_OF_LINE explicit scoped_span(detail::site const* from) noexcept {
    auto& thread = detail::this_thread;
    std::uint32_t const word = detail::recording.word.load(std::memory_order_relaxed);  // Relaxed: as in begin().
    if (word == 0 && thread.slot != nullptr) {
      entries_.phase = phase::absent;
      thread.slot->dropped_no_provider.add(1);
      return;
    }
    detail::context_meta const meta = detail::in_register(thread.current.meta);
    std::uint32_t const decision = detail::sampling_plan{word}[meta.as_parent];
    // The common cases by the shortest way: nothing to ask, nothing to copy. Where the plan has an answer there is a slot, too.
    if (decision == static_cast<std::uint32_t>(sampling_decision::record_and_sample)) {
      begin_child_at(from);
    } else if (decision == static_cast<std::uint32_t>(sampling_decision::drop)) {
      set_phase(phase::absent);
      if (!meta.owner_is_span || meta.as_parent != detail::parent_kind::local_not_sampled) begin_not_sampled();
    } else {
      begin_at(from);
    }
  }
  NANOSPAN_DETAIL_OUT_OF_LINE explicit scoped_span(literal name, span_kind kind = span_kind::internal) noexcept {
    begin({nullptr, name.data(), name.size(), false, kind});
  }
  NANOSPAN_DETAIL_OUT_OF_LINE explicit scoped_span(copied name, span_kind kind = span_kind::internal) noexcept {
    begin({nullptr, name.text.data(), static_cast<std::uint16_t>(name.text.size()), true, kind});
  }
  scoped_span(literal name, start_options const& with) noexcept { begin({nullptr, name.data(), name.size(), false, with.kind}, with); }
  scoped_span(copied name, start_options const& with) noexcept {
    begin({nullptr, name.text.data(), static_cast<std::uint16_t>(name.text.size()), true, with.kind}, with);
  }
  ~scoped_span() {
    if (entries_.phase >= phase::not_sampled) end();
  }

  /// The innermost scoped_span that is open on this thread, or null; for NANOSPAN_SET and its like.
  NANOSPAN_DETAIL_OUT_OF_LINE static scoped_span* innermost() noexcept {
    auto& thread = detail::this_thread;
    if (thread.current.meta.owner_is_span && trusted(thread))
      return static_cast<scoped_span*>(const_cast<scope*>(static_cast<scope const*>(thread.current.owner)));
    // Relaxed: as in begin(). Without a provider no span is open, and that is no mistake.
    bool const on = (detail::recording.word.load(std::memory_order_relaxed) & detail::recording_on) != 0;
    if (on && (thread.slot != nullptr || detail::acquire_slot() != nullptr)) thread.slot->misused.add(1);
    return nullptr;
  }

 private:
  // With a slot where it may; else counted. The word may be another one by then.
  NANOSPAN_DETAIL_INLINE static bool may_begin(detail::thread_block& thread, std::uint32_t& word) noexcept {
    if ((word & detail::recording_on) == 0 && !begins_anyway(thread, word)) return false;
    if (detail::is_busy(thread)) [[unlikely]]
      return count_interrupted(thread);
    if (!has_slot(thread)) return false;
    if (thread.current.state != nullptr && !trusted(thread)) thread.current.state = nullptr;
    return true;
  }
  NANOSPAN_DETAIL_INLINE void begin(birth const& as) noexcept {
    auto& thread = detail::this_thread;
    // Relaxed: what the word alone says is enough; a sampler behind it is acquired in who_is_asked().
    std::uint32_t word = detail::recording.word.load(std::memory_order_relaxed);
    set_phase(phase::absent);
    if (!may_begin(thread, word)) return;
    auto& current = thread.current;
    hold(thread);
    detail::active_context parent = current;
    parent.meta = replaced();
    bool const has_site = as.from != nullptr;
    if (!start_by_plan(thread, word, as, parent)) [[unlikely]]
      return begin_as_asked(word, as);
    become_current(thread);
    if (!recording()) return;
    if (!has_site) add_name(as);
    start_clock(word);
  }
  NANOSPAN_DETAIL_COLD void begin_as_asked(std::uint32_t word, birth const& as) noexcept {
    auto& thread = detail::this_thread;
    start_as_asked(thread, word, as, thread.current);
    become_current(thread);
    if (!recording()) return;
    if ((word & detail::recording_exceptions) != 0) entries_.watch_exceptions();
    start_clock(word);
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void begin(birth const& as, start_options const& with) noexcept {
    auto& thread = detail::this_thread;
    std::uint32_t word = detail::recording.word.load(std::memory_order_relaxed);  // Relaxed: as above.
    set_phase(phase::absent);
    if (!may_begin(thread, word)) return;
    auto& current = thread.current;
    hold(thread);
    if (with.parent.is_current()) {
      start_as_said(thread, word, as, current, with);
    } else {
      start_as_said(thread, word, as, detail::active_context::of(with.parent.context()), with);
      if (!recording()) entries_.start();
      own_state({current.trace, current.state});
    }
    if (recording() && (word & detail::recording_exceptions) != 0) entries_.watch_exceptions();
    become_current(thread);
  }
  NANOSPAN_DETAIL_INLINE void become_current(detail::thread_block& thread) noexcept {
    thread.current.trace = header().trace;
    thread.current.state = entries_.has_state() ? state_ : nullptr;
    open(thread, header().span, as_current());
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void begin_not_sampled() noexcept {
    auto& thread = detail::this_thread;
    hold(thread);
    header().trace = thread.current.trace;
    start_not_sampled(thread, thread.current.meta.flags);
    open(thread, header().span, as_current());
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void begin_child_at(detail::site const* from) noexcept {
    auto& thread = detail::this_thread;
    std::uint32_t const word = detail::recording.word.load(std::memory_order_relaxed);  // Relaxed: as in begin().
    auto& current = thread.current;
    hold(thread);
    header().trace = current.trace;
    start_sampled(thread, word, {from, nullptr, 0, false, from->kind}, replaced(), detail::in_register(current.span));
    entries_.start();
    open(thread, header().span, as_current());
    start_clock(word);
  }
  detail::context_meta as_current() const noexcept {
    using detail::parent_kind;
    auto const as_parent = entries_.has_state() ? parent_kind::long_way : recording() ? parent_kind::local_sampled : parent_kind::local_not_sampled;
    return {0, header_.meta.trace_flags, false, true, as_parent};
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void begin_at(detail::site const* from) noexcept { begin({from, nullptr, 0, false, from->kind}); }

  NANOSPAN_DETAIL_OUT_OF_LINE void end() noexcept {
    auto& thread = detail::this_thread;
    if (recording()) return end_recorded();
    if (close(thread)) settle(thread);
    if (entries_.has_state()) [[unlikely]]
      leave_state();
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void end_recorded() noexcept {
    auto& thread = detail::this_thread;
    std::uint64_t const ticks = end_ticks();
    if (!close(thread)) [[unlikely]]
      return end_elsewhere(thread, ticks);
    finish(thread, ticks);
    settle(thread);
    if (entries_.has_state()) [[unlikely]]
      leave_state();
  }
  // Out of order, or on another thread than its own.
  NANOSPAN_DETAIL_COLD void end_elsewhere(detail::thread_block& thread, std::uint64_t ticks) noexcept {
    {
      detail::busy_thread const in{thread};
      finish(thread, ticks);
    }
    if (entries_.has_state()) leave_state();
  }
  // After it was closed: what is current then has its own again, where that can still be said.
  NANOSPAN_DETAIL_COLD void leave_state() noexcept {
    auto& thread = detail::this_thread;
    if (entries_.state == detail::entry_buffer::state_kind::own && is_at_home(thread)) {
      auto const outer = entries_.kept();
      thread.current.state = trusted(thread) ? outer.state : nullptr;
      if (trusted(thread)) thread.current.trace = outer.trace;
    }
    release_state();
  }

  friend class span_recorder;
  // An undecided one has what its sampler needs, or will not get it any more.
  NANOSPAN_DETAIL_COLD void decide_now() noexcept {
    using detail::context_state;
    context_state* const state = state_;
    bool const has_outer_state = entries_.state == detail::entry_buffer::state_kind::outer;
    context_state* const parent_state = has_outer_state ? state : nullptr;
    auto const outer = has_outer_state ? detail::entry_buffer::outer_context{header().trace, state} : entries_.kept();
    detail::active_context const parent{header().trace, header().parent, replaced(), parent_state, nullptr};
    sampling_result const result = ask(who_is_asked(), {header().from, nullptr, 0, false, header().meta.kind}, parent);
    entries_.phase = phase::open;
    if (result.decision() == sampling_decision::drop) {
      entries_.phase = phase::not_sampled;
      entries_.discard();
    }
    heed(result, parent_state, outer);
    context_state::release(state);
    auto& thread = detail::this_thread;
    if (!is_innermost(thread)) return;
    detail::context_meta meta = as_current();
    meta.epoch = thread.current.meta.epoch;
    thread.current.meta = detail::in_register(meta);
    thread.current.state = entries_.has_state() ? state_ : nullptr;
  }
};

inline void span_recorder::decide() noexcept { static_cast<scoped_span*>(this)->decide_now(); }

/// A span for work that crosses scopes or threads: hand it over by moving it. It is not the current span of any thread; open a
/// context_scope with its context() where its children start. Ends at end() or with the object, on whichever thread that is.
class span : public span_recorder {
 public:
  /// A child of the thread's current context.
  explicit span(literal name, span_kind kind = span_kind::internal) noexcept : span(name, current(), kind) {}
  explicit span(copied name, span_kind kind = span_kind::internal) noexcept : span(name, current(), kind) {}
  /// A child of `parent`; a root where it is invalid.
  NANOSPAN_DETAIL_OUT_OF_LINE span(literal name, span_context const& parent, span_kind kind = span_kind::internal) noexcept {
    begin({nullptr, name.data(), name.size(), false, kind}, parent);
  }
  NANOSPAN_DETAIL_OUT_OF_LINE span(copied name, span_context const& parent, span_kind kind = span_kind::internal) noexcept {
    begin({nullptr, name.text.data(), static_cast<std::uint16_t>(name.text.size()), true, kind}, parent);
  }
  span(literal name, start_options const& with) noexcept { begin({nullptr, name.data(), name.size(), false, with.kind}, with); }
  span(copied name, start_options const& with) noexcept {
    begin({nullptr, name.text.data(), static_cast<std::uint16_t>(name.text.size()), true, with.kind}, with);
  }
  span(span&& other) noexcept { take(other); }
  span& operator=(span&& other) noexcept {
    if (this != &other) {
      end();
      release_state();
      take(other);
    }
    return *this;
  }
  ~span() {
    end();
    release_state();
  }

  /// Ends the span at that moment; one before its start counts as its start.
  NANOSPAN_DETAIL_OUT_OF_LINE void end(timestamp at) noexcept {
    if (!recording() || !at) return end();
    add_flag(detail::unix_end);
    end_at(at.unix_nanoseconds());
  }
  /// Ends the span now; what is said to it later is ignored. Its context stays usable.
  NANOSPAN_DETAIL_OUT_OF_LINE void end() noexcept {
    if (!recording()) return;
    end_at(end_ticks());
  }

 private:
  NANOSPAN_DETAIL_INLINE void end_at(std::uint64_t ticks) noexcept {
    auto& thread = detail::this_thread;
    if (detail::is_busy(thread)) [[unlikely]]
      return lose_interrupted(thread);
    detail::busy_thread const in{thread};
    finish(thread, ticks);
  }
  void begin(birth const& as, span_context const& parent) noexcept {
    auto& thread = detail::this_thread;
    auto const parent_context = detail::active_context::of(parent);
    // Relaxed: as in scoped_span.
    std::uint32_t word = detail::recording.word.load(std::memory_order_relaxed);
    if (!may_start(thread, word, parent_context)) return;
    detail::busy_thread const in{thread};
    if (!start_by_plan(thread, word, as, parent_context)) [[unlikely]]
      return begin_as_asked(word, as, parent_context);
    if (!recording()) return;
    add_name(as);
    start_clock(word);
  }
  NANOSPAN_DETAIL_COLD void begin_as_asked(std::uint32_t word, birth const& as, detail::active_context const& parent) noexcept {
    start_as_asked(detail::this_thread, word, as, parent);
    if (recording()) start_clock(word);
  }
  NANOSPAN_DETAIL_OUT_OF_LINE void begin(birth const& as, start_options const& with) noexcept {
    auto& thread = detail::this_thread;
    span_context const parent = with.parent.is_current() ? current() : with.parent.context();
    auto const parent_context = detail::active_context::of(parent);
    std::uint32_t word = detail::recording.word.load(std::memory_order_relaxed);  // Relaxed: as above.
    if (!may_start(thread, word, parent_context)) return;
    detail::busy_thread const in{thread};
    start_as_said(thread, word, as, parent_context, with);
  }
  // False: it never starts.
  NANOSPAN_DETAIL_INLINE bool may_start(detail::thread_block& thread, std::uint32_t& word, detail::active_context const& parent) noexcept {
    bool const on = (word & detail::recording_on) != 0;
    if (on && !detail::is_busy(thread) && has_slot(thread)) [[likely]]
      return true;
    return may_start_slowly(thread, word, parent);
  }
  NANOSPAN_DETAIL_COLD bool may_start_slowly(detail::thread_block& thread, std::uint32_t& word, detail::active_context const& parent) noexcept {
    bool const was_on = (word & detail::recording_on) != 0;
    if (!was_on && begins_anyway(thread, word) && has_slot(thread)) return true;
    pass_through(parent);
    return was_on && detail::is_busy(thread) && count_interrupted(thread);
  }
};

}  // namespace nanospan::inline v0

// ---- nanospan/macros.hpp -------------------------------------------------------------------------------------------------------

// The annotations. Each NANOSPAN is one declaration; attribute expressions are evaluated only for a span that is recorded,
// after it has started. Up to twelve attributes a call; say more with NANOSPAN_SET.

namespace nanospan::inline v0::detail {

// What NANOSPAN_SET and its like say to the innermost open span. It is looked for when their arguments are values already: making these
// may open, close and annotate spans, or suspend the coroutine.
class innermost_span : public attribute_setters<innermost_span> {
 public:
  // Asked first, so that the arguments are evaluated only where somebody listens.
  static bool recording() noexcept {
    scoped_span const* const open = scoped_span::innermost();
    return open != nullptr && open->recording();
  }
  template <typename Text>
  void error(Text const& description) const noexcept {
    if (scoped_span* const open = scoped_span::innermost()) open->error(description);
  }
  void error() const noexcept { error(std::string_view{}); }
  void ok() const noexcept {
    if (scoped_span* const open = scoped_span::innermost()) open->ok();
  }

 private:
  friend class attribute_setters<innermost_span>;
  template <typename... Attribute>
  void add_all(Attribute const&... each) const noexcept {
    if (scoped_span* const open = scoped_span::innermost()) open->set(each...);
  }
};

// An event or a link of that span: it happens with its first attributes, or at record() where it has none. `Happen` makes it of the open span.
template <typename Happen>
class innermost_addition : public attribute_setters<innermost_addition<Happen>> {
 public:
  explicit constexpr innermost_addition(Happen how) noexcept : how_{how} {}
  NANOSPAN_DETAIL_OUT_OF_LINE void record() noexcept { happen(); }

 private:
  friend class attribute_setters<innermost_addition>;
  template <typename... Attribute>
  void add_all(Attribute const&... each) noexcept {
    happen();
    attributes_.set(each...);
  }
  void happen() noexcept {
    if (std::exchange(happened_, true)) return;
    if (scoped_span* const open = scoped_span::innermost()) attributes_ = how_(*open);
  }

  Happen how_;
  bool happened_ = false;
  event_attributes attributes_;
};

template <typename Name>
struct named_event {
  Name name;
  event_attributes operator()(scoped_span& of) const noexcept { return of.event(name); }
};
constexpr auto innermost_event(literal name) noexcept { return innermost_addition{named_event<literal>{name}}; }
constexpr auto innermost_event(copied name) noexcept { return innermost_addition{named_event<copied>{name}}; }

struct thrown {
  char const* type;
  char const* message;
  event_attributes operator()(scoped_span& of) const noexcept { return of.exception_named(type, message); }
};
NANOSPAN_DETAIL_INLINE auto innermost_exception(std::exception const& what) noexcept { return innermost_addition{thrown{type_name(what), what.what()}}; }

struct linked {
  span_context const& to;
  event_attributes operator()(scoped_span& of) const noexcept { return of.link(to); }
};
inline auto innermost_link(span_context const& to) noexcept { return innermost_addition{linked{to}}; }

}  // namespace nanospan::inline v0::detail

#define NANOSPAN_DETAIL_JOIN_2(a, b) a##b
#define NANOSPAN_DETAIL_JOIN(a, b) NANOSPAN_DETAIL_JOIN_2(a, b)
// __LINE__, not __COUNTER__: an inline function must read the same in every file.
#define NANOSPAN_DETAIL_NAME NANOSPAN_DETAIL_JOIN(nanospan_scope_, __LINE__)

// A static in an expression, so that the whole is one declaration; no lambda, which would hide structured bindings and the
// function's name.
#define NANOSPAN_DETAIL_SITE(name, kind, flags)                                                                                             \
  __extension__({                                                                                                                           \
    static constexpr auto nanospan_site =                                                                                                   \
        /* NOLINTNEXTLINE(bugprone-lambda-function-name): of a lambda it is the lambda's */                                                 \
        ::nanospan::detail::make_site(nanospan_tracer(::nanospan::detail::this_tracer{}), name, kind, __FILE__, __LINE__, __func__, flags); \
    &nanospan_site.value;                                                                                                                   \
  })
// The second declarator only says the attributes; it exists because an if around them would be a second statement.
// What clang-tidy thinks of it is no concern of whoever annotates.
#define NANOSPAN_DETAIL_SPAN(name, kind, ...)                                                                                   \
  /* NOLINTNEXTLINE(misc-const-correctness,readability-isolate-declaration): one declaration, of a span that may be annotated */ \
  [[maybe_unused]] ::nanospan::scoped_span NANOSPAN_DETAIL_NAME { NANOSPAN_DETAIL_SITE(name, kind, 0u __VA_OPT__(| ::nanospan::detail::attributes_follow)) } \
  __VA_OPT__(, &NANOSPAN_DETAIL_JOIN(nanospan_attributes_, __LINE__) =                                                          \
                   NANOSPAN_DETAIL_NAME.recording() ? (static_cast<void>(NANOSPAN_DETAIL_NAME.set(__VA_ARGS__)), NANOSPAN_DETAIL_NAME) \
                                                    : NANOSPAN_DETAIL_NAME)

#if NANOSPAN_ENABLED

/// Names the tracer of the macros in the enclosing namespace, for which it stands once: NANOSPAN_TRACER("acme.cards", "1.2.0"); with the schema URL
/// and attributes of tracer's constructor after it. In a namespace for a component; in an unnamed one, or outside of all, for a source file. Where several enclose
/// a macro, it is the innermost's.
#define NANOSPAN_TRACER(...)                                                                                                    \
  static constexpr ::nanospan::tracer nanospan_this_tracer{__VA_ARGS__};                                                        \
  [[maybe_unused]] static constexpr ::nanospan::tracer const* nanospan_tracer(::nanospan::detail::this_tracer) noexcept { \
    return &nanospan_this_tracer;                                                                                               \
  }                                                                                                                             \
  static_assert(true)

/// A span named by a literal for the rest of the scope, with attributes: NANOSPAN("charge card", {"order.id", id}, {"amount", 12.5});
/// One on a line of source.
#define NANOSPAN(name, ...) NANOSPAN_DETAIL_SPAN(name, ::nanospan::span_kind::internal __VA_OPT__(, ) __VA_ARGS__)
/// The same, of another kind. The kind is part of the name, so that it costs nothing and a sampler knows it.
#define NANOSPAN_SERVER(name, ...) NANOSPAN_DETAIL_SPAN(name, ::nanospan::span_kind::server __VA_OPT__(, ) __VA_ARGS__)
#define NANOSPAN_CLIENT(name, ...) NANOSPAN_DETAIL_SPAN(name, ::nanospan::span_kind::client __VA_OPT__(, ) __VA_ARGS__)
#define NANOSPAN_PRODUCER(name, ...) NANOSPAN_DETAIL_SPAN(name, ::nanospan::span_kind::producer __VA_OPT__(, ) __VA_ARGS__)
#define NANOSPAN_CONSUMER(name, ...) NANOSPAN_DETAIL_SPAN(name, ::nanospan::span_kind::consumer __VA_OPT__(, ) __VA_ARGS__)
/// A span named after the function: NANOSPAN_FUNCTION({"k", v});
#define NANOSPAN_FUNCTION(...) NANOSPAN_DETAIL_SPAN(__func__, ::nanospan::span_kind::internal __VA_OPT__(, ) __VA_ARGS__)

#define NANOSPAN_DETAIL_ON_CURRENT(...)                                \
  do { /* NOLINT(cppcoreguidelines-avoid-do-while): one statement */   \
    if (::nanospan::detail::innermost_span::recording()) __VA_ARGS__; \
  } while (false)

/// Attributes on this thread's innermost open span: NANOSPAN_SET({"items", n}); Where there is none, a counted no-op.
#define NANOSPAN_SET(...) NANOSPAN_DETAIL_ON_CURRENT(::nanospan::detail::innermost_span{}.set(__VA_ARGS__))
/// An event on it, at this moment: NANOSPAN_EVENT("retry", {"attempt", 2});
#define NANOSPAN_EVENT(name, ...) NANOSPAN_DETAIL_ON_CURRENT(::nanospan::detail::innermost_event(name) __VA_OPT__(.set(__VA_ARGS__)).record())
/// An event "exception" on it, of what was caught; the span's status stays as it is: catch (std::exception const& e) { NANOSPAN_EXCEPTION(e); NANOSPAN_ERROR(e.what()); }
#define NANOSPAN_EXCEPTION(what, ...) NANOSPAN_DETAIL_ON_CURRENT(::nanospan::detail::innermost_exception(what) __VA_OPT__(.set(__VA_ARGS__)).record())
/// A link from it to another span's context: NANOSPAN_LINK(batch.context, {"batch.position", 3});
#define NANOSPAN_LINK(context, ...) NANOSPAN_DETAIL_ON_CURRENT(::nanospan::detail::innermost_link(context) __VA_OPT__(.set(__VA_ARGS__)).record())
/// Status ok on it, for good: no error before or after it counts.
#define NANOSPAN_OK() NANOSPAN_DETAIL_ON_CURRENT(::nanospan::detail::innermost_span{}.ok())
/// Status error on it, with a description: NANOSPAN_ERROR("card declined");
#define NANOSPAN_ERROR(...) NANOSPAN_DETAIL_ON_CURRENT(::nanospan::detail::innermost_span{}.error(__VA_ARGS__))

#else

// A declaration, like what it stands for: also where only a declaration may stand.
#define NANOSPAN_DETAIL_NOTHING [[maybe_unused]] constexpr bool NANOSPAN_DETAIL_NAME = false
#define NANOSPAN_TRACER(...) static_assert(true)
#define NANOSPAN(...) NANOSPAN_DETAIL_NOTHING
#define NANOSPAN_SERVER(...) NANOSPAN_DETAIL_NOTHING
#define NANOSPAN_CLIENT(...) NANOSPAN_DETAIL_NOTHING
#define NANOSPAN_PRODUCER(...) NANOSPAN_DETAIL_NOTHING
#define NANOSPAN_CONSUMER(...) NANOSPAN_DETAIL_NOTHING
#define NANOSPAN_FUNCTION(...) NANOSPAN_DETAIL_NOTHING
#define NANOSPAN_SET(...) static_cast<void>(0)
#define NANOSPAN_EVENT(...) static_cast<void>(0)
#define NANOSPAN_EXCEPTION(...) static_cast<void>(0)
#define NANOSPAN_LINK(...) static_cast<void>(0)
#define NANOSPAN_OK() static_cast<void>(0)
#define NANOSPAN_ERROR(...) static_cast<void>(0)

#endif

// ---- nanospan/samplers.hpp -----------------------------------------------------------------------------------------------------

// The samplers that a program chooses from, beside those that need not be asked. Immutable once made; asked on the threads that start spans.

#include <vector>

namespace nanospan::inline v0 {
namespace detail {

// With the implementation: what writes numbers is dear to include.
// The shortest decimal that reads back as `value`, without an exponent.
NANOSPAN_DETAIL_SHARED std::string shortest_text(double value);
// Whether `text` is what `pattern` says; each * in it stands for any characters, or none.
NANOSPAN_DETAIL_SHARED bool matches(std::string_view pattern, std::string_view text) noexcept;
// A value as text: numbers in decimal, "true" and "false".
NANOSPAN_DETAIL_SHARED bool matches(std::string_view pattern, attributes_view::value const& value) noexcept;

}  // namespace detail

/// Samples that share of all traces, by the trace id alone: every service with this ratio keeps the same traces, and one with a higher ratio
/// those and more. Whatever the parent says: for roots only, use it as a parent_based_sampler's root (OpenTelemetry, "TraceIdRatioBased";
/// the last 56 bits of the id decide, as "Probability Sampling" has it).
class trace_id_ratio_sampler final : public sampler {
 public:
  /// From 0 to 1; what lies outside is taken for the nearer of these, and what is no number for 0.
  explicit trace_id_ratio_sampler(double ratio) noexcept
      : ratio_{ratio >= 1 ? 1.0 : ratio > 0 ? ratio : 0.0}, threshold_{all_traces - static_cast<std::uint64_t>(ratio_ * static_cast<double>(all_traces))} {}

  sampling_result should_sample(sampling_parameters const& parameters) const noexcept override {
    return randomness(parameters.trace_id) >= threshold_ ? sampling_decision::record_and_sample : sampling_decision::drop;
  }
  /// "TraceIdRatioBased{0.25}", with as many digits as tell the ratio from every other.
  std::string description() const override {
    return "TraceIdRatioBased{" + detail::shortest_text(ratio_) + "}";
  }
  detail::sampling_plan plan() const noexcept override {
    if (threshold_ == 0) return detail::sampling_plan::always(sampling_decision::record_and_sample);
    if (threshold_ == all_traces) return detail::sampling_plan::always(sampling_decision::drop);
    return {};
  }

 private:
  static constexpr std::uint64_t all_traces = std::uint64_t{1} << 56;

  static std::uint64_t randomness(nanospan::trace_id trace) noexcept {
    auto const bytes = trace.bytes();
    std::uint64_t value = 0;
    for (std::size_t at = bytes.size() - 7; at < bytes.size(); ++at) value = value << 8 | bytes[at];
    return value;
  }

  double ratio_;
  std::uint64_t threshold_;  // of 2^56 traces so many are dropped
};

/// One line of a rule_based_sampler. What is left out matches every span.
struct sampling_rule {
  /// The span's name; each * stands for any characters, or none: "GET /health*".
  std::string name = "*";
  /// span_kind{}: any.
  span_kind kind = {};
  /// Keys and values, all of which must be among the attributes that the span is created with. In a value * is as in a name; numbers are
  /// compared as decimal text, booleans as "true" and "false".
  std::vector<std::pair<std::string, std::string>> attributes = {};
  /// Who decides where this matches; null: nobody, the span is dropped.
  shared<sampler const> then = {};
};

/// Asks the sampler of the first rule that matches, and where none does `otherwise`, which null makes always on. Any thread; a look at each rule.
class rule_based_sampler final : public sampler {
 public:
  explicit rule_based_sampler(std::vector<sampling_rule> rules, shared<sampler const> otherwise = {}) : rules_{std::move(rules)}, otherwise_{std::move(otherwise)} {
    for (sampling_rule& rule : rules_)
      if (rule.then == nullptr) rule.then = shared<sampler const>::make<always_off_sampler>();
    if (otherwise_ == nullptr) otherwise_ = shared<sampler const>::make<always_on_sampler>();
  }

  sampling_result should_sample(sampling_parameters const& parameters) const noexcept override {
    for (sampling_rule const& rule : rules_)
      if (applies(rule, parameters)) return rule.then->should_sample(parameters);
    return otherwise_->should_sample(parameters);
  }
  bool needs_attributes() const noexcept override {
    bool needed = otherwise_->needs_attributes();
    for (sampling_rule const& rule : rules_) needed |= !rule.attributes.empty() || rule.then->needs_attributes();
    return needed;
  }
  /// "RuleBased{GET /health*:AlwaysOffSampler,otherwise:AlwaysOnSampler}", with the rules' names.
  std::string description() const override {
    std::string text = "RuleBased{";
    for (sampling_rule const& rule : rules_) text += rule.name + ":" + rule.then->description() + ",";
    return text + "otherwise:" + otherwise_->description() + "}";
  }

 private:
  static bool applies(sampling_rule const& rule, sampling_parameters const& parameters) noexcept {
    if (rule.kind != span_kind{} && rule.kind != parameters.kind) return false;
    if (!detail::matches(rule.name, parameters.span_name)) return false;
    for (auto const& [key, value] : rule.attributes)
      if (!detail::matches(value, parameters.attributes.find(key))) return false;
    return true;
  }

  std::vector<sampling_rule> rules_;
  shared<sampler const> otherwise_;
};

/// Samples so many spans a second, and no more than that number (at least one) at once after a pause. For roots, which makes it traces a second:
/// use it as a parent_based_sampler's root. Lock-free; one clock read a call.
class rate_limiting_sampler final : public sampler {
 public:
  /// Nanoseconds of any clock that does not go back.
  using clock = std::uint64_t (*)() noexcept;

  /// None for a rate that is not above 0; all from a thousand million on.
  explicit rate_limiting_sampler(double traces_per_second, clock now = detail::monotonic_nanoseconds) noexcept
      : rate_{traces_per_second > 0 ? traces_per_second : 0}, now_{now} {
    if (rate_ == 0) return;
    double const interval = 1e9 / rate_;
    interval_ = interval < 0x1p60 ? static_cast<std::uint64_t>(interval) : std::uint64_t{1} << 60;
    if (static_cast<double>(interval_) < interval) ++interval_;
    burst_ = rate_ > 1 ? static_cast<std::uint64_t>(static_cast<double>(interval_) * rate_) : interval_;
  }

  sampling_result should_sample(sampling_parameters const&) const noexcept override { return take() ? sampling_decision::record_and_sample : sampling_decision::drop; }
  /// "RateLimiting{10}".
  std::string description() const override { return "RateLimiting{" + detail::shortest_text(rate_) + "}"; }

 private:
  // A bucket of tokens as the time at which it will have been full again: a token moves it by one interval, and there is none while that is later
  // than now by a whole bucket.
  bool take() const noexcept {
    if (rate_ == 0) return false;
    std::uint64_t const now = now_();
    // Relaxed throughout: a count, which orders nothing.
    std::uint64_t full_at = full_at_.load(std::memory_order_relaxed);
    for (;;) {
      std::uint64_t const taken = (full_at > now ? full_at : now) + interval_;
      if (taken > now + burst_) return false;
      if (full_at_.compare_exchange_weak(full_at, taken, std::memory_order_relaxed)) return true;
    }
  }

  double rate_;
  clock now_;
  std::uint64_t interval_ = 0;  // nanoseconds a token
  std::uint64_t burst_ = 0;     // nanoseconds of a full bucket
  mutable std::atomic<std::uint64_t> full_at_{0};
};

/// Records what another would drop, for the hook on ended spans only (OpenTelemetry, "AlwaysRecord").
class always_record_sampler final : public sampler {
 public:
  /// Null: always on.
  explicit always_record_sampler(shared<sampler const> corrected) : corrected_{corrected != nullptr ? std::move(corrected) : shared<sampler const>::make<always_on_sampler>()} {}

  sampling_result should_sample(sampling_parameters const& parameters) const noexcept override {
    sampling_result result = corrected_->should_sample(parameters);
    if (result.decision() == sampling_decision::drop) result.decide(sampling_decision::record_only);
    return result;
  }
  bool needs_attributes() const noexcept override { return corrected_->needs_attributes(); }
  std::string description() const override { return "AlwaysRecordSampler{" + corrected_->description() + "}"; }
  detail::sampling_plan plan() const noexcept override {
    using detail::parent_kind;
    detail::sampling_plan const corrected = corrected_->plan();
    detail::sampling_plan plan;
    for (auto const parent : {parent_kind::none, parent_kind::remote_sampled, parent_kind::remote_not_sampled, parent_kind::local_sampled, parent_kind::local_not_sampled}) {
      if (corrected[parent] != static_cast<std::uint32_t>(sampling_decision::drop)) plan.take(parent, corrected);
    }
    return plan;
  }

 private:
  shared<sampler const> corrected_;
};

}  // namespace nanospan::inline v0

// ---- nanospan/attribute_value.hpp ----------------------------------------------------------------------------------------------

// An attribute as an object: what an exporter reads, what the options say of the resource, what a hook puts on an ended span. Recording makes none. Any thread.

#include <variant>

namespace nanospan::inline v0 {

/// Text, bytes, and arrays of one type beside bool and numbers (OpenTelemetry, "AnyValue", without maps).
using attribute_value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::byte>, std::vector<bool>, std::vector<std::int64_t>, std::vector<double>,
                                     std::vector<std::string>>;
using attribute_list = std::vector<std::pair<std::string, attribute_value>>;

}  // namespace nanospan::inline v0

// ---- nanospan/ended_span.hpp ---------------------------------------------------------------------------------------------------

// What options.on_end sees of a span that has ended and is not encoded yet. Background thread (who calls poll() or flush(), without one). Bodies with the
// implementation.

namespace nanospan::inline v0 {

namespace detail {
class collected_span;
class attribute_set;
}  // namespace detail

/// OTLP's status code.
enum class span_status : std::uint8_t { unset = 0, ok = 1, error = 2 };

/// The attributes of an ended span, or of one of its events, unique by key. Valid during the hook's call. Throws std::bad_alloc.
class NANOSPAN_DETAIL_SHARED editable_attributes {
 public:
  std::size_t size() const noexcept;
  /// The n-th, from 0.
  std::string_view key(std::size_t n) const;
  attribute_value value(std::size_t n) const;
  bool has(std::string_view key) const;
  /// Empty text where there is none.
  attribute_value get(std::string_view key) const;
  /// Over the one that is there, or a new one; one over the limit is counted as dropped.
  void set(std::string_view key, attribute_value const& value);
  /// False where there was none.
  bool erase(std::string_view key);

 private:
  friend class ended_span;
  editable_attributes(detail::collected_span& of, detail::attribute_set& which) noexcept : of_(of), which_(which) {}
  std::size_t find(std::string_view key) const;

  detail::collected_span& of_;
  detail::attribute_set& which_;
};

/// A span that has ended, to look at and to change. Valid during the hook's call. Throws std::bad_alloc.
class NANOSPAN_DETAIL_SHARED ended_span {
 public:
  nanospan::trace_id trace_id() const noexcept;
  nanospan::span_id span_id() const noexcept;
  /// Invalid: a root.
  nanospan::span_id parent_span_id() const noexcept;
  span_kind kind() const noexcept;
  std::uint64_t start_time_unix_nano() const noexcept { return start_; }
  std::uint64_t end_time_unix_nano() const noexcept { return end_; }
  /// False of one that a sampler let be recorded only: it is not exported.
  bool sampled() const noexcept;

  std::string_view name() const;
  void rename(std::string_view name);
  span_status status() const noexcept;
  /// Of an error.
  std::string_view status_message() const noexcept;
  void set_status(span_status status, std::string_view message = {});

  editable_attributes attributes() noexcept;
  std::size_t event_count() const noexcept;
  /// Of the n-th event, from 0.
  std::string_view event_name(std::size_t n) const;
  editable_attributes event_attributes(std::size_t n);
  void erase_event(std::size_t n) noexcept;

  /// It is not exported (stats().discarded.hook).
  void drop() noexcept { dropped_ = true; }
  bool dropped() const noexcept { return dropped_; }

  // What calls hooks makes it.
  ended_span(detail::collected_span& of, std::uint64_t start, std::uint64_t end) noexcept : of_(of), start_{start}, end_{end} {}

 private:
  detail::collected_span& of_;
  std::uint64_t start_;
  std::uint64_t end_;
  bool dropped_ = false;
};

/// A function that sees each span that has ended, made of anything that can be called with an ended_span&. One call at a time.
class span_hook {
 public:
  span_hook() noexcept = default;
  /// Throws std::bad_alloc.
  template <typename Function>
    requires(!std::same_as<std::remove_cvref_t<Function>, span_hook>) && std::invocable<Function&, ended_span&>
  explicit(false) span_hook(Function function) : call_{shared<callable>::template make<of<Function>>(std::move(function))} {}

  explicit operator bool() const noexcept { return static_cast<bool>(call_); }
  void operator()(ended_span& span) const { call_->call(span); }

 private:
  struct callable {
    virtual ~callable() = default;
    virtual void call(ended_span& span) = 0;
  };
  template <typename Function>
  struct of final : callable {
    explicit of(Function is) : function{std::move(is)} {}
    void call(ended_span& span) override { static_cast<void>(function(span)); }
    Function function;
  };
  shared<callable> call_;
};

}  // namespace nanospan::inline v0

// ---- nanospan/options.hpp ------------------------------------------------------------------------------------------------------

// What main says about tracing. Declarations only. Where an option is left at its default, the OTEL_ variable named beside it
// decides; where there is none either, the default named here.

#include <limits>

namespace nanospan::inline v0 {

class exporter;

/// A length of time; made from any std::chrono::duration, without the need to include <chrono> here. What does not fit into 64 bits of
/// nanoseconds is the longest (or shortest) that does.
class duration {
 public:
  constexpr duration() noexcept = default;
  template <typename Chrono>
    requires requires(Chrono d) { d.count(); Chrono::period::num; Chrono::period::den; }
  constexpr explicit(false) duration(Chrono d) noexcept
      : nanoseconds_{bounded(static_cast<long double>(d.count()) * Chrono::period::num * 1'000'000'000 / Chrono::period::den)} {}
  static constexpr duration of_nanoseconds(std::int64_t n) noexcept { return duration{n}; }
  static constexpr duration of_milliseconds(std::int64_t n) noexcept { return duration{bounded(static_cast<long double>(n) * 1'000'000)}; }
  /// An option that was left alone: its variable decides, else its default.
  static constexpr duration unset() noexcept { return duration{std::numeric_limits<std::int64_t>::min()}; }

  constexpr std::int64_t nanoseconds() const noexcept { return nanoseconds_; }
  friend constexpr auto operator<=>(duration, duration) noexcept = default;

 private:
  explicit constexpr duration(std::int64_t nanoseconds) noexcept : nanoseconds_{nanoseconds} {}
  static constexpr std::int64_t bounded(long double nanoseconds) noexcept {
    if (nanoseconds != nanoseconds) return 0;  // no number
    if (nanoseconds >= 0x1p63L) return std::numeric_limits<std::int64_t>::max();
    if (nanoseconds <= -0x1p63L) return std::numeric_limits<std::int64_t>::min();
    return static_cast<std::int64_t>(nanoseconds);
  }
  std::int64_t nanoseconds_ = 0;
};

/// Called with one line of text (no newline) when something is lost, found again, or wrong. From any of the library's threads and
/// from tracer_provider's constructor and destructor; must not throw or block for long.
using message_handler = void (*)(std::string_view line) noexcept;

/// Which messages are passed on: those of the level, and worse ones.
enum class log_level : std::uint8_t { unset, none, error, warn, info, debug };

/// Thrown by constructors only; what() names the option and the offending value.
class NANOSPAN_DETAIL_SHARED configuration_error : public std::exception {
 public:
  explicit configuration_error(std::string text) : text_{std::move(text)} {}
  char const* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

/// Of what is sent.
enum class compression : std::uint8_t { unset, none, gzip };

/// How much of a span is kept (OpenTelemetry, "Span Limits"); what is beyond it is left out and counted on the span (dropped_*_count). The counts
/// may be 0 to 4,096. One that is unset is its variable's, else the default named here; a variable that says more than 4,096 is reported, and 4,096 is used.
struct span_limits {
  static constexpr std::size_t unlimited = static_cast<std::size_t>(-1);
  static constexpr std::size_t unset = unlimited - 1;
  static constexpr std::size_t greatest_count = 4'096;

  /// Of a span. OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, else OTEL_ATTRIBUTE_COUNT_LIMIT, else 128.
  std::size_t attribute_count = unset;
  /// In characters of a text (bytes of a byte array), of each element of an array. OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT, else
  /// OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT, else unlimited.
  std::size_t attribute_value_length = unset;
  /// Of a span. OTEL_SPAN_EVENT_COUNT_LIMIT, else 128.
  std::size_t event_count = unset;
  /// Of a span. OTEL_SPAN_LINK_COUNT_LIMIT, else 128.
  std::size_t link_count = unset;
  /// Of one event. OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT, else OTEL_ATTRIBUTE_COUNT_LIMIT, else 128.
  std::size_t attribute_count_per_event = unset;
  /// Of one link. OTEL_LINK_ATTRIBUTE_COUNT_LIMIT, else OTEL_ATTRIBUTE_COUNT_LIMIT, else 128.
  std::size_t attribute_count_per_link = unset;
};

/// What is found out about the process and put into the resource, under the keys of the semantic conventions; beside service.name and
/// telemetry.sdk.*, which are always there. Those that are on cost microseconds.
struct resource_detectors {
  bool service_instance = true;  ///< service.instance.id, a random UUID of this provider
  bool process_id = true;        ///< process.pid
  bool host_name = true;         ///< host.name
  bool os_type = true;           ///< os.type
  bool process = false;          ///< process.executable.{name,path}, process.creation.time, process.owner, which may ask a directory service
  bool process_command = false;  ///< process.command_line: there may be secrets in it
  bool host = false;             ///< host.id (the machine's id, on Linux), host.arch
  bool os = false;               ///< os.name, os.version
};

/// The variables are read when a tracer_provider is constructed, never later. What is said here wins over them.
struct options {  // NOLINT(clang-analyzer-optin.performance.Padding): in the order of what belongs together, which is the one of designators
  /// OTEL_SERVICE_NAME, else OTEL_RESOURCE_ATTRIBUTES' service.name, else "unknown_service:<executable>".
  std::string service_name = {};
  /// Beside and over what was detected and those of OTEL_RESOURCE_ATTRIBUTES: {{"deployment.environment.name", "staging"}}. No limit applies.
  attribute_list resource_attributes = {};
  /// Of the conventions that resource_attributes follow. The detectors have one, too: another one than theirs is reported, and none is sent.
  std::string resource_schema_url = {};
  nanospan::resource_detectors resource_detectors = {};

  /// Keys of baggage that become attributes of every span that starts where it is carried: {"tenant.id"}. An attribute of that key which the
  /// span has itself wins. Records of spans with baggage get as much longer as it is.
  std::vector<std::string> baggage_attributes = {};

  /// Where spans go. Null: OTEL_TRACES_EXPORTER (none, or one or both of otlp and console, by commas), else OTLP over HTTP with the four options below.
  shared<nanospan::exporter> exporter = nullptr;
  /// The collector's address: scheme, host, port; "/v1/traces" is appended where it has no path. OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
  /// (used as it stands), else OTEL_EXPORTER_OTLP_ENDPOINT (with "v1/traces" appended), else http://localhost:4318/v1/traces.
  std::string endpoint = {};
  /// Added to each request. Beside OTEL_EXPORTER_OTLP_TRACES_HEADERS, else OTEL_EXPORTER_OTLP_HEADERS.
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// Unset: OTEL_EXPORTER_OTLP_TRACES_COMPRESSION, else OTEL_EXPORTER_OTLP_COMPRESSION (gzip or none), else none.
  nanospan::compression compression = nanospan::compression::unset;
  /// Files in PEM, for https: whom to trust instead of the system's authorities, and who we are. OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE, _CLIENT_CERTIFICATE,
  /// _CLIENT_KEY, else the same without TRACES_.
  std::string certificate_file = {};
  std::string client_certificate_file = {};
  std::string client_key_file = {};
  /// Bound on one attempt to send a batch; zero: none. OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, else OTEL_EXPORTER_OTLP_TIMEOUT (milliseconds), else 10 s.
  duration export_timeout = duration::unset();
  /// Asks at the start, in the background, whether a collector is there, and says what is wrong where none is.
  bool probe = true;
  /// How long a batch is retried, from its first attempt, with exponential back-off and jitter; zero: not at all. OTEL_BSP_EXPORT_TIMEOUT
  /// (milliseconds; the time that OpenTelemetry's processor gives its exporter for a batch; 0: for ever), else 60 s.
  duration retry_limit = duration::unset();

  /// Gets the batches that cannot be sent: not worth another attempt, out of time, beyond options.max_queue_bytes, unsent at the end. Null: they are dropped and
  /// counted.
  shared<nanospan::exporter> fallback = nullptr;
  /// A directory, made where there is none, in which batches wait that could not be sent, until they are, in this process or the next one that names it. What is
  /// there survives the end of the process, however it ends (not a loss of power). Empty: none.
  std::string spool_directory = {};
  /// The most that this process keeps there; beyond it the oldest batch goes to the fallback, or is dropped and counted.
  std::size_t spool_limit_bytes = 256u << 20;

  /// Nothing is recorded and nobody is told so; contexts are propagated all the same. Or OTEL_SDK_DISABLED=true.
  bool disabled = false;
  /// How a context is written into and read from headers, everywhere in the process from then on: {propagator::b3 | propagator::baggage}.
  /// OTEL_PROPAGATORS (tracecontext, baggage, b3, b3multi, none), else tracecontext and baggage, as without a provider.
  propagator_set propagators = {};
  /// Null: OTEL_TRACES_SAMPLER with OTEL_TRACES_SAMPLER_ARG, else parent-based, always on.
  shared<nanospan::sampler const> sampler = nullptr;

  /// Null: the library's own, random. With one, or with the next option, every span asks, and costs some 100 instructions more.
  shared<nanospan::id_generator const> id_generator = nullptr;
  /// A scope that is left by an exception ends with status Error, "an exception left the scope", and error.type "_OTHER", unless its status was set.
  bool error_on_exception = false;

  /// How much of a span is kept.
  span_limits limits = {};
  /// Sees each span that has ended, and may redact, enrich, rename or drop it: `[](nanospan::ended_span& s) { s.attributes().erase("user.email"); }`. On the background
  /// thread, which it must not block, before encoding; what it says itself by macros is not recorded. Where it throws, the span is exported as it stands, and
  /// counted (stats().hook_failed).
  span_hook on_end = {};

  /// A batch is sent when it holds so many spans or bytes, or when its first span is so old, or on flush. Zero spans:
  /// OTEL_BSP_MAX_EXPORT_BATCH_SIZE, else 512, and no more than OTEL_BSP_MAX_QUEUE_SIZE.
  std::size_t max_batch_spans = 0;
  std::size_t max_batch_bytes = 4u << 20;
  /// OTEL_BSP_SCHEDULE_DELAY (milliseconds), else 5 s.
  duration schedule_delay = duration::unset();
  /// Encoded batches that wait for the collector; beyond it the oldest are dropped and counted. Zero: OTEL_BSP_MAX_QUEUE_SIZE, else 16 MiB. The variable
  /// counts spans: each is taken for 1 KiB, which holds some twenty attributes, and there is room for one batch (max_batch_bytes) at least.
  std::size_t max_queue_bytes = 0;

  /// Of a thread's ring; a power of two from 16 KiB to 1 GiB. The default, one huge page, holds 14,000 spans with 4 attributes: what a thread
  /// records in 7 ms at 2 million spans a second, which is how long a busy system may keep the background thread waiting.
  std::size_t ring_bytes = 2u << 20;
  /// Of all rings together, touched as they are made; at least twice ring_bytes. When half of it is used (16 threads by default) new threads get smaller rings, down to
  /// 16 KiB, so that a thousand threads all trace; beyond it their spans are counted drops. Zero: 64 MiB, or less where memory_limit_bytes is set: two thirds of that,
  /// and two batches less than it.
  std::size_t ring_memory_limit_bytes = 0;

  /// Of all that holds spans, never passed: rings, blocks of spans that outgrew their buffer of 256 bytes, the batch that is being made, encoded batches that wait or are being
  /// sent (stats().memory_bytes). What rings may have is theirs, so that it is at least ring_memory_limit_bytes and two batches (max_batch_bytes). Zero: ring_memory_limit_bytes, max_queue_bytes and four batches; 96 MiB where
  /// all of them are left alone. Where it is reached a new thread gets no ring (dropped.no_ring), a span that outgrows its buffer no block (its entries are left out, and counted on
  /// it), and the oldest batches leave the queue (to the fallback, or dropped.queue_full); what is then left without memory is dropped.no_memory. A span has one mebibyte of
  /// entries at most; on the wire its attributes take six, and its events and links together, with what is beyond left out and counted on it.
  /// Rings are never given back: what those of an earlier provider have beyond ring_memory_limit_bytes is added. Contexts that carry tracestate or baggage are the program's, and not
  /// counted: extract() makes none of more than 24 KiB.
  std::size_t memory_limit_bytes = 0;

  /// The most that the provider's destructor takes, flush included.
  duration shutdown_limit = duration::of_milliseconds(2'000);
  /// False: no thread; the program calls tracer_provider::poll().
  bool background_thread = true;
  /// Of that thread, as top and gdb show it; at most 15 bytes.
  std::string background_name = "nanospan";
  /// The one CPU that it runs on; -1: those of the thread that makes the provider.
  int background_cpu = -1;
  /// Its nice value, -20 to 19; 0: that of the thread that makes the provider.
  int background_nice = 0;
  /// From 1 to 99: real-time (SCHED_FIFO) with that priority; 0: not real-time, whatever the thread that makes the provider is. What the system
  /// refuses of these is reported, and does without.
  int background_realtime_priority = 0;
  /// Null: one line to stderr, beginning with "nanospan: ".
  message_handler on_message = nullptr;
  /// Unset: OTEL_LOG_LEVEL (none, error, warn, info or debug), else info.
  nanospan::log_level log_level = nanospan::log_level::unset;
};

}  // namespace nanospan::inline v0

// ---- nanospan/exporter.hpp -----------------------------------------------------------------------------------------------------

// Where batches go: the interface of exporters, the batch that they get, and the exporters that exist. Declarations, free of Boost; the
// bodies are in exporters/. An exporter is called by one thread at a time: the background one, or who calls poll().

namespace nanospan::inline v0 {

// ---- what a finished span looks like to an exporter that reads it -----------------------------------------------------------

struct event_data {
  std::string name;
  std::uint64_t time_unix_nano = 0;
  attribute_list attributes;
  std::uint32_t dropped_attributes_count = 0;

  friend bool operator==(event_data const&, event_data const&) = default;
};

struct link_data {
  nanospan::trace_id trace_id;
  nanospan::span_id span_id;
  std::string trace_state;
  std::uint32_t flags = 0;  ///< as span_data's
  attribute_list attributes;
  std::uint32_t dropped_attributes_count = 0;

  friend bool operator==(link_data const&, link_data const&) = default;
};

struct span_data {
  nanospan::trace_id trace_id;
  nanospan::span_id span_id;
  nanospan::span_id parent_span_id;  ///< invalid: a root
  std::string trace_state;
  std::uint32_t flags = 0;  ///< OTLP span flags: W3C trace flags, 0x100 and 0x200
  std::string name;
  span_kind kind = span_kind::internal;
  std::uint64_t start_time_unix_nano = 0;
  std::uint64_t end_time_unix_nano = 0;
  attribute_list attributes;
  std::uint32_t dropped_attributes_count = 0;
  std::vector<event_data> events;
  std::uint32_t dropped_events_count = 0;
  std::vector<link_data> links;
  std::uint32_t dropped_links_count = 0;
  span_status status = span_status::unset;
  std::string status_message;
  std::string scope_name;  ///< of the tracer
  std::string scope_version;
  std::string scope_schema_url;
  attribute_list scope_attributes;
  std::string service_name;  ///< of the resource that the span belongs to

  friend bool operator==(span_data const&, span_data const&) = default;
};

/// Some finished spans, encoded: the bytes of an OTLP ExportTraceServiceRequest (and TracesData, which has the same shape).
struct NANOSPAN_DETAIL_SHARED batch {
  std::string otlp;
  std::size_t span_count = 0;

  /// The same as objects, for an exporter that reads spans. Bodies with the implementation; slow beside everything else here.
  std::vector<span_data> spans() const;
  attribute_list resource() const;
};

struct NANOSPAN_DETAIL_SHARED waterfall_style {
  bool colour = false;
  std::size_t columns = 100;  ///< of the whole picture; no less than 40 are used

  /// In colour (unless NO_COLOR is set) and as wide as it is where `descriptor` is a terminal, else the default.
  static waterfall_style of(int descriptor);
};
/// Draws spans of one trace as text, a line a span: the tree of names, bars, durations, errors. Body with the implementation.
NANOSPAN_DETAIL_SHARED std::string waterfall(std::vector<span_data> spans, waterfall_style style = {});

// ---- the interface ----------------------------------------------------------------------------------------------------------

/// How an exporter waits: the rings are drained meanwhile, and the wait ends early when the provider must stop.
class NANOSPAN_DETAIL_SHARED export_wait {
 public:
  virtual ~export_wait() = default;
  enum class outcome { ready, timed_out, stopped };
  /// Until `descriptor` is readable, or, where `writable` asks for it, can be written to as well, or the monotonic clock (nanoseconds) passes `deadline`. A
  /// negative descriptor only waits.
  virtual outcome wait(int descriptor, bool writable, std::uint64_t deadline) = 0;
};

struct export_result {
  enum class outcome {
    success,      ///< taken, but for `rejected_spans`
    retry,        ///< worth another attempt, not before `retry_after`
    unreachable,  ///< no connection: worth another attempt, but not while the program waits to end
    failure,      ///< not worth one
    unconfirmed,  ///< sent in full and never answered; worth another attempt
    too_large,    ///< worth one in two halves (HTTP 413)
  };
  outcome what = outcome::success;
  std::uint64_t rejected_spans = 0;
  duration retry_after = {};
  std::string message = {};  ///< why, in one line
};

/// A destination. All calls come from one thread at a time.
class NANOSPAN_DETAIL_SHARED exporter {
 public:
  virtual ~exporter() = default;
  /// One attempt. Waits only through `wait`.
  virtual export_result export_batch(batch const& spans, export_wait& wait) = 0;
  /// Asks whether anybody who takes spans is there, and sends none: what it says is told when the provider starts. Waits only through `wait`.
  virtual export_result probe(export_wait& /*wait*/) { return {}; }
  /// For a forked child: another one to the same destination, with nothing of the parent's (connection, file, thread). Null: none, and the child's
  /// spans are counted drops. Called in the child, while no other thread is.
  virtual shared<exporter> for_child() const { return nullptr; }
  /// The provider ends: writes what the exporter still holds, lets go of its connection. Waits only through `wait`. Returns how many spans
  /// that it had taken are lost all the same.
  virtual std::uint64_t shutdown(export_wait& /*wait*/) { return 0; }
  /// For messages: "OTLP/HTTP at http://localhost:4318/v1/traces (the default)".
  virtual std::string description() const = 0;
};

// ---- the exporters ----------------------------------------------------------------------------------------------------------

/// Keeps what is exported, a thread's spans in the order in which they ended, for users' tests: `auto spans = std::make_shared<nanospan::memory_exporter>();`. Any thread.
class NANOSPAN_DETAIL_SHARED memory_exporter final : public exporter {
 public:
  memory_exporter();
  std::vector<span_data> spans() const;
  attribute_list resource() const;
  void clear();

  export_result export_batch(batch const& spans, export_wait& wait) override;
  std::string description() const override;

 private:
  struct state;
  shared<state> state_;
};

/// Draws each finished local trace as a waterfall on a file descriptor: names, bars, durations, errors. A trace is finished when the
/// root of its part in this process has arrived; what arrives later, or has no root when the provider ends, is drawn by itself. In
/// colour on a terminal, unless NO_COLOR is set. Does not own the descriptor.
class NANOSPAN_DETAIL_SHARED console_exporter final : public exporter {
 public:
  explicit console_exporter(int descriptor = 1);

  export_result export_batch(batch const& spans, export_wait& wait) override;
  /// Draws to the same descriptor, what the child records.
  shared<exporter> for_child() const override;
  std::uint64_t shutdown(export_wait& wait) override;
  std::string description() const override;

 private:
  struct state;
  shared<state> state_;
};

/// The same spans to several exporters. What the first says of a batch decides what becomes of it, and is counted; it alone gets one again. Each of the
/// others gets a batch once, at its first attempt, and what it says of it is nobody's business.
class NANOSPAN_DETAIL_SHARED composite_exporter final : public exporter {
 public:
  /// Throws configuration_error where there is none, or a null one.
  explicit composite_exporter(std::vector<shared<exporter>> all);

  export_result export_batch(batch const& spans, export_wait& wait) override;
  export_result probe(export_wait& wait) override;  ///< of the first
  /// Of those that there is another one of for a forked child; null where there is none of the first.
  shared<exporter> for_child() const override;
  std::uint64_t shutdown(export_wait& wait) override;
  std::string description() const override;

 private:
  std::vector<shared<exporter>> all_;
  std::size_t last_ = 0;  // a hash of the batch that the others got
};

/// Where and how otlp_http_exporter sends. tracer_provider fills it from its options and the environment.
struct otlp_http_options {
  std::string url = "http://localhost:4318/v1/traces";  ///< or https://… (see NANOSPAN_TLS), or a Unix socket: unix:///run/otel.sock, for /v1/traces
  std::string url_source = "the default";               ///< for messages: which option or variable said so
  std::vector<std::pair<std::string, std::string>> headers = {};
  duration timeout = duration::of_milliseconds(10'000);  ///< of one attempt, name resolution included; zero: none
  nanospan::compression compression = nanospan::compression::none;
  /// As in options; read when the exporter is made.
  std::string certificate_file = {};
  std::string client_certificate_file = {};
  std::string client_key_file = {};
};

/// POSTs batches as OTLP/HTTP protobuf over one kept-alive connection (OTLP specification, "OTLP/HTTP").
class NANOSPAN_DETAIL_SHARED otlp_http_exporter final : public exporter {
 public:
  /// Throws configuration_error for a URL, or files, that cannot be used.
  explicit otlp_http_exporter(otlp_http_options with);
  ~otlp_http_exporter() override;

  export_result export_batch(batch const& spans, export_wait& wait) override;
  /// Sends a request without spans.
  export_result probe(export_wait& wait) override;
  shared<exporter> for_child() const override;
  std::uint64_t shutdown(export_wait& wait) override;
  std::string description() const override;

 private:
  struct state;
  shared<state> state_;
};

/// Where otlp_file_exporter writes, and how much it keeps.
struct otlp_file_options {
  /// "traces.jsonl"; relative to the directory that is the current one when the exporter is made. Its directory must be there. "-": standard output.
  /// What is not a regular file (a pipe, a terminal, a symbolic link) is written to as it is, and never renamed.
  std::string path;
  /// A line that would make the file larger begins another one; one that is larger by itself stands alone. Zero: no limit.
  std::size_t max_bytes = 20u << 20;
  /// The current one and those before it, path.1 (the youngest), path.2 and so on; the oldest is removed.
  std::size_t max_files = 3;
};

/// Appends batches to a file in OpenTelemetry's JSON Lines, a batch a line (OpenTelemetry, "OTLP File Exporter"): what the Collector's otlpjsonfile receiver reads.
/// Several processes may write to one path: each line is whole. A process that is killed leaves one broken line at most, ended by whoever writes the next; what
/// was exported is there (a loss of power is not survived). Where the disk refuses or hangs, the batch is worth another attempt, and none of it is left
/// behind. The disk is waited for on a thread of its own, named "nanospan-disk", at most 10 s an attempt.
class NANOSPAN_DETAIL_SHARED otlp_file_exporter final : public exporter {
 public:
  /// Throws configuration_error for an empty path, no files, or where the current directory is not known. Touches no disk.
  explicit otlp_file_exporter(otlp_file_options with);
  ~otlp_file_exporter() override;

  export_result export_batch(batch const& spans, export_wait& wait) override;
  shared<exporter> for_child() const override;
  std::uint64_t shutdown(export_wait& wait) override;
  std::string description() const override;

 private:
  struct state;
  shared<state> state_;
};

}  // namespace nanospan::inline v0

// ---- nanospan/stats.hpp --------------------------------------------------------------------------------------------------------

// The account of every span: what was ended, where it went, why it was lost. When nothing is being recorded it is exact:
//   ended + recovered = exported + fallback + rejected + dropped + discarded + unconfirmed + held
// At any other time each figure is a lower bound. Any thread; works before, during and after a provider.

namespace nanospan::inline v0 {

/// A snapshot, in spans. Recorded spans only: one that the sampler dropped is in no figure.
struct NANOSPAN_DETAIL_SHARED stats_snapshot {
  struct drops {
    std::uint64_t no_provider = 0;     ///< recorded before there was a tracer_provider (counted as they begin)
    std::uint64_t after_shutdown = 0;  ///< begun or ended after the provider's end
    std::uint64_t ring_full = 0;       ///< the thread recorded faster than its ring was drained
    std::uint64_t no_ring = 0;         ///< options.ring_memory_limit_bytes was reached
    std::uint64_t no_slot = 0;         ///< in thread-local destructors after the thread's end, or without memory
    std::uint64_t queue_full = 0;      ///< encoded batches waited beyond options.max_queue_bytes
    std::uint64_t export_failed = 0;   ///< the exporter gave up: not retryable, or out of time
    std::uint64_t spool_full = 0;      ///< waited on disk beyond options.spool_limit_bytes, and there is no fallback
    std::uint64_t interrupted = 0;     ///< in a signal handler that had interrupted the thread while it recorded
    std::uint64_t no_memory = 0;       ///< there was no memory to encode or queue them
    std::uint64_t shutdown = 0;        ///< still queued when options.shutdown_limit ran out

    std::uint64_t total() const noexcept {
      return no_provider + after_shutdown + ring_full + no_ring + no_slot + queue_full + export_failed + spool_full + interrupted + no_memory + shutdown;
    }
  };

  /// Left out on purpose, after they were recorded.
  struct discards {
    std::uint64_t hook = 0;         ///< by the hook on ended spans
    std::uint64_t record_only = 0;  ///< their sampler wanted them recorded, and no more
    std::uint64_t inherited = 0;    ///< in a forked process: were open when it was forked, and are the parent's to send

    std::uint64_t total() const noexcept { return hook + record_only + inherited; }
  };

  std::uint64_t ended = 0;
  std::uint64_t recovered = 0;    ///< read from the spool that another process left; not among `ended`
  std::uint64_t exported = 0;     ///< the exporter confirmed them
  std::uint64_t fallback = 0;     ///< options.fallback took them
  std::uint64_t rejected = 0;     ///< the collector took the batch and refused these (OTLP partial success)
  drops dropped = {};
  discards discarded = {};
  std::uint64_t unconfirmed = 0;  ///< sent in full, never answered: the collector may have them
  std::uint64_t held = 0;         ///< in rings, batches, queue and spool
  std::uint64_t spooled = 0;      ///< of those held: on disk
  std::uint64_t recovered_in_flight = 0;  ///< of those recovered: were being sent when their process ended, so that the collector may get them twice
  std::uint64_t misused = 0;      ///< not spans: NANOSPAN_SET and its like where no span was open, scopes closed out of order

  std::uint64_t hook_failed = 0;  ///< of those exported or still held: options.on_end threw

  std::uint64_t in_flight = 0;           ///< of those held: given to the exporter at least once
  std::uint64_t passed = 0;              ///< given to the exporter at least once, whatever became of them
  std::uint64_t passed_queue_full = 0;   ///< of dropped.queue_full: had been given to the exporter
  std::uint64_t passed_shutdown = 0;     ///< of dropped.shutdown: had been given to the exporter
  std::uint64_t passed_fallback = 0;     ///< of fallback: had been given to the exporter
  std::uint64_t passed_spool_full = 0;   ///< of dropped.spool_full: had been given to the exporter

  std::uint64_t queue_bytes = 0;         ///< encoded batches that wait or are being sent
  std::uint64_t queue_limit_bytes = 0;   ///< options.max_queue_bytes; zero without a provider
  std::uint64_t ring_memory_bytes = 0;   ///< of all threads' rings
  std::uint64_t ring_memory_limit_bytes = 0;
  std::uint64_t memory_bytes = 0;        ///< of all that holds spans; see options.memory_limit_bytes
  std::uint64_t memory_limit_bytes = 0;

  /// Batches of which the exporting has ended in one of these ways, and how long it took: from the first attempt to the end, back-off included.
  struct export_operations {
    struct total {
      std::uint64_t count = 0;
      std::uint64_t nanoseconds = 0;
    };
    total success = {};
    total rejected = {};  ///< the collector refused spans of them
    total export_failed = {};
    total unconfirmed = {};
    total queue_full = {};
    total shutdown = {};
    total fallback = {};  ///< options.fallback took them
    total spool_full = {};
  };
  export_operations exports = {};

  std::uint64_t accounted() const noexcept { return exported + fallback + rejected + dropped.total() + discarded.total() + unconfirmed + held; }

  /// All of it as text for a health page, in Prometheus' exposition format 0.0.4, a HELP and a TYPE beside each metric. OpenTelemetry's names
  /// where it has one (semantic conventions, "SDK metrics": otel_sdk_processor_span_*, otel_sdk_exporter_*), else ours (nanospan_*). Any thread; throws
  /// std::bad_alloc; body with the implementation.
  std::string text() const;
};

/// The account of this process so far. Any thread, no lock; cost: a walk over the threads' slots.
inline stats_snapshot stats() noexcept {
  stats_snapshot now;
  auto const& done = detail::background;
  // The background's figures first: what moves on meanwhile is then seen as held, not twice.
  now.exported = done.exported.read();
  now.fallback = done.fallback.read();
  now.rejected = done.rejected.read();
  now.unconfirmed = done.unconfirmed.read();
  now.dropped.queue_full = done.dropped_queue_full.read();
  now.dropped.export_failed = done.dropped_export_failed.read();
  now.dropped.spool_full = done.dropped_spool_full.read();
  now.dropped.no_memory = done.dropped_no_memory.read();
  now.dropped.shutdown = done.dropped_shutdown.read();
  now.discarded.hook = done.discarded_hook.read();
  now.discarded.record_only = done.discarded_record_only.read();
  now.discarded.inherited = done.discarded_inherited.read();
  std::uint64_t const settled = now.accounted();
  now.recovered = done.recovered.read();  // after what became of them
  now.recovered_in_flight = done.recovered_in_flight.read();
  now.spooled = done.spooled.load(std::memory_order_relaxed);
  now.hook_failed = done.hook_failed.read();
  now.passed_queue_full = done.passed_queue_full.read();
  now.passed_shutdown = done.passed_shutdown.read();
  now.passed_fallback = done.passed_fallback.read();
  now.passed_spool_full = done.passed_spool_full.read();
  auto const operations = [](detail::export_end how) {
    auto const& all = detail::background.exports[static_cast<std::size_t>(how)];
    return stats_snapshot::export_operations::total{all.count.read(), all.nanoseconds.read()};
  };
  using how = detail::export_end;
  now.exports = {operations(how::success),     operations(how::rejected),   operations(how::export_failed),
                 operations(how::unconfirmed), operations(how::queue_full), operations(how::shutdown),
                 operations(how::fallback),    operations(how::spool_full)};
  now.queue_bytes = done.queue_bytes.load(std::memory_order_relaxed);
  now.queue_limit_bytes = done.queue_limit_bytes.load(std::memory_order_relaxed);
  now.ring_memory_bytes = detail::registry.ring_memory_bytes.load(std::memory_order_relaxed);
  now.ring_memory_limit_bytes = detail::registry.ring_memory_limit_bytes.load(std::memory_order_relaxed);
  now.memory_bytes = now.ring_memory_bytes + detail::span_memory.used();
  now.memory_limit_bytes = detail::span_memory.limit() + (now.ring_memory_bytes > now.ring_memory_limit_bytes ? now.ring_memory_bytes : now.ring_memory_limit_bytes);
  // After what became of them.
  now.passed = done.passed.read();
  std::uint64_t const returned = now.exported + now.rejected + now.unconfirmed + now.dropped.export_failed + now.passed_queue_full + now.passed_shutdown +
                                 now.passed_fallback + now.passed_spool_full;
  now.in_flight = now.passed > returned ? now.passed - returned : 0;
  std::uint64_t recorded = 0;
  std::uint64_t inherited = 0;  // not through a ring
  detail::for_each_slot([&](detail::thread_slot const& slot) {
    recorded += slot.ring.records();
    now.dropped.no_provider += slot.dropped_no_provider.read();
    now.dropped.after_shutdown += slot.dropped_after_shutdown.read();
    now.dropped.ring_full += slot.dropped_ring_full.read();
    now.dropped.no_ring += slot.dropped_no_ring.read();
    now.dropped.interrupted += slot.dropped_interrupted.load(std::memory_order_relaxed);  // Relaxed: for reporting.
    inherited += slot.discarded_inherited.read();
    now.misused += slot.misused.read() + slot.scopes_lost.load(std::memory_order_relaxed);
  });
  now.dropped.no_slot = detail::registry.dropped_no_slot.load(std::memory_order_relaxed);
  now.held = recorded + now.recovered > settled ? recorded + now.recovered - settled : 0;
  now.ended = recorded + now.dropped.no_provider + now.dropped.after_shutdown + now.dropped.ring_full + now.dropped.no_ring + now.dropped.no_slot + now.dropped.interrupted + inherited;
  now.discarded.inherited += inherited;
  return now;
}

}  // namespace nanospan::inline v0

// ---- nanospan/tracer_provider.hpp ----------------------------------------------------------------------------------------------

// The one object that a program makes in main: while it lives, spans are recorded and sent. Declarations only; the bodies come
// with NANOSPAN_IMPLEMENTATION, and recording refers to none of them.

namespace nanospan::inline v0 {

namespace detail {

class pipeline;
// Where the linker names this, define NANOSPAN_IMPLEMENTATION in exactly one source file, before it includes nanospan.hpp.
NANOSPAN_DETAIL_SHARED pipeline* define_NANOSPAN_IMPLEMENTATION_in_one_source_file(options&& with);

// How the whole process reaches the living provider's pipeline without referring to the implementation.
struct pipeline_door {
  std::atomic<bool (*)(duration limit) noexcept> flush{nullptr};
  std::atomic<bool (*)(duration limit) noexcept> drain{nullptr};
};
NANOSPAN_DETAIL_SHARED inline constinit pipeline_door door{};

}  // namespace detail

/// Sends what is buffered; see tracer_provider::flush. True at once where there is no provider. Any thread.
inline bool flush(duration limit = duration::of_milliseconds(2'000)) noexcept {
  auto* const call = detail::door.flush.load(std::memory_order_acquire);  // Acquire: pairs with the provider's release.
  return call == nullptr || call(limit);
}

/// Reads every span that ended before the call out of the rings and forgets what was remembered about names and keys: what a plugin does
/// before it is unloaded, for they are literals of its own. Spans that are still open, and were given its names or keys, must end first. Sends nothing.
/// Blocks up to `limit`, a drain's time for the most part. False if time ran out: the library must stay. Any thread.
inline bool drain(duration limit = duration::of_milliseconds(2'000)) noexcept {
  if (auto* const call = detail::door.drain.load(std::memory_order_acquire)) return call(limit);  // Acquire: as in flush().
  return detail::rings_are_empty();  // who has nobody to read them
}

/// Records from its construction to its destruction; one at a time in a process (another throws, and another may follow).
class NANOSPAN_DETAIL_SHARED tracer_provider {
 public:
  /// Throws configuration_error for a bad option or a second provider; a bad variable is reported and ignored.
  // A template, so that a file that makes none need not compile what becomes of the options.
  template <int = 0>
  [[nodiscard("a tracer_provider without a name ends at once")]] explicit tracer_provider(options with = {}) : pipeline_{detail::define_NANOSPAN_IMPLEMENTATION_in_one_source_file(std::move(with))} {}
  /// Flushes within options.shutdown_limit, ends the background thread, and reports what was lost. Spans that are recorded meanwhile
  /// and afterwards, on whichever thread, are counted drops.
  ~tracer_provider();
  tracer_provider(tracer_provider const&) = delete;
  tracer_provider& operator=(tracer_provider const&) = delete;

  /// Sends every span that ended before the call. Blocks up to `limit`. False if time ran out or something could not be sent; what is
  /// left stays queued. Any thread.
  bool flush(duration limit = duration::of_milliseconds(2'000)) noexcept;
  /// One round of the background's work (drain, encode, send what is due); for options.background_thread = false. One thread at a time.
  void poll() noexcept;
  /// Asks another sampler from now on; null: parent-based, always on. The one before lives on until the program ends, for a thread may be asking
  /// it, and with it each that there ever was: for changes by hand or by the minute, not by the request. Takes no lock that recording takes. Throws
  /// std::bad_alloc. Any thread.
  void set_sampler(shared<sampler const> sampler);

 private:
  detail::pipeline* pipeline_;
};

}  // namespace nanospan::inline v0

#endif

#if defined(NANOSPAN_IMPLEMENTATION) && !defined(NANOSPAN_IMPLEMENTATION_HPP)
#define NANOSPAN_IMPLEMENTATION_HPP

// ---- nanospan/detail/joined.hpp ------------------------------------------------------------------------------------------------

// Messages from their pieces. A chain of + compiles to a dozen calls and their clean-up each; there are many messages. Any thread.

namespace nanospan::inline v0::detail {

NANOSPAN_DETAIL_OUT_OF_LINE inline std::string joined(std::initializer_list<std::string_view> pieces) {
  std::string text;
  for (std::string_view const piece : pieces) text += piece;
  return text;
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/decimal.hpp -----------------------------------------------------------------------------------------------

// Numbers as texts of the outside say them. In one function: std::from_chars is a kilobyte wherever it is called. Any thread.

#include <charconv>
#include <optional>
#include <system_error>

namespace nanospan::inline v0::detail {

// Digits, and nothing beside them; nothing where there are others, none, or more than 64 bits hold.
NANOSPAN_DETAIL_OUT_OF_LINE inline std::optional<std::uint64_t> decimal(std::string_view text) noexcept {
  std::uint64_t number = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/descriptor.hpp --------------------------------------------------------------------------------------------

// File descriptors that close themselves, pipes made of them, and a write that harms nobody. Background half.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

namespace nanospan::inline v0::detail {

class descriptor {
 public:
  descriptor() noexcept = default;
  explicit descriptor(int owned) noexcept : number_{owned} {}
  descriptor(descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  descriptor& operator=(descriptor other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const noexcept { return number_; }
  bool open() const noexcept { return number_ >= 0; }

 private:
  int number_ = -1;
};

// Both ends close on exec and do not block.
inline bool make_pipe(descriptor& reader, descriptor& writer) noexcept {
  int ends[2];
#if defined(__linux__)
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;  // at once: another thread may fork and exec
#else
  if (::pipe(ends) != 0) return false;
  for (int const end : ends) {
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
    ::fcntl(end, F_SETFL, O_NONBLOCK);
  }
#endif
  reader = descriptor{ends[0]};
  writer = descriptor{ends[1]};
  return true;
}

inline bool writable_now(int number) noexcept {
  pollfd watched{number, POLLOUT, 0};
  return ::poll(&watched, 1, 0) == 1 && (watched.revents & POLLOUT) != 0;
}

// write(), but a reader that is gone and a file that is too large are errors (EPIPE, EFBIG) and never a SIGPIPE or SIGXFSZ, whatever the program does
// with those signals. Any thread.
inline ssize_t write_without_signal(int number, void const* bytes, std::size_t count) noexcept {
  sigset_t ours;
  sigset_t before;
  sigset_t pending;
  ::sigemptyset(&ours);
  ::sigaddset(&ours, SIGPIPE);
  ::sigaddset(&ours, SIGXFSZ);
  ::sigpending(&pending);
  ::pthread_sigmask(SIG_BLOCK, &ours, &before);
  ssize_t const written = ::write(number, bytes, count);
  int const error = errno;
  int const sent = written >= 0 ? 0 : error == EPIPE ? SIGPIPE : error == EFBIG ? SIGXFSZ : 0;
  if (sent != 0 && ::sigismember(&pending, sent) != 1) {  // ours: taken before anybody sees it
    ::sigemptyset(&ours);
    ::sigaddset(&ours, sent);
#if defined(__linux__)
    timespec const at_once{};
    ::sigtimedwait(&ours, nullptr, &at_once);
#else
    // There by now, or ignored and never: sigwait() would wait for that.
    ::sigpending(&pending);
    int taken = 0;
    if (::sigismember(&pending, sent) == 1) ::sigwait(&ours, &taken);
#endif
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return written;
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/guest_thread.hpp ------------------------------------------------------------------------------------------

// Threads that are guests in the program: they handle none of its signals, but for those that a fault of their own raises. Background half.

#include <boost/system/error_code.hpp>

#include <thread>

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

namespace nanospan::inline v0::detail {

// Throws std::system_error where there is no thread to be had.
template <typename Run>
std::thread start_guest_thread(Run&& run) {
  struct signals_blocked {
    sigset_t before;
    signals_blocked() noexcept {
      sigset_t all;
      ::sigfillset(&all);
      for (int const fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) ::sigdelset(&all, fault);
      ::pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  } const while_it_starts;  // a new thread inherits the mask
  return std::thread{std::forward<Run>(run)};
}

// How a guest wants to run; see options.
struct guest_settings {
#if defined(__linux__)
  static constexpr int cpu_count = CPU_SETSIZE;
#else
  static constexpr int cpu_count = 0;  // POSIX pins no thread
#endif
  char const* name;
  int cpu;
  int nice;
  int realtime_priority;
};

// Applies them to the calling thread, and says what the system refuses: `refused(std::string what)`.
template <typename Refused>
void settle_in(guest_settings const& as, Refused&& refused) {
  auto const check = [&](int error, char const* what, int value) {
    if (error != 0) refused(joined({"the background thread cannot have ", what, std::to_string(value), ": ", boost::system::system_category().message(error)}));
  };
#if defined(__linux__)
  ::pthread_setname_np(::pthread_self(), as.name);
  if (as.cpu >= 0) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<std::size_t>(as.cpu), &only);
    check(::pthread_setaffinity_np(::pthread_self(), sizeof only, &only), "CPU ", as.cpu);
  }
  // On Linux the nice value is a thread's own; 0 means the calling one.
  if (as.nice != 0) check(::setpriority(PRIO_PROCESS, 0, as.nice) == 0 ? 0 : errno, "the nice value ", as.nice);
#endif
  sched_param parameters{};
  parameters.sched_priority = as.realtime_priority;
  int const wanted = as.realtime_priority == 0 ? SCHED_OTHER : SCHED_FIFO;
#if defined(__linux__)
  // The system's word: pthread_getschedparam() may answer what the thread that started this one was once asked. 0 means the calling thread.
  int const policy = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
  if (as.realtime_priority == 0 && policy != SCHED_FIFO && policy != SCHED_RR) return;
  int const error = ::sched_setscheduler(0, wanted, &parameters) == 0 ? 0 : errno;
#else
  int const error = ::pthread_setschedparam(::pthread_self(), wanted, &parameters);
#endif
  check(error, "the real-time priority ", as.realtime_priority);
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/silence.hpp -----------------------------------------------------------------------------------------------

// A thread that records nothing for a while: what reads spans may call what makes some, and each that is read would make the next. Background half.

namespace nanospan::inline v0::detail {

// As if the thread had exited. What is current, and open, is so again afterwards; a span that ends meanwhile, and began before or elsewhere, is a counted drop.
class silence {
 public:
  silence() noexcept
      : current_{std::exchange(this_thread.current, {})},
        slot_{std::exchange(this_thread.slot, nullptr)},
        exited_{std::exchange(this_thread.exited, true)},
        silenced_{std::exchange(this_thread.silenced, true)} {}
  silence(silence const&) = delete;
  silence& operator=(silence const&) = delete;
  ~silence() {
    this_thread.current = current_;
    this_thread.slot = slot_;
    this_thread.exited = exited_;
    this_thread.silenced = silenced_;
  }

 private:
  active_context current_;
  thread_slot* slot_;
  bool exited_;
  bool silenced_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/batch_account.hpp -----------------------------------------------------------------------------------------

// What becomes of one batch's spans, told to the account: given to the exporter, then settled or lost, once. The sender's thread.

namespace nanospan::inline v0::detail {

class batch_account {
 public:
  explicit batch_account(std::uint64_t spans) noexcept : spans_{spans} {}

  std::uint64_t spans() const noexcept { return spans_; }
  // Monotonic nanoseconds.
  std::uint64_t first_attempt() const noexcept { return first_attempt_; }

  void attempted() noexcept {
    if (first_attempt_ != 0) return;
    first_attempt_ = monotonic_nanoseconds();
    background.passed.add(spans_);
  }
  // An attempt was sent in full and not answered.
  void unanswered() noexcept { unanswered_ = true; }
  bool maybe_there() const noexcept { return unanswered_; }

  // Of a batch that is taken apart: the rest is this one's, and the other has a past, too.
  batch_account part(std::uint64_t spans) noexcept {
    batch_account other = *this;
    other.spans_ = spans;
    spans_ -= spans;
    return other;
  }

  void settled(std::uint64_t rejected) noexcept {
    background.exported.add(spans_ - rejected);
    background.rejected.add(rejected);
    ended(rejected == 0 ? export_end::success : export_end::rejected);
  }
  void fell_back() noexcept {
    background.fallback.add(spans_);
    if (first_attempt_ == 0) return;
    background.passed_fallback.add(spans_);
    ended(export_end::fallback);
  }
  // What was once sent in full may be there: it is not known to be lost.
  void lost(export_end reason) noexcept {
    bool const passed = first_attempt_ != 0;
    if (unanswered_) {
      // Of another process, which has not told us that it was given to an exporter.
      if (!passed) background.passed.add(spans_);
      background.unconfirmed.add(spans_);
      if (passed) ended(export_end::unconfirmed);
      return;
    }
    struct {
      export_end reason;
      counter& all;
      counter* passed;
    } const counters[] = {{export_end::queue_full, background.dropped_queue_full, &background.passed_queue_full},
                          {export_end::shutdown, background.dropped_shutdown, &background.passed_shutdown},
                          {export_end::spool_full, background.dropped_spool_full, &background.passed_spool_full},
                          {export_end::export_failed, background.dropped_export_failed, nullptr}};
    for (auto const& one : counters) {
      if (one.reason != reason) continue;
      one.all.add(spans_);
      if (passed && one.passed != nullptr) one.passed->add(spans_);
    }
    if (passed) ended(reason);
  }

 private:
  void ended(export_end how) const noexcept {
    auto& all = background.exports[static_cast<std::size_t>(how)];
    all.count.add(1);
    all.nanoseconds.add(monotonic_nanoseconds() - first_attempt_);
  }

  std::uint64_t spans_;
  std::uint64_t first_attempt_ = 0;
  bool unanswered_ = false;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/charged_batch.hpp -----------------------------------------------------------------------------------------

// A batch in the queue, and what the memory account was charged for it: given back when the batch goes. Background thread.

namespace nanospan::inline v0::detail {

struct charged_batch : batch {
  // Of one that nobody was charged for, too.
  explicit(false) charged_batch(batch&& spans, memory_charge&& charge = {}) noexcept : batch{std::move(spans)}, held{std::move(charge)} {}
  memory_charge held;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/turn.hpp --------------------------------------------------------------------------------------------------

// A mutex whose wait has a limit: std::timed_mutex, in a form that ThreadSanitizer understands everywhere. Any thread.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace nanospan::inline v0::detail {

class turn {
 public:
  void lock() { try_lock_until(~std::uint64_t{0}); }
  // `deadline`: monotonic nanoseconds.
  bool try_lock_until(std::uint64_t deadline) {
    // Beyond a hundred years there is no clock.
    std::chrono::steady_clock::time_point const until{std::chrono::nanoseconds{static_cast<std::int64_t>(std::min(deadline, std::uint64_t{3} << 60))}};
    std::unique_lock lock{mutex_};
    if (!free_.wait_until(lock, until, [&] { return !taken_; })) return false;
    taken_ = true;
    return true;
  }
  void unlock() {
    std::lock_guard const lock{mutex_};
    taken_ = false;
    free_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable free_;
  bool taken_ = false;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/wake_up.hpp -----------------------------------------------------------------------------------------------

// When the background thread works: what wakes it, and how long it sleeps by itself.

#include <algorithm>

namespace nanospan::inline v0::detail {

// Wakes the background thread; a pipe, so that it can be polled beside a socket.
class wake_up {
 public:
  wake_up() noexcept : made_{make_pipe(reader_, writer_)} {}
  bool made() const noexcept { return made_; }
  int readable() const noexcept { return reader_.get(); }
  void wake() noexcept {
    [[maybe_unused]] auto const written = ::write(writer_.get(), "", 1);  // a full pipe wakes as well
  }
  void clear() noexcept {
    char bytes[64];
    while (::read(reader_.get(), bytes, sizeof bytes) > 0) {}  // NOLINT(clang-analyzer-unix.BlockInCriticalSection): O_NONBLOCK
  }

 private:
  descriptor reader_;
  descriptor writer_;
  bool made_;  // after both of them
};

// When to drain next: a sixteenth of the fullest ring fills in between, as fast as it fills now. Slow to lengthen, quick to shorten. Drains that
// come sooner, while something is being sent, count together.
class pace {
 public:
  static constexpr std::uint64_t shortest = 200'000;  // nanoseconds
  static constexpr std::uint64_t longest = 20'000'000;

  explicit pace(std::uint64_t now = 0) noexcept : drained_{now}, since_{now} {}

  std::uint64_t interval() const noexcept { return interval_; }
  std::uint64_t next_drain() const noexcept { return drained_ + interval_; }
  // After a drain: `fullest` is what share of the fullest ring was full.
  void saw(double fullest, std::uint64_t now) noexcept {
    drained_ = now;
    filled_ += fullest;
    auto const elapsed = static_cast<double>(now - since_);
    auto const interval = static_cast<double>(interval_);
    if (elapsed < interval / 2 && filled_ < share) return;
    double const wanted = filled_ > 0.9 ? 0 : elapsed * share / std::max(filled_, 1e-9);  // of a full ring nobody knows how fast it filled
    double const bounded = std::clamp(std::min(wanted, interval + elapsed / 4), static_cast<double>(shortest), static_cast<double>(longest));
    interval_ = static_cast<std::uint64_t>(bounded);
    since_ = now;
    filled_ = 0;
  }

 private:
  static constexpr double share = 1.0 / 16;

  std::uint64_t interval_ = shortest;
  std::uint64_t drained_;
  std::uint64_t since_;  // of what follows
  double filled_ = 0;    // shares of a ring
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/side_thread.hpp -------------------------------------------------------------------------------------------

// A thread for what may block without a bound, as a disk does. Who asks waits through export_wait, so that the rings are drained meanwhile. Background half.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>

#include <sys/types.h>

namespace nanospan::inline v0::detail {

// Used by one thread at a time. Its own thread starts at the first run(), and in a forked child at the first one there.
class side_thread {
 public:
  side_thread() noexcept = default;
  side_thread(side_thread const&) = delete;
  side_thread& operator=(side_thread const&) = delete;
  // Never waits for work: a thread that is at it goes on, and ends by itself.
  ~side_thread() {
    if (!state_ || state_->process != ::getpid()) return;  // in a forked child: whose lock could be taken for ever
    bool busy = false;
    {
      std::lock_guard const lock{state_->mutex};
      state_->over = true;
      busy = state_->busy;
      state_->changed.notify_one();
    }
    // One that is not ends at once, and is then gone for certain: the library that it runs may be closed.
    if (busy) state_->thread.detach();
    else state_->thread.join();
  }

  // Runs work() there; true when it is done. False when `deadline` (monotonic nanoseconds) passed or the provider stops first: work() goes on by itself,
  // so it owns all that it uses (by value, by shared), and the next call waits for its end before it begins its own, which it leaves out where it
  // returns false before that. What work() throws is lost. Throws std::system_error where no thread can be had, and then has not begun.
  bool run(std::function<void()> work, export_wait& wait, std::uint64_t deadline) {
    start();
    if (!wait_for_thread(wait, deadline)) return false;
    {
      std::lock_guard const lock{state_->mutex};
      state_->work = std::move(work);
      state_->busy = true;
      state_->changed.notify_one();
    }
    return wait_for_thread(wait, deadline);
  }

 private:
  struct state {
    wake_up done;
    pid_t process = ::getpid();
    std::mutex mutex;  // the four below
    std::condition_variable changed;
    std::function<void()> work;
    bool busy = false;  // from when there is work until it is done
    bool over = false;
    std::thread thread;
  };

  // A child's copy of the parent's state is never destroyed: the thread that shares it is not there to let go of it.
  void start() {
    if (state_ && state_->process == ::getpid()) return;
    auto made = shared<state>::make<state>();
    if (!made->done.made()) throw std::system_error{EMFILE, std::generic_category()};
    made->thread = start_guest_thread([made] { serve(*made); });
    state_ = std::move(made);
  }
  static void serve(state& in) {
    settle_in({"nanospan-disk", -1, 0, 0}, [](std::string const&) {});  // not real-time, whoever starts it is
    for (std::unique_lock lock{in.mutex};;) {
      in.changed.wait(lock, [&] { return in.over || in.busy; });
      if (!in.busy) return;
      std::function<void()> work = std::exchange(in.work, nullptr);
      lock.unlock();
      try {
        work();
        work = nullptr;  // what it owns may block, too, where it ends
      } catch (...) {}   // NOLINT(bugprone-empty-catch): said above
      lock.lock();
      in.busy = false;
      in.done.wake();
    }
  }
  bool wait_for_thread(export_wait& wait, std::uint64_t deadline) const {
    for (;;) {
      {
        std::lock_guard const lock{state_->mutex};
        if (!state_->busy) return true;
      }
      export_wait::outcome const how = wait.wait(state_->done.readable(), false, deadline);
      state_->done.clear();
      if (how == export_wait::outcome::ready) continue;
      std::lock_guard const lock{state_->mutex};
      return !state_->busy;
    }
  }

  shared<state> state_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/url.hpp ---------------------------------------------------------------------------------------------------

// The little of a URL that an endpoint needs: scheme, host, port, path with query (RFC 3986). Or a Unix socket's path, as gRPC and most agents write it:
// unix:///run/otel.sock, or unix:/run/otel.sock. Constructor's thread.

#include <optional>

namespace nanospan::inline v0::detail {

struct url {
  std::string scheme;  // lowercase
  std::string host;    // an IPv6 address without its brackets; of a Unix socket its path
  std::uint16_t port = 0;
  std::string target;  // path and query; empty where the URL has neither

  bool is_unix() const noexcept { return scheme == "unix"; }
  // What the Host header says.
  std::string authority() const {
    if (is_unix()) return "localhost";
    std::string const shown = host.find(':') != std::string::npos ? joined({"[", host, "]"}) : host;
    bool const usual = port == (scheme == "https" ? 443 : 80);
    return usual ? shown : joined({shown, ":", std::to_string(port)});
  }

  static constexpr char const* without_tls = "https needs NANOSPAN_TLS defined as 1, and OpenSSL, where NANOSPAN_IMPLEMENTATION is; or use http, or a local collector";
  // For messages.
  static std::string without_credentials(std::string_view text) {
    std::size_t const scheme = text.find("://");
    std::size_t const host = scheme == std::string_view::npos ? 0 : scheme + 3;
    std::size_t const at = text.substr(0, text.find_first_of("/?#", host)).rfind('@');
    if (at == std::string_view::npos || at < host) return std::string{text};
    return joined({text.substr(0, host), "…", text.substr(at)});
  }

  static std::optional<url> parse(std::string_view text) {
    url parsed;
    if (is_same_name(text.substr(0, 5), "unix:")) return of_unix_socket(text.substr(5));
    std::size_t const colon = text.find("://");
    if (colon == std::string_view::npos) return std::nullopt;
    for (char const c : text.substr(0, colon)) parsed.scheme += to_lower(c);
    if (parsed.scheme != "http" && parsed.scheme != "https") return std::nullopt;
    text.remove_prefix(colon + 3);
    text = text.substr(0, text.find('#'));
    if (!is_visible(text)) return std::nullopt;  // would be a way into the request's header
    std::size_t const path = text.find_first_of("/?");
    std::string_view authority = text.substr(0, path);
    if (path != std::string_view::npos) parsed.target = joined({text[path] == '?' ? "/" : "", text.substr(path)});
    if (authority.find('@') != std::string_view::npos) return std::nullopt;  // credentials belong into a header
    std::string_view port;
    if (authority.starts_with('[')) {
      std::size_t const end = authority.find(']');
      if (end == std::string_view::npos) return std::nullopt;
      parsed.host = authority.substr(1, end - 1);
      if (parsed.host.find(':') == std::string::npos) return std::nullopt;  // brackets are an address' only
      authority.remove_prefix(end + 1);
      if (!authority.empty() && authority.front() != ':') return std::nullopt;
      port = authority.substr(authority.empty() ? 0 : 1);
    } else {
      std::size_t const end = authority.rfind(':');
      if (end != authority.find(':')) return std::nullopt;  // an IPv6 address without brackets
      parsed.host = authority.substr(0, end);
      if (end != std::string_view::npos) port = authority.substr(end + 1);
    }
    parsed.port = parsed.scheme == "https" ? 443 : 80;
    if (!port.empty()) {
      auto const number = decimal(port);
      if (!number || *number == 0 || *number > 65'535) return std::nullopt;
      parsed.port = static_cast<std::uint16_t>(*number);
    }
    if (parsed.host.empty() || parsed.host.find_first_of("[]") != std::string::npos) return std::nullopt;
    return parsed;
  }

 private:
  static bool is_visible(std::string_view text) noexcept {
    for (char const c : text)
      if (c <= ' ' || c == 0x7f) return false;
    return true;
  }
  // An absolute path, and no host before it. Spans go to OTLP's usual target: there is no place for another.
  static std::optional<url> of_unix_socket(std::string_view path) {
    if (path.starts_with("//")) path.remove_prefix(2);
    if (path.size() < 2 || path.size() > 107 || path.front() != '/' || path[1] == '/' || path.find('\0') != std::string_view::npos) return std::nullopt;
    return url{"unix", std::string{path}, 0, "/v1/traces"};
  }
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/clock_converter.hpp ----------------------------------------------------------------------------------------------

// Ticks to Unix time, on the background thread. Anchors (ticks, monotonic, wall) are taken after each look at the rings, so that every
// timestamp lies between two of them and is interpolated. Ticks map to monotonic time, and a whole span is moved to wall time by one
// offset: a step of the wall clock bends no duration.

#include <algorithm>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace nanospan::inline v0::detail {

inline std::uint64_t wall_nanoseconds() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

// The three clocks; tests bring their own.
struct clock_source {
  std::uint64_t (*ticks)() noexcept = raw_ticks;
  std::uint64_t (*monotonic)() noexcept = monotonic_nanoseconds;
  std::uint64_t (*wall)() noexcept = wall_nanoseconds;
};

// What the processor says of its counter. A yes is not believed for ever: see clock_converter::counter_trusted().
inline bool counter_is_invariant() noexcept {
#if defined(__x86_64__)
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(0x80000007u, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
#else
  return true;
#endif
}

class clock_converter {
 public:
  explicit clock_converter(clock_source source = {}) : source_{source} {
    anchors_.reserve(max_anchors);
    take_anchor();
  }

  // Once a pass, after the rings' indices were read and before their records are converted.
  void take_anchor() {
    anchor const now = read();
    judge(now);
    // Reading two clocks one after the other wavers by some ten nanoseconds; only a step moves the offset.
    std::int64_t const offset = read_wall_offset();
    if (anchors_.empty() || std::abs(offset - wall_offset_) > 2'000) wall_offset_ = offset;
    std::size_t const size = anchors_.size();
    if (size >= 2 && now.monotonic - anchors_[size - 2].monotonic < anchor_spacing) {
      anchors_.back() = now;  // the newest one moves along; those before it stand
    } else {
      if (size == max_anchors) thin();
      anchors_.push_back(now);
    }
    find_pace(anchors_.size() - 1);
  }

  // One span's clock: converts any of its ticks, all with the same offset between monotonic and wall time.
  // `monotonic`: its ticks are nanoseconds of the monotonic clock already.
  std::uint64_t to_unix(std::uint64_t ticks, bool monotonic) const noexcept {
    std::uint64_t const nanoseconds = monotonic ? ticks : to_monotonic(ticks);
    return nanoseconds + static_cast<std::uint64_t>(wall_offset_);
  }

  // False once the counter has gone backwards, or its pace has changed by more than 500 ppm against the monotonic clock.
  bool counter_trusted() const noexcept { return trusted_; }

 private:
  struct anchor {
    std::uint64_t ticks;
    std::uint64_t monotonic;
    double pace = 0;  // nanoseconds a tick since the anchor before
  };
  static constexpr std::size_t max_anchors = 256;
  static constexpr std::uint64_t anchor_spacing = 20'000'000;
  static constexpr std::uint64_t judged_every = 1'000'000'000;
  static constexpr double tolerance = 500e-6;

  struct pair {
    std::uint64_t outer;
    std::uint64_t inner;
  };
  // Two clocks at one moment: the tightest of a few brackets, for a preemption between two reads would shift one against the other.
  static pair read_together(std::uint64_t (*outer)() noexcept, std::uint64_t (*inner)() noexcept) noexcept {
    pair best{};
    std::uint64_t tightest = ~std::uint64_t{0};
    for (int attempt = 0; attempt < 3; ++attempt) {
      std::uint64_t const before = outer();
      std::uint64_t const between = inner();
      std::uint64_t const width = outer() - before;
      if (width >= tightest) continue;
      tightest = width;
      best = {before + width / 2, between};
    }
    return best;
  }
  anchor read() const noexcept {
    pair const now = read_together(source_.ticks, source_.monotonic);
    return {now.outer, now.inner};
  }
  std::int64_t read_wall_offset() const noexcept {
    pair const now = read_together(source_.monotonic, source_.wall);
    return static_cast<std::int64_t>(now.inner - now.outer);
  }

  void judge(anchor const& now) noexcept {
    if (anchors_.empty()) {
      judged_ = now;
      return;
    }
    if (now.ticks < anchors_.back().ticks) trusted_ = false;
    if (now.monotonic - judged_.monotonic < judged_every) return;
    double const pace = slope(judged_, now);
    judged_ = now;
    if (reference_pace_ == 0) reference_pace_ = pace;
    if (!(std::abs(pace / reference_pace_ - 1) <= tolerance)) trusted_ = false;  // not a number, for one that stands still
  }

  static double slope(anchor const& from, anchor const& to) noexcept {  // nanoseconds a tick
    return static_cast<double>(to.monotonic - from.monotonic) / static_cast<double>(to.ticks - from.ticks);
  }

  std::uint64_t to_monotonic(std::uint64_t ticks) const noexcept {
    // The segment that holds it, from the newest: nearly always the first or second looked at. Older than all anchors: the oldest
    // segment's pace, which is how "its end less its duration" comes about.
    std::size_t to = anchors_.size() - 1;
    if (to == 0) return anchors_[0].monotonic;
    while (to > 1 && ticks < anchors_[to - 1].ticks) --to;
    anchor const& from = anchors_[to - 1];
    anchor const& until = anchors_[to];
    if (until.ticks <= from.ticks) return from.monotonic;  // a counter that stands still or went backwards
    // Nothing is younger than the newest anchor; ticks that are were read from a counter that has jumped.
    auto const distance = static_cast<double>(static_cast<std::int64_t>(std::min(ticks, until.ticks) - from.ticks));
    return from.monotonic + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance * until.pace));
  }

  void thin() {  // every other one of the older half goes
    std::size_t kept = 0;
    for (std::size_t at = 0; at < anchors_.size(); ++at)
      if (at >= max_anchors / 2 || at % 2 == 0) anchors_[kept++] = anchors_[at];
    anchors_.resize(kept);
    for (std::size_t at = 0; at < kept; ++at) find_pace(at);
  }
  // Here, not where a span is converted: a division takes longer than the rest of that.
  void find_pace(std::size_t at) noexcept {
    if (at != 0) anchors_[at].pace = slope(anchors_[at - 1], anchors_[at]);
  }

  clock_source source_;
  std::vector<anchor> anchors_;  // oldest first; all but the newest at least anchor_spacing apart
  std::int64_t wall_offset_ = 0;
  anchor judged_{};
  double reference_pace_ = 0;
  bool trusted_ = true;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/sampler_texts.hpp ------------------------------------------------------------------------------------------------

// How samplers write numbers, and match them with patterns. Any thread.

#include <charconv>

namespace nanospan::inline v0::detail {

std::string shortest_text(double value) {
  char digits[512];  // the smallest has 324 zeros and more
  char const* const end = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed).ptr;
  return {digits, static_cast<std::size_t>(end - digits)};
}

bool matches(std::string_view pattern, std::string_view text) noexcept {
  std::size_t in_pattern = 0;
  std::size_t in_text = 0;
  std::size_t star = std::string_view::npos;  // the last *,
  std::size_t resume = 0;                     // and where in the text what follows it is looked for next
  while (in_text < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      resume = in_text;
    } else if (in_pattern < pattern.size() && pattern[in_pattern] == text[in_text]) {
      ++in_pattern;
      ++in_text;
    } else if (star != std::string_view::npos) {
      in_pattern = star + 1;
      in_text = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', in_pattern) == std::string_view::npos;
}

bool matches(std::string_view pattern, attributes_view::value const& value) noexcept {
  if (!value || value.is_text()) return value && matches(pattern, value.text());
  if (value.is_boolean()) return matches(pattern, value.boolean() ? "true" : "false");
  char digits[32];  // of a double the shortest, with an exponent where that is shorter
  char* const end = digits + sizeof digits;
  char const* const written = value.is_integer() ? std::to_chars(digits, end, value.integer()).ptr : std::to_chars(digits, end, value.number()).ptr;
  return matches(pattern, std::string_view{digits, static_cast<std::size_t>(written - digits)});
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/messages.hpp -----------------------------------------------------------------------------------------------------

// What the library says, as far as options.log_level lets it pass: an error is about spans that are lost, a warning about what is ignored or
// works less well than it should, an info about what works again. Any thread.

#include <climits>

namespace nanospan::inline v0::detail {

inline void default_message_handler(std::string_view line) noexcept {
  try {
    std::string text = "nanospan: ";
    text.append(line.substr(0, PIPE_BUF - text.size() - 1)).push_back('\n');
    // One write, of what a pipe takes whole or, when it is full, not at all: nobody waits for a reader of messages.
    if (writable_now(STDERR_FILENO)) write_without_signal(STDERR_FILENO, text.data(), text.size());
  } catch (...) {  // no memory, no message
  }
}

class messages {
 public:
  explicit(false) messages(message_handler to, log_level most = log_level::info) noexcept : to_{to}, most_{most} {}

  void say(log_level level, std::string_view line) const noexcept {
    if (level <= most_) to_(line);
  }
  log_level level() const noexcept { return most_; }
  void error(std::string_view line) const noexcept { say(log_level::error, line); }
  void warn(std::string_view line) const noexcept { say(log_level::warn, line); }
  void debug(std::string_view line) const noexcept { say(log_level::debug, line); }

 private:
  message_handler to_;
  log_level most_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/environment.hpp --------------------------------------------------------------------------------------------------

// The OTEL_ variables (OpenTelemetry, "Environment Variable Specification"): an empty one counts as unset, a bad one is reported by
// name and ignored. Read once, by the thread that constructs the provider.

#include <algorithm>
#include <charconv>
#include <optional>

namespace nanospan::inline v0::detail {

using pair_list = std::vector<std::pair<std::string, std::string>>;

class environment {
 public:
  explicit environment(messages report) noexcept : report_{report} {}

  static std::optional<std::string> text(char const* name) {
    char const* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): when the provider is made, as the standard's variables are read
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string{value};
  }
  // True only for "true", in any case.
  bool boolean(char const* name) const {
    auto const value = text(name);
    if (!value) return false;
    std::string const known = lower(*value);
    if (known != "true" && known != "false") ignored(name, *value, "neither true nor false");
    return known == "true";
  }
  // The place of the value among the `known` ones, in any case.
  std::optional<std::size_t> choice(char const* name, std::initializer_list<std::string_view> known, char const* what) const {
    auto const value = text(name);
    if (!value) return std::nullopt;
    auto const* const found = std::find(known.begin(), known.end(), lower(std::string{without_blanks(*value)}));
    if (found != known.end()) return static_cast<std::size_t>(found - known.begin());
    ignored(name, *value, what);
    return std::nullopt;
  }
  // "a,B , c": each once, in small letters.
  static std::vector<std::string> names(char const* name) {
    std::vector<std::string> found;
    std::string const value = lower(text(name).value_or(""));
    for_each_member(value, [&](std::string_view member) {
      if (std::find(found.begin(), found.end(), member) == found.end()) found.emplace_back(member);
      return true;
    });
    return found;
  }

  // Digits only.
  std::optional<std::uint64_t> number(char const* name, std::uint64_t least, std::uint64_t greatest, char const* what) const {
    auto const value = text(name);
    if (!value) return std::nullopt;
    auto const number = decimal(*value);
    if (number && *number >= least && *number <= greatest) return number;
    ignored(name, *value, what);
    return std::nullopt;
  }
  std::optional<duration> milliseconds(char const* name) const {
    auto const given = number(name, 0, 1'000'000'000'000, "not a number of milliseconds");
    if (!given) return std::nullopt;
    return duration::of_milliseconds(static_cast<std::int64_t>(*given));
  }
  // The same of a timeout, of which nothing means for ever (OpenTelemetry, "Timeout").
  std::optional<duration> timeout(char const* name) const {
    auto const given = milliseconds(name);
    return given == duration{} ? duration::of_nanoseconds(std::numeric_limits<std::int64_t>::max()) : given;
  }
  // From 0 to 1.
  std::optional<double> ratio(char const* name) const {
    auto const value = text(name);
    if (!value) return std::nullopt;
    auto const parsed = parse_ratio(*value);
    if (!parsed) ignored(name, *value, "not a number from 0 to 1");
    return parsed;
  }
  // "k=v,k2=v2", values percent-decoded; any error discards the whole (OpenTelemetry, "Specifying resource information via an
  // environment variable").
  std::optional<pair_list> pairs(char const* name) const {
    auto const value = text(name);
    if (!value) return std::nullopt;
    auto parsed = parse_pairs(*value);
    if (!parsed) ignored(name, *value, "not a list of key=value,key=value with percent-encoded values");
    return parsed;
  }
  // The same form; what cannot stand in a request's header discards the whole. Their values are secrets, and are not shown.
  std::optional<pair_list> headers(char const* name) const {
    auto const value = text(name);
    if (!value) return std::nullopt;
    auto parsed = parse_pairs(*value);
    if (parsed && std::all_of(parsed->begin(), parsed->end(), [](auto const& one) { return is_header(one.first, one.second); })) return parsed;
    ignored(name, "…", "not a list of key=value,key=value with percent-encoded values that fit into HTTP headers");
    return std::nullopt;
  }
  // RFC 9110, "Field Names" and "Field Values".
  static bool is_header(std::string_view name, std::string_view value) noexcept {
    auto const visible = [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7f); };
    return is_token(name) && std::all_of(value.begin(), value.end(), visible);
  }
  void ignored(char const* name, std::string_view value, char const* why) const { warn(joined({name, "=\"", value, "\" is ignored: ", why})); }
  void warn(std::string const& line) const noexcept { report_.warn(line); }
  messages const& report() const noexcept { return report_; }

  static std::optional<pair_list> parse_pairs(std::string_view list) {
    pair_list parsed;
    bool const good = for_each_member(list, [&](std::string_view member) {
      std::size_t const equals = member.find('=');
      if (equals == std::string_view::npos) return false;
      auto key = percent_decoded(without_blanks(member.substr(0, equals)));
      auto value = percent_decoded(without_blanks(member.substr(equals + 1)));
      if (!key || key->empty() || !value) return false;
      parsed.emplace_back(std::move(*key), std::move(*value));
      return true;
    });
    if (!good) return std::nullopt;
    return parsed;
  }
  // By hand: from_chars of a double is not in every library, and strtod asks the locale. Right to the last bit but one.
  static std::optional<double> parse_ratio(std::string_view text) noexcept {
    int exponent = 0;
    if (std::size_t const e = text.find_first_of("eE"); e != std::string_view::npos) {
      bool const negative = text.substr(e + 1).starts_with('-');
      auto const given = decimal(text.substr(e + (negative ? 2 : 1)));
      if (!given || *given > 400) return std::nullopt;
      exponent = static_cast<int>(*given) * (negative ? -1 : 1);
      text = text.substr(0, e);
    }
    double digits = 0;
    double scale = 1;
    bool any = false;
    bool fraction = false;
    for (char const c : text) {
      if (c == '.' && !fraction) {
        fraction = true;
        continue;
      }
      if (c < '0' || c > '9') return std::nullopt;
      any = true;
      if (digits > 0x1p53 && fraction) continue;  // beyond what a double can hold
      digits = digits * 10 + (c - '0');
      if (fraction) scale *= 10;
    }
    for (; exponent > 0; --exponent) digits *= 10;
    for (; exponent < 0; ++exponent) scale *= 10;
    if (!any || !(digits <= scale)) return std::nullopt;
    return digits / scale;
  }
  static std::string lower(std::string text) {
    for (char& c : text) c = to_lower(c);
    return text;
  }

 private:
  // Of a list by commas: those that are not empty, trimmed. False where `take` is for one.
  template <typename Take>
  static bool for_each_member(std::string_view list, Take&& take) {
    while (!list.empty()) {
      std::string_view const member = without_blanks(take_front(list, ','));
      if (!member.empty() && !take(member)) return false;
    }
    return true;
  }
  static std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] != '%') {
        decoded += text[at];
        continue;
      }
      unsigned byte = 0;
      if (text.size() - at < 3) return std::nullopt;
      auto const [end, error] = std::from_chars(text.data() + at + 1, text.data() + at + 3, byte, 16);
      if (error != std::errc{} || end != text.data() + at + 3) return std::nullopt;
      decoded += static_cast<char>(byte);
      at += 2;
    }
    if (!is_utf8(decoded)) return std::nullopt;
    return decoded;
  }

  messages report_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/wire.hpp ---------------------------------------------------------------------------------------------------------

// Protobuf wire primitives. Writing goes back to front: a message's bytes are there before its length is asked for, so nothing is sized
// twice, nothing is moved, and every length is minimal; what grows is charged to the memory account. Reading trusts nothing: it is for what a remote party sent, too. Any thread.

#include <memory>

namespace nanospan::inline v0::detail {

enum class wire_type : std::uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// Grows towards the front. Each call writes before what was written so far; require() makes room, the others trust it.
class reverse_writer {
 public:
  static constexpr std::size_t max_varint_bytes = 10;

  reverse_writer() noexcept = default;
  // With room for so many bytes, of which the account knows nothing: for what is short, and soon gone. Throws std::bad_alloc.
  explicit reverse_writer(std::size_t bytes) { move_to(std::unique_ptr<std::byte[]>{new std::byte[bytes]}, bytes); }

  std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  std::string_view view() const noexcept { return {reinterpret_cast<char const*>(at_), size()}; }
  void clear() noexcept { at_ = end_; }
  // Takes back what was written since size() was `size`.
  void rewind(std::size_t size) noexcept { at_ = end_ - size; }
  std::size_t capacity() const noexcept { return static_cast<std::size_t>(end_ - memory_.get()); }
  // Keeps no more room than what is written needs. Without memory it stays as it is.
  void shrink() noexcept {
    std::size_t const wanted = size() < least_capacity ? least_capacity : size();
    if (wanted >= capacity()) return;
    std::unique_ptr<std::byte[]> smaller{new (std::nothrow) std::byte[wanted]};
    if (smaller == nullptr) return;
    move_to(std::move(smaller), wanted);
    charge_ = {};
  }

  // Room for `bytes` more. Throws std::bad_alloc, having changed nothing.
  void require(std::size_t bytes) {
    if (static_cast<std::size_t>(at_ - memory_.get()) < bytes) [[unlikely]]
      grow(bytes);
  }

  void raw(std::string_view bytes) noexcept {
    at_ -= bytes.size();
    copy_text(at_, bytes.data(), bytes.size());
  }
  NANOSPAN_DETAIL_INLINE void varint(std::uint64_t value) noexcept {
    if (value < 0x80) [[likely]] {
      *--at_ = static_cast<std::byte>(value);
    } else if (value < 0x4000) {
      *--at_ = static_cast<std::byte>(value >> 7);
      *--at_ = static_cast<std::byte>(value | 0x80);
    } else {
      long_varint(value);
    }
  }
  NANOSPAN_DETAIL_INLINE void tag(std::uint32_t field, wire_type type) noexcept { varint(field << 3 | static_cast<std::uint32_t>(type)); }

  NANOSPAN_DETAIL_INLINE void varint_field(std::uint32_t field, std::uint64_t value) noexcept {
    varint(value);
    tag(field, wire_type::varint);
  }
  NANOSPAN_DETAIL_INLINE void fixed64_field(std::uint32_t field, std::uint64_t value) noexcept {
    raw_little_endian(value);
    tag(field, wire_type::fixed64);
  }
  NANOSPAN_DETAIL_INLINE void fixed32_field(std::uint32_t field, std::uint32_t value) noexcept {
    raw_little_endian(value);
    tag(field, wire_type::fixed32);
  }
  void bytes_field(std::uint32_t field, std::string_view value) noexcept {
    raw(value);
    end_message(field, size() - value.size());
  }
  // The same, of a size that the compiler knows.
  template <std::size_t Bytes>
  void bytes_field(std::uint32_t field, std::array<std::uint8_t, Bytes> const& value) noexcept {
    static_assert(Bytes < 0x80);
    at_ -= Bytes;
    std::memcpy(at_, value.data(), Bytes);
    *--at_ = static_cast<std::byte>(Bytes);
    tag(field, wire_type::bytes);
  }
  // Makes what was written since size() was `since` into the message of a field.
  NANOSPAN_DETAIL_INLINE void end_message(std::uint32_t field, std::size_t since) noexcept {
    varint(size() - since);
    tag(field, wire_type::bytes);
  }

  static constexpr std::size_t varint_size(std::uint64_t value) noexcept {
    return (static_cast<std::size_t>(64 - std::countl_zero(value | 1)) + 6) / 7;
  }

 private:
  NANOSPAN_DETAIL_OUT_OF_LINE void long_varint(std::uint64_t value) noexcept {
    at_ -= varint_size(value);
    std::byte* to = at_;
    for (; value >= 0x80; value >>= 7) *to++ = static_cast<std::byte>(value | 0x80);
    *to = static_cast<std::byte>(value);
  }
  template <typename Integer>
  void raw_little_endian(Integer value) noexcept {
    if constexpr (std::endian::native == std::endian::big) {
      Integer swapped = 0;
      for (std::size_t byte = 0; byte < sizeof value; ++byte) {
        swapped = static_cast<Integer>(swapped << 8 | (value & 0xff));
        value = static_cast<Integer>(value >> 8);
      }
      value = swapped;
    }
    at_ -= sizeof value;
    std::memcpy(at_, &value, sizeof value);
  }
  // Half as much again at least, where the account has it; no more, for while it moves there are two.
  NANOSPAN_DETAIL_COLD void grow(std::size_t bytes) {
    std::size_t const least = size() + bytes;
    std::size_t const usual = capacity() == 0 ? least_capacity : capacity() + capacity() / 2;
    std::size_t larger = least < usual ? usual : least;
    memory_charge charge;
    if (!charge.add(larger)) {
      larger = least;
      if (!charge.add(larger)) throw std::bad_alloc{};
    }
    move_to(std::unique_ptr<std::byte[]>{new std::byte[larger]}, larger);  // uninitialised
    charge_ = std::move(charge);
  }
  void move_to(std::unique_ptr<std::byte[]>&& memory, std::size_t bytes) noexcept {
    std::size_t const used = size();
    std::byte* const end = memory.get() + bytes;
    if (used != 0) std::memcpy(end - used, at_, used);
    memory_ = std::move(memory);
    end_ = end;
    at_ = end - used;
  }

  static constexpr std::size_t least_capacity = 4096;

  memory_charge charge_;  // for what is next
  std::unique_ptr<std::byte[]> memory_;
  std::byte* end_ = nullptr;
  std::byte* at_ = nullptr;  // the first byte written
};

// One field after another of a message: `while (reader.next()) if (reader.is(2, wire_type::bytes)) use(reader.bytes());`.
// Ends early at the first byte that is not protobuf; keeps no copy of the bytes.
class wire_reader {
 public:
  explicit wire_reader(std::string_view message) noexcept : rest_{message} {}

  bool next() noexcept {
    if (rest_.empty()) return false;
    std::uint64_t const tag = varint();
    type_ = static_cast<wire_type>(tag & 7);
    field_ = tag >> 3;
    switch (type_) {
      case wire_type::varint: number_ = varint(); break;
      case wire_type::fixed64: number_ = little_endian(8); break;
      case wire_type::fixed32: number_ = little_endian(4); break;
      case wire_type::bytes: bytes_ = take(varint()); break;
      default: well_formed_ = false;  // groups are not in proto3
    }
    if (field_ == 0) well_formed_ = false;
    if (!well_formed_) rest_ = {};
    return well_formed_;
  }
  // A field of another type than the schema's is as good as unknown.
  bool is(std::uint32_t field, wire_type type) const noexcept { return field_ == field && type_ == type; }
  std::uint64_t field() const noexcept { return field_; }
  std::uint64_t number() const noexcept { return number_; }
  std::string_view bytes() const noexcept { return bytes_; }
  // How many bytes come after this field.
  std::size_t left() const noexcept { return rest_.size(); }
  // After the last field: whether all of it was read.
  bool well_formed() const noexcept { return well_formed_; }

 private:
  std::uint64_t varint() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && !rest_.empty(); shift += 7) {
      auto const byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      if (shift < 64) value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    well_formed_ = false;
    return 0;
  }
  std::string_view take(std::uint64_t count) noexcept {
    if (count > rest_.size()) {
      well_formed_ = false;
      return {};
    }
    std::string_view const taken = rest_.substr(0, static_cast<std::size_t>(count));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::uint64_t little_endian(std::size_t count) noexcept {
    std::uint64_t value = 0;
    std::string_view const taken = take(count);
    for (std::size_t at = taken.size(); at-- != 0;) value = value << 8 | static_cast<std::uint8_t>(taken[at]);
    return value;
  }

  std::string_view rest_;
  std::uint64_t field_ = 0;
  std::uint64_t number_ = 0;
  std::string_view bytes_;
  wire_type type_ = wire_type::varint;
  bool well_formed_ = true;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/otlp_split.hpp --------------------------------------------------------------------------------------------

// A batch in two, for a collector that finds it too large: each half is a request of its own, with the resources, scopes and unknown fields
// of the whole. What is no OTLP is not split. Background half.

namespace nanospan::inline v0::detail {

// Spans from `first` to before `last`, in the order in which they stand there.
class otlp_part {
 public:
  otlp_part(std::size_t first, std::size_t last) noexcept : first_{first}, last_{last} {}

  // Throws std::bad_alloc. False for what is no protobuf.
  bool take(std::string_view request, std::string& into) { return copy(request, level::request, into); }
  // How many there were in all.
  std::size_t seen() const noexcept { return seen_; }

 private:
  // Messages inside of each other: ExportTraceServiceRequest.resource_spans = 1, ResourceSpans.scope_spans = 2, ScopeSpans.spans = 2.
  enum class level { request, resource_spans, scope_spans };

  // NOLINTBEGIN(misc-no-recursion): three levels
  // A message whose spans are all of the other part is left out, and one that never had any.
  bool copy(std::string_view message, level at, std::string& into) {
    std::uint32_t const inner = at == level::request ? 1 : 2;
    wire_reader field{message};
    for (std::size_t before = message.size(); field.next(); before = field.left()) {
      std::string_view const as_it_stands = message.substr(message.size() - before, before - field.left());
      if (!field.is(inner, wire_type::bytes)) {
        into += as_it_stands;
      } else if (at == level::scope_spans) {
        if (seen_ >= first_ && seen_ < last_) into += as_it_stands;
        ++seen_;
      } else if (!copy_message(field.bytes(), at == level::request ? level::resource_spans : level::scope_spans, inner, into)) {
        return false;
      }
    }
    return field.well_formed();
  }
  bool copy_message(std::string_view message, level at, std::uint32_t number, std::string& into) {
    std::size_t const from = seen_;
    std::string inside;
    if (!copy(message, at, inside)) return false;
    if (seen_ == from || seen_ <= first_ || from >= last_) return true;
    reverse_writer head{2 * reverse_writer::max_varint_bytes};
    head.varint(inside.size());
    head.tag(number, wire_type::bytes);
    into += head.view();
    into += inside;
    return true;
  }
  // NOLINTEND(misc-no-recursion)

  std::size_t first_;
  std::size_t last_;
  std::size_t seen_ = 0;
};

// False for what cannot be split: one span, or not the spans that it says. Throws std::bad_alloc.
inline bool split_in_half(batch const& whole, batch& first, batch& second) {
  std::size_t const middle = whole.span_count / 2;
  if (middle == 0) return false;
  first = {{}, middle};
  second = {{}, whole.span_count - middle};
  otlp_part front{0, middle};
  otlp_part back{middle, whole.span_count};
  return front.take(whole.otlp, first.otlp) && back.take(whole.otlp, second.otlp) && front.seen() == whole.span_count;
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/address_map.hpp -------------------------------------------------------------------------------------------

// What is known of things by their address: literals, call sites, tracers. One probe finds most. One thread at a time.

namespace nanospan::inline v0::detail {

template <typename Value>
class address_map {
 public:
  // Null where it is not known.
  Value* find(void const* key) noexcept {
    if (slots_.empty()) [[unlikely]]
      return nullptr;
    slot& found = slots_[place_of(key)];
    return found.key == key ? &found.value : nullptr;
  }
  // Of a key that is not known, and not null. Valid until the next one is added. Throws std::bad_alloc, nothing changed.
  Value& add(void const* key, Value value) {
    if (2 * used_ >= slots_.size()) grow();
    slot& place = slots_[place_of(key)];
    place = {key, std::move(value)};
    ++used_;
    return place.value;
  }
  void clear() noexcept {
    slots_.clear();
    used_ = 0;
  }

 private:
  struct slot {
    void const* key = nullptr;
    Value value{};
  };

  // Where it stands, or would. A power of two of slots, at most half of them used.
  std::size_t place_of(void const* key) const noexcept {
    std::uint64_t const spread = reinterpret_cast<std::uintptr_t>(key) * std::uint64_t{0x9e37'79b9'7f4a'7c15u};
    std::size_t const last = slots_.size() - 1;
    std::size_t at = static_cast<std::size_t>(spread >> 32) & last;
    while (slots_[at].key != nullptr && slots_[at].key != key) at = (at + 1) & last;
    return at;
  }
  void grow() {
    std::vector<slot> before(slots_.empty() ? 64 : 2 * slots_.size());
    std::swap(before, slots_);
    for (slot& one : before)
      if (one.key != nullptr) slots_[place_of(one.key)] = std::move(one);
  }

  std::vector<slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/any_value.hpp ---------------------------------------------------------------------------------------------

// An attribute's value, from its entry in a record to OTLP's AnyValue. Background thread.

#include <charconv>

#include <cxxabi.h>

namespace nanospan::inline v0::detail {

// A string field; ill-formed UTF-8 is repaired on the way.
inline void write_text(reverse_writer& to, std::uint32_t field, std::string_view text) {
  if (is_utf8(text)) [[likely]]
    return to.bytes_field(field, text);
  std::string const repaired = repaired_utf8(text);
  to.bytes_field(field, repaired);
}
// Room that write_text() may need.
inline std::size_t text_bound(std::size_t bytes) noexcept { return 3 * bytes + 2 * reverse_writer::max_varint_bytes; }

// A type's name as people know it. As it is where that is none.
NANOSPAN_DETAIL_COLD inline std::string demangled(std::string_view mangled) {
  std::string name{mangled};
  int status = 0;
  char* const shown = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  if (shown != nullptr) name = shown;
  std::free(shown);
  return name;
}

inline void write_decimal(reverse_writer& to, std::uint64_t value) {
  char digits[20]{};
  char const* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  to.bytes_field(1, {digits, static_cast<std::size_t>(end - digits)});
}
// A bool or a number, as one of the fields of AnyValue.
NANOSPAN_DETAIL_INLINE void write_word(reverse_writer& to, entry_type type, std::uint64_t word) {
  switch (type) {
    case entry_type::boolean: return to.varint_field(2, word);
    case entry_type::signed_integer: return to.varint_field(3, word);
    case entry_type::floating: return to.fixed64_field(4, word);
    default: break;
  }
  if (word <= 0x7fff'ffff'ffff'ffffu) return to.varint_field(3, word);
  write_decimal(to, word);
}

// Back to front: where texts stand is noted first.
NANOSPAN_DETAIL_COLD inline void write_array(reverse_writer& to, std::string_view payload, std::size_t longest) {
  auto const word_at = [&](std::size_t at) {
    std::uint64_t word = 0;
    if (at + sizeof word <= payload.size()) std::memcpy(&word, payload.data() + at, sizeof word);
    return word;
  };
  auto const type = static_cast<entry_type>(word_at(0));
  std::size_t const since = to.size();
  auto const element = [&](auto&& write) {
    std::size_t const before = to.size();
    write();
    to.end_message(1, before);  // ArrayValue.values
  };
  if (type != entry_type::string) {
    for (std::size_t at = payload.size(); at >= 16; at -= 8) element([&] { write_word(to, type, word_at(at - 8)); });
  } else {
    std::vector<std::string_view> texts;
    for (std::size_t at = 8; at + 8 <= payload.size();) {
      std::uint64_t const size = word_at(at);
      if (size > payload.size() - at - 8) break;  // which only a data race can have written
      texts.push_back(payload.substr(at + 8, static_cast<std::size_t>(size)));
      at += 8 + padded(static_cast<std::size_t>(size));
    }
    for (std::size_t at = texts.size(); at-- != 0;) element([&] { write_text(to, 1, first_characters(texts[at], longest)); });
  }
  to.end_message(5, since);  // AnyValue.array_value
}

// One field of an AnyValue. Texts are cut after `longest` characters, bytes after as many bytes.
NANOSPAN_DETAIL_INLINE void write_value(reverse_writer& to, entry_view const& one, std::size_t longest) {
  switch (one.type()) {
    case entry_type::string: return write_text(to, 1, first_characters(one.text(), longest));
    case entry_type::bytes: return to.bytes_field(7, one.text().substr(0, longest));
    case entry_type::array: return write_array(to, one.text(), longest);
    case entry_type::type_name: return write_text(to, 1, first_characters(demangled(one.text()), longest));
    default: return write_word(to, one.type(), one.word());
  }
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/kept_entry.hpp --------------------------------------------------------------------------------------------

// An attribute that is in no record, as an entry that could be: a resource's, or what a hook put on an ended span. Any thread.

#include <algorithm>
#include <memory>

namespace nanospan::inline v0::detail {

class kept_entry {
 public:
  // An array of more than a mebibyte is an empty one. Throws std::bad_alloc.
  kept_entry(std::string_view key, attribute_value const& value) {
    std::visit([&](auto const& is) { keep(key, is); }, value);
  }
  std::size_t size() const noexcept { return size_; }
  entry_view view() const noexcept { return {word_, bytes_.get(), size_}; }

 private:
  template <typename Value>
  void keep(std::string_view key, Value const& value) {
    keep(attribute{copied{key}, value});
  }
  void keep(std::string_view key, std::vector<bool> const& value) {
    auto const flags = std::make_unique<bool[]>(value.size());
    std::copy(value.begin(), value.end(), flags.get());
    keep(attribute{copied{key}, flag_range{flags.get(), value.size()}});
  }
  struct flag_range {
    bool const* first;
    std::size_t count;
    bool const* data() const noexcept { return first; }
    std::size_t size() const noexcept { return count; }
  };
  void keep(attribute const& one) {
    entry_head const head = attribute_payload::head(one);
    std::size_t const value_bytes = attribute_payload::size(one);
    bool const is_too_large = head.type() == entry_type::array && value_bytes > max_entry_bytes;
    attribute const none{copied{{head.key, head.key_size}}, flag_range{nullptr, 0}};
    std::size_t const key_bytes = padded(head.key_size);
    size_ = key_bytes + (is_too_large ? attribute_payload::size(none) : value_bytes);
    bytes_ = std::make_unique<std::byte[]>(padded(size_));
    if (head.key_size != 0) std::memcpy(bytes_.get(), head.key, head.key_size);
    attribute_payload::write(bytes_.get() + key_bytes, is_too_large ? none : one);
    word_ = entry_word(head, size_);
  }

  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
  std::uint64_t word_ = 0;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/literal_cache.hpp -----------------------------------------------------------------------------------------

// The literals that records point at, by address: measured, checked and encoded once, not once a span. Equal texts are one object, wherever
// they stand, so that keys are compared by address. Background thread. Forgotten on nanospan::drain(), before a library takes its literals away.

#include <functional>
#include <memory>

namespace nanospan::inline v0::detail {

struct literal_text {
  std::string text;     // as it stands in the program
  std::string encoded;  // what follows the tag of a protobuf string field: its length and its characters, ill-formed ones replaced
  std::size_t hash;
  literal_text const* next;  // of those with the same place by their hash
};

class literal_cache {
 public:
  // Throws std::bad_alloc, having remembered nothing.
  literal_text const& of(char const* literal) {
    if (literal_text const* const* const found = by_address_.find(literal)) [[likely]]
      return **found;
    return remember(literal);
  }
  void forget() noexcept {
    by_address_.clear();
    by_hash_.clear();
    texts_.clear();
  }

 private:
  NANOSPAN_DETAIL_COLD literal_text const& remember(char const* literal) {
    if (texts_.size() >= by_hash_.size()) grow();
    std::string_view const text{literal};
    std::size_t const hash = std::hash<std::string_view>{}(text);
    literal_text const* known = by_hash_[hash & (by_hash_.size() - 1)];
    while (known != nullptr && known->text != text) known = known->next;
    if (known == nullptr) {
      std::string const shown = is_utf8(text) ? std::string{text} : repaired_utf8(text);
      reverse_writer encoded{shown.size() + reverse_writer::max_varint_bytes};
      encoded.raw(shown);
      encoded.varint(shown.size());
      texts_.push_back(std::make_unique<literal_text>(literal_text{std::string{text}, std::string{encoded.view()}, hash, nullptr}));
      known = chain(*texts_.back());
    }
    return *by_address_.add(literal, known);
  }
  void grow() {
    by_hash_.assign(by_hash_.empty() ? 64 : 2 * by_hash_.size(), nullptr);
    for (auto const& text : texts_) chain(*text);
  }
  literal_text const* chain(literal_text& text) noexcept {
    literal_text const*& first = by_hash_[text.hash & (by_hash_.size() - 1)];
    text.next = std::exchange(first, &text);
    return first;
  }

  address_map<literal_text const*> by_address_;
  std::vector<literal_text const*> by_hash_;  // a power of two, no fewer than texts
  std::vector<std::unique_ptr<literal_text>> texts_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/attribute_set.hpp ------------------------------------------------------------------------------------------------

// The attributes of a record as they will be exported: unique by key (the last one wins), OpenTelemetry's limit applied, written as OTLP's
// KeyValue. Background thread.

#include <algorithm>
#include <memory>

namespace nanospan::inline v0::detail {

// An entry whose key, or an event's or a span's name, is looked up if it is a literal.
struct keyed_entry {
  entry_view entry;
  literal_text const* literal = nullptr;  // null: the characters are in the record

  // Throws std::bad_alloc.
  static keyed_entry of(entry_view const& one, literal_cache& literals) { return {one, one.key_is_copied() ? nullptr : &literals.of(one.literal())}; }

  std::string_view key() const noexcept { return literal != nullptr ? literal->text : entry.key(); }
  NANOSPAN_DETAIL_INLINE bool same_key(keyed_entry const& other) const noexcept {
    if (literal != nullptr && other.literal != nullptr) [[likely]]
      return literal == other.literal;  // equal ones are one object
    return key() == other.key();
  }
  NANOSPAN_DETAIL_INLINE void write_key(reverse_writer& to, std::uint32_t field) const {
    if (literal == nullptr) return write_text(to, field, entry.key());
    to.raw(literal->encoded);
    to.tag(field, wire_type::bytes);
  }
  // Room that write_key() may need.
  std::size_t key_bound() const noexcept { return literal != nullptr ? literal->encoded.size() + reverse_writer::max_varint_bytes : text_bound(entry.key().size()); }
};

// Attributes as they will be exported: unique by key, no more than the limit.
class attribute_set {
 public:
  // Throws std::bad_alloc.
  explicit attribute_set(std::size_t most) : most_{most}, chosen_{std::make_unique<keyed_entry[]>(most)} {}

  void clear() noexcept {
    count_ = 0;
    dropped_ = 0;
    bytes_ = 0;
  }
  // Throws std::bad_alloc.
  void add(entry_view const& one, literal_cache& literals) { add(keyed_entry::of(one, literals)); }
  NANOSPAN_DETAIL_INLINE void add(keyed_entry const& added) {
    if (added.literal != nullptr) bytes_ += added.literal->encoded.size();
    if (added.entry.type() == entry_type::type_name) [[unlikely]]
      bytes_ += text_bound(demangled(added.entry.text()).size());
    for (std::size_t at = 0; at < count_; ++at) {
      if (chosen_[at].same_key(added)) {
        chosen_[at] = added;
        return;
      }
    }
    if (count_ == most_) {
      ++dropped_;
      return;
    }
    chosen_[count_++] = added;
  }
  bool contains(std::string_view key) const noexcept {
    for (std::size_t at = 0; at < count_; ++at)
      if (chosen_[at].key() == key) return true;
    return false;
  }
  std::uint64_t dropped() const noexcept { return dropped_; }
  // The most that write() writes, of entries that take so many bytes: ill-formed text becomes three times as long, a number's word of an array, too.
  std::size_t bound(std::size_t entry_bytes) const noexcept { return bytes_ + 3 * entry_bytes + 128 * count_; }

  std::size_t size() const noexcept { return count_; }
  keyed_entry const& operator[](std::size_t at) const noexcept { return chosen_[at]; }
  void erase(std::size_t at) noexcept { std::move(&chosen_[at + 1], &chosen_[count_--], &chosen_[at]); }

  // The same, closer.
  std::size_t estimate(std::size_t entry_bytes) const noexcept { return bytes_ + 3 * entry_bytes + 32 * (count_ + 1); }
  // Leaves out the last ones where write() might write more than that, and counts them.
  NANOSPAN_DETAIL_COLD void fit(std::size_t most) {
    std::size_t sum = 0;
    std::size_t fitting = 0;
    for (; fitting < count_; ++fitting) {
      entry_view const& one = chosen_[fitting].entry;
      std::size_t const type_name = one.type() == entry_type::type_name ? text_bound(demangled(one.text()).size()) : 0;
      sum += 3 * one.value_size() + chosen_[fitting].key_bound() + type_name + 32;
      if (sum > most) break;
    }
    dropped_ += count_ - fitting;
    count_ = fitting;
  }

  void write(reverse_writer& to, std::uint32_t field, std::size_t longest) const {
    for (std::size_t at = count_; at-- != 0;) {
      std::size_t const since = to.size();
      write_value(to, chosen_[at].entry, longest);
      to.end_message(2, since);  // KeyValue.value
      chosen_[at].write_key(to, 1);
      to.end_message(field, since);
    }
  }

 private:
  std::size_t most_;
  std::unique_ptr<keyed_entry[]> chosen_;
  std::size_t count_ = 0;
  std::uint64_t dropped_ = 0;
  std::size_t bytes_ = 0;  // of keys that are literals, and names of types
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/baggage_attributes.hpp -------------------------------------------------------------------------------------------

// Members of the baggage that a span was started with, as attributes of it: options.baggage_attributes. Background thread.

namespace nanospan::inline v0::detail {

class baggage_attributes {
 public:
  baggage_attributes() = default;
  explicit baggage_attributes(std::vector<std::string> keys) : keys_{std::move(keys)} {}

  // Adds what the span has no attribute of, all of which are there already. `to` refers to this object until the next call. Throws std::bad_alloc.
  NANOSPAN_DETAIL_COLD void add_to(attribute_set& to, std::string_view baggage) {
    kept_.clear();
    baggage_list list;
    list.parse(baggage);
    for (std::string const& key : keys_) {
      auto const* const found = list.find(key);
      if (found == nullptr || to.contains(key)) continue;
      to.add({kept_.emplace_back(key, attribute_value{decoded_baggage(found->value)}).view(), nullptr});
    }
  }

 private:
  std::vector<std::string> keys_;
  std::vector<kept_entry> kept_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/scope_list.hpp ---------------------------------------------------------------------------------------------------

// The tracers whose spans are being encoded (OpenTelemetry's instrumentation scopes), each with the spans of the batch at hand. The first one is the
// library's own, for whoever named none. Background thread.

#include <deque>

namespace nanospan::inline v0::detail {

struct scope_spans {
  std::string envelope;      // ScopeSpans.scope
  reverse_writer spans;      // ScopeSpans.spans; behind them the schema URLs, the scope's and the resource's
  std::size_t behind = 0;    // bytes of these
  std::size_t before_cut = 0;

  bool empty() const noexcept { return spans.size() == behind; }
};

class scope_list {
 public:
  // The schema URL of the resource. Throws std::bad_alloc.
  explicit scope_list(std::string_view schema_url) : schema_url_{schema_url} { add(envelope_of("nanospan", NANOSPAN_VERSION, nullptr, nullptr), {}); }

  // Null is the library's own. Valid for ever. Equal tracers are one, wherever they stand. Throws std::bad_alloc.
  scope_spans& of(tracer const* by) {
    if (by == nullptr) return all_.front();
    if (scope_spans* const* const found = by_address_.find(by)) return **found;
    std::string envelope = envelope_of(view(by->name()), view(by->version()), by->begin(), by->end());
    reverse_writer schema{text_bound(by->schema_url().size())};
    if (by->schema_url().size() != 0) write_text(schema, 3, view(by->schema_url()));  // ScopeSpans.schema_url
    for (scope_spans& one : all_)
      if (one.envelope == envelope && one.spans.view().substr(one.spans.size() - one.behind, one.behind - resource_bytes_) == schema.view()) return *by_address_.add(by, &one);
    add(std::move(envelope), schema.view());
    return *by_address_.add(by, &all_.back());
  }
  // Of what stands behind all the spans of a batch.
  std::size_t resource_bytes() const noexcept { return resource_bytes_; }
  void forget_addresses() noexcept { by_address_.clear(); }

  auto begin() noexcept { return all_.begin(); }
  auto end() noexcept { return all_.end(); }

 private:
  void add(std::string envelope, std::string_view schema) {
    scope_spans added{std::move(envelope), reverse_writer{text_bound(schema_url_.size()) + schema.size()}};
    if (!schema_url_.empty()) write_text(added.spans, 3, schema_url_);  // ResourceSpans.schema_url
    resource_bytes_ = added.spans.size();
    added.spans.raw(schema);
    added.behind = added.spans.size();
    all_.push_back(std::move(added));
  }
  static std::string_view view(literal text) noexcept { return {text.data(), text.size()}; }
  static std::string envelope_of(std::string_view name, std::string_view version, tracer::attribute const* first, tracer::attribute const* last) {
    std::size_t bytes = text_bound(name.size()) + text_bound(version.size()) + 64;
    for (auto const* at = first; at != last; ++at) bytes += text_bound(at->key.size()) + text_bound(at->value.size()) + 64;
    reverse_writer out{bytes};
    while (last != first) {
      --last;
      std::size_t const since = out.size();
      write_text(out, 1, view(last->value));  // AnyValue.string_value
      out.end_message(2, since);              // KeyValue.value
      write_text(out, 1, view(last->key));
      out.end_message(3, since);  // InstrumentationScope.attributes
    }
    if (!version.empty()) write_text(out, 2, version);
    if (!name.empty()) write_text(out, 1, name);
    out.end_message(1, 0);  // ScopeSpans.scope
    return std::string{out.view()};
  }

  std::string schema_url_;
  std::size_t resource_bytes_ = 0;
  std::deque<scope_spans> all_;
  address_map<scope_spans*> by_address_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/collected_span.hpp -----------------------------------------------------------------------------------------------

// A record taken apart, before it is encoded: here attributes are made unique (the last one wins), OpenTelemetry's limits are applied, and names are looked
// up. One object for all spans, one after another; what it holds points into the record. Background thread.

#include <list>

namespace nanospan::inline v0::detail {

// What is known of a call site, by its address.
struct known_site {
  literal_text const* name = nullptr;
  scope_spans* scope = nullptr;
  bool had_parent = false;
  bool told = false;
};

class collected_span {
 public:
  // The schema URL of the resource.
  collected_span(span_limits const& limits, std::string_view schema_url)
      : limits_{limits},
        attributes{limits.attribute_count},
        scopes_{schema_url},
        events_{std::make_unique<keyed_entry[]>(limits.event_count)},
        links_{std::make_unique<entry_view[]>(limits.link_count)} {}

  // Throws std::bad_alloc.
  void collect(std::byte const* record) {
    std::memcpy(&header, record, sizeof header);
    std::byte const* entries = record + sizeof header;
    entry_bytes_ = header.meta.size - sizeof header;
    if (heap_payload const heap = heap_of(record); heap.block != nullptr) {
      entries = heap.block;
      entry_bytes_ = heap.used;
    }
    clear();
    if (header.from != nullptr) {
      known_site& from = known(*header.from);
      name = {{}, from.name};
      scope = from.scope;
      lost_context = is_lost(from);
    } else {
      name = {};
      scope = &scopes_.of(nullptr);
      lost_context = false;
    }
    if (entry_bytes_ != 0) for_each_entry(entries, entry_bytes_, [&](entry_view const& entry) { take(entry); });
  }
  // Room that it may need on the wire, but for events, links and the fields of fixed size.
  std::size_t bound() const noexcept { return attributes.bound(entry_bytes_) + name.key_bound(); }

  std::size_t event_count() const noexcept { return event_count_; }
  keyed_entry const& event(std::size_t at) const noexcept { return events_[at]; }
  std::size_t link_count() const noexcept { return link_count_; }
  entry_view const& link(std::size_t at) const noexcept { return links_[at]; }
  // An event's, or a link's; nothing else of them is told while they are looked at. Throws std::bad_alloc.
  void collect_attributes(entry_view const& of, attribute_set& into) {
    into.clear();
    for_each_attribute_of(of, [&](entry_view const& one) { into.add(one, literals_); });
  }

  // ---- what a hook changes; it lasts until the next span ---------------------------------------------------------------------------

  // An attribute that is in no record. Throws std::bad_alloc.
  entry_view keep(std::string_view key, attribute_value const& value) {
    kept_entry const& added = kept_.emplace_back(key, value);
    entry_bytes_ += added.size();
    return added.view();
  }
  // An event's attributes, to be written in the place of those in the record. Throws std::bad_alloc.
  attribute_set& edit_event(std::size_t at) {
    for (edited_event& one : edited_)
      if (one.event == at) return one.attributes;
    edited_event& added = edited_.emplace_back(at, attribute_set{limits_.attribute_count_per_event});
    collect_attributes(event(at).entry, added.attributes);
    return added.attributes;
  }
  void erase_event(std::size_t at) noexcept {
    std::move(&events_[at + 1], &events_[event_count_], &events_[at]);
    --event_count_;
    std::erase_if(edited_, [&](edited_event const& one) { return one.event == at; });
    for (edited_event& one : edited_) one.event -= one.event > at ? 1 : 0;
  }
  // Null where nobody looked at them.
  attribute_set* edited(std::size_t event) noexcept {
    for (edited_event& one : edited_)
      if (one.event == event) return &one.attributes;
    return nullptr;
  }
  std::size_t kept_bytes() const noexcept { return entry_bytes_; }
  // The others are dropped.
  void keep_first(std::size_t events, std::size_t links) noexcept {
    dropped_events += event_count_ - events;
    dropped_links += link_count_ - links;
    event_count_ = events;
    link_count_ = links;
  }

  // Baggage of those keys becomes attributes.
  void copy_baggage(std::vector<std::string> keys) { baggage_ = baggage_attributes{std::move(keys)}; }
  // No address is known any more.
  void forget_literals() noexcept {
    sites_.clear();
    scopes_.forget_addresses();
    literals_.forget();
  }
  scope_list& scopes() noexcept { return scopes_; }
  span_limits const& limits() const noexcept { return limits_; }

  // The heap block that a record owns, for whoever is done with the record; {null, 0} for most.
  static heap_payload heap_of(std::byte const* record) noexcept {
    record_meta meta{};
    std::memcpy(&meta, record, sizeof meta);
    if (meta.size != sizeof(record_header) + head_bytes(0) + sizeof(heap_payload)) [[likely]]
      return {};
    std::uint64_t word = 0;
    std::memcpy(&word, record + sizeof(record_header), sizeof word);
    heap_payload heap{};
    if (type_of(word) == entry_type::heap_block) std::memcpy(&heap, record + sizeof(record_header) + sizeof word, sizeof heap);
    return heap;
  }
  static link_payload head_of(entry_view const& link) noexcept {
    link_payload head{};
    if (link.value_size() >= sizeof head) std::memcpy(&head, link.value(), sizeof head);
    return head;
  }
  static std::string_view tracestate_of(entry_view const& link) noexcept {
    return link.text().substr(std::min(sizeof(link_payload), link.value_size()), head_of(link).tracestate_size);
  }

 private:
  span_limits limits_;

 public:
  // The span at hand: what others read and change. NOLINTBEGIN(misc-non-private-member-variables-in-classes)
  record_header header;
  keyed_entry name;
  scope_spans* scope = nullptr;
  attribute_set attributes;
  std::string_view status;
  std::string_view tracestate;
  std::uint64_t left_out = 0;  // attributes, events and links that found no room in the span
  std::uint64_t dropped_events = 0;
  std::uint64_t dropped_links = 0;
  bool lost_context = false;  // it has no parent, unlike others of its site, for the first time
  // NOLINTEND(misc-non-private-member-variables-in-classes)

 private:
  void clear() noexcept {
    attributes.clear();
    event_count_ = 0;
    link_count_ = 0;
    left_out = 0;
    dropped_events = 0;
    dropped_links = 0;
    status = {};
    tracestate = {};
    if (!kept_.empty()) kept_.clear();
    if (!edited_.empty()) edited_.clear();
  }
  struct edited_event {
    edited_event(std::size_t of, attribute_set&& has) noexcept : event{of}, attributes{std::move(has)} {}
    std::size_t event;
    attribute_set attributes;
  };
  known_site& known(site const& from) {
    if (known_site* const found = sites_.find(&from)) [[likely]]
      return *found;
    return sites_.add(&from, {&literals_.of(from.name), &scopes_.of(tracer_of(from))});
  }
  // Servers and consumers begin traces all the time. Who says no_parent has no site.
  bool is_lost(known_site& from) const noexcept {
    if (header.parent.valid()) {
      from.had_parent = true;
      return false;
    }
    bool const expected = header.meta.kind == span_kind::server || header.meta.kind == span_kind::consumer;
    return from.had_parent && !expected && !std::exchange(from.told, true);
  }
  void take(entry_view const& entry) {
    switch (entry.type()) {
      case entry_type::event: return take_event(entry);
      case entry_type::link: return take_link(entry);
      case entry_type::status: status = entry.text(); return;
      case entry_type::name: name = keyed_entry::of(entry, literals_); return;
      case entry_type::tracestate: tracestate = entry.text(); return;
      case entry_type::scope: return take_scope(entry);
      case entry_type::baggage: return baggage_.add_to(attributes, entry.text());  // comes behind the attributes
      case entry_type::dropped: left_out = entry.word(); return;
      case entry_type::heap_block: return;
      default: attributes.add(entry, literals_);
    }
  }
  void take_event(entry_view const& event) {
    if (event.value_size() < sizeof(event_payload)) return;  // which only a data race can have written
    if (event_count_ == limits_.event_count) {
      ++dropped_events;
      return;
    }
    events_[event_count_++] = keyed_entry::of(event, literals_);
  }
  // One to nowhere says something only by its attributes or its tracestate (OpenTelemetry, "Link").
  void take_link(entry_view const& link) {
    link_payload const head = head_of(link);
    bool const valid = head.trace.valid() && head.span.valid();
    if (link.value_size() < sizeof head || (!valid && link.value_size() == sizeof head)) return;
    if (link_count_ == limits_.link_count) {
      ++dropped_links;
      return;
    }
    links_[link_count_++] = link;
  }
  void take_scope(entry_view const& entry) {
    scope_payload payload{};
    if (entry.value_size() == sizeof payload) std::memcpy(&payload, entry.value(), sizeof payload);
    scope = &scopes_.of(payload.by);
  }
  template <typename Visit>
  static void for_each_attribute_of(entry_view const& of, Visit&& visit) {
    std::size_t const head = of.type() == entry_type::event ? sizeof(event_payload) : sizeof(link_payload) + padded(head_of(of).tracestate_size);
    if (head < of.value_size()) for_each_entry(of.value() + head, of.value_size() - head, std::forward<Visit>(visit));
  }

  literal_cache literals_;
  baggage_attributes baggage_;
  scope_list scopes_;
  address_map<known_site> sites_;
  std::unique_ptr<keyed_entry[]> events_;
  std::size_t event_count_ = 0;
  std::unique_ptr<entry_view[]> links_;
  std::size_t link_count_ = 0;
  std::size_t entry_bytes_ = 0;
  std::vector<kept_entry> kept_;  // their bytes stay where they are
  std::list<edited_event> edited_;  // an editable_attributes refers to one
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/exporter_choice.hpp ----------------------------------------------------------------------------------------------

// Where spans go when the options name no exporter: OTEL_TRACES_EXPORTER and the OTEL_EXPORTER_OTLP_ variables (OpenTelemetry protocol exporter), of
// which the one for traces wins over the one for all signals. Constructor's thread.

namespace nanospan::inline v0::detail {

class exporter_choice {
 public:
  exporter_choice(options& with, environment const& env) : options_{with}, env_{env} {}

  // Null where the environment says none. Completes the options of the exporter that is made.
  shared<exporter> make() const {
    bool otlp = false;
    bool console = false;
    bool none = false;
    for (std::string const& name : environment::names(variable)) {
      bool* const known = name == "otlp" ? &otlp : name == "console" ? &console : name == "none" ? &none : nullptr;
      if (known != nullptr) *known = true;
      else env_.ignored(variable, name, "known are otlp, console and none");
    }
    if (none && !otlp && !console) return nullptr;
    if (none) env_.ignored(variable, "none", "there are others beside it");
    if (!console) return make_otlp();
    auto drawn = shared<exporter>::make<console_exporter>();
    if (!otlp) return drawn;
    return shared<exporter>::make<composite_exporter>(std::vector{make_otlp(), std::move(drawn)});
  }

 private:
  static constexpr char const* variable = "OTEL_TRACES_EXPORTER";

  shared<exporter> make_otlp() const {
    // Until one of the two says what there is.
    for (char const* name : {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"})
      if (env_.choice(name, {"http/protobuf"}, "spans are sent as http/protobuf")) break;
    for (char const* name : {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"}) {
      auto given = env_.headers(name);
      if (!given) continue;
      for (auto& [header, value] : options_.headers) given->emplace_back(std::move(header), std::move(value));  // they come later and win
      options_.headers = std::move(*given);
      break;
    }
    options_.export_timeout = timeout();
    otlp_http_options http;
    http.headers = options_.headers;
    http.timeout = options_.export_timeout;
    http.compression = options_.compression = compressed();
    address(http);
    http.certificate_file = options_.certificate_file;
    http.client_certificate_file = options_.client_certificate_file;
    http.client_key_file = options_.client_key_file;
    otlp_http_options with_files = http;
    bool const taken = take_files(with_files);
    try {
      return shared<exporter>::make<otlp_http_exporter>(std::move(with_files));
    } catch (configuration_error const& error) {  // about the variables' files, or it is said again, and not caught
      if (!taken) throw;
      auto made = shared<exporter>::make<otlp_http_exporter>(std::move(http));
      env_.warn(joined({"OTEL_EXPORTER_OTLP_[TRACES_]CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY are ignored: ", error.what()}));
      return made;
    }
  }
  compression compressed() const {
    if (options_.compression != compression::unset) return options_.compression;
    for (char const* name : {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"})
      if (auto const given = env_.choice(name, {"none", "gzip"}, "known are gzip and none")) return *given == 1 ? compression::gzip : compression::none;
    return compression::none;
  }
  // Where the options name none. False where no variable names one, or one that is of use.
  bool take_files(otlp_http_options& http) const {
    struct {
      std::string& file;
      char const* names[2];
    } const files[] = {{http.certificate_file, {"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"}},
                       {http.client_certificate_file, {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"}},
                       {http.client_key_file, {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"}}};
    bool taken = false;
    for (auto const& [file, names] : files) {
      for (char const* name : names) {
        auto const given = file.empty() ? environment::text(name) : std::nullopt;
        if (!given) continue;
        if (!NANOSPAN_TLS) env_.ignored(name, *given, url::without_tls);
        else file = *given;
        taken |= NANOSPAN_TLS != 0;
      }
    }
    return taken;
  }
  duration timeout() const {
    if (options_.export_timeout != duration::unset()) return options_.export_timeout;
    for (char const* name : {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"})
      if (auto const given = env_.milliseconds(name)) return *given;  // zero means none to both
    return otlp_http_options{}.timeout;
  }

  // Fills in the URL, where it is said anywhere.
  void address(otlp_http_options& http) const {
    if (!options_.endpoint.empty()) {
      auto const parsed = url::parse(options_.endpoint);
      bool const bare = parsed && (parsed->target.empty() || parsed->target == "/");
      http.url = bare ? with_path(options_.endpoint) : options_.endpoint;
      http.url_source = "options.endpoint";
      return;
    }
    struct {
      char const* name;
      bool is_base;
    } const variables[] = {{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", false}, {"OTEL_EXPORTER_OTLP_ENDPOINT", true}};
    for (auto const& [name, is_base] : variables) {
      auto const given = environment::text(name);
      if (!given) continue;
      auto const parsed = url::parse(*given);
      if (!parsed || (!NANOSPAN_TLS && parsed->scheme == "https")) {
        env_.ignored(name, url::without_credentials(*given), parsed ? url::without_tls : "not a URL like http://localhost:4318 or unix:///run/otel.sock");
        continue;
      }
      http.url = is_base && !parsed->is_unix() ? with_path(*given) : *given;
      http.url_source = name;
      return;
    }
  }
  static std::string with_path(std::string const& base) {
    std::size_t const query = std::min(base.find_first_of("?#"), base.size());
    std::string_view const path = std::string_view{base}.substr(0, query);
    return joined({path, path.ends_with('/') ? "v1/traces" : "/v1/traces", std::string_view{base}.substr(query)});
  }

  options& options_;
  environment const& env_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/configuration.hpp ------------------------------------------------------------------------------------------------

// The options as the provider will use them: checked, and completed from the environment. Constructor's thread.

namespace nanospan::inline v0::detail {

// Who hears what from the first message on.
inline messages messages_of(options const& with) {
  message_handler const to = with.on_message != nullptr ? with.on_message : default_message_handler;
  if (with.log_level != log_level::unset) return {to, with.log_level};
  auto const chosen = environment{to}.choice("OTEL_LOG_LEVEL", {"none", "error", "warn", "info", "debug"}, "known are none, error, warn, info and debug");
  return {to, chosen ? static_cast<log_level>(*chosen + 1) : log_level::info};
}

// Where a queue is counted in spans, and we count bytes.
inline constexpr std::size_t assumed_span_bytes = 1024;

class configuration {
 public:
  configuration(options& with, environment const& env) : options_{with}, env_{env} {}

  void check() const {
    complete_ring_memory();
    options const& o = options_;
    require(o.max_batch_bytes >= 1024 && o.max_batch_bytes <= 16u << 20, "max_batch_bytes", o.max_batch_bytes, "from 1 KiB to 16 MiB");
    require(o.max_queue_bytes == 0 || o.max_queue_bytes >= o.max_batch_bytes, "max_queue_bytes", o.max_queue_bytes, "at least max_batch_bytes");
    struct {
      char const* name;
      std::size_t value;
    } const counts[] = {{"limits.attribute_count", o.limits.attribute_count},
                        {"limits.event_count", o.limits.event_count},
                        {"limits.link_count", o.limits.link_count},
                        {"limits.attribute_count_per_event", o.limits.attribute_count_per_event},
                        {"limits.attribute_count_per_link", o.limits.attribute_count_per_link}};
    for (auto const& [name, value] : counts) require(value == span_limits::unset || value <= span_limits::greatest_count, name, value, "at most 4096");
    require(std::has_single_bit(o.ring_bytes) && o.ring_bytes >= 16384 && o.ring_bytes <= 1u << 30, "ring_bytes", o.ring_bytes, "a power of two from 16 KiB to 1 GiB");
    require(o.ring_memory_limit_bytes / 2 >= o.ring_bytes, "ring_memory_limit_bytes", o.ring_memory_limit_bytes, "at least twice options.ring_bytes");
    require(o.ring_memory_limit_bytes <= std::size_t{1} << 40, "ring_memory_limit_bytes", o.ring_memory_limit_bytes, "at most 1 TiB");
    std::size_t const least = sum(o.ring_memory_limit_bytes, 2 * o.max_batch_bytes);
    require(o.memory_limit_bytes == 0 || o.memory_limit_bytes >= least, "memory_limit_bytes", o.memory_limit_bytes,
            joined({"at least options.ring_memory_limit_bytes and twice options.max_batch_bytes, which is ", std::to_string(least)}));
    for (std::string const& key : o.baggage_attributes)
      if (!is_token(key)) throw configuration_error{joined({"options.baggage_attributes has \"", key, "\"; no key of baggage is like that"})};
    if (o.background_name.size() > 15) throw configuration_error{joined({"options.background_name is \"", o.background_name, "\"; it must have at most 15 bytes"})};
    require(o.background_cpu >= -1 && o.background_cpu < guest_settings::cpu_count, "background_cpu", o.background_cpu, "-1 or the number of a CPU");
    require(o.background_nice >= -20 && o.background_nice <= 19, "background_nice", o.background_nice, "from -20 to 19");
    require(o.background_realtime_priority >= 0 && o.background_realtime_priority <= 99, "background_realtime_priority", o.background_realtime_priority, "from 0 to 99");
    struct {
      char const* name;
      duration value;
      bool may_be_unset;
    } const durations[] = {{"export_timeout", o.export_timeout, true}, {"retry_limit", o.retry_limit, true}, {"schedule_delay", o.schedule_delay, true}, {"shutdown_limit", o.shutdown_limit, false}};
    for (auto const& [name, value, may_be_unset] : durations)
      if (value < duration{} && !(may_be_unset && value == duration::unset()))
        throw configuration_error{joined({"options.", name, " is ", std::to_string(value.nanoseconds()), " ns; it must not be negative"})};
  }

  // False where nothing is to be exported.
  bool complete() {
    complete_propagators();  // first: what is not recorded is propagated all the same
    options_.disabled |= env_.boolean("OTEL_SDK_DISABLED");
    if (options_.disabled) return false;
    complete_limits();
    complete_batches();
    complete_sampler();
    if (options_.exporter == nullptr) options_.exporter = exporter_choice{options_, env_}.make();
    if (options_.exporter == nullptr) return false;
    env_.report().debug(joined({"sending to ", options_.exporter->description(), "; sampler ", options_.sampler->description()}));
    return true;
  }

 private:
  template <typename Number>
  NANOSPAN_DETAIL_OUT_OF_LINE static void require(bool holds, char const* name, Number value, std::string_view must) {
    if (!holds) throw configuration_error{joined({"options.", name, " is ", std::to_string(value), "; it must be ", must})};
  }
  static constexpr std::size_t sum(std::size_t a, std::size_t b) noexcept { return a > ~std::size_t{0} - b ? ~std::size_t{0} : a + b; }
  void complete_ring_memory() const {
    if (options_.ring_memory_limit_bytes != 0) return;
    constexpr std::size_t usual = 64u << 20;
    std::size_t const all = options_.memory_limit_bytes;
    std::size_t const batches = 2 * options_.max_batch_bytes;
    options_.ring_memory_limit_bytes = all == 0 ? usual : std::min({usual, all / 3 * 2, all > batches ? all - batches : 0});
  }
  void complete_propagators() const {
    constexpr char const* name = "OTEL_PROPAGATORS";
    auto const given = environment::text(name);
    if (options_.propagators.is_chosen() || !given) return;
    struct {
      std::string_view name;
      propagator_set set;
    } const known[] = {{"tracecontext", propagator::tracecontext}, {"baggage", propagator::baggage}, {"b3", propagator::b3},
                       {"b3multi", propagator::b3multi}, {"none", propagator_set::none()}};
    for (std::string_view list = *given; !list.empty();) {
      std::string_view const one = without_blanks(take_front(list, ','));
      auto const* const found = std::find_if(std::begin(known), std::end(known), [&](auto const& each) { return is_same_name(each.name, one); });
      if (found != std::end(known)) options_.propagators = options_.propagators | found->set;
      else if (!one.empty()) env_.ignored(name, one, "known are tracecontext, baggage, b3, b3multi and none");
    }
  }
  void complete_limits() const {
    std::optional<std::size_t> const attributes = count("OTEL_ATTRIBUTE_COUNT_LIMIT");
    std::optional<std::size_t> const length = size("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT");
    span_limits& limits = options_.limits;
    auto const complete = [](std::size_t& limit, std::optional<std::size_t> given, std::size_t otherwise) {
      if (limit == span_limits::unset) limit = given.value_or(otherwise);
    };
    constexpr std::size_t usual = 128;
    complete(limits.attribute_count, count("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"), attributes.value_or(usual));
    complete(limits.attribute_value_length, size("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"), length.value_or(span_limits::unlimited));
    complete(limits.event_count, count("OTEL_SPAN_EVENT_COUNT_LIMIT"), usual);
    complete(limits.link_count, count("OTEL_SPAN_LINK_COUNT_LIMIT"), usual);
    complete(limits.attribute_count_per_event, count("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"), attributes.value_or(usual));
    complete(limits.attribute_count_per_link, count("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"), attributes.value_or(usual));
  }
  std::optional<std::size_t> size(char const* name) const {
    auto const given = env_.number(name, 0, span_limits::unset - 1, "not a number that is not negative");
    if (!given) return std::nullopt;
    return static_cast<std::size_t>(*given);
  }
  std::optional<std::size_t> count(char const* name) const {
    auto const given = size(name);
    if (!given || *given <= span_limits::greatest_count) return given;
    env_.warn(joined({name, " is ", std::to_string(*given), "; 4096 is used, the most that there is"}));
    return span_limits::greatest_count;
  }

  // Variables count spans, we count bytes.
  void complete_batches() const {
    constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
    constexpr char const* positive = "not a number from 1 to 2147483647";
    auto const queue_spans = env_.number("OTEL_BSP_MAX_QUEUE_SIZE", 1, most, positive);
    auto const batch_spans = env_.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, most, positive);
    std::uint64_t const most_in_a_batch = queue_spans ? *queue_spans : most;
    std::uint64_t spans = std::min<std::uint64_t>(512, most_in_a_batch);
    if (batch_spans) {
      if (*batch_spans <= most_in_a_batch) spans = *batch_spans;
      else env_.ignored("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", std::to_string(*batch_spans), "more than OTEL_BSP_MAX_QUEUE_SIZE");
    }
    if (options_.max_batch_spans == 0) options_.max_batch_spans = spans;
    if (options_.max_queue_bytes == 0)
      options_.max_queue_bytes = queue_spans ? std::max<std::size_t>(*queue_spans * assumed_span_bytes, options_.max_batch_bytes) : 16u << 20;
    if (options_.memory_limit_bytes == 0)
      options_.memory_limit_bytes = sum(sum(options_.ring_memory_limit_bytes, options_.max_queue_bytes), 4 * options_.max_batch_bytes);
    auto const delay = env_.milliseconds("OTEL_BSP_SCHEDULE_DELAY");
    if (options_.schedule_delay == duration::unset()) options_.schedule_delay = delay.value_or(duration::of_milliseconds(5'000));
    auto const limit = env_.timeout("OTEL_BSP_EXPORT_TIMEOUT");
    if (options_.retry_limit == duration::unset()) options_.retry_limit = limit.value_or(duration::of_milliseconds(60'000));
  }

  void complete_sampler() const {
    if (options_.sampler != nullptr) return;
    auto const chosen = env_.choice("OTEL_TRACES_SAMPLER",
                                    {"parentbased_always_on", "always_on", "always_off", "traceidratio", "parentbased_always_off", "parentbased_traceidratio"},
                                    "known are always_on, always_off, traceidratio, and parentbased_ before each");
    auto const ratio = [&] { return shared<sampler const>::make<trace_id_ratio_sampler>(env_.ratio("OTEL_TRACES_SAMPLER_ARG").value_or(1.0)); };
    auto const below_root = [](shared<sampler const> root) { return shared<sampler const>::make<parent_based_sampler>(parent_based_slots{.root = std::move(root)}); };
    switch (chosen.value_or(0)) {
      case 1: options_.sampler = shared<sampler const>::make<always_on_sampler>(); return;
      case 2: options_.sampler = shared<sampler const>::make<always_off_sampler>(); return;
      case 3: options_.sampler = ratio(); return;
      case 4: options_.sampler = below_root(shared<sampler const>::make<always_off_sampler>()); return;
      case 5: options_.sampler = below_root(ratio()); return;
      default: options_.sampler = shared<sampler const>::make<parent_based_sampler>();
    }
  }

  options& options_;
  environment const& env_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/resource_detectors.hpp -------------------------------------------------------------------------------------------

// What can be found out about this process, its host and its operating system, under the keys and in the words of the semantic conventions
// ("Resource semantic conventions": service, process, host, os). Constructor's thread.

#include <ctime>
#include <optional>

#include <fcntl.h>
#include <pwd.h>
#include <sys/utsname.h>

namespace nanospan::inline v0::detail {

// Of the conventions that the keys below are from.
inline constexpr char const* conventions_schema_url = "https://opentelemetry.io/schemas/1.44.0";

// The beginning of a file; empty where there is none to be read.
inline std::string read_file(char const* path) {
  constexpr std::size_t most_bytes = 1u << 20;
  descriptor const file{::open(path, O_RDONLY | O_CLOEXEC)};
  std::string content;
  char part[4096];
  while (content.size() < most_bytes) {
    auto const count = ::read(file.get(), part, sizeof part);  // NOLINT(clang-analyzer-unix.BlockInCriticalSection): a small local file
    if (count <= 0) break;
    content.append(part, static_cast<std::size_t>(count));
  }
  return content;
}
inline std::string executable_path() {
  char path[4096];
  auto const length = ::readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string{path, static_cast<std::size_t>(length)} : std::string{};
}
inline std::string file_name(std::string const& path) { return path.substr(path.rfind('/') + 1); }

// RFC 9562, version 4.
inline std::string random_uuid() {
  random_ids random;
  random.seed();
  auto bytes = random.next_trace_id().bytes();
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0fu) | 0x40u);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3fu) | 0x80u);
  auto const hex = trace_id{bytes}.hex();
  std::string_view const digits = hex;
  return joined({digits.substr(0, 8), "-", digits.substr(8, 4), "-", digits.substr(12, 4), "-", digits.substr(16, 4), "-", digits.substr(20)});
}

// uname's words in the conventions'.
inline std::string os_type(std::string_view system) {
  if (system == "SunOS") return "solaris";
  if (system == "DragonFly") return "dragonflybsd";
  std::string type;
  for (char const c : system) type += to_lower(c);
  return type;
}
inline std::string host_arch(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine.starts_with("arm") && machine != "arm64") return "arm32";
  if (machine.size() == 4 && machine[0] == 'i' && machine.ends_with("86")) return "x86";
  if (machine == "ppc") return "ppc32";
  if (machine == "ppc64le") return "ppc64";
  return std::string{machine};
}

// The value of a key in os-release(5), without its quotes; empty where it has none.
inline std::string os_release_value(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.size() <= key.size() || !line.starts_with(key) || line[key.size()] != '=') continue;
    line.remove_prefix(key.size() + 1);
    if (line.size() >= 2 && (line.front() == '"' || line.front() == '\'') && line.back() == line.front()) line = line.substr(1, line.size() - 2);
    return std::string{line};
  }
  return {};
}

// "2026-08-01T12:00:00.250Z", from /proc/self/stat, of which the 22nd field counts ticks since the host's start, and /proc/stat, which says when that was. Not
// from the clocks: whoever asks later, or from elsewhere, must come to the same.
inline std::optional<std::string> creation_time(std::string_view process, std::string_view system, long ticks_a_second) {
  auto const number_at = [](std::string_view text) {
    auto const number = decimal(text.substr(0, text.find_first_not_of("0123456789")));
    return number ? static_cast<std::int64_t>(*number) : -1;
  };
  std::size_t at = process.rfind(')');  // the second field may hold anything
  for (int field = 2; field < 22 && at != std::string_view::npos; ++field) at = process.find(' ', at + 1);
  std::size_t const start = system.find("btime ");
  if (at == std::string_view::npos || start == std::string_view::npos || ticks_a_second <= 0) return std::nullopt;
  std::int64_t const ticks = number_at(process.substr(at + 1));
  std::int64_t const boot = number_at(system.substr(start + 6));
  if (ticks < 0 || boot < 0) return std::nullopt;
  std::time_t const seconds = boot + ticks / ticks_a_second;
  std::tm date{};
  char text[64];
  if (::gmtime_r(&seconds, &date) == nullptr || std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &date) == 0) return std::nullopt;
  std::string const milliseconds = std::to_string(1'000 + ticks % ticks_a_second * 1'000 / ticks_a_second);
  return joined({text, std::string_view{milliseconds}.substr(1), "Z"});
}

// The value of another attribute.
NANOSPAN_DETAIL_OUT_OF_LINE inline attribute_value& added(attribute_list& to, std::string_view key) {
  auto& [name, value] = to.emplace_back();
  name = key;
  return value;
}
// Nothing where there is no text.
NANOSPAN_DETAIL_OUT_OF_LINE inline void add_text(attribute_list& to, std::string_view key, std::string_view text) {
  if (!text.empty()) added(to, key) = std::string{text};
}

inline attribute_list detect(resource_detectors const& which) {
  attribute_list found;
  auto const add = [&](std::string_view key, std::string_view text) { add_text(found, key, text); };
  utsname system{};
  if (::uname(&system) < 0) system = {};
  if (which.service_instance) add("service.instance.id", random_uuid());
  if (which.process_id) added(found, "process.pid") = std::int64_t{::getpid()};
  if (which.host_name) add("host.name", system.nodename);
  if (which.os_type) add("os.type", os_type(system.sysname));
  if (which.process) {
    std::string const path = executable_path();
    add("process.executable.name", file_name(path));
    add("process.executable.path", path);
    add("process.creation.time", creation_time(read_file("/proc/self/stat"), read_file("/proc/stat"), ::sysconf(_SC_CLK_TCK)).value_or(""));
    passwd entry{};
    passwd* owner = nullptr;
    char names[4096];
    if (::getpwuid_r(::geteuid(), &entry, names, sizeof names, &owner) == 0 && owner != nullptr) add("process.owner", owner->pw_name);
  }
  if (which.process_command) {
    std::string line = read_file("/proc/self/cmdline");
    while (!line.empty() && line.back() == '\0') line.pop_back();
    for (char& c : line) c = c == '\0' ? ' ' : c;
    add("process.command_line", line);
  }
  if (which.host) {
    std::string id = read_file("/etc/machine-id");
    if (id.empty()) id = read_file("/var/lib/dbus/machine-id");
    add("host.id", id.substr(0, id.find('\n')));
    add("host.arch", host_arch(system.machine));
  }
  if (which.os) {
    std::string release = read_file("/etc/os-release");
    if (release.empty()) release = read_file("/usr/lib/os-release");
    std::string const name = os_release_value(release, "NAME");
    add("os.name", name.empty() ? system.sysname : std::string_view{name});
    if (name.empty()) add("os.version", system.release);
    else add("os.version", os_release_value(release, "VERSION_ID"));
  }
  return found;
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/resource.hpp -----------------------------------------------------------------------------------------------------

// What all spans of a process have in common (OpenTelemetry, "Resource SDK"): the service and this library, what is detected, then
// OTEL_RESOURCE_ATTRIBUTES, then the options, each over the one before. Made once, by the thread that constructs the provider.

namespace nanospan::inline v0::detail {

class resource {
 public:
  static resource of(options const& with, environment const& env) {
    resource made = defaults();
    attribute_list detected = detect(with.resource_detectors);
    made.merge({std::move(detected), detected_any(with.resource_detectors) ? conventions_schema_url : ""});
    made.merge(of_environment(env));
    resource mine{with.resource_attributes, with.resource_schema_url};
    if (!with.service_name.empty()) mine.set("service.name", with.service_name);
    if (!made.merge(mine))
      env.report().error(joined({"options.resource_schema_url is \"", with.resource_schema_url, "\" and that of options.resource_detectors \"", conventions_schema_url, "\"; none is sent"}));
    return made;
  }

  resource() = default;
  resource(attribute_list attributes, std::string schema_url) : schema_url_{std::move(schema_url)} {
    for (auto& [key, value] : attributes) set(key, std::move(value));
  }

  // What `updating` says wins. False where both have a schema URL and not the same: then there is none (OpenTelemetry, "Merge").
  bool merge(resource const& updating) {
    for (auto const& [key, value] : updating.attributes_) set(key, value);
    bool const agree = schema_url_.empty() || updating.schema_url_.empty() || schema_url_ == updating.schema_url_;
    if (!agree) schema_url_.clear();
    else if (schema_url_.empty()) schema_url_ = updating.schema_url_;
    return agree;
  }
  void set(std::string_view key, attribute_value value) {
    for (auto& [known, old] : attributes_) {
      if (known == key) {
        old = std::move(value);
        return;
      }
    }
    added(attributes_, key) = std::move(value);
  }

  attribute_list const& attributes() const noexcept { return attributes_; }
  std::string const& schema_url() const noexcept { return schema_url_; }

  // The fields of an encoded Resource message.
  std::string encoded() const {
    std::vector<kept_entry> kept;
    attribute_set all{attributes_.size()};
    std::size_t bytes = 0;
    for (auto const& [key, value] : attributes_) {
      all.add({kept.emplace_back(key, value).view(), nullptr});
      bytes += kept.back().size();
    }
    reverse_writer out{all.bound(bytes)};
    all.write(out, 1, span_limits::unlimited);
    return std::string{out.view()};
  }

 private:
  static resource defaults() {
    std::string const path = executable_path();
    resource made;
    add_text(made.attributes_, "service.name", joined({"unknown_service", path.empty() ? "" : ":", file_name(path)}));
    add_text(made.attributes_, "telemetry.sdk.name", "nanospan");
    add_text(made.attributes_, "telemetry.sdk.language", "cpp");
    add_text(made.attributes_, "telemetry.sdk.version", NANOSPAN_VERSION);
    return made;
  }
  static bool detected_any(resource_detectors const& which) noexcept {
    return which.service_instance || which.process_id || which.host_name || which.os_type || which.process || which.process_command || which.host || which.os;
  }
  static resource of_environment(environment const& env) {
    resource made;
    if (auto const given = env.pairs("OTEL_RESOURCE_ATTRIBUTES"))
      for (auto const& [key, value] : *given) made.set(key, value);
    if (auto name = environment::text("OTEL_SERVICE_NAME")) made.set("service.name", std::move(*name));
    return made;
  }

  attribute_list attributes_;
  std::string schema_url_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/otlp.hpp ---------------------------------------------------------------------------------------------------------

// Records to OTLP: each span straight from its record to wire bytes, back to front, no message objects. Field numbers:
// opentelemetry/proto/trace/v1/trace.proto. Background thread.

namespace nanospan::inline v0::detail {

inline constexpr std::uint32_t flag_remote_known = 0x100;  // OTLP SpanFlags: bit 9 says something
inline constexpr std::uint32_t flag_parent_remote = 0x200;

// One span after another into one ExportTraceServiceRequest, for one resource.
class otlp_encoder {
 public:
  // `resource`: the fields of an encoded Resource message, and its schema URL. `limits`: concrete ones.
  explicit otlp_encoder(std::string resource, std::string_view schema_url = {}, span_limits const& limits = default_limits())
      : resource_{std::move(resource)}, span_{limits, schema_url}, event_attributes_{limits.attribute_count_per_event}, link_attributes_{limits.attribute_count_per_link} {}

  std::size_t span_count() const noexcept { return spans_; }
  std::size_t bytes() const noexcept { return bytes_; }
  // Of the span that is being added.
  std::size_t entry_bytes() const noexcept { return span_.kept_bytes(); }

  // Appends a record's span, once `hook(ended_span&)` has seen it; false where that dropped it. Where there is no memory it tries again for as long as
  // `make_room()`, which may cut the batch, says that it made some for it. Throws std::bad_alloc and what the hook throws, the batch unchanged.
  template <typename Hook, typename MakeRoom>
  bool add(std::byte const* record, clock_converter const& clock, Hook&& hook, MakeRoom&& make_room) {
    span_.collect(record);
    record_header const& header = span_.header;
    bool const monotonic = (header.meta.flags & monotonic_ticks) != 0;
    std::uint64_t const start = (header.meta.flags & unix_start) != 0 ? header.start_ticks : clock.to_unix(header.start_ticks, monotonic);
    // Two reads of a coarse counter may be one tick; a span that takes no time is a mistake to some backends, and they say so on it.
    std::uint64_t const end = std::max(start + (start != ~std::uint64_t{0} ? 1 : 0), (header.meta.flags & unix_end) != 0 ? header.end_ticks : clock.to_unix(header.end_ticks, monotonic));
    // NOLINTNEXTLINE(misc-const-correctness): the hook may change it
    ended_span shown{span_, start, end};
    hook(shown);
    if (shown.dropped()) return false;

    reverse_writer& out = span_.scope->spans;
    for (;;) {
      std::size_t const before = out.size();
      try {
        write_span(out, clock, {start, end});
        ++spans_;
        bytes_ += out.size() - before;
        return true;
      } catch (...) {
        out.rewind(before);
        if (!make_room()) throw;
      }
    }
  }
  template <typename Hook>
  bool add(std::byte const* record, clock_converter const& clock, Hook&& hook) {
    return add(record, clock, std::forward<Hook>(hook), [] { return false; });
  }
  void add(std::byte const* record, clock_converter const& clock) {
    add(record, clock, [](ended_span const&) {});
  }
  // The site of the span that was added last, where it seems to have lost its context, for the first time; else null.
  site const* lost_context() const noexcept { return span_.lost_context ? span_.header.from : nullptr; }

  // The spans so far as a request; empty afterwards. Throws std::bad_alloc, nothing changed.
  charged_batch cut() {
    scope_list& scopes = span_.scopes();
    reverse_writer* const first = &first_in_batch().spans;
    std::size_t rest = resource_.size() + 64;
    for (scope_spans& one : scopes) {
      one.before_cut = one.spans.size();
      rest += one.envelope.size() + 64;
      if (!one.empty() && &one.spans != first) rest += one.spans.size();
    }
    first->require(rest);
    // The first one's spans are there already; before them come the others', as they are.
    for (scope_spans& one : scopes) {
      if (one.empty() && &one.spans != first) continue;
      std::size_t since = scopes.resource_bytes();
      if (&one.spans != first) {
        since = first->size();
        first->raw(one.spans.view().substr(0, one.before_cut - scopes.resource_bytes()));
      }
      first->raw(one.envelope);
      first->end_message(2, since);  // ResourceSpans.scope_spans
    }
    first->bytes_field(1, resource_);  // ResourceSpans.resource
    first->end_message(1, 0);          // ExportTraceServiceRequest.resource_spans
    try {
      memory_charge held;
      if (!held.add(first->size())) throw std::bad_alloc{};
      charged_batch done{{std::string{first->view()}, spans_}, std::move(held)};
      clear();
      return done;
    } catch (...) {
      for (scope_spans& one : span_.scopes()) one.spans.rewind(one.before_cut);
      throw;
    }
  }
  void clear() noexcept {
    for (scope_spans& one : span_.scopes()) {
      one.spans.rewind(one.behind);
      if (one.spans.capacity() > most_idle_bytes) [[unlikely]]
        one.spans.shrink();
    }
    spans_ = 0;
    bytes_ = 0;
  }
  // Gives memory back that other scopes need not than the one that is written to. False where there was none.
  bool trim() noexcept { return trim_but(*span_.scope); }
  bool trim_to_cut() noexcept { return trim_but(first_in_batch()); }
  // Baggage of those keys becomes attributes of spans.
  void copy_baggage(std::vector<std::string> keys) { span_.copy_baggage(std::move(keys)); }
  // No literal is known any more. What is encoded refers to none.
  void forget_literals() noexcept { span_.forget_literals(); }

  static heap_payload heap_of(std::byte const* record) noexcept { return collected_span::heap_of(record); }
  static constexpr span_limits default_limits() noexcept { return {128, span_limits::unlimited, 128, 128, 128, 128}; }

 private:
  struct times {
    std::uint64_t start;
    std::uint64_t end;
  };
  // The scope whose memory becomes the batch's.
  scope_spans& first_in_batch() noexcept {
    scope_list& scopes = span_.scopes();
    for (scope_spans& one : scopes)
      if (!one.empty()) return one;
    return *scopes.begin();
  }
  NANOSPAN_DETAIL_COLD bool trim_but(scope_spans const& used) noexcept {
    bool trimmed = false;
    for (scope_spans& one : span_.scopes()) {
      if (&one == &used) continue;
      std::size_t const before = one.spans.capacity();
      one.spans.shrink();
      trimmed |= one.spans.capacity() < before;
    }
    return trimmed;
  }
  // Throws std::bad_alloc, nothing whole written.
  void write_span(reverse_writer& out, clock_converter const& clock, times of_span) {
    record_header const& header = span_.header;
    if (span_.kept_bytes() > most_plain_bytes && span_.event_count() + span_.link_count() != 0) [[unlikely]]
      fit_events_and_links();
    // What is left to be written after each event and link finds this room again: they ask for theirs besides.
    std::size_t rest = 256 + span_.bound();
    if (rest > most_span_bytes) [[unlikely]] {
      span_.attributes.fit(most_span_bytes);
      rest = 256 + most_span_bytes + 3 * std::size_t{max_entry_bytes} + span_.name.key_bound();
    }
    out.require(rest);
    std::size_t const since = out.size();
    bool const remote = (header.meta.flags & parent_is_remote) != 0;
    out.fixed32_field(16, flags_of(header.meta.trace_flags, remote));
    if (header.meta.status != 0) {
      std::size_t const status = out.size();
      out.varint_field(3, header.meta.status);
      if (!span_.status.empty() && header.meta.status == static_cast<std::uint8_t>(status_code::error)) write_text(out, 2, span_.status);
      out.end_message(15, status);
    }
    if (span_.dropped_links != 0) out.varint_field(14, span_.dropped_links);
    for (std::size_t at = span_.link_count(); at-- != 0;) write_link(out, span_.link(at), rest);
    if (span_.dropped_events != 0) out.varint_field(12, span_.dropped_events);
    for (std::size_t at = span_.event_count(); at-- != 0;) write_event(out, at, clock, of_span, rest);
    if (std::uint64_t const dropped = span_.attributes.dropped() + span_.left_out) out.varint_field(10, dropped);
    if (span_.attributes.size() != 0) span_.attributes.write(out, 9, span_.limits().attribute_value_length);
    out.fixed64_field(8, of_span.end);
    out.fixed64_field(7, of_span.start);
    out.varint_field(6, static_cast<std::uint64_t>(header.meta.kind));
    span_.name.write_key(out, 5);
    if (header.parent.valid()) out.bytes_field(4, header.parent.bytes());
    if (!span_.tracestate.empty()) write_text(out, 3, span_.tracestate);
    out.bytes_field(2, header.span.bytes());
    out.bytes_field(1, header.trace.bytes());
    out.end_message(2, since);  // ScopeSpans.spans
  }
  // Leaves out the last ones, and counts them, where all might take more than there is for them.
  NANOSPAN_DETAIL_COLD void fit_events_and_links() {
    std::size_t sum = 0;
    std::size_t events = 0;
    for (; events < span_.event_count(); ++events) {
      keyed_entry const& event = span_.event(events);
      attribute_set const* attributes = span_.edited(events);
      std::size_t const kept = attributes != nullptr ? span_.kept_bytes() : 0;
      if (attributes == nullptr) span_.collect_attributes(event.entry, event_attributes_);
      sum += event.key_bound() + (attributes != nullptr ? *attributes : event_attributes_).estimate(event.entry.value_size() + kept);
      if (sum > most_span_bytes) break;
    }
    std::size_t links = 0;
    for (; links < span_.link_count(); ++links) {
      span_.collect_attributes(span_.link(links), link_attributes_);
      sum += link_attributes_.estimate(span_.link(links).value_size());
      if (sum > most_span_bytes) break;
    }
    span_.keep_first(events, links);
  }
  void write_event(reverse_writer& out, std::size_t at, clock_converter const& clock, times of_span, std::size_t rest) {
    keyed_entry const& event = span_.event(at);
    attribute_set* attributes = span_.edited(at);
    if (attributes == nullptr) span_.collect_attributes(event.entry, *(attributes = &event_attributes_));
    out.require(rest + 96 + event.key_bound() + attributes->bound(event.entry.value_size() + span_.kept_bytes()));
    std::size_t const since = out.size();
    if (attributes->dropped() != 0) out.varint_field(4, attributes->dropped());
    attributes->write(out, 3, span_.limits().attribute_value_length);
    event.write_key(out, 2);
    std::uint64_t const ticks = event.entry.word();
    bool const is_said = (ticks & unix_event_time) != 0;
    bool const monotonic = (span_.header.meta.flags & monotonic_ticks) != 0;
    out.fixed64_field(1, is_said ? ticks & ~unix_event_time : std::clamp(clock.to_unix(ticks, monotonic), of_span.start, of_span.end));
    out.end_message(11, since);
  }
  void write_link(reverse_writer& out, entry_view const& link, std::size_t rest) {
    span_.collect_attributes(link, link_attributes_);
    out.require(rest + 128 + link_attributes_.bound(link.value_size()));
    std::size_t const since = out.size();
    link_payload const head = collected_span::head_of(link);
    out.fixed32_field(6, flags_of(static_cast<std::uint8_t>(head.trace_flags), head.remote != 0));
    if (link_attributes_.dropped() != 0) out.varint_field(5, link_attributes_.dropped());
    link_attributes_.write(out, 4, span_.limits().attribute_value_length);
    if (std::string_view const tracestate = collected_span::tracestate_of(link); !tracestate.empty()) write_text(out, 3, tracestate);
    out.bytes_field(2, head.span.bytes());
    out.bytes_field(1, head.trace.bytes());
    out.end_message(13, since);
  }
  static std::uint32_t flags_of(std::uint8_t trace_flags, bool remote) noexcept { return trace_flags | flag_remote_known | (remote ? flag_parent_remote : 0); }

  // Of attributes, and of events and links together, on the wire. A record has a mebibyte, which repaired text makes three of, and numbers five; more are names
  // and keys only, for the record does not hold those that are literals.
  static constexpr std::size_t most_span_bytes = 6u << 20;
  static constexpr std::size_t most_plain_bytes = 1'024;    // of entries: with so many events and links have no more than that in any case
  static constexpr std::size_t most_idle_bytes = 1u << 20;  // of memory that a scope keeps from one batch to the next

  std::string resource_;
  std::size_t spans_ = 0;
  std::size_t bytes_ = 0;
  collected_span span_;
  attribute_set event_attributes_;
  attribute_set link_attributes_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/otlp_reader.hpp --------------------------------------------------------------------------------------------------

// OTLP back to objects: batches for the exporters that look at spans. Unknown fields are passed over, and what is
// no protobuf ends the reading: it never fails. Any thread.

#include <algorithm>

namespace nanospan::inline v0 {
namespace detail {

// An array is of its first element's type; elements of another are passed over.
inline void read_array(std::string_view message, attribute_value& into) {
  bool is_first = true;
  for (wire_reader values{message}; values.next();) {
    if (!values.is(1, wire_type::bytes)) continue;
    for (wire_reader any{values.bytes()}; any.next();) {
      auto const append = [&](auto element) {
        using list = std::vector<decltype(element)>;
        if (std::exchange(is_first, false)) into = list{};
        if (auto* const elements = std::get_if<list>(&into)) elements->push_back(std::move(element));
      };
      if (any.is(1, wire_type::bytes)) append(std::string{any.bytes()});
      else if (any.is(2, wire_type::varint)) append(any.number() != 0);
      else if (any.is(3, wire_type::varint)) append(static_cast<std::int64_t>(any.number()));
      else if (any.is(4, wire_type::fixed64)) append(std::bit_cast<double>(any.number()));
    }
  }
  if (is_first) into = std::vector<std::string>{};
}

inline void read_value(std::string_view message, attribute_value& into) {
  for (wire_reader any{message}; any.next();) {
    if (any.is(1, wire_type::bytes)) into = std::string{any.bytes()};
    else if (any.is(2, wire_type::varint)) into = any.number() != 0;
    else if (any.is(3, wire_type::varint)) into = static_cast<std::int64_t>(any.number());
    else if (any.is(4, wire_type::fixed64)) into = std::bit_cast<double>(any.number());
    else if (any.is(5, wire_type::bytes)) read_array(any.bytes(), into);
    else if (any.is(7, wire_type::bytes)) {
      auto const* const bytes = reinterpret_cast<std::byte const*>(any.bytes().data());
      into = std::vector<std::byte>(bytes, bytes + any.bytes().size());
    }
  }
}

inline void read_attribute(std::string_view message, attribute_list& into) {
  auto& [key, value] = into.emplace_back();
  value = std::string{};
  for (wire_reader pair{message}; pair.next();) {
    if (pair.is(1, wire_type::bytes)) key = pair.bytes();
    else if (pair.is(2, wire_type::bytes)) read_value(pair.bytes(), value);
  }
}

// An id of another length than its own is invalid (OTLP, "Span.trace_id").
template <std::size_t Bytes>
id<Bytes> read_id(std::string_view text) noexcept {
  std::array<std::uint8_t, Bytes> bytes{};
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the size is Bytes
  if (text.size() == Bytes) std::memcpy(bytes.data(), text.data(), Bytes);
  return id<Bytes>{bytes};
}

inline event_data read_event(std::string_view message) {
  event_data event;
  for (wire_reader field{message}; field.next();) {
    if (field.is(1, wire_type::fixed64)) event.time_unix_nano = field.number();
    else if (field.is(2, wire_type::bytes)) event.name = field.bytes();
    else if (field.is(3, wire_type::bytes)) read_attribute(field.bytes(), event.attributes);
    else if (field.is(4, wire_type::varint)) event.dropped_attributes_count = static_cast<std::uint32_t>(field.number());
  }
  return event;
}

inline link_data read_link(std::string_view message) {
  link_data link;
  for (wire_reader field{message}; field.next();) {
    if (field.is(1, wire_type::bytes)) link.trace_id = read_id<16>(field.bytes());
    else if (field.is(2, wire_type::bytes)) link.span_id = read_id<8>(field.bytes());
    else if (field.is(3, wire_type::bytes)) link.trace_state = field.bytes();
    else if (field.is(4, wire_type::bytes)) read_attribute(field.bytes(), link.attributes);
    else if (field.is(5, wire_type::varint)) link.dropped_attributes_count = static_cast<std::uint32_t>(field.number());
    else if (field.is(6, wire_type::fixed32)) link.flags = static_cast<std::uint32_t>(field.number());
  }
  return link;
}

inline span_data read_span(std::string_view message, span_data span) {
  for (wire_reader field{message}; field.next();) {
    if (field.is(1, wire_type::bytes)) span.trace_id = read_id<16>(field.bytes());
    else if (field.is(2, wire_type::bytes)) span.span_id = read_id<8>(field.bytes());
    else if (field.is(3, wire_type::bytes)) span.trace_state = field.bytes();
    else if (field.is(4, wire_type::bytes)) span.parent_span_id = read_id<8>(field.bytes());
    else if (field.is(5, wire_type::bytes)) span.name = field.bytes();
    else if (field.is(6, wire_type::varint)) span.kind = static_cast<span_kind>(field.number());
    else if (field.is(7, wire_type::fixed64)) span.start_time_unix_nano = field.number();
    else if (field.is(8, wire_type::fixed64)) span.end_time_unix_nano = field.number();
    else if (field.is(9, wire_type::bytes)) read_attribute(field.bytes(), span.attributes);
    else if (field.is(10, wire_type::varint)) span.dropped_attributes_count = static_cast<std::uint32_t>(field.number());
    else if (field.is(11, wire_type::bytes)) span.events.push_back(read_event(field.bytes()));
    else if (field.is(12, wire_type::varint)) span.dropped_events_count = static_cast<std::uint32_t>(field.number());
    else if (field.is(13, wire_type::bytes)) span.links.push_back(read_link(field.bytes()));
    else if (field.is(14, wire_type::varint)) span.dropped_links_count = static_cast<std::uint32_t>(field.number());
    else if (field.is(16, wire_type::fixed32)) span.flags = static_cast<std::uint32_t>(field.number());
    else if (field.is(15, wire_type::bytes)) {
      for (wire_reader status{field.bytes()}; status.next();) {
        if (status.is(2, wire_type::bytes)) span.status_message = status.bytes();
        else if (status.is(3, wire_type::varint)) span.status = static_cast<span_status>(status.number());
      }
    }
  }
  return span;
}

inline attribute_list read_resource(std::string_view resource_spans) {
  attribute_list attributes;
  for (wire_reader outer{resource_spans}; outer.next();) {
    if (!outer.is(1, wire_type::bytes)) continue;
    for (wire_reader resource{outer.bytes()}; resource.next();)
      if (resource.is(1, wire_type::bytes)) read_attribute(resource.bytes(), attributes);
  }
  return attributes;
}

inline std::string service_name_of(attribute_list const& resource) {
  auto const found = std::find_if(resource.begin(), resource.end(), [](auto const& pair) { return pair.first == "service.name"; });
  std::string const* const name = found == resource.end() ? nullptr : std::get_if<std::string>(&found->second);
  return name == nullptr ? std::string{} : *name;
}

inline void read_scope_spans(std::string_view message, std::string const& service_name, std::vector<span_data>& into) {
  span_data with;  // what all of them have
  with.service_name = service_name;
  for (wire_reader field{message}; field.next();) {
    if (field.is(3, wire_type::bytes)) with.scope_schema_url = field.bytes();
    if (!field.is(1, wire_type::bytes)) continue;
    for (wire_reader scope{field.bytes()}; scope.next();) {
      if (scope.is(1, wire_type::bytes)) with.scope_name = scope.bytes();
      else if (scope.is(2, wire_type::bytes)) with.scope_version = scope.bytes();
      else if (scope.is(3, wire_type::bytes)) read_attribute(scope.bytes(), with.scope_attributes);
    }
  }
  for (wire_reader field{message}; field.next();)
    if (field.is(2, wire_type::bytes)) into.push_back(read_span(field.bytes(), with));
}

}  // namespace detail

std::vector<span_data> batch::spans() const {
  using detail::wire_reader, detail::wire_type;
  std::vector<span_data> all;
  all.reserve(span_count);
  for (wire_reader request{otlp}; request.next();) {
    if (!request.is(1, wire_type::bytes)) continue;
    std::string const service_name = detail::service_name_of(detail::read_resource(request.bytes()));
    for (wire_reader field{request.bytes()}; field.next();)
      if (field.is(2, wire_type::bytes)) detail::read_scope_spans(field.bytes(), service_name, all);
  }
  return all;
}

attribute_list batch::resource() const {
  for (detail::wire_reader request{otlp}; request.next();)
    if (request.is(1, detail::wire_type::bytes)) return detail::read_resource(request.bytes());
  return {};
}

}  // namespace nanospan::inline v0

// ---- nanospan/edit.hpp ---------------------------------------------------------------------------------------------------------

// The bodies of ended_span: a collected span looked at and changed. Background thread.

namespace nanospan::inline v0 {
namespace detail {

// A value in a record as an object.
inline attribute_value value_of(entry_view const& one) {
  auto const number = [](entry_type type, std::uint64_t word) -> attribute_value {
    if (type == entry_type::boolean) return word != 0;
    if (type == entry_type::floating) return std::bit_cast<double>(word);
    if (type == entry_type::unsigned_integer && word > 0x7fff'ffff'ffff'ffffu) return std::to_string(word);
    return static_cast<std::int64_t>(word);
  };
  switch (one.type()) {
    case entry_type::string: return std::string{one.text()};
    case entry_type::type_name: return demangled(one.text());
    case entry_type::bytes: return std::vector<std::byte>(one.value(), one.value() + one.value_size());
    case entry_type::array: break;
    default: return number(one.type(), one.word());
  }
  // By the way that it goes to a collector, and back.
  reverse_writer out{3 * one.value_size() + 256};
  write_array(out, one.text(), span_limits::unlimited);
  attribute_value read;
  read_value(out.view(), read);
  return read;
}

}  // namespace detail

std::size_t editable_attributes::size() const noexcept { return which_.size(); }
std::string_view editable_attributes::key(std::size_t n) const { return which_[n].key(); }
attribute_value editable_attributes::value(std::size_t n) const { return detail::value_of(which_[n].entry); }
bool editable_attributes::has(std::string_view key) const { return find(key) != size(); }
attribute_value editable_attributes::get(std::string_view key) const {
  std::size_t const at = find(key);
  return at == size() ? attribute_value{std::string{}} : value(at);
}
void editable_attributes::set(std::string_view key, attribute_value const& value) { which_.add({of_.keep(key, value), nullptr}); }
bool editable_attributes::erase(std::string_view key) {
  std::size_t const at = find(key);
  if (at == size()) return false;
  which_.erase(at);
  return true;
}
std::size_t editable_attributes::find(std::string_view key) const {
  std::size_t at = 0;
  while (at < size() && which_[at].key() != key) ++at;
  return at;
}

nanospan::trace_id ended_span::trace_id() const noexcept { return of_.header.trace; }
nanospan::span_id ended_span::span_id() const noexcept { return of_.header.span; }
nanospan::span_id ended_span::parent_span_id() const noexcept { return of_.header.parent; }
span_kind ended_span::kind() const noexcept { return of_.header.meta.kind; }
bool ended_span::sampled() const noexcept { return (of_.header.meta.trace_flags & sampled_flag) != 0; }

std::string_view ended_span::name() const { return of_.name.key(); }
void ended_span::rename(std::string_view name) { of_.name = {of_.keep(name, false), nullptr}; }
span_status ended_span::status() const noexcept { return static_cast<span_status>(of_.header.meta.status); }
std::string_view ended_span::status_message() const noexcept { return status() == span_status::error ? of_.status : std::string_view{}; }
void ended_span::set_status(span_status status, std::string_view message) {
  of_.status = of_.keep({}, std::string{message}).text();
  of_.header.meta.status = static_cast<std::uint8_t>(status);
}

editable_attributes ended_span::attributes() noexcept { return {of_, of_.attributes}; }
std::size_t ended_span::event_count() const noexcept { return of_.event_count(); }
std::string_view ended_span::event_name(std::size_t n) const { return of_.event(n).key(); }
editable_attributes ended_span::event_attributes(std::size_t n) { return {of_, of_.edit_event(n)}; }
void ended_span::erase_event(std::size_t n) noexcept { of_.erase_event(n); }

}  // namespace nanospan::inline v0

// ---- nanospan/detail/json_text.hpp ---------------------------------------------------------------------------------------------

// Values as JSON (RFC 8259), appended, as protobuf's mapping has them. What is appended is ASCII or UTF-8, on one line. Any thread; throw std::bad_alloc.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

namespace nanospan::inline v0::detail {

template <typename Number>
void append_decimal(std::string& to, Number number) {
  char digits[32];
  to.append(digits, std::to_chars(digits, std::end(digits), number).ptr);
}
// 64 bits are more than a number of JSON holds everywhere.
template <typename Number>
void append_quoted(std::string& to, Number number) {
  to += '"';
  append_decimal(to, number);
  to += '"';
}
// The fewest digits that are read back as the same.
inline void append_json_real(std::string& to, double number) {
  if (std::isfinite(number)) append_decimal(to, number);
  else to += std::isnan(number) ? "\"NaN\"" : number < 0 ? "\"-Infinity\"" : "\"Infinity\"";
}

inline void append_octet(std::string& to, char c) {
  constexpr char const* digits = "0123456789abcdef";
  to += digits[static_cast<std::uint8_t>(c) >> 4];
  to += digits[c & 0xf];
}
inline void append_json_hex(std::string& to, std::string_view bytes) {
  to += '"';
  for (char const c : bytes) append_octet(to, c);
  to += '"';
}
inline void append_json_base64(std::string& to, std::string_view bytes) {
  constexpr char const* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  to += '"';
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(3, bytes.size()))) {
    std::uint32_t three = 0;
    for (std::size_t at = 0; at < 3; ++at) three = three << 8 | (at < bytes.size() ? static_cast<std::uint8_t>(bytes[at]) : 0u);
    for (std::size_t at = 0; at < 4; ++at) to += at <= bytes.size() ? digits[three >> (18 - 6 * at) & 0x3f] : '=';
  }
  to += '"';
}

// `character`: one that cannot stand as it is; empty: a byte that is not UTF-8.
inline void append_escaped(std::string& to, std::string_view character) {
  if (character.empty()) to += "\xef\xbf\xbd";
  else if (character.size() == 2) to += "\\u0085";
  else if (character.size() == 3) to += character.back() == '\xa8' ? "\\u2028" : "\\u2029";
  else if (character == "\n") to += "\\n";
  else if (character == "\"" || character == "\\") (to += '\\') += character;
  else to += "\\u00", append_octet(to, character.front());
}
// What is not UTF-8 is replaced. Escaped are also the characters that some readers take for the end of a line: U+0085, U+2028, U+2029.
inline void append_json_text(std::string& to, std::string_view text) {
  to += '"';
  std::size_t plain = 0;  // so many bytes of what is left are taken as they are
  while (plain < text.size()) {
    auto const c = static_cast<std::uint8_t>(text[plain]);
    if (c >= ' ' && c < 0x80 && c != '"' && c != '\\') {
      ++plain;
      continue;
    }
    std::size_t const length = utf8_length(text.substr(plain, 4));
    std::string_view const character = text.substr(plain, length);
    if (length > 1 && character != "\xc2\x85" && character != "\xe2\x80\xa8" && character != "\xe2\x80\xa9") {
      plain += length;
      continue;
    }
    to.append(text, 0, plain);
    append_escaped(to, character);
    text.remove_prefix(plain + (length == 0 ? 1 : length));
    plain = 0;
  }
  to += text;
  to += '"';
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/otlp_json.hpp ----------------------------------------------------------------------------------------------------

// OTLP's bytes as OTLP/JSON (OTLP specification, "JSON Protobuf Encoding": protobuf's mapping, but ids in hex and enumerations as numbers), without objects in
// between: a table says what a field is. Fields that it does not know are passed over, and what is no protobuf ends its message: any bytes become one line
// of JSON in UTF-8. Any thread.

#include <iterator>

namespace nanospan::inline v0::detail {

enum class otlp_type : std::uint8_t {
  traces_data, resource_spans, resource, scope_spans, scope, span, event, link, status, key_value, any_value, array_value, key_value_list,  // messages
  trace_id, span_id, text, bytes,                                                                                                        // on the wire: bytes
  count, enumeration, integer, boolean,                                                                                                  // varint
  time, real,                                                                                                                            // fixed64
  flags                                                                                                                                  // fixed32
};

struct otlp_field {  // NOLINT(clang-analyzer-optin.performance.Padding): in the order in which the table is read
  otlp_type in;
  std::uint8_t number;
  char const* name;
  otlp_type is;
  bool repeated = false;
};

// opentelemetry/proto/trace/v1/trace.proto and what it includes, but what is for profiles and entities. A message's numbers follow each other.
inline constexpr otlp_field otlp_fields[] = {
    {otlp_type::traces_data, 1, "resourceSpans", otlp_type::resource_spans, true},

    {otlp_type::resource_spans, 1, "resource", otlp_type::resource},
    {otlp_type::resource_spans, 2, "scopeSpans", otlp_type::scope_spans, true},
    {otlp_type::resource_spans, 3, "schemaUrl", otlp_type::text},

    {otlp_type::resource, 1, "attributes", otlp_type::key_value, true},
    {otlp_type::resource, 2, "droppedAttributesCount", otlp_type::count},

    {otlp_type::scope_spans, 1, "scope", otlp_type::scope},
    {otlp_type::scope_spans, 2, "spans", otlp_type::span, true},
    {otlp_type::scope_spans, 3, "schemaUrl", otlp_type::text},

    {otlp_type::scope, 1, "name", otlp_type::text},
    {otlp_type::scope, 2, "version", otlp_type::text},
    {otlp_type::scope, 3, "attributes", otlp_type::key_value, true},
    {otlp_type::scope, 4, "droppedAttributesCount", otlp_type::count},

    {otlp_type::span, 1, "traceId", otlp_type::trace_id},
    {otlp_type::span, 2, "spanId", otlp_type::span_id},
    {otlp_type::span, 3, "traceState", otlp_type::text},
    {otlp_type::span, 4, "parentSpanId", otlp_type::span_id},
    {otlp_type::span, 5, "name", otlp_type::text},
    {otlp_type::span, 6, "kind", otlp_type::enumeration},
    {otlp_type::span, 7, "startTimeUnixNano", otlp_type::time},
    {otlp_type::span, 8, "endTimeUnixNano", otlp_type::time},
    {otlp_type::span, 9, "attributes", otlp_type::key_value, true},
    {otlp_type::span, 10, "droppedAttributesCount", otlp_type::count},
    {otlp_type::span, 11, "events", otlp_type::event, true},
    {otlp_type::span, 12, "droppedEventsCount", otlp_type::count},
    {otlp_type::span, 13, "links", otlp_type::link, true},
    {otlp_type::span, 14, "droppedLinksCount", otlp_type::count},
    {otlp_type::span, 15, "status", otlp_type::status},
    {otlp_type::span, 16, "flags", otlp_type::flags},

    {otlp_type::event, 1, "timeUnixNano", otlp_type::time},
    {otlp_type::event, 2, "name", otlp_type::text},
    {otlp_type::event, 3, "attributes", otlp_type::key_value, true},
    {otlp_type::event, 4, "droppedAttributesCount", otlp_type::count},

    {otlp_type::link, 1, "traceId", otlp_type::trace_id},
    {otlp_type::link, 2, "spanId", otlp_type::span_id},
    {otlp_type::link, 3, "traceState", otlp_type::text},
    {otlp_type::link, 4, "attributes", otlp_type::key_value, true},
    {otlp_type::link, 5, "droppedAttributesCount", otlp_type::count},
    {otlp_type::link, 6, "flags", otlp_type::flags},

    {otlp_type::status, 2, "message", otlp_type::text},
    {otlp_type::status, 3, "code", otlp_type::enumeration},

    {otlp_type::key_value, 1, "key", otlp_type::text},
    {otlp_type::key_value, 2, "value", otlp_type::any_value},

    {otlp_type::any_value, 1, "stringValue", otlp_type::text},
    {otlp_type::any_value, 2, "boolValue", otlp_type::boolean},
    {otlp_type::any_value, 3, "intValue", otlp_type::integer},
    {otlp_type::any_value, 4, "doubleValue", otlp_type::real},
    {otlp_type::any_value, 5, "arrayValue", otlp_type::array_value},
    {otlp_type::any_value, 6, "kvlistValue", otlp_type::key_value_list},
    {otlp_type::any_value, 7, "bytesValue", otlp_type::bytes},

    {otlp_type::array_value, 1, "values", otlp_type::any_value, true},

    {otlp_type::key_value_list, 1, "values", otlp_type::key_value, true},
};

class otlp_json_writer {
 public:
  explicit otlp_json_writer(std::string& to) noexcept : to_{to} {}

  // NOLINTBEGIN(misc-no-recursion): to most_depth
  // Appends a message as one object. Of a field that is there once the last one counts, also where it is a message. Throws std::bad_alloc.
  void message(std::string_view bytes, otlp_type what) {
    auto const [first, count] = fields[static_cast<std::size_t>(what)];
    struct {
      std::uint64_t number;
      std::string_view bytes;
    } last[most_fields];
    std::uint32_t seen = 0;
    std::size_t latest = 0;
    to_ += '{';
    for (wire_reader reader{depth_ < most_depth ? bytes : std::string_view{}}; reader.next();) {
      std::uint64_t const place = reader.field() - otlp_fields[first].number;
      if (place >= count || !reader.is(otlp_fields[first + place].number, wire_type_of(otlp_fields[first + place].is))) continue;
      last[place] = {reader.number(), reader.bytes()};
      seen |= 1u << place;
      latest = place;
    }
    if (what == otlp_type::any_value && seen != 0) seen = 1u << latest;  // a oneof
    ++depth_;
    for (std::size_t place = 0; seen != 0; ++place, seen >>= 1) {
      if ((seen & 1) == 0) continue;
      otlp_field const& field = otlp_fields[first + place];  // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult): a constant table
      if (wrong_id(field.is, last[place].bytes)) continue;
      if (to_.back() != '{') to_ += ',';
      to_ += '"';
      to_ += field.name;
      to_ += "\":";
      if (field.repeated) {
        all(bytes, field);
        continue;
      }
      value(field.is, last[place].number, last[place].bytes);
    }
    --depth_;
    to_ += '}';
  }
  // NOLINTEND(misc-no-recursion)

 private:
  // Arrays in arrays may be no deeper; what is there is left out. Readers have limits, too.
  static constexpr int most_depth = 40;
  static constexpr std::size_t most_fields = 16;
  struct rows {
    std::uint8_t first;
    std::uint8_t count;
  };
  static constexpr auto fields = [] {
    std::array<rows, static_cast<std::size_t>(otlp_type::key_value_list) + 1> of{};
    for (std::size_t at = std::size(otlp_fields); at-- != 0;) {
      rows& these = of[static_cast<std::size_t>(otlp_fields[at].in)];
      these = {static_cast<std::uint8_t>(at), static_cast<std::uint8_t>(these.count + 1)};
    }
    return of;
  }();
  static_assert([] {
    for (rows const these : fields)
      for (std::size_t at = 0; at < these.count; ++at)
        if (these.count > most_fields || otlp_fields[these.first + at].number != otlp_fields[these.first].number + at) return false;
    return true;
  }());

  static constexpr wire_type wire_type_of(otlp_type type) noexcept {
    if (type < otlp_type::count) return wire_type::bytes;
    if (type < otlp_type::time) return wire_type::varint;
    return type < otlp_type::flags ? wire_type::fixed64 : wire_type::fixed32;
  }
  // One of another length than its own is invalid, and readers refuse the whole line for it.
  static bool wrong_id(otlp_type type, std::string_view bytes) noexcept {
    return (type == otlp_type::trace_id && bytes.size() != 16) || (type == otlp_type::span_id && bytes.size() != 8);
  }

  // NOLINTBEGIN(misc-no-recursion): as above
  void all(std::string_view bytes, otlp_field const& field) {
    char before = '[';
    for (wire_reader reader{bytes}; reader.next();) {
      if (!reader.is(field.number, wire_type::bytes)) continue;
      to_ += std::exchange(before, ',');
      message(reader.bytes(), field.is);
    }
    to_ += ']';
  }
  void value(otlp_type type, std::uint64_t number, std::string_view bytes) {
    switch (type) {
      case otlp_type::text: append_json_text(to_, bytes); break;
      case otlp_type::trace_id:
      case otlp_type::span_id: append_json_hex(to_, bytes); break;
      case otlp_type::bytes: append_json_base64(to_, bytes); break;
      case otlp_type::count:
      case otlp_type::flags: append_decimal(to_, static_cast<std::uint32_t>(number)); break;
      case otlp_type::enumeration: append_decimal(to_, static_cast<std::int32_t>(number)); break;
      case otlp_type::boolean: to_ += number != 0 ? "true" : "false"; break;
      case otlp_type::time: append_quoted(to_, number); break;
      case otlp_type::integer: append_quoted(to_, static_cast<std::int64_t>(number)); break;
      case otlp_type::real: append_json_real(to_, std::bit_cast<double>(number)); break;
      default: message(bytes, type);
    }
  }
  // NOLINTEND(misc-no-recursion)

  std::string& to_;
  int depth_ = 0;
};

// TracesData, which has the same shape as ExportTraceServiceRequest, without the newline. Throws std::bad_alloc.
inline void append_otlp_json(std::string& to, std::string_view otlp) { otlp_json_writer{to}.message(otlp, otlp_type::traces_data); }

}  // namespace nanospan::inline v0::detail

// ---- nanospan/exporters/memory.hpp ---------------------------------------------------------------------------------------------

// The exporter that keeps what it gets, for users' own tests.

#include <mutex>

namespace nanospan::inline v0 {

struct memory_exporter::state {
  std::mutex mutex;
  std::vector<span_data> spans;
  attribute_list resource;
};

memory_exporter::memory_exporter() : state_{shared<state>::make<state>()} {}

std::vector<span_data> memory_exporter::spans() const {
  std::lock_guard const lock{state_->mutex};
  return state_->spans;
}
attribute_list memory_exporter::resource() const {
  std::lock_guard const lock{state_->mutex};
  return state_->resource;
}
void memory_exporter::clear() {
  std::lock_guard const lock{state_->mutex};
  state_->spans.clear();
}

export_result memory_exporter::export_batch(batch const& spans, export_wait&) {
  std::vector<span_data> read = spans.spans();
  std::lock_guard const lock{state_->mutex};
  state_->resource = spans.resource();
  // The encoder writes from the end; whoever looks expects each thread's spans in the order in which they ended.
  for (std::size_t at = read.size(); at-- != 0;) state_->spans.push_back(std::move(read[at]));
  return {};
}
std::string memory_exporter::description() const { return "memory"; }

}  // namespace nanospan::inline v0

// ---- nanospan/exporters/composite.hpp ------------------------------------------------------------------------------------------

// One batch to several exporters. Background thread.

#include <functional>

namespace nanospan::inline v0 {
namespace detail {

template <typename Call>
void for_all_but_the_first(std::vector<shared<exporter>> const& all, Call&& call) {
  for (std::size_t at = 1; at < all.size(); ++at) {
    try {
      call(*all[at]);
    } catch (...) {  // NOLINT(bugprone-empty-catch): no reason to keep it from the rest
    }
  }
}

}  // namespace detail

composite_exporter::composite_exporter(std::vector<shared<exporter>> all) : all_{std::move(all)} {
  if (all_.empty()) throw configuration_error{"a composite_exporter without an exporter"};
  for (auto const& one : all_)
    if (one == nullptr) throw configuration_error{"a composite_exporter with a null exporter"};
}

export_result composite_exporter::export_batch(batch const& spans, export_wait& wait) {
  // A batch that comes again has the same bytes, and no other has them: there are random ids in it.
  std::size_t const hash = std::hash<std::string_view>{}(spans.otlp);
  if (std::exchange(last_, hash) != hash) detail::for_all_but_the_first(all_, [&](exporter& other) { other.export_batch(spans, wait); });
  return all_.front()->export_batch(spans, wait);
}

export_result composite_exporter::probe(export_wait& wait) { return all_.front()->probe(wait); }

shared<exporter> composite_exporter::for_child() const {
  std::vector<shared<exporter>> childs;
  for (auto const& one : all_) {
    auto other = one->for_child();
    if (other == nullptr && childs.empty()) return nullptr;
    if (other != nullptr) childs.push_back(std::move(other));
  }
  return shared<exporter>::make<composite_exporter>(std::move(childs));
}

std::uint64_t composite_exporter::shutdown(export_wait& wait) {
  detail::for_all_but_the_first(all_, [&](exporter& other) { other.shutdown(wait); });
  return all_.front()->shutdown(wait);
}

std::string composite_exporter::description() const {
  std::string all;
  for (auto const& one : all_) all += (all.empty() ? "" : " and ") + one->description();
  return all;
}

}  // namespace nanospan::inline v0

// ---- nanospan/waterfall.hpp ----------------------------------------------------------------------------------------------------

// One trace as text: a header line, then a line a span with its place in the tree, a bar from its start to its end, its duration, and what
// went wrong. For the console exporter, and for whoever holds spans of a trace. Any thread.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <numeric>

#include <sys/ioctl.h>

namespace nanospan::inline v0 {
namespace detail {

// Text as a terminal may safely be given it: control characters, which could be commands to it, become spaces, and what is no UTF-8 U+FFFD.
// `columns` counts characters, not bytes; those of East Asia and emoji take two.
struct shown_text {
  std::string text;
  std::size_t columns = 0;

  // At most `limit` columns: what does not fit ends in an ellipsis.
  static shown_text of(std::string_view from, std::size_t limit = ~std::size_t{0}) {
    shown_text shown;
    shown_text cut;  // the longest beginning that leaves room for the ellipsis
    for (std::size_t at = 0; at < from.size();) {
      std::size_t const length = utf8_length(from.substr(at));
      std::string_view character = length == 0 ? std::string_view{"\xef\xbf\xbd"} : from.substr(at, length);
      at += length == 0 ? 1 : length;
      if (is_control(character)) character = " ";
      std::size_t const width = width_of(character);
      if (shown.columns + width > limit) {
        cut.text += "…";
        ++cut.columns;
        return cut;
      }
      shown.text += character;
      shown.columns += width;
      if (shown.columns + 1 <= limit) cut = shown;
    }
    return shown;
  }

 private:
  static bool is_control(std::string_view utf8) noexcept {
    auto const first = static_cast<std::uint8_t>(utf8[0]);
    return first < 0x20 || first == 0x7f || (first == 0xc2 && static_cast<std::uint8_t>(utf8[1]) < 0xa0);
  }
  static std::size_t width_of(std::string_view utf8) noexcept {
    auto const byte = [&](std::size_t at) { return at < utf8.size() ? static_cast<std::uint32_t>(static_cast<std::uint8_t>(utf8[at])) : 0u; };
    std::uint32_t const point = utf8.size() == 1   ? byte(0)
                                : utf8.size() == 2 ? (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f)
                                : utf8.size() == 3 ? (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f)
                                                   : (byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
    auto const in = [&](std::uint32_t low, std::uint32_t high) { return point >= low && point <= high; };
    if (in(0x0300, 0x036f) || in(0x200b, 0x200f) || in(0x202a, 0x202e) || in(0x2066, 0x2069) || in(0xfe00, 0xfe0f)) return 0;
    return in(0x1100, 0x115f) || in(0x2e80, 0xa4cf) || in(0xac00, 0xd7a3) || in(0xf900, 0xfaff) || in(0xff00, 0xff60) || in(0x1f300, 0x1faff) ||
                   in(0x20000, 0x3fffd)
               ? 2
               : 1;
  }
};

// Three digits and a unit: "152 ms", "1.23 s", "45 ns".
inline std::string shown_duration(std::uint64_t nanoseconds) {
  char const* const units[] = {"ns", "µs", "ms", "s"};
  auto value = static_cast<double>(nanoseconds);
  std::size_t unit = 0;
  while (unit < 3 && value >= 999.5) {
    value /= 1000;
    ++unit;
  }
  char text[40];
  std::snprintf(text, sizeof text, "%.*f %s", unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2, value, units[unit]);
  return text;
}

class waterfall_picture {
 public:
  waterfall_picture(std::vector<span_data>&& spans, waterfall_style style) : spans_{std::move(spans)}, style_{style} {
    style_.columns = std::max<std::size_t>(style_.columns, 40);
    // Two fifths of the picture are for names; the tree leaves at least eight columns of them to the deepest.
    deepest_ = std::clamp<std::size_t>((style_.columns * 2 / 5 - 8) / 3, 1, 12);
    std::vector<std::size_t> by_start(spans_.size());
    std::iota(by_start.begin(), by_start.end(), std::size_t{0});
    std::sort(by_start.begin(), by_start.end(), [this](std::size_t a, std::size_t b) {
      span_data const& one = spans_[a];
      span_data const& other = spans_[b];
      if (one.start_time_unix_nano != other.start_time_unix_nano) return one.start_time_unix_nano < other.start_time_unix_nano;
      return one.end_time_unix_nano != other.end_time_unix_nano ? one.end_time_unix_nano > other.end_time_unix_nano : a < b;
    });
    start_ = spans_[by_start.front()].start_time_unix_nano;
    end_ = start_ + 1;
    for (span_data const& span : spans_) {
      end_ = std::max(end_, span.end_time_unix_nano);
      if (std::find(services_.begin(), services_.end(), span.service_name) == services_.end()) services_.push_back(span.service_name);
    }
    plant(by_start);
  }

  std::string draw() const {
    std::string picture = title();
    std::size_t names = 0;
    for (line const& one : lines_) names = std::max(names, tree_columns(one) + shown_text::of(label(spans_[one.span])).columns);
    names = std::min(names, style_.columns * 2 / 5);
    // Two spaces between the columns; a duration takes seven.
    std::size_t const bar = std::clamp<std::size_t>(style_.columns - names - 11, 10, 60);
    for (line const& one : lines_) {
      span_data const& span = spans_[one.span];
      bool const bad = span.status == span_status::error;
      std::size_t const tree = tree_columns(one);
      std::size_t const room = names > tree + 4 ? names - tree : 4;
      shown_text const name = shown_text::of(label(span), room);
      paint(picture, dim, one.tree);
      paint(picture, bad ? red : plain, name.text);
      picture.append(names > tree + name.columns ? names - tree - name.columns : 0, ' ');
      picture += "  ";
      draw_bar(picture, span, bar, bad ? red : cyan);
      picture += "  ";
      std::string const duration = shown_duration(length_of(span));
      std::size_t const columns = shown_text::of(duration).columns;
      picture.append(columns < 7 ? 7 - columns : 0, ' ').append(duration);
      if (bad) paint(picture, red, joined({"  ✗ ", shown_text::of(span.status_message, 120).text}));
      picture += '\n';
    }
    return picture;
  }

 private:
  struct line {
    std::size_t span;
    std::string tree;
    std::string below;  // what the trees of its children begin with
    std::size_t depth;
  };
  std::size_t tree_columns(line const& of) const noexcept { return std::min(of.depth, deepest_) * 3; }
  static constexpr char const* plain = "";
  static constexpr char const* dim = "2";
  static constexpr char const* red = "31";
  static constexpr char const* cyan = "36";
  static constexpr char const* bold = "1";

  void paint(std::string& picture, std::string_view colour, std::string_view text) const {
    bool const in_colour = style_.colour && !colour.empty() && !text.empty();
    picture += in_colour ? joined({"\x1b[", colour, "m", text, "\x1b[0m"}) : std::string{text};
  }
  static std::uint64_t length_of(span_data const& span) noexcept {
    return span.end_time_unix_nano > span.start_time_unix_nano ? span.end_time_unix_nano - span.start_time_unix_nano : 0;
  }

  // The order of the lines: depth first, siblings by their start. Whose parent is not here stands at the left.
  void plant(std::vector<std::size_t> const& by_start) {
    std::map<std::uint64_t, std::size_t> place;
    auto const key = [](nanospan::span_id const& id) { return std::bit_cast<std::uint64_t>(id.bytes()); };
    for (std::size_t const at : by_start) place.emplace(key(spans_[at].span_id), at);
    std::vector<std::size_t> roots;
    std::vector<std::vector<std::size_t>> children(spans_.size());
    for (std::size_t const at : by_start) {
      auto const parent = place.find(key(spans_[at].parent_span_id));
      if (!spans_[at].parent_span_id.valid() || parent == place.end() || parent->second == at) roots.push_back(at);
      else children[parent->second].push_back(at);
    }
    std::vector<char> drawn(spans_.size());
    for (std::size_t const root : roots) grow(root, children, drawn);
    for (std::size_t const at : by_start) grow(at, children, drawn);  // a circle of parents, or an id twice: nothing is left out
  }
  // By a stack of its own: a trace may be a hundred thousand spans deep. The tree's lines are drawn for as many levels as a person can follow.
  void grow(std::size_t root, std::vector<std::vector<std::size_t>> const& children, std::vector<char>& drawn) {
    std::vector<line> stack;
    stack.push_back({root, "", "", 0});
    while (!stack.empty()) {
      line const now = std::move(stack.back());
      stack.pop_back();
      if (std::exchange(drawn[now.span], '\1') != 0) continue;
      lines_.push_back(now);
      auto const& below = children[now.span];
      for (std::size_t at = below.size(); at-- != 0;) {
        bool const last = at + 1 == below.size();
        bool const deeper = now.depth < deepest_;
        stack.push_back({below[at], deeper ? joined({now.below, last ? "└─ " : "├─ "}) : now.tree,
                         deeper ? joined({now.below, last ? "   " : "│  "}) : now.below, now.depth + 1});
      }
    }
  }

  std::string title() const {
    auto const counted = [](std::size_t count, char const* what) { return joined({"  ", std::to_string(count), " ", what, count == 1 ? "" : "s"}); };
    auto const errors = static_cast<std::size_t>(
        std::count_if(spans_.begin(), spans_.end(), [](span_data const& span) { return span.status == span_status::error; }));
    std::string text;
    paint(text, bold, joined({"trace ", spans_.front().trace_id.hex()}));
    if (services_.size() > 1) text += counted(services_.size(), "service");
    else if (!services_.front().empty()) text += joined({"  ", shown_text::of(services_.front(), 40).text});
    text += joined({counted(spans_.size(), "span"), "  ", shown_duration(end_ - start_)});
    if (errors != 0) paint(text, red, counted(errors, "error"));
    text += '\n';
    return text;
  }
  // The service too, where there are several.
  std::string label(span_data const& span) const {
    return services_.size() > 1 ? joined({span.service_name, ": ", span.name}) : span.name;
  }
  void draw_bar(std::string& picture, span_data const& span, std::size_t columns, char const* colour) const {
    double const scale = static_cast<double>(columns) / static_cast<double>(end_ - start_);
    auto const column = [&](std::uint64_t time) { return static_cast<double>(time - start_) * scale; };
    double const from = column(span.start_time_unix_nano);
    double const until = column(std::max(span.end_time_unix_nano, span.start_time_unix_nano));
    std::size_t const first = std::min(static_cast<std::size_t>(from), columns - 1);
    std::size_t const last = std::clamp(static_cast<std::size_t>(std::lround(until)), first + 1, columns);
    std::string blocks;
    if (until - from < 0.5) blocks = "▏";
    else for (std::size_t at = first; at < last; ++at) blocks += "█";
    std::size_t const drawn = until - from < 0.5 ? 1 : last - first;
    picture.append(first, ' ');
    paint(picture, colour, blocks);
    picture.append(columns - first - drawn, ' ');
  }

  std::vector<span_data> spans_;
  waterfall_style style_;
  std::size_t deepest_ = 0;  // level of the tree that is still drawn further to the right
  std::vector<line> lines_;
  std::uint64_t start_ = 0;  // of all of it; the end is later
  std::uint64_t end_ = 0;
  std::vector<std::string> services_;
};

}  // namespace detail

waterfall_style waterfall_style::of(int descriptor) {
  waterfall_style style;
  if (::isatty(descriptor) == 0) return style;
  char const* const no_colour = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): when the exporter is made
  style.colour = no_colour == nullptr || *no_colour == '\0';
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) style.columns = size.ws_col;
  return style;
}

std::string waterfall(std::vector<span_data> spans, waterfall_style style) {
  if (spans.empty()) return {};
  return detail::waterfall_picture{std::move(spans), style}.draw();
}

}  // namespace nanospan::inline v0

// ---- nanospan/exporters/console.hpp --------------------------------------------------------------------------------------------

// The exporter that draws traces on a terminal (or into a file or pipe): collects spans until the root of their trace in this process
// has arrived, then writes its waterfall. Never waits longer than the rings can: each write is of what a pipe takes at once.

#include <climits>
#include <iterator>
#include <list>

namespace nanospan::inline v0 {

struct console_exporter::state {
  struct trace {
    nanospan::trace_id id;
    std::vector<span_data> spans;
    bool root_arrived = false;
  };
  int descriptor;
  waterfall_style style;
  std::list<trace> traces = {};  // by their first span's arrival
  std::map<std::array<std::uint8_t, 16>, std::list<trace>::iterator> places = {};
  std::size_t waiting = 0;  // spans in them

  static constexpr std::size_t most_waiting = 100'000;  // spans; beyond it the oldest trace is drawn as it is

  trace& of(nanospan::trace_id id) {
    auto const [place, is_new] = places.try_emplace(id.bytes());
    if (is_new) place->second = traces.insert(traces.end(), trace{id, {}, false});
    return *place->second;
  }
  std::string draw(std::list<trace>::iterator which) {
    waiting -= which->spans.size();
    std::string picture = waterfall(std::move(which->spans), style) + "\n";
    places.erase(which->id.bytes());
    traces.erase(which);
    return picture;
  }
  // False where the other side does not read.
  bool write(std::string_view text, export_wait& wait) const {
    while (!text.empty()) {
      std::uint64_t const deadline = detail::monotonic_nanoseconds() + 2'000'000'000;
      if (wait.wait(descriptor, true, deadline) != export_wait::outcome::ready) return false;
      auto const written = detail::write_without_signal(descriptor, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
      if (written < 0 && errno != EINTR && errno != EAGAIN) return false;
      if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }
};

console_exporter::console_exporter(int descriptor) : state_{shared<state>::make<state>(descriptor, waterfall_style::of(descriptor))} {}

export_result console_exporter::export_batch(batch const& spans, export_wait& wait) {
  state& self = *state_;
  for (span_data& span : spans.spans()) {
    auto& trace = self.of(span.trace_id);
    trace.root_arrived |= !span.parent_span_id.valid() || (span.flags & 0x200) != 0;
    trace.spans.push_back(std::move(span));
    ++self.waiting;
  }
  std::string pictures;
  for (auto at = self.traces.begin(); at != self.traces.end();) {
    auto const next = std::next(at);
    if (at->root_arrived || self.waiting > state::most_waiting) pictures += self.draw(at);
    at = next;
  }
  if (self.write(pictures, wait)) return {};
  return {export_result::outcome::failure, 0, {}, "nobody reads what is drawn"};
}

shared<exporter> console_exporter::for_child() const { return shared<exporter>::make<console_exporter>(state_->descriptor); }

std::uint64_t console_exporter::shutdown(export_wait& wait) {
  state& self = *state_;
  std::uint64_t const waiting = self.waiting;
  std::string pictures;
  while (!self.traces.empty()) pictures += self.draw(self.traces.begin());
  return self.write(pictures, wait) ? 0 : waiting;
}

std::string console_exporter::description() const { return "the console"; }

}  // namespace nanospan::inline v0

// ---- nanospan/detail/line_file.hpp ---------------------------------------------------------------------------------------------

// A file that grows by whole lines, whoever else appends to it, and begins anew when it is large. Blocks as a disk does. One thread at a time. Background half.

#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace nanospan::inline v0::detail {

class line_file {
 public:
  // "-": standard output.
  line_file(std::string path, std::uint64_t max_bytes, std::size_t max_files) : path_{std::move(path)}, max_bytes_{max_bytes}, max_files_{max_files} {}

  // `line` ends with its newline; it may get one before it, too. Returns nothing where it stands in the file, whole; else none of it does (what is not a regular
  // file takes nothing back), and this says why. Throws std::bad_alloc.
  std::string append(std::string& line) {
    struct unlocked_at_end {
      line_file& file;
      ~unlocked_at_end() { file.unlock(); }
    } const unlocked{*this};
    if (append_locked(line)) return {};
    int const error = errno;
    unlock();
    file_ = descriptor{};  // the next one begins with a new one
    return joined({path_, ": ", what_, std::generic_category().message(error)});
  }

 private:
  bool append_locked(std::string& line) {
    if (!open_and_lock()) return false;
    if (!regular_) return write_all(line);
    while (may_rotate_ && max_bytes_ != 0 && size_ != 0 && size_ + line.size() > max_bytes_) {  // others may have filled the next one at once
      what_ = "cannot begin another file: ";
      if (!rotate() || !open_and_lock()) return false;
    }
    what_ = "";
    if (ends_within_line()) line.insert(line.begin(), '\n');  // a process was killed there
    if (write_all(line)) return true;
    int const error = errno;
    take_back();
    errno = error;
    return false;
  }

  // The file that the path names, alone in it; another process may have put another one there meanwhile.
  bool open_and_lock() {
    for (;;) {
      if (!file_.open() && !open()) return false;
      if (path_ == "-") return true;
      while (!(locked_ = ::flock(file_.get(), LOCK_EX) == 0) && errno == EINTR) {}  // where there are no locks, O_APPEND is what there is
      struct stat mine{};
      struct stat named{};
      if (::fstat(file_.get(), &mine) != 0) return false;
      regular_ = S_ISREG(mine.st_mode);
      size_ = static_cast<std::uint64_t>(mine.st_size);
      if (::stat(path_.c_str(), &named) == 0 && named.st_ino == mine.st_ino && named.st_dev == mine.st_dev) break;
      unlock();
      file_ = descriptor{};
    }
    // A link is not ours to rename.
    struct stat entry{};
    may_rotate_ = ::lstat(path_.c_str(), &entry) == 0 && S_ISREG(entry.st_mode);
    return true;
  }
  bool open() {
    if (path_ == "-") {
      file_ = descriptor{::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)};
      return file_.open();
    }
    // To be read, too: its last byte. O_NONBLOCK: a pipe without a reader is an error (ENXIO), not something to wait for.
    struct stat entry{};
    bool const other = ::stat(path_.c_str(), &entry) == 0 && !S_ISREG(entry.st_mode);
    int const flags = O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (other ? O_WRONLY : O_RDWR | O_CREAT);
    file_ = descriptor{::open(path_.c_str(), flags, 0666)};  // less the umask
    if (!file_.open()) return false;
    ::fcntl(file_.get(), F_SETFL, O_APPEND);  // from here on it may block: this is the thread for that
    return true;
  }
  bool ends_within_line() const {
    char last = '\n';
    return size_ != 0 && ::pread(file_.get(), &last, 1, static_cast<off_t>(size_ - 1)) == 1 && last != '\n';
  }

  // The current one becomes path.1, last: until then every other process waits for its lock, and afterwards finds another file there.
  bool rotate() {
    auto const name = [&](std::size_t number) { return number == 0 ? path_ : joined({path_, ".", std::to_string(number)}); };
    if (max_files_ == 1 && ::unlink(path_.c_str()) != 0) return false;
    // As far as there are any: who keeps all of them has a number without end.
    std::size_t last = max_files_ == 1 ? 0 : 1;
    struct stat there{};
    while (last < max_files_ - 1 && ::lstat(name(last).c_str(), &there) == 0) ++last;
    for (std::size_t number = last; number != 0; --number)
      if (::rename(name(number - 1).c_str(), name(number).c_str()) != 0 && errno != ENOENT) return false;
    unlock();
    file_ = descriptor{};
    return true;
  }
  // Said, and not left to close(): a forked child may have the descriptor, too.
  void unlock() noexcept {
    if (std::exchange(locked_, false)) ::flock(file_.get(), LOCK_UN);
  }

  // One write() but where the system takes a part only.
  bool write_all(std::string_view text) {
    written_ = 0;
    while (written_ != text.size()) {
      ssize_t const now = write_without_signal(file_.get(), text.data() + written_, text.size() - written_);
      if (now > 0) {
        written_ += static_cast<std::size_t>(now);
      } else if (now == 0) {
        errno = ENOSPC;
        return false;
      } else if (errno == EAGAIN) {  // somebody else's O_NONBLOCK, on standard output
        pollfd ready{file_.get(), POLLOUT, 0};
        ::poll(&ready, 1, -1);
      } else if (errno != EINTR) {
        return false;
      }
    }
    return true;
  }
  // What was written of a line that cannot be, unless somebody without our lock has appended since: then it is a broken line, which the next append ends.
  void take_back() const {
    struct stat now{};
    if (written_ == 0 || ::fstat(file_.get(), &now) != 0 || static_cast<std::uint64_t>(now.st_size) != size_ + written_) return;
    while (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0 && errno == EINTR) {}
  }

  std::string path_;
  std::uint64_t max_bytes_;
  std::size_t max_files_;
  descriptor file_;
  char const* what_ = "";  // was being done
  bool locked_ = false;
  bool regular_ = false;
  bool may_rotate_ = false;
  std::uint64_t size_ = 0;       // under the lock
  std::size_t written_ = 0;      // of the line
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/exporters/otlp_file.hpp ------------------------------------------------------------------------------------------

// The exporter that writes OpenTelemetry's JSON Lines. Transcoding and the disk are the side thread's: the background thread only hands a copy of the batch over.

#include <functional>
#include <system_error>

namespace nanospan::inline v0 {

struct otlp_file_exporter::state {
  // One line, shared with the thread that writes it.
  struct job {
    explicit job(std::string bytes) : otlp{std::move(bytes)} {}
    std::string otlp;
    std::atomic<bool> taken{false};  // by who writes it, or by who does not wait any more for its turn
    std::string error = "out of memory";
  };
  static constexpr std::uint64_t limit = 10'000'000'000;  // nanoseconds an attempt

  otlp_file_options options;
  std::string path;
  shared<detail::line_file> file;
  detail::side_thread disk;
  shared<job> pending;  // was begun, and not seen to end
  bool used = false;

  void open() { file = shared<detail::line_file>::make<detail::line_file>(path, options.max_bytes, options.max_files); }
  static std::string absolute(std::string const& path) {
    if (path == "-" || path.front() == '/') return path;
    std::string directory(4096, '\0');
    if (::getcwd(directory.data(), directory.size()) == nullptr)
      throw configuration_error{detail::joined({"otlp_file: path \"", path, "\": the current directory is not known"})};
    directory.resize(directory.find('\0'));
    return detail::joined({directory, "/", path});
  }
  static void write(detail::line_file& into, job& one) {
    std::string line;
    line.reserve(one.otlp.size() * 3);
    detail::append_otlp_json(line, one.otlp);
    line += '\n';
    one.error = into.append(line);
  }
};

otlp_file_exporter::otlp_file_exporter(otlp_file_options with) : state_{shared<state>::make<state>()} {
  if (with.path.empty()) throw configuration_error{"otlp_file: path is empty"};
  if (with.max_files == 0) throw configuration_error{"otlp_file: max_files is 0; the current file is one"};
  state_->path = state::absolute(with.path);
  state_->options = std::move(with);
  state_->open();
}
otlp_file_exporter::~otlp_file_exporter() = default;

export_result otlp_file_exporter::export_batch(batch const& spans, export_wait& wait) {
  using outcome = export_result::outcome;
  state& self = *state_;
  self.used = true;
  // What hung at the last attempt may have been written since, and would be there twice.
  bool const again = self.pending && self.pending->otlp == spans.otlp;
  auto const one = again ? self.pending : shared<state::job>::make<state::job>(spans.otlp);
  std::function<void()> work = [] {};
  if (!again)
    work = [one, file = self.file] {
      if (!one->taken.exchange(true)) state::write(*file, *one);
    };
  bool done = true;
  try {
    done = self.disk.run(work, wait, detail::monotonic_nanoseconds() + state::limit);
  } catch (std::system_error const&) {
    try {
      work();  // no thread to be had: nothing is drained meanwhile, but nothing is lost either
    } catch (std::bad_alloc const&) {}  // NOLINT(bugprone-empty-catch): as the error says
  }
  if (!done) {
    bool const begun = again || one->taken.exchange(true);
    if (begun) self.pending = one;
    return {begun ? outcome::unconfirmed : outcome::retry, 0, {}, self.path + ": the disk does not answer"};
  }
  self.pending = nullptr;
  if (one->error.empty()) return {};
  return {outcome::retry, 0, {}, std::move(one->error)};
}

shared<exporter> otlp_file_exporter::for_child() const {
  otlp_file_options same = state_->options;
  same.path = state_->path;  // complete: the child may be elsewhere
  return shared<exporter>::make<otlp_file_exporter>(std::move(same));
}

std::uint64_t otlp_file_exporter::shutdown(export_wait& wait) {
  state& self = *state_;
  if (!self.used) return 0;
  // close() may block, too. Where something hangs already, nobody waits for it: the file is let go of when that ends.
  std::uint64_t const deadline = self.pending ? 0 : detail::monotonic_nanoseconds() + state::limit;
  try {
    self.disk.run([file = std::exchange(self.file, nullptr)] {}, wait, deadline);
  } catch (std::system_error const&) {}  // NOLINT(bugprone-empty-catch): closed here, then
  self.open();
  self.used = false;
  return 0;
}

std::string otlp_file_exporter::description() const { return "OTLP/JSON lines in " + state_->path; }

}  // namespace nanospan::inline v0

// ---- nanospan/detail/resolution.hpp --------------------------------------------------------------------------------------------

// The addresses of a name, without a wait for whoever knows them. Background thread.

#include <netdb.h>
#include <sched.h>
#include <sys/socket.h>

namespace nanospan::inline v0::detail {

// A thread inherits from the one that starts it what options.background_cpu and background_realtime_priority gave that; a resolver must not keep what they were
// chosen for from running. On the CPUs of the program's first thread, and not on all: who confined the program meant all of it.
inline void run_as_the_program_does() noexcept {
  sched_param const ordinary{};
#if defined(__linux__)
  int const policy = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
  if (policy == SCHED_FIFO || policy == SCHED_RR) ::sched_setscheduler(0, SCHED_OTHER, &ordinary);
  cpu_set_t cpus;
  if (::sched_getaffinity(::getpid(), sizeof cpus, &cpus) == 0) ::sched_setaffinity(0, sizeof cpus, &cpus);
#else
  ::pthread_setschedparam(::pthread_self(), SCHED_OTHER, &ordinary);
#endif
}

// getaddrinfo blocks without a bound: it runs on a thread of its own, which shares what it writes and outlives nothing that it uses.
class resolution {
 public:
  static shared<resolution> start(std::string const& host, std::uint16_t port) {
    auto self = shared<resolution>::make<resolution>();
    addrinfo numeric{};
    numeric.ai_socktype = SOCK_STREAM;
    numeric.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    std::string const service = std::to_string(port);
    if (::getaddrinfo(host.c_str(), service.c_str(), &numeric, &self->found_) == 0) {
      self->finished_.store(true, std::memory_order_relaxed);  // Relaxed: no other thread yet.
      return self;
    }
    if (!make_pipe(self->reader_, self->writer_)) return nullptr;
    start_guest_thread([self, host, service] {
      run_as_the_program_does();
      addrinfo hints{};
      hints.ai_socktype = SOCK_STREAM;
      hints.ai_flags = AI_NUMERICSERV;
      self->error_ = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &self->found_);
      self->finished_.store(true, std::memory_order_release);  // Release: pairs with the acquire in finished().
      [[maybe_unused]] auto const written = ::write(self->writer_.get(), "", 1);
    }).detach();
    return self;
  }
  ~resolution() {
    if (found_ != nullptr) ::freeaddrinfo(found_);
  }
  // Readable once finished; -1 where that is so from the start.
  int descriptor_to_wait_for() const noexcept { return reader_.get(); }
  bool finished() const noexcept { return finished_.load(std::memory_order_acquire); }
  // Once finished.
  addrinfo const* found() const noexcept { return found_; }
  char const* error() const noexcept { return ::gai_strerror(error_); }

 private:
  descriptor reader_;
  descriptor writer_;
  addrinfo* found_ = nullptr;
  int error_ = 0;
  std::atomic<bool> finished_{false};
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/socket_stream.hpp -----------------------------------------------------------------------------------------

// A connection, always to the same place: TCP, or a Unix socket. Its every step waits through export_wait: bounded by one deadline, draining the rings
// meanwhile, and woken when the provider stops. Background thread.

#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

namespace nanospan::inline v0::detail {

class socket_stream {
 public:
  using error_code = boost::system::error_code;

  bool open() const noexcept { return socket_.open(); }
  void close() noexcept { socket_ = descriptor{}; }
  // Whether the other side has neither closed nor said anything that is still unread.
  bool quiet() const noexcept {
    char byte = 0;
    return open() && ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
  // For what follows: how to wait, and until when (monotonic nanoseconds).
  void bind(export_wait& wait, std::uint64_t deadline) noexcept {
    wait_ = &wait;
    deadline_ = deadline;
  }

  // Tries each address in turn. Empty when connected, else why not.
  std::string connect(url const& to) {
    if (to.is_unix()) return connect_unix(to.host);
    // A lookup that outlasts an attempt is waited for by the next one: never two at a time.
    if (pending_ == nullptr) pending_ = resolution::start(to.host, to.port);
    if (pending_ == nullptr) return "no descriptor for a name lookup";
    while (!pending_->finished())
      if (wait_->wait(pending_->descriptor_to_wait_for(), false, deadline_) != export_wait::outcome::ready && !pending_->finished())
        return joined({"looking up \"", to.host, "\" took too long"});
    auto const lookup = std::exchange(pending_, nullptr);
    if (lookup->found() == nullptr) return joined({"cannot look up \"", to.host, "\": ", lookup->error(), ". Is the name right?"});
    std::uint64_t left = 0;
    for (addrinfo const* address = lookup->found(); address != nullptr; address = address->ai_next) ++left;
    std::string why = "no address";
    for (addrinfo const* address = lookup->found(); address != nullptr; address = address->ai_next) {
      // Each gets an equal share of the time: one that swallows what it is sent does not keep the others from being tried.
      std::uint64_t const now = monotonic_nanoseconds();
      why = connect(address->ai_family, address->ai_addr, address->ai_addrlen, deadline_ > now ? now + (deadline_ - now) / left-- : now);
      if (why.empty()) return why;
    }
    return why;
  }

  // At least one byte; else an error, asio::error::eof at the end. Who does not wait may get none without an error.
  std::size_t read_some(char* to, std::size_t room, bool waits, error_code& error) {
    for (error = {};;) {
      // For who always has more to say, nobody would ever wait: the rings are drained in a wait.
      if (unwaited_bytes_ >= most_unwaited_bytes && !wait_for(false, error)) return 0;
      auto const got = ::recv(socket_.get(), to, room, 0);
      if (got > 0) {
        unwaited_bytes_ += static_cast<std::size_t>(got);
        return static_cast<std::size_t>(got);
      }
      if (got == 0) error = boost::asio::error::eof;
      else if (errno == EINTR || (would_block(error) && waits && wait_for(false, error))) continue;
      return 0;
    }
  }
  // As much of both as goes at once. Zero without an error: first there may be something to read.
  std::size_t write_some(std::string_view first, std::string_view second, error_code& error) {
    iovec pieces[2] = {{const_cast<char*>(first.data()), first.size()}, {const_cast<char*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = 2;
    for (error = {};;) {
      auto const put = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);  // NOLINT(clang-analyzer-unix.StdCLibraryFunctions): it is open
      if (put >= 0) return static_cast<std::size_t>(put);
      if (errno == EINTR) continue;
      if (!would_block(error) || readable() || !wait_for(true, error)) return 0;
    }
  }

 protected:
  int number() const noexcept { return socket_.get(); }
  bool readable() const noexcept {
    pollfd watched{socket_.get(), POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
  }
  // False with the error where the time is over.
  bool wait_for(bool writable, error_code& error) {
    unwaited_bytes_ = 0;
    auto const end = wait_->wait(socket_.get(), writable, deadline_);
    if (end == export_wait::outcome::ready) return true;
    error = end == export_wait::outcome::stopped ? boost::asio::error::operation_aborted : boost::asio::error::timed_out;
    return false;
  }

 private:
  // Else it is an error.
  static bool would_block(error_code& error) noexcept {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    error = {errno, boost::system::system_category()};
    return false;
  }

  std::string connect_unix(std::string const& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return "the path is too long for a Unix socket";
    std::memcpy(address.sun_path, path.c_str(), path.size());
    return connect(AF_UNIX, reinterpret_cast<sockaddr const*>(&address), sizeof address, deadline_);
  }
  std::string connect(int family, sockaddr const* address, socklen_t bytes, std::uint64_t deadline) {
    socket_ = descriptor{::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket_.open()) return boost::system::system_category().message(errno);
    int const on = 1;
    if (family != AF_UNIX) ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int error = ::connect(socket_.get(), address, bytes) == 0 ? 0 : errno;
    if (error == EINPROGRESS || error == EINTR) {
      socklen_t size = sizeof error;
      if (wait_->wait(socket_.get(), true, deadline) != export_wait::outcome::ready) error = ETIMEDOUT;
      else if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    }
    if (error == 0) return {};
    close();
    return joined({boost::system::system_category().message(error), advice(error)});
  }
  static std::string_view advice(int error) noexcept {
    switch (error) {
      case ECONNREFUSED:
      case ENOENT: return ": nothing listens there. Is a collector running? options.endpoint or OTEL_EXPORTER_OTLP_ENDPOINT says where";
      case ETIMEDOUT:
      case EHOSTUNREACH:
      case ENETUNREACH: return ": is the address right, and no firewall in the way?";
      case EAGAIN: return ": a Unix socket of which the queue is full";
      default: return "";
    }
  }

  static constexpr std::size_t most_unwaited_bytes = 256u << 10;

  descriptor socket_;
  shared<resolution> pending_;
  std::size_t unwaited_bytes_ = 0;
  export_wait* wait_ = nullptr;
  std::uint64_t deadline_ = 0;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/http_answer.hpp -------------------------------------------------------------------------------------------

// What a collector answers, taken apart as it comes by Beast's parser, and nothing kept of it but what is asked for. Touches no socket. Bounded: what is too
// large is an error. Background thread.

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/version.hpp>

#include <optional>

namespace nanospan::inline v0::detail {

struct http_answer {
  int status = 0;
  std::string reason = {};
  std::string content_type = {};
  std::string retry_after = {};
  std::string location = {};
  std::string body = {};
  bool keep_alive = false;
};

class http_answer_parser final : public boost::beast::http::basic_parser<false> {
 public:
  static constexpr std::size_t most_body_bytes = 4u << 20;  // OTLP: more is an error, and not retried
  explicit http_answer_parser(http_answer& into) : into_{into} {
    header_limit(64u << 10);
    body_limit(most_body_bytes);
  }

 private:
  using text = boost::beast::string_view;
  using error_code = boost::beast::error_code;
  using field = boost::beast::http::field;

  void on_request_impl(boost::beast::http::verb /*verb*/, text /*name*/, text /*target*/, int /*version*/, error_code& /*error*/) override {}
  void on_response_impl(int status, text reason, int /*version*/, error_code& /*error*/) override {
    into_.status = status;
    into_.reason.assign(reason.data(), reason.size());
  }
  void on_field_impl(field name, text /*name*/, text value, error_code& /*error*/) override {
    std::string* const wanted = name == field::content_type  ? &into_.content_type
                                : name == field::retry_after ? &into_.retry_after
                                : name == field::location    ? &into_.location
                                                             : nullptr;
    if (wanted != nullptr) wanted->assign(value.data(), value.size());
  }
#if BOOST_BEAST_VERSION >= 359
  void on_trailer_field_impl(field /*name*/, text /*name*/, text /*value*/, error_code& /*error*/) override {}
#endif
  void on_header_impl(error_code& /*error*/) override { into_.keep_alive = keep_alive(); }
  void on_body_init_impl(boost::optional<std::uint64_t> const& size, error_code& error) override {
    if (size && *size > most_body_bytes) error = boost::beast::http::error::body_limit;
  }
  std::size_t on_body_impl(text more, error_code& error) override {
    if (more.size() > most_body_bytes - into_.body.size()) error = boost::beast::http::error::body_limit;
    else into_.body.append(more.data(), more.size());
    return more.size();
  }
  void on_chunk_header_impl(std::uint64_t /*size*/, text /*extensions*/, error_code& /*error*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*remaining*/, text more, error_code& error) override { return on_body_impl(more, error); }
  void on_finish_impl(error_code& /*error*/) override {}

  http_answer& into_;
};

// The final answer; interim ones (1xx) are passed over.
class http_answer_reader {
 public:
  static constexpr std::size_t most_unread_bytes = 64u << 10;                           // of what must be there as a whole
  static constexpr std::size_t most_bytes = 2 * http_answer_parser::most_body_bytes;  // of everything
  using error_code = boost::system::error_code;

  // What came next. Not after it has finished.
  void add(std::string_view bytes) {
    if (first_.size() < 64) first_ += bytes.substr(0, 64);
    unread_ += bytes;
    bytes_ += bytes.size();
    while (!finished_ && !unread_.empty()) {
      std::size_t const used = parser().put(boost::asio::const_buffer{unread_.data(), unread_.size()}, error_);
      unread_.erase(0, used);
      if (error_ == boost::beast::http::error::need_more) {
        error_ = {};
        if (used == 0) break;
      }
      finish_if_done();
    }
    // What is no body has no limit in Beast: a chunk's extension, a trailer.
    if (!finished_ && (unread_.size() > most_unread_bytes || bytes_ > most_bytes)) fail(boost::beast::http::error::body_limit);
  }
  // The connection has ended.
  void end() {
    if (parser().got_some() && parser().is_header_done()) parser().put_eof(error_);
    else error_ = parser().got_some() ? boost::beast::http::error::partial_message : boost::beast::http::error::end_of_stream;
    if (!error_) finish_if_done();
    finished_ = true;
  }

  // The answer is there, or an error.
  bool finished() const noexcept { return finished_; }
  error_code error() const noexcept { return error_; }
  http_answer const& answer() const noexcept { return answer_; }
  bool begun() const noexcept { return !first_.empty(); }
  // No interim one, so that nothing more of the request is wanted.
  bool final_begun() const noexcept { return finished_ || answer_.status / 100 > 1 || answer_.status == 101; }
  // What the answer begins with, and what came after its end.
  std::string_view first_bytes() const noexcept { return first_; }
  bool surplus() const noexcept { return !unread_.empty(); }

 private:
  http_answer_parser& parser() noexcept { return *parser_; }  // NOLINT(bugprone-unchecked-optional-access): there always is one
  void finish_if_done() {
    finished_ = error_ || parser().is_done();
    if (error_ || !finished_ || !is_interim()) return;
    finished_ = false;
    answer_ = {};
    parser_.emplace(answer_);
    if (++interim_ > 16) fail(boost::beast::http::error::bad_status);
  }
  void fail(boost::beast::http::error why) {
    error_ = why;
    finished_ = true;
  }
  bool is_interim() const noexcept { return answer_.status / 100 == 1 && answer_.status != 101; }

  http_answer answer_;
  std::optional<http_answer_parser> parser_{std::in_place, answer_};
  std::string unread_;
  std::string first_;
  error_code error_;
  std::size_t bytes_ = 0;
  int interim_ = 0;
  bool finished_ = false;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/http_date.hpp ---------------------------------------------------------------------------------------------

// When to come again (RFC 9110, "Retry-After", "HTTP-date"). By hand: strptime asks the locale for the names of months. Any thread.

#include <algorithm>
#include <optional>

namespace nanospan::inline v0::detail {

// Unix seconds of an HTTP-date, in any of its three forms; the names of days are passed over.
//   Sun, 06 Nov 1994 08:49:37 GMT    Sunday, 06-Nov-94 08:49:37 GMT    Sun Nov  6 08:49:37 1994
inline std::optional<std::int64_t> http_date(std::string_view text, int this_year) noexcept {
  auto const skip = [&](std::string_view what) {
    bool const is_there = text.starts_with(what);
    if (is_there) text.remove_prefix(what.size());
    return is_there;
  };
  // Of exactly so many digits, the first of which may be a blank; -1 where there are none.
  auto const number = [&](std::size_t digits) {
    if (text.size() < digits) return -1;
    std::size_t const blank = digits == 2 && text.front() == ' ' ? 1 : 0;
    auto const value = decimal(text.substr(blank, digits - blank));
    if (!value) return -1;
    text.remove_prefix(digits);
    return static_cast<int>(*value);
  };
  auto const month = [&] {
    constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";
    std::size_t const at = text.size() < 3 ? std::string_view::npos : names.find(text.substr(0, 3));
    if (at == std::string_view::npos || at % 3 != 0) return 0;
    text.remove_prefix(3);
    return static_cast<int>(at / 3) + 1;
  };
  int hour = -1;
  int minute = -1;
  int second = -1;
  auto const time = [&] {
    hour = number(2);
    if (!skip(":")) return false;
    minute = number(2);
    if (!skip(":")) return false;
    second = number(2);
    return hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60;
  };

  std::size_t const name = text.find_first_of(", ");
  if (name == std::string_view::npos || name < 3) return std::nullopt;
  text.remove_prefix(name);
  int day = -1;
  int in_month = 0;
  int year = -1;
  bool good = false;
  if (skip(", ")) {
    day = number(2);
    bool const short_year = skip("-");
    good = short_year || skip(" ");
    in_month = month();
    good = good && skip(short_year ? "-" : " ");
    year = number(short_year ? 2 : 4);
    // Of two digits: the last one that is not more than 50 years in the future.
    if (short_year && year >= 0)
      for (year += this_year / 100 * 100 + 100; year > this_year + 50;) year -= 100;
    good = good && skip(" ") && time() && skip(" GMT");
  } else if (skip(" ")) {
    in_month = month();
    good = skip(" ");
    day = number(2);
    good = good && skip(" ") && time() && skip(" ");
    year = number(4);
  }
  if (!good || !text.empty() || in_month == 0 || day < 1 || day > 31 || year < 0) return std::nullopt;
  // Days since 1970 of a year that begins in March, so that the leap day is its last.
  std::int64_t const y = in_month <= 2 ? year - 1 : year;
  std::int64_t const days_before_month = (153 * (in_month + (in_month > 2 ? -3 : 9)) + 2) / 5;
  std::int64_t const days = y * 365 + y / 4 - y / 100 + y / 400 + days_before_month + day - 1 - 719'468;
  return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

// Seconds or an HTTP-date, at most a day from now; nothing where it is neither.
inline std::optional<duration> retry_after(std::string_view text, std::int64_t now_unix_seconds) noexcept {
  constexpr std::int64_t day = 86'400;
  std::int64_t seconds = 0;
  bool const negative = text.starts_with('-');
  if (auto const given = decimal(text.substr(negative ? 1 : 0))) {
    seconds = negative ? 0 : static_cast<std::int64_t>(std::min<std::uint64_t>(*given, day));
  } else {
    auto const date = http_date(text, static_cast<int>(1970 + now_unix_seconds / 31'556'952));
    if (!date) return std::nullopt;
    seconds = *date - now_unix_seconds;
  }
  return duration::of_milliseconds((seconds < 0 ? 0 : seconds < day ? seconds : day) * 1'000);
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/otlp_answer.hpp -------------------------------------------------------------------------------------------

// What an answer means for a batch (OTLP specification, "OTLP/HTTP", "Failures", "Partial Success"), and, where it is none that a collector gives, who may have
// given it and what to try. Any thread.

#include <ctime>

namespace nanospan::inline v0::detail {

// What to try, in words that follow a status and the answer's text; empty where that says enough.
inline std::string advice_about(http_answer const& answer) {
  auto const says = [&](std::string_view what) { return answer.body.find(what) != std::string::npos; };
  int const status = answer.status;
  // What Go's and nginx's servers say.
  if (status == 400 && (says("HTTPS") || says("TLS"))) return ". That port speaks TLS: use https";
  if (status == 407) return ". A proxy that wants credentials: is this the collector's address?";
  if (is_same_name(std::string_view{answer.content_type}.substr(0, 9), "text/html"))
    return ", and a page of HTML. That is a proxy or another server, no OTLP collector: is the address right? OTLP over HTTP usually has port 4318";
  if (status / 100 == 3 && !answer.location.empty())
    return joined({". It says that it is at ", excerpt(url::without_credentials(answer.location)), ", and redirects are not followed: give that address"});
  switch (status) {
    case 401:
    case 403: return ". Are the credentials right? options.headers or OTEL_EXPORTER_OTLP_HEADERS has them";
    case 404:
    case 405: return ". Is the path right? Collectors take spans at /v1/traces, which is appended to OTEL_EXPORTER_OTLP_ENDPOINT but not to OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    case 413: return ". A smaller options.max_batch_bytes may help";
    case 415: return ". It takes no protobuf, or no gzip, if that was asked for";
    default: return {};
  }
}

// What a collector says of a batch that it took (OTLP, "Partial Success"); empty for full success.
struct partial_success {
  std::uint64_t rejected_spans = 0;
  std::string error_message;
};
inline partial_success read_partial_success(std::string_view response) {
  partial_success partial;
  for (wire_reader outer{response}; outer.next();) {
    if (!outer.is(1, wire_type::bytes)) continue;
    for (wire_reader inner{outer.bytes()}; inner.next();) {
      // An int64: a negative count is nonsense and counts as none.
      if (inner.is(1, wire_type::varint)) partial.rejected_spans = inner.number() >> 63 != 0 ? 0 : inner.number();
      else if (inner.is(2, wire_type::bytes)) partial.error_message = inner.bytes();
    }
  }
  return partial;
}

inline export_result judge(http_answer const& answer) {
  using outcome = export_result::outcome;
  export_result result;
  int const status = answer.status;
  std::string const advice = advice_about(answer);
  if (status >= 200 && status < 300 && advice.empty()) {
    partial_success const partial = read_partial_success(answer.body);
    result.rejected_spans = partial.rejected_spans;
    result.message = excerpt(partial.error_message);
    return result;
  }
  bool const again = status == 429 || status == 502 || status == 503 || status == 504;
  result.what = again ? outcome::retry : status == 413 ? outcome::too_large : outcome::failure;
  result.message = joined({"HTTP ", std::to_string(status), answer.reason.empty() ? "" : " ", excerpt(answer.reason)});
  bool const readable = !answer.body.empty() && !advice.starts_with(", and a page");
  if (readable) result.message += joined({" (", excerpt(answer.body), ")"});
  result.message += advice;
  if (auto const delay = retry_after(answer.retry_after, std::time(nullptr)); again && delay) result.retry_after = *delay;
  return result;
}

// The same of a request without a span, which asks whether a collector is there: one that calls it bad has read it.
inline export_result judge_probe(http_answer const& answer) {
  bool const is_there = (answer.status == 400 || answer.status == 411 || answer.status == 422) && advice_about(answer).empty();
  return is_there ? export_result{} : judge(answer);
}

// What begins like this is no answer in HTTP/1.1.
inline std::string why_unreadable(std::string_view first_bytes) {
  // RFC 9113, "Frame Format": a length of three bytes, then SETTINGS or GOAWAY, with which a server begins.
  if (first_bytes.size() >= 4 && first_bytes[0] == 0 && (first_bytes[3] == 4 || first_bytes[3] == 7))
    return "the answer is in HTTP/2: a gRPC port? OTLP over HTTP usually has port 4318";
  // RFC 8446, "Record Layer": an alert.
  if (first_bytes.starts_with("\x15\x03")) return "the answer is in TLS: use https";
  return "the answer is not HTTP/1.1: is the address right? OTLP over HTTP usually has port 4318";
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/crc32.hpp -------------------------------------------------------------------------------------------------

// CRC-32 of ISO 3309, as in gzip (RFC 1952, 8). Background half.

namespace nanospan::inline v0::detail {

inline constexpr std::array<std::uint32_t, 256> crc32_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0xedb88320u : 0);
    table[byte] = remainder;
  }
  return table;
}();
// `before` is that of what came before these bytes.
inline std::uint32_t crc32_of(std::string_view bytes, std::uint32_t before = 0) noexcept {
  std::uint32_t remainder = ~before;
  for (char const c : bytes) remainder = (remainder >> 8) ^ crc32_table[(remainder ^ static_cast<unsigned char>(c)) & 0xff];
  return ~remainder;
}

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/gzip.hpp --------------------------------------------------------------------------------------------------

// A gzip file (RFC 1952) of what repeats itself much, as batches do: one block of deflate (RFC 1951) with its fixed codes, which looks where four bytes stood last.
// Beast's deflate makes a tenth less of spans, takes half as long again, and 0.8 s of compiling. Background thread.

#include <algorithm>

namespace nanospan::inline v0::detail {

// Bits into bytes, the lowest first.
class bit_writer {
 public:
  explicit bit_writer(std::string& into) noexcept : into_{into} {}
  void put(std::uint32_t bits, unsigned count) {
    held_ |= std::uint64_t{bits} << count_;
    count_ += count;
    for (; count_ >= 8; count_ -= 8, held_ >>= 8) into_.push_back(static_cast<char>(held_));
  }
  void to_byte() { put(0, (8 - count_) % 8); }

 private:
  std::string& into_;
  std::uint64_t held_ = 0;
  unsigned count_ = 0;
};

// RFC 1951, "Compression with fixed Huffman codes": a symbol's bits, which go into the bytes the other way round than other numbers do, and how many.
struct huffman_code {
  std::uint16_t bits;
  std::uint8_t count;
};
inline constexpr std::array<huffman_code, 288> fixed_codes = [] {
  std::array<huffman_code, 288> codes{};
  for (std::uint32_t symbol = 0; symbol < codes.size(); ++symbol) {
    std::uint32_t const code = symbol < 144 ? 0x30 + symbol : symbol < 256 ? 0x190 + symbol - 144 : symbol < 280 ? symbol - 256 : 0xc0 + symbol - 280;
    unsigned const count = symbol < 144 || symbol >= 280 ? 8 : symbol < 256 ? 9 : 7;
    std::uint32_t turned = 0;
    for (unsigned bit = 0; bit < count; ++bit) turned |= (code >> bit & 1) << (count - 1 - bit);
    codes[symbol] = {static_cast<std::uint16_t>(turned), static_cast<std::uint8_t>(count)};
  }
  return codes;
}();

class fixed_deflate {
 public:
  static constexpr std::size_t least = 4;  // bytes that a repetition has: three would be allowed
  static constexpr std::size_t most = 258;
  static constexpr std::size_t window = 32'768;

  explicit fixed_deflate(std::string& into) : out_{into}, last_(std::size_t{1} << hash_bits, 0) {
    out_.put(1, 1);  // the only block,
    out_.put(1, 2);  // of this kind
  }
  // From the place where the last one ended to `end`, or a little further.
  std::size_t write(std::string_view all, std::size_t at, std::size_t end) {
    while (at < end) {
      std::size_t const length = repetition(all, at);
      if (length < least) {
        symbol(static_cast<unsigned char>(all[at++]));
        continue;
      }
      put_repetition(static_cast<std::uint32_t>(length), static_cast<std::uint32_t>(at - from_));
      at += length;
    }
    return at;
  }
  void finish() {
    symbol(256);
    out_.to_byte();
  }

 private:
  static constexpr unsigned hash_bits = 14;

  // How long it is, and where it was before: from_. The place is remembered.
  std::size_t repetition(std::string_view all, std::size_t at) {
    if (all.size() - at < least) return 0;
    std::uint32_t word = 0;
    std::memcpy(&word, all.data() + at, sizeof word);
    std::uint32_t& last = last_[(word * 2'654'435'761u) >> (32 - hash_bits)];
    std::size_t const before = std::exchange(last, static_cast<std::uint32_t>(at + 1));  // 0: none yet
    if (before == 0 || at + 1 - before > window) return 0;
    from_ = before - 1;
    std::size_t length = 0;
    for (std::size_t const room = std::min(most, all.size() - at); length < room && all[from_ + length] == all[at + length];) ++length;
    return length;
  }
  void symbol(std::uint32_t value) { out_.put(fixed_codes[value].bits, fixed_codes[value].count); }
  // Codes of lengths from 3, and of distances from 1: some for one each, then so many for two, for four, and so on.
  void put_repetition(std::uint32_t length, std::uint32_t distance) {
    if (length == most) {
      symbol(285);
    } else {
      std::uint32_t const n = length - 3;
      unsigned const extra = n < 8 ? 0 : static_cast<unsigned>(std::bit_width(n)) - 3;
      symbol(257 + 4 * extra + (n >> extra));
      out_.put(n & ((1u << extra) - 1), extra);
    }
    std::uint32_t const n = distance - 1;
    unsigned const extra = n < 4 ? 0 : static_cast<unsigned>(std::bit_width(n)) - 2;
    std::uint32_t const code = 2 * extra + (n >> extra);  // five bits, turned round as well
    out_.put((code & 1) << 4 | (code & 2) << 2 | (code & 4) | (code & 8) >> 2 | code >> 4, 5);
    out_.put(n & ((1u << extra) - 1), extra);
  }

  bit_writer out_;
  std::vector<std::uint32_t> last_;
  std::size_t from_ = 0;
};

// Calls `between` after each piece, which takes less than a millisecond.
template <typename Between>
std::string gzip(std::string_view plain, Between&& between) {
  constexpr std::size_t piece_bytes = 16u << 10;
  std::string packed{"\x1f\x8b\x08\0\0\0\0\0\0\xff", 10};  // no name, no time, no system
  packed.reserve(plain.size() / 3);
  std::uint32_t crc = 0;
  fixed_deflate deflate{packed};
  std::size_t written = 0;
  for (std::size_t at = 0; at < plain.size();) {
    std::size_t const end = std::min(plain.size(), at + piece_bytes);
    crc = crc32_of(plain.substr(at, end - at), crc);
    written = deflate.write(plain, written, end);
    at = end;
    if (at < plain.size()) between();
  }
  deflate.finish();
  for (std::uint32_t const number : {crc, static_cast<std::uint32_t>(plain.size())})
    for (int shift = 0; shift < 32; shift += 8) packed += static_cast<char>(number >> shift);
  return packed;
}

}  // namespace nanospan::inline v0::detail

#if NANOSPAN_TLS
// ---- nanospan/detail/tls_stream.hpp --------------------------------------------------------------------------------------------

// A connection that speaks TLS where its URL says https, by OpenSSL on the same socket, so that the same deadline bounds its every step. TLS 1.2 or later; the
// other side's certificate must be of an authority that we trust, and of the host that the URL names. Background thread, but for configure().

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

namespace nanospan::inline v0::detail {

class tls_stream : public socket_stream {
 public:
  tls_stream() = default;
  ~tls_stream() { close(); }

  // Reads the files: a thread that drains rings could not wait for a disk. Throws configuration_error.
  void configure(otlp_http_options const& with) {
    auto const fail = [](char const* option, std::string const& file) { throw configuration_error{joined({option, " \"", file, "\" cannot be used: ", last_error()})}; };
    own_errors const ours;
    context_.reset(::SSL_CTX_new(::TLS_client_method()));
    static int const kind = BIO_TYPE_SOURCE_SINK | ::BIO_get_new_index();  // once: a process has 127
    method_.reset(::BIO_meth_new(kind, "nanospan"));
    if (context_ == nullptr || method_ == nullptr) throw configuration_error{joined({"https is not to be had: ", last_error()})};
    SSL_CTX* const context = context_.get();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // A key with a password is refused, and nobody asked for it at the program's terminal.
    ::SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return -1; });
    constexpr unsigned char only_http[] = "\x08http/1.1";
    ::SSL_CTX_set_alpn_protos(context, only_http, sizeof only_http - 1);
    if (with.certificate_file.empty()) ::SSL_CTX_set_default_verify_paths(context);
    else if (::SSL_CTX_load_verify_locations(context, with.certificate_file.c_str(), nullptr) != 1) fail("certificate_file", with.certificate_file);
    if (with.client_certificate_file.empty() != with.client_key_file.empty())
      throw configuration_error{"client_certificate_file and client_key_file are of use together only"};
    if (!with.client_certificate_file.empty()) {
      if (::SSL_CTX_use_certificate_chain_file(context, with.client_certificate_file.c_str()) != 1) fail("client_certificate_file", with.client_certificate_file);
      if (::SSL_CTX_use_PrivateKey_file(context, with.client_key_file.c_str(), SSL_FILETYPE_PEM) != 1) fail("client_key_file", with.client_key_file);
    }
    ::BIO_meth_set_write(method_.get(), [](BIO* bio, char const* bytes, int count) { return moved(bio, ::send(socket_of(bio), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL), true); });
    ::BIO_meth_set_read(method_.get(), [](BIO* bio, char* bytes, int count) { return moved(bio, ::recv(socket_of(bio), bytes, static_cast<std::size_t>(count), 0), false); });
    ::BIO_meth_set_ctrl(method_.get(), [](BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1L : 0L; });
  }

  void close() noexcept {
    if (session_ != nullptr && settled_ && process_ == ::getpid()) {  // in a forked child it is the parent's, who goes on
      own_errors const ours;
      ::SSL_shutdown(session_.get());  // a word of farewell, if the socket takes it at once
    }
    settled_ = false;
    session_.reset();
    socket_stream::close();
  }
  bool quiet() noexcept {
    if (session_ == nullptr || socket_stream::quiet()) return socket_stream::quiet();
    char byte = 0;  // a session's ticket is nothing said
    own_errors const ours;
    return ::SSL_get_error(session_.get(), ::SSL_peek(session_.get(), &byte, 1)) == SSL_ERROR_WANT_READ;
  }

  std::string connect(url const& to) {
    std::string why = socket_stream::connect(to);
    if (!why.empty() || to.scheme != "https") return why;
    why = shake_hands(to.host);
    if (!why.empty()) close();
    return why;
  }
  std::size_t read_some(char* bytes, std::size_t room, bool waits, error_code& error) {
    if (session_ == nullptr) return socket_stream::read_some(bytes, room, waits, error);
    return transfer(waits ? transferring::in : transferring::in_now, error, [&](std::size_t& moved) { return ::SSL_read_ex(session_.get(), bytes, room, &moved); });
  }
  std::size_t write_some(std::string_view first, std::string_view second, error_code& error) {
    if (session_ == nullptr) return socket_stream::write_some(first, second, error);
    std::string_view const next = first.empty() ? second : first;
    return transfer(transferring::out, error, [&](std::size_t& moved) { return ::SSL_write_ex(session_.get(), next.data(), next.size(), &moved); });
  }
  // What TLS had against the last step that failed; empty where it had nothing.
  std::string const& trouble() const noexcept { return trouble_; }

 private:
  // What OpenSSL notes for the thread, which may be the program's own: none of what was before is taken for ours, and none of ours is left to be taken for its.
  struct own_errors {
    own_errors() noexcept { ERR_clear_error(); }
    own_errors(own_errors const&) = delete;
    own_errors& operator=(own_errors const&) = delete;
    ~own_errors() { ERR_clear_error(); }
  };
  struct deleter {
    void operator()(SSL_CTX* context) const noexcept { ::SSL_CTX_free(context); }
    void operator()(SSL* session) const noexcept { ::SSL_free(session); }
    void operator()(BIO_METHOD* method) const noexcept { ::BIO_meth_free(method); }
  };

  // A BIO that raises no SIGPIPE, as OpenSSL's own does.
  static int socket_of(BIO* bio) noexcept { return static_cast<tls_stream*>(::BIO_get_data(bio))->number(); }
  static int moved(BIO* bio, ssize_t count, bool writing) noexcept {
    BIO_clear_retry_flags(bio);
    if (count < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (writing) BIO_set_retry_write(bio);
      else BIO_set_retry_read(bio);
    }
    return static_cast<int>(count);
  }

  std::string shake_hands(std::string const& host) {
    own_errors const ours;
    session_.reset(::SSL_new(context_.get()));
    BIO* const bio = session_ == nullptr ? nullptr : ::BIO_new(method_.get());
    if (bio == nullptr) return last_error();
    ::BIO_set_data(bio, this);
    ::BIO_set_init(bio, 1);
    ::SSL_set_bio(session_.get(), bio, bio);
    in6_addr number;
    bool const is_address = ::inet_pton(AF_INET, host.c_str(), &number) == 1 || ::inet_pton(AF_INET6, host.c_str(), &number) == 1;
    bool named = false;
    if (is_address) {
      named = ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(session_.get()), host.c_str()) == 1;
    } else {
      ::SSL_set_hostflags(session_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      // SSL_set_tlsext_host_name, without its cast.
      named = ::SSL_set1_host(session_.get(), host.c_str()) == 1 &&
              ::SSL_ctrl(session_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str())) == 1;
    }
    if (!named) return last_error();
    error_code error;
    process_ = ::getpid();
    transfer(transferring::in, error, [&](std::size_t& moved) {
      moved = 1;
      return ::SSL_connect(session_.get());
    });
    settled_ = !error;
    if (!error) return {};
    if (!trouble_.empty()) return trouble_;
    if (error == boost::asio::error::eof) return "the connection was closed in TLS's handshake: a port that does not speak TLS? Then use http";
    if (error == boost::asio::error::timed_out) return "no answer to TLS's handshake: a port that does not speak TLS? Then use http";
    return error.message();
  }

  enum class transferring { in, in_now, out };
  // `step(moved)` until it is done. Zero without an error where there is nothing to be had now, or it is a write and something may be there to read first.
  template <typename Step>
  std::size_t transfer(transferring how, error_code& error, Step&& step) {
    trouble_.clear();
    own_errors const ours;
    for (error = {};;) {
      std::size_t moved = 0;
      ERR_clear_error();
      errno = 0;
      int const done = step(moved);
      if (done == 1) return moved;
      int const cause = errno;
      int const why = ::SSL_get_error(session_.get(), done);
      if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        bool const writing = why == SSL_ERROR_WANT_WRITE;
        if (writing ? how == transferring::out && readable() : how == transferring::in_now) return 0;
        if (wait_for(writing, error)) continue;
        return 0;
      }
      settled_ = false;  // nothing more may be said
      if (why == SSL_ERROR_SSL && !is_end()) {
        trouble_ = joined({explained(), advice()});
        error = boost::asio::error::connection_aborted;
      } else if (why == SSL_ERROR_SYSCALL && cause != 0) {
        error = {cause, boost::system::system_category()};
      } else {
        error = boost::asio::error::eof;
      }
      return 0;
    }
  }

  // Closed without TLS's farewell, as many do: OpenSSL 3 calls it an error. HTTP knows by itself where an answer ends.
  static bool is_end() noexcept {
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
    return ERR_GET_REASON(::ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
#else
    return false;
#endif
  }
  static std::string last_error() {
    unsigned long const error = ::ERR_peek_error();
    char const* const reason = ::ERR_reason_error_string(error);
    if (reason != nullptr) return reason;
#ifdef ERR_SYSTEM_ERROR
    if (ERR_SYSTEM_ERROR(error)) return boost::system::system_category().message(ERR_GET_REASON(error));
#endif
    return joined({"OpenSSL's error ", std::to_string(error)});
  }
  // Of the certificate, if it was that.
  std::string explained() const {
    long const verdict = ::SSL_get_verify_result(session_.get());
    if (verdict == X509_V_OK) return joined({"TLS: ", last_error()});
    return joined({"TLS: the collector's certificate is refused: ", ::X509_verify_cert_error_string(verdict)});
  }
  char const* advice() const noexcept {
    switch (::SSL_get_verify_result(session_.get())) {
      case X509_V_OK: break;
      case X509_V_ERR_HOSTNAME_MISMATCH:
      case X509_V_ERR_IP_ADDRESS_MISMATCH: return ". It is for another host than the address names";
      case X509_V_ERR_CERT_HAS_EXPIRED:
      case X509_V_ERR_CERT_NOT_YET_VALID: return ". Or is this machine's clock wrong?";
      default: return ". options.certificate_file or OTEL_EXPORTER_OTLP_CERTIFICATE names the authority to trust";
    }
    switch (ERR_GET_REASON(::ERR_peek_error())) {
      case SSL_R_WRONG_VERSION_NUMBER:
      case SSL_R_HTTP_REQUEST: return ". The port does not speak TLS: use http";
      case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: return ". A gRPC port? OTLP over HTTP usually has port 4318";
      case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
      case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      case SSL_R_TLSV1_ALERT_UNKNOWN_CA: return ". Does it want a certificate of ours? options.client_certificate_file and client_key_file, or OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY, name it";
      default: return "";
    }
  }

  std::unique_ptr<SSL_CTX, deleter> context_;
  std::unique_ptr<BIO_METHOD, deleter> method_;
  std::unique_ptr<SSL, deleter> session_;  // none: plain
  std::string trouble_;
  bool settled_ = false;  // hands are shaken, and nothing has failed
  pid_t process_ = 0;     // that shook them
};

}  // namespace nanospan::inline v0::detail

#endif

// ---- nanospan/exporters/otlp_http.hpp ------------------------------------------------------------------------------------------

// OTLP over HTTP/1.1: one POST a batch on one kept-alive connection. One attempt a call; whether and when there is another is the sender's business. A request is
// a header before a batch, which is written from where it lies; the answer goes through Beast's parser.

#if NANOSPAN_TLS
#endif

namespace nanospan::inline v0 {
namespace detail {

#if NANOSPAN_TLS
using connection = tls_stream;
#else
using connection = socket_stream;
#endif

inline bool is_timeout(boost::system::error_code const& error) noexcept {
  return error == boost::asio::error::timed_out || error == boost::asio::error::operation_aborted;
}

// Of two with one name the later stands.
inline void set_header(pair_list& all, std::string_view name, std::string_view value) {
  auto const before = std::find_if(all.begin(), all.end(), [&](auto const& one) { return is_same_name(one.first, name); });
  if (before == all.end()) all.emplace_back(std::string{name}, std::string{value});
  else before->second = value;
}
// Names that say how a request is framed are ours.
inline std::string request_head(url const& to, pair_list const& headers) {
  pair_list all;
  set_header(all, "Host", to.authority());
  set_header(all, "User-Agent", "nanospan/" NANOSPAN_VERSION);
  set_header(all, "Content-Type", "application/x-protobuf");
  for (auto const& [name, value] : headers) {
    bool ours = false;
    for (char const* framing : {"Content-Length", "Content-Encoding", "Transfer-Encoding", "Connection", "Expect"}) ours |= is_same_name(name, framing);
    if (!ours) set_header(all, name, value);
  }
  std::string text = joined({"POST ", to.target, " HTTP/1.1\r\n"});
  for (auto const& [name, value] : all) text += joined({name, ": ", value, "\r\n"});
  return text;
}

}  // namespace detail

struct otlp_http_exporter::state {
  otlp_http_options options;
  detail::url url;
  std::string head;  // of each request, but for what is said of its body
  detail::connection stream;
  bool surplus = false;  // the connection brought more than the last answer

  void disconnect() noexcept {
    stream.close();
    surplus = false;
  }
  // What `judge` says of the answer, or what became of the attempt.
  export_result post(std::string_view body, bool packed, export_result (*judge)(detail::http_answer const&));
  export_result post_in_time(std::string_view body, export_wait& wait, export_result (*judge)(detail::http_answer const&));
  void exchange(std::string_view header, std::string_view body, detail::http_answer_reader& answer, bool& sent, boost::system::error_code& error);
  std::string why_broken(detail::http_answer_reader const& answer, bool sent, boost::system::error_code error) const;
};

otlp_http_exporter::otlp_http_exporter(otlp_http_options with) : state_{shared<state>::make<state>()} {
  auto parsed = detail::url::parse(with.url);
  std::string const shown = detail::joined({"endpoint \"", detail::url::without_credentials(with.url), "\" (from ", with.url_source, ")"});
  if (!parsed) throw configuration_error{shown + " is not a URL like http://localhost:4318 or unix:///run/otel.sock"};
  if (parsed->target.empty()) parsed->target = "/";
  for (auto const& [name, value] : with.headers)
    if (!detail::environment::is_header(name, value)) throw configuration_error{detail::joined({"headers: \"", name, "\" or its value cannot stand in an HTTP header"})};
  if (parsed->scheme == "https") {
#if NANOSPAN_TLS
    state_->stream.configure(with);
#else
    throw configuration_error{detail::joined({shown, ": ", detail::url::without_tls})};
#endif
  }
  state_->head = detail::request_head(*parsed, with.headers);
  state_->options = std::move(with);
  state_->url = std::move(*parsed);
}
otlp_http_exporter::~otlp_http_exporter() = default;

std::uint64_t otlp_http_exporter::shutdown(export_wait&) {
  state_->disconnect();
  return 0;
}

std::string otlp_http_exporter::description() const {
  return detail::joined({"OTLP/HTTP at ", state_->options.url, " (", state_->options.url_source, ")"});
}

shared<exporter> otlp_http_exporter::for_child() const { return shared<exporter>::make<otlp_http_exporter>(state_->options); }

export_result otlp_http_exporter::export_batch(batch const& spans, export_wait& wait) { return state_->post_in_time(spans.otlp, wait, detail::judge); }

export_result otlp_http_exporter::probe(export_wait& wait) { return state_->post_in_time({}, wait, detail::judge_probe); }

export_result otlp_http_exporter::state::post_in_time(std::string_view body, export_wait& wait, export_result (*judge)(detail::http_answer const&)) {
  std::int64_t const timeout = options.timeout.nanoseconds();
  stream.bind(wait, timeout == 0 ? ~std::uint64_t{0} : detail::monotonic_nanoseconds() + static_cast<std::uint64_t>(timeout));
  try {
    if (options.compression != compression::gzip || body.empty()) return post(body, false, judge);
    return post(detail::gzip(body, [&] { wait.wait(-1, false, 0); }), true, judge);
  } catch (...) {
    disconnect();  // it may have stopped in the middle of an answer
    throw;
  }
}

export_result otlp_http_exporter::state::post(std::string_view body, bool packed, export_result (*judge)(detail::http_answer const&)) {
  using outcome = export_result::outcome;
  std::string const header = detail::joined({head, packed ? "Content-Encoding: gzip\r\n" : "", "Content-Length: ", std::to_string(body.size()), "\r\n\r\n"});
  for (bool maybe_there = false;;) {
    // A collector that said or closed something since its last answer is done with the connection.
    if (surplus || !stream.quiet()) disconnect();
    bool const reused = stream.open();
    if (!reused) {
      if (std::string why = stream.connect(url); !why.empty())
        return {maybe_there ? outcome::unconfirmed : outcome::unreachable, 0, {}, std::move(why)};
    }
    detail::http_answer_reader answer;
    boost::system::error_code error;
    bool sent = false;
    exchange(header, body, answer, sent, error);
    if (!error) {
      surplus = answer.surplus();
      if (!sent || !answer.answer().keep_alive) disconnect();
      export_result said = judge(answer.answer());
      if (maybe_there && said.what == outcome::retry) said.what = outcome::unconfirmed;  // the first time it may have been taken
      return said;
    }
    maybe_there |= sent;
    std::string why = why_broken(answer, sent, error);
    disconnect();
    // The connection was closed while it was idle: nobody has seen this request, and a new one is opened at once.
    if (reused && !answer.begun() && !detail::is_timeout(error)) continue;
    bool const too_large = error == boost::beast::http::error::body_limit || error == boost::beast::http::error::header_limit;
    return {too_large ? outcome::failure : maybe_there ? outcome::unconfirmed : outcome::retry, 0, {}, std::move(why)};
  }
}

// A collector that does not want the rest answers before it has read all: what it says is heard meanwhile, and ends the writing.
void otlp_http_exporter::state::exchange(std::string_view header, std::string_view body, detail::http_answer_reader& answer, bool& sent, boost::system::error_code& error) {
  char bytes[16384];
  // Its error becomes the answer's end. While there is more to write nobody waits: what there was to read may have been TLS's own.
  auto const read = [&](bool waits) {
    std::size_t const count = stream.read_some(bytes, sizeof bytes, waits, error);
    if (error == boost::asio::error::eof) {
      error = {};
      answer.end();
    } else if (!error) {
      answer.add({bytes, count});
    }
  };
  boost::system::error_code write_error;
  while (!write_error && !answer.final_begun() && !error && !(header.empty() && body.empty())) {
    std::size_t const moved = stream.write_some(header, body, write_error);
    if (moved == 0 && !write_error) read(false);
    body.remove_prefix(moved > header.size() ? moved - header.size() : 0);
    header.remove_prefix(std::min(moved, header.size()));
  }
  sent = header.empty() && body.empty();
  if (detail::is_timeout(write_error)) error = write_error;
  while (!error && !answer.finished()) read(true);
  if (!error) error = answer.error();
  // Where nothing came, why the request could not be written says more.
  if (error && write_error && !answer.begun()) error = write_error;
}

std::string otlp_http_exporter::state::why_broken(detail::http_answer_reader const& answer, bool sent, boost::system::error_code error) const {
  namespace http = boost::beast::http;
#if NANOSPAN_TLS
  if (!stream.trouble().empty()) return stream.trouble();
#endif
  if (error == http::error::body_limit || error == http::error::header_limit) return "the answer is too large";
  if (detail::is_timeout(error)) return sent ? "no answer in time" : "the request could not be sent in time";
  bool const cut_short = error == http::error::end_of_stream || error == http::error::partial_message;
  if (answer.error() && answer.begun() && !cut_short) return detail::why_unreadable(answer.first_bytes());
  // Cut short, and yet it shows what it was.
  if (answer.begun() && !std::string_view{"HTTP/1."}.starts_with(answer.first_bytes().substr(0, 7))) return detail::why_unreadable(answer.first_bytes());
  // Some close as soon as they see what they do not understand.
  std::string_view const hint = answer.begun() ? "" : url.port == 4317 ? ". A gRPC port? OTLP over HTTP usually has port 4318" : ". Does that port speak HTTP, and not TLS?";
  return detail::joined({cut_short ? std::string{answer.begun() ? "the answer breaks off" : "the connection was closed without an answer"} : error.message(), hint});
}

}  // namespace nanospan::inline v0

// ---- nanospan/collector.hpp ----------------------------------------------------------------------------------------------------

// Takes records out of all rings, encodes them, cuts batches. One pass reads each ring's index once, takes a clock anchor, and consumes
// up to what it saw, so it never spins on a producer's cache line. One thread at a time; never waits for anything.

#include <algorithm>

namespace nanospan::inline v0::detail {

struct collector_limits {
  std::size_t batch_spans;
  std::size_t batch_bytes;
  std::uint64_t batch_age;  // nanoseconds, of the first span since it was drained
  span_limits spans = otlp_encoder::default_limits();
};

class collector {
 public:
  collector(collector_limits limits, std::string resource, std::string_view schema_url = {}, clock_source clock = {}, messages report = {default_message_handler}, span_hook hook = {})
      : limits_{limits}, clock_{clock}, encoder_{std::move(resource), schema_url, limits.spans}, report_{report}, hook_{std::move(hook)} {}

  // One pass. `emit(charged_batch&&)` is called for each batch that is full; `shed()` where there is no memory, to let go of the oldest batch: false where there is
  // none. Throws std::bad_alloc before it has read anything; spans for which there is no memory later are dropped and counted.
  template <typename Emit, typename Shed>
  void drain(Emit&& emit, Shed&& shed) {
    seen_.clear();
    fullest_ = 0;
    bool spare = false;  // a slot for the next new thread; without a ring where there is no memory for one
    for_each_slot([&](thread_slot& slot) {
      // Acquire: pairs with the release of the owner that left it or of attach: its ring may be looked at, its records are all there.
      slot_state const state = slot.state.load(std::memory_order_acquire);
      if (state == slot_state::ready || state == slot_state::empty) {
        spare = true;
        return;
      }
      seen_.push_back({&slot, false, 0});  // before the slot is taken: there may be no memory
      // Acquire: as above. A new thread may be faster; what it goes on in is read as any thread's. One that is draining was left by a pass
      // without memory.
      slot_state expected = slot_state::orphaned;
      bool const left = state == slot_state::draining ||
                        (state == expected && slot.state.compare_exchange_strong(expected, slot_state::draining, std::memory_order_acquire, std::memory_order_relaxed));
      spare |= left;
      seen_.back() = {&slot, left, slot.ring.published()};
    });
    clock_.take_anchor();
    for (seen const& one : seen_) {
      std::uint64_t const waiting = one.until - one.slot->ring.consumed();
      if (waiting != 0) {
        fullest_ = std::max(fullest_, static_cast<double>(waiting) / static_cast<double>(one.slot->ring.capacity()));
        one.slot->ring.consume(one.until, [&](std::byte const* record) { take(record, emit, shed); });
      }
      // Release: pairs with the acquire of the thread that reuses the slot.
      if (one.left) one.slot->state.store(slot_state::ready, std::memory_order_release);
    }
    if (!spare) prepare_slot();
    if (encoder_.span_count() != 0 && monotonic_nanoseconds() - first_span_ >= limits_.batch_age) cut(emit, shed);
  }
  template <typename Emit>
  void drain(Emit&& emit) {
    drain(emit, [] { return false; });
  }

  // Whatever is there becomes a batch.
  template <typename Emit, typename Shed>
  NANOSPAN_DETAIL_OUT_OF_LINE void cut(Emit&& emit, Shed&& shed) {
    while (std::size_t const spans = encoder_.span_count()) {
      try {
        return emit(encoder_.cut());
      } catch (std::bad_alloc const&) {
        if (encoder_.span_count() != 0 && (encoder_.trim_to_cut() || shed())) continue;
        background.dropped_no_memory.add(spans);
        encoder_.clear();
      }
    }
  }
  template <typename Emit>
  void cut(Emit&& emit) {
    cut(emit, [] { return false; });
  }

  // Baggage of those keys becomes attributes of spans.
  void copy_baggage(std::vector<std::string> keys) { encoder_.copy_baggage(std::move(keys)); }
  // What is remembered by the addresses of literals; see nanospan::drain().
  void forget_literals() noexcept { encoder_.forget_literals(); }

  // How full the fullest ring was in the last pass, from 0 to 1.
  double fullest() const noexcept { return fullest_; }
  bool counter_trusted() const noexcept { return clock_.counter_trusted(); }
  // When the batch that is being filled is due (monotonic nanoseconds); the end of time where it is empty.
  std::uint64_t due() const noexcept { return encoder_.span_count() == 0 ? ~std::uint64_t{0} : first_span_ + limits_.batch_age; }

  // A slot with a ring for the next new thread, touched here, so that its first span costs microseconds less.
  static void ensure_spare_slot() noexcept {
    bool spare = false;
    for_each_slot([&](thread_slot const& slot) {
      slot_state const state = slot.state.load(std::memory_order_relaxed);  // Relaxed: only whether it is there.
      spare |= state == slot_state::ready || state == slot_state::empty;
    });
    if (!spare) prepare_slot();
  }

 private:
  static void prepare_slot() noexcept {
    thread_slot* const slot = add_slot();
    if (slot == nullptr) return;
    slot_state const made = attach_ring(*slot) ? slot_state::ready : slot_state::empty;
    slot->state.store(made, std::memory_order_release);  // Release: pairs with the acquire in reuse_slot().
  }

  struct seen {
    thread_slot* slot;
    bool left;  // by its thread; ours until it is ready
    std::uint64_t until;
  };

  template <typename Emit, typename Shed>
  void take(std::byte const* record, Emit& emit, Shed& shed) {
    if (began_before_fork(record)) [[unlikely]] {
      background.discarded_inherited.add(1);
      entry_buffer::free_block(otlp_encoder::heap_of(record));
      return;
    }
    if (encoder_.span_count() == 0) first_span_ = monotonic_nanoseconds();
    try {
      bool recorded_only = false;
      bool const encoded = encoder_.add(record, clock_, [&](ended_span& span) noexcept {
        // A large one begins a batch where it would make too much of this one.
        if (encoder_.entry_bytes() > most_usual_bytes && encoder_.bytes() + encoder_.entry_bytes() > limits_.batch_bytes) [[unlikely]]
          cut(emit, shed);
        if (hook_) show(span);
        recorded_only = !span.sampled() && !span.dropped();
        if (recorded_only) span.drop();
      }, [&] { return make_room(emit, shed); });
      if (!encoded) [[unlikely]]
        (recorded_only ? background.discarded_record_only : background.discarded_hook).add(1);
      if (site const* const lost = encoder_.lost_context()) [[unlikely]]
        tell_lost_context(*lost);
    } catch (std::bad_alloc const&) {
      background.dropped_no_memory.add(1);
    }
    if (heap_payload const heap = otlp_encoder::heap_of(record); heap.block != nullptr) [[unlikely]]
      entry_buffer::free_block(heap);
    if (encoder_.span_count() >= limits_.batch_spans || encoder_.bytes() >= limits_.batch_bytes) cut(emit, shed);
  }
  // What is idle goes first, then what is oldest, then the batch that is being made leaves for the queue.
  template <typename Emit, typename Shed>
  NANOSPAN_DETAIL_COLD bool make_room(Emit& emit, Shed& shed) {
    if (encoder_.trim() || shed()) return true;
    if (encoder_.span_count() == 0) return false;
    cut(emit, shed);
    return true;
  }
  // In a forked child: it is the parent's, which sends it. Relaxed: written while the child had one thread.
  static bool began_before_fork(std::byte const* record) noexcept {
    std::uint32_t const forks = registry.forks.load(std::memory_order_relaxed);
    if (forks == 0) return false;
    record_header header;
    std::memcpy(&header, record, sizeof header);
    if ((header.meta.flags & unix_start) != 0) return header.meta.flags >> forks_shift != forks_flags(forks) >> forks_shift;
    auto const& forked_at = (header.meta.flags & monotonic_ticks) != 0 ? registry.forked_at_nanoseconds : registry.forked_at_ticks;
    return header.start_ticks < forked_at.load(std::memory_order_relaxed);
  }
  void show(ended_span& span) noexcept {
    try {
      silence const while_it_looks;
      hook_(span);
    } catch (std::exception const& error) {
      tell_failed_hook(error.what());
    } catch (...) {
      tell_failed_hook("no std::exception");
    }
  }
  // Once; the rest is counted.
  void tell_failed_hook(char const* why) noexcept {
    background.hook_failed.add(1);
    if (std::exchange(told_failed_hook_, true)) return;
    try {
      report_.warn(joined({"options.on_end threw, and its span is exported as it stands: ", why}));
    } catch (...) {  // no memory, no message
    }
  }
  // A thread or a callback that its context did not reach, most often.
  NANOSPAN_DETAIL_COLD void tell_lost_context(site const& from) const noexcept try {
    report_.warn(joined({"\"", {from.name, from.name_size}, "\" (", from.file, ":", std::to_string(from.line),
                         ") began a trace, and had parents before: was its context lost on the way? Open a nanospan::context_scope where its work goes on, or start it with ",
                         "{.parent = nanospan::no_parent}"}));
  } catch (...) {  // no memory, no message: the span is in its batch
  }

  static constexpr std::size_t most_usual_bytes = 4'096;  // of a span's entries

  collector_limits limits_;
  clock_converter clock_;
  otlp_encoder encoder_;
  messages report_;
  span_hook hook_;
  bool told_failed_hook_ = false;
  std::vector<seen> seen_;
  double fullest_ = 0;
  std::uint64_t first_span_ = 0;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/spool_file.hpp --------------------------------------------------------------------------------------------

// A batch as a file of the spool: 32 bytes of header, all numbers little endian, then its OTLP. What was cut short, changed or written by somebody
// else is told by length and CRC-32. Background half.
//   "nanospan" | version: 4 | CRC-32 of all that follows: 4 | spans: 8 | bytes of OTLP: 8

namespace nanospan::inline v0::detail {

struct spool_file {
  static constexpr std::string_view magic = "nanospan";
  static constexpr std::uint32_t version = 1;
  static constexpr std::size_t header_bytes = 32;
  // No batch is larger (options.max_batch_bytes, and a span): what says so is broken, and nobody makes room for it.
  static constexpr std::uint64_t most_bytes = std::uint64_t{1} << 32;

  static std::array<char, header_bytes> header_of(batch const& spans) noexcept {
    std::array<char, header_bytes> header{};
    magic.copy(header.data(), magic.size());
    put(&header[8], version, 4);
    put(&header[16], spans.span_count, 8);
    put(&header[24], spans.otlp.size(), 8);
    put(&header[12], crc32_of(spans.otlp, crc32_of({&header[16], 16})), 4);
    return header;
  }
  // Moves the OTLP out of a file's bytes. False, `into` as it was, for what is broken. Throws std::bad_alloc.
  static bool read(std::string&& file, batch& into) {
    std::string_view const text = file;
    if (text.size() < header_bytes || text.substr(0, magic.size()) != magic || get(text, 8, 4) != version) return false;
    if (get(text, 24, 8) != text.size() - header_bytes || get(text, 12, 4) != crc32_of(text.substr(16))) return false;
    into.span_count = static_cast<std::size_t>(get(text, 16, 8));
    file.erase(0, header_bytes);
    into.otlp = std::move(file);
    return true;
  }

 private:
  static void put(char* to, std::uint64_t value, int bytes) noexcept {
    for (; bytes-- != 0; value >>= 8) *to++ = static_cast<char>(value & 0xff);
  }
  static std::uint64_t get(std::string_view text, std::size_t at, std::size_t bytes) noexcept {
    std::uint64_t value = 0;
    while (bytes-- != 0) value = value << 8 | static_cast<unsigned char>(text[at + bytes]);
    return value;
  }
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/spool_names.hpp -------------------------------------------------------------------------------------------

// Which directories of spools this process owns, and which it has left on disk: closing a file lets go of all of a process' locks on it, so that none may open an
// `owner` twice. Any thread.

#include <algorithm>
#include <memory>
#include <mutex>

namespace nanospan::inline v0::detail {

class spool_names {
 public:
  enum class kind { unknown, living, left };

  static kind of(std::string const& name) {
    spool_names& all = here();
    std::lock_guard const lock{all.mutex_};
    auto const found = all.find(name);
    return found == all.names_.end() ? kind::unknown : found->second;
  }
  static void set(std::string const& name, kind what) {
    spool_names& all = here();
    std::lock_guard const lock{all.mutex_};
    auto const found = all.find(name);
    if (found == all.names_.end()) all.names_.emplace_back(name, what);
    else if (what == kind::unknown) all.names_.erase(found);
    else found->second = what;
  }

 private:
  using entries = std::vector<std::pair<std::string, kind>>;
  entries::iterator find(std::string const& name) {
    return std::find_if(names_.begin(), names_.end(), [&](auto const& one) { return one.first == name; });
  }
  // Never destroyed. A forked child owns nothing, and another thread may have held the parent's mutex.
  static spool_names& here() {
    static std::atomic<spool_names*> current{nullptr};
    spool_names* seen = current.load(std::memory_order_acquire);  // Acquire: pairs with the release below.
    while (seen == nullptr || seen->process_ != ::getpid()) {
      auto made = std::make_unique<spool_names>();
      if (current.compare_exchange_strong(seen, made.get(), std::memory_order_acq_rel)) return *made.release();
    }
    return *seen;
  }

  pid_t process_ = ::getpid();
  std::mutex mutex_;  // the one below
  entries names_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/spool_directory.hpp ---------------------------------------------------------------------------------------

// One owner's directory in a spool: <spool>/<pid>-<16 hex digits, random>/, with a file `owner` on which the owner holds a lock of fcntl()'s kind: a forked child has no
// part in it, and the kernel lets go of it however the owner ends. Whoever gets that lock later owns what is there. Each call may block as long as the disk likes.

#include <cstdio>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace nanospan::inline v0::detail {

class spool_directory {
 public:
  struct file {
    std::uint64_t number;
    bool in_flight;  // was being sent when it was last heard of
  };

  spool_directory(spool_directory const&) = delete;
  spool_directory& operator=(spool_directory const&) = delete;
  // Removed where nothing is left in it; else it is left to whoever comes.
  ~spool_directory() {
    if (!owner_.open() || process_ != ::getpid()) return;
    bool const nothing = files_ == 0;
    try {
      if (nothing && ::unlink(owner_path().c_str()) == 0) ::rmdir(path_.c_str());
      owner_ = descriptor{};  // before the next line: who takes it then has a lock of his own
      spool_names::set(name_, nothing ? spool_names::kind::unknown : spool_names::kind::left);
    } catch (...) {}  // NOLINT(bugprone-empty-catch): then nobody here takes it
  }

  // A new one. Null, and why, where there cannot be one.
  static shared<spool_directory> make(std::string const& root, std::string& error) {
    if (!make_path(root)) return failed("mkdir", root, error);
    random_ids random;
    random.seed();
    // Whoever looks around at this moment may take an empty one for a dead one's.
    for (int tries = 0; tries < 100; ++tries) {
      char name[64];
      std::snprintf(name, sizeof name, "%ld-%016llx", static_cast<long>(::getpid()), static_cast<unsigned long long>(std::bit_cast<std::uint64_t>(random.next_span_id())));
      auto made = shared<spool_directory>::make<spool_directory>(root, name);
      if (::mkdir(made->path_.c_str(), 0700) != 0) return failed("mkdir", made->path_, error);
      int const owner = ::open(made->owner_path().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
      if (owner < 0 && errno != ENOENT) {
        failed("open", made->owner_path(), error);
        ::rmdir(made->path_.c_str());
        return nullptr;
      }
      if (owner < 0) continue;
      if (made->own(owner)) {
        spool_names::set(made->name_, spool_names::kind::living);
        return made;
      }
      // NOLINTNEXTLINE(clang-analyzer-unix.Errno): own() says there why not
      if (errno != 0 && errno != EAGAIN && errno != EACCES) return failed("lock", made->owner_path(), error);
    }
    errno = EAGAIN;
    return failed("mkdir", root, error);
  }
  // One whose owner is gone; null for any other.
  static shared<spool_directory> adopt(std::string const& root, std::string const& name) {
    if (spool_names::of(name) == spool_names::kind::living) return nullptr;
    auto found = shared<spool_directory>::make<spool_directory>(root, name);
    found->files_ = 1;  // until list() has counted: nothing of it is removed before
    struct stat is{};
    if (::lstat(found->path_.c_str(), &is) != 0 || !S_ISDIR(is.st_mode) || is.st_uid != ::geteuid()) return nullptr;
    int const owner = ::open(found->owner_path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (owner < 0 && errno == ENOENT) ::rmdir(found->path_.c_str());  // its maker died, or comes with another one
    if (owner < 0 || !found->own(owner)) return nullptr;
    found->left_here_ = spool_names::of(name) == spool_names::kind::left;
    spool_names::set(name, spool_names::kind::living);
    return found;
  }

  // Those there now, in no order. What nobody finished writing is removed.
  std::vector<file> list(std::size_t& broken) {
    std::vector<file> all;
    std::vector<std::string> unfinished;
    if (DIR* const open = ::opendir(path_.c_str()); open != nullptr) {
      while (dirent const* const entry = ::readdir(open)) {  // NOLINT(concurrency-mt-unsafe): of a stream that nobody else has
        std::string_view const is = entry->d_name;
        if (is.size() < 17 || is[16] != '.' || is.find_first_not_of("0123456789abcdef") != 16) continue;
        std::string_view const ending = is.substr(17);
        if (ending == "tmp") unfinished.emplace_back(is);
        else if (ending == "otlp" || ending == "sending") all.push_back({std::strtoull(entry->d_name, nullptr, 16), ending == "sending"});
      }
      ::closedir(open);
    }
    for (std::string const& one : unfinished) ::unlink(joined({path_, "/", one}).c_str());
    broken += unfinished.size();
    files_ = all.size();
    return all;
  }

  // Written to a file of another name first: under its own it is whole. Returns what went wrong, or nothing.
  std::string put(file as, batch const& spans) {
    std::string const temporary = path_of(as.number, "tmp");
    descriptor const to{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
    auto const header = spool_file::header_of(spans);
    if (to.open() && write_all(to, {header.data(), header.size()}) && write_all(to, spans.otlp) && ::rename(temporary.c_str(), path_of(as).c_str()) == 0) {
      ++files_;
      return {};
    }
    std::string error;
    failed(to.open() ? "write" : "open", temporary, error);
    ::unlink(temporary.c_str());
    return error;
  }
  // True with what is there; false with `error`, or without where it is broken or gone.
  bool get(file which, batch& into, std::string& error) const {
    error.clear();
    std::string const path = path_of(which);
    descriptor const from{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    struct stat is{};
    if (!from.open() || ::fstat(from.get(), &is) != 0) {
      if (errno != ENOENT && errno != ELOOP) failed("open", path, error);
      return false;
    }
    auto const size = static_cast<std::uint64_t>(is.st_size);
    if (!S_ISREG(is.st_mode) || size > spool_file::most_bytes) return false;
    std::string bytes(static_cast<std::size_t>(size), '\0');
    for (std::size_t at = 0; at < bytes.size();) {
      ssize_t const count = ::read(from.get(), &bytes[at], bytes.size() - at);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) failed("read", path, error);
      if (count <= 0) return false;
      at += static_cast<std::size_t>(count);
    }
    return spool_file::read(std::move(bytes), into);
  }
  // Tells whoever comes after us that the collector may have it, or that it has not.
  bool mark(file& which, bool in_flight) const noexcept {
    if (which.in_flight == in_flight) return true;
    try {
      if (::rename(path_of(which).c_str(), path_of({which.number, in_flight}).c_str()) != 0) return false;
    } catch (...) {
      return false;
    }
    which.in_flight = in_flight;
    return true;
  }
  void remove(file which) {
    if (::unlink(path_of(which).c_str()) == 0 || errno == ENOENT) --files_;
  }

  std::size_t files() const noexcept { return files_; }
  // It was this process that left it: an earlier provider.
  bool left_here() const noexcept { return left_here_; }

  // For make() and adopt() only.
  spool_directory(std::string const& root, std::string const& name) : path_{joined({root, "/", name})}, name_{name} {}

 private:
  static shared<spool_directory> failed(char const* what, std::string const& path, std::string& error) {
    error = joined({what, " ", path, ": ", std::system_category().message(errno)});
    return nullptr;
  }
  static bool make_path(std::string const& path) {
    for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
      bool const made = ::mkdir(path.substr(0, at).c_str(), 0700) == 0;
      if (at == std::string::npos) {
        return made || errno == EEXIST;
      }
    }
  }
  static bool write_all(descriptor const& to, std::string_view bytes) noexcept {
    while (!bytes.empty()) {
      ssize_t const count = write_without_signal(to.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  // The lock, on the file that is there: it may have been removed between. errno 0 says so.
  bool own(int owner) {
    descriptor held{owner};
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(owner, F_SETLK, &whole) != 0) return false;
    struct stat opened{};
    struct stat there{};
    errno = 0;
    if (::fstat(owner, &opened) != 0 || opened.st_nlink == 0) return errno = 0, false;
    if (::stat(owner_path().c_str(), &there) != 0 || there.st_ino != opened.st_ino || there.st_dev != opened.st_dev) return errno = 0, false;
    owner_ = std::move(held);
    return true;
  }
  std::string owner_path() const { return path_ + "/owner"; }
  std::string path_of(std::uint64_t number, char const* ending) const {
    char name[32];
    std::snprintf(name, sizeof name, "/%016llx.", static_cast<unsigned long long>(number));
    return joined({path_, name, ending});
  }
  std::string path_of(file which) const { return path_of(which.number, which.in_flight ? "sending" : "otlp"); }

  std::string path_;
  std::string name_;
  descriptor owner_;
  std::size_t files_ = 0;
  bool left_here_ = false;
  pid_t process_ = ::getpid();
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/spool.hpp --------------------------------------------------------------------------------------------------------

// Batches on disk, until the collector has them: this process' own directory in options.spool_directory, made when it is first needed, and those of processes that are
// gone. A file a batch, written whole or not at all; nothing is synced, so what is there survives the process and not a loss of power. Each call may block as long as the
// disk likes, so they are the side thread's, one at a time.

#include <algorithm>

namespace nanospan::inline v0::detail {

// A batch that is on disk.
struct spool_ticket {
  shared<spool_directory> in = nullptr;
  spool_directory::file file = {};
  std::uint64_t bytes = 0;

  explicit operator bool() const noexcept { return in != nullptr; }
};

class spool {
 public:
  struct found {
    spool_ticket where;
    std::size_t spans;
  };
  struct findings {
    std::vector<found> batches;  // oldest first
    std::size_t broken = 0;      // files that were no batches, and are removed
    std::string error = {};
    bool more = false;  // there may be others, beyond what was asked for
    std::uint64_t most_bytes = 0;  // as asked for
  };

  explicit spool(std::string const& root) : root_{absolute(root)} {}

  // What a batch takes: a file has whole blocks.
  static std::uint64_t bytes_of(std::uint64_t otlp) noexcept { return (otlp + spool_file::header_bytes + 4095) / 4096 * 4096; }
  std::string const& root() const noexcept { return root_; }

  // Takes over the directories of processes that are gone, as long as all that they have is within `most_bytes`; the first one in any case.
  findings adopt(std::uint64_t most_bytes) {
    findings all;
    std::uint64_t bytes = 0;
    for (std::string const& name : names(all.error)) {
      if (bytes >= most_bytes) {
        all.more = true;
        break;
      }
      auto const directory = spool_directory::adopt(root_, name);
      if (directory == nullptr) continue;
      for (auto const& file : directory->list(all.broken)) {
        batch spans;
        std::string error;
        if (directory->get(file, spans, error)) {
          all.batches.push_back({{directory, file, bytes_of(spans.otlp.size())}, spans.span_count});
          bytes += all.batches.back().where.bytes;
        } else if (error.empty()) {
          directory->remove(file);
          ++all.broken;
        } else {
          all.error = error;  // it stays, for another time
        }
      }
    }
    std::sort(all.batches.begin(), all.batches.end(), [](found const& a, found const& b) { return a.where.file.number < b.where.file.number; });
    return all;
  }

  // Returns what went wrong, or nothing, and where it is.
  std::string put(batch const& spans, bool in_flight, spool_ticket& into) {
    std::string error;
    if (own_ == nullptr) own_ = spool_directory::make(root_, error);
    if (own_ == nullptr) return error;
    // By the time at which they came, whichever process they are of.
    std::timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    last_ = std::max(last_ + 1, static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec));
    error = own_->put({last_, in_flight}, spans);
    if (error.empty()) into = {own_, {last_, in_flight}, bytes_of(spans.otlp.size())};
    else if (own_->files() == 0) own_ = nullptr;  // somebody may have removed it
    return error;
  }

 private:
  std::vector<std::string> names(std::string& error) const {
    std::vector<std::string> all;
    DIR* const open = ::opendir(root_.c_str());
    if (open == nullptr) {
      if (errno != ENOENT) error = joined({"opendir ", root_, ": ", std::system_category().message(errno)});
      return all;
    }
    while (dirent const* const entry = ::readdir(open)) {  // NOLINT(concurrency-mt-unsafe): of a stream that nobody else has
      std::string name = entry->d_name;
      std::size_t const dash = name.find('-');
      if (dash != std::string::npos && name.size() == dash + 17 && name.find_first_not_of("0123456789") == dash) all.push_back(std::move(name));
    }
    ::closedir(open);
    return all;
  }
  // The program may go elsewhere. Where it is not known it stays as it is.
  static std::string absolute(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (path.front() == '/') return path;
    std::string directory(4096, '\0');
    if (::getcwd(directory.data(), directory.size()) == nullptr) return path;
    directory.resize(directory.find('\0'));
    return joined({directory, "/", path});
  }

  std::string root_;
  shared<spool_directory> own_;
  std::uint64_t last_ = 0;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/disk_turns.hpp --------------------------------------------------------------------------------------------

// The spool's turns on the disk: one after another on the side thread, waited for through export_wait. One that the disk keeps longer goes on by itself, and what
// becomes of it is told before the next one. The sender's thread.

namespace nanospan::inline v0::detail {

// All that a turn uses, shared with the side thread: nobody may be there any more when it ends.
struct disk_job {
  shared<spool> on;
  charged_batch spans = batch{};
  std::vector<spool_ticket> where = {};
  bool in_flight = false;
  std::string error = {};
  bool done = false;
  spool::findings found = {};
  shared<disk_job> next = nullptr;  // goes when this does
};

class disk_turns {
 public:
  using job = shared<disk_job>;
  static constexpr std::uint64_t limit = 10'000'000'000;  // nanoseconds a turn

  // `work` there, then `then` here. False where the disk does not answer in time: then `then` comes with a later turn, or never; or, where an earlier one is not
  // over, neither comes. Throws std::bad_alloc, neither comes.
  bool run(job const& one, void (*work)(disk_job&), std::function<void(disk_job&)> then, export_wait& wait) {
    std::uint64_t const deadline = monotonic_nanoseconds() + limit;
    if (pending_ && (!on_thread([] {}, wait, deadline) || !finish())) return false;
    pending_ = one;
    then_ = std::move(then);
    bool done = false;
    try {
      done = on_thread([one, work] { work(*one); }, wait, deadline);
    } catch (...) {
      then_ = nullptr;
      pending_ = nullptr;
      throw;
    }
    return done && finish();
  }
  bool stuck() const noexcept { return pending_ != nullptr; }
  // Goes when the turn that hangs does.
  void after_it(job what) noexcept { pending_->next = std::move(what); }

 private:
  // Throws std::bad_alloc before it has begun.
  bool on_thread(std::function<void()> const& work, export_wait& wait, std::uint64_t deadline) {
    try {
      return thread_.run(work, wait, deadline);
    } catch (std::system_error const&) {
      try {
        work();  // no thread to be had: nothing is drained meanwhile, but nothing is lost either
      } catch (...) {}  // NOLINT(bugprone-empty-catch): as on the thread
      return true;
    }
  }
  bool finish() {
    job const one = std::exchange(pending_, nullptr);
    std::exchange(then_, nullptr)(*one);
    return true;
  }

  side_thread thread_;
  job pending_;
  std::function<void(disk_job&)> then_;
};

// What is done there. What throws (std::bad_alloc) leaves `done` as it is.
namespace disk_work {
inline void adopt(disk_job& job) {
  job.found = job.on->adopt(job.found.most_bytes);
  job.done = true;
}
inline void put(disk_job& job) {
  job.error = "out of memory";
  job.error = job.on->put(job.spans, job.in_flight, job.where.front());
  job.done = job.error.empty();
}
// To be sent: whoever finds it after us is told.
inline void get(disk_job& job) {
  job.error = "out of memory";
  spool_ticket& where = job.where.front();
  job.done = where.in->get(where.file, job.spans, job.error);
  if (job.done && job.in_flight) where.in->mark(where.file, true);
}
inline void unmark(disk_job& job) {
  spool_ticket& where = job.where.front();
  job.done = where.in->mark(where.file, false);
}
inline void remove(disk_job& job) {
  for (spool_ticket& one : job.where) {
    one.in->remove(one.file);
    one.in = nullptr;  // a directory that has nothing left goes, too
  }
  job.done = true;
}
inline void let_go(disk_job& job) {
  job.where.clear();
  job.on = nullptr;
}
}  // namespace disk_work

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/queued_batch.hpp ------------------------------------------------------------------------------------------

// A batch on its way, in memory or on disk, and what happened to it so far; and how long to wait after an attempt that failed. The sender's thread.

#include <algorithm>

namespace nanospan::inline v0::detail {

struct queued_batch {
  enum class part : std::uint8_t { whole, first_half, second_half };

  charged_batch spans;  // without its OTLP while that is on disk
  std::uint64_t number;
  batch_account account;
  std::size_t counted = 0;  // of its bytes, among those in memory
  unsigned attempts = 0;
  bool halved = false;
  part of_file = part::whole;  // where two share one
  bool in_hands = false;  // of the exporter, the fallback or the disk: it stays where it is
  export_end reason = export_end::export_failed;  // for which it leaves
  spool_ticket where = {};

  // What it says is elsewhere.
  void forget_bytes() noexcept {
    std::string{}.swap(spans.otlp);  // to assign an empty one would keep the memory
    spans.held = memory_charge{};
  }
};

class back_off {
 public:
  back_off(std::uint64_t first, std::uint64_t longest) noexcept : first_{first}, longest_{longest} { random_.seed(); }

  // Nanoseconds after so many attempts before this one: half as much again each time, give or take a half.
  std::uint64_t after(unsigned attempts) noexcept {
    auto delay = static_cast<double>(first_);
    for (unsigned i = 0; i < attempts && delay < static_cast<double>(longest_); ++i) delay *= 1.5;
    delay = std::min(delay, static_cast<double>(longest_));
    auto const random = static_cast<double>(std::bit_cast<std::uint64_t>(random_.next_span_id()) >> 11) * 0x1p-53;
    return static_cast<std::uint64_t>(delay * (0.5 + random));
  }

 private:
  std::uint64_t first_;
  std::uint64_t longest_;
  random_ids random_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/sender_messages.hpp ---------------------------------------------------------------------------------------

// What the sender says, and how often: a line when trouble starts, one when it is over, and never a flood. The sender's thread.

namespace nanospan::inline v0::detail {

class sender_messages {
 public:
  explicit sender_messages(messages report) noexcept : report_{report} {}

  bool in_trouble() const noexcept { return in_trouble_; }
  // One line when trouble starts, one when it is over; trouble that comes and goes is not told each time.
  void failed(export_result const& result, exporter const& to, bool again, std::string_view refuge) noexcept {
    if (std::exchange(in_trouble_, true)) return;
    told_ = in_time(next_trouble_);
    if (!told_) return;
    say(again ? log_level::warn : log_level::error, [&] { return joined({"cannot send to ", to.description(), ": ", result.message, refuge}); });
  }
  void recovered(exporter const& to, exporter const* fallback) noexcept {
    std::uint64_t const lost = std::exchange(lost_, 0);
    std::uint64_t const fell_back = std::exchange(fell_back_, 0);
    if (!std::exchange(in_trouble_, false) || !told_) return;
    say(log_level::info, [&] {
      std::string line = joined({"sending again to ", to.description(), "; ", std::to_string(lost), " spans were lost meanwhile"});
      if (fell_back != 0 && fallback != nullptr) line += joined({", ", std::to_string(fell_back), " went to ", fallback->description()});
      return line;
    });
  }
  void lost(std::uint64_t spans) noexcept {
    if (in_trouble_) lost_ += spans;
  }
  void fell_back(std::uint64_t spans) noexcept {
    if (in_trouble_) fell_back_ += spans;
  }
  void rejected(std::uint64_t spans, std::string_view why) noexcept {
    if (spans == 0 && why.empty()) return;
    rejected_ += spans;
    if (!in_time(next_rejection_)) return;
    say(rejected_ == 0 ? log_level::warn : log_level::error, [&] { return joined({"the collector rejected ", std::to_string(rejected_), " spans: ", why}); });
    rejected_ = 0;
  }

  void adopted(std::uint64_t spans, std::size_t broken, std::string_view error, std::string_view where) noexcept {
    if (spans != 0) say(log_level::info, [&] { return joined({"sending ", std::to_string(spans), " spans that were left in ", where}); });
    if (broken != 0) say(log_level::warn, [&] { return joined({std::to_string(broken), " broken files were removed from ", where}); });
    if (!error.empty()) say(log_level::warn, [&] { return joined({"cannot read all of ", where, ": ", error}); });
  }
  void disk_failed(std::string_view error) noexcept {
    if (std::exchange(disk_fails_, true)) return;
    say(log_level::warn, [&] { return joined({"cannot write to the spool: ", error, "; spans wait in memory (options.spool_directory)"}); });
  }
  void disk_works() noexcept {
    if (std::exchange(disk_fails_, false)) say(log_level::info, [] { return std::string{"writing to the spool again"}; });
  }
  void unreadable(std::uint64_t spans) noexcept {
    say(log_level::error, [&] { return joined({std::to_string(spans), " spans are lost: their file in the spool is gone or broken"}); });
  }
  void left_on_disk(std::uint64_t spans, std::string_view where) noexcept {
    say(log_level::info, [&] { return joined({std::to_string(spans), " spans wait in ", where, " for the next start"}); });
  }
  void threw_at_the_end() const noexcept {
    say(log_level::error, [] { return std::string{"the exporter threw while it was shut down"}; });
  }

 private:
  static constexpr std::uint64_t between_complaints = 10'000'000'000;

  static bool in_time(std::uint64_t& next) noexcept {
    std::uint64_t const now = monotonic_nanoseconds();
    if (now < next) return false;
    next = now + between_complaints;
    return true;
  }
  // A message is worth no exception.
  template <typename Compose>
  void say(log_level level, Compose&& compose) const noexcept {
    try {
      report_.say(level, compose());
    } catch (...) {  // no memory, no message
    }
  }

  messages report_;
  std::uint64_t lost_ = 0;  // since trouble began
  std::uint64_t fell_back_ = 0;
  std::uint64_t rejected_ = 0;  // and not told yet
  std::uint64_t next_trouble_ = 0;
  std::uint64_t next_rejection_ = 0;
  bool in_trouble_ = false;
  bool told_ = false;
  bool disk_fails_ = false;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/batch_queue.hpp -------------------------------------------------------------------------------------------

// The encoded batches that there are, in memory and on disk, within the bound of memory, and counted once when they go. The sender's thread; never waits.

#include <algorithm>
#include <iterator>
#include <list>

namespace nanospan::inline v0::detail {

class batch_queue {
 public:
  batch_queue(shared<exporter> to, std::size_t limit_bytes, messages report) : exporter_{std::move(to)}, tell_{report}, limit_bytes_{limit_bytes} {
    background.queue_limit_bytes.store(limit_bytes, std::memory_order_relaxed);
  }
  batch_queue(batch_queue const&) = delete;
  batch_queue& operator=(batch_queue const&) = delete;
  ~batch_queue() {
    background.queue_limit_bytes.store(0, std::memory_order_relaxed);
    background.queue_bytes.store(0, std::memory_order_relaxed);
  }

  bool empty() const noexcept { return queue_.empty() && spooled_.empty(); }
  // Attempts that failed and batches that were lost, since the beginning.
  std::uint64_t setbacks() const noexcept { return setbacks_; }
  std::uint64_t pushed() const noexcept { return pushed_; }
  // Whether all of the first `count` batches ever pushed have left the queue.
  bool settled(std::uint64_t count) const noexcept {
    return (queue_.empty() || queue_.front().number >= count) && (spooled_.empty() || spooled_.front().number >= count);
  }
  // Never waits: where there is no room the oldest goes. Throws std::bad_alloc, nothing changed.
  void push(charged_batch&& one) {
    std::uint64_t const spans = one.span_count;
    queue_.push_back(queued_batch{std::move(one), pushed_, batch_account{spans}});
    ++pushed_;
    aside_due_ = 0;
    count(queue_.back());
    while (bytes_ > limit_bytes_ && (shed_from(leaving_, leaving_.end()) || shed_from(queue_, std::prev(queue_.end())))) {}
  }
  // The oldest batch in memory goes that nobody has in his hands. False where there is none.
  bool shed() noexcept { return shed_from(leaving_, leaving_.end()) || shed_from(queue_, queue_.end()); }

  // What is still in memory is counted as lost.
  void abandon() {
    while (!leaving_.empty()) drop(leaving_, leaving_.begin(), leaving_.front().reason);
    while (!queue_.empty()) drop(queue_, queue_.begin(), export_end::shutdown);
  }

 protected:
  using batches = std::list<queued_batch>;

  bool shed_from(batches& from, batches::iterator end) noexcept {
    auto const one = std::find_if(from.begin(), end, [](queued_batch const& each) { return !each.in_hands; });
    if (one == end) return false;
    drop(from, one, &from == &leaving_ ? one->reason : export_end::queue_full);
    return true;
  }
  void drop(batches& from, batches::iterator one, export_end reason) noexcept {
    one->account.lost(reason);
    tell_.lost(one->account.spans());
    ++setbacks_;
    forget(from, one);
  }
  void forget(batches& from, batches::iterator one) noexcept {
    hold(bytes_ - one->counted);
    if (one->where) {
      background.spooled.fetch_sub(one->account.spans(), std::memory_order_relaxed);
      bool const other_half_is_there = one->of_file != queued_batch::part::whole && (has_file_of(spooled_, one) || has_file_of(leaving_, one));
      if (!other_half_is_there) {
        disk_bytes_ -= one->where.bytes;
        try {
          unneeded_.push_back(std::move(one->where));
        } catch (...) {}  // NOLINT(bugprone-empty-catch): sent again by whoever finds it
      }
    }
    from.erase(one);
  }
  static bool has_file_of(batches const& in, batches::iterator one) noexcept {
    return std::any_of(in.begin(), in.end(), [&](queued_batch const& each) { return &each != &*one && each.where.in == one->where.in && each.where.file.number == one->where.file.number; });
  }
  void count(queued_batch& one) noexcept { hold(bytes_ + (one.counted = one.spans.otlp.size())); }
  void hold(std::size_t bytes) noexcept {
    bytes_ = bytes;
    background.queue_bytes.store(bytes, std::memory_order_relaxed);
  }

  // NOLINTBEGIN(misc-non-private-member-variables-in-classes): a sender in four parts
  shared<exporter> exporter_;
  sender_messages tell_;
  batches queue_;    // in memory
  batches spooled_;  // on disk; before those in memory
  batches leaving_;  // on their way to the fallback
  std::vector<spool_ticket> unneeded_;  // files of batches that are gone
  std::size_t limit_bytes_;
  std::size_t bytes_ = 0;  // of OTLP in memory
  std::uint64_t disk_bytes_ = 0;
  std::uint64_t pushed_ = 0;
  std::uint64_t setbacks_ = 0;
  std::uint64_t aside_due_ = 0;  // when batch_refuge has something to do
  // NOLINTEND(misc-non-private-member-variables-in-classes)
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/batch_disk.hpp --------------------------------------------------------------------------------------------

// The queue's part on disk: batches that are written, found, read to be sent and removed, each in a turn of its own on the disk's thread. The sender's thread;
// waits through what it is given.

namespace nanospan::inline v0::detail {

class batch_disk : public batch_queue {
 public:
  batch_disk(shared<exporter> to, std::size_t queue_bytes, messages report, back_off delay, std::string const& directory, std::uint64_t limit_bytes, std::uint64_t between_looks)
      : batch_queue{std::move(to), queue_bytes, report}, delay_{delay}, spool_{directory.empty() ? nullptr : shared<spool>::make<spool>(directory)}, spool_bytes_{limit_bytes}, between_looks_{between_looks}, next_look_{spool_ == nullptr ? ~std::uint64_t{0} : 0} {}

 protected:
  // True as long as it is there.
  struct holding {
    explicit holding(bool& what) noexcept : what_{what} { what_ = true; }
    ~holding() { what_ = false; }
    bool& what_;
  };

  bool disk_is_there() const noexcept { return spool_ != nullptr && monotonic_nanoseconds() >= disk_retry_; }
  // Whether a turn that begins now would begin at once.
  bool ready(export_wait& wait) noexcept {
    try {
      return !disk_.stuck() || run(shared<disk_job>::make<disk_job>(), [](disk_job&) {}, [](disk_job&) {}, wait);
    } catch (...) {  // no memory
      return false;
    }
  }
  void disk_hangs() noexcept {
    ++setbacks_;
    next_attempt_ = monotonic_nanoseconds() + delay_.after(0);
  }
  bool disk_failed(std::string_view error) noexcept {
    disk_retry_ = monotonic_nanoseconds() + delay_.after(disk_failures_++);
    tell_.disk_failed(error);
    return false;
  }

  bool adopt(export_wait& wait) {
    next_look_ = monotonic_nanoseconds() + between_looks_;  // a process may end, or be killed, while this one lives
    if (!ready(wait)) return disk_failed("the disk does not answer");
    auto const job = shared<disk_job>::make<disk_job>(spool_);
    job->found.most_bytes = spool_bytes_ - std::min(spool_bytes_, disk_bytes_);
    run(job, disk_work::adopt, [this](disk_job& of) { join(of.found); }, wait);
    return true;
  }
  // True when it is there. It is in nobody's hands but ours.
  bool store(batches::iterator one, export_wait& wait) {
    auto const job = shared<disk_job>::make<disk_job>(spool_);
    job->where.resize(1);
    job->in_flight = one->account.maybe_there();
    std::swap(job->spans, one->spans);
    bool answered = false;
    try {
      answered = run(job, disk_work::put, [this, one](disk_job& of) { stored(one, of); }, wait);
    } catch (...) {
      std::swap(job->spans, one->spans);
      throw;
    }
    if (!answered) return disk_failed("the disk does not answer");
    if (!job->done) return disk_failed(job->error);
    tell_.disk_works();
    disk_failures_ = 0;
    return true;
  }
  // To be sent.
  bool load(batches::iterator one, export_wait& wait) noexcept {
    try {
      return fetch(one, true, wait);
    } catch (...) {
      disk_hangs();
      return false;
    }
  }
  // False where it cannot be had now, or is lost.
  bool fetch(batches::iterator one, bool in_flight, export_wait& wait) {
    if (!ready(wait)) return disk_hangs(), false;
    auto const job = shared<disk_job>::make<disk_job>(spool_);
    job->where = {one->where};
    job->in_flight = in_flight;
    if (!touch(one, job, disk_work::get, wait)) return disk_hangs(), false;
    bool whole = job->done;
    if (whole && one->of_file != queued_batch::part::whole) {
      batch halves[2];
      whole = split_in_half(job->spans, halves[0], halves[1]);
      static_cast<batch&>(job->spans) = std::move(halves[one->of_file == queued_batch::part::first_half ? 0 : 1]);
    }
    if (whole) {
      one->spans.otlp = std::move(job->spans.otlp);
      return true;
    }
    if (!job->error.empty()) return tell_.disk_failed(job->error), disk_hangs(), false;
    tell_.unreadable(one->account.spans());
    drop(spooled_, one, export_end::export_failed);
    return false;
  }
  // The collector has it not, for all that it said; of halves one may be there.
  void not_sent(batches::iterator one, export_wait& wait) noexcept try {
    one->forget_bytes();
    if (one->account.maybe_there() || one->of_file != queued_batch::part::whole || !ready(wait)) return;
    auto const job = shared<disk_job>::make<disk_job>(spool_);
    job->where = {one->where};
    touch(one, job, disk_work::unmark, wait);
  } catch (...) {  // no memory: whoever finds it after us takes it for sent
  }
  // Files that nobody needs any more.
  void sweep(export_wait& wait) noexcept try {
    if (unneeded_.empty() || !ready(wait)) return;
    auto const job = shared<disk_job>::make<disk_job>(spool_);
    job->where.swap(unneeded_);
    try {
      run(job, disk_work::remove, [](disk_job&) {}, wait);
    } catch (...) {
      job->where.swap(unneeded_);
    }
  } catch (...) {  // no memory: another time
  }

  // What is on disk stays there, for whoever comes.
  void leave(export_wait& wait) noexcept {
    if (spool_ == nullptr) return;
    std::uint64_t waiting = 0;
    for (queued_batch const& one : spooled_) waiting += one.account.spans();
    if (waiting != 0) tell_.left_on_disk(waiting, spool_->root());
    try {
      auto const job = shared<disk_job>::make<disk_job>(std::move(spool_));
      for (queued_batch& one : spooled_) job->where.push_back(std::move(one.where));
      spooled_.clear();
      if (disk_.stuck()) disk_.after_it(job);
      else run(job, disk_work::let_go, [](disk_job&) {}, wait);
    } catch (...) {}  // NOLINT(bugprone-empty-catch): no memory; let go of here, then
  }

  // NOLINTBEGIN(misc-non-private-member-variables-in-classes): a sender in four parts
  back_off delay_;
  std::uint64_t next_attempt_ = 0;
  shared<spool> spool_;
  std::uint64_t spool_bytes_;
  std::uint64_t disk_retry_ = 0;
  std::uint64_t between_looks_;
  std::uint64_t next_look_;  // for spools of others
  bool aside_ = false;  // at the disk, or at what batch_refuge does
  // NOLINTEND(misc-non-private-member-variables-in-classes)

 private:
  bool run(disk_turns::job const& job, void (*work)(disk_job&), std::function<void(disk_job&)> then, export_wait& wait) {
    bool const before = std::exchange(aside_, true);
    struct restored {
      bool& what;
      bool to;
      ~restored() { what = to; }
    } const at_its_end{aside_, before};
    return disk_.run(job, work, std::move(then), wait);
  }
  void join(spool::findings const& found) {
    std::uint64_t spans = 0;
    batches joined;
    for (auto const& one : found.batches) joined.emplace_back(queued_batch{batch{{}, one.spans}, 0, batch_account{one.spans}}).where = one.where;
    for (queued_batch& one : joined) {  // all of them, or, without memory, none
      std::uint64_t const these = one.account.spans();
      spans += these;
      disk_bytes_ += one.where.bytes;
      if (one.where.file.in_flight) one.account.unanswered();
      if (one.where.in->left_here()) continue;  // it is in the account
      background.recovered.add(these);
      if (one.where.file.in_flight) background.recovered_in_flight.add(these);
      background.spooled.fetch_add(these, std::memory_order_relaxed);
    }
    if (!joined.empty()) pushed_ = std::max<std::uint64_t>(pushed_, 1);
    spooled_.splice(spooled_.begin(), joined);
    if (found.more) next_look_ = 0;
    tell_.adopted(spans, found.broken, found.error, spool_->root());
  }
  void stored(batches::iterator one, disk_job& of) {
    one->in_hands = false;
    std::swap(of.spans, one->spans);
    if (!of.done) return;
    one->where = std::move(of.where.front());
    one->forget_bytes();
    hold(bytes_ - std::exchange(one->counted, 0));
    disk_bytes_ += one->where.bytes;
    background.spooled.fetch_add(one->account.spans(), std::memory_order_relaxed);
    spooled_.splice(spooled_.end(), queue_, one);
  }
  // Has nobody else take it meanwhile, also where that is longer than anybody waits.
  bool touch(batches::iterator one, disk_turns::job const& job, void (*work)(disk_job&), export_wait& wait) {
    one->in_hands = true;
    try {
      return run(job, work, [one](disk_job& of) {
        one->in_hands = false;
        one->where = of.where.front();
      }, wait);
    } catch (...) {
      one->in_hands = false;
      throw;
    }
  }

  disk_turns disk_;
  unsigned disk_failures_ = 0;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/detail/batch_refuge.hpp ------------------------------------------------------------------------------------------

// Where batches go that cannot be sent: to disk, until they can; to the fallback, for good. One after another, also while the exporter waits, and neither
// inside of the other. The sender's thread; waits through what it is given.

namespace nanospan::inline v0::detail {

// Where batches go that cannot be sent; see options.
struct sender_refuges {
  shared<exporter> fallback = nullptr;
  std::string spool_directory = {};
  std::uint64_t spool_bytes = 0;
  std::uint64_t between_looks = 60'000'000'000;  // nanoseconds; for spools that others have left
};

class batch_refuge : public batch_disk {
 public:
  batch_refuge(shared<exporter> to, std::size_t queue_bytes, messages report, sender_refuges const& refuges, back_off delay)
      : batch_disk{std::move(to), queue_bytes, report, delay, refuges.spool_directory, refuges.spool_bytes, refuges.between_looks},
        fallback_{refuges.fallback},
        crowded_bytes_{queue_bytes - (has_refuge() ? queue_bytes / 4 : 0)} {}  // a quarter is for batches on their way

  bool has_refuge() const noexcept { return spool_ != nullptr || fallback_ != nullptr; }
  // When there is something to put aside (monotonic nanoseconds); the end of time where there is not.
  std::uint64_t aside_due() const noexcept { return aside_ ? ~std::uint64_t{0} : aside_due_; }

  // What need not wait for the exporter and is done while it waits, too: batches go to disk and to the fallback, one a call. False where there is nothing to do.
  bool aside(export_wait& wait) noexcept {
    if (aside_ || monotonic_nanoseconds() < aside_due_) return false;
    holding const once{aside_};
    aside_due_ = ~std::uint64_t{0};
    bool did = false;
    try {
      did = step_aside(wait);
    } catch (...) {}  // NOLINT(bugprone-empty-catch): no memory; tried again with the next batch
    aside_due_ = did ? 0 : std::min(aside_due_, spooled_.empty() ? next_look_ : ~std::uint64_t{0});
    return did;
  }

  // The end: what is still in memory goes to disk or to the fallback, as long as `wait` lets it.
  void evacuate(export_wait& wait) noexcept {
    emptying_ = true;
    aside_due_ = disk_retry_ = 0;
    while (aside(wait)) {}
  }
  // Likewise the fallback; and what is on disk stays there, for whoever comes.
  void close(export_wait& wait) noexcept {
    if (fallback_ != nullptr) {
      std::uint64_t const lost = let_go(fallback_, wait);
      std::uint64_t const passed = std::min(lost, background.passed_fallback.read());
      background.fallback.add(std::uint64_t{0} - lost);
      background.dropped_shutdown.add(lost);
      background.passed_fallback.add(std::uint64_t{0} - passed);
      background.passed_shutdown.add(passed);
    }
    leave(wait);
  }

 protected:
  // What an exporter throws is worth another attempt: it may have been memory, a thread or a descriptor that was missing.
  template <typename Ask>
  static export_result call(Ask&& ask) noexcept {
    export_result result{export_result::outcome::retry, 0, {}, {}};
    try {
      try {
        return ask();
      } catch (std::exception const& error) {
        result.message = std::string{"the exporter threw: "} + error.what();
      }
    } catch (...) {
      // Another type, or no memory for its text.
    }
    return result;
  }
  // Whether a wait was cut short.
  struct noting final : export_wait {
    explicit noting(export_wait& by) noexcept : by_{by} {}
    outcome wait(int descriptor, bool writable, std::uint64_t deadline) override {
      outcome const end = by_.wait(descriptor, writable, deadline);
      stopped = end == outcome::stopped;
      return end;
    }
    export_wait& by_;
    bool stopped = false;
  };
  std::uint64_t let_go(shared<exporter>& of, export_wait& wait) noexcept {
    shared<exporter> const gone = std::exchange(of, nullptr);
    try {
      return gone->shutdown(wait);
    } catch (...) {
      tell_.threw_at_the_end();
      return 0;
    }
  }

  // To the fallback, as soon as it can have it.
  void lose(batches& from, batches::iterator one, export_end reason) {
    if (fallback_ == nullptr) return drop(from, one, reason);
    ++setbacks_;
    one->reason = reason;
    if (one->counted == 0) count(*one);
    leaving_.splice(leaving_.end(), from, one);
    aside_due_ = 0;
  }
  std::string refuge(bool final) const noexcept try {
    if (!final) return disk_is_there() ? "; spans wait in " + spool_->root() + " and are retried" : "; spans wait and are retried";
    return fallback_ == nullptr ? "; these spans are lost" : "; these spans go to " + fallback_->description();
  } catch (...) {  // no memory, no words
    return {};
  }

  shared<exporter> fallback_;  // NOLINT(misc-non-private-member-variables-in-classes): a sender in four parts

 private:
  bool step_aside(export_wait& wait) {
    if (!emptying_ && spooled_.empty() && monotonic_nanoseconds() >= next_look_) return adopt(wait);
    if (!leaving_.empty()) return give(wait);
    auto const one = std::find_if(queue_.begin(), queue_.end(), [](queued_batch const& each) { return !each.in_hands; });
    if (one == queue_.end()) return false;
    bool const crowded = bytes_ > crowded_bytes_ && queue_.size() > 1;
    if (spool_ != nullptr && (crowded || emptying_ || tell_.in_trouble())) {
      if (disk_is_there() && put(one, wait)) return true;
      aside_due_ = disk_retry_;
    }
    if (fallback_ == nullptr || one->in_hands || !(crowded || emptying_)) return false;
    lose(queue_, one, emptying_ ? export_end::shutdown : export_end::queue_full);
    return give(wait);  // at once: a drain may bring the next one before the next call
  }
  // The oldest of those that leave.
  bool give(export_wait& wait) {
    noting noted{wait};
    auto const one = leaving_.begin();
    one->in_hands = true;
    export_result const result = call([&] { return fallback_->export_batch(one->spans, noted); });
    one->in_hands = false;
    if (result.what == export_result::outcome::success) {
      std::uint64_t const refused = std::min(result.rejected_spans, one->account.spans());
      if (refused != 0) one->account.part(refused).lost(one->reason);
      one->account.fell_back();
      tell_.lost(refused);
      tell_.fell_back(one->account.spans());
      forget(leaving_, one);
    } else if (noted.stopped) {
      return false;  // it had not the time that it needs
    } else {
      drop(leaving_, one, one->reason);
    }
    sweep(wait);
    return true;
  }

  bool put(batches::iterator one, export_wait& wait) {
    std::uint64_t const needed = spool::bytes_of(one->spans.otlp.size());
    if (needed > spool_bytes_) return lose(queue_, one, export_end::spool_full), true;
    one->in_hands = true;
    try {
      while (disk_bytes_ + needed > spool_bytes_ && evict(wait)) {}
      bool const begins = disk_bytes_ + needed <= spool_bytes_ && ready(wait);
      if (!begins) return one->in_hands = false;
      return store(one, wait);
    } catch (...) {
      one->in_hands = false;
      throw;
    }
  }
  // Makes room: the oldest goes.
  bool evict(export_wait& wait) {
    auto const one = std::find_if(spooled_.begin(), spooled_.end(), [](queued_batch const& each) { return !each.in_hands; });
    if (one == spooled_.end()) return false;
    if (fallback_ != nullptr && !fetch(one, false, wait)) return false;
    lose(spooled_, one, export_end::spool_full);
    if (fallback_ != nullptr) {
      leaving_.splice(leaving_.begin(), leaving_, one);
      return give(wait);
    }
    sweep(wait);
    return true;
  }

  std::size_t crowded_bytes_;
  bool emptying_ = false;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/sender.hpp -------------------------------------------------------------------------------------------------------

// What becomes of each batch that is sent: confirmed, retried with back-off and jitter, halved, given up. One thread at a time; waits only
// through the wait that it is given.

namespace nanospan::inline v0::detail {

struct sender_limits {
  std::size_t queue_bytes;
  std::uint64_t retry;                              // nanoseconds from a batch's first attempt to the last
  std::uint64_t first_back_off = 1'000'000'000;     // nanoseconds; half as much again each time
  std::uint64_t longest_back_off = 30'000'000'000;
};

class sender : public batch_refuge {
 public:
  sender(shared<exporter> to, sender_limits limits, messages report, sender_refuges const& refuges = {})
      : batch_refuge{std::move(to), limits.queue_bytes, report, refuges, back_off{limits.first_back_off, limits.longest_back_off}}, limits_{limits} {}

  // When there is something to send (monotonic nanoseconds); the end of time where there is not.
  std::uint64_t due() const noexcept { return empty() ? ~std::uint64_t{0} : next_attempt_; }
  // Someone waits for the queue: do not sit out a back-off, unless the collector asked for it.
  void hurry() noexcept { next_attempt_ = not_before_; }

  // Asks whether anybody is there, once. What is wrong is told as trouble that has begun, unless the wait was cut short.
  void probe(export_wait& wait) {
    noting noted{wait};
    export_result const result = call([&] { return exporter_->probe(noted); });
    bool const again = result.what != outcome::failure;
    if (result.what == outcome::success || noted.stopped) return;
    if (!again && !has_refuge()) tell_.failed(result, *exporter_, again, "; spans will be lost");
    else tell_.failed(result, *exporter_, again, refuge(!again));
  }

  // One attempt at the oldest batch.
  void attempt(export_wait& wait) {
    if (empty()) return;
    aside_due_ = 0;
    batches& from = spooled_.empty() ? queue_ : spooled_;
    auto const one = from.begin();
    if (one->in_hands) {  // the disk's, which hangs
      ready(wait);
      return disk_hangs();
    }
    one->account.attempted();
    if (one->where && !load(one, wait)) return;
    one->in_hands = true;
    export_result result = call([&] { return exporter_->export_batch(one->spans, wait); });
    one->in_hands = false;
    unreachable_ = result.what == export_result::outcome::unreachable;
    if (result.what == export_result::outcome::success) settle(from, one, result);
    else if (result.what != export_result::outcome::too_large || !halve(from, one, result.what)) delay_or_give_up(from, one, result, wait);
    sweep(wait);
  }

  // The exporter writes what it holds and is let go; nothing is attempted after it.
  void shutdown(export_wait& wait) noexcept {
    std::uint64_t const lost = let_go(exporter_, wait);
    background.exported.add(std::uint64_t{0} - lost);  // it had taken them
    background.dropped_shutdown.add(lost);
    background.passed_shutdown.add(lost);
  }
  // Nobody answers there: at the program's end not worth a wait.
  bool unreachable() const noexcept { return unreachable_; }

 private:
  using outcome = export_result::outcome;

  void settle(batches& from, batches::iterator one, export_result const& result) {
    std::uint64_t const rejected = std::min(result.rejected_spans, one->account.spans());
    one->account.settled(rejected);
    forget(from, one);
    next_attempt_ = not_before_ = 0;
    tell_.recovered(*exporter_, fallback_.get());
    tell_.rejected(rejected, result.message);
  }
  // Once: a half that is too large still is lost. What is on disk stays there whole, until both have gone. Without memory it is worth another attempt.
  bool halve(batches& from, batches::iterator one, outcome& what) noexcept try {
    if (one->halved) return false;
    batch first;
    batch second;
    if (!split_in_half(one->spans, first, second)) return false;
    auto const other = from.insert(one, queued_batch{std::move(first), one->number, one->account});
    hold(bytes_ - std::exchange(one->counted, 0));
    other->account = one->account.part(other->spans.span_count);
    other->where = one->where;
    static_cast<batch&>(one->spans) = std::move(second);
    other->halved = one->halved = true;
    for (auto const half : {other, one}) {
      if (!one->where) {
        count(*half);
        continue;
      }
      half->forget_bytes();
      half->of_file = half == other ? queued_batch::part::first_half : queued_batch::part::second_half;
    }
    next_attempt_ = not_before_ = 0;
    return true;
  } catch (...) {
    what = outcome::retry;
    return false;
  }
  void delay_or_give_up(batches& from, batches::iterator one, export_result const& result, export_wait& wait) {
    ++setbacks_;
    if (result.what == outcome::unconfirmed) one->account.unanswered();
    bool const final = result.what == outcome::failure || result.what == outcome::too_large;
    bool const patient = one->where || disk_is_there();  // they wait for the collector as long as it takes
    tell_.failed(result, *exporter_, !final, refuge(final));
    std::uint64_t const now = monotonic_nanoseconds();
    std::uint64_t const first = one->account.first_attempt();
    std::uint64_t const give_up = patient ? ~std::uint64_t{0} : first + std::min(limits_.retry, ~std::uint64_t{0} - first);
    std::uint64_t const back = now + delay_.after(one->attempts++);
    // What the collector asks for, but not beyond the last moment of this batch: then it gets one more attempt.
    auto const asked = static_cast<std::uint64_t>(std::clamp(result.retry_after, duration{}, duration::of_milliseconds(86'400'000)).nanoseconds());
    not_before_ = asked == 0 ? 0 : std::min(now + asked, std::max(give_up, back));
    if (final || back > give_up) {
      next_attempt_ = final ? 0 : back;
      return lose(from, one, export_end::export_failed);
    }
    next_attempt_ = std::max(back, not_before_);
    if (one->where) not_sent(one, wait);
  }

  sender_limits limits_;
  std::uint64_t not_before_ = 0;  // as the collector asked
  bool unreachable_ = false;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/loss_watch.hpp ---------------------------------------------------------------------------------------------------

// Tells of losses while they happen: a line when a reason begins to cost spans, one when it has ended, with how many, and never a flood. The reasons and
// what to do about each, for the final account, too. Background thread.

#include <iterator>

namespace nanospan::inline v0::detail {

struct loss_reason {
  std::uint64_t (*count)(stats_snapshot const&) noexcept;
  char const* where;   // "17 spans were lost " and this
  char const* advice;  // or nothing
  bool is_watched;     // the others are told by the sender, with what the exporter said, or come when nobody watches any more
};
inline constexpr loss_reason loss_reasons[] = {
    {[](stats_snapshot const& s) noexcept { return s.dropped.no_provider; }, "before there was a tracer_provider", "", false},
    {[](stats_snapshot const& s) noexcept { return s.dropped.after_shutdown; }, "after a tracer_provider's end", "", false},
    {[](stats_snapshot const& s) noexcept { return s.dropped.ring_full; }, "in full rings", " (raise options.ring_bytes)", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.no_ring; }, "for want of ring memory", " (raise options.ring_memory_limit_bytes)", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.no_slot; }, "at the end of threads", "", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.interrupted; }, "in signal handlers", "", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.queue_full; }, "in a full queue", " (raise options.max_queue_bytes, or set options.fallback)", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.spool_full; }, "in a full spool", " (raise options.spool_limit_bytes)", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.export_failed; }, "that could not be sent", "", false},
    {[](stats_snapshot const& s) noexcept { return s.dropped.no_memory; }, "for want of memory", " (raise options.memory_limit_bytes)", true},
    {[](stats_snapshot const& s) noexcept { return s.dropped.shutdown; }, "still unsent at the end", "", false},
    {[](stats_snapshot const& s) noexcept { return s.unconfirmed; }, "sent but never confirmed", "", false},
    {[](stats_snapshot const& s) noexcept { return s.rejected; }, "rejected by the collector", "", false},
};

// The account since `before`, in one line; empty where nothing was lost.
inline std::string account_of_losses(stats_snapshot const& now, stats_snapshot const& before) {
  std::string why;
  for (loss_reason const& one : loss_reasons)
    if (std::uint64_t const lost = one.count(now), told = one.count(before); lost > told)
      why += joined({why.empty() ? "" : ", ", std::to_string(lost - told), " ", one.where, one.advice});
  if (why.empty()) return why;
  return joined({"of ", std::to_string(now.ended - before.ended), " spans, ", std::to_string(now.exported - before.exported), " arrived; lost: ", why});
}

class loss_watch {
 public:
  static constexpr std::uint64_t second = 1'000'000'000;  // nanoseconds
  static constexpr std::uint64_t quiet = 10 * second;     // so long without a loss is its end
  static constexpr std::uint64_t shortest_silence = 60 * second;  // from one end that was told to the next beginning; twice as long each time that losses come back
  static constexpr std::uint64_t longest_silence = 3'600 * second;

  // What was lost before is nobody's business here.
  explicit loss_watch(stats_snapshot const& now) noexcept {
    for (std::size_t at = 0; at < std::size(loss_reasons); ++at) states_[at].seen = states_[at].told = loss_reasons[at].count(now);
  }
  // Monotonic nanoseconds; whether a second has passed since the last look.
  bool due(std::uint64_t now) const noexcept { return now >= next_look_; }
  void look(std::uint64_t now, stats_snapshot const& account, messages const& report) noexcept {
    next_look_ = now + second;
    for (std::size_t at = 0; at < std::size(loss_reasons); ++at)
      if (loss_reasons[at].is_watched) look(now, loss_reasons[at], loss_reasons[at].count(account), states_[at], report);
  }

 private:
  struct state {
    std::uint64_t seen = 0;
    std::uint64_t told = 0;   // up to the last end that was told
    std::uint64_t since = 0;  // the first loss after it
    std::uint64_t last = 0;   // the last loss
    std::uint64_t silent_until = 0;
    std::uint64_t silence = shortest_silence;
    bool losing = false;
    bool telling = false;  // the beginning was told, so the end will be
  };
  static void look(std::uint64_t now, loss_reason const& why, std::uint64_t count, state& of, messages const& report) noexcept try {
    if (count > of.seen) {
      if (of.seen == of.told) of.since = now;
      if (!of.losing && of.last != 0 && now - of.last >= of.silence) of.silence = shortest_silence;  // another trouble than the last one
      of.losing = true;
      of.seen = count;
      of.last = now;
      if (of.telling || now < of.silent_until) return;
      of.telling = true;
      report.error(joined({"losing spans: ", std::to_string(count - of.told), " so far ", why.where, why.advice}));
    } else if (of.losing && now - of.last >= quiet) {
      of.losing = false;
      if (!std::exchange(of.telling, false)) return;
      std::uint64_t const spans = count - std::exchange(of.told, count);
      of.silent_until = now + of.silence;
      of.silence = of.silence < longest_silence / 2 ? 2 * of.silence : longest_silence;
      report.say(log_level::info, joined({"no longer losing: ", std::to_string(spans), " spans were lost ", why.where, " in ", std::to_string((of.last - of.since) / second + 1), " s"}));
    }
  } catch (...) {  // no memory, no message: the final account has them
  }

  state states_[std::size(loss_reasons)];
  std::uint64_t next_look_ = 0;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/pipeline.hpp -----------------------------------------------------------------------------------------------------

// Collector and sender, and the thread that runs them. Draining goes on inside every wait, so that the network never stops it.

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include <poll.h>

namespace nanospan::inline v0::detail {

class pipeline : export_wait {
 public:
  // With exporter, fallback and probe of its own, whatever the options say of them: a forked child's are not its parent's.
  pipeline(shared<options const> with, shared<exporter> to, shared<exporter> fallback, bool probe, resource const& common, messages report)
      : options_{std::move(with)},
        report_{report},
        collector_{{options_->max_batch_spans, options_->max_batch_bytes, nanoseconds(options_->schedule_delay), options_->limits}, common.encoded(), common.schema_url(), {}, report, options_->on_end},
        sender_{std::move(to), {options_->max_queue_bytes, nanoseconds(options_->retry_limit)}, report, {std::move(fallback), options_->spool_directory, options_->spool_limit_bytes}},
        to_probe_{probe},
        owner_process_{::getpid()} {
    if (!wake_.made()) throw configuration_error{"no descriptor left for the background thread's wake-up pipe"};
    collector_.copy_baggage(options_->baggage_attributes);
    collector::ensure_spare_slot();
    if (!options_->background_thread) return;
    try {
      thread_ = start_guest_thread([this] { run(); });
    } catch (std::system_error const& error) {
      throw configuration_error{std::string{"the background thread cannot be started: "} + error.what()};
    }
  }

  bool flush(duration limit) {
    if (inside()) return false;  // an exporter or a message handler cannot wait for itself
    if (!options_->background_thread) return flush_here(later(limit));
    std::unique_lock lock{mutex_};
    if (over_) return false;
    std::uint64_t const mine = ++flush_wanted_;
    wake_.wake();
    bool const in_time = waited_.wait_for(lock, bounded(limit), [&] { return flush_done_ >= mine || over_; });
    bool const failed = mine > failed_after_ && mine <= failed_until_;
    return in_time && !failed && !over_;
  }

  // One whole pass that began after the call, and nothing remembered by address. False where that takes longer.
  bool drain_within(duration limit) {
    if (inside()) return false;
    std::uint64_t const mine = drains_wanted_.fetch_add(1, std::memory_order_release) + 1;  // Release: pairs with the acquire in drain().
    if (!options_->background_thread) return in_turn(later(limit), [&] { return drain(); });
    std::unique_lock lock{mutex_};
    wake_.wake();
    return waited_.wait_for(lock, bounded(limit), [&] { return drains_done_ >= mine || over_; }) && drains_done_ >= mine;
  }

  void poll() {
    if (options_->background_thread || inside()) return;
    std::lock_guard const alone{work_};
    working const here{*this};
    if (stopping()) return;
    drain();
    probe();
    sender_.aside(*this);
    send(sender_.pushed(), ~std::uint64_t{0});
    while (sender_.aside(*this)) drain();
  }

  // Flushes within options.shutdown_limit and ends the thread; a second call waits until that is done. From inside, and in a forked child,
  // nothing: what the parent had recorded is the parent's to send.
  void stop() {
    if (::getpid() != owner_process_ || inside()) return;
    std::lock_guard const one_at_a_time{stop_};
    if (stopped_) return;
    stopped_ = true;
    stop_deadline_.store(later(options_->shutdown_limit), std::memory_order_relaxed);  // Relaxed: the next line publishes it.
    stopping_.store(true, std::memory_order_release);  // Release: pairs with the acquire in stopping().
    wake_.wake();
    if (thread_.joinable()) thread_.join();
    else end();
  }
  messages const& report() const noexcept { return report_; }
  // Whether an exporter or a message handler of ours is what calls. Relaxed: a thread asks about itself.
  bool inside() const noexcept { return worker_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }

 private:
  static std::uint64_t nanoseconds(duration d) noexcept { return d.nanoseconds() < 0 ? 0 : static_cast<std::uint64_t>(d.nanoseconds()); }
  static std::uint64_t later(duration d) noexcept { return monotonic_nanoseconds() + nanoseconds(d); }
  // A year is for ever, and no overflow.
  static std::chrono::nanoseconds bounded(duration d) noexcept {
    return std::chrono::nanoseconds{std::min(d, duration::of_milliseconds(31'536'000'000)).nanoseconds()};
  }
  bool stopping() const noexcept { return stopping_.load(std::memory_order_acquire); }  // Acquire: pairs with the release in stop().
  std::uint64_t stop_deadline() const noexcept { return stop_deadline_.load(std::memory_order_relaxed); }

  // Who is in collector and sender, and may call what comes back here.
  struct working {
    explicit working(pipeline& in) noexcept : pipeline_{in} { pipeline_.worker_.store(std::this_thread::get_id(), std::memory_order_relaxed); }
    ~working() { pipeline_.worker_.store({}, std::memory_order_relaxed); }
    pipeline& pipeline_;
  };

  void run() {
    working const here{*this};
    settle_in({options_->background_name.c_str(), options_->background_cpu, options_->background_nice, options_->background_realtime_priority},
              [this](std::string const& what) { report_.warn(what); });
    probe();
    while (!stopping()) {
      std::uint64_t const wanted = flush_wanted();
      round();
      if (wanted != flush_done_) answer_flush(wanted);  // read without the lock: only this thread writes it
      else sleep();
    }
    end();
  }

  // Once, unless there is a batch that asks the same; let go of where somebody wants to send.
  void probe() {
    if (!std::exchange(to_probe_, false) || stopping() || sender_.pushed() != 0) return;
    probing_ = true;
    sender_.probe(*this);
    probing_ = false;
  }
  // One pass and at most one attempt to send.
  void round() {
    drain();
    sender_.aside(*this);
    if (sender_.due() <= monotonic_nanoseconds()) sender_.attempt(*this);
  }
  // One pass. False without memory: the spans stay in their rings.
  bool drain() {
    std::uint64_t const wanted = drains_wanted_.load(std::memory_order_acquire);  // Acquire: pairs with the release in drain_within().
    // What waits makes room for what is recorded now, the oldest first; not where all of it would not be enough. Relaxed: written by this thread.
    std::uint64_t const refused = span_memory.take_refused();
    if (refused != 0 && span_memory.has_room_to_record(refused, background.queue_bytes.load(std::memory_order_relaxed))) [[unlikely]]
      while (!span_memory.has_room_to_record(refused) && sender_.shed()) {}
    try {
      collector_.drain([this](charged_batch&& full) { sender_.push(std::move(full)); }, [this] { return sender_.shed(); });
      starved_ = false;
    } catch (std::bad_alloc const&) {
      if (!std::exchange(starved_, true)) report_.error("out of memory; spans wait in their rings");
    }
    std::uint64_t const now = monotonic_nanoseconds();
    pace_.saw(collector_.fullest(), now);
    if (losses_.due(now)) losses_.look(now, stats(), report_);
    if (!collector_.counter_trusted() && (recording.word.load(std::memory_order_relaxed) & recording_monotonic) == 0) {
      recording.word.fetch_or(recording_monotonic, std::memory_order_relaxed);  // Relaxed: each record says which clock it used.
      report_.warn("the processor's time counter is not steady on this machine; spans are timed with clock_gettime from now on");
    }
    if (starved_) return false;
    if (wanted != drains_done_) answer_drain(wanted);  // read without the lock: only this thread writes it
    return true;
  }
  void answer_drain(std::uint64_t wanted) {
    collector_.forget_literals();
    std::lock_guard const lock{mutex_};
    drains_done_ = wanted;
    waited_.notify_all();
  }
  void cut() {
    collector_.cut([this](charged_batch&& full) { sender_.push(std::move(full)); }, [this] { return sender_.shed(); });
  }
  void sleep() {
    std::uint64_t const now = monotonic_nanoseconds();
    std::uint64_t const until = std::min({pace_.next_drain(), sender_.due(), sender_.aside_due(), collector_.due()});
    if (until > now) poll_descriptors(-1, false, until - now);
  }

  // Everything that is there now, sent or failed: a failed attempt ends it, and the batches stay queued.
  bool send_all(std::uint64_t deadline) {
    drain();
    sender_.aside(*this);  // what other processes have left is sent, too
    cut();
    sender_.hurry();
    return send(sender_.pushed(), deadline);
  }
  // The first `batches` ever pushed, as far as they are due. False at the first that fails.
  bool send(std::uint64_t batches, std::uint64_t deadline) {
    std::uint64_t const before = sender_.setbacks();
    while (!sender_.settled(batches)) {
      if (std::uint64_t const now = monotonic_nanoseconds(); now < sender_.due() || now >= deadline) return false;
      sender_.attempt(*this);
      if (sender_.setbacks() != before) return false;
      drain();
    }
    return true;
  }
  void answer_flush(std::uint64_t wanted) {
    bool const sent = send_all(stopping() ? stop_deadline() : ~std::uint64_t{0});
    std::lock_guard const lock{mutex_};
    if (!sent) {
      failed_after_ = flush_done_;
      failed_until_ = wanted;
    }
    flush_done_ = wanted;
    waited_.notify_all();
  }
  std::uint64_t flush_wanted() {
    std::lock_guard const lock{mutex_};
    return flush_wanted_;
  }
  // Where there is no thread: the caller's turn to work. False where it does not come, or after the end, when the rings may be another
  // provider's to read.
  template <typename Work>
  bool in_turn(std::uint64_t deadline, Work&& work) {
    if (!work_.try_lock_until(deadline)) return false;
    std::lock_guard const alone{work_, std::adopt_lock};
    working const here{*this};
    return !stopping() && work();
  }
  bool flush_here(std::uint64_t deadline) {
    return in_turn(deadline, [&] {
      wait_limit_ = deadline;
      bool const sent = send_all(deadline);
      wait_limit_ = ~std::uint64_t{0};
      return sent;
    });
  }

  // The last act: drain, send what can be sent until the deadline, put the rest where it can wait, count what is left.
  void end() {
    std::lock_guard const alone{work_};
    working const here{*this};
    std::uint64_t const deadline = send_deadline();
    drain();
    sender_.aside(*this);
    cut();
    sender_.hurry();
    while (!sender_.empty() && monotonic_nanoseconds() < deadline) {
      if (sender_.due() > deadline) break;
      if (std::uint64_t const now = monotonic_nanoseconds(); sender_.due() > now) poll_descriptors(-1, false, std::min(sender_.due(), deadline) - now);
      else sender_.attempt(*this);
      if (sender_.unreachable()) break;
      drain();
    }
    sending_is_over_ = true;
    sender_.evacuate(*this);
    sender_.shutdown(*this);
    drain();  // what was being recorded meanwhile
    cut();
    sender_.evacuate(*this);
    sender_.abandon();
    sender_.close(*this);
    std::lock_guard const lock{mutex_};
    over_ = true;
    waited_.notify_all();
  }
  // Where there is somewhere to go for what cannot be sent, a quarter of the time is for that.
  std::uint64_t send_deadline() const noexcept {
    if (sending_is_over_ || !sender_.has_refuge()) return stop_deadline();
    return stop_deadline() - nanoseconds(options_->shutdown_limit) / 4;
  }

  // export_wait, for the exporter: each turn lasts at most one drain interval; in between the rings are drained, and what can do without the
  // exporter is done: for no longer than the exporter would wait.
  outcome wait(int descriptor, bool writable, std::uint64_t deadline) override {
    for (;;) {
      drain();
      std::uint64_t const limit = std::min(wait_limit_, stopping() ? send_deadline() : ~std::uint64_t{0});
      if (monotonic_nanoseconds() >= limit) return outcome::stopped;
      std::uint64_t const before = std::exchange(wait_limit_, std::min(limit, deadline));
      bool const probing = std::exchange(probing_, false);  // a probe is cut short, what the disk has begun is not
      bool const more = sender_.aside(*this);
      probing_ = probing;
      wait_limit_ = before;
      std::uint64_t const now = monotonic_nanoseconds();
      if (probing_ && (stopping() || !sender_.empty() || flush_wanted() != flush_done_)) return outcome::stopped;
      std::uint64_t const until = more ? now : std::min({deadline, pace_.next_drain(), sender_.aside_due(), limit});
      if (poll_descriptors(descriptor, writable, until > now ? until - now : 0)) return outcome::ready;
      if (monotonic_nanoseconds() >= deadline) return outcome::timed_out;
    }
  }
  // True if `descriptor` is ready, or has something to say before it can be written to.
  bool poll_descriptors(int descriptor, bool writable, std::uint64_t nanoseconds) {
    pollfd watched[2] = {{wake_.readable(), POLLIN, 0}, {descriptor, static_cast<short>(writable ? POLLIN | POLLOUT : POLLIN), 0}};
#if defined(__linux__)
    std::timespec const limit{static_cast<std::time_t>(nanoseconds / 1'000'000'000u), static_cast<long>(nanoseconds % 1'000'000'000u)};
    ::ppoll(watched, 2, &limit, nullptr);
#else
    ::poll(watched, 2, static_cast<int>((nanoseconds + 999'999) / 1'000'000));
#endif
    if (watched[0].revents != 0) wake_.clear();
    return watched[1].revents != 0;
  }

  shared<options const> options_;
  messages report_;
  wake_up wake_;
  collector collector_;
  sender sender_;
  pace pace_{monotonic_nanoseconds()};
  loss_watch losses_{stats()};
  bool starved_ = false;
  bool to_probe_;
  bool probing_ = false;
  bool sending_is_over_ = false;
  turn work_;  // one thread at a time in collector and sender; taken by poll(), flush() and the end where there is no thread
  std::atomic<std::thread::id> worker_{};
  std::atomic<std::uint64_t> drains_wanted_{0};
  std::uint64_t wait_limit_ = ~std::uint64_t{0};

  std::mutex mutex_;  // the seven below
  std::condition_variable waited_;
  std::uint64_t flush_wanted_ = 0;
  std::uint64_t flush_done_ = 0;
  std::uint64_t failed_after_ = 0;  // the last flushes that failed: after this one, up to that one
  std::uint64_t failed_until_ = 0;
  std::uint64_t drains_done_ = 0;
  bool over_ = false;

  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> stop_deadline_{~std::uint64_t{0}};
  std::mutex stop_;  // the one below
  bool stopped_ = false;
  pid_t owner_process_;
  std::thread thread_;
};

}  // namespace nanospan::inline v0::detail

// ---- nanospan/provider.hpp -----------------------------------------------------------------------------------------------------

// The one place that wires it all up, and tracer_provider's bodies: options and environment in, a pipeline out, the process told that
// recording is on; and the reverse. Any thread; one provider at a time.

#include <algorithm>
#include <mutex>

namespace nanospan::inline v0 {
namespace detail {

// Who blocks in a noexcept function must not be cancelled there: unwinding would end the program.
class no_cancellation {
 public:
  no_cancellation() noexcept { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  no_cancellation(no_cancellation const&) = delete;
  no_cancellation& operator=(no_cancellation const&) = delete;
  ~no_cancellation() { ::pthread_setcancelstate(before_, nullptr); }

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

// The living provider's pipeline. Never destroyed: threads may flush and record while the program ends.
struct provider_state {
  std::mutex mutex;
  shared<pipeline> current;
  std::vector<shared<sampler const>> samplers;  // all that there ever were: a thread may be asking one
  std::vector<shared<id_generator const>> id_generators;  // as these
  stats_snapshot reported;                                // what the providers before have told of
  bool forks_hooked = false;
  // A forked child goes on as the parent did: from its first span on it has a pipeline of its own, behind the same tracer_provider object.
  pipeline const* known_as = nullptr;       // to that object
  shared<options const> complete;           // the options, as they are used
  std::uint32_t word_at_fork = 0;           // of recording; zero where the parent had no provider, or a pipeline was made since
  log_level level = log_level::info;        // of the last provider's messages
  bool in_place = false;                    // the current pipeline was made so, and gives way to a provider of the child's own
};
inline provider_state& the_provider() {
  static provider_state& state = *new provider_state;
  return state;
}
// The pipeline that a tracer_provider object means; null where it has ended, or has none yet in this process.
inline shared<pipeline> pipeline_known_as(pipeline const* name) {
  auto& provider = the_provider();
  std::lock_guard const lock{provider.mutex};
  return name == provider.known_as ? provider.current : nullptr;
}
inline shared<pipeline> current_pipeline() {
  auto& provider = the_provider();
  std::lock_guard const lock{provider.mutex};
  return provider.current;
}

// A pipeline that is still in use below us on the stack, or is the parent's, is left alone for ever.
// Without memory of its own: a forked child may have none that it could trust.
inline void leave_alone(shared<pipeline>&& which) noexcept {
  alignas(shared<pipeline>) static std::byte place[sizeof which];
  ::new (static_cast<void*>(place)) shared<pipeline>{std::move(which)};  // over the one before, which is never destroyed
}

// From here on spans are counted drops. Relaxed, as every reader of it: a span that is being recorded now is drained or held.
inline void stop_recording() noexcept {
  recording.word.store(recording_over | (recording.word.load(std::memory_order_relaxed) & recording_monotonic), std::memory_order_relaxed);
  door.flush.store(nullptr, std::memory_order_relaxed);
  door.drain.store(nullptr, std::memory_order_relaxed);
}

// Takes the provider's pipeline out of the process, ends it, and reports.
inline void end_provider(shared<pipeline> which) {
  auto& provider = the_provider();
  {
    std::lock_guard const lock{provider.mutex};
    if (which == nullptr || which != provider.current) return;  // another thread was first
    stop_recording();
  }
  bool const from_inside = which->inside();  // an exporter or a message handler ends the program: nobody can wait for the thread
  which->stop();
  std::string line;
  {
    std::lock_guard const lock{provider.mutex};
    if (which != provider.current) return;
    provider.current = nullptr;
    provider.complete = nullptr;
    provider.known_as = nullptr;
    stats_snapshot const now = stats();
    try {
      line = account_of_losses(now, provider.reported);
    } catch (...) {}  // NOLINT(bugprone-empty-catch): no memory, no words: stats() has the account
    provider.reported = now;
  }
  if (!line.empty()) which->report().error(line);
  if (from_inside) leave_alone(std::move(which));
}

// std::exit and std::quick_exit do not unwind main: what the provider's destructor would have done.
inline void at_exit() {
  no_cancellation const until_done;
  end_provider(current_pipeline());
}

// The child has no background thread; the pipeline that it inherited is left alone for ever. Nothing is made here: most children execute
// another program next.
inline void in_forked_child() {
  auto& provider = the_provider();
  provider.reported = {};
  if (provider.current != nullptr) {
    leave_alone(std::exchange(provider.current, nullptr));
    // Relaxed, both: this thread is alone. In a parent whose provider was ending it said so already.
    std::uint32_t const word = recording.word.load(std::memory_order_relaxed);
    if ((word & recording_on) != 0) {
      provider.word_at_fork = word;
      recording.word.store(recording_forked | (word & recording_monotonic), std::memory_order_relaxed);
    }
  }
  provider.mutex.unlock();
}
// No thread is in the middle of a change while another one forks.
inline bool hook_provider_forks() {
  return ::pthread_atfork([] { the_provider().mutex.lock(); }, [] { the_provider().mutex.unlock(); }, in_forked_child) == 0;
}

// The child's own, as the parent's was. Throws what the parts throw.
inline shared<pipeline> make_in_child(shared<options const> const& with) {
  messages const report = messages_of(*with);
  shared<exporter> to = with->exporter->for_child();
  if (to == nullptr) {
    report.error(joined({"spans of this forked process are dropped: ", with->exporter->description(), " cannot be used by it; make a nanospan::tracer_provider after fork()"}));
    return nullptr;
  }
  shared<exporter> fallback = with->fallback == nullptr ? nullptr : with->fallback->for_child();
  resource const own = resource::of(*with, environment{messages{default_message_handler, log_level::none}});  // the parent has told
  return shared<pipeline>::make<pipeline>(with, std::move(to), std::move(fallback), false, own, report);  // no probe: the parent has asked
}
// Called by the first span of a forked child, with its thread marked busy: it is recorded then.
inline void start_in_child() noexcept {
  errno_kept const as_it_was;
  no_cancellation const until_done;
  auto& provider = the_provider();
  std::lock_guard const lock{provider.mutex};
  std::uint32_t word = std::exchange(provider.word_at_fork, 0);
  if (word == 0) return;  // another thread was first, or the provider has ended
  try {
    provider.current = make_in_child(provider.complete);
  } catch (std::exception const& error) {
    try {
      messages_of(*provider.complete).error(joined({"spans of this forked process are dropped: ", error.what()}));
    } catch (...) {  // no memory, no message
    }
  }
  provider.in_place = provider.current != nullptr;
  if (!provider.in_place) word = recording_over | (word & recording_monotonic);
  recording.word.store(word, std::memory_order_release);  // Release: as in the provider's constructor.
}

// The process's ends, and its forks. One that cannot be had is told, and is tried again by the next provider. The ends for each provider anew: what its exporter
// is made of, as OpenSSL, ends after it then, though there was a provider before.
inline void hook_process(messages const& report) {
  struct {
    bool (*hook)();
    char const* lost;
  } const hooks[] = {{[] { return std::atexit(at_exit) == 0; }, "no memory for std::atexit: what is unsent is lost where the program calls exit()"},
                     {[] { return std::at_quick_exit(at_exit) == 0; }, "no memory for std::at_quick_exit: what is unsent is lost where the program calls quick_exit()"},
                     {[] { return the_provider().forks_hooked = the_provider().forks_hooked || (hook_forks() && hook_provider_forks()); },
                      "no memory for pthread_atfork: forked processes must not record"}};
  for (auto const& [hook, lost] : hooks)
    if (!hook()) report.error(lost);
}

// Where each span has something to ask, none goes the short way.
inline std::uint32_t plan_of(sampler const& chosen, std::uint32_t word) noexcept {
  bool const asks = (word & recording_exceptions) != 0 || recording.ids.load(std::memory_order_relaxed) != nullptr;
  return asks ? 0 : chosen.plan().bits;
}

// What stands in a forked child for the parent's provider ends when the child makes one of its own.
inline void end_in_place() {
  auto& provider = the_provider();
  shared<pipeline> which;
  {
    std::lock_guard const lock{provider.mutex};
    if (provider.in_place) which = provider.current;
  }
  if (which != nullptr) end_provider(std::move(which));
}

pipeline* define_NANOSPAN_IMPLEMENTATION_in_one_source_file(options&& with) {
  messages const report = messages_of(with);
  environment const env{report};
  configuration configured{with, env};
  configured.check();
  bool const exports = configured.complete();
  resource const common = exports ? resource::of(with, env) : resource{};  // before the lock: it may read files
  auto& provider = the_provider();
  end_in_place();
  std::lock_guard const lock{provider.mutex};
  if (provider.current != nullptr) throw configuration_error{"there is a tracer_provider already; a process has one at a time"};
  // Relaxed: it orders nothing. With none chosen the default stands.
  global_propagators.store((with.propagators.is_chosen() ? with.propagators : default_propagators).bits(), std::memory_order_relaxed);
  if (!exports) {
    recording.word.store(recording_disabled, std::memory_order_relaxed);  // Relaxed, as every reader of it.
    return nullptr;
  }
  // Relaxed: rings that exist keep their size.
  registry.ring_bytes.store(with.ring_bytes, std::memory_order_relaxed);
  registry.ring_memory_limit_bytes.store(with.ring_memory_limit_bytes, std::memory_order_relaxed);
  std::uint64_t const beside_rings = with.memory_limit_bytes - with.ring_memory_limit_bytes;
  span_memory.set_limit(beside_rings, std::min<std::uint64_t>(beside_rings / 2, 2 * with.max_batch_bytes));
  asm volatile("" : : "r"(&acquire_slot));  // so that the program has it, though it may record in its plugins only
  provider.samplers.push_back(with.sampler);
  if (with.id_generator != nullptr) provider.id_generators.push_back(with.id_generator);
  recording.ids.store(with.id_generator.get(), std::memory_order_release);  // Release: pairs with the acquire in start_as_asked().
  std::uint32_t const asked_for = (with.baggage_attributes.empty() ? 0 : recording_baggage) | (with.error_on_exception ? recording_exceptions : 0);
  auto complete = shared<options const>::make<options const>(std::move(with));
  auto const made = shared<pipeline>::make<pipeline>(complete, complete->exporter, complete->fallback, complete->probe, common, report);
  hook_process(report);
  provider.current = made;
  provider.known_as = made.get();
  provider.complete = std::move(complete);
  provider.word_at_fork = 0;
  provider.in_place = false;
  provider.level = report.level();
  recording.start_in_child.store(start_in_child, std::memory_order_release);  // Release: pairs with the acquire of a child's first span.
  sampler const& chosen = *provider.samplers.back();
  recording.asked.store(&chosen, std::memory_order_release);  // Release: pairs with the acquire in who_is_asked(), whichever word it has seen.
  // Release: pairs with the acquire in nanospan::flush() and drain().
  auto const flush = [](duration limit) noexcept {
    no_cancellation const until_done;
    auto const living = current_pipeline();
    return living == nullptr || living->flush(limit);
  };
  auto const drain = [](duration limit) noexcept {
    no_cancellation const until_done;
    auto const living = current_pipeline();
    return living == nullptr ? rings_are_empty() : living->drain_within(limit);
  };
  door.flush.store(flush, std::memory_order_release);
  door.drain.store(drain, std::memory_order_release);
  // What was found about the counter holds for the whole process.
  bool const steady = counter_is_invariant() && (recording.word.load(std::memory_order_relaxed) & recording_monotonic) == 0;
  // Release: pairs with the acquire in who_is_asked().
  recording.word.store(plan_of(chosen, asked_for) | recording_on | asked_for | (steady ? 0 : recording_monotonic), std::memory_order_release);
  return made.get();
}

#if NANOSPAN_WARN_WITHOUT_PROVIDER
// The one line for a program that records and never made a provider, or went on recording after the last one's end.
[[gnu::destructor]] void report_missing_provider() {
  std::uint32_t const word = recording.word.load(std::memory_order_relaxed);
  auto const& lost = stats().dropped;
  if (word == 0 && lost.no_provider != 0)
    default_message_handler(joined({std::to_string(lost.no_provider), " spans were recorded, but there never was a nanospan::tracer_provider; make one in main"}));
  auto const& provider = the_provider();
  auto const& told = provider.reported.dropped;
  std::uint64_t const late = lost.after_shutdown + lost.no_slot - told.after_shutdown - told.no_slot;
  if ((word & recording_over) != 0 && late != 0 && provider.level >= log_level::error)
    default_message_handler(joined({std::to_string(late), " spans were recorded after the tracer_provider's end, and are lost"}));
}
#endif

}  // namespace detail

tracer_provider::~tracer_provider() {
  detail::no_cancellation const until_done;
  if (auto mine = detail::pipeline_known_as(pipeline_); mine != nullptr) {
    detail::end_provider(std::move(mine));
    return;
  }
  // Disabled, or ended at exit; or a forked child's, which has recorded nothing.
  auto& provider = detail::the_provider();
  std::lock_guard const lock{provider.mutex};
  if (pipeline_ == nullptr || pipeline_ != provider.known_as || provider.word_at_fork == 0) return;
  provider.word_at_fork = 0;
  detail::stop_recording();
}
bool tracer_provider::flush(duration limit) noexcept { return nanospan::flush(limit); }
void tracer_provider::set_sampler(shared<nanospan::sampler const> sampler) {
  auto& provider = detail::the_provider();
  std::lock_guard const lock{provider.mutex};
  bool const waits = provider.word_at_fork != 0;  // for a forked child's first span
  if (pipeline_ == nullptr || pipeline_ != provider.known_as || (provider.current == nullptr && !waits)) return;
  if (sampler == nullptr) sampler = shared<nanospan::sampler const>::make<parent_based_sampler>();
  auto const same = [&](auto const& one) { return one.get() == sampler.get(); };
  if (std::ranges::none_of(provider.samplers, same)) provider.samplers.push_back(sampler);
  detail::recording.asked.store(sampler.get(), std::memory_order_release);  // Release: pairs with the acquire in who_is_asked().
  constexpr auto all_bits = detail::sampling_plan::all_bits;
  if (waits) {
    provider.word_at_fork = (provider.word_at_fork & ~all_bits) | detail::plan_of(*sampler, provider.word_at_fork);
    return;
  }
  // The rest of the word stays: the background thread may be adding to it. Release: as above, for whoever sees the new plan.
  std::uint32_t word = detail::recording.word.load(std::memory_order_relaxed);
  std::uint32_t const plan = detail::plan_of(*sampler, word);
  while (!detail::recording.word.compare_exchange_weak(word, (word & ~all_bits) | plan, std::memory_order_release, std::memory_order_relaxed)) {}
}
void tracer_provider::poll() noexcept {
  detail::no_cancellation const until_done;
  if (auto const mine = detail::pipeline_known_as(pipeline_); mine != nullptr) mine->poll();
}

}  // namespace nanospan::inline v0

// ---- nanospan/stats_text.hpp ---------------------------------------------------------------------------------------------------

// The account as text, in Prometheus' exposition format. Our rings, batches and queue are the standard's processor up to a batch's first
// attempt, and its exporter from there; its names become Prometheus' as "Prometheus and OpenMetrics compatibility" says. Any thread.

namespace nanospan::inline v0 {
namespace detail {

class exposition {
 public:
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += joined({"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"});
  }
  void add(std::uint64_t value) { text_ += joined({name_, " ", std::to_string(value), "\n"}); }
  void add(std::string_view label, std::string_view is, std::uint64_t value) {
    text_ += joined({name_, "{", label, "=\"", is, "\"} ", std::to_string(value), "\n"});
  }
  // Without buckets, but for the one that holds all: what is kept is count and sum.
  void add(std::string_view error_type, stats_snapshot::export_operations::total const& of) {
    std::string const error = error_type.empty() ? std::string{} : joined({"error_type=\"", error_type, "\""});
    std::string const count = std::to_string(of.count);
    std::string const labels = error.empty() ? error : joined({"{", error, "}"});
    text_ += joined({name_, "_bucket{", error, error.empty() ? "" : ",", "le=\"+Inf\"} ", count, "\n"});
    text_ += joined({name_, "_sum", labels, " ", seconds(of.nanoseconds), "\n", name_, "_count", labels, " ", count, "\n"});
  }
  std::string take() { return std::move(text_); }

 private:
  // Exact, and with a point whatever the locale.
  static std::string seconds(std::uint64_t nanoseconds) {
    std::string const fraction = std::to_string(nanoseconds % 1'000'000'000);
    return joined({std::to_string(nanoseconds / 1'000'000'000), ".", std::string(9 - fraction.size(), '0'), fraction});
  }

  std::string_view name_;
  std::string text_;
};

}  // namespace detail

std::string stats_snapshot::text() const {
  detail::exposition out;
  // Held ones that the exporter has not seen; a span in a ring is in the queue, too.
  out.begin("otel_sdk_processor_span_queue_size", "gauge", "Spans that wait to be given to the exporter: in rings, batches and queue.");
  out.add(held > in_flight ? held - in_flight : 0);
  out.begin("otel_sdk_processor_span_queue_capacity", "gauge", "Spans that rings and queue hold, at 1 KiB a span; in bytes they are bounded exactly.");
  out.add((ring_memory_bytes + queue_limit_bytes) / detail::assumed_span_bytes);
  out.begin("otel_sdk_processor_span_processed_total", "counter", "Spans that were given to the exporter, or lost before (error_type).");
  out.add(passed);
  out.add("error_type", "queue_full", dropped.ring_full + dropped.no_ring + dropped.queue_full - passed_queue_full);
  out.add("error_type", "already_shutdown", dropped.after_shutdown);
  out.add("error_type", "no_slot", dropped.no_slot);
  out.add("error_type", "interrupted", dropped.interrupted);
  out.add("error_type", "no_memory", dropped.no_memory);
  out.add("error_type", "shutdown", dropped.shutdown - passed_shutdown);
  out.add("error_type", "fallback", fallback - passed_fallback);
  out.add("error_type", "spool_full", dropped.spool_full - passed_spool_full);

  out.begin("otel_sdk_exporter_span_inflight", "gauge", "Spans that were given to the exporter and are neither exported nor given up.");
  out.add(in_flight);
  out.begin("otel_sdk_exporter_span_exported_total", "counter", "Spans that the exporter has done with: taken by the collector, or not (error_type).");
  out.add(exported);
  out.add("error_type", "rejected", rejected);
  out.add("error_type", "export_failed", dropped.export_failed);
  out.add("error_type", "unconfirmed", unconfirmed);
  out.add("error_type", "queue_full", passed_queue_full);
  out.add("error_type", "shutdown", passed_shutdown);
  out.add("error_type", "fallback", passed_fallback);
  out.add("error_type", "spool_full", passed_spool_full);
  out.begin("otel_sdk_exporter_operation_duration_seconds", "histogram", "From a batch's first attempt to its end, back-off included.");
  out.add("", exports.success);
  out.add("rejected", exports.rejected);
  out.add("export_failed", exports.export_failed);
  out.add("unconfirmed", exports.unconfirmed);
  out.add("queue_full", exports.queue_full);
  out.add("shutdown", exports.shutdown);
  out.add("fallback", exports.fallback);
  out.add("spool_full", exports.spool_full);

  out.begin("nanospan_span_ended_total", "counter", "Sampled spans that have ended.");
  out.add(ended);
  out.begin("nanospan_span_recovered_total", "counter", "Spans that were read from the spool of another process.");
  out.add(recovered);
  out.begin("nanospan_span_recovered_in_flight_total", "counter", "Of those recovered: were being sent when their process ended; the collector may have them twice.");
  out.add(recovered_in_flight);
  out.begin("nanospan_span_fallback_total", "counter", "Spans that options.fallback took.");
  out.add(fallback);
  out.begin("nanospan_span_spooled", "gauge", "Of those held: on disk.");
  out.add(spooled);
  out.begin("nanospan_span_held", "gauge", "Spans in rings, batches, queue and spool, those that are being sent included.");
  out.add(held);
  out.begin("nanospan_span_dropped_total", "counter", "Spans that were lost, by reason.");
  out.add("reason", "no_provider", dropped.no_provider);
  out.add("reason", "after_shutdown", dropped.after_shutdown);
  out.add("reason", "ring_full", dropped.ring_full);
  out.add("reason", "no_ring", dropped.no_ring);
  out.add("reason", "no_slot", dropped.no_slot);
  out.add("reason", "queue_full", dropped.queue_full);
  out.add("reason", "export_failed", dropped.export_failed);
  out.add("reason", "spool_full", dropped.spool_full);
  out.add("reason", "no_memory", dropped.no_memory);
  out.add("reason", "shutdown", dropped.shutdown);
  out.add("reason", "interrupted", dropped.interrupted);
  out.begin("nanospan_span_discarded_total", "counter", "Spans that were left out on purpose after they were recorded, by reason.");
  out.add("reason", "hook", discarded.hook);
  out.add("reason", "record_only", discarded.record_only);
  out.add("reason", "inherited", discarded.inherited);
  out.begin("nanospan_hook_failed_total", "counter", "Times that options.on_end threw.");
  out.add(hook_failed);
  out.begin("nanospan_misused_total", "counter", "Calls where no span was open, and scopes closed out of order.");
  out.add(misused);
  out.begin("nanospan_queue_size_bytes", "gauge", "Encoded batches that wait or are being sent.");
  out.add(queue_bytes);
  out.begin("nanospan_queue_capacity_bytes", "gauge", "options.max_queue_bytes; zero without a provider.");
  out.add(queue_limit_bytes);
  out.begin("nanospan_ring_memory_bytes", "gauge", "Memory of all rings.");
  out.add(ring_memory_bytes);
  out.begin("nanospan_ring_memory_limit_bytes", "gauge", "options.ring_memory_limit_bytes.");
  out.add(ring_memory_limit_bytes);
  out.begin("nanospan_memory_bytes", "gauge", "Memory of all that holds spans: rings, blocks of large spans, batches.");
  out.add(memory_bytes);
  out.begin("nanospan_memory_limit_bytes", "gauge", "options.memory_limit_bytes.");
  out.add(memory_limit_bytes);
  return out.take();
}

}  // namespace nanospan::inline v0

#endif
