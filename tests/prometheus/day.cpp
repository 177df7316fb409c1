// SPDX-License-Identifier: Apache-2.0

// A day of a program in which spans are lost in every way that can be had at will. Says what stats() says of some moments of it, a figure a
// line, and after each "text" and the text of the same snapshot: compare.py holds one against the other.

#include <nanospan.hpp>

#include "../support/scripted.hpp"

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using outcome = nanospan::export_result::outcome;

void record(int spans) {
  for (int i = 0; i < spans; ++i) NANOSPAN("span");
}

void say(char const* moment) {
  nanospan::stats_snapshot const now = nanospan::stats();
  std::printf("moment %s\n", moment);
  auto const line = [](char const* name, std::uint64_t value) { std::printf("%s %llu\n", name, static_cast<unsigned long long>(value)); };
  line("ended", now.ended);
  line("exported", now.exported);
  line("recovered", now.recovered);
  line("recovered_in_flight", now.recovered_in_flight);
  line("fallback", now.fallback);
  line("spooled", now.spooled);
  line("passed_fallback", now.passed_fallback);
  line("passed_spool_full", now.passed_spool_full);
  line("rejected", now.rejected);
  line("unconfirmed", now.unconfirmed);
  line("held", now.held);
  line("misused", now.misused);
  line("discarded.hook", now.discarded.hook);
  line("discarded.record_only", now.discarded.record_only);
  line("discarded.inherited", now.discarded.inherited);
  line("hook_failed", now.hook_failed);
  line("in_flight", now.in_flight);
  line("passed", now.passed);
  line("passed_queue_full", now.passed_queue_full);
  line("passed_shutdown", now.passed_shutdown);
  line("queue_bytes", now.queue_bytes);
  line("queue_limit_bytes", now.queue_limit_bytes);
  line("ring_memory_bytes", now.ring_memory_bytes);
  line("ring_memory_limit_bytes", now.ring_memory_limit_bytes);
  line("memory_bytes", now.memory_bytes);
  line("memory_limit_bytes", now.memory_limit_bytes);
  line("dropped.no_provider", now.dropped.no_provider);
  line("dropped.after_shutdown", now.dropped.after_shutdown);
  line("dropped.ring_full", now.dropped.ring_full);
  line("dropped.no_ring", now.dropped.no_ring);
  line("dropped.no_slot", now.dropped.no_slot);
  line("dropped.queue_full", now.dropped.queue_full);
  line("dropped.export_failed", now.dropped.export_failed);
  line("dropped.spool_full", now.dropped.spool_full);
  line("dropped.no_memory", now.dropped.no_memory);
  line("dropped.shutdown", now.dropped.shutdown);
  line("dropped.interrupted", now.dropped.interrupted);
  auto const operations = [&](char const* name, auto const& of) {
    std::printf("exports.%s.count %llu\nexports.%s.nanoseconds %llu\n", name, static_cast<unsigned long long>(of.count), name,
                static_cast<unsigned long long>(of.nanoseconds));
  };
  operations("success", now.exports.success);
  operations("rejected", now.exports.rejected);
  operations("export_failed", now.exports.export_failed);
  operations("unconfirmed", now.exports.unconfirmed);
  operations("queue_full", now.exports.queue_full);
  operations("shutdown", now.exports.shutdown);
  operations("fallback", now.exports.fallback);
  operations("spool_full", now.exports.spool_full);
  std::printf("text\n%send\n", now.text().c_str());
}

nanospan::options sending_to(std::shared_ptr<support::scripted_exporter> to) {
  nanospan::options with;
  with.exporter = std::move(to);
  with.background_thread = false;
  with.ring_bytes = 16'384;
  with.on_message = [](std::string_view) noexcept {};
  return with;
}

}  // namespace

int main() {
  record(3);
  say("before a provider");
  auto const to = std::make_shared<support::scripted_exporter>();
  {
    nanospan::tracer_provider tracing{sending_to(to)};
    record(10);
    NANOSPAN_SET({"no span is open", 1});
    say("held");
    to->next(outcome::success);
    to->next({outcome::success, 4, {}, {}});
    to->next(outcome::failure);
    for (int spans : {10, 11, 12}) {
      tracing.flush();
      record(spans);
    }
    tracing.flush();
    say("exported, rejected and failed");
    to->next(outcome::unconfirmed);
    record(5);
    tracing.flush();
    say("in flight");
    to->next(outcome::failure);
    tracing.flush();
    record(2'000);
    say("a full ring");
    tracing.flush();
    to->next(outcome::unreachable, 2);
    record(6);
    tracing.flush();
    record(4);
  }
  say("after the end");
  record(8);
  {
    auto with = sending_to(to);
    with.sampler = std::make_shared<nanospan::always_record_sampler>(std::make_shared<nanospan::always_off_sampler>());
    nanospan::tracer_provider tracing{std::move(with)};
    record(3);
    tracing.flush();
    say("recorded only");
  }
  {
    auto with = sending_to(to);
    with.fallback = std::make_shared<support::scripted_exporter>();
    nanospan::tracer_provider tracing{std::move(with)};
    to->next(outcome::failure);
    record(7);
    tracing.flush();
    tracing.poll();
    say("fallback");
  }
  {
    auto with = sending_to(to);
    with.on_end = [seen = 0](nanospan::ended_span& span) mutable {
      if (++seen % 3 == 0) span.drop();
      if (seen % 3 == 1) throw seen;
    };
    nanospan::tracer_provider tracing{std::move(with)};
    record(8);
    say("before the hook");
    tracing.flush();
    record(4);
    say("after the hook");
  }
  {
    auto with = sending_to(to);
    with.max_batch_spans = 2;
    with.max_batch_bytes = with.max_queue_bytes = 1'024;
    nanospan::tracer_provider tracing{std::move(with)};
    to->next(outcome::retry);
    record(1);
    tracing.flush();
    record(50);
    tracing.poll();
    say("a full queue");
  }
  {
    nanospan::tracer_provider const tracing{sending_to(to)};
    nanospan::span open{"open in both"};
    std::fflush(stdout);
    pid_t const child = ::fork();
    if (child == 0) {
      open.end();
      record(2);
      say("a forked child");
      std::fflush(stdout);
      ::_exit(0);
    }
    int status = -1;
    if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) return 1;
  }
  say("the evening");
}
