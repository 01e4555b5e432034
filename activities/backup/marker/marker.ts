/** One marker of one database: what must be read before the snapshot, the snapshot by the best way there is, the pass, what comes after. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Equality, Marker } from '../../../domain/backup/model.ts';
import { AssayError } from '../../../domain/errors.ts';
import { newestWitness } from '../source/witness.ts';
import { byFence } from './by-fence.ts';
import { byQuietMoment, byQuietMomentAtOnce } from './by-quiet-moment.ts';
import { bySlot } from './by-slot.ts';
import { chooser, orderFor } from './choice.ts';
import { freshSeeds } from './fingerprint.ts';
import { type HeldSnapshot, isHeld, type NoSnapshot } from './held-snapshot.ts';
import { nameTypes } from './name-columns.ts';
import { readPass } from './pass.ts';
import { readSequences, settleSequences } from './sequences.ts';
import { endAll, LOCK_WAIT, type MarkerSource, openReader } from './session.ts';
import { changeKeys, passBytes, sourceTables } from './tables.ts';
import { unhashableTypes } from './unhashable-types.ts';

/** `watch` is a session of the same database, free for any statement. */
export type Way = (source: MarkerSource, watch: pg.Client, waitMs: number) => Promise<HeldSnapshot | NoSnapshot>;

/** Best first: what leaves writers alone, what costs them a flush, what searches longer, what makes them wait. */
export const allWays: readonly Way[] = [byQuietMomentAtOnce, bySlot, byQuietMoment, byFence];

export interface MarkerOptions {
  readonly equality: Equality;
  readonly previous: Marker | null;
  /** Oids of all databases when the run began; left out: not known. */
  readonly knownDatabases?: readonly number[];
  /** Default all, best first. */
  readonly ways?: readonly Way[];
}

/** Throws marker-busy where no way gave a snapshot, with the reason of each in its values; PostgreSQL's own errors otherwise. */
export async function makeMarker(source: MarkerSource, options: MarkerOptions, onProgress: (tables: number) => void): Promise<Marker> {
  const began = performance.now();
  const { fingerprint } = source.policy.proof;
  // a sequence somebody is altering is left out rather than waited for
  const watch = await openReader(source, { lock_timeout: '200ms' });
  let held: HeldSnapshot | undefined;
  try {
    const keys = fingerprint.mode === 'changed' ? await changeKeys(watch) : null;
    const sequencesBefore = await readSequences(watch);
    held = await bestSnapshot(source, watch, options.ways ?? allWays);
    // sequences and counters do not obey snapshots: the ones above belong before it, this reading after it
    const sequences = settleSequences(sequencesBefore, await readSequences(watch));
    const { fingerprints, notCovered, lastOid } = await readTables({ source, watch, held, options, changeKeys: keys ?? {}, onProgress });
    const { way, lsn, timeline, systemIdentifier, databaseOid, at, snapshot, fenceMs } = held;
    return {
      id: randomUUID(),
      cluster: source.policy.cluster,
      database: source.database,
      ...{ way, lsn, timeline, systemIdentifier, databaseOid, at, snapshot, fenceMs },
      ...(options.knownDatabases === undefined ? {} : { knownDatabases: options.knownDatabases }),
      witness: await newestWitness(held.holder),
      fingerprints,
      textForm: 'oids',
      sequences,
      notCovered,
      tookMs: Math.round(performance.now() - began),
      ...(keys === null ? {} : { changeKeys: keys }),
      ...(fingerprint.mode === 'sample' && lastOid !== null ? { sampledUpTo: lastOid } : {}),
    };
  } finally {
    await endAll([watch, held?.holder]);
  }
}

/** Each way that could not says why. */
async function bestSnapshot(source: MarkerSource, watch: pg.Client, ways: readonly Way[]): Promise<HeldSnapshot> {
  const { waitMs } = source.policy.proof.fingerprint;
  const refused: NoSnapshot[] = [];
  for (const way of ways) {
    source.signal.throwIfAborted();
    const attempt = await way(source, watch, waitMs);
    if (isHeld(attempt)) return attempt;
    refused.push(attempt);
  }
  throw new AssayError('marker-busy', { database: source.database, timeoutMs: waitMs, ways: refused.map(({ way, reason }) => `${way}: ${reason}`).join('; ') });
}

interface Reading {
  readonly source: MarkerSource;
  readonly watch: pg.Client;
  readonly held: HeldSnapshot;
  readonly options: MarkerOptions;
  readonly changeKeys: Readonly<Record<string, string>>;
  readonly onProgress: (tables: number) => void;
}

async function readTables({ source, watch, held, options, changeKeys: keys, onProgress }: Reading) {
  const { fingerprint } = source.policy.proof;
  const totalBytes = fingerprint.mode === 'sample' ? await passBytes(held.holder) : 0;
  const unhashable = await unhashableTypes(held.holder);
  const types = { unhashable, named: await nameTypes(held.holder, unhashable) };
  const choose = chooser({ policy: fingerprint, ...options, changeKeys: keys, totalBytes });
  await watch.query(`/* assay backup */ set lock_timeout = '${LOCK_WAIT}'`);
  return readPass({
    ...{ source, held, choose, onProgress, lent: watch },
    pages: sourceTables(held.holder, types, orderFor(fingerprint.mode, options.previous)),
    seeds: freshSeeds(),
    parallel: fingerprint.parallel,
    deadlineMs: held.heldSinceMs + fingerprint.maxSnapshotAgeMs,
  });
}
