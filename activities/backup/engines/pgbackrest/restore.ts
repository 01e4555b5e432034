/** Restores into private, empty folders: never over the source's paths, never through its locks or spool. */
import { existsSync, lstatSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecoveryTarget } from '../../../../domain/backup/model.ts';
import { AssayError, isAssayError } from '../../../../domain/errors.ts';
import type { StepIo } from '../../../io.ts';
import { ownerOf, privateFolder } from '../../../os-user.ts';
import { settingTime } from '../../clone/target.ts';
import type { RestoreRequest } from '../engine.ts';
import { argvOf, type Engine, work } from './command.ts';
import { readInfo } from './info.ts';
import { progressReader } from './progress.ts';
import { endOrphans } from './run-files.ts';

const LEAST_ROOM_BYTES = 1024 * 1024;
/** Left in the lock folder by us before the engine starts: the data folder beside it is a restore's, so a retry may empty it. */
const BEGUN = 'assay-restore.begun';

/** Begins anew where an attempt before this one left something. Throws directory-not-empty for a folder that holds anything else, backup-unknown, disk-full. */
export async function restoreBackup(engine: Engine, request: RestoreRequest, io: StepIo): Promise<{ readonly bytes: number; readonly tookMs: number }> {
  const { backups } = await readInfo(engine, request.repository);
  const backup = backups.find((each) => each.label === request.label);
  if (backup === undefined) throw new AssayError('backup-unknown', { label: request.label, cluster: engine.policy.cluster });
  await prepare(engine, request);
  const began = performance.now();
  const progress = progressReader('restore');
  const long = {
    log: join(request.logDirectory, 'restore.log'),
    onLine: progress.onLine,
    // whoever wipes the clone finds the engine by where it works
    cwd: request.lockDirectory,
    env: environmentOf(engine, request),
    progress: () => {
      const { doneBytes, totalBytes } = progress.now();
      engine.observe({ kind: 'engine-progress', cluster: engine.policy.cluster, phase: 'restore', doneBytes, totalBytes });
      return progress.now();
    },
    writesTo: request.dataDirectory,
    neededBytes: backup.databaseBytes,
  };
  const command = { name: 'restore', repository: request.repository, options: optionsOf(engine, request) };
  await work(engine, command, long, io).catch((error) => whenFull(long, error));
  io.beat(long.progress());
  return { bytes: backup.databaseBytes, tookMs: Math.round(performance.now() - began) };
}

/** A write that failed may be told without its reason: where no room is left, that is the reason. */
function whenFull({ writesTo, neededBytes }: { readonly writesTo: string; readonly neededBytes: number }, error: unknown): never {
  if (!isAssayError(error, 'engine-failed')) throw error;
  const { bavail, bsize } = statfsSync(writesTo);
  if (bavail * bsize > LEAST_ROOM_BYTES) throw error;
  throw new AssayError('disk-full', { directory: writesTo, reason: String(error.values.lines), neededBytes }, { cause: error });
}

/** The same restore for people to run themselves. */
export function restoreArgv(engine: Engine, request: RestoreRequest): readonly string[] {
  const environment = Object.entries(environmentOf(engine, request)).map(([name, value]) => `${name}=${value}`);
  const argv = argvOf(engine, { name: 'restore', repository: request.repository, options: optionsOf(engine, request) });
  return environment.length === 0 ? argv : ['env', ...environment, ...argv];
}

/**
 * A restore empties its stanza's spool, which may be another user's. Said by the environment, its place does not go on into restore_command,
 * where it is refused (status 31) without asynchronous archiving.
 */
const environmentOf = ({ config }: Engine, { spoolDirectory }: RestoreRequest): Readonly<Record<string, string>> =>
  config.isArchiveAsync ? {} : { PGBACKREST_SPOOL_PATH: spoolDirectory };

function optionsOf({ policy, config }: Engine, request: RestoreRequest): readonly string[] {
  return [
    `--set=${request.label}`,
    `--pg1-path=${request.dataDirectory}`,
    // the source may live on another host; the clone is always here
    ...(config.isPgHostRemote ? ['--reset-pg1-host'] : []),
    // options of the source's own configuration that would aim at its paths, or restore only a part
    ...['link-map', 'tablespace-map', 'db-include', 'db-exclude', 'recovery-option'].map((option) => `--reset-${option}`),
    // without link-all a linked pg_wal becomes an ordinary folder inside the clone
    '--no-link-all',
    '--no-delta',
    `--tablespace-map-all=${request.tablespaceDirectory}`,
    '--archive-mode=off',
    `--lock-path=${request.lockDirectory}`,
    `--log-path=${request.logDirectory}`,
    '--log-level-file=off',
    // a spool without asynchronous archiving breaks archive-get, with it a shared one would be emptied by this restore
    ...(config.isArchiveAsync ? [`--spool-path=${request.spoolDirectory}`] : []),
    `--process-max=${policy.engine.processMax}`,
    ...targetOptions(request.target),
    `--target-action=${request.action}`,
  ];
}

function targetOptions(target: RecoveryTarget): readonly string[] {
  switch (target.kind) {
    case 'lsn':
      return ['--type=lsn', `--target=${target.lsn}`, ...(target.exclusive ? ['--target-exclusive'] : [])];
    case 'time':
      return ['--type=time', `--target=${settingTime(target.at)}`];
    case 'name':
      refuseUnquotable(target.name);
      return ['--type=name', `--target=${target.name}`];
    case 'xid':
      return ['--type=xid', `--target=${target.xid}`, ...(target.exclusive ? ['--target-exclusive'] : [])];
  }
}

/** The engine writes a name into postgresql.auto.conf as it is: a quote in it would end the value, and begin another setting. */
function refuseUnquotable(name: string): void {
  if (!/['\\\n\r]/.test(name)) return;
  throw new AssayError('usage', {
    reason: `the restore point name ${JSON.stringify(name)} cannot be handed to pgBackRest`,
    hint: 'use its LSN or time instead',
  });
}

async function prepare(engine: Engine, request: RestoreRequest): Promise<void> {
  const { dataDirectory, tablespaceDirectory, lockDirectory, spoolDirectory, logDirectory } = request;
  const isRetry = existsSync(begunFile(request));
  if (isRetry) await endOrphans(dataDirectory);
  for (const folder of [dataDirectory, tablespaceDirectory]) {
    if (!isRetry && !isEmpty(folder)) throw new AssayError('directory-not-empty', { directory: folder });
    if (isRetry) emptyFolder(folder);
  }
  for (const folder of [dataDirectory, tablespaceDirectory, lockDirectory, spoolDirectory, logDirectory]) {
    if (!existsSync(folder)) privateFolder(folder, engine.user);
    else if (engine.user.switched && ownerOf(folder).uid === 0) privateFolder(folder, engine.user);
  }
  writeFileSync(begunFile(request), '', { mode: 0o600 });
}

const begunFile = (request: RestoreRequest) => join(request.lockDirectory, BEGUN);

const isEmpty = (folder: string) => !existsSync(folder) || readdirSync(folder).length === 0;

/** Links are removed, never followed. */
function emptyFolder(folder: string): void {
  if (!existsSync(folder) || lstatSync(folder).isSymbolicLink()) return;
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
}
