/** A look at all indexes of a database of the source: some tables at a time, so that memory does not grow with their number. Reads only. */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { HygieneIndex } from '../../../domain/optimizer/hygiene.ts';
import { indexSize } from '../../../domain/optimizer/index-size.ts';
import type { IndexLook } from '../../../domain/optimizer/index-use.ts';
import type { ColumnFacts, IndexDefinition, Instant, RelationName, TableFacts } from '../../../domain/optimizer/model.ts';
import { grouped, readColumnFacts } from '../catalogue.ts';
import { definitionOf, hygieneIndex, type IndexRow, indexesSql } from './indexes-sql.ts';

/** What concerns the server as a whole. */
export interface ServerLook {
  /** null: the counters were never reset. */
  readonly countersSince: Instant | null;
  /** That are connected at this moment. */
  readonly standbys: number;
  readonly isStandby: boolean;
  readonly version: number;
}

export interface TableIndexes {
  readonly table: RelationName;
  readonly indexes: readonly HygieneIndex[];
}

/** The version from which on the moment of the last read is told. */
const LAST_SCAN = 160_000;
/** Tables looked at together. */
const TABLES = 200;

export async function readServer(client: pg.Client): Promise<ServerLook> {
  const { rows } = await client.query<ServerLook>(serverSql);
  return rows[0] as ServerLook;
}

/** Every table that has an index and is not PostgreSQL's own, an extension's or temporary. `use` is given some tables at a time, in no order of names. */
export async function readIndexes(
  client: pg.Client,
  { version }: Pick<ServerLook, 'version'>,
  use: (some: readonly TableIndexes[]) => Promise<void>,
): Promise<void> {
  const { rows: tables } = await client.query<TableRow>(tablesSql);
  for (let from = 0; from < tables.length; from += TABLES) {
    const some = tables.slice(from, from + TABLES);
    const oids = some.map(({ oid }) => oid);
    const columns = await readColumnFacts(client, oids);
    const { rows } = await client.query<IndexRow>(indexesSql(version >= LAST_SCAN), [oids]);
    const byTable = grouped(rows);
    await use(some.map((row) => tableIndexes(row, byTable.get(row.oid) ?? [], columns.get(row.oid) ?? [])));
  }
}

/** Of one table; empty where there is none. Sizes are as they are, nothing is expected of them. */
export async function readIndexesOf(client: pg.Client, table: RelationName): Promise<readonly HygieneIndex[]> {
  const { rows: found } = await client.query<{ oid: number; version: number }>(
    `/* assay optimizer */ select c.oid, current_setting('server_version_num')::int as version
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`,
    [table.schema, table.relation],
  );
  const [there] = found;
  if (there === undefined) return [];
  const { rows } = await client.query<IndexRow>(indexesSql(there.version >= LAST_SCAN), [[there.oid]]);
  return rows.map((row) => hygieneIndex(row, definitionOf(row, table), null));
}

/** For the looks that are kept: what tells this index from another one of its name. */
export function lookOf({ definition, scans, lastScanAt }: HygieneIndex): IndexLook {
  return { digest: createHash('sha256').update(definition).digest('hex'), scans, lastScanAt };
}

interface TableRow extends RelationName {
  readonly oid: number;
  readonly rows: string;
  readonly size: string;
}

function tableIndexes({ schema, relation, rows, size }: TableRow, indexes: readonly IndexRow[], columns: readonly ColumnFacts[]): TableIndexes {
  const table = { schema, relation };
  const facts: TableFacts = { table, kind: 'table', rows: Number(rows), sizeBytes: Number(size), columns, indexes: [], writesPerRead: null };
  return {
    table,
    indexes: indexes.map((row) => {
      const index = definitionOf(row, table);
      return hygieneIndex(row, index, expectedBytes(row, index, facts));
    }),
  };
}

/** Of a b-tree on columns whose statistics are there. An index counts its own rows, which of a partial one nothing else tells. */
function expectedBytes(row: IndexRow, index: IndexDefinition, facts: TableFacts): number | null {
  const names = [...index.keys.map(({ column }) => column), ...index.include];
  const known = new Map(facts.columns.map((column) => [column.name, column]));
  const isKnown = names.every((name) => name !== null && known.get(name)?.distinct !== 0 && known.has(name));
  if (index.method !== 'btree' || row.isPartitioned || !isKnown || facts.rows <= 0 || row.rows <= 0) return null;
  const full = indexSize(index, facts, { rowShare: Math.min(1, row.rows / facts.rows), ...(index.unique ? { distinct: row.rows } : {}) });
  return (full.bytes * USUAL_FILL) / (row.fill ?? USUAL_FILL);
}

const USUAL_FILL = 90;

const serverSql = `/* assay optimizer */
  select to_char(stats_reset at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "countersSince",
    (select count(*)::int from pg_stat_replication r where coalesce(r.state, '') <> 'backup' and r.application_name not in ('pg_receivewal', 'pg_basebackup')
      and not exists (select from pg_replication_slots s where s.active_pid = r.pid and s.slot_type = 'logical')) as standbys,
    pg_is_in_recovery() as "isStandby", current_setting('server_version_num')::int as version
  from pg_stat_database where datname = current_database()`;

const tablesSql = `/* assay optimizer */
  select c.oid, n.nspname as schema, c.relname as relation, greatest(c.reltuples, 0)::int8 as rows, pg_relation_size(c.oid) as size
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'm') and c.relhasindex and c.relpersistence <> 't' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  order by c.oid`;
