#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds and runs the benchmarks with each compiler that is there: bench/run.sh [COMPILER...], by default g++ and clang++.
# Fails when a span was dropped. Run it on a quiet machine; a row says when it was too noisy to be believed.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=examples/install.sh
source examples/install.sh
need g++ command -v g++
need cmake command -v cmake
need ninja-build command -v ninja
need python3 command -v python3
need clang command -v clang++
need libboost-dev has_header boost/version.hpp
need protobuf-compiler command -v protoc
need libprotobuf-dev has_header google/protobuf/message.h
install_missing

(($#)) || set -- g++ clang++
status=0
for compiler; do
  build=build/bench-$compiler
  quietly cmake -S . -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release -DNANOSPAN_BUILD_TESTS=OFF \
    -DNANOSPAN_BUILD_BENCHMARKS=ON -DNANOSPAN_BUILD_EXAMPLES=OFF
  quietly cmake --build "$build" --parallel 2
  echo "== $("$compiler" --version | head -n 1), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
  bench/median_of_runs.py 7 "$build/bench/bench_recording" || status=1
  "$build/bench/bench_encoding" || status=1
  "$build/bench/bench_pipeline" "$build/bench/bench_sink" || status=1
done
exit $status
