# SPDX-License-Identifier: Apache-2.0
"""What including costs the compiler: seconds of processor time and peak memory. Files that are compared are compiled in turns, so that what the machine
does to one it does to the other."""
import os
import pathlib
import subprocess
import tempfile

import rows

HERE = pathlib.Path(__file__).resolve().parent
SECTION = "Compile time, -O2"
SOURCES = {
    "empty": "",
    "included": "#include <nanospan.hpp>\n",
    "one span": '#include <nanospan.hpp>\nint work(int n) {\n  NANOSPAN("work", {"n", n});\n  return n + 1;\n}\n',
    "implementation": "#define NANOSPAN_IMPLEMENTATION\n#include <nanospan.hpp>\n",
    "client": (HERE / "beast_post.cpp").read_text(encoding="utf-8"),
}


def compile_once(compiler, source, directory):
    """Seconds of processor time, in user mode, and MiB."""
    path = pathlib.Path(directory) / "source.cpp"
    path.write_text(source, encoding="utf-8")
    command = [compiler, "-std=c++20", "-O2", "-pthread", f"-I{HERE.parent / 'include'}", "-c", str(path), "-o", f"{path}.o"]
    with subprocess.Popen(command) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"exit {process.returncode}: {' '.join(command)}")
    return usage.ru_utime, usage.ru_maxrss / 1024


def one_run(compiler, directory):
    seconds, mebibytes = {}, {}
    for name, source in SOURCES.items():
        seconds[name], mebibytes[name] = compile_once(compiler, source, directory)

    def row(name, value, unit, bar=""):
        return rows.sample(SECTION, name, value, unit, bar)
    return [
        row("<nanospan.hpp> in a source file, over an empty one", seconds["included"] - seconds["empty"], "s", "<= 0.35"),
        row("with one span, over an empty one", seconds["one span"] - seconds["empty"], "s"),
        row("the implementation", seconds["implementation"], "s"),
        row("the smallest synchronous Beast POST", seconds["client"], "s"),
        row("the implementation, over that POST", seconds["implementation"] / seconds["client"], "×", "<= 1.3"),
        row("<nanospan.hpp>: peak memory, over an empty one", mebibytes["included"] - mebibytes["empty"], "MiB"),
        row("the implementation: peak memory", mebibytes["implementation"], "MiB"),
        row("that POST: peak memory", mebibytes["client"], "MiB"),
    ]


def measure(compiler):
    with tempfile.TemporaryDirectory() as directory:
        return one_run(compiler, directory)
