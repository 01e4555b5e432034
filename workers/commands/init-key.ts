/** The key pair that `assay init --signing-key` makes, or finds. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { AssayError, reasonOf } from '../../domain/errors.ts';

export interface KeyPairFiles {
  readonly privateKey: string;
  readonly publicKey: string;
  /** Those that were not there before. */
  readonly written: readonly string[];
}

/**
 * Ed25519: private key PKCS#8 PEM, 0600; public key SPKI PEM beside it. A pair that is there is taken as it is, --force or not: old certificates
 * need it. Throws refused-by-guard where a file is there and is something else.
 */
export function keyPairAt(path: string): KeyPairFiles {
  const files = { privateKey: path, publicKey: path.endsWith('.key') ? path.replace(/\.key$/, '.pub') : `${path}.pub` };
  const there = existsSync(files.privateKey) ? readKey(files.privateKey) : null;
  if (there === null && existsSync(files.publicKey)) throw refused(files.publicKey, 'a public key is there without its private one');
  const key = there ?? generateKeyPairSync('ed25519').privateKey;
  const publicPem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  const written: string[] = [];
  if (there === null) {
    writeFileSync(files.privateKey, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
    written.push(files.privateKey);
  }
  if (!existsSync(files.publicKey)) {
    writeFileSync(files.publicKey, publicPem, { mode: 0o644, flag: 'wx' });
    written.push(files.publicKey);
  } else if (readFileSync(files.publicKey, 'utf8').trim() !== publicPem.trim()) {
    throw refused(files.publicKey, `it is not the public key of ${files.privateKey}`);
  }
  return { ...files, written };
}

function readKey(path: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(readFileSync(path, 'utf8'));
  } catch (error) {
    throw refused(path, `what is there is no private key (${reasonOf(error)})`);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw refused(path, `the key that is there is of type ${key.asymmetricKeyType}`);
  return key;
}

const refused = (path: string, reason: string): AssayError =>
  new AssayError('refused-by-guard', { what: `making a key at ${path}`, reason, hint: 'move it to another place first' });
