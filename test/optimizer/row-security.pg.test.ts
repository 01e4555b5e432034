/** Statements of roles that row level security hides rows from: planned, searched and measured as those roles, or not at all. */
import { describe, expect, test } from 'vitest';
import { bindStatements } from '../../activities/optimizer/bind/bind.ts';
import { explainBound } from '../../activities/optimizer/explain.ts';
import { connect } from '../../activities/pg.ts';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import type { Bound, RunAs, Statement } from '../../domain/optimizer/model.ts';
import { useSteps } from './steps-support.ts';

const bench = useSteps(async (cluster) => {
  await cluster.sql(`create extension hypopg;
    create role app; create role owning; create role bypassing bypassrls; create role settled; create role blind; alter role settled set app.tenant = '7';
    create table letter (id int primary key, tenant int not null, email text not null, pad text);
    insert into letter select n, n % 200, 'u' || n || '@example.org', repeat('x', 60) from generate_series(1, 20000) n; create index on letter (tenant);
    create table bill (id int primary key, tenant int not null, pad text not null);
    insert into bill select n, n % 200, repeat('x', 120) || n from generate_series(1, 20000) n;
    alter table letter owner to owning; alter table letter enable row level security; alter table bill enable row level security;
    create policy by_tenant on letter using (tenant = current_setting('app.tenant')::int);
    create policy by_tenant on bill using (tenant = current_setting('app.tenant')::int);
    grant select on letter, bill to app, bypassing, settled; grant insert, update on bill to app`);
  await cluster.sql(`create schema auth; create table member (who uuid not null, team int not null);
    insert into member select md5(n::text)::uuid, n from generate_series(0, 49) n;
    create function auth.uid() returns uuid language sql stable as $$ select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
      (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid $$;
    create function auth.role() returns text language sql stable as $$ select current_setting('request.jwt.claims', true)::jsonb ->> 'role' $$;
    create table note (id int primary key, team int not null, body text);
    insert into note select n, n % 50, repeat('x', 40) from generate_series(1, 5000) n; alter table note enable row level security;
    create policy of_team on note using (auth.role() = 'authenticated' and team in (select team from member where who = (select auth.uid())));
    create table sealed (id int primary key, tenant int, body text); insert into sealed select n, n % 10 from generate_series(1, 2000) n;
    alter table sealed enable row level security; create policy sealed on sealed using (md5(tenant || 'salt') = current_setting('app.key', true));
    create table own (id int primary key, who name, body text); insert into own select n, 'app' from generate_series(1, 100) n;
    alter table own enable row level security; create policy own on own using (who = current_user);
    create view notes as select * from note; grant usage on schema auth to app; grant select on note, member, sealed, own, notes to app`);
  await cluster.sql('vacuum analyze');
});

let number = 0;
const counts = { kind: 'select', calls: 20, totalMs: 100, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 } as const;

async function asked(text: string, roles: readonly string[]) {
  number += 1;
  const run = `l-${number}`;
  const statements: Statement[] = [{ id: run, database: 'postgres', text, ...counts, roles }];
  return { ...(await bench.begin(run, statements)), limits: limitsOf({ repeats: 3, searchMs: 1_500 }) };
}

/** The whole way of a run, in short: which index is recommended, and what people are told. */
async function recommended(text: string, role: string) {
  const on = await asked(text, [role]);
  const { sets, bound, notices } = await bench.steps.searchSets(on);
  if (sets > 0) await bench.steps.settleFinalist({ ...on, finalist: sets - 1, experiment: `e-${on.run}`, recommendation: `r-${on.run}` });
  const made = await bench.store.findRecommendation(`r-${on.run}`);
  return { bound, notices, indexes: (made?.indexes ?? []).map(({ sql }) => sql.replace(/^.* USING /, '')) };
}

describe('an index that', () => {
  test('serves a superuser, and not a role whose rows must be filtered first, is recommended to the one only', async () => {
    const text = 'select * from letter where lower(email) = $1';
    expect((await recommended(text, 'postgres')).indexes).toEqual(['btree (("lower"("email")));']);
    const app = await recommended(text, 'app');
    expect(app).toMatchObject({ bound: 1, indexes: [] });
    expect(app.notices).toEqual([
      'public.letter has row level security: what app ran runs on the lab as app, with values for app.tenant that lead to rows, and others made up to go with them',
    ]);
  }, 60_000);

  test('serves the policy is recommended where a role meets it, and not to a superuser', async () => {
    const text = 'select count(pad) from bill';
    expect((await recommended(text, 'postgres')).indexes).toEqual([]);
    expect((await recommended(text, 'app')).indexes).toEqual(['btree ("tenant");']);
  }, 60_000);
});

async function boundFor(text: string, roles: readonly string[], captured?: readonly (string | null)[]) {
  const client = await connect(bench.cluster.policy().connection, () => '', { settings: { row_security: 'off' } });
  try {
    const statement: Statement = { id: 's', database: 'postgres', text, ...counts, roles };
    const sent = captured === undefined ? {} : { captured: new Map([['s', [{ values: captured, types: captured.map(() => null) }]]]) };
    const { bound, notJudged } = await bindStatements(client, [statement], { maxBindings: 3, asWhoRan: true, ...sent });
    const plans = bound[0] === undefined ? [] : await explainBound(client, bound[0], { analyze: true, timeoutMs: 10_000 });
    const { rows } = await client.query('select current_user as who, session_user as session');
    expect(rows).toEqual([{ who: 'postgres', session: 'postgres' }]);
    return { bound: bound[0] as Bound, sessions: (bound[0]?.bindings ?? []).map(({ as }) => as as RunAs), refused: notJudged[0], plans };
  } finally {
    await client.end();
  }
}

describe('as whom a statement runs', () => {
  test('with tenants that have rows, and values that these have', async () => {
    const { bound, sessions } = await boundFor('select pad from bill where id = $1', ['app']);
    expect(bound.guards).toEqual([{ table: { schema: 'public', relation: 'bill' }, condition: expect.stringContaining('current_setting') }]);
    expect(new Set(sessions.map(({ settings }) => settings['app.tenant'])).size).toBe(3);
    for (const { as, values, case: which } of bound.bindings) {
      if (which !== 'absent') expect(Number(values[0]) % 200).toBe(Number(as?.settings['app.tenant']));
    }
  });

  test.each([
    ['insert into bill (id, tenant, pad) values ($1, $2, $3)', 1],
    ['update bill set pad = $1, tenant = $2 where id = $3', 1],
    ['select pad from bill where tenant = $1 and id > $2', 0],
  ])('what is written and asked for is the tenant’s own: %s', async (text, place) => {
    const { bound, plans } = await boundFor(text, ['app']);
    for (const { as, values } of bound.bindings) expect(values[place]).toBe(as?.settings['app.tenant']);
    // executed, with the policy's check of what is written
    expect(plans.map(({ kind }) => kind)).toEqual(['planned', 'planned', 'planned']);
  });

  test('values that were really sent are used where it is known whose session it was', async () => {
    const sources = async (role: string) => (await boundFor('select pad from bill where id = $1', [role], ['4711'])).bound.bindings.map(({ source }) => source);
    expect(await sources('settled')).toContain('captured');
    expect(await sources('app')).toEqual(['synthetic', 'synthetic', 'synthetic']);
    const { bound } = await boundFor('select count(pad) from bill', ['app']);
    expect(bound.bindings.map(({ source }) => source)).toEqual(['synthetic', 'synthetic', 'synthetic']);
  });

  test('with claims of a token, through functions and a table of members', async () => {
    const { sessions } = await boundFor('select body from note where id = $1', ['app']);
    const claims = sessions.map(({ settings }) => JSON.parse(settings['request.jwt.claims'] as string) as Record<string, string>);
    expect(claims).toHaveLength(3);
    for (const { sub, role } of claims) expect([sub, role]).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), 'authenticated']);
  });

  test.each([
    ['owning', 'select id from letter where id = $1', {}],
    ['bypassing', 'select id from letter where id = $1', {}],
    ['settled', 'select id from letter where id = $1', { 'app.tenant': '7' }],
    ['app', 'select id from own where id = $1', {}],
    // a view reads as its owner
    ['app', 'select id from notes where id = $1', {}],
    ['app', 'select team from member where team = $1', {}],
  ])('%s, %s', async (role, text, settings) => {
    const { sessions, refused } = await boundFor(text, [role]);
    expect(refused).toBeUndefined();
    expect(sessions).toEqual(sessions.map(() => ({ role, settings })));
    expect(sessions.length).toBeGreaterThan(0);
  });

  test('several roles each in turn, a superuser among them', async () => {
    const { sessions } = await boundFor('select pad from bill where id = $1', ['postgres', 'settled']);
    expect(sessions.map((as) => as?.role)).toEqual([undefined, 'settled', undefined]);
  });
});

describe('no verdict, and why', () => {
  test.each([
    [
      ['app'],
      'select id from sealed where id = $1',
      'public.sealed has row level security that reads app.key, and no value is known with which app sees a row',
    ],
    [['gone'], 'select id from bill where id = $1', 'role gone, which ran it, is not on the lab'],
    [
      [],
      'select id from bill where id = $1',
      `public.bill has row level security, and who ran it is not known: only pg_stat_statements says so, and a log that names the role (csvlog, jsonlog, or stderr with %u in log_line_prefix)`,
    ],
  ])('%j, %s', async (roles, text, detail) => {
    expect((await boundFor(text, roles)).refused).toMatchObject({ reason: 'row-security', detail });
  });

  test('whose right was taken: of a table without policies a superuser’s plan is its own, of another it is nobody’s', async () => {
    expect((await boundFor('select team from member where team = $1', ['blind'])).sessions).toEqual([undefined, undefined, undefined]);
    expect((await boundFor('select id from letter where id = $1', ['blind'])).refused).toMatchObject({
      reason: 'no-plan',
      detail: 'PostgreSQL error 42501: permission denied for table',
    });
  });
});
