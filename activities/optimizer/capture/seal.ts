/** Captured values encrypted: AES-256-GCM, a fresh nonce each, bound to the statement they belong to. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { AssayError } from '../../../domain/errors.ts';
import type { CapturedValues } from '../bind/bind.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Where values belong: sealed for one place they cannot be opened as those of another. */
export interface Place {
  readonly cluster: string;
  readonly database: string;
  /** queryid. */
  readonly statement: string;
}

export interface Sealed {
  /** Equal values of one place have equal digests; without the key it says nothing. */
  readonly digest: string;
  /** Base64. */
  readonly sealed: string;
}

/** The first encrypts, all decrypt: a key is rotated by putting the new one in front. */
export type SealKeys = readonly [Buffer, ...Buffer[]];

/** `text`: 32 bytes as base64 each, separated by commas. Throws secret-unreadable; the key is in no error. */
export function sealKeys(text: string, reference: string): SealKeys {
  const [first, ...others] = text.split(',').map((one) => Buffer.from(one.trim(), 'base64'));
  const wrong = [first, ...others].find((key) => key?.length !== KEY_BYTES);
  if (first !== undefined && wrong === undefined) return [first, ...others];
  throw new AssayError('secret-unreadable', { reference, reason: `a key has ${wrong?.length ?? 0} bytes, ${KEY_BYTES} are needed (openssl rand -base64 32)` });
}

export function seal([key]: SealKeys, place: Place, values: CapturedValues): Sealed {
  const plain = Buffer.from(JSON.stringify([values.values, values.types]));
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(named(place));
  const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64');
  const digest = createHmac('sha256', key).update('assay captured value').update(named(place)).update('\0').update(plain).digest('hex').slice(0, 32);
  return { digest, sealed };
}

/** null: no key's, another place's, or changed since. What cannot be opened is as good as never captured: the statement gets made-up values. */
export function unseal(keys: SealKeys, place: Place, sealed: string): CapturedValues | null {
  const data = Buffer.from(sealed, 'base64');
  for (const key of keys) {
    const plain = opened(key, named(place), data);
    if (plain === null) continue;
    const [values, types] = JSON.parse(plain) as [CapturedValues['values'], CapturedValues['types']]; // authentic: `seal` wrote it
    return { values, types };
  }
  return null;
}

function opened(key: Buffer, place: Buffer, data: Buffer): string | null {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES }).setAAD(place);
    decipher.setAuthTag(data.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(data.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString();
  } catch {
    return null;
  }
}

const named = ({ cluster, database, statement }: Place): Buffer => Buffer.from(JSON.stringify([cluster, database, statement]));
