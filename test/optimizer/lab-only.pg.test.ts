/** What HypoPG cannot judge, from the statement to the recommendation: found, really built, and kept where execution says so. */
import { describe, expect, test } from 'vitest';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import type { Statement } from '../../domain/optimizer/model.ts';
import { nodesOf, type PlanNode } from '../../domain/optimizer/plan.ts';
import { useSteps } from './steps-support.ts';

const bench = useSteps(async (cluster) => {
  await cluster.sql(`create extension hypopg; create schema ext; create extension pg_trgm schema ext;
    create table doc (id int primary key, title text, body jsonb, during int4range, place point, pad text);
    insert into doc select n, md5(n::text) || md5((n * 7)::text), jsonb_build_object('k', n % 5000, 'v', md5(n::text)), int4range(n, n + 5), point(n, n % 100),
      repeat('x', 50) from generate_series(1, 15000) n`);
  await cluster.sql(`create table person (id int, a int, b int, c int, grp int, pad text); create table tag (grp int, word text);
    insert into person select n, n % 40, n % 40, n % 40, n % 500, repeat('x', 30) from generate_series(1, 50000) n;
    insert into tag select n % 500, 'w' || n from generate_series(1, 800) n`);
  await cluster.sql('vacuum analyze doc, person, tag');
});

let number = 0;

async function asked(texts: readonly string[]) {
  number += 1;
  const run = `l-${number}`;
  const counts = { kind: 'select', calls: 20, totalMs: 100, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 } as const;
  const statements = texts.map((text, place): Statement => ({ id: `${run}-${place}`, database: 'postgres', text, ...counts }));
  return { ...(await bench.begin(run, statements)), limits: limitsOf({ repeats: 4, searchMs: 5_000 }) };
}

/** The whole way of a run, in short: what is recommended, as SQL without names. */
async function recommendedFor(text: string): Promise<readonly string[]> {
  const on = await asked([text]);
  const { sets } = await bench.steps.searchSets(on);
  if (sets === 0) return [];
  const recommendation = `r-${on.run}`;
  await bench.steps.settleFinalist({ ...on, finalist: sets - 1, experiment: `e-${on.run}`, recommendation });
  const made = await bench.store.findRecommendation(recommendation);
  // what stands would be a finalist of the next run
  if (made !== null) await bench.store.enterState(recommendation, { state: 'expired', at: new Date().toISOString(), by: null, because: [] });
  return (made?.indexes ?? []).map(({ sql }) => sql.replace(/^.* USING /, ''));
}

test.each([
  ['a word inside a text, by trigrams, whatever schema they are in', `select id from doc where title like '%c4ca4238a0%'`, `gin ("title" "ext".gin_trgm_ops);`],
  ['a document that holds another: the smaller kind of the two', `select id from doc where body @> '{"k": 77}'`, `gin ("body" jsonb_path_ops);`],
  ['ranges that meet', `select id from doc where during && '[500,510)'::int4range`, `gist ("during");`],
  ['points in a box', `select id from doc where place <@ '(5,5),(9,9)'::box`, `gist ("place");`],
])('%s', async (_, text, index) => expect(await recommendedFor(text)).toEqual([index]), 30_000);

describe('columns that go together', () => {
  const prove = async (...texts: readonly string[]) => {
    const on = await asked(texts);
    const answer = await bench.steps.proveStatistics({ ...on, experiment: `e-${on.run}`, recommendation: `r-${on.run}` });
    return { answer, made: await bench.store.findRecommendation(`r-${on.run}`) };
  };
  const counted = `select count(*) from person where a = 7 and b = 7 and c = 7`;
  const joined = `select count(*) from person p join tag t on t.grp = p.grp where p.a = 7 and p.b = 7 and p.c = 7`;

  test('get no statistics where a wrong count makes nothing slower', async () => {
    const { answer, made } = await prove(counted);
    expect(answer).toMatchObject({ ideas: 1, recommendation: null, because: [expect.stringContaining('no gain is proven'), expect.anything()] });
    expect(made).toBeNull();
  }, 30_000);

  test('get some where the plan is better with them and the statement faster; what is on the lab goes again', async () => {
    const { answer, made } = await prove(counted, joined);
    expect(answer).toMatchObject({ ideas: 1, recommendation: made?.id });
    expect(made?.indexes).toEqual([
      expect.objectContaining({
        kind: 'create-statistics',
        table: { schema: 'public', relation: 'person' },
        because: expect.stringMatching(/^1 rows were expected of a, b, c together, 1250 came$/),
        sql: expect.stringMatching(/^CREATE STATISTICS "public".*ON "a", "b", "c" FROM "public"."person";\nANALYZE/),
      }),
    ]);
    expect(made?.indexes[0]?.leaveOneOut).toBeGreaterThan(1.5);
    expect(made?.tables).toEqual([{ table: { schema: 'public', relation: 'person' }, bytes: expect.any(Number) }]);
    const [plans] = await bench.store.plans(`${made?.id}`);
    const [before, after] = [plans?.before, plans?.after].map((plan) => nodesOf(plan?.root as PlanNode).map(({ type }) => type));
    expect(before).not.toEqual(after);
    expect(await bench.cluster.sql('select from pg_statistic_ext')).toEqual([]);
  }, 30_000);

  test('that have statistics, or are protected, are no idea', async () => {
    await bench.cluster.sql('create statistics known on c, a, b from person; analyze person');
    expect((await prove(joined)).answer).toMatchObject({ ideas: 0, because: [expect.stringContaining('no plan counted wrong')] });
    await bench.cluster.sql('drop statistics known');
    const on = await asked([joined]);
    const limits = { ...on.limits, protectedTables: ['public.person'] };
    expect(await bench.steps.proveStatistics({ ...on, limits, experiment: 'e-p', recommendation: 'r-p' })).toMatchObject({ ideas: 0 });
  }, 30_000);
});
