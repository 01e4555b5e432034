/** Restored clusters that tests look into: asked over their private socket, stopped at its end. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { run } from '../../activities/process.ts';
import { clonePort } from '../../domain/backup/go-live.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';

const running: { readonly folder: string; readonly cluster: EmbeddedCluster }[] = [];

/** Whatever runs in this folder is stopped by `stopAllRestored`. */
export function stopAfterwards(folder: string, cluster: EmbeddedCluster): string {
  running.push({ folder, cluster });
  return folder;
}

/** For an `afterAll` below the one that removes the cluster: the last one defined runs first. */
export async function stopAllRestored(): Promise<void> {
  for (const { folder, cluster } of running.splice(0)) await stopRestored(folder, cluster);
}

export async function stopRestored(folder: string, cluster: EmbeddedCluster, mode: 'fast' | 'immediate' = 'immediate'): Promise<void> {
  const data = join(folder, 'data');
  if (!existsSync(join(data, 'postmaster.pid'))) return;
  await run({ argv: [join(cluster.binaries, 'pg_ctl'), '-D', data, '-m', mode, 'stop'], as: cluster.osUser, deadlineMs: 60_000 });
}

/** One statement on the cluster that was restored into this folder. */
export async function askRestored<R extends Record<string, unknown>>(folder: string, sql: string): Promise<R[]> {
  const client = new pg.Client({ host: join(folder, 'socket'), port: clonePort, user: 'postgres', database: 'postgres' });
  await client.connect();
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Pids of the engine and its helpers that restore into this folder. */
export function enginesAt(folder: string): readonly number[] {
  const lines = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => line.includes('pgbackrest') && line.includes(`--pg1-path=${folder}/data`)).map((line) => Number.parseInt(line, 10));
}

/** A folder as its user left it: rights, owner, names in it; null where there is none. */
export function asFound(folder: string) {
  if (!existsSync(folder)) return null;
  const { mode, uid, gid } = statSync(folder);
  return { mode, uid, gid, names: readdirSync(folder) };
}
