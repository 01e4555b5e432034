/** Functions of the source's own, called by indexes and constraints, may rely on the search_path that its sessions have. */
import type pg from 'pg';

/** What ALTER DATABASE set, else ALTER ROLE ALL, else PostgreSQL's default. For what is read before it: names that were looked up stay qualified. */
export async function takeUsualSearchPath(client: pg.ClientBase): Promise<void> {
  await client.query(
    `/* assay backup */ select pg_catalog.set_config('search_path', coalesce((
       select pg_catalog.substr(setting, pg_catalog.length('search_path=') + 1) from pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) setting
       where s.setrole = 0 and s.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()))
         and setting like 'search_path=%' order by s.setdatabase desc limit 1), '"$user", public'), false)`,
  );
}
