// SPDX-License-Identifier: Apache-2.0

// What a remote party answers: read in pieces as it comes, and judged. The first byte says where it is cut and whether the connection ends; then the answer is
// the same as in one piece, bounded, and what is told of it is one line of plain characters.

#include <nanospan.hpp>

#include <nanospan/detail/otlp_answer.hpp>

#include "support.hpp"

using fuzz::check;
using nanospan::export_result;
using nanospan::detail::http_answer_reader;

namespace {

void feed(http_answer_reader& reader, std::string_view text, std::size_t piece, bool ends) {
  while (!text.empty() && !reader.finished()) {
    reader.add(text.substr(0, piece));
    text.remove_prefix(text.size() < piece ? text.size() : piece);
  }
  if (ends && !reader.finished()) reader.end();
  check(!ends || reader.finished());
}

void check_told(export_result const& result) {
  check(result.message.size() < 2'000);
  for (char const c : result.message) check(c >= ' ' && c < 0x7f);
  check(result.retry_after >= nanospan::duration{} && result.retry_after <= nanospan::duration::of_milliseconds(86'400'000));
  check(result.what == export_result::outcome::retry || result.retry_after == nanospan::duration{});
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for it
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view const text = fuzz::text_of(data + 1, size - 1);
  bool const ends = (data[0] & 1) != 0;
  http_answer_reader whole;
  http_answer_reader pieces;
  feed(whole, text, size, ends);
  feed(pieces, text, (data[0] >> 1) + 1u, ends);
  // In pieces Beast looks for a header's end before it looks at the header, so that what is wrong with it may be found later, or at the end only.
  check(!pieces.finished() || whole.finished());
  check(whole.error() ? pieces.error() || !ends : whole.finished() == pieces.finished() && !pieces.error());
  check(whole.begun() == !text.empty() && whole.first_bytes() == text.substr(0, 64).substr(0, whole.first_bytes().size()));
  check(!nanospan::detail::why_unreadable(whole.first_bytes()).empty());
  if (!whole.finished() || whole.error()) return 0;
  auto const& answer = whole.answer();
  auto const& same = pieces.answer();
  check(answer.status == same.status && answer.reason == same.reason && answer.body == same.body && answer.content_type == same.content_type);
  check(answer.retry_after == same.retry_after && answer.location == same.location && answer.keep_alive == same.keep_alive);
  check(answer.body.size() <= size && (answer.status >= 200 || answer.status == 101 || answer.status < 100));
  check_told(nanospan::detail::judge(answer));
  check_told(nanospan::detail::judge_probe(answer));
  return 0;
}
