#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads what day.cpp's program prints with prometheus_client's own parser, and holds it against the figures beside it.

  compare.py PROGRAM
"""
import subprocess
import sys

from prometheus_client.parser import text_string_to_metric_families

REASONS = ("no_provider", "after_shutdown", "ring_full", "no_ring", "no_slot", "queue_full", "export_failed", "spool_full", "no_memory", "shutdown", "interrupted")
OUTCOMES = ("success", "rejected", "export_failed", "unconfirmed", "queue_full", "shutdown", "fallback", "spool_full")


def expected(now):
    """{(sample, label's value or ""): value} of everything that the text must say."""
    dropped = {reason: now[f"dropped.{reason}"] for reason in REASONS}
    processed = "otel_sdk_processor_span_processed_total"
    exported = "otel_sdk_exporter_span_exported_total"
    duration = "otel_sdk_exporter_operation_duration_seconds"
    says = {
        ("otel_sdk_processor_span_queue_size", ""): now["held"] - now["in_flight"],
        ("otel_sdk_processor_span_queue_capacity", ""): (now["ring_memory_bytes"] + now["queue_limit_bytes"]) // 1024,
        (processed, ""): now["passed"],
        (processed, "queue_full"): dropped["ring_full"] + dropped["no_ring"] + dropped["queue_full"] - now["passed_queue_full"],
        (processed, "already_shutdown"): dropped["after_shutdown"],
        (processed, "no_slot"): dropped["no_slot"],
        (processed, "interrupted"): dropped["interrupted"],
        (processed, "no_memory"): dropped["no_memory"],
        (processed, "shutdown"): dropped["shutdown"] - now["passed_shutdown"],
        (processed, "fallback"): now["fallback"] - now["passed_fallback"],
        (processed, "spool_full"): dropped["spool_full"] - now["passed_spool_full"],
        ("otel_sdk_exporter_span_inflight", ""): now["in_flight"],
        (exported, ""): now["exported"],
        (exported, "rejected"): now["rejected"],
        (exported, "export_failed"): dropped["export_failed"],
        (exported, "unconfirmed"): now["unconfirmed"],
        (exported, "queue_full"): now["passed_queue_full"],
        (exported, "shutdown"): now["passed_shutdown"],
        (exported, "fallback"): now["passed_fallback"],
        (exported, "spool_full"): now["passed_spool_full"],
        ("nanospan_span_recovered_total", ""): now["recovered"],
        ("nanospan_span_recovered_in_flight_total", ""): now["recovered_in_flight"],
        ("nanospan_span_fallback_total", ""): now["fallback"],
        ("nanospan_span_spooled", ""): now["spooled"],
        ("nanospan_span_ended_total", ""): now["ended"],
        ("nanospan_span_held", ""): now["held"],
        ("nanospan_span_discarded_total", "hook"): now["discarded.hook"],
        ("nanospan_span_discarded_total", "record_only"): now["discarded.record_only"],
        ("nanospan_span_discarded_total", "inherited"): now["discarded.inherited"],
        ("nanospan_hook_failed_total", ""): now["hook_failed"],
        ("nanospan_misused_total", ""): now["misused"],
        ("nanospan_queue_size_bytes", ""): now["queue_bytes"],
        ("nanospan_queue_capacity_bytes", ""): now["queue_limit_bytes"],
        ("nanospan_ring_memory_bytes", ""): now["ring_memory_bytes"],
        ("nanospan_ring_memory_limit_bytes", ""): now["ring_memory_limit_bytes"],
        ("nanospan_memory_bytes", ""): now["memory_bytes"],
        ("nanospan_memory_limit_bytes", ""): now["memory_limit_bytes"],
    }
    says |= {("nanospan_span_dropped_total", reason): count for reason, count in dropped.items()}
    for outcome in OUTCOMES:
        label = "" if outcome == "success" else outcome
        says[duration + "_count", label] = says[duration + "_bucket", label] = now[f"exports.{outcome}.count"]
        says[duration + "_sum", label] = now[f"exports.{outcome}.nanoseconds"] / 1e9
    return says


def said(text):
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.type != "unknown", f"{family.name} has no HELP or TYPE"
        total = [sample for sample in family.samples if sample.name.endswith("_total")]
        assert bool(total) == (family.type == "counter"), f"{family.name} is a {family.type}"
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if name != "le"}
            assert len(labels) <= 1, sample
            key = (sample.name, next(iter(labels.values()), ""))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


def check(moment, now, text):
    found = said(text)
    wanted = expected(now)
    wrong = [f"{key}: says {found.get(key)}, stats() {wanted.get(key)}" for key in sorted(found.keys() | wanted.keys()) if found.get(key) != wanted.get(key)]
    # What the standard's figures add up to.
    processed = {label: value for (name, label), value in found.items() if name == "otel_sdk_processor_span_processed_total"}
    exported = {label: value for (name, label), value in found.items() if name == "otel_sdk_exporter_span_exported_total"}
    if processed[""] != sum(exported.values()) + now["in_flight"]:
        wrong.append("what was given to the exporter is not what it has done with and what is in flight")
    discarded = sum(value for (name, label), value in found.items() if name == "nanospan_span_discarded_total")
    if now["ended"] + now["recovered"] != now["dropped.no_provider"] + discarded + sum(processed.values()) + found["otel_sdk_processor_span_queue_size", ""]:
        wrong.append("what has ended is not what was processed, what was discarded and what waits")
    print(f"{'FAILED' if wrong else 'ok    '} {moment}")
    print("".join(f"       | {line}\n" for line in wrong), end="")
    return not wrong


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    output = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60).stdout
    right, last, inherited = True, {}, 0
    for part in output.split("moment ")[1:]:
        figures, text = part.split("\nend\n")[0].split("\ntext\n")
        moment, *lines = figures.splitlines()
        last = {name: int(value) for name, value in (line.split() for line in lines)}
        right &= check(moment, last, text + "\n")
        inherited += last["discarded.inherited"]
    # The day was one: every figure that can be had at will is there, but for those of a spool, and for what is a forked child's.
    idle = [name for name, value in last.items() if value == 0]
    expected_idle = ["recovered", "recovered_in_flight", "spooled", "passed_spool_full", "held", "discarded.inherited", "in_flight", "queue_bytes", "queue_limit_bytes", "dropped.no_ring", "dropped.no_slot",
                     "dropped.spool_full", "dropped.no_memory", "dropped.interrupted", "exports.spool_full.count", "exports.spool_full.nanoseconds"]
    if idle != expected_idle:
        print(f"FAILED zero in the evening are {idle}")
    if inherited == 0:
        print("FAILED no child has inherited a span")
    return 0 if right and idle == expected_idle and inherited != 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
