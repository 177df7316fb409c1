// SPDX-License-Identifier: Apache-2.0
#pragma once

// The exporter that draws traces on a terminal (or into a file or pipe): collects spans until the root of their trace in this process
// has arrived, then writes its waterfall. Never waits longer than the rings can: each write is of what a pipe takes at once.

#include <nanospan/clock.hpp>
#include <nanospan/detail/descriptor.hpp>
#include <nanospan/otlp_reader.hpp>
#include <nanospan/waterfall.hpp>

#include <cerrno>
#include <climits>
#include <iterator>
#include <list>

namespace nanospan::inline v0 {

struct console_exporter::state {
  struct trace {
    nanospan::trace_id id;
    std::vector<span_data> spans;
    bool root_arrived = false;
  };
  int descriptor;
  waterfall_style style;
  std::list<trace> traces = {};  // by their first span's arrival
  std::map<std::array<std::uint8_t, 16>, std::list<trace>::iterator> places = {};
  std::size_t waiting = 0;  // spans in them

  static constexpr std::size_t most_waiting = 100'000;  // spans; beyond it the oldest trace is drawn as it is

  trace& of(nanospan::trace_id id) {
    auto const [place, is_new] = places.try_emplace(id.bytes());
    if (is_new) place->second = traces.insert(traces.end(), trace{id, {}, false});
    return *place->second;
  }
  std::string draw(std::list<trace>::iterator which) {
    waiting -= which->spans.size();
    std::string picture = waterfall(std::move(which->spans), style) + "\n";
    places.erase(which->id.bytes());
    traces.erase(which);
    return picture;
  }
  // False where the other side does not read.
  bool write(std::string_view text, export_wait& wait) const {
    while (!text.empty()) {
      std::uint64_t const deadline = detail::monotonic_nanoseconds() + 2'000'000'000;
      if (wait.wait(descriptor, true, deadline) != export_wait::outcome::ready) return false;
      auto const written = detail::write_without_signal(descriptor, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
      if (written < 0 && errno != EINTR && errno != EAGAIN) return false;
      if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }
};

console_exporter::console_exporter(int descriptor) : state_{shared<state>::make<state>(descriptor, waterfall_style::of(descriptor))} {}

export_result console_exporter::export_batch(batch const& spans, export_wait& wait) {
  state& self = *state_;
  for (span_data& span : spans.spans()) {
    auto& trace = self.of(span.trace_id);
    trace.root_arrived |= !span.parent_span_id.valid() || (span.flags & 0x200) != 0;
    trace.spans.push_back(std::move(span));
    ++self.waiting;
  }
  std::string pictures;
  for (auto at = self.traces.begin(); at != self.traces.end();) {
    auto const next = std::next(at);
    if (at->root_arrived || self.waiting > state::most_waiting) pictures += self.draw(at);
    at = next;
  }
  if (self.write(pictures, wait)) return {};
  return {export_result::outcome::failure, 0, {}, "nobody reads what is drawn"};
}

shared<exporter> console_exporter::for_child() const { return shared<exporter>::make<console_exporter>(state_->descriptor); }

std::uint64_t console_exporter::shutdown(export_wait& wait) {
  state& self = *state_;
  std::uint64_t const waiting = self.waiting;
  std::string pictures;
  while (!self.traces.empty()) pictures += self.draw(self.traces.begin());
  return self.write(pictures, wait) ? 0 : waiting;
}

std::string console_exporter::description() const { return "the console"; }

}  // namespace nanospan::inline v0
