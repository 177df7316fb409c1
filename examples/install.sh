# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What a script needs of the system, installed where it is missing (Debian and Ubuntu). To be sourced:
#   need PACKAGE TEST...   remembers PACKAGE unless TEST succeeds
#   install_missing        installs what was remembered; where it cannot, says what to do and ends the script
#   quietly COMMAND...     runs it, and shows what it prints only if it fails

missing_packages=()

quietly() {
  local output status=0
  output=$("$@" 2>&1 </dev/null) || status=$?
  ((status == 0)) || printf '%s\n' "$output" >&2
  return "$status"
}

need() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing_packages+=("$package")
}

has_header() { g++ -std=c++20 -E -x c++ - <<<"#include <$1>"; }

install_missing() {
  ((${#missing_packages[@]})) || return 0
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    echo "$0: something is missing; on Debian or Ubuntu, as root, run: apt-get install ${missing_packages[*]}" >&2
    exit 1
  fi
  echo "installing ${missing_packages[*]}" >&2
  if ! { quietly apt-get update -qq &&
    quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing_packages[@]}"; }; then
    echo "$0: apt-get could not install ${missing_packages[*]}" >&2
    exit 1
  fi
  missing_packages=()
}
