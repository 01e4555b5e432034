/** An approved change of each kind carried out on a real source, and taken back; what killed attempts left; locks that are held. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APPLY_LOCK } from '../../activities/optimizer/apply/session.ts';
import { recommendedStatistics } from '../../domain/optimizer/extended-statistics.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import type { IndexDefinition } from '../../domain/optimizer/model.ts';
import { defaultOptimizerPolicy } from '../../domain/optimizer/policy.ts';
import { type IndexChange, recommendedIndex } from '../../domain/optimizer/recommendation.ts';
import { type KeptIndex, rebuildOf, removalOf } from '../../domain/optimizer/removals.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { type ApplyBench, applyBench } from './apply-support.ts';
import { session } from './statements-server.ts';

let cluster: EmbeddedCluster;
let bench: ApplyBench;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  await cluster.sql(`create table visit (id int primary key, who int not null, page int not null, note text);
    insert into visit select n, n % 2000, n % 300, 'note ' || n from generate_series(1, 20000) n; analyze visit`);
  bench = await applyBench(cluster);
}, 60_000);
afterAll(() => bench?.control.close());

const visit = { schema: 'public', relation: 'visit' };
const change = (index: IndexDefinition): IndexChange => recommendedIndex(index, { sizeBytes: 400_000, buildMs: 20, leaveOneOut: 2 });

interface Shown {
  readonly name: string;
  readonly valid: boolean;
  readonly comment: string | null;
}

/** Indexes but the primary key's. */
const indexes = (table = 'visit') =>
  cluster.sql<Shown & Record<string, unknown>>(`select c.relname as name, i.indisvalid as valid, obj_description(c.oid, 'pg_class') as comment
    from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = '${table}'::regclass and not i.indisprimary order by 1`);

/** A concurrent build that fails, and leaves its INVALID index. */
const failedBuild = (sql: string) => expect(cluster.sql(sql)).rejects.toThrow(/could not create unique index|duplicate/);

/** Waits for next to nothing. */
const impatient = (policy: ClusterPolicy): ClusterPolicy => ({ ...policy, optimizer: { ...defaultOptimizerPolicy, lockTimeoutMs: 5 } });

describe('an index', () => {
  test('is built, carries the id of its evidence, and goes again when it is taken back', async () => {
    const index = change(btree(visit, ['who']));
    const asked = await bench.recommend([index]);
    expect(await bench.steps.checkEvidence(asked)).toEqual({ fresh: true, because: [] });
    expect(await bench.steps.prepareApply(asked)).toMatchObject({ neededBytes: 800_000, notes: [] });
    const applied = await bench.steps.applyChange({ ...asked, place: 0 });
    expect(applied).toMatchObject({ outcome: 'built', tookMs: expect.any(Number) });
    expect(applied.sizeBytes).toBeGreaterThan(100_000);
    expect(await indexes()).toEqual([{ name: index.name, valid: true, comment: `assay ${asked.recommendation}` }]);
    // a step that Temporal runs again
    expect(await bench.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'built' });
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'dropped' });
    expect(await indexes()).toEqual([]);
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'not-there' });
  });

  test('that somebody else made is used, and is never taken away', async () => {
    const index = change(btree(visit, ['page']));
    await cluster.sql('create index theirs on visit (page)');
    const asked = await bench.recommend([index]);
    expect((await bench.steps.prepareApply(asked)).notes).toEqual([expect.stringContaining('theirs does the same already')]);
    expect(await bench.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'already-there' });
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'not-there' });
    expect(await indexes()).toEqual([{ name: 'theirs', valid: true, comment: null }]);
    await cluster.sql('drop index theirs');
  });

  test('whose name is taken by another is refused before anything is done', async () => {
    const index = change(btree(visit, ['note']));
    await cluster.sql(`create index "${index.name}" on visit (id, page)`);
    const asked = await bench.recommend([index]);
    const refused = { code: 'refused-by-guard', message: expect.stringContaining('which Assay did not make') };
    await expect(bench.steps.prepareApply(asked)).rejects.toMatchObject(refused);
    await expect(bench.steps.applyChange({ ...asked, place: 0 })).rejects.toMatchObject(refused);
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'not-there' });
    expect(await indexes()).toHaveLength(1);
    await cluster.sql(`drop index "${index.name}"`);
  });
});

describe('what a killed attempt left', () => {
  test('half built is dropped and built anew; nobody else’s INVALID index is touched', async () => {
    const index = change(btree(visit, ['who', 'page']));
    const asked = await bench.recommend([index]);
    // as a build ends that was killed: the deed is known, the index is there and INVALID
    await bench.store.begin({ recommendation: asked.recommendation, place: 0, object: `"public"."${index.name}"`, deed: 'create', foreign: [] });
    await failedBuild(`create unique index concurrently "${index.name}" on visit (who)`);
    await failedBuild('create unique index concurrently theirs on visit (page)');
    expect(await indexes()).toMatchObject([
      { name: 'theirs', valid: false },
      { name: index.name, valid: false },
    ]);
    expect(await bench.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'built' });
    expect(await indexes()).toMatchObject([
      { name: 'theirs', valid: false },
      { name: index.name, valid: true },
    ]);
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'dropped' });
    expect(await indexes()).toMatchObject([{ name: 'theirs', valid: false }]);
    await cluster.sql('drop index theirs');
  });

  test('still building is waited for, and found done', async () => {
    const index = change(btree(visit, ['note', 'page']));
    const asked = await bench.recommend([index]);
    await bench.store.begin({ recommendation: asked.recommendation, place: 0, object: `"public"."${index.name}"`, deed: 'create', foreign: [] });
    let applied: Promise<unknown> | undefined;
    await session(cluster, 'postgres', async (other) => {
      await other.query('select pg_advisory_lock($1)', [APPLY_LOCK]);
      applied = bench.steps.applyChange({ ...asked, place: 0 });
      await other.query(index.sql);
    });
    expect(await applied).toMatchObject({ outcome: 'built' });
    expect(await indexes()).toMatchObject([{ name: index.name, valid: true }]);
    await bench.steps.undoChange({ ...asked, place: 0 });
  });
});

describe('a lock', () => {
  test('held for too long ends in change-blocked, says by whom, and leaves nothing behind', async () => {
    const asked = await bench.recommend([change(btree(visit, ['note']))]);
    const steps = bench.steps;
    await session(cluster, 'postgres', async (other) => {
      const { rows } = await other.query('select pg_backend_pid() as pid');
      // older than what the build may wait
      await other.query('begin; update visit set page = page where id = 1; select pg_sleep(0.5)');
      const blocked = await steps.applyChange({ ...asked, policy: impatient(asked.policy), place: 0 }).then(
        () => null,
        (error: unknown) => error,
      );
      expect(blocked).toMatchObject({
        code: 'change-blocked',
        retryable: true,
        message: expect.stringContaining(`process ${rows[0].pid} (idle in transaction)`),
      });
      await other.query('rollback');
    });
    expect(await indexes()).toEqual([]);
    expect(await steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'built' });
    await steps.undoChange({ ...asked, place: 0 });
  });
});

describe('a partitioned table', () => {
  const event = { schema: 'public', relation: 'event' };
  const parts = ['event_1', 'event_2'].map((relation) => ({ schema: 'public', relation }));
  const ofEvent = () => recommendedIndex(btree(event, ['who']), { sizeBytes: 0, buildMs: 5, leaveOneOut: 2 }, { parts });

  beforeAll(async () => {
    await cluster.sql(`create table event (id int, who int) partition by range (id);
      create table event_1 partition of event for values from (0) to (1000); create table event_2 partition of event for values from (1000) to (3000);
      insert into event select n, n % 50 from generate_series(0, 2999) n`);
  });

  test('gets its parts one by one and is whole then; all of it goes again', async () => {
    const asked = await bench.recommend([ofEvent()]);
    expect(await bench.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'built', sizeBytes: expect.any(Number) });
    expect(await indexes('event')).toMatchObject([{ valid: true, comment: `assay ${asked.recommendation}` }]);
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'dropped' });
    for (const table of ['event', 'event_1', 'event_2']) expect(await indexes(table)).toEqual([]);
  });

  test('that was stopped half-way is taken back whole, parts that were never attached too', async () => {
    const index = ofEvent();
    const asked = await bench.recommend([index]);
    const [whole, first] = index.sql.split('\n') as [string, string];
    for (const statement of [whole, first]) await cluster.sql(statement);
    for (const sql of [whole, first]) {
      const name = /INDEX (?:CONCURRENTLY )?("[^"]+")/.exec(sql)?.[1];
      await bench.store.begin({ recommendation: asked.recommendation, place: 0, object: `"public".${name}`, deed: 'create', foreign: [] });
    }
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'dropped' });
    for (const table of ['event', 'event_1']) expect(await indexes(table)).toEqual([]);
  });

  test('with a partition that came later is refused', async () => {
    await cluster.sql('create table event_3 partition of event for values from (3000) to (4000)');
    const asked = await bench.recommend([ofEvent()]);
    const because = ['"public"."event" has 3 partition(s), others than the 2 that were measured'];
    expect(await bench.steps.checkEvidence(asked)).toEqual({ fresh: false, because });
    await expect(bench.steps.applyChange({ ...asked, place: 0 })).rejects.toMatchObject({
      code: 'refused-by-guard',
      message: expect.stringContaining('does not cover every partition'),
    });
    await bench.steps.undoChange({ ...asked, place: 0 });
    expect(await indexes('event_1')).toEqual([]);
  });
});

describe('a removal', () => {
  const kept = async (name: string): Promise<KeptIndex> => {
    const [row] = await cluster.sql<{ definition: string }>(`select pg_get_indexdef('${name}'::regclass) as definition`);
    const index = btree(visit, ['page']);
    return { index, name, definition: row?.definition ?? '', where: null, tablespace: null, comment: 'of old', sizeBytes: 1, isPartitioned: false };
  };

  test('drops the index, and makes it again with its comment', async () => {
    await cluster.sql(`create index old_page on visit (page); comment on index old_page is 'of old'`);
    const removal = removalOf(await kept('old_page'), { because: 'nobody uses it' }) as IndexChange;
    const asked = await bench.recommend([removal]);
    expect(await bench.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'built', sizeBytes: 0 });
    expect(await indexes()).toEqual([]);
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'dropped' });
    expect(await indexes()).toEqual([{ name: 'old_page', valid: true, comment: 'of old' }]);
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'not-there' });
    // an attempt that was ended when it had made the index, and no more
    await cluster.sql('comment on index old_page is null');
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'dropped' });
    expect(await indexes()).toEqual([{ name: 'old_page', valid: true, comment: 'of old' }]);
    // somebody's own words stay
    await cluster.sql(`comment on index old_page is 'of today'`);
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'not-there' });
    expect(await indexes()).toEqual([{ name: 'old_page', valid: true, comment: 'of today' }]);
  });

  test('of an index that is another one by now is refused; of one that is gone is no change, and is not made again', async () => {
    const removal = removalOf(await kept('old_page'), { because: 'nobody uses it' }) as IndexChange;
    await cluster.sql('drop index old_page; create index old_page on visit (page desc)');
    const asked = await bench.recommend([removal]);
    await expect(bench.steps.applyChange({ ...asked, place: 0 })).rejects.toMatchObject({
      code: 'refused-by-guard',
      message: expect.stringContaining('another index now'),
    });
    await cluster.sql('drop index old_page');
    expect(await bench.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'already-there' });
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'not-there' });
    expect(await indexes()).toEqual([]);
  });

  test('of what a constraint stands on is refused', async () => {
    await cluster.sql('alter table visit add constraint once unique (note, id)');
    const removal = removalOf(await kept('once'), { because: 'nobody uses it' }) as IndexChange;
    const asked = await bench.recommend([removal]);
    await expect(bench.steps.applyChange({ ...asked, place: 0 })).rejects.toMatchObject({
      code: 'refused-by-guard',
      message: expect.stringContaining('a constraint'),
    });
    await cluster.sql('alter table visit drop constraint once');
  });
});

test('a rebuild is done once, and takes away what a killed one left, not what others left', async () => {
  await cluster.sql('create index bloated on visit (page)');
  const definition = 'CREATE INDEX bloated ON public.visit USING btree (page)';
  const about = {
    index: btree(visit, ['page']),
    name: 'bloated',
    definition,
    where: null,
    tablespace: null,
    comment: null,
    sizeBytes: 1,
    isPartitioned: false,
  };
  const asked = await bench.recommend([rebuildOf(about, { because: 'bloated' }) as IndexChange]);
  await failedBuild('create unique index concurrently bloated_ccnew on visit (page)');
  await bench.store.begin({ recommendation: asked.recommendation, place: 0, object: '"public"."bloated"', deed: 'rebuild', foreign: ['bloated_ccnew'] });
  await failedBuild('create unique index concurrently bloated_ccnew1 on visit (page)');
  const node = () => cluster.sql(`select relfilenode from pg_class where relname = 'bloated'`);
  const before = await node();
  expect(await bench.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'built' });
  const after = await node();
  expect(after).not.toEqual(before);
  await bench.steps.applyChange({ ...asked, place: 0 });
  expect(await node()).toEqual(after);
  expect(await indexes()).toMatchObject([{ name: 'bloated' }, { name: 'bloated_ccnew', valid: false }]);
  await cluster.sql('drop index bloated, bloated_ccnew');
});

test('statistics are made and filled, and go again', async () => {
  const made = recommendedStatistics({ table: visit, columns: ['who', 'page'] }, { buildMs: 5, because: 'they go together' });
  const asked = await bench.recommend(made === null ? [] : [made]);
  expect(await bench.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'built' });
  expect(await cluster.sql('select from pg_statistic_ext s join pg_statistic_ext_data d on d.stxoid = s.oid')).toHaveLength(1);
  expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'dropped' });
  expect(await cluster.sql('select from pg_statistic_ext')).toEqual([]);
});
