// SPDX-License-Identifier: Apache-2.0

// A plugin that is unloaded takes its code and its literals away, and what is left must be right. The program itself records nothing.
//   unload CASE PLUGIN OTHER_PLUGIN

#include "checks.hpp"

#include <future>
#include <map>
#include <thread>

#include <link.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using run_function = void(void (*)());

class plugin {
 public:
  explicit plugin(char const* path) : path_{path}, library_{opened(path, RTLD_NOW | RTLD_LOCAL)} {
    if (library_ == nullptr) std::exit(1);
  }
  void run() const { looked_up<run_function>(library_, "plugin")(nullptr); }
  std::uintptr_t address() const {
    link_map* map = nullptr;
    return ::dlinfo(library_, RTLD_DI_LINKMAP, &map) == 0 ? map->l_addr : 0;
  }
  std::uint64_t ended() const { return looked_up<std::uint64_t()>(library_, "plugin_ended")(); }
  bool loaded() const {
    void* const library = ::dlopen(path_, RTLD_NOW | RTLD_NOLOAD);
    if (library != nullptr) ::dlclose(library);
    return library != nullptr;
  }
  void close() const { check(nanospan::drain() && ::dlclose(library_) == 0, "it is drained and closed"); }
  void unload() const {
    close();
    check(!loaded(), "it is unloaded");
  }

 private:
  char const* path_;
  void* library_;
};

std::map<std::string, int> names_in(std::vector<nanospan::span_data> const& spans) {
  std::map<std::string, int> seen;
  for (auto const& span : spans) {
    ++seen[span.name];
    if (span.name == "inline function") continue;
    check(span.attributes == nanospan::attribute_list{{"part", span.name}}, "the attribute of " + span.name + " says its name");
    check(span.scope_name == span.name && span.scope_attributes == span.attributes, "the tracer of " + span.name + " is its own");
  }
  return seen;
}

// Another library at the same address: its literals lie where the first one's lay.
void names(char const* first, char const* second) {
  auto const memory = std::make_shared<nanospan::memory_exporter>();
  nanospan::tracer_provider tracing{{.exporter = memory}};
  std::uintptr_t before = 0;
  for (char const* path : {first, second}) {
    plugin const one{path};
    if (before != 0) check(one.address() == before, "both lie at the same address");
    before = one.address();
    one.run();
    one.unload();
  }
  check(tracing.flush(), "it is flushed");
  check(names_in(memory->spans()) == std::map<std::string, int>{{"inline function", 2}, {"a plugin", 1}, {"another one", 1}}, "each span has its own name");
}

// A thread whose first span was the plugin's lives on.
void thread(char const* first, char const* second) {
  auto const memory = std::make_shared<nanospan::memory_exporter>();
  nanospan::tracer_provider tracing{{.exporter = memory}};
  plugin const one{first};
  std::promise<void> recorded, unloaded;
  std::thread lives_on{[&] {
    one.run();
    recorded.set_value();
    unloaded.get_future().wait();
    plugin{second}.run();
  }};
  recorded.get_future().wait();
  one.unload();
  unloaded.set_value();
  lives_on.join();
  check(tracing.flush() && memory->spans().size() == 4, "all spans arrive");
  check(nanospan::stats().ended == 4 && nanospan::stats().exported == 4, "all are counted");
}

// The process's first span was the plugin's: the handlers of fork that a library brings go with it.
void fork(char const* path) {
  nanospan::tracer_provider tracing{{.exporter = std::make_shared<nanospan::memory_exporter>(), .background_thread = false}};
  plugin const one{path};
  one.run();
  one.unload();
  pid_t const child = ::fork();
  if (child == 0) ::_exit(nanospan::stats().ended == 0 ? 0 : 1);
  int status = 0;
  check(child > 0 && ::waitpid(child, &status, 0) == child && status == 0, "a forked child's account begins anew");
  check(nanospan::stats().ended == 2, "the parent's goes on");
}

// A plugin that sees nothing of the program has a state of its own. Its code stays while a thread is to run it at its end.
void apart(char const* path) {
  nanospan::tracer_provider tracing{{.exporter = std::make_shared<nanospan::memory_exporter>()}};
  plugin const one{path};
  std::promise<void> recorded, closed;
  std::thread lives_on{[&] {
    one.run();
    recorded.set_value();
    closed.get_future().wait();
  }};
  recorded.get_future().wait();
  check(one.ended() == 2 && nanospan::stats().ended == 0, "it counts for itself");
  one.close();
  check(one.loaded(), "it stays while the thread lives");
  closed.set_value();
  lives_on.join();
  check(tracing.flush(), "it is flushed");
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return 2;
  std::string_view const which = arguments[1];
  if (which == "names") names(arguments[2], arguments[3]);
  else if (which == "thread") thread(arguments[2], arguments[3]);
  else if (which == "fork") fork(arguments[2]);
  else if (which == "apart") apart(arguments[2]);
  else return 2;
  return failures;
}
