/** Retention on a real repository: what goes, what stays and why, and who may come in between. */
import { rename } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { pgbackrest } from '../../activities/backup/engines/pgbackrest.ts';
import { createEvidenceStore } from '../../activities/backup/evidence/evidence-store.ts';
import { createBackupSteps } from '../../activities/backup/steps.ts';
import { type Control, openControl } from '../../activities/control/control-database.ts';
import { createMarkerStore } from '../../activities/control/marker-store.ts';
import type { BackupRecord } from '../../domain/backup/model.ts';
import type { ProofPlan } from '../../domain/backup/proof-plan.ts';
import type { BackupExpireInput, BackupExpireResult } from '../../domain/backup/requests.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { readSecret } from '../../workers/config.ts';
import { backupDependencies } from '../../workers/dependencies.ts';
import { testIo } from '../support/engine.ts';
import { fillTable, freshKey, startBackup, startProof, useFleet } from '../support/fleet.ts';
import { exampleMarker } from './certificate-examples.ts';

const fleet = useFleet();
/** Two chains: an old full with an incremental on it, and a new full. */
let old: BackupRecord;
let oldIncremental: BackupRecord;
let kept: BackupRecord;
let control: Control;

beforeAll(async () => {
  await fillTable(fleet.get(), 2_000);
  const taken = async (type: 'full' | 'incremental') => (await (await startBackup(fleet.get(), { type, prove: 'none' })).result()).backup;
  old = await taken('full');
  oldIncremental = await taken('incremental');
  kept = await taken('full');
  control = await openControl(fleet.get().control.url);
  return () => control.close();
}, 180_000);

/** Keeps one full backup and no days: the old chain may go as soon as the new one is proven. */
const policy = (): ClusterPolicy => ({ ...fleet.get().policy(), retention: { fulls: 1, days: 0, keep: [] } });

async function expire(input: Partial<BackupExpireInput> = {}): Promise<BackupExpireResult> {
  const client = await fleet.get().client();
  return client.workflow.execute<(input: BackupExpireInput) => Promise<BackupExpireResult>>('backupExpire', {
    workflowId: workflowIds.backupExpire('shop', freshKey()),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', policy: policy(), ...input }],
  });
}

const engine = () => pgbackrest(policy(), { observe: () => {} });
const labels = async () => (await engine().info(1)).backups.map(({ label }) => label);
const named = (reasons: BackupExpireResult['kept']) => reasons.map(({ label }) => label);

/** The agent's own steps in this process, as one more worker would run them. */
function steps() {
  const evidence = createEvidenceStore({ control, readSecret, signingKey: `file:${fleet.get().keys.privateKey}` });
  const markerStore = createMarkerStore(control);
  return {
    evidence,
    markerStore,
    ...createBackupSteps(backupDependencies({ host: policy().host, observe: () => {}, evidence, markerStore, io: () => testIo() })),
  };
}

const planOf = (backup: BackupRecord): Promise<ProofPlan> =>
  steps().planProof({
    ...{ policy: policy(), proofId: crypto.randomUUID(), owner: 'test', label: backup.label, repository: 1, depth: 'plain', level: 'structure' },
    ...{ target: null, archivedLsn: backup.stopLsn, randomShare: null, into: null },
  });

describe('nothing is proven yet', { timeout: 60_000 }, () => {
  test('nothing goes, and each one says why', async () => {
    const { kept: stays, expired } = await expire();
    expect(expired).toEqual([]);
    expect(stays.map(({ because }) => because)).toEqual(Array(3).fill(expect.stringContaining('no backup is proven yet')));
    expect(await labels()).toEqual([old.label, oldIncremental.label, kept.label]);
  });

  test('the older chain proven, the newer one not: the proven one stays', async () => {
    expect(await (await startProof(fleet.get(), { backup: oldIncremental.label, level: 'structure' })).result()).toMatchObject({ verdict: 'proven' });
    expect(named((await expire({ dryRun: true })).expired)).toEqual([]);
  });
});

describe('the newest chain is proven', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    expect(await (await startProof(fleet.get(), { level: 'structure' })).result()).toMatchObject({ verdict: 'proven', backup: kept.label });
  }, 60_000);

  test('a dry run says what would go and why, and touches nothing', async () => {
    const result = await expire({ dryRun: true });
    expect(result.dryRun).toBe(true);
    expect(named(result.expired)).toEqual([old.label, oldIncremental.label]);
    expect(result.expired[0]?.because).toContain('not one of the 1 newest full backups');
    expect(result.kept).toEqual([{ label: kept.label, because: expect.stringContaining('the newest proven backup') }]);
    expect(await labels()).toEqual([old.label, oldIncremental.label, kept.label]);
  });

  test('what a restore in progress needs stays, with all it builds on', async () => {
    const { evidence } = steps();
    const owner = (await startWaiting()).workflowId;
    const plan = await planOf(oldIncremental);
    await evidence.pin(
      'shop',
      owner,
      plan.chain.map(({ label }) => label),
    );
    const { kept: stays, expired } = await expire();
    expect(expired).toEqual([]);
    expect(stays[0]).toEqual({ label: old.label, because: expect.stringContaining('a clone or a restore in progress needs it') });
    expect(await labels()).toHaveLength(3);
    await evidence.unpin('shop', owner);
  });

  test('pinned between the decision and the deed: it stays', async () => {
    const { evidence, decideExpiry, expireBackups } = steps();
    const decision = await decideExpiry({ policy: policy(), repository: 1 });
    expect(named(decision.expired)).toEqual([old.label, oldIncremental.label]);
    await evidence.pin('shop', 'restore', [old.label, oldIncremental.label]);
    expect(await expireBackups({ policy: policy(), repository: 1, labels: named(decision.expired), owner: 'expiry' })).toEqual([]);
    expect(await labels()).toHaveLength(3);
    await evidence.unpin('shop', 'restore');
  });

  test('announced by an expiry: a clone does not begin from it, and holds nothing back', async () => {
    const { evidence, openClone } = steps();
    const plan = await planOf(oldIncremental);
    await evidence.pin('shop', 'expiring:test', [old.label, oldIncremental.label]);
    await expect(openClone({ policy: policy(), plan, owner: 'late', into: null })).rejects.toMatchObject({ code: 'backup-expiring', retryable: true });
    expect(await evidence.pinned('shop')).toEqual([]);
    await evidence.unpin('shop', 'expiring:test');
  });

  test('what a run pinned that is gone holds nothing back: exactly the decided ones go, their WAL too', async () => {
    const plan = await planOf(oldIncremental);
    await steps().evidence.pin('shop', 'backup/shop/restore/terminated-long-ago', [old.label]);
    const before = await engine().archive(1);
    expect(before[0]?.name).toBe(old.startSegment);
    const result = await expire();
    expect(named(result.expired)).toEqual([old.label, oldIncremental.label]);
    expect(await labels()).toEqual([kept.label]);
    const after = await engine().archive(1);
    expect(after[0]?.name).toBe(kept.startSegment);
    expect(after.map(({ name }) => name)).toEqual(before.map(({ name }) => name).filter((name) => name >= kept.startSegment));
    // a plan made before that finds out before anything is restored
    await expect(steps().openClone({ policy: policy(), plan, owner: 'late', into: null })).rejects.toMatchObject({ code: 'backup-expiring' });
    expect(await steps().evidence.pinned('shop')).toEqual([]);
  });

  test('markers that no backup left could be proven with go too; a dry run leaves them', async () => {
    const { markerStore } = steps();
    await markerStore.save(
      exampleMarker({ id: 'before', lsn: old.stopLsn, database: 'postgres', at: old.stoppedAt, systemIdentifier: (await engine().info(1)).systemIdentifier }),
    );
    const client = await fleet.get().client();
    await client.workflow.execute('backupFingerprint', {
      workflowId: workflowIds.backupFingerprint('shop', freshKey()),
      taskQueue: fleetQueue,
      args: [{ cluster: 'shop', policy: policy() }],
    });
    const [oldest, ...rest] = await markerStore.between('shop', '0/0', null);
    expect(oldest?.id).toBe('before');
    expect(rest.length).toBeGreaterThan(0);
    expect(await expire({ dryRun: true })).not.toHaveProperty('markersRemoved');
    expect(await expire()).toMatchObject({ expired: [], markersRemoved: 1 });
    expect(await markerStore.between('shop', '0/0', null)).toEqual(rest);
  });

  test('where a repository does not answer, no marker goes', async () => {
    const { markerStore, pruneMarkers } = steps();
    await markerStore.save(exampleMarker({ id: 'before', lsn: old.stopLsn, database: 'postgres', at: old.stoppedAt }));
    await rename(fleet.get().cluster.repositoryPath, `${fleet.get().cluster.repositoryPath}.away`);
    expect(await pruneMarkers({ policy: policy() })).toBe(0);
    await rename(`${fleet.get().cluster.repositoryPath}.away`, fleet.get().cluster.repositoryPath);
    expect(await pruneMarkers({ policy: policy() })).toBe(1);
  });

  test('what is left is whole: it is proven again', async () => {
    expect(await (await startProof(fleet.get())).result()).toMatchObject({ verdict: 'proven', level: 'content', backup: kept.label });
    expect(named((await expire()).expired)).toEqual([]);
  });
});

/** A workflow that runs and does nothing: its host has no worker. */
async function startWaiting() {
  const client = await fleet.get().client();
  const workflowId = workflowIds.backupProve('shop', freshKey());
  const handle = await client.workflow.start('backupProve', {
    workflowId,
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', policy: { ...policy(), host: 'nowhere' } }],
  });
  return handle;
}
