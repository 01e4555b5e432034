/**
 * `(SELECT count(*) FROM … WHERE …) > 0` as EXISTS, which ends at the first row and can be joined; compared with another number, or with a parameter, rows are
 * counted only as far as the answer needs them. Equal: count is never null, and whether it is more than k the first k + 1 rows say. The sub-query must be
 * nothing but a count: no groups, no limit. `count(x)` counts rows whose x is not null, and so does the other text; x must be a column of its own tables (of an outer one
 * the count would be the outer query's: manual, 4.2.7 "Aggregate Expressions"), and no row, which IS NOT NULL looks into. That $1 is 0
 * for the application, the texts that pg_stat_statements keeps do not say: EXISTS comes of a 0 or 1 in the text, or in every call that was captured.
 */
import type { Node, SelectStmt } from 'libpg-query';
import { asksNothingThatFails, readsNothingThatFails } from '../cannot-fail.ts';
import type { Known } from '../known.ts';
import { and, cast, countAll, derived, exists, integer, not, operation, select, target } from '../nodes.ts';
import { type Found, findColumn, sourcesOf } from '../sources.ts';
import { mapExpression, mapQueries } from '../walk.ts';
import { freshNames } from './fresh-name.ts';
import type { Rule } from './rule.ts';
import { calledName, isPlainQuery, scalarQuery } from './sub-query.ts';

export const countToExists: Rule = {
  name: 'count-to-exists',
  reason: (plan) =>
    plan.some(({ relationship }) => relationship === 'SubPlan' || relationship === 'InitPlan') ? 'all rows are counted, where a few of them say it' : null,
  rewrite(query, known) {
    if (known.ownFunctions.has('count')) return null;
    const names = freshNames(query);
    let isChanged = false;
    const fixed = new Map<number, string>();
    const changed = mapQueries(query, (each) =>
      mapExpression(each, (node) => {
        const comparison = comparisonOf(node, known);
        if (comparison === null) return null;
        isChanged = true;
        return answered(withConstant(comparison, known, fixed), names);
      }),
    );
    return isChanged ? { query: changed, grounds: [], fixed } : null;
  },
};

/** A parameter that is 0 or 1 in every call, and would make it a question of a row: noted as such. */
function withConstant(comparison: Comparison, { constants }: Known, fixed: Map<number, string>): Comparison {
  const { operator, bound } = comparison;
  const number = 'ParamRef' in bound ? (bound.ParamRef.number ?? 0) : 0;
  const value = constants.get(number);
  if (!((value === '0' && ['>', '<>', '='].includes(operator)) || (value === '1' && ['>=', '<'].includes(operator)))) return comparison;
  fixed.set(number, value);
  return { ...comparison, bound: integer(Number(value)) };
}

interface Comparison {
  /** As if the count stood on the left. */
  readonly operator: string;
  /** The query without its count. */
  readonly rows: SelectStmt;
  readonly bound: Node;
  readonly isWide: boolean;
}

const TURNED: Readonly<Record<string, string>> = { '>': '<', '>=': '<=', '<': '>', '<=': '>=', '=': '=', '<>': '<>' };

function comparisonOf(node: Node, known: Known): Comparison | null {
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP') return null;
  const [name, ...schema] = node.A_Expr.name ?? [];
  const { lexpr, rexpr } = node.A_Expr;
  if (schema.length > 0 || name === undefined || !('String' in name) || lexpr === undefined || rexpr === undefined) return null;
  const operator = name.String.sval ?? '';
  const turned = TURNED[operator];
  if (turned === undefined) return null;
  const [left, right] = [countedRows(lexpr, known), countedRows(rexpr, known)];
  if (left !== null && isNumber(rexpr, known)) return { operator, rows: left, bound: rexpr, isWide: isWide(rexpr, known) };
  return right !== null && isNumber(lexpr, known) ? { operator: turned, rows: right, bound: lexpr, isWide: isWide(lexpr, known) } : null;
}

/** A whole one: what else names a parameter may make it another number, and 3 is more than 2.5. */
const isNumber = (node: Node, { parameterTypes }: Known): boolean =>
  'ParamRef' in node ? INTEGERS.includes(parameterTypes[(node.ParamRef.number ?? 0) - 1] ?? '') : 'A_Const' in node && node.A_Const.ival !== undefined;

const INTEGERS: readonly string[] = ['smallint', 'integer', 'bigint'];

/** May be the largest number that there is. */
const isWide = (node: Node, { parameterTypes }: Known): boolean => 'ParamRef' in node && parameterTypes[(node.ParamRef.number ?? 0) - 1] === 'bigint';

/** What a sub-query counts: its rows; null: it is another one. */
function countedRows(node: Node, known: Known): SelectStmt | null {
  const scalar = scalarQuery(node);
  if (scalar === null || !isPlainQuery(scalar.query) || calledName(scalar.value) !== 'count' || !('FuncCall' in scalar.value)) return null;
  const { agg_distinct, agg_filter, over, agg_star, args = [] } = scalar.value.FuncCall;
  const [counted] = args;
  if (agg_distinct || agg_filter !== undefined || over !== undefined || (!agg_star && counted === undefined)) return null;
  const notNull: Node[] = agg_star || counted === undefined || 'A_Const' in counted ? [] : [{ NullTest: { arg: counted, nulltesttype: 'IS_NOT_NULL' } }];
  if (counted !== undefined && 'A_Const' in counted && counted.A_Const.isnull) return null;
  if (notNull.length > 0 && !isSingle(findColumn(counted, sourcesOf(scalar.query, known)))) return null;
  const whereClause = and([...(scalar.query.whereClause === undefined ? [] : [scalar.query.whereClause]), ...notNull]);
  const { sortClause: _order, ...rest } = scalar.query;
  return { ...rest, targetList: [target(integer(1))], ...(whereClause === undefined ? {} : { whereClause }) };
}

/** Of a type for which IS NOT NULL asks what count does. */
const isSingle = (found: Found | null): boolean => found !== null && found.column.nature !== 'other';

function answered({ operator, rows, bound, isWide: mayBeLargest }: Comparison, names: (wish: string) => string): Node {
  const value = 'A_Const' in bound ? (bound.A_Const.ival?.ival ?? 0) : null;
  // joined, its conditions are asked of rows that no other row asks for
  const mayJoin = asksNothingThatFails(rows) && readsNothingThatFails(rows.fromClause);
  if (mayJoin && ((operator === '>' && value === 0) || (operator === '>=' && value === 1) || (operator === '<>' && value === 0))) return exists(rows);
  if (mayJoin && ((operator === '=' && value === 0) || (operator === '<' && value === 1))) return not(exists(rows));
  const alias = names('counted');
  // below 0 nothing is counted, and the answer is the same
  const more = operator === '>=' || operator === '<' ? 0 : 1;
  const limitCount = value === null ? upTo(bound, more, mayBeLargest) : integer(Math.max(0, value) + more);
  const bounded = select({ ...rows, limitCount, limitOption: 'LIMIT_OPTION_COUNT' });
  const counting = select({ targetList: [target(countAll)], fromClause: [derived(bounded, alias)] });
  const left: Node = { SubLink: { subLinkType: 'EXPR_SUBLINK', subselect: { SelectStmt: counting } } };
  return operation(left, operator, value === null ? cast(bound, 'pg_catalog', 'int8') : bound);
}

function upTo(bound: Node, more: 0 | 1, mayBeLargest: boolean): Node {
  const least: Node = { MinMaxExpr: { op: 'IS_GREATEST', args: [cast(bound, 'pg_catalog', 'int8'), integer(0)] } };
  if (more === 0) return least;
  // one more must be a number still
  return operation(mayBeLargest ? { MinMaxExpr: { op: 'IS_LEAST', args: [least, LAST_BUT_ONE] } } : least, '+', integer(1));
}

const LAST_BUT_ONE: Node = { A_Const: { fval: { fval: '9223372036854775806' } } };
