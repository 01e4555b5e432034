/** Markers in the control database, fingerprints a row each, written and read in pages. */
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Lsn } from '../../domain/backup/lsn.ts';
import type { Marker, MarkerRef, TableFingerprint } from '../../domain/backup/model.ts';
import { AssayError } from '../../domain/errors.ts';
import { ClusterPolicyEntity } from '../../entities/cluster-policy.ts';
import { MarkerEntity, type MarkerHead } from '../../entities/marker.ts';
import type { MarkerStore } from '../backup/ports.ts';
import type { Control } from './control-database.ts';
import { markerDigest, markerRef, settledMarker } from './marker-digest.ts';
import { removeMarkerFile, writeMarkerFile } from './marker-files.ts';

/** Rows a statement. */
const PAGE = 500;

/**
 * Each marker is also written as a file into the evidence folder of the applied policy, where there is one.
 * All methods may be repeated. `load` throws internal where there is no such marker.
 */
export function createMarkerStore(control: Control): MarkerStore {
  return {
    save: async (given) => {
      const marker = settledMarker(given);
      await insertMarker(control.em(), marker);
      const applied = await control.em().findOne(ClusterPolicyEntity, { cluster: marker.cluster });
      if (applied !== null) await writeMarkerFile(applied.policy.evidenceDirectory, marker);
      return markerRef(marker);
    },
    load: async (id) => {
      const em = control.em();
      const row = await em.findOne(MarkerEntity, { id });
      if (row === null) throw new AssayError('internal', { reason: `no marker ${id} in the control database` });
      return { ...row.head, fingerprints: await loadFingerprints(em, id) };
    },
    between: (cluster, from, to) => refsBetween(control.em(), cluster, [from, to]),
    newest: async (cluster) => {
      const em = control.em();
      const rows = await em.execute<{ id: string; head: MarkerHead }[]>(
        'select distinct on (database) id, head from assay_control.marker where cluster = ? order by database, at desc, id',
        [cluster],
      );
      const markers: Marker[] = [];
      for (const { id, head } of rows) markers.push({ ...head, fingerprints: await loadFingerprints(em, id) });
      return markers;
    },
    named: async (cluster, backups) => {
      const rows = await control.em().execute<{ id: string }[]>(
        `select distinct marker->>'id' as id from assay_control.proof, jsonb_array_elements(document->'markers') marker
         where cluster = ? and backup = any (?::text[])`,
        [cluster, `{${backups.map((label) => JSON.stringify(label)).join(',')}}`],
      );
      return new Set(rows.map(({ id }) => id));
    },
    remove: async (cluster, markers) => {
      const em = control.em();
      const applied = await em.findOne(ClusterPolicyEntity, { cluster });
      for (const marker of markers) await removeMarker(em, { cluster, marker, folder: applied?.policy.evidenceDirectory ?? null });
    },
  };
}

/** The file first: after a crash in between the row still tells of it. Two markers of one moment share a file, which goes with the last of them. */
async function removeMarker(em: EntityManager, gone: { readonly cluster: string; readonly marker: MarkerRef; readonly folder: string | null }): Promise<void> {
  const { cluster, marker, folder } = gone;
  const { id, database, lsn } = marker;
  const others = await em.execute<unknown[]>('select 1 from assay_control.marker where cluster = ? and database = ? and lsn = ?::pg_lsn and id <> ? limit 1', [
    ...[cluster, database, lsn, id],
  ]);
  if (folder !== null && others.length === 0) await removeMarkerFile(folder, { cluster, database, lsn });
  await em.execute('delete from assay_control.marker where id = ? and cluster = ?', [id, cluster]);
}

async function insertMarker(em: EntityManager, marker: Marker): Promise<void> {
  const { fingerprints, ...head } = marker;
  const { id, cluster, database, lsn } = marker;
  await em.transactional(async (tx) => {
    const row = { id, cluster, database, lsn, at: new Date(marker.at), head, digest: markerDigest(marker) };
    const written = await tx.execute(
      'insert into assay_control.marker (id, cluster, database, lsn, at, head, digest) values (?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing returning id',
      [row.id, row.cluster, row.database, row.lsn, row.at, JSON.stringify(row.head), row.digest],
    );
    // a step that is retried finds the marker its first attempt saved
    if ((written as unknown[]).length === 0) return;
    for (let from = 0; from < fingerprints.length; from += PAGE) {
      const page = fingerprints
        .slice(from, from + PAGE)
        .map(({ seeds: [seed1, seed2], takenAt, ...table }, offset) => ({ position: from + offset, ...table, seed1, seed2, taken_at: takenAt }));
      await tx.execute(insertPage, [id, JSON.stringify(page)]);
    }
  });
}

// rows as PostgreSQL reads and writes them: entities of 10,000 tables cost ten times what the tables' fingerprints do
const columns = 'oid, schema, "table", rows, sum, equality, bytes, seed1, seed2, taken_at';
const insertPage = `insert into assay_control.table_fingerprint (marker, position, ${columns}) select ?, position, ${columns}
  from json_to_recordset(?::json) as given (position int, oid int8, schema text, "table" text, rows numeric, sum numeric, equality text, bytes int8,
    seed1 int8, seed2 int8, taken_at text)`;
const selectPage = `select oid::text as oid, schema, "table", rows::text as rows, sum::text as sum, equality, bytes::text as bytes, seed1::text as seed1,
  seed2::text as seed2, taken_at from assay_control.table_fingerprint where marker = ? and position >= ? order by position limit ?`;

type FingerprintRow = Readonly<Record<'oid' | 'schema' | 'table' | 'rows' | 'sum' | 'equality' | 'bytes' | 'seed1' | 'seed2' | 'taken_at', string>>;

async function loadFingerprints(em: EntityManager, marker: string): Promise<TableFingerprint[]> {
  const found: TableFingerprint[] = [];
  const once = sharedTexts();
  for (;;) {
    const page = await em.execute<FingerprintRow[]>(selectPage, [marker, found.length, PAGE]);
    for (const { oid, schema, table, rows, sum, equality, bytes, seed1, seed2, taken_at } of page) {
      const shared = { schema: once(schema), seeds: [once(seed1), once(seed2)] as const, takenAt: once(taken_at) };
      found.push({ ...shared, oid: Number(oid), table, rows, sum, equality: equality === 'text' ? 'text' : 'hash', bytes: Number(bytes) });
    }
    if (page.length < PAGE) return found;
  }
}

/** Tables of one marker have few schemas, seeds and moments: each of these texts is kept once. */
function sharedTexts(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    if (!known.has(text)) known.set(text, text);
    return known.get(text) as string;
  };
}

async function refsBetween(em: EntityManager, cluster: string, [from, to]: readonly [Lsn, Lsn | null]): Promise<MarkerRef[]> {
  const rows = await em.execute<(Omit<MarkerRef, 'systemIdentifier'> & { systemIdentifier: string | null })[]>(
    `select id, database, lsn::text as lsn, head->>'at' as at, (head->>'timeline')::int as timeline, head->>'systemIdentifier' as "systemIdentifier"
     from assay_control.marker
     where cluster = ? and lsn >= ?::pg_lsn and (?::pg_lsn is null or lsn <= ?::pg_lsn) order by marker.database, marker.lsn`,
    [cluster, from, to, to],
  );
  return rows.map(({ systemIdentifier, ...ref }) => (systemIdentifier === null ? ref : { ...ref, systemIdentifier }));
}
