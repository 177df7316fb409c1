// SPDX-License-Identifier: Apache-2.0
#pragma once

// What this process takes, as Linux says it: zero where there is no /proc.

#include <cstdint>
#include <cstdio>

#include <dirent.h>
#include <unistd.h>

namespace support {

inline std::uint64_t resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long long total = 0, resident = 0;
  bool const read = std::fscanf(file, "%llu %llu", &total, &resident) == 2;
  std::fclose(file);
  return read ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

// Of "/proc/self/fd": descriptors, the one that reads it included; of "/proc/self/task": threads.
inline std::uint64_t count_entries(char const* folder) {
  DIR* const open = ::opendir(folder);
  if (open == nullptr) return 0;
  std::uint64_t count = 0;
  while (dirent const* const entry = ::readdir(open))  // NOLINT(concurrency-mt-unsafe): of a stream of our own
    if (entry->d_name[0] != '.') ++count;
  ::closedir(open);
  return count;
}

}  // namespace support
