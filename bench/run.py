#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks that bench/run.sh has built, and writes bench/RESULTS.md.

  run.py [--quick] [--only WORD] COMPILER...
A run of each compiler's program in turn, several times: where a program and its stack come to lie differs from process to process, and moves
a figure more than the rounds within one do. --quick: a look at whether it works, written to build/. --only: programs whose name
contains the word; prints, and writes nothing. Fails where spans were dropped or a program failed; a bar that is not held is reported.
"""
import argparse
import pathlib
import subprocess
import sys

import compile_time
import report
import rows
import where

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
# Processes of each. Those with two arguments need the sink, and a program without tracing.
PROGRAMS = {"recording": 9, "recording_shared": 7, "recording_static": 7, "recording_lto": 7, "shapes": 7, "threads": 7, "paced": 5, "bursts": 5,
            "encoding": 5, "sustained": 5, "memory": 5, "wire": 1}
COMPILES = 5
COUNTED = ROOT / "tests" / "cost" / "run.py"


def directory_of(compiler):
    return ROOT / "build" / f"bench-{compiler}" / "bench"


def arguments_of(program, compiler):
    here = directory_of(compiler)
    needed = {"sustained": ["bench_sink"], "memory": ["bench_sink", "bench_memory_without"]}.get(program, [])
    return [str(here / f"bench_{program}"), *(str(here / name) for name in needed)]


def run_once(results, program, compiler, quick):
    done = subprocess.run([*arguments_of(program, compiler), *(["--quick"] if quick else [])], stdout=subprocess.PIPE, text=True, check=False)
    samples, complaints = rows.read(done.stdout)
    results.add(compiler, samples)
    for complaint in complaints:
        results.fail(f"{compiler}, {program}: {complaint}")
    if done.returncode != 0 and not complaints:
        results.fail(f"{compiler}, {program}: exit {done.returncode}")


def run_programs(results, wanted, quick):
    for program, runs in PROGRAMS.items():
        if wanted not in program:
            continue
        for _ in range(min(runs, 2) if quick else runs):
            for compiler in results.compilers:
                run_once(results, program, compiler, quick)
        show(results)


def run_compilers(results, quick):
    for _ in range(1 if quick else COMPILES):
        for compiler in results.compilers:
            results.add(compiler, compile_time.measure(compiler))
    show(results)


def count(results):
    """The figures that the tests compare: instructions, allocations, machine code."""
    if not COUNTED.exists():
        return
    for compiler in results.compilers:
        done = subprocess.run([sys.executable, str(COUNTED), "--print", compiler], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            results.fail(f"{compiler}: {COUNTED.name} failed")
        for line in done.stdout.splitlines():
            name, value, unit, bar = line.split("\t")
            results.add(compiler, [rows.sample("Counted", name, float(value), unit, f"<= {float(bar):g}" if bar else "")])
    show(results)


def profile(results, quick):
    """{compiler: where the time goes}"""
    found = {}
    for compiler in results.compilers:
        here = directory_of(compiler)
        try:
            found[compiler] = where.measure(str(here / "bench_profiled"), str(here / "bench_sink"), quick)
        except (OSError, subprocess.CalledProcessError) as error:
            results.fail(f"{compiler}: where the time goes is not known: {error}")
    return found


shown = set()


def show(results):
    """What is new since the last time."""
    for key, by_compiler in results.rows():
        if key in shown:
            continue
        section, name, unit, bar = key
        if section not in {of for of, *_ in shown}:
            print(f"\n{section}")
        shown.add(key)
        verdict = report.verdict_of(by_compiler)
        print(f"  {name.strip():66} {unit:22} " + "   ".join(f"{row.text():44}" for row in by_compiler.values()) + f" {bar:8} {verdict}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("compilers", nargs="+", metavar="COMPILER")
    asked = parser.parse_args()
    results = rows.results(asked.compilers)
    print(f"{report.machine()}; {', '.join(asked.compilers)}", flush=True)
    run_programs(results, asked.only, asked.quick)
    found = {}
    if not asked.only:
        run_compilers(results, asked.quick)
        if not asked.quick:
            count(results)  # a test does it in every run
        found = profile(results, asked.quick)
        path = ROOT / "build" / "RESULTS.quick.md" if asked.quick else HERE / "RESULTS.md"
        report.write(path, results, found, PROGRAMS["recording"], asked.quick)
        print(f"\nwritten to {path.relative_to(ROOT)}")
    print(f"\nWhat does not hold:\n{report.what_does_not_hold(results)}")
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
