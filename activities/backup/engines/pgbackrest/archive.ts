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
const HISTORY_FILE = /(?:^|\/)([0-9A-F]{8})\.history$/;

/** Everything below `path` of the repository, with sizes and times; empty where the path does not exist. */
export async function listRepository(engine: Engine, repository: number, path: string): Promise<Listing> {
  const output = await ask(engine, { name: 'repo-ls', repository, options: ['--recurse', '--output=json'], words: [path] });
  return listingSchema.parse(parseEngineJson(output));
}

/** Whole segments of the current archive in WAL order; `.partial`, `.backup` and `.history` files are none. The same segment twice is listed twice. */
export async function readArchive(engine: Engine, repository: number): Promise<readonly ArchivedSegment[]> {
  const { path, listing } = await listArchive(engine, repository);
  return segmentsOf(listing, path, repository);
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
  const { path, listing } = await listArchive(engine, repository);
  const histories: TimelineHistory[] = [];
  for (const file of Object.keys(listing).sort(compare)) {
    const hex = HISTORY_FILE.exec(file)?.[1];
    if (hex === undefined) continue;
    const command = { name: 'repo-get', repository, words: [`${path}/${file}`] };
    const { value, failure } = await askStreaming(engine, command, text);
    if (failure !== null) throw failed(engine, command, { status: 42, output: failure });
    histories.push({ timeline: Number.parseInt(hex, 16), branches: parseTimelineHistory(value ?? '') });
  }
  return histories;
}

async function listArchive(engine: Engine, repository: number) {
  const { archiveId } = await readInfo(engine, repository);
  const path = `archive/${engine.policy.engine.stanza}/${archiveId}`;
  return { path, listing: await listRepository(engine, repository, path) };
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
