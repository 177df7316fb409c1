// SPDX-License-Identifier: Apache-2.0
#pragma once

// The bytes that cross threads: one record a span, written when it ends. A header of one cache line, then entries (attributes,
// events, status, …), each a word or two and a payload padded to 8 bytes. The only vocabulary that both halves share.

#include <nanospan/id.hpp>
#include <nanospan/tracer.hpp>

#include <cstddef>
#include <cstdint>

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
