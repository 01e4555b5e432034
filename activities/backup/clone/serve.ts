/** A promoted, stopped clone as an ordinary cluster that stays. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { CloneRef } from '../../../domain/backup/model.ts';
import { AssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { StepIo } from '../../io.ts';
import { foldersOf, readCloneFile, writeCloneFile } from './layout.ts';
import { recoveryProgress } from './recovery-log.ts';
import { isServerOf, killAllIn, lastWords, readServerState, runningServer, serverLog } from './server.ts';
import { ended, giveSettingsBack, startClone } from './start.ts';
import { announceTimeline } from './timeline.ts';

const POLL_MS = 25;
/** One that was killed is started again. */
const MOST_STARTS = 4;

/** Idempotent. Archiving stays off; the sweeper leaves it alone from here on. Throws clone-start-failed, cancelled. */
export async function serveClone(policy: ClusterPolicy, clone: CloneRef, io: StepIo): Promise<void> {
  const file = readCloneFile(clone.directory);
  if (file !== null) writeCloneFile(clone.directory, { ...file, kept: true });
  await startPromoted(policy, clone, io);
  const folders = foldersOf(clone.directory);
  giveSettingsBack(folders);
  announceTimeline(folders.data);
}

/** Starts a promoted clone where it does not run, and waits until it lets sessions in. Idempotent. Throws clone-start-failed, cancelled. */
export async function startPromoted(policy: ClusterPolicy, clone: CloneRef, io: StepIo): Promise<void> {
  const folders = foldersOf(clone.directory);
  const begin = () => startClone(policy, clone, { target: null, startedAtMs: Date.now() });
  let state = (runningServer(folders) === null ? null : readServerState(folders)) ?? (await begin());
  for (let beats = 0, starts = 1; ; beats += 1) {
    if (io.signal.aborted) throw new AssayError('cancelled', { what: `start of clone ${clone.id}` });
    const alive = isServerOf(state.pid, folders.data);
    const log = readFileSync(serverLog(folders, state.number), 'utf8');
    if (alive && recoveryProgress(log).readyAtMs !== null) return;
    if (!alive && beats > 0) {
      const { error, isFromOutside } = ended(policy, clone, state, await lastWords(folders, state));
      if (starts >= MOST_STARTS || !isFromOutside || readServerState(folders)?.number !== state.number) throw error;
      if (io.signal.aborted) throw new AssayError('cancelled', { what: `start of clone ${clone.id}` });
      await killAllIn(folders.data);
      state = await begin();
      starts += 1;
    }
    if (beats % 20 === 0) io.beat({ phase: 'serve' });
    await pause(POLL_MS);
  }
}
