// SPDX-License-Identifier: Apache-2.0
#pragma once

// Who made a span (OpenTelemetry, "instrumentation scope"): a file, a namespace or a library names itself once, and the macros inside it say so.

#include <nanospan/attribute.hpp>

namespace nanospan::inline v0 {

/// The name of what records, with the version, the schema URL and up to four attributes of it. Of literals, constexpr, never copied: spans refer to it.
class tracer {
 public:
  struct attribute {
    literal key = "";
    literal value = "";
  };
  consteval explicit tracer(literal name, literal version = "", literal schema_url = "", std::initializer_list<attribute> attributes = {}) noexcept
      : name_{name}, version_{version}, schema_url_{schema_url} {
    if (attributes.size() > most_attributes) a_tracer_has_at_most_4_attributes();
    for (attribute const& one : attributes) attributes_[attribute_count_++] = one;
  }
  tracer(tracer const&) = delete;
  tracer& operator=(tracer const&) = delete;

  constexpr literal name() const noexcept { return name_; }
  constexpr literal version() const noexcept { return version_; }
  constexpr literal schema_url() const noexcept { return schema_url_; }
  constexpr attribute const* begin() const noexcept { return attributes_; }
  constexpr attribute const* end() const noexcept { return attributes_ + attribute_count_; }

 private:
  static constexpr std::size_t most_attributes = 4;
  static void a_tracer_has_at_most_4_attributes() noexcept;  // never defined: calling it is what the compiler reports

  literal name_;
  literal version_;
  literal schema_url_;
  attribute attributes_[most_attributes];
  std::size_t attribute_count_ = 0;
};

namespace detail {

// A macro calls nanospan_tracer(this_tracer{}), and finds the one of NANOSPAN_TRACER in the innermost namespace that has one; else this.
struct any_tracer {};
struct this_tracer : any_tracer {};
struct no_tracer {};
constexpr no_tracer nanospan_tracer(any_tracer) noexcept { return {}; }

}  // namespace detail
}  // namespace nanospan::inline v0
