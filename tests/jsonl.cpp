// SPDX-License-Identifier: Apache-2.0

// What tests/jsonl/ reads: jsonl FOLDER writes spans of many kinds to traces.jsonl there with otlp_file_exporter, and each batch as it was encoded to N.otlp.

#include <nanospan.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace {

class written_twice final : public nanospan::exporter {
 public:
  explicit written_twice(std::string folder) : folder_{std::move(folder)}, file_{{.path = folder_ + "/traces.jsonl"}} {}
  nanospan::export_result export_batch(nanospan::batch const& spans, nanospan::export_wait& wait) override {
    std::ofstream{folder_ + "/" + std::to_string(batches_++) + ".otlp", std::ios::binary} << spans.otlp;
    return file_.export_batch(spans, wait);
  }
  std::uint64_t shutdown(nanospan::export_wait& wait) override { return file_.shutdown(wait); }
  std::string description() const override { return file_.description(); }

 private:
  std::string folder_;
  nanospan::otlp_file_exporter file_;
  int batches_ = 0;
};

std::string const texts[] = {"", "plain", R"("quoted" \ /)", "two\nlines\r\t", std::string{"n\0l", 3}, "\x01\x1f\x7f", "\xe2\x80\xa8\xe2\x80\xa9\xc2\x85", "\xf0\x9f\x98\x80 \xe2\x82\xac",
                             "not \xff utf-8", "{\"resourceSpans\":[]}"};
double const numbers[] = {0, -0.0, 0.1, 1e300, 5e-324, -2.5, 12'345'678.25, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(),
                          std::numeric_limits<double>::quiet_NaN()};
std::int64_t const integers[] = {0, -1, 42, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()};

template <typename Values>
auto const& pick(Values const& from, std::size_t at) {
  return from[at % std::size(from)];
}

void record(std::size_t i) {
  using nanospan::copied;
  nanospan::span outer{copied{pick(texts, i / 3)}};
  outer.set({"text", pick(texts, i)}, {"number", pick(numbers, i)}, {"integer", pick(integers, i)}, {"flag", i % 2 == 0}, {copied{pick(texts, i + 5)}, i});
  if (i % 2 == 0) outer.set({"texts", std::vector<std::string>{pick(texts, i), pick(texts, i + 1)}});
  if (i % 3 == 0) outer.set({"reals", std::vector<double>{pick(numbers, i), pick(numbers, i + 1)}});
  if (i % 5 == 0) outer.set({"bytes", std::vector<std::byte>(i % 7, std::byte{0xfe})});
  if (i % 4 == 0) outer.event(copied{pick(texts, i + 2)}).set({"number", pick(numbers, i + 3)});
  if (i % 8 == 0) outer.link({nanospan::trace_id{{1, 2, 3}}, nanospan::span_id{{4}}, nanospan::sampled_flag}).set({"why", pick(texts, i)});
  nanospan::span inner{"inner", outer.context(), nanospan::span_kind::client};
  if (i % 3 == 1) inner.error(pick(texts, i));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: jsonl FOLDER\n";
    return 2;
  }
  nanospan::tracer_provider tracing{{.service_name = "jsonl \"test\"", .exporter = std::make_shared<written_twice>(argv[1]), .max_batch_spans = 64}};
  for (std::size_t i = 0; i < 1'000; ++i) record(i);
  return tracing.flush(std::chrono::seconds{60}) ? 0 : 1;
}
