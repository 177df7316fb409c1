// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one place that wires it all up, and tracer_provider's bodies: options and environment in, a pipeline out, the process told that
// recording is on; and the reverse. Any thread; one provider at a time.

#include <nanospan/configuration.hpp>
#include <nanospan/detail/joined.hpp>
#include <nanospan/loss_watch.hpp>
#include <nanospan/pipeline.hpp>
#include <nanospan/resource.hpp>
#include <nanospan/tracer_provider.hpp>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <mutex>

#include <pthread.h>

namespace nanospan::inline v0 {
namespace detail {

// The living provider's pipeline. Never destroyed: threads may flush and record while the program ends.
struct provider_state {
  std::mutex mutex;
  std::shared_ptr<pipeline> current;
  std::vector<shared<sampler const>> samplers;  // all that there ever were: a thread may be asking one
  std::vector<shared<id_generator const>> id_generators;  // as these
  stats_snapshot reported;                                // what the providers before have told of
  bool hooked = false;                                    // atexit and fork handlers are in place
  bool forked = false;                                    // this process inherited a provider, and has made none of its own
};
inline provider_state& the_provider() {
  static provider_state& state = *new provider_state;
  return state;
}
inline std::shared_ptr<pipeline> current_pipeline() {
  auto& provider = the_provider();
  std::lock_guard const lock{provider.mutex};
  return provider.current;
}

// A pipeline that is still in use below us on the stack, or is the parent's, is left alone for ever.
// Without memory of its own: a forked child may have none that it could trust.
inline void leave_alone(std::shared_ptr<pipeline>&& which) noexcept {
  alignas(std::shared_ptr<pipeline>) static std::byte place[sizeof which];
  ::new (static_cast<void*>(place)) std::shared_ptr<pipeline>{std::move(which)};  // over the one before, which is never destroyed
}

// From here on spans are counted drops. Relaxed, as every reader of it: a span that is being recorded now is drained or held.
inline void stop_recording() noexcept {
  recording.word.store(recording_over | (recording.word.load(std::memory_order_relaxed) & recording_monotonic), std::memory_order_relaxed);
  door.flush.store(nullptr, std::memory_order_relaxed);
  door.drain.store(nullptr, std::memory_order_relaxed);
}

// Takes the provider's pipeline out of the process, ends it, and reports.
inline void end_provider(std::shared_ptr<pipeline> which) {
  auto& provider = the_provider();
  {
    std::lock_guard const lock{provider.mutex};
    if (which == nullptr || which != provider.current) return;  // another thread was first
    stop_recording();
  }
  bool const from_inside = which->inside();  // an exporter or a message handler ends the program: nobody can wait for the thread
  which->stop();
  std::string line;
  {
    std::lock_guard const lock{provider.mutex};
    if (which != provider.current) return;
    provider.current.reset();
    stats_snapshot const now = stats();
    line = account_of_losses(now, provider.reported);
    provider.reported = now;
  }
  if (!line.empty()) which->report().error(line);
  if (from_inside) leave_alone(std::move(which));
}

// std::exit does not unwind main: what the provider's destructor would have done.
inline void at_exit() { end_provider(current_pipeline()); }

// The child has no background thread; its inherited pipeline is left alone for ever, and it may make a provider of its own.
inline void in_forked_child() {
  auto& provider = the_provider();
  ::new (&provider.mutex) std::mutex;  // another thread of the parent may have held it
  if (provider.current != nullptr) {
    leave_alone(std::exchange(provider.current, nullptr));
    provider.forked = true;
    stop_recording();
  }
  background.reset();
  provider.reported = {};
}

// Where each span has something to ask, none goes the short way.
inline std::uint32_t plan_of(sampler const& chosen, std::uint32_t word) noexcept {
  bool const asks = (word & recording_exceptions) != 0 || recording.ids.load(std::memory_order_relaxed) != nullptr;
  return asks ? 0 : chosen.plan().bits;
}

pipeline* define_NANOSPAN_IMPLEMENTATION_in_one_source_file(options&& with) {
  messages const report = messages_of(with);
  environment const env{report};
  configuration configured{with, env};
  configured.check();
  bool const exports = configured.complete();
  resource const common = exports ? resource::of(with, env) : resource{};  // before the lock: it may read files
  auto& provider = the_provider();
  std::lock_guard const lock{provider.mutex};
  if (provider.current != nullptr) throw configuration_error{"there is a tracer_provider already; a process has one at a time"};
  // Relaxed: it orders nothing. With none chosen the default stands.
  global_propagators.store((with.propagators.is_chosen() ? with.propagators : default_propagators).bits(), std::memory_order_relaxed);
  if (!exports) {
    recording.word.store(recording_disabled, std::memory_order_relaxed);  // Relaxed, as every reader of it.
    return nullptr;
  }
  // Relaxed: rings that exist keep their size.
  registry.ring_bytes.store(with.ring_bytes, std::memory_order_relaxed);
  registry.ring_memory_limit_bytes.store(with.ring_memory_limit_bytes, std::memory_order_relaxed);
  std::uint64_t const beside_rings = with.memory_limit_bytes - with.ring_memory_limit_bytes;
  span_memory.set_limit(beside_rings, std::min<std::uint64_t>(beside_rings / 2, 2 * with.max_batch_bytes));
  asm volatile("" : : "r"(&acquire_slot));  // so that the program has it, though it may record in its plugins only
  provider.samplers.push_back(with.sampler);
  if (with.id_generator != nullptr) provider.id_generators.push_back(with.id_generator);
  recording.ids.store(with.id_generator.get(), std::memory_order_release);  // Release: pairs with the acquire in start_as_asked().
  std::uint32_t const asked_for = (with.baggage_attributes.empty() ? 0 : recording_baggage) | (with.error_on_exception ? recording_exceptions : 0);
  auto const made = std::make_shared<pipeline>(std::move(with), common, report);
  if (!provider.hooked) {
    std::atexit(at_exit);
    ::pthread_atfork(nullptr, nullptr, in_forked_child);
    provider.hooked = true;
  }
  provider.current = made;
  provider.forked = false;
  sampler const& chosen = *provider.samplers.back();
  recording.asked.store(&chosen, std::memory_order_release);  // Release: pairs with the acquire in who_is_asked(), whichever word it has seen.
  // Release: pairs with the acquire in nanospan::flush() and drain().
  door.flush.store([](duration limit) noexcept { auto const living = current_pipeline(); return living == nullptr || living->flush(limit); },
                   std::memory_order_release);
  door.drain.store([](duration limit) noexcept { auto const living = current_pipeline(); return living == nullptr ? rings_are_empty() : living->drain_within(limit); },
                   std::memory_order_release);
  // What was found about the counter holds for the whole process.
  bool const steady = counter_is_invariant() && (recording.word.load(std::memory_order_relaxed) & recording_monotonic) == 0;
  // Release: pairs with the acquire in who_is_asked().
  recording.word.store(plan_of(chosen, asked_for) | recording_on | asked_for | (steady ? 0 : recording_monotonic), std::memory_order_release);
  return made.get();
}

#if NANOSPAN_WARN_WITHOUT_PROVIDER
// The one line for a program that records and never made a provider, or forked and made none in the child.
[[gnu::destructor]] void report_missing_provider() {
  std::uint32_t const word = recording.word.load(std::memory_order_relaxed);
  stats_snapshot const now = stats();
  if (word == 0 && now.dropped.no_provider != 0) {
    default_message_handler(joined({std::to_string(now.dropped.no_provider), " spans were recorded, but there never was a nanospan::tracer_provider; make one in main"}));
  } else if ((word & recording_over) != 0 && now.dropped.after_shutdown != 0 && the_provider().forked) {
    default_message_handler(joined({std::to_string(now.dropped.after_shutdown), " spans were recorded in a forked process; make a nanospan::tracer_provider after fork()"}));
  }
}
#endif

}  // namespace detail

tracer_provider::~tracer_provider() {
  auto mine = detail::current_pipeline();
  if (mine != nullptr && mine.get() == pipeline_) detail::end_provider(std::move(mine));  // else disabled, ended at exit, or inherited by a fork
}
bool tracer_provider::flush(duration limit) noexcept { return nanospan::flush(limit); }
void tracer_provider::set_sampler(shared<nanospan::sampler const> sampler) {
  auto& provider = detail::the_provider();
  std::lock_guard const lock{provider.mutex};
  if (provider.current == nullptr || provider.current.get() != pipeline_) return;
  if (sampler == nullptr) sampler = shared<nanospan::sampler const>::make<parent_based_sampler>();
  auto const same = [&](auto const& one) { return one.get() == sampler.get(); };
  if (std::ranges::none_of(provider.samplers, same)) provider.samplers.push_back(sampler);
  detail::recording.asked.store(sampler.get(), std::memory_order_release);  // Release: pairs with the acquire in who_is_asked().
  // The rest of the word stays: the background thread may be adding to it. Release: as above, for whoever sees the new plan.
  std::uint32_t word = detail::recording.word.load(std::memory_order_relaxed);
  std::uint32_t const plan = detail::plan_of(*sampler, detail::recording.word.load(std::memory_order_relaxed));
  while (!detail::recording.word.compare_exchange_weak(word, (word & ~detail::sampling_plan::all_bits) | plan, std::memory_order_release, std::memory_order_relaxed)) {}
}
void tracer_provider::poll() noexcept {
  if (auto const mine = detail::current_pipeline(); mine != nullptr && mine.get() == pipeline_) mine->poll();
}

}  // namespace nanospan::inline v0
