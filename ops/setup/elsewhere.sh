#!/bin/sh
# Tries what is committed here on another Debian or Ubuntu: a bare system in a folder, with mounts and processes of its own that end with the command.
#   sudo sh ops/setup/elsewhere.sh trixie npm run demo
#   sudo sh ops/setup/elsewhere.sh --user noble npm test     as an ordinary user who may sudo
#   sudo sh ops/setup/elsewhere.sh --remove trixie
# Needs root, debootstrap, and for Ubuntu its ubuntu-keyring. The system stays in $ELSEWHERE (/var/tmp/assay-elsewhere) until --remove.
set -eu
usage() { sed -n 2,6p "$0" >&2; exit 2; }
user=root home=/root remove=
case "${1:-}" in
  --user) user=me home=/home/me; shift ;;
  --remove) remove=yes; shift ;;
esac
suite=${1:-}
case $suite in '' | *[!a-z]*) usage ;; esac
shift
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
ROOT=${ELSEWHERE:-/var/tmp/assay-elsewhere}/$suite
# safe: what `as` mounts there, nobody outside ever sees
if [ -n "$remove" ]; then rm -rf --one-file-system "$ROOT"; exit 0; fi
[ $# -gt 0 ] || usage

# USER HOME FOLDER COMMAND…: nothing of the environment here but what a proxy needs; mounts and processes end with the command
as() {
  who=$1 at=$2 folder=$3; shift 3
  env -i HOME="$at" USER="$who" LOGNAME="$who" TERM="${TERM:-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ${CI:+CI="$CI"} ${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt} ${https_proxy:+https_proxy="$https_proxy"} \
    unshare --mount --pid --fork --kill-child --propagation private sh -c '
      root=$1 who=$2 folder=$3; shift 3
      mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount -t tmpfs tmpfs "$root/dev/shm" && mount --rbind /sys "$root/sys" || exit 1
      chroot --userspec="$who:" "$root" sh -c "cd \"\$1\" && shift && exec \"\$@\"" sh "$folder" "$@"' sh "$ROOT" "$who" "$folder" "$@"
}

# 1. the bare system, and what a new user must have: git, Node with npm, sudo
if [ ! -e "$ROOT/.ready" ]; then
  case $suite in
    bookworm | trixie | forky) mirror=http://deb.debian.org/debian components=main like=sid keyring=/usr/share/keyrings/debian-archive-keyring.gpg ;;
    *) mirror=http://archive.ubuntu.com/ubuntu components=main,universe like=gutsy keyring=${UBUNTU_KEYRING:-/usr/share/keyrings/ubuntu-archive-keyring.gpg} ;;
  esac
  # an older debootstrap does not know a newer suite, but how one is made has not changed
  [ ! -e "/usr/share/debootstrap/scripts/$suite" ] || like=$suite
  mkdir -p "$ROOT"
  debootstrap --variant=minbase --components=$components --keyring="$keyring" --include=ca-certificates "$suite" "$ROOT" "$mirror" "$like"
  echo "deb $mirror $suite-updates $(echo $components | tr , ' ')" >>"$ROOT/etc/apt/sources.list"
  cp -RL /usr/local/share/ca-certificates/. "$ROOT/usr/local/share/ca-certificates/"
  cp -L /etc/resolv.conf /etc/hosts "$ROOT/etc/"
  as root /root / sh -ec 'update-ca-certificates; apt-get update; export DEBIAN_FRONTEND=noninteractive
    apt-get upgrade -y; apt-get install -y --no-install-recommends git nodejs npm sudo
    useradd --create-home --shell /bin/bash me; echo "me ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/me'
  touch "$ROOT/.ready"
fi

# 2. the clone, and the command in it
clone=$ROOT$home/assay
if [ -e "$clone" ]; then git -c safe.directory='*' -C "$clone" pull --quiet --ff-only
else git clone --quiet "$SOURCE" "$clone"
fi
as root /root / chown -R "$user:" "$home/assay"
as "$user" "$home" "$home/assay" "$@"
