#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds and runs the benchmarks and writes bench/RESULTS.md: bench/run.sh [--quick] [--only WORD] [COMPILER...], by default g++ and clang++.
# A quarter of an hour, on a quiet machine; --quick shows in three minutes whether it works. Fails when a span was dropped. A row
# says when it was too noisy to be believed.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=examples/install.sh
source examples/install.sh
need g++ command -v g++
need cmake command -v cmake
need ninja-build command -v ninja
need python3 command -v python3
need valgrind command -v valgrind
need clang command -v clang++
need libboost-dev has_header boost/version.hpp
need protobuf-compiler command -v protoc
need libprotobuf-dev has_header google/protobuf/message.h
install_missing
# Not everywhere: without it there are instructions, and no nanoseconds, of where the time goes.
(
  need linux-perf perf --version
  install_missing
) || true

options=()
while [[ ${1-} == --* ]]; do
  options+=("$1")
  [[ $1 != --only ]] || { options+=("$2"); shift; }
  shift
done
(($#)) || set -- g++ clang++
for compiler; do
  build=build/bench-$compiler
  quietly cmake -S . -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release -DNANOSPAN_BUILD_TESTS=OFF \
    -DNANOSPAN_BUILD_BENCHMARKS=ON -DNANOSPAN_BUILD_EXAMPLES=OFF
  quietly cmake --build "$build" --parallel 2
done
exec bench/run.py "${options[@]}" "$@"
