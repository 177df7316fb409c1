// SPDX-License-Identifier: Apache-2.0
#pragma once

// What these programs check with: a fact that does not hold is a line, and the exit code. And a plugin, opened or not.

#include <nanospan.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <dlfcn.h>

inline int failures = 0;

inline void check(bool holds, std::string_view fact) {
  if (holds) return;
  ++failures;
  std::printf("not so: %.*s\n", static_cast<int>(fact.size()), fact.data());
}

// Null with a line that says why.
inline void* opened(char const* path, int how) {
  void* const library = ::dlopen(path, how);
  if (library == nullptr) check(false, ::dlerror());
  return library;
}
template <typename Function>
Function* looked_up(void* library, char const* name) {
  void* const found = ::dlsym(library, name);
  if (found == nullptr) {
    std::printf("not so: %s\n", ::dlerror());
    std::exit(2);
  }
  return reinterpret_cast<Function*>(found);
}

// From the outermost: the names of the span called `name` and of those above it.
inline std::string path_to(std::string_view name, std::vector<nanospan::span_data> const& spans) {
  auto const named = [&](nanospan::span_data const& one) { return one.name == name; };
  auto const found = std::find_if(spans.begin(), spans.end(), named);
  if (found == spans.end()) return "none";
  if (std::find_if(std::next(found), spans.end(), named) != spans.end()) return "two";
  std::string path{name};
  for (nanospan::span_data const* at = &*found; at->parent_span_id.valid();) {
    auto const parent = std::find_if(spans.begin(), spans.end(), [&](nanospan::span_data const& one) {
      return one.span_id == at->parent_span_id && one.trace_id == at->trace_id;
    });
    if (parent == spans.end()) return "? > " + path;
    path = parent->name + " > " + path;
    at = &*parent;
  }
  return path;
}
