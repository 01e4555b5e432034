/** The anti-join of one foreign key, as PostgreSQL itself makes it when a key is validated (RI_Initial_Check in ri_triggers.c). */
import type pg from 'pg';
import { ident, qualified } from '../../pg.ts';

export interface ForeignKey {
  readonly name: string;
  readonly childSchema: string;
  readonly child: string;
  readonly parentSchema: string;
  readonly parent: string;
  /** A partitioned table holds no rows itself; of any other, inherited rows are not meant. */
  readonly childPartitioned: boolean;
  readonly parentPartitioned: boolean;
  readonly matchFull: boolean;
  readonly validated: boolean;
  readonly bytes: number;
  readonly columns: readonly {
    readonly child: string;
    readonly parent: string;
    /** Schema and name of the operator the key compares with. */
    readonly operatorSchema: string;
    readonly operator: string;
    /** The parent's collation, where the child's is another one. */
    readonly collationSchema: string | null;
    readonly collation: string | null;
  }[];
}

/** Every foreign key that is not a partition's copy of its parent's, and is enforced. */
export async function readForeignKeys(client: pg.ClientBase, major: number): Promise<readonly ForeignKey[]> {
  const { rows } = await client.query<ForeignKey>(
    `/* assay backup */ select con.conname as name, cn.nspname as "childSchema", c.relname as child, pn.nspname as "parentSchema", p.relname as parent,
       c.relkind = 'p' as "childPartitioned", p.relkind = 'p' as "parentPartitioned", con.confmatchtype = 'f' as "matchFull",
       con.convalidated as validated, (pg_catalog.pg_table_size(c.oid) + pg_catalog.pg_table_size(p.oid))::float8 as bytes,
       (select pg_catalog.json_agg(pg_catalog.json_build_object('child', ca.attname, 'parent', pa.attname,
            'operatorSchema', opn.nspname, 'operator', op.oprname,
            'collationSchema', case when ca.attcollation <> pa.attcollation then coln.nspname end,
            'collation', case when ca.attcollation <> pa.attcollation then col.collname end) order by k.place)
          from unnest(con.conkey, con.confkey, con.conpfeqop) with ordinality k(child, parent, equality, place)
          join pg_catalog.pg_attribute ca on ca.attrelid = con.conrelid and ca.attnum = k.child
          join pg_catalog.pg_attribute pa on pa.attrelid = con.confrelid and pa.attnum = k.parent
          join pg_catalog.pg_operator op on op.oid = k.equality
          join pg_catalog.pg_namespace opn on opn.oid = op.oprnamespace
          left join pg_catalog.pg_collation col on col.oid = pa.attcollation
          left join pg_catalog.pg_namespace coln on coln.oid = col.collnamespace) as columns
     from pg_catalog.pg_constraint con
     join pg_catalog.pg_class c on c.oid = con.conrelid join pg_catalog.pg_namespace cn on cn.oid = c.relnamespace
     join pg_catalog.pg_class p on p.oid = con.confrelid join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace
     where con.contype = 'f' and con.conparentid = 0 ${major >= 18 ? 'and con.conenforced and not con.conperiod' : ''}
     order by cn.nspname, c.relname, con.conname`,
  );
  return rows;
}

/** One row where any child row lacks its parent. Pure; every name is quoted. */
export function orphanSql(key: ForeignKey): string {
  const table = (schema: string, name: string, partitioned: boolean) => `${partitioned ? '' : 'only '}${qualified(schema, name)}`;
  const joined = key.columns.map(({ child, parent, operatorSchema, operator, collationSchema, collation }) => {
    const collate = collation === null ? '' : ` collate ${qualified(collationSchema ?? 'pg_catalog', collation)}`;
    return `p.${ident(parent)} operator(${ident(operatorSchema)}.${operator}) c.${ident(child)}${collate}`;
  });
  const filled = key.columns.map(({ child }) => `c.${ident(child)} is not null`).join(key.matchFull ? ' or ' : ' and ');
  return (
    `/* assay backup */ select 1 from ${table(key.childSchema, key.child, key.childPartitioned)} c ` +
    `left join ${table(key.parentSchema, key.parent, key.parentPartitioned)} p on ${joined.join(' and ')} ` +
    `where p.${ident(key.columns[0]?.parent ?? '')} is null and (${filled}) limit 1`
  );
}
