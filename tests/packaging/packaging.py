#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ways to get nanospan into a project. What the README says under "Drop it in" is taken from there and run as it stands, in a
folder of a user (the project in shop/, a copy of the repository beside it), outside of the repository and with a space in its path.

  packaging.py ways.test_...    one of them; the compiler is that of CXX
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VERSION = re.search(r'VERSION "(.*)"', (ROOT / "include/nanospan/version.hpp").read_text(encoding="utf-8")).group(1)
A_DOZEN_LINES = 12


def section_of_readme(title):
    """The code blocks below a heading of the README: [(language, text)]."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ )", text, re.MULTILINE | re.DOTALL).group(1)
    return re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


class ways(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="nanospan ")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.home = self.directory / "home"
        self.home.mkdir()
        self.shop = self.directory / "shop"
        shutil.copytree(HERE / "shop", self.shop)
        self.nanospan = self.copy_of_repository("nanospan")
        self.environment = {name: os.environ[name] for name in ("PATH", "CXX", "NANOSPAN_TEST_BOOST") if name in os.environ}
        self.environment |= {"LC_ALL": "C", "CMAKE_GENERATOR": "Ninja", "CMAKE_EXPORT_COMPILE_COMMANDS": "ON"}

    def copy_of_repository(self, name):
        copy = self.shop / name
        made_here = {".git"} | {path.name for path in ROOT.glob("build*")}
        shutil.copytree(ROOT, copy, ignore=lambda folder, _: made_here if pathlib.Path(folder) == ROOT else ())
        return copy

    def execute(self, *command, **environment):
        return subprocess.run([str(word) for word in command], cwd=self.shop, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                              env=self.environment | {"HOME": str(self.home)} | environment)

    def run_(self, *command, **environment):
        done = self.execute(*command, **environment)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")
        self.assertNotIn("Warning", done.stdout + done.stderr)
        return done.stdout

    def shell(self, text):
        return self.run_("bash", "-euc", text)

    def cmake(self, *arguments, **environment):
        return self.run_("cmake", *arguments, **environment)

    def configure(self, *arguments):
        return self.cmake("-S", ".", "-B", "build", "-Wdev", "-Werror=dev", *arguments)

    def assert_refused(self, done, *texts):
        self.assertNotEqual(done.returncode, 0)
        output = " ".join(done.stderr.split())  # CMake breaks lines where it likes
        for text in texts:
            self.assertIn(text, output)

    def blocks(self, title):
        blocks = section_of_readme(title)
        lines = sum(len(text.splitlines()) for _, text in blocks)
        self.assertTrue(0 < lines <= A_DOZEN_LINES, f"{title}: {lines} lines")
        return [text for _, text in blocks]

    def write_project(self, instead_of_find_package=None):
        """CMakeLists.txt as the README has it. The other ways replace its line with find_package."""
        text = section_of_readme("Installed, with CMake")[1][1]
        if instead_of_find_package is not None:
            text, replaced = re.subn(r"^find_package\(nanospan.*\n", lambda _: instead_of_find_package, text, flags=re.MULTILINE)
            self.assertEqual(replaced, 1)
        (self.shop / "CMakeLists.txt").write_text(text, encoding="utf-8")

    def build_shop(self):
        self.configure()
        self.cmake("--build", "build")
        self.assert_shop_works("build/shop")

    def assert_shop_works(self, program):
        self.assertIn(f"nanospan {VERSION}\n", self.run_(self.shop / program))

    def compile_commands(self):
        commands = json.loads((self.shop / "build/compile_commands.json").read_text(encoding="utf-8"))
        self.assertTrue(commands)
        return [shlex.split(command["command"]) for command in commands]

    def assert_includes_system(self, expected):
        for words in self.compile_commands():
            included = [os.path.abspath(self.shop / "build" / after) for word, after in zip(words, words[1:]) if word == "-isystem"]
            self.assertIn(str(expected), included)
            self.assertEqual([word for word in words if word.startswith("-W")], [])

    def install(self, copy, prefix, *arguments):
        self.cmake("-S", copy, "-B", f"{copy}.build", "-Wdev", "-Werror=dev", *arguments)
        self.cmake("--install", f"{copy}.build", "--prefix", prefix)

    # ---- as the README says ------------------------------------------------------------------------------------------------

    def test_one_header(self):
        program, command = self.blocks("Drop it in")
        shutil.rmtree(self.shop)
        self.shop.mkdir()
        shutil.copy(ROOT / "single_include/nanospan.hpp", self.shop)
        (self.shop / "main.cpp").write_text(program, encoding="utf-8")
        shown = self.shell(command)
        self.assertRegex(shown, r"trace [0-9a-f]{32}  hello  1 span")
        self.assertIn("greet", shown)

    def test_installed_with_cmake(self):
        install, _, build = self.blocks("Installed, with CMake")
        self.shell(install)
        # What is installed may be moved, and refers neither to where it was nor to where it came from.
        shutil.rmtree(self.nanospan)
        shutil.rmtree(self.shop / "build")
        self.home = self.home.rename(self.directory / "another home")
        self.write_project()
        self.shell(build)
        self.assert_shop_works("build/shop")
        self.assert_includes_system(self.home / ".local/include")
        self.assertIn(f"{VERSION}\n", self.run_("sed", "-n", "s/.*VERSION \"\\(.*\\)\"/\\1/p", self.home / ".local/include/nanospan/version.hpp"))
        self.assertTrue((self.home / ".local/share/licenses/nanospan/LICENSE").is_file())

    def test_installed_without_cmake(self):
        install = self.blocks("Installed, with CMake")[0]
        (build,) = self.blocks("Installed, without CMake")
        # Without a space: a shell splits what pkg-config prints.
        with tempfile.TemporaryDirectory() as home:
            self.home = pathlib.Path(home)
            self.shell(install)
            shutil.rmtree(self.nanospan)
            self.shell(build)
        self.assert_shop_works("shop")

    def test_in_a_folder(self):
        (line,) = self.blocks("In a folder of your project")
        self.write_project(line)
        with open(self.shop / "CMakeLists.txt", "a", encoding="utf-8") as project:
            project.write((HERE / "guest.cmake").read_text(encoding="utf-8"))
        self.build_shop()
        self.assert_includes_system(self.nanospan / "include")

        self.cmake("--install", "build", "--prefix", "alone")
        self.assertEqual([path.name for path in (self.shop / "alone").rglob("*") if path.is_file()], ["shop"])
        self.configure("-DNANOSPAN_INSTALL=ON")
        self.cmake("--install", "build", "--prefix", "both")
        for path in ("bin/shop", "include/nanospan.hpp", "share/cmake/nanospan/nanospanConfig.cmake", "share/pkgconfig/nanospan.pc"):
            self.assertTrue((self.shop / "both" / path).is_file(), path)

    def test_fetched(self):
        (lines,) = self.blocks("Fetched")
        archive = re.search(r"\(`(cmake -E tar .*?)`\)", (ROOT / "README.md").read_text(encoding="utf-8")).group(1)
        self.shell(archive)
        self.nanospan.rename(self.directory / "elsewhere")
        mark = "<what sha256sum says>"
        self.assertIn(mark, lines)
        self.write_project(lines.replace(mark, "0" * 64))
        self.assert_refused(self.execute("cmake", "-S", ".", "-B", "refused"), "does not match expected value")
        self.write_project(lines.replace(mark, self.shell("sha256sum nanospan.tgz").split()[0]))
        self.build_shop()
        self.assert_includes_system(self.shop / "build/_deps/nanospan-src/include")
        # What someone who works on nanospan itself says.
        self.configure(f"-DFETCHCONTENT_SOURCE_DIR_NANOSPAN={self.directory / 'elsewhere'}")
        self.assert_includes_system(self.directory / "elsewhere/include")

    # ---- what else a package promises --------------------------------------------------------------------------------------

    def test_other_folders(self):
        """DESTDIR, and folders that are not the usual ones."""
        for data in ("/opt/nano/lib/data", "lib/data"):
            stage = self.directory / "stage"
            self.cmake("-S", self.nanospan, "-B", "b", "-DCMAKE_INSTALL_PREFIX=/opt/nano", "-DCMAKE_INSTALL_INCLUDEDIR=inc/nano",
                       f"-DCMAKE_INSTALL_DATADIR={data}")
            self.cmake("--install", "b", DESTDIR=str(stage))
            moved = self.directory / "moved"
            shutil.rmtree(moved, ignore_errors=True)
            (stage / "opt/nano").rename(moved)
            data = moved / "lib/data"
            pkg_config = {"PKG_CONFIG_PATH": str(data / "pkgconfig")}
            self.assertEqual(self.run_("pkg-config", "--modversion", "nanospan", **pkg_config).strip(), VERSION)
            flags = shlex.split(self.run_("pkg-config", "--cflags", "--libs", "nanospan", **pkg_config))
            self.run_("g++", "-std=c++20", "-c", "charge.cpp", *flags)
        # Which CMake finds moved only where all are below the prefix, as in the second.
        self.write_project()
        self.configure(f"-Dnanospan_DIR={data / 'cmake/nanospan'}")
        self.assert_includes_system(moved / "inc/nano")

    def test_versions(self):
        major, minor, patch = (int(number) for number in VERSION.split("."))
        newer = self.copy_of_repository("newer")
        header = newer / "include/nanospan/version.hpp"
        header.write_text(header.read_text(encoding="utf-8").replace(f'"{VERSION}"', f'"{major}.{minor + 1}.0"'), encoding="utf-8")
        for copy in (self.nanospan, newer):
            self.install(copy, self.shop / f"{copy.name} prefix")
        prefixes = f"-DCMAKE_PREFIX_PATH={self.shop / 'newer prefix'};{self.shop / 'nanospan prefix'}"
        ask = "cmake_minimum_required(VERSION 3.20)\nproject(ask CXX)\n{}find_package(nanospan {} REQUIRED)\n" \
              "add_library(charge charge.cpp)\ntarget_link_libraries(charge PRIVATE nanospan::nanospan)\n"

        def asked(version, first=""):
            (self.shop / "CMakeLists.txt").write_text(ask.format(first, version), encoding="utf-8")
            shutil.rmtree(self.shop / "build", ignore_errors=True)
            return self.execute("cmake", "-S", ".", "-B", "build", prefixes)

        for version, prefix in (("", "newer"), (f"{major}.{minor}", "nanospan"), (VERSION, "nanospan"), (f"{major}.{minor + 1}", "newer")):
            done = asked(version)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assert_includes_system(self.shop / f"{prefix} prefix/include")
        # For another architecture, too: nothing of it is compiled.
        self.assertEqual(asked(VERSION, "set(CMAKE_SIZEOF_VOID_P 4)\n").stderr, "")
        for version in (f"{major}.{minor}.{patch + 1}", f"{major}.{minor + 2}", f"{major + 1}"):
            self.assert_refused(asked(version), f'compatible with requested version "{version}"', f"version: {VERSION}")

    def test_without_boost(self):
        self.install(self.nanospan, self.home / ".local")
        for line in (None, "add_subdirectory(nanospan)\n"):
            self.write_project(line)
            without = ["-DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON", f"-DCMAKE_PREFIX_PATH={self.home / '.local'}"]
            self.assert_refused(self.execute("cmake", "-S", ".", "-B", "build", *without), "Boost::headers")
            project = self.shop / "CMakeLists.txt"
            project.write_text(project.read_text(encoding="utf-8").replace("nanospan::implementation", "nanospan::nanospan"), encoding="utf-8")
            self.configure(*without)
            self.cmake("--build", "build", "--target", "charge")
            shutil.rmtree(self.shop / "build")

    def test_tls(self):
        self.install(self.nanospan, self.home / ".local")
        self.write_project()
        project = self.shop / "CMakeLists.txt"
        project.write_text(project.read_text(encoding="utf-8").replace("nanospan::implementation", "nanospan::tls"), encoding="utf-8")
        prefix = f"-DCMAKE_PREFIX_PATH={self.home / '.local'}"
        self.assert_refused(self.execute("cmake", "-S", ".", "-B", "refused", prefix, "-DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON"), "OpenSSL::SSL")
        self.configure(prefix)
        self.cmake("--build", "build")
        self.assert_shop_works("build/shop")
        self.assertIn("SSL_connect", self.run_("nm", "-D", "build/shop"))

    def test_presets(self):
        presets = re.findall(r'^  "([^"]+)"', self.cmake("-S", self.nanospan, "--list-presets"), re.MULTILINE)
        self.assertIn("tests", presets)
        environment = {name: value for name, value in self.environment.items() if name not in ("CXX", "CMAKE_GENERATOR")}
        self.environment = environment
        for preset in presets:
            with self.subTest(preset):
                self.cmake("-S", self.nanospan, "--preset", preset, "-Wdev", "-Werror=dev")
                self.assertTrue((self.nanospan / "build" / preset / "build.ninja").is_file())
        for kind in ("buildPresets", "testPresets"):
            for preset in json.loads((ROOT / "CMakePresets.json").read_text(encoding="utf-8"))[kind]:
                self.assertIn(preset["configurePreset"], presets)

    # ---- package managers --------------------------------------------------------------------------------------------------

    def test_conan(self):
        """`conan create` with the test of the package, and a project that uses it. No server is asked."""
        create, _ = self.blocks("Conan and vcpkg")
        conan = pathlib.Path(os.environ["NANOSPAN_TEST_CONAN"])
        self.environment["CONAN_HOME"] = str(self.home / "conan")
        self.environment["PATH"] = f"{conan.parent}:{self.environment['PATH']}"
        self.run_(conan, "remote", "disable", "*")
        self.run_(conan, "profile", "detect")
        default = self.home / "conan/profiles/default"
        detected = default.read_text(encoding="utf-8") + "\n[conf]\ntools.cmake.cmaketoolchain:generator=Ninja\n"
        default.write_text(f"{detected}\n[platform_requires]\nboost/1.74.0\n", encoding="utf-8")
        done = self.execute("bash", "-euc", create)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"nanospan {VERSION}: the span arrived", done.stdout + done.stderr)
        self.assertIn(f"nanospan/{VERSION}", create)

        # With a Boost that Conan knows: the system's, made into a package.
        default.write_text(detected, encoding="utf-8")
        self.run_(conan, "create", HERE / "boost")
        generators = ["-g", "CMakeDeps", "-g", "CMakeToolchain"]
        self.run_(conan, "install", f"--requires=nanospan/{VERSION}", "-s", "compiler.cppstd=20", *generators, "-of", "deps")
        shutil.rmtree(self.nanospan)
        self.write_project()
        self.configure("-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_TOOLCHAIN_FILE=deps/conan_toolchain.cmake")
        self.cmake("--build", "build")
        self.assert_shop_works("build/shop")
        (main,) = [words for words in self.compile_commands() if words[-1].endswith("main.cpp")]
        self.assertRegex(" ".join(main), rf"-isystem {re.escape(str(self.home))}/conan/p/b/boost\w*/p/include")

    def test_vcpkg(self):
        """The port, with a stand-in for vcpkg's helper functions (vcpkg itself comes from no registry)."""
        _, command = self.blocks("Conan and vcpkg")
        port = self.shop / re.search(r"--overlay-ports=(\S+)", command).group(1) / "nanospan"
        manifest = json.loads((port / "vcpkg.json").read_text(encoding="utf-8"))
        self.assertEqual((manifest["name"], manifest["version"], manifest["license"]), ("nanospan", VERSION, "Apache-2.0"))
        package = self.directory / "package"
        self.cmake(f"-DCURRENT_PORT_DIR={port}", f"-DCURRENT_PACKAGES_DIR={package}", f"-DCURRENT_BUILDTREES_DIR={self.directory / 'trees'}",
                   "-DPORT=nanospan", f"-DVERSION={VERSION}", "-P", HERE / "vcpkg.cmake")
        self.assertEqual(sorted(path.name for path in package.iterdir()), ["include", "lib", "share"])
        self.assertEqual(sorted(path.name for path in (package / "share").iterdir()), ["nanospan"])
        self.assertEqual((package / "share/nanospan/copyright").read_bytes(), (ROOT / "LICENSE").read_bytes())
        # A project made of what the port tells its user.
        usage = (package / "share/nanospan/usage").read_text(encoding="utf-8").split(":\n", 1)[1]
        (self.shop / "CMakeLists.txt").write_text(
            f"cmake_minimum_required(VERSION 3.20)\nproject(shop CXX)\nadd_executable(main main.cpp charge.cpp)\n{usage}", encoding="utf-8")
        self.configure(f"-DCMAKE_PREFIX_PATH={package}")
        self.cmake("--build", "build", "--target", "CMakeFiles/main.dir/charge.cpp.o")
        self.assert_includes_system(package / "include")


if __name__ == "__main__":
    sys.exit(unittest.main())
