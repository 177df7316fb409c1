// SPDX-License-Identifier: Apache-2.0

// A program that records, and whose provider is a library's (library.cpp), which is closed. As program.cpp, which has its own.

#include "library.hpp"
#include "way.hpp"

#include <dlfcn.h>

namespace {

int descriptors_of_process() {
  int count = 0;
  if (DIR* const all = ::opendir("/proc/self/fd")) {
    while (dirent const* const one = ::readdir(all)) count += one->d_name[0] != '.';
    ::closedir(all);
  }
  return count;
}
// One with a provider, and what must be as it was before it when it is closed.
class library {
 public:
  explicit library(library_way way, char const* path = NANOSPAN_TEST_LIBRARY) : handle_{::dlopen(path, RTLD_NOW | RTLD_LOCAL)} {
    if (handle_ == nullptr) std::fprintf(stderr, "%s\n", ::dlerror());
    MUST(handle_ != nullptr);
    reinterpret_cast<library_start*>(::dlsym(handle_, "library_starts"))(endpoint.c_str(), way);
  }
  void record(int spans) const {
    reinterpret_cast<library_record*>(::dlsym(handle_, "library_records"))(spans);
    ledger->recorded += static_cast<unsigned>(spans);
  }
  void flush() const { reinterpret_cast<library_flush*>(::dlsym(handle_, "library_flushes"))(); }
  void end() const { reinterpret_cast<library_end*>(::dlsym(handle_, "library_ends"))(); }
  bool closed() const { return ::dlclose(handle_) == 0; }
  void close() const {
    MUST(closed());
    MUST(::dlopen(NANOSPAN_TEST_LIBRARY, RTLD_NOW | RTLD_NOLOAD) == nullptr);  // it is gone
    MUST(threads_of_process() == threads_);
    MUST(descriptors_of_process() == descriptors_);
  }

 private:
  int threads_ = threads_of_process();
  int descriptors_ = descriptors_of_process();
  void* handle_;
};
// None of its handlers is called where it was.
void go_on_without_library() {
  record(1);
  await(forked([] {
    record(1);
    std::exit(0);
  }));
}
int library_is_closed() {
  library const one{to_collector};
  one.record(4);
  record(5);
  one.close();
  go_on_without_library();
  return 0;
}
int library_ends_and_is_closed() {
  library const one{to_collector};
  one.record(4);
  record(5);
  one.end();
  one.close();
  go_on_without_library();
  return 0;
}
int library_with_idle_disk_is_closed() {
  library const one{to_file_as_well};
  one.record(4);
  record(5);
  one.flush();
  MUST(threads_of_process() == 3);
  one.close();
  go_on_without_library();
  return 0;
}
int library_is_closed_quick_exit() {
  std::at_quick_exit(report);
  library const one{to_collector};
  one.record(4);
  record(5);
  one.close();
  std::quick_exit(3);
}
// A library of g++'s, which is never unloaded: the provider ends with the program.
int library_stays() {
  library const one{to_collector, NANOSPAN_TEST_LIBRARY_THAT_STAYS};
  one.record(4);
  MUST(one.closed());
  record(5);
  await(forked([] {
    record(1);
    std::exit(0);
  }));
  return 0;
}
int library_is_opened_again() {
  for (int i = 0; i < 3; ++i) {
    library const one{i == 1 ? to_file_as_well : to_collector};
    one.record(2);
    record(2);
    one.flush();
    one.record(2);
    await(forked([] {
      record(1);  // by a provider of the child's own, with the library's code
      std::exit(0);
    }));
    one.close();
  }
  go_on_without_library();
  return 0;
}

constexpr way ways[] = {
    {"library_is_closed", library_is_closed},
    {"library_ends_and_is_closed", library_ends_and_is_closed},
    {"library_with_idle_disk_is_closed", library_with_idle_disk_is_closed},
    {"library_is_closed_quick_exit", library_is_closed_quick_exit},
    {"library_stays", library_stays},
    {"library_is_opened_again", library_is_opened_again},
};

}  // namespace

int main(int argc, char** argv) { return go(ways, argc, argv); }
