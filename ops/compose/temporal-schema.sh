#!/bin/sh
# Makes Temporal's schema, or brings it to the version of these tools. Can run any number of times.
set -eu
SQL_PASSWORD=$(cat /run/assay/db-password)
export SQL_PASSWORD
for database in temporal temporal_visibility; do
  versions=/etc/temporal/schema/postgresql/v12/${database#temporal_}/versioned
  tool() { temporal-sql-tool --plugin postgres12 --ep postgres --port 5432 --user temporal --db "$database" "$@"; }
  # update first: setup-schema on a schema that is there would set its version back
  tool update-schema -d "$versions" || { tool setup-schema -v 0.0 && tool update-schema -d "$versions"; }
done
