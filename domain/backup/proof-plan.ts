/** Decides what a proof restores and where it stops. Pure: everything it weighs is an argument. */
import { AssayError } from '../errors.ts';
import { compareLsn, type Lsn } from './lsn.ts';
import type { BackupRecord, Instant, MarkerRef, RecoveryTarget, TimelineHistory } from './model.ts';
import { wayTo } from './timeline.ts';

/** One stop on the clone's way: recover up to it, then compare the marker made there, if there is one. */
export interface PlannedStop {
  readonly target: RecoveryTarget;
  readonly marker: MarkerRef | null;
}

export interface ProofPlan {
  readonly proofId: string;
  readonly repository: number;
  readonly backup: BackupRecord;
  /** The backup and all it builds on, oldest first. */
  readonly chain: readonly BackupRecord[];
  /** In order; never empty. */
  readonly stops: readonly PlannedStop[];
  readonly systemIdentifier: string;
  readonly startedAt: Instant;
  /** false: it goes to a moment of somebody's choice, which says nothing of what a disaster would cost. Missing where an older worker planned: as true. */
  readonly toNewest?: boolean;
}

export interface StopsQuestion {
  readonly backup: BackupRecord;
  /** What the caller asked for; null: the newest markers after the backup decide. */
  readonly target: RecoveryTarget | null;
  /** Where a restore point or a transaction was found; left out or null: nobody knows. */
  readonly place?: Lsn | null;
  readonly level: 'content' | 'structure';
  /** Markers of the cluster at or after the backup's end, any order. */
  readonly markers: readonly MarkerRef[];
  /** A position known to be archived: no marker beyond it is used, and there the clone stops when none can be. null: the target bounds them. */
  readonly archivedLsn: Lsn | null;
}

/** Newest marker of each database, in WAL order: one clone walks forward through them, then on to the target asked for. */
export function planStops(question: StopsQuestion): readonly PlannedStop[] {
  const { archivedLsn, target } = question;
  // another run's marker may be newer than what this one waited for: its WAL may still be on its way
  const isArchived = ({ lsn }: MarkerRef) => archivedLsn === null || compareLsn(lsn, archivedLsn) <= 0;
  const usable = question.level === 'content' ? question.markers.filter((marker) => isArchived(marker) && liesBetween(marker, question)) : [];
  const stops: PlannedStop[] = newestPerDatabase(usable).map((marker) => ({ target: { kind: 'lsn', lsn: marker.lsn, exclusive: true }, marker }));
  if (target !== null) return [...stops, { target, marker: null }];
  if (stops.length > 0) return stops;
  return [{ target: { kind: 'lsn', lsn: archivedLsn ?? question.backup.stopLsn, exclusive: true }, marker: null }];
}

/** Where recovery goes: the cluster, and its way through the timelines. */
export interface Way {
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly histories: readonly TimelineHistory[];
}

/** Without those of another cluster that had this name, and of a timeline that was left before them: recovery never passes there. */
export function markersOnWay(markers: readonly MarkerRef[], way: Way): readonly MarkerRef[] {
  const parts = wayTo(way.timeline, way.histories);
  return markers.filter(({ systemIdentifier, timeline, lsn }) => {
    if (systemIdentifier !== undefined && systemIdentifier !== way.systemIdentifier) return false;
    if (timeline === undefined) return true;
    const part = parts.find((each) => each.timeline === timeline);
    return part !== undefined && (part.leftAt === null || compareLsn(lsn, part.leftAt) <= 0);
  });
}

function liesBetween(marker: MarkerRef, { backup, target, place = null }: StopsQuestion): boolean {
  if (compareLsn(marker.lsn, backup.stopLsn) < 0) return false;
  if (place !== null) return compareLsn(marker.lsn, place) < 0;
  if (target === null) return true;
  if (target.kind === 'lsn') return compareLsn(marker.lsn, target.lsn) < 0;
  // a restore point or a transaction that was not found says nothing about its place: no marker can safely be put before it
  return target.kind === 'time' && Date.parse(marker.at) < Date.parse(target.at);
}

function newestPerDatabase(markers: readonly MarkerRef[]): readonly MarkerRef[] {
  const newest = new Map<string, MarkerRef>();
  for (const marker of markers) {
    const known = newest.get(marker.database);
    if (known === undefined || compareLsn(marker.lsn, known.lsn) > 0) newest.set(marker.database, marker);
  }
  return [...newest.values()].sort((a, b) => compareLsn(a.lsn, b.lsn));
}

/** The backup and all it builds on, oldest first. Throws backup-unknown where a link is missing. */
export function chainOf(label: string, backups: readonly BackupRecord[], cluster: string): readonly BackupRecord[] {
  const byLabel = new Map(backups.map((backup) => [backup.label, backup]));
  const chain: BackupRecord[] = [];
  const needed = new Set([label, ...(byLabel.get(label)?.references ?? [])]);
  for (const name of needed) {
    const backup = byLabel.get(name);
    if (backup === undefined) throw new AssayError('backup-unknown', { label: name, cluster });
    chain.push(backup);
  }
  return chain.sort((a, b) => compareLsn(a.stopLsn, b.stopLsn));
}

/** The target as people write it. */
export function describeTarget(target: RecoveryTarget): string {
  switch (target.kind) {
    case 'lsn':
      return `LSN ${target.lsn}`;
    case 'time':
      return `time ${target.at}`;
    case 'name':
      return `restore point ${target.name}`;
    case 'xid':
      return `transaction ${target.xid}`;
  }
}
