#!/bin/sh
# The payload key is the one secret that only the environment takes; here it comes from a file all the same.
set -eu
ASSAY_PAYLOAD_KEY=$(cat /run/assay/payload-key)
export ASSAY_PAYLOAD_KEY
exec node --disable-warning=ExperimentalWarning workers/assay.ts worker
