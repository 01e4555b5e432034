/** Which backup a proof begins from, and where it stops: what lies in the repository decides, before anything starts. */
import { compareLsn, type Lsn, lsnAt, lsnBytes, parseSegmentName, segmentStart } from '../../../domain/backup/lsn.ts';
import type { BackupRecord, RecoveryTarget } from '../../../domain/backup/model.ts';
import type { ProveQuestion } from '../../../domain/backup/proof-draft.ts';
import { chainOf, describeTarget, markersOnWay, type ProofPlan, planStops } from '../../../domain/backup/proof-plan.ts';
import { newestWithMarker, randomMoment } from '../../../domain/backup/random-moment.ts';
import { describeNearest, reachability } from '../../../domain/backup/reachability.ts';
import { assertRestoreFolder } from '../../../domain/backup/restore-folder.ts';
import { consistentFrom, type Interval } from '../../../domain/backup/window.ts';
import { AssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupDependencies } from '../ports.ts';
import { type Survey, surveyRepository } from '../survey.ts';
import { lastTransaction, placeOf } from '../wal-places.ts';

/** Throws backup-unknown, target-unreachable, usage. */
export async function planProof(deps: BackupDependencies, asked: ProveQuestion): Promise<ProofPlan> {
  const { policy, repository, into } = asked;
  if (into !== null) assertRestoreFolder(into);
  const startedAt = deps.now().toISOString();
  const survey = await surveyRepository(deps, policy, repository);
  const question = asked.randomShare === null ? asked : { ...asked, ...(await randomTarget(deps, survey, asked)) };
  const { target } = question;
  const place = target === null ? null : await placeOf(deps, survey, { policy, target });
  const backup = chooseBackup(survey, { ...question, target, place });
  if (target?.kind === 'time' && question.randomShare === null) await refuseBehindLast(deps, survey, { policy, backup, target });
  const { backups, systemIdentifier } = survey.info;
  const archivedEnd = target === null && question.archivedLsn === null ? endOfArchive(survey) : null;
  const markers = await markersBehind(deps, survey, { policy, backup, to: archivedEnd });
  return {
    proofId: question.proofId,
    repository,
    backup,
    chain: chainOf(backup.label, backups, policy.cluster),
    stops: planStops({ backup, target, place, level: question.level, markers, archivedLsn: question.archivedLsn }),
    systemIdentifier,
    startedAt,
    toNewest: target === null && question.randomShare === null,
  };
}

async function markersBehind(
  deps: BackupDependencies,
  survey: Survey,
  { policy, backup, to }: { policy: ClusterPolicy; backup: BackupRecord; to: Lsn | null },
) {
  const way = { systemIdentifier: survey.info.systemIdentifier, timeline: survey.window.timeline, histories: survey.histories };
  const markers = markersOnWay(await deps.markerStore.between(policy.cluster, backup.stopLsn, to), way);
  // a database that the policy leaves out now may have had markers before
  return markers.filter(({ database }) => !policy.excludedDatabases.includes(database));
}

/** Nobody waited for the newest markers to be archived: only what lies before this is. null: nothing is archived. */
function endOfArchive({ window, segmentBytes }: Survey): Lsn | null {
  if (window.newest === null) return null;
  const { number } = parseSegmentName(window.newest.name, segmentBytes);
  return lsnAt(lsnBytes(segmentStart(number + 1, segmentBytes)) - 1n);
}

/** A restore for a person is refused before anything starts; a proof of a backup that a hole cuts off goes on and says so. */
function chooseBackup({ info, window }: Survey, { policy, label, target, into, place }: ProveQuestion & { readonly place: Lsn | null }): BackupRecord {
  const named = label === null ? info.backups.at(-1) : info.backups.find((each) => each.label === label);
  if (named === undefined) throw new AssayError('backup-unknown', { label: label ?? 'at all', cluster: policy.cluster });
  if (target === null) return named;
  const looked: RecoveryTarget = place === null ? target : { kind: 'lsn', lsn: place, exclusive: false };
  const found = reachability({ window, backups: info.backups, target: looked, label });
  if (found.verdict === 'reachable') return found.backup;
  if (into === null && label !== null && (found.reason === 'gap' || found.reason === 'too-late')) return named;
  const reason = found.because.join('; ');
  throw new AssayError('target-unreachable', { target: describeTarget(target), cluster: policy.cluster, reason, nearest: describeNearest(found.nearest) });
}

/** Recovery stops at a time only before a later transaction: behind the last one there is none, however late its segment arrived. */
async function refuseBehindLast(
  deps: BackupDependencies,
  survey: Survey,
  { policy, backup, target }: { policy: ClusterPolicy; backup: BackupRecord; target: RecoveryTarget & { kind: 'time' } },
): Promise<void> {
  const interval = survey.window.intervals.find(({ backups }) => backups.includes(backup.label));
  if (interval === undefined || Date.parse(target.at) < Date.parse(interval.safeEnd.at) || isBehind(interval, target.at)) return;
  const last = await lastTransaction(deps, survey, { policy, before: interval.to.lsn });
  // times here end at the millisecond, those of the WAL at the microsecond
  if (last === 'unknown' || (last !== null && Date.parse(last.at) + 1 > Date.parse(target.at))) return;
  const ended = last === null ? `no transaction ended behind backup ${backup.label}` : `the last transaction in the archived WAL ended ${last.at}`;
  const nearest =
    last === null ? describeNearest({ before: interval.from, after: null }) : `${describeNearest({ before: last, after: null })}; that transaction itself`;
  throw new AssayError('target-unreachable', {
    target: describeTarget(target),
    cluster: policy.cluster,
    reason: `${ended}, and recovery stops at a time only before a later one`,
    nearest: `${nearest}: --to-lsn ${last?.lsn ?? interval.from.lsn}`,
  });
}

/** A proof that goes there all the same is to find the hole, or what was dropped. */
const isBehind = ({ to }: Interval, at: string): boolean => Date.parse(at) > Date.parse(to.at) + 1_000;

/**
 * A moment of the newest unbroken interval that can be proven at this level; where too little happened for one, its beginning for structure,
 * the newest marker for content. Throws target-unreachable (`missing` is `marker`) where no marker is archived behind a backup.
 */
async function randomTarget(deps: BackupDependencies, survey: Survey, asked: ProveQuestion): Promise<Pick<ProveQuestion, 'target' | 'label'>> {
  const { policy, label, level, randomShare } = asked;
  const interval = survey.window.intervals.findLast(({ backups }) => label === null || backups.includes(label));
  // one that no WAL leads on from is there all the same: the proof says what cuts it off
  if (interval === undefined && survey.info.backups.some((each) => each.label === label)) return { label, target: null };
  if (interval === undefined) throw new AssayError('backup-unknown', { label: label ?? 'at all', cluster: policy.cluster });
  const labels = label === null ? interval.backups : [label];
  const backups = survey.info.backups.filter((each) => labels.includes(each.label)).sort((a, b) => compareLsn(a.stopLsn, b.stopLsn));
  const oldest = backups[0] as BackupRecord; // an interval is opened by a backup
  const markers = await markersBehind(deps, survey, { policy, backup: oldest, to: endOfArchive(survey) });
  const last = await lastTransaction(deps, survey, { policy, before: interval.to.lsn });
  const endMs = Math.min(Date.parse(interval.safeEnd.at), last === 'unknown' ? Number.POSITIVE_INFINITY : Date.parse(last?.at ?? interval.from.at) - 1);
  const at = randomMoment({ backups, markers, endMs, level, share: randomShare ?? 0 });
  if (at !== null) return { label, target: { kind: 'time', at } };
  if (level === 'structure') return { label, target: { kind: 'lsn', lsn: consistentFrom(oldest).lsn, exclusive: false } };
  const marked = newestWithMarker(backups, markers);
  if (marked !== null) return { label: marked.label, target: null };
  throw new AssayError('target-unreachable', {
    target: 'a random moment',
    cluster: policy.cluster,
    reason: `no marker was archived behind ${label === null ? 'any backup of its window' : `backup ${label}`}: there is nothing to compare content with`,
    nearest: '`assay backup prove` without --random makes a marker and proves that moment; random ones follow with the next transactions that are archived',
    missing: 'marker',
  });
}
