/** `npm run demo`: the main job, for real, on this machine. Live progress on a terminal, plain lines elsewhere. */
import type { Client } from '@temporalio/client';
import { Listr } from 'listr2';
import prettyBytes from 'pretty-bytes';
import type { BackupType } from '../domain/backup/model.ts';
import type { ProofSummary } from '../domain/backup/proof.ts';
import type { BackupRunResult } from '../domain/backup/requests.ts';
import { fleetQueue, workflowIds } from '../domain/ids.ts';
import { type DamagedCopy, damagedCopy, engineVerdict } from './demo/contrast.ts';
import { type FixedStatement, fixSlowStatement } from './demo/slow-statement.ts';
import { summary } from './demo/summary.ts';
import { type EmbeddedFleet, startEmbeddedFleet } from './embedded/embedded-fleet.ts';
import { createShop } from './embedded/shop.ts';
import { startTraffic, type Traffic } from './embedded/traffic.ts';

export interface DemoRun {
  readonly startedAt: number;
  fleet?: EmbeddedFleet;
  client?: Client;
  traffic?: Traffic;
  shopBytes?: number;
  full?: BackupRunResult;
  incremental?: BackupRunResult;
  fixed?: FixedStatement;
  copy?: DamagedCopy;
  engineSays?: string;
  assaySays?: ProofSummary;
}

const keep = process.argv.includes('--keep');
const scale = Number(process.env.ASSAY_DEMO_SCALE ?? 1);

const tasks = new Listr<DemoRun>(
  [
    {
      title: 'A cluster, the control database, Temporal with its UI, a worker',
      task: async (run, task) => {
        run.fleet = await startEmbeddedFleet({
          cluster: { blockIncremental: false, settings: { shared_preload_libraries: 'pg_stat_statements' } },
          // minutes, not hours: a demo's traffic is the same all the time
          optimizer: { apply: 'execute', guard: { window: '10s', windows: 1, min_calls: 30 } },
        });
        run.client = await run.fleet.client();
        task.title = `${task.title}: up`;
      },
    },
    {
      title: "A shop's data in two databases",
      task: async (run, task) => {
        run.shopBytes = (await createShop(fleetOf(run).cluster, { scale })).bytes;
        await fleetOf(run).cluster.sql('create extension pg_stat_statements', { database: 'shop' });
        run.traffic = await startTraffic(fleetOf(run).cluster, { writers: 4, perSecond: 400 });
        task.title = `${task.title}: ${prettyBytes(run.shopBytes ?? 0)}, now under write traffic`;
      },
    },
    ...(['full', 'incremental'] as const).map((type) => ({
      title: `${type === 'full' ? 'Full' : 'Incremental'} backup, restored to an exact moment, its content compared`,
      task: async (run: DemoRun, task: Titled) => {
        const result = await backup(run, type, task);
        run[type] = result;
        if (result.proof?.verdict !== 'proven')
          throw new Error(`the demo expected a proof, it is ${result.proof?.verdict}: ${result.proof?.because.join('; ')}`);
        task.title = `${type} backup ${result.backup.label}: ${result.proof?.verdict} by ${result.proof?.level}`;
      },
    })),
    {
      title: 'A slow statement appears: its fix is measured on a restored copy, approved, carried out under guard',
      task: async (run, task) => {
        const say = (line: string) => {
          if (process.stdout.isTTY) task.output = line;
        };
        run.fixed = await fixSlowStatement({ fleet: fleetOf(run), client: clientOf(run) }, say);
        const { beforeMs, afterMs, state } = run.fixed;
        task.title = `a slow statement: ${beforeMs.toFixed(1)} ms before, ${afterMs.toFixed(1)} ms after; the change is ${state}`;
      },
    },
    {
      title: 'The contrast: one WAL segment is deleted in a copy of the repository',
      task: async (run, task) => {
        const fleet = fleetOf(run);
        await run.traffic?.stop();
        const [from, to] = [run.full?.backup, run.incremental?.markers.at(-1)?.lsn];
        if (from === undefined || to === undefined) throw new TypeError('the contrast needs both backups');
        run.copy = await damagedCopy(fleet.cluster, fleet.policy(), { from, to });
        run.engineSays = await engineVerdict(run.copy.policy);
        run.assaySays = await proveCopy(run, from.label);
        task.title = `${run.copy.deleted} deleted in a copy: pgBackRest's verify says ${run.engineSays}; Assay says ${run.assaySays.verdict}`;
      },
    },
  ],
  { renderer: 'default', fallbackRenderer: 'simple' },
);

interface Titled {
  title: string;
  output: string;
}

function fleetOf(run: DemoRun): EmbeddedFleet {
  if (run.fleet === undefined) throw new TypeError('the fleet is the first task');
  return run.fleet;
}

async function backup(run: DemoRun, type: BackupType, task: Titled): Promise<BackupRunResult> {
  const handle = await clientOf(run).workflow.start('backupRun', {
    workflowId: workflowIds.backupRun('shop', `demo-${type}`),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', type, requestKey: `demo-${type}` }],
    staticSummary: `${type} backup of shop`,
  });
  const timer = setInterval(async () => {
    const progress = await handle.query<{ phase: string; detail: string }>('progress').catch(() => null);
    if (progress !== null && process.stdout.isTTY) task.output = `${progress.phase}: ${progress.detail}`;
  }, 500);
  try {
    return (await handle.result()) as BackupRunResult;
  } finally {
    clearInterval(timer);
  }
}

/** The same proof as after a backup, against the copy: of the full backup, at the newest markers. */
async function proveCopy(run: DemoRun, label: string): Promise<ProofSummary> {
  const { copy } = run;
  if (copy === undefined) throw new TypeError('there is no copy yet');
  const handle = await clientOf(run).workflow.start('backupProve', {
    workflowId: workflowIds.backupProve('shop', 'demo-contrast'),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', requestKey: 'demo-contrast', backup: label, policy: copy.policy, archivedLsn: run.incremental?.markers.at(-1)?.lsn }],
    staticSummary: 'Proof of a damaged copy',
  });
  return (await handle.result()) as ProofSummary;
}

function clientOf(run: DemoRun): Client {
  if (run.client === undefined) throw new TypeError('the client is made with the fleet');
  return run.client;
}

const run: DemoRun = { startedAt: Date.now() };
let interrupted = false;
const stop = async () => {
  if (interrupted) return;
  interrupted = true;
  await run.traffic?.stop();
  await run.client?.connection.close();
  await run.fleet?.stop();
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stop().then(() => process.exit(130)));
}
try {
  await tasks.run(run);
  console.log(await summary(run, { keep }));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
if (keep && process.exitCode !== 1) {
  run.traffic = await startTraffic(fleetOf(run).cluster, { writers: 2, perSecond: 50 });
} else {
  await stop();
}
