/** A policy with two repositories: each is kept by schedules of its own. A whole fleet, and two backups at the same moment. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import type { BackupRunResult } from '../../domain/backup/requests.ts';
import { applyPolicy, type EmbeddedFleet, startEmbeddedFleet } from '../../workers/embedded/embedded-fleet.ts';

let fleet: EmbeddedFleet;
let client: Client;

beforeAll(async () => {
  fleet = await startEmbeddedFleet({ headless: true, worker: false });
  const { directory } = fleet.cluster;
  const config = join(directory, 'managed.conf');
  const file = parse(readFileSync(fleet.policyFile, 'utf8'));
  const posix = (id: number) => ({ kind: 'posix', id, path: join(directory, `repository${id}`) });
  file.clusters.shop.pgbackrest = { stanza: 'two', managed_config: config, process_max: 2, repositories: [posix(1), posix(2)] };
  writeFileSync(fleet.policyFile, stringify(file));
  await fleet.cluster.sql(`alter system set archive_command = 'pgbackrest --config=${config} --stanza=two archive-push %p'`);
  await fleet.cluster.sql('select pg_reload_conf()');
  await applyPolicy(fleet);
  expect(await applyPolicy(fleet)).toMatchObject({ done: [], failed: [] });
  await fleet.startWorker();
  client = await fleet.client();
}, 120_000);
afterAll(async () => {
  await client?.connection.close();
  await fleet?.stop();
});

test('both are backed up when their schedules start at once, and both backups are proven', async () => {
  const schedules = ['backup/shop/schedule/full', 'backup/shop/schedule/full-repo2'];
  await Promise.all(schedules.map((id) => client.schedule.getHandle(id).trigger()));
  const results = await Promise.all(schedules.map(resultOf));
  expect(results.map(({ backup, proof }) => [backup.repository, proof?.verdict])).toEqual([
    [1, 'proven'],
    [2, 'proven'],
  ]);
}, 300_000);

async function resultOf(schedule: string): Promise<BackupRunResult> {
  const handle = client.schedule.getHandle(schedule);
  const started = async () => (await handle.describe()).info.recentActions.at(-1)?.action.workflow.workflowId;
  await expect.poll(started, { timeout: 60_000 }).toBeDefined();
  return client.workflow.getHandle((await started()) as string).result();
}
