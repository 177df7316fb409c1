# SPDX-License-Identifier: Apache-2.0
"""Writes RESULTS.md: what was measured, beside its bar, with each compiler."""
import collections
import datetime
import os
import pathlib
import re
import statistics
import subprocess

import rows
import where

ROOT = pathlib.Path(__file__).resolve().parent.parent


def first_match(path, pattern, default):
    try:
        found = re.search(pattern, pathlib.Path(path).read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else default


def machine():
    name = first_match("/proc/cpuinfo", r"^model name\s*: (.*)$", os.uname().machine)
    memory = int(first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)", "0")) / 2**20
    system = first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)', os.uname().sysname)
    return f"{name}, {os.cpu_count()} processors, {memory:.0f} GiB; {system}, Linux {os.uname().release.split('-')[0]}"


def version(compiler):
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def table(head, lines):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(line) + " |" for line in lines)]) + "\n"


def name_of(name):
    return ("… " if name.startswith("  ") else "") + name.strip().replace("<", "\\<").replace("|", "\\|")


def verdict_of(by_compiler):
    """One word where the compilers agree."""
    verdicts = {compiler: row.verdict() for compiler, row in by_compiler.items()}
    if len(set(verdicts.values())) == 1:
        return next(iter(verdicts.values()))
    return ", ".join(f"{compiler}: {verdict}" for compiler, verdict in verdicts.items())


def bar_text(bar):
    return bar.replace("<=", "≤").replace(">=", "≥")


def row_line(key, by_compiler, compilers):
    _, name, unit, bar = key
    cells = [by_compiler[compiler].text() if compiler in by_compiler else "–" for compiler in compilers]
    verdict = verdict_of(by_compiler)
    return [name_of(name), unit, *cells, bar_text(bar), f"**{verdict}**" if verdict not in ("", "yes") else verdict]


def sections(results):
    head = ["what", "unit", *results.compilers, "bar", "holds"]
    grouped = collections.defaultdict(list)
    for key, by_compiler in results.rows():
        grouped[key[0]].append(row_line(key, by_compiler, results.compilers))
    return "\n".join(f"## {section}\n\n{table(head, lines)}" for section, lines in grouped.items())


def what_does_not_hold(results):
    lines = []
    for (_, name, unit, bar), by_compiler in results.rows():
        for compiler, row in by_compiler.items():
            if row.verdict() not in ("", "yes"):
                lines.append(f"- {name.strip()}, {compiler}: {row.text()} {unit}; bar {bar_text(bar)}" + (", too noisy to be believed" if row.verdict() == "too noisy" else ""))
    lines += [f"- {failure}" for failure in results.failures]
    return "\n".join(lines or ["Everything holds."]) + "\n"


def where_table(found, half, attributes):
    """found: {compiler: what where.measure() gave}."""
    lines = collections.defaultdict(dict)
    for compiler, of in found.items():
        instructions, nanoseconds = of[half, attributes]
        for step in {*instructions, *(nanoseconds or {})}:
            lines[step][compiler] = instructions.get(step, 0.0), None if nanoseconds is None else nanoseconds.get(step, 0.0)
    order = list(dict.fromkeys(step for step, _, _ in where.STEPS[half]))
    total = {compiler: (sum(of[half, attributes][0].values()), None if of[half, attributes][1] is None else sum(of[half, attributes][1].values()))
             for compiler, of in found.items()}

    def cells(of):
        for compiler in found:
            instructions, nanoseconds = of.get(compiler, (0.0, 0.0))
            yield f"{instructions:.0f}"
            yield "–" if nanoseconds is None else f"{nanoseconds:.1f}"
    body = [[step, *cells(of)] for step, of in sorted(lines.items(), key=lambda line: order.index(line[0]) if line[0] in order else len(order))
            if any(instructions >= 0.5 or (nanoseconds or 0) >= 0.05 for instructions, nanoseconds in of.values())]
    body.append(["**all**", *cells(total)])
    return table(["step", *(f"{compiler}, {what}" for compiler in found for what in ("instructions", "ns"))], body)


def where_the_time_goes(found):
    if not found:
        return ""
    text = ("## Where the time goes\n\nInstructions a span by callgrind; nanoseconds a span are the measured time shared out by perf's samples of it. The processor does many "
            "steps at once: a sample falls on what waited, most of all on what follows a read of the timer. In the background they are of processor time, the kernel's "
            "(sending, and waiting for turns) included, which callgrind does not see.\n")
    if any(nanoseconds is None for of in found.values() for _, nanoseconds in of.values()):
        text += "\nperf could not sample here: instructions only.\n"
    for half, title in where.HALVES.items():
        for attributes in where.ATTRIBUTES:
            text += f"\n### A span with {attributes or 'no'} attributes, {title}\n\n{where_table(found, half, attributes)}"
    return text


def write(path, results, found, runs, quick):
    reads = {compiler: results.reads(compiler) for compiler in results.compilers}
    about = [f"- nanospan {first_match(ROOT / 'include/nanospan/version.hpp', r'define NANOSPAN_VERSION .(.*).$', '?')}, {datetime.date.today().isoformat()}", f"- {machine()}"]
    about += [f"- {compiler}: {version(compiler)}; two timer reads take {number_of_reads(reads[compiler])}" for compiler in results.compilers]
    text = "# Benchmarks\n\nWritten by `bench/run.sh`"
    text += "; with `--quick`, which only shows that it works: **the figures mean little**.\n\n" if quick else f", {runs} runs of each program.\n\n"
    text += "\n".join(about) + f"\n\n{rows.RULE} *18.6 ns / 18.2 ns* behind a ratio: what it is of, and what it is compared with, in the same runs.\n\n"
    text += f"## What does not hold\n\n{what_does_not_hold(results)}\n{sections(results)}\n{where_the_time_goes(found)}"
    path.write_text("<!-- SPDX-License-Identifier: Apache-2.0 -->\n" + text.rstrip() + "\n", encoding="utf-8")


def number_of_reads(values):
    if not values:
        return "an unknown time"
    return f"{statistics.median(values):.1f} ns ({min(values):.1f} to {max(values):.1f} in single rows)"
