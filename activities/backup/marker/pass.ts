/** One pass over the tables of a held snapshot: parallel sessions, within the budget, what did not fit named. */
import type pg from 'pg';
import type { Equality, NotCovered, NotCoveredReason, TableFingerprint } from '../../../domain/backup/model.ts';
import type { Choose } from './choice.ts';
import type { Seeds } from './fingerprint.ts';
import type { HeldSnapshot } from './held-snapshot.ts';
import { importSnapshot, type ReadOutcome, readTable } from './read-table.ts';
import { endAll, type MarkerSource, openReader } from './session.ts';
import { type SourceTable, signaturesNow } from './tables.ts';

export interface Pass {
  readonly source: MarkerSource;
  readonly held: HeldSnapshot;
  /** A free session of `openReader` that reads first; whoever opened it ends it. */
  readonly lent: pg.Client;
  readonly pages: AsyncIterable<readonly SourceTable[]>;
  readonly choose: Choose;
  readonly seeds: Seeds;
  readonly parallel: number;
  /** performance.now() at which the snapshot must be let go. */
  readonly deadlineMs: number;
  readonly onProgress: (tables: number) => void;
}

export interface PassResult {
  readonly fingerprints: readonly TableFingerprint[];
  readonly notCovered: readonly NotCovered[];
  /** Oid of the last table chosen, in the order of the pages. */
  readonly lastOid: number | null;
}

interface Chosen {
  readonly table: SourceTable;
  readonly equality: Equality;
}

interface Tally {
  fingerprints: TableFingerprint[];
  notCovered: NotCovered[];
  lastOid: number | null;
  /** Exclusively locked at the first try: asked once more when all others are done. */
  locked: Chosen[];
}

/** Tables whose signature is checked together after they were read. */
const BATCH_TABLES = 50;
const BATCH_BYTES = 64 * 1024 * 1024;
/** A session remembers every table it ever opened, some 14 kB each, for as long as it lives. */
export const SESSION_TABLES = 1_000;

/** Throws cancelled (by the signal) or PostgreSQL's own error where a connection goes away; a table's trouble is an entry in `notCovered`. */
export async function readPass(pass: Pass): Promise<PassResult> {
  const tally: Tally = { fingerprints: [], notCovered: [], lastOid: null, locked: [] };
  const batches = batchesOf(pass, tally);
  const sessions: pg.Client[] = [];
  const work = async (lent?: pg.Client) => {
    let session = lent;
    let read = 0;
    for (let next = await batches.next(); !next.done; next = await batches.next()) {
      if (session === undefined || read >= SESSION_TABLES) {
        await endAll([session]);
        session = await openReader(pass.source);
        sessions.push(session);
        read = 0;
      }
      await readBatch(pass, session, { tables: next.value, tally, last: false });
      read += next.value.length;
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(1, pass.parallel) }, (_, place) => work(place === 0 ? pass.lent : undefined)));
    if (tally.locked.length > 0) {
      const session = await openReader(pass.source);
      sessions.push(session);
      await readBatch(pass, session, { tables: tally.locked.splice(0), tally, last: true });
    }
  } finally {
    await endAll(sessions);
  }
  return tally;
}

/** Decides for each table whether it is read at all; what needs no reading is settled here. One consumer at a time, as generators are. */
async function* batchesOf(pass: Pass, tally: Tally): AsyncGenerator<readonly Chosen[]> {
  let batch: Chosen[] = [];
  let bytes = 0;
  for await (const page of pass.pages) {
    for (const table of page) {
      const equality = settleUnread(pass, table, tally);
      if (equality === null) continue;
      batch.push({ table, equality });
      bytes += table.roughBytes;
      if (batch.length >= BATCH_TABLES || bytes >= BATCH_BYTES) {
        yield batch;
        batch = [];
        bytes = 0;
      }
    }
  }
  if (batch.length > 0) yield batch;
}

/** null: this table needs no reading, and its entry is made. */
function settleUnread(pass: Pass, table: SourceTable, tally: Tally): Equality | null {
  if (table.obstacle !== null) {
    tally.notCovered.push(entry(pass, table, table.obstacle, obstacles[table.obstacle] ?? ''));
    return null;
  }
  if (pass.held.locked.has(table.oid)) {
    tally.notCovered.push(entry(pass, table, 'budget', 'somebody held an exclusive lock on it at that moment, and so does every copy that stops there'));
    return null;
  }
  const choice = pass.choose(table);
  if (choice.kind === 'carry-over') tally.fingerprints.push(choice.fingerprint);
  if (choice.kind === 'leave') tally.notCovered.push(entry(pass, table, 'budget', `not in this round's sample (about ${table.roughBytes} bytes)`));
  if (choice.kind !== 'read') return null;
  tally.lastOid = table.oid;
  return choice.equality;
}

const DROPPED = 'dropped after the snapshot was taken';

const obstacles: Partial<Record<NotCoveredReason, string>> = {
  'foreign-table': 'its rows live on another server',
  unlogged: 'empty after every recovery, by design',
  'large-objects': 'SELECT on pg_largeobject is missing (pg_read_all_data gives it)',
  'no-privilege': 'SELECT on the table or USAGE on its schema is missing (pg_read_all_data gives both)',
  'row-security': 'a policy would hide rows from this role (BYPASSRLS lifts it)',
  'dropped-while-reading': DROPPED,
};

async function readBatch(pass: Pass, session: pg.Client, batch: { tables: readonly Chosen[]; tally: Tally; last: boolean }): Promise<void> {
  const { tally } = batch;
  const outcomes: { table: SourceTable; outcome: ReadOutcome }[] = [];
  await session.query(`/* assay backup */ set statement_timeout = ${Math.max(1, Math.ceil(pass.deadlineMs - performance.now()))}`);
  for (const chosen of batch.tables) {
    pass.source.signal.throwIfAborted();
    const outcome = await readInTime(pass, session, chosen);
    if (outcome.kind === 'locked' && !batch.last) tally.locked.push(chosen);
    else outcomes.push({ table: chosen.table, outcome });
  }
  await session.query('/* assay backup */ set statement_timeout = 0');
  const now = await signaturesNow(
    session,
    outcomes.map(({ table }) => table.oid),
  );
  for (const { table, outcome } of outcomes) settle(pass, tally, { table, outcome, signatureNow: now.get(table.oid) });
  pass.onProgress(tally.fingerprints.length);
}

async function readInTime(pass: Pass, session: pg.Client, { table, equality }: Chosen): Promise<ReadOutcome> {
  if (performance.now() >= pass.deadlineMs) return { kind: 'not-covered', reason: 'budget', detail: 'the time for this snapshot was over' };
  const outcome = await readTable(session, table, { exportedId: pass.held.exportedId, seeds: pass.seeds, equality });
  // a snapshot that is gone looks like any other error: this throws where its holder is no more
  if (outcome.kind === 'not-covered' && outcome.reason === 'unreadable-type') await importSnapshot(session, pass.held.exportedId);
  return outcome;
}

/**
 * An old snapshot reads nonsense from a table that was truncated, rewritten or altered after it; unless the table still looks as the
 * snapshot saw it, what was read counts for nothing. Looking later than reading is safe: it can only find more changes.
 */
function settle(pass: Pass, tally: Tally, read: { table: SourceTable; outcome: ReadOutcome; signatureNow: string | undefined }): void {
  const { table, outcome, signatureNow } = read;
  if (signatureNow !== table.signature) {
    const detail = signatureNow === undefined ? DROPPED : 'truncated, rewritten or altered after the snapshot was taken';
    tally.notCovered.push(entry(pass, table, 'dropped-while-reading', detail));
  } else if (outcome.kind === 'read') {
    const { schema, table: name, oid } = table;
    const { content, bytes, equality } = outcome;
    tally.fingerprints.push({ schema, table: name, oid, ...content, equality, bytes, seeds: pass.seeds, takenAt: pass.held.at });
  } else {
    tally.notCovered.push(entry(pass, table, outcome.kind === 'locked' ? 'budget' : outcome.reason, outcome.detail));
  }
}

const entry = (pass: Pass, table: SourceTable, reason: NotCoveredReason, detail: string): NotCovered => ({
  database: pass.source.database,
  object: `${table.schema}.${table.table}`,
  reason,
  detail,
});
