import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BindingPlan, explainBound } from '../../activities/optimizer/explain.ts';
import type { Bound } from '../../domain/optimizer/model.ts';
import { testCluster } from '../support/cluster.ts';
import { boundOf, openSession } from './explain-support.ts';

let client: pg.Client;

beforeAll(async () => {
  client = await openSession(await testCluster({ stanzaCreate: false }));
  await client.query(`create table "Ödd""s, table" (id int primary key, "e-mail" text, tags text[], price numeric);
    insert into "Ödd""s, table" select n, 'person' || n || '@example.org', array['a', 'b'], -n from generate_series(1, 2000) n;
    create type "my mood" as enum ('good', 'it''s "bad"');
    create table moods (mood "my mood"); insert into moods values ('it''s "bad"');
    create sequence counted;
    create table archive (id int); create rule "keep" as on delete to moods do also insert into archive values (1);
    create function loud(int) returns int language plpgsql as $$ begin raise exception 'secret-%', $1; end $$;
    analyze`);
});

afterAll(() => client.end());

const measured = { analyze: true, timeoutMs: 10_000 };
const estimated = { analyze: false, timeoutMs: 10_000 };

const roots = (plans: readonly BindingPlan[]) => plans.map((plan) => (plan.kind === 'planned' ? plan.explained[0].root : null));

async function preparedNames(): Promise<number> {
  return (await client.query('select from pg_prepared_statements')).rows.length;
}

test('each binding gets its own plan, in order, with the relation and its schema', async () => {
  const plans = await explainBound(client, boundOf('select * from "Ödd""s, table" where id < $1', ['integer'], ['3'], ['1999']), measured);
  expect(roots(plans).map((root) => root?.actual?.rows)).toEqual([2, 1998]);
  expect(roots(plans).map((root) => root?.type)).toEqual(['Index Scan', 'Seq Scan']);
  expect(roots(plans)[0]?.relation).toEqual({ schema: 'public', relation: 'Ödd"s, table' });
  expect(await preparedNames()).toBe(0);
});

test('without ANALYZE nothing is executed', async () => {
  const [plan] = await explainBound(client, boundOf("select nextval('counted'), loud($1)", ['integer'], ['1']), estimated);
  expect(plan?.kind).toBe('planned');
  expect(roots([plan as BindingPlan])[0]?.actual).toBeNull();
  expect((await client.query('select is_called from counted')).rows[0].is_called).toBe(false);
});

test('what a statement writes is rolled back, and measured', async () => {
  const update = boundOf('update "Ödd""s, table" set price = $1 where id < $2', ['numeric', 'integer'], ['9.5', '500'], ['9.5', '1500']);
  const plans = await explainBound(client, update, measured);
  expect(roots(plans).map((root) => root?.type)).toEqual(['ModifyTable', 'ModifyTable']);
  expect(roots(plans)[1]?.walBytes).toBeGreaterThan(0);
  expect((await client.query('select count(*)::int as n from "Ödd""s, table" where price > 0')).rows[0].n).toBe(0);
});

test.each([
  ['text with quotes and backslashes', '"e-mail" = $1', 'text', `it's \\ "odd" $1 -- ; drop`],
  ['an array', 'tags @> $1', 'text[]', '{a,"x y"}'],
  ['a negative number', 'price = $1', 'numeric', '-7'],
  ['null', '"e-mail" = $1', 'text', null],
])('binds %s', async (_what, condition, type, value) => {
  const [plan] = await explainBound(client, boundOf(`select 1 from "Ödd""s, table" where ${condition}`, [type], [value]), measured);
  expect(plan?.kind).toBe('planned');
});

test('binds a type whose name needs quotes', async () => {
  const [plan] = await explainBound(client, boundOf('select 1 from moods where mood = $1', ['"my mood"'], [`it's "bad"`]), measured);
  expect(roots([plan as BindingPlan])[0]?.actual?.rows).toBe(1);
});

test('values of a binding are nowhere in its plan', async () => {
  const bound = boundOf(
    'select price + $3 from "Ödd""s, table" where "e-mail" = $1 and id = any($2) order by id + $3',
    ['text', 'integer[]', 'integer'],
    ['private@example.org', '{770077,880088}', '660066'],
  );
  for (const options of [measured, estimated]) {
    const text = JSON.stringify((await explainBound(client, bound, options)).map((plan) => plan.kind === 'planned' && plan.explained));
    expect(text).toContain('e-mail');
    for (const secret of ['private', '770077', '880088', '660066']) expect(text).not.toContain(secret);
  }
});

test('a generic binding gets the generic plan, values a custom one', async () => {
  const { statement, ...rest } = boundOf('select * from "Ödd""s, table" where id < $1', ['integer'], ['3']);
  const bound: Bound = { statement, ...rest, bindings: [{ source: 'generic', case: 'generic', values: [null] }, ...rest.bindings] };
  const [generic, custom] = roots(await explainBound(client, bound, estimated));
  // a third of the table, as PostgreSQL guesses an unknown range
  expect(generic?.estimate.rows).toBeGreaterThan(600);
  expect(generic?.expressions[0]?.text).toContain('$1');
  expect(custom?.estimate.rows).toBeLessThan(10);
});

test('a rule that makes two statements of one gives two plans', async () => {
  const [plan] = await explainBound(client, boundOf('delete from moods', [], []), measured);
  expect(plan?.kind === 'planned' && plan.explained.length).toBe(2);
  expect((await client.query('select count(*)::int as n from moods')).rows[0].n).toBe(1);
});

test.each([
  ['no-plan', 'select * from nowhere', 'PostgreSQL error 42P01: relation … does not exist'],
  ['no-plan', 'select 1; drop table moods', 'PostgreSQL error 42601: cannot insert multiple commands into a prepared statement'],
  ['failed-on-lab', 'select loud(id) from "Ödd""s, table"', 'PostgreSQL error P0001: raised by a function of the database, whose words may hold values'],
])('%s: %s', async (reason, text, detail) => {
  const plans = await explainBound(client, boundOf(text, [], [], []), measured);
  expect(plans).toMatchObject([
    { kind: 'not-planned', reason, detail },
    { kind: 'not-planned', reason, detail },
  ]);
  expect(await preparedNames()).toBe(0);
  expect((await client.query('select 1 as alive from moods')).rows).toEqual([{ alive: 1 }]);
});

test('a value that does not fit its type fails alone, and is not quoted', async () => {
  const [bad, good] = await explainBound(client, boundOf('select * from "Ödd""s, table" where id = $1', ['integer'], ['secret'], ['1']), measured);
  expect(bad).toMatchObject({ kind: 'not-planned', reason: 'failed-on-lab', detail: 'PostgreSQL error 22P02: invalid input syntax for type integer' });
  expect(good?.kind).toBe('planned');
});

test('a statement that takes too long is ended, the next binding still runs', async () => {
  const bound = boundOf('select pg_sleep($1)', ['double precision'], ['60'], ['0']);
  const plans = await explainBound(client, bound, { analyze: true, timeoutMs: 200 });
  expect(plans).toMatchObject([{ kind: 'not-planned', reason: 'too-slow-on-lab' }, { kind: 'planned' }]);
  expect((await client.query('show statement_timeout')).rows[0].statement_timeout).toBe('0');
});

test('a server that goes away is thrown, not answered', async () => {
  const cluster = await testCluster({ stanzaCreate: false });
  const doomed = await openSession(cluster);
  doomed.on('error', () => {});
  const ended = explainBound(doomed, boundOf('select pg_sleep(60)', [], []), { analyze: true, timeoutMs: 60_000 });
  const thrown = expect(ended).rejects.toThrow();
  await cluster.sql(`select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`);
  await thrown;
});
