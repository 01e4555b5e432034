/** Which column of which relation a name in a statement means: FROM lists, WITH queries, subqueries and views followed to the tables below them. */
import { namesOf, type Tree, tagged } from './tree.ts';

/** A relation of the database as far as names need it. */
export interface KnownRelation {
  readonly schema: string;
  readonly name: string;
  /** In their order. */
  readonly columns: readonly string[];
  /** What a view selects; null: it holds rows of its own. */
  readonly query: Tree | null;
}

export interface ColumnOrigin {
  readonly relation: KnownRelation;
  readonly column: string;
}

/** null: no such relation. */
export type FindRelation = (schema: string | null, name: string) => KnownRelation | null;

/** Output columns of a FROM item; a value null: computed. */
interface Source {
  readonly alias: string;
  readonly columns: ReadonlyMap<string, ColumnOrigin | null>;
}

export interface Scope {
  readonly sources: readonly Source[];
  /** Queries of WITH by name. */
  readonly named: ReadonlyMap<string, Source['columns']>;
  readonly outer: Scope | null;
  readonly find: FindRelation;
}

export const emptyScope = (find: FindRelation): Scope => ({ sources: [], named: new Map(), outer: null, find });

/** The scope inside a SELECT, UPDATE, DELETE, INSERT or MERGE that stands in `outer`. */
export function scopeOf(statement: Tree, outer: Scope): Scope {
  const named = new Map(outer.named);
  let scope: Scope = { ...outer, sources: [], named, outer };
  for (const one of ((statement.withClause as Tree | undefined)?.ctes as unknown[] | undefined) ?? []) {
    const cte = tagged(one)?.node ?? {};
    const query = tagged(cte.ctequery);
    if (query !== null) named.set(String(cte.ctename), renamed(outputOf(query.node, scope), namesOf(cte.aliascolnames)));
  }
  const items = [statement.relation, statement.sourceRelation, ...listOf(statement.fromClause), ...listOf(statement.usingClause)];
  // one by one: a LATERAL item sees those before it
  for (const item of items) scope = { ...scope, sources: [...scope.sources, ...sourcesOf(item, scope)] };
  return scope;
}

/** What `fields` of a ColumnRef mean; null: computed, unknown, or a whole row. */
export function resolve(fields: readonly string[], scope: Scope): ColumnOrigin | null {
  const column = fields.at(-1) as string;
  const alias = fields.at(-2);
  for (let level: Scope | null = scope; level !== null; level = level.outer) {
    const source = level.sources.find((one) => (alias === undefined || one.alias === alias) && one.columns.has(column));
    if (source !== undefined) return source.columns.get(column) ?? null;
  }
  return null;
}

function sourcesOf(item: unknown, scope: Scope): readonly Source[] {
  const found = tagged(item, 'relation');
  if (found === null) return [];
  const { kind, node } = found;
  const alias = (node.alias as { aliasname?: string } | undefined)?.aliasname;
  const names = namesOf((node.alias as { colnames?: unknown } | undefined)?.colnames);
  if (kind === 'JoinExpr') return [...sourcesOf(node.larg, scope), ...sourcesOf(node.rarg, scope)];
  if (kind === 'RangeTableSample') return sourcesOf(node.relation, scope);
  if (kind === 'RangeVar') return [{ alias: alias ?? String(node.relname), columns: renamed(relationColumns(node, scope), names) }];
  const query = tagged(node.subquery);
  const columns = kind === 'RangeSubselect' && query !== null ? renamed(outputOf(query.node, scope), names) : new Map(names.map((name) => [name, null]));
  return [{ alias: alias ?? '', columns }];
}

function relationColumns(node: Tree, scope: Scope): Source['columns'] {
  const name = String(node.relname);
  const schema = typeof node.schemaname === 'string' ? node.schemaname : null;
  const named = schema === null ? scope.named.get(name) : undefined;
  if (named !== undefined) return named;
  const relation = scope.find(schema, name);
  if (relation === null) return new Map();
  if (relation.query !== null) return renamed(outputOf(relation.query, emptyScope(scope.find)), relation.columns);
  return new Map(relation.columns.map((column) => [column, { relation, column }]));
}

/** Columns that a query gives, in order. */
function outputOf(query: Tree, outer: Scope): Source['columns'] {
  if (query.larg !== undefined)
    return outputOf(query.larg as Tree, { ...outer, named: new Map([...outer.named, ...scopeOf({ withClause: query.withClause }, outer).named]) });
  const scope = scopeOf(query, outer);
  const returning = (query.returningClause as { exprs?: unknown } | undefined)?.exprs ?? query.returningList;
  const columns = new Map<string, ColumnOrigin | null>();
  for (const one of listOf(query.targetList !== undefined && query.relation === undefined ? query.targetList : returning)) {
    const target = tagged(one)?.node ?? {};
    const value = tagged(target.val);
    const fields = value?.kind === 'ColumnRef' ? namesOf(value.node.fields) : [];
    if (value?.kind === 'ColumnRef' && hasStar(value.node)) addAll(columns, scope, fields[0]);
    else columns.set(String(target.name ?? fields.at(-1) ?? `?column ${columns.size}?`), fields.length > 0 ? resolve(fields, scope) : null);
  }
  return columns;
}

const hasStar = (reference: Tree) => listOf(reference.fields).some((field) => tagged(field)?.kind === 'A_Star');

function addAll(columns: Map<string, ColumnOrigin | null>, scope: Scope, alias: string | undefined): void {
  for (const source of scope.sources) if (alias === undefined || source.alias === alias) for (const [name, origin] of source.columns) columns.set(name, origin);
}

function renamed(columns: Source['columns'], names: readonly string[]): Source['columns'] {
  return new Map([...columns].map(([name, origin], index) => [names[index] ?? name, origin]));
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
