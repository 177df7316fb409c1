#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A Jaeger of one's own, in memory, on the loopback interface. Runs one until it is interrupted:
#   examples/jaeger.sh [ADDRESS]     ADDRESS: 127.0.0.1, or any other of 127.0.0.0/8
# or, sourced, by a script:
#   jaeger_find_go                   sees to it that there is a Go that fetches the version that a module asks for; fails where there is none
#   jaeger_build                     builds build/jaeger, unless it is there; fails where there is no Go
#   jaeger_start ADDRESS             returns when it answers; it ends with the script (traps on EXIT, HUP, INT and TERM)
#   jaeger_stop                      its log stays, in build/
#   jaeger_answers HOST              whether a Jaeger is there: OTLP/HTTP on port 4318, the query API on 16686
#   jaeger_get HOST PATH             what its query API says

jaeger_version=v1.76.0
jaeger_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jaeger_binary=$jaeger_root/build/jaeger
jaeger_pid=
jaeger_log=

# shellcheck source=examples/install.sh
source "$jaeger_root/examples/install.sh"

# From 1.21 on, Go fetches the version that a module asks for by itself. An older one, such as Debian 12's, is made to fetch one as the
# module that toolchains are.
jaeger_go_is_new() { [[ $(go version 2>/dev/null) =~ go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= 21)); }
jaeger_newer_go() {
  local system directory
  system=$(go env GOOS)-$(go env GOARCH)
  directory=$(go mod download -json "golang.org/toolchain@v0.0.1-go1.25.4.$system" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
  [[ $directory ]] || return 1
  chmod -R u+w "$directory" && chmod -R a+x "$directory/bin" "$directory/pkg/tool"  # modules have no executables
  PATH=$directory/bin:$PATH
}

jaeger_find_go() {
  # In a shell of its own: where it cannot install, it ends that.
  (need golang-go command -v go && need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt && install_missing) || true
  if ! jaeger_go_is_new && ! { command -v go >/dev/null && jaeger_newer_go && jaeger_go_is_new; }; then
    echo "$0: this needs Go 1.21 or later, and here is $(go version 2>/dev/null || echo none);" \
      "go.dev/doc/install says how to get it" >&2
    return 1
  fi
}

jaeger_build() {
  [[ -x $jaeger_binary ]] && return
  jaeger_find_go || return 1
  echo "building Jaeger $jaeger_version from its source; this takes some minutes, once" >&2
  local source
  source=$(go mod download -json "github.com/jaegertracing/jaeger@$jaeger_version" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
  [[ $source ]] || return 1
  mkdir -p "${jaeger_binary%/*}"
  # Put in place when it is whole: another script may be waiting to start it.
  CGO_ENABLED=0 go build -C "$source" -o "$jaeger_binary.$$" ./cmd/jaeger && mv "$jaeger_binary.$$" "$jaeger_binary"
}

jaeger_connects() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

jaeger_get() (
  exec 3<>"/dev/tcp/$1/16686" || exit
  printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3
  timeout 5 cat <&3
) 2>/dev/null

jaeger_answers() { jaeger_connects "$1" 4318 && [[ $(jaeger_get "$1" /api/v3/services) == HTTP/1.?\ 200\ * ]]; }

jaeger_start() {
  local address=$1
  if jaeger_connects "$address" 16686 || jaeger_connects "$address" 4318; then
    echo "$0: no place for Jaeger: something listens at $address on port 16686 or 4318 already" >&2
    return 1
  fi
  trap jaeger_stop EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  jaeger_log=$jaeger_binary-$address.log

  # Those of its ports that JAEGER_LISTEN_HOST does not reach would be open to the network, or clash with another Jaeger's.
  local arguments=(
    "--set=extensions.jaeger_query.http.endpoint=$address:16686"
    "--set=extensions.jaeger_query.grpc.endpoint=$address:16685"
    "--set=extensions.healthcheckv2.grpc.endpoint=$address:13132"
  )
  # Linux ends it even if this script is killed and no trap runs.
  local guard=()
  if setpriv --pdeathsig TERM true 2>/dev/null; then guard=(setpriv --pdeathsig TERM); fi
  # It traces itself, to whatever listens on port 4317, unless it is told not to.
  JAEGER_LISTEN_HOST=$address OTEL_TRACES_SAMPLER=always_off \
    "${guard[@]}" "$jaeger_binary" "${arguments[@]}" </dev/null >"$jaeger_log" 2>&1 &
  jaeger_pid=$!

  local deadline=$((SECONDS + 60))
  until jaeger_answers "$address"; do
    if ! kill -0 "$jaeger_pid" 2>/dev/null; then
      tail -n 20 "$jaeger_log" >&2
      echo "$0: Jaeger ended as it started; above is the end of its log" >&2
      return 1
    fi
    if ((SECONDS >= deadline)); then
      tail -n 20 "$jaeger_log" >&2
      echo "$0: Jaeger does not answer at $address after a minute; above is the end of its log" >&2
      return 1
    fi
    sleep 0.1
  done
}

jaeger_stop() {
  if [[ $jaeger_pid ]]; then
    kill "$jaeger_pid" 2>/dev/null || true
    local deadline=$((SECONDS + 10))
    while kill -0 "$jaeger_pid" 2>/dev/null; do
      if ((SECONDS >= deadline)); then kill -KILL "$jaeger_pid" 2>/dev/null || true; fi
      sleep 0.05
    done
    wait "$jaeger_pid" 2>/dev/null || true
  fi
  jaeger_pid=
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  address=${1:-127.0.0.1}
  jaeger_build
  jaeger_start "$address"
  echo "Jaeger runs until you press Ctrl-C: OTLP at http://$address:4318, the query API at http://$address:16686"
  wait "$jaeger_pid"
fi
