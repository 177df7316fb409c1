// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a context travels from one process to another: inject() writes it into the headers of what is sent, extract() reads it from those of
// what has come. W3C Trace Context Level 2, W3C Baggage, B3. Any thread, no lock. Malformed headers are as if they were not there.

#include <nanospan/baggage.hpp>
#include <nanospan/detail/carrier.hpp>
#include <nanospan/detail/trace_headers.hpp>
#include <nanospan/scope.hpp>
#include <nanospan/tracestate.hpp>

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
