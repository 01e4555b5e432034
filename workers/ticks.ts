/** Worker-local, loss-tolerant ticks: witnesses and gauges. Nothing that matters is lost if one is. */
import cron, { type ScheduledTask } from 'node-cron';
import { observeArchive } from '../activities/backup/archive-gauge.ts';
import type { BackupDependencies } from '../activities/backup/ports.ts';
import { lsnDistanceBytes } from '../domain/backup/lsn.ts';
import { reasonOf } from '../domain/errors.ts';
import type { ClusterPolicy } from '../domain/policy.ts';
import type { Watch } from './watch.ts';

const EVERY_SECOND = '* * * * * *';
const POLICIES_EVERY_MS = 10_000;
const ARCHIVE_EVERY_MS = 30_000;
/** A witness alone moves WAL by less than this; more means the cluster is in use. */
const IDLE_BYTES = 64 * 1024;
/** An idle cluster gets a witness this many times less often: each one makes a segment to archive. */
const IDLE_FACTOR = 8;

interface Beat {
  policy: ClusterPolicy;
  witnessAt: number;
  archiveAt: number;
  lastLsn: string | null;
  idle: boolean;
}

/** Each cluster's witness, and each look at its archive, goes its own way: a server or an endpoint that is dead makes no other cluster wait. */
export function startTicks(deps: BackupDependencies, host: string, watch: Watch): { stop(): Promise<void> } {
  const beats = new Map<string, Beat>();
  const inHand = new Map<string, Promise<void>>();
  let policiesAt = 0;
  const begin = (what: string, work: () => Promise<void>) =>
    inHand.set(
      what,
      work().finally(() => inHand.delete(what)),
    );
  const tick = () => {
    const now = deps.now().getTime();
    if (now - policiesAt >= POLICIES_EVERY_MS && !inHand.has(POLICIES)) {
      policiesAt = now;
      // the control database is away: the policies known so far still hold
      begin(POLICIES, () => refresh({ deps, host, watch }, beats).catch(() => {}));
    }
    for (const [cluster, beat] of beats) {
      for (const chore of chores) {
        const what = `${chore.name} ${cluster}`;
        if (now - beat[chore.at] < chore.everyMs(beat) || inHand.has(what)) continue;
        beat[chore.at] = now;
        begin(what, () => chore.make(deps, beat));
      }
    }
  };
  const task: ScheduledTask = cron.schedule(EVERY_SECOND, tick, { name: 'assay-ticks' });
  return {
    async stop() {
      await task.destroy();
      // a question on its way to the control database would keep its pool, and so the whole process, from ever closing
      await Promise.all(inHand.values());
    },
  };
}

const POLICIES = 'policies';

const chores = [
  { name: 'witness', at: 'witnessAt', everyMs: ({ policy, idle }: Beat) => policy.witness.everyMs * (idle ? IDLE_FACTOR : 1), make: writeWitness },
  { name: 'archive', at: 'archiveAt', everyMs: () => ARCHIVE_EVERY_MS, make: lookAtArchive },
] as const;

interface Site {
  readonly deps: BackupDependencies;
  readonly host: string;
  readonly watch: Watch;
}

async function refresh({ deps, host, watch }: Site, beats: Map<string, Beat>): Promise<void> {
  const policies = (await deps.evidence.listPolicies()).filter((policy) => policy.host === host);
  for (const known of beats.keys()) if (!policies.some(({ cluster }) => cluster === known)) beats.delete(known);
  for (const policy of policies) {
    const beat = beats.get(policy.cluster);
    if (beat === undefined) beats.set(policy.cluster, { policy, witnessAt: 0, archiveAt: 0, lastLsn: null, idle: false });
    else beat.policy = policy;
  }
  await watch.clusters(policies);
  await watch.recommendations();
  // last: Temporal may be away
  await watch.missed();
}

async function lookAtArchive(deps: BackupDependencies, { policy }: Beat): Promise<void> {
  await observeArchive(deps, policy).catch((error: unknown) => deps.observe({ kind: 'witness-failed', cluster: policy.cluster, reason: reasonOf(error) }));
}

async function writeWitness(deps: BackupDependencies, beat: Beat): Promise<void> {
  const { cluster } = beat.policy;
  try {
    const { lsn } = await deps.source.writeWitness(beat.policy);
    beat.idle = beat.lastLsn !== null && lsnDistanceBytes(beat.lastLsn, lsn) < IDLE_BYTES;
    beat.lastLsn = lsn;
    deps.observe({ kind: 'witness-written', cluster, lsn });
  } catch (error) {
    deps.observe({ kind: 'witness-failed', cluster, reason: reasonOf(error) });
  }
}
