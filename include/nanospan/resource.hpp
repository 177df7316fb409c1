// SPDX-License-Identifier: Apache-2.0
#pragma once

// What all spans of a process have in common (OpenTelemetry, "Resource SDK"): the service and this library, what is detected, then
// OTEL_RESOURCE_ATTRIBUTES, then the options, each over the one before. Made once, by the thread that constructs the provider.

#include <nanospan/environment.hpp>
#include <nanospan/resource_detectors.hpp>
#include <nanospan/attribute_set.hpp>
#include <nanospan/detail/kept_entry.hpp>

namespace nanospan::inline v0::detail {

class resource {
 public:
  static resource of(options const& with, environment const& env) {
    resource made = defaults();
    attribute_list detected = detect(with.resource_detectors);
    made.merge({std::move(detected), detected_any(with.resource_detectors) ? conventions_schema_url : ""});
    made.merge(of_environment(env));
    resource mine{with.resource_attributes, with.resource_schema_url};
    if (!with.service_name.empty()) mine.set("service.name", with.service_name);
    if (!made.merge(mine))
      env.report().error(joined({"options.resource_schema_url is \"", with.resource_schema_url, "\" and that of options.resource_detectors \"", conventions_schema_url, "\"; none is sent"}));
    return made;
  }

  resource() = default;
  resource(attribute_list attributes, std::string schema_url) : schema_url_{std::move(schema_url)} {
    for (auto& [key, value] : attributes) set(key, std::move(value));
  }

  // What `updating` says wins. False where both have a schema URL and not the same: then there is none (OpenTelemetry, "Merge").
  bool merge(resource const& updating) {
    for (auto const& [key, value] : updating.attributes_) set(key, value);
    bool const agree = schema_url_.empty() || updating.schema_url_.empty() || schema_url_ == updating.schema_url_;
    if (!agree) schema_url_.clear();
    else if (schema_url_.empty()) schema_url_ = updating.schema_url_;
    return agree;
  }
  void set(std::string_view key, attribute_value value) {
    for (auto& [known, old] : attributes_) {
      if (known == key) {
        old = std::move(value);
        return;
      }
    }
    added(attributes_, key) = std::move(value);
  }

  attribute_list const& attributes() const noexcept { return attributes_; }
  std::string const& schema_url() const noexcept { return schema_url_; }

  // The fields of an encoded Resource message.
  std::string encoded() const {
    std::vector<kept_entry> kept;
    attribute_set all{attributes_.size()};
    std::size_t bytes = 0;
    for (auto const& [key, value] : attributes_) {
      all.add({kept.emplace_back(key, value).view(), nullptr});
      bytes += kept.back().size();
    }
    reverse_writer out{all.bound(bytes)};
    all.write(out, 1, span_limits::unlimited);
    return std::string{out.view()};
  }

 private:
  static resource defaults() {
    std::string const path = executable_path();
    resource made;
    add_text(made.attributes_, "service.name", joined({"unknown_service", path.empty() ? "" : ":", file_name(path)}));
    add_text(made.attributes_, "telemetry.sdk.name", "nanospan");
    add_text(made.attributes_, "telemetry.sdk.language", "cpp");
    add_text(made.attributes_, "telemetry.sdk.version", NANOSPAN_VERSION);
    return made;
  }
  static bool detected_any(resource_detectors const& which) noexcept {
    return which.service_instance || which.process_id || which.host_name || which.os_type || which.process || which.process_command || which.host || which.os;
  }
  static resource of_environment(environment const& env) {
    resource made;
    if (auto const given = env.pairs("OTEL_RESOURCE_ATTRIBUTES"))
      for (auto const& [key, value] : *given) made.set(key, value);
    if (auto name = environment::text("OTEL_SERVICE_NAME")) made.set("service.name", std::move(*name));
    return made;
  }

  attribute_list attributes_;
  std::string schema_url_;
};

}  // namespace nanospan::inline v0::detail
