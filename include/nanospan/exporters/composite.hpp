// SPDX-License-Identifier: Apache-2.0
#pragma once

// One batch to several exporters. Background thread.

#include <nanospan/exporter.hpp>

#include <functional>

namespace nanospan::inline v0 {
namespace detail {

template <typename Call>
void for_all_but_the_first(std::vector<shared<exporter>> const& all, Call&& call) {
  for (std::size_t at = 1; at < all.size(); ++at) {
    try {
      call(*all[at]);
    } catch (...) {  // NOLINT(bugprone-empty-catch): no reason to keep it from the rest
    }
  }
}

}  // namespace detail

composite_exporter::composite_exporter(std::vector<shared<exporter>> all) : all_{std::move(all)} {
  if (all_.empty()) throw configuration_error{"a composite_exporter without an exporter"};
  for (auto const& one : all_)
    if (one == nullptr) throw configuration_error{"a composite_exporter with a null exporter"};
}

export_result composite_exporter::export_batch(batch const& spans, export_wait& wait) {
  // A batch that comes again has the same bytes, and no other has them: there are random ids in it.
  std::size_t const hash = std::hash<std::string_view>{}(spans.otlp);
  if (std::exchange(last_, hash) != hash) detail::for_all_but_the_first(all_, [&](exporter& other) { other.export_batch(spans, wait); });
  return all_.front()->export_batch(spans, wait);
}

export_result composite_exporter::probe(export_wait& wait) { return all_.front()->probe(wait); }

shared<exporter> composite_exporter::for_child() const {
  std::vector<shared<exporter>> childs;
  for (auto const& one : all_) {
    auto other = one->for_child();
    if (other == nullptr && childs.empty()) return nullptr;
    if (other != nullptr) childs.push_back(std::move(other));
  }
  return shared<exporter>::make<composite_exporter>(std::move(childs));
}

std::uint64_t composite_exporter::shutdown(export_wait& wait) {
  detail::for_all_but_the_first(all_, [&](exporter& other) { other.shutdown(wait); });
  return all_.front()->shutdown(wait);
}

std::string composite_exporter::description() const {
  std::string all;
  for (auto const& one : all_) all += (all.empty() ? "" : " and ") + one->description();
  return all;
}

}  // namespace nanospan::inline v0
