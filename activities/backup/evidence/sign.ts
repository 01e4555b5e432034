/** Ed25519 through Node's own crypto: whoever signs holds a PKCS#8 key, whoever verifies needs only the public one. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { AssayError, reasonOf } from '../../../domain/errors.ts';
import type { SecretReference } from '../../../domain/policy.ts';
import type { ReadSecret } from '../ports.ts';

export interface Signer {
  /** `sha256:…` of the public key as SubjectPublicKeyInfo. */
  readonly key: string;
  readonly publicKeyPem: string;
  /** Base64. */
  readonly sign: (text: string) => string;
}

export interface Verifier {
  /** `sha256:…` of each key it takes. */
  readonly keys: readonly string[];
  readonly verify: (signed: { readonly text: string; readonly key: string; readonly signature: string }) => boolean;
}

export function sha256(text: string | Buffer): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** Throws signing-key-missing where the reference leads to no Ed25519 private key; the key is in no error. */
export function openSigner(readSecret: ReadSecret, reference: SecretReference): Signer {
  const key = privateKey(readSecret, reference);
  const publicKey = createPublicKey(key);
  return {
    key: keyDigest(publicKey),
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (text) => sign(null, Buffer.from(text, 'utf8'), key).toString('base64'),
  };
}

function privateKey(readSecret: ReadSecret, reference: SecretReference): KeyObject {
  let pem: string;
  try {
    pem = readSecret(reference);
  } catch (cause) {
    throw new AssayError('signing-key-missing', { reason: reasonOf(cause) }, { cause });
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new AssayError('signing-key-missing', { reason: `${reference} is no PKCS#8 private key in PEM` });
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new AssayError('signing-key-missing', { reason: `${reference} is a key of type ${key.asymmetricKeyType}, not ed25519` });
  }
  return key;
}

const PUBLIC_KEY = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g;

/** Takes one public key or several one after the other (a key that was changed leaves older certificates valid). Throws usage. */
export function openVerifier(publicKeyPem: string): Verifier {
  const keys = new Map((publicKeyPem.match(PUBLIC_KEY) ?? []).map(publicKey).map((key) => [keyDigest(key), key]));
  if (keys.size === 0) throw noKey('there is no PUBLIC KEY in it');
  return {
    keys: [...keys.keys()],
    verify: ({ text, key, signature }) => {
      const known = keys.get(key);
      return known !== undefined && verify(null, Buffer.from(text, 'utf8'), known, Buffer.from(signature, 'base64'));
    },
  };
}

function publicKey(pem: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    throw noKey('it cannot be read');
  }
  throw noKey('it is not an Ed25519 key');
}

function noKey(reason: string): AssayError {
  return new AssayError('usage', {
    reason: `this is no public key to verify with: ${reason}`,
    hint: 'give the PEM file that `assay init --signing-key` wrote beside the key',
  });
}

function keyDigest(key: KeyObject): string {
  return sha256(key.export({ type: 'spki', format: 'der' }));
}
