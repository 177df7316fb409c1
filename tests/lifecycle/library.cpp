// SPDX-License-Identifier: Apache-2.0

// A library that brings the provider, and is closed while the program goes on. What it does not share with the program on purpose is its own.

#define NANOSPAN_IMPLEMENTATION
#include <nanospan.hpp>

#include "library.hpp"

#include <memory>
#include <utility>

namespace {

nanospan::tracer_provider* tracing = nullptr;  // not ended by a destructor of the library's

}  // namespace

extern "C" {

__attribute__((visibility("default"))) void library_starts(char const* endpoint, int way) {
  nanospan::options with{.service_name = "lifecycle", .endpoint = endpoint, .schedule_delay = nanospan::duration::of_milliseconds(3'600'000), .shutdown_limit = nanospan::duration::of_milliseconds(20'000)};
  if (way == to_file_as_well) {
    auto const collector = std::make_shared<nanospan::otlp_http_exporter>(nanospan::otlp_http_options{.url = std::string{endpoint} + "/v1/traces"});
    auto const file = std::make_shared<nanospan::otlp_file_exporter>(nanospan::otlp_file_options{.path = "/dev/null"});
    with.exporter = std::make_shared<nanospan::composite_exporter>(std::vector<nanospan::shared<nanospan::exporter>>{collector, file});
  }
  with.probe = false;
  tracing = new nanospan::tracer_provider{std::move(with)};
}
__attribute__((visibility("default"))) void library_records(int spans) {
  for (int i = 0; i < spans; ++i) {
    NANOSPAN("the library's", {"number", i});
  }
}
__attribute__((visibility("default"))) void library_flushes() { tracing->flush(nanospan::duration::of_milliseconds(20'000)); }
__attribute__((visibility("default"))) void library_ends() { delete std::exchange(tracing, nullptr); }
}
