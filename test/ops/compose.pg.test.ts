import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { testCluster } from '../support/cluster.ts';

test('postgres-init.sh makes two roles that own their databases; a password may hold anything; nobody else may connect', async () => {
  const cluster = await testCluster();
  const secrets = mkdtempSync(join(tmpdir(), 'assay-init-'));
  writeFileSync(join(secrets, 'temporal-password'), 'it\'s \\ "hostile" $(x)\n');
  writeFileSync(join(secrets, 'assay-password'), 'plain\n');
  const environment = {
    PATH: process.env.PATH,
    PGHOST: cluster.socketDirectory,
    PGPORT: String(cluster.port),
    PGDATABASE: 'postgres',
    POSTGRES_USER: 'postgres',
  };
  try {
    execFileSync('ops/compose/postgres-init.sh', { env: { ...environment, ASSAY_RUN: secrets }, stdio: 'pipe' });
    const owners = await cluster.sql("select datname, pg_get_userbyid(datdba) as owner from pg_database where datname !~ '^(template|postgres)' order by 1");
    expect(owners).toEqual([
      { datname: 'assay', owner: 'assay' },
      { datname: 'temporal', owner: 'temporal' },
      { datname: 'temporal_visibility', owner: 'temporal' },
    ]);
    await cluster.sql('create role stranger login');
    const connect = async (user: string, database: string) => {
      const client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user, database });
      await client.connect();
      await client.end();
    };
    await connect('temporal', 'temporal_visibility');
    await expect(connect('stranger', 'temporal')).rejects.toThrow(/permission denied/);
    await expect(connect('temporal', 'assay')).rejects.toThrow(/permission denied/);
  } finally {
    rmSync(secrets, { recursive: true });
  }
});
