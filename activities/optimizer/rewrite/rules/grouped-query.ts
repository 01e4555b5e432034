/** A SELECT that groups, read apart: what several rules ask of it. */
import type { Node, SelectStmt } from 'libpg-query';
import type { Known } from '../known.ts';
import { plain } from '../query-text.ts';
import { findColumn, type Source } from '../sources.ts';
import { mapExpression, nodesOf } from '../walk.ts';
import { calledName } from './sub-query.ts';

export interface GroupedQuery {
  readonly sources: readonly Source[];
  /** What it groups by, names and places told; none: all rows are one group. */
  readonly groups: readonly Node[];
  /** Each once. */
  readonly aggregates: readonly Node[];
}

/** null: it does not group, or in a way of which nothing is known: grouping sets, windows, sources that are no tables, something that is not written alike where it is equal. */
export function groupedQuery(query: SelectStmt, sources: readonly Source[], known: Known): GroupedQuery | null {
  const { op, fromClause, groupClause = [], groupDistinct, distinctClause, windowClause, valuesLists, targetList = [], havingClause, sortClause = [] } = query;
  const others = [distinctClause, windowClause, valuesLists];
  if (op !== 'SETOP_NONE' || fromClause === undefined || groupDistinct || others.some((part) => part !== undefined)) return null;
  if (sources.length === 0 || sources.some((source) => source.known === null || source.alias === '')) return null;
  if (nodesOf([targetList, havingClause, sortClause], 'SubLink').length > 0 || nodesOf(targetList, 'A_Star').length > 0) return null;
  const calls = nodesOf([targetList, havingClause, sortClause], 'FuncCall');
  if (calls.some((call) => call.over !== undefined)) return null;
  const groups = groupClause.map((key) => groupOf(key, targetList, sources));
  if (!groups.every((group) => group !== null && isWrittenAlike(group, sources, known))) return null;
  const aggregates = new Map<string, Node>();
  mapExpression([targetList, havingClause, sortClause], (node) => {
    if (!known.aggregates.has(calledName(node) ?? '')) return null;
    aggregates.set(plain(node), node);
    return node;
  });
  return aggregates.size === 0 ? null : { sources, groups: groups as readonly Node[], aggregates: [...aggregates.values()] };
}

/** A place means what comes out there; a word a column of the tables first, then what comes out under that name (manual, SELECT, "GROUP BY Clause"). */
function groupOf(key: Node, targets: readonly Node[], sources: readonly Source[]): Node | null {
  if ('GroupingSet' in key) return null;
  if ('A_Const' in key) {
    const one = targets[(key.A_Const.ival?.ival ?? 0) - 1];
    return one !== undefined && 'ResTarget' in one ? (one.ResTarget.val ?? null) : null;
  }
  if (!('ColumnRef' in key) || findColumn(key, sources) !== null) return key;
  const [word, ...more] = key.ColumnRef.fields ?? [];
  const named = targets.filter((one) => 'ResTarget' in one && word !== undefined && 'String' in word && one.ResTarget.name === word.String.sval);
  const [one] = named;
  return more.length === 0 && named.length === 1 && one !== undefined && 'ResTarget' in one ? (one.ResTarget.val ?? null) : null;
}

/** Of two columns alike: what these give is, too. */
const ALIKE = ['lower', 'upper', 'length', 'extract', 'date_trunc'];

/** Equal values of it are the same to the last letter; it reads columns. */
export function isWrittenAlike(node: Node, sources: readonly Source[], known: Known): boolean {
  if (nodesOf(node, 'ColumnRef').length === 0) return false;
  const isAlike = (part: Node): boolean => {
    if ('ColumnRef' in part) return findColumn(part, sources)?.column.nature === 'exact';
    if ('A_Const' in part) return true;
    const name = calledName(part);
    return name !== null && 'FuncCall' in part && ALIKE.includes(name) && !known.ownFunctions.has(name) && (part.FuncCall.args ?? []).every(isAlike);
  };
  return isAlike(node);
}
