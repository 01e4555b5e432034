/**
 * Which timeline a clone is on, and what it says of its own.
 *
 * A promoted clone has a timeline of its own, and PostgreSQL hands the history of a timeline to the archiver only if archiving is on at that
 * moment (writeTimeLineHistory in timeline.c). In a clone it never is; one that stays must tell its history once it goes live, or no
 * backup made before it could ever be rolled forward into its time.
 */
import { chownSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TimelineHistory } from '../../../domain/backup/model.ts';
import { parseTimelineHistory } from '../../../domain/backup/timeline.ts';

const HISTORY = /^[0-9A-F]{8}\.history$/;

/** Puts the clone's own history in line for its archiver, which stands still until archiving is turned on. Idempotent. */
export function announceTimeline(dataDirectory: string): void {
  const wal = join(dataDirectory, 'pg_wal');
  const own = newestHistory(wal);
  if (own === undefined) return;
  const status = (state: 'ready' | 'done') => join(wal, 'archive_status', `${own}.${state}`);
  if (existsSync(status('ready')) || existsSync(status('done'))) return;
  writeFileSync(status('ready'), '', { mode: 0o600 });
  const { uid, gid } = statSync(dataDirectory);
  if (process.getuid?.() === 0) chownSync(status('ready'), uid, gid);
}

/** Of the timeline that recovery follows, as it got it from the archive; null: there never was another. */
export function followedTimeline(dataDirectory: string): TimelineHistory | null {
  const wal = join(dataDirectory, 'pg_wal');
  const name = newestHistory(wal);
  if (name === undefined) return null;
  return { timeline: Number.parseInt(name.slice(0, 8), 16), branches: parseTimelineHistory(readFileSync(join(wal, name), 'utf8')) };
}

const newestHistory = (wal: string): string | undefined =>
  readdirSync(wal)
    .filter((name) => HISTORY.test(name))
    .sort()
    .at(-1);
