#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Has the Collector's own reader read the lines that PROGRAM writes: tests/jsonl/run.sh PROGRAM
set -euo pipefail

# shellcheck source=examples/jaeger.sh
source "$(dirname "$0")/../../examples/jaeger.sh"

jaeger_find_go
exec go -C "$(dirname "$0")" run -mod=readonly . "$(realpath "$1")"
