#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of run.py: what it reads out of callgrind's file, and when it fails."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import run  # noqa: E402

CHILD = (run.INSTRUCTIONS, "child span")
DRAINED = (run.DRAINING, "drained")
CODE = (run.CODE, "call site, 2 attributes")
WIRE = (run.WIRE, "child span")
FIGURES = {CHILD: 227.0, DRAINED: 686.0, CODE: 196.0, WIRE: 73.0}


class measured:
    def __init__(self, changes=None, compiler="g++", toolchain="12.2.0, and so on"):
        self.compiler, self.toolchain = compiler, toolchain
        self.figures = {key: value for key, value in {**FIGURES, **(changes or {})}.items() if value is not None}


def table_of(figures):
    made = run.table()
    made.toolchains = {"g++": "12.2.0, and so on", "clang++": "14.0.6, and so on"}
    made.figures.update({compiler: dict(figures) for compiler in made.toolchains})
    return made


class comparing(unittest.TestCase):
    def compare(self, of, figures=None):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            off = run.compare(of, table_of(figures or FIGURES))
        return off, printed.getvalue()

    def test_the_same_figures_pass(self):
        self.assertEqual(self.compare(measured())[0], 0)

    def test_an_instruction_more_fails_and_says_worse(self):
        off, printed = self.compare(measured({CHILD: 228.0}))
        self.assertEqual(off, 1)
        self.assertIn("FAILED  g++, child span: 228.0 instructions a span: worse than 227.0", printed)

    def test_an_instruction_less_fails_and_says_better(self):
        off, printed = self.compare(measured({CHILD: 226.0}))
        self.assertEqual(off, 1)
        self.assertIn("better than 227.0", printed)

    def test_draining_may_be_off_by_one_in_a_hundred(self):
        self.assertEqual(self.compare(measured({DRAINED: 692.0}))[0], 0)
        self.assertEqual(self.compare(measured({DRAINED: 693.0}))[0], 1)
        self.assertEqual(self.compare(measured({DRAINED: 679.0}))[0], 1)

    def test_what_passes_its_bar_fails_within_the_tolerance_too(self):
        held = {**FIGURES, CODE: 200.0}
        off, printed = self.compare(measured({CODE: 200.5}), held)
        self.assertEqual(off, 1)
        self.assertIn("over the bar, which is 200", printed)

    def test_a_bar_that_was_never_held_is_not_said_each_time(self):
        self.assertEqual(self.compare(measured({CODE: 257.0}), {**FIGURES, CODE: 257.0})[0], 0)

    def test_a_figure_that_the_table_has_not_fails(self):
        off, printed = self.compare(measured({(run.HEADERS, "<chrono>"): 1.0}))
        self.assertEqual(off, 1)
        self.assertIn("<chrono>", printed)

    def test_a_figure_that_is_gone_fails(self):
        self.assertEqual(self.compare(measured({CHILD: None}))[0], 1)

    def test_another_version_is_shown_and_compared_in_what_does_not_depend_on_it(self):
        other = {CHILD: 300.0, DRAINED: 900.0, CODE: 250.0}
        off, printed = self.compare(measured(other, toolchain="13.1.0, and so on"))
        self.assertEqual(off, 0)
        self.assertIn("shown   g++, child span: 300.0", printed)
        self.assertEqual(self.compare(measured({**other, WIRE: 74.0}, toolchain="13.1.0, and so on"))[0], 1)
        self.assertEqual(self.compare(measured(other, compiler="g++-11"))[0], 0)


class the_table(unittest.TestCase):
    def test_what_is_written_is_read(self):
        with tempfile.TemporaryDirectory() as directory:
            path, run.TABLE = run.TABLE, pathlib.Path(directory) / "figures.txt"
            try:
                written = table_of({**FIGURES, CODE: 257.0})
                del written.figures["clang++"][WIRE]
                written.write()
                read = run.table.read()
                text = run.TABLE.read_text(encoding="utf-8")
            finally:
                run.TABLE = path
        self.assertEqual(read.toolchains, written.toolchains)
        self.assertEqual(read.figures, written.figures)
        self.assertIn("bar 200, not held", text)


class callgrind(unittest.TestCase):
    PART = """part: {number}

desc: Trigger: Client Request: {name}/{times}
positions: line
events: Ir sysCount sysTime
summary: 1 2 3

ob=/lib/libc.so.6
fl=malloc.c
fn=malloc
10 {instructions}

fn=clock_gettime@@GLIBC_2.17
3 7 4 1

fn=poll
5 9 2 1

fl=spans.cpp
fn=main
12 3
cob=/lib/libc.so.6
cfi=malloc.c
cfn=malloc
calls={calls} 10
12 5000 3
13 2
cfn=free
calls=9 8
13 40
totals: 1 2 3
"""

    def test_sums_are_what_functions_did_themselves_but_for_reading_the_clock(self):
        part = self.PART.format(number=1, name="x", times=1, instructions=100, calls=3)
        self.assertEqual(run.measurement.sums_of(part), (100 + 7 + 9 + 3 + 2, 3, 2))

    def test_a_case_is_what_twice_as_many_spans_cost_more(self):
        parts = [self.PART.format(number=1, name="a, b/c", times=10, instructions=1000, calls=10),
                 "part: 2\n\ndesc: Trigger: Client Request\nfn=main\n1 5\n",
                 self.PART.format(number=3, name="a, b/c", times=20, instructions=1500, calls=40)]
        self.assertEqual(run.measurement.counted("version: 1\n" + "\n".join(parts)), {"a, b/c": (50.0, 3.0, 0.0)})


if __name__ == "__main__":
    unittest.main()
