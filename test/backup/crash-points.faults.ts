/** A worker that dies by SIGKILL before and after every step: the request still ends in one backup, proven, and nothing is left behind. */
import { existsSync, readdirSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { pgbackrest } from '../../activities/backup/engines/pgbackrest.ts';
import { workflowIds } from '../../domain/ids.ts';
import { fillTable, freshKey, startBackup, startDoomedWorker, useFleet } from '../support/fleet.ts';

/** In the order a backup takes them. None is left out: `every step is a crash point` holds this list to the workflows. */
const STEPS = [
  'askForLock',
  'preflight',
  'takeBackup',
  'makeMarkers',
  'awaitArchived',
  'planProof',
  'inspectRepository',
  'openClone',
  'restoreClone',
  'recoverClone',
  'compareContent',
  'surveyClone',
  'checkStructure',
  'certify',
  'wipeClone',
] as const;

const requestKeys: string[] = [];
const fleet = useFleet({ worker: false });
beforeAll(() => fillTable(fleet.get(), 2_000));

describe.each(STEPS)('%s', (step) => {
  test.each(['before', 'after'] as const)(`killed %s ${step}: one backup, proven, no clone left`, async (when) => {
    const { cluster } = fleet.get();
    const requestKey = `${step}-${when}-${freshKey()}`;
    const doomed = await startDoomedWorker(fleet.get(), `${step}:${when}`);
    const run = await startBackup(fleet.get(), { requestKey });
    expect(await doomed.ended()).toBe(`${step}:${when}`);
    requestKeys.push(requestKey);

    const next = await fleet.get().startWorker();
    try {
      const { backup, proof } = await run.result();
      expect(proof).toMatchObject({ verdict: 'proven', level: 'content', backup: backup.label });
      const { backups } = await pgbackrest(cluster.policy(), { observe: () => {} }).info(1);
      expect(backups.filter((each) => each.requestKey === requestKey).map((each) => each.label)).toEqual([backup.label]);
      expect(clonesOf(fleet.get().policy().clone.directory)).toEqual([]);
    } finally {
      await next.kill('SIGTERM');
    }
  });
});

test('every step is a crash point', async () => {
  const client = await fleet.get().client();
  const seen = new Set<string>();
  const [requestKey = 'none'] = requestKeys;
  for (const id of [workflowIds.backupRun('shop', requestKey), workflowIds.backupProve('shop', requestKey)]) {
    const { events } = await client.workflow.getHandle(id).fetchHistory();
    for (const event of events ?? []) {
      const name = event.activityTaskScheduledEventAttributes?.activityType?.name;
      if (name) seen.add(name);
    }
  }
  expect([...seen].sort()).toEqual([...STEPS].sort());
});

const clonesOf = (directory: string) => (existsSync(directory) ? readdirSync(directory) : []);
