/** What a session's catalogues say about the tables of a database: sizes, columns with their statistics, indexes. Reads only. */
import type pg from 'pg';
import type { ColumnFacts, ExistingIndex, IndexKey, IndexMethod, TableFacts } from '../../domain/optimizer/model.ts';

/**
 * Every ordinary table, partitioned table and materialised view that is not PostgreSQL's own, an extension's or temporary; with schemas given, only
 * theirs. Two statements whatever their number. A table never analysed has its rows guessed from its size; a partition is a table of its own.
 */
export async function readTableFacts(client: pg.Client, schemas: readonly string[] | null = null): Promise<TableFacts[]> {
  const tables = await client.query<TableRow>(tablesSql, [schemas]);
  const oids = tables.rows.map(({ oid }) => oid);
  const columns = grouped((await client.query<ColumnRow>(columnsSql, [oids])).rows);
  const indexes = grouped((await client.query<IndexRow>(indexesSql, [oids])).rows);
  return tables.rows.map((row) => ({
    table: { schema: row.schema, relation: row.relation },
    kind: row.kind === 'p' ? 'partitioned' : row.kind === 'm' ? 'materialised-view' : 'table',
    rows: Number(row.rows),
    sizeBytes: Number(row.size),
    columns: (columns.get(row.oid) ?? []).map(columnFacts),
    indexes: (indexes.get(row.oid) ?? []).map((index) => existingIndex(index, row)),
    writesPerRead: row.reads === null || Number(row.reads) === 0 ? null : Number(row.writes) / Number(row.reads),
  }));
}

/** Columns of these tables with their statistics, by the table's oid. */
export async function readColumnFacts(client: pg.Client, tables: readonly number[]): Promise<ReadonlyMap<number, readonly ColumnFacts[]>> {
  const rows = grouped((await client.query<ColumnRow>(columnsSql, [tables])).rows);
  return new Map([...rows].map(([table, columns]) => [table, columns.map(columnFacts)]));
}

interface TableRow {
  readonly oid: number;
  readonly schema: string;
  readonly relation: string;
  readonly kind: 'r' | 'p' | 'm';
  readonly rows: string;
  readonly size: string;
  readonly writes: string | null;
  readonly reads: string | null;
}

// reltuples is −1 before the first ANALYZE, and 0 for a partitioned table that was never analysed itself: then its leaves count
const tablesSql = `/* assay optimizer */
  select c.oid, n.nspname as schema, c.relname as relation, c.relkind as kind,
    coalesce(case when c.reltuples > 0 then c.reltuples::numeric
      when c.relkind = 'p' then leaf.rows
      else pg_relation_size(c.oid) / 100 end, 0)::int8 as rows,
    case when c.relkind = 'p' then coalesce(leaf.size, 0) else pg_relation_size(c.oid) end as size,
    s.n_tup_ins + s.n_tup_upd + s.n_tup_del as writes,
    coalesce(s.seq_tup_read, 0) + coalesce(s.idx_tup_fetch, 0) as reads
  from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_stat_all_tables s on s.relid = c.oid
    left join lateral (select sum(greatest(l.reltuples, 0))::numeric as rows, sum(pg_relation_size(l.oid)) as size
      from pg_partition_tree(c.oid) t join pg_class l on l.oid = t.relid where t.isleaf) leaf on c.relkind = 'p'
  where c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't'
    and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    and ($1::text[] is null or n.nspname = any($1))
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  order by n.nspname, c.relname`;

interface ColumnRow {
  readonly table: number;
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  readonly width: number | null;
  readonly distinct: number | null;
  readonly nullShare: number | null;
  readonly correlation: number | null;
  readonly labels: readonly string[] | null;
}

// rows of the table itself before those of its children (inherited); a width without statistics as PostgreSQL's planner guesses it
const columnsSql = `/* assay optimizer */
  select a.attrelid as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as "notNull",
    coalesce(s.avg_width, case when a.attlen > 0 then a.attlen else 32 end)::int4 as width,
    s.n_distinct as distinct, s.null_frac as "nullShare", s.correlation,
    (select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_enum e where e.enumtypid = a.atttypid) as labels
  from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    left join lateral (select * from pg_stats s where s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname
      order by s.inherited = (c.relkind = 'p') desc limit 1) s on true
  where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped
  order by a.attrelid, a.attnum`;

const columnFacts = (row: ColumnRow): ColumnFacts => ({
  name: row.name,
  type: row.type,
  notNull: row.notNull,
  width: row.width ?? 32,
  distinct: row.distinct ?? 0,
  nullShare: row.nullShare ?? 0,
  correlation: row.correlation,
  ...(row.labels === null ? {} : { labels: row.labels }),
});

interface IndexRow {
  readonly table: number;
  readonly name: string;
  readonly method: string;
  readonly size: string;
  readonly isValid: boolean;
  readonly isUnique: boolean;
  readonly isConstraint: boolean;
  readonly scans: string | null;
  readonly predicate: string | null;
  readonly keys: readonly { column: string | null; expression: string; options: number; class: string | null; collation: string | null }[];
  readonly include: readonly string[];
}

/** Keys of the index `i` with what each is made of: column `a`, operator class `o` in `on_`, collation `co` in `cn`. */
export const keysOfIndexSql = `from generate_series(1, i.indnkeyatts) as k(place)
        left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k.place - 1] and i.indkey[k.place - 1] <> 0
        join pg_opclass o on o.oid = i.indclass[k.place - 1]
        join pg_namespace on_ on on_.oid = o.opcnamespace
        left join pg_collation co on co.oid = i.indcollation[k.place - 1]
        left join pg_namespace cn on cn.oid = co.collnamespace`;

export const includedColumnsSql = `coalesce((select json_agg(a.attname order by p.place)
      from generate_series(i.indnkeyatts + 1, i.indnatts) as p(place)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[p.place - 1]), '[]'::json) as include`;

const indexesSql = `/* assay optimizer */
  select i.indrelid as table, c.relname as name, m.amname as method, pg_relation_size(c.oid) as size,
    i.indisvalid and i.indisready as "isValid", i.indisunique as "isUnique",
    i.indisreplident or i.indisprimary or i.indisexclusion
      or exists (select from pg_constraint k where k.conindid = i.indexrelid) as "isConstraint",
    s.idx_scan as scans, pg_get_expr(i.indpred, i.indrelid, true) as predicate,
    (select json_agg(json_build_object(
        'column', a.attname, 'expression', pg_get_indexdef(i.indexrelid, k.place, true), 'options', i.indoption[k.place - 1],
        'class', case when not o.opcdefault then (case when on_.nspname = 'pg_catalog' then '' else quote_ident(on_.nspname) || '.' end) || quote_ident(o.opcname) end,
        'collation', case when i.indcollation[k.place - 1] <> 0 and i.indcollation[k.place - 1] is distinct from a.attcollation and a.attname is not null
          then quote_ident(cn.nspname) || '.' || quote_ident(co.collname) end) order by k.place)
      ${keysOfIndexSql}) as keys,
    ${includedColumnsSql}
  from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am m on m.oid = c.relam
    left join pg_stat_all_indexes s on s.indexrelid = i.indexrelid
  where i.indrelid = any($1::oid[])
  order by i.indrelid, c.relname`;

function existingIndex(row: IndexRow, { schema, relation }: TableRow): ExistingIndex {
  return {
    table: { schema, relation },
    method: row.method as IndexMethod,
    keys: row.keys.map(indexKey),
    include: row.include,
    predicate: row.predicate,
    unique: row.isUnique,
    name: row.name,
    sizeBytes: Number(row.size),
    isValid: row.isValid,
    isConstraint: row.isConstraint,
    scans: Number(row.scans ?? 0),
  };
}

/** A column under a collation of its own is no plain column: it serves other comparisons. */
function indexKey(key: IndexRow['keys'][number]): IndexKey {
  const descending = (key.options & 1) === 1;
  const nullsFirst = (key.options & 2) === 2;
  const isPlain = key.column !== null && key.collation === null;
  return {
    column: isPlain ? key.column : null,
    expression: isPlain ? null : `${key.expression}${key.collation === null ? '' : ` COLLATE ${key.collation}`}`,
    descending,
    nullsFirst: nullsFirst === descending ? null : nullsFirst,
    operatorClass: key.class,
  };
}

/** By the oid of their table. */
export function grouped<T extends { readonly table: number }>(rows: readonly T[]): Map<number, T[]> {
  const byTable = new Map<number, T[]>();
  for (const row of rows) {
    const own = byTable.get(row.table);
    if (own === undefined) byTable.set(row.table, [row]);
    else own.push(row);
  }
  return byTable;
}
