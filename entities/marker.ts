/** A marker and, a row each, the fingerprints of its tables: 10,000 tables are rows here, never one big value. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Marker } from '../domain/backup/model.ts';

/** All of a marker but its fingerprints. */
export type MarkerHead = Omit<Marker, 'fingerprints'>;

export const MarkerEntity = defineEntity({
  name: 'Marker',
  tableName: 'marker',
  properties: {
    id: p.text().primary(),
    cluster: p.text(),
    database: p.text(),
    lsn: p.text().columnType('pg_lsn'),
    at: p.datetime(),
    head: p.json<MarkerHead>(),
    /** `sha256:…` of the canonical marker, fingerprints included; certificates name it. */
    digest: p.text(),
  },
});
export type MarkerEntity = InferEntity<typeof MarkerEntity>;

export const TableFingerprintEntity = defineEntity({
  name: 'TableFingerprint',
  tableName: 'table_fingerprint',
  properties: {
    marker: p.text().primary(),
    position: p.integer().primary(),
    oid: p.bigint('number'),
    schema: p.text(),
    table: p.text(),
    rows: p.text().columnType('numeric'),
    sum: p.text().columnType('numeric'),
    equality: p.text(),
    bytes: p.bigint('number'),
    seed1: p.bigint('string'),
    seed2: p.bigint('string'),
    takenAt: p.text(),
  },
});
export type TableFingerprintEntity = InferEntity<typeof TableFingerprintEntity>;
