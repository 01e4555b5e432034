import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyObjects, missingObjects, removableObjects, removeObjects, sourceObjects } from '../../activities/backup/source/objects.ts';
import { createSource } from '../../activities/backup/source/source.ts';
import { newestWitness } from '../../activities/backup/source/witness.ts';
import { compareLsn, segmentAt, segmentName } from '../../domain/backup/lsn.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { markerOf, policyOf, session, told } from './marker-support.ts';

let cluster: EmbeddedCluster;
let admin: pg.Client;
const source = createSource({ readSecret: () => '' });
const READER = 'assay "reader"';
const asReader = () => policyOf(cluster, { user: READER });
const names = (objects: readonly { readonly name: string }[]) => objects.map(({ name }) => name);

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  admin = await session(cluster);
  await admin.query(`create role "${READER.replaceAll('"', '""')}" login`);
});

afterAll(() => admin?.end());

describe('what Assay leaves in a cluster', () => {
  test('before apply, every refusal names its way out', async () => {
    await expect(source.writeWitness(asReader())).rejects.toMatchObject({ code: 'policy-not-applied' });
    await expect(source.switchWal(asReader())).rejects.toMatchObject({ code: 'privilege-missing' });
    await expect(source.createRestorePoint(asReader(), 'x')).rejects.toMatchObject({ code: 'privilege-missing' });
  });

  test('applying makes what is missing, a second time nothing', async () => {
    await admin.query(`grant pg_monitor to "${READER.replaceAll('"', '""')}"`);
    const missing = names(await missingObjects(admin, READER));
    expect(missing).toEqual(names(sourceObjects(READER)).filter((name) => name !== 'member-pg_monitor'));
    expect(names(await applyObjects(admin, READER))).toEqual(missing);
    expect(await missingObjects(admin, READER)).toEqual([]);
    expect(await applyObjects(admin, READER)).toEqual([]);
  });

  test('two that apply at once take turns', async () => {
    await removeObjects(admin, READER);
    const second = await session(cluster);
    const made = await Promise.all([applyObjects(admin, READER), applyObjects(second, READER)]);
    await second.end();
    expect(made.map((objects) => objects.length).sort((a, b) => a - b)).toEqual([0, sourceObjects(READER).length - 1]);
  });

  test('removing leaves nothing of it, and all that was there before', async () => {
    const catalogue = () =>
      cluster.sql(`select (select string_agg(proacl::text, ' ') from pg_proc where proname in ('pg_switch_wal', 'pg_create_restore_point') and proacl::text ~ 'reader') as functions,
        (select rolreplication from pg_roles where rolname like '%reader%') as replication,
        (select string_agg(roleid::regrole::text, ' ') from pg_auth_members where member = (select oid from pg_roles where rolname like '%reader%')) as groups,
        to_regnamespace('assay') is null as gone`);
    expect(await catalogue()).toEqual([{ functions: expect.any(String), replication: true, groups: 'pg_monitor pg_read_all_data', gone: false }]);
    expect(names(await removableObjects(admin, READER))[0]).toBe('replication');
    await removeObjects(admin, READER);
    expect(await catalogue()).toEqual([{ functions: null, replication: false, groups: 'pg_monitor', gone: true }]);
    expect(await removeObjects(admin, READER)).toEqual([]);
  });

  test('a schema that somebody else uses too is not dropped', async () => {
    await applyObjects(admin, READER);
    await admin.query('create table assay.foreign_thing (a int)');
    await expect(removeObjects(admin, READER)).rejects.toMatchObject({ code: '2BP01' });
    expect(await missingObjects(admin, READER)).toEqual([]);
    await admin.query('drop table assay.foreign_thing');
  });

  test('a superuser lacks only the schema, the table and what goes with them', async () => {
    await removeObjects(admin, READER);
    expect(names(await missingObjects(admin, 'postgres'))).toEqual(['schema', 'witness-table', 'grant-schema', 'grant-witness']);
  });
});

describe('the source, as a role with nothing but the grants', () => {
  beforeAll(() => applyObjects(admin, READER));

  test('state tells where the cluster stands', async () => {
    const state = await source.state(asReader());
    expect(state).toMatchObject({
      timeline: 1,
      inRecovery: false,
      walLevel: 'logical',
      segmentBytes: 16 * 1024 * 1024,
      archiver: { failed: 0, lastArchived: null },
    });
    expect(state.systemIdentifier).toMatch(/^\d{19}$/);
    expect(Math.abs(Date.parse(state.now) - Date.now())).toBeLessThan(5_000);
  });

  test('a witness tells its own LSN, moment and transaction', async () => {
    const before = await source.state(asReader());
    const witness = await source.writeWitness(asReader());
    const after = await source.state(asReader());
    expect(compareLsn(before.insertLsn, witness.lsn)).toBeLessThanOrEqual(0);
    expect(compareLsn(witness.lsn, after.insertLsn)).toBeLessThan(0);
    expect(witness.at >= before.now.slice(0, 23) && witness.at <= after.now.replace('Z', '999Z')).toBe(true);
    expect(await cluster.sql('select pg_xact_status($1::xid8) as status', { params: [witness.transactionId] })).toEqual([{ status: 'committed' }]);
    expect(await newestWitness(admin)).toEqual(witness);
  });

  test('a role or a database that is kept from writing by accident writes witnesses all the same', async () => {
    await admin.query(`alter role "${READER.replaceAll('"', '""')}" set default_transaction_read_only = on`);
    expect(await source.writeWitness(asReader())).toMatchObject({ nonce: expect.any(String) });
    await admin.query(`alter role "${READER.replaceAll('"', '""')}" reset all`);
  });

  test('a role that becomes another when it connects still has its own rights', async () => {
    const quoted = `"${READER.replaceAll('"', '""')}"`;
    await admin.query(`create role idle; grant idle to ${quoted}; alter role ${quoted} set role = idle; create table noted (a int)`);
    expect(await source.writeWitness(asReader())).toMatchObject({ nonce: expect.any(String) });
    await source.switchWal(asReader());
    expect(told(await markerOf(cluster, 'postgres', { user: READER }))).toMatchObject({ 'public.noted': '0' });
    await admin.query(`alter role ${quoted} reset all; drop role idle; drop table noted`);
  });

  test('old witnesses are pruned, the newest never', async () => {
    await admin.query(
      "insert into assay.witness (at, lsn, xid, nonce) select now() - interval '2 days', '0/0', '3', gen_random_uuid() from generate_series(1, 250)",
    );
    for (let turn = 0; turn < 4; turn += 1) await source.writeWitness(asReader());
    expect(await cluster.sql("select count(*)::int as old from assay.witness where at < now() - interval '1 day'")).toEqual([{ old: 0 }]);
    const last = await source.writeWitness({ ...asReader(), witness: { everyMs: 1, keepMs: 0 } });
    expect((await newestWitness(admin))?.nonce).toBe(last.nonce);
  });

  test('the newest witness is the newest by number: 10 comes after 9', async () => {
    for (const [last, next] of [
      [9, 10],
      [99, 100],
      [999, 1000],
    ]) {
      await admin.query(`alter table assay.witness alter column id restart with ${last}`);
      await admin.query('delete from assay.witness');
      await source.writeWitness(asReader());
      const newest = await source.writeWitness(asReader());
      expect(newest.id).toBe(String(next));
      expect(await newestWitness(admin)).toEqual(newest);
    }
  });

  test('a WAL switch ends the segment that holds what was written before', async () => {
    const { lsn } = await source.writeWitness(asReader());
    const upTo = await source.switchWal(asReader());
    const { timeline, segmentBytes, insertLsn } = await source.state(asReader());
    const segment = (at: string) => segmentName(segmentAt(at, timeline, segmentBytes), segmentBytes);
    expect(compareLsn(lsn, upTo)).toBeLessThan(0);
    expect(segment(insertLsn) > segment(lsn)).toBe(true);
  });

  test('a restore point has an LSN', async () => {
    const before = await source.state(asReader());
    expect(compareLsn(before.insertLsn, await source.createRestorePoint(asReader(), `it's "before"`))).toBeLessThan(0);
  });

  test('a server that is not there is unreachable, a database that is not there too, and no row ever gets into the message', async () => {
    const policy = asReader();
    const elsewhere = (change: object) => ({ ...policy, connection: { ...policy.connection, ...change } });
    await expect(source.state(elsewhere({ port: 1 }))).rejects.toMatchObject({ code: 'cluster-unreachable', retryable: true });
    await expect(source.state(elsewhere({ database: 'nowhere' }))).rejects.toMatchObject({ code: 'cluster-unreachable' });
    await admin.query("alter table assay.witness add constraint secret check (nonce::text = 'x') not valid");
    const refused = await source.writeWitness(policy).catch((error: Error) => error);
    expect(refused).toMatchObject({ code: 'internal' });
    expect(JSON.stringify([refused, String(refused), (refused as Error).cause])).not.toMatch(/Failing row|[0-9a-f]{8}-/);
    await admin.query('alter table assay.witness drop constraint secret');
  });
});
