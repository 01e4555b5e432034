/** What of the source the proof compared, table by table, small enough for a document. */
import type { CertificateBody, CertificateMarker, CertificateTable } from './certificate-schema.ts';
import { newestPerDatabase } from './databases.ts';
import type { Coverage, Instant, Marker, MarkerRef, TableFingerprint } from './model.ts';

/** A certificate of 10,000 tables names the largest; its markers, bound by digest, hold them all. */
const LISTED_TABLES = 200;
const LISTED_GAPS = 500;

/** A marker as the evidence store found it again, with the digest of its canonical form. */
export interface StoredMarker {
  readonly marker: Marker;
  /** `sha256:…` */
  readonly digest: string;
}

export interface MarkerCoverage {
  readonly markers: readonly CertificateMarker[];
  readonly tables: readonly CertificateTable[];
  readonly tablesNotListed: number;
}

export interface ProvenContent {
  /** Ages count back from here. */
  readonly provenAt: Instant;
  /** Markers whose tables are listed; left out: all. */
  readonly counted: readonly string[] | undefined;
}

/** `find` gives undefined for a marker that is gone: it is named with no figures. */
export function markerCoverage(
  refs: readonly MarkerRef[],
  find: (id: string) => StoredMarker | undefined,
  { provenAt, counted }: ProvenContent,
): MarkerCoverage {
  const found = refs.map((ref) => ({ ref, stored: find(ref.id) }));
  const isCounted = ({ id }: MarkerRef) => counted === undefined || counted.includes(id);
  const newest = newestPerDatabase(found.flatMap(({ ref, stored }) => (stored === undefined || !isCounted(ref) ? [] : [stored.marker])));
  const tables = newest.flatMap(({ database, fingerprints }) => fingerprints.map((table) => ({ database, table })));
  tables.sort((a, b) => b.table.bytes - a.table.bytes || compareNames(a, b));
  return {
    markers: found.map(({ ref, stored }) => markerEntry(ref, stored, provenAt)),
    tables: tables.slice(0, LISTED_TABLES).map(({ database, table }) => tableEntry(database, table, provenAt)),
    tablesNotListed: Math.max(0, tables.length - LISTED_TABLES),
  };
}

function markerEntry(ref: MarkerRef, stored: StoredMarker | undefined, provenAt: Instant): CertificateMarker {
  const identity = { id: ref.id, database: ref.database, lsn: ref.lsn, at: ref.at };
  if (stored === undefined) return { ...identity, way: null, tables: 0, bytes: 0, hashed: 0, texts: 0, oldestAgeMs: 0, digest: null };
  const { fingerprints } = stored.marker;
  const texts = fingerprints.filter((table) => table.equality === 'text').length;
  return {
    ...identity,
    way: stored.marker.way,
    tables: fingerprints.length,
    bytes: fingerprints.reduce((sum, table) => sum + table.bytes, 0),
    hashed: fingerprints.length - texts,
    texts,
    oldestAgeMs: fingerprints.reduce((oldest, table) => Math.max(oldest, ageMs(table.takenAt, provenAt)), 0),
    digest: stored.digest,
  };
}

function tableEntry(database: string, table: TableFingerprint, provenAt: Instant): CertificateTable {
  return {
    database,
    schema: table.schema,
    table: table.table,
    bytes: table.bytes,
    rows: table.rows,
    equality: table.equality,
    ageMs: ageMs(table.takenAt, provenAt),
  };
}

const ageMs = (takenAt: Instant, provenAt: Instant) => Math.max(0, Math.round(Date.parse(provenAt) - Date.parse(takenAt)) || 0);

interface Named {
  readonly database: string;
  readonly table: TableFingerprint;
}

const compareNames = (a: Named, b: Named): number =>
  compare(a.database, b.database) || compare(a.table.schema, b.table.schema) || compare(a.table.table, b.table.table);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The verdict's coverage as the certificate says it. A share of nothing is 0: an empty test covers nothing. */
export function coverageEntry(coverage: Coverage, tables: Pick<MarkerCoverage, 'tables' | 'tablesNotListed'>): CertificateBody['coverage'] {
  const { notCovered, equalities, counted, ...figures } = coverage;
  return {
    ...figures,
    oldestFingerprintMs: Math.round(coverage.oldestFingerprintMs),
    equalities: [...equalities],
    share: coverage.bytes === 0 ? 0 : Math.min(1, Math.floor((coverage.bytesCovered / coverage.bytes) * 10_000) / 10_000),
    // a marker that was never reached compared nothing, however many tables it holds
    largestTables: coverage.tablesCovered === 0 ? [] : [...tables.tables],
    tablesNotListed: coverage.tablesCovered === 0 ? 0 : tables.tablesNotListed,
    notCovered: notCovered.slice(0, LISTED_GAPS).map((gap) => ({ ...gap })),
    notCoveredNotListed: Math.max(0, notCovered.length - LISTED_GAPS),
  };
}
