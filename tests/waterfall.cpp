// SPDX-License-Identifier: Apache-2.0

// Through nanospan::waterfall: waterfall.hpp has bodies that exist once in a program.
#include <nanospan/exporter.hpp>

#include "catch.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

using nanospan::span_data;

namespace {

constexpr std::uint64_t start_of_time = 1'700'000'000'000'000'000;

template <std::size_t Bytes = 8>
nanospan::id<Bytes> id_of(std::uint32_t number) {
  std::array<std::uint8_t, Bytes> bytes{};
  for (std::size_t at = 0; at < 4; ++at) bytes[Bytes - 1 - at] = static_cast<std::uint8_t>(number >> 8 * at);
  return nanospan::id<Bytes>{bytes};
}
// Times in milliseconds.
span_data span(std::uint32_t id, std::uint32_t parent, std::string name, std::uint64_t start, std::uint64_t end) {
  span_data made;
  made.trace_id = id_of<16>(0xabc);
  made.span_id = id_of(id);
  made.parent_span_id = id_of(parent);
  made.name = std::move(name);
  made.start_time_unix_nano = start_of_time + start * 1'000'000;
  made.end_time_unix_nano = start_of_time + end * 1'000'000;
  made.service_name = "checkout";
  return made;
}
span_data failed(span_data made, std::string why) {
  made.status = nanospan::span_status::error;
  made.status_message = std::move(why);
  return made;
}
span_data of_service(span_data made, std::string service) {
  made.service_name = std::move(service);
  return made;
}
std::string drawn(std::vector<span_data> spans, std::size_t columns = 60) {
  return "\n" + nanospan::waterfall(std::move(spans), {false, columns});
}

std::vector<std::string> lines_of(std::string const& text) {
  std::vector<std::string> lines{""};
  for (char const c : text) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  }
  lines.pop_back();
  return lines;
}
std::size_t count(std::string const& text, std::string const& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++found;
  return found;
}
// Characters before `what`; each is one column in these tests.
std::size_t column_of(std::string const& line, std::string const& what) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < line.find(what); ++at) columns += (line[at] & 0xc0) != 0x80 ? 1u : 0u;
  return columns;
}
// Without the colours.
std::string plain(std::string text) {
  for (std::size_t at = text.find('\x1b'); at != std::string::npos; at = text.find('\x1b'))
    text.erase(at, text.find('m', at) + 1 - at);
  return text;
}
std::vector<span_data> small_trace() {
  return {span(3, 2, "query", 2, 4), span(2, 1, "authorise", 1, 6), failed(span(4, 1, "charge card", 7, 30), "card declined"),
          span(5, 1, "cache hit", 31, 31), span(1, 0, "GET /orders", 0, 35)};
}

}  // namespace

TEST_CASE("no spans have no picture") { CHECK(nanospan::waterfall({}).empty()); }

TEST_CASE("a trace is a tree of names, bars and durations, whatever order its spans came in") {
  // 35 columns of bars for 35 ms.
  char const* const picture = R"(
trace 00000000000000000000000000000abc  checkout  5 spans  35.0 ms  1 error
GET /orders     ███████████████████████████████████  35.0 ms
├─ authorise     █████                               5.00 ms
│  └─ query       ██                                 2.00 ms
├─ charge card         ███████████████████████       23.0 ms  ✗ card declined
└─ cache hit                                   ▏        0 ns
)";
  std::vector<span_data> spans = small_trace();
  CHECK(drawn(spans) == picture);
  std::reverse(spans.begin(), spans.end());
  CHECK(drawn(spans) == picture);
}

TEST_CASE("one span is a picture, too") {
  CHECK(drawn({span(1, 0, "alone", 0, 1)}, 40) == R"(
trace 00000000000000000000000000000abc  checkout  1 span  1.00 ms
alone  ████████████████████████  1.00 ms
)");
}

TEST_CASE("names are aligned by the columns that they take on a terminal") {
  CHECK(drawn({span(1, 0, "ascii", 0, 10), span(2, 1, "caf\u00e9", 0, 5), span(3, 1, "e\u0301", 0, 5),
               span(4, 1, "\u65e5\u672c\u8a9e", 0, 5), span(5, 1, "\U0001f680", 5, 10)},
              40) == R"(
trace 00000000000000000000000000000abc  checkout  5 spans  10.0 ms
ascii      ████████████████████  10.0 ms
├─ café    ██████████            5.00 ms
├─ é       ██████████            5.00 ms
├─ 日本語  ██████████            5.00 ms
└─ 🚀                ██████████  5.00 ms
)");
}

TEST_CASE("a name that is too long ends in an ellipsis, and never within a character") {
  CHECK(drawn({span(1, 0, "0123456789abcdefghij", 0, 10), span(2, 1, "0123456789abcdefghij", 0, 5),
               span(3, 1, "\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e", 0, 5),
               span(4, 1, "a\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e", 5, 10)},
              40) == R"(
trace 00000000000000000000000000000abc  checkout  4 spans  10.0 ms
0123456789abcde…  █████████████  10.0 ms
├─ 0123456789ab…  ███████        5.00 ms
├─ 日本語日本語…  ███████        5.00 ms
└─ a日本語日本…         ███████  5.00 ms
)");
}

TEST_CASE("spans of several services are labelled with them") {
  CHECK(drawn({of_service(span(1, 0, "GET /", 0, 10), "web"), of_service(span(2, 1, "SELECT", 2, 8), "db")}, 40) == R"(
trace 00000000000000000000000000000abc  2 services  2 spans  10.0 ms
web: GET /     ████████████████  10.0 ms
└─ db: SELECT     ██████████     6.00 ms
)");
}

TEST_CASE("a span whose parent is not there stands at the left") {
  CHECK(drawn({span(2, 1, "orphan", 0, 4), span(3, 2, "its child", 1, 3), span(5, 4, "another", 5, 10)}, 40) == R"(
trace 00000000000000000000000000000abc  checkout  3 spans  10.0 ms
orphan        ███████            4.00 ms
└─ its child   ████              2.00 ms
another               █████████  5.00 ms
)");
}

TEST_CASE("spans that are each other's parents are drawn once each") {
  CHECK(drawn({span(1, 3, "a", 0, 9), span(2, 1, "b", 1, 8), span(3, 2, "c", 2, 7), span(4, 4, "its own parent", 3, 6)}, 40) == R"(
trace 00000000000000000000000000000abc  checkout  4 spans  9.00 ms
its own parent       █████       3.00 ms
a               ███████████████  9.00 ms
└─ b             ████████████    7.00 ms
   └─ c            █████████     5.00 ms
)");
}

TEST_CASE("spans that share an id are drawn once each, with their children") {
  std::string const picture =
      drawn({span(1, 0, "first", 0, 9), span(1, 0, "second", 1, 8), span(2, 1, "child", 2, 7), span(2, 1, "other child", 3, 6)});
  CHECK(lines_of(picture).size() == 1 + 1 + 4);
  for (char const* name : {"first", "second", "child ", "other child"}) CHECK(count(picture, name) >= 1);
}

TEST_CASE("siblings are in the order of their starts, the longer first") {
  auto const lines =
      lines_of(drawn({span(1, 0, "root", 0, 9), span(2, 1, "late", 5, 6), span(3, 1, "short", 1, 2), span(4, 1, "long", 1, 8)}));
  REQUIRE(lines.size() == 6);
  CHECK(lines[3].find("long") != std::string::npos);
  CHECK(lines[4].find("short") != std::string::npos);
  CHECK(lines[5].find("late") != std::string::npos);
}

TEST_CASE("a span of no length is a thin mark where it happened, also as the last and the only one") {
  auto const lines = lines_of(drawn({span(1, 0, "root", 0, 10), span(2, 1, "first", 0, 0), span(3, 1, "last", 10, 10)}));
  REQUIRE(lines.size() == 5);
  std::size_t const first_column = column_of(lines[2], "\u2588");
  CHECK(column_of(lines[3], "\u258f") == first_column);
  CHECK(column_of(lines[4], "\u258f") == first_column + count(lines[2], "\u2588") - 1);
  CHECK(column_of(lines[4], "0 ns") == column_of(lines[3], "0 ns"));
  std::string const alone = drawn({span(1, 0, "alone", 3, 3)});
  CHECK(count(alone, "\u258f") == 1);
  CHECK(count(alone, "0 ns") == 1);
}

TEST_CASE("a span that ends before it starts, or at the end of time, harms no picture") {
  span_data forever = span(3, 1, "forever", 0, 0);
  forever.end_time_unix_nano = ~std::uint64_t{0};
  span_data never = span(4, 1, "never", 0, 0);
  never.start_time_unix_nano = never.end_time_unix_nano = 0;
  CHECK(lines_of(drawn({span(1, 0, "root", 0, 10), span(2, 1, "backwards", 8, 3)})).size() == 4);
  CHECK(lines_of(drawn({span(1, 0, "root", 0, 10), forever, never})).size() == 5);
}

TEST_CASE("durations have three digits and a unit") {
  struct {
    std::uint64_t nanoseconds;
    char const* shown;
  } const durations[] = {{0, "   0 ns"},
                         {1, "   1 ns"},
                         {999, " 999 ns"},
                         {1'000, "1.00 \u00b5s"},
                         {1'234, "1.23 \u00b5s"},
                         {12'345, "12.3 \u00b5s"},
                         {123'456, " 123 \u00b5s"},
                         {999'499, " 999 \u00b5s"},
                         {999'500, "1.00 ms"},
                         {9'994'000, "9.99 ms"},
                         {9'996'000, "10.0 ms"},
                         {99'960'000, " 100 ms"},
                         {1'500'000'000, " 1.50 s"},
                         {3'600'000'000'000, " 3600 s"}};
  for (auto const& [nanoseconds, shown] : durations) {
    span_data timed = span(1, 0, "timed", 0, 0);
    timed.end_time_unix_nano += nanoseconds;
    auto const lines = lines_of(nanospan::waterfall({timed}));
    REQUIRE(lines.size() == 2);
    CAPTURE(lines[1]);
    CHECK(lines[1].ends_with(std::string{"  "} + shown));
  }
}

TEST_CASE("what could be a command to the terminal becomes spaces, in names, services and messages") {
  using namespace std::string_literals;
  std::string const evil =
      "a\x1b[31mb\x1b]0;title\x07"
      "c\nd\re\tf\x7fg\u009bh\0i"s;
  std::vector<span_data> spans{failed(of_service(span(1, 0, evil, 0, 10), evil), evil),
                               of_service(span(2, 1, evil, 0, 5), "b" + evil)};
  for (bool const several : {false, true}) {
    if (!several) spans.pop_back();
    std::string const picture = nanospan::waterfall(spans, {false, 200});
    for (char const* command : {"\x1b", "\x07", "\r", "\t", "\x7f", "\u009b"}) CHECK(picture.find(command) == std::string::npos);
    CHECK(picture.find('\0') == std::string::npos);
    CHECK(lines_of(picture).size() == 1 + spans.size());
    CHECK(picture.find("a [31mb ]0;title c d e f g h i") != std::string::npos);
    if (!several) spans.push_back(of_service(span(2, 1, evil, 0, 5), "b" + evil));
  }
}

TEST_CASE("a command is none either behind a byte that is no UTF-8") {
  for (std::string const before : {"\xc3", "\xe2", "\xe2\x82", "\xf0", "\xf0\x9f\x9a", "\x80", "\xff"}) {
    std::string const picture =
        nanospan::waterfall({failed(span(1, 0, before + "\x1b[31m" + before + "\n", 0, 10), before + "\x1b[2J")});
    CHECK(picture.find('\x1b') == std::string::npos);
    CHECK(lines_of(picture).size() == 2);
  }
}

TEST_CASE("colours change no character, and are there only when asked for") {
  std::string const picture = nanospan::waterfall(small_trace(), {true, 60});
  CHECK(plain(picture) == nanospan::waterfall(small_trace(), {false, 60}));
  CHECK(nanospan::waterfall(small_trace(), {false, 60}).find('\x1b') == std::string::npos);
  CHECK(picture.find("\x1b[31mcharge card\x1b[0m") != std::string::npos);  // an error is red
  CHECK(picture.find("\x1b[31m  \u2717 card declined\x1b[0m") != std::string::npos);
  CHECK(picture.find("\x1b[36m\u2588") != std::string::npos);  // a bar is cyan
  CHECK(count(picture, "\x1b[") % 2 == 0);
  for (std::string const& line : lines_of(picture))
    CHECK((line.find('\x1b') == std::string::npos || line.rfind("\x1b[0m") == line.rfind('\x1b')));
}

TEST_CASE("no picture is narrower than 40 columns, and none wider than it was asked to be") {
  auto const width = [](std::size_t asked) {
    std::size_t widest = 0;
    auto spans = small_trace();
    spans[2].status = nanospan::span_status::unset;
    auto const lines = lines_of(nanospan::waterfall(std::move(spans), {false, asked}));
    for (std::size_t at = 1; at < lines.size(); ++at) widest = std::max(widest, column_of(lines[at] + "|", "|"));
    return widest;
  };
  CHECK(width(0) == 40);
  CHECK(width(39) == 40);
  CHECK(width(60) == 60);
  CHECK(width(80) == 80);
  CHECK(width(100'000) <= 100);  // a bar of 60 is enough
}

TEST_CASE("bars are in one column at any depth") {
  std::vector<span_data> spans;
  for (std::uint32_t depth = 0; depth < 30; ++depth) spans.push_back(span(depth + 1, depth, "deep", 0, 10));
  for (std::size_t const columns : {100u, 60u, 40u}) {
    CAPTURE(columns);
    auto const lines = lines_of(nanospan::waterfall(spans, {false, columns}));
    REQUIRE(lines.size() == 31);
    CHECK(std::count_if(lines.begin() + 1, lines.end(),
                        [&](auto const& line) { return column_of(line, "\u2588") != column_of(lines[1], "\u2588"); }) == 0);
  }
}

TEST_CASE("a trace 10,000 spans deep is drawn, a line a span") {
  std::vector<span_data> spans;
  for (std::uint32_t depth = 0; depth < 10'000; ++depth)
    spans.push_back(span(depth + 1, depth, std::to_string(depth), 0, 20'000 - depth));
  auto const lines = lines_of(nanospan::waterfall(std::move(spans)));
  REQUIRE(lines.size() == 10'001);
  for (std::size_t const depth : {0u, 12u, 13u, 999u, 9'999u})
    CHECK(lines[1 + depth].find(std::to_string(depth) + " ") != std::string::npos);
  CHECK(lines[10'000].size() < 1'000);
}

TEST_CASE("a trace 10,000 spans wide is drawn, a line a span") {
  std::vector<span_data> spans{span(1, 0, "root", 0, 20'000)};
  for (std::uint32_t at = 0; at < 10'000; ++at) spans.push_back(span(at + 2, 1, "child " + std::to_string(at), at, at + 5));
  auto const lines = lines_of(nanospan::waterfall(std::move(spans)));
  REQUIRE(lines.size() == 10'002);
  CHECK(lines[2].find("\u251c\u2500 child 0 ") == 0);
  CHECK(lines[10'001].find("\u2514\u2500 child 9999 ") == 0);
}
