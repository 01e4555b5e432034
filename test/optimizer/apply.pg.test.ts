/** An approved change carried out on a real source, and taken back. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { btree } from '../../domain/optimizer/index-sql.ts';
import type { IndexDefinition } from '../../domain/optimizer/model.ts';
import { type IndexChange, recommendedIndex } from '../../domain/optimizer/recommendation.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { type ApplyBench, applyBench } from './apply-support.ts';
import { queryIdOf, windowOf } from './guard-support.ts';
import { statementsCluster } from './statements-server.ts';

let cluster: EmbeddedCluster;
let bench: ApplyBench;

beforeAll(async () => {
  cluster = await statementsCluster();
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

describe('the guard', () => {
  const sql = 'select count(note) from visit where who = $1';
  const traffic = async (client: pg.Client, look: number) => {
    for (let call = 0; call < 5; call += 1) await client.query(sql, [look * 100 + call]);
  };

  test('keeps an index whose gain shows', async () => {
    await cluster.sql(sql, { params: [1] });
    const { id, text } = await queryIdOf(bench, 'count(note)');
    const asked = await bench.recommend([change(btree(visit, ['who']))], { statements: { [id]: 'faster' }, texts: { [id]: text } });
    await windowOf(bench, asked, 0, traffic);
    await bench.steps.applyChange({ ...asked, place: 0 });
    await windowOf(bench, asked, 1, traffic);
    expect(await bench.steps.guardWindow({ ...asked, window: 1 })).toEqual({ verdict: 'undecided', because: ['window 1 of 2: nothing became slower'] });
    await windowOf(bench, asked, 2, traffic);
    expect(await bench.steps.guardWindow({ ...asked, window: 2 })).toMatchObject({
      verdict: 'keep',
      because: [expect.stringMatching(/take 0\.\d+ of the time before/)],
    });
    await bench.steps.undoChange({ ...asked, place: 0 });
  });

  test('takes one back whose gain is gone', async () => {
    const { id, text } = await queryIdOf(bench, 'count(note)');
    const asked = await bench.recommend([change(btree(visit, ['who']))], { statements: { [id]: 'faster' }, texts: { [id]: text } });
    await windowOf(bench, asked, 0, traffic);
    // data changed after the approval: every row has the value that is asked for
    await cluster.sql('create table kept as select id, who from visit; update visit set who = 1; analyze visit');
    await bench.steps.applyChange({ ...asked, place: 0 });
    const all = async (client: pg.Client) => {
      for (let call = 0; call < 5; call += 1) await client.query(sql, [1]);
    };
    await windowOf(bench, asked, 1, all);
    const first = await bench.steps.guardWindow({ ...asked, window: 1 });
    if (first.verdict === 'undecided') {
      await windowOf(bench, asked, 2, all);
      expect(await bench.steps.guardWindow({ ...asked, window: 2 })).toMatchObject({ verdict: 'roll-back' });
    } else expect(first.verdict).toBe('roll-back');
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'dropped' });
  });
});
