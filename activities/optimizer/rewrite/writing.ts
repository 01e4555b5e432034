/**
 * UPDATE and DELETE with another condition: the same rows are changed, each to the same values, where both conditions are true of the same rows. What a row becomes is
 * written as before. Only of one table: what joins others may find several rows for one, and takes any (manual, UPDATE, "Notes"). Left alone is what hangs on
 * the order in which rows come: triggers of the user's, rules, and new values in a unique index, which is checked row by row (CREATE TABLE, "Non-Deferred
 * Uniqueness Constraints").
 */
import type { DeleteStmt, Node, SelectStmt, UpdateStmt } from 'libpg-query';
import type pg from 'pg';
import { ident } from '../../pg.ts';
import type { Parsed } from '../bind/tree.ts';
import { isFault, parseOne } from '../bind/tree.ts';
import type { Unit } from '../lab/execute.ts';
import { type Applied, applied, type RewriteCandidate, restingOn, type Spoken, type WriteTexts } from './applied.ts';
import type { Candidates } from './candidates.ts';
import { determined } from './determined.ts';
import { expressionText } from './expression-text.ts';
import { type Known, knownOf, type LeftAlone } from './known.ts';
import { nameText, UNKNOWN } from './name-text.ts';
import { column, select, star, target } from './nodes.ts';
import { plain, textOf } from './query-text.ts';
import { nodesOf } from './walk.ts';

interface Asked {
  readonly parsed: Parsed;
  readonly spoken: readonly Spoken[];
}

interface Write {
  readonly kind: 'update' | 'delete';
  readonly relation: Extract<Node, { RangeVar: unknown }>['RangeVar'];
  readonly values: readonly Node[];
  readonly returning: readonly Node[];
  readonly where: Node;
}

/** Candidates whose proof is in rows changed; null: it has no condition, or no rule is for it. */
export async function writesOf(client: pg.Client, units: readonly [Unit, ...Unit[]], { parsed, spoken }: Asked): Promise<Candidates | LeftAlone | null> {
  const write = writeOf(parsed);
  if (write === null || 'because' in write) return write;
  const [{ bound }] = units;
  const chosen = chosenBy(write, write.where);
  const asked = select({ ...chosen, targetList: [...write.values, ...write.returning] });
  const known = await knownOf(client, asked, { parameterTypes: bound.parameterTypes, bindings: units.map(({ binding }) => binding) });
  if ('because' in known) return known;
  const made = [...(spoken.length < 2 ? [] : [spoken]), ...spoken.map((each) => [each])].flatMap((some) => {
    const found = applied(some, chosen, known);
    return found === null || !isOnlyCondition(found, chosen) ? [] : [found];
  });
  if (made.length === 0) return null;
  const hanging = await hangsOnOrder(client, write, known);
  const rests = determined(asked, known);
  if (hanging !== null || 'because' in rests) return { because: hanging ?? ('because' in rests ? rests.because : '') };
  const text = writeText(write, write.where);
  const writes = writeTexts(write, write.where);
  const candidates = made.flatMap((each) => candidateOf(write, each)).map((each) => restingOn(each, rests.grounds));
  const others = [...new Map(candidates.filter((each) => each.text !== text).map((each) => [each.text, each])).values()];
  const table = known.table(write.relation.schemaname, write.relation.relname ?? '')?.table;
  const read = nodesOf(asked, 'RangeVar').flatMap(({ schemaname, relname = '' }) => known.table(schemaname, relname)?.table ?? []);
  const tables = [...new Map([...(table === undefined ? [] : [table]), ...read].map((each) => [JSON.stringify(each), each])).values()];
  if (text === null || writes === null) return { because: 'it has a form that cannot be written back' };
  return others.length === 0 ? null : { text, isOrdered: false, tables, candidates: others, writes };
}

function writeOf({ kind, root }: Parsed): Write | LeftAlone | null {
  const { relation, whereClause, withClause, returningClause, ...more } = root as UpdateStmt & DeleteStmt;
  if (relation === undefined || whereClause === undefined) return null;
  if (returningClause?.options !== undefined) return { because: 'it names what it returns anew' };
  if (withClause !== undefined) return { because: 'it writes beside a WITH' };
  if ((more.fromClause ?? more.usingClause) !== undefined) return { because: 'it joins what it changes: of several rows that it finds for one it takes any' };
  const values = kind === 'UpdateStmt' ? (more.targetList ?? []) : [];
  return { kind: kind === 'UpdateStmt' ? 'update' : 'delete', relation, values, returning: returningClause?.exprs ?? [], where: whereClause };
}

const aliasOf = ({ relation: { alias, relname = '' } }: Write): string => alias?.aliasname ?? relname;

const chosenBy = (write: Write, whereClause: Node): SelectStmt =>
  select({
    targetList: [target(column(aliasOf(write), 'tableoid')), target(column(aliasOf(write), 'ctid')), target(star(aliasOf(write)))],
    fromClause: [{ RangeVar: write.relation }],
    whereClause,
  });

const isOnlyCondition = ({ query }: Applied, chosen: SelectStmt): boolean =>
  query.whereClause !== undefined && plain({ ...query, whereClause: undefined }) === plain({ ...chosen, whereClause: undefined });

function candidateOf(write: Write, { query, ...about }: Applied): readonly RewriteCandidate[] {
  const where = query.whereClause as Node; // it is only the condition
  const text = writeText(write, where);
  const writes = writeTexts(write, where);
  return text === null || writes === null ? [] : [{ ...about, text, writes }];
}

function writeTexts(write: Write, where: Node): WriteTexts | null {
  const chosen = textOf(chosenBy(write, where));
  // an updated row has a place of its own each time
  const places = write.kind === 'delete' ? [target(column(aliasOf(write), 'tableoid')), target(column(aliasOf(write), 'ctid'))] : [];
  const changed = writeText({ ...write, returning: [...places, target(star(aliasOf(write)))] }, where);
  return chosen === null || changed === null ? null : { chosen, changed };
}

/** Only texts that the parser reads as that very tree. */
function writeText({ kind, relation, values, returning }: Write, where: Node): string | null {
  const query = (node: Node | undefined): string =>
    node !== undefined && 'SelectStmt' in node ? (textOf(node.SelectStmt)?.replaceAll('\n', ' ') ?? UNKNOWN) : UNKNOWN;
  const text = (node: Node | undefined) => expressionText(node, query);
  const name = (sval: string) => nameText({ String: { sval } });
  const { schemaname, relname = '', alias, inh } = relation;
  const table = `${inh ? '' : 'only '}${schemaname === undefined ? '' : `${name(schemaname)}.`}${name(relname)}${alias === undefined ? '' : ` as ${name(alias.aliasname ?? '')}`}`;
  const set = values.map((each) =>
    'ResTarget' in each && each.ResTarget.indirection === undefined ? `${name(each.ResTarget.name ?? '')} = ${text(each.ResTarget.val)}` : UNKNOWN,
  );
  const given = returning.map((each) =>
    'ResTarget' in each ? `${text(each.ResTarget.val)}${each.ResTarget.name === undefined ? '' : ` as ${name(each.ResTarget.name)}`}` : UNKNOWN,
  );
  const lines = [
    kind === 'update' ? `update ${table}` : `delete from ${table}`,
    ...(kind === 'update' ? [`set ${set.join(', ')}`] : []),
    `where ${text(where)}`,
  ];
  const written = [...lines, ...(given.length === 0 ? [] : [`returning ${given.join(', ')}`])].join('\n');
  const parsed = parseOne(written);
  if (isFault(parsed)) return null;
  const back = writeOf(parsed);
  const isSame = back !== null && !('because' in back) && plain(back) === plain({ kind, relation, values, returning, where });
  return isSame ? written : null;
}

/** Why it is left alone; null: it does not. */
async function hangsOnOrder(client: pg.Client, { relation: { schemaname, relname = '' }, values }: Write, known: Known): Promise<string | null> {
  const table = known.table(schemaname, relname);
  if (table === null) return 'what it changes is no plain table';
  const set = values.flatMap((each) => ('ResTarget' in each ? [each.ResTarget.name ?? ''] : []));
  const { rows } = await client.query<{ why: string }>(orderSql, [`${ident(table.table.schema)}.${ident(table.table.relation)}`, set]);
  return rows[0]?.why ?? null;
}

const orderSql = `/* assay optimizer */
  with parts as (select relid from pg_catalog.pg_partition_tree($1::regclass) union select $1::regclass)
  select 'its table has triggers, which see rows in the order in which they come' as why from pg_catalog.pg_trigger where not tgisinternal and tgrelid in (select relid from parts)
  union all select 'its table has rules' from pg_catalog.pg_rewrite where ev_class in (select relid from parts)
  union all select 'it sets a column of a unique index, which is checked row by row' from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = i.indrelid
    where i.indrelid in (select relid from parts) and (i.indisunique or i.indisexclusion) and (a.attname = any ($2::text[]) or a.attgenerated <> '') and (a.attnum = any (i.indkey) or i.indexprs is not null)
  limit 1`;
