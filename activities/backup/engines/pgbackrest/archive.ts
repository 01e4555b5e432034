/** What really lies in the archive: the repository's listing, never `info` (which knows only the oldest and the newest). */

import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { ArchivedSegment, TimelineHistory } from '../../../../domain/backup/model.ts';
import { parseTimelineHistory } from '../../../../domain/backup/timeline.ts';
import { ask, askStreaming, type Engine, failed } from './command.ts';
import { parseEngineJson } from './failure.ts';
import { readInfo } from './info.ts';

const listingSchema = z.record(z.string(), z.object({ type: z.string(), size: z.number().optional(), time: z.number().optional() }));

export type Listing = z.infer<typeof listingSchema>;

const SEGMENT_FILE = /(?:^|\/)([0-9A-F]{24})-[0-9a-f]{40}(?:\.(?:gz|bz2|lz4|zst))?$/;
const LOG_FOLDER = /^[0-9A-F]{16}$/;
const HISTORY_FILE = /^([0-9A-F]{8})\.history$/;

/** What lies at `path` of the repository, with sizes and times; empty where the path does not exist. `isDeep`: everything below it too. */
export async function listRepository(engine: Engine, repository: number, path: string, isDeep = false): Promise<Listing> {
  const options = [...(isDeep ? ['--recurse'] : []), '--output=json'];
  const output = await ask(engine, { name: 'repo-ls', repository, options, words: [path] });
  return listingSchema.parse(parseEngineJson(output));
}

/**
 * Whole segments of the current archive in WAL order; `.partial`, `.backup` and `.history` files are none. The same segment twice is listed twice.
 * `since`: only segments of that name on, on any timeline from that one on; then only their own folders are read.
 */
export async function readArchive(engine: Engine, repository: number, since?: string): Promise<readonly ArchivedSegment[]> {
  const path = await archivePath(engine, repository);
  if (since === undefined) return segmentsOf(await listRepository(engine, repository, path, true), path, repository);
  const segments: ArchivedSegment[] = [];
  for (const folder of Object.keys(await listRepository(engine, repository, path)).sort(compare)) {
    // folders are named by timeline and log: the first 16 digits of the segments in them
    if (!LOG_FOLDER.test(folder) || folder < since.slice(0, 16)) continue;
    const inside = `${path}/${folder}`;
    segments.push(...segmentsOf(await listRepository(engine, repository, inside), inside, repository));
  }
  return segments.filter((segment) => segment.name >= since);
}

export function segmentsOf(listing: Listing, path: string, repository: number): readonly ArchivedSegment[] {
  const segments: ArchivedSegment[] = [];
  for (const [file, { type, size, time }] of Object.entries(listing)) {
    const name = type === 'file' ? SEGMENT_FILE.exec(file)?.[1] : undefined;
    if (name === undefined) continue;
    segments.push({ name, repository, path: `${path}/${file}`, sizeBytes: size ?? 0, archivedAt: new Date((time ?? 0) * 1000).toISOString() });
  }
  // names are fixed-width hex: timeline, then position
  return segments.sort((a, b) => (a.name === b.name ? compare(a.path, b.path) : compare(a.name, b.name)));
}

/** Where each timeline of the current archive branched off, ascending. */
export async function readHistories(engine: Engine, repository: number): Promise<readonly TimelineHistory[]> {
  const path = await archivePath(engine, repository);
  const histories: TimelineHistory[] = [];
  for (const file of Object.keys(await listRepository(engine, repository, path)).sort(compare)) {
    const hex = HISTORY_FILE.exec(file)?.[1];
    if (hex === undefined) continue;
    const command = { name: 'repo-get', repository, words: [`${path}/${file}`] };
    const { value, failure } = await askStreaming(engine, command, text);
    if (failure !== null) throw failed(engine, command, { status: 42, output: failure });
    histories.push({ timeline: Number.parseInt(hex, 16), branches: parseTimelineHistory(value ?? '') });
  }
  return histories;
}

async function archivePath(engine: Engine, repository: number): Promise<string> {
  const { archiveId } = await readInfo(engine, repository);
  return `archive/${engine.policy.engine.stanza}/${archiveId}`;
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
