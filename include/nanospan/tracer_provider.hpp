// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one object that a program makes in main: while it lives, spans are recorded and sent. Declarations only; the bodies come
// with NANOSPAN_IMPLEMENTATION, and recording refers to none of them.

#include <nanospan/exporter.hpp>
#include <nanospan/stats.hpp>

namespace nanospan::inline v0 {

namespace detail {

class pipeline;
// Where the linker names this, define NANOSPAN_IMPLEMENTATION in exactly one source file, before it includes nanospan.hpp.
NANOSPAN_DETAIL_SHARED pipeline* define_NANOSPAN_IMPLEMENTATION_in_one_source_file(options&& with);

// How the whole process reaches the living provider's pipeline without referring to the implementation.
struct pipeline_door {
  std::atomic<bool (*)(duration limit) noexcept> flush{nullptr};
  std::atomic<bool (*)(duration limit) noexcept> drain{nullptr};
};
NANOSPAN_DETAIL_SHARED inline constinit pipeline_door door{};

}  // namespace detail

/// Sends what is buffered; see tracer_provider::flush. True at once where there is no provider. Any thread.
inline bool flush(duration limit = duration::of_milliseconds(2'000)) noexcept {
  auto* const call = detail::door.flush.load(std::memory_order_acquire);  // Acquire: pairs with the provider's release.
  return call == nullptr || call(limit);
}

/// Reads every span that ended before the call out of the rings and forgets what was remembered about names and keys: what a plugin does
/// before it is unloaded, for they are literals of its own. Spans that are still open, and were given its names or keys, must end first. Sends nothing.
/// Blocks up to `limit`, a drain's time for the most part. False if time ran out: the library must stay. Any thread.
inline bool drain(duration limit = duration::of_milliseconds(2'000)) noexcept {
  if (auto* const call = detail::door.drain.load(std::memory_order_acquire)) return call(limit);  // Acquire: as in flush().
  return detail::rings_are_empty();  // who has nobody to read them
}

/// Records from its construction to its destruction; one at a time in a process (another throws, and another may follow).
class NANOSPAN_DETAIL_SHARED tracer_provider {
 public:
  /// Throws configuration_error for a bad option or a second provider; a bad variable is reported and ignored.
  // A template, so that a file that makes none need not compile what becomes of the options.
  template <int = 0>
  [[nodiscard("a tracer_provider without a name ends at once")]] explicit tracer_provider(options with = {}) : pipeline_{detail::define_NANOSPAN_IMPLEMENTATION_in_one_source_file(std::move(with))} {}
  /// Flushes within options.shutdown_limit, ends the background thread, and reports what was lost. Spans that are recorded meanwhile
  /// and afterwards, on whichever thread, are counted drops.
  ~tracer_provider();
  tracer_provider(tracer_provider const&) = delete;
  tracer_provider& operator=(tracer_provider const&) = delete;

  /// Sends every span that ended before the call. Blocks up to `limit`. False if time ran out or something could not be sent; what is
  /// left stays queued. Any thread.
  bool flush(duration limit = duration::of_milliseconds(2'000)) noexcept;
  /// One round of the background's work (drain, encode, send what is due); for options.background_thread = false. One thread at a time.
  void poll() noexcept;
  /// Asks another sampler from now on; null: parent-based, always on. The one before lives on until the program ends, for a thread may be asking
  /// it, and with it each that there ever was: for changes by hand or by the minute, not by the request. Takes no lock that recording takes. Throws
  /// std::bad_alloc. Any thread.
  void set_sampler(shared<sampler const> sampler);

 private:
  detail::pipeline* pipeline_;
};

}  // namespace nanospan::inline v0
