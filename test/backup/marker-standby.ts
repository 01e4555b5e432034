/** A physical copy of a cluster that replays the source's own pg_wal to exact LSNs and pauses there: what markers are compared with. */
import { appendFileSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { fingerprintSettings, fingerprintTable } from '../../activities/backup/marker/fingerprint.ts';
import { tableKey, textColumnsByTable } from '../../activities/backup/marker/name-columns.ts';
import { readSnapshot, readStatusRuns } from '../../activities/backup/marker/transaction-status.ts';
import { privateFolder } from '../../activities/os-user.ts';
import { run } from '../../activities/process.ts';
import { type CloneTable, type Comparison, compareFingerprints } from '../../domain/backup/fingerprint.ts';
import type { Marker } from '../../domain/backup/model.ts';
import { decideEquivalence, type Equivalence, parseSnapshot, rangeToAsk } from '../../domain/backup/snapshot.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';

export interface Standby {
  /** Restarts it towards this LSN, exclusive, and waits until it is paused there. Only forwards. */
  walkTo(lsn: string): Promise<void>;
  session(database: string): Promise<pg.Client>;
  judge(marker: Marker): Promise<{ readonly equivalence: Equivalence; readonly comparison: Comparison }>;
  stop(): Promise<void>;
}

/** The source must keep all its WAL (wal_keep_size) from now on. */
export async function copyOf(source: EmbeddedCluster, name: string): Promise<Standby> {
  const folder = privateFolder(join(source.directory, name), source.osUser);
  const data = join(folder, 'data');
  const tool = (program: string, ...args: string[]) => run({ argv: [join(source.binaries, program), ...args], as: source.osUser, deadlineMs: 120_000 });
  await tool('pg_basebackup', '-h', source.socketDirectory, '-p', String(source.port), '-U', 'postgres', '-D', data, '-c', 'fast', '-X', 'none', '--no-sync');
  const own = (path: string) => source.osUser.switched && chownSync(path, source.osUser.uid, source.osUser.gid);
  writeFileSync(join(data, 'recovery.signal'), '');
  own(join(data, 'recovery.signal'));
  const settings = (lsn: string) =>
    [
      `listen_addresses = ''`,
      `unix_socket_directories = '${folder}'`,
      `archive_mode = off`,
      `fsync = off`,
      `restore_command = 'cp ${source.dataDirectory}/pg_wal/%f %p'`,
      `recovery_target_lsn = '${lsn}'`,
      `recovery_target_inclusive = off`,
      `recovery_target_action = pause`,
      `hot_standby = on`,
    ].join('\n');
  let running = false;
  const open = async (database: string, extra: object = {}) => {
    const client = new pg.Client({ host: folder, port: source.port, user: 'postgres', database, ...extra });
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const stop = async () => {
    if (running) await tool('pg_ctl', '-D', data, '-m', 'fast', '-w', 'stop');
    running = false;
  };
  return {
    async walkTo(lsn) {
      await stop();
      appendFileSync(join(data, 'postgresql.auto.conf'), `\n${settings(lsn)}\n`);
      await tool('pg_ctl', '-D', data, '-l', join(folder, 'log'), '-w', '-t', '60', 'start');
      running = true;
      const client = await open('postgres');
      for (;;) {
        const { rows } = await client.query<{ state: string }>('select pg_get_wal_replay_pause_state() as state');
        if (rows[0]?.state === 'paused') break;
      }
      await client.end();
    },
    session: (database) => open(database),
    async judge(marker) {
      const options = Object.entries(fingerprintSettings).map(([key, value]) => `-c ${key}=${value.replaceAll(' ', '\\ ')}`);
      const client = await open(marker.database, { options: options.join(' ') });
      const snapshot = parseSnapshot(marker.snapshot);
      const here = await readSnapshot(client);
      const equivalence = decideEquivalence(snapshot, { snapshot: here, runs: await readStatusRuns(client, rangeToAsk(snapshot, here)) });
      const read: CloneTable[] = [];
      const columns = await textColumnsByTable(client);
      for (const table of marker.fingerprints) {
        const form = { ...table, columns: columns.get(tableKey(table)) ?? null };
        read.push({ schema: table.schema, table: table.table, content: await fingerprintTable(client, table, form) });
      }
      await client.end();
      return { equivalence, comparison: compareFingerprints(marker, read) };
    },
    stop,
  };
}
