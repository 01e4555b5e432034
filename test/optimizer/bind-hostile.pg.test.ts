/** Names, tables and statements that nobody wrote binding for. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { bindStatements } from '../../activities/optimizer/bind/bind.ts';
import { workloadFromFiles } from '../../activities/optimizer/workload/files.ts';
import { literal } from '../../activities/pg.ts';
import type { Bound, Statement } from '../../domain/optimizer/model.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testFolder } from '../backup/evidence-support.ts';
import { boundIn, session, statementsCluster, workloadOf } from './statements-server.ts';

let cluster: EmbeddedCluster;
const long = 'ü'.repeat(31);

beforeAll(async () => {
  cluster = await statementsCluster({ 'pg_stat_statements.track': 'all' });
  await cluster.sql(`
    create table plain (id int primary key, name text, state text, born date, code char(3), small smallint);
    insert into plain select n, 'name ' || n, case when n % 10 = 0 then 'rare' else 'usual' end, date '2000-01-01' + n, 'abc', n % 30000 from generate_series(1, 3000) n;
    insert into plain values (5000, 'o''brien "\\ {x}', 'usual', null, 'x', 1);
    create schema "My ""App"".x"; create table "My ""App"".x"."Mixed Case" ("Spalte.""ß""" int, "select" text);
    insert into "My ""App"".x"."Mixed Case" select n, 'v' || n from generate_series(1, 100) n;
    create table "${long}" ("${long}" int);
    create materialized view kept as select * from plain;
    create table parts (id int, at timestamptz not null, kind text) partition by range (at);
    create table parts_a partition of parts for values from ('2020-01-01') to ('2024-01-01');
    create table parts_b partition of parts for values from ('2024-01-01') to ('2030-01-01');
    insert into parts select n, timestamptz '2022-01-01' + n * interval '1 day', 'k' || n % 3 from generate_series(1, 1500) n;
    create extension postgres_fdw; create server elsewhere foreign data wrapper postgres_fdw options (host '/nowhere');
    create user mapping for postgres server elsewhere; create foreign table remote (id int) server elsewhere;
    create schema tenant; create table tenant.only_there (id int, mood text); create type tenant.mood as enum ('good', 'bad');
    create function tenant.twice(int) returns int language sql immutable as 'select $1 * 2';
    create schema t1; create table t1.everywhere (id int); create schema t2; create table t2.everywhere (id int);
    create schema favourite; create table favourite.chosen (id int); create schema other; create table other.chosen (id int);
    create role application; alter role application set search_path = favourite, public;
    create function counted(wanted int) returns bigint language plpgsql as 'declare n bigint; begin select count(*) into n from plain where id > wanted; return n; end';
    create table watched (id int, label text);
    create function on_watched() returns trigger language plpgsql as 'declare kind text := ''rare''; begin update plain set name = new.label where id = new.id and state = kind; return new; end';
    create trigger watch after insert on watched for each row execute function on_watched();
    create table child (id int primary key, plain_id int references plain (id), rank int unique); insert into child select n, n, n from generate_series(1, 500) n;
    create table bare (id int, label text);
    create table kept_once (a int, b text, state text, is_gone boolean); create unique index on kept_once (coalesce(a, -7), lower(b));
    create unique index on kept_once (a) where state < 'm' and not is_gone; create unique index on kept_once (b) where is_gone = false; create unique index on kept_once (coalesce(a, 5));
    create table tenants (tenant int, "St""ate" text, at int) partition by list (tenant); create table tenants_1 partition of tenants default;
    insert into tenants select n % 20, case when n % 20 < 5 then 'open' else 'shut ' || n % 20 end, n from generate_series(1, 4000) n;
    create view shown as select id as nr, name from plain where state = 'usual';
    create view deeper (key, title) as with s as (select * from shown) select s.nr, upper(s.name) from s left join child on child.id = s.nr union all select 0, 'x';
    create view far as select * from remote;
    analyze`);
});

async function ran(sql: string) {
  const workload = await workloadOf(cluster, () => session(cluster, 'postgres', (client) => client.query(sql)));
  return boundIn(cluster, 'postgres', { workload });
}

const statement = (text: string, over: Partial<Statement> = {}): Statement => ({
  id: '1',
  database: 'postgres',
  text,
  kind: 'select',
  calls: 1,
  totalMs: 1,
  rows: 1,
  blocks: 1,
  tempBlocks: 0,
  walBytes: 0,
  ...over,
});

const bind = (text: string, over: Partial<Statement> = {}) =>
  session(cluster, 'postgres', (client) => bindStatements(client, [statement(text, over)], { maxBindings: 4 }));

const values = ({ bindings }: Bound) => Object.fromEntries(bindings.map((one) => [one.case, one.values]));

describe('values come from the column', () => {
  test('a skewed one: common, rare, absent', async () => {
    const { bound } = await bind('select * from plain where state = $1');
    expect(values(bound[0] as Bound)).toEqual({ common: ['usual'], quantile: ['rare'], absent: ['assay-absent-0'] });
  });

  test.each<[string, (rows: number) => boolean]>([
    ['select * from plain where id = $1', (rows) => rows === 1],
    ['select * from plain p where p.name = $1', (rows) => rows === 1],
    ['select * from (select id as x from plain) q where q.x = $1', (rows) => rows === 1],
    ['with w as (select * from plain) select * from w where id = $1', (rows) => rows === 1],
    ['select * from plain a join child b on b.plain_id = a.id where b.rank = $1', (rows) => rows === 1],
    ['select * from plain where id in (select plain_id from child where rank = $1)', (rows) => rows === 1],
    ['select * from plain where exists (select from child where plain_id = plain.id and rank = $1)', (rows) => rows === 1],
    ['select * from "My ""App"".x"."Mixed Case" where "Spalte.""ß""" = $1', (rows) => rows === 1],
    ['select * from shown where nr = $1', (rows) => rows === 1],
    ['select * from kept where id = $1', (rows) => rows === 1],
    ['select * from deeper as d (a, b) where a between $1 and $2', (rows) => rows > 200 && rows < 400],
    ['select * from plain where id = any ($1)', (rows) => rows === 3],
    ['select * from plain where id in ($1 /*, ... */)', (rows) => rows === 3],
    ['select * from plain where id between $1 and $2', (rows) => rows > 200 && rows < 400],
    ['select * from plain where id >= $1 and id < $2', (rows) => rows > 200 && rows < 400],
    ['select * from plain where born > $1', (rows) => rows > 200 && rows < 400],
    ['select * from plain where $1 > born', (rows) => rows > 200 && rows < 400],
    ['select * from plain where name like $1', (rows) => rows === 3000],
    ['select * from plain where lower(name) = $1', (rows) => rows === 1],
    ['select * from plain order by id limit $1 offset $2', (rows) => rows === 20],
    ['select * from parts where at > $1', (rows) => rows > 100 && rows < 200],
    ['select * from parts where kind = $1', (rows) => rows === 500],
    ['delete from plain where id = $1 returning *', (rows) => rows === 1],
    ['update plain set name = $1 where id = $2 returning *', (rows) => rows === 1],
    ['insert into plain (id, name, state) values ($1, $2, $3), ($4, $5, $6) returning *', (rows) => rows === 2],
    ['insert into child values ($1, $2, $3) returning *', (rows) => rows === 1],
  ])('%s, executed with its first binding, finds what it should', async (text, isRight) => {
    const { bound, notJudged } = await bind(text);
    expect(notJudged).toEqual([]);
    const [{ text: sql, bindings }] = bound as [Bound];
    const found = await session(cluster, 'postgres', async (client) => {
      await client.query(`begin; prepare p as ${sql}`);
      const row = bindings[0]?.values.map((value) => (value === null ? 'null' : literal(value))).join(', ');
      return (await client.query(`execute p(${row})`)).rows.length;
    });
    expect(found).toSatisfy(isRight);
  });

  test('columns that must be equal at once take values that occur together', async () => {
    const { bound } = await bind('select * from tenants where "St""ate" = $1 and tenant = $2 and at > $3');
    const found = (bound[0] as Bound).bindings.filter((one) => one.case !== 'absent').map((one) => one.values as string[]);
    expect(found).toHaveLength(3);
    for (const [state, tenant] of found) expect(state === 'open' ? Number(tenant) < 5 : state === `shut ${tenant}`).toBe(true);
  });

  test('an absent value is in no row', async () => {
    for (const column of ['id', 'name', 'state', 'born', 'small']) {
      const { bound } = await bind(`select * from plain where ${column} = $1`);
      const absent = values(bound[0] as Bound).absent?.[0] as string;
      const rows = await session(cluster, 'postgres', async (client) => (await client.query(`select from plain where ${column}::text = $1`, [absent])).rows);
      expect(rows).toEqual([]);
    }
  });

  test('a table never analysed gets a value of its type', async () => {
    await cluster.sql('create table fresh (id int, label text)');
    const { bound } = await bind('select * from fresh where id = $1 and label = $2');
    expect(bound[0]?.bindings).toEqual([{ source: 'synthetic', case: 'common', values: ['1', 'a'] }]);
  });

  test('a type without values leaves the generic plan', async () => {
    const { bound } = await bind('select * from plain where tsvector(name) = $1');
    expect(bound[0]?.bindings).toEqual([{ source: 'generic', case: 'generic', values: [null] }]);
  });

  test('a statement without parameters is what ran', async () => {
    const { bound } = await bind('select count(*) from plain');
    expect(bound[0]?.bindings).toEqual([{ source: 'captured', case: 'captured', values: [] }]);
  });
});

describe('whatever it is, a bound form or a reason', () => {
  test.each([
    `select "Spalte.""ß""", "select" from "My ""App"".x"."Mixed Case" where "Spalte.""ß""" = 5`,
    `select "${long}" from "${long}" where "${long}" = 5`,
    `select * from shown where nr = 5 and name = 'x'`,
    `select * from kept where id = 5`,
    `insert into kept_once (a, b) values (1, 'x') on conflict (coalesce(a, -7), lower(b)) do update set b = 'y'`,
    `insert into kept_once (a, b, state) values (2, 'x', 'z') on conflict (a) where state < 'm' and not is_gone do nothing`,
    `insert into kept_once (a, b) values (3, 'x') on conflict (b) where is_gone = false do nothing`,
    `insert into kept_once (a, b) values (4, 'x') on conflict (coalesce(a, 5)) do nothing`,
    `select * from parts where at > '2023-01-01' and id = 5`,
    `select * from parts_a where id = 5`,
    `set search_path = tenant; select * from only_there where mood = 'x' and twice(id) = 4 and 'good'::mood = 'bad'`,
  ])('%s', async (sql) => {
    const { bound, notJudged } = await ran(sql);
    expect(notJudged).toEqual([]);
    expect(bound).toHaveLength(1);
  });

  test.each([
    ['select * from remote where id = $1', 'no-plan', /foreign table remote/],
    ['select * from far', 'no-plan', /foreign table remote/],
    ['select * from nowhere where id = $1', 'object-gone', /relation "nowhere" does not exist/],
    ['select missing from plain where id = $1', 'object-gone', /column "missing" does not exist/],
    ['select * from everywhere where id = $1', 'object-gone', /relation "everywhere" does not exist/],
    ['select * from plain where id = $1; drop table plain', 'no-plan', /cannot insert multiple commands/],
    ['select * from plain where', 'no-plan', /syntax error/],
    ['select * from plain where name = $1::nosuchtype', 'object-gone', /type "nosuchtype" does not exist/],
  ])('%s: %s', async (text, reason, detail) => {
    expect((await bind(text)).notJudged).toEqual([{ statement: '1', reason, detail: expect.stringMatching(detail) }]);
  });

  test('a name in several schemas is the one of a role’s search_path', async () => {
    expect((await bind('select * from chosen where id = $1')).bound[0]?.text).toBe('select * from "favourite".chosen where id = $1');
  });

  test('another database is left alone', async () => {
    expect((await bind('select 1', { database: 'elsewhere' })).notJudged).toEqual([{ statement: '1', reason: 'other-database', detail: 'elsewhere' }]);
  });

  test('statements of functions are planned with parameters for their variables', async () => {
    const { bound, notJudged } = await ran(`select counted(5); insert into watched values (7, 'x')`);
    expect(notJudged).toEqual([]);
    expect(bound.map(({ text, parameterTypes }) => [text.replaceAll(/\s+/g, ' '), parameterTypes]).sort()).toEqual([
      ['insert into watched values ($1, $2)', ['integer', 'text']],
      ['select count(*) from plain where id > $1', ['integer']],
      ['select counted($1)', ['integer']],
      ['update plain set name = $3 where id = $1 and state = $2', ['integer', 'text', 'text']],
    ]);
  });

  test('sent by a client, an unknown column stays unknown', async () => {
    expect((await bind('select * from plain where id > wanted')).notJudged).toMatchObject([
      { reason: 'object-gone', detail: expect.stringContaining('"wanted"') },
    ]);
  });

  test('nothing stays behind: no prepared statement, no setting, no row', async () => {
    await session(cluster, 'postgres', async (client) => {
      const state = async () =>
        (
          await client.query(
            `select (select count(*) from pg_prepared_statements), current_setting('lc_messages'), current_setting('plan_cache_mode'), (select count(*) from plain)`,
          )
        ).rows;
      const before = await state();
      await bindStatements(client, [statement('delete from plain where id > $1'), statement('select broken from'), statement('select counted($1)')], {
        maxBindings: 4,
      });
      expect(await state()).toEqual(before);
    });
  });
});

test('values that files hold give the plan of the statement as it was written', async () => {
  const sqls = [
    `select state, count(*) from plain where born between '2003-01-01' and date '2004-01-01' + 5 and name like 'name 1%' group by 1`,
    `select sum(case when state = 'rare' then 1 else 0 end) / 100.0 from plain where id > 100 and small < 50 limit 5`,
    `select date_trunc('month', born), count(*) from plain where extract(year from born) = 2003 group by date_trunc('month', born) having count(*) > 1`,
    `select * from plain where name = 'o''brien "\\ {x}' or (id, state) in ((1, 'usual'), (2, 'rare')) or born > now() - interval '90' day`,
    `select substring(name from 1 for 2) from plain where id in (1, 2, 3, -5) order by 1 fetch first 3 rows only`,
  ];
  const file = join(testFolder(), 'workload.sql');
  writeFileSync(file, sqls.join(';\n'));
  const { statements, captured } = await workloadFromFiles([file], 'postgres');
  await session(cluster, 'postgres', async (client) => {
    const { bound } = await bindStatements(client, statements, { maxBindings: 1, captured });
    expect(bound).toHaveLength(sqls.length);
    for (const [index, { text, bindings }] of bound.entries()) {
      const cost = async (sql: string) => (await client.query(`explain (format json) ${sql}`)).rows[0]['QUERY PLAN'][0].Plan['Total Cost'];
      await client.query(`set plan_cache_mode = force_custom_plan; prepare p as ${text}`);
      const planned = await cost(`execute p(${bindings[0]?.values.map((value) => literal(value as string)).join(', ')})`);
      await client.query('deallocate p');
      expect(bindings[0]?.source).toBe('captured');
      expect(planned).toBe(await cost(sqls[index] as string));
    }
  });
});
