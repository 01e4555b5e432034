/**
 * INSERT … SELECT with another SELECT: the same rows are put into the table, in the same order where they are put in order. A WITH before the INSERT is written into the
 * SELECT, which is all that reads it. Left alone is what takes rows one by one, each seeing those before it: ON CONFLICT, triggers, rules. A column that a volatile
 * default fills (a sequence, the clock) is the SELECT's in neither text: which row gets which number its order says, or nobody (manual, INSERT).
 */
import type { InsertStmt, Node, SelectStmt } from 'libpg-query';
import type pg from 'pg';
import { ident } from '../../pg.ts';
import { isFault, type Parsed, parseOne } from '../bind/tree.ts';
import type { Unit } from '../lab/execute.ts';
import type { Spoken, WriteTexts } from './applied.ts';
import type { Candidates } from './candidates.ts';
import { expressionText } from './expression-text.ts';
import { knownOf, type LeftAlone } from './known.ts';
import { nameText, UNKNOWN } from './name-text.ts';
import { column, integer, select, target } from './nodes.ts';
import { plain, textOf } from './query-text.ts';
import { readsOf } from './reading.ts';
import { nodesOf } from './walk.ts';

interface Insert {
  readonly relation: Extract<Node, { RangeVar: unknown }>['RangeVar'];
  readonly columns: readonly Node[];
  readonly query: SelectStmt;
  readonly returning: readonly Node[];
  /** The columns are given values where the table would make them. */
  readonly override: NonNullable<InsertStmt['override']>;
}

/** Candidates whose proof is in rows inserted; null: it inserts values, or no rule is for it. */
export async function insertsOf(
  client: pg.Client,
  units: readonly [Unit, ...Unit[]],
  { parsed, spoken }: { readonly parsed: Parsed; readonly spoken: readonly Spoken[] },
): Promise<Candidates | LeftAlone | null> {
  const insert = insertOf(parsed);
  if (insert === null || 'because' in insert) return insert;
  const read = await readsOf(client, units, { query: insert.query, spoken });
  if (read === null || 'because' in read) return read;
  const into = await tableOf(client, units, insert);
  if ('because' in into) return into;
  const textWith = (query: string) => insertText(insert, query, insert.returning);
  const writesWith = (query: string): WriteTexts | null => {
    const changed = insertText(
      insert,
      query,
      into.columns.map((name) => target(column(insert.relation.alias?.aliasname ?? insert.relation.relname ?? '', name))),
    );
    return changed === null ? null : { chosen: query, changed };
  };
  const [text, writes] = [textWith(read.text), writesWith(read.text)];
  if (text === null || writes === null) return { because: 'it has a form that cannot be written back' };
  const candidates = read.candidates.flatMap((each) => {
    const [other, changes] = [textWith(each.text), writesWith(each.text)];
    return other === null || changes === null ? [] : [{ ...each, text: other, writes: changes }];
  });
  return candidates.length === 0 ? null : { ...read, text, tables: [into.table, ...read.tables], candidates, writes };
}

function insertOf({ root }: Parsed): Insert | LeftAlone | null {
  const { relation, cols = [], selectStmt, onConflictClause, returningClause, withClause, override = 'OVERRIDING_NOT_SET' } = root as InsertStmt;
  const query = selectStmt !== undefined && 'SelectStmt' in selectStmt ? selectStmt.SelectStmt : undefined;
  if (relation === undefined || query === undefined || query.valuesLists !== undefined) return null;
  if (onConflictClause !== undefined) return { because: 'ON CONFLICT takes its rows one by one, each after those that are there already' };
  if (returningClause?.options !== undefined) return { because: 'it names what it returns anew' };
  const returning = returningClause?.exprs ?? [];
  if (withClause !== undefined && query.withClause !== undefined) return { because: 'it has a WITH inside and outside' };
  if (withClause !== undefined && nodesOf(returning, 'SubLink').length > 0) return { because: 'what it returns may read its WITH' };
  return { relation, columns: cols, query: withClause === undefined ? query : { ...query, withClause }, returning, override };
}

/** Only texts that the parser reads as that very tree; null: it cannot be written. */
function insertText({ relation, columns, query, override }: Insert, queryText: string, returning: readonly Node[]): string | null {
  const name = (sval: string) => nameText({ String: { sval } });
  const inner = (node: Node | undefined): string =>
    node !== undefined && 'SelectStmt' in node ? (textOf(node.SelectStmt)?.replaceAll('\n', ' ') ?? UNKNOWN) : UNKNOWN;
  const { schemaname, relname = '', alias, catalogname } = relation;
  if (override !== 'OVERRIDING_NOT_SET' || catalogname !== undefined) return null;
  const table = `${schemaname === undefined ? '' : `${name(schemaname)}.`}${name(relname)}${alias === undefined ? '' : ` as ${name(alias.aliasname ?? '')}`}`;
  const listed = columns.map((each) => ('ResTarget' in each && each.ResTarget.indirection === undefined ? name(each.ResTarget.name ?? '') : UNKNOWN));
  const given = returning.map((each) =>
    'ResTarget' in each
      ? `${expressionText(each.ResTarget.val, inner)}${each.ResTarget.name === undefined ? '' : ` as ${name(each.ResTarget.name)}`}`
      : UNKNOWN,
  );
  const head = `insert into ${table}${listed.length === 0 ? '' : ` (${listed.join(', ')})`}`;
  const text = [head, queryText, ...(given.length === 0 ? [] : [`returning ${given.join(', ')}`])].join('\n');
  const [parsed, read] = [parseOne(text), parseOne(queryText)];
  if (isFault(parsed) || isFault(read)) return null;
  const back = insertOf(parsed);
  const wanted = { relation, columns, query: read.root as SelectStmt, returning, override };
  return back !== null && !('because' in back) && query !== undefined && plain(back) === plain(wanted) ? text : null;
}

interface Into {
  readonly table: Candidates['tables'][number];
  /** Those that no volatile default fills. */
  readonly columns: readonly string[];
}

/** As all who send it mean its name. */
async function tableOf(client: pg.Client, units: readonly [Unit, ...Unit[]], { relation }: Insert): Promise<Into | LeftAlone> {
  const { alias: _, ...named } = relation;
  const query = select({ targetList: [target(integer(1))], fromClause: [{ RangeVar: named }] });
  const known = await knownOf(client, query, { parameterTypes: [], bindings: units.map(({ binding }) => binding) });
  if ('because' in known) return known;
  const table = known.table(relation.schemaname, relation.relname ?? '')?.table;
  if (table === undefined) return { because: 'what it inserts into is no plain table' };
  const of = [`${ident(table.schema)}.${ident(table.relation)}`];
  const [against] = (await client.query<{ why: string }>(againstSql, of)).rows;
  if (against !== undefined) return { because: against.why };
  const columns = (await client.query<{ name: string }>(columnsSql, of)).rows.map(({ name }) => name);
  return columns.length === 0 ? { because: 'nothing that it inserts can be compared' } : { table, columns };
}

const againstSql = `/* assay optimizer */
  with parts as (select relid from pg_catalog.pg_partition_tree($1::regclass) union select $1::regclass)
  select 'triggers of its table see its rows in the order in which they come' as why from pg_catalog.pg_trigger
    where not tgisinternal and tgtype & 4 <> 0 and tgrelid in (select relid from parts)
  union all select 'its table has rules' from pg_catalog.pg_rewrite where ev_class in (select relid from parts)
  union all select 'a part of its table lies on another server' from pg_catalog.pg_class where relkind = 'f' and oid in (select relid from parts)
  limit 1`;

/** An expression's tree names every function by its number. */
const columnsSql = `/* assay optimizer */
  select a.attname as name from pg_catalog.pg_attribute a left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and a.attidentity = ''
    and not exists (select from pg_catalog.regexp_matches(d.adbin::text, ':(?:op)?funcid ([0-9]+)', 'g') as called(number)
      join pg_catalog.pg_proc p on p.oid = called.number[1]::oid where p.provolatile = 'v')
  order by a.attnum`;
