import { beforeEach, expect, test } from 'vitest';
import { createMetrics, type Metrics, type ProofRow } from '../../ops/metrics.ts';
import { metricCatalogue } from '../../ops/metrics-catalogue.ts';
import { oneOfEach } from '../support/observations.ts';

const judged = oneOfEach['proof-judged'];
let metrics: Metrics;
let clock: number;

beforeEach(() => {
  clock = 1_795_000_100;
  metrics = createMetrics({ now: () => clock });
});

const series = async (name: string) => (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`));
const value = async (name: string, ...labels: string[]) => {
  const found = (await series(name)).filter((line) => labels.every((label) => line.includes(label)));
  expect(found.length, `${name} ${labels}`).toBeLessThanOrEqual(1);
  return found[0] === undefined ? undefined : Number(found[0].split(' ').at(-1));
};

test('names follow the convention: agent, what, unit; counters end in _total', () => {
  const units = /_(seconds|bytes|total|info|up|gaps|open|row|ratio|statements|indexes|recommendations)$/;
  for (const { name, kind, labels } of Object.values(metricCatalogue)) {
    expect(name).toMatch(/^assay_(backup|fleet|optimizer)_[a-z_]+$/);
    expect(name).toMatch(units);
    expect(name.endsWith('_total')).toBe(kind === 'counter');
    expect(labels.filter((label) => /table|query|label|proof|clone|database/.test(label))).toEqual([]);
  }
  const names = Object.values(metricCatalogue).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test('every metric of the catalogue gets a series from a fleet at work', async () => {
  for (const seen of Object.values(oneOfEach)) metrics.listener(seen);
  const text = await metrics.registry.metrics();
  const dead = Object.values(metricCatalogue).filter(({ name }) => !new RegExp(`^${name}(_count)?[{ ]`, 'm').test(text));
  expect(dead).toEqual([]);
});

test('a window that is no more has no series', async () => {
  const measured = oneOfEach['window-measured'];
  metrics.listener(measured);
  expect(await value('assay_backup_window_newest_timestamp_seconds')).toBe(Date.parse(measured.newest ?? '') / 1000);
  metrics.listener({ ...measured, oldest: null, newest: null });
  expect(await series('assay_backup_window_oldest_timestamp_seconds')).toEqual([]);
  expect(await series('assay_backup_window_newest_timestamp_seconds')).toEqual([]);
});

test('engine durations reach from a blink to four hours', async () => {
  metrics.listener({ ...oneOfEach['backup-taken'], tookMs: 4 * 3600_000 });
  expect(await value('assay_backup_engine_duration_seconds_bucket', 'le="0.1"')).toBe(0);
  expect(await value('assay_backup_engine_duration_seconds_bucket', 'le="14400"')).toBe(1);
});

test('an adopted backup adds no bytes and no time a second time', async () => {
  metrics.listener(oneOfEach['backup-taken']);
  metrics.listener({ ...oneOfEach['backup-taken'], adopted: true });
  expect(await value('assay_backup_repository_added_bytes_total')).toBe(70_000_000);
  expect(await value('assay_backup_engine_duration_seconds_count', 'full')).toBe(1);
  expect(await value('assay_backup_backups_total', 'adopted')).toBe(1);
});

test('a proof of an older random moment does not make the newest proven one older', async () => {
  metrics.listener(judged);
  metrics.listener({ ...judged, provenAtSeconds: judged.provenAtSeconds - 86_400 });
  expect(await value('assay_backup_last_proven_timestamp_seconds')).toBe(judged.provenAtSeconds);
});

test('only proven moves the proven moment; each verdict is remembered with its time and counted by cause', async () => {
  metrics.listener({ ...judged, verdict: 'failed', level: null, cause: 'wal-gap' });
  metrics.listener({ ...judged, repository: 2, provenAtSeconds: 0 });
  expect(await value('assay_backup_last_proven_timestamp_seconds')).toBeUndefined();
  expect(await value('assay_backup_proven_rpo_seconds', 'repository="1"')).toBeUndefined();
  expect(await value('assay_backup_last_verdict_timestamp_seconds', 'failed')).toBe(clock);
  expect(await value('assay_backup_proofs_total', 'wal-gap')).toBe(1);
});

test('inconclusive proofs in a row are counted until one gives a verdict', async () => {
  const inconclusive = { ...judged, verdict: 'inconclusive', level: null, cause: 'disk-full' } as const;
  for (const seen of [judged, inconclusive, inconclusive]) {
    clock += 60;
    metrics.listener(seen);
  }
  expect(await value('assay_backup_inconclusive_proofs_in_a_row')).toBe(2);
  clock += 60;
  metrics.listener(judged);
  expect(await value('assay_backup_inconclusive_proofs_in_a_row')).toBe(0);
});

test('recovery time stands once for each phase, honest or not', async () => {
  metrics.listener(judged);
  clock += 60;
  metrics.listener({ ...judged, recoveryTime: { fetchMs: 1000, startMs: 1000, replayMs: 1000, checkMs: 1000, honest: false } });
  const standing = await series('assay_backup_recovery_time_seconds');
  expect(standing).toHaveLength(4);
  expect(standing.every((line) => line.includes('honest="false"') && line.endsWith(' 1'))).toBe(true);
});

test('a clone that a retry opens again is one clone', async () => {
  metrics.listener(oneOfEach['clone-opened']);
  metrics.listener(oneOfEach['clone-opened']);
  expect(await value('assay_backup_clones_open')).toBe(1);
  metrics.listener({ ...oneOfEach['clone-wiped'], swept: true });
  metrics.listener(oneOfEach['clone-wiped']);
  expect(await value('assay_backup_clones_open')).toBe(0);
});

test('counters that alerts read start at zero once a cluster is watched', async () => {
  metrics.listener(oneOfEach['cluster-watched']);
  expect(await value('assay_backup_objectives_missed_total', 'rpo')).toBe(0);
  expect(await value('assay_backup_objective_seconds', 'proof_age')).toBe(90_000);
});

test('watching again changes no counter, and an objective that was dropped allows everything', async () => {
  metrics.listener(oneOfEach['cluster-watched']);
  metrics.listener(oneOfEach['schedule-missed']);
  metrics.listener({
    ...oneOfEach['cluster-watched'],
    objectives: { rpoSeconds: null, rtoSeconds: 60, proofAgeSeconds: 1, workloadAgeSeconds: null, guardSeconds: 60 },
  });
  expect(await value('assay_backup_missed_schedules_total', 'schedule="full"')).toBe(1);
  expect(await series('assay_backup_objective_seconds')).toContainEqual(expect.stringMatching(/rpo.* \+Inf$/));
});

test('watching a cluster again keeps what its changes took; a reason that is gone falls to zero; a roll-back is an event', async () => {
  metrics.listener(oneOfEach['cluster-watched']);
  expect(await value('assay_optimizer_change_duration_seconds_count', 'change="create-index"')).toBe(0);
  metrics.listener(oneOfEach['change-applied']);
  metrics.listener(oneOfEach['cluster-watched']);
  expect(await value('assay_optimizer_change_duration_seconds_count', 'change="create-index"')).toBe(1);
  metrics.listener(oneOfEach['statements-not-judged']);
  metrics.listener({ ...oneOfEach['statements-not-judged'], reasons: { budget: 1 } });
  expect(await value('assay_optimizer_not_judged_statements', 'reason="utility"')).toBe(0);
  expect(await value('assay_optimizer_last_event_timestamp_seconds', 'regressed')).toBeUndefined();
  metrics.listener({ ...oneOfEach['guard-verdict'], verdict: 'roll-back' });
  expect(await value('assay_optimizer_last_event_timestamp_seconds', 'regressed')).toBe(clock);
});

test('what the control database no longer knows has no age; the ratio of a recommendation outlives the worker that made it', async () => {
  const seen = oneOfEach['recommendations-counted'];
  metrics.listener(seen);
  expect(await value('assay_optimizer_known_recommendations', 'kept')).toBe(3);
  expect(await value('assay_optimizer_oldest_recommendation_timestamp_seconds', 'proposed')).toBe(Date.parse('2026-11-20T05:00:10.000Z') / 1000);
  expect(await value('assay_optimizer_last_event_timestamp_seconds', 'rolled-back')).toBe(Date.parse('2026-11-10T05:00:00.000Z') / 1000);
  expect(await value('assay_optimizer_last_event_timestamp_seconds', '"regressed"')).toBe(Date.parse('2026-11-10T04:55:00.000Z') / 1000);
  expect(await value('assay_optimizer_recommended_time_ratio')).toBe(0.31);
  metrics.listener({ ...seen, states: { kept: 4 }, oldestAt: { kept: '2026-10-01T05:00:00.000Z' }, collectedAt: null });
  expect(await value('assay_optimizer_known_recommendations', 'proposed')).toBe(0);
  expect(await value('assay_optimizer_oldest_recommendation_timestamp_seconds', 'proposed')).toBeUndefined();
  expect(await value('assay_optimizer_last_event_timestamp_seconds', '"proposed"')).toBeDefined();
  expect(await series('assay_optimizer_workload_collected_timestamp_seconds')).toEqual([]);
});

test('a forgotten cluster leaves no series, another one keeps its own', async () => {
  for (const seen of Object.values(oneOfEach)) metrics.listener(seen);
  metrics.listener({ ...judged, cluster: 'billing' });
  metrics.listener({ kind: 'cluster-forgotten', cluster: 'shop' });
  await expect.poll(() => metrics.registry.metrics()).not.toContain('cluster="shop"');
  expect(await value('assay_backup_last_proven_timestamp_seconds')).toBe(judged.provenAtSeconds);
  metrics.listener({ ...judged, provenAtSeconds: 5 });
  expect(await value('assay_backup_last_proven_timestamp_seconds', 'shop')).toBe(5);
});

test('a label stays in its closed set whatever an observation says', async () => {
  metrics.listener({ ...oneOfEach['marker-made'], way: 'by-hand' });
  metrics.listener({ ...oneOfEach['schedule-missed'], schedule: 'of-somebody-else' });
  expect(await value('assay_backup_markers_total', 'way="other"')).toBe(1);
  expect(await value('assay_backup_missed_schedules_total', 'schedule="other"')).toBe(1);
});

const row: ProofRow = { ...judged, judgedAtSeconds: 100, provenAtSeconds: 90 };

test('history in any order, and twice, gives what the newest rows say; nothing is counted', async () => {
  const rows: ProofRow[] = [
    { ...row, judgedAtSeconds: 400, verdict: 'inconclusive', provenAtSeconds: null, rpoSeconds: null },
    { ...row, judgedAtSeconds: 200, provenAtSeconds: 190, rpoSeconds: 9 },
    row,
    { ...row, judgedAtSeconds: 300, verdict: 'inconclusive', provenAtSeconds: null, rpoSeconds: null },
  ];
  metrics.setFromHistory(rows);
  metrics.setFromHistory(rows);
  expect(await value('assay_backup_last_proven_timestamp_seconds')).toBe(190);
  expect(await value('assay_backup_last_verdict_timestamp_seconds', 'inconclusive')).toBe(400);
  expect(await value('assay_backup_inconclusive_proofs_in_a_row')).toBe(2);
  expect(await value('assay_backup_proven_rpo_seconds')).toBe(9);
  expect(await series('assay_backup_proofs_total')).toEqual([]);
});
