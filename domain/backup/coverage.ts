/** How much of a cluster a proof really compared. Pure. */
import type { Coverage, Equality, Instant, Marker, NotCovered } from './model.ts';

export interface CoverageInput {
  /** Databases that should be covered, with their size; the policy's excluded ones are in `notCovered`. */
  readonly databases: readonly { readonly name: string; readonly bytes: number }[];
  /** Markers that were compared, one or more per database; the newest of each counts. */
  readonly markers: readonly Marker[];
  readonly notCovered: readonly NotCovered[];
  /** Moment that is proven; ages are counted from it. null: the newest marker's. */
  readonly provenAt: Instant | null;
}

/** Counts only databases whose comparison really was equal. Bytes are those of tables that have a fingerprint, and of whole databases that have none. */
export function coverageOf(input: CoverageInput, comparedDatabases: readonly string[]): Coverage {
  const markers = newestPerDatabase(input.markers);
  const all = markers.flatMap((marker) => marker.fingerprints);
  const compared = markers.filter(({ database }) => comparedDatabases.includes(database)).flatMap((marker) => marker.fingerprints);
  const withMarker = new Set(markers.map(({ database }) => database));
  const notCovered = distinct([...input.notCovered, ...markers.flatMap((marker) => marker.notCovered)]);
  const excluded = new Set(notCovered.filter(({ object, reason }) => object === null && reason === 'database-excluded').map(({ database }) => database));
  const names = new Set([...input.databases.map(({ name }) => name), ...withMarker, ...excluded]);
  const unmarkedBytes = input.databases.filter(({ name }) => !withMarker.has(name)).reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    databases: names.size,
    databasesCovered: new Set(comparedDatabases).size,
    tables: all.length + notCovered.filter(({ object }) => object !== null).length,
    tablesCovered: compared.length,
    bytes: bytesOf(all) + unmarkedBytes,
    bytesCovered: bytesOf(compared),
    oldestFingerprintMs: oldestMs(compared, input.provenAt ?? newestMoment(markers)),
    equalities: [...new Set<Equality>(compared.map(({ equality }) => equality))].sort(),
    notCovered,
  };
}

function newestPerDatabase(markers: readonly Marker[]): Marker[] {
  const newest = new Map<string, Marker>();
  for (const marker of markers) {
    const known = newest.get(marker.database);
    if (known === undefined || Date.parse(known.at) < Date.parse(marker.at)) newest.set(marker.database, marker);
  }
  return [...newest.values()];
}

const bytesOf = (fingerprints: readonly { readonly bytes: number }[]): number => fingerprints.reduce((sum, { bytes }) => sum + bytes, 0);

function oldestMs(fingerprints: readonly { readonly takenAt: Instant }[], provenAt: Instant | null): number {
  if (provenAt === null) return 0;
  return fingerprints.reduce((oldest, { takenAt }) => Math.max(oldest, Date.parse(provenAt) - Date.parse(takenAt)), 0);
}

function newestMoment(markers: readonly Marker[]): Instant | null {
  return markers.reduce<Instant | null>((newest, { at }) => (newest === null || Date.parse(at) > Date.parse(newest) ? at : newest), null);
}

function distinct(notCovered: readonly NotCovered[]): NotCovered[] {
  return [...new Map(notCovered.map((each) => [JSON.stringify([each.database, each.object, each.reason]), each])).values()];
}
