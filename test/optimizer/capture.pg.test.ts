/** Values that statements are really sent with: taken from a real server's log and sessions, used on the lab, and nowhere to be read. */
import { randomBytes } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createEvidenceStore } from '../../activities/backup/evidence/evidence-store.ts';
import { applyObjects } from '../../activities/backup/source/objects.ts';
import { createCapturedStore } from '../../activities/control/captured-store.ts';
import { type Control, openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import { bindStatements } from '../../activities/optimizer/bind/bind.ts';
import { createValueCapture, type ValueCapture } from '../../activities/optimizer/capture/capture.ts';
import { readServerLog } from '../../activities/optimizer/capture/server-log.ts';
import { readSessions } from '../../activities/optimizer/capture/sessions.ts';
import { searchSets } from '../../activities/optimizer/search-sets.ts';
import { createOptimizerSteps, type OptimizerSteps } from '../../activities/optimizer/steps.ts';
import { workloadFromFiles } from '../../activities/optimizer/workload/files.ts';
import { withConnection } from '../../activities/pg.ts';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import { defaultOptimizerPolicy } from '../../domain/optimizer/policy.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { quietIo } from '../backup/clone-support.ts';
import { statementsCluster } from './statements-server.ts';

const CANARY = 'canary-0815';
const DAY_MS = 86_400_000;
const keys = new Map([['env:KEY', randomBytes(32).toString('base64')]]);
let cluster: Awaited<ReturnType<typeof statementsCluster>>;
let control: Control;
let capture: ValueCapture;
let idle: pg.Client;
const told: unknown[] = [];
let clock = () => new Date();

beforeAll(async () => {
  cluster = await statementsCluster({ logging_collector: 'on', log_destination: 'csvlog', log_min_duration_statement: '0', log_directory: 'log' });
  await cluster.sql('create database control');
  await cluster.sql('create database other');
  await cluster.sql(`create table visit (id int primary key, who text not null, page int not null);
    insert into visit select n, 'canary-' || n % 2000, n % 300 from generate_series(1, 30000) n`);
  await cluster.sql('vacuum analyze visit');
  control = await openControl(`postgres://postgres@localhost:${cluster.port}/control?host=${encodeURIComponent(cluster.socketDirectory)}`);
  await control.migrate();
  capture = createValueCapture({ store: createCapturedStore(control), readSecret, now: () => clock(), looks: { number: 1, everyMs: 0 } });
  idle = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  // a lab ends all other sessions
  idle.on('error', () => {});
  await idle.connect();
}, 60_000);
afterAll(async () => {
  await idle?.end().catch(() => {});
  await control?.close();
});

function readSecret(reference: string): string {
  const found = keys.get(reference);
  if (found === undefined) throw new Error(`${reference} is not set`);
  return found;
}

const policyWith = (over: Partial<(typeof defaultOptimizerPolicy)['capture']>) => (policy: ClusterPolicy) => ({
  ...policy,
  optimizer: { ...defaultOptimizerPolicy, capture: { values: true, keepMs: 7 * DAY_MS, key: 'env:KEY', ...over } },
});
const policy = (over = {}) => cluster.policy(policyWith(over));

function stepsOf(with_: Partial<Parameters<typeof createOptimizerSteps>[0]> = {}): OptimizerSteps {
  return createOptimizerSteps({
    ...{ store: createOptimizerStore(control), bind: bindStatements, search: searchSets, workloadFromFiles, io: quietIo, now: () => new Date() },
    labSession: ({ policy: of }, options, use) => withConnection(of.connection, () => '', options, use),
    sourceSession: (of, database, use) =>
      withConnection(
        of.connection,
        () => '',
        { database },
        async (client) => {
          await client.query('begin read only');
          const answer = await use(client);
          await client.query('commit');
          return answer;
        },
      ),
    observe: (observation) => told.push(observation),
    capture,
    ...with_,
  } as Parameters<typeof createOptimizerSteps>[0]);
}

/** All of the control database, as text. */
async function controlText(): Promise<string> {
  const tables = await control.em().execute<{ name: string }[]>(`select quote_ident(tablename) as name from pg_tables where schemaname = 'assay_control'`);
  const rows = await Promise.all(tables.map(({ name }) => control.em().execute(`select t::text as row from assay_control.${name} t`)));
  return JSON.stringify(rows);
}

const logged = async (part: string) => {
  const { statements } = await withConnection(cluster.policy().connection, () => '', {}, readServerLog);
  return statements.some(({ text, values }) => text.includes(part) || (values ?? []).some((value) => value?.includes(part)));
};

test('a run binds the values that were sent, says so on each verdict, and shows none of them anywhere', async () => {
  for (const n of [1, 2, 3]) await cluster.sql('select page from visit where who = $1', { params: [`${CANARY}-${n}`] });
  await cluster.sql(`select count(*) from visit where who > '${CANARY}-literal' and page = 7`);
  await cluster.sql(`select 1 from visit where who = '${CANARY}-elsewhere'`).catch(() => {});
  // seen in its session, whether or not a log has it
  await idle.query(`select id from visit where page = 299 and who = '${CANARY}-idle'`);
  await vi.waitFor(async () => expect(await logged(`${CANARY}-idle`)).toBe(true), { timeout: 20_000, interval: 50 });
  const steps = stepsOf();
  const request = {
    policy: policy(),
    database: 'postgres',
    run: 'c-1',
    owner: 'test',
    limits: limitsOf({ repeats: 3 }),
    workload: null,
    since: 'reset' as const,
  };
  const clone = { id: 'c', cluster: 'main', host: hostname(), directory: '/nowhere' };
  const on = { ...request, clone, proof: 'p', finalist: 0 };
  const said: unknown[] = [await steps.observeWorkload(request), await steps.searchSets(on)];
  expect(said[0]).toMatchObject({
    capturesValues: true,
    notices: expect.arrayContaining([expect.stringMatching(/^values of \d+ statement\(s\) were captured/)]),
  });
  said.push(await steps.settleFinalist({ ...on, experiment: 'e-1', recommendation: 'r-1', backup: 'B' }));
  const [row] = await control
    .em()
    .execute<{ document: { statements: { statement: string; bindingSource: string }[] } }[]>('select document from assay_control.experiment');
  const texts = new Map((await createOptimizerStore(control).load('c-1')).statements.map(({ id, text }) => [id, text]));
  const sources = Object.fromEntries((row?.document.statements ?? []).map(({ statement, bindingSource }) => [texts.get(statement), bindingSource]));
  expect(sources).toMatchObject({
    'select page from visit where who = $1': 'captured',
    'select count(*) from visit where who > $1 and page = $2': 'captured',
    'select id from visit where page = $1 and who = $2': 'captured',
  });
  const values = await capture.valuesOf(policy(), 'postgres', new Date());
  expect([...values.values()].flat().map((each) => each.values)).toEqual(
    expect.arrayContaining([[`${CANARY}-1`], ['299', `${CANARY}-idle`], [`${CANARY}-literal`, '7']]),
  );
  // what stands for the lab logs everything: but not what was executed with values
  await cluster.sql(`select 'all is logged'`);
  await vi.waitFor(async () => expect(await logged('all is logged')).toBe(true), { timeout: 20_000, interval: 50 });
  expect(await logged('assay_what_if_1')).toBe(false);
  expect(await logged('assay_0')).toBe(false);
  // the canary is known to be there: an empty search proves nothing
  expect(await controlText()).toContain('select page from visit where who = $1');
  for (const where of [await controlText(), JSON.stringify(told), JSON.stringify(said)]) expect(where).not.toContain(CANARY);
});

describe('kept values', () => {
  let id = '';
  beforeAll(async () => {
    const [row] = await cluster.sql<{ id: string }>(`select queryid::text as id from pg_stat_statements where query = 'select page from visit where who = $1'`);
    id = row?.id as string;
  });
  const take = (of: ClusterPolicy) =>
    capture.take({
      policy: of,
      database: 'postgres',
      statements: [
        {
          id,
          database: 'postgres',
          text: 'select page from visit where who = $1',
          kind: 'select',
          calls: 1,
          totalMs: 1,
          rows: 1,
          blocks: 0,
          tempBlocks: 0,
          walBytes: 0,
        },
      ],
      session: (use) => withConnection(of.connection, () => '', {}, use),
    });
  const count = async () => (await control.em().execute('select 1 from assay_control.captured_value')).length;

  test('are as many as are kept of a statement, the same ones once', async () => {
    await capture.take({ policy: policy({ values: false }), database: 'postgres', statements: [], session: () => Promise.reject(new Error('not opened')) });
    expect(await count()).toBe(0);
    for (let n = 0; n < 25; n += 1) await cluster.sql('select page from visit where who = $1', { params: [`${CANARY}-many-${n}`] });
    await vi.waitFor(async () => expect(await logged('many-24')).toBe(true), { timeout: 20_000, interval: 50 });
    await take(policy());
    await take(policy());
    expect(await count()).toBe(20);
  });

  test('are opened by the key they were sealed with, and by none other', async () => {
    const later = new Date(Date.now() + 1_000);
    const found = async (key: string) => (await capture.valuesOf(policy({ key }), 'postgres', later)).get(id)?.length ?? 0;
    keys.set('env:WRONG', randomBytes(32).toString('base64'));
    keys.set('env:TURNED', `${randomBytes(32).toString('base64')}, ${keys.get('env:KEY')}`);
    keys.set('env:SHORT', 'c2hvcnQ=');
    expect([await found('env:KEY'), await found('env:TURNED'), await found('env:WRONG'), await found('env:SHORT'), await found('env:NONE')]).toEqual([
      20, 20, 0, 0, 0,
    ]);
    expect(await take(policy({ key: 'env:NONE' }))).toEqual(['no values are captured: env:NONE is not set']);
    const [refused] = await take(policy({ key: 'env:SHORT' }));
    expect(refused).toContain('a key has 5 bytes');
    expect(refused).not.toContain('c2hvcnQ');
    // moved to another statement's place they cannot be opened
    await control.em().execute(`update assay_control.captured_value set statement = '8' where statement = ?`, [id]);
    expect((await capture.valuesOf(policy(), 'postgres', later)).size).toBe(0);
  });

  test('go when their time is over', async () => {
    clock = () => new Date(Date.now() - 8 * DAY_MS);
    await take(policy());
    clock = () => new Date();
    const before = await count();
    await createCapturedStore(control).dropExpired();
    expect([before, await count()]).toEqual([40, 20]);
    await capture.take({ policy: policy({ values: false }), database: 'postgres', statements: [], session: () => Promise.reject(new Error('not opened')) });
    expect(await count()).toBe(0);
  });
});

test('what a session runs between two looks is seen, inside one transaction too', async () => {
  const busy = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  await busy.connect();
  await busy.query(`select 'first ${CANARY}'`);
  const texts = await withConnection(
    cluster.policy().connection,
    () => '',
    {},
    async (client) => {
      await client.query('begin');
      const first = await readSessions(client, 'postgres', { number: 1, everyMs: 0 });
      // more than track_activity_query_size: it is cut
      await busy.query(`select '${'long '.repeat(400)}'`);
      const cut = await readSessions(client, 'postgres', { number: 1, everyMs: 0 });
      await busy.query(`select 'third ${CANARY}'`);
      return [first, cut, await readSessions(client, 'postgres', { number: 2, everyMs: 1 })].map((each) => each.map(({ text }) => text));
    },
  );
  await busy.end();
  expect(texts).toEqual([[`select 'first ${CANARY}'`], [], [`select 'third ${CANARY}'`, `select 'third ${CANARY}'`]]);
});

test('the log is read by a role that has what `assay plan --sql` grants, and nothing more', async () => {
  await cluster.sql('create role "Assay\'s ""own""" login');
  const asOwn = { ...cluster.policy().connection, user: `Assay's "own"` };
  await withConnection(
    cluster.policy().connection,
    () => '',
    {},
    (client) => applyObjects(client, asOwn.user),
  );
  const { statements, unread } = await withConnection(asOwn, () => '', {}, readServerLog);
  expect([unread, statements.length > 0]).toEqual([null, true]);
});

test('a log that cannot be read is said, and why; a folder of the same name is not another server’s', async () => {
  const read = () => withConnection(cluster.policy().connection, () => '', {}, readServerLog);
  expect((await read()).unread).toBeNull();
  await cluster.sql('create role plain login');
  const asPlain = { ...cluster.policy().connection, user: 'plain' };
  expect((await withConnection(asPlain, () => '', {}, readServerLog)).unread).toBe(
    'the role may not ask where it is; GRANT pg_monitor TO "plain", which `assay plan --sql` prints',
  );
  const pidFile = join(cluster.dataDirectory, 'postmaster.pid');
  const { readFileSync, writeFileSync } = await import('node:fs');
  const text = readFileSync(pidFile, 'utf8');
  const lines = text.split('\n');
  writeFileSync(pidFile, [lines[0], lines[1], String(Number(lines[2]) - 3_600), ...lines.slice(3)].join('\n'));
  const unread = (await read()).unread;
  writeFileSync(pidFile, text);
  chmodSync(pidFile, 0o600);
  expect(unread).toContain('not on this host');
});

test('what was captured goes with its cluster, and nothing of another one', async () => {
  const [capturedAt, expiresAt] = [new Date(), new Date(Date.now() + 60_000)];
  const store = createCapturedStore(control);
  const of = (name: string) => ({ cluster: name, database: 'shop', statement: '1', digest: 'd', sealed: 's', capturedAt, expiresAt });
  for (const name of ['leaving', 'staying']) await store.save([of(name)], 20);
  await createEvidenceStore({ control, readSecret: () => '', signingKey: 'env:KEY' }).removePolicy('leaving');
  const left = (name: string) => store.load({ cluster: name, database: 'shop' }, new Date());
  expect([(await left('leaving')).length, (await left('staying')).length]).toEqual([0, 1]);
});
