// SPDX-License-Identifier: Apache-2.0
#pragma once

// What all spans of a process have in common (OpenTelemetry, "Resource SDK"): the service, this library, the process, the host; then
// OTEL_RESOURCE_ATTRIBUTES, then the options, each over the one before. Read once, by the thread that constructs the provider.

#include <nanospan/environment.hpp>
#include <nanospan/exporter.hpp>
#include <nanospan/wire.hpp>

#include <unistd.h>

namespace nanospan::inline v0::detail {

class resource {
 public:
  static resource detect(options const& with, environment const& env) {
    resource made;
    made.set("service.name", "unknown_service" + executable_suffix());
    made.set("telemetry.sdk.name", std::string{"nanospan"});
    made.set("telemetry.sdk.language", std::string{"cpp"});
    made.set("telemetry.sdk.version", std::string{NANOSPAN_VERSION});
    made.set("process.pid", std::int64_t{::getpid()});
    char host[256] = "";
    if (::gethostname(host, sizeof host - 1) == 0 && host[0] != '\0') made.set("host.name", std::string{host});
    if (auto const given = env.pairs("OTEL_RESOURCE_ATTRIBUTES"))
      for (auto const& [key, value] : *given) made.set(key, value);
    if (auto name = environment::text("OTEL_SERVICE_NAME")) made.set("service.name", std::move(*name));
    for (auto const& [key, value] : with.resource_attributes) made.set(key, value);
    if (!with.service_name.empty()) made.set("service.name", with.service_name);
    return made;
  }

  attribute_list const& attributes() const noexcept { return attributes_; }

  // The fields of an encoded Resource message.
  std::string encoded() const {
    reverse_writer out;
    for (auto at = attributes_.rbegin(); at != attributes_.rend(); ++at) {
      auto const& [key, value] = *at;
      std::string const* const text = std::get_if<std::string>(&value);
      std::string const repaired = text != nullptr ? repaired_utf8(*text) : std::string{};
      std::string const repaired_key = repaired_utf8(key);
      out.require(repaired.size() + repaired_key.size() + 64);
      std::size_t const since = out.size();
      if (text != nullptr) out.bytes_field(1, repaired);
      else out.varint_field(3, static_cast<std::uint64_t>(std::get<std::int64_t>(value)));
      out.end_message(2, since);
      out.bytes_field(1, repaired_key);
      out.end_message(1, since);
    }
    return std::string{out.view()};
  }

 private:
  void set(std::string_view key, attribute_value value) {
    for (auto& [known, old] : attributes_) {
      if (known == key) {
        old = std::move(value);
        return;
      }
    }
    attributes_.emplace_back(key, std::move(value));
  }
  static std::string executable_suffix() {
    char path[4096];
    auto const length = ::readlink("/proc/self/exe", path, sizeof path);
    if (length <= 0) return {};
    std::string_view const whole{path, static_cast<std::size_t>(length)};
    return ":" + std::string{whole.substr(whole.rfind('/') + 1)};
  }

  attribute_list attributes_;
};

}  // namespace nanospan::inline v0::detail
