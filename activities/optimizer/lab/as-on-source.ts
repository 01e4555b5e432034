/**
 * A lab stands at a moment that is past: indexes and extended statistics that came or went on the source since (an applied recommendation's, too) would be
 * proposed again, beside those that are there. Before a search the lab is given what the source has now. Only definitions are compared, never data.
 */
import type pg from 'pg';
import { AssayError, isAssayError } from '../../../domain/errors.ts';
import { differenceOf, type Standing } from '../../../domain/optimizer/standing-difference.ts';
import type { StepIo } from '../../io.ts';
import { ident, qualified } from '../../pg.ts';
import { isServerError, reasonByCode } from '../../pg-errors.ts';
import { LAB_NAMES } from './sets.ts';

interface Sides {
  readonly source: readonly Standing[];
  /** Tables of the lab that the source has as well. */
  readonly shared: ReadonlySet<string>;
}

type FromSource = <T>(use: (client: pg.Client) => Promise<T>) => Promise<T>;

/**
 * What had to be done, in words for people; none where both are alike. Idempotent. What the lab refuses is said, not thrown. `fromSource` gives a session
 * inside a transaction. Throws cancelled, and where the lab is gone.
 */
export async function madeAsOnSource(lab: pg.Client, fromSource: FromSource, io: StepIo): Promise<readonly string[]> {
  const onLab = await inTransaction(lab, () => standingOn(lab));
  const tables = [...new Set(onLab.map(({ table }) => table))];
  const sides = await fromSource(async (client): Promise<Sides> => ({ source: await standingOn(client), shared: await present(client, tables) })).catch(
    notAsked,
  );
  if (typeof sides === 'string') return [`the source did not say which indexes it has now: ${sides}. The copy's are those of the moment that it stands at`];
  const { gone, renamed, fresh } = differenceOf(onLab, sides.source);
  const there = await present(
    lab,
    fresh.map(({ table }) => table),
  );
  const refused: string[] = [];
  const done = async <T extends Pick<Standing, 'name'>>(some: readonly T[], work: (each: T, place: number) => Promise<unknown>) => {
    const names: string[] = [];
    for (const [place, each] of some.entries()) {
      if (io.signal.aborted) throw new AssayError('cancelled', { what: 'giving the lab the indexes of its source' });
      io.beat({ phase: 'as on the source', done: place, total: some.length });
      try {
        await inTransaction(lab, () => work(each, place));
        names.push(each.name);
      } catch (error) {
        if (!isServerError(error)) throw error;
        refused.push(`the copy is without what the source has now, or has what it has not: ${each.name}, ${reasonByCode(error)}`);
      }
    }
    return names;
  };
  const dropped = await done(
    gone.filter(({ table }) => sides.shared.has(table)),
    ({ kind, schema, name }) => lab.query(`drop ${kind} ${qualified(schema, name)}`),
  );
  // two may have each other's names
  await done(renamed, ({ kind, schema, name }, place) => lab.query(`alter ${kind} ${qualified(schema, name)} rename to ${ident(passing(place))}`));
  await done(renamed, ({ kind, schema, newName }, place) => lab.query(`alter ${kind} ${qualified(schema, passing(place))} rename to ${ident(newName)}`));
  const halfMade = onLab.filter(({ isValid }) => !isValid);
  const made = await done(
    fresh.filter(({ table }) => there.has(table)),
    (each) => make(lab, each, halfMade),
  );
  return [
    ...said(made, 'were made on the source after the moment that the copy stands at, and built on it as well'),
    ...said(dropped, 'are no longer on the source, and were dropped on the copy as well'),
    ...refused,
  ];
}

const passing = (place: number): string => `assay_passing_${place}`;

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

async function make(lab: pg.Client, { schema, name, definition, isToAnalyze, table }: Standing, halfMade: readonly Standing[]): Promise<void> {
  await lab.query(spelled);
  if (halfMade.some((other) => other.schema === schema && other.name === name)) await lab.query(`drop index if exists ${qualified(schema, name)}`);
  await lab.query(definition);
  if (isToAnalyze) await lab.query(`analyze ${table}`);
}

async function inTransaction<T>(lab: pg.Client, work: () => Promise<T>): Promise<T> {
  await lab.query('/* assay optimizer */ begin');
  try {
    const answer = await work();
    await lab.query('/* assay optimizer */ commit');
    return answer;
  } catch (error) {
    // where the session is gone, what ended it must be seen
    await lab.query('/* assay optimizer */ rollback').catch(() => undefined);
    throw error;
  }
}

/** Needs no right to use their schemas, as to_regclass does. */
async function present(client: pg.Client, tables: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ name: string }>(
    `/* assay optimizer */ select pg_catalog.format('%I.%I', n.nspname, c.relname) as name
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'm') and pg_catalog.format('%I.%I', n.nspname, c.relname) = any ($1::text[])`,
    [tables],
  );
  return new Set(rows.map(({ name }) => name));
}

/** Constants in definitions are written by these: both sides must write, and the lab read, alike. Until the end of the transaction. */
const spelled = `/* assay optimizer */ select pg_catalog.set_config(name, value, true) from (values ('datestyle', 'ISO, MDY'), ('intervalstyle', 'postgres'),
  ('timezone', 'UTC'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('quote_all_identifiers', 'off')) as wanted (name, value)`;

async function standingOn(client: pg.Client): Promise<readonly Standing[]> {
  await client.query(spelled);
  // definitions name what is not in it with its schema
  await client.query("/* assay optimizer */ select pg_catalog.set_config('search_path', 'pg_catalog', true)");
  const { rows } = await client.query<Standing>(standingSql, [LAB_NAMES]);
  return rows;
}

const standingSql = `/* assay optimizer */
  with named as (
    select 'index' as kind, n.nspname as schema, i.relname as name, format('%I.%I', n.nspname, t.relname) as "table",
        replace(pg_get_indexdef(i.oid), format(' INDEX %I ON ONLY ', i.relname), format(' INDEX %I ON ', i.relname)) as definition,
        i.relispartition as "isPart", x.indisvalid as "isValid", not x.indimmediate as "isDeferrable",
        exists (select from pg_constraint k where k.conindid = i.oid and k.contype in ('p', 'u', 'x')) as "isConstraint",
        x.indexprs is not null as "isToAnalyze"
      from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid join pg_namespace n on n.oid = t.relnamespace
      where t.relkind in ('r', 'p', 'm') and t.relpersistence <> 't'
    union all
    select 'statistics', n.nspname, s.stxname, format('%I.%I', tn.nspname, t.relname), pg_get_statisticsobjdef(s.oid), false, true, false, false, true
      from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace join pg_class t on t.oid = s.stxrelid join pg_namespace tn on tn.oid = t.relnamespace
      where t.relkind in ('r', 'p', 'm') and t.relpersistence <> 't'
  )
  select *, case kind when 'index' then replace(definition, format(' INDEX %I ON ', name), ' INDEX ON ')
      else replace(definition, format(' STATISTICS %I.%I ', schema, name), ' STATISTICS ') end as key
    from named
    where schema <> 'information_schema' and not starts_with(schema, 'pg_') and not starts_with(name, $1)
    order by kind, schema, name`;
