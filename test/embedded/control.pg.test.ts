import { existsSync, statSync } from 'node:fs';
import pg from 'pg';
import { expect, test } from 'vitest';
import { startControl } from '../../workers/embedded/control.ts';

async function one(url: string, text: string) {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(text)).rows[0];
  } finally {
    await client.end();
  }
}

test('the control database asks for its password, belongs to a role without superuser, and is taken up again', async () => {
  const control = await startControl();
  try {
    expect(await one(control.url, 'select current_database() as db, rolsuper from pg_roles where rolname = current_user')).toEqual({
      db: 'assay',
      rolsuper: false,
    });
    await expect(one(control.url.replace(/:[^:@/]+@/, ':wrong@'), 'select 1')).rejects.toThrow(/password authentication failed/);
    expect(statSync(control.urlFile).mode & 0o777).toBe(0o600);
    await one(control.url, 'create table t ()');
    await control.stop('fast');
    const again = await startControl({ directory: control.directory });
    expect(again.url).toBe(control.url);
    expect(await one(again.url, `select to_regclass('t') is not null as there`)).toEqual({ there: true });
    const other = await control.createDatabase('Other "one"');
    expect(await one(other, 'select current_database() as db')).toEqual({ db: 'Other "one"' });
  } finally {
    await control.destroy();
  }
  expect(existsSync(control.directory)).toBe(false);
});
