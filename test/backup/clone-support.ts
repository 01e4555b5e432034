/** What the tests of clones and checks share: a cluster with two databases, one backup, a marked moment, and WAL beyond it. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { createClones } from '../../activities/backup/clone/clones.ts';
import { fingerprintSettings, fingerprintTable, freshSeeds } from '../../activities/backup/marker/fingerprint.ts';
import type { Clones } from '../../activities/backup/ports.ts';
import type { StepIo } from '../../activities/io.ts';
import { withConnection } from '../../activities/pg.ts';
import { run } from '../../activities/process.ts';
import type { Lsn } from '../../domain/backup/lsn.ts';
import type { CloneRef, Equality, Marker, RecoveryTarget, TableFingerprint } from '../../domain/backup/model.ts';
import type { Observation } from '../../domain/observation.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';

export const quietIo = (): StepIo => ({ signal: new AbortController().signal, beat: () => {}, previous: undefined });

export interface Bench {
  readonly cluster: EmbeddedCluster;
  readonly clones: Clones;
  readonly seen: Observation[];
}

export function benchOf(cluster: EmbeddedCluster): Bench {
  const seen: Observation[] = [];
  return { cluster, seen, clones: createClones({ host: hostname(), observe: (observation) => seen.push(observation), now: () => new Date() }) };
}

/** The engine's own command: these tests are about what comes after it. */
export async function restoreInto({ cluster, clones }: Bench, clone: CloneRef, ...options: string[]): Promise<void> {
  const folders = clones.restoreFolders(clone);
  await run({
    argv: [
      'pgbackrest',
      `--config=${cluster.configFile}`,
      `--stanza=${cluster.stanza}`,
      `--pg1-path=${folders.dataDirectory}`,
      `--lock-path=${folders.lockDirectory}`,
      `--log-path=${folders.logDirectory}`,
      `--tablespace-map-all=${folders.tablespaceDirectory}`,
      '--archive-mode=off',
      '--type=lsn',
      '--target=FFFFFFFF/0',
      '--target-action=pause',
      ...options,
      'restore',
    ],
    // the machine's own may be shut to whoever runs this
    env: { PGBACKREST_SPOOL_PATH: folders.spoolDirectory },
    as: cluster.osUser,
    deadlineMs: 120_000,
  });
}

export const upTo = (lsn: Lsn): RecoveryTarget => ({ kind: 'lsn', lsn, exclusive: true });

/** Where WAL stands now, with a commit and a finished segment behind it, so that a restore can stop exactly here. */
export async function mark(cluster: EmbeddedCluster): Promise<Lsn> {
  const [row] = await cluster.sql<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
  await cluster.sql('create table if not exists public.beyond (at timestamptz); insert into public.beyond values (now());');
  const [segment] = await cluster.sql<{ name: string }>('select pg_walfile_name(pg_switch_wal()) as name');
  await archived(cluster, segment?.name ?? '');
  return row?.lsn ?? '';
}

export async function archived(cluster: EmbeddedCluster, segment: string): Promise<void> {
  for (const end = Date.now() + 20_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const [row] = await cluster.sql<{ done: boolean }>('select coalesce(last_archived_wal >= $1, false) as done from pg_stat_archiver', { params: [segment] });
    if (row?.done) return;
    if (Date.now() > end) throw new Error(`segment ${segment} was not archived`);
  }
}

/** Opens, restores, recovers. */
export async function cloneAt(bench: Bench, policy: ClusterPolicy, at: { id: string; target: RecoveryTarget }) {
  const clone = await bench.clones.open(policy, at.id, `test/${at.id}`, 1);
  await restoreInto(bench, clone);
  return { clone, ...(await bench.clones.start(policy, clone, at.target, quietIo())) };
}

/** Names of everything in the repository, to show that a clone wrote nothing there. */
export const listing = (directory: string): string =>
  existsSync(directory) ? execFileSync('find', [directory, '-type', 'f', '-printf', '%p %s %T@\\n'], { encoding: 'utf8' }).split('\n').sort().join('\n') : '';

/** A marker of a source that nobody writes to at the moment: then any snapshot belongs to the LSN read beside it. */
export async function quietMarker(cluster: EmbeddedCluster, database: string, equality: Equality = 'hash'): Promise<Marker> {
  const sql = <R extends Record<string, unknown>>(text: string) => cluster.sql<R>(text, { database });
  const at = new Date().toISOString();
  const [here] = await sql<{ lsn: string; snapshot: string }>('select pg_current_wal_insert_lsn()::text as lsn, pg_current_snapshot()::text as snapshot');
  const tables = await sql<{ schema: string; table: string; oid: number; bytes: number }>(
    `select n.nspname as schema, c.relname as table, c.oid::int, pg_table_size(c.oid)::int as bytes from pg_class c join pg_namespace n on n.oid = relnamespace
     where relkind = 'r' and nspname not in ('pg_catalog', 'information_schema') order by 1, 2`,
  );
  const fingerprints: TableFingerprint[] = [];
  const connection = { ...cluster.policy().connection, database };
  await withConnection(
    connection,
    () => '',
    { settings: fingerprintSettings },
    async (client) => {
      for (const table of tables) {
        const seeds = freshSeeds();
        fingerprints.push({ ...table, ...(await fingerprintTable(client, table, { seeds, equality })), equality, seeds, takenAt: at });
      }
    },
  );
  const sequences = await sql<{ schema: string; table: string; lastValue: string; increment: string }>(
    `select schemaname as schema, sequencename as table, last_value::text as "lastValue", increment_by::text as increment from pg_sequences where last_value is not null`,
  );
  return {
    id: `marker-${database}`,
    cluster: cluster.name,
    database,
    way: 'fence',
    lsn: here?.lsn ?? '',
    timeline: 1,
    at,
    snapshot: here?.snapshot ?? '',
    witness: null,
    fingerprints,
    sequences,
    notCovered: [],
    tookMs: 1,
    fenceMs: 0,
  };
}
