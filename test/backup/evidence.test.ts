/** Certificates as files: chain, claims, offline verification, the page. No database. */
import { execFileSync } from 'node:child_process';
import { cpSync, linkSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { listChain } from '../../activities/backup/evidence/chain-files.ts';
import { createFileEvidence } from '../../activities/backup/evidence/file-evidence.ts';
import { issueCertificate, signCertificate } from '../../activities/backup/evidence/issue.ts';
import { openSigner, openVerifier } from '../../activities/backup/evidence/sign.ts';
import { verifyCertificates, verifyWithKey } from '../../activities/backup/evidence/verify.ts';
import { certificateText } from '../../domain/backup/certificate.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { failedExample, inconclusiveExample, provenExample } from './certificate-examples.ts';
import { testFolder, testKey } from './evidence-support.ts';

const { signer } = testKey();
const noPolicy = {} as ClusterPolicy;
let pristine: string;

/** Five certificates of cluster shop, failed and inconclusive ones among them. */
beforeAll(async () => {
  pristine = testFolder();
  const { evidence } = createFileEvidence(pristine, { signer });
  for (const example of [provenExample(), failedExample(), provenExample(), inconclusiveExample(), provenExample()])
    await evidence.issue(noPolicy, example.proof);
});

/** A copy to damage. */
function copy(): { folder: string; file: (sequence: number, kind?: string) => string } {
  const folder = join(testFolder(), 'shop');
  cpSync(join(pristine, 'shop'), folder, { recursive: true });
  const file = (sequence: number, kind = 'json') => {
    const name = readdirSync(folder).find((one) => one.startsWith(String(sequence).padStart(6, '0')) && one.endsWith(kind));
    return join(folder, name ?? 'none');
  };
  return { folder, file };
}

const verify = (path: string) => verifyCertificates(path, signer.publicKeyPem);
const faultyFiles = async (folder: string) => (await verify(folder)).faults.map((fault) => basename(fault.file));

describe('a chain that nobody touched', () => {
  test('verifies, failed and inconclusive proofs included, and names its head', async () => {
    const report = await verify(pristine);
    expect(report).toMatchObject({ valid: true, faults: [], keys: [signer.key] });
    expect(report.chains).toMatchObject([{ cluster: 'shop', certificates: 5, verdicts: { proven: 3, failed: 1, inconclusive: 1 }, head: { sequence: 5 } }]);
  });

  test('verifies as the folder of the cluster and as one file', async () => {
    const { folder, file } = copy();
    expect(await verify(folder)).toMatchObject({ valid: true });
    expect(await verify(file(3))).toMatchObject({ valid: true, notes: [expect.stringContaining('place in the chain was not checked')] });
  });

  test('is readable by its group and by nobody else; nothing unfinished lies about', () => {
    const folder = join(pristine, 'shop');
    expect(statSync(folder).mode & 0o777).toBe(0o750);
    for (const name of readdirSync(folder)) expect([name, statSync(join(folder, name)).mode & 0o777]).toEqual([name, 0o640]);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('a page that was taken away is a note: the document is the certificate', async () => {
    const { folder, file } = copy();
    rmSync(file(2, 'html'));
    expect(await verify(folder)).toMatchObject({ valid: true, notes: [expect.stringContaining('is missing')] });
  });

  test('a key that was changed leaves older certificates valid for who has both public keys', async () => {
    const { folder } = copy();
    const later = testKey().signer;
    const { proof } = provenExample();
    await issueCertificate({ proof, folder, signer: later, now: new Date(), findMarker: () => undefined });
    expect((await verify(folder)).valid).toBe(false);
    expect((await verifyCertificates(folder, signer.publicKeyPem + later.publicKeyPem)).valid).toBe(true);
  });

  test('a key file that is not there is no fault of a certificate', async () => {
    const { folder } = copy();
    await expect(verifyWithKey(folder, join(folder, 'no-such-key.pem'))).rejects.toMatchObject({ code: 'usage', exit: 2 });
    const key = join(testFolder(), 'key.pub');
    writeFileSync(key, signer.publicKeyPem);
    expect(await verifyWithKey(folder, key)).toMatchObject({ valid: true });
  });

  test('openssl and jq verify a certificate without Assay', async () => {
    const { file } = copy();
    const folder = testFolder();
    writeFileSync(join(folder, 'key.pub'), signer.publicKeyPem);
    const { signature, hash } = JSON.parse(readFileSync(file(1), 'utf8'));
    writeFileSync(join(folder, 'signature'), Buffer.from(signature.value, 'base64'));
    writeFileSync(join(folder, 'signed'), execFileSync('jq', ['-cSj', '{schema, version, body}', file(1)]));
    const sum = execFileSync('sha256sum', [join(folder, 'signed')], { encoding: 'utf8' });
    expect(hash).toBe(`sha256:${sum.slice(0, 64)}`);
    const args = [
      'pkeyutl',
      '-verify',
      '-pubin',
      '-inkey',
      join(folder, 'key.pub'),
      '-rawin',
      '-in',
      join(folder, 'signed'),
      '-sigfile',
      join(folder, 'signature'),
    ];
    expect(execFileSync('openssl', args, { encoding: 'utf8' })).toMatch(/Verified Successfully/);
  });
});

describe('a chain that somebody touched names the file', () => {
  test('any flipped bit of a document', async () => {
    const { folder, file } = copy();
    const path = file(3);
    const bytes = readFileSync(path);
    const missed: number[] = [];
    // every byte of the signature and hash, every seventh of the body, a different bit each
    const positions = Array.from(bytes.keys()).filter((at) => at % 7 === 0 || at > bytes.length - 400);
    for (const at of positions) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (Math.floor(at / 7) % 8));
      writeFileSync(path, flipped);
      const report = await verifyCertificates(path, signer.publicKeyPem);
      if (report.valid || report.faults[0]?.file !== path) missed.push(at);
    }
    expect(missed).toEqual([]);
    expect(await faultyFiles(folder)).toEqual([basename(path)]);
  });

  test('a changed byte of a page, a page of another document, a page without its document', async () => {
    const { folder, file } = copy();
    const page = readFileSync(file(2, 'html'), 'utf8');
    writeFileSync(file(2, 'html'), page.replace('A fault was found', 'No fault was found'));
    cpSync(file(1, 'html'), file(3, 'html'));
    writeFileSync(join(folder, '000009-extra.html'), page);
    expect(await faultyFiles(folder)).toEqual([basename(file(2, 'html')), basename(file(3, 'html')), '000009-extra.html']);
  });

  test('a removed one in the middle', async () => {
    const { folder, file } = copy();
    rmSync(file(3));
    rmSync(file(3, 'html'));
    expect(await verify(folder)).toMatchObject({ valid: false, faults: [{ file: join(folder, '000003-*.json'), reason: expect.stringContaining('missing') }] });
  });

  test('a removed first one', async () => {
    const { folder, file } = copy();
    rmSync(file(1));
    rmSync(file(1, 'html'));
    expect(await faultyFiles(folder)).toEqual(['000001-*.json']);
  });

  test('two that changed places', async () => {
    const { folder, file } = copy();
    const [second, third] = [file(2), file(3)];
    const swapped = (path: string, sequence: string) => join(folder, basename(path).replace(/^\d+/, sequence));
    renameSync(second, swapped(second, '000003'));
    renameSync(third, swapped(third, '000002'));
    for (const page of [basename(second), basename(third)]) rmSync(join(folder, page.replace('.json', '.html')));
    const names = await faultyFiles(folder);
    expect(names).toContain(basename(swapped(second, '000003')));
    expect(names).toContain(basename(swapped(third, '000002')));
  });

  test('one that was signed again with another key', async () => {
    const { folder, file } = copy();
    const forged = JSON.parse(readFileSync(file(2), 'utf8'));
    forged.body.verdict = { ...forged.body.verdict, outcome: 'proven', level: 'content', cause: null };
    const other = testKey().signer;
    const text = JSON.stringify(forged.body);
    forged.signature = { algorithm: 'Ed25519', key: other.key, value: other.sign(text) };
    writeFileSync(file(2), certificateText(forged));
    expect((await faultyFiles(folder))[0]).toBe(basename(file(2)));
  });

  test('one signed again with the right key but another past breaks the one after it', async () => {
    const { folder, file } = copy();
    const { body } = JSON.parse(readFileSync(file(2), 'utf8'));
    const { proof } = provenExample({ id: body.id });
    const rewritten = signCertificate(signer, { proof, sequence: 2, previous: body.previous, issuedAt: body.issuedAt, findMarker: () => undefined });
    writeFileSync(file(2), certificateText(rewritten));
    rmSync(file(2, 'html'));
    expect(await verify(folder)).toMatchObject({ valid: false, faults: [{ file: file(3), reason: 'it does not follow the certificate before it' }] });
  });

  test('one put in from another cluster, or twice under another name', async () => {
    const { folder, file } = copy();
    const { proof } = provenExample({ cluster: 'other' });
    await issueCertificate({ proof, folder, signer, now: new Date(), findMarker: () => undefined });
    cpSync(file(1), join(folder, '000001-again.json'));
    const report = await verify(folder);
    expect(report.faults.map((fault) => fault.reason)).toEqual([expect.stringContaining('its name says again'), 'it is of cluster other']);
  });

  test('nothing to verify and no key are said as such', async () => {
    await expect(verify(testFolder())).rejects.toMatchObject({ code: 'usage' });
    await expect(verify('/nowhere/at/all')).rejects.toMatchObject({ code: 'usage' });
    await expect(verifyCertificates(pristine, 'rubbish')).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('several that issue at once', () => {
  test('make one chain without gap or fork, whoever comes first', async () => {
    const root = testFolder();
    const proofs = Array.from({ length: 12 }, () => provenExample().proof);
    const stores = [1, 2, 3].map(() => createFileEvidence(root, { signer }).evidence);
    // each proof is asked for by every store
    await Promise.all(stores.flatMap((store) => proofs.map((proof) => store.issue(noPolicy, proof))));
    const report = await verify(root);
    expect(report).toMatchObject({ valid: true, chains: [{ certificates: 12, head: { sequence: 12 } }] });
  });

  test('a claim left by a crash is completed by the next one', async () => {
    const { folder, file } = copy();
    renameSync(file(5), join(folder, '.claim-000005'));
    rmSync(file(5, 'html'));
    const { proof } = provenExample();
    const issued = await issueCertificate({ proof, folder, signer, now: new Date(), findMarker: () => undefined });
    expect(issued.certificate.body.sequence).toBe(6);
    expect(await verify(folder)).toMatchObject({ valid: true, chains: [{ certificates: 6 }] });
  });

  test('a claim for a place that was taken meanwhile is dropped', async () => {
    const { folder, file } = copy();
    const stale = signCertificate(signer, {
      proof: provenExample().proof,
      sequence: 5,
      previous: null,
      issuedAt: new Date().toISOString(),
      findMarker: () => undefined,
    });
    writeFileSync(join(folder, '.unfinished'), certificateText(stale));
    linkSync(join(folder, '.unfinished'), join(folder, '.claim-000006'));
    const again = await issueCertificate({ proof: provenExample().proof, folder, signer, now: new Date(), findMarker: () => undefined }).catch(
      (error) => error,
    );
    expect(again).toBeDefined();
    expect((await listChain(folder)).filter((entry) => entry.sequence === 5)).toHaveLength(1);
    expect(file(5)).toContain('000005');
  });

  test('the same proof twice is one certificate, and a lost page is written again', async () => {
    const root = testFolder();
    const { proof } = provenExample();
    const first = await createFileEvidence(root, { signer }).evidence.issue(noPolicy, proof);
    const page = readFileSync(first.certificate.html, 'utf8');
    rmSync(first.certificate.html);
    const second = await createFileEvidence(root, { signer }).evidence.issue(noPolicy, proof);
    expect(second.certificate).toEqual(first.certificate);
    expect(readFileSync(first.certificate.html, 'utf8')).toBe(page);
  });
});

describe('keys', () => {
  test('whatever is no Ed25519 private key is refused, and is in no error', () => {
    const rubbish = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----';
    expect(() => openSigner(() => rubbish, 'file:/k')).toThrow(
      expect.objectContaining({ code: 'signing-key-missing', message: expect.not.stringContaining('c2VjcmV0') }),
    );
    expect(() =>
      openSigner(() => {
        throw new Error('unset');
      }, 'env:K'),
    ).toThrow(expect.objectContaining({ code: 'signing-key-missing' }));
  });

  test('a private key is not taken for a public one', () => {
    expect(() => openVerifier(testKey().pem)).toThrow(/no public key/);
  });
});
