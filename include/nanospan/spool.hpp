// SPDX-License-Identifier: Apache-2.0
#pragma once

// Batches on disk, until the collector has them: this process' own directory in options.spool_directory, made when it is first needed, and those of processes that are
// gone. A file a batch, written whole or not at all; nothing is synced, so what is there survives the process and not a loss of power. Each call may block as long as the
// disk likes, so they are the side thread's, one at a time.

#include <nanospan/clock.hpp>
#include <nanospan/detail/spool_directory.hpp>
#include <nanospan/shared.hpp>

#include <algorithm>

namespace nanospan::inline v0::detail {

// A batch that is on disk.
struct spool_ticket {
  shared<spool_directory> in = nullptr;
  spool_directory::file file = {};
  std::uint64_t bytes = 0;

  explicit operator bool() const noexcept { return in != nullptr; }
};

class spool {
 public:
  struct found {
    spool_ticket where;
    std::size_t spans;
  };
  struct findings {
    std::vector<found> batches;  // oldest first
    std::size_t broken = 0;      // files that were no batches, and are removed
    std::string error = {};
    bool more = false;  // there may be others, beyond what was asked for
    std::uint64_t most_bytes = 0;  // as asked for
  };

  explicit spool(std::string const& root) : root_{absolute(root)} {}

  // What a batch takes: a file has whole blocks.
  static std::uint64_t bytes_of(std::uint64_t otlp) noexcept { return (otlp + spool_file::header_bytes + 4095) / 4096 * 4096; }
  std::string const& root() const noexcept { return root_; }

  // Takes over the directories of processes that are gone, as long as all that they have is within `most_bytes`; the first one in any case.
  findings adopt(std::uint64_t most_bytes) {
    findings all;
    std::uint64_t bytes = 0;
    for (std::string const& name : names(all.error)) {
      if (bytes >= most_bytes) {
        all.more = true;
        break;
      }
      auto const directory = spool_directory::adopt(root_, name);
      if (directory == nullptr) continue;
      for (auto const& file : directory->list(all.broken)) {
        batch spans;
        std::string error;
        if (directory->get(file, spans, error)) {
          all.batches.push_back({{directory, file, bytes_of(spans.otlp.size())}, spans.span_count});
          bytes += all.batches.back().where.bytes;
        } else if (error.empty()) {
          directory->remove(file);
          ++all.broken;
        } else {
          all.error = error;  // it stays, for another time
        }
      }
    }
    std::sort(all.batches.begin(), all.batches.end(), [](found const& a, found const& b) { return a.where.file.number < b.where.file.number; });
    return all;
  }

  // Returns what went wrong, or nothing, and where it is.
  std::string put(batch const& spans, bool in_flight, spool_ticket& into) {
    std::string error;
    if (own_ == nullptr) own_ = spool_directory::make(root_, error);
    if (own_ == nullptr) return error;
    // By the time at which they came, whichever process they are of.
    std::timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    last_ = std::max(last_ + 1, static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec));
    error = own_->put({last_, in_flight}, spans);
    if (error.empty()) into = {own_, {last_, in_flight}, bytes_of(spans.otlp.size())};
    else if (own_->files() == 0) own_ = nullptr;  // somebody may have removed it
    return error;
  }

 private:
  std::vector<std::string> names(std::string& error) const {
    std::vector<std::string> all;
    DIR* const open = ::opendir(root_.c_str());
    if (open == nullptr) {
      if (errno != ENOENT) error = joined({"opendir ", root_, ": ", std::system_category().message(errno)});
      return all;
    }
    while (dirent const* const entry = ::readdir(open)) {  // NOLINT(concurrency-mt-unsafe): of a stream that nobody else has
      std::string name = entry->d_name;
      std::size_t const dash = name.find('-');
      if (dash != std::string::npos && name.size() == dash + 17 && name.find_first_not_of("0123456789") == dash) all.push_back(std::move(name));
    }
    ::closedir(open);
    return all;
  }
  // The program may go elsewhere. Where it is not known it stays as it is.
  static std::string absolute(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (path.front() == '/') return path;
    std::string directory(4096, '\0');
    if (::getcwd(directory.data(), directory.size()) == nullptr) return path;
    directory.resize(directory.find('\0'));
    return joined({directory, "/", path});
  }

  std::string root_;
  shared<spool_directory> own_;
  std::uint64_t last_ = 0;
};

}  // namespace nanospan::inline v0::detail
