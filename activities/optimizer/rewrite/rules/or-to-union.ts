/**
 * `… WHERE (a OR b)` as two queries, `… WHERE a UNION ALL … WHERE b AND a IS NOT TRUE`: each has its own access path, where an OR over several tables has none.
 * Equal: a row comes out where the OR is true; the first query gives those where a is, the second those where b is and a is not, null counting as not
 * (manual, 9.2 "Comparison Functions", IS NOT TRUE), each as often as it was. Only for a statement that gives rows as they are: no groups, aggregates,
 * windows, DISTINCT. What it is ordered by must be one of its columns. Nothing that is asked may be able to fail: the second query asks it of rows that the
 * left side of the OR kept it from, and PostgreSQL asks `k = 3` later than `flag OR k = 3`, behind what stood behind that.
 */
import type { Node, SelectStmt } from 'libpg-query';
import { asksNothingThatFails, readsNothingThatFails } from '../cannot-fail.ts';
import type { Known } from '../known.ts';
import { and, integer, select } from '../nodes.ts';
import { plain } from '../query-text.ts';
import { conjunctsOf, nodesOf } from '../walk.ts';
import type { Rule } from './rule.ts';
import { calledName } from './sub-query.ts';

/** Each reads the tables once more. */
const MOST_BRANCHES = 3;

export const orToUnion: Rule = {
  name: 'or-to-union',
  reason: (plan) =>
    plan.some(({ expressions }) => expressions.some(({ name, text }) => ['Filter', 'Join Filter'].includes(name) && text.includes(' OR ')))
      ? 'an OR is tested row by row'
      : null,
  rewrite(query, known) {
    const { sortClause, limitCount, limitOffset, limitOption, withClause, ...body } = query;
    if (!givesRowsAsTheyAre(query, known)) return null;
    const conditions = conjunctsOf(query.whereClause);
    const place = conditions.findIndex((condition) => 'BoolExpr' in condition && condition.BoolExpr.boolop === 'OR_EXPR');
    const branches = alternatives(conditions[place]);
    const order = orderOf(query);
    if (!asksNothingThatFails(query) || !readsNothingThatFails(query.fromClause)) return null;
    if (branches.length < 2 || branches.length > MOST_BRANCHES || order === null) return null;
    const parts = branches.map((branch, at) => {
      const guards = branches.slice(0, at).map((before): Node => ({ BooleanTest: { arg: before, booltesttype: 'IS_NOT_TRUE' } }));
      const whereClause = and([...conditions.map((condition, where) => (where === place ? branch : condition)), ...guards]);
      return { ...body, limitOption: 'LIMIT_OPTION_DEFAULT', ...(whereClause === undefined ? {} : { whereClause }) } as SelectStmt;
    });
    const union = parts.reduce((larg, rarg) => select({ op: 'SETOP_UNION', all: true, larg, rarg }));
    const tail = { sortClause: order, limitCount, limitOffset, limitOption, withClause };
    const given = Object.fromEntries(Object.entries(tail).filter(([key, value]) => value !== undefined && (key !== 'sortClause' || order.length > 0)));
    return { query: { ...union, ...given }, grounds: [] };
  },
};

const alternatives = (condition: Node | undefined): readonly Node[] =>
  condition !== undefined && 'BoolExpr' in condition ? (condition.BoolExpr.args ?? []) : [];

function givesRowsAsTheyAre(query: SelectStmt, known: Known): boolean {
  const { op, fromClause, targetList, groupClause, havingClause, distinctClause, windowClause, valuesLists, sortClause } = query;
  const calls = nodesOf([targetList, sortClause], 'FuncCall').map((call) => ({ call, name: calledName({ FuncCall: call }) }));
  const isPlain = calls.every(({ call, name }) => call.over === undefined && name !== null && !known.aggregates.has(name));
  const parts = [groupClause, havingClause, distinctClause, windowClause, valuesLists];
  return op === 'SETOP_NONE' && fromClause !== undefined && isPlain && parts.every((part) => part === undefined);
}

/** Keys of a UNION are its columns, by place or by name. null: one of them is not among what comes out. */
function orderOf({ sortClause = [], targetList = [] }: SelectStmt): Node[] | null {
  const keys = sortClause.map((each) => {
    if (!('SortBy' in each) || each.SortBy.node === undefined) return null;
    const key = each.SortBy.node;
    if ('A_Const' in key) return each;
    const named = targetList.findIndex((one) => 'ResTarget' in one && isNamed(one.ResTarget, key));
    const place = named === -1 ? targetList.findIndex((one) => 'ResTarget' in one && plain(one.ResTarget.val) === plain(key)) : named;
    const isStarBefore = targetList.slice(0, place).some((one) => JSON.stringify(one).includes('"A_Star"'));
    return place === -1 || isStarBefore ? null : ({ SortBy: { ...each.SortBy, node: integer(place + 1) } } as Node);
  });
  return keys.every((key) => key !== null) ? keys : null;
}

/** A single word means the name of a column that comes out, whatever columns the tables have (manual, SELECT, "ORDER BY Clause"); all else is an expression of theirs. */
function isNamed({ name }: Extract<Node, { ResTarget: unknown }>['ResTarget'], key: Node): boolean {
  const fields = 'ColumnRef' in key ? (key.ColumnRef.fields ?? []) : [];
  const [word] = fields;
  return fields.length === 1 && word !== undefined && 'String' in word && word.String.sval === name;
}
