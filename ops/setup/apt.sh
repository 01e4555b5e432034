#!/bin/sh
# Installs packages on Debian or Ubuntu, as root, and starts nothing: `sh apt.sh postgresql hypopg pgbackrest`.
# `hypopg` stands for the package of the PostgreSQL major that is (or is about to be) there.
set -eu
export DEBIAN_FRONTEND=noninteractive
CREATE=/etc/postgresql-common/createcluster.conf
POLICY=/usr/sbin/policy-rc.d
LINE='create_main_cluster = false # only while Assay installs'
log=$(mktemp)
install() { apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1 </dev/null || { cat "$log" >&2; return 1; }; }

# what is changed for the time of the installation only: no service starts by itself, no cluster `main` is made
restore() {
  rm -f "$log"
  [ -z "${policy_made:-}" ] || rm -f "$POLICY"
  [ ! -e "$CREATE" ] || sed -i "/^$LINE\$/d" "$CREATE"
}
trap restore EXIT
trap 'exit 1' INT TERM
if [ ! -e "$POLICY" ]; then
  policy_made=yes
  printf '#!/bin/sh\nexit 101\n' >"$POLICY" && chmod 755 "$POLICY"
fi

apt-get update -qq >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
case " $* " in *" postgresql "* | *" hypopg "*)
  install postgresql-common
  grep -q '^create_main_cluster' "$CREATE" || echo "$LINE" >>"$CREATE" ;;
esac
major=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 | cut -d/ -f5)
[ -n "$major" ] || major=$(apt-cache show postgresql | sed -n 's/^Version: \([0-9]*\)+.*/\1/p' | head -1)
packages=
for name in "$@"; do
  case $name in
    hypopg) name=postgresql-$major-hypopg ;;
    postgresql) name=postgresql-$major ;;
  esac
  packages="$packages $name"
done
# shellcheck disable=SC2086 # a list of words
install $packages
