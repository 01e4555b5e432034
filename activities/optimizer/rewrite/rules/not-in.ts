/**
 * `x NOT IN (SELECT y …)` as `NOT EXISTS (SELECT … WHERE y = x)`, which PostgreSQL plans as an anti-join; NOT IN it never does.
 * Equal only where neither x nor y can be null: with a null among y, NOT IN is never true, and with x null it is null, where NOT EXISTS is true
 * (manual, 9.24.3 "NOT IN"). Both must be NOT NULL columns, and neither on the side of an outer join that may be filled with nulls, nor of GROUPING SETS. Then both are
 * true or false, so it holds at any place of an expression. NOT IN stops at the first row that it finds, and never begins where no row asks: what the query asks of its
 * rows must not be able to fail. The query becomes a derived table as it is: none of its names can catch x.
 */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../../domain/optimizer/rewrite.ts';
import { asksNothingThatFails, computesNothingThatFails } from '../cannot-fail.ts';
import type { Known } from '../known.ts';
import { column, derived, exists, integer, not, operation, select, target } from '../nodes.ts';
import { type Found, findColumn, findThrough, sourcesOf } from '../sources.ts';
import { mapExpression, mapQueries } from '../walk.ts';
import { freshName } from './fresh-name.ts';
import type { Rule } from './rule.ts';

export const notIn: Rule = {
  name: 'not-in-to-not-exists',
  reason: (plan) => (plan.some(({ relationship }) => relationship === 'SubPlan') ? 'NOT IN is a sub-plan, which cannot be joined' : null),
  rewrite(query, known) {
    const grounds: RewriteGround[] = [];
    const alias = freshName(query, 'listed');
    const changed = mapQueries(query, (each) => {
      // where groups are made for some of the keys only, the others are null
      if (each.groupClause?.some((key) => 'GroupingSet' in key)) return each;
      const sources = sourcesOf(each, known);
      return mapExpression(each, (node) => {
        const parts = notInOf(node);
        const [x, y] = parts === null ? [null, null] : [neverNull(findColumn(parts.x, sources)), outputOf(parts.query, known)];
        if (parts === null || x === null || y === null || x.column.type !== y.column.type || !isSafe(parts.query)) return null;
        grounds.push(...[x, y].map(notNull));
        const listed = derived(parts.query, alias, ['item']);
        const where = operation(column(x.source.alias, x.column.name), '=', column(alias, 'item'));
        return not(exists(select({ targetList: [target(integer(1))], fromClause: [listed], whereClause: where })));
      });
    });
    return grounds.length === 0 ? null : { query: changed, grounds };
  },
};

const isSafe = (query: SelectStmt): boolean => asksNothingThatFails(query) && computesNothingThatFails(query);

/** `NOT (x = ANY (query))`: how the parser reads NOT IN. */
function notInOf(node: Node): { readonly x: Node; readonly query: SelectStmt } | null {
  const [arg] = 'BoolExpr' in node && node.BoolExpr.boolop === 'NOT_EXPR' ? (node.BoolExpr.args ?? []) : [];
  if (arg === undefined || !('SubLink' in arg) || arg.SubLink.subLinkType !== 'ANY_SUBLINK' || arg.SubLink.operName !== undefined) return null;
  const { testexpr, subselect } = arg.SubLink;
  return testexpr === undefined || subselect === undefined || !('SelectStmt' in subselect) ? null : { x: testexpr, query: subselect.SelectStmt };
}

/** Its one column, where that is a plain one that cannot be null. */
function outputOf(query: SelectStmt, known: Known): Found | null {
  const [only, ...more] = query.targetList ?? [];
  if (only === undefined || more.length > 0 || !('ResTarget' in only) || query.groupClause?.some((each) => 'GroupingSet' in each)) return null;
  return neverNull(findThrough(only.ResTarget.val, query, known));
}

/** Nor may comparing it give null: of PostgreSQL's own types it does not. */
const neverNull = (found: Found | null): Found | null => (found?.column.notNull && !found.source.isNullable && found.column.nature !== 'other' ? found : null);

const notNull = ({ table, column: { name } }: Found): RewriteGround => ({ kind: 'not-null', table: table.table, column: name });
