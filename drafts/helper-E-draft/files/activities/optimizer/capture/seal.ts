/** Captured values encrypted: AES-256-GCM, a fresh nonce each, bound to the statement they belong to. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import type { CapturedValues } from '../bind/bind.ts';
import type { ValueKey } from './keys.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Where values belong: sealed for one place they cannot be opened as those of another. */
export interface Place {
  readonly cluster: string;
  readonly database: string;
  /** `shapeOf` of the statement. */
  readonly shape: string;
}

export interface Sealed {
  readonly keyId: string;
  /** Equal values of one place and day have equal digests; without the key it says nothing. */
  readonly digest: string;
  /** Base64. */
  readonly sealed: string;
}

export function seal({ id, bytes }: ValueKey, place: Place, values: CapturedValues): Sealed {
  const plain = Buffer.from(JSON.stringify([values.values, values.types]));
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', bytes, nonce).setAAD(named(place));
  const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64');
  const digest = createHmac('sha256', bytes).update(named(place)).update('\0').update(plain).digest('hex').slice(0, 32);
  return { keyId: id, digest, sealed };
}

/** null: another key's, another place's, or changed since. */
export function unseal({ bytes }: ValueKey, place: Place, sealed: string): CapturedValues | null {
  const data = Buffer.from(sealed, 'base64');
  try {
    const cipher = createDecipheriv('aes-256-gcm', bytes, data.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES }).setAAD(named(place));
    cipher.setAuthTag(data.subarray(-TAG_BYTES));
    const plain = Buffer.concat([cipher.update(data.subarray(NONCE_BYTES, -TAG_BYTES)), cipher.final()]);
    const [values, types] = JSON.parse(plain.toString()) as [CapturedValues['values'], CapturedValues['types']];
    return { values, types };
  } catch {
    // what cannot be opened is as good as never captured: the statement gets made-up values
    return null;
  }
}

const named = ({ cluster, database, shape }: Place): Buffer => Buffer.from(JSON.stringify([cluster, database, shape]));
