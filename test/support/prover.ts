/** Backup, markers and proof of a real cluster in this process, by the fleet's own recipe: no Temporal, no control database. */
import { randomUUID } from 'node:crypto';
import { createFileEvidence } from '../../activities/backup/evidence/file-evidence.ts';
import type { BackupDependencies } from '../../activities/backup/ports.ts';
import { type BackupSteps, createBackupSteps } from '../../activities/backup/steps.ts';
import type { BackupRecord, BackupType } from '../../domain/backup/model.ts';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import type { ProveQuestion } from '../../domain/backup/proof-draft.ts';
import { AssayError, reasonOf } from '../../domain/errors.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { createSourceObjects } from '../../workers/commands/plan-source-objects.ts';
import { readSecret } from '../../workers/config.ts';
import { backupDependencies } from '../../workers/dependencies.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { restoreAndProve, type Surroundings } from '../../workflows/backup/prove-recipe.ts';
import { testIo } from './engine.ts';

export interface Prover {
  readonly policy: ClusterPolicy;
  readonly deps: BackupDependencies;
  readonly steps: BackupSteps;
  backup(type?: BackupType): Promise<BackupRecord>;
  /** Markers of all databases, and their WAL archived. */
  mark(policy?: ClusterPolicy): Promise<void>;
  /** From the newest backup to the newest markers, unless asked otherwise; `steps` stand in for those of the same name. */
  prove(asked?: Partial<ProveQuestion>, steps?: Partial<BackupSteps>): Promise<{ readonly proof: ProofSummary; readonly stays: boolean }>;
}

/** Assay's own objects are made in the cluster. */
export async function proverOf(cluster: EmbeddedCluster, overrides?: (policy: ClusterPolicy) => ClusterPolicy): Promise<Prover> {
  const policy = cluster.policy(overrides);
  await createSourceObjects(readSecret).apply(policy);
  const { evidence, markers } = createFileEvidence(policy.evidenceDirectory, { signer: null });
  const deps = backupDependencies({ host: policy.host, observe: () => {}, evidence, markerStore: markers, io: testIo });
  const steps = createBackupSteps(deps);
  let archivedLsn: string | null = null;
  return {
    ...{ policy, deps, steps },
    backup: async (type = 'full') => (await steps.takeBackup({ policy, type, repository: 1, requestKey: randomUUID() })).backup,
    mark: async (of = policy) => {
      await steps.makeMarkers({ policy: of, equality: 'hash' });
      archivedLsn = (await steps.awaitArchived({ policy, repository: 1 })).lsn;
    },
    prove: (asked = {}, standIns = {}) => {
      const question = { label: null, repository: 1, depth: 'plain', level: 'content', target: null, into: null, randomShare: null } as const;
      const toMarkers = asked.target === undefined ? archivedLsn : null;
      return restoreAndProve({ ...steps, ...standIns }, { policy, proofId: randomUUID(), owner: 'test', archivedLsn: toMarkers, ...question, ...asked }, here);
    },
  };
}

const here: Surroundings = {
  report: () => {},
  faultOf: (error) =>
    error instanceof AssayError ? { code: error.code, message: error.message, values: error.values } : { code: 'internal', message: reasonOf(error) },
  always: (work) => work(),
};
