/**
 * Looks through archived WAL, newest first, for the records that recovery may stop at. A restore point or a transaction says nothing about
 * its place, and the end of the archive says nothing about its last transaction: only the WAL knows.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareLsn, type Lsn, lsnAt, lsnBytes, segmentStart } from '../../domain/backup/lsn.ts';
import type { ArchivedSegment } from '../../domain/backup/model.ts';
import { type StopRecord, stopRecord } from '../../domain/backup/wal-records.ts';
import { soundSegments, wayThrough } from '../../domain/backup/wal-way.ts';
import { AssayError, isAssayError } from '../../domain/errors.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { osUser } from '../os-user.ts';
import { run } from '../process.ts';
import { findBinaries } from './clone/binaries.ts';
import type { BackupDependencies } from './ports.ts';
import type { Survey } from './survey.ts';

export interface WalSearch {
  readonly policy: ClusterPolicy;
  readonly survey: Survey;
  /** Records looked at: transactions' ends, or restore points. */
  readonly kind: 'Transaction' | 'XLOG';
  /** Only segments that begin before this position; null: all. */
  readonly before: Lsn | null;
  /** The newest of a segment's records that is looked for; null: go on with the segment before it. */
  readonly pick: (records: readonly StopRecord[]) => StopRecord | null;
}

const FOLDER = 'wal-search-';
const STALE_MS = 60 * 60_000;
const DUMP_MS = 5 * 60_000;
/** Of those looked for: the end of a transaction lists its subtransactions and invalidations. */
const LONGEST_RECORD_BYTES = 1024n * 1024n;

/** null where the unbroken WAL behind the usable backups holds no such record. WAL holds rows: it lies in a private folder, two segments at a time. Throws binaries-missing, cancelled. */
export async function searchWal(deps: BackupDependencies, search: WalSearch): Promise<StopRecord | null> {
  const { policy, survey } = search;
  const io = deps.io();
  const binaries = await findBinaries(survey.info.postgresVersion.split('.')[0] ?? '', policy.clone.binaries, osUser(policy.clone.osUser));
  const folder = makeFolder(policy.clone.directory);
  try {
    const segments = newestFirst(survey, search.before);
    for (const [index, { number, segment }] of segments.entries()) {
      if (io.signal.aborted) throw new AssayError('cancelled', { what: 'looking through archived WAL' });
      io.beat({ phase: 'wal', done: index, total: segments.length, segment: segment.name });
      const isThere = await fetch(deps, policy, { segment, file: join(folder, uniform(segment.name)) });
      const found = isThere ? search.pick(await recordsOf({ binaries, folder, number, isFollowed: segments[index - 1]?.number === number + 1, search })) : null;
      if (found !== null) return found;
      // a record that begins in the segment before goes on into this one, never further
      const after = segments[index - 1];
      if (after !== undefined) rmSync(join(folder, uniform(after.segment.name)), { force: true });
    }
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** False where it cannot be read: recovery ends there too, and what lies before it can still be found. */
async function fetch(deps: BackupDependencies, policy: ClusterPolicy, { segment, file }: { segment: ArchivedSegment; file: string }): Promise<boolean> {
  try {
    await deps.engineFor(policy).fetchSegment(segment, file);
    return true;
  } catch (error) {
    if (!isAssayError(error, 'engine-refused')) throw error;
    rmSync(file, { force: true });
    return false;
  }
}

/** All that a usable backup can be rolled forward through. */
function newestFirst(
  { window, segments, histories, segmentBytes, info }: Survey,
  before: Lsn | null,
): readonly { readonly number: number; readonly segment: ArchivedSegment }[] {
  const { sound } = soundSegments(segments, segmentBytes);
  const way = wayThrough(window.timeline, sound, { histories, segmentBytes });
  const byName = new Map(sound.map((segment) => [segment.name, segment]));
  const usable = new Set(window.intervals.flatMap(({ backups }) => backups));
  const oldest = info.backups
    .filter(({ label }) => usable.has(label))
    .map(({ startSegment }) => startSegment.slice(8))
    .sort()[0];
  const found: { number: number; segment: ArchivedSegment }[] = [];
  for (const { first, last } of way.runs.toReversed()) {
    for (let number = last.number; number >= first.number; number -= 1) {
      const segment = byName.get(way.nameOf(number));
      const isWanted = before === null || compareLsn(segmentStart(number, segmentBytes), before) < 0;
      if (segment !== undefined && oldest !== undefined && isWanted && segment.name.slice(8) >= oldest) found.push({ number, segment });
    }
  }
  return found;
}

async function recordsOf(of: {
  binaries: string;
  folder: string;
  number: number;
  /** The segment after it lies in the folder too. */
  isFollowed: boolean;
  search: WalSearch;
}): Promise<readonly StopRecord[]> {
  const { binaries, folder, number, isFollowed, search } = of;
  const { segmentBytes } = search.survey;
  const [start, end] = [segmentStart(number, segmentBytes), segmentStart(number + 1, segmentBytes)];
  // the printer gives up a record that goes on behind its end; without the segment after it, there is no more to read
  const next = isFollowed ? LONGEST_RECORD_BYTES : 0n;
  const records: StopRecord[] = [];
  await run({
    argv: [
      join(binaries, 'pg_waldump'),
      ...['--path', folder, '--timeline', '1', '--rmgr', search.kind],
      ...['--start', start, '--end', lsnAt(lsnBytes(end) + next)],
    ],
    env: { TZ: 'UTC', LC_ALL: 'C' },
    deadlineMs: DUMP_MS,
    // it ends with 1 where WAL ends: behind a switch, or with the newest segment
    accept: [0, 1],
    onLine: (line) => {
      const record = stopRecord(line);
      if (record !== null && compareLsn(record.lsn, end) < 0) records.push(record);
    },
  });
  return records;
}

/** One name for every timeline: the printer follows segments by number, and a record may go on behind a switch of timelines. */
const uniform = (name: string) => `00000001${name.slice(8)}`;

/** On the disk of the clones where it is there, since it is meant for a cluster's rows. What a killed search left there goes first. */
function makeFolder(cloneDirectory: string): string {
  const parent = existsSync(cloneDirectory) ? cloneDirectory : tmpdir();
  for (const name of readdirSync(parent).filter((each) => each.startsWith(FOLDER))) {
    const path = join(parent, name);
    if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > STALE_MS) rmSync(path, { recursive: true, force: true });
  }
  const folder = join(parent, `${FOLDER}${crypto.randomUUID()}`);
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}
