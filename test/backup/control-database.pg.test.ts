/** The control database on a real server: migrations, versions, who may come when. */
import { beforeAll, describe, expect, test } from 'vitest';
import { openControl } from '../../activities/control/control-database.ts';
import { parseControlUrl } from '../../activities/control/control-url.ts';
import { migrateControl } from '../../activities/control/migrate.ts';
import { knownVersion } from '../../entities/migrations/all.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';

let cluster: EmbeddedCluster;
beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
});

let number = 0;
async function freshControl() {
  number += 1;
  await cluster.sql(`create database control_${number}`);
  const url = `postgres://postgres@localhost:${cluster.port}/control_${number}?host=${encodeURIComponent(cluster.socketDirectory)}`;
  return { url, database: `control_${number}`, control: await openControl(url) };
}

describe('control database', () => {
  test('migrates once, then changes nothing', async () => {
    const { control } = await freshControl();
    expect(await control.migrate()).toEqual({ from: 0, to: knownVersion });
    expect(await control.migrate()).toEqual({ from: knownVersion, to: knownVersion });
    await control.close();
  });

  test('four workers that start at once migrate it once', async () => {
    const { control, url } = await freshControl();
    const others = await Promise.all([openControl(url), openControl(url), openControl(url)]);
    const results = await Promise.all([control, ...others].map((one) => one.migrate()));
    expect(results.filter((result) => result.from === 0)).toHaveLength(1);
    await Promise.all([control, ...others].map((one) => one.close()));
  });

  test('refuses a newer schema and leaves it alone', async () => {
    const { control, database } = await freshControl();
    await control.migrate();
    await cluster.sql('insert into assay_control.schema_version (version) values (99)', { database });
    await expect(migrateControl(control.orm)).rejects.toMatchObject({ code: 'schema-newer', exit: 5 });
    await control.close();
  });

  test('entities and migrations describe the same tables', async () => {
    const { control, database } = await freshControl();
    await control.migrate();
    for (const meta of control.orm.getMetadata().getAll().values()) {
      const columns = await cluster.sql<{ column_name: string; is_nullable: string }>(
        `select column_name, is_nullable from information_schema.columns where table_schema = 'assay_control' and table_name = $1`,
        { database, params: [meta.tableName] },
      );
      const declared = meta.props.flatMap((prop) => prop.fieldNames.map((name) => ({ column_name: name, is_nullable: prop.nullable ? 'YES' : 'NO' })));
      expect(columns.toSorted(byName), meta.tableName).toEqual(declared.toSorted(byName));
    }
    await control.close();
  });

  test('says control-unreachable where nothing listens, without the password', async () => {
    const attempt = openControl('postgres://assay:secretword@127.0.0.1:1/assay');
    await expect(attempt).rejects.toMatchObject({ code: 'control-unreachable' });
    await expect(attempt).rejects.not.toThrow(/secretword/);
  });
});

const byName = (a: { column_name: string }, b: { column_name: string }) => a.column_name.localeCompare(b.column_name);

describe('control url', () => {
  test.each([
    ['postgres://u:p%40ss@db:6432/assay', { host: 'db', port: 6432, user: 'u', password: 'p@ss', dbName: 'assay' }],
    ['postgresql:///assay?host=/run/pg&port=5433&user=me', { host: '/run/pg', port: 5433, user: 'me', dbName: 'assay' }],
    ['postgres://u@%2Frun%2Fpg/assay', { host: '/run/pg', port: 5432, user: 'u' }],
    ['postgresql://u:p@/assay?host=/run/pg&port=5433', { host: '/run/pg', port: 5433, user: 'u', password: 'p', dbName: 'assay' }],
    ['postgresql://u@:5433/assay', { host: 'localhost', port: 5433, user: 'u' }],
    ['postgresql:///assay?host=/run/pg&user=u', { host: '/run/pg', user: 'u' }],
    ['postgres://u@db/assay?sslmode=require', { ssl: { rejectUnauthorized: false } }],
  ])('%s', (url, expected) => {
    expect(parseControlUrl(url)).toMatchObject(expected);
  });

  test.each(['nonsense', 'mysql://u@db/assay', 'postgres://u@db/', 'postgres://u:hidden@db/x?sslmode=prefer'])('refuses %s', (url) => {
    expect(() => parseControlUrl(url)).toThrow(/control database's URL/);
    expect(() => parseControlUrl(url)).not.toThrow(/hidden/);
  });

  test('a root certificate that cannot be read is the usage that is wrong, and is named', () => {
    const parse = () => parseControlUrl('postgres://u:hidden@db/x?sslmode=verify-full&sslrootcert=/nowhere/root.crt');
    expect(parse).toThrow(expect.objectContaining({ code: 'usage', message: expect.stringMatching(/root certificate .*\/nowhere\/root\.crt/) }));
    expect(parse).not.toThrow(/hidden/);
  });
});
