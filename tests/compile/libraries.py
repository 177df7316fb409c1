#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs of several parts, each instrumented: static libraries, a shared one, plugins, in the ways in which they are built and loaded.

  libraries.py COMPILER    builds them with it, runs them, and prints a line a case
"""
import sys
import tempfile

from cases import compiler_matrix

SOURCES = "libraries/"
HIDDEN = ["-fvisibility=hidden", "-fvisibility-inlines-hidden"]
OF_A_PROGRAM = ["one static library", "other static library"]


class libraries(compiler_matrix):
    def all(self):
        done = self.compile("implementation.cpp", "implementation.o", "-O1", "-fPIC")
        if not self.succeeds("the implementation", done):
            return
        for name, flags in (("", []), (", hidden", HIDDEN)):
            self.parts(name, flags)
            self.unloading(name, flags)
        self.carried_by_a_library()
        self.linked_statically()
        if not self.is_clang:  # whose own needs a linker that is not always there
            self.optimised_at_link_time()

    def part(self, title, output, *flags, function=None):
        """Compiles one part: `title` is its span's name, and with underscores its function's, if that has no other."""
        return self.compile(SOURCES + "part.cpp", output, "-O1", *flags, f"-DPART={function or title.replace(' ', '_')}", f'-DTITLE="{title}"')

    def first_failure(self, *steps):
        """Runs them in order, up to one that fails; what the last one has done."""
        done = None
        for step in steps:
            done = step()
            if done.returncode != 0:
                break
        return done

    def static_libraries(self, *flags):
        for title, archive in zip(OF_A_PROGRAM, ("libone.a", "libother.a")):
            done = self.part(title, "part.o", *flags)
            if done.returncode == 0:
                done = self.run("gcc-ar" if "-flto" in flags else "ar", "rcs", archive, "part.o")
            if done.returncode != 0:
                break
        return done

    def shared(self, title, output, *flags, linked=(), function=None):
        return self.first_failure(lambda: self.part(title, "part.o", "-fPIC", *flags, function=function),
                                  lambda: self.link(output, "-shared", *flags, "part.o", *linked))

    def program(self, *flags, linked=("implementation.o",)):
        return self.first_failure(
            lambda: self.static_libraries(*flags),
            lambda: self.compile(SOURCES + "program.cpp", "program.o", "-O1", *flags),
            lambda: self.link("program", *flags, "program.o", "libone.a", "libother.a", *linked, "-Wl,-rpath,.", "-ldl"))

    def parts(self, name, flags):
        built = self.first_failure(
            lambda: self.shared("shared library", "libshared.so", *flags),
            lambda: self.program(*flags, linked=["implementation.o", "libshared.so"]),
            lambda: self.shared("plugin", "plugin.so", *flags),
            lambda: self.shared("plugin", "symbolic.so", *flags, linked=["-Wl,-Bsymbolic"]))
        if not self.succeeds(f"a program of five parts{name}", built):
            return
        for how in ("now", "lazy"):
            self.succeeds(f"one trace and one account across five parts{name}, the plugin loaded {how}", self.run("./program", "plugin.so", how))
        # g++ makes one per process of what is shared, whatever is asked for. clang does not: such a plugin counts for itself, in vain.
        apart = ["apart"] if self.is_clang else []
        what = "counts for itself" if apart else "is one of them all the same"
        self.succeeds(f"a plugin that is loaded with RTLD_DEEPBIND {what}{name}", self.run("./program", "plugin.so", "deep", *apart))
        self.succeeds(f"a plugin that is linked with -Bsymbolic {what}{name}", self.run("./program", "symbolic.so", "now", *apart))
        needs = self.run("readelf", "-dW", "plugin.so").stdout
        self.case(f"a plugin needs no room among the static thread-locals{name}", needs if "STATIC_TLS" in needs or "NEEDED" not in needs else None)

    def unloading(self, name, flags):
        place = ["-Wl,-z,max-page-size=0x200000"]  # of one size, so that one fits where the other was
        built = self.first_failure(
            lambda: self.shared("a plugin", "first.so", *flags, linked=place, function="plugin"),
            lambda: self.shared("another one", "second.so", *flags, linked=place, function="plugin"),
            lambda: self.compile(SOURCES + "unload.cpp", "unload.o", "-O1", *flags),
            lambda: self.link("unload", "-rdynamic", "unload.o", "implementation.o", "-ldl"),
            lambda: self.link("closed", "unload.o", "implementation.o", "-ldl"))
        if not self.succeeds(f"a program and two plugins{name}", built):
            return
        for case, fact in (("names", "names are right when another plugin takes an unloaded one's place"),
                           ("thread", "a thread whose first span was a plugin's outlives it"),
                           ("fork", "fork is noticed when the plugin that was first to record is gone")):
            self.succeeds(fact + name, self.run("./unload", case, "./first.so", "./second.so"))
        self.succeeds("a plugin of a program that exports nothing counts for itself, and stays while a thread of its needs its code" + name,
                      self.run("./closed", "apart", "./first.so", "./second.so"))

    def carried_by_a_library(self):
        done = self.first_failure(
            lambda: self.compile("implementation.cpp", "carried.o", "-O0", "-fPIC", *HIDDEN),
            lambda: self.shared("shared library", "libshared.so", *HIDDEN, linked=["carried.o"]),
            lambda: self.program(*HIDDEN, linked=["libshared.so"]),
            lambda: self.shared("plugin", "plugin.so", *HIDDEN),
            lambda: self.run("./program", "plugin.so", "now"))
        self.succeeds("a shared library with hidden visibility carries the implementation", done)

    def linked_statically(self):
        done = self.first_failure(
            lambda: self.part("shared library", "shared.o"),
            lambda: self.part("plugin", "plugin.o"),
            lambda: self.program("-static", "-DLINKED_PLUGIN=1", linked=["implementation.o", "shared.o", "plugin.o"]),
            lambda: self.run("./program"))
        self.succeeds("all parts linked statically", done)

    def optimised_at_link_time(self):
        done = self.first_failure(
            lambda: self.compile("implementation.cpp", "optimised.o", "-O2", "-flto", "-fPIC"),
            lambda: self.shared("shared library", "libshared.so", "-flto"),
            lambda: self.program("-flto", linked=["optimised.o", "libshared.so"]),
            lambda: self.shared("plugin", "plugin.so", "-flto"),
            lambda: self.run("./program", "plugin.so", "now"))
        self.succeeds("all parts optimised at link time", done)


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        return libraries(arguments[0], directory).conclude()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
