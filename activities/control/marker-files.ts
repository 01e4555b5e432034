/**
 * Markers as files beside the repository: `<evidence>/<cluster>/markers/<lsn>-<database hash>.json.gz`, 0600.
 * A restore on an empty machine compares content with these; no control database is needed.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { createGzip, gunzip } from 'node:zlib';
import { canonicalPieces } from '../../domain/backup/certificate-canonical.ts';
import { compareLsn, isLsn, type Lsn } from '../../domain/backup/lsn.ts';
import type { Marker } from '../../domain/backup/model.ts';
import { clusterFolder, makeFolder, writeWhole } from './evidence-folder.ts';
import { settledMarker } from './marker-digest.ts';

const expand = promisify(gunzip);

const FILE = /^([0-9A-F]{8})-([0-9A-F]{8})-[0-9a-f]{16}\.json\.gz$/;

/** A marker file as its name tells it. */
export interface MarkerFile {
  readonly path: string;
  readonly lsn: Lsn;
}

export const markerFolder = (evidenceDirectory: string, cluster: string): string => join(clusterFolder(evidenceDirectory, cluster), 'markers');

/** Whole path of a marker's file: sorted by name they are in LSN order. */
export function markerPath(evidenceDirectory: string, marker: Pick<Marker, 'cluster' | 'database' | 'lsn'>): string {
  if (!isLsn(marker.lsn)) throw new RangeError(`not an LSN: ${marker.lsn}`);
  const [high = '', low = ''] = marker.lsn.toUpperCase().split('/');
  const database = createHash('sha256').update(marker.database).digest('hex').slice(0, 16);
  return join(markerFolder(evidenceDirectory, marker.cluster), `${high.padStart(8, '0')}-${low.padStart(8, '0')}-${database}.json.gz`);
}

/** Whole or not at all; idempotent. `marker` must be settled. */
export async function writeMarkerFile(evidenceDirectory: string, marker: Marker): Promise<string> {
  const path = markerPath(evidenceDirectory, marker);
  await makeFolder(markerFolder(evidenceDirectory, marker.cluster), 0o700);
  await writeWhole(path, await buffer(Readable.from(canonicalPieces(marker)).pipe(createGzip())), 0o600);
  return path;
}

/** Idempotent. */
export const removeMarkerFile = (evidenceDirectory: string, marker: Pick<Marker, 'cluster' | 'database' | 'lsn'>): Promise<void> =>
  rm(markerPath(evidenceDirectory, marker), { force: true });

/** In LSN order; empty where the folder is not there. */
export async function listMarkerFiles(evidenceDirectory: string, cluster: string): Promise<MarkerFile[]> {
  const folder = markerFolder(evidenceDirectory, cluster);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const files = names.flatMap((name) => {
    const match = FILE.exec(name);
    return match === null ? [] : [{ path: join(folder, name), lsn: `${bare(match[1])}/${bare(match[2])}` }];
  });
  return files.sort((a, b) => compareLsn(a.lsn, b.lsn) || (a.path < b.path ? -1 : 1));
}

const bare = (hex = '') => hex.replace(/^0+(?=.)/, '');

export async function readMarkerFile(path: string): Promise<Marker> {
  return settledMarker(JSON.parse((await expand(await readFile(path))).toString('utf8')) as Marker);
}
