// SPDX-License-Identifier: Apache-2.0
#pragma once

// An attribute as an object: what an exporter reads, what the options say of the resource, what a hook puts on an ended span. Recording makes none. Any thread.

#include <nanospan/config.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace nanospan::inline v0 {

/// Text, bytes, and arrays of one type beside bool and numbers (OpenTelemetry, "AnyValue", without maps).
using attribute_value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::byte>, std::vector<bool>, std::vector<std::int64_t>, std::vector<double>,
                                     std::vector<std::string>>;
using attribute_list = std::vector<std::pair<std::string, attribute_value>>;

}  // namespace nanospan::inline v0
