// SPDX-License-Identifier: Apache-2.0

// Our half of the comparison with opentelemetry-go, whose other half is in peer/: reads a line, answers with a line, until there is no
// more. Fields are separated by tabs, text is hexadecimal.
//   extract FORMATS NAME=VALUE...                         TRACE SPAN FLAGS DEBUG TRACESTATE KEY:VALUE:PROPERTIES...
//   inject FORMATS TRACE SPAN FLAGS TRACESTATE KEY:VALUE:PROPERTIES...      NAME=VALUE...

#include <nanospan.hpp>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

using headers = std::vector<std::pair<std::string, std::string>>;
namespace detail = nanospan::detail;

std::string hex(std::string_view text) {
  std::string digits;
  for (char const c : text) {
    digits += "0123456789abcdef"[static_cast<std::uint8_t>(c) >> 4];
    digits += "0123456789abcdef"[static_cast<std::uint8_t>(c) & 15];
  }
  return digits;
}
std::string text_of(std::string_view digits) {
  std::string text;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2) text += static_cast<char>(detail::digit_of(digits[at]) << 4 | detail::digit_of(digits[at + 1]));
  return text;
}
std::vector<std::string_view> split(std::string_view line, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    std::size_t const at = line.find(separator);
    parts.push_back(line.substr(0, at));
    if (at == std::string_view::npos) return parts;
    line.remove_prefix(at + 1);
  }
}
nanospan::propagator_set formats_of(std::string_view number) {
  return nanospan::propagator_set::none() | nanospan::propagator_set::of_bits(static_cast<std::uint8_t>(std::stoi(std::string{number})));
}

std::string extract(std::vector<std::string_view> const& fields) {
  headers from;
  for (std::size_t at = 2; at < fields.size(); ++at) {
    auto const pair = split(fields[at], '=');
    from.emplace_back(text_of(pair[0]), text_of(pair[1]));
  }
  auto const context = nanospan::extract(from, formats_of(fields[1]));
  headers b3;
  nanospan::inject(context, b3, nanospan::propagator::b3);
  bool const debug = !b3.empty() && b3[0].second.ends_with("-d");
  std::string answer = std::string{context.trace_id().hex()} + '\t' + context.span_id().hex().c_str() + '\t' + std::to_string(context.trace_flags()) + '\t' +
                       (debug ? "1" : "0") + '\t' + hex(context.tracestate());
  for (auto const& one : nanospan::baggage{context.baggage()}) answer += '\t' + hex(one.key) + ':' + hex(one.value()) + ':' + hex(one.properties);
  return answer;
}

std::string inject(std::vector<std::string_view> const& fields) {
  nanospan::baggage baggage;
  for (std::size_t at = 6; at < fields.size(); ++at) {
    auto const member = split(fields[at], ':');
    if (!baggage.set(text_of(member[0]), text_of(member[1]), text_of(member[2]))) return "refused";
  }
  nanospan::span_context const context{detail::id_of_hex<16>(fields[2]), detail::id_of_hex<8>(fields[3]), static_cast<std::uint8_t>(std::stoi(std::string{fields[4]})), false,
                                       text_of(fields[5])};
  headers into;
  nanospan::inject(context.with_baggage(baggage.text()), into, formats_of(fields[1]));
  std::string answer;
  for (auto const& [name, value] : into) answer += (answer.empty() ? "" : "\t") + hex(name) + '=' + hex(value);
  return answer;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    auto const fields = split(line, '\t');
    std::cout << (fields[0] == "extract" ? extract(fields) : inject(fields)) << std::endl;  // NOLINT(performance-avoid-endl): the peer waits
  }
}
