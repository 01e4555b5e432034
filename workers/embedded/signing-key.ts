/** A key pair for certificates, as `assay init --signing-key` makes one. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface KeyFiles {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Ed25519, PKCS#8 and SPKI PEM; the private one 0600. */
export function makeSigningKey(folder: string): KeyFiles {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const files = { privateKey: join(folder, 'signing.key'), publicKey: join(folder, 'signing.pub') };
  writeFileSync(files.privateKey, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(files.publicKey, publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o644 });
  return files;
}
