#!/bin/sh
# Every secret of docker-compose.yml as a file, one folder for each service that reads it. Makes what is missing, changes nothing that is there.
#   sudo ops/compose/make-secrets.sh DIRECTORY UID:GID
# UID:GID: the owner of the PostgreSQL data directory; the worker runs as it.
set -eu
umask 077
[ $# -eq 2 ] || { echo 'usage: make-secrets.sh DIRECTORY UID:GID-OF-THE-WORKER' >&2; exit 2; }
directory=$1
worker=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

mkdir -p "$directory"
"$here/make-certificates.sh" "$directory"
mkdir -p "$directory/postgres" "$directory/grafana"

password() { [ -e "$directory/$1" ] || openssl rand -hex 24 > "$directory/$1"; }
password postgres/superuser-password
password postgres/temporal-password
password postgres/assay-password
password grafana/admin-password
cp "$directory/postgres/temporal-password" "$directory/temporal/db-password"
printf 'postgresql://assay:%s@postgres:5432/assay\n' "$(cat "$directory/postgres/assay-password")" > "$directory/worker/control-url"
[ -e "$directory/worker/payload-key" ] || openssl rand -base64 32 > "$directory/worker/payload-key"
[ -e "$directory/worker/signing-key.pem" ] || openssl genpkey -algorithm ed25519 -out "$directory/worker/signing-key.pem"
# what auditors verify certificates with: hand it out, apart from the certificates
openssl pkey -in "$directory/worker/signing-key.pem" -pubout -out "$directory/signing-key.pub.pem"

# the users the images run as; each folder is mounted into one service only
own() {
  if [ "$(id -u)" -eq 0 ]; then chown -R "$1" "$directory/$2"; else echo "not root: run  chown -R $1 $directory/$2  yourself" >&2; fi
}
own 999:999 postgres
own 1000:1000 temporal
own 5000:5000 ui
own 472:0 grafana
own "$worker" worker
echo "secrets are in $directory; next: export ASSAY_SECRETS=$directory ASSAY_WORKER_UID=${worker%%:*} ASSAY_WORKER_GID=${worker##*:}"
