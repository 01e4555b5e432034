/** A query over nothing but another one that only reads, as one query, as the planner takes it too: what rules see of it then are the tables. */
import type { Node, SelectStmt } from 'libpg-query';
import type { Known } from '../known.ts';
import { and } from '../nodes.ts';
import { mapExpression, nodesOf } from '../walk.ts';
import { isOutput, nameOf } from './outer-query.ts';
import { calledName, isPlainQuery } from './sub-query.ts';

/** null: it is none. Nothing in it may be computed of several rows, or hold a query of its own: names would mean others there. */
export function pulledUp(query: SelectStmt, known: Known): SelectStmt | null {
  const { fromClause = [], targetList = [], op, withClause, groupClause, havingClause, whereClause, sortClause, distinctClause, windowClause } = query;
  const [only, ...more] = fromClause;
  if (op !== 'SETOP_NONE' || more.length > 0 || only === undefined || !('RangeSubselect' in only) || [withClause, distinctClause, windowClause].some(Boolean))
    return null;
  const { subquery, alias, lateral } = only.RangeSubselect;
  const inner = subquery !== undefined && 'SelectStmt' in subquery ? subquery.SelectStmt : null;
  if (inner === null || lateral || alias?.colnames !== undefined || !isPlainQuery(inner) || inner.sortClause !== undefined) return null;
  if (nodesOf([targetList, groupClause, havingClause, whereClause, sortClause, inner.targetList], 'SubLink').length > 0) return null;
  if (nodesOf(inner.targetList, 'FuncCall').some((each) => each.over !== undefined || isFigure({ FuncCall: each }, known))) return null;
  const columns = columnsOf(inner);
  const outputs = targetList.map((one) => ('ResTarget' in one ? nameOf(one.ResTarget) : undefined));
  if (columns === null || outputs.includes(undefined)) return null;
  let isOpen = false;
  const read = <T>(value: T): T =>
    mapExpression(value, (node) => {
      if (!('ColumnRef' in node)) return null;
      const found = columnIn(node.ColumnRef.fields ?? [], columns, alias?.aliasname);
      isOpen ||= found === null;
      return found;
    });
  // a number in the place of a word would mean a place among what comes out
  const readKey = (key: Node): Node => {
    const made = read(key);
    isOpen ||= 'A_Const' in made && !('A_Const' in key);
    return made;
  };
  const targets = targetList.map((one, place) =>
    'ResTarget' in one ? { ResTarget: { ...one.ResTarget, name: outputs[place] as string, val: read(one.ResTarget.val as Node) } } : one,
  );
  // what comes out under that name: a table that can be seen now may have a column of it
  const groups = groupClause?.map((key) => readKey(isOutput(key, outputs) && !isColumn(key, columns) ? named(key, outputs, targetList) : key));
  const sorts = sortClause?.map((each) =>
    'SortBy' in each && each.SortBy.node !== undefined && !isOutput(each.SortBy.node, outputs)
      ? { SortBy: { ...each.SortBy, node: readKey(each.SortBy.node) } }
      : each,
  );
  const condition = and([inner.whereClause, read(whereClause)].flatMap((each) => each ?? []));
  const made: SelectStmt = {
    ...query,
    targetList: targets,
    fromClause: inner.fromClause as Node[],
    ...(groups === undefined ? {} : { groupClause: groups }),
    ...(havingClause === undefined ? {} : { havingClause: read(havingClause) }),
    ...(sorts === undefined ? {} : { sortClause: sorts }),
  };
  const { whereClause: _asked, ...rest } = made;
  return isOpen ? null : condition === undefined ? rest : { ...rest, whereClause: condition };
}

/** What comes out under that name; a place stays one. */
function named(key: Node, outputs: readonly (string | undefined)[], targets: readonly Node[]): Node {
  const [word] = 'ColumnRef' in key ? (key.ColumnRef.fields ?? []) : [];
  const one = targets[outputs.findIndex((name) => word !== undefined && 'String' in word && name === word.String.sval)];
  return one !== undefined && 'ResTarget' in one ? (one.ResTarget.val ?? key) : key;
}

/** Nobody knows what a call of another schema is. */
const isFigure = (node: Node, { aggregates }: Known): boolean => {
  const name = calledName(node);
  return name === null || aggregates.has(name);
};

/** By name; null: one of them is a star, comes twice, or is computed of several rows, which only a query of one level says nothing of. */
function columnsOf(inner: SelectStmt): ReadonlyMap<string, Node> | null {
  const found = new Map<string, Node>();
  for (const one of inner.targetList ?? []) {
    const name = 'ResTarget' in one ? nameOf(one.ResTarget) : undefined;
    if (!('ResTarget' in one) || one.ResTarget.val === undefined || name === undefined || found.has(name) || nodesOf(one, 'A_Star').length > 0) return null;
    found.set(name, one.ResTarget.val);
  }
  return found;
}

const isColumn = (key: Node, columns: ReadonlyMap<string, Node>): boolean =>
  'ColumnRef' in key && key.ColumnRef.fields?.length === 1 && columnIn(key.ColumnRef.fields, columns, undefined) !== null;

function columnIn(fields: readonly Node[], columns: ReadonlyMap<string, Node>, alias: string | undefined): Node | null {
  const names = fields.map((field) => ('String' in field ? (field.String.sval ?? '') : null));
  const [name] = names.length === 1 ? names : names.length === 2 && names[0] === alias ? names.slice(1) : [];
  return name === undefined || name === null ? null : (columns.get(name) ?? null);
}
