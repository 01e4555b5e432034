/** One light look at the counters of a recommendation's statements: no texts are read, and nothing of any other statement. */
import type pg from 'pg';
import { AssayError } from '../../../domain/errors.ts';
import type { CountedRow, GuardLook } from '../../../domain/optimizer/guard-looks.ts';
import type { Recommendation } from '../../../domain/optimizer/recommendation.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { qualified } from '../../pg.ts';
import { parserReady } from '../bind/tree.ts';
import type { OptimizerDependencies } from '../ports.ts';
import { countersOf } from '../workload/counters-of.ts';
import { type StatementNames, selectNames } from './names.ts';

interface Question {
  readonly policy: ClusterPolicy;
  readonly recommendation: Recommendation;
  readonly window: number;
  readonly look: number;
}

/** Throws statements-missing, cluster-unreachable, privilege-missing. */
export async function lookAt(deps: OptimizerDependencies, { policy, recommendation, window, look }: Question): Promise<GuardLook> {
  const { database, experiment, texts } = recommendation;
  const ids = experiment.statements.map(({ statement }) => statement);
  await parserReady();
  const read = (client: pg.Client) => counted(client, database, ids);
  const seen = await countersOf({ asked: database, own: policy.connection.database }, (each) => deps.sourceSession(policy, each, read));
  if (look > 0 || window > 0) return { window, look, ...seen };
  const named = Object.values(texts).flatMap((text) => selectNames(text) ?? []);
  const opaque = await deps.sourceSession(policy, database, (client) => opaqueOf(client, named));
  return { window, look, ...seen, opaque };
}

async function counted(client: pg.Client, database: string, ids: readonly string[]): Promise<Omit<GuardLook, 'window' | 'look'>> {
  const { rows: places } = await client.query<{ schema: string; hasInfo: boolean; columns: string[] }>(extensionSql);
  const [place] = places;
  if (place === undefined) {
    const way = 'run `CREATE EXTENSION pg_stat_statements` in it';
    throw new AssayError('statements-missing', { database, reason: 'the extension is not created there', way });
  }
  const has = new Set(place.columns);
  const { rows } = await client.query<CountedRow>(countersSql(qualified(place.schema, 'pg_stat_statements'), has), [database, ids]);
  const info = place.hasInfo ? qualified(place.schema, 'pg_stat_statements_info') : null;
  const { rows: looks } = await client.query<Omit<GuardLook, 'window' | 'look' | 'rows'>>(lookSql(info));
  return { ...(looks[0] as Omit<GuardLook, 'window' | 'look' | 'rows'>), rows };
}

async function opaqueOf(client: pg.Client, named: readonly StatementNames[]): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(opaqueSql, [
    named.flatMap(({ relations }) => [...relations]),
    named.flatMap(({ functions }) => [...functions]),
  ]);
  return rows.map(({ name }) => name);
}

const opaqueSql = `/* assay optimizer */ select relname as name from pg_class where relkind in ('v', 'm', 'f') and relname = any($1::text[])
  union select proname from pg_proc where pronamespace <> 'pg_catalog'::regnamespace and proname = any($2::text[])`;

const extensionSql = `/* assay optimizer */ select n.nspname as schema,
    exists (select from pg_class c where c.relnamespace = n.oid and c.relname = 'pg_stat_statements_info') as "hasInfo",
    array(select a.attname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = n.oid and c.relname = 'pg_stat_statements' and a.attnum > 0 and not a.attisdropped) as columns
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements'`;

const countersSql = (view: string, has: ReadonlySet<string>) => {
  const [total, deviation] = has.has('total_exec_time') ? ['total_exec_time', 'stddev_exec_time'] : ['total_time', 'stddev_time'];
  return `/* assay optimizer */ select s.userid || ${has.has('toplevel') ? `' ' || s.toplevel` : `''`} as row, s.queryid::text as statement,
      s.calls::float8 as calls, s.${total}::float8 as "totalMs", (s.calls * s.${deviation} ^ 2)::float8 as squares,
      (s.shared_blks_hit + s.shared_blks_read + s.local_blks_hit + s.local_blks_read + s.temp_blks_read + s.temp_blks_written)::float8 as blocks
    from ${view} s join pg_database d on d.oid = s.dbid where d.datname = $1 and s.queryid::text = any($2::text[])`;
};

const instant = (expression: string) => `to_char(${expression} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

const lookSql = (info: string | null) => `/* assay optimizer */ select ${instant('clock_timestamp()')} as "takenAt",
    ${instant('pg_postmaster_start_time()')} as "startedAt", ${info === null ? 'null' : `(select ${instant('stats_reset')} from ${info})`} as "resetAt"`;
