/** Free bytes where an index will be: known only to a worker that is on the cluster's own host. */
import { statfs } from 'node:fs/promises';
import { isIP } from 'node:net';
import type pg from 'pg';
import type { RelationName } from '../../../domain/optimizer/model.ts';
import type { Connection } from '../../../domain/policy.ts';

/** null: the server is elsewhere, or does not say where its data is. */
export async function roomFor(client: pg.Client, connection: Connection, table: RelationName): Promise<number | null> {
  if (!isBeside(connection)) return null;
  const { rows } = await client.query<{ path: string | null }>(placeSql, [table.schema, table.relation]);
  const path = rows[0]?.path ?? null;
  if (path === null) return null;
  const room = await statfs(path).catch(() => null);
  return room === null ? null : room.bavail * room.bsize;
}

const isBeside = ({ host }: Connection): boolean =>
  host.startsWith('/') || host === 'localhost' || (isIP(host) > 0 && (host === '::1' || host.startsWith('127.')));

/** A new index goes to default_tablespace, else to the database's. Without the right to see the settings there is no path. */
const placeSql = `/* assay optimizer */ select case when t.spcname = 'pg_global' then null
      when pg_tablespace_location(t.oid) <> '' then pg_tablespace_location(t.oid)
      else (select setting from pg_settings where name = 'data_directory') end as path
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_database d on d.datname = current_database()
    join pg_tablespace t on t.oid = coalesce((select s.oid from pg_tablespace s where s.spcname = current_setting('default_tablespace')), d.dattablespace)
  where n.nspname = $1 and c.relname = $2`;
