// SPDX-License-Identifier: Apache-2.0
#pragma once

// One trace as text: a header line, then a line a span with its place in the tree, a bar from its start to its end, its duration, and what
// went wrong. For the console exporter, and for whoever holds spans of a trace. Any thread.

#include <nanospan/detail/joined.hpp>
#include <nanospan/detail/utf8.hpp>
#include <nanospan/exporter.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numeric>

#include <sys/ioctl.h>
#include <unistd.h>

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
