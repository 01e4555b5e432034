/** Every stored history must replay on today's workflows: a change that would break a running workflow fails here. */
import { readdirSync, readFileSync } from 'node:fs';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { workflowBundle } from '../../workers/bundle.ts';

const folder = new URL('./histories/', import.meta.url);
Runtime.install({ logger: new DefaultLogger('WARN') });
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));

test('there is a history of each workflow that does the agent’s work', () => {
  for (const workflow of ['backupRun', 'backupProve', 'backupExpire', 'backupRestorePoint', 'clusterLock', 'backupFingerprint', 'optimizerRun']) {
    expect(files.some((name) => name.startsWith(workflow))).toBe(true);
  }
});

test('stored histories replay', async () => {
  const histories = files.map((workflowId) => ({ workflowId, history: historyFromJSON(JSON.parse(readFileSync(new URL(workflowId, folder), 'utf8'))) }));
  const broken: string[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle: await workflowBundle() }, histories)) {
    if (error) broken.push(`${workflowId}: ${error.message}`);
  }
  expect(broken).toEqual([]);
});
