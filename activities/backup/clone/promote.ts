/** Opening a clone for writing. Nothing in its catalogues is changed: a restore that stays is the source's own, whole. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CloneRef } from '../../../domain/backup/model.ts';
import { AssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { StepIo } from '../../io.ts';
import { withClone } from './connection.ts';
import { foldersOf } from './layout.ts';
import { recoverTo } from './recover.ts';
import { startPromoted } from './serve.ts';
import { killAllIn, readServerState, runningServer } from './server.ts';

const POLL_MS = 50;
const LONGEST_MS = 10 * 60_000;

/**
 * Idempotent, also where the server is no longer there: it was promoted, checked and stopped by an attempt before this one, or it died.
 * Archiving stays off: the new timeline exists nowhere but here. Throws clone-start-failed, cancelled.
 */
export async function promoteClone(policy: ClusterPolicy, clone: CloneRef, io: StepIo): Promise<void> {
  await comeBack(policy, clone, io);
  await withClone({ policy, clone }, {}, async (client) => {
    await client.query('/* assay backup */ select pg_catalog.pg_promote(false) where pg_catalog.pg_is_in_recovery()');
    for (const end = Date.now() + LONGEST_MS; ; await pause(POLL_MS)) {
      if (io.signal.aborted) throw new AssayError('cancelled', { what: `promotion of clone ${clone.id}` });
      const { rows } = await client.query<{ standby: boolean }>('/* assay backup */ select pg_catalog.pg_is_in_recovery() as standby');
      if (rows[0]?.standby === false) break;
      if (Date.now() > end)
        throw new AssayError('clone-start-failed', { clone: clone.id, lines: 'still in recovery 10 minutes after its promotion', hint: 'see its log' });
      io.beat({ phase: 'promote' });
    }
  });
}

async function comeBack(policy: ClusterPolicy, clone: CloneRef, io: StepIo): Promise<void> {
  const folders = foldersOf(clone.directory);
  if (runningServer(folders) !== null) return;
  await killAllIn(folders.data);
  const target = readServerState(folders)?.target ?? null;
  const isInRecovery = existsSync(join(folders.data, 'recovery.signal'));
  if (isInRecovery && target !== null) await recoverTo(policy, clone, target, io);
  else await startPromoted(policy, clone, io);
}
