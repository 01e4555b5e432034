/** `assay backup certificate`: the files of a proof, copied where this host can read them. */
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import type { BackupStatus } from '../../domain/backup/status.ts';
import { AssayError, reasonOf } from '../../domain/errors.ts';
import type { Outcome } from './outcome.ts';
import { proofText } from './show-proofs.ts';

export interface CertificateWanted {
  readonly label: string | undefined;
  /** Folder to copy both files to. */
  readonly out: string | undefined;
}

/** Throws backup-unknown, usage where there is no proof or its files cannot be read here. */
export async function certificateOutcome({ cluster, proofs, backups }: BackupStatus, { label, out }: CertificateWanted): Promise<Outcome> {
  const proof = label === undefined ? newest(proofs) : (proofs.find((each) => each.backup === label) ?? null);
  if (proof === null) {
    if (label !== undefined && !backups.some((backup) => backup.label === label)) throw new AssayError('backup-unknown', { label, cluster });
    throw new AssayError('usage', { reason: `${label ?? cluster} was never proven`, hint: `\`assay backup prove ${cluster}\` proves it` });
  }
  const copied = out === undefined ? [] : await copy(proof, resolve(out));
  return {
    exit: 0,
    data: { cluster, proof, copied, document: await documentOf(proof) },
    text: (paint) => `${proofText(proof, paint)}${copied.map((file) => `copied to ${file}\n`).join('')}`,
  };
}

const newest = (proofs: readonly ProofSummary[]) => proofs.toSorted((a, b) => (a.finishedAt > b.finishedAt ? -1 : 1))[0] ?? null;

async function copy({ certificate }: ProofSummary, folder: string): Promise<readonly string[]> {
  try {
    await mkdir(folder, { recursive: true });
    const files = [certificate.json, certificate.html].map((from) => ({ from, to: join(folder, basename(from)) }));
    for (const { from, to } of files) await copyFile(from, to);
    return files.map(({ to }) => to);
  } catch (cause) {
    throw new AssayError(
      'usage',
      { reason: `cannot copy the certificate: ${reasonOf(cause)}`, hint: `it lies on the cluster's host, at ${certificate.json}` },
      { cause },
    );
  }
}

/** null where this host cannot read it. */
async function documentOf({ certificate }: ProofSummary): Promise<unknown> {
  try {
    return JSON.parse(await readFile(certificate.json, 'utf8'));
  } catch {
    return null; // on another host: its path is in the answer
  }
}
