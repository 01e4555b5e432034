/**
 * Which marker stands for which database of the clone, by the database's own oid, as tables are: a name may have come to another database
 * since the marker, by a rename or because it was dropped and made anew. Pure.
 */
import type { Marker, NotCovered } from './model.ts';

export interface FoundDatabase {
  readonly name: string;
  readonly bytes: number;
  /** Missing where an older worker looked: then the name decides. */
  readonly oid?: number;
}

export interface Standing {
  readonly database: FoundDatabase;
  /** The newest one that was made of this very database; null: there is none. */
  readonly marker: Marker | null;
  /** Set: it has no marker because it is younger than all of them. Such a database is not covered, and says so. */
  readonly newcomer: NotCovered | null;
}

/** Databases of the clone, at its last stop, each with the marker it may be judged by. */
export function standingsOf(databases: readonly FoundDatabase[], markers: readonly Marker[]): readonly Standing[] {
  const newest = newestPerDatabase(markers);
  return databases.map((database) => {
    const marker = newest.find((each) => isOf(each, database)) ?? null;
    return { database, marker, newcomer: marker === null ? newcomerOf(database, newest) : null };
  });
}

/** One for each database that ever had that oid; markers older than this field are told apart by name. */
export function newestPerDatabase(markers: readonly Marker[]): readonly Marker[] {
  const newest = new Map<string | number, Marker>();
  for (const marker of markers) {
    const key = marker.databaseOid ?? marker.database;
    const known = newest.get(key);
    if (known === undefined || Date.parse(known.at) < Date.parse(marker.at)) newest.set(key, marker);
  }
  return [...newest.values()];
}

const isOf = ({ databaseOid, database }: Marker, found: FoundDatabase): boolean =>
  databaseOid === undefined || found.oid === undefined ? database === found.name : databaseOid === found.oid;

/** Only where every marker says which databases there were, and none of them knew this one: otherwise it may as well have been left out. */
function newcomerOf({ name, oid }: FoundDatabase, markers: readonly Marker[]): NotCovered | null {
  if (oid === undefined || markers.length === 0) return null;
  if (!markers.every(({ knownDatabases }) => knownDatabases !== undefined && !knownDatabases.includes(oid))) return null;
  const since = markers.reduce((latest, { at }) => (Date.parse(at) > Date.parse(latest) ? at : latest), markers[0]?.at as string);
  const before = markers.some(({ database }) => database === name) ? ', which is of another database of this name' : '';
  return {
    database: name,
    object: null,
    reason: 'created-after-marker',
    detail: `created after the databases were listed for the newest marker, of ${since}${before}`,
  };
}
