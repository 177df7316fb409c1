// SPDX-License-Identifier: Apache-2.0
#pragma once

// A record taken apart, before it is encoded: here attributes are made unique (the last one wins), OpenTelemetry's limits are applied, and names are looked
// up. One object for all spans, one after another; what it holds points into the record. Background thread.

#include <nanospan/attribute_set.hpp>
#include <nanospan/detail/kept_entry.hpp>
#include <nanospan/baggage_attributes.hpp>
#include <nanospan/options.hpp>
#include <nanospan/scope_list.hpp>

#include <list>

namespace nanospan::inline v0::detail {

// What is known of a call site, by its address.
struct known_site {
  literal_text const* name = nullptr;
  scope_spans* scope = nullptr;
  bool had_parent = false;
  bool told = false;
};

class collected_span {
 public:
  // The schema URL of the resource.
  collected_span(span_limits const& limits, std::string_view schema_url)
      : limits_{limits},
        attributes{limits.attribute_count},
        scopes_{schema_url},
        events_{std::make_unique<keyed_entry[]>(limits.event_count)},
        links_{std::make_unique<entry_view[]>(limits.link_count)} {}

  // Throws std::bad_alloc.
  void collect(std::byte const* record) {
    std::memcpy(&header, record, sizeof header);
    std::byte const* entries = record + sizeof header;
    entry_bytes_ = header.meta.size - sizeof header;
    if (heap_payload const heap = heap_of(record); heap.block != nullptr) {
      entries = heap.block;
      entry_bytes_ = heap.used;
    }
    clear();
    if (header.from != nullptr) {
      known_site& from = known(*header.from);
      name = {{}, from.name};
      scope = from.scope;
      lost_context = is_lost(from);
    } else {
      name = {};
      scope = &scopes_.of(nullptr);
      lost_context = false;
    }
    if (entry_bytes_ != 0) for_each_entry(entries, entry_bytes_, [&](entry_view const& entry) { take(entry); });
  }
  // Room that it may need on the wire, but for events, links and the fields of fixed size.
  std::size_t bound() const noexcept { return attributes.bound(entry_bytes_) + name.key_bound(); }

  std::size_t event_count() const noexcept { return event_count_; }
  keyed_entry const& event(std::size_t at) const noexcept { return events_[at]; }
  std::size_t link_count() const noexcept { return link_count_; }
  entry_view const& link(std::size_t at) const noexcept { return links_[at]; }
  // An event's, or a link's; nothing else of them is told while they are looked at. Throws std::bad_alloc.
  void collect_attributes(entry_view const& of, attribute_set& into) {
    into.clear();
    for_each_attribute_of(of, [&](entry_view const& one) { into.add(one, literals_); });
  }

  // ---- what a hook changes; it lasts until the next span ---------------------------------------------------------------------------

  // An attribute that is in no record. Throws std::bad_alloc.
  entry_view keep(std::string_view key, attribute_value const& value) {
    kept_entry const& added = kept_.emplace_back(key, value);
    entry_bytes_ += added.size();
    return added.view();
  }
  // An event's attributes, to be written in the place of those in the record. Throws std::bad_alloc.
  attribute_set& edit_event(std::size_t at) {
    for (edited_event& one : edited_)
      if (one.event == at) return one.attributes;
    edited_event& added = edited_.emplace_back(at, attribute_set{limits_.attribute_count_per_event});
    collect_attributes(event(at).entry, added.attributes);
    return added.attributes;
  }
  void erase_event(std::size_t at) noexcept {
    std::move(&events_[at + 1], &events_[event_count_], &events_[at]);
    --event_count_;
    std::erase_if(edited_, [&](edited_event const& one) { return one.event == at; });
    for (edited_event& one : edited_) one.event -= one.event > at ? 1 : 0;
  }
  // Null where nobody looked at them.
  attribute_set* edited(std::size_t event) noexcept {
    for (edited_event& one : edited_)
      if (one.event == event) return &one.attributes;
    return nullptr;
  }
  std::size_t kept_bytes() const noexcept { return entry_bytes_; }
  // The others are dropped.
  void keep_first(std::size_t events, std::size_t links) noexcept {
    dropped_events += event_count_ - events;
    dropped_links += link_count_ - links;
    event_count_ = events;
    link_count_ = links;
  }

  // Baggage of those keys becomes attributes.
  void copy_baggage(std::vector<std::string> keys) { baggage_ = baggage_attributes{std::move(keys)}; }
  // No address is known any more.
  void forget_literals() noexcept {
    sites_.clear();
    scopes_.forget_addresses();
    literals_.forget();
  }
  scope_list& scopes() noexcept { return scopes_; }
  span_limits const& limits() const noexcept { return limits_; }

  // The heap block that a record owns, for whoever is done with the record; {null, 0} for most.
  static heap_payload heap_of(std::byte const* record) noexcept {
    record_meta meta{};
    std::memcpy(&meta, record, sizeof meta);
    if (meta.size != sizeof(record_header) + head_bytes(0) + sizeof(heap_payload)) [[likely]]
      return {};
    std::uint64_t word = 0;
    std::memcpy(&word, record + sizeof(record_header), sizeof word);
    heap_payload heap{};
    if (type_of(word) == entry_type::heap_block) std::memcpy(&heap, record + sizeof(record_header) + sizeof word, sizeof heap);
    return heap;
  }
  static link_payload head_of(entry_view const& link) noexcept {
    link_payload head{};
    if (link.value_size() >= sizeof head) std::memcpy(&head, link.value(), sizeof head);
    return head;
  }
  static std::string_view tracestate_of(entry_view const& link) noexcept {
    return link.text().substr(std::min(sizeof(link_payload), link.value_size()), head_of(link).tracestate_size);
  }

 private:
  span_limits limits_;

 public:
  // The span at hand: what others read and change. NOLINTBEGIN(misc-non-private-member-variables-in-classes)
  record_header header;
  keyed_entry name;
  scope_spans* scope = nullptr;
  attribute_set attributes;
  std::string_view status;
  std::string_view tracestate;
  std::uint64_t left_out = 0;  // attributes, events and links that found no room in the span
  std::uint64_t dropped_events = 0;
  std::uint64_t dropped_links = 0;
  bool lost_context = false;  // it has no parent, unlike others of its site, for the first time
  // NOLINTEND(misc-non-private-member-variables-in-classes)

 private:
  void clear() noexcept {
    attributes.clear();
    event_count_ = 0;
    link_count_ = 0;
    left_out = 0;
    dropped_events = 0;
    dropped_links = 0;
    status = {};
    tracestate = {};
    if (!kept_.empty()) kept_.clear();
    if (!edited_.empty()) edited_.clear();
  }
  struct edited_event {
    edited_event(std::size_t of, attribute_set&& has) noexcept : event{of}, attributes{std::move(has)} {}
    std::size_t event;
    attribute_set attributes;
  };
  known_site& known(site const& from) {
    if (known_site* const found = sites_.find(&from)) [[likely]]
      return *found;
    return sites_.add(&from, {&literals_.of(from.name), &scopes_.of(tracer_of(from))});
  }
  // Servers and consumers begin traces all the time. Who says no_parent has no site.
  bool is_lost(known_site& from) const noexcept {
    if (header.parent.valid()) {
      from.had_parent = true;
      return false;
    }
    bool const expected = header.meta.kind == span_kind::server || header.meta.kind == span_kind::consumer;
    return from.had_parent && !expected && !std::exchange(from.told, true);
  }
  void take(entry_view const& entry) {
    switch (entry.type()) {
      case entry_type::event: return take_event(entry);
      case entry_type::link: return take_link(entry);
      case entry_type::status: status = entry.text(); return;
      case entry_type::name: name = keyed_entry::of(entry, literals_); return;
      case entry_type::tracestate: tracestate = entry.text(); return;
      case entry_type::scope: return take_scope(entry);
      case entry_type::baggage: return baggage_.add_to(attributes, entry.text());  // comes behind the attributes
      case entry_type::dropped: left_out = entry.word(); return;
      case entry_type::heap_block: return;
      default: attributes.add(entry, literals_);
    }
  }
  void take_event(entry_view const& event) {
    if (event.value_size() < sizeof(event_payload)) return;  // which only a data race can have written
    if (event_count_ == limits_.event_count) {
      ++dropped_events;
      return;
    }
    events_[event_count_++] = keyed_entry::of(event, literals_);
  }
  // One to nowhere says something only by its attributes or its tracestate (OpenTelemetry, "Link").
  void take_link(entry_view const& link) {
    link_payload const head = head_of(link);
    bool const valid = head.trace.valid() && head.span.valid();
    if (link.value_size() < sizeof head || (!valid && link.value_size() == sizeof head)) return;
    if (link_count_ == limits_.link_count) {
      ++dropped_links;
      return;
    }
    links_[link_count_++] = link;
  }
  void take_scope(entry_view const& entry) {
    scope_payload payload{};
    if (entry.value_size() == sizeof payload) std::memcpy(&payload, entry.value(), sizeof payload);
    scope = &scopes_.of(payload.by);
  }
  template <typename Visit>
  static void for_each_attribute_of(entry_view const& of, Visit&& visit) {
    std::size_t const head = of.type() == entry_type::event ? sizeof(event_payload) : sizeof(link_payload) + padded(head_of(of).tracestate_size);
    if (head < of.value_size()) for_each_entry(of.value() + head, of.value_size() - head, std::forward<Visit>(visit));
  }

  literal_cache literals_;
  baggage_attributes baggage_;
  scope_list scopes_;
  address_map<known_site> sites_;
  std::unique_ptr<keyed_entry[]> events_;
  std::size_t event_count_ = 0;
  std::unique_ptr<entry_view[]> links_;
  std::size_t link_count_ = 0;
  std::size_t entry_bytes_ = 0;
  std::vector<kept_entry> kept_;  // their bytes stay where they are
  std::list<edited_event> edited_;  // an editable_attributes refers to one
};

}  // namespace nanospan::inline v0::detail
