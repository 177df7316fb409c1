// SPDX-License-Identifier: Apache-2.0

// Spans in a program, in two static libraries, in a shared library and in a plugin, each below the one before: one trace, one account.
//   program PLUGIN now|lazy|deep [apart]
// apart: the plugin is expected to have a state of its own, which must be right by itself. With LINKED_PLUGIN it is a part like the others.

#include "checks.hpp"
#include "parts.hpp"

namespace {

struct part {
  void (*run)(void (*)());
  std::uint64_t (*ended)();
  void const* (*state)();
};
part last;

void all_parts() {
  NANOSPAN("program");
  in_an_inline_function();
  one_static_library([] { other_static_library([] { shared_library([] { last.run(nullptr); }); }); });
}

part opened_part([[maybe_unused]] char const* path, [[maybe_unused]] std::string_view how) {
#if LINKED_PLUGIN
  return {plugin, plugin_ended, plugin_state};
#else
  void* const library = opened(path, RTLD_LOCAL | (how == "lazy" ? RTLD_LAZY : RTLD_NOW) | (how == "deep" ? RTLD_DEEPBIND : 0));
  if (library == nullptr) std::exit(1);
  return {looked_up<void(void (*)())>(library, "plugin"), looked_up<std::uint64_t()>(library, "plugin_ended"),
          looked_up<void const*()>(library, "plugin_state")};
#endif
}

}  // namespace

int main(int count, char** arguments) {
  last = opened_part(count > 1 ? arguments[1] : "", count > 2 ? arguments[2] : "");
  bool const apart = count > 3;

  all_parts();
  constexpr std::uint64_t each = 2;  // spans of a part, the inline function's included
  constexpr std::uint64_t in_plugin = each, elsewhere = 4 * each;
  std::uint64_t const here = apart ? elsewhere : elsewhere + in_plugin;
  check(nanospan::stats().dropped.no_provider == here, "what was recorded before there was a provider is in one account");

  auto const memory = std::make_shared<nanospan::memory_exporter>();
  {
    nanospan::tracer_provider tracing{{.exporter = memory, .on_message = [](std::string_view) noexcept {}}};
    all_parts();
    check(tracing.flush(), "it is flushed");
    auto const spans = memory->spans();
    std::string const above = "program > one static library > other static library > shared library";
    check(spans.size() == here, "all spans arrive");
    check(path_to("shared library", spans) == above, "parents are right in the libraries: " + path_to("shared library", spans));
    std::string const expected = apart ? "none" : above + " > plugin";
    check(path_to("plugin", spans) == expected, "parents are right in the plugin: " + path_to("plugin", spans));
    check(nanospan::stats().exported == here, "all are exported");
  }
  auto const now = nanospan::stats();
  check(now.ended == 2 * here && now.accounted() == now.ended, "the account of all is right");
  check(shared_library_ended() == now.ended && shared_library_state() == one_static_library_state(), "the shared library sees the same account");
  // Apart, nobody reads what the plugin records: it says so in its own account, as a program without a provider does.
  check(last.ended() == (apart ? 2 * in_plugin : now.ended), "the plugin's account is right");
  check((last.state() == one_static_library_state()) != apart, apart ? "the plugin is apart" : "the plugin shares the program's state");
  return failures;
}
