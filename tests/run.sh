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
need g++-11 command -v g++-11
need clang-19 command -v clang++-19
need libc++-19-dev clang++-19 -stdlib=libc++ -E -x c++ -include version /dev/null
need libc++abi-19-dev bash -c 'echo "int main() {}" | clang++-19 -stdlib=libc++ -x c++ - -o /dev/null'
need g++-aarch64-linux-gnu command -v aarch64-linux-gnu-g++
need qemu-user command -v qemu-aarch64
need clang-tidy-19 command -v clang-tidy-19
need shellcheck command -v shellcheck
need valgrind command -v valgrind
need libboost-dev has_header boost/version.hpp
need libssl-dev has_header openssl/ssl.h
need openssl command -v openssl
need zlib1g-dev has_header zlib.h
need libprotobuf-dev has_header google/protobuf/message.h
need catch2 bash -c 'ls /usr/lib/cmake/Catch2/Catch2Config.cmake /usr/lib/*/cmake/Catch2/Catch2Config.cmake /usr/share/cmake/Catch2/Catch2Config.cmake /usr/local/lib/cmake/Catch2/Catch2Config.cmake 2>/dev/null | grep -q .'

install_missing

# The other Boost of the compile matrix, unpacked only: its package would replace the system's.
if [[ ! -d build/boost-1.81 ]]; then
  rm -rf build/boost-1.81.part
  mkdir -p build/boost-1.81.part
  apt-cache show libboost1.81-dev >/dev/null 2>&1 || quietly apt-get update -qq
  (cd build/boost-1.81.part && quietly apt-get download -qq libboost1.81-dev && dpkg -x libboost1.81-dev_*.deb . && rm -- *.deb)
  mv build/boost-1.81.part build/boost-1.81
fi

# Debian has no package of Conan.
[[ -x build/conan/bin/conan ]] || { python3 -m venv build/conan && quietly build/conan/bin/pip install conan==2.34.0; }

# Packages of Python that tests need, in versions that they were written with.
build/python/bin/python -c 'import prometheus_client, yaml' 2>/dev/null ||
  { python3 -m venv build/python && quietly build/python/bin/pip install prometheus-client==0.23.1 PyYAML==6.0.3; }

# Two jobs at a time, as the preset says: a file with the implementation takes half a gigabyte of compiler.
cmake --preset tests -DNANOSPAN_TEST_MATRIX=ON
cmake --build --preset tests
results=$PWD/build/tests/results.xml
status=0
ctest --preset tests --output-junit "$results" "$@" || status=$?
# Where all have run, those that CONFORMANCE.md names are among them.
(($#)) || python3 tests/conformance.py build/tests "$results" || status=1
exit "$status"
