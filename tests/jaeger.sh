#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs a program beside a Jaeger of its own, whose host is in NANOSPAN_TEST_JAEGER: tests/jaeger.sh PROGRAM [ARGUMENT...]
# Ends as the program does, or with 1 where there is no Jaeger and none can be built.
set -euo pipefail

# shellcheck source=examples/jaeger.sh
source "$(dirname "$0")/../examples/jaeger.sh"

jaeger_build
export NANOSPAN_TEST_JAEGER=127.0.0.7  # an address that nobody else uses
jaeger_start "$NANOSPAN_TEST_JAEGER"
"$@"
