#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The compile matrix: what must compile without a warning, what must not compile, what must link and what must not.

  run.py COMPILER [BOOST]   every case with that compiler: g++, or "clang++-19 -stdlib=libc++". BOOST: the headers of another Boost
  run.py headers            what does not depend on the compiler: what the headers include, and the single header
Prints a line a case. It is no full product: each setting meets each compiler at least once, recording and the implementation. What was
compiled runs.
"""
import contextlib
import http.server
import os
import pathlib
import re
import shutil
import sys
import tempfile
import threading

from cases import HERE, INCLUDE, ROOT, WARNINGS, compiler_matrix, matrix

SINGLE = ROOT / "single_include" / "nanospan.hpp"
MARK = "define_NANOSPAN_IMPLEMENTATION_in_one_source_file"
# Too dear for every file; what a std header includes itself is its own affair.
HEAVY = {"iostream", "regex", "functional", "thread", "mutex", "chrono", "memory"}
# How a library checks its callers.
CHECKED = ["-D_GLIBCXX_ASSERTIONS", "-D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_EXTENSIVE"]


@contextlib.contextmanager
def collector():
    """An OTLP collector at a port of its own; yields its address and the requests that it gets: (path, content type, body)."""
    requests = []

    class handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):  # the name is http.server's
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if body:  # else it is asked whether it is there
                requests.append((self.path, self.headers["Content-Type"], body))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    class patient_server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_):  # the question at the start is let go of when there is something to send
            pass

    with patient_server(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", requests
        finally:
            server.shutdown()


class one_compiler(compiler_matrix):
    def __init__(self, compiler, directory, boost=None):
        super().__init__(compiler, directory)
        self.boost = boost
        self.has_libcxx = "-stdlib=libc++" in self.compiler

    def builds_and_runs(self, name, sources, *flags, include=INCLUDE):
        done = self.build("program", sources, *flags, include=include)
        return self.succeeds(name, done if done.returncode != 0 else self.run("./program"))

    def all(self):
        self.recording()
        self.disabled()
        if not self.has_libcxx:  # refused by the compiler, whatever its library
            self.must_fail()
        self.misuse()
        self.shared_library()
        self.implementation()

    def recording(self):
        sources = ["macros.cpp", "second.cpp"]
        self.builds_and_runs("every macro everywhere, -O0", sources, "-O0")
        self.builds_and_runs("the same as C++23 or what comes close, -O1", sources, "-O1", "-std=c++2b")
        self.builds_and_runs("the same from the single header, checked by the library, -O2", sources, "-O2", *CHECKED, include=SINGLE.parent)
        self.builds_and_runs("the same with GNU extensions for this processor, -O3", sources, "-O3", "-march=native", "-std=gnu++20")
        for level in ("-O0", "-O2"):
            self.builds_and_runs(f"without exceptions and RTTI, {level}", ["no_exceptions.cpp"], level, "-fno-exceptions", "-fno-rtti")
            if self.builds_and_runs(f"every macro, disabled, {level}", sources, level, "-DNANOSPAN_ENABLED=0", "-Wno-unused", "-Wno-unused-parameter"):
                names = self.run("nm", "-C", "macros.o", "second.o").stdout
                left = [line for line in names.splitlines() if "nanospan" in line.lower()]
                self.case(f"disabled macros leave no symbol, {level}", "\n".join(left) or None)

    def disabled(self, level="-O2"):
        code = []
        for annotated in (0, 1):
            done = self.compile("disabled.cpp", "disabled.o", level, "-DNANOSPAN_ENABLED=0", f"-DANNOTATED={annotated}")
            if done.returncode != 0:
                return self.succeeds("disabled.cpp", done)
            code.append(self.run("objdump", "-d", "--no-show-raw-insn", "disabled.o").stdout)
        without, disabled = code
        same = without == disabled and "<_Z4work" in without
        return self.case(f"disabled macros leave no instruction, {level}", None if same else f"with:\n{disabled}\nwithout:\n{without}")

    def must_fail(self):
        for source in sorted((HERE / "must_fail").glob("*.cpp")):
            expected = re.search(r"^// expect: (.*)$", source.read_text(encoding="utf-8"), re.MULTILINE).group(1)
            # What is refused is refused by the compiler proper, whatever the warnings.
            syntax = [*self.compiler, *self.flags, "-Wno-error", f"-I{INCLUDE}", "-fsyntax-only", source]
            self.fails_with(f"{source.stem} is refused", self.run(*syntax, "-DCONTROL=0"), re.escape(expected))
            self.succeeds(f"{source.stem}: its control compiles", self.run(*syntax, "-Werror", "-DCONTROL=1"))

    def misuse(self):
        for foreign, what in ((0, "out of order"), (1, "on a foreign thread")):
            self.builds_and_runs(f"a scope that is closed {what} is counted", ["misuse.cpp"], "-O2", "-DNDEBUG", f"-DFOREIGN={foreign}")
            done = self.build("program", ["misuse.cpp"], "-O0", f"-DFOREIGN={foreign}")
            self.fails_with(f"a scope that is closed {what} stops a debug build", done if done.returncode else self.run("./program"), "closed out of order, or on another thread")

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
        level = {"g++": "-O3", "g++-11": "-O2", "clang++": "-O1", "clang++-19": "-O3"}.get(self.title, "-O2")
        # Boost 1.74 asks for std::result_of, which C++20 has taken back, unless it is told of its successor.
        told = ["-DBOOST_ASIO_HAS_STD_INVOKE_RESULT=1"] if self.has_libcxx else []
        self.implemented(f"for this processor, {level}", level, "-march=native", *told)
        shutil.copy(self.directory / "implementation.o", self.directory / "again.o")
        self.fails_with("two implementations are a duplicate symbol", self.link("program", "provider.o", "implementation.o", "again.o"),
                        "multiple definition|duplicate symbol", MARK)
        if self.boost is not None:
            header = (pathlib.Path(self.boost) / "boost" / "version.hpp").read_text(encoding="utf-8")
            version = re.search(r'BOOST_LIB_VERSION "(.*)"', header).group(1)
            # libc++ deprecates in C++23 what Boost uses, and clang says so of a system header, too.
            told = ["-Wno-deprecated-declarations"] if self.has_libcxx else []
            self.implemented(f"as C++23 or what comes close, with Boost {version}, checked by the library, -O0", "-O0", "-std=c++2b", *CHECKED,
                             "-isystem", self.boost, *told)

    def implemented(self, how, *flags):
        """Compiles it, links it to a program, and receives what that sends."""
        if not self.succeeds(f"the implementation {how}", self.compile("implementation.cpp", "implementation.o", *flags)):
            return
        done = self.link("program", "provider.o", "implementation.o")
        with collector() as (address, requests):
            if done.returncode == 0:
                done = self.run("./program", env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": address})
        if self.succeeds(f"it runs {how}", done):
            right = [path == "/v1/traces" and kind == "application/x-protobuf" and b"main" in body and b"compile" in body for path, kind, body in requests]
            self.case(f"its span arrives {how}", None if right == [True] else f"received: {requests}")


class header_checks(matrix):
    def all(self):
        listing = (INCLUDE / "nanospan.hpp").read_text(encoding="utf-8")
        headers = re.findall(r"^#include <(nanospan/.*)>", listing, re.MULTILINE)
        recording = re.findall(r"^#include <(nanospan/.*)>", listing.split("#define NANOSPAN_IMPLEMENTATION_HPP")[0], re.MULTILINE)
        for name in recording:
            self.case(f"{name} includes nothing heavy", self.heavy(name))
        opt_in = [f"nanospan/{path.name}" for path in sorted((INCLUDE / "nanospan").glob("*.hpp")) if f"nanospan/{path.name}" not in headers]
        for name in headers + opt_in:
            self.case(f"{name} stands alone", self.alone(name))
        for name in opt_in:
            self.case(f"{name} beside the single header stands alone", self.alone(name, SINGLE.parent))
        self.case("recording reaches no Boost", self.boost("#include <nanospan.hpp>\n"))
        self.case("the check for Boost sees one", None if self.boost("#include <boost/version.hpp>\n") else "it does not")
        (self.directory / "older.cpp").write_text("#include <nanospan.hpp>\n", encoding="utf-8")
        older = self.run("g++", "-std=c++17", "-Wfatal-errors", f"-I{INCLUDE}", "-fsyntax-only", "older.cpp")
        self.fails_with("before C++20 the first word is what it needs", older, "nanospan needs C\\+\\+20")
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

    def alone(self, name, include=INCLUDE):
        (self.directory / "alone.cpp").write_text(f"#include <{name}>\n#include <{name}>\n", encoding="utf-8")
        done = self.run("g++", "-std=c++20", *WARNINGS, f"-I{include}", "-fsyntax-only", "alone.cpp")
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
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        tested = header_checks("headers", directory) if arguments == ["headers"] else one_compiler(arguments[0], directory, *arguments[1:])
        return tested.conclude()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
