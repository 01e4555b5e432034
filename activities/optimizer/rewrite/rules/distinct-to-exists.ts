/**
 * `SELECT DISTINCT a.… FROM a JOIN b ON …`, where b only filters, as `SELECT DISTINCT a.… FROM a WHERE EXISTS (SELECT 1 FROM b …)`: it makes no duplicates
 * that have to be removed again. Equal as sets, and DISTINCT gives sets. Where what comes out holds a unique key of every table that is left, there
 * are no duplicates at all, and DISTINCT goes too; where it stays, what comes out must be columns whose equal values are written alike, since DISTINCT keeps any one
 * of them. Nothing may be computed over the joined rows: no aggregate, no window. Only inner joins are taken apart.
 */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../../domain/optimizer/rewrite.ts';
import type { Known, KnownTable } from '../known.ts';
import { and, exists, integer, select, target } from '../nodes.ts';
import { findColumn, type Source } from '../sources.ts';
import { mapQueries, nodesOf, type Of } from '../walk.ts';
import { flattened } from './flattened.ts';
import type { Rule } from './rule.ts';
import { calledName } from './sub-query.ts';

export const distinctToExists: Rule = {
  name: 'distinct-to-exists',
  reason: (plan) => {
    const isJoined = plan.some(({ type }) => ['Nested Loop', 'Hash Join', 'Merge Join'].includes(type));
    return isJoined && plan.some(({ type }) => type === 'Unique' || type === 'Aggregate') ? 'a join makes duplicates that are removed again' : null;
  },
  rewrite(query, known) {
    const grounds: RewriteGround[] = [];
    let isChanged = false;
    const changed = mapQueries(query, (each) => {
      const parts = taken(each, known);
      if (parts === null) return each;
      const keys = keysOf(each, parts.kept);
      if (keys === null && !isWrittenAlike(each, parts.kept)) return each;
      isChanged = true;
      grounds.push(...(keys ?? []));
      const { distinctClause: _none, ...bare } = each;
      return { ...(keys === null ? each : bare), fromClause: [...parts.from], whereClause: parts.condition };
    });
    return isChanged ? { query: changed, grounds } : null;
  },
};

const isAggregate = (call: Of<'FuncCall'>, { aggregates }: Known): boolean => {
  const name = calledName({ FuncCall: call });
  return name === null || aggregates.has(name);
};

/** Nothing but columns of which equal values are the same. */
const isWrittenAlike = ({ targetList = [] }: SelectStmt, kept: readonly Source[]): boolean =>
  targetList.every((one) => {
    const found = 'ResTarget' in one ? findColumn(one.ResTarget.val, kept) : null;
    return found?.column.nature === 'exact';
  });

interface Parts {
  readonly from: readonly Node[];
  readonly kept: readonly Source[];
  readonly condition: Node;
}

function taken(query: SelectStmt, known: Known): Parts | null {
  const { op, distinctClause, groupClause, havingClause, windowClause, targetList = [], sortClause = [] } = query;
  const isPlainDistinct = distinctClause?.length === 1 && Object.keys(distinctClause[0] ?? {}).length === 0;
  if (op !== 'SETOP_NONE' || !isPlainDistinct || [groupClause, havingClause, windowClause].some((part) => part !== undefined)) return null;
  if (nodesOf([targetList, sortClause], 'FuncCall').some((call) => call.over !== undefined || isAggregate(call, known))) return null;
  const flat = flattened(query, known);
  if (flat === null) return null;
  const sources = flat.items.map(({ source }) => source);
  const named = aliasesIn([targetList, sortClause], sources);
  if (named === null) return null;
  const [kept, gone] = [flat.items.filter(({ source }) => named.has(source)), flat.items.filter(({ source }) => !named.has(source))];
  if (kept.length === 0 || gone.length === 0) return null;
  const isAbout = (condition: Node): boolean => {
    const about = aliasesIn(condition, sources);
    return about === null || gone.some(({ source }) => about.has(source));
  };
  const filter = and(flat.conditions.filter(isAbout));
  const filtering = select({
    targetList: [target(integer(1))],
    fromClause: gone.map(({ node }) => node),
    ...(filter === undefined ? {} : { whereClause: filter }),
  });
  const condition = and([...flat.conditions.filter((each) => !isAbout(each)), exists(filtering)]) as Node;
  return { from: kept.map(({ node }) => node), kept: kept.map(({ source }) => source), condition };
}

/** Of which sources something is read; null: that cannot be told. */
function aliasesIn(value: unknown, sources: readonly Source[]): ReadonlySet<Source> | null {
  if (nodesOf(value, 'SubLink').length > 0) return null;
  const found = nodesOf(value, 'ColumnRef').map((reference) => {
    const [first, second] = reference.fields ?? [];
    const isStar = second !== undefined && 'A_Star' in second && first !== undefined && 'String' in first;
    return isStar ? sources.find(({ alias }) => alias === first.String.sval) : findColumn({ ColumnRef: reference }, sources)?.source;
  });
  return found.every((each) => each !== undefined) ? new Set(found) : null;
}

/** What keeps rows of all these tables apart in what comes out; null: nothing does. */
function keysOf({ targetList = [] }: SelectStmt, kept: readonly Source[]): readonly RewriteGround[] | null {
  const grounds = kept.map((source) => {
    const table = source.known;
    const columns = targetList.flatMap((one) => ('ResTarget' in one ? columnsOf(one.ResTarget.val, source, kept) : []));
    const key = table === null ? undefined : table.keys.find((each) => each.every((name) => columns.includes(name) && isNotNull(table, name)));
    return table === null || key === undefined
      ? null
      : [
          { kind: 'unique', table: table.table, columns: key } as const,
          ...key.map((name) => ({ kind: 'not-null', table: table.table, column: name }) as const),
        ];
  });
  return grounds.every((each) => each !== null) ? grounds.flat() : null;
}

const isNotNull = ({ columns }: KnownTable, name: string): boolean => columns.some((column) => column.name === name && column.notNull);

function columnsOf(val: Node | undefined, source: Source, kept: readonly Source[]): readonly string[] {
  if (val === undefined || !('ColumnRef' in val)) return [];
  const [first, second] = val.ColumnRef.fields ?? [];
  if (second !== undefined && 'A_Star' in second) {
    return first !== undefined && 'String' in first && first.String.sval === source.alias ? (source.known?.columns ?? []).map(({ name }) => name) : [];
  }
  const found = findColumn(val, kept);
  return found?.source === source ? [found.column.name] : [];
}
