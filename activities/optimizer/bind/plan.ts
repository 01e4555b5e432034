/** The last word on a binding: PostgreSQL plans the statement with it. */
import type pg from 'pg';
import type { Binding, RunAs } from '../../../domain/optimizer/model.ts';
import { literal } from '../../pg.ts';
import { faultOf, isServerError, reasonByCode, scrubbedReason } from '../../pg-errors.ts';
import { asRole } from '../run-as.ts';
import { type Prepared, preparedName } from './prepare.ts';

export interface Wanted {
  readonly wanted: readonly Binding[];
  /** Whose generic plan it is, where no binding has one. */
  readonly as?: RunAs | undefined;
}

/** `isForbidden`: the role may not run it. */
export type PlannedBindings = { readonly bindings: readonly Binding[] } | { readonly detail: string; readonly isForbidden: boolean };

/**
 * The bindings with which the statement has a plan; the generic plan where none of them has. Nothing is executed, nothing stays prepared.
 * A value that the server refuses (a label of no enum, a unit of no time) costs its binding only.
 */
export async function plannedBindings(client: pg.Client, prepared: Prepared, { wanted, as }: Wanted): Promise<PlannedBindings> {
  try {
    await client.query({ text: `PREPARE ${preparedName} AS ${prepared.text}`, queryMode: 'extended' } as pg.QueryConfig);
  } catch (error) {
    return { detail: scrubbedReason(serverError(error)), isForbidden: false };
  }
  try {
    const bindings: Binding[] = [];
    for (const binding of wanted) if ((await refusal(client, binding)) === null) bindings.push(binding);
    if (bindings.length > 0) return { bindings };
    const generic: Binding = { source: 'generic', case: 'generic', values: prepared.types.map(() => null), ...(as === undefined ? {} : { as }) };
    const error = await refusal(client, generic);
    // its words may quote a value
    return error === null ? { bindings: [generic] } : { detail: reasonByCode(error), isForbidden: faultOf(error) === 'privilege-missing' };
  } finally {
    await client.query(`DEALLOCATE ${preparedName}`);
  }
}

/** null: it has a plan. NULLs in a custom plan would give the degenerate plan of a false condition. */
async function refusal(client: pg.Client, binding: Binding): Promise<unknown> {
  const mode = binding.source === 'generic' ? 'force_generic_plan' : 'force_custom_plan';
  const values = binding.values.map((value) => (value === null ? 'NULL' : literal(value)));
  const call = values.length === 0 ? preparedName : `${preparedName}(${values.join(', ')})`;
  try {
    await client.query(`BEGIN; SET LOCAL plan_cache_mode = ${mode}${asRole(binding)}`);
    await client.query(`EXPLAIN (FORMAT JSON) EXECUTE ${call}`);
    return null;
  } catch (error) {
    return serverError(error);
  } finally {
    await client.query('ROLLBACK');
  }
}

function serverError(error: unknown): unknown {
  if (!isServerError(error)) throw error;
  return error;
}
