/** A restore where nothing of the fleet is left: the policy file, the engine's configuration and the repository are enough. */
import { realpathSync } from 'node:fs';
import { readCloneFile } from '../../activities/backup/clone/layout.ts';
import { wipeFolder } from '../../activities/backup/clone/wipe.ts';
import { createBackupSteps } from '../../activities/backup/steps.ts';
import { clusterFolder, makeFolder } from '../../activities/control/evidence-folder.ts';
import { isAlive } from '../../activities/process-alive.ts';
import { goLive } from '../../domain/backup/go-live.ts';
import type { BackupRestoreResult } from '../../domain/backup/requests.ts';
import { assertRestoreFolder } from '../../domain/backup/restore-folder.ts';
import { AssayError, isAssayError, reasonOf } from '../../domain/errors.ts';
import type { ColdRestoreRequest, GlobalOptions, Tell } from '../../ops/cli/handlers.ts';
import { restoreAndProve, type Surroundings } from '../../workflows/backup/prove-recipe.ts';
import { openColdFleet, repositoryOf } from './cold-fleet.ts';
import { processOfOwner, restoreQuestion } from './restore-question.ts';

export { printRestore } from './restore-print.ts';

/**
 * Restores, proves and leaves the cluster running, by the same recipe as the fleet. The certificate is signed where the signing key is at hand.
 * SIGINT and SIGTERM end it and leave the folder as it was; so does the next call where the process was killed. Throws as a restore of the fleet does.
 */
export async function restoreHere(request: ColdRestoreRequest, options: GlobalOptions, tell: Tell): Promise<BackupRestoreResult> {
  const { into } = request;
  assertRestoreFolder(into);
  return untilInterrupted(async (signal) => {
    const progress = throttled(tell);
    const fleet = await openColdFleet(request.cluster, options, { signal, beat: progress });
    const { policy, deps } = fleet;
    if (!fleet.signs) tell('the signing key is not at hand: the proof will be kept unsigned');
    // where evidence cannot be kept is better known before the restore than after it
    await makeFolder(clusterFolder(policy.evidenceDirectory, policy.cluster), 0o750);
    await wipeInterrupted(into, fleet.host, tell);
    const question = restoreQuestion({ request, policy, repository: await repositoryOf(fleet, request.repository), level: 'content' });
    const { proof, stays } = await restoreAndProve(createBackupSteps(deps), question, surroundings(tell));
    const ready = goLive(into, policy);
    return { ...ready, goLive: stays ? ready.goLive : [], proof };
  });
}

async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, onSignal);
  try {
    return await work(stop.signal);
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal);
  }
}

const surroundings = (tell: Tell): Surroundings => ({
  report: (phase, detail) => tell(`${phase}  ${detail}`),
  faultOf: (error) => {
    if (isAssayError(error, 'cancelled')) return null;
    if (error instanceof AssayError) return { code: error.code, message: error.message, values: error.values };
    return { code: 'internal', message: reasonOf(error) };
  },
  always: (work) => work(),
});

const TELL_EVERY_MS = 10_000;

/** How far the engine's copy or the replay is, now and then. */
function throttled(tell: Tell): (progress: unknown) => void {
  let toldAt = Date.now();
  return (progress) => {
    const line = progressLine(progress);
    if (line === null || Date.now() - toldAt < TELL_EVERY_MS) return;
    toldAt = Date.now();
    tell(line);
  };
}

function progressLine(progress: unknown): string | null {
  const { doneBytes, totalBytes, segment } = progress as { doneBytes?: number; totalBytes?: number; segment?: string | null }; // every field is looked at
  if (typeof doneBytes === 'number' && totalBytes) return `  ${Math.floor((doneBytes / totalBytes) * 100)} % of ${Math.ceil(totalBytes / 1e6)} MB restored`;
  return typeof segment === 'string' ? `  replayed to segment ${segment}` : null;
}

/** What a restore of this host left that was killed with its process: nobody else will ever take it away. A killed one may stay a zombie. */
async function wipeInterrupted(into: string, host: string, tell: Tell): Promise<void> {
  const file = readCloneFile(into);
  const pid = file === null || file.kept === true || file.host !== host ? null : processOfOwner(file.owner);
  if (pid === null || isAlive(pid)) return;
  tell(`removing what an interrupted restore left in ${into}`);
  await wipeFolder(realpathSync(into));
}
