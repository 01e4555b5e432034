/** Builds what `plan`, `apply` and `remove` need: Temporal, the control database, the cluster's objects, this host's engine. */
import { Client, Connection } from '@temporalio/client';
import { pgbackrest } from '../../activities/backup/engines/pgbackrest.ts';
import { createEvidenceStore } from '../../activities/backup/evidence/evidence-store.ts';
import { openControl } from '../../activities/control/control-database.ts';
import type { StepIo } from '../../activities/io.ts';
import { AssayError, reasonOf } from '../../domain/errors.ts';
import type { FleetPolicy } from '../../domain/policy.ts';
import { payloadCodec } from '../codec.ts';
import { type ProcessConfig, readSecret, temporalConnection } from '../config.ts';
import { createEngineConfiguration } from './plan-engine-configuration.ts';
import type { PlanDependencies } from './plan-ports.ts';
import { createSourceObjects } from './plan-source-objects.ts';

export interface OpenPlanOptions {
  readonly config: ProcessConfig;
  readonly fleet: FleetPolicy;
  /** Hears what is waited for. */
  readonly tell?: (line: string) => void;
}

/** Opens connections; the caller closes. Migrates the control schema forward. Throws temporal-unreachable, control-unreachable, schema-newer, secret-unreadable. */
export async function openPlan(options: OpenPlanOptions): Promise<{ readonly dependencies: PlanDependencies; close(): Promise<void> }> {
  const { config, fleet, tell } = options;
  const { namespace, ...address } = temporalConnection(config, fleet);
  const connection = await Connection.connect(address).catch((cause: unknown) => {
    throw new AssayError('temporal-unreachable', { address: address.address, reason: reasonOf(cause) }, { cause });
  });
  try {
    const control = await openControl(config.controlUrl ?? readSecret(fleet.control));
    await control.migrate();
    const client = new Client({ connection, namespace, ...payloadCodec(config.payloadKey) });
    return {
      dependencies: {
        schedules: client.schedule,
        evidence: createEvidenceStore({ control, readSecret, signingKey: fleet.signingKey }),
        objects: createSourceObjects(readSecret, (connection) => ({ ...connection, ...config.admin })),
        configuration: createEngineConfiguration({
          readSecret,
          engineFor: (policy) => pgbackrest(policy, { observe: () => {} }),
          io: patient(),
          ...(tell === undefined ? {} : { tell }),
        }),
        host: config.host,
        now: () => new Date(),
      },
      close: async () => {
        await control.close();
        await connection.close();
      },
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** A command runs to its end; Ctrl-C ends the process and with it the child. */
const patient = (): StepIo => ({ signal: new AbortController().signal, beat: () => {}, previous: undefined });
