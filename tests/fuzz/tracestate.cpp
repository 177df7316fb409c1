// SPDX-License-Identifier: Apache-2.0

// The header tracestate, a line of input a header: what is read is within the limits, is written and read back as the same, is changed as
// the standard says, and is cut by whole members.

#include <nanospan/propagation.hpp>

#include "support.hpp"

using nanospan::propagator;
using nanospan::tracestate;
using fuzz::check;

namespace {

std::size_t members_in(std::string_view text) {
  std::size_t count = text.empty() ? 0 : 1;
  for (char const c : text) count += c == ',' ? 1 : 0;
  return count;
}

void check_list(std::string_view text) {
  nanospan::detail::tracestate_list list;
  if (!list.parse(text)) return check(list.bytes() == 0);
  std::string written;
  list.write(written);
  check(list.bytes() == written.size() && members_in(written) <= 32 && written.size() <= text.size());
  nanospan::detail::tracestate_list again;
  check(again.parse(written));
  std::string twice;
  again.write(twice);
  check(twice == written);
  for (std::size_t const most : {512u, 128u, 10u, 0u}) {
    list.truncate(most);
    std::string cut;
    list.write(cut);
    check(cut.size() <= most);
    for (std::string_view rest = cut; !rest.empty();) {
      std::string const member = "," + std::string{nanospan::detail::take_front(rest, ',')} + ",";
      check(("," + written + ",").find(member) != std::string::npos);
    }
  }
}

// The input is also a key and a value.
void check_changes(std::string_view text) {
  tracestate state{text};
  std::string_view value = text;
  std::string_view const key = nanospan::detail::take_front(value, '\n');
  std::string const before = state.text();
  state.set(key, value);
  if (state.text() != before) check(state.get(key) == value && state.text().starts_with(std::string{key} + "=" + std::string{value}));
  check(tracestate{state.text()}.text() == state.text() && members_in(state.text()) <= 32);
  state.erase(key);
  check(state.get(key).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  check_list(text);
  check_changes(text);
  auto from = fuzz::headers_of(text, {"tracestate"});
  from.emplace_back("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  auto const context = nanospan::extract(from, propagator::tracecontext);
  check(context.valid());
  check(tracestate{context.tracestate()}.text() == context.tracestate());
  fuzz::headers into;
  nanospan::inject(context, into, propagator::tracecontext);
  if (context.tracestate().size() <= 512) check(nanospan::extract(into, propagator::tracecontext).tracestate() == context.tracestate());
  // Whatever bytes a context was made with, none but printable ones go out.
  fuzz::headers any;
  nanospan::inject(context.with_tracestate(text), any, propagator::tracecontext);
  for (auto const& one : any)
    for (char const c : one.second) check(c >= ' ' && c <= '~');
  return 0;
}
