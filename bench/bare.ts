/** The bare tools, with the options Assay gives them: what a careful administrator would type. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { privateFolder } from '../activities/os-user.ts';
import { run } from '../activities/process.ts';
import type { BackupRecord } from '../domain/backup/model.ts';
import type { EmbeddedCluster } from '../workers/embedded/cluster.ts';

const LONGEST_MS = 3_600_000;
const POLL_MS = 25;
const PORT = 6543;

const pgbackrest = (cluster: EmbeddedCluster, options: readonly string[]) => {
  const { binary, stanza, processMax } = cluster.policy().engine;
  const argv = [binary, `--config=${cluster.configFile}`, `--stanza=${stanza}`, '--repo=1', `--process-max=${processMax}`, ...options] as const;
  return run({ argv: argv as unknown as [string, ...string[]], as: cluster.osUser, deadlineMs: LONGEST_MS });
};

export const bareBackup = (cluster: EmbeddedCluster) => pgbackrest(cluster, ['--type=full', '--no-expire-auto', 'backup']);

/** Keeps disk use flat over a run: every full backup but the newest ones goes. */
export const expireAllBut = (cluster: EmbeddedCluster, fulls: number) =>
  cluster.pgbackrest('expire', '--repo1-retention-full-type=count', `--repo1-retention-full=${fulls}`);

export interface BareRestore {
  readonly restoreMs: number;
  readonly startMs: number;
  readonly replayMs: number;
}

/** `pgbackrest restore`, `pg_ctl start`, wait until recovery is paused at `lsn`; afterwards everything is gone. */
export async function bareRestore(cluster: EmbeddedCluster, backup: BackupRecord, lsn: string): Promise<BareRestore> {
  const home = privateFolder(join(cluster.directory, 'bare'), cluster.osUser);
  const [data, lock, socket] = ['data', 'lock', 's'].map((name) => privateFolder(join(home, name), cluster.osUser)) as [string, string, string];
  const pgCtl = (...args: string[]) =>
    run({ argv: [join(cluster.binaries, 'pg_ctl'), '-D', data, '-w', '-s', ...args], as: cluster.osUser, deadlineMs: LONGEST_MS });
  const target = ['--type=lsn', `--target=${lsn}`, '--target-exclusive', '--target-action=pause'];
  try {
    const began = performance.now();
    await pgbackrest(cluster, [`--set=${backup.label}`, `--pg1-path=${data}`, '--archive-mode=off', `--lock-path=${lock}`, ...target, 'restore']);
    const restored = performance.now();
    // a clone must not share port and socket with its source, whose configuration it was given
    const apart = `-c port=${PORT} -c unix_socket_directories=${socket} -c listen_addresses= -c archive_mode=off`;
    await pgCtl('start', '-t', '600', '-l', join(home, 'log'), '-o', apart);
    const started = performance.now();
    await untilPaused(socket);
    return { restoreMs: restored - began, startMs: started - restored, replayMs: performance.now() - started };
  } finally {
    await pgCtl('stop', '-m', 'immediate').catch(() => {});
    rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

async function untilPaused(socket: string): Promise<void> {
  const client = new pg.Client({ host: socket, port: PORT, user: 'postgres', database: 'postgres' });
  await client.connect();
  try {
    for (;;) {
      const { rows } = await client.query<{ state: string }>('select pg_get_wal_replay_pause_state() as state');
      if (rows[0]?.state === 'paused') return;
      await pause(POLL_MS);
    }
  } finally {
    await client.end();
  }
}
