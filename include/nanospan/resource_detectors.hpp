// SPDX-License-Identifier: Apache-2.0
#pragma once

// What can be found out about this process, its host and its operating system, under the keys and in the words of the semantic conventions
// ("Resource semantic conventions": service, process, host, os). Constructor's thread.

#include <nanospan/detail/decimal.hpp>
#include <nanospan/detail/descriptor.hpp>
#include <nanospan/detail/header_text.hpp>
#include <nanospan/detail/joined.hpp>
#include <nanospan/id.hpp>
#include <nanospan/options.hpp>

#include <ctime>
#include <optional>

#include <fcntl.h>
#include <pwd.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace nanospan::inline v0::detail {

// Of the conventions that the keys below are from.
inline constexpr char const* conventions_schema_url = "https://opentelemetry.io/schemas/1.44.0";

// The beginning of a file; empty where there is none to be read.
inline std::string read_file(char const* path) {
  constexpr std::size_t most_bytes = 1u << 20;
  descriptor const file{::open(path, O_RDONLY | O_CLOEXEC)};
  std::string content;
  char part[4096];
  while (content.size() < most_bytes) {
    auto const count = ::read(file.get(), part, sizeof part);  // NOLINT(clang-analyzer-unix.BlockInCriticalSection): a small local file
    if (count <= 0) break;
    content.append(part, static_cast<std::size_t>(count));
  }
  return content;
}
inline std::string executable_path() {
  char path[4096];
  auto const length = ::readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string{path, static_cast<std::size_t>(length)} : std::string{};
}
inline std::string file_name(std::string const& path) { return path.substr(path.rfind('/') + 1); }

// RFC 9562, version 4.
inline std::string random_uuid() {
  random_ids random;
  random.seed();
  auto bytes = random.next_trace_id().bytes();
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0fu) | 0x40u);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3fu) | 0x80u);
  auto const hex = trace_id{bytes}.hex();
  std::string_view const digits = hex;
  return joined({digits.substr(0, 8), "-", digits.substr(8, 4), "-", digits.substr(12, 4), "-", digits.substr(16, 4), "-", digits.substr(20)});
}

// uname's words in the conventions'.
inline std::string os_type(std::string_view system) {
  if (system == "SunOS") return "solaris";
  if (system == "DragonFly") return "dragonflybsd";
  std::string type;
  for (char const c : system) type += to_lower(c);
  return type;
}
inline std::string host_arch(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine.starts_with("arm") && machine != "arm64") return "arm32";
  if (machine.size() == 4 && machine[0] == 'i' && machine.ends_with("86")) return "x86";
  if (machine == "ppc") return "ppc32";
  if (machine == "ppc64le") return "ppc64";
  return std::string{machine};
}

// The value of a key in os-release(5), without its quotes; empty where it has none.
inline std::string os_release_value(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.size() <= key.size() || !line.starts_with(key) || line[key.size()] != '=') continue;
    line.remove_prefix(key.size() + 1);
    if (line.size() >= 2 && (line.front() == '"' || line.front() == '\'') && line.back() == line.front()) line = line.substr(1, line.size() - 2);
    return std::string{line};
  }
  return {};
}

// "2026-08-01T12:00:00.250Z", from /proc/self/stat, of which the 22nd field counts ticks since the host's start, and /proc/stat, which says when that was. Not
// from the clocks: whoever asks later, or from elsewhere, must come to the same.
inline std::optional<std::string> creation_time(std::string_view process, std::string_view system, long ticks_a_second) {
  auto const number_at = [](std::string_view text) {
    auto const number = decimal(text.substr(0, text.find_first_not_of("0123456789")));
    return number ? static_cast<std::int64_t>(*number) : -1;
  };
  std::size_t at = process.rfind(')');  // the second field may hold anything
  for (int field = 2; field < 22 && at != std::string_view::npos; ++field) at = process.find(' ', at + 1);
  std::size_t const start = system.find("btime ");
  if (at == std::string_view::npos || start == std::string_view::npos || ticks_a_second <= 0) return std::nullopt;
  std::int64_t const ticks = number_at(process.substr(at + 1));
  std::int64_t const boot = number_at(system.substr(start + 6));
  if (ticks < 0 || boot < 0) return std::nullopt;
  std::time_t const seconds = boot + ticks / ticks_a_second;
  std::tm date{};
  char text[64];
  if (::gmtime_r(&seconds, &date) == nullptr || std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &date) == 0) return std::nullopt;
  std::string const milliseconds = std::to_string(1'000 + ticks % ticks_a_second * 1'000 / ticks_a_second);
  return joined({text, std::string_view{milliseconds}.substr(1), "Z"});
}

// The value of another attribute.
NANOSPAN_DETAIL_OUT_OF_LINE inline attribute_value& added(attribute_list& to, std::string_view key) {
  auto& [name, value] = to.emplace_back();
  name = key;
  return value;
}
// Nothing where there is no text.
NANOSPAN_DETAIL_OUT_OF_LINE inline void add_text(attribute_list& to, std::string_view key, std::string_view text) {
  if (!text.empty()) added(to, key) = std::string{text};
}

inline attribute_list detect(resource_detectors const& which) {
  attribute_list found;
  auto const add = [&](std::string_view key, std::string_view text) { add_text(found, key, text); };
  utsname system{};
  if (::uname(&system) < 0) system = {};
  if (which.service_instance) add("service.instance.id", random_uuid());
  if (which.process_id) added(found, "process.pid") = std::int64_t{::getpid()};
  if (which.host_name) add("host.name", system.nodename);
  if (which.os_type) add("os.type", os_type(system.sysname));
  if (which.process) {
    std::string const path = executable_path();
    add("process.executable.name", file_name(path));
    add("process.executable.path", path);
    add("process.creation.time", creation_time(read_file("/proc/self/stat"), read_file("/proc/stat"), ::sysconf(_SC_CLK_TCK)).value_or(""));
    passwd entry{};
    passwd* owner = nullptr;
    char names[4096];
    if (::getpwuid_r(::geteuid(), &entry, names, sizeof names, &owner) == 0 && owner != nullptr) add("process.owner", owner->pw_name);
  }
  if (which.process_command) {
    std::string line = read_file("/proc/self/cmdline");
    while (!line.empty() && line.back() == '\0') line.pop_back();
    for (char& c : line) c = c == '\0' ? ' ' : c;
    add("process.command_line", line);
  }
  if (which.host) {
    std::string id = read_file("/etc/machine-id");
    if (id.empty()) id = read_file("/var/lib/dbus/machine-id");
    add("host.id", id.substr(0, id.find('\n')));
    add("host.arch", host_arch(system.machine));
  }
  if (which.os) {
    std::string release = read_file("/etc/os-release");
    if (release.empty()) release = read_file("/usr/lib/os-release");
    std::string const name = os_release_value(release, "NAME");
    add("os.name", name.empty() ? system.sysname : std::string_view{name});
    if (name.empty()) add("os.version", system.release);
    else add("os.version", os_release_value(release, "VERSION_ID"));
  }
  return found;
}

}  // namespace nanospan::inline v0::detail
