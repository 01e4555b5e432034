/** Plans of bound statements on one session, each for the values at hand; commands that must run before it go along. */
import type pg from 'pg';
import type { Binding, Bound } from '../../../domain/optimizer/model.ts';
import type { PlanNode } from '../../../domain/optimizer/plan-runs.ts';
import { literal } from '../../pg.ts';
import { becomeSql } from '../run-as.ts';

export interface Explained {
  readonly plan: PlanNode;
  /** Answers of the commands that went before. */
  readonly before: readonly pg.QueryResult[];
}

export interface Plans {
  /** In one round trip where it can be: plans are asked for by the thousand. */
  explain(before: readonly string[], bound: Bound, binding: Binding): Promise<Explained>;
  clear(): Promise<void>;
}

/** By PREPARE and EXPLAIN EXECUTE, each for the values at hand. */
export async function openPlans(client: pg.Client): Promise<Plans> {
  await client.query('set plan_cache_mode = force_custom_plan');
  const prepared = new Map<string, string>();
  let preparations = 0;
  const prepare = async (bound: Bound): Promise<string> => {
    const known = prepared.get(bound.text);
    if (known !== undefined) return known;
    preparations += 1;
    const name = `assay_what_if_${preparations}`;
    await client.query(`prepare ${name} (${bound.parameterTypes.join(', ')}) as ${bound.text}`);
    prepared.set(bound.text, name);
    return name;
  };
  const explain: Plans['explain'] = async (before, bound, binding) => {
    // without parameters a prepared plan would be kept, and one for other indexes given
    if (bound.parameterTypes.length === 0) return planAs({ client, before, text: `explain (format json) ${bound.text}` }, binding);
    const values = binding.values.map((value) => (value === null ? 'null' : literal(value))).join(', ');
    const text = `explain (format json) execute ${await prepare(bound)}(${values})`;
    if (binding.source !== 'generic') return planAs({ client, before, text }, binding);
    // a generic plan is kept, and an index that appears or goes does not throw it away: forgotten after each look
    await client.query('set plan_cache_mode = force_generic_plan');
    try {
      return await planAs({ client, before, text }, binding);
    } finally {
      await client.query('set plan_cache_mode = force_custom_plan');
      await client.query(`deallocate ${prepared.get(bound.text)}`);
      prepared.delete(bound.text);
    }
  };
  const clear = async () => {
    for (const name of prepared.values()) await client.query(`deallocate ${name}`);
    prepared.clear();
    await client.query('reset plan_cache_mode');
  };
  return { explain, clear };
}

interface Asked {
  readonly client: pg.Client;
  readonly before: readonly string[];
  readonly text: string;
}

/** What is hypothetical is the session's, whatever becomes of the transaction. */
async function planAs({ client, before, text }: Asked, { as }: Binding): Promise<Explained> {
  const answersOf = async (commands: readonly string[]) => [await client.query(commands.join('; '))].flat() as pg.QueryResult[]; // several commands, several answers
  if (as === undefined) {
    const answers = await answersOf([...before, text]);
    return { plan: planOf(answers.at(-1) as pg.QueryResult), before: answers.slice(0, -1) };
  }
  const first = before.length === 0 ? [] : await answersOf(before);
  try {
    const answers = await answersOf(['begin', becomeSql(as), text]);
    return { plan: planOf(answers.at(-1) as pg.QueryResult), before: first };
  } finally {
    await client.query('rollback');
  }
}

const planOf = (answer: pg.QueryResult): PlanNode => (answer.rows[0] as { 'QUERY PLAN': { Plan: PlanNode }[] })['QUERY PLAN'][0]?.Plan as PlanNode;
