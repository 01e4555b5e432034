/** Removals of runs over files beside those of runs over what the server itself ran: on a real server and a real control database. */
import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import type { Statement } from '../../domain/optimizer/model.ts';
import { useSteps } from './steps-support.ts';

const bench = useSteps((cluster) =>
  cluster.sql(`create table item (id int primary key, state int, name text);
    insert into item select n, n % 50, 'n' || n from generate_series(1, 20000) n;
    create index state_1 on item (state); create index state_2 on item (state);
    analyze item`),
);

const statement: Statement = {
  ...{ id: 's-1', database: 'postgres', text: 'select id from item where state = $1', kind: 'select', calls: 10, totalMs: 10 },
  ...{ rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 },
};

async function run(id: string, source: 'pg_stat_statements' | 'files') {
  const head = { id, cluster: 'main', database: 'postgres', owner: 'test', source, startedAt: new Date().toISOString(), settings: {} };
  await bench.store.begin(head, { statements: [statement], notJudged: [], notices: [] });
  const [policy, limits] = [bench.cluster.policy(), limitsOf({ repeats: 3 })];
  await bench.steps.lookAtIndexes({ policy, database: 'postgres', run: id, limits });
  const clone = { id: 'c', cluster: 'main', host: hostname(), directory: '/nowhere' };
  return bench.steps.proveHygiene({
    policy,
    clone,
    run: id,
    limits,
    workload: null,
    experiment: `e-${id}`,
    proof: 'p',
    recommendation: `r-${id}`,
    backup: 'B',
  });
}

const supersededBy = async (id: string) => (await bench.steps.openRecommendation({ cluster: 'main', recommendation: id })).supersedes.toSorted();
const removedBy = async (id: string) => (await bench.store.findRecommendation(id))?.indexes.map(({ sql }) => sql).toSorted();

test('what was proven beside the own workload is neither superseded nor proposed again by a run over files; the other way it is', async () => {
  expect(await run('file-1', 'files')).toMatchObject({ recommendation: 'r-file-1' });
  expect(await run('file-2', 'files')).toMatchObject({ recommendation: 'r-file-2' });
  expect(await supersededBy('r-file-2')).toEqual(['r-file-1']);
  expect(await run('own-1', 'pg_stat_statements')).toMatchObject({ recommendation: 'r-own-1' });
  expect(await removedBy('r-own-1')).toEqual(await removedBy('r-file-1'));
  expect(await supersededBy('r-own-1')).toEqual(['r-file-1', 'r-file-2']);

  expect(await run('file-3', 'files')).toMatchObject({
    recommendation: null,
    because: [expect.stringMatching(/^recommendation r-own-1 of .* proposes the same/)],
  });
  // more than that is news: both stand, and the weaker evidence does not take the other's place
  await bench.cluster.sql('create index name_1 on item (name); create index name_2 on item (name)');
  expect(await run('file-4', 'files')).toMatchObject({ recommendation: 'r-file-4' });
  expect(await removedBy('r-file-4')).toEqual(expect.arrayContaining((await removedBy('r-own-1')) ?? ['none']));
  expect(await supersededBy('r-file-4')).toEqual(['r-file-1', 'r-file-2']);
  expect(await run('own-2', 'pg_stat_statements')).toMatchObject({ recommendation: 'r-own-2' });
  expect(await supersededBy('r-own-2')).toEqual(['r-file-1', 'r-file-2', 'r-file-4', 'r-own-1']);
});
