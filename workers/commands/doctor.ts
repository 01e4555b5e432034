/** Builds what `assay doctor` needs: engine, Temporal, grants. */
import type { Connection } from '@temporalio/client';
import type { EngineFor, ReadSecret } from '../../activities/backup/ports.ts';
import type { DoctorDependencies, EngineView, TemporalView } from '../../activities/doctor/ports.ts';
import { withConnection } from '../../activities/pg.ts';
import { AssayError, reasonOf } from '../../domain/errors.ts';
import { lookForMissing } from './plan-source-objects.ts';

export interface DoctorSources {
  readonly host: string;
  readonly readSecret: ReadSecret;
  readonly engineFor: EngineFor;
  readonly temporal: TemporalView | null;
  readonly now?: () => Date;
}

/** All that `runDoctor` takes. */
export function doctorDependencies({ host, readSecret, engineFor, temporal, now = () => new Date() }: DoctorSources): DoctorDependencies {
  return {
    host,
    readSecret,
    engine: engineView(engineFor),
    missingObjects: (policy) => withConnection(policy.connection, readSecret, { agent: 'doctor' }, (client) => lookForMissing(client, policy.connection.user)),
    temporal,
    now,
  };
}

const engineView = (engineFor: EngineFor): EngineView => ({
  version: (policy) => engineFor(policy).version(),
  repositories: (policy) => engineFor(policy).repositories(),
  shutFolders: (policy) => engineFor(policy).shutFolders(),
  info: (policy, repository) => engineFor(policy).info(repository),
  archive: (policy, repository) => engineFor(policy).archive(repository),
});

const DESCRIBE = { workflow: 1, activity: 2 } as const;

/** Temporal as the doctor asks it. `connect` is tried at each question, so that a server that is down is a line, not an exception. */
export function temporalView(address: string, namespace: string, connect: () => Promise<Connection>): TemporalView {
  const ask = async <T>(question: (connection: Connection) => Promise<T>): Promise<T> => {
    const connection = await connect().catch((cause: unknown) => {
      throw new AssayError('temporal-unreachable', { address, reason: reasonOf(cause) }, { cause });
    });
    try {
      return await question(connection);
    } finally {
      await connection.close();
    }
  };
  return {
    address,
    version: () => ask(async ({ workflowService }) => (await workflowService.getSystemInfo({})).serverVersion ?? 'of unknown version'),
    pollers: (queue, kind) =>
      ask(async ({ workflowService }) => {
        const { pollers } = await workflowService.describeTaskQueue({ namespace, taskQueue: { name: queue }, taskQueueType: DESCRIBE[kind] });
        return (pollers ?? []).map(({ identity }) => identity ?? '');
      }),
  };
}
