// SPDX-License-Identifier: Apache-2.0
#pragma once

// The exporter that writes OpenTelemetry's JSON Lines. Transcoding and the disk are the side thread's: the background thread only hands a copy of the batch over.

#include <nanospan/clock.hpp>
#include <nanospan/detail/line_file.hpp>
#include <nanospan/detail/side_thread.hpp>
#include <nanospan/exporter.hpp>
#include <nanospan/otlp_json.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace nanospan::inline v0 {

struct otlp_file_exporter::state {
  // One line, shared with the thread that writes it.
  struct job {
    explicit job(std::string bytes) : otlp{std::move(bytes)} {}
    std::string otlp;
    std::atomic<bool> taken{false};  // by who writes it, or by who does not wait any more for its turn
    std::string error = "out of memory";
  };
  static constexpr std::uint64_t limit = 10'000'000'000;  // nanoseconds an attempt

  otlp_file_options options;
  std::string path;
  shared<detail::line_file> file;
  detail::side_thread disk;
  shared<job> pending;  // was begun, and not seen to end
  bool used = false;

  void open() { file = shared<detail::line_file>::make<detail::line_file>(path, options.max_bytes, options.max_files); }
  static std::string absolute(std::string const& path) {
    if (path == "-" || path.front() == '/') return path;
    std::string directory(4096, '\0');
    if (::getcwd(directory.data(), directory.size()) == nullptr)
      throw configuration_error{detail::joined({"otlp_file: path \"", path, "\": the current directory is not known"})};
    directory.resize(directory.find('\0'));
    return detail::joined({directory, "/", path});
  }
  static void write(detail::line_file& into, job& one) {
    std::string line;
    line.reserve(one.otlp.size() * 3);
    detail::append_otlp_json(line, one.otlp);
    line += '\n';
    one.error = into.append(line);
  }
};

otlp_file_exporter::otlp_file_exporter(otlp_file_options with) : state_{shared<state>::make<state>()} {
  if (with.path.empty()) throw configuration_error{"otlp_file: path is empty"};
  if (with.max_files == 0) throw configuration_error{"otlp_file: max_files is 0; the current file is one"};
  state_->path = state::absolute(with.path);
  state_->options = std::move(with);
  state_->open();
}
otlp_file_exporter::~otlp_file_exporter() = default;

export_result otlp_file_exporter::export_batch(batch const& spans, export_wait& wait) {
  using outcome = export_result::outcome;
  state& self = *state_;
  self.used = true;
  // What hung at the last attempt may have been written since, and would be there twice.
  bool const again = self.pending && self.pending->otlp == spans.otlp;
  auto const one = again ? self.pending : shared<state::job>::make<state::job>(spans.otlp);
  std::function<void()> work = [] {};
  if (!again)
    work = [one, file = self.file] {
      if (!one->taken.exchange(true)) state::write(*file, *one);
    };
  bool done = true;
  try {
    done = self.disk.run(work, wait, detail::monotonic_nanoseconds() + state::limit);
  } catch (std::system_error const&) {
    try {
      work();  // no thread to be had: nothing is drained meanwhile, but nothing is lost either
    } catch (std::bad_alloc const&) {}  // NOLINT(bugprone-empty-catch): as the error says
  }
  if (!done) {
    bool const begun = again || one->taken.exchange(true);
    if (begun) self.pending = one;
    return {begun ? outcome::unconfirmed : outcome::retry, 0, {}, self.path + ": the disk does not answer"};
  }
  self.pending = nullptr;
  if (one->error.empty()) return {};
  return {outcome::retry, 0, {}, std::move(one->error)};
}

shared<exporter> otlp_file_exporter::for_child() const {
  otlp_file_options same = state_->options;
  same.path = state_->path;  // complete: the child may be elsewhere
  return shared<exporter>::make<otlp_file_exporter>(std::move(same));
}

std::uint64_t otlp_file_exporter::shutdown(export_wait& wait) {
  state& self = *state_;
  if (!self.used) return 0;
  // close() may block, too. Where something hangs already, nobody waits for it: the file is let go of when that ends.
  std::uint64_t const deadline = self.pending ? 0 : detail::monotonic_nanoseconds() + state::limit;
  try {
    self.disk.run([file = std::exchange(self.file, nullptr)] {}, wait, deadline);
  } catch (std::system_error const&) {}  // NOLINT(bugprone-empty-catch): closed here, then
  self.open();
  self.used = false;
  return 0;
}

std::string otlp_file_exporter::description() const { return "OTLP/JSON lines in " + state_->path; }

}  // namespace nanospan::inline v0
