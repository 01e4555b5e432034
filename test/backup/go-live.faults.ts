/** What a restore says is left to do, done as it says: with a tablespace, and a configuration outside the data directory. */
import { appendFileSync, chownSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { privateFolder } from '../../activities/os-user.ts';
import { run } from '../../activities/process.ts';
import type { BackupRestoreInput, BackupRestoreResult } from '../../domain/backup/requests.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import { freshKey, startBackup, startProof, useFleet } from '../support/fleet.ts';
import { stopAfterwards, stopAllRestored } from '../support/restored.ts';

const fleet = useFleet();
const cluster = () => fleet.get().cluster;
const HOSTILE = `we"ird '; drop--$x`;

/** As a service would: the data directory is told where its configuration lies. */
const service = (command: 'start' | 'stop') => {
  const { binaries, dataDirectory, directory, osUser } = cluster();
  const etc = command === 'start' ? ['-o', `-c config_file=${directory}/etc/postgresql.conf`, '-l', join(directory, 'log/service.log')] : ['-m', 'immediate'];
  return run({ argv: [join(binaries, 'pg_ctl'), '-D', dataDirectory, ...etc, '-w', '-s', command], as: osUser, deadlineMs: 60_000 });
};

beforeAll(async () => {
  const { directory, dataDirectory, osUser, sql } = cluster();
  const own = (path: string) => osUser.switched && chownSync(path, osUser.uid, osUser.gid);
  await sql(`create tablespace fast location '${privateFolder(join(directory, 'fast'), osUser)}'`);
  await sql(`create database "${HOSTILE.replaceAll('"', '""')}"`);
  await sql('create table account (id int primary key) tablespace fast; insert into account select generate_series(1, 1000)');
  await cluster().stop('fast');
  mkdirSync(join(directory, 'etc'));
  for (const name of ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf']) renameSync(join(dataDirectory, name), join(directory, 'etc', name));
  const files = { data_directory: dataDirectory, hba_file: `${directory}/etc/pg_hba.conf`, ident_file: `${directory}/etc/pg_ident.conf` };
  appendFileSync(
    join(directory, 'etc/postgresql.conf'),
    Object.entries(files)
      .map(([name, value]) => `${name} = '${value}'\n`)
      .join(''),
  );
  own(join(directory, 'etc'));
  await service('start');
}, 60_000);

afterAll(async () => {
  await service('stop');
  await stopAllRestored();
}, 60_000);

test('the steps lead to a cluster that is written to and archives, with all moments before and after within reach', async () => {
  const before = await (await startBackup(fleet.get())).result();
  expect(before.proof?.verdict).toBe('proven');
  const into = stopAfterwards(join(privateFolder(join(fleet.get().directory, 'back'), cluster().osUser), 'restored'), cluster());
  const restored = await (await startRestore(into, before.backup.stopLsn)).result();
  expect(restored.proof.verdict).toBe('proven');
  await cluster().sql('insert into account values (2000)');

  const commands = restored.goLive.flatMap((step) => /: ((?:psql|\S*pg_ctl) .*)$/.exec(step)?.[1] ?? []);
  expect(commands).toHaveLength(3);
  const type = (command: string) =>
    run({
      argv: ['sh', '-c', command],
      as: cluster().osUser,
      env: { PATH: `${cluster().binaries}:${process.env.PATH}`, PGUSER: 'postgres' },
      deadlineMs: 60_000,
    });
  await type(`${commands[0]} -c 'select 1'`);
  await service('stop');
  const { dataDirectory } = cluster();
  renameSync(dataDirectory, `${dataDirectory}.old`);
  await type(commands[1] ?? '');
  await type(commands[2] ?? '');
  renameSync(restored.dataDirectory, dataDirectory);
  await service('start');

  expect(await cluster().sql('select count(*)::int as rows, max(id) as newest from account')).toEqual([{ rows: 1000, newest: 1000 }]);
  expect(await cluster().sql('show archive_mode')).toEqual([{ archive_mode: 'on' }]);
  await cluster().sql('insert into account values (3000)');
  const after = await (await startBackup(fleet.get())).result();
  expect(after.proof).toMatchObject({ verdict: 'proven', level: 'content' });
  // forwards over the switch from a backup made before it
  expect(await (await startProof(fleet.get(), { backup: before.backup.label })).result()).toMatchObject({ verdict: 'proven', backup: before.backup.label });
  expect(readdirSync(join(into, 'ts'))).toEqual(['fast']);
  expect(existsSync(restored.dataDirectory)).toBe(false);
});

async function startRestore(into: string, lsn: string) {
  const client = await fleet.get().client();
  const requestKey = freshKey();
  return client.workflow.start<(input: BackupRestoreInput) => Promise<BackupRestoreResult>>('backupRestore', {
    workflowId: workflowIds.backupRestore('shop', requestKey),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', target: { kind: 'lsn', lsn, exclusive: false }, into, requestKey }],
  });
}
