#!/bin/sh
# Certificates for mTLS between Temporal's server, its UI, the workers and the command line: one authority, one identity a folder.
#   ops/compose/make-certificates.sh DIRECTORY            makes what is missing
#   ops/compose/make-certificates.sh DIRECTORY --renew    makes all but the authority anew; then restart the services
# ASSAY_SERVER_NAMES adds names to the server's certificate: DNS:temporal.example.com,IP:10.0.0.5
set -eu
umask 077
[ $# -ge 1 ] || { echo 'usage: make-certificates.sh DIRECTORY [--renew]' >&2; exit 2; }
directory=$1
renew=${2:-}
days=825

mkdir -p "$directory/ca"
if [ ! -e "$directory/ca/ca.key" ]; then
  openssl ecparam -name prime256v1 -genkey -noout -out "$directory/ca/ca.key"
  openssl req -x509 -new -key "$directory/ca/ca.key" -sha256 -days 3650 -subj '/CN=Assay fleet' \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' -out "$directory/ca/ca.crt"
fi

# identity NAME SUBJECT-ALT-NAMES: both directions, because the server's nodes are each other's clients
identity() {
  folder=$directory/$1
  mkdir -p "$folder"
  if [ -e "$folder/tls.crt" ] && [ "$renew" != --renew ]; then return; fi
  openssl ecparam -name prime256v1 -genkey -noout -out "$folder/tls.key"
  extensions=$folder/extensions
  printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=%s\n' "$2" > "$extensions"
  openssl req -new -key "$folder/tls.key" -subj "/CN=assay-$1" |
    openssl x509 -req -CA "$directory/ca/ca.crt" -CAkey "$directory/ca/ca.key" -CAcreateserial -sha256 -days "$days" \
      -extfile "$extensions" -out "$folder/tls.crt" 2> /dev/null
  rm "$extensions"
  cp "$directory/ca/ca.crt" "$folder/ca.crt"
}

identity temporal "DNS:temporal,DNS:localhost,IP:127.0.0.1${ASSAY_SERVER_NAMES:+,$ASSAY_SERVER_NAMES}"
identity ui DNS:temporal-ui
identity worker DNS:assay-worker
identity cli DNS:assay-cli
