#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""single_include/amalgamate.py: what it makes, and that it refuses each way to break the layering. Works on copies."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent


class amalgamation(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        for part in ("include", "single_include"):
            shutil.copytree(ROOT / part, self.root / part)
        self.result = self.root / "single_include/nanospan.hpp"

    def run_script(self, *arguments):
        script = self.root / "single_include/amalgamate.py"
        return subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True, check=False)

    def make(self):
        done = self.run_script()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return self.result.read_text(encoding="utf-8")

    def edit(self, header, change):
        path = self.root / "include" / header
        before = path.read_text(encoding="utf-8")
        after = change(before)
        self.assertNotEqual(before, after)
        path.write_text(after, encoding="utf-8")

    def assert_refused(self, *words, lines=1):
        before = self.result.read_bytes() if self.result.exists() else None
        for arguments in ((), ("--check",)):
            done = self.run_script(*arguments)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), lines, done.stderr)
            for word in words:
                self.assertIn(word, done.stderr)
        self.assertEqual(before, self.result.read_bytes() if self.result.exists() else None)

    # ---- what it makes

    def test_one_licence_one_guard_no_own_include(self):
        text = self.make()
        self.assertTrue(text.startswith("// SPDX-License-Identifier: Apache-2.0\n"))
        self.assertEqual(text.count("SPDX"), 1)
        self.assertEqual(text.count("#pragma once"), 0)
        for guard in ("NANOSPAN_HPP", "NANOSPAN_IMPLEMENTATION_HPP"):
            self.assertEqual(text.count(f"#define {guard}\n"), 1)
        self.assertNotIn("#include <nanospan", text)

    def test_implementation_half_stays_behind_its_macro(self):
        recording, implementation = self.make().split("#define NANOSPAN_IMPLEMENTATION_HPP\n")
        self.assertNotIn("#include <boost", recording)
        self.assertIn("#include <boost", implementation)
        self.assertTrue(implementation.endswith("#endif\n"))

    def test_every_line_of_code_is_there(self):
        text = set(self.make().splitlines())
        for header in (self.root / "include/nanospan").rglob("*.hpp"):
            if header.name in ("asio.hpp", "http.hpp", "semconv.hpp"):
                continue
            for line in header.read_text(encoding="utf-8").splitlines():
                if not line.startswith(("#include <nanospan", "#pragma once")):
                    self.assertIn(line, text)

    def test_an_opt_in_header_lies_beside_it_and_includes_it(self):
        self.make()
        text = (self.root / "single_include/nanospan/semconv.hpp").read_text(encoding="utf-8")
        source = (self.root / "include/nanospan/semconv.hpp").read_text(encoding="utf-8")
        self.assertEqual(text.count('#include "../nanospan.hpp"\n'), 1)
        self.assertNotIn("#include <nanospan", text)
        self.assertIn(source.split("namespace nanospan", 1)[1], text)

    def test_conditional_include_hides_no_later_one(self):
        self.edit("nanospan/config.hpp", lambda text: text + "#if 0\n#include <complex>\n#endif\n")
        self.edit("nanospan/id.hpp", lambda text: text + "#include <complex>\n")
        self.assertEqual(self.make().count("#include <complex>"), 2)

    def test_making_it_twice_gives_the_same(self):
        self.assertEqual(self.make(), self.make())

    # ---- what --check says

    def test_check_accepts_what_the_sources_make(self):
        self.make()
        done = self.run_script("--check")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_check_refuses_a_stale_file(self):
        self.make()
        self.edit("nanospan/ring.hpp", lambda text: text + "// one line more\n")
        done = self.run_script("--check")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "single_include/nanospan.hpp is not what its sources make: run single_include/amalgamate.py\n")

    def test_check_refuses_an_edited_file(self):
        text = self.make()
        self.result.write_text(text + "\n", encoding="utf-8")
        self.assertEqual(self.run_script("--check").returncode, 1)

    def test_check_refuses_a_missing_file(self):
        self.make()
        self.result.unlink()
        done = self.run_script("--check")
        self.assertEqual(done.returncode, 1)
        self.assertIn("single_include/nanospan.hpp is missing", done.stderr)
        self.assertFalse(self.result.exists())

    def test_check_refuses_a_stale_opt_in_header(self):
        self.make()
        self.edit("nanospan/semconv.hpp", lambda text: text + "// one line more\n")
        done = self.run_script("--check")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "single_include/nanospan/semconv.hpp is not what its sources make: run single_include/amalgamate.py\n")

    # ---- what it refuses

    def test_refuses_an_include_of_a_later_header(self):
        self.edit("nanospan/ring.hpp", lambda text: text.replace("#include <nanospan/config.hpp>", "#include <nanospan/span.hpp>"))
        self.assert_refused("nanospan/ring.hpp:", "includes nanospan/span.hpp, which does not come earlier in the list")

    def test_refuses_a_list_in_another_order(self):
        lines = ("#include <nanospan/tracer.hpp>\n", "#include <nanospan/attribute.hpp>\n")
        self.edit("nanospan.hpp", lambda text: text.replace(lines[1] + lines[0], lines[0] + lines[1]))
        self.assert_refused("nanospan/tracer.hpp:", "includes nanospan/attribute.hpp, which does not come earlier")

    def test_refuses_a_recording_header_that_includes_the_implementation(self):
        self.edit("nanospan/stats.hpp", lambda text: text.replace("#include <nanospan/thread_ring.hpp>", "#include <nanospan/wire.hpp>"))
        self.assert_refused("nanospan/stats.hpp:", "includes nanospan/wire.hpp, which does not come earlier")

    def test_refuses_a_header_that_includes_itself(self):
        self.edit("nanospan/ring.hpp", lambda text: text + "#include <nanospan/ring.hpp>\n")
        self.assert_refused("nanospan/ring.hpp:", "includes nanospan/ring.hpp, which does not come earlier")

    def test_refuses_a_header_that_includes_the_list(self):
        self.edit("nanospan/macros.hpp", lambda text: text + '#  include "nanospan.hpp"\n')
        self.assert_refused("nanospan/macros.hpp:", "includes nanospan.hpp, which is not in the list")

    def test_refuses_an_include_of_a_header_that_is_not_listed(self):
        (self.root / "include/nanospan/asio.hpp").write_text("#pragma once\n", encoding="utf-8")  # opt-in: no error by itself
        self.make()
        self.edit("nanospan/span.hpp", lambda text: text + "#include <nanospan/asio.hpp>\n")
        self.assert_refused("nanospan/span.hpp:", "includes nanospan/asio.hpp, which is not in the list")

    def test_refuses_an_opt_in_header_that_includes_what_the_single_header_has_not(self):
        self.edit("nanospan/semconv.hpp", lambda text: text + "#include <nanospan/detail/gone.hpp>\n")
        self.assert_refused("nanospan/semconv.hpp:", "includes nanospan/detail/gone.hpp, which is not in the list")

    def test_refuses_a_header_that_is_missing_from_the_list(self):
        (self.root / "include/nanospan/detail/stray.hpp").write_text("#pragma once\n", encoding="utf-8")
        self.assert_refused("nanospan/detail/stray.hpp: is not in the list")

    def test_refuses_a_list_with_a_header_that_does_not_exist(self):
        self.edit("nanospan.hpp", lambda text: text.replace("<nanospan/id.hpp>", "<nanospan/id.hpp>\n#include <nanospan/gone.hpp>"))
        self.assert_refused("lists nanospan/gone.hpp, which does not exist")

    def test_refuses_a_header_that_is_listed_twice(self):
        self.edit("nanospan.hpp", lambda text: text.replace("#include <nanospan/id.hpp>\n", "#include <nanospan/id.hpp>\n" * 2))
        self.assert_refused("lists nanospan/id.hpp twice")

    def test_refuses_an_include_by_a_relative_name(self):
        self.edit("nanospan/span.hpp", lambda text: text + '#include "scope.hpp"\n')
        self.assert_refused('nanospan/span.hpp:', 'includes "scope.hpp"')

    def test_reports_every_violation_on_a_line_of_its_own(self):
        for header in ("nanospan/ring.hpp", "nanospan/id.hpp"):
            self.edit(header, lambda text: text + "#include <nanospan/macros.hpp>\n")
        self.assert_refused("nanospan/ring.hpp:", "nanospan/id.hpp:", lines=2)


if __name__ == "__main__":
    unittest.main()
