/** Rules and proofs: a schema as the catalogue tells of it, what a rule makes of a statement, and whether two texts give the same on a real server. */
import type { SelectStmt } from 'libpg-query';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { bindStatements } from '../../activities/optimizer/bind/bind.ts';
import { isFault, parseOne, parserReady } from '../../activities/optimizer/bind/tree.ts';
import { prepareUnits, type Unit } from '../../activities/optimizer/lab/execute.ts';
import { type Candidates, candidatesOf } from '../../activities/optimizer/rewrite/candidates.ts';
import { determined } from '../../activities/optimizer/rewrite/determined.ts';
import { type Known, type KnownTable, knownOf, type LeftAlone } from '../../activities/optimizer/rewrite/known.ts';
import { type Proven, provenEqual } from '../../activities/optimizer/rewrite/proof.ts';
import { textOf } from '../../activities/optimizer/rewrite/query-text.ts';
import type { Rewritten } from '../../activities/optimizer/rewrite/rules/rule.ts';
import { rules } from '../../activities/optimizer/rewrite/rules.ts';
import type { Binding, RunAs, StatementKind } from '../../domain/optimizer/model.ts';
import type { RewriteRule } from '../../domain/optimizer/rewrite.ts';
import { testCluster } from '../support/cluster.ts';

const counts = { kind: 'select', calls: 10, totalMs: 1000, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 } as const;

/** `name type` of each column, a `!` behind what is NOT NULL; the key first. */
function tableOf(relation: string, columns: string, isPromising = true): KnownTable {
  const read = columns.split(', ').map((each) => {
    const [name = '', ...type] = each.replace('!', '').split(' ');
    const nature = ['numeric', 'double precision'].includes(type.join(' ')) ? ('plain' as const) : ('exact' as const);
    return {
      name: name.replaceAll('_', name.startsWith('Or') ? ' ' : '_'),
      type: type.join(' '),
      declared: type.join(' '),
      notNull: each.endsWith('!') && isPromising,
      nature,
      isLoose: nature === 'plain',
    };
  });
  return { table: { schema: 'public', relation }, columns: read, keys: isPromising ? [[read[0]?.name ?? '']] : [] };
}

const tables = [
  tableOf('customer', 'id integer!, name text!, city text, vip boolean'),
  tableOf(
    'purchase',
    'id integer!, customer_id integer!, payer_id integer, at timestamp without time zone, seen timestamp with time zone, amount numeric!, price double precision',
  ),
  tableOf('Sel"ect', 'Or_der integer!, null text, é timestamp without time zone'),
  tableOf('parent', 'id integer!', false),
  tableOf('moment', 'id integer!, at timestamp without time zone, seen timestamp with time zone'),
];

/** That schema, on a server. */
export const schemaSql = `
  create table customer (id int primary key, name text not null, city text, vip boolean);
  create table purchase (id int primary key, customer_id int not null, payer_id int, at timestamp, seen timestamptz, amount numeric not null, price float8);
  insert into customer select n, 'c' || n, 'city ' || n % 7, n % 3 = 0 from generate_series(1, 90) n;
  insert into purchase select n, 1 + n % 70, nullif(n % 50, 0), timestamp '2026-01-01' + n * interval '1 hour', timestamptz '2026-01-01 UTC' + n * interval '1 hour',
    n % 90, n / 7.0 from generate_series(1, 600) n;
  create table "Sel""ect" ("Or der" int primary key, "null" text, "é" timestamp);
  insert into "Sel""ect" select n, 'x', timestamp '2026-01-01' + n * interval '1 hour' from generate_series(1, 100) n;
  create table parent (id int not null unique); create table child () inherits (parent);
  create table moment (id serial primary key, at timestamp, seen timestamptz);
  insert into moment (at, seen) select at, at at time zone 'UTC' from (select d + step as at
    from unnest(array['2026-01-31', '2024-02-28', '2024-02-29', '1999-12-31', '0001-01-01', '0044-03-15 BC', '2026-03-29', '2011-12-29', '2011-12-30', '2011-12-31',
        '2010-11-06', '2010-11-07', '2010-11-08', '2023-04-27', '2023-04-28']::timestamp[]) d,
      unnest(array['0', '1 microsecond', '-1 microsecond', '12 hours', '23:59:59.999999', '24 hours', '30 seconds', '2:30:30']::interval[]) step) as every;
  insert into moment (at, seen) values (null, null), ('infinity', 'infinity'), ('-infinity', '-infinity'), ('4700-06-01 BC', '4700-06-01 BC');
  create function unsteady(int) returns int language sql volatile as 'select $1';
  analyze`;

/** A session of a test file on a server that holds this, and plans for the values it is given. */
export function useRewriteClient(sql: string): { readonly client: pg.Client } {
  let client: pg.Client | undefined;
  beforeAll(async () => {
    const { socketDirectory: host, port } = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
    client = new pg.Client({ host, port, user: 'postgres', database: 'postgres' });
    await client.connect();
    await client.query(`set plan_cache_mode = force_custom_plan; ${sql}`);
  }, 60_000);
  afterAll(() => client?.end());
  return {
    get client() {
      if (client === undefined) throw new Error('the session begins before the first test');
      return client;
    },
  };
}

export const knownSchema = (parameterTypes: readonly string[] = [], constants: ReadonlyMap<number, string> = new Map()): Known => ({
  table: (schema, name) => (schema === undefined || schema === 'public' ? (tables.find(({ table }) => table.relation === name) ?? null) : null),
  parameterTypes,
  constants,
  aggregates: new Set(['count', 'sum', 'max', 'min', 'avg', 'row_number', 'string_agg']),
  ownFunctions: new Set(),
  floats: new Set(['price']),
});

/** What one rule makes of a statement; null: nothing. */
export async function byRule(rule: RewriteRule, text: string, known: Known = knownSchema()): Promise<(Rewritten & { readonly text: string }) | null> {
  await parserReady();
  const parsed = parseOne(text);
  if (isFault(parsed)) throw new Error(parsed.detail);
  const rewritten = rules.find(({ name }) => name === rule)?.rewrite(parsed.root as SelectStmt, known) ?? null;
  if (rewritten === null) return null;
  const written = textOf(rewritten.query);
  if (written === null) throw new Error(`${rule} made a tree that is no text`);
  return { ...rewritten, text: written };
}

let number = 0;

interface Comparing {
  readonly isOrdered?: boolean;
  readonly hangsOnTimeZone?: boolean;
  readonly timeoutMs?: number;
  readonly more?: readonly Binding[];
  readonly fixed?: ReadonlyMap<number, string>;
}

/** Two texts with these values, each set of them a unit. */
export async function compared(
  client: pg.Client,
  { before, after, types = [], values = [[]] }: { before: string; after: string; types?: readonly string[]; values?: readonly (readonly (string | null)[])[] },
  { isOrdered = false, hangsOnTimeZone = false, timeoutMs = 5_000, more = [], fixed = new Map() }: Comparing = {},
): Promise<Proven> {
  number += 1;
  const bindings = values.map((each): Binding => ({ source: 'synthetic', case: 'common', values: each }));
  const units = await prepareUnits(
    client,
    { statement: { id: 'x', database: 'x', text: before, ...counts }, text: before, parameterTypes: types, bindings },
    number,
  );
  return provenEqual(client, units, { before, after, isOrdered, hangsOnTimeZone, fixed }, { timeoutMs, signal: new AbortController().signal, more });
}

/** A statement with the binding machinery's own values, as a step has it, and what is found for it. */
export async function foundFor(
  client: pg.Client,
  text: string,
  kind: StatementKind = 'select',
): Promise<{ readonly units: readonly Unit[]; readonly found: Candidates | LeftAlone | null }> {
  number += 1;
  const { rows } = await client.query<{ name: string }>('select current_database() as name');
  const { bound, notJudged } = await bindStatements(client, [{ id: `s-${number}`, database: rows[0]?.name ?? '', text, ...counts, kind }], { maxBindings: 3 });
  const [only] = bound;
  if (only === undefined) throw new Error(JSON.stringify(notJudged));
  const units = await prepareUnits(client, only, number);
  const [first, ...others] = units;
  return { units, found: first === undefined ? null : await candidatesOf(client, [first, ...others]) };
}

interface Given {
  readonly types?: readonly string[];
  readonly values?: readonly (readonly (string | null)[])[];
  readonly isOrdered?: boolean;
}

/** What a rule makes of the text against the text, with all these values. Throws where it makes nothing. */
export async function sameBy(
  client: pg.Client,
  rule: RewriteRule,
  text: string,
  { types = [], values = [[]], isOrdered = false }: Given = {},
): Promise<Proven> {
  const found = await byRule(rule, text, knownSchema(types));
  if (found === null) throw new Error(`${rule} makes nothing of ${text}`);
  return compared(client, { before: text, after: found.text, types, values }, { isOrdered, hangsOnTimeZone: found.hangsOnTimeZone === true });
}

/** What each rule makes of a statement by the server's own catalogue, whatever its plan; or why it is left alone. */
export async function madeOf(
  client: pg.Client,
  text: string,
  { types = [], constants = new Map(), as }: { readonly types?: readonly string[]; readonly constants?: ReadonlyMap<number, string>; readonly as?: RunAs } = {},
): Promise<ReadonlyMap<RewriteRule, string> | string> {
  await parserReady();
  const parsed = parseOne(text);
  if (isFault(parsed)) throw new Error(parsed.detail);
  const query = parsed.root as SelectStmt;
  const binding: Binding = { source: 'synthetic', case: 'common', values: [], ...(as === undefined ? {} : { as }) };
  const known = await knownOf(client, query, { parameterTypes: types, bindings: [binding] });
  if ('because' in known) return known.because;
  const rests = determined(query, known);
  if ('because' in rests) return rests.because;
  return new Map(
    rules.flatMap((rule) => {
      const made = rule.rewrite(query, { ...known, constants });
      return made === null ? [] : [[rule.name, textOf(made.query) ?? ''] as const];
    }),
  );
}
