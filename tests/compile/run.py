#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The compile matrix: what must compile without a warning, what must not compile, what must link and what must not.

  run.py g++        every case with that compiler, at -O0 and -O2
  run.py headers    what does not depend on the compiler: what the headers include, and the single header
Prints a line a case. The implementation compiles against Boost's headers where the compiler finds them.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
INCLUDE = ROOT / "include"
SINGLE = ROOT / "single_include" / "nanospan.hpp"
WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wsign-conversion -Wold-style-cast -Werror".split()
MARK = "define_NANOSPAN_IMPLEMENTATION_in_one_source_file"
# Too dear for every file; what a std header includes itself is its own affair.
HEAVY = {"iostream", "regex", "functional", "thread", "mutex", "chrono"}


class matrix:
    def __init__(self, title, directory):
        self.title = title
        self.directory = pathlib.Path(directory)
        self.failed = 0

    def run(self, *command, env=None):
        command = [str(word) for word in command]
        return subprocess.run(command, cwd=self.directory, env=env, capture_output=True, text=True, check=False)

    def case(self, name, problem):
        """A problem is None or what went wrong."""
        print(f"{'ok    ' if problem is None else 'FAILED'} {self.title} {name}", flush=True)
        if problem is not None:
            self.failed += 1
            print("".join(f"       | {line}\n" for line in problem.strip().splitlines()[:40]), flush=True)
        return problem is None

    def succeeds(self, name, done):
        return self.case(name, None if done.returncode == 0 else f"exit {done.returncode}\n{done.stdout}{done.stderr}")

    def fails_with(self, name, done, *texts):
        output = done.stdout + done.stderr
        if done.returncode == 0:
            return self.case(name, "succeeded, and must not")
        missing = [text for text in texts if not re.search(text, output)]
        return self.case(name, None if not missing else f"does not say {missing}\n{output}")


class one_compiler(matrix):
    def __init__(self, compiler, directory):
        super().__init__(compiler, directory)
        self.compiler = compiler
        self.flags = ["-std=c++20", "-pthread", *WARNINGS]
        version = self.run(compiler, "--version").stdout
        if re.search(r"clang version 14\.", version):
            self.flags.append("-D__cpp_impl_coroutine=201902L")  # it has coroutines, and does not say so to libstdc++

    def compile(self, source, output, *flags, include=INCLUDE):
        return self.run(self.compiler, *self.flags, f"-I{include}", *flags, "-c", HERE / source, "-o", output)

    def link(self, output, *inputs):
        return self.run(self.compiler, "-pthread", *inputs, "-o", output)

    def builds_and_runs(self, name, sources, *flags, include=INCLUDE):
        objects = []
        for source in sources:
            objects.append(f"{pathlib.Path(source).stem}.o")
            done = self.compile(source, objects[-1], *flags, include=include)
            if done.returncode != 0:
                return self.succeeds(name, done)
        done = self.link("program", *objects)
        return self.succeeds(name, done if done.returncode != 0 else self.run("./program"))

    def all(self):
        for level in ("-O0", "-O2"):
            self.recording(level)
        self.disabled()
        self.must_fail()
        self.shared_library()
        self.implementation()

    def recording(self, level):
        sources = ["macros.cpp", "second.cpp"]
        self.builds_and_runs(f"{level} every macro everywhere", sources, level)
        self.builds_and_runs(f"{level} the same from the single header", sources, level, include=SINGLE.parent)
        self.builds_and_runs(f"{level} the same as C++23 or what comes close", sources, level, "-std=c++2b")
        self.builds_and_runs(f"{level} the same with GNU extensions", sources, level, "-std=gnu++20")
        self.builds_and_runs(f"{level} without exceptions and RTTI", ["no_exceptions.cpp"], level, "-fno-exceptions", "-fno-rtti")
        if self.builds_and_runs(f"{level} every macro, disabled", sources, level, "-DNANOSPAN_ENABLED=0", "-Wno-unused", "-Wno-unused-parameter"):
            names = self.run("nm", "-C", "macros.o", "second.o").stdout
            left = [line for line in names.splitlines() if "nanospan" in line.lower()]
            self.case(f"{level} disabled macros leave no symbol", "\n".join(left) or None)

    def disabled(self, level="-O2"):
        code = []
        for annotated in (0, 1):
            done = self.compile("disabled.cpp", "disabled.o", level, "-DNANOSPAN_ENABLED=0", f"-DANNOTATED={annotated}")
            if done.returncode != 0:
                return self.succeeds("disabled.cpp", done)
            code.append(self.run("objdump", "-d", "--no-show-raw-insn", "disabled.o").stdout)
        without, disabled = code
        same = without == disabled and "<_Z4work" in without
        return self.case(f"{level} disabled macros leave no instruction", None if same else f"with:\n{disabled}\nwithout:\n{without}")

    def must_fail(self):
        for source in sorted((HERE / "must_fail").glob("*.cpp")):
            expected = re.search(r"^// expect: (.*)$", source.read_text(encoding="utf-8"), re.MULTILINE).group(1)
            # What is refused is refused by the compiler proper, whatever the warnings.
            syntax = [self.compiler, *self.flags, "-Wno-error", f"-I{INCLUDE}", "-fsyntax-only", source]
            self.fails_with(f"{source.stem} is refused", self.run(*syntax, "-DCONTROL=0"), re.escape(expected))
            self.succeeds(f"{source.stem}: its control compiles", self.run(*syntax, "-Werror", "-DCONTROL=1"))

    def shared_library(self):
        hidden = ["-O2", "-fPIC", "-fvisibility=hidden", "-fvisibility-inlines-hidden"]
        for output, library in (("library.o", 1), ("user.o", 0)):
            done = self.compile("library.cpp", output, *hidden, f"-DLIBRARY={library}")
            if done.returncode != 0:
                return self.succeeds("a shared library with hidden visibility", done)
        done = self.link("libwork.so", "-shared", "library.o")
        if done.returncode == 0:
            done = self.link("user", "user.o", "libwork.so", "-Wl,-rpath,.")
        return self.succeeds("a shared library with hidden visibility records with the program", done if done.returncode else self.run("./user"))

    def implementation(self):
        if not self.succeeds("a provider without the implementation in its file", self.compile("provider.cpp", "provider.o", "-O0")):
            return
        self.fails_with("forgetting the implementation says what to do", self.link("program", "provider.o"), MARK)
        for level in ("-O3", "-O2", "-O0"):
            if not self.succeeds(f"{level} the implementation", self.compile("implementation.cpp", "implementation.o", level)):
                return
        shutil.copy(self.directory / "implementation.o", self.directory / "again.o")
        self.fails_with("two implementations are a duplicate symbol", self.link("program", "provider.o", "implementation.o", "again.o"),
                        "multiple definition|duplicate symbol", MARK)
        if self.succeeds("one implementation links", self.link("program", "provider.o", "implementation.o")):
            self.succeeds("and runs", self.run("./program", env={"OTEL_TRACES_EXPORTER": "none"}))


class header_checks(matrix):
    def all(self):
        listing = (INCLUDE / "nanospan.hpp").read_text(encoding="utf-8")
        headers = re.findall(r"^#include <(nanospan/.*)>", listing, re.MULTILINE)
        recording = re.findall(r"^#include <(nanospan/.*)>", listing.split("#define NANOSPAN_IMPLEMENTATION_HPP")[0], re.MULTILINE)
        for name in recording:
            self.case(f"{name} includes nothing heavy", self.heavy(name))
        for name in headers:
            self.case(f"{name} stands alone", self.alone(name))
        self.case("recording reaches no Boost", self.boost("#include <nanospan.hpp>\n"))
        self.case("the check for Boost sees one", None if self.boost("#include <boost/version.hpp>\n") else "it does not")
        self.alone_in_a_folder()

    @staticmethod
    def heavy(name):
        text = (INCLUDE / name).read_text(encoding="utf-8")
        found = [other for other in re.findall(r'^\s*#\s*include\s*[<"]([^>"]*)[>"]', text, re.MULTILINE)
                 if other in HEAVY or other.startswith("boost/")]
        return f"includes {', '.join(found)}" if found else None

    def boost(self, text):
        (self.directory / "reach.cpp").write_text(text, encoding="utf-8")
        done = self.run("g++", "-std=c++20", f"-I{INCLUDE}", "-M", "reach.cpp")
        paths = [path for path in done.stdout.split() if "/boost/" in path]
        return done.stderr if done.returncode else "\n".join(paths) or None

    def alone(self, name):
        (self.directory / "alone.cpp").write_text(f"#include <{name}>\n#include <{name}>\n", encoding="utf-8")
        done = self.run("g++", "-std=c++20", *WARNINGS, f"-I{INCLUDE}", "-fsyntax-only", "alone.cpp")
        return done.stderr if done.returncode else None

    def alone_in_a_folder(self):
        name = "the single header alone in a folder builds a program that traces"
        if not SINGLE.is_file():
            self.case(name, "single_include/nanospan.hpp is missing")
            return
        shutil.copy(SINGLE, self.directory)
        # Included before, as through another header of the program.
        source = '#include "nanospan.hpp"\n#define NANOSPAN_IMPLEMENTATION\n' + (HERE / "provider.cpp").read_text(encoding="utf-8").replace("<nanospan.hpp>", '"nanospan.hpp"')
        (self.directory / "main.cpp").write_text(source, encoding="utf-8")
        done = self.run("g++", "-std=c++20", "main.cpp", "-pthread")
        if done.returncode == 0:
            done = self.run("./a.out", env={"OTEL_TRACES_EXPORTER": "console"})
            if done.returncode == 0 and "main" not in done.stdout:
                done.returncode = 1
        self.succeeds(name, done)


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        tested = (header_checks if arguments[0] == "headers" else one_compiler)(arguments[0], directory)
        tested.all()
    print(f"{tested.failed} failed" if tested.failed else "all passed")
    return 1 if tested.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
