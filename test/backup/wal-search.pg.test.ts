/** Looking through archived WAL for restore points and transactions, on a real archive. */
import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { surveyRepository } from '../../activities/backup/survey.ts';
import { lastTransaction, placeOf } from '../../activities/backup/wal-places.ts';
import { compareLsn } from '../../domain/backup/lsn.ts';
import type { RecoveryTarget } from '../../domain/backup/model.ts';
import { backupDependencies } from '../../workers/dependencies.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { filesBelow, flipBit } from '../support/damaged.ts';
import { engineOf, nextSegment, testIo } from '../support/engine.ts';

let cluster: EmbeddedCluster;
/** Positions just before and behind what was made, by what it is called. */
const around: Record<string, { readonly before: string; readonly behind: string }> = {};
const xids: Record<string, string> = {};

beforeAll(async () => {
  cluster = await testCluster({ name: 'shop', settings: { max_prepared_transactions: '2' } });
  await cluster.sql('create table t (id int)');
  await engineOf(cluster).backup({ type: 'full', requestKey: 'first', repository: 1 }, testIo());
  await made('old', () => cluster.sql("select pg_create_restore_point('old')"));
  await made('twice, first', () => cluster.sql("select pg_create_restore_point('twice')"));
  await nextSegment(cluster);
  await made('committed', async () => {
    xids.committed = await xidOf('insert into t values (1) returning pg_current_xact_id()::text as xid');
  });
  await made('prepared', async () => {
    xids.prepared = await xidOf("begin; insert into t values (2); select pg_current_xact_id()::text as xid; prepare transaction 'p'", 2);
    await cluster.sql("commit prepared 'p'");
  });
  await made('aborted', async () => {
    xids.aborted = await xidOf('begin; insert into t values (3); select pg_current_xact_id()::text as xid; rollback', 2);
  });
  await made('twice, again', () => cluster.sql("select pg_create_restore_point('twice')"));
  await nextSegment(cluster);
  await upToEnd();
  await made('straddling', () => cluster.sql("select pg_create_restore_point('a name that goes on into the segment after it: really')"));
  await nextSegment(cluster);
  await made('last', () => cluster.sql('insert into t values (4)'));
  await cluster.sql('checkpoint');
  await cluster.sql('select pg_switch_wal()');
  await nextSegment(cluster);
}, 120_000);

const name = (text: string): RecoveryTarget => ({ kind: 'name', name: text });
const xid = (text: string | undefined): RecoveryTarget => ({ kind: 'xid', xid: text ?? '', exclusive: false });

describe('the place of', { timeout: 60_000 }, () => {
  test.each([
    ['a restore point', 'old', () => name('old')],
    ['a restore point that was made twice: the newer one', 'twice, again', () => name('twice')],
    ['a restore point that lies in two segments', 'straddling', () => name('a name that goes on into the segment after it: really')],
    ['a transaction', 'committed', () => xid(xids.committed)],
    ['a transaction told with its epoch', 'committed', () => xid(String(BigInt(xids.committed ?? '') + (3n << 32n)))],
    ['a transaction that was prepared: where it was committed', 'prepared', () => xid(xids.prepared)],
    ['a transaction that was rolled back', 'aborted', () => xid(xids.aborted)],
  ])('%s', async (_, what, target) => {
    const { deps, survey, policy } = await open();
    const found = await placeOf(deps, survey, { policy, target: target() });
    expect(compareLsn(found ?? '0/0', around[what]?.before ?? '')).toBeGreaterThanOrEqual(0);
    expect(compareLsn(found ?? 'FFFFFFFF/0', around[what]?.behind ?? '')).toBeLessThan(0);
    expect(readdirSync(policy.clone.directory)).toEqual([]);
  });

  test.each([
    ['a name', name('never')],
    ['a transaction', xid('4000000000')],
  ])('%s that is nowhere is refused', async (_, target) => {
    const { deps, survey, policy } = await open();
    await expect(placeOf(deps, survey, { policy, target })).rejects.toMatchObject({
      code: 'target-unreachable',
      values: { nearest: expect.stringMatching(/^before: /) },
    });
  });

  test('what needs no search is not searched for', async () => {
    const { deps, survey, policy } = await open();
    expect(await placeOf(deps, survey, { policy, target: { kind: 'lsn', lsn: '0/1', exclusive: false } })).toBeNull();
  });
});

describe('the last transaction', { timeout: 60_000 }, () => {
  test('of all, and before a position', async () => {
    const { deps, survey, policy } = await open();
    const all = known(await lastTransaction(deps, survey, { policy, before: 'FFFFFFFF/0' }));
    // the filler of nextSegment
    expect(compareLsn(all?.lsn ?? '0/0', around.last?.behind ?? '')).toBeGreaterThan(0);
    const early = known(await lastTransaction(deps, survey, { policy, before: around['twice, again']?.before ?? '' }));
    expect(compareLsn(early?.lsn ?? '0/0', around.aborted?.before ?? '')).toBeGreaterThanOrEqual(0);
    expect(compareLsn(early?.lsn ?? 'FFFFFFFF/0', around.aborted?.behind ?? '')).toBeLessThan(0);
    expect(Math.abs(Date.parse(early?.at ?? '') - Date.now())).toBeLessThan(120_000);
  });
});

// last: it damages the archive
test('a damaged segment hides only what is in it', { timeout: 60_000 }, async () => {
  const [, newest] = filesBelow(cluster.repositoryPath, /\/archive\/.*[0-9A-F]{24}-[0-9a-f]{40}/).sort((a, b) => (a < b ? 1 : -1));
  flipBit(newest ?? '');
  const { deps, survey, policy } = await open();
  expect(await placeOf(deps, survey, { policy, target: name('old') })).not.toBeNull();
});

const known = (last: Awaited<ReturnType<typeof lastTransaction>>) => (last === 'unknown' ? null : last);

async function open() {
  const policy = cluster.policy();
  const none = {} as never; // neither evidence nor markers are asked for
  const deps = backupDependencies({ host: policy.host, observe: () => {}, evidence: none, markerStore: none, io: () => testIo() });
  return { deps, policy, survey: await surveyRepository(deps, policy, 1) };
}

async function made(what: string, act: () => Promise<unknown>): Promise<void> {
  const before = await here();
  await act();
  around[what] = { before, behind: await here() };
}

async function here(): Promise<string> {
  const [row] = await cluster.sql<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
  return row?.lsn ?? '';
}

/** The id a transaction reports; `at`: which of several statements does. */
async function xidOf(sql: string, at = 0): Promise<string> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  await client.connect();
  try {
    const results = [await client.query<{ xid: string }>(sql)].flat();
    return results[at]?.rows[0]?.xid ?? '';
  } finally {
    await client.end();
  }
}

/** Fills the segment until fewer bytes are left than a restore point takes. */
async function upToEnd(): Promise<void> {
  const SEGMENT = 16n * 1024n * 1024n;
  const left = async () => {
    const [row] = await cluster.sql<{ at: string }>("select (pg_current_wal_insert_lsn() - '0/0')::text as at");
    return Number(SEGMENT - (BigInt(row?.at ?? '0') % SEGMENT));
  };
  for (let rest = await left(); rest > 100; rest = await left()) {
    // headers of pages and of the record itself come on top
    const bytes = rest > 4_000 ? Math.floor(rest * 0.9) - 1_000 : Math.max(0, Math.min(rest - 160, 500));
    await cluster.sql(`select pg_logical_emit_message(false, 'x', repeat('x', ${bytes}))`);
  }
}
