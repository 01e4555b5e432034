/** One lab session with HypoPG: which hypothetical indexes are alive in it, and plans under them. One caller at a time. */
import type pg from 'pg';
import type { PlanNode } from '../../../domain/optimizer/descent-cost.ts';
import { hypotheticalSql, indexText } from '../../../domain/optimizer/index-sql.ts';
import type { Binding, Bound, IndexDefinition } from '../../../domain/optimizer/model.ts';
import { ident, literal } from '../../pg.ts';
import { becomeSql } from '../run-as.ts';

export interface HypoSession {
  /** Makes exactly these alive. Throws PostgreSQL's error where one is refused; then none is. */
  show(indexes: readonly IndexDefinition[]): Promise<void>;
  explain(bound: Bound, binding: Binding): Promise<PlanNode>;
  /** Its definition by the name it has in a plan; undefined for an index that is really there. */
  byName(name: string): IndexDefinition | undefined;
  /** HypoPG's own bytes of one that is alive. */
  size(index: IndexDefinition): Promise<number>;
  /** How many of these would have to be made or dropped. */
  distance(indexes: readonly IndexDefinition[]): number;
  clear(): Promise<void>;
}

interface Alive {
  readonly index: IndexDefinition;
  readonly oid: number;
  readonly name: string;
}

/** HypoPG invents oids below 16384 and runs out of them after some 2,800 indexes; a reset gives them back. */
const OIDS_PER_RESET = 2_000;

/** Makes the extension where it is missing (the lab's superuser may); plans are made for the values at hand. */
export async function openHypoSession(client: pg.Client): Promise<HypoSession> {
  await client.query('create extension if not exists hypopg');
  const found = await client.query<{ schema: string }>(
    `select n.nspname as schema from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'hypopg'`,
  );
  const schema = ident(found.rows[0]?.schema ?? 'public');
  const alive = new Map<string, Alive>();
  const plans = await openPlans(client);
  let made = 0;
  const reset = async () => {
    await client.query(`select ${schema}.hypopg_reset()`);
    alive.clear();
    made = 0;
  };
  const show = async (indexes: readonly IndexDefinition[]) => {
    const wanted = new Map(indexes.map((index) => [indexText(index), index]));
    if (made + wanted.size > OIDS_PER_RESET) await reset();
    const extra = [...alive].filter(([text]) => !wanted.has(text));
    if (extra.length > 0) await client.query(`select ${schema}.hypopg_drop_index(o) from unnest($1::oid[]) as o`, [extra.map(([, { oid }]) => oid)]);
    for (const [text] of extra) alive.delete(text);
    for (const [text, index] of wanted) if (!alive.has(text)) alive.set(text, await create({ client, schema, index }));
    made += wanted.size;
  };
  return {
    show,
    explain: plans.explain,
    byName: (name) => [...alive.values()].find((known) => known.name === name)?.index,
    size: async (index) => {
      const answer = await client.query<{ size: string }>(`select ${schema}.hypopg_relation_size($1::oid) as size`, [alive.get(indexText(index))?.oid]);
      return Number(answer.rows[0]?.size);
    },
    distance: (indexes) => {
      const texts = new Set(indexes.map(indexText));
      return [...alive.keys()].filter((text) => !texts.has(text)).length + [...texts].filter((text) => !alive.has(text)).length;
    },
    clear: async () => {
      await reset();
      await plans.clear();
    },
  };
}

async function create({ client, schema, index }: { client: pg.Client; schema: string; index: IndexDefinition }): Promise<Alive> {
  const answer = await client.query<{ oid: number; name: string }>(`select indexrelid as oid, indexname as name from ${schema}.hypopg_create_index($1)`, [
    hypotheticalSql(index),
  ]);
  const row = answer.rows[0] as { oid: number; name: string };
  return { index, ...row };
}

/** Plans by PREPARE and EXPLAIN EXECUTE, each for the values at hand. */
async function openPlans(client: pg.Client): Promise<{ explain: HypoSession['explain']; clear: () => Promise<void> }> {
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
  const explain = async (bound: Bound, binding: Binding): Promise<PlanNode> => {
    if (bound.parameterTypes.length === 0) return planAs(client, `explain (format json) ${bound.text}`, binding);
    const values = binding.values.map((value) => (value === null ? 'null' : literal(value))).join(', ');
    const text = `explain (format json) execute ${await prepare(bound)}(${values})`;
    if (binding.source !== 'generic') return planAs(client, text, binding);
    // a generic plan is kept, and an index that appears or goes does not throw it away: forgotten after each look
    await client.query('set plan_cache_mode = force_generic_plan');
    try {
      return await planAs(client, text, binding);
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

/** In one go: plans are asked for by the thousand. What is hypothetical is the session's, whatever becomes of the transaction. */
async function planAs(client: pg.Client, text: string, { as }: Binding): Promise<PlanNode> {
  if (as === undefined) return planOf(await client.query(text));
  try {
    const answers = (await client.query(`begin; ${becomeSql(as)}; ${text}`)) as unknown as pg.QueryResult[]; // several commands, several answers
    return planOf(answers.at(-1) as pg.QueryResult);
  } finally {
    await client.query('rollback');
  }
}

const planOf = (answer: pg.QueryResult): PlanNode => (answer.rows[0] as { 'QUERY PLAN': { Plan: PlanNode }[] })['QUERY PLAN'][0]?.Plan as PlanNode;
