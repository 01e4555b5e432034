import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Control, openControl } from '../../activities/control/control-database.ts';
import { gaugeRecommendations } from '../../activities/control/optimizer-gauges.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import type { RecommendationCounts } from '../../domain/observation.ts';
import { testCluster } from '../support/cluster.ts';
import { recommendation } from './plan-examples.ts';

let control: Control;

beforeAll(async () => {
  const cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  await cluster.sql('create database gauges');
  control = await openControl(`postgres://postgres@localhost:${cluster.port}/gauges?host=${encodeURIComponent(cluster.socketDirectory)}`);
  await control.migrate();
}, 60_000);

afterAll(() => control.close());

test('recommendations are counted by cluster and state, with since when and when last; the workload is as old as the newest look at the server, files do not count', async () => {
  expect(await gaugeRecommendations(control)).toEqual(new Map());
  const store = createOptimizerStore(control);
  const nothing = { statements: [], notJudged: [], notices: [] };
  const head = { database: 'shop', owner: 'optimizer/shop/run/1', settings: {} };
  const looks = [
    ['r1', 'shop', 'pg_stat_statements', '2026-11-20T05:00:00.000Z'],
    ['r2', 'shop', 'pg_stat_statements', '2026-11-21T05:00:00.000Z'],
    ['r3', 'shop', 'files', '2026-11-22T05:00:00.000Z'],
    ['r4', 'billing', 'files', '2026-11-22T05:00:00.000Z'],
    ['r5', 'orders', 'pg_stat_statements', '2026-11-19T05:00:00.000Z'],
  ] as const;
  for (const [id, cluster, source, startedAt] of looks) await store.begin({ ...head, id, cluster, source, startedAt }, nothing);
  for (const [id, cluster] of [
    ['a', 'shop'],
    ['b', 'shop'],
    ['c', 'billing'],
  ] as const)
    await store.saveRecommendation({ ...recommendation, id, cluster, run: 'r1' });
  const event = 'insert into assay_control.recommendation_event (recommendation, state, at, because) values (?, ?, ?, ?)';
  for (const [id, state, at] of [
    ['b', 'approved', '2026-11-21T11:00:00.000Z'],
    ['b', 'applied', '2026-11-21T12:00:00.000Z'],
    ['c', 'refused', '2026-11-22T12:00:00.000Z'],
  ] as const)
    await control.em().execute(event, [id, state, at, '[]']);
  await control.em().execute("update assay_control.recommendation set state = 'applied' where id = 'b'");
  await control.em().execute("update assay_control.recommendation set state = 'refused' where id = 'c'");
  const verdict = 'insert into assay_control.optimizer_verdict (recommendation, guard_window, verdict, because, at) values (?, ?, ?, ?, ?)';
  await control.em().execute(verdict, ['b', 1, 'undecided', '[]', '2026-11-21T13:00:00.000Z']);
  await control.em().execute(verdict, ['b', 2, 'roll-back', '[]', '2026-11-21T14:00:00.000Z']);
  const made = recommendation.createdAt;
  const [approved, applied, refused] = ['2026-11-21T11:00:00.000Z', '2026-11-21T12:00:00.000Z', '2026-11-22T12:00:00.000Z'];
  const { ratio } = recommendation.experiment.total;
  expect(await gaugeRecommendations(control)).toEqual(
    new Map<string, RecommendationCounts>([
      [
        'shop',
        {
          states: { proposed: 1, applied: 1 },
          oldestAt: { proposed: made, applied },
          lastAt: { proposed: made, approved, applied },
          regressedAt: '2026-11-21T14:00:00.000Z',
          collectedAt: '2026-11-21T05:00:00.000Z',
          ratio,
        },
      ],
      ['billing', { states: { refused: 1 }, oldestAt: { refused }, lastAt: { proposed: made, refused }, regressedAt: null, collectedAt: null, ratio }],
      ['orders', { states: {}, oldestAt: {}, lastAt: {}, regressedAt: null, collectedAt: '2026-11-19T05:00:00.000Z', ratio: null }],
    ]),
  );
});
