// SPDX-License-Identifier: Apache-2.0

// A program that records and makes no provider: it links without Boost, and without the implementation.

#include <nanospan.hpp>

int main() {
  {
    NANOSPAN("work", {"n", 1});
  }
  return nanospan::stats().dropped.no_provider == 1 ? 0 : 1;
}
