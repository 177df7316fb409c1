#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs each case of a Catch2 program in a process of its own, as ctest does with those of this machine's processor: what one leaves behind is none of the next.

  arm64_cases.py [~NAME-BEGINS ...] -- COMMAND...      those that begin so are left out
"""
import concurrent.futures
import os
import subprocess
import sys

split = sys.argv.index("--")
left_out = tuple(name.removeprefix("~") for name in sys.argv[1:split])
command = sys.argv[split + 1:]
listed = subprocess.run([*command, "--list-test-names-only"], capture_output=True, text=True, check=False).stdout.splitlines()
names = [name for name in (line.strip() for line in listed) if name and not name.startswith(left_out)]


def failure(name):
    escaped = "".join("\\" + c if c in ",[\\" else c for c in name)
    done = subprocess.run([*command, escaped], capture_output=True, text=True, errors="replace", check=False)
    return None if done.returncode == 0 and "No test cases matched" not in done.stdout else f"{name}\n{done.stdout[-2000:]}{done.stderr[-1000:]}"


with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
    failures = [text for text in workers.map(failure, names) if text]
print("\n".join(failures) or f"{len(names)} cases passed")
sys.exit(bool(failures) or not names)
