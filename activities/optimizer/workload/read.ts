/** One look at pg_stat_statements: of the whole cluster, from one session of any database that has the extension. */
import { setImmediate } from 'node:timers/promises';
import type pg from 'pg';
import { AssayError } from '../../../domain/errors.ts';
import type { StatementCounters, StatementsSnapshot } from '../../../domain/optimizer/workload.ts';
import { qualified } from '../../pg.ts';
import { parserReady } from '../bind/tree.ts';
import { type Classified, classify, type KnownNames, temporaryTables } from './classify.ts';

/**
 * Reads and classifies every statement. Only reads; needs no superuser.
 * Throws statements-missing (no extension here, or not preloaded) and privilege-missing (texts of other roles are hidden).
 */
export async function readSnapshot(client: pg.Client): Promise<StatementsSnapshot> {
  await parserReady();
  const place = await extensionOf(client);
  await refuseHiddenTexts(client);
  const { rows: columns } = await client.query<{ name: string }>(columnsSql, [place.viewOid]);
  const view = qualified(place.schema, 'pg_stat_statements');
  const { rows } = await client.query<StatementRow>(statementsSql(view, new Set(columns.map(({ name }) => name)))).catch(refuseUnloaded(place.database));
  const info = place.hasInfo ? qualified(place.schema, 'pg_stat_statements_info') : null;
  const { rows: looks } = await client.query<LookRow>(lookSql(info));
  const { rows: catalogue } = await client.query<{ name: string }>(catalogueSql);
  const known = knownNames(rows, new Set(catalogue.map(({ name }) => name)));
  return { ...(looks[0] as LookRow), statements: await inPortions(rows, (row) => counters(row, classified(row, known))) };
}

/** Statements parsed in one go: some 30 ms of the worker's only thread, which has heartbeats to send meanwhile. */
const PORTION = 200;

async function inPortions<T, R>(all: readonly T[], work: (one: T) => R): Promise<readonly R[]> {
  const done: R[] = [];
  for (const [place, one] of all.entries()) {
    if (place > 0 && place % PORTION === 0) await setImmediate();
    done.push(work(one));
  }
  return done;
}

type StatementRow = Omit<StatementCounters, 'text' | 'kind' | 'notJudged'> & { readonly text: string | null };

type LookRow = Omit<StatementsSnapshot, 'statements'>;

interface Place {
  readonly database: string;
  readonly schema: string;
  readonly viewOid: string;
  /** pg_stat_statements_info is there from version 1.9 on. */
  readonly hasInfo: boolean;
}

async function extensionOf(client: pg.Client): Promise<Place> {
  const { rows } = await client.query<{ database: string; schema: string | null; viewOid: string; hasInfo: boolean }>(extensionSql);
  const place = rows[0];
  if (place === undefined || place.schema === null) {
    const database = place?.database ?? 'the database';
    throw new AssayError('statements-missing', {
      database,
      reason: 'the extension is not created there',
      way: 'run `CREATE EXTENSION pg_stat_statements` in it (after it was added to shared_preload_libraries and the server restarted)',
    });
  }
  return { ...place, schema: place.schema };
}

const refuseUnloaded = (database: string) => (error: unknown) => {
  // object_not_in_prerequisite_state: "must be loaded via shared_preload_libraries"
  if ((error as { code?: string }).code !== '55000') throw error;
  throw new AssayError('statements-missing', {
    database,
    reason: 'the server runs without its library',
    way: 'add pg_stat_statements to shared_preload_libraries and restart the server',
  });
};

async function refuseHiddenTexts(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ role: string; sees: boolean }>(
    `/* assay optimizer */ select current_user as role, pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees`,
  );
  const { role, sees } = rows[0] as { role: string; sees: boolean };
  if (sees) return;
  throw new AssayError('privilege-missing', {
    role,
    what: 'read the statements of other roles',
    grant: `GRANT pg_read_all_stats TO ${role}`,
  });
}

/** Temporary tables are known by the statements that make them. */
function knownNames(rows: readonly StatementRow[], catalogue: ReadonlySet<string>): (databaseId: string) => KnownNames {
  const temporary = new Map<string, Set<string>>();
  for (const { databaseId, text } of rows) {
    const names = text === null ? [] : temporaryTables(text);
    if (names.length > 0) temporary.set(databaseId, new Set([...(temporary.get(databaseId) ?? []), ...names]));
  }
  return (databaseId) => ({ isCatalogue: (name) => catalogue.has(name), temporary: temporary.get(databaseId) ?? new Set() });
}

function classified(row: StatementRow, known: (databaseId: string) => KnownNames): Classified {
  if (row.text !== null) return classify(row.text, known(row.databaseId));
  return { text: '', kind: 'utility', notJudged: { reason: 'unreadable-text', detail: 'PostgreSQL has lost its text' } };
}

const counters = (row: StatementRow, { text, kind, notJudged }: Classified): StatementCounters => ({ ...row, text, kind, notJudged });

const instant = (expression: string) => `to_char(${expression} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

const extensionSql = `/* assay optimizer */ select current_database() as database, namespace.nspname as schema, view.oid::text as "viewOid",
    exists (select from pg_class as info where info.relnamespace = namespace.oid and info.relname = 'pg_stat_statements_info') as "hasInfo"
  from (select) as always
  left join pg_extension as extension on extension.extname = 'pg_stat_statements'
  left join pg_namespace as namespace on namespace.oid = extension.extnamespace
  left join pg_class as view on view.relnamespace = namespace.oid and view.relname = 'pg_stat_statements'`;

const columnsSql = `/* assay optimizer */ select attname as name from pg_attribute where attrelid = $1::oid and attnum > 0 and not attisdropped`;

const catalogueSql = `/* assay optimizer */ select relname as name from pg_class where relnamespace = 'pg_catalog'::regnamespace`;

/** The columns were renamed in 1.8 and added to in 1.8, 1.9 and 1.11; what the extension has in this database counts, not the server's version. */
const statementsSql = (
  view: string,
  has: ReadonlySet<string>,
) => `/* assay optimizer */ select s.userid::text as "userId", role.rolname as role, s.dbid::text as "databaseId",
    s.queryid::text as "queryId", ${has.has('toplevel') ? 's.toplevel' : 'true'} as "isTopLevel", database.datname as database, s.query as text,
    ${has.has('stats_since') ? instant('s.stats_since') : 'null'} as since, s.calls::float8 as calls,
    ${has.has('total_exec_time') ? `s.total_exec_time` : 's.total_time'} as "totalMs", s.rows::float8 as rows,
    (s.shared_blks_hit + s.shared_blks_read)::float8 as blocks, (s.temp_blks_read + s.temp_blks_written)::float8 as "tempBlocks",
    ${has.has('wal_bytes') ? 's.wal_bytes::float8' : '0::float8'} as "walBytes"
  from ${view} as s left join pg_database as database on database.oid = s.dbid left join pg_roles as role on role.oid = s.userid where s.queryid is not null`;

const lookSql = (info: string | null) => `/* assay optimizer */ select ${instant('clock_timestamp()')} as "takenAt",
    ${instant('pg_postmaster_start_time()')} as "startedAt", coalesce(current_setting('pg_stat_statements.max', true), '0')::int as "maxStatements",
    ${info === null ? 'null' : `(select ${instant('stats_reset')} from ${info})`} as "resetAt",
    ${info === null ? 'null::float8' : `(select dealloc::float8 from ${info})`} as evictions`;
