import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { engineConfigText, includedFolder } from '../../activities/backup/engines/pgbackrest/config.ts';
import { initPolicy } from '../../workers/commands/init.ts';
import { archiveTarget, findForeignJobs, stanzasOf } from '../../workers/commands/init-find.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { readPolicy } from '../../workers/read-policy.ts';
import { testCluster } from '../support/cluster.ts';

const parent = mkdtempSync(join(tmpdir(), 'assay-init-'));
afterAll(() => rmSync(parent, { recursive: true }));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(parent, 'one-'));
});
/** A file of a pretended machine. */
const plant = (path: string, text: string) => {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
};

describe('for a cluster that is there', () => {
  let cluster: EmbeddedCluster;
  beforeAll(async () => {
    cluster = await testCluster({ name: 'till' });
  });
  const init = (more: object = {}) =>
    initPolicy({ file: join(folder, 'assay.yaml'), host: 'db1', root: folder, connection: { host: cluster.socketDirectory, port: cluster.port }, ...more });

  test('adopts the configuration that its archive_command names, and touches nothing', async () => {
    const before = readFileSync(cluster.configFile, 'utf8');
    const found = await init();
    const policy = readPolicy(found.file).clusters[0];
    expect(policy).toMatchObject({
      cluster: 'till',
      host: 'db1',
      engine: { stanza: 'till', config: cluster.configFile, ownership: 'adopted' },
      connection: { host: cluster.socketDirectory, user: 'postgres' },
    });
    expect(policy?.schedules.full).not.toBeNull();
    expect(readFileSync(found.file, 'utf8')).toContain('archive_command stays as it is: ');
    expect(readFileSync(cluster.configFile, 'utf8')).toBe(before);
  });

  test('adopts the configuration it is given', async () => {
    expect((await init({ config: cluster.configFile })).adopted).toMatchObject({ stanza: 'till', dataDirectory: cluster.dataDirectory });
    await expect(init({ file: join(folder, 'b.yaml'), config: '/etc/hostname' })).rejects.toThrow(/names no stanza/);
    await expect(init({ file: join(folder, 'b.yaml'), config: cluster.configFile, stanza: 'nobody' })).rejects.toThrow(/names no stanza nobody/);
    expect(await init({ file: join(folder, 'c.yaml'), dryRun: true })).toMatchObject({ written: [], text: expect.stringContaining('version: 1') });
    expect(existsSync(join(folder, 'c.yaml'))).toBe(false);
  });

  test('its examples name a database that is there, and are sound without their marks', async () => {
    await cluster.sql('create database "Or: ders #1"');
    const { file } = await init();
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(/^ {4}# optimizer:$/m, '    optimizer:').replace(/^ {4}# {3}database: /m, '      database: '));
    await cluster.sql('drop database "Or: ders #1"');
    expect(readPolicy(file).clusters[0]?.optimizer).toMatchObject({ database: 'Or: ders #1' });
    expect(text).toContain('- { name: orders have customers, database: "Or: ders #1", sql: ');
    await cluster.sql('create database "true"');
    const { text: bare } = await init({ force: true, dryRun: true });
    await cluster.sql('drop database "true"');
    expect(bare).toContain('database: "true"');
  });

  test('never overwrites without being told to', async () => {
    await init();
    writeFileSync(join(folder, 'assay.yaml'), 'mine');
    await expect(init()).rejects.toThrow(/it exists/);
    expect(readFileSync(join(folder, 'assay.yaml'), 'utf8')).toBe('mine');
    await init({ force: true });
    expect(readPolicy(join(folder, 'assay.yaml')).clusters).toHaveLength(1);
  });

  test('says how to get in where the server asks who comes', async () => {
    await cluster.sql("create role keeper login password 'right'");
    const hba = join(cluster.dataDirectory, 'pg_hba.conf');
    const before = readFileSync(hba, 'utf8');
    writeFileSync(hba, `local all keeper scram-sha-256\nlocal all nobody peer\n${before}`);
    await cluster.sql('select pg_reload_conf()');
    const asked = { host: cluster.socketDirectory, port: cluster.port };
    await expect
      .poll(async () => (await init({ force: true, connection: { ...asked, user: 'keeper' } })).notes[0])
      .toContain('the server asks for a password, and none is given');
    process.env.PGPASSWORD = 'right';
    try {
      await expect
        .poll(async () => (await init({ force: true, cluster: 'till', connection: { ...asked, user: 'nobody' } })).notes)
        .toEqual([
          expect.stringContaining('Peer authentication failed'),
          expect.stringContaining('createuser -p'),
          expect.stringContaining('assay.password'),
          `Then look again: assay init --force --name till --connection postgresql://assay@127.0.0.1:${cluster.port}/postgres`,
        ]);
      // what may look like a secret in other people's lines is none in ours
      expect(readFileSync(join(folder, 'assay.yaml'), 'utf8')).toContain('sudo -u postgres createuser');
      const { file } = await init({ force: true, connection: { ...asked, user: 'keeper' } });
      expect(readPolicy(file).clusters[0]?.connection).toMatchObject({ user: 'keeper', password: 'env:PGPASSWORD' });
      delete process.env.PGPASSWORD;
      writeFileSync(join(folder, 'assay.password'), 'right\n', { mode: 0o600 });
      const kept = await init({ force: true, connection: { ...asked, user: 'keeper' } });
      expect(kept.server).not.toBeNull();
      expect(readPolicy(file).clusters[0]?.connection.password).toBe(`file:${join(folder, 'assay.password')}`);
    } finally {
      delete process.env.PGPASSWORD;
      writeFileSync(hba, before);
      await cluster.sql('select pg_reload_conf()');
    }
  });

  test('leaves schedules to a foreign job that makes backups already, and names it', async () => {
    plant('etc/cron.d/backup', '# pgbackrest backup\n0 2 * * * postgres pgbackrest --stanza=till --type=full backup\n');
    const found = await init();
    expect(found.foreignJobs).toBe(1);
    expect(readFileSync(found.file, 'utf8')).toContain('--type=full backup');
    expect(readPolicy(found.file).clusters[0]?.schedules).toEqual({ full: null, differential: null, incremental: null });
  });
});

test('writes a sound file where no server answers and no engine is configured', async () => {
  const found = await initPolicy({
    file: join(folder, 'assay.yaml'),
    host: 'db1',
    root: folder,
    config: undefined,
    connection: { host: '/nowhere' },
    state: join(folder, 'state'),
    cluster: 'shop',
  });
  expect(found.notes).toContainEqual(expect.stringContaining('did not answer'));
  expect(readPolicy(found.file).clusters[0]?.clone.directory).toBe(join(folder, 'state/clones'));
  expect(readPolicy(found.file).clusters[0]?.cluster).toBe('shop');
});

test('the signing key signs, is 0600, and is never overwritten', async () => {
  const options = { host: 'db1', root: folder, connection: { host: '/nowhere' }, signingKey: join(folder, 'signing.key') };
  const { keys, file } = await initPolicy({ ...options, file: join(folder, 'assay.yaml') });
  const [privateKey, publicKey] = [readFileSync(keys?.privateKey ?? ''), readFileSync(keys?.publicKey ?? '')];
  const text = Buffer.from('certificate');
  expect(verify(null, text, createPublicKey(publicKey), sign(null, text, createPrivateKey(privateKey)))).toBe(true);
  expect(statSync(keys?.privateKey ?? '').mode & 0o777).toBe(0o600);
  expect(readPolicy(file).signingKey).toBe(`file:${join(folder, 'signing.key')}`);
  const again = await initPolicy({ ...options, file, force: true });
  expect(again.written).toEqual([file]);
  expect(again.notes).toContainEqual(expect.stringContaining('certificates may need it'));
  expect(readFileSync(keys?.privateKey ?? '')).toEqual(privateKey);
  expect(readPolicy(file).signingKey).toBe(`file:${join(folder, 'signing.key')}`);
});

describe('a pgbackrest.conf with odd content', () => {
  const init = (more: object = {}) => initPolicy({ file: join(folder, 'assay.yaml'), host: 'db1', root: folder, connection: { host: '/nowhere' }, ...more });

  test('in pieces: the folder that the engine reads beside its usual file counts, for reading and for running it', async () => {
    plant('etc/pgbackrest/pgbackrest.conf', '[global]\nrepo1-path=/repo\n');
    plant('etc/pgbackrest/conf.d/10-till.conf', '[till]\npg1-path=/data\n');
    plant('etc/pgbackrest/conf.d/20-more.conf', '[till]\r\npg1-port = 6543\r\n');
    plant('etc/pgbackrest/conf.d/till.conf.bak', '[gone]\npg1-path=/gone\n');
    plant('etc/pgbackrest.conf', '[decoy]\npg1-path=/decoy\n');
    const config = join(folder, 'etc/pgbackrest/pgbackrest.conf');
    const found = await init();
    expect(found.adopted).toEqual({ stanza: 'till', config, dataDirectory: '/data', port: 6543, socketDirectory: null, user: null });
    expect(found.notes).not.toContainEqual(expect.stringContaining('decoy'));
    expect(includedFolder(config, folder)).toBe(join(folder, 'etc/pgbackrest/conf.d'));
    expect(includedFolder(join(folder, 'elsewhere.conf'), folder)).toBeNull();
    expect(engineConfigText(config, folder)).toMatch(/repo1-path=.*pg1-path=\/data.*pg1-port = 6543/s);
  });

  test('comments, blanks, old names, sections of commands and of nothing', async () => {
    const text =
      '# [ghost]\n# pg1-path=/ghost\n\n [global]\n#x\nrepo-path = /repo\n[global:backup]\nprocess-max=3\n[empty]\n\n[Old_Till.2]\ndb-path =  /da ta \ndb-port=7000\n[Old_Till.2:restore]\nprocess-max=1\n';
    plant('etc/pgbackrest.conf', text);
    const { adopted, cluster, file } = await init();
    expect(adopted).toMatchObject({ stanza: 'Old_Till.2', dataDirectory: '/da ta', port: 7000 });
    expect(cluster).toBe('main');
    expect(readPolicy(file).clusters[0]?.engine).toMatchObject({ stanza: 'Old_Till.2', ownership: 'adopted' });
    expect(readFileSync(join(folder, 'etc/pgbackrest.conf'), 'utf8')).toBe(text);
  });

  test('a stanza whose name no policy can hold is said, not adopted', async () => {
    plant('etc/pgbackrest.conf', "[it's the till]\npg1-path=/data\n");
    const { adopted, notes } = await init();
    expect(adopted).toBeNull();
    expect(notes).toContainEqual(expect.stringMatching(/^Stanza "it's the till" of .*pgbackrest.conf is not adopted: a name may hold letters/));
  });

  test.each([
    ['nothing', ''],
    ['no section', 'repo1-path=/repo\n'],
    ['no line of its kind', '\u0000\u0001{"json": true}\n[]\n[unclosed\n= =\n'],
  ])('%s: a sound file all the same, and nothing adopted', async (_what, text) => {
    plant('etc/pgbackrest.conf', text);
    const { adopted, file } = await init();
    expect(adopted).toBeNull();
    expect(readPolicy(file).clusters).toHaveLength(1);
  });
});

test('a socket that lies elsewhere is named', async () => {
  plant('tmp/.s.PGSQL.6543', '');
  const { notes } = await initPolicy({ host: 'db1', root: folder, file: join(folder, 'assay.yaml'), connection: { host: join(folder, 'run'), port: 6543 } });
  expect(notes).toContainEqual(expect.stringContaining("lies in /tmp: assay init --force --connection 'postgresql://postgres@/postgres?host=/tmp&port=6543'"));
});

test('a second look goes on with the key and the control URL that lie beside the policy', async () => {
  const options = { host: 'db1', root: folder, file: join(folder, 'assay.yaml'), connection: { host: '/nowhere' } };
  await initPolicy({ ...options, signingKey: join(folder, 'signing.key') });
  writeFileSync(join(folder, 'control-url'), 'postgresql://a@b/c\n', { mode: 0o600 });
  await initPolicy({ ...options, force: true });
  expect(readPolicy(options.file)).toMatchObject({ signingKey: `file:${folder}/signing.key`, control: `file:${folder}/control-url` });
});

test('what stands in the place of a key and is none is never overwritten', async () => {
  const options = { host: 'db1', root: folder, file: join(folder, 'assay.yaml'), connection: { host: '/nowhere' }, signingKey: join(folder, 'signing.key') };
  writeFileSync(join(folder, 'signing.key'), 'mine');
  await expect(initPolicy(options)).rejects.toThrow(/no private key/);
  expect(existsSync(options.file)).toBe(false);
  rmSync(join(folder, 'signing.key'));
  writeFileSync(join(folder, 'signing.pub'), 'of another');
  await expect(initPolicy(options)).rejects.toThrow(/without its private one/);
  expect(existsSync(join(folder, 'signing.key'))).toBe(false);
});

test('a policy that is there stays as it is when only a key is asked for', async () => {
  writeFileSync(join(folder, 'assay.yaml'), 'mine');
  const { written, notes } = await initPolicy({ file: join(folder, 'assay.yaml'), host: 'db1', root: folder, signingKey: join(folder, 'signing.key') });
  expect(written).toEqual([join(folder, 'signing.key'), join(folder, 'signing.pub')]);
  expect(notes).toEqual([expect.stringContaining(`signing_key: file:${join(folder, 'signing.key')}`)]);
  expect(readFileSync(join(folder, 'assay.yaml'), 'utf8')).toBe('mine');
  // the key is there as well by now: nothing is left to write, which is no success
  const again = initPolicy({ file: join(folder, 'assay.yaml'), host: 'db1', root: folder, signingKey: join(folder, 'signing.key') });
  await expect(again).rejects.toMatchObject({ code: 'refused-by-guard', exit: 5, message: expect.stringContaining('nothing was written') });
  const dry = await initPolicy({ file: join(folder, 'assay.yaml'), host: 'db1', root: folder, connection: { host: '/nowhere' }, dryRun: true });
  expect(dry.notes).toContainEqual(expect.stringContaining('it is left as it is, unless --force is given'));
});

test('passwords in the lines of other jobs are not copied', async () => {
  plant('etc/cron.d/dump', '0 2 * * * x PGPASSWORD=hunter2 pg_dump postgresql://u:hunter3@h/d\n');
  const { file } = await initPolicy({ file: join(folder, 'assay.yaml'), host: 'db1', root: folder, connection: { host: '/nowhere' } });
  expect(readFileSync(file, 'utf8')).toContain('pg_dump postgresql://u:***@h/d');
  expect(readFileSync(file, 'utf8')).not.toContain('hunter');
});

test('foreign jobs: cron lines and timers, not comments, not archiving units', () => {
  plant('etc/crontab', '#pg_dump off\n5 4 * * * root pg_dump shop > /backup/shop.sql\n');
  plant('etc/systemd/system/barman.timer', '[Timer]\nOnCalendar=daily\n');
  plant('etc/systemd/system/barman.service', '[Service]\nDescription=barman\nExecStart=/usr/bin/barman backup all\n');
  plant('etc/systemd/system/wal-g.service', '[Service]\nExecStart=/usr/bin/wal-g wal-push\n');
  expect(findForeignJobs(folder).map(({ where, line }) => `${where.replaceAll(folder, '')}: ${line}`)).toEqual([
    '/etc/crontab: 5 4 * * * root pg_dump shop > /backup/shop.sql',
    '/etc/systemd/system/barman.timer → /etc/systemd/system/barman.service: ExecStart=/usr/bin/barman backup all',
  ]);
});

test('stanzas are the sections with a data directory', () => {
  const text =
    '[global]\nrepo1-path=/r\n#[old]\n#pg1-path=/x\n[main]\npg1-path = /data\npg1-port=5433\npg1-user=keeper\n[main:archive-push]\nprocess-max=2\n[global:backup]\nx=y\n';
  expect(stanzasOf(text, '/c')).toEqual([{ stanza: 'main', config: '/c', dataDirectory: '/data', port: 5433, socketDirectory: null, user: 'keeper' }]);
});

test.each([
  ["'/usr/bin/pgbackrest' --config='/c' --stanza='s' archive-push %p", { stanza: 's', config: '/c' }],
  ['pgbackrest --stanza s archive-push %p', { stanza: 's', config: null }],
  ['cp %p /wal/%f', { stanza: null, config: null }],
])('archive_command %s', (command, target) => expect(archiveTarget(command)).toEqual(target));
