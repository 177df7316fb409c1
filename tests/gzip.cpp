// SPDX-License-Identifier: Apache-2.0

#include <nanospan/detail/gzip.hpp>

#include <nanospan.hpp>

#include "catch.hpp"
#include "support/collector.hpp"

#include <functional>
#include <random>
#include <stdexcept>

#include <poll.h>
#include <zlib.h>

using nanospan::batch;
using nanospan::export_wait;
using nanospan::otlp_http_exporter;
using nanospan::otlp_http_options;
using nanospan::detail::crc32_of;
using nanospan::detail::gzip;
using outcome = nanospan::export_result::outcome;

namespace {

/// Throws std::runtime_error where that is not one gzip file, whole, with nothing after it.
inline std::string gunzip(std::string_view packed) {
  z_stream stream{};
  if (::inflateInit2(&stream, 15 + 16) != Z_OK) throw std::runtime_error{"no zlib"};  // 16: gzip, and nothing else
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string plain;
  int status = Z_OK;
  while (status == Z_OK) {
    std::size_t const before = plain.size();
    plain.resize(before + 65536);
    stream.next_out = reinterpret_cast<Bytef*>(plain.data() + before);
    stream.avail_out = 65536;
    status = ::inflate(&stream, Z_NO_FLUSH);
    plain.resize(plain.size() - stream.avail_out);
  }
  bool const whole = status == Z_STREAM_END && stream.avail_in == 0;
  ::inflateEnd(&stream);
  if (!whole) throw std::runtime_error{"no gzip file"};
  return plain;
}

std::string packed(std::string const& plain) {
  return gzip(plain, [] {});
}

class test_wait final : public export_wait {
 public:
  outcome wait(int descriptor, bool writable, std::uint64_t deadline) override {
    ++waits;
    if (deadline == 0) return outcome::timed_out;
    pollfd watched{descriptor, static_cast<short>(writable ? POLLIN | POLLOUT : POLLIN), 0};
    return ::poll(&watched, 1, 20'000) == 1 ? outcome::ready : outcome::timed_out;
  }
  int waits = 0;
};

otlp_http_options options_for(test_collector const& collector) {
  otlp_http_options options;
  options.url = collector.url("/v1/traces");
  options.compression = nanospan::compression::gzip;
  return options;
}

}  // namespace

TEST_CASE("the checksum is CRC-32, in pieces as in one") {
  CHECK(crc32_of("123456789") == 0xcbf43926u);  // the check value of every catalogue of CRCs
  CHECK(crc32_of("") == 0);
  CHECK(crc32_of("6789", crc32_of("12345")) == 0xcbf43926u);
}

TEST_CASE("what is compressed is what zlib reads, whatever its size and whether it can be made smaller") {
  std::mt19937_64 random{7};
  for (std::size_t const size : {0u, 1u, 2u, 100u, 32'767u, 32'768u, 32'769u, 65'536u, 100'000u, 1'000'000u}) {
    std::string noise(size, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    std::string text;
    while (text.size() < size) text += "span " + std::to_string(random() % 1000) + ", ";
    text.resize(size);
    // Again at the greatest distance that there is, and just beyond it.
    std::string const near = noise.substr(0, 32'768) + noise.substr(0, 300), far = noise.substr(0, 32'769) + noise.substr(0, 300);
    for (std::string const& plain : {noise, text, near, far, std::string(size, 'x')}) CHECK(gunzip(packed(plain)) == plain);
    CHECK(packed(noise).size() <= size + size / 8 + 64);
    if (size >= 100'000) CHECK(packed(text).size() < size / 2);
  }
}

TEST_CASE("every length and distance of a repetition is read as it was") {
  std::mt19937_64 random{11};
  std::string plain(40'000, '\0');
  for (char& c : plain) c = static_cast<char>(random());
  for (std::size_t length = 1; length <= 300; ++length) plain += plain.substr(plain.size() - 1 - (length * 109) % 32'768 - length, length) + static_cast<char>(random());
  for (unsigned shift = 2; shift < 15; ++shift)
    for (std::size_t const distance : {(1u << shift) - 1, 1u << shift, (1u << shift) + 1}) {
      for (int i = 0; i < 40'000 && i < static_cast<int>(distance); ++i) plain += static_cast<char>(random());
      plain += plain.substr(plain.size() - distance, 7);
    }
  CHECK(gunzip(packed(plain)) == plain);
}

TEST_CASE("the longest repetition has a code of its own: eight bits, and its distance") {
  // Bits: 3 for the block, 8 for the first byte, 8 + 5 for a repetition of it, 8 + 5 + 7 for each of what the last one began with, 7 for the end. 18 bytes around them.
  constexpr std::size_t more = 1'000;
  constexpr std::size_t bits = 3 + 8 + (8 + 5) + more * (8 + 5 + 7) + 7;
  CHECK(packed(std::string(1 + 258 * (1 + more), 'x')).size() == 18 + (bits + 7) / 8);
}

TEST_CASE("compressing comes up for air after each 16 KiB") {
  int times = 0;
  gzip(std::string(1u << 20, 'x'), [&] { ++times; });
  CHECK(times == 63);
}

TEST_CASE("with gzip a batch is sent compressed, and says so, and a probe has nothing to compress") {
  test_collector collector;
  otlp_http_exporter exporter{options_for(collector)};
  test_wait wait;
  for (std::size_t const size : {std::size_t{1}, std::size_t{100'000}, std::size_t{5'000'000}}) {
    batch const sent{std::string(size, 'n'), 1};
    CHECK(exporter.export_batch(sent, wait).what == outcome::success);
    auto const request = collector.requests().back();
    CHECK(request.header("Content-Encoding") == "gzip");
    CHECK(request.header("Content-Length") == std::to_string(request.body.size()));
    CHECK(gunzip(request.body) == sent.otlp);
  }
  CHECK(exporter.probe(wait).what == outcome::success);
  CHECK(collector.requests().back().header("Content-Encoding") == "(none)");
  CHECK(collector.connections() == 1);
}

TEST_CASE("rings are drained while a batch is compressed") {
  test_collector collector;
  otlp_http_exporter exporter{options_for(collector)};
  test_wait wait;
  exporter.export_batch({std::string(4u << 20, 'n'), 1}, wait);
  CHECK(wait.waits >= 255);
}
