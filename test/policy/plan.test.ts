import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clusterOfSchedule, scheduleIdsOf, scheduleNames } from '../../domain/ids.ts';
import type { OptimizerPolicy } from '../../domain/optimizer/policy.ts';
import { clusterChanges, desiredSchedules, differingKeys, type FoundCluster, removalChanges, whenText } from '../../domain/plan.ts';
import { plannedRuns } from '../../workers/commands/plan-runs.ts';
import { checkPolicy } from '../../workers/read-policy.ts';

const text = `version: 1
clusters:
  shop:
    environment: dev
    host: db1
    connection: { host: /tmp }
    pgbackrest: { stanza: main, config: /etc/pgbackrest.conf }
    schedules: { full: { cron: "30 2 * * 0", timezone: Europe/Berlin } }
`;
const policy = checkPolicy(text, '/assay.yaml').policy?.clusters[0];
if (policy === undefined) throw new Error('the example must be sound');

const object = { sql: 'create table assay.witness (id int)', undo: 'drop table assay.witness', why: 'witnesses' };
const nothing: FoundCluster = { cluster: 'shop', schedules: [], policy: null, objects: [object], configuration: { file: '/c', same: false, exists: false } };
const everything: FoundCluster = {
  cluster: 'shop',
  schedules: desiredSchedules(policy).map((schedule) => ({ ...schedule, paused: false })),
  policy,
  objects: [],
  configuration: { file: '/c', same: true, exists: true },
};
const brief = (found: FoundCluster, wanted = policy) => clusterChanges(wanted, found).map(({ kind, subject, what }) => `${kind} ${subject} ${what}`);

test('schedules come last, when all they need is there', () => {
  expect(brief(nothing)).toEqual([
    'add sql create table assay.witness',
    'add engine-configuration /c',
    'add policy applied policy',
    'add schedule backup/shop/schedule/full',
    'add schedule backup/shop/schedule/deep-proof',
    'add schedule backup/shop/schedule/random-proof',
    'add schedule backup/shop/schedule/expire',
  ]);
});

test('the optimizer runs where it has a schedule, and counts what came since its last run', () => {
  const when = { cron: '0 3 * * 6', timeZone: 'UTC', jitterMs: 0, catchUpMs: 0 };
  const optimizing = { ...policy, optimizer: { ...(policy.optimizer as OptimizerPolicy), schedule: when, database: 'till' } };
  expect(desiredSchedules(policy).map(({ workflow }) => workflow)).not.toContain('optimizerRun');
  expect(desiredSchedules(optimizing).at(-1)).toMatchObject({
    id: 'optimizer/shop/schedule/run',
    workflow: 'optimizerRun',
    workflowId: 'optimizer/shop/run/schedule-optimizer',
    input: { cluster: 'shop', database: 'till', since: 'last-run' },
  });
  expect(clusterOfSchedule('optimizer/shop/schedule/run')).toBe('shop');
  expect(clusterOfSchedule('somebody/shop/schedule/run')).toBeNull();
  const { optimizer: _, ...older } = policy;
  expect(desiredSchedules(older)).toHaveLength(desiredSchedules(policy).length);
});

test('every repository of the policy has backups, proofs and expiry of its own; one that goes takes its schedules along', () => {
  const posix = (id: number) => ({ kind: 'posix', id, path: `/repository${id}`, cipherPass: null }) as const;
  const two = { ...policy, engine: { ...policy.engine, repositories: [posix(3), posix(1)] } };
  const own = desiredSchedules(two).filter(({ id }) => id.endsWith('-repo1'));
  expect(own.map(({ id, workflowId }) => [id, workflowId])).toEqual([
    ['backup/shop/schedule/full-repo1', 'backup/shop/run/schedule-full-repo1'],
    ['backup/shop/schedule/deep-proof-repo1', 'backup/shop/prove/schedule-deep-proof-repo1'],
    ['backup/shop/schedule/random-proof-repo1', 'backup/shop/prove/schedule-random-proof-repo1'],
    ['backup/shop/schedule/expire-repo1', 'backup/shop/expire/schedule-expire-repo1'],
  ]);
  expect(own.map(({ input }) => (input as { repository?: number }).repository)).toEqual([1, 1, 1, 1]);
  expect(desiredSchedules(two).slice(0, 4)).toEqual(desiredSchedules(policy).map((each) => ({ ...each, input: { ...(each.input as object), policy: two } })));
  expect(own.every(({ id }) => scheduleNames.some((name) => scheduleIdsOf('shop', name).includes(id)))).toBe(true);
  const there = { ...everything, schedules: desiredSchedules(two).map((schedule) => ({ ...schedule, paused: false })), policy: two };
  expect(brief(there).filter((line) => line.startsWith('remove'))).toEqual(own.map(({ id }) => `remove schedule ${id}`));
});

test('nothing changes where everything is as the policy says, through JSON too', () => {
  expect(brief(everything)).toEqual([]);
  expect(brief(JSON.parse(JSON.stringify(everything)))).toEqual([]);
});

test('a pause is left alone, an edit by hand is not', () => {
  const [first, ...rest] = everything.schedules;
  if (first === undefined) throw new Error('no schedule');
  expect(brief({ ...everything, schedules: [{ ...first, paused: true }, ...rest] })).toEqual([]);
  const edited = clusterChanges(policy, { ...everything, schedules: [{ ...first, when: null }, ...rest] });
  expect(edited).toMatchObject([{ kind: 'change', what: 'backup/shop/schedule/full', why: 'it was edited by hand' }]);
});

test('a schedule the policy dropped is removed, one that starts with an older policy is changed', () => {
  const without = { ...policy, schedules: { ...policy.schedules, full: null } };
  expect(brief(everything, without)).toEqual([
    'change policy applied policy',
    'change schedule backup/shop/schedule/deep-proof',
    'change schedule backup/shop/schedule/random-proof',
    'change schedule backup/shop/schedule/expire',
    'remove schedule backup/shop/schedule/full',
  ]);
  expect(clusterChanges(without, everything)[1]?.why).toBe('it starts with an older policy');
});

test('a removal takes schedules first and shows its SQL', () => {
  const changes = removalChanges({ ...everything, objects: [object] }, 'gone');
  expect(changes.map(({ subject }) => subject)).toEqual(['schedule', 'schedule', 'schedule', 'schedule', 'sql', 'policy']);
  expect(changes.find(({ subject }) => subject === 'sql')?.sql).toBe(object.undo);
});

test('values that JSON cannot tell apart are equal, all others differ', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => differingKeys(value, JSON.parse(JSON.stringify(value))).length === 0));
  expect(differingKeys({ a: { b: 1 }, c: undefined }, { a: { b: 2 }, c: null })).toEqual(['a.b']);
  expect(differingKeys({ a: [1] }, { a: [1, 2] })).toEqual(['a.1']);
  expect(differingKeys({ a: [] }, { a: {} })).toEqual(['a']);
});

test('runs that the clock skips are named, and not counted', () => {
  const daily = { id: 's', when: { kind: 'cron', cron: '30 2 * * *', timeZone: 'Europe/Berlin' } } as const;
  const { next, clockChanges } = plannedRuns(daily, new Date('2027-03-27T12:00:00Z'));
  expect(next).toEqual(['2027-03-29T00:30:00.000Z', '2027-03-30T00:30:00.000Z', '2027-03-31T00:30:00.000Z']);
  expect(clockChanges).toEqual([
    { wallClock: '2027-03-28 02:30', timeZone: 'Europe/Berlin', effect: 'skipped' },
    { wallClock: '2027-10-31 02:30', timeZone: 'Europe/Berlin', effect: 'ambiguous' },
    { wallClock: '2028-03-26 02:30', timeZone: 'Europe/Berlin', effect: 'skipped' },
  ]);
});

test('a schedule in UTC knows no clock change, a rare one is still found', () => {
  expect(plannedRuns({ id: 's', when: { kind: 'cron', cron: '30 2 * * *', timeZone: 'UTC' } }, new Date('2027-01-01T00:00:00Z')).clockChanges).toEqual([]);
  expect(plannedRuns({ id: 's', when: { kind: 'cron', cron: '0 0 29 2 *', timeZone: 'UTC' } }, new Date('2027-01-01T00:00:00Z'), 1).next).toEqual([
    '2028-02-29T00:00:00.000Z',
  ]);
});

test.each([
  [302_400_000, 'every 3 days 12 hours'],
  [604_800_000, 'every 7 days'],
  [90_000, 'every 1 minute 30 seconds'],
])('an interval of %i ms reads %s', (everyMs, text) => expect(whenText({ kind: 'interval', everyMs, offsetMs: 0 })).toBe(text));
