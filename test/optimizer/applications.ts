/** Three real applications, run for a while against a database of their own. */
import { makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';
import PgBoss from 'pg-boss';
import { createEvidenceStore } from '../../activities/backup/evidence/evidence-store.ts';
import { openControl } from '../../activities/control/control-database.ts';
import { createMarkerStore } from '../../activities/control/marker-store.ts';
import { gaugeProofs } from '../../activities/control/proof-gauges.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { exampleBackup, failedExample, inconclusiveExample, provenExample } from '../backup/certificate-examples.ts';
import { testFolder, testKey } from '../backup/evidence-support.ts';
import { certificateDocument, findProof, listBackups, listCertificates, listProofs, newestProofs } from '../support/control-queries.ts';

export type Application = (cluster: EmbeddedCluster, database: string) => Promise<void>;

const address = (cluster: EmbeddedCluster, database: string) => ({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database });

const until = async (isDone: () => boolean | Promise<boolean>) => {
  while (!(await isDone())) await new Promise((resolve) => setImmediate(resolve));
};

/** Queues of every policy, jobs sent one by one and in bulk, worked, failed, cancelled, retried; schedules, subscriptions, maintenance. */
export const pgBoss: Application = async (cluster, database) => {
  const boss = new PgBoss({ ...address(cluster, database), superviseIntervalSeconds: 1, maintenanceIntervalSeconds: 1, monitorIntervalSeconds: 1 });
  boss.on('error', () => {});
  await boss.start();
  let done = 0;
  for (const policy of ['standard', 'short', 'singleton', 'stately'] as const) await boss.createQueue(`q-${policy}`, { policy, retryLimit: 1 });
  for (const name of ['dead', 'q-plain']) await boss.createQueue(name);
  await boss.updateQueue('q-standard', { retryDelay: 1, deadLetter: 'dead' } as never);
  await boss.work('q-standard', { pollingIntervalSeconds: 0.5, batchSize: 20, includeMetadata: true }, async (jobs) => {
    done += jobs.length;
    if (done % 3 === 0) throw new Error('no');
    return { done };
  });
  for (let at = 0; at < 30; at++) await boss.send('q-standard', { at }, { priority: at % 3, retryLimit: 1 });
  await boss.insert(
    'q-plain',
    Array.from({ length: 10 }, (_, at) => ({ name: 'q-plain', data: { at } })),
  );
  await boss.sendAfter('q-short', { later: true }, {}, 60);
  await boss.sendThrottled('q-singleton', {}, {}, 60, 'key');
  await boss.sendDebounced('q-singleton', {}, {}, 60, 'key');
  await boss.subscribe('event', 'q-short');
  await boss.publish('event', { happened: true });
  await boss.schedule('q-standard', '* * * * *', { cron: true });
  const fetched = await boss.fetch('q-plain', { batchSize: 4, priority: true, includeMetadata: true });
  const [first, second, third, fourth] = fetched.map(({ id }) => id) as [string, string, string, string];
  await boss.complete('q-plain', first, { fine: true });
  await boss.fail('q-plain', second, { bad: true });
  await boss.cancel('q-plain', third);
  await boss.resume('q-plain', third);
  await boss.retry('q-plain', second);
  await boss.deleteJob('q-plain', fourth);
  await boss.getJobById('q-plain', first);
  await boss.getQueues();
  await boss.getQueue('q-plain');
  await boss.getQueueStats('q-plain');
  await boss.getSchedules();
  await until(() => done >= 30);
  await boss.supervise();
  await boss.unschedule('q-standard');
  await boss.unsubscribe('event', 'q-short');
  await boss.deleteQueuedJobs('q-plain');
  await boss.deleteStoredJobs('q-plain');
  await boss.deleteAllJobs('q-plain');
  await boss.deleteQueue('q-plain');
  await boss.stop({ graceful: true, timeout: 5_000, wait: true } as never);
};

/** Jobs by key, queue, priority and flag, failing ones, cron, the utilities. */
export const graphileWorker: Application = async (cluster, database) => {
  const pgPool = new pg.Pool({ ...address(cluster, database), max: 10 });
  pgPool.on('error', () => {});
  pgPool.on('connect', (client) => void client.on('error', () => {}));
  const utils = await makeWorkerUtils({ pgPool });
  await utils.migrate();
  let done = 0;
  const taskList = {
    fine: () => void done++,
    fails: () => {
      done++;
      throw new Error('no');
    },
  };
  const logger = new (await import('graphile-worker')).Logger(() => () => {});
  const runner = await run({ pgPool, taskList, concurrency: 4, pollInterval: 100, crontab: '* * * * * fine ?fill=2m', noHandleSignals: true, logger });
  for (let at = 0; at < 40; at++) await utils.addJob(at % 4 === 0 ? 'fails' : 'fine', { at }, { queueName: `q${at % 3}`, maxAttempts: 1, priority: at % 5 });
  await utils.addJob('fine', {}, { jobKey: 'key', runAt: new Date(Date.now() + 60_000), flags: ['slow'] });
  await utils.addJob('fine', { again: true }, { jobKey: 'key', jobKeyMode: 'preserve_run_at' });
  await utils.addJobs([{ identifier: 'fine', payload: { many: 1 } }, { identifier: 'fine' }] as never);
  await until(() => done >= 40);
  const held = await Promise.all([1, 2, 3].map(() => utils.addJob('fine', {}, { runAt: new Date(Date.now() + 60_000) })));
  const ids = held.map(({ id }) => String(id));
  await utils.rescheduleJobs(ids, { priority: 2 });
  await utils.permanentlyFailJobs(ids.slice(0, 1), 'because');
  await utils.completeJobs(ids.slice(1));
  await utils.forceUnlockWorkers(['nobody']);
  await utils.cleanup({ tasks: ['GC_TASK_IDENTIFIERS', 'GC_JOB_QUEUES', 'DELETE_PERMAFAILED_JOBS'] });
  await runner.stop();
  await utils.release();
  await pgPool.end().catch(() => {});
};

/** Proofs, certificates, markers, pins, policies through the stores that workers use. */
export const assayControl: Application = async (cluster, database) => {
  const control = await openControl(`postgres://postgres@localhost:${cluster.port}/${database}?host=${encodeURIComponent(cluster.socketDirectory)}`);
  try {
    await control.migrate();
    const { pem } = testKey();
    const policy = cluster.policy((made) => ({ ...made, cluster: 'shop', evidenceDirectory: testFolder() }));
    const store = createEvidenceStore({ control, readSecret: () => pem, signingKey: 'env:KEY' });
    const markers = createMarkerStore(control);
    for (const example of [provenExample(), failedExample(), inconclusiveExample()]) {
      for (const marker of example.markers) await markers.save(marker);
      await store.issue(policy, example.proof);
    }
    const { proof } = provenExample();
    await store.recordBackup(policy, exampleBackup());
    await store.pin('shop', 'clone-1', ['a', 'b']);
    await store.pinned('shop');
    await store.unpin('shop', 'clone-1');
    await store.savePolicy(policy);
    await store.appliedPolicy('shop');
    await store.listPolicies();
    await store.provenBackups('shop');
    await gaugeProofs(control);
    await listProofs(control, 'shop');
    await findProof(control, proof.id);
    await newestProofs(control);
    await listBackups(control, 'shop');
    await listCertificates(control, 'shop');
    await certificateDocument(control, proof.id);
  } finally {
    await control.close();
  }
};
