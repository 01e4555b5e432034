/** What an index's own functions raise while it is checked is no damage; damage beside it still is. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { amcheck } from '../../activities/backup/checks/amcheck.ts';
import { constraints } from '../../activities/backup/checks/constraints.ts';
import type { OnClone } from '../../activities/backup/checks/result.ts';
import { createChecker } from '../../activities/backup/checks/scaffold.ts';
import { withClone } from '../../activities/backup/clone/connection.ts';
import type { CloneRef } from '../../domain/backup/model.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { serverMajor } from '../support/major.ts';
import { shopWithMarkers } from './checks-support.ts';
import { type Bench, cloneAt, quietIo, upTo } from './clone-support.ts';

let bench: Bench;
let policy: ClusterPolicy;
let clone: CloneRef;
let on: OnClone;

beforeAll(async () => {
  const shop = await shopWithMarkers();
  ({ bench, policy } = shop);
  ({ clone } = await cloneAt(bench, policy, { id: 'expression', target: upTo(shop.shop.lsn) }));
  await bench.clones.promote(policy, clone, quietIo());
  on = { policy, clone, io: quietIo() };
  await createChecker(on);
}, 120_000);
afterAll(() => bench.clones.wipe(clone));

const run = (sql: string) => withClone(on, { database: 'shop', settings: { search_path: 'public' } }, (client) => client.query(sql));

it('an index on a function that needs its search_path is sound, or cannot be checked at full depth: no fault, and no row is told', async () => {
  const found = (plain: string) => `create or replace function found(value text) returns text immutable language plpgsql as
    'begin return ${plain}(value); exception when undefined_function then raise ''row %'', value; end'`;
  // on 17 such an index is none that one could build, but one that an upgrade brought along
  await run(`create function plain(value text) returns text immutable language sql as 'select lower(value)';
    ${found('public.plain')}; create index by_function on customer (found(name)); ${found('plain')}`);
  expect(await amcheck(on, 'shop', 'plain')).toMatchObject({ outcome: 'passed' });
  // 16 and later check under a search_path of their own, whatever the session has
  expect(await amcheck(on, 'shop', 'deep')).toMatchObject({ outcome: serverMajor(bench.cluster) >= 16 ? 'unusable' : 'passed' });
  await run('create schema hidden; alter function plain(text) set schema hidden');
  const told = await amcheck(on, 'shop', 'deep');
  expect(told).toMatchObject({
    outcome: 'unusable',
    because: [
      'btree index shop.public.by_function: it could not be checked: PostgreSQL error P0001: raised by a function of the database, whose words may hold values',
    ],
  });
});

it('a check constraint by such a function is asked with the search_path of its database', async () => {
  const asked = () => constraints(on, { database: 'shop', depth: 'plain', major: 15 });
  await run(
    'drop index by_function; set search_path = public, hidden; alter table customer add constraint named check (found(name) is not null or name is null)',
  );
  const cannot = await asked();
  expect(cannot).toMatchObject({
    outcome: 'unusable',
    because: ['1 constraint could not be checked', expect.stringMatching(/PostgreSQL error P0001: raised by a function/)],
  });
  await run('alter database shop set search_path = public, hidden');
  expect((await asked()).outcome).toBe('finding');
  await run('alter table customer drop constraint named; alter database shop reset search_path');
});

it('damage beside it is still a fault', async () => {
  const ready = (is: boolean) => run(`update pg_catalog.pg_index set indisready = ${is}, indisvalid = ${is} where indexrelid = 'customer_pkey'::regclass`);
  await ready(false);
  await run("set search_path = public, hidden; insert into customer values (90001, 'no index knows', 1)");
  await ready(true);
  expect(await amcheck(on, 'shop', 'deep')).toMatchObject({
    outcome: 'failed',
    cause: 'index-or-heap-corrupt',
    because: [expect.stringContaining('customer_pkey')],
  });
});
