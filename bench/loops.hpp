// SPDX-License-Identifier: Apache-2.0
#pragma once

// Loops of spans, in a source file of their own (loops.cpp), which the same program has in itself or in a shared library.

#include <cstddef>

namespace bench::loops {

void no_attribute(std::size_t spans);
void one_attribute(std::size_t spans);
void four_attributes(std::size_t spans);

}  // namespace bench::loops
