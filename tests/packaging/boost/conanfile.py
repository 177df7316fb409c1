# SPDX-License-Identifier: Apache-2.0
"""The system's headers of Boost as a package, for a test that asks no server."""
import os

from conan import ConanFile


class boost(ConanFile):
    name = "boost"
    version = "1.74.0"
    package_type = "header-library"

    def package(self):
        os.makedirs(os.path.join(self.package_folder, "include"))
        os.symlink(os.path.join(os.environ["NANOSPAN_TEST_BOOST"], "boost"), os.path.join(self.package_folder, "include", "boost"))

    def package_info(self):
        self.cpp_info.bindirs = self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "Boost")
        self.cpp_info.components["headers"].set_property("cmake_target_name", "Boost::headers")
