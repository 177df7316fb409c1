// SPDX-License-Identifier: Apache-2.0
#pragma once

// The spans of an OTLP request, read by libprotobuf.

#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include <google/protobuf/arena.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

// As they stand in memory; nothing for what is no request of spans.
inline std::optional<std::vector<std::uint64_t>> span_ids(std::string const& body) {
  google::protobuf::Arena arena;
  auto* const message = google::protobuf::Arena::CreateMessage<opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest>(&arena);
  if (!message->ParseFromString(body)) return std::nullopt;
  std::vector<std::uint64_t> ids;
  for (auto const& resource : message->resource_spans()) {
    for (auto const& scope : resource.scope_spans()) {
      for (auto const& span : scope.spans()) {
        if (span.span_id().size() != 8 || span.trace_id().size() != 16) return std::nullopt;
        std::memcpy(&ids.emplace_back(), span.span_id().data(), 8);
      }
    }
  }
  return ids;
}
