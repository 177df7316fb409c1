# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What a script needs of the system, installed where it is missing (Debian and Ubuntu). To be sourced:
#   need PACKAGE TEST...   remembers PACKAGE unless TEST succeeds
#   install_missing        installs what was remembered; where it cannot, says what to do and ends the script

missing_packages=()

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
  # What these say matters only if they fail.
  local output
  if ! output=$({
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing_packages[@]}"
  } 2>&1 </dev/null); then
    printf '%s\n' "$output" "$0: apt-get could not install ${missing_packages[*]}" >&2
    exit 1
  fi
  missing_packages=()
}
