#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds and runs examples/quickstart.cpp, and shows the trace that it makes. Installs what is missing (Debian and Ubuntu).
#   examples/run.sh             draws it on the terminal: no server needed
#   examples/run.sh --jaeger    sends it to Jaeger, and draws what Jaeger holds: the Jaeger at OTEL_EXPORTER_OTLP_ENDPOINT, else
#                               one at localhost, else one that it builds and starts for as long as it needs it
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=examples/jaeger.sh
source examples/jaeger.sh

build() {  # build TARGET...
  need g++ command -v g++
  need cmake command -v cmake
  need ninja-build command -v ninja
  need libboost-dev has_header boost/version.hpp
  install_missing
  [[ -e build/examples/examples/$1 ]] || echo "building $*" >&2
  quietly cmake -S . -B build/examples -G Ninja -DCMAKE_BUILD_TYPE=Release -DNANOSPAN_BUILD_TESTS=OFF \
    -DNANOSPAN_BUILD_BENCHMARKS=OFF -DNANOSPAN_BUILD_EXAMPLES=ON
  quietly cmake --build build/examples --parallel 2 --target "$@"
}

draw_on_the_terminal() {
  build quickstart
  OTEL_TRACES_EXPORTER=console exec build/examples/examples/quickstart
}

through_jaeger() {
  build quickstart show_trace
  local own='' endpoint=${OTEL_EXPORTER_OTLP_ENDPOINT:-http://localhost:4318}
  if [[ ! $endpoint =~ ^http://(\[([^]]+)\]|([^:/]+)) ]]; then
    echo "$0: OTEL_EXPORTER_OTLP_ENDPOINT is $endpoint, not like http://localhost:4318" >&2
    exit 1
  fi
  local host=${BASH_REMATCH[2]:-${BASH_REMATCH[3]}}
  if [[ ! ${OTEL_EXPORTER_OTLP_ENDPOINT:-} ]] && ! jaeger_answers "$host"; then
    own=yes
    host=127.0.0.2
    endpoint=http://$host:4318
    jaeger_build
    echo "starting Jaeger at $host" >&2
    jaeger_start "$host"
  fi

  local log trace
  log=$(OTEL_TRACES_EXPORTER=otlp OTEL_EXPORTER_OTLP_ENDPOINT=$endpoint OTEL_EXPORTER_OTLP_TRACES_ENDPOINT='' \
    build/examples/examples/quickstart 2>&1) || {
    printf '%s\n' "$log" >&2
    exit 1
  }
  printf '%s\n' "$log"
  trace=$(sed -n 's/.*trace_id=\([0-9a-f]\{32\}\).*/\1/p' <<<"$log")
  build/examples/examples/show_trace "$trace" "$host"

  local shown=$host
  [[ $host != *:* ]] || shown="[$host]"
  if [[ $(jaeger_get "$host" /) == *"not the Jaeger UI"* ]]; then
    echo "The same in JSON (this Jaeger was built without its web page): http://$shown:16686/api/v3/traces/$trace?raw_traces=true"
  else
    echo "The same in Jaeger: http://$shown:16686/trace/$trace"
  fi
  if [[ $own && -t 0 && -t 1 ]]; then
    read -r -p "Jaeger runs until you press Enter. " || true
  elif [[ $own ]]; then
    jaeger_stop
    echo "That Jaeger is stopped now, and the address with it. To keep one running, start examples/jaeger.sh in another terminal, and this again."
  fi
}

case ${1:-} in
  '') draw_on_the_terminal ;;
  --jaeger) through_jaeger ;;
  *)
    echo "usage: $0 [--jaeger]" >&2
    exit 2
    ;;
esac
