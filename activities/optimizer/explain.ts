/** The plan PostgreSQL makes of a bound statement, for each of its bindings: on the lab, in a transaction that is always rolled back. */
import type pg from 'pg';
import type { Binding, Bound, NotJudgedReason } from '../../domain/optimizer/model.ts';
import type { Explained } from '../../domain/optimizer/plan.ts';
import { withoutValues } from '../../domain/optimizer/plan-mask.ts';
import { parseExplain } from '../../domain/optimizer/plan-parse.ts';
import { literal } from '../pg.ts';
import { faultOf, isServerError, reasonByCode } from '../pg-errors.ts';
import { asRole } from './run-as.ts';

export interface ExplainOptions {
  /** Executes the statement and measures each node. What it writes is rolled back; sequences that it moved stay moved. */
  readonly analyze: boolean;
  /** For each binding. */
  readonly timeoutMs: number;
}

/** What became of one binding. Constants in conditions are masked: the values of a binding are in no plan. */
export type BindingPlan =
  | {
      readonly kind: 'planned';
      readonly binding: Binding;
      /** Usually one; a rule may make several of one statement. */
      readonly explained: readonly [Explained, ...Explained[]];
    }
  | { readonly kind: 'not-planned'; readonly binding: Binding; readonly reason: NotJudgedReason; readonly detail: string };

const NAME = 'assay_explain';

/**
 * Plans the statement once for each binding, in their order. Values make a custom plan, a generic binding PostgreSQL's generic plan.
 * The session must be outside a transaction, and used by nobody else meanwhile; it is left without the prepared statement.
 * A statement or a binding that PostgreSQL refuses is answered with its reason. Throws what the driver throws where the server is gone.
 */
export async function explainBound(client: pg.Client, bound: Bound, options: ExplainOptions): Promise<readonly BindingPlan[]> {
  try {
    await prepare(client, bound);
  } catch (error) {
    const failed = notPlanned(error, 'no-plan');
    return bound.bindings.map((binding) => ({ ...failed, binding }));
  }
  try {
    const plans: BindingPlan[] = [];
    for (const binding of bound.bindings) plans.push(await explainBinding(client, binding, options));
    return plans;
  } finally {
    // a session that is gone took the statement with it
    await client.query(`deallocate ${NAME}`).catch(() => {});
  }
}

/** By the extended protocol: it refuses a text that holds more than one statement. */
async function prepare(client: pg.Client, { text, parameterTypes }: Bound): Promise<void> {
  const types = parameterTypes.length === 0 ? '' : ` (${parameterTypes.join(', ')})`;
  await one(client, `prepare ${NAME}${types} as ${text}`);
}

async function explainBinding(client: pg.Client, binding: Binding, { analyze, timeoutMs }: ExplainOptions): Promise<BindingPlan> {
  const values = binding.values.map((value) => (value === null ? 'null' : literal(value)));
  const execute = `execute ${NAME}${values.length === 0 ? '' : `(${values.join(', ')})`}`;
  const measuring = analyze ? ', analyze, buffers, wal' : '';
  await client.query('begin');
  try {
    await client.query(`set local statement_timeout = ${Math.max(1, Math.round(timeoutMs))}`);
    await client.query(`set local plan_cache_mode = ${binding.source === 'generic' ? 'force_generic_plan' : 'force_custom_plan'}${asRole(binding)}`);
    const { rows } = await one(client, `explain (format json, verbose, settings${measuring}) ${execute}`);
    const [first, ...others] = parseExplain((rows[0] as { 'QUERY PLAN': unknown } | undefined)?.['QUERY PLAN']).map(withoutValues);
    if (first === undefined) return { kind: 'not-planned', binding, reason: 'no-plan', detail: 'PostgreSQL gave no plan' };
    return { kind: 'planned', binding, explained: [first, ...others] };
  } catch (error) {
    return { ...notPlanned(error, analyze ? 'failed-on-lab' : 'no-plan'), binding };
  } finally {
    await client.query('rollback');
  }
}

const one = (client: pg.Client, text: string) => client.query({ text, queryMode: 'extended' } as pg.QueryConfig);

/** Messages may quote a binding's value; the code alone never does. */
function notPlanned(error: unknown, reason: NotJudgedReason): Omit<Extract<BindingPlan, { kind: 'not-planned' }>, 'binding'> {
  if (!isServerError(error)) throw error;
  return { kind: 'not-planned', reason: faultOf(error) === 'cancelled' ? 'too-slow-on-lab' : reason, detail: reasonByCode(error) };
}
