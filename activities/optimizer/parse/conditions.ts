/** Conditions of WHERE, ON and HAVING: each comparison finds its place in the use of the relation it limits. */
import type { A_Expr, Node } from 'libpg-query';
import type { PatternKind, Term } from '../../../domain/optimizer/statement-shape.ts';
import { plain } from '../rewrite/query-text.ts';
import { expressionSql, operatorName } from './expression-sql.ts';
import { type OpenUse, type Origin, resolve, type Scope } from './scope.ts';

/** What the walk meets on its way: `subquery` reads a subselect in this scope. */
export interface ConditionWalk {
  readonly scope: Scope;
  /** Of parameters that every call sends alike. */
  readonly constants: ReadonlyMap<number, string>;
  readonly subquery: (select: Node, scope: Scope) => ReadonlyMap<string, Origin | null>;
}

/** `isCertain`: the condition holds for every row of the result (a conjunct at the top), so a partial index may stand on it. */
export function readCondition(node: Node | undefined, walk: ConditionWalk, isCertain: boolean): void {
  if (node === undefined) return;
  if (isCertain) notePredicate(node, walk);
  if ('BoolExpr' in node) {
    const { boolop, args = [] } = node.BoolExpr;
    if (boolop === 'NOT_EXPR') readNegation(args[0], walk);
    if (boolop === 'OR_EXPR' && isCertain) for (const part of inEveryArm(args, walk)) notePredicate(part, walk);
    if (boolop !== 'NOT_EXPR') for (const part of args) readCondition(part, walk, isCertain && boolop === 'AND_EXPR');
    return;
  }
  if ('A_Expr' in node) readComparison(node.A_Expr, walk);
  else readTest(node, walk);
}

/** What OR says in each of its arms holds whichever is true; the planner takes it out the same way (prepqual.c, process_duplicate_ors). */
function inEveryArm(arms: readonly Node[], walk: ConditionWalk): readonly Node[] {
  const [first = [], ...others] = arms.map((arm) => conjuncts(arm).map((part) => withNamedValues(part, walk)));
  const said = others.map((arm) => new Set(arm.map(plain)));
  return first.filter((part) => said.every((arm) => arm.has(plain(part))));
}

const conjuncts = (node: Node): readonly Node[] =>
  'BoolExpr' in node && node.BoolExpr.boolop === 'AND_EXPR' ? (node.BoolExpr.args ?? []).flatMap(conjuncts) : [node];

/** IS NULL, IS TRUE, a bare boolean: equality of a kind. IS NOT NULL limits too little. */
function readTest(node: Node, walk: ConditionWalk): void {
  const test = 'NullTest' in node ? node.NullTest : 'BooleanTest' in node ? node.BooleanTest : null;
  const isNotNull = test !== null && 'nulltesttype' in test && test.nulltesttype === 'IS_NOT_NULL';
  const limited = test !== null || 'ColumnRef' in node ? limitOf(test === null ? node : test.arg, walk) : null;
  if (limited !== null && !isNotNull) limited.use.equality.push(limited.term);
  readValue(node, walk, true);
}

/** Everything that is no condition: columns are read, subqueries looked into. `isFilter`: in a condition, but in no position an index serves. */
export function readValue(node: unknown, walk: ConditionWalk, isFilter = false): void {
  if (node === null || typeof node !== 'object') return;
  if ('ColumnRef' in node) readColumn((node as Extract<Node, { ColumnRef: unknown }>).ColumnRef.fields ?? [], walk, isFilter);
  else if ('SubLink' in node) readSubLink(node as Extract<Node, { SubLink: unknown }>, walk);
  else {
    if ('FuncCall' in node) noteExtreme(node as Extract<Node, { FuncCall: unknown }>, walk);
    for (const part of Object.values(node)) readValue(part, walk, isFilter);
  }
}

function readColumn(fields: readonly Node[], { scope }: ConditionWalk, isFilter: boolean): void {
  const origin = resolve(fields, scope);
  if (origin !== null) {
    origin.use.columns.add(origin.column);
    if (isFilter) origin.use.filtered.push(origin.column);
    return;
  }
  // a bare alias is the whole row
  const only = fields.length === 1 && fields[0] !== undefined && 'String' in fields[0] ? scope.sources.get(fields[0].String.sval ?? '') : undefined;
  if (only?.kind === 'table') only.use.isWhole = true;
}

function readSubLink({ SubLink: link }: Extract<Node, { SubLink: unknown }>, walk: ConditionWalk): void {
  const outputs = link.subselect === undefined ? new Map<string, Origin | null>() : walk.subquery(link.subselect, walk.scope);
  if (link.testexpr === undefined) return;
  readValue(link.testexpr, walk, false);
  const outer = originOf(link.testexpr, walk);
  const inner = [...outputs.values()][0] ?? null;
  if (link.subLinkType !== 'ANY_SUBLINK') return;
  outer?.use.join.push(outer.column);
  inner?.use.join.push(inner.column);
}

function readNegation(node: Node | undefined, walk: ConditionWalk): void {
  if (node !== undefined && 'ColumnRef' in node) readTest(node, walk);
  else readValue(node, walk, true);
}

const SEARCH_OPERATORS = new Set(['@>', '<@', '?', '?|', '?&', '&&', '@@', '~', '~*', '@?', '<<', '>>', '<<=', '>>=', '-|-', '~=', '&<', '&>']);

function readComparison(expression: A_Expr, walk: ConditionWalk): void {
  const { kind, lexpr, rexpr } = expression;
  readValue(lexpr, walk, true);
  readValue(rexpr, walk, true);
  const operator = operatorName(expression.name);
  if (kind === 'AEXPR_LIKE') placePattern(operator, { lexpr, rexpr, walk });
  else if (kind === 'AEXPR_ILIKE' || kind === 'AEXPR_SIMILAR') placeSearch(lexpr, '~~*', walk);
  else if (kind === 'AEXPR_BETWEEN' || kind === 'AEXPR_BETWEEN_SYM') place(lexpr, rexpr, { walk, as: 'range' });
  else if (kind === 'AEXPR_IN' || kind === 'AEXPR_OP_ANY') {
    if (operator === '=') place(lexpr, rexpr, { walk, as: 'equality' });
    // value = ANY(column): the array is searched
    if (operator === '=' && kind === 'AEXPR_OP_ANY') placeSearch(rexpr, '@>', walk);
  } else if (kind === 'AEXPR_NOT_DISTINCT' || (kind === 'AEXPR_OP' && operator === '=')) {
    place(lexpr, rexpr, { walk, as: 'equality' });
    place(rexpr, lexpr, { walk, as: 'equality' });
  } else if (kind === 'AEXPR_OP' && ['<', '>', '<=', '>='].includes(operator)) {
    place(lexpr, rexpr, { walk, as: 'range' });
    place(rexpr, lexpr, { walk, as: 'range' });
  } else if (kind === 'AEXPR_OP' && SEARCH_OPERATORS.has(operator)) placeSearch(lexpr, operator, walk);
}

/** `side` limits its relation where the other side does not read the same relation. Equality with another relation's column is a join. */
function place(side: Node | undefined, other: Node | undefined, { walk, as }: { readonly walk: ConditionWalk; readonly as: 'equality' | 'range' }): void {
  const limited = limitOf(side, walk);
  if (limited === null) return;
  const others = usesOf(other, walk);
  if (others.has(limited.use)) return;
  if (others.size === 0) limited.use[as].push(limited.term);
  else if (as === 'equality' && limited.term.column !== null) limited.use.join.push(limited.term.column);
}

function placePattern(operator: string, parts: { readonly lexpr: Node | undefined; readonly rexpr: Node | undefined; readonly walk: ConditionWalk }): void {
  const limited = limitOf(parts.lexpr, parts.walk);
  if (limited !== null && operator === '~~') limited.use.patterns.push({ term: limited.term, kind: patternKind(parts.rexpr) });
}

function placeSearch(side: Node | undefined, operator: string, walk: ConditionWalk): void {
  const limited = limitOf(side, walk);
  if (limited !== null) limited.use.searched.push({ term: limited.term, operator });
}

function patternKind(node: Node | undefined): PatternKind {
  if (node === undefined || !('A_Const' in node) || node.A_Const.sval === undefined) return 'unknown';
  return /^[%_]|^$/.test(node.A_Const.sval.sval ?? '') ? 'inside' : 'prefix';
}

/** The relation and term that this side of a comparison is about: a column, or an expression over columns of one relation. */
function limitOf(node: Node | undefined, walk: ConditionWalk): { readonly use: OpenUse; readonly term: Term } | null {
  const origin = originOf(node, walk);
  if (origin !== null) return { use: origin.use, term: { column: origin.column, expression: null } };
  if (node === undefined || 'ColumnRef' in node) return null;
  const [use, ...more] = usesOf(node, walk);
  if (use === undefined || more.length > 0) return null;
  const expression = expressionSql(node, (fields) => resolve(fields, walk.scope)?.column ?? null);
  return expression === null ? null : { use, term: { column: null, expression } };
}

const originOf = (node: Node | undefined, { scope }: ConditionWalk): Origin | null =>
  node !== undefined && 'ColumnRef' in node ? resolve(node.ColumnRef.fields ?? [], scope) : null;

/** Relations whose columns a node reads. A subquery is a value: what it reads inside is its own. */
function usesOf(node: unknown, walk: ConditionWalk, found = new Set<OpenUse>()): Set<OpenUse> {
  if (node === null || typeof node !== 'object') return found;
  if ('ColumnRef' in node) {
    const origin = originOf(node as Node, walk);
    if (origin !== null) found.add(origin.use);
    return found;
  }
  if ('SubLink' in node) return found;
  for (const part of Object.values(node)) usesOf(part, walk, found);
  return found;
}

/** min(column), max(column): one end of an index. */
function noteExtreme({ FuncCall: call }: Extract<Node, { FuncCall: unknown }>, walk: ConditionWalk): void {
  const name = operatorName(call.funcname);
  if ((name !== 'min' && name !== 'max') || call.args?.length !== 1 || call.over !== undefined) return;
  const origin = originOf(call.args[0], walk);
  origin?.use.range.push({ column: origin.column, expression: null });
}

/**
 * IS [NOT] NULL, bare and negated booleans, = and IN with constants, over plain columns of one relation; two of its columns compared with each
 * other. Ranges against a constant move with time and are none. A parameter that every call sends alike is a constant where the schema itself names its
 * value (a label of an enum, a boolean): any other was captured, and would be in the SQL for all to read.
 */
function notePredicate(node: Node, walk: ConditionWalk): void {
  const bare = 'BoolExpr' in node && node.BoolExpr.boolop === 'NOT_EXPR' ? node.BoolExpr.args?.[0] : node;
  const column = bare === undefined ? null : fixedColumn(bare, walk);
  const pair = column === null && bare !== undefined && 'A_Expr' in bare ? comparedColumns(bare.A_Expr, walk) : [];
  if (column === null && pair.length === 0) return;
  const [use, ...more] = usesOf(node, walk);
  const written = column === null ? inOneDirection(node, pair) : withNamedValues(node, walk);
  const sql = expressionSql(written, (fields) => resolve(fields, walk.scope)?.column ?? null);
  if (use === undefined || more.length > 0 || sql === null || !isOfScope(use, walk.scope)) return;
  use.predicates.push(column === null ? { sql, columns: pair, isAmongColumns: true } : { sql, columns: [column.column], isAmongColumns: false });
}

/** Of this query, not of one around it: what a subquery asks of an outer row need not hold for the rows that come out. */
const isOfScope = (use: OpenUse, { sources }: Scope): boolean =>
  [...sources.values()].some((source) => (source.kind === 'table' ? source.use === use : [...source.outputs.values()].some((output) => output?.use === use)));

const BOOLEANS = ['t', 'f', 'true', 'false'];

function withNamedValues(node: Node, walk: ConditionWalk): Node {
  const { constants } = walk;
  if (!('A_Expr' in node) || node.A_Expr.rexpr === undefined || constants.size === 0) return node;
  const column = fixedColumn(node, walk);
  const facts = column?.use.facts.columns.find(({ name }) => name === column.column);
  const named = facts?.labels ?? (facts?.type === 'boolean' ? BOOLEANS : []);
  const constantOf = (each: Node): Node => {
    // compared with an enum or a boolean, a cast is one to that type
    const bare = 'TypeCast' in each && each.TypeCast.typeName?.arrayBounds === undefined ? (each.TypeCast.arg ?? each) : each;
    const value = 'ParamRef' in bare ? constants.get(bare.ParamRef.number ?? 0) : undefined;
    return value !== undefined && named.includes(value) ? { A_Const: { sval: { sval: value } } } : each;
  };
  const { rexpr } = node.A_Expr;
  const written = 'List' in rexpr ? { List: { ...rexpr.List, items: (rexpr.List.items ?? []).map(constantOf) } } : constantOf(rexpr);
  return { A_Expr: { ...node.A_Expr, rexpr: written } };
}

const TURNED: Readonly<Record<string, string>> = { '<': '>', '>': '<', '<=': '>=', '>=': '<=', '=': '=', '<>': '<>' };

/** `b > a` as `a < b`: the planner sees that one implies the other, and one index serves the statements that write either. */
function inOneDirection(node: Node, [left = '', right = '']: readonly string[]): Node {
  if (!('A_Expr' in node) || left <= right) return node;
  const { lexpr, rexpr, name } = node.A_Expr;
  const turned = TURNED[operatorName(name)];
  if (turned === undefined || lexpr === undefined || rexpr === undefined || name?.length !== 1) return node;
  return { A_Expr: { ...node.A_Expr, name: [{ String: { sval: turned } }], lexpr: rexpr, rexpr: lexpr } };
}

/** The one column that the condition gives one value, or a few. */
function fixedColumn(bare: Node, walk: ConditionWalk): Origin | null {
  if ('NullTest' in bare) return originOf(bare.NullTest.arg, walk);
  if ('ColumnRef' in bare) return originOf(bare, walk);
  if (!('A_Expr' in bare) || operatorName(bare.A_Expr.name) !== '=' || !['AEXPR_OP', 'AEXPR_IN'].includes(bare.A_Expr.kind ?? '')) return null;
  // a column on the right makes it a comparison of columns, or a join
  return originOf(bare.A_Expr.rexpr, walk) === null ? originOf(bare.A_Expr.lexpr, walk) : null;
}

const COMPARISONS = new Set(['=', '<>', '<', '>', '<=', '>=']);

/** Of one relation both; empty otherwise. */
function comparedColumns({ kind, name, lexpr, rexpr }: A_Expr, walk: ConditionWalk): readonly string[] {
  if (kind !== 'AEXPR_OP' || !COMPARISONS.has(operatorName(name))) return [];
  const [left, right] = [originOf(lexpr, walk), originOf(rexpr, walk)];
  return left === null || right === null || left.use !== right.use ? [] : [left.column, right.column];
}
