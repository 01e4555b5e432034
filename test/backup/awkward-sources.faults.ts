/** Sources as people really run them: nothing sound in them may ever be called broken, and nothing about them may keep a proof waiting. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { privateFolder } from '../../activities/os-user.ts';
import { run } from '../../activities/process.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { type Prover, proverOf } from '../support/prover.ts';
import { askRestored, stopAfterwards, stopAllRestored } from '../support/restored.ts';

/** 63 bytes, the most a name can have. */
const LONG = '数'.repeat(21);
const SEGMENT = 64 * 1024 * 1024;

let cluster: EmbeddedCluster;
let prover: Prover;

const session = async (database: string): Promise<pg.Client> => {
  const client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database });
  client.on('error', () => {});
  await client.connect();
  return client;
};

/** Segments of 64 MB, no page checksums: what only initdb decides is changed before the first backup. */
beforeAll(async () => {
  const settings = { min_wal_size: '256MB', wal_compression: 'on', max_prepared_transactions: '5', max_wal_size: '1GB' };
  cluster = await testCluster({ settings: { ...settings, min_wal_size: '256MB' }, stanzaCreate: false });
  await cluster.stop('fast');
  const tool = (program: string, ...options: string[]) =>
    run({ argv: [join(cluster.binaries, program), ...options, '-D', cluster.dataDirectory], as: cluster.osUser, deadlineMs: 60_000 });
  await tool('pg_checksums', '--disable');
  await tool('pg_resetwal', `--wal-segsize=${SEGMENT / 1024 ** 2}`);
  await cluster.start();
  await cluster.pgbackrest('stanza-create');
  await cluster.sql(`create database "${LONG}"`);
  await cluster.sql(`create role "${'ü'.repeat(31)}x" login; create table held as select g as id, md5(g::text) as v from generate_series(1, 2000) g`, {
    database: LONG,
  });
  await cluster.sql('create table batch (n int); create table busy as select 1 as n');
  await cluster.sql('create table offer (until timestamptz check (until > now()), day date check (day <= current_date + 1))');
  await cluster.sql("insert into offer values (clock_timestamp() + interval '200 milliseconds', current_date)");
  prover = await proverOf(cluster);
}, 180_000);

afterAll(stopAllRestored);

describe('a source with segments of 64 MB, without page checksums, with names of 63 bytes', { timeout: 120_000 }, () => {
  it('is proven; that checksums are off, and a constraint that time has outlived, are findings', async () => {
    expect(await cluster.sql('show wal_segment_size')).toEqual([{ wal_segment_size: '64MB' }]);
    await prover.backup();
    await prover.mark();
    const { proof } = await prover.prove();
    expect(proof).toMatchObject({ verdict: 'proven', level: 'content' });
    expect(proof.found).toEqual([
      expect.stringMatching(/^1 that depend on more than their row do not hold now: public\.offer check offer_until_check; 2 checked/),
      expect.stringContaining('page checksums are off'),
    ]);
  });
});

describe('time-outs that the source sets for a database or a role', { timeout: 120_000 }, () => {
  it('do not end the checks of its clone', async () => {
    await cluster.sql(`alter database "${LONG}" set statement_timeout = '1ms'`);
    await prover.backup('incremental');
    await prover.mark();
    const { proof } = await prover.prove();
    await cluster.sql(`alter database "${LONG}" reset statement_timeout`);
    expect(proof).toMatchObject({ verdict: 'proven', level: 'content' });
  });
});

describe('prepared transactions at the marker', { timeout: 240_000 }, () => {
  it('that changed rows are as little in the clone as in the marker; one that holds a table for itself is told, within minutes', async () => {
    await cluster.sql("begin; insert into batch values (1); prepare transaction 'rows'");
    await prover.backup('incremental');
    await prover.mark();
    expect((await prover.prove()).proof).toMatchObject({ verdict: 'proven', level: 'content' });
    await cluster.sql("begin; lock table busy; insert into busy values (2); prepare transaction 'held'");
    await prover.backup('incremental');
    await prover.mark();
    const began = Date.now();
    const { proof } = await prover.prove();
    await cluster.sql("rollback prepared 'held'");
    await cluster.sql("rollback prepared 'rows'");
    expect(proof).toMatchObject({ verdict: 'inconclusive' });
    expect(proof.because.join()).toMatch(/busy/);
    expect(Date.now() - began).toBeLessThan(120_000);
  });
});

describe('a database that DROP DATABASE left half', { timeout: 120_000 }, () => {
  it('is named as not covered, and the rest is proven', async () => {
    await cluster.sql('create database half');
    await cluster.sql("update pg_database set datconnlimit = -2 where datname = 'half'");
    await prover.backup('incremental');
    await prover.mark();
    const { proof } = await prover.prove();
    await cluster.sql('drop database half');
    expect(proof).toMatchObject({ verdict: 'proven', level: 'content' });
    expect(proof.coverage?.notCovered).toContain('half (database-excluded)');
  });
});

describe('a database that nobody can log in to, for want of a library', { timeout: 120_000 }, () => {
  it('is named as not covered; the clone has not the library either, and is told as such', async () => {
    await cluster.sql('create database unloaded');
    await cluster.sql("alter database unloaded set session_preload_libraries = 'no_such_library'");
    await prover.backup('incremental');
    await prover.mark();
    const { proof } = await prover.prove();
    await cluster.sql('drop database unloaded');
    expect(proof).toMatchObject({ verdict: 'inconclusive', cause: 'missing-extension' });
    expect(proof.because.join()).toContain('unloaded: could not access file "no_such_library"');
    expect(proof.coverage?.notCovered).toContain('unloaded (database-excluded)');
  });
});

describe('a transaction with more than 64 subtransactions, open from before the backup until after the marker', { timeout: 240_000 }, () => {
  let batch: pg.Client;
  beforeAll(async () => {
    batch = await session('postgres');
    await batch.query('begin');
    await batch.query('do $$ begin for i in 1..100 loop begin insert into batch values (i); exception when others then null; end; end loop; end $$');
    await prover.backup();
    await prover.mark();
  });
  afterAll(async () => {
    await batch.end();
  });

  it('keeps no proof waiting: where one marker is compared it is proven, further ones cannot be walked to', async () => {
    const began = Date.now();
    const { proof } = await prover.prove();
    expect(proof).toMatchObject({ verdict: 'inconclusive', cause: 'marker-unusable' });
    expect(proof.because.join()).toContain('more than 64 subtransactions');
    const one = { ...prover.policy, excludedDatabases: [LONG] };
    await prover.mark(one);
    const alone = await prover.prove({ policy: one });
    expect(alone.proof).toMatchObject({ verdict: 'proven', level: 'content' });
    expect((await prover.prove({ level: 'structure' })).proof).toMatchObject({ verdict: 'proven', level: 'structure' });
    expect(Date.now() - began).toBeLessThan(120_000);
  });

  it('does not keep a person from the moment that is needed', async () => {
    await cluster.sql('insert into busy values (77)');
    const [moment] = await cluster.sql<{ at: Date }>('select clock_timestamp() as at');
    await cluster.sql('insert into busy values (78)');
    await prover.mark();
    const into = stopAfterwards(join(privateFolder(join(cluster.directory, 'restores'), cluster.osUser), 'needed'), cluster);
    const { proof, stays } = await prover.prove({ target: { kind: 'time', at: moment?.at.toISOString() ?? '' }, into });
    expect({ verdict: proof.verdict, stays }).toEqual({ verdict: 'proven', stays: true });
    expect(await askRestored(into, 'select n from busy order by n')).toEqual([{ n: 1 }, { n: 77 }]);
    expect(await askRestored(into, 'select count(*)::int as n from batch')).toEqual([{ n: 0 }]);
  });
});

describe("a user's configuration that keeps the engine quiet", { timeout: 120_000 }, () => {
  it('does not make a repository that went away look like WAL that is missing', async () => {
    await prover.backup();
    await prover.mark();
    const loud = readFileSync(cluster.configFile, 'utf8');
    writeFileSync(cluster.configFile, loud.replace('log-level-console=warn', 'log-level-console=off\nlog-level-stderr=off'));
    expect(readFileSync(cluster.configFile, 'utf8')).not.toBe(loud);
    const away = `${cluster.repositoryPath}.away`;
    const { restoreClone } = prover.steps;
    const { proof } = await prover.prove({}, { restoreClone: (request) => restoreClone(request).finally(() => renameSync(cluster.repositoryPath, away)) });
    renameSync(away, cluster.repositoryPath);
    expect(proof).toMatchObject({ verdict: 'inconclusive', cause: 'repository-unreachable' });
  });
});

describe('a foreign job that expires backups while one of them is proven', { timeout: 240_000 }, () => {
  it.each(['inspectRepository', 'restoreClone'] as const)('before %s: nothing is said of the backup, it is gone', async (step) => {
    const backup = await prover.backup();
    await prover.mark();
    await prover.backup();
    const original = prover.steps[step] as (request: unknown) => Promise<unknown>;
    const taken = async (request: unknown) => {
      await cluster.pgbackrest(`--set=${backup.label}`, '--repo=1', '--repo1-retention-full=9', 'expire');
      return original(request);
    };
    const { proof } = await prover.prove({ label: backup.label }, { [step]: taken });
    expect(proof).toMatchObject({ verdict: 'inconclusive', cause: 'interrupted' });
    expect(proof.because.join()).toContain(backup.label);
  });
});
