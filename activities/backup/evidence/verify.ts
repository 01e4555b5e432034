/**
 * Verification of certificates: offline, from the files and a public key that came from somewhere else.
 * Of a folder it checks each document, each page, and that the chain has no gap, no other order and nothing put in.
 * What no chain can show: that its newest certificates were removed. `head` in the report is to be kept elsewhere, and compared.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { certificateText, parseCertificateFile, signedText } from '../../../domain/backup/certificate.ts';
import { type Certificate, certificateSchema } from '../../../domain/backup/certificate-schema.ts';
import { AssayError, reasonOf } from '../../../domain/errors.ts';
import { readNamedFile } from '../../named-file.ts';
import { certificateKey } from './chain-files.ts';
import { pageFault } from './page-seal.ts';
import { openVerifier, sha256, type Verifier } from './sign.ts';

export interface CertificateFault {
  readonly file: string;
  readonly reason: string;
}

export interface ChainReport {
  readonly folder: string;
  readonly cluster: string;
  readonly certificates: number;
  readonly verdicts: { readonly proven: number; readonly failed: number; readonly inconclusive: number };
  /** The newest one: keep its hash elsewhere, a shorter chain shows then. */
  readonly head: { readonly sequence: number; readonly hash: string; readonly issuedAt: string } | null;
}

export interface VerificationReport {
  readonly valid: boolean;
  readonly keys: readonly string[];
  readonly chains: readonly ChainReport[];
  readonly faults: readonly CertificateFault[];
  /** What was not checked, or is missing and no fault. */
  readonly notes: readonly string[];
}

interface Read {
  readonly file: string;
  readonly sequence: number;
  readonly certificate: Certificate;
}

/** A certificate's file, the folder of a cluster, or the folder of all. Throws usage where there is nothing to verify or no key. */
export async function verifyCertificates(path: string, publicKeyPem: string): Promise<VerificationReport> {
  const verifier = openVerifier(publicKeyPem);
  const whole = resolve(path);
  const kind = await stat(whole).catch((error) => {
    throw nothingThere(path, reasonOf(error));
  });
  if (!kind.isDirectory()) return verifyOne(whole, verifier);
  const folders = await chainFolders(whole);
  if (folders.length === 0) throw nothingThere(path, 'no certificate lies in it');
  const found = await Promise.all(folders.map((folder) => verifyFolder(folder, verifier)));
  const faults = found.flatMap((one) => one.faults);
  return { valid: faults.length === 0, keys: verifier.keys, chains: found.map((one) => one.chain), faults, notes: found.flatMap((one) => one.notes) };
}

/** The same with the key in a file. Throws usage where it cannot be read: a mistyped name is no fault of a certificate. */
export async function verifyWithKey(path: string, keyFile: string): Promise<VerificationReport> {
  return verifyCertificates(path, String(readNamedFile(keyFile, { what: 'the public key', hint: 'name its PEM file with --key' })));
}

function nothingThere(path: string, reason: string): AssayError {
  return new AssayError('usage', { reason: `nothing to verify at ${path}: ${reason}`, hint: 'name a certificate (.json), or the folder it lies in' });
}

async function chainFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const inside = entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  const all = [folder, ...inside];
  const holds = await Promise.all(all.map(async (one) => (await readdir(one)).some((name) => parseCertificateFile(name) !== null)));
  return all.filter((_, at) => holds[at]).sort();
}

async function verifyOne(file: string, verifier: Verifier): Promise<VerificationReport> {
  const json = file.replace(/\.html$/, '.json');
  const outcome = await readOne(json, verifier);
  const page = await verifyPage(json.replace(/\.json$/, '.html'), outcome, verifier);
  const faults = [...(isFault(outcome) ? [outcome] : []), ...page.faults];
  const chains = isFault(outcome) ? [] : [report(dirname(json), [outcome])];
  return {
    valid: faults.length === 0,
    keys: verifier.keys,
    chains,
    faults,
    notes: ['a single certificate: its place in the chain was not checked, verify its folder for that', ...page.notes],
  };
}

async function verifyFolder(folder: string, verifier: Verifier): Promise<{ chain: ChainReport; faults: CertificateFault[]; notes: string[] }> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  const documents = names.filter((name) => name.endsWith('.json'));
  const faults: CertificateFault[] = [];
  const notes: string[] = [];
  const read: Read[] = [];
  for (const name of documents) {
    const outcome = await readOne(join(folder, name), verifier);
    const page = await verifyPage(join(folder, name.replace(/\.json$/, '.html')), outcome, verifier);
    if (isFault(outcome)) faults.push(outcome);
    else read.push(outcome);
    faults.push(...page.faults);
    notes.push(...page.notes);
  }
  for (const name of names.filter((one) => one.endsWith('.html') && !documents.includes(one.replace(/\.html$/, '.json')))) {
    faults.push({ file: join(folder, name), reason: 'a page without its certificate' });
  }
  read.sort((a, b) => a.sequence - b.sequence);
  return { chain: report(folder, read), faults: [...faults, ...chainFaults(folder, read, faults)], notes };
}

const isFault = (outcome: Read | CertificateFault): outcome is CertificateFault => 'reason' in outcome;

/** The document by itself: name, exact form, hash, signature. */
async function readOne(file: string, verifier: Verifier): Promise<Read | CertificateFault> {
  const fault = (reason: string): CertificateFault => ({ file, reason });
  const name = parseCertificateFile(basename(file));
  if (name === null || name.kind !== 'json') return fault('its name is not that of a certificate');
  let document: unknown;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
    document = JSON.parse(text);
  } catch (error) {
    return fault((error as NodeJS.ErrnoException).code === 'ENOENT' ? 'the file is missing' : 'it is not JSON');
  }
  const parsed = certificateSchema.safeParse(document);
  if (!parsed.success) return fault(`it does not follow the schema at ${parsed.error.issues[0]?.path.join('.') || 'its root'}`);
  const certificate = parsed.data;
  if (certificateText(certificate) !== text) return fault('its bytes are not those that were written');
  const signed = signedText(certificate.body);
  if (sha256(signed) !== certificate.hash) return fault('its content does not match its hash');
  const { key, value } = certificate.signature;
  if (!verifier.keys.includes(key)) return fault(`it is signed with another key, ${key}`);
  if (!verifier.verify({ text: signed, key, signature: value })) return fault('its signature does not verify');
  const { id, sequence } = certificate.body;
  if (sequence !== name.sequence) return fault(`it is number ${sequence}, its name says ${name.sequence}`);
  if (certificateKey(id) !== name.key) return fault(`it is of proof ${id}, its name says ${name.key}`);
  return { file, sequence, certificate };
}

async function verifyPage(file: string, document: Read | CertificateFault, verifier: Verifier): Promise<{ faults: CertificateFault[]; notes: string[] }> {
  // nothing can be said of a page whose document is not sound
  if (isFault(document)) return { faults: [], notes: [] };
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return { faults: [], notes: [`${file} is missing: the document is the certificate, the page only shows it`] };
  const reason = pageFault(text, document.certificate.hash, verifier);
  return { faults: reason === null ? [] : [{ file, reason }], notes: [] };
}

/** Each points to the one before it. `known`: faults of single files, which explain a gap where they lie. */
function chainFaults(folder: string, chain: readonly Read[], known: readonly CertificateFault[]): CertificateFault[] {
  const damaged = new Set(known.map((fault) => parseCertificateFile(basename(fault.file))?.sequence));
  const faults: CertificateFault[] = [];
  let before: Read | undefined;
  for (const entry of chain) {
    const { body } = entry.certificate;
    const expected = (before?.sequence ?? 0) + 1;
    for (let missing = expected; missing < entry.sequence; missing += 1) {
      if (!damaged.has(missing))
        faults.push({
          file: join(folder, `${String(missing).padStart(6, '0')}-*.json`),
          reason: `certificate ${missing} is missing: ${basename(entry.file)} comes after it`,
        });
    }
    if (entry.sequence < expected) faults.push({ file: entry.file, reason: `there are two certificates ${entry.sequence}` });
    else if (entry.sequence === expected && body.previous !== (before?.certificate.hash ?? null))
      faults.push({ file: entry.file, reason: 'it does not follow the certificate before it' });
    if (before !== undefined && body.cluster.name !== before.certificate.body.cluster.name)
      faults.push({ file: entry.file, reason: `it is of cluster ${body.cluster.name}` });
    before = entry;
  }
  return faults;
}

function report(folder: string, chain: readonly Read[]): ChainReport {
  const count = (outcome: Certificate['body']['verdict']['outcome']) => chain.filter((entry) => entry.certificate.body.verdict.outcome === outcome).length;
  const head = chain.at(-1)?.certificate;
  return {
    folder,
    cluster: chain[0]?.certificate.body.cluster.name ?? basename(folder),
    certificates: chain.length,
    verdicts: { proven: count('proven'), failed: count('failed'), inconclusive: count('inconclusive') },
    head: head === undefined ? null : { sequence: head.body.sequence, hash: head.hash, issuedAt: head.body.issuedAt },
  };
}
