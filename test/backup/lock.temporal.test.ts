/** The cluster's lock over many runs of itself: who holds it, who waits and who gave up goes along. */
import { fileURLToPath } from 'node:url';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EvidenceStore } from '../../activities/backup/ports.ts';
import { fleetSteps } from '../../activities/fleet/steps.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import { startTemporal } from '../../workers/embedded/temporal.ts';

/** A look makes 11 events: at each one it goes on in a new run. */
const limits = { lookAgainMs: 50, maxEvents: 12 };

const ending: (() => Promise<unknown>)[] = [];
let client: Client;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } } });
  const temporal = await startTemporal({ headless: true });
  ending.push(() => temporal.destroy());
  const connection = await Connection.connect({ address: temporal.address });
  ending.push(() => connection.close());
  client = new Client({ connection });
  const native = await NativeConnection.connect({ address: temporal.address });
  ending.push(() => native.close());
  const worker = await Worker.create({
    connection: native,
    taskQueue: fleetQueue,
    workflowsPath: fileURLToPath(new URL('../support/lock-workflows.ts', import.meta.url)),
    // the lock's own steps ask Temporal alone
    activities: fleetSteps({ client, evidence: {} as EvidenceStore }),
  });
  const running = worker.run();
  ending.push(async () => {
    worker.shutdown();
    await running;
  });
});

afterAll(async () => {
  for (const end of ending.toReversed()) await end();
});

type Holder = WorkflowHandle<(cluster: string) => Promise<{ from: number; to: number } | null>>;

const start = (cluster: string, name: string): Promise<Holder> =>
  client.workflow.start('holder', { workflowId: `${cluster}-${name}`, taskQueue: fleetQueue, args: [cluster] });
const stateOf = (holder: Holder) => holder.query<string>('state');
const until = (what: () => Promise<unknown>, wanted: unknown) => expect.poll(what, { timeout: 30_000, interval: 50 }).toEqual(wanted);

/** A lock with small limits, held by somebody until `end`; the holders of the fleet then find it there. */
async function heldLock(cluster: string) {
  const first = await client.workflow.start('bystander', { workflowId: `${cluster}-first`, taskQueue: fleetQueue });
  const lock = workflowIds.clusterLock(cluster);
  await client.workflow.signalWithStart('clusterLock', {
    workflowId: lock,
    taskQueue: fleetQueue,
    args: [cluster, [], limits],
    signal: 'requestLock',
    signalArgs: [{ workflowId: first.workflowId, runId: first.firstExecutionRunId }],
  });
  return first;
}

async function runsOf(cluster: string) {
  const runs: { runId: string; status: string; historyLength: number }[] = [];
  for await (const run of client.workflow.list({ query: `WorkflowId = '${workflowIds.clusterLock(cluster)}'` }))
    runs.push({ runId: run.runId, status: run.status.name, historyLength: run.historyLength ?? 0 });
  return runs;
}

/** So many more runs of the lock have come and gone. */
async function goesOn(cluster: string, times: number): Promise<void> {
  const before = (await runsOf(cluster)).length;
  await expect.poll(async () => (await runsOf(cluster)).length - before, { timeout: 60_000, interval: 50 }).toBeGreaterThanOrEqual(times);
}

const granted = async (holder: Holder) =>
  (await holder.fetchHistory()).events?.filter((event) => event.workflowExecutionSignaledEventAttributes?.signalName === 'lockGranted').length;

test('a hold outlives many histories; the next in line gets the lock only after the release, and who gave up never', async () => {
  const first = await heldLock('long');
  const holds = await start('long', 'holds');
  await first.signal('end');
  await until(() => stateOf(holds), 'inside');
  const gaveUp = await start('long', 'gave-up');
  const next = await start('long', 'next');
  await goesOn('long', 2);
  await gaveUp.signal('giveUp');
  await goesOn('long', 4);
  expect([await stateOf(holds), await stateOf(next), await stateOf(gaveUp)]).toEqual(['inside', 'waiting', 'outside']);
  await holds.signal('leave');
  await until(() => stateOf(next), 'inside');
  await goesOn('long', 2);
  await next.signal('leave');
  for (const holder of [holds, next, gaveUp]) await holder.signal('end');
  const [inFirst, inNext] = [await holds.result(), await next.result()];
  expect(inNext?.from).toBeGreaterThanOrEqual(inFirst?.to ?? Number.POSITIVE_INFINITY);
  expect(await gaveUp.result()).toBeNull();
  expect([await granted(holds), await granted(next), await granted(gaveUp)]).toEqual([1, 1, 0]);
  await until(async () => (await runsOf('long')).filter((run) => run.status !== 'CONTINUED_AS_NEW').map((run) => run.status), ['COMPLETED']);
  expect(Math.max(...(await runsOf('long')).map((run) => run.historyLength))).toBeLessThan(60);
});

test('nothing that is said while it goes on is lost: each of many gets the lock once, one after the other', async () => {
  const first = await heldLock('many');
  const names = Array.from({ length: 12 }, (_, index) => `h${index}`);
  const holders: Holder[] = [];
  // one at a time, at whatever moment of the lock's going on that is
  for (const name of names) holders.push(await start('many', name));
  await goesOn('many', 1);
  await first.signal('end');
  // told to leave before it has come in, a holder goes out at once: requests, grants and releases meet one another
  await Promise.all(holders.map((holder) => Promise.all([holder.signal('leave'), holder.signal('end')])));
  const inside = (await Promise.all(holders.map((holder) => holder.result()))).filter((each) => each !== null).sort((a, b) => a.from - b.from || a.to - b.to);
  expect(inside.length).toBe(names.length);
  for (const [index, { from }] of inside.entries()) expect(from).toBeGreaterThanOrEqual(inside[index - 1]?.to ?? 0);
  expect(await Promise.all(holders.map(granted))).toEqual(names.map(() => 1));
  expect((await runsOf('many')).length).toBeGreaterThan(3);
  await until(async () => (await runsOf('many')).filter((run) => run.status !== 'CONTINUED_AS_NEW').map((run) => run.status), ['COMPLETED']);
});

test('a holder that is terminated after the lock went on gives way', async () => {
  const first = await heldLock('gone');
  await goesOn('gone', 2);
  const next = await start('gone', 'next');
  await first.terminate();
  await until(() => stateOf(next), 'inside');
  await next.signal('leave');
  await next.signal('end');
  expect(await next.result()).not.toBeNull();
});
