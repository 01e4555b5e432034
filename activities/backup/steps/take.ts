/** Steps that make something in the cluster or its repository: a backup, markers, a restore point. */

import { type Lsn, lsnAt, lsnBytes, segmentAt, segmentName } from '../../../domain/backup/lsn.ts';
import type { BackupType, Instant, MarkerRef } from '../../../domain/backup/model.ts';
import { decidePreflight, type PreflightDecision } from '../../../domain/backup/preflight.ts';
import { AssayError, isAssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { untilTrue } from '../../wait.ts';
import type { BackupOutcome } from '../engines/engine.ts';
import type { BackupDependencies } from '../ports.ts';

export interface TakeRequest {
  readonly policy: ClusterPolicy;
  readonly type: BackupType;
  readonly repository: number;
  readonly requestKey: string;
}

export interface Archived {
  readonly lsn: Lsn;
  readonly segment: string;
  readonly archivedAt: Instant;
}

export interface MadeMarkers {
  readonly markers: readonly MarkerRef[];
  /** Databases without a marker, and objects that theirs leave out. */
  readonly notCovered: number;
}

const POLL_MS = 250;
const ARCHIVE_PATIENCE_MS = 90_000;

export function takeSteps(deps: BackupDependencies) {
  return {
    /** Whether a backup would be worth making: archiving really arrives, the repository is this cluster's. */
    async preflight({ policy, repository }: TakeRequest): Promise<PreflightDecision> {
      const engine = deps.engineFor(policy);
      const repositoryInfo = await engine.info(repository);
      const newest = async () => (await engine.archive(repository)).at(-1) ?? null;
      // what makes it another cluster, or no primary, comes before anything is written to it
      const first = decidePreflight({ source: await deps.source.state(policy), repository: repositoryInfo, newestSegment: await newest(), switchedAt: null });
      if (first.verdict === 'refuse') return first;
      await deps.source.writeWitness(policy);
      const switchedAt = await deps.source.switchWal(policy);
      const source = await deps.source.state(policy);
      const decision = decidePreflight({ source, repository: repositoryInfo, newestSegment: await newest(), switchedAt });
      if (decision.verdict !== 'wait') return decision;
      // the segment just switched may still be on its way: give it the time archiving may take, then look again
      await awaitArchived(deps, policy, repository, switchedAt);
      return { verdict: 'go', because: [...decision.because, 'the newest segment arrived'] };
    },

    /** Makes the backup, or adopts the one an earlier attempt of this request made. */
    async takeBackup({ policy, type, repository, requestKey }: TakeRequest): Promise<BackupOutcome> {
      try {
        const outcome = await deps.engineFor(policy).backup({ type, repository, requestKey }, deps.io());
        const { backup } = outcome;
        deps.observe({
          kind: 'backup-taken',
          cluster: policy.cluster,
          label: backup.label,
          type: backup.type,
          repository,
          tookMs: outcome.tookMs,
          databaseBytes: backup.databaseBytes,
          repositoryBytes: backup.repositoryBytes,
          adopted: outcome.adopted,
        });
        await deps.evidence.recordBackup(policy, backup);
        return outcome;
      } catch (error) {
        deps.observe({ kind: 'backup-failed', cluster: policy.cluster, type, code: isAssayError(error) ? error.code : 'internal' });
        throw begunAlready(error);
      }
    },

    /** One marker per covered database, kept with its fingerprints; only references leave this step. */
    makeMarkers: (request: { policy: ClusterPolicy; equality: 'hash' | 'text' }): Promise<MadeMarkers> => makeMarkers(deps, request),

    /** Ends the current segment and waits until everything up to here lies in the repository. The LSN that comes back can be a target. */
    async awaitArchived({ policy, repository }: { policy: ClusterPolicy; repository: number }): Promise<Archived> {
      // recovery can only stop before a record that exists: the witness is the record after every marker, and after the switch there is none
      const witness = await deps.source.writeWitness(policy);
      const switchedAt = await deps.source.switchWal(policy);
      const archived = await awaitArchived(deps, policy, repository, switchedAt).catch((error) => Promise.reject(begunAlready(error)));
      return { ...archived, lsn: witness.lsn };
    },

    /** A named point to come back to; good once its WAL is in the repository. */
    async createRestorePoint({ policy, name, repository }: { policy: ClusterPolicy; name: string; repository: number }): Promise<Archived> {
      const lsn = await deps.source.createRestorePoint(policy, name);
      await deps.source.writeWitness(policy);
      const archived = await awaitArchived(deps, policy, repository, await deps.source.switchWal(policy));
      return { ...archived, lsn };
    },
  };
}

/**
 * A backup that has begun, or was made, waits for an endpoint that went away as long as its attempts last: each of them looks for what is there.
 * Anywhere else a repository that does not answer is said at once.
 */
function begunAlready(error: unknown): unknown {
  return isAssayError(error, 'repository-unreachable') ? new AssayError(error.code, error.values, { cause: error, retryable: true }) : error;
}

async function makeMarkers(deps: BackupDependencies, { policy, equality }: { policy: ClusterPolicy; equality: 'hash' | 'text' }): Promise<MadeMarkers> {
  await deps.source.writeWitness(policy);
  const previous = policy.proof.fingerprint.mode === 'full' ? [] : await deps.markerStore.newest(policy.cluster);
  const made = await deps.markerMaker.make(policy, { equality, previous }, deps.io());
  const markers: MarkerRef[] = [];
  const databases = made.notCovered.filter(({ object }) => object === null);
  for (const [index, marker] of made.markers.entries()) {
    // a database that has no marker is named in the first one there is, so that the certificate says so
    markers.push(await deps.markerStore.save(index === 0 ? { ...marker, notCovered: [...marker.notCovered, ...databases] } : marker));
    const { database, way, tookMs, fenceMs } = marker;
    deps.observe({ kind: 'marker-made', cluster: policy.cluster, database, way, tables: marker.fingerprints.length, tookMs, fenceMs });
  }
  return { markers, notCovered: made.markers.reduce((sum, marker) => sum + marker.notCovered.length, made.notCovered.length) };
}

/** Throws system-identifier-differs, and archiving-broken where the segment with the byte before `lsn` does not arrive in time; `dropped` is that LSN where the server was told that it did. */
async function awaitArchived(deps: BackupDependencies, policy: ClusterPolicy, repository: number, lsn: Lsn): Promise<Archived> {
  const io = deps.io();
  const engine = deps.engineFor(policy);
  const { timeline, segmentBytes, systemIdentifier } = await deps.source.state(policy);
  // an LSN on a boundary means: all of the segment before it
  const lastByte = lsnAt(lsnBytes(lsn) - 1n);
  const wanted = segmentName(segmentAt(lastByte, timeline, segmentBytes), segmentBytes);
  // a segment of that name may be another cluster's: its own WAL never comes, and that is no fault of this archive
  const ofRepository = engine.info(repository).then(({ systemIdentifier: expected }) => {
    if (expected !== systemIdentifier) throw new AssayError('system-identifier-differs', { cluster: policy.cluster, found: systemIdentifier, expected });
  });
  const found = await untilTrue({ everyMs: POLL_MS, patienceMs: ARCHIVE_PATIENCE_MS, io, waitingFor: `segment ${wanted}` }, async () => {
    // this very one: a later segment that arrived says nothing about it
    const [segments] = await Promise.all([engine.archive(repository, wanted), ofRepository]);
    return segments.find((each) => each.name === wanted) ?? null;
  });
  if (found === null) {
    const { archiver } = await deps.source.state(policy);
    const belief = archiver.lastArchived === null ? 'the server archived nothing yet' : `the server believes ${archiver.lastArchived} was archived`;
    throw new AssayError('archiving-broken', {
      cluster: policy.cluster,
      reason: `segment ${wanted} did not come to repository ${repository} within ${ARCHIVE_PATIENCE_MS / 1000} s; ${belief}`,
      ...(believesArchived(archiver.lastArchived, wanted) ? { dropped: lsn } : {}),
    });
  }
  return { lsn, segment: found.name, archivedAt: found.archivedAt };
}

/** It archives in order. Names of history and backup files are none of a segment. */
const believesArchived = (last: string | null, wanted: string) =>
  last !== null && /^[0-9A-F]{24}$/.test(last) && last.slice(0, 8) === wanted.slice(0, 8) && last >= wanted;
