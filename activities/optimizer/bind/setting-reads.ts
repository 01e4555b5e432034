/** Which settings of a session a policy reads (`current_setting('app.tenant')`), by itself or in a function, and with what it compares them. */
import type pg from 'pg';
import { isFault, namesOf, type Parsed, parseAll, type Tree, tagged, tokens, visit } from './tree.ts';

/** A setting, or what stands at `path` of the JSON in it. */
export interface SettingRead {
  readonly name: string;
  readonly path: readonly string[];
}

/** Settings that a function reads, by the names in a call of it. */
type ReadsOfFunction = (names: readonly string[]) => readonly SettingRead[];

/** What functions do that a tree calls, as far as their bodies tell. */
export interface CalledFunctions {
  readonly readsOf: ReadsOfFunction;
  /** Statements in their bodies. */
  readonly bodies: readonly Parsed[];
}

/** What was read, in place of which a parameter stands now. */
export interface SettingParameter {
  readonly reads: readonly SettingRead[];
  /** It is compared with this constant; null: with something else. */
  readonly constant: string | null;
}

/** Functions call functions; deeper nobody looks. */
const DEPTH = 3;

/** Reads the functions that a tree calls, and those that they call, from the lab. */
export async function calledFunctions(client: pg.Client, root: unknown): Promise<CalledFunctions> {
  const known = new Map<string, readonly SettingRead[]>();
  const bodies: Parsed[] = [];
  const key = (names: readonly string[]) => JSON.stringify(names.slice(-2));
  const readsOf: ReadsOfFunction = (names) => known.get(key(names)) ?? [];
  const learn = async (value: unknown, depth: number): Promise<void> => {
    for (const names of callsIn(value)) {
      if (known.has(key(names)) || depth > DEPTH) continue;
      known.set(key(names), []);
      const { rows } = await client.query<{ source: string; language: string }>(functionSql, [names.at(-2) ?? null, names.at(-1)]);
      for (const { source, language } of rows) {
        const parsed = language === 'sql' ? parseAll(source) : [];
        const own = isFault(parsed) ? [] : parsed;
        for (const body of own) await learn(body.root, depth + 1);
        bodies.push(...own);
        // a body that is no SQL still names its settings
        const reads = own.length > 0 ? own.flatMap((body) => readsIn(body.root, readsOf)) : namedIn(source);
        known.set(key(names), distinct([...readsOf(names), ...reads]));
      }
    }
  };
  await learn(root, 0);
  return { readsOf, bodies };
}

/** The tree with a parameter in place of each value that is made of settings alone; `parameters[i]` is `$i+1`. */
export function withParameters(root: Tree, readsOf: ReadsOfFunction): { readonly root: Tree; readonly parameters: readonly SettingParameter[] } {
  const parameters: SettingParameter[] = [];
  const numbers = new Map<string, number>();
  const place = (reads: readonly SettingRead[], constant: string | null): unknown => {
    const name = JSON.stringify([reads, constant]);
    const number = numbers.get(name) ?? parameters.push({ reads, constant });
    numbers.set(name, number);
    return { ParamRef: { number } };
  };
  const replaced = (value: unknown, constant: string | null): unknown => {
    if (Array.isArray(value)) return value.map((one) => replaced(one, constant));
    if (typeof value !== 'object' || value === null) return value;
    const found = tagged(value);
    if (found !== null && valueKinds.has(found.kind) && !isComparison(found) && !hasColumn(value)) {
      const reads = readsIn(value, readsOf);
      if (reads.length > 0) return place(reads, constant);
    }
    if (found === null || !isComparison(found)) return Object.fromEntries(Object.entries(value).map(([name, below]) => [name, replaced(below, null)]));
    const { lexpr, rexpr } = found.node;
    return { A_Expr: { ...found.node, lexpr: replaced(lexpr, constantOf(rexpr)), rexpr: replaced(rexpr, constantOf(lexpr)) } };
  };
  return { root: replaced(root, null) as Tree, parameters };
}

const valueKinds = new Set(['FuncCall', 'TypeCast', 'A_Expr', 'CoalesceExpr', 'SubLink', 'MinMaxExpr', 'A_Indirection', 'A_ArrayExpr', 'CaseExpr']);

const comparisons = new Set(['=', '<>', '<', '>', '<=', '>=', '~~', '~~*', '@>', '<@', '&&', '?']);

function isComparison({ kind, node }: { kind: string; node: Tree }): boolean {
  return kind === 'A_Expr' && node.kind !== 'AEXPR_NULLIF' && comparisons.has(namesOf(node.name).at(-1) ?? '');
}

function hasColumn(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return 'ColumnRef' in value || Object.values(value).some(hasColumn);
}

/** Through casts. */
function constantOf(value: unknown): string | null {
  const found = tagged(value);
  if (found?.kind === 'TypeCast') return constantOf(found.node.arg);
  if (found?.kind !== 'A_Const') return null;
  const { sval, ival, boolval } = found.node as { sval?: { sval?: string }; ival?: { ival?: number }; boolval?: { boolval?: boolean } };
  if (sval !== undefined) return sval.sval ?? '';
  if (ival !== undefined) return String(ival.ival ?? 0);
  return boolval === undefined ? null : String(boolval.boolval ?? false);
}

/** All settings below; `path` is what is taken of the JSON that comes out. */
function readsIn(value: unknown, readsOf: ReadsOfFunction, path: readonly string[] = []): readonly SettingRead[] {
  if (Array.isArray(value)) return distinct(value.flatMap((one) => readsIn(one, readsOf, path)));
  if (typeof value !== 'object' || value === null) return [];
  const found = tagged(value);
  const below = (inside: unknown, at = path) => readsIn(inside, readsOf, at);
  if (found?.kind === 'FuncCall') {
    const names = namesOf(found.node.funcname);
    const [first] = Array.isArray(found.node.args) ? (found.node.args as unknown[]) : [];
    const name = names.at(-1) === 'current_setting' ? constantOf(first) : null;
    if (name !== null) return [{ name, path }];
    return distinct([...readsOf(names).map((read) => ({ ...read, path: [...read.path, ...path] })), ...below(found.node.args)]);
  }
  if (found?.kind === 'A_Expr') {
    const step = constantOf(found.node.rexpr);
    const operator = namesOf(found.node.name).at(-1) ?? '';
    if (step !== null && ['->', '->>'].includes(operator)) return below(found.node.lexpr, [step, ...path]);
    if (step !== null && ['#>', '#>>'].includes(operator)) return below(found.node.lexpr, [...step.replaceAll(/[{}"\s]/g, '').split(','), ...path]);
  }
  return distinct(Object.values(value).flatMap((inside) => below(inside)));
}

const distinct = (reads: readonly SettingRead[]): readonly SettingRead[] => [...new Map(reads.map((read) => [JSON.stringify(read), read])).values()];

function callsIn(value: unknown): readonly (readonly string[])[] {
  const calls: string[][] = [];
  visit({ kind: '', node: { value } as Tree }, ({ kind, node }) => {
    const names = kind === 'FuncCall' ? namesOf(node.funcname) : [];
    if (names.length > 0 && names.at(-2) !== 'pg_catalog' && names.at(-1) !== 'current_setting') calls.push(names);
  });
  return calls;
}

/** `current_setting('name'` in a text of whatever language. */
function namedIn(source: string): readonly SettingRead[] {
  const words = wordsOf(source);
  return distinct(
    words.flatMap((word, place) => {
      const [open, name = ''] = words.slice(place + 1, place + 3);
      return word.toLowerCase() === 'current_setting' && open === '(' && name.startsWith("'") ? [{ name: name.slice(1, -1), path: [] }] : [];
    }),
  );
}

function wordsOf(source: string): readonly string[] {
  try {
    return tokens(source).map(({ text }) => text);
  } catch {
    return [];
  }
}

/** PostgreSQL's own functions read no settings of an application. */
const functionSql = `/* assay optimizer */ select language.lanname as language,
    case when function.prosqlbody is null then function.prosrc else pg_catalog.pg_get_function_sqlbody(function.oid) end as source
  from pg_catalog.pg_proc as function join pg_catalog.pg_language as language on language.oid = function.prolang
    join pg_catalog.pg_namespace as namespace on namespace.oid = function.pronamespace
  where function.proname = $2 and namespace.nspname <> 'pg_catalog'
    and (namespace.nspname = $1 or ($1::text is null and pg_catalog.pg_function_is_visible(function.oid))) and function.prokind = 'f'`;
