/** One lab session with HypoPG: which hypothetical indexes are alive in it, and plans under them. One caller at a time. */
import type pg from 'pg';
import { hypotheticalSql, indexText } from '../../../domain/optimizer/index-sql.ts';
import type { Binding, Bound, IndexDefinition } from '../../../domain/optimizer/model.ts';
import type { PlanNode } from '../../../domain/optimizer/plan-runs.ts';
import { ident, literal } from '../../pg.ts';
import { openPlans } from './plans.ts';

export interface HypoSession {
  /** Plans with exactly these alive besides the existing ones. Throws PostgreSQL's error where an index or the statement is refused; then none is alive. */
  explain(indexes: readonly IndexDefinition[], bound: Bound, binding: Binding): Promise<PlanNode>;
  /** Its definition by the name it has in a plan; undefined for an index that is really there. */
  byName(name: string): IndexDefinition | undefined;
  /** HypoPG's own bytes of each; null where it is refused. */
  sizes(indexes: readonly IndexDefinition[]): Promise<(number | null)[]>;
  /** How many of these would have to be made or dropped. */
  distance(indexes: readonly IndexDefinition[]): number;
  clear(): Promise<void>;
}

/** Makes the extension where it is missing (the lab's superuser may); plans are made for the values at hand. */
export async function openHypoSession(client: pg.Client): Promise<HypoSession> {
  await client.query('create extension if not exists hypopg');
  const found = await client.query<{ schema: string }>(
    `select n.nspname as schema from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'hypopg'`,
  );
  const alive = aliveIn(client, ident(found.rows[0]?.schema ?? 'public'));
  const plans = await openPlans(client);
  return {
    ...alive,
    explain: async (indexes, bound, binding) => {
      const { commands, done } = await alive.change(indexes);
      try {
        const { plan, before } = await plans.explain(commands, bound, binding);
        done(before.at(-1)?.rows ?? []);
        return plan;
      } catch (error) {
        // what of it was made nobody knows now
        await alive.reset();
        throw error;
      }
    },
    clear: async () => {
      await alive.reset();
      await plans.clear();
    },
  };
}

interface Change {
  /** What must run before a plan; the one that makes indexes is the last. */
  readonly commands: readonly string[];
  /** Told the rows of the last of them, once all have run. */
  done(rows: readonly { oid: number; name: string }[]): void;
}

/** HypoPG invents oids below 16384 and runs out of them after some 2,800 indexes; a reset gives them back. */
const OIDS_PER_RESET = 2_000;

/** Which hypothetical indexes the session has; those that the next question wants as well are kept. */
function aliveIn(client: pg.Client, schema: string) {
  const oids = new Map<string, number>();
  const names = new Map<string, IndexDefinition>();
  let made = 0;
  const reset = async () => {
    oids.clear();
    names.clear();
    made = 0;
    await client.query(`select ${schema}.hypopg_reset()`);
  };
  const roomFor = async (more: number) => {
    if (made + more > OIDS_PER_RESET) await reset();
    made += more;
  };
  const change = async (indexes: readonly IndexDefinition[]): Promise<Change> => {
    const wanted = new Map(indexes.map((index) => [indexText(index), index]));
    await roomFor([...wanted.keys()].filter((text) => !oids.has(text)).length);
    const fresh = [...wanted].filter(([text]) => !oids.has(text));
    const gone = [...oids].filter(([text]) => !wanted.has(text));
    const drop = `select ${schema}.hypopg_drop_index(o) from unnest('{${gone.map(([, oid]) => oid).join()}}'::oid[]) as o`;
    const create = `select made.indexrelid as oid, made.indexname as name from ${madeOf(
      schema,
      fresh.map(([, index]) => index),
    )}`;
    const done = (rows: readonly { oid: number; name: string }[]) => {
      for (const [text] of gone) oids.delete(text);
      for (const [place, [text, index]] of fresh.entries()) {
        const { oid, name } = rows[place] as { oid: number; name: string };
        oids.set(text, oid);
        names.set(name, index);
      }
    };
    return { commands: [...(gone.length === 0 ? [] : [drop]), ...(fresh.length === 0 ? [] : [create])], done };
  };
  const sizes = async (indexes: readonly IndexDefinition[]): Promise<(number | null)[]> => {
    await roomFor(indexes.length);
    const [size, drop] = ['relation_size', 'drop_index'].map((what) => `${schema}.hypopg_${what}(made.indexrelid)`);
    const answer = await client.query<{ size: string }>(`select ${size} as size, ${drop} from ${madeOf(schema, indexes)}`).catch(() => null);
    if (answer !== null) return answer.rows.map((row) => Number(row.size));
    // one was refused, and those before it are still there: which one is found by halves
    await reset();
    if (indexes.length === 1) return [null];
    const half = Math.ceil(indexes.length / 2);
    return [...(await sizes(indexes.slice(0, half))), ...(await sizes(indexes.slice(half)))];
  };
  const distance = (indexes: readonly IndexDefinition[]) => {
    const texts = new Set(indexes.map(indexText));
    return [...oids.keys()].filter((text) => !texts.has(text)).length + [...texts].filter((text) => !oids.has(text)).length;
  };
  return { change, reset, sizes, distance, byName: (name: string) => names.get(name) };
}

/** Makes each of them, in this order. */
function madeOf(schema: string, indexes: readonly IndexDefinition[]): string {
  const texts = indexes.map((index) => literal(hypotheticalSql(index))).join(', ');
  return `unnest(array[${texts}]::text[]) with ordinality as given (sql, place) cross join lateral ${schema}.hypopg_create_index(given.sql) as made order by place`;
}
