/** Who may change what on a source: roles that own nothing, names meant to break out, row security, tables that the policy protects, approvals of something else. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AssayError } from '../../domain/errors.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { defaultLimits } from '../../domain/optimizer/limits.ts';
import type { RelationName } from '../../domain/optimizer/model.ts';
import { defaultOptimizerPolicy } from '../../domain/optimizer/policy.ts';
import { recommendedIndex } from '../../domain/optimizer/recommendation.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { serverMajor } from '../support/major.ts';
import { type ApplyBench, applyBench } from './apply-support.ts';

let cluster: EmbeddedCluster;
let bench: ApplyBench;
/** The same by a role that owns nothing. */
let stranger: ApplyBench;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  await cluster.sql(`create role keeper; create role "Fleet 'x'" login; create schema shop authorization keeper; grant usage on schema shop to "Fleet 'x'";
    create table shop.visit (id int primary key, who int); alter table shop.visit owner to keeper;
    insert into shop.visit select n, n % 100 from generate_series(1, 2000) n`);
  bench = await applyBench(cluster);
  stranger = await applyBench(cluster, { user: "Fleet 'x'" });
}, 60_000);
afterAll(() => Promise.all([bench?.control.close(), stranger?.control.close()]));

const visit = { schema: 'shop', relation: 'visit' };
const indexOf = (table: RelationName, column = 'who') => recommendedIndex(btree(table, [column]), { sizeBytes: 50_000, buildMs: 5, leaveOneOut: 2 });

const indexes = (table: string) =>
  cluster.sql<{ name: string; owner: string }>(
    `select c.relname as name, c.relowner::regrole::text as owner from pg_index i join pg_class c on c.oid = i.indexrelid
      where i.indrelid = $1::regclass and not i.indisprimary`,
    { params: [table] },
  );

/** From 16 on a membership can be one that only acts, and inherits nothing. */
const how = () => (serverMajor(cluster) >= 16 ? ' WITH INHERIT FALSE, SET TRUE' : '');

describe('a role that does not own the table', () => {
  test('is refused before anything is done, with the grant to make; with it, it acts as the owner', async () => {
    const asked = await stranger.recommend([indexOf(visit)]);
    const missing = {
      code: 'privilege-missing',
      hint: `GRANT "keeper" TO "Fleet 'x'"${how()}`,
      message: expect.stringContaining('change the indexes of "shop"."visit"'),
    };
    await expect(stranger.steps.prepareApply(asked)).rejects.toMatchObject(missing);
    await expect(stranger.steps.applyChange({ ...asked, place: 0 })).rejects.toMatchObject(missing);
    // whoever approves is told at once where Assay would carry it out; for SQL in other hands it does not matter
    const executing = { ...asked, policy: { ...asked.policy, optimizer: { ...defaultOptimizerPolicy, apply: 'execute' as const } } };
    await expect(stranger.steps.checkEvidence(executing)).rejects.toMatchObject(missing);
    expect(await stranger.steps.checkEvidence(asked)).toEqual({ fresh: true, because: [] });
    expect(await indexes('shop.visit')).toEqual([]);
    // PostgreSQL 15 and older: membership without inheriting is the role's own property
    await cluster.sql(`alter role "Fleet 'x'" noinherit; grant keeper to "Fleet 'x'"`);
    expect(await stranger.steps.checkEvidence(executing)).toEqual({ fresh: true, because: [] });
    await stranger.steps.prepareApply(asked);
    expect(await stranger.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'built' });
    expect(await indexes('shop.visit')).toMatchObject([{ owner: 'keeper' }]);
    expect(await stranger.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'dropped' });
  });

  test('lacks rights on several tables of several owners: all grants come at once, and what they allow works', async () => {
    await cluster.sql(`create role "Owner B"; create schema store; create table store.box (id int, who int); alter table store.box owner to "Owner B";
      create table store.lid (id int); alter table store.lid owner to "Owner B"; create role other; create table shop.door (id int, who int); alter table shop.door owner to other;
      grant usage on schema store to "Fleet 'x'"`);
    const box = indexOf({ schema: 'store', relation: 'box' });
    const asked = await stranger.recommend([box, indexOf({ schema: 'store', relation: 'lid' }, 'id'), indexOf({ schema: 'shop', relation: 'door' })]);
    const error = await stranger.steps.prepareApply(asked).then(
      () => null,
      (thrown: unknown) => thrown as AssayError,
    );
    expect(error).toMatchObject({
      code: 'privilege-missing',
      message: expect.stringContaining('change the indexes of "store"."box", "store"."lid", "shop"."door"'),
    });
    const grants = error?.hint.split('; ') ?? [];
    expect(grants).toEqual([
      `GRANT "Owner B" TO "Fleet 'x'"${how()}`,
      'GRANT CREATE ON SCHEMA "store" TO "Owner B"',
      `GRANT "other" TO "Fleet 'x'"${how()}`,
      'GRANT CREATE ON SCHEMA "shop" TO "other"',
    ]);
    await cluster.sql(error?.hint ?? '');
    await stranger.steps.prepareApply(asked);
  });

  test('whose owner may make nothing in the schema is told which right is missing', async () => {
    await cluster.sql(`create table public.guest (id int); alter table public.guest owner to keeper`);
    const asked = await stranger.recommend([indexOf({ schema: 'public', relation: 'guest' }, 'id')]);
    const hint = 'GRANT CREATE ON SCHEMA "public" TO "keeper"';
    await expect(stranger.steps.prepareApply(asked)).rejects.toMatchObject({ code: 'privilege-missing', hint });
    await cluster.sql(hint);
    await stranger.steps.prepareApply(asked);
    expect(await stranger.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'built' });
  });
});

test('names meant to break out of the SQL are names', async () => {
  const table = { schema: 'we;ird "schema', relation: `Ta"ble'; drop table shop.visit; --` };
  const column = 'co"l; -- ümlaut 漢';
  await cluster.sql('create schema "we;ird ""schema"');
  await cluster.sql(`create table "we;ird ""schema"."Ta""ble'; drop table shop.visit; --" ("co""l; -- ümlaut 漢" int)`);
  const asked = await bench.recommend([indexOf(table, column)]);
  await bench.steps.prepareApply(asked);
  expect(await bench.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'built' });
  expect(await indexes(`"we;ird ""schema"."Ta""ble'; drop table shop.visit; --"`)).toHaveLength(1);
  expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'dropped' });
  expect(await cluster.sql('select count(*)::int as rows from shop.visit')).toEqual([{ rows: 2_000 }]);
});

test('under row security the index covers every row', async () => {
  await cluster.sql(`create table shop.secret (id int, who text); insert into shop.secret select n, 'x' from generate_series(1, 500) n;
    alter table shop.secret owner to keeper; alter table shop.secret enable row level security; alter table shop.secret force row level security`);
  const asked = await stranger.recommend([indexOf({ schema: 'shop', relation: 'secret' })]);
  expect(await stranger.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'built' });
  expect(await cluster.sql(`select reltuples::int as rows from pg_class where relname like 'secret_who%'`)).toEqual([{ rows: 500 }]);
});

describe('an approval', () => {
  test('of SQL that became another is refused', async () => {
    const asked = await bench.recommend([indexOf(visit)]);
    await bench.change(asked.recommendation, (was) => ({ ...was, indexes: was.indexes.map((index) => ({ ...index, sql: 'DROP TABLE shop.visit;' })) }));
    const refused = { code: 'refused-by-guard', message: expect.stringContaining('another than what was approved') };
    await expect(bench.steps.prepareApply(asked)).rejects.toMatchObject(refused);
    await expect(bench.steps.applyChange({ ...asked, place: 0 })).rejects.toMatchObject(refused);
  });

  test.each([
    ['DROP TABLE "shop"."visit";', 'DropStmt is no statement of a change'],
    ['CREATE INDEX CONCURRENTLY "i" ON "public"."guest" ("id");', 'no partition of "shop"."visit"'],
    ['CREATE INDEX CONCURRENTLY "i" ON "visit" ("who");', 'IndexStmt is no statement of a change'],
    ['DROP INDEX CONCURRENTLY IF EXISTS "shop"."visit_pkey";', 'a constraint'],
    ['select 1', 'SelectStmt is no statement of a change'],
    ['CREATE INDEX (', 'parser does not take it'],
  ])('of %s is refused whatever was approved', async (sql, reason) => {
    const asked = await bench.recommend([{ ...indexOf(visit), sql }]);
    await expect(bench.steps.applyChange({ ...asked, place: 0 })).rejects.toMatchObject({ code: 'refused-by-guard', message: expect.stringContaining(reason) });
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'not-there' });
    expect(await indexes('shop.visit')).toEqual([]);
  });

  test('of a change to a table that the policy protects is refused', async () => {
    const asked = await bench.recommend([indexOf(visit)]);
    const optimizer = { ...bench.policy.optimizer, limits: { ...defaultLimits, protectedTables: ['shop.visit'] } };
    const guarded = { ...asked, policy: { ...bench.policy, optimizer } as typeof bench.policy };
    await expect(bench.steps.prepareApply(guarded)).rejects.toMatchObject({
      code: 'refused-by-guard',
      message: expect.stringContaining('protects shop.visit'),
    });
  });
});

describe('evidence', () => {
  test('that is too old, or of a column that is gone, is stale', async () => {
    const old = await bench.recommend([indexOf(visit)], { createdAt: new Date(Date.now() - 8 * 86_400_000) });
    expect(await bench.steps.checkEvidence(old)).toEqual({ fresh: false, because: ['it was measured 8.0 days ago, 7.0 are allowed'] });
    const gone = await bench.recommend([indexOf(visit, 'nowhere'), indexOf({ schema: 'shop', relation: 'lost' })]);
    expect(await bench.steps.checkEvidence(gone)).toEqual({
      fresh: false,
      because: ['"shop"."visit" has no column nowhere any more', 'there is no table "shop"."lost" any more'],
    });
  });
});

test('a standby takes no change', async () => {
  const asked = await bench.recommend([indexOf(visit)]);
  await cluster.stop('fast');
  // a server in recovery that waits for WAL for ever; the control database lies on it, and can be read
  writeFileSync(join(cluster.dataDirectory, 'standby.signal'), '');
  await cluster.start();
  const refused = { code: 'refused-by-guard', message: expect.stringContaining('a standby') };
  await expect(bench.steps.prepareApply(asked)).rejects.toMatchObject(refused);
  await expect(bench.steps.applyChange({ ...asked, place: 0 })).rejects.toMatchObject(refused);
});
