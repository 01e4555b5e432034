/** The live cluster: where it stands, witnesses, WAL switches, restore points. Writes only in Assay's own schema. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Lsn } from '../../../domain/backup/lsn.ts';
import type { Witness } from '../../../domain/backup/model.ts';
import { AssayError } from '../../../domain/errors.ts';
import { sourceSchema } from '../../../domain/ids.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { asItself, mayWrite, withConnection } from '../../pg.ts';
import { faultOf, toAssayError } from '../../pg-errors.ts';
import type { ReadSecret, Source } from '../ports.ts';
import { readSourceState } from './state.ts';
import { writeWitnessSql } from './witness.ts';

export interface SourceDependencies {
  readonly readSecret: ReadSecret;
}

const STATEMENT_MS = 30_000;

/**
 * Each call opens a connection of its own and closes it. All throw cluster-unreachable, privilege-missing (with the grant), internal;
 * a missing witness table is policy-not-applied.
 */
export function createSource(deps: SourceDependencies): Source {
  const use = async <T>(policy: ClusterPolicy, step: Step, work: (client: pg.Client) => Promise<T>): Promise<T> => {
    try {
      return await withConnection(policy.connection, deps.readSecret, { agent: 'backup', statementTimeoutMs: STATEMENT_MS, settings: step.settings }, work);
    } catch (error) {
      if (step.ownTable && faultOf(error) === 'object-missing') throw new AssayError('policy-not-applied', { cluster: policy.cluster });
      throw toAssayError(error, { cluster: policy.cluster, role: policy.connection.user, what: step.what, grant: step.grant });
    }
  };
  return {
    state: (policy) => use(policy, steps.state, readSourceState),
    writeWitness: (policy) => use(policy, steps.witness, (client) => writeWitness(client, policy.witness.keepMs)),
    switchWal: (policy) => use(policy, steps.switchWal, switchWal),
    createRestorePoint: (policy, name) => use(policy, steps.restorePoint, (client) => createRestorePoint(client, name)),
  };
}

interface Step {
  readonly what: string;
  readonly grant: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly ownTable: boolean;
}

const steps = {
  state: { what: "read the cluster's state", grant: 'grant pg_monitor to it (`assay plan` shows the statement)', settings: asItself, ownTable: false },
  witness: {
    what: `write witnesses in schema ${sourceSchema}`,
    grant: 'run `assay apply` (`assay plan` shows the statements first)',
    // durable on this server is what a backup can bring back; a standby that is away must not stop witnesses
    settings: { synchronous_commit: 'local', ...mayWrite },
    ownTable: true,
  },
  switchWal: {
    what: 'call pg_switch_wal()',
    grant: 'grant execute on function pg_switch_wal() to it (`assay plan` shows the statement)',
    settings: asItself,
    ownTable: false,
  },
  restorePoint: {
    what: 'call pg_create_restore_point()',
    grant: 'grant execute on function pg_create_restore_point(text) to it (`assay plan` shows the statement)',
    settings: asItself,
    ownTable: false,
  },
} as const satisfies Record<string, Step>;

async function writeWitness(client: pg.Client, keepMs: number): Promise<Witness> {
  const { rows } = await client.query<Witness>(writeWitnessSql, [randomUUID(), `${keepMs} milliseconds`]);
  return rows[0] as Witness;
}

/** pg_switch_wal returns the end of the segment's content; on an idle segment start there is nothing to switch and nothing to wait for. */
async function switchWal(client: pg.Client): Promise<Lsn> {
  const { rows } = await client.query<{ lsn: Lsn }>('/* assay backup */ select pg_switch_wal()::text as lsn');
  return (rows[0] as { lsn: Lsn }).lsn;
}

async function createRestorePoint(client: pg.Client, name: string): Promise<Lsn> {
  const { rows } = await client.query<{ lsn: Lsn }>('/* assay backup */ select pg_create_restore_point($1)::text as lsn', [name]);
  return (rows[0] as { lsn: Lsn }).lsn;
}
