/** Stores histories for the replay test: `node test/replay/record.ts`, once a workflow has changed, beside the older ones. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import { recommendationDigest } from '../../activities/recommendation-digest.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import { type RecommendationResult, recommendationMessages } from '../../domain/optimizer/decision.ts';
import type { OptimizerRunResult } from '../../domain/optimizer/requests.ts';
import { startEmbeddedFleet } from '../../workers/embedded/embedded-fleet.ts';
import { recordLock } from './record-lock.ts';

const version = process.argv[2] ?? '1';
const folder = new URL('./histories/', import.meta.url);
mkdirSync(folder, { recursive: true });
const save = (name: string, history: object) => {
  const file = `${name}-v${version}.json`;
  writeFileSync(new URL(file, folder), `${JSON.stringify(history)}\n`);
  console.log(file);
};
const fleet = await startEmbeddedFleet({
  headless: true,
  cluster: { settings: { shared_preload_libraries: 'pg_stat_statements' } },
  optimizer: { apply: 'execute', guard: { window: '10s', windows: 1, min_calls: 2 } },
});
const client = await fleet.client();
try {
  await fleet.cluster.sql(
    'create table account as select n as id from generate_series(1, 1000) n; create table big as select n as id from generate_series(1, 50000) n; ' +
      // its GIN index can only be judged by building it: one more set, so they are chosen from and measured side by side
      `create table sale as select n as id, jsonb_build_object('customer', n % 500) as detail from generate_series(1, 50000) n`,
  );
  const cluster = 'shop';
  const start = (workflow: string, workflowId: string, input: object) =>
    client.workflow.execute(workflow, { workflowId, taskQueue: fleetQueue, args: [{ cluster, ...input }] });
  await start('backupRun', workflowIds.backupRun(cluster, 'r1'), { type: 'full', requestKey: 'r1' });
  await start('backupProve', workflowIds.backupProve(cluster, 'deep'), { depth: 'deep' });
  await start('backupFingerprint', workflowIds.backupFingerprint(cluster, 'f1'), {});
  await start('backupRestorePoint', workflowIds.backupRestorePoint(cluster, 'p1'), { name: 'p1' });
  await fleet.cluster.sql('create extension pg_stat_statements; analyze');
  for (let id = 1; id <= 20; id += 1) {
    await fleet.cluster.sql('select * from big where id = $1', { params: [id] });
    await fleet.cluster.sql('select count(id) from sale where detail @> $1::jsonb', { params: [JSON.stringify({ customer: id })] });
  }
  const { recommendation } = (await start('optimizerRun', workflowIds.optimizerRun(cluster, 'o1'), { requestKey: 'o1' })) as OptimizerRunResult;
  if (recommendation === null) throw new TypeError('a recommendation was expected');
  const proposed = client.workflow.getHandle(workflowIds.optimizerRecommendation(cluster, recommendation));
  const decision = { verdict: 'approve', digest: await digestOf(recommendation), by: 'the recording', reason: null };
  await proposed.executeUpdate(recommendationMessages.decide, { args: [decision] });
  const { state } = (await proposed.result()) as RecommendationResult;
  await start('backupExpire', workflowIds.backupExpire(cluster, 'e1'), {});
  for await (const { workflowId, runId, type, status } of client.workflow.list()) {
    if (status.name !== 'COMPLETED') continue;
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    save(`${type}-${type === 'optimizerRecommendation' ? state : workflowId.split('/').at(-1)}`, JSON.parse(historyToJSON(history)) as object);
  }
  await recordLock(client, save);
} finally {
  await client.connection.close();
  await fleet.stop();
}

async function digestOf(id: string): Promise<string> {
  const control = await openControl(fleet.control.url);
  try {
    const found = await createOptimizerStore(control).findRecommendation(id);
    if (found === null) throw new TypeError(`no recommendation ${id}`);
    return recommendationDigest(found);
  } finally {
    await control.close();
  }
}
