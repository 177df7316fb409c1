# SPDX-License-Identifier: Apache-2.0
import pathlib

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load

required_conan_version = ">=2.1"


class nanospan(ConanFile):
    name = "nanospan"
    description = "A header-only C++20 tracing micro-SDK"
    license = "Apache-2.0"
    topics = ("tracing", "opentelemetry", "otlp", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"  # for the test package; none of them tells packages apart
    no_copy_source = True

    @property
    def _repository(self):
        return pathlib.Path(self.recipe_folder).parents[2]

    def set_version(self):
        header = load(self, self._repository / "include/nanospan/version.hpp")
        self.version = header.split('#define NANOSPAN_VERSION "')[1].split('"')[0]

    def export_sources(self):
        for pattern in ("include/*", "LICENSE"):
            copy(self, pattern, self._repository, self.export_sources_folder)

    def requirements(self):
        self.requires("boost/[>=1.74 <2]", transitive_headers=True)  # headers only

    def package_id(self):
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 20)

    def package(self):
        copy(self, "*.hpp", pathlib.Path(self.source_folder, "include"), pathlib.Path(self.package_folder, "include"))
        copy(self, "LICENSE", self.source_folder, pathlib.Path(self.package_folder, "licenses"))

    def package_info(self):
        # The names that installing with CMake gives.
        self.cpp_info.bindirs = self.cpp_info.libdirs = []
        recording = self.cpp_info.components["nanospan"]
        recording.set_property("cmake_target_name", "nanospan::nanospan")
        recording.set_property("pkg_config_name", "nanospan")
        implementation = self.cpp_info.components["implementation"]
        implementation.set_property("cmake_target_name", "nanospan::implementation")
        implementation.requires = ["nanospan"]
        if "boost" in self.dependencies:  # not so where a profile's [platform_requires] says that the system has it
            implementation.requires.append("boost::headers")
        for component in (recording, implementation):
            component.bindirs = component.libdirs = []
        if self.settings.os in ("Linux", "FreeBSD"):
            recording.system_libs = ["pthread"]
