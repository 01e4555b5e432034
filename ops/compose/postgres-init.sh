#!/bin/sh
# Run once by the postgres image on an empty data directory: a role and its databases for Temporal, and one for the fleet.
set -eu
secrets=${ASSAY_RUN:-/run/assay}
temporal=$(cat "$secrets/temporal-password")
assay=$(cat "$secrets/assay-password")
psql -v ON_ERROR_STOP=1 -v temporal="$temporal" -v assay="$assay" --username "$POSTGRES_USER" <<'SQL'
create role temporal login password :'temporal';
create role assay login password :'assay';
create database temporal owner temporal;
create database temporal_visibility owner temporal;
create database assay owner assay;
revoke all on database temporal, temporal_visibility, assay from public;
SQL
