/** Assay's own objects in a user's cluster, behind the port that `plan` and `apply` take. */
import type pg from 'pg';
import type { ReadSecret } from '../../activities/backup/ports.ts';
import {
  applyObjects,
  memoryOf,
  rehearseRemoval,
  removableObjects,
  removeObjects,
  type SourceObject,
  sourceObjects,
} from '../../activities/backup/source/objects.ts';
import { mayWrite, withConnection } from '../../activities/pg.ts';
import { faultOf, toAssayError } from '../../activities/pg-errors.ts';
import type { ObjectSql } from '../../domain/plan.ts';
import type { ClusterPolicy, Connection } from '../../domain/policy.ts';
import type { SourceObjects } from './plan-ports.ts';

const STATEMENT_MS = 30_000;

/**
 * `administer`: the connection that makes and drops objects, where the role of the policy may not; default the policy's own.
 * The objects are always made for the policy's role.
 */
export function createSourceObjects(readSecret: ReadSecret, administer: (connection: Connection) => Connection = (connection) => connection): SourceObjects {
  const use = async <T>(policy: ClusterPolicy, what: string, work: (client: pg.Client, role: string) => Promise<T>): Promise<T> => {
    const connection = administer(policy.connection);
    try {
      return await withConnection(connection, readSecret, { statementTimeoutMs: STATEMENT_MS, settings: mayWrite }, (client) =>
        work(client, policy.connection.user),
      );
    } catch (error) {
      const grant =
        'run its SQL as a superuser (`assay plan --sql | psql`, `assay remove CLUSTER --sql | psql`), or name one in ASSAY_ADMIN_USER and ASSAY_ADMIN_PASSWORD';
      throw toAssayError(error, { cluster: policy.cluster, role: connection.user, what, grant });
    }
  };
  return {
    missing: (policy) => use(policy, 'look for the objects of Assay', withMemory),
    present: (policy) => use(policy, 'look for the objects of Assay', removableObjects),
    apply: async (policy) => void (await use(policy, 'make the objects of Assay', applyObjects)),
    rehearseRemoval: async (policy) => void (await use(policy, 'drop the objects of Assay', rehearseRemoval)),
    remove: async (policy) => void (await use(policy, 'drop the objects of Assay', removeObjects)),
  };
}

async function withMemory(client: pg.Client, role: string): Promise<readonly ObjectSql[]> {
  const missing = await lookForMissing(client, role);
  if (missing.length === 0) return [];
  const why = 'to remember what Assay made: `assay remove` takes away that and nothing else';
  return [...missing, { sql: await memoryOf(client, role, missing), undo: '', why }];
}

/**
 * What is not there for this role, in order. A role that may not enter the schema cannot be told what is inside:
 * that counts as missing, since the grants of the role are.
 */
export async function lookForMissing(client: pg.ClientBase, role: string): Promise<readonly SourceObject[]> {
  const missing: SourceObject[] = [];
  for (const object of sourceObjects(role)) {
    try {
      const { rows } = await client.query<[boolean]>({ text: object.present, rowMode: 'array' });
      if (rows[0]?.[0] !== true) missing.push(object);
    } catch (error) {
      if (faultOf(error) !== 'privilege-missing') throw error;
      missing.push(object);
    }
  }
  return missing;
}
