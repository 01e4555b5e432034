/** From a statement to the recommendation of another text of it, by the step itself: a real control database, a real server that stands for the lab. */
import { describe, expect, test } from 'vitest';
import { recommendationDigest } from '../../activities/recommendation-digest.ts';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import type { Statement } from '../../domain/optimizer/model.ts';
import { nodesOf, type PlanNode } from '../../domain/optimizer/plan.ts';
import { optimizerPolicyOf } from '../../domain/optimizer/policy.ts';
import { recommendationSql, undoSql } from '../../domain/optimizer/recommendation.ts';
import { useSteps } from './steps-support.ts';

const bench = useSteps(async (cluster) => {
  await cluster.sql(`create table person (id int primary key, grp int not null, maybe int, pad text);
    create index on person (grp);
    insert into person select n, n % 500, nullif(n % 500, 0), repeat('x', 30) from generate_series(1, 25000) n`);
  await cluster.sql('vacuum analyze person');
});

let number = 0;

async function prove(...texts: readonly string[]) {
  number += 1;
  const run = `w-${number}`;
  const counts = { calls: 20, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 } as const;
  const statements = texts.map(
    (text, place): Statement => ({
      id: `q-${place}`,
      database: 'postgres',
      text,
      kind: text.startsWith('delete') ? 'delete' : 'select',
      totalMs: 100 - place,
      ...counts,
    }),
  );
  const limits = limitsOf({ repeats: 4, statementTimeoutMs: 3_000 });
  const names = [0, 1].map((place) => ({ experiment: `e-${run}-${place}`, recommendation: `r-${run}-${place}` }));
  const request = { ...(await bench.begin(run, statements)), limits, names };
  const answer = await bench.steps.proveRewrites(request);
  return { answer, made: await bench.store.findRecommendation(`r-${run}-0`), request };
}

const whole = 'with p as materialized (select * from person) select count(*) from p where grp = $1';

describe('another text', () => {
  test('that is equal and faster is recommended: both texts, why, the proof, the plans; nothing in it can be run', async () => {
    const { answer, made } = await prove(whole, 'select count(*) from person where id = $1');
    expect(answer).toEqual({
      tried: 1,
      recommendations: [made?.id],
      because: [expect.stringMatching(/^statement q-0: executed 0\.\d+ .* of before, with every set of values$/)],
    });
    const [change] = made?.indexes ?? [];
    expect(change).toMatchObject({
      kind: 'rewrite',
      name: 'statement q-0',
      because: 'a query of WITH is computed whole before the rest filters it',
      undo: '',
      rewrite: {
        rules: ['cte-inlined'],
        before: whole,
        after: expect.stringMatching(/^with p as \(select/),
        proof: { bindings: expect.any(Number), isOrdered: false, timeZones: [] },
      },
    });
    expect(made?.tables).toEqual([{ table: { schema: 'public', relation: 'person' }, bytes: expect.any(Number) }]);
    expect(made?.experiment.total.high).toBeLessThan(1);
    const [plans] = await bench.store.plans(`${made?.id}`);
    const types = [plans?.before, plans?.after].map((plan) => nodesOf(plan?.root as PlanNode).map(({ type }) => type));
    expect(types[0]).toContain('CTE Scan');
    expect(types[1]).not.toContain('CTE Scan');
    const files = made === null ? [] : [recommendationSql(made), undoSql(made)];
    expect(
      files
        .join('\n')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('--')),
    ).toEqual([]);
    expect(files[0]).toContain(`--   ${whole}`);
  }, 60_000);

  test('rests on what the tables promise: where they do not any more, its approval is refused, and carrying it out always', async () => {
    const { made, request } = await prove('select count(*) from person p where p.id < 1200 and maybe = (select max(maybe) from person q where q.grp = p.grp)');
    expect(made?.indexes[0]).toMatchObject({
      rewrite: {
        rules: ['aggregate-joined'],
        grounds: [
          { kind: 'type', column: 'grp', type: 'integer' },
          { kind: 'type', column: 'maybe', type: 'integer' },
        ],
        proof: { bindings: 1, rows: 1 },
      },
    });
    const asked = { policy: request.policy, recommendation: `${made?.id}` };
    expect(await bench.steps.checkEvidence(asked)).toEqual({ fresh: true, because: [] });
    const executing = { ...request.policy, optimizer: { ...optimizerPolicyOf(request.policy), apply: 'execute' as const } };
    expect(await bench.steps.checkEvidence({ ...asked, policy: executing })).toMatchObject({ fresh: true });
    const digest = made === null ? '' : recommendationDigest(made);
    await expect(bench.steps.prepareApply({ ...asked, policy: executing, digest })).rejects.toMatchObject({
      code: 'refused-by-guard',
      message: expect.stringContaining('a rewrite is advice, which Assay never carries out'),
    });
    await bench.cluster.sql('alter table person alter grp type bigint');
    expect(await bench.steps.checkEvidence(asked)).toEqual({ fresh: false, because: ['the texts are equal only while public.person.grp is integer'] });
    await bench.cluster.sql('alter table person alter grp type int');
    await bench.cluster.sql('vacuum analyze person');
  }, 60_000);

  test('of a statement that writes is proven by the rows that it changes, and measured; they are all there afterwards', async () => {
    const text = 'delete from person where id > 24000 and grp not in (select q.grp from person q where q.id > 10 and q.grp < 300) and pad is not null';
    const { answer, made } = await prove(text);
    expect(answer).toMatchObject({ tried: 1, because: [expect.stringMatching(/executed \d\.\d+/)] });
    if (made !== null)
      expect(made.indexes[0]).toMatchObject({ rewrite: { after: expect.stringMatching(/^delete from person\n/), proof: { isOfWrites: true, rows: 400 } } });
    expect(await bench.cluster.sql('select count(*)::int as n from person')).toEqual([{ n: 25_000 }]);
  }, 60_000);

  test('that was approved is not proposed again while the application still sends the old one', async () => {
    const text = 'with p as materialized (select id, grp from person) select count(*) from p where grp = $1';
    const { made } = await prove(text);
    await bench.steps.enterState({ cluster: 'main', recommendation: `${made?.id}`, state: 'approved', by: 'ann', because: [] });
    const { answer, request } = await prove(text);
    const none = await bench.steps.proveRewrites({ ...request, names: [] });
    expect(none).toEqual({ tried: 0, recommendations: [], because: ['0 statement(s) were tried, no more are in one run'] });
    expect(answer).toMatchObject({ recommendations: [], because: [expect.stringContaining('was approved: it waits for the application')] });
  }, 60_000);

  test('that nobody wanted does not come back on the same evidence', async () => {
    const { made } = await prove(whole);
    await bench.steps.enterState({ cluster: 'main', recommendation: `${made?.id}`, state: 'refused', by: 'ann', because: ['not now'] });
    const { answer } = await prove(whole);
    expect(answer).toMatchObject({ tried: 1, recommendations: [], because: [expect.stringMatching(/said the same and was refused/)] });
  }, 60_000);

  test('is nothing where no gain is proven, or nothing can be compared with; the reason is told', async () => {
    const { answer, made } = await prove(
      'with p as materialized (select grp, count(*) as n from person group by grp) select * from p',
      'select count(*) from person where grp not in (select p.grp from person p, person q, person r where p.pad <> q.pad)',
    );
    expect(answer).toEqual({
      tried: 2,
      recommendations: [],
      because: [
        expect.stringMatching(/no gain is proven|plans both texts alike/),
        expect.stringMatching(/^statement q-1: not-in-to-not-exists: not proven equal: nothing to compare with: .*ran into the time limit/),
      ],
    });
    expect(made).toBeNull();
  }, 60_000);
});
