/** A FROM of nothing but tables and inner joins, taken apart. */
import type { Node, SelectStmt } from 'libpg-query';
import type { Known } from '../known.ts';
import { select } from '../nodes.ts';
import { type Source, sourcesOf } from '../sources.ts';
import { conjunctsOf, nodesOf } from '../walk.ts';
import { readsOnly } from './sub-query.ts';

export interface Item {
  readonly node: Node;
  readonly source: Source;
}

/** The tables, and every condition of WHERE and ON. null: another kind of join, or something that is no table. */
export function flattened(query: SelectStmt, known: Known): { readonly items: readonly Item[]; readonly conditions: readonly Node[] } | null {
  const items: Item[] = [];
  const conditions: Node[] = [...conjunctsOf(query.whereClause)];
  const take = (node: Node): boolean => {
    if ('RangeVar' in node) {
      const [source] = sourcesOf(select({ fromClause: [node] }), known);
      if (source?.known == null) return false;
      items.push({ node, source });
      return true;
    }
    if (!('JoinExpr' in node)) return false;
    const { jointype, isNatural, usingClause, larg, rarg, quals, alias } = node.JoinExpr;
    if (jointype !== 'JOIN_INNER' || isNatural || usingClause !== undefined || alias !== undefined || larg === undefined || rarg === undefined) return false;
    conditions.push(...conjunctsOf(quals));
    const before = items.length;
    if (!take(larg) || !take(rarg)) return false;
    // ON sees the tables that it joins, and those around the query: in WHERE the same word may mean a column of a table beside them
    const joined = items.slice(before).map(({ source }) => source);
    return nodesOf(quals, 'SubLink').length === 0 && readsOnly(quals, joined);
  };
  return (query.fromClause ?? []).every(take) ? { items, conditions } : null;
}
