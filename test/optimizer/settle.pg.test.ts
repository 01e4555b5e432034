/** Measuring and settling with the steps themselves: real statements, a real control database, a real server that stands for the lab. */
import { describe, expect, test } from 'vitest';
import { refusedBefore } from '../../activities/optimizer/steps/decide.ts';
import type { Observation } from '../../domain/observation.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import type { IndexDefinition, Statement, StatementKind } from '../../domain/optimizer/model.ts';
import { nodesOf, type PlanNode } from '../../domain/optimizer/plan.ts';
import { type Recommendation, recommendedIndex } from '../../domain/optimizer/recommendation.ts';
import { useSteps } from './steps-support.ts';

const seen: Observation[] = [];

const bench = useSteps(
  async (cluster) => {
    await cluster.sql(`create table visit (id int primary key, who int not null, page int not null, note text);
    insert into visit select n, n % 2000, n % 300, repeat('x', 60) || n from generate_series(1, 60000) n`);
    await cluster.sql('vacuum analyze visit');
  },
  { observe: (observation) => seen.push(observation) },
);

let number = 0;

/** A run whose search found exactly these sets. */
async function runWith(texts: readonly (readonly [text: string, calls: number, kind?: StatementKind])[], sets: readonly (readonly IndexDefinition[])[]) {
  number += 1;
  const run = `o-${number}`;
  const statements = texts.map(
    ([text, calls, kind = 'select'], place): Statement => ({
      ...{ id: `${run}-${place}`, database: 'postgres', text, kind, calls, totalMs: calls, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 },
    }),
  );
  const lab = await bench.begin(run, statements, { sets, notJudged: [{ statement: 'u', reason: 'utility', detail: 'vacuum' }] });
  return { ...lab, limits: limitsOf({ repeats: 5 }), experiment: `e-${run}`, recommendation: `r-${run}` };
}

const visit = { schema: 'public', relation: 'visit' };
const byWho = ['select note from visit where who = $1', 100] as const;
const leftOver = () => bench.cluster.sql(`select relname from pg_class where relname like 'assay_lab%'`);

/** Many rounds, or noise alone finds one of several better. */
const settled = (asked: Awaited<ReturnType<typeof runWith>>) => bench.steps.settleFinalist({ ...asked, finalist: 0, limits: limitsOf({ repeats: 15 }) });

const trap = { schema: 'public', relation: 'trap' };

/** The rare flag lies in one place of the order, by default at its far end: the planner expects it everywhere. */
async function makeTrap(flagFrom = 29_700): Promise<void> {
  await bench.cluster.sql(`drop table if exists trap; create table trap (id int primary key, who int, at int, flag int, note text);
    insert into trap select n, n % 2000, at, (at between ${flagFrom} + 1 and ${flagFrom} + 300)::int, repeat('x', 40)
      from (select n, n * 7919 % 30011 as at from generate_series(1, 30000) n) as numbered`);
  await bench.cluster.sql('vacuum analyze trap');
}

describe('a set', () => {
  test('of which two do the same work, and one nothing, is reduced to the one that earns its place', async () => {
    const asked = await runWith([byWho], [[btree(visit, ['who']), btree(visit, ['who', 'page']), btree(visit, ['note'])]]);
    const { experiment, isRecommended } = await settled(asked);
    expect({ experiment, isRecommended }).toMatchObject({ isRecommended: true, experiment: { indexes: 1, decision: { verdict: 'accepted' } } });
    const recommendation = await bench.store.findRecommendation(asked.recommendation);
    // of equals the smaller stays
    expect(recommendation?.indexes.map(({ index }) => index?.keys.map(({ column }) => column))).toEqual([['who']]);
    expect(recommendation?.texts).toEqual({ [`${asked.run}-0`]: byWho[0] });
    expect(recommendation?.indexes[0]?.leaveOneOut).toBeGreaterThan(2);
    expect(await leftOver()).toEqual([]);
    // measured before as well, in a first round: the last time counts
    await bench.store.saveExperiment(asked.run, { ...(recommendation as Recommendation).experiment, id: 'earlier' }, { verdict: 'rejected', because: ['x'] });
    await bench.control.em().execute("update assay_control.experiment set measured_at = '2020-01-01' where id = 'earlier'");
    const tried = await bench.store.triedSets(asked.run);
    expect(tried.map(({ id, indexes, decision: { verdict } }) => [id, indexes, verdict])).toEqual([[asked.experiment, 1, 'accepted']]);
    expect(tried[0]?.sizeBytes).toBe(recommendation?.indexes[0]?.sizeBytes);
    const [plans, ...others] = await bench.store.plans(asked.recommendation);
    expect([plans?.before.root.type, plans?.after.root.relation?.relation, others]).toEqual(['Seq Scan', 'visit', []]);
    const [executed, used] = [plans?.before.executionMs, nodesOf(plans?.after.root as PlanNode)];
    expect(executed).toBeGreaterThan(plans?.after.executionMs as number);
    expect(used.map(({ index }) => index)).toContain(recommendation?.indexes[0]?.name);
    // it ran with real values; none is kept
    expect(used.flatMap(({ expressions }) => expressions.map(({ text }) => text))).toContain('(who = ?)');
    expect(seen.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['experiment-measured', 'recommendation-made']));
  });

  test('that makes a write much slower is measured, and not recommended', async () => {
    const write = [`insert into visit select n, n, n, $1 from generate_series(1000000, 1005000) n`, 1, 'insert'] as const;
    const many = ['who', 'page', 'note'].flatMap((column) => [btree(visit, [column, 'id']), btree(visit, ['id', column])]);
    const asked = await runWith([byWho, write], [many]);
    const measured = await bench.steps.measureFinalist({ ...asked, finalist: 0, limits: limitsOf({ repeats: 5 }) });
    expect(measured).toMatchObject({
      slower: 1,
      decision: { verdict: 'rejected', because: [expect.stringMatching(/1 statement\(s\) become slower than 1.1×/)] },
    });
    expect(await bench.cluster.sql('select count(*)::int as rows from visit')).toEqual([{ rows: 60_000 }]);
  });

  test('that a small write only keeps up is recommended: a guard would let it pass, too', async () => {
    const write = [`insert into visit select n, n, n, $1 from generate_series(1000000, 1000009) n`, 50, 'insert'] as const;
    const asked = await runWith([byWho, write], [[btree(visit, ['who']), btree(visit, ['page'])]]);
    const { experiment, isRecommended } = await bench.steps.settleFinalist({ ...asked, finalist: 0, limits: limitsOf({ repeats: 9 }) });
    expect({ isRecommended, because: experiment.decision.because }).toMatchObject({ isRecommended: true });
  });

  test('with an index that slows a statement is measured again without it, and recommended', async () => {
    await makeTrap();
    const texts = [
      ['select note from trap where who = 77', 300],
      ['select note from trap where at between 500 and 510', 400],
      ['select note from trap where flag = 1 order by at limit 1', 1],
    ] as const;
    const asked = await runWith(texts, [[btree(trap, ['who']), btree(trap, ['at'])]]);
    expect((await bench.steps.measureFinalist({ ...asked, finalist: 0 })).decision.because).toEqual([expect.stringContaining('1 statement(s) become slower')]);
    const { experiment, isRecommended } = await settled({ ...asked, experiment: `e2-${asked.run}` });
    expect({ experiment, isRecommended }).toMatchObject({ isRecommended: true, experiment: { slower: 0, indexes: 1 } });
    expect(experiment.decision.because).toContain('1 index(es) left out because a statement was slower with them');
    const recommendation = await bench.store.findRecommendation(asked.recommendation);
    expect(recommendation?.indexes.map(({ index }) => index?.keys[0]?.column)).toEqual(['who']);
  });

  test('with an index that helps a statement and misleads the planner for one of its values goes on without it', async () => {
    await makeTrap(8_000); // the common flag gains more than the rare one loses
    const texts = [
      ['select note from trap where who = 77', 300],
      ['select note from trap where at between 500 and 510', 400],
      ['select note from trap where flag = $1 order by at limit 1', 1],
    ] as const;
    const asked = await runWith(texts, [[btree(trap, ['who']), btree(trap, ['at'])]]);
    const { experiment, isRecommended } = await settled(asked);
    expect({ experiment, isRecommended }).toMatchObject({ isRecommended: true, experiment: { slower: 0, indexes: 1 } });
    expect(experiment.decision.because).toContain('1 index(es) left out because a statement was slower with them');
    const recommendation = await bench.store.findRecommendation(asked.recommendation);
    expect(recommendation?.indexes.map(({ index }) => index?.keys[0]?.column)).toEqual(['who']);
  });

  test('with two indexes that mislead it alike, each in the place of the other, goes on without both', async () => {
    await makeTrap();
    const texts = [
      ['select note from trap where who = 77', 3_000],
      ['select who from trap where at between 500 and 2500', 400],
      ['select id from trap where at between 500 and 2500', 400],
      ['select note from visit where who = 78', 3_000],
      ['select note, (select count(note) from visit where who = 77) from trap where flag = 1 order by at limit 1', 1],
    ] as const;
    const twins = [btree(trap, ['at'], ['who']), btree(trap, ['at'], ['id'])];
    const asked = await runWith(texts, [[btree(trap, ['who']), btree(visit, ['who']), ...twins]]);
    const { experiment, isRecommended } = await settled(asked);
    expect({ experiment, isRecommended }).toMatchObject({ isRecommended: true, experiment: { slower: 0, indexes: 2 } });
    expect(experiment.decision.because).toContain('2 index(es) left out because a statement was slower with them');
  });

  test('keeps an index that no plan shows, where all of it is slower without: a function uses it', async () => {
    await bench.cluster.sql(`drop table if exists price; create table price (id int primary key, page int, amount int);
      insert into price select n, n % 300, n from generate_series(1, 12000) n;
      create or replace function price_of(wanted int) returns bigint stable language plpgsql as
        $$ begin return (select sum(amount) from price where price.page = wanted); end $$`);
    await bench.cluster.sql('vacuum analyze price');
    const price = { schema: 'public', relation: 'price' };
    const asked = await runWith([['select sum(price_of(page)) from visit where who = $1', 100]], [[btree(visit, ['who']), btree(price, ['page'])]]);
    const { experiment, isRecommended } = await bench.steps.settleFinalist({ ...asked, finalist: 0, limits: limitsOf({ repeats: 3 }) });
    expect({ isRecommended, indexes: experiment.indexes }).toEqual({ isRecommended: true, indexes: 2 });
    expect(experiment.decision.because).toContainEqual(expect.stringMatching(/an index that no plan needs stays: without it all takes \d+\.\d+ \[/));
    const made = await bench.store.findRecommendation(asked.recommendation);
    // what is shown was measured with both: without the second nine tenths of the time would be left
    expect(made?.experiment.total.high).toBeLessThan(0.5);
    expect(made?.indexes[1]?.leaveOneOut).toBeGreaterThan(2);
  });

  test('that cannot be built is rejected with the reason, and no value of a row in it', async () => {
    const broken: IndexDefinition = {
      ...btree(visit, []),
      keys: [{ column: null, expression: 'note::int', descending: false, nullsFirst: null, operatorClass: null }],
    };
    const asked = await runWith([byWho], [[broken]]);
    const { decision } = await bench.steps.measureFinalist({ ...asked, finalist: 0 });
    expect(decision).toEqual({ verdict: 'rejected', because: ['it cannot be built: PostgreSQL error 22P02: invalid input syntax for type integer'] });
    expect((await bench.steps.settleFinalist({ ...asked, finalist: 0 })).isRecommended).toBe(false);
    expect(await bench.store.findRecommendation(asked.recommendation)).toBeNull();
  });

  test('that brings nothing is not recommended', async () => {
    const asked = await runWith([['select count(*) from visit where page >= $1 - 100000', 10]], [[btree(visit, ['who'])]]);
    const settled = await bench.steps.settleFinalist({ ...asked, finalist: 0 });
    expect(settled).toMatchObject({
      isRecommended: false,
      experiment: { decision: { because: expect.arrayContaining([expect.stringContaining('no gain is proven')]) } },
    });
  });

  test('beyond the budget in real bytes is not recommended', async () => {
    const asked = await runWith([byWho], [[btree(visit, ['who'])]]);
    const settled = await bench.steps.settleFinalist({ ...asked, finalist: 0, limits: limitsOf({ repeats: 5, budgetBytes: 8192 }) });
    expect(settled.experiment.decision.because).toEqual([expect.stringMatching(/really, 8.2 kB are allowed/)]);
  });
});

test('sets measured side by side are experiments of their own; what was built of them is taken up by the step that settles', async () => {
  const byPage = ['select count(note) from visit where page = $1', 100] as const;
  const asked = await runWith([byWho, byPage], [[btree(visit, ['who']), btree(visit, ['page'])], [btree(visit, ['note'])]]);
  const measured = await bench.steps.measureFinalists({ ...asked, experiments: ['s-1', 's-2'] });
  expect(measured?.map(({ id, indexes, faster, decision }) => [id, indexes, faster, decision.verdict])).toEqual([
    ['s-1', 2, 2, 'accepted'],
    ['s-2', 1, 0, 'rejected'],
  ]);
  const built = await bench.cluster.sql(`select oid, relname from pg_class where relname like 'assay_lab%' order by oid`);
  expect(built).toHaveLength(3);
  const { isRecommended, experiment } = await bench.steps.settleFinalist({ ...asked, finalist: 0 });
  expect({ isRecommended, indexes: experiment.indexes }).toEqual({ isRecommended: true, indexes: 2 });
  expect(await leftOver()).toEqual([]);
  // one that cannot be built: each is to be measured by itself
  const broken = await runWith([byWho], [[btree(visit, ['who'])], [btree(visit, ['no such column'])]]);
  expect(await bench.steps.measureFinalists({ ...broken, experiments: ['s-3', 's-4'] })).toBeNull();
  await bench.steps.settleFinalist({ ...broken, finalist: 0 });
});

test('of two sets that each help one statement, executing makes a third one of both; asked again, nothing is added', async () => {
  const byPage = ['select count(note) from visit where page = $1', 100] as const;
  const idle = btree(visit, ['note']);
  const asked = await runWith([byWho, byPage], [[btree(visit, ['who']), idle], [btree(visit, ['page'])]]);
  const { sets, executions } = await bench.steps.chooseSet(asked);
  expect(sets).toBe(3);
  expect(executions).toBeGreaterThan(3);
  const third = (await bench.store.load(asked.run)).finalists[2];
  expect(third?.indexes.map(({ keys }) => keys.map(({ column }) => column)).toSorted()).toEqual([['page'], ['who']]);
  expect(third?.estimatedRatio).toBeLessThan(0.5);
  expect(await bench.steps.chooseSet(asked)).toMatchObject({ sets: 3 });
  expect(await leftOver()).toEqual([]);
  // what only a larger budget would buy is tried as well, and stays in the last place: no finalist
  const wide = await runWith([byWho, byPage], [[btree(visit, ['who'])], [idle]]);
  const pool = { indexes: [btree(visit, ['page'])], estimatedRatio: 1, estimatedBytes: 0, isPoolOnly: true };
  await bench.store.saveFinalists(wide.run, [...(await bench.store.load(wide.run)).finalists, pool]);
  expect(await bench.steps.chooseSet(wide)).toMatchObject({ sets: 3 });
  const [, , chosen, last] = (await bench.store.load(wide.run)).finalists;
  expect(chosen?.indexes.map(({ keys }) => keys.map(({ column }) => column)).toSorted()).toEqual([['page'], ['who']]);
  expect(last).toEqual(pool);
  // no room for either
  const alone = await runWith([byWho, byPage], [[btree(visit, ['who'])], [btree(visit, ['page'])]]);
  expect(await bench.steps.chooseSet({ ...alone, limits: limitsOf({ repeats: 5, budgetBytes: 8192 }) })).toMatchObject({ sets: 2 });
});

test('the same step twice is one experiment and one recommendation', async () => {
  const asked = await runWith([byWho], [[btree(visit, ['who'])]]);
  await bench.steps.settleFinalist({ ...asked, finalist: 0 });
  await bench.steps.settleFinalist({ ...asked, finalist: 0 });
  const count = (table: string) => bench.control.em().execute(`select from assay_control.${table} where run = ?`, [asked.run]);
  expect(await count('experiment')).toHaveLength(1);
  expect(await count('recommendation')).toHaveLength(1);
  expect((await bench.store.recommendations('main', 1))[0]?.id).toBe(asked.recommendation);
  expect(await bench.store.recommendations('other', 10)).toEqual([]);
});

test('what was refused or rolled back does not come back until its evidence changes', async () => {
  const asked = await runWith([byWho], [[btree(visit, ['who'])]]);
  expect((await bench.steps.settleFinalist({ ...asked, finalist: 0 })).isRecommended).toBe(true);
  await bench.steps.enterState({ cluster: 'main', recommendation: asked.recommendation, state: 'refused', by: 'ann', because: ['not now'] });
  const again = await bench.steps.settleFinalist({ ...asked, finalist: 0, experiment: `${asked.experiment}-2`, recommendation: `${asked.recommendation}-2` });
  expect(again).toMatchObject({ isRecommended: false, experiment: { decision: { because: [expect.stringContaining(`${asked.recommendation} of`)] } } });
  expect(await bench.store.findRecommendation(`${asked.recommendation}-2`)).toBeNull();

  // nor what waits for whoever carries SQL out; for ever is too long
  const made = (await bench.store.findRecommendation(asked.recommendation)) as Recommendation;
  const before = (idea: Partial<Recommendation> = {}) => refusedBefore(bench.store, { ...made, id: 'r-new', ...idea });
  const named = `recommendation ${made.id} of ${made.createdAt.slice(0, 10)}`;
  await bench.steps.enterState({ cluster: 'main', recommendation: made.id, state: 'approved', by: 'ann', because: [] });
  expect(await before()).toContain(`${named} said the same and was approved: its SQL waits to be carried out`);
  const daysLater = (days: number) => ({ createdAt: new Date(Date.now() + days * 86_400_000).toISOString() });
  await bench.control.em().execute(`update assay_control.recommendation_event set at = now() + interval '29 days' where state = 'approved'`);
  expect(await before(daysLater(58))).toContain('its SQL waits');
  expect(await before(daysLater(60))).toBeNull();
  // nor what production refused
  await bench.steps.enterState({ cluster: 'main', recommendation: made.id, state: 'rolled-back', by: null, because: ['the gain does not show'] });
  expect(await before()).toContain(`${named} said the same and was rolled back`);
  expect(await before({ indexes: [] })).toBeNull();
  const indexes = [recommendedIndex(btree(visit, ['who', 'page']), { sizeBytes: 1, buildMs: 1, leaveOneOut: 2 })];
  expect(await before({ indexes })).toBe(
    `${named} made indexes on the same tables by the same first columns and was rolled back; the evidence has not changed since`,
  );
  const forOthers = { ...made.experiment, statements: made.experiment.statements.map((each) => ({ ...each, statement: 'another' })) };
  expect(await before({ indexes, experiment: forOthers })).toBeNull();

  // the gain that it was refused for was another one
  const smaller = JSON.stringify({ ...made.experiment, total: { ratio: 0.99, low: 0.98, high: 0.995 } });
  const change = `update assay_control.recommendation set document = jsonb_set(document, '{experiment}', ?::jsonb) where id = ?`;
  await bench.control.em().execute(change, [smaller, made.id]);
  expect((await bench.steps.settleFinalist({ ...asked, finalist: 0, recommendation: `${asked.recommendation}-3` })).isRecommended).toBe(true);
});

test('looks are kept without texts, the newest of another run counts, old ones go', async () => {
  const at = (second: number) => ({
    ...{
      takenAt: `2026-11-21T10:00:${String(second).padStart(2, '0')}.000Z`,
      startedAt: '2026-11-21T09:00:00Z',
      resetAt: null,
      evictions: 0,
      maxStatements: 5000,
    },
    statements: [{ queryId: String(second), text: `alter role app password 'hush'` } as never],
  });
  for (let second = 0; second < 12; second += 1) await bench.store.saveSnapshot(`s-${second}`, 'end', { cluster: 'looks', snapshot: at(second) });
  expect((await bench.store.earlierSnapshot('s-11', 'last-run', 'looks'))?.statements).toEqual([{ queryId: '10', text: '' }]);
  expect(await bench.store.earlierSnapshot('s-11', 'begin', 'looks')).toBeNull();
  expect(await bench.control.em().execute(`select from assay_control.optimizer_snapshot where cluster = 'looks'`)).toHaveLength(8);
  expect(JSON.stringify(await bench.control.em().execute('select document from assay_control.optimizer_snapshot'))).not.toContain('hush');
});
