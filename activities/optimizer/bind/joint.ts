/**
 * Values that occur together: `tenant = $1 and state = $2` with each column's commonest value may find no row at all, and a measured time would then say
 * nothing. So columns of one relation that must be equal at once take their values from rows of it: the commonest combination, one in between, a rare one.
 */
import type pg from 'pg';
import type { RunAs } from '../../../domain/optimizer/model.ts';
import type { JointValues, ParameterFacts } from '../../../domain/optimizer/synthetic.ts';
import { ident, qualified } from '../../pg.ts';
import { isServerError } from '../../pg-errors.ts';
import { asRole } from '../run-as.ts';
import type { Usage } from './usage.ts';

/** Pages read of a relation; a sample of rows next to each other would know few combinations. */
const SAMPLED_PAGES = 200;
const SAMPLE_MS = 5_000;
/** Rows read of those that a role sees, where the sample has none of them. */
const SEEN_ROWS = 10_000;

export interface Joined {
  readonly facts: readonly ParameterFacts[];
  /** `usages[i]` is that of parameter i + 1. */
  readonly usages: readonly (Usage | undefined)[];
  /** Row level security hides rows: values are those that it sees, of single columns too. */
  readonly as?: RunAs | undefined;
}

/** The same parameters, those of an equality on several columns with values that occur together. */
export async function withJointValues(client: pg.Client, { facts, usages, as }: Joined): Promise<readonly ParameterFacts[]> {
  const joint = new Map<number, JointValues>();
  for (const group of groupsOf(facts, usages)) {
    if (group.columns.length === 1 && as === undefined) continue;
    const tuples = await sampledTuples(client, as === undefined ? group : { ...group, as });
    for (const [place, { index }] of group.columns.entries()) {
      const values = tuples.map((tuple) => tuple[place] as string);
      if (values.length > 0) joint.set(index, { common: values[0] as string, quantile: values[values.length >> 1] as string, rare: values.at(-1) as string });
    }
  }
  return facts.map((one, index) => ({ ...one, joint: joint.get(index) ?? null }));
}

interface Sampled {
  readonly schema: string;
  readonly relation: string;
  readonly columns: readonly { readonly name: string }[];
  /** Only rows that it sees count. Left out: all. */
  readonly as?: RunAs;
}

interface Group extends Sampled {
  readonly columns: readonly { readonly name: string; readonly index: number }[];
}

/** First parameter of each column that is compared for equality, by relation. */
function groupsOf(facts: readonly ParameterFacts[], usages: readonly (Usage | undefined)[]): readonly Group[] {
  const groups = new Map<string, { schema: string; relation: string; columns: { name: string; index: number }[] }>();
  for (const [index, { use, type, sample, known }] of facts.entries()) {
    const origin = usages[index]?.origin ?? null;
    if (use !== 'equal' || origin === null || sample === null || known !== null || type.endsWith('[]')) continue;
    const { schema, name } = origin.relation;
    const key = JSON.stringify([schema, name]);
    const group = groups.get(key) ?? { schema, relation: name, columns: [] };
    groups.set(key, group);
    if (!group.columns.some((column) => column.name === origin.column)) group.columns.push({ name: origin.column, index });
  }
  return [...groups.values()];
}

/** Combinations by how often they occur, the commonest first. None where the table is empty or cannot be read in time, or not by that role. */
export async function sampledTuples(client: pg.Client, { schema, relation, columns, as }: Sampled): Promise<readonly (readonly string[])[]> {
  const table = qualified(schema, relation);
  const names = columns.map(({ name }) => ident(name));
  try {
    const { rows: sizes } = await client.query<{ percent: number }>(percentSql, [table, SAMPLED_PAGES]);
    await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${SAMPLE_MS}${as === undefined ? '' : asRole({ as })}`);
    const tuples = async (from: string) =>
      (
        await client.query<{ tuple: string[] }>(`/* assay optimizer */ select array[${names.map((name) => `${name}::text`).join(', ')}] as tuple
          from (${from}) as sampled where ${names.map((name) => `${name} is not null`).join(' and ')} group by tuple order by count(*) desc, tuple limit 1000`)
      ).rows.map(({ tuple }) => tuple);
    const found = await tuples(`select ${names.join(', ')} from ${table} tablesample system (${sizes[0]?.percent ?? 100}) repeatable (1)`);
    // what one tenant has may lie on none of those pages
    return found.length > 0 || as === undefined ? found : await tuples(`select ${names.join(', ')} from ${table} limit ${SEEN_ROWS}`);
  } catch (error) {
    if (!isServerError(error)) throw error;
    return [];
  } finally {
    await client.query('ROLLBACK');
  }
}

/** A partitioned table has no pages of its own. */
const percentSql = `/* assay optimizer */ select least(100, 100.0 * $2::int / greatest(1, (
    select sum(pg_relation_size(coalesce(part.relid, $1::regclass)) / current_setting('block_size')::int)
    from (select) as always left join pg_partition_tree($1::regclass) as part on true)))::float8 as percent`;
