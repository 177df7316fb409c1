// SPDX-License-Identifier: Apache-2.0

// OTLP's bytes, which are any: what they become is one line in UTF-8 that Boost's parser reads as JSON.

#include <nanospan/otlp_json.hpp>

#include "support.hpp"

#include <boost/property_tree/json_parser.hpp>

#include <sstream>

using fuzz::check;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const bytes = fuzz::text_of(data, size);
  std::string json;
  nanospan::detail::append_otlp_json(json, bytes);
  check(nanospan::detail::is_utf8(json) && json.size() <= 2 + 40 * size);
  for (char const c : json) check(static_cast<unsigned char>(c) >= ' ');
  for (char const* end : {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"}) check(json.find(end) == std::string::npos);
  std::istringstream text{json};
  boost::property_tree::ptree tree;
  boost::property_tree::read_json(text, tree);  // throws where it is none

  // The same of the input as text.
  std::string quoted;
  nanospan::detail::append_json_text(quoted, bytes);
  std::istringstream object{"{\"text\":" + quoted + "}"};
  boost::property_tree::read_json(object, tree);
  check(tree.get<std::string>("text") == (nanospan::detail::is_utf8(bytes) ? std::string{bytes} : nanospan::detail::repaired_utf8(bytes)));
  return 0;
}
