# SPDX-License-Identifier: Apache-2.0
"""What the scripts of the compile matrix have in common: cases that hold or fail, and a compiler with the flags of the house."""
import pathlib
import re
import shlex
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
INCLUDE = ROOT / "include"
WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wsign-conversion -Wold-style-cast -Werror".split()


class matrix:
    def __init__(self, title, directory):
        self.title = title
        self.directory = pathlib.Path(directory)
        self.failed = 0

    def run(self, *command, env=None):
        """Like subprocess.run. What has not ended after two minutes hangs, and fails."""
        command = [str(word) for word in command]
        try:
            return subprocess.run(command, cwd=self.directory, env=env, capture_output=True, text=True, check=False, timeout=120)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, -1, "", "does not end")

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

    def all(self):
        raise NotImplementedError

    def conclude(self):
        """The exit code."""
        self.all()
        print(f"{self.failed} failed" if self.failed else "all passed")
        return 1 if self.failed else 0


class compiler_matrix(matrix):
    """`compiler`: its name, and what it is always to be given: "clang++-19 -stdlib=libc++"."""

    def __init__(self, compiler, directory):
        super().__init__(compiler, directory)
        self.compiler = shlex.split(compiler)
        self.flags = ["-std=c++20", "-pthread", *WARNINGS]
        version = self.run(*self.compiler, "--version").stdout
        self.is_clang = "clang" in version
        if re.search(r"clang version 14\.", version):
            self.flags.append("-D__cpp_impl_coroutine=201902L")  # it has coroutines, and does not say so to libstdc++

    def compile(self, source, output, *flags, include=INCLUDE):
        return self.run(*self.compiler, *self.flags, f"-I{include}", *flags, "-c", HERE / source, "-o", output)

    def link(self, output, *inputs):
        return self.run(*self.compiler, "-pthread", *inputs, "-o", output)

    def build(self, output, sources, *flags, include=INCLUDE):
        objects = []
        for source in sources:
            objects.append(f"{pathlib.Path(source).stem}.o")
            done = self.compile(source, objects[-1], *flags, include=include)
            if done.returncode != 0:
                return done
        return self.link(output, *objects)
