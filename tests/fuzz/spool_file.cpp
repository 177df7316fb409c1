// SPDX-License-Identifier: Apache-2.0

// Any bytes as a file of the spool: what is read is what was written, byte for byte, and nothing else is.

#include <nanospan/detail/spool_file.hpp>

#include "support.hpp"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for it
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using nanospan::batch;
  using nanospan::detail::spool_file;
  std::string const text{fuzz::text_of(data, size)};
  auto const written = [](batch const& of) {
    auto const header = spool_file::header_of(of);
    return std::string{header.data(), header.size()} + of.otlp;
  };
  batch found{"as it was", 7};
  if (spool_file::read(std::string{text}, found)) fuzz::check(written(found) == text);
  else fuzz::check(found.otlp == "as it was" && found.span_count == 7);

  batch const whole{text, size};
  std::string file = written(whole);
  fuzz::check(spool_file::read(std::string{file}, found) && found.otlp == text && found.span_count == size);
  // A byte that changed, or is missing, is seen.
  std::size_t const at = size == 0 ? 0 : data[0] * 31 % file.size();
  std::string broken = file;
  broken[at] = static_cast<char>(broken[at] ^ (1 << size % 8));
  fuzz::check(!spool_file::read(std::move(broken), found));
  file.resize(at);
  fuzz::check(!spool_file::read(std::move(file), found));
  return 0;
}
