// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an answer means for a batch (OTLP specification, "OTLP/HTTP", "Failures", "Partial Success"), and, where it is none that a collector gives, who may have
// given it and what to try. Any thread.

#include <nanospan/detail/http_answer.hpp>
#include <nanospan/detail/http_date.hpp>
#include <nanospan/detail/joined.hpp>
#include <nanospan/detail/url.hpp>
#include <nanospan/detail/utf8.hpp>
#include <nanospan/exporter.hpp>
#include <nanospan/wire.hpp>

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
