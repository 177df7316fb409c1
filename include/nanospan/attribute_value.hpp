// SPDX-License-Identifier: Apache-2.0
#pragma once

// An attribute as an object: what an exporter reads and what the options say of the resource. Recording makes none. Any thread.

#include <nanospan/config.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace nanospan::inline v0 {

using attribute_value = std::variant<bool, std::int64_t, double, std::string>;
using attribute_list = std::vector<std::pair<std::string, attribute_value>>;

}  // namespace nanospan::inline v0
