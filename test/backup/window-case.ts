/** Makes windows from a few words: segments by number, backups by segment. */
import { lsnAt, segmentName } from '../../domain/backup/lsn.ts';
import type { ArchivedSegment, BackupRecord } from '../../domain/backup/model.ts';

export const MB16 = 16 * 1024 * 1024;
const T0 = Date.UTC(2026, 10, 1);

/** The moment a segment arrived: one a minute. */
export const minute = (number: number) => new Date(T0 + number * 60_000).toISOString();

export const name = (number: number, timeline = 1) => segmentName({ timeline, number }, MB16);

export function segment(number: number, timeline = 1, more: Partial<ArchivedSegment> = {}): ArchivedSegment {
  const path = `archive/s/15-1/${name(number, timeline).slice(0, 16)}/${name(number, timeline)}-${'a'.repeat(40)}.zst`;
  return { name: name(number, timeline), repository: 1, path, sizeBytes: 1000, archivedAt: minute(number), ...more };
}

export const segments = (from: number, to: number, timeline = 1) => Array.from({ length: to - from + 1 }, (_, index) => segment(from + index, timeline));

/** Inside segment `number`, `share` of its length after the start. */
export const lsnIn = (number: number, share = 0.5) => lsnAt(BigInt(number) * BigInt(MB16) + BigInt(Math.floor(share * MB16)));

/** A backup whose WAL lies in the segments from `start` to `stop`. */
export function backup(start: number, stop = start, more: Partial<BackupRecord> = {}): BackupRecord {
  const timeline = more.timeline ?? 1;
  return {
    label: `B${String(start).padStart(6, '0')}`,
    type: 'full',
    repository: 1,
    prior: null,
    references: [],
    startedAt: minute(start - 1),
    stoppedAt: minute(stop),
    startLsn: lsnIn(start, 0.1),
    stopLsn: lsnIn(stop, 0.4),
    timeline,
    startSegment: name(start, timeline),
    stopSegment: name(stop, timeline),
    databaseBytes: 1,
    repositoryBytes: 1,
    hasPageErrors: false,
    requestKey: null,
    engineVersion: '2.45',
    ...more,
  };
}
