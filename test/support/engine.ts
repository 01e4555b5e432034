/** What engine tests need around a real cluster: an engine, steps without Temporal, WAL, folders for a restore. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { RestoreRequest } from '../../activities/backup/engines/engine.ts';
import { pgbackrest } from '../../activities/backup/engines/pgbackrest.ts';
import type { StepIo } from '../../activities/io.ts';
import { privateFolder } from '../../activities/os-user.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';

export const engineOf = (cluster: EmbeddedCluster, overrides?: (policy: ClusterPolicy) => ClusterPolicy) =>
  pgbackrest(cluster.policy(overrides), { observe: () => {} });

export interface TestIo extends StepIo {
  readonly beats: unknown[];
}

export function testIo(signal = new AbortController().signal): TestIo {
  const beats: unknown[] = [];
  return { signal, beat: (progress) => beats.push(progress), previous: undefined, beats };
}

/** Waits for a condition of the world, at most 30 s. */
export async function eventually<T>(look: () => T | Promise<T>, what = 'a condition'): Promise<NonNullable<Awaited<T>>> {
  const end = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found) return found as NonNullable<Awaited<T>>;
    if (Date.now() > end) throw new Error(`waited 30 s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Writes a little, ends the segment, waits until it is archived; returns the segment's name. */
export async function nextSegment(cluster: EmbeddedCluster): Promise<string> {
  await cluster.sql('create table if not exists filler (id bigint generated always as identity, v text)');
  await cluster.sql('insert into filler (v) select md5(g::text) from generate_series(1, 200) g');
  const [row] = await cluster.sql<{ name: string }>('select pg_walfile_name(pg_switch_wal()) as name');
  const name = (row as { name: string }).name;
  await eventually(async () => {
    const [archiver] = await cluster.sql<{ last: string | null }>('select last_archived_wal as last from pg_stat_archiver');
    return (archiver?.last ?? '') >= name;
  }, `segment ${name}`);
  return name;
}

let clones = 0;

/** A fresh set of restore folders inside the cluster's own. */
export function restoreFolders(cluster: EmbeddedCluster): Omit<RestoreRequest, 'label' | 'repository' | 'target' | 'action'> & { root: string } {
  clones += 1;
  const root = privateFolder(mkdtempSync(join(cluster.directory, `clone${clones}-`)), cluster.osUser);
  const sub = (name: string) => privateFolder(join(root, name), cluster.osUser);
  return {
    root,
    dataDirectory: sub('data'),
    tablespaceDirectory: sub('tablespaces'),
    lockDirectory: sub('lock'),
    spoolDirectory: sub('spool'),
    logDirectory: sub('log'),
  };
}
