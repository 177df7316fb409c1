// SPDX-License-Identifier: Apache-2.0
#pragma once

// One owner's directory in a spool: <spool>/<pid>-<16 hex digits, random>/, with a file `owner` on which the owner holds a lock of fcntl()'s kind: a forked child has no
// part in it, and the kernel lets go of it however the owner ends. Whoever gets that lock later owns what is there. Each call may block as long as the disk likes.

#include <nanospan/detail/descriptor.hpp>
#include <nanospan/detail/joined.hpp>
#include <nanospan/detail/spool_file.hpp>
#include <nanospan/detail/spool_names.hpp>
#include <nanospan/id.hpp>
#include <nanospan/shared.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nanospan::inline v0::detail {

class spool_directory {
 public:
  struct file {
    std::uint64_t number;
    bool in_flight;  // was being sent when it was last heard of
  };

  spool_directory(spool_directory const&) = delete;
  spool_directory& operator=(spool_directory const&) = delete;
  // Removed where nothing is left in it; else it is left to whoever comes.
  ~spool_directory() {
    if (!owner_.open() || process_ != ::getpid()) return;
    bool const nothing = files_ == 0;
    try {
      if (nothing && ::unlink(owner_path().c_str()) == 0) ::rmdir(path_.c_str());
      owner_ = descriptor{};  // before the next line: who takes it then has a lock of his own
      spool_names::set(name_, nothing ? spool_names::kind::unknown : spool_names::kind::left);
    } catch (...) {}  // NOLINT(bugprone-empty-catch): then nobody here takes it
  }

  // A new one. Null, and why, where there cannot be one.
  static shared<spool_directory> make(std::string const& root, std::string& error) {
    if (!make_path(root)) return failed("mkdir", root, error);
    random_ids random;
    random.seed();
    // Whoever looks around at this moment may take an empty one for a dead one's.
    for (int tries = 0; tries < 100; ++tries) {
      char name[64];
      std::snprintf(name, sizeof name, "%ld-%016llx", static_cast<long>(::getpid()), static_cast<unsigned long long>(std::bit_cast<std::uint64_t>(random.next_span_id())));
      auto made = shared<spool_directory>::make<spool_directory>(root, name);
      if (::mkdir(made->path_.c_str(), 0700) != 0) return failed("mkdir", made->path_, error);
      int const owner = ::open(made->owner_path().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
      if (owner < 0 && errno != ENOENT) {
        failed("open", made->owner_path(), error);
        ::rmdir(made->path_.c_str());
        return nullptr;
      }
      if (owner < 0) continue;
      if (made->own(owner)) {
        spool_names::set(made->name_, spool_names::kind::living);
        return made;
      }
      // NOLINTNEXTLINE(clang-analyzer-unix.Errno): own() says there why not
      if (errno != 0 && errno != EAGAIN && errno != EACCES) return failed("lock", made->owner_path(), error);
    }
    errno = EAGAIN;
    return failed("mkdir", root, error);
  }
  // One whose owner is gone; null for any other.
  static shared<spool_directory> adopt(std::string const& root, std::string const& name) {
    if (spool_names::of(name) == spool_names::kind::living) return nullptr;
    auto found = shared<spool_directory>::make<spool_directory>(root, name);
    found->files_ = 1;  // until list() has counted: nothing of it is removed before
    struct stat is{};
    if (::lstat(found->path_.c_str(), &is) != 0 || !S_ISDIR(is.st_mode) || is.st_uid != ::geteuid()) return nullptr;
    int const owner = ::open(found->owner_path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (owner < 0 && errno == ENOENT) ::rmdir(found->path_.c_str());  // its maker died, or comes with another one
    if (owner < 0 || !found->own(owner)) return nullptr;
    found->left_here_ = spool_names::of(name) == spool_names::kind::left;
    spool_names::set(name, spool_names::kind::living);
    return found;
  }

  // Those there now, in no order. What nobody finished writing is removed.
  std::vector<file> list(std::size_t& broken) {
    std::vector<file> all;
    std::vector<std::string> unfinished;
    if (DIR* const open = ::opendir(path_.c_str()); open != nullptr) {
      while (dirent const* const entry = ::readdir(open)) {  // NOLINT(concurrency-mt-unsafe): of a stream that nobody else has
        std::string_view const is = entry->d_name;
        if (is.size() < 17 || is[16] != '.' || is.find_first_not_of("0123456789abcdef") != 16) continue;
        std::string_view const ending = is.substr(17);
        if (ending == "tmp") unfinished.emplace_back(is);
        else if (ending == "otlp" || ending == "sending") all.push_back({std::strtoull(entry->d_name, nullptr, 16), ending == "sending"});
      }
      ::closedir(open);
    }
    for (std::string const& one : unfinished) ::unlink(joined({path_, "/", one}).c_str());
    broken += unfinished.size();
    files_ = all.size();
    return all;
  }

  // Written to a file of another name first: under its own it is whole. Returns what went wrong, or nothing.
  std::string put(file as, batch const& spans) {
    std::string const temporary = path_of(as.number, "tmp");
    descriptor const to{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
    auto const header = spool_file::header_of(spans);
    if (to.open() && write_all(to, {header.data(), header.size()}) && write_all(to, spans.otlp) && ::rename(temporary.c_str(), path_of(as).c_str()) == 0) {
      ++files_;
      return {};
    }
    std::string error;
    failed(to.open() ? "write" : "open", temporary, error);
    ::unlink(temporary.c_str());
    return error;
  }
  // True with what is there; false with `error`, or without where it is broken or gone.
  bool get(file which, batch& into, std::string& error) const {
    error.clear();
    std::string const path = path_of(which);
    descriptor const from{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    struct stat is{};
    if (!from.open() || ::fstat(from.get(), &is) != 0) {
      if (errno != ENOENT && errno != ELOOP) failed("open", path, error);
      return false;
    }
    auto const size = static_cast<std::uint64_t>(is.st_size);
    if (!S_ISREG(is.st_mode) || size > spool_file::most_bytes) return false;
    std::string bytes(static_cast<std::size_t>(size), '\0');
    for (std::size_t at = 0; at < bytes.size();) {
      ssize_t const count = ::read(from.get(), &bytes[at], bytes.size() - at);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) failed("read", path, error);
      if (count <= 0) return false;
      at += static_cast<std::size_t>(count);
    }
    return spool_file::read(std::move(bytes), into);
  }
  // Tells whoever comes after us that the collector may have it, or that it has not.
  bool mark(file& which, bool in_flight) const noexcept {
    if (which.in_flight == in_flight) return true;
    try {
      if (::rename(path_of(which).c_str(), path_of({which.number, in_flight}).c_str()) != 0) return false;
    } catch (...) {
      return false;
    }
    which.in_flight = in_flight;
    return true;
  }
  void remove(file which) {
    if (::unlink(path_of(which).c_str()) == 0 || errno == ENOENT) --files_;
  }

  std::size_t files() const noexcept { return files_; }
  // It was this process that left it: an earlier provider.
  bool left_here() const noexcept { return left_here_; }

  // For make() and adopt() only.
  spool_directory(std::string const& root, std::string const& name) : path_{joined({root, "/", name})}, name_{name} {}

 private:
  static shared<spool_directory> failed(char const* what, std::string const& path, std::string& error) {
    error = joined({what, " ", path, ": ", std::system_category().message(errno)});
    return nullptr;
  }
  static bool make_path(std::string const& path) {
    for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
      bool const made = ::mkdir(path.substr(0, at).c_str(), 0700) == 0;
      if (at == std::string::npos) {
        return made || errno == EEXIST;
      }
    }
  }
  static bool write_all(descriptor const& to, std::string_view bytes) noexcept {
    while (!bytes.empty()) {
      ssize_t const count = write_without_signal(to.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  // The lock, on the file that is there: it may have been removed between. errno 0 says so.
  bool own(int owner) {
    descriptor held{owner};
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(owner, F_SETLK, &whole) != 0) return false;
    struct stat opened{};
    struct stat there{};
    errno = 0;
    if (::fstat(owner, &opened) != 0 || opened.st_nlink == 0) return errno = 0, false;
    if (::stat(owner_path().c_str(), &there) != 0 || there.st_ino != opened.st_ino || there.st_dev != opened.st_dev) return errno = 0, false;
    owner_ = std::move(held);
    return true;
  }
  std::string owner_path() const { return path_ + "/owner"; }
  std::string path_of(std::uint64_t number, char const* ending) const {
    char name[32];
    std::snprintf(name, sizeof name, "/%016llx.", static_cast<unsigned long long>(number));
    return joined({path_, name, ending});
  }
  std::string path_of(file which) const { return path_of(which.number, which.in_flight ? "sending" : "otlp"); }

  std::string path_;
  std::string name_;
  descriptor owner_;
  std::size_t files_ = 0;
  bool left_here_ = false;
  pid_t process_ = ::getpid();
};

}  // namespace nanospan::inline v0::detail
