// SPDX-License-Identifier: Apache-2.0
#pragma once

// The tracers whose spans are being encoded (OpenTelemetry's instrumentation scopes), each with the spans of the batch at hand. The first one is the
// library's own, for whoever named none. Background thread.

#include <nanospan/detail/address_map.hpp>
#include <nanospan/detail/any_value.hpp>
#include <nanospan/tracer.hpp>

#include <deque>

namespace nanospan::inline v0::detail {

struct scope_spans {
  std::string envelope;      // ScopeSpans.scope
  reverse_writer spans;      // ScopeSpans.spans; behind them the schema URLs, the scope's and the resource's
  std::size_t behind = 0;    // bytes of these
  std::size_t before_cut = 0;

  bool empty() const noexcept { return spans.size() == behind; }
};

class scope_list {
 public:
  // The schema URL of the resource. Throws std::bad_alloc.
  explicit scope_list(std::string_view schema_url) : schema_url_{schema_url} { add(envelope_of("nanospan", NANOSPAN_VERSION, nullptr, nullptr), {}); }

  // Null is the library's own. Valid for ever. Equal tracers are one, wherever they stand. Throws std::bad_alloc.
  scope_spans& of(tracer const* by) {
    if (by == nullptr) return all_.front();
    if (scope_spans* const* const found = by_address_.find(by)) return **found;
    std::string envelope = envelope_of(view(by->name()), view(by->version()), by->begin(), by->end());
    reverse_writer schema{text_bound(by->schema_url().size())};
    if (by->schema_url().size() != 0) write_text(schema, 3, view(by->schema_url()));  // ScopeSpans.schema_url
    for (scope_spans& one : all_)
      if (one.envelope == envelope && one.spans.view().substr(one.spans.size() - one.behind, one.behind - resource_bytes_) == schema.view()) return *by_address_.add(by, &one);
    add(std::move(envelope), schema.view());
    return *by_address_.add(by, &all_.back());
  }
  // Of what stands behind all the spans of a batch.
  std::size_t resource_bytes() const noexcept { return resource_bytes_; }
  void forget_addresses() noexcept { by_address_.clear(); }

  auto begin() noexcept { return all_.begin(); }
  auto end() noexcept { return all_.end(); }

 private:
  void add(std::string envelope, std::string_view schema) {
    scope_spans added{std::move(envelope), reverse_writer{text_bound(schema_url_.size()) + schema.size()}};
    if (!schema_url_.empty()) write_text(added.spans, 3, schema_url_);  // ResourceSpans.schema_url
    resource_bytes_ = added.spans.size();
    added.spans.raw(schema);
    added.behind = added.spans.size();
    all_.push_back(std::move(added));
  }
  static std::string_view view(literal text) noexcept { return {text.data(), text.size()}; }
  static std::string envelope_of(std::string_view name, std::string_view version, tracer::attribute const* first, tracer::attribute const* last) {
    std::size_t bytes = text_bound(name.size()) + text_bound(version.size()) + 64;
    for (auto const* at = first; at != last; ++at) bytes += text_bound(at->key.size()) + text_bound(at->value.size()) + 64;
    reverse_writer out{bytes};
    while (last != first) {
      --last;
      std::size_t const since = out.size();
      write_text(out, 1, view(last->value));  // AnyValue.string_value
      out.end_message(2, since);              // KeyValue.value
      write_text(out, 1, view(last->key));
      out.end_message(3, since);  // InstrumentationScope.attributes
    }
    if (!version.empty()) write_text(out, 2, version);
    if (!name.empty()) write_text(out, 1, name);
    out.end_message(1, 0);  // ScopeSpans.scope
    return std::string{out.view()};
  }

  std::string schema_url_;
  std::size_t resource_bytes_ = 0;
  std::deque<scope_spans> all_;
  address_map<scope_spans*> by_address_;
};

}  // namespace nanospan::inline v0::detail
