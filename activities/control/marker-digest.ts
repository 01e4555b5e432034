/** One form of a marker, wherever it is kept, so that its digest is the same from the database and from a file. */
import { createHash } from 'node:crypto';
import { canonicalPieces, isWellFormed, wellFormed } from '../../domain/backup/certificate-canonical.ts';
import type { Marker, MarkerRef, TableFingerprint } from '../../domain/backup/model.ts';

/** Instants to the millisecond, tables by schema and name, strings fit for jsonb. Idempotent; a fingerprint that has this form already is not copied. */
export function settledMarker(marker: Marker): Marker {
  const { fingerprints, ...given } = marker;
  const head = wellFormed(given);
  const { witness } = head;
  return {
    ...head,
    at: instant(head.at),
    witness: witness === null ? null : { ...witness, at: instant(witness.at) },
    tookMs: Math.round(head.tookMs),
    fenceMs: Math.round(head.fenceMs * 1_000) / 1_000,
    fingerprints: fingerprints.map(settledTable).sort(byName),
  };
}

function settledTable(table: TableFingerprint): TableFingerprint {
  const takenAt = instant(table.takenAt);
  return takenAt === table.takenAt && isWellFormed(table) ? table : { ...wellFormed(table), takenAt };
}

/** `sha256:…` of the canonical JSON of a settled marker. */
export function markerDigest(settled: Marker): string {
  const hash = createHash('sha256');
  for (const piece of canonicalPieces(settled)) hash.update(piece);
  return `sha256:${hash.digest('hex')}`;
}

export function markerRef({ id, database, lsn, at, timeline, systemIdentifier }: Marker): MarkerRef {
  return { id, database, lsn, at, timeline, ...(systemIdentifier === undefined ? {} : { systemIdentifier }) };
}

const instant = (text: string) => new Date(text).toISOString();

function byName(a: TableFingerprint, b: TableFingerprint): number {
  return compare(a.schema, b.schema) || compare(a.table, b.table) || a.oid - b.oid;
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
