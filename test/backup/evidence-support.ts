/** Keys and folders for the tests of evidence. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openSigner, type Signer } from '../../activities/backup/evidence/sign.ts';

export function testKey(): { readonly pem: string; readonly signer: Signer } {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { pem, signer: openSigner(() => pem, 'env:ASSAY_TEST_KEY') };
}

const made: string[] = [];

/** Gone after the file. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ev-'));
  made.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});
