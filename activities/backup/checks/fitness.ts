/** Can this host judge the clone at all? Another C library sorts text differently; a missing library makes types unreadable. */
import { existsSync } from 'node:fs';
import type pg from 'pg';
import type { Finding } from './result.ts';

const NAMED = 10;

/** Libraries that functions of this database are in and that this host lacks; null: none. */
export async function missingLibraries(client: pg.ClientBase): Promise<Finding | null> {
  const { rows } = await client.query<{ library: string; extension: string | null; folder: string }>(
    `/* assay backup */ select distinct p.probin as library, e.extname as extension,
       (select setting from pg_catalog.pg_config where name = 'PKGLIBDIR') as folder
     from pg_catalog.pg_proc p
     left join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
     left join pg_catalog.pg_extension e on d.refclassid = 'pg_catalog.pg_extension'::regclass and e.oid = d.refobjid
     where p.prolang = (select oid from pg_catalog.pg_language where lanname = 'c') and p.probin is not null`,
  );
  const missing = rows.filter(({ library, folder }) => !libraryExists(library, folder));
  if (missing.length === 0) return null;
  const told = [...new Set(missing.map(({ library, extension }) => (extension === null ? library : `${extension} (${library})`)))];
  return { outcome: 'unusable', cause: 'missing-extension', because: [`this host lacks ${told.slice(0, NAMED).join(', ')}`] };
}

function libraryExists(library: string, folder: string): boolean {
  const path = library.startsWith('/') ? library : `${folder}/${library.replace(/^\$libdir\//, '')}`;
  return existsSync(path) || existsSync(`${path}.so`) || existsSync(`${path}.dylib`);
}

/** Collations that indexes of this database are sorted by and that have another version here; null: none. */
export async function changedCollations(client: pg.ClientBase, major: number): Promise<Finding | null> {
  const ofDatabase = `union all
    select 'the default of the database', datcollversion, pg_catalog.pg_database_collation_actual_version(oid)
    from pg_catalog.pg_database where datname = pg_catalog.current_database() and datcollversion is not null`;
  const { rows } = await client.query<{ name: string; recorded: string; actual: string | null }>(
    `/* assay backup */ with used as (select distinct unnest(indcollation::oid[]) as oid from pg_catalog.pg_index),
     versions as (
       select collname::text as name, collversion as recorded, pg_catalog.pg_collation_actual_version(c.oid) as actual
       from pg_catalog.pg_collation c join used using (oid) where collversion is not null
       ${major >= 15 ? ofDatabase : ''})
     select name, recorded, actual from versions where recorded is distinct from actual`,
  );
  if (rows.length === 0) return null;
  const told = rows.map(({ name, recorded, actual }) => `${name} was ${recorded}, here it is ${actual ?? 'missing'}`);
  return { outcome: 'unusable', cause: 'collation-version', because: [`collations differ from the source's: ${told.slice(0, NAMED).join(', ')}`] };
}
