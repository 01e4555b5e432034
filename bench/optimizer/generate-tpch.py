"""Writes the eight TPC-H tables as CSV: generate-tpch.py SCALE FOLDER (PyPI: duckdb, duckdb-extension-tpch; nothing is downloaded at run time)."""

import os
import sys

import duckdb
import duckdb_extension_tpch

TABLES = ["region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem"]


def extension_file():
    for folder, _, names in os.walk(os.path.dirname(duckdb_extension_tpch.__file__)):
        for name in names:
            if name.endswith(".duckdb_extension"):
                return os.path.join(folder, name)
    raise SystemExit("duckdb-extension-tpch holds no extension file")


def main(scale, folder):
    os.makedirs(folder, exist_ok=True)
    database = duckdb.connect(config={"allow_unsigned_extensions": "true", "threads": "1"})
    database.execute(f"load '{extension_file()}'")
    database.execute(f"call dbgen(sf={float(scale)})")
    for table in TABLES:
        database.execute(f"copy {table} to '{os.path.join(folder, table)}.csv' (format csv, header false)")


main(sys.argv[1], sys.argv[2])
