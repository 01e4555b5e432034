/** The demo's second act: a copy of the repository loses one WAL segment. Does the engine notice? Does Assay? */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pgbackrest } from '../../activities/backup/engines/pgbackrest.ts';
import type { ArchivedSegment, BackupRecord } from '../../domain/backup/model.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { coldIo } from '../activity-io.ts';
import type { EmbeddedCluster } from '../embedded/cluster.ts';

export interface DamagedCopy {
  /** Policy that reads the copy; everything else as it was. */
  readonly policy: ClusterPolicy;
  readonly deleted: string;
}

/** Copies the repository and deletes a segment from the middle of what was archived after `backup`. The original is only read. */
export async function damagedCopy(cluster: EmbeddedCluster, policy: ClusterPolicy, backup: BackupRecord): Promise<DamagedCopy> {
  const copy = join(cluster.directory, 'copy');
  execFileSync('cp', ['-a', cluster.repositoryPath, copy]);
  const config = join(cluster.directory, 'copy.conf');
  const text = readFileSync(cluster.configFile, 'utf8').replaceAll(cluster.repositoryPath, copy);
  writeFileSync(config, text, { mode: 0o600 });
  execFileSync('chown', ['--reference', cluster.configFile, config]);
  const damaged: ClusterPolicy = { ...policy, engine: { ...policy.engine, config } };
  const after = (await engineOf(damaged).archive(1)).filter((segment) => segment.name > backup.stopSegment);
  const victim = after[Math.floor((after.length - 1) / 2)] as ArchivedSegment;
  rmSync(join(copy, victim.path));
  return { policy: damaged, deleted: victim.name };
}

/** What pgBackRest's own verify says of it: status and exit code. */
export async function engineVerdict(policy: ClusterPolicy): Promise<string> {
  const { status, exit } = await engineOf(policy).verify(1, coldIo()());
  return `status ${status}, exit ${exit}`;
}

const engineOf = (policy: ClusterPolicy) => pgbackrest(policy, { observe: () => {} });
