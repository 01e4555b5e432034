/** Which column types have no extended hash, asked of the catalogue: no list of types is ever right for all extensions. */
import type pg from 'pg';

/**
 * Follows PostgreSQL's own look-up (GetDefaultOpClass, lookup_type_cache): a domain stands for its base type; a type has a hash where a
 * default hash operator class for it, or for a type it is binary-coercible to, has support function 2; arrays, ranges and composites have
 * one where all their parts do; enums always do. One row: the oids of column types of user tables that have none.
 */
export const unhashableTypesSql = `/* assay backup */
with recursive hashable as materialized (
  select o.opcintype as type
  from pg_opclass o
  join pg_am m on m.oid = o.opcmethod and m.amname = 'hash'
  join pg_amproc p on p.amprocfamily = o.opcfamily and p.amproclefttype = o.opcintype and p.amprocrighttype = o.opcintype and p.amprocnum = 2
  where o.opcdefault
), types as materialized (
  select t.oid, t.typtype, t.typrelid, t.typbasetype, t.typelem,
    t.oid in (select type from hashable)
      or exists (select from pg_cast k join hashable h on h.type = k.casttarget where k.castsource = t.oid and k.castmethod = 'b' and k.castcontext = 'i') as has_hash,
    t.typtype = 'b' and t.typsubscript = 'array_subscript_handler'::regproc as is_array
  from pg_type t
), used as (
  select distinct a.atttypid as root
  from pg_attribute a join pg_class c on c.oid = a.attrelid
  where c.relkind in ('r', 'm') and (c.oid >= 16384 or c.oid = 'pg_largeobject'::regclass) and a.attnum > 0 and not a.attisdropped
), parts(root, type) as (
  select root, root from used
  union
  select p.root, part.type
  from parts p
  join types t on t.oid = p.type
  cross join lateral (
    select t.typbasetype as type where t.typtype = 'd'
    union all select t.typelem where t.is_array and not t.has_hash
    union all select r.rngsubtype from pg_range r where t.typtype in ('r', 'm') and t.oid in (r.rngtypid, r.rngmultitypid)
    union all select a.atttypid from pg_attribute a where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
  ) part
)
select coalesce(array_agg(distinct p.root::int8), '{}') as oids
from parts p join types t on t.oid = p.type
where not t.has_hash and not t.is_array and t.typtype in ('b', 'p')`;

/** As text. */
export async function unhashableTypes(client: pg.ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ oids: string[] }>(unhashableTypesSql);
  return (rows[0] as { oids: string[] }).oids;
}
