/** Tables, a session, and findings of one kind, for the tests of findings. */
import type pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import type { Finding, FindingFacts, FindingKind } from '../../domain/optimizer/finding.ts';
import { findingsOf } from '../../domain/optimizer/findings.ts';
import { nodesOf } from '../../domain/optimizer/plan.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { openSession, planOf } from './explain-support.ts';

export interface FindingsServer {
  cluster: EmbeddedCluster;
  client: pg.Client;
}

export interface FoundOptions {
  readonly analyze?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
  readonly facts?: FindingFacts;
}

/** Filled before the first test of the file, gone after its last. */
export function findingsServer(): FindingsServer {
  const server = {} as FindingsServer;
  beforeAll(async () => {
    server.cluster = await testCluster({
      stanzaCreate: false,
      settings: { shared_preload_libraries: 'pg_stat_statements', autovacuum: 'off', jit: 'off', max_parallel_workers_per_gather: '0' },
    });
    server.client = await openSession(server.cluster);
    await server.client.query(TABLES);
    await server.client.query('vacuum analyze');
  });
  afterAll(() => server.client.end());
  return server;
}

/** Findings of one kind, with the type of their node. */
export async function foundIn(
  { client }: FindingsServer,
  { kind, sql, facts, ...options }: FoundOptions & { readonly kind: FindingKind; readonly sql: string },
): Promise<readonly (Finding & { node: string | null })[]> {
  const plan = await planOf(client, sql, options);
  const nodes = nodesOf(plan.root);
  return findingsOf(plan, facts)
    .filter(({ evidence }) => evidence.kind === kind)
    .map((finding) => ({ ...finding, node: finding.nodeId === null ? null : (nodes[finding.nodeId]?.type ?? null) }));
}

/** A number of a finding's evidence. */
export const figure = (finding: Finding | undefined, name: string): number => Number(({ ...finding?.evidence } as Record<string, unknown>)[name]);

const TABLES = `create extension pg_stat_statements; create extension pg_trgm;
  create table events (id int primary key, actor int, kind int, region int, city int, at timestamptz, note text);
  insert into events select n, n % 5000, n % 3, n % 100, n % 100, timestamptz '2026-01-01' + n * interval '1 min', md5(n::text) || repeat('.', 60)
    from generate_series(1, 100000) n;
  create index events_kind on events (kind); create index events_actor on events (actor); create index events_at on events (at);
  create table actors (id int primary key, name text);
  insert into actors select n, 'actor ' || n from generate_series(0, 4999) n;
  create table tied as select n as id, n % 4 as x, n % 4 as y, n % 4 as z from generate_series(1, 5000) n;
  create table trigrams as select 'abc bcd ' || n as note from generate_series(1, 20000) n; create index on trigrams using gin (note gin_trgm_ops);
  create table tiny (id int, what text); insert into tiny select n, 'x' from generate_series(1, 500) n`;
