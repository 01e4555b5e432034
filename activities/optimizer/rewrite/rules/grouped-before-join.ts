/**
 * Rows that are joined to be grouped, grouped first: `SELECT d.name, sum(f.x) FROM f JOIN d ON d.id = f.d GROUP BY d.name` joins one row for each `d` instead of each row of f,
 * and `SELECT a.id, count(b.id) FROM a LEFT JOIN b ON b.a = a.id GROUP BY a.id` needs no group after the join at all.
 *
 * Source: W. P. Yan, P.-Å. Larson, "Eager Aggregation and Lazy Aggregation", VLDB 1995; of an outer join, whose rows without a partner count as none, as in
 * C. Galindo-Legaria, M. Joshi, "Orthogonal Optimization of Subqueries and Aggregation", SIGMOD 2001. Equal where
 * - inner: each table that is joined later is met by its unique key, so that no row meets two of them, and nothing else is asked of it: rows that meet none go, as groups;
 * - left: what is joined is grouped by what it is joined by, so that no row meets two; the group holds a key of the table that stays, so that nothing is grouped again;
 * - keys are of one and the same type of PostgreSQL's own, for which = is what groups go by; a null meets none;
 * - every figure is of the rows that are grouped, and can be had from those of the groups (two-step-figures.ts);
 * - nothing that is computed earlier can fail: rows that meet nothing are grouped now, too; nor, where the join is the last step, what is asked of its figures.
 */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../../domain/optimizer/rewrite.ts';
import { noneFails } from '../cannot-fail.ts';
import { and, column, derived, operation, select, target } from '../nodes.ts';
import { plain } from '../query-text.ts';
import { findColumn, type Source, sourcesOf } from '../sources.ts';
import { mapQueries, nodesOf } from '../walk.ts';
import { MOST_GROUPS, valuesOf } from './few-values.ts';
import { figureColumns } from './figure-columns.ts';
import { flattened, type Item } from './flattened.ts';
import { freshNames } from './fresh-name.ts';
import { groupedBesideLeftJoin, type Made, type Site } from './grouped-left-join.ts';
import { type GroupedQuery, groupedQuery } from './grouped-query.ts';
import { columnOf, groundsOf, inEqual, type Meeting } from './meeting.ts';
import { outerOf, typesOf } from './outer-query.ts';
import { pulledUp } from './pulled-up.ts';
import type { Rule } from './rule.ts';
import { calledName } from './sub-query.ts';
import { recombined } from './two-step-figures.ts';

const JOINS = ['Nested Loop', 'Hash Join', 'Merge Join'];

export const groupedBeforeJoin: Rule = {
  name: 'grouped-before-join',
  reason: (plan) => {
    const isJoined = plan.some(({ type }) => JOINS.includes(type));
    return isJoined && plan.some(({ type }) => type === 'Aggregate') ? 'rows are joined one by one, and grouped afterwards' : null;
  },
  rewrite(query, known) {
    const names = freshNames(query);
    const grounds: RewriteGround[] = [];
    const changed = mapQueries(query, (each, outer) => {
      const flat = pulledUp(each, known) ?? each;
      const grouped = groupedQuery(flat, sourcesOf(flat, known), known);
      const site = { known, names, isInner: outer.length > 0 };
      const made = grouped === null ? null : (joinedLater(flat, grouped, site) ?? groupedBesideLeftJoin(flat, grouped, site));
      if (made === null) return each;
      grounds.push(...made.grounds);
      return made.query;
    });
    return grounds.length === 0 ? null : { query: changed, grounds };
  },
};

interface Later {
  readonly item: Item;
  /** `ours`: its key. */
  readonly meeting: Meeting;
  readonly condition: Node;
}

function joinedLater(query: SelectStmt, { groups, aggregates }: GroupedQuery, { known, names }: Omit<Site, 'isInner'>): Made | null {
  const flat = flattened(query, known);
  if (flat === null || flat.items.length < 2) return null;
  const sources = flat.items.map(({ source }) => source);
  const later = flat.items.flatMap((item) => laterOf(item, flat.conditions, { sources, groups, aggregates, known }) ?? []);
  // one that is met by a column of another one that comes later would not be there yet
  const isLater = (source: Source) => later.some(({ item }) => item.source === source);
  if (later.length === 0 || later.some(({ meeting }) => isLater(meeting.theirs.source))) return null;
  const items = flat.items.filter(({ source }) => !isLater(source));
  const conditions = flat.conditions.filter((condition) => !later.some((each) => each.condition === condition));
  const own = groups.filter((group) => !aboutOf(group, sources).some(isLater));
  if (items.length === 0 || !noneFails(conditions) || groups.some((group) => isMixed(aboutOf(group, sources), isLater))) return null;
  const alias = names('grouped');
  const wanted = [...new Map([...own, ...later.map(({ meeting }) => columnOf(meeting.theirs))].map((node) => [plain(named(node, sources)), node])).values()];
  const keys = wanted.map((node, place) => ({ node, name: names(`key_${place + 1}`) }));
  const keyFor = (node: Node): Node | null => {
    const found = keys.find((key) => plain(named(key.node, sources)) === plain(named(node, sources)));
    return found === undefined ? null : column(alias, found.name);
  };
  const figures = figureColumns(alias, names);
  const outer = outerOf(query, known, (node) => {
    if (isOf(node, sources, isLater)) return node;
    return (
      keyFor(node) ?? (known.aggregates.has(calledName(node) ?? '') ? recombined(node, { sources, known, keyFor: () => null, figure: figures.read }) : null)
    );
  });
  if (outer === null) return null;
  const whereClause = and(conditions);
  const inner = select({
    targetList: [...keys.map(({ node, name }) => target(node, name)), ...figures.targets()],
    fromClause: items.map(({ node }) => node),
    ...(whereClause === undefined ? {} : { whereClause }),
    groupClause: keys.map(({ node }) => node),
  });
  const { whereClause: _asked, groupClause: _groups, ...rest } = query;
  const met = and(later.map(({ meeting }) => operation(columnOf(meeting.ours), '=', keyFor(columnOf(meeting.theirs)) as Node)));
  return {
    query: {
      ...rest,
      ...outer,
      fromClause: [derived(inner, alias), ...later.map(({ item }) => item.node)],
      ...(met === undefined ? {} : { whereClause: met }),
      groupClause: groups.map((group) => keyFor(group) ?? group),
    },
    grounds: [...later.flatMap(({ meeting }) => [...uniqueOf(meeting), ...groundsOf(meeting)]), ...typesOf([groups, aggregates], sources)],
  };
}

/** A table of which only what it is called comes out, and which a row meets once at most. */
function laterOf(item: Item, conditions: readonly Node[], { sources, groups, aggregates, known }: GroupedQuery & Pick<Site, 'known'>): Later | null {
  const { source } = item;
  const isAbout = (node: Node) => aboutOf(node, sources).includes(source);
  const about = conditions.filter(isAbout);
  const [condition, ...more] = about;
  if (condition === undefined || more.length > 0 || !groups.some(isAbout) || aggregates.some(isAbout)) return null;
  const meeting = inEqual(
    condition,
    [source],
    sources.filter((each) => each !== source),
  );
  const isKey = source.known?.keys.some((key) => key.length === 1 && key[0] === meeting?.ours.column.name) ?? false;
  // as many groups as rows are none
  if (meeting === null || valuesOf(meeting.theirs, known) > MOST_GROUPS) return null;
  return isKey && meeting.ours.column.notNull ? { item, meeting, condition } : null;
}

/** A column by its table's alias, however it is written. */
const named = (node: Node, sources: readonly Source[]): Node => {
  const found = findColumn(node, sources);
  return found === null ? node : columnOf(found);
};

/** Whose columns it reads; all of them where that cannot be told. */
function aboutOf(node: Node, sources: readonly Source[]): readonly Source[] {
  if (nodesOf(node, 'SubLink').length > 0) return sources;
  const found = nodesOf(node, 'ColumnRef').map((reference) => findColumn({ ColumnRef: reference }, sources)?.source);
  return found.every((each) => each !== undefined) ? [...new Set(found)] : sources;
}

const isMixed = (about: readonly Source[], isLater: (source: Source) => boolean): boolean => about.some(isLater) && !about.every(isLater);

const isOf = (node: Node, sources: readonly Source[], isWanted: (source: Source) => boolean): boolean => {
  const found = findColumn(node, sources);
  return found !== null && isWanted(found.source);
};

const uniqueOf = ({ ours: { table, column: key } }: Meeting): readonly RewriteGround[] => [
  { kind: 'unique', table: table.table, columns: [key.name] },
  { kind: 'not-null', table: table.table, column: key.name },
];
