// SPDX-License-Identifier: Apache-2.0
#pragma once

// The bodies of ended_span: a collected span looked at and changed. Background thread.

#include <nanospan/collected_span.hpp>
#include <nanospan/ended_span.hpp>
#include <nanospan/otlp_reader.hpp>

namespace nanospan::inline v0 {
namespace detail {

// A value in a record as an object.
inline attribute_value value_of(entry_view const& one) {
  auto const number = [](entry_type type, std::uint64_t word) -> attribute_value {
    if (type == entry_type::boolean) return word != 0;
    if (type == entry_type::floating) return std::bit_cast<double>(word);
    if (type == entry_type::unsigned_integer && word > 0x7fff'ffff'ffff'ffffu) return std::to_string(word);
    return static_cast<std::int64_t>(word);
  };
  switch (one.type()) {
    case entry_type::string: return std::string{one.text()};
    case entry_type::type_name: return demangled(one.text());
    case entry_type::bytes: return std::vector<std::byte>(one.value(), one.value() + one.value_size());
    case entry_type::array: break;
    default: return number(one.type(), one.word());
  }
  // By the way that it goes to a collector, and back.
  reverse_writer out{3 * one.value_size() + 256};
  write_array(out, one.text(), span_limits::unlimited);
  attribute_value read;
  read_value(out.view(), read);
  return read;
}

}  // namespace detail

std::size_t editable_attributes::size() const noexcept { return which_.size(); }
std::string_view editable_attributes::key(std::size_t n) const { return which_[n].key(); }
attribute_value editable_attributes::value(std::size_t n) const { return detail::value_of(which_[n].entry); }
bool editable_attributes::has(std::string_view key) const { return find(key) != size(); }
attribute_value editable_attributes::get(std::string_view key) const {
  std::size_t const at = find(key);
  return at == size() ? attribute_value{std::string{}} : value(at);
}
void editable_attributes::set(std::string_view key, attribute_value const& value) { which_.add({of_.keep(key, value), nullptr}); }
bool editable_attributes::erase(std::string_view key) {
  std::size_t const at = find(key);
  if (at == size()) return false;
  which_.erase(at);
  return true;
}
std::size_t editable_attributes::find(std::string_view key) const {
  std::size_t at = 0;
  while (at < size() && which_[at].key() != key) ++at;
  return at;
}

nanospan::trace_id ended_span::trace_id() const noexcept { return of_.header.trace; }
nanospan::span_id ended_span::span_id() const noexcept { return of_.header.span; }
nanospan::span_id ended_span::parent_span_id() const noexcept { return of_.header.parent; }
span_kind ended_span::kind() const noexcept { return of_.header.meta.kind; }
bool ended_span::sampled() const noexcept { return (of_.header.meta.trace_flags & sampled_flag) != 0; }

std::string_view ended_span::name() const { return of_.name.key(); }
void ended_span::rename(std::string_view name) { of_.name = {of_.keep(name, false), nullptr}; }
span_status ended_span::status() const noexcept { return static_cast<span_status>(of_.header.meta.status); }
std::string_view ended_span::status_message() const noexcept { return status() == span_status::error ? of_.status : std::string_view{}; }
void ended_span::set_status(span_status status, std::string_view message) {
  of_.status = of_.keep({}, std::string{message}).text();
  of_.header.meta.status = static_cast<std::uint8_t>(status);
}

editable_attributes ended_span::attributes() noexcept { return {of_, of_.attributes}; }
std::size_t ended_span::event_count() const noexcept { return of_.event_count(); }
std::string_view ended_span::event_name(std::size_t n) const { return of_.event(n).key(); }
editable_attributes ended_span::event_attributes(std::size_t n) { return {of_, of_.edit_event(n)}; }
void ended_span::erase_event(std::size_t n) noexcept { of_.erase_event(n); }

}  // namespace nanospan::inline v0
