/**
 * A lab stands at a moment that is past: indexes and extended statistics that came or went on the source since (an applied recommendation's, too) would be
 * proposed again, beside those that are there. Before a search the lab is given what the source has now. Only definitions are compared, never data.
 */
import type pg from 'pg';
import { isAssayError } from '../../../domain/errors.ts';
import type { StepIo } from '../../io.ts';
import { qualified } from '../../pg.ts';
import { isServerError, reasonByCode } from '../../pg-errors.ts';
import { LAB_NAMES } from './sets.ts';

type Kind = 'index' | 'statistics';

interface Standing {
  readonly kind: Kind;
  readonly schema: string;
  readonly name: string;
  /** Qualified and quoted. */
  readonly table: string;
  /** SQL that makes it, of a partitioned index with all its parts. */
  readonly definition: string;
  /** The same under any name. */
  readonly key: string;
  /** Made and dropped with its constraint only. */
  readonly isConstraint: boolean;
  /** What it yields is known to the planner only once it was looked at. */
  readonly isToAnalyze: boolean;
}

interface Sides {
  readonly source: readonly Standing[];
  /** Tables of the lab that the source has as well. */
  readonly shared: ReadonlySet<string>;
}

type FromSource = <T>(use: (client: pg.Client) => Promise<T>) => Promise<T>;

/** What had to be done, in words for people; none where both are alike. Idempotent. What the lab refuses is said, not thrown. */
export async function madeAsOnSource(lab: pg.Client, fromSource: FromSource, io: StepIo): Promise<readonly string[]> {
  const onLab = await standingOn(lab);
  const tables = [...new Set(onLab.map(({ table }) => table))];
  const sides = await fromSource(async (client): Promise<Sides> => ({ source: await standingOn(client), shared: await present(client, tables) })).catch(
    notAsked,
  );
  if (typeof sides === 'string') return [`the source did not say which indexes it has now: ${sides}. The copy's are those of the moment that it stands at`];
  const gone = without(onLab, sides.source).filter(({ table, isConstraint }) => sides.shared.has(table) && !isConstraint);
  const fresh = without(sides.source, onLab);
  const there = await present(
    lab,
    fresh.map(({ table }) => table),
  );
  const come = fresh.filter(({ table }) => there.has(table));
  const refused: string[] = [];
  const total = gone.length + come.length;
  const done = async (some: readonly Standing[], before: number, work: (each: Standing) => Promise<unknown>) => {
    const names: string[] = [];
    for (const [place, each] of some.entries()) {
      io.beat({ phase: 'as on the source', done: before + place, total });
      try {
        await work(each);
        names.push(each.name);
      } catch (error) {
        if (!isServerError(error)) throw error;
        refused.push(`the copy is without what the source has now, or has what it has not: ${each.name}, ${reasonByCode(error)}`);
      }
    }
    return names;
  };
  const dropped = await done(gone, 0, (each) => drop(lab, each));
  const made = await done(come, gone.length, (each) => make(lab, each));
  return [
    ...said(made, 'were made on the source after the moment that the copy stands at, and built on it as well'),
    ...said(dropped, 'are no longer on the source, and were dropped on the copy as well'),
    ...refused,
  ];
}

const MOST_NAMES = 5;

function said(names: readonly string[], what: string): readonly string[] {
  if (names.length === 0) return [];
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return [`${names.length} index(es) or statistics ${what}: ${names.slice(0, MOST_NAMES).join(', ')}${more}`];
}

/** A source that is away for a moment ends no run that has its workload already. */
function notAsked(error: unknown): string {
  if (!isAssayError(error) || error.code === 'cancelled') throw error;
  return error.message;
}

const drop = (lab: pg.Client, { kind, schema, name }: Standing) => lab.query(`drop ${kind} if exists ${qualified(schema, name)}`);

async function make(lab: pg.Client, each: Standing): Promise<void> {
  // a half-made one of that name, from the moment that the lab stands at
  await drop(lab, each);
  await lab.query(each.definition);
  if (each.isToAnalyze) await lab.query(`analyze ${each.table}`);
}

function without(some: readonly Standing[], others: readonly Standing[]): readonly Standing[] {
  const known = new Set(others.map(({ key }) => key));
  return some.filter(({ key }) => !known.has(key));
}

async function present(client: pg.Client, tables: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ name: string }>(
    '/* assay optimizer */ select name from pg_catalog.unnest($1::text[]) name where pg_catalog.to_regclass(name) is not null',
    [tables],
  );
  return new Set(rows.map(({ name }) => name));
}

/** Both sides with the same search path, by which definitions name what is not in it. */
async function standingOn(client: pg.Client): Promise<readonly Standing[]> {
  const before = await client.query<{ path: string }>(
    "/* assay optimizer */ select pg_catalog.current_setting('search_path') as path, pg_catalog.set_config('search_path', 'pg_catalog', false)",
  );
  const { rows } = await client.query<Standing>(standingSql, [LAB_NAMES]);
  await client.query("/* assay optimizer */ select pg_catalog.set_config('search_path', $1, false)", [before.rows[0]?.path ?? '']);
  return rows;
}

/** Valid ones of tables that are nobody's own; parts of a partitioned index come with it. */
const standingSql = `/* assay optimizer */
  with named as (
    select 'index' as kind, n.nspname as schema, i.relname as name, format('%I.%I', n.nspname, t.relname) as "table",
        replace(pg_get_indexdef(i.oid), format(' INDEX %I ON ONLY ', i.relname), format(' INDEX %I ON ', i.relname)) as definition,
        exists (select from pg_constraint k where k.conindid = i.oid and k.contype in ('p', 'u', 'x')) as "isConstraint",
        x.indexprs is not null as "isToAnalyze"
      from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid join pg_namespace n on n.oid = t.relnamespace
      where x.indisvalid and not i.relispartition and t.relkind in ('r', 'p', 'm') and t.relpersistence <> 't'
    union all
    select 'statistics', n.nspname, s.stxname, format('%I.%I', tn.nspname, t.relname), pg_get_statisticsobjdef(s.oid), false, true
      from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace join pg_class t on t.oid = s.stxrelid join pg_namespace tn on tn.oid = t.relnamespace
  )
  select *, case kind when 'index' then replace(definition, format(' INDEX %I ON ', name), ' INDEX ON ') else definition end as key
    from named
    where schema <> 'information_schema' and not starts_with(schema, 'pg_') and not starts_with(name, $1)
    order by kind, schema, name`;
