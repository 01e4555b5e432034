/** Encrypts what enters a Temporal history, where a key is given: AES-256-GCM, one fresh nonce for each payload. Ids and search attributes stay readable. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { AssayError } from '../../domain/errors.ts';

const ENCODING = 'binary/encrypted';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Options for a Client and a Worker; empty without a key. `key`: 32 bytes as base64. Throws usage where it is anything else. */
export function payloadCodec(key: string | null): { dataConverter?: { payloadCodecs: PayloadCodec[] } } {
  if (key === null) return {};
  const secret = Buffer.from(key, 'base64');
  if (secret.length !== 32) throw new AssayError('usage', { reason: 'the payload key is not 32 bytes', hint: 'make one with `openssl rand -base64 32`' });
  return { dataConverter: { payloadCodecs: [codec(secret)] } };
}

const codec = (key: Buffer): PayloadCodec => ({
  encode: async (payloads) => payloads.map((payload) => seal(key, payload)),
  decode: async (payloads) => payloads.map((payload) => open(key, payload)),
});

function seal(key: Buffer, { metadata, data }: Payload): Payload {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const names = Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)]);
  const plain = JSON.stringify({ metadata: Object.fromEntries(names), data: base64(data ?? new Uint8Array()) });
  const sealed = Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { metadata: { encoding: new TextEncoder().encode(ENCODING) }, data: new Uint8Array(sealed) };
}

/** What was written before a key was given is passed on as it is. */
function open(key: Buffer, payload: Payload): Payload {
  if (Buffer.from(payload.metadata?.encoding ?? []).toString() !== ENCODING) return payload;
  const sealed = Buffer.from(payload.data ?? []);
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const plain = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
  // authenticated: nobody but a holder of the key wrote it
  const { metadata, data } = JSON.parse(plain) as { metadata: Record<string, string>; data: string };
  return { metadata: Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, bytes(value)])), data: bytes(data) };
}

const base64 = (value: Uint8Array) => Buffer.from(value).toString('base64');
const bytes = (value: string) => new Uint8Array(Buffer.from(value, 'base64'));
