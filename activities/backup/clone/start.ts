/** Starting a clone's server with a configuration that is wholly ours. */
import { chownSync, existsSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CloneRef, RecoveryTarget } from '../../../domain/backup/model.ts';
import { describeTarget } from '../../../domain/backup/proof-plan.ts';
import { AssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { type OsUser, ownerOf } from '../../os-user.ts';
import { findBinaries, majorOf, versionOf } from './binaries.ts';
import { readControlData } from './control-data.ts';
import { type CloneFolders, foldersOf } from './layout.ts';
import { linksOutside } from './links.ts';
import { endedFromOutside, whyEnded } from './recovery-log.ts';
import { readServerState, type ServerState, spawnServer } from './server.ts';
import { configuration, recoverySettings, sourceSettings } from './settings.ts';
import { lookText } from './tablespace-guard.ts';

/** Writes the clone's own configuration and starts its server. Throws clone-start-failed, binaries-missing. */
export async function startClone(
  policy: ClusterPolicy,
  clone: CloneRef,
  goal: { readonly target: RecoveryTarget | null; readonly startedAtMs: number },
): Promise<ServerState> {
  const folders = foldersOf(clone.directory);
  const as = ownerOf(clone.directory);
  const major = majorOf(folders.data, clone.id);
  const binaries = await findBinaries(major, policy.clone.binaries, as);
  const outside = linksOutside(clone.directory, folders.data);
  if (outside.length > 0) {
    throw new AssayError('clone-start-failed', {
      clone: clone.id,
      lines: `links lead outside the clone: ${outside.join(', ')}`,
      hint: 'restore with every tablespace and pg_wal mapped into the clone',
    });
  }
  if (goal.target !== null && !existsSync(join(folders.data, 'recovery.signal'))) throw openedAlready(clone, goal.target);
  const control = await readControlData(binaries, folders.data, as);
  const plan = {
    folders,
    policy: policy.clone,
    control,
    recovery: takeSettings(folders, as),
    target: goal.target,
    version: await versionOf(binaries, as),
  };
  const { postgresql, hba, ident } = configuration(plan);
  writePrivate(folders, { 'postgresql.conf': postgresql, 'pg_hba.conf': hba, 'pg_ident.conf': ident }, as);
  if (goal.target !== null) writePrivate(folders, { 'look.sh': lookText(goal.target, { binaries, folders }) }, as);
  const number = (readServerState(folders)?.number ?? 0) + 1;
  return spawnServer(binaries, folders, { as, number, ...goal });
}

/** Without the signal file a server would simply open, wherever it stands. */
function openedAlready(clone: CloneRef, target: RecoveryTarget): AssayError {
  return new AssayError('clone-start-failed', {
    clone: clone.id,
    lines: `it opened for writing before ${describeTarget(target)}: at the target before, a transaction with more than 64 subtransactions was open, and while one is, a standby cannot wait`,
    hint: 'prove it again once that transaction has ended, or with --level structure',
    cause: 'marker-unusable',
  });
}

const EMPTIED = '# emptied by Assay: a clone takes nothing from its source\n';

/** Takes everything out of postgresql.auto.conf: the engine's recovery settings are used, what ALTER SYSTEM set in the source is kept for later. */
function takeSettings(folders: CloneFolders, as: OsUser): Record<string, string> {
  const autoConf = join(folders.data, 'postgresql.auto.conf');
  const text = existsSync(autoConf) ? readFileSync(autoConf, 'utf8') : EMPTIED;
  if (text !== EMPTIED) {
    const fresh = recoverySettings(text);
    const files = { 'source.auto.conf': sourceSettings(text), ...(fresh.restore_command === undefined ? {} : { 'recovery.json': JSON.stringify(fresh) }) };
    writePrivate(folders, files, as);
    writeFileSync(autoConf, EMPTIED);
  }
  const kept = join(folders.conf, 'recovery.json');
  return existsSync(kept) ? (JSON.parse(readFileSync(kept, 'utf8')) as Record<string, string>) : {};
}

/** Gives a clone that stays its source's ALTER SYSTEM settings back. They count from its next start under a configuration of the user's own. */
export function giveSettingsBack(folders: CloneFolders): void {
  const kept = join(folders.conf, 'source.auto.conf');
  if (existsSync(kept)) writeFileSync(join(folders.data, 'postgresql.auto.conf'), readFileSync(kept, 'utf8'));
}

function writePrivate(folders: CloneFolders, files: Readonly<Record<string, string>>, as: OsUser): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folders.conf, name);
    writeFileSync(path, text, { mode: 0o600 });
    if (as.switched) chownSync(path, as.uid, as.gid);
  }
}

export interface Ending {
  readonly error: AssayError;
  /** It was killed, or told to stop: that says nothing of the backup, and it is worth starting again. */
  readonly isFromOutside: boolean;
}

/** Why this start of the server ended, as a catalogue error. */
export function ended(policy: ClusterPolicy, clone: CloneRef, state: ServerState, log: string): Ending {
  const target = state.target === null ? 'being ready' : describeTarget(state.target);
  const { bavail, bsize } = statfsSync(clone.directory);
  const error = whyEnded(log, { clone: clone.id, target, directory: clone.directory, stanza: policy.engine.stanza, freeBytes: bavail * bsize });
  return { error, isFromOutside: error.code === 'clone-start-failed' && endedFromOutside(log) };
}
