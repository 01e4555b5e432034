/** The tables of one database as a snapshot sees them, page by page: memory stays flat however many there are. */
import type pg from 'pg';
import type { NotCoveredReason, TableName } from '../../../domain/backup/model.ts';
import { type NameTypes, type TextColumn, textColumns, textColumnsSql } from './name-columns.ts';

export interface SourceTable extends TableName {
  readonly oid: number;
  /** By the planner's page counts: asking for the real size would wait for whoever holds the table exclusively. */
  readonly roughBytes: number;
  /** By catalogue: some column's type has no extended hash, or its equality depends on a collation library. */
  readonly needsText: boolean;
  /** For the text form: set where some column's text names other objects. */
  readonly columns: readonly TextColumn[] | null;
  /** Name, file and columns: any change of these between snapshot and reading makes the reading worthless. */
  readonly signature: string;
  /** null: can be read. */
  readonly obstacle: NotCoveredReason | null;
}

export type TableOrder = { readonly by: 'size' } | { readonly by: 'oid'; readonly after: number };

/** What the catalogue says of column types. */
export interface ColumnTypes {
  readonly unhashable: readonly string[];
  readonly named: NameTypes;
}

interface FetchedTable extends Omit<SourceTable, 'oid' | 'roughBytes' | 'columns'> {
  readonly oid: string;
  readonly roughBytes: string;
  readonly columns: [string, string][] | null;
}

const PAGE = 200;

/** With its TOAST table; a table nobody counted yet weighs a page. */
const roughBytes = `(greatest(c.relpages, 1) + coalesce((select relpages from pg_class toast where toast.oid = c.reltoastrelid), 0))::int8
  * current_setting('block_size')::int8`;

/**
 * Labels of enums and columns of composite types, of the whole database: a label renamed or an attribute added changes what old rows of any
 * table that uses the type read as. A subquery of its own, so that a database is asked once for a page of tables, and not at all where none of
 * them has a column of a type that users made.
 */
const madeTypes = `(select md5(concat(
  (select string_agg(concat_ws(',', enumtypid, enumsortorder, enumlabel), ';' order by enumtypid, enumsortorder) from pg_enum),
  (select string_agg(concat_ws(',', m.attrelid, m.attnum, m.atttypid, m.atttypmod, m.attcollation, m.attisdropped), ';' order by m.attrelid, m.attnum)
   from pg_type y join pg_attribute m on m.attrelid = y.typrelid and m.attnum > 0
   where y.typtype = 'c' and exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objsubid > 0
     and d.refclassid = 'pg_type'::regclass and d.refobjid in (y.oid, y.typarray))))))`;

/**
 * A text of everything that DDL can change under an old snapshot: TRUNCATE and rewrites swap the file, ALTER TABLE the columns, and a
 * snapshot older than them reads rows that were never there. Columns are aggregated for one table at a time.
 */
const signature = `md5(concat_ws('/', n.nspname, c.relname, c.relfilenode, c.relkind, c.relpersistence,
  (select string_agg(concat_ws(',', a.attnum, a.atttypid, a.atttypmod, a.attcollation, a.attisdropped, a.atthasmissing), ';' order by a.attnum)
   from pg_attribute a where a.attrelid = c.oid and a.attnum > 0),
  case when exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and a.atttypid >= 16384 and not a.attisdropped) then ${madeTypes} end))`;

/** Ordinary tables (partitions and inheritance children among them), populated materialized views, and large objects where there are any. */
const counted = `c.relkind in ('r', 'm', 'f') and c.relpersistence <> 't' and c.relispopulated and c.oid >= 16384
  or c.oid = 'pg_largeobject'::regclass and exists (select from pg_largeobject_metadata)`;

/**
 * Declares the cursor in the holder's transaction and yields pages. `types` come from the catalogue (see unhashable-types.ts, name-columns.ts).
 * Temporary tables are left out: they belong to their session.
 */
export async function* sourceTables(holder: pg.Client, types: ColumnTypes, order: TableOrder): AsyncGenerator<readonly SourceTable[]> {
  // utility statements take no parameters; BigInt lets nothing but numbers through
  const textTypes = types.unhashable.map((oid) => String(BigInt(oid))).join(',');
  const sorted = order.by === 'size' ? 'c.relpages desc, c.oid' : `c.oid <= ${BigInt(order.after)}, c.oid`;
  await holder.query(`/* assay backup */ declare assay_tables no scroll cursor for
    select c.oid::int8 as oid, n.nspname as schema, c.relname as table, ${roughBytes} as "roughBytes", ${signature} as signature,
      ${textColumnsSql(types.named)} as columns,
      exists (select from pg_attribute a left join pg_collation l on l.oid = a.attcollation
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          and (a.atttypid = any ('{${textTypes}}'::oid[]) or not l.collisdeterministic)) as "needsText",
      case
        when c.relkind = 'f' then 'foreign-table'
        when c.relpersistence = 'u' then 'unlogged'
        -- of what a newer transaction dropped rights are not false but null
        when (has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')) is null then 'dropped-while-reading'
        when not (has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'))
          then case when c.oid = 'pg_largeobject'::regclass then 'large-objects' else 'no-privilege' end
        when row_security_active(c.oid) then 'row-security'
      end as obstacle
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where ${counted}
    order by ${sorted}`);
  for (;;) {
    const { rows } = await holder.query<FetchedTable>(`/* assay backup */ fetch ${PAGE} from assay_tables`);
    if (rows.length === 0) break;
    yield rows.map((row) => ({ ...row, oid: Number(row.oid), roughBytes: Number(row.roughBytes), columns: textColumns(row.columns, types.named) }));
  }
  await holder.query('/* assay backup */ close assay_tables');
}

/** How many bytes a whole pass would read, by the same rough count. */
export async function passBytes(holder: pg.Client): Promise<number> {
  const { rows } = await holder.query<{ bytes: string }>(
    `/* assay backup */ select coalesce(sum(${roughBytes}), 0)::text as bytes from pg_class c where (${counted}) and c.relkind <> 'f' and c.relpersistence = 'p'`,
  );
  return Number(rows[0]?.bytes);
}

/** What these tables look like now: the client must not be in an older snapshot. Tables that are gone are missing from the map. */
export async function signaturesNow(client: pg.Client, oids: readonly number[]): Promise<ReadonlyMap<number, string>> {
  const { rows } = await client.query<{ oid: string; signature: string }>(
    `/* assay backup */ select c.oid::int8 as oid, ${signature} as signature from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = any ($1::oid[])`,
    [oids],
  );
  return new Map(rows.map((row) => [Number(row.oid), row.signature]));
}

/**
 * For `changed` mode, and to be read before the snapshot is taken: what is counted after it would hide changes the snapshot does not hold.
 * A crash resets counters, so the server's start belongs to the key.
 */
export async function changeKeys(watch: pg.Client): Promise<Readonly<Record<string, string>>> {
  const { rows } = await watch.query<{ oid: string; key: string }>(
    `/* assay backup */ select c.oid::int8 as oid, md5(concat_ws('/', ${signature}, pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid),
       pg_stat_get_tuples_deleted(c.oid), (select stats_reset from pg_stat_database where datname = current_database()), pg_postmaster_start_time())) as key
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where (${counted}) and c.relkind <> 'f'`,
  );
  return Object.fromEntries(rows.map((row) => [row.oid, row.key]));
}
