#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy as .clang-tidy says, and fails where it finds something.

  run.py PROTO            every header, and those that use them most; PROTO holds the schema's generated headers
  run.py PROTO all        whatever is compiled: the headers, the tests, the benchmarks, the examples
  run.py PROTO FILE...    these only
The headers are read twice: each by itself, through what includes it, and all of them as the single header, for the analyser follows only what
stands in the file that it is given. Two files at a time, as long as there are processors.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIDY = "clang-tidy-19"
SINGLE = "single_include/nanospan.hpp"
FOLDERS = ("tests", "tests/fuzz", "bench", "examples")  # what tests/compile has is odd on purpose
# Catch2's main, and the implementation that tests/implementation.cpp is already.
PASSED_OVER = ("tests/main.cpp", "bench/implementation.cpp")
EVERY_RUN = re.compile(r"(single_include|examples)/|bench/recording\.|tests/(implementation|macros|otlp|otlp_http|provider|span)\.")
# Of the programs that CMakeLists.txt builds.
DEFINITIONS = ('-DNANOSPAN_TEST_PROGRAM=""', '-DNANOSPAN_TEST_HOST=""', '-DNANOSPAN_TEST_TABLE=""', '-DNANOSPAN_TEST_SINK=""', '-DNANOSPAN_TEST_SPOOLER=""', '-DNANOSPAN_TEST_FAULTY_COLLECTOR=""', "-DNANOSPAN_TEST_STACK_BYTES=4096", '-DBENCH_BUILD=""', "-DBENCH_TRACED=1")
FINDING = re.compile(r"^(?P<path>\S+?):(?P<line>\d+):\d+: (?:error|warning): .*\[(?P<checks>[^\]]+)\]$", re.MULTILINE)


def sources(root):
    found = [path.relative_to(root).as_posix() for folder in FOLDERS for path in sorted((root / folder).glob("*.cpp"))]
    # The longest first: two workers then end together.
    first = [SINGLE, "tests/implementation.cpp"]
    return first + [name for name in found if name not in (*first, *PASSED_OVER)]


def flags(root, name, proto):
    chosen = ["-std=c++20", "-pthread", f"-I{root / 'include'}", f"-isystem{proto}", *DEFINITIONS]
    return ["-xc++", "-DNANOSPAN_IMPLEMENTATION", *chosen] if name == SINGLE else chosen


def from_the_sources(root, output):
    """What is said of the single header is said of the header that it was made from."""
    if SINGLE not in output:
        return output
    lines = (root / SINGLE).read_text(encoding="utf-8").splitlines()

    def origin(match):
        at = int(match.group(1)) - 1
        begin = next((i for i in range(at, -1, -1) if lines[i].startswith("// ---- nanospan/")), None)
        if begin is None:
            return match.group(0)
        name = "include/" + lines[begin].split()[2]
        # Lines are left out of it, none are added: not before where it stands there.
        source = (root / name).read_text(encoding="utf-8").splitlines()
        number = next((i + 1 for i in range(at - begin - 1, len(source)) if source[i] == lines[at]), at - begin)
        return f"{root / name}:{number}"

    return re.sub(rf"\S*{re.escape(SINGLE)}:(\d+)", origin, output)


def check(root, name, proto):
    """None, or what clang-tidy says of that file."""
    # Joined headers include again what an earlier one has.
    joined = ["--checks=-readability-duplicate-include"] if name == SINGLE else []
    command = [TIDY, "--quiet", *joined, str(root / name), "--", *flags(root, name, proto)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    said = from_the_sources(root, done.stdout)
    return said if FINDING.search(said) else f"exit {done.returncode}\n{said}{done.stderr}"


def findings(said):
    return {(pathlib.Path(found["path"]).name, check) for found in FINDING.finditer(said or "") for check in found["checks"].split(",") if not check.startswith("-")}


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    proto = pathlib.Path(arguments[0]).resolve()
    if arguments[1:] in ([], ["all"]):
        names = [name for name in sources(ROOT) if arguments[1:] or EVERY_RUN.match(name)]
    else:
        names = [pathlib.Path(name).resolve().relative_to(ROOT).as_posix() for name in arguments[1:]]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as workers:
        for name, said in zip(names, workers.map(lambda name: check(ROOT, name, proto), names)):
            print(f"{'ok    ' if said is None else 'FAILED'} {name}", flush=True)
            if said is not None:
                failed += 1
                print(said, flush=True)
    print(f"{failed} of {len(names)} failed" if failed else f"{len(names)} files, nothing found")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
