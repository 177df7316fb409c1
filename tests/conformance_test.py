#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""conformance.py: what it takes for a row, and what it says of tests that are not there, did not run or did not pass."""
import pathlib
import subprocess
import tempfile
import unittest

import conformance

HEAD = "| requirement | source | level | shown by |\n|---|---|---|---|\n"
TESTS = """\
add_test("unit: it passes" "true")
add_test("unit:it fails" "false")
add_test("unit: it is skipped" "echo" "skipped by design")
set_tests_properties("unit: it is skipped" PROPERTIES SKIP_REGULAR_EXPRESSION "skipped by design")
add_test("unit: it is disabled" "true")
set_tests_properties("unit: it is disabled" PROPERTIES DISABLED TRUE)
add_test("unit: it is not selected" "true")
"""


class table(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.build = pathlib.Path(directory.name)
        (self.build / "CTestTestfile.cmake").write_text(TESTS, encoding="utf-8")

    def problems(self, row, ran=False):
        there = conformance.existing(self.build)
        if not ran:
            return conformance.problems_of(HEAD + row + "\n", there)
        results = self.build / "results.xml"
        subprocess.run(["ctest", "--test-dir", self.build, "-E", "not selected", "--output-junit", results], capture_output=True, check=False)
        return conformance.problems_of(HEAD + row + "\n", there, conformance.passed([results]))

    def assert_told(self, row, *words, ran=False):
        (problem,) = self.problems(row, ran)
        for word in ("CONFORMANCE.md:3:", *words):
            self.assertIn(word, problem)

    def test_a_row_with_a_test_that_exists_is_right(self):
        self.assertEqual(self.problems("| a | S | must | `unit: it passes`<br>`unit: it fails` |"), [])

    def test_a_row_with_a_reason_is_right(self):
        for reason in ("out: deprecated", "not yet: compression", "design: it is so", "`unit: it passes`; not yet: the rest"):
            self.assertEqual(self.problems(f"| a | S | must | {reason} |"), [])

    def test_a_row_with_neither_is_told(self):
        for shown in ("no test yet", "", "out: ", "`` ", "without: a reason"):
            self.assert_told(f"| a | S | must | {shown} |", "a: no test, and no reason")

    def test_a_reason_in_a_test_s_name_is_none(self):
        self.assert_told("| a | S | must | `unit: x; out: of memory` |", "there is no test")

    def test_a_test_that_does_not_exist_is_told(self):
        self.assert_told("| a | S | must | `unit: it passes`<br>`unit: it is gone` |", "a: there is no test 'unit: it is gone'")

    def test_a_fact_that_cmake_would_split_is_told(self):
        (self.build / "ring.cpp").write_text('TEST_CASE("it holds, it does") {}\nTEST_CASE("it holds; it does") {}\n', encoding="utf-8")
        self.assertEqual(conformance.split_facts(self.build), ["ring.cpp: a fact's name must not have a semicolon: it holds; it does"])

    def test_a_row_with_another_form_is_told(self):
        self.assertIn("has 3 columns", self.problems("| a | S | `unit: it passes` |")[0])
        self.assertIn("or an empty one", self.problems("| a | | must | `unit: it passes` |")[0])
        self.assert_told("| a | S | maybe | `unit: it passes` |", "its level is 'maybe'")

    def test_a_table_without_rows_is_told(self):
        self.assertEqual(self.problems(""), ["CONFORMANCE.md: has no rows"])

    def test_what_ran_and_passed_is_right(self):
        self.assertEqual(self.problems("| a | S | must | `unit: it passes` |", ran=True), [])

    def test_what_failed_was_skipped_disabled_or_not_run_is_told(self):
        for fact in ("it fails", "it is skipped", "it is disabled", "it is not selected"):
            self.assert_told(f"| a | S | must | `unit: {fact}` |", f"a: did not run and pass: 'unit: {fact}'", ran=True)


if __name__ == "__main__":
    unittest.main()
