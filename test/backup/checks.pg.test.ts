import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { amcheck } from '../../activities/backup/checks/amcheck.ts';
import { assertion } from '../../activities/backup/checks/assertions.ts';
import { createCloneChecks } from '../../activities/backup/checks/clone-checks.ts';
import { constraints } from '../../activities/backup/checks/constraints.ts';
import { fingerprints } from '../../activities/backup/checks/fingerprints.ts';
import { pageChecksums } from '../../activities/backup/checks/page-checksums.ts';
import type { OnClone } from '../../activities/backup/checks/result.ts';
import { createChecker } from '../../activities/backup/checks/scaffold.ts';
import { sequences } from '../../activities/backup/checks/sequences.ts';
import { withClone } from '../../activities/backup/clone/connection.ts';
import { foldersOf } from '../../activities/backup/clone/layout.ts';
import { stopServer } from '../../activities/backup/clone/server.ts';
import type { CloneChecks } from '../../activities/backup/ports.ts';
import type { CheckResult, CloneRef, Marker, ReachedPoint } from '../../domain/backup/model.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { HOSTILE, shopWithMarkers } from './checks-support.ts';
import { type Bench, cloneAt, quietIo, restoreInto, upTo } from './clone-support.ts';
import { editPage } from './page-edit.ts';

let bench: Bench;
let policy: ClusterPolicy;
let checks: CloneChecks;
let shop: Marker;
let other: Marker;

const outcomes = (results: readonly CheckResult[]) => results.map(({ name, database, outcome }) => `${name} ${database ?? '-'} ${outcome}`);
const run = (clone: CloneRef, sql: string, database = 'shop') =>
  withClone({ policy, clone }, { database, settings: { search_path: 'public' } }, (client) => client.query(sql));

beforeAll(async () => {
  ({ bench, policy, shop, other } = await shopWithMarkers());
  checks = createCloneChecks({ readSecret: () => '' });
}, 120_000);

describe('a sound clone', () => {
  it('passes every check, paused, walked, promoted and stopped, at full depth', async () => {
    const { clone, reached } = await cloneAt(bench, policy, { id: 'sound', target: upTo(shop.lsn) });
    expect(outcomes(await checks.arrival(policy, clone, { target: upTo(shop.lsn), reached }))).toEqual([
      'target-reached - passed',
      'system-identifier - passed',
    ]);
    const content = await checks.content(policy, clone, shop, reached, quietIo());
    expect(outcomes(content)).toEqual(['snapshot-equivalence shop passed', 'witness shop not-applicable', 'sequences shop passed', 'fingerprints shop passed']);
    expect(content.at(-1)?.because[0]).toContain('6 tables with 8001 rows equal');
    const walked = await bench.clones.walk(policy, clone, upTo(other.lsn), quietIo());
    expect((await checks.content(policy, clone, other, walked.reached, quietIo())).map(({ outcome }) => outcome)).toEqual([
      'passed',
      'not-applicable',
      'not-applicable',
      'passed',
    ]);

    await bench.clones.promote(policy, clone, quietIo());
    const asked = {
      ...policy,
      proof: { ...policy.proof, assertions: [{ name: 'credit', database: 'shop', sql: 'select count(*) from customer', expect: [['3101']] }] },
    };
    const structure = await checks.structure(asked, clone, { depth: 'deep' }, quietIo());
    expect(outcomes(structure)).toEqual([
      `amcheck ${HOSTILE} passed`,
      `constraints ${HOSTILE} not-applicable`,
      'amcheck shop passed',
      'constraints shop finding',
      'assertions shop passed',
      'page-checksums - passed',
    ]);
    await bench.clones.wipe(clone);
  });

  it('is not compared with a marker of another moment: that says nothing about the backup', async () => {
    const { clone, reached } = await cloneAt(bench, policy, { id: 'moment', target: upTo(other.lsn) });
    const results = await checks.content(policy, clone, shop, reached, quietIo());
    expect(results.map(({ name, outcome, cause }) => [name, outcome, cause])).toEqual([['snapshot-equivalence', 'unusable', 'marker-unusable']]);
    const another = await checks.content(policy, clone, { ...other, databaseOid: 1 }, reached, quietIo());
    expect(another).toMatchObject([{ outcome: 'unusable', cause: 'marker-unusable', because: [expect.stringContaining('another database')] }]);
    const pretended = { ...shop, lsn: reached.replayLsn };
    expect((await checks.content(policy, clone, pretended, reached, quietIo()))[0]).toMatchObject({ outcome: 'unusable', cause: 'marker-unusable' });
    await bench.clones.wipe(clone);
  });

  it('is not this cluster where the system identifier is another', async () => {
    const { clone, reached } = await cloneAt(bench, policy, { id: 'foreign', target: upTo(shop.lsn) });
    const [, identifier] = await checks.arrival(policy, clone, { target: upTo(shop.lsn), reached, systemIdentifier: '7' });
    expect(identifier).toMatchObject({ outcome: 'unusable', cause: 'system-identifier-differs' });
    await bench.clones.wipe(clone);
  });
});

describe('bytes changed under a checksum that fits', () => {
  it('show in the fingerprints of the paused clone', async () => {
    const { clone } = await cloneAt(bench, policy, { id: 'bytes', target: upTo(shop.lsn) });
    const { rows } = await run(clone, "select pg_relation_filepath('parted_1') as path");
    await bench.clones.stop(policy, clone);
    editPage(join(foldersOf(clone.directory).data, rows[0].path), 0, true, (page) => {
      // the newest tuple of the page lies first; its text `x` is its last byte before padding
      const lower = page.readUInt16LE(14);
      const at = page.lastIndexOf(Buffer.from([0x05, 0x78]));
      expect(at).toBeGreaterThan(lower);
      page[at + 1] = 0x79;
    });
    const { reached } = await bench.clones.start(policy, clone, upTo(shop.lsn), quietIo());
    const results = await checks.content(policy, clone, shop, reached, quietIo());
    expect(results[0]).toMatchObject({ name: 'snapshot-equivalence', outcome: 'passed' });
    expect(results.at(-1)).toMatchObject({ name: 'fingerprints', outcome: 'failed', cause: 'content-differs' });
    expect(results.at(-1)?.because[1]).toContain('public.parted_1');
    await bench.clones.stop(policy, clone);
    expect(await pageChecksums({ policy, clone, io: quietIo() })).toMatchObject({ outcome: 'passed' });
    await bench.clones.wipe(clone);
  });
});

describe('damage in an open clone', () => {
  let clone: CloneRef;
  let reached: ReachedPoint;
  let on: OnClone;

  beforeAll(async () => {
    ({ clone, reached } = await cloneAt(bench, policy, { id: 'damaged', target: upTo(shop.lsn) }));
    await bench.clones.promote(policy, clone, quietIo());
    on = { policy, clone, io: quietIo() };
    await createChecker(on);
  });

  afterAll(async () => bench.clones.wipe(clone));

  /** Does damage, looks, undoes it, and looks again: what a check says must come from the damage alone. */
  const while_ = async <T>(damage: string, undo: string, look: () => Promise<T>): Promise<T> => {
    await run(clone, damage);
    try {
      return await look();
    } finally {
      await run(clone, undo);
    }
  };

  it.each([
    ['a row changed', "update customer set name = 'someone' where id = 5", "update customer set name = 'customer 5' where id = 5"],
    [
      'two rows exchanged a value',
      'update customer set credit = case id when 1 then 2 else 1 end where id in (1, 2)',
      'update customer set credit = id where id in (1, 2)',
    ],
    ['NULL turned 0', 'update customer set credit = 0 where id = 3', 'update customer set credit = null where id = 3'],
    ['a row gone', 'delete from customer where id = 0', 'insert into customer values (0, null, 0)'],
    ['a row twice as another', 'update customer set id = 90000 where id = 7', 'update customer set id = 7 where id = 90000'],
    ['a table gone', 'alter table customer rename to gone', 'alter table gone rename to customer'],
  ])('%s: fingerprints differ', async (_, damage, undo) => {
    expect(await while_(damage, undo, () => fingerprints(on, shop))).toMatchObject({ outcome: 'failed', cause: 'content-differs' });
    expect(await fingerprints(on, shop)).toMatchObject({ outcome: 'passed' });
  });

  it('a fingerprint carried over from an older marker can confirm, never convict', async () => {
    const older = { ...shop, fingerprints: shop.fingerprints.map((each) => ({ ...each, takenAt: '2020-01-01T00:00:00.000Z' })) };
    expect(await fingerprints(on, older)).toMatchObject({ outcome: 'passed' });
    const look = () => fingerprints(on, older);
    expect(await while_('delete from customer where id = 0', 'insert into customer values (0, null, 0)', look)).toMatchObject({
      outcome: 'unusable',
      cause: 'marker-unusable',
    });
  });

  it.each([
    ['an ascending sequence set back', `select setval('"Or;der_id_seq"', 3999)`, `select setval('"Or;der_id_seq"', 4000)`],
    ['a descending sequence set back', "select setval('downward', -5)", "select setval('downward', -6)"],
  ])('%s: sequences behind', async (_, damage, undo) => {
    const look = () => withClone(on, { database: 'shop' }, (client) => sequences(client, shop));
    expect(await while_(damage, undo, look)).toMatchObject({ outcome: 'failed', cause: 'sequence-behind' });
    expect(await look()).toMatchObject({ outcome: 'passed' });
  });

  it.each([
    ['an order without its customer', 'delete from customer where id = 5', "insert into customer values (5, 'customer 5', 5)"],
    ['a child without its partitioned parent', 'delete from parted where id = 9', "insert into parted values (9, 2, 'x')"],
    [
      'a check constraint that is not kept',
      `alter table half_valid validate constraint positive; insert into half_valid select 1; alter table half_valid drop constraint positive; insert into half_valid values (-1);
       alter table half_valid add constraint positive check (id > 0) not valid; update pg_catalog.pg_constraint set convalidated = true where conname = 'positive'`,
      "delete from half_valid; update pg_catalog.pg_constraint set convalidated = false where conname = 'positive'",
    ],
  ])('%s: constraint violated', async (_, damage, undo) => {
    const look = () => constraints(on, { database: 'shop', depth: 'plain', major: 15 });
    expect(await while_(damage, undo, look)).toMatchObject({ outcome: 'failed', cause: 'constraint-violated' });
    expect(await look()).toMatchObject({ outcome: 'finding' });
  });

  it('rows that an index lacks show at full depth', async () => {
    const lost = "update pg_catalog.pg_index set indisready = false, indisvalid = false where indexrelid = 'customer_pkey'::regclass";
    const back = "update pg_catalog.pg_index set indisready = true, indisvalid = true where indexrelid = 'customer_pkey'::regclass";
    await run(clone, lost);
    await run(clone, "insert into customer values (90001, 'no index knows', 1)");
    await run(clone, back);
    expect(await amcheck(on, 'shop', 'plain')).toMatchObject({ outcome: 'passed' });
    expect(await amcheck(on, 'shop', 'deep')).toMatchObject({
      outcome: 'failed',
      cause: 'index-or-heap-corrupt',
      because: [expect.stringContaining('customer_pkey')],
    });
    await run(clone, 'set enable_indexscan = off; set enable_bitmapscan = off; delete from customer where id = 90001');
    await run(clone, 'vacuum customer');
    await run(clone, 'reindex table customer');
    expect(await amcheck(on, 'shop', 'deep')).toMatchObject({ outcome: 'passed' });
  });

  it('a missing library, or another version of a collation, is the fault of this host', async () => {
    await run(
      clone,
      "create extension hstore schema public; create collation deutsch (provider = icu, locale = 'de'); create table named (n text collate deutsch primary key)",
    );
    const amchecked = async () => {
      const results = await checks.structure(policy, clone, { depth: 'plain' }, quietIo());
      await bench.clones.serve(policy, clone, quietIo());
      await createChecker(on);
      return results.find(({ name, database }) => name === 'amcheck' && database === 'shop');
    };
    expect(await amchecked()).toMatchObject({ outcome: 'passed' });
    const gone = "update pg_catalog.pg_proc set probin = '$libdir/gone' where probin = '$libdir/hstore'";
    expect(await while_(gone, "update pg_catalog.pg_proc set probin = '$libdir/hstore' where probin = '$libdir/gone'", amchecked)).toMatchObject({
      outcome: 'unusable',
      cause: 'missing-extension',
      because: [expect.stringContaining('hstore')],
    });
    const older = "update pg_catalog.pg_collation set collversion = '1.0' where collname = 'deutsch'";
    expect(await while_(older, 'alter collation deutsch refresh version', amchecked)).toMatchObject({ outcome: 'unusable', cause: 'collation-version' });
  });

  it('assertions are asked as a role that may only read, and their answers are not repeated', async () => {
    const ask = (sql: string, expected: (string | null)[][]) => assertion(on, { name: 'mine', database: 'shop', sql, expect: expected });
    expect(
      await ask('select id, name, null from customer where id in (1, 2) order by id;', [
        ['1', 'customer 1', null],
        ['2', 'customer 2', null],
      ]),
    ).toMatchObject({ outcome: 'passed' });
    const wrong = await ask('select name from customer where id = 1', [['customer 7']]);
    expect(wrong).toMatchObject({ outcome: 'failed', cause: 'assertion-failed' });
    expect(JSON.stringify(wrong)).not.toContain('customer 1');
    expect(await ask('select id from customer', [['1']])).toMatchObject({
      outcome: 'failed',
      because: ['assertion mine: more than the 1 row that were expected'],
    });
    expect(await ask("select current_setting('is_superuser'), current_setting('transaction_read_only')", [['off', 'on']])).toMatchObject({ outcome: 'passed' });
    for (const sql of [
      'delete from customer',
      'select 1; drop table customer',
      'select name::int from customer',
      'select name::regrole from customer',
      "select pg_read_file('/etc/passwd')",
    ]) {
      const refused = await ask(sql, [['1']]);
      expect(refused).toMatchObject({ outcome: 'unusable', cause: 'assertion-failed' });
      expect(JSON.stringify(refused)).not.toContain('customer 1');
    }
    expect(reached.paused).toBe(true);
  });
});

describe('pages', () => {
  it('with a wrong checksum, or broken under a right one, are named; without checksums that is a finding', async () => {
    const { clone } = await cloneAt(bench, policy, { id: 'pages', target: upTo(shop.lsn) });
    const on = { policy, clone, io: quietIo() };
    await bench.clones.promote(policy, clone, quietIo());
    const { rows } = await run(clone, "select pg_relation_filepath('customer') as path");
    const file = join(foldersOf(clone.directory).data, rows[0].path);
    await stopServer(foldersOf(clone.directory));
    editPage(file, 3, false, (page) => page.writeUInt8(page.readUInt8(8000) ^ 1, 8000));
    expect(await pageChecksums(on)).toMatchObject({
      outcome: 'failed',
      cause: 'page-corrupt',
      because: [expect.stringMatching(/^1 page of \d+ with a wrong checksum$/), expect.stringContaining('block 3')],
    });
    await bench.clones.serve(policy, clone, quietIo());
    expect(await fingerprints(on, shop)).toMatchObject({ outcome: 'failed', cause: 'page-corrupt' });
    await stopServer(foldersOf(clone.directory));

    editPage(file, 3, true, (page) => page.writeUInt8(page.readUInt8(8000) ^ 1, 8000));
    expect(await pageChecksums(on)).toMatchObject({ outcome: 'passed' });
    // a line pointer of the first page aims past its end
    editPage(file, 0, true, (page) => page.writeUInt32LE((8190 | (1 << 15) | (40 << 17)) >>> 0, 24));
    expect(await pageChecksums(on)).toMatchObject({ outcome: 'passed' });
    await bench.clones.serve(policy, clone, quietIo());
    expect(await amcheck(on, 'shop', 'plain')).toMatchObject({ outcome: 'failed', cause: 'index-or-heap-corrupt' });
    await bench.clones.wipe(clone);
  });
});

describe('a restore that was asked for but not made', () => {
  it('leaves nothing to check', async () => {
    const clone = await bench.clones.open(policy, 'bare', 'test', 1);
    await restoreInto(bench, clone);
    await expect(checks.content(policy, clone, shop, { replayLsn: shop.lsn, replayedAt: null, timeline: 1, paused: true }, quietIo())).resolves.toMatchObject([
      { outcome: 'unusable' },
    ]);
    await bench.clones.wipe(clone);
  });
});
