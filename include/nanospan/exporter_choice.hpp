// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where spans go when the options name no exporter: OTEL_TRACES_EXPORTER and the OTEL_EXPORTER_OTLP_ variables (OpenTelemetry protocol exporter), of
// which the one for traces wins over the one for all signals. Constructor's thread.

#include <nanospan/detail/url.hpp>
#include <nanospan/environment.hpp>
#include <nanospan/exporter.hpp>

namespace nanospan::inline v0::detail {

class exporter_choice {
 public:
  exporter_choice(options& with, environment const& env) : options_{with}, env_{env} {}

  // Null where the environment says none. Completes the options of the exporter that is made.
  shared<exporter> make() const {
    bool otlp = false;
    bool console = false;
    bool none = false;
    for (std::string const& name : environment::names(variable)) {
      bool* const known = name == "otlp" ? &otlp : name == "console" ? &console : name == "none" ? &none : nullptr;
      if (known != nullptr) *known = true;
      else env_.ignored(variable, name, "known are otlp, console and none");
    }
    if (none && !otlp && !console) return nullptr;
    if (none) env_.ignored(variable, "none", "there are others beside it");
    if (!console) return make_otlp();
    auto drawn = shared<exporter>::make<console_exporter>();
    if (!otlp) return drawn;
    return shared<exporter>::make<composite_exporter>(std::vector{make_otlp(), std::move(drawn)});
  }

 private:
  static constexpr char const* variable = "OTEL_TRACES_EXPORTER";

  shared<exporter> make_otlp() const {
    // Until one of the two says what there is.
    for (char const* name : {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"})
      if (env_.choice(name, {"http/protobuf"}, "spans are sent as http/protobuf")) break;
    for (char const* name : {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"}) {
      auto given = env_.headers(name);
      if (!given) continue;
      for (auto& [header, value] : options_.headers) given->emplace_back(std::move(header), std::move(value));  // they come later and win
      options_.headers = std::move(*given);
      break;
    }
    options_.export_timeout = timeout();
    otlp_http_options http;
    http.headers = options_.headers;
    http.timeout = options_.export_timeout;
    http.compression = options_.compression = compressed();
    address(http);
    http.certificate_file = options_.certificate_file;
    http.client_certificate_file = options_.client_certificate_file;
    http.client_key_file = options_.client_key_file;
    otlp_http_options with_files = http;
    bool const taken = take_files(with_files);
    try {
      return shared<exporter>::make<otlp_http_exporter>(std::move(with_files));
    } catch (configuration_error const& error) {  // about the variables' files, or it is said again, and not caught
      if (!taken) throw;
      auto made = shared<exporter>::make<otlp_http_exporter>(std::move(http));
      env_.warn(joined({"OTEL_EXPORTER_OTLP_[TRACES_]CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY are ignored: ", error.what()}));
      return made;
    }
  }
  compression compressed() const {
    if (options_.compression != compression::unset) return options_.compression;
    for (char const* name : {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"})
      if (auto const given = env_.choice(name, {"none", "gzip"}, "known are gzip and none")) return *given == 1 ? compression::gzip : compression::none;
    return compression::none;
  }
  // Where the options name none. False where no variable names one, or one that is of use.
  bool take_files(otlp_http_options& http) const {
    struct {
      std::string& file;
      char const* names[2];
    } const files[] = {{http.certificate_file, {"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"}},
                       {http.client_certificate_file, {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"}},
                       {http.client_key_file, {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"}}};
    bool taken = false;
    for (auto const& [file, names] : files) {
      for (char const* name : names) {
        auto const given = file.empty() ? environment::text(name) : std::nullopt;
        if (!given) continue;
        if (!NANOSPAN_TLS) env_.ignored(name, *given, url::without_tls);
        else file = *given;
        taken |= NANOSPAN_TLS != 0;
      }
    }
    return taken;
  }
  duration timeout() const {
    if (options_.export_timeout != duration::unset()) return options_.export_timeout;
    for (char const* name : {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"})
      if (auto const given = env_.milliseconds(name)) return *given;  // zero means none to both
    return otlp_http_options{}.timeout;
  }

  // Fills in the URL, where it is said anywhere.
  void address(otlp_http_options& http) const {
    if (!options_.endpoint.empty()) {
      auto const parsed = url::parse(options_.endpoint);
      bool const bare = parsed && (parsed->target.empty() || parsed->target == "/");
      http.url = bare ? with_path(options_.endpoint) : options_.endpoint;
      http.url_source = "options.endpoint";
      return;
    }
    struct {
      char const* name;
      bool is_base;
    } const variables[] = {{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", false}, {"OTEL_EXPORTER_OTLP_ENDPOINT", true}};
    for (auto const& [name, is_base] : variables) {
      auto const given = environment::text(name);
      if (!given) continue;
      auto const parsed = url::parse(*given);
      if (!parsed || (!NANOSPAN_TLS && parsed->scheme == "https")) {
        env_.ignored(name, url::without_credentials(*given), parsed ? url::without_tls : "not a URL like http://localhost:4318 or unix:///run/otel.sock");
        continue;
      }
      http.url = is_base && !parsed->is_unix() ? with_path(*given) : *given;
      http.url_source = name;
      return;
    }
  }
  static std::string with_path(std::string const& base) {
    std::size_t const query = std::min(base.find_first_of("?#"), base.size());
    std::string_view const path = std::string_view{base}.substr(0, query);
    return joined({path, path.ends_with('/') ? "v1/traces" : "/v1/traces", std::string_view{base}.substr(query)});
  }

  options& options_;
  environment const& env_;
};

}  // namespace nanospan::inline v0::detail
