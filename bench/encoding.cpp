// SPDX-License-Identifier: Apache-2.0

// Spans to OTLP bytes: the encoder beside libprotobuf, both from the same records, a batch of 512 spans with four attributes.

#include <nanospan.hpp>

#include <nanospan/otlp.hpp>

#include "harness.hpp"

#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include <google/protobuf/arena.h>

#include <cstring>
#include <string>
#include <vector>

namespace detail = nanospan::detail;
namespace proto = opentelemetry::proto;

namespace {

constexpr std::size_t spans_a_batch = 512;

// Records as recording leaves them in a ring.
std::vector<std::vector<std::byte>> make_records() {
  std::vector<std::vector<std::byte>> records;
  detail::recording.word.store(detail::recording_on | nanospan::always_on_sampler{}.plan().bits);
  {
    NANOSPAN("parent");
    for (std::size_t i = 0; i < spans_a_batch; ++i) {
      NANOSPAN("charge card", {"http.request.method", std::string_view{"POST"}}, {"http.route", std::string_view{"/checkout/confirm"}},
               {"items", static_cast<int>(i)}, {"amount", 59.9});
    }
  }
  detail::for_each_slot([&](detail::thread_slot& slot) {
    slot.ring.consume(slot.ring.published(), [&](std::byte const* record) {
      detail::record_meta meta;
      std::memcpy(&meta, record, sizeof meta);
      records.emplace_back(record, record + meta.size);
    });
  });
  records.resize(spans_a_batch);
  return records;
}

template <typename Id>
std::string bytes_of(Id const& id) {
  auto const bytes = id.bytes();
  return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

void fill(proto::trace::v1::Span& span, std::byte const* record, detail::clock_converter const& clock) {
  detail::record_header header;
  std::memcpy(&header, record, sizeof header);
  span.set_trace_id(bytes_of(header.trace));
  span.set_span_id(bytes_of(header.span));
  span.set_parent_span_id(bytes_of(header.parent));
  span.set_name(header.from->name, header.from->name_size);
  span.set_kind(static_cast<proto::trace::v1::Span::SpanKind>(header.meta.kind));
  span.set_start_time_unix_nano(clock.to_unix(header.start_ticks, false));
  span.set_end_time_unix_nano(std::max(span.start_time_unix_nano() + 1, clock.to_unix(header.end_ticks, false)));
  span.set_flags(header.meta.trace_flags | detail::flag_remote_known);
  detail::for_each_entry(record + sizeof header, header.meta.size - sizeof header, [&](detail::entry_view const& entry) {
    auto& attribute = *span.add_attributes();
    attribute.set_key(entry.literal());
    switch (entry.type()) {
      case detail::entry_type::string: attribute.mutable_value()->set_string_value(std::string{entry.text()}); break;
      case detail::entry_type::floating: attribute.mutable_value()->set_double_value(std::bit_cast<double>(entry.word())); break;
      default: attribute.mutable_value()->set_int_value(static_cast<std::int64_t>(entry.word()));
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  bench::start(argc, argv);
  auto const records = make_records();
  detail::clock_converter clock;
  clock.take_anchor();
  detail::otlp_encoder encoder{""};
  std::string ours, theirs;
  auto const nanospan_encodes = [&](std::size_t batches) {
    for (std::size_t i = 0; i < batches; ++i) {
      for (auto const& record : records) encoder.add(record.data(), clock);
      ours = encoder.cut().otlp;
    }
  };
  auto const libprotobuf_encodes = [&](std::size_t batches) {
    for (std::size_t i = 0; i < batches; ++i) {
      google::protobuf::Arena arena;
      auto* const request = google::protobuf::Arena::CreateMessage<proto::collector::trace::v1::ExportTraceServiceRequest>(&arena);
      auto* const resource = request->add_resource_spans();
      resource->mutable_resource();
      auto* const scope = resource->add_scope_spans();
      scope->mutable_scope()->set_name("nanospan");
      scope->mutable_scope()->set_version(NANOSPAN_VERSION);
      for (auto const& record : records) fill(*scope->add_spans(), record.data(), clock);
      request->SerializeToString(&theirs);
    }
  };
  bench::figure f = bench::measure(10, nanospan_encodes, libprotobuf_encodes, [] {});
  // The same bytes, but for the order of spans: the encoder writes from the end.
  if (ours.size() != theirs.size()) {
    std::printf("! %zu bytes here, %zu by libprotobuf: not the same work\n", ours.size(), theirs.size());
    return 1;
  }
  bench::section("Encoding");
  bench::row("encoding a span, 4 attributes", f.ratio, "× libprotobuf", bench::at_most(0.20), f.each / spans_a_batch);
  bench::row("  bytes a span", static_cast<double>(ours.size()) / spans_a_batch, "bytes");
  return 0;
}
