/**
 * Types for parameters that PostgreSQL cannot type, or types as text where the application sent something else: `sum(case … then $1 else $2 end)`,
 * `generate_series($1, $2)`, `values ($1, $2)` joined with a column of integers. The parser's error names the place; what stands below it is tried
 * with one type after the other, and the server decides.
 */
import { type Draft, declared } from './draft.ts';
import { isFault, locationOf, namesOf, type Parsed, parseOne, type Tree, tagged, visit } from './tree.ts';

const usual = [
  'integer',
  'text',
  'timestamptz',
  'numeric',
  'bigint',
  'boolean',
  'jsonb',
  'uuid',
  'date',
  'interval',
  'double precision',
  'integer[]',
  'text[]',
  'bigint[]',
  'uuid[]',
  'jsonb[]',
];

export interface TypeComplaint {
  /** Byte offset; null where the error names no place. */
  readonly offset: number | null;
  /** PostgreSQL's words, in English. */
  readonly message: string;
  /** Nothing says what it is. */
  readonly isUndetermined: boolean;
}

/** Drafts with more parameters declared, the likeliest first; those of one list declare the same parameters. */
export function typeGuesses(draft: Draft, complaint: TypeComplaint): readonly (readonly Draft[])[] {
  const parsed = parseOne(draft.text);
  if (isFault(parsed)) return [];
  const open = (numbers: readonly number[]) => [...new Set(numbers)].filter((number) => !draft.types.has(number));
  const number = /parameter \$(\d+)/.exec(complaint.message)?.[1];
  const groups = [...(number === undefined ? [] : [[Number(number)]]), ...groupsAt(parsed, complaint.offset), ...looseGroups(parsed)].map(open);
  const seen = new Set<string>();
  const fresh = groups.filter((group) => group.length > 0 && !seen.has(String(group)) && seen.add(String(group)));
  const types = [...new Set([...(complaint.isUndetermined ? ['text'] : []), ...namedTypes(complaint.message), ...usual])];
  return fresh.map((group) => types.map((type) => declared(draft, group, type)));
}

/** `operator does not exist: integer = text`, `column "x" is of type mood but expression is of type text`. */
function namedTypes(message: string): readonly string[] {
  const found =
    /operator does not exist: (.+?) [^\s\w]+ (.+)$/.exec(message) ??
    /is of type (.+) but expression is of type (.+)$/.exec(message) ??
    /types (.+) and (.+) cannot be matched/.exec(message);
  return (found?.slice(1) ?? []).filter((type) => type !== 'unknown' && /^[\w .,"()[\]]+$/.test(type));
}

/** Parameters that give what stands at the place its type; then all below it, and each alone. */
function groupsAt(parsed: Parsed, offset: number | null): readonly (readonly number[])[] {
  if (offset === null) return [];
  const values: number[][] = [];
  const below: number[][] = [];
  visit({ kind: parsed.kind, node: parsed.root }, ({ kind, node }) => {
    if (locationOf(node) !== offset) return;
    const operands = kind === 'FuncCall' ? listOf(node.args) : kind === 'A_Expr' ? [node.lexpr, node.rexpr] : [{ [kind]: node }];
    values.push(operands.flatMap(valueParameters), ...operands.map(valueParameters));
    below.push(untypedBelow(kind, node));
  });
  return [...values, ...below, ...below.flatMap((group) => group.map((number) => [number]))];
}

/** Fields of a node whose type is its own: a condition inside decides nothing about it. */
const passing: Readonly<Record<string, readonly string[]>> = {
  CaseExpr: ['args', 'defresult'],
  CaseWhen: ['result'],
  CoalesceExpr: ['args'],
  MinMaxExpr: ['args'],
  A_ArrayExpr: ['elements'],
  List: ['items'],
  RowExpr: ['args'],
  SubLink: ['subselect'],
  SelectStmt: ['targetList', 'valuesLists'],
  ResTarget: ['val'],
};

function valueParameters(value: unknown): number[] {
  const found = tagged(value);
  if (found === null) return [];
  if (found.kind === 'ParamRef') return [Number(found.node.number)];
  const isArithmetic = found.kind === 'A_Expr' && /^[-+*/%^|#&]+$/.test(namesOf(found.node.name).at(-1) ?? '');
  const fields = isArithmetic ? ['lexpr', 'rexpr'] : (passing[found.kind] ?? []);
  return fields.flatMap((field) => [found.node[field]].flat().flatMap(valueParameters));
}

/** Parameters of a draft below what stands at a place: what an error there may blame. */
export function parametersAt(draft: Draft, offset: number | null): readonly number[] {
  const parsed = parseOne(draft.text);
  if (isFault(parsed) || offset === null) return [];
  const found: number[] = [];
  visit({ kind: parsed.kind, node: parsed.root }, ({ kind, node }) => {
    if (locationOf(node) === offset) found.push(...untypedBelow(kind, node));
  });
  return found;
}

/** Columns of VALUES, and parameters that are only selected: PostgreSQL made them text before anything else was seen. */
function looseGroups(parsed: Parsed): readonly (readonly number[])[] {
  const groups: number[][] = [];
  const numberOf = (value: unknown) => {
    const found = tagged(value);
    return found?.kind === 'ParamRef' ? [Number(found.node.number)] : [];
  };
  visit({ kind: parsed.kind, node: parsed.root }, ({ kind, node }) => {
    if (kind !== 'SelectStmt') return;
    const lists = listOf(node.valuesLists).map((list) => (tagged(list)?.node.items ?? []) as unknown[]);
    for (let column = 0; column < (lists[0]?.length ?? 0); column++) groups.push(lists.flatMap((list) => numberOf(list[column])));
    for (const target of listOf(node.targetList)) groups.push(numberOf(tagged(target)?.node.val));
  });
  return [...groups, [...new Set(untypedBelow(parsed.kind, parsed.root))]];
}

/** A parameter with a cast has its type. */
function untypedBelow(kind: string, node: Tree): number[] {
  const numbers: number[] = [];
  visit({ kind, node }, (below) => {
    if (below.kind === 'TypeCast' && tagged(below.node.arg)?.kind === 'ParamRef') return false;
    if (below.kind === 'ParamRef') numbers.push(Number(below.node.number));
    return true;
  });
  return numbers;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
