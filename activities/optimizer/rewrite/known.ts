/** What the lab's catalogue promises about the tables of a statement, and about what it calls. */
import type { SelectStmt } from 'libpg-query';
import type pg from 'pg';
import type { Binding, Bound, RelationName } from '../../../domain/optimizer/model.ts';
import { ident } from '../../pg.ts';
import { nodesOf } from './walk.ts';

export interface KnownColumn {
  readonly name: string;
  /** Without length or precision. */
  readonly type: string;
  readonly notNull: boolean;
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
  /** Names of its calls for which there is a function that is not PostgreSQL's. */
  readonly ownFunctions: ReadonlySet<string>;
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

/** By the session's search_path, as the statement's own names are. */
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
  const { rows } = await client.query<TableRow>(tablesSql, [asked.map(({ schema }) => schema), asked.map(({ name }) => name), texts]);
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
  return { table, parameterTypes, constants: constantsOf(bindings), aggregates: those('isAggregate'), ownFunctions: those('isOwn') };
}

/** A table that others inherit from promises nothing for their rows; of a partitioned one a unique index does. */
const tablesSql = `/* assay optimizer */
  select asked.schema, asked.name, c.relname as relation, n.nspname as namespace,
    (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, null),
        'notNull', a.attnotnull and not (c.relkind = 'r' and c.relhassubclass)) order by a.attnum)
      from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    coalesce((select json_agg((select json_agg(a.attname order by k.place) from generate_series(1, i.indnkeyatts) as k(place)
          join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[k.place - 1]) order by i.indexrelid)
      from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
        and not (c.relkind = 'r' and c.relhassubclass)), '[]'::json) as keys
  from unnest($1::text[], $2::text[], $3::text[]) as asked(schema, name, quoted)
    join pg_catalog.pg_class c on c.oid = to_regclass(asked.quoted) join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'm')`;

/** pg_stat_statements has none of a text's constants: what was really sent says which they are. */
function constantsOf(bindings: readonly Binding[]): ReadonlyMap<number, string> {
  const [first, ...others] = bindings;
  if (first === undefined || bindings.some(({ source }) => source !== 'captured')) return new Map();
  return new Map(
    first.values.flatMap((value, place) => (value !== null && others.every(({ values }) => values[place] === value) ? [[place + 1, value] as const] : [])),
  );
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
  const { rows } = await client.query<{ what: string }>(unsteadySql, [functionsOf(query), operators]);
  return rows[0] === undefined ? null : `${rows[0].what} may give something else each time`;
}

/** By name: which of several functions of one name is meant, the tree does not say. Casts have no name there at all. */
const unsteadySql = `/* assay optimizer */
  select proname::text as what from pg_catalog.pg_proc where proname = any ($1::text[]) and provolatile = 'v'
  union all select 'operator ' || oprname from pg_catalog.pg_operator o join pg_catalog.pg_proc p on p.oid = o.oprcode
    where oprname = any ($2::text[]) and p.provolatile = 'v'
  union all select 'a cast' from pg_catalog.pg_cast c join pg_catalog.pg_proc p on p.oid = c.castfunc where p.provolatile = 'v' and p.pronamespace <> 'pg_catalog'::regnamespace
  limit 1`;
