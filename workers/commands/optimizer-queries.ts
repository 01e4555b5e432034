/** `assay optimizer queries`: what the last run saw, or what pg_stat_statements says now, with what is known of each statement. */
import type { Control } from '../../activities/control/control-database.ts';
import { type LastRun, lastRun } from '../../activities/control/optimizer-queries.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import { noDatabase } from '../../activities/optimizer/no-database.ts';
import { countersOf } from '../../activities/optimizer/workload/counters-of.ts';
import { readSnapshot } from '../../activities/optimizer/workload/read.ts';
import { withConnection } from '../../activities/pg.ts';
import { toAssayError } from '../../activities/pg-errors.ts';
import { AssayError } from '../../domain/errors.ts';
import { chosen } from '../../domain/optimizer/experiment.ts';
import { type MeasuredWorkload, queriesOf } from '../../domain/optimizer/queries.ts';
import { type StatementsSnapshot, workloadBetween } from '../../domain/optimizer/workload.ts';
import type { Connection } from '../../domain/policy.ts';
import type { GlobalOptions, QueriesReport, QueriesRequest } from '../../ops/cli/handlers.ts';
import { readSecret } from '../config.ts';
import { configOf, fleetIfThere } from './connection.ts';
import { withControl } from './optimizer.ts';
import { policyNamed, serverOf } from './optimizer-explain.ts';

/** Throws usage, control-unreachable, cluster-unknown; with `live` cluster-unreachable, statements-missing, privilege-missing, too. */
export const readQueries = (request: QueriesRequest, options: GlobalOptions): Promise<QueriesReport> =>
  withControl(options, (control) => (request.live ? liveQueries(control, request, options) : storedQueries(control, request, options)));

async function storedQueries(control: Control, { target, by, limit }: QueriesRequest, options: GlobalOptions): Promise<QueriesReport> {
  const { cluster, database } = placeOf(target);
  const run = await lastRun(control, cluster, database);
  if (run === null) {
    // a name that the policy knows may still have no run; runs of clusters that it dropped are shown all the same
    if (fleetIfThere(configOf(options)) !== null) policyNamed(cluster, options);
    const hint = 'make one with `assay optimizer run`, or look at pg_stat_statements itself with --live';
    throw new AssayError('usage', { reason: `no run of ${target} is known`, hint });
  }
  const notJudged = run.notJudged.filter(({ reason }) => reason !== 'other-database');
  const head = { cluster, database: run.database, run: run.run, at: run.startedAt, notices: run.notices };
  return { ...head, ...queriesOf({ ...run, notJudged }, { by, limit }) };
}

async function liveQueries(control: Control, { target, by, limit, sinceLastRun }: QueriesRequest, options: GlobalOptions): Promise<QueriesReport> {
  const { cluster } = placeOf(target);
  const server = serverOf({ target, connection: undefined }, options);
  const snapshot = await look(server, policyNamed(cluster, options).connection, cluster);
  const earlier = sinceLastRun ? await createOptimizerStore(control).earlierSnapshot('', 'last-run', cluster) : null;
  if (sinceLastRun && earlier === null) throw new AssayError('usage', { reason: `no run of ${cluster} is known`, hint: 'leave out --since-last-run' });
  const workload = chosen(workloadBetween(earlier, snapshot), { database: server.database, maxStatements: Number.MAX_SAFE_INTEGER });
  const known = await lastRun(control, cluster, server.database);
  const head = { cluster, database: server.database, run: known?.run ?? null, at: snapshot.takenAt, notices: workload.notices };
  return { ...head, ...queriesOf(judgedBy(workload, known), { by, limit }) };
}

/** What the last run found out about these statements. */
function judgedBy({ statements, notJudged }: Pick<MeasuredWorkload, 'statements' | 'notJudged'>, known: LastRun | null): MeasuredWorkload {
  const ids = new Set(statements.map(({ id }) => id));
  const own = notJudged.filter(({ reason }) => reason !== 'other-database');
  return { statements, notJudged: [...own, ...(known?.notJudged ?? []).filter(({ statement }) => ids.has(statement))], experiment: known?.experiment ?? null };
}

async function look(server: Connection, own: Connection, cluster: string): Promise<StatementsSnapshot> {
  const read = (database: string) =>
    withConnection(server, readSecret, { database, agent: 'optimizer' }, readSnapshot).catch((error: unknown) => {
      throw noDatabase(error, { cluster, database }) ?? error;
    });
  try {
    return await countersOf({ asked: server.database, own: own.database }, read);
  } catch (error) {
    throw toAssayError(error, { cluster, role: server.user, what: `read the statistics of ${server.database}` });
  }
}

function placeOf(target: string): { readonly cluster: string; readonly database: string | null } {
  const [cluster = '', ...database] = target.split('/');
  return { cluster, database: database.length === 0 ? null : database.join('/') };
}
