/** Gives the writers a core of their own: whatever else needs a processor then no longer shows in how long their commits take. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { EmbeddedCluster } from '../workers/embedded/cluster.ts';
import { startWriters, WRITERS } from './writers.ts';

const WRITERS_CORE = '0';

export type Writers = Awaited<ReturnType<typeof startWriters>>;

/**
 * Writers with their thread and their server processes on one core, and all else (this process, the postmaster, so everything it starts
 * from now on) on the others. null: not to be had here (one core, no taskset).
 */
export async function startWritersApart(cluster: EmbeddedCluster): Promise<Writers | null> {
  const others = cpus().length > 1 ? `1-${cpus().length - 1}` : null;
  if (others === null || !hasTaskset()) return null;
  const [threads, sessions] = [new Set(threadsHere()), new Set(await sessionsOf(cluster))];
  const writers = await startWriters({ server: cluster, ...WRITERS });
  const postmaster = readFileSync(join(cluster.dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0] as string;
  pin(others, [...threads, ...sessions, postmaster]);
  pin(WRITERS_CORE, [...threadsHere().filter((id) => !threads.has(id)), ...(await sessionsOf(cluster)).filter((id) => !sessions.has(id))]);
  return {
    async stop() {
      const recorded = await writers.stop();
      pin(`0-${cpus().length - 1}`, [...threadsHere(), postmaster]);
      return recorded;
    },
  };
}

const threadsHere = (): readonly string[] => readdirSync('/proc/self/task');

async function sessionsOf({ socketDirectory, port }: EmbeddedCluster): Promise<readonly string[]> {
  const client = new pg.Client({ host: socketDirectory, port, user: 'postgres', database: 'postgres' });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: string }>('select pid::text as pid from pg_stat_activity where pid <> pg_backend_pid()');
    return rows.map(({ pid }) => pid);
  } finally {
    await client.end();
  }
}

/** A thread or process that has ended meanwhile needs no core. */
function pin(cores: string, ids: readonly string[]): void {
  for (const id of ids) {
    try {
      execFileSync('taskset', ['--cpu-list', '--pid', cores, id], { stdio: 'ignore' });
    } catch {}
  }
}

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
