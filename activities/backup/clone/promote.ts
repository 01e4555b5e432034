/** Opening a clone for writing, with whatever could act on its own made idle first. */
import { setTimeout as pause } from 'node:timers/promises';
import type { CloneRef } from '../../../domain/backup/model.ts';
import { AssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { StepIo } from '../../io.ts';
import { ident } from '../../pg.ts';
import { cloneDatabases, withClone } from './connection.ts';

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
  for (const { name } of await cloneDatabases(policy, clone)) await makeIdle(policy, clone, name);
}

/** Event triggers do not fire for commands on event triggers; user mappings are what a foreign server needs to be reached. */
async function makeIdle(policy: ClusterPolicy, clone: CloneRef, database: string): Promise<void> {
  await withClone({ policy, clone }, { database }, async (client) => {
    const triggers = await client.query<{ name: string }>("select evtname as name from pg_catalog.pg_event_trigger where evtenabled <> 'D'");
    for (const { name } of triggers.rows) await client.query(`/* assay backup */ alter event trigger ${ident(name)} disable`);
    const mappings = await client.query<{ server: string; role: string | null }>(
      'select srvname as server, case when umuser = 0 then null else usename end as role from pg_catalog.pg_user_mappings',
    );
    for (const { server, role } of mappings.rows) {
      await client.query(`/* assay backup */ drop user mapping if exists for ${role === null ? 'public' : ident(role)} server ${ident(server)}`);
    }
  });
}
