/** Opening a clone for writing. Nothing in its catalogues is changed: a restore that stays is the source's own, whole. */
import { setTimeout as pause } from 'node:timers/promises';
import type { CloneRef } from '../../../domain/backup/model.ts';
import { AssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { StepIo } from '../../io.ts';
import { withClone } from './connection.ts';

const POLL_MS = 50;
const LONGEST_MS = 10 * 60_000;

/** Idempotent. Archiving stays off: the new timeline exists nowhere but here. Throws clone-start-failed, cancelled. */
export async function promoteClone(policy: ClusterPolicy, clone: CloneRef, io: StepIo): Promise<void> {
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
