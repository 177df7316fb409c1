// SPDX-License-Identifier: Apache-2.0

// Through nanospan::batch: otlp_reader.hpp has bodies that exist once in a program.
#include <nanospan/exporter.hpp>

#include "catch.hpp"

#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include <google/protobuf/unknown_field_set.h>

#include <cmath>
#include <limits>
#include <random>

namespace otlp = opentelemetry::proto;
using otlp::collector::trace::v1::ExportTraceServiceRequest;
using proto_span = otlp::trace::v1::Span;

namespace {

nanospan::batch batch_of(std::string bytes) { return {std::move(bytes), 0}; }
nanospan::batch batch_of(ExportTraceServiceRequest const& request) { return batch_of(request.SerializeAsString()); }

template <std::size_t Bytes>
nanospan::id<Bytes> id_of(std::string_view text) {
  std::array<std::uint8_t, Bytes> bytes{};
  for (std::size_t at = 0; at < text.size(); ++at) bytes[at] = static_cast<std::uint8_t>(text[at]);
  return nanospan::id<Bytes>{bytes};
}
template <typename Message>
auto& add_attribute(Message& to, std::string const& key) {
  auto& added = *to.add_attributes();
  added.set_key(key);
  return *added.mutable_value();
}

// A span with something in every field.
void fill(proto_span& span) {
  span.set_trace_id("0123456789abcdef");
  span.set_span_id("spanspan");
  span.set_trace_state("vendor=1");
  span.set_parent_span_id("parentid");
  span.set_name("charge \xe2\x82\xac");
  span.set_kind(proto_span::SPAN_KIND_CLIENT);
  span.set_start_time_unix_nano(1'700'000'000'000'000'000);
  span.set_end_time_unix_nano(1'700'000'000'000'000'005);
  add_attribute(span, "flag").set_bool_value(true);
  add_attribute(span, "integer").set_int_value(std::numeric_limits<std::int64_t>::min());
  add_attribute(span, "number").set_double_value(-0.0);
  add_attribute(span, "text").set_string_value(std::string{"te\0xt", 5});
  span.set_dropped_attributes_count(7);
  auto& event = *span.add_events();
  event.set_name("retry");
  event.set_time_unix_nano(1'700'000'000'000'000'003);
  add_attribute(event, "attempt").set_int_value(2);
  event.set_dropped_attributes_count(8);
  span.add_events()->set_name("second");
  span.set_dropped_events_count(9);
  auto& link = *span.add_links();
  link.set_trace_id("0123456789abcdef");
  link.set_span_id("linkspan");
  link.set_trace_state("other=2");
  add_attribute(link, "why").set_string_value("batch");
  link.set_dropped_attributes_count(11);
  link.set_flags(0x100);
  span.set_dropped_links_count(10);
  span.mutable_status()->set_code(otlp::trace::v1::Status::STATUS_CODE_ERROR);
  span.mutable_status()->set_message("declined");
  span.set_flags(0x301);
}
nanospan::span_data filled() {
  nanospan::span_data span;
  span.trace_id = id_of<16>("0123456789abcdef");
  span.span_id = id_of<8>("spanspan");
  span.parent_span_id = id_of<8>("parentid");
  span.trace_state = "vendor=1";
  span.flags = 0x301;
  span.name = "charge \xe2\x82\xac";
  span.kind = nanospan::span_kind::client;
  span.start_time_unix_nano = 1'700'000'000'000'000'000;
  span.end_time_unix_nano = 1'700'000'000'000'000'005;
  span.attributes = {
      {"flag", true}, {"integer", std::numeric_limits<std::int64_t>::min()}, {"number", -0.0}, {"text", std::string{"te\0xt", 5}}};
  span.dropped_attributes_count = 7;
  span.events = {{"retry", 1'700'000'000'000'000'003, {{"attempt", std::int64_t{2}}}, 8}, {"second", 0, {}, 0}};
  span.dropped_events_count = 9;
  span.links = {{id_of<16>("0123456789abcdef"), id_of<8>("linkspan"), "other=2", 0x100, {{"why", "batch"}}, 11}};
  span.dropped_links_count = 10;
  span.status = nanospan::span_status::error;
  span.status_message = "declined";
  span.scope_name = "scope";
  span.service_name = "checkout";
  return span;
}
ExportTraceServiceRequest request_of_one() {
  ExportTraceServiceRequest request;
  auto& resource_spans = *request.add_resource_spans();
  add_attribute(*resource_spans.mutable_resource(), "host.name").set_string_value("here");
  add_attribute(*resource_spans.mutable_resource(), "service.name").set_string_value("checkout");
  auto& scope_spans = *resource_spans.add_scope_spans();
  scope_spans.mutable_scope()->set_name("scope");
  fill(*scope_spans.add_spans());
  return request;
}

// Fields that no schema knows, of every wire type, in the message and all in it.
void add_unknown(google::protobuf::Message& to) {
  auto const* reflection = to.GetReflection();
  std::vector<google::protobuf::FieldDescriptor const*> fields;
  reflection->ListFields(to, &fields);
  for (auto const* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      add_unknown(*reflection->MutableMessage(&to, field));
      continue;
    }
    for (int at = 0; at < reflection->FieldSize(to, field); ++at) add_unknown(*reflection->MutableRepeatedMessage(&to, field, at));
  }
  auto* const unknown = reflection->MutableUnknownFields(&to);
  unknown->AddVarint(100, ~std::uint64_t{0});
  unknown->AddFixed32(101, 1);
  unknown->AddFixed64(20'000, 2);
  unknown->AddLengthDelimited(536'870'911, "the largest field number");
}

// A message's fields, each as its bytes, in another order; and so in the messages in it. Those of one number keep theirs.
std::string in_another_order(google::protobuf::Message const& message) {
  auto const* reflection = message.GetReflection();
  std::vector<google::protobuf::FieldDescriptor const*> fields;
  reflection->ListFields(message, &fields);
  std::string bytes;
  for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
    int const count = (*field)->is_repeated() ? reflection->FieldSize(message, *field) : 1;
    bool const is_message = (*field)->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE;
    if (!is_message) {
      std::unique_ptr<google::protobuf::Message> const alone{message.New()};
      alone->CopyFrom(message);
      for (auto const* other : fields)
        if (other != *field) reflection->ClearField(alone.get(), other);
      bytes += alone->SerializeAsString();
      continue;
    }
    for (int at = 0; at < count; ++at) {
      auto const& inner =
          (*field)->is_repeated() ? reflection->GetRepeatedMessage(message, *field, at) : reflection->GetMessage(message, *field);
      std::unique_ptr<google::protobuf::Message> const alone{message.New()};
      std::string const reordered = in_another_order(inner);
      alone->GetReflection()->MutableUnknownFields(alone.get())->AddLengthDelimited((*field)->number(), reordered);
      bytes += alone->SerializeAsString();
    }
  }
  return bytes;
}

// Reads all there is; what counts is that it comes back.
std::size_t read(std::string const& bytes) {
  nanospan::batch const batch = batch_of(bytes);
  return batch.spans().size() + batch.resource().size();
}

}  // namespace

TEST_CASE("what libprotobuf writes is read, field by field") {
  auto const spans = batch_of(request_of_one()).spans();
  REQUIRE(spans.size() == 1);
  nanospan::span_data const expected = filled();
  CHECK(spans[0].trace_id == expected.trace_id);
  CHECK(spans[0].span_id == expected.span_id);
  CHECK(spans[0].parent_span_id == expected.parent_span_id);
  CHECK(spans[0].trace_state == expected.trace_state);
  CHECK(spans[0].flags == expected.flags);
  CHECK(spans[0].name == expected.name);
  CHECK(spans[0].kind == expected.kind);
  CHECK(spans[0].start_time_unix_nano == expected.start_time_unix_nano);
  CHECK(spans[0].end_time_unix_nano == expected.end_time_unix_nano);
  CHECK((spans[0].attributes == expected.attributes));
  CHECK(spans[0].dropped_attributes_count == expected.dropped_attributes_count);
  CHECK((spans[0].events == expected.events));
  CHECK(spans[0].dropped_events_count == expected.dropped_events_count);
  CHECK(spans[0].status == expected.status);
  CHECK(spans[0].status_message == expected.status_message);
  CHECK(spans[0].scope_name == expected.scope_name);
  CHECK(spans[0].service_name == expected.service_name);
  CHECK((spans[0] == expected));
  CHECK(std::signbit(std::get<double>(spans[0].attributes[2].second)));
}

TEST_CASE("fields that are not known are passed over, wherever they stand") {
  ExportTraceServiceRequest request = request_of_one();
  add_unknown(request);
  auto const spans = batch_of(request).spans();
  REQUIRE(spans.size() == 1);
  CHECK((spans[0] == filled()));
  CHECK(batch_of(request).resource().size() == 2);
}

TEST_CASE("fields are read in any order") {
  std::string const bytes = in_another_order(request_of_one());
  ExportTraceServiceRequest same;
  REQUIRE(same.ParseFromString(bytes));
  REQUIRE(same.SerializeAsString() == request_of_one().SerializeAsString());
  REQUIRE(bytes != request_of_one().SerializeAsString());
  auto const spans = batch_of(bytes).spans();
  REQUIRE(spans.size() == 1);
  CHECK((spans[0] == filled()));
}

TEST_CASE("a field of another type than the schema's is passed over") {
  ExportTraceServiceRequest request;
  proto_span& span = *request.add_resource_spans()->add_scope_spans()->add_spans();
  auto* const unknown = span.GetReflection()->MutableUnknownFields(&span);  // NOLINT(readability-static-accessed-through-instance): in some versions
  for (int field = 1; field <= 16; ++field) {
    auto const* known = proto_span::descriptor()->FindFieldByNumber(field);
    bool const is_bytes = known->type() == google::protobuf::FieldDescriptor::TYPE_BYTES ||
                          known->type() == google::protobuf::FieldDescriptor::TYPE_STRING ||
                          known->type() == google::protobuf::FieldDescriptor::TYPE_MESSAGE;
    if (is_bytes)
      unknown->AddVarint(field, 77);
    else
      unknown->AddLengthDelimited(field, "text");
  }
  auto const spans = batch_of(request).spans();
  REQUIRE(spans.size() == 1);
  CHECK((spans[0] == nanospan::span_data{}));
}

TEST_CASE("spans of several resources and scopes keep theirs") {
  ExportTraceServiceRequest request;
  for (std::string const service : {"a", "b"}) {
    auto& resource_spans = *request.add_resource_spans();
    add_attribute(*resource_spans.mutable_resource(), "service.name").set_string_value(service);
    for (std::string const scope : {"x", "y"}) {
      auto& scope_spans = *resource_spans.add_scope_spans();
      scope_spans.mutable_scope()->set_name(scope);
      for (std::string const name : {"1", "2"}) scope_spans.add_spans()->set_name(name);
    }
  }
  request.add_resource_spans()->add_scope_spans()->add_spans()->set_name("of nobody");
  std::string seen;
  for (auto const& span : batch_of(request).spans()) seen += span.service_name + span.scope_name + span.name + " ";
  CHECK(seen == "ax1 ax2 ay1 ay2 bx1 bx2 by1 by2 of nobody ");
  CHECK((batch_of(request).resource() == nanospan::attribute_list{{"service.name", "a"}}));
}

TEST_CASE("an id of another length than its own is invalid") {
  for (std::size_t const length : {0u, 1u, 7u, 9u, 15u, 17u, 32u}) {
    CAPTURE(length);
    ExportTraceServiceRequest request;
    proto_span& span = *request.add_resource_spans()->add_scope_spans()->add_spans();
    span.set_trace_id(std::string(length, 'i'));
    span.set_span_id(std::string(length, 'i'));
    span.set_parent_span_id(std::string(length, 'i'));
    auto const spans = batch_of(request).spans();
    REQUIRE(spans.size() == 1);
    CHECK_FALSE(spans[0].trace_id.valid());
    CHECK_FALSE(spans[0].span_id.valid());
    CHECK_FALSE(spans[0].parent_span_id.valid());
  }
}

TEST_CASE("arrays are of their first element's type, and bytes are bytes") {
  ExportTraceServiceRequest request;
  proto_span& span = *request.add_resource_spans()->add_scope_spans()->add_spans();
  auto& mixed = *add_attribute(span, "integers").mutable_array_value();
  mixed.add_values()->set_int_value(1);
  mixed.add_values()->set_string_value("passed over");
  mixed.add_values()->set_int_value(-2);
  add_attribute(span, "flags").mutable_array_value()->add_values()->set_bool_value(true);
  add_attribute(span, "numbers").mutable_array_value()->add_values()->set_double_value(0.5);
  add_attribute(span, "texts").mutable_array_value()->add_values()->set_string_value("a");
  add_attribute(span, "none of any").mutable_array_value();
  add_attribute(span, "bytes").set_bytes_value(std::string{"b\0", 2});
  auto const spans = batch_of(request).spans();
  REQUIRE(spans.size() == 1);
  CHECK(spans[0].attributes == nanospan::attribute_list{{"integers", std::vector<std::int64_t>{1, -2}},
                                                        {"flags", std::vector<bool>{true}},
                                                        {"numbers", std::vector<double>{0.5}},
                                                        {"texts", std::vector<std::string>{"a"}},
                                                        {"none of any", std::vector<std::string>{}},
                                                        {"bytes", std::vector<std::byte>{std::byte{'b'}, std::byte{0}}}});
}

TEST_CASE("a value that is a map or nothing is empty text") {
  ExportTraceServiceRequest request;
  proto_span& span = *request.add_resource_spans()->add_scope_spans()->add_spans();
  add_attribute(span, "map").mutable_kvlist_value();
  add_attribute(span, "none");
  auto const spans = batch_of(request).spans();
  REQUIRE(spans.size() == 1);
  CHECK(spans[0].attributes == nanospan::attribute_list{{"map", ""}, {"none", ""}});
}

TEST_CASE("nothing, and what is no protobuf, has no spans") {
  CHECK(batch_of("").spans().empty());
  CHECK(batch_of("").resource().empty());
  CHECK(batch_of("<html>502 Bad Gateway</html>").spans().empty());
}

TEST_CASE("a request that is cut off anywhere is read as far as it goes") {
  ExportTraceServiceRequest request = request_of_one();
  add_unknown(request);
  std::string const whole = request.SerializeAsString();
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    // A copy of exactly that size, so that a sanitizer sees a read beyond it.
    CHECK(read(std::string{whole.data(), bytes}) <= 3);
  }
  CHECK(read(whole) == 3);
}

TEST_CASE("no bytes do harm, neither changed nor at random") {
  std::string const whole = request_of_one().SerializeAsString();
  std::size_t found = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    found += read(flipped);
  }
  std::mt19937_64 random{1};
  for (int round = 0; round < 20'000; ++round) {
    std::string garbage(random() % 64, '\0');
    for (char& byte : garbage)
      byte = static_cast<char>(random() % (round % 2 == 0 ? 256 : 24));  // small ones are tags and lengths more often
    found += read(garbage);
  }
  for (int round = 0; round < 5'000; ++round) {
    std::string changed = whole;
    for (std::uint64_t changes = 1 + random() % 8; changes != 0; --changes)
      changed[random() % changed.size()] = static_cast<char>(random());
    found += read(changed);
  }
  CHECK(found > 1'000);  // else it proves less than it says
}
