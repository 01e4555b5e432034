/** Evidence in the control database and, the same certificates, as files beside the repository. */
import type { StoredMarker } from '../../../domain/backup/certificate-coverage.ts';
import type { Marker } from '../../../domain/backup/model.ts';
import type { Proof, ProofSummary } from '../../../domain/backup/proof.ts';
import { isAssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy, SecretReference } from '../../../domain/policy.ts';
import { BackupEntity } from '../../../entities/backup.ts';
import { CapturedValueEntity } from '../../../entities/captured-value.ts';
import { ClusterPolicyEntity } from '../../../entities/cluster-policy.ts';
import type { Control } from '../../control/control-database.ts';
import { clusterFolder } from '../../control/evidence-folder.ts';
import { markerDigest, settledMarker } from '../../control/marker-digest.ts';
import { createMarkerStore } from '../../control/marker-store.ts';
import type { EvidenceStore, MarkerStore, ReadSecret } from '../ports.ts';
import { reconcileChain, recordIssued } from './chain-record.ts';
import { issueCertificate, summaryOfIssued } from './issue.ts';
import { pinStore } from './pins.ts';
import { provenBackups } from './proven-backups.ts';
import { openSigner } from './sign.ts';

export interface EvidenceStoreOptions {
  readonly control: Control;
  readonly readSecret: ReadSecret;
  /** Ed25519, PKCS#8 PEM; read anew for each certificate. */
  readonly signingKey: SecretReference;
  /** Default: the clock. */
  readonly now?: () => Date;
}

/** Every method may be repeated and run by several workers at once. */
export function createEvidenceStore(options: EvidenceStoreOptions): EvidenceStore {
  const { control } = options;
  return {
    issue: (policy, proof, markers) => issue(options, policy, { proof, markers }),
    recordBackup: async (policy, backup) => {
      const row = {
        cluster: policy.cluster,
        repository: backup.repository,
        label: backup.label,
        type: backup.type,
        stoppedAt: new Date(backup.stoppedAt),
        requestKey: backup.requestKey,
        record: backup,
      };
      await control.em().upsert(BackupEntity, row);
    },
    provenBackups: (cluster) => provenBackups(control.em(), cluster),
    ...pinStore(control),
    appliedPolicy: async (cluster) => (await control.em().findOne(ClusterPolicyEntity, { cluster }))?.policy ?? null,
    savePolicy: async (policy) => {
      const { cluster, environment, host } = policy;
      await control.em().upsert(ClusterPolicyEntity, { cluster, environment, host, policy, appliedAt: (options.now ?? now)() });
    },
    listPolicies: async () => (await control.em().find(ClusterPolicyEntity, {}, { orderBy: { cluster: 'asc' } })).map((row) => row.policy),
    removePolicy: (cluster) =>
      control.em().transactional(async (em) => {
        await em.nativeDelete(ClusterPolicyEntity, { cluster });
        // values out of its rows have no owner any more; what was proven and recommended stays
        await em.nativeDelete(CapturedValueEntity, { cluster });
      }),
  };
}

const now = () => new Date();

interface Judged {
  readonly proof: Proof;
  readonly markers: readonly Marker[] | undefined;
}

/** The files are the chain; the database mirrors it and writes again what a lost folder had. One at a time per cluster. */
async function issue(options: EvidenceStoreOptions, policy: ClusterPolicy, { proof, markers }: Judged): Promise<ProofSummary> {
  const { control, readSecret, signingKey } = options;
  const signer = openSigner(readSecret, signingKey);
  const folder = clusterFolder(policy.evidenceDirectory, policy.cluster);
  const stored = await storedMarkers(createMarkerStore(control), proof, markers);
  return control.em().transactional(async (tx) => {
    await tx.execute(`select pg_advisory_xact_lock(hashtextextended('assay/evidence/' || ?, 0))`, [policy.cluster]);
    await reconcileChain(tx, { cluster: policy.cluster, folder, signer });
    const issued = await issueCertificate({ proof, folder, signer, now: (options.now ?? now)(), findMarker: (id) => stored.get(id) });
    await recordIssued(tx, proof, issued);
    return summaryOfIssued(issued);
  });
}

/** `held`: those the caller has in memory already. A marker that is gone leaves the certificate without its figures; a store that does not answer is an error, for a retry. */
export async function storedMarkers(store: MarkerStore, proof: Proof, held: readonly Marker[] = []): Promise<Map<string, StoredMarker>> {
  const found = new Map<string, StoredMarker>();
  for (const { id } of proof.markers) {
    try {
      const settled = settledMarker(held.find((marker) => marker.id === id) ?? (await store.load(id)));
      found.set(id, { marker: settled, digest: markerDigest(settled) });
    } catch (error) {
      if (!isAssayError(error, 'internal')) throw error;
    }
  }
  return found;
}
