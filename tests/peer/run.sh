#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Compares what opentelemetry-go and PROGRAM read and write: tests/peer/run.sh PROGRAM
set -euo pipefail

# shellcheck source=examples/jaeger.sh
source "$(dirname "$0")/../../examples/jaeger.sh"

jaeger_find_go
exec go -C "$(dirname "$0")" run -mod=readonly . "$(realpath "$1")"
