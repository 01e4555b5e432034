/** What one run proposed is chosen among by the next, as long as nobody decided on it and it can still be had. */
import { beforeEach, expect, test } from 'vitest';
import { btree, indexText, setText } from '../../domain/optimizer/index-sql.ts';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import type { OptimizerLimits, Statement } from '../../domain/optimizer/model.ts';
import { useSteps } from './steps-support.ts';

const visit = { schema: 'public', relation: 'visit "of"' };
const table = '"visit ""of"""';
const bench = useSteps(async (cluster) => {
  await cluster.sql('create extension hypopg');
});

// an index of two columns, the unselective one first: no search would come upon it by itself
const proposed = btree(visit, ['page', 'who', 'note']);
const byWho = `select count(*) from ${table} where page = 7 and who = 77`;
let number = 0;

beforeEach(async () => {
  const { cluster, store } = bench;
  for (const { id } of await store.inState('main', 'postgres', 'proposed'))
    await store.enterState(id, { state: 'expired', at: new Date().toISOString(), by: null, because: [] });
  await cluster.sql(`drop table if exists other cascade`);
  await cluster.sql(`drop table if exists ${table}; create table ${table} (id int primary key, who int not null, page int not null, note text);
    insert into ${table} select n, n * 7919 % 5003, n % 30, 'note ' || n from generate_series(1, 40000) n`);
  await cluster.sql(`vacuum analyze ${table}`);
});

async function begun(text = byWho, limits: Partial<OptimizerLimits> = {}) {
  number += 1;
  const run = `st-${number}`;
  const counts = { kind: 'select', calls: 50, totalMs: 500, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 } as const;
  const statements: readonly Statement[] = [{ id: `${run}-0`, database: 'postgres', text, ...counts }];
  return { on: { ...(await bench.begin(run, statements)), limits: limitsOf({ repeats: 3, searchMs: 5_000, ...limits }) }, run };
}

/** Proposed by a run that was given it. */
async function proposedEarlier(indexes = [proposed], text = byWho): Promise<void> {
  const { on, run } = await begun(text);
  await bench.store.saveFinalists(run, [{ indexes, estimatedRatio: 0.5, estimatedBytes: 1 }]);
  const { isRecommended } = await bench.steps.settleFinalist({ ...on, finalist: 0, experiment: `e-${run}`, recommendation: `r-${run}` });
  expect(isRecommended).toBe(true);
}

async function finalists(...asked: Parameters<typeof begun>) {
  const { on, run } = await begun(...asked);
  await bench.steps.searchSets(on);
  return (await bench.store.load(run)).finalists;
}
const names = async (...asked: Parameters<typeof begun>) => (await finalists(...asked)).flatMap(({ indexes }) => indexes.map(indexText));

test('what is proposed stands for choice beside what the search finds, with what was measured', async () => {
  await proposedEarlier();
  const found = await finalists();
  expect(found.length).toBeGreaterThan(1);
  expect(found.at(-1)?.indexes.map(indexText)).toEqual([indexText(proposed)]);
  expect(found.at(-1)?.estimatedRatio).toBeLessThan(0.9);
  expect(found.at(-1)?.estimatedBytes).toBeGreaterThan(500_000);
});

test('what the search finds again is the one that is proposed, and no second set of the same indexes', async () => {
  const found = (await finalists())[0]?.indexes ?? [];
  await proposedEarlier([...found]);
  const again = await finalists();
  const same = again.filter(({ indexes }) => setText(indexes) === setText(found));
  expect(same.map(({ proposedBy }) => proposedBy)).toEqual([(await bench.store.inState('main', 'postgres', 'proposed'))[0]?.id]);
});

test.each<readonly [why: string, sql: string | null, text: string, limits: Partial<OptimizerLimits>]>([
  ['there by now', `create index there on ${table} (page, who, note)`, byWho, {}],
  ['on a column that is gone', `alter table ${table} drop column note`, byWho, {}],
  ['on a table that is gone', `alter table ${table} rename to other; create table ${table} (id int)`, 'select 1 from other where who = 77', {}],
  ['on what is a view by now', `alter table ${table} rename to other; create view ${table} as select * from other`, 'select 1 from other where who = 77', {}],
  ['of no use to these statements', null, `select note from ${table} where id = 5`, {}],
  ['larger than this run allows', null, byWho, { budgetBytes: 500_000 }],
  ['on a table that is protected', null, byWho, { protectedTables: ['public.visit "of"'] }],
])('not what is %s', async (_, sql, text, limits) => {
  await proposedEarlier();
  if (sql !== null) await bench.cluster.sql(`drop table if exists other cascade; ${sql}`);
  expect(await names(text, limits)).not.toContain(indexText(proposed));
});

test('not what is there by now as PostgreSQL writes it', async () => {
  const partial = { ...btree(visit, ['page', 'who']), predicate: `"note" <> 'a'` };
  const text = `select count(*) from ${table} where page = 7 and who = 77 and note <> 'a'`;
  await proposedEarlier([partial], text);
  expect(await names(text)).toContain(indexText(partial));
  expect(await names(`select note from ${table} where id = 5`)).not.toContain(indexText(partial));
  await bench.cluster.sql(`create index on ${table} (page, who) where note <> 'a'`);
  expect(await names(text)).not.toContain(indexText(partial));
});

test('as a whole where the planner cannot be asked about some of it', async () => {
  await bench.cluster.sql(`alter table ${table} add tags int[]; update ${table} set tags = array[id % 5000]`);
  await bench.cluster.sql(`vacuum full analyze ${table}`);
  const gin = { ...btree(visit, ['tags']), method: 'gin' as const };
  const both = `${byWho} union all select count(*) from ${table} where tags @> '{77}'`;
  await proposedEarlier([proposed, gin], both);
  expect(await names(both)).toEqual(expect.arrayContaining([indexText(proposed), indexText(gin)]));
});

test('not what somebody refused', async () => {
  await proposedEarlier();
  const [standing] = await bench.store.inState('main', 'postgres', 'proposed');
  await bench.store.enterState(standing?.id ?? '', { state: 'refused', at: new Date().toISOString(), by: 'ann', because: ['no'] });
  expect(await names()).not.toContain(indexText(proposed));
});
