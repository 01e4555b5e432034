import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { sqlText } from '../../ops/cli/plan-sql.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';

let cluster: EmbeddedCluster;
beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
});

const changeIn = (database: string, sql = 'create table found as select current_database()::text as here') =>
  ({ kind: 'add', subject: 'sql', cluster: 'shop', what: '', why: '', sql, place: { host: '/run', port: 5432, database } }) as const;
/** From the database `postgres`, as `assay plan --sql | psql` does; gives its exit status. */
const runInPsql = (input: string) => {
  const on = ['-X', '-q', '-h', cluster.socketDirectory, '-p', String(cluster.port), '-U', 'postgres', 'postgres'];
  try {
    execFileSync(join(cluster.binaries, 'psql'), on, { input, stdio: ['pipe', 'ignore', 'ignore'] });
    return 0;
  } catch (error) {
    return (error as { status: number }).status;
  }
};
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

test('the heading names cluster, database and server', () => {
  expect(sqlText([changeIn('app', 'select 1')])).toBe(
    `-- shop: database "app" of /run:5432\n-- the next line is psql's own; elsewhere leave it out and connect to that database first\n\\connect "app"\nselect 1;\n`,
  );
});

test.each(['app', 'Shop.2', 'it\'s "mine"', 'host=127.0.0.1', 'postgresql://127.0.0.1/postgres', 'a\\b `id` :x $(id)', '-', 'ähnlich'])(
  'psql is led to the database %s',
  async (database) => {
    await cluster.sql(`create database ${quoted(database)}`);
    expect(runInPsql(sqlText([changeIn(database)]))).toBe(0);
    expect(await cluster.sql('select here from found', { database })).toEqual([{ here: database }]);
    expect(await cluster.sql(`select to_regclass('found') as there`)).toEqual([{ there: null }]);
  },
);

test('where the database is not there, nothing is run elsewhere', async () => {
  expect(runInPsql(sqlText([changeIn('nosuch')]))).not.toBe(0);
  expect(await cluster.sql(`select to_regclass('found') as there`)).toEqual([{ there: null }]);
});

test('a name with a line break ends no comment', () => {
  const text = sqlText([{ ...changeIn('x\ndrop table y; --', 'select 1'), cluster: 'shop\nselect 2' }]);
  expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('-- '))).toEqual(['select 1;']);
});
