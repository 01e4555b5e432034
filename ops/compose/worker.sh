#!/bin/sh
# The payload key is the one secret that only the environment takes; here it comes from a file all the same.
set -eu
ASSAY_PAYLOAD_KEY=$(cat /run/assay/payload-key)
export ASSAY_PAYLOAD_KEY
# a small young generation: a worker waits most of its life, and is 60 MB smaller so
exec node --disable-warning=ExperimentalWarning --max-semi-space-size=4 workers/assay.ts worker
