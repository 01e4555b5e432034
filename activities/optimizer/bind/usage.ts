/** What each parameter of a statement is for, and which column it meets: on the parse tree, names followed by `scope.ts`. */
import type { ParameterUse } from '../../../domain/optimizer/synthetic.ts';
import { type ColumnOrigin, emptyScope, type FindRelation, resolve, type Scope, scopeOf } from './scope.ts';
import { namesOf, type Parsed, type Tree, tagged } from './tree.ts';

export interface Usage {
  readonly use: ParameterUse;
  readonly origin: ColumnOrigin | null;
}

/** By parameter; the use that says most wins where there are several. */
export function usagesOf(parsed: Parsed, find: FindRelation): ReadonlyMap<number, Usage> {
  const found = new Map<number, Usage>();
  const note = (value: unknown, usage: Usage) => {
    const number = parameterOf(value);
    if (number !== null && rank(usage) > rank(found.get(number))) found.set(number, usage);
  };
  statement(parsed.root, emptyScope(find), note);
  return found;
}

type Note = (value: unknown, usage: Usage) => void;

const order: readonly ParameterUse[] = [
  'other',
  'projected',
  'written',
  'inserted',
  'expression',
  'pattern',
  'below',
  'above',
  'equal',
  'unit',
  'offset',
  'limit',
];

const rank = (usage: Usage | undefined) => (usage === undefined ? -1 : order.indexOf(usage.use) + (usage.origin === null ? 0 : 0.5));

const statements = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);

function statement(node: Tree, outer: Scope, note: Note): void {
  const scope = scopeOf(node, outer);
  note(node.limitCount, { use: 'limit', origin: null });
  note(node.limitOffset, { use: 'offset', origin: null });
  const into = node.relation === undefined ? null : scope.sources[0];
  if (into != null) {
    inserted(node, [...into.columns], note);
    const writes = [node, (node.onConflictClause ?? {}) as Tree, ...listOf(node.mergeWhenClauses).map((one) => tagged(one)?.node ?? {})];
    for (const { targetList } of writes) {
      for (const one of listOf(targetList)) {
        const target = tagged(one)?.node ?? {};
        note(target.val, { use: 'written', origin: into.columns.get(String(target.name)) ?? null });
      }
    }
  } else {
    for (const one of listOf(node.targetList)) note(tagged(one)?.node.val, { use: 'projected', origin: null });
  }
  inside(node, scope, note);
}

/** INSERT: the values of its rows, or the columns of its SELECT, by place. */
function inserted(node: Tree, columns: readonly (readonly [string, ColumnOrigin | null])[], note: Note): void {
  const query = tagged(node.selectStmt)?.node;
  if (query === undefined) return;
  const names = listOf(node.cols).map((one) => String(tagged(one)?.node.name));
  const origins = names.length > 0 ? names.map((name) => columns.find(([column]) => column === name)?.[1] ?? null) : columns.map(([, origin]) => origin);
  const rows = listOf(query.valuesLists).map((list) => listOf(tagged(list)?.node.items));
  const selected = listOf(query.targetList).map((one) => tagged(one)?.node.val);
  for (const row of [...rows, selected]) {
    for (const [index, value] of row.entries()) note(value, { use: 'inserted', origin: origins[index] ?? null });
  }
}

/** Every expression below, in its scope. */
function inside(node: Tree, scope: Scope, note: Note): void {
  for (const [key, value] of Object.entries(node)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      const below = tagged(one, key);
      if (below === null) continue;
      if (statements.has(below.kind)) statement(below.node, scope, note);
      else {
        if (below.kind === 'A_Expr') comparison(below.node, scope, note);
        if (below.kind === 'FuncCall') call(below.node, note);
        if (below.kind === 'ParamRef') note(one, { use: 'other', origin: null });
        inside(below.node, scope, note);
      }
    }
  }
}

const operators: Readonly<Record<string, readonly [ParameterUse, ParameterUse]>> = {
  '=': ['equal', 'equal'],
  '<>': ['equal', 'equal'],
  '>': ['above', 'below'],
  '>=': ['above', 'below'],
  '<': ['below', 'above'],
  '<=': ['below', 'above'],
  '~~': ['pattern', 'pattern'],
  '~~*': ['pattern', 'pattern'],
  '!~~': ['pattern', 'pattern'],
  '!~~*': ['pattern', 'pattern'],
  '~': ['expression', 'expression'],
  '~*': ['expression', 'expression'],
};

function comparison(node: Tree, scope: Scope, note: Note): void {
  const name = namesOf(node.name).at(-1) ?? '';
  if (String(node.kind).includes('BETWEEN')) {
    const [low, high] = listOf(tagged(node.rexpr)?.node.items);
    const origin = columnOf(node.lexpr, scope);
    note(low, { use: 'above', origin });
    note(high, { use: 'below', origin });
    return;
  }
  const [right, left] = operators[name] ?? (node.kind === 'AEXPR_DISTINCT' || node.kind === 'AEXPR_NOT_DISTINCT' ? ['equal', 'equal'] : ['other', 'other']);
  for (const [one, other] of pairs(node.lexpr, node.rexpr)) {
    note(other, { use: right as ParameterUse, origin: columnOf(one, scope) });
    note(one, { use: left as ParameterUse, origin: columnOf(other, scope) });
  }
}

/** `(a, b) = ($1, $2)` by place, `a in ($1, $2)` each, `a = any (array[$1, $2])` each. */
function pairs(left: unknown, right: unknown): readonly (readonly [unknown, unknown])[] {
  const lefts = rowOf(left);
  const rights = rowOf(right);
  if (lefts !== null && rights !== null) return lefts.map((one, index) => [one, rights[index]]);
  const list = tagged(right);
  const elements = list?.kind === 'List' ? listOf(list.node.items) : list?.kind === 'A_ArrayExpr' ? listOf(list.node.elements) : null;
  return elements === null ? [[left, right]] : elements.flatMap((element) => pairs(left, element));
}

const rowOf = (value: unknown) => (tagged(value)?.kind === 'RowExpr' ? listOf(tagged(value)?.node.args) : null);

const unitFunctions = new Set(['date_trunc', 'date_part', 'extract']);

function call(node: Tree, note: Note): void {
  const name = namesOf(node.funcname).at(-1) ?? '';
  const [first] = listOf(node.args);
  if (unitFunctions.has(name)) note(first, { use: 'unit', origin: null });
  if (name === 'timezone') note(first, { use: 'zone', origin: null });
  // of json_populate_recordset(null::type, $1) only the type of the first counts
  if (/^jsonb?_populate_record/.test(name)) note(first, { use: 'projected', origin: null });
  if (/^jsonb?_.*(recordset|array_elements|array_elements_text|array_length)$/.test(name)) note(listOf(node.args).at(-1), { use: 'list', origin: null });
}

/** Through casts: `$1::text`. */
function parameterOf(value: unknown): number | null {
  const found = tagged(value);
  if (found?.kind === 'TypeCast') return parameterOf(found.node.arg);
  return found?.kind === 'ParamRef' ? Number(found.node.number) : null;
}

/** Through casts, collations and functions of one argument that keep the value near: `lower(name)`. */
function columnOf(value: unknown, scope: Scope): ColumnOrigin | null {
  const found = tagged(value);
  if (found === null) return null;
  if (found.kind === 'TypeCast' || found.kind === 'CollateClause') return columnOf(found.node.arg, scope);
  const args = listOf(found.node.args);
  if (found.kind === 'FuncCall' && args.length === 1 && ['lower', 'upper', 'trim', 'btrim'].includes(namesOf(found.node.funcname).at(-1) ?? ''))
    return columnOf(args[0], scope);
  return found.kind === 'ColumnRef' ? resolve(namesOf(found.node.fields), scope) : null;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
