#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing (Debian and Ubuntu), builds the tests in build/tests and runs all of them.
# Arguments go to ctest: tests/run.sh -R ring
set -euo pipefail
cd "$(dirname "$0")/.."

source examples/install.sh

need g++ command -v g++
need cmake command -v cmake
need ninja-build command -v ninja
need python3 command -v python3
need python3-venv python3 -c 'import ensurepip'
need pkg-config command -v pkg-config
need protobuf-compiler command -v protoc
need clang command -v clang++
need valgrind command -v valgrind
need libboost-dev has_header boost/version.hpp
need libprotobuf-dev has_header google/protobuf/message.h
need catch2 bash -c 'ls /usr/lib/cmake/Catch2/Catch2Config.cmake /usr/lib/*/cmake/Catch2/Catch2Config.cmake /usr/share/cmake/Catch2/Catch2Config.cmake /usr/local/lib/cmake/Catch2/Catch2Config.cmake 2>/dev/null | grep -q .'

install_missing

# Debian has no package of Conan.
[[ -x build/conan/bin/conan ]] || { python3 -m venv build/conan && quietly build/conan/bin/pip install conan==2.34.0; }

# Two jobs at a time, as the preset says: a file with the implementation takes half a gigabyte of compiler.
cmake --preset tests
cmake --build --preset tests
exec ctest --preset tests "$@"
