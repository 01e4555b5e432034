/** Decides whether a backup is worth starting: a backup whose WAL does not arrive cannot be restored. Pure. */

import { compareLsn, type Lsn, lsnAt, lsnBytes, lsnDistanceBytes, parseSegmentName, segmentAt, segmentName, segmentStart } from './lsn.ts';
import type { ArchivedSegment, RepositoryInfo } from './model.ts';

/** The part of the source's state that counts here. */
export interface PreflightSource {
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly serverVersionNumber: number;
  readonly inRecovery: boolean;
  readonly walLevel: string;
  readonly archiveMode: string;
  readonly segmentBytes: number;
  readonly insertLsn: Lsn;
  /** pg_stat_archiver: what the server believes, which may be wrong. */
  readonly archiver: { readonly lastArchived: string | null; readonly lastArchivedAt: string | null; readonly failed: number };
}

export interface PreflightQuestion {
  readonly source: PreflightSource;
  readonly repository: RepositoryInfo;
  /** Newest whole segment that really lies in the repository; null where there is none. */
  readonly newestSegment: ArchivedSegment | null;
  /** End of the WAL that was switched just now, so that a quiet source counts too; null where nothing was switched: the insert position decides. */
  readonly switchedAt: Lsn | null;
}

export type PreflightDecision =
  | { readonly verdict: 'go'; readonly because: readonly string[] }
  /** The newest segments are still on their way: look again within archive patience. */
  | { readonly verdict: 'wait'; readonly because: readonly string[]; readonly until: { readonly segment: string; readonly lagBytes: number } }
  | { readonly verdict: 'refuse'; readonly because: readonly string[]; readonly hint: string };

interface Refusal {
  readonly reason: string;
  readonly hint: string;
}

/** All reasons at once. Order: what makes the cluster another one, then what makes archiving impossible, then what has not arrived. */
export function decidePreflight(question: PreflightQuestion): PreflightDecision {
  const refusals = [...identity(question), ...archiving(question)];
  const [first] = refusals;
  if (first !== undefined) return { verdict: 'refuse', because: refusals.map(({ reason }) => reason), hint: first.hint };
  const wanted = wantedSegment(question);
  if (wanted === null) return { verdict: 'go', because: ['the source wrote no whole segment yet'] };
  const { newestSegment, source } = question;
  if (newestSegment !== null && reaches(newestSegment.name, wanted)) {
    return { verdict: 'go', because: [`segment ${newestSegment.name} is in the repository; the source has ended ${wanted}`] };
  }
  const lagBytes = lag(question);
  return { verdict: 'wait', because: [waiting(newestSegment, wanted, lagBytes), belief(source)], until: { segment: wanted, lagBytes } };
}

function identity({ source, repository }: PreflightQuestion): Refusal[] {
  const refusals: Refusal[] = [];
  if (source.systemIdentifier !== repository.systemIdentifier) {
    refusals.push({
      reason: `the source has system identifier ${source.systemIdentifier}, the repository belongs to ${repository.systemIdentifier}`,
      hint: 'was the cluster replaced or restored? make a new stanza, or run `stanza-upgrade`',
    });
  }
  const major = String(Math.floor(source.serverVersionNumber / 10_000));
  if (repository.postgresVersion !== major) {
    refusals.push({
      reason: `the source is PostgreSQL ${major}, the repository was made for ${repository.postgresVersion}`,
      hint: 'run `stanza-upgrade` after the upgrade of the cluster',
    });
  }
  return refusals;
}

function archiving({ source }: PreflightQuestion): Refusal[] {
  const refusals: Refusal[] = [];
  if (source.inRecovery) refusals.push({ reason: 'the connection leads to a replica', hint: 'name the primary in connection.host' });
  if (source.archiveMode === 'off') refusals.push({ reason: 'archive_mode is off', hint: 'set archive_mode = on and restart the server' });
  if (source.walLevel === 'minimal') refusals.push({ reason: 'wal_level is minimal', hint: 'set wal_level = replica (or logical) and restart the server' });
  return refusals;
}

/** The last segment that the source has ended; null before there is any. */
function wantedSegment({ source, switchedAt }: PreflightQuestion): string | null {
  const end = switchedAt ?? segmentStart(segmentAt(source.insertLsn, source.timeline, source.segmentBytes).number, source.segmentBytes);
  if (lsnBytes(end) === 0n) return null;
  // a position on a boundary means: all of the segment before it
  const lastByte = lsnAt(lsnBytes(end) - 1n);
  return segmentName(segmentAt(lastByte, source.timeline, source.segmentBytes), source.segmentBytes);
}

/** Only WAL of the same timeline shows that archiving of this one works. */
const reaches = (newest: string, wanted: string) => newest.slice(0, 8) === wanted.slice(0, 8) && newest >= wanted;

function lag({ source, newestSegment }: PreflightQuestion): number {
  if (newestSegment === null) return lsnDistanceBytes('0/0', source.insertLsn);
  const archivedUpTo = segmentStart(parseSegmentName(newestSegment.name, source.segmentBytes).number + 1, source.segmentBytes);
  return compareLsn(archivedUpTo, source.insertLsn) >= 0 ? 0 : lsnDistanceBytes(archivedUpTo, source.insertLsn);
}

const waiting = (newest: ArchivedSegment | null, wanted: string, lagBytes: number) =>
  newest === null
    ? `no segment is in the repository; the source has ended ${wanted}`
    : `the newest segment in the repository is ${newest.name}, the source has ended ${wanted} (${lagBytes} bytes behind)`;

function belief({ archiver }: PreflightSource): string {
  if (archiver.lastArchived === null) return `the server archived nothing yet (${archiver.failed} failures)`;
  return `the server believes ${archiver.lastArchived} was archived${archiver.lastArchivedAt === null ? '' : ` at ${archiver.lastArchivedAt}`} (${archiver.failed} failures)`;
}
