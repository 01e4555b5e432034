/** What the lab's catalogue promises about the tables of a statement, and about what it calls. */
import type { SelectStmt } from 'libpg-query';
import type pg from 'pg';
import { constantsSent } from '../../../domain/optimizer/constants-sent.ts';
import type { Binding, Bound, RelationName } from '../../../domain/optimizer/model.ts';
import { ident } from '../../pg.ts';
import { asRole } from '../run-as.ts';
import { nodesOf } from './walk.ts';

/**
 * Of a column's type: `exact`: values that are equal are written alike, too; `plain`: a single value of PostgreSQL's own types, whose `=` is what groups and
 * joins go by; `other`: rows, arrays, domains, types of extensions (citext's `=` is another one where its schema is not on the path), and texts of a
 * collation that takes several for equal (manual, 24.2.2.4 "Nondeterministic Collations").
 */
export type Nature = 'exact' | 'plain' | 'other';

export interface KnownColumn {
  readonly name: string;
  /** Without length or precision. */
  readonly type: string;
  /** With them where equal values are written alike because of them: `numeric(10,2)`. */
  readonly declared: string;
  readonly notNull: boolean;
  readonly nature: Nature;
  /** Values of it, or of its elements, may be equal and written in several ways. */
  readonly isLoose: boolean;
}

export interface KnownTable {
  readonly table: RelationName;
  readonly columns: readonly KnownColumn[];
  /** Columns of each unique index that holds at every moment, for all rows. */
  readonly keys: readonly (readonly string[])[];
}

export interface Known {
  /** null: no plain table, or one whose promises do not hold for its children, or a query of WITH may be meant. */
  readonly table: (schema: string | undefined, name: string) => KnownTable | null;
  /** Of each parameter, as the server says it. */
  readonly parameterTypes: readonly string[];
  /** Values of parameters that every call sends alike, by number: as far as real ones are known, and all are the same. */
  readonly constants: ReadonlyMap<number, string>;
  /** Names of the statement's calls that are aggregates or window functions, whichever of that name is meant. */
  readonly aggregates: ReadonlySet<string>;
  /** Names of columns of its tables that hold floating point numbers. */
  readonly floats: ReadonlySet<string>;
  /** Names of its calls for which there is a function that is not PostgreSQL's. */
  readonly ownFunctions: ReadonlySet<string>;
  /** Different values of columns, as the lab's statistics estimate them, by JSON of table and column. Nothing rests on it. Missing: not known. */
  readonly distinct?: ReadonlyMap<string, number>;
}

/** Why a statement is left alone. */
export interface LeftAlone {
  readonly because: string;
}

interface TableRow {
  readonly schema: string | null;
  readonly name: string;
  readonly relation: string;
  readonly namespace: string;
  readonly columns: readonly KnownColumn[];
  readonly keys: readonly (readonly string[])[];
}

/** By the search_path of those who send it, as the statement's own names are: each role may have its own, and may mean other tables. */
export async function knownOf(
  client: pg.Client,
  query: SelectStmt,
  { parameterTypes, bindings }: Pick<Bound, 'parameterTypes' | 'bindings'>,
): Promise<Known | LeftAlone> {
  const named = nodesOf(query, 'CommonTableExpr').map(({ ctename }) => ctename);
  const ranges = nodesOf(query, 'RangeVar').filter(({ schemaname, relname }) => schemaname !== undefined || !named.includes(relname));
  const asked = [
    ...new Map(ranges.map(({ schemaname = null, relname = '' }) => [JSON.stringify([schemaname, relname]), { schema: schemaname, name: relname }])).values(),
  ];
  const texts = asked.map(({ schema, name }) => (schema === null ? ident(name) : `${ident(schema)}.${ident(name)}`));
  const parameters = [asked.map(({ schema }) => schema), asked.map(({ name }) => name), texts];
  const answers = await eachSender(client, bindings, async () => (await client.query<TableRow>(tablesSql, parameters)).rows);
  const [rows = [], ...others] = answers;
  if (others.some((other) => JSON.stringify(other) !== JSON.stringify(rows))) return { because: 'its names mean other tables for some of those who send it' };
  if (rows.length < asked.length) return { because: 'it reads something that is no plain table' };
  const byName = new Map(rows.map((row) => [JSON.stringify([row.schema, row.name]), row]));
  const table = (schema: string | undefined, name: string): KnownTable | null => {
    const row = byName.get(JSON.stringify([schema ?? null, name]));
    return row === undefined ? null : { table: { schema: row.namespace, relation: row.relation }, columns: row.columns, keys: row.keys };
  };
  const unsteady = await unsteadyWord(client, query);
  if (unsteady !== null) return { because: unsteady };
  const calls = await client.query<{ name: string; isAggregate: boolean; isOwn: boolean }>(callsSql, [functionsOf(query)]);
  const those = (is: 'isAggregate' | 'isOwn') => new Set(calls.rows.filter((row) => row[is]).map(({ name }) => name));
  const columns = rows.flatMap((row) => row.columns);
  const floats = floatNames(query, columns);
  const distinct = await distinctOf(client, rows);
  return { table, parameterTypes, constants: constantsSent(bindings), floats, distinct, aggregates: those('isAggregate'), ownFunctions: those('isOwn') };
}

/** Asked once as each role; what it answers is the same for all where their names mean the same. */
async function eachSender<T>(client: pg.Client, bindings: readonly Binding[], ask: () => Promise<T>): Promise<readonly T[]> {
  const senders = [...new Map(bindings.map((binding) => [JSON.stringify(binding.as ?? null), binding])).values()];
  const answers: T[] = [];
  for (const sender of senders) {
    try {
      await client.query(`begin${asRole(sender)}`);
      answers.push(await ask());
    } finally {
      await client.query('rollback');
    }
  }
  return answers;
}

/** From 18 on a NOT NULL may be there before it holds for all rows. `a`: the column. */
export const validatedSql = `not exists (select from pg_catalog.pg_constraint k
  where k.conrelid = a.attrelid and k.contype = 'n' and not k.convalidated and k.conkey = array[a.attnum])`;

/** `i`: the index. By the columns' own equality: an index of another collation or operator class may tell values apart that DISTINCT does not. */
export const uniqueIndexSql = `i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
  and not exists (select from generate_series(1, i.indnkeyatts) as k(place) join pg_catalog.pg_opclass o on o.oid = i.indclass[k.place - 1]
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k.place - 1] left join pg_catalog.pg_collation l on l.oid = a.attcollation
    where not o.opcdefault or (l.collisdeterministic = false and i.indcollation[k.place - 1] <> a.attcollation))`;

/** `a`, `t`, `l`: column, type, collation. A numeric without a scale keeps that of each value: 1.0 is 1.00. So does a char without a length, which others fill up with blanks. -0 is 0. */
const natureSql = `case when t.typtype = 'e' then 'exact'
  when t.typtype <> 'b' or t.typnamespace <> 'pg_catalog'::regnamespace or t.typcategory = 'A' or l.collisdeterministic = false then 'other'
  when t.typname in ('bool', 'int2', 'int4', 'int8', 'oid', 'date', 'time', 'timestamp', 'timestamptz', 'uuid', 'bytea', 'text', 'varchar') then 'exact'
  when t.typname in ('numeric', 'bpchar') and a.atttypmod >= 0 then 'exact'
  when t.typname in ('numeric', 'float4', 'float8', 'interval', 'timetz', 'bpchar', 'name', 'money', 'inet', 'cidr', 'macaddr') then 'plain' else 'other' end`;

/** Of a domain what it is made of, of an array its elements. Of a type that is not PostgreSQL's own nobody knows, but an enum. */
const looseSql = `(select l.collisdeterministic = false or (e.typnamespace <> 'pg_catalog'::regnamespace and e.typtype <> 'e') or e.typtype = 'c'
    or e.typname in ('float4', 'float8', 'interval', 'jsonb', 'numrange', 'nummultirange') or (e.typname in ('numeric', 'bpchar') and own.typmod < 0)
  from (select case t.typtype when 'd' then t.typbasetype else t.oid end as type, case t.typtype when 'd' then t.typtypmod else a.atttypmod end as typmod) own
    join pg_catalog.pg_type b on b.oid = own.type join pg_catalog.pg_type e on e.oid = case b.typcategory when 'A' then b.typelem else b.oid end)`;

/** A table that others inherit from promises nothing for their rows; of a partitioned one a unique index does. */
const tablesSql = `/* assay optimizer */
  select asked.schema, asked.name, c.relname as relation, n.nspname as namespace,
    (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, null),
        'declared', format_type(a.atttypid, case when t.typname in ('numeric', 'bpchar') and t.typnamespace = 'pg_catalog'::regnamespace then a.atttypmod end),
        'notNull', a.attnotnull and not (c.relkind = 'r' and c.relhassubclass) and ${validatedSql},
        'nature', ${natureSql}, 'isLoose', coalesce(${looseSql}, false)) order by a.attnum)
      from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid left join pg_catalog.pg_collation l on l.oid = a.attcollation
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    coalesce((select json_agg((select json_agg(a.attname order by k.place) from generate_series(1, i.indnkeyatts) as k(place)
          join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[k.place - 1]) order by i.indexrelid)
      from pg_catalog.pg_index i where i.indrelid = c.oid and ${uniqueIndexSql}
        and not (c.relkind = 'r' and c.relhassubclass)), '[]'::json) as keys
  from unnest($1::text[], $2::text[], $3::text[]) as asked(schema, name, quoted)
    join pg_catalog.pg_class c on c.oid = to_regclass(asked.quoted) join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'm') order by 1, 2`;

async function distinctOf(client: pg.Client, tables: readonly TableRow[]): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ schema: string; relation: string; column: string; count: number }>(distinctSql, [
    tables.map(({ namespace }) => namespace),
    tables.map(({ relation }) => relation),
  ]);
  return new Map(rows.map(({ schema, relation, column, count }) => [JSON.stringify([{ schema, relation }, column]), count]));
}

/** Below zero it is a share of the rows. */
const distinctSql = `/* assay optimizer */
  select s.schemaname as schema, s.tablename as relation, s.attname as column, max(case when s.n_distinct < 0 then -s.n_distinct * greatest(c.reltuples, 0) else s.n_distinct end)::float8 as count
  from unnest($1::text[], $2::text[]) as asked(schema, relation) join pg_catalog.pg_stats s on s.schemaname = asked.schema and s.tablename = asked.relation
    join pg_catalog.pg_namespace n on n.nspname = s.schemaname join pg_catalog.pg_class c on c.relname = s.tablename and c.relnamespace = n.oid
  group by 1, 2, 3`;

/** Of columns of such a type, and of what is computed of them under another name. */
function floatNames(query: SelectStmt, columns: readonly KnownColumn[]): ReadonlySet<string> {
  const names = new Set(columns.flatMap(({ name, type }) => (type === 'real' || type === 'double precision' ? [name] : [])));
  const isFloat = (value: unknown) =>
    nodesOf(value, 'ColumnRef').some(({ fields }) => names.has(last(fields))) ||
    nodesOf(value, 'TypeCast').some((made) => JSON.stringify(made).includes('"float'));
  const targets = nodesOf(query, 'ResTarget');
  for (let before = -1; before !== names.size; ) {
    before = names.size;
    for (const { name, val } of targets) if (name !== undefined && isFloat(val)) names.add(name);
  }
  // renamed by their place
  const renamed = [
    ...nodesOf(query, 'RangeSubselect').map(({ alias }) => alias?.colnames),
    ...nodesOf(query, 'CommonTableExpr').map((cte) => cte.aliascolnames),
  ];
  if (names.size > 0) for (const name of renamed.flatMap((each) => each ?? [])) names.add('String' in name ? (name.String.sval ?? '') : '');
  return names;
}

const callsSql = `/* assay optimizer */
  select proname as name, bool_or(prokind in ('a', 'w')) as "isAggregate", bool_or(pronamespace <> 'pg_catalog'::regnamespace) as "isOwn"
  from pg_catalog.pg_proc where proname = any ($1::text[]) group by proname`;

type Names = readonly { readonly String?: { readonly sval?: string } }[] | undefined;

const last = (names: unknown): string => (names as Names)?.at(-1)?.String?.sval ?? '';

const functionsOf = (query: SelectStmt): readonly string[] => nodesOf(query, 'FuncCall').map(({ funcname }) => last(funcname));

/** What is executed more or less often than before must give the same each time. null: all of it does. */
async function unsteadyWord(client: pg.Client, query: SelectStmt): Promise<string | null> {
  const operators = nodesOf(query, 'A_Expr').map(({ name }) => last(name));
  const asked = nodesOf(query, 'SubLink').map(({ operName }) => last(operName));
  // `c.name` may be a call of name(c)
  const attributes = nodesOf(query, 'ColumnRef').map(({ fields }) => last(fields));
  const { rows } = await client.query<{ what: string }>(unsteadySql, [functionsOf(query), [...operators, ...asked], attributes]);
  if (rows[0] !== undefined) return `${rows[0].what} may give something else each time`;
  const others = await client.query<{ what: string }>(strangeSql, [rowMakers(query)]);
  return others.rows[0]?.what ?? null;
}

/** Calls anywhere but in FROM by themselves: there what gives several rows makes more of each. */
function rowMakers(query: SelectStmt): readonly string[] {
  const inFrom = new Set<unknown>(
    nodesOf(query, 'RangeFunction').flatMap(({ functions = [] }) =>
      functions.flatMap((each) => ('List' in each ? (each.List.items ?? []) : [])).flatMap((item) => ('FuncCall' in item ? [item.FuncCall] : [])),
    ),
  );
  return nodesOf(query, 'FuncCall').flatMap((call) => (inFrom.has(call) ? [] : [last(call.funcname)]));
}

/** What the rules' reasons do not hold for: functions that give rows beside others, and comparisons of PostgreSQL's own types by somebody's own operator. */
const strangeSql = `/* assay optimizer */
  select proname || ' gives several rows for one' as what from pg_catalog.pg_proc where proname = any ($1::text[]) and proretset
  union all select 'operator ' || oprname || ' is not PostgreSQL''s own' from pg_catalog.pg_operator o
    where oprname in ('=', '<>', '<', '>', '<=', '>=', '+', '-', '*') and oprnamespace <> 'pg_catalog'::regnamespace
      and not exists (select from pg_catalog.pg_type t where t.oid in (o.oprleft, o.oprright) and (t.typnamespace <> 'pg_catalog'::regnamespace or t.typcategory = 'A'))
  limit 1`;

/** By name: which of several functions of one name is meant, the tree does not say. Casts have no name there at all. */
const unsteadySql = `/* assay optimizer */
  select proname::text as what from pg_catalog.pg_proc where proname = any ($1::text[]) and provolatile = 'v'
  union all select 'operator ' || oprname from pg_catalog.pg_operator o join pg_catalog.pg_proc p on p.oid = o.oprcode
    where oprname = any ($2::text[]) and p.provolatile = 'v'
  union all select proname::text from pg_catalog.pg_proc p join pg_catalog.pg_type t on t.oid = p.proargtypes[0]
    where proname = any ($3::text[]) and provolatile = 'v' and pronargs = 1 and t.typtype = 'c'
  union all select 'a cast' from pg_catalog.pg_cast c join pg_catalog.pg_proc p on p.oid = c.castfunc where p.provolatile = 'v' and p.pronamespace <> 'pg_catalog'::regnamespace
  limit 1`;
