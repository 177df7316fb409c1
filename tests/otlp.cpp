// SPDX-License-Identifier: Apache-2.0

#include <nanospan/otlp.hpp>

#include "catch.hpp"

#include <nanospan.hpp>
#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include <google/protobuf/util/message_differencer.h>

#include <limits>
#include <map>
#include <random>
#include <set>
#include <stdexcept>

using namespace nanospan::detail;
namespace otlp = opentelemetry::proto;
using otlp::collector::trace::v1::ExportTraceServiceRequest;
using otlp::common::v1::KeyValue;
using proto_span = otlp::trace::v1::Span;

namespace {

// ---- what a span is told, as data: to record it, to build its record, and to say what must arrive ------------------------------

struct name_shape {
  std::string text;
  nanospan::literal const* from = nullptr;  // null: copied
};
class flag_list {  // std::vector<bool> is none
 public:
  std::array<bool, 8> flags = {};
  std::size_t count = 0;
  bool const* data() const { return flags.data(); }
  std::size_t size() const { return count; }
};
using bytes_shape = std::vector<std::byte>;
using value_shape = std::variant<bool, std::int64_t, std::uint64_t, double, std::string, bytes_shape, flag_list, std::vector<std::int64_t>,
                                 std::vector<std::uint64_t>, std::vector<double>, std::vector<std::string>>;
template <typename Value>
concept array_like = requires(Value const& value) { std::size(value); } && !std::same_as<Value, std::string> && !std::same_as<Value, bytes_shape>;
struct attribute_shape {
  name_shape key;
  value_shape value;
};
struct event_shape {
  name_shape name;
  std::vector<attribute_shape> attributes;
  std::uint64_t ticks = 0;  // of a record that is built; one that is recorded has its own
  std::uint64_t said = 0;   // Unix time in nanoseconds, as the user says; 0: the moment of the call
};
struct link_shape {
  nanospan::trace_id trace;
  nanospan::span_id span;
  std::uint8_t flags = 0;
  bool remote = false;
  std::string tracestate = {};
  std::vector<attribute_shape> attributes = {};
};
struct status_shape {
  std::string description;
};
struct ok_shape {};
struct rename_shape {
  name_shape name;
};
struct span_shape {
  name_shape name;
  nanospan::span_kind kind = nanospan::span_kind::internal;
  std::vector<std::variant<attribute_shape, event_shape, status_shape, link_shape, ok_shape, rename_shape>> steps = {};
  nanospan::trace_id trace = {};
  nanospan::span_id parent = {};
  std::string tracestate = {};
  std::uint8_t parent_flags = nanospan::sampled_flag;
  bool parent_is_remote = false;
  std::uint64_t start_said = 0;  // as an event's
  std::uint64_t end_said = 0;
};

template <std::size_t Bytes>
std::string binary(nanospan::id<Bytes> const& id) {
  auto const bytes = id.bytes();
  return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

// ---- what must arrive ----------------------------------------------------------------------------------------------------------

void set_value(otlp::common::v1::AnyValue& to, value_shape const& from) {
  if (auto const* flag = std::get_if<bool>(&from)) {
    to.set_bool_value(*flag);
  } else if (auto const* integer = std::get_if<std::int64_t>(&from)) {
    to.set_int_value(*integer);
  } else if (auto const* natural = std::get_if<std::uint64_t>(&from)) {
    if (*natural <= std::uint64_t{std::numeric_limits<std::int64_t>::max()})
      to.set_int_value(static_cast<std::int64_t>(*natural));
    else
      to.set_string_value(std::to_string(*natural));
  } else if (auto const* number = std::get_if<double>(&from)) {
    to.set_double_value(*number);
  } else if (auto const* text = std::get_if<std::string>(&from)) {
    to.set_string_value(repaired_utf8(*text));
  } else if (auto const* bytes = std::get_if<bytes_shape>(&from)) {
    to.set_bytes_value(bytes->data(), bytes->size());
  } else {
    auto& array = *to.mutable_array_value();
    array.Clear();  // of a value before
    std::visit(
        [&]<typename Value>(Value const& values) {
          if constexpr (array_like<Value>)
            for (std::size_t at = 0; at < values.size(); ++at) set_value(*array.add_values(), value_shape{values.data()[at]});
        },
        from);
  }
}

// Adds an attribute as the specification wants it: unique keys (before they are repaired), the first 128 of them, the last value.
class attribute_model {
 public:
  template <typename Message>
  void add(Message& to, attribute_shape const& one) {
    for (std::size_t at = 0; at < keys_.size(); ++at) {
      if (keys_[at] != one.key.text) continue;
      return set_value(*to.mutable_attributes(static_cast<int>(at))->mutable_value(), one.value);
    }
    if (keys_.size() == 128) return to.set_dropped_attributes_count(to.dropped_attributes_count() + 1);
    keys_.push_back(one.key.text);
    KeyValue& added = *to.add_attributes();
    added.set_key(repaired_utf8(one.key.text));
    set_value(*added.mutable_value(), one.value);
  }

 private:
  std::vector<std::string> keys_;
};

// The bytes that an entry takes, which decide what finds room in a span.
class room {
 public:
  bool take(std::size_t payload, bool may_grow = false) {
    std::size_t const bytes = head(payload, may_grow) + padded(payload);
    if (used_ + bytes > max_entry_bytes) return false;
    used_ += bytes;
    return true;
  }
  // As much of a text as finds room, and no half of a character.
  std::string cut(std::string const& text) const {
    std::size_t const left = max_entry_bytes - used_;
    std::size_t size = left == 0 ? 0 : left - head(left);
    if (text.size() <= size) return text;
    while (size != 0 && (static_cast<std::uint8_t>(text[size]) & 0xc0) == 0x80) --size;
    return text.substr(0, size);
  }
  static std::size_t head(std::size_t payload, bool may_grow = false) { return payload >= 512 || may_grow ? 16 : 8; }
  static std::size_t of(name_shape const& name) {
    return name.from == nullptr ? padded((name.text.size())) : 0;
  }
  static std::size_t of(attribute_shape const& one) {
    return std::visit(
        [&]<typename Value>(Value const& value) {
          std::size_t const copied = padded(one.key.text.size());  // beside arrays and bytes always
          if constexpr (std::same_as<Value, std::string>) {
            return of(one.key) + value.size();
          } else if constexpr (std::same_as<Value, bytes_shape>) {
            return copied + value.size();
          } else if constexpr (std::same_as<Value, std::vector<std::string>>) {
            std::size_t size = copied + 8;
            for (std::string const& text : value) size += 8 + padded(text.size());
            return size;
          } else if constexpr (array_like<Value>) {
            return copied + 8 + 8 * value.size();
          } else {
            return of(one.key) + 8;
          }
        },
        one.value);
  }

 private:
  std::size_t used_ = 0;
};

// What is left of one step after another.
class span_model {
 public:
  proto_span span;
  room left;
  std::uint32_t found_no_room = 0;

  void operator()(attribute_shape const& one) {
    if (fits(room::of(one))) attributes_.add(span, one);
  }
  void operator()(event_shape const& event) {
    if (!fits(room::of(event.name) + 8, true)) return;
    proto_span::Event told;
    told.set_name(repaired_utf8(event.name.text));
    told.set_time_unix_nano(event.said);
    add_attributes(told, event.attributes);
    if (span.events_size() == 128)
      span.set_dropped_events_count(span.dropped_events_count() + 1);
    else
      *span.add_events() = told;
  }
  void operator()(link_shape const& link) {
    if (!fits(32 + padded(link.tracestate.size()), true)) return;
    proto_span::Link told;
    told.set_trace_id(binary(link.trace));
    told.set_span_id(binary(link.span));
    told.set_flags(0x100u | (link.remote ? 0x200u : 0) | link.flags);
    told.set_trace_state(repaired_utf8(link.tracestate));
    add_attributes(told, link.attributes);
    bool const says_something = (link.trace.valid() && link.span.valid()) || !link.tracestate.empty() || told.attributes_size() != 0;
    if (!says_something) return;
    if (span.links_size() == 128)
      span.set_dropped_links_count(span.dropped_links_count() + 1);
    else
      *span.add_links() = told;
  }
  void operator()(status_shape const& error) {
    if (span.status().code() == otlp::trace::v1::Status::STATUS_CODE_OK) return;  // for good
    // The code is there whatever room there is; the description is cut.
    span.mutable_status()->set_code(otlp::trace::v1::Status::STATUS_CODE_ERROR);
    std::string const description = left.cut(error.description);
    if (fits(description.size())) span.mutable_status()->set_message(repaired_utf8(description));
  }
  void operator()(ok_shape) {
    span.mutable_status()->set_code(otlp::trace::v1::Status::STATUS_CODE_OK);
    span.mutable_status()->clear_message();
  }
  void operator()(rename_shape const& rename) {
    if (fits(room::of(rename.name))) span.set_name(repaired_utf8(rename.name.text));
  }
  bool fits(std::size_t payload, bool may_grow = false) {
    bool const does = left.take(payload, may_grow);
    if (!does) ++found_no_room;
    return does;
  }

 private:
  template <typename Message>
  void add_attributes(Message& to, std::vector<attribute_shape> const& attributes) {
    attribute_model of_it;
    for (attribute_shape const& one : attributes)
      if (fits(room::of(one))) of_it.add(to, one);
  }

  attribute_model attributes_;
};

// All but ids, and times that nobody said.
proto_span expected_of(span_shape const& shape) {
  span_model told;
  told(rename_shape{shape.name});
  for (auto const& step : shape.steps) std::visit(told, step);
  if (!shape.tracestate.empty() && told.fits(shape.tracestate.size())) told.span.set_trace_state(repaired_utf8(shape.tracestate));
  proto_span& span = told.span;
  span.set_dropped_attributes_count(span.dropped_attributes_count() + told.found_no_room);
  span.set_start_time_unix_nano(shape.start_said);
  span.set_end_time_unix_nano(shape.end_said);
  span.set_kind(static_cast<proto_span::SpanKind>(shape.kind));
  span.set_flags(0x100u | (shape.parent_is_remote ? 0x200u : 0) | shape.parent_flags);
  return span;
}

// ---- what arrives --------------------------------------------------------------------------------------------------------------

// Field by field, unknown fields too; empty where both are the same.
std::string difference(google::protobuf::Message const& arrived, google::protobuf::Message const& expected) {
  std::string text;
  google::protobuf::util::DefaultFieldComparator fields;
  fields.set_treat_nan_as_equal(true);
  google::protobuf::util::MessageDifferencer compare;
  compare.set_field_comparator(&fields);
  compare.ReportDifferencesToString(&text);
  if (!compare.Compare(expected, arrived)) return text.substr(0, 2000);
  // What the fields do not tell: the sign of a zero, the bits of a NaN.
  return arrived.SerializeAsString() == expected.SerializeAsString() ? "" : "different bytes";
}

ExportTraceServiceRequest parsed(std::string const& bytes) {
  ExportTraceServiceRequest request;
  REQUIRE(request.ParseFromString(bytes));  // false also where a string is no UTF-8
  REQUIRE(request.resource_spans_size() == 1);
  REQUIRE(request.resource_spans(0).scope_spans_size() == 1);
  return request;
}
auto const& spans_of(ExportTraceServiceRequest const& request) { return request.resource_spans(0).scope_spans(0).spans(); }

// Whether the bytes are those that libprotobuf writes. Proto3 leaves out a name or key that is empty, the encoder writes its two
// bytes: nothing is said then.
bool is_canonical(std::string const& bytes, ExportTraceServiceRequest const& request) {
  auto const unnamed = [](auto const& attributes) {
    return std::any_of(attributes.begin(), attributes.end(), [](KeyValue const& one) { return one.key().empty(); });
  };
  for (proto_span const& span : spans_of(request)) {
    if (span.name().empty() || unnamed(span.attributes())) return true;
    for (auto const& event : span.events())
      if (event.name().empty() || unnamed(event.attributes())) return true;
    for (auto const& link : span.links())
      if (unnamed(link.attributes())) return true;
  }
  return bytes == request.SerializeAsString();
}

// ---- shapes at random ----------------------------------------------------------------------------------------------------------

constexpr nanospan::literal literals[] = {
    "charge card", "http.request.method", "order.id", "", "a", "\xff", "caf\xc3", "\xe6\x97\xa5\xe6\x9c\xac", "server.address",
};

class generator {
 public:
  explicit generator(std::uint64_t seed) : random_{seed}, empty_names_{seed % 2 == 0} {}

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  std::uint64_t bits() { return random_(); }

  // Lengths at the edges of words, of a varint's bytes, and of what a name may have.
  std::size_t length(std::size_t most) {
    static constexpr std::size_t edges[] = {0, 1, 3, 7, 8, 9, 15, 16, 17, 63, 127, 128, 255, 256, 16'383, 16'384, 65'535};
    std::size_t const wanted = one_in(4) ? edges[below(one_in(20) ? std::size(edges) : 14)] : below(24);
    return std::min(wanted, most);
  }
  std::string text(std::size_t most = 0xffff) {
    std::size_t const bytes = length(most);
    std::string text;
    std::uint64_t const what = below(6);
    while (text.size() < bytes) {
      if (what < 3)
        text += static_cast<char>('a' + below(26));
      else if (what == 3)
        text += std::string_view{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80z"}.substr(0, 10);
      else if (what == 4)
        text += static_cast<char>(below(256));
      else
        text += one_in(3) ? '\0' : 'n';
    }
    return text.substr(0, bytes);  // may cut a character in two
  }
  name_shape name() {
    name_shape made;
    do {
      if (one_in(3)) {
        made = {text()};
      } else {
        nanospan::literal const& one = literals[below(std::size(literals))];
        made = {{one.data(), one.size()}, one_in(3) ? nullptr : &one};
      }
    } while (made.text.empty() && !empty_names_);
    return made;
  }
  value_shape value() {
    static constexpr std::int64_t integers[] = {
        0, 1, -1, 127, 128, -128, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
    static constexpr std::uint64_t naturals[] = {0, 1, 0x7fff'ffff'ffff'ffff, 0x8000'0000'0000'0000, ~std::uint64_t{0}};
    using limits = std::numeric_limits<double>;
    static constexpr double numbers[] = {0.0,
                                         -0.0,
                                         1.5,
                                         limits::quiet_NaN(),
                                         limits::infinity(),
                                         -limits::infinity(),
                                         limits::denorm_min(),
                                         -limits::denorm_min(),
                                         limits::max(),
                                         limits::lowest(),
                                         limits::min()};
    if (one_in(4)) return array();
    switch (below(8)) {
      case 0:
        return one_in(2);
      case 1:
        return integers[below(std::size(integers))];
      case 2:
        return static_cast<std::int64_t>(bits() >> below(64));
      case 3:
        return naturals[below(std::size(naturals))];
      case 4:
        return numbers[below(std::size(numbers))];
      case 5:
        return std::bit_cast<double>(bits());
      default:
        return text();
    }
  }
  value_shape array() {
    std::size_t const size = one_in(40) ? below(300) : below(5);
    auto const filled = [&](auto list, auto make) {
      for (std::size_t at = 0; at < size; ++at) list.push_back(make());
      return list;
    };
    flag_list flags;
    switch (below(6)) {
      case 0:
        return filled(bytes_shape{}, [&] { return static_cast<std::byte>(bits()); });
      case 1:
        flags.count = below(flags.flags.size() + 1);
        for (bool& flag : flags.flags) flag = one_in(2);
        return flags;
      case 2:
        return filled(std::vector<std::int64_t>{}, [&] { return static_cast<std::int64_t>(bits()) >> below(64); });
      case 3:
        return filled(std::vector<std::uint64_t>{}, [&] { return bits() >> below(2); });
      case 4:
        return filled(std::vector<double>{}, [&] { return std::bit_cast<double>(bits()); });
      default:
        return filled(std::vector<std::string>{}, [&] { return text(400); });
    }
  }
  attribute_shape attribute() { return {name(), value()}; }
  std::vector<attribute_shape> attributes(std::size_t count) {
    std::vector<attribute_shape> all;
    for (std::size_t at = 0; at < count; ++at) all.push_back(attribute());
    return all;
  }
  template <std::size_t Bytes>
  nanospan::id<Bytes> id() {
    std::array<std::uint8_t, Bytes> bytes{};
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(bits());
    bytes[0] |= 1;  // never invalid
    return nanospan::id<Bytes>{bytes};
  }
  // A moment near ours, or anywhere.
  std::uint64_t moment() { return one_in(4) ? 1 + (bits() >> 1) % 0x7fff'ffff'ffff'fffeu : std::uint64_t{1'600'000'000'000'000'000} + below(1'000'000'000'000'000'000); }
  link_shape link() {
    link_shape made{id<16>(), id<8>(), static_cast<std::uint8_t>(bits()), one_in(2)};
    if (one_in(6)) made.trace = {};
    if (one_in(6)) made.span = {};
    if (one_in(3)) made.tracestate = text();
    if (one_in(2)) made.attributes = attributes(below(one_in(50) ? 140 : 4));
    return made;
  }
  span_shape span() {
    span_shape shape{name(), static_cast<nanospan::span_kind>(1 + below(5))};
    std::size_t const steps = one_in(100) ? 200 + below(100) : one_in(4) ? 0 : 1 + below(12);
    std::uint64_t const many = below(3);
    if (one_in(6)) shape.start_said = moment();
    if (one_in(6)) shape.end_said = moment();
    for (std::size_t at = 0; at < steps; ++at) {
      bool const event = steps > 12 ? many == 0 : one_in(8);
      bool const is_link = steps > 12 ? many == 1 : one_in(8);
      if (event)
        shape.steps.emplace_back(event_shape{name(), attributes(one_in(2) ? 0 : below(one_in(100) ? 140 : 5)), 0, one_in(4) ? moment() : 0});
      else if (is_link)
        shape.steps.emplace_back(link());
      else if (one_in(30))
        shape.steps.emplace_back(ok_shape{});
      else if (one_in(30))
        shape.steps.emplace_back(rename_shape{name()});
      else if (one_in(20))
        shape.steps.emplace_back(status_shape{text()});
      else if (steps > 12 && !one_in(8))
        shape.steps.emplace_back(attribute_shape{{"key " + std::to_string(at)}, value()});
      else
        shape.steps.emplace_back(attribute());
    }
    if (one_in(3)) {  // a root
      shape.parent_flags = nanospan::sampled_flag | nanospan::random_flag;
      return shape;
    }
    shape.trace = id<16>();
    shape.parent = id<8>();
    shape.parent_is_remote = one_in(2);
    if (one_in(4)) shape.parent_flags |= nanospan::random_flag;
    if (one_in(4)) shape.tracestate = text();
    return shape;
  }

 private:
  std::mt19937_64 random_;
  bool empty_names_;
};

// ---- the direct way: a record by hand ------------------------------------------------------------------------------------------

// A tick is a nanosecond and the clocks stand still: what is expected of times is exact, whichever clock a record's ticks are of.
std::uint64_t now = 0;
constexpr std::uint64_t unix_offset = 1'700'000'000'000'000'000;
clock_converter still_clock() {
  now = 1'000'000'000;
  clock_converter clock{
      {[]() noexcept { return now; }, []() noexcept { return now; }, []() noexcept { return now + unix_offset; }}};
  now = 5'000'000'000;  // later than any record says
  clock.take_anchor();
  return clock;
}

// Padding is what no reader may take for data.
void pad(std::string& bytes) { bytes.resize(padded((bytes.size())), '\xaa'); }

template <typename Word>
std::string bytes_of(Word const& word) {
  return {reinterpret_cast<char const*>(&word), sizeof word};
}
void append_entry(std::string& to, entry_type type, name_shape const& key, std::string_view value) {
  entry_head const head{key.from != nullptr ? key.from->data() : nullptr, static_cast<std::uint16_t>(key.text.size()), type, key.from == nullptr};
  std::string payload;
  if (key.from == nullptr) payload = key.text;
  pad(payload);
  payload += value;
  auto const size = static_cast<std::uint32_t>(payload.size());
  bool const long_form = type == entry_type::event || type == entry_type::link || size >= 512;
  pad(payload);
  to += bytes_of(entry_word(head, long_form ? long_entry : size));
  if (long_form) to += bytes_of(std::uint64_t{size});
  to += payload;
}
std::string array_payload(value_shape const& of) {
  std::string payload;
  auto const numbers = [&](entry_type type, auto const& values) {
    payload = bytes_of(static_cast<std::uint64_t>(type));
    for (std::size_t at = 0; at < values.size(); ++at) payload += bytes_of(std::bit_cast<std::uint64_t>(values.data()[at]));
  };
  if (auto const* flags = std::get_if<flag_list>(&of)) {
    payload = bytes_of(static_cast<std::uint64_t>(entry_type::boolean));
    for (std::size_t at = 0; at < flags->count; ++at) payload += bytes_of(std::uint64_t{flags->flags[at]});
  } else if (auto const* integers = std::get_if<std::vector<std::int64_t>>(&of)) {
    numbers(entry_type::signed_integer, *integers);
  } else if (auto const* naturals = std::get_if<std::vector<std::uint64_t>>(&of)) {
    numbers(entry_type::unsigned_integer, *naturals);
  } else if (auto const* doubles = std::get_if<std::vector<double>>(&of)) {
    numbers(entry_type::floating, *doubles);
  } else {
    payload = bytes_of(static_cast<std::uint64_t>(entry_type::string));
    for (std::string const& text : std::get<std::vector<std::string>>(of)) {
      payload += bytes_of(std::uint64_t{text.size()}) + text;
      pad(payload);
    }
  }
  return payload;
}
void append_attribute(std::string& to, attribute_shape const& one) {
  if (auto const* flag = std::get_if<bool>(&one.value))
    append_entry(to, entry_type::boolean, one.key, bytes_of(std::uint64_t{*flag}));
  else if (auto const* integer = std::get_if<std::int64_t>(&one.value))
    append_entry(to, entry_type::signed_integer, one.key, bytes_of(*integer));
  else if (auto const* natural = std::get_if<std::uint64_t>(&one.value))
    append_entry(to, entry_type::unsigned_integer, one.key, bytes_of(*natural));
  else if (auto const* number = std::get_if<double>(&one.value))
    append_entry(to, entry_type::floating, one.key, bytes_of(*number));
  else if (auto const* text = std::get_if<std::string>(&one.value))
    append_entry(to, entry_type::string, one.key, *text);
  else if (auto const* bytes = std::get_if<bytes_shape>(&one.value))
    append_entry(to, entry_type::bytes, one.key, {reinterpret_cast<char const*>(bytes->data()), bytes->size()});
  else
    append_entry(to, entry_type::array, one.key, array_payload(one.value));
}
constexpr nanospan::literal no_key = "";
std::string entries_of(span_shape const& shape) {
  std::string entries;
  append_entry(entries, entry_type::name, shape.name, {});
  for (auto const& step : shape.steps) {
    if (auto const* attribute = std::get_if<attribute_shape>(&step)) {
      append_attribute(entries, *attribute);
    } else if (auto const* status = std::get_if<status_shape>(&step)) {
      append_entry(entries, entry_type::status, {"", &no_key}, status->description);
    } else if (auto const* rename = std::get_if<rename_shape>(&step)) {
      append_entry(entries, entry_type::name, rename->name, {});
    } else if (auto const* link = std::get_if<link_shape>(&step)) {
      std::string payload = bytes_of(link_payload{link->trace, link->span, link->flags, static_cast<std::uint16_t>(link->remote ? 1 : 0), static_cast<std::uint16_t>(link->tracestate.size())});
      payload += link->tracestate;
      pad(payload);
      for (attribute_shape const& one : link->attributes) append_attribute(payload, one);
      append_entry(entries, entry_type::link, {"", &no_key}, payload);
    } else if (auto const* event_of = std::get_if<event_shape>(&step)) {
      event_shape const& event = *event_of;
      std::string payload = bytes_of(event_payload{event.said != 0 ? event.said | unix_event_time : event.ticks});
      for (attribute_shape const& one : event.attributes) append_attribute(payload, one);
      append_entry(entries, entry_type::event, event.name, payload);
    }
  }
  if (!shape.tracestate.empty()) append_entry(entries, entry_type::tracestate, {"", &no_key}, shape.tracestate);
  return entries;
}

record_header header_of(span_shape const& shape, nanospan::span_id span, std::uint64_t start, std::uint64_t end, bool monotonic) {
  record_header header{};
  header.meta.kind = shape.kind;
  header.meta.flags =
      static_cast<std::uint8_t>((monotonic ? monotonic_ticks : 0) | (shape.parent_is_remote ? parent_is_remote : 0) |
                                (shape.start_said != 0 ? unix_start : 0) | (shape.end_said != 0 ? unix_end : 0));
  header.meta.trace_flags = shape.parent_flags;
  for (auto const& step : shape.steps) {
    bool const ok = std::holds_alternative<ok_shape>(step);
    if (ok || std::holds_alternative<status_shape>(step))
      header.meta.status = std::max(header.meta.status, static_cast<std::uint8_t>(ok ? 3 : 2));
  }
  if (header.meta.status == 3) header.meta.status = static_cast<std::uint8_t>(status_code::ok);
  header.trace = shape.trace;
  header.span = span;
  header.parent = shape.parent;
  header.start_ticks = shape.start_said != 0 ? shape.start_said : start;
  header.end_ticks = shape.end_said != 0 ? shape.end_said : end;
  return header;
}
std::string record_of(record_header header, std::string const& entries) {
  header.meta.size = static_cast<std::uint32_t>(sizeof header + entries.size());
  return bytes_of(header) + entries;
}
// The same with the entries elsewhere.
std::string heap_record_of(record_header header, std::string& entries) {
  std::string instead;
  append_entry(instead, entry_type::heap_block, {"", &no_key},
               bytes_of(heap_payload{reinterpret_cast<std::byte*>(entries.data()), static_cast<std::uint32_t>(entries.size()), 0}));
  return record_of(header, instead);
}
void add(otlp_encoder& to, std::string const& record, clock_converter const& clock) {
  to.add(reinterpret_cast<std::byte const*>(record.data()), clock);
}
// One span there and back.
proto_span encoded(record_header const& header, std::string const& entries = {}) {
  otlp_encoder encoder{""};
  add(encoder, record_of(header, entries), still_clock());
  return spans_of(parsed(encoder.cut().otlp))[0];
}
proto_span encoded(span_shape const& shape) {
  return encoded(header_of(shape, nanospan::span_id{{1}}, 1'500'000'000, 1'600'000'000, true), entries_of(shape));
}

// ---- the public way: spans that are recorded -----------------------------------------------------------------------------------

class kept_batches final : public nanospan::exporter {
 public:
  nanospan::export_result export_batch(nanospan::batch const& spans, nanospan::export_wait&) override {
    kept.push_back(spans);
    return {};
  }
  std::string description() const override { return "kept"; }
  std::vector<nanospan::batch> kept;
};

class recorder {
 public:
  // Flushed, and what comes is forgotten: another test may have left spans behind.
  recorder() { take(); }

  // What was recorded since, by span id: OTLP knows no order of spans.
  std::map<std::string, proto_span> take() {
    REQUIRE(provider_.flush());
    std::map<std::string, proto_span> spans;
    for (nanospan::batch const& one : exporter_->kept) {
      ExportTraceServiceRequest const request = parsed(one.otlp);
      REQUIRE(is_canonical(one.otlp, request));
      auto const& scope_spans = request.resource_spans(0).scope_spans(0);
      REQUIRE(scope_spans.scope().name() == "nanospan");
      REQUIRE(scope_spans.scope().version() == NANOSPAN_VERSION);
      REQUIRE(static_cast<std::size_t>(scope_spans.spans_size()) == one.span_count);
      for (proto_span const& span : scope_spans.spans()) REQUIRE(spans.emplace(span.span_id(), span).second);
    }
    exporter_->kept.clear();
    return spans;
  }
  proto_span take_one() {
    auto const spans = take();
    REQUIRE(spans.size() == 1);
    return spans.begin()->second;
  }
  // The same by name.
  std::map<std::string, proto_span> take_by_name() {
    std::map<std::string, proto_span> named;
    for (auto const& [id, span] : take()) named[span.name()] = span;
    return named;
  }

 private:
  std::shared_ptr<kept_batches> exporter_ = std::make_shared<kept_batches>();
  nanospan::tracer_provider provider_{{.service_name = "test", .exporter = exporter_, .background_thread = false}};
};

nanospan::attribute attribute_of(attribute_shape const& one) {
  return std::visit(
      [&](auto const& value) {
        return one.key.from != nullptr ? nanospan::attribute{*one.key.from, value}
                                       : nanospan::attribute{nanospan::copied{one.key.text}, value};
      },
      one.value);
}
void tell(nanospan::span_recorder& span, span_shape const& shape) {
  for (auto const& step : shape.steps) {
    if (auto const* attribute = std::get_if<attribute_shape>(&step)) {
      span.set(attribute_of(*attribute));
    } else if (auto const* status = std::get_if<status_shape>(&step)) {
      span.error(status->description);
    } else if (std::holds_alternative<ok_shape>(step)) {
      span.ok();
    } else if (auto const* rename = std::get_if<rename_shape>(&step)) {
      if (rename->name.from != nullptr)
        span.update_name(*rename->name.from);
      else
        span.update_name(nanospan::copied{rename->name.text});
    } else if (auto const* link = std::get_if<link_shape>(&step)) {
      auto told = span.link({link->trace, link->span, link->flags, link->remote, link->tracestate});
      for (attribute_shape const& one : link->attributes) told.set(attribute_of(one));
    } else {
      auto const& event = std::get<event_shape>(step);
      auto const at = nanospan::timestamp::of_unix_nanoseconds(event.said);
      auto told = event.name.from != nullptr ? span.event(*event.name.from, at) : span.event(nanospan::copied{event.name.text}, at);
      for (attribute_shape const& one : event.attributes) told.set(attribute_of(one));
    }
  }
}
// Records the span; returns what must arrive, but for the times (and a root's trace id where the scope has hidden it).
proto_span record(span_shape shape, bool scoped) {
  if (scoped) shape.end_said = 0;  // it ends with its scope
  nanospan::span_context const parent{shape.trace, shape.parent, shape.parent_flags, shape.parent_is_remote, shape.tracestate};
  nanospan::span_context context;
  auto const with = [&](nanospan::span_recorder& span) {
    tell(span, shape);
    context = span.context();
  };
  nanospan::copied const copied{shape.name.text};
  nanospan::start_options const said{.kind = shape.kind, .parent = parent, .start = nanospan::timestamp::of_unix_nanoseconds(shape.start_said)};
  auto const end = nanospan::timestamp::of_unix_nanoseconds(shape.end_said);
  if (said.start && scoped) {
    nanospan::scoped_span span{copied, said};
    with(span);
  } else if (said.start || end) {
    nanospan::span span{copied, said};
    with(span);
    span.end(end);
  } else if (scoped) {
    nanospan::context_scope const around{parent};
    if (shape.name.from != nullptr) {
      nanospan::scoped_span span{*shape.name.from, shape.kind};
      with(span);
    } else {
      nanospan::scoped_span span{copied, shape.kind};
      with(span);
    }
  } else if (shape.name.from != nullptr) {
    nanospan::span span{*shape.name.from, parent, shape.kind};
    with(span);
  } else {
    nanospan::span span{copied, parent, shape.kind};
    with(span);
  }
  proto_span expected = expected_of(shape);
  expected.set_trace_id(binary(context.trace_id()));
  expected.set_span_id(binary(context.span_id()));
  if (shape.parent.valid()) expected.set_parent_span_id(binary(shape.parent));
  return expected;
}
// Compares all but the times that nobody said, and those with each other and the clock on the wall.
std::string recorded_difference(proto_span const& arrived, proto_span expected) {
  std::uint64_t const start = arrived.start_time_unix_nano();
  std::uint64_t const end = arrived.end_time_unix_nano();
  std::uint64_t const wall = wall_nanoseconds();
  auto const is_now = [&](std::uint64_t time) { return time <= wall + 1'000'000'000 && time + 60'000'000'000 >= wall; };
  if (start >= end) return "it ends before it starts";
  if (expected.start_time_unix_nano() == 0) {
    if (!is_now(start)) return "another start than the wall's";
    expected.set_start_time_unix_nano(start);
  }
  if (expected.end_time_unix_nano() == 0) {
    if (!is_now(end) && end != start + 1) return "another end than the wall's";
    expected.set_end_time_unix_nano(end);
  } else {
    expected.set_end_time_unix_nano(std::max(start + 1, expected.end_time_unix_nano()));
  }
  if (arrived.trace_id() == std::string(16, '\0') || arrived.span_id() == std::string(8, '\0')) return "an invalid id";
  for (int at = 0; at < std::min(arrived.events_size(), expected.events_size()); ++at) {
    std::uint64_t const time = arrived.events(at).time_unix_nano();
    if (expected.events(at).time_unix_nano() != 0) continue;
    if (time < start || time > end) return "an event outside of its span";
    expected.mutable_events(at)->set_time_unix_nano(time);
  }
  return difference(arrived, expected);
}

}  // namespace

TEST_CASE("what is encoded of any record is read by libprotobuf as what it says") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    generator random{seed};
    clock_converter const clock = still_clock();
    otlp::resource::v1::Resource resource;
    resource.add_attributes()->set_key("service.name");
    otlp_encoder encoder{resource.SerializeAsString()};
    ExportTraceServiceRequest expected;
    auto& resource_spans = *expected.add_resource_spans();
    *resource_spans.mutable_resource() = resource;
    auto& scope_spans = *resource_spans.add_scope_spans();
    std::map<std::string, proto_span> expected_spans;
    scope_spans.mutable_scope()->set_name("nanospan");
    scope_spans.mutable_scope()->set_version(NANOSPAN_VERSION);
    std::size_t const spans = 1 + random.below(40);
    for (std::size_t at = 0; at < spans; ++at) {
      span_shape shape = random.span();
      if (!shape.trace.valid()) shape.trace = random.id<16>();
      shape.parent_flags = static_cast<std::uint8_t>(random.bits());
      // Around the clock's anchors, before and after them; the end may come before the start.
      auto const tick = [&] { return 500'000'000 + random.below(2'000'000'000); };
      record_header const header =
          header_of(shape, random.id<8>(), tick(), random.one_in(8) ? 600'000'000 : tick() + 2'000'000'000, random.one_in(2));
      proto_span& span = expected_spans[binary(header.span)];
      std::uint64_t const start = header.start_ticks + (shape.start_said != 0 ? 0 : unix_offset);
      std::uint64_t const end = std::max(start + 1, header.end_ticks + (shape.end_said != 0 ? 0 : unix_offset));  // no span takes no time
      std::vector<std::uint64_t> event_times;
      for (auto& step : shape.steps) {
        if (auto* event = std::get_if<event_shape>(&step)) {
          event->ticks = tick();
          event_times.push_back(event->said != 0 ? event->said : std::clamp(event->ticks + unix_offset, start, end));
        }
      }
      span = expected_of(shape);
      span.set_trace_id(binary(header.trace));
      span.set_span_id(binary(header.span));
      if (header.parent.valid()) span.set_parent_span_id(binary(header.parent));
      span.set_start_time_unix_nano(start);
      span.set_end_time_unix_nano(end);
      for (int event = 0; event < span.events_size(); ++event)
        span.mutable_events(event)->set_time_unix_nano(event_times[static_cast<std::size_t>(event)]);
      std::string entries = entries_of(shape);
      REQUIRE(entries.size() <= max_entry_bytes);
      add(encoder, random.one_in(3) ? heap_record_of(header, entries) : record_of(header, entries), clock);
    }
    REQUIRE(encoder.span_count() == spans);
    auto const batch = encoder.cut();
    REQUIRE(batch.span_count == spans);
    ExportTraceServiceRequest const arrived = parsed(batch.otlp);
    for (proto_span const& span : spans_of(arrived))
      *scope_spans.add_spans() = expected_spans[span.span_id()];  // in whichever order
    REQUIRE(expected_spans.size() == spans);
    REQUIRE(difference(arrived, expected) == "");
    REQUIRE(is_canonical(batch.otlp, arrived));
  }
}

TEST_CASE("what is recorded is read by libprotobuf as what was said") {
  recorder kept;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    generator random{seed};
    std::vector<proto_span> expected;
    for (std::size_t at = 1 + random.below(16); at != 0; --at) expected.push_back(record(random.span(), random.one_in(2)));
    auto const arrived = kept.take();
    REQUIRE(arrived.size() == expected.size());
    for (proto_span const& one : expected) {
      auto const found = arrived.find(one.span_id());
      REQUIRE(found != arrived.end());
      REQUIRE(recorded_difference(found->second, one) == "");
    }
  }
}

TEST_CASE("one to twelve attributes of a macro arrive in their order, with their site's name and kind") {
  recorder kept;
  {
    NANOSPAN("none");
    NANOSPAN_SERVER("one", {"a", 1});
    NANOSPAN_CLIENT("five", {"e", 1}, {"d", 2u}, {"c", "three"}, {"b", 4.0}, {"a", true});
    NANOSPAN_PRODUCER("twelve", {"l", 1}, {"k", 2}, {"j", 3}, {"i", 4}, {"h", 5}, {"g", 6}, {"f", 7}, {"e", 8}, {"d", 9}, {"c", 10},
                      {"b", 11}, {"a", 12});
    NANOSPAN_CONSUMER("consumer");
    NANOSPAN_FUNCTION();
  }
  auto spans = kept.take_by_name();
  REQUIRE(spans.size() == 6);
  auto const told = [&](char const* name) {
    std::string text = proto_span::SpanKind_Name(spans[name].kind()).substr(10);
    for (KeyValue const& one : spans[name].attributes()) text += " " + one.key();
    return text;
  };
  CHECK(told("none") == "INTERNAL");
  CHECK(told("one") == "SERVER a");
  CHECK(told("five") == "CLIENT e d c b a");
  CHECK(told("twelve") == "PRODUCER l k j i h g f e d c b a");
  CHECK(told("consumer") == "CONSUMER");
  REQUIRE(spans["twelve"].attributes_size() == 12);
  CHECK(spans["twelve"].attributes(11).value().int_value() == 12);
  CHECK(spans["twelve"].parent_span_id() == spans["five"].span_id());
  CHECK(spans["one"].parent_span_id() == spans["none"].span_id());
  for (auto const& [name, span] : spans) CHECK(span.trace_id() == spans["none"].trace_id());
}

TEST_CASE("each type of a value arrives as OpenTelemetry's mapping says") {
  recorder kept;
  {
    nanospan::span span{"types"};
    char const* const none = nullptr;
    span.set({"bool", true}, {"char", 'a'}, {"int8", std::int8_t{-1}}, {"uint16", std::uint16_t{65'535}}, {"int", -2},
             {"unsigned", 4'000'000'000u});
    span.set({"largest signed as unsigned", 0x7fff'ffff'ffff'ffffu}, {"one more", 0x8000'0000'0000'0000u}, {"largest", ~0uLL});
    span.set({"float", 0.5f}, {"double", -0.0}, {"long double", 2.0L});
    span.set({"literal", "text"}, {"string", std::string{"te\0xt", 5}}, {"view", std::string_view{"view"}}, {"null", none});
  }
  std::vector<std::string> values;
  proto_span const arrived = kept.take_one();
  for (KeyValue const& one : arrived.attributes()) values.push_back(one.value().ShortDebugString());
  CHECK(values == std::vector<std::string>{"bool_value: true", "int_value: 97", "int_value: -1", "int_value: 65535",
                                           "int_value: -2", "int_value: 4000000000", "int_value: 9223372036854775807",
                                           "string_value: \"9223372036854775808\"", "string_value: \"18446744073709551615\"",
                                           "double_value: 0.5", "double_value: -0", "double_value: 2", "string_value: \"text\"",
                                           "string_value: \"te\\000xt\"", "string_value: \"view\"", "string_value: \"\""});
}

TEST_CASE("arrays and bytes arrive as OpenTelemetry's mapping says") {
  recorder kept;
  std::vector<char> const octets{'a', '\0', '\xff'};
  {
    nanospan::span span{"arrays"};
    span.set({"bools", {true, false}}, {"integers", {1, -2}}, {"doubles", {0.5, -0.0}}, {"texts", {"a", ""}}, {"bytes", octets}, {"empty", std::vector<int>{}});
    span.set({"unsigned", {0x7fff'ffff'ffff'ffffu, 0x8000'0000'0000'0000u}}, {"no bytes", std::vector<char>{}}, {"ill-formed", {"caf\xe9"}});
  }
  std::vector<std::string> values;
  proto_span const arrived = kept.take_one();
  for (KeyValue const& one : arrived.attributes()) values.push_back(one.value().ShortDebugString());
  CHECK(values == std::vector<std::string>{
                             "array_value { values { bool_value: true } values { bool_value: false } }",
                             "array_value { values { int_value: 1 } values { int_value: -2 } }",
                             "array_value { values { double_value: 0.5 } values { double_value: -0 } }",
                             "array_value { values { string_value: \"a\" } values { string_value: \"\" } }",
                             "bytes_value: \"a\\000\\377\"",
                             "array_value { }",
                             "array_value { values { int_value: 9223372036854775807 } values { string_value: \"9223372036854775808\" } }",
                             "bytes_value: \"\"",
                             "array_value { values { string_value: \"caf\\357\\277\\275\" } }",
                         });
}

TEST_CASE("links arrive with their context, tracestate and attributes, those said at the start first") {
  recorder kept;
  nanospan::trace_id const trace{{1}};
  {
    nanospan::span span{"span", {.links = {{{trace, nanospan::span_id{{2}}, 1, true, "a=b"}, {{"n", 1}, {"tags", {"x"}}}}, {{trace, nanospan::span_id{{3}}, 0}}}}};
    span.link({trace, nanospan::span_id{{4}}, nanospan::random_flag}).set({"n", 3}).set({"n", 4});
    span.set({"after", true});
  }
  proto_span const span = kept.take_one();
  REQUIRE(span.links_size() == 3);
  for (int at = 0; at < 3; ++at) {
    CHECK(span.links(at).trace_id() == binary(trace));
    CHECK(span.links(at).span_id() == binary(nanospan::span_id{{static_cast<std::uint8_t>(2 + at)}}));
    CHECK(span.links(at).dropped_attributes_count() == 0);
  }
  CHECK(span.links(0).flags() == 0x301);
  CHECK(span.links(0).trace_state() == "a=b");
  REQUIRE(span.links(0).attributes_size() == 2);
  CHECK(span.links(0).attributes(0).value().int_value() == 1);
  CHECK(span.links(0).attributes(1).value().array_value().values(0).string_value() == "x");
  CHECK(span.links(1).flags() == 0x100);
  CHECK(span.links(1).trace_state().empty());
  CHECK(span.links(1).attributes_size() == 0);
  CHECK(span.links(2).flags() == 0x102);
  REQUIRE(span.links(2).attributes_size() == 1);
  CHECK(span.links(2).attributes(0).value().int_value() == 4);
  REQUIRE(span.attributes_size() == 1);
}

TEST_CASE("a link to an invalid context is kept where it has attributes or a tracestate, and else is none") {
  recorder kept;
  {
    nanospan::span span{"span"};
    span.link({});
    span.link({nanospan::trace_id{{1}}, {}, 0});
    span.link({{}, nanospan::span_id{{1}}, 0});
    span.link({}).set({"why", "unknown"});
    span.link(nanospan::span_context{}.with_tracestate("a=b"));
  }
  proto_span const span = kept.take_one();
  REQUIRE(span.links_size() == 2);
  CHECK(span.links(0).attributes_size() == 1);
  CHECK(span.links(0).trace_id() == std::string(16, '\0'));
  CHECK(span.links(1).trace_state() == "a=b");
  CHECK(span.dropped_links_count() == 0);
}

TEST_CASE("Ok is final, an error replaces another, and a description is an error's") {
  using status = otlp::trace::v1::Status;
  recorder kept;
  auto const told = [&](auto say) {
    {
      nanospan::span span{"span"};
      say(span);
    }
    proto_span const span = kept.take_one();
    return std::pair{span.status().code(), span.status().message()};
  };
  CHECK(told([](auto&) {}) == std::pair{status::STATUS_CODE_UNSET, std::string{}});
  CHECK(told([](auto& span) { span.ok(); }) == std::pair{status::STATUS_CODE_OK, std::string{}});
  CHECK(told([](auto& span) { span.error("a"); span.ok(); }) == std::pair{status::STATUS_CODE_OK, std::string{}});
  CHECK(told([](auto& span) { span.ok(); span.error("a"); }) == std::pair{status::STATUS_CODE_OK, std::string{}});
  CHECK(told([](auto& span) { span.error("a"); span.ok(); span.error("b"); span.ok(); }) == std::pair{status::STATUS_CODE_OK, std::string{}});
  CHECK(told([](auto& span) { span.error("a"); span.error("b"); }) == std::pair{status::STATUS_CODE_ERROR, std::string{"b"}});
}

TEST_CASE("an exception is an event with its type and message, what is set on it wins, and the status stays") {
  struct failure final : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  recorder kept;
  {
    nanospan::span span{"span"};
    span.record_exception(std::out_of_range{"index 7"}).set({"n", 1});
    span.record_exception(failure{"card"}).set({"exception.type", "failure"}, {"exception.message", "a card"});
  }
  proto_span const span = kept.take_one();
  CHECK_FALSE(span.has_status());
  REQUIRE(span.events_size() == 2);
  std::vector<std::string> told;
  for (auto const& event : span.events()) {
    CHECK(event.name() == "exception");
    for (KeyValue const& one : event.attributes()) told.push_back(one.key() + " " + one.value().ShortDebugString());
  }
  CHECK(told == std::vector<std::string>{"exception.type string_value: \"std::out_of_range\"", "exception.message string_value: \"index 7\"", "n int_value: 1",
                                         "exception.type string_value: \"failure\"", "exception.message string_value: \"a card\""});
}

TEST_CASE("a name that is replaced is the last one said, literal or copied") {
  recorder kept;
  std::string const made = "made at run time";
  {
    nanospan::span span{"first"};
    span.update_name(nanospan::copied{made});
    span.update_name("last");
  }
  CHECK(kept.take_one().name() == "last");
  {
    NANOSPAN("of a site");
    nanospan::scoped_span::innermost()->update_name(nanospan::copied{made});
  }
  CHECK(kept.take_one().name() == made);
}

TEST_CASE("times that are said arrive to the nanosecond, wherever they are") {
  recorder kept;
  using nanospan::timestamp;
  {
    nanospan::span span{"span", {.start = timestamp::of_unix_nanoseconds(1'000'000'000'000'000'007)}};
    span.event("before", timestamp::of_unix_nanoseconds(1));
    span.event("within", timestamp::of_unix_nanoseconds(1'000'000'000'000'000'008));
    span.event("after", timestamp::of_unix_nanoseconds(0x7fff'ffff'ffff'ffff));
    span.end(timestamp::of_unix_nanoseconds(1'000'000'000'000'000'009));
  }
  proto_span const span = kept.take_one();
  CHECK(span.start_time_unix_nano() == 1'000'000'000'000'000'007);
  CHECK(span.end_time_unix_nano() == 1'000'000'000'000'000'009);
  REQUIRE(span.events_size() == 3);
  CHECK(span.events(0).time_unix_nano() == 1);
  CHECK(span.events(1).time_unix_nano() == 1'000'000'000'000'000'008);
  CHECK(span.events(2).time_unix_nano() == 0x7fff'ffff'ffff'ffff);
  {
    nanospan::span backwards{"span", {.start = timestamp::of_unix_nanoseconds(2'000)}};
    backwards.end(timestamp::of_unix_nanoseconds(1'000));
  }
  proto_span const quick = kept.take_one();
  CHECK(quick.start_time_unix_nano() == 2'000);
  CHECK(quick.end_time_unix_nano() == 2'001);
}

namespace {

constexpr nanospan::tracer cards{"cards", "1.2.3", "https://schemas/cards", {{"team", "payments"}, {"\xff", "caf\xc3"}}};
constexpr nanospan::tracer cards_again{"cards", "1.2.3", "https://schemas/cards", {{"team", "payments"}, {"\xff", "caf\xc3"}}};
constexpr nanospan::tracer newer_cards{"cards", "1.2.4"};
constexpr nanospan::tracer unnamed{""};
constexpr nanospan::tracer const* tracers[] = {nullptr, &cards, &cards_again, &newer_cards, &unnamed};
constexpr traced_site site_of_newer_cards{{"site", nanospan::span_kind::server, "file", 1, "function", has_tracer}, &newer_cards};

// A span of a tracer, as it must arrive.
struct traced_span {
  nanospan::tracer const* by;
  proto_span span;
};
otlp::common::v1::InstrumentationScope scope_of(nanospan::tracer const* by) {
  otlp::common::v1::InstrumentationScope scope;
  scope.set_name(by == nullptr ? "nanospan" : by->name().data());
  scope.set_version(by == nullptr ? NANOSPAN_VERSION : by->version().data());
  if (by == nullptr) return scope;
  for (auto const& one : *by) {
    KeyValue& added = *scope.add_attributes();
    added.set_key(repaired_utf8(one.key.data()));
    added.mutable_value()->set_string_value(repaired_utf8(one.value.data()));
  }
  return scope;
}
// Encodes a span of one of the tracers, told by its site or by itself, which wins.
traced_span add_traced(otlp_encoder& to, generator& random, nanospan::tracer const* by, clock_converter const& clock) {
  span_shape shape = random.span();
  shape.trace = random.id<16>();
  for (auto& step : shape.steps)
    if (auto* event = std::get_if<event_shape>(&step)) event->said = random.moment();
  shape.start_said = 7'000;
  shape.end_said = 8'000;
  record_header header = header_of(shape, random.id<8>(), 0, 0, true);
  std::string entries = entries_of(shape);
  bool const has_site = random.one_in(3) && by != nullptr;
  if (has_site) header.from = &site_of_newer_cards.value;
  bool const is_told = has_site && by == &newer_cards;
  if (by != nullptr && !is_told) append_entry(entries, entry_type::scope, {"", &no_key}, bytes_of(scope_payload{by}));
  add(to, record_of(header, entries), clock);
  traced_span told{by == &cards_again ? &cards : by, expected_of(shape)};
  told.span.set_trace_id(binary(header.trace));
  told.span.set_span_id(binary(header.span));
  if (header.parent.valid()) told.span.set_parent_span_id(binary(header.parent));
  return told;
}
// How many there are, all of one tracer, and each as it must be.
std::size_t checked(otlp::trace::v1::ScopeSpans const& arrived, std::map<std::string, traced_span>& expected) {
  REQUIRE(arrived.spans_size() != 0);  // no empty envelope
  nanospan::tracer const* const by = expected.at(arrived.spans(0).span_id()).by;
  CHECK(difference(arrived.scope(), scope_of(by)) == "");
  CHECK(arrived.schema_url() == (by == nullptr ? "" : by->schema_url().data()));
  for (proto_span const& span : arrived.spans()) {
    traced_span const& told = expected.at(span.span_id());
    REQUIRE(told.by == by);
    REQUIRE(difference(span, told.span) == "");
  }
  return static_cast<std::size_t>(arrived.spans_size());
}

}  // namespace

TEST_CASE("spans of named tracers arrive each in its tracer's scope, and equal tracers are one") {
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    CAPTURE(seed);
    generator random{seed};
    clock_converter const clock = still_clock();
    std::string const resource_schema = random.one_in(2) ? "" : "https://schemas/resource";
    otlp::resource::v1::Resource resource;
    resource.add_attributes()->set_key("service.name");
    otlp_encoder encoder{resource.SerializeAsString(), resource_schema};
    for (int batches = 0; batches < 3; ++batches) {  // what is known of tracers stays from one to the next
      if (batches == 2) encoder.forget_literals();
      std::map<std::string, traced_span> expected;
      std::set<nanospan::tracer const*> used;
      for (std::size_t spans = 1 + random.below(12); expected.size() != spans;) {
        traced_span told = add_traced(encoder, random, tracers[seed % 4 == 0 ? 2 : random.below(std::size(tracers))], clock);  // one alone, too
        used.insert(told.by);
        expected.emplace(told.span.span_id(), std::move(told));
      }
      auto const batch = encoder.cut();
      CHECK(batch.span_count == expected.size());
      ExportTraceServiceRequest request;
      REQUIRE(request.ParseFromString(batch.otlp));
      REQUIRE(request.resource_spans_size() == 1);
      CHECK(request.resource_spans(0).schema_url() == resource_schema);
      CHECK(difference(request.resource_spans(0).resource(), resource) == "");
      CHECK(request.resource_spans(0).scope_spans_size() == static_cast<int>(used.size()));
      std::size_t arrived = 0;
      for (auto const& scope_spans : request.resource_spans(0).scope_spans()) arrived += checked(scope_spans, expected);
      CHECK(arrived == expected.size());
    }
  }
}

TEST_CASE("a value that is zero, empty or false is there all the same") {
  span_shape shape;
  for (value_shape const& value :
       {value_shape{false}, value_shape{std::int64_t{0}}, value_shape{std::uint64_t{0}}, value_shape{0.0}, value_shape{""}})
    shape.steps.emplace_back(attribute_shape{{"key " + std::to_string(shape.steps.size())}, value});
  proto_span const span = encoded(shape);
  REQUIRE(span.attributes_size() == 5);
  using value_type = otlp::common::v1::AnyValue;
  CHECK(span.attributes(0).value().value_case() == value_type::kBoolValue);
  CHECK(span.attributes(1).value().value_case() == value_type::kIntValue);
  CHECK(span.attributes(2).value().value_case() == value_type::kIntValue);
  CHECK(span.attributes(3).value().value_case() == value_type::kDoubleValue);
  CHECK(span.attributes(4).value().value_case() == value_type::kStringValue);
}

TEST_CASE("a root has no parent and says that none is remote") {
  recorder kept;
  { nanospan::span const root{"root", nanospan::span_context{}}; }
  proto_span const span = kept.take_one();
  CHECK(span.parent_span_id().empty());
  CHECK(span.trace_id().size() == 16);
  CHECK(span.span_id().size() == 8);
  CHECK(span.flags() == 0x103);
}

TEST_CASE("a parent in another process is flagged, and its children's parent is not") {
  recorder kept;
  {
    nanospan::context_scope const arrived{
        {nanospan::trace_id{{7}}, nanospan::span_id{{9}}, nanospan::sampled_flag, true, "vendor=1"}};
    NANOSPAN("local root");
    NANOSPAN("child");
  }
  auto spans = kept.take_by_name();
  REQUIRE(spans.size() == 2);
  CHECK(spans["child"].flags() == 0x101);
  CHECK(spans["local root"].flags() == 0x301);
  CHECK(spans["local root"].parent_span_id() == binary(nanospan::span_id{{9}}));
  for (auto const& [name, span] : spans) {
    CHECK(span.trace_id() == binary(nanospan::trace_id{{7}}));
    CHECK(span.trace_state() == "vendor=1");
  }
}

TEST_CASE("the last value of a key wins, in the first one's place, whether its key is copied or not") {
  static constexpr nanospan::literal a = "a", b = "b";
  span_shape shape;
  shape.steps = {attribute_shape{{"a", &a}, std::int64_t{1}}, attribute_shape{{"b", &b}, std::int64_t{2}},
                 attribute_shape{{"a"}, "three"}, attribute_shape{{"b", &b}, 4.5}};
  proto_span const span = encoded(shape);
  REQUIRE(span.attributes_size() == 2);
  CHECK(span.attributes(0).key() == "a");
  CHECK(span.attributes(0).value().string_value() == "three");
  CHECK(span.attributes(1).key() == "b");
  CHECK(span.attributes(1).value().double_value() == 4.5);
  CHECK(span.dropped_attributes_count() == 0);
}

TEST_CASE("the 129th attribute is dropped and counted, and a key that is known still gets its value") {
  span_shape shape;
  for (int at = 0; at < 140; ++at) shape.steps.emplace_back(attribute_shape{{"key " + std::to_string(at)}, std::int64_t{at}});
  shape.steps.emplace_back(attribute_shape{{"key 7"}, "known"});
  proto_span const span = encoded(shape);
  REQUIRE(span.attributes_size() == 128);
  CHECK(span.dropped_attributes_count() == 12);
  CHECK(span.attributes(127).key() == "key 127");
  CHECK(span.attributes(7).value().string_value() == "known");
}

TEST_CASE("events beyond 128 are dropped and counted, and so are an event's attributes") {
  span_shape shape;
  for (int at = 0; at < 131; ++at) {
    event_shape event{{"event " + std::to_string(at)}, {}};
    for (int key = 0; key < (at == 127 ? 130 : 3); ++key)
      event.attributes.push_back({{"key " + std::to_string(key)}, std::int64_t{at}});
    shape.steps.emplace_back(event);
  }
  proto_span const span = encoded(shape);
  REQUIRE(span.events_size() == 128);
  CHECK(span.dropped_events_count() == 3);
  CHECK(span.dropped_attributes_count() == 0);
  CHECK(span.events(126).attributes_size() == 3);
  CHECK(span.events(126).dropped_attributes_count() == 0);
  CHECK(span.events(127).name() == "event 127");
  CHECK(span.events(127).attributes_size() == 128);
  CHECK(span.events(127).dropped_attributes_count() == 2);
}

TEST_CASE("a span that ends before it starts, or with it, takes a nanosecond, and its events lie in it") {
  span_shape shape;
  shape.steps = {event_shape{{"early"}, {}, 1'000}, event_shape{{"late"}, {}, 3'000'000'000}};
  for (bool const monotonic : {false, true}) {
    CAPTURE(monotonic);
    std::string const entries = entries_of(shape);
    proto_span const backwards = encoded(header_of(shape, {}, 1'500'000'000, 1'400'000'000, monotonic), entries);
    CHECK(backwards.start_time_unix_nano() == 1'500'000'000 + unix_offset);
    CHECK(backwards.end_time_unix_nano() == backwards.start_time_unix_nano() + 1);
    CHECK(backwards.events(0).time_unix_nano() == backwards.start_time_unix_nano());
    proto_span const quick = encoded(header_of(shape, {}, 1'500'000'000, 1'500'000'000, monotonic), entries);
    CHECK(quick.end_time_unix_nano() == quick.start_time_unix_nano() + 1);
    proto_span const forwards = encoded(header_of(shape, {}, 1'500'000'000, 1'600'000'000, monotonic), entries);
    CHECK(forwards.events(0).time_unix_nano() == 1'500'000'000 + unix_offset);
    CHECK(forwards.events(1).time_unix_nano() == 1'600'000'000 + unix_offset);
  }
}

TEST_CASE("a span without entries, name or parent is a span") {
  record_header header{};
  header.meta.kind = nanospan::span_kind::internal;
  proto_span const span = encoded(header);
  CHECK(span.name().empty());
  CHECK(span.attributes_size() == 0);
  CHECK_FALSE(span.has_status());
  CHECK(span.flags() == 0x100);
}

TEST_CASE("status is there only where an error was set, and the last description is the one") {
  span_shape shape;
  CHECK_FALSE(encoded(shape).has_status());
  shape.steps = {status_shape{"declined"}};
  CHECK(encoded(shape).status().message() == "declined");
  shape.steps = {status_shape{"declined"}, status_shape{"too late"}};
  CHECK(encoded(shape).status().message() == "too late");
  shape.steps = {status_shape{"declined"}, status_shape{""}};
  CHECK(encoded(shape).status().message().empty());
  CHECK(encoded(shape).status().code() == otlp::trace::v1::Status::STATUS_CODE_ERROR);
}

TEST_CASE("an error whose description found no room has none, and not that of the span before") {
  otlp_encoder encoder{""};
  clock_converter const clock = still_clock();
  span_shape shape;
  shape.steps = {status_shape{"declined"}};
  record_header const header = header_of(shape, nanospan::span_id{{1}}, 1, 2, true);
  add(encoder, record_of(header, entries_of(shape)), clock);
  add(encoder, record_of(header, {}), clock);
  ExportTraceServiceRequest const request = parsed(encoder.cut().otlp);
  REQUIRE(spans_of(request).size() == 2);
  std::multiset<std::string> messages;
  for (proto_span const& span : spans_of(request)) {
    CHECK(span.status().code() == otlp::trace::v1::Status::STATUS_CODE_ERROR);
    messages.insert(span.status().message());
  }
  CHECK(messages == std::multiset<std::string>{"", "declined"});
}

TEST_CASE("names and keys of 65,535 bytes arrive whole, and of longer ones their beginning does") {
  recorder kept;
  std::string const longest(65'535, 'n');
  {
    nanospan::span span{nanospan::copied{longest + "and more"}};
    span.set({nanospan::copied{longest + "k"}, longest});
    span.event(nanospan::copied{longest}).set({nanospan::copied{longest}, 1});
  }
  proto_span const span = kept.take_one();
  CHECK((span.name() == longest));
  REQUIRE(span.attributes_size() == 1);
  CHECK((span.attributes(0).key() == longest));
  CHECK((span.attributes(0).value().string_value() == longest));
  REQUIRE(span.events_size() == 1);
  CHECK((span.events(0).name() == longest));
  REQUIRE(span.events(0).attributes_size() == 1);
  CHECK((span.events(0).attributes(0).key() == longest));
}

TEST_CASE("a span carries a mebibyte, and what passes it is counted") {
  recorder kept;
  static constexpr nanospan::literal value = "value", after = "after";
  for (std::size_t const spare : {0u, 1u, 8u, 16u, 24u, 32u}) {  // from exactly full to room for one more
    for (bool const has_tracestate : {false, true}) {
      CAPTURE(spare, has_tracestate);
      span_shape shape{{"large"}};
      shape.trace = nanospan::trace_id{{1}};
      shape.parent = nanospan::span_id{{2}};
      if (has_tracestate) shape.tracestate = "vendor=1";
      std::size_t const name_entry = 8 + 8;
      shape.steps = {
          attribute_shape{{"value", &value}, std::string(max_entry_bytes - name_entry - 16 - spare, 'v')},
          attribute_shape{{"after", &after}, std::int64_t{1}}, event_shape{{"event", &after}, {{{"key"}, true}}},
          status_shape{"no room"}};
      proto_span const expected = record(shape, false);
      proto_span const arrived = kept.take_one();
      REQUIRE(arrived.attributes_size() >= 1);
      CHECK(recorded_difference(arrived, expected) == "");
    }
  }
}

TEST_CASE("a value beyond a mebibyte is left out and counted") {
  recorder kept;
  {
    std::string const huge(max_entry_bytes + 1, 'h');
    nanospan::span span{"span"};
    span.set({"huge", huge}, {nanospan::copied{"huge too"}, huge}, {"small", 1});
    span.error(huge);
  }
  proto_span const span = kept.take_one();
  REQUIRE(span.attributes_size() == 1);
  CHECK(span.attributes(0).key() == "small");
  CHECK(span.dropped_attributes_count() == 2);
  CHECK(span.status().message().size() > max_entry_bytes - 200);  // a description is cut instead
  CHECK(span.status().message().find_first_not_of('h') == std::string::npos);
}

TEST_CASE("text that is no UTF-8 is repaired wherever it stands, and there is room for it at three times its size") {
  std::string const bad(65'535, '\xff');
  span_shape shape{{"span"}};
  SECTION("a name") { shape.name.text = bad; }
  SECTION("a key and its value") { shape.steps = {attribute_shape{{bad}, bad}}; }
  SECTION("a status") { shape.steps = {status_shape{bad}}; }
  SECTION("an event's name, key and value") { shape.steps = {event_shape{{bad}, {{{bad}, bad}}, 1'500'000'000}}; }
  SECTION("a tracestate") { shape.tracestate = bad; }
  proto_span expected = expected_of(shape);
  expected.set_trace_id(std::string(16, '\0'));
  expected.set_span_id(std::string{"\1\0\0\0\0\0\0\0", 8});
  expected.set_start_time_unix_nano(1'500'000'000 + unix_offset);
  expected.set_end_time_unix_nano(1'600'000'000 + unix_offset);
  if (expected.events_size() != 0) expected.mutable_events(0)->set_time_unix_nano(1'500'000'000 + unix_offset);
  CHECK(expected.ByteSizeLong() > 3 * bad.size());
  CHECK((difference(encoded(shape), expected) == ""));
}

TEST_CASE("a batch that was cut is as new") {
  otlp_encoder encoder{""};
  clock_converter const clock = still_clock();
  for (int round = 0; round < 3; ++round) {
    CHECK(encoder.span_count() == 0);
    CHECK(encoder.bytes() == 0);
    for (int at = 0; at <= round; ++at) {
      std::size_t const before = encoder.bytes();
      add(encoder, record_of(header_of({}, nanospan::span_id{{static_cast<std::uint8_t>(at + 1)}}, 1, 2, true), {}), clock);
      CHECK(encoder.bytes() > before);
    }
    auto const batch = encoder.cut();
    CHECK(batch.span_count == static_cast<std::size_t>(round + 1));
    ExportTraceServiceRequest const request = parsed(batch.otlp);
    REQUIRE(spans_of(request).size() == round + 1);
    std::set<std::string> ids;
    for (proto_span const& span : spans_of(request)) ids.insert(span.span_id());
    CHECK(ids.size() == static_cast<std::size_t>(round + 1));
  }
}

TEST_CASE("an entry that does not fit into its record ends it, and what came before is kept") {
  span_shape shape;
  shape.steps = {attribute_shape{{"first"}, std::int64_t{1}}};
  std::string const good = entries_of(shape);
  std::string broken;
  SECTION("longer than the record") { broken = bytes_of(entry_word({"", 0, entry_type::string, false}, 1'000)); }
  SECTION("longer by less than its padding") { broken = bytes_of(entry_word({"", 0, entry_type::string, false}, 1)); }
  SECTION("with a key longer than itself") { broken = bytes_of(entry_word({nullptr, 9, entry_type::string, true}, 0)); }
  SECTION("with a size cut off") { broken = bytes_of(entry_word({"", 0, entry_type::string, false}, long_entry)); }
  SECTION("longer than memory") {
    broken = bytes_of(entry_word({"", 0, entry_type::string, false}, long_entry)) + bytes_of(~std::uint64_t{0});
  }
  proto_span const span = encoded(header_of(shape, {}, 1, 2, true), good + broken);
  REQUIRE(span.attributes_size() == 1);
  CHECK(span.attributes(0).key() == "first");
}
