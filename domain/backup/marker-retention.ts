/**
 * Decides which markers may go, with a reason for each that goes and each that stays. Pure.
 *
 * A marker is worth keeping while a backup that is still there can be rolled forward to it. Of those, older than a few days, a few for each
 * stretch between two backups are enough: a proof of any moment in it begins from the newest marker before that moment. Backups that go
 * make the stretches longer, so markers thin out as the backups do.
 */
import { compareLsn } from './lsn.ts';
import type { BackupRecord, Instant, MarkerRef } from './model.ts';

export interface MarkerRetentionQuestion {
  /** All of the cluster, any order. */
  readonly markers: readonly MarkerRef[];
  /** What is left in all repositories, any order. None: nothing goes. */
  readonly backups: readonly Pick<BackupRecord, 'label' | 'stopLsn'>[];
  /** Of the cluster as it is now: recovery of any backup leads nowhere else. */
  readonly systemIdentifier: string;
  /** Ids that proofs of these backups name. */
  readonly named: ReadonlySet<string>;
  /** Labels that clones and restores in progress need. */
  readonly pinned: readonly string[];
  readonly now: Instant;
}

export interface ReasonedMarker {
  readonly marker: MarkerRef;
  readonly because: string;
}

/** Both in LSN order. */
export interface MarkerRetentionDecision {
  readonly keep: readonly ReasonedMarker[];
  readonly remove: readonly ReasonedMarker[];
}

/** Moments of the last days are asked for the most. */
export const YOUNG_DAYS = 7;
/** The newest marker of a database is what `changed` and `sample` fingerprints go on from; a database that is gone needs none. */
export const NEWEST_DAYS = 30;
/** Of each database in each stretch between two backups, once they are no longer young. */
export const PER_STRETCH = 8;

const DAY_MS = 86_400_000;

export function decideMarkerRetention(question: MarkerRetentionQuestion): MarkerRetentionDecision {
  const markers = [...question.markers].sort((a, b) => compareLsn(a.lsn, b.lsn) || (a.id < b.id ? -1 : 1));
  const kept = new Map<string, string>();
  const keep = (chosen: readonly MarkerRef[], because: string) => {
    for (const { id } of chosen) if (!kept.has(id)) kept.set(id, because);
  };
  const provable = markers.filter((marker) => isProvable(marker, question));
  if (question.backups.length === 0) keep(markers, 'no backup is listed: nothing goes');
  if (question.pinned.length > 0) keep(provable, 'a clone or a restore in progress may be compared with it');
  const { named } = question;
  keep(
    markers.filter(({ id }) => named.has(id)),
    'a proof of a backup that is still there names it',
  );
  const isYounger = ({ at }: MarkerRef, days: number) => Date.parse(at) >= Date.parse(question.now) - days * DAY_MS;
  keep(
    newestPerDatabase(markers).filter((marker) => isYounger(marker, NEWEST_DAYS)),
    'the newest of its database',
  );
  keep(
    provable.filter((marker) => isYounger(marker, YOUNG_DAYS)),
    `younger than ${YOUNG_DAYS} days`,
  );
  // what stays anyway is no part of a stretch: deciding again must decide the same
  for (const stretch of stretches(
    provable.filter(({ id }) => !kept.has(id)),
    question.backups,
  ))
    keep(spread(stretch), `one of ${PER_STRETCH} between two backups`);
  const provableIds = new Set(provable.map(({ id }) => id));
  return {
    keep: markers.flatMap((marker) => (kept.has(marker.id) ? [{ marker, because: kept.get(marker.id) as string }] : [])),
    remove: markers
      .filter(({ id }) => !kept.has(id))
      .map((marker) => ({
        marker,
        because: provableIds.has(marker.id) ? `one of more than ${PER_STRETCH} between two backups` : goneBecause(marker, question),
      })),
  };
}

/** Whether any backup that is left could be rolled forward to it. */
function isProvable({ lsn, systemIdentifier }: MarkerRef, question: MarkerRetentionQuestion): boolean {
  if (systemIdentifier !== undefined && systemIdentifier !== question.systemIdentifier) return false;
  return question.backups.some(({ stopLsn }) => compareLsn(lsn, stopLsn) >= 0);
}

const goneBecause = ({ systemIdentifier }: MarkerRef, question: MarkerRetentionQuestion): string =>
  systemIdentifier !== undefined && systemIdentifier !== question.systemIdentifier
    ? 'of another cluster that had this name'
    : 'before the end of the oldest backup that is left';

function newestPerDatabase(markers: readonly MarkerRef[]): readonly MarkerRef[] {
  const newest = new Map<string, MarkerRef>();
  for (const marker of markers) {
    const known = newest.get(marker.database);
    if (known === undefined || Date.parse(marker.at) >= Date.parse(known.at)) newest.set(marker.database, marker);
  }
  return [...newest.values()];
}

/** By database, timeline and the newest backup that ended before: each in LSN order. */
function stretches(markers: readonly MarkerRef[], backups: MarkerRetentionQuestion['backups']): readonly (readonly MarkerRef[])[] {
  const stops = [...backups].map(({ stopLsn }) => stopLsn).sort(compareLsn);
  const found = new Map<string, MarkerRef[]>();
  for (const marker of markers) {
    const begin = stops.findLast((stop) => compareLsn(stop, marker.lsn) <= 0);
    const key = JSON.stringify([marker.database, marker.timeline ?? 0, begin]);
    found.set(key, [...(found.get(key) ?? []), marker]);
  }
  return [...found.values()];
}

/** The first, the last, and between them those nearest to even distances in time. */
function spread(stretch: readonly MarkerRef[]): readonly MarkerRef[] {
  const [first, last] = [stretch[0], stretch.at(-1)];
  if (stretch.length <= PER_STRETCH || first === undefined || last === undefined) return stretch;
  const [begin, end] = [Date.parse(first.at), Date.parse(last.at)];
  const between = Array.from({ length: PER_STRETCH - 2 }, (_, at) => nearest(stretch, begin + ((at + 1) * (end - begin)) / (PER_STRETCH - 1)));
  return [first, ...between, last];
}

function nearest(stretch: readonly MarkerRef[], moment: number): MarkerRef {
  const distance = ({ at }: MarkerRef) => Math.abs(Date.parse(at) - moment);
  return stretch.reduce((best, marker) => (distance(marker) < distance(best) ? marker : best));
}
