/** The demo's second act: a copy of the repository loses one WAL segment. Does the engine notice? Does Assay? */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pgbackrest } from '../../activities/backup/engines/pgbackrest.ts';
import { type Lsn, segmentAt, segmentName } from '../../domain/backup/lsn.ts';
import type { BackupRecord } from '../../domain/backup/model.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { coldIo } from '../activity-io.ts';
import type { EmbeddedCluster } from '../embedded/cluster.ts';

export interface DamagedCopy {
  /** Policy that reads the copy; everything else as it was. */
  readonly policy: ClusterPolicy;
  readonly deleted: string;
}

export interface Stretch {
  readonly from: BackupRecord;
  /** Position all the way up to which WAL is needed. */
  readonly to: Lsn;
}

const SEGMENT_BYTES = 16 * 1024 * 1024;

/** Copies the repository and deletes a segment from the middle of a stretch of WAL. The original is only read. */
export async function damagedCopy(cluster: EmbeddedCluster, policy: ClusterPolicy, { from, to }: Stretch): Promise<DamagedCopy> {
  const copy = join(cluster.directory, 'copy');
  execFileSync('cp', ['-a', cluster.repositoryPath, copy]);
  const config = join(cluster.directory, 'copy.conf');
  const text = readFileSync(cluster.configFile, 'utf8').replaceAll(cluster.repositoryPath, copy);
  writeFileSync(config, text, { mode: 0o600 });
  execFileSync('chown', ['--reference', cluster.configFile, config]);
  const damaged: ClusterPolicy = { ...policy, engine: { ...policy.engine, config } };
  const last = segmentName(segmentAt(to, from.timeline, SEGMENT_BYTES), SEGMENT_BYTES);
  const between = (await engineOf(damaged).archive(1)).filter(({ name }) => name > from.stopSegment && name < last);
  const victim = between[Math.floor(between.length / 2)];
  if (victim === undefined) throw new TypeError(`no whole segment lies between ${from.stopSegment} and ${last}`);
  rmSync(join(copy, victim.path));
  return { policy: damaged, deleted: victim.name };
}

/** What pgBackRest's own verify says of it: status and exit code. */
export async function engineVerdict(policy: ClusterPolicy): Promise<string> {
  const { status, exit } = await engineOf(policy).verify(1, coldIo()());
  return `status ${status}, exit ${exit}`;
}

const engineOf = (policy: ClusterPolicy) => pgbackrest(policy, { observe: () => {} });
