// SPDX-License-Identifier: Apache-2.0
#pragma once

// The headers that identify a span: W3C's traceparent (Trace Context Level 2) and Zipkin's B3, to and from a context. Any thread.

#include <nanospan/context.hpp>
#include <nanospan/detail/header_text.hpp>

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
