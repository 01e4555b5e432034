/** `a LEFT JOIN b … GROUP BY a.id`: b grouped first, and joined as groups. On what that rests: grouped-before-join.ts. */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../../domain/optimizer/rewrite.ts';
import { noneFails } from '../cannot-fail.ts';
import type { Known } from '../known.ts';
import { and, coalesce, column, derived, integer, operation, select, target } from '../nodes.ts';
import { plain } from '../query-text.ts';
import { findColumn, type Source, sourcesOf } from '../sources.ts';
import { conjunctsOf, nodesOf } from '../walk.ts';
import { figureKind, neverFails } from './around-figures.ts';
import { figureColumns } from './figure-columns.ts';
import type { GroupedQuery } from './grouped-query.ts';
import { columnOf, groundsOf, inEqual } from './meeting.ts';
import { numberOf } from './number-of.ts';
import { outerOf, typesOf } from './outer-query.ts';
import { calledName, readsOnly } from './sub-query.ts';

export interface Site {
  readonly known: Known;
  readonly names: (wish: string) => string;
  /** It stands in another query, which may ask something of what comes out. */
  readonly isInner: boolean;
}

export interface Made {
  readonly query: SelectStmt;
  readonly grounds: readonly RewriteGround[];
}

export function groupedBesideLeftJoin(query: SelectStmt, { groups, aggregates }: GroupedQuery, { known, names, isInner }: Site): Made | null {
  const [only, ...more] = query.fromClause ?? [];
  if (only === undefined || more.length > 0 || !('JoinExpr' in only)) return null;
  const { jointype, isNatural, usingClause, larg, rarg, quals, alias: joined } = only.JoinExpr;
  if (jointype !== 'JOIN_LEFT' || isNatural || usingClause !== undefined || joined !== undefined || larg === undefined || rarg === undefined) return null;
  if (!('RangeVar' in larg) || !('RangeVar' in rarg)) return null;
  const [[kept], [met]] = [sourcesOf({ fromClause: [larg] }, known), sourcesOf({ fromClause: [rarg] }, known)];
  if (kept === undefined || met === undefined) return null;
  const both = [kept, met];
  const conditions = conjunctsOf(quals).map((condition) => ({ condition, meeting: inEqual(condition, [met], [kept]) }));
  const meetings = conditions.flatMap(({ meeting }) => meeting ?? []);
  const rest = conditions.flatMap(({ condition, meeting }) => (meeting === null ? [condition] : []));
  const key = keyIn(groups, kept, both);
  if (meetings.length === 0 || key === null || !isAboutOnly(rest, met, both) || !noneFails(rest) || !isAboutOnly([query.whereClause, groups], kept, both))
    return null;
  const asked = [...conjunctsOf(query.havingClause), ...(isInner ? valuesOf(query) : [])];
  const isOfFigures = (node: Node) => nodesOf(node, 'FuncCall').some((each) => known.aggregates.has(calledName({ FuncCall: each }) ?? ''));
  if (!asked.every((each) => !isOfFigures(each) || neverFails(each, figureKind(both, known)))) return null;
  const alias = names('grouped');
  const keys = meetings.map(({ ours }) => ({ node: columnOf(ours), name: names('key_1') }));
  const figures = figureColumns(alias, names);
  const figureOf = (node: Node): Node | null => {
    if (!isHarmless(node, { met, both, known })) return null;
    const read = figures.read(node);
    // a row without a partner is one row, of which nothing is counted
    return calledName(node) === 'count' ? coalesce(read, integer('FuncCall' in node && node.FuncCall.agg_star ? 1 : 0)) : read;
  };
  const outer = outerOf(query, known, (node) =>
    aggregates.some((each) => plain(each) === plain(node)) ? figureOf(node) : isOf(node, kept, both) ? node : null,
  );
  if (outer === null) return null;
  const condition = and(rest);
  const inner = select({
    targetList: [...keys.map(({ node, name }) => target(node, name)), ...figures.targets()],
    fromClause: [rarg],
    ...(condition === undefined ? {} : { whereClause: condition }),
    groupClause: keys.map(({ node }) => node),
  });
  const on = and(meetings.map(({ theirs }, place) => operation(column(alias, keys[place]?.name ?? ''), '=', columnOf(theirs)))) as Node;
  const { groupClause: _groups, havingClause: _asked, whereClause: _where, ...others } = query;
  const { havingClause, ...read } = outer;
  const whereClause = and([query.whereClause, havingClause].flatMap((each) => each ?? []));
  return {
    query: {
      ...{ ...others, ...read },
      fromClause: [{ JoinExpr: { jointype: 'JOIN_LEFT', larg, rarg: derived(inner, alias), quals: on } }],
      ...(whereClause === undefined ? {} : { whereClause }),
    },
    grounds: [...key, ...meetings.flatMap(groundsOf), ...typesOf(aggregates, both)],
  };
}

const valuesOf = ({ targetList = [] }: SelectStmt): readonly Node[] =>
  targetList.flatMap((one) => ('ResTarget' in one && one.ResTarget.val !== undefined ? [one.ResTarget.val] : []));

const isOf = (node: Node, source: Source, sources: readonly Source[]): boolean => findColumn(node, sources)?.source === source;

/** Names are looked for among both, as PostgreSQL does. */
const isAboutOnly = (value: unknown, source: Source, sources: readonly Source[]): boolean =>
  readsOnly(value, sources) && readsOnly(value, [source]) && !hasOther(value, source, sources);

function hasOther(value: unknown, source: Source, sources: readonly Source[]): boolean {
  if (Array.isArray(value)) return value.some((each) => hasOther(each, source, sources));
  if (typeof value !== 'object' || value === null) return false;
  if ('SubLink' in value) return true;
  if ('ColumnRef' in value) return !isOf(value as Node, source, sources);
  return Object.values(value).some((each) => hasOther(each, source, sources));
}

/** A unique key of the table that stays is among what is grouped by: each group is of one row of it. */
function keyIn(groups: readonly Node[], kept: Source, sources: readonly Source[]): readonly RewriteGround[] | null {
  const table = kept.known;
  if (table === null) return null;
  const named = groups.flatMap((group) => (isOf(group, kept, sources) ? (findColumn(group, sources)?.column ?? []) : []));
  const key = table.keys.find((each) => each.every((name) => named.some((column) => column.name === name && column.notNull)));
  if (key === undefined) return null;
  return [{ kind: 'unique', table: table.table, columns: key }, ...key.map((column) => ({ kind: 'not-null', table: table.table, column }) as const)];
}

interface Asked {
  readonly met: Source;
  readonly both: readonly Source[];
  readonly known: Known;
}

/** A figure of the joined rows alone, which cannot fail for rows that meet nothing. */
function isHarmless(node: Node, { met, both, known }: Asked): boolean {
  if (!('FuncCall' in node)) return false;
  const { args = [], agg_star, agg_order, agg_filter, agg_within_group, over, func_variadic, agg_distinct } = node.FuncCall;
  const name = calledName(node);
  if (name === null || known.ownFunctions.has(name)) return false;
  if (agg_order !== undefined || agg_filter !== undefined || agg_within_group || over !== undefined || func_variadic) return false;
  if (agg_star) return name === 'count';
  const [arg, ...more] = args;
  if (arg === undefined || more.length > 0 || !isAboutOnly(arg, met, both)) return false;
  const found = findColumn(arg, both);
  if (name === 'count') return found !== null && (!agg_distinct || found.column.nature !== 'other');
  if (agg_distinct) return false;
  if (name === 'min' || name === 'max') return found?.column.nature === 'exact';
  // what reads no column is there for a row without a partner, too
  const isOfRows = nodesOf(arg, 'ColumnRef').length > 0;
  return (name === 'sum' || name === 'avg') && isOfRows && numberOf(arg, both, known) !== null;
}
