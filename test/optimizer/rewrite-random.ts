/** Tables of random rows with nulls, duplicates and nothing in them at all, and statements that the rules have something to say of: whatever the rows, both texts must give the same. */
import type pg from 'pg';
import { TIME_ZONES } from '../../activities/optimizer/rewrite/proof.ts';
import type { RewriteRule } from '../../domain/optimizer/rewrite.ts';
import { compared, madeOf } from './rewrite-support.ts';

export const randomSchema = `
  create table a (id int primary key, k int, g int not null, v int, amt numeric(10, 2), note text, at timestamp, seen timestamptz, d date);
  create table b (like a including all); create table c (like a including all)`;

interface Template {
  readonly rule: RewriteRule;
  readonly text: string;
  readonly types?: readonly string[];
  readonly constants?: Readonly<Record<number, string>>;
  readonly isOrdered?: true;
}

const ints = ['integer'];
const t = (rule: RewriteRule, text: string, types: readonly string[] = [], more: Partial<Template> = {}): Template => ({ rule, text, types, ...more });
const days = (text: string, types: readonly string[], constants: Readonly<Record<number, string>> = {}) => t('bare-date-range', text, types, { constants });

/** `$1`, `$2` … get values of their types that the tables hold, others, and nulls. */
export const templates: readonly Template[] = [
  t('cte-inlined', 'with p as materialized (select * from a) select g, count(*), sum(v) from p where k = $1 or k is null group by g', ints),
  t('cte-inlined', 'with p as (select id, k, g from a where v > $1) select x.id, y.id from p x left join p y on x.k = y.g', ints),
  t('cte-inlined', 'with p as (select g, count(*) as n, max(v) as v from a group by g) select p.*, q.n from p, p q where p.n >= q.n and p.g <> q.g'),
  t('not-in-to-not-exists', 'select id, k from a where g not in (select g from b where k = $1 or v is null)', ints),
  t('not-in-to-not-exists', 'select a.id, a.g not in (select b.g from b where b.k = a.k) as free from a'),
  t('not-in-to-not-exists', 'select a.g from a where (a.k is null or a.g not in (select g from b)) and a.v < $1', ints),
  ...['> 0', '= 0', '<> 2', '>= $1', '< $1', '= $1'].map((how) =>
    t('count-to-exists', `select id from a where (select count(*) from b where b.k = a.k and b.v > 1) ${how}`, how.includes('$') ? ['bigint'] : []),
  ),
  t('count-to-exists', 'select id, (select count(b.v) from b where b.g = a.g) = 0 as none from a'),
  t('aggregate-joined', 'select a.id, (select max(b.amt) from b where b.k = a.k) from a'),
  t(
    'aggregate-joined',
    'select a.id, a.k, (select coalesce(sum(b.amt), 0) * 2 + count(b.v) from b where b.k = a.k and b.g = a.g and b.v > $1) as n from a',
    ints,
  ),
  t('aggregate-joined', 'select a.id, c.id from a left join c on c.k = a.k where (select count(*) from b where b.v = c.v) = $1', ['bigint']),
  t('aggregate-joined', 'select id from a where v = (select min(b.v) from b where b.k = a.k and b.note in ($1, $2))', ['text', 'text']),
  t('aggregate-joined', 'select a.g, count(*) from a where a.amt >= (select avg(b.amt) from b where b.note = a.note) group by a.g'),
  t('or-to-union', 'select a.id, b.id from a left join b on a.k = b.k where a.v = $1 or b.v = $2', ['integer', 'integer']),
  t('or-to-union', 'select g, note from a where k = $1 or v > $2 or note is null', ['integer', 'integer']),
  t('or-to-union', 'select id, k as v, v as k from a where v = $1 or g = $2 order by k desc nulls last, id limit 5', ['integer', 'integer'], {
    isOrdered: true,
  }),
  t('distinct-to-exists', 'select distinct a.id, a.k from a join b on b.k = a.k where b.v > $1', ints),
  t('distinct-to-exists', 'select distinct a.k, a.note from a, b, c where b.k = a.k and c.g = b.g and (c.v = $1 or a.v is null)', ints),
  t('distinct-to-exists', 'select distinct a.note from a, b'),
  t(
    'grouped-in-two-steps',
    'select a.g, sum(a.amt * (1.5 - b.amt)), sum(a.amt), avg(b.amt), count(b.v), count(*), max(a.d) from a join b on b.k = a.k group by a.g',
  ),
  t('grouped-in-two-steps', `select count(distinct v), sum(case when note = 'x' then 1 else 0 end), avg(amt), sum(v), min(note) from a`),
  t(
    'grouped-in-two-steps',
    'select g, count(distinct v) as n, avg(v) as m from a group by g having count(distinct v) > 1 or avg(v) is null order by n desc, g',
  ),
  t(
    'grouped-in-two-steps',
    'select k, count(case when v > $1 then 1 end), count(*) filter (where v is null), sum(v) filter (where v > 1), avg(v) from a group by k',
    ints,
  ),
  t('grouped-in-two-steps', 'select extract(year from d) as y, sum(amt * v) - count(v), count(d) from a group by y'),
  t('grouped-in-two-steps', 'select q.n, sum(q.x) from (select b.g as n, b.amt * a.v as x from a left join b on b.k = a.k) q group by q.n'),
  t(
    'grouped-before-join',
    'select a.id, a.note, count(b.id), sum(b.amt), max(b.d), count(*), avg(b.v) from a left join b on b.k = a.v and b.g > 1 group by a.id',
  ),
  t(
    'grouped-before-join',
    'select a.k, a.id, count(distinct b.v) as n from a left join b on a.k = b.k and b.g = a.g where a.v < $1 group by a.id, a.k having count(b.v) >= 1',
    ints,
  ),
  t('grouped-before-join', 'select a.note, count(*), sum(b.amt), avg(b.v), count(b.v), min(b.at) from b join a on a.id = b.k group by a.note'),
  t(
    'grouped-before-join',
    'select n, y, sum(x) as s from (select a.g as n, b.v as y, b.amt * 2 as x from a, b where a.id = b.v and b.g < $1) q group by n, y having sum(x) > 1',
    ints,
  ),
  ...['=', '<', '>='].map((how) => days(`select id from a where at::date ${how} $1`, ['date'])),
  days('select id from a where (at::date between $1 and $2) is not true', ['date', 'date']),
  days('select id from a where date(seen) = $1', ['date']),
  ...['month', 'week', 'year'].flatMap((unit) => [
    days(`select id from a where date_trunc('${unit}', at) = $1`, ['timestamp without time zone']),
    days(`select id from a where date_trunc('${unit}', seen) = $1`, ['timestamp with time zone']),
  ]),
  ...['YYYY', 'YYYY-MM', 'YYYYMM', 'YYYY-MM-DD', 'YYYYMMDD'].flatMap((format) =>
    ['at', 'seen', 'd'].map((column) => days(`select id from a where to_char(${column}, $1) = $2 and g > $3`, ['text', 'text', 'integer'], { 1: format })),
  ),
  ...['at', 'seen', 'd'].map((column) => days(`select id from a where extract(year from ${column}) = $1`, ['numeric'])),
  days(`select id from a where $2 = date_part($1, d)`, ['text', 'double precision'], { 1: 'year' }),
  ...['>', '<=', '='].flatMap((how) => [
    days(`select id from a where at + $1 ${how} $2`, ['interval', 'timestamp without time zone']),
    days(`select id from a where seen - $1 ${how} $2`, ['interval', 'timestamp with time zone']),
    days(`select id from a where $2 ${how} d + $1`, ['integer', 'date']),
  ]),
  days(`select id from a where seen + '1 month'::interval > now() - $1 and at - interval '3 days 2 hours' < $2`, ['interval', 'timestamp without time zone']),
];

const moment = `(array['2024-01-31', '2024-02-28', '2024-02-29', '2023-12-31', '2026-03-29', '2010-11-07', '2011-12-30', '2023-04-28', '0001-01-01', '0045-02-28 BC', '9999-12-31', '10000-02-01', 'infinity', '-infinity']::timestamp[])
  [1 + (random() * 13)::int] + (random() * 3)::int * (array['1 microsecond', '1 day', '1 month', '-1 microsecond', '7 hours', '23:59:59.999999']::interval[])[1 + (random() * 5)::int]`;
const maybe = (value: string) => `case when random() < 0.2 then null else ${value} end`;

const fill = (
  table: string,
) => `truncate ${table}; insert into ${table} select n, ${maybe('(random() * 4)::int')}, (random() * 4)::int, ${maybe('(random() * 5)::int')},
  ${maybe('(random() * 3)::int * 0.5')}, ${maybe(`(array['x', 'X', '', 'y'])[1 + (random() * 3)::int]`)}, ${maybe(moment)}, ${maybe(`(${moment}) at time zone 'UTC'`)},
  ${maybe(`(${moment})::date`)} from generate_series(1, greatest(0, (random() * 30)::int - 4)) n`;

/** Of a row that is there, mostly; else of any moment. */
const known = (column: string) =>
  `coalesce(case when random() < 0.7 then (select ${column} from a where ${column} is not null order by random() limit 1) end, ${moment})`;

const values: Readonly<Record<string, string>> = {
  integer: '((random() * 6)::int - 1)::text',
  bigint: '((random() * 5)::int - 1)::text',
  date: `(${known('at')})::date::text`,
  'timestamp without time zone': `date_trunc((array['day', 'month', 'week', 'year', 'second'])[1 + (random() * 4)::int], ${known('at')})::text`,
  'timestamp with time zone': `(date_trunc((array['day', 'month', 'week', 'year', 'second'])[1 + (random() * 4)::int], ${moment}) at time zone 'UTC')::text`,
  interval: `(array['1 day', '1 month', '-1 month', '1 month 5 days', '7 hours', '1 year -3 days', '0', '100 days'])[1 + (random() * 7)::int]`,
  numeric: `case when random() < 0.6 then extract(year from ${known('at')})::text else (array['2024', '2024.5', '-44', '1', '9999', '10000', '0', '2023', 'NaN'])[1 + (random() * 8)::int] end`,
  'double precision': `(array['2024', '2024.5', '-44', '1', '9999', '10000', '0', '2023', 'Infinity'])[1 + (random() * 8)::int]`,
};

/** A text that the column has, or one that is none. */
const textOf = (format: string | undefined) =>
  format === undefined
    ? `(array['x', 'X', '', 'zz'])[1 + (random() * 3)::int]`
    : `case when random() < 0.8 then to_char(${known('at')}, '${format}') else (array['', '2024-13', '0000-01', '0000', '20240231', '2024-02-31', 'abc', '10000-02', '999999'])[1 + (random() * 8)::int] end`;

export interface Differing {
  readonly seed: number;
  readonly text: string;
  readonly because: string;
}

/** Every template with rows of each seed. A seed gives the same rows again. `spoil`: what a text becomes before it is compared; those that it leaves as they are are left out. */
export async function differing(
  client: pg.Client,
  seeds: readonly number[],
  spoil: ((text: string) => string) | null = null,
): Promise<{ readonly compared: number; readonly differing: readonly Differing[] }> {
  const found: Differing[] = [];
  let equal = 0;
  const made = new Map<Template, string>();
  for (const each of templates) {
    const constants = new Map(Object.entries(each.constants ?? {}).map(([place, value]) => [Number(place), value]));
    const texts = await madeOf(client, each.text, { types: each.types ?? [], constants });
    const after = typeof texts === 'string' ? undefined : texts.get(each.rule);
    if (after === undefined) throw new Error(`${each.rule} makes nothing of ${each.text}: ${typeof texts === 'string' ? texts : [...texts.keys()].join()}`);
    const text = spoil === null ? after : spoil(after);
    if (spoil === null || text !== after) made.set(each, text);
  }
  for (const seed of seeds) {
    await client.query(`select setseed(${seed / 1000}); ${['a', 'b', 'c'].map(fill).join('; ')}`);
    await client.query(`set timezone = '${['UTC', ...TIME_ZONES][seed % (TIME_ZONES.length + 1)]}'`);
    for (const [each, after] of made) {
      const { types = [], constants = {} } = each;
      const drawn = types.map((type, place) =>
        constants[place + 1] === undefined ? maybe(type === 'text' ? textOf(constants[1]) : (values[type] ?? 'null')) : `'${constants[place + 1]}'`,
      );
      const { rows } =
        types.length === 0
          ? { rows: [[]] }
          : await client.query<(string | null)[]>({ text: `select ${drawn.join(', ')} from generate_series(1, 3)`, rowMode: 'array' });
      const answer = await compared(client, { before: each.text, after, types, values: rows }, { isOrdered: each.isOrdered === true, hangsOnTimeZone: false });
      if (answer.kind === 'equal') equal += 1;
      else if (!answer.because.startsWith('no set of values gives a row')) found.push({ seed, text: each.text, because: answer.because });
    }
  }
  return { compared: equal, differing: found };
}
