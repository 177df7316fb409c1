#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of run.py and of .clang-tidy: what must be found is found, where it stands; and our macros leave a user's clang-tidy silent."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import run  # noqa: E402

HEADER = """#pragma once
#include <string>
#include <utility>
struct text {
  std::string letters;
};
inline int used(text given) {
  text const taken{std::move(given)};
  return static_cast<int>(taken.letters.size());
}
"""
# What is wrong, the check that says so, and where.
WRONG = (
    ("a moved value that is used", "bugprone-use-after-move", "inline int twice(text given) { return used(std::move(given)) + static_cast<int>(given.letters.size()); }"),
    ("a value that is copied for nothing", "performance-unnecessary-value-param", "inline bool empty(text given) noexcept { return given.letters.empty(); }"),
    ("a name of another style", "readability-identifier-naming", "inline bool IsEmpty(text const& given) noexcept { return given.letters.empty(); }"),
    ("a variable that is only read", "misc-const-correctness", "inline int one() noexcept {\n  int number = 1;\n  return number;\n}"),
    ("a conversion that nobody asked for", "google-explicit-constructor", "struct number {\n  number(int with) noexcept : value{with} {}\n  int value;\n};"),
    ("a null pointer where nothing looks", "clang-analyzer-core.NullDereference",
     "inline int at(int const* where) noexcept {\n  if (where != nullptr) return 1;\n  return *where;\n}"),
    ("a function that is not for threads", "concurrency-mt-unsafe", "inline char const* home() noexcept { return std::getenv(\"HOME\"); }"),
)
NOT_OF_CPP = "-altera-*,-fuchsia-*,-llvmlibc-*,-abseil-*,-llvm-header-guard"  # other projects' rules


class scratch(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.root = pathlib.Path(made.name).resolve()
        for name in ("include/nanospan", "single_include", "tests"):
            (self.root / name).mkdir(parents=True)
        for name in (".clang-tidy", "tests/.clang-tidy"):
            shutil.copy(run.ROOT / name, self.root / name)
        (self.root / "tests/unit.cpp").write_text("#include <nanospan/text.hpp>\n", encoding="utf-8")

    def write(self, header):
        (self.root / "include/nanospan/text.hpp").write_text(header, encoding="utf-8")
        marked = "// ---- nanospan/text.hpp ----\n" + header.replace("#pragma once\n", "")
        (self.root / run.SINGLE).write_text(marked, encoding="utf-8")

    def check(self, name):
        return run.check(self.root, name, self.root)

    def test_what_is_right_passes(self):
        self.write(HEADER)
        self.assertIsNone(self.check(run.SINGLE))
        self.assertIsNone(self.check("tests/unit.cpp"))

    def test_what_is_wrong_is_found_where_the_header_has_it(self):
        self.write(HEADER.replace("#include <string>", "#include <cstdlib>\n#include <string>") + "".join(f"{code}\n" for _, _, code in WRONG))
        said = self.check(run.SINGLE)
        found = run.findings(said)
        for name, check, _ in WRONG:
            with self.subTest(name):
                self.assertIn(("text.hpp", check), found)
        line = (self.root / "include/nanospan/text.hpp").read_text(encoding="utf-8").splitlines().index(WRONG[2][2]) + 1
        self.assertIn(f"include/nanospan/text.hpp:{line}:", said)

    def test_a_header_is_looked_at_through_what_includes_it(self):
        self.write(HEADER + WRONG[2][2] + "\n")
        self.assertEqual(run.findings(self.check("tests/unit.cpp")), {("text.hpp", WRONG[2][1])})

    def test_what_does_not_compile_is_a_failure(self):
        self.write("#include <no_such_header>\n")
        self.assertIn("no_such_header", self.check(run.SINGLE))


class ours(unittest.TestCase):
    def test_annotations_leave_a_users_clang_tidy_silent(self):
        command = [run.TIDY, "--quiet", f"--config={{Checks: '*,{NOT_OF_CPP}', WarningsAsErrors: '*', HeaderFilterRegex: '^$'}}",
                   "annotated.cpp", "--", "-std=c++20", f"-I{run.ROOT / 'include'}"]
        done = subprocess.run(command, cwd=pathlib.Path(__file__).resolve().parent, capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_every_header_is_in_what_is_checked(self):
        single = (run.ROOT / run.SINGLE).read_text(encoding="utf-8")
        for path in sorted((run.ROOT / "include/nanospan").rglob("*.hpp")):
            name = path.relative_to(run.ROOT / "include").as_posix()
            with self.subTest(name):
                included = any(f"<{name}>" in (run.ROOT / source).read_text(encoding="utf-8") for source in run.sources(run.ROOT))
                self.assertTrue(f"// ---- {name} " in single or included)


if __name__ == "__main__":
    unittest.main()
