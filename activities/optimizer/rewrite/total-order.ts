/** Does ORDER BY put the rows of a SELECT into one order only? Where it leaves some equal, LIMIT and DISTINCT ON may take any of them, today others than yesterday. */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../domain/optimizer/rewrite.ts';
import type { Known } from './known.ts';
import { plain } from './query-text.ts';
import { calledName } from './rules/sub-query.ts';
import { findColumn, type Source, sourcesOf } from './sources.ts';
import { conjunctsOf, mapExpression } from './walk.ts';

/** On what it rests that no two rows are equal by these keys; null: nobody can tell. */
export function totalOrder(query: SelectStmt, keys: readonly Node[], known: Known): readonly RewriteGround[] | null {
  const { op, groupClause, distinctClause, targetList = [] } = query;
  if (op !== 'SETOP_NONE') return null;
  const ordered = new Set(keys.map((key) => plain(keyOf(key, targetList))));
  const isOrdered = (node: Node | undefined) => node !== undefined && ordered.has(plain(node));
  if (groupClause !== undefined) return groupClause.every((key) => isOrdered(keyOf(key, targetList))) ? [] : null;
  // a single row
  if (calls(targetList).some((name) => known.aggregates.has(name)) && !isWindowed(targetList)) return [];
  if (distinctClause !== undefined && isPlainDistinct(distinctClause))
    return targetList.every((one) => 'ResTarget' in one && isOrdered(one.ResTarget.val)) ? [] : null;
  return byKeys(query, [...keys.map((key) => keyOf(key, targetList))], known);
}

/** Of ORDER BY, in their order. */
export const sortKeys = ({ sortClause = [] }: SelectStmt): readonly Node[] =>
  sortClause.flatMap((each) => ('SortBy' in each && each.SortBy.node !== undefined ? [each.SortBy.node] : []));

/** A plain DISTINCT is a list of one empty node. */
export const isPlainDistinct = (clause: readonly Node[]): boolean => clause.length === 1 && Object.keys(clause[0] ?? {}).length === 0;

/** What a key of ORDER BY means: a place, the name of a column that comes out, or an expression of the tables' columns. */
function keyOf(key: Node, targets: readonly Node[]): Node {
  if ('A_Const' in key && key.A_Const.ival !== undefined) {
    const place = key.A_Const.ival.ival ?? 0;
    const one = targets.slice(0, place).some((each) => JSON.stringify(each).includes('"A_Star"')) ? undefined : targets[place - 1];
    return one !== undefined && 'ResTarget' in one ? (one.ResTarget.val ?? key) : key;
  }
  const fields = 'ColumnRef' in key ? (key.ColumnRef.fields ?? []) : [];
  const [word] = fields;
  if (fields.length !== 1 || word === undefined || !('String' in word)) return key;
  const named = targets.find((one) => 'ResTarget' in one && one.ResTarget.name === word.String.sval);
  return named !== undefined && 'ResTarget' in named ? (named.ResTarget.val ?? key) : key;
}

/** Each table's row is told by a unique key of it: by its columns among the keys, or by what they are equal to. */
function byKeys(query: SelectStmt, keys: readonly Node[], known: Known): readonly RewriteGround[] | null {
  const sources = sourcesOf(query, known);
  const equalities = equalitiesOf(query, known);
  if (equalities === null || sources.length === 0 || sources.some((source) => source.known === null)) return null;
  const nameOf = (node: Node | undefined): string | null => {
    const found = findColumn(node, sources);
    return found === null ? null : JSON.stringify([found.source.alias, found.column.name]);
  };
  const told = new Set(keys.flatMap((key) => nameOf(key) ?? []));
  const grounds = new Map<Source, readonly RewriteGround[]>();
  for (let before = -1; before !== told.size + grounds.size; ) {
    before = told.size + grounds.size;
    for (const { sides, outer } of equalities) {
      // an outer join's condition says something of the rows that it brings, once those that it brings them to are told
      if (outer?.to.some((alias) => ![...grounds.keys()].some((source) => source.alias === alias))) continue;
      for (const [x, y] of [sides, [sides[1], sides[0]] as const]) {
        const found = findColumn(x, sources);
        if (found !== null && isTold(y, told, nameOf) && (outer === null || !outer.to.includes(found.source.alias))) told.add(nameOf(x) ?? '');
      }
    }
    for (const source of sources) {
      const found = grounds.has(source) ? undefined : keyGrounds(source, told);
      if (found === undefined) continue;
      grounds.set(source, found);
      for (const { name } of source.known?.columns ?? []) told.add(JSON.stringify([source.alias, name]));
    }
  }
  return sources.every((source) => grounds.has(source)) ? [...grounds.values()].flat() : null;
}

const isTold = (node: Node, told: ReadonlySet<string>, nameOf: (node: Node) => string | null): boolean => {
  const name = nameOf(node);
  return name === null ? 'ParamRef' in node || 'A_Const' in node : told.has(name);
};

function keyGrounds({ alias, known: table }: Source, told: ReadonlySet<string>): readonly RewriteGround[] | undefined {
  if (table === null) return undefined;
  const isNotNull = (name: string) => table.columns.some((column) => column.name === name && column.notNull);
  const key = table.keys.find((columns) => columns.every((name) => told.has(JSON.stringify([alias, name])) && isNotNull(name)));
  if (key === undefined) return undefined;
  const notNull = key.map((column) => ({ kind: 'not-null', table: table.table, column }) as const);
  return [{ kind: 'unique', table: table.table, columns: key }, ...notNull];
}

interface Equality {
  readonly sides: readonly [Node, Node];
  /** Of a left join: what it brings rows to; null: it holds for every row that comes out. */
  readonly outer: { readonly to: readonly string[] } | null;
}

/** Of WHERE and of inner and left joins; null: another kind of join. */
function equalitiesOf(query: SelectStmt, known: Known): readonly Equality[] | null {
  const found: Equality[] = [...conjunctsOf(query.whereClause)].flatMap((condition) => equality(condition, null));
  const take = (item: Node, outer: Equality['outer']): boolean => {
    if (!('JoinExpr' in item)) return true;
    const { jointype, isNatural, usingClause, larg, rarg, quals } = item.JoinExpr;
    if (isNatural || usingClause !== undefined || larg === undefined || rarg === undefined) return false;
    // inside what an outer join brings nothing is told apart: its conditions count for nothing
    if (jointype === 'JOIN_INNER' && outer === null) found.push(...conjunctsOf(quals).flatMap((condition) => equality(condition, null)));
    else if (jointype === 'JOIN_LEFT' && outer === null) {
      const to = sourcesOf({ fromClause: [larg] }, known).map(({ alias }) => alias);
      found.push(...conjunctsOf(quals).flatMap((condition) => equality(condition, { to })));
      return take(larg, null) && take(rarg, { to });
    } else if (jointype !== 'JOIN_INNER' && jointype !== 'JOIN_LEFT') return false;
    return take(larg, outer) && take(rarg, outer);
  };
  return (query.fromClause ?? []).every((item) => take(item, null)) ? found : null;
}

function equality(condition: Node, outer: Equality['outer']): readonly Equality[] {
  if (!('A_Expr' in condition) || condition.A_Expr.kind !== 'AEXPR_OP') return [];
  const { name = [], lexpr, rexpr } = condition.A_Expr;
  const [only] = name;
  const isEqual = name.length === 1 && only !== undefined && 'String' in only && only.String.sval === '=';
  return isEqual && lexpr !== undefined && rexpr !== undefined ? [{ sides: [lexpr, rexpr], outer }] : [];
}

/** Of this level, not of sub-queries. */
function calls(targets: readonly Node[]): readonly string[] {
  const found: string[] = [];
  mapExpression(targets, (node) => {
    found.push(...[calledName(node)].flatMap((name) => name ?? []));
    return null;
  });
  return found;
}

function isWindowed(targets: readonly Node[]): boolean {
  let found = false;
  mapExpression(targets, (node) => {
    if ('FuncCall' in node && node.FuncCall.over !== undefined) found = true;
    return null;
  });
  return found;
}
