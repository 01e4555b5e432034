/**
 * A statement over views with their own queries in their place, as PostgreSQL itself reads it (manual, 41.2 "Views and the Rule System"), so that the rules see tables.
 * Only where a view is nothing but its query: not where it keeps rows from functions that could tell of them (security_barrier, 41.5), nor where its tables
 * show other rows to its owner than to who asks (row level security). Who asks needs rights to the tables then: both texts run as that role.
 */
import type { Node, SelectStmt } from 'libpg-query';
import type pg from 'pg';
import type { Binding } from '../../../domain/optimizer/model.ts';
import type { RewriteGround } from '../../../domain/optimizer/rewrite.ts';
import { ident } from '../../pg.ts';
import { isFault, parseOne } from '../bind/tree.ts';
import { asRole } from '../run-as.ts';
import type { LeftAlone } from './known.ts';
import { derived } from './nodes.ts';
import { nodesOf } from './walk.ts';

export interface Expanded {
  readonly query: SelectStmt;
  /** The views, as they are now. */
  readonly grounds: readonly RewriteGround[];
}

/** Views in views in views. */
const MOST_LEVELS = 4;

/** The query itself where it reads none. A name must mean the same view for all who send it. */
export async function withoutViews(client: pg.Client, query: SelectStmt, bindings: readonly Binding[]): Promise<Expanded | LeftAlone> {
  let [expanded, grounds]: [SelectStmt, readonly RewriteGround[]] = [query, []];
  for (let level = 0; level <= MOST_LEVELS; level += 1) {
    const senders = [...new Map(bindings.map((binding) => [JSON.stringify(binding.as ?? null), binding])).values()];
    const answers: (readonly View[])[] = [];
    for (const sender of senders) answers.push(await viewsOf(client, expanded, sender));
    const [views = [], ...others] = answers;
    if (others.some((other) => JSON.stringify(other) !== JSON.stringify(views))) return { because: 'its names mean other views for some of those who send it' };
    const barred = views.find(({ why }) => why !== null);
    if (barred !== undefined) return { because: `the view ${barred.schema}.${barred.relation} ${barred.why}` };
    if (views.length === 0) return { query: expanded, grounds };
    const queries = new Map(views.flatMap((view) => [...queryOf(view)].map((own) => [keyOf(view.asked, view.name), own] as const)));
    if (queries.size < views.length) return { because: 'it reads a view whose query cannot be written out' };
    expanded = replaced(expanded, queries, namedIn(expanded));
    grounds = [...grounds, ...views.map(({ schema, relation, digest }) => ({ kind: 'view', table: { schema, relation }, digest }) as const)];
  }
  return { because: `it reads views of views, more than ${MOST_LEVELS} deep` };
}

interface View {
  /** As the statement has it. */
  readonly asked: string | null;
  readonly name: string;
  readonly schema: string;
  readonly relation: string;
  readonly definition: string;
  readonly digest: string;
  /** null: it may be written out. */
  readonly why: string | null;
}

const keyOf = (schema: string | null | undefined, name: string): string => JSON.stringify([schema ?? null, name]);

const namedIn = (query: SelectStmt): ReadonlySet<string> => new Set(nodesOf(query, 'CommonTableExpr').map(({ ctename = '' }) => ctename));

async function viewsOf(client: pg.Client, query: SelectStmt, sender: Binding): Promise<readonly View[]> {
  const named = namedIn(query);
  const ranges = nodesOf(query, 'RangeVar').filter(({ schemaname, relname = '' }) => schemaname !== undefined || !named.has(relname));
  const asked = [...new Map(ranges.map(({ schemaname = null, relname = '' }) => [keyOf(schemaname, relname), { schema: schemaname, name: relname }])).values()];
  const texts = asked.map(({ schema, name }) => (schema === null ? ident(name) : `${ident(schema)}.${ident(name)}`));
  try {
    await client.query(`begin${asRole(sender)}`);
    const { rows } = await client.query<{ asked: string | null; name: string; oid: string }>(namesSql, [
      asked.map(({ schema }) => schema),
      asked.map(({ name }) => name),
      texts,
    ]);
    if (rows.length === 0) return [];
    await client.query(VIEW_PATH);
    const found = await client.query<Omit<View, 'asked' | 'name'> & { oid: string }>(viewsSql, [rows.map(({ oid }) => oid)]);
    return rows.flatMap(({ asked: schema, name, oid }) => {
      const view = found.rows.find((each) => each.oid === oid);
      return view === undefined ? [] : [{ ...view, asked: schema, name }];
    });
  } finally {
    await client.query('rollback');
  }
}

/** Then every name in a definition has its schema. */
const VIEW_PATH = `set local search_path = ''`;

const namesSql = `/* assay optimizer */ select asked.schema as asked, asked.name, c.oid::text as oid
  from unnest($1::text[], $2::text[], $3::text[]) as asked(schema, name, quoted) join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(asked.quoted)
  where c.relkind = 'v' order by 1, 2`;

/** Its query's tables, as PostgreSQL keeps them in its rule. */
const viewsSql = `/* assay optimizer */ select c.oid::text as oid, n.nspname as schema, c.relname as relation, pg_catalog.pg_get_viewdef(c.oid) as definition,
    pg_catalog.md5(pg_catalog.pg_get_viewdef(c.oid)) as digest,
    case when c.reloptions @> '{security_barrier=true}' then 'keeps rows apart (security_barrier)'
      when exists (select from pg_catalog.pg_rewrite r join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
          join pg_catalog.pg_class t on t.oid = d.refobjid and d.refclassid = 'pg_catalog.pg_class'::regclass where r.ev_class = c.oid and t.relrowsecurity)
        then 'reads tables with row level security' end as why
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = any ($1::oid[])`;

/** Nothing where it is of another kind, or cannot be parsed. */
function queryOf({ definition }: View): readonly SelectStmt[] {
  const parsed = parseOne(definition.trim().replace(/;$/, ''));
  return isFault(parsed) || parsed.kind !== 'SelectStmt' ? [] : [parsed.root as SelectStmt];
}

/** Everywhere in FROM, under the name that it had there. */
function replaced<T>(value: T, queries: ReadonlyMap<string, SelectStmt>, named: ReadonlySet<string>): T {
  if (Array.isArray(value)) return value.map((each) => replaced(each, queries, named)) as T;
  if (typeof value !== 'object' || value === null) return value;
  if ('RangeVar' in value) {
    const { schemaname, relname = '', alias } = (value as Extract<Node, { RangeVar: unknown }>).RangeVar;
    const own = schemaname === undefined && named.has(relname) ? undefined : queries.get(keyOf(schemaname, relname));
    if (own === undefined) return value;
    const names = (alias?.colnames ?? []).flatMap((name) => ('String' in name ? (name.String.sval ?? '') : []));
    return derived(own, alias?.aliasname ?? relname, names) as T;
  }
  return Object.fromEntries(Object.entries(value).map(([key, below]) => [key, replaced(below, queries, named)])) as T;
}
