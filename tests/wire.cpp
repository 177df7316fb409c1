// SPDX-License-Identifier: Apache-2.0

#include <nanospan/wire.hpp>

#include "catch.hpp"

#include <google/protobuf/unknown_field_set.h>

#include <limits>
#include <random>
#include <vector>

using namespace nanospan::detail;

namespace {

// The edges of what a varint's bytes hold.
std::vector<std::uint64_t> edge_numbers() {
  std::vector<std::uint64_t> numbers{0, 1, ~std::uint64_t{0}};
  for (unsigned bits = 1; bits < 64; ++bits)
    for (int beside : {-1, 0, 1}) numbers.push_back((std::uint64_t{1} << bits) + static_cast<std::uint64_t>(beside));
  return numbers;
}
std::string written(google::protobuf::UnknownFieldSet const& fields) {
  std::string bytes;
  fields.SerializeToString(&bytes);
  return bytes;
}
constexpr std::uint32_t field_numbers[] = {1, 2, 15, 16, 17, 2047, 2048, 536'870'911};

// Reads a message to its end; how many fields it had.
std::size_t count_fields(wire_reader reader) {
  std::size_t fields = 0;
  while (reader.next()) ++fields;
  return fields;
}

}  // namespace

TEST_CASE("each field is written as libprotobuf writes it") {
  for (std::uint32_t const field : field_numbers) {
    for (std::uint64_t const number : edge_numbers()) {
      reverse_writer writer;
      writer.require(100);
      writer.bytes_field(static_cast<std::uint32_t>(field), "text");
      writer.fixed32_field(field, static_cast<std::uint32_t>(number));
      writer.fixed64_field(field, number);
      writer.varint_field(field, number);
      google::protobuf::UnknownFieldSet expected;
      expected.AddVarint(static_cast<int>(field), number);
      expected.AddFixed64(static_cast<int>(field), number);
      expected.AddFixed32(static_cast<int>(field), static_cast<std::uint32_t>(number));
      expected.AddLengthDelimited(static_cast<int>(field), "text");
      REQUIRE(writer.view() == written(expected));
    }
  }
}

TEST_CASE("a varint takes as many bytes as its number needs") {
  for (std::uint64_t const number : edge_numbers()) {
    reverse_writer writer;
    writer.require(reverse_writer::max_varint_bytes);
    writer.varint(number);
    CHECK(writer.size() == reverse_writer::varint_size(number));
    std::size_t bytes = 1;
    for (std::uint64_t rest = number; rest >= 0x80; rest >>= 7) ++bytes;
    CHECK(writer.size() == bytes);
  }
  CHECK(reverse_writer::varint_size(~std::uint64_t{0}) == reverse_writer::max_varint_bytes);
}

TEST_CASE("what was written since becomes a message") {
  for (std::size_t const size : {0u, 1u, 127u, 128u, 16'383u, 16'384u, 70'000u}) {
    reverse_writer writer;
    writer.require(size + 100);
    writer.raw("behind");
    std::size_t const since = writer.size();
    std::string const content(size, 'c');
    writer.raw(content);
    writer.end_message(3, since);
    google::protobuf::UnknownFieldSet expected;
    expected.AddLengthDelimited(3, content);
    CHECK((writer.view() == written(expected) + "behind"));
  }
}

TEST_CASE("a writer that grows keeps what it holds") {
  std::mt19937_64 random{1};
  reverse_writer writer;
  std::string expected;
  for (int round = 0; round < 200; ++round) {
    std::string const text(random() % 2'000, static_cast<char>('a' + round % 26));
    writer.require(text.size());
    writer.raw(text);
    expected.insert(0, text);
  }
  CHECK((writer.view() == expected));
  writer.clear();
  CHECK(writer.size() == 0);
  writer.require(expected.size());
  writer.raw(expected);
  CHECK((writer.view() == expected));
}

TEST_CASE("there is room for exactly what was asked for") {
  for (std::size_t const bytes : {0u, 1u, 4'095u, 4'096u, 4'097u, 8'192u, 100'000u}) {
    reverse_writer writer;
    writer.require(100);
    writer.raw("before");
    writer.require(bytes);
    writer.raw(std::string(bytes, 'x'));  // beyond it a sanitizer would see
    CHECK(writer.size() == bytes + 6);
  }
}

TEST_CASE("what was written is read") {
  for (std::uint32_t const field : field_numbers) {
    for (std::uint64_t const number : edge_numbers()) {
      reverse_writer writer;
      writer.require(100);
      writer.bytes_field(field, std::string_view{"te\0xt", 5});
      writer.fixed32_field(field, static_cast<std::uint32_t>(number));
      writer.fixed64_field(field, number);
      writer.varint_field(field, number);
      wire_reader reader{writer.view()};
      REQUIRE(reader.next());
      REQUIRE(reader.is(field, wire_type::varint));
      REQUIRE(reader.number() == number);
      REQUIRE(reader.next());
      REQUIRE(reader.is(field, wire_type::fixed64));
      REQUIRE_FALSE(reader.is(field, wire_type::varint));
      REQUIRE(reader.number() == number);
      REQUIRE(reader.next());
      REQUIRE(reader.is(field, wire_type::fixed32));
      REQUIRE_FALSE(reader.is(field + 1, wire_type::fixed32));
      REQUIRE(reader.number() == static_cast<std::uint32_t>(number));
      REQUIRE(reader.next());
      REQUIRE(reader.is(field, wire_type::bytes));
      REQUIRE(reader.bytes() == std::string_view{"te\0xt", 5});
      REQUIRE_FALSE(reader.next());
      REQUIRE(reader.well_formed());
    }
  }
}

TEST_CASE("a varint that is longer than needed is read") {
  wire_reader reader{std::string_view{"\x08\x85\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11}};
  REQUIRE(reader.next());
  CHECK(reader.number() == 5);
  CHECK_FALSE(reader.next());
  CHECK(reader.well_formed());
}

TEST_CASE("what is no protobuf ends the reading") {
  auto const is_refused = [](std::string_view bytes) {
    wire_reader reader{bytes};
    while (reader.next()) {
    }
    return !reader.well_formed() && !reader.next();
  };
  CHECK(is_refused("\x08"));                                              // no value
  CHECK(is_refused("\x08\x80"));                                          // a varint that does not end
  CHECK(is_refused("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));  // eleven bytes
  CHECK(
      is_refused("\x09"
                 "1234567"));  // fixed64 of seven
  CHECK(
      is_refused("\x0d"
                 "123"));  // fixed32 of three
  CHECK(
      is_refused("\x0a\x05"
                 "1234"));                                            // longer than what is left
  CHECK(is_refused("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));  // by far
  CHECK(is_refused("\x0b"));                                          // a group
  CHECK(is_refused("\x0c"));
  CHECK(is_refused("\x0e"));  // types that there are not
  CHECK(is_refused("\x0f"));
  CHECK(is_refused(std::string_view{"\x00\x01", 2}));  // field 0
  CHECK(is_refused("<html>"));
}

TEST_CASE("fields before a fault are read") {
  wire_reader reader{"\x08\x01\x10\x02\x0b"};
  CHECK(reader.next());
  CHECK(reader.next());
  CHECK_FALSE(reader.next());
  CHECK_FALSE(reader.well_formed());
}

TEST_CASE("nothing at all is a message without fields") {
  wire_reader reader{""};
  CHECK_FALSE(reader.next());
  CHECK(reader.well_formed());
}

TEST_CASE("what libprotobuf takes for fields is read as so many fields") {
  std::mt19937_64 random{1};
  std::size_t good = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string bytes(random() % 12, '\0');
    for (char& byte : bytes)
      byte = static_cast<char>(random() % (round % 2 == 0 ? 256 : 24));  // small ones are tags and lengths more often
    google::protobuf::UnknownFieldSet fields;
    if (!fields.ParseFromString(bytes)) continue;
    bool groups = false;
    for (int at = 0; at < fields.field_count(); ++at)
      groups |= fields.field(at).type() == google::protobuf::UnknownField::TYPE_GROUP;
    if (groups) continue;  // proto3 has none
    REQUIRE(count_fields(wire_reader{bytes}) == static_cast<std::size_t>(fields.field_count()));
    if (!bytes.empty()) ++good;
  }
  CHECK(good > 1'000);
}
