/**
 * Evidence without a control database: a restore on an empty machine, from the repository, the policy file and the evidence folder.
 * Markers come from their files; certificates go on in the same chain, and a control database takes them over later.
 */
import { join } from 'node:path';
import { canonicalJson, wellFormed } from '../../../domain/backup/certificate-canonical.ts';
import { compareLsn } from '../../../domain/backup/lsn.ts';
import type { Marker, MarkerRef } from '../../../domain/backup/model.ts';
import { pinnedLabels } from '../../../domain/backup/pins.ts';
import type { Proof, ProofSummary } from '../../../domain/backup/proof.ts';
import { AssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { clusterFolder, makeFolder, writeWhole } from '../../control/evidence-folder.ts';
import { markerRef, settledMarker } from '../../control/marker-digest.ts';
import { listMarkerFiles, readMarkerFile, removeMarkerFile, writeMarkerFile } from '../../control/marker-files.ts';
import type { EvidenceStore, MarkerStore } from '../ports.ts';
import { certificateKey, listChain, readCertificate } from './chain-files.ts';
import { storedMarkers } from './evidence-store.ts';
import { issueCertificate, summaryOf, summaryOfIssued } from './issue.ts';
import type { Signer } from './sign.ts';

export interface FileEvidenceOptions {
  /** null: the signing key is not at hand; proofs are then kept unsigned, and outside the chain. */
  readonly signer: Signer | null;
  readonly now?: () => Date;
}

/** `directory` is `policy.evidenceDirectory`. Policies and pins live only as long as the process: nothing else runs here. */
export function createFileEvidence(directory: string, options: FileEvidenceOptions): { evidence: EvidenceStore; markers: MarkerStore } {
  const markers = fileMarkers(directory);
  const policies = new Map<string, ClusterPolicy>();
  const proofs = new Map<string, ProofSummary>();
  const pins = new Map<string, { readonly cluster: string; readonly owner: string; readonly labels: readonly string[] }>();
  const pinsOf = (wanted: string) =>
    [...pins.values()].flatMap(({ cluster, owner, labels }) => (cluster === wanted ? labels.map((label) => ({ owner, label })) : []));
  const evidence: EvidenceStore = {
    issue: async (_policy, proof, held) => {
      const summary =
        options.signer === null
          ? await keepUnsigned(directory, proof)
          : await issue(directory, { ...options, signer: options.signer }, { proof, markers, held });
      proofs.set(proof.id, summary);
      return summary;
    },
    recordBackup: async () => {},
    provenBackups: async (cluster) => [...proofs.values()].filter((proof) => proof.cluster === cluster),
    pins: async (cluster) => pinsOf(cluster),
    pinned: async (cluster) => pinnedLabels(pinsOf(cluster)),
    pin: async (cluster, owner, labels) => void pins.set(`${cluster}\n${owner}`, { cluster, owner, labels }),
    unpin: async (cluster, owner) => void pins.delete(`${cluster}\n${owner}`),
    appliedPolicy: async (cluster) => policies.get(cluster) ?? null,
    savePolicy: async (policy) => void policies.set(policy.cluster, policy),
    listPolicies: async () => [...policies.values()],
    removePolicy: async (cluster) => void policies.delete(cluster),
  };
  return { evidence, markers };
}

async function issue(
  directory: string,
  { signer, now }: FileEvidenceOptions & { readonly signer: Signer },
  { proof, markers, held }: { readonly proof: Proof; readonly markers: MarkerStore; readonly held: readonly Marker[] | undefined },
): Promise<ProofSummary> {
  const stored = await storedMarkers(markers, proof, held);
  const folder = clusterFolder(directory, proof.cluster);
  return summaryOfIssued(await issueCertificate({ proof, folder, signer, now: now?.() ?? new Date(), findMarker: (id) => stored.get(id) }));
}

async function keepUnsigned(directory: string, proof: Proof): Promise<ProofSummary> {
  const folder = await makeFolder(join(clusterFolder(directory, proof.cluster), 'unsigned'), 0o750);
  const path = join(folder, `${certificateKey(proof.id)}.json`);
  await writeWhole(path, `${canonicalJson(wellFormed(proof))}\n`, 0o640);
  return summaryOf(proof, { json: path, html: '' });
}

function fileMarkers(directory: string): MarkerStore {
  const paths = new Map<string, string>();
  const remember = (marker: Marker, path: string): Marker => {
    paths.set(marker.id, path);
    return marker;
  };
  const read = async (path: string) => remember(await readMarkerFile(path), path);
  return {
    save: async (given) => {
      const marker = settledMarker(given);
      remember(marker, await writeMarkerFile(directory, marker));
      return markerRef(marker);
    },
    load: async (id) => {
      const path = paths.get(id);
      if (path === undefined) throw new AssayError('internal', { reason: `no marker ${id} was listed from ${directory}` });
      return readMarkerFile(path);
    },
    between: async (cluster, from, to) => {
      const files = (await listMarkerFiles(directory, cluster)).filter(({ lsn }) => compareLsn(lsn, from) >= 0 && (to === null || compareLsn(lsn, to) <= 0));
      const refs: MarkerRef[] = [];
      for (const { path } of files) refs.push(markerRef(await read(path)));
      return refs.sort((a, b) => (a.database < b.database ? -1 : a.database > b.database ? 1 : compareLsn(a.lsn, b.lsn)));
    },
    newest: async (cluster) => {
      const found = new Map<string, Marker>();
      for (const { path } of await listMarkerFiles(directory, cluster)) {
        const marker = await read(path);
        const known = found.get(marker.database);
        if (known === undefined || Date.parse(marker.at) >= Date.parse(known.at)) found.set(marker.database, marker);
      }
      return [...found.values()].sort((a, b) => (a.database < b.database ? -1 : 1));
    },
    named: async (cluster, backups) => {
      const ids = new Set<string>();
      for (const { path } of await listChain(clusterFolder(directory, cluster))) {
        const { body } = await readCertificate(path);
        if (backups.includes(body.backups.at(-1)?.label ?? '')) for (const { id } of body.markers) ids.add(id);
      }
      return ids;
    },
    remove: async (cluster, markers) => {
      for (const { database, lsn } of markers) await removeMarkerFile(directory, { cluster, database, lsn });
    },
  };
}
