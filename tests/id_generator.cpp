// SPDX-License-Identifier: Apache-2.0

// options.id_generator: a user's ids in the place of the library's own.

#include <nanospan/id.hpp>

#include "catch.hpp"

#include <nanospan.hpp>

#include <atomic>
#include <memory>

namespace {

using nanospan::span_data;

// One number after another, in the last byte; zero now and then, if told so.
class counting_ids final : public nanospan::id_generator {
 public:
  explicit counting_ids(bool random = false, bool invalid = false) : random_{random}, invalid_{invalid} {}
  nanospan::trace_id next_trace_id() const noexcept override {
    std::array<std::uint8_t, 16> bytes{};
    bytes[15] = next(0xaa);
    return nanospan::trace_id{bytes};
  }
  nanospan::span_id next_span_id() const noexcept override {
    std::array<std::uint8_t, 8> bytes{};
    bytes[7] = next(0);
    return nanospan::span_id{bytes};
  }
  bool makes_random_trace_ids() const noexcept override { return random_; }

 private:
  std::uint8_t next(std::uint8_t flavour) const noexcept { return invalid_ ? std::uint8_t{0} : static_cast<std::uint8_t>(++made_ ^ flavour); }

  bool random_;
  bool invalid_;
  mutable std::atomic<std::uint8_t> made_{0};
};

std::vector<span_data> recorded_with(std::shared_ptr<counting_ids> ids, std::shared_ptr<nanospan::sampler> sampler = nullptr) {
  auto memory = std::make_shared<nanospan::memory_exporter>();
  nanospan::tracer_provider tracing{{.exporter = memory, .sampler = sampler, .id_generator = ids, .background_thread = false}};
  {
    NANOSPAN("parent");
    NANOSPAN("child", {"k", 1});
    nanospan::scoped_span const named{"named", {.attributes = {{"k", 1}}}};
    nanospan::span const moved{"moved"};
  }
  CHECK(tracing.flush());
  return memory->spans();
}
span_data const& named(std::vector<span_data> const& spans, std::string_view name) {
  auto const found = std::find_if(spans.begin(), spans.end(), [&](span_data const& one) { return one.name == name; });
  REQUIRE(found != spans.end());
  return *found;
}

}  // namespace

TEST_CASE("ids are a user's generator's, of every kind of span, and children have their parent's trace") {
  auto const spans = recorded_with(std::make_shared<counting_ids>());
  REQUIRE(spans.size() == 4);
  std::string const trace = "000000000000000000000000000000ab";
  CHECK(named(spans, "parent").trace_id.hex().view() == trace);
  CHECK(named(spans, "parent").span_id.hex().view() == "0000000000000002");
  CHECK(named(spans, "child").trace_id.hex().view() == trace);
  CHECK(named(spans, "child").span_id.hex().view() == "0000000000000003");
  CHECK(named(spans, "child").parent_span_id == named(spans, "parent").span_id);
  CHECK(named(spans, "named").span_id.hex().view() == "0000000000000004");
  CHECK(named(spans, "moved").span_id.hex().view() == "0000000000000005");
  CHECK(named(spans, "child").attributes == nanospan::attribute_list{{"k", std::int64_t{1}}});
}

TEST_CASE("a root of a user's generator has the random flag only where that says so") {
  CHECK((named(recorded_with(std::make_shared<counting_ids>(false)), "parent").flags & nanospan::random_flag) == 0);
  CHECK((named(recorded_with(std::make_shared<counting_ids>(true)), "parent").flags & nanospan::random_flag) != 0);
}

TEST_CASE("an invalid id of a user's generator is replaced by a random one") {
  auto const spans = recorded_with(std::make_shared<counting_ids>(false, true));
  REQUIRE(spans.size() == 4);
  for (span_data const& one : spans) {
    CHECK(one.trace_id.valid());
    CHECK(one.span_id.valid());
  }
}

TEST_CASE("with a user's generator the sampler decides as it does without") {
  CHECK(recorded_with(std::make_shared<counting_ids>(), std::make_shared<nanospan::always_off_sampler>()).empty());
}

TEST_CASE("a provider without a generator of its own makes random ids again") {
  recorded_with(std::make_shared<counting_ids>());
  auto const spans = recorded_with(nullptr);
  REQUIRE(spans.size() == 4);
  CHECK(named(spans, "parent").trace_id.hex().view().substr(0, 8) != "00000000");
  CHECK((named(spans, "parent").flags & nanospan::random_flag) != 0);
}
