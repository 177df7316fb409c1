#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a benchmark several times and prints each row as the run with the median ratio had it, and the span of the runs.

  median_of_runs.py RUNS PROGRAM [ARGUMENT...]
Where a program and its stack come to lie differs from run to run, and moves a figure more than the rounds within one do.
"""
import re
import statistics
import subprocess
import sys

RATIO = re.compile(r"^(?P<name>.*?\S)  +.* (?P<ratio>[0-9.]+) x  \(.*\)")


def main(arguments):
    runs, program = int(arguments[0]), arguments[1:]
    rows, failed = {}, 0
    for _ in range(runs):
        done = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=False)
        failed = failed or done.returncode
        for line in done.stdout.splitlines():
            match = RATIO.match(line)
            name, ratio = (match["name"], float(match["ratio"])) if match else (line, 0.0)
            rows.setdefault(name, []).append((ratio, line))
    for seen in rows.values():
        ratios = [ratio for ratio, _ in seen]
        middle = statistics.median_low(ratios)
        line = next(line for ratio, line in seen if ratio == middle)
        print(line if middle == 0 else f"{line}  [{len(seen)} runs: {min(ratios):.3f} to {max(ratios):.3f}]")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
