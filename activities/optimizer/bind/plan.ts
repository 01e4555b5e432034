/** The last word on a binding: PostgreSQL plans the statement with it. */
import type pg from 'pg';
import type { Binding } from '../../../domain/optimizer/model.ts';
import { literal } from '../../pg.ts';
import { isServerError, reasonByCode, scrubbedReason } from '../../pg-errors.ts';
import { type Prepared, preparedName } from './prepare.ts';

/**
 * The bindings with which the statement has a plan; the generic plan where none of them has. Nothing is executed, nothing stays prepared.
 * A value that the server refuses (a label of no enum, a unit of no time) costs its binding only.
 */
export async function plannedBindings(
  client: pg.Client,
  prepared: Prepared,
  wanted: readonly Binding[],
): Promise<{ bindings: readonly Binding[] } | { detail: string }> {
  try {
    await client.query({ text: `PREPARE ${preparedName} AS ${prepared.text}`, queryMode: 'extended' } as pg.QueryConfig);
  } catch (error) {
    return { detail: reasonFor(error) };
  }
  try {
    const bindings: Binding[] = [];
    for (const binding of wanted) if ((await refusal(client, binding)) === null) bindings.push(binding);
    if (bindings.length > 0) return { bindings };
    const generic: Binding = { source: 'generic', case: 'generic', values: prepared.types.map(() => null) };
    const detail = await refusal(client, generic);
    return detail === null ? { bindings: [generic] } : { detail };
  } finally {
    await client.query(`DEALLOCATE ${preparedName}`);
  }
}

/** null: it has a plan. NULLs in a custom plan would give the degenerate plan of a false condition. */
async function refusal(client: pg.Client, binding: Binding): Promise<string | null> {
  const mode = binding.source === 'generic' ? 'force_generic_plan' : 'force_custom_plan';
  const values = binding.values.map((value) => (value === null ? 'NULL' : literal(value)));
  const call = values.length === 0 ? preparedName : `${preparedName}(${values.join(', ')})`;
  await client.query(`BEGIN; SET LOCAL plan_cache_mode = ${mode}`);
  try {
    await client.query(`EXPLAIN (FORMAT JSON) EXECUTE ${call}`);
    return null;
  } catch (error) {
    // its words may quote a value
    return reasonFor(error, reasonByCode);
  } finally {
    await client.query('ROLLBACK');
  }
}

function reasonFor(error: unknown, say = scrubbedReason): string {
  if (!isServerError(error)) throw error;
  return say(error);
}
