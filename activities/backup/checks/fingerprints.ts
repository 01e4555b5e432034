/** Every table of a marker, hashed again on the paused clone with the same seeds and compared. Memory is flat in tables and bytes. */
import type pg from 'pg';
import { type CloneTable, compareFingerprints, type Difference } from '../../../domain/backup/fingerprint.ts';
import type { Marker, TableFingerprint } from '../../../domain/backup/model.ts';
import { faultOf } from '../../pg-errors.ts';
import { withClone } from '../clone/connection.ts';
import { fingerprintSettings, fingerprintTable } from '../marker/fingerprint.ts';
import { type TextColumn, tableKey, textColumnsByTable } from '../marker/name-columns.ts';
import { SESSION_TABLES } from '../marker/pass.ts';
import { counted, type Finding, type OnClone, whatThrown } from './result.ts';

const NAMED = 10;

export async function fingerprints(on: OnClone, marker: Marker): Promise<Finding> {
  // the largest first: the last table to be read is then a small one
  const waiting = [...marker.fingerprints].sort((a, b) => a.bytes - b.bytes);
  const columns = await columnsOf(on, marker);
  const read: CloneTable[] = [];
  const broken: Finding[] = [];
  const readSome = async (client: pg.ClientBase) => {
    for (let left = SESSION_TABLES; left > 0; left -= 1) {
      const table = waiting.pop();
      if (table === undefined) return;
      const answer = await readOne(client, table, columns.get(tableKey(table)) ?? null);
      if ('outcome' in answer) broken.push({ ...answer, because: [`${table.schema}.${table.table}: ${answer.because[0]}`] });
      else read.push(answer);
      if (read.length % 50 === 0) on.io.beat({ phase: 'fingerprints', left: waiting.length });
    }
  };
  const sessions = Math.max(1, Math.min(on.policy.proof.fingerprint.parallel, waiting.length));
  const readAll = async () => {
    do {
      await withClone(on, { database: marker.database, settings: fingerprintSettings }, readSome);
    } while (waiting.length > 0);
  };
  await Promise.all(Array.from({ length: sessions }, readAll));
  return summarise(marker, read, broken);
}

/** The same form as on the source: at the marker's moment the clone's catalogue is the source's. */
async function columnsOf(on: OnClone, marker: Marker): Promise<ReadonlyMap<string, readonly TextColumn[]>> {
  if (marker.textForm !== 'oids' || !marker.fingerprints.some(({ equality }) => equality === 'text')) return new Map();
  return withClone(on, { database: marker.database, settings: fingerprintSettings }, textColumnsByTable);
}

async function readOne(client: pg.ClientBase, table: TableFingerprint, columns: readonly TextColumn[] | null): Promise<CloneTable | Finding> {
  const name = { schema: table.schema, table: table.table };
  try {
    return { ...name, content: await fingerprintTable(client, table, { seeds: table.seeds, equality: table.equality, columns }) };
  } catch (error) {
    if (faultOf(error) === 'object-missing') return { ...name, content: null };
    return whatThrown(error);
  }
}

/** A corrupt page is a fault whatever else was equal; a difference against a fingerprint of this very snapshot likewise. */
function summarise(marker: Marker, read: readonly CloneTable[], broken: readonly Finding[]): Finding {
  const { equal, differences } = compareFingerprints(marker, read);
  const certain = differences.filter((difference) => difference.certain);
  const corrupt = broken.filter(({ outcome }) => outcome === 'failed');
  const because = (what: string, told: readonly string[]) => [`${what} of ${counted(marker.fingerprints.length, 'table')}`, ...told.slice(0, NAMED)];
  if (corrupt.length > 0)
    return {
      outcome: 'failed',
      cause: 'page-corrupt',
      because: because(
        `${corrupt.length} unreadable`,
        corrupt.flatMap((each) => each.because),
      ),
    };
  if (certain.length > 0) return { outcome: 'failed', cause: 'content-differs', because: because(`${certain.length} different`, told(certain)) };
  if (broken.length > 0)
    return {
      outcome: 'unusable',
      cause: broken[0]?.cause ?? 'unknown',
      because: because(
        `${broken.length} not comparable`,
        broken.flatMap((each) => each.because),
      ),
    };
  if (differences.length > 0) {
    return { outcome: 'unusable', cause: 'marker-unusable', because: because(`${differences.length} different from an older fingerprint`, told(differences)) };
  }
  const rows = marker.fingerprints.reduce((sum, { rows: each }) => sum + BigInt(each), 0n);
  return { outcome: 'passed', because: [`${counted(equal, 'table')} with ${rows} rows equal to the source at ${marker.lsn}`] };
}

const told = (differences: readonly Difference[]): string[] => differences.map(({ because }) => because);
