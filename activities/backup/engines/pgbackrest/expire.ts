/**
 * Removes exactly the backups that our retention chose, then the WAL before the oldest one left.
 * `expire --set` follows the configured retention for WAL, which may free too much or nothing: each run therefore carries
 * its own retention, wide enough for backups never to go by count.
 */
import type { BackupRecord } from '../../../../domain/backup/model.ts';
import { AssayError } from '../../../../domain/errors.ts';
import type { StepIo } from '../../../io.ts';
import { readArchive } from './archive.ts';
import { type Engine, work } from './command.ts';
import { readInfo } from './info.ts';
import { logFileOf } from './run-files.ts';

export interface Expired {
  readonly removed: readonly string[];
  readonly walBefore: number;
  readonly walAfter: number;
}

export interface ExpireRequest {
  readonly repository: number;
  readonly labels: readonly string[];
  readonly dryRun: boolean;
}

/** The engine's own maximum. */
const NEVER = 9_999_999;

/** Labels that are gone already are passed over, so a retry goes on where it stopped. Throws refused-by-guard where a backup that stays needs one that goes, or no full one would stay. */
export async function expireBackups(engine: Engine, request: ExpireRequest, io: StepIo): Promise<Expired> {
  const { repository, dryRun } = request;
  const before = await readInfo(engine, repository);
  const going = leavesFirst(before.backups.filter((backup) => request.labels.includes(backup.label)));
  const staying = before.backups.filter((backup) => !going.includes(backup));
  refuseOrphans(engine, going, staying);
  const segments = await readArchive(engine, repository);
  for (const { label } of going) {
    await expire(engine, { repository, options: [`--set=${label}`, ...keepAll(repository), ...(dryRun ? ['--dry-run'] : [])] }, io);
  }
  const removed = going.map((backup) => backup.label);
  const oldest = oldestOf(staying);
  if (oldest === undefined) return { removed, walBefore: segments.length, walAfter: segments.length };
  if (dryRun) {
    const walAfter = segments.filter((segment) => segment.name >= oldest.startSegment).length;
    return { removed, walBefore: segments.length, walAfter };
  }
  // each run takes whole backups into the catalogue that no list showed; one more full backup than was counted would cost the oldest its WAL
  if (going.length === 0) await saveCatalogue(engine, repository);
  const left = (await readInfo(engine, repository)).backups;
  await expire(engine, { repository, options: freeWal(repository, left) }, io);
  return { removed, walBefore: segments.length, walAfter: (await readArchive(engine, repository)).length };
}

/** Makes the engine save its catalogue, which takes in whole backups that no list shows. Removes no listed backup and no WAL. */
export async function saveCatalogue(engine: Engine, repository: number): Promise<void> {
  const io: StepIo = { signal: new AbortController().signal, beat: () => {}, previous: undefined };
  await expire(engine, { repository, options: keepAll(repository) }, io);
}

const keepAll = (repository: number) => [
  `--repo${repository}-retention-full-type=count`,
  `--repo${repository}-retention-full=${NEVER}`,
  `--repo${repository}-retention-diff=${NEVER}`,
  `--repo${repository}-retention-archive-type=full`,
  `--repo${repository}-retention-archive=${NEVER}`,
];

/** WAL of as many full backups as there are: all that is older than the oldest one goes. The oldest backup is always a full one. */
const freeWal = (repository: number, staying: readonly BackupRecord[]) => [
  ...keepAll(repository).slice(0, -1),
  `--repo${repository}-retention-archive=${staying.filter((backup) => backup.type === 'full').length}`,
];

/** The engine removes whatever builds on the label it is given; begun from the end, each run removes one. */
const leavesFirst = (backups: readonly BackupRecord[]) => [...backups].sort((a, b) => (a.label < b.label ? 1 : -1));

const oldestOf = (backups: readonly BackupRecord[]) => [...backups].sort((a, b) => (a.label < b.label ? -1 : 1))[0];

function refuseOrphans(engine: Engine, going: readonly BackupRecord[], staying: readonly BackupRecord[]): void {
  const labels = new Set(going.map((backup) => backup.label));
  if (going.length > 0 && !staying.some((backup) => backup.type === 'full')) {
    const hint = 'make another full backup first';
    throw new AssayError('refused-by-guard', { what: `expiring all of ${engine.policy.cluster}`, reason: 'no full backup would be left', hint });
  }
  for (const backup of staying) {
    const needed = [backup.prior, ...backup.references].find((label) => label !== null && labels.has(label));
    if (needed === undefined) continue;
    throw new AssayError('refused-by-guard', {
      what: `expiring ${needed} of ${engine.policy.cluster}`,
      reason: `backup ${backup.label} builds on it`,
      hint: `expire ${backup.label} too, or keep both`,
    });
  }
}

async function expire(engine: Engine, { repository, options }: { repository: number; options: readonly string[] }, io: StepIo): Promise<void> {
  await work(engine, { name: 'expire', repository, options }, { log: logFileOf(engine, 'expire', String(repository)) }, io);
}
