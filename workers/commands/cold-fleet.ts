/** One cluster of the policy file, with steps that run in this process: no Temporal, no control database, no worker. */
import { createFileEvidence } from '../../activities/backup/evidence/file-evidence.ts';
import { openSigner, type Signer } from '../../activities/backup/evidence/sign.ts';
import type { BackupDependencies } from '../../activities/backup/ports.ts';
import { AssayError, isAssayError } from '../../domain/errors.ts';
import type { Observe } from '../../domain/observation.ts';
import type { ClusterPolicy, FleetPolicy } from '../../domain/policy.ts';
import type { GlobalOptions } from '../../ops/cli/handlers.ts';
import { readSecret } from '../config.ts';
import { backupDependencies } from '../dependencies.ts';
import { readPolicy } from '../read-policy.ts';
import { configOf } from './connection.ts';
import { writeMissingConfiguration } from './plan-engine-configuration.ts';

export interface ColdFleet {
  readonly policy: ClusterPolicy;
  readonly deps: BackupDependencies;
  /** False: the signing key is not at hand; what is proven is kept unsigned, and outside the chain. */
  readonly signs: boolean;
  /** This host, as clones name it. */
  readonly host: string;
}

export interface ColdSurroundings {
  readonly signal: AbortSignal;
  readonly observe?: Observe;
  readonly beat?: (progress: unknown) => void;
}

/** An engine configuration that Assay makes is written where it is missing. Throws policy-unreadable, policy-invalid, cluster-unknown, secret-unreadable. */
export async function openColdFleet(cluster: string, options: GlobalOptions, around: ColdSurroundings): Promise<ColdFleet> {
  const config = configOf(options);
  const fleet = readPolicy(config.policyFile);
  const policy = fleet.clusters.find((each) => each.cluster === cluster);
  if (policy === undefined)
    throw new AssayError('cluster-unknown', { cluster, where: fleet.file, known: fleet.clusters.map((each) => each.cluster).join(', ') });
  await writeMissingConfiguration(policy, readSecret);
  const signer = signerOf(fleet);
  const { evidence, markers } = createFileEvidence(policy.evidenceDirectory, { signer });
  const io = () => ({ signal: around.signal, beat: around.beat ?? (() => {}), previous: undefined });
  const deps = backupDependencies({ host: config.host, observe: around.observe ?? (() => {}), evidence, markerStore: markers, io });
  return { policy, deps, signs: signer !== null, host: config.host };
}

/** The one asked for, else the first of the engine's configuration. */
export async function repositoryOf({ deps, policy }: ColdFleet, asked: number | undefined): Promise<number> {
  return asked ?? (await deps.engineFor(policy).repositories())[0] ?? 1;
}

/** null where the key is not at hand: on an empty machine that is no reason not to restore. */
function signerOf({ signingKey }: FleetPolicy): Signer | null {
  try {
    return openSigner(readSecret, signingKey);
  } catch (error) {
    if (isAssayError(error, 'signing-key-missing') || isAssayError(error, 'secret-unreadable')) return null;
    throw error;
  }
}
