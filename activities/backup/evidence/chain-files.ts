/**
 * The chain of one cluster as files. Several processes, on several hosts, may append at once, with or without a control database.
 *
 *   write whole certificate aside → link it to `.claim-NNNNNN` (one wins) → look again → link it to its own name → drop the claim
 *
 * A claim holds the finished certificate, so whoever finds one left by a crash completes it: no time-out, no stale lock.
 */
import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificateFile, certificateText, fileKey, parseCertificateFile, signedText } from '../../../domain/backup/certificate.ts';
import { type Certificate, certificateSchema } from '../../../domain/backup/certificate-schema.ts';
import { AssayError } from '../../../domain/errors.ts';
import { makeFolder, onDisk, syncFolder } from '../../control/evidence-folder.ts';
import { sha256 } from './sign.ts';

export interface ChainPlace {
  readonly sequence: number;
  readonly previous: string | null;
}

export interface ChainEntry {
  readonly sequence: number;
  readonly key: string;
  readonly path: string;
}

/** Whatever is not a certificate's JSON is passed over. Ascending. */
export async function listChain(folder: string): Promise<ChainEntry[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const entries = names.flatMap((name) => {
    const parsed = parseCertificateFile(name);
    return parsed?.kind === 'json' ? [{ sequence: parsed.sequence, key: parsed.key, path: join(folder, name) }] : [];
  });
  return entries.sort((a, b) => a.sequence - b.sequence || (a.key < b.key ? -1 : 1));
}

export const certificateKey = (proof: string): string => fileKey(proof, (text) => sha256(text).slice('sha256:'.length));

/** Throws certificate-invalid where the file is not exactly what was written. Signatures are not looked at here. */
export async function readCertificate(path: string): Promise<Certificate> {
  const text = await readFile(path, 'utf8');
  const parsed = certificateSchema.safeParse(jsonOf(text));
  if (!parsed.success || certificateText(parsed.data) !== text || sha256(signedText(parsed.data.body)) !== parsed.data.hash) {
    throw new AssayError('certificate-invalid', { file: path, reason: 'it is not what was written there' });
  }
  return parsed.data;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Certificate of this proof: the one already there, or what `make` gives for the next place. Idempotent by proof, safe at once. */
export async function appendCertificate(
  folder: string,
  proof: string,
  make: (place: ChainPlace) => Certificate,
): Promise<{ readonly certificate: Certificate; readonly path: string }> {
  await makeFolder(folder, 0o750);
  const key = certificateKey(proof);
  return onDisk(folder, async () => {
    for (;;) {
      const chain = await listChain(folder);
      const made = chain.find((entry) => entry.key === key);
      if (made !== undefined) return { certificate: await readCertificate(made.path), path: made.path };
      const place = await nextPlace(chain);
      await claim(folder, make(place));
      await settleClaim(folder, place.sequence);
    }
  });
}

async function nextPlace(chain: readonly ChainEntry[]): Promise<ChainPlace> {
  const head = chain.at(-1);
  return head === undefined ? { sequence: 1, previous: null } : { sequence: head.sequence + 1, previous: (await readCertificate(head.path)).hash };
}

const claimPath = (folder: string, sequence: number) => join(folder, `.claim-${String(sequence).padStart(6, '0')}`);

/** Where another one holds this place already, theirs stays: it is settled next, and ours tries the place after it. */
async function claim(folder: string, certificate: Certificate): Promise<void> {
  const unfinished = join(folder, `.unfinished-${randomUUID()}`);
  try {
    await writeFile(unfinished, certificateText(certificate), { mode: 0o640, flush: true });
    await link(unfinished, claimPath(folder, certificate.body.sequence));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** Completes a claim, whoever made it; drops it where its place was taken before it was made. Safe to run by many at once. */
async function settleClaim(folder: string, sequence: number): Promise<void> {
  const path = claimPath(folder, sequence);
  try {
    const certificate = await readCertificate(path);
    const taken = (await listChain(folder)).some((entry) => entry.sequence === sequence);
    if (!taken) await link(path, join(folder, certificateFile(sequence, certificateKey(certificate.body.id), 'json')));
    await syncFolder(folder);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // ENOENT: another one settled it meanwhile; EEXIST: another one linked it first
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  }
  await rm(path, { force: true });
}
