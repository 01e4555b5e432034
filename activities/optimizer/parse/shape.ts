/** The shape of a statement by PostgreSQL's own parser: which columns of which relation stand in which position. */
import { type Node, parse, type SelectStmt, type WithClause } from 'libpg-query';
import type { Guard, IndexKey, TableFacts } from '../../../domain/optimizer/model.ts';
import type { StatementShape, TableWrite } from '../../../domain/optimizer/statement-shape.ts';
import { type ConditionWalk, readCondition, readValue } from './conditions.ts';
import { stringOf } from './expression-sql.ts';
import { closeUse, type OpenUse, type Origin, openUse, resolve, type Scope, type Source, sameTable, starOf, tableFinder } from './scope.ts';

export interface ShapeContext {
  /** Conditions that PostgreSQL adds wherever the table is read. Default none. */
  readonly guards?: readonly Guard[];
  /** Values of parameters, by number, that every call sends alike (domain/optimizer/constants-sent.ts). Default none. */
  readonly constants?: ReadonlyMap<number, string>;
}

/** Relations that are not in `facts` (views, functions, catalogues) are left out; a text the parser refuses has an empty shape. */
export async function statementShape(
  text: string,
  facts: readonly TableFacts[],
  { guards = [], constants = new Map() }: ShapeContext = {},
): Promise<StatementShape> {
  const statement = await parsedStatement(text);
  const reading: Reading = { find: tableFinder(facts), constants, uses: [], writes: [] };
  if (statement !== undefined) readStatement(statement, { reading, parent: null, ctes: new Map() });
  const named = [...reading.uses];
  for (const { table, condition } of guards) {
    const guard = await parsedStatement(`select where ${condition}`);
    if (guard === undefined || !('SelectStmt' in guard)) continue;
    for (const use of named.filter(({ facts: own }) => sameTable(own.table, table))) {
      const scope: Scope = { sources: new Map([[table.relation, { kind: 'table', use }]]), ctes: new Map(), parent: null };
      readCondition(guard.SelectStmt.whereClause, walkOf(scope, reading), true);
    }
  }
  return { relations: reading.uses.map(closeUse), writes: reading.writes };
}

const parsedStatement = async (text: string): Promise<Node | undefined> => (await parse(text).catch(() => null))?.stmts?.[0]?.stmt;

interface Reading {
  readonly find: ReturnType<typeof tableFinder>;
  readonly constants: ReadonlyMap<number, string>;
  readonly uses: OpenUse[];
  readonly writes: TableWrite[];
}

interface Place {
  readonly reading: Reading;
  readonly parent: Scope | null;
  readonly ctes: ReadonlyMap<string, Source>;
}

type Outputs = ReadonlyMap<string, Origin | null>;

/** Reads any statement with a plan; gives its output columns as far as they are plain columns. */
function readStatement(node: Node, place: Place): Outputs {
  if ('SelectStmt' in node) return readSelect(node.SelectStmt, place);
  if ('InsertStmt' in node) {
    const { relation, selectStmt, withClause } = node.InsertStmt;
    const facts = place.reading.find(relation?.schemaname, relation?.relname ?? '');
    if (facts !== null) place.reading.writes.push({ table: facts.table, kind: 'insert', columns: [] });
    if (selectStmt !== undefined) readStatement(selectStmt, { ...place, ctes: readCtes(withClause, place) });
    return new Map();
  }
  const kind = 'UpdateStmt' in node ? 'update' : 'delete';
  const change = 'UpdateStmt' in node ? node.UpdateStmt : 'DeleteStmt' in node ? node.DeleteStmt : undefined;
  if (change?.relation === undefined) return new Map();
  const scope = newScope({ ...place, ctes: readCtes(change.withClause, place) });
  const use = addTable(change.relation, scope, place.reading);
  const from = 'usingClause' in change ? change.usingClause : 'fromClause' in change ? change.fromClause : [];
  const walk = walkOf(scope, place.reading);
  for (const item of from ?? []) readFrom(item, walk, place.reading);
  const targets = 'targetList' in change ? (change.targetList ?? []) : [];
  // SET reads its values only: the names on its left are written
  for (const target of targets) if ('ResTarget' in target) readValue(target.ResTarget.val, walk);
  readCondition(change.whereClause, walk, true);
  if (use !== null) {
    use.isWhole = true;
    const columns = targets.flatMap((target) => ('ResTarget' in target ? [target.ResTarget.name ?? ''] : []));
    place.reading.writes.push({ table: use.facts.table, kind, columns });
  }
  return new Map();
}

function readSelect(select: SelectStmt, place: Place): Outputs {
  const ctes = readCtes(select.withClause, place);
  if (select.larg !== undefined && select.rarg !== undefined) {
    const left = readSelect(select.larg, { ...place, ctes });
    readSelect(select.rarg, { ...place, ctes });
    return new Map([...left.keys()].map((name) => [name, null]));
  }
  const scope = newScope({ ...place, ctes });
  const walk = walkOf(scope, place.reading);
  for (const item of select.fromClause ?? []) readFrom(item, walk, place.reading);
  const outputs = readTargets(select.targetList ?? [], walk);
  readValue(select.valuesLists, walk);
  readCondition(select.whereClause, walk, true);
  readCondition(select.havingClause, walk, false);
  readValue(select.windowClause, walk);
  readGroup([...(select.groupClause ?? []), ...(select.distinctClause ?? [])], outputs, walk);
  readOrder(select, outputs, walk);
  // rows that are locked are fetched
  if (select.lockingClause !== undefined) for (const source of scope.sources.values()) if (source.kind === 'table') source.use.isWhole = true;
  return outputs;
}

const newScope = ({ parent, ctes }: Place): Scope => ({ sources: new Map(), ctes, parent });

const walkOf = (scope: Scope, reading: Reading): ConditionWalk => ({
  scope,
  constants: reading.constants,
  subquery: (select, outer) => readStatement(select, { reading, parent: outer, ctes: outer.ctes }),
});

function readCtes(clause: WithClause | undefined, place: Place): ReadonlyMap<string, Source> {
  const ctes = new Map(place.ctes);
  for (const node of clause?.ctes ?? []) {
    if (!('CommonTableExpr' in node)) continue;
    const { ctename = '', ctequery, aliascolnames } = node.CommonTableExpr;
    // a recursive one reads itself: known by name before it is read
    if (clause?.recursive) ctes.set(ctename, { kind: 'query', outputs: new Map() });
    const outputs: Outputs = ctequery === undefined ? new Map() : readStatement(ctequery, { ...place, ctes });
    ctes.set(ctename, { kind: 'query', outputs: renamed(outputs, aliascolnames) });
  }
  return ctes;
}

function readFrom(node: Node, walk: ConditionWalk, reading: Reading): void {
  if ('RangeVar' in node) addTable(node.RangeVar, walk.scope, reading);
  else if ('JoinExpr' in node) {
    const { larg, rarg, quals, usingClause } = node.JoinExpr;
    if (larg !== undefined) readFrom(larg, walk, reading);
    const before = new Map(walk.scope.sources);
    if (rarg !== undefined) readFrom(rarg, walk, reading);
    readCondition(quals, walk, node.JoinExpr.jointype === 'JOIN_INNER');
    for (const name of (usingClause ?? []).map(stringOf)) if (name !== null) joinUsing(name, before, walk.scope);
  } else if ('RangeSubselect' in node) {
    const { subquery, alias, lateral } = node.RangeSubselect;
    const parent = lateral ? walk.scope : walk.scope.parent;
    const outputs: Outputs = subquery === undefined ? new Map() : readStatement(subquery, { reading, parent, ctes: walk.scope.ctes });
    walk.scope.sources.set(alias?.aliasname ?? `subquery ${walk.scope.sources.size}`, { kind: 'query', outputs: renamed(outputs, alias?.colnames) });
  } else {
    readValue(node, walk);
  }
}

function joinUsing(name: string, before: ReadonlyMap<string, Source>, scope: Scope): void {
  const after: Scope = { ...scope, parent: null, sources: new Map([...scope.sources].filter(([alias]) => !before.has(alias))) };
  for (const side of [{ ...scope, parent: null, sources: new Map(before) }, after]) {
    const origin = resolve([{ String: { sval: name } }], side);
    origin?.use.columns.add(origin.column);
    origin?.use.join.push(origin.column);
  }
}

function addTable(range: Extract<Node, { RangeVar: unknown }>['RangeVar'], scope: Scope, reading: Reading): OpenUse | null {
  const alias = range.alias?.aliasname ?? range.relname ?? '';
  const cte = range.schemaname === undefined ? scope.ctes.get(range.relname ?? '') : undefined;
  if (cte !== undefined) {
    scope.sources.set(alias, cte.kind === 'query' ? { kind: 'query', outputs: renamed(cte.outputs, range.alias?.colnames) } : cte);
    return null;
  }
  const facts = reading.find(range.schemaname, range.relname ?? '');
  if (facts === null) return null;
  const use = openUse(facts);
  reading.uses.push(use);
  const renames = range.alias?.colnames;
  const own = new Map<string, Origin | null>(facts.columns.map(({ name }) => [name, { use, column: name }]));
  scope.sources.set(alias, renames === undefined ? { kind: 'table', use } : { kind: 'query', outputs: renamed(own, renames) });
  return use;
}

function renamed(outputs: Outputs, names: readonly Node[] | undefined): Outputs {
  if (names === undefined || names.length === 0) return outputs;
  const origins = [...outputs.values()];
  const old = [...outputs.keys()];
  const fresh = names.map((name, place): [string, Origin | null] => [stringOf(name) ?? '', origins[place] ?? null]);
  return new Map([...fresh, ...old.slice(names.length).map((name): [string, Origin | null] => [name, outputs.get(name) ?? null])]);
}

/** Output names with their columns; computed ones without. */
function readTargets(targets: readonly Node[], walk: ConditionWalk): Map<string, Origin | null> {
  const outputs = new Map<string, Origin | null>();
  for (const target of targets) {
    if (!('ResTarget' in target)) continue;
    const { val, name } = target.ResTarget;
    const fields = val !== undefined && 'ColumnRef' in val ? (val.ColumnRef.fields ?? []) : [];
    const last = fields.at(-1);
    if (last !== undefined && 'A_Star' in last) {
      for (const [column, origin] of starOf(walk.scope, fields.length > 1 ? stringOf(fields.at(-2) as Node) : null)) {
        outputs.set(column, origin);
        if (walk.scope.parent === null && origin !== null) origin.use.isWhole = true;
      }
      continue;
    }
    readValue(val, walk);
    const origin = fields.length === 0 ? null : resolve(fields, walk.scope);
    outputs.set(name ?? origin?.column ?? `column ${outputs.size}`, origin);
  }
  return outputs;
}

/** GROUP BY and DISTINCT, where all keys are one relation's plain columns. Numbers and output names are looked up. */
function readGroup(items: readonly Node[], outputs: Outputs, walk: ConditionWalk): void {
  readValue(items, walk);
  const origins = items.map((item) => keyOrigin(item, outputs, walk));
  const use = origins[0]?.use;
  if (use !== undefined && origins.every((origin) => origin?.use === use)) use.group = origins.map((origin) => (origin as Origin).column);
}

function readOrder(select: SelectStmt, outputs: Outputs, walk: ConditionWalk): void {
  let first: OpenUse | undefined;
  for (const item of select.sortClause ?? []) {
    if (!('SortBy' in item)) return;
    readValue(item.SortBy.node, walk);
    const origin = keyOrigin(item.SortBy.node, outputs, walk);
    first ??= origin?.use;
    if (origin === null || origin.use !== first) return;
    origin.use.order.push(orderKey(origin.column, item.SortBy.sortby_dir, item.SortBy.sortby_nulls));
    origin.use.isLimited ||= select.limitCount !== undefined;
  }
}

function orderKey(column: string, direction: string | undefined, nulls: string | undefined): IndexKey {
  const nullsFirst = nulls === 'SORTBY_NULLS_FIRST' ? true : nulls === 'SORTBY_NULLS_LAST' ? false : null;
  return { column, expression: null, descending: direction === 'SORTBY_DESC', nullsFirst, operatorClass: null };
}

function keyOrigin(node: Node | undefined, outputs: Outputs, walk: ConditionWalk): Origin | null {
  if (node === undefined) return null;
  if ('A_Const' in node) return [...outputs.values()][(node.A_Const.ival?.ival ?? 0) - 1] ?? null;
  if (!('ColumnRef' in node)) return null;
  const fields = node.ColumnRef.fields ?? [];
  const name = fields.length === 1 && fields[0] !== undefined ? stringOf(fields[0]) : null;
  return (name === null ? undefined : outputs.get(name)) ?? resolve(fields, walk.scope);
}
