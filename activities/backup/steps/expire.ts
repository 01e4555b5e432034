/** Retention: what goes and why is a pure decision; carrying it out is the engine's. */

import { decideMarkerRetention } from '../../../domain/backup/marker-retention.ts';
import type { BackupRecord, Instant } from '../../../domain/backup/model.ts';
import { expiringOwner } from '../../../domain/backup/pins.ts';
import type { BackupExpireResult, RetentionReason } from '../../../domain/backup/requests.ts';
import { decideRetention, earliest, type Reasoned } from '../../../domain/backup/retention.ts';
import { isAssayError, reasonOf } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupDependencies } from '../ports.ts';

interface OfRepository {
  readonly policy: ClusterPolicy;
  readonly repository: number;
}

interface DecideRequest extends OfRepository {
  /** When Temporal's server says it is; left out by older workflows. */
  readonly askedAt?: Instant;
}

export function expireSteps(deps: BackupDependencies) {
  return {
    /** By the earliest of the clocks that can be asked: one that runs ahead would call everything old. */
    async decideExpiry({ policy, repository, askedAt }: DecideRequest): Promise<Omit<BackupExpireResult, 'dryRun'>> {
      const source = await deps.source.state(policy).catch(() => null);
      const { backups } = await deps.engineFor(policy).info(repository);
      const { keep, expire } = decideRetention({
        backups,
        policy: policy.retention,
        proofs: await deps.evidence.provenBackups(policy.cluster),
        pinned: await deps.evidence.pinned(policy.cluster),
        now: earliest([deps.now().toISOString(), askedAt, source?.now]),
      });
      return { kept: keep.map(reasoned), expired: expire.map(reasoned) };
    },

    /** Of these labels all that nobody needs, then the WAL that nothing left needs. Returns what is gone, by whichever attempt. */
    expireBackups: (request: ExpireRequest): Promise<readonly string[]> => expireBackups(deps, request),

    /** Markers that no backup left in any repository needs. Returns how many went. Where a repository cannot be read, none does. Idempotent. */
    pruneMarkers: (request: { readonly policy: ClusterPolicy }): Promise<number> => pruneMarkers(deps, request.policy),
  };
}

export interface ExpireRequest extends OfRepository {
  readonly labels: readonly string[];
  /** Workflow that expires. */
  readonly owner: string;
}

/** Announced first: a clone that pins a backup from here on sees it and waits, one that pinned it before is seen here. */
async function expireBackups(deps: BackupDependencies, { policy, repository, labels, owner }: ExpireRequest): Promise<readonly string[]> {
  const { evidence } = deps;
  const engine = deps.engineFor(policy);
  await evidence.pin(policy.cluster, expiringOwner(owner), labels);
  try {
    const pinned = await evidence.pinned(policy.cluster);
    const free = labels.filter((label) => !pinned.includes(label));
    await engine.expire(repository, free, false, deps.io());
    const left = (await engine.info(repository)).backups.map((backup) => backup.label);
    const removed = labels.filter((label) => !left.includes(label));
    deps.observe({ kind: 'backups-expired', cluster: policy.cluster, labels: removed, dryRun: false });
    return removed;
  } finally {
    await evidence.unpin(policy.cluster, expiringOwner(owner));
  }
}

async function pruneMarkers(deps: BackupDependencies, policy: ClusterPolicy): Promise<number> {
  const { cluster } = policy;
  const { markerStore, evidence } = deps;
  const markers = await markerStore.between(cluster, '0/0', null);
  const left = await backupsLeft(deps, policy);
  if ('reason' in left) {
    deps.observe({ kind: 'markers-removed', cluster, removed: 0, kept: markers.length, reason: left.reason });
    return 0;
  }
  const { backups, systemIdentifier } = left;
  const named = await markerStore.named(
    cluster,
    backups.map(({ label }) => label),
  );
  const pinned = await evidence.pinned(cluster);
  const { keep, remove } = decideMarkerRetention({ markers, backups, systemIdentifier, named, pinned, now: deps.now().toISOString() });
  await markerStore.remove(
    cluster,
    remove.map(({ marker }) => marker),
  );
  deps.observe({ kind: 'markers-removed', cluster, removed: remove.length, kept: keep.length, reason: null });
  return remove.length;
}

type BackupsLeft = { readonly backups: readonly BackupRecord[]; readonly systemIdentifier: string } | { readonly reason: string };

/** A repository that does not answer may hold the one backup that needs a marker. */
async function backupsLeft(deps: BackupDependencies, policy: ClusterPolicy): Promise<BackupsLeft> {
  const engine = deps.engineFor(policy);
  const backups: BackupRecord[] = [];
  const systems = new Set<string>();
  for (const repository of await engine.repositories()) {
    try {
      const info = await engine.info(repository);
      systems.add(info.systemIdentifier);
      backups.push(...info.backups);
    } catch (error) {
      if (!isAssayError(error) || error.code === 'cancelled') throw error;
      return { reason: `repository ${repository} could not be read: ${reasonOf(error)}` };
    }
  }
  const [systemIdentifier] = systems;
  if (systemIdentifier === undefined || systems.size > 1) return { reason: 'the repositories are not of one cluster' };
  return { backups, systemIdentifier };
}

const reasoned = ({ label, because }: Reasoned): RetentionReason => ({ label, because: because.join('; ') });
