/** Statements are really run with their constants; what pg_stat_statements made of them must get a plan again. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Bound } from '../../domain/optimizer/model.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { boundIn, session, statementsCluster, workloadOf } from './statements-server.ts';

let cluster: EmbeddedCluster;

beforeAll(async () => {
  cluster = await statementsCluster();
  await cluster.sql(
    `
    create type mood as enum ('sad', 'happy');
    create domain positive as int check (value > 0);
    create table item (id int primary key, name varchar(40) not null, state text, feeling mood, price numeric(10, 2), made timestamptz, day date, doc jsonb, tags text[],
      part uuid, is_open bool, amount positive, span interval, parent int references item (id));
    insert into item select n, 'name ' || n, (array['new', 'new', 'new', 'new', 'done'])[1 + n % 5], (array['sad', 'happy'])[1 + n % 2]::mood, n, now() - n * interval '1 hour',
      current_date - n, jsonb_build_object('a', n), array['x', 'y'], gen_random_uuid(), n % 2 = 0, 1 + n % 7, n * interval '1 minute', null from generate_series(1, 2000) n;
    analyze item;
    create schema "Other"; create table "Other"."Tabelle Ü" ("Spalte ""Q""" int, "x" int); insert into "Other"."Tabelle Ü" values (1, 1), (2, 1);
    create schema hidden; create table hidden.secret (id int, kind hidden_kind_placeholder) `.replace('hidden_kind_placeholder', 'text'),
  );
});

async function bindOnly(sql: string): Promise<{ bound: readonly Bound[]; refused: unknown }> {
  const workload = await workloadOf(cluster, () => session(cluster, 'postgres', (client) => client.query(sql)));
  const { bound, notJudged } = await boundIn(cluster, 'postgres', { workload });
  return { bound, refused: [...notJudged, ...workload.notJudged.filter(({ reason }) => reason !== 'own-statement' && reason !== 'catalogue-only')] };
}

describe('forms that pg_stat_statements writes and PREPARE refuses', () => {
  test.each([
    `select now() - interval '1 day'`,
    `select now() - interval '3' day, interval '1 2:03' day to second(2), interval(3) '1 second'`,
    `select date '2024-01-01' + 1, timestamp with time zone '2024-01-01 00:00+00', time '10:00', timestamp(3) '2024-01-01'`,
    `select point '(1,2)', int '7', double precision '1.5', bit '101', "char" 'x', bpchar 'x', national character 'x'`,
    `select extract(epoch from made), extract(year from made) from item where id = 5`,
    `select extract(month from made), count(*) from item group by extract(month from made)`,
    `select date_trunc('day', made), count(*) from item group by date_trunc('day', made)`,
    `select date_trunc('day', made) as d, count(*) from item group by d order by date_trunc('day', made)`,
    `select date_trunc('day', made), date_trunc('day', made) + interval '1 day', count(*) from item group by 1`,
    `select coalesce(state, 'none'), count(*) from item group by coalesce(state, 'none') having coalesce(state, 'none') > 'a'`,
    `select case when price > 10 then 'high' else 'low' end, count(*) from item group by case when price > 10 then 'high' else 'low' end`,
    `select distinct date_trunc('day', made) from item order by date_trunc('day', made)`,
    `select sum(case when state = 'done' then 1 else 0 end) from item`,
    `select sum(case when state = 'done' then 1.5 else 0 end) / 2 from item`,
    `select avg(case state when 'new' then 1 when 'done' then 2 end) from item`,
    `select 1 + 1, 2 * 3 - 4, -5, 1.5 + 2`,
    `select * from generate_series(1, 10)`,
    `select * from generate_series(timestamp '2024-01-01', '2024-01-03', '1 day') as g`,
    `select * from item join (values (1, 'a'), (2, 'b')) as v (id, label) on v.id = item.id`,
    `select * from item where id in (select 1 union all select 2)`,
    `select * from (select 5 as wanted) q join item on item.id = q.wanted`,
    `with w as (select 5 as wanted, true as yes) select * from w join item on item.id = w.wanted and item.is_open = w.yes`,
    `select * from item where id = any (array[1, 2, 3])`,
    `select * from item where id = any ('{1,2,3}'::int[])`,
    `select * from item where id in (1, 2, 3) and state not in ('x', 'y')`,
    `select jsonb_build_object('a', 1, 'b', 'x'), concat('a', 1), format('%s', 'x'), json_build_array(1, 'a'), row(1, 'a')`,
    `select * from item where doc ->> 'a' = '5' and doc @> '{"a": 5}' and doc ? 'a' and doc #>> '{a}' = '5'`,
    `select doc -> 'a', doc['a'], (doc ->> 'a')::int + 1 from item where (doc ->> 'a')::int between 3 and 9`,
    `select substring(name from 1 for 3), substring(name, 2, 2), left(name, 2), position('a' in name), overlay(name placing 'x' from 1), trim(both ' ' from name) from item limit 1`,
    `select * from item where name like 'name 1%' and name ilike '%2' escape '!' and name ~ '^name' and name similar to 'n%'`,
    `select * from item where (id, state) in ((1, 'new'), (2, 'done')) or (id, state) > (1999, 'new')`,
    `select * from item where made between now() - interval '2 days' and now() order by made desc limit 10 offset 5`,
    `select * from item where made at time zone 'UTC' > '2024-01-01' and day = '2024-01-01'`,
    `select * from item where feeling = 'happy' and amount = 3 and span > '1 hour' and part = '00000000-0000-0000-0000-000000000000' and is_open = true and is_open is true`,
    `select * from item where tags @> array['x'] and 'y' = any (tags) and tags && '{x}' and array_length(tags, 1) = 2 and tags[1] = 'x'`,
    `select * from item fetch first 3 rows only`,
    `select id, row_number() over (partition by state order by made rows between 3 preceding and current row), lag(price, 1, 0) over (order by id) from item limit 2`,
    `select string_agg(name, ',' order by id), array_agg(id) filter (where price > 5), percentile_cont(0.5) within group (order by price), json_object_agg('k', 1) from item`,
    `select state, count(*) from item group by grouping sets ((state), ()) having count(*) > 1`,
    `select * from item tablesample bernoulli (10) repeatable (1)`,
    `select * from item where id = (select max(id) from item i2 where i2.price < item.price and i2.state = 'new') and exists (select 1 from item i3 where i3.parent = item.id)`,
    `with recursive t (n, path) as (select 1, array[1] union all select n + 1, path || (n + 1) from t where n < 5) select * from t`,
    `select E'a\\nb', U&'\\0041', $$dollar$$, 'a'\n'b' from item where name = E'x\\'y' limit 1`,
    `insert into item (id, name, price, feeling, tags, doc) values (90001, 'a', 1.5, 'sad', '{a}', '{}'), (90002, 'b', default, 'happy', array['b'], null) on conflict (id) do update set name = excluded.name || 'x', price = 3 where item.id > 5 returning id`,
    `insert into item (id, name) select n + 100000, 'gen ' || n from generate_series(1, 3) n where n <> 7`,
    `update item set price = price * 1.1 + 1, state = case when price > 5 then 'done' else 'new' end, made = now() - interval '5 min', (day, is_open) = ('2024-01-01', false) where id = 5`,
    `update item set doc = jsonb_set(doc, '{b}', '1'), tags = array_append(tags, 'z') from (select 7 as id) q where q.id = item.id`,
    `delete from item using (values (90001)) v (id) where item.id = v.id and item.state is null`,
    `with gone as (delete from item where id = 90002 returning *) insert into item (id, name) select id + 1, 'moved' from gone`,
    `merge into item using (select 5 as id) s on s.id = item.id when matched and item.price > 3 then update set state = 'done' when not matched then insert (id, name) values (s.id, 'x')`,
    `select "Spalte ""Q""" from "Other"."Tabelle Ü" as "Ä" where "Ä"."x" = 1 and "Spalte ""Q""" > 0`,
    `select * from item where id = 5 for update skip locked`,
    `table item limit 1`,
    `values (1, 'a'), (2, 'b')`,
    `select (row(1, 2.5)).f2, (r).f1 from (select row(5, 2) as r) q`,
    `select round(price, 1), round(price / 3, 2), greatest(price, 5), nullif(id, 0), coalesce(price, 0) + 1, id % 10, power(id, 2), width_bucket(id, 0, 100, 5) from item where abs(id) > 3 limit 1`,
    `select to_char(made, 'YYYY-MM'), count(*) from item group by to_char(made, 'YYYY-MM') order by count(*) desc, to_char(made, 'YYYY-MM')`,
    `select null, true, 'x'::text, cast('1' as int), '{}'::jsonb, '1'::numeric(5, 2), b'101', x'1f'`,
    `select * from item where id = 1 union select * from item where id = 2 order by 1 limit 5`,
    `select set_config('assay.test', 'x', false), current_setting('assay.test'), pg_relation_size('item')`,
    `select * from item where name collate "C" > 'a' and lower(state) = 'new' and md5(name) = 'x' and name || 'x' = 'y' and id::text = '5' limit 1`,
    `select count(*) from item where price > 1e2 and price < .5 and id <> -1 and not (id = 2) and (id = 3 or state is distinct from 'x')`,
    `select * from unnest(array[1, 2], array['a', 'b']) with ordinality as u (id, label, nr) join item using (id)`,
    `select * from json_to_recordset('[{"id": 1}]') as j (id int) join item using (id)`,
    `select * from jsonb_array_elements_text('["1"]') as j (v) join item on item.id = j.v::int`,
    `select xmlparse(document '<a/>'), xmlelement(name foo, 'x')`,
    `select case when id > 5 then price else 0 end, case when is_open then null else 1 end from item where case when state = 'new' then 1 else 2 end = 1`,
    `select * from item where made > '2024-01-01'::timestamptz + '1 day' and made > now() - 5 * interval '1 minute'`,
    `select array[1, 2] || 3, array[[1], [2]], array_position(array['a'], 'a'), '{1,2}'::int[] || array[3]`,
    `select grouping(state), coalesce(state, 'total'), sum(price) from item group by rollup (state) order by 1, 2`,
    `select 'a' || 'b', 'x' = 'y', 1 = 1, 1 < 2 and true`,
  ])('%s', async (sql) => {
    const { bound, refused } = await bindOnly(sql);
    expect(refused).toEqual([]);
    expect(bound).toHaveLength(1);
  });
});
