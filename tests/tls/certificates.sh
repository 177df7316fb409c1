#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Authorities, and certificates that they signed, for tests: tls/certificates.sh FOLDER
set -euo pipefail
cd "$1"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null; }
authority() {
  key "$1"
  openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 3650 -out "$1.pem"
}
# AUTHORITY NAME DAYS EXTENSION
certificate() {
  key "$2"
  printf '%s\n' "$4" >"$2.extension"
  openssl req -new -key "$2.key" -subj "/CN=$2" -out "$2.request"
  openssl x509 -req -in "$2.request" -CA "$1.pem" -CAkey "$1.key" -set_serial "$RANDOM" -days "$3" -extfile "$2.extension" -out "$2.pem" 2>/dev/null
}

authority ca
authority other-ca
certificate ca server 3650 subjectAltName=DNS:localhost,DNS:*.collector.example,IP:127.0.0.1
certificate ca elsewhere 3650 subjectAltName=DNS:elsewhere.example,IP:127.0.0.9
certificate ca expired -1 subjectAltName=DNS:localhost,IP:127.0.0.1
certificate ca client 3650 extendedKeyUsage=clientAuth
openssl pkcs8 -topk8 -in client.key -passout pass:secret -out locked.key
echo "no certificate" >garbage.pem
