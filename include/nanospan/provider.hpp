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
#include <mutex>

#include <pthread.h>

namespace nanospan::inline v0 {
namespace detail {

// Who blocks in a noexcept function must not be cancelled there: unwinding would end the program.
class no_cancellation {
 public:
  no_cancellation() noexcept { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  no_cancellation(no_cancellation const&) = delete;
  no_cancellation& operator=(no_cancellation const&) = delete;
  ~no_cancellation() { ::pthread_setcancelstate(before_, nullptr); }

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

// The living provider's pipeline. Never destroyed: threads may flush and record while the program ends.
struct provider_state {
  std::mutex mutex;
  shared<pipeline> current;
  std::vector<shared<sampler const>> samplers;  // all that there ever were: a thread may be asking one
  std::vector<shared<id_generator const>> id_generators;  // as these
  stats_snapshot reported;                                // what the providers before have told of
  bool forks_hooked = false;
  // A forked child goes on as the parent did: from its first span on it has a pipeline of its own, behind the same tracer_provider object.
  pipeline const* known_as = nullptr;       // to that object
  shared<options const> complete;           // the options, as they are used
  std::uint32_t word_at_fork = 0;           // of recording; zero where the parent had no provider, or a pipeline was made since
  log_level level = log_level::info;        // of the last provider's messages
  bool in_place = false;                    // the current pipeline was made so, and gives way to a provider of the child's own
};
inline provider_state& the_provider() {
  static provider_state& state = *new provider_state;
  return state;
}
// The pipeline that a tracer_provider object means; null where it has ended, or has none yet in this process.
inline shared<pipeline> pipeline_known_as(pipeline const* name) {
  auto& provider = the_provider();
  std::lock_guard const lock{provider.mutex};
  return name == provider.known_as ? provider.current : nullptr;
}
inline shared<pipeline> current_pipeline() {
  auto& provider = the_provider();
  std::lock_guard const lock{provider.mutex};
  return provider.current;
}

// A pipeline that is still in use below us on the stack, or is the parent's, is left alone for ever.
// Without memory of its own: a forked child may have none that it could trust.
inline void leave_alone(shared<pipeline>&& which) noexcept {
  alignas(shared<pipeline>) static std::byte place[sizeof which];
  ::new (static_cast<void*>(place)) shared<pipeline>{std::move(which)};  // over the one before, which is never destroyed
}

// From here on spans are counted drops. Relaxed, as every reader of it: a span that is being recorded now is drained or held.
inline void stop_recording() noexcept {
  recording.word.store(recording_over | (recording.word.load(std::memory_order_relaxed) & recording_monotonic), std::memory_order_relaxed);
  door.flush.store(nullptr, std::memory_order_relaxed);
  door.drain.store(nullptr, std::memory_order_relaxed);
}

// Takes the provider's pipeline out of the process, ends it, and reports.
inline void end_provider(shared<pipeline> which) {
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
    provider.current = nullptr;
    provider.complete = nullptr;
    provider.known_as = nullptr;
    stats_snapshot const now = stats();
    try {
      line = account_of_losses(now, provider.reported);
    } catch (...) {}  // NOLINT(bugprone-empty-catch): no memory, no words: stats() has the account
    provider.reported = now;
  }
  if (!line.empty()) which->report().error(line);
  if (from_inside) leave_alone(std::move(which));
}

// std::exit and std::quick_exit do not unwind main: what the provider's destructor would have done.
inline void at_exit() {
  no_cancellation const until_done;
  end_provider(current_pipeline());
}

// The child has no background thread; the pipeline that it inherited is left alone for ever. Nothing is made here: most children execute
// another program next.
inline void in_forked_child() {
  auto& provider = the_provider();
  provider.reported = {};
  if (provider.current != nullptr) {
    leave_alone(std::exchange(provider.current, nullptr));
    // Relaxed, both: this thread is alone. In a parent whose provider was ending it said so already.
    std::uint32_t const word = recording.word.load(std::memory_order_relaxed);
    if ((word & recording_on) != 0) {
      provider.word_at_fork = word;
      recording.word.store(recording_forked | (word & recording_monotonic), std::memory_order_relaxed);
    }
  }
  provider.mutex.unlock();
}
// No thread is in the middle of a change while another one forks.
inline bool hook_provider_forks() {
  return ::pthread_atfork([] { the_provider().mutex.lock(); }, [] { the_provider().mutex.unlock(); }, in_forked_child) == 0;
}

// The child's own, as the parent's was. Throws what the parts throw.
inline shared<pipeline> make_in_child(shared<options const> const& with) {
  messages const report = messages_of(*with);
  shared<exporter> to = with->exporter->for_child();
  if (to == nullptr) {
    report.error(joined({"spans of this forked process are dropped: ", with->exporter->description(), " cannot be used by it; make a nanospan::tracer_provider after fork()"}));
    return nullptr;
  }
  shared<exporter> fallback = with->fallback == nullptr ? nullptr : with->fallback->for_child();
  resource const own = resource::of(*with, environment{messages{default_message_handler, log_level::none}});  // the parent has told
  return shared<pipeline>::make<pipeline>(with, std::move(to), std::move(fallback), false, own, report);  // no probe: the parent has asked
}
// Called by the first span of a forked child, with its thread marked busy: it is recorded then.
inline void start_in_child() noexcept {
  errno_kept const as_it_was;
  no_cancellation const until_done;
  auto& provider = the_provider();
  std::lock_guard const lock{provider.mutex};
  std::uint32_t word = std::exchange(provider.word_at_fork, 0);
  if (word == 0) return;  // another thread was first, or the provider has ended
  try {
    provider.current = make_in_child(provider.complete);
  } catch (std::exception const& error) {
    try {
      messages_of(*provider.complete).error(joined({"spans of this forked process are dropped: ", error.what()}));
    } catch (...) {  // no memory, no message
    }
  }
  provider.in_place = provider.current != nullptr;
  if (!provider.in_place) word = recording_over | (word & recording_monotonic);
  recording.word.store(word, std::memory_order_release);  // Release: as in the provider's constructor.
}

// The process's ends, and its forks. One that cannot be had is told, and is tried again by the next provider. The ends for each provider anew: what its exporter
// is made of, as OpenSSL, ends after it then, though there was a provider before.
inline void hook_process(messages const& report) {
  struct {
    bool (*hook)();
    char const* lost;
  } const hooks[] = {{[] { return std::atexit(at_exit) == 0; }, "no memory for std::atexit: what is unsent is lost where the program calls exit()"},
                     {[] { return std::at_quick_exit(at_exit) == 0; }, "no memory for std::at_quick_exit: what is unsent is lost where the program calls quick_exit()"},
                     {[] { return the_provider().forks_hooked = the_provider().forks_hooked || (hook_forks() && hook_provider_forks()); },
                      "no memory for pthread_atfork: forked processes must not record"}};
  for (auto const& [hook, lost] : hooks)
    if (!hook()) report.error(lost);
}

// Where each span has something to ask, none goes the short way.
inline std::uint32_t plan_of(sampler const& chosen, std::uint32_t word) noexcept {
  bool const asks = (word & recording_exceptions) != 0 || recording.ids.load(std::memory_order_relaxed) != nullptr;
  return asks ? 0 : chosen.plan().bits;
}

// What stands in a forked child for the parent's provider ends when the child makes one of its own.
inline void end_in_place() {
  auto& provider = the_provider();
  shared<pipeline> which;
  {
    std::lock_guard const lock{provider.mutex};
    if (provider.in_place) which = provider.current;
  }
  if (which != nullptr) end_provider(std::move(which));
}

pipeline* define_NANOSPAN_IMPLEMENTATION_in_one_source_file(options&& with) {
  messages const report = messages_of(with);
  environment const env{report};
  configuration configured{with, env};
  configured.check();
  bool const exports = configured.complete();
  resource const common = exports ? resource::of(with, env) : resource{};  // before the lock: it may read files
  auto& provider = the_provider();
  end_in_place();
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
  auto complete = shared<options const>::make<options const>(std::move(with));
  auto const made = shared<pipeline>::make<pipeline>(complete, complete->exporter, complete->fallback, complete->probe, common, report);
  hook_process(report);
  provider.current = made;
  provider.known_as = made.get();
  provider.complete = std::move(complete);
  provider.word_at_fork = 0;
  provider.in_place = false;
  provider.level = report.level();
  recording.start_in_child.store(start_in_child, std::memory_order_release);  // Release: pairs with the acquire of a child's first span.
  sampler const& chosen = *provider.samplers.back();
  recording.asked.store(&chosen, std::memory_order_release);  // Release: pairs with the acquire in who_is_asked(), whichever word it has seen.
  // Release: pairs with the acquire in nanospan::flush() and drain().
  auto const flush = [](duration limit) noexcept {
    no_cancellation const until_done;
    auto const living = current_pipeline();
    return living == nullptr || living->flush(limit);
  };
  auto const drain = [](duration limit) noexcept {
    no_cancellation const until_done;
    auto const living = current_pipeline();
    return living == nullptr ? rings_are_empty() : living->drain_within(limit);
  };
  door.flush.store(flush, std::memory_order_release);
  door.drain.store(drain, std::memory_order_release);
  // What was found about the counter holds for the whole process.
  bool const steady = counter_is_invariant() && (recording.word.load(std::memory_order_relaxed) & recording_monotonic) == 0;
  // Release: pairs with the acquire in who_is_asked().
  recording.word.store(plan_of(chosen, asked_for) | recording_on | asked_for | (steady ? 0 : recording_monotonic), std::memory_order_release);
  return made.get();
}

#if NANOSPAN_WARN_WITHOUT_PROVIDER
// The one line for a program that records and never made a provider, or went on recording after the last one's end.
[[gnu::destructor]] void report_missing_provider() {
  std::uint32_t const word = recording.word.load(std::memory_order_relaxed);
  auto const& lost = stats().dropped;
  if (word == 0 && lost.no_provider != 0)
    default_message_handler(joined({std::to_string(lost.no_provider), " spans were recorded, but there never was a nanospan::tracer_provider; make one in main"}));
  auto const& provider = the_provider();
  auto const& told = provider.reported.dropped;
  std::uint64_t const late = lost.after_shutdown + lost.no_slot - told.after_shutdown - told.no_slot;
  if ((word & recording_over) != 0 && late != 0 && provider.level >= log_level::error)
    default_message_handler(joined({std::to_string(late), " spans were recorded after the tracer_provider's end, and are lost"}));
}
#endif

}  // namespace detail

tracer_provider::~tracer_provider() {
  detail::no_cancellation const until_done;
  if (auto mine = detail::pipeline_known_as(pipeline_); mine != nullptr) {
    detail::end_provider(std::move(mine));
    return;
  }
  // Disabled, or ended at exit; or a forked child's, which has recorded nothing.
  auto& provider = detail::the_provider();
  std::lock_guard const lock{provider.mutex};
  if (pipeline_ == nullptr || pipeline_ != provider.known_as || provider.word_at_fork == 0) return;
  provider.word_at_fork = 0;
  detail::stop_recording();
}
bool tracer_provider::flush(duration limit) noexcept { return nanospan::flush(limit); }
void tracer_provider::set_sampler(shared<nanospan::sampler const> sampler) {
  auto& provider = detail::the_provider();
  std::lock_guard const lock{provider.mutex};
  bool const waits = provider.word_at_fork != 0;  // for a forked child's first span
  if (pipeline_ == nullptr || pipeline_ != provider.known_as || (provider.current == nullptr && !waits)) return;
  if (sampler == nullptr) sampler = shared<nanospan::sampler const>::make<parent_based_sampler>();
  auto const same = [&](auto const& one) { return one.get() == sampler.get(); };
  if (std::ranges::none_of(provider.samplers, same)) provider.samplers.push_back(sampler);
  detail::recording.asked.store(sampler.get(), std::memory_order_release);  // Release: pairs with the acquire in who_is_asked().
  constexpr auto all_bits = detail::sampling_plan::all_bits;
  if (waits) {
    provider.word_at_fork = (provider.word_at_fork & ~all_bits) | detail::plan_of(*sampler, provider.word_at_fork);
    return;
  }
  // The rest of the word stays: the background thread may be adding to it. Release: as above, for whoever sees the new plan.
  std::uint32_t word = detail::recording.word.load(std::memory_order_relaxed);
  std::uint32_t const plan = detail::plan_of(*sampler, word);
  while (!detail::recording.word.compare_exchange_weak(word, (word & ~all_bits) | plan, std::memory_order_release, std::memory_order_relaxed)) {}
}
void tracer_provider::poll() noexcept {
  detail::no_cancellation const until_done;
  if (auto const mine = detail::pipeline_known_as(pipeline_); mine != nullptr) mine->poll();
}

}  // namespace nanospan::inline v0
