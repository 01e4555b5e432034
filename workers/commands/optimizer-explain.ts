/** `assay optimizer explain`: plans of a text's statements. Executes only on a server that was named for it, never on a cluster of the policy. */

import type pg from 'pg';
import { explainTexts } from '../../activities/optimizer/explain-texts.ts';
import { noDatabase } from '../../activities/optimizer/no-database.ts';
import { connect, withConnection } from '../../activities/pg.ts';
import { toAssayError } from '../../activities/pg-errors.ts';
import { AssayError } from '../../domain/errors.ts';
import type { ExplainReport } from '../../domain/optimizer/explain-report.ts';
import { findingsOf } from '../../domain/optimizer/findings.ts';
import { withoutValues } from '../../domain/optimizer/plan-mask.ts';
import { parseExplain } from '../../domain/optimizer/plan-parse.ts';
import { optimizerPolicyOf } from '../../domain/optimizer/policy.ts';
import type { ClusterPolicy, Connection } from '../../domain/policy.ts';
import type { ExplainRequest, GlobalOptions } from '../../ops/cli/handlers.ts';
import { planPage } from '../../ops/optimizer-report/plan-page.ts';
import { readSecret } from '../config.ts';
import { configOf, fleetIfThere } from './connection.ts';
import { parseConnection } from './plan-handlers.ts';

const NO_SERVER = { reason: 'no server is named for these statements', hint: 'name CLUSTER or CLUSTER/DATABASE, or a server with --connection' };

/** Throws usage, cluster-unknown, cluster-unreachable, refused-by-guard. */
export async function explain(request: ExplainRequest, options: GlobalOptions): Promise<ExplainReport & { readonly pages: readonly string[] }> {
  const report = /^\s*\[/.test(request.text) ? givenPlans(request.text) : await explained(request, options);
  const madeAt = new Date().toISOString();
  const pages = request.html ? report.statements.map(({ title, text, plan, findings }) => planPage({ title, statement: text, plan, findings, madeAt })) : [];
  return { ...report, pages };
}

/** The output of EXPLAIN (FORMAT JSON), whoever made it. */
const givenPlans = (text: string): ExplainReport => ({
  statements: parseExplain(text).map((plan, at) => ({
    title: `plan ${at + 1}`,
    text: '',
    source: 'captured',
    plan: withoutValues(plan),
    findings: findingsOf(plan),
  })),
  notExplained: [],
});

async function explained({ text, target, connection, analyze, timeoutMs }: ExplainRequest, options: GlobalOptions): Promise<ExplainReport> {
  const server = serverOf({ target, connection }, options);
  if (analyze && connection === undefined) throw inUse('it is a cluster of the policy');
  try {
    const client = await connect(server, readSecret, { agent: 'optimizer', database: server.database });
    try {
      if (analyze) await assertNotInUse(client, options);
      else await client.query('/* assay optimizer */ set default_transaction_read_only = on');
      return await explainTexts(client, text, { analyze, timeoutMs });
    } finally {
      await client.end().catch(() => {});
    }
  } catch (error) {
    const cluster = target?.split('/')[0] ?? 'named by --connection';
    const missing = target === undefined ? null : noDatabase(error, { cluster, database: server.database });
    throw missing ?? toAssayError(error, { cluster, role: server.user, what: `explain statements in ${server.database}` });
  }
}

/** A server of the policy with the database that runs look at, or the one named by its connection. Throws usage, cluster-unknown. */
export function serverOf({ target, connection }: Pick<ExplainRequest, 'target' | 'connection'>, options: GlobalOptions): Connection {
  if (connection !== undefined) {
    return {
      password: null,
      sslMode: 'disable',
      sslRootCertificate: null,
      host: 'localhost',
      port: 5432,
      user: 'postgres',
      database: 'postgres',
      ...parseConnection(connection),
    };
  }
  if (target === undefined) throw new AssayError('usage', NO_SERVER);
  const [name = '', ...named] = target.split('/');
  const policy = policyNamed(name, options);
  const database = named.length === 0 ? (optimizerPolicyOf(policy).database ?? policy.connection.database) : named.join('/');
  return { ...policy.connection, database };
}

/** Throws cluster-unknown. */
export function policyNamed(name: string, options: GlobalOptions): ClusterPolicy {
  const clusters = fleetIfThere(configOf(options))?.clusters ?? [];
  const policy = clusters.find(({ cluster }) => cluster === name);
  if (policy === undefined) {
    throw new AssayError('cluster-unknown', {
      cluster: name,
      where: configOf(options).policyFile,
      known: clusters.map(({ cluster }) => cluster).join(', ') || 'none',
    });
  }
  return policy;
}

/** Statements are executed on a restored copy only: it archives nothing, and is no server of the policy, by whatever name it is reached. */
async function assertNotInUse(client: pg.Client, options: GlobalOptions): Promise<void> {
  const { rows } = await client.query<{ archive: string }>(`/* assay optimizer */ select current_setting('archive_mode') as archive`);
  if (rows[0]?.archive !== 'off') throw inUse('it archives its WAL, as no restored copy does');
  const here = await startOf(client);
  for (const { cluster, connection } of fleetIfThere(configOf(options))?.clusters ?? []) {
    // one that does not answer is not the server that just did
    const there = await withConnection(connection, readSecret, { agent: 'optimizer' }, startOf).catch(() => null);
    if (there === here) throw inUse(`it is the cluster ${cluster}`);
  }
}

/** To the microsecond: two servers do not share it. */
async function startOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ started: string }>('/* assay optimizer */ select extract(epoch from pg_postmaster_start_time())::text as started');
  return rows[0]?.started ?? '';
}

const inUse = (reason: string) =>
  new AssayError('refused-by-guard', {
    what: 'executing statements on this server',
    reason,
    hint: 'leave out --analyze, or restore a copy with `assay backup restore CLUSTER --into DIR` and name it with --connection',
  });
