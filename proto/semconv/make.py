#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes include/nanospan/semconv.hpp from attributes.tsv, and the single headers after it.

  make.py            makes the header from the list
  make.py --check    writes nothing; fails where the header is not what the list makes
  make.py MODEL      remakes the list first, from model/ of a copy of open-telemetry/semantic-conventions (needs python3-yaml): an update

The list holds the keys of NAMESPACES that are stable, all of NOT_YET_STABLE, and the values that the standard names for each; none that is
deprecated. Columns: key, member of its enumeration or -, type or the member's value, stability, the first sentence of the standard's brief.
"""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIST = HERE / "attributes.tsv"
HEADER = ROOT / "include/nanospan/semconv.hpp"

NAMESPACES = set("client code db deployment error exception host http network otel process server service telemetry url user_agent".split())
# No key of these is stable, and every program has the things that they name.
NOT_YET_STABLE = {"host", "process"}

HEAD = """\
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Keys and well-known values of OpenTelemetry's semantic conventions {version}, to be used as `{{semconv::http_request_method, "GET"}}`.
// Stable ones, and host's and process's, which say so where they are not. Opt-in: not part of nanospan.hpp.
// Made by proto/semconv/make.py from the list beside it: edit there.

#include <nanospan/attribute.hpp>

#include <string_view>

/// A key is the constant of its name with _ for each dot; a value of one is named after key and value, and is text for an attribute. A key
/// that ends in a name of the user's own is a prefix: `{{nanospan::copied{{std::string{{semconv::http_request_header_prefix}} + "accept"}}, ...}}`.
namespace nanospan::inline v0::semconv {{
"""
TAIL = "\n}  // namespace nanospan::inline v0::semconv\n"


def one_line(brief):
    """The first sentence, without markdown's links."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(brief.split()))
    sentence = re.match(r".*?[.:](?=\s|$)(?<!e\.g\.)(?<!i\.e\.)", text)
    return (sentence.group(0) if sentence else text).rstrip(".:")


def attributes_in(document):
    """(key, attribute): the model's files have two formats."""
    for group in document.get("groups") or []:
        for attribute in group.get("attributes") or []:
            if "id" in attribute:
                yield attribute["id"], attribute
    for attribute in document.get("attributes") or []:
        yield attribute["key"], attribute


def listed(key, attribute):
    namespace = key.split(".")[0]
    return namespace in NAMESPACES and "deprecated" not in attribute and (attribute["stability"] == "stable" or namespace in NOT_YET_STABLE)


def from_model(model):
    import yaml  # only an update needs it

    manifest = yaml.safe_load((model / "manifest.yaml").read_text(encoding="utf-8"))
    found = {}
    for path in sorted(model.rglob("*.yaml")):
        for key, attribute in attributes_in(yaml.safe_load(path.read_text(encoding="utf-8"))):
            if not listed(key, attribute):
                continue
            members = attribute["type"]["members"] if isinstance(attribute["type"], dict) else []
            found[key] = [(key, "-", "enum" if members else attribute["type"], attribute["stability"], one_line(attribute["brief"]))]
            found[key] += [(key, member["id"], member["value"], member["stability"], one_line(member.get("brief", "")))
                           for member in members if "deprecated" not in member]
    if missing := NAMESPACES - {key.split(".")[0] for key in found}:
        raise SystemExit(f"{model} has no attribute of {', '.join(sorted(missing))}: a format that this script does not know?")
    version = manifest["schema_url"].rsplit("/", 1)[1]
    lines = [f"# OpenTelemetry semantic conventions {version}, made by make.py: key, member, type or value, stability, brief"]
    return "\n".join(lines + ["\t".join(row) for key in sorted(found) for row in found[key]]) + "\n"


def name_of(*parts):
    return re.sub(r"\W", "_", "_".join(parts))


def header(table):
    """Its text. Two constants of one name are an error."""
    first, *lines = table.splitlines()
    out = [HEAD.format(version=re.search(r"conventions (\S+),", first).group(1))]
    names = set()
    namespace = lines[0].split(".")[0]
    for line in lines:
        key, member, kind, stability, brief = line.split("\t")
        if key.split(".")[0] != namespace:
            namespace = key.split(".")[0]
            out.append("")
        if member != "-":
            name, code = name_of(key, member), f'std::string_view {{}} = "{kind}";'
        elif kind.startswith("template"):
            name, code = name_of(key, "prefix"), f'std::string_view {{}} = "{key}.";'
        else:
            name, code = name_of(key), f'literal {{}} = "{key}";'
        if name in names:
            raise SystemExit(f"two constants are called {name}")
        names.add(name)
        said = [brief] if brief and member == "-" else []
        if stability != "stable":
            said.append(f"({stability.replace('_', ' ')})")
        comment = f"  ///< {' '.join(said)}" if said else ""
        out.append(f"inline constexpr {code.format(name)}{comment}")
    return "\n".join(out) + "\n" + TAIL


def main(arguments):
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-") and arguments[0] != "--check"):
        print(__doc__, file=sys.stderr)
        return 2
    if arguments and arguments[0] != "--check":
        LIST.write_text(from_model(pathlib.Path(arguments[0])), encoding="utf-8")
    text = header(LIST.read_text(encoding="utf-8"))
    if arguments == ["--check"]:
        if HEADER.is_file() and HEADER.read_text(encoding="utf-8") == text:
            return 0
        print("include/nanospan/semconv.hpp is not what its list makes: run proto/semconv/make.py", file=sys.stderr)
        return 1
    HEADER.write_text(text, encoding="utf-8")
    return subprocess.run([sys.executable, ROOT / "single_include/amalgamate.py"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
