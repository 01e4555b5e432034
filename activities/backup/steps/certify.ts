/** From everything the steps found out to a judged, signed, chained proof. */
import { arch, platform, release } from 'node:os';
import { causeOfError } from '../../../domain/backup/cause-of-error.ts';
import type { CoverageInput } from '../../../domain/backup/coverage.ts';
import type { CheckResult, Marker, NotCovered, RecoveryTime, Verdict } from '../../../domain/backup/model.ts';
import type { Proof, ProofSummary, Versions } from '../../../domain/backup/proof.ts';
import type { ProofDraft } from '../../../domain/backup/proof-draft.ts';
import { recoveryPointMs } from '../../../domain/backup/recovery-point.ts';
import { type Evidence, judge, judgeEnded } from '../../../domain/backup/verdict.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupDependencies } from '../ports.ts';
import type { CertifyRequest } from './prove.ts';

export async function certify(deps: BackupDependencies, request: CertifyRequest): Promise<ProofSummary> {
  const markers: Marker[] = [];
  for (const { marker } of request.draft.stopsReached) if (marker !== null) markers.push(await deps.markerStore.load(marker.id));
  const proof = await buildProof(deps, request, markers);
  const summary = await deps.evidence.issue(request.policy, proof, markers);
  await deps.evidence.unpin(request.policy.cluster, request.owner);
  observeProof(deps, request.policy, proof);
  if (request.into) deps.observe({ kind: 'restore-finished', cluster: request.policy.cluster, outcome: proof.verdict.verdict });
  return summary;
}

async function buildProof(deps: BackupDependencies, of: CertifyRequest, markers: readonly Marker[]): Promise<Proof> {
  const { policy, plan, draft, depth, level, owner, ...request } = of;
  const provenAt = provenMoment(draft, markers);
  const newestWitness = draft.newestWitness;
  const finishedAt = deps.now().toISOString();
  const startedAt = plan?.startedAt ?? finishedAt;
  return {
    id: request.proofId,
    cluster: policy.cluster,
    environment: policy.environment,
    madeBy: owner,
    host: deps.host,
    depth,
    repository: request.repository,
    systemIdentifier: plan?.systemIdentifier ?? '',
    timeline: plan?.backup.timeline ?? 0,
    chain: plan?.chain ?? [],
    targets: plan?.stops.map((stop) => stop.target) ?? [],
    reached: draft.reached,
    provenAt,
    markers: draft.stopsReached.flatMap((stop) => stop.marker ?? []),
    newestWitness,
    rpoMs: recoveryPointMs({ newestWitness, startedAt, ...(plan?.toNewest === undefined ? {} : { toNewest: plan.toNewest }) }),
    recoveryTime: recoveryTime(policy, draft),
    checks: draft.checks,
    verdict: verdictOf(
      { draft, into: request.into ?? null, unmarked: request.unmarked },
      { level, checks: draft.checks, databases: coveredDatabases(policy, draft), markers, notCovered: excluded(policy), provenAt },
    ),
    objectives: policy.objectives,
    versions: await versions(deps, policy),
    startedAt,
    finishedAt,
  };
}

type Judged = Pick<CertifyRequest, 'draft'> & { readonly into: string | null; readonly unmarked: string | undefined };

function verdictOf({ unmarked, ...judged }: Judged, evidence: Evidence): Verdict {
  const verdict = verdictOn(judged, evidence);
  const isUnmarked = verdict.verdict === 'inconclusive' && verdict.cause === 'no-marker' && unmarked !== undefined;
  return isUnmarked ? { ...verdict, because: [...verdict.because, unmarked] } : verdict;
}

function verdictOn({ draft, into }: Omit<Judged, 'unmarked'>, evidence: Evidence): Verdict {
  if (draft.fault !== null) return judgeEnded(evidence, causeOfError(draft.fault));
  if (into !== null) return judgeRestore(evidence);
  const failed = draft.checks.filter((check: CheckResult) => check.outcome === 'failed');
  // a fault seen in the repository ends the proof before a clone exists: nothing else was looked at, and nothing else is claimed
  return draft.fetchMs === null && failed.length > 0 ? judge({ ...evidence, databases: [] }) : judge(evidence);
}

/** A restore goes to the moment its user needs, whether or not a marker was made just before it. */
function judgeRestore(evidence: Evidence): Verdict {
  const verdict = judge(evidence);
  return verdict.verdict === 'inconclusive' && verdict.cause === 'no-marker' ? judge({ ...evidence, level: 'structure' }) : verdict;
}

const coveredDatabases = (policy: ClusterPolicy, draft: ProofDraft): CoverageInput['databases'] =>
  draft.databases.filter(({ name }) => !policy.excludedDatabases.includes(name));

function excluded(policy: ClusterPolicy): readonly NotCovered[] {
  return policy.excludedDatabases.map((database) => ({ database, object: null, reason: 'database-excluded', detail: 'named in exclude_databases' }));
}

function provenMoment(draft: ProofDraft, markers: readonly Marker[]): string | null {
  const last = draft.stopsReached.at(-1);
  if (last === undefined) return null;
  if (last.target.kind === 'time') return last.target.at;
  if (last.marker !== null) return markers.find((marker) => marker.id === last.marker?.id)?.at ?? last.marker.at;
  return draft.newestWitness?.at ?? draft.reached?.replayedAt ?? null;
}

function recoveryTime(policy: ClusterPolicy, draft: ProofDraft): RecoveryTime | null {
  if (draft.fetchMs === null) return null;
  const { fetchMs, startMs, replayMs, checkMs } = draft;
  return { fetchMs, startMs, replayMs, checkMs, honest: policy.clone.honest };
}

async function versions(deps: BackupDependencies, policy: ClusterPolicy): Promise<Versions> {
  const orUnknown = (question: Promise<string>) => question.catch(() => 'not reachable');
  return {
    assay: deps.assayVersion,
    engine: await orUnknown(deps.engineFor(policy).version()),
    source: await orUnknown(deps.source.state(policy).then((state) => postgresVersion(state.serverVersionNumber))),
    clone: await orUnknown(deps.cloneVersion(policy)),
    node: process.version,
    operatingSystem: `${platform()} ${release()} ${arch()}`,
  };
}

/** 150018 → `15.18`. */
const postgresVersion = (number: number) => `${Math.floor(number / 10_000)}.${number % 10_000}`;

function observeProof(deps: BackupDependencies, policy: ClusterPolicy, proof: Proof): void {
  const { verdict } = proof;
  for (const check of proof.checks)
    deps.observe({ kind: 'check-made', cluster: policy.cluster, check: check.name, outcome: check.outcome, tookMs: check.tookMs });
  deps.observe({
    kind: 'proof-judged',
    cluster: policy.cluster,
    proof: proof.id,
    backup: proof.chain.at(-1)?.label ?? '',
    repository: proof.repository,
    verdict: verdict.verdict,
    level: verdict.verdict === 'proven' ? verdict.level : null,
    cause: verdict.verdict === 'proven' ? null : verdict.cause,
    depth: proof.depth,
    provenAtSeconds: proof.provenAt === null ? 0 : Date.parse(proof.provenAt) / 1000,
    rpoSeconds: proof.rpoMs === null ? null : proof.rpoMs / 1000,
    recoveryTime: proof.recoveryTime,
  });
  observeObjectives(deps, policy, proof);
}

function observeObjectives(deps: BackupDependencies, policy: ClusterPolicy, { rpoMs, recoveryTime: time }: Proof): void {
  const { objectives, cluster } = policy;
  const rtoMs = time === null ? null : time.fetchMs + time.startMs + time.replayMs;
  const missed = (objective: 'rpo' | 'rto', measuredMs: number | null, limitMs: number | null) => {
    if (measuredMs === null || limitMs === null || measuredMs <= limitMs) return;
    deps.observe({ kind: 'objective-missed', cluster, objective, measuredSeconds: measuredMs / 1000, objectiveSeconds: limitMs / 1000 });
  };
  missed('rpo', rpoMs, objectives.rpoMs);
  missed('rto', rtoMs, objectives.rtoMs);
}
