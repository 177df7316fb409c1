// SPDX-License-Identifier: Apache-2.0
#pragma once

// A file that grows by whole lines, whoever else appends to it, and begins anew when it is large. Blocks as a disk does. One thread at a time. Background half.

#include <nanospan/detail/descriptor.hpp>
#include <nanospan/detail/joined.hpp>

#include <cerrno>
#include <cstdint>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nanospan::inline v0::detail {

class line_file {
 public:
  // "-": standard output.
  line_file(std::string path, std::uint64_t max_bytes, std::size_t max_files) : path_{std::move(path)}, max_bytes_{max_bytes}, max_files_{max_files} {}

  // `line` ends with its newline; it may get one before it, too. Returns nothing where it stands in the file, whole; else none of it does (what is not a regular
  // file takes nothing back), and this says why. Throws std::bad_alloc.
  std::string append(std::string& line) {
    struct unlocked_at_end {
      line_file& file;
      ~unlocked_at_end() { file.unlock(); }
    } const unlocked{*this};
    if (append_locked(line)) return {};
    int const error = errno;
    unlock();
    file_ = descriptor{};  // the next one begins with a new one
    return joined({path_, ": ", what_, std::generic_category().message(error)});
  }

 private:
  bool append_locked(std::string& line) {
    if (!open_and_lock()) return false;
    if (!regular_) return write_all(line);
    while (may_rotate_ && max_bytes_ != 0 && size_ != 0 && size_ + line.size() > max_bytes_) {  // others may have filled the next one at once
      what_ = "cannot begin another file: ";
      if (!rotate() || !open_and_lock()) return false;
    }
    what_ = "";
    if (ends_within_line()) line.insert(line.begin(), '\n');  // a process was killed there
    if (write_all(line)) return true;
    int const error = errno;
    take_back();
    errno = error;
    return false;
  }

  // The file that the path names, alone in it; another process may have put another one there meanwhile.
  bool open_and_lock() {
    for (;;) {
      if (!file_.open() && !open()) return false;
      if (path_ == "-") return true;
      while (!(locked_ = ::flock(file_.get(), LOCK_EX) == 0) && errno == EINTR) {}  // where there are no locks, O_APPEND is what there is
      struct stat mine{};
      struct stat named{};
      if (::fstat(file_.get(), &mine) != 0) return false;
      regular_ = S_ISREG(mine.st_mode);
      size_ = static_cast<std::uint64_t>(mine.st_size);
      if (::stat(path_.c_str(), &named) == 0 && named.st_ino == mine.st_ino && named.st_dev == mine.st_dev) break;
      unlock();
      file_ = descriptor{};
    }
    // A link is not ours to rename.
    struct stat entry{};
    may_rotate_ = ::lstat(path_.c_str(), &entry) == 0 && S_ISREG(entry.st_mode);
    return true;
  }
  bool open() {
    if (path_ == "-") {
      file_ = descriptor{::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)};
      return file_.open();
    }
    // To be read, too: its last byte. O_NONBLOCK: a pipe without a reader is an error (ENXIO), not something to wait for.
    struct stat entry{};
    bool const other = ::stat(path_.c_str(), &entry) == 0 && !S_ISREG(entry.st_mode);
    int const flags = O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (other ? O_WRONLY : O_RDWR | O_CREAT);
    file_ = descriptor{::open(path_.c_str(), flags, 0666)};  // less the umask
    if (!file_.open()) return false;
    ::fcntl(file_.get(), F_SETFL, O_APPEND);  // from here on it may block: this is the thread for that
    return true;
  }
  bool ends_within_line() const {
    char last = '\n';
    return size_ != 0 && ::pread(file_.get(), &last, 1, static_cast<off_t>(size_ - 1)) == 1 && last != '\n';
  }

  // The current one becomes path.1, last: until then every other process waits for its lock, and afterwards finds another file there.
  bool rotate() {
    auto const name = [&](std::size_t number) { return number == 0 ? path_ : joined({path_, ".", std::to_string(number)}); };
    if (max_files_ == 1 && ::unlink(path_.c_str()) != 0) return false;
    // As far as there are any: who keeps all of them has a number without end.
    std::size_t last = max_files_ == 1 ? 0 : 1;
    struct stat there{};
    while (last < max_files_ - 1 && ::lstat(name(last).c_str(), &there) == 0) ++last;
    for (std::size_t number = last; number != 0; --number)
      if (::rename(name(number - 1).c_str(), name(number).c_str()) != 0 && errno != ENOENT) return false;
    unlock();
    file_ = descriptor{};
    return true;
  }
  // Said, and not left to close(): a forked child may have the descriptor, too.
  void unlock() noexcept {
    if (std::exchange(locked_, false)) ::flock(file_.get(), LOCK_UN);
  }

  // One write() but where the system takes a part only.
  bool write_all(std::string_view text) {
    written_ = 0;
    while (written_ != text.size()) {
      ssize_t const now = write_without_signal(file_.get(), text.data() + written_, text.size() - written_);
      if (now > 0) {
        written_ += static_cast<std::size_t>(now);
      } else if (now == 0) {
        errno = ENOSPC;
        return false;
      } else if (errno == EAGAIN) {  // somebody else's O_NONBLOCK, on standard output
        pollfd ready{file_.get(), POLLOUT, 0};
        ::poll(&ready, 1, -1);
      } else if (errno != EINTR) {
        return false;
      }
    }
    return true;
  }
  // What was written of a line that cannot be, unless somebody without our lock has appended since: then it is a broken line, which the next append ends.
  void take_back() const {
    struct stat now{};
    if (written_ == 0 || ::fstat(file_.get(), &now) != 0 || static_cast<std::uint64_t>(now.st_size) != size_ + written_) return;
    while (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0 && errno == EINTR) {}
  }

  std::string path_;
  std::uint64_t max_bytes_;
  std::size_t max_files_;
  descriptor file_;
  char const* what_ = "";  // was being done
  bool locked_ = false;
  bool regular_ = false;
  bool may_rotate_ = false;
  std::uint64_t size_ = 0;       // under the lock
  std::size_t written_ = 0;      // of the line
};

}  // namespace nanospan::inline v0::detail
