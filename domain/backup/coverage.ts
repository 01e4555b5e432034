/** How much of a cluster a proof really compared. Pure. */
import { type FoundDatabase, newestPerDatabase, standingsOf } from './databases.ts';
import type { Coverage, Equality, Instant, Marker, NotCovered } from './model.ts';

export interface CoverageInput {
  /** Databases that should be covered, with their size; the policy's excluded ones are in `notCovered`. None: the clone never got so far as to be asked. */
  readonly databases: readonly FoundDatabase[];
  /** Markers that were compared, one or more per database; the newest of each counts. */
  readonly markers: readonly Marker[];
  readonly notCovered: readonly NotCovered[];
  /** Moment that is proven; ages are counted from it. null: the newest marker's. */
  readonly provenAt: Instant | null;
}

/**
 * Counts only databases whose comparison really was equal (`compared`: the names their markers give them). Bytes are those of tables that have
 * a fingerprint, and of whole databases that have none, or that hold tables nobody could measure: a share is never more than was really compared.
 * What was compared and is not there any more at the end counts for nothing.
 */
export function coverageOf(input: CoverageInput, compared: readonly string[]): Coverage {
  const standings = standingsOf(input.databases, input.markers);
  const markers = input.databases.length === 0 ? newestPerDatabase(input.markers) : standings.flatMap(({ marker }) => marker ?? []);
  const comparedMarkers = markers.filter(({ database }) => compared.includes(database));
  const all = markers.flatMap((marker) => marker.fingerprints);
  const equal = comparedMarkers.flatMap((marker) => marker.fingerprints);
  const newcomers = standings.flatMap(({ newcomer }) => newcomer ?? []);
  const notCovered = distinct([...input.notCovered, ...newcomers, ...gapsOf(input, markers)]);
  const excluded = notCovered.filter(({ object, reason }) => object === null && reason === 'database-excluded').map(({ database }) => database);
  const here = input.databases.length === 0 ? markers.map(({ database }) => database) : input.databases.map(({ name }) => name);
  return {
    databases: new Set([...here, ...excluded]).size,
    databasesCovered: comparedMarkers.length,
    tables: all.length + notCovered.filter(({ object }) => object !== null).length,
    tablesCovered: equal.length,
    bytes: input.databases.length === 0 ? bytesOf(all) : standings.reduce((sum, standing) => sum + bytesToCover(standing), 0),
    bytesCovered: bytesOf(equal),
    oldestFingerprintMs: oldestMs(equal, input.provenAt ?? newestMoment(markers)),
    equalities: [...new Set<Equality>(equal.map(({ equality }) => equality))].sort(),
    notCovered,
    counted: markers.map(({ id }) => id),
  };
}

/** Tables whose rows are in the backup and whose size is not known. */
const UNMEASURED: readonly NotCovered['reason'][] = ['no-privilege', 'row-security', 'budget', 'large-objects', 'unreadable-type'];

function bytesToCover({ database, marker }: { readonly database: FoundDatabase; readonly marker: Marker | null }): number {
  if (marker === null) return database.bytes;
  const isMeasured = !marker.notCovered.some(({ object, reason }) => object !== null && UNMEASURED.includes(reason));
  return isMeasured ? bytesOf(marker.fingerprints) : Math.max(database.bytes, bytesOf(marker.fingerprints));
}

/** What the markers left out: tables of databases that are still there, and databases that a run could make no marker of. */
function gapsOf({ databases, markers }: CoverageInput, used: readonly Marker[]): readonly NotCovered[] {
  const isThere = ({ database, reason }: NotCovered) =>
    databases.length === 0 || reason === 'database-excluded' || databases.some(({ name }) => name === database);
  const whole = newestPerDatabase(markers).flatMap(({ notCovered }) => notCovered.filter((each) => each.object === null && isThere(each)));
  return [...whole, ...used.flatMap(({ notCovered }) => notCovered.filter(({ object }) => object !== null))];
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
