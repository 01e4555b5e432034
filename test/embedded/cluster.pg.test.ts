import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { describeS3, startS3 } from '../support/s3.ts';

test('a cluster archives, backs up encrypted, keeps its data over a crash, and is gone when destroyed', async () => {
  const cluster = await testCluster({ name: 'shop', settings: { work_mem: '5MB' } });
  expect(await cluster.sql('select name, setting from pg_settings where name = any($1) order by name', { params: [wanted] })).toEqual([
    { name: 'archive_mode', setting: 'on' },
    { name: 'data_checksums', setting: 'on' },
    { name: 'listen_addresses', setting: '' },
    { name: 'wal_level', setting: 'logical' },
    { name: 'work_mem', setting: '5120' },
  ]);
  expect(statSync(cluster.configFile).mode & 0o777).toBe(0o600);
  expect(statSync(cluster.configFile).uid).toBe(statSync(cluster.dataDirectory).uid);
  expect(statSync(cluster.socketDirectory).mode & 0o777).toBe(0o700);

  await cluster.sql(`create table t as select generate_series(1, 100) as i`);
  await cluster.pgbackrest('backup', '--type=full');
  const [info] = JSON.parse(await cluster.pgbackrest('info', '--output=json'));
  expect(info).toMatchObject({ cipher: 'aes-256-cbc', status: { code: 0 } });
  expect(info.backup).toHaveLength(1);

  await cluster.stop('immediate');
  await expect(cluster.sql('select')).rejects.toThrow();
  await cluster.start();
  expect(await cluster.sql('select count(*)::int as n from t')).toEqual([{ n: 100 }]);

  await cluster.destroy();
  expect(existsSync(cluster.directory)).toBe(false);
  await cluster.destroy();
});
const wanted = ['data_checksums', 'wal_level', 'archive_mode', 'listen_addresses', 'work_mem'];

test('a folder that holds a cluster is taken up again, key and data included', async () => {
  const first = await testCluster();
  await first.sql('create table t ()');
  const key = readFileSync(first.configFile, 'utf8');
  await first.stop('fast');
  const second = await createCluster({ directory: first.directory });
  expect(readFileSync(second.configFile, 'utf8')).toBe(key);
  expect(await second.sql(`select to_regclass('t') is not null as there`)).toEqual([{ there: true }]);
  await second.pgbackrest('check');
});

test('a server that cannot start says why; what is left of it would fail the run', async () => {
  await expect(createCluster({ settings: { shared_preload_libraries: 'no_such_library' } })).rejects.toThrow(/no_such_library/);
});

describeS3('on a real S3 server', () => {
  test('backups and WAL arrive in the bucket', async () => {
    const s3 = await startS3();
    const cluster = await testCluster({ name: 'shop', repository: s3.repository });
    await cluster.pgbackrest('backup', '--type=full');
    await cluster.pgbackrest('check');
    expect(existsSync(join(s3.bucketDirectory, 'shop/backup/shop/backup.info'))).toBe(true);
    expect(existsSync(join(cluster.directory, 'repo'))).toBe(false);
  });
});
