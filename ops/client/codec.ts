/**
 * Encrypts what enters a Temporal history: AES-256-GCM, a fresh nonce for each payload, the key's id in its metadata.
 * Workflow ids, search attributes, schedule ids and task queues are never encrypted by Temporal.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { METADATA_ENCODING_KEY, type Payload, type PayloadCodec } from '@temporalio/common';
// CommonJS: a named import fails at run time
import proto from '@temporalio/proto';
import { AssayError } from '../../domain/errors.ts';

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;
const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/**
 * Options for Client and Worker. `keys`: 32 bytes as base64 each, separated by commas; the first encrypts, all decrypt, so a key is
 * rotated by putting the new one in front and dropping the old one once no history of its time is left. null: nothing is encrypted,
 * and encrypted histories cannot be read. Throws secret-unreadable for a key of another size, and when a payload's key is not there.
 */
export function payloadCodec(keys: string | null): { dataConverter?: { payloadCodecs: PayloadCodec[] } } {
  return keys === null ? {} : { dataConverter: { payloadCodecs: [createCodec(keys)] } };
}

/** The codec itself; payloads that are not encrypted pass unchanged, so it can be switched on for a fleet that already runs. */
export function createCodec(keys: string): PayloadCodec {
  const ring = keys.split(',').map((text) => keyOf(text.trim()));
  const [current] = ring;
  if (current === undefined) throw unreadable('it is empty');
  const byId = new Map(ring.map((key) => [key.id, key.bytes]));
  return {
    encode: async (payloads) => payloads.map((payload) => encrypt(payload, current)),
    decode: async (payloads) => payloads.map((payload) => (text(payload.metadata?.[METADATA_ENCODING_KEY]) === ENCODING ? decrypt(payload, byId) : payload)),
  };
}

interface Key {
  /** From a digest of the key: nobody has to name keys, and two workers cannot disagree. */
  readonly id: string;
  readonly bytes: Buffer;
}

function keyOf(base64: string): Key {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== KEY_BYTES) throw unreadable(`a key has ${bytes.length} bytes, ${KEY_BYTES} are needed`);
  return { bytes, id: createHash('sha256').update('assay payload key').update(bytes).digest('hex').slice(0, 12) };
}

function encrypt(payload: Payload, { id, bytes }: Key): Payload {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', bytes, nonce);
  const data = Buffer.concat([nonce, cipher.update(PayloadMessage.encode(payload).finish()), cipher.final(), cipher.getAuthTag()]);
  return { metadata: { [METADATA_ENCODING_KEY]: Buffer.from(ENCODING), [KEY_ID]: Buffer.from(id) }, data };
}

function decrypt(payload: Payload, byId: ReadonlyMap<string, Buffer>): Payload {
  const id = text(payload.metadata?.[KEY_ID]);
  const key = byId.get(id);
  if (key === undefined) throw unreadable(`a payload was encrypted with key ${id || '(none named)'}, which is not among the ${byId.size} given`);
  const data = Buffer.from(payload.data ?? []);
  try {
    const cipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    cipher.setAuthTag(data.subarray(-TAG_BYTES));
    return PayloadMessage.decode(Buffer.concat([cipher.update(data.subarray(NONCE_BYTES, -TAG_BYTES)), cipher.final()]));
  } catch (cause) {
    throw new AssayError('secret-unreadable', { reference: 'ASSAY_PAYLOAD_KEY', reason: `a payload was changed after key ${id} encrypted it` }, { cause });
  }
}

const text = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString();

const unreadable = (reason: string) => new AssayError('secret-unreadable', { reference: 'ASSAY_PAYLOAD_KEY', reason });
