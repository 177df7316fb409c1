#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles each block of C++ in the README, and compiles it again with a typo, which must not compile.

A block with a main is a program, any other the body of a function; around.hpp declares what they speak of and do not show. Its own
#includes stand above it. A comment before a block says what else it needs:
  <!-- given: DECLARATIONS -->   before it, at namespace scope
  <!-- at namespace scope -->    it is no function's body
  <!-- compiled by: FILE -->     a test that does more with it than this one
"""
import dataclasses
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "compile"))
from cases import INCLUDE, ROOT, WARNINGS, matrix  # noqa: E402

README = ROOT / "README.md"
BLOCK = re.compile(r"(?:^<!-- (?P<word>[a-z ]+?)(?::\s*(?P<text>.*?))?\s*-->\n\n?)?^```cpp\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
WORDS = {"given", "at namespace scope", "compiled by", None}


@dataclasses.dataclass
class block:
    line: int
    code: str
    word: str | None
    text: str

    @property
    def title(self):
        return f"README.md:{self.line}: {self.code.strip().splitlines()[0].strip()[:60]}"

    def source(self):
        """What is given to the compiler, which speaks of lines of the README."""
        given = f"{self.text}\n" if self.word == "given" else ""
        head = '#include "around.hpp"\n'
        here = f'#line {self.line} "README.md"\n'
        if re.search(r"^int main\(", self.code, re.MULTILINE):
            return f"{head}{given}{here}{self.code}"
        if self.word == "at namespace scope":
            return f"{head}#include <nanospan.hpp>\n{here}{self.code}"
        # Where an #include stood an empty line stays.
        includes = "".join(re.findall(r"^#include.*\n", self.code, re.MULTILINE))
        body = re.sub(r"^#include.*$", "", self.code, flags=re.MULTILINE)
        return f"{head}#include <nanospan.hpp>\n{includes}{given}void in_a_function() {{\n{here}{body}}}\n"


def blocks_of(text):
    found = [block(text.count("\n", 0, match.start("code")) + 1, match["code"], match["word"], match["text"] or "") for match in BLOCK.finditer(text)]
    if len(found) != text.count("```cpp"):
        raise SystemExit(f"README.md has {text.count('```cpp')} blocks of C++, and {len(found)} are found")
    return found


class readme(matrix):
    def all(self):
        for one in blocks_of(README.read_text(encoding="utf-8")):
            if one.word not in WORDS:
                self.case(one.title, f"no such comment: {one.word}")
            elif one.word == "compiled by":
                self.case(one.title, None if (ROOT / one.text).is_file() else f"{one.text} is not there")
            else:
                self.succeeds(one.title, self.compile(one))
                typo = dataclasses.replace(one, code=self.misspelt(one.code))
                self.fails_with(f"{one.title}, with a typo", self.compile(typo), "nanospam_")

    @staticmethod
    def misspelt(code):
        changed, count = re.subn(r"nanospan::|NANOSPAN(?!_TRACER)(?=[_A-Z]*\()", "nanospam_", code, count=1)
        return changed if count else f"{code}nanospam_;\n"

    def compile(self, one):
        (self.directory / "block.cpp").write_text(one.source(), encoding="utf-8")
        return self.run("g++", "-std=c++20", "-fsyntax-only", *WARNINGS, "-Wno-unused", f"-I{INCLUDE}", f"-I{HERE}", "block.cpp")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        sys.exit(readme("readme", directory).conclude())
