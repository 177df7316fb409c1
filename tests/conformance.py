#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds CONFORMANCE.md against the tests that there are.

  conformance.py BUILD               every test that it names exists (BUILD/CTestTestfile.cmake), and every fact of a Catch2 program is one test
  conformance.py BUILD RESULTS...    and ran, and passed, in the runs that wrote RESULTS (ctest --output-junit)

A row is |requirement|source|level|shown by|. The last column has names of tests in backticks, and a reason that begins with `out: `, `not yet: `
or `design: `, or one of both; a row with neither fails.
"""
import json
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

TABLE = pathlib.Path(__file__).resolve().parent / "CONFORMANCE.md"
LEVELS = ("must", "nice", "out")
REASON = re.compile(r"(?:^|; |<br>)(out|not yet|design): \w.{4}")


def rows_of(text):
    """(line, requirement, level, names, has a reason); what is no row as it should be is told."""
    rows, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|") or re.fullmatch(r"[|\s:-]+", line) or line.startswith("| requirement |"):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 4 or not all(cells[:2]):
            problems.append(f"{TABLE.name}:{number}: has {len(cells)} columns, or an empty one: {line[:80]}")
            continue
        requirement, level, shown = cells[0], cells[2], cells[3]
        if level not in LEVELS:
            problems.append(f"{TABLE.name}:{number}: {requirement}: its level is {level!r}")
        names = re.findall(r"`([^`]+)`", shown)
        reason = REASON.search(re.sub(r"`[^`]+`", "x", shown))
        if not names and not reason:
            problems.append(f"{TABLE.name}:{number}: {requirement}: no test, and no reason")
        rows.append((number, requirement, level, names))
    if not rows:
        problems.append(f"{TABLE.name}: has no rows")
    return rows, problems


def plain(name):
    """Catch2's two versions differ in whether they keep the space behind a prefix."""
    return re.sub(r":\s*", ": ", name, count=1)


def existing(build):
    done = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True, text=True, check=True)
    return {plain(test["name"]) for test in json.loads(done.stdout)["tests"]}


def passed(results):
    return {plain(case.get("name")) for path in results for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase")
            if case.get("status") == "run"}  # else it failed, was skipped, disabled or not selected


def problems_of(text, there, ran=None):
    rows, problems = rows_of(text)
    for number, requirement, _, names in rows:
        for name in names:
            if name not in there:
                problems.append(f"{TABLE.name}:{number}: {requirement}: there is no test {name!r}")
            elif ran is not None and name not in ran:
                problems.append(f"{TABLE.name}:{number}: {requirement}: did not run and pass: {name!r}")
    return problems


def split_facts(folder):
    """CMake takes a semicolon for the end of a name, and Catch2 runs nothing under what is left of it, and is content."""
    return [f"{path.name}: a fact's name must not have a semicolon: {name}" for path in sorted(folder.glob("*.cpp"))
            for name in re.findall(r'TEST_CASE\("([^"]*;[^"]*)"', path.read_text(encoding="utf-8"))]


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    build, *results = arguments
    problems = problems_of(TABLE.read_text(encoding="utf-8"), existing(build), passed(results) if results else None)
    problems += split_facts(TABLE.parent)
    print("\n".join(problems) if problems else f"{TABLE.name}: every row has its tests or its reason")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
