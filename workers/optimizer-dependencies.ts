/** What the optimizer's steps are made of: its sessions on labs are the backup agent's, which neither agent's folder may know of the other. */
import { withClone } from '../activities/backup/clone/connection.ts';
import type { BackupDependencies } from '../activities/backup/ports.ts';
import { createApplyStore } from '../activities/control/apply-store.ts';
import { createCapturedStore } from '../activities/control/captured-store.ts';
import type { Control } from '../activities/control/control-database.ts';
import { createOptimizerStore } from '../activities/control/optimizer-store.ts';
import type { SourceWriter } from '../activities/optimizer/apply/ports.ts';
import { bindStatements } from '../activities/optimizer/bind/bind.ts';
import { createValueCapture } from '../activities/optimizer/capture/capture.ts';
import { noDatabase } from '../activities/optimizer/no-database.ts';
import type { OptimizerDependencies, SourceSession } from '../activities/optimizer/ports.ts';
import { searchSets } from '../activities/optimizer/search-sets.ts';
import { workloadFromFiles } from '../activities/optimizer/workload/files.ts';
import { withConnection } from '../activities/pg.ts';
import { isServerError, scrubbedReason, toAssayError } from '../activities/pg-errors.ts';
import { AssayError } from '../domain/errors.ts';
import { readSecret } from './config.ts';

/** A look at a source may not hold anything up for longer. */
const SOURCE_STATEMENT_MS = 60_000;

export function optimizerDependencies({ clones, observe, now, io }: BackupDependencies, control: Control): OptimizerDependencies {
  return {
    store: createOptimizerStore(control),
    async labSession(lab, options, use) {
      await clones.promote(lab.policy, lab.clone, io());
      try {
        return await withClone(lab, options, use);
      } catch (error) {
        if (!isServerError(error)) throw error;
        // PostgreSQL's own words may quote a row, and the lab's rows are production's
        throw new AssayError('internal', { reason: `on the lab: ${scrubbedReason(error)}` }, { cause: error });
      }
    },
    sourceSession,
    sourceWriter,
    applyStore: createApplyStore(control),
    bind: bindStatements,
    search: searchSets,
    capture: createValueCapture({ store: createCapturedStore(control), readSecret, now }),
    workloadFromFiles,
    observe,
    now,
    io,
  };
}

const sourceSession: SourceSession = async (policy, database, use) => {
  try {
    return await withConnection(policy.connection, readSecret, { database, agent: 'optimizer' }, async (client) => {
      // inside the transaction, not as start-up options: a pooler may know none
      await client.query(`/* assay optimizer */ begin read only; set local statement_timeout = ${SOURCE_STATEMENT_MS}`);
      const answer = await use(client);
      await client.query('/* assay optimizer */ commit');
      return answer;
    });
  } catch (error) {
    const missing = noDatabase(error, { cluster: policy.cluster, database });
    if (missing !== null) throw missing;
    throw toAssayError(error, { cluster: policy.cluster, role: policy.connection.user, what: `read the statistics of ${database}` });
  }
};

/** No time-out of the server's or the role's may end a build; what waits for locks says so itself. */
const sourceWriter: SourceWriter = (policy, { database, session }, use) =>
  withConnection(policy.connection, readSecret, { database, agent: 'optimizer', session }, async (client) => {
    await client.query('/* assay optimizer */ set statement_timeout = 0');
    await client.query('/* assay optimizer */ set idle_in_transaction_session_timeout = 0');
    // the session holds the lock that keeps other attempts out: a worker's host that vanished may not hold it for hours
    await client.query('/* assay optimizer */ set tcp_keepalives_idle = 30');
    await client.query('/* assay optimizer */ set tcp_keepalives_interval = 10');
    await client.query('/* assay optimizer */ set tcp_keepalives_count = 3');
    return use(client);
  });
