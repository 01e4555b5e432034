#!/bin/sh
# The fleet's namespace; closed workflows stay readable for 30 days. Can run any number of times.
set -eu
namespace=${ASSAY_TEMPORAL_NAMESPACE:?}
cli() {
  temporal "$@" --namespace "$namespace" --address temporal:7233 \
    --tls-ca-path /run/assay/ca.crt --tls-cert-path /run/assay/tls.crt --tls-key-path /run/assay/tls.key --tls-server-name temporal
}
cli operator namespace describe > /dev/null 2>&1 || cli operator namespace create --retention 720h
