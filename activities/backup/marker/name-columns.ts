/**
 * Columns whose text form names other objects (regclass, regproc, regrole, …, aclitem, and whatever holds one): it changes when such an object
 * is renamed, or leaves the search path, while the row stays what it was. The text form takes their oids instead.
 */
import type pg from 'pg';
import { unhashableTypes } from './unhashable-types.ts';

/**
 * How a column goes into the text form of its row. `plain`: as it prints. `oid`, `oid[]`: cast. `hash`: by the hash of its type, which is
 * made of oids (ranges, composites, arrays of domains, aclitem). `none`: it prints names and has no hash, so its table cannot be compared by text.
 */
export type ColumnHow = 'plain' | 'oid' | 'oid[]' | 'hash' | 'none';

export interface TextColumn {
  readonly name: string;
  readonly how: ColumnHow;
}

/** By type oid as text; types that are not there print no names. */
export type NameTypes = ReadonlyMap<string, ColumnHow>;

/** A type is asked for all that it is made of: domains for their base, arrays for their elements, ranges, composites for their columns. */
const nameTypesSql = `/* assay backup */
with recursive types as materialized (
  select t.oid, t.typtype, t.typrelid, t.typbasetype, t.typelem,
    t.typnamespace = 'pg_catalog'::regnamespace and t.typtype = 'b' and t.typname like 'reg%' as is_reg,
    t.oid = 'aclitem'::regtype as is_acl,
    t.typtype = 'b' and t.typsubscript = 'array_subscript_handler'::regproc as is_array
  from pg_type t
), used as (
  select distinct a.atttypid as root
  from pg_attribute a join pg_class c on c.oid = a.attrelid
  where c.relkind in ('r', 'm') and c.oid >= 16384 and a.attnum > 0 and not a.attisdropped
), parts(root, type, is_base) as (
  select root, root, true from used
  union
  select p.root, part.type, p.is_base and t.typtype = 'd'
  from parts p
  join types t on t.oid = p.type
  cross join lateral (
    select t.typbasetype as type where t.typtype = 'd'
    union all select t.typelem where t.is_array
    union all select r.rngsubtype from pg_range r where t.typtype in ('r', 'm') and t.oid in (r.rngtypid, r.rngmultitypid)
    union all select a.atttypid from pg_attribute a where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
  ) part
)
select p.root::int8 as type,
  case
    when bool_or(p.is_base and t.is_reg) then 'oid'
    when bool_or(p.is_base and t.is_array and (select element.is_reg from types element where element.oid = t.typelem)) then 'oid[]'
    else 'hash'
  end as how
from parts p join types t on t.oid = p.type
group by p.root
having bool_or(t.is_reg or t.is_acl)`;

/** Of the columns of user tables. `unhashable` as `unhashableTypes` gives it. */
export async function nameTypes(client: pg.ClientBase, unhashable: readonly string[]): Promise<NameTypes> {
  const { rows } = await client.query<{ type: string; how: 'oid' | 'oid[]' | 'hash' }>(nameTypesSql);
  return new Map(rows.map(({ type, how }) => [type, how === 'hash' && unhashable.includes(type) ? 'none' : how]));
}

/** An SQL expression over pg_class c: the columns of a table that has any of these types, as json; null for all others. */
export function textColumnsSql(types: NameTypes): string {
  const list = [...types.keys()].map((oid) => String(BigInt(oid))).join(',');
  return `case when exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.atttypid = any ('{${list}}'::oid[]))
    then (select json_agg(json_build_array(a.attname, a.atttypid::text) order by a.attnum) from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) end`;
}

/** Reads what that expression gave. */
export function textColumns(given: readonly (readonly [string, string])[] | null, types: NameTypes): readonly TextColumn[] | null {
  return given === null ? null : given.map(([name, type]) => ({ name, how: types.get(type) ?? 'plain' }));
}

/** For a whole database at once, by `tableKey`: only tables with such columns are in it. */
export async function textColumnsByTable(client: pg.ClientBase): Promise<ReadonlyMap<string, readonly TextColumn[]>> {
  const types = await nameTypes(client, await unhashableTypes(client));
  if (types.size === 0) return new Map();
  const { rows } = await client.query<{ schema: string; table: string; columns: [string, string][] }>(
    `/* assay backup */ select * from (
       select n.nspname as schema, c.relname as table, ${textColumnsSql(types)} as columns
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'm') and c.oid >= 16384) found where columns is not null`,
  );
  return new Map(rows.map(({ schema, table, columns }) => [tableKey({ schema, table }), textColumns(columns, types) ?? []]));
}

/** Names may hold dots: the separator is a byte no PostgreSQL name can hold. */
export const tableKey = ({ schema, table }: { readonly schema: string; readonly table: string }): string => `${schema}\0${table}`;

/**
 * The row of table t as text; `seed` for columns that go in by their hash. Columns go by their place, as `columnAliases` calls them: one may be
 * renamed while it is read. Throws RangeError where a column cannot.
 */
export function rowText(columns: readonly TextColumn[] | null, seed: string): string {
  if (columns === null) return '(t.*)::text';
  return `row(${columns.map((column, at) => columnText(column, { alias: `t.c${at}`, seed })).join(', ')})::text`;
}

/** To follow the name t in FROM. */
export const columnAliases = (columns: readonly TextColumn[] | null): string => (columns === null ? '' : `(${columns.map((_, at) => `c${at}`).join(', ')})`);

function columnText({ name, how }: TextColumn, { alias, seed }: { readonly alias: string; readonly seed: string }): string {
  switch (how) {
    case 'plain':
      return alias;
    case 'oid':
    case 'oid[]':
      return `${alias}::${how}`;
    case 'hash':
      return `hash_record_extended(row(${alias}), ${seed})`;
    case 'none':
      throw new RangeError(`column ${name} has no text form`);
  }
}
