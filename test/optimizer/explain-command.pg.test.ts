/** `assay optimizer explain` as a user types it, on a real server. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { explain, serverOf } from '../../workers/commands/optimizer-explain.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { policyText } from '../../workers/embedded/policy-text.ts';
import { run } from '../cli/terminal.ts';
import { testCluster } from '../support/cluster.ts';
import { joinPlan } from './plan-examples.ts';

let cluster: EmbeddedCluster;
let quiet: EmbeddedCluster;
let folder: string;

const urlOf = ({ port, socketDirectory }: EmbeddedCluster) => `postgresql://postgres@localhost:${port}/postgres?host=${socketDirectory}`;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, name: 'shop' });
  folder = mkdtempSync(join(tmpdir(), 'assay-explain-'));
  quiet = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  for (const each of [cluster, quiet])
    await each.sql(`create table orders (id int primary key, customer int, state text);
      insert into orders select n, n % 5000, 'private-' || n % 4 from generate_series(1, 50000) n;
      create table audit (id int); analyze`);
  writeFileSync(join(folder, 'assay.yaml'), policyText({ cluster, host: 'here', temporalAddress: '127.0.0.1:1', signingKeyFile: '/nowhere' }));
});

afterAll(() => rmSync(folder, { recursive: true }));

function typed(sql: string, ...words: readonly string[]) {
  const file = join(folder, 'statements.sql');
  writeFileSync(file, sql);
  return run(['optimizer', 'explain', file, ...words, '--file', join(folder, 'assay.yaml')], { explain });
}

test('a statement is planned on a cluster of the policy, and nothing is executed there', async () => {
  const sql = `select * from orders where customer = 7; update orders set state = 'x' where customer = $1; insert into audit values (1)`;
  const { exit, out } = await typed(sql, 'shop');
  expect(out).toContain('statement 1  select * from orders where customer = $1');
  expect(out).toContain('not executed');
  expect(out).toContain('! whole table for few rows: would read all 50,000 rows');
  expect(out).toMatch(/statement 2 .*\n.*\n\nUpdate on orders/);
  expect(exit).toBe(0);
  expect(await cluster.sql('select 1 from audit')).toEqual([]);
});

test('a database that is not there is said to be missing, in words that lead on', async () => {
  const { exit, err } = await typed('select 1', 'shop/nosuch');
  expect(exit).toBe(2);
  expect(err).toContain('cluster shop has no database nosuch');
});

test('a cluster without a database is looked at where runs look at it', () => {
  const file = join(folder, 'till.yaml');
  writeFileSync(file, policyText({ cluster, host: 'here', temporalAddress: '127.0.0.1:1', signingKeyFile: '/nowhere', optimizer: { database: 'till' } }));
  const databaseOf = (target: string, policy = file) => serverOf({ target, connection: undefined }, { file: policy, json: false }).database;
  expect([databaseOf('shop'), databaseOf('shop/other'), databaseOf('shop', join(folder, 'assay.yaml'))]).toEqual(['till', 'other', 'postgres']);
});

test('a role that may read, and is no superuser, sees plans of statements with parameters too', async () => {
  await quiet.sql('create role reader login; grant pg_read_all_data to reader');
  const { exit, out, err } = await typed('select * from orders where customer = $1', '--connection', urlOf(quiet).replace('postgres@', 'reader@'));
  expect([exit, err]).toEqual([0, '']);
  expect(out).toContain('statement 1 (synthetic values)  select * from orders where customer = $1');
});

test('measured on a server that nobody uses, and rolled back', async () => {
  const { out, exit } = await typed(`insert into audit select id from orders where state = 'private-2'`, '--analyze', '--connection', urlOf(quiet), '--json');
  expect(exit).toBe(0);
  const [statement] = (JSON.parse(out) as { statements: { plan: { executionMs: number; root: { type: string } } }[] }).statements;
  expect(statement?.plan).toMatchObject({ executionMs: expect.any(Number), root: { type: 'ModifyTable' } });
  expect(out).not.toContain('private-2');
  expect(await quiet.sql('select 1 from audit')).toEqual([]);
});

test('never measured on a server in use, by whatever name it is reached', async () => {
  const refusals = [
    [await typed('select 1 from orders', 'shop/postgres', '--analyze'), 'a cluster of the policy'],
    [await typed('select 1 from orders', '--analyze', '--connection', urlOf(cluster)), 'it archives its WAL'],
  ] as const;
  const file = join(folder, 'assay.yaml');
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, policyText({ cluster: { ...quiet, name: 'quiet' }, host: 'here', temporalAddress: '127.0.0.1:1', signingKeyFile: '/nowhere' }));
  const detour = `${quiet.socketDirectory}/../${quiet.socketDirectory.split('/').at(-1)}`;
  const disguised = await typed('select 1 from orders', '--analyze', '--connection', urlOf({ ...quiet, socketDirectory: detour }));
  writeFileSync(file, before);
  for (const [ran, says] of [...refusals, [disguised, 'it is the cluster quiet'] as const])
    expect([ran.exit, ran.err]).toEqual([5, expect.stringContaining(says)]);
});

test('what has no plan is named with its reason; nothing explained is a failure', async () => {
  const mixed = await typed('select 1 from orders; create table x (id int); select nothing from nowhere; selec', 'shop');
  expect(mixed.exit).toBe(0);
  for (const place of ['statement 2: utility, create table', 'statement 3: no-plan', 'statement 4: unreadable-text'])
    expect(mixed.out).toContain(`no plan: ${place}`);
  expect((await typed('vacuum', 'shop')).exit).toBe(1);
});

test('pages are written beside each other', async () => {
  const { out } = await typed('select 1 from orders; select 2 from audit', 'shop', '--html', join(folder, 'plan.html'));
  expect(readdirSync(folder).filter((name) => name.endsWith('.html'))).toEqual(['plan-2.html', 'plan.html']);
  expect(out).toContain(`wrote ${join(folder, 'plan-2.html')}`);
  expect(readFileSync(join(folder, 'plan.html'), 'utf8')).toContain('<h1>statement 1</h1>');
});

test('the JSON of EXPLAIN needs no server', async () => {
  const { out, exit } = await typed(JSON.stringify(joinPlan({ isMeasured: true, filter: `(o.state = 'private'::text)` })));
  expect(exit).toBe(0);
  expect(out).toContain('Filter: (o.state = ?::text)');
  expect((await typed('[{"Plan": 7}]')).exit).toBe(2);
});

test.each([
  [2, [], 'no server is named'],
  [2, ['elsewhere'], 'no cluster elsewhere'],
  [2, ['--connection', 'orders'], 'no URL'],
  [2, ['--connection', 'postgresql://a:secret@h/d'], 'holds a password'],
  [2, ['shop', '--timeout', 'soon'], 'a number of seconds'],
  [4, ['--connection', 'postgresql://postgres@127.0.0.1:1/postgres'], 'does not answer'],
])('exit %i: %j', async (exit, words, says) => {
  const ran = await typed('select 1 from orders', ...words);
  expect([ran.exit, ran.err]).toEqual([exit, expect.stringContaining(says)]);
});
