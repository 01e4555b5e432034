/** What the catalogues say about the indexes of some tables: by oid, so that a look at ten thousand tables holds few of them at a time. */
import type { HygieneIndex } from '../../../domain/optimizer/hygiene.ts';
import type { IndexDefinition, IndexKey, IndexMethod, Instant, RelationName } from '../../../domain/optimizer/model.ts';
import { includedColumnsSql, keysOfIndexSql } from '../catalogue.ts';

export interface IndexRow {
  readonly table: number;
  readonly name: string;
  readonly method: string;
  readonly definition: string;
  readonly predicate: string | null;
  readonly tablespace: string | null;
  readonly comment: string | null;
  readonly size: string;
  readonly rows: number;
  /** Leaf pages are filled so far when they are built; null: PostgreSQL's own default. */
  readonly fill: number | null;
  readonly scans: string;
  readonly lastScanAt: Instant | null;
  readonly isPartitioned: boolean;
  readonly isPart: boolean;
  readonly isValid: boolean;
  readonly isBuilding: boolean;
  readonly isUnique: boolean;
  readonly isImmediate: boolean;
  readonly isExclusion: boolean;
  readonly nullsNotDistinct: boolean;
  readonly holds: readonly string[];
  readonly foreignKeys: readonly string[] | null;
  readonly keys: readonly { column: string | null; expression: string; options: number; class: string | null }[];
  readonly include: readonly string[];
}

/**
 * A key's class holds whatever tells it from another one on the same column: collation, operator class, its options. Counters of a partitioned index
 * are those of its parts. $1 tables by oid. `hasLastScan`: PostgreSQL 16 and later.
 */
export const indexesSql = (hasLastScan: boolean): string => `/* assay optimizer */
  select i.indrelid as table, c.relname as name, m.amname as method, pg_get_indexdef(c.oid) as definition, pg_get_expr(i.indpred, i.indrelid) as predicate,
    ts.spcname as tablespace, obj_description(c.oid, 'pg_class') as comment, c.reltuples as rows,
    (select option_value::float8 from pg_options_to_table(c.reloptions) where option_name = 'fillfactor') as fill,
    parts.size, parts.scans, parts."lastScanAt", c.relkind = 'I' as "isPartitioned", c.relispartition as "isPart",
    i.indisvalid and i.indisready and i.indislive as "isValid",
    exists (select from pg_stat_progress_create_index p where p.index_relid = c.oid or p.relid = i.indrelid and p.index_relid = 0) as "isBuilding",
    i.indisunique as "isUnique", i.indimmediate as "isImmediate", i.indisexclusion as "isExclusion",
    coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) as "nullsNotDistinct",
    array_remove(array[
      (select 'constraint ' || string_agg(k.conname, ', ') from pg_constraint k where k.conindid = c.oid and k.contype in ('p', 'u', 'x')),
      (select 'foreign key ' || string_agg(k.conname, ', ') || ' refers to it' from pg_constraint k where k.conindid = c.oid and k.contype = 'f'),
      case when i.indisreplident then 'replica identity' end, case when i.indisclustered then 'CLUSTER orders its table by it' end,
      (select 'statistics targets of its own' from pg_attribute a where a.attrelid = c.oid and a.attstattarget > 0 limit 1),
      (select 'it belongs to an extension' from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e' limit 1)
    ], null) as holds,
    (select array_agg(k.conname::text order by k.conname) from pg_constraint k
      where k.contype = 'f' and k.conrelid = i.indrelid and i.indkey[0] = any (k.conkey)) as "foreignKeys",
    (select json_agg(json_build_object(
        'column', a.attname, 'expression', pg_get_indexdef(i.indexrelid, k.place, true), 'options', i.indoption[k.place - 1],
        'class', nullif(concat_ws(' ',
          case when i.indcollation[k.place - 1] not in (0, coalesce(a.attcollation, 100)) then 'COLLATE ' || quote_ident(cn.nspname) || '.' || quote_ident(co.collname) end,
          case when not o.opcdefault or ia.attoptions is not null
            then (case when on_.nspname = 'pg_catalog' then '' else quote_ident(on_.nspname) || '.' end) || quote_ident(o.opcname) end,
          case when ia.attoptions is not null then '(' || array_to_string(ia.attoptions, ', ') || ')' end), '')) order by k.place)
      ${keysOfIndexSql}
        join pg_attribute ia on ia.attrelid = i.indexrelid and ia.attnum = k.place) as keys,
    ${includedColumnsSql}
  from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am m on m.oid = c.relam
    left join pg_tablespace ts on ts.oid = c.reltablespace
    cross join lateral (select coalesce(sum(pg_relation_size(each.oid)), 0) as size, coalesce(sum(pg_stat_get_numscans(each.oid)), 0) as scans,
        ${hasLastScan ? `to_char(max(pg_stat_get_lastscan(each.oid)) at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')` : 'null'} as "lastScanAt"
      from (select c.oid where c.relkind <> 'I' union all select t.relid from pg_partition_tree(c.oid) t where c.relkind = 'I') as each(oid)) parts
  where i.indrelid = any ($1::oid[])
  order by i.indrelid, c.relname`;

export const definitionOf = (row: IndexRow, table: RelationName): IndexDefinition => ({
  table,
  method: row.method as IndexMethod,
  keys: row.keys.map(keyOf),
  include: row.include,
  predicate: row.predicate,
  unique: row.isUnique,
});

export function hygieneIndex(row: IndexRow, index: IndexDefinition, expectedBytes: number | null): HygieneIndex {
  const { name, definition, predicate: where, tablespace, comment, isPartitioned, isPart, isValid, isBuilding, isImmediate, isExclusion } = row;
  const { nullsNotDistinct, holds, foreignKeys, lastScanAt } = row;
  return {
    ...{ index, name, definition, where, tablespace, comment, sizeBytes: Number(row.size), isPartitioned },
    ...{ isPart, isValid, isBuilding, isImmediate, isExclusion, nullsNotDistinct, holds, lastScanAt, expectedBytes },
    foreignKeys: foreignKeys ?? [],
    scans: Number(row.scans),
  };
}

function keyOf(key: IndexRow['keys'][number]): IndexKey {
  const descending = (key.options & 1) === 1;
  const nullsFirst = (key.options & 2) === 2;
  return {
    column: key.column,
    expression: key.column === null ? key.expression : null,
    descending,
    nullsFirst: nullsFirst === descending ? null : nullsFirst,
    operatorClass: key.class,
  };
}
