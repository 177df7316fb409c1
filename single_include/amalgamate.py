#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes single_include/nanospan.hpp: the headers that include/nanospan.hpp lists, joined in that order. A header that users include
besides it gets one of its own, single_include/nanospan/..., which includes the single header.

The list is the architecture, so this fails when a header includes one that comes later in it, or one that is not in it, and
when a header is missing from it. With --check it writes nothing and fails when a committed file is not what its sources make.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
LIST = "nanospan.hpp"
OUTPUT = ROOT / "single_include"
# Integrations that a user includes besides nanospan.hpp.
OPT_IN = {"nanospan/asio.hpp", "nanospan/http.hpp", "nanospan/semconv.hpp"}

LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"
OWN_INCLUDE = re.compile(r'^\s*#\s*include\s*[<"](nanospan(?:/[^>"]*)?\.hpp)[>"]')
ANY_INCLUDE = re.compile(r"^\s*#\s*include\s*([<\"][^>\"]*[>\"])")
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|endif)\b")


def is_header_name(line: str) -> str | None:
    match = OWN_INCLUDE.match(line)
    return match.group(1) if match else None


def violations(listed: list[str]) -> list[str]:
    found = []
    place = {name: index for index, name in enumerate(listed)}
    for name in listed:
        if listed.count(name) > 1 and f"{LIST}: lists {name} twice" not in found:
            found.append(f"{LIST}: lists {name} twice")
        path = INCLUDE / name
        if not path.is_file():
            found.append(f"{LIST}: lists {name}, which does not exist")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            included = is_header_name(line)
            where = f"{name}:{number}: includes {included}"
            if included is None:
                if (any_include := ANY_INCLUDE.match(line)) and any_include.group(1).startswith('"'):
                    found.append(f"{name}:{number}: includes {any_include.group(1)}; say <nanospan/...>, or <...> for others'")
            elif included == LIST or included not in place:
                found.append(f"{where}, which is not in the list of {LIST}")
            elif place[included] >= place[name]:
                found.append(f"{where}, which does not come earlier in the list of {LIST}")
    for path in sorted((INCLUDE / "nanospan").rglob("*.hpp")):
        name = path.relative_to(INCLUDE).as_posix()
        if name not in place and name not in OPT_IN:
            found.append(f"{name}: is not in the list of {LIST}")
    for name in opted_in():
        for number, line in enumerate((INCLUDE / name).read_text(encoding="utf-8").splitlines(), 1):
            if (included := is_header_name(line)) and included not in place:
                found.append(f"{name}:{number}: includes {included}, which is not in the list of {LIST}")
    return found


def opted_in() -> list[str]:
    return [name for name in sorted(OPT_IN) if (INCLUDE / name).is_file()]


class joiner:
    """Appends headers, without what only separate files need."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.seen: set[str] = set()  # unconditional includes of the recording half, which every file has

    def header(self, name: str, always_included: bool) -> None:
        self.text.append(f"// ---- {name} " + "-" * (122 - len(name)) + "\n")
        depth = 0
        for line in (INCLUDE / name).read_text(encoding="utf-8").splitlines(keepends=True):
            if line == LICENCE or line.strip() == "#pragma once" or is_header_name(line):
                continue
            if conditional := CONDITIONAL.match(line):
                depth += -1 if conditional.group(1) == "endif" else 1
            if other := ANY_INCLUDE.match(line):
                if other.group(1) in self.seen:
                    continue
                if always_included and depth == 0:
                    self.seen.add(other.group(1))
            # A header that lost its includes keeps one empty line where they stood.
            if line.strip() == "" and self.text[-1].strip() == "":
                continue
            self.text.append(line)
        if self.text[-1].strip() != "":
            self.text.append("\n")


def amalgamate(lines: list[str], version: str) -> str:
    out = joiner()
    out.text += [LICENCE, "\n", f"// nanospan {version}, in one header. Made from include/ by single_include/amalgamate.py: edit there.\n", "\n"]
    implementation = False
    for line in lines:
        implementation |= "NANOSPAN_IMPLEMENTATION" in line
        if name := is_header_name(line):
            out.header(name, always_included=not implementation)
        elif line.startswith("#"):  # the two guards
            out.text += [line, "\n"] if line.startswith(("#define", "#endif")) else [line]
    return "".join(out.text).rstrip("\n") + "\n"


def beside(name: str) -> str:
    """An opt-in header: what it includes of ours is in the single header, which lies one folder up."""
    made = f"// nanospan, {name}, beside the single header. Made from include/ by single_include/amalgamate.py: edit there.\n"
    text: list[str] = []
    for line in (INCLUDE / name).read_text(encoding="utf-8").splitlines(keepends=True):
        if line == LICENCE:
            line = f"{LICENCE}\n{made}\n"
        elif is_header_name(line):
            if '#include "../nanospan.hpp"\n' in text:
                continue
            line = '#include "../nanospan.hpp"\n'
        text.append(line)
    return "".join(text)


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(f"usage: {sys.argv[0]} [--check]", file=sys.stderr)
        return 2
    lines = (INCLUDE / LIST).read_text(encoding="utf-8").splitlines(keepends=True)
    listed = [name for line in lines if (name := is_header_name(line))]
    if found := violations(listed):
        print("\n".join(found), file=sys.stderr)
        return 1
    version = re.search(r'NANOSPAN_VERSION "(.*)"', (INCLUDE / "nanospan/version.hpp").read_text(encoding="utf-8")).group(1)
    made = {LIST: amalgamate(lines, version)} | {name: beside(name) for name in opted_in()}
    wrong = 0
    for name, text in made.items():
        path = OUTPUT / name
        if arguments != ["--check"]:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            state = "is not what its sources make" if path.is_file() else "is missing"
            print(f"single_include/{name} {state}: run single_include/amalgamate.py", file=sys.stderr)
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
