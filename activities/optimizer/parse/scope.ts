/** Which relation a name means at some place of a statement: aliases, subqueries, CTEs, names without qualifier. */
import type { Node } from 'libpg-query';
import type { IndexKey, RelationName, TableFacts } from '../../../domain/optimizer/model.ts';
import type { FixedPredicate, PatternKind, RelationUse, Term } from '../../../domain/optimizer/statement-shape.ts';
import { stringOf } from './expression-sql.ts';

/** A RelationUse while it is being found. */
export interface OpenUse {
  readonly facts: TableFacts;
  readonly equality: Term[];
  readonly range: Term[];
  readonly patterns: { readonly term: Term; readonly kind: PatternKind }[];
  readonly searched: { readonly term: Term; readonly operator: string }[];
  readonly join: string[];
  group: string[];
  readonly order: IndexKey[];
  isLimited: boolean;
  readonly filtered: string[];
  readonly columns: Set<string>;
  isWhole: boolean;
  readonly predicates: FixedPredicate[];
}

/** A column of a table of the database. */
export interface Origin {
  readonly use: OpenUse;
  readonly column: string;
}

/** What stands behind an alias: a table, or the output columns of a query as far as they are plain columns. */
export type Source = { readonly kind: 'table'; readonly use: OpenUse } | { readonly kind: 'query'; readonly outputs: ReadonlyMap<string, Origin | null> };

export interface Scope {
  readonly sources: Map<string, Source>;
  readonly ctes: ReadonlyMap<string, Source>;
  readonly parent: Scope | null;
}

export function openUse(facts: TableFacts): OpenUse {
  const lists = { equality: [], range: [], patterns: [], searched: [], join: [], group: [], order: [], filtered: [], predicates: [] };
  return { facts, ...lists, isLimited: false, columns: new Set(), isWhole: false };
}

/** The finished, immutable use: every list without repetitions. */
export function closeUse(use: OpenUse): RelationUse {
  const { facts, columns, ...rest } = use;
  const distinct = <T>(items: readonly T[]): T[] => [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
  return {
    ...rest,
    table: facts.table,
    equality: distinct(use.equality),
    range: distinct(use.range),
    patterns: distinct(use.patterns),
    searched: distinct(use.searched),
    join: distinct(use.join),
    order: distinct(use.order),
    filtered: distinct(use.filtered),
    predicates: distinct(use.predicates),
    columns: [...columns],
  };
}

/** Tables of one database by name. Without a schema: public first, then the only one of that name. */
export function tableFinder(facts: readonly TableFacts[]): (schema: string | undefined, relation: string) => TableFacts | null {
  const byName = new Map<string, TableFacts[]>();
  for (const table of facts) byName.set(table.table.relation, [...(byName.get(table.table.relation) ?? []), table]);
  return (schema, relation) => {
    const found = byName.get(relation) ?? [];
    if (schema !== undefined) return found.find((table) => table.table.schema === schema) ?? null;
    return found.find((table) => table.table.schema === 'public') ?? (found.length === 1 ? (found[0] ?? null) : null);
  };
}

/** The column a reference means; null where it means a computed output, a function's column, or nothing we know. */
export function resolve(fields: readonly Node[], scope: Scope): Origin | null {
  const names = fields.map(stringOf);
  if (names.length === 0 || names.includes(null)) return null;
  const column = names.at(-1) as string;
  const alias = names.length === 1 ? null : (names.at(-2) as string);
  for (let level: Scope | null = scope; level !== null; level = level.parent) {
    const found = alias === null ? unqualified(column, level) : qualified(level.sources.get(alias), column);
    if (found !== undefined) return found;
  }
  return null;
}

/** undefined: not here, look further out. null: here, but no plain column. */
function qualified(source: Source | undefined, column: string): Origin | null | undefined {
  if (source === undefined) return undefined;
  if (source.kind === 'query') return source.outputs.get(column) ?? null;
  return source.use.facts.columns.some(({ name }) => name === column) ? { use: source.use, column } : null;
}

function unqualified(column: string, level: Scope): Origin | null | undefined {
  for (const source of level.sources.values()) {
    const found = source.kind === 'query' ? source.outputs.get(column) : qualified(source, column);
    if (found !== undefined && !(found === null && source.kind === 'table')) return found;
  }
  return undefined;
}

/** Columns of every table behind the sources of one level, or of one alias: what a star stands for. */
export function starOf(scope: Scope, alias: string | null): Map<string, Origin | null> {
  const outputs = new Map<string, Origin | null>();
  for (const [name, source] of scope.sources) {
    if (alias !== null && name !== alias) continue;
    if (source.kind === 'query') for (const [column, origin] of source.outputs) outputs.set(column, origin);
    else for (const { name: column } of source.use.facts.columns) outputs.set(column, { use: source.use, column });
  }
  return outputs;
}

export const sameTable = (a: RelationName, b: RelationName): boolean => a.schema === b.schema && a.relation === b.relation;
