#!/bin/sh
# The payload key is the one secret that only the environment takes; here it comes from a file all the same.
set -eu
ASSAY_PAYLOAD_KEY=$(cat /run/assay/payload-key)
export ASSAY_PAYLOAD_KEY
# as ops/cli/assay starts a worker, and for the same reasons
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
exec node --disable-warning=ExperimentalWarning --max-semi-space-size=4 --heap-growing-percent=30 --liftoff-only workers/assay.ts worker
