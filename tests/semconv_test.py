#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""proto/semconv/make.py: what it takes from a model of the conventions, and what it makes of the list. Works on copies."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
MANIFEST = "schema_url: https://opentelemetry.io/schemas/9.8.7\n"
# The format of most files, and the other one.
GROUPS = """\
groups:
  - id: registry.http
    type: attribute_group
    attributes:
      - id: http.request.method
        stability: stable
        brief: 'Method, see [the RFC](https://rfc.example). More of it.'
        type:
          members:
            - {id: get, value: GET, brief: x, stability: stable}
            - {id: query, value: QUERY, brief: x, stability: development}
            - {id: gone, value: GONE, brief: x, stability: stable, deprecated: {reason: obsoleted}}
      - {id: http.request.header, stability: stable, type: 'template[string[]]', brief: Headers.}
      - {id: http.size, stability: development, type: int, brief: Not stable yet.}
      - {id: http.method, stability: stable, type: string, brief: Old., deprecated: {reason: renamed}}
      - {id: elsewhere.key, stability: stable, type: string, brief: Of no namespace of ours.}
      - {ref: server.port}
"""
OTHER = """\
file_format: definition/2
attributes:
  - {key: server.port, stability: stable, type: int, brief: Port.}
"""


class conventions(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        for part in ("include", "single_include", "proto/semconv"):
            shutil.copytree(ROOT / part, self.root / part)
        self.header = self.root / "include/nanospan/semconv.hpp"
        self.list = self.root / "proto/semconv/attributes.tsv"

    def run_script(self, *arguments):
        return subprocess.run([sys.executable, str(self.root / "proto/semconv/make.py"), *map(str, arguments)], capture_output=True, text=True, check=False)

    def model(self, *without):
        script = (self.root / "proto/semconv/make.py").read_text(encoding="utf-8")
        names = script.split('NAMESPACES = set("', 1)[1].split('"', 1)[0].split()
        model = self.root / "model"
        model.mkdir()
        (model / "manifest.yaml").write_text(MANIFEST, encoding="utf-8")
        (model / "http.yaml").write_text(GROUPS, encoding="utf-8")
        (model / "server.yaml").write_text(OTHER, encoding="utf-8")
        rest = "".join(f"  - {{key: {name}.name, stability: {'release_candidate' if name == 'host' else 'stable'}, type: string, brief: Name.}}\n"
                       for name in names if name not in ("http", "server", *without))
        (model / "rest.yaml").write_text(f"attributes:\n{rest}", encoding="utf-8")
        return model

    def test_the_header_is_what_its_list_makes(self):
        done = self.run_script("--check")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        before = self.header.read_bytes()
        self.assertEqual(self.run_script().returncode, 0)
        self.assertEqual(self.header.read_bytes(), before)

    def test_check_refuses_a_list_and_a_header_that_differ(self):
        for path in (self.header, self.list):
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace("http.route", "http.router"), encoding="utf-8")
            done = self.run_script("--check")
            self.assertEqual(done.returncode, 1)
            self.assertIn("run proto/semconv/make.py", done.stderr)
            path.write_text(text, encoding="utf-8")

    def test_an_update_takes_what_is_stable_and_not_deprecated(self):
        done = self.run_script(self.model())
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        table = self.list.read_text(encoding="utf-8")
        self.assertIn("conventions 9.8.7,", table)
        self.assertIn("http.request.method\t-\tenum\tstable\tMethod, see the RFC\n", table)
        self.assertIn("server.port\t-\tint\tstable\tPort\n", table)
        for absent in ("http.size", "http.method\t", "GONE", "elsewhere"):
            self.assertNotIn(absent, table)
        made = self.header.read_text(encoding="utf-8")
        self.assertIn('inline constexpr literal http_request_method = "http.request.method";  ///< Method, see the RFC\n', made)
        self.assertIn('inline constexpr std::string_view http_request_method_query = "QUERY";  ///< (development)\n', made)
        self.assertIn('inline constexpr std::string_view http_request_header_prefix = "http.request.header.";', made)
        self.assertIn('inline constexpr literal host_name = "host.name";  ///< Name (release candidate)\n', made)
        # The single header follows.
        self.assertIn("http_request_method_query", (self.root / "single_include/nanospan/semconv.hpp").read_text(encoding="utf-8"))

    def test_a_model_without_a_namespace_is_refused_and_the_list_kept(self):
        before = self.list.read_bytes()
        done = self.run_script(self.model("db"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("no attribute of db", done.stderr)
        self.assertEqual(self.list.read_bytes(), before)

    def test_two_constants_of_one_name_are_refused(self):
        self.list.write_text(self.list.read_text(encoding="utf-8") + "url.full_\t-\tint\tstable\tx\nurl.full.\t-\tint\tstable\tx\n", encoding="utf-8")
        done = self.run_script()
        self.assertEqual(done.returncode, 1)
        self.assertIn("two constants are called url_full_", done.stderr)


if __name__ == "__main__":
    unittest.main()
