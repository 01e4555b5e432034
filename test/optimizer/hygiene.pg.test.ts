/** Indexes that should go: found on a real server, every trap among them, and measured by the steps themselves. */
import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Control, openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import { bindStatements } from '../../activities/optimizer/bind/bind.ts';
import { lookAtIndexes } from '../../activities/optimizer/hygiene/look.ts';
import { asDecided } from '../../activities/optimizer/hygiene/refused.ts';
import { againstRemoval } from '../../activities/optimizer/hygiene/still.ts';
import type { OptimizerStore } from '../../activities/optimizer/ports.ts';
import { searchSets } from '../../activities/optimizer/search-sets.ts';
import { createOptimizerSteps, type OptimizerSteps } from '../../activities/optimizer/steps.ts';
import { workloadFromFiles } from '../../activities/optimizer/workload/files.ts';
import { withConnection } from '../../activities/pg.ts';
import type { HygieneFinding } from '../../domain/optimizer/hygiene.ts';
import type { HygieneReport } from '../../domain/optimizer/hygiene-report.ts';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import type { Statement } from '../../domain/optimizer/model.ts';
import { type IndexChange, kindOf, tableOfChange } from '../../domain/optimizer/recommendation.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { quietIo } from '../backup/clone-support.ts';
import { testCluster } from '../support/cluster.ts';
import { unusedApply } from './apply-support.ts';

let cluster: EmbeddedCluster;
let control: Control;
let store: OptimizerStore;
let steps: OptimizerSteps;
let now = new Date('2026-01-01T00:00:00Z');
const later = (days: number) => {
  now = new Date(now.getTime() + days * 86_400_000);
};

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off', track_counts: 'on' } });
  await cluster.sql('create database control');
  await cluster.sql(`create table parent (id int primary key, code text unique);
    create table item (id int primary key, parent_id int references parent, state int, name text, at timestamptz, note text, tags int[]);
    insert into item select n, null, n % 50, 'n' || n, now(), repeat('x', 20), null from generate_series(1, 20000) n;
    create index same_1 on item (state);
    create index same_2 on item (state);
    create index prefix on item (name);
    create index wide on item (name, state);
    create index by_collation on item (name collate "C");
    create index by_pattern on item (name text_pattern_ops);
    create index lowered on item (lower(name));
    create index lowered_c on item (lower(name) collate "C");
    create index partly on item (state) where id > 100;
    create unique index guards on item (id, state);
    create index never on item (at);
    create index for_key on item (parent_id);
    create index clustered on item (note); alter table item cluster on clustered;
    create table deferred (id int, constraint deferred_id unique (id) deferrable);
    create unique index at_once on deferred (id);
    create table nulls (id int); create unique index nulls_1 on nulls (id); create unique index nulls_2 on nulls (id) nulls not distinct;
    create table parts (id int, v int) partition by range (id);
    create table parts_1 partition of parts for values from (0) to (10000);
    create table parts_2 partition of parts for values from (10000) to (20000);
    insert into parts select n, n % 7 from generate_series(0, 19999) n;
    create index parts_read on parts (id); create index parts_never on parts (v); create index local_twin on parts_1 (v)`);
  await cluster.sql('create table "odd ""s" (id int, v text); create index "i ON x" on "odd ""s" (v); create unique index "u ON x" on "odd ""s" (id)');
  await cluster.sql('vacuum analyze');
  control = await openControl(`postgres://postgres@localhost:${cluster.port}/control?host=${encodeURIComponent(cluster.socketDirectory)}`);
  await control.migrate();
  store = createOptimizerStore(control);
  steps = createOptimizerSteps({
    ...{ store, bind: bindStatements, search: searchSets, workloadFromFiles, io: quietIo, now: () => now },
    labSession: ({ policy }, options, use) => withConnection(policy.connection, () => '', options, use),
    sourceSession: (policy, database, use) => withConnection(policy.connection, () => '', { database }, use),
    observe: () => {},
    ...unusedApply,
  });
}, 60_000);
afterAll(() => control?.close());

const of = { cluster: 'main', database: 'postgres' };

async function look(more: { readonly standby?: boolean; readonly protectedTables?: readonly string[] } = {}): Promise<HygieneReport> {
  const { standby = false, protectedTables = [] } = more;
  const looking = { of, store, now: now.toISOString(), protectedTables, hasNamedStandby: standby };
  return withConnection(
    cluster.policy().connection,
    () => '',
    { database: 'postgres' },
    (client) => lookAtIndexes(client, looking),
  );
}

const named = (report: HygieneReport, name: string): HygieneFinding | undefined => report.findings.find(({ index }) => index.name === name);
const what = (report: HygieneReport, name: string) => {
  const finding = named(report, name);
  return finding === undefined ? null : [finding.kind, finding.change, finding.kept];
};

describe('the first look', () => {
  let report: HygieneReport;
  beforeAll(async () => {
    report = await look();
  });

  test('finds duplicates and prefixes, one of each pair', () => {
    expect(what(report, 'same_2')).toEqual(['duplicate', 'drop-index', null]);
    expect(what(report, 'same_1')).not.toEqual(what(report, 'same_2'));
    expect(what(report, 'prefix')).toEqual(['redundant-prefix', 'drop-index', null]);
    expect(what(report, 'local_twin')).toEqual(['duplicate', 'drop-index', null]);
  });

  test.each(['by_collation', 'by_pattern', 'lowered', 'lowered_c', 'partly'])('%s is like no other', (name) => {
    expect(['duplicate', 'redundant-prefix']).not.toContain(named(report, name)?.kind);
  });

  test('what guards something is no finding: unique, at another moment, with other nulls', () => {
    for (const name of ['guards', 'at_once', 'nulls_1', 'nulls_2', 'item_pkey', 'parent_code_key', 'clustered']) expect(what(report, name)).toBeNull();
  });

  test('calls nothing unused that was not watched for 30 days', () => {
    expect(what(report, 'never')).toEqual(['unused', null, 'it is watched for 0.0 of 30 days']);
  });
});

describe('after 31 days', () => {
  let report: HygieneReport;
  beforeAll(async () => {
    // one part only: the whole is used
    await cluster.sql('set enable_seqscan = off; select count(*) from parts where id = 5; select count(*) from item where id = 5 and state = 5');
    later(31);
    report = await look();
  });

  test('what nothing read goes; what a foreign key or an order rests on stays, and is said', () => {
    expect(what(report, 'never')).toEqual(['unused', 'drop-index', null]);
    expect(named(report, 'never')?.because).toBe('nothing read it in 31 days');
    expect(what(report, 'for_key')).toEqual(['unused', null, expect.stringContaining('foreign key item_parent_id_fkey')]);
    expect(what(report, 'clustered')).toBeNull();
  });

  test('a partitioned index is its parts: reads are summed, it goes as a whole', () => {
    expect(what(report, 'parts_read')).toBeNull();
    expect(what(report, 'parts_never')).toEqual(['unused', 'drop-index', null]);
    expect(report.findings.map(({ index }) => index.name)).not.toContain('parts_1_v_idx');
    expect(named(report, 'parts_never')?.freesBytes).toBeGreaterThan(150_000);
  });

  test('a standby may read what nothing here does', async () => {
    const beside = await look({ standby: true });
    expect(what(beside, 'never')).toEqual(['unused', null, expect.stringContaining('1 standby server(s) may read it')]);
    expect(what(beside, 'same_2')).toEqual(['duplicate', 'drop-index', null]);
    expect(beside.notices).toEqual([expect.stringContaining('one of them named by the policy')]);
  });

  test('a protected table keeps all of its indexes', async () => {
    const beside = await look({ protectedTables: ['public.item'] });
    expect(what(beside, 'same_2')).toEqual(['duplicate', null, 'the policy protects its table']);
    expect(beside.findings.filter(({ table, change }) => table.relation === 'item' && change !== null)).toEqual([]);
  });

  test('one that is made again under the same name is watched anew', async () => {
    await cluster.sql('drop index never; create index never on item (at desc)');
    expect(what(await look(), 'never')).toEqual(['unused', null, 'it is watched for 0.0 of 30 days']);
    later(31);
    expect(what(await look(), 'never')).toEqual(['unused', 'drop-index', null]);
  });

  test('counters that began anew say nothing about the time before', async () => {
    await cluster.sql('select pg_stat_reset()');
    const [reset] = await cluster.sql<{ at: Date }>('select stats_reset as at from pg_stat_database where datname = current_database()');
    const before = now;
    now = new Date((reset?.at.getTime() ?? 0) + 86_400_000);
    const report_ = await look();
    expect(what(report_, 'never')).toEqual(['unused', null, 'it is watched for 1.0 of 30 days']);
    expect(report_.notices).toEqual([expect.stringMatching(/its counters began 1\.0 days ago/)]);
    now = before > now ? before : now;
    later(40);
  });
});

const statement = (id: string, text: string, calls = 10): Statement => ({
  ...{ id, database: 'postgres', text, kind: 'select', calls, totalMs: calls, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 },
});

async function run(id: string, statements: readonly Statement[]) {
  const head = { id, ...of, owner: 'test', source: 'files', startedAt: now.toISOString(), settings: {} } as const;
  await store.begin(head, { statements, notJudged: [], notices: [] });
  const [policy, limits] = [cluster.policy(), limitsOf({ repeats: 5 })];
  const looked = await steps.lookAtIndexes({ policy, database: 'postgres', run: id, limits });
  const clone = { id: 'c', cluster: 'main', host: hostname(), directory: '/nowhere' };
  const request = { policy, clone, run: id, limits, workload: null, experiment: `e-${id}`, proof: 'p-1', recommendation: `r-${id}`, backup: 'B1' };
  return { looked, proven: await steps.proveHygiene(request), report: (await store.findHygiene({ run: id }))?.report as HygieneReport };
}

describe('on the lab', () => {
  test('what no statement needs goes; what makes one slower by its absence stays, and the rest is measured again', async () => {
    // read on no counter, yet by the workload: of a statement that the source has not run for long
    const { proven, looked, report } = await run('h-1', [
      statement('s-1', 'select id from item where at = $1', 100),
      statement('s-2', 'select id from item where state = $1'),
    ]);
    expect(looked).toMatchObject({ recommendation: null, because: ['not measured on a lab'] });
    expect(proven).toMatchObject({ recommendation: 'r-h-1', because: expect.arrayContaining([expect.stringMatching(/index\(es\) go/)]) });
    expect(what(report, 'never')).toEqual(['unused', null, expect.stringMatching(/statement s-1 takes [\d.]+ times as long without it/)]);
    const recommendation = await store.findRecommendation('r-h-1');
    const names = recommendation?.indexes.map(({ name }) => name) ?? [];
    expect(names).toEqual(expect.arrayContaining(['prefix', 'parts_never', 'i ON x']));
    expect(names).not.toContain('never');
    // the evidence is old once one of them has grown or shrunk by half
    expect(recommendation?.tables?.length).toBe(
      new Set(recommendation?.indexes.map(tableOfChange).map(({ schema, relation }) => `${schema} ${relation}`)).size,
    );
    // neither was read by the source, one of them is by a statement: the other goes
    expect(names.filter((name) => name.startsWith('same_'))).toHaveLength(1);
    expect(recommendation?.indexes.map(kindOf)).toEqual(names.map(() => 'drop-index'));
    // the lab is as it was
    expect(await cluster.sql(`select from pg_class where relname in ('never', 'same_2')`)).toHaveLength(2);
    expect(await cluster.sql(`select from pg_class where relname like 'assay_lab%'`)).toEqual([]);
  });

  test('what was refused is not proposed again, whatever comes beside it, and the report says who refused it', async () => {
    const ours = ['prefix', 'parts_never', 'i ON x'];
    const decided = { cluster: 'main', recommendation: 'r-h-1', because: ['not now'] };
    await steps.enterState({ ...decided, state: 'refused', by: 'ann' });
    const reportOf = async (id: string) => (await store.findHygiene({ run: id }))?.report as HygieneReport;
    const words = expect.stringMatching(/^refused by ann on \d{4}-\d\d-\d\d: not now \(recommendation r-h-1\)/);
    expect(what(await asDecided(store, of, await reportOf('h-1')), 'prefix')).toEqual([expect.any(String), null, words]);
    await steps.lookAtIndexes({ policy: cluster.policy(), database: 'postgres', run: 'h-2', limits: limitsOf({}) });
    const report = await reportOf('h-2');
    for (const name of ours) expect(what(report, name)).toEqual([expect.any(String), null, words]);
    await steps.enterState({ ...decided, state: 'proposed', by: null });
  });

  test('what a removal rests on is looked at again before anything goes', async () => {
    const recommendation = await store.findRecommendation('r-h-1');
    const [twin, never] = ['local_twin', 'parts_never'].map((name) => recommendation?.indexes.find((change) => change.name === name) as IndexChange);
    const against = (change: IndexChange | undefined) =>
      withConnection(
        cluster.policy().connection,
        () => '',
        { database: 'postgres' },
        (client) => againstRemoval(client, change as IndexChange),
      );
    expect([await against(twin), await against(never)]).toEqual([[], []]);
    const { on } = twin?.rests ?? {};
    await cluster.sql(`alter index ${on} rename to other; set enable_seqscan = off; select count(*) from parts where v = 3`);
    expect([await against(twin), await against(never)]).toEqual([
      [`${on}, which served what local_twin does, is not there any more`],
      [expect.stringMatching(/^parts_never was read \d+ time\(s\) since it was measured$/)],
    ]);
    await cluster.sql(`alter index other rename to ${on}`);
  });

  test('the SQL of the recommendation runs, and its undo makes the same indexes again', async () => {
    const recommendation = await store.findRecommendation('r-h-1');
    const definitions = () => cluster.sql(`select pg_get_indexdef(indexrelid) as it from pg_index where indrelid::regclass::text not like 'pg_%' order by 1`);
    const before = await definitions();
    for (const { sql } of recommendation?.indexes ?? []) for (const line of sql.split('\n')) await cluster.sql(line);
    expect((await definitions()).length).toBeLessThan(before.length);
    for (const { undo } of recommendation?.indexes ?? []) for (const line of undo.split('\n')) await cluster.sql(line);
    expect(await definitions()).toEqual(before);
  });

  test('a bloated index is built anew for a moment, and what that gives back is measured', async () => {
    await cluster.sql(
      `create table fat (id int, k text); insert into fat select n, repeat('k', 110) || n from generate_series(1, 90000) n; create index fat_k on fat (k);
      delete from fat where id % 12 <> 0`,
    );
    await cluster.sql('vacuum analyze fat');
    const { proven, report } = await run('h-2', [statement('s-1', 'select id from item where state = $1')]);
    expect(named(report, 'fat_k')).toMatchObject({ kind: 'bloated', change: 'reindex', kept: null });
    expect(proven.recommendation, proven.because.join('; ')).not.toBeNull();
    const recommendation = await store.findRecommendation(proven.recommendation ?? '');
    const change = recommendation?.indexes.find(({ name }) => name === 'fat_k');
    expect(change).toMatchObject({ kind: 'reindex', sql: 'REINDEX INDEX CONCURRENTLY "public"."fat_k";', undo: '' });
    const size = async () => Number((await cluster.sql<{ size: string }>(`select pg_relation_size('fat_k') as size`))[0]?.size);
    const before = await size();
    await cluster.sql(change?.sql ?? '');
    expect(before - (await size())).toBe(change?.sizeBytes);
    expect(what(await look(), 'fat_k')?.[0]).not.toBe('bloated');
  });

  test('an index whose build failed is built anew where that works, one that REINDEX left goes', async () => {
    await cluster.sql('drop table if exists twice, once; create table twice (id int); insert into twice values (1), (1); create table once (id int, v int)');
    await expect(cluster.sql('create unique index concurrently twice_id on twice (id)')).rejects.toThrow('could not create unique index');
    await cluster.sql(`create index once_v on once (v); create index once_id_ccnew on once (id);
      update pg_index set indisvalid = false where indexrelid in ('once_v'::regclass, 'once_id_ccnew'::regclass)`);
    const { proven, report } = await run('h-3', [statement('s-1', 'select id from item where state = $1')]);
    expect(what(report, 'once_v')).toEqual(['invalid', 'reindex', null]);
    expect(what(report, 'once_id_ccnew')).toEqual(['invalid', 'drop-index', null]);
    expect(what(report, 'twice_id')).toEqual([
      'invalid',
      null,
      'it cannot be built on the copy: PostgreSQL error 23505: could not create unique index … (of twice)',
    ]);
    expect(proven.recommendation, proven.because.join('; ')).not.toBeNull();
    const changes = (await store.findRecommendation(proven.recommendation ?? ''))?.indexes.map(({ sql }) => sql);
    expect(changes).toEqual(
      expect.arrayContaining(['REINDEX INDEX CONCURRENTLY "public"."once_v";', 'DROP INDEX CONCURRENTLY IF EXISTS "public"."once_id_ccnew";']),
    );
  });
});
