#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Line and branch coverage of include/nanospan by the unit tests, as clang counts it (templates and inline functions included). By hand: it takes minutes.
#   tests/coverage/run.sh [FOLDER]   builds there (build/coverage), prints a table of the headers with the totals, and writes it to FOLDER/coverage.txt, with
#                                    each header's lines beside in FOLDER/lines.txt
# CLANG_VERSION: the suffix of clang++, llvm-profdata and llvm-cov ("-19"), which must be of one version.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-$root/build/coverage}
version=${CLANG_VERSION-"-19"}
cmake -S "$root" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER="clang++$version" -DNANOSPAN_BUILD_TESTS=ON \
  -DCMAKE_CXX_FLAGS="-fprofile-instr-generate -fcoverage-mapping"
cmake --build "$folder" --target unit --parallel 2
unit=$(find "$folder" -name unit -type f -perm -u+x | head -n 1)
rm -f "$folder"/*.profraw
# A test that fails under this is told, and what ran is counted all the same.
LLVM_PROFILE_FILE="$folder/unit-%p.profraw" "$unit" || echo "a test failed" >&2
"llvm-profdata$version" merge -sparse "$folder"/*.profraw -o "$folder/unit.profdata"
"llvm-cov$version" report "$unit" -instr-profile="$folder/unit.profdata" -show-region-summary=0 "$root/include" | tee "$folder/coverage.txt"
"llvm-cov$version" show "$unit" -instr-profile="$folder/unit.profdata" -show-branches=count "$root/include" > "$folder/lines.txt"
