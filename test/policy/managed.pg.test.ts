import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { pgbackrest } from '../../activities/backup/engines/pgbackrest.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { createEngineConfiguration, managedConfiguration } from '../../workers/commands/plan-engine-configuration.ts';
import { readSecret } from '../../workers/config.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';

let cluster: EmbeddedCluster;
let policy: ClusterPolicy;
const configuration = createEngineConfiguration({
  readSecret,
  engineFor: (each) => pgbackrest(each, { observe: () => {} }),
  io: { signal: new AbortController().signal, beat: () => {}, previous: undefined },
});

beforeAll(async () => {
  cluster = await testCluster({ name: 'own', stanzaCreate: false });
  const keyFile = join(cluster.directory, 'cipher');
  writeFileSync(keyFile, `${randomBytes(24).toString('base64')}\n`, { mode: 0o600 });
  policy = cluster.policy((made) => ({
    ...made,
    engine: {
      ...made.engine,
      ownership: 'managed',
      config: join(cluster.directory, 'managed.conf'),
      repositories: [{ kind: 'posix', id: 1, path: join(cluster.directory, 'managed-repository'), cipherPass: `file:${keyFile}` }],
    },
  }));
});

test('a configuration made from repositories is private, and its stanza is there', async () => {
  expect(await configuration.current(policy)).toBeNull();
  const text = await configuration.desired(policy);
  await configuration.write(policy, text);
  await configuration.write(policy, text);
  expect(await configuration.current(policy)).toBe(await configuration.desired(policy));
  const { mode, uid } = statSync(policy.engine.config);
  expect([mode & 0o777, uid]).toEqual([0o600, cluster.osUser.uid]);
  const info = await pgbackrest(policy, { observe: () => {} }).info(1);
  expect(info).toMatchObject({ stanza: 'own', encrypted: true, backups: [] });
});

test('whoever is not postgres gets places of his own for locks, logs and spool: those of the machine belong to others', async () => {
  const other = await configuration.desired({ ...policy, clone: { ...policy.clone, osUser: 'nobody' } });
  for (const place of ['lock', 'log', 'spool']) expect(other).toContain(`${place}-path=${cluster.directory}/managed.work/${place}\n`);
  // the role that initdb made
  expect(other).toContain('pg1-user=postgres\n');
});

test('a stanza that could not be made is made by the next apply', async () => {
  const path = join(cluster.directory, 'blocked');
  mkdirSync(path);
  writeFileSync(join(path, 'archive'), 'in the way');
  const blocked: ClusterPolicy = {
    ...policy,
    engine: { ...policy.engine, config: join(cluster.directory, 'blocked.conf'), repositories: [{ kind: 'posix', id: 1, path, cipherPass: null }] },
  };
  const text = await configuration.desired(blocked);
  await expect(configuration.write(blocked, text)).rejects.toThrow();
  expect(await configuration.current(blocked)).toBeNull();
  rmSync(join(path, 'archive'));
  chownSync(path, cluster.osUser.uid, cluster.osUser.gid);
  await configuration.write(blocked, text);
  expect(await configuration.current(blocked)).toBe(text);

  const inTheWay = join(path, 'in-the-way');
  writeFileSync(inTheWay, 'no folder');
  const broken: ClusterPolicy = { ...blocked, engine: { ...blocked.engine, repositories: [{ kind: 'posix', id: 1, path: inTheWay, cipherPass: null }] } };
  await expect(configuration.write(broken, await configuration.desired(broken))).rejects.toThrow();
  // the server archives by this file
  expect(await configuration.current(broken)).toBe(text);
  expect(readdirSync(cluster.directory).filter((name) => /draft|tmp$/.test(name))).toEqual([]);
});

test('an adopted configuration is never written', async () => {
  const before = readFileSync(cluster.configFile, 'utf8');
  await expect(configuration.write(cluster.policy(), 'x')).rejects.toThrow(/it was adopted/);
  expect(readFileSync(cluster.configFile, 'utf8')).toBe(before);
});

test('an S3 repository is named with its endpoint, port, style and keys', () => {
  process.env.ASSAY_TEST_KEY = 'k';
  const s3 = {
    kind: 's3',
    id: 2,
    path: '/p',
    bucket: 'b',
    endpoint: 'e',
    port: 9000,
    region: 'r',
    uriStyle: 'path',
    verifyTls: false,
    key: 'env:ASSAY_TEST_KEY',
    keySecret: 'env:ASSAY_TEST_KEY',
    cipherPass: null,
  } as const;
  const text = managedConfiguration(
    { ...policy, engine: { ...policy.engine, repositories: [s3] } },
    { dataDirectory: '/d', socketDirectory: null, port: 5432, user: 'postgres', workFolder: null, beta: false, readSecret },
  );
  for (const line of [
    'repo2-type=s3',
    'repo2-s3-endpoint=e',
    'repo2-storage-port=9000',
    'repo2-s3-uri-style=path',
    'repo2-storage-verify-tls=n',
    'repo2-s3-key=k',
    'expire-auto=n',
    '[own]',
    'pg1-path=/d',
  ])
    expect(text.split('\n')).toContain(line);
  delete process.env.ASSAY_TEST_KEY;
});
