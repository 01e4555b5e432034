import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { engineOf, eventually, testIo } from '../support/engine.ts';
import { serverMajor } from '../support/major.ts';

let cluster: EmbeddedCluster;
beforeAll(async () => {
  cluster = await testCluster({ name: 'shop' });
  await cluster.sql('create table t as select g as id, md5(g::text) as v from generate_series(1, 20000) g');
}, 120_000);

const labels = async () => (await engineOf(cluster).info(1)).backups.map((backup) => backup.label);
const request = (requestKey: string, type: 'full' | 'incremental' = 'full') => ({ type, requestKey, repository: 1 });

describe('a backup', { timeout: 120_000 }, () => {
  test('records label, LSN range, chain and request key', async () => {
    const engine = engineOf(cluster);
    const io = testIo();
    const { backup, adopted } = await engine.backup(request('key-1'), io);
    expect(adopted).toBe(false);
    expect(backup).toMatchObject({ type: 'full', repository: 1, prior: null, references: [], timeline: 1, hasPageErrors: false, requestKey: 'key-1' });
    expect(backup.startLsn < backup.stopLsn).toBe(true);
    expect(backup.databaseBytes).toBeGreaterThan(20_000_000);
    const next = await engine.backup(request('key-2', 'incremental'), io);
    expect(next.backup).toMatchObject({ type: 'incremental', prior: backup.label, references: [backup.label] });
    const info = await engine.info(1);
    expect(info).toMatchObject({
      stanza: 'shop',
      encrypted: true,
      busy: false,
      archiveId: `${serverMajor(cluster)}-1`,
      postgresVersion: String(serverMajor(cluster)),
    });
    const [system] = await cluster.sql<{ id: string }>('select system_identifier::text as id from pg_control_system()');
    expect(info.systemIdentifier).toBe(system?.id);
  });

  test('asked for twice with one key is one backup', async () => {
    const before = await labels();
    const again = await engineOf(cluster).backup(request('key-1'), testIo());
    expect(again).toMatchObject({ adopted: true, backup: { label: before[0] } });
    expect(await labels()).toEqual(before);
  });

  test('asked for twice at the same moment is one backup', async () => {
    const before = await labels();
    const both = await Promise.all([1, 2].map(() => engineOf(cluster).backup(request('key-twin'), testIo())));
    expect(new Set(both.map(({ backup }) => backup.label)).size).toBe(1);
    expect(both.map(({ adopted }) => adopted).sort()).toEqual([false, true]);
    expect(await labels()).toHaveLength(before.length + 1);
  });

  test('goes on in the child of a killed worker, and the next attempt adopts it', async () => {
    const before = await labels();
    // a worker in a process of its own, killed as soon as the engine holds its lock
    const worker = startWorker(cluster, 'key-killed');
    await eventually(async () => (await engineOf(cluster).info(1)).busy, 'the backup lock');
    worker.kill('SIGKILL');
    const io = testIo();
    const outcome = await engineOf(cluster).backup(request('key-killed'), io);
    expect(outcome).toMatchObject({ adopted: true, backup: { requestKey: 'key-killed' } });
    expect(io.beats).not.toHaveLength(0);
    expect(await labels()).toHaveLength(before.length + 1);
  });

  test('cut off half-way is not counted, and the next attempt makes one whole', async () => {
    const before = await labels();
    const stop = new AbortController();
    const running = engineOf(cluster).backup(request('key-cut'), testIo(stop.signal));
    running.catch(() => {});
    await eventually(async () => (await engineOf(cluster).info(1)).busy, 'the backup lock');
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    expect(await labels()).toEqual(before);
    const { adopted, backup } = await engineOf(cluster).backup(request('key-cut'), testIo());
    expect(adopted).toBe(false);
    expect(await labels()).toEqual([...before, backup.label]);
  });

  test('whose child died between manifest and catalogue is adopted, not made again', async () => {
    const engine = engineOf(cluster);
    const before = await labels();
    const folder = join(cluster.repositoryPath, 'backup', cluster.stanza);
    const catalogue = ['backup.info', 'backup.info.copy'].map((name) => join(folder, name));
    const old = catalogue.map((file) => readFileSync(file));
    const { backup } = await engine.backup(request('key-unlisted'), testIo());
    catalogue.forEach((file, index) => {
      writeFileSync(file, old[index] as Buffer);
    });
    expect(await labels()).toEqual(before);
    expect(await engine.backup(request('key-unlisted'), testIo())).toMatchObject({ adopted: true, backup: { label: backup.label } });
    expect(await labels()).toEqual([...before, backup.label]);
  });

  test('leaves its progress in the heartbeat', async () => {
    await cluster.sql('create table big as select g as id, md5(g::text) || md5((g+1)::text) as v from generate_series(1, 900000) g');
    const io = testIo();
    await engineOf(cluster).backup(request('key-progress'), io);
    const last = io.beats.at(-1) as { phase: string; doneBytes: number; totalBytes: number };
    expect(last.phase).toBe('backup');
    expect(last.doneBytes).toBeGreaterThan(1_000_000);
    expect(last.totalBytes).toBeGreaterThanOrEqual(last.doneBytes);
    await cluster.sql('drop table big');
  });

  test('is refused with the reason where the lock is held for the whole time-out', async () => {
    const foreign = foreignBackup(cluster);
    try {
      await eventually(async () => (await engineOf(cluster).info(1)).busy, 'the backup lock');
      process.kill(-(foreign.pid as number), 'SIGSTOP');
      const impatient = engineOf(cluster, (policy) => ({ ...policy, engine: { ...policy.engine, timeoutMs: 3_000 } }));
      await expect(impatient.backup(request('key-locked'), testIo())).rejects.toMatchObject({ code: 'engine-busy', retryable: true });
    } finally {
      process.kill(-(foreign.pid as number), 'SIGKILL');
    }
  });

  test.runIf(process.getuid?.() === 0)('fails at once, and says so, where the lock file is not its own', async () => {
    // the name of 2.45, and that of 2.59, which locks each repository for itself
    const lockFiles = ['backup', 'backup-1'].map((kind) => join(cluster.directory, 'lock', `${cluster.stanza}-${kind}.lock`));
    // the killed backup above left one of its own
    for (const file of lockFiles) rmSync(file, { force: true });
    for (const file of lockFiles) writeFileSync(file, '', { mode: 0o600 });
    try {
      await expect(engineOf(cluster).backup(request('key-foreign-lock'), testIo())).rejects.toMatchObject({
        code: 'engine-refused',
        hint: expect.stringContaining('belongs to another user'),
      });
    } finally {
      for (const file of lockFiles) rmSync(file, { force: true });
    }
  });

  test('fails with the cause where the server does not answer', async () => {
    await cluster.stop('fast');
    try {
      await expect(engineOf(cluster).backup(request('key-down'), testIo())).rejects.toMatchObject({ code: 'cluster-unreachable' });
    } finally {
      await cluster.start();
    }
  });
});

function startWorker(of: EmbeddedCluster, requestKey: string) {
  const program = `
    import { pgbackrest } from '${join(import.meta.dirname, '../../activities/backup/engines/pgbackrest.ts')}';
    const policy = JSON.parse(process.env.POLICY);
    const io = { signal: new AbortController().signal, beat: () => {}, previous: undefined };
    await pgbackrest(policy, { observe: () => {} }).backup({ type: 'full', requestKey: '${requestKey}', repository: 1 }, io);
  `;
  return spawn(process.execPath, ['--input-type=module', '-e', program], { env: { ...process.env, POLICY: JSON.stringify(of.policy()) }, stdio: 'inherit' });
}

/** A backup that somebody's own job makes. */
function foreignBackup(of: EmbeddedCluster) {
  const { switched, uid, gid } = of.osUser;
  const argv = [`--config=${of.configFile}`, `--stanza=${of.stanza}`, '--type=full', 'backup'];
  return spawn('pgbackrest', argv, { cwd: '/', stdio: 'ignore', detached: true, ...(switched ? { uid, gid } : {}) });
}
