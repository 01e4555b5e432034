/** What the source says of memory and of who sends a statement: read, never written. */
import type pg from 'pg';
import type { RoleUse } from '../../../domain/optimizer/setting.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { qualified } from '../../pg.ts';
import type { SourceSession } from '../ports.ts';

export interface SourceFacts {
  readonly connections: number;
  readonly cacheBytes: number;
  readonly planCacheMode: string;
  readonly sent: readonly Sent[];
}

/** Counts of one statement that one role sent. */
interface Sent {
  readonly role: string;
  readonly statement: string;
  readonly ms: number;
  readonly calls: number;
  /** Times it was planned; 0 where pg_stat_statements.track_planning is off. */
  readonly plans: number;
}

/** Counters are the whole cluster's: where this database lacks the extension, that of the connection may have it. */
export async function sourceFacts(sourceSession: SourceSession, policy: ClusterPolicy, database: string): Promise<SourceFacts> {
  const facts = await sourceSession(policy, database, (client) => read(client, database));
  if (facts.sent.length > 0 || policy.connection.database === database) return facts;
  return sourceSession(policy, policy.connection.database, (client) => read(client, database));
}

async function read(client: pg.Client, database: string): Promise<SourceFacts> {
  const { rows } = await client.query<Omit<SourceFacts, 'sent'> & { schema: string | null }>(placeSql);
  const [row] = rows;
  if (row === undefined) throw new TypeError('it is one row');
  const { schema, ...facts } = row;
  if (schema === null) return { ...facts, sent: [] };
  const sent = await client.query<Sent>(sentSql(qualified(schema, 'pg_stat_statements')), [database]);
  return { ...facts, sent: sent.rows };
}

/** Planned as often as it is called: no plan is kept. Where nobody counted, it may be. */
export function mayBeKept({ planCacheMode, sent }: SourceFacts, statement: string): boolean {
  const own = sent.filter((each) => each.statement === statement);
  const sum = (of: 'calls' | 'plans') => own.reduce((total, each) => total + each[of], 0);
  return planCacheMode === 'auto' && (sum('plans') === 0 || sum('plans') < sum('calls') * 0.9);
}

/** Who sends it, most time first; at most three. */
export function rolesOf({ sent }: SourceFacts, statement: string): readonly RoleUse[] {
  const own = sent.filter((each) => each.statement === statement).toSorted((a, b) => b.ms - a.ms);
  return own.slice(0, 3).map(({ role, ms }) => {
    const all = sent.filter((each) => each.role === role);
    const total = all.reduce((sum, each) => sum + each.ms, 0);
    return { role, others: all.length - 1, share: total === 0 ? 1 : ms / total };
  });
}

/** Where it is created, but not preloaded, its view cannot be read. */
const placeSql = `/* assay optimizer */ select current_setting('max_connections')::int as connections,
  pg_catalog.pg_size_bytes(current_setting('effective_cache_size'))::float8 as "cacheBytes", current_setting('plan_cache_mode') as "planCacheMode",
  (select n.nspname from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'pg_stat_statements' and current_setting('pg_stat_statements.max', true) is not null) as schema`;

const sentSql = (view: string) => `/* assay optimizer */ select r.rolname as role, s.queryid::text as statement, sum(s.total_exec_time)::float8 as ms,
    sum(s.calls)::float8 as calls, sum(s.plans)::float8 as plans
  from ${view} s join pg_catalog.pg_roles r on r.oid = s.userid join pg_catalog.pg_database d on d.oid = s.dbid
  where d.datname = $1 and s.queryid is not null and s.query not like '/* assay%' group by 1, 2`;
