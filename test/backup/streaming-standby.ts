/** A real streaming standby of a cluster, on a socket of its own. */
import { join } from 'node:path';
import pg from 'pg';
import { privateFolder } from '../../activities/os-user.ts';
import { run } from '../../activities/process.ts';
import type { Connection } from '../../domain/policy.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';

export interface StreamingStandby {
  readonly connection: Connection;
  session(database?: string): Promise<pg.Client>;
  paused(): Promise<string>;
  stop(): Promise<void>;
}

export async function streamingStandbyOf(source: EmbeddedCluster, settings: Readonly<Record<string, string>> = {}): Promise<StreamingStandby> {
  const folder = privateFolder(join(source.directory, 'standby'), source.osUser);
  const data = join(folder, 'data');
  const tool = (program: string, ...args: string[]) => run({ argv: [join(source.binaries, program), ...args], as: source.osUser, deadlineMs: 120_000 });
  const from = ['-h', source.socketDirectory, '-p', String(source.port), '-U', 'postgres'];
  await tool('pg_basebackup', ...from, '-D', data, '-R', '-c', 'fast', '-X', 'stream', '--no-sync');
  const given = { listen_addresses: "''", unix_socket_directories: `'${folder}'`, archive_mode: 'off', fsync: 'off', hot_standby: 'on', ...settings };
  const options = Object.entries(given).map(([name, value]) => `-c ${name}=${value}`);
  await tool('pg_ctl', '-D', data, '-l', join(folder, 'log'), '-o', options.join(' '), '-w', '-t', '60', 'start');
  const session = async (database = 'postgres') => {
    const client = new pg.Client({ host: folder, port: source.port, user: 'postgres', database });
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  return {
    connection: { ...source.policy().connection, host: folder, user: 'postgres' },
    session,
    async paused() {
      const client = await session();
      const { rows } = await client.query<{ state: string }>('select pg_get_wal_replay_pause_state() as state');
      await client.end();
      return rows[0]?.state ?? '';
    },
    stop: async () => {
      await tool('pg_ctl', '-D', data, '-m', 'immediate', '-w', 'stop');
    },
  };
}
