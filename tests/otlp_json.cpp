// SPDX-License-Identifier: Apache-2.0

#include <nanospan/otlp_json.hpp>

#include "catch.hpp"

#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace otlp = opentelemetry::proto;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using otlp::collector::trace::v1::ExportTraceServiceRequest;
using proto_span = otlp::trace::v1::Span;

namespace {

std::string json_of(std::string_view bytes) {
  std::string json = "before";  // what is there is appended to
  nanospan::detail::append_otlp_json(json, bytes);
  REQUIRE(json.starts_with("before{"));
  return json.substr(6);
}
std::string json_of(Message const& message) { return json_of(message.SerializeAsString()); }

// libprotobuf takes hexadecimal digits for base64: encoded again, they are the digits.
void read_id(std::string& id) {
  constexpr std::string_view base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::string_view hex = "0123456789abcdef";
  std::string digits;
  for (std::size_t at = 0; at + 2 < id.size(); at += 3) {
    unsigned three = 0;
    for (std::size_t byte = at; byte < at + 3; ++byte) three = three << 8 | static_cast<unsigned char>(id[byte]);
    for (unsigned const shift : {18u, 12u, 6u, 0u}) digits += base64[three >> shift & 63];
  }
  std::string bytes;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
    REQUIRE((hex.find(digits[at]) != std::string_view::npos && hex.find(digits[at + 1]) != std::string_view::npos));  // lower-case
    bytes += static_cast<char>(hex.find(digits[at]) << 4 | hex.find(digits[at + 1]));
  }
  id = bytes;
}
// Nothing that it does not know may be in it.
bool reads(std::string const& json, ExportTraceServiceRequest& into) {
  auto const status = google::protobuf::util::JsonStringToMessage(json, &into, {});
  if (!status.ok()) UNSCOPED_INFO(std::string{status.message()});
  return status.ok();
}
ExportTraceServiceRequest read(std::string const& json) {
  ExportTraceServiceRequest request;
  CAPTURE(json);
  REQUIRE(reads(json, request));
  for (auto& resource_spans : *request.mutable_resource_spans())
    for (auto& scope_spans : *resource_spans.mutable_scope_spans())
      for (auto& span : *scope_spans.mutable_spans()) {
        for (std::string* id : {span.mutable_trace_id(), span.mutable_span_id(), span.mutable_parent_span_id()}) read_id(*id);
        for (auto& link : *span.mutable_links()) {
          read_id(*link.mutable_trace_id());
          read_id(*link.mutable_span_id());
        }
      }
  return request;
}
bool same(Message const& a, Message const& b) {
  google::protobuf::util::MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  google::protobuf::util::DefaultFieldComparator comparator;
  comparator.set_treat_nan_as_equal(true);
  differencer.set_field_comparator(&comparator);
  bool const equal = differencer.Compare(a, b);
  UNSCOPED_INFO(differences);
  return equal;
}
// One line, without what a reader could take for the end of another.
bool one_line(std::string_view json) {
  for (char const c : json)
    if (static_cast<unsigned char>(c) < ' ') return false;
  for (std::string_view const end : {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"})
    if (json.find(end) != std::string_view::npos) return false;
  return nanospan::detail::is_utf8(json);
}

// ---- any message of the schema ---------------------------------------------------------------------------------------------------

class generator {
 public:
  explicit generator(std::uint64_t seed) : random_{seed} {}

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  std::uint64_t bits() { return random_() >> below(64); }
  std::string bytes(std::size_t count) {
    std::string all(count, '\0');
    for (char& c : all) c = static_cast<char>(random_());
    return all;
  }
  std::string text() {
    static std::string const characters[] = {"a", "Z", "\"", "\\", "/", "\n", "\r", "\t", std::string(1, '\0'), "\x1f", "\x7f", "\xc2\x85", "\xc3\xa4", "\xe2\x80\xa8",
                                             "\xe2\x80\xa9", "\xe2\x82\xac", "\xed\x9f\xbf", "\xef\xbf\xbf", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "</script>", "{}"};
    std::string all;
    for (std::size_t count = below(12); count != 0; --count) all += characters[below(std::size(characters))];
    return all;
  }
  double number() {
    static double const some[] = {0.0, -0.0, 1.0, 0.1, 1e21, 5e-324, std::numeric_limits<double>::max(), std::numeric_limits<double>::quiet_NaN(),
                                  std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
    return below(2) == 0 ? some[below(std::size(some))] : std::bit_cast<double>(random_());
  }
  void fill(Message& message, int depth = 0) {
    auto const* descriptor = message.GetDescriptor();
    for (int at = 0; at < descriptor->field_count(); ++at) {
      auto const* field = descriptor->field(at);
      if (field->name().find("strindex") != std::string::npos || field->name() == "entity_refs") continue;  // no trace has them
      bool const is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
      if (is_message && depth > 11) continue;
      if (field->is_repeated())
        for (std::size_t count = below(depth == 0 ? 2 : 4); count != 0; --count) fill(*message.GetReflection()->AddMessage(&message, field), depth + 1);
      else if (below(3) != 0) set(message, field, depth);
    }
  }

 private:
  void set(Message& message, FieldDescriptor const* field, int depth) {
    auto const* reflection = message.GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE: fill(*reflection->MutableMessage(&message, field), depth + 1); break;
      case FieldDescriptor::CPPTYPE_STRING:
        if (field->type() == FieldDescriptor::TYPE_STRING) reflection->SetString(&message, field, text());
        else if (field->name() == "trace_id") reflection->SetString(&message, field, bytes(16));
        else if (field->name().ends_with("span_id")) reflection->SetString(&message, field, bytes(8));
        else reflection->SetString(&message, field, bytes(below(20)));
        break;
      case FieldDescriptor::CPPTYPE_BOOL: reflection->SetBool(&message, field, below(2) == 0); break;
      case FieldDescriptor::CPPTYPE_INT64: reflection->SetInt64(&message, field, static_cast<std::int64_t>(below(2) == 0 ? bits() : 0 - bits())); break;
      case FieldDescriptor::CPPTYPE_UINT64: reflection->SetUInt64(&message, field, bits()); break;
      case FieldDescriptor::CPPTYPE_UINT32: reflection->SetUInt32(&message, field, static_cast<std::uint32_t>(bits())); break;
      case FieldDescriptor::CPPTYPE_DOUBLE: reflection->SetDouble(&message, field, number()); break;
      case FieldDescriptor::CPPTYPE_ENUM: reflection->SetEnumValue(&message, field, static_cast<int>(below(8)) - 2); break;
      default: FAIL("a type that the schema did not have: " << field->full_name());
    }
  }

  std::mt19937_64 random_;
};

proto_span& only_span(ExportTraceServiceRequest& of) { return *of.add_resource_spans()->add_scope_spans()->add_spans(); }
std::string of_only_span(std::string const& fields) { return R"({"resourceSpans":[{"scopeSpans":[{"spans":[{)" + fields + "}]}]}]}"; }

}  // namespace

TEST_CASE("each field is written as OTLP/JSON has it") {
  ExportTraceServiceRequest request;
  proto_span& span = only_span(request);
  span.set_trace_id("0123456789abcde\xff");
  span.set_span_id(std::string{"\0\x01spans\n", 8});
  span.set_name("a \"b\"");
  span.set_kind(proto_span::SPAN_KIND_CLIENT);
  span.set_start_time_unix_nano(1'700'000'000'000'000'001);
  span.set_flags(0x101);
  auto& attribute = *span.add_attributes();
  attribute.set_key("n");
  attribute.mutable_value()->set_int_value(-1);
  auto& values = *span.add_attributes()->mutable_value()->mutable_array_value();
  values.add_values()->set_bool_value(false);
  values.add_values()->set_double_value(0.1);
  values.add_values()->set_bytes_value("\xff\xee");
  values.add_values()->set_string_value("");
  values.add_values();
  span.mutable_status()->set_code(otlp::trace::v1::Status::STATUS_CODE_ERROR);
  CHECK(json_of(request) == of_only_span(R"("traceId":"303132333435363738396162636465ff","spanId":"00017370616e730a","name":"a \"b\"","kind":3,)"
                                         R"("startTimeUnixNano":"1700000000000000001","attributes":[{"key":"n","value":{"intValue":"-1"}},{"value":{"arrayValue":{"values":[)"
                                         R"({"boolValue":false},{"doubleValue":0.1},{"bytesValue":"/+4="},{"stringValue":""},{}]}}}],"status":{"code":2},"flags":257)"));
  CHECK(json_of("") == "{}");
}

TEST_CASE("libprotobuf reads the JSON of any message as that message") {
  std::size_t spans = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    generator random{seed};
    ExportTraceServiceRequest request;
    random.fill(request);
    std::string const json = json_of(request);
    REQUIRE(one_line(json));
    REQUIRE(same(request, read(json)));
    for (auto const& resource_spans : request.resource_spans())
      for (auto const& scope_spans : resource_spans.scope_spans()) spans += static_cast<std::size_t>(scope_spans.spans_size());
  }
  CHECK(spans > 300);
}

TEST_CASE("fields that are not known, and those of another type than the schema's, are passed over") {
  ExportTraceServiceRequest request;
  proto_span& span = only_span(request);
  auto* const unknown = span.GetReflection()->MutableUnknownFields(&span);  // NOLINT(readability-static-accessed-through-instance): in some versions
  unknown->AddVarint(100, ~std::uint64_t{0});
  unknown->AddFixed32(101, 1);
  unknown->AddFixed64(20'000, 2);
  unknown->AddLengthDelimited(536'870'911, "the largest field number");
  for (int field = 1; field <= 17; ++field) unknown->AddFixed32(field == 16 ? 1 : field, 7);  // none is a fixed32 but the 16th
  span.set_name("known");
  CHECK(json_of(request) == of_only_span(R"("name":"known")"));
}

TEST_CASE("fields may come in any order, and the last of those that are there once counts") {
  ExportTraceServiceRequest first;
  ExportTraceServiceRequest second;
  only_span(first).set_name("first");
  first.mutable_resource_spans(0)->mutable_scope_spans(0)->add_spans()->set_kind(proto_span::SPAN_KIND_SERVER);
  proto_span span;
  span.set_name("second");
  span.add_events()->set_name("e1");
  proto_span more;
  more.set_name("third");
  more.add_events()->set_name("e2");
  only_span(second).ParseFromString(span.SerializeAsString());
  std::string const joined = span.SerializeAsString() + more.SerializeAsString();
  CHECK(json_of(first.SerializeAsString() + second.SerializeAsString()) ==
        R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"first"},{"kind":2}]}]},{"scopeSpans":[{"spans":[{"name":"second","events":[{"name":"e1"}]}]}]}]})");
  std::string json;
  nanospan::detail::otlp_json_writer{json}.message(joined, nanospan::detail::otlp_type::span);
  CHECK(json == R"({"name":"third","events":[{"name":"e1"},{"name":"e2"}]})");
  otlp::common::v1::AnyValue text;
  otlp::common::v1::AnyValue number;
  text.set_string_value("s");
  number.set_int_value(1);
  json.clear();
  nanospan::detail::otlp_json_writer{json}.message(number.SerializeAsString() + text.SerializeAsString() + number.SerializeAsString(), nanospan::detail::otlp_type::any_value);
  CHECK(json == R"({"intValue":"1"})");
}

TEST_CASE("an id of another length than its own is left out: readers refuse the whole line for it") {
  for (std::size_t const length : {0u, 1u, 7u, 9u, 15u, 17u, 32u}) {
    CAPTURE(length);
    ExportTraceServiceRequest request;
    proto_span& span = only_span(request);
    span.set_name("x");
    span.set_trace_id(std::string(length, 'i'));
    span.set_span_id(std::string(length, 'i'));
    span.set_parent_span_id(std::string(length, 'i'));
    CHECK(json_of(request) == of_only_span(R"("name":"x")"));
  }
}

TEST_CASE("text that is no UTF-8 is repaired, and what is not allowed in JSON or ends a line somewhere is escaped") {
  auto const text_of = [](std::string_view text) {
    std::string json;
    nanospan::detail::append_json_text(json, text);
    return json;
  };
  CHECK(text_of("") == "\"\"");
  CHECK(text_of("plain \xe2\x82\xac") == "\"plain \xe2\x82\xac\"");
  CHECK(text_of("\xff" "a\xe2\x82\xed\xa0\x80") == "\"\xef\xbf\xbd" "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
  CHECK(text_of(std::string_view{"\0\x1f\n\r\x7f", 5}) == "\"\\u0000\\u001f\\n\\u000d\x7f\"");
  CHECK(text_of("\xc2\x84\xc2\x85\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x81\x80") == "\"\xc2\x84\\u0085\xe2\x80\xa7\\u2028\\u2029\xe2\x81\x80\"");
  CHECK(text_of("a\\b\"c") == R"("a\\b\"c")");
}

TEST_CASE("numbers are read back to the bit") {
  std::mt19937_64 random{7};
  for (int round = 0; round < 20'000; ++round) {
    auto const bits = round < 2048 ? static_cast<std::uint64_t>(round) << 52 : random();
    auto const number = std::bit_cast<double>(bits);
    std::string json;
    nanospan::detail::append_json_real(json, number);
    if (!std::isfinite(number)) {
      REQUIRE(json == (std::isnan(number) ? "\"NaN\"" : number < 0 ? "\"-Infinity\"" : "\"Infinity\""));
      continue;
    }
    REQUIRE(std::bit_cast<std::uint64_t>(std::strtod(json.c_str(), nullptr)) == bits);
    REQUIRE(json.find_first_not_of("0123456789.e+-") == std::string::npos);
  }
}

TEST_CASE("whatever the bytes are, they become one line of JSON that fits the schema") {
  generator random{11};
  std::vector<std::string> all;
  ExportTraceServiceRequest request;
  while (request.ByteSizeLong() < 600) random.fill(request);
  std::string const whole = request.SerializeAsString();
  for (std::size_t bytes = 0; bytes < std::min<std::size_t>(whole.size(), 1500); ++bytes) all.push_back(whole.substr(0, bytes));
  for (int round = 0; round < 3'000; ++round) {
    std::string changed = whole;
    for (std::uint64_t changes = 1 + random.below(8); changes != 0; --changes) changed[random.below(changed.size())] = static_cast<char>(random.bits());
    all.push_back(changed);
    std::string garbage = random.bytes(random.below(64));
    if (round % 2 == 0)
      for (char& c : garbage) c &= 0x1f;  // small ones are tags and lengths more often
    all.push_back(garbage);
  }
  for (std::string const& bytes : all) {
    std::string const json = json_of(std::string{bytes});  // a copy of exactly that size, so that a sanitizer sees a read beyond it
    CAPTURE(json);
    REQUIRE(one_line(json));
    ExportTraceServiceRequest read_back;
    REQUIRE(reads(json, read_back));
  }
}

TEST_CASE("arrays in arrays end at a depth that no stack and no reader is too small for") {
  std::string any;
  auto const wrap = [](char tag, std::string const& inner) {
    std::string length;
    for (std::size_t rest = inner.size(); length.empty() || rest != 0; rest >>= 7) length += static_cast<char>((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0));
    return tag + length + inner;
  };
  for (int depth = 0; depth < 5'000; ++depth) any = wrap('\x2a', wrap('\x0a', any));  // AnyValue.array_value, ArrayValue.values
  std::string const attribute = wrap('\x4a', wrap('\x12', any));
  std::string const json = json_of(wrap('\x0a', wrap('\x12', wrap('\x12', attribute))));
  ExportTraceServiceRequest request;
  CHECK(reads(json, request));
  CHECK(json.find(R"({"arrayValue":{"values":[{"arrayValue":{"values":[{"arrayValue":)") != std::string::npos);
  CHECK(json.size() < 2'000);
}
