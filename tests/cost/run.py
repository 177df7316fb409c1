#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What nanospan costs, counted and not timed, against figures.txt, so that no slower hot path lands unseen.

  run.py [COMPILER...]           compares; fails where a figure is off by more than its tolerance, for better or worse
  run.py --write [COMPILER...]   writes the compilers' columns of figures.txt
  run.py --print [COMPILER]      prints lines of name, value, unit and bar (empty: none), with tabs between
The compilers are g++ and clang++ unless named; for --print it is g++. Needs valgrind.
"""
import collections
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TABLE = HERE / "figures.txt"
COMPILERS = ("g++", "clang++")
# As a user compiles a release; and nothing of the folder that this lies in, nor of the environment, reaches what is counted.
FLAGS = ["-std=c++20", "-O2", "-DNDEBUG", "-pthread", *"-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wsign-conversion -Wold-style-cast -Werror".split()]
ALLOCATE = re.compile(r"(__libc_|__)?(malloc|calloc|realloc|memalign|aligned_alloc|posix_memalign)")
READ_CLOCK = re.compile(r"(__)?clock_gettime(@.*)?")
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C"}


@dataclasses.dataclass(frozen=True)
class section:
    """Figures of one unit. A figure may be off by `share` of the table's, or by `least`."""
    unit: str
    decimals: int = 0
    share: float = 0
    least: float = 0
    anywhere: bool = False  # holds whatever the versions of compiler and libraries: always compared

    def holds(self, value, before):
        return abs(value - before) <= max(before * self.share, self.least) + 1e-9

    def text(self, value):
        return f"{value:.{self.decimals}f}"

    def tolerance(self):
        return f"{self.share:.0%}" if self.share else f"{self.least:g}" if self.least else "none"


# Recording is counted to the instruction, each time the same. Draining reads clocks, and goes a few instructions this way or that.
INSTRUCTIONS = section("instructions a span", decimals=1, least=0.5)
DRAINING = section("instructions a span in the background", share=0.01)
ALLOCATIONS = section("allocations a span", decimals=3, anywhere=True)
SYSTEM_CALLS = section("system calls a span", decimals=3, anywhere=True)
RING = section("bytes of the ring a span", decimals=1, anywhere=True)
WIRE = section("bytes on the wire a span", decimals=1, anywhere=True)
CODE = section("bytes of machine code a call site", decimals=1, least=1)
CONSTANTS = section("bytes of constants a call site", decimals=1, least=1)
UNWINDING = section("bytes of unwinding tables a call site", decimals=1, least=4)
LINES = section("preprocessed lines", share=0.05)
HEADERS = section("standard headers that what records includes", anywhere=True)
SECTIONS = (INSTRUCTIONS, DRAINING, ALLOCATIONS, SYSTEM_CALLS, RING, WIRE, CODE, CONSTANTS, UNWINDING, LINES, HEADERS)

# The numbers to hold.
BARS = {
    (ALLOCATIONS, "whatever is recorded"): 0,
    (SYSTEM_CALLS, "whatever is recorded"): 0,
    (CODE, "call site, 2 attributes"): 200,
    (CODE, "call site, 2 attributes, compiled out"): 0,
    (CONSTANTS, "call site, 2 attributes, compiled out"): 0,
}


def run(*command, directory):
    try:
        done = subprocess.run([str(word) for word in command], cwd=directory, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SystemExit(f"{command[0]} is not here") from None
    if done.returncode != 0:
        raise SystemExit(f"exit {done.returncode}: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


class measurement:
    """All figures of one compiler: {(section, name): value}."""

    def __init__(self, compiler, directory):
        self.compiler = compiler
        self.directory = directory
        self.figures = {}
        self.toolchain = self.identify()
        self.spans()
        self.call_sites()
        self.included()

    def add(self, of, name, value):
        self.figures[of, name] = float(of.text(value))

    def compile(self, source, output, *flags):
        run(self.compiler, *FLAGS, f"-I{ROOT / 'include'}", f"-I{ROOT / 'bench'}", *flags, "-c", source, "-o", output, directory=self.directory)

    def preprocess(self, text, *flags):
        (self.directory / "included.cpp").write_text(text, encoding="utf-8")
        return run(self.compiler, "-std=c++20", f"-I{ROOT / 'include'}", "-E", *flags, "included.cpp", directory=self.directory)

    def identify(self):
        macros = dict(re.findall(r"^#define (\w+) (.*)$", self.preprocess("#include <cstddef>\n", "-dM"), re.MULTILINE))
        version = macros.get("__clang_version__", macros["__VERSION__"]).strip('" ')
        machine = run(self.compiler, "-dumpmachine", directory=self.directory).split("-")[0]
        if re.search(r"^flags.* avx2 ", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE):
            machine += " with AVX2"  # the most that valgrind imitates; the C library's functions are chosen by it
        return f"{version}, libstdc++ {macros.get('__GLIBCXX__', '?')}, glibc {macros.get('__GLIBC__', '?')}.{macros.get('__GLIBC_MINOR__', '?')}, {machine}"

    # ---- spans -----------------------------------------------------------------------------------------------------------------

    def spans(self):
        self.compile(HERE / "spans.cpp", "spans.o")
        self.compile(HERE.parent / "implementation.cpp", "implementation.o")
        run(self.compiler, "-pthread", "-Wl,-z,now", "spans.o", "implementation.o", "-o", "spans", directory=self.directory)
        bytes_of = run("valgrind", "-q", "--tool=callgrind", "--collect-systime=yes", "--combine-dumps=yes", "--compress-strings=no",
                       "--compress-pos=no", "--callgrind-out-file=profile", "./spans", directory=self.directory)
        for kind, name, value in re.findall(r"^(ring|wire)\t(.*)\t(.*)$", bytes_of, re.MULTILINE):
            self.add(RING if kind == "ring" else WIRE, name, float(value))
        counted = self.counted((self.directory / "profile").read_text(encoding="utf-8"))
        for name, expected in (("nothing", (0, 0)), ("one allocation", (1, 0)), ("one system call", (0, 1))):
            seen = counted.pop(name)
            if tuple(map(round, seen[1:])) != expected or (name == "nothing" and seen[0] > 4):
                raise SystemExit(f"who counts does not see right: {name} is {seen} instructions, allocations, system calls")
        recorded = [each for name, each in counted.items() if not name.startswith("drained")]
        self.add(ALLOCATIONS, "whatever is recorded", max(allocations for _, allocations, _ in recorded))
        self.add(SYSTEM_CALLS, "whatever is recorded", max(system_calls for _, _, system_calls in recorded))
        for name, (instructions, allocations, system_calls) in counted.items():
            if not name.startswith("drained"):
                self.add(INSTRUCTIONS, name, instructions)
                continue
            self.add(DRAINING, name, instructions)
            self.add(ALLOCATIONS, name, allocations)
            self.add(SYSTEM_CALLS, name, system_calls)

    @classmethod
    def counted(cls, profile):
        """{case: (instructions, allocations, system calls), each a span}: what twice as many spans cost more."""
        sums = collections.defaultdict(dict)
        for part in re.split(r"^part: ", profile, flags=re.MULTILINE)[1:]:
            label = re.search(r"^desc: Trigger: Client Request: (.*)/(\d+)$", part, re.MULTILINE)
            if label is None:
                continue
            sums[label.group(1)][int(label.group(2))] = cls.sums_of(part)
        each = {}
        for name, by_times in sums.items():
            few, many = sorted(by_times)
            each[name] = tuple((b - a) / (many - few) for a, b in zip(by_times[few], by_times[many]))
        return each

    @staticmethod
    def sums_of(part):
        """Instructions, allocations, system calls. Callgrind's format: after `fn=` its lines, `position instructions system-calls time`, zeros at
        the end left out; after `calls=` a line of what the callee took. With debugging symbols a function may be seen by its other name."""
        instructions = allocations = system_calls = 0
        function = callee = ""
        of_callee = False
        for line in part.splitlines():
            if line.startswith("fn="):
                function = line[3:]
            elif line.startswith("cfn="):
                callee = line[4:]
            elif line.startswith("calls="):
                allocations += int(line[6:].split()[0]) if ALLOCATE.fullmatch(callee) else 0
                of_callee = True
            elif line[:1].isdigit() and of_callee:
                of_callee = False
            elif line[:1].isdigit():
                _, instructions_here, system_calls_here, *_ = *map(int, line.split()), 0, 0
                instructions += instructions_here
                # Without valgrind it is none: the kernel lends the program the code.
                system_calls += 0 if READ_CLOCK.fullmatch(function) else system_calls_here
        return instructions, allocations, system_calls

    # ---- call sites ------------------------------------------------------------------------------------------------------------

    def call_sites(self):
        without = self.bytes_a_site(0, 0)
        for name, attributes, enabled in (("no attributes", 0, 1), ("2 attributes", 2, 1), ("4 attributes", 4, 1), ("2 attributes, compiled out", 2, 0)):
            added = self.bytes_a_site(1, attributes, f"-DNANOSPAN_ENABLED={enabled}")
            for of in (CODE, CONSTANTS, UNWINDING):
                self.add(of, f"call site, {name}", added[of] - without[of])

    def bytes_a_site(self, annotated, attributes, *flags):
        few, many = (self.bytes_of_sites(count, annotated, attributes, *flags) for count in (8, 16))
        return {of: (many[of] - few[of]) / 8 for of in (CODE, CONSTANTS, UNWINDING)}

    def bytes_of_sites(self, count, annotated, attributes, *flags):
        # Unaligned: an instruction more must not hide in padding.
        self.compile(HERE / "call_sites.cpp", "sites.o", "-falign-functions=1", f"-DSITES={count}", f"-DANNOTATED={annotated}",
                     f"-DATTRIBUTES={attributes}", *flags)
        total = collections.Counter()
        for name, size in re.findall(r"^(\.\S+)\s+(\d+)\s", run("size", "-A", "-d", "sites.o", directory=self.directory), re.MULTILINE):
            if name.startswith(".text"):
                total[CODE] += int(size)
            elif name.startswith((".rodata", ".data")):
                total[CONSTANTS] += int(size)
            elif name.startswith((".eh_frame", ".gcc_except_table")):
                total[UNWINDING] += int(size)
        return total

    # ---- what an include brings -----------------------------------------------------------------------------------------------

    def included(self):
        lines = collections.Counter()
        ours = set()
        file = ""
        for line in self.preprocess("#include <nanospan.hpp>\n").splitlines():
            if marker := re.match(r'# \d+ "(.*)"', line):
                file = marker.group(1)
                if self.is_ours(file):
                    ours.add(file)
            elif line.strip():
                lines[f"<nanospan.hpp>, {'ours' if self.is_ours(file) else 'of the standard library'}"] += 1
        for name, count in lines.items():
            self.add(LINES, name, count)
        headers = set()
        for path in ours:
            headers.update(re.findall(r"^\s*#\s*include\s*<(?!nanospan)([^>]*)>", pathlib.Path(path).read_text(encoding="utf-8"), re.MULTILINE))
        for name in sorted(headers):
            self.add(HEADERS, f"<{name}>", 1)

    @staticmethod
    def is_ours(path):
        return path.startswith(str(ROOT / "include"))


# ---- the table -----------------------------------------------------------------------------------------------------------------

class table:
    """toolchains: {compiler: versions}; figures: {compiler: {(section, name): value}}."""

    def __init__(self):
        self.toolchains = {}
        self.figures = collections.defaultdict(dict)

    @classmethod
    def read(cls):
        made = cls()
        of = None
        for line in TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else ():
            if toolchain := re.match(r"#   (\S+) +(\S.*)$", line):
                made.toolchains[toolchain.group(1)] = toolchain.group(2)
            elif title := re.match(r"\[(.*)\]", line):
                of = next((each for each in SECTIONS if each.unit == title.group(1)), None)
            elif line and not line.startswith("#") and of is not None:
                name, *values = re.split(r"  +", line)
                for compiler, value in zip(COMPILERS, values):
                    if value != "-":
                        made.figures[compiler][of, name] = float(value)
        return made

    def write(self):
        names = collections.defaultdict(dict)  # in the order of measuring
        for figures in self.figures.values():
            for of, name in figures:
                names[of][name] = None
        text = HEAD + "".join(f"#   {compiler:8}  {self.toolchains[compiler]}\n" for compiler in COMPILERS if compiler in self.toolchains)
        for of in SECTIONS:
            text += f"\n[{of.unit}]  tolerance: {of.tolerance()}{'; compared whatever the versions' if of.anywhere else ''}\n" + f"{'#':44}" + "".join(f"  {compiler:>9}" for compiler in COMPILERS) + "\n"
            for name in names[of]:
                values = [self.figures[compiler].get((of, name)) for compiler in COMPILERS]
                line = f"{name:44}" + "".join(f"  {'-' if value is None else of.text(value):>9}" for value in values)
                if (bar := BARS.get((of, name))) is not None:
                    line += f"  bar {bar}" + (", not held" if any(figures.get((of, name), 0) > bar for figures in self.figures.values()) else "")
                text += line + "\n"
        TABLE.write_text(text, encoding="utf-8")


HEAD = """\
# SPDX-License-Identifier: Apache-2.0
#
# What nanospan costs, counted and not timed. `tests/cost/run.py --write` writes this file, `tests/cost/run.py` compares: a figure that is
# off by more than its tolerance fails, a better one too, or the next loss would hide in the gain. Where it is meant, write the file, and
# say in the commit why.
#
# Instructions, callees included, are counted by callgrind on the processor that it imitates, with the loop around the spans. What a drained
# span allocates is its share of a batch of 512. Call sites: what a span adds to a function at -O2, functions unaligned. To
# pass a bar fails at once; one that is not held yet is marked.
#
# With other versions than these, only what does not depend on them is compared:
"""


def compare(measured, expected):
    """Prints what is off; how many figures are."""
    compiler = measured.compiler
    known = expected.toolchains.get(compiler)
    same = known == measured.toolchain
    if not same:
        print(f"{compiler} is {measured.toolchain}; figures.txt knows {known or 'no such compiler'}: what depends on versions is shown, not compared")
    against = expected.figures[compiler if known else COMPILERS[0]]
    off = compared = 0
    for of, name in {**against, **measured.figures}:
        value, before = measured.figures.get((of, name)), against.get((of, name))
        problem = difference(of, name, value, before)
        if not same and not of.anywhere:
            print(f"shown   {compiler}, {name}: {'none' if value is None else of.text(value)} {of.unit}; figures.txt: {'none' if before is None else of.text(before)}")
            continue
        compared += 1
        if problem is not None:
            off += 1
            print(f"FAILED  {compiler}, {name}: {problem}")
    print(f"{compiler}: {compared} figures compared, {off} off")
    return off


def difference(of, name, value, before):
    if value is None:
        return f"in figures.txt ({of.text(before)} {of.unit}), and here no more"
    if before is None:
        return f"{of.text(value)} {of.unit}, and not in figures.txt"
    bar = BARS.get((of, name))
    if bar is not None and value > bar >= before:
        return f"{of.text(value)} {of.unit}: over the bar, which is {bar}"
    if not of.holds(value, before):
        return f"{of.text(value)} {of.unit}: {'worse' if value > before else 'better'} than {of.text(before)} in figures.txt; tolerance: {of.tolerance()}"
    return None


def measure(compiler):
    with tempfile.TemporaryDirectory() as directory:
        return measurement(compiler, pathlib.Path(directory))


def show(figures):
    for (of, name), value in sorted(figures.items(), key=lambda figure: SECTIONS.index(figure[0][0])):
        if of is not HEADERS:
            print(name, of.text(value), of.unit, BARS.get((of, name), ""), sep="\t")
    print("<nanospan.hpp>", sum(of is HEADERS for of, _ in figures), HEADERS.unit, "", sep="\t")


def main(arguments):
    options = [word for word in arguments if word.startswith("-")]
    compilers = [word for word in arguments if not word.startswith("-")]
    if options not in ([], ["--write"], ["--print"]):
        print(__doc__, file=sys.stderr)
        return 2
    if options == ["--print"]:
        show(measure(*(compilers or COMPILERS[:1])).figures)
        return 0
    expected = table.read()
    off = 0
    for compiler in compilers or COMPILERS:
        measured = measure(compiler)
        if options == ["--write"]:
            if compiler not in COMPILERS:
                raise SystemExit(f"figures.txt has no column for {compiler}")
            expected.toolchains[compiler] = measured.toolchain
            expected.figures[compiler] = measured.figures
        else:
            off += compare(measured, expected)
    if options == ["--write"]:
        expected.write()
    elif off:
        print("where that is meant: tests/cost/run.py --write, and say in the commit why")
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
