import { type ScheduleClient, ScheduleNotFoundError } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createEvidenceStore } from '../../activities/backup/evidence/evidence-store.ts';
import { type Control, openControl } from '../../activities/control/control-database.ts';
import { AssayError } from '../../domain/errors.ts';
import { defaultOptimizerPolicy } from '../../domain/optimizer/policy.ts';
import type { ClusterPolicy, FleetPolicy } from '../../domain/policy.ts';
import { sqlText } from '../../ops/cli/plan-sql.ts';
import { applyFleet, removeCluster } from '../../workers/commands/apply.ts';
import { planFleet } from '../../workers/commands/plan.ts';
import type { PlanDependencies } from '../../workers/commands/plan-ports.ts';
import { plannedRuns } from '../../workers/commands/plan-runs.ts';
import { createSourceObjects } from '../../workers/commands/plan-source-objects.ts';
import { readSecret } from '../../workers/config.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { type EmbeddedControl, startControl } from '../../workers/embedded/control.ts';
import { testCluster } from '../support/cluster.ts';

let temporal: TestWorkflowEnvironment;
let control: EmbeddedControl;
let database: Control;
let cluster: EmbeddedCluster;
let dependencies: PlanDependencies;
let shop: ClusterPolicy;

beforeAll(async () => {
  const path = new URL('../../.tools/temporal', import.meta.url).pathname;
  const server = TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'existing-path', path }, log: { format: 'pretty', level: 'error' } } });
  [temporal, cluster, control] = await Promise.all([server, testCluster({ name: 'shop', stanzaCreate: false }), startControl()]);
  database = await openControl(control.url);
  await database.migrate();
  await cluster.sql('create role keeper login');
  shop = cluster.policy((policy) => ({
    ...policy,
    connection: { ...policy.connection, user: 'keeper' },
    schedules: {
      full: { cron: '0 1 * * SUN', timeZone: 'Europe/Berlin', jitterMs: 60_000, catchUpMs: 3_600_000 },
      differential: null,
      incremental: { cron: '*/30 2-4 * JAN-MAR 1,3', timeZone: 'UTC', jitterMs: 0, catchUpMs: 60_000 },
    },
    optimizer: { ...defaultOptimizerPolicy, schedule: { cron: '0 5 * * 6', timeZone: 'UTC', jitterMs: 0, catchUpMs: 60_000 }, database: 'app' },
    proof: { ...policy.proof, randomPerWeek: 3, deep: { cron: '0 4 1 * *', timeZone: 'UTC', jitterMs: 0, catchUpMs: 60_000 } },
  }));
});
afterAll(async () => {
  await database?.close();
  await Promise.all([temporal?.teardown(), control?.destroy()]);
});

beforeEach(async () => {
  const objects = createSourceObjects(readSecret, (connection) => ({ ...connection, user: 'postgres' }));
  const configuration = { desired: async () => '', current: async () => null, write: async () => {} };
  const evidence = createEvidenceStore({ control: database, readSecret, signingKey: 'env:ASSAY_NO_SUCH' });
  dependencies = {
    schedules: temporal.client.schedule,
    evidence,
    objects,
    configuration,
    host: shop.host,
    now: () => new Date('2026-11-21T00:00:00Z'),
  };
  for await (const { scheduleId } of temporal.client.schedule.list()) {
    // the list may still hold what a test before deleted
    await temporal.client.schedule
      .getHandle(scheduleId)
      .delete()
      .catch((error: unknown) => {
        if (!(error instanceof ScheduleNotFoundError)) throw error;
      });
  }
  await objects.remove(shop);
  for (const { cluster: name } of await evidence.listPolicies()) await evidence.removePolicy(name);
});

const fleet = (...clusters: readonly ClusterPolicy[]): FleetPolicy => ({
  file: '/assay.yaml',
  temporal: { address: '', namespace: 'default' },
  control: 'env:X',
  signingKey: 'env:Y',
  clusters,
});
const apply = (policy: FleetPolicy, confirmRemovals = false) => applyFleet(dependencies, policy, { confirmRemovals });
/** As the role of the policy itself, which is no superuser. */
const unprivileged = (): PlanDependencies => ({ ...dependencies, objects: createSourceObjects(readSecret) });
/** Temporal's list lags behind. */
const schedules = async (client: ScheduleClient) => {
  const ids: string[] = [];
  for await (const { scheduleId } of client.list()) ids.push(scheduleId);
  return ids.sort();
};

test('applying makes it so, applying twice changes nothing', async () => {
  const before = await planFleet(dependencies, fleet(shop));
  const sql = before.changes.filter(({ subject }) => subject === 'sql').map((change) => change.sql);
  expect(sql.join('\n')).toContain('create table if not exists "assay"');
  expect(await cluster.sql(`select to_regnamespace('assay') is null as untouched`)).toEqual([{ untouched: true }]);

  const first = await apply(fleet(shop));
  expect(first.done).toEqual(before.changes);
  expect(await cluster.sql(`select to_regclass('assay.witness') is not null as made`)).toEqual([{ made: true }]);
  expect((await apply(fleet(shop))).done).toEqual([]);
  expect((await planFleet(dependencies, fleet(shop))).changes).toEqual([]);
});

/** As the heading says for what is not psql. */
const withoutConnect = (sql: string) => sql.replace(`\\connect "${shop.connection.database}"\n`, '');

test('the SQL of a plan run by hand is all there is to make, and `remove` takes it away again', async () => {
  await cluster.sql(withoutConnect(sqlText((await planFleet(dependencies, fleet(shop))).changes)));
  expect((await apply(fleet(shop))).done.filter(({ subject }) => subject === 'sql')).toEqual([]);
  // and what a removal would run can be run by hand, too
  await cluster.sql(withoutConnect(sqlText((await removeCluster(dependencies, 'shop', { dryRun: true })).changes)));
  expect(await cluster.sql(`select to_regnamespace('assay') is null as gone`)).toEqual([{ gone: true }]);
  await removeCluster(unprivileged(), 'shop', { dryRun: false });
  expect(await dependencies.evidence.listPolicies()).toEqual([]);
});

test('a schedule starts the right workflow with the policy, never two at once', async () => {
  await apply(fleet(shop));
  const description = await temporal.client.schedule.getHandle('backup/shop/schedule/full').describe();
  expect(description.action).toMatchObject({
    workflowType: 'backupRun',
    taskQueue: 'assay',
    workflowId: 'backup/shop/run/schedule-full',
    args: [{ cluster: 'shop', type: 'full', policy: { host: shop.host } }],
  });
  const optimizing = await temporal.client.schedule.getHandle('optimizer/shop/schedule/run').describe();
  expect(optimizing.action).toMatchObject({
    workflowType: 'optimizerRun',
    workflowId: 'optimizer/shop/run/schedule-optimizer',
    args: [{ cluster: 'shop', database: 'app', since: 'last-run', policy: { host: shop.host } }],
  });
  expect(description.policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 3_600_000, pauseOnFailure: false });
});

test('what was changed in the file or by hand is put right, a pause stays', async () => {
  await apply(fleet(shop));
  const handle = temporal.client.schedule.getHandle('backup/shop/schedule/full');
  await handle.update((previous) => ({ ...previous, spec: { cronExpressions: ['5 5 * * *'], timezone: 'UTC' } }));
  await temporal.client.schedule.getHandle('backup/shop/schedule/incremental').pause('holiday');
  const moved = { ...shop, schedules: { ...shop.schedules, full: { cron: '0 3 * * SUN', timeZone: 'Europe/Berlin', jitterMs: 0, catchUpMs: 3_600_000 } } };

  const byHand = await apply(fleet(shop));
  expect(byHand.done.map(({ what }) => what)).toEqual(['backup/shop/schedule/full']);
  expect(byHand.notes).toEqual([expect.stringContaining('backup/shop/schedule/incremental is paused')]);

  await apply(fleet(moved));
  expect((await handle.describe()).spec.calendars?.[0]?.hour).toEqual([{ start: 3, end: 3, step: 1 }]);
  expect((await temporal.client.schedule.getHandle('backup/shop/schedule/incremental').describe()).state.paused).toBe(true);
  expect((await apply(fleet(moved))).done).toEqual([]);
});

test('a cluster that left the file keeps everything until that is confirmed, and its backups always', async () => {
  await apply(fleet(shop));
  const asked = await apply(fleet());
  expect(asked.done).toEqual([]);
  expect(asked.refused.length).toBeGreaterThan(5);
  await expect.poll(() => schedules(temporal.client.schedule)).toHaveLength(5);

  const confirmed = await apply(fleet(), true);
  expect(confirmed.notes).toContain('backups and certificates of shop stay where they are');
  await expect.poll(() => schedules(temporal.client.schedule)).toEqual([]);
  expect(await cluster.sql(`select to_regnamespace('assay') is null as gone`)).toEqual([{ gone: true }]);
  expect(await dependencies.evidence.listPolicies()).toEqual([]);
  expect((await apply(fleet(), true)).done).toEqual([]);
});

test('remove takes away all that Assay left, a dry run nothing', async () => {
  await apply(fleet(shop));
  const dry = await removeCluster(dependencies, 'shop', { dryRun: true });
  expect(dry.changes.some(({ sql }) => sql?.startsWith('drop table'))).toBe(true);
  await expect.poll(() => schedules(temporal.client.schedule)).toHaveLength(5);
  await removeCluster(dependencies, 'shop', { dryRun: false });
  await expect.poll(() => schedules(temporal.client.schedule)).toEqual([]);
  await expect(removeCluster(dependencies, 'shop', { dryRun: false })).rejects.toThrow(/no cluster shop/);
});

test('a cluster that is down does not hide the plan of the others', async () => {
  const down = { ...shop, cluster: 'till', connection: { ...shop.connection, host: '/nowhere' } };
  const { changes, notes, unseen } = await planFleet(dependencies, fleet(shop, down));
  expect(unseen).toEqual(['till']);
  expect(notes).toEqual([expect.stringContaining('till could not be looked at, nothing is planned for it')]);
  expect(changes.filter((change) => change.cluster === 'shop').some(({ subject }) => subject === 'sql')).toBe(true);
  expect(changes.filter((change) => change.cluster === 'till')).toEqual([]);
});

test('a cluster that lets nobody in gets no schedule and no policy, the others get theirs', async () => {
  const closed = { ...shop, cluster: 'till', connection: { ...shop.connection, host: '/nowhere' } };
  const { done, failed } = await apply(fleet(closed, shop));
  expect(failed).toMatchObject([{ cluster: 'till', error: { code: 'cluster-unreachable' }, made: [], left: [] }]);
  expect(new Set(done.map((change) => change.cluster))).toEqual(new Set(['shop']));
  await expect.poll(() => schedules(temporal.client.schedule)).toHaveLength(5);
  expect((await dependencies.evidence.listPolicies()).map((policy) => policy.cluster)).toEqual(['shop']);
});

test('a role that may not run the SQL: nothing is made of that cluster', async () => {
  const { done, failed } = await applyFleet(unprivileged(), fleet(shop), { confirmRemovals: false });
  expect(done).toEqual([]);
  expect(failed).toMatchObject([{ cluster: 'shop', error: { code: 'privilege-missing' }, made: [] }]);
  expect(failed[0]?.left.length).toBeGreaterThan(5);
  expect(await schedules(temporal.client.schedule)).toEqual([]);
  expect(await dependencies.evidence.listPolicies()).toEqual([]);
});

test('a configuration that cannot be made: what was made and what was not is said, and nothing is scheduled', async () => {
  const configuration = {
    desired: async () => 'new',
    current: async () => null,
    write: async () => Promise.reject(new AssayError('repository-unreachable', { repository: 1, stanza: 'shop', reason: 'dead' })),
  };
  const managed = { ...shop, engine: { ...shop.engine, ownership: 'managed' as const } };
  const { failed } = await applyFleet({ ...dependencies, configuration }, fleet(managed), { confirmRemovals: false });
  expect(failed).toMatchObject([{ error: { code: 'repository-unreachable' } }]);
  expect(new Set(failed[0]?.made.map(({ subject }) => subject))).toEqual(new Set(['sql']));
  expect(new Set(failed[0]?.left.map(({ subject }) => subject))).toEqual(new Set(['engine-configuration', 'policy', 'schedule']));
  expect(await schedules(temporal.client.schedule)).toEqual([]);
  const again = await applyFleet({ ...dependencies, configuration: { ...configuration, write: async () => {} } }, fleet(managed), { confirmRemovals: false });
  expect(again.done).toEqual(failed[0]?.left);
});

test('remove without the right to drop takes nothing away, and all of it once the right is there', async () => {
  await apply(fleet(shop));
  await expect(removeCluster(unprivileged(), 'shop', { dryRun: false })).rejects.toMatchObject({ code: 'privilege-missing' });
  await expect.poll(() => schedules(temporal.client.schedule)).toHaveLength(5);
  expect((await apply(fleet(shop))).done).toEqual([]);
  await removeCluster(dependencies, 'shop', { dryRun: false });
  await expect.poll(() => schedules(temporal.client.schedule)).toEqual([]);
  expect(await dependencies.evidence.listPolicies()).toEqual([]);
});

test('remove of a cluster that is gone for good says so, and goes without it when told to', async () => {
  await apply(fleet(shop));
  await dependencies.evidence.savePolicy({ ...shop, connection: { ...shop.connection, host: '/nowhere' } });
  await expect(removeCluster(dependencies, 'shop', { dryRun: false })).rejects.toMatchObject({ code: 'cluster-unreachable' });
  expect((await apply(fleet(), true)).failed).toMatchObject([{ cluster: 'shop', error: { code: 'cluster-unreachable' } }]);
  await expect.poll(() => schedules(temporal.client.schedule)).toHaveLength(5);
  const { notes } = await removeCluster(dependencies, 'shop', { dryRun: false, leaveSql: true });
  expect(notes).toContainEqual(expect.stringContaining('stays'));
  await expect.poll(() => schedules(temporal.client.schedule)).toEqual([]);
});

test.each([
  ['15 2 28 3 *', 'Europe/Berlin'],
  ['*/20 1 * JAN-MAR MON', 'America/New_York'],
  ['0 1 * * 7,1-3', 'UTC'],
  ['45 1 29 2 *', 'Asia/Kathmandu'],
])('next runs of %s in %s are those the server will make', async (cron, timeZone) => {
  const id = `check/${cron}/${timeZone}`;
  await temporal.client.schedule.create({
    scheduleId: id,
    spec: { cronExpressions: [cron], timezone: timeZone },
    action: { type: 'startWorkflow', workflowType: 'x', taskQueue: 'none' },
  });
  const { nextActionTimes } = (await temporal.client.schedule.getHandle(id).describe()).info;
  const { next } = plannedRuns({ id, when: { kind: 'cron', cron, timeZone } }, new Date(), 2);
  expect(next).toEqual(nextActionTimes.slice(0, 2).map((at) => at.toISOString()));
});
