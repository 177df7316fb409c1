#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What judges the benchmarks' rows, and what shares out a span's instructions, with figures of which the answer is known."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import report  # noqa: E402
import rows  # noqa: E402
import where  # noqa: E402


def row(values, bar="<= 1.1", reads=(18.0,)):
    return rows.row([rows.sample("section", "name", value, "×", bar, 0, reads[i % len(reads)]) for i, value in enumerate(values)])


class judging(unittest.TestCase):
    def test_the_median_run_is_held_against_the_bar(self):
        self.assertEqual(row([1.0, 1.05, 1.2]).verdict(), "yes")
        self.assertEqual(row([1.0, 1.12, 1.13]).verdict(), "no")
        self.assertEqual(row([1.99, 2.0, 2.1], ">= 2").verdict(), "yes")
        self.assertEqual(row([1.99, 1.99, 2.1], ">= 2").verdict(), "no")
        self.assertEqual(row([5.0], "").verdict(), "")

    def test_a_single_outlier_makes_no_noise(self):
        self.assertFalse(row([1.0, 1.0, 1.0, 1.0, 9.0]).noisy)

    def test_runs_that_lie_apart_on_both_sides_of_the_bar_are_not_believed(self):
        apart = row([0.8, 0.9, 1.0, 1.2, 1.3])
        self.assertTrue(apart.noisy)
        self.assertEqual(apart.verdict(), "too noisy")

    def test_runs_that_lie_apart_on_one_side_are(self):
        self.assertEqual(row([0.4, 0.5, 0.6, 0.7, 0.8]).verdict(), "yes")
        self.assertEqual(row([2.0, 2.5, 3.0, 3.5, 4.0]).verdict(), "no")

    def test_timer_reads_that_lie_apart_make_a_row_noisy(self):
        self.assertTrue(row([1.0, 1.0, 1.0, 1.2], reads=(10.0, 12.0, 14.0, 16.0)).noisy)

    def test_what_must_be_nothing_must_be_nothing_in_every_run(self):
        self.assertEqual(row([0, 0, 0, 0, 0], "<= 0").verdict(), "yes")
        self.assertEqual(row([0, 0, 0, 0, 1], "<= 0").verdict(), "no")


class reading(unittest.TestCase):
    def test_rows_belong_to_the_section_above_them_and_complaints_are_kept(self):
        samples, complaints = rows.read("# One\na\t1.5\t×\t<= 2\t3\t2\nfree text\n# Two\n  b\t7\tns\t\t0\t0\n! 3 spans were dropped\n")
        self.assertEqual([(one.section, one.name, one.value, one.bar) for one in samples], [("One", "a", 1.5, "<= 2"), ("Two", "  b", 7.0, "")])
        self.assertEqual(complaints, ["3 spans were dropped"])

    def test_a_section_of_two_programs_is_one_table(self):
        results = rows.results(["g++"])
        for section, name in (("One", "a"), ("Two", "b"), ("One", "c")):
            results.add("g++", [rows.sample(section, name, 1, "×")])
        self.assertEqual([key[1] for key, _ in results.rows()], ["a", "c", "b"])

    def test_what_does_not_hold_is_said_and_a_failure_with_it(self):
        results = rows.results(["g++"])
        results.add("g++", [rows.sample("One", "a", 3, "×", "<= 2"), rows.sample("One", "b", 1, "×", "<= 2")])
        results.fail("3 spans were dropped")
        self.assertEqual(report.what_does_not_hold(results), "- a, g++: 3.000 ×; bar ≤ 2\n- 3 spans were dropped\n")


class sharing_out(unittest.TestCase):
    def test_what_a_callee_takes_is_not_its_callers(self):
        profile = "ob=/p\nfn=f\n0x10 5\ncfn=g\ncalls=2 0x40 \n0x14 900\n0x18 7\n\nfn=g\n0x40 900\n"
        self.assertEqual(where.costs(profile), {("/p", 0x10, "f"): 5, ("/p", 0x18, "f"): 7, ("/p", 0x40, "g"): 900})

    def test_the_innermost_function_that_belongs_to_a_step_decides(self):
        frames = [("nanospan::detail::copy_word", "/x/nanospan/context.hpp:3"), ("nanospan::span_recorder::hand_over", "/x/nanospan/span_recorder.hpp:9"),
                  ("bench::loops::no_attribute", "/x/bench/loops.cpp:9")]
        self.assertEqual(where.step_of_frames("recorder", frames), "into the ring")
        self.assertEqual(where.step_of_frames("recorder", frames[:1]), "other")

    def test_the_kernel_and_the_c_library_are_known_by_their_symbols(self):
        self.assertEqual(where.step_of_symbol("bench_profiled", "tcp_sendmsg", "[kernel.kallsyms]"), "kernel")
        self.assertEqual(where.step_of_symbol("recorder", "__memmove_avx_unaligned_erms", "/lib/libc.so.6"), "memcpy of the C library")


if __name__ == "__main__":
    unittest.main()
