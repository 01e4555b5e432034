/** Ways through a statement's parse tree: every SELECT of it, every expression of one SELECT. */
import type { Node, SelectStmt } from 'libpg-query';

/** The node that stands under this name. */
export type Of<K extends string> = Node extends infer N ? (N extends Readonly<Record<K, infer V>> ? V : never) : never;

/** `outer`: the SELECTs around it, the nearest first. */
type ChangeQuery = (query: SelectStmt, outer: readonly SelectStmt[]) => SelectStmt;

/** Every SELECT given to `change`, the innermost first. */
export function mapQueries(query: SelectStmt, change: ChangeQuery, outer: readonly SelectStmt[] = []): SelectStmt {
  const inner = Object.fromEntries(
    Object.entries(query).map(([key, value]) =>
      key === 'larg' || key === 'rarg' ? [key, mapQueries(value as SelectStmt, change, outer)] : [key, within(value, change, [query, ...outer])],
    ),
  );
  return change(inner as SelectStmt, outer);
}

/** Every SELECT of it, itself the last; each side of a UNION is one. */
export function queriesOf(query: SelectStmt): readonly SelectStmt[] {
  const found: SelectStmt[] = [];
  mapQueries(query, (each) => {
    found.push(each);
    return each;
  });
  return found;
}

function within(value: unknown, change: ChangeQuery, outer: readonly SelectStmt[]): unknown {
  if (Array.isArray(value)) return value.map((each) => within(each, change, outer));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, below]) => [key, key === 'SelectStmt' ? mapQueries(below as SelectStmt, change, outer) : within(below, change, outer)]),
  );
}

/** Every node of an expression given to `change`, the outermost first; what it answers takes the place, null leaves it. Sub-queries stay as they are. */
export function mapExpression<T>(value: T, change: (node: Node) => Node | null): T {
  if (Array.isArray(value)) return value.map((each) => mapExpression(each, change)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [kind] = entries[0] ?? [];
  if (kind === 'SelectStmt') return value;
  if (entries.length === 1 && kind !== undefined && /^[A-Z]/.test(kind)) {
    const changed = change(value as unknown as Node);
    if (changed !== null) return changed as T;
  }
  // each side of a UNION is a SELECT of its own
  return Object.fromEntries(entries.map(([key, below]) => [key, key === 'larg' || key === 'rarg' ? below : mapExpression(below, change)])) as T;
}

/** Nodes of one kind, sub-queries included. */
export function nodesOf<K extends string>(value: unknown, kind: K): readonly Of<K>[] {
  if (Array.isArray(value)) return value.flatMap((each) => nodesOf(each, kind));
  if (typeof value !== 'object' || value === null) return [];
  // what stands under a node's name is that node; a RangeVar goes without its name in a statement that writes, which is none of ours
  return Object.entries(value).flatMap(([key, below]) => [...(key === kind ? [below as Of<K>] : []), ...nodesOf(below, kind)]);
}

/** As the parser reads it: an AND within an AND is one. */
export const withoutNestedAnd = <T>(value: T): T =>
  mapExpression(value, (node) => {
    if (!('BoolExpr' in node)) return null;
    const args = withoutNestedAnd(node.BoolExpr.args ?? []);
    return { BoolExpr: { ...node.BoolExpr, args: node.BoolExpr.boolop === 'AND_EXPR' ? args.flatMap(conjunctsOf) : args } };
  });

/** The conditions that AND joins. */
export function conjunctsOf(condition: Node | undefined): readonly Node[] {
  if (condition === undefined) return [];
  return 'BoolExpr' in condition && condition.BoolExpr.boolop === 'AND_EXPR' ? (condition.BoolExpr.args ?? []).flatMap(conjunctsOf) : [condition];
}
