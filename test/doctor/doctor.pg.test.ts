import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pgbackrest } from '../../activities/backup/engines/pgbackrest.ts';
import { readCluster } from '../../activities/doctor/cluster-facts.ts';
import { runDoctor } from '../../activities/doctor/doctor.ts';
import type { DoctorLine } from '../../activities/doctor/line.ts';
import type { DoctorDependencies } from '../../activities/doctor/ports.ts';
import { defaultOptimizerPolicy } from '../../domain/optimizer/policy.ts';
import type { ClusterPolicy, FleetPolicy } from '../../domain/policy.ts';
import { doctorDependencies, temporalView } from '../../workers/commands/doctor.ts';
import { createSourceObjects } from '../../workers/commands/plan-source-objects.ts';
import { readSecret } from '../../workers/config.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { testIo } from '../support/engine.ts';
import { serverMajor } from '../support/major.ts';

let cluster: EmbeddedCluster;
let policy: ClusterPolicy;
const folder = mkdtempSync(join(tmpdir(), 'assay-doctor-'));
chmodSync(folder, 0o711);
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.sql('create role keeper login');
  policy = cluster.policy((made) => ({ ...made, connection: { ...made.connection, user: 'keeper' } }));
  await createSourceObjects(readSecret, (connection) => ({ ...connection, user: 'postgres' })).apply(policy);
  await finishSegment();
});

/** Writes something and ends its segment. */
async function finishSegment() {
  await cluster.sql('select txid_current()');
  await cluster.sql('select pg_switch_wal()');
}

const dependencies = (more: Partial<DoctorDependencies> = {}): DoctorDependencies => ({
  ...doctorDependencies({ host: policy.host, readSecret, engineFor: (each) => pgbackrest(each, { observe: () => {} }), temporal: null }),
  archivePatienceMs: 20_000,
  ...more,
});
const fleet = (...clusters: readonly ClusterPolicy[]): FleetPolicy => ({
  file: '/assay.yaml',
  temporal: { address: '', namespace: 'default' },
  control: 'env:ASSAY_NO_SUCH',
  signingKey: 'env:ASSAY_NO_SUCH',
  clusters,
});
const examine = async (each: ClusterPolicy, more: Partial<DoctorDependencies> = {}) =>
  (await runDoctor(dependencies(more), fleet(each))).filter((line) => line.cluster !== null);
const bad = (lines: readonly DoctorLine[]) => lines.filter(({ outcome }) => outcome !== 'ok').map(({ name, outcome, line }) => `${outcome} ${name}: ${line}`);
const of = (lines: readonly DoctorLine[], name: string) => lines.filter((line) => line.name === name);

test('where Assay carries out changes: tables of others are said, each with its grant, until it may', async () => {
  await cluster.sql('create role selling; create role lending; create schema loans authorization lending; create schema "Sale" authorization selling');
  await cluster.sql(`create table "Sale".item (id int); create table "Sale".part (id int); create table loans.loan (id int); create table loans.old (id int);
    alter table "Sale".item owner to selling; alter table "Sale".part owner to selling; alter table loans.loan owner to lending`);
  const limits = { ...defaultOptimizerPolicy.limits, protectedTables: ['loans.old'] };
  const executing: ClusterPolicy = { ...policy, optimizer: { ...defaultOptimizerPolicy, apply: 'execute', limits } };
  const owners = async (each: ClusterPolicy) => of(await examine(each), 'table-owners').map(({ outcome, line, fix }) => [outcome, line, fix?.split('; or')[0]]);
  expect(await owners(policy)).toEqual([]);
  const how = serverMajor(cluster) >= 16 ? ' WITH INHERIT FALSE, SET TRUE' : '';
  expect(await owners(executing)).toEqual([
    ['fault', 'keeper may not change the indexes of 1 of 3 table(s) of postgres: loans.loan', `as a superuser in postgres: GRANT "lending" TO "keeper"${how}`],
    [
      'fault',
      'keeper may not change the indexes of 2 of 3 table(s) of postgres: Sale.item, Sale.part',
      `as a superuser in postgres: GRANT "selling" TO "keeper"${how}`,
    ],
  ]);
  await cluster.sql('grant selling, lending to keeper; revoke create on schema loans from lending; alter schema loans owner to postgres');
  expect(await owners(executing)).toEqual([
    [
      'warning',
      'keeper may not change the indexes of 1 of 3 table(s) of postgres: loans.loan',
      'as a superuser in postgres: GRANT CREATE ON SCHEMA "loans" TO "keeper"',
    ],
  ]);
  await cluster.sql('grant create on schema loans to keeper');
  expect(await owners(executing)).toEqual([['ok', 'keeper may change the indexes of all 3 table(s) of postgres that the policy does not protect', undefined]]);
  await cluster.sql('drop schema "Sale", loans cascade; drop role selling, lending');
});

test('a sound cluster, seen by an ordinary role, has no fault', async () => {
  const lines = await examine(policy);
  expect(bad(lines).filter((line) => line.startsWith('fault'))).toEqual([]);
  for (const name of [
    'connection',
    'primary',
    'direct-connection',
    'archive-command',
    'archiving-arrives',
    'repository',
    'engine-folders',
    'engine-version',
    'clone-binaries',
    'collation',
    'extensions',
    'clone-disk',
    'grants',
    'replication-slots',
    'workload',
    'what-if',
  ]) {
    expect(of(lines, name), name).not.toHaveLength(0);
  }
});

test.runIf(process.getuid?.() === 0)('clones in a folder that their OS user cannot get to', async () => {
  const closed = join(folder, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  const lines = await examine({ ...policy, clone: { ...policy.clone, directory: join(closed, 'clones') } });
  expect(of(lines, 'clone-disk').map(({ line }) => line)).toContainEqual(expect.stringMatching(/OS user \S+ of the clones cannot enter .*closed/));
});

describe.runIf(process.getuid?.() === 0)('folders of the configuration that the OS user of the engine cannot use', () => {
  /** A copy of the cluster's own configuration with other options. */
  const configured = (name: string, ...options: readonly string[]): ClusterPolicy => {
    const config = join(folder, `${name}.conf`);
    const said = options.map((option) => option.slice(0, option.indexOf('=') + 1));
    const kept = readFileSync(policy.engine.config, 'utf8')
      .split('\n')
      .filter((line) => !said.some((option) => line.startsWith(option)));
    writeFileSync(config, kept.flatMap((line) => (line === '[global]' ? [line, ...options] : [line])).join('\n'));
    return { ...policy, engine: { ...policy.engine, config } };
  };
  const closed = (name: string) => {
    mkdirSync(join(folder, name), { mode: 0o700 });
    return join(folder, name);
  };

  test('a lock-path of another user: asking works, and the backup would fail', async () => {
    const locks = closed('locks-of-root');
    const shut = configured('lock-path', `lock-path=${locks}`);
    const lines = await examine(shut, { archivePatienceMs: 0 });
    expect(of(lines, 'repository')).toMatchObject([{ outcome: 'ok' }]);
    expect(of(lines, 'engine-folders')).toMatchObject([
      {
        outcome: 'fault',
        line: expect.stringMatching(/^OS user postgres cannot write to \S+locks-of-root \(lock-path\)/),
        fix: expect.stringContaining('lock-path'),
      },
    ]);
    const request = { type: 'full', requestKey: 'shut-out', repository: 1 } as const;
    await expect(pgbackrest(shut, { observe: () => {} }).backup(request, testIo())).rejects.toMatchObject({
      message: expect.stringContaining('locks-of-root'),
    });
  });

  test('a lock that a run of another user left', async () => {
    const locks = closed('locks');
    chmodSync(locks, 0o1777);
    writeFileSync(join(locks, `${policy.engine.stanza}-backup.lock`), '', { mode: 0o600 });
    const lines = await examine(configured('lock-path', `lock-path=${locks}`), { archivePatienceMs: 0 });
    expect(of(lines, 'engine-folders')).toMatchObject([{ outcome: 'fault', line: expect.stringContaining(`${policy.engine.stanza}-backup.lock`) }]);
  });

  test('a spool-path counts where archiving is asynchronous only', async () => {
    const spool = closed('spool-of-root');
    const without = configured('spool', `spool-path=${spool}`);
    expect(of(await examine(without, { archivePatienceMs: 0 }), 'engine-folders')).toMatchObject([{ outcome: 'ok' }]);
    const asynchronous = configured('spool-async', `spool-path=${spool}`, 'archive-async=y');
    expect(of(await examine(asynchronous, { archivePatienceMs: 0 }), 'engine-folders')).toMatchObject([
      { outcome: 'fault', line: expect.stringMatching(/spool-of-root \(spool-path\)/) },
    ]);
  });

  test('a repository that can be read and not written', async () => {
    const repository = /^repo1-path=(.*)$/m.exec(readFileSync(policy.engine.config, 'utf8'))?.[1];
    const backups = join(String(repository), 'backup', policy.engine.stanza);
    const { uid, gid, mode } = statSync(backups);
    chownSync(backups, 0, gid);
    chmodSync(backups, 0o750);
    const lines = await examine(policy, { archivePatienceMs: 0 });
    chownSync(backups, uid, gid);
    chmodSync(backups, mode);
    expect(of(lines, 'repository')).toMatchObject([{ outcome: 'ok' }]);
    expect(of(lines, 'engine-folders')).toMatchObject([{ outcome: 'fault', line: expect.stringContaining('(repo1-path)') }]);
  });
});

test('an archive_command that reports success and drops is found, though pg_stat_archiver is green', async () => {
  const [before] = await cluster.sql<{ archive_command: string }>('show archive_command');
  await cluster.sql(`alter system set archive_command = 'true --stanza=main archive-push'`);
  await cluster.sql('select pg_reload_conf()');
  await expect.poll(async () => (await cluster.sql('show archive_command'))[0]).toEqual({ archive_command: 'true --stanza=main archive-push' });
  const [{ segment } = { segment: '' }] = await cluster.sql<{ segment: string }>('select pg_walfile_name(pg_current_wal_insert_lsn()) as segment');
  await finishSegment();
  await expect
    .poll(async () => (await cluster.sql('select last_archived_wal >= $1 as dropped from pg_stat_archiver', { params: [segment] }))[0], { timeout: 20_000 })
    .toEqual({ dropped: true });
  const lines = await examine(policy, { archivePatienceMs: 1_000 });
  expect(of(lines, 'archiver')).toMatchObject([{ outcome: 'ok' }]);
  expect(of(lines, 'archiving-arrives')).toMatchObject([{ outcome: 'fault', line: expect.stringContaining('whatever pg_stat_archiver says') }]);
  await cluster.sql(`alter system set archive_command = '${before?.archive_command.replaceAll("'", "''")}'`);
  await cluster.sql('select pg_reload_conf()');
  await expect.poll(async () => (await cluster.sql('show archive_command'))[0]).toEqual(before);
  await finishSegment();
  expect(of(await examine(policy), 'archiving-arrives')).toMatchObject([{ outcome: 'ok' }]);
});

test('each missing grant comes with its statement', async () => {
  await cluster.sql('create role stranger login');
  const lines = await examine({ ...policy, connection: { ...policy.connection, user: 'stranger' } }, { archivePatienceMs: 0 });
  const fixes = of(lines, 'grants').map(({ outcome, fix }) => `${outcome} ${fix}`);
  expect(fixes).toEqual(
    expect.arrayContaining([
      expect.stringContaining('grant pg_read_all_data to "stranger"'),
      expect.stringContaining('alter role "stranger" replication'),
      expect.stringContaining('pg_switch_wal()'),
    ]),
  );
  expect(fixes.every((fix) => fix.startsWith('fault'))).toBe(true);
});

test('a server that does not answer is one line', async () => {
  const lines = await examine({ ...policy, connection: { ...policy.connection, host: '/nowhere' } });
  expect(lines).toMatchObject([{ name: 'connection', outcome: 'fault' }]);
});

test('another cluster in front of the same repository is told apart', async () => {
  const other = await testCluster({ stanzaCreate: false, name: 'other' });
  const lines = await examine({ ...policy, connection: { ...other.policy().connection } }, { archivePatienceMs: 0 });
  expect(of(lines, 'repository')).toMatchObject([{ outcome: 'fault', line: expect.stringContaining('was made by system identifier') }]);
});

test('a host that lacks the binaries is told, and a host that is another is not guessed at', async () => {
  const none = await examine({ ...policy, clone: { ...policy.clone, binaries: folder } });
  expect(of(none, 'clone-binaries')).toMatchObject([{ outcome: 'fault', line: expect.stringContaining(folder) }]);
  const elsewhere = await examine({ ...policy, host: 'elsewhere' });
  expect(of(elsewhere, 'host')).toMatchObject([{ outcome: 'warning', fix: expect.stringContaining('on elsewhere') }]);
  expect(of(elsewhere, 'clone-disk')).toEqual([]);
});

test('an extension whose library this host lacks is named', async () => {
  const view = dependencies();
  await cluster.sql(`update pg_extension set extname = 'nowhere' where extname = 'plpgsql'`);
  const lines = (await runDoctor(view, fleet(policy))).filter(({ name }) => name === 'extensions');
  await cluster.sql(`update pg_extension set extname = 'plpgsql' where extname = 'nowhere'`);
  expect(lines).toMatchObject([{ outcome: 'fault', line: expect.stringContaining('nowhere') }]);
});

test('what an inactive slot holds back is measured', async () => {
  await cluster.sql(`select pg_create_physical_replication_slot('forgotten', true)`);
  await finishSegment();
  await finishSegment();
  const { slots } = await readCluster(policy, readSecret, () => new Date());
  await cluster.sql(`select pg_drop_replication_slot('forgotten')`);
  expect(slots).toMatchObject([{ name: 'forgotten', active: false, temporary: false }]);
  expect(slots[0]?.retainedBytes).toBeGreaterThan(16 * 1024 ** 2);
});

test('a pooler in the way is noticed by the key it hands out', async () => {
  const pooler = await startPooler();
  const lines = await examine({ ...policy, connection: { ...policy.connection, host: folder } });
  await new Promise((resolve) => pooler.close(resolve));
  expect(of(lines, 'direct-connection')).toMatchObject([{ outcome: 'fault' }]);
});

/** Hands out a cancel key of its own, as PgBouncer does, and passes on everything else. */
function startPooler(): Promise<Server> {
  const server = createServer((client) => {
    const upstream = connect(join(cluster.socketDirectory, `.s.PGSQL.${cluster.port}`));
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      const at = chunk.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
      if (at >= 0) chunk.writeInt32BE(1, at + 5);
      client.write(chunk);
    });
    upstream.on('end', () => client.end());
    for (const end of [client, upstream]) end.on('error', () => end.destroy());
  });
  return new Promise((resolve) => server.listen(join(folder, `.s.PGSQL.${cluster.port}`), () => resolve(server)));
}

test('the fleet: an unreachable Temporal, an unread control database, a missing key', async () => {
  const temporal = temporalView('127.0.0.1:1', 'default', () => Connection.connect({ address: '127.0.0.1:1', connectTimeout: 500 }));
  const lines = await runDoctor(dependencies({ temporal }), fleet());
  expect(lines.map(({ name, outcome }) => `${outcome} ${name}`)).toEqual(['fault control-database', 'warning signing-key', 'fault temporal']);
  expect(lines.every(({ fix }) => fix !== null)).toBe(true);
});
